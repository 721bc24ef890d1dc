/* Whole replies of providers (shape.h). */
#include "base/limits.h"
#include "genai/shape_i.h"

/* Text that arrives in pieces, joined in the arena. */
typedef struct joined {
    ly_arena *arena;
    ly_str text;
    bool failed;
} joined;

static void join(joined *j, ly_str piece)
{
    if (piece.len == 0 || j->failed) {
        return;
    }
    char *both = ly_arena_alloc(j->arena, j->text.len + piece.len + 1, 1);
    if (both) {
        if (j->text.len) {
            memcpy(both, j->text.ptr, j->text.len);
        }
        memcpy(both + j->text.len, piece.ptr, piece.len);
        both[j->text.len + piece.len] = '\0';
    }
    j->text = both ? ly_str_n(both, j->text.len + piece.len) : LY_STR_NONE;
    j->failed = j->text.ptr == NULL;
}

typedef struct reading {
    ly_arena *arena;
    ly_shape_reply *reply;
    joined text, reasoning, refusal;
    ly_shape_call *calls;
    size_t n_calls, room;
    bool failed;
} reading;

static void add_call(reading *r, ly_str id, ly_str name, ly_str arguments)
{
    if (r->n_calls == r->room) {
        size_t room = r->room ? r->room * 2 : 4;
        ly_shape_call *more = LY_ARENA_ARRAY(r->arena, ly_shape_call, room);
        if (!more) {
            r->failed = true;
            return;
        }
        if (r->n_calls) {
            memcpy(more, r->calls, r->n_calls * sizeof *more);
        }
        r->calls = more;
        r->room = room;
    }
    r->calls[r->n_calls++] = (ly_shape_call){id, name, arguments};
}

/* A content that is a string or an array of {"type":"text","text":...}. */
static void openai_content(reading *r, const ly_json *content)
{
    join(&r->text, ly_json_str(content));
    for (size_t i = 0; ly_json_is(content, LY_JSON_ARRAY) && i < ly_json_count(content); i++) {
        const ly_json *part = ly_json_at(content, i);
        ly_str type = ly_json_str(ly_json_get(part, "type"));
        if (ly_str_eqc(type, "refusal")) {
            join(&r->refusal, ly_json_str(ly_json_get(part, "refusal")));
        } else if (ly_str_eqc(type, "text") || ly_str_eqc(type, "output_text")) {
            join(&r->text, ly_json_str(ly_json_get(part, "text")));
        }
    }
}

static void read_openai_chat(reading *r, const ly_json *doc)
{
    const ly_json *choice = ly_json_at(ly_json_get(doc, "choices"), 0);
    const ly_json *msg = ly_json_get(choice, "message");
    r->reply->finish_raw = ly_json_str(ly_json_get(choice, "finish_reason"));
    openai_content(r, ly_json_get(msg, "content"));
    join(&r->refusal, ly_json_str(ly_json_get(msg, "refusal")));
    /* Two names of one text; some servers send both. */
    const ly_str thought = ly_json_str(ly_json_get(msg, "reasoning_content"));
    join(&r->reasoning, thought.len ? thought : ly_json_str(ly_json_get(msg, "reasoning")));
    const ly_json *calls = ly_json_get(msg, "tool_calls");
    for (size_t i = 0; i < ly_json_count(calls); i++) {
        const ly_json *call = ly_json_at(calls, i), *fn = ly_json_get(call, "function");
        add_call(r, ly_json_str(ly_json_get(call, "id")), ly_json_str(ly_json_get(fn, "name")),
                 ly_json_str(ly_json_get(fn, "arguments")));
    }
}

static void read_openai_responses(reading *r, const ly_json *doc)
{
    const ly_json *output = ly_json_get(doc, "output");
    for (size_t i = 0; i < ly_json_count(output); i++) {
        const ly_json *item = ly_json_at(output, i);
        ly_str type = ly_json_str(ly_json_get(item, "type"));
        if (ly_str_eqc(type, "message")) {
            openai_content(r, ly_json_get(item, "content"));
        } else if (ly_str_eqc(type, "function_call")) {
            add_call(r, ly_json_str(ly_json_get(item, "call_id")),
                     ly_json_str(ly_json_get(item, "name")),
                     ly_json_str(ly_json_get(item, "arguments")));
        } else if (ly_str_eqc(type, "reasoning")) {
            const ly_json *summary = ly_json_get(item, "summary");
            for (size_t k = 0; k < ly_json_count(summary); k++) {
                join(&r->reasoning, ly_json_str(ly_json_path(ly_json_at(summary, k), "text")));
            }
        }
    }
    ly_str status = ly_json_str(ly_json_get(doc, "status"));
    ly_str why = ly_json_str(ly_json_path(doc, "incomplete_details.reason"));
    r->reply->finish_raw = why.len ? why : status;
    if (r->n_calls && ly_str_eqc(status, "completed")) {
        r->reply->finish_raw = LY_S("tool_calls");
    }
}

static void read_anthropic(reading *r, const ly_json *doc)
{
    const ly_json *content = ly_json_get(doc, "content");
    for (size_t i = 0; i < ly_json_count(content); i++) {
        const ly_json *block = ly_json_at(content, i);
        ly_str type = ly_json_str(ly_json_get(block, "type"));
        if (ly_str_eqc(type, "text")) {
            join(&r->text, ly_json_str(ly_json_get(block, "text")));
        } else if (ly_str_eqc(type, "thinking")) {
            join(&r->reasoning, ly_json_str(ly_json_get(block, "thinking")));
        } else if (ly_str_eqc(type, "tool_use")) {
            const ly_json *input = ly_json_get(block, "input");
            add_call(r, ly_json_str(ly_json_get(block, "id")),
                     ly_json_str(ly_json_get(block, "name")), input ? input->raw : LY_S("{}"));
        }
    }
    r->reply->finish_raw = ly_json_str(ly_json_get(doc, "stop_reason"));
    if (ly_str_eqc(r->reply->finish_raw, "refusal")) {
        ly_str why = ly_json_str(ly_json_path(doc, "stop_details.explanation"));
        join(&r->refusal, why.len ? why : LY_S("the model declined"));
    }
}

static void read_bedrock(reading *r, const ly_json *doc)
{
    const ly_json *content = ly_json_path(doc, "output.message.content");
    for (size_t i = 0; i < ly_json_count(content); i++) {
        const ly_json *block = ly_json_at(content, i), *tool = ly_json_get(block, "toolUse");
        join(&r->text, ly_json_str(ly_json_get(block, "text")));
        join(&r->reasoning,
             ly_json_str(ly_json_path(block, "reasoningContent.reasoningText.text")));
        if (tool) {
            const ly_json *input = ly_json_get(tool, "input");
            add_call(r, ly_json_str(ly_json_get(tool, "toolUseId")),
                     ly_json_str(ly_json_get(tool, "name")), input ? input->raw : LY_S("{}"));
        }
    }
    r->reply->finish_raw = ly_json_str(ly_json_get(doc, "stopReason"));
}

static void read_gemini(reading *r, const ly_json *doc)
{
    const ly_json *candidate = ly_json_at(ly_json_get(doc, "candidates"), 0);
    const ly_json *parts = ly_json_path(candidate, "content.parts");
    for (size_t i = 0; i < ly_json_count(parts); i++) {
        const ly_json *part = ly_json_at(parts, i), *call = ly_json_get(part, "functionCall");
        bool thought = false;
        (void)ly_json_bool(ly_json_get(part, "thought"), &thought);
        join(thought ? &r->reasoning : &r->text, ly_json_str(ly_json_get(part, "text")));
        if (call) {
            const ly_json *args = ly_json_get(call, "args");
            add_call(r, ly_json_str(ly_json_get(call, "id")),
                     ly_json_str(ly_json_get(call, "name")), args ? args->raw : LY_S("{}"));
        }
    }
    r->reply->finish_raw = ly_json_str(ly_json_get(candidate, "finishReason"));
    ly_str blocked = ly_json_str(ly_json_path(doc, "promptFeedback.blockReason"));
    if (!candidate && blocked.len) {
        r->reply->finish_raw = LY_S("SAFETY");
        join(&r->refusal, blocked);
    }
}

static void read_ollama(reading *r, const ly_json *doc)
{
    const ly_json *msg = ly_json_get(doc, "message"), *calls = ly_json_get(msg, "tool_calls");
    join(&r->text, ly_json_str(ly_json_get(msg, "content")));
    join(&r->reasoning, ly_json_str(ly_json_get(msg, "thinking")));
    for (size_t i = 0; i < ly_json_count(calls); i++) {
        const ly_json *fn = ly_json_get(ly_json_at(calls, i), "function");
        const ly_json *args = ly_json_get(fn, "arguments");
        add_call(r, LY_STR_NONE, ly_json_str(ly_json_get(fn, "name")),
                 args ? args->raw : LY_S("{}"));
    }
    r->reply->finish_raw = ly_json_str(ly_json_get(doc, "done_reason"));
}

bool ly_shape_error(ly_shape shape, const ly_json *node, ly_shape_reply *reply)
{
    const ly_json *error = ly_json_get(node, "error");
    if (ly_json_is(error, LY_JSON_STRING)) {
        reply->error_message = ly_json_str(error);
        return true;
    }
    if (shape == LY_SHAPE_BEDROCK && !ly_json_get(node, "output")) {
        const ly_json *message = ly_json_get(node, "message");
        message = message ? message : ly_json_get(node, "Message");
        reply->error_type = ly_json_str(ly_json_get(node, "__type"));
        reply->error_message = message ? ly_json_str(message) : LY_S("the provider gave no text");
        return true;
    }
    if (!ly_json_is(error, LY_JSON_OBJECT)) {
        return false;
    }
    reply->error_message = ly_json_str(ly_json_get(error, "message"));
    ly_str type = ly_json_str(ly_json_get(error, "type"));
    reply->error_type = type.len ? type : ly_json_str(ly_json_get(error, "status"));
    const ly_json *code = ly_json_get(error, "code");
    reply->error_code = ly_json_is(code, LY_JSON_STRING) ? ly_json_str(code)
                        : ly_json_is(code, LY_JSON_INT)  ? code->raw
                                                         : LY_STR_NONE;
    if (reply->error_message.len == 0) {
        reply->error_message = LY_S("the provider gave no text");
    }
    return true;
}

static void read_common(ly_shape shape, const ly_json *doc, ly_shape_reply *reply)
{
    ly_str model = ly_json_str(ly_json_get(doc, "model"));
    ly_str id = ly_json_str(ly_json_get(doc, "id"));
    reply->model = model.len ? model : ly_json_str(ly_json_get(doc, "modelVersion"));
    reply->id = id.len ? id : ly_json_str(ly_json_get(doc, "responseId"));
    reply->fingerprint = ly_json_str(ly_json_get(doc, "system_fingerprint"));
    reply->service_tier = ly_json_str(ly_json_get(doc, "service_tier"));
    const ly_json *usage = ly_shape_usage_node(shape, doc);
    if (usage) {
        ly_shape_usage u = LY_SHAPE_USAGE_NONE;
        ly_shape_usage_read(shape, usage, &u);
        ly_shape_usage_buckets(shape, &u, &reply->tokens, &reply->usage_mode);
        ly_shape_cost_read(usage, reply);
    }
}

ly_status ly_shape_read_reply(ly_shape shape, ly_str body, ly_arena *arena,
                              ly_shape_reply *ret_reply, ly_err *err)
{
    /* A copy: strings without escapes are views of the text, and the body dies with the connection. */
    ly_str text = ly_arena_copy(arena, body);
    if (!text.ptr) {
        return LY_NOMEM(err);
    }
    ly_json *doc = NULL;
    ly_status status = ly_json_parse(text, arena, &doc, err);
    if (status) {
        (void)ly_err_wrap(err, "%s reply", ly_shape_name(shape));
        return status;
    }
    /* Gemini may answer an error as a list of one. */
    const ly_json *root = ly_json_is(doc, LY_JSON_ARRAY) ? ly_json_at(doc, 0) : doc;
    if (!ly_json_is(root, LY_JSON_OBJECT)) {
        return LY_FAIL(err, LY_E_FORMAT, "%s reply is %s, not an object", ly_shape_name(shape),
                       ly_json_kind_text(root));
    }
    ly_shape_reply reply = {.tokens = LY_TOKENS_UNKNOWN};
    reading r = {.arena = arena,
                 .reply = &reply,
                 .text.arena = arena,
                 .reasoning.arena = arena,
                 .refusal.arena = arena};
    (void)ly_shape_error(shape, root, &reply);
    read_common(shape, root, &reply);
    switch (shape) {
    case LY_SHAPE_OPENAI_CHAT:
        read_openai_chat(&r, root);
        break;
    case LY_SHAPE_OPENAI_RESPONSES:
        read_openai_responses(&r, root);
        break;
    case LY_SHAPE_ANTHROPIC:
        read_anthropic(&r, root);
        break;
    case LY_SHAPE_GEMINI:
        read_gemini(&r, root);
        break;
    case LY_SHAPE_OLLAMA:
        read_ollama(&r, root);
        break;
    case LY_SHAPE_BEDROCK:
        read_bedrock(&r, root);
        break;
    case LY_SHAPE__COUNT:
        break;
    }
    if (r.failed || r.text.failed || r.reasoning.failed || r.refusal.failed) {
        return LY_NOMEM(err);
    }
    reply.text = r.text.text;
    reply.reasoning = r.reasoning.text;
    reply.refusal = r.refusal.text;
    reply.calls = r.calls;
    reply.n_calls = r.n_calls;
    reply.finish = ly_shape_finish(shape, reply.finish_raw);
    if (reply.refusal.len && ly_str_eqc(reply.finish, "stop")) {
        reply.finish = LY_S("refusal");
    }
    if (reply.n_calls && ly_str_eqc(reply.finish, "stop")) {
        reply.finish = LY_S("tool_call");
    }
    *ret_reply = reply;
    return LY_OK;
}
