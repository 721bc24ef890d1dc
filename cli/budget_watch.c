/* The thread that watches budgets beside a collector; see cli/costing.h. */
#include <pthread.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cli/costing.h"
#include "cli/fetch.h"

#define PERIOD_NS (5 * LY_NS_PER_SEC)

struct ly_budget_watcher {
    pthread_t thread;
    pthread_mutex_t lock; /* guards stop */
    pthread_cond_t wake;
    bool stop;
    char *db;
};

void ly_costing_budget_event(const ly_budget *budget, const ly_budget_state *state, bool passed)
{
    ly_buf json;
    ly_err err = LY_ERR_INIT;
    char url[2048];
    if (budget->webhook.len == 0 || !ly_str_copy(budget->webhook, url, sizeof url)) {
        return;
    }
    ly_buf_init(&json, LY_KIB(64));
    ly_budget_event_json(budget, state, passed, &json);
    if (ly_cli_post_json(url, ly_buf_view(&json), &err) != LY_OK) {
        ly_log(LY_LOG_WARN, "budget", "webhook of budget '%.*s': %s", LY_STR_ARG(budget->name),
               err.text);
    }
    ly_buf_release(&json);
}

static void on_event(void *user, const ly_budget *budget, const ly_budget_state *state, bool passed)
{
    (void)user;
    ly_log(LY_LOG_WARN, "budget", "budget '%.*s' %s", LY_STR_ARG(budget->name),
           passed ? "was passed" : "is near its limit");
    ly_costing_budget_event(budget, state, passed);
}

/* False when it is time to go. */
static bool wait_period(ly_budget_watcher *w)
{
    int64_t until = ly_mono_ns() + PERIOD_NS;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->stop && ly_cond_until(&w->wake, &w->lock, until)) {
    }
    bool go_on = !w->stop;
    (void)pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void *watch(void *user)
{
    ly_budget_watcher *w = user;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    uint64_t seen = 0, now = 0;
    opts.role = LY_STORE_WRITER;
    opts.create = false;
    opts.cache_bytes = 1 << 20;
    while (wait_period(w)) {
        ly_err err = LY_ERR_INIT;
        if (!store && ly_store_open(w->db, &opts, &store, &err) != LY_OK) {
            continue;
        }
        /* Nothing was committed: nothing was spent. The first look is always made. */
        if (ly_store_change_count(store, &now, &err) == LY_OK && now == seen) {
            continue;
        }
        if (ly_budget_watch(store, ly_wall_ns(), on_event, NULL, &err) == LY_OK) {
            seen = now;
        }
    }
    ly_store_close(store);
    return NULL;
}

ly_budget_watcher *ly_budget_watcher_start(const char *db)
{
    ly_budget_watcher *w = ly_calloc(1, sizeof *w);
    if (!w || !(w->db = ly_strdup(db))) {
        ly_free(w);
        return NULL;
    }
    (void)pthread_mutex_init(&w->lock, NULL);
    ly_cond_init(&w->wake);
    if (!ly_thread_start(&w->thread, watch, w)) {
        (void)pthread_cond_destroy(&w->wake);
        (void)pthread_mutex_destroy(&w->lock);
        ly_free(w->db);
        ly_free(w);
        return NULL;
    }
    return w;
}

void ly_budget_watcher_stop(ly_budget_watcher *w)
{
    if (!w) {
        return;
    }
    (void)pthread_mutex_lock(&w->lock);
    w->stop = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
    ly_free(w->db);
    ly_free(w);
}
