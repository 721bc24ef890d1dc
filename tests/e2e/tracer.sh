#!/usr/bin/env bash
# The tracer against the real collector: examples arrive whole; two processes make one trace; a collector
# killed under load loses nothing it acknowledged; what could not be delivered is spooled and sent later,
# once in effect.
set -eu
. "$(dirname "$0")/lib/kit.sh"
export LYDITE_DB=$dir/t.db HOME=$dir XDG_DATA_HOME=$dir
export LD_LIBRARY_PATH=$BUILD/lib LYDITE_EXPORTER_PATH=$BUILD/lib/liblydite-otlp.so
unset OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_PROTOCOL TRACEPARENT 2>/dev/null || true

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
grpc=$(free_port) http=$(free_port)
export LYDITE_ENDPOINT=http://127.0.0.1:$grpc

start_collector() {
    collector "$dir/collect.log" --grpc-port "$grpc" --http-port "$http"
    await 20 curl -fs "http://127.0.0.1:$http/readyz" || fail "the collector is not ready"
}
sqlite_count() { python3 - "$LYDITE_DB" <<'PY'
import sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
print(db.execute("select count(*) from span").fetchone()[0])
PY
}

start_collector
"$BUILD/examples/minimal" 2>"$dir/err" || fail "minimal failed"
[ ! -s "$dir/err" ] || fail "minimal: $(cat "$dir/err")"
[ "$(sqlite_count)" = 1 ] || fail "minimal's span is not there"
"$BUILD/examples/distributed" 2>"$dir/err" || fail "distributed failed"
[ ! -s "$dir/err" ] || fail "distributed: $(cat "$dir/err")"
[ "$(sqlite_count)" = 5 ] || fail "distributed: $(sqlite_count) spans, want 5"
traces=$("$LYDITE" trace list --json | wc -l)
[ "$traces" = 2 ] || fail "two processes made $((traces - 1)) traces, want 1"
"$BUILD/examples/rag" "What does nitric acid do?" "$SOURCE/examples/rag/touchstone.txt" >/dev/null
LIBLYDITE=$BUILD/lib/liblydite.so python3 "$SOURCE/examples/ctypes_agent.py" 2>"$dir/err" ||
    case $(sed -n 's/^LYDITE_SANITIZE:STRING=//p' "$BUILD/CMakeCache.txt") in ?*) ;; *) fail "ctypes: $(cat "$dir/err")" ;; esac
before=$(sqlite_count)

# Killed and restarted while spans end: every acknowledged span is stored, once.
"$BUILD/bin/tracer_load" 4000 >"$dir/load.txt" 2>"$dir/err" &
load=$!
for _ in 1 2 3; do
    sleep 0.3
    kill -9 "$collector"
    wait "$collector" 2>/dev/null || true
    sleep 0.2
    start_collector
done
wait "$load" || fail "tracer_load: $(cat "$dir/load.txt" "$dir/err")"
acknowledged=$(sed -n 's/.* \([0-9]*\) acknowledged.*/\1/p' "$dir/load.txt")
[ "$acknowledged" = 4000 ] || fail "load: $(cat "$dir/load.txt")"
[ $(($(sqlite_count) - before)) = 4000 ] || fail "$(($(sqlite_count) - before)) spans stored, want 4000"

# Nobody there: spooled; sent afterwards; a second send has nothing.
kill -9 "$collector"; wait "$collector" 2>/dev/null || true
export LYDITE_SPOOL_DIR=$dir/spool
"$BUILD/bin/tracer_load" 300 200 >"$dir/load.txt" 2>"$dir/err" || true
grep -q '300 spooled' "$dir/load.txt" || fail "not spooled: $(cat "$dir/load.txt")"
"$LYDITE" spool list --json | grep -q '"kind":"traces"' || fail "spool list"
code=0; "$LYDITE" spool send >/dev/null 2>&1 || code=$?
[ $code = 4 ] || fail "spool send to nobody: exit $code, want 4"
start_collector
"$LYDITE" spool send >"$dir/sent" || fail "spool send"
[ $(($(sqlite_count) - before)) = 4300 ] || fail "after spool send $(($(sqlite_count) - before)), want 4300"
"$LYDITE" spool list --fail-empty >/dev/null 2>&1 && fail "something is left in the spool"
echo "tracer: ok"
