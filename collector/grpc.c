/* collector: the gRPC receiver. Decides before a payload is read, then hands it to receive.c. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "collector/impl.h"

/* Calls that may stand unread; more are refused at once. */
#define MAX_WAITING 256

static const char *const methods[] = {
    [LY_SIGNAL_TRACES] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    [LY_SIGNAL_LOGS] = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    [LY_SIGNAL_METRICS] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
};

/*
 * The server is replaced when it has gone deaf (ly_rpc_server_deaf): `lock` guards the pointer, and who
 * uses it holds the lock for reading. A call in hand belongs to the server it came to.
 */
struct ly_grpc {
    pthread_rwlock_t lock;
    ly_rpc_server *server; /* NULL: none listens now */
};

/* Calls that came before the server stood here were not seen by ly_grpc_pump(): it runs again. */
static void put_server(ly_collector *c, ly_rpc_server *server)
{
    pthread_rwlock_wrlock(&c->grpc->lock);
    c->grpc->server = server;
    pthread_rwlock_unlock(&c->grpc->lock);
    ly_grpc_pump(c);
}

/* The reservation made at admit() stands in the call's user pointer until the message is here. */
static void reserve(ly_rpc_call *call, size_t bytes)
{
    ly_rpc_call_set_user(call, (void *)(uintptr_t)bytes);
}

static size_t reserved(const ly_rpc_call *call)
{
    return (size_t)(uintptr_t)ly_rpc_call_user(call);
}

/* ---- answers ---- */

static void send_answer(ly_request *request, const ly_answer *answer)
{
    ly_rpc_call *call = request->transport;
    if (answer->code != LY_RPC_OK) {
        ly_rpc_call_fail(call, answer->code, answer->text, answer->retry_ns);
        return;
    }
    ly_otlp_partial partial = {(int64_t)answer->rejected, ly_str_c(answer->text)};
    ly_buf body;
    ly_buf_init(&body, LY_MAX_RESPONSE_BYTES);
    ly_otlp_put_response(&body, LY_OTLP_PROTO, request->signal, &partial);
    ly_rpc_call_reply(call, ly_buf_view(&body));
    ly_buf_release(&body);
}

/* ---- the handler ---- */

static ly_rpc_admit refuse(ly_collector *c, ly_rpc_call *call, ly_refused why, ly_rpc_code code,
                           int64_t retry_ns, const char *text)
{
    ly_stats_refused(c, why, 0);
    ly_rpc_call_fail(call, code, text, retry_ns);
    return LY_RPC_ADMIT_FAILED;
}

static ly_str get_meta(const void *call, const char *name)
{
    return ly_rpc_call_meta(call, ly_str_c(name));
}

static const char *check_key(ly_collector *c, ly_rpc_call *call, ly_rpc_code *ret_code)
{
    ly_config *config = ly_config_ref(c);
    unsigned scopes = LY_SCOPE_WRITE;
    if (config->access)
        scopes = ly_access_check(config->access, ly_rpc_call_meta(call, LY_S("authorization")),
                                 ly_access_header(get_meta, call));
    ly_config_unref(config);
    if (scopes & LY_SCOPE_WRITE)
        return NULL;
    *ret_code = scopes ? LY_RPC_PERMISSION_DENIED : LY_RPC_UNAUTHENTICATED;
    return scopes ? "this access key may not write"
                  : "an access key is needed: authorization: Bearer KEY";
}

static ly_rpc_admit admit(void *user, ly_rpc_call *call, size_t method)
{
    ly_collector *c = user;
    (void)method;
    ly_rpc_code code = LY_RPC_OK;
    const char *no = check_key(c, call, &code);
    if (no)
        return refuse(c, call, LY_REFUSED_KEY, code, -1, no);
    if (atomic_load(&c->stopping))
        return refuse(c, call, LY_REFUSED_STOPPING, LY_RPC_UNAVAILABLE, 0,
                      "the collector is stopping");
    size_t bytes = ly_budget_estimate(&c->budget);
    if (ly_budget_take(&c->budget, bytes)) {
        reserve(call, bytes);
        return LY_RPC_ADMIT_NOW;
    }
    if (ly_rpc_call_age_ns(call) < c->opts.limits.wait_ns &&
        ly_rpc_server_waiting(ly_rpc_call_server(call)) < MAX_WAITING)
        return LY_RPC_ADMIT_WAIT;
    return refuse(c, call, LY_REFUSED_OVERLOAD, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                  "the collector has no room now; send it again");
}

static void message(void *user, ly_rpc_call *call, size_t method, ly_str body,
                    ly_rpc_packing packing)
{
    ly_collector *c = user;
    size_t bytes = reserved(call);
    if (body.len > bytes)
        ly_budget_force(&c->budget, body.len - bytes);
    else
        ly_budget_give(c, bytes - body.len);
    const char *packed = packing == LY_RPC_PLAIN ? ly_packed_as(body) : NULL;
    if (packed) {
        char text[160];
        snprintf(text, sizeof text,
                 "the message is compressed with %s; this collector reads gzip, deflate and none",
                 packed);
        ly_budget_give(c, body.len);
        (void)refuse(c, call, LY_REFUSED_UNSUPPORTED, LY_RPC_UNIMPLEMENTED, -1, text);
        return;
    }
    ly_request *request = ly_request_new(c, (ly_signal)method, LY_OTLP_PROTO, body.len);
    if (!request) {
        ly_budget_give(c, body.len);
        (void)refuse(c, call, LY_REFUSED_OVERLOAD, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                     "out of memory");
        return;
    }
    request->transport = call;
    request->send = send_answer;
    request->access_key =
        ly_access_name(request->config->access, ly_rpc_call_meta(call, LY_S("authorization")),
                       ly_access_header(get_meta, call));
    ly_request_receive(request, body, packing);
}

static void lost(void *user, ly_rpc_call *call, ly_rpc_lost why, bool admitted)
{
    static const ly_refused reasons[] = {
        [LY_RPC_LOST_UNKNOWN_METHOD] = LY_REFUSED_UNSUPPORTED,
        [LY_RPC_LOST_TOO_LARGE] = LY_REFUSED_TOO_LARGE,
        [LY_RPC_LOST_NO_MESSAGE] = LY_REFUSED_MALFORMED,
        [LY_RPC_LOST_CANCELLED] = LY_REFUSED_CANCELLED,
    };
    ly_collector *c = user;
    ly_stats_refused(c, reasons[why], 0);
    if (admitted)
        ly_budget_give(c, reserved(call));
}

/* ---- start and stop ---- */

static ly_status listen_on(ly_rpc_server *server, const char *address, int port,
                           const ly_rpc_tls *tls, int *ret_port, ly_err *err)
{
    char target[128];
    snprintf(target, sizeof target, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, port);
    return ly_rpc_server_listen(server, target, tls, ret_port, err);
}

static ly_status bind_and_start(ly_collector *c, ly_rpc_server *server, int want, int *ret_port,
                                ly_err *err)
{
    ly_rpc_tls pem = {c->pem.cert, c->pem.key, NULL};
    const ly_rpc_tls *tls = c->pem.cert ? &pem : NULL;
    int fd = -1, port = 0;
    /* gRPC does not say why it cannot bind; our own attempt does, and by whom the port is taken. */
    ly_status status = ly_listen(c->info.address, want, &fd, &port, err);
    if (status)
        return status;
    close(fd);
    status = listen_on(server, c->info.address, port, tls, ret_port, err);
    if (!status && !c->opts.listen) {
        /* "localhost" may mean ::1 to a client; where there is no IPv6 this fails and does not matter. */
        int also = 0;
        (void)!listen_on(server, "::1", *ret_port, tls, &also, NULL);
    }
    return status ? status : ly_rpc_server_start(server, err);
}

static ly_status open_server(ly_collector *c, int want, ly_rpc_server **ret_server, int *ret_port,
                             ly_err *err)
{
    ly_rpc_server_opts opts = {.methods = methods, .n_methods = LY_COUNT(methods)};
    opts.max_message_bytes = c->opts.max_request_bytes;
    opts.quota_bytes = c->opts.budget_bytes + 4 * c->opts.max_request_bytes;
    opts.max_streams = c->opts.limits.grpc_streams;
    opts.max_header_bytes = c->opts.limits.grpc_header_bytes;
    opts.message_ns = c->opts.limits.request_ns;
    opts.quiet = true;
    ly_rpc_handler handler = {c, admit, message, lost};
    ly_rpc_server *server = NULL;
    ly_status status = ly_rpc_server_new(&opts, &handler, &server, err);
    if (!status)
        status = bind_and_start(c, server, want, ret_port, err);
    if (status)
        ly_rpc_server_free(server, 0);
    else
        *ret_server = server;
    return status;
}

ly_status ly_grpc_start(ly_collector *c, ly_err *err)
{
    c->grpc = ly_calloc(1, sizeof *c->grpc);
    if (!c->grpc)
        return LY_NOMEM(err);
    pthread_rwlock_init(&c->grpc->lock, NULL);
    ly_rpc_server *server = NULL;
    ly_status status = open_server(c, c->opts.grpc_port, &server, &c->info.grpc_port, err);
    if (!status)
        put_server(c, server);
    return status;
}

ly_status ly_grpc_renew(ly_collector *c, const ly_pem *pem, ly_err *err)
{
    ly_rpc_tls tls = {pem->cert, pem->key, NULL};
    pthread_rwlock_rdlock(&c->grpc->lock);
    ly_status status = c->grpc->server ? ly_rpc_server_renew(c->grpc->server, &tls, err) : LY_OK;
    pthread_rwlock_unlock(&c->grpc->lock);
    return status;
}

void ly_grpc_pump(ly_collector *c)
{
    if (!c->grpc)
        return;
    pthread_rwlock_rdlock(&c->grpc->lock);
    if (c->grpc->server && ly_rpc_server_waiting(c->grpc->server) > 0)
        ly_rpc_server_pump(c->grpc->server);
    pthread_rwlock_unlock(&c->grpc->lock);
}

void ly_grpc_rest(ly_collector *c)
{
    if (!c->grpc)
        return;
    pthread_rwlock_rdlock(&c->grpc->lock);
    if (c->grpc->server)
        ly_rpc_server_rest(c->grpc->server);
    pthread_rwlock_unlock(&c->grpc->lock);
}

/* Takes the server away from the others; the caller ends it. */
static ly_rpc_server *take_server(ly_grpc *grpc)
{
    pthread_rwlock_wrlock(&grpc->lock);
    ly_rpc_server *server = grpc->server;
    grpc->server = NULL;
    pthread_rwlock_unlock(&grpc->lock);
    return server;
}

static bool is_deaf(ly_grpc *grpc)
{
    pthread_rwlock_rdlock(&grpc->lock);
    bool deaf = !grpc->server || ly_rpc_server_deaf(grpc->server);
    pthread_rwlock_unlock(&grpc->lock);
    return deaf;
}

/* Enough descriptors for a new server's sockets and pipes? */
static bool files_left(void)
{
    int fds[24];
    size_t n = 0;
    while (n < LY_COUNT(fds) && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    bool enough = n == LY_COUNT(fds);
    while (n > 0)
        close(fds[--n]);
    return enough;
}

void ly_grpc_tick(ly_collector *c)
{
    ly_err err = LY_ERR_INIT;
    ly_rpc_server *fresh = NULL;
    int port = 0;
    if (!c->grpc || atomic_load(&c->stopping) || !is_deaf(c->grpc) || !files_left())
        return;
    ly_rpc_server *old = take_server(c->grpc);
    if (old) {
        char why[128];
        ly_rpc_server_deaf_reason(why, sizeof why);
        ly_log(LY_LOG_WARN, ROOM,
               "gRPC stopped listening when a connection could not be taken (%s); it listens again",
               why);
        ly_rpc_server_drain(old);
        ly_rpc_server_free(old, 5 * LY_NS_PER_SEC);
    }
    if (open_server(c, c->info.grpc_port, &fresh, &port, &err)) {
        ly_log(LY_LOG_DEBUG, ROOM, "gRPC cannot listen again yet: %s", err.text);
        return;
    }
    put_server(c, fresh);
}

void ly_grpc_drain(ly_collector *c)
{
    if (!c->grpc)
        return;
    pthread_rwlock_rdlock(&c->grpc->lock);
    if (c->grpc->server)
        ly_rpc_server_drain(c->grpc->server);
    pthread_rwlock_unlock(&c->grpc->lock);
}

void ly_grpc_stop(ly_collector *c, int64_t grace_ns)
{
    if (!c->grpc)
        return;
    ly_rpc_server_free(take_server(c->grpc), grace_ns);
    pthread_rwlock_destroy(&c->grpc->lock);
    ly_free(c->grpc);
    c->grpc = NULL;
}
