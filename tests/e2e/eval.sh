#!/usr/bin/env bash
# Evaluations end to end against the scripted stand-in: bad input before any call, a whole run, a second
# run that pays for nothing, kill -9 and Ctrl-C with resume, gates, failures of the provider and of judges.
set -u
. "$(dirname "$0")/lib/kit.sh"
cd "$dir" || exit 1
export LYDITE_DB=$dir/t.db OPENAI_API_KEY=stand-in NO_COLOR=1
unset OPENAI_BASE_URL
q=$SOURCE/examples/quickstart

serve() { model "$1" --latency-ms "${2:-0}"; }
stat_of() {
  exec 9<>"/dev/tcp/127.0.0.1/$port" || fail "server is gone"
  printf 'GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&9
  sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" <&9
  exec 9>&-
}
field() { grep -o "\"$1\":[^,}]*" "$2" | head -n 1 | cut -d: -f2; }

cat >plain.json <<'R'
{"rules":[
 {"when":{"contains":["attempted_manipulation"]},"compute":"judge","threshold":0.6},
 {"compute":"best-sentence"}]}
R
serve plain.json

# ---- what is wrong is said before any call and before the database is made
printf 'id,text\n1,a\n' >wrong.csv
"$LYDITE" eval run --prompt "$q/short.txt" --data wrong.csv --model openai:stand-in-1 --judge not-empty 2>err
[ $? = 3 ] || fail "missing column: exit code"
grep -q 'wrong.csv has no column question, which .*short.txt uses' err || fail "missing column: $(cat err)"
[ "$(wc -l <err)" = 1 ] || fail "missing column: more than one line"
[ ! -e t.db ] || fail "missing column: a database was made"
"$LYDITE" eval run --prompt "$q/short.txt" --data "$q/rows.csv" --model openai:m --judge 'contains:{{nope}}' 2>err
[ $? = 3 ] && grep -q 'no column nope, which judge contains' err || fail "judge's column: $(cat err)"
"$LYDITE" eval run --prompt "$q/short.txt" --data "$q/rows.csv" --model nothing:m --judge not-empty 2>err
[ $? = 2 ] && grep -q 'no provider' err || fail "unknown provider: $(cat err)"
"$LYDITE" eval run --prompt "$q/short.txt" --data "$q/rows.csv" --model openai:m --judge nonsense 2>err
[ $? = 2 ] && grep -q 'no judge nonsense' err || fail "unknown judge: $(cat err)"
[ "$(stat_of requests)" = 0 ] || fail "bad input made calls"

# ---- a whole run
run=(eval run --prompt "$q/short.txt" --prompt "$q/cited.txt" --data "$q/rows.csv" --model openai:stand-in-1
     --judge correctness --judge 'contains:{{keyword}}')
"$LYDITE" "${run[@]}" >report 2>err || fail "run: $(cat err)"
grep -q 'cited.txt .*improved' report || fail "verdict: $(cat report)"
grep -q '40 of 40 cases' report || fail "cases: $(head -1 report)"
[ "$(stat_of requests)" = 80 ] || fail "80 calls, not $(stat_of requests)"
"$LYDITE" prompt list | grep -q '^cited ' || fail "prompt not in the registry"
"$LYDITE" dataset list | grep -q '^rows .* 20 ' || fail "data set not in the registry"
[ "$("$LYDITE" trace list origin:eval -n 100 --json | wc -l)" = 40 ] || fail "traces of the cases"
[ "$("$LYDITE" trace list origin:judge -n 100 --json | wc -l)" = 40 ] || fail "traces of the judge"
[ "$("$LYDITE" trace list -n 100 --json 2>err | wc -l)" = 0 ] || fail "evaluation traces among the app's"
"$LYDITE" eval show --json >show.json || fail "show"
[ "$(field cases show.json)" = 40 ] || fail "show --json"

# ---- the same again pays for nothing and puts nothing
"$LYDITE" "${run[@]}" >report2 2>err || fail "second run: $(cat err)"
[ "$(stat_of requests)" = 80 ] || fail "the second run called again"
"$LYDITE" prompt log cited --json | wc -l | grep -qx 1 || fail "a second version of equal content"
"$LYDITE" eval compare @last~1 @last >cmp 2>err || fail "compare: $(cat err)"

# ---- gates
gate() {
  "$LYDITE" eval gate @last --gate "$1" --junit j.xml >gate.out 2>err
  local code=$?
  [ $code = "$2" ] || fail "gate $1: exit $code, not $2: $(cat gate.out err)"
}
printf -- '- judge: correctness\n  require: improved\n- judge: correctness\n  min: 0.2\n' >g0.yaml
printf -- '- judge: correctness\n  min: 0.99\n' >g1.yaml
printf -- '- judge: correctness\n  min: 0.6\n' >g5.yaml
gate g0.yaml 0
gate g1.yaml 1
grep -q '<failure' j.xml || fail "junit: $(cat j.xml)"
gate g5.yaml 5
"$LYDITE" prompt promote cited production --run @last >/dev/null || fail "promote"
"$LYDITE" prompt show cited@production | grep -q 'name the note' || fail "alias"

# ---- kill -9, then resume: nothing that was answered is asked again
rm -f t.db*
serve plain.json 30
"$LYDITE" "${run[@]}" -j 4 >/dev/null 2>err &
pid=$!
end=$((SECONDS + 20))
until [ "$(stat_of requests)" -ge 30 ]; do
  [ $SECONDS -lt $end ] || fail "the run does not get on"
done
kill -9 $pid
wait $pid 2>/dev/null
"$LYDITE" eval show --json >part.json || fail "show after kill"
kept=$(field cases part.json)
[ "$kept" -gt 0 ] && [ "$kept" -lt 40 ] || fail "killed run kept $kept cases"
"$LYDITE" eval resume -j 4 >report3 2>err || fail "resume: $(cat err)"
grep -q '40 of 40 cases' report3 || fail "resumed: $(head -1 report3)"
n=$(stat_of requests)
# 4 were on their way when it died, and at most 4 and what one poll brought (4) were answered but not written
[ "$n" -ge 80 ] && [ "$n" -le 92 ] || fail "kill and resume made $n calls for 80 answers"
[ "$("$LYDITE" eval export | sort | uniq -c | awk '$1 > 1' | wc -l)" = 0 ] || fail "a case twice"
[ "$("$LYDITE" eval export | wc -l)" = 40 ] || fail "cases after resume"

# ---- Ctrl-C keeps what is done, says how to go on, exit 130
rm -f t.db*
serve plain.json 30
"$LYDITE" "${run[@]}" -j 2 >/dev/null 2>err &
pid=$!
end=$((SECONDS + 20))
until [ "$(stat_of requests)" -ge 12 ]; do
  [ $SECONDS -lt $end ] || fail "the run does not get on"
done
kill -INT $pid
wait $pid
[ $? = 130 ] || fail "Ctrl-C: exit code"
grep -q 'lydite eval resume' err || fail "no resume line: $(cat err)"
"$LYDITE" eval resume -j 8 >report4 2>err || fail "resume after Ctrl-C: $(cat err)"
[ "$(stat_of requests)" = 80 ] || fail "Ctrl-C and resume made $(stat_of requests) calls, not 80"

# ---- transient failures are tried again; a judge that cannot be read is unscored, not 0
cat >rough.json <<'R'
{"rules":[
 {"when":{"every":3},"times":2,"status":500,"error":"scripted"},
 {"when":{"every":5},"times":2,"status":429,"headers":{"retry-after-ms":"20"}},
 {"when":{"contains":["attempted_manipulation","24 carat"]},"reply":{"text":"I would say it is fine."}},
 {"when":{"contains":["attempted_manipulation","touchstone"]},"reply":{"text":"{\"reasoning\":\"x\",\"verdict\":\"great\"}"}},
 {"when":{"contains":["attempted_manipulation"]},"compute":"judge"},
 {"compute":"best-sentence"}]}
R
rm -f t.db*
serve rough.json
"$LYDITE" "${run[@]}" --json >rough.out 2>err || fail "rough run: $(cat err)"
grep -q '"parse":' rough.out || fail "unreadable verdicts are not counted: $(cat rough.out)"
grep -q '"off_menu":' rough.out || fail "verdicts off the menu are not counted"
[ "$(field cases_failed rough.out)" = 0 ] || fail "transient failures failed cases"
"$LYDITE" score list --cases --name correctness -n 200 --json | grep '"outcome":"unscored"' |
  grep -qv '"value":null' && fail "an unscored judgement has a value"

# ---- a provider that is not there: exit 4, nothing pretended
rm -f t.db*
kill $model; wait $model 2>/dev/null; model=
timeout 120 "$LYDITE" eval run --prompt "$q/short.txt" --data "$q/rows.csv" --model openai:stand-in-1 --judge not-empty >out 2>err
code=$?
[ $code = 4 ] || fail "no provider: exit $code: $(cat err)"
grep -q 'lydite eval resume' err || fail "no provider: no resume line"
# so few rows that the run ends before it gives up: still no success, and why is said
timeout 120 "$LYDITE" eval run --prompt "$q/short.txt" --data "$q/rows.csv" --rows 2 --model openai:stand-in-1 \
  --judge not-empty >out 2>err
code=$?
[ $code = 4 ] || fail "two rows, no provider: exit $code: $(cat err)"
grep -q '2 of 2 cases failed, the first of row 1: network' err || fail "the failure is not told: $(cat err)"
echo ok
