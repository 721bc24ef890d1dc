/* Resource, scope, span and log record; see decode_impl.h. */
#include "otlp/decode_impl.h"

/* ---- resource and scope ---- */

bool ly_pb_resource(ly_pb_item *it, ly_str message, ly_resource *ret)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    size_t n = 0;
    uint32_t dropped = 0;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (ly_pb_tag_of(&field) == 0x0A) {
            n++;
        } else if (ly_pb_tag_of(&field) == 0x10) {
            dropped = (uint32_t)field.value;
        }
    }
    if (r == LY_PB_MALFORMED) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    if (!ly_pb_attrs(it, message, 1, n, &ret->attrs)) {
        return false;
    }
    ret->attrs.dropped = dropped;
    return true;
}

bool ly_pb_scope(ly_pb_item *it, ly_str message, ly_scope *ret)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    size_t n = 0;
    ly_scope scope = *ret;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        switch (ly_pb_tag_of(&field)) {
        case 0x0A:
            scope.name = ly_pb_text(it, field.bytes);
            break;
        case 0x12:
            scope.version = ly_pb_text(it, field.bytes);
            break;
        case 0x1A:
            n++;
            break;
        case 0x20:
            scope.attrs.dropped = (uint32_t)field.value;
            break;
        default:
            break;
        }
    }
    if (r == LY_PB_MALFORMED) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    if (!ly_pb_attrs(it, message, 3, n, &scope.attrs)) {
        return false;
    }
    *ret = scope;
    return true;
}

/* ---- span ---- */

static bool read_event(ly_pb_item *it, ly_str message, ly_event *ret)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    size_t n = 0;
    *ret = (ly_event){.name = LY_S("")};
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        switch (ly_pb_tag_of(&field)) {
        case 0x09:
            ret->time_ns = field.value;
            break;
        case 0x12:
            ret->name = ly_pb_text(it, field.bytes);
            break;
        case 0x1A:
            n++;
            break;
        case 0x20:
            ret->attrs.dropped = (uint32_t)field.value;
            break;
        default:
            break;
        }
    }
    if (r == LY_PB_MALFORMED) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    return ly_pb_attrs(it, message, 3, n, &ret->attrs);
}

/* An id of the wrong length in a link reads as zero; it does not cost the span. */
static bool read_link(ly_pb_item *it, ly_str message, ly_link *ret)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    size_t n = 0;
    *ret = (ly_link){.trace_state = LY_S("")};
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        switch (ly_pb_tag_of(&field)) {
        case 0x0A:
            memset(&ret->trace_id, 0, sizeof ret->trace_id);
            if (field.bytes.len == sizeof ret->trace_id) {
                memcpy(ret->trace_id.b, field.bytes.ptr, sizeof ret->trace_id);
            }
            break;
        case 0x12:
            memset(&ret->span_id, 0, sizeof ret->span_id);
            if (field.bytes.len == sizeof ret->span_id) {
                memcpy(ret->span_id.b, field.bytes.ptr, sizeof ret->span_id);
            }
            break;
        case 0x1A:
            ret->trace_state = ly_pb_text(it, field.bytes);
            break;
        case 0x22:
            n++;
            break;
        case 0x28:
            ret->attrs.dropped = (uint32_t)field.value;
            break;
        case 0x35:
            ret->flags = (uint32_t)field.value;
            break;
        default:
            break;
        }
    }
    if (r == LY_PB_MALFORMED) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    return ly_pb_attrs(it, message, 4, n, &ret->attrs);
}

static bool read_status(ly_pb_item *it, ly_str message, ly_span *span)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (ly_pb_tag_of(&field) == 0x12) {
            span->status_message = ly_pb_text(it, field.bytes);
        } else if (ly_pb_tag_of(&field) == 0x18) {
            span->status_code = (int32_t)field.value;
        }
    }
    return r == LY_PB_END || ly_pb_refuse(it, LY_REJECT_MALFORMED);
}

/* Ids as sent; which are wrong is decided after all else was read. */
typedef struct ids {
    ly_str trace_id, span_id, parent_id;
} ids;

typedef struct span_counts {
    size_t attrs, events, links;
} span_counts;

/* First pass over a span: its scalars, and how many of each list. */
static bool read_span_scalars(ly_pb_item *it, ly_span *span, ids *id, span_counts *count)
{
    ly_pb_reader reader = ly_pb_read(span->wire);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        switch (ly_pb_tag_of(&field)) {
        case 0x0A:
            id->trace_id = field.bytes;
            break;
        case 0x12:
            id->span_id = field.bytes;
            break;
        case 0x1A:
            span->trace_state = ly_pb_text(it, field.bytes);
            break;
        case 0x22:
            id->parent_id = field.bytes;
            break;
        case 0x2A:
            span->name = ly_pb_text(it, field.bytes);
            break;
        case 0x30:
            span->kind = (int32_t)field.value;
            break;
        case 0x39:
            span->start_ns = field.value;
            break;
        case 0x41:
            span->end_ns = field.value;
            break;
        case 0x4A:
            count->attrs++;
            break;
        case 0x50:
            span->attrs.dropped = (uint32_t)field.value;
            break;
        case 0x5A:
            count->events++;
            break;
        case 0x60:
            span->dropped_events = (uint32_t)field.value;
            break;
        case 0x6A:
            count->links++;
            break;
        case 0x70:
            span->dropped_links = (uint32_t)field.value;
            break;
        case 0x7A:
            if (!read_status(it, field.bytes, span)) {
                return false;
            }
            break;
        case 0x85:
            span->flags = (uint32_t)field.value;
            span->has_flags = true;
            break;
        default:
            break;
        }
    }
    return r == LY_PB_END || ly_pb_refuse(it, LY_REJECT_MALFORMED);
}

static bool read_span_lists(ly_pb_item *it, ly_span *span, const span_counts *count)
{
    ly_event *events;
    ly_link *links;
    if (count->events > it->max_attrs || count->links > it->max_attrs) {
        return ly_pb_refuse(it, LY_REJECT_COUNT);
    }
    if (!ly_pb_attrs(it, span->wire, 9, count->attrs, &span->attrs)) {
        return false;
    }
    if (count->events + count->links == 0) {
        return true;
    }
    if (!LY_PB_TAKE(it, count->events, ly_event, &events) ||
        !LY_PB_TAKE(it, count->links, ly_link, &links)) {
        return false;
    }
    ly_pb_reader reader = ly_pb_read(span->wire);
    ly_pb_field field;
    size_t n_events = 0, n_links = 0;
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (ly_pb_tag_of(&field) == 0x5A) {
            if (!read_event(it, field.bytes, &events[n_events++])) {
                return false;
            }
        } else if (ly_pb_tag_of(&field) == 0x6A) {
            if (!read_link(it, field.bytes, &links[n_links++])) {
                return false;
            }
        }
    }
    span->events = events;
    span->n_events = n_events;
    span->links = links;
    span->n_links = n_links;
    return true;
}

static bool set_span_ids(ly_pb_item *it, ly_span *span, const ids *id)
{
    if (id->trace_id.len == sizeof span->trace_id) {
        memcpy(span->trace_id.b, id->trace_id.ptr, sizeof span->trace_id);
    }
    if (id->span_id.len == sizeof span->span_id) {
        memcpy(span->span_id.b, id->span_id.ptr, sizeof span->span_id);
    }
    if (id->parent_id.len == sizeof span->parent_id) {
        memcpy(span->parent_id.b, id->parent_id.ptr, sizeof span->parent_id);
    }
    if (ly_trace_id_zero(span->trace_id)) {
        return ly_pb_refuse(it, LY_REJECT_TRACE_ID);
    }
    if (ly_span_id_zero(span->span_id)) {
        return ly_pb_refuse(it, LY_REJECT_SPAN_ID);
    }
    if (id->parent_id.len != 0 && id->parent_id.len != sizeof span->parent_id) {
        return ly_pb_refuse(it, LY_REJECT_PARENT_ID);
    }
    if (span->start_ns > INT64_MAX || span->end_ns > INT64_MAX) {
        return ly_pb_refuse(it, LY_REJECT_TIME);
    }
    return true;
}

/* Fills *span from its wire; false only when the arena ran out. */
bool ly_pb_span(ly_pb_item *it, ly_str wire, ly_span *span)
{
    ids id = {LY_STR_NONE, LY_STR_NONE, LY_STR_NONE};
    span_counts count = {0, 0, 0};
    span->wire = ly_pb_given(wire);
    span->trace_state = LY_S("");
    span->name = LY_S("");
    span->status_message = LY_S("");
    it->merge_left = LY_PB_MERGE_ROOM(wire.len);
    bool whole = read_span_scalars(it, span, &id, &count) && read_span_lists(it, span, &count);
    /* The ids of a span that cannot be read in full are still worth having: they name it. */
    ly_reject first = it->reject;
    set_span_ids(it, span, &id);
    span->reject = whole ? it->reject : first;
    span->invalid_utf8 = it->bad_utf8;
    return !it->no_memory;
}

/* ---- log record ---- */

static bool read_log_fields(ly_pb_item *it, ly_log_record *log, ids *id, ly_str *body,
                            size_t *n_attrs)
{
    ly_pb_reader reader = ly_pb_read(log->wire);
    ly_pb_field field;
    ly_pb_result r;
    bool again = false;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        switch (ly_pb_tag_of(&field)) {
        case 0x09:
            log->time_ns = field.value;
            break;
        case 0x10:
            log->severity = (int32_t)field.value;
            break;
        case 0x1A:
            log->severity_text = ly_pb_text(it, field.bytes);
            break;
        case 0x2A:
            again = ly_str_given(*body);
            *body = field.bytes;
            break;
        case 0x32:
            (*n_attrs)++;
            break;
        case 0x38:
            log->attrs.dropped = (uint32_t)field.value;
            break;
        case 0x45:
            log->flags = (uint32_t)field.value;
            break;
        case 0x4A:
            id->trace_id = field.bytes;
            break;
        case 0x52:
            id->span_id = field.bytes;
            break;
        case 0x59:
            log->observed_ns = field.value;
            break;
        case 0x62:
            log->event_name = ly_pb_text(it, field.bytes);
            break;
        default:
            break;
        }
    }
    if (r == LY_PB_MALFORMED) {
        return ly_pb_refuse(it, LY_REJECT_MALFORMED);
    }
    return !again || ly_pb_gather(it, log->wire, 5, body);
}

/* In a log record ids may be missing; all zero is how many SDKs say so. */
static bool set_log_ids(ly_pb_item *it, ly_log_record *log, const ids *id)
{
    if (id->trace_id.len == sizeof log->trace_id) {
        memcpy(log->trace_id.b, id->trace_id.ptr, sizeof log->trace_id);
    } else if (id->trace_id.len != 0) {
        return ly_pb_refuse(it, LY_REJECT_TRACE_ID);
    }
    if (id->span_id.len == sizeof log->span_id) {
        memcpy(log->span_id.b, id->span_id.ptr, sizeof log->span_id);
    } else if (id->span_id.len != 0) {
        return ly_pb_refuse(it, LY_REJECT_SPAN_ID);
    }
    log->has_trace_id = !ly_trace_id_zero(log->trace_id);
    log->has_span_id = !ly_span_id_zero(log->span_id);
    if (log->time_ns > INT64_MAX || log->observed_ns > INT64_MAX) {
        return ly_pb_refuse(it, LY_REJECT_TIME);
    }
    return true;
}

bool ly_pb_log(ly_pb_item *it, ly_str wire, ly_log_record *log)
{
    ids id = {LY_STR_NONE, LY_STR_NONE, LY_STR_NONE};
    ly_str body = LY_STR_NONE;
    size_t n_attrs = 0;
    log->wire = ly_pb_given(wire);
    log->severity_text = LY_S("");
    log->event_name = LY_S("");
    it->merge_left = LY_PB_MERGE_ROOM(wire.len);
    bool whole = read_log_fields(it, log, &id, &body, &n_attrs) &&
                 ly_pb_any(it, body, 1, &log->body) &&
                 ly_pb_attrs(it, log->wire, 6, n_attrs, &log->attrs);
    ly_reject first = it->reject;
    set_log_ids(it, log, &id);
    log->reject = whole ? it->reject : first;
    log->invalid_utf8 = it->bad_utf8;
    if (log->event_name.len == 0) {
        const ly_any *name = ly_attrs_get(&log->attrs, LY_S("event.name"));
        if (name && name->kind == LY_ANY_STRING) {
            log->event_name = name->str;
        }
    }
    return !it->no_memory;
}
