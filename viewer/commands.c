/* Commands that mean the same on every screen, and the way of a key to its command. */
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "viewer/fill.h"

#define MAX_COUNT 999999

/* ---- copying, printing, the pager ------------------------------------------------------------ */

/* Puts bytes on the terminal's clipboard. */
static void app_copy(ly_app *app, ly_str text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t whole = text.len;
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
    if (text.len < whole) {
        ly_app_say(app, false, "copied the first %zu of %zu bytes; p prints all", text.len, whole);
    } else {
        ly_app_say(app, false, "copied %zu bytes (where the terminal allows it; p prints them)",
                   text.len);
    }
}

static bool value_of(ly_app *app, ly_copied kind, ly_buf *out)
{
    ly_buf_reset(out);
    if (app->paging) {
        if (kind == LY_COPIED_TEXT) {
            ly_buf_str(out, ly_buf_view(&app->page.text));
        }
        return kind == LY_COPIED_TEXT;
    }
    return ly_app_screen(app->screen)->value(app, kind, out) && out->len > 0;
}

void ly_app_copy_value(ly_app *app, ly_copied kind)
{
    static const char *const words[] = {"text", "id", "path", "filter"};
    if (value_of(app, kind, &app->outside)) {
        app_copy(app, ly_buf_view(&app->outside));
    } else if (app->message[0] == '\0') {
        ly_app_say(app, false, "there is no %s to copy here", words[kind]);
    }
    ly_buf_reset(&app->outside);
}

static void to_outside(ly_app *app, bool pager)
{
    if (!value_of(app, LY_COPIED_TEXT, &app->outside)) {
        ly_buf_reset(&app->outside);
        if (app->message[0] == '\0') {
            ly_app_say(app, false, "nothing is selected");
        }
        return;
    }
    app->outside_to = pager ? LY_OUTSIDE_PAGER : LY_OUTSIDE_PRINT;
}

/* ---- help ------------------------------------------------------------------------------------ */

static void show_help(ly_app *app)
{
    unsigned here = ly_app_where(app);
    ly_buf_reset(&app->page.text);
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            ly_buf_c(&app->page.text, "\nOther screens\n");
        }
        for (size_t i = 0; i < app->keys.n; i++) {
            const ly_key_row *r = &app->keys.rows[i];
            char a[9], b[9] = "";
            if (((r->screens & here) != 0) != (pass == 0) || r->key == 0) {
                continue;
            }
            ly_key_text(r->key, a);
            if (r->also != 0) {
                ly_key_text(r->also, b);
            }
            ly_buf_fmt(&app->page.text, "%-6s %-6s %s\n", a, b, r->text);
        }
    }
    ly_buf_c(&app->page.text, "\nWhile typing\nEnter         done\nEsc    ^c     leave it\n"
                              "^u            clear the line\n^w            drop the last word\n"
                              "Up     Down   filters used before\n"
                              "\nFilters (f): words and keys; | or, ! not, root: the root span\n");
    for (int f = LY_FLD_TYPE; f < LY_FLD__COUNT; f++) {
        ly_buf_fmt(&app->page.text, "%-9s %s\n", ly_filter_field_name((ly_filter_field)f),
                   ly_filter_field_help((ly_filter_field)f));
    }
    ly_buf_c(&app->page.text,
             "\nLetters of steps\nA agent  P plan  G generation  T tool  R retrieval  E embedding\n"
             "K rerank  U guardrail  J evaluator  M memory  W workflow\n"
             "H http  D db  S step  . other\n"
             "\nMarks\n! failed   ~ running   ? its parent was not received\n"
             "x7 calls like this in a row   LOOP all with the same arguments\n"
             "attempt 1 of 2: tried again after it failed\n");
    ly_app_show_page(app, "keys");
}

/* ---- what reaches out of the screens --------------------------------------------------------- */

static bool target_needed(ly_app *app, ly_trace_id *trace, ly_span_id *span)
{
    if (ly_app_target(app, trace, span)) {
        return true;
    }
    ly_app_say(app, false, "nothing is selected");
    return false;
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
        ly_app_screen(app->screen)->load(app, true);
    }
}

static void start_collecting(ly_app *app)
{
    ly_err err = LY_ERR_INIT;
    ly_buf where;
    ly_buf_init(&where, 1024);
    if (app->opts.calls.collect == NULL) {
        bool answers = app->opts.calls.collecting != NULL &&
                       app->opts.calls.collecting(app->opts.calls.user, NULL);
        ly_app_say(app, false, "%s",
                   answers ? "a collector answers already"
                           : "this viewer cannot collect; run: lydite collect");
    } else if (app->opts.calls.collect(app->opts.calls.user, &where, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        app->opts.calls.collect = NULL;
        (void)ly_app_take_awaited(app);
        ly_app_say(app, false, "collecting: %s", ly_buf_text(&where));
    }
    ly_buf_release(&where);
}

void ly_app_open_file(ly_app *app, ly_str path)
{
    ly_store *store = NULL;
    ly_store_opts opts = ly_viewer_store_opts();
    ly_err err = LY_ERR_INIT;
    char name[1024];
    if (!ly_str_copy(path, name, sizeof name)) {
        ly_app_say(app, true, "this path is too long");
        return;
    }
    if (ly_store_open(name, &opts, &store, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
        return;
    }
    ly_app_use_store(app, store);
    ly_app_say(app, false, "%s", ly_store_path(store));
}

static void find_again(ly_app *app, int direction, int count)
{
    bool found = true;
    if (app->find[0] == '\0') {
        ly_app_say(app, false, "nothing to find yet: / asks");
        return;
    }
    for (int i = 0; found && i < (count > 0 ? count : 1) && i < 1000; i++) {
        found = app->paging ? ly_text_view_find(&app->page, app, direction)
                            : ly_app_screen(app->screen)->find(app, direction);
    }
    if (!found) {
        ly_app_say(app, false, "not found");
    }
}

/* By lines, or by as many columns as look like one. */
static void move_divider(ly_app *app, int lines)
{
    if (!app->divider.there) {
        ly_app_say(app, false, "there is one pane here: nothing to divide");
        return;
    }
    lines = lines > MAX_COUNT / 10 ? MAX_COUNT / 10 : lines;
    ly_app_move_divider(app, app->divider.at + lines * (app->divider.upright ? 2 : 1));
}

/* Commands that mean the same everywhere; false = the screen's. */
static bool frame_command(ly_app *app, ly_command command, int count, uint32_t code)
{
    switch (command) {
    case LY_DO_QUIT:
        app->quit = true;
        return true;
    case LY_DO_STOP:
        if (app->screen == LY_SCREEN_TRACE && ly_trace_loading(app)) {
            ly_app_close_screen(app, false);
            return true;
        }
        if (app->screen == LY_SCREEN_TRACES && ly_traces_searching(app)) {
            app->traces.stopped = true;
            ly_app_say(app, false, "the search stopped; j looks further back");
        } else {
            app->quit = true;
        }
        return true;
    case LY_DO_CLOSE:
        ly_app_close_screen(app, true);
        return true;
    case LY_DO_BACK:
        ly_app_close_screen(app, false);
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
        find_again(app, command == LY_DO_FIND_NEXT ? 1 : -1, count);
        return true;
    case LY_DO_COMMAND_LINE:
        ly_app_ask(app, LY_ASK_COMMAND, LY_S(""));
        return true;
    case LY_DO_COPY:
        ly_app_ask(app, LY_ASK_COPY, LY_S(""));
        return true;
    case LY_DO_PRINT:
        to_outside(app, false);
        return true;
    case LY_DO_PAGER:
        to_outside(app, true);
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
    case LY_DO_PANE_LESS:
    case LY_DO_PANE_MORE:
        move_divider(app, (command == LY_DO_PANE_LESS ? -1 : 1) * (count > 0 ? count : 1));
        return true;
    case LY_DO_MOUSE:
        app->mouse = !app->mouse;
        ly_app_say(app, false,
                   app->mouse ? "mouse on: wheel, rows, tabs, divider; M turns it off"
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

/* On a page of text: leaving it and moving in it. */
static bool page_command(ly_app *app, ly_command command, int count)
{
    if (command == LY_DO_BACK || command == LY_DO_CLOSE || command == LY_DO_HELP ||
        command == LY_DO_OPEN) {
        app->paging = false;
        return true;
    }
    return ly_text_view_command(&app->page, command, count, app->page_rows);
}

void ly_app_do(ly_app *app, ly_command command, int count, uint32_t code)
{
    if (app->paging && page_command(app, command, count)) {
        return;
    }
    if (frame_command(app, command, count, code)) {
        return;
    }
    if (app->paging || !ly_app_screen(app->screen)->command(app, command, count)) {
        ly_app_say(app, false, "that means nothing on this screen");
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

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
    ly_screen_id tab;
    if (ly_frame_tab_at(app, row, col, &tab)) {
        ly_app_go(app, tab);
        return;
    }
    if (app->paging || row < app->clicks.row || row >= app->clicks.row + app->clicks.n || col < 0 ||
        col >= app->clicks.cols) {
        return;
    }
    app->trace.detail_focus = false;
    app->tables[app->screen].focus = false;
    if (moves != 0) {
        (void)ly_app_screen(app->screen)
            ->command(app, moves > 0 ? LY_DO_DOWN : LY_DO_UP, moves > 0 ? moves : -moves);
    }
    app->clicks.n = 0; /* the next frame says where lines are */
}

static void pointer(ly_app *app, ly_key key)
{
    const ly_divider *d = &app->divider;
    bool on_it = d->there && !app->paging && (d->upright ? key.col : key.row) == d->at;
    switch (key.code) {
    case LY_KEY_DRAG:
        if (app->dragging && d->there) {
            ly_app_move_divider(app, d->upright ? key.col : key.row);
        }
        return;
    case LY_KEY_RELEASE:
        app->dragging = false;
        return;
    default:
        app->message[0] = '\0';
        (void)ly_app_pause(app);
        app->dragging = on_it;
        if (!on_it) {
            click(app, key.row, key.col);
        }
    }
}

/* The wheel turns what lies under the pointer: the lower or right pane, or what the keys go to. */
static void wheel(ly_app *app, ly_key key)
{
    const ly_divider *d = &app->divider;
    ly_command command = key.code == LY_KEY_WHEEL_UP ? LY_DO_UP : LY_DO_DOWN;
    bool beyond = d->there && !app->paging && (d->upright ? key.col : key.row) > d->at;
    if (beyond && app->screen == LY_SCREEN_TRACE) {
        (void)ly_text_view_command(&app->trace.detail, command, 3, app->trace.detail_rows);
    } else if (beyond && d->which == LY_SPLIT_TABLE) {
        ly_tables_state *t = &app->tables[app->screen];
        (void)ly_text_view_command(&t->detail, command, 3, t->detail_rows);
    } else {
        ly_app_do(app, command, 3, 0);
    }
}

bool ly_app_pause(ly_app *app)
{
    if (!app->count_is_tab) {
        return false;
    }
    int tab = app->count;
    app->count = 0;
    app->count_is_tab = false;
    ly_app_go(app, (ly_screen_id)(tab - 1));
    return true;
}

/* Figures before a command; true = it was one. */
static bool take_figure(ly_app *app, uint32_t code)
{
    if (code < '0' || code > '9' || (code == '0' && app->count == 0)) {
        return false;
    }
    app->count_is_tab = app->count == 0 && code <= '0' + LY_SCREEN__COUNT;
    if (app->count <= MAX_COUNT / 10) {
        app->count = app->count * 10 + (int)(code - '0');
    }
    return true;
}

void ly_app_key(ly_app *app, ly_key key)
{
    if (key.code >= LY_KEY_PRESS && key.code <= LY_KEY_RELEASE) {
        if (app->asking == LY_ASK_NOTHING && app->mouse) {
            pointer(app, key);
        }
        return;
    }
    if (app->asking != LY_ASK_NOTHING) {
        ly_typing_key(app, key);
        return;
    }
    if (key.pasted) {
        return; /* a paste outside of a typing line is never commands */
    }
    app->message[0] = '\0';
    if (take_figure(app, key.code)) {
        return;
    }
    uint32_t lookup = key.code;
    if (key.code == LY_KEY_WHEEL_UP || key.code == LY_KEY_WHEEL_DOWN) {
        wheel(app, key);
        return;
    }
    if (app->count > 0 && key.code == LY_KEY_ESC) {
        app->count = 0;
        app->count_is_tab = false;
        return;
    }
    ly_command command = ly_keys_command(&app->keys, lookup, ly_app_where(app));
    if (app->count_is_tab && !ly_command_counts(command)) {
        (void)ly_app_pause(app); /* it was a screen, and this is a command there */
        command = ly_keys_command(&app->keys, lookup, ly_app_where(app));
    }
    int count = app->count;
    app->count = 0;
    app->count_is_tab = false;
    if (command == LY_DO_NOTHING) {
        char name[9];
        ly_key_text(key.code, name);
        ly_app_say(app, false, "%s means nothing here; ? shows the keys", name);
        return;
    }
    ly_app_do(app, command, count, key.code);
}
