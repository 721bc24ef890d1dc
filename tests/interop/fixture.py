#!/usr/bin/env python3
"""Makes a fixture of tests/genai/clients from what a client sent: fixture.py LYDITE DB [TRACE ...]

Prints the spans (attributes that say something, long texts left out) with what was understood of them as
expectation. Read it before it becomes a test: it says what is, not what should be.
"""
import json
import re
import subprocess
import sys

LYDITE, DB = sys.argv[1], sys.argv[2]
SKIP = re.compile(r"^(telemetry\.|server\.|net\.|http\.|url\.|network\.|thread\.|code\.|process\.|llm\.headers|"
                  r"lmnr\.span\.(ids?_path|parent)|lmnr\.span\.sdk|logfire\.|target$|busy_ns|idle_ns|openai\.)")


def run(*args):
    return subprocess.run([LYDITE, *args, "--db", DB], capture_output=True, text=True).stdout


def value(v):
    kind, val = next(iter(v.items())) if v else ("none", None)
    if kind == "stringValue":
        plain = re.fullmatch(r"-?\d+(\.\d+)?|true|false|", val) or "\n" in val or val[:1] == "'"
        return "'" + val.replace("\\", "\\\\").replace("\n", "\\n") if plain else val
    if kind == "arrayValue":
        return "'" + json.dumps([x.get("stringValue") for x in val.get("values", [])])
    if kind == "boolValue":
        return "true" if val else "false"
    if kind == "doubleValue":
        text = repr(float(val))
        return text if "." in text and "e" not in text else None
    return str(val) if kind == "intValue" else None


def messages(list_):
    return " ".join("%s:%s" % (m["role"], ",".join(p["kind"] + ("=" + p["tool"] if p.get("tool") else "") for p in m["parts"]))
                    for m in list_)


def main():
    for trace in sys.argv[3:] or [json.loads(l)["trace_id"] for l in run("trace", "list", "--json", "-n", "100").splitlines()][::-1]:
        scopes, numbers = {}, {}
        show = [json.loads(l) for l in run("trace", "show", trace, "--json").splitlines()]
        records = [json.loads(line) for line in run("trace", "export", trace).splitlines()]
        for record in records:
            for r in record.get("resourceSpans", []):
                for sc in r["scopeSpans"]:
                    for s in sc["spans"]:
                        scopes[s["spanId"].lower()] = (sc.get("scope", {}).get("name", ""), s, r)
        for s in show:
            if s.get("kind") == "trace" or s["span_id"] not in scopes or s["type"] in ("other", "http", "db"):
                continue
            detail = json.loads(run("span", "show", s["span_id"], "--json").splitlines()[0])
            scope, raw, resource = scopes[s["span_id"]]
            numbers[s["span_id"]] = len(numbers) + 1
            print("\nscope %s" % scope)
            if s["status"] == "error":
                print("error %s" % (s["error_type"] or "-"))
            print("span %d %d %s" % (len(numbers), numbers.get(s["parent_id"], 0), s["name"]))
            # What logs added to a span is not in its attributes.
            whole = whole_trace = not any(l.get("resourceLogs") for l in records)
            for a in raw.get("attributes", []):
                text = value(a["value"])
                if text is None or SKIP.match(a["key"]):
                    continue
                if len(text) < (900 if re.search(r"output|usage|etadata", a["key"]) else 300):
                    print("  %s = %s" % (a["key"], text))
                else:
                    whole = False
            print("  > type %s" % s["type"])
            print("  > dialect %s" % s["dialect"])
            for key in ("provider", "model", "agent", "tool"):
                if s[key]:
                    print("  > %s %s" % (key, s[key]))
            if whole_trace and (s["tokens_in"] is not None or s["tokens_out"] is not None):
                print("  > counts %s %s %s %s" % tuple("-" if s[k] is None else s[k] for k in ("tokens_in", "tokens_out", "cache_read", "reasoning")))
                print("  > mark %s" % s["counted"])
            if whole_trace and s["finish_reason"]:
                print("  > finish %s" % s["finish_reason"])
            if s["status"] == "error":
                print("  > error %s" % (s["error_type"] or "-"))
            for key in ("input", "output"):
                if whole and detail.get(key):
                    print("  > %s %s" % (key, messages(detail[key])))
            for key in ("arguments", "result", "query"):
                if whole and detail.get(key) and len(detail[key]) < 200 and "\n" not in detail[key]:
                    print("  > %s %s" % (key, detail[key]))


main()
