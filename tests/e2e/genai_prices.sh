#!/usr/bin/env bash
# Every model of the imported genai-prices book, asked as users ask: spans with random usage and time go in as
# OTLP, what each trace cost is compared with a second reading of the schema that shares nothing with the
# program nor with tests/cost/oracle.py: disjoint parts of the tokens, each looked up from its own price on
# to the next more general one. Then the whole again by reprice from another book, in another order of arrival.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
data=${SHARED:-/nonexistent}/data/prices/genai-prices-v2.json
[ -r "$data" ] && command -v python3 >/dev/null || exit 77
exec python3 - "$LYDITE" "$dir" "$data" <<'PY'
import datetime, json, os, random, re, subprocess, sys
from fractions import Fraction
lydite, folder, data = sys.argv[1:]
os.environ.pop("LYDITE_DB", None)
rng = random.Random(6)
providers = json.load(open(data), parse_float=Fraction)

def hit(clause, name):
    [(word, arg)] = clause.items()
    if word == "or": return any(hit(c, name) for c in arg)
    if word == "and": return all(hit(c, name) for c in arg)
    if word == "regex": return bool(re.search(arg, name))
    arg = arg.lower()
    return {"equals": name == arg, "starts_with": name.startswith(arg), "ends_with": name.endswith(arg), "contains": arg in name}[word]

def row(provider, name):
    for seller in [provider] + [p for f in provider.get("fallback_model_providers", []) for p in providers if p["id"] == f]:
        for m in seller["models"]:
            if hit(m["match"], name): return m
    return None

def at(model, unix):
    entries = model["prices"]
    if isinstance(entries, dict): return entries
    day, second = datetime.datetime.fromtimestamp(unix, datetime.timezone.utc).strftime("%Y-%m-%d"), unix % 86400
    clock = lambda t: sum(int(x) * f for x, f in zip(t.strip("Z").split(":"), (3600, 60, 1)))
    for e in entries[::-1]:
        c = e.get("constraint")
        if not c or ("start_date" in c and c["start_date"] <= day): return e["prices"]
        if "start_time" in c:
            a, b = clock(c["start_time"]), clock(c["end_time"])
            if (a <= second < b) if a <= b else (second >= a or second < b): return e["prices"]
    return entries[0]["prices"]

# part of a call -> its prices, the most special first
LADDER = {"in": ["input_mtok"], "in_audio": ["input_audio_mtok", "input_mtok"], "read": ["cache_read_mtok"],
          "read_audio": ["cache_audio_read_mtok", "cache_read_mtok"], "write": ["cache_write_mtok"],
          "write_5m": ["cache_write_5m_mtok", "cache_write_mtok"], "write_1h": ["cache_write_1h_mtok", "cache_write_mtok"],
          "out": ["output_mtok"], "think": ["output_reasoning_mtok", "output_mtok"], "out_audio": ["output_audio_mtok", "output_mtok"],
          "web": ["web_searches_kcount"], "call": ["requests_kcount"]}

def dollars(price, whole):
    if not isinstance(price, dict): return Fraction(price)
    return Fraction(max([(0, price["base"])] + [(t["start"], t["price"]) for t in price["tiers"] if whole > t["start"]], key=lambda x: x[0])[1])

def literal(model, prices, parts):
    """(pico, known): half to even at the end; nothing is known where a part has no price."""
    if not prices: return (0, True) if model["id"].endswith(":free") else (None, False)
    whole = sum(n for p, n in parts.items() if p.split("_")[0] in ("in", "read", "write"))
    total, complete = Fraction(0), True
    for part, n in parts.items():
        found = [k for k in LADDER[part] if k in prices][:1]
        if found: total += dollars(prices[found[0]], whole) * n / (1000 if found[0].endswith("kcount") else 10**6)
        elif n and part != "call": complete = False
    return (round(total * 10**12), True) if complete else (None, False)

def parts_of(prices):
    size = lambda: rng.choice([0, 1, rng.randrange(1, 3000), rng.randrange(1, 250000), 128000, 200000, 200001, 272001])
    p = {"in": size(), "out": size(), "call": 1}
    starts = [t["start"] for v in prices.values() if isinstance(v, dict) for t in v["tiers"]]
    if starts and rng.random() < 0.3: p["in"] = rng.choice(starts) + rng.choice([0, 1])
    for part in ("in_audio", "read", "read_audio", "write", "write_5m", "write_1h", "think", "out_audio", "web"):
        likely = 0.35 if LADDER[part][0] in prices else 0.06
        if rng.random() < likely: p[part] = rng.randrange(1, 9) if part == "web" else size()
    return p

def attributes(p):
    total = lambda *heads: sum(n for k, n in p.items() if k.split("_")[0] in heads)
    a = {"gen_ai.usage.input_tokens": total("in", "read", "write"), "gen_ai.usage.output_tokens": total("out", "think")}
    if total("read"): a["gen_ai.usage.cache_read.input_tokens"] = total("read")
    if total("write"): a["gen_ai.usage.cache_creation.input_tokens"] = total("write")
    names = {"write_5m": "cache_creation_5m_tokens", "write_1h": "cache_creation_1h_tokens", "in_audio": "gen_ai.usage.audio.input_tokens",
             "read_audio": "gen_ai.usage.audio.cache_read.input_tokens", "out_audio": "gen_ai.usage.audio.output_tokens",
             "think": "gen_ai.usage.reasoning.output_tokens", "web": "gen_ai.usage.web_searches"}
    a.update({names[k]: n for k, n in p.items() if k in names and n})
    return a

def name_for(clause):
    [(word, arg)] = clause.items()
    if word in ("or", "and"): return name_for(rng.choice(arg) if word == "or" else arg[0])
    if word == "regex": return re.sub(r"\\d(\{\d\})?", "7", arg.strip("^$")).replace("\\", "")
    return {"starts_with": arg + rng.choice(["", "-x1"]), "ends_with": "us." + arg, "contains": "us." + arg + "-v9"}.get(word, arg)

spans, want = [], {}
for provider in providers:
    for model in provider["models"]:
        for _ in range(4):
            name = rng.choice([model["id"], name_for(model["match"])])
            name = name.upper() if rng.random() < 0.1 else name
            m = row(provider, name.lower())
            unix = rng.randrange(1735689600, 1795000000)
            if m and isinstance(m["prices"], list) and rng.random() < 0.6:
                c = rng.choice(m["prices"]).get("constraint") or {}
                if "start_date" in c: unix = int(datetime.datetime.fromisoformat(c["start_date"] + "T00:00:00+00:00").timestamp()) + rng.choice([-1, 0, 1])
                if "start_time" in c: unix += -(unix % 86400) + sum(int(x) * f for x, f in zip(c["start_time"].strip("Z").split(":"), (3600, 60, 1))) + rng.choice([-1, 0])
            prices = at(m, unix) if m else {}
            p = parts_of(prices)
            no = len(spans) + 1
            a = dict(attributes(p), **{"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider["id"], "gen_ai.request.model": name})
            spans.append({"traceId": "%032x" % no, "spanId": "%016x" % no, "name": "chat", "kind": 3, "startTimeUnixNano": str(unix * 10**9),
                          "endTimeUnixNano": str(unix * 10**9), "attributes": [{"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}} for k, v in a.items()]})
            want["%032x" % no] = (provider["id"], name, unix, p, literal(m, prices, p) if m else (None, False))

def run(db, *args):
    done = subprocess.run([lydite, *args, "--db", db], capture_output=True, text=True)
    if done.returncode: raise SystemExit("FAIL: %s: %s" % (args, done.stderr))
    return done.stdout
def send(db, spans):
    for i in range(0, len(spans), 2000):
        json.dump({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "t"}, "spans": spans[i:i + 2000]}]}]}, open(folder + "/in.json", "w"))
        run(db, "trace", "import", folder + "/in.json", "-q")
def costs(db):
    lines = run(db, "sql", "SELECT trace_id, cost_pico, cost_partial FROM v_traces", "--json", "-n", "0").splitlines()
    return {r["trace_id"]: (r["cost_pico"], not r["cost_partial"]) for r in map(json.loads, lines)}
def compare(what, got):
    wrong = 0
    for trace, (seller, name, unix, p, expected) in want.items():
        if got.get(trace) != expected:
            wrong += 1
            if wrong < 12: print("FAIL %s: %s %s at %d %s: %s, expected %s" % (what, seller, name, unix, p, got.get(trace), expected))
    return wrong
def sums(db):
    return [json.loads(l) for l in run(db, "cost", "--by", "provider,model,month", "--since", "2024-01-01", "--json").splitlines()][1:]

one, two = folder + "/1.db", folder + "/2.db"
run(one, "price", "import", data, "-q")
send(one, spans)
bad = compare("at arrival", costs(one))
rng.shuffle(spans)
send(two, spans)  # priced by our own book first
run(two, "price", "import", data, "-q")
dry = run(two, "cost", "reprice", "--dry-run", "--json", "-q")
real = run(two, "cost", "reprice", "-y", "--json", "-q")
if dry != real: bad += 1; print("FAIL: a dry run of reprice says something else")
bad += compare("by reprice", costs(two))
if sorted(map(str, sums(one))) != sorted(map(str, sums(two))): bad += 1; print("FAIL: the sums of the two orders differ")
print("%d calls, %d priced in full" % (len(want), sum(w[4][1] for w in want.values())))
if bad: print("FAIL: %d differ" % bad)
sys.exit(1 if bad or len(want) < 3000 else 0)
PY
