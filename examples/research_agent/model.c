#include "model.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REPLY (8u << 20)

typedef struct stream {
    lydite_span *span;
    char *line; /* the unfinished line of the event stream */
    size_t line_len, line_cap;
    char *text;
    size_t text_len, text_cap;
    cJSON *calls;
    char finish[40], served[120], id[120];
    int64_t input, output, cached, reasoning;
    bool too_large;
    char raw_error[200];
} stream;

static bool append(char **buf, size_t *len, size_t *cap, const char *bytes, size_t n)
{
    if (*len + n + 1 > MAX_REPLY)
        return false;
    if (*len + n + 1 > *cap) {
        size_t want = (*len + n + 1) * 2;
        char *grown = realloc(*buf, want);
        if (!grown)
            return false;
        *buf = grown;
        *cap = want;
    }
    memcpy(*buf + *len, bytes, n);
    *len += n;
    (*buf)[*len] = '\0';
    return true;
}

static void keep(char *dst, size_t size, const cJSON *object, const char *key)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    if (value)
        snprintf(dst, size, "%s", value);
}

static int64_t number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : LYDITE_UNKNOWN;
}

/* Tool calls arrive in pieces: the first names the call, the rest add to its arguments. */
static void merge_call(stream *s, const cJSON *delta)
{
    int64_t index = number(delta, "index");
    if (index < 0 || index > 63)
        return;
    if (!s->calls)
        s->calls = cJSON_CreateArray();
    while (cJSON_GetArraySize(s->calls) <= index) {
        cJSON *call = cJSON_CreateObject();
        cJSON_AddStringToObject(call, "id", "");
        cJSON_AddStringToObject(call, "type", "function");
        cJSON *function = cJSON_AddObjectToObject(call, "function");
        cJSON_AddStringToObject(function, "name", "");
        cJSON_AddStringToObject(function, "arguments", "");
        cJSON_AddItemToArray(s->calls, call);
    }
    cJSON *call = cJSON_GetArrayItem(s->calls, (int)index);
    cJSON *function = cJSON_GetObjectItemCaseSensitive(call, "function");
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(delta, "function");
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(delta, "id"));
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(part, "name"));
    const char *more = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(part, "arguments"));
    if (id)
        cJSON_ReplaceItemInObjectCaseSensitive(call, "id", cJSON_CreateString(id));
    if (name)
        cJSON_ReplaceItemInObjectCaseSensitive(function, "name", cJSON_CreateString(name));
    if (more) {
        const char *have =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(function, "arguments"));
        size_t size = strlen(have) + strlen(more) + 1;
        char *joined = malloc(size);
        if (joined) {
            snprintf(joined, size, "%s%s", have, more);
            cJSON_ReplaceItemInObjectCaseSensitive(function, "arguments",
                                                   cJSON_CreateString(joined));
            free(joined);
        }
    }
}

/* One `data:` line. */
static void take_chunk(stream *s, const char *json)
{
    cJSON *chunk = cJSON_Parse(json);
    if (!chunk)
        return;
    keep(s->served, sizeof s->served, chunk, "model");
    keep(s->id, sizeof s->id, chunk, "id");
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(chunk, "error");
    if (cJSON_IsObject(error))
        keep(s->raw_error, sizeof s->raw_error, error, "message");
    const cJSON *choice = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(chunk, "choices"), 0);
    const cJSON *delta = cJSON_GetObjectItemCaseSensitive(choice, "delta");
    const char *piece = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(delta, "content"));
    const cJSON *calls = cJSON_GetObjectItemCaseSensitive(delta, "tool_calls"), *call;
    if ((piece && *piece) || calls)
        lydite_first_token(s->span);
    if (piece && !append(&s->text, &s->text_len, &s->text_cap, piece, strlen(piece)))
        s->too_large = true;
    cJSON_ArrayForEach(call, calls) merge_call(s, call);
    keep(s->finish, sizeof s->finish, choice, "finish_reason");
    const cJSON *usage = cJSON_GetObjectItemCaseSensitive(chunk, "usage");
    if (cJSON_IsObject(usage)) {
        s->input = number(usage, "prompt_tokens");
        s->output = number(usage, "completion_tokens");
        s->cached = number(cJSON_GetObjectItemCaseSensitive(usage, "prompt_tokens_details"),
                           "cached_tokens");
        s->reasoning = number(cJSON_GetObjectItemCaseSensitive(usage, "completion_tokens_details"),
                              "reasoning_tokens");
    }
    cJSON_Delete(chunk);
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *user)
{
    stream *s = user;
    size_t len = size * n;
    if (!append(&s->line, &s->line_len, &s->line_cap, bytes, len)) {
        s->too_large = true;
        return 0;
    }
    char *start = s->line, *end;
    while ((end = memchr(start, '\n', s->line_len - (size_t)(start - s->line)))) {
        *end = '\0';
        if (end > start && end[-1] == '\r')
            end[-1] = '\0';
        if (strncmp(start, "data:", 5) == 0) {
            const char *json = start + 5 + strspn(start + 5, " ");
            if (strcmp(json, "[DONE]") != 0)
                take_chunk(s, json);
        }
        start = end + 1;
    }
    s->line_len -= (size_t)(start - s->line);
    memmove(s->line, start, s->line_len);
    return len;
}

static char *request_body(const model *m, const cJSON *messages, const cJSON *tools)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "model", m->name);
    cJSON_AddItemReferenceToObject(body, "messages", (cJSON *)messages);
    if (tools)
        cJSON_AddItemReferenceToObject(body, "tools", (cJSON *)tools);
    cJSON_AddNumberToObject(body, "max_tokens", 800);
    cJSON_AddBoolToObject(body, "stream", true);
    cJSON_AddBoolToObject(cJSON_AddObjectToObject(body, "stream_options"), "include_usage", true);
    char *text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    return text;
}

static void record_input(lydite_span *span, const cJSON *messages, const cJSON *tools)
{
    const cJSON *message;
    cJSON_ArrayForEach(message, messages)
    {
        const char *role = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "role"));
        const char *content =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "content"));
        const char *id =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "tool_call_id"));
        const cJSON *calls = cJSON_GetObjectItemCaseSensitive(message, "tool_calls"), *call;
        if (id) {
            lydite_part part = {.type = "tool_call_response", .id = id, .content = content};
            lydite_add_message(span, LYDITE_INPUT, role, &part, 1);
        } else if (!calls) {
            lydite_add_text(span, LYDITE_INPUT, role, content);
        }
        cJSON_ArrayForEach(call, calls)
        {
            const cJSON *function = cJSON_GetObjectItemCaseSensitive(call, "function");
            lydite_part part = {
                .type = "tool_call",
                .id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(call, "id")),
                .name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(function, "name")),
                .json =
                    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(function, "arguments"))};
            lydite_add_message(span, LYDITE_INPUT, role, &part, 1);
        }
    }
    if (tools) {
        char *json = cJSON_PrintUnformatted(tools);
        lydite_set_tool_definitions(span, json);
        free(json);
    }
}

static void record_output(lydite_span *span, const stream *s)
{
    const cJSON *call;
    if (s->text_len)
        lydite_add_text(span, LYDITE_OUTPUT, "assistant", s->text);
    cJSON_ArrayForEach(call, s->calls)
    {
        const cJSON *function = cJSON_GetObjectItemCaseSensitive(call, "function");
        lydite_part part = {
            .type = "tool_call",
            .id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(call, "id")),
            .name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(function, "name")),
            .json = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(function, "arguments"))};
        lydite_add_message(span, LYDITE_OUTPUT, "assistant", &part, 1);
    }
    lydite_usage usage = LYDITE_USAGE_INIT;
    usage.input = s->input;
    usage.output = s->output;
    usage.cache_read = s->cached;
    usage.reasoning = s->reasoning;
    lydite_set_usage(span, &usage);
    lydite_set_response_model(span, s->served[0] ? s->served : NULL);
    lydite_set_response_id(span, s->id[0] ? s->id : NULL);
    lydite_set_finish_reason(span, s->finish[0] ? s->finish : NULL);
}

static void set_server(lydite_span *span, const char *base_url)
{
    CURLU *url = curl_url();
    char *host = NULL, *port = NULL;
    if (url && curl_url_set(url, CURLUPART_URL, base_url, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
        lydite_set_server(span, host, port ? (int)strtol(port, NULL, 10) : 0);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
}

/* One request, one span. Returns the HTTP status, 0 when there was no answer. */
static long attempt(model *m, const char *body, const cJSON *messages, const cJSON *tools,
                    model_reply *reply)
{
    stream s = {.input = LYDITE_UNKNOWN,
                .output = LYDITE_UNKNOWN,
                .cached = LYDITE_UNKNOWN,
                .reasoning = LYDITE_UNKNOWN};
    char url[1000], bearer[1000], message[CURL_ERROR_SIZE] = "";
    long status = 0;
    snprintf(url, sizeof url, "%s/chat/completions", m->base_url);
    lydite_span *span = s.span = lydite_start(m->tracer, LYDITE_GENERATION, m->name);
    lydite_set_provider(span, "openai"); /* the API's flavour; the server is told apart below */
    set_server(span, m->base_url);
    lydite_set_stream(span, true);
    lydite_set_max_tokens(span, 800);
    record_input(span, messages, tools);

    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (m->api_key) {
        snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", m->api_key);
        headers = curl_slist_append(headers, bearer);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &s);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
    CURLcode code = curl ? curl_easy_perform(curl) : CURLE_FAILED_INIT;
    if (curl)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        snprintf(reply->error, sizeof reply->error, "%.100s: %.90s", url,
                 s.too_large ? "the reply is too large"
                             : (message[0] ? message : curl_easy_strerror(code)));
    else if (status != 200)
        snprintf(reply->error, sizeof reply->error, "%.150s answered %ld", url, status);
    else if (s.raw_error[0])
        snprintf(reply->error, sizeof reply->error, "%.190s", s.raw_error);
    else
        reply->error[0] = '\0';
    record_output(span, &s);
    if (reply->error[0]) {
        char type[32];
        snprintf(type, sizeof type, status ? "%ld" : "connection", status);
        lydite_set_error(span, type, reply->error);
    }
    lydite_end(span);

    reply->text = s.text ? s.text : calloc(1, 1);
    reply->tool_calls = s.calls;
    free(s.line);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

bool model_chat(model *m, const cJSON *messages, const cJSON *tools, model_reply *reply)
{
    *reply = (model_reply){0};
    char *body = request_body(m, messages, tools);
    long status = attempt(m, body, messages, tools, reply);
    if (status == 429 || status == 500 || status == 502 || status == 503) {
        model_reply_release(reply);
        attempt(m, body, messages, tools, reply);
    }
    free(body);
    return reply->error[0] == '\0';
}

void model_reply_release(model_reply *reply)
{
    free(reply->text);
    cJSON_Delete(reply->tool_calls);
    reply->text = NULL;
    reply->tool_calls = NULL;
}
