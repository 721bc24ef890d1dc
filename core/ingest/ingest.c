/* ingest: one request through decode, redaction, normalisation and prices; then into the store. */
#include "ingest/ingest.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "genai/normalise.h"
#include "ingest/batch.h"
#include "otlp/decode.h"
#include "otlp/json.h"

/* Arrays and message views of a request are smaller than a few times its bytes; an attack of empty
 * attributes is stopped here. */
#define ARENA_BLOCK     LY_KIB(32)
#define ARENA_MAX_BYTES LY_MIB(512)

static const char REDACTION[] = "redaction";

const char *ly_ingest_reason_name(size_t reason)
{
    return reason >= LY_INGEST_REASON_REDACT ? REDACTION : ly_reject_name((ly_reject)reason);
}

ly_status ly_ingest_job_new(ly_ingest_job **ret_job, ly_err *err)
{
    ly_ingest_job *job = ly_calloc(1, sizeof *job);
    if (!job)
        return LY_NOMEM(err);
    ly_arena_init(&job->arena, ARENA_BLOCK, ARENA_MAX_BYTES);
    *ret_job = job;
    return LY_OK;
}

void ly_ingest_job_reset(ly_ingest_job *job, size_t keep_bytes)
{
    ly_arena arena = job->arena;
    if (arena.held > keep_bytes) {
        ly_arena_release(&arena);
        ly_arena_init(&arena, ARENA_BLOCK, ARENA_MAX_BYTES);
    } else {
        ly_arena_reset(&arena);
    }
    *job = (ly_ingest_job){.arena = arena};
}

void ly_ingest_job_free(ly_ingest_job *job)
{
    if (!job)
        return;
    ly_arena_release(&job->arena);
    ly_free(job);
}

/* --------------------------------------------------------------- preparing */

static void add_reject(ly_ingest_job *job, size_t reason, const char *text, ly_store_reject item)
{
    job->outcome.rejected++;
    job->outcome.by_reason[reason]++;
    if (!ly_str_given(job->first_reason))
        job->first_reason = ly_str_c(text);
    item.reason = ly_str_c(ly_ingest_reason_name(reason));
    job->rejects[job->n_rejects++] = item;
}

static ly_str service_of(const ly_resource *resource)
{
    const ly_any *any = resource ? ly_attrs_get(&resource->attrs, LY_S("service.name")) : NULL;
    return any && any->kind == LY_ANY_STRING ? any->str : LY_S("");
}

/* Where redaction was asked for, bytes that did not parse cannot be searched reliably: none is kept. */
static void reject_span(const ly_ingest_config *config, ly_ingest_job *job, const ly_span *span,
                        size_t reason, const char *text)
{
    add_reject(job, reason, text,
               (ly_store_reject){.service = service_of(span->resource),
                                 .trace_id = span->trace_id,
                                 .span_id = span->span_id,
                                 .wire = span->wire,
                                 .hash_only = config->redact != NULL});
}

static void reject_log(const ly_ingest_config *config, ly_ingest_job *job, const ly_log_record *log,
                       size_t reason, const char *text)
{
    add_reject(job, reason, text,
               (ly_store_reject){.service = service_of(log->resource),
                                 .trace_id = log->trace_id,
                                 .span_id = log->span_id,
                                 .wire = log->wire,
                                 .hash_only = config->redact != NULL});
}

/* The arena ends it with a NUL. */
static const char *reject_text(const ly_ingest_job *job, ly_reject reason)
{
    return reason == LY_REJECT_MALFORMED && ly_str_given(job->batch.fault) ? job->batch.fault.ptr
                                                                           : ly_reject_text(reason);
}

static const char REDACTION_TEXT[] = "a redaction rule could not be applied, so it was not kept";

static ly_status prepare_spans(const ly_ingest_config *config, ly_ingest_job *job, ly_err *err)
{
    size_t n = job->batch.n_spans;
    job->spans = LY_ARENA_ARRAY(&job->arena, ly_store_span, n);
    ly_canon *canons = LY_ARENA_ARRAY(&job->arena, ly_canon, n);
    if (n && (!job->spans || !canons))
        return LY_NOMEM(err);
    for (size_t i = 0; i < n; i++) {
        ly_span *span = &job->batch.spans[i];
        if (span->reject) {
            reject_span(config, job, span, (size_t)span->reject, reject_text(job, span->reject));
            continue;
        }
        if (config->redact && ly_ingest_redact_span(config->redact, job, span, err)) {
            reject_span(config, job, span, LY_INGEST_REASON_REDACT, REDACTION_TEXT);
            continue;
        }
        ly_canon *canon = &canons[job->n_spans];
        if (ly_genai_normalise(span, &job->arena, canon))
            return LY_NOMEM(err);
        canon->access_key = config->access_key;
        job->spans[job->n_spans++] = (ly_store_span){
            .span = span,
            .canon = canon,
            .priced = ly_price_span(config->book, canon, (int64_t)span->start_ns),
        };
    }
    return LY_OK;
}

static ly_status prepare_logs(const ly_ingest_config *config, ly_ingest_job *job, ly_err *err)
{
    size_t n = job->batch.n_logs;
    job->logs = LY_ARENA_ARRAY(&job->arena, ly_store_log, n);
    if (n && !job->logs)
        return LY_NOMEM(err);
    for (size_t i = 0; i < n; i++) {
        ly_log_record *log = &job->batch.logs[i];
        if (log->reject)
            reject_log(config, job, log, (size_t)log->reject, reject_text(job, log->reject));
        else if (config->redact && ly_ingest_redact_log(config->redact, job, log, err))
            reject_log(config, job, log, LY_INGEST_REASON_REDACT, REDACTION_TEXT);
        else
            job->logs[job->n_logs++] = (ly_store_log){.log = log, .access_key = config->access_key};
    }
    return LY_OK;
}

ly_status ly_ingest_prepare(const ly_ingest_config *config, ly_ingest_job *job, ly_str bytes,
                            ly_otlp_format format, ly_signal signal, ly_err *err)
{
    ly_status status = format == LY_OTLP_JSON
                           ? ly_otlp_decode_json(bytes, signal, &job->arena, NULL, &job->batch, err)
                           : ly_otlp_decode(bytes, signal, &job->arena, NULL, &job->batch, err);
    if (status)
        return status;
    job->bytes = bytes.len;
    if (signal == LY_SIGNAL_METRICS) {
        job->outcome.received = job->outcome.discarded = job->batch.n_points;
        return LY_OK;
    }
    size_t n = job->batch.n_spans + job->batch.n_logs;
    job->outcome.received = n;
    job->rejects = LY_ARENA_ARRAY(&job->arena, ly_store_reject, n);
    if (n && !job->rejects)
        return LY_NOMEM(err);
    if (config->redact && (status = ly_ingest_redact_envelopes(config->redact, job, err)))
        return status;
    status = prepare_spans(config, job, err);
    return status ? status : prepare_logs(config, job, err);
}

/* ----------------------------------------------------------------- storing */

/* How far a run of jobs has been put into one commit. */
typedef struct cut {
    size_t jobs;  /* whole jobs, from the first on */
    size_t spans; /* of the job after them */
    size_t logs;
    size_t items, bytes;
} cut;

static bool room_for(const cut *c, const ly_ingest_slice *slice, size_t bytes)
{
    if (c->items == 0)
        return true;
    return (slice->max_items == 0 || c->items < slice->max_items) &&
           (slice->max_bytes == 0 || c->bytes + bytes <= slice->max_bytes);
}

/* Measures the next commit, from where the first job stands. */
static cut plan(ly_ingest_job *const *jobs, size_t n, const ly_ingest_slice *slice)
{
    cut c = {0};
    for (; c.jobs < n; c.jobs++) {
        const ly_ingest_job *job = jobs[c.jobs];
        c.spans = c.jobs == 0 ? job->first_span : 0;
        c.logs = c.jobs == 0 ? job->first_log : 0;
        for (; c.spans < job->n_spans; c.spans++) {
            size_t bytes = job->spans[c.spans].span->wire.len;
            if (!room_for(&c, slice, bytes))
                return c;
            c.items++;
            c.bytes += bytes;
        }
        for (; c.logs < job->n_logs; c.logs++) {
            size_t bytes = job->logs[c.logs].log->wire.len;
            if (!room_for(&c, slice, bytes))
                return c;
            c.items++;
            c.bytes += bytes;
        }
    }
    c.spans = c.logs = 0;
    return c;
}

/* One job's part of a commit. */
typedef struct part {
    ly_ingest_job *job;
    size_t first_span, n_spans, first_log, n_logs;
} part;

static size_t list_parts(ly_ingest_job *const *jobs, size_t n, const cut *c, part *parts)
{
    size_t n_parts = 0;
    for (size_t i = 0; i <= c->jobs && i < n; i++) {
        ly_ingest_job *job = jobs[i];
        bool whole = i < c->jobs;
        part p = {job, job->first_span, 0, job->first_log, 0};
        p.n_spans = (whole ? job->n_spans : c->spans) - p.first_span;
        p.n_logs = (whole ? job->n_logs : c->logs) - p.first_log;
        if (!whole && p.n_spans + p.n_logs == 0)
            break;
        parts[n_parts++] = p;
    }
    return n_parts;
}

/* The arrays of a commit; those of a single part are used where they are. */
static ly_status gather(const part *parts, size_t n_parts, ly_store_batch *batch,
                        ly_store_result **ret_results, ly_err *err)
{
    ly_arena *arena = &parts[0].job->arena;
    for (size_t i = 0; i < n_parts; i++) {
        batch->n_spans += parts[i].n_spans;
        batch->n_logs += parts[i].n_logs;
        batch->n_rejects += parts[i].job->rejects_stored ? 0 : parts[i].job->n_rejects;
    }
    ly_store_result *results =
        LY_ARENA_ARRAY(arena, ly_store_result, batch->n_spans + batch->n_logs + 1);
    if (!results)
        return LY_NOMEM(err);
    *ret_results = results;
    if (n_parts == 1) {
        const part *p = &parts[0];
        batch->spans = p->job->spans + p->first_span;
        batch->logs = p->job->logs + p->first_log;
        batch->rejects = p->job->rejects;
        return LY_OK;
    }
    ly_store_span *spans = LY_ARENA_ARRAY(arena, ly_store_span, batch->n_spans + 1);
    ly_store_log *logs = LY_ARENA_ARRAY(arena, ly_store_log, batch->n_logs + 1);
    ly_store_reject *rejects = LY_ARENA_ARRAY(arena, ly_store_reject, batch->n_rejects + 1);
    if (!spans || !logs || !rejects)
        return LY_NOMEM(err);
    batch->spans = spans;
    batch->logs = logs;
    batch->rejects = rejects;
    for (size_t i = 0; i < n_parts; i++) {
        const part *p = &parts[i];
        if (p->n_spans)
            memcpy(spans, p->job->spans + p->first_span, p->n_spans * sizeof *spans);
        if (p->n_logs)
            memcpy(logs, p->job->logs + p->first_log, p->n_logs * sizeof *logs);
        spans += p->n_spans;
        logs += p->n_logs;
        if (!p->job->rejects_stored && p->job->n_rejects) {
            memcpy(rejects, p->job->rejects, p->job->n_rejects * sizeof *rejects);
            rejects += p->job->n_rejects;
        }
    }
    return LY_OK;
}

static void count_results(ly_ingest_outcome *outcome, const ly_store_result *results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (results[i]) {
        case LY_STORED:
            outcome->stored++;
            break;
        case LY_MERGED:
        case LY_DUPLICATE:
            outcome->merged++;
            break;
        case LY_CONFLICT:
            outcome->conflicts++;
            break;
        }
    }
}

/* After the commit: results back to their jobs, cursors forward. */
static void settle_parts(const part *parts, size_t n_parts, const ly_store_result *results)
{
    const ly_store_result *of_span = results, *of_log = results;
    for (size_t i = 0; i < n_parts; i++)
        of_log += parts[i].n_spans;
    for (size_t i = 0; i < n_parts; i++) {
        const part *p = &parts[i];
        ly_ingest_job *job = p->job;
        count_results(&job->outcome, of_span, p->n_spans);
        count_results(&job->outcome, of_log, p->n_logs);
        of_span += p->n_spans;
        of_log += p->n_logs;
        job->first_span = p->first_span + p->n_spans;
        job->first_log = p->first_log + p->n_logs;
        job->rejects_stored = true;
    }
}

static ly_status store_slice(ly_store *store, ly_ingest_job *const *jobs, size_t n, const cut *c,
                             ly_err *err)
{
    size_t max_parts = c->jobs + 1;
    part *parts = LY_ARENA_ARRAY(&jobs[0]->arena, part, max_parts);
    if (!parts)
        return LY_NOMEM(err);
    size_t n_parts = list_parts(jobs, n, c, parts);
    ly_store_batch batch = {0};
    ly_store_result *results = NULL;
    ly_status status = gather(parts, n_parts, &batch, &results, err);
    if (status)
        return status;
    if (batch.n_spans + batch.n_logs + batch.n_rejects > 0)
        status = ly_store_ingest(store, &batch, results, err);
    if (!status)
        settle_parts(parts, n_parts, results);
    return status;
}

ly_status ly_ingest_store(ly_store *store, ly_ingest_job *const *jobs, size_t n,
                          const ly_ingest_slice *slice, size_t *ret_done, ly_err *err)
{
    static const ly_ingest_slice unlimited = {0, 0};
    cut c = plan(jobs, n, slice ? slice : &unlimited);
    ly_status status = n ? store_slice(store, jobs, n, &c, err) : LY_OK;
    if (!status)
        *ret_done = c.jobs;
    return status;
}

ly_status ly_ingest_bytes(const ly_ingest_config *config, ly_store *store, ly_str bytes,
                          ly_otlp_format format, ly_signal signal, ly_ingest_outcome *ret_outcome,
                          ly_err *err)
{
    static const ly_ingest_slice slice = {512, LY_MIB(1)};
    ly_ingest_job *job = NULL;
    size_t done = 0;
    ly_status status = ly_ingest_job_new(&job, err);
    if (!status)
        status = ly_ingest_prepare(config, job, bytes, format, signal, err);
    while (!status && done == 0)
        status = ly_ingest_store(store, &job, 1, &slice, &done, err);
    if (!status && ret_outcome) {
        *ret_outcome = job->outcome;
        (void)ly_str_copy(ly_utf8_cut(job->first_reason, sizeof ret_outcome->first_reason - 1),
                          ret_outcome->first_reason, sizeof ret_outcome->first_reason);
    }
    ly_ingest_job_free(job);
    return status;
}
