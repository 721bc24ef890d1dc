/* What several screens draw: tables of texts and pages of lines. */
#include "base/mem.h"
#include "base/term.h"
#include "viewer/app.h"

/* Where the facts of a span begin (span.c). */
#define HANG 14
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

/* The flexible column is not made narrower than this while others can go. */
#define LEAST_FLEXIBLE 14

static int total(const ly_table_view *t, const int *widths)
{
    int used = 2;
    for (int c = 0; c < t->n_cols; c++) {
        used += widths[c] > 0 ? widths[c] + 2 : 0;
    }
    return used - 2;
}

/*
 * Column widths for the screen; 0 = left out. The flexible column takes what the others leave. Where that is
 * too little, columns go by their rank, and no column takes more than half of the screen.
 */
static void plan(const ly_table_view *t, int cols, int *widths)
{
    int flexible = t->flexible >= 0 && t->flexible < t->n_cols ? t->flexible : -1;
    int want = flexible >= 0 ? t->widths[flexible] : 0;
    for (int c = 0; c < t->n_cols; c++) {
        widths[c] = t->widths[c] > cols / 2 && c != flexible ? cols / 2 : t->widths[c];
        widths[c] = widths[c] > 0 ? widths[c] : 1;
    }
    if (flexible >= 0 && want > LEAST_FLEXIBLE) {
        widths[flexible] = LEAST_FLEXIBLE;
    }
    while (total(t, widths) > cols) {
        int drop = -1;
        for (int c = 0; c < t->n_cols; c++) {
            if (widths[c] > 0 && t->rank[c] > 0 && (drop < 0 || t->rank[c] > t->rank[drop])) {
                drop = c;
            }
        }
        if (drop < 0) {
            break;
        }
        widths[drop] = 0;
    }
    if (flexible >= 0 && widths[flexible] > 0) {
        int w = widths[flexible] + cols - total(t, widths);
        widths[flexible] = w < 4 ? 4 : w;
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
        if (widths[c] == 0) {
            continue;
        }
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
    ly_app_place(app, t->at, t->n_rows, false);
    size_t left = t->n_rows - t->top;
    ly_app_clicks(app, row, left < (size_t)(room > 0 ? room : 0) ? (int)left : room, app->grid.cols,
                  row + (int)(t->at - t->top));
    for (int k = 0; k < room && t->top + (size_t)k < t->n_rows; k++) {
        size_t r = t->top + (size_t)k;
        ly_ink ink = t->inks != NULL ? t->inks[r] : LY_INK_TEXT;
        for (int c = 0, col = 2; c < t->n_cols; c++) {
            ly_str cell = t->cells[r * (size_t)t->n_cols + (size_t)c];
            if (widths[c] == 0) {
                continue;
            }
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

bool ly_move(size_t *at, size_t n, ly_command command, int count, int page)
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
    *at = *at < last && last - *at > step ? *at + step : last;
    return true;
}

bool ly_table_view_command(ly_table_view *t, ly_command command, int count, int page)
{
    return ly_move(&t->at, t->n_rows, command, count, page);
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
    ly_free(view->lines);
    *view = (ly_text_view){0};
}

static bool add_line(ly_text_view *view, size_t at, size_t indent)
{
    if (view->n >= MAX_LINES ||
        !ly_grow(&view->lines, &view->cap, view->n + 2, MAX_LINES + 2, sizeof *view->lines)) {
        view->cut = true;
        return false;
    }
    view->lines[view->n++] = (ly_text_line){(uint32_t)at, (uint32_t)indent};
    return true;
}

/* What is known of the line that is being filled. */
typedef struct wrapper {
    size_t start, cells, indent;
    size_t space; /* after the last space where the line may be broken; 0 = nowhere */
    bool words;   /* something else than spaces stood in the paragraph */
} wrapper;

/* The line is full before `pos`, where a cluster of `w` cells follows: goes on in a new one. */
static bool break_line(ly_text_view *view, wrapper *l, ly_str text, size_t pos, size_t w)
{
    if (text.ptr[pos] == ' ') {
        /* A space at the edge is the break itself. */
        l->start = pos + 1;
        l->cells = l->indent;
    } else if (l->space > l->start) {
        l->start = l->space;
        l->cells = l->indent + ly_term_width(ly_str_sub(text, l->space, pos - l->space)) + w;
    } else {
        l->start = pos;
        l->cells = l->indent + w;
    }
    l->space = 0;
    return add_line(view, l->start, l->indent);
}

void ly_text_view_wrap(ly_text_view *view, int width)
{
    ly_str text = ly_buf_view(&view->text);
    size_t pos = 0, first = 0, limit = width > 4 ? (size_t)width : 4;
    wrapper l = {0};
    view->n = 0;
    view->cut = false;
    view->hit = SIZE_MAX;
    if (text.len == 0 || !add_line(view, 0, 0)) {
        return;
    }
    while (pos < text.len) {
        unsigned char c = (unsigned char)text.ptr[pos];
        size_t before = pos;
        int w = 1;
        if (c == '\n') {
            l = (wrapper){.start = ++pos};
            first = pos;
            if (pos < text.len && !add_line(view, pos, 0)) {
                break;
            }
            continue;
        }
        if (c >= 0x20 && c < 0x7F &&
            (pos + 1 >= text.len || (unsigned char)text.ptr[pos + 1] < 0x80)) {
            pos++;
        } else {
            (void)ly_term_cluster(text, &pos, &w);
        }
        if (!l.words && c == ' ' && l.indent < limit / 2) {
            l.indent++;
        }
        l.words = l.words || c != ' ';
        if (l.cells + (size_t)w > limit) {
            if (!break_line(view, &l, text, before, (size_t)w)) {
                break;
            }
            continue;
        }
        l.cells += (size_t)w;
        if (l.cells == HANG && l.indent == 0 && l.start == first && limit > 2 * HANG && c == ' ' &&
            pos < text.len && text.ptr[pos] != ' ' && text.ptr[pos - 2] == ' ') {
            l.indent = HANG; /* "word          what it is": goes on under the latter */
        }
        if (c == ' ' && l.words) {
            l.space = pos;
        }
    }
    view->lines[view->n] = (ly_text_line){(uint32_t)text.len, 0};
    if (view->top >= view->n) {
        view->top = 0;
    }
}

static ly_str text_view_line(const ly_text_view *view, size_t line)
{
    if (line >= view->n) {
        return LY_S("");
    }
    ly_str text = ly_str_sub(ly_buf_view(&view->text), view->lines[line].at,
                             view->lines[line + 1].at - view->lines[line].at);
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == ' ')) {
        text.len--;
    }
    return text;
}

size_t ly_text_view_line_of(const ly_text_view *view, size_t at)
{
    size_t lo = 0, hi = view->n;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (view->lines[mid].at <= at) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return lo;
}

bool ly_text_view_find(ly_text_view *view, const ly_app *app, int direction)
{
    /* From the hit before, or from the first line shown, itself included. */
    bool again = view->hit != SIZE_MAX && view->hit >= view->top && view->hit < view->n;
    size_t from = again ? view->hit : direction > 0 ? view->top + view->n - 1 : view->top;
    for (size_t k = 1; k <= view->n; k++) {
        size_t line = direction > 0 ? (from + k) % view->n : (from + view->n - k) % view->n;
        if (ly_app_found(app, text_view_line(view, line))) {
            view->top = view->hit = line;
            return true;
        }
    }
    return false;
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
        size_t at = view->top + k;
        int indent = (int)view->lines[at].indent;
        ly_str line = text_view_line(view, at);
        bool hit = app->find[0] != '\0' && ly_app_found(app, line);
        if (view->cut && at + 1 == view->n) {
            (void)ly_grid_puts(&app->grid, top + (int)k, col, width,
                               "[200,000 lines are shown; | shows all]", LY_INK_WARN);
            continue;
        }
        (void)ly_grid_put(&app->grid, top + (int)k, col + indent, width - indent, line,
                          hit ? LY_INK_MATCH : LY_INK_TEXT);
    }
}

bool ly_text_view_command(ly_text_view *view, ly_command command, int count, int page)
{
    if (command == LY_DO_BOTTOM && count == 0) {
        view->top = view->n; /* drawing brings it back to the last page */
        return true;
    }
    return ly_move(&view->top, view->n, command, count, page);
}
