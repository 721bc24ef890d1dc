/*
 * Where the separable pieces of content lie in a record's bytes (messages.h): elements of JSON arrays,
 * and other long strings whole. Nothing is parsed: one pass over the text tells strings from structure.
 */
#include "genai/messages.h"

#include <stdlib.h>

#include "base/limits.h"

#define RANGES_FIRST 32

typedef struct finder {
    ly_str wire;
    ly_arena *arena;
    ly_range *ranges;
    size_t n, cap;
    bool failed;
} finder;

static void add(finder *f, const char *from, size_t len)
{
    if (len < LY_CONTENT_MIN || f->failed)
        return;
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : RANGES_FIRST;
        ly_range *grown = LY_ARENA_ARRAY(f->arena, ly_range, cap);
        if (!grown) {
            f->failed = true;
            return;
        }
        if (f->n)
            memcpy(grown, f->ranges, f->n * sizeof *grown);
        f->ranges = grown;
        f->cap = cap;
    }
    f->ranges[f->n++] = (ly_range){(uint32_t)(from - f->wire.ptr), (uint32_t)len};
}

static bool blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The index after the string that begins at i (its opening quote). */
static size_t skip_string(ly_str s, size_t i)
{
    for (i++; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '"')
            return i + 1;
    }
    return s.len;
}

/* Elements of a JSON array, each from its first to its last byte without the blanks around it. */
static void elements(finder *f, ly_str s)
{
    size_t depth = 0, from = 1;
    for (size_t i = 1; i < s.len;) {
        char c = s.ptr[i];
        if (c == '"') {
            i = skip_string(s, i);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        bool close = c == ']' && depth == 0;
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
        else if ((c == ',' && depth == 0) || close) {
            size_t to = i;
            while (from < to && blank(s.ptr[from]))
                from++;
            while (to > from && blank(s.ptr[to - 1]))
                to--;
            add(f, s.ptr + from, to - from);
            from = i + 1;
        }
        if (close)
            return;
        i++;
    }
    /* Cut off or not JSON after all: the rest is one piece. */
    if (from < s.len)
        add(f, s.ptr + from, s.len - from);
}

static void text(finder *f, ly_str s)
{
    if (s.len < LY_CONTENT_MIN || s.ptr < f->wire.ptr || s.ptr + s.len > f->wire.ptr + f->wire.len)
        return;
    if (s.ptr[0] == '[')
        elements(f, s);
    else
        add(f, s.ptr, s.len);
}

/* Depth is limited by the decoder (LY_MAX_ANY_DEPTH). */
static void any(finder *f, const ly_any *value, unsigned depth)
{
    if (depth > LY_MAX_ANY_DEPTH)
        return;
    if (value->kind == LY_ANY_STRING || value->kind == LY_ANY_BYTES)
        text(f, value->str);
    else if (value->kind == LY_ANY_ARRAY)
        for (size_t i = 0; i < value->array.n; i++)
            any(f, &value->array.items[i], depth + 1);
    else if (value->kind == LY_ANY_KVLIST)
        for (size_t i = 0; i < value->kvlist.n; i++)
            any(f, &value->kvlist.items[i].value, depth + 1);
}

static void attributes(finder *f, const ly_attrs *attrs)
{
    for (size_t i = 0; i < attrs->n; i++)
        any(f, &attrs->items[i].value, 0);
}

static int by_offset(const void *a, const void *b)
{
    const ly_range *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Fields come in any order, and of a field sent twice a part may lie before another: sorted, and what
 * overlaps is left out. Nearly always sorted already. */
static ly_status finish(finder *f, const ly_range **ret_ranges, size_t *ret_n)
{
    if (f->failed)
        return LY_E_NOMEM;
    bool sorted = true;
    for (size_t i = 1; sorted && i < f->n; i++)
        sorted = f->ranges[i - 1].offset <= f->ranges[i].offset;
    if (!sorted)
        qsort(f->ranges, f->n, sizeof *f->ranges, by_offset);
    size_t n = 0, end = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->ranges[i].offset >= end) {
            end = (size_t)f->ranges[i].offset + f->ranges[i].len;
            f->ranges[n++] = f->ranges[i];
        }
    *ret_ranges = f->ranges;
    *ret_n = n;
    return LY_OK;
}

ly_status ly_genai_content_ranges(const ly_span *span, ly_arena *arena, const ly_range **ret_ranges,
                                  size_t *ret_n)
{
    finder f = {.wire = span->wire, .arena = arena};
    attributes(&f, &span->attrs);
    for (size_t i = 0; i < span->n_events; i++)
        attributes(&f, &span->events[i].attrs);
    text(&f, span->status_message);
    return finish(&f, ret_ranges, ret_n);
}

ly_status ly_genai_log_content_ranges(const ly_log_record *log, ly_arena *arena,
                                      const ly_range **ret_ranges, size_t *ret_n)
{
    finder f = {.wire = log->wire, .arena = arena};
    any(&f, &log->body, 0);
    attributes(&f, &log->attrs);
    return finish(&f, ret_ranges, ret_n);
}
