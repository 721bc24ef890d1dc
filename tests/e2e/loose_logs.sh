#!/usr/bin/env bash
# Log records that belong to no trace: in by file, out by export, gone by rm; and what a file holds is told
# from its bytes.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
lydite=$LYDITE tmp=$dir bad=0
export HOME=$tmp XDG_CONFIG_HOME=$tmp LYDITE_DB=$tmp/t.db
cd "$tmp" || exit 1
complain() { echo "FAILED: $*"; bad=1; }
python3 - <<'P'
import json, struct
def attrs(d): return [{"key": k, "value": {"stringValue": v}} for k, v in d.items()]
def logs(service, records): return {"resourceLogs": [{"resource": {"attributes": attrs({"service.name": service})}, "scopeLogs": [{"logRecords": records}]}]}
def record(at, body, **more): return {"timeUnixNano": str(1767225600000000000 + at * 10**9), "severityNumber": 9, "body": {"stringValue": body}, "attributes": attrs({k.replace("_", "."): v for k, v in more.items()})}
span = {"resourceSpans": [{"resource": {"attributes": attrs({"service.name": "shop"})}, "scopeSpans": [{"spans": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "agent", "startTimeUnixNano": "1767225600000000000", "endTimeUnixNano": "1767225601000000000"}]}]}]}
docs = [span,
        logs("shop", [record(1, "a zebra crosses", user_id="u-77", session_id="s-9"), record(2, "an okapi rests", user_id="u-78")]),
        logs("till", [record(3, "the drawer opens", user_id="u-79")])]
open("in.jsonl", "w").write("".join(json.dumps(d) + "\n" for d in docs))
def field(n, b): return bytes([n << 3 | 2, len(b)]) + b
metric = field(1, b"tokens.used") + field(5, field(1, b"\x19" + bytes(8)))
open("metrics.pb", "wb").write(field(1, field(2, field(2, metric))))
bad_span = field(1, b"xyz") + b"\x30\x01"
open("bad.pb", "wb").write(field(1, field(2, field(2, bad_span))))
P
exported() { "$lydite" trace export -q "$@" | grep -c resourceLogs; }
"$lydite" trace import -q in.jsonl || complain "import"
[ "$(exported)" = 3 ] || complain "a full export gives $(exported) of 3 log records"
for f in service:till user:u-77 session:s-9 text:okapi 'attr.user.id:u-79' '!user:u-77 !user:u-78' 'time:2026-01-01T00:00:03Z..2026-01-02'; do
  [ "$(exported $f)" = 1 ] || complain "export $f gives $(exported $f) log records"
done
for f in 'dur>0s' '!type:tool' 0af7651916cd43dd8448eb211c80319c user:u-7; do
  [ "$(exported "$f")" = 0 ] || complain "export $f gives log records"
done
"$lydite" status | grep -q '3 log records' || complain "status: $("$lydite" status)"

got=$("$lydite" sql --csv "SELECT service, severity, body, json_extract(attributes, '\$[0].value') AS user FROM v_logs WHERE trace_id IS NULL ORDER BY time_ns LIMIT 1" | tail -n 1 | tr -d '\r')
[ "$got" = 'shop,9,a zebra crosses,u-77' ] || complain "v_logs: $got"

# Protobuf: spans and log records are two messages; both come back byte for byte.
"$lydite" trace export --proto -o spans.pb 2>err; grep -q '3 log records left out.*--logs' err || complain "what is left out is not said: $(cat err)"
"$lydite" trace export --proto --logs -q -o logs.pb; "$lydite" trace export -q -o a.jsonl
cat spans.pb logs.pb >both.pb
for set in "spans.pb logs.pb" both.pb; do
  rm -f b.db*; "$lydite" trace import --db b.db $set 2>err || complain "import of $set: $(cat err)"
  "$lydite" trace export --db b.db -q | cmp -s - a.jsonl || complain "$set: another export"
done
"$lydite" trace import --db c.db metrics.pb 2>err && grep -q '1 data point of metrics' err || complain "metrics: $(cat err)"
"$lydite" trace import --db c.db bad.pb 2>err; code=$?
[ $code = 3 ] && grep -q 'bad.pb.*rejected.*trace' err || complain "a file rejected whole exits $code: $(cat err)"

# Lines share commits: one that cannot be read is named by its number and costs those before it nothing.
for n in $(seq 299); do sed -n 1p in.jsonl | sed "s/0af7651916cd43dd8448eb211c80319c/$(printf %032x "$n")/"; done >many.jsonl
(cat many.jsonl; echo '{"resourceSpans":[{"scopeSpans":5}]'; sed -n 1p in.jsonl) >cut.jsonl
"$lydite" trace import --db d.db cut.jsonl 2>err && complain "a line that is no JSON is taken"
grep -q 'cut.jsonl: document at line 300:' err && grep -q '299 received, 299 stored' err || complain "a bad line: $(cat err)"
[ "$("$lydite" trace export --db d.db -q | wc -l)" = 299 ] || complain "the lines before a bad one are lost"

# Forgetting: in the file before, in neither file nor log after.
held() { cat t.db t.db-wal 2>/dev/null | grep -c -a -F "$1"; }
"$lydite" trace rm --dry-run text:zebra 2>&1 | grep -q '1 log record' || complain "rm --dry-run"
"$lydite" trace rm text:zebra </dev/null 2>/dev/null || complain "rm without -y"
"$lydite" trace rm --dry-run text:zebra 2>&1 | grep -q "1 log record" || complain "rm without -y removed it"
"$lydite" sql 'SELECT 1' >/dev/null
[ "$(held u-77)" != 0 ] || complain "the file does not hold what is to be forgotten"
"$lydite" trace rm -y text:zebra 2>&1 | grep -q 'forgot 0 traces, 0 spans, 1 log record' || complain "rm text:zebra"
[ "$(held u-77)" = 0 ] && [ "$(held zebra)" = 0 ] || complain "forgotten bytes are still in the file"
[ "$(held u-78)" != 0 ] && [ "$(exported)" = 2 ] || complain "rm took more than it should"
"$lydite" status | grep -q '2 log records' || complain "status after rm"
"$lydite" trace rm -y service:till -q; "$lydite" trace rm -y user:u-78 -q
[ "$(exported)" = 0 ] && [ "$("$lydite" trace list --json | wc -l)" = 1 ] || complain "rm by service and user"
"$lydite" db check >/dev/null || complain "db check"

"$lydite" trace export nosuch-trace 2>&1 | grep -q 'no trace matches.*nosuch-trace' || complain "a word that nothing has"

# What real clients sent: none of a file of the corpus is taken for another signal.
for f in anthropic-ai-claude-code-2.1.329/chat google-gemini-cli-0.61.0/chat; do
  [ -d "$SHARED/data/corpus/$f" ] || continue
  for b in "$SHARED/data/corpus/$f"/*.bin; do
    if gzip -t "$b" 2>/dev/null; then gunzip -c "$b" >one.bin; else cp "$b" one.bin; fi
    "$lydite" trace import --db corpus.db one.bin 2>err && grep -q ' 0 rejected' err || complain "$b: $(cat err)"
  done
done

# Traces of one start: exported twice the same, taken in again the same.
python3 - <<'P'
import json
for i in range(150):
    span = {"traceId": "%032x" % (0x1000 + i * 7919 % 150), "spanId": "%016x" % (i + 1), "name": "x", "startTimeUnixNano": str(1767225600000000000 + i // 50), "endTimeUnixNano": "1767225601000000000"}
    print(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}), file=open("ties.jsonl", "a"))
P
export LYDITE_DB=$tmp/ties.db
"$lydite" trace import -q ties.jsonl && "$lydite" trace export -q -o ties1.jsonl && "$lydite" trace export -q -o ties2.jsonl || complain "ties"
cmp -s ties1.jsonl ties2.jsonl || complain "two exports differ"
export LYDITE_DB=$tmp/ties-again.db
for again in 1 2; do
  "$lydite" trace import -q ties1.jsonl && "$lydite" trace export -q -o ties3.jsonl || complain "ties again"
  [ "$(wc -l <ties3.jsonl)" = 150 ] && cmp -s ties1.jsonl ties3.jsonl || complain "the export of an import differs ($again)"
done
exit $bad
