/*
 * The cost report: what was spent, by what, beside what was spent before, with everything that is not
 * known said apart. Pure reading; rendering is cli's.
 *
 * Amounts are of priced calls only. A row or total with n_unpriced > 0 is a lower bound. Calls to local
 * addresses cost 0 by rule and are counted in n_local, never among the unpriced. Evaluation and judge
 * spending is apart unless an origin is asked for.
 */
#ifndef LY_COST_REPORT_H
#define LY_COST_REPORT_H

#include "cost/zone.h"
#include "store/usage.h"

/* No call in it has an amount, not even a part of one: unknown, not 0. */
static inline bool ly_cost_none(int64_t amount_pico, int64_t n, int64_t n_unpriced)
{
    return n > 0 && n == n_unpriced && amount_pico == 0;
}

typedef enum ly_cost_key {
    LY_KEY_PROVIDER,
    LY_KEY_MODEL,
    LY_KEY_SERVICE,
    LY_KEY_ENV,
    LY_KEY_SESSION,
    LY_KEY_USER,
    LY_KEY_PROMPT, /* name and version, "name@3" */
    LY_KEY_TAG,
    LY_KEY_HOUR,
    LY_KEY_DAY,
    LY_KEY_WEEK,
    LY_KEY_MONTH,
    LY_KEY__COUNT
} ly_cost_key;

const char *ly_cost_key_name(ly_cost_key key);
LY_MUST_USE bool ly_cost_key_parse(ly_str name, ly_cost_key *ret);

#define LY_COST_KEYS_MAX 4

typedef struct ly_cost_ask {
    ly_cost_key by[LY_COST_KEYS_MAX];
    size_t n_by;                             /* at most one of hour, day, week, month */
    int64_t from_ns, until_ns;               /* rounded down to 15 minutes */
    int64_t before_from_ns, before_until_ns; /* LY_UNKNOWN = no comparison */
    int origin;          /* ly_origin; -1 = app in rows, eval and judge beside */
    const ly_zone *zone; /* of the periods; NULL = UTC */
    size_t top;          /* rows wanted, the dearest or latest; 0 = all. All sessions take long. */
    bool scan;           /* read the ledger itself (checks) */
} ly_cost_ask;

typedef struct ly_cost_row {
    ly_str key[LY_COST_KEYS_MAX]; /* in the order of by; empty = the calls have none */
    int64_t amount_pico;
    int64_t n, n_unpriced, n_local, n_client; /* n_local and n_client are 0 in groups by who */
    int64_t tokens_in, cache_read, tokens_out;
    int64_t before_pico; /* LY_UNKNOWN without a comparison */
    int64_t before_n, before_unpriced;
} ly_cost_row;

typedef struct ly_cost_unpriced {
    ly_str provider, model;
    ly_price_why why;
    ly_origin origin;
    int64_t n, tokens;
} ly_cost_unpriced;

typedef struct ly_cost_report {
    int64_t from_ns, until_ns; /* as used */
    ly_cost_row *rows;         /* dearest first; by time: oldest first */
    size_t n_rows;
    bool more_rows;             /* there are more than `top` */
    ly_cost_row total;          /* of what the rows are about */
    ly_cost_row eval, judge;    /* apart, when origin was -1 */
    ly_cost_row ungrouped;      /* the part of the total with an empty key */
    bool has_ungrouped;         /* some key may be empty at all (not so for time) */
    bool overlaps;              /* rows may overlap (tags): their sum may pass the total */
    ly_cost_unpriced *unpriced; /* most calls first */
    size_t n_unpriced;
} ly_cost_report;

/* Memory is in the arena. LY_E_INVALID for a wrong combination of keys. */
LY_MUST_USE ly_status ly_cost_report_make(ly_store *store, const ly_cost_ask *ask, ly_arena *arena,
                                          ly_cost_report *ret, ly_err *err);

/* cached / input, 0..1, or -1 when there was no input. */
double ly_cost_cached_share(const ly_cost_row *row);
/* part / whole, 0..1; -1 when the whole is 0. */
double ly_cost_share(int64_t part, int64_t whole);

/* Amounts of single traces or sessions. */
typedef struct ly_cost_spread {
    size_t n;                                                  /* with an amount */
    int64_t n_unpriced;                                        /* without */
    int64_t p50_pico, p95_pico, max_pico, mean_pico, sum_pico; /* LY_UNKNOWN when n = 0 */
} ly_cost_spread;
LY_MUST_USE ly_status ly_cost_per_trace(ly_store *store, int64_t from_ns, int64_t until_ns,
                                        ly_origin origin, ly_cost_spread *ret, ly_err *err);
LY_MUST_USE ly_status ly_cost_per_session(ly_store *store, int64_t from_ns, int64_t until_ns,
                                          ly_origin origin, ly_cost_spread *ret, ly_err *err);

#endif
