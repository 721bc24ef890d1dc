/*
 * The CSV reader: one pass over a window of input, one row at a time, no copy of a field that has no
 * doubled quotes. A row's bytes stay in one buffer; fields are noted as offsets, since the buffer may
 * move while it grows.
 */
#include "text/csv.h"

#include <errno.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/term.h"

#define WINDOW     LY_KIB(64)
#define MAX_FIELDS 4096

struct ly_csv {
    ly_csv_read_fn read;
    void *user;
    ly_str memory; /* ly_csv_new_text */
    char delimiter;
    size_t max_fields;
    char *window;
    size_t at, len;
    bool ended, done, begun;
    uint64_t line;
    ly_buf row;    /* the fields' text, one after another */
    size_t *ends;  /* of each field in `row` */
    ly_str *views; /* made when the row is complete */
    size_t n, cap, cap_views;
    ly_csv_row result;
};

static ly_status read_memory(void *user, char *dst, size_t room, size_t *ret_n, ly_err *err)
{
    ly_csv *csv = user;
    (void)err;
    size_t n = csv->memory.len < room ? csv->memory.len : room;
    if (n > 0) {
        memcpy(dst, csv->memory.ptr, n);
        csv->memory.ptr += n;
        csv->memory.len -= n;
    }
    *ret_n = n;
    return LY_OK;
}

ly_status ly_csv_read_fd(void *user, char *dst, size_t room, size_t *ret_n, ly_err *err)
{
    for (;;) {
        ssize_t n = read(*(const int *)user, dst, room);
        if (n >= 0) {
            *ret_n = (size_t)n;
            return LY_OK;
        }
        if (errno != EINTR) {
            return LY_FAIL(err, LY_E_IO, "CSV cannot be read: %s", strerror(errno));
        }
    }
}

ly_status ly_csv_new(ly_csv_read_fn read, void *user, const ly_csv_opts *opts, ly_csv **ret_csv,
                     ly_err *err)
{
    ly_csv *csv = ly_calloc(1, sizeof *csv);
    char *window = csv ? ly_malloc(WINDOW) : NULL;
    if (!window) {
        ly_free(csv);
        return LY_NOMEM(err);
    }
    csv->read = read;
    csv->user = user;
    csv->window = window;
    csv->delimiter = opts && opts->delimiter ? opts->delimiter : ',';
    csv->max_fields = opts && opts->max_fields ? opts->max_fields : MAX_FIELDS;
    csv->line = 1;
    ly_buf_init(&csv->row, opts && opts->max_row_bytes ? opts->max_row_bytes : LY_MAX_ROW_BYTES);
    *ret_csv = csv;
    return LY_OK;
}

ly_status ly_csv_new_text(ly_str text, const ly_csv_opts *opts, ly_csv **ret_csv, ly_err *err)
{
    ly_status status = ly_csv_new(read_memory, NULL, opts, ret_csv, err);
    if (status == LY_OK) {
        (*ret_csv)->user = *ret_csv;
        (*ret_csv)->memory = text;
    }
    return status;
}

void ly_csv_free(ly_csv *csv)
{
    if (csv) {
        ly_buf_release(&csv->row);
        ly_free(csv->window);
        ly_free(csv->ends);
        ly_free(csv->views);
        ly_free(csv);
    }
}

/* The next byte without taking it, -1 at the end, -2 on a read error. */
static int peek(ly_csv *csv, ly_err *err)
{
    if (csv->at < csv->len) {
        return (unsigned char)csv->window[csv->at];
    }
    if (csv->ended) {
        return -1;
    }
    csv->at = csv->len = 0;
    if (csv->read(csv->user, csv->window, WINDOW, &csv->len, err) != LY_OK) {
        return -2;
    }
    csv->ended = csv->len == 0;
    return csv->ended ? -1 : (unsigned char)csv->window[0];
}

/* Takes everything in the window up to one of four stop bytes into the row. */
static void take_run(ly_csv *csv, char a, char b, char c, char d)
{
    const char *from = csv->window + csv->at, *end = csv->window + csv->len, *p = from;
    while (p < end && *p != a && *p != b && *p != c && *p != d) {
        p++;
    }
    ly_buf_add(&csv->row, from, (size_t)(p - from));
    csv->at += (size_t)(p - from);
}

/* Takes a line end that begins here (LF, CR, CRLF). false on a read error. */
static bool take_line_end(ly_csv *csv, ly_err *err)
{
    if (csv->window[csv->at++] == '\r') {
        int c = peek(csv, err);
        if (c == -2) {
            return false;
        }
        csv->at += c == '\n';
    }
    csv->line++;
    return true;
}

static ly_status read_failed(ly_csv *csv, ly_err *err)
{
    csv->done = true;
    return err && err->code != LY_OK ? err->code : LY_E_IO;
}

static ly_status too_large(ly_csv *csv, uint64_t line, ly_err *err)
{
    csv->done = true;
    if (csv->row.failed == LY_E_NOMEM) {
        return LY_NOMEM(err);
    }
    return LY_FAIL(err, LY_E_LIMIT, "line %llu: row is larger than %zu bytes",
                   (unsigned long long)line, csv->row.max);
}

/* After the opening quote, to the closing one. */
static ly_status quoted(ly_csv *csv, ly_err *err)
{
    uint64_t opened = csv->line;
    for (;;) {
        int c = peek(csv, err);
        if (c == -2) {
            return read_failed(csv, err);
        }
        if (c == -1) {
            csv->done = true;
            return LY_FAIL(err, LY_E_FORMAT, "line %llu: quoted field is never closed",
                           (unsigned long long)opened);
        }
        if (c == '"') {
            csv->at++;
            c = peek(csv, err);
            if (c == -2) {
                return read_failed(csv, err);
            }
            if (c != '"') {
                return LY_OK;
            }
            csv->at++;
            ly_buf_char(&csv->row, '"');
        } else if (c == '\n' || c == '\r') {
            /* kept as it is; CRLF counts once */
            ly_buf_char(&csv->row, (char)c);
            csv->at++;
            csv->line++;
            if (c == '\r' && peek(csv, err) == '\n') {
                ly_buf_char(&csv->row, '\n');
                csv->at++;
            }
        } else {
            take_run(csv, '"', '\n', '\r', '"');
        }
        if (csv->row.failed != LY_OK) {
            return too_large(csv, opened, err);
        }
    }
}

/* One field, up to the delimiter, line end or end of input. */
static ly_status field(ly_csv *csv, uint64_t row_line, ly_err *err)
{
    int c = peek(csv, err);
    if (c == '"') {
        csv->at++;
        ly_status status = quoted(csv, err);
        if (status != LY_OK) {
            return status;
        }
        c = peek(csv, err);
        if (c >= 0 && c != (unsigned char)csv->delimiter && c != '\n' && c != '\r') {
            csv->done = true;
            return LY_FAIL(err, LY_E_FORMAT,
                           "line %llu: text after a closing quote (write \"\" for a quote inside)",
                           (unsigned long long)csv->line);
        }
    } else {
        while (c >= 0 && c != (unsigned char)csv->delimiter && c != '\n' && c != '\r') {
            take_run(csv, csv->delimiter, '\n', '\r', '\r');
            if (csv->row.failed != LY_OK) {
                return too_large(csv, row_line, err);
            }
            c = peek(csv, err);
        }
    }
    if (c == -2) {
        return read_failed(csv, err);
    }
    if (csv->n >= csv->max_fields) {
        csv->done = true;
        return LY_FAIL(err, LY_E_LIMIT, "line %llu: more than %zu fields",
                       (unsigned long long)row_line, csv->max_fields);
    }
    if (!ly_grow(&csv->ends, &csv->cap, csv->n + 1, SIZE_MAX / 16, sizeof *csv->ends)) {
        csv->done = true;
        return LY_NOMEM(err);
    }
    csv->ends[csv->n++] = csv->row.len;
    return LY_OK;
}

static ly_status make_views(ly_csv *csv, ly_err *err)
{
    if (!ly_grow(&csv->views, &csv->cap_views, csv->n, SIZE_MAX / 16, sizeof *csv->views)) {
        csv->done = true;
        return LY_NOMEM(err);
    }
    const char *text = ly_buf_text(&csv->row);
    size_t from = 0;
    for (size_t i = 0; i < csv->n; i++) {
        csv->views[i] = ly_str_n(text + from, csv->ends[i] - from);
        from = csv->ends[i];
    }
    csv->result.fields = csv->views;
    csv->result.n = csv->n;
    return LY_OK;
}

/* Reads until a byte order mark would be complete, and skips it. */
static bool begin(ly_csv *csv, ly_err *err)
{
    csv->begun = true;
    while (csv->len < 3 && !csv->ended) {
        size_t n = 0;
        if (csv->read(csv->user, csv->window + csv->len, WINDOW - csv->len, &n, err) != LY_OK) {
            return false;
        }
        csv->len += n;
        csv->ended = n == 0;
    }
    csv->at = csv->len >= 3 && memcmp(csv->window, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    return true;
}

/* Skips the byte order mark and blank lines; *ret_c is what stands there then. */
static bool skip_blank(ly_csv *csv, int *ret_c, ly_err *err)
{
    if (!csv->begun && !begin(csv, err)) {
        return false;
    }
    while ((*ret_c = peek(csv, err)) == '\n' || *ret_c == '\r') {
        if (!take_line_end(csv, err)) {
            return false;
        }
    }
    return *ret_c != -2;
}

ly_status ly_csv_next(ly_csv *csv, const ly_csv_row **ret_row, ly_err *err)
{
    int c = -1;
    if (!csv->done && !skip_blank(csv, &c, err)) {
        return read_failed(csv, err);
    }
    if (csv->done || c == -1) {
        csv->done = true;
        *ret_row = NULL;
        return LY_OK;
    }
    csv->n = 0;
    ly_buf_reset(&csv->row);
    csv->result.line = csv->line;
    for (;;) {
        ly_status status = field(csv, csv->result.line, err);
        if (status != LY_OK) {
            return status;
        }
        c = peek(csv, err);
        if (c == '\n' || c == '\r') {
            if (!take_line_end(csv, err)) {
                return read_failed(csv, err);
            }
            break;
        }
        if (c == -1) {
            break;
        }
        csv->at++; /* the delimiter */
    }
    ly_status status = make_views(csv, err);
    if (status == LY_OK) {
        *ret_row = &csv->result;
    }
    return status;
}

/* ---- writing ---- */

static bool looks_like_formula(ly_str s)
{
    double number;
    if (s.len == 0 || !memchr("=+-@\t\r", s.ptr[0], 6)) {
        return false;
    }
    ly_str unsigned_part = s.ptr[0] == '+' ? ly_str_sub(s, 1, SIZE_MAX) : s;
    return !ly_str_to_double(unsigned_part, &number);
}

static void put(ly_buf *out, ly_str field_text, bool first, bool formula)
{
    if (!first) {
        ly_buf_char(out, ',');
    }
    bool quote = false;
    for (size_t i = 0; i < field_text.len && !quote; i++) {
        quote = memchr("\",\r\n", field_text.ptr[i], 4) != NULL;
    }
    /* Spaces at an end would be trimmed by some readers, a lone empty first field would be a blank
     * line, and a byte order mark in front would be taken for the file's. */
    quote = quote || (first && field_text.len == 0) ||
            ly_str_starts(field_text, LY_S("\xEF\xBB\xBF")) ||
            (field_text.len > 0 &&
             (field_text.ptr[0] == ' ' || field_text.ptr[field_text.len - 1] == ' '));
    if (quote) {
        ly_buf_char(out, '"');
    }
    if (formula) {
        ly_buf_char(out, '\'');
    }
    size_t from = 0;
    for (size_t i = 0; i < field_text.len; i++) {
        if (field_text.ptr[i] == '"') {
            ly_buf_add(out, field_text.ptr + from, i + 1 - from);
            from = i; /* the quote is written again with the rest */
        }
    }
    if (from < field_text.len) {
        ly_buf_add(out, field_text.ptr + from, field_text.len - from);
    }
    if (quote) {
        ly_buf_char(out, '"');
    }
}

void ly_csv_put(ly_buf *out, ly_str field_text, bool first, unsigned flags)
{
    bool formula = (flags & LY_CSV_FORMULA_SAFE) && looks_like_formula(field_text);
    if (!(flags & LY_CSV_CLEAN)) {
        put(out, field_text, first, formula);
        return;
    }
    ly_buf clean;
    ly_buf_init(&clean, out->max);
    ly_term_clean(&clean, field_text, LY_TERM_LINES);
    if (clean.failed == LY_OK) {
        put(out, ly_buf_view(&clean), first, formula);
    } else if (out->failed == LY_OK) {
        out->failed = clean.failed;
    }
    ly_buf_release(&clean);
}

void ly_csv_put_end(ly_buf *out)
{
    ly_buf_add(out, "\r\n", 2);
}
