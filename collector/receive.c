/*
 * collector: from the bytes of a request to the queue. Runs on the receiver's thread; the same for
 * both transports.
 */
#include <stdio.h>

#include "collector/impl.h"
#include "text/hash.h"

/* A pooled job keeps up to this much memory for the next request, all of them together up to that. */
#define JOB_KEEP_BYTES  LY_MIB(8)
#define POOL_KEEP_BYTES LY_MIB(16)

static ly_ingest_job *job_take(ly_collector *c)
{
    ly_ingest_job *job = NULL;
    pthread_mutex_lock(&c->pool.lock);
    if (c->pool.n > 0) {
        job = c->pool.jobs[--c->pool.n];
        c->pool.held -= job->arena.held;
    }
    pthread_mutex_unlock(&c->pool.lock);
    if (!job && ly_ingest_job_new(&job, NULL))
        return NULL;
    return job;
}

static void job_give(ly_collector *c, ly_ingest_job *job)
{
    if (!job)
        return;
    ly_ingest_job_reset(job, JOB_KEEP_BYTES);
    pthread_mutex_lock(&c->pool.lock);
    if (c->pool.n < LY_COUNT(c->pool.jobs) && c->pool.held + job->arena.held <= POOL_KEEP_BYTES) {
        c->pool.held += job->arena.held;
        c->pool.jobs[c->pool.n++] = job;
        job = NULL;
    }
    pthread_mutex_unlock(&c->pool.lock);
    ly_ingest_job_free(job);
}

ly_request *ly_request_new(ly_collector *c, ly_signal signal, ly_otlp_format format, size_t charged)
{
    ly_request *request = ly_calloc(1, sizeof *request);
    if (!request)
        return NULL;
    *request = (ly_request){.c = c, .signal = signal, .format = format, .charged = charged};
    request->born_ns = ly_mono_ns();
    request->job = job_take(c);
    if (!request->job) {
        ly_free(request);
        return NULL;
    }
    request->config = ly_config_ref(c);
    return request;
}

void ly_request_finish(ly_request *request, const ly_answer *answer)
{
    ly_collector *c = request->c;
    size_t charged = request->charged;
    if (answer->code == LY_RPC_OK)
        ly_stats_answered(c, request->born_ns, answer->rejected > 0);
    request->send(request, answer);
    ly_config_unref(request->config);
    job_give(c, request->job);
    ly_free(request->inflated);
    ly_free(request);
    ly_budget_give(c, charged);
}

void ly_request_refuse(ly_request *request, ly_refused why, ly_rpc_code code, int64_t retry_ns,
                       const char *fmt, ...)
{
    ly_answer answer = {.code = code, .retry_ns = retry_ns};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(answer.text, sizeof answer.text, fmt, args);
    va_end(args);
    ly_stats_refused(request->c, why, request->charged);
    ly_request_finish(request, &answer);
}

/* Nothing to store: an empty request, or metrics, which are counted and thrown away. */
static void answer_at_once(ly_request *request)
{
    ly_answer answer = {.code = LY_RPC_OK, .retry_ns = -1};
    ly_stats_received(request->c, request);
    ly_stats_finished(request->c, request, true);
    ly_request_finish(request, &answer);
}

/* For the quarantine, so that `lydite doctor` can tell of it; of the bytes only size and hash. */
static void note_unread(ly_collector *c, ly_str bytes, const char *reason)
{
    ly_unread item = {.size = bytes.len};
    ly_xxh3_128(bytes, item.hash);
    (void)ly_str_copy(ly_str_c(reason), item.reason, sizeof item.reason);
    pthread_mutex_lock(&c->unread.lock);
    if (c->unread.n == LY_COUNT(c->unread.items))
        memmove(c->unread.items, c->unread.items + 1, --c->unread.n * sizeof item);
    c->unread.items[c->unread.n++] = item;
    pthread_mutex_unlock(&c->unread.lock);
}

static void refuse_undecodable(ly_request *request, ly_str bytes, ly_status status,
                               const ly_err *err)
{
    if (status == LY_E_FORMAT || status == LY_E_INVALID)
        note_unread(request->c, bytes, err->text);
    if (status == LY_E_NOMEM)
        ly_request_refuse(request, LY_REFUSED_OVERLOAD, LY_RPC_UNAVAILABLE, RETRY_OVERLOAD_NS,
                          "out of memory; send it again");
    else if (status == LY_E_LIMIT)
        ly_request_refuse(request, LY_REFUSED_TOO_LARGE, LY_RPC_RESOURCE_EXHAUSTED, -1, "%s",
                          err->text);
    else
        ly_request_refuse(request, LY_REFUSED_MALFORMED, LY_RPC_INVALID_ARGUMENT, -1, "%s",
                          err->text);
}

/* The decoded form counts too: it lives as long as the request. */
static void charge(ly_request *request, size_t bytes)
{
    if (bytes <= request->charged)
        return;
    ly_budget_force(&request->c->budget, bytes - request->charged);
    request->charged = bytes;
}

static ly_status unpack(ly_request *request, ly_str *body, ly_rpc_packing packing, ly_err *err)
{
    if (packing == LY_RPC_PLAIN)
        return LY_OK;
    size_t len = 0;
    ly_status status = ly_inflate(*body, packing, request->c->opts.max_request_bytes,
                                  &request->inflated, &len, err);
    if (!status)
        *body = ly_str_n(request->inflated, len);
    return status;
}

static void receive(ly_request *request, ly_str body, ly_rpc_packing packing)
{
    ly_collector *c = request->c;
    ly_err err = LY_ERR_INIT;
    ly_budget_learn(&c->budget, body.len);
    if (body.len > c->opts.max_request_bytes) {
        ly_request_refuse(request, LY_REFUSED_TOO_LARGE, LY_RPC_RESOURCE_EXHAUSTED, -1,
                          "the request is larger than %zu bytes", c->opts.max_request_bytes);
        return;
    }
    size_t packed = body.len;
    const char *how = packing == LY_RPC_PLAIN ? ly_packed_as(body) : NULL;
    if (how) {
        ly_request_refuse(request, LY_REFUSED_MALFORMED, LY_RPC_INVALID_ARGUMENT, -1,
                          "the request is compressed with %s and its Content-Encoding does not say "
                          "so; this collector reads gzip, deflate and identity",
                          how);
        return;
    }
    ly_status status = unpack(request, &body, packing, &err);
    ly_ingest_config config = request->config->ingest;
    config.access_key = request->access_key;
    if (!status)
        status =
            ly_ingest_prepare(&config, request->job, body, request->format, request->signal, &err);
    if (status) {
        refuse_undecodable(request, body, status, &err);
        return;
    }
    charge(request, packed + (request->inflated ? body.len : 0) + request->job->arena.held);
    const ly_ingest_job *job = request->job;
    if (job->n_spans + job->n_logs + job->n_rejects == 0) {
        answer_at_once(request);
        return;
    }
    ly_stats_received(c, request);
    if (ly_queue_push(c->queue, request, 1, 0) != LY_OK) {
        ly_stats_finished(c, request, false);
        ly_request_refuse(request, LY_REFUSED_STOPPING, LY_RPC_UNAVAILABLE, 0,
                          "the collector is stopping");
    }
}

void ly_request_receive(ly_request *request, ly_str body, ly_rpc_packing packing)
{
    ly_collector *c = request->c;
    ly_budget_receiving(&c->budget, 1);
    receive(request, body, packing);
    ly_budget_receiving(&c->budget, -1);
}
