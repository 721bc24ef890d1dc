/*
 * ly_jscan: the JSON pull scanner, one token at a time, over bytes that are already in memory.
 *
 * It is what core/text builds its document tree on and what core/otlp reads OTLP/JSON with, so that
 * there is one grammar (RFC 8259, strict: no comments, no trailing comma, no single quotes, no NaN,
 * nothing after the document) and one place to fuzz. It allocates nothing, copies nothing, never
 * recurses and looks at each byte once; text is handed out as raw views that the caller decodes with
 * ly_jscan_unescape where a token says it has escapes.
 *
 *     ly_jscan scan;
 *     ly_jscan_init(&scan, text, LY_MAX_JSON_DEPTH);
 *     while ((token = ly_jscan_next(&scan)) > LY_J_END) ...
 *     if (token == LY_J_ERROR) return ly_jscan_fail(&scan, "config", err);
 *
 * The order of tokens for {"a":[1,"x"]} is OBJECT, KEY, ARRAY, NUMBER, STRING, ARRAY_END,
 * OBJECT_END, END. Commas and colons are checked and not reported.
 */
#ifndef LY_BASE_JSCAN_H
#define LY_BASE_JSCAN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* The deepest nesting that a scanner can be asked to allow; a bit per level lies in the struct. */
#define LY_JSCAN_MAX_DEPTH 4096

typedef enum ly_jtoken {
    LY_J_ERROR = -1, /* malformed or too deep; every later call answers the same */
    LY_J_END = 0,    /* the document is complete and only white space followed */
    LY_J_NULL,
    LY_J_TRUE,
    LY_J_FALSE,
    LY_J_NUMBER, /* text = the number as written */
    LY_J_STRING, /* text = what stands between the quotes, escapes as written */
    LY_J_KEY,    /* like LY_J_STRING; a value follows */
    LY_J_ARRAY,
    LY_J_ARRAY_END,
    LY_J_OBJECT,
    LY_J_OBJECT_END
} ly_jtoken;

typedef struct ly_jscan {
    const char *start, *at, *end;
    ly_str text;      /* of the last NUMBER, STRING or KEY */
    const char *from; /* first byte of the last token (the quote of a string) */
    bool escaped;     /* the last STRING or KEY holds a backslash */
    bool not_ascii;   /* the last STRING or KEY holds a byte above 0x7F (not validated) */
    bool integer;     /* the last NUMBER has neither fraction nor exponent */
    ly_status failed; /* LY_OK, LY_E_FORMAT or LY_E_LIMIT */
    const char *why;  /* static text of the failure */
    unsigned depth;
    unsigned max_depth;
    int state;                               /* private */
    ly_jtoken last;                          /* the last token */
    uint64_t kinds[LY_JSCAN_MAX_DEPTH / 64]; /* private: a set bit is an object */
} ly_jscan;

/* max_depth counts open arrays and objects; it is clipped to LY_JSCAN_MAX_DEPTH. A leading byte order
 * mark is skipped. */
void ly_jscan_init(ly_jscan *scan, ly_str text, unsigned max_depth);
ly_jtoken ly_jscan_next(ly_jscan *scan);
/* After OBJECT or ARRAY: reads to its end. After KEY: reads the whole value. After any other token:
 * does nothing. false on error. Checks the grammar of what it skips. */
LY_MUST_USE bool ly_jscan_skip(ly_jscan *scan);
/* Line and column (1-based, column in bytes) of the place where the scanner stands or failed. */
void ly_jscan_place(const ly_jscan *scan, unsigned *ret_line, unsigned *ret_column);
/* Sets err to "<what>: line L, column C: <why>" and returns the failure (LY_E_FORMAT, LY_E_LIMIT). */
ly_status ly_jscan_fail(const ly_jscan *scan, const char *what, ly_err *err);

/* Decodes the escapes of a STRING or KEY text into dst, which needs raw.len bytes (a decoded text is
 * never longer than its source); returns the length. \u0000 becomes a zero byte, a surrogate pair one
 * character, a lone surrogate U+FFFD. Other bytes, valid UTF-8 or not, are copied. The text must have
 * passed the scanner. */
size_t ly_jscan_unescape(ly_str raw, char *dst);

enum {
    LY_JSTR_ASCII = 1,    /* everything above 0x7E as \uXXXX */
    LY_JSTR_SCRIPT = 2,   /* also escapes U+2028, U+2029, <, > and &: safe inside HTML */
    LY_JSTR_NO_MARKS = 4, /* without the surrounding quotes */
    LY_JSTR_VISIBLE =
        8 /* also escapes DEL, C1 and what turns text about: for what a terminal may show */
};
/* Appends s as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD, one for each byte that
 * ly_utf8_next calls invalid; returns false when that happened. */
bool ly_jstr_put(ly_buf *out, ly_str s, unsigned flags);

#endif
