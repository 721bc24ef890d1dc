/*
 * Where the separable pieces of content lie in a record's bytes. See messages.h.
 *
 * A JSON text is walked once. For each element of an array it is decided at its end, when the pieces
 * inside it are known: when they make up most of it (a message whose text is long) they stand, else
 * the element is one piece (a tool definition). So the text of an answer is found again when it
 * comes back as history, although the object round it changed.
 */
#include "genai/messages.h"

#include <stdlib.h>

#include "base/limits.h"

enum { MAX_DEPTH = 96 };

typedef struct ranges {
    ly_range *items;
    size_t n, cap;
    ly_arena *arena;
    ly_str wire;
    bool failed, unsorted;
} ranges;

static bool grow(ranges *r)
{
    const size_t cap = r->cap ? r->cap * 2 : 32;
    ly_range *items = LY_ARENA_ARRAY(r->arena, ly_range, cap);
    if (!items) {
        r->failed = true;
        return false;
    }
    if (r->n)
        memcpy(items, r->items, r->n * sizeof *items);
    r->items = items;
    r->cap = cap;
    return true;
}

static void add(ranges *r, const char *from, size_t len)
{
    const size_t offset = (size_t)(from - r->wire.ptr);
    if (len < LY_CONTENT_MIN || offset + len > UINT32_MAX || (r->n == r->cap && !grow(r)))
        return;
    if (r->n && r->items[r->n - 1].offset + r->items[r->n - 1].len > offset)
        r->unsorted = true;
    r->items[r->n++] = (ly_range){(uint32_t)offset, (uint32_t)len};
}

static size_t covered(const ranges *r, size_t from)
{
    size_t sum = 0;
    for (size_t i = from; i < r->n; i++)
        sum += r->items[i].len;
    return sum;
}

typedef struct frame {
    char open;
    size_t start; /* of the element or member value that is being read */
    size_t first; /* pieces found before it */
} frame;

/* The position after the string that starts at `at`, or SIZE_MAX. */
static size_t string_end(const char *p, size_t len, size_t at)
{
    size_t from = at + 1;
    while (from < len) {
        const char *quote = (const char *)memchr(p + from, '"', len - from);
        if (!quote)
            return SIZE_MAX;
        const size_t pos = (size_t)(quote - p);
        size_t back = pos;
        while (back > at + 1 && p[back - 1] == '\\')
            back--;
        if ((pos - back) % 2 == 0)
            return pos + 1;
        from = pos + 1;
    }
    return SIZE_MAX;
}

/* An element of an array ends before `end`: one piece, or the pieces inside it. */
static void end_element(ranges *r, const char *p, const frame *f, size_t end)
{
    size_t start = f->start;
    while (start < end &&
           (p[start] == ' ' || p[start] == '\n' || p[start] == '\t' || p[start] == '\r'))
        start++;
    const size_t len = end - start;
    if (len < LY_CONTENT_MIN || covered(r, f->first) >= len - len / 4)
        return;
    r->n = f->first;
    add(r, p + start, len);
}

/* false when the text is no JSON container: what was found is taken back. */
static bool walk_json(ranges *r, const char *p, size_t len)
{
    frame stack[MAX_DEPTH];
    size_t depth = 0;
    const size_t before = r->n;
    bool key = false; /* the next string of an object is a member's name */
    for (size_t at = 0; at < len;) {
        const char c = p[at];
        if (c == '"') {
            const size_t end = string_end(p, len, at);
            if (end == SIZE_MAX || depth == 0)
                break;
            if (!key)
                add(r, p + at + 1, end - at - 2);
            key = false;
            at = end;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == MAX_DEPTH)
                break;
            stack[depth++] = (frame){c, at + 1, r->n};
            key = c == '{';
        } else if (c == '}' || c == ']') {
            if (depth == 0 || (stack[depth - 1].open == '[') != (c == ']'))
                break;
            if (c == ']')
                end_element(r, p, &stack[depth - 1], at);
            depth--;
            key = false;
            if (depth == 0)
                return true;
        } else if (c == ',') {
            if (depth == 0)
                break;
            frame *f = &stack[depth - 1];
            if (f->open == '[')
                end_element(r, p, f, at);
            f->start = at + 1;
            f->first = r->n;
            key = f->open == '{';
        }
        at++;
    }
    r->n = before;
    return false;
}

static void take_text(ranges *r, ly_str s)
{
    if (s.len < LY_CONTENT_MIN || s.ptr < r->wire.ptr || s.ptr + s.len > r->wire.ptr + r->wire.len)
        return;
    const size_t before = r->n;
    size_t at = 0;
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\n'))
        at++;
    if (at < s.len && (s.ptr[at] == '{' || s.ptr[at] == '[') && walk_json(r, s.ptr, s.len)) {
        /* Nearly nothing inside is long (a vector, a table of numbers): the whole is one piece. */
        if (covered(r, before) >= s.len / 8)
            return;
        r->n = before;
    }
    add(r, s.ptr, s.len);
}

/* Depth is bounded by whoever decoded the value (LY_MAX_ANY_DEPTH). */
static void take_any(ranges *r, const ly_any *any, int depth)
{
    if (depth > LY_MAX_ANY_DEPTH)
        return;
    if (any->kind == LY_ANY_STRING || any->kind == LY_ANY_BYTES) {
        take_text(r, any->str);
    } else if (any->kind == LY_ANY_ARRAY) {
        for (size_t i = 0; i < any->array.n; i++)
            take_any(r, &any->array.items[i], depth + 1);
    } else if (any->kind == LY_ANY_KVLIST) {
        for (size_t i = 0; i < any->kvlist.n; i++)
            take_any(r, &any->kvlist.items[i].value, depth + 1);
    }
}

static void take_attrs(ranges *r, const ly_attrs *attrs)
{
    for (size_t i = 0; i < attrs->n; i++)
        take_any(r, &attrs->items[i].value, 0);
}

static int by_offset(const void *a, const void *b)
{
    const uint32_t x = ((const ly_range *)a)->offset, y = ((const ly_range *)b)->offset;
    return (x > y) - (x < y);
}

static ly_status finish(ranges *r, const ly_range **ret_ranges, size_t *ret_n)
{
    if (r->failed)
        return LY_E_NOMEM;
    if (r->unsorted) { /* fields in an unusual order, or a value sent twice */
        qsort(r->items, r->n, sizeof *r->items, by_offset);
        size_t kept = 0;
        for (size_t i = 0; i < r->n; i++) {
            if (kept == 0 ||
                r->items[i].offset >= r->items[kept - 1].offset + r->items[kept - 1].len)
                r->items[kept++] = r->items[i];
        }
        r->n = kept;
    }
    *ret_ranges = r->items;
    *ret_n = r->n;
    return LY_OK;
}

ly_status ly_genai_content_ranges(const ly_span *span, ly_arena *arena, const ly_range **ret_ranges,
                                  size_t *ret_n)
{
    ranges r = {.arena = arena, .wire = span->wire};
    take_attrs(&r, &span->attrs);
    for (size_t i = 0; i < span->n_events; i++)
        take_attrs(&r, &span->events[i].attrs);
    return finish(&r, ret_ranges, ret_n);
}

ly_status ly_genai_log_content_ranges(const ly_log_record *log, ly_arena *arena,
                                      const ly_range **ret_ranges, size_t *ret_n)
{
    ranges r = {.arena = arena, .wire = log->wire};
    take_any(&r, &log->body, 0);
    take_attrs(&r, &log->attrs);
    return finish(&r, ret_ranges, ret_n);
}
