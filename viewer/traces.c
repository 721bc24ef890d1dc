/* The list of traces: its rows, live, filtered, sorted; its commands. traces_draw.c draws it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "base/utf8.h"
#include "viewer/app.h"

#define PAGE_ROWS 500
/* Traces held in memory while scrolling down; further ones are reached by a filter. */
#define MAX_ROWS 20000
/* A page with a filter may look about for so long before the frame; the rest comes in idle moments. */
#define FIRST_BUDGET (60 * LY_NS_PER_MS)
/* Rows read ahead to sort by something else than time. */
#define SORT_ROWS 2000

static const char *const origins[] = {"app", "eval", "judge", "all"};

const char *ly_traces_origin(const ly_traces_state *s)
{
    return origins[s->origin];
}

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
    query.budget_ns = FIRST_BUDGET;
    return ly_store_trace_page(app->store, &query, &s->arena, ret_rows, ret_n, key, ret_more, err);
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

/* ---- order ----------------------------------------------------------------------------------- */

static const char *const sort_names[] = {"time",  "duration", "tokens", "cost",
                                         "spans", "errors",   "name"};

const char *ly_traces_order(const ly_traces_state *s)
{
    return sort_names[s->sort];
}

static int64_t sort_key(const ly_traces_state *s, const ly_trace_row *r)
{
    switch (s->sort) {
    case 1:
        return r->end_ns == LY_UNKNOWN ? LY_UNKNOWN : r->end_ns - r->start_ns;
    case 2:
        return ly_tokens_total(&r->tokens);
    case 3:
        return r->cost_pico;
    case 4:
        return r->n_spans;
    case 5:
        return r->n_errors;
    default:
        return r->start_ns;
    }
}

/* qsort has no argument for it; a viewer is one thread. */
static const ly_traces_state *sorting;

static int by_sort(const void *a, const void *b)
{
    const ly_traces_state *s = sorting;
    const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const ly_trace_row *x = &s->rows[i], *y = &s->rows[k];
    int order;
    if (s->sort == 6) {
        order = ly_str_cmp(x->name, y->name);
    } else {
        int64_t p = sort_key(s, x), q = sort_key(s, y);
        if ((p == LY_UNKNOWN) != (q == LY_UNKNOWN)) {
            return p == LY_UNKNOWN ? 1 : -1; /* unknown comes last either way */
        }
        order = p > q ? -1 : p < q;
    }
    order = s->reverse ? -order : order;
    return order != 0 ? order : i < k ? -1 : i > k; /* equal ones stay newest first */
}

/* The number of traces of a line goes with it. */
static void sort_lines(ly_traces_state *s)
{
    uint32_t *of_row;
    if ((s->sort == 0 && !s->reverse) || s->n_shown < 2 ||
        (of_row = ly_calloc(s->n + 1, sizeof *of_row)) == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n_shown; i++) {
        of_row[s->shown[i]] = s->joined[i];
    }
    sorting = s;
    qsort(s->shown, s->n_shown, sizeof *s->shown, by_sort);
    sorting = NULL;
    for (size_t i = 0; i < s->n_shown; i++) {
        s->joined[i] = of_row[s->shown[i]];
    }
    ly_free(of_row);
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
    sort_lines(s);
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

/* Says it, and looks no further by itself: the next change of the file or of the filter tries again. */
static void fail(ly_app *app, const ly_err *err)
{
    ly_traces_state *s = &app->traces;
    (void)ly_str_copy(ly_utf8_cut(ly_str_c(err->text), sizeof s->failed - 1), s->failed,
                      sizeof s->failed);
    s->more = false;
    ly_app_say(app, true, "%s", err->text);
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
    s->failed[0] = '\0';
    /* As many as were there, so that a reader far down stays. */
    do {
        if (read_page(app, &s->key, &s->more, &rows, &n, &err) != LY_OK) {
            fail(app, &err);
            break;
        }
        if (!append(s, rows, n)) {
            break;
        }
        if (s->n < SORT_ROWS && (s->sort != 0 || s->reverse)) {
            had = SORT_ROWS;
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
        fail(app, &err);
        return;
    }
    (void)append(s, rows, n);
    (void)make_lines(s);
}

/* ---- idle moments ---------------------------------------------------------------------------- */

bool ly_traces_searching(const ly_app *app)
{
    const ly_traces_state *s = &app->traces;
    size_t page = (size_t)(app->page_rows > 0 ? app->page_rows : 1);
    return s->filter != NULL && s->more && !s->stopped && s->n < MAX_ROWS &&
           s->at + page >= s->n_shown;
}

/* The first row on the screen whose glance is to be made; the selected one before all. */
static const ly_trace_row *glance_wanted(const ly_app *app)
{
    const ly_traces_state *s = &app->traces;
    size_t page = (size_t)(app->page_rows > 0 ? app->page_rows : 1);
    if (s->at < s->n_shown &&
        ly_glance_due(&app->glances, &s->rows[s->shown[s->at]], app->change, app->now_ns)) {
        return &s->rows[s->shown[s->at]];
    }
    for (size_t k = s->top; k < s->n_shown && k < s->top + page; k++) {
        const ly_trace_row *r = &s->rows[s->shown[k]];
        if (ly_glance_due(&app->glances, r, app->change, app->now_ns)) {
            return r;
        }
    }
    return NULL;
}

bool ly_traces_has_work(const ly_app *app)
{
    return app->traces.n_shown > 0 || app->traces.filter != NULL
               ? ly_traces_searching(app) || glance_wanted(app) != NULL
               : false;
}

bool ly_traces_work(ly_app *app)
{
    int64_t until = ly_mono_ns() + 40 * LY_NS_PER_MS;
    const ly_trace_row *row;
    bool changed = false;
    if (ly_traces_searching(app)) {
        load_more(app);
        if (!app->traces.has_selected) {
            keep_selection(&app->traces);
        }
        return true;
    }
    while ((row = glance_wanted(app)) != NULL && ly_mono_ns() < until) {
        changed |= ly_glance_make(&app->glances, app->store, row, app->grid.unicode, app->change,
                                  app->now_ns);
        if (ly_glance_due(&app->glances, row, app->change, app->now_ns)) {
            break; /* no memory: not for ever */
        }
    }
    return changed;
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
    s->follow = s->sort == 0 && !s->reverse;
    s->stopped = false;
    if (app->store != NULL) {
        reload(app);
    }
    return true;
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

/* After a move. Following is a place: the newest row. Leaving it freezes the rows; coming back by g resumes. */
static void moved(ly_app *app, ly_command command, size_t before)
{
    ly_traces_state *s = &app->traces;
    size_t page = (size_t)(app->page_rows > 0 ? app->page_rows : 1);
    if (s->at + page > s->n_shown && s->more) {
        s->stopped = false; /* wanting more rows goes on with a search */
        load_more(app);
    }
    keep_selection(s);
    if (s->at > 0 && s->at != before) {
        s->follow = false;
    } else if (s->at == 0 && command == LY_DO_TOP && !s->follow && s->sort == 0 && !s->reverse) {
        s->follow = true;
        if (s->n_new > 0) {
            reload(app);
        }
    }
}

/* A line that stands for several traces opens as the list of them. */
static void open_joined(ly_app *app)
{
    ly_traces_state *s = &app->traces;
    char text[LY_LINE_MAX];
    ly_buf_reset(&app->cell);
    ly_filter_term(&app->cell, "session", s->rows[s->shown[s->at]].session);
    (void)ly_str_copy(ly_buf_view(&app->cell), text, sizeof text);
    s->sessions = false;
    (void)ly_traces_set_filter(app, ly_str_c(text));
    ly_app_say(app, false, "the traces of one session; S joins them again");
}

static void sort_by(ly_app *app, int column, bool reverse)
{
    ly_traces_state *s = &app->traces;
    s->sort = column;
    s->reverse = reverse;
    s->follow = false;
    reload(app);
    s->at = s->top = 0; /* what the order is for stands at the top */
    keep_selection(s);
    ly_app_say(app, false, "sorted by %s%s", sort_names[column], reverse ? ", reverse" : "");
}

static bool command(ly_app *app, ly_command command, int count)
{
    ly_traces_state *s = &app->traces;
    size_t before = s->at;
    if (ly_move(&s->at, s->n_shown, command, count, app->page_rows)) {
        moved(app, command, before);
        return true;
    }
    switch (command) {
    case LY_DO_OPEN:
        if (s->at < s->n_shown && s->joined[s->at] > 1) {
            open_joined(app);
        } else if (s->at < s->n_shown) {
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
            s->sort = 0; /* the newest row is at the top */
            s->reverse = false;
            reload(app);
        }
        ly_app_say(app, false, "follow %s", s->follow ? "on" : "off");
        return true;
    case LY_DO_SORT:
        if (s->n_shown == 0 && s->filter == NULL && s->origin == 0) {
            ly_app_ask(app, LY_ASK_OPEN, LY_S(""));
        } else {
            sort_by(app, (s->sort + 1) % (int)LY_COUNT(sort_names), false);
        }
        return true;
    case LY_DO_SORT_REVERSE:
        sort_by(app, s->sort, !s->reverse);
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
        for (int i = 0; i < (count > 0 ? count : 1); i++) {
            if (!to_error(s, command == LY_DO_NEXT_ERROR ? 1 : -1)) {
                ly_app_say(app, false, "no further trace with an error");
                break;
            }
        }
        moved(app, command, before);
        return true;
    default:
        return false;
    }
}
/* The tree as it is printed is the text of a trace. */
static bool value(ly_app *app, ly_copied kind, ly_buf *out)
{
    const ly_traces_state *s = &app->traces;
    ly_err err = LY_ERR_INIT;
    char hex[33];
    ly_print_opts how = {.unicode = app->grid.unicode, .now_ns = app->now_ns};
    if (s->at >= s->n_shown) {
        return false;
    }
    const ly_trace_row *r = &s->rows[s->shown[s->at]];
    ly_hex_encode(r->trace_id.b, 16, hex);
    switch (kind) {
    case LY_COPIED_ID:
        ly_buf_c(out, hex);
        return true;
    case LY_COPIED_PATH:
        ly_text_trace_name(r, app->grid.unicode, out);
        return true;
    case LY_COPIED_FILTER:
        ly_buf_fmt(out, "trace:%s", hex);
        return true;
    default:
        if (ly_viewer_print_trace(app->store, r->trace_id, &how, out, &err) != LY_OK) {
            ly_app_say(app, true, "%s", err.text);
            return false;
        }
        return true;
    }
}

const ly_screen ly_screen_traces = {"Traces",       "Traces", LY_ON_TRACES, load,
                                    ly_traces_draw, command,  find,         value};

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
