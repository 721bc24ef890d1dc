/*
 * collector: the keeper thread: checkpoints, retention, upkeep, new prices, and the figures of the file.
 *
 * It has a store handle of its own, so that a checkpoint never stands between a client and its answer.
 * Retention goes in slices of a few milliseconds with a pause between them, so that ingest is never
 * kept waiting for long.
 */
#include <malloc.h>
#include <unistd.h>

#include "base/thread.h"
#include "collector/impl.h"

#define TICK_NS    (250 * LY_NS_PER_MS)
#define FIGURES_NS (1 * LY_NS_PER_SEC)
/* So much was written since the last copy of the log. */
#define CHECKPOINT_BYTES LY_MIB(16)
/* How long a turn that lets the log begin anew may wait for others and for readers, in all. */
#define RESTART_WAIT_NS (4 * LY_NS_PER_MS)
/* Checkpoints that never reach the end for so long: a reader is in the way, not a passing one. */
#define BLOCKED_NS    (2 * LY_NS_PER_SEC)
#define CHECKPOINT_NS (5 * LY_NS_PER_SEC) /* also when smaller, this long after writing stopped */
#define UPKEEP_NS     (60 * LY_NS_PER_SEC)
#define PRUNE_NS      (60 * LY_NS_PER_SEC)
#define PRICES_NS     (1 * LY_NS_PER_SEC) /* so soon a changed price counts */
#define WARN_BYTES    (10LL << 30)
/* The full-text index is made in idle time: a slice a round while commits take less than a quarter of the
 * time, a longer one while they take next to none; under load one slice in so long. */
#define INDEX_NS      (50 * LY_NS_PER_MS)
#define INDEX_IDLE_NS (150 * LY_NS_PER_MS)
#define INDEX_WAIT_NS (10 * LY_NS_PER_SEC)
/* So long after the last commit the rest is indexed too, however little it is. */
#define INDEX_REST_NS (3 * LY_NS_PER_SEC)

typedef struct keeper {
    ly_collector *c;
    int64_t figures_ns, checkpoint_ns, upkeep_ns, prune_ns, prices_ns;
    int64_t copied;     /* of the log, in bytes from its beginning */
    int64_t blocked_ns; /* since when each checkpoint has left something; 0 = the last did not */
    uint64_t commits;   /* at the last look */
    uint64_t commit_ns; /* the same: time that commits took */
    int64_t looked_ns, index_ns;
    int64_t written_ns; /* when commits last took time */
    uint64_t rested;    /* commits when the heap was trimmed */
    bool warned_size, warned_disk, warned_wal;
} keeper;

/* true = go on after `ns`, false = stop. */
static bool pause_for(ly_collector *c, int64_t ns)
{
    int64_t until = ly_mono_ns() + ns;
    pthread_mutex_lock(&c->keeper_lock);
    while (!c->keeper_stop && ly_cond_until(&c->keeper_wake, &c->keeper_lock, until)) {
    }
    bool stop = c->keeper_stop;
    pthread_mutex_unlock(&c->keeper_lock);
    return !stop;
}

static void warn_once(bool *warned, bool now, const char *text)
{
    if (now && !*warned)
        ly_log(LY_LOG_WARN, ROOM, "%s", text);
    *warned = now;
}

static void figures(keeper *k)
{
    ly_store_info info;
    if (ly_store_info_get(k->c->keeper_store, false, &info, NULL))
        return;
    pthread_mutex_lock(&k->c->stats.lock);
    ly_collector_stats *s = &k->c->stats.now;
    s->wal_bytes = info.wal_bytes;
    s->db_bytes = info.file_bytes;
    s->disk_free_bytes = info.disk_free_bytes;
    s->unsettled = info.n_dirty;
    s->oldest_unsettled_ns = info.oldest_dirty_ns;
    pthread_mutex_unlock(&k->c->stats.lock);
    bool keeps_all = k->c->opts.retention.keep_app_ns == 0 && k->c->opts.retention.max_bytes == 0;
    warn_once(&k->warned_size, keeps_all && info.file_bytes > WARN_BYTES,
              "the database is larger than 10 GiB and nothing is ever removed; see --retain and "
              "--max-size");
    warn_once(&k->warned_disk,
              info.disk_free_bytes >= 0 &&
                  info.disk_free_bytes < (info.file_bytes + info.disk_free_bytes) / 20,
              "less than 5 % of the disk is free");
    warn_once(&k->warned_wal,
              k->c->opts.wal_limit_bytes > 0 && info.wal_bytes > k->c->opts.wal_limit_bytes / 2 &&
                  k->blocked_ns && ly_mono_ns() - k->blocked_ns >= BLOCKED_NS,
              "the write-ahead log grows: a reader of the database holds an old snapshot; end it");
}

/* Some time after the last commit: what the heap kept for further requests goes back (collector.c). */
static void rest(keeper *k)
{
    if (k->rested == k->commits)
        return;
    k->rested = k->commits;
    ly_grpc_rest(k->c);
    (void)malloc_trim(0);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void checkpoint(keeper *k, int64_t now)
{
    pthread_mutex_lock(&k->c->stats.lock);
    uint64_t commits = k->c->stats.now.commits;
    pthread_mutex_unlock(&k->c->stats.lock);
    int64_t limit = k->c->opts.wal_limit_bytes > 0 ? k->c->opts.wal_limit_bytes / 4 : INT64_MAX;
    int64_t log = atomic_load(&k->c->log_bytes);
    if (log < k->copied)
        k->copied = 0; /* it began anew */
    bool full = log > least(LOG_RESTART_BYTES, limit);
    bool large = full || log - k->copied > least((int64_t)CHECKPOINT_BYTES, limit);
    bool quiet = commits == k->commits && now - k->checkpoint_ns > CHECKPOINT_NS;
    bool stale = quiet && ly_store_wal_bytes(k->c->keeper_store) > 0;
    if (commits != k->commits && !large) {
        k->commits = commits;
        k->checkpoint_ns = now;
    }
    if (quiet)
        rest(k);
    if (!large && !stale)
        return;
    ly_err err = LY_ERR_INIT;
    int64_t left = 0;
    ly_status st = ly_store_checkpoint(k->c->keeper_store, stale, 10 * LY_NS_PER_MS, &left, &err);
    if (!st) {
        k->blocked_ns = left == 0 ? 0 : k->blocked_ns ? k->blocked_ns : now;
        k->copied = left < log ? log - left : 0;
    }
    /* At once again: little is left to copy, which writers can wait for. */
    if (!st && full && left == 0)
        st = ly_store_log_restart(k->c->keeper_store, RESTART_WAIT_NS, &err);
    if (!st && (full || stale))
        atomic_store(&k->c->log_bytes, 0); /* the next commit tells how it went */
    if (st)
        ly_log(LY_LOG_DEBUG, ROOM, "checkpoint: %s", err.text);
    k->checkpoint_ns = now;
}

static void prune(keeper *k)
{
    bool more = true;
    ly_err err = LY_ERR_INIT;
    while (more) {
        ly_store_removed removed = {0};
        if (ly_store_prune(k->c->keeper_store, &k->c->opts.retention, false, &removed, &more,
                           &err)) {
            ly_log(LY_LOG_WARN, ROOM, "retention: %s", err.text);
            return;
        }
        if (!pause_for(k->c, 5 * LY_NS_PER_MS))
            return;
    }
}

static bool mark_same(const ly_price_mark *a, const ly_price_mark *b)
{
    return a->book == b->book && a->own == b->own && a->removed == b->removed;
}

/* Prices that another process changed ('lydite price add', 'import', 'use', ...) are read anew. The mark
 * moves only when that went well: a busy file is asked again. */
static void prices(keeper *k)
{
    ly_collector *c = k->c;
    ly_price_mark now;
    ly_err err = LY_ERR_INIT;
    if (!c->opts.hooks.load_book || ly_price_mark_get(c->keeper_store, &now, &err))
        return;
    if (mark_same(&now, &c->prices) && !atomic_load(&c->book_unread))
        return;
    if (ly_collector_reload(c, &err)) {
        ly_log(LY_LOG_WARN, ROOM, "prices: %s", err.text);
        return;
    }
    if (atomic_load(&c->book_unread))
        return;
    c->prices = now;
    ly_log(LY_LOG_INFO, ROOM, "the prices changed and are in force");
}

/* Requests that could not be read are noted in the quarantine, where doctor finds them. */
static void note_unread(ly_collector *c)
{
    ly_unread items[LY_COUNT(c->unread.items)];
    ly_quarantine_unread rows[LY_COUNT(c->unread.items)];
    ly_err err = LY_ERR_INIT;
    pthread_mutex_lock(&c->unread.lock);
    size_t n = c->unread.n;
    memcpy(items, c->unread.items, n * sizeof *items);
    c->unread.n = 0;
    pthread_mutex_unlock(&c->unread.lock);
    for (size_t i = 0; i < n; i++) {
        rows[i] =
            (ly_quarantine_unread){.size = items[i].size, .reason = ly_str_c(items[i].reason)};
        memcpy(rows[i].hash, items[i].hash, sizeof rows[i].hash);
    }
    if (n > 0 && ly_store_quarantine_unread(c->keeper_store, rows, n, &err))
        ly_log(LY_LOG_DEBUG, ROOM, "quarantine: %s", err.text);
}

/* A key that was revoked must not go on working until somebody thinks of SIGHUP. */
static void access_keys(keeper *k)
{
    ly_collector *c = k->c;
    ly_access_mark now;
    ly_err err = LY_ERR_INIT;
    if (!c->info.keys || ly_access_key_mark_get(c->keeper_store, &now, &err))
        return;
    if (now.last == c->access_mark.last && now.revoked == c->access_mark.revoked)
        return;
    if (ly_collector_reload(c, &err)) {
        ly_log(LY_LOG_WARN, ROOM, "access keys: %s", err.text);
        return;
    }
    c->access_mark = now;
    ly_log(LY_LOG_INFO, ROOM, "the access keys changed and are in force");
}

/* How much of the time since the last look commits took, in percent. */
static int64_t busy_percent(keeper *k, int64_t now)
{
    pthread_mutex_lock(&k->c->stats.lock);
    uint64_t spent = k->c->stats.now.commit_ns_total;
    pthread_mutex_unlock(&k->c->stats.lock);
    int64_t took = (int64_t)(spent - k->commit_ns), passed = now - k->looked_ns;
    if (took > 0)
        k->written_ns = now;
    k->commit_ns = spent;
    k->looked_ns = now;
    return passed > 0 ? took / (passed / 100 + 1) : 0;
}

/* A piece of the full-text index, when enough waits and settling has kept up. */
static void index_text(keeper *k, int64_t now)
{
    ly_err err = LY_ERR_INIT;
    int64_t busy = busy_percent(k, now);
    if (busy >= 25 && now - k->index_ns < INDEX_WAIT_NS)
        return;
    k->index_ns = now;
    if (now - k->written_ns > INDEX_REST_NS) {
        if (ly_store_text_rest(k->c->keeper_store, NULL, &err))
            ly_log(LY_LOG_DEBUG, ROOM, "full-text index: %s", err.text);
        return;
    }
    if (ly_store_text_index(k->c->keeper_store, busy < 5 ? INDEX_IDLE_NS : INDEX_NS, false, NULL,
                            &err))
        ly_log(LY_LOG_DEBUG, ROOM, "full-text index: %s", err.text);
}

void *ly_keeper_main(void *arg)
{
    ly_collector *c = arg;
    int64_t now = ly_mono_ns();
    keeper k = {.c = c,
                .checkpoint_ns = now,
                .upkeep_ns = now,
                .looked_ns = now,
                .index_ns = now,
                .written_ns = now};
    const ly_retention *rule = &c->opts.retention;
    bool prunes = rule->keep_app_ns || rule->keep_eval_ns || rule->max_bytes;
    do {
        now = ly_mono_ns();
        ly_http_tick(c);
        ly_grpc_tick(c);
        note_unread(c);
        checkpoint(&k, now);
        if (now - k.figures_ns > FIGURES_NS) {
            figures(&k);
            k.figures_ns = now;
        }
        if (now - k.prices_ns > PRICES_NS) {
            prices(&k);
            access_keys(&k);
            k.prices_ns = now;
        }
        if (now - k.upkeep_ns > UPKEEP_NS) {
            ly_err err = LY_ERR_INIT;
            if (ly_store_upkeep(c->keeper_store, &err))
                ly_log(LY_LOG_DEBUG, ROOM, "upkeep: %s", err.text);
            k.upkeep_ns = now;
        }
        index_text(&k, now);
        if (prunes && (k.prune_ns == 0 || now - k.prune_ns > PRUNE_NS)) {
            prune(&k);
            k.prune_ns = now;
        }
    } while (pause_for(c, TICK_NS));
    note_unread(c);
    return NULL;
}
