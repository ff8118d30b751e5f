# shellcheck shell=bash
# What ./dev says: steps with their times, progress on what is slow, and one way to fail.

TTY=
[[ -t 1 && ${TERM:-dumb} != dumb ]] && TTY=yes

PROGRESS_SHOWN=   # the line on the terminal that the next output has to replace
PROGRESS_SAID=0   # without a terminal: when the last line of progress was printed
STEPS=()          # "VERDICT SECONDS NAME" of each finished step
FAILED=0
GROUP=            # the process group of the running step
CLEANUPS=()       # functions that run before ./dev ends, whatever ends it

say() {
  clear_progress
  printf '%s\n' "$*"
}

die() {
  clear_progress
  printf 'dev: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '     %s\n' "$@" >&2
  exit 1
}

now() { REPLY=${EPOCHREALTIME/[.,]/}; }

# since MICROSECONDS -> REPLY, seconds with one digit behind the point
since() {
  local start=$1 tenths
  now
  tenths=$(((REPLY - start) / 100000))
  REPLY=$((tenths / 10)).$((tenths % 10))
}

# progress TEXT: the one line that moves; where there is no terminal, a line every ten seconds
progress() {
  if [[ $TTY ]]; then
    printf '\r\033[K  %s' "${1:0:$((${COLUMNS:-100} - 4))}"
    PROGRESS_SHOWN=yes
  elif ((EPOCHSECONDS - PROGRESS_SAID >= 10)); then
    ((PROGRESS_SAID == 0)) || printf '  %s\n' "$1"
    PROGRESS_SAID=$EPOCHSECONDS
  fi
}

clear_progress() {
  if [[ $PROGRESS_SHOWN ]]; then printf '\r\033[K'; fi
  PROGRESS_SHOWN='' PROGRESS_SAID=0
}

# wait_until LABEL SECONDS COMMAND...: false when the time is up
wait_until() {
  local label=$1 seconds=$2 start=$EPOCHSECONDS waited
  shift 2
  until "$@"; do
    waited=$((EPOCHSECONDS - start))
    if ((waited >= seconds)); then
      clear_progress
      return 1
    fi
    ((waited == 0)) || progress "$label, $waited s"
    sleep 0.05
  done
  clear_progress
}

# start_group COMMAND...: a process group of its own, so that an interrupted ./dev can end all of it -> GROUP
start_group() {
  if ((BASH_SUBSHELL > 0)); then # already inside one
    "$@" </dev/null &
    GROUP=$!
    return
  fi
  set -m
  ("$@") </dev/null &
  GROUP=$!
  set +m
}

# wait_group -> STATUS
wait_group() {
  STATUS=0
  wait "$GROUP" || STATUS=$?
  GROUP=
}

in_group() {
  start_group "$@"
  wait_group
}

# quietly LABEL LOG COMMAND...: the output goes to LOG; shown are the time, the last line, and on failure the log's end
quietly() {
  local label=$1 log=$2 begun=$EPOCHSECONDS start
  shift 2
  mkdir -p "$(dirname -- "$log")"
  now
  start=$REPLY
  [[ $TTY ]] || say "$label ..."
  start_group "$@" >"$log" 2>&1
  while process_start "$GROUP"; do
    progress "$label, $((EPOCHSECONDS - begun)) s  $(tail -n 1 -- "$log" | tr -cd '[:print:]')"
    sleep 0.1
  done
  wait_group
  since "$start"
  if ((STATUS != 0)); then
    clear_progress
    tail -n 40 -- "$log" | sed 's/^/    /' >&2
    die "$label: failed after $REPLY s (status $STATUS); all it said is in $log"
  fi
  say "$label: $REPLY s"
}

# step NAME COMMAND...: runs it, says how long it took, remembers the verdict and goes on
step() {
  local name=$1 start
  shift
  begin "$name"
  now
  start=$REPLY
  in_group "$@"
  since "$start"
  finish "$name" "$STATUS" "$REPLY"
}

begin() { say "" && say "== $1"; }

# finish NAME STATUS SECONDS
finish() {
  local verdict=ok
  if (($2 != 0)); then
    verdict=FAILED
    FAILED=$((FAILED + 1))
  fi
  STEPS+=("$(printf '%-6s %8s s  %s' "$verdict" "$3" "$1")")
  say "== $1: $verdict, $3 s"
}

# skipped NAME REASON
skipped() { STEPS+=("$(printf '%-6s %10s  %s (%s)' '-' '' "$1" "$2")"); }

summary() {
  say ""
  say "== steps"
  local line
  for line in "${STEPS[@]}"; do say "$line"; done
}

on_exit() {
  local status=$? i
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  end_group
  clear_progress
  for ((i = ${#CLEANUPS[@]} - 1; i >= 0; i--)); do "${CLEANUPS[i]}"; done
  exit "$status"
}

end_group() {
  [[ $GROUP ]] || return 0
  kill -TERM -- "-$GROUP" 2>/dev/null
  for _ in {1..50}; do
    group_alive "$GROUP" || break
    sleep 0.1
  done
  kill -KILL -- "-$GROUP" 2>/dev/null
  wait "$GROUP" 2>/dev/null
  GROUP=
}

trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
