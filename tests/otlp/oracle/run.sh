#!/usr/bin/env bash
# Generates the Python classes and runs oracle.py. 77 = protoc or python3-protobuf is not there.
# usage: run.sh TOOL ROUNDS SEED
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=
for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import google.protobuf' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ] || ! command -v protoc >/dev/null; then
    echo "protoc or python3-protobuf is missing: skipped"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -e 's/\bstring /bytes /; s/^package oracle/package loose/' "$here/otlp.proto" >"$work/otlp_bytes.proto"
protoc -I "$work" --python_out="$work" "$work/otlp_bytes.proto"
protoc -I "$here" --python_out="$work" "$here/otlp.proto"
# Their library reports each string that is not UTF-8 on stderr; the test provokes many.
PYTHONPATH=$work "$python" "$here/oracle.py" "$@" 2> >(grep -v "libprotobuf ERROR" >&2)
