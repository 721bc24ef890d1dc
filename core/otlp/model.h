/*
 * The span and log model: what an OTLP request says, as views.
 *
 * A decoded request (ly_otlp_batch) lives in one arena; every ly_str in it points either into the
 * request's bytes (protobuf: zero copy) or into the arena (JSON), and dies with the shorter-lived of
 * the two. Nothing here is normalised: order, duplicates, empty values and oneof cases are as sent.
 *
 * Lossless rule (DESIGN promise 3): each span and log record carries `wire`, the complete protobuf
 * bytes of its own message. From protobuf that is a view of the request; from JSON the reader writes
 * them. What is stored and exported is `wire`; the parsed fields are for reading.
 *
 * Field numbers: opentelemetry-proto 1.11.0, reference/otlp-and-genai-conventions.md §1.12.
 */
#ifndef LY_OTLP_MODEL_H
#define LY_OTLP_MODEL_H

#include "base/arena.h"
#include "base/str.h"

typedef enum ly_any_kind {
    LY_ANY_EMPTY = 0, /* no member set: the valid empty value */
    LY_ANY_STRING,
    LY_ANY_BOOL,
    LY_ANY_INT,
    LY_ANY_DOUBLE,
    LY_ANY_ARRAY,
    LY_ANY_KVLIST,
    LY_ANY_BYTES
} ly_any_kind;

typedef struct ly_any ly_any;
typedef struct ly_kv ly_kv;

struct ly_any {
    ly_any_kind kind;
    union {
        ly_str str; /* LY_ANY_STRING, LY_ANY_BYTES; perhaps not valid UTF-8 (never rejected) */
        bool boolean;
        int64_t integer;
        double real;
        struct {
            const ly_any *items;
            size_t n;
        } array;
        struct {
            const ly_kv *items;
            size_t n;
        } kvlist;
    };
};

struct ly_kv {
    ly_str key;
    ly_any value;
};

typedef struct ly_attrs {
    const ly_kv *items;
    size_t n;
    uint32_t dropped; /* dropped_attributes_count */
} ly_attrs;

typedef struct ly_trace_id {
    uint8_t b[16];
} ly_trace_id;
typedef struct ly_span_id {
    uint8_t b[8];
} ly_span_id;

static inline bool ly_trace_id_zero(ly_trace_id id)
{
    static const uint8_t zero[16];
    return memcmp(id.b, zero, sizeof zero) == 0;
}
static inline bool ly_span_id_zero(ly_span_id id)
{
    static const uint8_t zero[8];
    return memcmp(id.b, zero, sizeof zero) == 0;
}
static inline bool ly_trace_id_eq(ly_trace_id a, ly_trace_id b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}
static inline bool ly_span_id_eq(ly_span_id a, ly_span_id b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

typedef struct ly_resource {
    ly_attrs attrs;
    ly_str schema_url;
    ly_str wire; /* the Resource message */
} ly_resource;

typedef struct ly_scope {
    ly_str name, version;
    ly_attrs attrs;
    ly_str schema_url;
    ly_str wire; /* the InstrumentationScope message */
} ly_scope;

typedef struct ly_event {
    uint64_t time_ns;
    ly_str name;
    ly_attrs attrs;
} ly_event;

typedef struct ly_link {
    ly_trace_id trace_id;
    ly_span_id span_id;
    ly_str trace_state;
    ly_attrs attrs;
    uint32_t flags;
} ly_link;

typedef enum ly_span_kind {
    LY_KIND_UNSPECIFIED = 0,
    LY_KIND_INTERNAL = 1,
    LY_KIND_SERVER = 2,
    LY_KIND_CLIENT = 3,
    LY_KIND_PRODUCER = 4,
    LY_KIND_CONSUMER = 5
} ly_span_kind;

typedef enum ly_status_code { LY_CODE_UNSET = 0, LY_CODE_OK = 1, LY_CODE_ERROR = 2 } ly_status_code;

/* Why one item of a request is refused while its neighbours are kept. NULL text = accepted. */
typedef enum ly_reject {
    LY_REJECT_NONE = 0,
    LY_REJECT_TRACE_ID,  /* wrong length or all zero */
    LY_REJECT_SPAN_ID,   /* wrong length or all zero */
    LY_REJECT_PARENT_ID, /* wrong length */
    LY_REJECT_DEPTH,     /* AnyValue nested too deep */
    LY_REJECT_COUNT,     /* too many attributes, events or links */
    LY_REJECT_MALFORMED, /* this item's bytes cannot be parsed although the request's frame can */
    LY_REJECT_TIME,      /* a time outside of what 64-bit signed nanoseconds hold */
    LY_REJECT__COUNT
} ly_reject;

/* Stable short name for counters ("trace_id") and one line of English for error_message. */
const char *ly_reject_name(ly_reject reason);
const char *ly_reject_text(ly_reject reason);

typedef struct ly_span {
    ly_trace_id trace_id;
    ly_span_id span_id;
    ly_span_id parent_id; /* zero = root */
    ly_str trace_state;
    ly_str name;
    int32_t kind;      /* ly_span_kind, or a later value kept as sent */
    uint64_t start_ns; /* as sent: start may be 0, end may be before start */
    uint64_t end_ns;
    ly_attrs attrs;
    const ly_event *events;
    size_t n_events;
    uint32_t dropped_events;
    const ly_link *links;
    size_t n_links;
    uint32_t dropped_links;
    int32_t status_code; /* ly_status_code */
    ly_str status_message;
    uint32_t flags;
    bool has_flags;
    bool invalid_utf8; /* some string of it is not valid UTF-8; kept, shown escaped */
    ly_reject reject;
    const ly_resource *resource; /* never NULL in a decoded batch */
    const ly_scope *scope;       /* never NULL in a decoded batch */
    ly_str wire;                 /* the Span message */
} ly_span;

typedef struct ly_log_record {
    uint64_t time_ns; /* 0 = unknown: use observed_ns */
    uint64_t observed_ns;
    int32_t severity;
    ly_str severity_text;
    ly_any body;
    ly_attrs attrs;
    uint32_t flags;
    bool has_trace_id, has_span_id;
    ly_trace_id trace_id;
    ly_span_id span_id;
    ly_str event_name; /* the field, or the attribute `event.name` where the field is empty */
    bool invalid_utf8;
    ly_reject reject;
    const ly_resource *resource;
    const ly_scope *scope;
    ly_str wire; /* the LogRecord message */
} ly_log_record;

typedef enum ly_signal { LY_SIGNAL_TRACES, LY_SIGNAL_LOGS, LY_SIGNAL_METRICS } ly_signal;

typedef struct ly_otlp_batch {
    ly_signal signal;
    ly_span *spans; /* in the order sent, the rejected among them */
    size_t n_spans;
    ly_log_record *logs;
    size_t n_logs;
    size_t n_points;   /* metrics are only counted */
    size_t n_rejected; /* spans or logs with reject != 0 */
    ly_reject first_reject;
    ly_str fault; /* JSON: what was wrong with the first malformed item; may be not given */
} ly_otlp_batch;

/* The last attribute of that key, or NULL. (OTLP keys are unique; where a client repeats one, the last
 * wins for reading, all are kept.) */
const ly_any *ly_attrs_get(const ly_attrs *attrs, ly_str key);

#endif
