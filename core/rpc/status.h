/*
 * gRPC status codes and google.rpc.Status, the message that says why.
 *
 * The same Status message travels in gRPC's `grpc-status-details-bin` trailer and as the body of a
 * failed OTLP/HTTP protobuf request, so both receivers and both exporters use this page. Numbers and
 * fields: reference/otlp-and-genai-conventions.md §1.1 and §1.4. Pure functions; no gRPC inside.
 */
#ifndef LY_RPC_STATUS_H
#define LY_RPC_STATUS_H

#include "base/buf.h"
#include "base/str.h"

/* name, number, retryable by OTLP's table, the HTTP status that says the same */
#define LY_RPC_CODE_LIST(X)                                             \
    X(LY_RPC_OK, 0, "OK", false, 200)                                   \
    X(LY_RPC_CANCELLED, 1, "CANCELLED", true, 503)                      \
    X(LY_RPC_UNKNOWN, 2, "UNKNOWN", false, 500)                         \
    X(LY_RPC_INVALID_ARGUMENT, 3, "INVALID_ARGUMENT", false, 400)       \
    X(LY_RPC_DEADLINE_EXCEEDED, 4, "DEADLINE_EXCEEDED", true, 503)      \
    X(LY_RPC_NOT_FOUND, 5, "NOT_FOUND", false, 404)                     \
    X(LY_RPC_ALREADY_EXISTS, 6, "ALREADY_EXISTS", false, 500)           \
    X(LY_RPC_PERMISSION_DENIED, 7, "PERMISSION_DENIED", false, 403)     \
    X(LY_RPC_RESOURCE_EXHAUSTED, 8, "RESOURCE_EXHAUSTED", false, 413)   \
    X(LY_RPC_FAILED_PRECONDITION, 9, "FAILED_PRECONDITION", false, 500) \
    X(LY_RPC_ABORTED, 10, "ABORTED", true, 503)                         \
    X(LY_RPC_OUT_OF_RANGE, 11, "OUT_OF_RANGE", true, 503)               \
    X(LY_RPC_UNIMPLEMENTED, 12, "UNIMPLEMENTED", false, 404)            \
    X(LY_RPC_INTERNAL, 13, "INTERNAL", false, 500)                      \
    X(LY_RPC_UNAVAILABLE, 14, "UNAVAILABLE", true, 503)                 \
    X(LY_RPC_DATA_LOSS, 15, "DATA_LOSS", true, 503)                     \
    X(LY_RPC_UNAUTHENTICATED, 16, "UNAUTHENTICATED", false, 401)

typedef enum ly_rpc_code {
#define LY_RPC_CODE_ENUM(id, value, name, retry, http) id = (value),
    LY_RPC_CODE_LIST(LY_RPC_CODE_ENUM)
#undef LY_RPC_CODE_ENUM
} ly_rpc_code;

/* "UNAVAILABLE"; "UNKNOWN" for a number that is none. Never NULL. */
const char *ly_rpc_code_name(int code);
/* The HTTP status for a code (RESOURCE_EXHAUSTED means "too large" here and gives 413). */
int ly_rpc_code_http(int code);

/* Parts of a google.rpc.Status. */
typedef struct ly_rpc_status_msg {
    int code;
    ly_str message;
    int64_t retry_delay_ns; /* RetryInfo; negative = none */
    ly_str bad_field;       /* BadRequest: the field's name; not given = none */
    ly_str bad_reason;      /* BadRequest: what is wrong with it */
} ly_rpc_status_msg;

#define LY_RPC_STATUS_MSG_INIT ((ly_rpc_status_msg){0, {NULL, 0}, -1, {NULL, 0}, {NULL, 0}})

/* Appends the protobuf bytes. */
void ly_rpc_status_write(ly_buf *out, const ly_rpc_status_msg *msg);
/* Reads protobuf bytes; views point into `bytes`. Unknown fields and details are skipped. false when the
 * bytes are not a message; *ret is untouched then. */
LY_MUST_USE bool ly_rpc_status_read(ly_str bytes, ly_rpc_status_msg *ret);

/* May an exporter send the same batch again (§1.4)? RESOURCE_EXHAUSTED only with a RetryInfo. `details`
 * is the trailer, perhaps empty; *ret_delay_ns (may be NULL) becomes the delay the server asked for, 0
 * when it named none. */
bool ly_rpc_retryable(int code, ly_str details, int64_t *ret_delay_ns);

#endif
