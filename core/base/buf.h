/*
 * ly_buf: a growing byte buffer, created with its maximum.
 *
 * Failure is sticky: once an append failed, later appends do nothing, and one check at the end
 * (ly_buf_status) tells. A zeroed ly_buf has maximum 0 and takes nothing; use ly_buf_init.
 * A non-empty buffer is always followed by a NUL that is not counted in len.
 */
#ifndef LY_BASE_BUF_H
#define LY_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

typedef struct ly_buf {
    char *ptr; /* owned; NULL until the first byte */
    size_t len;
    size_t cap;
    size_t max;
    ly_status failed; /* LY_OK, LY_E_NOMEM or LY_E_LIMIT */
} ly_buf;

/* Does not allocate. */
void ly_buf_init(ly_buf *buf, size_t max);
/* Frees the bytes; the buffer may be initialised again. NULL is allowed. */
void ly_buf_release(ly_buf *buf);
/* Empties and clears the failure, keeps the memory. */
void ly_buf_reset(ly_buf *buf);
/* Cuts to `len` bytes (no effect when already shorter). */
void ly_buf_cut(ly_buf *buf, size_t len);

void ly_buf_add(ly_buf *buf, const void *bytes, size_t n);
void ly_buf_str(ly_buf *buf, ly_str s);
void ly_buf_c(ly_buf *buf, const char *text);
void ly_buf_char(ly_buf *buf, char c);
void ly_buf_fill(ly_buf *buf, char c, size_t n);
void ly_buf_fmt(ly_buf *buf, const char *fmt, ...) LY_PRINTF(2, 3);
void ly_buf_u64(ly_buf *buf, uint64_t value);
void ly_buf_i64(ly_buf *buf, int64_t value);
/* Makes room for n more bytes and returns where they go, or NULL (failure is set). Follow with
 * ly_buf_advance of at most n. */
char *ly_buf_room(ly_buf *buf, size_t n);
void ly_buf_advance(ly_buf *buf, size_t n);

/* Borrowed until the next append or release. */
static inline ly_str ly_buf_view(const ly_buf *buf)
{
    return (ly_str){buf->ptr ? buf->ptr : "", buf->len};
}
/* NUL-terminated view, "" when empty. Borrowed as above. */
const char *ly_buf_text(const ly_buf *buf);
/* Moves the bytes out: the caller frees the result with ly_free; *ret_len may be NULL. NULL only when
 * the buffer had failed or memory is out. The buffer is empty and usable afterwards. */
LY_MUST_USE char *ly_buf_take(ly_buf *buf, size_t *ret_len);
/* LY_OK, or sets err to "<what> is larger than N bytes" / out of memory. */
LY_MUST_USE ly_status ly_buf_status(const ly_buf *buf, const char *what, ly_err *err);

#endif
