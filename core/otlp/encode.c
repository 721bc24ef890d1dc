/* Writing requests from wire bytes and single messages from fields. Replies are in reply.c. */
#include "otlp/encode.h"

#include "otlp/group.h"
#include "otlp/pb.h"

/* ---- requests ---- */

/* Bytes of a length-delimited field with a number below 16. */
static uint64_t field_size(uint64_t len)
{
    return 1 + ly_pb_varint_size(len) + len;
}

/* Resource, scope and schema are left out when empty, except that an empty Resource message is what a
 * missing one reads as: the same. */
static uint64_t optional_size(ly_str s)
{
    return s.len > 0 ? field_size(s.len) : 0;
}

static void put_optional(ly_buf *out, uint32_t number, ly_str s)
{
    if (s.len > 0) {
        ly_pb_put_bytes(out, number, s);
    }
}

static uint64_t scope_size(const ly_group_scope *scope)
{
    return optional_size(scope->wire) + scope->bytes + optional_size(scope->schema);
}

static void put_scope_group(ly_buf *out, const ly_groups *groups, const ly_group_scope *scope)
{
    ly_pb_put_tag(out, 2, LY_PB_BYTES);
    ly_pb_put_varint(out, scope_size(scope));
    put_optional(out, 1, scope->wire);
    for (uint32_t i = scope->first; i != LY_GROUP_END; i = groups->items[i].next) {
        ly_pb_put_bytes(out, 2, groups->items[i].wire);
    }
    put_optional(out, 3, scope->schema);
}

static void put_groups(ly_buf *out, const ly_groups *groups)
{
    for (size_t r = 0; r < groups->n_resources; r++) {
        const ly_group_resource *resource = &groups->resources[r];
        uint64_t size = optional_size(resource->wire) + optional_size(resource->schema);
        for (uint32_t s = resource->first; s != LY_GROUP_END; s = groups->scopes[s].next) {
            size += field_size(scope_size(&groups->scopes[s]));
        }
        ly_pb_put_tag(out, 1, LY_PB_BYTES);
        ly_pb_put_varint(out, size);
        put_optional(out, 1, resource->wire);
        for (uint32_t s = resource->first; s != LY_GROUP_END; s = groups->scopes[s].next) {
            put_scope_group(out, groups, &groups->scopes[s]);
        }
        put_optional(out, 3, resource->schema);
    }
}

ly_status ly_otlp_encode_traces(const ly_span *const *spans, size_t n, ly_buf *out, ly_err *err)
{
    ly_groups groups;
    ly_status status = ly_groups_spans(spans, n, &groups, err);
    if (status != LY_OK) {
        return status;
    }
    put_groups(out, &groups);
    ly_groups_release(&groups);
    return ly_buf_status(out, "OTLP export", err);
}

ly_status ly_otlp_encode_logs(const ly_log_record *const *logs, size_t n, ly_buf *out, ly_err *err)
{
    ly_groups groups;
    ly_status status = ly_groups_logs(logs, n, &groups, err);
    if (status != LY_OK) {
        return status;
    }
    put_groups(out, &groups);
    ly_groups_release(&groups);
    return ly_buf_status(out, "OTLP export", err);
}

/* ---- values ---- */

static void put_any(ly_buf *out, const ly_any *value)
{
    size_t mark;
    switch (value->kind) {
    case LY_ANY_EMPTY:
        break;
    case LY_ANY_STRING:
        ly_pb_put_bytes(out, 1, value->str);
        break;
    case LY_ANY_BOOL:
        ly_pb_put_uint(out, 2, value->boolean);
        break;
    case LY_ANY_INT:
        ly_pb_put_int(out, 3, value->integer);
        break;
    case LY_ANY_DOUBLE:
        ly_pb_put_double(out, 4, value->real);
        break;
    case LY_ANY_ARRAY:
        mark = ly_pb_open(out, 5);
        for (size_t i = 0; i < value->array.n; i++) {
            size_t inner = ly_pb_open(out, 1);
            put_any(out, &value->array.items[i]);
            ly_pb_close(out, inner);
        }
        ly_pb_close(out, mark);
        break;
    case LY_ANY_KVLIST:
        mark = ly_pb_open(out, 6);
        for (size_t i = 0; i < value->kvlist.n; i++) {
            ly_otlp_put_kv(out, 1, &value->kvlist.items[i]);
        }
        ly_pb_close(out, mark);
        break;
    case LY_ANY_BYTES:
        ly_pb_put_bytes(out, 7, value->str);
        break;
    }
}

static size_t open_kv(ly_buf *out, uint32_t number, ly_str key)
{
    size_t mark = ly_pb_open(out, number);
    put_optional(out, 1, key);
    return mark;
}

void ly_otlp_put_kv(ly_buf *out, uint32_t number, const ly_kv *kv)
{
    size_t mark = open_kv(out, number, kv->key);
    size_t value = ly_pb_open(out, 2);
    put_any(out, &kv->value);
    ly_pb_close(out, value);
    ly_pb_close(out, mark);
}

void ly_otlp_put_attr_str(ly_buf *out, uint32_t number, ly_str key, ly_str value)
{
    ly_pb_put_tag(out, number, LY_PB_BYTES);
    uint64_t any = field_size(value.len);
    ly_pb_put_varint(out, optional_size(key) + field_size(any));
    put_optional(out, 1, key);
    ly_pb_put_tag(out, 2, LY_PB_BYTES);
    ly_pb_put_varint(out, any);
    ly_pb_put_bytes(out, 1, value);
}

void ly_otlp_put_attr_i64(ly_buf *out, uint32_t number, ly_str key, int64_t value)
{
    ly_kv kv = {key, {.kind = LY_ANY_INT, .integer = value}};
    ly_otlp_put_kv(out, number, &kv);
}

void ly_otlp_put_attr_f64(ly_buf *out, uint32_t number, ly_str key, double value)
{
    ly_kv kv = {key, {.kind = LY_ANY_DOUBLE, .real = value}};
    ly_otlp_put_kv(out, number, &kv);
}

void ly_otlp_put_attr_bool(ly_buf *out, uint32_t number, ly_str key, bool value)
{
    ly_kv kv = {key, {.kind = LY_ANY_BOOL, .boolean = value}};
    ly_otlp_put_kv(out, number, &kv);
}

/* ---- messages ---- */

static void put_attrs(ly_buf *out, uint32_t number, const ly_attrs *attrs)
{
    for (size_t i = 0; i < attrs->n; i++) {
        ly_otlp_put_kv(out, number, &attrs->items[i]);
    }
}

static void put_count(ly_buf *out, uint32_t number, uint64_t value)
{
    if (value != 0) {
        ly_pb_put_uint(out, number, value);
    }
}

static void put_time(ly_buf *out, uint32_t number, uint64_t ns)
{
    if (ns != 0) {
        ly_pb_put_fixed64(out, number, ns);
    }
}

void ly_otlp_put_resource(ly_buf *out, const ly_resource *resource)
{
    put_attrs(out, LY_OTLP_RESOURCE_ATTR, &resource->attrs);
    put_count(out, 2, resource->attrs.dropped);
}

void ly_otlp_put_scope(ly_buf *out, const ly_scope *scope)
{
    put_optional(out, 1, scope->name);
    put_optional(out, 2, scope->version);
    put_attrs(out, LY_OTLP_SCOPE_ATTR, &scope->attrs);
    put_count(out, 4, scope->attrs.dropped);
}

static void put_event(ly_buf *out, const ly_event *event)
{
    size_t mark = ly_pb_open(out, 11);
    put_time(out, 1, event->time_ns);
    put_optional(out, 2, event->name);
    put_attrs(out, LY_OTLP_EVENT_ATTR, &event->attrs);
    put_count(out, 4, event->attrs.dropped);
    ly_pb_close(out, mark);
}

static void put_link(ly_buf *out, const ly_link *link)
{
    size_t mark = ly_pb_open(out, 13);
    ly_pb_put_bytes(out, 1, ly_str_n(link->trace_id.b, sizeof link->trace_id.b));
    ly_pb_put_bytes(out, 2, ly_str_n(link->span_id.b, sizeof link->span_id.b));
    put_optional(out, 3, link->trace_state);
    put_attrs(out, LY_OTLP_LINK_ATTR, &link->attrs);
    put_count(out, 5, link->attrs.dropped);
    if (link->flags != 0) {
        ly_pb_put_fixed32(out, 6, link->flags);
    }
    ly_pb_close(out, mark);
}

static void put_span_status(ly_buf *out, const ly_span *span)
{
    if (span->status_code == LY_CODE_UNSET && span->status_message.len == 0) {
        return;
    }
    size_t mark = ly_pb_open(out, 15);
    put_optional(out, 2, span->status_message);
    if (span->status_code != LY_CODE_UNSET) {
        ly_pb_put_int(out, 3, span->status_code);
    }
    ly_pb_close(out, mark);
}

void ly_otlp_put_span(ly_buf *out, const ly_span *span)
{
    ly_pb_put_bytes(out, 1, ly_str_n(span->trace_id.b, sizeof span->trace_id.b));
    ly_pb_put_bytes(out, 2, ly_str_n(span->span_id.b, sizeof span->span_id.b));
    put_optional(out, 3, span->trace_state);
    if (!ly_span_id_zero(span->parent_id)) {
        ly_pb_put_bytes(out, 4, ly_str_n(span->parent_id.b, sizeof span->parent_id.b));
    }
    put_optional(out, 5, span->name);
    if (span->kind != LY_KIND_UNSPECIFIED) {
        ly_pb_put_int(out, 6, span->kind);
    }
    put_time(out, 7, span->start_ns);
    put_time(out, 8, span->end_ns);
    put_attrs(out, LY_OTLP_SPAN_ATTR, &span->attrs);
    put_count(out, 10, span->attrs.dropped);
    for (size_t i = 0; i < span->n_events; i++) {
        put_event(out, &span->events[i]);
    }
    put_count(out, 12, span->dropped_events);
    for (size_t i = 0; i < span->n_links; i++) {
        put_link(out, &span->links[i]);
    }
    put_count(out, 14, span->dropped_links);
    put_span_status(out, span);
    if (span->has_flags) {
        ly_pb_put_fixed32(out, 16, span->flags);
    }
}

void ly_otlp_put_log(ly_buf *out, const ly_log_record *log)
{
    put_time(out, 1, log->time_ns);
    if (log->severity != 0) {
        ly_pb_put_int(out, 2, log->severity);
    }
    put_optional(out, 3, log->severity_text);
    if (log->body.kind != LY_ANY_EMPTY) {
        size_t mark = ly_pb_open(out, 5);
        put_any(out, &log->body);
        ly_pb_close(out, mark);
    }
    put_attrs(out, LY_OTLP_LOG_ATTR, &log->attrs);
    put_count(out, 7, log->attrs.dropped);
    if (log->flags != 0) {
        ly_pb_put_fixed32(out, 8, log->flags);
    }
    if (log->has_trace_id) {
        ly_pb_put_bytes(out, 9, ly_str_n(log->trace_id.b, sizeof log->trace_id.b));
    }
    if (log->has_span_id) {
        ly_pb_put_bytes(out, 10, ly_str_n(log->span_id.b, sizeof log->span_id.b));
    }
    put_time(out, 11, log->observed_ns);
    put_optional(out, 12, log->event_name);
}
