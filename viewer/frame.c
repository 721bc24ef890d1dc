/* The frame around the screens, drawn: names of the screens, the line of keys or of typing, small messages. */
#include <stdio.h>

#include "base/term.h"
#include "viewer/app.h"

#define MIN_COLS 40
#define MIN_ROWS 10

bool ly_frame_tab_at(const ly_app *app, int row, int col, ly_screen_id *ret)
{
    for (int i = 0; row == 0 && i < LY_SCREEN__COUNT; i++) {
        if (col >= app->tabs[i].from && col < app->tabs[i].to) {
            *ret = (ly_screen_id)i;
            return true;
        }
    }
    return false;
}

/* "STALE runs.db", "LIVE 12 spans/s  runs.db": the state before the name, which goes where there is no room. */
static ly_ink where_text(ly_app *app, int room)
{
    ly_ink ink = LY_INK_DIM;
    ly_buf_reset(&app->cell);
    if (app->stale) {
        ly_buf_c(&app->cell, "STALE");
        ink = LY_INK_WARN;
    } else if (app->live) {
        ly_buf_c(&app->cell, "LIVE");
        if (room > 34 && app->rate > 0) {
            ly_buf_fmt(&app->cell, " %d span%s/s", app->rate, ly_plural(app->rate));
        }
        ink = LY_INK_LIVE;
    }
    int w = (int)(app->cell.len + 2 + ly_term_width(ly_str_c(app->name)));
    if (ink == LY_INK_DIM || w <= room) {
        ly_buf_c(&app->cell, ink == LY_INK_DIM ? "" : "  ");
        ly_buf_c(&app->cell, app->name);
    }
    return ink;
}

static void draw_tabs(ly_app *app)
{
    ly_grid *g = &app->grid;
    /* Where not even the short names fit, only the screen one is on keeps its name. */
    bool narrow = g->cols < 100, numbers = g->cols < 70;
    int col = 0;
    for (int i = 0; i < LY_SCREEN__COUNT; i++) {
        char text[32];
        const ly_screen *s = ly_app_screen((ly_screen_id)i);
        bool here = (int)app->screen == i;
        const char *name = narrow ? s->short_name : s->name;
        if (numbers && !here) {
            (void)snprintf(text, sizeof text, " %d", i + 1);
        } else {
            (void)snprintf(text, sizeof text, here ? "[%d]%s" : " %d %s", i + 1, name);
        }
        app->tabs[i].from = col;
        if (col < g->cols) {
            col += ly_grid_puts(g, 0, col, g->cols - col, text, here ? LY_INK_TITLE : LY_INK_DIM);
        }
        app->tabs[i].to = col++;
    }
    int room = g->cols - col - 1;
    ly_ink ink = where_text(app, room);
    int w = (int)ly_term_width(ly_buf_view(&app->cell));
    if (room > 4 && w > 0) {
        ly_grid_right(g, 0, g->cols - (w < room ? w : room), w < room ? w : room,
                      ly_buf_view(&app->cell), ink);
    }
    ly_buf_reset(&app->cell);
}

/* How many traces the filter in the typing line would show; returns the columns taken at the right. */
static int draw_preview(ly_app *app, int row)
{
    const ly_preview *p = &app->preview;
    char text[48];
    if (app->asking != LY_ASK_FILTER || p->n < 0 || (p->filter == NULL && p->n == 0 && !p->more)) {
        return 0;
    }
    int w = snprintf(text, sizeof text, "%lld%s match", (long long)p->n, p->more ? "+" : "");
    if (w + 30 > app->grid.cols) {
        return 0;
    }
    (void)ly_grid_puts(&app->grid, row, app->grid.cols - w - 1, w, text,
                       p->n > 0 ? LY_INK_OK : LY_INK_WARN);
    return w + 2;
}

static void draw_typing(ly_app *app, int row)
{
    ly_grid *g = &app->grid;
    int col = ly_grid_puts(g, row, 0, g->cols, ly_typing_head(app->asking), LY_INK_TITLE);
    ly_str line = ly_str_n(app->line, app->line_len);
    int room = g->cols - col - 1 - draw_preview(app, row);
    ly_buf_reset(&app->cell);
    ly_term_clean(&app->cell, line, ly_clean_flags(g->unicode));
    line = ly_buf_view(&app->cell);
    /* The end of a long line is what is being typed. */
    int w = (int)ly_term_width(line);
    while (line.len > 0 && w > room) {
        size_t pos = 0;
        int cells;
        (void)ly_term_cluster(line, &pos, &cells);
        line = ly_str_sub(line, pos, line.len);
        w -= cells;
    }
    col += ly_grid_put(g, row, col, room > 0 ? room : 0, line, LY_INK_TEXT);
    ly_buf_reset(&app->cell);
    if (app->asking != LY_ASK_COPY) {
        app->cursor_row = row;
        app->cursor_col = col < g->cols ? col : g->cols - 1;
    }
}

/* "? help   7/11" at the right, then as many keys as there is room for. */
static void draw_bar(ly_app *app, int row)
{
    ly_grid *g = &app->grid;
    if (app->asking != LY_ASK_NOTHING) {
        draw_typing(app, row);
        return;
    }
    if (app->message[0] != '\0') {
        (void)ly_grid_puts(g, row, 1, g->cols - 2, app->message,
                           app->message_error ? LY_INK_ERROR : LY_INK_WARN);
        return;
    }
    unsigned where = ly_app_where(app);
    char right[64], help[9] = "?", figures[16] = "";
    const ly_key_row *h = ly_keys_row(&app->keys, LY_DO_HELP, where);
    if (h != NULL) {
        ly_key_text(h->key, help);
    }
    if (app->count > 0) {
        (void)snprintf(figures, sizeof figures, "%d  ", app->count);
    }
    int w = snprintf(right, sizeof right, "%s%s%s help%s%s", figures, app->mouse ? "mouse  " : "",
                     help, app->place[0] ? "  " : "", app->place);
    int end = g->cols - 1 - w;
    (void)ly_grid_puts(g, row, end, w, right, app->mouse ? LY_INK_WARN : LY_INK_DIM);
    int col = 1;
    for (size_t i = 0; i < app->keys.n; i++) {
        const ly_key_row *r = &app->keys.rows[i];
        if (r->bar == NULL || (r->screens & where) == 0) {
            continue;
        }
        int need = (int)strlen(r->bar);
        if (col + need + 2 > end) {
            break;
        }
        (void)ly_grid_puts(g, row, col, need, r->bar, LY_INK_DIM);
        col += need + 2;
    }
}

/* ---- the divider ----------------------------------------------------------------------------- */

int ly_app_divide(ly_app *app, ly_divider d, int usual)
{
    int most = d.size - 1 - d.least_last, split = app->splits[d.which];
    int first = split > 0 ? (int)((int64_t)d.size * split / 1000) : usual;
    if (most < d.least_first) {
        return usual; /* no room to choose in */
    }
    if (split > 0) {
        first = first < d.least_first ? d.least_first : first > most ? most : first;
    }
    d.there = true;
    d.at = d.from + first;
    app->divider = d;
    return first;
}

void ly_app_move_divider(ly_app *app, int at)
{
    const ly_divider *d = &app->divider;
    int first = at - d->from, most = d->size - 1 - d->least_last;
    first = first < d->least_first ? d->least_first : first > most ? most : first;
    /* Rounded up, so that the division above gives the same line again. */
    app->splits[d->which] = (int)(((int64_t)first * 1000 + d->size - 1) / d->size);
}

/* ---- the frame ------------------------------------------------------------------------------- */

void ly_app_place(ly_app *app, size_t at, size_t n, bool more)
{
    ly_buf_reset(&app->cell);
    ly_text_grouped((int64_t)(n > 0 ? at + 1 : 0), &app->cell);
    ly_buf_char(&app->cell, '/');
    ly_text_grouped((int64_t)n, &app->cell);
    ly_buf_c(&app->cell, more ? "+" : "");
    (void)ly_str_copy(ly_buf_view(&app->cell), app->place, sizeof app->place);
    ly_buf_reset(&app->cell);
}

static void draw_filter_error(ly_app *app, int row)
{
    ly_str before = ly_str_sub(ly_str_n(app->line, app->line_len), 0, app->filter_error.at);
    int indent = 8 + (int)ly_term_width(before);
    ly_buf_reset(&app->cell);
    /* A caret far to the right leaves no room for the words: they come first then. */
    bool left = indent > app->grid.cols / 2;
    if (!left) {
        ly_buf_fmt(&app->cell, "%*s^ ", indent, "");
    }
    ly_buf_fmt(&app->cell, "%s%s%s", app->filter_error.what,
               app->filter_error.expected[0] ? "; expected " : "", app->filter_error.expected);
    (void)ly_grid_put(&app->grid, row, 0, app->grid.cols, ly_buf_view(&app->cell), LY_INK_ERROR);
    if (left && indent < app->grid.cols) {
        ly_grid_fill(&app->grid, row, indent, 1, "^", '^', LY_INK_ERROR);
    }
    ly_buf_reset(&app->cell);
}

void ly_app_draw(ly_app *app)
{
    ly_grid *g = &app->grid;
    ly_grid_clear(g);
    app->cursor_row = -1;
    app->clicks.n = 0;
    app->divider.there = false;
    app->place[0] = '\0';
    if (g->cols < MIN_COLS || g->rows < MIN_ROWS) {
        char text[64];
        (void)snprintf(text, sizeof text, "needs %dx%d, have %dx%d", MIN_COLS, MIN_ROWS, g->cols,
                       g->rows);
        (void)ly_grid_puts(g, 0, 0, g->cols, text, LY_INK_TEXT);
        return;
    }
    draw_tabs(app);
    ly_grid_fill(g, 1, 0, g->cols, "\xE2\x94\x80", '-', LY_INK_DIM);
    int bar = g->rows - 1, top = 2;
    int n = bar - 1 - top - (app->has_filter_error ? 1 : 0);
    if (app->paging) {
        (void)ly_grid_puts(g, top, 1, g->cols - 2, app->page_title, LY_INK_TITLE);
        app->page_rows = n - 1;
        ly_text_view_draw(&app->page, app, top + 1, n - 1, 1, g->cols - 2);
        ly_app_place(app, app->page.top, app->page.n, false);
    } else {
        ly_app_screen(app->screen)->draw(app, top, n);
    }
    ly_grid_fill(g, top + n, 0, g->cols, "\xE2\x94\x80", '-', LY_INK_DIM);
    if (app->has_filter_error) {
        draw_bar(app, bar - 1);
        draw_filter_error(app, bar);
    } else {
        draw_bar(app, bar);
    }
}
