# shellcheck shell=bash
# All tests, against a private PostgreSQL and Redis that end with them. Suites: cpp http fal web e2e dev.

SUITES='cpp http fal web e2e dev'
TEST_TEMPLATE=i2m_template
TEST_LOGS=$VAR/test/log

cmd_test() {
  choose_tests "$@"
  test_prepare
  test_servers_up
  run_tests
  summary
  runner_lines
  ((FAILED == 0)) || exit 1
}

# choose_tests NAME... -> CHOSEN suites, PATTERNS of test names; a pattern alone means the suites that know names
choose_tests() {
  local name
  CHOSEN='' PATTERNS=()
  for name in "$@"; do
    if [[ " $SUITES " == *" $name "* ]]; then CHOSEN+=" $name"; else PATTERNS+=("$name"); fi
  done
  if [[ ! $CHOSEN ]]; then
    CHOSEN=$SUITES
    if ((${#PATTERNS[@]})); then CHOSEN='cpp http'; fi
  fi
}

test_prepare() {
  cmd_setup
  build_programs release
  build_web
  product_binary release
  export I2M_BIN=$BIN I2M_SANDBOX=$ROOT/build/release/bin/image2model-sandbox
  [[ -x $I2M_BIN ]] || die "there is no program $I2M_BIN"
  rm -rf -- "$TEST_LOGS"
  mkdir -p -- "$TEST_LOGS"
}

run_tests() {
  local suite
  for suite in $SUITES; do
    if [[ " $CHOSEN " == *" $suite "* ]]; then "suite_$suite"; fi
  done
}

# logged NAME COMMAND...: what a suite says is shown and kept for the summary
logged() {
  local log=$TEST_LOGS/$1.log
  shift
  "$@" 2>&1 | tee -- "$log"
}

suite_cpp() {
  local pattern='' args=()
  if ((${#PATTERNS[@]})); then
    printf -v pattern '%s|' "${PATTERNS[@]}"
    args=(-R "${pattern%|}")
  fi
  step "C++ tests" logged ctest ctest --test-dir "$ROOT/build/release" --output-on-failure -j2 "${args[@]}"
}

suite_http() { node_suite http "HTTP tests" "$ROOT/test/http"; }

# fal.ai's own client against the simulator of fal.ai; then what else the simulator promises.
suite_fal() { node_suite fal "fal.ai conformance" "$ROOT/test/fal"; }

# The tests of ./dev make stacks of their own, and have no use for the test servers.
suite_dev() { node_suite dev "tests of ./dev" "$ROOT/test/dev"; }

# node_suite NAME TITLE FOLDER: each *.test.mjs; people read one report, the summary another
node_suite() {
  local name=$1 title=$2 folder=$3 files=() pattern args=()
  if [[ -d $folder ]]; then mapfile -t files < <(find "$folder" -name node_modules -prune -o -name '*.test.mjs' -print | sort); fi
  ((${#files[@]})) || {
    skipped "$title" "no *.test.mjs in ${folder#"$ROOT/"}"
    return
  }
  for pattern in "${PATTERNS[@]}"; do args+=("--test-name-pattern=$pattern"); done
  args+=(--test-reporter=spec --test-reporter-destination=stdout)
  args+=(--test-reporter=tap "--test-reporter-destination=$TEST_LOGS/$name.tap")
  step "$title" logged "$name" node --no-warnings --test --test-concurrency=4 "${args[@]}" "${files[@]}"
}

suite_web() {
  [[ -f $ROOT/web/package.json ]] || {
    skipped "web" "no web/package.json"
    return
  }
  step "web check" logged web-check npm --prefix "$ROOT/web" run --silent check
  step "web tests" logged web-test npm --prefix "$ROOT/web" run --silent test
}

# The browser drives a stack of its own, made like any other by ./dev up, with the demo company in it.
suite_e2e() {
  local runner=("$ROOT/test/e2e/run")
  if [[ ! -x ${runner[0]} ]]; then
    grep -q '"e2e":' "$ROOT/web/package.json" 2>/dev/null || {
      skipped "browser test" "neither test/e2e/run nor a script e2e in web/package.json"
      return
    }
    runner=(npm --prefix "$ROOT/web" run --silent e2e)
  fi
  CLEANUPS+=(e2e_down)
  step "browser test" logged e2e e2e_run "${runner[@]}"
  e2e_down
}

e2e_run() {
  export I2M_VAR=$VAR/test/e2e I2M_PORT=8090 # 8080 is for ./dev up
  "$ROOT/dev" up
  "$ROOT/dev" users
  read -r EMAIL PASSWORD _ <"$I2M_VAR/secrets/logins"
  BASE_URL=$(sed -n 's/^  "base_url": "\(.*\)",$/\1/p' "$I2M_VAR/stack.json")
  I2M_STACK_JSON=$I2M_VAR/stack.json
  PICTURES=$(find "$ROOT/test/data/demo" -name '*.png' -o -name '*.jpg' -o -name '*.webp' 2>/dev/null | sort | head -n 3 | paste -sd, || true)
  export BASE_URL I2M_STACK_JSON EMAIL PASSWORD PICTURES CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
  "$@"
}

e2e_down() {
  [[ -d $VAR/test/e2e ]] || return 0
  I2M_VAR=$VAR/test/e2e "$ROOT/dev" down >/dev/null || return
  remove_cluster "$VAR/test/e2e/pg"
  rm -rf -- "$VAR/test/e2e"
}

# The test servers. Durability is switched off: nothing in them outlives the run.
test_servers_up() {
  local start
  now
  start=$REPLY
  lock 8 "$RUN/test.lock" 0 "./dev test, gen or ci"
  end_stale_servers
  CLEANUPS+=(test_servers_down)
  pg_up "$VAR/test/pg" test-postgres 'shared_buffers = 128MB' 'fsync = off' 'synchronous_commit = off' 'full_page_writes = off' \
    'wal_level = minimal' 'max_wal_senders = 0' 'max_wal_size = 1GB'
  random_hex 16
  export I2M_TEST_REDIS_PASSWORD=$REPLY
  redis_up "$VAR/test/redis" test-redis 6390 "$I2M_TEST_REDIS_PASSWORD" 'appendonly no'
  export I2M_TEST_REDIS=127.0.0.1:$REPLY
  pg_conninfo postgres && export I2M_TEST_PG=$REPLY
  export I2M_TEST_TEMPLATE=$TEST_TEMPLATE
  migrated_database "$TEST_TEMPLATE"
  since "$start"
  say "test servers: $REPLY s"
}

# migrated_database NAME: bootstrap and the program's own migrations
migrated_database() {
  bootstrap "$1"
  (
    pg_url i2m_owner "$1" && export DATABASE_OWNER_URL=$REPLY
    pg_url i2m_app "$1" && export DATABASE_URL=$REPLY
    pg_url i2m_system "$1" && export DATABASE_SYSTEM_URL=$REPLY
    export REDIS_URL=redis://:$I2M_TEST_REDIS_PASSWORD@$I2M_TEST_REDIS/0
    migrate
  )
}

test_servers_down() {
  stop 10 test-redis
  if [[ -e $VAR/test/pg/data ]]; then as_pg "$PG_BIN/pg_ctl" -D "$(readlink -f -- "$VAR/test/pg")/data" -m immediate -w stop >/dev/null 2>&1 || true; fi
  pg_stop "$VAR/test/pg" test-postgres
  remove_cluster "$VAR/test/pg"
  rm -rf -- "$VAR/test/redis"
}

# remove_cluster HOME_DIR: with what it links to
remove_cluster() {
  [[ -e $1 ]] || return 0
  rm -rf -- "$(readlink -f -- "$1")" "$1"
}

# A test run that was killed with -9 left its servers; whoever comes next ends them.
end_stale_servers() {
  test_servers_down
  e2e_down
}

end_stale_tests() {
  [[ -d $VAR/test ]] || return 0
  exec 8>>"$RUN/test.lock"
  if flock -n 8; then end_stale_servers; fi
  exec 8>&-
}

# The runners' own words, last and unchanged.
runner_lines() {
  own_lines "web tests" web-test.log '^ *(Test Files|Tests) '
  own_lines "browser test" e2e.log '^ *(Test Files|Tests|# (tests|pass|fail|skipped)) '
  own_lines "tests of ./dev" dev.tap '^# (tests|pass|fail|skipped) '
  own_lines "fal.ai conformance" fal.tap '^# (tests|pass|fail|skipped) '
  own_lines "HTTP tests" http.tap '^# (tests|pass|fail|skipped) '
  own_lines "C++ tests" ctest.log 'tests passed, |^No tests were found|^The following tests FAILED|^[[:space:]]+[0-9]+ - '
}

# own_lines TITLE LOG PATTERN
own_lines() {
  local lines
  lines=$(sed 's/\x1b\[[0-9;]*m//g' "$TEST_LOGS/$2" 2>/dev/null | grep -E "$3") || return 0
  say ""
  say "-- $1"
  printf '%s\n' "$lines"
}
