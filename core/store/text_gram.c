/* Bytes to grams. */
#include "store/text.h"

typedef struct window {
    uint32_t gram;
    unsigned n;
    bool (*fn)(void *user, uint32_t gram);
    void *user;
} window;

static bool push(window *w, unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (unsigned char)(c + 32);
    w->gram = (w->gram << 8 | c) & 0xffffff;
    return ++w->n < 3 || w->fn(w->user, w->gram);
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i];
        int d = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87
                                                     : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static bool push_utf8(window *w, uint32_t c)
{
    if (c < 0x80)
        return push(w, (unsigned char)c);
    if (c < 0x800)
        return push(w, (unsigned char)(0xc0 | c >> 6)) && push(w, (unsigned char)(0x80 | (c & 63)));
    if (c < 0x10000)
        return push(w, (unsigned char)(0xe0 | c >> 12)) &&
               push(w, (unsigned char)(0x80 | (c >> 6 & 63))) &&
               push(w, (unsigned char)(0x80 | (c & 63)));
    return push(w, (unsigned char)(0xf0 | c >> 18)) &&
           push(w, (unsigned char)(0x80 | (c >> 12 & 63))) &&
           push(w, (unsigned char)(0x80 | (c >> 6 & 63))) &&
           push(w, (unsigned char)(0x80 | (c & 63)));
}

/* The bytes but backslashes: "\/" is "/", "\n" becomes an "n" that does no harm, and what JSON in JSON
 * writes as "\\\\" falls together. With `decode`, uXXXX after a backslash is the character it means. */
static bool pass(ly_str text, bool decode, bool *ret_escapes, window *w)
{
    bool escapes = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\') {
            bool u = i + 5 < text.len && text.ptr[i + 1] == 'u';
            int v = u ? hex4(text.ptr + i + 2) : -1;
            escapes = escapes || v >= 0;
            if (!decode || v < 0)
                continue;
            uint32_t c = (uint32_t)v;
            i += 5;
            size_t k = i + 1;
            while (k < text.len && text.ptr[k] == '\\')
                k++;
            int low =
                c >= 0xd800 && c < 0xdc00 && k > i + 1 && k + 4 < text.len && text.ptr[k] == 'u'
                    ? hex4(text.ptr + k + 1)
                    : -1;
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
                i = k + 4;
            }
            if (!push_utf8(w, c))
                return false;
            continue;
        }
        if (!push(w, (unsigned char)text.ptr[i]))
            return false;
    }
    *ret_escapes = escapes;
    return true;
}

bool ly_text_grams(ly_str text, bool (*fn)(void *user, uint32_t gram), void *user)
{
    window w = {.fn = fn, .user = user};
    bool escapes = false;
    if (!pass(text, false, &escapes, &w))
        return false;
    w.n = 0;
    return !escapes || pass(text, true, &escapes, &w);
}

unsigned ly_text_part_of(uint32_t gram)
{
    return (unsigned)((gram * UINT32_C(2654435761)) >> 25) % LY_TEXT_PARTS;
}

bool ly_text_usable(const ly_filter_node *term)
{
    if (term->op != LY_FOP_CONTAINS && term->op != LY_FOP_EQ && term->op != LY_FOP_PREFIX)
        return false;
    for (size_t i = 0; i < term->text.len; i++) {
        unsigned char c = (unsigned char)term->text.ptr[i];
        if (c < 0x20 || c == 0x7f || (c < 0x80 && strchr("\"\\{}[]", c)))
            return false;
    }
    return term->text.len >= 3;
}
