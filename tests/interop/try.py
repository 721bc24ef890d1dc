#!/usr/bin/env python3
"""Runs a program against the scripted providers and a collector of its own, then says what was understood.

    try.py [--lydite PATH] [--show] [--keep DIR] COMMAND ...

The program finds the providers and the collector in the environment (OPENAI_BASE_URL, ANTHROPIC_BASE_URL,
GOOGLE_GEMINI_BASE_URL, AWS_ENDPOINT_URL, OTEL_EXPORTER_OTLP_ENDPOINT, LYDITE_HTTP, LYDITE_GRPC,
LYDITE_HTTP_PORT). Exit 0 when the totals of all traces are what the providers' ledger says, else 1.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def wait_for(path, what):
    deadline = time.time() + 60
    while time.time() < deadline:
        if os.path.exists(path) and os.path.getsize(path):
            return open(path).read()
        time.sleep(0.05)
    sys.exit("%s did not start" % what)


def lines(lydite, env, *args):
    out = subprocess.run([lydite, *args, "--json"], env=env, capture_output=True, text=True)
    return [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lydite", default=os.environ.get("LYDITE", HERE + "/../../build/bin/lydite"))
    parser.add_argument("--show", action="store_true", help="print the attributes of every span")
    parser.add_argument("--keep", help="leave database, ledger and output here")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    work = args.keep or tempfile.mkdtemp()
    if args.keep:
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
    db, ledger, log = work + "/t.db", work + "/ledger", work + "/collect.log"
    env = dict(os.environ, LYDITE_DB=db)
    model = subprocess.Popen([sys.executable, HERE + "/providers.py", "--port-file", work + "/port", "--ledger", ledger])
    collect = subprocess.Popen([args.lydite, "collect", "--grpc-port", "0", "--http-port", "0"], env=env,
                               stdout=open(log, "w"), stderr=subprocess.STDOUT)
    try:
        port = wait_for(work + "/port", "the provider").strip()
        http = None
        deadline = time.time() + 60
        while time.time() < deadline and not http:
            for way in lines(args.lydite, env, "connect", "otel")[:1]:
                for line in way["ways"][0]["lines"].splitlines():
                    if "OTLP_ENDPOINT=" in line and not line.endswith(":4318"):
                        http = line.split("=", 1)[1]
                grpc = way["note"].split("gRPC: ")[1].split(" ")[0]
            try:
                urllib.request.urlopen(http + "/readyz").read()
            except Exception:
                http = None
                time.sleep(0.1)
        provider = "http://127.0.0.1:" + port
        child = dict(env, OPENAI_BASE_URL=provider + "/v1", OPENAI_API_BASE=provider + "/v1", OPENAI_API_KEY="sk-local",
                     ANTHROPIC_BASE_URL=provider, ANTHROPIC_API_KEY="local", GOOGLE_GEMINI_BASE_URL=provider,
                     GEMINI_API_KEY="local", AWS_ENDPOINT_URL=provider, AWS_ACCESS_KEY_ID="local",
                     AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION="us-east-1", PROVIDER=provider,
                     LYDITE_HTTP=http, LYDITE_GRPC=grpc, LYDITE_HTTP_PORT=http.rsplit(":", 1)[1],
                     LYDITE_GRPC_PORT=grpc.rsplit(":", 1)[1])
        child.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", http)
        child.setdefault("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        child.setdefault("OTEL_SERVICE_NAME", "interop")
        child["NO_PROXY"] = "127.0.0.1,localhost"
        code = subprocess.run(args.command, env=child).returncode
        time.sleep(2.5)
    finally:
        for process in (model, collect):
            process.terminate()
        for process in (model, collect):
            process.wait()
    return report(args, env, ledger, code, work)


def report(args, env, ledger, code, work):
    calls = [json.loads(line) for line in open(ledger)]
    true = {k: sum(c[k] for c in calls) for k in ("in", "out", "cache_read", "cache_write", "reasoning")}
    seen = dict.fromkeys(("in", "out", "cache_read", "reasoning"), 0)
    traces = lines(args.lydite, env, "trace", "list", "--all-origins", "-n", "200")
    names = {"in": "tokens_in", "out": "tokens_out", "cache_read": "cache_read", "reasoning": "reasoning"}
    for trace in traces:
        for key, name in names.items():
            seen[key] += trace[name] or 0
    for trace in sorted(traces, key=lambda t: t["start"]):
        print("trace %s %s  session=%s user=%s service=%s  in=%s out=%s cost=%s" % (
            trace["trace_id"][:8], trace["name"], trace["session"], trace["user"], trace["service"], trace["tokens_in"],
            trace["tokens_out"], trace["cost_usd"]))
        for s in lines(args.lydite, env, "trace", "show", trace["trace_id"], "--all"):
            if s.get("kind") == "trace":
                continue
            whole = lines(args.lydite, env, "span", "show", s["span_id"])
            detail = whole[0] if whole else {}
            messages = detail.get("messages") or {}
            print("  %s%-11s %-34s %s %s/%s in=%s out=%s cr=%s rs=%s %s%s%s%s%s %s" % (
                "  " * s["depth"], s["type"], s["name"][:34], s["dialect"], s["provider"], s["model"], s["tokens_in"],
                s["tokens_out"], s["cache_read"], s["reasoning"], s["counted"], " ERR:%s" % s["error_type"] if s["status"] == "error" else "",
                " tool=" + s["tool"] if s["tool"] else "", " agent=" + s["agent"] if s["agent"] else "",
                " ttft=%d" % s["ttft_ns"] if s["ttft_ns"] else "", s["finish_reason"] or ""))
            if args.show:
                print(json.dumps(detail, indent=1, ensure_ascii=False))
            elif s["type"] in ("generation", "agent", "tool", "retrieval", "embedding", "workflow"):
                print("  %s   %s" % ("  " * s["depth"], summary(detail)))
    print("ledger %d calls %s" % (len(calls), true))
    ok = all(seen[k] == true[k] for k in seen)
    print("%s: seen %s%s" % ("EQUAL" if ok else "DIFFERENT", seen, "" if code == 0 else "  (program exit %d)" % code))
    if not args.keep:
        shutil.rmtree(work)
    return 0 if ok else 1


def summary(detail):
    def short(value):
        return json.dumps(value, ensure_ascii=False)[:70]

    def message(m):
        parts = []
        for p in m["parts"]:
            parts.append("%s:%s" % (p["kind"], (p.get("tool") or p.get("tool_name") or p.get("name") or p.get("text") or "")[:28]))
        return "%s(%s)" % (m["role"], ", ".join(parts))
    out = []
    for key, value in (detail.get("messages") or detail).items():
        if value in (None, [], "") or key not in ("system", "input", "output", "tools", "documents", "arguments", "result",
                                                  "query", "tool_arguments", "tool_result"):
            continue
        if isinstance(value, list) and value and "parts" in value[0]:
            out.append("%s[%d] %s" % (key, len(value), " ".join(message(m) for m in value[-2:])))
        elif isinstance(value, list):
            out.append("%s[%d] %s" % (key, len(value), short(value[0])))
        else:
            out.append("%s %s" % (key, short(value)))
    return " | ".join(out) or "NO CONTENT %s" % detail.get("why_no_content", "")


if __name__ == "__main__":
    sys.exit(main())
