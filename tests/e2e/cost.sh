#!/usr/bin/env bash
# Spans posted to `lydite collect`, figures read back: report, explain, prices, reprice, reconcile, budgets
# and a webhook that is told once.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3 curl
export LYDITE_DB=$dir/t.db
unset TZ


collector "$dir/collect.log" --grpc-port -1 --http-port 0
url=http://127.0.0.1:$http
await 20 curl -sf "$url/readyz" || fail "not ready"

cat >"$dir/spans.py" <<'PY'
import json, sys, time
now = int(time.time() * 1e9)
def value(v):
    return {"intValue": str(v)} if isinstance(v, int) else {"doubleValue": v} if isinstance(v, float) else {"stringValue": v}
count = 0
def span(trace, parent="", **attrs):
    global count
    count += 1
    return {"traceId": "%032x" % (0xabc0 + trace), "spanId": "%016x" % (0x1000 + count), "parentSpanId": parent, "name": "chat",
            "kind": 3, "startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now),
            "attributes": [{"key": k.replace("__", "."), "value": value(v)} for k, v in attrs.items()]}
def chat(trace, provider, model, i, o, parent="", **more):
    return span(trace, parent, gen_ai__operation__name="chat", gen_ai__provider__name=provider, gen_ai__request__model=model,
                gen_ai__usage__input_tokens=i, gen_ai__usage__output_tokens=o, **more)
root = span(8, gen_ai__operation__name="invoke_agent", gen_ai__usage__input_tokens=300, gen_ai__usage__output_tokens=60)
spans = [
    chat(1, "openai", "gpt-5", 1000, 500, gen_ai__usage__cache_read__input_tokens=600, session__id="s1", user__id="u1"),
    chat(2, "anthropic", "claude-sonnet-4-5", 2000, 300, gen_ai__usage__cache_read__input_tokens=1000,
         gen_ai__usage__cache_creation__input_tokens=500, session__id="s1"),
    chat(9, "anthropic", "claude-sonnet-4-5", 1000, 100, gen_ai__usage__details__web_search_requests=2, lydite__origin="eval"),
    chat(3, "acme", "nobody-1", 10, 10, user__id="=HYPERLINK(1)"),
    chat(4, "openai", "gpt-5-mini", 5000, 100, server__address="127.0.0.1"),
    chat(5, "openai", "gpt-4o", 1000, 100, gen_ai__usage__cost=0.5),
    chat(7, "openai", "gpt-5", 1000, 100, lydite__origin="judge"),
    root,
    chat(8, "openai", "gpt-5-nano", 100, 20, parent="%016x" % (0x1000 + count)),
    chat(8, "openai", "gpt-5-nano", 200, 40, parent="%016x" % (0x1000 + count - 1)),
]
spans[-1]["parentSpanId"] = root["spanId"]
spans[-2]["parentSpanId"] = root["spanId"]
print(json.dumps({"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
      "scopeSpans": [{"scope": {"name": "t"}, "spans": spans}]}]}))
PY
python3 "$dir/spans.py" >"$dir/body.json"
for _ in 1 2; do # sent twice: counted once
    curl -sf -H 'content-type: application/json' --data-binary @"$dir/body.json" "$url/v1/traces" >/dev/null || fail "post"
done

# check NAME EXPECTED: a value of the --json rows, picked by a Python expression over `rows`
check() {
    local got
    got=$(python3 -c "import json,sys
rows=[json.loads(l) for l in open(sys.argv[1])]
row=lambda kind,**k:[r for r in rows if r.get('kind')==kind and all(r.get(a)==b for a,b in k.items())][0]
print(($2))" "$dir/out" 2>&1)
    [ "$got" = "$3" ] || { cat "$dir/out"; fail "$1: $got, expected $3"; }
}

"$LYDITE" cost --by provider,model --json >"$dir/out" || fail "cost"
# 400*1.25 + 600*.125 + 500*10, per million
check "cached at the cache price" "row('row',model='gpt-5')['amount_usd']" 0.005575
check "cache write" "row('row',model='claude-sonnet-4-5')['amount_usd']" 0.008175
check "roll-up not added to its leaves" "row('row',model='gpt-5-nano')['input_tokens']" 300
check "client's cost goes first" "row('row',model='gpt-4o')['amount_usd']" 0.5
check "unknown is not 0" "row('row',model='nobody-1')['amount_usd']" None
check "unpriced is listed" "row('unpriced')['model'], row('unpriced')['reason']" "('nobody-1', 'unknown_model')"
check "lower bound" "row('total')['lower_bound']" True
check "local apart" "row('row',model='gpt-5-mini')['local_calls'], row('row',model='gpt-5-mini')['amount_pico']" "(1, 0)"
check "judge apart" "row('judge')['calls'], row('judge')['amount_usd']" "(1, '0.00225')"
"$LYDITE" cost --by user --json >"$dir/out" || fail "cost --by user"
check "ungrouped" "row('ungrouped')['calls'], row('row',user='u1')['amount_usd']" "(5, '0.005575')"
"$LYDITE" cost --by user --csv >"$dir/out" || fail "csv"
grep -q "^row,'=HYPERLINK" "$dir/out" || { cat "$dir/out"; fail "a formula in the CSV"; }
# --csv has the rows and the names of --json
for by in user model provider,model; do
    "$LYDITE" cost --by $by --csv >"$dir/csv" || fail "csv"
    "$LYDITE" cost --by $by --json >"$dir/json" || fail "json"
    python3 - "$dir/csv" "$dir/json" <<'PY' || fail "cost --by $by: --csv is not --json"
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
objs = [o for o in map(json.loads, open(sys.argv[2])) if o["kind"] != "report"]
assert len(rows) == len(objs) and {o["kind"] for o in objs} >= {"row", "total", "unpriced", "judge"}, rows
assert "before_usd" in rows[0], rows[0]
for r, o in zip(rows, objs):
    assert set(o) <= set(r), set(o) - set(r)
    for k, v in r.items():
        w = o.get(k)
        assert v == ("" if w is None else w if isinstance(w, str) else json.dumps(w)) or v == "'" + str(w), (k, v, w)
PY
done

"$LYDITE" cost --plain >"$dir/screen" || fail "screen"
grep -q ' $' "$dir/screen" && { cat -A "$dir/screen"; fail "blanks at a line's end"; }
grep -Eq '(^|[^0-9.])1 calls|[0-9]e-[0-9]' "$dir/screen" && { cat "$dir/screen"; fail "a plural of one or an exponent"; }
grep -q 'unpriced: 1 call,' "$dir/screen" || { cat "$dir/screen"; fail "unpriced: 1 call"; }
grep '^openai' "$dir/screen" | grep -q '#' && ! grep -E ' <1% ' "$dir/screen" | grep -q '#' || { cat "$dir/screen"; fail "a bar for less than 1 %"; }
"$LYDITE" budget set tight --limit 0.000000001 --per month -q && "$LYDITE" budget list >"$dir/other" || fail "budget"
grep '^tight' "$dir/other" | grep -q '>9999%' || { cat "$dir/other"; fail "a share no one can read"; }
"$LYDITE" budget rm tight -q || fail "budget rm"
printf 'day,model,usd\n%s,gpt-5-2025-08-07,0.0000001\n' "$(date -u +%Y-%m-%d)" >"$dir/small.csv"
"$LYDITE" cost reconcile "$dir/small.csv" --map date=day,model=model,amount=usd --provider openai -q >"$dir/other"
grep -q '\$0.00000010 .* +\$' "$dir/other" || { cat "$dir/other"; fail "small money, a difference with its sign"; }
awk 'length($0) > 80 { exit 1 }' "$dir/screen" || { cat "$dir/screen"; fail "wider than 80 columns"; }
grep -q 'last month' "$dir/screen" && grep -q 'prices: lydite of' "$dir/screen" || { cat "$dir/screen"; fail "screen"; }

trace=$(printf '%032x' $((0xabc1)))
"$LYDITE" cost explain "$trace" >"$dir/screen" || fail "explain"
grep -q 'cache read  *600' "$dir/screen" && grep -q 'platform.openai.com' "$dir/screen" || { cat "$dir/screen"; fail "explain"; }

today=$(date -u +%Y-%m-%d)
"$LYDITE" cost --by provider,model --since "$today" >"$dir/out" || fail "cost --since a day"
grep -q 'gpt-5-mini' "$dir/out" && grep -q "^Cost from $today 00:00 (UTC)$" "$dir/out" || { cat "$dir/out"; fail "a date is not where the time begins"; }

# tools charged by use: counted where the span says how many, told as unknown where it does not
"$LYDITE" cost explain "$(printf '%032x' $((0xabc9)))" --json >"$dir/out" || fail "explain of tool fees"
check "tool fees" "rows[0]['amount_usd'], rows[0]['unknown_fees'], [c['count'] for c in rows[0]['cells'] if c['name']=='web searches']" "('0.0245', [], [2])"
"$LYDITE" cost explain "$(printf '%032x' $((0xabc2)))" >"$dir/screen"
grep -q 'web searches  *unknown .*not in this amount' "$dir/screen" || { cat "$dir/screen"; fail "an unknown fee is told"; }

# a price of one's own, then history again: difference first, the old line stays
"$LYDITE" price add --provider acme --model nobody-1 input=1 output=2 -q >/dev/null || fail "price add"
"$LYDITE" price add --provider acme --gateway gw.example -q >/dev/null || fail "price add --gateway"
"$LYDITE" price add --provider acme --model tiers-1 input=3 'input>200000=6' output=15 -q >"$dir/out" && grep -qx 'own-3' "$dir/out" || fail "the name of an own price"
"$LYDITE" price list tiers-1 >"$dir/out"; grep -q '^own-3 .*input=3 input>200000=6 output=15$' "$dir/out" && grep -q '^1 row;' "$dir/out" || { cat "$dir/out"; fail "price list"; }
"$LYDITE" price list tiers-1 --json | grep -q '"own_price":3' || fail "price list --json"
"$LYDITE" price show gpt-5 >"$dir/out" && awk 'length($0) > 80 { exit 1 }' "$dir/out" && grep -q 'storage_searches_kcount=2.5$' "$dir/out" || { cat "$dir/out"; fail "price show is not whole in 80 columns"; }
"$LYDITE" price rm own-3 -q || fail "price rm own-3"
"$LYDITE" price list --own | grep -q 'gateway gw.example' || fail "an own price does not say for which gateway it is"
"$LYDITE" price rm 2 -q || fail "price rm"
"$LYDITE" cost reprice --dry-run --json -q >"$dir/out" || fail "reprice --dry-run"
check "difference" "row('row',model='nobody-1')['difference_usd'], len([r for r in rows if r['kind']=='row'])" "('0.00003', 1)"
check "what had no price was not \$0" "row('row',model='nobody-1')['before_usd'], row('row',model='nobody-1')['after_usd']" "(None, '0.00003')"
"$LYDITE" cost reprice -y -q >/dev/null || fail "reprice"
"$LYDITE" cost --by model --json >"$dir/out"
check "repriced" "row('row',model='nobody-1')['amount_usd'], row('total')['lower_bound']" "('0.00003', False)"
"$LYDITE" cost explain --ledger "$(printf '%032x' $((0xabc3)))" >"$dir/screen"
[ "$(grep -c 'ledger line' "$dir/screen")" = 3 ] && grep -q 'reversal of unknown' "$dir/screen" ||
    { cat "$dir/screen"; fail "ledger lines"; }

# a book that cannot be read whole changes nothing
printf '[{"id":"x","name":"x","api_pattern":"","models":[{"id":"a","match":{"equals":"a"},"prices":{"input_mtok":-1}}]}]' >"$dir/bad.json"
"$LYDITE" price import "$dir/bad.json" >/dev/null 2>&1; [ $? = 3 ] || fail "a bad book was taken"
"$LYDITE" price list --books | grep -q 'compiled-in' || fail "the book in force changed"
printf 'provider,model,input,cache_read,output\nopenai,gpt-5,2,1,4\n' >"$dir/book.csv"
(cd "$dir" && exec python3 -c "
import http.server,sys
class H(http.server.SimpleHTTPRequestHandler):
    def log_message(self,*a): pass
    def do_POST(self):
        n=int(self.headers['content-length']); open('hook','ab').write(self.rfile.read(n)+b'\n')
        self.send_response(204); self.end_headers()
s=http.server.ThreadingHTTPServer(('127.0.0.1',0),H); print(s.server_port,flush=True); s.serve_forever()" >"$dir/port") &
await 20 test -s "$dir/port" || fail "no web server"
web=http://127.0.0.1:$(cat "$dir/port")
"$LYDITE" price update "$web/nothing" >/dev/null 2>&1; [ $? = 4 ] || fail "update of nothing"
"$LYDITE" price update "$web/book.csv" -q >/dev/null || fail "update"
"$LYDITE" price show gpt-5 --json >"$dir/out"; grep -q '"input_mtok":"2"' "$dir/out" || fail "updated price"
"$LYDITE" price list --books --json >"$dir/out" && grep -q '"in_force":true' "$dir/out" &&
    python3 -c 'import json,sys; [json.loads(l) for l in open(sys.argv[1])]' "$dir/out" || fail "price list --books --json"
"$LYDITE" price use default -q || fail "price use"

# reconcile
day=$(date -u +%Y-%m-%d)
printf 'day,model,usd\n%s,gpt-5-2025-08-07,0.007825\n%s,gpt-4o,0.5\n%s,gpt-5-nano,0.000039\n' "$day" "$day" "$day" >"$dir/export.csv"
"$LYDITE" cost reconcile "$dir/export.csv" --map date=day,model=model,amount=usd --provider openai --since "$day" --json >"$dir/out" ||
    { cat "$dir/out"; fail "reconcile"; }
"$LYDITE" cost reconcile "$dir/export.csv" --map date=day,model=model,amount=usd --provider openai --since "$day" --csv >"$dir/csv"
head -1 "$dir/csv" | grep -q '^day,model,export_pico,export_usd,.*difference_usd,.*unpriced_calls,reason' || { cat "$dir/csv"; fail "reconcile --csv"; }
printf '%s,gpt-5-pro,3\n' "$day" >>"$dir/export.csv"
"$LYDITE" cost reconcile "$dir/export.csv" --map date=day,model=model,amount=usd --provider openai --json >"$dir/out"
[ $? = 1 ] || fail "a difference must exit 1"
check "reason" "[r['reason'] for r in rows if r['model']=='gpt-5-pro']" "['not_traced']"

# budgets: the collector tells the webhook once
"$LYDITE" budget set small --limit 0.01 --provider openai --per month --webhook "$web/hook" || fail "budget set"
"$LYDITE" budget set large --limit 100 || fail "budget set"
"$LYDITE" budget check large >/dev/null || fail "large budget"
"$LYDITE" budget list >"$dir/screen"; grep -q passed "$dir/screen" || { cat "$dir/screen"; fail "budget list"; }
python3 "$dir/spans.py" | sed 's/abc/abd/g' >"$dir/more.json"
curl -sf -H 'content-type: application/json' --data-binary @"$dir/more.json" "$url/v1/traces" >/dev/null || fail "post"
await 20 test -s "$dir/hook" || { cat "$dir/collect.log"; fail "the webhook was not told"; }
"$LYDITE" budget check >/dev/null 2>&1; [ $? = 1 ] || fail "a passed budget must exit 1"
[ "$(wc -l <"$dir/hook")" = 1 ] || { cat "$dir/hook"; fail "told more than once"; }
grep -q '"event":"budget.passed","budget":"small"' "$dir/hook" || { cat "$dir/hook"; fail "event"; }
"$LYDITE" budget rm small || fail "budget rm"

# a running collector takes changed prices without a signal: added, put in force as a book, removed
cat >"$dir/fresh.py" <<'PY'
import json, sys, time
now, no = int(time.time() * 1e9), int(sys.argv[1])
attrs = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "acme", "gen_ai.request.model": "fresh-1"}
attrs = [{"key": k, "value": {"stringValue": v}} for k, v in attrs.items()]
attrs += [{"key": "gen_ai.usage.%s_tokens" % k, "value": {"intValue": "1000"}} for k in ("input", "output")]
print(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "%032x" % (0xf000 + no), "spanId": "%016x" % (0xf000 + no),
      "name": "chat", "kind": 3, "startTimeUnixNano": str(now - 10**6), "endTimeUnixNano": str(now), "attributes": attrs}]}]}]}))
PY
fresh=0
# priced AS: a call posted now is priced so ("null" = unpriced)
priced() {
    fresh=$((fresh + 1))
    python3 "$dir/fresh.py" $fresh | curl -sf -H 'content-type: application/json' --data-binary @- "$url/v1/traces" >/dev/null || return 1
    "$LYDITE" cost explain --json "$(printf '%032x' $((0xf000 + fresh)))" >"$dir/out" || return 1
    grep -q "\"amount_usd\":$1" "$dir/out"
}
await 20 priced null || { cat "$dir/out"; fail "fresh-1 has a price already"; }
"$LYDITE" price add --provider acme --model fresh-1 input=1 output=2 -q >"$dir/added" || fail "price add"
await 20 priced '"0.003"' || { cat "$dir/out" "$dir/collect.log"; fail "an added price does not count without a signal"; }
printf 'provider,model,input,output\nacme,fresh-1,5,5\nopenai,gpt-5,1.25,10\n' >"$dir/fresh.csv"
"$LYDITE" price rm "$(grep -o '[0-9][0-9]*' "$dir/added" | head -1)" -q || fail "price rm"
await 20 priced null || { cat "$dir/out" "$dir/added"; fail "a removed price still counts"; }
"$LYDITE" price import "$dir/fresh.csv" -q >/dev/null || fail "price import"
await 20 priced '"0.01"' || { cat "$dir/out" "$dir/collect.log"; fail "an imported book does not count without a signal"; }
"$LYDITE" price use default -q || fail "price use"
await 20 priced null || { cat "$dir/out"; fail "the compiled-in book does not count again"; }
echo ok
