/* Requests to providers, and a reply in the form of gen_ai.output.messages (shape.h). */
#include "genai/shape.h"
#include "text/jsonw.h"

static bool is_system(const ly_shape_msg *msg)
{
    return ly_str_eqc(msg->role, "system") || ly_str_eqc(msg->role, "developer");
}

static void number(ly_jsonw *w, const char *key, double value)
{
    if (value != LY_SHAPE_UNSET) {
        ly_jsonw_kv_double(w, key, value);
    }
}

static void stops(ly_jsonw *w, const char *key, const ly_shape_request *req)
{
    if (req->n_stop == 0) {
        return;
    }
    ly_jsonw_key(w, key);
    ly_jsonw_array(w);
    for (size_t i = 0; i < req->n_stop; i++) {
        ly_jsonw_str(w, req->stop[i]);
    }
    ly_jsonw_array_end(w);
}

/* {"role","content"} for each message; with_system false leaves system messages out. */
static void plain_messages(ly_jsonw *w, const ly_shape_request *req, bool with_system)
{
    ly_jsonw_array(w);
    for (size_t i = 0; i < req->n_msgs; i++) {
        if (!with_system && is_system(&req->msgs[i])) {
            continue;
        }
        ly_jsonw_object(w);
        ly_jsonw_kv_str(w, "role", req->msgs[i].role);
        ly_jsonw_kv_str(w, "content", req->msgs[i].text);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
}

/* All system messages as one text, where a provider takes it beside the messages. */
static bool has_system(const ly_shape_request *req)
{
    for (size_t i = 0; i < req->n_msgs; i++) {
        if (is_system(&req->msgs[i])) {
            return true;
        }
    }
    return false;
}

static void system_text(ly_buf *text, const ly_shape_request *req)
{
    bool first = true;
    for (size_t i = 0; i < req->n_msgs; i++) {
        if (is_system(&req->msgs[i])) {
            ly_buf_c(text, first ? "" : "\n\n");
            ly_buf_str(text, req->msgs[i].text);
            first = false;
        }
    }
}

static void schema_format(ly_jsonw *w, const ly_shape_request *req, bool nested)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "type", "json_schema");
    if (nested) {
        ly_jsonw_key(w, "json_schema");
        ly_jsonw_object(w);
    }
    ly_jsonw_kv_str(w, "name", req->schema_name.len ? req->schema_name : LY_S("reply"));
    ly_jsonw_kv_bool(w, "strict", true);
    ly_jsonw_key(w, "schema");
    ly_jsonw_raw(w, req->schema);
    if (nested) {
        ly_jsonw_object_end(w);
    }
    ly_jsonw_object_end(w);
}

static void write_openai_chat(ly_jsonw *w, const ly_shape_request *req)
{
    ly_jsonw_kv_str(w, "model", req->model);
    ly_jsonw_key(w, "messages");
    plain_messages(w, req, true);
    ly_jsonw_kv_i64(w, req->old_max_tokens ? "max_tokens" : "max_completion_tokens",
                    req->max_output);
    number(w, "temperature", req->temperature);
    number(w, "top_p", req->top_p);
    if (req->seed != LY_UNKNOWN) {
        ly_jsonw_kv_i64(w, "seed", req->seed);
    }
    stops(w, "stop", req);
    if (req->effort.len) {
        ly_jsonw_kv_str(w, "reasoning_effort", req->effort);
    }
    if (req->schema.len) {
        ly_jsonw_key(w, "response_format");
        schema_format(w, req, true);
    }
    if (req->stream) {
        ly_jsonw_kv_bool(w, "stream", true);
        ly_jsonw_key(w, "stream_options");
        ly_jsonw_object(w);
        ly_jsonw_kv_bool(w, "include_usage", true);
        ly_jsonw_object_end(w);
    }
}

static void write_openai_responses(ly_jsonw *w, const ly_shape_request *req)
{
    ly_jsonw_kv_str(w, "model", req->model);
    ly_jsonw_key(w, "input");
    plain_messages(w, req, true);
    ly_jsonw_kv_i64(w, "max_output_tokens", req->max_output);
    ly_jsonw_kv_bool(w, "store", false);
    number(w, "temperature", req->temperature);
    number(w, "top_p", req->top_p);
    if (req->effort.len) {
        ly_jsonw_key(w, "reasoning");
        ly_jsonw_object(w);
        ly_jsonw_kv_str(w, "effort", req->effort);
        ly_jsonw_object_end(w);
    }
    if (req->schema.len) {
        ly_jsonw_key(w, "text");
        ly_jsonw_object(w);
        ly_jsonw_key(w, "format");
        schema_format(w, req, false);
        ly_jsonw_object_end(w);
    }
    if (req->stream) {
        ly_jsonw_kv_bool(w, "stream", true);
    }
}

static void write_anthropic(ly_jsonw *w, const ly_shape_request *req, ly_buf *system)
{
    ly_jsonw_kv_str(w, "model", req->model);
    ly_jsonw_kv_i64(w, "max_tokens", req->max_output);
    if (has_system(req)) {
        ly_jsonw_kv_str(w, "system", ly_buf_view(system));
    }
    ly_jsonw_key(w, "messages");
    plain_messages(w, req, false);
    number(w, "temperature", req->temperature);
    number(w, "top_p", req->top_p);
    stops(w, "stop_sequences", req);
    if (req->effort.len || req->schema.len) {
        ly_jsonw_key(w, "output_config");
        ly_jsonw_object(w);
        if (req->effort.len) {
            ly_jsonw_kv_str(w, "effort", req->effort);
        }
        if (req->schema.len) {
            ly_jsonw_key(w, "format");
            ly_jsonw_object(w);
            ly_jsonw_kv_c(w, "type", "json_schema");
            ly_jsonw_key(w, "schema");
            ly_jsonw_raw(w, req->schema);
            ly_jsonw_object_end(w);
        }
        ly_jsonw_object_end(w);
    }
    if (req->stream) {
        ly_jsonw_kv_bool(w, "stream", true);
    }
}

static void text_part(ly_jsonw *w, ly_str text)
{
    ly_jsonw_key(w, "parts");
    ly_jsonw_array(w);
    ly_jsonw_object(w);
    ly_jsonw_kv_str(w, "text", text);
    ly_jsonw_object_end(w);
    ly_jsonw_array_end(w);
}

/* [{"text": ...}] */
static void text_blocks(ly_jsonw *w, ly_str text)
{
    ly_jsonw_array(w);
    ly_jsonw_object(w);
    ly_jsonw_kv_str(w, "text", text);
    ly_jsonw_object_end(w);
    ly_jsonw_array_end(w);
}

/* Converse. The model stands in the path. A schema is not sent: few models there take one. */
static void write_bedrock(ly_jsonw *w, const ly_shape_request *req, ly_buf *system)
{
    if (has_system(req)) {
        ly_jsonw_key(w, "system");
        text_blocks(w, ly_buf_view(system));
    }
    ly_jsonw_key(w, "messages");
    ly_jsonw_array(w);
    for (size_t i = 0; i < req->n_msgs; i++) {
        if (!is_system(&req->msgs[i])) {
            ly_jsonw_object(w);
            ly_jsonw_kv_str(w, "role", req->msgs[i].role);
            ly_jsonw_key(w, "content");
            text_blocks(w, req->msgs[i].text);
            ly_jsonw_object_end(w);
        }
    }
    ly_jsonw_array_end(w);
    ly_jsonw_key(w, "inferenceConfig");
    ly_jsonw_object(w);
    ly_jsonw_kv_i64(w, "maxTokens", req->max_output);
    number(w, "temperature", req->temperature);
    number(w, "topP", req->top_p);
    stops(w, "stopSequences", req);
    ly_jsonw_object_end(w);
}

static void write_gemini(ly_jsonw *w, const ly_shape_request *req, ly_buf *system)
{
    if (has_system(req)) {
        ly_jsonw_key(w, "systemInstruction");
        ly_jsonw_object(w);
        text_part(w, ly_buf_view(system));
        ly_jsonw_object_end(w);
    }
    ly_jsonw_key(w, "contents");
    ly_jsonw_array(w);
    for (size_t i = 0; i < req->n_msgs; i++) {
        if (is_system(&req->msgs[i])) {
            continue;
        }
        ly_jsonw_object(w);
        ly_jsonw_kv_c(w, "role", ly_str_eqc(req->msgs[i].role, "assistant") ? "model" : "user");
        text_part(w, req->msgs[i].text);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
    ly_jsonw_key(w, "generationConfig");
    ly_jsonw_object(w);
    ly_jsonw_kv_i64(w, "maxOutputTokens", req->max_output);
    number(w, "temperature", req->temperature);
    number(w, "topP", req->top_p);
    if (req->seed != LY_UNKNOWN) {
        ly_jsonw_kv_i64(w, "seed", req->seed);
    }
    stops(w, "stopSequences", req);
    if (req->schema.len) {
        ly_jsonw_kv_c(w, "responseMimeType", "application/json");
        ly_jsonw_key(w, "responseJsonSchema");
        ly_jsonw_raw(w, req->schema);
    }
    ly_jsonw_object_end(w);
}

static void write_ollama(ly_jsonw *w, const ly_shape_request *req)
{
    ly_jsonw_kv_str(w, "model", req->model);
    ly_jsonw_key(w, "messages");
    plain_messages(w, req, true);
    ly_jsonw_kv_bool(w, "stream", req->stream);
    if (req->schema.len) {
        ly_jsonw_key(w, "format");
        ly_jsonw_raw(w, req->schema);
    }
    /* Without these a prompt past num_ctx is cut in silence (§3.7). */
    ly_jsonw_kv_bool(w, "truncate", false);
    ly_jsonw_kv_bool(w, "shift", false);
    ly_jsonw_key(w, "options");
    ly_jsonw_object(w);
    ly_jsonw_kv_i64(w, "num_predict", req->max_output);
    number(w, "temperature", req->temperature);
    number(w, "top_p", req->top_p);
    if (req->seed != LY_UNKNOWN) {
        ly_jsonw_kv_i64(w, "seed", req->seed);
    }
    stops(w, "stop", req);
    ly_jsonw_object_end(w);
}

ly_status ly_shape_write_request(ly_shape shape, const ly_shape_request *req, ly_buf *out,
                                 ly_err *err)
{
    if (req->max_output <= 0) {
        return LY_FAIL(err, LY_E_INVALID, "a model request needs an output limit above 0");
    }
    if (req->model.len == 0) {
        return LY_FAIL(err, LY_E_INVALID, "a model request needs a model name");
    }
    ly_buf system;
    ly_buf_init(&system, LY_MAX_REQUEST_BYTES);
    system_text(&system, req);
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    switch (shape) {
    case LY_SHAPE_OPENAI_CHAT:
        write_openai_chat(&w, req);
        break;
    case LY_SHAPE_OPENAI_RESPONSES:
        write_openai_responses(&w, req);
        break;
    case LY_SHAPE_ANTHROPIC:
        write_anthropic(&w, req, &system);
        break;
    case LY_SHAPE_GEMINI:
        write_gemini(&w, req, &system);
        break;
    case LY_SHAPE_OLLAMA:
        write_ollama(&w, req);
        break;
    case LY_SHAPE_BEDROCK:
        write_bedrock(&w, req, &system);
        break;
    case LY_SHAPE__COUNT:
        break;
    }
    ly_jsonw_object_end(&w);
    ly_status status = ly_buf_status(&system, "system message", err);
    ly_buf_release(&system);
    return status ? status : ly_jsonw_end(&w, err);
}

static void typed_part(ly_jsonw *w, const char *type, ly_str content)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "type", type);
    ly_jsonw_kv_str(w, "content", content);
    ly_jsonw_object_end(w);
}

void ly_shape_write_output_messages(const ly_shape_reply *reply, ly_buf *out)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_array(&w);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "role", "assistant");
    ly_jsonw_key(&w, "parts");
    ly_jsonw_array(&w);
    if (reply->reasoning.len) {
        typed_part(&w, "reasoning", reply->reasoning);
    }
    if (reply->text.len) {
        typed_part(&w, "text", reply->text);
    }
    if (reply->refusal.len) {
        typed_part(&w, "text", reply->refusal);
    }
    for (size_t i = 0; i < reply->n_calls; i++) {
        const ly_shape_call *call = &reply->calls[i];
        ly_jsonw_object(&w);
        ly_jsonw_kv_c(&w, "type", "tool_call");
        ly_jsonw_kv_str(&w, "id", call->id);
        ly_jsonw_kv_str(&w, "name", call->name);
        ly_jsonw_key(&w, "arguments");
        if (ly_json_valid(call->arguments)) {
            ly_jsonw_raw(&w, call->arguments);
        } else {
            ly_jsonw_str(&w, call->arguments);
        }
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    if (reply->finish.len) {
        ly_jsonw_kv_str(&w, "finish_reason", reply->finish);
    }
    ly_jsonw_object_end(&w);
    ly_jsonw_array_end(&w);
    if (ly_jsonw_end(&w, NULL) != LY_OK) {
        out->failed = out->failed ? out->failed : LY_E_INTERNAL;
    }
}
