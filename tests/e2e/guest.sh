#!/usr/bin/env bash
# The library in someone's process: every way to end, unloading, and what must not change. Each case with
# the file exporter and with gRPC to a port where nobody listens.
set -eu
. "$(dirname "$0")/lib/kit.sh"
# The cases mostly wait (for a collector that is not there, for a second look), so they do it side by side,
# each in a folder of its own.
cases= names=
side_by_side() { # what to run
    local name
    name=$(printf '%s_' "${@##*/}")
    (
        dir=$dir/$name
        mkdir "$dir"
        "$@"
    ) &
    cases="$cases $!"
    names="$names $name"
}
all_well() {
    local failed= pid
    for pid in $cases; do wait "$pid" || failed=1; done
    [ -z "$failed" ] || fail "not all of$names"
    cases= names=
}
export LD_LIBRARY_PATH=$BUILD/lib LYDITE_EXPORTER_PATH=$BUILD/lib/liblydite-otlp.so
guest=$BUILD/bin/tracer_guest
sanitized=$(sed -n 's/^LYDITE_SANITIZE:STRING=//p' "$BUILD/CMakeCache.txt")

run() { # want exporter case...
    local want=$1 exporter=$2 code=0
    shift 2
    if [ "$exporter" = file ]; then
        rm -f "$dir/out"
        LYDITE_EXPORTER=file:$dir/out timeout -k 5 60 "$guest" "$@" >"$dir/stdout" 2>"$dir/stderr" || code=$?
    else
        LYDITE_ENDPOINT=http://127.0.0.1:1 timeout -k 5 60 "$guest" "$@" >"$dir/stdout" 2>"$dir/stderr" || code=$?
    fi
    [ $code = "$want" ] || fail "$* ($exporter): exit $code, want $want: $(cat "$dir/stdout" "$dir/stderr")"
    [ ! -s "$dir/stdout" ] && { [ -n "$sanitized" ] || [ ! -s "$dir/stderr" ]; } ||
        fail "$* ($exporter) printed: $(cat "$dir/stdout" "$dir/stderr")"
}

for exporter in file grpc; do
    side_by_side run 0 $exporter exit
    side_by_side run 0 $exporter _exit
    side_by_side run 134 $exporter abort 2>/dev/null
    side_by_side run 143 $exporter term
    side_by_side run 0 $exporter cancel
    side_by_side run 0 $exporter manners
    [ -n "$sanitized" ] || side_by_side run 0 $exporter unload "$BUILD/lib/liblydite.so"
done
# The main thread leaves by pthread_exit without closing. SIGTERM still ends the process when only our
# threads are left; it runs no handler of the host there, and a host that waits for the signal gets it.
left() { # exporter case: starts it, waits until the main thread is gone and nothing else of the host is
    local where=LYDITE_ENDPOINT=http://127.0.0.1:1
    [ "$1" = file ] && where=LYDITE_EXPORTER=file:$dir/out
    env "$where" "$guest" "$2" >"$dir/stdout" 2>"$dir/stderr" &
    pid=$!
    for _ in $(seq 1500); do
        grep -q '^State:.Z' /proc/$pid/status 2>/dev/null && return
        sleep 0.02
    done
    fail "$2 ($1): the main thread did not leave"
}
ended() { # exporter case: SIGTERM ends it
    left "$1" "$2"
    kill -TERM $pid
    local code=0
    timeout 60 tail --pid=$pid -f /dev/null || { kill -KILL $pid; fail "$2 ($1): SIGTERM is ignored"; }
    wait $pid || code=$?
    [ $code = 143 ] || fail "$2 ($1): exit $code, want 143"
}
left_alone() { # exporter: a handler is not run on a thread of ours
    left "$1" leave-handler
    kill -TERM $pid
    sleep 2 # the time in which the exporter would have looked thrice
    kill -KILL $pid
    local code=0
    wait $pid 2>/dev/null || code=$?
    [ $code = 137 ] || fail "leave-handler ($1): exit $code: the handler ran on a thread of ours"
}
if [ -z "$sanitized" ]; then
    for exporter in file grpc; do
        side_by_side ended $exporter leave
        side_by_side ended $exporter leave-untraced
        side_by_side left_alone $exporter 2>/dev/null
        side_by_side run 7 $exporter leave-wait
    done
fi
all_well

run 0 file exit
[ "$(grep -o '"spanId"' "$dir/out" | wc -l)" = 50 ] || fail "exit() lost spans"
grep -q '"name":"step"' "$dir/out" || fail "no spans in the file"
[ "$(stat -c %a "$dir/out")" = 600 ] || fail "the file is not private"

# Linking without opening costs next to nothing: no thread, no library but libc.
objects=$(LD_DEBUG=files "$guest" link 2>&1 | grep -c 'calling init' || true)
echo "guest: ok; linking without opening initialises $objects objects"
