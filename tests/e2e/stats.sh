#!/usr/bin/env bash
# trace stats: figures that are known beforehand, the period before, and --fail-if with every figure.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
lydite=$LYDITE tmp=$dir
export HOME=$tmp LC_ALL=C.UTF-8 LYDITE_DB=$tmp/t.db
cd "$tmp" || exit 1
python3 - "$lydite" <<'P'
import json, os, subprocess, sys, time
lydite = sys.argv[1]
now = int(time.time())
bad = []
def attr(k, v): return {"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
def call(n, model, ago, ms, error=False):
    s = {"traceId": "%032x" % (0xf00000000 + n), "spanId": "%016x" % (n + 1), "name": "chat", "kind": 3, "startTimeUnixNano": str((now - ago) * 10**9),
         "endTimeUnixNano": str((now - ago) * 10**9 + ms * 10**6),
         "attributes": [attr("gen_ai.operation.name", "chat"), attr("gen_ai.provider.name", "acme"), attr("gen_ai.request.model", model),
                        attr("gen_ai.usage.input_tokens", 100), attr("gen_ai.usage.output_tokens", 10), {"key": "gen_ai.usage.cost", "value": {"doubleValue": 0.01}}]}
    if error: s["status"] = {"code": 2}
    return s
calls = [call(i, "m-a" if i <= 60 else "m-b", 3600, i * 10, i % 20 == 0) for i in range(1, 101)]
calls += [call(200 + i, "m-a", 9 * 86400, 50) for i in range(30)]
json.dump({"resourceSpans": [{"resource": {"attributes": [attr("service.name", "shop")]}, "scopeSpans": [{"spans": calls}]}]}, open("in.json", "w"))
subprocess.run([lydite, "trace", "import", "-q", "in.json"], check=True)
for n, v in ((1, "0.5"), (2, "0.7")):
    subprocess.run([lydite, "score", "add", "%032x" % (0xf00000000 + n), "groundedness", "--value", v], check=True, capture_output=True)
def stats(*args):
    r = subprocess.run([lydite, "trace", "stats", *args], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr
def expect(what, got, want):
    if got != want: bad.append("%s: %r, not %r" % (what, got, want))
code, out, err = stats("--json")
row = json.loads(out)
for key, want in (("calls", 100), ("errors", 5), ("tokens_in", 10000), ("tokens_out", 1000), ("unpriced", 0)): expect(key, row[key], want)
expect("cost", round(row["cost_usd"], 9), 1.0)
for key, at in (("p50_ns", 500), ("p95_ns", 950), ("p99_ns", 990)):
    if abs(row[key] / 1e6 - at) > 10: bad.append("%s is %r" % (key, row[key]))
expect("scores", row["scores"], {"groundedness": {"mean": 0.6, "n": 2}})
expect("before", (row["before"]["calls"], row["before"]["p50_ns"]), (30, 50 * 10**6))
code, out, err = stats("--by", "model", "--json")
rows = [json.loads(l) for l in out.splitlines()]
expect("by model", sorted((r["model"], r["calls"], r["errors"], r["before"]["calls"] if r["before"] else None) for r in rows), [("m-a", 60, 3, 30), ("m-b", 40, 2, None)])
code, out, err = stats("--by", "model,service,day,env,prompt", "--json")
expect("keys", list(json.loads(out.splitlines()[0]))[:5], ["model", "service", "day", "env", "prompt"])
expect("an unknown key", stats("--by", "modle")[0], 2)
expect("a filter", json.loads(stats("--json", "model:m-b")[1])["calls"], 40)
code, out, err = stats()
for word in ("100", "+233%", "5.0%", "groundedness 0.6 (n=2)", "$1.00"):
    if word not in out: bad.append("the table lacks %s:\n%s" % (word, out))
for condition, want in (("errors>2%", 1), ("errors>5%", 0), ("errors>=5%", 1), ("errors>4", 1), ("errors>5", 0), ("p50>400ms", 1), ("p50>1s", 0), ("p95>900ms", 1),
                        ("p99>2s", 0), ("p99<2s", 1), ("ttft>1s", 0), ("tokens/s<1000000", 1), ("tokens/s>1000000", 0), ("cost>$0.5", 1), ("cost>2", 0), ("calls<1", 0),
                        ("calls<101", 1), ("tokens>10k", 1), ("tokens>1M", 0), ("tokens_in>9999", 1), ("tokens_out>=1k", 1), ("unpriced>0", 0),
                        ("score.groundedness<0.8", 1), ("score.groundedness<60%", 0), ("score.none<1", 0), ("p95>8", 2), ("speed>1", 2), ("errors", 2), ("calls>5%", 2), ("cost>x", 2)):
    code, out, err = stats("--fail-if", condition)
    expect(condition, code, want)
    if want == 1 and condition not in err: bad.append("%s is not named: %s" % (condition, err))
if "about nothing" not in stats("--fail-if", "score.none<1")[2]: bad.append("a score that nobody gave is not told of")
expect("one of two", stats("--fail-if", "p99>9s", "--fail-if", "errors>1")[0], 1)
code, out, err = stats("--by", "model", "--fail-if", "errors>2")
expect("by group", (code, "model m-a" in err, "model m-b" in err), (1, True, False))
expect("nothing came in", stats("--until", "2020-01-01", "--since", "2019-01-01", "--fail-if", "calls<1")[0], 1)
# A call that two spans tell of is one: the figures are those of `cost`, by type and alone.
def node(i, parent, op, used, *more):
    s = call(i, "m-n", 60, 10)
    s.update(traceId="%032x" % 0xabc, spanId="%016x" % (0x900 + i))
    if parent: s["parentSpanId"] = "%016x" % (0x900 + parent)
    s["attributes"] = [a for a in s["attributes"] if used or "usage" not in a["key"]]
    s["attributes"][0] = attr("gen_ai.operation.name", op)
    s["attributes"] += more
    return s
nested = [node(1, 0, "invoke_agent", True), node(2, 1, "chat", True), node(3, 2, "chat", True), node(4, 1, "chat", True), node(5, 1, "execute_tool", False, attr("gen_ai.tool.name", "find")),
          node(6, 1, "embeddings", True), node(7, 1, "chat", False)]
json.dump({"resourceSpans": [{"resource": {"attributes": [attr("service.name", "nest")]}, "scopeSpans": [{"spans": nested}]}]}, open("nested.json", "w"))
env = dict(os.environ, LYDITE_DB="nested.db")
subprocess.run([lydite, "trace", "import", "-q", "nested.json"], check=True, env=env)
def rows_of(*args):
    r = subprocess.run([lydite, *args, "--json"], capture_output=True, text=True, env=env)
    return [json.loads(l) for l in r.stdout.splitlines()]
row = rows_of("trace", "stats")[0]
expect("counted once", (row["calls"], row["tokens_in"], row["tokens_out"], round(row["cost_usd"], 9)), (4, 300, 20, 0.03))
total = rows_of("sql", "SELECT sum(calls) AS calls, sum(cost) AS cost FROM v_usage")[0]
expect("as the ledger", (total["calls"], round(total["cost"], 9)), (4, round(row["cost_usd"], 9)))
expect("types", sorted((r["type"], r["calls"]) for r in rows_of("trace", "stats", "--by", "type")), [("agent", 1), ("embedding", 1), ("generation", 3), ("tool", 1)])
expect("tools", [(r["tool"], r["calls"]) for r in rows_of("trace", "stats", "--by", "tool")], [("find", 1)])
expect("a limit on cost", subprocess.run([lydite, "trace", "stats", "--fail-if", "cost>0.035"], env=env, capture_output=True).returncode, 0)
expect("a limit on tokens", subprocess.run([lydite, "trace", "stats", "--fail-if", "tokens>340"], env=env, capture_output=True).returncode, 0)
day = time.strftime("%Y-%m-%d", time.gmtime(now - 60))
expect("the last day of a range", len(rows_of("trace", "list", "time:%s..%s" % (day, day))), 1)
expect("nor the day after it", len(rows_of("trace", "list", "time:2020-01-01..2020-01-02")), 0)
expect("columns of one name", rows_of("sql", "SELECT 1 AS e, 2 AS e, 9e999 AS f"), [{"e": 1, "e_2": 2, "f": None}])
for b in bad: print(b)
sys.exit(1 if bad else 0)
P
