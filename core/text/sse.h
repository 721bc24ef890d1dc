/*
 * Server-sent events, split out of bytes that arrive in any pieces (WHATWG HTML §9.2).
 *
 * Lines end in LF, CRLF or CR; several data lines of one event are joined by LF; comments and unknown
 * fields are skipped; a byte order mark at the start is skipped; an event without data is not given.
 * What the provider's end marker is ("[DONE]") is the reader's business.
 */
#ifndef LY_TEXT_SSE_H
#define LY_TEXT_SSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Views are valid during the call. A status other than LY_OK stops ly_sse_feed, which returns it. */
typedef ly_status (*ly_sse_fn)(void *user, ly_str event, ly_str data, ly_err *err);

typedef struct ly_sse {
    ly_buf line, event, data;
    bool after_cr; /* the last byte was CR: a LF that follows belongs to it */
    bool started;
    bool has_data;
    ly_sse_fn fn;
    void *user;
} ly_sse;

/* One event (data and name together) may have max_bytes. Does not allocate. */
void ly_sse_init(ly_sse *sse, size_t max_bytes, ly_sse_fn fn, void *user);
void ly_sse_release(ly_sse *sse);
/* LY_E_LIMIT for an event past the maximum, or what fn returned. */
LY_MUST_USE ly_status ly_sse_feed(ly_sse *sse, ly_str bytes, ly_err *err);

#endif
