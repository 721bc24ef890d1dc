/* collector: counters. One lock, so that a picture is consistent and the sum of promise 2 holds in it. */
#include <stdio.h>

#include "base/utf8.h"
#include "collector/impl.h"

static const char *const refused_names[] = {
#define LY_REFUSED_ROW(id, name) [id] = name,
    LY_REFUSED_LIST(LY_REFUSED_ROW)
#undef LY_REFUSED_ROW
};

const char *ly_refused_name(ly_refused why)
{
    return why < LY_REFUSED__COUNT ? refused_names[why] : "unknown";
}

void ly_stats_refused(ly_collector *c, ly_refused why, uint64_t bytes)
{
    pthread_mutex_lock(&c->stats.lock);
    c->stats.now.refused[why]++;
    c->stats.now.refused_bytes[why] += bytes;
    pthread_mutex_unlock(&c->stats.lock);
}

void ly_stats_refused_bytes(ly_collector *c, ly_refused why, uint64_t bytes)
{
    pthread_mutex_lock(&c->stats.lock);
    c->stats.now.refused_bytes[why] += bytes;
    pthread_mutex_unlock(&c->stats.lock);
}

void ly_stats_received(ly_collector *c, const ly_request *request)
{
    const ly_ingest_outcome *o = &request->job->outcome;
    pthread_mutex_lock(&c->stats.lock);
    ly_collector_stats *s = &c->stats.now;
    s->bytes_in += request->job->bytes;
    if (request->signal == LY_SIGNAL_METRICS) {
        s->discarded_points += o->discarded;
    } else {
        s->received += o->received;
        s->queued += o->received;
    }
    pthread_mutex_unlock(&c->stats.lock);
}

/* Two names that differ somewhere stay two, also where a long one is cut or a byte is no UTF-8: a name is a
 * label of /metrics, and one bad label or one series twice costs the whole page. */
static void service_name(ly_str name, char *dst, size_t size)
{
    if (ly_utf8_valid(name) && ly_str_copy(name, dst, size))
        return;
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 1099511628211ULL;
    size_t n = 0;
    for (size_t at = 0; at < name.len;) {
        char whole[4];
        size_t len = ly_utf8_put(ly_utf8_next(name, &at), whole); /* U+FFFD for a bad byte */
        if (n + len > size - 24)
            break;
        memcpy(dst + n, whole, len);
        n += len;
    }
    (void)snprintf(dst + n, size - n, "\xe2\x80\xa6%016llx", (unsigned long long)hash);
}

static size_t find_service(const ly_collector_stats *s, const char *name)
{
    size_t i = 0;
    while (i < s->n_services && strcmp(s->services[i].name, name) != 0)
        i++;
    return i;
}

/* The entry of a service; past the table's end the one of the others. Under the lock. */
static size_t service_slot(ly_collector_stats *s, ly_str name)
{
    char text[sizeof s->services[0].name];
    service_name(name.len ? name : LY_S("(none)"), text, sizeof text);
    size_t i = find_service(s, text);
    if (i == s->n_services && i >= LY_STATS_SERVICES - 1) {
        (void)ly_str_copy(LY_S("(other)"), text, sizeof text);
        i = find_service(s, text);
    }
    if (i == s->n_services) {
        (void)ly_str_copy(ly_str_c(text), s->services[i].name, sizeof s->services[i].name);
        s->n_services++;
    }
    return i;
}

static ly_str service_of_log(const ly_log_record *log)
{
    const ly_any *any = ly_attrs_get(&log->resource->attrs, LY_S("service.name"));
    return any && any->kind == LY_ANY_STRING ? any->str : LY_S("");
}

/* Items of one service stand together nearly always. */
static void count_services(ly_collector_stats *s, const ly_ingest_job *job)
{
    const ly_resource *last = NULL;
    size_t slot = 0;
    for (size_t i = 0; i < job->n_spans; i++) {
        if (job->spans[i].span->resource != last || i == 0) {
            last = job->spans[i].span->resource;
            slot = service_slot(s, job->spans[i].canon->service);
        }
        s->services[slot].spans++;
    }
    last = NULL;
    for (size_t i = 0; i < job->n_logs; i++) {
        if (job->logs[i].log->resource != last || i == 0) {
            last = job->logs[i].log->resource;
            slot = service_slot(s, service_of_log(job->logs[i].log));
        }
        s->services[slot].logs++;
    }
    for (size_t i = 0; i < job->n_rejects; i++)
        s->services[service_slot(s, job->rejects[i].service)].rejected++;
}

void ly_stats_finished(ly_collector *c, ly_request *request, bool stored)
{
    if (request->signal == LY_SIGNAL_METRICS)
        return;
    const ly_ingest_outcome *o = &request->job->outcome;
    pthread_mutex_lock(&c->stats.lock);
    ly_collector_stats *s = &c->stats.now;
    s->queued -= o->received;
    if (stored) {
        s->stored += o->stored;
        s->merged += o->merged;
        s->conflicts += o->conflicts;
        s->rejected += o->rejected;
        for (size_t i = 0; i < LY_COUNT(s->by_reason); i++)
            s->by_reason[i] += o->by_reason[i];
        count_services(s, request->job);
    } else {
        s->returned += o->received;
    }
    pthread_mutex_unlock(&c->stats.lock);
}

void ly_stats_answered(ly_collector *c, int64_t born_ns, bool partial)
{
    int64_t ns = ly_mono_ns() - born_ns;
    size_t bucket = 0;
    while (bucket < LY_LATENCY_BUCKETS - 1 && ns > (250000LL << bucket))
        bucket++;
    pthread_mutex_lock(&c->stats.lock);
    ly_collector_stats *s = &c->stats.now;
    s->latency[bucket]++;
    s->latency_ns_total += (uint64_t)ns;
    if (partial)
        s->requests_partial++;
    else
        s->requests_ok++;
    pthread_mutex_unlock(&c->stats.lock);
}

void ly_stats_commit(ly_collector *c, int64_t ns, bool ok)
{
    pthread_mutex_lock(&c->stats.lock);
    ly_collector_stats *s = &c->stats.now;
    if (ok) {
        s->commits++;
        s->commit_ns_total += (uint64_t)ns;
        if ((uint64_t)ns > s->commit_ns_max)
            s->commit_ns_max = (uint64_t)ns;
    } else {
        s->commit_failures++;
    }
    pthread_mutex_unlock(&c->stats.lock);
}

void ly_collector_stats_get(ly_collector *c, ly_collector_stats *ret)
{
    pthread_mutex_lock(&c->budget.lock);
    size_t used = c->budget.used;
    pthread_mutex_unlock(&c->budget.lock);
    pthread_mutex_lock(&c->stats.lock);
    *ret = c->stats.now;
    pthread_mutex_unlock(&c->stats.lock);
    ret->budget_used = used;
    ret->budget_max = c->budget.max;
    ret->redacted = ly_redact_total(c->redact);
}
