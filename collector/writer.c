/*
 * collector: the writer thread, the only one that writes spans.
 *
 * Group commit. While one commit is at the disk, the next requests pile up in the queue; the writer
 * takes what is there, up to GROUP_ITEMS or GROUP_BYTES. It waits for more, at most GROUP_WAIT_NS from
 * the first, only while other requests are being received: a lone client is answered at once, many
 * share an fsync. A request larger than a group takes several commits and is answered after the last;
 * what is left of it shares that commit with the requests behind it.
 *
 * Idle time, and a slice after commits where there is none, goes to settling dirty traces.
 */
#include <stdio.h>

#include "collector/impl.h"
#include "base/thread.h"

#define GROUP_WAIT_NS (5 * LY_NS_PER_MS)
#define GROUP_ITEMS   512
/* As they came: a history that is sent again is a fifteenth of it in the file. */
#define GROUP_BYTES     LY_MIB(4)
#define GROUP_REQUESTS  256
#define SETTLE_SLICE_NS (5 * LY_NS_PER_MS)
/* Under load settling gets this part of the time, so that nothing stays dirty for long and requests do not
 * wait for it: a slice may begin when (SETTLE_SHARE - 1) times the last one's length has passed. */
#define SETTLE_SHARE 3
/* ... but not more often than this: a slice has a price of its own. Where a slice was not enough, one
 * follows each commit, and they become longer while that goes on: settling keeps up with what comes in. */
#define SETTLE_PAUSE_NS (20 * LY_NS_PER_MS)
#define SETTLE_LONGEST  8 /* slices in one */
/* A slice makes way for requests, but not for longer than this. */
#define SETTLE_LATEST_NS (500 * LY_NS_PER_MS)
/* Nothing came for so long: idle. Short, but longer than a client takes to send its next request. */
#define IDLE_NS (3 * LY_NS_PER_MS)
/* What is dirty is not due yet. */
#define WAIT_NS (50 * LY_NS_PER_MS)
#define REST_NS (1 * LY_NS_PER_SEC)
/* The keeper begins the write-ahead log anew. Where commits leave it no moment to, we do, between two of them,
 * past this size and not more often than that: what is left to copy is waited for by everybody. */
#define LOG_LARGE_BYTES (2 * LOG_RESTART_BYTES)
#define LOG_RETRY_NS    (250 * LY_NS_PER_MS)
#define LOG_WAIT_NS     (2 * LY_NS_PER_MS)

typedef struct writer {
    ly_collector *c;
    ly_request *group[GROUP_REQUESTS];
    ly_ingest_job *jobs[GROUP_REQUESTS];
    size_t n;
    size_t items, bytes;
    int64_t dirty;          /* traces left to settle */
    int64_t settled_ns;     /* when the last slice ended */
    int64_t undisturbed_ns; /* the last one that no request cut short */
    int64_t settle_cost;    /* how long it took */
    int behind;             /* slices one after another that were not enough */
    bool stuck;             /* it settled nothing: what is dirty is not due */
    int64_t log_ns;         /* when the log was last tried to begin anew */
} writer;

static void group_add(writer *w, ly_request *request)
{
    w->group[w->n] = request;
    w->jobs[w->n++] = request->job;
    w->items += request->job->n_spans + request->job->n_logs;
    w->bytes += request->job->bytes;
}

/* The first `done` requests are answered; what is left of the others is counted anew. */
static void group_drop(writer *w, size_t done)
{
    w->n -= done;
    memmove(w->group, w->group + done, w->n * sizeof *w->group);
    memmove(w->jobs, w->jobs + done, w->n * sizeof *w->jobs);
    w->items = w->bytes = 0;
    for (size_t i = 0; i < w->n; i++) {
        const ly_ingest_job *job = w->jobs[i];
        size_t all = job->n_spans + job->n_logs, left = all - job->first_span - job->first_log;
        w->items += left;
        w->bytes += all ? job->bytes / all * left : 0;
    }
}

static bool group_full(const writer *w)
{
    return w->n == GROUP_REQUESTS || w->items >= GROUP_ITEMS || w->bytes >= GROUP_BYTES;
}

static bool others_receive(writer *w)
{
    pthread_mutex_lock(&w->c->budget.lock);
    bool any = w->c->budget.receiving > 0;
    pthread_mutex_unlock(&w->c->budget.lock);
    return any;
}

/* LY_OK with a group, LY_E_TIMEOUT with none, LY_E_CLOSED when there will be none. */
static ly_status collect_group(writer *w)
{
    void *item = NULL;
    int64_t until = 0;
    if (w->n == 0) {
        uint64_t wait = (uint64_t)(w->dirty == 0 ? REST_NS : w->stuck ? WAIT_NS : IDLE_NS);
        ly_status status = ly_queue_pop(w->c->queue, &item, wait);
        if (status)
            return status;
        until = ly_mono_ns() + GROUP_WAIT_NS;
        group_add(w, item);
    }
    while (!group_full(w)) {
        int64_t left = until && others_receive(w) ? until - ly_mono_ns() : 0;
        if (ly_queue_pop(w->c->queue, &item, left > 0 ? (uint64_t)left : 0))
            break;
        group_add(w, item);
    }
    return LY_OK;
}

static void answer_stored(ly_request *request)
{
    const ly_ingest_outcome *o = &request->job->outcome;
    ly_answer answer = {.code = LY_RPC_OK, .retry_ns = -1, .rejected = o->rejected + o->conflicts};
    ly_str reason = request->job->first_reason;
    if (o->rejected)
        (void)snprintf(answer.text, sizeof answer.text, "%.*s", LY_STR_ARG(reason));
    else if (o->conflicts)
        (void)snprintf(answer.text, sizeof answer.text,
                       "contradicts what is stored under the same ids; kept in quarantine");
    ly_stats_finished(request->c, request, true);
    if (request->c->opts.hooks.stored)
        request->c->opts.hooks.stored(request->c->opts.hooks.user, request->job);
    ly_request_finish(request, &answer);
}

static void answer_failed(ly_request *request, ly_status status, const ly_err *err)
{
    ly_stats_finished(request->c, request, false);
    if (status == LY_E_INVALID)
        ly_request_refuse(request, LY_REFUSED_MALFORMED, LY_RPC_INVALID_ARGUMENT, -1, "%s",
                          err->text);
    else
        ly_request_refuse(request, LY_REFUSED_STORAGE, LY_RPC_UNAVAILABLE, RETRY_STORAGE_NS,
                          "not stored: %s", err->text);
}

static void note_trouble(ly_collector *c, ly_status status, const ly_err *err)
{
    static const char *const texts[] = {"the disk or the write-ahead log's limit is full",
                                        "another writer holds the database", "writing failed"};
    const char *now = status == LY_OK       ? NULL
                      : status == LY_E_FULL ? texts[0]
                      : status == LY_E_BUSY ? texts[1]
                                            : texts[2];
    const char *before = atomic_exchange(&c->trouble, now);
    if (now && !before)
        ly_log(LY_LOG_ERROR, ROOM, "cannot store: %s; clients are told to send again", err->text);
    if (!now && before)
        ly_log(LY_LOG_INFO, ROOM, "storing works again");
}

/* One commit of the first `n` requests, or of a part of them. */
static ly_status commit_once(writer *w, size_t n, size_t *ret_done, ly_err *err)
{
    static const ly_ingest_slice slice = {GROUP_ITEMS, GROUP_BYTES};
    int64_t start = ly_mono_ns();
    ly_status status = ly_ingest_store(w->c->writer_store, w->jobs, n, &slice, ret_done, err);
    ly_stats_commit(w->c, ly_mono_ns() - start, status == LY_OK);
    note_trouble(w->c, status, err);
    return status;
}

/* One commit; those of the group that are through are answered, the others stay. */
static void commit_group(writer *w)
{
    size_t done = 0;
    ly_err err = LY_ERR_INIT;
    w->dirty = w->dirty > 0 ? w->dirty : 1;
    ly_status status = commit_once(w, w->n, &done, &err);
    /* What fails for its content must not take its neighbours along. */
    if (status == LY_E_INVALID && w->n > 1) {
        do
            status = commit_once(w, 1, &done, &err);
        while (!status && done == 0);
        if (status) {
            answer_failed(w->group[0], status, &err);
            group_drop(w, 1);
            return;
        }
    }
    if (status) {
        for (size_t i = 0; i < w->n; i++)
            answer_failed(w->group[i], status, &err);
        done = w->n;
    } else {
        for (size_t i = 0; i < done; i++)
            answer_stored(w->group[i]);
    }
    group_drop(w, done);
}

/* Somebody waits for an answer, and settling was done of late. */
static bool is_wanted(void *user)
{
    writer *w = user;
    return ly_queue_count(w->c->queue) > 0 && ly_mono_ns() - w->undisturbed_ns < SETTLE_LATEST_NS;
}

static void settle(writer *w, int64_t budget_ns, bool all)
{
    ly_err err = LY_ERR_INIT;
    int64_t left = 0, start = ly_mono_ns();
    /* Nobody is told of it: the next commit's sync covers it, and after a power cut it is done again. */
    ly_store_lazy(w->c->writer_store, true);
    ly_status status = ly_store_settle(w->c->writer_store, budget_ns, all, &left, &err);
    ly_store_lazy(w->c->writer_store, false);
    bool wanted = is_wanted(w);
    w->settled_ns = ly_mono_ns();
    if (!wanted)
        w->undisturbed_ns = w->settled_ns;
    w->settle_cost = w->settled_ns - start;
    w->behind = w->settle_cost >= budget_ns ? w->behind + 1 : 0;
    w->stuck = status != LY_OK || left >= w->dirty;
    if (status == LY_OK)
        w->dirty = left;
    else
        ly_log(LY_LOG_WARN, ROOM, "summaries wait: %s", err.text);
}

static void see_log(writer *w)
{
    ly_err err = LY_ERR_INIT;
    int64_t bytes = ly_store_log_bytes(w->c->writer_store), now = ly_mono_ns();
    atomic_store(&w->c->log_bytes, bytes);
    if (bytes < LOG_LARGE_BYTES || now - w->log_ns < LOG_RETRY_NS)
        return;
    w->log_ns = now;
    if (ly_store_log_restart(w->c->writer_store, LOG_WAIT_NS, &err))
        ly_log(LY_LOG_DEBUG, ROOM, "checkpoint: %s", err.text);
}

static bool settle_is_due(const writer *w, bool idle)
{
    if (w->dirty == 0)
        return false;
    int64_t passed = ly_mono_ns() - w->settled_ns;
    return idle || w->behind > 0 ||
           (passed > SETTLE_PAUSE_NS && passed > (SETTLE_SHARE - 1) * w->settle_cost);
}

/* Longer by one each sixteen times that it was not enough. */
static int64_t slice_length(const writer *w)
{
    int times = 1 + w->behind / 16;
    return (times < SETTLE_LONGEST ? times : SETTLE_LONGEST) * SETTLE_SLICE_NS;
}

void *ly_writer_main(void *arg)
{
    ly_collector *c = arg;
    writer state = {.c = c, .dirty = 1 /* what another process left */}, *w = &state;
    ly_thread_prompt();
    ly_store_settle_yields(c->writer_store, is_wanted, w);
    for (;;) {
        ly_status status = collect_group(w);
        if (status == LY_E_CLOSED)
            break;
        if (status == LY_OK) {
            commit_group(w);
            w->stuck = false;
            see_log(w);
        }
        if (settle_is_due(w, status == LY_E_TIMEOUT))
            settle(w, slice_length(w), false);
    }
    settle(w, LY_NS_PER_SEC, true);
    return NULL;
}
