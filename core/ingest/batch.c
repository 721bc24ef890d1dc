/* ingest: redaction of a decoded batch. Memory of what is rewritten is the job's arena. */
#include "ingest/batch.h"

#include "base/limits.h"
#include "otlp/decode.h"

/* What could not be redacted is replaced by this, and recognised by its address. */
static const ly_resource failed_resource;
static const ly_scope failed_scope;

/* The rewritten message in the arena; *ret is `wire` itself when no rule matched. */
static ly_status rewrite(const ly_redact *redact, ly_redact_kind kind, ly_arena *arena, ly_str wire,
                         ly_str *ret, ly_err *err)
{
    ly_buf out;
    ly_buf_init(&out, 2 * LY_MAX_REQUEST_BYTES);
    ly_status status = ly_redact_message(redact, kind, wire, &out, err);
    if (status == LY_E_NOTFOUND) {
        *ret = wire;
        status = LY_OK;
    } else if (!status) {
        ly_str copy = ly_arena_copy(arena, ly_buf_view(&out));
        if (copy.ptr)
            *ret = copy;
        else
            status = LY_NOMEM(err);
    }
    ly_buf_release(&out);
    return status;
}

/* A schema URL stands beside the message, and is text of the client's too. */
static ly_status rewrite_url(const ly_redact *redact, ly_arena *arena, ly_str url, ly_str *ret,
                             ly_err *err)
{
    ly_buf out;
    ly_buf_init(&out, 2 * LY_MAX_REQUEST_BYTES);
    ly_status status = url.len ? ly_redact_text(redact, url, &out, err) : LY_E_NOTFOUND;
    *ret = url;
    if (!status) {
        *ret = ly_arena_copy(arena, ly_buf_view(&out));
        status = ret->ptr ? LY_OK : LY_NOMEM(err);
    }
    ly_buf_release(&out);
    return status == LY_E_NOTFOUND ? LY_OK : status;
}

/* Items of one resource stand together, so the last answer is nearly always the next one. */
typedef struct memo {
    const ly_resource *resource, *resource_now;
    const ly_scope *scope, *scope_now;
} memo;

static ly_status new_resource(const ly_redact *redact, ly_arena *arena, memo *m,
                              const ly_resource *resource, ly_err *err)
{
    if (m->resource == resource)
        return LY_OK;
    ly_str wire, url;
    m->resource = resource;
    m->resource_now = resource;
    ly_status status = rewrite(redact, LY_REDACT_RESOURCE, arena, resource->wire, &wire, err);
    if (status == LY_OK)
        status = rewrite_url(redact, arena, resource->schema_url, &url, err);
    if (status == LY_OK && wire.ptr == resource->wire.ptr && url.ptr == resource->schema_url.ptr)
        return LY_OK;
    ly_resource *now = LY_ARENA_NEW(arena, ly_resource);
    if (!now)
        return LY_NOMEM(err);
    if (status == LY_OK && ly_otlp_decode_resource(wire, url, arena, now) == LY_OK)
        m->resource_now = now;
    else
        m->resource_now = &failed_resource;
    return LY_OK;
}

static ly_status new_scope(const ly_redact *redact, ly_arena *arena, memo *m, const ly_scope *scope,
                           ly_err *err)
{
    if (m->scope == scope)
        return LY_OK;
    ly_str wire, url;
    m->scope = scope;
    m->scope_now = scope;
    ly_status status = rewrite(redact, LY_REDACT_SCOPE, arena, scope->wire, &wire, err);
    if (status == LY_OK)
        status = rewrite_url(redact, arena, scope->schema_url, &url, err);
    if (status == LY_OK && wire.ptr == scope->wire.ptr && url.ptr == scope->schema_url.ptr)
        return LY_OK;
    ly_scope *now = LY_ARENA_NEW(arena, ly_scope);
    if (!now)
        return LY_NOMEM(err);
    if (status == LY_OK && ly_otlp_decode_scope(wire, url, arena, now) == LY_OK)
        m->scope_now = now;
    else
        m->scope_now = &failed_scope;
    return LY_OK;
}

ly_status ly_ingest_redact_envelopes(const ly_redact *redact, ly_ingest_job *job, ly_err *err)
{
    memo m = {0};
    ly_status status = LY_OK;
    for (size_t i = 0; i < job->batch.n_spans && !status; i++) {
        ly_span *span = &job->batch.spans[i];
        status = new_resource(redact, &job->arena, &m, span->resource, err);
        if (!status)
            status = new_scope(redact, &job->arena, &m, span->scope, err);
        span->resource = m.resource_now;
        span->scope = m.scope_now;
    }
    for (size_t i = 0; i < job->batch.n_logs && !status; i++) {
        ly_log_record *log = &job->batch.logs[i];
        status = new_resource(redact, &job->arena, &m, log->resource, err);
        if (!status)
            status = new_scope(redact, &job->arena, &m, log->scope, err);
        log->resource = m.resource_now;
        log->scope = m.scope_now;
    }
    return status;
}

static bool envelope_failed(const ly_resource *resource, const ly_scope *scope)
{
    return resource == &failed_resource || scope == &failed_scope;
}

ly_status ly_ingest_redact_span(const ly_redact *redact, ly_ingest_job *job, ly_span *span,
                                ly_err *err)
{
    if (envelope_failed(span->resource, span->scope))
        return LY_FAIL(err, LY_E_FORMAT, "its resource or scope could not be redacted");
    ly_str wire;
    ly_status status = rewrite(redact, LY_REDACT_SPAN, &job->arena, span->wire, &wire, err);
    if (status || wire.ptr == span->wire.ptr)
        return status;
    ly_span now;
    status = ly_otlp_decode_span(wire, span->resource, span->scope, &job->arena, &now);
    if (!status)
        *span = now;
    return status;
}

ly_status ly_ingest_redact_log(const ly_redact *redact, ly_ingest_job *job, ly_log_record *log,
                               ly_err *err)
{
    if (envelope_failed(log->resource, log->scope))
        return LY_FAIL(err, LY_E_FORMAT, "its resource or scope could not be redacted");
    ly_str wire;
    ly_status status = rewrite(redact, LY_REDACT_LOG, &job->arena, log->wire, &wire, err);
    if (status || wire.ptr == log->wire.ptr)
        return status;
    ly_log_record now;
    status = ly_otlp_decode_log(wire, log->resource, log->scope, &job->arena, &now);
    if (!status)
        *log = now;
    return status;
}
