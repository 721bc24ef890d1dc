/* SHA-256 (FIPS 180-4), HMAC (RFC 2104), XXH3 and the comparison of secrets. */
#include "text/hash.h"

#include <errno.h>
#include <sys/random.h>
#include <xxhash.h>

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#define ROUND(a, b, c, d, e, f, g, h, i)                                                \
    do {                                                                                \
        uint32_t one = s[h] + (rotate(s[e], 6) ^ rotate(s[e], 11) ^ rotate(s[e], 25)) + \
                       ((s[e] & s[f]) ^ (~s[e] & s[g])) + k[i] + w[i];                  \
        s[d] += one;                                                                    \
        s[h] = one + (rotate(s[a], 2) ^ rotate(s[a], 13) ^ rotate(s[a], 22)) +          \
               ((s[a] & s[b]) ^ (s[a] & s[c]) ^ (s[b] & s[c]));                         \
    } while (0)

static void compress(ly_sha256 *sha, const uint8_t *block)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        w[i] = big32(block + 4 * i);
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, sha->state, sizeof s);
    /* The eight words change places by name, not in memory. */
    for (int i = 0; i < 64; i += 8) {
        ROUND(0, 1, 2, 3, 4, 5, 6, 7, i);
        ROUND(7, 0, 1, 2, 3, 4, 5, 6, i + 1);
        ROUND(6, 7, 0, 1, 2, 3, 4, 5, i + 2);
        ROUND(5, 6, 7, 0, 1, 2, 3, 4, i + 3);
        ROUND(4, 5, 6, 7, 0, 1, 2, 3, i + 4);
        ROUND(3, 4, 5, 6, 7, 0, 1, 2, i + 5);
        ROUND(2, 3, 4, 5, 6, 7, 0, 1, i + 6);
        ROUND(1, 2, 3, 4, 5, 6, 7, 0, i + 7);
    }
    for (int i = 0; i < 8; i++) {
        sha->state[i] += s[i];
    }
}

void ly_sha256_init(ly_sha256 *sha)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(sha->state, start, sizeof start);
    sha->bytes = 0;
}

void ly_sha256_add(ly_sha256 *sha, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    size_t held = (size_t)(sha->bytes % 64);
    sha->bytes += n;
    while (n > 0) {
        if (held == 0 && n >= 64) {
            compress(sha, p);
            p += 64;
            n -= 64;
            continue;
        }
        size_t part = n < 64 - held ? n : 64 - held;
        memcpy(sha->block + held, p, part);
        held += part;
        p += part;
        n -= part;
        if (held == 64) {
            compress(sha, sha->block);
            held = 0;
        }
    }
}

void ly_sha256_end(ly_sha256 *sha, uint8_t ret_digest[LY_SHA256_BYTES])
{
    uint8_t tail[72] = {0x80};
    uint64_t bits = sha->bytes * 8;
    size_t held = (size_t)(sha->bytes % 64);
    size_t pad = held < 56 ? 56 - held : 120 - held;
    for (int i = 0; i < 8; i++) {
        tail[pad + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    ly_sha256_add(sha, tail, pad + 8);
    for (int i = 0; i < 32; i++) {
        ret_digest[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void ly_sha256_of(ly_str s, uint8_t ret_digest[LY_SHA256_BYTES])
{
    ly_sha256 sha;
    ly_sha256_init(&sha);
    ly_sha256_add(&sha, s.ptr, s.len);
    ly_sha256_end(&sha, ret_digest);
}

void ly_sha256_hex_of(ly_str s, char ret_hex[LY_SHA256_HEX])
{
    uint8_t digest[LY_SHA256_BYTES];
    ly_sha256_of(s, digest);
    ly_hex_encode(digest, sizeof digest, ret_hex);
}

void ly_hmac_sha256(ly_str key, ly_str message, uint8_t ret_digest[LY_SHA256_BYTES])
{
    uint8_t block[64] = {0}, inner[LY_SHA256_BYTES];
    ly_sha256 sha;
    if (key.len > sizeof block) {
        ly_sha256_of(key, block);
    } else if (key.len > 0) {
        memcpy(block, key.ptr, key.len);
    }
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] ^= 0x36;
    }
    ly_sha256_init(&sha);
    ly_sha256_add(&sha, block, sizeof block);
    ly_sha256_add(&sha, message.ptr, message.len);
    ly_sha256_end(&sha, inner);
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] ^= 0x36 ^ 0x5C;
    }
    ly_sha256_init(&sha);
    ly_sha256_add(&sha, block, sizeof block);
    ly_sha256_add(&sha, inner, sizeof inner);
    ly_sha256_end(&sha, ret_digest);
    explicit_bzero(block, sizeof block);
}

void ly_xxh3_128(ly_str s, uint8_t ret_digest[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(s.ptr, s.len));
    memcpy(ret_digest, canonical.digest, 16);
}

uint64_t ly_xxh3_64(ly_str s)
{
    return XXH3_64bits(s.ptr, s.len);
}

bool ly_secret_eq(ly_str a, ly_str b)
{
    if (a.len != b.len) {
        return false;
    }
    unsigned char differ = 0;
    for (size_t i = 0; i < a.len; i++) {
        differ |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    }
    /* Through volatile, so that the loop is not turned into one that stops early. */
    volatile unsigned char result = differ;
    return result == 0;
}

ly_status ly_random(void *dst, size_t n, ly_err *err)
{
    uint8_t *p = dst;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return LY_FAIL(err, LY_E_IO, "kernel gave no random bytes: %s", strerror(errno));
        }
        p += got;
        n -= (size_t)got;
    }
    return LY_OK;
}
