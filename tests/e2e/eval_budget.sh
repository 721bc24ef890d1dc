#!/usr/bin/env bash
# A paid model behind a gateway, a run with a budget: the worst case is held before each call, so two runs
# beside each other never pass one cap, and what stopped goes on.
set -u
dir=$(mktemp -d)
server=
cleanup() {
  [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
  rm -rf "$dir"
}
trap cleanup EXIT
bad() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
cd "$dir" || exit 1
export LYDITE_DB=$dir/t.db OPENAI_API_KEY=stand-in NO_COLOR=1
q=$SOURCE/examples/quickstart
printf '{"rules":[{"compute":"best-sentence"}]}' >rules.json
"$BUILD/bin/model_server" --port 0 --rules rules.json --latency-ms 20 >server.log 2>&1 &
server=$!
end=$((SECONDS + 20))
until port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/p' server.log) && [ -n "$port" ]; do
  [ $SECONDS -lt $end ] && kill -0 $server 2>/dev/null || bad "no server: $(cat server.log)"
  read -r -t 0.05 <> <(:) || true
done
export OPENAI_BASE_URL=http://127.0.0.1:$port/v1

# about $0.005 to $0.02 a call at these prices, the worst case a little more
"$LYDITE" price add --gateway 127.0.0.1 --model 'paid*' input=20 output=100 -q >price.out || bad "price add"
run=(eval run --data "$q/rows.csv" --judge not-empty --no-cache -j 8)

"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-0 >report 2>err || bad "unlimited run: $(cat err)"
full=$("$LYDITE" cost --origin eval --json | sed -n 's/.*"kind":"total","amount_pico":\([0-9]*\).*/\1/p')
[ "${full:-0}" -gt 0 ] || bad "the run cost nothing: $("$LYDITE" cost --origin eval)"

# a budget for evaluations that has room for about half a run more, and two runs at once
limit=$(awk "BEGIN { printf \"%.6f\", $full * 2.2 / 1e12 }")
"$LYDITE" budget set evals --limit "$limit" --per month --origin eval || bad "budget set"
"$LYDITE" "${run[@]}" --prompt "$q/cited.txt" --model openai:paid-1 >r1 2>e1 &
one=$!
"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-2 >r2 2>e2 &
two=$!
wait $one; c1=$?
wait $two; c2=$?
for c in $c1 $c2; do [ "$c" = 0 ] || [ "$c" = 6 ] || bad "exit codes $c1 $c2: $(cat e1 e2)"; done
spent=$("$LYDITE" cost --origin eval --json | sed -n 's/.*"kind":"total","amount_pico":\([0-9]*\).*/\1/p')
awk "BEGIN { exit !($spent <= $limit * 1e12) }" || bad "spent $spent of $limit"
"$LYDITE" budget check evals >/dev/null || bad "the budget was passed"
[ $c1 = 6 ] || [ $c2 = 6 ] || bad "neither run was stopped: $spent of $limit"
grep -hq 'budget:evals has' e1 e2 r1 r2 || bad "the budget is not named: $(cat e1 e2)"

# a budget of one model holds back that model's runs and no other's
"$LYDITE" budget rm evals || bad "budget rm"
half=$(awk "BEGIN { printf \"%.6f\", $full * 0.5 / 1e12 }")
"$LYDITE" budget set one-model --limit "$half" --per month --model paid-3 || bad "budget set"
"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-3 >r3 2>e3; [ $? = 6 ] || bad "the model's budget stopped nothing: $(cat r3 e3)"
grep -hq 'budget:one-model has' e3 r3 || bad "the budget is not named: $(cat e3)"
"$LYDITE" budget check one-model >/dev/null || bad "the model's budget was passed"
"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-4 >r4 2>e4 || bad "another model was stopped: $(cat e4)"

# a budget of a user holds the runs that are made on that user's behalf, and no others
"$LYDITE" budget set ada --limit "$half" --per month --user ada || bad "budget set"
LYDITE_USER=ada "$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-5 >r5 2>e5; [ $? = 6 ] || bad "the user's budget stopped nothing: $(cat r5 e5)"
grep -hq 'budget:ada has' e5 r5 || bad "the budget is not named: $(cat e5)"
"$LYDITE" budget check ada >/dev/null || bad "the user's budget was passed"
LYDITE_USER=eve "$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-6 >r6 2>e6 || bad "another user was stopped: $(cat e6)"
"$LYDITE" cost --origin eval --by user --json >users; grep -q '"user":"eve"' users || bad "eve's calls are not booked on her: $(cat users)"

echo ok
