#!/usr/bin/env bash
# lydite run: environment of the child, exit codes, signals, output untouched, what is shown.
set -u
. "$(dirname "$0")/lib/kit.sh"
need curl
cd "$dir" || exit 1
db=$dir/t.db

cat >agent.sh <<'AGENT'
echo "out $OTEL_EXPORTER_OTLP_PROTOCOL $OTEL_SERVICE_NAME $OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT $TRACELOOP_TRACE_CONTENT"
echo "err ${LYDITE_ENDPOINT:+grpc} ${OTEL_EXPORTER_OTLP_TRACES_ENDPOINT-unset}" >&2
now=$(date +%s%N)
curl -s -o answer -X POST -H 'Content-Type: application/json' "$OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces" --data \
 '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef",
 "name":"chat gpt-4o","startTimeUnixNano":"'$now'","endTimeUnixNano":"'$((now + 5000000))'","attributes":[
 {"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},
 {"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"10"}}]}]}]}]}'
exit "${1:-0}"
AGENT

export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/elsewhere
"$LYDITE" run --db "$db" -- bash agent.sh 7 >out 2>err
[ $? = 7 ] || fail "exit code of the child"
[ "$(cat out)" = "out http/protobuf agent.sh true true" ] || fail "stdout: $(cat out)"
grep -q '^err grpc unset$' err || fail "stderr of the child: $(cat err)"
grep -q 'G chat gpt-4o' err || fail "no tree: $(cat err)"
grep -q '\$0.0026' err || fail "no cost: $(cat err)"
[ "$(cat answer)" = '{}' ] || fail "answer: $(cat answer)"

OTEL_SERVICE_NAME=mine "$LYDITE" run -q --db "$db" -- bash agent.sh >out 2>err || fail "second run"
[ "$(cat out)" = "out http/protobuf mine true true" ] || fail "a name that is set stays: $(cat out)"
[ "$(wc -l <err)" = 1 ] || fail "-q is not quiet: $(cat err)"

"$LYDITE" run --db "$db" -- true 2>err || fail "true"
grep -q 'lydite connect' err || fail "no span, no hint: $(cat err)"
"$LYDITE" run --db "$db" -- ./nothing-here 2>err; [ $? = 127 ] || fail "127"
"$LYDITE" run --db "$db" -- /etc/passwd 2>err; [ $? = 126 ] || fail "126"
"$LYDITE" run --db /proc/nowhere/t.db -- true 2>err; [ $? = 125 ] || fail "125"

# A signal sent to us reaches the child; its end by a signal is 128 + n.
"$LYDITE" run -q --db "$db" -- bash -c 'trap "exit 9" TERM; touch ready; while :; do sleep 0.05; done' 2>/dev/null &
pid=$!
for _ in $(seq 200); do [ -e ready ] && break; sleep 0.05; done
kill -TERM $pid; wait $pid; [ $? = 9 ] || fail "signal not forwarded"
pid=
"$LYDITE" run -q --db "$db" -- bash -c 'kill -KILL $$' 2>/dev/null; [ $? = 137 ] || fail "137"

# With a collector of this database running, that one is used.
collector collect.log --db "$db"
pid=$collector
"$LYDITE" run --db "$db" -- bash agent.sh >out 2>err || fail "run beside collect: $(cat err)"
"$LYDITE" status --db "$db" | grep -q 'merged 0' || fail "status"
"$LYDITE" status --db "$db" --json | grep -q '"received":1,' || fail "the running collector was not used"
kill -TERM $pid; wait $pid; [ $? = 0 ] || fail "collect ends with 0 when told to stop"
pid=
[ ! -e "$db.collector" ] || fail "runtime file left"
echo ok
