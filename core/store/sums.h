/*
 * Sums by key, in memory: what GROUP BY would do, for keys of a few integers and values of a few. Inside
 * the store room.
 */
#ifndef LY_STORE_SUMS_H
#define LY_STORE_SUMS_H

#include "base/err.h"
#include "base/mem.h"

#define LY_SUMS_KEYS   11
#define LY_SUMS_VALUES 11

typedef struct ly_sum {
    int64_t key[LY_SUMS_KEYS];
    int64_t value[LY_SUMS_VALUES];
    bool used;
} ly_sum;

/* Open addressing; `slots` has cap entries of which n are used. Zeroed = empty. */
typedef struct ly_sums {
    ly_sum *slots;
    size_t cap, n, max;
    bool overflow; /* some sum did not fit in 63 bits */
} ly_sums;

/* max: most keys; past it LY_E_LIMIT. */
void ly_sums_init(ly_sums *sums, size_t max);
void ly_sums_release(ly_sums *sums);
/* The entry of that key, made when it is not there; valid until the next call. */
LY_MUST_USE ly_status ly_sums_at(ly_sums *sums, const int64_t key[LY_SUMS_KEYS], ly_sum **ret_sum,
                                 ly_err *err);
/* value += sign * n, noting an overflow (the value stays then). */
void ly_sums_add(ly_sums *sums, int64_t *value, int64_t n);

#endif
