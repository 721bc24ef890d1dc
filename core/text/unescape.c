/* JSON's escapes taken back without knowing where strings begin. */
#include "text/json.h"

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], low = c | 32;
        int d = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 63));
    out[0] = (char)(first[more] | c);
    return more + 1;
}

/* \uXXXX at i, with the other half of a pair; the length of what it was written as, 0 = none. */
static size_t unit(const char *bytes, size_t len, size_t i, uint32_t *ret)
{
    int v = i + 5 < len && bytes[i + 1] == 'u' ? hex4(bytes + i + 2) : -1;
    if (v < 0)
        return 0;
    *ret = (uint32_t)v;
    if (v >= 0xd800 && v < 0xdc00 && i + 11 < len && bytes[i + 6] == '\\' && bytes[i + 7] == 'u') {
        int low = hex4(bytes + i + 8);
        if (low >= 0xdc00 && low < 0xe000) {
            *ret = 0x10000 + (((uint32_t)v - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            return 12;
        }
    }
    if (v >= 0xd800 && v < 0xe000)
        *ret = 0xfffd;
    return 6;
}

size_t ly_json_unescape(char *bytes, size_t len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        const char *slash = memchr(bytes + i, '\\', len - i);
        size_t run = (slash ? (size_t)(slash - bytes) : len) - i;
        memmove(bytes + n, bytes + i, run);
        n += run;
        i += run;
        if (i >= len)
            break;
        uint32_t c = 0;
        size_t used = unit(bytes, len, i, &c);
        const char *one = i + 1 < len && bytes[i + 1] ? strchr(from, bytes[i + 1]) : NULL;
        if (used) {
            n += put_utf8(bytes + n, c);
            i += used;
        } else if (one) {
            bytes[n++] = to[one - from];
            i += 2;
        } else {
            bytes[n++] = bytes[i++];
        }
    }
    return n;
}
