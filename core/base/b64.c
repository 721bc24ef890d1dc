/* Base64, RFC 4648 §4 and §5. */
#include "base/b64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void ly_b64_put(ly_buf *out, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    while (n > 0) {
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63],
                        n > 1 ? alphabet[v >> 6 & 63] : '=', n > 2 ? alphabet[v & 63] : '='};
        ly_buf_add(out, four, 4);
        if (n <= 3) {
            break;
        }
        p += 3;
        n -= 3;
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

bool ly_b64_decode(ly_str text, void *dst, size_t *ret_len)
{
    size_t n = text.len, pad = 0, len = 0;
    uint8_t *out = dst;
    uint32_t bits = 0;
    while (pad < 2 && n > 0 && text.ptr[n - 1] == '=') {
        n--;
        pad++;
    }
    if (n % 4 == 1 || (pad > 0 && (n + pad) % 4 != 0)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int v = value_of(text.ptr[i]);
        if (v < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)v;
        if (i % 4 == 3) {
            out[len++] = (uint8_t)(bits >> 16);
            out[len++] = (uint8_t)(bits >> 8);
            out[len++] = (uint8_t)bits;
            bits = 0;
        }
    }
    if (n % 4 == 2) {
        if (bits & 15) {
            return false;
        }
        out[len++] = (uint8_t)(bits >> 4);
    } else if (n % 4 == 3) {
        if (bits & 3) {
            return false;
        }
        out[len++] = (uint8_t)(bits >> 10);
        out[len++] = (uint8_t)(bits >> 2);
    }
    *ret_len = len;
    return true;
}
