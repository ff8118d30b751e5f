# shellcheck shell=bash
# Background processes by name, each with a record in $VAR/run/NAME.pid, and free ports.
#
# A record is "PID START BOOT SIGNATURE": a pid alone may be somebody else's by now, a pid with its start time and the
# machine's boot is one process only. SIGNATURE says what was started, so that `up` sees what has become stale.

RUN=$VAR/run

# process_start PID -> REPLY: its start time, SESSION and PGROUP; false when there is no such process or it is a zombie
process_start() {
  local stat fields
  REPLY='' SESSION='' PGROUP=''
  { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != [ZX] ]] || return 1
  PGROUP=${fields[2]}
  SESSION=${fields[3]}
  REPLY=${fields[19]}
}

# group_alive PGROUP: zombies do not count
group_alive() {
  local path
  for path in /proc/[0-9]*; do
    if process_start "${path#/proc/}" && [[ $PGROUP == "$1" ]]; then return; fi
  done
  return 1
}

boot_id() { IFS= read -r REPLY </proc/sys/kernel/random/boot_id; }

# remember NAME PID SIGNATURE
remember() {
  local name=$1 pid=$2 signature=$3 start
  process_start "$pid" || return 0 # it ended at once: whoever waits for it will say so
  start=$REPLY
  boot_id
  printf '%s %s %s %s\n' "$pid" "$start" "$REPLY" "$signature" >"$RUN/$name.pid.tmp"
  mv -f -- "$RUN/$name.pid.tmp" "$RUN/$name.pid"
}

# recall NAME -> PID, STARTED, SIGNATURE; false when nothing is recorded, or from before the machine's last boot
# shellcheck disable=SC2034 # used by the other files
recall() {
  local boot
  PID='' STARTED='' SIGNATURE=''
  { read -r PID STARTED boot SIGNATURE <"$RUN/$1.pid"; } 2>/dev/null || return 1
  boot_id
  [[ $boot == "$REPLY" ]]
}

# alive NAME -> PID, SIGNATURE
alive() {
  recall "$1" && process_start "$PID" && [[ $REPLY == "$STARTED" ]]
}

gone() { ! alive "$1"; }

all_gone() {
  local name
  for name in "$@"; do
    gone "$name" || return 1
  done
}

# mark_of NAME -> REPLY: in the environment of what was launched and of its children; the test servers have another
mark_of() {
  REPLY=$VAR
  if [[ $1 == test-* ]]; then REPLY=$VAR/test; fi
}

# launch NAME SIGNATURE LOG COMMAND...: in a session of its own, with no terminal and none of our files open
launch() {
  local name=$1 signature=$2 log=$3
  shift 3
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      if ((fd > 2)); then exec {fd}>&-; fi
    done
    trap - INT TERM HUP
    mark_of "$name"
    export I2M_STACK=$REPLY
    exec setsid "$@" </dev/null >>"$log" 2>&1
  ) &
  remember "$name" $! "$signature"
  disown $!
}

# stop SECONDS NAME...: asks all, waits, insists, and ends what a dead one left behind
stop() {
  local seconds=$1 name
  shift
  for name in "$@"; do
    if alive "$name"; then kill -TERM "$PID" 2>/dev/null || true; fi
  done
  if ! wait_until "waiting for $* to end" "$seconds" all_gone "$@"; then
    for name in "$@"; do
      if alive "$name"; then
        say "$name did not end within $seconds s: killed"
        kill -KILL "$PID" 2>/dev/null || true
      fi
    done
    wait_until "waiting for $* to end" 10 all_gone "$@" || die "still there after SIGKILL: $*"
  fi
  for name in "$@"; do
    end_orphans "$name"
    rm -f -- "$RUN/$name.pid"
  done
}

# end_orphans NAME: the children of a process that was killed live on in its session, and carry its mark
end_orphans() {
  local leader path pid marked
  recall "$1" || return 0
  leader=$PID
  process_start "$leader" && return 0 # alive, or the number is somebody else's
  mark_of "$1"
  marked=$(marked_processes "$REPLY")
  for path in /proc/[0-9]*; do
    pid=${path#/proc/}
    process_start "$pid" || continue
    [[ $SESSION == "$leader" ]] || continue
    if [[ " $marked " == *" $pid "* ]]; then kill -KILL "$pid" 2>/dev/null || true; fi
  done
}

# marked_processes MARK -> their numbers, in one line
marked_processes() {
  { grep -lzxF -- "I2M_STACK=$1" /proc/[0-9]*/environ 2>/dev/null || true; } | tr -dc '0-9\n' | tr '\n' ' '
}

unmarked() { [[ ! $(marked_processes "$1") ]]; }

# end_unrecorded: what is marked and has no record, because somebody deleted var/ under a running stack
end_unrecorded() {
  local pids
  read -ra pids < <(marked_processes "$VAR") || true
  ((${#pids[@]})) || return 0
  say "ending ${#pids[@]} processes of this clone without a record"
  kill -TERM "${pids[@]}" 2>/dev/null || true
  wait_until "waiting for them to end" 40 unmarked "$VAR" && return
  read -ra pids < <(marked_processes "$VAR") || true
  kill -KILL "${pids[@]}" 2>/dev/null || true
}

# private_folder PATH: made where missing, entered by its owner only
private_folder() {
  mkdir -p -- "$1"
  chmod 700 -- "$1"
}

# lock FD FILE SECONDS WHAT: held until this process ends
lock() {
  mkdir -p "$(dirname -- "$2")"
  eval "exec $1>>\"\$2\""
  wait_until "waiting for another $4 in this clone" "$3" flock -n "$1" || die "another $4 is at work in this clone"
}

# port_listeners PORT -> the inode of each socket that listens on it
port_listeners() {
  local hex
  printf -v hex '%04X' "$1"
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10 }'
}

port_taken() { [[ $(port_listeners "$1") ]]; }

# port_held_by PID PORT
port_held_by() {
  local inode
  for inode in $(port_listeners "$2"); do
    [[ $(find "/proc/$1/fd" -lname "socket:\[$inode\]" 2>/dev/null) ]] && return 0
  done
  return 1
}

# choose_port NAME PREFERRED -> REPLY: the remembered one while it is free, else the preferred one, else any
choose_port() {
  local name=$1 candidate remembered
  port_of "$name"
  remembered=$REPLY
  for candidate in $remembered $2 $(shuf -i 20000-32000 -n 50); do
    port_taken "$candidate" && continue
    if [[ $remembered && $candidate != "$remembered" ]]; then say "port $remembered ($name) is taken, using $candidate"; fi
    remember_port "$name" "$candidate"
    REPLY=$candidate
    return
  done
  die "no free port for $name"
}

# port_of NAME -> REPLY
port_of() { REPLY=$(sed -n "s/^$1=//p" "$VAR/ports" 2>/dev/null || true); }

remember_port() {
  {
    grep -v "^$1=" "$VAR/ports" 2>/dev/null || true
    printf '%s=%s\n' "$1" "$2"
  } >"$VAR/ports.tmp"
  mv -f -- "$VAR/ports.tmp" "$VAR/ports"
}
