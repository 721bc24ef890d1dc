/* Server-sent events: see sse.h. */
#include "text/sse.h"

void ly_sse_init(ly_sse *sse, size_t max_bytes, ly_sse_fn fn, void *user)
{
    *sse = (ly_sse){.fn = fn, .user = user};
    ly_buf_init(&sse->line, max_bytes);
    ly_buf_init(&sse->event, max_bytes);
    ly_buf_init(&sse->data, max_bytes);
}

void ly_sse_release(ly_sse *sse)
{
    ly_buf_release(&sse->line);
    ly_buf_release(&sse->event);
    ly_buf_release(&sse->data);
}

static ly_status dispatch(ly_sse *sse, ly_err *err)
{
    ly_status status = LY_OK;
    if (sse->has_data) {
        status = ly_buf_status(&sse->data, "server-sent event", err);
        if (!status) {
            status = sse->fn(sse->user, ly_buf_view(&sse->event), ly_buf_view(&sse->data), err);
        }
    }
    ly_buf_reset(&sse->event);
    ly_buf_reset(&sse->data);
    sse->has_data = false;
    return status;
}

/* One line without its end. */
static ly_status take_line(ly_sse *sse, ly_str line, ly_err *err)
{
    if (line.len == 0) {
        return dispatch(sse, err);
    }
    size_t colon = ly_str_find_char(line, ':', 0);
    if (colon == 0) {
        return LY_OK;
    }
    ly_str field = colon == SIZE_MAX ? line : ly_str_sub(line, 0, colon);
    ly_str value = colon == SIZE_MAX ? LY_S("") : ly_str_sub(line, colon + 1, SIZE_MAX);
    if (value.len && value.ptr[0] == ' ') {
        value = ly_str_sub(value, 1, SIZE_MAX);
    }
    if (ly_str_eqc(field, "data")) {
        if (sse->has_data) {
            ly_buf_char(&sse->data, '\n');
        }
        ly_buf_str(&sse->data, value);
        sse->has_data = true;
        return ly_buf_status(&sse->data, "server-sent event", err);
    }
    if (ly_str_eqc(field, "event")) {
        ly_buf_reset(&sse->event);
        ly_buf_str(&sse->event, value);
    }
    return LY_OK;
}

ly_status ly_sse_feed(ly_sse *sse, ly_str bytes, ly_err *err)
{
    size_t at = 0;
    while (at < bytes.len) {
        if (sse->after_cr && bytes.ptr[at] == '\n') {
            sse->after_cr = false;
            at++;
            continue;
        }
        sse->after_cr = false;
        size_t end = at;
        while (end < bytes.len && bytes.ptr[end] != '\n' && bytes.ptr[end] != '\r') {
            end++;
        }
        ly_str piece = ly_str_sub(bytes, at, end - at);
        bool whole = end < bytes.len;
        if (!whole || sse->line.len) {
            ly_buf_str(&sse->line, piece);
            ly_status status = ly_buf_status(&sse->line, "server-sent event line", err);
            if (status || !whole) {
                return status;
            }
            piece = ly_buf_view(&sse->line);
        }
        if (!sse->started) {
            sse->started = true;
            if (ly_str_starts(piece, LY_S("\xEF\xBB\xBF"))) {
                piece = ly_str_sub(piece, 3, SIZE_MAX);
            }
        }
        ly_status status = take_line(sse, piece, err);
        ly_buf_reset(&sse->line);
        if (status) {
            return status;
        }
        sse->after_cr = bytes.ptr[end] == '\r';
        at = end + 1;
    }
    return LY_OK;
}
