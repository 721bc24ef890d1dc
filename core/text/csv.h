/*
 * CSV as RFC 4180 has it, read as a stream and written.
 *
 * Reading: a byte order mark is skipped; rows end in LF, CRLF or CR; a field in double quotes may hold
 * delimiters, line breaks and doubled quotes; the last row needs no line end; a blank line is no row.
 * A quote inside an unquoted field is text. Errors name the line (1-based, physical) where the
 * trouble is: text after a closing quote, a quote never closed (the line where it opened), a row
 * larger than the limit. Bytes are not checked for UTF-8 here: the caller knows the column's use.
 *
 *     ly_csv *csv;
 *     ly_csv_new(ly_csv_read_fd, &fd, NULL, &csv, err);
 *     while ((status = ly_csv_next(csv, &row, err)) == LY_OK && row) ...
 *     ly_csv_free(csv);
 */
#ifndef LY_TEXT_CSV_H
#define LY_TEXT_CSV_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ly_csv ly_csv;

/* Puts up to `room` bytes into dst; *ret_n = 0 at the end. */
typedef ly_status (*ly_csv_read_fn)(void *user, char *dst, size_t room, size_t *ret_n, ly_err *err);

typedef struct ly_csv_opts {
    char delimiter;       /* 0 = ',' */
    size_t max_row_bytes; /* 0 = LY_MAX_ROW_BYTES */
    size_t max_fields;    /* 0 = 4096 */
} ly_csv_opts;

typedef struct ly_csv_row {
    const ly_str *fields;
    size_t n;
    uint64_t line; /* where the row begins */
} ly_csv_row;

/* opts NULL = defaults. */
LY_MUST_USE ly_status ly_csv_new(ly_csv_read_fn read, void *user, const ly_csv_opts *opts,
                                 ly_csv **ret_csv, ly_err *err);
/* Reads from memory, which must stay. */
LY_MUST_USE ly_status ly_csv_new_text(ly_str text, const ly_csv_opts *opts, ly_csv **ret_csv,
                                      ly_err *err);
void ly_csv_free(ly_csv *csv);
/* *ret_row = NULL after the last row; valid until the next call. After an error the reader is done. */
LY_MUST_USE ly_status ly_csv_next(ly_csv *csv, const ly_csv_row **ret_row, ly_err *err);
/* A read function for a file descriptor: user is an int *. */
ly_status ly_csv_read_fd(void *user, char *dst, size_t room, size_t *ret_n, ly_err *err);

enum {
    /* A field that a spreadsheet would run as a formula (begins with = + - @ tab or CR and is not a
     * plain number) gets a leading apostrophe. For reports that people open; not for data that is
     * read again. */
    LY_CSV_FORMULA_SAFE = 1,
    /* Passes the one sanitiser (base/term.h): control bytes, invalid bytes and invisible characters
     * become \xNN and \u{NNNN}, a tab becomes spaces; line feeds stay, in quotes. */
    LY_CSV_CLEAN = 2,
    /* What a report for people has: text of the application that a terminal may show. */
    LY_CSV_REPORT = LY_CSV_FORMULA_SAFE | LY_CSV_CLEAN
};

/* Appends one field, quoted where needed, with a delimiter before it unless it is the first. */
void ly_csv_put(ly_buf *out, ly_str field, bool first, unsigned flags);
/* Ends the row (CRLF, as RFC 4180 has it). */
void ly_csv_put_end(ly_buf *out);

#endif
