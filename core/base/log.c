#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static ly_log_fn log_fn;
static void *log_user;
static ly_log_level log_least;

void ly_log_set(ly_log_fn fn, void *user, ly_log_level least)
{
    log_fn = fn;
    log_user = user;
    log_least = least;
}

void ly_log(ly_log_level level, const char *room, const char *fmt, ...)
{
    if (!log_fn || level < log_least)
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= 0)
        log_fn(log_user, level, room, text);
}
