/*
 * OTLP/JSON, both ways. One table of messages and fields (schema.c) drives a transcoder between JSON
 * and protobuf bytes; reading JSON is transcoding and then ly_otlp_decode, so that both encodings
 * mean the same and every record has its `wire`.
 *
 * Read as the specification demands (lowerCamelCase, hex ids, 64-bit integers as strings or numbers,
 * enum numbers, unknown members ignored, null = unset) and as leniently as the reference collector:
 * snake_case members, names of enum values, numbers as strings. Numbers never pass through a double
 * unless the field is one.
 *
 * Written JSON is what the specification demands, with one addition where JSON cannot say what the
 * message says: a string that is not UTF-8, a field this build does not know, a field sent twice. Such a span, log record, resource or scope carries the member
 *
 *     "lyditeWire": "<base64 of its protobuf bytes>"
 *
 * beside its readable members (where U+FFFD stands for invalid bytes). Other readers ignore it, as
 * they must; ours takes it instead of the other members. So JSON Lines export and import are
 * lossless too; protobuf is merely smaller.
 */
#ifndef LY_OTLP_JSON_H
#define LY_OTLP_JSON_H

#include "base/buf.h"
#include "otlp/decode.h"
#include "otlp/model.h"

/*
 * Reads an Export*ServiceRequest or *Data document. Strings are in the arena; `text` may go. An
 * empty text is an error (unlike protobuf). Errors: LY_E_FORMAT with line and column, LY_E_LIMIT,
 * LY_E_NOMEM. A member of the wrong type inside an item rejects that item (LY_REJECT_MALFORMED), an
 * id that is not hex of the right length likewise with its own reason.
 */
LY_MUST_USE ly_status ly_otlp_decode_json(ly_str text, ly_signal signal, ly_arena *arena,
                                          const ly_otlp_limits *limits, ly_otlp_batch *ret_batch,
                                          ly_err *err);

/* JSON -> protobuf bytes of the same request, in the arena, without decoding them. Marks of rejected
 * items are lost: use it to convert, ly_otlp_decode_json to receive. */
LY_MUST_USE ly_status ly_otlp_json_to_proto(ly_str text, ly_signal signal, ly_arena *arena,
                                            ly_str *ret_bytes, ly_err *err);

/* Appends one TracesData (LogsData) document on one line, without a line feed, grouped as
 * ly_otlp_encode_traces does. */
LY_MUST_USE ly_status ly_otlp_json_traces(const ly_span *const *spans, size_t n, ly_buf *out,
                                          ly_err *err);
LY_MUST_USE ly_status ly_otlp_json_logs(const ly_log_record *const *logs, size_t n, ly_buf *out,
                                        ly_err *err);

/* One message for showing: the JSON form of a Span (LogRecord) alone. `wire` malformed: LY_E_FORMAT. */
LY_MUST_USE ly_status ly_otlp_json_span(ly_str wire, ly_buf *out, ly_err *err);
LY_MUST_USE ly_status ly_otlp_json_log(ly_str wire, ly_buf *out, ly_err *err);
/* One AnyValue as ordinary JSON: a kvlist becomes an object, bytes base64, an empty value null. The
 * nesting of `value` is limited by whoever decoded it. */
void ly_otlp_json_any(ly_buf *out, const ly_any *value);

#endif
