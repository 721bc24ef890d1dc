/* Drawing of a trace: heading, columns, steps or waterfall, and the panes around them. */
#include <stdio.h>

#include "base/clock.h"
#include "base/term.h"
#include "viewer/app.h"

typedef struct layout {
    int name, start, dur, tokens, cost, bar; /* widths; 0 = not shown */
    int width;                               /* of the list */
} layout;

static layout plan(const ly_trace_state *t, int width)
{
    layout l = {.width = width, .start = 8, .dur = 7};
    int left = width - 3 - 9 - 8;
    bool fall = t->lens == LY_LENS_WATERFALL;
    int least_name = width >= 120  ? 40
                     : width >= 90 ? 34
                     : width >= 78 ? 30
                     : width >= 60 ? 24
                                   : 16;
    if (!fall && left - 7 >= least_name) {
        l.tokens = 6;
        left -= 7;
    }
    if (!fall && width >= 90 && left - 9 >= least_name) {
        l.cost = 8;
        left -= 9;
    }
    int bar = left - least_name - 1;
    int most = fall ? width : width >= 90 ? 24 : 14;
    l.bar = bar < 6 ? 0 : bar > most ? most : bar;
    l.name = left - (l.bar > 0 ? l.bar + 1 : 0);
    return l;
}

void ly_trace_window(const ly_trace_state *t, int64_t *ret_from, int64_t *ret_to)
{
    *ret_from = t->trace->row.start_ns;
    *ret_to = t->trace->sum.end_ns > *ret_from ? t->trace->sum.end_ns : *ret_from + 1;
    if (t->zoom_to > t->zoom_from) {
        *ret_from = t->zoom_from;
        *ret_to = t->zoom_to;
    }
}

/* A bar of at least one cell where it lies in the window. */
static void draw_bar(ly_app *app, int row, int col, int width, const ly_node *n,
                     const ly_node_sum *s, bool critical)
{
    const ly_trace_state *t = &app->trace;
    int64_t from, to;
    ly_trace_window(t, &from, &to);
    bool error = (n->flags & LY_SPAN_ERROR) != 0;
    ly_ink ink = error ? LY_INK_ERROR : critical ? LY_INK_CRITICAL : ly_app_type_ink(n->canon.type);
    char ascii = error ? '!' : critical ? '#' : '=';
    const char *glyph = error ? "!" : critical ? "\xE2\x96\x93" : "\xE2\x96\x88";
    if (t->bars > 0 && t->lens == LY_LENS_STEPS) {
        /* Share of the trace's tokens or cost, from the left. */
        int64_t all =
            t->bars == 1 ? ly_tokens_total(&t->trace->row.tokens) : t->trace->row.cost_pico;
        int64_t own = s->cost_pico;
        if (t->bars == 1) {
            own = (s->tokens_in == LY_UNKNOWN ? 0 : s->tokens_in) +
                  (s->tokens_out == LY_UNKNOWN ? 0 : s->tokens_out);
        }
        int cells = all > 0 && own > 0 ? (int)((double)own / (double)all * width + 0.5) : 0;
        ly_grid_fill(&app->grid, row, col, cells > width ? width : cells, glyph, ascii, ink);
        return;
    }
    double scale = (double)width / (double)(to - from);
    double a = (double)(n->start_ns - from) * scale;
    double b = n->end_ns == LY_UNKNOWN ? (double)width : (double)(n->end_ns - from) * scale;
    if (b < 0 || a > width) {
        return;
    }
    int first = a < 0 ? 0 : a > width - 1 ? width - 1 : (int)a;
    int last = b > width ? width : (int)(b + 0.999);
    last = last <= first ? first + 1 : last;
    if (n->end_ns == LY_UNKNOWN) {
        glyph = "~";
        ascii = '~';
        ink = LY_INK_LIVE;
    }
    ly_grid_fill(&app->grid, row, col + first, last - first, glyph, ascii, ink);
}

static void cell_right(ly_app *app, int row, int *col, int width, ly_ink ink)
{
    if (width > 0) {
        ly_grid_right(&app->grid, row, *col, width, ly_buf_view(&app->cell), ink);
        *col += width + 1;
    }
    ly_buf_reset(&app->cell);
}

static void draw_label(ly_app *app, int row, int col, int width, const ly_row *r)
{
    const ly_trace_state *t = &app->trace;
    const ly_node *n = &t->trace->nodes[r->node];
    ly_grid *g = &app->grid;
    uint32_t levels = (uint32_t)(width / 4 > 2 ? width / 4 : 2);
    ly_buf_reset(&app->cell);
    ly_text_guides(&t->rows, r, levels, g->glyphs, &app->cell);
    int used = ly_grid_put(g, row, col, width, ly_buf_view(&app->cell), LY_INK_DIM);
    ly_buf_reset(&app->cell);
    if (r->kind == LY_ROW_FOLDED || r->kind == LY_ROW_MISSING) {
        ly_buf_c(&app->cell, r->kind == LY_ROW_MISSING ? "? " : "> ");
        ly_text_row(t->sums, r, &app->cell);
        (void)ly_grid_put(g, row, col + used, width - used, ly_buf_view(&app->cell),
                          r->errors > 0 ? LY_INK_WARN : LY_INK_DIM);
        ly_buf_reset(&app->cell);
        return;
    }
    const ly_node_sum *s = &t->sums->nodes[r->node];
    bool error = (n->flags & LY_SPAN_ERROR) != 0;
    char mark = error                                  ? '!'
                : n->flags & LY_SPAN_PENDING           ? '~'
                : !r->has_kids                         ? ' '
                : r->folded || r->kind == LY_ROW_GROUP ? '>'
                                                       : 'v';
    char head[4] = {mark, ly_type_letter(n->canon.type), ' ', '\0'};
    used += ly_grid_puts(g, row, col + used, width - used, head,
                         error ? LY_INK_ERROR : ly_app_type_ink(n->canon.type));
    /* Marks are worth more than the end of a long name. */
    ly_text_marks(r, s, &app->cell);
    if ((int)app->cell.len + 1 >= width - used - 8 && r->kind == LY_ROW_GROUP) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(&app->cell, "x%u%s", r->count, s->same_args ? " LOOP" : "");
    } else if ((int)app->cell.len + 1 >= width - used - 8 && s->attempts > 1) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(&app->cell, "%u/%u", s->attempt, s->attempts);
    }
    int marks = (int)app->cell.len + (app->cell.len > 0 ? 1 : 0);
    char marks_text[64];
    (void)ly_str_copy(ly_buf_view(&app->cell), marks_text, sizeof marks_text);
    ly_buf_reset(&app->cell);
    ly_text_label(n, g->unicode, &app->cell);
    if (error && n->canon.error_message.len > 0) {
        ly_buf_c(&app->cell, "  ");
        ly_term_clean(&app->cell, ly_str_sub(n->canon.error_message, 0, 100), LY_TERM_ONE_LINE);
    }
    bool hit = app->find[0] != '\0' && ly_app_found(app, ly_buf_view(&app->cell));
    int room = width - used - (marks < width - used - 8 ? marks : 0);
    int put = ly_grid_put(g, row, col + used, room, ly_buf_view(&app->cell),
                          hit                                               ? LY_INK_MATCH
                          : r->context || (ly_type_plumbing(n->canon.type)) ? LY_INK_DIM
                          : error                                           ? LY_INK_ERROR
                                                                            : LY_INK_TEXT);
    if (marks > 0 && room + marks <= width - used) {
        (void)ly_grid_puts(g, row, col + used + put + 1, marks, marks_text, LY_INK_WARN);
    }
    ly_buf_reset(&app->cell);
}

static void draw_row(ly_app *app, int row, const layout *l, const ly_row *r)
{
    const ly_trace_state *t = &app->trace;
    const ly_node *n = &t->trace->nodes[r->node];
    const ly_node_sum *s = &t->sums->nodes[r->node];
    int col = 2;
    draw_label(app, row, col, l->name, r);
    col += l->name + 1;
    if (r->kind == LY_ROW_FOLDED || r->kind == LY_ROW_MISSING) {
        return;
    }
    ly_buf_reset(&app->cell);
    if (t->absolute) {
        ly_civil c = ly_civil_from_ns(n->start_ns);
        ly_buf_fmt(&app->cell, "%02d:%02d:%02d", c.hour, c.minute, c.second);
    } else if (n->start_ns == t->trace->row.start_ns) {
        ly_buf_char(&app->cell, '0');
    } else {
        ly_viewer_duration(n->start_ns - t->trace->row.start_ns, &app->cell);
    }
    cell_right(app, row, &col, l->start, LY_INK_DIM);
    if (n->flags & LY_SPAN_PENDING) {
        ly_buf_char(&app->cell, '~');
        if (ly_store_lost(n, app->now_ns)) {
            ly_buf_c(&app->cell, "lost");
        } else {
            ly_viewer_duration(app->now_ns - n->start_ns, &app->cell);
        }
    } else {
        ly_viewer_duration(n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns,
                           &app->cell);
    }
    cell_right(app, row, &col, l->dur, n->flags & LY_SPAN_PENDING ? LY_INK_LIVE : LY_INK_TEXT);
    int64_t tokens = s->tokens_in == LY_UNKNOWN && s->tokens_out == LY_UNKNOWN
                         ? LY_UNKNOWN
                         : (s->tokens_in == LY_UNKNOWN ? 0 : s->tokens_in) +
                               (s->tokens_out == LY_UNKNOWN ? 0 : s->tokens_out);
    ly_viewer_count(tokens, &app->cell);
    cell_right(app, row, &col, l->tokens, LY_INK_TEXT);
    ly_text_cost(s->cost_pico, s->partial_cost, &app->cell);
    cell_right(app, row, &col, l->cost, LY_INK_TEXT);
    if (l->bar > 0) {
        draw_bar(app, row, col, l->bar, n, s, t->show_critical && t->critical[r->node]);
    }
}

/* What a wide screen has room for: when, how many of each, tokens. */
static void heading_figures(const ly_trace_state *t, ly_buf *out)
{
    static const struct {
        ly_type type;
        const char *word;
    } counted[] = {{LY_TYPE_AGENT, "agent"},
                   {LY_TYPE_GENERATION, "generation"},
                   {LY_TYPE_TOOL, "tool"},
                   {LY_TYPE_RETRIEVAL, "retrieval"}};
    const ly_trace_row *r = &t->trace->row;
    int64_t n[LY_COUNT(counted)] = {0};
    ly_buf_c(out, "   ");
    ly_text_time(r->start_ns, out);
    for (size_t i = 0; i < t->trace->n; i++) {
        for (size_t k = 0; k < LY_COUNT(counted); k++) {
            n[k] += t->trace->nodes[i].canon.type == counted[k].type;
        }
    }
    ly_buf_c(out, "  ");
    for (size_t k = 0; k < LY_COUNT(counted); k++) {
        if (n[k] > 0) {
            ly_buf_fmt(out, " %s ", counted[k].word);
            ly_text_grouped(n[k], out);
        }
    }
    if (ly_tokens_known(&r->tokens)) {
        ly_buf_c(out, "   tokens ");
        ly_viewer_count(ly_tokens_in(&r->tokens), out);
        ly_buf_c(out, " in ");
        ly_viewer_count(ly_tokens_out(&r->tokens), out);
        ly_buf_c(out, " out");
    }
}

static void draw_heading(ly_app *app, int row)
{
    const ly_trace_state *t = &app->trace;
    const ly_trace_row *r = &t->trace->row;
    ly_grid *g = &app->grid;
    char hex[33];
    static const char *const lenses[] = {"[s]teps  w waterfall  m messages",
                                         " s steps [w]aterfall  m messages",
                                         " s steps  w waterfall [m]essages"};
    static const char *const bars[] = {"duration", "tokens", "cost"};
    ly_buf_reset(&app->cell);
    ly_hex_encode(r->trace_id.b, 16, hex);
    ly_text_trace_name(r, g->unicode, &app->cell);
    ly_buf_fmt(&app->cell, "  %.8s  ", hex);
    ly_viewer_duration(r->end_ns == LY_UNKNOWN ? LY_UNKNOWN : r->end_ns - r->start_ns, &app->cell);
    ly_buf_fmt(&app->cell, "  %s  ", ly_viewer_trace_state(r, app->now_ns));
    ly_money_format(r->cost_pico, LY_MONEY_WIDE, &app->cell);
    ly_buf_fmt(&app->cell, "%s%s",
               r->flags & LY_TRACE_PARTIAL_COST && r->cost_pico != LY_UNKNOWN ? " or more" : "",
               r->pinned ? "  pinned" : "");
    if (g->cols >= 100) {
        heading_figures(t, &app->cell);
    }
    (void)ly_grid_put(g, row, 1, g->cols - 2, ly_buf_view(&app->cell), LY_INK_TITLE);
    ly_buf_reset(&app->cell);
    int used = ly_grid_puts(g, row + 1, 1, g->cols - 2, lenses[t->lens], LY_INK_DIM);
    if (t->filter != NULL) {
        ly_buf_fmt(&app->cell, "filter: %.*s  ",
                   LY_STR_ARG(ly_str_sub(ly_buf_view(&t->filter_text), 0, (size_t)g->cols / 3)));
    }
    ly_text_plural((int64_t)t->trace->n, "span", &app->cell);
    if (t->rows.n_hidden > 0) {
        ly_buf_c(&app->cell, ", ");
        ly_text_grouped(t->rows.n_hidden, &app->cell);
        ly_buf_c(&app->cell, " folded");
    }
    if (r->n_errors > 0) {
        ly_buf_c(&app->cell, ", ");
        ly_text_plural(r->n_errors, "error", &app->cell);
    }
    if (t->sums->n_loops > 0) {
        ly_buf_c(&app->cell, ", ");
        ly_text_plural(t->sums->n_loops, "loop", &app->cell);
    }
    if (t->bars > 0) {
        ly_buf_fmt(&app->cell, ", bars: %s", bars[t->bars]);
    }
    int room = g->cols - used - 4;
    int w = (int)ly_term_width(ly_buf_view(&app->cell));
    if (room > 8) {
        ly_grid_right(g, row + 1, g->cols - 1 - (w < room ? w : room), w < room ? w : room,
                      ly_buf_view(&app->cell), t->filter != NULL ? LY_INK_MATCH : LY_INK_DIM);
    }
    ly_buf_reset(&app->cell);
}

/* Times over the bars: the ends where there is little room, else round ones as many as fit. */
static void draw_axis(ly_app *app, int row, int col, int width)
{
    enum { APART = 10 };
    int64_t from, to, step = 1;
    int64_t start = app->trace.trace->row.start_ns;
    ly_trace_window(&app->trace, &from, &to);
    ly_buf_reset(&app->cell);
    if (width < 3 * APART) {
        ly_viewer_duration(from - start, &app->cell);
        int used = ly_grid_put(&app->grid, row, col, width, ly_buf_view(&app->cell), LY_INK_DIM);
        ly_buf_reset(&app->cell);
        ly_viewer_duration(to - start, &app->cell);
        if (used + 2 + (int)app->cell.len <= width) {
            ly_grid_right(&app->grid, row, col, width, ly_buf_view(&app->cell), LY_INK_DIM);
        }
        ly_buf_reset(&app->cell);
        return;
    }
    /* 1, 2 or 5 times a power of ten. */
    double cell = (double)(to - from) / width;
    for (int k = 0; (double)step / cell < APART && step < INT64_MAX / 10; k++) {
        step = k % 3 == 1 ? step / 2 * 5 : step * 2;
    }
    int64_t first = from - start;
    first = first > 0 ? (first + step - 1) / step * step : first / step * step;
    for (int64_t at = first; at <= to - start; at += step) {
        int x = (int)((double)(at + start - from) / cell);
        ly_viewer_duration(at, &app->cell);
        if (x >= 0 && x + (int)app->cell.len <= width) {
            (void)ly_grid_put(&app->grid, row, col + x, width - x, ly_buf_view(&app->cell),
                              LY_INK_DIM);
        }
        ly_buf_reset(&app->cell);
    }
}

static void draw_columns(ly_app *app, int row, const layout *l)
{
    int col = 2;
    (void)ly_grid_puts(&app->grid, row, col, l->name,
                       app->trace.lens == LY_LENS_WATERFALL ? "SPAN" : "STEP", LY_INK_DIM);
    col += l->name + 1;
    ly_buf_reset(&app->cell);
    ly_buf_c(&app->cell, app->trace.absolute ? "TIME" : "+START");
    cell_right(app, row, &col, l->start, LY_INK_DIM);
    ly_buf_c(&app->cell, "DUR");
    cell_right(app, row, &col, l->dur, LY_INK_DIM);
    ly_buf_c(&app->cell, "TOKENS");
    cell_right(app, row, &col, l->tokens, LY_INK_DIM);
    ly_buf_c(&app->cell, "COST");
    cell_right(app, row, &col, l->cost, LY_INK_DIM);
    if (l->bar > 0 && app->trace.bars > 0 && app->trace.lens == LY_LENS_STEPS) {
        (void)ly_grid_puts(&app->grid, row, col, l->bar, app->trace.bars == 1 ? "TOKENS" : "COST",
                           LY_INK_DIM);
    } else if (l->bar > 0) {
        draw_axis(app, row, col, l->bar);
    }
}

static void draw_tree(ly_app *app, int top, int n, int width)
{
    ly_trace_state *t = &app->trace;
    layout l = plan(t, width);
    draw_columns(app, top, &l);
    int room = n - 1;
    app->page_rows = room > 1 ? room : 1;
    if (t->rows.n == 0) {
        (void)ly_grid_puts(&app->grid, top + 2, 2, width - 3,
                           "No span matches the filter. f edits it, u drops its last term.",
                           LY_INK_TEXT);
        return;
    }
    if (t->at < t->top) {
        t->top = t->at;
    } else if (room > 0 && t->at >= t->top + (size_t)room) {
        t->top = t->at - (size_t)room + 1;
    }
    /* No row is kept out of sight above where there is room below: a root that came last is seen. */
    size_t lines = room > 0 ? (size_t)room : 0;
    if (t->top + lines > t->rows.n) {
        t->top = t->rows.n > lines ? t->rows.n - lines : 0;
    }
    ly_app_place(app, t->at, t->rows.n, false);
    size_t left = t->rows.n - t->top;
    ly_app_clicks(app, top + 1, left < (size_t)(room > 0 ? room : 0) ? (int)left : room, width,
                  top + 1 + (int)(t->at - t->top));
    for (int k = 0; k < room && t->top + (size_t)k < t->rows.n; k++) {
        size_t at = t->top + (size_t)k;
        draw_row(app, top + 1 + k, &l, &t->rows.items[at]);
        if (at == t->at) {
            ly_grid_select(&app->grid, top + 1 + k, 0, width);
        }
    }
    if (t->lens == LY_LENS_WATERFALL && left + 1 < (size_t)(room > 0 ? room : 0)) {
        (void)ly_grid_puts(&app->grid, top + room, 1, width - 2,
                           app->grid.glyphs
                               ? "\xE2\x96\x93 critical path (x)  \xE2\x96\x88 other  ! error  "
                                 "~ running  ? parent not received"
                               : "# critical path (x)  = other  ! error  ~ running  ? parent not "
                                 "received",
                           LY_INK_DIM);
    }
}

/* What is known of a trace that is being read: its row in the list, how far it is. */
static void draw_loading(ly_app *app, int top)
{
    const ly_trace_state *t = &app->trace;
    const ly_trace_row *row = NULL;
    ly_grid *g = &app->grid;
    char hex[33];
    for (size_t i = 0; i < app->traces.n && row == NULL; i++) {
        row = ly_trace_id_eq(app->traces.rows[i].trace_id, t->id) ? &app->traces.rows[i] : NULL;
    }
    ly_hex_encode(t->id.b, 16, hex);
    ly_buf_reset(&app->cell);
    if (row != NULL) {
        ly_text_trace_name(row, g->unicode, &app->cell);
        ly_buf_c(&app->cell, "  ");
    }
    ly_buf_fmt(&app->cell, "%.8s", hex);
    (void)ly_grid_put(g, top, 1, g->cols - 2, ly_buf_view(&app->cell), LY_INK_TITLE);
    ly_buf_reset(&app->cell);
    ly_buf_c(&app->cell, "loading ");
    ly_text_grouped((int64_t)ly_loader_done(app->loader), &app->cell);
    if (row != NULL) {
        ly_buf_c(&app->cell, " of ");
        ly_text_grouped(row->n_spans, &app->cell);
    }
    ly_buf_c(&app->cell, " spans");
    (void)ly_grid_put(g, top + 2, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_LIVE);
    ly_buf_reset(&app->cell);
    (void)ly_grid_puts(g, top + 3, 2, g->cols - 3, "Esc stops it; other screens can be read.",
                       LY_INK_DIM);
}

void ly_trace_draw(ly_app *app, int top, int n)
{
    ly_trace_state *t = &app->trace;
    ly_grid *g = &app->grid;
    if (ly_trace_loading(app)) {
        draw_loading(app, top);
        return;
    }
    if (t->trace == NULL) {
        (void)ly_grid_puts(g, top + 1, 2, g->cols - 3,
                           "No trace is open: Enter on a trace opens it.", LY_INK_TEXT);
        return;
    }
    draw_heading(app, top);
    int body = top + 2, rows = n - 2;
    t->detail_rows = 0;
    if (t->lens == LY_LENS_MESSAGES) {
        ly_messages_draw(app, body, rows);
        return;
    }
    if (g->cols >= 100) {
        ly_divider between = {.which = LY_SPLIT_BESIDE,
                              .upright = true,
                              .size = g->cols,
                              .least_first = 40,
                              .least_last = 24};
        int list = ly_app_divide(app, between, g->cols >= 140 ? g->cols * 5 / 8 : g->cols * 3 / 5);
        draw_tree(app, body, rows, list);
        for (int r = body; r < body + rows; r++) {
            ly_grid_fill(g, r, list, 1, "\xE2\x94\x82", '|',
                         t->detail_focus ? LY_INK_TITLE : LY_INK_DIM);
        }
        t->detail_rows = rows - 1;
        ly_detail_draw(app, body, rows, list + 2, g->cols - list - 3);
    } else if (rows >= 14) {
        /* A third, and what a short tree leaves. */
        int detail = rows / 3 > 12 ? 12 : rows / 3;
        int left = rows - 2 - (int)(t->rows.n < 1000 ? t->rows.n : 1000);
        detail = left > detail ? (left < rows * 2 / 3 ? left : rows * 2 / 3) : detail;
        ly_divider between = {
            .which = LY_SPLIT_BELOW, .from = body, .size = rows, .least_first = 3, .least_last = 3};
        detail = rows - 1 - ly_app_divide(app, between, rows - detail - 1);
        draw_tree(app, body, rows - detail - 1, g->cols);
        ly_grid_fill(g, body + rows - detail - 1, 0, g->cols, "\xE2\x94\x80", '-',
                     t->detail_focus ? LY_INK_TITLE : LY_INK_DIM);
        t->detail_rows = detail - 1;
        ly_detail_draw(app, body + rows - detail, detail, 1, g->cols - 2);
    } else {
        draw_tree(app, body, rows, g->cols);
    }
    t->detail_focus = t->detail_focus && t->detail_rows > 0;
}
