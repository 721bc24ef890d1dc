/*
 * The spans of a run: each case is a trace of origin eval, each asked judgement a trace of origin judge that
 * links to it. Spans are gathered as OTLP and handed out in requests, to be stored through core/ingest by
 * whoever may include it.
 */
#ifndef LY_EVAL_RECORD_H
#define LY_EVAL_RECORD_H

#include "eval/suite.h"
#include "otlp/model.h"

/* service.name of our spans. */
#define LY_EVAL_SERVICE "lydite eval"

typedef struct ly_recorder ly_recorder;

/* One OTLP ExportTraceServiceRequest. */
typedef ly_status (*ly_record_fn)(void *user, ly_str otlp, ly_err *err);

LY_MUST_USE ly_status ly_recorder_new(ly_str run_hex, ly_recorder **ret, ly_err *err);
void ly_recorder_free(ly_recorder *rec);
/* On whose behalf the calls are made: `user.id` of every span from now on. The text must stay; empty =
 * nobody's. */
void ly_recorder_for(ly_recorder *rec, ly_str user);

/* Where a span of ours hangs. */
typedef struct ly_record_place {
    ly_trace_id trace;
    ly_span_id root;
    uint64_t start_ns;
} ly_record_place;

/* Draws ids for a new trace. */
LY_MUST_USE ly_status ly_record_begin(ly_recorder *rec, ly_record_place *ret, ly_err *err);
/* A model call under the root. target NULL for judges. */
void ly_record_call(ly_recorder *rec, const ly_record_place *place, ly_origin origin,
                    const ly_target *target, const ly_llm_call *call, const ly_llm_result *result);
/* The root of a case. input: the row, of targets that are no prompt (they have no generation that shows it). */
void ly_record_case(ly_recorder *rec, const ly_record_place *place, const ly_target *target,
                    int64_t row, ly_str row_key, int64_t repeat, ly_str input, ly_str output,
                    ly_str error);
/* The root of a judgement; links to the case. */
void ly_record_judgement(ly_recorder *rec, const ly_record_place *place, const ly_record_place *of,
                         const ly_judge *judge, const ly_judgement *j);
/* Moves what was gathered into `spans` (its old memory is kept for what comes next). */
LY_MUST_USE ly_status ly_record_take(ly_recorder *rec, ly_buf *spans, ly_err *err);
/* Spans from ly_record_take, as one request, to fn. Any thread. */
LY_MUST_USE ly_status ly_record_send(ly_str spans, ly_record_fn fn, void *user, ly_err *err);
/* Bytes gathered. */
size_t ly_record_pending(const ly_recorder *rec);

#endif
