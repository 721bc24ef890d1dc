/* Streams of providers: deltas gathered into a reply (shape.h). */
#include "base/mem.h"
#include "genai/shape_i.h"

enum { MAX_CALLS = 256 };

typedef struct part_call {
    ly_buf id, name, arguments;
    int64_t index;
} part_call;

struct ly_shape_stream {
    ly_shape shape;
    size_t max;
    ly_buf text, reasoning, refusal;
    part_call *calls;
    size_t n_calls, cap_calls;
    ly_buf id, model, finish, fingerprint, tier;
    ly_buf error_type, error_code, error_message;
    ly_shape_usage usage;
    ly_shape_reply cost; /* its cost members alone */
    bool done, got;
    ly_arena scratch;
};

static void each_buf(ly_shape_stream *s, void (*fn)(ly_buf *buf, size_t max))
{
    ly_buf *bufs[] = {&s->text,       &s->reasoning,  &s->refusal,      &s->id,
                      &s->model,      &s->finish,     &s->fingerprint,  &s->tier,
                      &s->error_type, &s->error_code, &s->error_message};
    for (size_t i = 0; i < LY_COUNT(bufs); i++) {
        fn(bufs[i], s->max);
    }
}

static void release_buf(ly_buf *buf, size_t max)
{
    (void)max;
    ly_buf_release(buf);
}

ly_shape_stream *ly_shape_stream_new(ly_shape shape, size_t max_bytes)
{
    ly_shape_stream *s = ly_calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->shape = shape;
    s->max = max_bytes;
    s->usage = LY_SHAPE_USAGE_NONE;
    each_buf(s, ly_buf_init);
    ly_arena_init(&s->scratch, 0, max_bytes + LY_MIB(1));
    return s;
}

void ly_shape_stream_free(ly_shape_stream *stream)
{
    if (!stream) {
        return;
    }
    each_buf(stream, release_buf);
    for (size_t i = 0; i < stream->n_calls; i++) {
        ly_buf_release(&stream->calls[i].id);
        ly_buf_release(&stream->calls[i].name);
        ly_buf_release(&stream->calls[i].arguments);
    }
    ly_free(stream->calls);
    ly_arena_release(&stream->scratch);
    ly_free(stream);
}

bool ly_shape_stream_done(const ly_shape_stream *stream)
{
    return stream->done;
}

/* Replaces a word when the event says one. */
static void word(ly_buf *slot, ly_str value)
{
    if (value.len) {
        ly_buf_reset(slot);
        ly_buf_str(slot, value);
    }
}

static void grow(ly_shape_stream *s, ly_buf *slot, ly_str piece)
{
    if (piece.len) {
        ly_buf_str(slot, piece);
        s->got = true;
    }
}

/* The call with that number, made when it is new; NULL past the limit or without memory. */
static part_call *call_at(ly_shape_stream *s, int64_t index)
{
    for (size_t i = 0; i < s->n_calls; i++) {
        if (s->calls[i].index == index) {
            return &s->calls[i];
        }
    }
    if (!ly_grow(&s->calls, &s->cap_calls, s->n_calls + 1, MAX_CALLS, sizeof *s->calls)) {
        return NULL;
    }
    part_call *c = &s->calls[s->n_calls++];
    c->index = index;
    ly_buf_init(&c->id, 1024);
    ly_buf_init(&c->name, 1024);
    ly_buf_init(&c->arguments, s->max);
    return c;
}

static void add_call(ly_shape_stream *s, int64_t index, ly_str id, ly_str name, ly_str arguments)
{
    part_call *c = call_at(s, index);
    if (c) {
        word(&c->id, id);
        grow(s, &c->name, name);
        grow(s, &c->arguments, arguments);
    }
}

static void common(ly_shape_stream *s, const ly_json *doc)
{
    word(&s->id, ly_json_str(ly_json_get(doc, "id")));
    word(&s->model, ly_json_str(ly_json_get(doc, "model")));
    word(&s->fingerprint, ly_json_str(ly_json_get(doc, "system_fingerprint")));
    word(&s->tier, ly_json_str(ly_json_get(doc, "service_tier")));
    const ly_json *usage = ly_shape_usage_node(s->shape, doc);
    if (usage) {
        ly_shape_usage_read(s->shape, usage, &s->usage);
        ly_shape_cost_read(usage, &s->cost);
    }
}

/* The first choice of an event, unless it is another than the first of the reply: with several they
 * come interleaved. */
static const ly_json *first_choice(const ly_json *list)
{
    const ly_json *choice = ly_json_at(list, 0);
    int64_t index = 0;
    (void)ly_json_i64(ly_json_get(choice, "index"), &index);
    return index == 0 ? choice : NULL;
}

static void feed_openai_chat(ly_shape_stream *s, const ly_json *doc)
{
    common(s, doc);
    const ly_json *choice = first_choice(ly_json_get(doc, "choices"));
    const ly_json *delta = ly_json_get(choice, "delta");
    grow(s, &s->text, ly_json_str(ly_json_get(delta, "content")));
    grow(s, &s->refusal, ly_json_str(ly_json_get(delta, "refusal")));
    ly_str thought = ly_json_str(ly_json_get(delta, "reasoning_content"));
    grow(s, &s->reasoning, thought.len ? thought : ly_json_str(ly_json_get(delta, "reasoning")));
    const ly_json *calls = ly_json_get(delta, "tool_calls");
    for (size_t i = 0; i < ly_json_count(calls); i++) {
        const ly_json *call = ly_json_at(calls, i), *fn = ly_json_get(call, "function");
        int64_t index = (int64_t)i;
        (void)ly_json_i64(ly_json_get(call, "index"), &index);
        add_call(s, index, ly_json_str(ly_json_get(call, "id")),
                 ly_json_str(ly_json_get(fn, "name")), ly_json_str(ly_json_get(fn, "arguments")));
    }
    word(&s->finish, ly_json_str(ly_json_get(choice, "finish_reason")));
}

static void feed_openai_responses(ly_shape_stream *s, ly_str event, const ly_json *doc)
{
    ly_str type = ly_json_str(ly_json_get(doc, "type"));
    type = type.len ? type : event;
    int64_t index = 0;
    (void)ly_json_i64(ly_json_get(doc, "output_index"), &index);
    const ly_json *item = ly_json_get(doc, "item"), *response = ly_json_get(doc, "response");
    if (ly_str_eqc(type, "response.output_text.delta")) {
        grow(s, &s->text, ly_json_str(ly_json_get(doc, "delta")));
    } else if (ly_str_eqc(type, "response.refusal.delta")) {
        grow(s, &s->refusal, ly_json_str(ly_json_get(doc, "delta")));
    } else if (ly_str_eqc(type, "response.reasoning_summary_text.delta") ||
               ly_str_eqc(type, "response.reasoning_text.delta")) {
        grow(s, &s->reasoning, ly_json_str(ly_json_get(doc, "delta")));
    } else if (ly_str_eqc(type, "response.function_call_arguments.delta")) {
        add_call(s, index, LY_STR_NONE, LY_STR_NONE, ly_json_str(ly_json_get(doc, "delta")));
    } else if (ly_str_eqc(type, "response.output_item.added") &&
               ly_str_eqc(ly_json_str(ly_json_get(item, "type")), "function_call")) {
        add_call(s, index, ly_json_str(ly_json_get(item, "call_id")),
                 ly_json_str(ly_json_get(item, "name")), LY_STR_NONE);
    } else if (ly_str_eqc(type, "error")) {
        word(&s->error_message, ly_json_str(ly_json_get(doc, "message")));
        word(&s->error_code, ly_json_str(ly_json_get(doc, "code")));
    }
    if (response) {
        common(s, response);
        ly_shape_reply e = {0};
        if (ly_shape_error(s->shape, response, &e)) {
            word(&s->error_message, e.error_message);
            word(&s->error_code, e.error_code);
        }
        bool ended = ly_str_eqc(type, "response.completed") ||
                     ly_str_eqc(type, "response.failed") || ly_str_eqc(type, "response.incomplete");
        if (ended) {
            ly_str why = ly_json_str(ly_json_path(response, "incomplete_details.reason"));
            word(&s->finish, why.len ? why : ly_json_str(ly_json_get(response, "status")));
            s->done = true;
        }
    }
}

static void feed_anthropic(ly_shape_stream *s, ly_str event, const ly_json *doc)
{
    ly_str type = ly_json_str(ly_json_get(doc, "type"));
    type = type.len ? type : event;
    int64_t index = 0;
    (void)ly_json_i64(ly_json_get(doc, "index"), &index);
    const ly_json *delta = ly_json_get(doc, "delta");
    if (ly_str_eqc(type, "message_start")) {
        common(s, ly_json_get(doc, "message"));
    } else if (ly_str_eqc(type, "content_block_start")) {
        const ly_json *block = ly_json_get(doc, "content_block");
        if (ly_str_eqc(ly_json_str(ly_json_get(block, "type")), "tool_use")) {
            add_call(s, index, ly_json_str(ly_json_get(block, "id")),
                     ly_json_str(ly_json_get(block, "name")), LY_STR_NONE);
        }
    } else if (ly_str_eqc(type, "content_block_delta")) {
        ly_str kind = ly_json_str(ly_json_get(delta, "type"));
        if (ly_str_eqc(kind, "text_delta")) {
            grow(s, &s->text, ly_json_str(ly_json_get(delta, "text")));
        } else if (ly_str_eqc(kind, "thinking_delta")) {
            grow(s, &s->reasoning, ly_json_str(ly_json_get(delta, "thinking")));
        } else if (ly_str_eqc(kind, "input_json_delta")) {
            add_call(s, index, LY_STR_NONE, LY_STR_NONE,
                     ly_json_str(ly_json_get(delta, "partial_json")));
        }
    } else if (ly_str_eqc(type, "message_delta")) {
        common(s, doc);
        word(&s->finish, ly_json_str(ly_json_get(delta, "stop_reason")));
    } else if (ly_str_eqc(type, "message_stop")) {
        s->done = true;
    }
}

static void feed_gemini(ly_shape_stream *s, const ly_json *doc)
{
    common(s, doc);
    word(&s->model, ly_json_str(ly_json_get(doc, "modelVersion")));
    word(&s->id, ly_json_str(ly_json_get(doc, "responseId")));
    const ly_json *candidate = first_choice(ly_json_get(doc, "candidates"));
    const ly_json *parts = ly_json_path(candidate, "content.parts");
    for (size_t i = 0; i < ly_json_count(parts); i++) {
        const ly_json *part = ly_json_at(parts, i), *call = ly_json_get(part, "functionCall");
        bool thought = false;
        (void)ly_json_bool(ly_json_get(part, "thought"), &thought);
        grow(s, thought ? &s->reasoning : &s->text, ly_json_str(ly_json_get(part, "text")));
        if (call) {
            const ly_json *args = ly_json_get(call, "args");
            add_call(s, (int64_t)s->n_calls, ly_json_str(ly_json_get(call, "id")),
                     ly_json_str(ly_json_get(call, "name")), args ? args->raw : LY_S("{}"));
        }
    }
    ly_str finish = ly_json_str(ly_json_get(candidate, "finishReason"));
    word(&s->finish, finish);
    s->done = s->done || finish.len > 0;
}

static void feed_ollama(ly_shape_stream *s, const ly_json *doc)
{
    common(s, doc);
    const ly_json *msg = ly_json_get(doc, "message"), *calls = ly_json_get(msg, "tool_calls");
    grow(s, &s->text, ly_json_str(ly_json_get(msg, "content")));
    grow(s, &s->reasoning, ly_json_str(ly_json_get(msg, "thinking")));
    for (size_t i = 0; i < ly_json_count(calls); i++) {
        const ly_json *fn = ly_json_get(ly_json_at(calls, i), "function");
        const ly_json *args = ly_json_get(fn, "arguments");
        add_call(s, (int64_t)s->n_calls, LY_STR_NONE, ly_json_str(ly_json_get(fn, "name")),
                 args ? args->raw : LY_S("{}"));
    }
    word(&s->finish, ly_json_str(ly_json_get(doc, "done_reason")));
    bool done = false;
    (void)ly_json_bool(ly_json_get(doc, "done"), &done);
    s->done = s->done || done;
}

ly_status ly_shape_stream_feed(ly_shape_stream *stream, ly_str event, ly_str data, bool *ret_first,
                               ly_err *err)
{
    bool had = stream->got;
    data = ly_str_trim(data);
    if (ly_str_eqc(data, "[DONE]")) {
        stream->done = true;
        return LY_OK;
    }
    if (data.len == 0) {
        return LY_OK;
    }
    ly_json *doc = NULL;
    ly_arena_reset(&stream->scratch);
    ly_status status = ly_json_parse(data, &stream->scratch, &doc, err);
    if (status) {
        (void)ly_err_wrap(err, "%s stream event", ly_shape_name(stream->shape));
        return status;
    }
    ly_shape_reply e = {0};
    if (stream->shape != LY_SHAPE_OPENAI_RESPONSES && ly_shape_error(stream->shape, doc, &e)) {
        word(&stream->error_type, e.error_type);
        word(&stream->error_code, e.error_code);
        word(&stream->error_message, e.error_message);
    }
    switch (stream->shape) {
    case LY_SHAPE_OPENAI_CHAT:
        feed_openai_chat(stream, doc);
        break;
    case LY_SHAPE_OPENAI_RESPONSES:
        feed_openai_responses(stream, event, doc);
        break;
    case LY_SHAPE_ANTHROPIC:
        feed_anthropic(stream, event, doc);
        break;
    case LY_SHAPE_GEMINI:
        feed_gemini(stream, doc);
        break;
    case LY_SHAPE_OLLAMA:
        feed_ollama(stream, doc);
        break;
    case LY_SHAPE_BEDROCK: /* streams in a binary framing, which is not read */
    case LY_SHAPE__COUNT:
        break;
    }
    if (ret_first) {
        *ret_first = !had && stream->got;
    }
    status = ly_buf_status(&stream->text, "streamed reply", err);
    return status ? status : ly_buf_status(&stream->reasoning, "streamed reasoning", err);
}

ly_status ly_shape_stream_end(ly_shape_stream *stream, ly_arena *arena, ly_shape_reply *ret_reply,
                              ly_err *err)
{
    ly_shape_reply r = {.tokens = LY_TOKENS_UNKNOWN};
    ly_shape_call *calls = LY_ARENA_ARRAY(arena, ly_shape_call, stream->n_calls + 1);
    if (!calls) {
        return LY_NOMEM(err);
    }
    r.text = ly_arena_copy(arena, ly_buf_view(&stream->text));
    r.reasoning = ly_arena_copy(arena, ly_buf_view(&stream->reasoning));
    r.refusal = ly_arena_copy(arena, ly_buf_view(&stream->refusal));
    r.id = ly_arena_copy(arena, ly_buf_view(&stream->id));
    r.model = ly_arena_copy(arena, ly_buf_view(&stream->model));
    r.finish_raw = ly_arena_copy(arena, ly_buf_view(&stream->finish));
    r.fingerprint = ly_arena_copy(arena, ly_buf_view(&stream->fingerprint));
    r.service_tier = ly_arena_copy(arena, ly_buf_view(&stream->tier));
    r.error_type = ly_arena_copy(arena, ly_buf_view(&stream->error_type));
    r.error_code = ly_arena_copy(arena, ly_buf_view(&stream->error_code));
    r.error_message = ly_arena_copy(arena, ly_buf_view(&stream->error_message));
    for (size_t i = 0; i < stream->n_calls; i++) {
        calls[i].id = ly_arena_copy(arena, ly_buf_view(&stream->calls[i].id));
        calls[i].name = ly_arena_copy(arena, ly_buf_view(&stream->calls[i].name));
        calls[i].arguments = ly_arena_copy(arena, ly_buf_view(&stream->calls[i].arguments));
        if (!calls[i].id.ptr || !calls[i].name.ptr || !calls[i].arguments.ptr) {
            return LY_NOMEM(err);
        }
    }
    if (!r.text.ptr || !r.reasoning.ptr || !r.refusal.ptr || !r.error_message.ptr) {
        return LY_NOMEM(err);
    }
    r.calls = calls;
    r.n_calls = stream->n_calls;
    r.finish = ly_shape_finish(stream->shape, r.finish_raw);
    if (r.refusal.len && ly_str_eqc(r.finish, "stop")) {
        r.finish = LY_S("refusal");
    }
    if (r.n_calls && ly_str_eqc(r.finish, "stop")) {
        r.finish = LY_S("tool_call");
    }
    ly_shape_usage_buckets(stream->shape, &stream->usage, &r.tokens, &r.usage_mode);
    r.cost_said = stream->cost.cost_said;
    r.cost = stream->cost.cost;
    *ret_reply = r;
    return LY_OK;
}
