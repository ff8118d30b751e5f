# shellcheck shell=bash
# Debian and npm packages: what is missing is installed, what is there is left alone, nothing is said when nothing is missing.

PACKAGES=$ROOT/tools/dev/packages.txt

cmd_setup() {
  require_own_tree
  setup_debian
  setup_npm
}

# A tree whose var/ was made by root cannot be worked in by its user afterwards; better said than half done.
require_own_tree() {
  mkdir -p -- "$VAR/log" "$VAR/run" 2>/dev/null || true
  [[ -w $VAR && -w $VAR/log && -w $VAR/run ]] ||
    die "cannot write in $VAR, which belongs to $(owner_of "$VAR")" "run ./dev as that user, or from a clone of your own"
}

owner_of() {
  local path=$1
  while [[ ! -e $path ]]; do path=$(dirname -- "$path"); done
  stat -c %U -- "$path"
}

setup_debian() {
  local stamp=$VAR/setup.stamp missing
  if [[ $stamp -nt $PACKAGES && $stamp -nt /var/lib/dpkg/status ]] && have_node && have_npm; then return; fi
  [[ -r /var/lib/dpkg/status ]] || die "this is not Debian: install by hand what tools/dev/packages.txt lists"
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
  have_node || die "node $(node --version 2>/dev/null || echo missing) is too old, 18 or newer is needed: $(command -v node)"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]}"
  : >"$stamp"
}

have_npm() { command -v npm >/dev/null; }

have_node() {
  local version
  command -v node >/dev/null || return 1
  version=$(node --version) && version=${version#v} && ((${version%%.*} >= 18))
}

# NodeSource's nodejs holds npm, and its neighbour does not go with Debian's.
node_brings_npm() { ! have_node && apt-cache policy nodejs 2>/dev/null | grep -q 'Candidate:.*nodesource'; }

# Of alternatives, the first is installed.
missing_packages() {
  local line name alternative installed
  installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' 2>/dev/null) "
  while read -r line; do
    name=${line%%[ #]*}
    case $name in
      '') continue ;;
      nodejs)
        have_node || printf '%s\n' "$name"
        continue
        ;;
      npm)
        have_npm || node_brings_npm || printf '%s\n' "$name"
        continue
        ;;
    esac
    for alternative in ${name//|/ }; do
      [[ $installed == *"ii $alternative "* ]] && continue 2
    done
    printf '%s\n' "${name%%|*}"
  done <"$PACKAGES"
}

install_packages() {
  local installer=("$ROOT/tools/dev/install-packages" "$@")
  say "Image2Model needs these Debian packages, which are not installed: $*"
  if (($(id -u) != 0)); then
    if ! command -v sudo >/dev/null; then
      die "installing them needs root, and there is no sudo here. As root, run:" "$(printf '%q ' "${installer[@]}")"
    fi
    say "They are installed by apt-get through sudo (no service is started); sudo may ask for your password."
    sudo -v || die "sudo refused. As root, run:" "$(printf '%q ' "${installer[@]}")"
    installer=(sudo -n -- "${installer[@]}")
  fi
  quietly "installing Debian packages ($#)" "$VAR/log/setup.log" "${installer[@]}"
}

# The web page's packages, and fal.ai's client for the tests of its simulator.
setup_npm() {
  local folder
  for folder in "$ROOT/web" "$ROOT/test/fal"; do
    [[ -f $folder/package-lock.json ]] || continue
    [[ $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]] && continue
    export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 PUPPETEER_SKIP_DOWNLOAD=1
    quietly "installing npm packages of ${folder#"$ROOT/"}" "$VAR/log/npm.log" npm --prefix "$folder" ci --no-audit --no-fund --loglevel=error
    touch -- "$folder/node_modules/.package-lock.json"
  done
}
