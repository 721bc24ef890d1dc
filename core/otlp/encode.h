/*
 * Model -> OTLP protobuf: requests (export), the messages inside them, and the replies of an OTLP
 * endpoint in both encodings with their readers for the client side.
 *
 * Two ways to write a span. Whole requests are made of `wire` bytes, untouched, because what was
 * received is what is exported (DESIGN promise 3). A span of our own is written from its fields with
 * ly_otlp_put_span, in field-number order with defaults left out, which is what protobuf libraries
 * write.
 * All functions append; failure is the buffer's sticky one (ly_buf_status) unless they return it.
 */
#ifndef LY_OTLP_ENCODE_H
#define LY_OTLP_ENCODE_H

#include "base/buf.h"
#include "otlp/model.h"

/* ---- requests, from wire bytes ---- */

/*
 * Appends an ExportTraceServiceRequest (= TracesData) of n spans, each by its `wire`, grouped by
 * resource and scope in order of first appearance: two belong together when their wire bytes and
 * schema URLs are equal. A NULL resource or scope counts as an empty one. Rejected spans are the
 * caller's to leave out. LY_E_NOMEM, LY_E_LIMIT (out's maximum).
 */
LY_MUST_USE ly_status ly_otlp_encode_traces(const ly_span *const *spans, size_t n, ly_buf *out,
                                            ly_err *err);
LY_MUST_USE ly_status ly_otlp_encode_logs(const ly_log_record *const *logs, size_t n, ly_buf *out,
                                          ly_err *err);

/* ---- single messages, from fields (their `wire` is ignored) ---- */

/* The bytes of the message itself, without tag and length. Times, ids and so on as in model.h; a zero
 * parent_id is left out; flags is written when has_flags. */
void ly_otlp_put_span(ly_buf *out, const ly_span *span);
void ly_otlp_put_log(ly_buf *out, const ly_log_record *log);
void ly_otlp_put_resource(ly_buf *out, const ly_resource *resource);
void ly_otlp_put_scope(ly_buf *out, const ly_scope *scope);
/* A whole KeyValue field with this number in the enclosing message (span and log attributes have
 * different ones): LY_OTLP_SPAN_ATTR ... */
void ly_otlp_put_kv(ly_buf *out, uint32_t number, const ly_kv *kv);
void ly_otlp_put_attr_str(ly_buf *out, uint32_t number, ly_str key, ly_str value);
void ly_otlp_put_attr_i64(ly_buf *out, uint32_t number, ly_str key, int64_t value);
void ly_otlp_put_attr_f64(ly_buf *out, uint32_t number, ly_str key, double value);
void ly_otlp_put_attr_bool(ly_buf *out, uint32_t number, ly_str key, bool value);

/* Field numbers of `attributes` in each message that has them. */
enum {
    LY_OTLP_RESOURCE_ATTR = 1,
    LY_OTLP_SCOPE_ATTR = 3,
    LY_OTLP_EVENT_ATTR = 3,
    LY_OTLP_LINK_ATTR = 4,
    LY_OTLP_LOG_ATTR = 6,
    LY_OTLP_SPAN_ATTR = 9
};

/* ---- replies ---- */

typedef enum ly_otlp_format { LY_OTLP_PROTO, LY_OTLP_JSON } ly_otlp_format;

/* What Export*ServiceResponse says. rejected 0 with an empty message is full success. */
typedef struct ly_otlp_partial {
    int64_t rejected;
    ly_str message;
} ly_otlp_partial;

/* Full success is zero bytes in protobuf and {} in JSON (requirement R5). */
void ly_otlp_put_response(ly_buf *out, ly_otlp_format format, ly_signal signal,
                          const ly_otlp_partial *partial);
/* Reads one. Views point into bytes (protobuf) or the arena (JSON). LY_E_FORMAT, LY_E_NOMEM. */
LY_MUST_USE ly_status ly_otlp_read_response(ly_str bytes, ly_otlp_format format, ly_arena *arena,
                                            ly_otlp_partial *ret_partial, ly_err *err);

typedef struct ly_otlp_violation {
    ly_str field, description, reason;
} ly_otlp_violation;

/* google.rpc.Status with the two details that OTLP names; others are skipped when reading. */
typedef struct ly_otlp_status {
    int32_t code; /* a gRPC status code; 0 = not given */
    ly_str message;
    bool has_retry;                      /* google.rpc.RetryInfo */
    int64_t retry_ns;                    /* its retry_delay, 0 or more */
    const ly_otlp_violation *violations; /* google.rpc.BadRequest */
    size_t n_violations;
} ly_otlp_status;

/* Protobuf: also the bytes of gRPC's `grpc-status-details-bin`. JSON: the proto3 form with "@type". */
void ly_otlp_put_status(ly_buf *out, ly_otlp_format format, const ly_otlp_status *status);
LY_MUST_USE ly_status ly_otlp_read_status(ly_str bytes, ly_otlp_format format, ly_arena *arena,
                                          ly_otlp_status *ret_status, ly_err *err);

#endif
