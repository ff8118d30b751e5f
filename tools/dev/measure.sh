# shellcheck shell=bash
# Benchmarks and fuzzing: what they do is written in bench/ and fuzz/.

cmd_bench() {
  [[ -x bench/run ]] || die "there is no bench/run"
  cmd_setup
  if [[ ${1:-} == engine ]]; then
    shift
    build_programs release engine_bench engine_check
    in_group bench/engine/run "$@"
    exit "$STATUS"
  fi
  build_programs release
  build_web
  product_binary release
  export I2M_BIN=$BIN
  in_group bench/run "$@"
  exit "$STATUS"
}

# Each target keeps what it has learnt in var/fuzz/NAME; seeds come from fuzz/NAME where there are any.
cmd_fuzz() {
  local seconds=${1:-60} target name seeds
  cmd_setup
  build_programs fuzz
  for target in build/fuzz/bin/*_fuzz; do
    [[ -x $target ]] || die "the preset fuzz builds no bin/*_fuzz"
    name=${target##*/}
    mkdir -p -- "$VAR/fuzz/$name"
    seeds=()
    if [[ -d fuzz/$name ]]; then seeds=("fuzz/$name"); fi
    step "$name" "$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$VAR/fuzz/$name-" \
      "$VAR/fuzz/$name" "${seeds[@]}"
  done
  summary
  ((FAILED == 0)) || exit 1
}
