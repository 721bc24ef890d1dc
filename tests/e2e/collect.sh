# lydite collect as a process: first line, ports, readiness for systemd, SIGHUP, bad input, auth, doctor.
set -u
dir=$(mktemp -d)
trap '[ -n "${pid:-}" ] && kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
db=$dir/t.db
die() { echo "FAILED: $*"; exit 1; }
command -v curl >/dev/null || exit 77
start() {
  : >log
  "$LYDITE" collect --db "$db" --grpc-port 0 --http-port 0 "$@" >log 2>&1 &
  pid=$!
  for _ in $(seq 200); do grep -q OTLP/HTTP log && break; kill -0 $pid 2>/dev/null || break; sleep 0.05; done
  http=$(sed -n 's/.*OTLP\/HTTP https\{0,1\}:\/\/[^ ]*:\([0-9]*\).*/\1/p' log | head -n 1)
  [ -n "$http" ] || die "did not start: $(cat log)"
}
stop() { kill -TERM $pid; wait $pid; code=$?; pid=; [ $code = 0 ] || die "exit code $code"; }

start
head -n 1 log | grep -q "^collecting into $db | OTLP/gRPC http://127.0.0.1:[0-9]* | OTLP/HTTP http://127.0.0.1:[0-9]*$" || die "first line: $(head -n 1 log)"
[ "$(stat -c %a "$db")" = 600 ] || die "mode of the database"
[ "$(stat -c %a "$db.collector")" = 600 ] || die "mode of the runtime file"
curl -sf "http://127.0.0.1:$http/readyz" >/dev/null || die "readyz"

# Bad input: one line with the thing, what is wrong and what to do; nothing half-written.
"$LYDITE" collect --db "$dir/other.db" --grpc-port 0 --http-port "$http" 2>err; [ $? = 3 ] || die "port in use: code"
grep -q "port $http is in use by lydite (pid $pid)" err || die "port in use: $(cat err)"
[ ! -e "$dir/other.db" ] || die "a database was made"
"$LYDITE" collect --db "$db" --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || die "second collector: code"
grep -q "pid $pid serves" err || die "second collector: $(cat err)"
echo "not a database, and long enough to have a header of its own" >foreign.db
"$LYDITE" collect --db "$dir/foreign.db" --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || die "foreign: code"
[ "$(wc -l <err)" = 1 ] || die "foreign: $(cat err)"
"$LYDITE" collect --db /proc/x/t.db --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || die "unwritable: code"
"$LYDITE" collect --db "$db" --http-port 99999 2>err; [ $? = 2 ] || die "usage"
"$LYDITE" collect --db "$dir/o.db" --listen 0.0.0.0 2>err; [ $? = 2 ] || die "exposed: code"
grep -q -- --redact err || die "exposed: $(cat err)"

# The full-text index takes the little that came in once writing stops, without further writes.
curl -sf -o /dev/null -H 'Content-Type: application/json' "http://127.0.0.1:$http/v1/traces" --data '{"resourceSpans":[{"scopeSpans":[{"spans":[
 {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000"}]}]}]}' ||
  die "a span"
indexed() { "$LYDITE" status --db "$db" --json | grep -q '"unindexed_traces":0[,}]' && "$LYDITE" sql --db "$db" --csv 'SELECT count(*) AS n FROM text_of' | grep -q '^1'; }
for _ in $(seq 300); do indexed && break; sleep 0.1; done
indexed || die "not in the full-text index: $("$LYDITE" status --db "$db")"

"$LYDITE" doctor --send --db "$db" >doctor || die "doctor: $(cat doctor)"
grep -q 'ok    OTLP/gRPC' doctor && grep -q 'ok    OTLP/HTTP' doctor || die "doctor: $(cat doctor)"
stop
[ ! -e "$db.collector" ] && [ ! -e "$db-wal" ] || die "files left: $(ls)"

# Killed, its runtime file stays and is known to be stale.
start; kill -KILL $pid; wait $pid 2>/dev/null; pid=
[ -e "$db.collector" ] || die "no stale file to test with"
"$LYDITE" status --db "$db" --json | grep -q '"collector":null' || die "a stale runtime file was believed"

# Access keys, and SIGHUP.
key=$("$LYDITE" auth add one --db "$db" 2>/dev/null)
start --require-key
send() { curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' "$@" --data '{}' "http://127.0.0.1:$http/v1/traces"; }
[ "$(send)" = 401 ] || die "no key"
[ "$(send -H "Authorization: Bearer $key")" = 200 ] || die "key"
other=$("$LYDITE" auth add two --db "$db" 2>/dev/null)
[ "$(send -H "Authorization: Bearer $other")" = 401 ] || die "a new key before SIGHUP"
"$LYDITE" auth revoke one --db "$db" 2>/dev/null || die "revoke"
kill -HUP $pid
for _ in $(seq 100); do [ "$(send -H "Authorization: Bearer $other")" = 200 ] && break; sleep 0.05; done
[ "$(send -H "Authorization: Bearer $other")" = 200 ] || die "SIGHUP did not read keys"
[ "$(send -H "Authorization: Bearer $key")" = 401 ] || die "a revoked key"
"$LYDITE" auth list --all --db "$db" | grep -q revoked || die "list"

# A price by access key counts for what comes in with that key, and repricing keeps it.
"$LYDITE" price add --db "$db" --key two --model keyed-1 input=7 output=7 -q >/dev/null || die "price by key"
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
grep -q '"amount_usd":"0.007"' keyed.json || die "price by key: $(cat keyed.json)"
"$LYDITE" cost reprice --db "$db" -y -q >/dev/null || die "reprice"
"$LYDITE" cost explain --db "$db" --json $id | grep -q '"amount_usd":"0.007"' || die "repricing lost the key"
strings -a "$db" 2>/dev/null | grep -q "$other" && die "a key stands in the file"
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
[ "$code" = 200 ] || die "redaction: $code $(cat answer)"
curl -s "http://127.0.0.1:$http/metrics" | grep -q '^lydite_places_redacted_total 4$' || die "redaction is counted: $(curl -s "http://127.0.0.1:$http/metrics" | grep redacted_total)"
grep -qa planted "$db" "$db-wal" log && die "a planted secret stands in a file"
stop
grep -qa planted "$db" && die "a planted secret stands in the file"
"$LYDITE" trace export --db "$db" -o out.jsonl 2>/dev/null && { grep -q 'redacted:anthropic-key' out.jsonl && grep -q 'redacted:email' out.jsonl && grep -q 'redacted:ticket' out.jsonl || die "marks: $(cat out.jsonl)"; }

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
  [ "$(tr '\n' ' ' <notified)" = "READY=1 STOPPING=1 " ] || die "notify: $(cat notified)"
fi

# TLS by certificate files.
if command -v openssl >/dev/null; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null || die "openssl"
  start --tls-cert cert.pem --tls-key key.pem
  [ "$(curl -s --cacert cert.pem "https://127.0.0.1:$http/readyz")" = ready ] || die "TLS"
  curl -s "http://127.0.0.1:$http/readyz" >/dev/null && die "plain text on a TLS port"
  stop
  "$LYDITE" collect --db "$db" --tls-cert cert.pem 2>err; [ $? = 2 ] || die "half a pair"
  "$LYDITE" collect --db "$db" --tls-cert cert.pem --tls-key nothing.pem --grpc-port 0 --http-port 0 2>err; [ $? = 3 ] || die "no key file"
  grep -q nothing.pem err || die "no key file: $(cat err)"
fi
echo ok
