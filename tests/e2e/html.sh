#!/usr/bin/env bash
# trace show --html: one page that loads nothing and runs nothing, whatever stands in the trace, for 10,000
# spans too; every text of the trace is text of the page.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
lydite=$LYDITE tmp=$dir
export HOME=$tmp LC_ALL=C.UTF-8 LYDITE_DB=$tmp/t.db
cd "$tmp" || exit 1
python3 - "$lydite" <<'P'
import collections, json, random, subprocess, sys
from html.parser import HTMLParser
lydite = sys.argv[1]
random.seed(1)
nasty = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '</pre></td><h1>x', 'javascript:alert(1)', '&lt;b&gt;', '\x1b[31mred\x07',
         '\u202eevil', 'a' * 300, '\u65e5\u672c\U0001F680', '</style><style>body{display:none}', '<![CDATA[x]]>', '--><b>', "'><svg onload=alert(1)>",
         '</svg><script>1</script>', '</title><base href=//evil>']
def attr(k, v): return {"key": k, "value": {"stringValue": v}}
spans = []
for i in range(10000):
    name, op = random.choice(nasty), random.choice(["chat", "execute_tool", "invoke_agent", "retrieval"])
    s = {"traceId": "%032x" % 0xbeef, "spanId": "%016x" % (i + 1), "name": op + " " + name, "kind": 1,
         "startTimeUnixNano": str(1795200000 * 10**9 + i * 10**6), "endTimeUnixNano": str(1795200000 * 10**9 + i * 10**6 + random.randrange(1, 10**9)),
         "attributes": [attr("gen_ai.operation.name", op), attr("gen_ai.request.model", name), attr("gen_ai.tool.name", name), attr("gen_ai.agent.name", name),
                        attr("gen_ai.input.messages", json.dumps([{"role": name, "parts": [{"type": "text", "content": "said " + name}]}])),
                        attr("gen_ai.tool.call.arguments", name)]}
    if i: s["parentSpanId"] = "%016x" % (random.randrange(max(0, i - 50), i) + 1)
    if i % 97 == 0: s["status"] = {"code": 2, "message": name}
    spans.append(s)
json.dump({"resourceSpans": [{"resource": {"attributes": [attr("service.name", nasty[0])]}, "scopeSpans": [{"spans": spans}]}]}, open("in.json", "w"))
subprocess.run([lydite, "trace", "import", "-q", "in.json"], check=True)
subprocess.run([lydite, "trace", "show", "@last", "--html", "page.html"], check=True)
to_output = subprocess.run([lydite, "trace", "show", "@last", "--html", "-"], check=True, capture_output=True).stdout
page = open("page.html", "rb").read()
bad = []
if to_output != page: bad.append("--html - is another page")
if any(c < 32 and c != 10 for c in page): bad.append("controls in the page")
text = page.decode()
if any(0x202a <= ord(c) <= 0x202e or 0x2066 <= ord(c) <= 0x2069 for c in text): bad.append("what turns text is in the page")
if "w3.org" in text: bad.append("an address that is none of the trace's")
class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.open, self.text = collections.Counter(), [], []
    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for k, v in attrs:
            if k.startswith("on") or k in ("src", "href", "action", "srcset", "data"): bad.append("%s has %s" % (tag, k))
            if k == "style" and "url" in (v or ""): bad.append("a style that loads")
        if tag not in ("meta", "rect"): self.open.append(tag)
    def handle_startendtag(self, tag, attrs): self.handle_starttag(tag, attrs)
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag: bad.append("</%s> closes something else" % tag)
    def handle_data(self, data): self.text.append(data)
r = Reader()
r.feed(text)
if r.open: bad.append("not closed: %s" % r.open)
for tag in ("script", "img", "link", "iframe", "base", "object", "embed", "a", "form", "input"):
    if r.tags[tag]: bad.append("a %s in the page" % tag)
if r.tags["style"] != 1 or r.tags["svg"] != 1 or r.tags["title"] != 1: bad.append("something of the trace became part of the page: %s" % r.tags)
if r.tags["tr"] != 10001 or r.tags["rect"] != 10000: bad.append("rows or bars are missing: %s" % r.tags)
said = "\n".join(r.text)
for words in nasty:
    if words.isprintable() and len(words) < 100 and "said " + words not in said: bad.append("not shown: " + words)
if "default-src 'none'" not in text: bad.append("no policy")
for b in bad[:20]: print(b)
sys.exit(1 if bad else 0)
P
