# shellcheck shell=bash
# A demo company, its users, and the sample pictures sent through the real HTTP API (demo.mjs).

DEMO_DOMAIN=demo.example
DEMO_CREDITS=5000 # to begin with; the driver grants more when they run low

cmd_demo() {
  local status=0
  stack_prepare release
  stack_up release
  demo_users
  stack_json release
  node --no-warnings "$ROOT/tools/dev/demo.mjs" "$ROOT/test/data/demo" "$VAR/demo" "$VAR/stack.json" "$BIN" || status=$?
  say ""
  say_logins
  exit "$status"
}

cmd_users() {
  stack_attach
  demo_users
  stack_json "$PRESET"
  say_logins
}

demo_users() {
  local first=
  [[ -f $VAR/secrets/logins ]] || first=yes
  admin company-create --name "Demo Studio" --domain "$DEMO_DOMAIN" --if-missing
  demo_user "anna@$DEMO_DOMAIN" admin Anna
  demo_user "ben@$DEMO_DOMAIN" member Ben
  [[ ! $first ]] ||
    admin credits-grant --company-domain "$DEMO_DOMAIN" --credits "$DEMO_CREDITS" --reason demo --source "demo-$EPOCHSECONDS"
}

# demo_user EMAIL ROLE NAME: the password is made once and kept in VAR/secrets/logins
demo_user() {
  local email=$1 role=$2 name=$3 logins=$VAR/secrets/logins password
  password=$(awk -v email="$email" '$1 == email { print $2 }' "$logins" 2>/dev/null || true)
  if [[ ! $password ]]; then
    random_hex 10
    password=$REPLY
    (umask 077 && printf '%s %s %s\n' "$email" "$password" "$role" >>"$logins")
  fi
  printf '%s\n' "$password" |
    admin user-create --company-domain "$DEMO_DOMAIN" --email "$email" --role "$role" --name "$name" --password-stdin --if-missing
}

admin() {
  local log=$VAR/log/admin.log
  "$BIN" admin "$@" >"$log" 2>&1 || {
    tail -n 20 -- "$log" | sed 's/^/    /' >&2
    die "image2model admin $1 failed"
  }
}

say_logins() {
  local email password role
  say "web address  $BASE_URL"
  while read -r email password role; do say "login        $email   $password   ($role)"; done <"$VAR/secrets/logins"
}
