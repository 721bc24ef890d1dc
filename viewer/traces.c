/* The list of traces: newest first, live, filtered; below it a preview of the selected one. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "viewer/app.h"

#define PAGE_ROWS 500
/* Traces held in memory while scrolling down; further ones are reached by a filter. */
#define MAX_ROWS 20000
/* Pages (of half a second each) that find nothing before the list says so; a further key looks on. */
#define MAX_EMPTY_PAGES 1

static const char *const origins[] = {"app", "eval", "judge", "all"};

void ly_traces_state_release(ly_traces_state *s)
{
    ly_arena_release(&s->arena);
    ly_free(s->rows);
    ly_free(s->shown);
    ly_free(s->joined);
    ly_filter_free(s->filter);
    ly_buf_release(&s->filter_text);
}

/* ---- data ------------------------------------------------------------------------------------ */

static ly_status read_page(ly_app *app, ly_store_key *key, bool *ret_more, ly_trace_row **ret_rows,
                           size_t *ret_n, ly_err *err)
{
    ly_traces_state *s = &app->traces;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.filter = s->filter;
    query.any_origin = s->origin != 0;
    query.after = *key;
    query.limit = PAGE_ROWS;
    *ret_more = true;
    *ret_n = 0;
    for (int i = 0; i < MAX_EMPTY_PAGES && *ret_more && *ret_n == 0; i++) {
        ly_status st =
            ly_store_trace_page(app->store, &query, &s->arena, ret_rows, ret_n, key, ret_more, err);
        if (st != LY_OK) {
            return st;
        }
        query.after = *key;
    }
    return LY_OK;
}

static bool wanted(const ly_traces_state *s, const ly_trace_row *row)
{
    return s->origin == 0 || s->origin == 3 || (int)row->origin == s->origin;
}

static bool append(ly_traces_state *s, const ly_trace_row *rows, size_t n)
{
    if (!ly_grow(&s->rows, &s->cap, s->n + n, MAX_ROWS + PAGE_ROWS, sizeof *s->rows)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (wanted(s, &rows[i])) {
            s->rows[s->n++] = rows[i];
        }
    }
    return true;
}

/* The lines of the list: each trace, or each session with its newest trace. */
static bool make_lines(ly_traces_state *s)
{
    size_t cap = s->shown_cap, cap2 = s->shown_cap;
    if (!ly_grow(&s->shown, &cap, s->n + 1, MAX_ROWS * 2, sizeof *s->shown) ||
        !ly_grow(&s->joined, &cap2, s->n + 1, MAX_ROWS * 2, sizeof *s->joined)) {
        return false;
    }
    s->shown_cap = cap < cap2 ? cap : cap2;
    s->n_shown = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t line = s->n_shown;
        if (s->sessions && s->rows[i].session.len > 0) {
            /* Sessions of the last lines; a list of 20,000 stays quick because most repeat soon. */
            size_t low = s->n_shown > 200 ? s->n_shown - 200 : 0;
            for (line = s->n_shown; line > low; line--) {
                if (ly_str_eq(s->rows[s->shown[line - 1]].session, s->rows[i].session)) {
                    break;
                }
            }
            if (line > low) {
                s->joined[line - 1]++;
                continue;
            }
            line = s->n_shown;
        }
        s->shown[line] = (uint32_t)i;
        s->joined[line] = 1;
        s->n_shown++;
    }
    return true;
}

static void find_selection(ly_traces_state *s)
{
    if (s->has_selected) {
        for (size_t k = 0; k < s->n_shown; k++) {
            if (ly_trace_id_eq(s->rows[s->shown[k]].trace_id, s->selected)) {
                /* The selected line keeps its place on the screen. */
                s->top = k + s->top > s->at ? k + s->top - s->at : 0;
                s->at = k;
                return;
            }
        }
    }
    if (s->at >= s->n_shown) {
        s->at = s->n_shown > 0 ? s->n_shown - 1 : 0;
    }
}

static void keep_selection(ly_traces_state *s)
{
    s->has_selected = s->at < s->n_shown;
    if (s->has_selected) {
        s->selected = s->rows[s->shown[s->at]].trace_id;
    }
}

static void reload(ly_app *app)
{
    ly_traces_state *s = &app->traces;
    ly_err err = LY_ERR_INIT;
    ly_trace_row *rows = NULL;
    size_t n = 0, had = s->n;
    ly_store_info info;
    ly_arena_reset(&s->arena);
    s->n = 0;
    s->key = (ly_store_key){0};
    s->more = true;
    /* As many as were there, so that a reader far down stays. */
    do {
        if (read_page(app, &s->key, &s->more, &rows, &n, &err) != LY_OK) {
            ly_app_say(app, true, "%s", err.text);
            break;
        }
        if (!append(s, rows, n)) {
            break;
        }
    } while (s->more && n > 0 && s->n < had && s->n < MAX_ROWS);
    s->total =
        ly_store_info_get(app->store, false, &info, &err) == LY_OK ? info.n_traces : LY_UNKNOWN;
    s->n_new = 0;
    (void)make_lines(s);
    if (s->follow) {
        s->at = s->top = 0;
        keep_selection(s);
    } else {
        find_selection(s);
    }
}

static void load_more(ly_app *app)
{
    ly_traces_state *s = &app->traces;
    ly_err err = LY_ERR_INIT;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    if (!s->more || s->n >= MAX_ROWS) {
        return;
    }
    if (read_page(app, &s->key, &s->more, &rows, &n, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
        return;
    }
    (void)append(s, rows, n);
    (void)make_lines(s);
}

/* While the reader is elsewhere the rows stay; what they say is brought up to date in place, and new
 * traces are only counted. */
static void refresh_in_place(ly_app *app)
{
    ly_traces_state *s = &app->traces;
    ly_err err = LY_ERR_INIT;
    ly_trace_row *rows = NULL;
    ly_store_key key = {0};
    bool more;
    size_t n = 0, next = 0;
    s->n_new = 0;
    if (read_page(app, &key, &more, &rows, &n, &err) != LY_OK) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        if (!wanted(s, &rows[i])) {
            continue;
        }
        for (size_t k = 0; k < s->n && k < PAGE_ROWS && !known; k++) {
            size_t at = (next + k) % s->n;
            if (ly_trace_id_eq(s->rows[at].trace_id, rows[i].trace_id)) {
                s->rows[at] = rows[i];
                next = at + 1;
                known = true;
            }
        }
        s->n_new += !known && (s->n == 0 || rows[i].start_ns >= s->rows[0].start_ns);
    }
}

static void load(ly_app *app, bool again)
{
    ly_traces_state *s = &app->traces;
    if (app->store == NULL) {
        return;
    }
    /* Strings of rows updated in place pile up in the arena: begin anew now and then. */
    if (!again || s->follow || s->n == 0 || s->arena.used > LY_MIB(24)) {
        reload(app);
    } else {
        refresh_in_place(app);
    }
}

static ly_str lookup(void *user, ly_str name)
{
    const ly_app *app = user;
    return app->opts.calls.filter_lookup != NULL
               ? app->opts.calls.filter_lookup(app->opts.calls.user, name)
               : LY_STR_NONE;
}

bool ly_traces_set_filter(ly_app *app, ly_str text)
{
    ly_traces_state *s = &app->traces;
    ly_filter *filter = NULL;
    ly_filter_opts opts = {app->now_ns, lookup, app};
    ly_err err = LY_ERR_INIT;
    if (ly_filter_parse(text, &opts, &filter, &app->filter_error, &err) != LY_OK) {
        app->has_filter_error = true;
        return false;
    }
    ly_buf_reset(&s->filter_text);
    ly_buf_str(&s->filter_text, ly_str_trim(text));
    ly_filter_free(s->filter);
    s->filter = NULL;
    if (ly_filter_root(filter)->kind == LY_FILTER_ALL) {
        ly_filter_free(filter);
    } else {
        s->filter = filter;
    }
    s->n = 0;
    s->at = s->top = 0;
    s->follow = true;
    if (app->store != NULL) {
        reload(app);
    }
    return true;
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* Columns that go first when the screen is narrow come last; the name and the state always stay. */
typedef struct layout {
    int time, name, spans, gen, tool, tokens, cost, dur, state; /* widths, 0 = not shown */
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
    if (left - 4 >= least) {
        l.gen = 3;
        left -= 4;
    }
    if (left - 5 >= least) {
        l.tool = 4;
        left -= 5;
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
}

static void state_text(ly_app *app, const ly_trace_row *r, ly_ink *ret_ink)
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
    if (r->pinned) {
        ly_buf_c(&app->cell, " P");
    }
}

static void draw_row(ly_app *app, int row, const layout *l, size_t line)
{
    const ly_traces_state *s = &app->traces;
    const ly_trace_row *r = &s->rows[s->shown[line]];
    int col = 2;
    ly_ink ink = LY_INK_TEXT;
    ly_buf_reset(&app->cell);
    if (s->absolute) {
        ly_text_clock(r->start_ns, app->now_ns, &app->cell);
    } else if (app->now_ns - r->start_ns < LY_NS_PER_DAY) {
        ly_text_clock(r->start_ns, app->now_ns, &app->cell);
        if (app->cell.len > 8) {
            ly_buf_reset(&app->cell);
            ly_civil c = ly_civil_from_ns(r->start_ns);
            ly_buf_fmt(&app->cell, "%02d:%02d:%02d", c.hour, c.minute, c.second);
        }
    } else {
        ly_civil c = ly_civil_from_ns(r->start_ns);
        ly_buf_fmt(&app->cell, "%04d%02d%02d", c.year, c.month, c.day);
    }
    (void)ly_grid_put(&app->grid, row, col, l->time, ly_buf_view(&app->cell), LY_INK_DIM);
    col += l->time + 1;
    ly_buf_reset(&app->cell);
    if (s->sessions && s->joined[line] > 1) {
        ly_buf_fmt(&app->cell, "%u traces of ", s->joined[line]);
        ly_term_clean(&app->cell, ly_str_sub(r->session, 0, 200), LY_TERM_ONE_LINE);
    } else {
        ly_text_trace_name(r, app->grid.unicode, &app->cell);
    }
    bool hit = app->find[0] != '\0' && ly_app_found(app, ly_buf_view(&app->cell));
    (void)ly_grid_put(&app->grid, row, col, l->name, ly_buf_view(&app->cell),
                      hit ? LY_INK_MATCH : LY_INK_TEXT);
    col += l->name + 1;
    ly_buf_reset(&app->cell);
    ly_viewer_count(r->n_spans, &app->cell);
    number(app, row, &col, l->spans, LY_INK_TEXT);
    ly_viewer_count(r->n_generations, &app->cell);
    number(app, row, &col, l->gen, LY_INK_TEXT);
    ly_viewer_count(r->n_tools, &app->cell);
    number(app, row, &col, l->tool, LY_INK_TEXT);
    ly_viewer_count(ly_tokens_total(&r->tokens), &app->cell);
    number(app, row, &col, l->tokens, LY_INK_TEXT);
    ly_viewer_money(r->cost_pico, &app->cell);
    number(app, row, &col, l->cost, LY_INK_TEXT);
    ly_viewer_duration(r->end_ns == LY_UNKNOWN ? LY_UNKNOWN : r->end_ns - r->start_ns, &app->cell);
    number(app, row, &col, l->dur, LY_INK_TEXT);
    state_text(app, r, &ink);
    (void)ly_grid_put(&app->grid, row, col, l->state, ly_buf_view(&app->cell), ink);
    ly_buf_reset(&app->cell);
}

static void draw_context(ly_app *app, int row)
{
    const ly_traces_state *s = &app->traces;
    ly_grid *g = &app->grid;
    ly_buf_reset(&app->cell);
    ly_buf_fmt(&app->cell, "filter: %s", s->filter != NULL ? ly_buf_text(&s->filter_text) : "none");
    if (s->origin != 0) {
        ly_buf_fmt(&app->cell, "   traces: %s", origins[s->origin]);
    }
    int used = ly_grid_put(g, row, 1, g->cols - 2, ly_buf_view(&app->cell),
                           s->filter != NULL ? LY_INK_MATCH : LY_INK_DIM);
    ly_buf_reset(&app->cell);
    if (s->n_new > 0) {
        ly_buf_fmt(&app->cell, "follow paused +%lld new", (long long)s->n_new);
    } else if (s->follow && !app->opts.memory) {
        ly_buf_c(&app->cell, "following");
    } else if (s->filter == NULL && s->total != LY_UNKNOWN) {
        ly_text_plural(s->total, "trace", &app->cell);
    }
    if (s->n_shown > 0) {
        ly_buf_fmt(&app->cell, "  %zu/", s->at + 1);
        ly_text_grouped((int64_t)s->n_shown, &app->cell);
        ly_buf_c(&app->cell, s->more ? "+" : "");
    }
    int room = g->cols - used - 4;
    if ((int)app->cell.len <= room) {
        ly_grid_right(g, row, g->cols - (int)app->cell.len - 1, (int)app->cell.len,
                      ly_buf_view(&app->cell), s->n_new > 0 ? LY_INK_WARN : LY_INK_DIM);
    }
    ly_buf_reset(&app->cell);
}

static void draw_empty(ly_app *app, int top)
{
    const ly_traces_state *s = &app->traces;
    ly_grid *g = &app->grid;
    if (s->filter != NULL) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(&app->cell,
                   s->more ? "Nothing yet matches %s: j looks further back."
                           : "No trace matches %s.",
                   ly_buf_text(&s->filter_text));
        (void)ly_grid_put(g, top, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_TEXT);
        ly_buf_reset(&app->cell);
        if (s->total != LY_UNKNOWN) {
            ly_text_grouped(s->total, &app->cell);
            ly_buf_c(&app->cell, " without the filter. ");
        }
        ly_buf_c(&app->cell, "f edits it, u drops its last term.");
        (void)ly_grid_put(g, top + 1, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_DIM);
        ly_buf_reset(&app->cell);
        return;
    }
    const char *endpoint =
        app->opts.otlp_endpoint ? app->opts.otlp_endpoint : "http://127.0.0.1:4318";
    (void)ly_grid_puts(g, top, 2, g->cols - 3, "No traces yet.", LY_INK_TITLE);
    ly_buf_fmt(&app->cell, "A collector listens on %s. For a program of any language:", endpoint);
    (void)ly_grid_put(g, top + 2, 2, g->cols - 3, ly_buf_view(&app->cell), LY_INK_TEXT);
    ly_buf_reset(&app->cell);
    ly_buf_fmt(&app->cell, "export OTEL_EXPORTER_OTLP_ENDPOINT=%s", endpoint);
    (void)ly_grid_put(g, top + 3, 4, g->cols - 5, ly_buf_view(&app->cell), LY_INK_TEXT);
    ly_buf_reset(&app->cell);
    (void)ly_grid_puts(g, top + 4, 4, g->cols - 5,
                       "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
                       LY_INK_TEXT);
    (void)ly_grid_puts(g, top + 6, 2, g->cols - 3,
                       "or: lydite run -- COMMAND     lydite connect names your client's lines",
                       LY_INK_DIM);
    if (app->opts.calls.collect != NULL &&
        (app->opts.calls.collecting == NULL || !app->opts.calls.collecting(app->opts.calls.user))) {
        (void)ly_grid_puts(g, top + 7, 2, g->cols - 3,
                           "No collector answers: c collects in this process.", LY_INK_WARN);
    }
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
    ly_viewer_money(r->cost_pico, &app->cell);
    ly_buf_c(&app->cell,
             r->flags & LY_TRACE_PARTIAL_COST && r->cost_pico != LY_UNKNOWN ? " or more" : "");
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
    if (n > 3) {
        (void)ly_grid_put(g, top + 3, 1, g->cols - 2, ly_buf_view(&app->cell), LY_INK_DIM);
    }
    if (n > 4 && r->n_generations > 0 && !(r->flags & LY_TRACE_CONTENT)) {
        (void)ly_grid_puts(g, top + 4, 1, g->cols - 2,
                           "the client sent no messages: lydite connect names its content switch",
                           LY_INK_WARN);
    }
    ly_buf_reset(&app->cell);
}

static void draw(ly_app *app, int top, int n)
{
    ly_traces_state *s = &app->traces;
    layout l = plan(app->grid.cols, s->absolute);
    int preview = app->grid.rows >= 20 ? 5 : 0;
    draw_context(app, top);
    if (s->n_shown == 0) {
        app->page_rows = 1;
        draw_empty(app, top + 2);
        return;
    }
    draw_head(app, top + 1, &l);
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

/* ---- commands -------------------------------------------------------------------------------- */

static bool to_error(ly_traces_state *s, int direction)
{
    for (size_t k = 1; k < s->n_shown; k++) {
        size_t at = direction > 0 ? s->at + k : s->at - k;
        if (at >= s->n_shown) {
            return false; /* past an end (below zero wraps to a large number) */
        }
        if (s->rows[s->shown[at]].n_errors > 0) {
            s->at = at;
            return true;
        }
    }
    return false;
}

static bool find(ly_app *app, int direction)
{
    ly_traces_state *s = &app->traces;
    for (size_t k = 1; k <= s->n_shown; k++) {
        size_t at =
            direction > 0 ? (s->at + k) % s->n_shown : (s->at + s->n_shown - k) % s->n_shown;
        const ly_trace_row *r = &s->rows[s->shown[at]];
        char hex[33];
        ly_hex_encode(r->trace_id.b, 16, hex);
        if (ly_app_found(app, r->name) || ly_app_found(app, r->session) ||
            ly_app_found(app, r->user) || ly_app_found(app, r->model) ||
            ly_app_found(app, r->service) || ly_app_found(app, ly_str_c(hex))) {
            s->at = at;
            s->follow = false;
            keep_selection(s);
            return true;
        }
    }
    return false;
}

static bool command(ly_app *app, ly_command command, int count)
{
    ly_traces_state *s = &app->traces;
    size_t step = count > 0 ? (size_t)count : 1,
           page = (size_t)(app->page_rows > 0 ? app->page_rows : 1);
    size_t last = s->n_shown > 0 ? s->n_shown - 1 : 0, before = s->at;
    switch (command) {
    case LY_DO_DOWN:
        s->at = s->at + step < last ? s->at + step : last;
        break;
    case LY_DO_PAGE_DOWN:
        s->at = s->at + page < last ? s->at + page : last;
        break;
    case LY_DO_HALF_DOWN:
        s->at = s->at + page / 2 + 1 < last ? s->at + page / 2 + 1 : last;
        break;
    case LY_DO_UP:
        s->at = s->at > step ? s->at - step : 0;
        break;
    case LY_DO_PAGE_UP:
        s->at = s->at > page ? s->at - page : 0;
        break;
    case LY_DO_HALF_UP:
        s->at = s->at > page / 2 + 1 ? s->at - page / 2 - 1 : 0;
        break;
    case LY_DO_TOP:
        s->at = 0;
        break;
    case LY_DO_BOTTOM:
        s->at = last;
        break;
    case LY_DO_OPEN:
    case LY_DO_LENS_MESSAGES:
        if (s->at < s->n_shown) {
            ly_app_open_trace(app, s->rows[s->shown[s->at]].trace_id);
        }
        return true;
    case LY_DO_FILTER:
        ly_app_ask(app, LY_ASK_FILTER, ly_buf_view(&s->filter_text));
        return true;
    case LY_DO_UNDO_TERM: {
        ly_buf_reset(&app->cell);
        ly_buf_str(&app->cell, ly_filter_drop_last(ly_buf_view(&s->filter_text)));
        (void)ly_traces_set_filter(app, ly_buf_view(&app->cell));
        return true;
    }
    case LY_DO_FOLLOW:
        s->follow = !s->follow;
        if (s->follow) {
            reload(app);
        }
        return true;
    case LY_DO_SESSIONS:
        s->sessions = !s->sessions;
        (void)make_lines(s);
        find_selection(s);
        return true;
    case LY_DO_ORIGIN:
        s->origin = (s->origin + 1) % 4;
        s->n = 0;
        reload(app);
        ly_app_say(app, false, "traces: %s", origins[s->origin]);
        return true;
    case LY_DO_TIMES:
        s->absolute = !s->absolute;
        return true;
    case LY_DO_NEXT_ERROR:
    case LY_DO_PREVIOUS_ERROR:
        if (!to_error(s, command == LY_DO_NEXT_ERROR ? 1 : -1)) {
            ly_app_say(app, false, "no further trace with an error");
        }
        break;
    default:
        return false;
    }
    if (s->at + page > s->n_shown && s->more) {
        load_more(app);
    }
    keep_selection(s);
    /* Following is a place: the newest row. Leaving it freezes the rows; coming back by g resumes. */
    if (s->at > 0 && s->at != before) {
        s->follow = false;
    } else if (s->at == 0 && command == LY_DO_TOP && !s->follow) {
        s->follow = true;
        if (s->n_new > 0) {
            reload(app);
        }
    }
    return true;
}

const ly_screen ly_screen_traces = {"Traces", "Traces", LY_ON_TRACES, load, draw, command, find};

bool ly_app_target(const ly_app *app, ly_trace_id *ret_trace, ly_span_id *ret_span)
{
    memset(ret_span, 0, sizeof *ret_span);
    if (app->screen == LY_SCREEN_TRACE && app->trace.open) {
        *ret_trace = app->trace.id;
        if (app->trace.has_selected) {
            *ret_span = app->trace.selected;
        }
        return true;
    }
    const ly_traces_state *s = &app->traces;
    if (s->at < s->n_shown) {
        *ret_trace = s->rows[s->shown[s->at]].trace_id;
        return true;
    }
    return false;
}
