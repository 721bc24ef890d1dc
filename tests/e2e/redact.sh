#!/usr/bin/env bash
# Redaction end to end: at the door (attributes, events, logs, resource, quarantine, bad requests), and over
# what is stored. Afterwards no byte of the planted texts is in the file, the log or what is printed.
set -u
. "$(dirname "$0")/lib/kit.sh"
need curl python3
cd "$dir" || exit 1
export HOME=$dir XDG_DATA_HOME=$dir
unset LYDITE_DB
has() { cat "$1" "$1"-wal 2>/dev/null | grep -aqE "$2"; }
python3 - <<'PY'
import json
S = "planted%02d@example.com"
def kv(k, v): return {"key": k, "value": {"stringValue": v}}
def span(i, **more):
    d = dict(traceId="%032x" % (0xabc00 + i), spanId="%016x" % (i + 1), name="chat", kind=3,
             startTimeUnixNano="1763700000000000000", endTimeUnixNano="1763700001000000000",
             attributes=[kv("gen_ai.operation.name", "chat"), kv("gen_ai.request.model", "gpt-4o"),
                         {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000"}},
                         kv("user.id", S % 1), kv("session.id", "s " + S % 2),
                         kv("gen_ai.input.messages", json.dumps([{"role": "user", "parts": [
                             {"type": "text", "content": "write to " + S % 3}]}]))],
             events=[{"timeUnixNano": "1763700000500000000", "name": "e", "attributes": [kv("x", S % 4)]}],
             status={"code": 2, "message": "failed for " + S % 5})
    d.update(more)
    return d
def req(*spans):
    return {"resourceSpans": [{"resource": {"attributes": [kv("service.name", "svc " + S % 6)]},
                               "schemaUrl": "https://r.example/" + S % 12,
                               "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans),
                                               "schemaUrl": "https://s.example/" + S % 13}]}]}
json.dump(req(span(0), span(1)), open("good.json", "w"))
json.dump(req(span(0, name="other " + S % 7)), open("conflict.json", "w"))
json.dump(req(span(3, spanId="00", name="bad " + S % 8)), open("rejected.json", "w"))
open("unread.json", "w").write('{"resourceSpans":[{"x":"' + S % 9 + '"')
json.dump({"resourceLogs": [{"resource": {"attributes": [kv("service.name", "svc " + S % 6)]}, "scopeLogs": [
    {"logRecords": [{"timeUnixNano": "1763700000000000000", "body": {"stringValue": "log of " + S % 10},
                     "attributes": [kv("who", S % 11)]}]}]}]}, open("logs.json", "w"))
PY
start() { # database, more options
  db=$1; shift
  collector log --db "$db" "$@"
  pid=$collector
}
stop() { kill -TERM $pid; wait $pid || fail "exit code $?"; pid=; }
send() { # file, path -> status
  curl -s -m 30 -o answer -w '%{http_code}' -H 'Content-Type: application/json' --data-binary "@$1" "http://127.0.0.1:$http$2"
}
send_all() {
  [ "$(send good.json /v1/traces)" = 200 ] || fail "good: $(cat answer)"
  [ "$(send conflict.json /v1/traces)" = 200 ] && grep -q '"rejectedSpans":"1"' answer || fail "conflict: $(cat answer)"
  [ "$(send rejected.json /v1/traces)" = 200 ] && grep -q '"rejectedSpans":"1"' answer || fail "rejected: $(cat answer)"
  [ "$(send unread.json /v1/traces)" = 400 ] || fail "unread: $(cat answer)"
  grep -q planted answer && fail "the answer repeats what was sent"
  [ "$(send logs.json /v1/logs)" = 200 ] || fail "logs: $(cat answer)"
  for _ in $(seq 200); do "$LYDITE" doctor --db "$db" 2>/dev/null | grep -q undecodable && break; sleep 0.1; done
  "$LYDITE" doctor --db "$db" >doctor 2>/dev/null
  grep -q '1 undecodable request' doctor && grep -q '1 conflict from' doctor && grep -q '1 rejected from' doctor ||
    fail "doctor: $(cat doctor)"
}

# At the door.
start "$dir/door.db" --redact pii
send_all
stop
has door.db 'planted[0-9]+@' && fail "at the door: $(cat door.db door.db-wal 2>/dev/null | grep -aoE '.{20}planted[0-9]+@' | head -n 3)"
"$LYDITE" trace export --db door.db >out 2>/dev/null || fail "export"
grep -q 'write to \[redacted:email\]' out || fail "no mark in the export"
grep -q planted log && fail "the log: $(cat log)"

# Over what is stored.
start "$dir/kept.db"
send_all
stop
has kept.db 'planted01@' && has kept.db 'planted12@' || fail "nothing was kept, so the test shows nothing"
"$LYDITE" db redact pii --db kept.db --dry-run >out || fail "dry run"
has kept.db 'planted01@' || fail "a dry run changed the file"
"$LYDITE" db redact pii --db kept.db >out || fail "db redact: $(cat out)"
has kept.db 'planted[0-9]+@' && fail "stored: $(cat kept.db kept.db-wal 2>/dev/null | grep -aoE '.{20}planted[0-9]+@' | head -n 3)"
"$LYDITE" sql --db kept.db --plain 'select distinct service, user from v_spans' >out || fail "sql"
grep -q 'svc \[redacted:email\] *\[redacted:email\]' out || fail "columns: $(cat out)"
"$LYDITE" cost --db kept.db --since 2025-11-01 --by user --plain >out 2>/dev/null || fail "cost"
grep -q 'redacted:email' out || fail "ledger: $(cat out)"
"$LYDITE" db check --db kept.db >out || fail "check: $(cat out)"
"$LYDITE" db redact pii --db kept.db --json >out && grep -q '"changed":0' out || fail "twice: $(cat out)"
exit 0
