/* Asking a JSON tree. */
#include <math.h>

#include "text/json_impl.h"

static size_t find_indexed(const ly_json *object, ly_str key)
{
    const ly_json_member *items = object->object.items;
    const uint32_t *index = object->object.index;
    size_t low = 0, high = object->object.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (ly_str_cmp(items[index[mid]].key, key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    /* Of equal names the last in the source stands first. */
    return low < object->object.n && ly_str_eq(items[index[low]].key, key) ? index[low] : SIZE_MAX;
}

size_t ly_json_find(const ly_json *object, ly_str key)
{
    if (object->object.index) {
        return find_indexed(object, key);
    }
    for (size_t i = object->object.n; i > 0; i--) {
        if (ly_str_eq(object->object.items[i - 1].key, key)) {
            return i - 1;
        }
    }
    return SIZE_MAX;
}

const ly_json *ly_json_get_str(const ly_json *object, ly_str key)
{
    if (!ly_json_is(object, LY_JSON_OBJECT)) {
        return NULL;
    }
    size_t i = ly_json_find(object, key);
    return i == SIZE_MAX ? NULL : &object->object.items[i].value;
}

const ly_json *ly_json_get(const ly_json *object, const char *key)
{
    return ly_json_get_str(object, ly_str_c(key));
}

const ly_json *ly_json_path(const ly_json *node, const char *path)
{
    ly_str rest = ly_str_c(path), part;
    while (node && ly_str_split(&rest, '.', &part)) {
        uint64_t i;
        if (node->kind == LY_JSON_ARRAY) {
            node = ly_str_to_u64(part, &i) && i < node->array.n ? &node->array.items[i] : NULL;
        } else {
            node = ly_json_get_str(node, part);
        }
    }
    return node;
}

const ly_json *ly_json_at(const ly_json *array, size_t i)
{
    return ly_json_is(array, LY_JSON_ARRAY) && i < array->array.n ? &array->array.items[i] : NULL;
}

size_t ly_json_count(const ly_json *node)
{
    if (ly_json_is(node, LY_JSON_ARRAY)) {
        return node->array.n;
    }
    return ly_json_is(node, LY_JSON_OBJECT) ? node->object.n : 0;
}

ly_str ly_json_str(const ly_json *node)
{
    return ly_json_is(node, LY_JSON_STRING) ? node->str : LY_STR_NONE;
}

bool ly_json_i64(const ly_json *node, int64_t *ret)
{
    if (ly_json_is(node, LY_JSON_INT)) {
        *ret = node->integer;
        return true;
    }
    if (ly_json_is(node, LY_JSON_REAL) && fabs(node->real) <= 9007199254740992.0 &&
        node->real == floor(node->real)) {
        *ret = (int64_t)node->real;
        return true;
    }
    return false;
}

bool ly_json_i64_lenient(const ly_json *node, int64_t *ret)
{
    return ly_json_i64(node, ret) ||
           (ly_json_is(node, LY_JSON_STRING) && ly_str_to_i64(node->str, ret));
}

bool ly_json_double(const ly_json *node, double *ret)
{
    if (ly_json_is(node, LY_JSON_INT)) {
        *ret = (double)node->integer;
        return true;
    }
    if (ly_json_is(node, LY_JSON_REAL) && isfinite(node->real)) {
        *ret = node->real;
        return true;
    }
    return false;
}

bool ly_json_bool(const ly_json *node, bool *ret)
{
    if (!ly_json_is(node, LY_JSON_BOOL)) {
        return false;
    }
    *ret = node->boolean;
    return true;
}

const char *ly_json_kind_text(const ly_json *node)
{
    static const char *const names[] = {
        [LY_JSON_NULL] = "null",       [LY_JSON_BOOL] = "a boolean",  [LY_JSON_INT] = "a number",
        [LY_JSON_REAL] = "a number",   [LY_JSON_STRING] = "a string", [LY_JSON_ARRAY] = "an array",
        [LY_JSON_OBJECT] = "an object"};
    return node ? names[node->kind] : "nothing";
}

unsigned ly_json_line(const ly_json *node, ly_str source)
{
    if (!node) {
        return 0;
    }
    if (node->line > 0 || !node->raw.ptr || !source.ptr || node->raw.ptr < source.ptr ||
        node->raw.ptr > source.ptr + source.len) {
        return node->line;
    }
    unsigned line = 1;
    for (const char *p = source.ptr; p < node->raw.ptr; p++) {
        line += *p == '\n';
    }
    return line;
}

/* Exact: an int64 and a double are equal only when the double is that very integer. */
static bool number_equal(const ly_json *a, const ly_json *b)
{
    if (a->kind == b->kind) {
        return a->kind == LY_JSON_INT ? a->integer == b->integer : a->real == b->real;
    }
    const ly_json *integer = a->kind == LY_JSON_INT ? a : b;
    double real = a->kind == LY_JSON_INT ? b->real : a->real;
    return real >= -9223372036854775808.0 && real < 9223372036854775808.0 && real == floor(real) &&
           (int64_t)real == integer->integer;
}

/* Members of a, the last of each name, each equal to the last of that name in b. */
static bool members_in(const ly_json *a, const ly_json *b)
{
    for (size_t i = 0; i < a->object.n; i++) {
        const ly_json_member *m = &a->object.items[i];
        if (ly_json_find(a, m->key) != i) {
            continue;
        }
        const ly_json *other = ly_json_get_str(b, m->key);
        if (!other || !ly_json_equal(&m->value, other)) {
            return false;
        }
    }
    return true;
}

static bool names_in(const ly_json *a, const ly_json *b)
{
    for (size_t i = 0; i < a->object.n; i++) {
        if (ly_json_find(b, a->object.items[i].key) == SIZE_MAX) {
            return false;
        }
    }
    return true;
}

bool ly_json_equal(const ly_json *a, const ly_json *b)
{
    bool number_a = a->kind == LY_JSON_INT || a->kind == LY_JSON_REAL;
    bool number_b = b->kind == LY_JSON_INT || b->kind == LY_JSON_REAL;
    if (number_a && number_b) {
        return number_equal(a, b);
    }
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case LY_JSON_BOOL:
        return a->boolean == b->boolean;
    case LY_JSON_STRING:
        return ly_str_eq(a->str, b->str);
    case LY_JSON_ARRAY:
        if (a->array.n != b->array.n) {
            return false;
        }
        for (size_t i = 0; i < a->array.n; i++) {
            if (!ly_json_equal(&a->array.items[i], &b->array.items[i])) {
                return false;
            }
        }
        return true;
    case LY_JSON_OBJECT:
        return names_in(b, a) && members_in(a, b);
    default:
        return true;
    }
}
