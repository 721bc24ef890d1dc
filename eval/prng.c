/* xoshiro256** and SplitMix64 (Blackman and Vigna, public domain reference code). */
#include "eval/prng.h"

__extension__ typedef unsigned __int128 u128;

uint64_t ly_splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void ly_prng_init(ly_prng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        rng->s[i] = ly_splitmix64(&seed);
    }
}

static uint64_t fnv1a(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 0x100000001b3u;
    }
    return h;
}

void ly_prng_stream(ly_prng *rng, uint64_t seed, ly_str metric, ly_str purpose)
{
    uint64_t h = 0xcbf29ce484222325u;
    unsigned char le[8];
    for (int i = 0; i < 8; i++) {
        le[i] = (unsigned char)(seed >> (8 * i));
    }
    h = fnv1a(h, le, sizeof le);
    h = fnv1a(h, metric.ptr, metric.len);
    h = fnv1a(h, "", 1);
    h = fnv1a(h, purpose.ptr, purpose.len);
    ly_prng_init(rng, h);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t ly_prng_next(ly_prng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double ly_prng_unit(ly_prng *rng)
{
    return (double)(ly_prng_next(rng) >> 11) * 0x1p-53;
}

uint64_t ly_prng_below(ly_prng *rng, uint64_t n)
{
    return (uint64_t)(((u128)ly_prng_next(rng) * n) >> 64);
}
