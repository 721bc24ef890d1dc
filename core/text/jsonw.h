/*
 * ly_jsonw: writes JSON into a ly_buf, straight and indented, without building anything.
 *
 * Commas, colons and indentation are its business; the nesting is the caller's: begin and end must
 * pair, and inside an object each value follows a key. A mistake in that is a bug of ours and sets
 * `misused`, which ly_jsonw_end reports. Text that is not UTF-8 is written with U+FFFD.
 *
 *     ly_jsonw w;
 *     ly_jsonw_init(&w, &buf, 0);
 *     ly_jsonw_object(&w);
 *     ly_jsonw_key(&w, "tokens");
 *     ly_jsonw_i64(&w, 12);
 *     ly_jsonw_object_end(&w);
 *     status = ly_jsonw_end(&w, err);
 */
#ifndef LY_TEXT_JSONW_H
#define LY_TEXT_JSONW_H

#include "base/buf.h"
#include "text/json.h"

#define LY_JSONW_MAX_DEPTH 512

enum {
    LY_JSONW_INDENT = 1, /* two spaces a level, one value a line; empty ones as [] and {} */
    LY_JSONW_ASCII = 2,  /* everything above 0x7E as \uXXXX */
    LY_JSONW_SCRIPT = 4  /* safe inside an HTML <script>: < > & U+2028 U+2029 escaped */
};

typedef struct ly_jsonw {
    ly_buf *out;
    unsigned flags;
    unsigned depth;
    bool after_key; /* private, like the rest */
    bool empty;     /* nothing yet in the innermost container */
    bool done;
    bool misused;
    uint64_t kinds[LY_JSONW_MAX_DEPTH / 64];
} ly_jsonw;

void ly_jsonw_init(ly_jsonw *w, ly_buf *out, unsigned flags);
void ly_jsonw_object(ly_jsonw *w);
void ly_jsonw_object_end(ly_jsonw *w);
void ly_jsonw_array(ly_jsonw *w);
void ly_jsonw_array_end(ly_jsonw *w);
void ly_jsonw_key(ly_jsonw *w, const char *key);
void ly_jsonw_key_str(ly_jsonw *w, ly_str key);
void ly_jsonw_str(ly_jsonw *w, ly_str s);
void ly_jsonw_c(ly_jsonw *w, const char *text); /* NULL writes null */
void ly_jsonw_fmt(ly_jsonw *w, const char *fmt, ...) LY_PRINTF(2, 3);
void ly_jsonw_i64(ly_jsonw *w, int64_t value);
void ly_jsonw_u64(ly_jsonw *w, uint64_t value);
/* Shortest form that reads back the same ("1" for 1.0); NaN and infinities are written as null. */
void ly_jsonw_double(ly_jsonw *w, double value);
void ly_jsonw_bool(ly_jsonw *w, bool value);
void ly_jsonw_null(ly_jsonw *w);
/* A value that is JSON already, put in as it is. The caller vouches for it. */
void ly_jsonw_raw(ly_jsonw *w, ly_str json);
/* A parsed tree, decoded and written again (numbers as their source wrote them). */
void ly_jsonw_tree(ly_jsonw *w, const ly_json *node);

/* Key and value in one call, for the common case. */
void ly_jsonw_kv_str(ly_jsonw *w, const char *key, ly_str value);
void ly_jsonw_kv_c(ly_jsonw *w, const char *key, const char *value);
void ly_jsonw_kv_i64(ly_jsonw *w, const char *key, int64_t value);
void ly_jsonw_kv_double(ly_jsonw *w, const char *key, double value);
void ly_jsonw_kv_bool(ly_jsonw *w, const char *key, bool value);
void ly_jsonw_kv_null(ly_jsonw *w, const char *key);

/* LY_OK; LY_E_NOMEM, LY_E_LIMIT of the buffer; LY_E_INTERNAL when begin and end did not pair. */
LY_MUST_USE ly_status ly_jsonw_end(ly_jsonw *w, ly_err *err);

/*
 * Canonical JSON, the input of every hash we keep (reference/judges-and-statistics.md §2.6): members
 * sorted by code point, the last of duplicates kept, no white space, UTF-8 not escaped, only what
 * JSON requires escaped (short forms \b \f \n \r \t, else \u00xx), integers as digits, a double that
 * is a whole number below 1e15 as digits too, other doubles in their shortest form.
 */
LY_MUST_USE ly_status ly_json_canonical(const ly_json *node, ly_buf *out, ly_err *err);

#endif
