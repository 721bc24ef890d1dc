#include "base/utf8.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the valid sequence at p (n bytes left), 0 when there is none; the value goes to *cp. */
static size_t sequence(const unsigned char *p, size_t n, uint32_t *cp)
{
    unsigned char c = p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    if (c >= 0xC2 && c <= 0xDF && n >= 2 && is_tail(p[1])) {
        *cp = (uint32_t)(c & 0x1F) << 6 | (p[1] & 0x3F);
        return 2;
    }
    if ((c & 0xF0) == 0xE0 && n >= 3 && is_tail(p[1]) && is_tail(p[2])) {
        uint32_t v = (uint32_t)(c & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
        if (v < 0x800 || (v >= 0xD800 && v <= 0xDFFF))
            return 0;
        *cp = v;
        return 3;
    }
    if (c >= 0xF0 && c <= 0xF4 && n >= 4 && is_tail(p[1]) && is_tail(p[2]) && is_tail(p[3])) {
        uint32_t v = (uint32_t)(c & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
                     (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
        if (v < 0x10000 || v > 0x10FFFF)
            return 0;
        *cp = v;
        return 4;
    }
    return 0;
}

uint32_t ly_utf8_next(ly_str s, size_t *pos)
{
    uint32_t cp = LY_UTF8_BAD;
    size_t n = sequence((const unsigned char *)s.ptr + *pos, s.len - *pos, &cp);
    *pos += n ? n : 1;
    return cp;
}

size_t ly_utf8_put(uint32_t cp, char dst[4])
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        cp = 0xFFFD;
    if (cp < 0x80) {
        dst[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        dst[0] = (char)(0xC0 | cp >> 6);
        dst[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        dst[0] = (char)(0xE0 | cp >> 12);
        dst[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        dst[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    dst[0] = (char)(0xF0 | cp >> 18);
    dst[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    dst[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    dst[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

#define HIGH_BITS 0x8080808080808080ULL

static uint64_t load64(const unsigned char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* n when all bytes are ASCII, else a place before which all are. Most strings are keys of 8 to 40 bytes:
 * words, the last of which overlaps the one before, and no loop over bytes. */
static size_t ascii_prefix(const unsigned char *p, size_t n)
{
    uint64_t seen = 0;
    if (n < 8) {
        for (size_t i = 0; i < n; i++)
            seen |= p[i];
        return seen & 0x80 ? 0 : n;
    }
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        seen = load64(p + i) | load64(p + i + 8) | load64(p + i + 16) | load64(p + i + 24);
        if (seen & HIGH_BITS)
            return i;
    }
    size_t rest = i;
    for (; i + 8 <= n; i += 8)
        seen |= load64(p + i);
    return (seen | load64(p + n - 8)) & HIGH_BITS ? rest : n;
}

/* Bytes before the first one above 0x7F in a word as it lies in memory; w has such a byte. */
static size_t ascii_before(uint64_t w)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(w & HIGH_BITS) / 8;
#else
    return (size_t)__builtin_clzll(w & HIGH_BITS) / 8;
#endif
}

/* The position of the first byte above 0x7F at or after i, or n. */
static size_t skip_ascii(const unsigned char *p, size_t i, size_t n)
{
    for (; n - i >= 32; i += 32) {
        uint64_t low = load64(p + i) | load64(p + i + 8);
        uint64_t high = load64(p + i + 16) | load64(p + i + 24);
        if ((low | high) & HIGH_BITS)
            break;
    }
    for (; n - i >= 8; i += 8) {
        uint64_t w = load64(p + i);
        if (w & HIGH_BITS)
            return i + ascii_before(w);
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

bool ly_utf8_valid(ly_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = ascii_prefix(p, s.len);
    while ((i = skip_ascii(p, i, s.len)) < s.len) {
        while (i < s.len && p[i] >= 0x80) {
            uint32_t cp;
            size_t n = sequence(p + i, s.len - i, &cp);
            if (n == 0)
                return false;
            i += n;
        }
    }
    return true;
}

ly_str ly_utf8_cut(ly_str s, size_t max_bytes)
{
    if (s.len <= max_bytes)
        return s;
    size_t n = max_bytes;
    /* At most three steps back to the start of the character that the limit falls into. */
    for (int step = 0; step < 3 && n > 0 && is_tail((unsigned char)s.ptr[n]); step++)
        n--;
    if (n > 0 && is_tail((unsigned char)s.ptr[n]))
        n = max_bytes; /* not UTF-8 at all: cut where asked */
    return (ly_str){s.ptr, n};
}

size_t ly_utf8_count(ly_str s)
{
    size_t count = 0;
    for (size_t pos = 0; pos < s.len; count++)
        ly_utf8_next(s, &pos);
    return count;
}
