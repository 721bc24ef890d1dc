#!/usr/bin/env bash
# Live mode from the tracer to the terminal: a step is shown while it runs, counts in no total, is replaced
# by its ended record whichever came first, and is lost when its process fell silent.
set -eu
. "$(dirname "$0")/lib/kit.sh"
need python3
collector= agent=
export LYDITE_DB=$dir/t.db HOME=$dir XDG_DATA_HOME=$dir LYDITE_LIVE=1
export LD_LIBRARY_PATH=$BUILD/lib LYDITE_EXPORTER_PATH=$BUILD/lib/liblydite-otlp.so
unset OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_PROTOCOL TRACEPARENT 2>/dev/null || true
cd "$dir"

collector collect.log
export LYDITE_ENDPOINT=http://127.0.0.1:$grpc

run_agent() { # starts it; returns when its second call runs and the collector has the start record
    rm -f go; mkfifo go
    "$BUILD/bin/tracer_guest" live <go >said 2>err &
    agent=$!
    exec 9>go
    for _ in $(seq 400); do grep -q running said && break; sleep 0.05; done
    grep -q running said || fail "the agent did not start"
    for _ in $(seq 200); do
        trace=$("$LYDITE" trace list --json | sed -n 's/.*"trace_id":"\([0-9a-f]*\)".*live agent.*/\1/p' | head -n 1)
        [ -n "$trace" ] && "$LYDITE" trace show "$trace" | grep -q 'second call.*running' && return
        sleep 0.05
    done
    fail "the start record did not arrive"
}
status() { # name: its status in JSON
    "$LYDITE" trace show "$trace" --json | python3 -c '
import json, sys
print(*[s["status"] for s in map(json.loads, sys.stdin) if s["kind"] == "span" and s["name"] == sys.argv[1]])' "$1"
}
tokens_in() { "$LYDITE" trace show "$trace" --json | head -n 1 | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["tokens_in"])'; }

run_agent
"$LYDITE" trace show "$trace" >show
grep -q 'second call.*running' show && grep -q 'live agent.*running' show || fail "not shown as running"
grep -q 'first call.*running' show && fail "an ended step is shown as running"
grep -q ', 2 running' show || fail "the running steps are not counted apart"
[ "$(status 'chat second call')" = pending ] && [ "$(status 'chat first call')" != pending ] || fail "status in JSON"
[ "$(tokens_in)" = 100 ] || fail "a running step counts: $(tokens_in) tokens, want 100"
"$LYDITE" trace list 'status:pending' --json | grep -q "$trace" || fail "status:pending does not find it"
"$LYDITE" trace list 'status:lost' --json | grep -q "$trace" && fail "status:lost finds what runs"
old=$("$LYDITE" trace list --json | sed -n 's/.*"trace_id":"\([0-9a-f]*\)".*"name":"old".*/\1/p' | head -n 1)
[ -n "$old" ] || fail "the trace that began first is not there"

# One word of a process is a sign of life for all its steps: made older, all are lost; then it speaks.
age() { python3 - "$LYDITE_DB" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
old = 40 * 10**9
db.execute("UPDATE resource SET heard_ns = heard_ns - ?1", (old,))
db.execute("UPDATE trace SET seen_ns = seen_ns - ?1, start_ns = start_ns - ?1, end_ns = end_ns - ?1", (old,))
db.execute("UPDATE span SET start_ns = start_ns - ?1", (old,))
db.commit()
PY
}
age
"$LYDITE" trace list 'status:lost' --json | grep -q "$trace" || fail "status:lost does not find it"
"$LYDITE" trace list 'status:pending' --json | grep -q "$trace" && fail "status:pending finds the lost"
[ "$("$LYDITE" sql "SELECT count(*) FROM v_spans WHERE status = 'lost'" --plain | grep -c 3)" = 1 ] || fail "v_spans does not say lost"
for _ in $(seq 600); do [ "$(status 'chat second call')" = pending ] && break; sleep 0.1; done
[ "$(status 'chat second call')" = pending ] || fail "no sign of life"
"$LYDITE" trace show "$old" | grep -q 'old.*running' || fail "the older trace of a living process is lost"
echo >&9; exec 9>&-
wait "$agent" || fail "the agent ended with $?"
"$LYDITE" trace show "$trace" >show
grep -q 'running' show && fail "still running after its end"
[ "$(tokens_in)" = 300 ] || fail "after the end: $(tokens_in) tokens, want 300"
[ "$("$LYDITE" trace show "$trace" --json | grep -c '"kind":"span"')" = 3 ] || fail "a start record became a span of its own"

# The other order: a start record that comes after the ended one changes nothing.
before=$("$LYDITE" trace show "$trace" --json | grep '"chat second call"')
python3 - "$trace" "$before" >late.json <<'PY'
import json, sys
span = json.loads(sys.argv[2])
print(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": sys.argv[1], "spanId": span["span_id"], "parentSpanId": span["parent_id"],
    "name": span["name"], "startTimeUnixNano": "1790000000000000000",
    "attributes": [{"key": "lydite.span.pending", "value": {"boolValue": True}}]}]}]}]}))
PY
curl -fsS -H 'Content-Type: application/json' --data @late.json "http://127.0.0.1:$http/v1/traces" >/dev/null || fail "late start record"
[ "$("$LYDITE" trace show "$trace" --json | grep '"chat second call"')" = "$before" ] || fail "a late start record replaced the ended one"

# Killed: running at first, lost once nothing was heard for long (the records are made older, not waited for).
run_agent
kill -KILL "$agent"; wait "$agent" 2>/dev/null || true; agent=; exec 9>&-
[ "$(status 'chat second call')" = pending ] || fail "just killed: $(status 'chat second call')"
kill -TERM "$collector"; wait "$collector" || fail "the collector ended with $?"; collector=
age
"$LYDITE" trace show "$trace" >show
grep -q 'second call.*lost' show && grep -q ', 2 lost' show || fail "not lost"
grep -q 'running' show && fail "still running"
[ "$(status 'chat second call')" = lost ] && [ "$(status 'chat first call')" != lost ] || fail "lost in JSON"
[ "$(tokens_in)" = 100 ] || fail "a lost step counts"
echo "live_mode: ok"
