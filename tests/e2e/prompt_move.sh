#!/usr/bin/env bash
# Prompts between registry, files and another Lydite; what a version cost and how it scored.
set -u
. "$(dirname "$0")/lib/kit.sh"
has() { grep -q -- "$1" "$2" || fail "no $1 in $2: $(cat "$2")"; }
cd "$dir" || exit 1
export LYDITE_DB=$dir/a.db OPENAI_API_KEY=stand-in NO_COLOR=1

# ---- files to registry and back
mkdir -p p/team
printf 'Say {{x}}\n' >p/short.txt
printf '[system]\nBe kind.\n[user]\n{{x}}\n' >p/team/kind.md
"$LYDITE" prompt push p -m first >out || fail "push"
has 'put  *short@1' out
has 'put  *team/kind@1' out
"$LYDITE" prompt push p >out && has 'unchanged *short@1' out
printf 'Say {{x\n' >p/broken.txt
"$LYDITE" prompt push p 2>err && fail "a broken prompt was pushed"
has 'p/broken.txt' err
rm p/broken.txt
"$LYDITE" prompt pull --dir q >out || fail "pull"
cmp -s p/short.txt q/short.txt || fail "pulled text differs"
[ -e q/team/kind.txt ] || fail "no folder for team/"
printf 'Say it: {{x}}\n' >q/short.txt
"$LYDITE" prompt pull short --dir q 2>err && fail "pull wrote over an edited file"
has 'differs' err
"$LYDITE" prompt push q >out && has 'put  *short@2' out
"$LYDITE" prompt pull short@1 --dir q --force >out || fail "pull --force"
cmp -s p/short.txt q/short.txt || fail "pull of an old version"

# ---- from another Lydite
"$LYDITE" prompt alias short@2 production >/dev/null || fail "alias"
collector collect.log
port=$http
LYDITE_DB=$dir/b.db "$LYDITE" prompt pull short@production --from "http://127.0.0.1:$port" >out 2>err || fail "pull --from: $(cat err)"
has 'put  *short@1' out
[ "$(LYDITE_DB=$dir/b.db "$LYDITE" prompt show short)" = 'Say it: {{x}}' ] || fail "another text came"
LYDITE_DB=$dir/b.db "$LYDITE" prompt pull nothing --from "http://127.0.0.1:$port" 2>err && fail "pulled what is not there"

# ---- what a version cost and how it scored
printf '{"rules":[{"compute":"echo"}]}' >rules.json
model rules.json
printf 'x\none\ntwo\nthree\n' >rows.csv
"$LYDITE" eval run --prompt short@1 --prompt short@2 --data rows.csv --model openai:m --judge 'contains:it' >out 2>err || fail "run: $(cat err)"
"$LYDITE" prompt stats short --json >out || fail "stats"
has '"version":2.*"calls_eval":3.*"judge":"contains:it","rows":3,"mean":1' out
has '"version":1.*"calls_eval":3.*"judge":"contains:it","rows":3,"mean":0' out
"$LYDITE" prompt stats short >out && has 'contains:it 1.000' out
exit 0
