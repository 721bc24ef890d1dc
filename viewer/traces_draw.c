/* The list of traces, drawn: columns by the room there is, states, and below a preview of the selected one. */
#include <stdio.h>

#include "base/clock.h"
#include "base/term.h"
#include "viewer/app.h"

/* Columns that go first when the screen is narrow come last; the name and the state always stay. */
typedef struct layout {
    int time, name, spans, gen, tool, tokens, cost, dur, state, score; /* widths, 0 = not shown */
    int name_col;
} layout;

static layout plan(int cols, bool absolute)
{
    layout l = {.time = absolute ? 11 : 8, .state = 8, .dur = 7};
    int left = cols - 3 - l.time - 1 - l.state - 1 - l.dur - 1;
    const int least = 16;
    if (left - 7 >= least) {
        l.tokens = 6;
        left -= 7;
    }
    if (left - 9 >= least) {
        l.cost = 8;
        left -= 9;
    }
    if (left - 6 >= least) {
        l.spans = 5;
        left -= 6;
    }
    if (left - 5 >= least) {
        l.gen = 4;
        left -= 5;
    }
    if (left - 5 >= least) {
        l.tool = 4;
        left -= 5;
    }
    if (left - 21 >= 3 * least) {
        l.score = 20;
        left -= 21;
    }
    l.name = left > 4 ? left : 4;
    return l;
}

static void number(ly_app *app, int row, int *col, int width, ly_ink ink)
{
    if (width > 0) {
        ly_grid_right(&app->grid, row, *col, width, ly_buf_view(&app->cell), ink);
        *col += width + 1;
    }
    ly_buf_reset(&app->cell);
}

/* A count in four columns: "987", "25k", "150k". */
static void few(int64_t n, ly_buf *out)
{
    if (n < 1000) {
        ly_buf_fmt(out, "%lld", (long long)n);
    } else if (n < 1000000) {
        ly_buf_fmt(out, "%lldk", (long long)(n / 1000));
    } else {
        ly_buf_fmt(out, "%lldM", (long long)(n / 1000000));
    }
}

static void draw_head(ly_app *app, int row, const layout *l)
{
    static const char *const heads[] = {"SPANS", "GEN", "TOOL", "TOKENS", "COST", "DUR"};
    const int widths[] = {l->spans, l->gen, l->tool, l->tokens, l->cost, l->dur};
    int col = 2;
    (void)ly_grid_puts(&app->grid, row, col, l->time, "TIME", LY_INK_DIM);
    col += l->time + 1;
    (void)ly_grid_puts(&app->grid, row, col, l->name,
                       app->traces.sessions ? "SESSION OR ROOT" : "ROOT", LY_INK_DIM);
    col += l->name + 1;
    ly_buf_reset(&app->cell);
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_buf_c(&app->cell, heads[i]);
        number(app, row, &col, widths[i], LY_INK_DIM);
    }
    (void)ly_grid_puts(&app->grid, row, col, l->state, "STATE", LY_INK_DIM);
    if (l->score > 0) {
        (void)ly_grid_puts(&app->grid, row, col + l->state + 1, l->score, "SCORE", LY_INK_DIM);
    }
}

static void state_text(ly_app *app, const ly_trace_row *r, const ly_glance *glance, ly_ink *ret_ink)
{
    const char *state = ly_viewer_trace_state(r, app->now_ns);
    *ret_ink = LY_INK_OK;
    if (strcmp(state, "live") == 0 || strcmp(state, "quiet") == 0) {
        *ret_ink = LY_INK_LIVE;
    } else if (strcmp(state, "partial") == 0) {
        *ret_ink = LY_INK_WARN;
    }
    if (r->n_errors > 0) {
        *ret_ink = LY_INK_ERROR;
        ly_buf_fmt(&app->cell, "E%lld", (long long)(r->n_errors > 999 ? 999 : r->n_errors));
        if (strcmp(state, "error") != 0) {
            ly_buf_fmt(&app->cell, " %s", state);
        }
    } else {
        ly_buf_c(&app->cell, state);
    }
    if (glance != NULL && glance->longest > 0) {
        ly_buf_fmt(&app->cell, " L%u", glance->longest > 999 ? 999 : glance->longest);
        *ret_ink = *ret_ink == LY_INK_OK ? LY_INK_WARN : *ret_ink;
    }
    if (r->pinned) {
        ly_buf_c(&app->cell, " P");
    }
}

static int64_t plus(int64_t a, int64_t b)
{
    return a == LY_UNKNOWN ? b : b == LY_UNKNOWN ? a : a + b;
}

/* The traces of one session that are in the list, as one row. */
static void sum_session(const ly_traces_state *s, const ly_trace_row *first, ly_trace_row *ret)
{
    *ret = *first;
    for (size_t i = (size_t)(first - s->rows) + 1; i < s->n; i++) {
        const ly_trace_row *r = &s->rows[i];
        if (!ly_str_eq(r->session, first->session)) {
            continue;
        }
        ret->start_ns = r->start_ns < ret->start_ns ? r->start_ns : ret->start_ns;
        ret->end_ns =
            ret->end_ns == LY_UNKNOWN || r->end_ns > ret->end_ns ? r->end_ns : ret->end_ns;
        ret->n_spans += r->n_spans;
        ret->n_errors += r->n_errors;
        ret->n_generations += r->n_generations;
        ret->n_tools += r->n_tools;
        (void)!ly_tokens_add(&ret->tokens, &r->tokens);
        ret->cost_pico = plus(ret->cost_pico, r->cost_pico);
        ret->flags |= r->flags & LY_TRACE_PARTIAL_COST;
        ret->pinned = ret->pinned || r->pinned;
    }
}

static void draw_row(ly_app *app, int row, const layout *l, size_t line)
{
    const ly_traces_state *s = &app->traces;
    const ly_trace_row *r = &s->rows[s->shown[line]];
    const ly_glance *glance = ly_glance_get(&app->glances, r);
    ly_trace_row all;
    if (s->joined[line] > 1) {
        sum_session(s, r, &all);
        r = &all;
        glance = NULL;
    }
    int64_t start = s->rows[s->shown[line]].start_ns;
    int col = 2;
    ly_ink ink = LY_INK_TEXT;
    ly_buf_reset(&app->cell);
    if (s->absolute) {
        ly_text_clock(start, app->now_ns, &app->cell);
    } else if (app->now_ns - start < LY_NS_PER_DAY) {
        ly_text_clock(start, app->now_ns, &app->cell);
        if (app->cell.len > 8) {
            ly_buf_reset(&app->cell);
            ly_civil c = ly_civil_from_ns(start);
            ly_buf_fmt(&app->cell, "%02d:%02d:%02d", c.hour, c.minute, c.second);
        }
    } else {
        ly_civil c = ly_civil_from_ns(start);
        ly_buf_fmt(&app->cell, "%04d%02d%02d", c.year, c.month, c.day);
    }
    (void)ly_grid_put(&app->grid, row, col, l->time, ly_buf_view(&app->cell), LY_INK_DIM);
    col += l->time + 1;
    ly_buf_reset(&app->cell);
    if (s->sessions && s->joined[line] > 1) {
        ly_buf_fmt(&app->cell, "%u%s traces of ", s->joined[line], s->more ? "+" : "");
        ly_term_clean(&app->cell, ly_str_sub(r->session, 0, 200), LY_TERM_ONE_LINE);
    } else {
        ly_text_trace_name(r, app->grid.unicode, &app->cell);
    }
    bool hit = app->find[0] != '\0' && ly_app_found(app, ly_buf_view(&app->cell));
    int put = ly_grid_put(&app->grid, row, col, l->name, ly_buf_view(&app->cell),
                          hit ? LY_INK_MATCH : LY_INK_TEXT);
    if (glance != NULL && glance->asked[0] != '\0' && l->name - put >= 8) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(&app->cell, "\"%s\"", glance->asked);
        (void)ly_grid_put(&app->grid, row, col + put + 1, l->name - put - 1,
                          ly_buf_view(&app->cell), LY_INK_DIM);
    }
    col += l->name + 1;
    ly_buf_reset(&app->cell);
    ly_viewer_count(r->n_spans, &app->cell);
    number(app, row, &col, l->spans, LY_INK_TEXT);
    few(r->n_generations, &app->cell);
    number(app, row, &col, l->gen, LY_INK_TEXT);
    few(r->n_tools, &app->cell);
    number(app, row, &col, l->tool, LY_INK_TEXT);
    ly_viewer_count(ly_tokens_total(&r->tokens), &app->cell);
    number(app, row, &col, l->tokens, LY_INK_TEXT);
    ly_text_cost(r->cost_pico, (r->flags & LY_TRACE_PARTIAL_COST) != 0, &app->cell);
    number(app, row, &col, l->cost, LY_INK_TEXT);
    ly_viewer_duration(r->end_ns == LY_UNKNOWN ? LY_UNKNOWN : r->end_ns - r->start_ns, &app->cell);
    number(app, row, &col, l->dur, LY_INK_TEXT);
    state_text(app, r, glance, &ink);
    (void)ly_grid_put(&app->grid, row, col, l->state, ly_buf_view(&app->cell), ink);
    ly_buf_reset(&app->cell);
    if (l->score > 0 && glance != NULL) {
        (void)ly_grid_puts(&app->grid, row, col + l->state + 1, l->score, glance->score,
                           LY_INK_JUDGE);
    }
}

static void draw_context(ly_app *app, int row)
{
    const ly_traces_state *s = &app->traces;
    ly_grid *g = &app->grid;
    ly_buf_reset(&app->cell);
    ly_buf_fmt(&app->cell, "filter: %s", s->filter != NULL ? ly_buf_text(&s->filter_text) : "none");
    if (s->origin != 0) {
        ly_buf_fmt(&app->cell, "   traces: %s", ly_traces_origin(s));
    }
    if (s->filter == NULL && g->cols >= 70) {
        ly_buf_c(&app->cell, "   f to edit");
    }
    int used = ly_grid_put(g, row, 1, g->cols - 2, ly_buf_view(&app->cell),
                           s->filter != NULL ? LY_INK_MATCH : LY_INK_DIM);
    ly_buf_reset(&app->cell);
    if (s->n_new > 0) {
        ly_buf_fmt(&app->cell, "follow paused +%lld new", (long long)s->n_new);
    } else if (ly_traces_searching(app)) {
        ly_buf_c(&app->cell, "searching, ^c stops");
    } else {
        if (s->filter == NULL && s->total != LY_UNKNOWN && s->origin == 0 && g->cols >= 70) {
            /* What the list can show; the file may hold more, those of evaluations among them. */
            if (s->more) {
                ly_text_grouped((int64_t)s->n, &app->cell);
                ly_buf_c(&app->cell, " of ");
            }
            ly_text_plural(s->more ? s->total : (int64_t)s->n, "trace", &app->cell);
            ly_buf_c(&app->cell, "   ");
        }
        if (s->sort != 0 || s->reverse) {
            ly_buf_fmt(&app->cell, "by %s%s", ly_traces_order(s), s->reverse ? ", reverse" : "");
            if (s->more) {
                ly_buf_c(&app->cell, ", of the newest ");
                ly_text_grouped((int64_t)s->n, &app->cell);
            }
        } else if (app->opts.calls.collect != NULL && g->cols >= 70) {
            ly_buf_c(&app->cell, "no collector: c collects here");
        } else {
            ly_buf_c(&app->cell, s->follow && !app->opts.memory ? "following" : "newest first");
        }
    }
    int room = g->cols - used - 4;
    if ((int)app->cell.len <= room) {
        ly_grid_right(g, row, g->cols - (int)app->cell.len - 1, (int)app->cell.len,
                      ly_buf_view(&app->cell), s->n_new > 0 ? LY_INK_WARN : LY_INK_DIM);
    }
    ly_buf_reset(&app->cell);
    ly_app_place(app, s->at, s->n_shown, s->more);
}

static void draw_empty(ly_app *app, int top)
{
    const ly_traces_state *s = &app->traces;
    ly_grid *g = &app->grid;
    if (s->failed[0] != '\0') {
        (void)ly_grid_puts(g, top, 2, g->cols - 3, "The traces cannot be read:", LY_INK_ERROR);
        (void)ly_grid_puts(g, top + 1, 2, g->cols - 3, s->failed, LY_INK_TEXT);
        return;
    }
    if (s->filter != NULL && app->opts.awaited == NULL) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(&app->cell,
                   ly_traces_searching(app) ? "Searching for %s"
                   : s->more                ? "Nothing yet matches %s: j looks further back."
                                            : "No trace matches %s.",
                   ly_buf_text(&s->filter_text));
        (void)ly_grid_put(g, top, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_TEXT);
        ly_buf_reset(&app->cell);
        if (s->total != LY_UNKNOWN) {
            ly_text_grouped(s->total, &app->cell);
            ly_buf_c(&app->cell, " in the file. ");
        }
        ly_buf_c(&app->cell, "f edits it, u drops its last term.");
        (void)ly_grid_put(g, top + 1, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_DIM);
        ly_buf_reset(&app->cell);
        return;
    }
    if (s->origin != 0 && app->opts.awaited == NULL) {
        ly_buf_fmt(&app->cell, "No traces of %s. A shows those of others.", ly_traces_origin(s));
        (void)ly_grid_put(g, top, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_TEXT);
        ly_buf_reset(&app->cell);
        return;
    }
    ly_buf where;
    ly_buf_init(&where, LY_KIB(4));
    bool answers = app->opts.calls.collecting != NULL &&
                   app->opts.calls.collecting(app->opts.calls.user, &where);
    if (!answers) {
        ly_buf_reset(&where);
        ly_buf_c(&where, "http://127.0.0.1:4318");
    }
    const char *endpoint = ly_buf_text(&where);
    if (app->opts.awaited != NULL) {
        ly_term_clean(&app->cell, ly_str_c(app->opts.awaited),
                      LY_TERM_ONE_LINE | (g->unicode ? 0u : (unsigned)LY_TERM_ASCII));
        (void)ly_grid_put(g, top + 1, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_DIM);
        ly_buf_reset(&app->cell);
    }
    (void)ly_grid_puts(g, top, 2, g->cols - 3,
                       app->opts.awaited != NULL ? "No database yet." : "No traces yet.",
                       LY_INK_TITLE);
    ly_buf_fmt(&app->cell,
               answers ? "A collector listens on %s. For a program of any language:"
                       : "No collector answers. `lydite collect` listens on %s; then:",
               endpoint);
    (void)ly_grid_put(g, top + 2, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_TEXT);
    ly_buf_reset(&app->cell);
    ly_buf_fmt(&app->cell, "export OTEL_EXPORTER_OTLP_ENDPOINT=%s", endpoint);
    (void)ly_grid_put(g, top + 3, 4, g->cols - 5, ly_buf_view(&app->cell), LY_INK_TEXT);
    ly_buf_reset(&app->cell);
    ly_buf_release(&where);
    (void)ly_grid_puts(g, top + 4, 4, g->cols - 5,
                       "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
                       LY_INK_TEXT);
    if (!answers && app->opts.calls.collect != NULL) {
        (void)ly_grid_puts(g, top + 5, 2, g->cols - 3,
                           app->opts.awaited != NULL
                               ? "c makes the file and collects in this process."
                               : "c collects in this process.",
                           LY_INK_WARN);
    }
    (void)ly_grid_puts(g, top + 6, 2, g->cols - 3,
                       "or: lydite run -- COMMAND     lydite connect names your client's lines",
                       LY_INK_DIM);
    (void)ly_grid_puts(g, top + 7, 2, g->cols - 3, "o opens another database file.", LY_INK_DIM);
}

static void draw_preview(ly_app *app, int top, int n)
{
    const ly_traces_state *s = &app->traces;
    ly_grid *g = &app->grid;
    ly_grid_fill(g, top, 0, g->cols, "\xE2\x94\x80", '-', LY_INK_DIM);
    if (s->at >= s->n_shown || n < 2) {
        return;
    }
    const ly_trace_row *r = &s->rows[s->shown[s->at]];
    char hex[33];
    ly_buf_reset(&app->cell);
    ly_hex_encode(r->trace_id.b, 16, hex);
    const ly_glance *glance = ly_glance_get(&app->glances, r);
    ly_text_trace_name(r, g->unicode, &app->cell);
    ly_buf_fmt(&app->cell, "  trace %s", hex);
    (void)ly_grid_put(g, top + 1, 1, g->cols - 2, ly_buf_view(&app->cell), LY_INK_TITLE);
    ly_buf_reset(&app->cell);
    ly_text_plural(r->n_spans, "span", &app->cell);
    ly_buf_c(&app->cell, ", ");
    ly_text_plural(r->n_errors, "error", &app->cell);
    ly_buf_c(&app->cell, "  tokens ");
    ly_viewer_count(ly_tokens_in(&r->tokens), &app->cell);
    ly_buf_c(&app->cell, " in ");
    ly_viewer_count(ly_tokens_out(&r->tokens), &app->cell);
    ly_buf_c(&app->cell, " out  cost ");
    ly_money_format(r->cost_pico, LY_MONEY_WIDE, &app->cell);
    ly_buf_c(&app->cell,
             r->flags & LY_TRACE_PARTIAL_COST && r->cost_pico != LY_UNKNOWN ? " or more" : "");
    if (glance != NULL && glance->n_loops > 0) {
        ly_buf_c(&app->cell, "  ");
        ly_text_plural(glance->n_loops, "loop", &app->cell);
        ly_buf_fmt(&app->cell, " (%s)", glance->loop);
    }
    const ly_str facts[] = {r->model, r->service, r->env, r->session, r->user, r->error_type};
    static const char *const words[] = {"model", "service", "env", "session", "user", "error"};
    if (n > 2) {
        (void)ly_grid_put(g, top + 2, 1, g->cols - 2, ly_buf_view(&app->cell), LY_INK_TEXT);
    }
    ly_buf_reset(&app->cell);
    for (size_t i = 0; i < LY_COUNT(facts); i++) {
        if (facts[i].len > 0) {
            ly_buf_fmt(&app->cell, "%s %.*s  ", words[i], LY_STR_ARG(ly_str_sub(facts[i], 0, 80)));
        }
    }
    int line = 3;
    if (line < n) {
        (void)ly_grid_put(g, top + line++, 1, g->cols - 2, ly_buf_view(&app->cell), LY_INK_DIM);
    }
    ly_buf_reset(&app->cell);
    if (line < n && r->n_generations > 0 && !(r->flags & LY_TRACE_CONTENT)) {
        (void)ly_grid_puts(g, top + line++, 1, g->cols - 2,
                           "the client sent no messages: lydite connect names its content switch",
                           LY_INK_WARN);
    }
    if (glance == NULL) {
        return;
    }
    const char *const more[] = {glance->error, glance->scores, glance->asked};
    static const char *const heads[] = {"first error: ", "score: ", "asked: "};
    static const ly_ink more_inks[] = {LY_INK_ERROR, LY_INK_JUDGE, LY_INK_TEXT};
    for (size_t i = 0; i < LY_COUNT(more); i++) {
        if (more[i][0] != '\0' && line < n) {
            int used = ly_grid_puts(g, top + line, 1, g->cols - 2, heads[i], LY_INK_DIM);
            (void)ly_grid_puts(g, top + line++, 1 + used, g->cols - 2 - used, more[i],
                               more_inks[i]);
        }
    }
}

void ly_traces_draw(ly_app *app, int top, int n)
{
    ly_traces_state *s = &app->traces;
    layout l = plan(app->grid.cols, s->absolute);
    int preview = app->grid.rows >= 40 ? 7 : app->grid.rows >= 20 ? 6 : 0;
    draw_context(app, top);
    if (s->n_shown == 0) {
        app->page_rows = 1;
        draw_empty(app, top + 2);
        return;
    }
    draw_head(app, top + 1, &l);
    if (preview > 0) {
        ly_divider between = {.which = LY_SPLIT_PREVIEW,
                              .from = top + 2,
                              .size = n - 2,
                              .least_first = 3,
                              .least_last = 1};
        preview = n - 2 - ly_app_divide(app, between, n - 2 - preview);
    }
    int room = n - 2 - preview;
    app->page_rows = room > 1 ? room : 1;
    if (s->at < s->top) {
        s->top = s->at;
    } else if (s->at >= s->top + (size_t)room) {
        s->top = s->at - (size_t)room + 1;
    }
    size_t left = s->n_shown - s->top;
    ly_app_clicks(app, top + 2, left < (size_t)room ? (int)left : room, app->grid.cols,
                  top + 2 + (int)(s->at - s->top));
    for (int k = 0; k < room && s->top + (size_t)k < s->n_shown; k++) {
        draw_row(app, top + 2 + k, &l, s->top + (size_t)k);
        if (s->top + (size_t)k == s->at) {
            ly_grid_select(&app->grid, top + 2 + k, 0, app->grid.cols);
        }
    }
    if (preview > 0) {
        draw_preview(app, top + 2 + room, preview);
    }
}
