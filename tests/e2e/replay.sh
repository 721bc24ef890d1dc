#!/usr/bin/env bash
# lydite view FILE and -: OTLP as other exporters write it, and what is none of it.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
lydite=$LYDITE tmp=$dir
export HOME=$tmp LC_ALL=C.UTF-8 LYDITE_DB=$tmp/none.db TMPDIR=$tmp
cd "$tmp" || exit 1
bad=0
complain() { echo "$1"; bad=1; }
python3 - <<'P'
import gzip, json, re
def span(n): return {"traceId": "%032x" % 0xabc, "spanId": "%016x" % n, "name": "step {%d} \"[x]\"" % n, "kind": 1,
                     "startTimeUnixNano": "1795000000000000000", "endTimeUnixNano": "1795000001000000000"}
docs = [{"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span(i)]}]}]} for i in (1, 2, 3)]
merged = {"resourceSpans": [d["resourceSpans"][0] for d in docs]}
def put(name, text, **kw): open(name, "w", **kw).write(text)
def snake(o):
    if isinstance(o, dict): return {re.sub("[A-Z]", lambda m: "_" + m.group(0).lower(), k): snake(v) for k, v in o.items()}
    return [snake(x) for x in o] if isinstance(o, list) else o
put("lines.jsonl", "".join(json.dumps(d) + "\n" for d in docs))
put("crlf.jsonl", "".join(json.dumps(d) + "\r\n" for d in docs), newline="")
put("pretty.json", json.dumps(merged, indent=2))
put("array.json", json.dumps(docs, indent=1))
put("several.json", "\n".join(json.dumps(d, indent=1) for d in docs))
put("snake.json", json.dumps(snake(merged)))
put("bom.json", json.dumps(merged), encoding="utf-8-sig")
put("mixed.jsonl", json.dumps({"resourceMetrics": []}) + "\n" + json.dumps(merged) + "\n" + json.dumps({"resourceLogs": []}) + "\n")
put("cut.jsonl", open("lines.jsonl").read()[:-40])
put("text.txt", "hello\n"); put("empty.json", ""); put("other.json", '{"a": 1}'); put("list.json", "[1, 2]")
gzip.open("packed.gz", "wb").write(b"x")
P
"$lydite" trace import --db made.db lines.jsonl -q && "$lydite" trace export --db made.db --proto -q @last -o one.pb || complain "no protobuf"
python3 -c 'import struct; b = open("one.pb", "rb").read(); open("lengths.pb", "wb").write((struct.pack(">I", len(b)) + b) * 2)'
for f in lines.jsonl crlf.jsonl pretty.json array.json several.json snake.json bom.json mixed.jsonl one.pb lengths.pb; do
  got=$("$lydite" view "$f" --json 2>&1 | python3 -c 'import json, sys; print([(r["trace_id"][-3:], r["spans"]) for r in map(json.loads, sys.stdin)])' 2>&1)
  [ "$got" = "[('abc', 3)]" ] || complain "$f: $got"
  got=$("$lydite" view - --json <"$f" 2>&1 | grep -c '"spans":3')
  [ "$got" = 1 ] || complain "$f on standard input"
done
refused() { # file words
  "$lydite" view "$1" >out 2>err; code=$?
  [ $code = 3 ] || complain "$1 exits $code"
  grep -q "$1" err && grep -qi -- "$2" err || complain "$1: $(cat err)"
}
refused text.txt 'neither OTLP/JSON nor OTLP protobuf'
refused empty.json 'no spans'
refused other.json 'no spans'
refused list.json 'line 1'
refused cut.jsonl 'line 3'
refused packed.gz 'gunzip'
refused nothere.json 'No such file'
"$lydite" view --db made.db -- lines.jsonl >out 2>err; grep -q 'no trace matches' err || complain "after -- a file's name is no filter: $(cat out err)"
"$lydite" view lines.jsonl nosuch >out 2>err; grep -q 'no trace matches nosuch' err || complain "a file with a filter: $(cat out err)"
"$lydite" view name:step* lines.jsonl >out 2>err; grep -q 0abc out || complain "a filter with a file: $(cat out err)"
"$lydite" view --plain lines.jsonl --trace 00000000 >out 2>err && grep -q '^3 spans' out || complain "view FILE --trace prints: $(cat out err)"
"$lydite" view --plain --db made.db --trace @last >out 2>err && grep -q '^3 spans' out || complain "view --trace prints: $(cat out err)"
"$lydite" view --db made.db --trace @last --json | grep -q '"kind":"span"' || complain "view --trace --json"
"$lydite" view lines.jsonl --trace dead >out 2>err; [ $? = 3 ] && [ ! -s out ] && grep -q dead err || complain "an unknown --trace: $(cat out err)"
"$lydite" view --trace dead >out 2>err; [ $? = 3 ] || complain "--trace without a database: $(cat out err)"
sed 's/"traceId": "[0-9a-f]*"/"traceId": "@TRACE@"/g' lines.jsonl >placeholders.jsonl
refused placeholders.jsonl 'all 3 .*: trace_id'
compgen -G "$tmp/lydite-replay-*" >/dev/null && complain "a replay's folder is left"
[ -e none.db ] && complain "a replay made a database"
exit $bad
