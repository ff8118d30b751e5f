# shellcheck shell=bash
# The development stack: PostgreSQL, Redis, and the product's serve, work and schedule.

PRODUCT=(serve work schedule)
READY_SECONDS=60
DRAIN_SECONDS=40
LOG_BYTES_MAX=$((20 * 1024 * 1024))

cmd_up() {
  local preset=release
  while (($#)); do
    case $1 in
      --preset) preset=${2:?--preset needs a name} && shift ;;
      --preset=*) preset=${1#*=} ;;
      *) die "up: what is $1?" ;;
    esac
    shift
  done
  stack_prepare "$preset"
  stack_up "$preset"
  say_where
}

# stack_prepare PRESET: everything that `up` needs is there
stack_prepare() {
  require_own_tree
  if [[ ! ${I2M_BIN:-} ]]; then
    cmd_setup
    build_programs "$1" image2model
    build_web
  fi
  product_binary "$1"
  [[ -x $BIN ]] || die "there is no program $BIN"
}

stack_up() {
  local preset=$1
  lock 9 "$RUN/stack.lock" 120 "./dev up or down"
  secrets_make
  rotate_logs
  stack_servers
  choose_http_port
  stack_env
  product_up "$preset"
  exec 9>&-
}

stack_servers() {
  pg_up "$VAR/pg" postgres 'shared_buffers = 128MB'
  redis_up "$VAR/redis" redis 6380 "$REDIS_PASSWORD" 'appendonly yes' 'appendfsync everysec'
}

choose_http_port() {
  if ! alive serve; then choose_port http "${I2M_PORT:-8080}"; fi
}

# product_up PRESET: starts what is not running or not what it should be
product_up() {
  local preset=$1 name stale=() wanted tries
  product_signature
  wanted=$REPLY
  for name in "${PRODUCT[@]}"; do
    if ! alive "$name" || [[ $SIGNATURE != "$wanted" ]]; then stale+=("$name"); fi
  done
  bootstrap image2model
  if ((${#stale[@]} == 0)); then
    migrate
    if wait_until "waiting for serve to be ready again" 15 serve_is_ready; then
      stack_json "$preset"
      say "already up"
      return
    fi
    stale=(serve) # it runs and does not answer
  fi
  stop "$DRAIN_SECONDS" "${stale[@]}"
  migrate
  for tries in 1 2 3; do
    product_start "${stale[@]}"
    wait_until "waiting for serve to be ready" "$READY_SECONDS" serve_is_ready_or_gone || true
    if ! serve_is_ready && gone serve && port_taken "$HTTP_PORT" && ((tries < 3)); then
      # Somebody took the port in between; the address is in every process's settings.
      stop "$DRAIN_SECONDS" "${PRODUCT[@]}"
      choose_http_port
      stack_env
      stale=("${PRODUCT[@]}")
      continue
    fi
    break
  done
  stack_json "$preset"
  product_check
  say "started: ${stale[*]}"
}

product_start() {
  local name wanted
  product_signature
  wanted=$REPLY
  for name in "$@"; do launch "$name" "$wanted" "$VAR/log/$name.log" "$BIN" "$name"; done
}

product_check() {
  local name
  for name in "${PRODUCT[@]}"; do
    if alive "$name"; then continue; fi
    tail -n 20 -- "$VAR/log/$name.log" | sed 's/^/    /' >&2
    die "$name did not stay up; its log is $VAR/log/$name.log" "./dev down stops what did start"
  done
  serve_is_ready && return
  tail -n 20 -- "$VAR/log/serve.log" | sed 's/^/    /' >&2
  ready_answer | sed 's/^/    /' >&2
  die "serve was not ready within $READY_SECONDS s; its log is $VAR/log/serve.log" "./dev down stops what did start"
}

# What a running process was started with: the program's file and all settings that are set.
product_signature() {
  local name names
  names=$(grep -oE '^[A-Z][A-Z0-9_]*' "$ROOT/config/defaults.env")
  REPLY=$({
    stat -L -c '%n %i %s %y' -- "$BIN"
    for name in $names; do printf '%s=%s\n' "$name" "${!name-}"; done
  } | sha256sum | cut -c1-16)
}

migrate() {
  local log=$VAR/log/migrate.log
  "$BIN" migrate >"$log" 2>&1 </dev/null || {
    tail -n 40 -- "$log" | sed 's/^/    /' >&2
    die "image2model migrate failed; its log is $log"
  }
}

# The port may be another stack's: only an answer from our own process counts.
serve_is_ready() {
  alive serve && port_held_by "$PID" "$HTTP_PORT" && [[ $(ready_answer status) == 200 ]]
}

serve_is_ready_or_gone() { gone serve || serve_is_ready; }

# ready_answer [status]: what the server says, or only its status
ready_answer() {
  local form=()
  if (($#)); then form=(-o /dev/null -w '%{http_code}'); fi
  curl -s --noproxy '*' --max-time 5 "${form[@]}" "http://127.0.0.1:$HTTP_PORT/api/v1/health/ready" 2>/dev/null || true
}

# Every setting of the product, for any of its subcommands.
stack_env() {
  port_of http
  HTTP_PORT=$REPLY
  BASE_URL=http://127.0.0.1:$HTTP_PORT
  port_of redis
  export REDIS_URL=redis://:$REDIS_PASSWORD@127.0.0.1:$REPLY/0
  pg_url i2m_app image2model && export DATABASE_URL=$REPLY
  pg_url i2m_system image2model && export DATABASE_SYSTEM_URL=$REPLY
  pg_url i2m_owner image2model && export DATABASE_OWNER_URL=$REPLY
  export JWT_SECRET LINK_SECRET
  export STORAGE_ROOT=$VAR/files WEB_ROOT=$ROOT/web/dist
  [[ -f $WEB_ROOT/index.html ]] || WEB_ROOT= # no pages, where only the API is wanted
  export LISTEN=127.0.0.1:$HTTP_PORT PUBLIC_URL=$BASE_URL LOG_LEVEL=${LOG_LEVEL:-info}
  export RATE_LIMIT_SCALE=${RATE_LIMIT_SCALE:-20} # the demo again and again is no abuse
  export DRAIN_LINGER_MS=${DRAIN_LINGER_MS:-100} # there is no proxy whose idle connections to wait for
  private_folder "$STORAGE_ROOT"
}

# Secrets are made once: VAR/secrets/*.env, one NAME=value each.
secrets_make() {
  private_folder "$VAR/secrets"
  secret jwt JWT_SECRET
  secret link LINK_SECRET
  secret redis REDIS_PASSWORD
}

# secret FILE NAME: sets the variable NAME
secret() {
  local file=$VAR/secrets/$1.env value
  if [[ ! -s $file ]]; then
    random_hex 32
    (umask 077 && printf '%s=%s\n' "$2" "$REPLY" >"$file.tmp" && mv -f -- "$file.tmp" "$file")
  fi
  value=$(sed -n "s/^$2=//p" "$file")
  [[ $value ]] || die "$file does not hold $2; delete it to have a new one made"
  printf -v "$2" '%s' "$value"
}

random_hex() { REPLY=$(od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'); }

rotate_logs() {
  local log
  for log in "$VAR"/log/*.log; do
    [[ -f $log && ! -L $log ]] || continue
    if (($(stat -c %s -- "$log") > LOG_BYTES_MAX)); then
      cp -- "$log" "$log.1" # copied and emptied: the writer keeps its file
      : >"$log"
    fi
  done
}

say_where() {
  say "$BASE_URL   logs: ./dev logs   stop: ./dev down"
}

# stack_json PRESET: VAR/stack.json says the same for programs
stack_json() {
  local name pids='' logins='' email password role
  for name in "${PRODUCT[@]}" postgres redis; do
    if alive "$name"; then pids+="${pids:+, }\"$name\": $PID"; fi
  done
  if [[ -f $VAR/secrets/logins ]]; then
    while read -r email password role; do
      logins+="${logins:+, }{\"email\": $(json "$email"), \"password\": $(json "$password"), \"role\": $(json "$role")}"
    done <"$VAR/secrets/logins"
  fi
  port_of redis
  (
    umask 077
    cat >"$VAR/stack.json.tmp" <<JSON
{
  "base_url": $(json "$BASE_URL"),
  "logins": [$logins],
  "pids": {$pids},
  "preset": $(json "$1"),
  "binary": $(json "$BIN"),
  "redis_port": $REPLY,
  "redis_url": $(json "$REDIS_URL"),
  "pg_socket": $(json "$PG_SOCKET"),
  "database_url": $(json "$DATABASE_URL"),
  "database_system_url": $(json "$DATABASE_SYSTEM_URL"),
  "database_owner_url": $(json "$DATABASE_OWNER_URL"),
  "storage_root": $(json "$STORAGE_ROOT"),
  "logs": $(json "$VAR/log")
}
JSON
    mv -f -- "$VAR/stack.json.tmp" "$VAR/stack.json"
  )
}

# json TEXT: as a JSON string
json() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

cmd_down() {
  local name running=()
  [[ -d $VAR ]] || {
    end_unrecorded
    say "nothing is up"
    return 0
  }
  require_own_tree
  lock 9 "$RUN/stack.lock" 120 "./dev up or down"
  for name in "${PRODUCT[@]}" redis postgres; do
    if alive "$name"; then running+=("$name"); fi
  done
  stop "$DRAIN_SECONDS" "${PRODUCT[@]}"
  stop "$DRAIN_SECONDS" redis # SIGTERM: it writes its files, then ends
  pg_stop "$VAR/pg" postgres
  end_unrecorded
  forget_pids
  end_stale_tests
  if ((${#running[@]})); then say "stopped: ${running[*]}"; else say "nothing is up"; fi
}

forget_pids() {
  [[ -f $VAR/stack.json ]] || return 0
  (umask 077 && sed 's/^  "pids": .*/  "pids": {},/' "$VAR/stack.json" >"$VAR/stack.json.tmp")
  mv -f -- "$VAR/stack.json.tmp" "$VAR/stack.json"
}

# stack_attach: the settings of the running stack, for the small commands
stack_attach() {
  local preset
  { alive postgres && alive redis; } || die "the stack is not up: ./dev up"
  preset=$(sed -n 's/^  "preset": "\(.*\)",$/\1/p' "$VAR/stack.json" 2>/dev/null || true)
  PRESET=${preset:-release}
  product_binary "$PRESET"
  secrets_make
  pg_place_socket "$VAR/pg"
  stack_env
}

cmd_logs() {
  local logs=("$VAR"/log/{serve,work,schedule,postgres,redis}.log)
  if (($#)); then logs=("${@/#/$VAR/log/}") && logs=("${logs[@]/%/.log}"); fi
  exec tail -n 100 -F -- "${logs[@]}"
}

cmd_psql() {
  stack_attach
  exec "$PG_BIN/psql" "$DATABASE_OWNER_URL" "$@"
}

cmd_redis_cli() {
  stack_attach
  port_of redis
  REDISCLI_AUTH=$REDIS_PASSWORD exec redis-cli -h 127.0.0.1 -p "$REPLY" "$@"
}

cmd_run() {
  stack_attach
  exec "$BIN" "$@"
}
