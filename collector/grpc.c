/* collector: the gRPC receiver. Decides before a payload is read, then hands it to receive.c. */
#include <stdio.h>
#include <unistd.h>

#include "collector/impl.h"

/* How long a call may stand unread for want of room before it is told to come back. */
#define MAX_WAIT_NS (2 * LY_NS_PER_SEC)
/* Calls that may stand unread; more are refused at once. */
#define MAX_WAITING 256

static const char *const methods[] = {
    [LY_SIGNAL_TRACES] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    [LY_SIGNAL_LOGS] = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    [LY_SIGNAL_METRICS] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
};

struct ly_grpc {
    ly_rpc_server *server;
};

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

static const char *check_key(ly_collector *c, ly_rpc_call *call, ly_rpc_code *ret_code)
{
    ly_config *config = ly_config_ref(c);
    unsigned scopes = LY_SCOPE_WRITE;
    if (config->access)
        scopes = ly_access_check(config->access, ly_rpc_call_meta(call, LY_S("authorization")),
                                 ly_rpc_call_meta(call, LY_S("x-api-key")));
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
    if (ly_rpc_call_age_ns(call) < MAX_WAIT_NS &&
        ly_rpc_server_waiting(c->grpc->server) < MAX_WAITING)
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
                       ly_rpc_call_meta(call, LY_S("x-api-key")));
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

static ly_status listen_on(ly_collector *c, const char *address, int port, const ly_rpc_tls *tls,
                           ly_err *err)
{
    char target[128];
    snprintf(target, sizeof target, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, port);
    return ly_rpc_server_listen(c->grpc->server, target, tls, &c->info.grpc_port, err);
}

static ly_status open_server(ly_collector *c, const ly_rpc_tls *tls, ly_err *err)
{
    ly_rpc_server_opts opts = {.methods = methods, .n_methods = LY_COUNT(methods)};
    opts.max_message_bytes = c->opts.max_request_bytes;
    opts.quota_bytes = c->opts.budget_bytes + 4 * c->opts.max_request_bytes;
    opts.quiet = true;
    ly_rpc_handler handler = {c, admit, message, lost};
    ly_status status = ly_rpc_server_new(&opts, &handler, &c->grpc->server, err);
    if (status)
        return status;
    int fd = -1, port = 0;
    /* gRPC does not say why it cannot bind; our own attempt does, and by whom the port is taken. */
    status = ly_listen(c->info.address, c->opts.grpc_port, &fd, &port, err);
    if (status)
        return status;
    close(fd);
    status = listen_on(c, c->info.address, port, tls, err);
    if (!status && !c->opts.listen) {
        /* "localhost" may mean ::1 to a client; where there is no IPv6 this fails and does not matter. */
        int kept = c->info.grpc_port;
        (void)listen_on(c, "::1", kept, tls, NULL);
        c->info.grpc_port = kept;
    }
    return status ? status : ly_rpc_server_start(c->grpc->server, err);
}

ly_status ly_grpc_start(ly_collector *c, const char *cert_pem, const char *key_pem, ly_err *err)
{
    ly_rpc_tls tls = {cert_pem, key_pem, NULL};
    c->grpc = ly_calloc(1, sizeof *c->grpc);
    if (!c->grpc)
        return LY_NOMEM(err);
    return open_server(c, cert_pem ? &tls : NULL, err);
}

void ly_grpc_pump(ly_collector *c)
{
    if (c->grpc && c->grpc->server && ly_rpc_server_waiting(c->grpc->server) > 0)
        ly_rpc_server_pump(c->grpc->server);
}

void ly_grpc_drain(ly_collector *c)
{
    if (c->grpc && c->grpc->server)
        ly_rpc_server_drain(c->grpc->server);
}

void ly_grpc_stop(ly_collector *c, int64_t grace_ns)
{
    if (!c->grpc)
        return;
    ly_rpc_server *server = c->grpc->server;
    ly_rpc_server_free(server, grace_ns);
    ly_free(c->grpc);
    c->grpc = NULL;
}
