/*
 * Hashes. SHA-256 for identity (prompt versions, judges, cache keys, access keys), XXH3-128 where only
 * our own file is concerned and speed matters (content de-duplication; not against an adversary who
 * wants collisions, so the store compares bytes too).
 */
#ifndef LY_TEXT_HASH_H
#define LY_TEXT_HASH_H

#include "base/err.h"
#include "base/str.h"

#define LY_SHA256_BYTES 32
#define LY_SHA256_HEX   65 /* with the NUL */

typedef struct ly_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} ly_sha256;

/* Cannot fail; no allocation; no library (FIPS 180-4). */
void ly_sha256_init(ly_sha256 *sha);
void ly_sha256_add(ly_sha256 *sha, const void *bytes, size_t n);
void ly_sha256_end(ly_sha256 *sha, uint8_t ret_digest[LY_SHA256_BYTES]);

void ly_sha256_of(ly_str s, uint8_t ret_digest[LY_SHA256_BYTES]);
void ly_sha256_hex_of(ly_str s, char ret_hex[LY_SHA256_HEX]);
/* RFC 2104. */
void ly_hmac_sha256(ly_str key, ly_str message, uint8_t ret_digest[LY_SHA256_BYTES]);

/* Canonical (big-endian) bytes of XXH3-128 with seed 0: the same on every machine. */
void ly_xxh3_128(ly_str s, uint8_t ret_digest[16]);
uint64_t ly_xxh3_64(ly_str s);

/* Compares in a time that depends on the lengths only. */
bool ly_secret_eq(ly_str a, ly_str b);
/* Fills from the kernel's generator. LY_E_IO when it cannot. */
LY_MUST_USE ly_status ly_random(void *dst, size_t n, ly_err *err);

#endif
