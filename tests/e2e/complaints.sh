#!/usr/bin/env bash
# The sources of double counting that the conventions reference lists (3.7: D1 to D14) and the loudest
# complaints about costs elsewhere, each from OTLP to the report: calls, tokens and dollars.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
python3 - "$LYDITE" "$dir" <<'PY'
import json, os, subprocess, sys, time
lydite, folder = sys.argv[1:]
NOW = 1_795_000_000 * 10**9  # 2026-11-18
os.environ.pop("LYDITE_DB", None)

def value(v):
    if isinstance(v, bool): return {"boolValue": v}
    if isinstance(v, int): return {"intValue": str(v)}
    if isinstance(v, float): return {"doubleValue": v}
    return {"stringValue": v}
def attrs(d): return [{"key": k, "value": value(v)} for k, v in d.items()]
def span(no, parent=0, trace=1, name="chat", kind=3, start=0, dur=10, **a):
    return {"traceId": "%032x" % trace, "spanId": "%016x" % no, "parentSpanId": "%016x" % parent if parent else "",
            "name": name, "kind": kind, "startTimeUnixNano": str(NOW + start * 10**6),
            "endTimeUnixNano": str(NOW + (start + dur) * 10**6), "attributes": attrs(a.get("a", {}))}
def chat(no, i, o, parent=0, op="chat", model="m", provider="openai", more={}, **k):
    a = {"gen_ai.operation.name": op, "gen_ai.provider.name": provider, "gen_ai.request.model": model,
         "gen_ai.usage.input_tokens": i, "gen_ai.usage.output_tokens": o}
    a.update(more)
    return span(no, parent, a={k: v for k, v in a.items() if v is not None}, **k)
def traces(spans, scope="t"):
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": scope}, "spans": spans}]}]}
def log(trace, no, event, a):
    return {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "t"}, "logRecords": [{"timeUnixNano": str(NOW + 10**6), "eventName": event,
            "traceId": "%032x" % trace, "spanId": "%016x" % no, "attributes": attrs(a)}]}]}]}

# $1 a million in, $0.1 from the cache, $2 into it, $10 out
book = "provider,model,input,cache_read,cache_write,output\nopenai,m,1,0.1,2,10\ngoogle,m,1,0.1,,10\nanthropic,m,1,0.1,2,10\nopenai,e,1,,,\n"
open(folder + "/book.csv", "w").write(book)
count, failed = 0, []
def run(db, *args):
    p = subprocess.run([lydite, *args, "--db", db], capture_output=True, text=True)
    if p.returncode not in (0, 1): raise SystemExit("FAIL: %s: %s" % (args, p.stderr))
    return p.stdout
def case(name, documents, calls, tokens_in, tokens_out, usd, by=None, unpriced=0, apart=0):
    global count
    count += 1
    db = "%s/%d.db" % (folder, count)
    run(db, "price", "import", folder + "/book.csv", "-q")
    for n, d in enumerate(documents):
        path = "%s/%d-%d.json" % (folder, count, n)
        json.dump(d, open(path, "w"))
        run(db, "trace", "import", path, "-q")
    rows = [json.loads(l) for l in run(db, "cost", "--since", "2026-11-01", "--json", *(["--by", by] if by else [])).splitlines()]
    total = [r for r in rows if r["kind"] == "total"][0]
    beside = sum(r["calls"] for r in rows if r["kind"] in ("eval", "judge"))
    got = (total["calls"], total["input_tokens"], total["output_tokens"], total["amount_usd"], total["unpriced_calls"], beside)
    want = (calls, tokens_in, tokens_out, usd, unpriced, apart)
    if got != want: failed.append("%s: %s, expected %s" % (name, got, want))
    return rows

M = 10**6
case("D1 a parent rolls its children up", [traces([chat(1, 3*M, 3000, op="invoke_agent", kind=1, dur=50), chat(2, M, 1000, 1), chat(3, 2*M, 2000, 1, start=20)])],
     2, 3*M, 3000, "3.03")
ai = lambda no, parent, op, i, o, **k: span(no, parent, name=op, a={"ai.operationId": op, "ai.model.id": "m", "ai.model.provider": "openai",
     "ai.usage.inputTokens": i, "ai.usage.outputTokens": o}, **k)
case("D1 the AI SDK's root has only its last step", [traces([ai(1, 0, "ai.generateText", 2*M, 2000, dur=50), ai(2, 1, "ai.generateText.doGenerate", M, 1000),
     ai(3, 1, "ai.generateText.doGenerate", 2*M, 2000, start=20)], "ai")], 2, 3*M, 3000, "3.03")
case("D2 one call instrumented twice", [traces([chat(1, M, 1000, dur=30, more={"gen_ai.response.id": "r1"}), chat(2, M, 1000, 1, start=5, dur=20, more={"gen_ai.response.id": "r1"})])],
     1, M, 1000, "1.01")
case("D2 ADK's call_llm above generate_content", [traces([span(1, name="invoke_agent a", a={"gen_ai.operation.name": "invoke_agent"}, dur=60),
     chat(2, M, 1000, 1, op="call_llm", name="call_llm", provider="gcp.gemini", dur=40, more={"gcp.vertex.agent.llm_request": "{}"}),
     chat(3, M, 1000, 2, op="generate_content", name="generate_content m", provider="gcp.gemini", start=5, dur=20)], "gcp.vertex.agent")], 1, M, 1000, "1.01")
case("D3 client and server of one request", [traces([chat(1, M, 1000, dur=50), chat(2, M, 1000, 1, kind=2, start=5, dur=40), chat(3, M, 1000, 2, start=10, dur=20)])],
     1, M, 1000, "1.01")
case("D4 one span, several spellings", [traces([chat(1, M, 1000, more={"ai.usage.inputTokens": M, "ai.usage.promptTokens": M, "gen_ai.usage.prompt_tokens": M,
     "llm.usage.total_tokens": M + 1000, "gen_ai.usage.completion_tokens": 1000})])], 1, M, 1000, "1.01")
case("D5 cached tokens are part of the input", [traces([chat(1, M, 1000, more={"gen_ai.usage.cache_read.input_tokens": 900000, "gen_ai.usage.reasoning.output_tokens": 400,
     "gen_ai.usage.input_audio_tokens": 0})])], 1, M, 1000, "0.2")
case("D5 Anthropic's input excludes the cache", [traces([span(1, name="claude_code.llm_request", a={"span.type": "llm_request", "model": "m", "gen_ai.provider.name": "anthropic",
     "input_tokens": 100000, "cache_read_tokens": 900000, "cache_creation_tokens": 0, "output_tokens": 1000})], "com.anthropic.claude_code.tracing")], 1, M, 1000, "0.2")
case("D6 a total is not added", [traces([chat(1, M, 1000, more={"gen_ai.usage.total_tokens": M + 1000, "llm.usage.total_tokens": M + 1000})])], 1, M, 1000, "1.01")
case("D7 aggregated counters", [traces([span(1, name="agent", kind=1, dur=50, a={"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": 3*M,
     "gen_ai.aggregated_usage.output_tokens": 3000}), chat(2, M, 1000, 1), chat(3, 2*M, 2000, 1, start=20)])], 2, 3*M, 3000, "3.03")
details = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": M, "gen_ai.usage.output_tokens": 1000}
case("D8 span and log record of one request", [traces([chat(1, M, 1000)]), log(1, 1, "gen_ai.client.inference.operation.details", details)], 1, M, 1000, "1.01")
case("D8 the log record first", [log(1, 1, "gen_ai.client.inference.operation.details", details), traces([chat(1, M, 1000)])], 1, M, 1000, "1.01")
case("D9 an answer that is fetched again", [traces([chat(1, M, 1000, more={"gen_ai.response.id": "r1"}),
     chat(2, M, 1000, op="fetch_response", start=50, more={"gen_ai.response.id": "r1"})])], 1, M, 1000, "1.01")
case("D10 sent again, by two exporters", [traces([chat(1, M, 1000)])] * 3, 1, M, 1000, "1.01")
rows = case("D11 a session of several traces", [traces([chat(1, M, 1000, trace=1, more={"session.id": "s"}), chat(2, M, 1000, trace=2, more={"session.id": "s"})])], 2, 2*M, 2000, "2.02", by="session")
one = [r for r in rows if r["kind"] == "row"]
if [(r["session"], r["amount_usd"]) for r in one] != [("s", "2.02")]: failed.append("D11: %s" % one)
em = lambda no, parent, op: span(no, parent, name=op, a={"ai.operationId": op, "ai.model.id": "e", "ai.model.provider": "openai", "ai.usage.tokens": M})
case("D12 an embedding in its wrapper", [traces([em(1, 0, "ai.embed"), em(2, 1, "ai.embed.doEmbed")], "ai")], 1, M, 0, "1")
case("D13 a judge inside of the trace", [traces([chat(1, M, 1000), span(2, name="evaluate", kind=1, start=20, dur=30, a={"openinference.span.kind": "EVALUATOR"}),
     chat(3, M, 1000, 2, start=25)])], 1, M, 1000, "1.01", apart=1)
case("D14 placeholders of a framework", [traces([chat(1, M, 1000), span(2, 1, name="execute_tool (merged tools)", kind=1, a={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "(merged tools)"})],
     "gcp.vertex.agent")], 1, M, 1000, "1.01")

case("cached tokens charged in full", [traces([chat(1, M, 0, more={"gen_ai.usage.cache_read.input_tokens": M})])], 1, M, 0, "0.1")
case("reasoning counted twice", [traces([chat(1, 0, 1000, more={"gen_ai.usage.reasoning.output_tokens": 1000})])], 1, 0, 1000, "0.01")
case("reasoning outside of the output, not counted", [traces([span(1, a={"gen_ai.operation.name": "generate_content", "gen_ai.system": "gemini", "gen_ai.request.model": "m",
     "gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 300, "gen_ai.usage.reasoning.output_tokens": 700, "gen_ai.usage.total_tokens": 1000})])], 1, 0, 1000, "0.01")
case("an unknown model shown as $0", [traces([chat(1, M, 1000, model="nobody-knows")])], 1, M, 1000, None, unpriced=1)
case("a cache write without a price taken for input", [traces([chat(1, M, 0, provider="gcp.gemini", more={"gen_ai.usage.cache_creation.input_tokens": 10})])], 1, M, 0, None, unpriced=1)
case("a failed call that used tokens is charged", [traces([dict(chat(1, M, 1000), status={"code": 2})])], 1, M, 1000, "1.01")
case("the client's cost and the computed one added", [traces([chat(1, M, 1000, more={"gen_ai.usage.cost": 0.5})])], 1, M, 1000, "0.5")
case("costs of two levels added", [traces([span(1, name="agent", kind=1, dur=50, a={"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.cost": 0.5}),
     chat(2, M, 1000, 1, more={"gen_ai.usage.cost": 0.2}), chat(3, M, 1000, 1, start=20, more={"gen_ai.usage.cost": 0.3})])], 2, 2*M, 2000, "0.5")

# prices frozen at ingest: another book, the difference first, the old line kept
db = folder + "/frozen.db"
run(db, "price", "import", folder + "/book.csv", "-q")
json.dump(traces([chat(1, M, 1000)]), open(folder + "/f.json", "w"))
run(db, "trace", "import", folder + "/f.json", "-q")
open(folder + "/b2.csv", "w").write("provider,model,input,output\nopenai,m,2,20\n")
run(db, "price", "import", folder + "/b2.csv", "-q")
dry = json.loads(run(db, "cost", "reprice", "--dry-run", "--json", "-q").splitlines()[-1])
if (dry["before_usd"], dry["after_usd"]) != ("1.01", "2.02"): failed.append("frozen: %s" % dry)
run(db, "cost", "reprice", "-y", "-q")
ledger = run(db, "cost", "explain", "--ledger", "%032x" % 1)
if ledger.count("ledger line") != 3: failed.append("the old line is not kept:\n" + ledger)
for f in failed: print("FAIL:", f)
print("%d cases" % count)
sys.exit(1 if failed else 0)
PY
