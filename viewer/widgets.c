/* What several screens draw: tables of texts and pages of lines. */
#include "base/mem.h"
#include "base/term.h"
#include "viewer/app.h"

/* Lines of one page of text; more are cut with a note. */
#define MAX_LINES 200000

void ly_table_view_measure(ly_table_view *t)
{
    for (int c = 0; c < t->n_cols; c++) {
        size_t w = ly_term_width(ly_str_c(t->heads[c]));
        for (size_t r = 0; r < t->n_rows; r++) {
            size_t n = ly_term_width(t->cells[r * (size_t)t->n_cols + (size_t)c]);
            w = n > w ? n : w;
        }
        t->widths[c] = (int)(w > 200 ? 200 : w);
    }
}

/* Column widths for the screen: the flexible column takes what the others leave. */
static void plan(const ly_table_view *t, int cols, int *widths)
{
    int used = 2;
    for (int c = 0; c < t->n_cols; c++) {
        widths[c] = t->widths[c];
        used += widths[c] + 2;
    }
    if (t->flexible >= 0 && t->flexible < t->n_cols) {
        int w = widths[t->flexible] + cols - used;
        widths[t->flexible] = w < 8 ? 8 : w;
    }
}

static void draw_text_block(ly_app *app, int top, int n, ly_str text)
{
    ly_str rest = text, line;
    for (int r = top; r < top + n && ly_str_split(&rest, '\n', &line); r++) {
        (void)ly_grid_put(&app->grid, r, 2, app->grid.cols - 3, line, LY_INK_TEXT);
    }
}

void ly_table_view_draw(ly_table_view *t, ly_app *app, int top, int n)
{
    int widths[LY_TABLE_COLS] = {0};
    plan(t, app->grid.cols, widths);
    int row = top;
    if (t->title.len > 0) {
        (void)ly_grid_put(&app->grid, row++, 1, app->grid.cols - 2, t->title, LY_INK_DIM);
    }
    if (t->n_rows == 0) {
        draw_text_block(app, row + 1, n - (row - top) - 1, t->empty);
        app->page_rows = n;
        return;
    }
    for (int c = 0, col = 2; c < t->n_cols; c++) {
        if (t->right[c]) {
            ly_grid_right(&app->grid, row, col, widths[c], ly_str_c(t->heads[c]), LY_INK_DIM);
        } else {
            (void)ly_grid_puts(&app->grid, row, col, widths[c], t->heads[c], LY_INK_DIM);
        }
        col += widths[c] + 2;
    }
    row++;
    int room = n - (row - top);
    app->page_rows = room > 1 ? room : 1;
    if (t->at >= t->n_rows) {
        t->at = t->n_rows - 1;
    }
    if (t->at < t->top) {
        t->top = t->at;
    } else if (room > 0 && t->at >= t->top + (size_t)room) {
        t->top = t->at - (size_t)room + 1;
    }
    size_t left = t->n_rows - t->top;
    ly_app_clicks(app, row, left < (size_t)(room > 0 ? room : 0) ? (int)left : room, app->grid.cols,
                  row + (int)(t->at - t->top));
    for (int k = 0; k < room && t->top + (size_t)k < t->n_rows; k++) {
        size_t r = t->top + (size_t)k;
        ly_ink ink = t->inks != NULL ? t->inks[r] : LY_INK_TEXT;
        for (int c = 0, col = 2; c < t->n_cols; c++) {
            ly_str cell = t->cells[r * (size_t)t->n_cols + (size_t)c];
            if (t->right[c]) {
                ly_grid_right(&app->grid, row + k, col, widths[c], cell, ink);
            } else {
                (void)ly_grid_put(&app->grid, row + k, col, widths[c], cell, ink);
            }
            col += widths[c] + 2;
        }
        if (r == t->at) {
            ly_grid_select(&app->grid, row + k, 0, app->grid.cols);
        }
    }
}

/* The usual moves over n rows; false = not a move. */
static bool move(size_t *at, size_t n, ly_command command, int count, int page)
{
    size_t step = count > 0 ? (size_t)count : 1;
    size_t rows = page > 1 ? (size_t)page : 1;
    size_t last = n > 0 ? n - 1 : 0;
    switch (command) {
    case LY_DO_DOWN:
        break;
    case LY_DO_UP:
        *at = *at > step ? *at - step : 0;
        return true;
    case LY_DO_PAGE_DOWN:
        step *= rows;
        break;
    case LY_DO_PAGE_UP:
        *at = *at > step * rows ? *at - step * rows : 0;
        return true;
    case LY_DO_HALF_DOWN:
        step *= rows / 2 + 1;
        break;
    case LY_DO_HALF_UP:
        *at = *at > step * (rows / 2 + 1) ? *at - step * (rows / 2 + 1) : 0;
        return true;
    case LY_DO_TOP:
        *at = 0;
        return true;
    case LY_DO_BOTTOM:
        *at = count > 0 && (size_t)count <= n ? (size_t)count - 1 : last;
        return true;
    default:
        return false;
    }
    *at = last - *at > step ? *at + step : last;
    return true;
}

bool ly_table_view_command(ly_table_view *t, ly_command command, int count, int page)
{
    return move(&t->at, t->n_rows, command, count, page);
}

bool ly_table_view_find(ly_table_view *t, ly_app *app, int direction)
{
    for (size_t k = 1; k <= t->n_rows; k++) {
        size_t r = direction > 0 ? (t->at + k) % t->n_rows : (t->at + t->n_rows - k) % t->n_rows;
        for (int c = 0; c < t->n_cols; c++) {
            if (ly_app_found(app, t->cells[r * (size_t)t->n_cols + (size_t)c])) {
                t->at = r;
                return true;
            }
        }
    }
    return false;
}

/* ---- pages of text --------------------------------------------------------------------------- */

void ly_text_view_init(ly_text_view *view)
{
    *view = (ly_text_view){0};
    ly_buf_init(&view->text, LY_MIB(96));
}

void ly_text_view_release(ly_text_view *view)
{
    ly_buf_release(&view->text);
    ly_free(view->starts);
    *view = (ly_text_view){0};
}

static bool add_start(ly_text_view *view, size_t at)
{
    if (view->n >= MAX_LINES ||
        !ly_grow(&view->starts, &view->cap, view->n + 2, MAX_LINES + 2, sizeof *view->starts)) {
        return false;
    }
    view->starts[view->n++] = (uint32_t)at;
    return true;
}

void ly_text_view_wrap(ly_text_view *view, int width)
{
    ly_str text = ly_buf_view(&view->text);
    size_t pos = 0, cells = 0, limit = width > 4 ? (size_t)width : 4;
    view->n = 0;
    if (text.len == 0 || !add_start(view, 0)) {
        return;
    }
    while (pos < text.len) {
        int w = 0;
        size_t before = pos;
        if (text.ptr[pos] == '\n') {
            pos++;
            cells = 0;
            if (pos < text.len && !add_start(view, pos)) {
                break;
            }
            continue;
        }
        (void)ly_term_cluster(text, &pos, &w);
        cells += (size_t)w;
        if (cells > limit) {
            cells = (size_t)w;
            if (!add_start(view, before)) {
                break;
            }
        }
    }
    view->starts[view->n] = (uint32_t)text.len;
    if (view->top >= view->n) {
        view->top = 0;
    }
}

ly_str ly_text_view_line(const ly_text_view *view, size_t line)
{
    if (line >= view->n) {
        return LY_S("");
    }
    ly_str text = ly_str_sub(ly_buf_view(&view->text), view->starts[line],
                             view->starts[line + 1] - view->starts[line]);
    while (text.len > 0 && text.ptr[text.len - 1] == '\n') {
        text.len--;
    }
    return text;
}

void ly_text_view_draw(ly_text_view *view, ly_app *app, int top, int n, int col, int width)
{
    size_t room = n > 0 ? (size_t)n : 0;
    if (view->n <= room) {
        view->top = 0;
    } else if (view->top > view->n - room) {
        view->top = view->n - room;
    }
    for (size_t k = 0; k < room && view->top + k < view->n; k++) {
        ly_str line = ly_text_view_line(view, view->top + k);
        bool hit = app->find[0] != '\0' && ly_app_found(app, line);
        (void)ly_grid_put(&app->grid, top + (int)k, col, width, line,
                          hit ? LY_INK_MATCH : LY_INK_TEXT);
    }
}

bool ly_text_view_command(ly_text_view *view, ly_command command, int count, int page)
{
    if (command == LY_DO_BOTTOM) {
        view->top = view->n; /* drawing brings it back to the last page */
        return true;
    }
    return move(&view->top, view->n, command, count, page);
}
