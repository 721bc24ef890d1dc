#!/usr/bin/env bash
# `lydite connect`: the lines name the ports of the collector that runs, and --check says what is missing in
# the first span that comes.
set -eu
. "$(dirname "$0")/lib/kit.sh"
need curl
export LYDITE_DB=$dir/t.db

"$LYDITE" connect >"$dir/list" 2>/dev/null
for client in otel openai anthropic langchain llamaindex pydantic-ai traceloop phoenix langfuse mlflow \
              claude-code codex gemini-cli; do
    grep -q "^$client " "$dir/list" || fail "$client is not listed"
done
"$LYDITE" connect nobody 2>/dev/null && fail "an unknown client is accepted"
"$LYDITE" connect openai --language python | grep -q 'untried' && fail "python is marked untried"
"$LYDITE" connect mlflow --language typescript | grep -q 'untried' || fail "MLflow for TypeScript is not marked untried"

collector "$dir/collect.log"
names_port() { "$LYDITE" connect otel >"$dir/otel" 2>/dev/null; grep -q "OTLP_ENDPOINT=http://127.0.0.1:$http\b" "$dir/otel"; }
await 10 names_port || fail "the collector's port is not named: $(cat "$dir/otel")"

send() { # attributes...
    now=$(date +%s%N)
    id=$(printf '%016x' "$now")
    curl -sf -H 'Content-Type: application/json' "http://127.0.0.1:$http/v1/traces" -d "{\"resourceSpans\":[{\"resource\":{\"attributes\":[$2]},\"scopeSpans\":[{\"scope\":{\"name\":\"t\"},\"spans\":[{\"traceId\":\"$id$id\",\"spanId\":\"$id\",\"name\":\"chat m\",\"kind\":3,\"startTimeUnixNano\":\"$now\",\"endTimeUnixNano\":\"$((now + 1000000))\",\"attributes\":[$1]}]}]}]}" >/dev/null
}
# The span must come after the wait began, or it is not the first new one.
waits() { await 30 grep -q 'waiting for' "$dir/waits" || fail "--check does not begin to wait"; }
attr() { printf '{"key":"%s","value":{"%s":"%s"}}' "$1" "$2" "$3"; }

: >"$dir/waits"
"$LYDITE" connect openai --check --wait 60 >"$dir/check" 2>"$dir/waits" &
checker=$!
waits
send "$(attr gen_ai.operation.name stringValue chat)" ""
code=0; wait "$checker" || code=$?
[ "$code" = 1 ] || { cat "$dir/check"; fail "a span without anything passes: exit $code"; }
for what in model "token counts" messages "service name" session; do
    grep -q "missing: $what" "$dir/check" || { cat "$dir/check"; fail "\"$what\" is not said to be missing"; }
done

: >"$dir/waits"
"$LYDITE" connect openai --check --wait 60 --json >"$dir/check" 2>"$dir/waits" &
checker=$!
waits
send "$(attr gen_ai.operation.name stringValue chat),$(attr gen_ai.request.model stringValue gpt-4o),$(attr gen_ai.usage.input_tokens intValue 5),$(attr gen_ai.usage.output_tokens intValue 2),$(attr session.id stringValue s1),$(attr gen_ai.input.messages stringValue hi)" "$(attr service.name stringValue svc)"
code=0; wait "$checker" || code=$?
[ "$code" = 0 ] || { cat "$dir/check"; fail "a complete span does not pass: exit $code"; }
grep -q '"missing":\[\]' "$dir/check" || { cat "$dir/check"; fail "the JSON is not as documented"; }

code=0; "$LYDITE" connect --check --wait 1 >/dev/null 2>&1 || code=$?
[ "$code" = 1 ] || fail "waiting in vain exits $code"
