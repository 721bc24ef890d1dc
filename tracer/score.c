/*
 * Feedback: one log event gen_ai.evaluation.result a score, with the ids of the span that it is about
 * (otlp-and-genai-conventions §2.6).
 */
#include "tracer/engine.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "otlp/pb.h"
#include "tracer/keys.h"

static void put_text(ly_buf *out, const char *key, ly_str value)
{
    if (ly_str_given(value)) {
        size_t mark = ly_pb_open(out, 6);
        ly_pb_put_bytes(out, 1, ly_str_c(key));
        size_t any = ly_pb_open(out, 2);
        ly_text_field(out, 1, value);
        ly_pb_close(out, any);
        ly_pb_close(out, mark);
    }
}

static void put_str(ly_buf *out, const char *key, const char *value)
{
    put_text(out, key, value ? ly_str_c(value) : LY_STR_NONE);
}

static void put_double(ly_buf *out, const char *key, double value)
{
    size_t mark = ly_pb_open(out, 6);
    ly_pb_put_bytes(out, 1, ly_str_c(key));
    size_t any = ly_pb_open(out, 2);
    ly_pb_put_double(out, 4, value);
    ly_pb_close(out, any);
    ly_pb_close(out, mark);
}

/* What the provider called the answer that is scored: the last gen_ai.response.id set on the span. */
static ly_str response_id(const ly_slot *slot)
{
    ly_str id = LY_STR_NONE;
    for (uint32_t at = 0; slot && at < slot->len;) {
        const ly_item *item = (const ly_item *)(const void *)(slot->items + at);
        if (item->kind == LY_IT_STR && item->key && strcmp(item->key, LY_K_RESPONSE_ID) == 0) {
            id = ly_str_n(item + 1, item->len);
        }
        at += (uint32_t)ly_item_size(item->len);
    }
    return id;
}

/* As a field of ScopeLogs. */
static void encode(const lydite_score *score, const uint8_t trace[16], const uint8_t *span,
                   ly_str response, ly_buf *out)
{
    const uint64_t now = (uint64_t)ly_wall_ns();
    size_t mark = ly_pb_open(out, 2);
    ly_pb_put_fixed64(out, 1, now);
    ly_pb_put_uint(out, 2, 9); /* INFO */
    put_str(out, "gen_ai.evaluation.name", score->name);
    if (!isnan(score->value)) {
        put_double(out, "gen_ai.evaluation.score.value", score->value);
    }
    put_str(out, "gen_ai.evaluation.score.label", score->label);
    put_str(out, "gen_ai.evaluation.explanation", score->reason);
    put_str(out, "lydite.score.source", score->source ? score->source : "app");
    put_text(out, LY_K_RESPONSE_ID, response);
    ly_pb_put_bytes(out, 9, ly_str_n(trace, 16));
    if (span) {
        ly_pb_put_bytes(out, 10, ly_str_n(span, 8));
    }
    ly_pb_put_fixed64(out, 11, now);
    ly_pb_put_bytes(out, 12, LY_S("gen_ai.evaluation.result"));
    ly_pb_close(out, mark);
}

int lydite_score_add(lydite_tracer *tracer, const lydite_span *span, const char *trace_id,
                     const char *span_id, const lydite_score *score)
{
    uint8_t trace[16], id[8];
    bool has_span = true;
    lydite_score s = LYDITE_SCORE_INIT;
    if (!tracer || atomic_load(&tracer->off)) {
        return LYDITE_OK;
    }
    if (!score || score->size < sizeof(size_t)) {
        return LYDITE_E_INVALID;
    }
    memcpy(&s, score, score->size < sizeof s ? score->size : sizeof s);
    const ly_slot *slot = ly_span_any(span);
    if (!s.name || (span && !slot) || (isnan(s.value) && !s.label)) {
        return LYDITE_E_INVALID;
    }
    if (slot) {
        memcpy(trace, slot->rec.trace_id, sizeof trace);
        memcpy(id, &slot->rec.span_id, sizeof id);
    } else if (!ly_hex_decode(ly_str_c(trace_id), trace, 16) ||
               ((has_span = span_id != NULL) && !ly_hex_decode(ly_str_c(span_id), id, 8))) {
        return LYDITE_E_INVALID;
    }
    ly_buf log;
    ly_buf_init(&log, LY_MIB(1));
    encode(&s, trace, has_span ? id : NULL, response_id(slot), &log);
    ly_score_node *node = log.failed ? NULL : ly_malloc(sizeof *node + log.len);
    if (node) {
        memcpy(node + 1, log.ptr, log.len);
        *node = (ly_score_node){NULL, ly_str_n(node + 1, log.len)};
        pthread_mutex_lock(&tracer->lock);
        /* A host that scores without end while nobody takes them: bounded like the rings. */
        if (tracer->n_scores >= LY_MAX_SCORES) {
            tracer->scores++;
            tracer->scores_dropped++;
            ly_free(node);
        } else {
            *(tracer->score_last ? &tracer->score_last->next : &tracer->score_first) = node;
            tracer->score_last = node;
            tracer->scores++;
            tracer->n_scores++;
        }
        pthread_mutex_unlock(&tracer->lock);
        ly_tracer_run(tracer);
        atomic_store(&tracer->pressure, true);
        ly_tracer_wake(tracer);
    }
    ly_buf_release(&log);
    return node ? LYDITE_OK : LYDITE_E_NOMEM;
}
