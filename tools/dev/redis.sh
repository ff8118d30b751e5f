# shellcheck shell=bash
# Private Redis servers on 127.0.0.1, each with a password in its configuration file (0600), never on a command line.

REDIS_TRIES=5 # a port may be taken between our choice and its use

# redis_up HOME_DIR NAME PREFERRED_PORT PASSWORD [SETTING...]: NAME is also its log's and its remembered port's -> REPLY, the port
redis_up() {
  local home=$1 name=$2 preferred=$3 password=$4 log=$VAR/log/$2.log port try
  shift 4
  if alive "$name"; then
    port_of "$name"
    if redis_answers "$REPLY" "$password"; then return; fi
    stop 10 "$name" # it hangs
  fi
  for ((try = 0; try < REDIS_TRIES; try++)); do
    choose_port "$name" "$preferred"
    port=$REPLY
    redis_configure "$home" "$port" "$password" "$@"
    launch "$name" "$port" "$log" redis-server "$home/redis.conf"
    wait_until "waiting for Redis" 60 redis_answers_or_gone "$name" "$port" "$password" || break
    if alive "$name"; then
      REPLY=$port
      return
    fi
    port_taken "$port" || break
  done
  tail -n 20 -- "$log" | sed 's/^/    /' >&2
  die "Redis did not start on port $port; its log is $log"
}

redis_configure() {
  local home=$1 port=$2 password=$3 folder setting
  shift 3
  private_folder "$home"
  folder=${home//\\/\\\\}
  (
    umask 077
    {
      # A process title would overwrite its environment, and with it the mark by which we know our own.
      printf 'port %s\nbind 127.0.0.1\nprotected-mode yes\ndaemonize no\nset-proc-title no\n' "$port"
      printf 'dir "%s"\nrequirepass %s\nsave ""\n' "${folder//\"/\\\"}" "$password"
      for setting in "$@"; do printf '%s\n' "$setting"; done
    } >"$home/redis.conf"
  )
}

redis_answers() { [[ $(redis_ask "$1" "$2" ping 2>/dev/null) == PONG ]]; }

# With a large file to load it is up long before it answers.
redis_answers_or_gone() { gone "$1" || redis_answers "$2" "$3"; }

redis_ask() {
  local port=$1 password=$2
  shift 2
  REDISCLI_AUTH=$password redis-cli -h 127.0.0.1 -p "$port" "$@"
}
