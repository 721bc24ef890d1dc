#!/usr/bin/env bash
# Two instrumentations that tell of one call in two traces: doctor says so, with the tokens that are too many;
# equal calls that one instrumentation made at one time are two calls.
set -eu
. "$(dirname "$0")/lib/kit.sh"

span() { # trace span name start_ms end_ms in out [more attributes]
    printf '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"t"},"spans":[{"traceId":"%032x","spanId":"%016x","name":"%s","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"%d"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"%d"}}%s]}]}]}]}\n' \
        "$1" "$2" "$3" $((1795280000000000000 + $4 * 1000000)) $((1795280000000000000 + $5 * 1000000)) "$6" "$7" "${8-}"
}
id() { printf ',{"key":"gen_ai.response.id","value":{"stringValue":"%s"}}' "$1"; }

{   span 1 1 "chat gpt-4o" 0 100 20 8      # equal calls in parallel, told alike
    span 2 2 "chat gpt-4o" 10 90 20 8
    span 3 3 ChatOpenAI 1000 1100 20 8     # other counts
    span 4 4 ChatCompletion 1010 1090 21 8
    span 5 5 ChatOpenAI 2000 2100 20 8     # one after the other
    span 6 6 ChatCompletion 2200 2290 20 8
    span 7 7 ChatOpenAI 3000 3100 20 8 "$(id a)"   # two ids
    span 8 8 ChatCompletion 3010 3090 20 8 "$(id b)"
} >"$dir/apart.jsonl"
"$LYDITE" trace import -q --db "$dir/a.db" "$dir/apart.jsonl" >/dev/null || fail "import"
"$LYDITE" doctor --db "$dir/a.db" >"$dir/out" 2>&1 || true
grep -q 'looked at the newest 8' "$dir/out" || { cat "$dir/out"; fail "the traces are not looked at"; }
grep -q 'twice' "$dir/out" && { cat "$dir/out"; fail "different calls are called one"; }

{   span 1 1 ChatOpenAI 0 100 20 8
    span 2 2 ChatCompletion 10 90 20 8
    span 3 3 anthropic.chat 1000 1100 30 9 "$(id m1)"    # one id, and counts that differ by one
    span 4 4 anthropic.messages.create 1010 1090 30 8 "$(id m1)"
} >"$dir/twins.jsonl"
"$LYDITE" trace import -q --db "$dir/b.db" "$dir/twins.jsonl" >/dev/null || fail "import"
"$LYDITE" doctor --db "$dir/b.db" >"$dir/out" 2>&1 || true
grep -q 'warn  twice .*2 model calls are counted in two traces, 66 tokens too many' "$dir/out" ||
    { cat "$dir/out"; fail "the twins are not found"; }
