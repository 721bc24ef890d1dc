/* The frame around the screens: tabs, keys, the typing line, help, and time. */
#include "viewer/fill.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "base/utf8.h"

#define MIN_COLS 40
#define MIN_ROWS 10

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
    ly_filter_node term = {.op = LY_FOP_CONTAINS, .text = ly_str_c(app->find), .fold = true};
    for (const char *c = app->find; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            term.fold = false;
        }
    }
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

void ly_app_ask(ly_app *app, ly_asking what, ly_str begin)
{
    app->asking = what;
    app->has_filter_error = false;
    app->line_len = begin.len < sizeof app->line ? begin.len : 0;
    memcpy(app->line, begin.ptr ? begin.ptr : "", app->line_len);
    app->line[app->line_len] = '\0';
}

void ly_app_copy(ly_app *app, ly_str text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    /* Terminals take about 100,000 bytes. */
    text = ly_utf8_cut(text, 74000);
    ly_buf_c(&app->osc, "\033]52;c;");
    for (size_t i = 0; i < text.len; i += 3) {
        unsigned v = (unsigned)(unsigned char)text.ptr[i] << 16;
        v |= i + 1 < text.len ? (unsigned)(unsigned char)text.ptr[i + 1] << 8 : 0;
        v |= i + 2 < text.len ? (unsigned)(unsigned char)text.ptr[i + 2] : 0;
        ly_buf_char(&app->osc, digits[v >> 18]);
        ly_buf_char(&app->osc, digits[v >> 12 & 63]);
        ly_buf_char(&app->osc, i + 1 < text.len ? digits[v >> 6 & 63] : '=');
        ly_buf_char(&app->osc, i + 2 < text.len ? digits[v & 63] : '=');
    }
    ly_buf_c(&app->osc, "\007");
    ly_app_say(app, false, "copied %zu bytes (where the terminal allows it)", text.len);
}

/* ---- life ------------------------------------------------------------------------------------ */

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
    ly_grid_init(&app->grid, opts->unicode);
    ly_buf_init(&app->cell, LY_MIB(1));
    ly_buf_init(&app->osc, LY_MIB(1));
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

void ly_app_free(ly_app *app)
{
    if (app == NULL) {
        return;
    }
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

bool ly_app_tick(ly_app *app, int64_t now_ns)
{
    ly_err err = LY_ERR_INIT;
    uint64_t change = app->change;
    bool second = now_ns / LY_NS_PER_SEC != app->now_ns / LY_NS_PER_SEC;
    app->now_ns = now_ns;
    if (app->store == NULL) {
        return false;
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
        ly_app_say(app, true, "the rows are old: %.*s", LY_STR_ARG(what));
        return !was || strcmp(before, app->message) != 0;
    }
    if (app->stale) {
        app->stale = false;
        app->message[0] = '\0';
    }
    if (change != app->change) {
        /* A table is read as a whole: not more often than every two seconds. */
        if (screens[app->screen]->keys == LY_ON_TABLE &&
            now_ns - app->table_read_ns < 2 * LY_NS_PER_SEC) {
            return false;
        }
        app->table_read_ns = now_ns;
        app->change = change;
        screens[app->screen]->load(app, true);
        return true;
    }
    /* Ages and states move by themselves; only a live row is worth a frame a second. */
    if (second && app->screen == LY_SCREEN_TRACES && app->traces.n > 0) {
        const char *state = ly_viewer_trace_state(&app->traces.rows[0], now_ns);
        return strcmp(state, "live") == 0 || strcmp(state, "quiet") == 0;
    }
    return second && app->screen == LY_SCREEN_TRACE && app->trace.sums != NULL &&
           app->trace.sums->n_pending > 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void close_screen(ly_app *app, bool may_quit)
{
    if (screens[app->screen]->keys == LY_ON_TABLE && ly_fill_up(app)) {
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

static void show_help(ly_app *app)
{
    size_t n;
    const ly_key_row *rows = ly_key_rows(&n);
    unsigned here = screens[app->screen]->keys;
    ly_buf_reset(&app->page.text);
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            ly_buf_c(&app->page.text, "\nOther screens\n");
        }
        for (size_t i = 0; i < n; i++) {
            char a[9], b[9] = "";
            if (((rows[i].screens & here) != 0) != (pass == 0)) {
                continue;
            }
            ly_key_text(rows[i].key, a);
            if (rows[i].also != 0) {
                ly_key_text(rows[i].also, b);
            }
            ly_buf_fmt(&app->page.text, "%-6s %-6s %s\n", a, b, rows[i].text);
        }
    }
    ly_buf_c(&app->page.text, "\nFilters (f): words and keys; | or, ! not, root: the root span\n");
    for (int f = LY_FLD_TYPE; f < LY_FLD__COUNT; f++) {
        ly_buf_fmt(&app->page.text, "%-9s %s\n", ly_filter_field_name((ly_filter_field)f),
                   ly_filter_field_help((ly_filter_field)f));
    }
    ly_app_show_page(app, "keys");
}

static void run_command_line(ly_app *app, ly_str line)
{
    ly_str rest = ly_str_trim(line), word;
    if (!ly_str_split(&rest, ' ', &word)) {
        return;
    }
    if (ly_str_eqc(word, "q") || ly_str_eqc(word, "quit")) {
        app->quit = true;
        return;
    }
    if (ly_str_eqc(word, "save")) {
        ly_err err = LY_ERR_INIT;
        ly_str text = ly_buf_view(&app->traces.filter_text);
        if (app->opts.calls.save_filter == NULL || text.len == 0) {
            ly_app_say(app, true,
                       text.len == 0 ? "there is no filter to save"
                                     : "filters cannot be saved here");
        } else if (app->opts.calls.save_filter(app->opts.calls.user, ly_str_trim(rest), text,
                                               &err) != LY_OK) {
            ly_app_say(app, true, "%s", err.text);
        } else {
            ly_app_say(app, false, "saved; filter:%.*s uses it", LY_STR_ARG(ly_str_trim(rest)));
        }
        return;
    }
    /* Names of screens, by any prefix. */
    for (int i = 0; i < LY_SCREEN__COUNT; i++) {
        ly_str name = ly_str_c(screens[i]->name);
        if (word.len <= name.len && ly_str_eq_nocase(ly_str_sub(name, 0, word.len), word)) {
            ly_app_go(app, (ly_screen_id)i);
            return;
        }
    }
    ly_app_say(app, true, "no command \"%.*s\": save NAME, q, or a screen's name",
               LY_STR_ARG(word));
}

static bool target_needed(ly_app *app, ly_trace_id *trace, ly_span_id *span)
{
    if (ly_app_target(app, trace, span)) {
        return true;
    }
    ly_app_say(app, false, "nothing is selected");
    return false;
}

static void run_score(ly_app *app, ly_str line)
{
    ly_trace_id trace;
    ly_span_id span;
    ly_err err = LY_ERR_INIT;
    line = ly_str_trim(line);
    if (line.len == 0 || !target_needed(app, &trace, &span)) {
        return;
    }
    ly_str note = line, name;
    double value = 0;
    bool has_value = false;
    (void)ly_str_split(&note, ' ', &name);
    size_t eq = ly_str_find_char(name, '=', 0);
    if (eq != SIZE_MAX) {
        has_value = ly_str_to_double(ly_str_sub(name, eq + 1, name.len), &value);
        if (!has_value) {
            ly_app_say(app, true, "a score is NAME=NUMBER and a note, or a note alone");
            return;
        }
        name = ly_str_sub(name, 0, eq);
    } else {
        name = LY_S("note");
        note = line;
    }
    if (app->opts.calls.score == NULL) {
        ly_app_say(app, true, "scores cannot be stored here");
    } else if (app->opts.calls.score(app->opts.calls.user, trace, span, name, value, has_value,
                                     ly_str_trim(note), &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        ly_app_say(app, false, "stored %.*s", LY_STR_ARG(name));
        app->trace.detail_loaded = false;
    }
}

static void end_typing(ly_app *app)
{
    ly_asking what = app->asking;
    ly_str line = ly_str_n(app->line, app->line_len);
    app->asking = LY_ASK_NOTHING;
    switch (what) {
    case LY_ASK_FIND:
        (void)ly_str_copy(line, app->find, sizeof app->find);
        if (app->find[0] != '\0' && !screens[app->screen]->find(app, 1)) {
            ly_app_say(app, false, "not found");
        }
        break;
    case LY_ASK_FILTER:
        if (app->screen == LY_SCREEN_TRACE ? !ly_trace_set_filter(app, line)
                                           : !ly_traces_set_filter(app, line)) {
            app->asking = LY_ASK_FILTER; /* the text stays, with a caret */
        }
        break;
    case LY_ASK_SCORE:
        run_score(app, line);
        break;
    case LY_ASK_COMMAND:
        run_command_line(app, line);
        break;
    default:
        break;
    }
}

static void type_key(ly_app *app, ly_key key)
{
    if (app->asking == LY_ASK_COPY) {
        ly_trace_id trace;
        ly_span_id span;
        char hex[33];
        app->asking = LY_ASK_NOTHING;
        if (!target_needed(app, &trace, &span)) {
            return;
        }
        if (key.code == 'i' || key.code == 'y') {
            bool of_span = !ly_span_id_zero(span);
            ly_hex_encode(of_span ? span.b : trace.b, of_span ? 8 : 16, hex);
            if (key.code == 'y' && app->screen == LY_SCREEN_TRACE &&
                app->trace.detail.text.len > 0) {
                ly_app_copy(app, ly_buf_view(&app->trace.detail.text));
            } else {
                ly_app_copy(app, ly_str_c(hex));
            }
        } else if (key.code == 'f' || key.code == 'q') {
            ly_buf_reset(&app->cell);
            ly_hex_encode(trace.b, 16, hex);
            ly_buf_fmt(&app->cell, "trace:%s", hex);
            if (!ly_span_id_zero(span)) {
                ly_hex_encode(span.b, 8, hex);
                ly_buf_fmt(&app->cell, " span:%s", hex);
            }
            ly_app_copy(app, ly_buf_view(&app->cell));
        }
        return;
    }
    if (!key.pasted && key.code == LY_KEY_ENTER) {
        end_typing(app);
        return;
    }
    if (!key.pasted && (key.code == LY_KEY_ESC || key.code == LY_KEY_CTRL('c'))) {
        app->asking = LY_ASK_NOTHING;
        app->has_filter_error = false;
        return;
    }
    if (key.code == LY_KEY_BACKSPACE) {
        while (app->line_len > 0 && ((unsigned char)app->line[app->line_len - 1] & 0xC0) == 0x80) {
            app->line_len--;
        }
        app->line_len -= app->line_len > 0;
    } else if (key.code == LY_KEY_CTRL('u')) {
        app->line_len = 0;
    } else if (key.code == LY_KEY_CTRL('w')) {
        ly_str left = ly_filter_drop_last(ly_str_n(app->line, app->line_len));
        app->line_len = left.len;
    } else if (key.code >= 0x20 && key.code < 0x110000 && app->line_len + 4 < sizeof app->line) {
        app->line_len += ly_utf8_put(key.code, app->line + app->line_len);
    }
    app->line[app->line_len] = '\0';
    app->has_filter_error = false;
}

static void pin_target(ly_app *app)
{
    ly_trace_id trace;
    ly_span_id span;
    ly_err err = LY_ERR_INIT;
    ly_store *writer = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_trace_row row;
    if (!target_needed(app, &trace, &span)) {
        return;
    }
    /* One short transaction on a connection of its own. */
    opts.role = LY_STORE_WRITER;
    opts.create = false;
    opts.busy_timeout_ns = 2 * LY_NS_PER_SEC;
    ly_arena_reset(&app->trace.scratch);
    ly_status st = ly_store_trace_row(app->store, trace, &app->trace.scratch, &row, &err);
    if (st == LY_OK) {
        st = ly_store_open(ly_store_path(app->store), &opts, &writer, &err);
    }
    if (st == LY_OK) {
        st = ly_store_pin(writer, trace, !row.pinned, &err);
    }
    ly_store_close(writer);
    if (st != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        ly_app_say(app, false, row.pinned ? "unpinned" : "pinned: retention keeps this trace");
        screens[app->screen]->load(app, true);
    }
}

static void start_collecting(ly_app *app)
{
    ly_err err = LY_ERR_INIT;
    ly_buf where;
    ly_buf_init(&where, 1024);
    if (app->opts.calls.collect == NULL) {
        ly_app_say(app, false, "this viewer cannot collect; run: lydite collect");
    } else if (app->opts.calls.collect(app->opts.calls.user, &where, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        ly_app_say(app, false, "collecting: %s", ly_buf_text(&where));
        app->opts.calls.collect = NULL;
    }
    ly_buf_release(&where);
}

/* Commands that mean the same everywhere; false = the screen's. */
static bool frame_command(ly_app *app, ly_command command, uint32_t code)
{
    switch (command) {
    case LY_DO_QUIT:
        app->quit = true;
        return true;
    case LY_DO_CLOSE:
        close_screen(app, true);
        return true;
    case LY_DO_BACK:
        close_screen(app, false);
        return true;
    case LY_DO_TAB:
        ly_app_go(app, (ly_screen_id)(code - '1'));
        return true;
    case LY_DO_HELP:
        show_help(app);
        return true;
    case LY_DO_FIND:
        ly_app_ask(app, LY_ASK_FIND, LY_S(""));
        return true;
    case LY_DO_FIND_NEXT:
    case LY_DO_FIND_PREVIOUS:
        if (app->find[0] == '\0') {
            ly_app_say(app, false, "nothing to find yet: / asks");
        } else if (!screens[app->screen]->find(app, command == LY_DO_FIND_NEXT ? 1 : -1)) {
            ly_app_say(app, false, "not found");
        }
        return true;
    case LY_DO_COMMAND_LINE:
        ly_app_ask(app, LY_ASK_COMMAND, LY_S(""));
        return true;
    case LY_DO_COPY:
        ly_app_ask(app, LY_ASK_COPY, LY_S(""));
        return true;
    case LY_DO_SCORE:
        ly_app_ask(app, LY_ASK_SCORE, LY_S(""));
        return true;
    case LY_DO_PIN:
        pin_target(app);
        return true;
    case LY_DO_COLLECT:
        start_collecting(app);
        return true;
    case LY_DO_MOUSE:
        app->mouse = !app->mouse;
        ly_app_say(app, false,
                   app->mouse ? "mouse on: the wheel scrolls, a click selects; M turns it off"
                              : "mouse off: the terminal selects text again");
        return true;
    case LY_DO_REDRAW:
        app->redraw = true;
        return true;
    case LY_DO_SUSPEND:
        app->suspend = true;
        return true;
    default:
        return false;
    }
}

void ly_app_clicks(ly_app *app, int row, int n, int cols, int selected)
{
    app->clicks.row = row;
    app->clicks.n = n;
    app->clicks.cols = cols;
    app->clicks.selected = selected;
}

/* A click is the moves that lead to its line, so that screens know nothing of mice. */
static void click(ly_app *app, int row, int col)
{
    int moves = row - app->clicks.selected;
    if (app->paging || row < app->clicks.row || row >= app->clicks.row + app->clicks.n || col < 0 ||
        col >= app->clicks.cols) {
        return;
    }
    if (app->screen == LY_SCREEN_TRACE) {
        app->trace.detail_focus = false;
    }
    if (moves != 0) {
        (void)screens[app->screen]->command(app, moves > 0 ? LY_DO_DOWN : LY_DO_UP,
                                            moves > 0 ? moves : -moves);
    }
    app->clicks.n = 0; /* the next frame says where lines are */
}

void ly_app_key(ly_app *app, ly_key key)
{
    if (key.code == LY_KEY_PRESS) {
        if (app->asking == LY_ASK_NOTHING && app->mouse) {
            click(app, key.row, key.col);
        }
        return;
    }
    if (app->asking != LY_ASK_NOTHING) {
        type_key(app, key);
        return;
    }
    if (key.pasted) {
        return; /* a paste outside of a typing line is never commands */
    }
    app->message[0] = '\0';
    unsigned where = app->paging ? LY_ON_TEXT : screens[app->screen]->keys;
    uint32_t lookup = key.code >= '1' && key.code <= '8' ? (uint32_t)'1' : key.code;
    if (key.code == LY_KEY_WHEEL_UP || key.code == LY_KEY_WHEEL_DOWN) {
        lookup = key.code == LY_KEY_WHEEL_UP ? 'k' : 'j';
        app->count = 3;
    }
    ly_command command = ly_key_command(lookup, where);
    int count = app->count;
    app->count = 0;
    if (app->paging) {
        if (command == LY_DO_BACK || command == LY_DO_CLOSE || command == LY_DO_HELP ||
            command == LY_DO_OPEN) {
            app->paging = false;
            return;
        }
        if (ly_text_view_command(&app->page, command, count, app->page_rows)) {
            return;
        }
    }
    if (command == LY_DO_NOTHING) {
        char name[9];
        ly_key_text(key.code, name);
        ly_app_say(app, false, "%s means nothing here; ? shows the keys", name);
        return;
    }
    if (frame_command(app, command, key.code)) {
        return;
    }
    if (!screens[app->screen]->command(app, command, count)) {
        ly_app_say(app, false, "not on this screen");
    }
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void draw_tabs(ly_app *app)
{
    ly_grid *g = &app->grid;
    /* Where not even the short names fit, only the screen one is on keeps its name. */
    bool narrow = g->cols < 100, numbers = g->cols < 70;
    int col = 0;
    for (int i = 0; i < LY_SCREEN__COUNT && col < g->cols; i++) {
        char text[32];
        bool here = (int)app->screen == i;
        const char *name = narrow ? screens[i]->short_name : screens[i]->name;
        if (numbers && !here) {
            (void)snprintf(text, sizeof text, " %d", i + 1);
        } else {
            (void)snprintf(text, sizeof text, here ? "[%d]%s" : " %d %s", i + 1, name);
        }
        col += ly_grid_puts(g, 0, col, g->cols - col, text, here ? LY_INK_TITLE : LY_INK_DIM);
        col++;
    }
    ly_buf_reset(&app->cell);
    const char *name = app->store != NULL ? strrchr(ly_store_path(app->store), '/') : NULL;
    if (app->stale) {
        ly_buf_c(&app->cell, "STALE ");
    }
    if (app->opts.memory) {
        ly_buf_c(&app->cell, "replay");
    } else if (name != NULL) {
        ly_buf_c(&app->cell, name + 1);
    }
    int room = g->cols - col - 1;
    int w = (int)ly_term_width(ly_buf_view(&app->cell));
    if (room > 4 && w > 0) {
        ly_grid_right(g, 0, g->cols - (w < room ? w : room), w < room ? w : room,
                      ly_buf_view(&app->cell), app->stale ? LY_INK_WARN : LY_INK_DIM);
    }
}

static void draw_bar(ly_app *app, int row)
{
    ly_grid *g = &app->grid;
    if (app->asking != LY_ASK_NOTHING) {
        static const char *const heads[] = {
            "", "/", "filter: ", "score NAME=NUMBER note: ", ":", "copy: y value  i id  f filter"};
        int col = ly_grid_puts(g, row, 0, g->cols, heads[app->asking], LY_INK_TITLE);
        ly_str line = ly_str_n(app->line, app->line_len);
        /* The end of a long line is what is being typed. */
        int room = g->cols - col - 1;
        while (line.len > 0 && (int)ly_term_width(line) > room) {
            size_t pos = 0;
            int cells;
            (void)ly_term_cluster(line, &pos, &cells);
            line = ly_str_sub(line, pos, line.len);
        }
        col += ly_grid_put(g, row, col, room > 0 ? room : 0, line, LY_INK_TEXT);
        if (app->asking != LY_ASK_COPY) {
            app->cursor_row = row;
            app->cursor_col = col < g->cols ? col : g->cols - 1;
        }
        return;
    }
    if (app->message[0] != '\0') {
        (void)ly_grid_puts(g, row, 1, g->cols - 2, app->message,
                           app->message_error ? LY_INK_ERROR : LY_INK_WARN);
        return;
    }
    size_t n;
    const ly_key_row *rows = ly_key_rows(&n);
    unsigned where = app->paging ? LY_ON_TEXT : screens[app->screen]->keys;
    int col = 1;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].bar == NULL || (rows[i].screens & where) == 0) {
            continue;
        }
        int w = (int)strlen(rows[i].bar);
        if (col + w + 1 > g->cols) {
            break;
        }
        (void)ly_grid_puts(g, row, col, w, rows[i].bar, LY_INK_DIM);
        col += w + 2;
    }
    const char *mouse = app->mouse ? "M mouse on" : "M mouse off";
    int w = (int)strlen(mouse);
    if (col + w + 1 <= g->cols) {
        (void)ly_grid_puts(g, row, col, w, mouse, app->mouse ? LY_INK_WARN : LY_INK_DIM);
    }
}

static void draw_filter_error(ly_app *app, int row)
{
    ly_str before = ly_str_sub(ly_str_n(app->line, app->line_len), 0, app->filter_error.at);
    ly_buf_reset(&app->cell);
    ly_buf_fmt(&app->cell, "%*s^ %s%s%s", 8 + (int)ly_term_width(before), "",
               app->filter_error.what, app->filter_error.expected[0] ? "; expected " : "",
               app->filter_error.expected);
    (void)ly_grid_put(&app->grid, row, 0, app->grid.cols, ly_buf_view(&app->cell), LY_INK_ERROR);
}

void ly_app_draw(ly_app *app)
{
    ly_grid *g = &app->grid;
    ly_grid_clear(g);
    app->cursor_row = -1;
    app->clicks.n = 0;
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
    int n = bar - 1 - top;
    if (app->has_filter_error) {
        n--;
        draw_filter_error(app, bar);
        draw_bar(app, bar - 1);
    } else {
        draw_bar(app, bar);
    }
    ly_grid_fill(g, top + n, 0, g->cols, "\xE2\x94\x80", '-', LY_INK_DIM);
    if (app->paging) {
        (void)ly_grid_puts(g, top, 1, g->cols - 2, app->page_title, LY_INK_TITLE);
        app->page_rows = n - 1;
        ly_text_view_draw(&app->page, app, top + 1, n - 1, 1, g->cols - 2);
    } else {
        screens[app->screen]->draw(app, top, n);
    }
}
