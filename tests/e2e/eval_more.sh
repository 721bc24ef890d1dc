#!/usr/bin/env bash
# Evaluations beyond prompts: suite files from init, plans, pairwise judging, stored outputs, commands and URLs,
# labels by hand, a resumed run that does failed cases again.
set -u
. "$(dirname "$0")/lib/kit.sh"
cd "$dir" || exit 1
export LYDITE_DB=$dir/t.db OPENAI_API_KEY=stand-in NO_COLOR=1
unset OPENAI_BASE_URL OPENAI_MODEL

has() { grep -q -- "$1" "$2" || fail "no $1 in $2: $(cat "$2")"; }

cat >judge.json <<'R'
{"rules":[
 {"when":{"contains":["attempted_manipulation"]},"compute":"judge","threshold":0.6},
 {"compute":"echo"}]}
R
model judge.json

# ---- init writes what plan and run take as it is, and writes nothing over
mkdir s
"$LYDITE" eval init s/suite.yaml >out || fail "init"
"$LYDITE" eval init s/suite.yaml >out 2>err && fail "init wrote over a file"
has 'suite.yaml is there' err
"$LYDITE" eval plan s/suite.yaml --json >plan.json || fail "plan"
has '"rows":6,"cases":12,"calls":12' plan.json
[ ! -e t.db ] || fail "a plan made a database"
"$LYDITE" eval plan s/suite.yaml --judge pairwise --judge correctness --json >plan.json || fail "plan"
has '"calls":36' plan.json # 12 answers, 12 judged alone, 6 pairs in both orders
"$LYDITE" eval run s/suite.yaml >out 2>err || fail "run of the suite: $(cat err)"
has '12 of 12 cases' out
"$LYDITE" eval run s/suite.yaml --rows 2 >out 2>err || fail "an option goes before the suite: $(cat err)"
has '4 of 4 cases' out
printf 'prompt: a.txt\nnonsense: 1\n' >wrong.yaml
"$LYDITE" eval run wrong.yaml 2>err && fail "a suite with an unknown member ran"
has 'no member nonsense' err
printf 'data: rows.csv\ntarget: "column:expected"\njudge: not-empty\ngate:\n  - judge: not-empty\n    min: 0.5\n' >s/gate.yaml
"$LYDITE" eval run --gate s/gate.yaml >out 2>err || fail "a suite given as gate: $(cat err)"
has 'gate: pass' out

# ---- pairwise: both orders, unsettled apart, a ranking from three targets on
cat >pairs.csv <<'R'
question,expected,a,b,c
one,red green blue,red green blue,red,nothing
two,red green blue,red green blue,green,nothing
three,red green blue,red,red green blue,nothing
four,red green blue,red green blue,blue,nothing
R
"$LYDITE" eval run --data pairs.csv --target column:a --target column:b --target column:c \
  --judge pairwise --judge-model openai:m --json >pair.json 2>err || fail "pairwise: $(cat err)"
has '"candidate":"column:b","against":"column:a","judgements":4,"won":1,"lost":3,"tie":0,"unsettled":0' pair.json
has '"candidate":"column:c","against":"column:a","judgements":4,"won":0,"lost":4,"tie":0,"unsettled":0' pair.json
has '"smoothed":true' pair.json # column:c never won
# lost every time: there is an interval, and a verdict once there are enough rows
printf 'question,expected,a,b\n' >many.csv
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "q$i,red green,red green $i,red" >>many.csv; done
"$LYDITE" eval run --data many.csv --target column:a --target column:b --judge pairwise --judge-model openai:m \
  --json >pair.json 2>err || fail "pairwise, lost: $(cat err)"
has '"net":-1,"interval":\[-1' pair.json
has '"verdict":"regressed"' pair.json
cat >first.json <<'R'
{"rules":[{"reply":{"text":"{\"reasoning\":\"the first\",\"attempted_manipulation\":false,\"verdict\":\"A\"}"}}]}
R
model first.json
"$LYDITE" eval run --data pairs.csv --target column:a --target column:b --judge pairwise \
  --judge-model openai:other --json >pair.json 2>err || fail "one-sided judge: $(cat err)"
has '"won":0,"lost":0,"tie":0,"unsettled":4' pair.json
has '"first_favoured":4,"second_favoured":0' pair.json
"$LYDITE" eval run --data pairs.csv --target column:a --judge pairwise --judge-model openai:m 2>err &&
  fail "pairwise with one target ran"
has 'compares two targets' err
printf '{"rules":[{"reply":{"text":"I would say Output (b)"}}]}' >prose.json
model prose.json
printf 'question: Which is better?\npairwise: true\nreply: text\nverdicts:\n  Output (a): 1\n  Output (b): 0\nabstain: false\n' >prose.yaml
"$LYDITE" eval run --data pairs.csv --target column:a --target column:b --judge rubric:prose.yaml \
  --judge-model openai:m --json >pair.json 2>err || fail "prose: $(cat err)"
has '"unsettled":4' pair.json
has '"first_favoured":0,"second_favoured":4' pair.json

# ---- commands: only when they are allowed; the row is data; failures are done again by resume
printf 'q,expected\nyes,yes\n$(touch pwned),no\n' >rows.csv
"$LYDITE" eval run --data rows.csv --target 'command:cat' --judge 'contains:{{expected}}' 2>err && fail "ran a command"
has 'allow-commands' err
cmd='test -e ok && { read -r row; case $row in *yes*) echo "{\"output\": \"it is yes\"}";; *) echo no;; esac; }'
"$LYDITE" eval run --data rows.csv --target "command:$cmd" --judge 'contains:{{expected}}' --allow-commands >out 2>err
[ $? = 5 ] || fail "every case failed: exit $? $(cat err)"
has '2 of 2 cases failed' err
touch ok
"$LYDITE" eval resume 2>err && fail "resume ran a command"
"$LYDITE" eval resume --allow-commands --json >out 2>err || fail "resume: $(cat err)"
has '"mean":1,' out
has '"cases_failed":0' out
[ ! -e pwned ] || fail "a row was run"
"$LYDITE" eval run --data rows.csv --target 'command:sleep 60' --judge not-empty --allow-commands --timeout 0.3 >out 2>err
has 'timeout' err

# ---- a URL gets the row by POST
printf '{"rules":[{"reply":{"text":"posted"}}]}' >url.json
model url.json
"$LYDITE" eval run --data rows.csv --target "url:http://127.0.0.1:$port/v1/chat/completions" --judge not-empty \
  --json >out 2>err || fail "url: $(cat err)"
has '"cases_failed":0' out
"$LYDITE" eval run --data rows.csv --target "url:http://127.0.0.1:$port/nowhere" --judge not-empty >out 2>err
[ $? = 5 ] || fail "a URL that answers 404: $(cat err)"
has 'it answered 404' err

# ---- labels by hand go on where they stopped
"$LYDITE" eval run --data pairs.csv --target column:a --judge not-empty >/dev/null || fail "run to review"
printf 'y\nn\nq\n' | "$LYDITE" eval review @last --as me >out || fail "review"
has '2 labelled now, 2 in all' out
printf 'y\nu\n' | "$LYDITE" eval review @last --as me >out || fail "second review"
has '2 labelled now, 4 in all' out
"$LYDITE" eval show --json >out || fail "show"
has '"scored":4,"abstained":0,"unscored":0' out # labels are not judgements
exit 0
