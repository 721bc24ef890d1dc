/* Names, paths, stop reasons and usage of the provider shapes (shape.h). Tables: judges-and-
 * statistics.md §3, usage semantics §3.0. */
#include "genai/shape_i.h"

const char *ly_shape_name(ly_shape shape)
{
    static const char *const names[] = {
#define LY_SHAPE_NAME(id, name) [id] = name,
        LY_SHAPE_LIST(LY_SHAPE_NAME)
#undef LY_SHAPE_NAME
    };
    return (unsigned)shape < LY_SHAPE__COUNT ? names[shape] : "unknown";
}

bool ly_shape_detect(ly_str host, ly_str path, ly_shape *ret_shape, ly_str *ret_model)
{
    size_t query = ly_str_find_char(path, '?', 0);
    ly_str p = ly_str_sub(path, 0, query == SIZE_MAX ? path.len : query);
    while (p.len > 1 && p.ptr[p.len - 1] == '/') {
        p.len--;
    }
    *ret_model = LY_STR_NONE;
    if (ly_str_ends(p, LY_S("/chat/completions"))) {
        *ret_shape = LY_SHAPE_OPENAI_CHAT;
        return true;
    }
    if (ly_str_ends(p, LY_S("/embeddings"))) {
        *ret_shape = LY_SHAPE_OPENAI_CHAT;
        return true;
    }
    if (ly_str_ends(p, LY_S("/responses"))) {
        *ret_shape = LY_SHAPE_OPENAI_RESPONSES;
        return true;
    }
    if (ly_str_ends(p, LY_S("/v1/messages")) ||
        (ly_str_ends(host, LY_S("anthropic.com")) && ly_str_ends(p, LY_S("/messages")))) {
        *ret_shape = LY_SHAPE_ANTHROPIC;
        return true;
    }
    if (ly_str_starts(p, LY_S("/model/")) && ly_str_ends(p, LY_S("/converse"))) {
        *ret_model = ly_str_sub(p, 7, p.len - 7 - 9);
        *ret_shape = LY_SHAPE_BEDROCK;
        return true;
    }
    if (ly_str_ends(p, LY_S("/api/chat"))) {
        *ret_shape = LY_SHAPE_OLLAMA;
        return true;
    }
    size_t at = ly_str_find(p, LY_S("/models/"), 0);
    if (at != SIZE_MAX) {
        ly_str rest = ly_str_sub(p, at + 8, SIZE_MAX), method = rest;
        size_t colon = ly_str_find_char(rest, ':', 0);
        if (colon != SIZE_MAX) {
            method = ly_str_sub(rest, colon + 1, SIZE_MAX);
            if (ly_str_eqc(method, "generateContent") ||
                ly_str_eqc(method, "streamGenerateContent")) {
                *ret_model = ly_str_sub(rest, 0, colon);
                *ret_shape = LY_SHAPE_GEMINI;
                return true;
            }
        }
    }
    return false;
}

static void path_segment(ly_str text, ly_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            ly_buf_char(out, (char)c);
        } else {
            ly_buf_fmt(out, "%%%02X", c);
        }
    }
}

void ly_shape_write_path(ly_shape shape, const ly_shape_request *req, ly_buf *out)
{
    switch (shape) {
    case LY_SHAPE_OPENAI_CHAT:
        ly_buf_c(out, "/chat/completions");
        return;
    case LY_SHAPE_OPENAI_RESPONSES:
        ly_buf_c(out, "/responses");
        return;
    case LY_SHAPE_ANTHROPIC:
        ly_buf_c(out, "/messages");
        return;
    case LY_SHAPE_OLLAMA:
        ly_buf_c(out, "/api/chat");
        return;
    case LY_SHAPE_BEDROCK:
        ly_buf_c(out, "/model/");
        path_segment(req->model, out);
        ly_buf_c(out, "/converse");
        return;
    case LY_SHAPE_GEMINI:
        ly_buf_c(out, "/models/");
        path_segment(req->model, out);
        ly_buf_c(out, req->stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
        return;
    case LY_SHAPE__COUNT:
        return;
    }
}

typedef struct word_map {
    const char *raw, *ours;
} word_map;

ly_str ly_shape_finish(ly_shape shape, ly_str raw)
{
    static const word_map words[] = {
        {"stop", "stop"},
        {"end_turn", "stop"},
        {"stop_sequence", "stop"},
        {"STOP", "stop"},
        {"completed", "stop"},
        {"pause_turn", "stop"},
        {"length", "length"},
        {"max_tokens", "length"},
        {"MAX_TOKENS", "length"},
        {"max_output_tokens", "length"},
        {"model_length", "length"},
        {"tool_calls", "tool_call"},
        {"function_call", "tool_call"},
        {"tool_use", "tool_call"},
        {"content_filter", "content_filter"},
        {"content_filtered", "content_filter"},
        {"guardrail_intervened", "content_filter"},
        {"malformed_model_output", "error"},
        {"malformed_tool_use", "error"},
        {"SAFETY", "content_filter"},
        {"RECITATION", "content_filter"},
        {"BLOCKLIST", "content_filter"},
        {"PROHIBITED_CONTENT", "content_filter"},
        {"SPII", "content_filter"},
        {"refusal", "refusal"},
        {"model_context_window_exceeded", "context"},
        {"error", "error"},
        {"failed", "error"},
        {"cancelled", "error"},
        {"MALFORMED_FUNCTION_CALL", "error"},
    };
    (void)shape;
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        if (ly_str_eqc(raw, words[i].raw)) {
            return ly_str_c(words[i].ours);
        }
    }
    return raw;
}

/* A count that is there and sane replaces *slot. */
static void take(const ly_json *node, const char *key, int64_t *slot)
{
    int64_t v;
    if (ly_json_i64(ly_json_get(node, key), &v) && v >= 0 && v <= 1000000000) {
        *slot = v;
    }
}

static void usage_openai(const ly_json *n, ly_shape_usage *u)
{
    take(n, "prompt_tokens", &u->in);
    take(n, "completion_tokens", &u->out);
    take(n, "input_tokens", &u->in);
    take(n, "output_tokens", &u->out);
    take(n, "total_tokens", &u->total);
    static const char *const in_details[] = {"prompt_tokens_details", "input_tokens_details"};
    static const char *const out_details[] = {"completion_tokens_details", "output_tokens_details"};
    for (size_t i = 0; i < 2; i++) {
        const ly_json *in = ly_json_get(n, in_details[i]), *out = ly_json_get(n, out_details[i]);
        take(in, "cached_tokens", &u->cache_read);
        take(in, "cache_write_tokens", &u->cache_write);
        take(in, "audio_tokens", &u->in_audio);
        take(out, "reasoning_tokens", &u->reasoning);
        take(out, "audio_tokens", &u->out_audio);
    }
}

static void usage_anthropic(const ly_json *n, ly_shape_usage *u)
{
    take(n, "input_tokens", &u->in);
    take(n, "output_tokens", &u->out);
    take(n, "cache_read_input_tokens", &u->cache_read);
    take(n, "cache_creation_input_tokens", &u->cache_write);
    take(ly_json_get(n, "cache_creation"), "ephemeral_1h_input_tokens", &u->cache_write_1h);
    take(ly_json_get(n, "output_tokens_details"), "thinking_tokens", &u->reasoning);
}

static void usage_gemini(const ly_json *n, ly_shape_usage *u)
{
    take(n, "promptTokenCount", &u->in);
    take(n, "candidatesTokenCount", &u->out);
    take(n, "cachedContentTokenCount", &u->cache_read);
    take(n, "thoughtsTokenCount", &u->reasoning);
    take(n, "toolUsePromptTokenCount", &u->tool_in);
    take(n, "totalTokenCount", &u->total);
}

static void usage_ollama(const ly_json *n, ly_shape_usage *u)
{
    take(n, "prompt_eval_count", &u->in);
    take(n, "eval_count", &u->out);
}

static void usage_bedrock(const ly_json *n, ly_shape_usage *u)
{
    take(n, "inputTokens", &u->in);
    take(n, "outputTokens", &u->out);
    take(n, "totalTokens", &u->total);
    take(n, "cacheReadInputTokens", &u->cache_read);
    take(n, "cacheWriteInputTokens", &u->cache_write);
}

void ly_shape_usage_read(ly_shape shape, const ly_json *node, ly_shape_usage *usage)
{
    switch (shape) {
    case LY_SHAPE_OPENAI_CHAT:
    case LY_SHAPE_OPENAI_RESPONSES:
        usage_openai(node, usage);
        return;
    case LY_SHAPE_ANTHROPIC:
        usage_anthropic(node, usage);
        return;
    case LY_SHAPE_GEMINI:
        usage_gemini(node, usage);
        return;
    case LY_SHAPE_OLLAMA:
        usage_ollama(node, usage);
        return;
    case LY_SHAPE_BEDROCK:
        usage_bedrock(node, usage);
        return;
    case LY_SHAPE__COUNT:
        return;
    }
}

const ly_json *ly_shape_usage_node(ly_shape shape, const ly_json *reply)
{
    const ly_json *node = NULL;
    switch (shape) {
    case LY_SHAPE_GEMINI:
        node = ly_json_get(reply, "usageMetadata");
        break;
    case LY_SHAPE_OLLAMA:
        node = ly_json_get(reply, "eval_count") ? reply : NULL;
        break;
    case LY_SHAPE_OPENAI_CHAT:
    case LY_SHAPE_OPENAI_RESPONSES:
    case LY_SHAPE_ANTHROPIC:
    case LY_SHAPE_BEDROCK:
    case LY_SHAPE__COUNT:
        node = ly_json_get(reply, "usage");
        break;
    }
    return ly_json_is(node, LY_JSON_OBJECT) ? node : NULL;
}

void ly_shape_cost_read(const ly_json *usage, ly_shape_reply *reply)
{
    const ly_json *cost = ly_json_get(usage, "cost");
    double usd = 0;
    cost = ly_json_is(cost, LY_JSON_OBJECT) ? ly_json_get(cost, "total_cost") : cost;
    if (ly_json_double(cost, &usd) && usd >= 0) {
        reply->cost_said = true;
        reply->cost = usd;
    }
}

static int64_t or0(int64_t v)
{
    return v == LY_UNKNOWN ? 0 : v;
}

static void input_buckets(bool inclusive, const ly_shape_usage *u, ly_tokens *t, unsigned *mode)
{
    int64_t cached = or0(u->cache_read) + or0(u->cache_write);
    if (u->in == LY_UNKNOWN) {
        return;
    }
    bool sums_apart = cached > 0 && u->total != LY_UNKNOWN && u->out != LY_UNKNOWN &&
                      u->total == u->in + cached + u->out;
    if (inclusive && (cached > u->in || sums_apart)) {
        inclusive = false; /* the numbers contradict the table, as some gateways' do */
        *mode |= LY_USAGE_BY_EVIDENCE;
    }
    *mode |= inclusive ? LY_USAGE_IN_INCLUSIVE : LY_USAGE_IN_EXCLUSIVE;
    t->in_fresh = (inclusive ? u->in - cached : u->in) + or0(u->tool_in);
}

static void output_buckets(bool inclusive, const ly_shape_usage *u, ly_tokens *t, unsigned *mode)
{
    int64_t k = or0(u->reasoning);
    if (u->out == LY_UNKNOWN) {
        t->out_reasoning = u->reasoning;
        return;
    }
    if (inclusive && k > u->out) {
        inclusive = false;
        *mode |= LY_USAGE_BY_EVIDENCE;
    }
    *mode |= inclusive ? LY_USAGE_OUT_INCLUSIVE : LY_USAGE_OUT_EXCLUSIVE;
    t->out_visible = inclusive ? u->out - k : u->out;
    t->out_reasoning = u->reasoning;
}

void ly_shape_usage_buckets(ly_shape shape, const ly_shape_usage *usage, ly_tokens *ret_tokens,
                            unsigned *ret_mode)
{
    ly_tokens t = LY_TOKENS_UNKNOWN;
    unsigned mode = 0;
    t.cache_read = usage->cache_read;
    t.cache_write = usage->cache_write;
    t.cache_write_1h = usage->cache_write_1h;
    t.in_audio = usage->in_audio;
    t.out_audio = usage->out_audio;
    input_buckets(shape != LY_SHAPE_ANTHROPIC && shape != LY_SHAPE_BEDROCK, usage, &t, &mode);
    output_buckets(shape != LY_SHAPE_GEMINI, usage, &t, &mode);
    if (usage->in == LY_UNKNOWN && usage->out == LY_UNKNOWN && usage->total != LY_UNKNOWN) {
        t.unattributed = usage->total;
    }
    *ret_tokens = t;
    *ret_mode = mode;
}
