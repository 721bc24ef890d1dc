/* Traces, log records or metrics? See sort.h. */
#include "otlp/sort.h"

#include "otlp/pb.h"

/* Items looked at until one says what it is; each span with a time does, each log record with one too. */
#define MAX_LOOKS 64

enum { SAYS_NOTHING = -1 }; /* else a ly_signal */

static bool is_name(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7e) {
            return false;
        }
    }
    return s.len > 0;
}

/* An item by its fields: wire types that only one of the three messages has. A metric has nothing but
 * bytes on the numbers it shares with a span, so it is told by its name where a span has its id. */
static int item_says(ly_str item)
{
    ly_pb_reader r = ly_pb_read(item);
    ly_pb_field f;
    bool named = false, has_data = false, any = false, ids = false;
    while (ly_pb_next(&r, &f) == LY_PB_FIELD) {
        any = true;
        switch (f.number << 3 | f.type) {
        case 1 << 3 | LY_PB_FIXED64:  /* time_unix_nano */
        case 11 << 3 | LY_PB_FIXED64: /* observed_time_unix_nano */
        case 2 << 3 | LY_PB_VARINT:   /* severity_number */
        case 6 << 3 | LY_PB_BYTES:    /* attributes */
        case 8 << 3 | LY_PB_FIXED32:  /* flags */
            return LY_SIGNAL_LOGS;
        case 7 << 3 | LY_PB_FIXED64:  /* start_time_unix_nano */
        case 8 << 3 | LY_PB_FIXED64:  /* end_time_unix_nano */
        case 6 << 3 | LY_PB_VARINT:   /* kind */
        case 16 << 3 | LY_PB_FIXED32: /* flags */
            return LY_SIGNAL_TRACES;
        case 7 << 3 | LY_PB_BYTES: /* sum */
            return LY_SIGNAL_METRICS;
        case 1 << 3 | LY_PB_BYTES:
            named = is_name(f.bytes);
            ids = true;
            break;
        case 5 << 3 | LY_PB_BYTES:  /* gauge, name of a span, body of a log record */
        case 9 << 3 | LY_PB_BYTES:  /* histogram, attributes of a span, trace_id of a log record */
        case 10 << 3 | LY_PB_BYTES: /* exponential_histogram, span_id of a log record */
        case 11 << 3 | LY_PB_BYTES: /* summary, events of a span */
            has_data = true;
            break;
        default:
            break;
        }
    }
    if (named && has_data) {
        return LY_SIGNAL_METRICS;
    }
    return any && !ids ? LY_SIGNAL_LOGS : any ? LY_SIGNAL_TRACES : SAYS_NOTHING;
}

/* Fields 2 of a resource's message are its scopes, fields 2 of a scope's message its items. */
static int below_says(ly_str message, int level, int *looks)
{
    ly_pb_reader r = ly_pb_read(message);
    ly_pb_field f;
    int says = SAYS_NOTHING;
    while (says == SAYS_NOTHING && *looks > 0 && ly_pb_next(&r, &f) == LY_PB_FIELD) {
        if (f.number != 2 || f.type != LY_PB_BYTES) {
            continue;
        }
        --*looks;
        says = level > 0 ? below_says(f.bytes, level - 1, looks) : item_says(f.bytes);
    }
    return says;
}

bool ly_otlp_next_run(ly_str *rest, ly_str *ret_run, ly_signal *ret_signal)
{
    ly_pb_reader r = ly_pb_read(*rest);
    int signal = SAYS_NOTHING;
    size_t run = rest->len;
    for (;;) {
        const size_t at = rest->len - (size_t)(r.end - r.at);
        ly_pb_field f;
        if (ly_pb_next(&r, &f) != LY_PB_FIELD) {
            break;
        }
        int looks = MAX_LOOKS;
        int says =
            f.number == 1 && f.type == LY_PB_BYTES ? below_says(f.bytes, 1, &looks) : SAYS_NOTHING;
        if (says != SAYS_NOTHING && signal != SAYS_NOTHING && says != signal) {
            run = at;
            break;
        }
        signal = says != SAYS_NOTHING ? says : signal;
    }
    if (rest->len == 0) {
        return false;
    }
    *ret_run = ly_str_sub(*rest, 0, run);
    *ret_signal = signal == SAYS_NOTHING ? LY_SIGNAL_TRACES : (ly_signal)signal;
    *rest = ly_str_sub(*rest, run, rest->len);
    return true;
}
