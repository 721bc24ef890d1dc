/*
 * The JSON -> protobuf transcoder.
 *
 * It writes forward into memory of a known size. The length of a nested message is not known before
 * it ends: one byte is kept for it and the content moved when it needs more. Recursion follows the
 * tables, whose only cycle is AnyValue; that is cut one level past what the decoder accepts, so that
 * the decoder sees and names the fault.
 *
 * A default that the JSON text writes out is written out in protobuf too: the same to every reader,
 * and so JSON made of such a message leads back to its very bytes.
 */
#include "otlp/transcode.h"

#include "base/b64.h"
#include "base/limits.h"
#include "otlp/pb.h"

/* Type 7 with number 0: no message can hold it. */
#define POISON 0x07

typedef struct coder {
    ly_jscan scan;
    uint8_t *at, *end;
    bool item_bad; /* something in the current item has the wrong type */
    ly_str member;
    ly_transcode_fault fault;
    bool full;   /* the buffer */
    bool failed; /* the request cannot be read: scan.failed and scan.why say why */
} coder;

static bool give_up(coder *c, const char *why)
{
    if (c->scan.failed == LY_OK) {
        c->scan.failed = LY_E_FORMAT;
        c->scan.why = why;
    }
    c->failed = true;
    return false;
}

static bool room(coder *c, size_t n)
{
    if ((size_t)(c->end - c->at) >= n) {
        return true;
    }
    c->scan.failed = LY_E_LIMIT;
    c->full = true;
    return give_up(c, "grows past its limit in protobuf form");
}

static ly_jtoken next(coder *c)
{
    ly_jtoken token = ly_jscan_next(&c->scan);
    c->failed = c->failed || token == LY_J_ERROR;
    return token;
}

/* The value just begun has the wrong type: the item's fault, or the request's. Reads to its end. */
static bool wrong(coder *c, const ly_message_desc *desc)
{
    if (desc->frame) {
        return give_up(c, "a member of the wrong type");
    }
    if (!ly_str_given(c->fault.member)) {
        c->fault.member = c->member;
        ly_jscan_place(&c->scan, &c->fault.line, &c->fault.column);
    }
    c->item_bad = true;
    c->failed = c->failed || !ly_jscan_skip(&c->scan);
    return !c->failed;
}

static void put_varint(coder *c, uint64_t value)
{
    c->at += ly_pb_varint_to(value, c->at);
}

static void put_tag(coder *c, const ly_field_desc *field, uint32_t type)
{
    put_varint(c, (uint64_t)field->number << 3 | type);
}

/* ---- scalars ---- */

/* Writes the text of the last STRING as a bytes field: length, then the decoded text. */
static bool put_text(coder *c, const ly_field_desc *field, bool base64, bool *ret_valid)
{
    ly_str raw = c->scan.text;
    size_t head = ly_pb_varint_size(raw.len), len;
    if (!room(c, raw.len + head + 12)) {
        return false;
    }
    uint8_t *start = c->at;
    put_tag(c, field, LY_PB_BYTES);
    uint8_t *body = c->at + head;
    if (c->scan.escaped) {
        len = ly_jscan_unescape(raw, (char *)body);
    } else {
        memcpy(body, raw.ptr, raw.len);
        len = raw.len;
    }
    /* In place: three bytes are written after four were read. */
    if (base64 && !ly_b64_decode(ly_str_n(body, len), body, &len)) {
        c->at = start;
        *ret_valid = false;
        return true;
    }
    put_varint(c, len);
    if (c->at != body) {
        memmove(c->at, body, len);
    }
    c->at += len;
    return true;
}

/* An id: hex of the right length, or one zero byte, which the decoder refuses by name; "" is empty. */
static bool put_id(coder *c, const ly_field_desc *field)
{
    ly_str raw = c->scan.text;
    if (!room(c, 32)) {
        return false;
    }
    put_tag(c, field, LY_PB_BYTES);
    if (raw.len == 0) {
        *c->at++ = 0;
        return true;
    }
    uint8_t id[16];
    if (raw.len == 2 * (size_t)field->id_size && ly_hex_decode(raw, id, field->id_size)) {
        *c->at++ = field->id_size;
        memcpy(c->at, id, field->id_size);
        c->at += field->id_size;
    } else {
        *c->at++ = 1;
        *c->at++ = 0;
    }
    return true;
}

/* A whole number in either notation, 1.0 and 1e3 included, as protobuf's JSON form allows. */
static bool to_i64(ly_str s, int64_t *ret)
{
    double real;
    if (ly_str_to_i64(s, ret)) {
        return true;
    }
    if (!ly_str_to_double(s, &real) || real < -9007199254740992.0 || real > 9007199254740992.0 ||
        real != (double)(int64_t)real) {
        return false;
    }
    *ret = (int64_t)real;
    return true;
}

static bool to_u64(ly_str s, uint64_t *ret)
{
    int64_t value;
    if (ly_str_to_u64(s, ret)) {
        return true;
    }
    if (!to_i64(s, &value) || value < 0) {
        return false;
    }
    *ret = (uint64_t)value;
    return true;
}

static bool to_enum(ly_str s, const ly_enum_name *names, int64_t *ret)
{
    for (; names && names->name; names++) {
        if (ly_str_eqc(s, names->name)) {
            *ret = names->value;
            return true;
        }
    }
    return to_i64(s, ret) && *ret >= INT32_MIN && *ret <= INT32_MAX;
}

static bool to_double(ly_str s, uint64_t *ret_bits)
{
    double value;
    if (ly_str_eqc(s, "NaN")) {
        *ret_bits = 0x7FF8000000000000ULL;
        return true;
    }
    if (ly_str_eqc(s, "Infinity") || ly_str_eqc(s, "-Infinity")) {
        *ret_bits = s.ptr[0] == '-' ? 0xFFF0000000000000ULL : 0x7FF0000000000000ULL;
        return true;
    }
    if (!ly_str_to_double(s, &value)) {
        return false;
    }
    memcpy(ret_bits, &value, sizeof value);
    return true;
}

/* The number as the bits that protobuf writes; false when it is none of that type. */
static bool number_bits(const ly_field_desc *field, ly_str s, uint64_t *ret)
{
    int64_t value;
    switch (field->type) {
    case LY_T_INT64:
        return to_i64(s, (int64_t *)ret);
    case LY_T_INT32:
        return to_i64(s, (int64_t *)ret) && (int64_t)*ret >= INT32_MIN &&
               (int64_t)*ret <= INT32_MAX;
    case LY_T_FIXED64:
        return to_u64(s, ret);
    case LY_T_UINT32:
    case LY_T_FIXED32:
        return to_u64(s, ret) && *ret <= UINT32_MAX;
    case LY_T_ENUM:
        if (!to_enum(s, field->names, &value)) {
            return false;
        }
        *ret = (uint64_t)value;
        return true;
    case LY_T_DOUBLE:
        return to_double(s, ret);
    default:
        return false;
    }
}

static bool put_bits(coder *c, const ly_field_desc *field, uint64_t bits)
{
    size_t width = field->type == LY_T_FIXED32 ? 4 : 8;
    if (!room(c, 20)) {
        return false;
    }
    if (field->type != LY_T_FIXED32 && field->type != LY_T_FIXED64 && field->type != LY_T_DOUBLE) {
        put_tag(c, field, LY_PB_VARINT);
        put_varint(c, bits);
        return true;
    }
    put_tag(c, field, width == 4 ? LY_PB_FIXED32 : LY_PB_FIXED64);
    for (size_t i = 0; i < width; i++) {
        *c->at++ = (uint8_t)(bits >> (8 * i));
    }
    return true;
}

static bool put_number(coder *c, const ly_message_desc *desc, const ly_field_desc *field,
                       ly_jtoken token)
{
    uint64_t bits = 0;
    if ((token != LY_J_NUMBER && token != LY_J_STRING) || c->scan.escaped ||
        !number_bits(field, c->scan.text, &bits)) {
        return wrong(c, desc);
    }
    return put_bits(c, field, bits);
}

static bool put_bool(coder *c, const ly_message_desc *desc, const ly_field_desc *field,
                     ly_jtoken token)
{
    bool is_text = token == LY_J_STRING;
    bool on = token == LY_J_TRUE || (is_text && ly_str_eqc(c->scan.text, "true"));
    bool off = token == LY_J_FALSE || (is_text && ly_str_eqc(c->scan.text, "false"));
    if (!on && !off) {
        return wrong(c, desc);
    }
    return put_bits(c, field, on);
}

static bool put_string(coder *c, const ly_message_desc *desc, const ly_field_desc *field,
                       ly_jtoken token)
{
    bool valid = true;
    if (token != LY_J_STRING) {
        return wrong(c, desc);
    }
    if (field->type == LY_T_ID) {
        return put_id(c, field);
    }
    if (!put_text(c, field, field->type == LY_T_BYTES, &valid)) {
        return false;
    }
    return valid || wrong(c, desc);
}

/* ---- messages ---- */

static bool put_fields(coder *c, const ly_message_desc *desc, unsigned depth);

/* `depth` counts AnyValues on the way; the last token was the message's OBJECT. */
static bool put_message(coder *c, const ly_field_desc *field, unsigned depth)
{
    if (!room(c, 12)) {
        return false;
    }
    put_tag(c, field, LY_PB_BYTES);
    uint8_t *mark = ++c->at;
    depth += field->sub->oneof;
    if (depth > LY_MAX_ANY_DEPTH) {
        /* The decoder refuses the item for this value alone; what is in it does not matter. */
        c->failed = c->failed || !ly_jscan_skip(&c->scan);
    } else if (!put_fields(c, field->sub, depth)) {
        return false;
    }
    if (c->failed) {
        return false;
    }
    size_t len = (size_t)(c->at - mark), extra = ly_pb_varint_size(len) - 1;
    if (!room(c, extra)) {
        return false;
    }
    if (extra > 0) {
        memmove(mark + extra, mark, len);
    }
    ly_pb_varint_to(len, mark - 1);
    c->at += extra;
    return true;
}

static bool put_value(coder *c, const ly_message_desc *desc, const ly_field_desc *field,
                      ly_jtoken token, unsigned depth)
{
    switch (field->type) {
    case LY_T_STRING:
    case LY_T_BYTES:
    case LY_T_ID:
        return put_string(c, desc, field, token);
    case LY_T_BOOL:
        return put_bool(c, desc, field, token);
    case LY_T_MESSAGE:
        return token == LY_J_OBJECT ? put_message(c, field, depth) : wrong(c, desc);
    default:
        return put_number(c, desc, field, token);
    }
}

static bool put_list(coder *c, const ly_message_desc *desc, const ly_field_desc *field,
                     unsigned depth)
{
    for (;;) {
        ly_jtoken token = next(c);
        if (token == LY_J_ARRAY_END || token == LY_J_ERROR) {
            return token == LY_J_ARRAY_END;
        }
        if (token == LY_J_NULL) {
            /* An empty value keeps its place in an array of values; elsewhere null is no element. */
            if (field->sub && field->sub->oneof) {
                if (!room(c, 4)) {
                    return false;
                }
                put_tag(c, field, LY_PB_BYTES);
                *c->at++ = 0;
            }
        } else if (!put_value(c, desc, field, token, depth)) {
            return false;
        }
    }
}

/* The field of the last KEY; the search begins at *hint, since members mostly come in table order. */
static const ly_field_desc *find(coder *c, const ly_message_desc *desc, unsigned *hint)
{
    char small[64];
    ly_str key = c->scan.text;
    if (c->scan.escaped) {
        if (key.len > sizeof small) {
            return NULL;
        }
        key.len = ly_jscan_unescape(key, small);
        key.ptr = small;
    }
    for (unsigned i = 0; i < desc->n; i++) {
        unsigned at = (*hint + i) % desc->n;
        if (ly_str_eq(key, desc->fields[at].json) || ly_str_eq(key, desc->fields[at].snake)) {
            *hint = at + 1;
            return &desc->fields[at];
        }
    }
    return NULL;
}

/* Reads the value of a member of ours. */
static bool put_member(coder *c, const ly_message_desc *desc, const ly_field_desc *field,
                       unsigned depth)
{
    ly_jtoken token = next(c);
    if (token == LY_J_ERROR) {
        return false;
    }
    if (token == LY_J_NULL) {
        return true;
    }
    if (!field->repeated) {
        return put_value(c, desc, field, token, depth);
    }
    return token == LY_J_ARRAY ? put_list(c, desc, field, depth) : wrong(c, desc);
}

/* lyditeWire: the item's own bytes instead of what its members said. */
static bool replace(coder *c, uint8_t *start, ly_str base64)
{
    size_t len;
    c->at = start;
    if (!room(c, LY_B64_DECODED_MAX(base64.len))) {
        return false;
    }
    c->item_bad = !ly_b64_decode(base64, c->at, &len);
    c->at += c->item_bad ? 0 : len;
    return true;
}

/* The last token was the OBJECT; reads to its end. */
static bool put_fields(coder *c, const ly_message_desc *desc, unsigned depth)
{
    uint8_t *start = c->at;
    unsigned hint = 0;
    ly_str own = LY_STR_NONE;
    if (desc->item) {
        c->item_bad = false;
    }
    for (;;) {
        ly_jtoken token = next(c);
        if (token == LY_J_OBJECT_END) {
            break;
        }
        if (token == LY_J_ERROR) {
            return false;
        }
        const ly_field_desc *field = find(c, desc, &hint);
        if (field) {
            c->member = field->json;
            if (!put_member(c, desc, field, depth)) {
                return false;
            }
        } else if (desc->item && ly_str_eqc(c->scan.text, LY_WIRE_MEMBER)) {
            token = next(c);
            own = token == LY_J_STRING ? c->scan.text : LY_STR_NONE;
            if (token != LY_J_STRING && !wrong(c, desc)) {
                return false;
            }
        } else if (!ly_jscan_skip(&c->scan)) {
            return give_up(c, "");
        }
    }
    if (!desc->item) {
        return true;
    }
    if (ly_str_given(own) && !replace(c, start, own)) {
        return false;
    }
    if (c->item_bad && room(c, 1)) {
        *c->at++ = POISON;
    }
    return !c->failed;
}

ly_status ly_transcode(ly_str text, const ly_message_desc *desc, uint8_t *dst, size_t room_bytes,
                       size_t *ret_len, ly_transcode_fault *ret_fault, ly_err *err)
{
    coder c = {.member = LY_STR_NONE,
               .fault = {.member = LY_STR_NONE},
               .at = dst,
               .end = dst + room_bytes};
    ly_jscan_init(&c.scan, text, LY_JSCAN_MAX_DEPTH);
    ly_jtoken token = next(&c);
    if (token != LY_J_OBJECT && token != LY_J_ERROR) {
        give_up(&c, "an object is missing");
    }
    if (c.failed || !put_fields(&c, desc, 0) || next(&c) != LY_J_END) {
        /* Nesting past every limit is a matter of form, not of size. */
        if (c.scan.failed == LY_E_LIMIT && !c.full)
            c.scan.failed = LY_E_FORMAT;
        return ly_jscan_fail(&c.scan, "OTLP/JSON", err);
    }
    *ret_len = (size_t)(c.at - dst);
    if (ret_fault)
        *ret_fault = c.fault;
    return LY_OK;
}
