#!/usr/bin/env bash
# Prompts between registry, files and another Lydite; what a version cost and how it scored.
set -u
dir=$(mktemp -d)
pids=
cleanup() {
  for p in $pids; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
  rm -rf "$dir"
}
trap cleanup EXIT
bad() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
has() { grep -q -- "$1" "$2" || bad "no $1 in $2: $(cat "$2")"; }
cd "$dir" || exit 1
export LYDITE_DB=$dir/a.db OPENAI_API_KEY=stand-in NO_COLOR=1
until_line() { # FILE PATTERN: waits for it
  local end=$((SECONDS + 60))
  until grep -q "$2" "$1"; do
    [ $SECONDS -lt $end ] || bad "no $2 in $1: $(cat "$1")"
    read -r -t 0.05 <> <(:) || true
  done
}

# ---- files to registry and back
mkdir -p p/team
printf 'Say {{x}}\n' >p/short.txt
printf '[system]\nBe kind.\n[user]\n{{x}}\n' >p/team/kind.md
"$LYDITE" prompt push p -m first >out || bad "push"
has 'put  *short@1' out
has 'put  *team/kind@1' out
"$LYDITE" prompt push p >out && has 'unchanged *short@1' out
printf 'Say {{x\n' >p/broken.txt
"$LYDITE" prompt push p 2>err && bad "a broken prompt was pushed"
has 'p/broken.txt' err
rm p/broken.txt
"$LYDITE" prompt pull --dir q >out || bad "pull"
cmp -s p/short.txt q/short.txt || bad "pulled text differs"
[ -e q/team/kind.txt ] || bad "no folder for team/"
printf 'Say it: {{x}}\n' >q/short.txt
"$LYDITE" prompt pull short --dir q 2>err && bad "pull wrote over an edited file"
has 'differs' err
"$LYDITE" prompt push q >out && has 'put  *short@2' out
"$LYDITE" prompt pull short@1 --dir q --force >out || bad "pull --force"
cmp -s p/short.txt q/short.txt || bad "pull of an old version"

# ---- from another Lydite
"$LYDITE" prompt alias short@2 production >/dev/null || bad "alias"
"$LYDITE" collect --grpc-port 0 --http-port 0 >collect.out 2>collect.err &
pids="$pids $!"
end=$((SECONDS + 60))
until port=$(cat collect.out collect.err | sed -n 's/.*http[^0-9]*127\.0\.0\.1:\([0-9]*\).*/\1/p' | head -n 1) && [ -n "$port" ]; do
  [ $SECONDS -lt $end ] || bad "no port: $(cat collect.out collect.err)"
  read -r -t 0.05 <> <(:) || true
done
LYDITE_DB=$dir/b.db "$LYDITE" prompt pull short@production --from "http://127.0.0.1:$port" >out 2>err || bad "pull --from: $(cat err)"
has 'put  *short@1' out
[ "$(LYDITE_DB=$dir/b.db "$LYDITE" prompt show short)" = 'Say it: {{x}}' ] || bad "another text came"
LYDITE_DB=$dir/b.db "$LYDITE" prompt pull nothing --from "http://127.0.0.1:$port" 2>err && bad "pulled what is not there"

# ---- what a version cost and how it scored
printf '{"rules":[{"compute":"echo"}]}' >rules.json
"$BUILD/bin/model_server" --port 0 --rules rules.json >server.log 2>&1 &
pids="$pids $!"
until_line server.log '127\.0\.0\.1:[0-9]'
export OPENAI_BASE_URL=http://127.0.0.1:$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/p' server.log)/v1
printf 'x\none\ntwo\nthree\n' >rows.csv
"$LYDITE" eval run --prompt short@1 --prompt short@2 --data rows.csv --model openai:m --judge 'contains:it' >out 2>err || bad "run: $(cat err)"
"$LYDITE" prompt stats short --json >out || bad "stats"
has '"version":2.*"calls_eval":3.*"judge":"contains:it","rows":3,"mean":1' out
has '"version":1.*"calls_eval":3.*"judge":"contains:it","rows":3,"mean":0' out
"$LYDITE" prompt stats short >out && has 'contains:it 1.000' out
exit 0
