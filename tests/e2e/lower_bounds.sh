#!/usr/bin/env bash
# A sum over calls of which some have no price is a lower bound, and says so wherever it stands: lists, statistics,
# the page, the screens.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
lydite=$LYDITE tmp=$dir sock=lydite-low-$$
export HOME=$tmp LC_ALL=C.UTF-8 LYDITE_DB=$tmp/t.db
cd "$tmp" || exit 1
bad=0
complain() { echo "$1"; bad=1; }
python3 - <<'P'
import json, time
now = int(time.time()) - 60
def attr(k, v): return {"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
def span(n, model=None):
    s = {"traceId": "%032x" % 0xb0d, "spanId": "%016x" % n, "name": "chat" if model else "agent", "kind": 1,
         "startTimeUnixNano": str(now * 10**9 + n), "endTimeUnixNano": str(now * 10**9 + 10**9),
         "attributes": [attr("gen_ai.operation.name", "chat" if model else "invoke_agent"), attr("gen_ai.conversation.id", "s-low")]}
    if n > 1: s["parentSpanId"] = "%016x" % 1
    if model: s["attributes"] += [attr("gen_ai.provider.name", "openai"), attr("gen_ai.request.model", model),
                                  attr("gen_ai.usage.input_tokens", 1000000), attr("gen_ai.usage.output_tokens", 100000)]
    return s
json.dump({"resourceSpans": [{"scopeSpans": [{"spans": [span(1), span(2, "gpt-4o"), span(3, "nobody-prices-this")]}]}]}, open("in.json", "w"))
P
"$lydite" trace import -q in.json || complain "import"
"$lydite" trace list | grep -qF '>$' || complain "trace list: $("$lydite" trace list)"
"$lydite" session list | grep -qF '>$' || complain "session list: $("$lydite" session list)"
"$lydite" trace stats --by service | grep -qE '(>|≥|>=)\$' || complain "trace stats: $("$lydite" trace stats --by service)"
"$lydite" trace show @last --html page.html || complain "no page"
grep -qF '<td>&gt;$' page.html || complain "the tree of the page: $(grep -o '<td>[^<]*[$][^<]*</td>' page.html)"
grep -qE '[$][0-9.]+ or more</p>' page.html || complain "the heading of the page: $(grep -o 'cost [^<]*' page.html)"
[ $bad = 0 ] || exit 1
command -v tmux >/dev/null || { echo "no tmux: the screens are not tried"; exit 77; }
trap 'tmux -L "$sock" kill-server 2>/dev/null; kit_end' EXIT
tmux -L "$sock" -f /dev/null new-session -d -x 120 -y 30 "exec $lydite view"
shows() { # key pattern
  local end=$((SECONDS + 60))
  [ -z "$1" ] || tmux -L "$sock" send-keys "$1"
  until tmux -L "$sock" capture-pane -p | grep -qE "$2"; do
    [ $SECONDS -lt $end ] || { complain "screen $1 does not show $2: $(tmux -L "$sock" capture-pane -p)"; return; }
    read -r -t 0.1 <> <(:) || true
  done
}
shows '' 'agent .*>[$]'
shows 3 's-low .*>[$]'
shows 7 'generation .*>[$]'
shows 6 'total (≥|>=)[$]'
exit $bad
