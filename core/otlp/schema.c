/* The tables of reference/otlp-and-genai-conventions.md section 1.12. */
#include "otlp/schema.h"

/* Rows: plain fields, enumerations, ids, messages. */
/* clang-format off */
#define N(text) {text, sizeof(text) - 1}
#define ROW(json, snake, number, type, repeated, size, sub, names)                                 \
    {N(json), N(snake), number, type, repeated, size, sub, names}
#define F(json, snake, number, type)     ROW(json, snake, number, type, false, 0, NULL, NULL)
#define E(json, snake, number, names)    ROW(json, snake, number, LY_T_ENUM, false, 0, NULL, names)
#define ID(json, snake, number, size)    ROW(json, snake, number, LY_T_ID, false, size, NULL, NULL)
#define M(json, snake, number, sub)      ROW(json, snake, number, LY_T_MESSAGE, false, 0, &(sub), NULL)
#define R(json, snake, number, sub)      ROW(json, snake, number, LY_T_MESSAGE, true, 0, &(sub), NULL)
#define S(json, snake, number)           ROW(json, snake, number, LY_T_STRING, true, 0, NULL, NULL)
/* clang-format on */

#define MESSAGE(name, table, ...) \
    const ly_message_desc name = {.fields = table, .n = LY_COUNT(table), __VA_ARGS__}

static const ly_enum_name span_kinds[] = {{"SPAN_KIND_UNSPECIFIED", 0},
                                          {"SPAN_KIND_INTERNAL", 1},
                                          {"SPAN_KIND_SERVER", 2},
                                          {"SPAN_KIND_CLIENT", 3},
                                          {"SPAN_KIND_PRODUCER", 4},
                                          {"SPAN_KIND_CONSUMER", 5},
                                          {NULL, 0}};
static const ly_enum_name status_codes[] = {
    {"STATUS_CODE_UNSET", 0}, {"STATUS_CODE_OK", 1}, {"STATUS_CODE_ERROR", 2}, {NULL, 0}};

#define SEVERITY(name, first)                                                     \
    {"SEVERITY_NUMBER_" name, first}, {"SEVERITY_NUMBER_" name "2", (first) + 1}, \
        {"SEVERITY_NUMBER_" name "3", (first) + 2},                               \
    {                                                                             \
        "SEVERITY_NUMBER_" name "4", (first) + 3                                  \
    }
static const ly_enum_name severities[] = {{"SEVERITY_NUMBER_UNSPECIFIED", 0},
                                          SEVERITY("TRACE", 1),
                                          SEVERITY("DEBUG", 5),
                                          SEVERITY("INFO", 9),
                                          SEVERITY("WARN", 13),
                                          SEVERITY("ERROR", 17),
                                          SEVERITY("FATAL", 21),
                                          {NULL, 0}};

/* ---- common ---- */

static const ly_message_desc any_value, key_value;

static const ly_field_desc array_fields[] = {R("values", "values", 1, any_value)};
static MESSAGE(array_value, array_fields, .frame = false);
static const ly_field_desc kvlist_fields[] = {R("values", "values", 1, key_value)};
static MESSAGE(kvlist_value, kvlist_fields, .frame = false);

static const ly_field_desc any_fields[] = {
    F("stringValue", "string_value", 1, LY_T_STRING),
    F("boolValue", "bool_value", 2, LY_T_BOOL),
    F("intValue", "int_value", 3, LY_T_INT64),
    F("doubleValue", "double_value", 4, LY_T_DOUBLE),
    M("arrayValue", "array_value", 5, array_value),
    M("kvlistValue", "kvlist_value", 6, kvlist_value),
    F("bytesValue", "bytes_value", 7, LY_T_BYTES),
};
static MESSAGE(any_value, any_fields, .oneof = true);

static const ly_field_desc kv_fields[] = {
    F("key", "key", 1, LY_T_STRING),
    M("value", "value", 2, any_value),
    F("keyStrindex", "key_strindex", 3, LY_T_INT32),
};
static MESSAGE(key_value, kv_fields, .frame = false);

static const ly_field_desc entity_fields[] = {
    F("schemaUrl", "schema_url", 1, LY_T_STRING),
    F("type", "type", 2, LY_T_STRING),
    S("idKeys", "id_keys", 3),
    S("descriptionKeys", "description_keys", 4),
};
static MESSAGE(entity_ref, entity_fields, .frame = false);

static const ly_field_desc resource_fields[] = {
    R("attributes", "attributes", 1, key_value),
    F("droppedAttributesCount", "dropped_attributes_count", 2, LY_T_UINT32),
    R("entityRefs", "entity_refs", 3, entity_ref),
};
MESSAGE(ly_desc_resource, resource_fields, .item = true);

static const ly_field_desc scope_fields[] = {
    F("name", "name", 1, LY_T_STRING),
    F("version", "version", 2, LY_T_STRING),
    R("attributes", "attributes", 3, key_value),
    F("droppedAttributesCount", "dropped_attributes_count", 4, LY_T_UINT32),
};
MESSAGE(ly_desc_scope, scope_fields, .item = true);

/* ---- traces ---- */

static const ly_field_desc event_fields[] = {
    F("timeUnixNano", "time_unix_nano", 1, LY_T_FIXED64),
    F("name", "name", 2, LY_T_STRING),
    R("attributes", "attributes", 3, key_value),
    F("droppedAttributesCount", "dropped_attributes_count", 4, LY_T_UINT32),
};
static MESSAGE(span_event, event_fields, .frame = false);

static const ly_field_desc link_fields[] = {
    ID("traceId", "trace_id", 1, 16),
    ID("spanId", "span_id", 2, 8),
    F("traceState", "trace_state", 3, LY_T_STRING),
    R("attributes", "attributes", 4, key_value),
    F("droppedAttributesCount", "dropped_attributes_count", 5, LY_T_UINT32),
    F("flags", "flags", 6, LY_T_FIXED32),
};
static MESSAGE(span_link, link_fields, .frame = false);

static const ly_field_desc status_fields[] = {
    F("message", "message", 2, LY_T_STRING),
    E("code", "code", 3, status_codes),
};
static MESSAGE(span_status, status_fields, .frame = false);

static const ly_field_desc span_fields[] = {
    ID("traceId", "trace_id", 1, 16),
    ID("spanId", "span_id", 2, 8),
    F("traceState", "trace_state", 3, LY_T_STRING),
    ID("parentSpanId", "parent_span_id", 4, 8),
    F("name", "name", 5, LY_T_STRING),
    E("kind", "kind", 6, span_kinds),
    F("startTimeUnixNano", "start_time_unix_nano", 7, LY_T_FIXED64),
    F("endTimeUnixNano", "end_time_unix_nano", 8, LY_T_FIXED64),
    R("attributes", "attributes", 9, key_value),
    F("droppedAttributesCount", "dropped_attributes_count", 10, LY_T_UINT32),
    R("events", "events", 11, span_event),
    F("droppedEventsCount", "dropped_events_count", 12, LY_T_UINT32),
    R("links", "links", 13, span_link),
    F("droppedLinksCount", "dropped_links_count", 14, LY_T_UINT32),
    M("status", "status", 15, span_status),
    F("flags", "flags", 16, LY_T_FIXED32),
};
_Static_assert(LY_COUNT(span_fields) <= LY_MAX_FIELDS, "raise LY_MAX_FIELDS");
MESSAGE(ly_desc_span, span_fields, .item = true);

static const ly_field_desc scope_spans_fields[] = {
    M("scope", "scope", 1, ly_desc_scope),
    R("spans", "spans", 2, ly_desc_span),
    F("schemaUrl", "schema_url", 3, LY_T_STRING),
};
static MESSAGE(scope_spans, scope_spans_fields, .frame = true);
static const ly_field_desc resource_spans_fields[] = {
    M("resource", "resource", 1, ly_desc_resource),
    R("scopeSpans", "scope_spans", 2, scope_spans),
    F("schemaUrl", "schema_url", 3, LY_T_STRING),
};
static MESSAGE(resource_spans, resource_spans_fields, .frame = true);
static const ly_field_desc traces_fields[] = {
    R("resourceSpans", "resource_spans", 1, resource_spans)};
static MESSAGE(traces, traces_fields, .frame = true);

/* ---- logs ---- */

static const ly_field_desc log_fields[] = {
    F("timeUnixNano", "time_unix_nano", 1, LY_T_FIXED64),
    E("severityNumber", "severity_number", 2, severities),
    F("severityText", "severity_text", 3, LY_T_STRING),
    M("body", "body", 5, any_value),
    R("attributes", "attributes", 6, key_value),
    F("droppedAttributesCount", "dropped_attributes_count", 7, LY_T_UINT32),
    F("flags", "flags", 8, LY_T_FIXED32),
    ID("traceId", "trace_id", 9, 16),
    ID("spanId", "span_id", 10, 8),
    F("observedTimeUnixNano", "observed_time_unix_nano", 11, LY_T_FIXED64),
    F("eventName", "event_name", 12, LY_T_STRING),
};
MESSAGE(ly_desc_log, log_fields, .item = true);

static const ly_field_desc scope_logs_fields[] = {
    M("scope", "scope", 1, ly_desc_scope),
    R("logRecords", "log_records", 2, ly_desc_log),
    F("schemaUrl", "schema_url", 3, LY_T_STRING),
};
static MESSAGE(scope_logs, scope_logs_fields, .frame = true);
static const ly_field_desc resource_logs_fields[] = {
    M("resource", "resource", 1, ly_desc_resource),
    R("scopeLogs", "scope_logs", 2, scope_logs),
    F("schemaUrl", "schema_url", 3, LY_T_STRING),
};
static MESSAGE(resource_logs, resource_logs_fields, .frame = true);
static const ly_field_desc logs_fields[] = {R("resourceLogs", "resource_logs", 1, resource_logs)};
static MESSAGE(logs, logs_fields, .frame = true);

/* ---- metrics: only as far as data points can be counted ---- */

static const ly_message_desc point = {.fields = NULL, .n = 0};
static const ly_field_desc points_fields[] = {R("dataPoints", "data_points", 1, point)};
static MESSAGE(points, points_fields, .frame = false);
static const ly_field_desc metric_fields[] = {
    M("gauge", "gauge", 5, points),
    M("sum", "sum", 7, points),
    M("histogram", "histogram", 9, points),
    M("exponentialHistogram", "exponential_histogram", 10, points),
    M("summary", "summary", 11, points),
};
static MESSAGE(metric, metric_fields, .item = true);
static const ly_field_desc scope_metrics_fields[] = {R("metrics", "metrics", 2, metric)};
static MESSAGE(scope_metrics, scope_metrics_fields, .frame = true);
static const ly_field_desc resource_metrics_fields[] = {
    R("scopeMetrics", "scope_metrics", 2, scope_metrics)};
static MESSAGE(resource_metrics, resource_metrics_fields, .frame = true);
static const ly_field_desc metrics_fields[] = {
    R("resourceMetrics", "resource_metrics", 1, resource_metrics)};
static MESSAGE(metrics, metrics_fields, .frame = true);

/* ---- replies ---- */

static const ly_field_desc partial_fields[] = {
    F("rejectedSpans", "rejected_spans", 1, LY_T_INT64),
    F("rejectedLogRecords", "rejected_log_records", 1, LY_T_INT64),
    F("rejectedDataPoints", "rejected_data_points", 1, LY_T_INT64),
    F("errorMessage", "error_message", 2, LY_T_STRING),
};
static MESSAGE(partial, partial_fields, .frame = true);
static const ly_field_desc response_fields[] = {M("partialSuccess", "partial_success", 1, partial)};
MESSAGE(ly_desc_response, response_fields, .frame = true);

static const ly_field_desc violation_fields[] = {
    F("field", "field", 1, LY_T_STRING),
    F("description", "description", 2, LY_T_STRING),
    F("reason", "reason", 3, LY_T_STRING),
};
static MESSAGE(violation, violation_fields, .frame = true);
static const ly_field_desc detail_fields[] = {
    F("@type", "type_url", LY_DETAIL_TYPE, LY_T_STRING),
    F("value", "value", LY_DETAIL_VALUE, LY_T_BYTES),
    R("fieldViolations", "field_violations", LY_DETAIL_VIOLATION, violation),
    F("retryDelay", "retry_delay", LY_DETAIL_DELAY, LY_T_STRING),
};
static MESSAGE(detail, detail_fields, .frame = true);
static const ly_field_desc rpc_status_fields[] = {
    F("code", "code", 1, LY_T_INT32),
    F("message", "message", 2, LY_T_STRING),
    R("details", "details", 3, detail),
};
MESSAGE(ly_desc_status, rpc_status_fields, .frame = true);

const ly_message_desc *ly_desc_of_signal(ly_signal signal)
{
    static const ly_message_desc *const all[] = {
        [LY_SIGNAL_TRACES] = &traces, [LY_SIGNAL_LOGS] = &logs, [LY_SIGNAL_METRICS] = &metrics};
    return all[signal];
}

const ly_message_desc *ly_desc_key_value(void)
{
    return &key_value;
}

uint32_t ly_field_wire(ly_field_type type)
{
    switch (type) {
    case LY_T_STRING:
    case LY_T_BYTES:
    case LY_T_ID:
    case LY_T_MESSAGE:
        return LY_PB_BYTES;
    case LY_T_FIXED64:
    case LY_T_DOUBLE:
        return LY_PB_FIXED64;
    case LY_T_FIXED32:
        return LY_PB_FIXED32;
    default:
        return LY_PB_VARINT;
    }
}

const ly_field_desc *ly_desc_field(const ly_message_desc *desc, const ly_pb_field *field)
{
    for (size_t i = 0; i < desc->n; i++) {
        if (desc->fields[i].number == field->number) {
            return ly_field_wire(desc->fields[i].type) == field->type ? &desc->fields[i] : NULL;
        }
    }
    return NULL;
}
