/*
 * collector: the HTTP receiver. libmicrohttpd with one epoll thread per listening socket.
 *
 * The life of a request: headers -> begin(): everything that can be refused is refused here, before a
 * body byte is kept -> body chunks into a buffer within the budget -> finish(): OTLP goes to
 * receive.c and the connection sleeps until the writer has the answer; the rest is answered at once.
 * A refused request's body is read and thrown away, so that the client gets the answer instead of a
 * reset; past DISCARD_MAX the connection is closed.
 *
 * Limits: CONNECTIONS at a time, CONNECTION_MEMORY for a connection's headers and upload chunk,
 * IDLE_SECONDS without a byte, REQUEST_NS from the first header to the last body byte.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/impl.h"
#include "collector/route.h"

#define CONNECTIONS       512
#define CONNECTION_MEMORY LY_KIB(256)
#define IDLE_SECONDS      30
#define REQUEST_NS        (60 * LY_NS_PER_SEC)
#define DISCARD_MAX       LY_MIB(256)
#define SMALL_BODY        LY_MIB(1) /* of a score */

#define TYPE_PROTO "application/x-protobuf"
#define TYPE_JSON  "application/json"
#define TYPE_TEXT  "text/plain; charset=utf-8"

struct ly_http {
    struct MHD_Daemon *daemons[2]; /* 127.0.0.1 and ::1 */
    size_t n;
    atomic_size_t active; /* requests begun and not completed */
};

typedef struct http_call {
    ly_collector *c;
    struct MHD_Connection *connection;
    ly_route route;
    ly_otlp_format format;
    ly_rpc_packing packing;
    int64_t born_ns;
    ly_buf body;
    size_t charged; /* of the budget, until a request takes it over */
    size_t discarded;
    bool refused;  /* the answer stands; the body is thrown away */
    bool answered; /* the writer has put the answer in */
    int code;      /* HTTP status */
    int64_t retry_ns;
    const char *type;
    ly_buf answer;
} http_call;

/* ------------------------------------------------------------------ answers */

static int http_status(const ly_answer *answer)
{
    return ly_rpc_code_http((int)answer->code);
}

/* Puts an answer of plain or JSON text in. */
static void put_text(http_call *call, int code, const char *type, const char *fmt, ...)
    LY_PRINTF(4, 5);
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

/* google.rpc.Status in the request's encoding (R12). */
static void put_status(http_call *call, int http_code, ly_rpc_code code, int64_t retry_ns,
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
        put_status(call, http_status(answer), answer->code, answer->retry_ns, answer->text);
        return;
    }
    ly_otlp_partial partial = {(int64_t)answer->rejected, ly_str_c(answer->text)};
    call->code = MHD_HTTP_OK;
    call->type = type_of(call->format);
    ly_buf_reset(&call->answer);
    ly_otlp_put_response(&call->answer, call->format, signal, &partial);
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
    if (call->code == MHD_HTTP_UNAUTHORIZED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    enum MHD_Result result = MHD_queue_response(call->connection, (unsigned)call->code, response);
    MHD_destroy_response(response);
    return result;
}

static void refuse(http_call *call, ly_refused why, int http_code, ly_rpc_code code,
                   int64_t retry_ns, const char *text)
{
    ly_stats_refused(call->c, why, call->body.len);
    put_status(call, http_code, code, retry_ns, text);
    call->refused = true;
    ly_budget_give(call->c, call->charged);
    call->charged = 0;
    ly_buf_release(&call->body);
}

/* ------------------------------------------------------------------- headers */

static ly_str header(http_call *call, const char *name)
{
    return ly_str_c(MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name));
}

/* "application/json; charset=utf-8" -> "application/json" */
static ly_str media_type(ly_str value)
{
    return ly_str_trim(ly_str_sub(value, 0, ly_str_find_char(value, ';', 0)));
}

static bool read_type(http_call *call)
{
    ly_str type = media_type(header(call, MHD_HTTP_HEADER_CONTENT_TYPE));
    if (ly_str_eq_nocase(type, LY_S(TYPE_PROTO)) ||
        ly_str_eq_nocase(type, LY_S("application/protobuf"))) {
        call->format = LY_OTLP_PROTO;
        return true;
    }
    call->format = LY_OTLP_JSON;
    return ly_str_eq_nocase(type, LY_S(TYPE_JSON));
}

static bool read_encoding(http_call *call)
{
    ly_str encoding = ly_str_trim(header(call, MHD_HTTP_HEADER_CONTENT_ENCODING));
    call->packing = LY_RPC_PLAIN;
    if (encoding.len == 0 || ly_str_eq_nocase(encoding, LY_S("identity")) ||
        ly_str_eq_nocase(encoding, LY_S("none")))
        return true;
    call->packing = LY_RPC_GZIP;
    if (ly_str_eq_nocase(encoding, LY_S("gzip")) || ly_str_eq_nocase(encoding, LY_S("x-gzip")))
        return true;
    call->packing = LY_RPC_DEFLATE;
    return ly_str_eq_nocase(encoding, LY_S("deflate"));
}

static unsigned scopes_of(http_call *call)
{
    unsigned scopes = LY_SCOPE_READ | LY_SCOPE_WRITE;
    ly_config *config = ly_config_ref(call->c);
    if (config->access)
        scopes = ly_access_check(config->access, header(call, MHD_HTTP_HEADER_AUTHORIZATION),
                                 header(call, "x-api-key"));
    ly_config_unref(config);
    return scopes;
}

static bool check_key(http_call *call, unsigned need)
{
    unsigned scopes = scopes_of(call);
    if (scopes & need)
        return true;
    if (scopes)
        refuse(call, LY_REFUSED_KEY, 403, LY_RPC_PERMISSION_DENIED, -1,
               "this access key may not do that");
    else
        refuse(call, LY_REFUSED_KEY, 401, LY_RPC_UNAUTHENTICATED, -1,
               "an access key is needed: Authorization: Bearer KEY (lydite auth add makes one)");
    return false;
}

/* A web page may make a browser send requests here. OTLP's content types make the browser ask first,
 * and we never say yes; what answers with data must look itself. */
static bool check_origin(http_call *call)
{
    ly_str origin = header(call, "Origin");
    if (!ly_str_given(origin) || ly_str_starts(origin, LY_S("http://localhost")) ||
        ly_str_starts(origin, LY_S("http://127.0.0.1")) ||
        ly_str_starts(origin, LY_S("http://[::1]")))
        return true;
    refuse(call, LY_REFUSED_KEY, 403, LY_RPC_PERMISSION_DENIED, -1,
           "requests of web pages of other origins are not answered");
    return false;
}

static bool check_length(http_call *call)
{
    size_t max = call->route.kind == LY_ROUTE_OTLP ? call->c->opts.max_request_bytes : SMALL_BODY;
    ly_buf_init(&call->body, max);
    ly_str text = header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t length = 0;
    if (!ly_str_given(text))
        return true; /* chunked: charged as it comes */
    if (!ly_str_to_u64(text, &length) || length > max) {
        char why[128];
        snprintf(why, sizeof why, "the request is larger than %zu bytes", max);
        refuse(call, LY_REFUSED_TOO_LARGE, 413, LY_RPC_RESOURCE_EXHAUSTED, -1, why);
        return false;
    }
    if (!ly_budget_take(&call->c->budget, (size_t)length)) {
        refuse(call, LY_REFUSED_OVERLOAD, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
               "the collector has no room now; send it again");
        return false;
    }
    call->charged = (size_t)length;
    if (length > 0)
        (void)ly_buf_room(&call->body, (size_t)length);
    return true;
}

/* --------------------------------------------------------------- begin, chunk */

static void begin_otlp(http_call *call, const char *method)
{
    bool type_known = read_type(call);
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0) {
        ly_stats_refused(call->c, LY_REFUSED_UNSUPPORTED, 0);
        put_text(call, MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_TEXT, "OTLP/HTTP is POST only\n");
        call->refused = true;
    } else if (!check_key(call, LY_SCOPE_WRITE)) {
        return;
    } else if (!type_known) {
        refuse(call, LY_REFUSED_UNSUPPORTED, 415, LY_RPC_INVALID_ARGUMENT, -1,
               "Content-Type must be application/x-protobuf or application/json");
    } else if (!read_encoding(call)) {
        refuse(call, LY_REFUSED_UNSUPPORTED, 415, LY_RPC_INVALID_ARGUMENT, -1,
               "Content-Encoding must be gzip, deflate or identity");
    } else if (atomic_load(&call->c->stopping)) {
        refuse(call, LY_REFUSED_STOPPING, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
               "the collector is stopping");
    } else {
        (void)check_length(call);
    }
}

static void method_not_allowed(http_call *call)
{
    put_text(call, MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_TEXT, "method not allowed\n");
    call->refused = true;
}

static void begin_get(http_call *call, const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        method_not_allowed(call);
    else if (call->route.kind != LY_ROUTE_HEALTH && call->route.kind != LY_ROUTE_READY &&
             check_origin(call))
        (void)check_key(call, LY_SCOPE_READ);
}

static void begin_unknown(http_call *call)
{
    char base[128], text[512], advice[400];
    const ly_collector_info *info = &call->c->info;
    snprintf(base, sizeof base, "%s://%s:%d", info->tls ? "https" : "http",
             info->address[0] == ':' ? "localhost" : info->address, info->http_port);
    if (call->route.kind == LY_ROUTE_FOREIGN) {
        snprintf(advice, sizeof advice, call->route.advice, base);
        snprintf(text, sizeof text, "%s: %s", call->route.client, advice);
    } else {
        snprintf(text, sizeof text, "no such path; OTLP goes to %s/v1/traces and %s/v1/logs", base,
                 base);
    }
    (void)read_type(call);
    refuse(call, LY_REFUSED_UNSUPPORTED, 404, LY_RPC_NOT_FOUND, -1, text);
}

static void begin(http_call *call, const char *method)
{
    switch (call->route.kind) {
    case LY_ROUTE_OTLP:
        begin_otlp(call, method);
        break;
    case LY_ROUTE_SCORES:
        call->format = LY_OTLP_JSON;
        if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
            method_not_allowed(call);
        else if (check_origin(call) && check_key(call, LY_SCOPE_WRITE))
            (void)check_length(call);
        break;
    case LY_ROUTE_FOREIGN:
    case LY_ROUTE_NONE:
        begin_unknown(call);
        break;
    default:
        call->format = LY_OTLP_JSON;
        begin_get(call, method);
        break;
    }
}

static enum MHD_Result chunk(http_call *call, const char *data, size_t n)
{
    if (ly_mono_ns() - call->born_ns > REQUEST_NS)
        return MHD_NO;
    if (call->refused) {
        call->discarded += n;
        return call->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
    }
    size_t need = call->body.len + n;
    if (need > call->body.max) {
        refuse(call, LY_REFUSED_TOO_LARGE, 413, LY_RPC_RESOURCE_EXHAUSTED, -1,
               "the request is too large");
        return MHD_YES;
    }
    if (need > call->charged) {
        if (!ly_budget_take(&call->c->budget, need - call->charged)) {
            refuse(call, LY_REFUSED_OVERLOAD, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                   "the collector has no room now; send it again");
            return MHD_YES;
        }
        call->charged = need;
    }
    ly_buf_add(&call->body, data, n);
    if (call->body.failed)
        refuse(call, LY_REFUSED_OVERLOAD, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
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
        refuse(call, LY_REFUSED_OVERLOAD, 503, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
               "out of memory");
        return send_answer(call);
    }
    call->charged = 0;
    request->transport = call;
    request->send = otlp_send;
    /* Asleep before the writer can have an answer. */
    MHD_suspend_connection(call->connection);
    request->access_key =
        ly_access_name(request->config->access, header(call, MHD_HTTP_HEADER_AUTHORIZATION),
                       header(call, "x-api-key"));
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
    put_status(call, ly_rpc_code_http((int)code), code,
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

/* ---------------------------------------------------------------- the daemon */

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
    atomic_fetch_add(&c->http->active, 1);
    return call;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
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
        begin(call, method);
        return MHD_YES;
    }
    if (call->answered)
        return send_answer(call);
    if (*n > 0) {
        size_t len = *n;
        *n = 0;
        return chunk(call, data, len);
    }
    return call->refused ? send_answer(call) : finish(call);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    ly_collector *c = arg;
    http_call *call = *state;
    (void)connection;
    (void)why;
    if (!call)
        return;
    *state = NULL;
    ly_budget_give(c, call->charged);
    ly_buf_release(&call->body);
    ly_buf_release(&call->answer);
    ly_free(call);
    atomic_fetch_sub(&c->http->active, 1);
}

static void log_nothing(void *arg, const char *fmt, va_list args) LY_PRINTF(2, 0);
static void log_nothing(void *arg, const char *fmt, va_list args)
{
    (void)arg;
    (void)fmt;
    (void)args;
}

static struct MHD_Daemon *start_daemon(ly_collector *c, int fd, const char *cert_pem,
                                       const char *key_pem)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert_pem},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key_pem},
        {MHD_OPTION_END, 0, NULL},
    };
    if (cert_pem)
        flags |= MHD_USE_TLS;
    else
        tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, c, MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED, on_completed, c, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
}

static ly_status add_daemon(ly_collector *c, const char *address, int port, const char *cert_pem,
                            const char *key_pem, ly_err *err)
{
    int fd = -1, bound = 0;
    ly_status status = ly_listen(address, port, &fd, &bound, err);
    if (status)
        return status;
    struct MHD_Daemon *daemon = start_daemon(c, fd, cert_pem, key_pem);
    if (!daemon) {
        close(fd);
        return LY_FAIL(err, LY_E_INVALID, "the HTTP receiver could not be started%s",
                       cert_pem ? "; are certificate and key valid PEM files that fit together?"
                                : "");
    }
    c->http->daemons[c->http->n++] = daemon;
    c->info.http_port = bound;
    return LY_OK;
}

ly_status ly_http_start(ly_collector *c, const char *cert_pem, const char *key_pem, ly_err *err)
{
    c->http = ly_calloc(1, sizeof *c->http);
    if (!c->http)
        return LY_NOMEM(err);
    ly_status status = add_daemon(c, c->info.address, c->opts.http_port, cert_pem, key_pem, err);
    if (!status && !c->opts.listen) /* as in grpc.c */
        (void)!add_daemon(c, "::1", c->info.http_port, cert_pem, key_pem, NULL);
    return status;
}

/* Takes no further connections; requests that come on open ones get 503. */
void ly_http_drain(ly_collector *c)
{
    for (size_t i = 0; c->http && i < c->http->n; i++) {
        int fd = MHD_quiesce_daemon(c->http->daemons[i]);
        if (fd >= 0)
            close(fd);
    }
}

void ly_http_stop(ly_collector *c, int64_t grace_ns)
{
    if (!c->http)
        return;
    int64_t until = ly_mono_ns() + grace_ns;
    while (atomic_load(&c->http->active) > 0 && ly_mono_ns() < until)
        usleep(2000);
    for (size_t i = 0; i < c->http->n; i++)
        MHD_stop_daemon(c->http->daemons[i]);
    ly_free(c->http);
    c->http = NULL;
}
