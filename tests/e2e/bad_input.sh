#!/usr/bin/env bash
# Bad input: one line that names the thing, what is wrong and what to do, with the right exit code;
# nothing half-written. (A bad filter shows the caret below its line.)
set -u
. "$(dirname "$0")/lib/kit.sh"
lydite=$LYDITE tmp=$dir
unset LYDITE_DB LYDITE_ENDPOINT NO_COLOR
bad=0
complain() { printf '%s\n' "$1"; sed 's/^/    /' "$tmp/err" "$tmp/out" 2>/dev/null | head -n 6; bad=$((bad + 1)); }
# refused CODE WORD... -- command : exit code and words on standard error, in at most two lines
refused() {
  local want=$1 words=()
  shift
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  shift
  timeout 20 "$@" >"$tmp/out" 2>"$tmp/err"
  local code=$? word
  [ $code = "$want" ] || complain "$*: exit $code instead of $want"
  for word in "${words[@]}"; do
    grep -qF -- "$word" "$tmp/err" || complain "$*: the message does not say \"$word\""
  done
  [ "$(grep -c '^lydite: ' "$tmp/err")" -le 2 ] || complain "$*: more than a line and a hint"
}

# a collector, to have a port in use
collector "$tmp/collect.log" --db "$tmp/a.db"
refused 3 "$http" "$collector" -- "$lydite" collect --db "$tmp/b.db" --grpc-port 0 --http-port "$http"

# a malformed body is refused with a status in the request's own encoding
code=$(curl -s -o "$tmp/body" -w '%{http_code}' -H 'Content-Type: application/json' -d '{"resourceSpans":[' "http://127.0.0.1:$http/v1/traces")
[ "$code" = 400 ] || complain "a malformed body got $code"
grep -q '"message"' "$tmp/body" || complain "a malformed body got no status message: $(cat "$tmp/body")"
code=$(curl -s -o "$tmp/body" -w '%{http_code}' -H 'Content-Type: text/plain' -d 'x' "http://127.0.0.1:$http/v1/traces")
[ "$code" = 415 ] || complain "text/plain got $code"

# databases
printf 'this is a text file, and long enough to be looked at as a database of some kind or other\n' >"$tmp/text.db"
refused 3 "text.db" -- "$lydite" trace list --db "$tmp/text.db"
if command -v sqlite3 >/dev/null; then
  sqlite3 "$tmp/foreign.db" 'CREATE TABLE t(x); INSERT INTO t VALUES (1);'
  before=$(cksum <"$tmp/foreign.db")
  refused 3 "foreign.db" -- "$lydite" collect --db "$tmp/foreign.db" --grpc-port 0 --http-port 0
  [ "$before" = "$(cksum <"$tmp/foreign.db")" ] || complain "a foreign database was changed"
  "$lydite" db info --db "$tmp/a.db" >/dev/null 2>&1
  cp "$tmp/a.db" "$tmp/newer.db"
  sqlite3 "$tmp/newer.db" 'PRAGMA user_version = 99' >/dev/null
  refused 3 "newer.db" -- "$lydite" trace list --db "$tmp/newer.db"
fi
refused 3 "missing.db" -- "$lydite" trace show @last --db "$tmp/missing.db"
[ ! -e "$tmp/missing.db" ] || complain "a reading command made a database"
mkdir "$tmp/folder.db"
refused 3 "folder.db" -- "$lydite" collect --db "$tmp/folder.db" --grpc-port 0 --http-port 0
refused 3 "no/such/folder" -- "$lydite" collect --db "$tmp/no/such/folder/x.db" --grpc-port 0 --http-port 0
if [ "$(id -u)" != 0 ]; then
  mkdir "$tmp/ro" && chmod 500 "$tmp/ro"
  refused 3 "ro/x.db" -- "$lydite" collect --db "$tmp/ro/x.db" --grpc-port 0 --http-port 0
fi

# evaluation input
printf 'Say {{word}} and {{missing}}.\n' >"$tmp/p.txt"
printf 'word,other\na,b\n' >"$tmp/rows.csv"
refused 3 "missing" "rows.csv" -- "$lydite" eval run --db "$tmp/e.db" --prompt "$tmp/p.txt" --data "$tmp/rows.csv" \
  --model 'openai:m@http://127.0.0.1:1/v1' --judge 'contains:{{other}}'
printf 'word,other\n"a,b\n' >"$tmp/torn.csv"
refused 3 "torn.csv" -- "$lydite" eval run --db "$tmp/e.db" --prompt "$tmp/p.txt" --data "$tmp/torn.csv" \
  --model 'openai:m@http://127.0.0.1:1/v1' --judge 'contains:{{other}}'
if [ -e "$tmp/e.db" ] && command -v sqlite3 >/dev/null; then
  [ "$(sqlite3 "$tmp/e.db" 'SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM "case")' 2>/dev/null)" = 0 ] || complain "a refused run left something in the database"
fi

# a collector that could take nothing, or would spoil everything
c=("$lydite" collect --db "$tmp/c.db")
refused 2 "--grpc-port" "--http-port" -- "${c[@]}" --grpc-port -1 --http-port -1
refused 2 "--max-in-flight" "64K" -- "${c[@]}" --grpc-port 0 --http-port 0 --max-in-flight 0
refused 2 "empty text" "redaction rule x" -- "${c[@]}" --grpc-port 0 --http-port 0 --redact-rule 'x=a*'
for address in 999.1.1.1 1.2.3 :::1; do
  refused 2 "$address" "no address" -- "${c[@]}" --grpc-port 0 --http-port 0 --listen "$address"
done
[ ! -e "$tmp/c.db" ] || rm "$tmp/c.db"

# one span, of now
now=$(date +%s)
sent='{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"x",
"startTimeUnixNano":"'$now'000000000","endTimeUnixNano":"'$now'000000001"}]}]}]}'
code=$(curl -s -o "$tmp/body" -w '%{http_code}' -H 'Content-Type: application/json' -d "$sent" "http://127.0.0.1:$http/v1/traces")
[ "$code" = 200 ] || complain "a span got $code"
refused 0 "current day" "--max-size" -- "$lydite" db prune --max-size 1K --dry-run --db "$tmp/a.db"
refused 0 "1 trace" "would go; -y" -- "$lydite" trace rm 01020304 --db "$tmp/a.db" </dev/null

# what was not confirmed changes nothing, and is no failure
for command in "trace rm 01020304" "cost reprice"; do
  "$lydite" $command --db "$tmp/a.db" </dev/null >"$tmp/out" 2>"$tmp/err" || complain "$command without -y: exit $?"
done

# zones and times
refused 2 "Nowhere/Foo" -- "$lydite" cost --db "$tmp/a.db" --tz Nowhere/Foo
refused 2 "+14:07" -- "$lydite" cost --db "$tmp/a.db" --tz +14:07
refused 2 "yesterday" "this-month" -- "$lydite" trace list --db "$tmp/a.db" --since nonsense
refused 2 "yesterday" "this-month" -- "$lydite" cost --db "$tmp/a.db" --since nonsense

# ids and filters
refused 3 "ffffffff" -- "$lydite" trace show ffffffff --db "$tmp/a.db"
refused 2 "dur" -- "$lydite" trace list 'dur>fast' --db "$tmp/a.db"
refused 2 "--since" -- "$lydite" trace list --since soon --db "$tmp/a.db"

# -o puts no new file in the place of a pipe or a link
mkfifo "$tmp/pipe"
timeout 20 cat "$tmp/pipe" >"$tmp/piped" &
reader=$!
timeout 20 "$lydite" completion bash -o "$tmp/pipe" || complain "-o into a pipe failed"
wait $reader
[ -p "$tmp/pipe" ] && grep -q lydite "$tmp/piped" || complain "-o took a pipe away"
ln -s target "$tmp/link"
"$lydite" completion bash -o "$tmp/link"
[ -L "$tmp/link" ] && grep -q lydite "$tmp/target" || complain "-o took a link away"

[ $bad = 0 ] && echo "every refusal names the thing and what to do"
[ $bad = 0 ]
