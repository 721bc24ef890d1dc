#include "base/fold.h"

#include <string.h>

#include "base/fold_table.h"
#include "base/utf8.h"

/* The only two characters that fold to an ASCII letter. */
#define KELVIN LY_S("\xE2\x84\xAA")
#define LONG_S LY_S("\xC5\xBF")

static const fold_run *run_of(uint32_t cp)
{
    size_t low = 0, high = LY_COUNT(fold_runs);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const fold_run *run = &fold_runs[middle];
        if (cp > run->hi)
            low = middle + 1;
        else if (cp < run->lo)
            high = middle;
        else
            return (cp - run->lo) % run->step == 0 ? run : NULL;
    }
    return NULL;
}

static bool is_upper(uint32_t c)
{
    return c >= 'A' && c <= 'Z';
}

uint32_t ly_fold(uint32_t cp)
{
    if (cp < 0x80)
        return is_upper(cp) ? cp + 32 : cp;
    const fold_run *run = run_of(cp);
    return run ? (uint32_t)((int32_t)cp + run->add) : cp;
}

/* The next folded code point; bytes that are no UTF-8 lie above all of them. */
static uint32_t next(ly_str s, size_t *pos)
{
    unsigned char c = (unsigned char)s.ptr[*pos];
    if (c < 0x80) {
        ++*pos;
        return is_upper(c) ? c + 32u : c;
    }
    uint32_t cp = ly_utf8_next(s, pos);
    return cp == LY_UTF8_BAD ? 0x80000000u | c : ly_fold(cp);
}

size_t ly_fold_next(ly_str s, size_t *pos, char dst[4])
{
    uint32_t cp = next(s, pos);
    if (cp & 0x80000000u) {
        dst[0] = (char)cp;
        return 1;
    }
    return ly_utf8_put(cp, dst);
}

/* Compares from an offset on; *ret_whole = nothing is left of the text. */
static bool starts_at(ly_str text, size_t at, ly_str start, bool *ret_whole)
{
    size_t i = 0;
    while (i < start.len) {
        if (at >= text.len || next(text, &at) != next(start, &i))
            return false;
    }
    *ret_whole = at == text.len;
    return true;
}

bool ly_fold_eq(ly_str a, ly_str b)
{
    bool whole = false;
    return starts_at(a, 0, b, &whole) && whole;
}

bool ly_fold_starts(ly_str text, ly_str start)
{
    bool whole;
    return starts_at(text, 0, start, &whole);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* memchr for either case of the first letter, then the rest; bytes as they are. */
static bool has_bytes(ly_str hay, ly_str needle)
{
    if (hay.len < needle.len)
        return false;
    char low = lower(needle.ptr[0]);
    char up = low >= 'a' && low <= 'z' ? (char)(low - 32) : low;
    const char *end = hay.ptr + hay.len;
    const char *next_low = hay.ptr, *next_up = hay.ptr;
    size_t last = hay.len - needle.len;
    for (const char *at = hay.ptr; at <= hay.ptr + last;) {
        if (next_low && next_low < at + (at == hay.ptr))
            next_low = memchr(at, low, (size_t)(end - at));
        if (next_up && next_up < at + (at == hay.ptr))
            next_up = memchr(at, up, (size_t)(end - at));
        const char *hit = !next_low || (next_up && next_up < next_low) ? next_up : next_low;
        if (!hit || hit > hay.ptr + last)
            return false;
        size_t k = 1;
        while (k < needle.len && lower(hit[k]) == lower(needle.ptr[k]))
            k++;
        if (k == needle.len)
            return true;
        at = hit + 1;
    }
    return false;
}

/* No other character folds to one of these words: their bytes are all that needs to be looked for. */
static bool bytes_suffice(ly_str text, ly_str words)
{
    bool k = false, s = false;
    for (size_t i = 0; i < words.len; i++) {
        if ((unsigned char)words.ptr[i] >= 0x80)
            return false;
        k |= lower(words.ptr[i]) == 'k';
        s |= lower(words.ptr[i]) == 's';
    }
    return (!k || ly_str_find(text, KELVIN, 0) == SIZE_MAX) &&
           (!s || ly_str_find(text, LONG_S, 0) == SIZE_MAX);
}

bool ly_fold_has(ly_str text, ly_str words)
{
    if (words.len == 0)
        return true;
    if (text.len == 0)
        return false;
    if (bytes_suffice(text, words))
        return has_bytes(text, words);
    size_t rest = 0;
    uint32_t first = next(words, &rest);
    ly_str tail = ly_str_sub(words, rest, words.len);
    for (size_t at = 0; at < text.len;) {
        bool whole;
        if (next(text, &at) == first && starts_at(text, at, tail, &whole))
            return true;
    }
    return false;
}

bool ly_fold_capital(ly_str text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t cp = ly_utf8_next(text, &at);
        const fold_run *run = cp != LY_UTF8_BAD && cp >= 0x80 ? run_of(cp) : NULL;
        if (is_upper(cp) || (run && !run->small))
            return true;
    }
    return false;
}
