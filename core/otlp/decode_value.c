/* AnyValue, KeyValue and attribute lists; see decode_impl.h. */
#include "otlp/decode_impl.h"

bool ly_pb_take(ly_pb_item *it, size_t n, size_t size, size_t align, void **ret)
{
    *ret = n > 0 ? ly_arena_alloc(it->arena, n * size, align) : NULL;
    it->no_memory = n > 0 && !*ret;
    return !it->no_memory;
}

/* Whether the fields of a message parse; what is in them is read later. */
static bool well_formed(ly_str message)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    do {
        r = ly_pb_next(&reader, &field);
    } while (r == LY_PB_FIELD);
    return r == LY_PB_END;
}

/* Each piece must be a message by itself: a field cut in two is no field. */
bool ly_pb_gather(ly_pb_item *it, ly_str message, uint32_t number, ly_str *ret)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    size_t total = 0;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.number == number && field.type == LY_PB_BYTES) {
            total += field.bytes.len;
            if (!well_formed(field.bytes)) {
                return ly_pb_refuse(it, LY_REJECT_MALFORMED);
            }
        }
    }
    if (r == LY_PB_MALFORMED || total > it->merge_left) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    it->merge_left -= total;
    char *joined;
    if (!LY_PB_TAKE(it, total + 1, char, &joined)) {
        return false;
    }
    *ret = ly_str_n(joined, total);
    reader = ly_pb_read(message);
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (field.number == number && field.type == LY_PB_BYTES && field.bytes.len > 0) {
            memcpy(joined, field.bytes.ptr, field.bytes.len);
            joined += field.bytes.len;
        }
    }
    return true;
}

/* ---- AnyValue, KeyValue ---- */

static bool read_kv(ly_pb_item *it, ly_str message, unsigned depth, ly_kv *ret)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    ly_str value = LY_STR_NONE;
    bool again = false;
    ret->key = LY_S("");
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        switch (ly_pb_tag_of(&field)) {
        case 0x0A:
            ret->key = ly_pb_text(it, field.bytes);
            break;
        case 0x12:
            again = ly_str_given(value);
            value = field.bytes;
            break;
        default:
            break;
        }
    }
    if (r == LY_PB_MALFORMED) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    if (again && !ly_pb_gather(it, message, 2, &value)) {
        return false;
    }
    return ly_pb_any(it, value, depth, &ret->value);
}

static bool count_field(ly_pb_item *it, ly_str message, uint32_t number, size_t *ret_n)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    size_t n = 0;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        n += field.number == number && field.type == LY_PB_BYTES;
    }
    *ret_n = n;
    return r == LY_PB_END || ly_pb_refuse(it, LY_REJECT_MALFORMED);
}

static bool read_array(ly_pb_item *it, ly_str message, unsigned depth, ly_any *ret)
{
    size_t n;
    ly_any *items;
    if (!count_field(it, message, 1, &n) || !LY_PB_TAKE(it, n, ly_any, &items)) {
        return false;
    }
    ret->array.items = items;
    ret->array.n = n;
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (ly_pb_tag_of(&field) == 0x0A && !ly_pb_any(it, field.bytes, depth + 1, items++)) {
            return false;
        }
    }
    return true;
}

static bool read_kvlist(ly_pb_item *it, ly_str message, unsigned depth, ly_any *ret)
{
    size_t n;
    ly_kv *items;
    if (!count_field(it, message, 1, &n) || !LY_PB_TAKE(it, n, ly_kv, &items)) {
        return false;
    }
    ret->kvlist.items = items;
    ret->kvlist.n = n;
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (ly_pb_tag_of(&field) == 0x0A && !read_kv(it, field.bytes, depth + 1, items++)) {
            return false;
        }
    }
    return true;
}

/* A container that another member of the oneof pushed out. Nobody will see it, but a message that is
 * malformed in it is malformed. */
static bool check_forgotten(ly_pb_item *it, ly_any_kind kind, ly_str body, unsigned depth)
{
    ly_any forgotten;
    if (kind != LY_ANY_ARRAY && kind != LY_ANY_KVLIST) {
        return true;
    }
    return kind == LY_ANY_ARRAY ? read_array(it, body, depth, &forgotten)
                                : read_kvlist(it, body, depth, &forgotten);
}

/* The last member of the oneof wins; an array or kvlist repeated with nothing else between is merged,
 * which is what protobuf libraries do. */
bool ly_pb_any(ly_pb_item *it, ly_str message, unsigned depth, ly_any *ret)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    const uint8_t *at = reader.at, *run = at;
    ly_str body = LY_STR_NONE;
    bool again = false;
    *ret = (ly_any){.kind = LY_ANY_EMPTY};
    if (depth > it->max_depth) {
        return ly_pb_refuse(it, LY_REJECT_DEPTH);
    }
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        ly_any_kind before = ret->kind;
        ly_str forgotten = body;
        switch (ly_pb_tag_of(&field)) {
        case 0x0A:
            *ret = (ly_any){.kind = LY_ANY_STRING, .str = field.bytes};
            break;
        case 0x10:
            *ret = (ly_any){.kind = LY_ANY_BOOL, .boolean = field.value != 0};
            break;
        case 0x18:
            *ret = (ly_any){.kind = LY_ANY_INT, .integer = (int64_t)field.value};
            break;
        case 0x21:
            *ret = (ly_any){.kind = LY_ANY_DOUBLE, .real = ly_pb_double(field.value)};
            break;
        case 0x2A:
        case 0x32:
            ret->kind = field.number == 5 ? LY_ANY_ARRAY : LY_ANY_KVLIST;
            again = before == ret->kind;
            run = again ? run : at;
            body = field.bytes;
            break;
        case 0x3A:
            *ret = (ly_any){.kind = LY_ANY_BYTES, .str = field.bytes};
            break;
        default:
            break;
        }
        if (LY_UNLIKELY(before != ret->kind) && !check_forgotten(it, before, forgotten, depth)) {
            return false;
        }
        at = reader.at;
    }
    if (r == LY_PB_MALFORMED) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    if (ret->kind == LY_ANY_STRING) {
        ret->str = ly_pb_text(it, ret->str);
        return true;
    }
    if (ret->kind != LY_ANY_ARRAY && ret->kind != LY_ANY_KVLIST) {
        return true;
    }
    bool array = ret->kind == LY_ANY_ARRAY;
    if (again &&
        !ly_pb_gather(it, ly_str_n(run, (size_t)(reader.end - run)), array ? 5 : 6, &body)) {
        return false;
    }
    return array ? read_array(it, body, depth, ret) : read_kvlist(it, body, depth, ret);
}

/* ---- attributes ---- */

/* Reads n KeyValue fields of that number. */
bool ly_pb_attrs(ly_pb_item *it, ly_str message, uint32_t number, size_t n, ly_attrs *ret)
{
    ly_kv *items;
    if (n > it->max_attrs) {
        return ly_pb_refuse(it, LY_REJECT_COUNT);
    }
    if (!LY_PB_TAKE(it, n, ly_kv, &items)) {
        return false;
    }
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    size_t i = 0;
    while (i < n && ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (field.number == number && field.type == LY_PB_BYTES) {
            if (!read_kv(it, field.bytes, 1, &items[i])) {
                return false;
            }
            i++;
        }
    }
    ret->items = items;
    ret->n = n;
    return true;
}
