/*
 * liblydite-curl against a local HTTP server with canned replies: what is recorded for each shape, for
 * streams and for errors, and that no credential is.
 */
#include "../testing.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <lydite/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "otlp/decode.h"

#define SECRET "sk-verysecretkey123"

/* ---- a server that answers one request a connection ---- */

static int listener, port;
static const char *answer;
static char request_seen[8192];

static void *serve(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        size_t got = 0;
        memset(request_seen, 0, sizeof request_seen);
        for (;;) {
            ssize_t n = read(fd, request_seen + got, sizeof request_seen - got - 1);
            got += n > 0 ? (size_t)n : 0;
            /* Every body of this test ends its JSON with two braces or brackets and a line feed. */
            if (n <= 0 || request_seen[got - 1] == '\n') {
                break;
            }
        }
        /* A copy: a client that has all it wants goes on to the next test while the rest is sent. */
        char *mine = ly_strdup(answer);
        for (const char *at = mine; *at;) {
            /* In pieces, so that lines are cut in the middle; chunked ones are cut by themselves. */
            const bool whole = strstr(mine, "chunked") != NULL;
            size_t n = !whole && strlen(at) > 40 ? 37 : strlen(at);
            if (write(fd, at, n) < 0) {
                break;
            }
            usleep(whole ? 0 : 500);
            at += n;
        }
        ly_free(mine);
        close(fd);
    }
}

static int start(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    pthread_t thread;
    (void)state;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 5) ||
        getsockname(listener, (struct sockaddr *)&a, &len)) {
        return -1;
    }
    port = ntohs(a.sin_port);
    return pthread_create(&thread, NULL, serve, NULL);
}

/* ---- what was exported ---- */

static ly_buf exported;
static int keep(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)user, (void)logs, (void)n;
    ly_buf_reset(&exported);
    ly_buf_add(&exported, bytes, len);
    return 0;
}

static ly_arena arena;
static ly_otlp_batch batch;
static ly_buf reply_text;

static size_t collect(char *bytes, size_t size, size_t n, void *user)
{
    ly_buf_add(user, bytes, size * n);
    return size * n;
}

/* Performs one call; the one span it made, or NULL. */
static const ly_span *call(const char *path, const char *body, const char *canned)
{
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    char url[256];
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Authorization: Bearer " SECRET);
    lydite_curl_request request = LYDITE_CURL_REQUEST_INIT;
    opts.export_fn = keep;
    opts.ignore_env = true;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    answer = canned;
    snprintf(url, sizeof url, "http://user:" SECRET "@127.0.0.1:%d%s", port, path);
    ly_buf_release(&exported);
    ly_buf_init(&exported, 1 << 20);
    ly_buf_release(&reply_text);
    ly_buf_init(&reply_text, 1 << 20);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
    request.url = url;
    request.body = body;
    request.write = collect;
    request.write_user = &reply_text;
    (void)lydite_curl_perform(t, easy, &request);
    assert_non_null(strstr(request_seen, SECRET)); /* it was sent, so it could have been recorded */
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    (void)lydite_close(t, 5000, NULL);
    ly_arena_release(&arena);
    ly_arena_init(&arena, 0, 0);
    if (!exported.len) {
        return NULL;
    }
    assert_int_equal(ly_str_find(ly_buf_view(&exported), LY_S("verysecret"), 0), SIZE_MAX);
    assert_int_equal(
        ly_otlp_decode(ly_buf_view(&exported), LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL),
        LY_OK);
    assert_int_equal(batch.n_spans, 1);
    return &batch.spans[0];
}

static void has_str(const ly_span *span, const char *key, const char *want)
{
    const ly_any *value = ly_attrs_get(&span->attrs, ly_str_c(key));
    if (!value || value->kind != LY_ANY_STRING || !ly_str_eqc(value->str, want)) {
        fail_msg("%s: want %s, have %.*s", key, want, value ? (int)value->str.len : 4,
                 value && value->kind == LY_ANY_STRING ? value->str.ptr : "none");
    }
}

static void has_int(const ly_span *span, const char *key, int64_t want)
{
    const ly_any *value = ly_attrs_get(&span->attrs, ly_str_c(key));
    if (!value || value->kind != LY_ANY_INT || value->integer != want) {
        fail_msg("%s: want %lld", key, (long long)want);
    }
}

static void has_part(const ly_span *span, const char *key, const char *part)
{
    const ly_any *value = ly_attrs_get(&span->attrs, ly_str_c(key));
    assert_non_null(value);
    if (ly_str_find(value->str, ly_str_c(part), 0) == SIZE_MAX) {
        fail_msg("%s is %.*s", key, LY_STR_ARG(value->str));
    }
}

#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define OK_SSE  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

static void test_openai(void **state)
{
    (void)state;
    const ly_span *span = call(
        "/v1/chat/completions",
        "{\"model\":\"gpt-4o-mini\",\"temperature\":0.2,\"max_tokens\":50,\"messages\":["
        "{\"role\":\"system\",\"content\":\"be "
        "brief\"},{\"role\":\"user\",\"content\":\"hello\"}]}\n",
        OK_JSON
        "{\"id\":\"c1\",\"model\":\"gpt-4o-mini-2024\",\"choices\":[{\"index\":0,\"message\":{"
        "\"role\":\"assistant\",\"content\":\"hi there\"},\"finish_reason\":\"stop\"}],\"usage\":{"
        "\"prompt_tokens\":12,\"completion_tokens\":3,\"total_tokens\":15,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4}}}");
    assert_non_null(span);
    assert_true(ly_str_eqc(span->name, "chat gpt-4o-mini"));
    assert_int_equal(span->kind, LY_KIND_CLIENT);
    has_str(span, "gen_ai.provider.name", "openai");
    has_str(span, "gen_ai.response.model", "gpt-4o-mini-2024");
    has_str(span, "gen_ai.response.id", "c1");
    has_str(span, "server.address", "127.0.0.1");
    has_int(span, "server.port", port);
    has_int(span, "gen_ai.usage.input_tokens", 12);
    has_int(span, "gen_ai.usage.output_tokens", 3);
    has_int(span, "gen_ai.usage.cache_read.input_tokens", 4);
    has_int(span, "gen_ai.request.max_tokens", 50);
    has_part(span, "gen_ai.input.messages", "hello");
    has_part(span, "gen_ai.output.messages", "hi there");
    assert_int_equal(span->status_code, LY_CODE_UNSET);
    assert_int_not_equal(ly_str_find(ly_buf_view(&reply_text), LY_S("total_tokens"), 0), SIZE_MAX);
}

static void test_openai_stream(void **state)
{
    (void)state;
    const ly_span *span = call(
        "/v1/chat/completions",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n",
        OK_SSE
        "data: {\"id\":\"s1\",\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{"
        "\"role\":\"assistant\",\"content\":\"one \"}}]}\n\n"
        "data: {\"id\":\"s1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"}}]}\r\n\r\n"
        "data: {\"id\":\"s1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
        "\"stop\"}]}\n\n"
        "data: {\"id\":\"s1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
        "\"completion_tokens\":2,\"total_tokens\":9}}\n\ndata: [DONE]\n\n");
    assert_non_null(span);
    has_part(span, "gen_ai.output.messages", "one two");
    has_int(span, "gen_ai.usage.output_tokens", 2);
    const ly_any *ttft = ly_attrs_get(&span->attrs, LY_S("gen_ai.response.time_to_first_chunk"));
    assert_non_null(ttft);
    assert_true(ttft->kind == LY_ANY_DOUBLE && ttft->real > 0 &&
                ttft->real * 1e9 < (double)(span->end_ns - span->start_ns));
    assert_int_equal(span->status_code, LY_CODE_UNSET);
}

/* OpenRouter: comments before the first event, and what the call cost. */
static void test_stream_with_cost(void **state)
{
    (void)state;
    const ly_span *span = call(
        "/api/v1/chat/completions",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n",
        OK_SSE ": OPENROUTER PROCESSING\n\n"
               "data: {\"id\":\"g\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"},"
               "\"finish_reason\":\"stop\"}]}\n\n"
               "data: {\"id\":\"g\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
               "\"completion_tokens\":2,\"cost\":0.5}}\n\ndata: [DONE]\n\n");
    assert_non_null(span);
    has_part(span, "gen_ai.output.messages", "one");
    const ly_any *cost = ly_attrs_get(&span->attrs, LY_S("gen_ai.usage.cost"));
    assert_non_null(cost);
    assert_true(cost->kind == LY_ANY_DOUBLE && cost->real == 0.5);
}

/* After a call that was handed on to nobody the handle is as curl made it: it writes to stdout. */
static void test_handle_given_back(void **state)
{
    (void)state;
    char url[128];
    CURL *easy = curl_easy_init();
    lydite_curl_request request = LYDITE_CURL_REQUEST_INIT;
    answer = OK_JSON "{}\n";
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/chat/completions", port);
    request.url = url;
    request.body = "{}\n";
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 30L);
    assert_int_equal(lydite_curl_perform(NULL, easy, &request), CURLE_OK);
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    curl_easy_cleanup(easy);
}

static void test_stream_cut(void **state)
{
    (void)state;
    const ly_span *span = call(
        "/v1/chat/completions",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n",
        OK_SSE
        "data: {\"id\":\"s1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n");
    assert_non_null(span);
    has_part(span, "gen_ai.output.messages", "half");
    has_str(span, "error.type", "stream_cut");
}

static void test_anthropic_and_its_error(void **state)
{
    (void)state;
    const ly_span *span =
        call("/v1/messages",
             "{\"model\":\"claude-x\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
             "\"content\":\"q\"}]}\n",
             OK_JSON
             "{\"id\":\"m1\",\"type\":\"message\",\"model\":\"claude-x-1\",\"content\":[{\"type\":"
             "\"text\",\"text\":\"an answer\"}],\"stop_reason\":\"end_turn\",\"usage\":{"
             "\"input_tokens\":5,\"cache_read_input_tokens\":10,\"output_tokens\":2}}");
    assert_non_null(span);
    has_str(span, "gen_ai.provider.name", "anthropic");
    has_int(span, "gen_ai.usage.input_tokens", 15);
    has_int(span, "gen_ai.usage.cache_read.input_tokens", 10);
    span = call(
        "/v1/messages", "{\"model\":\"claude-x\",\"max_tokens\":9,\"messages\":[]}\n",
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: "
        "close\r\n\r\n{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":"
        "\"Incorrect API key provided: " SECRET ". Look it up.\"}}");
    assert_non_null(span);
    assert_int_equal(span->status_code, LY_CODE_ERROR);
    has_str(span, "error.type", "401");
    assert_int_not_equal(ly_str_find(span->status_message, LY_S("Incorrect API key"), 0), SIZE_MAX);
}

static void test_gemini(void **state)
{
    (void)state;
    const ly_span *span =
        call("/v1beta/models/gemini-2.0-flash:generateContent?key=" SECRET,
             "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}]}\n",
             OK_JSON
             "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"fine\"}]},"
             "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,"
             "\"candidatesTokenCount\":1,\"totalTokenCount\":4},\"modelVersion\":"
             "\"gemini-2.0-flash-001\"}");
    assert_non_null(span);
    assert_true(ly_str_eqc(span->name, "chat gemini-2.0-flash"));
    has_str(span, "gen_ai.provider.name", "gcp.gemini");
    has_part(span, "gen_ai.output.messages", "fine");
}

static void test_other_urls_are_left_alone(void **state)
{
    (void)state;
    assert_null(call("/v1/files", "{\"a\":{}}\n", OK_JSON "{}"));
    assert_true(ly_str_eqc(ly_buf_view(&reply_text), "{}"));
}

/* ---- streams, cut at every byte ---- */

/* HTTP chunks of `size` bytes: curl hands each to the hook by itself, so every line is cut everywhere. */
static const char *chunked(const char *type, const char *body, size_t size)
{
    static ly_buf out;
    ly_buf_release(&out);
    ly_buf_init(&out, 1 << 20);
    ly_buf_fmt(&out,
               "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\nConnection: "
               "close\r\n\r\n",
               type);
    for (size_t at = 0, len = strlen(body); at < len; at += size) {
        size_t n = len - at < size ? len - at : size;
        ly_buf_fmt(&out, "%zx\r\n", n);
        ly_buf_add(&out, body + at, n);
        ly_buf_c(&out, "\r\n");
    }
    ly_buf_c(&out, "0\r\n\r\n");
    return ly_buf_text(&out);
}

static void test_streams_cut_at_every_byte(void **state)
{
    static const struct {
        const char *name, *path, *request, *type, *body;
        int64_t input, output;
    } rows[] = {
        {"chat", "/v1/chat/completions", "{\"model\":\"m\",\"stream\":true,\"messages\":[]}\n",
         "text/event-stream; charset=utf-8",
         "data: {\"id\":\"s\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
         "\"assistant\",\"content\":\"caf\xC3\xA9 \"}}]}\n\n"
         ": keep-alive\n\n"
         "data: {\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u4f60 {]\"}}]}"
         "\n\n"
         "data: {\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
         "\r\n\r\n"
         "data: "
         "{\"id\":\"s\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}"
         "\n\ndata: [DONE]",
         7, 2},
        {"chat as plain text", "/v1/chat/completions",
         "{\"model\":\"m\",\"stream\":true,\"messages\":[]}\n", "text/plain",
         "data: {\"id\":\"s\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
         "\"caf\xC3\xA9 \xE4\xBD\xA0 "
         "{]\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,"
         "\"completion_tokens\":2}}\n\ndata: [DONE]\n",
         7, 2},
        {"responses", "/v1/responses", "{\"model\":\"m\",\"stream\":true,\"input\":\"q\"}\n",
         "text/event-stream",
         "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\","
         "\"model\":\"m\"}}\n\n"
         "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
         "\"output_index\":0,\"delta\":\"caf\xC3\xA9 \"}\n\n"
         "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
         "\"output_index\":0,\"delta\":\"\\u4f60 {]\"}\n\n"
         "event: response.completed\ndata: "
         "{\"type\":\"response.completed\",\"response\":{\"id\":\"r\","
         "\"model\":\"m\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"role\":"
         "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"caf\xC3\xA9 \\u4f60 "
         "{]\"}]}],"
         "\"usage\":{\"input_tokens\":7,\"output_tokens\":2}}}\n\n",
         7, 2},
        {"anthropic", "/v1/messages",
         "{\"model\":\"c\",\"max_tokens\":9,\"stream\":true,\"messages\":[]}\n",
         "text/event-stream",
         "event: message_start\ndata: "
         "{\"type\":\"message_start\",\"message\":{\"id\":\"a\",\"model\":"
         "\"c\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n"
         "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
         "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
         "event: ping\ndata: {\"type\":\"ping\"}\n\n"
         "event: content_block_delta\ndata: "
         "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
         "\"type\":\"text_delta\",\"text\":\"caf\xC3\xA9 \"}}\n\n"
         "event: content_block_delta\ndata: "
         "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
         "\"type\":\"text_delta\",\"text\":\"\\u4f60 {]\"}}\n\n"
         "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
         "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
         "\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n"
         "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
         7, 2},
        {"gemini", "/v1beta/models/g:streamGenerateContent?alt=sse&key=" SECRET,
         "{\"contents\":[]}\n", "text/event-stream",
         "data: "
         "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"caf\xC3\xA9 \""
         "}]}}],\"modelVersion\":\"g\"}\r\n\r\n"
         "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\\u4f60 "
         "{]\""
         "}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":7,"
         "\"candidatesTokenCount\":2},\"modelVersion\":\"g\"}\r\n\r\n",
         7, 2},
        {"gemini's array", "/v1beta/models/g:streamGenerateContent?key=" SECRET,
         "{\"contents\":[]}\n", "application/json; charset=UTF-8",
         "[{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"caf\xC3\xA9 \""
         "}]}}],\"modelVersion\":\"g\"}\n,\r\n"
         "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\\u4f60 {]\""
         "}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":7,"
         "\"candidatesTokenCount\":2},\"modelVersion\":\"g\"}]\n",
         7, 2},
    };
    static const size_t sizes[] = {1, 2, 7, 100000};
    (void)state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        for (size_t k = 0; k < LY_COUNT(sizes); k++) {
            const ly_span *span =
                call(rows[i].path, rows[i].request, chunked(rows[i].type, rows[i].body, sizes[k]));
            if (!span || span->status_code != LY_CODE_UNSET) {
                fail_msg("%s in pieces of %zu: %.*s", rows[i].name, sizes[k],
                         span ? (int)span->status_message.len : 7,
                         span ? span->status_message.ptr : "no span");
            }
            has_part(span, "gen_ai.output.messages", "caf\xC3\xA9 \xE4\xBD\xA0 {]");
            has_int(span, "gen_ai.usage.input_tokens", rows[i].input);
            has_int(span, "gen_ai.usage.output_tokens", rows[i].output);
            assert_non_null(
                ly_attrs_get(&span->attrs, LY_S("gen_ai.response.time_to_first_chunk")));
            /* the host got every byte */
            assert_true(ly_str_eqc(ly_buf_view(&reply_text), rows[i].body));
        }
    }
}

static void test_parameters(void **state)
{
    (void)state;
    const ly_span *span =
        call("/v1/chat/completions",
             "{\"model\":\"m\",\"temperature\":0.5,\"top_p\":0.9,\"frequency_penalty\":0.1,"
             "\"presence_penalty\":-0.2,\"seed\":7,\"stop\":[\"a\",\"b\"],\"reasoning_effort\":"
             "\"low\",\"response_format\":{\"type\":\"json_object\"},\"messages\":[]}\n",
             OK_JSON "{}");
    assert_non_null(span);
    const ly_any *stop = ly_attrs_get(&span->attrs, LY_S("gen_ai.request.stop_sequences"));
    assert_true(stop && stop->kind == LY_ANY_ARRAY && stop->array.n == 2);
    const ly_any *penalty = ly_attrs_get(&span->attrs, LY_S("gen_ai.request.presence_penalty"));
    assert_true(penalty && penalty->kind == LY_ANY_DOUBLE && penalty->real < -0.1);
    has_str(span, "gen_ai.request.reasoning.level", "low");
    has_str(span, "gen_ai.output.type", "json");
    has_int(span, "gen_ai.request.seed", 7);
}

/* One handle for several calls, in a multi handle, one of them to nobody. */
static void test_multi_and_reuse(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    lydite_stats s = LYDITE_STATS_INIT;
    char good[64], bad[64];
    opts.export_fn = keep;
    opts.ignore_env = true;
    opts.schedule_ms = 3600000;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    ly_buf_release(&exported);
    ly_buf_init(&exported, 1 << 20);
    answer = OK_JSON "{\"id\":\"c\",\"choices\":[{\"message\":{\"content\":\"x\"}}]}";
    snprintf(good, sizeof good, "http://127.0.0.1:%d/v1/chat/completions", port);
    snprintf(bad, sizeof bad, "http://127.0.0.1:1/v1/chat/completions");
    CURLM *multi = curl_multi_init();
    CURL *easy = curl_easy_init();
    for (int i = 0; i < 3; i++) {
        lydite_curl_request request = LYDITE_CURL_REQUEST_INIT;
        int running = 1, left = 0;
        request.url = i == 1 ? bad : good;
        request.body = "{\"model\":\"m\",\"messages\":[]}\n";
        request.write = collect;
        request.write_user = &reply_text;
        lydite_curl_call *c = lydite_curl_begin(t, easy, &request);
        assert_non_null(lydite_curl_span(c));
        assert_null(lydite_current());
        curl_multi_add_handle(multi, easy);
        while (running) {
            curl_multi_perform(multi, &running);
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
        CURLMsg *m = curl_multi_info_read(multi, &left);
        assert_non_null(m);
        lydite_curl_end(c, (int)m->data.result);
        curl_multi_remove_handle(multi, easy);
    }
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    lydite_curl_end(NULL, 0);
    assert_null(lydite_curl_begin(t, NULL, NULL));
    assert_int_equal(lydite_close(t, 30000, &s), LYDITE_OK);
    assert_int_equal(s.acknowledged, 3);
    assert_int_equal(
        ly_otlp_decode(ly_buf_view(&exported), LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL),
        LY_OK);
    assert_int_equal(batch.n_spans, 3);
    assert_int_equal(batch.spans[0].status_code, LY_CODE_UNSET);
    has_str(&batch.spans[1], "error.type", "curl_7");
    assert_int_equal(batch.spans[2].status_code, LY_CODE_UNSET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openai),
        cmocka_unit_test(test_openai_stream),
        cmocka_unit_test(test_stream_with_cost),
        cmocka_unit_test(test_handle_given_back),
        cmocka_unit_test(test_stream_cut),
        cmocka_unit_test(test_anthropic_and_its_error),
        cmocka_unit_test(test_gemini),
        cmocka_unit_test(test_other_urls_are_left_alone),
        cmocka_unit_test(test_streams_cut_at_every_byte),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_multi_and_reuse),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
