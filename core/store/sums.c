/* Sums by key in memory; see store/sums.h. */
#include "store/sums.h"

void ly_sums_init(ly_sums *sums, size_t max)
{
    *sums = (ly_sums){NULL, 0, 0, max, false};
}

void ly_sums_release(ly_sums *sums)
{
    ly_free(sums->slots);
    *sums = (ly_sums){0};
}

static uint64_t hash_of(const int64_t key[LY_SUMS_KEYS])
{
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < LY_SUMS_KEYS; i++) {
        h = (h ^ (uint64_t)key[i]) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    return h;
}

static ly_sum *find(ly_sum *slots, size_t cap, const int64_t key[LY_SUMS_KEYS])
{
    size_t i = (size_t)hash_of(key) & (cap - 1);
    while (slots[i].used && memcmp(slots[i].key, key, sizeof slots[i].key) != 0)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static ly_status grow(ly_sums *sums, ly_err *err)
{
    if (sums->n >= sums->max)
        return LY_FAIL(err, LY_E_LIMIT, "more than %zu groups; choose a shorter time or fewer keys",
                       sums->max);
    size_t cap = sums->cap ? sums->cap * 2 : 256;
    ly_sum *slots = ly_calloc(cap, sizeof *slots);
    if (!slots)
        return LY_NOMEM(err);
    for (size_t i = 0; i < sums->cap; i++)
        if (sums->slots[i].used)
            *find(slots, cap, sums->slots[i].key) = sums->slots[i];
    ly_free(sums->slots);
    sums->slots = slots;
    sums->cap = cap;
    return LY_OK;
}

ly_status ly_sums_at(ly_sums *sums, const int64_t key[LY_SUMS_KEYS], ly_sum **ret_sum, ly_err *err)
{
    if (sums->n * 4 >= sums->cap * 3) {
        ly_status st = grow(sums, err);
        if (st)
            return st;
    }
    ly_sum *sum = find(sums->slots, sums->cap, key);
    if (!sum->used) {
        memcpy(sum->key, key, sizeof sum->key);
        sum->used = true;
        sums->n++;
    }
    *ret_sum = sum;
    return LY_OK;
}

void ly_sums_add(ly_sums *sums, int64_t *value, int64_t n)
{
    if (__builtin_add_overflow(*value, n, value)) {
        *value -= n; /* wraps back */
        sums->overflow = true;
    }
}
