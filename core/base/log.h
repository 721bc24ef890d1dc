/*
 * The log of our own programs: one callback, no output of its own. Library code logs at debug level
 * only; commands decide what is printed where. Text from outside goes through the sanitiser in the
 * callback that shows it.
 */
#ifndef LY_BASE_LOG_H
#define LY_BASE_LOG_H

#include "base/attr.h"

typedef enum ly_log_level { LY_LOG_DEBUG, LY_LOG_INFO, LY_LOG_WARN, LY_LOG_ERROR } ly_log_level;

typedef void (*ly_log_fn)(void *user, ly_log_level level, const char *room, const char *text);

/* Process-wide; call before threads start. NULL = silent, which is the default. */
void ly_log_set(ly_log_fn fn, void *user, ly_log_level least);
void ly_log(ly_log_level level, const char *room, const char *fmt, ...) LY_PRINTF(3, 4);

#endif
