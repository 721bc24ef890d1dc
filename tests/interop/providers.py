#!/usr/bin/env python3
"""A model provider that is not one: answers as OpenAI, Anthropic, Gemini, Bedrock, Cohere and Ollama do, by script.

Every answer's true usage goes to a ledger (JSON Lines), so that what a client's telemetry says can be
compared with what was really spent. Nothing here is random but the response ids, and those are counted.

    providers.py --port-file PORT --ledger LEDGER

Rules, the first that fits:
  * the last user text holds "FAIL"      -> the provider's own rate-limit error, nothing in the ledger
  * tools are offered and the history holds no tool result -> one call of the first tool; arguments are
    made from its schema. A tool named final_answer is only called after another one was.
  * a JSON schema is asked for           -> an object that fits it
  * otherwise                            -> one sentence
"""
import argparse
import base64
import binascii
import itertools
import json
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "Kyoto is mild in November."
THOUGHT = "The user wants the weather."
CACHED, WRITTEN, REASONING, VISIBLE = 40, 16, 8, 20
counter = itertools.count(1)
lock = threading.Lock()
ledger = None


def sample(schema, defs=None):
    """A value that fits a JSON schema, well enough for a client to accept it."""
    defs = defs or schema.get("$defs") or schema.get("definitions") or {}
    if "$ref" in schema:
        return sample(defs.get(schema["$ref"].split("/")[-1], {}), defs)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return sample(schema[key][0], defs)
    if schema.get("enum"):
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        return {k: sample(v, defs) for k, v in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [sample(schema.get("items") or {"type": "string"}, defs)]
    return {"integer": 3, "number": 3.5, "boolean": True}.get(kind, "Kyoto")


class Plan:
    """What to answer to a request, whatever its wire shape."""

    def __init__(self, provider, model, n_messages, tools, had_result, last_text, schema, stream):
        self.provider, self.model, self.stream = provider, model, stream
        self.fail = "FAIL" in (last_text or "")
        self.id = "r%06d" % next(counter)
        self.call = None
        names = [t[0] for t in tools]
        others = [t for t in tools if t[0] != "final_answer"]
        if not had_result and others:
            self.call = (others[0][0], sample(others[0][1] or {}))
        elif had_result and "final_answer" in names:
            self.call = ("final_answer", {"answer": ANSWER})
        self.text = "" if self.call else (json.dumps(sample(schema)) if schema else ANSWER)
        if "[[ ##" in (last_text or ""):
            self.text = "[[ ## reasoning ## ]]\nit is known\n\n[[ ## answer ## ]]\n%s\n\n[[ ## completed ## ]]" % ANSWER
        self.fresh = 60 + 10 * n_messages
        # Every second call reads the cache, and only some providers write it.
        self.cached = CACHED if n_messages % 2 else 0
        self.written = WRITTEN if provider in ("anthropic", "bedrock") else 0
        self.reasoning = REASONING if provider in ("openai", "gemini") else 0

    def book(self, embedding=False):
        line = {"provider": self.provider, "model": self.model, "id": self.id, "stream": self.stream,
                "in": self.fresh + self.cached + self.written, "cache_read": self.cached,
                "cache_write": self.written, "out": VISIBLE + self.reasoning,
                "reasoning": self.reasoning, "tool": self.call[0] if self.call else None,
                "embedding": embedding}
        if embedding:
            line.update({"in": self.fresh, "cache_read": 0, "out": 0, "reasoning": 0})
        with lock:
            ledger.write(json.dumps(line) + "\n")
            ledger.flush()


def text_of(content):
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(p.get("text", "") for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    return ""


# ---- OpenAI ---------------------------------------------------------------------------------------

def chat_plan(q):
    msgs = q.get("messages", [])
    tools = [(t["function"]["name"], t["function"].get("parameters")) for t in q.get("tools") or [] if t.get("type") == "function"]
    choice = q.get("tool_choice")
    had = any(m.get("role") in ("tool", "function", "tool-response") or "Observation:" in text_of(m.get("content"))
              for m in msgs)
    if isinstance(choice, dict) and choice.get("function"):
        tools = [t for t in tools if t[0] == choice["function"]["name"]]
    if choice == "none":
        tools = []
    fmt = q.get("response_format") or {}
    schema = fmt["json_schema"].get("schema") if fmt.get("type") == "json_schema" else None
    last = text_of(msgs[-1].get("content")) if msgs else ""
    return Plan("openai", q.get("model"), len(msgs), tools, had, last, schema, bool(q.get("stream")))


def chat_usage(p):
    return {"prompt_tokens": p.fresh + p.cached, "completion_tokens": VISIBLE + p.reasoning,
            "total_tokens": p.fresh + p.cached + VISIBLE + p.reasoning,
            "prompt_tokens_details": {"cached_tokens": p.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": p.reasoning, "audio_tokens": 0,
                                          "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}


def chat_message(p):
    m = {"role": "assistant", "content": None if p.call else p.text, "refusal": None}
    if p.call:
        m["tool_calls"] = [{"id": "call_" + p.id, "type": "function",
                            "function": {"name": p.call[0], "arguments": json.dumps(p.call[1])}}]
    return m


def chat(h, q):
    p = chat_plan(q)
    if p.fail:
        return h.fail_openai()
    p.book()
    base = {"id": "chatcmpl-" + p.id, "created": 1700000000, "model": p.model + "-2024-08-06", "service_tier": "default",
            "system_fingerprint": "fp_1"}
    finish = "tool_calls" if p.call else "stop"
    if not p.stream:
        return h.send_json({**base, "object": "chat.completion", "usage": chat_usage(p),
                            "choices": [{"index": 0, "finish_reason": finish, "logprobs": None,
                                         "message": chat_message(p)}]})
    h.start_sse()
    base["object"] = "chat.completion.chunk"

    def chunk(delta, finish=None):
        h.sse({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]})
    chunk({"role": "assistant", "content": "" if not p.call else None})
    if p.call:
        chunk({"tool_calls": [{"index": 0, **chat_message(p)["tool_calls"][0]}]})
    else:
        half = len(p.text) // 2
        chunk({"content": p.text[:half]})
        chunk({"content": p.text[half:]})
    chunk({}, finish)
    if (q.get("stream_options") or {}).get("include_usage") or str(p.model).startswith("mistral"):  # Mistral always does
        h.sse({**base, "choices": [], "usage": chat_usage(p)})
    h.sse_raw("[DONE]")


def responses(h, q):
    items = q.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    tools = [(t["name"], t.get("parameters")) for t in q.get("tools") or [] if t.get("type") == "function"]
    search = any(str(t.get("type", "")).startswith("web_search") for t in q.get("tools") or [])
    had = any(i.get("type") == "function_call_output" for i in items)
    fmt = ((q.get("text") or {}).get("format") or {})
    last = text_of(items[-1].get("content")) if items else ""
    p = Plan("openai", q.get("model"), len(items), tools, had, last, fmt.get("schema"), bool(q.get("stream")))
    if p.fail:
        return h.fail_openai()
    p.book()
    output = [{"type": "reasoning", "id": "rs_" + p.id, "summary": [{"type": "summary_text", "text": THOUGHT}]}]
    if search:
        output.append({"type": "web_search_call", "id": "ws_" + p.id, "status": "completed",
                       "action": {"type": "search", "query": "weather"}})
    if p.call:
        output.append({"type": "function_call", "id": "fc_" + p.id, "call_id": "call_" + p.id, "status": "completed",
                       "name": p.call[0], "arguments": json.dumps(p.call[1])})
    else:
        output.append({"type": "message", "id": "msg_" + p.id, "status": "completed", "role": "assistant",
                       "content": [{"type": "output_text", "text": p.text, "annotations": []}]})
    usage = {"input_tokens": p.fresh + p.cached, "input_tokens_details": {"cached_tokens": p.cached},
             "output_tokens": VISIBLE + p.reasoning, "output_tokens_details": {"reasoning_tokens": p.reasoning},
             "total_tokens": p.fresh + p.cached + VISIBLE + p.reasoning}
    whole = {"id": "resp_" + p.id, "object": "response", "created_at": 1700000000, "status": "completed", "error": None,
             "incomplete_details": None, "instructions": q.get("instructions"), "max_output_tokens": None,
             "model": p.model + "-2024-08-06", "output": output, "parallel_tool_calls": True, "previous_response_id": None,
             "reasoning": {"effort": None, "summary": None}, "service_tier": "default", "store": True, "temperature": 1.0,
             "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": q.get("tools") or [], "top_p": 1.0,
             "truncation": "disabled", "usage": usage, "user": None, "metadata": {}}
    if not p.stream:
        return h.send_json(whole)
    h.start_sse()
    seq = itertools.count()

    def event(_event, **body):
        h.sse({"type": _event, "sequence_number": next(seq), **body}, _event)
    event("response.created", response={**whole, "status": "in_progress", "output": [], "usage": None})
    for i, item in enumerate(output):
        event("response.output_item.added", output_index=i, item={**item, "content": []} if item["type"] == "message" else item)
        if item["type"] == "message":
            event("response.content_part.added", item_id=item["id"], output_index=i, content_index=0,
                  part={"type": "output_text", "text": "", "annotations": []})
            event("response.output_text.delta", item_id=item["id"], output_index=i, content_index=0, delta=p.text, logprobs=[])
            event("response.output_text.done", item_id=item["id"], output_index=i, content_index=0, text=p.text, logprobs=[])
            event("response.content_part.done", item_id=item["id"], output_index=i, content_index=0, part=item["content"][0])
        if item["type"] == "function_call":
            event("response.function_call_arguments.delta", item_id=item["id"], output_index=i, delta=item["arguments"])
            event("response.function_call_arguments.done", item_id=item["id"], output_index=i, arguments=item["arguments"],
                  name=item["name"])
        event("response.output_item.done", output_index=i, item=item)
    event("response.completed", response=whole)


def embeddings(h, q):
    texts = q.get("input")
    texts = texts if isinstance(texts, list) else [texts]
    p = Plan("openai", q.get("model"), 1, [], False, "", None, False)
    p.book(embedding=True)
    vector = [0.1] * 8
    value = base64.b64encode(struct.pack("<8f", *vector)).decode() if q.get("encoding_format") == "base64" else vector
    h.send_json({"object": "list", "model": p.model, "usage": {"prompt_tokens": p.fresh, "total_tokens": p.fresh},
                 "data": [{"object": "embedding", "index": i, "embedding": value} for i in range(len(texts))]})


# ---- Anthropic ------------------------------------------------------------------------------------

def messages(h, q):
    msgs = q.get("messages", [])
    tools = [(t["name"], t.get("input_schema")) for t in q.get("tools") or [] if "input_schema" in t]
    had = any(isinstance(m.get("content"), list) and any(b.get("type") == "tool_result" for b in m["content"]) for m in msgs)
    p = Plan("anthropic", q.get("model"), len(msgs), tools, had, text_of(msgs[-1].get("content")), None, bool(q.get("stream")))
    if p.fail:
        return h.send_json({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}, 429)
    p.book()
    usage = {"input_tokens": p.fresh, "cache_creation_input_tokens": p.written, "cache_read_input_tokens": p.cached,
             "cache_creation": {"ephemeral_5m_input_tokens": p.written, "ephemeral_1h_input_tokens": 0},
             "output_tokens": VISIBLE, "service_tier": "standard"}
    block = {"type": "text", "text": p.text, "citations": None}
    if p.call:
        block = {"type": "tool_use", "id": "toolu_" + p.id, "name": p.call[0], "input": p.call[1]}
    stop = "tool_use" if p.call else "end_turn"
    whole = {"id": "msg_" + p.id, "type": "message", "role": "assistant", "model": p.model, "content": [block],
             "stop_reason": stop, "stop_sequence": None, "usage": usage}
    if not p.stream:
        return h.send_json(whole)
    h.start_sse()

    def event(_event, **body):
        h.sse({"type": _event, **body}, _event)
    event("message_start", message={**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}})
    empty = {**block, "input": {}} if p.call else {**block, "text": ""}
    event("content_block_start", index=0, content_block=empty)
    if p.call:
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": json.dumps(p.call[1])})
    else:
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": p.text})
    event("content_block_stop", index=0)
    event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": VISIBLE})
    event("message_stop")


# ---- Gemini ---------------------------------------------------------------------------------------

def gemini(h, q, model, stream):
    contents = q.get("contents", [])
    tools = []
    for group in q.get("tools") or []:
        for t in group.get("functionDeclarations") or []:
            tools.append((t["name"], t.get("parameters") or t.get("parametersJsonSchema")))
    parts = [part for c in contents for part in c.get("parts", [])]
    had = any("functionResponse" in part for part in parts)
    config = q.get("generationConfig") or {}
    p = Plan("gemini", model, len(contents), tools, had, text_of(parts[-1:]), config.get("responseSchema") or config.get("responseJsonSchema"), stream)
    if p.fail:
        return h.send_json({"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}, 429)
    p.book()
    usage = {"promptTokenCount": p.fresh + p.cached, "candidatesTokenCount": VISIBLE, "thoughtsTokenCount": p.reasoning,
             "totalTokenCount": p.fresh + p.cached + VISIBLE + p.reasoning}
    if p.cached:
        usage["cachedContentTokenCount"] = p.cached
    part = {"functionCall": {"id": "call_" + p.id, "name": p.call[0], "args": p.call[1]}} if p.call else {"text": p.text}
    whole = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
             "usageMetadata": usage, "modelVersion": model, "responseId": p.id}
    if not stream:
        return h.send_json(whole)
    h.start_sse()
    h.sse(whole)


def gemini_embed(h, q, model):
    requests = q.get("requests") or [q]
    # Gemini says no token count of an embedding, so nothing is booked.
    h.send_json({"embeddings": [{"values": [0.1] * 8} for _ in requests]})


# ---- Bedrock --------------------------------------------------------------------------------------

def frame(name, body):
    """One message of application/vnd.amazon.eventstream."""
    payload = json.dumps(body).encode()
    headers = b""
    for key, value in ((":event-type", name), (":content-type", "application/json"), (":message-type", "event")):
        headers += struct.pack("!B", len(key)) + key.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack("!I", binascii.crc32(prelude))
    message = prelude + headers + payload
    return message + struct.pack("!I", binascii.crc32(message))


def converse(h, q, model, stream):
    msgs = q.get("messages", [])
    tools = [(t["toolSpec"]["name"], t["toolSpec"]["inputSchema"].get("json")) for t in (q.get("toolConfig") or {}).get("tools", [])
             if "toolSpec" in t]
    had = any("toolResult" in b for m in msgs for b in m.get("content", []))
    p = Plan("bedrock", model, len(msgs), tools, had, text_of(msgs[-1].get("content")), None, stream)
    if p.fail:
        return h.send_json({"message": "slow down"}, 429, {"x-amzn-ErrorType": "ThrottlingException"})
    p.book()
    usage = {"inputTokens": p.fresh, "outputTokens": VISIBLE, "totalTokens": p.fresh + p.cached + p.written + VISIBLE,
             "cacheReadInputTokens": p.cached, "cacheWriteInputTokens": p.written}
    block = {"toolUse": {"toolUseId": "tooluse_" + p.id, "name": p.call[0], "input": p.call[1]}} if p.call else {"text": p.text}
    stop = "tool_use" if p.call else "end_turn"
    if not stream:
        return h.send_json({"output": {"message": {"role": "assistant", "content": [block]}}, "stopReason": stop,
                            "usage": usage, "metrics": {"latencyMs": 5}})
    h.send_response(200)
    h.send_header("Content-Type", "application/vnd.amazon.eventstream")
    h.end_headers()
    out = frame("messageStart", {"role": "assistant"})
    if p.call:
        out += frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "tooluse_" + p.id, "name": p.call[0]}}})
        out += frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": json.dumps(p.call[1])}}})
    else:
        out += frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": p.text}})
    out += frame("contentBlockStop", {"contentBlockIndex": 0}) + frame("messageStop", {"stopReason": stop})
    out += frame("metadata", {"usage": usage, "metrics": {"latencyMs": 5}})
    h.wfile.write(out)
    h.close_connection = True


# ---- Cohere, Ollama -------------------------------------------------------------------------------

def cohere(h, q):
    """Version 2 of its chat: what is billed and what was used are two counts, the billed ones are booked."""
    msgs = q.get("messages", [])
    tools = [(t["function"]["name"], t["function"].get("parameters")) for t in q.get("tools") or []]
    had = any(m.get("role") == "tool" for m in msgs)
    p = Plan("cohere", q.get("model"), len(msgs), tools, had, text_of(msgs[-1].get("content")), None, bool(q.get("stream")))
    if p.fail:
        return h.send_json({"message": "slow down"}, 429)
    p.cached = 0
    p.book()
    usage = {"billed_units": {"input_tokens": p.fresh, "output_tokens": VISIBLE},
             "tokens": {"input_tokens": p.fresh + 500, "output_tokens": VISIBLE + 4}}
    message = {"role": "assistant", "content": [{"type": "text", "text": p.text}]}
    if p.call:
        message = {"role": "assistant", "tool_plan": "I look it up.", "tool_calls": [
            {"id": "call_" + p.id, "type": "function", "function": {"name": p.call[0], "arguments": json.dumps(p.call[1])}}]}
    finish = "TOOL_CALL" if p.call else "COMPLETE"
    if not p.stream:
        return h.send_json({"id": p.id, "finish_reason": finish, "message": message, "usage": usage})
    h.start_sse()
    for name, body in (("message-start", {"id": p.id, "delta": {"message": {"role": "assistant"}}}),
                       ("content-start", {"index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
                       ("content-delta", {"index": 0, "delta": {"message": {"content": {"text": p.text}}}}),
                       ("content-end", {"index": 0}),
                       ("message-end", {"id": p.id, "delta": {"finish_reason": finish, "usage": usage}})):
        h.sse({"type": name, **body}, name)


def cohere_embed(h, q):
    p = Plan("cohere", q.get("model"), 1, [], False, "", None, False)
    p.book(embedding=True)
    texts = q.get("texts") or [""]
    h.send_json({"id": p.id, "embeddings": {"float": [[0.1] * 8 for _ in texts]}, "texts": texts,
                 "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": p.fresh}}})


def cohere_rerank(h, q):
    # Charged by the search, not by tokens: nothing is booked.
    h.send_json({"id": "r", "results": [{"index": i, "relevance_score": 0.9 - i / 10} for i in range(len(q.get("documents", [])))],
                 "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}})


def ollama(h, q, chat_form):
    msgs = q.get("messages") or [{"role": "user", "content": q.get("prompt", "")}]
    tools = [(t["function"]["name"], t["function"].get("parameters")) for t in q.get("tools") or []]
    had = any(m.get("role") == "tool" for m in msgs)
    p = Plan("ollama", q.get("model"), len(msgs), tools, had, text_of(msgs[-1].get("content")), None, q.get("stream", True))
    if p.fail:
        return h.send_json({"error": "slow down"}, 429)
    p.cached = 0
    p.book()
    done = {"done": True, "done_reason": "stop", "total_duration": 5000000, "load_duration": 1000, "prompt_eval_count": p.fresh,
            "prompt_eval_duration": 1000, "eval_count": VISIBLE, "eval_duration": 4000000}
    base = {"model": p.model, "created_at": "2026-11-01T10:00:00Z"}
    message = {"role": "assistant", "content": p.text}
    if p.call:
        message["tool_calls"] = [{"function": {"name": p.call[0], "arguments": p.call[1]}}]

    def said(m):
        return {"message": m} if chat_form else {"response": m["content"]}
    if not p.stream:
        return h.send_json({**base, **said(message), **done})
    h.send_response(200)
    h.send_header("Content-Type", "application/x-ndjson")
    h.send_header("Connection", "close")
    h.end_headers()
    h.close_connection = True
    for body in ({**base, **said(message), "done": False}, {**base, **said({"role": "assistant", "content": ""}), **done}):
        h.wfile.write(json.dumps(body).encode() + b"\n")


def ollama_embed(h, q):
    p = Plan("ollama", q.get("model"), 1, [], False, "", None, False)
    p.book(embedding=True)
    h.send_json({"model": p.model, "embeddings": [[0.1] * 8], "prompt_eval_count": p.fresh, "total_duration": 5})


# ---- the server -----------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send_json(self, body, status=200, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def fail_openai(self):
        self.send_json({"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded",
                                  "param": None}}, 429)

    def start_sse(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def sse(self, body, event=None):
        if event:
            self.wfile.write(("event: %s\n" % event).encode())
        self.sse_raw(json.dumps(body))

    def sse_raw(self, text):
        self.wfile.write(("data: %s\n\n" % text).encode())
        self.wfile.flush()

    def do_GET(self):
        self.send_json({"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]})

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                data += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_POST(self):
        try:
            q = json.loads(self.body() or b"{}")
            path = self.path.split("?")[0]
            if path.endswith("/chat/completions"):
                chat(self, q)
            elif path.endswith("/responses"):
                responses(self, q)
            elif path.endswith("/embeddings"):
                embeddings(self, q)
            elif path.endswith("/messages"):
                messages(self, q)
            elif path.endswith(":generateContent"):
                gemini(self, q, path.split("/")[-1].split(":")[0], False)
            elif path.endswith(":streamGenerateContent"):
                gemini(self, q, path.split("/")[-1].split(":")[0], True)
            elif path.endswith(":batchEmbedContents") or path.endswith(":embedContent"):
                gemini_embed(self, q, path.split("/")[-1].split(":")[0])
            elif path.endswith("/v2/chat"):
                cohere(self, q)
            elif path.endswith("/v2/embed"):
                cohere_embed(self, q)
            elif path.endswith("/rerank"):
                cohere_rerank(self, q)
            elif path.endswith("/api/chat") or path.endswith("/api/generate"):
                ollama(self, q, path.endswith("chat"))
            elif path.endswith("/api/embed"):
                ollama_embed(self, q)
            elif path.endswith("/converse"):
                converse(self, q, path.split("/")[-2], False)
            elif path.endswith("/converse-stream"):
                converse(self, q, path.split("/")[-2], True)
            else:
                self.send_json({"error": {"message": "no such path: " + path}}, 404)
        except BrokenPipeError:
            pass


def main():
    global ledger
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--ledger", required=True)
    args = parser.parse_args()
    ledger = open(args.ledger, "a")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with open(args.port_file + ".new", "w") as f:
        f.write("%d\n" % server.server_address[1])
    import os
    os.rename(args.port_file + ".new", args.port_file)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
