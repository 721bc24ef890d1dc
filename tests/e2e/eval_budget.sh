#!/usr/bin/env bash
# A paid model behind a gateway, a run with a budget: the worst case is held before each call, so two runs
# beside each other never pass one cap, and what stopped goes on.
set -u
. "$(dirname "$0")/lib/kit.sh"
cd "$dir" || exit 1
export LYDITE_DB=$dir/t.db OPENAI_API_KEY=stand-in NO_COLOR=1
q=$SOURCE/examples/quickstart
printf '{"rules":[{"compute":"best-sentence"}]}' >rules.json
model rules.json --latency-ms 20

# about $0.005 to $0.02 a call at these prices, the worst case a little more
"$LYDITE" price add --gateway 127.0.0.1 --model 'paid*' input=20 output=100 -q >price.out || fail "price add"
run=(eval run --data "$q/rows.csv" --judge not-empty --no-cache -j 8)

"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-0 >report 2>err || fail "unlimited run: $(cat err)"
full=$("$LYDITE" cost --origin eval --json | sed -n 's/.*"kind":"total","amount_pico":\([0-9]*\).*/\1/p')
[ "${full:-0}" -gt 0 ] || fail "the run cost nothing: $("$LYDITE" cost --origin eval)"

# a budget for evaluations that has room for about half a run more, and two runs at once
limit=$(awk "BEGIN { printf \"%.6f\", $full * 2.2 / 1e12 }")
"$LYDITE" budget set evals --limit "$limit" --per month --origin eval || fail "budget set"
"$LYDITE" "${run[@]}" --prompt "$q/cited.txt" --model openai:paid-1 >r1 2>e1 &
one=$!
"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-2 >r2 2>e2 &
two=$!
wait $one; c1=$?
wait $two; c2=$?
for c in $c1 $c2; do [ "$c" = 0 ] || [ "$c" = 6 ] || fail "exit codes $c1 $c2: $(cat e1 e2)"; done
spent=$("$LYDITE" cost --origin eval --json | sed -n 's/.*"kind":"total","amount_pico":\([0-9]*\).*/\1/p')
awk "BEGIN { exit !($spent <= $limit * 1e12) }" || fail "spent $spent of $limit"
"$LYDITE" budget check evals >/dev/null || fail "the budget was passed"
[ $c1 = 6 ] || [ $c2 = 6 ] || fail "neither run was stopped: $spent of $limit"
grep -hq 'budget:evals has' e1 e2 r1 r2 || fail "the budget is not named: $(cat e1 e2)"

# a budget of one model holds back that model's runs and no other's
"$LYDITE" budget rm evals || fail "budget rm"
half=$(awk "BEGIN { printf \"%.6f\", $full * 0.5 / 1e12 }")
"$LYDITE" budget set one-model --limit "$half" --per month --model paid-3 || fail "budget set"
"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-3 >r3 2>e3; [ $? = 6 ] || fail "the model's budget stopped nothing: $(cat r3 e3)"
grep -hq 'budget:one-model has' e3 r3 || fail "the budget is not named: $(cat e3)"
"$LYDITE" budget check one-model >/dev/null || fail "the model's budget was passed"
"$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-4 >r4 2>e4 || fail "another model was stopped: $(cat e4)"

# a budget of a user holds the runs that are made on that user's behalf, and no others
"$LYDITE" budget set ada --limit "$half" --per month --user ada || fail "budget set"
LYDITE_USER=ada "$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-5 >r5 2>e5; [ $? = 6 ] || fail "the user's budget stopped nothing: $(cat r5 e5)"
grep -hq 'budget:ada has' e5 r5 || fail "the budget is not named: $(cat e5)"
"$LYDITE" budget check ada >/dev/null || fail "the user's budget was passed"
LYDITE_USER=eve "$LYDITE" "${run[@]}" --prompt "$q/short.txt" --model openai:paid-6 >r6 2>e6 || fail "another user was stopped: $(cat e6)"
"$LYDITE" cost --origin eval --by user --json >users; grep -q '"user":"eve"' users || fail "eve's calls are not booked on her: $(cat users)"

echo ok
