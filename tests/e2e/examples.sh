#!/usr/bin/env bash
# Every example of every --help, run as it is typed, each in a copy of a folder that has what the examples
# name: they work. And once more with --json where the command has it: each line is an object, and each of
# its members is named in the help. No network: the model is the scripted stand-in.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
model "$SOURCE/examples/quickstart/rules.json"
unset LYDITE_DB LYDITE_ENDPOINT XDG_DATA_HOME XDG_CONFIG_HOME OTEL_EXPORTER_OTLP_ENDPOINT
export OPENAI_API_KEY=stand-in LC_ALL=C.UTF-8 NO_COLOR=1
mkdir "$dir/bin"
# The usual two ports may be someone's on this machine: a collector without ports of its own gets free ones.
cat >"$dir/bin/lydite" <<END
#!/bin/sh
case " \$* " in *" --grpc-port"*|*" --http-port"*) ;; " collect "*) shift; set -- collect --grpc-port 0 --http-port 0 "\$@" ;; esac
exec "${LYDITE:?}" "\$@"
END
chmod +x "$dir/bin/lydite"
# What the examples use beside ours and a bare Debian has not: what is looked at is our side of it.
stand_in() { command -v "$1" >/dev/null || { printf '#!/bin/sh\n%s\n' "$2" >"$dir/bin/$1" && chmod +x "$dir/bin/$1"; }; }
stand_in python 'exec python3 "$@"'
stand_in jq "exec python3 -c 'import json,sys; [print(json.loads(l)) for l in sys.stdin]'"
stand_in man 'exec cat'
export PATH=$dir/bin:$PATH
python3 - "$dir" <<'P'
import json, os, re, shutil, signal, subprocess, sys, time

top = sys.argv[1]
base = os.path.join(top, "base")
os.mkdir(base)
os.environ["HOME"] = base
bad = []
def complain(text): bad.append(text); print(text)

def lydite(*args, **kw):
    return subprocess.run(["lydite", *args], capture_output=True, text=True, timeout=120, **kw)

# ---- what the examples name ----
now = int(time.time())
def attr(k, v):
    return {"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
def span(trace, id, parent, name, ago, took_ms, error=False, **attrs):
    s = {"traceId": trace, "spanId": id, "name": name, "kind": 1,
         "startTimeUnixNano": str((now - ago) * 10**9), "endTimeUnixNano": str((now - ago) * 10**9 + took_ms * 10**6),
         "attributes": [attr(k.replace("__", "."), v) for k, v in attrs.items()]}
    if parent: s["parentSpanId"] = parent
    if error: s["status"] = {"code": 2, "message": "no such city"}
    return s
def said(role, text): return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
def trace(first, start):
    id = first + "0" * (32 - len(first))
    agent, call, tool = ("91ac" if first == "7f3a" else first[::-1]) + "0" * 11 + "1", "aa" + first + "0" * 9 + "2", "bb" + first + "0" * 9 + "3"
    who = dict(gen_ai__conversation__id="s-17", user__id="u-17")
    return [span(id, agent, "", "invoke_agent planner", start, 900, gen_ai__operation__name="invoke_agent", gen_ai__agent__name="planner",
                 gen_ai__input__messages=said("user", "Where?"), gen_ai__output__messages=said("assistant", "Kyoto"), **who),
            span(id, call, agent, "chat gpt-4o-mini", start, 400, gen_ai__operation__name="chat", gen_ai__provider__name="openai",
                 gen_ai__request__model="gpt-4o-mini", gen_ai__usage__input_tokens=1200, gen_ai__usage__output_tokens=90,
                 gen_ai__input__messages=said("user", "Where?"), gen_ai__output__messages=said("assistant", "Kyoto"), **who),
            span(id, tool, agent, "execute_tool weather", start, 20, error=first == "91c0", gen_ai__operation__name="execute_tool",
                 gen_ai__tool__name="weather", gen_ai__tool__call__arguments='{"city": "Kyoto"}', **who)]
# span 91ac is a model call of trace 7f3a
spans = trace("91c0", 600) + trace("7f3a", 300)
for s in spans:
    if s["traceId"].startswith("7f3a") and s["name"].startswith("chat"): s["spanId"], swap = "91ac" + "0" * 11 + "2", s["spanId"]
for s in spans:
    if s["spanId"] == "91ac" + "0" * 11 + "1": s["spanId"] = "a7f3" + "0" * 11 + "1"
    if s.get("parentSpanId") == "91ac" + "0" * 11 + "1": s["parentSpanId"] = "a7f3" + "0" * 11 + "1"
doc = {"resourceSpans": [{"resource": {"attributes": [attr("service.name", "research_agent")]}, "scopeSpans": [{"spans": spans}]}]}
def put(name, text, mode=0o644):
    with open(os.path.join(base, name), "w") as f: f.write(text)
    os.chmod(os.path.join(base, name), mode)
put("trace.jsonl", json.dumps(doc) + "\n")
put("a.txt", "Answer in one sentence: {{question}}\n")
put("b.txt", "Be brief. {{question}}\n")
put("answer.txt", "Answer: {{question}}\n")
put("rows.csv", "id,question,expected\n" + "".join("q%02d,What is lydite number %d?,gold\n" % (i, i) for i in range(1, 13)))
put("labelled.csv", "input,output,expected,label\n" + "".join("What is %d?,It is %d.,%d,%s\n" % (i, i, i, "pass" if i % 3 else "fail") for i in range(1, 9)))
put("suite.yaml", "- judge: correctness\n  min: 0.0\n")
put("agent.py", "print('done')\n")
put("agent", "#!/bin/sh\necho done\n", 0o755)
put("usage.csv", "date,model,cost\n%s,gpt-4o-mini,0.001\n" % time.strftime("%Y-%m-%d", time.gmtime()))
midnight = int(time.time()) // 86400 * 86400
put("openai-cost-export.csv", "start_time,end_time,amount_value,amount_currency,line_item\n"
    + '%d,%d,0.001,usd,"gpt-4o-mini, input"\n' % (midnight, midnight + 86400))
put("tone.yaml", "question: Is the tone polite?\nneeds: [output]\nverdicts:\n  polite: 1\n  rude: 0\n")
put("data.json", json.dumps([{"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com", "provider_match": {"contains": "openai"},
    "models": [{"id": "gpt-5", "match": {"equals": "gpt-5"}, "prices": {"input_mtok": 1, "output_mtok": 9}}]}]))
os.mkdir(os.path.join(base, "spool"))
os.makedirs(os.path.join(base, ".config/fish/completions"))
put("lydite.yaml", "db: ./t.db\n")
os.chdir(base)
def made(*args):
    r = lydite(*args)
    if r.returncode: print("preparing: lydite", *args, r.stdout, r.stderr); sys.exit(1)
    return r.stdout
made("trace", "import", "trace.jsonl")
for text in ("Answer: {{question}}\n", "Answer well: {{question}}\n", "Answer in one sentence: {{question}}\n"):
    put("answer.txt", text); made("prompt", "put", "answer.txt")
made("prompt", "alias", "answer@1", "production"); made("prompt", "alias", "answer@2", "production")
made("dataset", "put", "rows.csv", "--name", "questions")
put("more.csv", open("rows.csv").read() + "q99,One more?,gold\n"); made("dataset", "put", "more.csv", "--name", "questions")
for _ in range(2):
    made("eval", "run", "--prompt", "answer@1", "--prompt", "answer@3", "--data", "questions", "--model", "openai:gpt-4o-mini", "--judge", "correctness", "--judge", "contains:gold", "--no-cache", "-q")
made("price", "add", "--provider", "acme", "--model", "x", "input=1", "output=2")
made("budget", "set", "all", "--limit", "100")
made("auth", "add", "laptop")
score = made("score", "add", "@last", "helpful", "--value", "1").strip()

# ---- the table of commands ----
verbs, helps = [], {}
for name in re.findall(r"^  ([a-z]+)", lydite("--help").stdout, re.M):
    text = lydite(name, "--help").stdout
    part = re.search(r"^Verbs:\n(.*?)\n\n", text, re.M | re.S)
    for verb in re.findall(r"^  ([a-z-]+|\(none\))", part.group(1), re.M) if part else [None]:
        verb = None if verb == "(none)" else verb
        r = lydite(name, verb, "--help") if verb else None
        t = r.stdout if verb else text[text.index("Without a verb:"):] if part else text
        if r and r.returncode: complain("%s %s --help exits %d" % (name, verb, r.returncode))
        helps[name, verb] = t
        verbs.append((name, verb))
def about(key): return re.sub(r"\s+", " ", helps[key].split("\nOptions:")[0])
def has(key, option): return re.search(r"^ +(-\w, )?--%s\b" % option, helps[key].split("\nOptions:")[1], re.M)
def examples(key): return [l.strip() for l in helps[key].split("\nExample:\n")[1].splitlines() if l.strip()]

# Words of the help that may name a member; of a verb that it refers to too ("as list", "`trace list`").
def words(key, depth=0):
    text = about(key)
    found = set(re.findall(r"[a-z_0-9*]+", text))
    for other in re.findall(r"\bas (?:of )?([a-z-]+)\b", text) + re.findall(r"`%s ([a-z-]+)" % key[0], text):
        if (key[0], other) in helps and depth < 2: found |= words((key[0], other), depth + 1)
    for c, v in re.findall(r"`(?:lydite )?([a-z]+) ([a-z-]+)", text):
        if (c, v) in helps and depth < 2: found |= words((c, v), depth + 1)
    if (key[0], None) in helps and key[1] and depth < 2: found |= words((key[0], None), depth + 1)
    return found
def documented(member, known):
    return member in known or any(w.endswith("_*") and member.startswith(w[:-1]) for w in known)

# What an example may exit with, other than 0.
allowed = {"trace stats --since 1h --fail-if": {0, 1}, "price check": {0, 1}, "doctor": {0, 1}, "prompt promote": {0, 1, 5},
           "eval review": {6}, "cost reconcile": {0, 1}, "eval gate": {0, 1, 5}, "man cost": {0}, "status": {0}}
elsewhere = {"price update": "asks a server far away", "collect --listen 0.0.0.0": "needs a certificate"}
suite = "rm suite.yaml; lydite eval init --prompt a.txt --prompt b.txt --data rows.csv"
before = {"auth add": "lydite auth revoke laptop -q", "eval init": "rm suite.yaml", "eval plan": suite, "eval run suite": suite}
no_json = {("collect", None), ("run", None), ("completion", None), ("man", None), ("eval", "init"), ("eval", "review")}
stays = ("lydite collect", "lydite span list -f", "lydite connect --check")  # until they are told to stop

def run(command, cwd):
    env = dict(os.environ, HOME=cwd)
    p = subprocess.Popen(["bash", "-c", command], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = p.communicate(timeout=4 if command.startswith(stays) else 90)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGINT)
        try: out, err = p.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL); out, err = p.communicate()
        if command.startswith(stays) and p.returncode in (0, 130, -2): return 0, out, err
        return 124, out, err
    return p.returncode, out, err

ran, checked = 0, 0
def fresh():
    cwd = os.path.join(top, "copy")
    shutil.rmtree(cwd, ignore_errors=True)
    shutil.copytree(base, cwd)
    return cwd
for key in verbs:
    name = " ".join(filter(None, key))
    if not examples(key): complain("%s has no example" % name)
    for command in examples(key):
        if any(command.startswith("lydite " + e) for e in elsewhere): continue
        command = command.replace("score retract 3f2a91bc", "score retract " + score[:8])
        prepared = next((v for k, v in before.items() if k in command), "true")
        ok = next((v for k, v in allowed.items() if command.startswith("lydite " + k)), {0})
        cwd = fresh()
        run(prepared, cwd)
        code, out, err = run(command, cwd)
        ran += 1
        if code not in ok: complain("%s: exits %d\n    %s" % (command, code, (err or out).strip()[:500].replace("\n", "\n    ")))
        if re.search(r"\x1b", out): complain("%s: escape sequences in a pipe" % command)
        plain = re.match(r"lydite [^|><&]*$", command)
        if not plain or not has(key, "json") or command.startswith(stays) or "--csv" in command or "--proto" in command or "--html" in command: continue
        if any(f in command for f in ("--raw", "--body", "--curl", "--keys", "lydite view", " -o ", "trace export")): continue
        cwd = fresh()
        run(prepared, cwd)
        code, out, err = run(command if "--json" in command else command.replace("lydite " + name, "lydite " + name + " --json", 1), cwd)
        if code not in ok: complain("%s with --json: exits %d\n    %s" % (command, code, (err or out).strip()[:500])); continue
        known = words(key) | set(sum((v.split(",") for v in re.findall(r"--by (\S+)", command)), []))
        for line in out.splitlines():
            try: value = json.loads(line)
            except ValueError: complain("%s with --json: no JSON: %s" % (command, line[:200])); break
            if key[0] == "sql" or key[0] == "dataset" and key[1] in ("show", "export"): continue  # the user's own words
            for row in value if isinstance(value, list) else [value]:
                missing = [m for m in row if not documented(m, known)]
                if missing: complain("%s --json: not in the help: %s" % (name, " ".join(missing))); break
            checked += 1
            if missing: break
        if not out.strip() and key[1] not in ("rm", "check", "retract"): print("note: %s with --json printed nothing: %s" % (command, err.strip()[:100]))

# ---- what is wrong is answered ----
for key in verbs:
    name = [w for w in key if w]
    r = lydite(*name, "--no-such-option-at-all")
    if r.returncode != 2: complain("%s --no-such-option-at-all exits %d" % (" ".join(name), r.returncode))
    if has(key, "json"):
        r = lydite(*name, "--jsn")
        if r.returncode != 2 or "did you mean --json?" not in r.stderr: complain("%s --jsn: %s" % (" ".join(name), r.stderr))
    elif key not in no_json: complain("%s has no --json" % " ".join(name))
    if has(key, "json") and "--json" not in about(key): complain("%s does not document its --json" % " ".join(name))
for command, where in (("trace show ffffffff", "trace list"), ("trace show nonsense", "trace list"), ("trace pin ffffffff", "trace list"),
                       ("trace diff @last ffffffff", "trace list"), ("span list ffffffff", "trace list"), ("span show ffffffff", "span list"),
                       ("span show nonsense", "span list"), ("session show nonsense", "session list"), ("score add ffffffff x --value 1", "trace list"),
                       ("score retract ffffffff", "score list"), ("cost explain ffffffff", "list"), ("eval show nonsense", "eval list"),
                       ("eval export ffffffff", "eval list"), ("eval resume ffffffff", "eval list"), ("eval compare @last ffffffff", "eval list"),
                       ("eval gate ffffffff --gate suite.yaml", "eval list"), ("prompt show nonsense", "prompt list"),
                       ("prompt log nonsense", "prompt list"), ("prompt rm nonsense", "prompt list"), ("prompt show answer@99", "prompt log"),
                       ("dataset show nonsense", "dataset list"), ("dataset diff nonsense questions", "dataset list"),
                       ("dataset export nonsense", "dataset list"), ("budget rm nonsense", "budget list"), ("budget check nonsense", "budget list"),
                       ("price rm 999", "price list"), ("price use 999", "price list"), ("auth revoke nonsense", "auth list"),
                       ("trace show @last~99", ""), ("session show @last~99", ""), ("span show @last~9999", ""),
                       ("eval show @last~99", "")):
    r = lydite(*command.split())
    if r.returncode != 3: complain("%s exits %d, not 3: %s" % (command, r.returncode, r.stderr.strip()))
    if where and where not in r.stderr: complain("%s does not say what to do (%s): %s" % (command, where, r.stderr.strip()))
for word, meant in (("trce", "trace"), ("evla", "eval"), ("sesion", "session"), ("pricing", None)):
    r = lydite(word)
    if r.returncode != 2 or (meant and 'did you mean "%s"' % meant not in r.stderr): complain("%s: %d %s" % (word, r.returncode, r.stderr))
r = lydite("trace", "lst")
if r.returncode != 2 or 'did you mean "list"' not in r.stderr: complain("trace lst: %d %s" % (r.returncode, r.stderr))
print("%d examples, %d lines of JSON, %d verbs" % (ran, checked, len(verbs)))
sys.exit(1 if bad else 0)
P
