#!/usr/bin/env bash
# Money without a collector: imported files, prices by key, exports of providers as their consoles write
# them, days of a zone over a clock change; then a collector that is started again and tells a webhook once.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3 curl
export LYDITE_DB=$dir/t.db
unset TZ

cat >"$dir/spans.py" <<'PY'
import datetime, json, sys
def value(v):
    return {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}
def chat(no, when, provider, model, i, o, **more):
    at = when if isinstance(when, int) else int(datetime.datetime.fromisoformat(when + "+00:00").timestamp() * 1000) * 10**6
    attrs = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
             "gen_ai.usage.input_tokens": i, "gen_ai.usage.output_tokens": o}
    attrs.update({k.replace("__", "."): v for k, v in more.items()})
    return {"traceId": "%032x" % (0xa000 + no), "spanId": "%016x" % (0xa000 + no), "name": "chat", "kind": 3,
            "startTimeUnixNano": str(at), "endTimeUnixNano": str(at + 10**9),
            "attributes": [{"key": k, "value": value(v)} for k, v in attrs.items()]}
def put(spans):
    print(json.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "t"}, "spans": spans}]}]}))
PY
gen() { (cd "$dir" && python3 -c "from spans import *
put([$1])"); }
# check NAME EXPRESSION EXPECTED over the --json rows in $dir/out
check() {
    local got
    got=$(python3 -c "import json,sys
rows=[json.loads(l) for l in open(sys.argv[1])]
print(($2))" "$dir/out" 2>&1)
    [ "$got" = "$3" ] || { cat "$dir/out"; fail "$1: $got, expected $3"; }
}

# a call without counts, one with a part of them: no plain total. First the same file in another database
gen "chat(1,'2026-03-28 22:30','openai','gpt-5',1000000,0), chat(2,'2026-03-28 22:30','openai','gpt-5',None,None),
     chat(3,'2026-03-28 22:30','openai','gpt-5',None,100000), chat(4,'2026-03-28 22:30','openai','gpt-5',-5,100000)" |
    python3 -c "import json,sys
d=json.load(sys.stdin)
for s in d['resourceSpans'][0]['scopeSpans'][0]['spans']:
    s['attributes']=[a for a in s['attributes'] if a['value'].get('stringValue') is None or a['value']['stringValue']!='None']
json.dump(d,sys.stdout)" >"$dir/part.json"
"$LYDITE" trace import --db "$dir/part.db" "$dir/part.json" -q || fail "import of calls without counts"
"$LYDITE" cost --db "$dir/part.db" --since 2026-03-28 --until 2026-03-31 --json >"$dir/out" || fail "cost of a part"
check "calls without counts" "[(r['calls'],r['unpriced_calls'],r['lower_bound'],r['amount_usd']) for r in rows if r['kind']=='total']" \
    "[(4, 3, True, '3.25')]"
check "and why" "sorted((r['reason'],r['calls']) for r in rows if r['kind']=='unpriced')" "[('no_usage', 1), ('partial', 2)]"
"$LYDITE" doctor --db "$dir/part.db" 2>&1 | grep -q "1 model call came without token counts" || fail "doctor on calls without counts"
"$LYDITE" trace show --db "$dir/part.db" "$(printf %032x $((0xa002)))" | grep -q "cost unknown (no token counts" || fail "trace show"
"$LYDITE" cost explain --db "$dir/part.db" "$(printf %016x $((0xa003)))" >"$dir/out"
grep -q "input .*unknown .*not in this amount" "$dir/out" || fail "explain does not tell the missing input"
grep -q 'charged at least \$1' "$dir/out" || fail "explain of a part"

# a model without a price is no $0 beside the provider's bill
gen "chat(5,'2026-03-28 22:30','openai','nosuch-model',10,10)" >"$dir/bare.json"
printf 'date,model,cost\n2026-03-28,nosuch-model,5\n' >"$dir/bare.csv"
"$LYDITE" trace import --db "$dir/bare.db" "$dir/bare.json" -q || fail "import of a model without a price"
"$LYDITE" cost reconcile --db "$dir/bare.db" "$dir/bare.csv" --map date=date,model=model,amount=cost --json >"$dir/out"
check "reconcile of a model without a price" "[(r['ledger_usd'],r['reason']) for r in rows]" "[(None, 'unpriced')]"

# Europe/Berlin on 2026-03-29 has 23 hours: 22:30 UTC the day before is 23:30, 22:30 UTC that day 00:30 of the next
gen "chat(1,'2026-03-28 22:30','openai','gpt-5',1000000,0), chat(2,'2026-03-28 23:30','openai','gpt-5',2000000,0),
     chat(3,'2026-03-29 21:59','openai','gpt-5',3000000,0), chat(4,'2026-03-29 22:00','openai','gpt-5',4000000,0)" >"$dir/dst.json"
"$LYDITE" trace import "$dir/dst.json" -q || fail "import"
"$LYDITE" cost --by day --since 2026-03-28 --until 2026-03-31 --tz Europe/Berlin --json >"$dir/out" || fail "cost by day"
check "days of a zone" "[(r['day'],r['input_tokens']) for r in rows if r['kind']=='row']" \
    "[('2026-03-28', 1000000), ('2026-03-29', 5000000), ('2026-03-30', 4000000)]"
"$LYDITE" cost --by month --since 2026-03 --tz Europe/Berlin --json >"$dir/out" || fail "--since 2026-03"
check "a month begins in its zone" "rows[0]['from'][:16], rows[0]['until'][:16]" "('2026-02-28T23:00', '2026-03-31T22:00')"
"$LYDITE" cost --by day --since 2024-02-28 --until 2024-03-02 --json >"$dir/out" || fail "leap year"

# an export of OpenAI's and of Anthropic's console, known by the header line
gen "chat(11,'2026-05-04 10:00','openai','gpt-4o-2024-08-06',1000,100), chat(12,'2026-05-04 11:00','anthropic','claude-sonnet-4-5',1000,50,
      gen_ai__usage__cache_read__input_tokens=300, gen_ai__usage__cache_creation__input_tokens=200)" >"$dir/may.json"
"$LYDITE" trace import "$dir/may.json" -q || fail "import"
cat >"$dir/openai.csv" <<'CSV'
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,organization_id
1777852800,1777939200,2026-05-04T00:00:00+00:00,2026-05-05T00:00:00+00:00,0.0025,usd,"gpt-4o-2024-08-06, input",p,o
1777852800,1777939200,2026-05-04T00:00:00+00:00,2026-05-05T00:00:00+00:00,0.001,usd,"gpt-4o-2024-08-06, output",p,o
CSV
"$LYDITE" cost reconcile "$dir/openai.csv" --json -q >"$dir/out" || { cat "$dir/out"; fail "openai-costs"; }
check "openai-costs" "[(r['model'],r['export_usd'],r['ledger_usd'],r['reason']) for r in rows]" "[('gpt-4o', '0.0035', '0.0035', 'same')]"
cat >"$dir/usage.csv" <<'CSV'
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,input_tokens,output_tokens,input_cached_tokens,input_audio_tokens,output_audio_tokens
1777852800,1777939200,2026-05-04T00:00:00+00:00,2026-05-05T00:00:00+00:00,p,2,u,k,gpt-4o-2024-08-06,False,3000,200,0,0,0
CSV
"$LYDITE" cost reconcile "$dir/usage.csv" --json -q >"$dir/out"; [ $? = 1 ] || fail "openai-usage must differ"
check "openai-usage" "[(r['export_input_tokens'],r['ledger_input_tokens'],r['reason']) for r in rows]" "[(3000, 1000, 'fewer_tokens')]"
cat >"$dir/anthropic.csv" <<'CSV'
usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count
2026-05-04,claude-sonnet-4-5-20250929,k,w,standard,≤ 200k,500,150,50,300,50,0
CSV
"$LYDITE" cost reconcile "$dir/anthropic.csv" --json -q >"$dir/out" || { cat "$dir/out"; fail "anthropic-tokens"; }
check "anthropic-tokens" "[(r['model'],r['export_input_tokens'],r['reason']) for r in rows]" "[('claude-sonnet-4-5', 1000, 'same')]"
"$LYDITE" cost reconcile "$dir/anthropic.csv" >"$dir/screen" 2>/dev/null; grep -q 'tokens' "$dir/screen" || { cat "$dir/screen"; fail "tokens on the screen"; }
printf 'when,what\n' >"$dir/odd.csv"
"$LYDITE" cost reconcile "$dir/odd.csv" >/dev/null 2>"$dir/screen"; [ $? = 2 ] && grep -q 'anthropic-tokens' "$dir/screen" || { cat "$dir/screen"; fail "an unknown header"; }

# a price by key: for imported files by --key; kept over reprice and rebuild
"$LYDITE" price add --key team-a --provider openai --model gpt-5 input=1 output=1 -q >/dev/null || fail "price add --key"
gen "chat(21,'2026-05-05 10:00','openai','gpt-5',1000000,0)" >"$dir/key.json"
"$LYDITE" trace import --key team-a "$dir/key.json" -q || fail "import --key"
"$LYDITE" cost explain --json "$(printf '%032x' $((0xa000 + 21)))" >"$dir/out"; check "price by key" "rows[0]['amount_usd']" 1
"$LYDITE" cost reprice -y -q >/dev/null || fail reprice
"$LYDITE" db rebuild --normalise -q >/dev/null 2>&1 || "$LYDITE" db rebuild --normalise >/dev/null || fail rebuild
"$LYDITE" cost explain --json "$(printf '%032x' $((0xa000 + 21)))" >"$dir/out"; check "kept" "rows[0]['charged_usd']" 1
"$LYDITE" cost explain --json "$(printf '%032x' $((0xa000 + 1)))" >"$dir/out"; check "others not" "rows[0]['charged_usd']" 1.25

# the price list of another book beside ours, for programs
printf 'provider,model,input,cache_read,output\nopenai,gpt-5,2,0.125,10\n' >"$dir/book.csv"
"$LYDITE" price check --json "$dir/book.csv" >"$dir/out"; [ $? = 1 ] || fail "price check"
check "price check" "[(r['model'],r['in_force'],r['other']) for r in rows if r['kind']=='difference'], rows[0]['differences']" \
    "([('gpt-5', '1.25', '2')], 1)"

# a user's budget at one provider: passed and told once; at another provider within
scoped=$dir/scoped.db
gen "chat(31,__import__('time').time_ns(),'openai','gpt-5',1000000,0,user__id='ann'), chat(32,__import__('time').time_ns(),'openai','gpt-5',1000000,0,user__id='bob')" >"$dir/ann.json"
"$LYDITE" trace import --db "$scoped" "$dir/ann.json" -q || fail "import"
"$LYDITE" budget set --db "$scoped" ann-openai --limit 0.5 --user ann --provider openai -q || fail "budget set"
"$LYDITE" budget set --db "$scoped" ann-groq --limit 0.5 --user ann --provider groq -q || fail "budget set"
"$LYDITE" budget check --db "$scoped" --json >"$dir/out" 2>"$dir/err"; [ $? = 1 ] || fail "budget check of a user at a provider"
check "a user at a provider" "[(r['budget'],r['spent_usd'],r['state']) for r in rows]" "[('ann-groq', '0', 'within'), ('ann-openai', '1.25', 'passed')]"
[ "$(grep -c 'was passed' "$dir/err")" = 1 ] && grep -q "'ann-openai' was passed" "$dir/err" || { cat "$dir/err"; fail "not told"; }
"$LYDITE" budget check --db "$scoped" >/dev/null 2>"$dir/err"; grep -q 'was passed' "$dir/err" && fail "told twice"

# told once a window, also by a collector that was started again
(cd "$dir" && exec python3 -c "
import http.server
class H(http.server.BaseHTTPRequestHandler):
    def log_message(self,*a): pass
    def do_POST(self):
        n=int(self.headers['content-length']); open('hook','ab').write(self.rfile.read(n)+b'\n')
        self.send_response(204); self.end_headers()
s=http.server.ThreadingHTTPServer(('127.0.0.1',0),H); print(s.server_port,flush=True); s.serve_forever()" >"$dir/port") &
await 30 test -s "$dir/port" || fail "no web server"
web=http://127.0.0.1:$(cat "$dir/port")
touch "$dir/hook"
collect() { # starts one; $url is where it listens
    collector "$dir/collect.log" --grpc-port -1 --http-port 0
    url=http://127.0.0.1:$http
}
spend() { gen "chat($1, __import__('time').time_ns(),'openai','gpt-5',1000000,0)" |
    curl -sf -H 'content-type: application/json' --data-binary @- "$url/v1/traces" >/dev/null || fail post; }
"$LYDITE" budget set first --limit 0.5 --per month --webhook "$web/hook" || fail "budget set"
collect
spend 101
await 30 grep -q '"budget":"first"' "$dir/hook" || { cat "$dir/collect.log"; fail "not told"; }
kill -9 "$collector"; wait "$collector" 2>/dev/null
"$LYDITE" budget set second --limit 0.5 --per month --webhook "$web/hook" || fail "budget set"
collect
spend 102
await 30 grep -q '"budget":"second"' "$dir/hook" || { cat "$dir/collect.log"; fail "the second was not told"; }
[ "$(grep -c '"budget":"first"' "$dir/hook")" = 1 ] || { cat "$dir/hook"; fail "told again after a restart"; }
echo ok
