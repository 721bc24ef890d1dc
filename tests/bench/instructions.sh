#!/usr/bin/env bash
# Instructions a span, counted by valgrind: the same on a busy machine as on an idle one, so it gates where times cannot.
# Of the collector's core for a request (small, 2k, 17k), and of the tracer (tracer-*): recording by the host's thread,
# encoding by the exporter's. Compares with instructions.txt (a line: shape, batch or -, instructions a span).
#   tests/bench/instructions.sh BUILD [--write]
set -u
build=${1:?BUILD folder}
here=$(cd "$(dirname "$0")" && pwd)
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count() { # shape batch spans
  local at=ly_ingest_prepare
  set -- "$1" "$2" "$3" "$build/bin/bench_ingest" --prepare "$1" "$2" "$3"
  case $1 in
    tracer-*-encoded) at=ly_encode_record ;;
    tracer-*) at=counted ;;
  esac
  case $1 in tracer-*) set -- "$1" "$2" "$3" "$build/bin/bench_tracer" --count "$1" "$3" ;; esac
  valgrind --tool=callgrind --callgrind-out-file="$dir/out" --toggle-collect="$at" \
    "${@:4}" >/dev/null 2>"$dir/log" || { cat "$dir/log"; exit 1; }
  total=$(sed -n 's/^summary: \([0-9]*\)$/\1/p; s/^totals: \([0-9]*\)$/\1/p' "$dir/out" | head -n 1)
  echo $((total / $3))
}
bad=0
while read -r shape batch want; do
  case $shape in '#'*|'') continue ;; esac
  got=$(count "$shape" "$batch" 2048)
  [ "${2:-}" = --write ] && { echo "$shape $batch $got" >>"$dir/new"; continue; }
  limit=$((want * 110 / 100))
  printf '%-20s batch %-5s %7d instructions a span, stands at %d\n' "$shape" "$batch" "$got" "$want"
  [ "$got" -le "$limit" ] || { echo "  more than a tenth above: find out why, or --write the new figure"; bad=1; }
done <"$here/instructions.txt"
[ "${2:-}" = --write ] && { { grep '^#' "$here/instructions.txt"; cat "$dir/new"; } >"$dir/all"; cp "$dir/all" "$here/instructions.txt"; }
exit $bad
