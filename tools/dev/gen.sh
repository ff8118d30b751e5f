# shellcheck shell=bash
# What is generated and committed: typed queries, the OpenAPI file, the schema, the web client.
#
# All of it is made in a copy of the few folders concerned, then compared: --check changes nothing, and an unchanged file
# keeps its time, so that nothing is built again for it.

GEN_DATABASE=i2m_gen
GEN_DIR=$VAR/test/gen

cmd_gen() {
  local check=
  case ${1:-} in
    --check) check=yes ;;
    '') ;;
    *) die "gen: what is $1?" ;;
  esac
  cmd_setup
  build_programs release sqlgen # before the product: it may not compile without its queries
  product_binary release
  test_servers_only
  run_gen "$check"
  ((FAILED == 0)) || exit 1
}

# Unlike for the tests, the database is migrated from the files: the program may not compile yet.
test_servers_only() {
  lock 8 "$RUN/test.lock" 0 "./dev test, gen or ci"
  end_stale_servers
  CLEANUPS+=(test_servers_down)
  pg_up "$VAR/test/pg" test-postgres 'fsync = off' 'synchronous_commit = off' 'full_page_writes = off'
}

# run_gen CHECK: needs the test servers
run_gen() {
  local check=$1
  GEN_DIFFERENT=()
  rm -rf -- "$GEN_DIR"
  mkdir -p -- "$GEN_DIR/docs/api" "$GEN_DIR/db"
  gen_queries
  gen_compare "$check" src
  if [[ ! $check ]]; then build_programs release image2model; fi
  gen_openapi
  gen_schema
  gen_web
  gen_compare "$check" docs db web
  rm -rf -- "$GEN_DIR"
  gen_verdict "$check"
}

gen_queries() {
  local file url
  bootstrap "$GEN_DATABASE"
  pg_url i2m_owner "$GEN_DATABASE" && url=$REPLY
  for file in db/migrations/*.sql; do
    "$PG_BIN/psql" --no-psqlrc --quiet --single-transaction --set=ON_ERROR_STOP=1 "$url" -f "$file" >/dev/null ||
      die "$file does not go through"
  done
  for file in src/*/queries.sql; do
    [[ -f $file ]] || continue
    mkdir -p -- "$GEN_DIR/${file%/*}"
    cp -- "$file" "$GEN_DIR/$file"
    (cd -- "$GEN_DIR" && "$ROOT/build/release/bin/sqlgen" --db "$url" "$file") || die "sqlgen refuses $file"
    rm -- "$GEN_DIR/$file"
  done
}

gen_openapi() {
  "$BIN" openapi >"$GEN_DIR/docs/api/openapi.json" || die "image2model openapi failed"
}

# Without the usual owner, comments and the month's partitions: what a reader wants to know, the same on every day.
gen_schema() {
  local url partition exclude=()
  pg_url postgres "$GEN_DATABASE" && url=$REPLY
  while IFS= read -r partition; do
    if [[ $partition ]]; then exclude+=("--exclude-table=$partition"); fi
  done < <(pg_sql -d "$GEN_DATABASE" -c 'select oid::regclass from pg_class where relispartition')
  "$PG_BIN/pg_dump" --schema-only "${exclude[@]}" "$url" |
    sed -e '/^--/d' -e '/^SET /d' -e '/ OWNER TO i2m_owner;$/d' -e '/^SELECT pg_catalog\.set_config/d' -e '/^\\/d' | cat -s | sed '1{/^$/d}' >"$GEN_DIR/db/schema.sql"
}

gen_web() {
  [[ -f web/package.json ]] || return 0
  grep -q '"gen":' web/package.json || return 0
  mkdir -p -- "$GEN_DIR/web"
  tar -C web --exclude=./node_modules --exclude=./dist --exclude='*.gen.ts' -cf - . | tar -C "$GEN_DIR/web" -xf -
  ln -s -- "$ROOT/web/node_modules" "$GEN_DIR/web/node_modules"
  quietly "generating the web client" "$VAR/log/gen-web.log" npm --prefix "$GEN_DIR/web" run --silent gen
}

gen_files() {
  (cd -- "$1" && find "${@:2}" -name node_modules -prune -o -type f \
    \( -name '*.gen.h' -o -name '*.gen.ts' -o -path docs/api/openapi.json -o -path db/schema.sql \) -print 2>/dev/null | sort)
}

# gen_compare CHECK FOLDER...: brings over what differs, or only names it
gen_compare() {
  local check=$1 file
  shift
  while IFS= read -r file; do
    cmp -s -- "$GEN_DIR/$file" "$file" && continue
    GEN_DIFFERENT+=("$file")
    [[ $check ]] && continue
    mkdir -p -- "$(dirname -- "$file")"
    cp -- "$GEN_DIR/$file" "$file"
  done < <(gen_files "$GEN_DIR" "$@")
  while IFS= read -r file; do
    [[ -e $GEN_DIR/$file ]] && continue
    GEN_DIFFERENT+=("$file (nothing makes it any more)")
    [[ $check ]] || rm -- "$file"
  done < <(gen_files "$ROOT" "$@")
}

gen_verdict() {
  local file
  if ((${#GEN_DIFFERENT[@]} == 0)); then
    say "generated files are up to date"
    return
  fi
  if [[ $1 ]]; then say "generated files are not what ./dev gen makes:"; else say "generated anew:"; fi
  for file in "${GEN_DIFFERENT[@]}"; do say "  $file"; done
  if [[ $1 ]]; then FAILED=$((FAILED + 1)); fi
}

# gen_step: inside ci, where the test servers are up and everything is built
gen_step() {
  FAILED=0 # of this step: it runs in a shell of its own
  run_gen yes
  ((FAILED == 0))
}

cmd_ci() {
  local start
  now
  start=$REPLY
  choose_tests
  test_prepare
  run_lint --all
  test_servers_up
  run_tests
  step "gen --check" gen_step
  summary
  since "$start"
  say "$REPLY s in all"
  runner_lines
  ((FAILED == 0)) || exit 1
}
