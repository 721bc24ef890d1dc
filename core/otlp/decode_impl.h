/*
 * Inside of the decoder: what its three files share.
 *
 *     decode.c        the frame of a request and the entry points
 *     decode_item.c   resource, scope, span, log record
 *     decode_value.c  AnyValue, KeyValue, attributes
 *
 * Each message with repeated members is read twice: once to count and to check its frame, once to
 * fill arrays of exactly that size from the arena. A message's parsing state is an ly_pb_item: what
 * went wrong in it (reject), whether the arena ran out, what UTF-8 was seen.
 *
 * Fields are switched on by tag (number << 3 | type), so a known number with another type falls into
 * the default branch: unknown, skipped. The tags are those of the schema tables in
 * reference/otlp-and-genai-conventions.md section 1.12.
 */
#ifndef LY_OTLP_DECODE_IMPL_H
#define LY_OTLP_DECODE_IMPL_H

#include "base/utf8.h"
#include "otlp/decode.h"
#include "otlp/pb.h"

typedef struct ly_pb_item {
    ly_arena *arena;
    size_t max_attrs;
    unsigned max_depth;
    ly_reject reject;
    bool no_memory;
    bool bad_utf8;
    size_t merge_left; /* bytes that merging repeated messages may still copy */
} ly_pb_item;

static inline uint32_t ly_pb_tag_of(const ly_pb_field *field)
{
    return field->number << 3 | field->type;
}

/* Always false, so that `return ly_pb_refuse(...)` reads well. */
static inline bool ly_pb_refuse(ly_pb_item *it, ly_reject reason)
{
    it->reject = reason;
    return false;
}

/* The string, its validity noted. */
static inline ly_str ly_pb_text(ly_pb_item *it, ly_str s)
{
    if (LY_UNLIKELY(!ly_utf8_valid(s))) {
        it->bad_utf8 = true;
    }
    return s;
}

/* A view that is never NULL. */
static inline ly_str ly_pb_given(ly_str s)
{
    return ly_str_given(s) ? s : LY_S("");
}

/* Uninitialised array of n; false when the arena is used up. */
bool ly_pb_take(ly_pb_item *it, size_t n, size_t size, size_t align, void **ret);
#define LY_PB_TAKE(it, n, type, ret) \
    ly_pb_take((it), (n), sizeof(type), _Alignof(type), (void **)(ret))

/* All below: false when the item is refused (it->reject) or the arena is used up (it->no_memory). */

/* What merging may copy for a message of n bytes: enough for pieces at several levels, and linear. */
#define LY_PB_MERGE_ROOM(n) ((n)*4 + 1024)

/* Joins all occurrences of field `number` in the message: for protobuf, one message sent in pieces is
 * the concatenation of them. No SDK does this; a stranger could, so what is copied for one item is
 * bounded by a multiple of the item's own size (merge_left). */
bool ly_pb_gather(ly_pb_item *it, ly_str message, uint32_t number, ly_str *ret);
bool ly_pb_any(ly_pb_item *it, ly_str message, unsigned depth, ly_any *ret);
/* Reads the n KeyValue fields of that number; n was counted over a well-formed message. */
bool ly_pb_attrs(ly_pb_item *it, ly_str message, uint32_t number, size_t n, ly_attrs *ret);

bool ly_pb_resource(ly_pb_item *it, ly_str message, ly_resource *ret);
bool ly_pb_scope(ly_pb_item *it, ly_str message, ly_scope *ret);
/* Fill in from wire, `reject` included; false only when the arena is used up. */
bool ly_pb_span(ly_pb_item *it, ly_str wire, ly_span *span);
bool ly_pb_log(ly_pb_item *it, ly_str wire, ly_log_record *log);

#endif
