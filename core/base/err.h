/*
 * Status codes and the caller-owned error.
 *
 * Every fallible function returns a ly_status: 0 is success, a negative value is one of the names
 * below. Details go into a ly_err that the caller owns (usually on its stack) and may leave out by
 * passing NULL, so nothing allocates on failure and nothing depends on which thread asks.
 *
 * The text of an error is one line: the thing, what is wrong with it, what to do about it. It does
 * not repeat what the caller already knows. Context is added only where an error crosses into
 * another domain (ly_err_wrap). Text that came from outside is passed through the sanitiser by
 * whoever shows it, not here.
 */
#ifndef LY_BASE_ERR_H
#define LY_BASE_ERR_H

#include <stdarg.h>

#include "base/attr.h"

/* name, value, what it means */
#define LY_STATUS_LIST(X)                                  \
    X(LY_OK, 0, "ok")                                      \
    X(LY_E_INVALID, -1, "invalid argument or value")       \
    X(LY_E_NOMEM, -2, "out of memory")                     \
    X(LY_E_IO, -3, "input or output failed")               \
    X(LY_E_FORMAT, -4, "malformed data")                   \
    X(LY_E_LIMIT, -5, "past a size, depth or count limit") \
    X(LY_E_NOTFOUND, -6, "not found")                      \
    X(LY_E_EXISTS, -7, "already exists")                   \
    X(LY_E_BUSY, -8, "busy, try again")                    \
    X(LY_E_FULL, -9, "queue or disk full")                 \
    X(LY_E_CANCELLED, -10, "cancelled")                    \
    X(LY_E_TIMEOUT, -11, "timed out")                      \
    X(LY_E_NETWORK, -12, "network or provider failed")     \
    X(LY_E_DENIED, -13, "permission denied")               \
    X(LY_E_UNSUPPORTED, -14, "not supported")              \
    X(LY_E_NEWER, -15, "written by another build")         \
    X(LY_E_FOREIGN, -16, "not a Lydite database")          \
    X(LY_E_CORRUPT, -17, "damaged data")                   \
    X(LY_E_CONFLICT, -18, "contradicts what is stored")    \
    X(LY_E_AMBIGUOUS, -19, "matches more than one")        \
    X(LY_E_CLOSED, -20, "closed")                          \
    X(LY_E_BUDGET, -21, "budget reached")                  \
    X(LY_E_INTERNAL, -22, "internal error")

typedef enum ly_status {
#define LY_STATUS_ENUM(name, value, text) name = (value),
    LY_STATUS_LIST(LY_STATUS_ENUM)
#undef LY_STATUS_ENUM
} ly_status;

#define LY_ERR_TEXT_MAX 480

typedef struct ly_err {
    ly_status code;
    int line;         /* where it was set, for bug reports; not shown to users */
    const char *file; /* static string */
    char text[LY_ERR_TEXT_MAX];
} ly_err;

/* Initialiser: ly_err err = LY_ERR_INIT; */
#define LY_ERR_INIT   \
    {                 \
        LY_OK, 0, "", \
        {             \
            0         \
        }             \
    }

/* The table's text of a status ("not found"). Never NULL. */
const char *ly_status_text(ly_status status);

/* Sets *err (may be NULL) and returns `code`, so that `return ly_err_set(...)` reads well. Text past
 * LY_ERR_TEXT_MAX is cut at a character boundary. Prefer the LY_FAIL macro, which records the place. */
ly_status ly_err_set(ly_err *err, ly_status code, const char *file, int line, const char *fmt, ...)
    LY_PRINTF(5, 6);
ly_status ly_err_vset(ly_err *err, ly_status code, const char *file, int line, const char *fmt,
                      va_list args) LY_PRINTF(5, 0);

/* Puts "context: " before the text that stands in *err; keeps its code, which is returned. */
ly_status ly_err_wrap(ly_err *err, const char *fmt, ...) LY_PRINTF(2, 3);

#define LY_FAIL(err, code, ...) ly_err_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)
#define LY_NOMEM(err)           ly_err_set((err), LY_E_NOMEM, __FILE__, __LINE__, "out of memory")

#endif
