/* The model of the whole program: its life, which screen is in front, and time. */
#include "viewer/fill.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fold.h"
#include "base/mem.h"
#include "base/term.h"
#include "base/utf8.h"

/* Without a commit for so long, nothing is live. */
#define LIVE_NS (5 * LY_NS_PER_SEC)

static const ly_screen *const screens[LY_SCREEN__COUNT] = {
    &ly_screen_traces,  &ly_screen_trace, &ly_screen_sessions, &ly_screen_evals,
    &ly_screen_prompts, &ly_screen_cost,  &ly_screen_stats,    &ly_screen_status,
};

/* ---- helpers for screens --------------------------------------------------------------------- */

void ly_app_say(ly_app *app, bool error, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(app->message, sizeof app->message, fmt, args);
    va_end(args);
    app->message_error = error;
}

ly_ink ly_app_type_ink(ly_type type)
{
    switch (type) {
    case LY_TYPE_AGENT:
    case LY_TYPE_WORKFLOW:
    case LY_TYPE_PLAN:
        return LY_INK_AGENT;
    case LY_TYPE_GENERATION:
        return LY_INK_GENERATION;
    case LY_TYPE_TOOL:
        return LY_INK_TOOL;
    case LY_TYPE_RETRIEVAL:
    case LY_TYPE_EMBEDDING:
    case LY_TYPE_RERANK:
    case LY_TYPE_MEMORY:
        return LY_INK_RETRIEVAL;
    case LY_TYPE_EVALUATOR:
    case LY_TYPE_GUARDRAIL:
        return LY_INK_JUDGE;
    case LY_TYPE_HTTP:
    case LY_TYPE_DB:
        return LY_INK_PLUMBING;
    default:
        return LY_INK_TEXT;
    }
}

bool ly_app_found(const ly_app *app, ly_str label)
{
    ly_str words = ly_str_c(app->find);
    ly_filter_node term = {.op = LY_FOP_CONTAINS, .text = words, .fold = !ly_fold_capital(words)};
    return app->find[0] != '\0' && ly_filter_text_ok(&term, label);
}

ly_str ly_filter_drop_last(ly_str text)
{
    text = ly_str_trim(text);
    size_t n = text.len;
    bool quoted = n > 0 && text.ptr[n - 1] == '"';
    if (quoted) {
        n--;
        while (n > 0 && text.ptr[n - 1] != '"') {
            n--;
        }
    }
    while (n > 0 && text.ptr[n - 1] != ' ') {
        n--;
    }
    return ly_str_trim(ly_str_sub(text, 0, n));
}

void ly_app_go(ly_app *app, ly_screen_id screen)
{
    app->paging = false;
    app->help = false;
    if (screen == app->screen) {
        return;
    }
    if (screen == LY_SCREEN_TRACE && !app->trace.open) {
        ly_trace_id id;
        ly_span_id span;
        if (!ly_app_target(app, &id, &span)) {
            ly_app_say(app, false, "no trace is selected");
            return;
        }
        ly_app_open_trace(app, id);
        return;
    }
    if (app->n_before < LY_COUNT(app->before)) {
        app->before[app->n_before++] = app->screen;
    }
    app->screen = screen;
    screens[screen]->load(app, false);
}

const ly_screen *ly_app_screen(ly_screen_id id)
{
    return screens[id];
}

unsigned ly_app_where(const ly_app *app)
{
    return app->paging ? (unsigned)LY_ON_TEXT : screens[app->screen]->keys;
}

void ly_app_close_screen(ly_app *app, bool may_quit)
{
    if (app->screen == LY_SCREEN_TRACE) {
        (void)ly_trace_stop_loading(app);
    }
    if ((screens[app->screen]->keys & LY_ON_TABLE) != 0 && ly_fill_up(app)) {
        return;
    }
    if (app->n_before > 0) {
        app->screen = app->before[--app->n_before];
        screens[app->screen]->load(app, true);
    } else if (app->screen != LY_SCREEN_TRACES) {
        app->screen = LY_SCREEN_TRACES;
        screens[app->screen]->load(app, true);
    } else if (may_quit) {
        app->quit = true;
    } else {
        ly_app_say(app, false, "q leaves");
    }
}

void ly_app_load(ly_app *app)
{
    screens[app->screen]->load(app, false);
}

void ly_app_open_trace(ly_app *app, ly_trace_id id)
{
    bool same = app->trace.open && ly_trace_id_eq(app->trace.id, id);
    app->trace.id = id;
    app->trace.open = true;
    if (!same) {
        app->trace.has_selected = false;
        app->trace.at = app->trace.top = 0;
    }
    app->trace.detail_focus = false;
    if (app->screen != LY_SCREEN_TRACE) {
        ly_app_go(app, LY_SCREEN_TRACE);
    } else {
        screens[LY_SCREEN_TRACE]->load(app, false);
    }
}

void ly_app_show_page(ly_app *app, const char *title)
{
    (void)snprintf(app->page_title, sizeof app->page_title, "%s", title);
    app->page.top = 0;
    ly_text_view_wrap(&app->page, app->grid.cols - 2);
    app->paging = true;
}

ly_store_opts ly_viewer_store_opts(void)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.busy_timeout_ns = LY_NS_PER_SEC;
    opts.cache_bytes = LY_MIB(4);
    opts.mapped_bytes = 0;
    return opts;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void take_name(ly_app *app)
{
    const char *path = app->opts.awaited != NULL ? app->opts.awaited
                       : app->store != NULL      ? ly_store_path(app->store)
                                                 : "";
    const char *slash = strrchr(path, '/');
    ly_buf_reset(&app->cell);
    ly_term_clean(&app->cell, ly_str_sub(ly_str_c(slash != NULL ? slash + 1 : path), 0, 60),
                  LY_TERM_ONE_LINE | (app->grid.unicode ? 0u : (unsigned)LY_TERM_ASCII));
    ly_str name = app->opts.memory ? LY_S("replay") : ly_buf_view(&app->cell);
    (void)ly_str_copy(ly_utf8_cut(name, sizeof app->name - 1), app->name, sizeof app->name);
    ly_buf_reset(&app->cell);
}

ly_status ly_app_new(const ly_viewer_opts *opts, ly_store *store, ly_app **ret_app, ly_err *err)
{
    ly_app *app = ly_calloc(1, sizeof *app);
    if (app == NULL) {
        return LY_NOMEM(err);
    }
    app->opts = *opts;
    app->store = store;
    app->now_ns = ly_wall_ns();
    app->cursor_row = -1;
    app->screen = LY_SCREEN_TRACES;
    ly_keys_init(&app->keys);
    ly_glances_init(&app->glances);
    ly_grid_init(&app->grid, opts->unicode);
    ly_buf_init(&app->cell, LY_MIB(1));
    ly_buf_init(&app->osc, LY_MIB(1));
    ly_buf_init(&app->outside, LY_MIB(96));
    ly_text_view_init(&app->page);
    ly_arena_init(&app->traces.arena, 0, 0);
    ly_buf_init(&app->traces.filter_text, LY_MAX_FILTER_BYTES);
    app->traces.follow = true;
    app->traces.total = LY_UNKNOWN;
    ly_arena_init(&app->trace.arena, 0, 0);
    ly_arena_init(&app->trace.scratch, 0, 0);
    ly_arena_init(&app->trace.detail_arena, 0, 0);
    ly_buf_init(&app->trace.filter_text, LY_MAX_FILTER_BYTES);
    ly_text_view_init(&app->trace.detail);
    ly_text_view_init(&app->trace.messages);
    for (int i = 0; i < LY_SCREEN__COUNT; i++) {
        ly_arena_init(&app->tables[i].arena, 0, 0);
        ly_text_view_init(&app->tables[i].detail);
    }
    take_name(app);
    if (opts->keys != NULL) {
        ly_err wrong = LY_ERR_INIT;
        if (ly_keys_bind(&app->keys, ly_str_c(opts->keys), &wrong) != LY_OK) {
            ly_app_say(app, true, "%s", wrong.text);
        }
    }
    if (opts->filter != NULL) {
        (void)ly_traces_set_filter(app, ly_filter_text(opts->filter));
    }
    if (store != NULL) {
        ly_err ignored = LY_ERR_INIT;
        (void)!ly_store_change_count(store, &app->change, &ignored);
    }
    screens[LY_SCREEN_TRACES]->load(app, false);
    if (opts->trace != NULL) {
        ly_app_open_trace(app, *opts->trace);
    }
    *ret_app = app;
    return LY_OK;
}

void ly_app_use_store(ly_app *app, ly_store *store)
{
    ly_err ignored = LY_ERR_INIT;
    ly_trace_close(app);
    ly_loader_free(app->loader);
    ly_loader_free(app->leaving);
    app->loader = app->leaving = NULL;
    ly_store_close(app->store);
    app->store = store;
    app->stale = false;
    app->screen = LY_SCREEN_TRACES;
    app->n_before = 0;
    for (int i = 0; i < LY_SCREEN__COUNT; i++) {
        app->tables[i].level = 0;
        app->tables[i].view.at = app->tables[i].view.top = 0;
    }
    ly_glances_release(&app->glances);
    ly_glances_init(&app->glances);
    app->traces.follow = true;
    app->traces.has_selected = false;
    app->traces.at = app->traces.top = 0;
    (void)!ly_store_change_count(store, &app->change, &ignored);
    app->opts.memory = false;
    app->opts.awaited = NULL;
    take_name(app);
    screens[LY_SCREEN_TRACES]->load(app, false);
}

bool ly_app_take_awaited(ly_app *app)
{
    ly_store *store = NULL;
    ly_store_opts opts = ly_viewer_store_opts();
    ly_err err = LY_ERR_INIT;
    if (app->opts.awaited == NULL) {
        return false;
    }
    ly_status st = ly_store_open(app->opts.awaited, &opts, &store, &err);
    if (st == LY_OK) {
        ly_app_use_store(app, store);
        ly_app_say(app, false, "%s", ly_store_path(store));
    } else if (st != LY_E_NOTFOUND) {
        ly_app_say(app, true, "%s", err.text);
    }
    return st == LY_OK;
}

void ly_app_free(ly_app *app)
{
    if (app == NULL) {
        return;
    }
    ly_loader_free(app->loader);
    ly_loader_free(app->leaving);
    ly_traces_state_release(&app->traces);
    ly_trace_state_release(&app->trace);
    for (int i = 0; i < LY_SCREEN__COUNT; i++) {
        ly_arena_release(&app->tables[i].arena);
        ly_text_view_release(&app->tables[i].detail);
    }
    ly_text_view_release(&app->page);
    ly_grid_release(&app->grid);
    ly_buf_release(&app->cell);
    ly_buf_release(&app->osc);
    ly_buf_release(&app->outside);
    ly_glances_release(&app->glances);
    ly_typing_release(app);
    ly_store_close(app->store);
    ly_free(app);
}

bool ly_app_resize(ly_app *app, int rows, int cols)
{
    if (!ly_grid_resize(&app->grid, rows, cols)) {
        return false;
    }
    if (app->paging) {
        ly_text_view_wrap(&app->page, cols - 2);
    }
    return true;
}

void ly_app_set_glyphs(ly_app *app, bool glyphs, bool unicode)
{
    app->grid.glyphs = glyphs && unicode;
    if (app->grid.unicode == unicode) {
        return;
    }
    /* Texts are cleaned when they are read. */
    app->grid.unicode = app->opts.unicode = unicode;
    app->trace.detail_loaded = app->trace.messages_loaded = false;
    ly_glances_release(&app->glances);
    ly_glances_init(&app->glances);
    take_name(app);
    if (app->store != NULL) {
        screens[app->screen]->load(app, true);
    }
}

/* LIVE and the rate beside it: true when what the frame says of it changes. */
static bool tick_live(ly_app *app, bool changed)
{
    bool was = app->live;
    int rate = app->rate;
    if (changed) {
        app->changed_ns = app->now_ns;
    }
    app->live = app->changed_ns != 0 && app->now_ns - app->changed_ns < LIVE_NS;
    if (!app->live) {
        app->rate = 0;
        app->sampled_ns = 0;
    } else if (changed && app->now_ns - app->sampled_ns >= LY_NS_PER_SEC) {
        ly_store_info info;
        ly_err err = LY_ERR_INIT;
        if (ly_store_info_get(app->store, false, &info, &err) == LY_OK) {
            int64_t ns = app->now_ns - app->sampled_ns, n = info.n_spans - app->sampled_spans;
            bool known = app->sampled_ns != 0 && n >= 0 && n < 1000000000;
            app->rate = known ? (int)(n * LY_NS_PER_SEC / ns) : 0;
            app->sampled_ns = app->now_ns;
            app->sampled_spans = info.n_spans;
        }
    }
    return was != app->live || rate != app->rate;
}

static bool tick(ly_app *app, int64_t now_ns)
{
    ly_err err = LY_ERR_INIT;
    uint64_t change = app->change;
    bool second = now_ns / LY_NS_PER_SEC != app->now_ns / LY_NS_PER_SEC;
    app->now_ns = now_ns;
    if (app->store == NULL) {
        return false;
    }
    if (second && ly_app_take_awaited(app)) {
        return true;
    }
    if (ly_store_change_count(app->store, &change, &err) != LY_OK) {
        char before[sizeof app->message];
        bool was = app->stale;
        memcpy(before, app->message, sizeof before);
        app->stale = true;
        /* The path may be long, and is above: what happened comes first. */
        ly_str what = ly_str_c(err.text), path = ly_str_c(ly_store_path(app->store));
        if (ly_str_starts(what, path)) {
            what = ly_str_trim(ly_str_sub(what, path.len + 1, what.len));
        }
        app->stale_tries += second || app->stale_tries == 0;
        ly_app_say(app, true, "the rows are old: %.*s (try %d)", LY_STR_ARG(what),
                   app->stale_tries);
        return !was || second || strcmp(before, app->message) != 0;
    }
    if (app->stale) {
        app->stale = false;
        app->stale_tries = 0;
        app->message[0] = '\0';
    }
    bool other = tick_live(app, change != app->change);
    if (change != app->change) {
        /* A table is read as a whole: not more often than every two seconds. */
        if ((screens[app->screen]->keys & LY_ON_TABLE) != 0 &&
            now_ns - app->table_read_ns < 2 * LY_NS_PER_SEC) {
            return other;
        }
        app->table_read_ns = now_ns;
        app->change = change;
        screens[app->screen]->load(app, true);
        return true;
    }
    /* Ages and states move by themselves; only a live row is worth a frame a second. */
    if (second && app->screen == LY_SCREEN_TRACES && app->traces.n > 0) {
        const char *state = ly_viewer_trace_state(&app->traces.rows[0], now_ns);
        return other || strcmp(state, "live") == 0 || strcmp(state, "quiet") == 0;
    }
    return other || (second && app->screen == LY_SCREEN_TRACE && app->trace.sums != NULL &&
                     app->trace.sums->n_pending > 0);
}

bool ly_app_tick(ly_app *app, int64_t now_ns)
{
    bool loaded = ly_trace_tick(app);
    return tick(app, now_ns) || loaded;
}

/* ---- idle moments ---------------------------------------------------------------------------- */

bool ly_app_has_work(const ly_app *app)
{
    if (app->store == NULL || app->stale) {
        return false;
    }
    if (app->asking == LY_ASK_FILTER) {
        return app->preview.dirty || (app->preview.filter != NULL && app->preview.more);
    }
    return app->screen == LY_SCREEN_TRACES && !app->paging && ly_traces_has_work(app);
}

bool ly_app_work(ly_app *app)
{
    if (!ly_app_has_work(app)) {
        return false;
    }
    if (app->asking == LY_ASK_FILTER) {
        return ly_typing_work(app);
    }
    return ly_traces_work(app);
}
