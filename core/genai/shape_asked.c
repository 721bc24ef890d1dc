/* What a request body asked, in the conventions' message form, for a tracer that watches (shape.h). */
#include "base/limits.h"
#include "genai/shape_i.h"
#include "text/jsonw.h"

static void part(ly_jsonw *w, const char *type, ly_str content)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "type", type);
    ly_jsonw_kv_str(w, "content", content);
    ly_jsonw_object_end(w);
}

static void put_call(ly_jsonw *w, ly_str id, ly_str name, ly_str arguments)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "type", "tool_call");
    if (id.len) {
        ly_jsonw_kv_str(w, "id", id);
    }
    ly_jsonw_kv_str(w, "name", name);
    ly_jsonw_key(w, "arguments");
    if (ly_json_valid(arguments)) {
        ly_jsonw_raw(w, arguments);
    } else {
        ly_jsonw_str(w, arguments);
    }
    ly_jsonw_object_end(w);
}

static void put_result(ly_jsonw *w, ly_str id, const ly_json *content)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "type", "tool_call_response");
    ly_jsonw_kv_str(w, "id", id);
    ly_jsonw_key(w, "response");
    if (content) {
        ly_jsonw_tree(w, content);
    } else {
        ly_jsonw_null(w);
    }
    ly_jsonw_object_end(w);
}

/* One content part of any shape: text where it is text, otherwise the part as it stood. */
static void put_part(ly_jsonw *w, const ly_json *p)
{
    ly_str type = ly_json_str(ly_json_get(p, "type")), text = ly_json_str(ly_json_get(p, "text"));
    if (ly_json_is(p, LY_JSON_STRING)) {
        part(w, "text", ly_json_str(p));
    } else if (ly_str_given(text)) {
        part(w, "text", text);
    } else if (ly_str_eqc(type, "thinking")) {
        part(w, "reasoning", ly_json_str(ly_json_get(p, "thinking")));
    } else if (ly_str_eqc(type, "tool_use")) {
        const ly_json *input = ly_json_get(p, "input");
        put_call(w, ly_json_str(ly_json_get(p, "id")), ly_json_str(ly_json_get(p, "name")),
                 input ? input->raw : LY_S("{}"));
    } else if (ly_str_eqc(type, "tool_result")) {
        put_result(w, ly_json_str(ly_json_get(p, "tool_use_id")), ly_json_get(p, "content"));
    } else if (ly_json_get(p, "functionCall")) {
        const ly_json *call = ly_json_get(p, "functionCall"), *args = ly_json_get(call, "args");
        put_call(w, ly_json_str(ly_json_get(call, "id")), ly_json_str(ly_json_get(call, "name")),
                 args ? args->raw : LY_S("{}"));
    } else if (ly_json_get(p, "functionResponse")) {
        const ly_json *r = ly_json_get(p, "functionResponse");
        put_result(w, ly_json_str(ly_json_get(r, "name")), ly_json_get(r, "response"));
    } else {
        ly_jsonw_tree(w, p);
    }
}

static void put_parts(ly_jsonw *w, const ly_json *content)
{
    if (ly_json_is(content, LY_JSON_ARRAY)) {
        for (size_t i = 0; i < ly_json_count(content); i++) {
            put_part(w, ly_json_at(content, i));
        }
    } else if (content && content->kind != LY_JSON_NULL) {
        put_part(w, content);
    }
}

static void put_message(ly_jsonw *w, ly_shape shape, const ly_json *msg)
{
    ly_str role = ly_json_str(ly_json_get(msg, "role")),
           type = ly_json_str(ly_json_get(msg, "type"));
    const ly_json *content = ly_json_get(msg, shape == LY_SHAPE_GEMINI ? "parts" : "content");
    const ly_json *calls = ly_json_get(msg, "tool_calls");
    bool result = ly_str_eqc(role, "tool") || ly_str_eqc(type, "function_call_output");
    bool call_item = ly_str_eqc(type, "function_call");
    if (ly_str_eqc(role, "model") || call_item) {
        role = LY_S("assistant");
    } else if (result) {
        role = LY_S("tool");
    } else if (role.len == 0) {
        role = LY_S("user");
    }
    ly_jsonw_object(w);
    ly_jsonw_kv_str(w, "role", role);
    ly_jsonw_key(w, "parts");
    ly_jsonw_array(w);
    if (result) {
        ly_str id = ly_json_str(ly_json_get(msg, "tool_call_id"));
        put_result(w, id.len ? id : ly_json_str(ly_json_get(msg, "call_id")),
                   content ? content : ly_json_get(msg, "output"));
    } else if (call_item) {
        put_call(w, ly_json_str(ly_json_get(msg, "call_id")), ly_json_str(ly_json_get(msg, "name")),
                 ly_json_str(ly_json_get(msg, "arguments")));
    } else {
        put_parts(w, content);
    }
    for (size_t i = 0; i < ly_json_count(calls); i++) {
        const ly_json *call = ly_json_at(calls, i), *fn = ly_json_get(call, "function");
        const ly_json *args = ly_json_get(fn, "arguments");
        ly_str text = ly_json_is(args, LY_JSON_STRING) ? ly_json_str(args)
                      : args                           ? args->raw
                                                       : LY_S("{}");
        put_call(w, ly_json_str(ly_json_get(call, "id")), ly_json_str(ly_json_get(fn, "name")),
                 text);
    }
    ly_jsonw_array_end(w);
    ly_jsonw_object_end(w);
}

/* Moves what a writer made into the arena; empty when nothing was asked. */
static ly_status keep(ly_jsonw *w, ly_buf *buf, ly_arena *arena, ly_str *ret, ly_err *err)
{
    ly_status status = ly_jsonw_end(w, err);
    if (!status) {
        *ret = ly_arena_copy(arena, ly_buf_view(buf));
        status = ret->ptr ? LY_OK : LY_NOMEM(err);
    }
    ly_buf_reset(buf);
    return status;
}

static ly_status read_messages(ly_shape shape, const ly_json *doc, ly_arena *arena,
                               ly_shape_asked *asked, ly_err *err)
{
    const ly_json *list = ly_json_get(doc, shape == LY_SHAPE_GEMINI             ? "contents"
                                           : shape == LY_SHAPE_OPENAI_RESPONSES ? "input"
                                                                                : "messages");
    const ly_json *system = ly_json_get(doc, shape == LY_SHAPE_GEMINI ? "systemInstruction"
                                             : shape == LY_SHAPE_OPENAI_RESPONSES ? "instructions"
                                                                                  : "system");
    ly_buf buf;
    ly_buf_init(&buf, LY_MAX_REQUEST_BYTES);
    ly_jsonw w;
    ly_status status = LY_OK;
    if (ly_json_is(list, LY_JSON_ARRAY)) {
        ly_jsonw_init(&w, &buf, 0);
        ly_jsonw_array(&w);
        for (size_t i = 0; i < ly_json_count(list); i++) {
            put_message(&w, shape, ly_json_at(list, i));
        }
        ly_jsonw_array_end(&w);
        status = keep(&w, &buf, arena, &asked->messages_json, err);
    } else if (ly_json_is(list, LY_JSON_STRING)) {
        ly_jsonw_init(&w, &buf, 0);
        ly_jsonw_array(&w);
        ly_jsonw_object(&w);
        ly_jsonw_kv_c(&w, "role", "user");
        ly_jsonw_key(&w, "parts");
        ly_jsonw_array(&w);
        part(&w, "text", ly_json_str(list));
        ly_jsonw_array_end(&w);
        ly_jsonw_object_end(&w);
        ly_jsonw_array_end(&w);
        status = keep(&w, &buf, arena, &asked->messages_json, err);
    }
    if (!status && system) {
        const ly_json *parts = ly_json_get(system, "parts");
        ly_jsonw_init(&w, &buf, 0);
        ly_jsonw_array(&w);
        put_parts(&w, parts ? parts : system);
        ly_jsonw_array_end(&w);
        status = keep(&w, &buf, arena, &asked->system_json, err);
    }
    ly_buf_release(&buf);
    return status;
}

static bool read_stops(const ly_json *stop, ly_arena *arena, ly_shape_asked *asked)
{
    enum { STOPS_MAX = 64 };
    const bool list = ly_json_is(stop, LY_JSON_ARRAY);
    size_t n = list ? ly_json_count(stop) : ly_json_is(stop, LY_JSON_STRING);
    n = n > STOPS_MAX ? STOPS_MAX : n;
    ly_str *stops = n ? LY_ARENA_ARRAY(arena, ly_str, n) : NULL;
    for (size_t i = 0; stops && i < n; i++) {
        stops[i] = ly_json_str(list ? ly_json_at(stop, i) : stop);
    }
    asked->stop = stops;
    asked->n_stop = stops ? n : 0;
    return stops || !n;
}

/* "json_object", "json_schema"; Gemini: "application/json"; Ollama: "json" or the schema itself. */
static bool asks_json(const ly_json *doc, const ly_json *options)
{
    const ly_json *kinds[] = {
        ly_json_get(ly_json_get(doc, "response_format"), "type"),
        ly_json_get(ly_json_get(ly_json_get(doc, "text"), "format"), "type"),
        ly_json_get(ly_json_get(ly_json_get(doc, "output_config"), "format"), "type"),
        ly_json_get(options, "responseMimeType"), ly_json_get(doc, "format")};
    for (size_t i = 0; i < LY_COUNT(kinds); i++) {
        if (ly_str_find(ly_json_str(kinds[i]), LY_S("json"), 0) != SIZE_MAX ||
            ly_json_is(kinds[i], LY_JSON_OBJECT)) {
            return true;
        }
    }
    return false;
}

ly_status ly_shape_read_request(ly_shape shape, ly_str body, ly_arena *arena,
                                ly_shape_asked *ret_asked, ly_err *err)
{
    ly_str text = ly_arena_copy(arena, body);
    ly_json *doc = NULL;
    if (!text.ptr) {
        return LY_NOMEM(err);
    }
    ly_status status = ly_json_parse(text, arena, &doc, err);
    if (status) {
        (void)ly_err_wrap(err, "%s request", ly_shape_name(shape));
        return status;
    }
    if (!ly_json_is(doc, LY_JSON_OBJECT)) {
        return LY_FAIL(err, LY_E_FORMAT, "%s request is %s, not an object", ly_shape_name(shape),
                       ly_json_kind_text(doc));
    }
    ly_shape_asked a = {.max_output = LY_UNKNOWN,
                        .seed = LY_UNKNOWN,
                        .temperature = LY_SHAPE_UNSET,
                        .top_p = LY_SHAPE_UNSET,
                        .frequency_penalty = LY_SHAPE_UNSET,
                        .presence_penalty = LY_SHAPE_UNSET,
                        .top_k = LY_UNKNOWN,
                        .stream = shape == LY_SHAPE_OLLAMA};
    const ly_json *options = shape == LY_SHAPE_GEMINI   ? ly_json_get(doc, "generationConfig")
                             : shape == LY_SHAPE_OLLAMA ? ly_json_get(doc, "options")
                                                        : doc;
    static const char *const limits[] = {"max_completion_tokens", "max_tokens", "max_output_tokens",
                                         "maxOutputTokens", "num_predict"};
    for (size_t i = 0; i < LY_COUNT(limits) && a.max_output == LY_UNKNOWN; i++) {
        (void)ly_json_i64(ly_json_get(options, limits[i]), &a.max_output);
    }
    a.model = ly_json_str(ly_json_get(doc, "model"));
    (void)ly_json_bool(ly_json_get(doc, "stream"), &a.stream);
    (void)ly_json_double(ly_json_get(options, "temperature"), &a.temperature);
    (void)ly_json_double(ly_json_get(options, shape == LY_SHAPE_GEMINI ? "topP" : "top_p"),
                         &a.top_p);
    (void)ly_json_i64(ly_json_get(options, "seed"), &a.seed);
    const bool gemini = shape == LY_SHAPE_GEMINI;
    (void)ly_json_i64(ly_json_get(options, gemini ? "topK" : "top_k"), &a.top_k);
    (void)ly_json_double(ly_json_get(options, gemini ? "frequencyPenalty" : "frequency_penalty"),
                         &a.frequency_penalty);
    (void)ly_json_double(ly_json_get(options, gemini ? "presencePenalty" : "presence_penalty"),
                         &a.presence_penalty);
    const ly_json *effort = ly_json_get(doc, "reasoning_effort");
    a.effort = ly_json_str(effort ? effort : ly_json_get(ly_json_get(doc, "reasoning"), "effort"));
    a.json = asks_json(doc, options);
    if (!read_stops(ly_json_get(options, gemini                        ? "stopSequences"
                                         : shape == LY_SHAPE_ANTHROPIC ? "stop_sequences"
                                                                       : "stop"),
                    arena, &a)) {
        return LY_NOMEM(err);
    }
    const ly_json *tools = ly_json_get(doc, "tools");
    a.tools_json = tools ? tools->raw : LY_STR_NONE;
    status = read_messages(shape, doc, arena, &a, err);
    if (!status) {
        *ret_asked = a;
    }
    return status;
}
