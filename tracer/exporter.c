/*
 * The exporter thread: drains the rings into requests, sends them, settles their accounts.
 *
 *   rings ── drain ──> request (READY) ── send ──> SENDING ── reply ──> settled, or READY again later
 *
 * A fixed number of requests (max_in_flight) exists; when all are taken the rings are left alone and
 * fill up, which is what limits memory when the collector is away. Retries follow
 * otlp-and-genai-conventions §1.3 and §1.4: the retryable codes, at least the server's delay, exponential
 * with jitter, until give_up; then the spool, or a counted drop.
 *
 * Order of one turn: fork's pause, replies, stop, retries due, drain, spool, flush, sleep.
 */
#include "tracer/exporter_i.h"

#include <pthread.h>
#include <sys/random.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tracer/spool.h"
#include "tracer/transport.h"

#define REPLY_POLL     (5 * LY_NS_PER_MS)
#define IDLE_WAIT      (60 * LY_NS_PER_SEC)
#define IDLE_WAIT_POOR (1 * LY_NS_PER_SEC) /* without the barrier a wake may be missed */
#define SPOOL_EVERY    (5 * LY_NS_PER_SEC)
#define HEARTBEAT      (10 * LY_NS_PER_SEC)
#define LIVE_DELAY     (30 * LY_NS_PER_MS) /* start records of one moment go together */
#define ASK_EVERY      (2 * LY_NS_PER_SEC)

/* ---- small helpers ---- */

/* The wall clock minus the monotonic one; kept unless it moved, so that one trace has one anchor. */
static void anchor(ly_exporter *e)
{
    int64_t before = ly_mono_ns(), wall = ly_wall_ns(), after = ly_mono_ns();
    int64_t offset = wall - (before + (after - before) / 2);
    int64_t moved = offset > e->offset ? offset - e->offset : e->offset - offset;
    if (!e->offset_known || moved > 5 * LY_NS_PER_MS) {
        e->offset = offset;
        e->offset_known = true;
    }
}

static ly_request *request_free(ly_exporter *e)
{
    for (uint32_t i = 0; i < e->n_requests; i++) {
        ly_request *r = &e->requests[i];
        if (r->state == LY_REQ_FREE && r != e->building && r != e->building_pending) {
            return r;
        }
    }
    return NULL;
}

static bool scores_wait(lydite_tracer *t)
{
    pthread_mutex_lock(&t->lock);
    bool any = t->score_first != NULL;
    pthread_mutex_unlock(&t->lock);
    return any;
}

/* ---- sending ---- */

static void close_transport(ly_exporter *e)
{
    if (!e->transport) {
        return;
    }
    e->transport->close(e->transport);
    e->transport = NULL;
    for (uint32_t i = 0; i < e->n_requests; i++) {
        if (e->requests[i].state == LY_REQ_SENDING) {
            e->requests[i].state = LY_REQ_READY;
            e->requests[i].next_ns = 0;
        }
    }
    atomic_store(&e->tracer->transport_open, false);
}

static void take_replies(ly_exporter *e)
{
    ly_reply reply;
    while (e->transport && e->transport->wait(e->transport, 0, &reply) == LY_OK) {
        ly_take_reply(e, &reply);
    }
    /* While nobody is there nothing of gRPC is kept: a fork then finds nothing to wait for. */
    if (e->transport && e->transport->uses_grpc && e->unreachable &&
        ly_requests_in(e, LY_REQ_SENDING) == 0) {
        close_transport(e);
    }
}

/* A child of fork() in which gRPC cannot work. */
static void switch_off(ly_exporter *e, const char *why)
{
    lydite_tracer *t = e->tracer;
    atomic_store(&t->off_reason, LYDITE_DROP_FORK);
    if (atomic_exchange(&t->off, true)) {
        return;
    }
    pthread_mutex_lock(&t->lock);
    t->forks_off = 1;
    pthread_mutex_unlock(&t->lock);
    t->loss_told = true; /* this is the telling */
    ly_tracer_diag(t, 2, "%s", why);
}

static bool open_transport(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    ly_err err = LY_ERR_INIT;
    if (e->transport) {
        return true;
    }
    /* Set first: fork's prepare handler must wait for us from here on. */
    atomic_store(&t->transport_open, t->config.exporter == LY_EXPORT_OTLP);
    ly_status status = ly_transport_open(t, &e->transport, &err);
    if (status == LY_OK) {
        if (e->transport->uses_grpc) {
            ly_tracer_at_exit();
        }
        return true;
    }
    atomic_store(&t->transport_open, false);
    const bool forked = t->forked && status == LY_E_UNSUPPORTED;
    if (forked) {
        switch_off(e, err.text);
    } else if (e->told_code != (int)status) {
        e->told_code = (int)status;
        ly_tracer_diag(t, 3, "%s", err.text);
    }
    for (uint32_t i = 0; i < e->n_requests; i++) {
        if (e->requests[i].state == LY_REQ_READY) {
            ly_settle_lost(e, &e->requests[i], forked ? LYDITE_DROP_FORK : LYDITE_DROP_EXPORTER,
                           err.text);
        }
    }
    return false;
}

static void send_request(ly_exporter *e, ly_request *r)
{
    ly_err err = LY_ERR_INIT;
    lydite_tracer *t = e->tracer;
    r->state = LY_REQ_SENDING;
    r->attempts++;
    pthread_mutex_lock(&t->lock);
    t->requests++;
    t->retries += r->attempts > 1;
    pthread_mutex_unlock(&t->lock);
    if (e->transport->send(e->transport, r, &err) != LY_OK) {
        ly_tracer_diag(t, 3, "%s", err.text);
        ly_settle_lost(e, r, LYDITE_DROP_REFUSED, err.text);
    }
}

/* Sends what is due; returns when the next is. */
static int64_t send_due(ly_exporter *e, int64_t now)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < e->n_requests; i++) {
        ly_request *r = &e->requests[i];
        if (r->state != LY_REQ_READY) {
            continue;
        }
        if (r->next_ns > now) {
            next = r->next_ns < next ? r->next_ns : next;
        } else if (open_transport(e)) {
            send_request(e, r);
        }
    }
    return next;
}

/* ---- draining ---- */

static bool request_begin(ly_exporter *e, ly_request **slot, bool pending)
{
    ly_request *r = *slot ? *slot : request_free(e);
    if (!r) {
        return false;
    }
    if (!*slot) {
        ly_buf_reset(&r->body);
        r->pending = pending;
        ly_buf_fill(&r->body, 0, ly_encode_gap(e->encoder));
        if (r->body.failed) {
            ly_buf_reset(&r->body);
            return false;
        }
        *slot = r;
    }
    return true;
}

static void request_finish(ly_exporter *e, ly_request **slot)
{
    ly_request *r = *slot;
    lydite_tracer *t = e->tracer;
    *slot = NULL;
    if (!r->pending) {
        pthread_mutex_lock(&t->lock);
        t->taken_sum += e->taken;
        t->sending += r->n;
        for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
            t->dropped[i] += e->dropped[i];
            e->dropped[i] = 0;
        }
        pthread_mutex_unlock(&t->lock);
        e->taken = 0;
    }
    if (!r->n) {
        ly_request_reset(r);
        return;
    }
    r->body_at = ly_encode_frame(e->encoder, &r->body);
    r->state = LY_REQ_READY;
    r->serial = ++e->serial;
    r->first_ns = ly_mono_ns();
    r->next_ns = 0;
}

static bool request_full(const ly_exporter *e, const ly_request *r)
{
    return r->n >= e->tracer->config.batch_spans || r->body.len >= e->tracer->config.batch_bytes;
}

/* Start records go to a Lydite collector alone. While it is not known who is there they are held, as many
 * as one request takes, and an empty request asks. */
static void pending_done(ly_exporter *e)
{
    ly_request *held = e->building_pending, *r;
    const int64_t now = ly_mono_ns();
    if (e->announced) {
        request_finish(e, &e->building_pending);
        return;
    }
    if (!atomic_load(&e->tracer->live_now) || request_full(e, held)) {
        e->building_pending = NULL;
        ly_request_reset(held);
        return;
    }
    if (now >= e->ask_at && (r = request_free(e)) != NULL) {
        e->ask_at = now + ASK_EVERY;
        r->pending = r->beat = true;
        r->n = 1;
        r->serial = ++e->serial;
        r->first_ns = now;
        r->state = LY_REQ_READY;
    }
}

/* Takes one record; false when there is no request to put it into. */
static bool take_record(ly_exporter *e, ly_producer *producer, const ly_rec *rec)
{
    const bool pending = rec->flags & LY_REC_PENDING;
    ly_request **slot = pending ? &e->building_pending : &e->building;
    ly_bag *bag = rec->bag;
    if (request_begin(e, slot, pending)) {
        int reason = ly_encode_record(e->encoder, rec, e->offset, &(*slot)->body);
        if (reason < 0) {
            (*slot)->n++;
        } else if (!pending) {
            e->dropped[reason]++;
            ly_tell_loss(e, lydite_drop_name(reason));
        }
    } else if (!pending) {
        return false;
    }
    ly_ring_next(producer, rec);
    ly_bag_unref(bag);
    if (!pending) {
        producer->taken++;
        e->taken++;
    }
    if (*slot && request_full(e, *slot)) {
        pending ? pending_done(e) : request_finish(e, slot);
    }
    return true;
}

/* true when all rings were read to their end. */
static bool drain(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    bool all = true;
    anchor(e);
    for (ly_producer *p = atomic_load(&t->producers); p && all; p = p->next) {
        const ly_rec *rec;
        while ((rec = ly_ring_peek(t, p)) != NULL) {
            if (!take_record(e, p, rec)) {
                all = false;
                break;
            }
        }
        if (all && !atomic_load_explicit(&p->used, memory_order_relaxed)) {
            ly_ring_retire(t, p);
        }
    }
    if (e->building) {
        request_finish(e, &e->building);
    }
    if (e->building_pending) {
        pending_done(e);
    }
    return all;
}

/* Scores wait in a list of the tracer's; they become one request of log records. */
static void drain_scores(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    ly_request *r = NULL;
    pthread_mutex_lock(&t->lock);
    ly_score_node *list = t->score_first;
    if (list && (r = request_free(e)) != NULL) {
        t->score_first = t->score_last = NULL;
        t->scores_sending += t->n_scores;
        t->n_scores = 0;
    }
    pthread_mutex_unlock(&t->lock);
    if (!r) {
        return;
    }
    r->logs = true;
    ly_buf_fill(&r->body, 0, ly_encode_gap(e->encoder));
    while (list) {
        ly_score_node *next = list->next;
        ly_buf_str(&r->body, list->log);
        r->n++;
        ly_free(list);
        list = next;
    }
    if (r->body.failed) {
        ly_settle_drop(e, r, LYDITE_DROP_MEMORY, "out of memory");
        return;
    }
    r->body_at = ly_encode_frame(e->encoder, &r->body);
    r->state = LY_REQ_READY;
    r->serial = ++e->serial;
    r->first_ns = ly_mono_ns();
}

/* ---- spool ---- */

/* With a spool and nobody there, requests must not hold up the rings: the oldest goes to disk. */
static void relieve(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    ly_request *oldest = NULL;
    if (!t->config.spool_dir || !e->unreachable || request_free(e) ||
        atomic_load(&t->pool.budget) > t->pool.budget_full / 2) {
        return;
    }
    for (uint32_t i = 0; i < e->n_requests; i++) {
        ly_request *r = &e->requests[i];
        if (r->state == LY_REQ_READY && r->attempts && (!oldest || r->serial < oldest->serial)) {
            oldest = r;
        }
    }
    if (oldest) {
        ly_settle_lost(e, oldest, LYDITE_DROP_SPOOL, "spooled");
    }
}

static void deliver_spooled(ly_exporter *e, int64_t now)
{
    lydite_tracer *t = e->tracer;
    ly_request *r;
    ly_spool_item item;
    if (!t->config.spool_dir || t->config.exporter == LY_EXPORT_NONE || now < e->spool_at ||
        e->unreachable || (r = request_free(e)) == NULL) {
        return;
    }
    if (!ly_spool_claim(t->config.spool_dir, &r->body, &item)) {
        e->spool_at = now + SPOOL_EVERY;
        return;
    }
    r->from_spool = true;
    r->logs = item.logs;
    r->n = item.n;
    r->spool_ours = item.token == e->token && !item.logs;
    r->spool_fd = item.fd;
    r->spool_name = ly_strdup(item.name);
    r->body_at = item.body_at;
    if (!r->spool_name) {
        ly_request_reset(r);
        return;
    }
    r->state = LY_REQ_READY;
    r->first_ns = now;
}

/* ---- live mode's sign of life ---- */

static bool steps_open(lydite_tracer *t)
{
    uint64_t started = 0, ended = 0;
    for (ly_producer *p = atomic_load(&t->producers); p; p = p->next) {
        started += atomic_load_explicit(&p->started, memory_order_relaxed);
        ended += atomic_load_explicit(&p->ended, memory_order_relaxed);
    }
    return started > ended;
}

static bool beats(const ly_exporter *e)
{
    return e->beat.len && !e->beat.failed && atomic_load(&e->tracer->live_now) &&
           steps_open(e->tracer);
}

static void heartbeat(ly_exporter *e, int64_t now)
{
    ly_request *r;
    if (now - e->heard_ns < HEARTBEAT || !beats(e) || (r = request_free(e)) == NULL) {
        return;
    }
    ly_buf_reset(&r->body);
    ly_buf_str(&r->body, ly_buf_view(&e->beat));
    if (r->body.failed) {
        ly_request_reset(r);
        return;
    }
    r->body_at = e->beat_at;
    r->pending = r->beat = true;
    r->n = 1;
    r->serial = ++e->serial;
    r->first_ns = now;
    r->state = LY_REQ_READY;
    e->heard_ns = now; /* not again before the next is due, whatever comes of it */
}

/* ---- flush, pause, stop ---- */

static bool flush_reached(ly_exporter *e)
{
    for (ly_producer *p = atomic_load(&e->tracer->producers); p; p = p->next) {
        if (p->taken < p->flush_target) {
            return false;
        }
    }
    return true;
}

static void flush_step(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    uint32_t want = atomic_load(&t->flush_want);
    if (!e->flushing && want != e->flush_seen) {
        e->flushing = true;
        e->flush_seen = want;
        e->flush_drained = false;
        for (ly_producer *p = atomic_load(&t->producers); p; p = p->next) {
            p->flush_target = atomic_load_explicit(&p->committed, memory_order_acquire);
        }
        e->drain_at = 0;
    }
    if (!e->flushing) {
        return;
    }
    if (!e->flush_drained && flush_reached(e) && !scores_wait(t)) {
        e->flush_drained = true;
        e->flush_serial = e->serial;
    }
    if (!e->flush_drained) {
        e->drain_at = 0;
        return;
    }
    for (uint32_t i = 0; i < e->n_requests; i++) {
        const ly_request *r = &e->requests[i];
        if (r->state != LY_REQ_FREE && !r->from_spool && r->serial <= e->flush_serial) {
            return;
        }
    }
    e->flushing = false;
    atomic_store(&t->flush_done, e->flush_seen);
    ly_futex_wake(&t->flush_done);
}

/* fork() is about to happen: let go of gRPC, and stand still until it did. */
static void pause_for_fork(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    close_transport(e);
    atomic_store(&t->paused, 1);
    ly_futex_wake(&t->paused);
    while (atomic_load(&t->pause)) {
        uint32_t seen = atomic_load(&t->wake);
        if (atomic_load(&t->pause)) {
            ly_futex_wait(&t->wake, seen, 100 * LY_NS_PER_MS);
        }
    }
    atomic_store(&t->paused, 0);
}

/* What is left is spooled or counted. */
static void give_up_all(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    const ly_rec *rec;
    for (uint32_t i = 0; i < e->n_requests; i++) {
        if (e->requests[i].state != LY_REQ_FREE) {
            ly_settle_lost(e, &e->requests[i], LYDITE_DROP_SHUTDOWN,
                           "closed before they were delivered");
        }
    }
    if (t->config.spool_dir) {
        /* A round that fills no request has no memory for one: the rest is counted below. */
        for (bool all = false, filled = true; !all && filled;) {
            all = drain(e);
            filled = false;
            for (uint32_t i = 0; i < e->n_requests; i++) {
                if (e->requests[i].state == LY_REQ_READY) {
                    ly_settle_lost(e, &e->requests[i], LYDITE_DROP_SHUTDOWN, "closed");
                    filled = true;
                }
            }
        }
    }
    for (ly_producer *p = atomic_load(&t->producers); p; p = p->next) {
        while ((rec = ly_ring_peek(t, p)) != NULL) {
            uint32_t n = !(rec->flags & LY_REC_PENDING);
            ly_bag_unref(rec->bag);
            ly_ring_next(p, rec);
            pthread_mutex_lock(&t->lock);
            p->taken += n;
            t->taken_sum += n;
            t->dropped[LYDITE_DROP_SHUTDOWN] += n;
            pthread_mutex_unlock(&t->lock);
        }
    }
    pthread_mutex_lock(&t->lock);
    while (t->score_first) {
        ly_score_node *next = t->score_first->next;
        ly_free(t->score_first);
        t->score_first = next;
        t->scores_dropped++;
        t->n_scores--;
    }
    pthread_mutex_unlock(&t->lock);
}

/* ---- the turn ---- */

static bool anything_queued(lydite_tracer *t)
{
    for (ly_producer *p = atomic_load(&t->producers); p; p = p->next) {
        if (ly_ring_peek(t, p)) {
            return true;
        }
    }
    return false;
}

static void sleep_on_wake(lydite_tracer *t, uint32_t seen, int64_t ns)
{
    atomic_store(&t->sleeping, true);
    if (atomic_load(&t->wake) == seen) {
        ly_futex_wait(&t->wake, seen, ns);
    }
    atomic_store(&t->sleeping, false);
}

static void idle_sleep(ly_exporter *e, uint32_t seen, int64_t signals_wait)
{
    lydite_tracer *t = e->tracer;
    atomic_store(&t->idle, true);
    /* Either the ending span sees `idle`, or we see the span. */
    const bool sure = ly_barrier_all();
    if (!anything_queued(t)) {
        int64_t wait = sure ? IDLE_WAIT : IDLE_WAIT_POOR;
        wait = t->config.spool_dir && wait > SPOOL_EVERY ? SPOOL_EVERY : wait;
        wait = beats(e) && wait > HEARTBEAT / 4 ? HEARTBEAT / 4 : wait;
        wait = e->building_pending && wait > ASK_EVERY ? ASK_EVERY : wait;
        sleep_on_wake(t, seen, wait < signals_wait ? wait : signals_wait);
        if (e->building_pending) {
            atomic_store(&t->fresh, true); /* held: ask again who is there */
        }
    }
    atomic_store(&t->idle, false);
    e->drain_at = ly_mono_ns() + t->config.schedule_ns;
}

static void rest(ly_exporter *e, uint32_t seen, int64_t next, int64_t signals_wait)
{
    lydite_tracer *t = e->tracer;
    const int64_t now = ly_mono_ns();
    ly_reply reply;
    if (ly_requests_in(e, LY_REQ_SENDING)) {
        if (e->transport->wait(e->transport, REPLY_POLL, &reply) == LY_OK) {
            ly_take_reply(e, &reply);
        }
        return;
    }
    /* The rings hold more than the requests did, and one is free again: a transport that answers at
     * once has come back before there was anything to wait for. */
    if (e->behind && request_free(e)) {
        e->drain_at = 0;
        return;
    }
    if (ly_requests_in(e, LY_REQ_READY) == 0 && !e->flushing && !atomic_load(&t->pressure) &&
        !atomic_load(&t->fresh) && !anything_queued(t) && !scores_wait(t)) {
        if (!atomic_load(&t->stop)) {
            idle_sleep(e, seen, signals_wait);
        }
        return;
    }
    /* While no request is free the rings cannot be drained: only time or a stop helps. */
    if (e->drain_at < next && request_free(e) &&
        (atomic_load(&t->fresh) || anything_queued(t) || scores_wait(t))) {
        next = e->drain_at;
    }
    if (atomic_load(&t->stop) && atomic_load(&t->stop_by_ns) < next) {
        next = atomic_load(&t->stop_by_ns);
    }
    if (next > now) {
        int64_t wait = next - now;
        sleep_on_wake(t, seen, wait < LY_NS_PER_SEC ? wait : LY_NS_PER_SEC);
    }
}

static bool stop_reached(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    if (!atomic_load(&t->stop)) {
        return false;
    }
    if (ly_mono_ns() >= atomic_load(&t->stop_by_ns)) {
        return true;
    }
    /* With a spool there is nothing to wait for while nobody answers, and the disk needs the time. */
    if (t->config.spool_dir && e->unreachable) {
        return true;
    }
    e->drain_at = 0;
    return !anything_queued(t) && !scores_wait(t) &&
           ly_requests_in(e, LY_REQ_FREE) == e->n_requests;
}

static void turn(ly_exporter *e)
{
    lydite_tracer *t = e->tracer;
    const uint32_t seen = atomic_load(&t->wake);
    take_replies(e);
    int64_t now = ly_mono_ns();
    flush_step(e);
    if (atomic_load(&t->fresh) && e->drain_at > now + LIVE_DELAY) {
        e->drain_at = now + LIVE_DELAY;
    }
    if (now >= e->drain_at || atomic_load(&t->pressure) ||
        (atomic_load(&t->stuck) && request_free(e))) {
        if (atomic_exchange(&t->pressure, false)) {
            ly_pool_populate(&t->pool);
        }
        atomic_store(&t->fresh, false);
        atomic_store_explicit(&t->waiting_spans, 0, memory_order_relaxed);
        atomic_store_explicit(&t->waiting_chunks, 0, memory_order_relaxed);
        drain_scores(e);
        const bool all = drain(e);
        e->behind = !all && !request_free(e);
        ly_ring_reclaim(t);
        atomic_store_explicit(&t->stuck, !all && !t->config.spool_dir, memory_order_relaxed);
        e->drain_at = now + t->config.schedule_ns;
    }
    relieve(e);
    if (!atomic_load(&t->stop)) {
        deliver_spooled(e, now);
        heartbeat(e, now);
    }
    int64_t next = send_due(e, now);
    take_replies(e);
    flush_step(e);
    rest(e, seen, next, ly_exporter_signals(e, now));
}

static ly_exporter *exporter_new(lydite_tracer *t)
{
    ly_exporter *e = ly_calloc(1, sizeof *e);
    if (!e) {
        return NULL;
    }
    e->tracer = t;
    ly_buf_init(&e->beat, LY_KIB(256));
    e->n_requests = t->config.max_in_flight + 1;
    e->requests = ly_calloc(e->n_requests, sizeof *e->requests);
    e->encoder = ly_encoder_new(&t->config);
    e->rng = (uint64_t)ly_wall_ns() ^ (uint64_t)(uintptr_t)e;
    if (getrandom(&e->token, sizeof e->token, GRND_NONBLOCK) != (ssize_t)sizeof e->token) {
        e->token = e->rng * 0x9E3779B97F4A7C15u;
    }
    e->drain_at = ly_mono_ns() + t->config.schedule_ns;
    if (!e->requests || !e->encoder) {
        ly_exporter_free(e);
        return NULL;
    }
    for (uint32_t i = 0; i < e->n_requests; i++) {
        ly_buf_init(&e->requests[i].body, LY_MAX_REQUEST_BYTES);
    }
    return e;
}

void ly_exporter_free(ly_exporter *e)
{
    if (!e) {
        return;
    }
    for (uint32_t i = 0; e->requests && i < e->n_requests; i++) {
        ly_buf_release(&e->requests[i].body);
        ly_free(e->requests[i].spool_name);
    }
    ly_buf_release(&e->beat);
    ly_free(e->requests);
    ly_encoder_free(e->encoder);
    ly_free(e);
}

void *ly_exporter_main(void *arg)
{
    lydite_tracer *t = arg;
    pthread_setname_np(pthread_self(), "lydite-export");
    ly_exporter *e = exporter_new(t);
    t->exporter = e;
    while (e && !stop_reached(e)) {
        if (atomic_load(&t->pause)) {
            pause_for_fork(e);
        }
        turn(e);
    }
    if (e) {
        /* The accounts first: letting gRPC go may take longer than the caller waits. */
        give_up_all(e);
        close_transport(e);
    } else {
        ly_tracer_diag(t, 3, "out of memory: the exporter did not start");
    }
    atomic_store(&t->stopped, 1);
    ly_futex_wake(&t->stopped);
    return NULL;
}
