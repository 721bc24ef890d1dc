#!/usr/bin/env bash
# What every command owes its user beyond its answer: a word of what is missing or unknown, an exit code that
# says what happened, an end when nobody reads any more.
set -u
lydite=${LYDITE:?}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export HOME=$tmp XDG_CONFIG_HOME=$tmp/config XDG_DATA_HOME=$tmp/data LC_ALL=C.UTF-8 LYDITE_DB=$tmp/t.db NO_COLOR=1
cd "$tmp" || exit 1
bad=0
complain() { echo "$1"; bad=1; }
expect() { # code what-stderr-says command...
  local code=$1 says=$2 got
  shift 2
  "$lydite" "$@" >out 2>err </dev/null; got=$?
  [ $got = "$code" ] || complain "lydite $* exits $got, not $code: $(cat err)"
  [ -z "$says" ] || grep -qF -- "$says" err || complain "lydite $*: \"$says\" is not in: $(cat err)"
}

now=$(date +%s)
span() { # trace-digit start name attributes
  printf '{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"%s","kind":1,"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d500000000","attributes":[%s]}]}]}]}\n' \
    "$1" "$1" "$3" "$2" "$2" "$4"
}
chat='{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}}'
{ span 1 $((now - 120)) first "$chat"; span 2 $((now - 60)) second "$chat,{\"key\":\"lydite.span.type\",\"value\":{\"stringValue\":\"generation\"}}"; } >in.jsonl
"$lydite" trace import -q in.jsonl || complain "import"

# The argument that is missing is named; what is unknown is said to be.
printf 'Answer: {{question}}\n' >answer.txt
"$lydite" prompt put answer.txt >out 2>&1 || complain "prompt put: $(cat out)"
expect 2 "ALIAS is missing: lydite prompt rollback NAME ALIAS" prompt rollback nope
expect 2 "NAME is missing" prompt rollback
expect 2 "CMD is missing" run
expect 3 "no prompt nope" prompt rollback nope production
expect 3 "answer has no alias production" prompt rollback answer production
expect 2 'no key "foo"; expected type status model' trace list foo:bar
expect 2 'no key "modle"; expected model' trace list modle:gpt-4o
expect 2 'no key "tol"; expected tool' trace list tol:x

# Two runs are compared, not one with itself; a review that nobody answers did not happen.
printf 'question,a\none,x\ntwo,y\n' >rows.csv
"$lydite" eval run --data rows.csv --target column:a --judge not-empty >out 2>&1 || complain "eval run: $(cat out)"
expect 2 "are one run" eval compare @last @last
expect 6 "lydite eval review @last" eval review @last
[ "$(printf 'y\ny\n' | "$lydite" eval review @last 2>&1 | tail -n 1 | cut -d' ' -f1)" = 2 ] || complain "eval review takes no labels"
expect 0 "" eval review @last
mkdir far
cp answer.txt far/answer.txt
env -u OPENAI_API_KEY -u ANTHROPIC_API_KEY "$lydite" eval plan --prompt "$tmp/far/answer.txt" --data rows.csv --model openai:gpt-4o --judge correctness --judge-model anthropic:claude-sonnet-4-5 >out 2>err || complain "plan: $(cat err)"
grep -q '^answer openai:gpt-4o ' out || complain "eval plan names steps by paths: $(cat out)"

# A generation without messages: the advice is the client's own.
"$lydite" span show 0000000000000002 >out 2>&1
grep -q lydite_add_message out || complain "liblydite is not advised in its own words: $(cat out)"
"$lydite" span show 0000000000000001 | grep -q OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT || complain "no advice for others"

# -f ends at once when its reader has gone, with the code of a closed pipe, though there is nothing to print.
for list in trace span session; do
  # shellcheck disable=SC2216
  timeout 60 "$lydite" $list list -f | true
  [ "${PIPESTATUS[0]}" = 141 ] || complain "$list list -f does not see that its reader has gone"
done
timeout 60 "$lydite" trace list -f -n 1 | head -n 1 >out
[ "${PIPESTATUS[0]}" = 141 ] && grep -q second out || complain "trace list -f -n 1: $(cat out)"
expect 2 "--since" span list -f -n 3

# An answer that could not be written is said, whatever it was.
if [ -w /dev/full ]; then
  for what in "trace list" "trace show @last" "trace list --json" "trace stats" "cost" "trace export" "doctor"; do
    # shellcheck disable=SC2086
    "$lydite" $what >/dev/full 2>err; code=$?
    [ $code -ne 0 ] && grep -q 'could not be written' err || complain "$what on a full disk: $code $(cat err)"
  done
fi
exit $bad
