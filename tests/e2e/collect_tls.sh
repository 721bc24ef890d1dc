#!/usr/bin/env bash
# A collector with TLS and access keys: reached by status, doctor and run without being told how; renewed
# certificates come into force at SIGHUP over both transports, a broken pair does not.
set -u
. "$(dirname "$0")/lib/kit.sh"
need openssl curl
cd "$dir" || exit 1
export LYDITE_DB=$dir/t.db HOME=$dir XDG_DATA_HOME=$dir
for name in $(env | sed -n 's/^\(OTEL_[A-Z_]*\)=.*/\1/p') LYDITE_ENDPOINT LYDITE_HEADERS; do unset "$name"; done
self_signed() { # file name, common name
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 2 -subj "/CN=$2" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" 2>/dev/null || fail "openssl"
}
self_signed one one.example
self_signed two two.example
cp one.pem cert.pem; cp one.key key.pem

key=$("$LYDITE" auth add "two words" 2>err) && fail "a name of two words was taken"
grep -q 'one word' err || fail "auth add: $(cat err)"
key=$("$LYDITE" auth add builder 2>/dev/null) || fail "auth add"
collector log --listen 127.0.0.1 --require-key --tls-cert cert.pem --tls-key key.pem
pid=$collector
[ -n "$http" ] && [ -n "$grpc" ] || fail "it does not say both ports"

ask() { # certificate to trust -> HTTP status
  curl -s -m 20 -o answer -w '%{http_code}' --cacert "$1" -H 'Content-Type: application/json' ${2:+-H "Authorization: Bearer $2"} \
    -d '{}' "https://localhost:$http/v1/traces"
}
grpc_name() {
  openssl s_client -connect "127.0.0.1:$grpc" -alpn h2 </dev/null 2>/dev/null | openssl x509 -noout -subject 2>/dev/null
}
[ "$(ask one.pem "$key")" = 200 ] || fail "with certificate and key: $(cat answer)"
[ "$(ask one.pem)" = 401 ] || fail "without a key"
[ "$(ask two.pem "$key")" = 000 ] || fail "another certificate was trusted"
curl -s -m 5 -o answer "http://localhost:$http/v1/traces" -d '{}' && grep -q partial answer && fail "plain text on the TLS port"
case $(grpc_name) in *one.example*) ;; *) fail "gRPC shows $(grpc_name)" ;; esac

"$LYDITE" status >out || fail "status"
grep -q '^ *ready$' out || fail "status: $(cat out)"
"$LYDITE" doctor --send >out || fail "doctor: $(cat out)"
grep -q '^ok    OTLP/HTTP' out && grep -q '^ok    OTLP/gRPC' out || fail "doctor: $(cat out)"
grep -q -- '-----BEGIN' t.db.collector && fail "a key in the runtime file"
[ "$(stat -c %a t.db.collector)" = 600 ] || fail "mode of the runtime file"

# run: the child gets all it needs to send.
"$LYDITE" run -- sh -c 'curl -s -m 20 -o answer -w "%{http_code}" --cacert "$OTEL_EXPORTER_OTLP_CERTIFICATE" \
  -H "$(printf %s "$OTEL_EXPORTER_OTLP_HEADERS" | sed "s/=/: /;s/%20/ /")" -H "Content-Type: application/json" \
  -d {} "$OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces"' >out 2>err
[ "$(cat out)" = 200 ] || fail "run: $(cat out err)"

# Renewal.
printf 'nonsense\n' >cert.pem
kill -HUP $pid
for _ in $(seq 400); do grep -q 'reload:' log && break; sleep 0.05; done
grep -q 'reload:' log || fail "a broken certificate was not reported"
[ "$(ask one.pem "$key")" = 200 ] || fail "the old certificate went with a broken one"
cp two.pem cert.pem
kill -HUP $pid # certificate and key do not fit together
for _ in $(seq 400); do [ "$(grep -c 'reload:' log)" -ge 2 ] && break; sleep 0.05; done
[ "$(grep -c 'reload:' log)" -ge 2 ] || fail "a pair that does not fit was not reported"
[ "$(ask one.pem "$key")" = 200 ] || fail "the old certificate went with a pair that does not fit"
cp two.key key.pem
kill -HUP $pid
for _ in $(seq 400); do [ "$(ask two.pem "$key")" = 200 ] && break; sleep 0.05; done
[ "$(ask two.pem "$key")" = 200 ] || fail "HTTP does not show the new certificate"
[ "$(ask one.pem "$key")" = 000 ] || fail "HTTP shows the old certificate"
case $(grpc_name) in *two.example*) ;; *) fail "gRPC shows $(grpc_name)" ;; esac
"$LYDITE" doctor --send >out || fail "doctor after renewal: $(cat out)"

# A revoked key ends without a reload.
"$LYDITE" auth revoke builder 2>/dev/null || fail "revoke"
for _ in $(seq 400); do [ "$(ask two.pem "$key")" = 401 ] && break; sleep 0.1; done
[ "$(ask two.pem "$key")" = 401 ] || fail "a revoked key still works"
"$LYDITE" doctor --send >out || fail "doctor without keys of its own: $(cat out)"
kill -TERM $pid; wait $pid || fail "exit code $?"
pid=
[ ! -e t.db.collector ] || fail "the runtime file stayed"
exit 0
