# shellcheck shell=bash
# Programs with CMake and Ninja, the web page with Vite; neither does anything when nothing has changed.

PRESETS='release dev asan tsan fuzz'

cmd_build() {
  local preset=${1:-release}
  cmd_setup
  build_programs "$preset"
  build_web
}

# build_programs PRESET [TARGET...]: without a target, everything
build_programs() {
  local preset=$1 tree targets=()
  shift
  [[ " $PRESETS " == *" $preset "* ]] || die "no such preset: $preset" "there are: $PRESETS"
  tree=$ROOT/build/$preset
  if (($#)); then targets=(--target "$@"); fi
  if [[ ${CI:-} ]]; then export CCACHE_DIR=${CCACHE_DIR:-$HOME/.cache/ccache}; fi
  lock 7 "$ROOT/build/.$preset.lock" 3600 "build of $preset"
  if [[ ! -f $tree/build.ninja || CMakePresets.json -nt $tree/build.ninja ]]; then
    quietly "configuring $preset" "$tree.configure.log" cmake --preset "$preset"
  fi
  if ! nothing_to_build "$tree" "$@"; then
    build_with_ninja "$preset" "${targets[@]}"
  fi
  exec 7>&-
}

nothing_to_build() {
  local tree=$1
  shift
  [[ $(ninja -C "$tree" -n "$@" 2>/dev/null) == *'ninja: no work to do.' ]]
}

build_with_ninja() {
  local preset=$1 start
  shift
  now
  start=$REPLY
  say "building $preset"
  NINJA_STATUS='  [%f/%t, %e s] ' in_group cmake --build --preset "$preset" "$@"
  since "$start"
  ((STATUS == 0)) || die "the build of $preset failed after $REPLY s"
  say "building $preset: $REPLY s"
}

# The program that up, demo, test and gen use -> BIN
# shellcheck disable=SC2034 # used by the other files
product_binary() { BIN=${I2M_BIN:-$ROOT/build/$1/bin/image2model}; }

# The web page is built again when any byte of its sources has changed.
build_web() {
  local stamp=$ROOT/build/web.stamp hash
  [[ -f $ROOT/web/package.json ]] || return 0
  lock 7 "$ROOT/build/.web.lock" 600 "build of the web page"
  hash=$(web_sources_hash)
  if [[ ! -f $ROOT/web/dist/index.html || $(cat "$stamp" 2>/dev/null) != "$hash" ]]; then
    quietly "building the web page" "$ROOT/build/web.log" npm --prefix "$ROOT/web" run build
    printf '%s\n' "$hash" >"$stamp"
  fi
  exec 7>&-
}

web_sources_hash() {
  find "$ROOT/web" \( -name node_modules -o -name dist -o -name .vite -o -name test-results \) -prune -o -type f -print0 |
    sort -z | xargs -0 sha256sum | sha256sum
}
