#!/usr/bin/env bash
# What LYDITE_DEBUG=1 says on standard error, word for word: a configuration that cannot work is answered
# with the variable and the value to set; without the variable nothing is printed.
set -eu
. "$(dirname "$0")/lib/kit.sh"
export HOME=$dir LD_LIBRARY_PATH=$BUILD/lib LYDITE_EXPORTER_PATH=$BUILD/lib/liblydite-otlp.so
for name in $(env | sed -n 's/^\(OTEL_[A-Z_]*\)=.*/\1/p') LYDITE_ENDPOINT LYDITE_EXPORTER LYDITE_DEBUG TRACEPARENT; do
    unset "$name"
done

says() { # VARIABLE=value... -- program...; the wanted standard error stands on standard input
    cat >"$dir/want"
    local set=()
    while [ "$1" != -- ]; do set+=("$1"); shift; done
    shift
    env LYDITE_DEBUG=1 "${set[@]}" "$@" >"$dir/out" 2>"$dir/err" || true
    diff -u "$dir/want" "$dir/err" || fail "${set[*]}: not the wanted lines"
    # The same program without it, or with 0, says nothing by itself.
    env LYDITE_DEBUG=0 "${set[@]}" "$@" >"$dir/out" 2>"$dir/err" || true
    grep '^lydite:' "$dir/err" && fail "${set[*]}: printed with LYDITE_DEBUG=0"
    return 0
}
minimal=$BUILD/examples/minimal # does not look at the error of lydite_open

says OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 -- "$minimal" <<'END'
lydite: error: OTEL_EXPORTER_OTLP_ENDPOINT is http://localhost:4318: port 4318 is OTLP/HTTP, and liblydite speaks OTLP/gRPC; set OTEL_EXPORTER_OTLP_ENDPOINT to the gRPC port, as a rule http://localhost:4317, or set LYDITE_ENDPOINT
END
says OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://h:4318/v1/traces -- "$minimal" <<'END'
lydite: error: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is https://h:4318/v1/traces: port 4318 is OTLP/HTTP, and liblydite speaks OTLP/gRPC; set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to the gRPC port, as a rule http://localhost:4317, or set LYDITE_ENDPOINT
END
says OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf -- "$minimal" <<'END'
lydite: error: OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf, which liblydite does not speak: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc and OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317, or only LYDITE_ENDPOINT=http://localhost:4317
END
says OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json -- "$minimal" <<'END'
lydite: error: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is http/json, which liblydite does not speak: set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc and OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317, or only LYDITE_ENDPOINT=http://localhost:4317
END
says LYDITE_EXPORTER=zipkin -- "$minimal" <<'END'
lydite: error: LYDITE_EXPORTER is zipkin: it must be otlp, console, file:PATH or none
END
says OTEL_EXPORTER_OTLP_HEADERS=authorization=%zz -- "$minimal" <<'END'
lydite: error: OTEL_EXPORTER_OTLP_HEADERS is not k=v,k2=v2 with percent-encoded values
END
# What is only unclear is noted, and the tracing goes on.
says OTEL_BSP_SCHEDULE_DELAY=soon OTEL_TRACES_SAMPLER=dice LYDITE_EXPORTER="file:$dir/spans" -- "$minimal" <<'END'
lydite: warning: OTEL_TRACES_SAMPLER is dice, which liblydite does not know: parentbased_always_on is used
lydite: warning: OTEL_BSP_SCHEDULE_DELAY is soon, which is not a number: the default is used
END
says OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf -- "$minimal" </dev/null

# Nobody there: told once, not at each attempt, and the loss when it happens.
env LYDITE_DEBUG=1 LYDITE_ENDPOINT=http://127.0.0.1:1 "$BUILD/bin/tracer_load" 1 700 >"$dir/out" 2>"$dir/err" &&
    fail "delivered to nobody"
[ "$(grep -c '^lydite: warning: 127.0.0.1:1 does not take spans now (UNAVAILABLE.*): trying again$' "$dir/err")" = 1 ] ||
    fail "nobody there: $(cat "$dir/err")"
grep -qx 'lydite: warning: spans are being dropped: closed before they were delivered' "$dir/err" ||
    fail "no word about the loss: $(cat "$dir/err")"
env LYDITE_DEBUG=1 LYDITE_ENDPOINT=http://127.0.0.1:1 LYDITE_EXPORTER_PATH="$dir/none.so" \
    "$BUILD/bin/tracer_load" 1 300 >"$dir/out" 2>"$dir/err" || true
grep -q 'liblydite-otlp.so cannot be opened (.*none.so.*): install it beside liblydite or set LYDITE_EXPORTER_PATH' "$dir/err" ||
    fail "no exporter object: $(cat "$dir/err")"
echo "tracer_debug: ok"
