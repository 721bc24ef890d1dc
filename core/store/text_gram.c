/* Bytes to grams. */
#include "store/text.h"

#include "base/fold.h"
#include "base/mem.h"
#include "text/json.h"

/* JSON in JSON: a client's two or three levels, and those that ly_filter_words_in looks through. */
#define MAX_LEVELS 8

typedef struct window {
    uint32_t gram;
    unsigned n;
    bool (*fn)(void *user, uint32_t gram);
    void *user;
} window;

static bool push(window *w, unsigned char c)
{
    w->gram = (w->gram << 8 | c) & 0xffffff;
    return ++w->n < 3 || w->fn(w->user, w->gram);
}

/* Words with a backslash or a control are never asked of the index. */
static bool asked(unsigned char c)
{
    return c >= 0x20 && c != '\\' && c != 0x7f;
}

static bool pass(ly_str text, window *w)
{
    w->n = 0;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80) {
            char letter[4];
            size_t n = ly_fold_next(text, &i, letter);
            for (size_t k = 0; k < n; k++)
                if (!push(w, (unsigned char)letter[k]))
                    return false;
            continue;
        }
        i++;
        if (!asked(c))
            w->n = 0;
        else if (!push(w, (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c)))
            return false;
    }
    return true;
}

bool ly_text_grams(ly_str text, bool (*fn)(void *user, uint32_t gram), void *user)
{
    window w = {.fn = fn, .user = user};
    if (!pass(text, &w))
        return false;
    if (!text.len || !memchr(text.ptr, '\\', text.len))
        return true;
    char *bytes = ly_malloc(text.len);
    if (!bytes)
        return false;
    memcpy(bytes, text.ptr, text.len);
    size_t len = text.len, before = 0;
    bool more = true;
    for (int level = 0; level < MAX_LEVELS && more && len != before; level++) {
        before = len;
        len = ly_json_unescape(bytes, len);
        more = len == before || pass(ly_str_n(bytes, len), &w);
    }
    ly_free(bytes);
    return more;
}

unsigned ly_text_part_of(uint32_t gram)
{
    return (unsigned)((gram * UINT32_C(2654435761)) >> 25) % LY_TEXT_PARTS;
}

/* ---- numbers, bools and bytes ---- */

static bool part_of(ly_str word, const char *whole)
{
    return ly_str_find(ly_str_c(whole), word, 0) != SIZE_MAX;
}

static bool all_in(ly_str word, const char *set)
{
    for (size_t i = 0; i < word.len; i++)
        if (!word.ptr[i] || !strchr(set, word.ptr[i]))
            return false;
    return true;
}

static bool bare_token(ly_str token)
{
    return all_in(token, "0123456789+-.e") || all_in(token, "0123456789abcdef") ||
           part_of(token, "true") || part_of(token, "false") || part_of(token, "null");
}

bool ly_text_bare(ly_str words)
{
    size_t from = 0;
    if (words.len && memchr(words.ptr, 0, words.len))
        return false;
    for (size_t i = 0; i <= words.len; i++)
        if (i == words.len || strchr(",:{}[]", words.ptr[i])) {
            if (!bare_token(ly_str_sub(words, from, i - from)))
                return false;
            from = i + 1;
        }
    return words.len > 0;
}

/* KeyValue.value is field 2, ArrayValue.values field 1, LogRecord.body field 5. */
static bool opens_any(unsigned char c)
{
    return c == 0x12 || c == 0x0a || c == 0x2a;
}

static void one_scalar(const unsigned char *p, size_t len, ly_buf *out)
{
    size_t n = p[0];
    if (n == 2 && p[1] == 0x10)
        ly_buf_c(out, p[2] ? "\ntrue" : "\nfalse");
    if (n >= 2 && n <= 11 && p[1] == 0x18) {
        uint64_t v = 0;
        for (size_t i = 0; i + 1 < n && i < 10; i++)
            v |= (uint64_t)(p[2 + i] & 0x7f) << (7 * i);
        if (!(p[n] & 0x80)) {
            ly_buf_char(out, '\n');
            ly_buf_i64(out, (int64_t)v);
        }
    }
    if (n == 9 && p[1] == 0x21) {
        double v;
        memcpy(&v, p + 2, sizeof v);
        ly_buf_fmt(out, "\n%.17g", v);
    }
    if (n >= 2 && p[1] == 0x3a && n < 128 && p[2] == n - 2 && len > n) {
        ly_buf_char(out, '\n');
        for (size_t i = 3; i <= n; i++)
            ly_buf_fmt(out, "%02x", p[i]);
    }
}

void ly_text_scalars(ly_str bytes, ly_buf *out)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i + 3 < bytes.len; i++)
        if (opens_any(p[i]) && p[i + 1] >= 2 && p[i + 1] < 128 && i + 1 + p[i + 1] < bytes.len &&
            (p[i + 2] == 0x10 || p[i + 2] == 0x18 || p[i + 2] == 0x21 || p[i + 2] == 0x3a))
            one_scalar(p + i + 1, bytes.len - i - 1, out);
}

/* Bare words that run over several values or say null are in no payload. */
static bool runs_over(ly_str words)
{
    return ly_text_bare(words) &&
           (ly_str_find_char(words, ',', 0) != SIZE_MAX ||
            ly_str_find_char(words, ':', 0) != SIZE_MAX || part_of(words, "null"));
}

bool ly_text_usable(const ly_filter_node *term)
{
    if (runs_over(term->text))
        return false;
    if (term->op != LY_FOP_CONTAINS && term->op != LY_FOP_EQ && term->op != LY_FOP_PREFIX)
        return false;
    for (size_t i = 0; i < term->text.len; i++) {
        unsigned char c = (unsigned char)term->text.ptr[i];
        if (c < 0x20 || c == 0x7f || (c < 0x80 && strchr("\"\\{}[]", c)))
            return false;
    }
    size_t folded = 0;
    char letter[4];
    for (size_t i = 0; i < term->text.len && folded < 3;)
        folded += ly_fold_next(term->text, &i, letter);
    return folded >= 3;
}
