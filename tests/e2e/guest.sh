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
# The main thread leaves by pthread_exit without closing. SIGTERM still ends the process when only our
# threads are left; it runs no handler of the host there, and a host that waits for the signal gets it.
left() { # exporter case: starts it, waits until the main thread is gone and nothing else of the host is
    local where=LYDITE_ENDPOINT=http://127.0.0.1:1
    [ "$1" = file ] && where=LYDITE_EXPORTER=file:$dir/out
    env "$where" "$guest" "$2" >"$dir/stdout" 2>"$dir/stderr" &
    pid=$!
    for _ in $(seq 400); do
        grep -q '^State:.Z' /proc/$pid/status 2>/dev/null && return
        sleep 0.02
    done
    fail "$2 ($1): the main thread did not leave"
}
if [ -z "$sanitized" ]; then
    for exporter in file grpc; do
        for case in leave leave-untraced; do
            left $exporter $case
            kill -TERM $pid
            code=0; timeout 20 tail --pid=$pid -f /dev/null || { kill -KILL $pid; fail "$case ($exporter): SIGTERM is ignored"; }
            wait $pid || code=$?
            [ $code = 143 ] || fail "$case ($exporter): exit $code, want 143"
        done
        left $exporter leave-handler
        kill -TERM $pid
        sleep 2 # the time in which the exporter would have looked thrice
        kill -KILL $pid
        code=0; wait $pid 2>/dev/null || code=$?
        [ $code = 137 ] || fail "leave-handler ($exporter): exit $code: the handler ran on a thread of ours"
        run 7 $exporter leave-wait
    done
fi

run 0 file exit
[ "$(grep -o '"spanId"' "$dir/out" | wc -l)" = 50 ] || fail "exit() lost spans"
grep -q '"name":"step"' "$dir/out" || fail "no spans in the file"
[ "$(stat -c %a "$dir/out")" = 600 ] || fail "the file is not private"

# Linking without opening costs next to nothing: no thread, no library but libc.
objects=$(LD_DEBUG=files "$guest" link 2>&1 | grep -c 'calling init' || true)
echo "guest: ok; linking without opening initialises $objects objects"
