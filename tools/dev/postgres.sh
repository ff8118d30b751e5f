# shellcheck shell=bash
# Private PostgreSQL 15 clusters. One lives in a folder HOME_DIR: data/, run/ (its socket) and postgres.log.
#
# PostgreSQL refuses to run as root, so root's clusters belong to the user postgres. Where that user cannot reach the clone
# (one under /root), or its path has characters that pg_ctl or libpq take for their own, HOME_DIR is a link to a folder in
# /var/tmp. There is no TCP port; whoever may open the socket's folder is trusted, and that is its owner (and root) alone.

PG_BIN=${I2M_PG_BIN:-/usr/lib/postgresql/15/bin}
PG_SOCKET_BYTES_MAX=107 # sockaddr_un
PG_SOCKET_NAME=.s.PGSQL.5432

as_pg() {
  if (($(id -u) == 0)); then
    (cd / && exec runuser -u postgres -- "$@" 7>&- 8>&- 9>&-)
  else
    (cd / && exec "$@" 7>&- 8>&- 9>&-)
  fi
}

pg_owner() { if (($(id -u) == 0)); then echo postgres; else id -un; fi; }

# pg_up HOME_DIR NAME [SETTING...]: makes the cluster where there is none, starts it where it is not running -> PG_SOCKET
pg_up() {
  local home=$1 name=$2
  shift 2
  pg_place "$home"
  pg_init "$home"
  pg_adopt "$home" "$name"
  if alive "$name" && pg_answers "$home"; then return; fi
  pg_start "$home" "$name" "$@"
}

# pg_place HOME_DIR: a folder that the cluster's owner can reach, and nobody else can enter
pg_place() {
  local home=$1 elsewhere
  elsewhere=/var/tmp/image2model-$(printf '%s' "$home" | sha256sum | cut -c1-12)
  if [[ -L $home && $(readlink -- "$home") != "$elsewhere" ]]; then rm -f -- "$home"; fi # a copied clone
  if [[ ! -L $home ]]; then
    mkdir -p -- "$home"
    pg_own "$home"
    if [[ $home != *[\"\'\$\`\\,]* ]] && as_pg test -w "$home"; then return; fi
    rmdir -- "$home" || die "PostgreSQL cannot use $home"
    say "PostgreSQL's user $(pg_owner) cannot use $home: its files are in $elsewhere"
    if [[ -e $elsewhere ]]; then pg_discard "$elsewhere"; fi # of a clone that was deleted
    ln -s -- "$elsewhere" "$home"
  fi
  if [[ ! -e $elsewhere ]]; then
    mkdir -m 700 -- "$elsewhere"
    pg_own "$elsewhere"
  fi
  [[ ! -L $elsewhere && $(stat -c %U -- "$elsewhere") == "$(pg_owner)" ]] || die "$elsewhere belongs to somebody else"
}

pg_own() {
  chmod 700 -- "$1"
  if (($(id -u) == 0)); then chown postgres: -- "$1"; fi
}

# pg_discard FOLDER: ends what still runs in it and deletes it
pg_discard() {
  [[ ! -L $1 && $(stat -c %U -- "$1") == "$(pg_owner)" ]] || die "$1 belongs to somebody else"
  pg_end_orphans "$1/data"
  pg_forget_socket "$1"
  rm -rf -- "$1"
}

pg_init() {
  local home making
  home=$(readlink -f -- "$1")
  making=$home/data.making
  if [[ -d $home/data ]]; then return; fi
  as_pg rm -rf -- "$making"
  quietly "making a PostgreSQL cluster" "$VAR/log/initdb.log" as_pg "$PG_BIN/initdb" --pgdata="$making" --username=postgres \
    --auth=trust --data-checksums --encoding=UTF8 --locale=C.UTF-8 --no-sync
  as_pg mv -- "$making" "$home/data"
}

# pg_start HOME_DIR NAME [SETTING...]
pg_start() {
  local home=$1 name=$2 real
  shift 2
  real=$(readlink -f -- "$home")
  pg_wait_for_orphans "$real/data"
  pg_place_socket "$home"
  # Nothing runs there. Where nobody collects the dead, PostgreSQL would take its killed predecessor for alive.
  rm -f -- "$real/data/postmaster.pid" "$PG_SOCKET/$PG_SOCKET_NAME.lock"
  pg_configure "$real" "$@"
  # It writes its own log, in its own folder; the others' logs lie in var/log.
  mkdir -p "$VAR/log"
  ln -sfn -- "$home/postgres.log" "$VAR/log/$name.log"
  mark_of "$name"
  as_pg env "I2M_STACK=$REPLY" "$PG_BIN/pg_ctl" --pgdata="$real/data" --log="$real/postgres.log" --wait --timeout=60 \
    start >/dev/null 2>&1 || {
    as_pg tail -n 20 -- "$real/postgres.log" | sed 's/^/    /' >&2
    die "PostgreSQL did not start; its log is $home/postgres.log"
  }
  pg_remember "$real" "$name"
}

# pg_adopt HOME_DIR NAME: an interrupted ./dev may have started one and not written it down
pg_adopt() {
  local real
  if alive "$2"; then return; fi
  real=$(readlink -f -- "$1")
  if as_pg "$PG_BIN/pg_ctl" --pgdata="$real/data" status >/dev/null 2>&1; then pg_remember "$real" "$2"; fi
}

pg_remember() {
  local pid
  pid=$(as_pg head -n 1 -- "$1/data/postmaster.pid")
  remember "$2" "$pid" "$1"
}

# pg_place_socket HOME_DIR -> PG_SOCKET: the folder of the socket, in /tmp when the path is longer than a socket may have
pg_place_socket() {
  local home=$1 real bytes
  real=$(readlink -f -- "$home")
  PG_SOCKET=$real/run
  bytes=$(printf '%s/%s' "$PG_SOCKET" "$PG_SOCKET_NAME" | wc -c)
  if ((bytes <= PG_SOCKET_BYTES_MAX)); then
    as_pg mkdir -p -m 700 -- "$PG_SOCKET"
    return
  fi
  PG_SOCKET=$(cat -- "$real/socket" 2>/dev/null || true)
  if [[ ! $PG_SOCKET || ! -d $PG_SOCKET || -L $PG_SOCKET || $(stat -c %U -- "$PG_SOCKET") != "$(pg_owner)" ]]; then
    PG_SOCKET=$(as_pg mktemp -d /tmp/image2model-XXXXXX)
    printf '%s\n' "$PG_SOCKET" >"$real/socket"
  fi
}

pg_forget_socket() {
  local folder
  folder=$(cat -- "$1/socket" 2>/dev/null) || return 0
  [[ $folder != /tmp/image2model-* ]] || rm -rf -- "$folder"
  rm -f -- "$1/socket"
}

pg_configure() {
  local real=$1 setting socket=${PG_SOCKET//\"/\"\"}
  shift
  grep -qx "include 'image2model.conf'" "$real/data/postgresql.conf" ||
    printf "\ninclude 'image2model.conf'\n" >>"$real/data/postgresql.conf"
  {
    printf '# written by ./dev at each start\n'
    printf "listen_addresses = ''\nunix_socket_directories = '\"%s\"'\nunix_socket_permissions = 0700\n" "${socket//\'/\'\'}"
    printf "max_connections = 200\ntimezone = 'UTC'\nlog_timezone = 'UTC'\ncluster_name = 'image2model'\n"
    for setting in "$@"; do printf '%s\n' "$setting"; done
  } >"$real/data/image2model.conf"
  chmod 644 -- "$real/data/image2model.conf"
  printf 'local all all trust\n' >"$real/data/pg_hba.conf"
}

# pg_answers HOME_DIR -> PG_SOCKET
pg_answers() {
  pg_place_socket "$1"
  "$PG_BIN/pg_isready" -q -h "$PG_SOCKET" -U postgres -d postgres
}

# pg_stop HOME_DIR NAME
pg_stop() {
  local home=$1 name=$2 real
  [[ -d $home/data ]] || {
    rm -f -- "$RUN/$name.pid"
    return 0
  }
  real=$(readlink -f -- "$home")
  pg_adopt "$home" "$name"
  if alive "$name"; then
    as_pg "$PG_BIN/pg_ctl" --pgdata="$real/data" --mode=fast --no-wait stop >/dev/null 2>&1 || true
    wait_until "waiting for $name to end" 40 gone "$name" || say "$name did not end within 40 s: killed"
  fi
  pg_end_orphans "$real/data"
  pg_forget_socket "$real"
  rm -f -- "$RUN/$name.pid"
}

# The backends of a killed postmaster notice and end by themselves; until then a new one refuses the data folder.
# What runs in a data folder is known by its working directory.
pg_processes() { find /proc/[0-9]*/cwd -maxdepth 0 -lname "$(glob_quoted "$1")" 2>/dev/null | tr -cd '0-9\n'; }

glob_quoted() { printf '%s' "$1" | sed 's/[][\\*?]/\\&/g'; }

pg_idle() { [[ ! $(pg_processes "$1") ]]; }

pg_wait_for_orphans() {
  wait_until "waiting for an earlier PostgreSQL to end" 10 pg_idle "$1" || pg_end_orphans "$1"
}

pg_end_orphans() {
  pg_idle "$1" && return
  wait_until "waiting for PostgreSQL's processes to end" 5 pg_idle "$1" && return
  # shellcheck disable=SC2046 # a list of numbers
  kill -KILL $(pg_processes "$1") 2>/dev/null || true
  wait_until "waiting for PostgreSQL's processes to end" 10 pg_idle "$1" || die "PostgreSQL's processes in $1 do not end"
}

# pg_url ROLE DATABASE -> REPLY, for the server at PG_SOCKET
pg_url() {
  local host
  percent_encoded "$PG_SOCKET"
  host=$REPLY
  REPLY="postgresql://$1@/$2?host=$host"
}

# pg_conninfo ROLE -> REPLY, the other way to write it, without a database: the tests put theirs behind it
pg_conninfo() { REPLY="host=${PG_SOCKET// /\\ } user=$1"; }

percent_encoded() {
  local LC_ALL=C text=$1 out='' i char byte
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      [a-zA-Z0-9._~-]) out+=$char ;;
      *)
        printf -v byte '%d' "'$char" # negative above 127
        printf -v char '%%%02X' $((byte & 255))
        out+=$char
        ;;
    esac
  done
  REPLY=$out
}

pg_sql() { "$PG_BIN/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 -h "$PG_SOCKET" -U postgres "$@"; }

# bootstrap DATABASE: roles and the empty database; safe to repeat
bootstrap() {
  local said
  said=$(pg_sql -d postgres -v db="$1" -f "$ROOT/db/bootstrap.sql" 2>&1) || die "db/bootstrap.sql failed for $1:" "$said"
}
