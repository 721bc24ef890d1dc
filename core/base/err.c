#include "base/err.h"

#include <stdio.h>

#include "base/utf8.h"

const char *ly_status_text(ly_status status)
{
    switch (status) {
#define LY_STATUS_CASE(name, value, text) \
    case name:                            \
        return text;
        LY_STATUS_LIST(LY_STATUS_CASE)
#undef LY_STATUS_CASE
    }
    return "unknown status";
}

/* Stores `text` (NUL-terminated, `full` bytes before any cut), ending at a character boundary. */
static void keep_text(ly_err *err, int full)
{
    if (full < 0) {
        err->text[0] = '\0';
        return;
    }
    if ((size_t)full < sizeof err->text)
        return;
    /* The last character may have lost its tail: step back over what is not whole. */
    size_t len = sizeof err->text - 1;
    for (size_t back = 1; back <= 3; back++) {
        unsigned char c = (unsigned char)err->text[len - back];
        if (c < 0x80)
            break;
        size_t pos = len - back;
        if ((c & 0xC0) != 0x80) {
            if (ly_utf8_next(ly_str_n(err->text, len), &pos) == LY_UTF8_BAD)
                err->text[len - back] = '\0';
            break;
        }
    }
}

ly_status ly_err_vset(ly_err *err, ly_status code, const char *file, int line, const char *fmt,
                      va_list args)
{
    if (!err)
        return code;
    err->code = code;
    err->file = file;
    err->line = line;
    keep_text(err, vsnprintf(err->text, sizeof err->text, fmt, args));
    return code;
}

ly_status ly_err_set(ly_err *err, ly_status code, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    ly_err_vset(err, code, file, line, fmt, args);
    va_end(args);
    return code;
}

ly_status ly_err_wrap(ly_err *err, const char *fmt, ...)
{
    if (!err)
        return LY_E_INTERNAL;
    char context[LY_ERR_TEXT_MAX];
    char whole[LY_ERR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(context, sizeof context, fmt, args);
    va_end(args);
    if (n < 0)
        return err->code;
    int full = snprintf(whole, sizeof whole, "%s: %s", context, err->text);
    memcpy(err->text, whole, sizeof whole);
    keep_text(err, full);
    return err->code;
}
