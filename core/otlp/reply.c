/*
 * Replies of an OTLP endpoint: Export*ServiceResponse and google.rpc.Status, written and read in both
 * encodings. JSON is read by transcoding to protobuf; a detail's JSON members then stand in fields
 * of their own beside type_url and value (schema.h).
 */
#include "otlp/encode.h"

#include "base/clock.h"
#include "base/jscan.h"
#include "otlp/pb.h"
#include "otlp/transcode.h"

#define TYPE_PREFIX      "type.googleapis.com/google.rpc."
#define TYPE_RETRY       TYPE_PREFIX "RetryInfo"
#define TYPE_BAD_REQUEST TYPE_PREFIX "BadRequest"

/* ---- writing ---- */

static void put_text(ly_buf *out, uint32_t number, ly_str s)
{
    if (s.len > 0) {
        ly_pb_put_bytes(out, number, s);
    }
}

static const char *rejected_name(ly_signal signal)
{
    static const char *const names[] = {[LY_SIGNAL_TRACES] = "rejectedSpans",
                                        [LY_SIGNAL_LOGS] = "rejectedLogRecords",
                                        [LY_SIGNAL_METRICS] = "rejectedDataPoints"};
    return names[signal];
}

void ly_otlp_put_response(ly_buf *out, ly_otlp_format format, ly_signal signal,
                          const ly_otlp_partial *partial)
{
    bool empty = !partial || (partial->rejected == 0 && partial->message.len == 0);
    if (format == LY_OTLP_PROTO) {
        if (!empty) {
            size_t mark = ly_pb_open(out, 1);
            if (partial->rejected != 0) {
                ly_pb_put_int(out, 1, partial->rejected);
            }
            put_text(out, 2, partial->message);
            ly_pb_close(out, mark);
        }
        return;
    }
    if (empty) {
        ly_buf_c(out, "{}");
        return;
    }
    ly_buf_c(out, "{\"partialSuccess\":{");
    if (partial->rejected != 0) {
        ly_buf_fmt(out, "\"%s\":\"", rejected_name(signal));
        ly_buf_i64(out, partial->rejected);
        ly_buf_c(out, partial->message.len > 0 ? "\"," : "\"");
    }
    if (partial->message.len > 0) {
        ly_buf_c(out, "\"errorMessage\":");
        ly_jstr_put(out, partial->message, 0);
    }
    ly_buf_c(out, "}}");
}

static void put_retry_proto(ly_buf *out, int64_t ns)
{
    size_t any = ly_pb_open(out, 3);
    put_text(out, 1, LY_S(TYPE_RETRY));
    size_t value = ly_pb_open(out, 2);
    size_t duration = ly_pb_open(out, 1);
    if (ns / LY_NS_PER_SEC != 0) {
        ly_pb_put_int(out, 1, ns / LY_NS_PER_SEC);
    }
    if (ns % LY_NS_PER_SEC != 0) {
        ly_pb_put_int(out, 2, ns % LY_NS_PER_SEC);
    }
    ly_pb_close(out, duration);
    ly_pb_close(out, value);
    ly_pb_close(out, any);
}

static void put_violations_proto(ly_buf *out, const ly_otlp_status *status)
{
    size_t any = ly_pb_open(out, 3);
    put_text(out, 1, LY_S(TYPE_BAD_REQUEST));
    size_t value = ly_pb_open(out, 2);
    for (size_t i = 0; i < status->n_violations; i++) {
        size_t mark = ly_pb_open(out, 1);
        put_text(out, 1, status->violations[i].field);
        put_text(out, 2, status->violations[i].description);
        put_text(out, 3, status->violations[i].reason);
        ly_pb_close(out, mark);
    }
    ly_pb_close(out, value);
    ly_pb_close(out, any);
}

static void put_status_proto(ly_buf *out, const ly_otlp_status *status)
{
    if (status->code != 0) {
        ly_pb_put_int(out, 1, status->code);
    }
    put_text(out, 2, status->message);
    if (status->has_retry) {
        put_retry_proto(out, status->retry_ns);
    }
    if (status->n_violations > 0) {
        put_violations_proto(out, status);
    }
}

/* `"name":"text"`, with a comma before it unless it is the first. */
static void put_pair(ly_buf *out, bool *first, const char *name, ly_str text)
{
    if (text.len > 0) {
        ly_buf_fmt(out, "%s\"%s\":", *first ? "" : ",", name);
        ly_jstr_put(out, text, 0);
        *first = false;
    }
}

static void put_retry_json(ly_buf *out, int64_t ns)
{
    char delay[40];
    int n = snprintf(delay, sizeof delay, "%lld.%09lld", (long long)(ns / LY_NS_PER_SEC),
                     (long long)(ns % LY_NS_PER_SEC));
    /* proto3 writes 0, 3, 6 or 9 digits of the fraction */
    while (n > 3 && memcmp(delay + n - 3, "000", 3) == 0 && strchr(delay, '.') < delay + n - 3) {
        n -= 3;
    }
    if (delay[n - 1] == '.') {
        n--;
    }
    ly_buf_fmt(out, "{\"@type\":\"" TYPE_RETRY "\",\"retryDelay\":\"%.*ss\"}", n, delay);
}

static void put_violations_json(ly_buf *out, const ly_otlp_status *status)
{
    ly_buf_c(out, "{\"@type\":\"" TYPE_BAD_REQUEST "\",\"fieldViolations\":[");
    for (size_t i = 0; i < status->n_violations; i++) {
        bool first = true;
        ly_buf_c(out, i > 0 ? ",{" : "{");
        put_pair(out, &first, "field", status->violations[i].field);
        put_pair(out, &first, "description", status->violations[i].description);
        put_pair(out, &first, "reason", status->violations[i].reason);
        ly_buf_char(out, '}');
    }
    ly_buf_c(out, "]}");
}

static void put_status_json(ly_buf *out, const ly_otlp_status *status)
{
    bool first = true;
    ly_buf_char(out, '{');
    if (status->code != 0) {
        ly_buf_fmt(out, "\"code\":%d", (int)status->code);
        first = false;
    }
    put_pair(out, &first, "message", status->message);
    if (status->has_retry || status->n_violations > 0) {
        ly_buf_c(out, first ? "\"details\":[" : ",\"details\":[");
        if (status->has_retry) {
            put_retry_json(out, status->retry_ns);
        }
        if (status->n_violations > 0) {
            ly_buf_c(out, status->has_retry ? "," : "");
            put_violations_json(out, status);
        }
        ly_buf_char(out, ']');
    }
    ly_buf_char(out, '}');
}

void ly_otlp_put_status(ly_buf *out, ly_otlp_format format, const ly_otlp_status *status)
{
    if (format == LY_OTLP_PROTO) {
        put_status_proto(out, status);
    } else {
        put_status_json(out, status);
    }
}

/* ---- reading ---- */

static ly_status to_proto(ly_str bytes, ly_otlp_format format, const ly_message_desc *desc,
                          ly_arena *arena, ly_str *ret, ly_err *err)
{
    if (format == LY_OTLP_PROTO) {
        *ret = bytes;
        return LY_OK;
    }
    size_t room = LY_TRANSCODE_ROOM(bytes.len), len = 0;
    uint8_t *dst = ly_arena_alloc(arena, room, 1);
    if (!dst) {
        return LY_NOMEM(err);
    }
    ly_status status = ly_transcode(bytes, desc, dst, room, &len, NULL, err);
    *ret = ly_str_n(dst, len);
    return status;
}

static ly_status malformed(ly_err *err)
{
    return LY_FAIL(err, LY_E_FORMAT, "OTLP reply is not a valid protobuf message");
}

static bool read_partial(ly_str bytes, ly_otlp_partial *ret)
{
    ly_pb_reader reader = ly_pb_read(bytes);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.number == 1 && field.type == LY_PB_VARINT) {
            ret->rejected = (int64_t)field.value;
        } else if (field.number == 2 && field.type == LY_PB_BYTES) {
            ret->message = field.bytes;
        }
    }
    return r == LY_PB_END;
}

ly_status ly_otlp_read_response(ly_str bytes, ly_otlp_format format, ly_arena *arena,
                                ly_otlp_partial *ret_partial, ly_err *err)
{
    ly_otlp_partial partial = {0, LY_S("")};
    ly_status status = to_proto(bytes, format, &ly_desc_response, arena, &bytes, err);
    if (status != LY_OK) {
        return status;
    }
    ly_pb_reader reader = ly_pb_read(bytes);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.number == 1 && field.type == LY_PB_BYTES &&
            !read_partial(field.bytes, &partial)) {
            return malformed(err);
        }
    }
    if (r == LY_PB_MALFORMED) {
        return malformed(err);
    }
    *ret_partial = partial;
    return LY_OK;
}

static bool read_duration(ly_str bytes, int64_t *ret_ns)
{
    ly_pb_reader reader = ly_pb_read(bytes);
    ly_pb_field field;
    ly_pb_result r;
    int64_t seconds = 0, nanos = 0;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.type == LY_PB_VARINT && field.number == 1) {
            seconds = (int64_t)field.value;
        } else if (field.type == LY_PB_VARINT && field.number == 2) {
            nanos = (int32_t)field.value;
        }
    }
    if (r == LY_PB_MALFORMED || seconds < 0 || seconds > INT64_MAX / LY_NS_PER_SEC - 1 ||
        nanos < 0 || nanos >= LY_NS_PER_SEC) {
        return false;
    }
    *ret_ns = seconds * LY_NS_PER_SEC + nanos;
    return true;
}

/* "1.5s": proto3's JSON form of a Duration. */
static bool read_duration_text(ly_str text, int64_t *ret_ns)
{
    uint64_t seconds = 0, fraction = 0;
    if (!ly_str_ends(text, LY_S("s"))) {
        return false;
    }
    text.len--;
    size_t point = ly_str_find_char(text, '.', 0);
    if (!ly_str_to_u64(ly_str_sub(text, 0, point), &seconds) ||
        seconds > (uint64_t)(INT64_MAX / LY_NS_PER_SEC - 1)) {
        return false;
    }
    if (point != SIZE_MAX) {
        ly_str digits = ly_str_sub(text, point + 1, SIZE_MAX);
        if (digits.len > 9 || !ly_str_to_u64(digits, &fraction)) {
            return false;
        }
        for (size_t i = digits.len; i < 9; i++) {
            fraction *= 10;
        }
    }
    *ret_ns = (int64_t)seconds * LY_NS_PER_SEC + (int64_t)fraction;
    return true;
}

typedef struct details {
    ly_otlp_status *status;
    ly_otlp_violation *violations; /* NULL while counting */
} details;

static bool read_violation(details *d, ly_str bytes)
{
    ly_otlp_violation v = {LY_S(""), LY_S(""), LY_S("")};
    ly_pb_reader reader = ly_pb_read(bytes);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.type == LY_PB_BYTES && field.number == 1) {
            v.field = field.bytes;
        } else if (field.type == LY_PB_BYTES && field.number == 2) {
            v.description = field.bytes;
        } else if (field.type == LY_PB_BYTES && field.number == 3) {
            v.reason = field.bytes;
        }
    }
    if (d->violations) {
        d->violations[d->status->n_violations] = v;
    }
    d->status->n_violations++;
    return r == LY_PB_END;
}

/* The value of a detail: field 1 is RetryInfo's Duration or one of BadRequest's violations. */
static bool read_detail_value(details *d, bool retry, ly_str value)
{
    ly_pb_reader reader = ly_pb_read(value);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.number != 1 || field.type != LY_PB_BYTES) {
            continue;
        }
        if (!retry) {
            if (!read_violation(d, field.bytes)) {
                return false;
            }
        } else if (!read_duration(field.bytes, &d->status->retry_ns)) {
            return false;
        }
    }
    d->status->has_retry = d->status->has_retry || retry;
    return r == LY_PB_END;
}

static bool read_detail(details *d, ly_str bytes)
{
    ly_str type = LY_STR_NONE, value = LY_STR_NONE, delay = LY_STR_NONE;
    ly_pb_reader reader = ly_pb_read(bytes);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.type != LY_PB_BYTES) {
            continue;
        }
        type = field.number == LY_DETAIL_TYPE ? field.bytes : type;
        value = field.number == LY_DETAIL_VALUE ? field.bytes : value;
        delay = field.number == LY_DETAIL_DELAY ? field.bytes : delay;
        if (field.number == LY_DETAIL_VIOLATION && !read_violation(d, field.bytes)) {
            return false;
        }
    }
    bool retry = ly_str_ends(type, LY_S("/google.rpc.RetryInfo"));
    if (r == LY_PB_MALFORMED) {
        return false;
    }
    if (retry && ly_str_given(delay)) {
        d->status->has_retry = read_duration_text(delay, &d->status->retry_ns);
        return d->status->has_retry;
    }
    if (ly_str_given(value) && (retry || ly_str_ends(type, LY_S("/google.rpc.BadRequest")))) {
        return read_detail_value(d, retry, value);
    }
    d->status->has_retry = d->status->has_retry || retry;
    return true;
}

static bool read_status(ly_str bytes, details *d)
{
    ly_pb_reader reader = ly_pb_read(bytes);
    ly_pb_field field;
    ly_pb_result r;
    *d->status = (ly_otlp_status){.message = LY_S("")};
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.number == 1 && field.type == LY_PB_VARINT) {
            d->status->code = (int32_t)field.value;
        } else if (field.number == 2 && field.type == LY_PB_BYTES) {
            d->status->message = field.bytes;
        } else if (field.number == 3 && field.type == LY_PB_BYTES && !read_detail(d, field.bytes)) {
            return false;
        }
    }
    return r == LY_PB_END;
}

ly_status ly_otlp_read_status(ly_str bytes, ly_otlp_format format, ly_arena *arena,
                              ly_otlp_status *ret_status, ly_err *err)
{
    ly_otlp_status out;
    details d = {.status = &out};
    ly_status status = to_proto(bytes, format, &ly_desc_status, arena, &bytes, err);
    if (status != LY_OK) {
        return status;
    }
    if (!read_status(bytes, &d)) {
        return malformed(err);
    }
    if (out.n_violations > 0) {
        d.violations = LY_ARENA_ARRAY(arena, ly_otlp_violation, out.n_violations);
        if (!d.violations) {
            return LY_NOMEM(err);
        }
        (void)read_status(bytes, &d);
        out.violations = d.violations;
    }
    *ret_status = out;
    return LY_OK;
}
