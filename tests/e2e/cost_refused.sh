#!/usr/bin/env bash
# What cannot be meant is refused, and what could mean two things is not guessed: spans to explain, times,
# prices of one's own.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAIL: $*"; exit 1; }
export LYDITE_DB=$dir/t.db NO_COLOR=1
# refused CODE PATTERN ARGUMENT...
refused() {
    local want=$1 pattern=$2 got
    shift 2
    "$LYDITE" "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    [ $got = "$want" ] || { cat "$dir/out" "$dir/err"; fail "exit $got, expected $want: $*"; }
    grep -q -e "$pattern" "$dir/err" || { cat "$dir/err"; fail "not told '$pattern': $*"; }
}
span() { # TRACE SPAN
    printf '{"traceId":"%s","spanId":"%s","name":"chat","startTimeUnixNano":"1795000000000000000","endTimeUnixNano":"1795000001000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-5"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000000"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"0"}}]}' "$1" "$2"
}
t1=aaaa0000000000000000000000000001 t2=bbbb0000000000000000000000000002
printf '{"resourceSpans":[{"scopeSpans":[{"spans":[%s,%s,%s,%s,%s]}]}]}' "$(span $t1 cafe000000000001)" "$(span $t1 cafe000000000002)" \
    "$(span $t2 cafe000000000002)" "$(span $t2 aaaa000000000003)" "$(span $t2 dddd000000000004)" >"$dir/in.json"
"$LYDITE" trace import "$dir/in.json" -q || fail import

refused 3 'write more digits' cost explain cafe
refused 3 'write TRACE/SPAN' cost explain cafe000000000002
refused 3 'write TRACE/SPAN' span show cafe000000000002
refused 3 'a span and a trace begin so' cost explain aaaa
refused 3 'no such' cost explain 12345678
for good in dddd $t1/cafe000000000002 bbbb/cafe cafe000000000001 aaaa000000000003 bbbb @last; do
    "$LYDITE" cost explain "$good" >"$dir/out" 2>&1 || { cat "$dir/out"; fail "explain $good"; }
    grep -q 'charged \$1.25' "$dir/out" || { cat "$dir/out"; fail "explain $good"; }
done

refused 2 'is not after --since' cost --since 2026-11-20 --until 2026-11-01
refused 2 'is not after --since' cost --since today --until today
refused 2 'is not after --since' cost reconcile --since 2026-11-20 --until 2026-11-01 /dev/null
refused 2 'is not after --since' trace list --since 2026-11-20 --until 2026-11-01
refused 2 'takes no --by' cost --per trace --by model
refused 2 'is not after --from' price add --provider openai --model gpt-5 --from 2026-11-20 --to 2026-11-01 input=1
refused 2 'free stands alone' price add --provider openai --model gpt-5 free input=1
refused 0 "no access key is called 'nosuch'" price add --key nosuch --provider openai input=1
[ "$(grep -c . "$dir/out")" = 1 ] && grep -qx 'own-1' "$dir/out" || fail "the name of the price alone on the output"
"$LYDITE" auth add team >/dev/null 2>&1 || fail "auth add"
"$LYDITE" price add --key team --provider openai input=1 2>&1 | grep -q 'no access key' && fail "a key that is one"

"$LYDITE" price add --provider openai --model gpt-5 input=1 -q >/dev/null || fail "price add"
"$LYDITE" price add --provider acme --model solo-1 input=3 output=4 -q >/dev/null || fail "price add"
"$LYDITE" price show gpt-5 | grep -q '^own-3 ' || { "$LYDITE" price show gpt-5; fail "the own price of a model whose provider is not named"; }
"$LYDITE" price show solo-1 | grep -q '^own-4 ' || fail "the own price of a model that no book has"
"$LYDITE" price show gpt-5 --provider openai --key team | grep -q '^own-3 \|^own-2 ' || fail "price show --key"
refused 3 'search' price show nobody-has-this

"$LYDITE" cost --per trace --since 2026-11 --json >"$dir/out" || fail "cost --per"
grep -q '"kind":"spread","per":"trace","from":"2026-11-01T00:00:00Z","until":"2026-12-01T00:00:00Z","tz":"UTC","n":2' "$dir/out" || { cat "$dir/out"; fail "cost --per --json"; }
"$LYDITE" cost --per session --since 2001 --fail-empty >/dev/null; [ $? = 1 ] || fail "--fail-empty of --per"

# a web page and what is no book change nothing
printf '\n<!DOCTYPE html><html>not found</html>' >"$dir/page"
refused 3 'a web page, not a price book' price import "$dir/page"
printf '[{"id":"x","models":[' >"$dir/cut.json"
refused 3 'cut.json' price import "$dir/cut.json"
refused 4 'connect' price update http://127.0.0.1:1/data.json
"$LYDITE" price list --books | grep -q 'in force: the compiled-in book' || fail "a refused book is in force"

# hours of LiteLLM's list are not applied, and that is told
printf '{"deepseek/d1":{"litellm_provider":"deepseek","mode":"chat","input_cost_per_token":1e-06,"output_cost_per_token":2e-06,"off_peak_pricing":{"hours_utc":"10:00-01:00","input_cost_per_token":5e-07}}}' >"$dir/hours.json"
refused 0 'off_peak_pricing is not applied' price import "$dir/hours.json"
"$LYDITE" price show d1 --provider deepseek | grep -q 'note: not applied: off_peak_pricing' || fail "the note of a price with hours"
echo ok
