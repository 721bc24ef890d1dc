/* The writing thread: see writer.h. */
#include "eval/writer.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/thread.h"

enum { SETTLE_MS = 200, SETTLE_SLICE_MS = 5, KEEP_SPANS = 1 << 20 };

struct ly_writer {
    ly_store *store;
    uint8_t run_id[16];
    ly_record_fn record;
    void *user;
    ly_queue *todo, *finished;
    pthread_t thread;
    bool started;
    ly_write_batch *waiting[LY_WRITER_MAX_WAITING]; /* of the run's thread alone */
    size_t n_waiting;
};

ly_status ly_write_batch_new(ly_write_batch **ret, ly_err *err)
{
    ly_write_batch *b = ly_calloc(1, sizeof *b);
    if (!b) {
        return LY_NOMEM(err);
    }
    ly_buf_init(&b->spans, LY_MAX_REQUEST_BYTES);
    ly_arena_init(&b->arena, 0, 0);
    *ret = b;
    return LY_OK;
}

void ly_write_batch_reset(ly_write_batch *b)
{
    if (b->spans.cap > KEEP_SPANS) {
        ly_buf_release(&b->spans);
        ly_buf_init(&b->spans, LY_MAX_REQUEST_BYTES);
    }
    ly_buf_reset(&b->spans);
    ly_arena_reset(&b->arena);
    b->n = b->n_kept = 0;
    b->status = LY_OK;
}

void ly_write_batch_free(ly_write_batch *b)
{
    if (b) {
        ly_buf_release(&b->spans);
        ly_arena_release(&b->arena);
        ly_free(b->cases);
        ly_free(b->owners);
        ly_free(b->kept);
        ly_free(b);
    }
}

/* What was paid for first; then spans before cases: a case names its trace, so the trace must be there.
 * Only the last commit of a batch waits for the disk. */
static ly_status write_batch(ly_writer *w, ly_write_batch *b)
{
    b->err = (ly_err)LY_ERR_INIT;
    bool spans = w->record && b->spans.len;
    ly_status st = LY_OK;
    ly_store_lazy(w->store, spans || b->n);
    if (b->n_kept) {
        st = ly_run_write(w->store, w->run_id, NULL, 0, b->kept, b->n_kept, &b->err);
    }
    if (spans && !st) {
        ly_store_lazy(w->store, b->n > 0);
        st = ly_record_send(ly_buf_view(&b->spans), w->record, w->user, &b->err);
    }
    ly_store_lazy(w->store, false);
    if (b->n && !st) {
        st = ly_run_write(w->store, w->run_id, b->cases, b->n, NULL, 0, &b->err);
    }
    return st;
}

static void *work(void *arg)
{
    ly_writer *w = arg;
    int64_t settled = ly_mono_ns(), left = 0;
    for (;;) {
        void *item = NULL;
        ly_status st = ly_queue_pop(w->todo, &item, SETTLE_MS * (uint64_t)LY_NS_PER_MS);
        if (st == LY_OK) {
            ly_write_batch *b = item;
            b->status = write_batch(w, b);
            (void)!ly_queue_push(w->finished, b, 1, UINT64_MAX);
        } else if (st == LY_E_CLOSED) {
            return NULL;
        }
        if (w->record && ly_mono_ns() - settled > SETTLE_MS * LY_NS_PER_MS) {
            /* As in the collector: what is lost with a power cut is settled again. */
            ly_store_lazy(w->store, true);
            (void)!ly_store_settle(w->store, SETTLE_SLICE_MS * LY_NS_PER_MS, false, &left, NULL);
            ly_store_lazy(w->store, false);
            settled = ly_mono_ns();
        }
    }
}

ly_status ly_writer_start(ly_store *store, const uint8_t run_id[16], ly_record_fn record,
                          void *user, ly_writer **ret, ly_err *err)
{
    ly_writer *w = ly_calloc(1, sizeof *w);
    if (!w) {
        return LY_NOMEM(err);
    }
    w->store = store;
    w->record = record;
    w->user = user;
    memcpy(w->run_id, run_id, sizeof w->run_id);
    ly_status st = ly_queue_new(LY_WRITER_MAX_WAITING, LY_WRITER_MAX_WAITING, &w->todo, err);
    if (!st) {
        st = ly_queue_new(LY_WRITER_MAX_WAITING, LY_WRITER_MAX_WAITING, &w->finished, err);
    }
    if (!st) {
        w->started = ly_thread_start(&w->thread, work, w);
        if (!w->started) {
            st = LY_FAIL(err, LY_E_NOMEM, "the writing thread of the run cannot be started");
        }
    }
    if (st) {
        ly_writer_stop(w);
        return st;
    }
    *ret = w;
    return LY_OK;
}

bool ly_writer_push(ly_writer *w, ly_write_batch *b)
{
    if (w->n_waiting == LY_WRITER_MAX_WAITING || ly_queue_push(w->todo, b, 1, 0) != LY_OK) {
        return false;
    }
    w->waiting[w->n_waiting++] = b;
    return true;
}

size_t ly_writer_waiting(const ly_writer *w)
{
    return w->n_waiting;
}

const ly_write_batch *ly_writer_peek(const ly_writer *w, size_t i)
{
    return w->waiting[i];
}

ly_write_batch *ly_writer_finished(ly_writer *w, int64_t timeout_ms)
{
    void *item = NULL;
    if (w->n_waiting == 0 ||
        ly_queue_pop(w->finished, &item, (uint64_t)timeout_ms * LY_NS_PER_MS) != LY_OK) {
        return NULL;
    }
    /* One thread takes them in order, so they come back in order. */
    w->n_waiting--;
    memmove(w->waiting, w->waiting + 1, w->n_waiting * sizeof w->waiting[0]);
    return item;
}

void ly_writer_stop(ly_writer *w)
{
    if (!w) {
        return;
    }
    if (w->todo) {
        ly_queue_close(w->todo);
    }
    if (w->started) {
        (void)pthread_join(w->thread, NULL);
    }
    for (size_t i = 0; i < w->n_waiting; i++) {
        ly_write_batch_free(w->waiting[i]);
    }
    ly_queue_free(w->todo);
    ly_queue_free(w->finished);
    ly_free(w);
}
