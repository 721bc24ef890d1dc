#include "viewer/loader.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "viewer/app.h"

struct ly_loader {
    char *path;
    ly_store *store; /* the thread's while it runs; opened by the first, kept */
    pthread_t thread;
    bool running; /* a thread is to be joined */
    atomic_bool stop;
    atomic_size_t done;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool finished; /* under the lock */
    /* In, then out. */
    ly_trace_id id;
    ly_trace_row known; /* its strings are not looked at */
    bool has_known;
    ly_loaded loaded;
    ly_status st;
    ly_err err;
};

ly_status ly_loaded_read(ly_store *store, ly_trace_id id, ly_arena *work, ly_loaded *ret,
                         ly_err *err)
{
    ly_loaded made = {0};
    ly_arena_init(&made.arena, 0, 0);
    ly_status st = ly_store_trace_load(store, id, &made.arena, &made.trace, err);
    if (st == LY_OK) {
        st = ly_sums_build(made.trace, ly_trace_args(store, made.trace, &made.arena, work),
                           &made.arena, &made.sums, err);
    }
    if (st == LY_OK) {
        made.flags = LY_ARENA_ARRAY(&made.arena, uint8_t, 4 * made.trace->n + 4);
        st = made.flags != NULL ? LY_OK : LY_NOMEM(err);
    }
    if (st != LY_OK) {
        ly_arena_release(&made.arena);
        return st;
    }
    *ret = made;
    return LY_OK;
}

bool ly_loaded_current(ly_store *store, const ly_trace_row *known, ly_arena *work)
{
    ly_trace_row row;
    ly_err err = LY_ERR_INIT;
    ly_arena_reset(work);
    return ly_store_trace_row(store, known->trace_id, work, &row, &err) == LY_OK &&
           row.n_spans == known->n_spans && row.n_errors == known->n_errors &&
           row.end_ns == known->end_ns && row.pinned == known->pinned &&
           row.cost_pico == known->cost_pico && row.flags == known->flags;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool watch(void *user, size_t done)
{
    ly_loader *l = user;
    atomic_store_explicit(&l->done, done, memory_order_relaxed);
    return !atomic_load_explicit(&l->stop, memory_order_relaxed);
}

static ly_status read_it(ly_loader *l)
{
    ly_store_opts opts = ly_viewer_store_opts();
    ly_arena work;
    ly_status st = LY_OK;
    if (l->store == NULL) {
        st = ly_store_open(l->path, &opts, &l->store, &l->err);
    }
    if (st != LY_OK) {
        return st;
    }
    ly_store_watch(l->store, watch, l);
    ly_arena_init(&work, 0, 0);
    if (!l->has_known || !ly_loaded_current(l->store, &l->known, &work)) {
        st = ly_loaded_read(l->store, l->id, &work, &l->loaded, &l->err);
    }
    ly_arena_release(&work);
    return st;
}

static void *run(void *user)
{
    ly_loader *l = user;
    ly_status st = read_it(l);
    (void)pthread_mutex_lock(&l->lock);
    l->st = st;
    l->finished = true;
    (void)pthread_cond_signal(&l->wake);
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- its owner ------------------------------------------------------------------------------- */

ly_loader *ly_loader_new(const char *path)
{
    ly_loader *l = ly_calloc(1, sizeof *l);
    if (l == NULL || (l->path = ly_strdup(path)) == NULL) {
        ly_free(l);
        return NULL;
    }
    (void)pthread_mutex_init(&l->lock, NULL);
    ly_cond_init(&l->wake);
    return l;
}

static void stop(ly_loader *l)
{
    if (!l->running) {
        return;
    }
    atomic_store(&l->stop, true);
    (void)pthread_join(l->thread, NULL);
    l->running = false;
    if (l->st == LY_OK && l->loaded.trace != NULL) {
        ly_arena_release(&l->loaded.arena);
    }
}

void ly_loader_cancel(ly_loader *l)
{
    if (l != NULL) {
        atomic_store(&l->stop, true);
    }
}

bool ly_loader_over(ly_loader *l)
{
    if (!ly_loader_runs(l)) {
        return true;
    }
    (void)pthread_mutex_lock(&l->lock);
    bool finished = l->finished;
    (void)pthread_mutex_unlock(&l->lock);
    return finished;
}

void ly_loader_free(ly_loader *l)
{
    if (l == NULL) {
        return;
    }
    stop(l);
    ly_store_close(l->store);
    (void)pthread_cond_destroy(&l->wake);
    (void)pthread_mutex_destroy(&l->lock);
    ly_free(l->path);
    ly_free(l);
}

bool ly_loader_start(ly_loader *l, ly_trace_id id, const ly_trace_row *known)
{
    stop(l);
    l->id = id;
    l->has_known = known != NULL;
    if (known != NULL) {
        l->known = *known;
    }
    l->loaded = (ly_loaded){0};
    l->err = (ly_err)LY_ERR_INIT;
    l->finished = false;
    atomic_store(&l->stop, false);
    atomic_store(&l->done, 0);
    l->running = ly_thread_start(&l->thread, run, l);
    return l->running;
}

bool ly_loader_runs(const ly_loader *l)
{
    return l != NULL && l->running;
}

size_t ly_loader_done(ly_loader *l)
{
    return l != NULL ? atomic_load_explicit(&l->done, memory_order_relaxed) : 0;
}

bool ly_loader_poll(ly_loader *l, int64_t wait_ns, ly_loaded *ret, ly_status *ret_st, ly_err *err)
{
    int64_t until = ly_mono_ns() + wait_ns;
    if (!ly_loader_runs(l)) {
        return false;
    }
    (void)pthread_mutex_lock(&l->lock);
    while (wait_ns > 0 && !l->finished && ly_cond_until(&l->wake, &l->lock, until)) {
    }
    bool finished = l->finished;
    (void)pthread_mutex_unlock(&l->lock);
    if (!finished) {
        return false;
    }
    (void)pthread_join(l->thread, NULL);
    l->running = false;
    *ret = l->loaded;
    *ret_st = l->st;
    *err = l->err;
    return true;
}
