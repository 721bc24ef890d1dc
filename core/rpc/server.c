/*
 * rpc/server: the slots, the waiting calls, the thread, start and stop (see server.h). How a call is
 * answered is in server_call.c, what gRPC's log gives away in server_log.c, the objects in server_i.h.
 * Tags, references and the lock are the whole story:
 *
 * - Each operation posted to the completion queue carries a tag inside its call, so the thread knows
 *   what has finished. Request slots are calls that nobody has made yet.
 * - A call is held by references: one for the path slot -> admit -> payload -> handler, which ends when
 *   the answer is posted; one for the cancellation watch; one for the answer being written. The last
 *   one unrefs the gRPC call and with it the header views.
 * - `lock` guards the lists of waiting calls and of those whose message is awaited, the stop flag and
 *   the count of live calls. No gRPC function that may call back runs under it, and neither do the
 *   handler's functions; a call is taken off the list before admit() sees it, so one thread at a time
 *   owns it.
 */
#include <errno.h>

#include <grpc/support/time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/thread.h"
#include "rpc/server_i.h"

#define SLOTS_PER_METHOD 32
#define SLOTS_UNKNOWN    4
#define TICK_NS          (50 * LY_NS_PER_MS)
#define READ_TICK_NS     (500 * LY_NS_PER_MS)

/* ------------------------------------------------------------ a call's life */

static ly_rpc_call *call_new(ly_rpc_server *server, size_t method)
{
    ly_rpc_call *call = ly_calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->server = server;
    call->method = method;
    atomic_init(&call->refs, 1);
    atomic_init(&call->cancelled, false);
    grpc_metadata_array_init(&call->meta);
    grpc_call_details_init(&call->details);
    call->on_new = (tag){TAG_NEW, call};
    call->on_closed = (tag){TAG_CLOSED, call};
    call->on_payload = (tag){TAG_PAYLOAD, call};
    call->on_sent = (tag){TAG_SENT, call};
    return call;
}

static void call_free(ly_rpc_call *call)
{
    grpc_metadata_array_destroy(&call->meta);
    grpc_call_details_destroy(&call->details);
    if (call->payload)
        grpc_byte_buffer_destroy(call->payload);
    if (call->answer)
        grpc_byte_buffer_destroy(call->answer);
    ly_rpc_body_give(&call->server->bodies, &call->body);
    if (call->call)
        grpc_call_unref(call->call);
    ly_free(call);
}

void ly_rpc_call_unref(ly_rpc_call *call)
{
    if (atomic_fetch_sub(&call->refs, 1) != 1)
        return;
    ly_rpc_server *server = call->server;
    call_free(call);
    pthread_mutex_lock(&server->lock);
    if (--server->live == 0)
        pthread_cond_broadcast(&server->none_live);
    pthread_mutex_unlock(&server->lock);
}

/* Posts a free slot for `method` (n_methods = any other). Nothing happens once the server stops. */
static void arm(ly_rpc_server *server, size_t method)
{
    ly_rpc_call *call = call_new(server, method);
    if (!call)
        return; /* one slot fewer; calls queue for the others */
    grpc_call_error failed;
    if (method < server->n_methods) {
        failed = grpc_server_request_registered_call(server->server, server->registered[method],
                                                     &call->call, &call->deadline, &call->meta,
                                                     NULL, server->cq, server->cq, &call->on_new);
    } else {
        call->on_new.kind = TAG_NEW_UNKNOWN;
        failed = grpc_server_request_call(server->server, &call->call, &call->details, &call->meta,
                                          server->cq, server->cq, &call->on_new);
    }
    if (failed != GRPC_CALL_OK)
        call_free(call);
}

/* Learns of cancellation and deadline; gRPC wants this operation on every call anyway. */
static void watch_close(ly_rpc_call *call)
{
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op.data.recv_close_on_server.cancelled = &call->cancelled_raw;
    atomic_fetch_add(&call->refs, 1);
    if (grpc_call_start_batch(call->call, &op, 1, &call->on_closed, NULL) != GRPC_CALL_OK)
        ly_rpc_call_unref(call);
}

static void lost(ly_rpc_call *call, ly_rpc_lost why, bool admitted)
{
    ly_rpc_server *server = call->server;
    if (server->handler.lost)
        server->handler.lost(server->handler.user, call, why, admitted);
}

static void reading_add(ly_rpc_call *call)
{
    ly_rpc_server *server = call->server;
    call->asked_ns = ly_mono_ns();
    pthread_mutex_lock(&server->lock);
    call->reading_next = NULL;
    call->reading_at = server->reading_last;
    *server->reading_last = call;
    server->reading_last = &call->reading_next;
    pthread_mutex_unlock(&server->lock);
}

static void reading_remove(ly_rpc_call *call)
{
    ly_rpc_server *server = call->server;
    pthread_mutex_lock(&server->lock);
    if (call->reading_at) {
        *call->reading_at = call->reading_next;
        if (call->reading_next)
            call->reading_next->reading_at = call->reading_at;
        else
            server->reading_last = call->reading_at;
        call->reading_at = NULL;
    }
    pthread_mutex_unlock(&server->lock);
}

/* A client that stops in the middle of its message must not keep its room for ever. The server's thread,
 * which alone takes calls off the list: the one looked at stays. */
static void cut_slow_messages(ly_rpc_server *server)
{
    int64_t before = ly_mono_ns() - server->message_ns;
    for (;;) {
        pthread_mutex_lock(&server->lock);
        ly_rpc_call *call = server->reading;
        bool late = call && call->asked_ns < before;
        pthread_mutex_unlock(&server->lock);
        if (!late)
            return;
        reading_remove(call);
        grpc_call_cancel_with_status(call->call, GRPC_STATUS_DEADLINE_EXCEEDED,
                                     "the message did not come in time", NULL);
    }
}

static void ask_payload(ly_rpc_call *call)
{
    reading_add(call);
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &call->payload;
    if (grpc_call_start_batch(call->call, &op, 1, &call->on_payload, NULL) != GRPC_CALL_OK) {
        reading_remove(call);
        lost(call, LY_RPC_LOST_CANCELLED, true);
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "the call could not be read", 0);
    }
}

/* One owner at a time: whoever took the call off the list, or the thread that just got it. */
static void admit_or_wait(ly_rpc_call *call, bool at_front)
{
    ly_rpc_server *server = call->server;
    if (ly_rpc_call_cancelled(call)) {
        lost(call, LY_RPC_LOST_CANCELLED, false);
        ly_rpc_call_fail(call, LY_RPC_CANCELLED, "cancelled", -1);
        return;
    }
    ly_rpc_admit answer = server->handler.admit(server->handler.user, call, call->method);
    if (answer == LY_RPC_ADMIT_NOW) {
        ask_payload(call);
        return;
    }
    if (answer == LY_RPC_ADMIT_FAILED)
        return;
    pthread_mutex_lock(&server->lock);
    bool stopping = server->stopping;
    if (!stopping) {
        if (at_front) {
            call->next = server->first;
            server->first = call;
            if (!call->next)
                server->last = &call->next;
        } else {
            call->next = NULL;
            *server->last = call;
            server->last = &call->next;
        }
        server->waiting++;
    }
    pthread_mutex_unlock(&server->lock);
    if (stopping) {
        lost(call, LY_RPC_LOST_CANCELLED, false);
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "the collector is stopping", 0);
    }
}

static ly_rpc_call *take_waiting(ly_rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    ly_rpc_call *call = server->first;
    if (call) {
        server->first = call->next;
        if (!server->first)
            server->last = &server->first;
        call->next = NULL;
        server->waiting--;
    }
    pthread_mutex_unlock(&server->lock);
    return call;
}

void ly_rpc_server_pump(ly_rpc_server *server)
{
    /* At most one round: a call that still has to wait goes back to the front and ends it, so the
     * order of arrival holds. */
    for (;;) {
        ly_rpc_call *call = take_waiting(server);
        if (!call)
            return;
        size_t before = ly_rpc_server_waiting(server);
        admit_or_wait(call, true);
        if (ly_rpc_server_waiting(server) > before)
            return;
    }
}

size_t ly_rpc_server_waiting(ly_rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->waiting;
    pthread_mutex_unlock(&server->lock);
    return n;
}

/* --------------------------------------------------------------- the thread */

/* A slot was filled: counts the call, opens a slot in its place and watches for its end. False: there is
 * no call, because the server stops. */
static bool took(ly_rpc_call *call, bool ok, bool *ret_stopping)
{
    ly_rpc_server *server = call->server;
    if (!ok) {
        call_free(call);
        return false;
    }
    pthread_mutex_lock(&server->lock);
    server->live++;
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    if (!stopping)
        arm(server, call->method);
    call->born_ns = ly_mono_ns();
    watch_close(call);
    *ret_stopping = stopping;
    return true;
}

static void on_new(ly_rpc_call *call, bool ok)
{
    bool stopping;
    if (!took(call, ok, &stopping))
        return;
    if (stopping)
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "the collector is stopping", 0);
    else
        admit_or_wait(call, false);
}

static void on_new_unknown(ly_rpc_call *call, bool ok)
{
    ly_rpc_server *server = call->server;
    bool stopping;
    if (!took(call, ok, &stopping))
        return;
    if (server->handler.lost)
        server->handler.lost(server->handler.user, NULL, LY_RPC_LOST_UNKNOWN_METHOD, false);
    ly_rpc_call_fail(call, LY_RPC_UNIMPLEMENTED,
                     "this server takes OTLP Export calls of traces, logs and metrics", -1);
}

static ly_rpc_packing packing_of(const grpc_byte_buffer *payload)
{
    switch (payload->data.raw.compression) {
    case GRPC_COMPRESS_GZIP:
        return LY_RPC_GZIP;
    case GRPC_COMPRESS_DEFLATE:
        return LY_RPC_DEFLATE;
    default:
        return LY_RPC_PLAIN;
    }
}

/*
 * No message came. A client that went away has failed the stream. Otherwise the core has cut a message
 * over the limit off (and told the client RESOURCE_EXHAUSTED: what is answered here goes nowhere), or
 * the client closed without one. Only the close event tells these two apart, and it waits for our
 * answer: so answer, and count when the close event comes.
 */
static void no_payload(ly_rpc_call *call)
{
    if (ly_rpc_call_cancelled(call) || grpc_call_failed_before_recv_message(call->call)) {
        lost(call, LY_RPC_LOST_CANCELLED, true);
        ly_rpc_call_fail(call, LY_RPC_CANCELLED, "cancelled", -1);
        return;
    }
    call->no_payload = true;
    ly_rpc_call_fail(call, LY_RPC_INVALID_ARGUMENT, "the call has no request message", -1);
}

static void on_closed(ly_rpc_call *call)
{
    if (call->cancelled_raw)
        atomic_store(&call->cancelled, true);
    if (call->no_payload)
        lost(call, call->cancelled_raw ? LY_RPC_LOST_TOO_LARGE : LY_RPC_LOST_NO_MESSAGE, true);
    ly_rpc_call_unref(call);
}

static void on_payload(ly_rpc_call *call, bool ok)
{
    ly_rpc_server *server = call->server;
    reading_remove(call);
    if (!ok || !call->payload) {
        no_payload(call);
        return;
    }
    ly_rpc_packing packing = packing_of(call->payload);
    bool taken = ly_rpc_body_take(&server->bodies, call->payload, &call->body);
    grpc_byte_buffer_destroy(call->payload);
    call->payload = NULL;
    if (!taken) {
        lost(call, LY_RPC_LOST_NO_MESSAGE, true);
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "the message could not be read", 0);
        return;
    }
    server->handler.message(server->handler.user, call, call->method,
                            ly_str_n(call->body.ptr, call->body.len), packing);
}

static void handle(const grpc_event *event)
{
    tag *t = event->tag;
    bool ok = event->success != 0;
    switch (t->kind) {
    case TAG_NEW:
        on_new(t->call, ok);
        break;
    case TAG_NEW_UNKNOWN:
        on_new_unknown(t->call, ok);
        break;
    case TAG_CLOSED:
        on_closed(t->call);
        break;
    case TAG_PAYLOAD:
        on_payload(t->call, ok);
        break;
    case TAG_SENT:
        ly_rpc_call_unref(t->call);
        break;
    }
}

/* Nanoseconds until time itself may change something; 0 = only an event can. */
static int64_t next_tick(ly_rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    int64_t tick = server->waiting > 0 ? TICK_NS : server->reading ? READ_TICK_NS : 0;
    pthread_mutex_unlock(&server->lock);
    return tick;
}

static void *serve(void *arg)
{
    ly_rpc_server *server = arg;
    ly_thread_prompt();
    for (;;) {
        gpr_timespec until = gpr_inf_future(GPR_CLOCK_MONOTONIC);
        int64_t tick = next_tick(server);
        if (tick)
            until =
                gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(tick, GPR_TIMESPAN));
        grpc_event event = grpc_completion_queue_next(server->cq, until, NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (event.type == GRPC_OP_COMPLETE)
            handle(&event);
        else
            ly_rpc_server_pump(server);
        if (tick)
            cut_slow_messages(server);
    }
}

void ly_rpc_server_rest(ly_rpc_server *server)
{
    ly_rpc_bodies_rest(&server->bodies);
}

/* ---------------------------------------------------------- start and stop */

static grpc_arg int_arg(const char *key, int64_t value)
{
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key};
    arg.value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
    return arg;
}

static int64_t or_default(int64_t value, int64_t def)
{
    return value > 0 ? value : def;
}

static void make_server(ly_rpc_server *server, const ly_rpc_server_opts *opts)
{
    int64_t keepalive = or_default(opts->keepalive_ns, 60 * LY_NS_PER_SEC);
    int64_t idle = or_default(opts->idle_ns, 300 * LY_NS_PER_SEC);
    int64_t handshake = or_default(opts->handshake_ns, 10 * LY_NS_PER_SEC);
    size_t quota = opts->quota_bytes ? opts->quota_bytes : 8 * server->max_message;
    server->quota = grpc_resource_quota_create("lydite");
    grpc_resource_quota_resize(server->quota, quota);
    grpc_arg args[] = {
        int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int64_t)server->max_message),
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        int_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, or_default(opts->max_streams, 100)),
        int_arg(GRPC_ARG_MAX_METADATA_SIZE, or_default(opts->max_header_bytes, 16 * 1024)),
        /* What a call may send that nobody reads yet; probing the network would make it megabytes. A
         * message that is read gets the room it needs. */
        int_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 * 1024),
        int_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        int_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
        int_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, handshake / LY_NS_PER_MS),
        int_arg(GRPC_ARG_MAX_CONNECTION_IDLE_MS, idle / LY_NS_PER_MS),
        int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive / LY_NS_PER_MS),
        int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000),
        int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000),
        {.type = GRPC_ARG_POINTER,
         .key = (char *)(uintptr_t)GRPC_ARG_RESOURCE_QUOTA,
         .value.pointer = {server->quota, grpc_resource_quota_arg_vtable()}},
    };
    grpc_channel_args list = {LY_COUNT(args), args};
    server->server = grpc_server_create(&list, NULL);
    server->cq = grpc_completion_queue_create_for_next(NULL);
    server->stop_cq = grpc_completion_queue_create_for_pluck(NULL);
    grpc_server_register_completion_queue(server->server, server->cq, NULL);
    grpc_server_register_completion_queue(server->server, server->stop_cq, NULL);
    for (size_t i = 0; i < server->n_methods; i++)
        server->registered[i] = grpc_server_register_method(server->server, server->methods[i],
                                                            NULL, GRPC_SRM_PAYLOAD_NONE, 0);
}

ly_status ly_rpc_server_new(const ly_rpc_server_opts *opts, const ly_rpc_handler *handler,
                            ly_rpc_server **ret_server, ly_err *err)
{
    ly_rpc_server *server = ly_calloc(1, sizeof *server);
    if (!server)
        return LY_NOMEM(err);
    server->registered = ly_calloc(opts->n_methods + 1, sizeof *server->registered);
    if (!server->registered) {
        ly_free(server);
        return LY_NOMEM(err);
    }
    server->handler = *handler;
    server->methods = opts->methods;
    server->n_methods = opts->n_methods;
    server->anonymous = opts->anonymous;
    server->max_message = opts->max_message_bytes ? opts->max_message_bytes : LY_MAX_REQUEST_BYTES;
    server->last = &server->first;
    server->reading_last = &server->reading;
    server->message_ns = or_default(opts->message_ns, 60 * LY_NS_PER_SEC);
    server->accept_failures = ly_rpc_log_accept_failures();
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->bodies.lock, NULL);
    ly_cond_init(&server->none_live);
    if (opts->quiet && !grpc_is_initialized())
        ly_rpc_log_hear();
    grpc_init();
    make_server(server, opts);
    *ret_server = server;
    return LY_OK;
}

ly_status ly_rpc_server_listen(ly_rpc_server *server, const char *address, const ly_rpc_tls *tls,
                               int *ret_port, ly_err *err)
{
    grpc_server_credentials *creds = NULL;
    if (!tls) {
        creds = grpc_insecure_server_credentials_create();
    } else {
        ly_status status = server->cert ? LY_OK : ly_rpc_cert_new(tls, &server->cert, err);
        if (status)
            return status;
        creds = ly_rpc_cert_creds(server->cert);
    }
    if (!creds)
        return LY_FAIL(err, LY_E_INVALID, "gRPC refused the TLS certificate; it must be PEM text");
    int port = grpc_server_add_http2_port(server->server, address, creds);
    grpc_server_credentials_release(creds);
    if (port == 0)
        return LY_FAIL(err, LY_E_BUSY, "cannot listen on %s for gRPC", address);
    *ret_port = port;
    return LY_OK;
}

ly_status ly_rpc_server_renew(ly_rpc_server *server, const ly_rpc_tls *tls, ly_err *err)
{
    return server->cert ? ly_rpc_cert_renew(server->cert, tls, err) : LY_OK;
}

ly_status ly_rpc_server_start(ly_rpc_server *server, ly_err *err)
{
    grpc_server_start(server->server);
    for (size_t method = 0; method <= server->n_methods; method++) {
        int slots = method < server->n_methods ? SLOTS_PER_METHOD : SLOTS_UNKNOWN;
        for (int i = 0; i < slots; i++)
            arm(server, method);
    }
    int failed = pthread_create(&server->thread, NULL, serve, server);
    if (failed)
        return LY_FAIL(err, LY_E_IO, "the gRPC thread could not be started: %s", strerror(failed));
    server->started = true;
    return LY_OK;
}

void ly_rpc_server_drain(ly_rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_mutex_unlock(&server->lock);
    server->draining_posted = true;
    grpc_server_shutdown_and_notify(server->server, server->stop_cq, server);
    for (;;) {
        ly_rpc_call *call = take_waiting(server);
        if (!call)
            return;
        lost(call, LY_RPC_LOST_CANCELLED, false);
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "the collector is stopping", 0);
    }
}

static bool wait_stopped(ly_rpc_server *server, gpr_timespec until)
{
    return grpc_completion_queue_pluck(server->stop_cq, server, until, NULL).type ==
           GRPC_OP_COMPLETE;
}

static void stop_thread(ly_rpc_server *server)
{
    if (!server->started) { /* slots armed without a thread cannot be: start makes both */
        grpc_completion_queue_shutdown(server->cq);
        for (;;) {
            grpc_event event =
                grpc_completion_queue_next(server->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
            if (event.type == GRPC_QUEUE_SHUTDOWN)
                return;
            handle(&event);
        }
    }
    pthread_mutex_lock(&server->lock);
    while (server->live > 0)
        pthread_cond_wait(&server->none_live, &server->lock);
    pthread_mutex_unlock(&server->lock);
    grpc_completion_queue_shutdown(server->cq);
    pthread_join(server->thread, NULL);
}

void ly_rpc_server_free(ly_rpc_server *server, int64_t grace_ns)
{
    if (!server)
        return;
    if (!server->draining_posted)
        ly_rpc_server_drain(server);
    gpr_timespec until =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(grace_ns, GPR_TIMESPAN));
    if (!wait_stopped(server, until)) {
        grpc_server_cancel_all_calls(server->server);
        (void)wait_stopped(server, gpr_inf_future(GPR_CLOCK_MONOTONIC));
    }
    grpc_server_destroy(server->server);
    stop_thread(server);
    grpc_completion_queue_destroy(server->cq);
    grpc_completion_queue_shutdown(server->stop_cq);
    grpc_completion_queue_destroy(server->stop_cq);
    grpc_resource_quota_unref(server->quota);
    grpc_shutdown_blocking();
    ly_rpc_cert_free(server->cert);
    pthread_cond_destroy(&server->none_live);
    pthread_mutex_destroy(&server->lock);
    ly_rpc_bodies_rest(&server->bodies);
    pthread_mutex_destroy(&server->bodies.lock);
    ly_free(server->registered);
    ly_free(server);
}
