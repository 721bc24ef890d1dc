#!/usr/bin/env bash
# The exporter's way out as the environment sets it: TLS by a certificate authority of one's own, mTLS,
# gzip, access keys in headers. What is misconfigured delivers nothing, never in plain text, and says why.
set -eu
. "$(dirname "$0")/lib/kit.sh"
need openssl python3
collector= other=
export LYDITE_DB=$dir/t.db HOME=$dir XDG_DATA_HOME=$dir LYDITE_DEBUG=1
export LD_LIBRARY_PATH=$BUILD/lib LYDITE_EXPORTER_PATH=$BUILD/lib/liblydite-otlp.so
for name in $(env | sed -n 's/^\(OTEL_[A-Z_]*\)=.*/\1/p') LYDITE_ENDPOINT LYDITE_HEADERS TRACEPARENT; do
    unset "$name"
done
cd "$dir"

start() { # options of collect: a collector of its own database
    collector collect.log --grpc-port 0 --http-port -1 "$@"
    port=$grpc
}
stop() { kill -TERM "$collector"; wait "$collector" || fail "the collector ended with $?"; collector=; }
count() { python3 - "$LYDITE_DB" <<'PY'
import sqlite3, sys
print(sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute("select count(*) from span").fetchone()[0])
PY
}
delivers() { # what, VARIABLE=value...: 40 spans arrive
    local what=$1 before
    shift
    before=$(count)
    env "$@" "$BUILD/bin/tracer_load" 40 >out 2>err || fail "$what: $(cat out err)"
    [ $(($(count) - before)) = 40 ] || fail "$what: $(($(count) - before)) spans stored, want 40"
}
refused() { # what, text on standard error, VARIABLE=value...: nothing arrives, and the reason is told
    local what=$1 text=$2 before
    shift 2
    before=$(count)
    env "$@" "$BUILD/bin/tracer_load" 40 1000 >out 2>err && fail "$what: delivered: $(cat out)"
    [ "$(count)" = "$before" ] || fail "$what: spans were stored"
    grep -q ' 0 acknowledged' out || fail "$what: accounts: $(cat out)"
    grep -Eq "$text" err || fail "$what: no \"$text\" in: $(cat err)"
}

# A certificate authority, the server's certificate, and a client's.
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 2 -subj "/CN=$1" 2>/dev/null
}
signed() { # name, subject, alternative name
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
    printf 'subjectAltName=%s\n' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
authority ca && authority stranger && signed server localhost DNS:localhost,IP:127.0.0.1 &&
    signed agent lydite-test-agent DNS:agent || fail "openssl"

# TLS: https in the endpoint, and the authority from a file.
start --tls-cert server.pem --tls-key server.key
at=OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:$port
delivers "TLS" "$at" OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem
delivers "TLS, variables for traces win" "$at" OTEL_EXPORTER_OTLP_CERTIFICATE=stranger.pem \
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=ca.pem
delivers "TLS by LYDITE_ENDPOINT" LYDITE_ENDPOINT="https://127.0.0.1:$port" OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem
# An endpoint without a scheme is TLS unless INSECURE says otherwise.
delivers "TLS without a scheme" OTEL_EXPORTER_OTLP_ENDPOINT="localhost:$port" OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem
refused "a stranger's authority" 'UNAVAILABLE|CERTIFICATE|handshake' "$at" OTEL_EXPORTER_OTLP_CERTIFICATE=stranger.pem
refused "plain text to a TLS port" 'UNAVAILABLE' OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:$port"
refused "no such certificate file" 'nothing.pem: cannot be read' "$at" OTEL_EXPORTER_OTLP_CERTIFICATE=nothing.pem
stop

# TLS asked, plain text there: nothing is sent in the clear.
start
refused "TLS to a plain port" 'UNAVAILABLE' OTEL_EXPORTER_OTLP_ENDPOINT="https://localhost:$port" \
    OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem

# gzip: the same spans in far fewer bytes; a relay in between counts what the exporter sends.
cat >relay.py <<'PY'
import socket, sys, threading
to = int(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
sent = 0
def pump(a, b, counts):
    global sent
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            if counts:
                sent += len(data)
                with open("bytes", "w") as f:
                    f.write(str(sent))
            b.sendall(data)
    except OSError:
        pass
    b.close()
print(listener.getsockname()[1], flush=True)
while True:
    near, _ = listener.accept()
    far = socket.create_connection(("127.0.0.1", to))
    threading.Thread(target=pump, args=(near, far, True), daemon=True).start()
    threading.Thread(target=pump, args=(far, near, False), daemon=True).start()
PY
through() { # VARIABLE=value...: bytes that the exporter sent for 40 spans
    : >relay.out; rm -f bytes
    python3 relay.py "$port" >relay.out &
    other=$!
    for _ in $(seq 200); do [ -s relay.out ] && break; sleep 0.05; done
    delivers "through the relay, $*" OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(cat relay.out)" "$@"
    kill "$other"; wait "$other" 2>/dev/null || true; other=
}
through OTEL_BSP_MAX_EXPORT_BATCH_SIZE=512; plain=$(cat bytes)
through OTEL_EXPORTER_OTLP_COMPRESSION=gzip; small=$(cat bytes)
[ $((small * 4)) -lt $((plain * 3)) ] || fail "gzip: $small bytes, $plain without"
stop

# Access keys travel in headers, percent-encoded; the key stands in no diagnostic.
key=$("$LYDITE" auth add agent 2>/dev/null)
start --require-key
at=OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:$port
delivers "access key" "$at" OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20$key,x-other=a%2Cb"
delivers "access key by LYDITE_HEADERS" "$at" OTEL_EXPORTER_OTLP_HEADERS=authorization=wrong \
    LYDITE_HEADERS="authorization=Bearer%20$key"
refused "no access key" 'UNAUTHENTICATED' "$at"
refused "a wrong access key" 'UNAUTHENTICATED' "$at" OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20${key}x"
grep -qF "$key" err && fail "the access key stands on standard error"
stop

# mTLS: a gateway before the collector demands a certificate of the authority and says whom it saw.
cat >gateway.py <<'PY'
import socket, ssl, sys, threading
to = int(sys.argv[1])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
context.load_verify_locations("ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
context.set_alpn_protocols(["h2"])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve(raw):
    try:
        near = context.wrap_socket(raw, server_side=True)
    except (ssl.SSLError, OSError) as error:
        print("refused", error, file=sys.stderr, flush=True)
        return
    print("saw", near.getpeercert()["subject"], file=sys.stderr, flush=True)
    far = socket.create_connection(("127.0.0.1", to))
    near.settimeout(0.05)  # one thread for both ways: an SSL object is not for two
    far.settimeout(0.05)
    try:
        while True:
            for a, b in ((near, far), (far, near)):
                try:
                    data = a.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                b.sendall(data)
    except OSError:
        pass
    finally:
        near.close()
        far.close()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY
start
python3 gateway.py "$port" >gateway.out 2>seen &
other=$!
for _ in $(seq 200); do [ -s gateway.out ] && break; sleep 0.05; done
at=OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:$(cat gateway.out)
delivers "mTLS" "$at" OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem \
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=agent.pem OTEL_EXPORTER_OTLP_CLIENT_KEY=agent.key
grep -q 'saw.*lydite-test-agent' seen || fail "mTLS: the gateway saw: $(cat seen)"
: >seen
refused "mTLS without a certificate" 'UNAVAILABLE' "$at" OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem
grep -q 'saw' seen && fail "mTLS: a certificate from nowhere: $(cat seen)"
refused "mTLS without the key file" 'agent.none: cannot be read' "$at" OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem \
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=agent.pem OTEL_EXPORTER_OTLP_CLIENT_KEY=agent.none
kill "$other"; wait "$other" 2>/dev/null || true; other=
stop
echo "tracer_tls: ok; gzip $small bytes of $plain"
