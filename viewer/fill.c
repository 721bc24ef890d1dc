/* Fills a table of texts and draws it: what the table screens share (fill.h). */
#include "viewer/fill.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/term.h"

bool ly_fill_begin(ly_fill *f, ly_app *app, ly_screen_id screen, int n_cols, size_t max_rows)
{
    ly_tables_state *t = &app->tables[screen];
    size_t at = t->view.at, top = t->view.top;
    ly_arena_reset(&t->arena);
    t->view = (ly_table_view){.n_cols = n_cols, .flexible = -1, .at = at, .top = top};
    *f = (ly_fill){.app = app, .t = t, .cap = max_rows * (size_t)n_cols};
    f->cells = LY_ARENA_ARRAY(&t->arena, ly_str, f->cap + 1);
    f->inks = LY_ARENA_ARRAY(&t->arena, ly_ink, max_rows + 1);
    t->keys = LY_ARENA_ARRAY(&t->arena, ly_str, max_rows + 1);
    t->details = LY_ARENA_ARRAY(&t->arena, ly_str, max_rows + 1);
    t->detail_of = SIZE_MAX;
    ly_buf_init(&f->text, LY_MIB(1));
    ly_buf_init(&f->key, LY_KIB(64));
    return f->cells != NULL && f->inks != NULL && t->keys != NULL && t->details != NULL;
}

void ly_fill_head(ly_fill *f, int col, const char *text, bool right)
{
    f->t->view.heads[col] = text;
    f->t->view.right[col] = right;
}

void ly_fill_rank(ly_fill *f, int col, unsigned rank)
{
    f->t->view.rank[col] = (uint8_t)rank;
}

/* The next cell is what was appended to f->text. */
void ly_fill_cell(ly_fill *f)
{
    if (f->n < f->cap) {
        ly_buf clean;
        ly_buf_init(&clean, LY_MIB(1));
        ly_term_clean(&clean, ly_str_sub(ly_buf_view(&f->text), 0, 400),
                      ly_clean_flags(f->app->grid.unicode));
        f->cells[f->n++] = ly_arena_copy(&f->t->arena, ly_buf_view(&clean));
        ly_buf_release(&clean);
    }
    ly_buf_reset(&f->text);
}

void ly_fill_str(ly_fill *f, ly_str text)
{
    ly_buf_str(&f->text, text.len > 0 ? text : LY_S("-"));
    ly_fill_cell(f);
}

void ly_fill_fmt(ly_fill *f, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ly_buf_c(&f->text, text);
    ly_fill_cell(f);
}

void ly_fill_as(ly_fill *f, int64_t v, void (*format)(int64_t, ly_buf *))
{
    format(v, &f->text);
    ly_fill_cell(f);
}

void ly_fill_detail(ly_fill *f, ly_str lines)
{
    f->t->details[f->rows] = ly_arena_copy(&f->t->arena, lines);
}

void ly_fill_row(ly_fill *f, ly_str key, ly_ink ink)
{
    f->t->keys[f->rows] = ly_arena_copy(&f->t->arena, key);
    f->inks[f->rows++] = ink;
}

void ly_fill_end(ly_fill *f, const char *empty)
{
    ly_table_view *v = &f->t->view;
    v->cells = f->cells;
    v->inks = f->inks;
    v->n_rows = f->rows;
    v->empty = ly_str_c(empty);
    ly_table_view_measure(v);
    ly_buf_release(&f->text);
    ly_buf_release(&f->key);
    f->t->loaded = true;
}

bool ly_fill_failed(ly_fill *f, ly_status st, const ly_err *err)
{
    if (st != LY_OK) {
        ly_app_say(f->app, true, "%s", err->text);
    }
    return st != LY_OK;
}

/* Lines of the lower pane; below that the table has the screen alone. */
#define LEAST_ROWS 14

static ly_str detail_at(const ly_tables_state *t)
{
    return t->details != NULL && t->view.at < t->view.n_rows ? t->details[t->view.at] : LY_STR_NONE;
}

void ly_fill_draw(ly_app *app, int top, int n)
{
    ly_tables_state *t = &app->tables[app->screen];
    int width = app->grid.cols - 2;
    int pane = t->level > 0 && t->view.n_rows > 0 && n >= LEAST_ROWS ? n / 2 : 0;
    if (pane > 0) {
        ly_divider between = {
            .which = LY_SPLIT_TABLE, .from = top, .size = n, .least_first = 4, .least_last = 2};
        pane = n - 1 - ly_app_divide(app, between, n - pane - 1);
    }
    t->detail_rows = pane;
    t->focus = t->focus && pane > 0;
    ly_table_view_draw(&t->view, app, top, pane > 0 ? n - pane - 1 : n);
    if (pane == 0) {
        return;
    }
    if (t->detail_of != t->view.at || t->detail_width != width) {
        ly_buf_reset(&t->detail.text);
        ly_buf_str(&t->detail.text, detail_at(t));
        t->detail.top = 0;
        ly_text_view_wrap(&t->detail, width);
        t->detail_of = t->view.at;
        t->detail_width = width;
    }
    int line = top + n - pane - 1;
    ly_grid_fill(&app->grid, line, 0, app->grid.cols, "\xE2\x94\x80", '-',
                 t->focus ? LY_INK_TITLE : LY_INK_DIM);
    if (t->detail.n > (size_t)pane || t->focus) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(
            &app->cell, " lines %zu to %zu of %zu%s ", t->detail.n > 0 ? t->detail.top + 1 : 0,
            t->detail.top + (size_t)pane < t->detail.n ? t->detail.top + (size_t)pane : t->detail.n,
            t->detail.n, t->focus ? ", Tab leaves" : ", Tab scrolls");
        (void)ly_grid_put(&app->grid, line, 2, app->grid.cols - 4, ly_buf_view(&app->cell),
                          t->focus ? LY_INK_TITLE : LY_INK_DIM);
        ly_buf_reset(&app->cell);
    }
    ly_text_view_draw(&t->detail, app, top + n - pane, pane, 1, width);
}

bool ly_fill_find(ly_app *app, int direction)
{
    return ly_table_view_find(&app->tables[app->screen].view, app, direction);
}

ly_str ly_fill_key(const ly_app *app)
{
    const ly_tables_state *t = &app->tables[app->screen];
    return t->view.at < t->view.n_rows ? t->keys[t->view.at] : LY_STR_NONE;
}

bool ly_fill_value(ly_app *app, ly_copied kind, ly_buf *out)
{
    const ly_tables_state *t = &app->tables[app->screen];
    const ly_table_view *v = &t->view;
    if (v->at >= v->n_rows) {
        return false;
    }
    if (kind == LY_COPIED_ID || kind == LY_COPIED_PATH) {
        unsigned flags = ly_clean_flags(app->grid.unicode);
        if (kind == LY_COPIED_PATH) {
            ly_buf_c(out, ly_app_screen(app->screen)->name);
            if (t->level > 0) {
                ly_buf_c(out, " > ");
                ly_term_clean(out, ly_str_c(t->of), flags);
            }
            ly_buf_c(out, " > ");
        }
        ly_str key = ly_fill_key(app);
        ly_term_clean(out, key.len > 0 ? key : v->cells[v->at * (size_t)v->n_cols], flags);
        return true;
    }
    if (kind != LY_COPIED_TEXT) {
        return false;
    }
    if (detail_at(t).len > 0) {
        ly_buf_str(out, detail_at(t));
        return true;
    }
    for (int c = 0; c < v->n_cols; c++) {
        ly_buf_c(out, c > 0 ? "\t" : "");
        ly_buf_str(out, v->cells[v->at * (size_t)v->n_cols + (size_t)c]);
    }
    ly_buf_char(out, '\n');
    return true;
}

void ly_filter_term(ly_buf *out, const char *key, ly_str value)
{
    ly_buf_fmt(out, "%s:\"", key);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') {
            ly_buf_char(out, '\\');
        }
        ly_buf_char(out, value.ptr[i]);
    }
    ly_buf_char(out, '"');
}

/* The list of traces with a filter made of a key and a value. */
void ly_fill_show_traces(ly_app *app, const char *key, ly_str value)
{
    ly_buf_reset(&app->cell);
    ly_filter_term(&app->cell, key, value);
    ly_fill_show_filter(app, ly_buf_view(&app->cell));
}

void ly_fill_show_filter(ly_app *app, ly_str filter)
{
    char text[LY_LINE_MAX];
    (void)ly_str_copy(filter, text, sizeof text);
    ly_app_go(app, LY_SCREEN_TRACES);
    (void)ly_traces_set_filter(app, ly_str_c(text));
}

bool ly_fill_command(ly_app *app, ly_command command, int count)
{
    ly_tables_state *t = &app->tables[app->screen];
    if (command == LY_DO_NEXT_PANE) {
        t->focus = !t->focus && t->detail_rows > 0;
        if (t->detail_rows == 0) {
            ly_app_say(app, false, "no other pane here; m shows all of the row");
        }
        return true;
    }
    if (t->focus && ly_text_view_command(&t->detail, command, count, t->detail_rows)) {
        return true;
    }
    if (command == LY_DO_WHOLE_TEXT && detail_at(t).len > 0) {
        ly_buf_reset(&app->page.text);
        ly_buf_str(&app->page.text, detail_at(t));
        ly_app_show_page(app, "the whole text (Esc goes back)");
        return true;
    }
    return ly_table_view_command(&t->view, command, count, app->page_rows);
}

void ly_fill_down(ly_app *app, ly_str of)
{
    ly_tables_state *t = &app->tables[app->screen];
    char name[sizeof t->of];
    (void)ly_str_copy(of, name, sizeof name); /* `of` may lie in the arena that loading resets */
    memcpy(t->of, name, sizeof name);
    t->outer_at = t->view.at;
    t->outer_top = t->view.top;
    t->view.at = t->view.top = 0;
    t->level = 1;
    ly_app_load(app);
}

bool ly_fill_up(ly_app *app)
{
    ly_tables_state *t = &app->tables[app->screen];
    if (t->level == 0) {
        return false;
    }
    t->level = 0;
    t->view.at = t->outer_at;
    t->view.top = t->outer_top;
    ly_app_load(app);
    return true;
}
