/*
 * Protobuf wire format, the part OTLP needs: a bounded reader and a writer into ly_buf.
 *
 * Both know bytes, not messages (those are decode.h and encode.h). Reading never copies: a
 * length-delimited field is a view. What is refused, because nothing OTLP sends has it and stack or
 * time could be spent on it: groups (wire types 3 and 4), types 6 and 7, field number 0, tags past 32
 * bits, varints past 10 bytes or 64 bits, lengths past the end of the enclosing message.
 *
 * Layout of one field (https://protobuf.dev/programming-guides/encoding/):
 *
 *     tag = number << 3 | type      type 0 varint        1..10 bytes, low 7 bits first
 *     (varint)                      type 1 64 bits       little-endian
 *                                   type 2 bytes         varint length, then the bytes
 *                                   type 5 32 bits       little-endian
 */
#ifndef LY_OTLP_PB_H
#define LY_OTLP_PB_H

#include "base/buf.h"
#include "base/str.h"

enum { LY_PB_VARINT = 0, LY_PB_FIXED64 = 1, LY_PB_BYTES = 2, LY_PB_FIXED32 = 5 };

/* ---- reading ---- */

typedef struct ly_pb_reader {
    const uint8_t *at, *end;
} ly_pb_reader;

typedef struct ly_pb_field {
    uint32_t number;
    uint32_t type;
    uint64_t value; /* types 0, 1 and 5 */
    ly_str bytes;   /* type 2; never NULL then */
} ly_pb_field;

typedef enum ly_pb_result { LY_PB_MALFORMED = -1, LY_PB_END = 0, LY_PB_FIELD = 1 } ly_pb_result;

static inline ly_pb_reader ly_pb_read(ly_str message)
{
    const uint8_t *at = (const uint8_t *)(message.ptr ? message.ptr : "");
    return (ly_pb_reader){at, at + message.len};
}

/* Reads a varint at *at, which must lie before end. false when cut off or over 64 bits. */
bool ly_pb_varint_slow(const uint8_t **at, const uint8_t *end, uint64_t *ret);
static inline bool ly_pb_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    if (LY_LIKELY(*at < end && **at < 0x80)) {
        *ret = *(*at)++;
        return true;
    }
    return ly_pb_varint_slow(at, end, ret);
}

static inline uint32_t ly_pb_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ly_pb_le64(const uint8_t *p)
{
    return (uint64_t)ly_pb_le32(p) | (uint64_t)ly_pb_le32(p + 4) << 32;
}

/* The next field, known to the caller or not. On LY_PB_MALFORMED the reader must not be used again. */
static inline ly_pb_result ly_pb_next(ly_pb_reader *reader, ly_pb_field *ret_field)
{
    uint64_t tag, len;
    if (reader->at == reader->end) {
        return LY_PB_END;
    }
    if (!ly_pb_varint(&reader->at, reader->end, &tag) || tag < 8 || tag > UINT32_MAX) {
        return LY_PB_MALFORMED;
    }
    ret_field->number = (uint32_t)tag >> 3;
    ret_field->type = (uint32_t)tag & 7;
    switch (ret_field->type) {
    case LY_PB_BYTES:
        if (!ly_pb_varint(&reader->at, reader->end, &len) ||
            len > (uint64_t)(reader->end - reader->at)) {
            return LY_PB_MALFORMED;
        }
        ret_field->bytes = ly_str_n(reader->at, (size_t)len);
        reader->at += len;
        return LY_PB_FIELD;
    case LY_PB_VARINT:
        return ly_pb_varint(&reader->at, reader->end, &ret_field->value) ? LY_PB_FIELD
                                                                         : LY_PB_MALFORMED;
    case LY_PB_FIXED64:
        if (reader->end - reader->at < 8) {
            return LY_PB_MALFORMED;
        }
        ret_field->value = ly_pb_le64(reader->at);
        reader->at += 8;
        return LY_PB_FIELD;
    case LY_PB_FIXED32:
        if (reader->end - reader->at < 4) {
            return LY_PB_MALFORMED;
        }
        ret_field->value = ly_pb_le32(reader->at);
        reader->at += 4;
        return LY_PB_FIELD;
    default:
        return LY_PB_MALFORMED;
    }
}

/* The double whose bits these are. */
static inline double ly_pb_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- writing: appends to a buffer; failure is the buffer's sticky one ---- */

/* Bytes that a varint takes. */
static inline size_t ly_pb_varint_size(uint64_t value)
{
    size_t n = 1;
    while (value >= 0x80) {
        value >>= 7;
        n++;
    }
    return n;
}

/* Writes the varint to dst (room for 10) and returns how many bytes it took. */
static inline size_t ly_pb_varint_to(uint64_t value, uint8_t *dst)
{
    size_t n = 0;
    while (value >= 0x80) {
        dst[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    dst[n++] = (uint8_t)value;
    return n;
}

/* The bare pieces. */
void ly_pb_put_varint(ly_buf *out, uint64_t value);
void ly_pb_put_tag(ly_buf *out, uint32_t number, uint32_t type);

/* One whole field, written even when the value is the default (a oneof member needs that); leave the
 * call out for a plain field that has its default. int32, int64 and enums go through put_int as
 * two's complement of 64 bits (a negative takes 10 bytes). */
void ly_pb_put_uint(ly_buf *out, uint32_t number, uint64_t value);
void ly_pb_put_int(ly_buf *out, uint32_t number, int64_t value);
void ly_pb_put_fixed64(ly_buf *out, uint32_t number, uint64_t value);
void ly_pb_put_fixed32(ly_buf *out, uint32_t number, uint32_t value);
void ly_pb_put_double(ly_buf *out, uint32_t number, double value);
void ly_pb_put_bytes(ly_buf *out, uint32_t number, ly_str bytes);

/* A nested message whose size is not known yet:
 *
 *     size_t mark = ly_pb_open(out, 2);
 *     ... fields ...
 *     ly_pb_close(out, mark);
 *
 * One byte is kept for the length; close moves the content when it needs more (over 127 bytes), so
 * nesting costs a move a level. Where the size is known, put_tag, put_varint and the fields do it
 * without a move. */
size_t ly_pb_open(ly_buf *out, uint32_t number);
void ly_pb_close(ly_buf *out, size_t mark);

#endif
