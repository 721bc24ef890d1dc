/* rpc/status: code names and google.rpc.Status by hand; four small messages need no library. */
#include "rpc/status.h"

#include "base/clock.h"

static const struct {
    const char *name;
    bool retry;
    int http;
} codes[] = {
#define LY_RPC_CODE_ROW(id, value, text, again, web) [value] = {text, again, web},
    LY_RPC_CODE_LIST(LY_RPC_CODE_ROW)
#undef LY_RPC_CODE_ROW
};

const char *ly_rpc_code_name(int code)
{
    return code >= 0 && (size_t)code < LY_COUNT(codes) ? codes[code].name : "UNKNOWN";
}

int ly_rpc_code_http(int code)
{
    return code >= 0 && (size_t)code < LY_COUNT(codes) ? codes[code].http : 500;
}

/* ------------------------------------------------------------------ writing */

#define RETRY_INFO  "type.googleapis.com/google.rpc.RetryInfo"
#define BAD_REQUEST "type.googleapis.com/google.rpc.BadRequest"

static void put_varint(ly_buf *out, uint64_t value)
{
    while (value >= 0x80) {
        ly_buf_char(out, (char)(uint8_t)(value | 0x80));
        value >>= 7;
    }
    ly_buf_char(out, (char)(uint8_t)value);
}

static void put_int(ly_buf *out, unsigned field, int64_t value)
{
    if (value == 0)
        return;
    put_varint(out, (uint64_t)field << 3);
    put_varint(out, (uint64_t)value);
}

static void put_bytes(ly_buf *out, unsigned field, ly_str bytes)
{
    put_varint(out, ((uint64_t)field << 3) | 2);
    put_varint(out, bytes.len);
    ly_buf_str(out, bytes);
}

/* Status.details: an Any of type `url` holding `message`. */
static void put_detail(ly_buf *out, ly_str url, const ly_buf *message)
{
    ly_buf any;
    ly_buf_init(&any, out->max);
    put_bytes(&any, 1, url);
    put_bytes(&any, 2, ly_buf_view(message));
    put_bytes(out, 3, ly_buf_view(&any));
    if (any.failed)
        out->failed = any.failed;
    ly_buf_release(&any);
}

static void put_retry(ly_buf *out, int64_t delay_ns)
{
    ly_buf duration, info;
    ly_buf_init(&duration, 64);
    ly_buf_init(&info, 128);
    put_int(&duration, 1, delay_ns / LY_NS_PER_SEC);
    put_int(&duration, 2, delay_ns % LY_NS_PER_SEC);
    put_bytes(&info, 1, ly_buf_view(&duration));
    put_detail(out, LY_S(RETRY_INFO), &info);
    ly_buf_release(&info);
    ly_buf_release(&duration);
}

static void put_bad_request(ly_buf *out, ly_str field, ly_str reason)
{
    ly_buf violation, bad;
    ly_buf_init(&violation, out->max);
    ly_buf_init(&bad, out->max);
    put_bytes(&violation, 1, field);
    put_bytes(&violation, 2, reason);
    put_bytes(&bad, 1, ly_buf_view(&violation));
    put_detail(out, LY_S(BAD_REQUEST), &bad);
    ly_buf_release(&bad);
    ly_buf_release(&violation);
}

void ly_rpc_status_write(ly_buf *out, const ly_rpc_status_msg *msg)
{
    put_int(out, 1, msg->code);
    if (msg->message.len > 0)
        put_bytes(out, 2, msg->message);
    if (msg->retry_delay_ns >= 0)
        put_retry(out, msg->retry_delay_ns);
    if (ly_str_given(msg->bad_field))
        put_bad_request(out, msg->bad_field, msg->bad_reason);
}

/* ------------------------------------------------------------------ reading */

/* One field of a message. Groups are refused: no message here has ever had one. */
typedef struct field {
    uint64_t number;
    unsigned wire;
    uint64_t value; /* wire 0, 1, 5 */
    ly_str bytes;   /* wire 2 */
} field;

static bool get_varint(ly_str *in, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (in->len == 0)
            return false;
        uint8_t byte = (uint8_t)*in->ptr;
        *in = ly_str_sub(*in, 1, in->len);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool get_field(ly_str *in, field *ret)
{
    uint64_t tag = 0, n = 0;
    if (!get_varint(in, &tag) || (tag >> 3) == 0)
        return false;
    *ret = (field){.number = tag >> 3, .wire = (unsigned)(tag & 7), .bytes = LY_S("")};
    switch (ret->wire) {
    case 0:
        return get_varint(in, &ret->value);
    case 1:
    case 5:
        n = ret->wire == 1 ? 8 : 4;
        break;
    case 2:
        if (!get_varint(in, &n))
            return false;
        break;
    default:
        return false;
    }
    if (n > in->len)
        return false;
    ret->bytes = ly_str_sub(*in, 0, (size_t)n);
    *in = ly_str_sub(*in, (size_t)n, in->len);
    return true;
}

/* The bytes of the first field `number`, or not given. */
static ly_str find_bytes(ly_str in, uint64_t number)
{
    field f;
    while (in.len > 0 && get_field(&in, &f)) {
        if (f.number == number && f.wire == 2)
            return f.bytes;
    }
    return LY_STR_NONE;
}

static int64_t read_delay(ly_str info)
{
    ly_str duration = find_bytes(info, 1);
    int64_t seconds = 0, nanos = 0;
    field f;
    while (duration.len > 0 && get_field(&duration, &f)) {
        if (f.number == 1 && f.wire == 0)
            seconds = (int64_t)f.value;
        else if (f.number == 2 && f.wire == 0)
            nanos = (int64_t)f.value;
    }
    /* A server that asks for more than a day means "later". */
    if (seconds < 0 || nanos < 0 || nanos >= LY_NS_PER_SEC)
        return 0;
    return seconds > 86400 ? LY_NS_PER_DAY : seconds * LY_NS_PER_SEC + nanos;
}

static void read_detail(ly_str any, ly_rpc_status_msg *msg)
{
    ly_str url = find_bytes(any, 1), value = find_bytes(any, 2);
    if (ly_str_ends(url, LY_S("google.rpc.RetryInfo"))) {
        msg->retry_delay_ns = read_delay(value);
    } else if (ly_str_ends(url, LY_S("google.rpc.BadRequest"))) {
        ly_str violation = find_bytes(value, 1);
        msg->bad_field = find_bytes(violation, 1);
        msg->bad_reason = find_bytes(violation, 2);
    }
}

bool ly_rpc_status_read(ly_str bytes, ly_rpc_status_msg *ret)
{
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT;
    field f;
    while (bytes.len > 0) {
        if (!get_field(&bytes, &f))
            return false;
        if (f.number == 1 && f.wire == 0)
            msg.code = (int)(int32_t)f.value;
        else if (f.number == 2 && f.wire == 2)
            msg.message = f.bytes;
        else if (f.number == 3 && f.wire == 2)
            read_detail(f.bytes, &msg);
    }
    *ret = msg;
    return true;
}

bool ly_rpc_retryable(int code, ly_str details, int64_t *ret_delay_ns)
{
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT;
    if (!ly_rpc_status_read(details, &msg))
        msg = LY_RPC_STATUS_MSG_INIT;
    if (ret_delay_ns)
        *ret_delay_ns = msg.retry_delay_ns > 0 ? msg.retry_delay_ns : 0;
    if (code == LY_RPC_RESOURCE_EXHAUSTED)
        return msg.retry_delay_ns >= 0;
    return code >= 0 && (size_t)code < LY_COUNT(codes) && codes[code].retry;
}
