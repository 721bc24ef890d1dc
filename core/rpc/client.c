/*
 * rpc/client: one completion queue per channel, polled by the owner's thread.
 *
 * A call is one batch with all six operations; its completion is the reply. The wake-up is an empty
 * batch on a call that never starts: gRPC posts the tag at once and allows that from any thread.
 */
#include "rpc/client.h"

#include <stdatomic.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

#define MAX_SHUTDOWN_MS 5000

typedef struct client_call client_call;

struct ly_rpc_channel {
    grpc_channel *channel;
    grpc_completion_queue *cq;
    grpc_call *waker;   /* never started; carries wake-ups */
    atomic_bool woken;  /* a wake-up is on its way */
    client_call *calls; /* in flight, doubly linked */
    size_t in_flight;
    bool first; /* gRPC was not initialised when this channel was made */
};

struct client_call {
    client_call *next, *prev;
    grpc_call *call;
    void *token;
    grpc_metadata *send_meta;
    size_t n_send_meta;
    grpc_metadata_array recv_meta, trailers;
    grpc_byte_buffer *request, *reply;
    grpc_status_code status;
    grpc_slice message;
};

bool ly_rpc_loaded(void)
{
    return grpc_is_initialized() != 0;
}

static void log_nothing(gpr_log_func_args *args)
{
    (void)args;
}

static gpr_timespec deadline_after(int64_t ns)
{
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(ns, GPR_TIMESPAN));
}

static ly_str slice_view(const grpc_slice *slice)
{
    return ly_str_n(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

static grpc_slice slice_copy(ly_str s)
{
    return grpc_slice_from_copied_buffer(s.ptr ? s.ptr : "", s.len);
}

/* ------------------------------------------------------------------ channel */

static grpc_channel_credentials *make_credentials(const ly_rpc_channel_opts *opts, ly_err *err)
{
    grpc_channel_credentials *creds = NULL;
    if (!opts->tls) {
        creds = grpc_insecure_credentials_create();
    } else if ((opts->cert_pem != NULL) != (opts->key_pem != NULL)) {
        LY_FAIL(err, LY_E_INVALID, "a client certificate needs its key, and a key its certificate");
        return NULL;
    } else {
        grpc_ssl_pem_key_cert_pair pair = {opts->key_pem, opts->cert_pem};
        creds =
            grpc_ssl_credentials_create(opts->ca_pem, opts->cert_pem ? &pair : NULL, NULL, NULL);
    }
    if (!creds)
        LY_FAIL(err, LY_E_INVALID, "gRPC refused the TLS certificates; they must be PEM text");
    return creds;
}

static grpc_arg int_arg(const char *key, int64_t value)
{
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key};
    arg.value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
    return arg;
}

static grpc_arg text_arg(const char *key, const char *value)
{
    grpc_arg arg = {.type = GRPC_ARG_STRING, .key = (char *)(uintptr_t)key};
    arg.value.string = (char *)(uintptr_t)value;
    return arg;
}

static grpc_channel *make_channel(const ly_rpc_channel_opts *opts, grpc_channel_credentials *creds)
{
    grpc_arg args[16];
    size_t n = 0;
    size_t reply = opts->max_reply_bytes ? opts->max_reply_bytes : LY_MAX_RESPONSE_BYTES;
    args[n++] = int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int64_t)reply);
    args[n++] = int_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1);
    /* Retries are the exporter's business: it owns the batch and counts what is dropped. */
    args[n++] = int_arg(GRPC_ARG_ENABLE_RETRIES, 0);
    args[n++] = int_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    /* gRPC's own reconnect backoff grows to two minutes: a collector that came back would be ignored
     * for that long. */
    const int64_t reconnect_ms = opts->reconnect_ns / LY_NS_PER_MS;
    args[n++] =
        int_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, reconnect_ms > 0 ? reconnect_ms : 200);
    args[n++] = int_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
    args[n++] = int_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, reconnect_ms > 0 ? reconnect_ms : 5000);
    if (opts->gzip)
        args[n++] = int_arg(GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM, GRPC_COMPRESS_GZIP);
    if (opts->keepalive_ns > 0)
        args[n++] = int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, opts->keepalive_ns / 1000000);
    if (opts->user_agent)
        args[n++] = text_arg(GRPC_ARG_PRIMARY_USER_AGENT_STRING, opts->user_agent);
    if (opts->tls && opts->server_name) {
        args[n++] = text_arg(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, opts->server_name);
    }
    grpc_channel_args list = {n, args};
    return grpc_channel_create(opts->target, creds, &list);
}

static void channel_close(ly_rpc_channel *channel)
{
    if (channel->waker)
        grpc_call_unref(channel->waker);
    if (channel->channel)
        grpc_channel_destroy(channel->channel);
    if (channel->cq) {
        grpc_completion_queue_shutdown(channel->cq);
        while (grpc_completion_queue_next(channel->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL)
                   .type != GRPC_QUEUE_SHUTDOWN) {
        }
        grpc_completion_queue_destroy(channel->cq);
    }
    grpc_shutdown_blocking();
    /* gRPC keeps itself alive until its connections' timers have ended. No thread of it may be left
     * when this returns (fork, dlclose), unless another user keeps gRPC. */
    for (int ms = 0; channel->first && grpc_is_initialized() && ms < MAX_SHUTDOWN_MS; ms++)
        gpr_sleep_until(deadline_after(LY_NS_PER_MS));
    ly_free(channel);
}

ly_status ly_rpc_channel_new(const ly_rpc_channel_opts *opts, ly_rpc_channel **ret_channel,
                             ly_err *err)
{
    if (!opts->target || !*opts->target)
        return LY_FAIL(err, LY_E_INVALID, "no collector address; give host:port");
    ly_rpc_channel *channel = ly_calloc(1, sizeof *channel);
    if (!channel)
        return LY_NOMEM(err);
    if (opts->quiet && !grpc_is_initialized())
        gpr_set_log_function(log_nothing);
    channel->first = !grpc_is_initialized();
    grpc_init();
    grpc_channel_credentials *creds = make_credentials(opts, err);
    if (!creds) {
        channel_close(channel);
        return LY_E_INVALID;
    }
    channel->cq = grpc_completion_queue_create_for_next(NULL);
    channel->channel = make_channel(opts, creds);
    grpc_channel_credentials_release(creds);
    channel->waker = grpc_channel_create_call(channel->channel, NULL, 0, channel->cq,
                                              grpc_slice_from_static_string("/wake"), NULL,
                                              gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    *ret_channel = channel;
    return LY_OK;
}

/* -------------------------------------------------------------------- calls */

static void call_free(client_call *call)
{
    if (!call)
        return;
    for (size_t i = 0; i < call->n_send_meta; i++) {
        grpc_slice_unref(call->send_meta[i].key);
        grpc_slice_unref(call->send_meta[i].value);
    }
    ly_free(call->send_meta);
    grpc_metadata_array_destroy(&call->recv_meta);
    grpc_metadata_array_destroy(&call->trailers);
    if (call->request)
        grpc_byte_buffer_destroy(call->request);
    if (call->reply)
        grpc_byte_buffer_destroy(call->reply);
    grpc_slice_unref(call->message);
    if (call->call)
        grpc_call_unref(call->call);
    ly_free(call);
}

static ly_status copy_meta(client_call *call, const ly_rpc_request *request, ly_err *err)
{
    if (request->n_meta == 0)
        return LY_OK;
    call->send_meta = ly_calloc(request->n_meta, sizeof *call->send_meta);
    if (!call->send_meta)
        return LY_NOMEM(err);
    for (size_t i = 0; i < request->n_meta; i++) {
        grpc_metadata *meta = &call->send_meta[i];
        meta->key = slice_copy(request->meta[i].key);
        meta->value = slice_copy(request->meta[i].value);
        call->n_send_meta++;
        if (!grpc_header_key_is_legal(meta->key))
            return LY_FAIL(err, LY_E_INVALID, "metadata key \"%.*s\" is not allowed by gRPC",
                           LY_STR_ARG(request->meta[i].key));
        if (!grpc_is_binary_header(meta->key) && !grpc_header_nonbin_value_is_legal(meta->value))
            return LY_FAIL(err, LY_E_INVALID,
                           "the value of metadata \"%.*s\" is not printable ASCII",
                           LY_STR_ARG(request->meta[i].key));
    }
    return LY_OK;
}

static bool call_begin(client_call *call, bool wait_ready)
{
    grpc_op ops[6];
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].flags = wait_ready ? GRPC_INITIAL_METADATA_WAIT_FOR_READY |
                                    GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET
                              : 0;
    ops[0].data.send_initial_metadata.count = call->n_send_meta;
    ops[0].data.send_initial_metadata.metadata = call->send_meta;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = call->request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &call->recv_meta;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &call->reply;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &call->trailers;
    ops[5].data.recv_status_on_client.status = &call->status;
    ops[5].data.recv_status_on_client.status_details = &call->message;
    return grpc_call_start_batch(call->call, ops, LY_COUNT(ops), call, NULL) == GRPC_CALL_OK;
}

ly_status ly_rpc_call_start(ly_rpc_channel *channel, const ly_rpc_request *request, ly_err *err)
{
    client_call *call = ly_calloc(1, sizeof *call);
    if (!call)
        return LY_NOMEM(err);
    grpc_metadata_array_init(&call->recv_meta);
    grpc_metadata_array_init(&call->trailers);
    call->message = grpc_empty_slice();
    call->token = request->token;
    ly_status status = copy_meta(call, request, err);
    if (status != LY_OK) {
        call_free(call);
        return status;
    }
    grpc_slice body = slice_copy(request->body);
    call->request = request->packed
                        ? grpc_raw_compressed_byte_buffer_create(&body, 1, GRPC_COMPRESS_GZIP)
                        : grpc_raw_byte_buffer_create(&body, 1);
    grpc_slice_unref(body);
    grpc_slice method = grpc_slice_from_copied_string(request->method);
    gpr_timespec deadline = request->timeout_ns > 0 ? deadline_after(request->timeout_ns)
                                                    : gpr_inf_future(GPR_CLOCK_MONOTONIC);
    call->call = grpc_channel_create_call(channel->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                          channel->cq, method, NULL, deadline, NULL);
    grpc_slice_unref(method);
    if (!call->call || !call_begin(call, request->wait_ready)) {
        call_free(call);
        return LY_FAIL(err, LY_E_INVALID, "gRPC refused to start a call of %s", request->method);
    }
    call->next = channel->calls;
    if (call->next)
        call->next->prev = call;
    channel->calls = call;
    channel->in_flight++;
    return LY_OK;
}

static void call_unlink(ly_rpc_channel *channel, client_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        channel->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    channel->in_flight--;
}

size_t ly_rpc_channel_in_flight(const ly_rpc_channel *channel)
{
    return channel->in_flight;
}

void ly_rpc_channel_cancel(ly_rpc_channel *channel)
{
    for (client_call *call = channel->calls; call; call = call->next)
        grpc_call_cancel(call->call, NULL);
}

/* ------------------------------------------------------------------ replies */

static ly_str trailer(const client_call *call, ly_str key)
{
    for (size_t i = 0; i < call->trailers.count; i++) {
        const grpc_metadata *meta = &call->trailers.metadata[i];
        if (ly_str_eq(slice_view(&meta->key), key))
            return slice_view(&meta->value);
    }
    return LY_S("");
}

static bool announced(const client_call *call)
{
    for (size_t i = 0; i < call->recv_meta.count; i++) {
        const grpc_metadata *meta = &call->recv_meta.metadata[i];
        if (ly_str_eqc(slice_view(&meta->key), "lydite-collector"))
            return ly_str_eqc(slice_view(&meta->value), "1");
    }
    return false;
}

/* All three views of a reply live in one allocation. */
static void fill_reply(client_call *call, ly_rpc_reply *reply)
{
    ly_str message = slice_view(&call->message);
    ly_str details = trailer(call, LY_S("grpc-status-details-bin"));
    grpc_slice body = grpc_empty_slice();
    if (call->reply && call->status == GRPC_STATUS_OK) {
        grpc_byte_buffer_reader reader;
        if (grpc_byte_buffer_reader_init(&reader, call->reply)) {
            body = grpc_byte_buffer_reader_readall(&reader);
            grpc_byte_buffer_reader_destroy(&reader);
        }
    }
    ly_str bytes = slice_view(&body);
    *reply = (ly_rpc_reply){
        .token = call->token, .code = (int)call->status, .announced = announced(call)};
    char *mem = ly_malloc(message.len + details.len + bytes.len + 1);
    if (mem) {
        ly_str *to[] = {&reply->message, &reply->details, &reply->body};
        ly_str from[] = {message, details, bytes};
        char *at = mem;
        for (size_t i = 0; i < LY_COUNT(from); i++) {
            if (from[i].len > 0)
                memcpy(at, from[i].ptr, from[i].len);
            *to[i] = ly_str_n(at, from[i].len);
            at += from[i].len;
        }
    } else if (reply->code == LY_RPC_OK) {
        /* Whether items were rejected is unknown now; resending is harmless, ids make it so. */
        reply->code = LY_RPC_UNAVAILABLE;
    }
    reply->mem = mem;
    grpc_slice_unref(body);
}

ly_status ly_rpc_channel_wait(ly_rpc_channel *channel, int64_t timeout_ns, ly_rpc_reply *ret_reply)
{
    if (timeout_ns < 0 && channel->in_flight == 0 && !atomic_load(&channel->woken))
        return LY_E_TIMEOUT;
    gpr_timespec deadline =
        timeout_ns < 0 ? gpr_inf_future(GPR_CLOCK_MONOTONIC) : deadline_after(timeout_ns);
    grpc_event event = grpc_completion_queue_next(channel->cq, deadline, NULL);
    if (event.type != GRPC_OP_COMPLETE)
        return LY_E_TIMEOUT;
    if (event.tag == channel) {
        atomic_store(&channel->woken, false);
        return LY_E_CANCELLED;
    }
    client_call *call = event.tag;
    call_unlink(channel, call);
    fill_reply(call, ret_reply);
    call_free(call);
    return LY_OK;
}

void ly_rpc_reply_release(ly_rpc_reply *reply)
{
    if (!reply)
        return;
    ly_free(reply->mem);
    *reply = (ly_rpc_reply){0};
}

void ly_rpc_channel_wake(ly_rpc_channel *channel)
{
    if (!atomic_exchange(&channel->woken, true))
        (void)grpc_call_start_batch(channel->waker, NULL, 0, channel, NULL);
}

void ly_rpc_channel_free(ly_rpc_channel *channel)
{
    if (!channel)
        return;
    ly_rpc_channel_cancel(channel);
    while (channel->in_flight > 0) {
        ly_rpc_reply reply;
        if (ly_rpc_channel_wait(channel, -1, &reply) == LY_OK)
            ly_rpc_reply_release(&reply);
    }
    channel_close(channel);
}
