#!/usr/bin/env bash
# Prints the collector's rows of DESIGN §9, each with its bar.
#   tests/bench/rows.sh BUILD [--quick|--long]
# As it stands about a quarter of an hour on a quiet machine of two cores; --quick a few minutes (shorter loads, a
# smaller file); --long the overload for five minutes, both ways of loading at scale, and every shape of the table.
# The client runs on the first core, the collector on the second. Ends 1 when a row is below its bar.
set -u
build=${1:?BUILD folder}
mode=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$(cd "$build/bin" && pwd) || exit 3
tmp=$(mktemp -d)
server=
cleanup() {
  [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
  rm -rf "$tmp"
}
trap cleanup EXIT
bad=0
row() { printf '\n%s\n' "$1"; shift; "$@" || bad=1; }

seconds=60 scale=10000000 repeat=5
table=()
case $mode in
  --quick) seconds=10 scale=2000000 repeat=3 ;;
  --long) seconds=300; table=(--full) ;;
  '') ;;
  *) echo "rows.sh: unknown option $mode" >&2; exit 2 ;;
esac

echo "$(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg): with other load on the machine read only the ratios"
row "Durable ingest over its ceiling (bar 0.50)" "$bin/bench_ingest" --repeat $repeat --stages "${table[@]}"
row "Decode and normalise (bar 1 us a span + 1 ns a byte of message JSON; 0 allocations)" "$bin/bench_normalise"

# What runs beside the load: an evaluation over and over, a viewer in a terminal, and a prune.
beside=()
if [ -x "$bin/model_server" ]; then
  "$bin/model_server" --port 0 --rules "$root/examples/quickstart/rules.json" --latency-ms 20 >"$tmp/model.log" 2>&1 &
  server=$!
  for _ in $(seq 200); do
    port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$tmp/model.log")
    [ -n "$port" ] && break
    sleep 0.05
  done
  export OPENAI_BASE_URL=http://127.0.0.1:$port/v1 OPENAI_API_KEY=stand-in NO_COLOR=1
  q=$root/examples/quickstart
  beside+=(--beside "while :; do $bin/lydite eval run --no-cache --prompt $q/short.txt --prompt $q/cited.txt --data $q/rows.csv --model openai:stand-in-1 --judge correctness >/dev/null 2>&1; done")
fi
command -v script >/dev/null &&
  beside+=(--beside "sleep 1000 | TERM=xterm-256color script -qefc 'stty rows 40 cols 120; $bin/lydite view' /dev/null >/dev/null 2>&1")
beside+=(--beside "while :; do $bin/lydite db prune --retain 30d -q >/dev/null 2>&1; sleep 1; done")
row "Acknowledgement, p99" "$bin/bench_pressure" latency --seconds $((seconds > 30 ? 20 : seconds)) "${beside[@]}"
row "Overload" "$bin/bench_pressure" overload --seconds $seconds
row "Overload, large requests" "$bin/bench_pressure" overload --shape 17k --seconds $((seconds > 60 ? 60 : seconds))
row "Scale" "$bin/bench_pressure" scale --small 1000000 --large $scale
[ "$mode" = --long ] && row "Scale, with messages" "$bin/bench_pressure" scale --shape 2k --small 1000000 --large 10000000
row "Idle" "$bin/bench_pressure" idle
exit $bad
