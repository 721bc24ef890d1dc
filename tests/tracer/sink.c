#include "sink.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "otlp/decode.h"
#include "otlp/encode.h"
#include "rpc/server.h"

#define MAX_HELD 256

struct sink {
    ly_rpc_server *server;
    int port;
    pthread_mutex_t lock; /* guards the rest */
    sink_mode mode;
    bool down, foreign;
    ly_rpc_call *held[MAX_HELD];
    size_t n_held;
    uint64_t *ids; /* open addressing */
    size_t n_ids, cap_ids;
    uint64_t requests, repeats, logs;
    void (*look)(void *user, const ly_span *span);
    void *look_user;
    char header[256];
};

static const char *const methods[] = {"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                                      "/opentelemetry.proto.collector.logs.v1.LogsService/Export"};

static void add_id(sink *s, const ly_span_id *id)
{
    uint64_t key;
    memcpy(&key, id->b, 8);
    if ((s->n_ids + 1) * 2 > s->cap_ids) {
        size_t cap = s->cap_ids ? s->cap_ids * 2 : 4096;
        uint64_t *more = ly_calloc(cap, sizeof *more);
        for (size_t i = 0; i < s->cap_ids; i++) {
            if (s->ids[i]) {
                size_t at = s->ids[i] % cap;
                while (more[at]) {
                    at = (at + 1) % cap;
                }
                more[at] = s->ids[i];
            }
        }
        ly_free(s->ids);
        s->ids = more;
        s->cap_ids = cap;
    }
    size_t at = key % s->cap_ids;
    while (s->ids[at] && s->ids[at] != key) {
        at = (at + 1) % s->cap_ids;
    }
    s->repeats += s->ids[at] == key;
    s->n_ids += s->ids[at] != key;
    s->ids[at] = key;
}

static ly_rpc_admit admit(void *user, ly_rpc_call *call, size_t method)
{
    (void)user;
    (void)call;
    (void)method;
    return LY_RPC_ADMIT_NOW;
}

static void take(sink *s, ly_rpc_call *call, size_t method, ly_str body)
{
    ly_arena arena;
    ly_otlp_batch batch;
    ly_buf out;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&out, 4096);
    if (ly_otlp_decode(body, method ? LY_SIGNAL_LOGS : LY_SIGNAL_TRACES, &arena, NULL, &batch,
                       NULL)) {
        abort();
    }
    for (size_t i = s->mode == SINK_REJECT; i < batch.n_spans; i++) {
        add_id(s, &batch.spans[i].span_id);
        if (s->look) {
            s->look(s->look_user, &batch.spans[i]);
        }
    }
    s->logs += batch.n_logs;
    s->requests++;
    if (s->mode == SINK_REJECT) {
        const ly_otlp_partial partial = {1, LY_S("one too many")};
        ly_otlp_put_response(&out, LY_OTLP_PROTO, LY_SIGNAL_TRACES, &partial);
    }
    ly_rpc_call_reply(call, ly_buf_view(&out));
    ly_buf_release(&out);
    ly_arena_release(&arena);
}

static void message(void *user, ly_rpc_call *call, size_t method, ly_str body,
                    ly_rpc_packing packing)
{
    sink *s = user;
    (void)packing;
    pthread_mutex_lock(&s->lock);
    ly_str_copy(ly_rpc_call_meta(call, LY_S("x-test")), s->header, sizeof s->header);
    if (s->down) {
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "going down", -1);
    } else if (s->mode == SINK_STALL && s->n_held < MAX_HELD) {
        s->held[s->n_held++] = call;
    } else if (s->mode == SINK_REFUSE) {
        ly_rpc_call_fail(call, LY_RPC_INVALID_ARGUMENT, "not like this", -1);
    } else if (s->mode == SINK_BUSY || s->mode == SINK_STALL) {
        ly_rpc_call_fail(call, LY_RPC_UNAVAILABLE, "busy", 20 * LY_NS_PER_MS);
    } else {
        take(s, call, method, body);
    }
    pthread_mutex_unlock(&s->lock);
}

static void start_server(sink *s)
{
    ly_err err = LY_ERR_INIT;
    char address[64];
    const ly_rpc_server_opts opts = {
        .methods = methods, .n_methods = 2, .quiet = true, .anonymous = s->foreign};
    const ly_rpc_handler handler = {.user = s, .admit = admit, .message = message};
    snprintf(address, sizeof address, "127.0.0.1:%d", s->port);
    if (ly_rpc_server_new(&opts, &handler, &s->server, &err) ||
        ly_rpc_server_listen(s->server, address, NULL, &s->port, &err) ||
        ly_rpc_server_start(s->server, &err)) {
        fprintf(stderr, "sink: %s\n", err.text);
        abort();
    }
}

static sink *start(int port, bool foreign)
{
    sink *s = ly_calloc(1, sizeof *s);
    s->port = port;
    s->foreign = foreign;
    pthread_mutex_init(&s->lock, NULL);
    start_server(s);
    return s;
}

sink *sink_start(int port)
{
    return start(port, false);
}

sink *sink_start_foreign(void)
{
    return start(0, true);
}

int sink_port(const sink *s)
{
    return s->port;
}

void sink_set(sink *s, sink_mode mode)
{
    pthread_mutex_lock(&s->lock);
    s->mode = mode;
    for (size_t i = 0; mode != SINK_STALL && i < s->n_held; i++) {
        ly_rpc_call_fail(s->held[i], LY_RPC_UNAVAILABLE, "was stalled", -1);
    }
    s->n_held = mode == SINK_STALL ? s->n_held : 0;
    pthread_mutex_unlock(&s->lock);
}

void sink_stop(sink *s)
{
    pthread_mutex_lock(&s->lock);
    s->down = true;
    pthread_mutex_unlock(&s->lock);
    sink_set(s, SINK_TAKE);
    ly_rpc_server_drain(s->server);
    ly_rpc_server_free(s->server, LY_NS_PER_SEC);
    ly_free(s->ids);
    ly_free(s);
}

static uint64_t look_at(sink *s, const uint64_t *field)
{
    pthread_mutex_lock(&s->lock);
    uint64_t value = *field;
    pthread_mutex_unlock(&s->lock);
    return value;
}

uint64_t sink_spans(sink *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->n_ids;
    pthread_mutex_unlock(&s->lock);
    return n;
}

uint64_t sink_requests(sink *s)
{
    return look_at(s, &s->requests);
}

uint64_t sink_repeats(sink *s)
{
    return look_at(s, &s->repeats);
}

uint64_t sink_logs(sink *s)
{
    return look_at(s, &s->logs);
}

void sink_watch(sink *s, void (*look)(void *user, const ly_span *span), void *user)
{
    pthread_mutex_lock(&s->lock);
    s->look = look;
    s->look_user = user;
    pthread_mutex_unlock(&s->lock);
}

const char *sink_header(sink *s)
{
    return s->header;
}
