/*
 * ly_str: a borrowed view of bytes with a length. It owns nothing, is passed by value, and need not
 * end in NUL. The empty view may have ptr == NULL. "Absent" and "empty" differ where it matters:
 * ly_str_given() is true for any view whose ptr is not NULL.
 */
#ifndef LY_BASE_STR_H
#define LY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

typedef struct ly_str {
    const char *ptr;
    size_t len;
} ly_str;

#define LY_STR_NONE ((ly_str){NULL, 0})
/* A view of a string literal; the length is known at compile time. */
#define LY_S(literal) ((ly_str){("" literal), sizeof(literal) - 1})
/* For printf("%.*s", LY_STR_ARG(s)). The length is capped at INT_MAX. */
#define LY_STR_ARG(s) (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), ((s).ptr ? (s).ptr : "")

static inline ly_str ly_str_n(const void *ptr, size_t len)
{
    return (ly_str){(const char *)ptr, len};
}

/* View of a C string; NULL gives LY_STR_NONE. */
static inline ly_str ly_str_c(const char *text)
{
    return text ? (ly_str){text, strlen(text)} : LY_STR_NONE;
}

static inline bool ly_str_given(ly_str s)
{
    return s.ptr != NULL;
}

static inline bool ly_str_eq(ly_str a, ly_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool ly_str_eqc(ly_str a, const char *b)
{
    return ly_str_eq(a, ly_str_c(b));
}

/* Bytes compared as unsigned, shorter first on a common prefix: <0, 0, >0. */
int ly_str_cmp(ly_str a, ly_str b);
/* ASCII case folded. */
bool ly_str_eq_nocase(ly_str a, ly_str b);
bool ly_str_starts(ly_str s, ly_str prefix);
bool ly_str_ends(ly_str s, ly_str suffix);
/* Index of the first occurrence at or after `from`, or SIZE_MAX. */
size_t ly_str_find(ly_str s, ly_str needle, size_t from);
size_t ly_str_find_char(ly_str s, char c, size_t from);
/* The part [from, from+len), clipped to s. */
ly_str ly_str_sub(ly_str s, size_t from, size_t len);
/* Without ASCII white space at both ends. */
ly_str ly_str_trim(ly_str s);
/* Takes the part before the next `sep` off *rest into *ret_part; false when *rest is used up, which is
 * when its ptr is NULL. "a," gives "a" and ""; an empty view with a ptr gives one empty part. */
bool ly_str_split(ly_str *rest, char sep, ly_str *ret_part);
/* Copies into a caller's array, always NUL-terminated, cut at a UTF-8 boundary. Returns false when it
 * was cut. */
bool ly_str_copy(ly_str s, char *dst, size_t dst_size);

/* Whole-string numbers: no white space, no sign unless negative is allowed, no trailing bytes.
 * false on anything else, on overflow, and on an empty view; *ret is untouched then. */
LY_MUST_USE bool ly_str_to_i64(ly_str s, int64_t *ret);
LY_MUST_USE bool ly_str_to_u64(ly_str s, uint64_t *ret);
/* Decimal or exponent notation in the C locale's form, whatever the process's locale; no hex, no
 * infinity, no NaN. At most 400 characters. */
LY_MUST_USE bool ly_str_to_double(ly_str s, double *ret);

/* "%lld call%s", n, ly_plural(n): "" of one, else "s". Of any integer type; n is evaluated once. */
#define ly_plural(n) ((n) == 1 ? "" : "s")

/* 64-bit hash of bytes for in-memory tables (not stable across builds; never stored). */
uint64_t ly_str_hash(ly_str s);

/* Hex: lower-case out; either case in. `dst` needs 2*n + 1 bytes. */
void ly_hex_encode(const void *bytes, size_t n, char *dst);
/* false unless s has exactly 2*n hex digits. */
LY_MUST_USE bool ly_hex_decode(ly_str s, void *dst, size_t n);

#endif
