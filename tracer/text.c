/*
 * Requests as text: OTLP JSON Lines for file:PATH, a tree for the console. Both read the encoded request
 * again with core/otlp, so that what is printed is what would have been sent.
 */
#include "tracer/transport.h"

#include "base/arena.h"
#include "base/limits.h"
#include "otlp/decode.h"
#include "otlp/json.h"

static ly_status decode(ly_str request, bool logs, ly_arena *arena, ly_otlp_batch *ret, ly_err *err)
{
    ly_arena_init(arena, LY_KIB(256), LY_GIB(1));
    return ly_otlp_decode(request, logs ? LY_SIGNAL_LOGS : LY_SIGNAL_TRACES, arena, NULL, ret, err);
}

ly_status ly_export_json(ly_str request, bool logs, ly_buf *out, ly_err *err)
{
    ly_arena arena;
    ly_otlp_batch batch;
    ly_status status = decode(request, logs, &arena, &batch, err);
    size_t n = status ? 0 : logs ? batch.n_logs : batch.n_spans;
    const void **items = n ? ly_arena_alloc(&arena, n * sizeof *items, sizeof *items) : NULL;
    if (!status && n && !items) {
        status = LY_NOMEM(err);
    }
    for (size_t i = 0; !status && i < n; i++) {
        items[i] = logs ? (const void *)&batch.logs[i] : (const void *)&batch.spans[i];
    }
    if (!status && n) {
        status = logs ? ly_otlp_json_logs((const ly_log_record *const *)items, n, out, err)
                      : ly_otlp_json_traces((const ly_span *const *)items, n, out, err);
        ly_buf_char(out, '\n');
    }
    ly_arena_release(&arena);
    return status ? status : ly_buf_status(out, "the JSON line", err);
}

/* ---- the tree ---- */

static const ly_span *parent_in(const ly_otlp_batch *batch, const ly_span *span)
{
    for (size_t i = 0; i < batch->n_spans && !ly_span_id_zero(span->parent_id); i++) {
        const ly_span *other = &batch->spans[i];
        if (other != span && ly_span_id_eq(other->span_id, span->parent_id) &&
            ly_trace_id_eq(other->trace_id, span->trace_id)) {
            return other;
        }
    }
    return NULL;
}

/* Control characters and escape sequences of what a model wrote must not reach the terminal. */
static void clean(ly_buf *out, ly_str text, size_t most)
{
    for (size_t i = 0; i < text.len && i < most; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c < 0x7F) {
            ly_buf_char(out, (char)c);
        } else {
            ly_buf_fmt(out, "\\x%02x", c);
        }
    }
    if (text.len > most) {
        ly_buf_c(out, "...");
    }
}

static void number(ly_buf *out, const ly_span *span, const char *key, const char *label)
{
    const ly_any *value = ly_attrs_get(&span->attrs, ly_str_c(key));
    if (value && value->kind == LY_ANY_INT) {
        ly_buf_fmt(out, "  %s ", label);
        ly_buf_i64(out, value->integer);
    }
}

static void line(ly_buf *out, const ly_span *span, int depth)
{
    ly_buf_fill(out, ' ', (size_t)depth * 2);
    clean(out, span->name, 200);
    ly_buf_c(out, "  ");
    if (span->end_ns >= span->start_ns && span->end_ns) {
        ly_duration_format((int64_t)(span->end_ns - span->start_ns), out);
    } else {
        ly_buf_c(out, "running");
    }
    number(out, span, "gen_ai.usage.input_tokens", "in");
    number(out, span, "gen_ai.usage.output_tokens", "out");
    if (span->status_code == LY_CODE_ERROR) {
        const ly_any *type = ly_attrs_get(&span->attrs, LY_S("error.type"));
        ly_buf_c(out, "  ERROR ");
        if (type && type->kind == LY_ANY_STRING) {
            clean(out, type->str, 80);
        }
        ly_buf_c(out, span->status_message.len ? ": " : "");
        clean(out, span->status_message, 200);
    }
    ly_buf_char(out, '\n');
}

#define MAX_TREE_DEPTH 64

static void tree(ly_buf *out, const ly_otlp_batch *batch, const ly_span *root, int depth)
{
    line(out, root, depth);
    for (size_t i = 0; depth < MAX_TREE_DEPTH && i < batch->n_spans; i++) {
        if (parent_in(batch, &batch->spans[i]) == root) {
            tree(out, batch, &batch->spans[i], depth + 1);
        }
    }
}

ly_status ly_export_tree(ly_str request, bool logs, ly_buf *out, ly_err *err)
{
    ly_arena arena;
    ly_otlp_batch batch;
    ly_status status = decode(request, logs, &arena, &batch, err);
    for (size_t i = 0; !status && !logs && i < batch.n_spans; i++) {
        const ly_span *span = &batch.spans[i];
        if (!parent_in(&batch, span)) {
            char id[33];
            ly_hex_encode(span->trace_id.b, 16, id);
            ly_buf_fmt(out, "trace %s\n", id);
            tree(out, &batch, span, 1);
        }
    }
    if (!status && logs) {
        ly_buf_fmt(out, "%zu score%s\n", batch.n_logs, batch.n_logs == 1 ? "" : "s");
    }
    ly_arena_release(&arena);
    return status ? status : ly_buf_status(out, "the tree", err);
}
