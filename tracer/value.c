/*
 * lydite_value: arrays and maps, encoded as they are built, so that setting one is a copy.
 *
 *   in a map    KeyValue:  0A len { 0A len key  12 len { AnyValue } }
 *   in an array AnyValue:  0A len { ... }
 *
 * Each open container remembers the places of the lengths that its close must fill in.
 */
#include "tracer/engine.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "otlp/pb.h"

#define MAX_DEPTH   64
#define VALUE_BYTES LY_MIB(64)

enum { ANY_STRING = 1, ANY_BOOL, ANY_INT, ANY_DOUBLE, ANY_ARRAY, ANY_KVLIST, ANY_BYTES };

typedef struct frame {
    bool map;
    bool outer[2];  /* which of the lengths around this container are there */
    size_t mark[3]; /* element, its AnyValue, the list */
} frame;

struct lydite_value {
    ly_buf out;
    frame frames[MAX_DEPTH];
    int depth;
    bool done, failed;
};

void ly_text_put(ly_buf *out, ly_str s)
{
    for (size_t at = 0, from = 0; at < s.len;) {
        size_t start = at;
        bool bad = ly_utf8_next(s, &at) == LY_UTF8_BAD;
        if (bad || at == s.len) {
            ly_buf_add(out, s.ptr + from, (bad ? start : at) - from);
            ly_buf_c(out, bad ? "\xEF\xBF\xBD" : "");
            from = at;
        }
    }
}

void ly_text_field(ly_buf *out, uint32_t number, ly_str s)
{
    if (LY_LIKELY(ly_utf8_valid(s))) {
        ly_pb_put_bytes(out, number, s);
        return;
    }
    size_t mark = ly_pb_open(out, number);
    ly_text_put(out, s);
    ly_pb_close(out, mark);
}

lydite_value *lydite_value_new(void)
{
    lydite_value *value = ly_calloc(1, sizeof *value);
    if (value) {
        ly_buf_init(&value->out, VALUE_BYTES);
    }
    return value;
}

void lydite_value_free(lydite_value *value)
{
    if (value) {
        ly_buf_release(&value->out);
        ly_free(value);
    }
}

ly_str ly_value_any(const lydite_value *value)
{
    if (!value || value->failed || value->depth || !value->done || value->out.failed) {
        return LY_STR_NONE;
    }
    return ly_buf_view(&value->out);
}

/* Opens what stands around one value: nothing at the top, an element in an array, a key and an
 * AnyValue in a map. false when the value cannot stand here. */
static bool around(lydite_value *value, const char *name, size_t mark[2], bool used[2])
{
    used[0] = used[1] = false;
    if (!value || value->failed) {
        return false;
    }
    if (value->depth == 0) {
        value->failed = value->done;
        value->done = true;
        return !value->failed;
    }
    const frame *top = &value->frames[value->depth - 1];
    if (top->map != (name != NULL)) {
        value->failed = true;
        return false;
    }
    mark[0] = ly_pb_open(&value->out, 1);
    used[0] = true;
    if (top->map) {
        ly_text_field(&value->out, 1, ly_str_c(name));
        mark[1] = ly_pb_open(&value->out, 2);
        used[1] = true;
    }
    return true;
}

static void around_end(lydite_value *value, const size_t mark[2], const bool used[2])
{
    for (int i = 1; i >= 0; i--) {
        if (used[i]) {
            ly_pb_close(&value->out, mark[i]);
        }
    }
}

static void open_container(lydite_value *value, const char *name, bool map)
{
    size_t mark[2] = {0, 0};
    bool used[2];
    if (!around(value, name, mark, used)) {
        return;
    }
    if (value->depth == MAX_DEPTH) {
        value->failed = true;
        return;
    }
    frame *top = &value->frames[value->depth++];
    *top = (frame){.map = map, .outer = {used[0], used[1]}, .mark = {mark[0], mark[1], 0}};
    top->mark[2] = ly_pb_open(&value->out, map ? ANY_KVLIST : ANY_ARRAY);
}

void lydite_value_open_map(lydite_value *value, const char *name)
{
    open_container(value, name, true);
}

void lydite_value_open_array(lydite_value *value, const char *name)
{
    open_container(value, name, false);
}

void lydite_value_close(lydite_value *value)
{
    if (!value || value->failed) {
        return;
    }
    if (value->depth == 0) {
        value->failed = true;
        return;
    }
    const frame *top = &value->frames[--value->depth];
    ly_pb_close(&value->out, top->mark[2]);
    around_end(value, top->mark, top->outer);
}

#define LEAF(put)                              \
    do {                                       \
        size_t mark[2] = {0, 0};               \
        bool used[2];                          \
        if (around(value, name, mark, used)) { \
            put;                               \
            around_end(value, mark, used);     \
        }                                      \
    } while (0)

void lydite_value_str(lydite_value *value, const char *name, const char *text)
{
    if (!text) {
        lydite_value_empty(value, name);
        return;
    }
    LEAF(ly_text_field(&value->out, ANY_STRING, ly_str_c(text)));
}

void lydite_value_int(lydite_value *value, const char *name, int64_t number)
{
    LEAF(ly_pb_put_int(&value->out, ANY_INT, number));
}

void lydite_value_double(lydite_value *value, const char *name, double number)
{
    LEAF(ly_pb_put_double(&value->out, ANY_DOUBLE, number));
}

void lydite_value_bool(lydite_value *value, const char *name, bool truth)
{
    LEAF(ly_pb_put_uint(&value->out, ANY_BOOL, truth));
}

void lydite_value_bytes(lydite_value *value, const char *name, const void *bytes, size_t len)
{
    LEAF(ly_pb_put_bytes(&value->out, ANY_BYTES, ly_str_n(bytes ? bytes : "", bytes ? len : 0)));
}

void lydite_value_empty(lydite_value *value, const char *name)
{
    LEAF((void)0);
}

/* ---- reading our own encoding again ---- */

void ly_value_retag(ly_str any, uint32_t number, uint32_t max, uint32_t max_chars, ly_buf *out,
                    uint32_t *ret_dropped)
{
    ly_pb_reader reader = ly_pb_read(any);
    ly_pb_field list, item;
    if (ly_pb_next(&reader, &list) != LY_PB_FIELD || list.number != ANY_KVLIST) {
        return;
    }
    reader = ly_pb_read(list.bytes);
    for (uint32_t n = 0; ly_pb_next(&reader, &item) == LY_PB_FIELD; n++) {
        if (n >= max) {
            ++*ret_dropped;
            continue;
        }
        if (max_chars == 0) {
            ly_pb_put_bytes(out, number, item.bytes);
            continue;
        }
        ly_pb_reader kv = ly_pb_read(item.bytes);
        ly_pb_field field;
        size_t mark = ly_pb_open(out, number);
        while (ly_pb_next(&kv, &field) == LY_PB_FIELD) {
            if (field.number == 2) {
                size_t inner = ly_pb_open(out, 2);
                ly_value_cut(field.bytes, max_chars, out, 1);
                ly_pb_close(out, inner);
            } else {
                ly_pb_put_bytes(out, field.number, field.bytes);
            }
        }
        ly_pb_close(out, mark);
    }
}

static void cut_list(ly_str list, bool map, uint32_t max_chars, ly_buf *out, int depth)
{
    ly_pb_reader reader = ly_pb_read(list);
    ly_pb_field item;
    while (ly_pb_next(&reader, &item) == LY_PB_FIELD) {
        size_t mark = ly_pb_open(out, 1);
        if (!map) {
            ly_value_cut(item.bytes, max_chars, out, depth + 1);
            ly_pb_close(out, mark);
            continue;
        }
        ly_pb_reader kv = ly_pb_read(item.bytes);
        ly_pb_field field;
        while (ly_pb_next(&kv, &field) == LY_PB_FIELD) {
            if (field.number != 2) {
                ly_pb_put_bytes(out, field.number, field.bytes);
                continue;
            }
            size_t inner = ly_pb_open(out, 2);
            ly_value_cut(field.bytes, max_chars, out, depth + 1);
            ly_pb_close(out, inner);
        }
        ly_pb_close(out, mark);
    }
}

void ly_value_cut(ly_str any, uint32_t max_chars, ly_buf *out, int depth)
{
    ly_pb_reader reader = ly_pb_read(any);
    ly_pb_field field;
    if (depth > MAX_DEPTH + 1 || ly_pb_next(&reader, &field) != LY_PB_FIELD) {
        return;
    }
    if (field.number == ANY_STRING) {
        ly_pb_put_bytes(out, ANY_STRING, ly_chars_cut(field.bytes, max_chars));
    } else if (field.number == ANY_BYTES) {
        ly_pb_put_bytes(out, ANY_BYTES, ly_str_sub(field.bytes, 0, max_chars));
    } else if (field.number == ANY_ARRAY || field.number == ANY_KVLIST) {
        size_t mark = ly_pb_open(out, field.number);
        cut_list(field.bytes, field.number == ANY_KVLIST, max_chars, out, depth);
        ly_pb_close(out, mark);
    } else {
        ly_buf_str(out, any);
    }
}
