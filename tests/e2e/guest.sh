#!/usr/bin/env bash
# The library in someone's process: every way to end, unloading, and what must not change. Each case with
# the file exporter and with gRPC to a port where nobody listens.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { printf 'guest: %s\n' "$*" >&2; exit 1; }
export LD_LIBRARY_PATH=$BUILD/lib LYDITE_EXPORTER_PATH=$BUILD/lib/liblydite-otlp.so
guest=$BUILD/bin/tracer_guest
sanitized=$(sed -n 's/^LYDITE_SANITIZE:STRING=//p' "$BUILD/CMakeCache.txt")

run() { # want exporter case...
    local want=$1 exporter=$2 code=0
    shift 2
    if [ "$exporter" = file ]; then
        rm -f "$dir/out"
        LYDITE_EXPORTER=file:$dir/out timeout -k 5 20 "$guest" "$@" >"$dir/stdout" 2>"$dir/stderr" || code=$?
    else
        LYDITE_ENDPOINT=http://127.0.0.1:1 timeout -k 5 20 "$guest" "$@" >"$dir/stdout" 2>"$dir/stderr" || code=$?
    fi
    [ $code = "$want" ] || fail "$* ($exporter): exit $code, want $want: $(cat "$dir/stdout" "$dir/stderr")"
    [ ! -s "$dir/stdout" ] && { [ -n "$sanitized" ] || [ ! -s "$dir/stderr" ]; } ||
        fail "$* ($exporter) printed: $(cat "$dir/stdout" "$dir/stderr")"
}

for exporter in file grpc; do
    run 0 $exporter exit
    run 0 $exporter _exit
    run 134 $exporter abort 2>/dev/null
    run 143 $exporter term
    run 0 $exporter cancel
    run 0 $exporter manners
    [ -n "$sanitized" ] || run 0 $exporter unload "$BUILD/lib/liblydite.so"
done
run 0 file exit
[ "$(grep -o '"spanId"' "$dir/out" | wc -l)" = 50 ] || fail "exit() lost spans"
grep -q '"name":"step"' "$dir/out" || fail "no spans in the file"
[ "$(stat -c %a "$dir/out")" = 600 ] || fail "the file is not private"

# Linking without opening costs next to nothing: no thread, no library but libc.
objects=$(LD_DEBUG=files "$guest" link 2>&1 | grep -c 'calling init' || true)
echo "guest: ok; linking without opening initialises $objects objects"
