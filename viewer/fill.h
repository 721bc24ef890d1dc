/*
 * Filling a ly_table_view cell by cell: what the table screens share (tables.c, evals.c, prompts.c).
 *
 *     if (!ly_fill_begin(&f, app, LY_SCREEN_COST, 2, MAX)) return;
 *     ly_fill_head(&f, 0, "NAME", false); ...
 *     per row: ly_fill_str(&f, name); ly_fill_as(&f, pico, ly_viewer_money); ly_fill_row(&f, key, ink);
 *     ly_fill_end(&f, "what to say without rows");
 *
 * Cells are cleaned on the way in and live in the state's arena, which ly_fill_begin resets; the place of
 * the cursor stays. A row may have a text of its own (ly_fill_detail): shown below the table for the row
 * under the cursor where the screen has room, and as a page with `m`.
 */
#ifndef LY_VIEWER_FILL_H
#define LY_VIEWER_FILL_H

#include "viewer/app.h"

#define LY_FILL_ROWS 1000 /* rows of a table; more are not read */

typedef struct ly_fill {
    ly_app *app;
    ly_tables_state *t;
    ly_str *cells;
    ly_ink *inks;
    size_t n, cap; /* cells */
    size_t rows;
    ly_buf text; /* the next cell */
    ly_buf key;  /* for the caller, to make a key in */
} ly_fill;

/* False when memory is out. */
LY_MUST_USE bool ly_fill_begin(ly_fill *f, ly_app *app, ly_screen_id screen, int n_cols,
                               size_t max_rows);
void ly_fill_head(ly_fill *f, int col, const char *text, bool right);
/* The column goes before others where the screen is narrow: the highest rank first. */
void ly_fill_rank(ly_fill *f, int col, unsigned rank);
/* The next cell is what was appended to f->text. */
void ly_fill_cell(ly_fill *f);
void ly_fill_str(ly_fill *f, ly_str text);
void ly_fill_fmt(ly_fill *f, const char *fmt, ...) LY_PRINTF(2, 3);
void ly_fill_as(ly_fill *f, int64_t v, void (*format)(int64_t, ly_buf *));
/* The text of the row that is being filled: clean lines. Before ly_fill_row. */
void ly_fill_detail(ly_fill *f, ly_str lines);
/* Ends a row; key is what it stands for. */
void ly_fill_row(ly_fill *f, ly_str key, ly_ink ink);
void ly_fill_end(ly_fill *f, const char *empty);
/* Says the error; true when there was one. */
bool ly_fill_failed(ly_fill *f, ly_status st, const ly_err *err);

/* Members of a ly_screen. */
void ly_fill_draw(ly_app *app, int top, int n);
bool ly_fill_find(ly_app *app, int direction);
/* The text of the row (its details, else its cells with tabs between) or its key. */
bool ly_fill_value(ly_app *app, ly_copied kind, ly_buf *out);
/* The key of the row under the cursor; empty without rows. */
ly_str ly_fill_key(const ly_app *app);
/* The list of traces with a filter made of a key and a value. */
void ly_fill_show_traces(ly_app *app, const char *key, ly_str value);
/* The list of traces with this filter. */
void ly_fill_show_filter(ly_app *app, ly_str filter);
/* Moves of the table, `m` for the text of the row. */
bool ly_fill_command(ly_app *app, ly_command command, int count);
/* Goes into a row: `of` is what the rows below are of; Esc comes back to this row (ly_fill_up). */
void ly_fill_down(ly_app *app, ly_str of);
/* False at the outermost level. */
bool ly_fill_up(ly_app *app);

#endif
