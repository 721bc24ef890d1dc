/* The parts of pb.h that are not inline. */
#include "otlp/pb.h"

bool ly_pb_varint_slow(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    const uint8_t *p = *at;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
        uint64_t byte = *p++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            *at = p;
            *ret = value;
            return true;
        }
    }
    return false;
}

void ly_pb_put_varint(ly_buf *out, uint64_t value)
{
    uint8_t bytes[10];
    ly_buf_add(out, bytes, ly_pb_varint_to(value, bytes));
}

void ly_pb_put_tag(ly_buf *out, uint32_t number, uint32_t type)
{
    ly_pb_put_varint(out, (uint64_t)number << 3 | type);
}

void ly_pb_put_uint(ly_buf *out, uint32_t number, uint64_t value)
{
    uint8_t bytes[20];
    size_t n = ly_pb_varint_to((uint64_t)number << 3 | LY_PB_VARINT, bytes);
    n += ly_pb_varint_to(value, bytes + n);
    ly_buf_add(out, bytes, n);
}

void ly_pb_put_int(ly_buf *out, uint32_t number, int64_t value)
{
    ly_pb_put_uint(out, number, (uint64_t)value);
}

static void put_fixed(ly_buf *out, uint32_t number, uint32_t type, uint64_t value, size_t width)
{
    uint8_t bytes[20];
    size_t n = ly_pb_varint_to((uint64_t)number << 3 | type, bytes);
    for (size_t i = 0; i < width; i++) {
        bytes[n++] = (uint8_t)(value >> (8 * i));
    }
    ly_buf_add(out, bytes, n);
}

void ly_pb_put_fixed64(ly_buf *out, uint32_t number, uint64_t value)
{
    put_fixed(out, number, LY_PB_FIXED64, value, 8);
}

void ly_pb_put_fixed32(ly_buf *out, uint32_t number, uint32_t value)
{
    put_fixed(out, number, LY_PB_FIXED32, value, 4);
}

void ly_pb_put_double(ly_buf *out, uint32_t number, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    ly_pb_put_fixed64(out, number, bits);
}

void ly_pb_put_bytes(ly_buf *out, uint32_t number, ly_str bytes)
{
    uint8_t head[20];
    size_t n = ly_pb_varint_to((uint64_t)number << 3 | LY_PB_BYTES, head);
    n += ly_pb_varint_to(bytes.len, head + n);
    ly_buf_add(out, head, n);
    ly_buf_add(out, bytes.ptr, bytes.len);
}

size_t ly_pb_open(ly_buf *out, uint32_t number)
{
    ly_pb_put_tag(out, number, LY_PB_BYTES);
    ly_buf_char(out, 0);
    return out->len;
}

void ly_pb_close(ly_buf *out, size_t mark)
{
    if (out->failed != LY_OK) {
        return;
    }
    size_t len = out->len - mark;
    size_t extra = ly_pb_varint_size(len) - 1;
    if (extra > 0) {
        if (!ly_buf_room(out, extra)) {
            return;
        }
        memmove(out->ptr + mark + extra, out->ptr + mark, len);
        ly_buf_advance(out, extra);
    }
    ly_pb_varint_to(len, (uint8_t *)out->ptr + mark - 1);
}
