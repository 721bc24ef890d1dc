#!/usr/bin/env bash
# The viewer's printing twins on a file of our own, and the screens in tmux: start, keys, resize storm, quit,
# signals, TERM=dumb, NO_COLOR, LANG=C, a closed pipe, a missing database.
set -u
. "$(dirname "$0")/lib/kit.sh"
lydite=$LYDITE tmp=$dir
sock=lydite-view-$$-0
runs=0
cleanup() {
  tmux -L "$sock" kill-server 2>/dev/null
  kit_end
}
trap cleanup EXIT
unset LYDITE_DB NO_COLOR COLORFGBG LYDITE_THEME
export HOME=$tmp XDG_CONFIG_HOME=$tmp/config XDG_DATA_HOME=$tmp/data LC_ALL=C.UTF-8
bad=0
complain() { echo "$1"; bad=1; }

now=$(date +%s)
span() { # id parent name start_ms dur_ms operation extra
  printf '{"traceId":"7f3a00000000000000000000000000%02x","spanId":"00000000000000%02x",' "$T" "$1"
  [ "$2" = 0 ] || printf '"parentSpanId":"00000000000000%02x",' "$2"
  printf '"name":"%s","kind":1,"startTimeUnixNano":"%d","endTimeUnixNano":"%d",' "$3" \
    $(( (now - 60) * 1000000000 + $4 * 1000000 )) $(( (now - 60) * 1000000000 + ($4 + $5) * 1000000 ))
  printf '"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"%s"}}%s]' "$6" "${7-}"
  printf ',"status":{%s}}' "${8-}"
}
doc() { printf '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[%s]}]}]}\n' "$1"; }
tokens=',{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1200"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"80"}},{"key":"gen_ai.conversation.id","value":{"stringValue":"s-1"}}'
T=1; doc "$(span 1 0 agent 0 2000 invoke_agent),$(span 2 1 chat 100 900 chat "$tokens"),$(span 3 1 search 1000 200 execute_tool '' '"code":2,"message":"429 too many\u001b[2J"'),$(span 4 1 search 1300 200 execute_tool)" >"$tmp/a.jsonl"
T=2; doc "$(span 1 0 agent 0 2100 invoke_agent),$(span 2 1 chat 100 800 chat "$tokens")" >>"$tmp/a.jsonl"
db=$tmp/t.db
export LYDITE_DB=$db

"$lydite" view >"$tmp/out" 2>&1; grep -q 'lydite run' "$tmp/out" || complain "view without a database does not print the ways in"
"$lydite" trace list 2>"$tmp/err"; [ $? = 3 ] || complain "a missing database does not exit 3"
"$lydite" trace import "$tmp/a.jsonl" 2>"$tmp/err" || complain "import: $(cat "$tmp/err")"
grep -q '6 stored' "$tmp/err" || complain "import says: $(cat "$tmp/err")"
"$lydite" trace import "$tmp/a.jsonl" 2>"$tmp/err"; grep -q '0 stored, 6 known' "$tmp/err" || complain "a second import says: $(cat "$tmp/err")"

one=7f3a0000000000000000000000000001
"$lydite" trace list >"$tmp/out"; [ "$(wc -l <"$tmp/out")" = 3 ] || complain "list: $(cat "$tmp/out")"
"$lydite" trace list 'type:tool status:error' | grep -q $one || complain "the filter does not find the trace"
"$lydite" trace list '!status:error' | grep -q $one && complain "! finds a trace with such a span"
"$lydite" trace list --fail-empty model:none 2>/dev/null; [ $? = 1 ] || complain "--fail-empty"
"$lydite" trace list 'modle:x' 2>"$tmp/err"; [ $? = 2 ] || complain "a bad filter does not exit 2"
grep -q '^  ^' "$tmp/err" || complain "a bad filter has no caret"
"$lydite" trace list --save slow 'dur>1s' >/dev/null && "$lydite" trace list 'filter:slow' | grep -q agent || complain "saved filters"
"$lydite" trace list --json | python3 -c 'import json,sys; rows=[json.loads(l) for l in sys.stdin]; assert len(rows)==2 and rows[0]["spans"] in (2,4), rows' || complain "list --json"
"$lydite" trace show $one >"$tmp/out" || complain "show"
grep -q 'attempt 1 of 2' "$tmp/out" && grep -q '4 spans, 1 error, 1 retry' "$tmp/out" || complain "show: $(cat "$tmp/out")"
grep -q $'\x1b' "$tmp/out" && complain "an escape of a span reached the output"
"$lydite" trace show 7f3a 2>"$tmp/err"; [ $? = 3 ] || complain "an ambiguous prefix does not exit 3"
"$lydite" trace show $one --json | python3 -c 'import json,sys; r=[json.loads(l) for l in sys.stdin]; assert r[0]["kind"]=="trace" and len(r)==5 and r[0]["tokens_in"]==1200, r' || complain "show --json"
"$lydite" trace show $one --html "$tmp/t.html" && grep -q '<svg' "$tmp/t.html" || complain "show --html"
grep -qE '<script|https?://[^w]' "$tmp/t.html" && complain "the page loads or runs something"
"$lydite" trace diff $one 7f3a0000000000000000000000000002 >"$tmp/out" && grep -q '^- .*search' "$tmp/out" || complain "diff: $(cat "$tmp/out")"
"$lydite" trace diff --fail-if-different $one 7f3a0000000000000000000000000002 >/dev/null; [ $? = 1 ] || complain "diff --fail-if-different"
"$lydite" trace stats --by model | grep -q 'gpt-4o' || complain "stats"
"$lydite" trace stats --fail-if 'p95>1ms' >/dev/null 2>&1; [ $? = 1 ] || complain "stats --fail-if"
"$lydite" trace stats --fail-if 'p95>1h' >/dev/null 2>&1 || complain "stats --fail-if of what holds"
"$lydite" span list $one | grep -q 0000000000000002 || complain "span list"
"$lydite" span show $one/0000000000000003 | grep -q '429 too many\\x1b' || complain "span show"
for id in 1 3 4; do "$lydite" span show $one/000000000000000$id | grep -qE 'CAPTURE|connect|sent no' && complain "step $id is no model call and is told to send messages"; done
"$lydite" span show $one/0000000000000002 | grep -q CAPTURE_MESSAGE_CONTENT || complain "a model call without messages does not say why"
"$lydite" session list | grep -q s-1 || complain "session list"
"$lydite" session show s-1 | grep -q '2 traces' || complain "session show"
"$lydite" trace export $one -q >"$tmp/x.jsonl" && LYDITE_DB=$tmp/y.db "$lydite" trace import -q "$tmp/x.jsonl" &&
  [ "$(LYDITE_DB=$tmp/y.db "$lydite" trace show @last | tail -n +2)" = "$("$lydite" trace show $one | tail -n +2)" ] || complain "export and import differ"
"$lydite" view "$tmp/a.jsonl" --plain | grep -q $one || complain "replay of a file"
"$lydite" view --plain - <"$tmp/a.jsonl" | grep -q $one || complain "replay of standard input"
"$lydite" trace list | head -n 1 >/dev/null || complain "a closed pipe"
"$lydite" trace pin $one -q 2>/dev/null; "$lydite" trace list --json | grep -q '"pinned":true' || complain "pin"
"$lydite" trace rm -y 7f3a0000000000000000000000000002 2>/dev/null; [ "$("$lydite" trace list --json | wc -l)" = 1 ] || complain "rm"
[ $bad = 0 ] || exit 1

command -v tmux >/dev/null || { echo "no tmux: the screens are not tried"; exit 77; }
t() { tmux -L "$sock" "$@"; }
screen() { t capture-pane -p 2>/dev/null; }
wait_for() { # pattern: polls the screen for at most 10 s
  for _ in $(seq 100); do screen | grep -qE "$1" && return 0; sleep 0.1; done
  complain "the screen does not show \"$1\":"; screen
  return 1
}
start() { # environment and arguments of a run in a new terminal
  t kill-server 2>/dev/null
  runs=$((runs + 1))
  sock=lydite-view-$$-$runs # a server that goes away may still hold the name
  tmux -L "$sock" -f /dev/null new-session -d -x 80 -y 24 "exec bash --norc --noprofile"
  t send-keys "PS1='ready> '; export LYDITE_DB=$db HOME=$tmp LC_ALL=C.UTF-8; clear" Enter
  wait_for '^ready>' && t send-keys "$1; echo left \$?" Enter
}
start "$lydite view" && wait_for '1/1' && t send-keys Enter && wait_for 'web|agent' && wait_for '\[s\]teps'
t send-keys e && wait_for '^>.*search'
mouse() { t display-message -p '#{mouse_button_flag}#{mouse_sgr_flag}'; }
[ "$(mouse)" = 00 ] || complain "the mouse is on before M"
t send-keys M && wait_for 'mouse on' && [ "$(mouse)" = 11 ] || complain "M does not turn the mouse on: $(mouse)"
t send-keys M && wait_for 'mouse off' && [ "$(mouse)" = 00 ] || complain "M does not turn the mouse off: $(mouse)"
t send-keys M && wait_for 'mouse on' # leaving turns it off, see below
t send-keys w && wait_for '\[w\]aterfall'
t send-keys '?' && wait_for 'to the parent' && t send-keys Escape
for size in 60x15 120x40 20x5 80x24 100x30 41x11 80x24; do t resize-window -x ${size%x*} -y ${size#*x}; done
wait_for '\[w\]aterfall'
t send-keys Q && wait_for '^left 0' && [ "$(mouse)" = 00 ] || complain "the mouse is still on after leaving"
start "$lydite view" && wait_for '1/1' && t send-keys C-z && wait_for 'Stopped' && t send-keys 'clear; fg; echo left $?' Enter && wait_for '1/1'
t send-keys q && wait_for '^left 0'
start "NO_COLOR=1 $lydite view" && wait_for '1/1' && t send-keys q && wait_for '^left 0'
start "LC_ALL=C $lydite view" && wait_for '1/1' && { screen | LC_ALL=C grep -q $'\xe2' && complain "LANG=C shows more than ASCII"; t send-keys q; wait_for '^left 0'; }
$lydite view /nowhere/trace.jsonl >/dev/null 2>&1
[ $? = 3 ] || complain "a file that is not there is searched for as words"
start "TERM=dumb $lydite view" && wait_for 'START.*NAME' && wait_for '^left 0'
start "$lydite view" && wait_for '1/1' && { pkill -TERM -P "$(t display-message -p '#{pane_pid}')" -x lydite; wait_for '^left 143|Terminated'; }

# The file under a running viewer: locked, taken over by another build, gone, and another of its name.
change() { python3 -c 'import sqlite3,sys; c=sqlite3.connect(sys.argv[1], isolation_level=None); c.execute(sys.argv[2])' "$db" "$1"; }
start "$lydite view" && wait_for '1/1'
python3 -c '
import sqlite3,sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN EXCLUSIVE"); open(sys.argv[2], "w").close(); sys.stdin.read()' "$db" "$tmp/locked" < <(until [ -e "$tmp/unlock" ]; do sleep 0.1; done) & holder=$!
for _ in $(seq 100); do [ -e "$tmp/locked" ] && break; sleep 0.1; done
t send-keys P && wait_for 'busy|locked|writ' && t send-keys Enter && wait_for '\[s\]teps' # reading goes on
touch "$tmp/unlock"; wait $holder
t send-keys P && wait_for 'pinned'
format=$(python3 -c 'import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version").fetchone()[0])' "$db")
change 'PRAGMA user_version = 99' && wait_for 'rows are old: another build' && t send-keys j && wait_for 'STALE'
change "PRAGMA user_version = $format" && { for _ in $(seq 100); do screen | grep -q STALE || break; sleep 0.1; done; screen | grep -q STALE && complain "STALE stays"; }
cp "$db" "$tmp/copy.db"; mv "$db" "$tmp/away.db" && wait_for 'rows are old: the file is gone'
mv "$tmp/copy.db" "$db" && wait_for 'another file has this name'
t send-keys 'jk' && wait_for 'STALE' && t send-keys Q && wait_for '^left 0'
[ $bad = 0 ] && echo "the printing twins and the screens hold"
exit $bad
