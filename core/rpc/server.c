/*
 * rpc/server: see server.h. Tags, references and the lock are the whole story:
 *
 * - Each operation posted to the completion queue carries a tag inside its call, so the thread knows
 *   what has finished. Request slots are calls that nobody has made yet.
 * - A call is held by references: one for the path slot -> admit -> payload -> handler, which ends when
 *   the answer is posted; one for the cancellation watch; one for the answer being written. The last
 *   one unrefs the gRPC call and with it the header views.
 * - `lock` guards the list of waiting calls, the stop flag and the count of live calls. No gRPC
 *   function that may call back runs under it, and neither do the handler's functions; a call is
 *   taken off the list before admit() sees it, so one thread at a time owns it.
 */
#include "rpc/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "rpc/server_tls.h"

#define SLOTS_PER_METHOD 32
#define SLOTS_UNKNOWN    4
#define TICK_NS          (50 * LY_NS_PER_MS)
#define READ_TICK_NS     (500 * LY_NS_PER_MS)
#define MAX_STATUS_BYTES 4096

typedef enum tag_kind { TAG_NEW, TAG_NEW_UNKNOWN, TAG_CLOSED, TAG_PAYLOAD, TAG_SENT } tag_kind;

typedef struct tag {
    tag_kind kind;
    ly_rpc_call *call;
} tag;

struct ly_rpc_call {
    ly_rpc_server *server;
    ly_rpc_call *next;                       /* in the waiting list */
    ly_rpc_call *reading_next, **reading_at; /* in the list of those whose message is awaited */
    int64_t asked_ns;
    size_t method;
    void *user;
    int64_t born_ns;
    atomic_int refs;
    atomic_bool cancelled;
    int cancelled_raw; /* written by gRPC before TAG_CLOSED */
    bool no_payload;   /* the server's thread only */
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array meta;
    grpc_call_details details; /* unknown methods only */
    grpc_byte_buffer *payload;
    grpc_slice body;
    grpc_byte_buffer *answer;
    tag on_new, on_closed, on_payload, on_sent;
};

struct ly_rpc_server {
    ly_rpc_handler handler;
    const char *const *methods;
    size_t n_methods;
    size_t max_message;
    int64_t message_ns;
    ly_rpc_cert *cert;        /* NULL = plain */
    uint64_t accept_failures; /* of the process when it began to listen */
    void **registered;
    grpc_resource_quota *quota;
    grpc_server *server;
    grpc_completion_queue *cq;      /* calls; polled by the thread */
    grpc_completion_queue *stop_cq; /* plucked by drain and free */
    pthread_t thread;
    bool started, draining_posted, anonymous;

    pthread_mutex_t lock;
    pthread_cond_t none_live;
    bool stopping;
    size_t live; /* accepted calls that were not freed yet */
    ly_rpc_call *first, **last;
    size_t waiting;
    ly_rpc_call *reading, **reading_last; /* in the order of asking */
};

static ly_str slice_view(const grpc_slice *slice)
{
    return ly_str_n(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

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
    call->body = grpc_empty_slice();
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
    grpc_slice_unref(call->body);
    if (call->call)
        grpc_call_unref(call->call);
    ly_free(call);
}

static void call_unref(ly_rpc_call *call)
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
        call_unref(call);
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

static void on_new(ly_rpc_call *call, bool ok)
{
    ly_rpc_server *server = call->server;
    if (!ok) { /* the server stops */
        call_free(call);
        return;
    }
    pthread_mutex_lock(&server->lock);
    server->live++;
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    if (!stopping)
        arm(server, call->method);
    call->born_ns = ly_mono_ns();
    watch_close(call);
    if (stopping)
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "the collector is stopping", 0);
    else
        admit_or_wait(call, false);
}

static void on_new_unknown(ly_rpc_call *call, bool ok)
{
    ly_rpc_server *server = call->server;
    if (!ok) {
        call_free(call);
        return;
    }
    pthread_mutex_lock(&server->lock);
    server->live++;
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    if (!stopping)
        arm(server, call->method);
    call->born_ns = ly_mono_ns();
    watch_close(call);
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
    call_unref(call);
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
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, call->payload)) {
        lost(call, LY_RPC_LOST_NO_MESSAGE, true);
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "the message could not be read", 0);
        return;
    }
    call->body = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(call->payload);
    call->payload = NULL;
    server->handler.message(server->handler.user, call, call->method, slice_view(&call->body),
                            packing);
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
        call_unref(t->call);
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

/* ------------------------------------------------------------------ answers */

static void send_answer(ly_rpc_call *call, int code, ly_str message, ly_str details)
{
    grpc_op ops[3];
    size_t n = 0;
    memset(ops, 0, sizeof ops);
    /* By this a tracer knows that live mode's start records are understood here (client.h). */
    grpc_metadata hello;
    memset(&hello, 0, sizeof hello);
    hello.key = grpc_slice_from_static_string("lydite-collector");
    hello.value = grpc_slice_from_static_string("1");
    ops[n].data.send_initial_metadata.count = call->server->anonymous ? 0 : 1;
    ops[n].data.send_initial_metadata.metadata = &hello;
    ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (call->answer) {
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = call->answer;
    }
    grpc_metadata trailer;
    memset(&trailer, 0, sizeof trailer);
    grpc_slice text = grpc_slice_from_copied_buffer(message.ptr ? message.ptr : "", message.len);
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].data.send_status_from_server.status = (grpc_status_code)code;
    ops[n].data.send_status_from_server.status_details = &text;
    if (details.len > 0) {
        trailer.key = grpc_slice_from_static_string("grpc-status-details-bin");
        trailer.value = grpc_slice_from_copied_buffer(details.ptr, details.len);
        ops[n].data.send_status_from_server.trailing_metadata_count = 1;
        ops[n].data.send_status_from_server.trailing_metadata = &trailer;
    }
    n++;
    /* The path's reference becomes the answer's. */
    if (grpc_call_start_batch(call->call, ops, n, &call->on_sent, NULL) != GRPC_CALL_OK)
        call_unref(call);
    grpc_slice_unref(text);
    if (details.len > 0)
        grpc_slice_unref(trailer.value);
}

void ly_rpc_call_reply(ly_rpc_call *call, ly_str body)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(body.ptr ? body.ptr : "", body.len);
    call->answer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    ly_rpc_call_drop_body(call);
    send_answer(call, LY_RPC_OK, LY_S(""), LY_S(""));
}

void ly_rpc_call_fail(ly_rpc_call *call, ly_rpc_code code, const char *message,
                      int64_t retry_delay_ns)
{
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT;
    msg.code = (int)code;
    msg.message = ly_str_c(message);
    msg.retry_delay_ns = retry_delay_ns;
    if (code == LY_RPC_INVALID_ARGUMENT) {
        msg.bad_field = LY_S("request");
        msg.bad_reason = msg.message;
    }
    ly_buf details;
    ly_buf_init(&details, MAX_STATUS_BYTES);
    ly_rpc_status_write(&details, &msg);
    ly_rpc_call_drop_body(call);
    send_answer(call, (int)code, msg.message, details.failed ? LY_S("") : ly_buf_view(&details));
    ly_buf_release(&details);
}

void ly_rpc_call_set_user(ly_rpc_call *call, void *user)
{
    call->user = user;
}

void *ly_rpc_call_user(const ly_rpc_call *call)
{
    return call->user;
}

ly_str ly_rpc_call_meta(const ly_rpc_call *call, ly_str key)
{
    for (size_t i = 0; i < call->meta.count; i++) {
        if (ly_str_eq(slice_view(&call->meta.metadata[i].key), key))
            return slice_view(&call->meta.metadata[i].value);
    }
    return LY_STR_NONE;
}

int64_t ly_rpc_call_age_ns(const ly_rpc_call *call)
{
    return ly_mono_ns() - call->born_ns;
}

bool ly_rpc_call_cancelled(const ly_rpc_call *call)
{
    return atomic_load(&call->cancelled);
}

ly_rpc_server *ly_rpc_call_server(const ly_rpc_call *call)
{
    return call->server;
}

void ly_rpc_call_drop_body(ly_rpc_call *call)
{
    grpc_slice_unref(call->body);
    call->body = grpc_empty_slice();
}

/* ---------------------------------------------------------- start and stop */

/*
 * gRPC's log goes nowhere, but one line is heard: when the process has no file descriptor left for a new
 * connection, gRPC 1.51 stops listening for good and says so only here.
 */
static atomic_uint_least64_t accept_failures;
static pthread_mutex_t accept_lock = PTHREAD_MUTEX_INITIALIZER;
static char accept_reason[128];

static void log_hears(gpr_log_func_args *args)
{
    /* A listener that is being closed says so in the same words, for another reason. */
    static const char *const wants[] = {"Too many open files", "Cannot allocate memory",
                                        "No buffer space"};
    const char *at = args->message ? strstr(args->message, "Failed accept") : NULL;
    bool short_of = false;
    for (size_t i = 0; at && i < LY_COUNT(wants); i++)
        short_of = short_of || strstr(at, wants[i]) != NULL;
    if (!short_of)
        return;
    const char *colon = strstr(at, ": ");
    pthread_mutex_lock(&accept_lock);
    (void)snprintf(accept_reason, sizeof accept_reason, "%s", colon ? colon + 2 : at);
    pthread_mutex_unlock(&accept_lock);
    atomic_fetch_add(&accept_failures, 1);
}

void ly_rpc_server_deaf_reason(char *dst, size_t size)
{
    pthread_mutex_lock(&accept_lock);
    (void)snprintf(dst, size, "%s", accept_reason);
    pthread_mutex_unlock(&accept_lock);
}

bool ly_rpc_server_deaf(const ly_rpc_server *server)
{
    return atomic_load(&accept_failures) != server->accept_failures;
}

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
    server->accept_failures = atomic_load(&accept_failures);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->none_live, NULL);
    if (opts->quiet && !grpc_is_initialized())
        gpr_set_log_function(log_hears);
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
    ly_free(server->registered);
    ly_free(server);
}
