/*
 * `trace stats`: calls grouped by what a user names, with error share, latencies, tokens, cost and the mean
 * of each score, beside the period before. Reads spans through the store; computes in memory.
 */
#ifndef LY_VIEWER_STATS_H
#define LY_VIEWER_STATS_H

#include "store/store.h"

#define LY_STAT_KEYS   8
#define LY_STAT_SCORES 16

/* "model" "service" "prompt" "env" "day" "type" "tool" "agent" "provider" "name" "user" "session"
 * "release". */
typedef enum ly_stat_key {
    LY_STAT_MODEL,
    LY_STAT_SERVICE,
    LY_STAT_PROMPT,
    LY_STAT_ENV,
    LY_STAT_DAY,
    LY_STAT_TYPE,
    LY_STAT_TOOL,
    LY_STAT_AGENT,
    LY_STAT_PROVIDER,
    LY_STAT_NAME,
    LY_STAT_USER,
    LY_STAT_SESSION,
    LY_STAT_RELEASE,
    LY_STAT__COUNT
} ly_stat_key;
const char *ly_stat_key_name(ly_stat_key key);
LY_MUST_USE bool ly_stat_key_parse(ly_str name, ly_stat_key *ret_key);

typedef struct ly_stat_score {
    ly_str name;
    double mean;
    int64_t n;
} ly_stat_score;

typedef struct ly_stat_row {
    ly_str keys[LY_STAT_KEYS]; /* empty = the span has none */
    int64_t n, n_errors;
    int64_t p50_ns, p95_ns, p99_ns, ttft_p50_ns; /* LY_UNKNOWN */
    double tokens_per_s;                         /* out tokens over the time after the first; NaN */
    int64_t tokens_in, tokens_out, cost_pico, n_unpriced;
    ly_stat_score scores[LY_STAT_SCORES]; /* of the traces of the group */
    size_t n_scores;
} ly_stat_row;

typedef struct ly_stat_query {
    const ly_filter *filter; /* may be NULL; see ly_stat_run */
    int64_t since_ns, until_ns;
    bool any_origin;
    ly_stat_key by[LY_STAT_KEYS];
    size_t n_by; /* 0 = one row of all */
} ly_stat_query;

/* Without a type, in the filter or as a key, spans are calls: those whose usage counts (`cost` counts the
 * same), and generations without usage, as failed ones are. By tool they are tool spans, with a type all of
 * it, but a generation that another one tells of too. Tokens and cost are counted once, whatever the spans.
 *
 * Rows, most calls first; strings in the arena. */
LY_MUST_USE ly_status ly_stat_run(ly_store *store, const ly_stat_query *query, ly_arena *arena,
                                  ly_stat_row **ret_rows, size_t *ret_n, ly_err *err);

/* The row of the same keys, or NULL: for the period before. */
const ly_stat_row *ly_stat_find(const ly_stat_row *rows, size_t n, const ly_stat_row *like,
                                size_t n_by);

/* A condition of --fail-if: "errors>2%", "p95>8s", "score.groundedness<0.8", "cost>5", "calls<10",
 * "ttft>1s", "tokens/s<20". */
typedef struct ly_stat_test {
    char what[128]; /* errors, calls, p50, ... or a score's name */
    bool of_score;
    int op; /* one of < L for <=, > G for >= as a character */
    double limit;
} ly_stat_test;
LY_MUST_USE ly_status ly_stat_test_parse(ly_str text, ly_stat_test *ret_test, ly_err *err);
/* True when the row violates it; *ret_value the figure. An unknown figure violates nothing. */
/* The figure as a person reads it: a duration, a share, an amount. */
void ly_stat_test_value(const ly_stat_test *test, double value, ly_buf *out);
bool ly_stat_test_fails(const ly_stat_test *test, const ly_stat_row *row, double *ret_value);

#endif
