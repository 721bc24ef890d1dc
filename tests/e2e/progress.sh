#!/usr/bin/env bash
# Long work on a terminal says how far it is and how long it will take; Ctrl-C keeps what was done, exits 130 and
# says how to go on, and the same command again ends it. In a pipe there is no such line.
set -u
lydite=${LYDITE:?}
command -v python3 >/dev/null || { echo "python3 is not here"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export HOME=$tmp XDG_CONFIG_HOME=$tmp/config XDG_DATA_HOME=$tmp/data LC_ALL=C.UTF-8 TERM=xterm NO_COLOR=1
cd "$tmp" || exit 1
python3 - "$lydite" <<'P'
import json, os, pty, re, select, subprocess, sys, time
lydite = sys.argv[1]
bad = []
def complain(text): bad.append(text); print(text)

now = int(time.time())
def write(n):
    with open("in.jsonl", "w") as f:
        for t in range(n):
            span = {"traceId": "%032x" % (t + 1), "spanId": "%016x" % (t + 1), "name": "chat", "kind": 1,
                    "startTimeUnixNano": str((now - 60) * 10**9), "endTimeUnixNano": str((now - 59) * 10**9),
                    "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                                   {"key": "gen_ai.input.messages", "value": {"stringValue": json.dumps(
                                       [{"role": "user", "parts": [{"type": "text", "content": "stone %d " % t * 20}]}])}}]}
            f.write(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}) + "\n")

# On a terminal; with `stop`, Ctrl-C as soon as a progress line stands there.
def on_terminal(*args, stop=False):
    pid, fd = pty.fork()
    if pid == 0: os.execv(lydite, [lydite, *args])
    seen, told = b"", False
    end = time.monotonic() + 300
    while True:
        if time.monotonic() > end: os.kill(pid, 9)
        if select.select([fd], [], [], 0.2)[0]:
            try: data = os.read(fd, 65536)
            except OSError: break
            if not data: break
            seen += data
        if stop and not told and b"/s" in seen: os.write(fd, b"\x03"); told = True
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode(), told

def there(): return int(subprocess.run([lydite, "sql", "--db", "t.db", "--json", "SELECT count(*) AS n FROM v_traces"], capture_output=True, text=True).stdout.split(":")[1].rstrip("}\n"))

# A quicker machine gets more to do, until the work is long enough to be stopped.
for n in (400, 1600, 6400, 25600, 51200, 102400):
    write(n)
    for f in ("t.db", "t.db-wal", "t.db-shm"):
        if os.path.exists(f): os.unlink(f)
    code, seen, told = on_terminal("trace", "import", "--db", "t.db", "in.jsonl", stop=True)
    if told and (n == 102400 or there() < n): break # Ctrl-C came before the end
if not told: print("too quick to be stopped"); sys.exit(77)
if code != 130: complain("import exits %d after Ctrl-C: %s" % (code, seen))
if not re.search(r"\r[0-9.]+ MiB/[0-9.]+ MiB  [0-9]+%  [0-9.]+ MiB/s  left [0-9]", seen): complain("no progress: %r" % seen)
if "what was read is kept. To go on: the same command" not in seen: complain("not said how to go on: %r" % seen)
if "\x1b" in seen: complain("escape sequences: %r" % seen)
kept = there()
if not 0 < kept < n: complain("%d of %d traces are kept" % (kept, n))
code, seen, _ = on_terminal("trace", "import", "--db", "t.db", "in.jsonl")
if code != 0 or there() != n: complain("the second import exits %d with %d of %d: %r" % (code, there(), n, seen))

# The others: stopped or done before that, then done. What is shown last is no rest of a line. Some take many
# times as long as an import, so they get less to do than a quick machine imports before it can be stopped.
n = min(n, 6400)
write(n)
for f in ("t.db", "t.db-wal", "t.db-shm"):
    if os.path.exists(f): os.unlink(f)
code, seen, _ = on_terminal("trace", "import", "--db", "t.db", "in.jsonl")
if code != 0 or there() != n: complain("the import exits %d with %d of %d: %r" % (code, there(), n, seen))
for args in (("db", "rebuild", "--normalise"), ("db", "check"), ("db", "redact", "--rule", "stone=stone [0-9]+"), ("db", "rebuild"),
             ("trace", "export", "-o", "out.jsonl"), ("db", "backup", "copy.db"), ("cost", "reprice", "-y")):
    name = " ".join(args)
    code, seen, told = on_terminal(*args[:2], "--db", "t.db", *args[2:], stop=True)
    if told and code not in (0, 130): complain("%s exits %d after Ctrl-C: %r" % (name, code, seen))
    if told and args[0] == "trace" and code == 130 and os.path.exists("out.jsonl"): complain("half an export stands there")
    if os.path.exists("copy.db"): os.unlink("copy.db")
    code, seen, _ = on_terminal(*args[:2], "--db", "t.db", *args[2:])
    if code != 0: complain("%s exits %d: %r" % (name, code, seen))
if sum(1 for _ in open("out.jsonl")) != n: complain("the export is not whole")

# A data set: stopped, there is no version; then all of it.
def versions(): return subprocess.run([lydite, "dataset", "list", "--db", "t.db", "--json"], capture_output=True, text=True).stdout.count("\n")
for rows in (50000, 200000, 800000):
    with open("rows.jsonl", "w") as f:
        for i in range(rows): f.write('{"question":"how many stones are %d stones","n":%d}\n' % (i, i))
    code, seen, told = on_terminal("dataset", "put", "--db", "t.db", "--name", "r%d" % rows, "rows.jsonl", stop=True)
    if told and code == 130: break
if not told: complain("dataset put says nothing of how far it is: %r" % seen)
if code == 130 and (versions() != (50000, 200000, 800000).index(rows) or "no version was made" not in seen): complain("stopped, dataset put made %d versions: %r" % (versions(), seen))
code, seen, _ = on_terminal("dataset", "put", "--db", "t.db", "rows.jsonl")
if code != 0 or str(rows) not in seen: complain("dataset put exits %d: %r" % (code, seen))

# Piped, and with -q: not a word of it.
for args, quiet in ((("db", "rebuild", "--normalise"), False), (("db", "rebuild", "--normalise", "-q"), True)):
    if quiet: code, seen, _ = on_terminal(*args, "--db", "t.db")
    else:
        r = subprocess.run([lydite, *args, "--db", "t.db"], capture_output=True, text=True)
        code, seen = r.returncode, r.stdout + r.stderr
    if code or "/s" in seen or "\r" in seen.replace("\r\n", ""): complain("%s: %d %r" % (" ".join(args), code, seen))
sys.exit(1 if bad else 0)
P
