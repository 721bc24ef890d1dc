/*
 * The one random generator of the statistics, so that a bootstrap gives the same digits everywhere:
 * xoshiro256** seeded by SplitMix64. Not for secrets. Vectors: judges-and-statistics.md §1.0.
 */
#ifndef LY_EVAL_PRNG_H
#define LY_EVAL_PRNG_H

#include "base/str.h"

typedef struct ly_prng {
    uint64_t s[4];
} ly_prng;

/* Advances *state and returns the next value of SplitMix64. */
uint64_t ly_splitmix64(uint64_t *state);
void ly_prng_init(ly_prng *rng, uint64_t seed);
/* One stream per (seed, what it is for): the triple is hashed with FNV-1a, which is stable. */
void ly_prng_stream(ly_prng *rng, uint64_t seed, ly_str metric, ly_str purpose);
uint64_t ly_prng_next(ly_prng *rng);
/* [0, 1) with 53 bits. */
double ly_prng_unit(ly_prng *rng);
/* [0, n), n > 0: high half of the 128-bit product. */
uint64_t ly_prng_below(ly_prng *rng, uint64_t n);

#endif
