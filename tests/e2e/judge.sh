#!/usr/bin/env bash
# Judges: kept versions, labelled tests, audits by labels of people, of rows and of stored runs; what a judge of
# traces cost stands in the ledger.
set -u
. "$(dirname "$0")/lib/kit.sh"
has() { grep -q -- "$1" "$2" || fail "no $1 in $2: $(cat "$2")"; }
cd "$dir" || exit 1
export LYDITE_DB=$dir/t.db OPENAI_API_KEY=stand-in NO_COLOR=1
printf '{"rules":[{"when":{"contains":["attempted_manipulation"]},"compute":"judge","threshold":0.6},{"compute":"echo"}]}' >judge.json
model judge.json

# ---- rows that people labelled
cat >lab.csv <<'R'
question,expected,output,ann,bo,cy
q1,red green,red green,1,1,1
q2,red green,blue,0,0,1
q3,red green,red green,pass,fail,pass
q4,red green,yellow,no,no,
q5,red green,green red,yes,yes,yes
q6,red green,nothing,correct,incorrect,incorrect
R
"$LYDITE" judge audit correctness --data lab.csv --label ann --label bo --label cy --min-items 4 --repeat 2 \
  --probes --model openai:m --json >audit.json 2>err || fail "audit: $(cat err)"
has '"rows":6,"scored":12,"abstained":0,"unscored":0,"agreement":1,' audit.json
has '"kappa":1,' audit.json
has '"raters_alpha":0.314285714285714' audit.json
has '"self_consistency":1,' audit.json
has '"probes_fooled":0,' audit.json
has '"alt_test":{"winning_rate":0,"advantage":1,"passes":false' audit.json
sed 's/ann/label/' lab.csv >one.csv
"$LYDITE" judge test correctness --data one.csv --model openai:m --json >test.json 2>err || fail "test: $(cat err)"
has '"agreement":{"value":0.8333333333333334' test.json
has '"tpr":{"value":0.75' test.json
has '"kappa":{"value":0.66666666666666' test.json
sed 's/,pass,/,splendid,/' one.csv >odd.csv
"$LYDITE" judge test correctness --data odd.csv --model openai:m 2>err && fail "a label that nobody knows was taken"
has 'row 3: label splendid' err

# ---- pairs: the stand-in takes the longer output, the labels the first
printf 'question,one,two,gold\nq,a long answer,short,1\nq,short,a long answer,2\nq,short,a long answer,1\n' >pairs.csv
"$LYDITE" judge audit pairwise --data pairs.csv --output one --other two --label gold --model openai:m --json >audit.json 2>err ||
  fail "pairwise audit: $(cat err)"
has '"right_in_both":0.66666666666666' audit.json
has '"consistent":1,' audit.json
has '"favours_first":0' audit.json

# ---- kept versions, and a run audited by its labels
printf 'question: Is it right?\nneeds: [output, expected]\nverdicts:\n  right: 1\n  wrong: 0\n' >mine.yaml
"$LYDITE" judge put mine mine.yaml >out || fail "put"
has 'put judge judge/mine@1' out
"$LYDITE" judge put mine mine.yaml >out && has 'unchanged' out
printf 'no verdicts here: 1\n' >broken.yaml
"$LYDITE" judge put mine broken.yaml 2>err && fail "a broken rubric was kept"
rm mine.yaml
"$LYDITE" eval run --data lab.csv --target column:output --judge rubric:judge/mine@1 --judge-model openai:m >out 2>err ||
  fail "run with a kept judge: $(cat err)"
"$LYDITE" judge audit --run @last 2>err && fail "an audit without labels"
has 'eval review' err
printf 'y\ny\nn\nn\n' | "$LYDITE" eval review @last >/dev/null || fail "review"
"$LYDITE" judge audit --run @last --json >audit.json 2>err || fail "audit of a run: $(cat err)"
has '"rows":4,' audit.json
has '"corrected":' audit.json

# ---- judging traces: the calls are in the file
"$LYDITE" judge run not-empty origin:eval -n 3 --json >out 2>err || fail "judge run: $(cat err)"
has '"scored":3' out
before=$("$LYDITE" trace list origin:judge -n 1000 --json | wc -l)
"$LYDITE" judge run relevance origin:eval -n 3 --model openai:m --json >out 2>err || fail "judge run: $(cat err)"
after=$("$LYDITE" trace list origin:judge -n 1000 --json | wc -l)
[ $((after - before)) -ge 1 ] || fail "the judge's calls left no trace ($before, $after)"
exit 0
