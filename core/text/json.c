/*
 * The JSON tree builder: tokens of base/jscan.h in, an arena tree out, without recursion.
 *
 * Finished values wait on one stack; when a container ends, its children are the top of that stack and
 * are copied to the arena as one array. So children lie side by side (an index costs nothing) and
 * memory is exact.
 */
#include "text/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/json_impl.h"

/* Objects of more members than this get a sorted index. */
#define INDEX_FROM 17

typedef struct frame {
    size_t base; /* of its children on the stack */
    const char *from;
    ly_str key; /* the name under which it will stand in its parent */
    bool object;
} frame;

typedef struct builder {
    ly_jscan scan;
    ly_arena *arena;
    ly_json_member *stack;
    size_t n, cap;
    frame *frames;
    size_t depth, cap_frames;
    ly_str key;
    ly_status status;
} builder;

static bool out_of_memory(builder *b)
{
    b->status = b->arena->max != SIZE_MAX ? LY_E_LIMIT : LY_E_NOMEM;
    return false;
}

/* The text of the last STRING or KEY: a view of the source, or decoded in the arena. */
static bool token_text(builder *b, ly_str *ret)
{
    ly_str raw = b->scan.text;
    if (b->scan.not_ascii && !ly_utf8_valid(raw)) {
        b->scan.failed = LY_E_FORMAT;
        b->scan.why = "a string is not valid UTF-8";
        b->status = LY_E_FORMAT;
        return false;
    }
    *ret = raw;
    if (!b->scan.escaped) {
        return true;
    }
    char *dst = ly_arena_alloc(b->arena, raw.len + 1, 1);
    if (!dst) {
        return out_of_memory(b);
    }
    ret->len = ly_jscan_unescape(raw, dst);
    ret->ptr = dst;
    dst[ret->len] = 0;
    return true;
}

/* A number of more than 400 characters: its first digits and its magnitude say all a double can hold. */
static double long_real(ly_str raw)
{
    char text[360];
    size_t n = 0, digits = 0;
    int64_t magnitude = 0, exponent = 0;
    bool point = false;
    size_t i = raw.ptr[0] == '-';
    for (; i < raw.len && (raw.ptr[i] | 0x20) != 'e'; i++) {
        if (raw.ptr[i] == '.') {
            point = true;
        } else if (digits > 0 || raw.ptr[i] != '0') {
            if (digits++ < 320) {
                text[n++] = raw.ptr[i];
                magnitude -= point;
            } else {
                magnitude += !point;
            }
        } else {
            magnitude -= point;
        }
    }
    if (n == 0) {
        return 0;
    }
    if (i < raw.len) {
        bool minus = raw.ptr[i + 1] == '-';
        for (i++; i < raw.len; i++) {
            if (raw.ptr[i] >= '0' && raw.ptr[i] <= '9' && exponent < 1000000000) {
                exponent = exponent * 10 + (raw.ptr[i] - '0');
            }
        }
        exponent = minus ? -exponent : exponent;
    }
    magnitude += exponent;
    magnitude = magnitude > 999999 ? 999999 : magnitude < -999999 ? -999999 : magnitude;
    n += (size_t)snprintf(text + n, sizeof text - n, "e%lld", (long long)magnitude);
    double value;
    value = ly_str_to_double(ly_str_n(text, n), &value) ? value : (double)INFINITY;
    return raw.ptr[0] == '-' ? -value : value;
}

void ly_json_number(ly_str raw, bool integer, ly_json *node)
{
    double value;
    if (integer && ly_str_to_i64(raw, &node->integer)) {
        node->kind = LY_JSON_INT;
        return;
    }
    node->kind = LY_JSON_REAL;
    if (raw.len > 400) {
        node->real = long_real(raw);
    } else if (ly_str_to_double(raw, &value)) {
        node->real = value;
    } else {
        node->real = raw.ptr[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    }
}

static bool push(builder *b, ly_str key, const ly_json *node)
{
    if (!ly_grow(&b->stack, &b->cap, b->n + 1, SIZE_MAX / sizeof *b->stack, sizeof *b->stack)) {
        b->status = LY_E_NOMEM;
        return false;
    }
    b->stack[b->n++] = (ly_json_member){key, *node};
    return true;
}

static bool push_scalar(builder *b, ly_jtoken token)
{
    ly_json node = {.kind = LY_JSON_NULL};
    node.raw = ly_str_n(b->scan.from, (size_t)(b->scan.at - b->scan.from));
    switch (token) {
    case LY_J_TRUE:
    case LY_J_FALSE:
        node.kind = LY_JSON_BOOL;
        node.boolean = token == LY_J_TRUE;
        break;
    case LY_J_NUMBER:
        ly_json_number(b->scan.text, b->scan.integer, &node);
        break;
    case LY_J_STRING:
        node.kind = LY_JSON_STRING;
        if (!token_text(b, &node.str)) {
            return false;
        }
        break;
    default:
        break;
    }
    return push(b, b->key, &node);
}

static bool open_container(builder *b, bool object)
{
    if (!ly_grow(&b->frames, &b->cap_frames, b->depth + 1, LY_JSCAN_MAX_DEPTH, sizeof *b->frames)) {
        b->status = LY_E_NOMEM;
        return false;
    }
    b->frames[b->depth++] = (frame){b->n, b->scan.from, b->key, object};
    b->key = LY_STR_NONE;
    return true;
}

/* ---- the index of a large object: positions sorted by name, of equal names the later first ---- */

static int by_name(const void *a, const void *b, void *members)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const ly_json_member *m = members;
    int order = ly_str_cmp(m[i].key, m[j].key);
    return order != 0 ? order : (i < j) - (i > j);
}

bool ly_json_index(ly_arena *arena, ly_json *object)
{
    size_t n = object->object.n;
    object->object.index = NULL;
    if (n < INDEX_FROM || n > UINT32_MAX) {
        return true;
    }
    uint32_t *index = LY_ARENA_ARRAY(arena, uint32_t, n);
    if (!index) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        index[i] = (uint32_t)i;
    }
    /* by_name only reads the members; qsort_r has no const for its context. */
    qsort_r(index, n, sizeof *index, by_name, (void *)(uintptr_t)object->object.items);
    object->object.index = index;
    return true;
}

static bool close_object(builder *b, const frame *f, ly_json *node)
{
    size_t n = b->n - f->base;
    ly_json_member *items = n > 0 ? ly_arena_alloc(b->arena, n * sizeof *items, 8) : NULL;
    if (n > 0 && !items) {
        return out_of_memory(b);
    }
    if (n > 0) {
        memcpy(items, b->stack + f->base, n * sizeof *items);
    }
    node->kind = LY_JSON_OBJECT;
    node->object.items = items;
    node->object.n = n;
    return ly_json_index(b->arena, node) || out_of_memory(b);
}

static bool close_array(builder *b, const frame *f, ly_json *node)
{
    size_t n = b->n - f->base;
    ly_json *items = n > 0 ? ly_arena_alloc(b->arena, n * sizeof *items, 8) : NULL;
    if (n > 0 && !items) {
        return out_of_memory(b);
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = b->stack[f->base + i].value;
    }
    node->kind = LY_JSON_ARRAY;
    node->array.items = items;
    node->array.n = n;
    return true;
}

static bool close_container(builder *b)
{
    const frame *f = &b->frames[--b->depth];
    ly_json node = {.raw = ly_str_n(f->from, (size_t)(b->scan.at - f->from))};
    if (!(f->object ? close_object(b, f, &node) : close_array(b, f, &node))) {
        return false;
    }
    b->n = f->base;
    return push(b, f->key, &node);
}

static bool build(builder *b)
{
    for (;;) {
        ly_jtoken token = ly_jscan_next(&b->scan);
        bool ok = true;
        switch (token) {
        case LY_J_ERROR:
            b->status = b->scan.failed;
            return false;
        case LY_J_END:
            return true;
        case LY_J_KEY:
            ok = token_text(b, &b->key);
            break;
        case LY_J_OBJECT:
        case LY_J_ARRAY:
            ok = open_container(b, token == LY_J_OBJECT);
            break;
        case LY_J_OBJECT_END:
        case LY_J_ARRAY_END:
            ok = close_container(b);
            break;
        default:
            ok = push_scalar(b, token);
            break;
        }
        if (!ok) {
            return false;
        }
    }
}

ly_status ly_json_parse(ly_str text, ly_arena *arena, ly_json **ret, ly_err *err)
{
    builder b = {.arena = arena, .status = LY_OK};
    ly_jscan_init(&b.scan, text, LY_MAX_JSON_DEPTH);
    bool ok = build(&b);
    if (ok) {
        ly_json *root = ly_arena_alloc(arena, sizeof *root, 8);
        if (root) {
            *root = b.stack[0].value;
            *ret = root;
        } else {
            ok = out_of_memory(&b);
        }
    }
    ly_free(b.stack);
    ly_free(b.frames);
    if (ok) {
        return LY_OK;
    }
    if (b.scan.failed != LY_OK) {
        return ly_jscan_fail(&b.scan, "", err);
    }
    if (b.status == LY_E_LIMIT) {
        return LY_FAIL(err, LY_E_LIMIT, "JSON document needs more than %zu bytes in memory",
                       arena->max);
    }
    return LY_NOMEM(err);
}

bool ly_json_valid(ly_str text)
{
    ly_jscan scan;
    ly_jtoken token;
    ly_jscan_init(&scan, text, LY_MAX_JSON_DEPTH);
    while ((token = ly_jscan_next(&scan)) > LY_J_END) {
        if ((token == LY_J_STRING || token == LY_J_KEY) && scan.not_ascii &&
            !ly_utf8_valid(scan.text)) {
            return false;
        }
    }
    return token == LY_J_END;
}
