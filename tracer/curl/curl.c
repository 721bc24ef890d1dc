/*
 * liblydite-curl: see <lydite/curl.h>. Reads requests and replies with core/genai's shapes; no JSON is
 * parsed here. Nothing it finds wrong ever fails the host's transfer: it then records less.
 */
#include <lydite/curl.h>

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "genai/shape.h"

struct lydite_curl_call {
    CURL *easy;
    lydite_span *span; /* NULL: performed, not recorded */
    ly_shape shape;
    lydite_curl_write_fn write;
    void *write_user;
    ly_arena arena;
    ly_buf kept; /* the whole reply, or the line of a stream that is not complete yet */
    ly_buf event, data;
    ly_shape_stream *stream;
    bool looked, sse, lines;
    bool asked_stream;
    /* A stream that is one JSON array (Gemini without alt=sse): where its text has been read to */
    bool array, in_string, escaped;
    size_t array_at, array_from;
    int array_depth;
};

/* ---- what the URL says ---- */

typedef struct place {
    ly_str host, path;
    int port;
} place;

/* Host, port and path, without user part, query and fragment. */
static place url_place(const char *url)
{
    ly_str s = ly_str_c(url);
    place p = {LY_STR_NONE, LY_STR_NONE, 443};
    size_t scheme = ly_str_find(s, LY_S("://"), 0);
    if (scheme != SIZE_MAX) {
        p.port = ly_str_eq_nocase(ly_str_sub(s, 0, scheme), LY_S("http")) ? 80 : 443;
        s = ly_str_sub(s, scheme + 3, s.len);
    }
    size_t end = 0;
    while (end < s.len && !strchr("/?#", s.ptr[end])) {
        end++;
    }
    ly_str authority = ly_str_sub(s, 0, end);
    p.path = ly_str_sub(s, end, s.len);
    for (size_t i = 0; i < p.path.len; i++) {
        if (p.path.ptr[i] == '?' || p.path.ptr[i] == '#') {
            p.path.len = i;
        }
    }
    for (size_t at = 0; (at = ly_str_find_char(authority, '@', 0)) != SIZE_MAX;) {
        authority = ly_str_sub(authority, at + 1, authority.len);
    }
    size_t bracket = ly_str_find_char(authority, ']', 0);
    size_t colon = ly_str_find_char(authority, ':', bracket == SIZE_MAX ? 0 : bracket);
    p.host = ly_str_sub(authority, 0, colon == SIZE_MAX ? authority.len : colon);
    int64_t port;
    if (colon != SIZE_MAX &&
        ly_str_to_i64(ly_str_sub(authority, colon + 1, authority.len), &port) && port > 0 &&
        port < 65536) {
        p.port = (int)port;
    }
    return p;
}

/* otlp-and-genai-conventions §2.3: the API flavour, by host where the host is known. */
static const char *provider_of(ly_str host, ly_shape shape)
{
    static const struct {
        const char *host_end, *provider;
    } known[] = {{"openai.azure.com", "azure.ai.openai"},
                 {"api.openai.com", "openai"},
                 {"api.anthropic.com", "anthropic"},
                 {"generativelanguage.googleapis.com", "gcp.gemini"},
                 {"aiplatform.googleapis.com", "gcp.vertex_ai"},
                 {"api.groq.com", "groq"},
                 {"api.mistral.ai", "mistral_ai"},
                 {"api.deepseek.com", "deepseek"},
                 {"api.x.ai", "x_ai"},
                 {"api.perplexity.ai", "perplexity"},
                 {"api.moonshot.ai", "moonshot_ai"}};
    for (size_t i = 0; i < LY_COUNT(known); i++) {
        if (ly_str_ends(host, ly_str_c(known[i].host_end))) {
            return known[i].provider;
        }
    }
    return shape == LY_SHAPE_ANTHROPIC ? "anthropic"
           : shape == LY_SHAPE_GEMINI  ? "gcp.gemini"
           : shape == LY_SHAPE_OLLAMA  ? "ollama"
                                       : "openai";
}

/* ---- setting texts that are views ---- */

static const char *text_of(lydite_curl_call *call, ly_str s)
{
    if (!s.len) {
        return NULL;
    }
    return ly_arena_copy(&call->arena, s).ptr;
}

/* ---- the request ---- */

static void record_request(lydite_curl_call *call, ly_str body)
{
    ly_shape_asked asked;
    lydite_span *span = call->span;
    if (ly_shape_read_request(call->shape, body, &call->arena, &asked, NULL) != LY_OK) {
        return;
    }
    lydite_set_request_model(span, text_of(call, asked.model));
    call->asked_stream |= asked.stream;
    lydite_set_stream(span, call->asked_stream);
    lydite_set_max_tokens(span, asked.max_output);
    lydite_set_seed(span, asked.seed);
    if (asked.temperature > LY_SHAPE_UNSET / 2) {
        lydite_set_temperature(span, asked.temperature);
    }
    if (asked.top_p > LY_SHAPE_UNSET / 2) {
        lydite_set_top_p(span, asked.top_p);
    }
    lydite_set_top_k(span, asked.top_k);
    lydite_set_penalties(
        span, asked.frequency_penalty > LY_SHAPE_UNSET / 2 ? asked.frequency_penalty : NAN,
        asked.presence_penalty > LY_SHAPE_UNSET / 2 ? asked.presence_penalty : NAN);
    lydite_set_reasoning_level(span, text_of(call, asked.effort));
    lydite_set_output_type(span, asked.json ? "json" : NULL);
    if (asked.n_stop) {
        const char *stops[64];
        for (size_t i = 0; i < asked.n_stop; i++) {
            stops[i] = text_of(call, asked.stop[i]);
        }
        lydite_set_stop_sequences(span, stops, asked.n_stop);
    }
    lydite_set_messages_json(span, LYDITE_INPUT, text_of(call, asked.messages_json));
    const char *system = text_of(call, asked.system_json);
    if (system) {
        lydite_set_system_json(span, system);
    }
    lydite_set_tool_definitions(span, text_of(call, asked.tools_json));
}

/* ---- the reply ---- */

/* A provider quotes part of a wrong key in its error text. Words that begin like keys are masked. */
static char *without_keys(char *text)
{
    static const char *const starts[] = {"sk-", "AIza", "gsk_", "xai-", "Bearer ", "key-"};
    for (size_t i = 0; text && i < LY_COUNT(starts); i++) {
        for (char *at = text; (at = strstr(at, starts[i])) != NULL;) {
            for (at += strlen(starts[i]); *at && !strchr(" \t\n\"'.,;)", *at); at++) {
                *at = '*';
            }
        }
    }
    return text;
}

static void record_error(lydite_curl_call *call, const char *type, ly_str message)
{
    lydite_set_error(call->span, type, without_keys((char *)text_of(call, message)));
}

static void record_reply(lydite_curl_call *call, const ly_shape_reply *reply)
{
    lydite_span *span = call->span;
    ly_buf out;
    lydite_usage usage = LYDITE_USAGE_INIT;
    lydite_set_response_id(span, text_of(call, reply->id));
    lydite_set_response_model(span, text_of(call, reply->model));
    lydite_set_service_tier(span, text_of(call, reply->service_tier));
    lydite_set_finish_reason(span, text_of(call, reply->finish));
    usage.input = ly_tokens_in(&reply->tokens);
    usage.output = ly_tokens_out(&reply->tokens);
    usage.cache_read = reply->tokens.cache_read;
    usage.cache_write = reply->tokens.cache_write;
    usage.reasoning = reply->tokens.out_reasoning;
    usage.audio_input = reply->tokens.in_audio;
    usage.image_input = reply->tokens.in_image;
    usage.audio_cache_read = reply->tokens.cache_read_audio;
    usage.audio_output = reply->tokens.out_audio;
    usage.image_output = reply->tokens.out_image;
    lydite_set_usage(span, &usage);
    lydite_set_cost(span, reply->cost_said ? reply->cost : NAN);
    if (reply->text.len || reply->reasoning.len || reply->refusal.len || reply->n_calls) {
        ly_buf_init(&out, LY_MAX_REPLY_BYTES * 2);
        ly_shape_write_output_messages(reply, &out);
        if (!out.failed) {
            lydite_set_messages_json(span, LYDITE_OUTPUT, ly_buf_text(&out));
        }
        ly_buf_release(&out);
    }
}

/* ---- the bytes on their way ---- */

/* Event streams, JSON lines and Gemini's array by their type; an event stream under another name by its
 * first bytes, where a stream was asked for. */
static void look_at_type(lydite_curl_call *call, ly_str bytes)
{
    const char *type = NULL;
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    ly_str t = ly_str_c(type);
    const ly_str first = ly_str_trim(bytes);
    const bool wants = call->asked_stream && status < 400;
    call->looked = true;
    call->sse = ly_str_find(t, LY_S("event-stream"), 0) != SIZE_MAX ||
                (wants && first.len && first.ptr[0] != '{' && first.ptr[0] != '[' &&
                 ly_str_find(t, LY_S("json"), 0) == SIZE_MAX);
    call->lines = ly_str_find(t, LY_S("ndjson"), 0) != SIZE_MAX;
    call->array = call->shape == LY_SHAPE_GEMINI && !call->sse && first.len && first.ptr[0] == '[';
    if (call->sse || call->lines || call->array) {
        call->stream = ly_shape_stream_new(call->shape, LY_MAX_REPLY_BYTES);
    }
}

static void feed(lydite_curl_call *call, ly_str data)
{
    bool first = false;
    (void)!ly_shape_stream_feed(call->stream, ly_buf_view(&call->event), data, &first, NULL);
    if (first) {
        lydite_first_token(call->span);
    }
}

/* One line of an event stream (https://html.spec.whatwg.org/#event-stream-interpretation). */
static void sse_line(lydite_curl_call *call, ly_str line)
{
    if (line.len && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    if (!line.len) {
        if (call->data.len) {
            feed(call, ly_buf_view(&call->data));
        }
        ly_buf_reset(&call->data);
        ly_buf_reset(&call->event);
        return;
    }
    size_t colon = ly_str_find_char(line, ':', 0);
    ly_str field = ly_str_sub(line, 0, colon == SIZE_MAX ? line.len : colon);
    ly_str value = colon == SIZE_MAX ? LY_STR_NONE : ly_str_sub(line, colon + 1, line.len);
    if (value.len && value.ptr[0] == ' ') {
        value = ly_str_sub(value, 1, value.len);
    }
    if (ly_str_eq(field, LY_S("data"))) {
        if (call->data.len) {
            ly_buf_char(&call->data, '\n');
        }
        ly_buf_str(&call->data, value);
    } else if (ly_str_eq(field, LY_S("event"))) {
        ly_buf_reset(&call->event);
        ly_buf_str(&call->event, value);
    }
}

/* Each object of the array as soon as its brace has come. */
static void watch_array(lydite_curl_call *call)
{
    const ly_str all = ly_buf_view(&call->kept);
    for (; call->array_at < all.len; call->array_at++) {
        const char c = all.ptr[call->array_at];
        if (call->in_string) {
            call->in_string = call->escaped || c != '"';
            call->escaped = !call->escaped && c == '\\';
        } else if (c == '"') {
            call->in_string = true;
        } else if (c == '{' || c == '[') {
            if (c == '{' && call->array_depth == 1) {
                call->array_from = call->array_at;
            }
            call->array_depth++;
        } else if (c == '}' || c == ']') {
            if (--call->array_depth == 1 && c == '}') {
                feed(call,
                     ly_str_sub(all, call->array_from, call->array_at + 1 - call->array_from));
            }
        }
    }
}

static void one_line(lydite_curl_call *call, ly_str line)
{
    if (call->sse) {
        sse_line(call, line);
    } else if (ly_str_trim(line).len) {
        feed(call, line);
    }
}

static void watch(lydite_curl_call *call, const char *bytes, size_t n)
{
    if (!call->looked && n) {
        look_at_type(call, ly_str_n(bytes, n));
    }
    ly_buf_add(&call->kept, bytes, n);
    if (!call->stream || call->array) {
        if (call->array) {
            watch_array(call);
        }
        return;
    }
    ly_str rest = ly_buf_view(&call->kept);
    for (size_t end; (end = ly_str_find_char(rest, '\n', 0)) != SIZE_MAX;) {
        one_line(call, ly_str_sub(rest, 0, end));
        rest = ly_str_sub(rest, end + 1, rest.len);
    }
    size_t left = rest.len;
    if (left && left < call->kept.len) {
        memmove(call->kept.ptr, rest.ptr, left);
    }
    ly_buf_cut(&call->kept, left);
}

/* Servers leave the last line feed or the last empty line away. */
static void watch_end(lydite_curl_call *call)
{
    if (call->stream && !call->array) {
        if (call->kept.len) {
            one_line(call, ly_buf_view(&call->kept));
        }
        if (call->sse) {
            sse_line(call, LY_STR_NONE);
        }
    }
}

/* ---- the outcome ---- */

static void record_outcome(lydite_curl_call *call, int curl_code)
{
    ly_shape_reply reply = {.tokens = LY_TOKENS_UNKNOWN};
    long status = 0;
    char type[32];
    watch_end(call);
    bool read = call->stream
                    ? ly_shape_stream_end(call->stream, &call->arena, &reply, NULL) == LY_OK
                    : call->kept.len && ly_shape_read_reply(call->shape, ly_buf_view(&call->kept),
                                                            &call->arena, &reply, NULL) == LY_OK;
    if (read) {
        record_reply(call, &reply);
    }
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (curl_code != CURLE_OK) {
        snprintf(type, sizeof type, "curl_%d", curl_code);
        record_error(call, type, ly_str_c(curl_easy_strerror((CURLcode)curl_code)));
    } else if (status >= 400) {
        snprintf(type, sizeof type, "%ld", status);
        record_error(call, type, read ? reply.error_message : LY_STR_NONE);
    } else if (read && (reply.error_type.len || reply.error_message.len)) {
        const char *named = text_of(call, reply.error_type);
        record_error(call, named ? named : "_OTHER", reply.error_message);
    } else if (call->stream && !ly_shape_stream_done(call->stream)) {
        record_error(call, "stream_cut", LY_S("the stream ended without its end mark"));
    }
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *user)
{
    lydite_curl_call *call = user;
    const size_t all = size * n;
    size_t taken = call->write ? call->write(bytes, size, n, call->write_user) : all;
    if (call->span && taken == all) {
        watch(call, bytes, all);
    }
    return taken;
}

/* ---- begin and end ---- */

lydite_curl_call *lydite_curl_begin(lydite_tracer *tracer, void *easy,
                                    const lydite_curl_request *request)
{
    lydite_curl_request r = LYDITE_CURL_REQUEST_INIT;
    lydite_curl_call *call = ly_calloc(1, sizeof *call);
    if (!call || !easy || !request) {
        ly_free(call);
        return NULL;
    }
    memcpy(&r, request, request->size < sizeof r ? request->size : sizeof r);
    call->easy = easy;
    call->write = r.write;
    call->write_user = r.write_user;
    ly_arena_init(&call->arena, 0, LY_MIB(256));
    ly_buf_init(&call->kept, LY_MAX_REPLY_BYTES);
    ly_buf_init(&call->event, LY_KIB(4));
    ly_buf_init(&call->data, LY_MAX_REPLY_BYTES);
    if (r.url) {
        curl_easy_setopt(easy, CURLOPT_URL, r.url);
    }
    const size_t len = r.body ? (r.body_len ? r.body_len : strlen(r.body)) : 0;
    if (r.body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r.body);
    }
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);

    const place at = url_place(r.url);
    ly_str model = LY_STR_NONE;
    const bool embedding = ly_str_ends(at.path, LY_S("/embeddings"));
    call->asked_stream = ly_str_ends(at.path, LY_S(":streamGenerateContent"));
    bool known = r.url && ly_shape_detect(at.host, at.path, &call->shape, &model);
    if (!known && embedding) {
        call->shape = LY_SHAPE_OPENAI_CHAT;
        known = true;
    }
    if (!known) {
        return call;
    }
    lydite_start_options how = LYDITE_START_INIT;
    how.detached = true;
    how.parent = lydite_current();
    call->span = lydite_start_with(tracer, embedding ? LYDITE_EMBEDDING : LYDITE_GENERATION,
                                   text_of(call, model), &how);
    if (call->span) {
        lydite_set_provider(call->span,
                            r.provider ? r.provider : provider_of(at.host, call->shape));
        lydite_set_server(call->span, text_of(call, at.host), at.port);
        record_request(call, ly_str_n(r.body, len));
    }
    return call;
}

lydite_span *lydite_curl_span(lydite_curl_call *call)
{
    return call ? call->span : NULL;
}

void lydite_curl_end(lydite_curl_call *call, int curl_code)
{
    if (!call) {
        return;
    }
    if (call->span) {
        record_outcome(call, curl_code);
        lydite_end(call->span);
    }
    /* The handle is the host's again. Without a function of its own curl writes to a FILE. */
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, (curl_write_callback)call->write);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call->write ? call->write_user : stdout);
    ly_shape_stream_free(call->stream);
    ly_arena_release(&call->arena);
    ly_buf_release(&call->kept);
    ly_buf_release(&call->event);
    ly_buf_release(&call->data);
    ly_free(call);
}

int lydite_curl_perform(lydite_tracer *tracer, void *easy, const lydite_curl_request *request)
{
    lydite_curl_call *call = lydite_curl_begin(tracer, easy, request);
    if (!call) {
        return CURLE_OUT_OF_MEMORY;
    }
    CURLcode code = curl_easy_perform(easy);
    lydite_curl_end(call, (int)code);
    return (int)code;
}
