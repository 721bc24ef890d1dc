/* One trace: its data, rows and selection, and its commands. trace_filter.c and trace_draw.c have the rest. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "store/prompt.h"
#include "viewer/app.h"

void ly_trace_state_release(ly_trace_state *t)
{
    ly_rows_release(&t->rows);
    ly_arena_release(&t->arena);
    ly_arena_release(&t->scratch);
    ly_arena_release(&t->detail_arena);
    ly_filter_free(t->filter);
    ly_buf_release(&t->filter_text);
    ly_text_view_release(&t->detail);
    ly_text_view_release(&t->messages);
    ly_free(t->calls);
}

/* ---- data ------------------------------------------------------------------------------------ */

static uint32_t find_node(const ly_trace *trace, ly_span_id id)
{
    for (uint32_t i = 0; i < trace->n; i++) {
        if (ly_span_id_eq(trace->nodes[i].span_id, id)) {
            return i;
        }
    }
    return LY_NO_NODE;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void make_rows(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    ly_err err = LY_ERR_INIT;
    ly_rows_opts opts = {.all = t->lens == LY_LENS_WATERFALL,
                         .folded = t->folded,
                         .open = t->opened,
                         .match = t->filter != NULL ? t->match : NULL};
    ly_arena_reset(&t->scratch);
    if (ly_rows_build(t->sums, &opts, &t->scratch, &t->rows, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    }
}

static void keep_selection(ly_trace_state *t)
{
    t->has_selected = t->at < t->rows.n;
    if (t->has_selected) {
        t->selected = t->trace->nodes[t->rows.items[t->at].node].span_id;
    }
}

/* The row of the selected span, or of its nearest ancestor that has one; its line on the screen stays. */
static void find_selection(ly_trace_state *t)
{
    uint32_t node = t->has_selected ? find_node(t->trace, t->selected) : LY_NO_NODE;
    while (node != LY_NO_NODE) {
        for (size_t k = 0; k < t->rows.n; k++) {
            const ly_row *r = &t->rows.items[k];
            if (r->node == node && r->kind <= LY_ROW_GROUP) {
                t->top = k + t->top > t->at ? k + t->top - t->at : 0;
                t->at = k;
                return;
            }
        }
        uint32_t p = t->trace->nodes[node].parent;
        node = p < node ? p : LY_NO_NODE;
    }
    if (t->at >= t->rows.n) {
        t->at = t->rows.n > 0 ? t->rows.n - 1 : 0;
    }
}

static void rebuild(ly_app *app)
{
    make_rows(app);
    find_selection(&app->trace);
    keep_selection(&app->trace);
    app->trace.detail_loaded = false;
}

/* Nothing is shown of it: it is closed, or another one is read. */
static void forget(ly_trace_state *t)
{
    t->trace = NULL;
    t->sums = NULL;
    t->rows.n = 0;
    t->detail_loaded = t->messages_loaded = t->detail_focus = false;
}

/* What it reads is not wanted any more; nobody waits for it to notice. */
static void drop_loader(ly_app *app)
{
    if (ly_loader_runs(app->loader)) {
        ly_loader_cancel(app->loader);
        ly_loader_free(app->leaving);
        app->leaving = app->loader;
        app->loader = NULL;
    }
}

void ly_trace_close(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    drop_loader(app);
    t->open = t->has_selected = t->behind = false;
    forget(t);
    ly_filter_free(t->filter);
    t->filter = NULL;
    ly_buf_reset(&t->filter_text);
}

/* Shows what was read; again = of the trace that is shown, where the reader stays. */
static void take(ly_app *app, const ly_loaded *got, bool again)
{
    ly_trace_state *t = &app->trace;
    size_t n = got->trace->n;
    bool at_end = t->rows.n > 0 && t->at + 1 == t->rows.n;
    if (again) {
        ly_trace_keep_folds(t, got->trace, &t->scratch, got->flags, got->flags + n);
    }
    ly_arena_release(&t->arena);
    t->arena = got->arena;
    t->trace = got->trace;
    t->sums = got->sums;
    t->folded = got->flags;
    t->opened = got->flags + n;
    t->match = got->flags + 2 * n;
    t->critical = got->flags + 3 * n;
    t->messages_loaded = false;
    if (!again) {
        t->zoom_from = t->zoom_to = 0;
        t->follow = true;
    }
    ly_trace_mark_critical(t);
    ly_trace_filter_apply(app);
    rebuild(app);
    if (again && t->follow && at_end && t->rows.n > 0) {
        t->at = t->rows.n - 1;
        keep_selection(t);
    }
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Takes over what the thread has read; true when that is something to draw. */
static bool poll_loader(ly_app *app, int64_t wait_ns)
{
    ly_trace_state *t = &app->trace;
    ly_loaded got = {0};
    ly_err err = LY_ERR_INIT;
    ly_status st = LY_OK;
    if (!ly_loader_poll(app->loader, wait_ns, &got, &st, &err)) {
        return false;
    }
    /* A large trace that grows is not read all the time: as long as it took, it rests. */
    int64_t now = ly_mono_ns();
    t->rest_until = now + (now - t->began);
    if (st != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else if (got.trace != NULL) {
        take(app, &got, t->trace != NULL);
    }
    return st != LY_OK || got.trace != NULL;
}

static bool load_beside(ly_app *app, const ly_trace_row *known)
{
    ly_trace_state *t = &app->trace;
    if (known != NULL && (ly_loader_runs(app->loader) || ly_mono_ns() < t->rest_until)) {
        t->behind = true;
        return true;
    }
    if (app->loader == NULL) {
        app->loader = ly_loader_new(ly_store_path(app->store));
    }
    t->behind = false;
    t->began = ly_mono_ns();
    if (app->loader == NULL || !ly_loader_start(app->loader, t->id, known)) {
        return false;
    }
    (void)poll_loader(app, known != NULL ? LY_NS_PER_MS : LY_LOADER_WAIT_NS);
    return true;
}

static void load(ly_app *app, bool again)
{
    ly_trace_state *t = &app->trace;
    ly_err err = LY_ERR_INIT;
    ly_loaded got;
    if (!t->open || app->store == NULL) {
        return;
    }
    again = again && t->trace != NULL;
    if (!again && app->opts.background) {
        if (ly_loader_runs(app->loader) && ly_trace_id_eq(t->loading, t->id)) {
            return; /* it is under way */
        }
        t->loading = t->id;
        drop_loader(app);
        forget(t);
    }
    if (app->opts.background && load_beside(app, again ? &t->trace->row : NULL)) {
        return;
    }
    if (again && ly_loaded_current(app->store, &t->trace->row, &t->scratch)) {
        return; /* most commits are of other traces */
    }
    if (ly_loaded_read(app->store, t->id, &t->detail_arena, &got, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
        return;
    }
    t->detail_loaded = false;
    take(app, &got, again);
}

bool ly_trace_loading(const ly_app *app)
{
    return app->trace.open && app->trace.trace == NULL && ly_loader_runs(app->loader);
}

bool ly_trace_tick(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    size_t done = ly_loader_done(app->loader);
    bool changed = poll_loader(app, 0);
    if (app->leaving != NULL && ly_loader_over(app->leaving)) {
        ly_loader_free(app->leaving);
        app->leaving = NULL;
    }
    if (t->behind && !ly_loader_runs(app->loader) && ly_mono_ns() >= t->rest_until) {
        load(app, true);
    }
    if (ly_trace_loading(app) && done != t->said_done) {
        t->said_done = done;
        changed = true;
    }
    return changed && app->screen == LY_SCREEN_TRACE;
}

bool ly_trace_stop_loading(ly_app *app)
{
    if (!ly_trace_loading(app)) {
        return false;
    }
    ly_trace_close(app);
    ly_app_say(app, false, "loading the trace was stopped");
    return true;
}

bool ly_trace_set_filter(ly_app *app, ly_str text)
{
    ly_trace_state *t = &app->trace;
    ly_filter *filter = NULL;
    ly_err err = LY_ERR_INIT;
    ly_filter_opts opts = {.now_ns = app->now_ns};
    if (ly_filter_parse(text, &opts, &filter, &app->filter_error, &err) != LY_OK) {
        app->has_filter_error = true;
        return false;
    }
    ly_buf_reset(&t->filter_text);
    ly_buf_str(&t->filter_text, ly_str_trim(text));
    ly_filter_free(t->filter);
    t->filter = NULL;
    if (ly_filter_root(filter)->kind == LY_FILTER_ALL) {
        ly_filter_free(filter);
    } else {
        t->filter = filter;
    }
    if (t->trace != NULL) {
        ly_trace_filter_apply(app);
        rebuild(app);
    }
    return true;
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool same_level(ly_trace_state *t, int direction)
{
    uint32_t parent = t->rows.items[t->at].parent;
    for (size_t k = 1; k < t->rows.n; k++) {
        size_t at = direction > 0 ? t->at + k : t->at - k;
        if (at >= t->rows.n) {
            return false;
        }
        if (t->rows.items[at].parent == parent) {
            t->at = at;
            return true;
        }
        if (t->rows.items[at].depth < t->rows.items[t->at].depth) {
            return false;
        }
    }
    return false;
}

/* Are there errors in what the row keeps folded? */
static bool hides_errors(const ly_trace_state *t, const ly_row *r)
{
    const ly_node *n = &t->trace->nodes[r->node];
    if (r->kind == LY_ROW_GROUP) {
        return r->errors > ((n->flags & LY_SPAN_ERROR) != 0);
    }
    return r->kind == LY_ROW_SPAN && r->folded &&
           t->sums->nodes[r->node].errors > ((n->flags & LY_SPAN_ERROR) != 0);
}

static void fold(ly_app *app, bool open);

/* To the next row that failed; what hides one is opened on the way. */
static bool to_error(ly_app *app, int direction)
{
    ly_trace_state *t = &app->trace;
    size_t from = t->at, at = t->at;
    if (direction > 0 && hides_errors(t, &t->rows.items[at])) {
        fold(app, true);
    }
    for (;;) {
        at = direction > 0 ? at + 1 : at - 1;
        if (at >= t->rows.n) {
            t->at = from; /* past an end (below zero wraps to a large number) */
            return false;
        }
        const ly_row *r = &t->rows.items[at];
        bool failed = r->kind <= LY_ROW_GROUP
                          ? (t->trace->nodes[r->node].flags & LY_SPAN_ERROR) != 0
                          : r->errors > 0;
        t->at = at;
        if (direction > 0 ? failed : failed && !hides_errors(t, r)) {
            return true;
        }
        if (hides_errors(t, r)) {
            size_t before = t->rows.n;
            keep_selection(t);
            fold(app, true);
            if (t->rows.n == before) {
                return true; /* nothing came out of it: a filter hides them */
            }
            /* Forward it goes on below the row, backward from what came out of it. */
            at = direction > 0 ? t->at : t->at + (t->rows.n - before) + 1;
        }
    }
}

static bool find(ly_app *app, int direction)
{
    ly_trace_state *t = &app->trace;
    if (t->trace == NULL) {
        return false;
    }
    if (t->lens == LY_LENS_MESSAGES) {
        return ly_text_view_find(&t->messages, app, direction);
    }
    for (size_t k = 1; k <= t->rows.n; k++) {
        size_t at = direction > 0 ? (t->at + k) % t->rows.n : (t->at + t->rows.n - k) % t->rows.n;
        const ly_row *r = &t->rows.items[at];
        const ly_node *n = &t->trace->nodes[r->node];
        if (r->kind <= LY_ROW_GROUP &&
            (ly_app_found(app, n->name) || ly_app_found(app, n->canon.request_model) ||
             ly_app_found(app, n->canon.tool_name) || ly_app_found(app, n->canon.error_message))) {
            t->at = at;
            keep_selection(t);
            return true;
        }
    }
    return false;
}

/* Opens or closes what the row stands for. */
static void fold(ly_app *app, bool open)
{
    ly_trace_state *t = &app->trace;
    const ly_row r = t->rows.items[t->at];
    uint32_t node = r.node;
    if (r.kind == LY_ROW_MISSING) {
        return;
    }
    if (r.kind == LY_ROW_FOLDED || r.kind == LY_ROW_GROUP) {
        t->opened[node] = open;
    } else {
        t->folded[node] = !open;
        if (!open) {
            t->opened[node] = 0;
        }
    }
    rebuild(app);
}

static void left(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    const ly_row *r = &t->rows.items[t->at];
    if (r->kind == LY_ROW_SPAN && (t->opened[r->node] || (r->has_kids && !r->folded))) {
        fold(app, false);
    } else if (r->parent != LY_NO_ROW) {
        t->at = r->parent;
    }
}

static void right(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    const ly_row *r = &t->rows.items[t->at];
    if (r->has_kids && r->folded) {
        fold(app, true);
    } else if (t->at + 1 < t->rows.n && t->rows.items[t->at + 1].parent == t->at) {
        t->at++;
    }
}

static void fold_all(ly_app *app, bool folded)
{
    ly_trace_state *t = &app->trace;
    for (uint32_t i = 0; i < t->trace->n; i++) {
        t->folded[i] = folded && !t->trace->nodes[i].mark.root;
        t->opened[i] = !folded;
    }
    rebuild(app);
}

static void zoom(ly_trace_state *t, double factor)
{
    int64_t from, to;
    ly_trace_window(t, &from, &to);
    double middle = (double)(to - from) / 2, half = middle / factor;
    if (half < 500) {
        return;
    }
    t->zoom_from = from + (int64_t)(middle - half);
    t->zoom_to = from + (int64_t)(middle + half);
    if (t->zoom_from <= t->trace->row.start_ns && t->zoom_to >= t->trace->sum.end_ns) {
        t->zoom_from = t->zoom_to = 0;
    }
}

static void set_lens(ly_app *app, ly_lens lens)
{
    ly_trace_state *t = &app->trace;
    t->lens = lens;
    t->detail_focus = false;
    if (lens != LY_LENS_MESSAGES) {
        rebuild(app);
    } else {
        ly_messages_show(app);
    }
}

/* The span gets the selection; folds above it are opened. */
static void select_span(ly_app *app, ly_span_id span)
{
    ly_trace_state *t = &app->trace;
    uint32_t node = t->trace != NULL ? find_node(t->trace, span) : LY_NO_NODE;
    if (t->trace == NULL && t->open) {
        t->selected = span; /* it is being read */
        t->has_selected = true;
    }
    if (node == LY_NO_NODE) {
        return;
    }
    t->selected = span;
    t->has_selected = true;
    /* A filter that hides it stays: then the row is that of its nearest ancestor. */
    for (uint32_t p = t->trace->nodes[node].parent; p != LY_NO_NODE && p < node;
         p = t->trace->nodes[p].parent) {
        t->folded[p] = 0;
        if (t->trace->nodes[p].parent >= p) {
            break;
        }
    }
    rebuild(app);
}

/* The span that the selected one links to, in this trace or another. */
static void follow_link(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    ly_span_full *full = NULL;
    ly_trace_row row;
    ly_err err = LY_ERR_INIT;
    t->detail_loaded = false;
    ly_arena_reset(&t->detail_arena);
    if (!t->has_selected || ly_store_span_load(app->store, t->id, t->selected, &t->detail_arena,
                                               &full, &err) != LY_OK) {
        ly_app_say(app, true, "%s", t->has_selected ? err.text : "nothing is selected");
        return;
    }
    if (full->span.n_links == 0) {
        ly_app_say(app, false, "this span links to no other");
        return;
    }
    ly_trace_id trace = full->span.links[0].trace_id;
    ly_span_id span = full->span.links[0].span_id;
    ly_arena_reset(&t->detail_arena);
    if (ly_store_trace_row(app->store, trace, &t->detail_arena, &row, &err) != LY_OK) {
        ly_app_say(app, false, "the trace that it links to is not here");
        return;
    }
    bool same = ly_trace_id_eq(trace, t->id);
    ly_app_open_trace(app, trace);
    select_span(app, span);
    ly_app_say(app, false,
               same ? "the span that it links to" : "another trace: the one that it links to");
}

/* The prompt version that the selected call was made with. */
static void show_prompt(ly_app *app)
{
    const ly_trace_state *t = &app->trace;
    const ly_canon *c = &t->trace->nodes[t->rows.items[t->at].node].canon;
    char version[160], name[136];
    ly_prompt_version there;
    ly_arena work;
    ly_err err = LY_ERR_INIT;
    if (c->prompt_name.len == 0) {
        ly_app_say(app, false, "this span names no prompt");
        return;
    }
    (void)ly_str_copy(c->prompt_name, name, sizeof name);
    (void)snprintf(version, sizeof version, "%s%s%.*s", name, c->prompt_version.len ? "@" : "",
                   LY_STR_ARG(ly_str_sub(c->prompt_version, 0, 20)));
    ly_arena_init(&work, 0, LY_MIB(4));
    if (ly_prompt_get(app->store, ly_str_c(version), &work, &there, &err) != LY_OK) {
        ly_app_say(app, false, "%s", err.text);
    } else {
        ly_prompts_show(app, ly_str_c(name), there.number);
    }
    ly_arena_release(&work);
}

/* Commands about how the trace is shown; false = another. */
static bool view_command(ly_app *app, ly_command command)
{
    ly_trace_state *t = &app->trace;
    switch (command) {
    case LY_DO_LENS_STEPS:
        set_lens(app, LY_LENS_STEPS);
        return true;
    case LY_DO_LENS_WATERFALL:
        set_lens(app, LY_LENS_WATERFALL);
        return true;
    case LY_DO_LENS_MESSAGES:
        set_lens(app, LY_LENS_MESSAGES);
        return true;
    case LY_DO_CRITICAL:
        t->show_critical = !t->show_critical;
        ly_app_say(app, false, "critical path %s", t->show_critical ? "on" : "off");
        return true;
    case LY_DO_BARS:
        t->bars = (t->bars + 1) % 3;
        return true;
    case LY_DO_TIMES:
        t->absolute = !t->absolute;
        return true;
    case LY_DO_FOLLOW:
        t->follow = !t->follow;
        ly_app_say(app, false, "follow %s", t->follow ? "on" : "off");
        return true;
    case LY_DO_FILTER:
        ly_app_ask(app, LY_ASK_FILTER, ly_buf_view(&t->filter_text));
        return true;
    case LY_DO_UNDO_TERM:
        ly_buf_reset(&app->cell);
        ly_buf_str(&app->cell, ly_filter_drop_last(ly_buf_view(&t->filter_text)));
        (void)ly_trace_set_filter(app, ly_buf_view(&app->cell));
        return true;
    case LY_DO_ZOOM_IN:
        zoom(t, 2);
        return true;
    case LY_DO_ZOOM_OUT:
    case LY_DO_ZOOM_RESET:
        if (t->zoom_to <= t->zoom_from) {
            ly_app_say(app, false, "the whole trace is shown");
        } else if (command == LY_DO_ZOOM_OUT) {
            zoom(t, 0.5);
        } else {
            t->zoom_from = t->zoom_to = 0;
        }
        return true;
    case LY_DO_NEXT_PANE:
        t->detail_focus = !t->detail_focus && t->detail_rows > 0;
        if (t->detail_rows == 0) {
            ly_app_say(app, false, "no other pane here; Enter shows all of the span");
        }
        return true;
    case LY_DO_LINK:
        follow_link(app);
        return true;
    case LY_DO_NEXT_DETAIL:
        t->detail_part = (t->detail_part + 1) % 6;
        t->detail_loaded = false;
        return true;
    case LY_DO_PREVIOUS_DETAIL:
        t->detail_part = (t->detail_part + 5) % 6;
        t->detail_loaded = false;
        return true;
    case LY_DO_OPEN: {
        /* All of the selected part, as a page; in the messages, the span of the call. */
        if (t->rows.n == 0) {
            return true;
        }
        if (t->lens == LY_LENS_MESSAGES) {
            if (t->call < t->n_calls) {
                uint32_t node = t->calls[t->call].node;
                t->lens = LY_LENS_STEPS;
                select_span(app, t->trace->nodes[node].span_id);
            }
            return true;
        }
        ly_buf_reset(&app->page.text);
        ly_detail_text(app, &app->page.text);
        ly_app_show_page(app, "span (Esc goes back)");
        return true;
    }
    default:
        return false;
    }
}

static bool command(ly_app *app, ly_command command, int count)
{
    ly_trace_state *t = &app->trace;
    if (t->trace == NULL) {
        return false;
    }
    if (view_command(app, command)) {
        return true;
    }
    if (t->lens == LY_LENS_MESSAGES) {
        return ly_messages_command(app, command, count);
    }
    if (t->detail_focus && ly_text_view_command(&t->detail, command, count, t->detail_rows)) {
        return true;
    }
    if (t->rows.n == 0) {
        return true;
    }
    if (ly_move(&t->at, t->rows.n, command, count, app->page_rows)) {
        keep_selection(t);
        return true;
    }
    switch (command) {
    case LY_DO_LEFT:
        left(app);
        break;
    case LY_DO_RIGHT:
        right(app);
        break;
    case LY_DO_FOLD:
        if (t->rows.items[t->at].has_kids) {
            fold(app, t->rows.items[t->at].folded);
        }
        break;
    case LY_DO_FOLD_ALL:
        if (t->lens == LY_LENS_WATERFALL && t->zoom_to > t->zoom_from) {
            zoom(t, 0.5);
        } else {
            fold_all(app, true);
        }
        break;
    case LY_DO_UNFOLD_ALL:
        fold_all(app, false);
        break;
    case LY_DO_NEXT_SIBLING:
    case LY_DO_PREVIOUS_SIBLING:
        for (int i = 0; i < (count > 0 ? count : 1); i++) {
            if (!same_level(t, command == LY_DO_NEXT_SIBLING ? 1 : -1)) {
                ly_app_say(app, false, "no further sibling");
                break;
            }
        }
        break;
    case LY_DO_NEXT_ERROR:
    case LY_DO_PREVIOUS_ERROR:
        for (int i = 0; i < (count > 0 ? count : 1); i++) {
            if (!to_error(app, command == LY_DO_NEXT_ERROR ? 1 : -1)) {
                ly_app_say(app, false, "no further error");
                break;
            }
        }
        break;
    case LY_DO_PROMPT:
        show_prompt(app);
        return true;
    case LY_DO_ZOOM_SPAN: {
        const ly_node *n = &t->trace->nodes[t->rows.items[t->at].node];
        if (n->end_ns != LY_UNKNOWN && n->end_ns > n->start_ns) {
            t->zoom_from = n->start_ns;
            t->zoom_to = n->end_ns;
        } else {
            ly_app_say(app, false, "this span has no length to zoom to");
        }
        return true;
    }
    default:
        return false;
    }
    keep_selection(t);
    return true;
}

/* "research-agent > reader > web.fetch" */
static void path_of(const ly_app *app, ly_buf *out)
{
    const ly_trace *trace = app->trace.trace;
    uint32_t chain[64], node = app->trace.rows.items[app->trace.at].node;
    size_t n = 0;
    while (node != LY_NO_NODE && n < LY_COUNT(chain)) {
        uint32_t p = trace->nodes[node].parent;
        chain[n++] = node;
        node = p < node ? p : LY_NO_NODE;
    }
    if (node != LY_NO_NODE) {
        ly_buf_c(out, "... > ");
    }
    while (n-- > 0) {
        ly_text_label(&trace->nodes[chain[n]], app->grid.unicode, out);
        ly_buf_c(out, n > 0 ? " > " : "");
    }
}

static bool value(ly_app *app, ly_copied kind, ly_buf *out)
{
    ly_trace_state *t = &app->trace;
    char hex[33];
    if (t->trace == NULL || t->at >= t->rows.n) {
        return false;
    }
    ly_span_id span = t->trace->nodes[t->rows.items[t->at].node].span_id;
    switch (kind) {
    case LY_COPIED_ID:
        ly_hex_encode(span.b, 8, hex);
        ly_buf_c(out, hex);
        return true;
    case LY_COPIED_PATH:
        path_of(app, out);
        return true;
    case LY_COPIED_FILTER:
        ly_hex_encode(t->id.b, 16, hex);
        ly_buf_fmt(out, "trace:%s", hex);
        ly_hex_encode(span.b, 8, hex);
        ly_buf_fmt(out, " span:%s", hex);
        return true;
    default:
        if (t->lens == LY_LENS_MESSAGES) {
            ly_buf_str(out, ly_buf_view(&t->messages.text));
        } else {
            ly_detail_text(app, out);
        }
        return true;
    }
}

const ly_screen ly_screen_trace = {"Trace",       "Trace", LY_ON_TRACE, load,
                                   ly_trace_draw, command, find,        value};
