#!/usr/bin/env bash
# Several processes write the one file: a collector under load, an evaluation, `prompt put` and
# `score add` beside it. All succeed, all is there, nothing ever says "locked".
set -u
. "$(dirname "$0")/lib/kit.sh"
need curl
lydite=$LYDITE bin=$BUILD/bin tmp=$dir
unset LYDITE_DB LYDITE_ENDPOINT
export OPENAI_API_KEY=stand-in

db=$tmp/w.db
collector "$tmp/collect.log" --db "$db"
model "$SOURCE/examples/quickstart/rules.json" --latency-ms 5

# load: 150 posts of 20 spans each
python3 - "$http" >"$tmp/load.log" 2>&1 <<'P' &
import json, os, sys, time, urllib.request
sent = 0
for n in range(150):
    now = time.time_ns()
    trace = os.urandom(16).hex()
    spans = [{"traceId": trace, "spanId": os.urandom(8).hex(), "name": "chat m", "kind": 3,
              "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000000),
              "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                             {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "10"}}]} for _ in range(20)]
    body = json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}).encode()
    for attempt in range(20):
        try:
            r = urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:%s/v1/traces" % sys.argv[1], data=body,
                                       headers={"Content-Type": "application/json"}))
            assert r.read() == b"{}"
            sent += 20
            break
        except urllib.error.HTTPError as e:
            if e.code != 503:
                raise
            time.sleep(0.1)
print(sent)
P
load=$!
"$lydite" eval run --db "$db" --prompt "$SOURCE/examples/quickstart/short.txt" --prompt "$SOURCE/examples/quickstart/cited.txt" \
  --data "$SOURCE/examples/quickstart/rows.csv" --model "openai:stand-in-1@http://127.0.0.1:$port/v1" --judge correctness \
  --judge 'contains:{{keyword}}' >"$tmp/eval.out" 2>"$tmp/eval.err" &
eval_pid=$!
for n in $(seq 15); do
  printf 'version %s of {{x}}\n' "$n" >"$tmp/p.txt"
  "$lydite" prompt put --db "$db" --name busy "$tmp/p.txt" >>"$tmp/put.out" 2>>"$tmp/put.err" || fail "prompt put failed"
done
await 20 sh -c "'$lydite' trace list --db '$db' -n 1 --json 2>/dev/null | grep -q trace_id" || fail "no trace arrived"
trace=$("$lydite" trace list --db "$db" -n 1 --json | sed -n 's/.*"trace_id":"\([0-9a-f]*\)".*/\1/p')
for n in $(seq 15); do
  "$lydite" score add --db "$db" --value "0.$n" "$trace" helpful >>"$tmp/score.out" 2>>"$tmp/score.err" || fail "score add failed"
done
wait $load || fail "the load failed"
wait $eval_pid || fail "the evaluation failed"
[ "$(tail -n 1 "$tmp/load.log")" = 3000 ] || fail "not all of the load was accepted"
stored() { [ "$("$lydite" sql --db "$db" --csv 'SELECT count(*) FROM v_spans WHERE name = '"'chat m'" | tail -n 1 | tr -d '\r')" = 3000 ]; }
stored || fail "not 3000 spans are stored"
[ "$("$lydite" prompt log --db "$db" busy --json | grep -c '"version"')" = 15 ] || fail "not 15 versions"
[ "$("$lydite" score list --db "$db" --json "$trace" | grep -c '"name":"helpful"')" = 15 ] || fail "not 15 scores"
grep -q '40 of 40' "$tmp/eval.out" || fail "the evaluation is not whole"
if grep -il locked "$tmp"/*.err "$tmp"/*.out "$tmp"/*.log; then fail "something says locked"; fi
echo "five writers, one file"
