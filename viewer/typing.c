/* The line of typing at the bottom: find, filter, score, command, file; what Enter then does. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "base/utf8.h"
#include "viewer/app.h"

#define PREVIEW_PAGE  500
#define PREVIEW_SLICE (50 * LY_NS_PER_MS)
/* Matches counted while a filter is typed; "1,000+" says enough. */
#define PREVIEW_ENOUGH 1000

const char *ly_typing_head(ly_asking asking)
{
    static const char *const heads[] = {"",
                                        "/",
                                        "filter: ",
                                        "score NAME=NUMBER note: ",
                                        ":",
                                        "open: ",
                                        "copy: y value  i id  p path  q filter  (Esc: nothing)"};
    return heads[asking];
}

static void end_preview(ly_app *app)
{
    ly_filter_free(app->preview.filter);
    app->preview = (ly_preview){.n = -1};
}

void ly_typing_release(ly_app *app)
{
    end_preview(app);
    for (size_t i = 0; i < app->n_history; i++) {
        ly_free(app->history[i]);
    }
    app->n_history = 0;
}

void ly_app_ask(ly_app *app, ly_asking what, ly_str begin)
{
    app->asking = what;
    app->has_filter_error = false;
    app->history_at = 0;
    end_preview(app);
    app->line_len = begin.len < sizeof app->line ? begin.len : 0;
    memcpy(app->line, begin.ptr ? begin.ptr : "", app->line_len);
    app->line[app->line_len] = '\0';
}

static void stop_typing(ly_app *app)
{
    app->asking = LY_ASK_NOTHING;
    app->has_filter_error = false;
    end_preview(app);
}

/* ---- counting while a filter is typed -------------------------------------------------------- */

static void begin_count(ly_app *app)
{
    ly_filter_opts opts = {.now_ns = app->now_ns};
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    end_preview(app);
    /* filter:NAME needs the lookup of the screen; such a line is counted when it is used. */
    if (app->screen != LY_SCREEN_TRACES ||
        ly_filter_parse(ly_str_n(app->line, app->line_len), &opts, &filter, NULL, &err) != LY_OK) {
        return;
    }
    if (ly_filter_root(filter)->kind == LY_FILTER_ALL) {
        ly_filter_free(filter);
        return;
    }
    app->preview = (ly_preview){.filter = filter, .more = true};
}

bool ly_typing_work(ly_app *app)
{
    ly_preview *p = &app->preview;
    if (p->dirty) {
        int64_t before = p->n;
        begin_count(app);
        if (p->filter == NULL) {
            return before >= 0;
        }
    }
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.filter = p->filter;
    query.any_origin = app->traces.origin != 0;
    query.after = p->key;
    query.limit = PREVIEW_PAGE;
    query.budget_ns = PREVIEW_SLICE;
    ly_arena_init(&arena, 0, LY_MIB(16));
    if (ly_store_trace_page(app->store, &query, &arena, &rows, &n, &p->key, &p->more, &err) !=
        LY_OK) {
        p->more = false;
    }
    for (size_t i = 0; i < n; i++) {
        p->n += app->traces.origin == 0 || app->traces.origin == 3 ||
                (int)rows[i].origin == app->traces.origin;
    }
    ly_arena_release(&arena);
    if (p->n >= PREVIEW_ENOUGH) {
        ly_filter_free(p->filter); /* enough: more stays true for the "+" */
        p->filter = NULL;
    }
    return true;
}

/* ---- history --------------------------------------------------------------------------------- */

static void remember(ly_app *app, ly_str line)
{
    size_t from = 0;
    char *text;
    line = ly_str_trim(line);
    if (line.len == 0 || (text = ly_str_dup(line)) == NULL) {
        return;
    }
    while (from < app->n_history && !ly_str_eqc(line, app->history[from])) {
        from++;
    }
    if (from == app->n_history) {
        if (app->n_history < LY_HISTORY) {
            app->n_history++;
        } else {
            ly_free(app->history[--from]);
        }
    } else {
        ly_free(app->history[from]);
    }
    memmove(&app->history[1], &app->history[0], from * sizeof app->history[0]);
    app->history[0] = text;
}

static void recall(ly_app *app, int direction)
{
    size_t at = app->history_at;
    if (direction > 0 ? at >= app->n_history : at == 0) {
        return;
    }
    at = direction > 0 ? at + 1 : at - 1;
    const char *text = at > 0 ? app->history[at - 1] : "";
    app->history_at = at;
    (void)ly_str_copy(ly_str_c(text), app->line, sizeof app->line);
    app->line_len = strlen(app->line);
}

/* ---- what was typed -------------------------------------------------------------------------- */

/* "flw" is found in "follow": letters in order. Only names of commands and screens are matched so. */
static bool fuzzy(ly_str typed, const char *name)
{
    size_t at = 0;
    for (const char *c = name; *c != '\0' && at < typed.len; c++) {
        char t = typed.ptr[at];
        char lower = t >= 'A' && t <= 'Z' ? (char)(t + 32) : t;
        char have = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
        at += lower == have;
    }
    return at == typed.len;
}

static bool is_prefix(ly_str typed, const char *name)
{
    ly_str whole = ly_str_c(name);
    return typed.len <= whole.len && ly_str_eq_nocase(ly_str_sub(whole, 0, typed.len), typed);
}

static void save_filter(ly_app *app, ly_str name)
{
    ly_err err = LY_ERR_INIT;
    ly_str text = ly_buf_view(&app->traces.filter_text);
    if (text.len == 0) {
        ly_app_say(app, true, "there is no filter to save");
    } else if (app->opts.calls.save_filter == NULL) {
        ly_app_say(app, true, "filters cannot be saved here");
    } else if (app->opts.calls.save_filter(app->opts.calls.user, name, text, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        ly_app_say(app, false, "saved; filter:%.*s uses it", LY_STR_ARG(name));
    }
}

/* The row of a command name on this screen: exact, then by prefix, then by letters in order. */
static const ly_key_row *command_named(const ly_app *app, ly_str word)
{
    unsigned where = ly_app_where(app);
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < app->keys.n; i++) {
            const ly_key_row *r = &app->keys.rows[i];
            if (!(r->screens & where) || r->command == LY_DO_TAB) {
                continue;
            }
            if (pass == 0   ? ly_str_eqc(word, r->name)
                : pass == 1 ? is_prefix(word, r->name)
                            : fuzzy(word, r->name)) {
                return r;
            }
        }
    }
    return NULL;
}

static void run_command_line(ly_app *app, ly_str line)
{
    ly_str rest = ly_str_trim(line), word;
    if (rest.len == 0 || !ly_str_split(&rest, ' ', &word)) {
        return;
    }
    rest = ly_str_trim(rest);
    if (ly_str_eqc(word, "q")) {
        app->quit = true;
        return;
    }
    if (ly_str_eqc(word, "save")) {
        save_filter(app, rest);
        return;
    }
    if (ly_str_eqc(word, "open") && rest.len > 0) {
        ly_app_open_file(app, rest);
        return;
    }
    for (int i = 0; i < LY_SCREEN__COUNT; i++) {
        if (is_prefix(word, ly_app_screen((ly_screen_id)i)->name) && word.len > 1) {
            ly_app_go(app, (ly_screen_id)i);
            return;
        }
    }
    const ly_key_row *row = command_named(app, word);
    if (row != NULL) {
        ly_app_do(app, row->command, 0, row->key);
        return;
    }
    ly_app_say(app, true, "no command \"%.*s\" here; ? names them, :save NAME, :open FILE",
               LY_STR_ARG(ly_str_sub(word, 0, 40)));
}

static void run_score(ly_app *app, ly_str line)
{
    ly_trace_id trace;
    ly_span_id span;
    ly_err err = LY_ERR_INIT;
    line = ly_str_trim(line);
    if (line.len == 0) {
        return;
    }
    if (!ly_app_target(app, &trace, &span)) {
        ly_app_say(app, false, "nothing is selected");
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
    } else if (app->opts.calls.score(app->opts.calls.user, ly_store_path(app->store), trace, span,
                                     name, value, has_value, ly_str_trim(note), &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        ly_app_say(app, false, "stored %.*s", LY_STR_ARG(ly_str_sub(name, 0, 80)));
        app->trace.detail_loaded = false;
        ly_glance_forget(&app->glances, trace);
    }
}

static void end_find(ly_app *app, ly_str line)
{
    bool found;
    (void)ly_str_copy(line, app->find, sizeof app->find);
    if (app->find[0] == '\0') {
        return;
    }
    found = app->paging ? ly_text_view_find(&app->page, app, 1)
                        : ly_app_screen(app->screen)->find(app, 1);
    if (!found) {
        ly_app_say(app, false, "not found");
    }
}

static void end_typing(ly_app *app)
{
    ly_asking what = app->asking;
    ly_str line = ly_str_n(app->line, app->line_len);
    stop_typing(app);
    switch (what) {
    case LY_ASK_FIND:
        end_find(app, line);
        break;
    case LY_ASK_FILTER:
        if (app->screen == LY_SCREEN_TRACE ? ly_trace_set_filter(app, line)
                                           : ly_traces_set_filter(app, line)) {
            remember(app, line);
        } else {
            app->asking = LY_ASK_FILTER; /* the text stays, with a caret */
        }
        break;
    case LY_ASK_SCORE:
        run_score(app, line);
        break;
    case LY_ASK_COMMAND:
        run_command_line(app, line);
        break;
    case LY_ASK_OPEN:
        if (ly_str_trim(line).len > 0) {
            ly_app_open_file(app, ly_str_trim(line));
        }
        break;
    default:
        break;
    }
}

/* The key after y. */
static void copy_key(ly_app *app, uint32_t code)
{
    app->asking = LY_ASK_NOTHING;
    switch (code) {
    case 'y':
        ly_app_copy_value(app, LY_COPIED_TEXT);
        break;
    case 'i':
        ly_app_copy_value(app, LY_COPIED_ID);
        break;
    case 'p':
        ly_app_copy_value(app, LY_COPIED_PATH);
        break;
    case 'q':
    case 'f':
        ly_app_copy_value(app, LY_COPIED_FILTER);
        break;
    default:
        break;
    }
}

void ly_typing_key(ly_app *app, ly_key key)
{
    if (app->asking == LY_ASK_COPY) {
        if (!key.pasted) {
            copy_key(app, key.code);
        }
        return;
    }
    if (!key.pasted && key.code == LY_KEY_ENTER) {
        end_typing(app);
        return;
    }
    if (!key.pasted && (key.code == LY_KEY_ESC || key.code == LY_KEY_CTRL('c'))) {
        stop_typing(app);
        return;
    }
    if (key.pasted && (key.code == LY_KEY_ENTER || key.code == LY_KEY_TAB)) {
        key.code = ' '; /* lines that are pasted become one */
    }
    if (key.code == LY_KEY_UP || key.code == LY_KEY_DOWN) {
        if (app->asking == LY_ASK_FILTER) {
            recall(app, key.code == LY_KEY_UP ? 1 : -1);
        }
    } else if (key.code == LY_KEY_BACKSPACE) {
        while (app->line_len > 0 && ((unsigned char)app->line[app->line_len - 1] & 0xC0) == 0x80) {
            app->line_len--;
        }
        app->line_len -= app->line_len > 0;
    } else if (!key.pasted && key.code == LY_KEY_CTRL('u')) {
        app->line_len = 0;
    } else if (!key.pasted && key.code == LY_KEY_CTRL('w')) {
        ly_str left = ly_filter_drop_last(ly_str_n(app->line, app->line_len));
        app->line_len = left.len;
    } else if (key.code >= 0x20 && key.code != 0x7F && key.code < 0x110000 &&
               app->line_len + 4 < sizeof app->line) {
        app->line_len += ly_utf8_put(key.code, app->line + app->line_len);
    }
    app->line[app->line_len] = '\0';
    app->has_filter_error = false;
    app->preview.dirty = app->asking == LY_ASK_FILTER && app->screen == LY_SCREEN_TRACES;
}
