/*
 * Settling: what becomes of a request, and in which account its spans end. See exporter.c for the
 * thread that calls this; every function runs on it.
 */
#include "tracer/exporter_i.h"

#include <pthread.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tracer/spool.h"
#include "tracer/transport.h"

#define BACKOFF_FIRST (500 * LY_NS_PER_MS)
#define BACKOFF_MOST  (10 * LY_NS_PER_SEC)

static double jitter(ly_exporter *e)
{
    e->rng = e->rng * 6364136223846793005u + 1442695040888963407u;
    return 0.5 + (double)(e->rng >> 11) / 9007199254740992.0; /* 0.5 .. 1.5 */
}

uint32_t ly_requests_in(const ly_exporter *e, ly_req_state state)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->n_requests; i++) {
        n += e->requests[i].state == state;
    }
    return n;
}

void ly_request_reset(ly_request *r)
{
    ly_buf body = r->body;
    ly_free(r->spool_name);
    if (r->spool_fd > 0) {
        ly_spool_release(r->spool_fd);
    }
    ly_buf_reset(&body);
    if (body.cap > LY_MIB(8)) {
        size_t max = body.max;
        ly_buf_release(&body);
        ly_buf_init(&body, max);
    }
    *r = (ly_request){.state = LY_REQ_FREE, .body = body};
}

/* The first loss is told once, the recovery too. */
void ly_tell_loss(ly_exporter *e, const char *why)
{
    if (!e->tracer->loss_told) {
        e->tracer->loss_told = true;
        ly_tracer_diag(e->tracer, 2, "spans are being dropped: %s", why);
    }
}

/* ---- settling ---- */

void ly_settle_drop(ly_exporter *e, ly_request *r, int reason, const char *why)
{
    lydite_tracer *t = e->tracer;
    if (!r->pending && r->n) {
        pthread_mutex_lock(&t->lock);
        if (r->logs) {
            t->scores_dropped += r->n;
            t->scores_sending -= r->n;
        } else if (r->from_spool) {
            if (r->spool_ours) {
                t->spooled -= r->n;
                t->dropped[reason] += r->n;
            }
        } else {
            t->dropped[reason] += r->n;
            t->sending -= r->n;
        }
        pthread_mutex_unlock(&t->lock);
        if (reason != LYDITE_DROP_EXPORTER || t->config.exporter != LY_EXPORT_NONE) {
            ly_tell_loss(e, why);
        }
    }
    ly_request_reset(r);
}

static void settle_ok(ly_exporter *e, ly_request *r, const ly_reply *reply)
{
    lydite_tracer *t = e->tracer;
    uint64_t rejected = reply->rejected > r->n ? r->n : reply->rejected, stored = r->n - rejected;
    pthread_mutex_lock(&t->lock);
    if (r->pending) {
        t->pending_sent += r->beat ? 0 : r->n;
    } else if (r->logs) {
        t->scores_acked += stored;
        t->scores_dropped += rejected;
        t->scores_sending -= r->n;
    } else if (!r->from_spool || r->spool_ours) {
        t->acknowledged += stored;
        t->rejected += rejected;
        *(r->from_spool ? &t->spooled : &t->sending) -= r->n;
    }
    t->inherited += r->from_spool && !r->spool_ours;
    pthread_mutex_unlock(&t->lock);
    if (rejected) {
        ly_tracer_diag(t, 2, "the collector rejected %llu of %u: %s", (unsigned long long)rejected,
                       r->n, reply->text);
    }
    if (r->from_spool) {
        ly_spool_remove(t->config.spool_dir, r->spool_name);
    }
    if (t->loss_told || e->unreachable) {
        ly_tracer_diag(t, 1, "the collector takes spans again");
        t->loss_told = false;
        e->unreachable = false;
    }
    e->told_code = 0;
    e->heard_ns = ly_mono_ns();
    if (r->pending && !r->beat) {
        ly_buf_reset(&e->beat);
        ly_buf_str(&e->beat, ly_buf_view(&r->body));
        e->beat_at = r->body_at;
    }
    ly_request_reset(r);
}

/* Into the spool directory; false when there is none or it cannot. */
static bool settle_spool(ly_exporter *e, ly_request *r)
{
    lydite_tracer *t = e->tracer;
    ly_err err = LY_ERR_INIT;
    if (!t->config.spool_dir || r->from_spool || r->pending) {
        return false;
    }
    ly_status status =
        ly_spool_write(t->config.spool_dir, t->config.spool_bytes, e->token, r->logs, r->n,
                       ly_str_n(r->body.ptr + r->body_at, r->body.len - r->body_at), &err);
    if (status) {
        ly_tell_loss(e, err.text);
        ly_settle_drop(e, r, LYDITE_DROP_SPOOL, err.text);
        return true;
    }
    pthread_mutex_lock(&t->lock);
    if (r->logs) {
        t->scores_sending -= r->n;
        t->scores_spooled += r->n;
    } else {
        t->sending -= r->n;
        t->spooled += r->n;
    }
    pthread_mutex_unlock(&t->lock);
    ly_request_reset(r);
    return true;
}

void ly_settle_lost(ly_exporter *e, ly_request *r, int reason, const char *why)
{
    if (r->from_spool) {
        /* It stays where it is, for later. */
        ly_request_reset(r);
    } else if (!settle_spool(e, r)) {
        ly_settle_drop(e, r, reason, why);
    }
}

/* ---- replies ---- */

static void again_later(ly_exporter *e, ly_request *r, const ly_reply *reply)
{
    lydite_tracer *t = e->tracer;
    const int64_t now = ly_mono_ns();
    r->backoff_ns = r->backoff_ns ? r->backoff_ns + r->backoff_ns / 2 : BACKOFF_FIRST;
    r->backoff_ns = r->backoff_ns > BACKOFF_MOST ? BACKOFF_MOST : r->backoff_ns;
    int64_t wait = (int64_t)((double)r->backoff_ns * jitter(e));
    wait = wait < reply->delay_ns ? reply->delay_ns : wait;
    if (!e->unreachable) {
        e->unreachable = true;
        ly_tracer_diag(t, 2, "%s does not take spans now (%s): trying again",
                       t->config.target ? t->config.target : "the exporter", reply->text);
    }
    if (r->from_spool) {
        e->spool_at = now + wait;
        ly_request_reset(r);
        return;
    }
    if (r->pending) {
        ly_request_reset(r);
        return;
    }
    if (t->config.give_up_ns && now + wait - r->first_ns > t->config.give_up_ns) {
        ly_settle_lost(e, r, LYDITE_DROP_GAVE_UP, reply->text);
        return;
    }
    r->state = LY_REQ_READY;
    r->next_ns = now + wait;
}

void ly_take_reply(ly_exporter *e, const ly_reply *reply)
{
    ly_request *r = reply->request;
    lydite_tracer *t = e->tracer;
    if (t->config.live && (reply->announced || reply->ok)) {
        /* Held start records go now, or never: to another peer they would be spans. */
        e->announced = reply->announced;
        atomic_store(&t->live_now, e->announced);
        if (e->building_pending) {
            atomic_store(&t->fresh, true);
        }
    }
    if (reply->ok) {
        settle_ok(e, r, reply);
    } else if (reply->code == LY_REPLY_NONE) {
        ly_settle_drop(e, r, LYDITE_DROP_EXPORTER, "the exporter is none");
    } else if (reply->retryable) {
        again_later(e, r, reply);
    } else {
        if (e->told_code != reply->code) {
            e->told_code = reply->code;
            ly_tracer_diag(t, 3, "the collector refused a request: %s", reply->text);
        }
        if (r->from_spool) {
            ly_spool_refuse(t->config.spool_dir, r->spool_name);
        }
        ly_settle_drop(e, r, LYDITE_DROP_REFUSED, reply->text);
    }
}
