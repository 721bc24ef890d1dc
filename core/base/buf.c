#include "base/buf.h"

#include <stdio.h>

#include "base/mem.h"

void ly_buf_init(ly_buf *buf, size_t max)
{
    *buf = (ly_buf){NULL, 0, 0, max, LY_OK};
}

void ly_buf_release(ly_buf *buf)
{
    if (!buf)
        return;
    ly_free(buf->ptr);
    *buf = (ly_buf){NULL, 0, 0, buf->max, LY_OK};
}

void ly_buf_reset(ly_buf *buf)
{
    buf->len = 0;
    buf->failed = LY_OK;
    if (buf->ptr)
        buf->ptr[0] = '\0';
}

void ly_buf_cut(ly_buf *buf, size_t len)
{
    if (len >= buf->len)
        return;
    buf->len = len;
    buf->ptr[len] = '\0';
}

char *ly_buf_room(ly_buf *buf, size_t n)
{
    if (buf->failed)
        return NULL;
    if (n > buf->max || buf->len > buf->max - n) {
        buf->failed = LY_E_LIMIT;
        return NULL;
    }
    size_t need = buf->len + n + 1;
    if (need > buf->cap) {
        size_t want = buf->cap < 64 ? 64 : buf->cap;
        while (want < need)
            want = want > SIZE_MAX / 2 ? need : want * 2;
        char *grown = ly_realloc(buf->ptr, want);
        if (!grown) {
            buf->failed = LY_E_NOMEM;
            return NULL;
        }
        buf->ptr = grown;
        buf->cap = want;
    }
    return buf->ptr + buf->len;
}

void ly_buf_advance(ly_buf *buf, size_t n)
{
    if (buf->failed || !buf->ptr)
        return;
    buf->len += n;
    buf->ptr[buf->len] = '\0';
}

void ly_buf_add(ly_buf *buf, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    char *room = ly_buf_room(buf, n);
    if (!room)
        return;
    memcpy(room, bytes, n);
    ly_buf_advance(buf, n);
}

void ly_buf_str(ly_buf *buf, ly_str s)
{
    ly_buf_add(buf, s.ptr, s.len);
}

void ly_buf_c(ly_buf *buf, const char *text)
{
    ly_buf_add(buf, text, strlen(text));
}

void ly_buf_char(ly_buf *buf, char c)
{
    ly_buf_add(buf, &c, 1);
}

void ly_buf_fill(ly_buf *buf, char c, size_t n)
{
    char *room = n ? ly_buf_room(buf, n) : NULL;
    if (!room)
        return;
    memset(room, c, n);
    ly_buf_advance(buf, n);
}

void ly_buf_fmt(ly_buf *buf, const char *fmt, ...)
{
    va_list args;
    char small[256];
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n < 0) {
        if (!buf->failed)
            buf->failed = LY_E_NOMEM;
        return;
    }
    if ((size_t)n < sizeof small) {
        ly_buf_add(buf, small, (size_t)n);
        return;
    }
    char *room = ly_buf_room(buf, (size_t)n);
    if (!room)
        return;
    va_start(args, fmt);
    vsnprintf(room, (size_t)n + 1, fmt, args);
    va_end(args);
    ly_buf_advance(buf, (size_t)n);
}

void ly_buf_u64(ly_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    ly_buf_add(buf, digits + at, sizeof digits - at);
}

void ly_buf_i64(ly_buf *buf, int64_t value)
{
    if (value < 0)
        ly_buf_char(buf, '-');
    ly_buf_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

const char *ly_buf_text(const ly_buf *buf)
{
    return buf->ptr ? buf->ptr : "";
}

char *ly_buf_take(ly_buf *buf, size_t *ret_len)
{
    char *taken = NULL;
    if (!buf->failed)
        taken = buf->ptr ? buf->ptr : ly_strdup("");
    if (!taken) {
        ly_buf_release(buf);
        return NULL;
    }
    if (ret_len)
        *ret_len = buf->len;
    *buf = (ly_buf){NULL, 0, 0, buf->max, LY_OK};
    return taken;
}

ly_status ly_buf_status(const ly_buf *buf, const char *what, ly_err *err)
{
    if (buf->failed == LY_OK)
        return LY_OK;
    if (buf->failed == LY_E_LIMIT)
        return LY_FAIL(err, LY_E_LIMIT, "%s is larger than %zu bytes", what, buf->max);
    return LY_NOMEM(err);
}
