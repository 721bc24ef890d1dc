#!/usr/bin/env bash
# span show --curl: a recorded call in its provider's own form, as one command that a shell takes as it stands,
# whatever was said in it.
set -u
. "$(dirname "$0")/lib/kit.sh"
need python3
lydite=$LYDITE tmp=$dir
export HOME=$tmp LC_ALL=C.UTF-8 LYDITE_DB=$tmp/t.db
unset OPENAI_BASE_URL ANTHROPIC_BASE_URL GEMINI_BASE_URL
cd "$tmp" || exit 1
python3 - "$lydite" <<'P'
import json, os, subprocess, sys
lydite = sys.argv[1]
bad = 0
def complain(*text):
    global bad
    bad += 1
    print(*text)
nasty = "it's $HOME `id` \"quoted\" \\ back\nnext; line ' '' && rm -rf x \u00e9 \U0001F680"
def attr(k, v):
    kind = "intValue" if isinstance(v, int) else "doubleValue" if isinstance(v, float) else "stringValue"
    return {"key": k, "value": {kind: str(v) if kind == "intValue" else v}}
history = [{"role": "user", "parts": [{"type": "text", "content": nasty}]},
           {"role": "assistant", "parts": [{"type": "text", "content": "let me see"},
               {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "K'yoto"}},
               {"type": "tool_call", "id": "c2", "name": "weather", "arguments": {"city": "Wien"}}]},
           {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "12 C"},
                                      {"type": "tool_call_response", "id": "c2", "response": "3 C"}]}]
tools = [{"type": "function", "name": "weather", "description": "of a city", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]
def span(n, provider, model, **more):
    a = [attr("gen_ai.operation.name", "chat"), attr("gen_ai.provider.name", provider), attr("gen_ai.request.model", model),
         attr("gen_ai.response.model", model + "-served"), attr("gen_ai.input.messages", json.dumps(history)),
         attr("gen_ai.system_instructions", json.dumps([{"type": "text", "content": "be brief"}])),
         attr("gen_ai.tool.definitions", json.dumps(tools)), attr("gen_ai.request.temperature", 0.25), attr("gen_ai.request.max_tokens", 77)]
    a += [attr(k.replace("__", "."), v) for k, v in more.items()]
    return {"traceId": "%032x" % (0xc0 + n), "spanId": "%016x" % (0xc0 + n), "name": "chat", "kind": 3,
            "startTimeUnixNano": "1795000000000000000", "endTimeUnixNano": "1795000001000000000", "attributes": a}
calls = [span(1, "openai", "gpt-4o"), span(2, "anthropic", "claude-sonnet-4-5"), span(3, "gcp.gemini", "gemini-2.5-flash"),
         span(4, "openai", "llama", server__address="127.0.0.1", server__port=8080), span(5, "groq", "llama-3"),
         span(6, "openai", "x", server__address="evil'; touch owned; '"), span(7, "gcp.gemini", "m'; touch owned; '$(touch owned)")]
json.dump({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": calls}]}]}, open("in.json", "w"))
subprocess.run([lydite, "trace", "import", "in.json", "-q"], check=True)
def line(n):
    r = subprocess.run([lydite, "span", "show", "%016x" % (0xc0 + n), "--curl"], capture_output=True, text=True)
    if r.returncode: complain(n, r.stderr)
    fake = "curl() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' \"$@\"; }\n"
    env = dict(os.environ, OPENAI_API_KEY="ok1", ANTHROPIC_API_KEY="ak1", GEMINI_API_KEY="gk1", GROQ_API_KEY="qk1")
    out = subprocess.run(["sh", "-c", fake + r.stdout], capture_output=True, text=True, env=env)
    if out.returncode or out.stderr or os.path.exists("owned"): complain(n, "the shell does not take it:", out.stderr, r.stdout)
    args = json.loads(out.stdout)
    url = [a for a in args if "://" in a and not a.startswith("{")][0]
    heads = [args[i + 1].lower() for i, a in enumerate(args) if a == "-H"]
    return url, heads, json.loads(args[args.index("-d") + 1])
def expect(what, got, want):
    if got != want: complain("%s: %r, not %r" % (what, got, want))

url, heads, body = line(1)
expect("openai url", url, "https://api.openai.com/v1/chat/completions")
expect("openai key", "authorization: bearer ok1" in heads, True)
expect("openai model", body["model"], "gpt-4o")
expect("openai messages", body["messages"], [
    {"role": "system", "content": "be brief"}, {"role": "user", "content": nasty},
    {"role": "assistant", "content": "let me see", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": body["messages"][2]["tool_calls"][0]["function"]["arguments"]}},
        {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": body["messages"][2]["tool_calls"][1]["function"]["arguments"]}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "12 C"}, {"role": "tool", "tool_call_id": "c2", "content": "3 C"}])
expect("openai arguments", json.loads(body["messages"][2]["tool_calls"][0]["function"]["arguments"]), {"city": "K'yoto"})
expect("openai tools", body["tools"], [{"type": "function", "function": {"name": "weather", "description": "of a city", "parameters": tools[0]["parameters"]}}])
expect("openai settings", (body["temperature"], body["max_tokens"]), (0.25, 77))
url, heads, body = line(2)
expect("anthropic url", url, "https://api.anthropic.com/v1/messages")
expect("anthropic heads", ("x-api-key: ak1" in heads, "anthropic-version: 2023-06-01" in heads), (True, True))
expect("anthropic", (body["model"], body["system"], body["max_tokens"], body["temperature"]), ("claude-sonnet-4-5", "be brief", 77, 0.25))
expect("anthropic messages", body["messages"], [
    {"role": "user", "content": [{"type": "text", "text": nasty}]},
    {"role": "assistant", "content": [{"type": "text", "text": "let me see"}, {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "K'yoto"}},
                                      {"type": "tool_use", "id": "c2", "name": "weather", "input": {"city": "Wien"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "12 C"}, {"type": "tool_result", "tool_use_id": "c2", "content": "3 C"}]}])
expect("anthropic tools", body["tools"], [{"name": "weather", "description": "of a city", "input_schema": tools[0]["parameters"]}])
url, heads, body = line(3)
expect("gemini url", url, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent")
expect("gemini key", "x-goog-api-key: gk1" in heads, True)
expect("gemini roles", [c["role"] for c in body["contents"]], ["user", "model", "user"])
expect("gemini text", body["contents"][0]["parts"], [{"text": nasty}])
expect("gemini call", body["contents"][1]["parts"][1], {"functionCall": {"name": "weather", "args": {"city": "K'yoto"}}})
expect("gemini result", body["contents"][2]["parts"][0]["functionResponse"]["response"], {"result": "12 C"})
expect("gemini settings", body["generationConfig"], {"maxOutputTokens": 77, "temperature": 0.25})
expect("local url", line(4)[0], "http://127.0.0.1:8080/v1/chat/completions")
url, heads, body = line(5)
expect("groq", (url, "authorization: bearer qk1" in heads), ("https://api.groq.com/openai/v1/chat/completions", True))
expect("an address that is none", line(6)[0], "https://api.openai.com/v1/chat/completions")
expect("a model that is none", line(7)[0], "https://generativelanguage.googleapis.com/v1beta/models/MODEL:generateContent")
sys.exit(1 if bad else 0)
P
