#!/usr/bin/env bash
# lydite collect as a process: first line, ports, readiness for systemd, SIGHUP, bad input, auth, doctor.
set -u
. "$(dirname "$0")/lib/kit.sh"
need curl
cd "$dir" || exit 1
db=$dir/t.db
start() { collector log --db "$db" "$@"; pid=$collector; }
stop() { kill -TERM $pid; wait $pid; code=$?; pid=; [ $code = 0 ] || fail "exit code $code"; }

start
head -n 1 log | grep -q "^collecting into $db | OTLP/gRPC http://127.0.0.1:[0-9]* | OTLP/HTTP http://127.0.0.1:[0-9]*$" || fail "first line: $(head -n 1 log)"
[ "$(stat -c %a "$db")" = 600 ] || fail "mode of the database"
[ "$(stat -c %a "$db.collector")" = 600 ] || fail "mode of the runtime file"
curl -sf "http://127.0.0.1:$http/readyz" >/dev/null || fail "readyz"

# Bad input: one line with the thing, what is wrong and what to do; nothing half-written.
"$LYDITE" collect --db "$dir/other.db" --grpc-port 0 --http-port "$http" 2>err; [ $? = 3 ] || fail "port in use: code"
grep -q "port $http is in use by lydite (pid $pid)" err || fail "port in use: $(cat err)"
[ ! -e "$dir/other.db" ] || fail "a database was made"
"$LYDITE" collect --db "$db" --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || fail "second collector: code"
grep -q "pid $pid serves" err || fail "second collector: $(cat err)"
echo "not a database, and long enough to have a header of its own" >foreign.db
"$LYDITE" collect --db "$dir/foreign.db" --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || fail "foreign: code"
[ "$(wc -l <err)" = 1 ] || fail "foreign: $(cat err)"
"$LYDITE" collect --db /proc/x/t.db --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || fail "unwritable: code"
"$LYDITE" collect --db "$db" --http-port 99999 2>err; [ $? = 2 ] || fail "usage"
"$LYDITE" collect --db "$dir/o.db" --listen 0.0.0.0 2>err; [ $? = 2 ] || fail "exposed: code"
grep -q -- --redact err || fail "exposed: $(cat err)"

# The full-text index takes the little that came in once writing stops, without further writes.
curl -sf -o /dev/null -H 'Content-Type: application/json' "http://127.0.0.1:$http/v1/traces" --data '{"resourceSpans":[{"scopeSpans":[{"spans":[
 {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000"}]}]}]}' ||
  fail "a span"
indexed() { "$LYDITE" status --db "$db" --json | grep -q '"unindexed_traces":0[,}]' && "$LYDITE" sql --db "$db" --csv 'SELECT count(*) AS n FROM text_of' | grep -q '^1'; }
for _ in $(seq 300); do indexed && break; sleep 0.1; done
indexed || fail "not in the full-text index: $("$LYDITE" status --db "$db")"

"$LYDITE" doctor --send --db "$db" >doctor || fail "doctor: $(cat doctor)"
grep -q 'ok    OTLP/gRPC' doctor && grep -q 'ok    OTLP/HTTP' doctor || fail "doctor: $(cat doctor)"
stop
[ ! -e "$db.collector" ] && [ ! -e "$db-wal" ] || fail "files left: $(ls)"

# Killed, its runtime file stays and is known to be stale.
start; kill -KILL $pid; wait $pid 2>/dev/null; pid=
[ -e "$db.collector" ] || fail "no stale file to test with"
"$LYDITE" status --db "$db" --json | grep -q '"collector":null' || fail "a stale runtime file was believed"

# Access keys, and SIGHUP.
key=$("$LYDITE" auth add one --db "$db" 2>/dev/null)
start --require-key
send() { curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' "$@" --data '{}' "http://127.0.0.1:$http/v1/traces"; }
[ "$(send)" = 401 ] || fail "no key"
[ "$(send -H "Authorization: Bearer $key")" = 200 ] || fail "key"
other=$("$LYDITE" auth add two --db "$db" 2>/dev/null)
[ "$(send -H "Authorization: Bearer $other")" = 401 ] || fail "a new key before SIGHUP"
"$LYDITE" auth revoke one --db "$db" 2>/dev/null || fail "revoke"
kill -HUP $pid
for _ in $(seq 100); do [ "$(send -H "Authorization: Bearer $other")" = 200 ] && break; sleep 0.05; done
[ "$(send -H "Authorization: Bearer $other")" = 200 ] || fail "SIGHUP did not read keys"
[ "$(send -H "Authorization: Bearer $key")" = 401 ] || fail "a revoked key"
"$LYDITE" auth list --all --db "$db" | grep -q revoked || fail "list"

# A price by access key counts for what comes in with that key, and repricing keeps it.
"$LYDITE" price add --db "$db" --key two --model keyed-1 input=7 output=7 -q >/dev/null || fail "price by key"
n=0
keyed() {
  n=$((n + 1)); id=$(printf '%032x' $((0xc000 + n)))
  curl -sf -o /dev/null -H 'Content-Type: application/json' -H "x-api-key: $other" "http://127.0.0.1:$http/v1/traces" --data \
   '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"'$id'","spanId":"00112233445566'"$(printf %02x $n)"'","name":"chat",
   "startTimeUnixNano":"1790000000000000000","endTimeUnixNano":"1790000001000000000","attributes":[
   {"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"keyed-1"}},
   {"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000"}}]}]}]}]}' || return 1
  "$LYDITE" cost explain --db "$db" --json $id >keyed.json && grep -q '"amount_usd":"0.007"' keyed.json
}
for _ in $(seq 100); do keyed && break; sleep 0.1; done
grep -q '"amount_usd":"0.007"' keyed.json || fail "price by key: $(cat keyed.json)"
"$LYDITE" cost reprice --db "$db" -y -q >/dev/null || fail "reprice"
"$LYDITE" cost explain --db "$db" --json $id | grep -q '"amount_usd":"0.007"' || fail "repricing lost the key"
strings -a "$db" 2>/dev/null | grep -q "$other" && fail "a key stands in the file"
stop

# Redaction: what was planted is in no file.
key=sk-ant-; key=${key}api03-planted0123456789planted
start --redact secrets,pii --redact-rule 'ticket=TCK-[0-9]+'
code=$(curl -s -o answer -w '%{http_code}' -H 'Content-Type: application/json' "http://127.0.0.1:$http/v1/traces" --data \
 '{"resourceSpans":[{"resource":{"attributes":[{"key":"process.command_args","value":{"arrayValue":{"values":[{"stringValue":"--key='$key'"}]}}}]},
 "scopeSpans":[{"spans":[{"traceId":"00112233445566778899aabbccddeeff","spanId":"0011223344556677","name":"see TCK-42",
 "startTimeUnixNano":"1790000000000000000","endTimeUnixNano":"1790000001000000000","attributes":[
 {"key":"gen_ai.input.messages","value":{"stringValue":"[{\"role\":\"user\",\"content\":\"mail planted.person\\u0040example.org, use '$key'\"}]"}}]},
 {"traceId":"00","spanId":"00","name":"bad '$key'"}]}]}]}')
[ "$code" = 200 ] || fail "redaction: $code $(cat answer)"
curl -s "http://127.0.0.1:$http/metrics" | grep -q '^lydite_places_redacted_total 4$' || fail "redaction is counted: $(curl -s "http://127.0.0.1:$http/metrics" | grep redacted_total)"
grep -qa planted "$db" "$db-wal" log && fail "a planted secret stands in a file"
stop
grep -qa planted "$db" && fail "a planted secret stands in the file"
"$LYDITE" trace export --db "$db" -o out.jsonl 2>/dev/null && { grep -q 'redacted:anthropic-key' out.jsonl && grep -q 'redacted:email' out.jsonl && grep -q 'redacted:ticket' out.jsonl || fail "marks: $(cat out.jsonl)"; }

# systemd's readiness protocol.
if command -v python3 >/dev/null; then
  python3 - "$dir/notify" >notified <<'PY' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1]); s.settimeout(10)
print(s.recv(100).decode()); print(s.recv(100).decode())
PY
  for _ in $(seq 100); do [ -S notify ] && break; sleep 0.05; done
  NOTIFY_SOCKET=$dir/notify start
  stop
  wait
  [ "$(tr '\n' ' ' <notified)" = "READY=1 STOPPING=1 " ] || fail "notify: $(cat notified)"
fi

# TLS by certificate files.
if command -v openssl >/dev/null; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null || fail "openssl"
  start --tls-cert cert.pem --tls-key key.pem
  [ "$(curl -s --cacert cert.pem "https://127.0.0.1:$http/readyz")" = ready ] || fail "TLS"
  curl -s "http://127.0.0.1:$http/readyz" >/dev/null && fail "plain text on a TLS port"
  stop
  "$LYDITE" collect --db "$db" --tls-cert cert.pem 2>err; [ $? = 2 ] || fail "half a pair"
  "$LYDITE" collect --db "$db" --tls-cert cert.pem --tls-key nothing.pem --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || fail "no key file"
  grep -q nothing.pem err || fail "no key file: $(cat err)"
fi
echo ok
