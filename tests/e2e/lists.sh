#!/usr/bin/env bash
# Lists as CSV (the fields of --json, nothing that a spreadsheet would run) and as a stream (-f).
set -u
. "$(dirname "$0")/lib/kit.sh"
lydite=$LYDITE tmp=$dir
pids=()
unset NO_COLOR
export HOME=$tmp XDG_CONFIG_HOME=$tmp/config XDG_DATA_HOME=$tmp/data LC_ALL=C.UTF-8 LYDITE_DB=$tmp/t.db
bad=0
complain() { echo "$1"; bad=1; }

now=$(date +%s)
span() { # trace id parent name session extra
  printf '{"traceId":"7f3a00000000000000000000000000%02x","spanId":"00000000000000%02x",' "$1" "$2"
  [ "$3" = 0 ] || printf '"parentSpanId":"00000000000000%02x",' "$3"
  printf '"name":"%s","kind":1,"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d500000000",' "$4" $((now - 300)) $((now - 300))
  printf '"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.conversation.id","value":{"stringValue":"%s"}}]}' "$5"
}
doc() { printf '{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":[%s]}]}]}\n' "$1"; }
store() { doc "$1" >"$tmp/in.jsonl"; "$lydite" trace import "$tmp/in.jsonl" 2>"$tmp/err" || complain "import: $(cat "$tmp/err")"; }

store "$(span 1 1 0 '=1+1,\"x\"' s-1),$(span 1 2 1 '@SUM(A1)' s-1)"
for what in 'trace list' 'span list' 'session list' 'trace stats --by name'; do
  # shellcheck disable=SC2086
  "$lydite" $what --csv >"$tmp/csv" 2>"$tmp/err" || complain "$what --csv: $(cat "$tmp/err")"
  # shellcheck disable=SC2086
  "$lydite" $what --json >"$tmp/json"
  python3 - "$what" "$tmp/csv" "$tmp/json" <<'P' || complain "$what --csv differs from --json"
import csv, json, sys
what, c, j = sys.argv[1:]
rows = list(csv.reader(open(c, newline="")))
objs = [json.loads(l) for l in open(j)]
assert len(objs) > 0 and len(rows) == len(objs) + 1, (rows, objs)
assert rows[0] == list(objs[0]), rows[0]
for row, o in zip(rows[1:], objs):
    assert len(row) == len(o), row
    for name, text in zip(rows[0], row):
        v = o[name]
        assert text[:1] not in "=+@\t\r" or text == "", (name, text)
        if v is None: assert text == "", (name, text)
        elif isinstance(v, str): assert text in (v, "'" + v), (name, text, v)
        else: assert json.loads(text) == v, (name, text, v)
names = [r[rows[0].index("name")] for r in rows[1:]] if "name" in rows[0] else []
assert not names or "'=1+1,\"x\"" in names, names
P
done
# A sender whose clock is ahead: every list and heading that shows its time says so.
doc "$(now=$((now + 86400)); span 9 1 0 early s-9)" >"$tmp/early.jsonl"
"$lydite" trace import -q --db "$tmp/early.db" "$tmp/early.jsonl" || complain "import of a trace from the future"
for what in 'trace list' 'session list' 'trace show @last'; do
  # shellcheck disable=SC2086
  "$lydite" $what --db "$tmp/early.db" 2>"$tmp/err" | grep -q 'Z .*future' || complain "$what does not mark what starts in the future"
  # shellcheck disable=SC2086
  "$lydite" ${what/@last/7f3a0000000000000000000000000001} 2>"$tmp/err" | grep -q future && complain "$what marks what does not start in the future"
done

# Names that would take over a terminal, in every output of --csv
cat >"$tmp/hostile.py" <<'P'
import json, os, pty, subprocess, sys, time
lydite, tmp = sys.argv[1:]
db = tmp + "/hostile.db"
bad = "gpt-5\x1b[31mred\x1b]0;x\x07\x7f\u009b1m\u202e"
now = int(time.time()) - 600
attrs = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": bad,
         "gen_ai.conversation.id": bad, "user.id": bad, "gen_ai.prompt.name": bad}
span = {"traceId": "8f" + "0" * 29 + "1", "spanId": "0" * 15 + "1", "name": bad, "kind": 3,
        "startTimeUnixNano": str(now * 10**9), "endTimeUnixNano": str((now + 1) * 10**9),
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attrs.items()] +
                      [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "10"}}]}
doc = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": bad}}]},
                          "scopeSpans": [{"spans": [span]}]}]}
open(tmp + "/hostile.jsonl", "w").write(json.dumps(doc) + "\n")
def run(*args, ok=(0,)):
    p = subprocess.run([lydite, *args, "--db", db], capture_output=True)
    assert p.returncode in ok, (args, p)
    return p.stdout
run("trace", "import", tmp + "/hostile.jsonl")
open(tmp + "/export.csv", "w").write("date,model,cost\n%s,%s,1\n" % (time.strftime("%Y-%m-%d", time.gmtime(now)), bad))
def clean(what, out):
    text = out.decode()
    assert "gpt-5\\x1b[31mred\\x1b]0;x\\x07\\x7f" in text, (what, text)
    assert not [c for c in text if (c < " " and c not in "\r\n") or "\x7f" <= c <= "\x9f" or c == "\u202e"], (what, text)
for args in (["trace", "list"], ["span", "list"], ["session", "list"], ["trace", "stats", "--by", "name"],
             ["cost", "--by", "model"], ["cost", "--by", "user,service,session"], ["cost"],
             ["cost", "reconcile", tmp + "/export.csv", "--map", "date=date,model=model,amount=cost", "--provider", "openai"],
             ["sql", "SELECT name, name AS \"" + bad + "\" FROM v_spans"]):
    clean(args, run(*args, "--csv", ok=(0, 1)))
# Rows of a data set stay exact in a file and are cleaned on a terminal.
open(tmp + "/rows.jsonl", "w").write(json.dumps({"q": bad}) + "\n")
run("dataset", "put", tmp + "/rows.jsonl", "--name", "h")
assert bad in run("dataset", "export", "h", "--csv").decode()
seen = b""
pid, fd = pty.fork()
if pid == 0:
    os.execv(lydite, [lydite, "dataset", "export", "h", "--csv", "--db", db])
while True:
    try: part = os.read(fd, 65536)
    except OSError: break
    if not part: break
    seen += part
os.waitpid(pid, 0)
clean("dataset export", seen)
P
python3 "$tmp/hostile.py" "$lydite" "$tmp" || complain "a terminal escape in --csv"

# A session of two users, of whose calls one has no price: the mark and both counts everywhere.
say() { # trace user model
  printf '{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":[{"traceId":"7f3b00000000000000000000000000%02x","spanId":"00000000000000%02x","name":"chat","kind":3,"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d500000000",' "$1" "$1" $((now - 60)) $((now - 60))
  printf '"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},{"key":"gen_ai.request.model","value":{"stringValue":"%s"}},{"key":"user.id","value":{"stringValue":"%s"}},' "$3" "$2"
  printf '{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"100"}},{"key":"gen_ai.conversation.id","value":{"stringValue":"s-two"}}]}]}]}]}\n'
}
{ say 1 ann gpt-4o; say 2 bob unknown-model-x; } >"$tmp/two.jsonl"
two() { LYDITE_DB=$tmp/two.db "$lydite" "$@"; }
two trace import -q "$tmp/two.jsonl" || complain "import of two users"
two session list >"$tmp/out"; grep -qE '>\$0\.00[0-9]+ +(ann|bob) \+1 +s-two' "$tmp/out" || complain "session list: $(cat "$tmp/out")"
two session show s-two >"$tmp/out"; head -n 1 "$tmp/out" | grep -qE 'user (ann|bob) \+1 .*cost >\$0' || complain "session show: $(cat "$tmp/out")"
two session list --json | grep -q '"cost_partial":true,.*"users":2,.*"models":2' || complain "session list --json: $(two session list --json)"

"$lydite" trace list --csv --json >/dev/null 2>&1; [ $? = 2 ] || complain "--csv --json is no usage error"

lines() { # file n: waits until the file has n lines
  for _ in $(seq 100); do [ "$(wc -l <"$1")" -ge "$2" ] && return 0; sleep 0.1; done
  complain "$1 has $(wc -l <"$1") lines, not $2: $(cat "$1")"
}
"$lydite" span list -f 7f3a0000000000000000000000000001 >"$tmp/spans" 2>&1 & pids+=($!)
"$lydite" span list -f name:later >"$tmp/later" 2>&1 & pids+=($!)
"$lydite" span list -f --json >"$tmp/every" 2>&1 & pids+=($!)
"$lydite" trace list -f >"$tmp/traces" 2>&1 & pids+=($!)
"$lydite" trace list -f 'name:other' --json >"$tmp/others" 2>&1 & pids+=($!)
"$lydite" span list -f --since 1h >"$tmp/since" 2>&1 & pids+=($!)
"$lydite" session list -f --since 1h >"$tmp/sessions" 2>&1 & pids+=($!)
"$lydite" session list -f --csv --since 1h >"$tmp/sessions.csv" 2>&1 & pids+=($!)
lines "$tmp/since" 2; lines "$tmp/spans" 2; lines "$tmp/sessions" 1; lines "$tmp/sessions.csv" 2
# what was there when they began is no news, so they must have begun
for p in "${pids[@]}"; do
  for _ in $(seq 600); do ls -l "/proc/$p/fd" 2>/dev/null | grep -q t.db && break; sleep 0.05; done
done
sleep 2
store "$(span 1 3 1 later s-1)"
lines "$tmp/spans" 3; lines "$tmp/sessions" 2; lines "$tmp/sessions.csv" 3
store "$(span 2 4 0 other s-2)"
lines "$tmp/sessions" 3; lines "$tmp/sessions.csv" 4
# the trace began five minutes ago and is told of all the same, once it is over
lines "$tmp/later" 1; lines "$tmp/every" 2; lines "$tmp/since" 4; lines "$tmp/traces" 2; lines "$tmp/others" 1
grep -q later "$tmp/later" || complain "-f with a filter prints $(cat "$tmp/later")"
[ "$(python3 -c 'import json, sys; print(sorted(json.loads(l)["name"] for l in sys.stdin))' <"$tmp/every")" = "['later', 'other']" ] || complain "-f --json prints $(cat "$tmp/every")"
grep -q '"name":"other"' "$tmp/others" || complain "trace list -f with a filter prints $(cat "$tmp/others")"
[ "$(grep -c . "$tmp/spans")" = 3 ] || complain "a span of another trace is printed: $(cat "$tmp/spans")"
grep -q later "$tmp/spans" || complain "the later span is not printed: $(cat "$tmp/spans")"
[ "$(grep -c '^session,' "$tmp/sessions.csv")" = 1 ] || complain "the heading is not there once: $(cat "$tmp/sessions.csv")"
# lists by filter
[ "$("$lydite" span list name:later --json | wc -l)" = 1 ] || complain "span list FILTER"
[ "$("$lydite" span list --since 1h -n 0 --json | wc -l)" = 4 ] || complain "span list --since"
[ "$("$lydite" span list --since 1h -n 2 --json 2>/dev/null | wc -l)" = 2 ] || complain "span list -n"
[ "$("$lydite" session list name:other --json)" = "$("$lydite" session list --json | grep s-2)" ] || complain "session list FILTER"
[ "$("$lydite" session list '!name:other' --json | wc -l)" = 1 ] || complain "session list !FILTER"
"$lydite" session show @last | grep -q 's-' || complain "session show @last"
"$lydite" session show @last~7 >/dev/null 2>"$tmp/err"; [ $? = 3 ] || complain "session show @last~7 does not exit 3"
"$lydite" span show @last >"$tmp/last" || complain "span show @last"
"$lydite" span show @last~3 >/dev/null || complain "span show @last~3"
"$lydite" span show @last~4 >/dev/null 2>&1; [ $? = 3 ] || complain "span show @last~4 does not exit 3"
"$lydite" span list 'dur>' 2>"$tmp/err"; [ $? = 2 ] && grep -q '\^' "$tmp/err" || complain "span list with a bad filter: $(cat "$tmp/err")"
kill -INT "${pids[0]}"; wait "${pids[0]}"; code=$?
[ $code = 130 ] || complain "-f leaves with $code after ^C"
exit $bad
