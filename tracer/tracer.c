/*
 * Tracers: open, flush, close, accounts; and the events of the process that they must survive: fork and
 * exit. The exporter's thread is exporter.c.
 */
#include "tracer/engine.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "tracer/keys.h"

#define STOP_GRACE (500 * LY_NS_PER_MS)

/* Of the tracer at each index; what names another serial is of a tracer that is gone. */
static _Atomic uint32_t serials[LY_MAX_TRACERS];
lydite_tracer *_Atomic ly_tracer_table[LY_MAX_TRACERS];

/* Guards the table and the serials against open, close, thread end and fork. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t next_serial;
static bool handlers_set;
static _Atomic int barrier_state; /* 0 not tried, 1 there, -1 not */

/* ---- waiting and waking ---- */

void ly_futex_wait(_Atomic uint32_t *word, uint32_t seen, int64_t timeout_ns)
{
    struct timespec ts = {timeout_ns / LY_NS_PER_SEC, timeout_ns % LY_NS_PER_SEC};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, timeout_ns < 0 ? NULL : &ts, NULL, 0);
}

void ly_futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

bool ly_barrier_all(void)
{
    if (atomic_load(&barrier_state) == 0) {
        long r = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
        atomic_store(&barrier_state, r == 0 ? 1 : -1);
    }
    return atomic_load(&barrier_state) > 0 &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void ly_tracer_wake(lydite_tracer *tracer)
{
    atomic_fetch_add(&tracer->wake, 1);
    if (atomic_load(&tracer->sleeping)) {
        ly_futex_wake(&tracer->wake);
    }
}

/* Waits until *word is `want` or later, at most until the deadline. */
static bool wait_until(_Atomic uint32_t *word, uint32_t want, int64_t deadline_ns)
{
    for (;;) {
        uint32_t now = atomic_load(word);
        int64_t left = deadline_ns - ly_mono_ns();
        if ((int32_t)(now - want) >= 0) {
            return true;
        }
        if (left <= 0) {
            return false;
        }
        ly_futex_wait(word, now, left);
    }
}

void ly_tracer_diag(lydite_tracer *tracer, int level, const char *fmt, ...)
{
    char text[LYDITE_TEXT_MAX];
    va_list args;
    if (!tracer->config.diag) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    tracer->config.diag(tracer->config.diag_user, level, text);
}

/* ---- the exporter's thread ---- */

void ly_tracer_run(lydite_tracer *tracer)
{
    sigset_t all, old;
    pthread_mutex_lock(&tracer->lock);
    if (tracer->run == LY_RUN_NOT) {
        /* The host's signals are the host's: none is delivered to our thread (signals.c). */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        if (pthread_create(&tracer->thread, NULL, ly_exporter_main, tracer) == 0) {
            tracer->run = LY_RUN_YES;
        }
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    pthread_mutex_unlock(&tracer->lock);
}

/* Ends the thread; true when it ended in time. */
static bool stop_thread(lydite_tracer *tracer, int64_t deadline_ns)
{
    pthread_mutex_lock(&tracer->lock);
    const bool running = tracer->run == LY_RUN_YES;
    pthread_mutex_unlock(&tracer->lock);
    if (!running) {
        return true;
    }
    atomic_store(&tracer->stop_by_ns, deadline_ns);
    atomic_store(&tracer->stop, true);
    atomic_fetch_add(&tracer->wake, 1);
    ly_futex_wake(&tracer->wake);
    if (!wait_until(&tracer->stopped, 1, deadline_ns + STOP_GRACE)) {
        return false;
    }
    pthread_mutex_lock(&tracer->lock);
    tracer->run = LY_RUN_STOPPED;
    pthread_mutex_unlock(&tracer->lock);
    pthread_join(tracer->thread, NULL);
    return true;
}

/* ---- exit ---- */

static void at_exit(void)
{
    for (int i = 0; i < LY_MAX_TRACERS; i++) {
        lydite_tracer *tracer = atomic_load(&ly_tracer_table[i]);
        if (tracer && !atomic_load(&tracer->off)) {
            stop_thread(tracer, ly_mono_ns() + tracer->config.exit_ns);
            atomic_store(&tracer->off_reason, LYDITE_DROP_SHUTDOWN);
            atomic_store(&tracer->off, true);
        }
    }
}

void ly_tracer_at_exit(void)
{
    (void)atexit(at_exit);
}

/* ---- fork ----
 * gRPC does not survive a fork. So before one the exporter lets go of it (closes its channel, which ends
 * gRPC when no one else uses it) and waits; parent and child each open a new channel when they have
 * something to send. Where that takes longer than fork_wait_ms, or something else in the process uses
 * gRPC, the child's tracer is off. */

static bool fork_late[LY_MAX_TRACERS];

static void before_fork(void)
{
    pthread_mutex_lock(&registry_lock);
    const int64_t start = ly_mono_ns();
    for (int i = 0; i < LY_MAX_TRACERS; i++) {
        lydite_tracer *tracer = atomic_load(&ly_tracer_table[i]);
        if (tracer && atomic_load(&tracer->transport_open)) {
            atomic_store(&tracer->pause, true);
            atomic_fetch_add(&tracer->wake, 1);
            ly_futex_wake(&tracer->wake);
        }
    }
    for (int i = 0; i < LY_MAX_TRACERS; i++) {
        lydite_tracer *tracer = atomic_load(&ly_tracer_table[i]);
        fork_late[i] = tracer && atomic_load(&tracer->pause) &&
                       !wait_until(&tracer->paused, 1, start + tracer->config.fork_ns);
        if (tracer) {
            pthread_mutex_lock(&tracer->lock);
        }
    }
    ly_thread_fork_lock();
    ly_key_fork_lock();
}

static void after_fork_parent(void)
{
    ly_key_fork_unlock();
    ly_thread_fork_unlock();
    for (int i = 0; i < LY_MAX_TRACERS; i++) {
        lydite_tracer *tracer = atomic_load(&ly_tracer_table[i]);
        if (!tracer) {
            continue;
        }
        pthread_mutex_unlock(&tracer->lock);
        if (atomic_load(&tracer->pause)) {
            atomic_store(&tracer->pause, false);
            atomic_fetch_add(&tracer->wake, 1);
            ly_futex_wake(&tracer->wake);
        }
    }
    pthread_mutex_unlock(&registry_lock);
}

static void producer_reset(ly_producer *p)
{
    p->tail = NULL;
    p->tail_used = 0;
    atomic_store(&p->head, NULL);
    p->taken = p->flush_target = p->press_at = 0;
    atomic_store(&p->writing, false);
    atomic_store(&p->claim, LY_CLAIM_NONE);
    _Atomic uint64_t *counters[] = {&p->ended,     &p->committed, &p->started,
                                    &p->unsampled, &p->slow,      &p->cut};
    for (size_t i = 0; i < LY_COUNT(counters); i++) {
        atomic_store(counters[i], 0);
    }
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        atomic_store(&p->dropped[i], 0);
    }
    atomic_store(&p->used, false);
}

/* What the rings hold belongs to the parent, which sends it; the child starts with empty ones. Chunks
 * from the heap and the parent's exporter stay where they are: other threads may have been in them. */
static void reset_in_child(lydite_tracer *t, bool late)
{
    pthread_mutex_init(&t->lock, NULL);
    t->serial = ++next_serial;
    atomic_store(&serials[t->index], t->serial);
    for (ly_producer *p = atomic_load(&t->producers); p; p = p->next) {
        producer_reset(p);
    }
    ly_pool_reset(&t->pool);
    t->run = t->run == LY_RUN_STOPPED ? LY_RUN_STOPPED : LY_RUN_NOT;
    t->exporter = NULL;
    t->forked = true;
    t->acknowledged = t->rejected = t->spooled = t->sending = t->taken_sum = 0;
    memset(t->dropped, 0, sizeof t->dropped);
    t->requests = t->retries = t->pending_sent = t->inherited = 0;
    t->scores = t->scores_acked = t->scores_dropped = t->scores_spooled = t->scores_sending = 0;
    while (t->score_first) {
        ly_score_node *next = t->score_first->next;
        ly_free(t->score_first);
        t->score_first = next;
    }
    t->score_last = NULL;
    t->n_scores = 0;
    t->loss_told = false;
    _Atomic bool *flags[] = {&t->fresh,    &t->idle,           &t->sleeping, &t->stop,   &t->pause,
                             &t->pressure, &t->transport_open, &t->stuck,    &t->starved};
    for (size_t i = 0; i < LY_COUNT(flags); i++) {
        atomic_store(flags[i], false);
    }
    _Atomic uint32_t *words[] = {&t->wake,         &t->flush_want,    &t->flush_done,
                                 &t->paused,       &t->stopped,       &t->room,
                                 &t->room_waiters, &t->waiting_spans, &t->waiting_chunks};
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        atomic_store(words[i], 0);
    }
    atomic_store(&t->live_now, ly_live_at_first(&t->config));
    if (late && !atomic_load(&t->off)) {
        atomic_store(&t->off_reason, LYDITE_DROP_FORK);
        atomic_store(&t->off, true);
        t->forks_off = 1;
        ly_tracer_diag(
            t, 2,
            "gRPC could not be let go within %lld ms before fork(): tracing is off in the "
            "child",
            (long long)(t->config.fork_ns / LY_NS_PER_MS));
    }
}

static void after_fork_child(void)
{
    pthread_mutex_init(&registry_lock, NULL);
    ly_key_after_fork();
    ly_thread_after_fork();
    atomic_store(&barrier_state, 0);
    atomic_store(&ly_span_misuse, 0);
    for (int i = 0; i < LY_MAX_TRACERS; i++) {
        lydite_tracer *tracer = atomic_load(&ly_tracer_table[i]);
        if (tracer) {
            reset_in_child(tracer, fork_late[i]);
        }
    }
}

/* ---- open ---- */

int lydite_abi(void)
{
    return LYDITE_ABI;
}

const char *lydite_version(void)
{
    return LYDITE_VERSION;
}

static ly_status register_tracer(lydite_tracer *tracer, ly_err *err)
{
    ly_status status = LY_FAIL(err, LY_E_LIMIT, "%d tracers are open already", LY_MAX_TRACERS);
    pthread_mutex_lock(&registry_lock);
    if (!handlers_set) {
        handlers_set = true;
        pthread_atfork(before_fork, after_fork_parent, after_fork_child);
        ly_tracer_at_exit();
    }
    for (uint32_t i = 0; i < LY_MAX_TRACERS; i++) {
        if (!atomic_load(&ly_tracer_table[i])) {
            tracer->index = i;
            tracer->serial = ++next_serial;
            atomic_store(&serials[i], tracer->serial);
            atomic_store(&ly_tracer_table[i], tracer);
            status = LY_OK;
            break;
        }
    }
    pthread_mutex_unlock(&registry_lock);
    if (status == LY_OK && err) {
        *err = (ly_err)LY_ERR_INIT;
    }
    return status;
}

static int to_public(ly_status status, const ly_err *err, lydite_error *error)
{
    if (error) {
        error->code = (int)status;
        snprintf(error->text, sizeof error->text, "%s", err->text);
    }
    return (int)status;
}

int lydite_open(const lydite_options *opts, lydite_tracer **ret, lydite_error *error)
{
    ly_err err = LY_ERR_INIT;
    ly_config config;
    if (!ret) {
        return LYDITE_E_INVALID;
    }
    ly_status status = ly_config_read(opts, NULL, NULL, &config, &err);
    if (status) {
        return to_public(status, &err, error);
    }
    lydite_tracer *tracer = ly_calloc(1, sizeof *tracer);
    if (!tracer) {
        ly_config_release(&config);
        return to_public(LY_NOMEM(&err), &err, error);
    }
    tracer->config = config;
    pthread_mutex_init(&tracer->lock, NULL);
    atomic_store(&tracer->off, config.disabled);
    atomic_store(&tracer->off_reason, -1);
    atomic_store(&tracer->live_now, ly_live_at_first(&config));
    if (!config.disabled && !ly_pool_init(&tracer->pool, config.ring_bytes)) {
        status = LY_NOMEM(&err);
    }
    if (!status) {
        status = register_tracer(tracer, &err);
    }
    if (status) {
        ly_pool_release(&tracer->pool);
        ly_config_release(&tracer->config);
        ly_free(tracer);
        return to_public(status, &err, error);
    }
    *ret = tracer;
    return LYDITE_OK;
}

void ly_tracer_leave(uint32_t index, uint32_t serial, ly_producer *producer)
{
    pthread_mutex_lock(&registry_lock);
    if (atomic_load(&ly_tracer_table[index]) && atomic_load(&serials[index]) == serial) {
        atomic_store(&producer->used, false);
        if (atomic_load(&ly_main_left)) {
            ly_tracer_wake(atomic_load(&ly_tracer_table[index]));
        }
    }
    pthread_mutex_unlock(&registry_lock);
}

/* ---- accounts ---- */

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_acquire);
}

/* One thread's numbers at one moment: between its outcome and its `ended` it may be caught, so look
 * again until they agree. A span takes some 20 ns there; a thread that was stopped by the scheduler just
 * then is waited for, a little. */
static void add_producer(const ly_producer *p, lydite_stats *s, uint64_t *committed)
{
    uint64_t ended, done, drops[LYDITE_DROP_REASONS], sum = 0;
    for (int tries = 0; tries < 100000; tries++) {
        ended = load(&p->ended);
        done = sum = load(&p->committed);
        for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
            drops[i] = load(&p->dropped[i]);
            sum += drops[i];
        }
        if (sum == ended && load(&p->ended) == ended) {
            break;
        }
        if (tries > 1000) {
            sched_yield();
        }
    }
    s->ended += sum;
    *committed += done;
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        s->dropped[i] += drops[i];
    }
    s->started += load(&p->started);
    s->unsampled += load(&p->unsampled);
    s->slow_path += load(&p->slow);
    s->cut += load(&p->cut);
}

int lydite_stats_get(lydite_tracer *tracer, lydite_stats *stats)
{
    lydite_stats s = LYDITE_STATS_INIT;
    uint64_t committed = 0;
    if (!stats || stats->size < sizeof(size_t)) {
        return LYDITE_E_INVALID;
    }
    if (tracer) {
        pthread_mutex_lock(&tracer->lock);
        s.acknowledged = tracer->acknowledged;
        s.rejected = tracer->rejected;
        s.spooled = tracer->spooled;
        s.sending = tracer->sending;
        memcpy(s.dropped, tracer->dropped, sizeof s.dropped);
        for (ly_producer *p = atomic_load(&tracer->producers); p; p = p->next) {
            add_producer(p, &s, &committed);
        }
        s.queued = committed - tracer->taken_sum;
        s.requests = tracer->requests;
        s.retries = tracer->retries;
        s.pending = tracer->pending_sent;
        s.inherited = tracer->inherited;
        s.forks_off = tracer->forks_off;
        s.scores = tracer->scores;
        s.scores_acknowledged = tracer->scores_acked;
        s.scores_dropped = tracer->scores_dropped;
        s.scores_waiting = tracer->n_scores + tracer->scores_sending + tracer->scores_spooled;
        pthread_mutex_unlock(&tracer->lock);
        s.misuse = load(&ly_span_misuse);
    }
    const size_t size = stats->size;
    memcpy(stats, &s, size < sizeof s ? size : sizeof s);
    stats->size = size;
    return LYDITE_OK;
}

const char *lydite_drop_name(int reason)
{
    static const char *const names[] = {"full",    "too_large", "memory",   "processor", "refused",
                                        "gave_up", "spool",     "shutdown", "exporter",  "fork"};
    return reason >= 0 && reason < (int)LY_COUNT(names) ? names[reason] : "unknown";
}

const char *lydite_stats_text(const lydite_stats *stats, char *buf, size_t size)
{
    lydite_stats s = LYDITE_STATS_INIT;
    ly_buf text;
    if (!buf || !size) {
        return "";
    }
    if (stats) {
        memcpy(&s, stats, stats->size < sizeof s ? stats->size : sizeof s);
    }
    uint64_t dropped = 0;
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        dropped += s.dropped[i];
    }
    ly_buf_init(&text, 4096);
    ly_buf_fmt(&text, "%llu span%s, %llu acknowledged, %llu dropped", (unsigned long long)s.ended,
               s.ended == 1 ? "" : "s", (unsigned long long)s.acknowledged,
               (unsigned long long)dropped);
    const char *before = " (";
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        if (s.dropped[i]) {
            ly_buf_fmt(&text, "%s%s %llu", before, lydite_drop_name(i),
                       (unsigned long long)s.dropped[i]);
            before = ", ";
        }
    }
    ly_buf_c(&text, dropped ? ")" : "");
    const struct {
        const char *name;
        uint64_t n;
    } rest[] = {{"rejected", s.rejected},
                {"spooled", s.spooled},
                {"waiting", s.queued + s.sending},
                {"scores", s.scores},
                {"of them dropped", s.scores_dropped},
                {"of them waiting", s.scores_waiting}};
    for (size_t i = 0; i < LY_COUNT(rest); i++) {
        if (rest[i].n) {
            ly_buf_fmt(&text, ", %llu %s", (unsigned long long)rest[i].n, rest[i].name);
        }
    }
    ly_str_copy(ly_buf_view(&text), buf, size);
    ly_buf_release(&text);
    return buf;
}

/* ---- flush and close ---- */

/* Who chose the exporter "none" has lost nothing by it. */
static bool nothing_lost(const lydite_tracer *tracer, const lydite_stats *s)
{
    const bool none = tracer->config.exporter == LY_EXPORT_NONE;
    return s->acknowledged + s->queued + s->sending +
                   (none ? s->dropped[LYDITE_DROP_EXPORTER] : 0) ==
               s->ended &&
           (none || s->scores_dropped == 0);
}

static int result_of(const lydite_tracer *tracer, const lydite_stats *s)
{
    const bool waits = s->queued + s->sending + s->scores_waiting > 0;
    return waits ? LYDITE_E_TIMEOUT : nothing_lost(tracer, s) ? LYDITE_OK : LYDITE_E_LOST;
}

static void give_stats(const lydite_stats *from, lydite_stats *to)
{
    if (to && to->size >= sizeof(size_t)) {
        const size_t size = to->size;
        memcpy(to, from, size < sizeof *from ? size : sizeof *from);
        to->size = size;
    }
}

int lydite_flush(lydite_tracer *tracer, uint32_t timeout_ms, lydite_stats *stats)
{
    lydite_stats s = LYDITE_STATS_INIT;
    bool reached = true;
    if (tracer) {
        const int64_t deadline = ly_mono_ns() + timeout_ms * LY_NS_PER_MS;
        pthread_mutex_lock(&tracer->lock);
        const bool running = tracer->run == LY_RUN_YES;
        pthread_mutex_unlock(&tracer->lock);
        if (running) {
            uint32_t want = atomic_fetch_add(&tracer->flush_want, 1) + 1;
            atomic_fetch_add(&tracer->wake, 1);
            ly_futex_wake(&tracer->wake);
            reached = wait_until(&tracer->flush_done, want, deadline);
        }
        lydite_stats_get(tracer, &s);
    }
    give_stats(&s, stats);
    if (!reached) {
        return LYDITE_E_TIMEOUT;
    }
    /* What ended after the call began may be on the way; it is not this flush's. */
    return !tracer || nothing_lost(tracer, &s) ? LYDITE_OK : LYDITE_E_LOST;
}

static void tracer_free(lydite_tracer *tracer)
{
    ly_producer *p = atomic_load(&tracer->producers);
    while (p) {
        ly_producer *next = p->next;
        for (ly_chunk *chunk = atomic_load(&p->head); chunk;) {
            ly_chunk *after = atomic_load(&chunk->next);
            ly_chunk_free(&tracer->pool, chunk);
            chunk = after;
        }
        ly_producer_free(p);
        p = next;
    }
    ly_exporter_free(tracer->exporter);
    ly_pool_release(&tracer->pool);
    ly_config_release(&tracer->config);
    pthread_mutex_destroy(&tracer->lock);
    ly_free(tracer);
}

int lydite_close(lydite_tracer *tracer, uint32_t timeout_ms, lydite_stats *stats)
{
    lydite_stats s = LYDITE_STATS_INIT;
    if (!tracer) {
        give_stats(&s, stats);
        return LYDITE_OK;
    }
    const bool stopped = stop_thread(tracer, ly_mono_ns() + timeout_ms * LY_NS_PER_MS);
    atomic_store(&tracer->off, true);
    lydite_stats_get(tracer, &s);
    give_stats(&s, stats);
    pthread_mutex_lock(&registry_lock);
    atomic_store(&serials[tracer->index], 0);
    atomic_store(&ly_tracer_table[tracer->index], NULL);
    pthread_mutex_unlock(&registry_lock);
    const int result = result_of(tracer, &s);
    if (stopped) {
        tracer_free(tracer);
    } /* else its thread is stuck in the host's function: the memory stays with it */
    return result;
}
