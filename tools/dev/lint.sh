# shellcheck shell=bash
# Format, static checks and shell. clang-tidy takes a minute for a few files: by default it sees only what has changed.

CPP_FOLDERS=(src test bench fuzz tools sandbox)

cmd_lint() {
  cmd_setup
  build_programs release # clang-tidy reads the precompiled headers and the generated ones
  run_lint "$@"
  summary
  ((FAILED == 0)) || exit 1
}

# run_lint [--all]
run_lint() {
  local scope=${1:-}
  step "format" lint_format
  step "shell" lint_shell
  if [[ -f .clang-tidy ]]; then step "clang-tidy" lint_tidy "$scope"; else skipped "clang-tidy" "no .clang-tidy"; fi
  lint_house
  if grep -q '"lint":' web/package.json 2>/dev/null; then step "web lint" npm --prefix "$ROOT/web" run --silent lint; fi
}

# The project's own rules.
lint_house() {
  step "tidy" node tools/tidy.mjs
}

cmd_fmt() {
  cmd_setup
  local files
  mapfile -t files < <(cpp_files)
  if ((${#files[@]})); then clang-format-19 -i "${files[@]}"; fi
  if grep -q '"fmt":' web/package.json 2>/dev/null; then npm --prefix "$ROOT/web" run --silent fmt; fi
  say "formatted ${#files[@]} C++ files"
}

lint_format() {
  local files
  mapfile -t files < <(cpp_files)
  if ((${#files[@]})); then clang-format-19 --dry-run -Werror "${files[@]}"; fi
  say "${#files[@]} files"
}

lint_shell() {
  local files
  mapfile -t files < <(shell_files)
  shellcheck -x "${files[@]}"
  say "${#files[@]} files"
}

lint_tidy() {
  local files
  [[ -f build/release/compile_commands.json ]] || die "build/release has no compile_commands.json"
  if [[ $1 == --all ]]; then
    mapfile -t files < <(cpp_files | grep -E '^(src|sandbox)/.*\.cc$' | grep -v '_test\.cc$' | compiled_only) # tests are read, not linted
  else
    mapfile -t files < <(changed_files | grep '\.cc$' | compiled_only)
  fi
  if ((${#files[@]})); then
    printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 -p build/release --quiet --warnings-as-errors='*'
  fi
  say "${#files[@]} files"
}

compiled_only() {
  local file
  while IFS= read -r file; do
    if grep -qF "\"file\": \"$ROOT/$file\"" build/release/compile_commands.json; then printf '%s\n' "$file"; fi
  done
}

# Files of the tree: what git knows or would take. The clone may belong to somebody else (a container's bind mount).
tree_files() {
  local file
  git -c safe.directory="$ROOT" ls-files --cached --others --exclude-standard -- "$@" | sort -u | while IFS= read -r file; do
    if [[ -f $file ]]; then printf '%s\n' "$file"; fi
  done
}

# Generated files are their generator's business.
cpp_files() { tree_files "${CPP_FOLDERS[@]}" | grep -E '\.(h|cc)$' | grep -v '\.gen\.h$' || true; }

shell_files() {
  local file line
  tree_files . | while IFS= read -r file; do
    case $file in
      *.sh | dev) printf '%s\n' "$file" ;;
      *.*) ;;
      *)
        IFS= read -r line <"$file" || true
        if [[ $line =~ ^'#!'.*(bash|/sh|env\ sh) ]]; then printf '%s\n' "$file"; fi
        ;;
    esac
  done 2>/dev/null
}

# What is not on the main branch of the origin yet; where that is unknown or all of it, the last commit and what is uncommitted.
changed_files() {
  local base
  base=$(git -c safe.directory="$ROOT" merge-base HEAD origin/main 2>/dev/null) || base=
  if [[ ! $base || $base == "$(git -c safe.directory="$ROOT" rev-parse HEAD)" ]]; then
    base=$(git -c safe.directory="$ROOT" rev-parse --quiet --verify HEAD~1) || base=HEAD
  fi
  {
    git -c safe.directory="$ROOT" diff --name-only --diff-filter=d "$base" -- "${CPP_FOLDERS[@]}"
    git -c safe.directory="$ROOT" ls-files --others --exclude-standard -- "${CPP_FOLDERS[@]}"
  } | sort -u
}
