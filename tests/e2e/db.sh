#!/usr/bin/env bash
# lydite db and lydite sql over a small database made by import: care of the file and questions to it.
set -u
. "$(dirname "$0")/lib/kit.sh"
export LYDITE_DB=$dir/t.db HOME=$dir XDG_CONFIG_HOME=$dir
expect() { # expect CODE COMMAND...
    local want=$1; shift
    "$@" >"$dir/out" 2>"$dir/err"; local got=$?
    [ $got = "$want" ] || { cat "$dir/out" "$dir/err"; fail "$* gave $got, want $want"; }
}
has() { grep -q -- "$1" "$dir/out" "$dir/err" || { cat "$dir/out" "$dir/err"; fail "no \"$1\" in the output of $2"; }; }

span() { # TRACE SPAN PARENT NAME ATTRIBUTES
    printf '{"traceId":"%s","spanId":"%s","parentSpanId":"%s","name":"%s","kind":1,"startTimeUnixNano":"1767225600000000000","endTimeUnixNano":"1767225601000000000","attributes":[%s]}' "$@"
}
attr() { printf '{"key":"%s","value":{"stringValue":"%s"}}' "$1" "$2"; }
a=0af7651916cd43dd8448eb211c80319c
{
    printf '{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"scope":{"name":"t"},"spans":[' "$(attr service.name shop)"
    span $a b7ad6b7169203331 "" agent "$(attr gen_ai.operation.name invoke_agent)"
    printf ','
    span $a b7ad6b7169203332 b7ad6b7169203331 chat "$(attr gen_ai.operation.name chat),$(attr gen_ai.request.model gpt-4o),$(attr user.id someone@example.org),$(attr api_key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789abcdefghij)"
    printf ']}]}]}\n'
} >"$dir/in.jsonl"

expect 3 "$LYDITE" db info
has "no such database" "db info without a file"
expect 0 "$LYDITE" trace import "$dir/in.jsonl"
expect 0 "$LYDITE" db info; has "traces" "db info"
expect 0 "$LYDITE" db info --json --exact; has '"spans":2' "db info --json"
expect 0 "$LYDITE" db check; has "^ok" "db check"
expect 0 "$LYDITE" db check --quick

expect 0 "$LYDITE" sql "SELECT name, type FROM v_spans ORDER BY name"; has "generation" "sql"
expect 0 "$LYDITE" sql --json "SELECT service, n_spans FROM v_traces"; has '"service":"shop","n_spans":2' "sql --json"
expect 0 "$LYDITE" sql --csv "SELECT attr(span, 'gen_ai.request.model') AS model FROM v_spans WHERE type = 'generation'"; has "gpt-4o" "sql --csv"
expect 0 "$LYDITE" sql -n 1 "SELECT name FROM v_spans"; has "first 1 row" "sql -n 1"
expect 2 "$LYDITE" sql "DELETE FROM trace"
expect 2 "$LYDITE" sql "SELECT * FROM payload"; has "v_traces" "sql on a table"
expect 1 "$LYDITE" sql --fail-empty "SELECT name FROM v_spans WHERE name = 'none'"

expect 0 "$LYDITE" db backup "$dir/copy.db"
expect 3 "$LYDITE" db backup "$dir/copy.db"; has "exists" "a second backup"
expect 0 "$LYDITE" db check --db "$dir/copy.db"

grep -q "sk-proj-abcdefghijklmnop" "$dir"/t.db* || fail "the secret is not in the file to begin with"
expect 0 "$LYDITE" db redact secrets --dry-run; has "would change 1" "db redact --dry-run"
grep -q "sk-proj-abcdefghijklmnop" "$dir"/t.db* || fail "a dry run changed the file"
expect 0 "$LYDITE" db redact secrets; has "changed 1" "db redact"
grep -q "sk-proj-abcdefghijklmnop" "$dir"/t.db* && fail "the secret is still in the file"
expect 0 "$LYDITE" sql "SELECT attr(span, 'api_key') FROM v_spans WHERE name = 'chat'"; has "redacted:" "sql after db redact"

expect 0 "$LYDITE" db rebuild
expect 0 "$LYDITE" db rebuild --normalise
expect 0 "$LYDITE" db check
expect 0 "$LYDITE" db migrate
expect 2 "$LYDITE" db prune
expect 0 "$LYDITE" db prune --retain 1d --dry-run; has "would remove 0 traces" "db prune --dry-run"
expect 0 "$LYDITE" db prune --max-size 1KiB

# Damage is found, told with a remedy, and is an answer of no.
expect 0 "$LYDITE" db backup "$dir/hurt.db"
python3 - "$dir/hurt.db" <<'PY' || fail "no damage done"
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
size = c.execute("PRAGMA page_size").fetchone()[0]
page = c.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'usage'").fetchone()[0]
c.close()
with open(sys.argv[1], "r+b") as f:
    f.seek((page - 1) * size)
    f.write(b"\xff" * 200)
PY
expect 1 "$LYDITE" db check --db "$dir/hurt.db"; has "restore a backup" "db check of a damaged file"
echo "db: all commands answered"
