/*
 * otlp/same: both messages in one canonical form, then compared byte for byte.
 *
 * The form: fields by number; of a singular field the last one, of a singular message all of them merged;
 * defaults and empty messages left out, except in a oneof, whose last member alone stays; lists of KeyValue
 * sorted; unknown fields in their order. Driven by the tables of schema.c.
 */
#include "otlp/same.h"

#include <stdlib.h>

#include "base/limits.h"
#include "otlp/pb.h"

/* Each AnyValue level takes up to three messages. */
#define MAX_LEVELS (3 * (LY_MAX_ANY_DEPTH + 2))

typedef struct canon {
    ly_arena *arena;
    bool failed;
} canon;

typedef struct part {
    ly_pb_field f;
    size_t order;
} part;

static int part_order(const void *a, const void *b)
{
    const part *x = a, *y = b;
    if (x->f.number != y->f.number)
        return x->f.number < y->f.number ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static int bytes_order(const void *a, const void *b)
{
    const ly_str *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int c = n ? memcmp(x->ptr, y->ptr, n) : 0;
    return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

static void put_field(ly_buf *out, const ly_pb_field *f)
{
    if (f->type == LY_PB_BYTES)
        ly_pb_put_bytes(out, f->number, f->bytes);
    else if (f->type == LY_PB_FIXED64)
        ly_pb_put_fixed64(out, f->number, f->value);
    else if (f->type == LY_PB_FIXED32)
        ly_pb_put_fixed32(out, f->number, (uint32_t)f->value);
    else
        ly_pb_put_uint(out, f->number, f->value);
}

static ly_str canon_message(canon *c, const ly_message_desc *desc, ly_str wire, unsigned level);

/* All parts, sorted. */
static part *read_parts(canon *c, ly_str wire, size_t *ret_n)
{
    size_t n = 0;
    ly_pb_field f;
    ly_pb_reader reader = ly_pb_read(wire);
    ly_pb_result got;
    while ((got = ly_pb_next(&reader, &f)) == LY_PB_FIELD)
        n++;
    part *parts = LY_ARENA_ARRAY(c->arena, part, n + 1);
    if (got == LY_PB_MALFORMED || !parts) {
        c->failed = true;
        return NULL;
    }
    reader = ly_pb_read(wire);
    for (size_t i = 0; i < n; i++) {
        (void)ly_pb_next(&reader, &parts[i].f);
        parts[i].order = i;
    }
    qsort(parts, n, sizeof *parts, part_order);
    *ret_n = n;
    return parts;
}

static void put_list(canon *c, const ly_field_desc *field, const part *parts, size_t n,
                     unsigned level, ly_buf *out)
{
    ly_str *items = LY_ARENA_ARRAY(c->arena, ly_str, n + 1);
    if (!items) {
        c->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        items[i] = field->type == LY_T_MESSAGE
                       ? canon_message(c, field->sub, parts[i].f.bytes, level + 1)
                       : parts[i].f.bytes;
    if (field->sub == ly_desc_key_value())
        qsort(items, n, sizeof *items, bytes_order);
    for (size_t i = 0; i < n; i++)
        ly_pb_put_bytes(out, field->number, items[i]);
}

/* Several occurrences of a singular message merge: their bytes one after the other say the same. */
static ly_str merged(canon *c, const part *parts, size_t n)
{
    size_t len = 0, at = 0;
    if (n == 1)
        return parts[0].f.bytes;
    for (size_t i = 0; i < n; i++)
        len += parts[i].f.bytes.len;
    char *all = ly_arena_alloc(c->arena, len + 1, 1);
    if (!all) {
        c->failed = true;
        return LY_S("");
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(all + at, parts[i].f.bytes.ptr, parts[i].f.bytes.len);
        at += parts[i].f.bytes.len;
    }
    return ly_str_n(all, len);
}

static bool is_zero(ly_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i])
            return false;
    return true;
}

/* The occurrences of one known field. */
static void put_known(canon *c, const ly_message_desc *desc, const ly_field_desc *field,
                      const part *parts, size_t n, unsigned level, ly_buf *out)
{
    ly_pb_field f = parts[n - 1].f;
    bool empty = f.value == 0;
    if (field->repeated && f.type == LY_PB_BYTES) {
        put_list(c, field, parts, n, level, out);
        return;
    }
    if (field->type == LY_T_MESSAGE)
        f.bytes = canon_message(c, field->sub, merged(c, parts, n), level + 1);
    if (f.type == LY_PB_BYTES)
        empty = field->type == LY_T_ID ? is_zero(f.bytes) : f.bytes.len == 0;
    if (field->type == LY_T_BOOL)
        f.value = f.value != 0;
    if (!empty || desc->oneof)
        put_field(out, &f);
}

static ly_str canon_message(canon *c, const ly_message_desc *desc, ly_str wire, unsigned level)
{
    size_t n = 0, last_member = 0;
    part *parts = level > MAX_LEVELS || c->failed ? NULL : read_parts(c, wire, &n);
    if (!parts) {
        c->failed = true;
        return LY_S("");
    }
    for (size_t i = 0; i < n; i++) {
        if (ly_desc_field(desc, &parts[i].f) && parts[i].order > last_member)
            last_member = parts[i].order;
    }
    ly_buf out;
    ly_buf_init(&out, 2 * LY_MAX_REQUEST_BYTES);
    for (size_t i = 0, end; i < n; i = end) {
        const ly_field_desc *field = ly_desc_field(desc, &parts[i].f);
        for (end = i + 1; end < n && parts[end].f.number == parts[i].f.number &&
                          parts[end].f.type == parts[i].f.type;)
            end++;
        if (!field) {
            for (size_t k = i; k < end; k++)
                put_field(&out, &parts[k].f);
        } else if (!desc->oneof || parts[end - 1].order == last_member) {
            put_known(c, desc, field, parts + i, end - i, level, &out);
        }
    }
    ly_str copy = ly_arena_copy(c->arena, ly_buf_view(&out));
    c->failed = c->failed || out.failed || !copy.ptr;
    ly_buf_release(&out);
    return copy;
}

ly_str ly_otlp_canon(const ly_message_desc *desc, ly_str wire, ly_arena *scratch)
{
    canon c = {.arena = scratch};
    ly_str form = canon_message(&c, desc, wire, 0);
    return c.failed ? LY_STR_NONE : form;
}

bool ly_otlp_same_span(ly_str a, ly_str b, ly_arena *scratch)
{
    ly_str x = ly_otlp_canon(&ly_desc_span, a, scratch);
    ly_str y = ly_otlp_canon(&ly_desc_span, b, scratch);
    return ly_str_given(x) && ly_str_given(y) && ly_str_eq(x, y);
}
