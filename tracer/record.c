/*
 * lydite_record: an ended span as a processor sees and changes it, before it is encoded (encode.c).
 */
#include "tracer/encode.h"

#include "otlp/pb.h"

const char *lydite_record_name(const lydite_record *record)
{
    return record->name.ptr ? record->name.ptr : "";
}

int lydite_record_type(const lydite_record *record)
{
    return record->rec->type;
}

int64_t lydite_record_duration_ns(const lydite_record *record)
{
    return record->rec->end_ns - record->rec->start_ns;
}

size_t lydite_record_count(const lydite_record *record)
{
    size_t n = 0;
    for (size_t i = 0; i < record->encoder->n; i++) {
        n += !record->encoder->attrs[i].gone;
    }
    return n;
}

static void show(const ly_attr *attr, lydite_attribute *ret)
{
    *ret = (lydite_attribute){.key = attr->key.ptr, .key_len = attr->key.len};
    switch (attr->kind) {
    case LY_IT_INT:
        ret->kind = LYDITE_VALUE_INT;
        ret->number = (int64_t)attr->bits;
        break;
    case LY_IT_BOOL:
        ret->kind = LYDITE_VALUE_BOOL;
        ret->number = attr->bits != 0;
        break;
    case LY_IT_DOUBLE:
        ret->kind = LYDITE_VALUE_DOUBLE;
        memcpy(&ret->real, &attr->bits, sizeof ret->real);
        break;
    case LY_IT_STR:
        ret->kind = LYDITE_VALUE_STRING;
        ret->text = attr->str.ptr;
        ret->text_len = attr->str.len;
        break;
    default:
        ret->kind = LYDITE_VALUE_OTHER;
    }
}

bool lydite_record_at(const lydite_record *record, size_t i, lydite_attribute *ret)
{
    for (size_t at = 0; at < record->encoder->n; at++) {
        const ly_attr *attr = &record->encoder->attrs[at];
        if (!attr->gone && i-- == 0) {
            show(attr, ret);
            return true;
        }
    }
    return false;
}

bool lydite_record_get(const lydite_record *record, const char *name, lydite_attribute *ret)
{
    const ly_attr *attr = name ? ly_encoder_find(record->encoder, ly_str_c(name)) : NULL;
    if (attr) {
        show(attr, ret);
    }
    return attr != NULL;
}

static ly_attr *settable(lydite_record *record, const char *name)
{
    ly_attr *attr = ly_encoder_find(record->encoder, ly_str_c(name));
    if (attr) {
        return attr;
    }
    ly_str key = ly_arena_copy(&record->encoder->arena, ly_str_c(name));
    return ly_str_given(key) ? ly_encoder_put(record->encoder, key) : NULL;
}

int lydite_record_set_str(lydite_record *record, const char *name, const char *value, size_t len)
{
    if (!name || (!value && len)) {
        return LYDITE_E_INVALID;
    }
    ly_str text = ly_arena_copy(&record->encoder->arena, ly_str_n(value ? value : "", len));
    ly_attr *attr = ly_str_given(text) ? settable(record, name) : NULL;
    if (!attr) {
        return LYDITE_E_NOMEM;
    }
    attr->kind = LY_IT_STR;
    attr->str = text;
    return LYDITE_OK;
}

int lydite_record_set_int(lydite_record *record, const char *name, int64_t value)
{
    ly_attr *attr = name ? settable(record, name) : NULL;
    if (!attr) {
        return name ? LYDITE_E_NOMEM : LYDITE_E_INVALID;
    }
    attr->kind = LY_IT_INT;
    attr->bits = (uint64_t)value;
    return LYDITE_OK;
}

void lydite_record_remove(lydite_record *record, const char *name)
{
    ly_attr *attr = name ? ly_encoder_find(record->encoder, ly_str_c(name)) : NULL;
    if (attr) {
        attr->gone = true;
    }
}

static int replace_text(lydite_record *record, ly_str *slot, const char *text)
{
    if (!text) {
        return LYDITE_E_INVALID;
    }
    ly_str copy = ly_arena_copy(&record->encoder->arena, ly_str_c(text));
    if (!ly_str_given(copy)) {
        return LYDITE_E_NOMEM;
    }
    *slot = copy;
    return LYDITE_OK;
}

int lydite_record_set_name(lydite_record *record, const char *name)
{
    return replace_text(record, &record->name, name);
}

const char *lydite_record_message(const lydite_record *record)
{
    return record->message.ptr ? record->message.ptr : "";
}

int lydite_record_set_message(lydite_record *record, const char *text)
{
    return replace_text(record, &record->message, text);
}

/* ---- events: their encoded fields are read where they are looked at ---- */

size_t lydite_record_events(const lydite_record *record)
{
    return record->n_events;
}

static const ly_event_ref *event_at(const lydite_record *record, size_t event)
{
    return event < record->n_events && !record->events[event].gone ? &record->events[event] : NULL;
}

const char *lydite_record_event_name(const lydite_record *record, size_t event)
{
    const ly_event_ref *e = event_at(record, event);
    ly_pb_reader r = ly_pb_read(e ? e->body : LY_STR_NONE);
    ly_pb_field f;
    while (ly_pb_next(&r, &f) == LY_PB_FIELD) {
        if (f.number == 2 && f.type == LY_PB_BYTES) {
            const char *name = ly_arena_copy(&record->encoder->arena, f.bytes).ptr;
            return name ? name : "";
        }
    }
    return "";
}

/* A KeyValue's key, and its value as far as an attribute shows it. */
static void show_pair(ly_str pair, lydite_attribute *ret)
{
    ly_pb_reader r = ly_pb_read(pair);
    ly_pb_field f, v;
    *ret = (lydite_attribute){.key = ""};
    while (ly_pb_next(&r, &f) == LY_PB_FIELD) {
        if (f.number == 1) {
            ret->key = f.bytes.ptr;
            ret->key_len = f.bytes.len;
        }
        ly_pb_reader any = ly_pb_read(f.number == 2 ? f.bytes : LY_STR_NONE);
        while (ly_pb_next(&any, &v) == LY_PB_FIELD) {
            ret->kind = v.number == 1   ? LYDITE_VALUE_STRING
                        : v.number == 2 ? LYDITE_VALUE_BOOL
                        : v.number == 3 ? LYDITE_VALUE_INT
                        : v.number == 4 ? LYDITE_VALUE_DOUBLE
                                        : LYDITE_VALUE_OTHER;
            ret->number = v.number == 2 || v.number == 3 ? (int64_t)v.value : 0;
            ret->real = v.number == 4 ? ly_pb_double(v.value) : 0;
            ret->text = v.number == 1 ? v.bytes.ptr : NULL;
            ret->text_len = v.number == 1 ? v.bytes.len : 0;
        }
    }
}

bool lydite_record_event_at(const lydite_record *record, size_t event, size_t i,
                            lydite_attribute *ret)
{
    const ly_event_ref *e = event_at(record, event);
    ly_pb_reader r = ly_pb_read(e ? e->body : LY_STR_NONE);
    ly_pb_field f;
    while (ly_pb_next(&r, &f) == LY_PB_FIELD) {
        if (f.number == 3 && f.type == LY_PB_BYTES && i-- == 0) {
            show_pair(f.bytes, ret);
            return true;
        }
    }
    return false;
}

static void put_pair(ly_buf *body, const char *name, ly_str value)
{
    size_t pair = ly_pb_open(body, 3);
    ly_text_field(body, 1, ly_str_c(name));
    size_t any = ly_pb_open(body, 2);
    ly_text_field(body, 1, value);
    ly_pb_close(body, any);
    ly_pb_close(body, pair);
}

/* At the old one's place, so that who walks the attributes and changes some misses none. */
int lydite_record_event_set_str(lydite_record *record, size_t event, const char *name,
                                const char *value, size_t len)
{
    const ly_event_ref *e = event_at(record, event);
    const ly_str text = ly_str_n(value ? value : "", len);
    ly_buf *body = &record->encoder->join;
    bool put = false;
    ly_pb_field f;
    if (!name || (!value && len)) {
        return LYDITE_E_INVALID;
    }
    if (!e) {
        return LYDITE_E_NOTFOUND;
    }
    ly_buf_reset(body);
    ly_pb_reader r = ly_pb_read(e->body);
    while (ly_pb_next(&r, &f) == LY_PB_FIELD) {
        lydite_attribute old;
        if (f.number == 3) {
            show_pair(f.bytes, &old);
        }
        if (f.type == LY_PB_VARINT) {
            ly_pb_put_uint(body, f.number, f.value); /* how many attributes were dropped */
        } else if (f.number != 3 || !ly_str_eqc(ly_str_n(old.key, old.key_len), name)) {
            ly_pb_put_bytes(body, f.number, f.bytes);
        } else if (!put) {
            put_pair(body, name, text);
            put = true;
        }
    }
    if (!put) {
        put_pair(body, name, text);
    }
    ly_str copy = ly_arena_copy(&record->encoder->arena, ly_buf_view(body));
    if (body->failed || !ly_str_given(copy)) {
        return LYDITE_E_NOMEM;
    }
    record->events[event].body = copy;
    return LYDITE_OK;
}

void lydite_record_event_remove(lydite_record *record, size_t event)
{
    if (event < record->n_events) {
        record->events[event].gone = true;
    }
}
