/*
 * The ledger read in sums: what was used and what it cost, by time, provider, model, service, ...
 *
 * Sums are kept in 15-minute UTC buckets as charges are booked (store/db.h: ly_usage_apply), so they
 * are exact once the traces are settled, and reading them does not depend on the number of spans. All
 * zones have offsets that are multiples of 15 minutes, so any zone's days are whole buckets. Where a
 * grouping mixes who (session, user, tag) with anything else, the ledger itself is read. By who, calls
 * without a session, user or tag are a group with an empty name.
 */
#ifndef LY_STORE_USAGE_H
#define LY_STORE_USAGE_H

#include "store/store.h"

#define LY_BUCKET_NS (900LL * 1000000000LL)

/* How an amount came to be, one of three, or why there is none or not all
 * of it (LY_PRICE_PARTIAL): 16 + ly_price_why. Stored. */
enum {
    LY_USAGE_PRICED = 0, /* by the price book */
    LY_USAGE_CLIENT = 1, /* as the client said */
    LY_USAGE_LOCAL = 2,  /* a local address: 0 by rule */
    LY_USAGE_UNPRICED = 16
};

/* What to group by; bits. */
enum {
    LY_BY_PROVIDER = 1,
    LY_BY_MODEL = 2,
    LY_BY_SERVICE = 4,
    LY_BY_ENV = 8,
    LY_BY_PROMPT = 16, /* name and version */
    LY_BY_SESSION = 32,
    LY_BY_USER = 64,
    LY_BY_TAG = 128, /* a span with three tags is in three groups */
    LY_BY_STATE = 256,
};

typedef struct ly_usage_query {
    int64_t from_ns,
        until_ns; /* [from, until), both rounded down to 15 minutes; INT64_MIN/MAX = open */
    unsigned by;  /* LY_BY_* */
    /* Also group by period: a bucket's start -> the period's start. NULL = no. Pure. */
    int64_t (*period)(void *user, int64_t bucket_ns);
    void *user;
    bool
        period_in_days; /* period gives one answer for a whole UTC day: whole days are then read as such */
    /* Only charges with these values; an empty view = any. */
    ly_str provider, model, service, env, prompt, who_session, who_user;
    /* By session, user or tag alone and without a period, where not all groups are wanted: the dearest
     * `top` of one origin at least (maybe more, in no order), and the rest without a word; 0 = all. */
    size_t top;
    int origin; /* of top */
    /* Or these alone; an empty view is the rest without a word. */
    const ly_str *only;
    size_t n_only;
    bool scan; /* read the ledger itself, whatever the grouping: for checks */
} ly_usage_query;

typedef struct ly_usage_row {
    ly_str provider, model, service, env, prompt_name, prompt_version, session, user, tag;
    int64_t period_ns; /* LY_UNKNOWN without a period */
    ly_origin origin;
    int state; /* LY_USAGE_*; -1 unless grouped by state */
    int64_t n, n_unpriced;
    int64_t tokens_in, cache_read, tokens_out; /* known counts; tokens_in with the cache */
    int64_t unattributed;
    int64_t amount_pico; /* of the priced */
} ly_usage_row;

#define LY_USAGE_MAX_GROUPS 4000000

/* All groups, in no particular order; origins are always apart. Strings are in the arena. */
LY_MUST_USE ly_status ly_usage_sum(ly_store *store, const ly_usage_query *query, ly_arena *arena,
                                   ly_usage_row **ret_rows, size_t *ret_n, ly_err *err);

/* Amounts of single traces that started in the time (a trace's total, counted once), ascending; those
 * without an amount are left out and counted. LY_E_LIMIT past 20 million. Free *ret_amounts. */
LY_MUST_USE ly_status ly_usage_traces(ly_store *store, int64_t from_ns, int64_t until_ns,
                                      ly_origin origin, int64_t **ret_amounts, size_t *ret_n,
                                      int64_t *ret_unpriced, ly_err *err);

/*
 * Compares the kept sums with the ledger: *ret_wrong = groups that differ. With repair they are set
 * right, in small writes by difference, so that charges booked meanwhile are kept.
 */
LY_MUST_USE ly_status ly_usage_verify(ly_store *store, bool repair, int64_t *ret_wrong,
                                      ly_err *err);

/* ---- single charges -------------------------------------------------------------------------------- */

/* One line of the ledger. Strings are in the arena. */
typedef struct ly_charge_line {
    ly_trace_id trace_id; /* zero when retention removed the record without keeping its id */
    ly_span_id span_id;
    int64_t line;
    int sign; /* 1, or -1 for a reversal */
    int64_t at_ns, booked_ns;
    ly_origin origin;
    ly_str provider, model, service, env, session, user, prompt_name, prompt_version;
    ly_tokens tokens;
    int64_t amount_pico;
    ly_cost_source source;
    ly_price_why why;
    int64_t price_row;
    int32_t price_tier;
} ly_charge_line;

/* Every line of one span, oldest first; none when it was never counted. */
LY_MUST_USE ly_status ly_charge_of_span(ly_store *store, ly_trace_id trace, ly_span_id span,
                                        ly_arena *arena, ly_charge_line **ret_lines, size_t *ret_n,
                                        ly_err *err);

/* ---- pricing again --------------------------------------------------------------------------------- */

/* What a charge costs by another book. canon and at_ns are what the price is found by; `before` is the
 * price that it has. */
typedef ly_priced (*ly_reprice_fn)(void *user, const ly_canon *canon, int64_t at_ns,
                                   ly_priced before);

/* One span whose price changes; called before anything is written. */
typedef void (*ly_reprice_seen_fn)(void *user, const ly_canon *canon, ly_priced before,
                                   ly_priced after, bool counted);

typedef struct ly_reprice {
    int64_t since_ns; /* traces that start at or after it */
    bool dry_run;
    ly_reprice_fn price;
    ly_reprice_seen_fn seen;   /* may be NULL */
    bool (*go_on)(void *user); /* false stops between slices (LY_E_CANCELLED); may be NULL */
    void *user;
} ly_reprice;

typedef struct ly_repriced {
    int64_t n_spans, n_changed; /* spans with usage looked at; of them with another price */
    int64_t n_sealed; /* calls looked at in the ledger alone: retention removed the record */
} ly_repriced;

/*
 * Prices stored spans again, in slices of at most 200 spans. Changed spans get the new price and their
 * traces become dirty; settling then books the difference: a reversal and a new line, the old one stays.
 * Lines whose record was removed are priced by what the line itself holds, and booked at once.
 * An interrupted run leaves whole slices behind and can be run again.
 */
LY_MUST_USE ly_status ly_usage_reprice(ly_store *store, const ly_reprice *how, ly_repriced *ret,
                                       ly_err *err);

#endif
