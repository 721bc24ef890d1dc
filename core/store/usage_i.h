/* The inside of the sums: usage.c keeps and reads them by what, usage_who.c by whom. */
#ifndef LY_STORE_USAGE_I_H
#define LY_STORE_USAGE_I_H

#include "store/db.h"
#include "store/sums.h"
#include "store/usage.h"

enum { WHO_SESSION, WHO_USER, WHO_TAG };
/* usage_who_day is kept of it. */
#define WHO_HAS_DAYS(kind) ((kind) != WHO_SESSION)

/* Places in a sum. */
enum {
    K_ORIGIN,
    K_PERIOD,
    K_STATE,
    K_PROVIDER,
    K_MODEL,
    K_SERVICE,
    K_ENV,
    K_PROMPT,
    K_VERSION,
    K_WHO, /* session or tag */
    K_USER
};
enum { V_N, V_UNPRICED, V_IN, V_READ, V_OUT, V_LOOSE, V_AMOUNT };

#define BUCKETS_A_DAY 96

/* A query with its words looked up. */
typedef struct want {
    const ly_usage_query *q;
    int64_t from, until;                                          /* buckets */
    int64_t provider, model, service, env, prompt, session, user; /* 0 = any, -1 = no such word */
    ly_sums sums;
} want;

/* Rounded down, also before 1970. */
static inline int64_t bucket_of(int64_t ns)
{
    int64_t bucket = ns / LY_BUCKET_NS;
    return bucket - (ns % LY_BUCKET_NS < 0 ? 1 : 0);
}

static inline int64_t day_of(int64_t bucket)
{
    return bucket / BUCKETS_A_DAY - (bucket % BUCKETS_A_DAY < 0 ? 1 : 0);
}

/* The whole UTC days in [from, until); *ret_first >= *ret_last when there is none. Open ends stay. */
static inline void whole_days(int64_t from, int64_t until, int64_t *ret_first, int64_t *ret_last)
{
    *ret_first = from == INT64_MIN ? INT64_MIN : -day_of(-from); /* rounded up */
    *ret_last = until == INT64_MAX ? INT64_MAX : day_of(until);
}

/* LY_USAGE_* of a line. An amount that lacks a part of the call counts among the unpriced, with it. */
static inline int state_of(int64_t amount, int source, int why)
{
    if (amount == LY_UNKNOWN)
        return LY_USAGE_UNPRICED + why;
    if (source != LY_COST_NONE && source != LY_COST_PRICE_TABLE)
        return LY_USAGE_CLIENT;
    return why == LY_PRICE_PARTIAL ? LY_USAGE_UNPRICED + why
           : why == LY_PRICE_LOCAL ? LY_USAGE_LOCAL
                                   : LY_USAGE_PRICED;
}

static inline bool unpriced_of(const ly_charge *c)
{
    return state_of(c->amount_pico, c->source, c->price_why) >= LY_USAGE_UNPRICED;
}

/* How many charges a line stands for, with its sign. */
static inline int64_t count_of(const ly_charge *c)
{
    return c->sign * (c->weight ? c->weight : 1);
}

static inline int64_t period_of(const want *w, int64_t bucket)
{
    return w->q->period ? w->q->period(w->q->user, bucket * LY_BUCKET_NS) : LY_UNKNOWN;
}

LY_MUST_USE ly_status usage_add_sum(want *w, const int64_t key[LY_SUMS_KEYS], const int64_t *values,
                                    int sign, ly_err *err);

/* usage_who.c: books a line under one session, user or tag; reads the groups of one of them. */
LY_MUST_USE ly_status usage_apply_who(ly_db *db, const ly_charge *c, int kind, int64_t word,
                                      ly_who_sums *who, ly_err *err);
LY_MUST_USE ly_status usage_sum_who(ly_db *db, want *w, ly_err *err);

#endif
