/*
 * Scores: one stored result of a judge, a check, a person or an application, about a trace, a span, a
 * session or a case of a run. Unknown value is NaN, never 0. A score is never changed: it is retracted
 * and added anew.
 */
#ifndef LY_STORE_SCORE_H
#define LY_STORE_SCORE_H

#include "store/store.h"

typedef enum ly_score_source {
    LY_SCORE_HUMAN = 0,
    LY_SCORE_JUDGE = 1,
    LY_SCORE_CHECK = 2,
    LY_SCORE_APP = 3
} ly_score_source;
const char *ly_score_source_name(ly_score_source source);
LY_MUST_USE bool ly_score_source_parse(ly_str name, ly_score_source *ret);

typedef enum ly_outcome { LY_SCORED = 0, LY_ABSTAINED = 1, LY_UNSCORED = 2 } ly_outcome;
const char *ly_outcome_name(ly_outcome outcome);

typedef struct ly_score {
    uint8_t score_id[16]; /* zero: one is drawn */
    ly_trace_id trace_id; /* zero = none */
    ly_span_id span_id;   /* zero = none */
    ly_str session;
    ly_str name;  /* 1 to 128 characters */
    double value; /* NaN = none */
    ly_str label, reason;
    ly_score_source source;
    ly_outcome outcome;
    ly_str detail; /* JSON object: judge version, unscored reason, ...; empty = none */
    ly_str actor;
    int64_t at_ns;        /* 0 = now */
    int64_t retracted_ns; /* reading only; 0 = in force */
    /* reading only: of a case */
    ly_str run; /* hex id, or empty */
    int64_t row, target, repeat;
} ly_score;

/* Adds one from outside of a run. A score_id that is there already changes nothing when it says the
 * same (LY_OK), else LY_E_CONFLICT. LY_E_INVALID: no name, neither value nor label, a value that is not
 * finite, nothing to hang it on. */
LY_MUST_USE ly_status ly_score_add(ly_store *store, ly_score *score, ly_err *err);
/* id: 16 bytes. LY_E_NOTFOUND. Retracting twice is LY_OK. */
LY_MUST_USE ly_status ly_score_retract(ly_store *store, const uint8_t id[16], ly_err *err);
/* A unique prefix (at least 4 hex digits) of an id. */
LY_MUST_USE ly_status ly_score_find(ly_store *store, ly_str prefix, uint8_t ret_id[16],
                                    ly_err *err);

typedef struct ly_score_query {
    const ly_trace_id *trace; /* NULL = any */
    ly_str name;              /* empty = any */
    int64_t since_ns, until_ns;
    bool with_cases, with_retracted;
    size_t limit; /* 0 = 100 */
} ly_score_query;
/* Newest first. */
LY_MUST_USE ly_status ly_score_list(ly_store *store, const ly_score_query *query, ly_arena *arena,
                                    ly_score **ret_rows, size_t *ret_n, ly_err *err);

#endif
