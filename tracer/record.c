/*
 * lydite_record: an ended span as a processor sees and changes it, before it is encoded (encode.c).
 */
#include "tracer/encode.h"

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
