/* The streaming JSON writer and the canonical form. */
#include "text/jsonw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "base/num.h"
#include "text/json_impl.h"

void ly_jsonw_init(ly_jsonw *w, ly_buf *out, unsigned flags)
{
    *w = (ly_jsonw){.out = out, .flags = flags, .empty = true};
}

static unsigned string_flags(const ly_jsonw *w)
{
    return LY_JSTR_VISIBLE | (w->flags & LY_JSONW_ASCII ? LY_JSTR_ASCII : 0) |
           (w->flags & LY_JSONW_SCRIPT ? LY_JSTR_SCRIPT : 0);
}

static bool in_object(const ly_jsonw *w)
{
    return w->depth > 0 && (w->kinds[(w->depth - 1) / 64] >> ((w->depth - 1) % 64) & 1);
}

static void line(ly_jsonw *w)
{
    if (w->flags & LY_JSONW_INDENT) {
        ly_buf_char(w->out, '\n');
        ly_buf_fill(w->out, ' ', 2 * (size_t)w->depth);
    }
}

/* The comma and line break before an element or a key. */
static void separate(ly_jsonw *w)
{
    if (!w->empty) {
        ly_buf_char(w->out, ',');
    }
    w->empty = false;
    line(w);
}

static void before_value(ly_jsonw *w)
{
    if (w->depth == 0) {
        w->misused = w->misused || w->done;
        w->done = true;
    } else if (in_object(w)) {
        w->misused = w->misused || !w->after_key;
    } else {
        separate(w);
    }
    w->after_key = false;
}

static void begin(ly_jsonw *w, bool object)
{
    before_value(w);
    if (w->depth >= LY_JSONW_MAX_DEPTH) {
        w->misused = true;
        return;
    }
    uint64_t bit = 1ULL << (w->depth % 64);
    uint64_t *word = &w->kinds[w->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    w->depth++;
    w->empty = true;
    ly_buf_char(w->out, object ? '{' : '[');
}

static void finish(ly_jsonw *w, bool object)
{
    if (w->depth == 0 || in_object(w) != object || w->after_key) {
        w->misused = true;
        return;
    }
    w->depth--;
    if (!w->empty) {
        line(w);
    }
    w->empty = false;
    ly_buf_char(w->out, object ? '}' : ']');
}

void ly_jsonw_object(ly_jsonw *w)
{
    begin(w, true);
}

void ly_jsonw_object_end(ly_jsonw *w)
{
    finish(w, true);
}

void ly_jsonw_array(ly_jsonw *w)
{
    begin(w, false);
}

void ly_jsonw_array_end(ly_jsonw *w)
{
    finish(w, false);
}

void ly_jsonw_key_str(ly_jsonw *w, ly_str key)
{
    w->misused = w->misused || !in_object(w) || w->after_key;
    separate(w);
    ly_jstr_put(w->out, key, string_flags(w));
    ly_buf_add(w->out, ": ", w->flags & LY_JSONW_INDENT ? 2 : 1);
    w->after_key = true;
}

void ly_jsonw_key(ly_jsonw *w, const char *key)
{
    ly_jsonw_key_str(w, ly_str_c(key));
}

void ly_jsonw_str(ly_jsonw *w, ly_str s)
{
    before_value(w);
    ly_jstr_put(w->out, s, string_flags(w));
}

void ly_jsonw_c(ly_jsonw *w, const char *text)
{
    if (text) {
        ly_jsonw_str(w, ly_str_c(text));
    } else {
        ly_jsonw_null(w);
    }
}

void ly_jsonw_fmt(ly_jsonw *w, const char *fmt, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof small) {
        ly_jsonw_str(w, ly_str_n(small, (size_t)n));
    } else {
        char *large = n > 0 ? ly_malloc((size_t)n + 1) : NULL;
        if (large) {
            vsnprintf(large, (size_t)n + 1, fmt, again);
            ly_jsonw_str(w, ly_str_n(large, (size_t)n));
        } else {
            w->misused = true;
        }
        ly_free(large);
    }
    va_end(again);
}

void ly_jsonw_i64(ly_jsonw *w, int64_t value)
{
    before_value(w);
    ly_buf_i64(w->out, value);
}

void ly_jsonw_u64(ly_jsonw *w, uint64_t value)
{
    before_value(w);
    ly_buf_u64(w->out, value);
}

void ly_jsonw_double(ly_jsonw *w, double value)
{
    char text[LY_DOUBLE_TEXT_MAX];
    if (!isfinite(value)) {
        ly_jsonw_null(w);
        return;
    }
    before_value(w);
    ly_buf_add(w->out, text, ly_double_put_plain(value, text));
}

void ly_jsonw_bool(ly_jsonw *w, bool value)
{
    before_value(w);
    ly_buf_c(w->out, value ? "true" : "false");
}

void ly_jsonw_null(ly_jsonw *w)
{
    before_value(w);
    ly_buf_add(w->out, "null", 4);
}

void ly_jsonw_raw(ly_jsonw *w, ly_str json)
{
    before_value(w);
    ly_buf_str(w->out, json);
}

/* Depth is bounded by the parser's limit; past the writer's own, begin() sets misused. */
void ly_jsonw_tree(ly_jsonw *w, const ly_json *node)
{
    switch (node->kind) {
    case LY_JSON_NULL:
        ly_jsonw_null(w);
        break;
    case LY_JSON_BOOL:
        ly_jsonw_bool(w, node->boolean);
        break;
    case LY_JSON_INT:
        ly_jsonw_i64(w, node->integer);
        break;
    case LY_JSON_REAL:
        if (node->raw.len > 0) {
            ly_jsonw_raw(w, node->raw);
        } else {
            ly_jsonw_double(w, node->real);
        }
        break;
    case LY_JSON_STRING:
        ly_jsonw_str(w, node->str);
        break;
    case LY_JSON_ARRAY:
        ly_jsonw_array(w);
        for (size_t i = 0; i < node->array.n && !w->misused; i++) {
            ly_jsonw_tree(w, &node->array.items[i]);
        }
        ly_jsonw_array_end(w);
        break;
    case LY_JSON_OBJECT:
        ly_jsonw_object(w);
        for (size_t i = 0; i < node->object.n && !w->misused; i++) {
            ly_jsonw_key_str(w, node->object.items[i].key);
            ly_jsonw_tree(w, &node->object.items[i].value);
        }
        ly_jsonw_object_end(w);
        break;
    }
}

void ly_jsonw_kv_str(ly_jsonw *w, const char *key, ly_str value)
{
    ly_jsonw_key(w, key);
    ly_jsonw_str(w, value);
}

void ly_jsonw_kv_c(ly_jsonw *w, const char *key, const char *value)
{
    ly_jsonw_key(w, key);
    ly_jsonw_c(w, value);
}

void ly_jsonw_kv_i64(ly_jsonw *w, const char *key, int64_t value)
{
    ly_jsonw_key(w, key);
    ly_jsonw_i64(w, value);
}

void ly_jsonw_kv_double(ly_jsonw *w, const char *key, double value)
{
    ly_jsonw_key(w, key);
    ly_jsonw_double(w, value);
}

void ly_jsonw_kv_bool(ly_jsonw *w, const char *key, bool value)
{
    ly_jsonw_key(w, key);
    ly_jsonw_bool(w, value);
}

void ly_jsonw_kv_null(ly_jsonw *w, const char *key)
{
    ly_jsonw_key(w, key);
    ly_jsonw_null(w);
}

ly_status ly_jsonw_end(ly_jsonw *w, ly_err *err)
{
    if (w->out->failed == LY_OK && (w->misused || w->depth > 0 || w->after_key || !w->done)) {
        return LY_FAIL(err, LY_E_INTERNAL, "JSON writer was used out of order");
    }
    return ly_buf_status(w->out, "JSON text", err);
}

/* ---- canonical ---- */

/* Integers as digits, whatever they were written as; a double with an integer below 1e15 likewise. */
static void put_number(ly_buf *out, const ly_json *node)
{
    char text[LY_DOUBLE_TEXT_MAX];
    if (node->kind == LY_JSON_INT) {
        ly_buf_i64(out, node->integer);
    } else if (!isfinite(node->real)) {
        ly_buf_str(out, node->raw);
    } else if (fabs(node->real) < 1e15 && node->real == floor(node->real)) {
        ly_buf_i64(out, (int64_t)node->real);
    } else {
        ly_buf_add(out, text, ly_double_put_plain(node->real, text));
    }
}

static int by_key(const void *a, const void *b)
{
    const ly_json_member *x = *(const ly_json_member *const *)a;
    const ly_json_member *y = *(const ly_json_member *const *)b;
    return ly_str_cmp(x->key, y->key);
}

static bool put_canonical(ly_buf *out, const ly_json *node);

static bool put_members(ly_buf *out, const ly_json *node)
{
    size_t n = 0;
    bool ok = true;
    const ly_json_member **sorted = ly_calloc(node->object.n + 1, sizeof *sorted);
    if (!sorted) {
        return false;
    }
    for (size_t i = 0; i < node->object.n; i++) {
        if (ly_json_find(node, node->object.items[i].key) == i) {
            sorted[n++] = &node->object.items[i];
        }
    }
    qsort(sorted, n, sizeof *sorted, by_key);
    ly_buf_char(out, '{');
    for (size_t i = 0; i < n && ok; i++) {
        if (i > 0) {
            ly_buf_char(out, ',');
        }
        ly_jstr_put(out, sorted[i]->key, 0);
        ly_buf_char(out, ':');
        ok = put_canonical(out, &sorted[i]->value);
    }
    ly_buf_char(out, '}');
    ly_free(sorted);
    return ok;
}

static bool put_canonical(ly_buf *out, const ly_json *node)
{
    bool ok = true;
    switch (node->kind) {
    case LY_JSON_NULL:
        ly_buf_add(out, "null", 4);
        break;
    case LY_JSON_BOOL:
        ly_buf_c(out, node->boolean ? "true" : "false");
        break;
    case LY_JSON_INT:
    case LY_JSON_REAL:
        put_number(out, node);
        break;
    case LY_JSON_STRING:
        ly_jstr_put(out, node->str, 0);
        break;
    case LY_JSON_ARRAY:
        ly_buf_char(out, '[');
        for (size_t i = 0; i < node->array.n && ok; i++) {
            if (i > 0) {
                ly_buf_char(out, ',');
            }
            ok = put_canonical(out, &node->array.items[i]);
        }
        ly_buf_char(out, ']');
        break;
    case LY_JSON_OBJECT:
        ok = put_members(out, node);
        break;
    }
    return ok;
}

ly_status ly_json_canonical(const ly_json *node, ly_buf *out, ly_err *err)
{
    if (!put_canonical(out, node)) {
        return LY_NOMEM(err);
    }
    return ly_buf_status(out, "canonical JSON", err);
}
