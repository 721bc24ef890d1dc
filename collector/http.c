/*
 * collector: the HTTP receiver. libmicrohttpd with one epoll thread per listening socket.
 *
 * The life of a request: head -> begin(): everything that can be refused is refused here, before a body
 * byte is kept -> body chunks into a buffer within the budget (without room the connection sleeps, at
 * most limits.wait_ns) -> finish(): OTLP goes to receive.c and the connection sleeps until the writer
 * has the answer; the rest is answered at once. A refused request's body is read and thrown away, so
 * that the client gets the answer instead of a reset; past DISCARD_MAX the connection is closed. Who
 * asks first (Expect: 100-continue) is told at once and sends no body.
 */
#include <stdio.h>

#include "collector/http_impl.h"

#define DISCARD_MAX LY_MIB(256)
#define SMALL_BODY  LY_MIB(1) /* of a score */

/* ------------------------------------------------------------------ answers */

static int http_status(const ly_answer *answer)
{
    return ly_rpc_code_http((int)answer->code);
}

/* Puts an answer of plain or JSON text in. */
static void put_text(http_call *call, int code, const char *type, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    call->code = code;
    call->type = type;
    ly_buf_reset(&call->answer);
    ly_buf_c(&call->answer, text);
}

static const char *type_of(ly_otlp_format format)
{
    return format == LY_OTLP_JSON ? TYPE_JSON : TYPE_PROTO;
}

void ly_http_put_status(http_call *call, int http_code, ly_rpc_code code, int64_t retry_ns,
                        const char *text)
{
    ly_otlp_status status = {.code = (int32_t)code, .message = ly_str_c(text)};
    status.has_retry = retry_ns >= 0;
    status.retry_ns = retry_ns >= 0 ? retry_ns : 0;
    ly_otlp_violation violation = {LY_S("body"), ly_str_c(text), LY_S("")};
    if (code == LY_RPC_INVALID_ARGUMENT) {
        status.violations = &violation;
        status.n_violations = 1;
    }
    call->code = http_code;
    call->retry_ns = retry_ns;
    call->type = type_of(call->format);
    ly_buf_reset(&call->answer);
    ly_otlp_put_status(&call->answer, call->format, &status);
}

static void put_answer(http_call *call, ly_signal signal, const ly_answer *answer)
{
    if (answer->code != LY_RPC_OK) {
        ly_http_put_status(call, http_status(answer), answer->code, answer->retry_ns, answer->text);
        return;
    }
    ly_otlp_partial partial = {(int64_t)answer->rejected, ly_str_c(answer->text)};
    call->code = MHD_HTTP_OK;
    call->type = type_of(call->format);
    ly_buf_reset(&call->answer);
    ly_otlp_put_response(&call->answer, call->format, signal, &partial);
}

/* Pages of this machine may read the answer. */
static void add_cors(http_call *call, struct MHD_Response *response)
{
    ly_str origin = ly_http_local_origin(call);
    if (!ly_str_given(origin))
        return;
    (void)MHD_add_response_header(response, "Access-Control-Allow-Origin", origin.ptr);
    (void)MHD_add_response_header(response, "Vary", "Origin");
    if (call->code != MHD_HTTP_NO_CONTENT)
        return;
    ly_str asked = ly_http_header(call, "Access-Control-Request-Headers");
    (void)MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST");
    (void)MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                  ly_str_given(asked) ? asked.ptr : "content-type");
    (void)MHD_add_response_header(response, "Access-Control-Max-Age", "600");
}

static enum MHD_Result send_answer(http_call *call)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        call->answer.len, (void *)(uintptr_t)ly_buf_text(&call->answer), MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, call->type);
    if (call->code == MHD_HTTP_METHOD_NOT_ALLOWED) {
        bool get = call->route.kind != LY_ROUTE_OTLP && call->route.kind != LY_ROUTE_SCORES;
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, get ? "GET, HEAD" : "POST");
    }
    if (call->retry_ns >= 0 && (call->code == 503 || call->code == 429)) {
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%lld",
                 (long long)((call->retry_ns + LY_NS_PER_SEC - 1) / LY_NS_PER_SEC));
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (call->code == MHD_HTTP_UNSUPPORTED_MEDIA_TYPE)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_ENCODING,
                                      "gzip, deflate, identity");
    add_cors(call, response);
    if (call->at_once || ly_http_is_retired(call->c, call->connection))
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (call->code == MHD_HTTP_UNAUTHORIZED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    enum MHD_Result result = MHD_queue_response(call->connection, (unsigned)call->code, response);
    MHD_destroy_response(response);
    return result;
}

void ly_http_refuse(http_call *call, ly_refused why, int http_code, ly_rpc_code code,
                    int64_t retry_ns, const char *text)
{
    ly_stats_refused(call->c, why, call->body.len);
    ly_http_put_status(call, http_code, code, retry_ns, text);
    call->refused = true;
    call->why = why;
    ly_budget_give(call->c, call->charged);
    call->charged = 0;
    ly_buf_release(&call->body);
}

/* ---------------------------------------------------------------------- room */

/* Takes `bytes` more of the budget. False: the request sleeps and asks again when it is woken, or it
 * waited long enough (or may not) and is refused. */
static bool take_room(http_call *call, size_t bytes)
{
    ly_collector *c = call->c;
    if (ly_budget_take(&c->budget, bytes)) {
        bool waited = call->wanted > 0;
        call->charged += bytes;
        if (waited) /* the client is not to blame for that time */
            call->born_ns += ly_mono_ns() - call->waits_ns;
        call->wanted = 0;
        call->waits_ns = 0;
        if (waited)
            ly_http_pump(c);
        return true;
    }
    if (call->waits_ns == 0)
        call->waits_ns = ly_mono_ns();
    call->wanted = bytes;
    if (ly_mono_ns() - call->waits_ns < c->opts.limits.wait_ns && ly_http_wait(call))
        return false;
    call->wanted = 0;
    if (atomic_load(&c->stopping))
        ly_http_refuse(call, LY_REFUSED_STOPPING, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                       "the collector is stopping");
    else
        ly_http_refuse(call, LY_REFUSED_OVERLOAD, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                       "the collector has no room now; send it again");
    return false;
}

static void check_length(http_call *call)
{
    size_t max = call->route.kind == LY_ROUTE_OTLP ? call->c->opts.max_request_bytes : SMALL_BODY;
    ly_buf_init(&call->body, max);
    ly_str text = ly_http_header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t length = 0;
    if (!ly_str_given(text))
        return; /* chunked: charged as it comes */
    if (!ly_str_to_u64(text, &length))
        length = UINT64_MAX;
    if (length > max) {
        char why[128];
        snprintf(why, sizeof why, "the request is larger than %zu bytes", max);
        ly_http_refuse(call, LY_REFUSED_TOO_LARGE, 413, LY_RPC_RESOURCE_EXHAUSTED, -1, why);
        call->at_once = length > DISCARD_MAX; /* never read to its end */
        return;
    }
    (void)take_room(call, (size_t)length);
}

/* --------------------------------------------------------------- begin, chunk */

static void begin_otlp(http_call *call, const char *method)
{
    bool type_known = ly_http_read_type(call);
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0) {
        ly_stats_refused(call->c, LY_REFUSED_UNSUPPORTED, 0);
        put_text(call, MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_TEXT, "OTLP/HTTP is POST only\n");
        call->refused = true;
        call->why = LY_REFUSED_UNSUPPORTED;
    } else if (!ly_http_check_origin(call) || !ly_http_check_key(call, LY_SCOPE_WRITE)) {
        return;
    } else if (!type_known) {
        ly_http_refuse(call, LY_REFUSED_UNSUPPORTED, 415, LY_RPC_INVALID_ARGUMENT, -1,
                       "Content-Type must be application/x-protobuf or application/json");
    } else if (!ly_http_read_encoding(call)) {
        ly_http_refuse(call, LY_REFUSED_UNSUPPORTED, 415, LY_RPC_INVALID_ARGUMENT, -1,
                       "Content-Encoding must be gzip, deflate or identity "
                       "(OTEL_EXPORTER_OTLP_COMPRESSION=gzip)");
    } else if (atomic_load(&call->c->stopping)) {
        ly_http_refuse(call, LY_REFUSED_STOPPING, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                       "the collector is stopping");
    } else {
        check_length(call);
    }
}

static void method_not_allowed(http_call *call)
{
    put_text(call, MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_TEXT, "method not allowed\n");
    call->refused = true;
    call->why = LY_REFUSED_UNSUPPORTED;
}

static void begin_get(http_call *call, const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        method_not_allowed(call);
    else if (call->route.kind != LY_ROUTE_HEALTH && call->route.kind != LY_ROUTE_READY &&
             ly_http_check_origin(call) && ly_http_check_host(call))
        (void)ly_http_check_key(call, LY_SCOPE_READ);
}

/* A browser asks before it lets a page post: pages of this machine may, see ly_http_check_origin. */
static bool begin_preflight(http_call *call, const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_OPTIONS) != 0 ||
        !ly_str_given(ly_http_header(call, "Access-Control-Request-Method")))
        return false;
    call->format = LY_OTLP_JSON;
    if (ly_str_given(ly_http_local_origin(call))) {
        put_text(call, MHD_HTTP_NO_CONTENT, TYPE_TEXT, "%s", "");
        call->refused = true; /* answered; not counted as refused */
        call->why = LY_REFUSED__COUNT;
    } else {
        ly_http_refuse(call, LY_REFUSED_KEY, 403, LY_RPC_PERMISSION_DENIED, -1,
                       "requests of web pages of other origins are not answered");
    }
    return true;
}

/* How this client reaches us: as its Host header says, where that is a plain name and port. */
static void base_url(const http_call *call, char *base, size_t size)
{
    const ly_collector_info *info = &call->c->info;
    ly_str host = ly_http_header(call, MHD_HTTP_HEADER_HOST);
    const char *scheme = info->tls ? "https" : "http";
    bool plain = host.len > 0 && host.len < 80 && ly_str_find_char(host, ':', 0) != SIZE_MAX;
    for (size_t i = 0; i < host.len; i++)
        plain =
            plain && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-[]",
                            host.ptr[i]);
    if (plain)
        snprintf(base, size, "%s://%.*s", scheme, LY_STR_ARG(host));
    else
        snprintf(base, size, "%s://%s:%d", scheme,
                 info->address[0] == ':' ? "localhost" : info->address, info->http_port);
}

static void begin_unknown(http_call *call)
{
    char base[128], text[640], advice[512];
    base_url(call, base, sizeof base);
    if (call->route.kind == LY_ROUTE_FOREIGN) {
        snprintf(advice, sizeof advice, call->route.advice, base);
        snprintf(text, sizeof text, "%s: %s", call->route.client, advice);
    } else {
        snprintf(
            text, sizeof text,
            "no such path; OTLP goes to %s/v1/traces and %s/v1/logs "
            "(OTEL_EXPORTER_OTLP_ENDPOINT=%s; the variable of one signal is used as it stands)",
            base, base, base);
    }
    (void)ly_http_read_type(call);
    ly_http_refuse(call, LY_REFUSED_UNSUPPORTED, 404, LY_RPC_NOT_FOUND, -1, text);
}

static void begin(http_call *call, const char *method)
{
    if (begin_preflight(call, method))
        return;
    switch (call->route.kind) {
    case LY_ROUTE_OTLP:
        begin_otlp(call, method);
        break;
    case LY_ROUTE_SCORES:
        call->format = LY_OTLP_JSON;
        if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
            method_not_allowed(call);
        else if (ly_http_check_origin(call) && ly_http_check_key(call, LY_SCOPE_WRITE))
            check_length(call);
        break;
    case LY_ROUTE_FOREIGN:
    case LY_ROUTE_NONE:
        begin_unknown(call);
        break;
    case LY_ROUTE_HELLO:
        if (strcmp(method, MHD_HTTP_METHOD_POST) == 0) {
            begin_unknown(call); /* an exporter whose endpoint lacks the path */
            break;
        }
        /* fall through */
    default:
        call->format = LY_OTLP_JSON;
        begin_get(call, method);
        break;
    }
}

/* *n stays when the request has to wait for room: the same bytes come again. */
static enum MHD_Result chunk(http_call *call, const char *data, size_t *n)
{
    if (ly_mono_ns() - call->born_ns > call->c->opts.limits.request_ns)
        return MHD_NO;
    if (call->refused) {
        call->discarded += *n;
        *n = 0;
        return call->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
    }
    size_t need = call->body.len + *n;
    if (need > call->body.max) {
        ly_http_refuse(call, LY_REFUSED_TOO_LARGE, 413, LY_RPC_RESOURCE_EXHAUSTED, -1,
                       "the request is too large");
        return MHD_YES;
    }
    if (need > call->charged && !take_room(call, need - call->charged))
        return MHD_YES;
    if (call->charged > call->body.len && call->body.len == 0)
        (void)ly_buf_room(&call->body, call->charged);
    ly_buf_add(&call->body, data, *n);
    *n = 0;
    if (call->body.failed)
        ly_http_refuse(call, LY_REFUSED_OVERLOAD, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                       "out of memory");
    return MHD_YES;
}

/* -------------------------------------------------------------------- finish */

static void otlp_send(ly_request *request, const ly_answer *answer)
{
    http_call *call = request->transport;
    put_answer(call, request->signal, answer);
    call->answered = true;
    MHD_resume_connection(call->connection);
}

static enum MHD_Result finish_otlp(http_call *call)
{
    ly_request *request = ly_request_new(call->c, call->route.signal, call->format, call->charged);
    if (!request) {
        ly_http_refuse(call, LY_REFUSED_OVERLOAD, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                       "out of memory");
        return send_answer(call);
    }
    call->charged = 0;
    request->transport = call;
    request->send = otlp_send;
    /* Asleep before the writer can have an answer. */
    MHD_suspend_connection(call->connection);
    request->access_key =
        ly_access_name(request->config->access, ly_http_header(call, MHD_HTTP_HEADER_AUTHORIZATION),
                       ly_http_api_key(call));
    ly_request_receive(request, ly_buf_view(&call->body), call->packing);
    return MHD_YES;
}

static void finish_ready(http_call *call)
{
    const char *why = ly_collector_not_ready(call->c);
    if (why)
        put_text(call, 503, TYPE_TEXT, "not ready: %s\n", why);
    else
        put_text(call, 200, TYPE_TEXT, "ready\n");
}

static void finish_hook(http_call *call, ly_status status, const ly_err *err)
{
    if (status == LY_OK) {
        call->code = 200;
        call->type = TYPE_JSON;
        return;
    }
    ly_rpc_code code = status == LY_E_NOTFOUND ? LY_RPC_NOT_FOUND
                       : status == LY_E_BUSY || status == LY_E_IO || status == LY_E_FULL
                           ? LY_RPC_UNAVAILABLE
                       : status == LY_E_UNSUPPORTED ? LY_RPC_UNIMPLEMENTED
                                                    : LY_RPC_INVALID_ARGUMENT;
    ly_http_put_status(call, ly_rpc_code_http((int)code), code,
                       code == LY_RPC_UNAVAILABLE ? RETRY_STORAGE_NS : -1, err->text);
}

static void finish_prompt(http_call *call)
{
    ly_err err = LY_ERR_INIT;
    const ly_collector_hooks *hooks = &call->c->opts.hooks;
    ly_status status = hooks->get_prompt
                           ? hooks->get_prompt(hooks->user, call->route.rest, &call->answer, &err)
                           : LY_FAIL(&err, LY_E_UNSUPPORTED, "this collector serves no prompts");
    finish_hook(call, status, &err);
}

static void finish_scores(http_call *call)
{
    ly_err err = LY_ERR_INIT;
    const ly_collector_hooks *hooks = &call->c->opts.hooks;
    ly_status status =
        hooks->post_scores
            ? hooks->post_scores(hooks->user, ly_buf_view(&call->body), &call->answer, &err)
            : LY_FAIL(&err, LY_E_UNSUPPORTED, "this collector takes no scores");
    finish_hook(call, status, &err);
}

static enum MHD_Result finish(http_call *call)
{
    call->finished = true;
    switch (call->route.kind) {
    case LY_ROUTE_OTLP:
        return finish_otlp(call);
    case LY_ROUTE_HEALTH:
        put_text(call, 200, TYPE_TEXT, "ok\n");
        break;
    case LY_ROUTE_READY:
        finish_ready(call);
        break;
    case LY_ROUTE_METRICS:
        call->code = 200;
        call->type = "text/plain; version=0.0.4; charset=utf-8";
        ly_collector_metrics(call->c, &call->answer);
        break;
    case LY_ROUTE_STATUS:
        call->code = 200;
        call->type = TYPE_JSON;
        ly_collector_status_json(call->c, &call->answer);
        break;
    case LY_ROUTE_PROMPT:
        finish_prompt(call);
        break;
    case LY_ROUTE_SCORES:
        finish_scores(call);
        break;
    default:
        put_text(call, 200, TYPE_TEXT,
                 "Lydite collector " LYDITE_VERSION
                 "\nOTLP: POST /v1/traces, /v1/logs (protobuf or JSON)\n"
                 "See also /readyz, /metrics, /status\n");
        break;
    }
    return send_answer(call);
}

/* ----------------------------------------------------------------- callbacks */

static http_call *call_new(ly_collector *c, struct MHD_Connection *connection, const char *url)
{
    http_call *call = ly_calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->c = c;
    call->connection = connection;
    call->route = ly_route_of(ly_str_c(url)); /* views into url, which lives as long as the call */
    call->born_ns = ly_mono_ns();
    call->retry_ns = -1;
    ly_buf_init(&call->answer, LY_MAX_RESPONSE_BYTES);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    call->conn = info ? info->socket_context : NULL;
    if (call->conn) {
        atomic_store(&call->conn->since_ns, 0);
        call->conn->call = call;
    }
    atomic_fetch_add(&c->http->active, 1);
    return call;
}

/* What is refused before its body is read is normally read all the same; not when the client waits to
 * be told, or where its end is not known. */
static bool answers_at_once(http_call *call)
{
    if (call->refused && ly_str_given(ly_http_header(call, MHD_HTTP_HEADER_EXPECT)))
        call->at_once = true;
    return call->at_once;
}

enum MHD_Result ly_http_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *n, void **state)
{
    http_call *call = *state;
    (void)version;
    if (!call) {
        call = call_new(arg, connection, url);
        if (!call)
            return MHD_NO;
        *state = call;
        if (ly_http_check_framing(call))
            begin(call, method);
        call->head_again = call->wanted > 0;
        return answers_at_once(call) ? send_answer(call) : MHD_YES;
    }
    if (call->answered)
        return send_answer(call);
    if (call->wanted > 0 && !take_room(call, call->wanted) && call->wanted > 0)
        return MHD_YES; /* asleep again */
    /* Who was put to sleep at the head is called with the head once more. */
    bool again = call->head_again && *n == 0;
    call->head_again = false;
    if (again)
        return answers_at_once(call) ? send_answer(call) : MHD_YES;
    if (*n > 0)
        return chunk(call, data, n);
    return call->refused ? send_answer(call) : finish(call);
}

void ly_http_on_completed(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode why)
{
    ly_collector *c = arg;
    http_call *call = *state;
    (void)connection;
    (void)why;
    if (!call)
        return;
    *state = NULL;
    if (call->refused && call->why < LY_REFUSED__COUNT)
        ly_stats_refused_bytes(c, call->why, call->discarded);
    else if (!call->refused && !call->finished)
        ly_stats_refused(c, LY_REFUSED_CANCELLED, call->body.len);
    if (call->conn) {
        call->conn->call = NULL;
        call->conn->begun = false;
        atomic_store(&call->conn->since_ns, ly_mono_ns());
    }
    ly_budget_give(c, call->charged);
    ly_buf_release(&call->body);
    ly_buf_release(&call->answer);
    ly_free(call);
    atomic_fetch_sub(&c->http->active, 1);
}
