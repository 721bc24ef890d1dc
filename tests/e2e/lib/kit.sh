# What an end-to-end script begins with: a folder of its own, an end that leaves no process and no file
# behind, waiting until something is so, a collector and a scripted model. Sourced after `set`:
#
#     . "$(dirname "$0")/lib/kit.sh"
#
# It sets $dir, which is removed at the end with whatever the script still runs in the background. Works
# with -e and -u. What is waited for takes milliseconds as a rule; the time given is for a slow machine
# under a sanitizer.
: "${LYDITE:?}" "${BUILD:?}" "${SOURCE:?}"
kit_dir=$(mktemp -d) || exit 1
dir=$kit_dir
kit_end() {
  set +e
  local left
  left=$(jobs -p)
  # shellcheck disable=SC2086
  [ -z "$left" ] || kill -KILL $left 2>/dev/null
  wait 2>/dev/null
  chmod -R u+w "$kit_dir" 2>/dev/null
  rm -rf "$kit_dir"
}
trap kit_end EXIT

# Ends the script as failed; with the last words of its collectors and models.
fail() {
  printf '%s: FAILED: %s\n' "$(basename "$0" .sh)" "$*" >&2
  tail -n 20 "$kit_dir"/*.log >&2 2>/dev/null
  exit 1
}

# need PROGRAM...: the script is skipped where one is missing.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 77; }
  done
}

# await SECONDS COMMAND...: until the command succeeds; false when it never did.
await() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

kit_ended() { ! kill -0 "$1" 2>/dev/null; }
kit_says_or_ended() { grep -q -- "$2" "$3" || kit_ended "$1"; }

# collector LOG [OPTION...]: starts one, on ports of its own choice where no option says which, and waits
# until it listens. Sets $collector (its process), $grpc and $http (ports; empty where it has none).
collector() {
  local log=$1 ports=(--grpc-port 0 --http-port 0)
  shift
  case " $* " in *-port\ *) ports=() ;; esac
  : >"$log" # now, not when the new one gets to it: the ports of the one before stand there
  "$LYDITE" collect "${ports[@]}" "$@" >"$log" 2>&1 &
  collector=$!
  await 60 kit_says_or_ended $collector '^collecting into ' "$log" && ! kit_ended $collector ||
    fail "the collector did not start: $(cat "$log")"
  grpc=$(sed -n 's/^collecting into .*OTLP\/gRPC https\{0,1\}:\/\/[^ ]*:\([0-9]*\).*/\1/p' "$log")
  http=$(sed -n 's/^collecting into .*OTLP\/HTTP https\{0,1\}:\/\/[^ ]*:\([0-9]*\).*/\1/p' "$log")
}

# model RULES [OPTION...]: the scripted stand-in for a provider, instead of the one before. Sets $model (its
# process), $port, and OPENAI_BASE_URL.
model=
model() {
  [ -x "$BUILD/bin/model_server" ] || { echo "skipped: no model server was built"; exit 77; }
  if [ -n "$model" ]; then
    kill "$model" 2>/dev/null || true
    wait "$model" 2>/dev/null || true
  fi
  : >"$kit_dir/model.log"
  "$BUILD/bin/model_server" --port 0 --rules "$@" >"$kit_dir/model.log" 2>&1 &
  model=$!
  await 60 kit_says_or_ended $model '127\.0\.0\.1:[0-9]' "$kit_dir/model.log" && ! kit_ended $model ||
    fail "the model server did not start"
  port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$kit_dir/model.log" | head -n 1)
  export OPENAI_BASE_URL=http://127.0.0.1:$port/v1
}
