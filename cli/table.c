/*
 * Tables for people, and the number formats in them.
 */
#include "base/arena.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/cmd.h"
#include "genai/price.h"

#define GAP      2
#define MAX_COLS 256

typedef struct column {
    const char *head;
    ly_align align;
    size_t max_width, width;
} column;

struct ly_table {
    ly_cli *cli;
    size_t n_cols, n_cells, cap;
    column cols[MAX_COLS];
    ly_str *cells; /* cleaned, in `arena` */
    ly_arena arena;
    ly_buf scratch;
    bool failed;
};

static unsigned clean_flags(const ly_table *t)
{
    return LY_TERM_ONE_LINE | (t->cli->unicode ? 0u : (unsigned)LY_TERM_ASCII);
}

ly_table *ly_table_new(ly_cli *cli, size_t n_cols)
{
    ly_table *t = ly_calloc(1, sizeof *t);
    if (!t || n_cols == 0 || n_cols > MAX_COLS) {
        ly_free(t);
        return NULL;
    }
    t->cli = cli;
    t->n_cols = n_cols;
    ly_arena_init(&t->arena, 0, 0);
    ly_buf_init(&t->scratch, (size_t)1 << 24);
    return t;
}

void ly_table_col(ly_table *t, size_t col, const char *head, ly_align align, int max_width)
{
    /* A column's name may come from outside too (lydite sql): cleaned and kept like a cell. */
    ly_buf_reset(&t->scratch);
    ly_term_clean(&t->scratch, ly_str_c(head), clean_flags(t));
    ly_str kept = ly_arena_copy(&t->arena, ly_buf_view(&t->scratch));
    t->failed = t->failed || !kept.ptr;
    t->cols[col] = (column){kept.ptr ? kept.ptr : "", align, (size_t)max_width, 0};
}

void ly_table_cell(ly_table *t, ly_str text)
{
    ly_buf_reset(&t->scratch);
    ly_term_clean(&t->scratch, text, clean_flags(t));
    ly_str kept = ly_arena_copy(&t->arena, ly_buf_view(&t->scratch));
    if (!kept.ptr ||
        !ly_grow(&t->cells, &t->cap, t->n_cells + 1, SIZE_MAX / 64, sizeof *t->cells)) {
        t->failed = true;
        return;
    }
    t->cells[t->n_cells++] = kept;
}

void ly_table_cellf(ly_table *t, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ly_table_cell(t, n < 0 ? LY_STR_NONE : ly_str_c(text));
}

static void measure(ly_table *t)
{
    for (size_t c = 0; c < t->n_cols; c++)
        t->cols[c].width = ly_term_width(ly_str_c(t->cols[c].head));
    for (size_t i = 0; i < t->n_cells; i++) {
        column *col = &t->cols[i % t->n_cols];
        size_t width = ly_term_width(t->cells[i]);
        if (width > col->width)
            col->width = width;
    }
    size_t total = 0;
    for (size_t c = 0; c < t->n_cols; c++) {
        column *col = &t->cols[c];
        if (col->max_width && col->width > col->max_width && t->cli->tty)
            col->width = col->max_width;
        total += col->width + (c ? GAP : 0);
    }
    /* On a terminal the widest text column gives way; a pipe gets everything. */
    while (t->cli->tty && total > (size_t)t->cli->width) {
        column *widest = NULL;
        for (size_t c = 0; c < t->n_cols; c++) {
            if (t->cols[c].align == LY_LEFT && t->cols[c].width > 8 &&
                (!widest || t->cols[c].width > widest->width))
                widest = &t->cols[c];
        }
        if (!widest)
            break;
        widest->width--;
        total--;
    }
}

static void put_cell(ly_table *t, ly_buf *line, size_t c, ly_str text)
{
    const column *col = &t->cols[c];
    bool last = c + 1 == t->n_cols;
    size_t width = ly_term_width(text);
    if (c)
        ly_buf_fill(line, ' ', GAP);
    if (col->align == LY_RIGHT && width < col->width)
        ly_buf_fill(line, ' ', col->width - width);
    if (width > col->width)
        ly_term_fit(line, text, col->width, false, clean_flags(t));
    else
        ly_buf_str(line, text);
    if (col->align == LY_LEFT && !last && width < col->width)
        ly_buf_fill(line, ' ', col->width - width);
}

/* A last column that is empty leaves no blanks behind. */
static void trim_end(ly_buf *line)
{
    size_t len = line->len;
    while (len > 0 && line->ptr[len - 1] == ' ') {
        len--;
    }
    ly_buf_cut(line, len);
}

void ly_table_print(ly_table *t)
{
    if (t->failed) {
        fputs("lydite: out of memory\n", stderr);
        return;
    }
    measure(t);
    ly_buf *line = &t->scratch;
    ly_buf_reset(line);
    bool headed = false;
    for (size_t c = 0; c < t->n_cols; c++) {
        put_cell(t, line, c, ly_str_c(t->cols[c].head));
        headed = headed || t->cols[c].head[0] != '\0';
    }
    trim_end(line);
    /* Lines of a stream have no heading. */
    if (!headed)
        ly_buf_reset(line);
    else if (t->cli->color)
        fprintf(t->cli->out, "\033[1m%s\033[0m\n", ly_buf_text(line));
    else
        fprintf(t->cli->out, "%s\n", ly_buf_text(line));
    for (size_t i = 0; i + t->n_cols <= t->n_cells; i += t->n_cols) {
        ly_buf_reset(line);
        for (size_t c = 0; c < t->n_cols; c++)
            put_cell(t, line, c, t->cells[i + c]);
        trim_end(line);
        ly_buf_char(line, '\n');
        fwrite(line->ptr, 1, line->len, t->cli->out);
    }
}

void ly_table_free(ly_table *t)
{
    if (!t)
        return;
    ly_arena_release(&t->arena);
    ly_buf_release(&t->scratch);
    ly_free(t->cells);
    ly_free(t);
}

void ly_fmt_money(int64_t pico, ly_buf *out)
{
    ly_money_format(pico, LY_MONEY_WIDE, out);
}

void ly_fmt_money_change(int64_t pico, ly_buf *out)
{
    if (pico > 0) {
        ly_buf_char(out, '+');
    }
    ly_fmt_money(pico, out);
}

void ly_fmt_percent(double share, ly_buf *out)
{
    if (share < 0) {
        ly_buf_char(out, '-');
    } else if (share > 0 && share < 0.005) {
        ly_buf_c(out, "<1%");
    } else if (share >= 99.995) {
        ly_buf_c(out, ">9999%");
    } else {
        ly_buf_fmt(out, "%.0f%%", share * 100);
    }
}

const char *ly_fmt_at_least(const ly_cli *cli)
{
    return cli->unicode && !cli->plain ? "≥" : ">=";
}

void ly_fmt_count(int64_t n, ly_buf *out)
{
    static const char units[] = "kMGT";
    if (n == LY_UNKNOWN) {
        ly_buf_char(out, '-');
        return;
    }
    if (n > -10000 && n < 10000) {
        ly_buf_i64(out, n);
        return;
    }
    double value = (double)n;
    int unit = -1;
    while ((value >= 999.5 || value <= -999.5) && unit < 3) {
        value /= 1000;
        unit++;
    }
    ly_buf_fmt(out, value < 99.95 && value > -99.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}
