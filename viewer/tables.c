/* The screens that are tables: sessions, cost, stats, status. Evals and prompts have files of their own. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/term.h"
#include "base/utf8.h"
#include "store/usage.h"
#include "viewer/fill.h"

/* ---- sessions -------------------------------------------------------------------------------- */

static void load_sessions(ly_app *app, bool again)
{
    (void)again;
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_session_row *rows = NULL;
    size_t n = 0;
    ly_store_key key = {0};
    if (!ly_fill_begin(&f, app, LY_SCREEN_SESSIONS, 7, LY_FILL_ROWS)) {
        return;
    }
    static const char *const heads[] = {"LAST",   "SESSION", "TRACES", "ERRORS",
                                        "TOKENS", "COST",    "USER"};
    for (int c = 0; c < 7; c++) {
        ly_fill_head(&f, c, heads[c], c >= 2 && c <= 5);
    }
    f.t->view.flexible = 1;
    static const uint8_t ranks[] = {0, 0, 3, 4, 5, 2, 6};
    for (int c = 0; c < (int)LY_COUNT(ranks); c++) {
        ly_fill_rank(&f, c, ranks[c]);
    }
    ly_status st = ly_store_session_page(app->store, INT64_MIN, INT64_MAX, LY_FILL_ROWS, &key,
                                         &f.t->arena, &rows, &n, &err);
    (void)ly_fill_failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        ly_text_clock(rows[i].last_ns, app->now_ns, &f.text);
        ly_fill_cell(&f);
        ly_fill_str(&f, rows[i].session);
        ly_fill_fmt(&f, "%lld", (long long)rows[i].n_traces);
        ly_fill_fmt(&f, "%lld", (long long)rows[i].n_errors);
        ly_fill_as(&f, rows[i].tokens, ly_viewer_count);
        ly_text_cost(rows[i].cost_pico, rows[i].cost_partial, &f.text);
        ly_fill_cell(&f);
        ly_text_one_of(ly_utf8_cut(rows[i].user, 24), rows[i].n_users, app->grid.unicode, &f.text);
        ly_fill_cell(&f);
        ly_fill_row(&f, rows[i].session, rows[i].n_errors > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    ly_fill_end(&f,
                "No sessions yet.\n\nA session is all traces with one session id: session.id or\n"
                "gen_ai.conversation.id on a span. lydite connect names how your client sets it.");
}

static bool command_sessions(ly_app *app, ly_command command, int count)
{
    ly_str key = ly_fill_key(app);
    if ((command == LY_DO_OPEN || command == LY_DO_USES) && key.len > 0) {
        ly_fill_show_traces(app, "session", key);
        return true;
    }
    if (command == LY_DO_WHOLE_TEXT && key.len > 0) {
        ly_err err = LY_ERR_INIT;
        ly_print_opts how = {
            .width = app->grid.cols - 4, .unicode = app->grid.unicode, .now_ns = app->now_ns};
        ly_buf_reset(&app->page.text);
        if (ly_viewer_print_session(app->store, key, &how, &app->page.text, &err) != LY_OK) {
            ly_app_say(app, true, "%s", err.text);
        } else {
            ly_app_show_page(app, "conversation (Esc goes back)");
        }
        return true;
    }
    return ly_table_view_command(&app->tables[LY_SCREEN_SESSIONS].view, command, count,
                                 app->page_rows);
}

/* The conversation as the text of the row. */
static bool value_sessions(ly_app *app, ly_copied kind, ly_buf *out)
{
    ly_str key = ly_fill_key(app);
    ly_err err = LY_ERR_INIT;
    ly_print_opts how = {.unicode = app->grid.unicode, .now_ns = app->now_ns};
    if (key.len == 0) {
        return false;
    }
    if (kind == LY_COPIED_FILTER) {
        ly_filter_term(out, "session", key);
        return true;
    }
    if (kind != LY_COPIED_TEXT) {
        return ly_fill_value(app, kind, out);
    }
    if (ly_viewer_print_session(app->store, key, &how, out, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
        return false;
    }
    return true;
}

const ly_screen ly_screen_sessions = {"Sessions",    "Sess",        LY_ON_SESSIONS,
                                      load_sessions, ly_fill_draw,  command_sessions,
                                      ly_fill_find,  value_sessions};

/* ---- cost ------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *filter;
    unsigned by;
} groupings[] = {{"provider, model", "model", LY_BY_PROVIDER | LY_BY_MODEL},
                 {"service", "service", LY_BY_SERVICE},
                 {"prompt", "prompt", LY_BY_PROMPT},
                 {"user", "user", LY_BY_USER},
                 {"session", "session", LY_BY_SESSION}};

static int by_amount(const void *a, const void *b)
{
    const ly_usage_row *x = a, *y = b;
    return x->amount_pico > y->amount_pico ? -1 : x->amount_pico < y->amount_pico;
}

/* As `lydite cost` says it: no amount where no call has a price, a lower bound where some have none. */
static void charged(const ly_app *app, int64_t pico, int64_t n, int64_t n_unpriced, ly_buf *out)
{
    if (n_unpriced > 0 && n_unpriced == n) {
        ly_buf_c(out, "unpriced");
        return;
    }
    if (n_unpriced > 0) {
        ly_text_least(pico, app->grid.glyphs ? "\xE2\x89\xA5" : ">=", out);
    } else {
        ly_viewer_money(pico, out);
    }
}

/* The filter for the traces of a row; empty where the group is "none". */
static void cost_key(ly_fill *f, const ly_usage_row *r, const char *field)
{
    const ly_str values[] = {r->model, r->service, r->prompt_name, r->user, r->session};
    ly_buf_reset(&f->key);
    for (size_t k = 0; k < LY_COUNT(values); k++) {
        if (values[k].len > 0 && strcmp(groupings[k].filter, field) == 0) {
            ly_filter_term(&f->key, field, values[k]);
        }
    }
    if (f->key.len > 0 && r->origin != LY_ORIGIN_APP) {
        ly_buf_fmt(&f->key, " origin:%s", ly_origin_name(r->origin));
    }
}

static void load_cost(ly_app *app, bool again)
{
    (void)again;
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_usage_row *rows = NULL;
    size_t n = 0;
    int64_t total = 0, calls = 0, unpriced = 0;
    if (!ly_fill_begin(&f, app, LY_SCREEN_COST, 7, LY_FILL_ROWS)) {
        return;
    }
    size_t g = (size_t)f.t->grouping % LY_COUNT(groupings);
    static const char *const heads[] = {"GROUP", "ORIGIN",   "CALLS", "IN",
                                        "OUT",   "UNPRICED", "COST"};
    for (int c = 0; c < 7; c++) {
        ly_fill_head(&f, c, heads[c], c >= 2);
    }
    f.t->view.flexible = 0;
    static const uint8_t ranks[] = {0, 5, 3, 7, 6, 4, 0};
    for (int c = 0; c < (int)LY_COUNT(ranks); c++) {
        ly_fill_rank(&f, c, ranks[c]);
    }
    ly_usage_query query = {
        .from_ns = app->now_ns - 30 * LY_NS_PER_DAY, .until_ns = INT64_MAX, .by = groupings[g].by};
    ly_status st = ly_usage_sum(app->store, &query, &f.t->arena, &rows, &n, &err);
    if (!ly_fill_failed(&f, st, &err)) {
        qsort(rows, n, sizeof *rows, by_amount);
    }
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        total += rows[i].amount_pico;
        calls += rows[i].n;
        unpriced += rows[i].n_unpriced;
        if (i >= LY_FILL_ROWS) {
            continue;
        }
        const ly_usage_row *r = &rows[i];
        const ly_str names[] = {r->provider,    r->model, r->service,
                                r->prompt_name, r->user,  r->session};
        for (size_t k = 0; k < LY_COUNT(names); k++) {
            if (names[k].len > 0) {
                ly_buf_fmt(&f.text, "%s%.*s", f.text.len ? " " : "", LY_STR_ARG(names[k]));
            }
        }
        if (r->prompt_version.len > 0) {
            ly_buf_fmt(&f.text, "@%.*s", LY_STR_ARG(r->prompt_version));
        }
        if (f.text.len == 0) {
            ly_buf_char(&f.text, '-');
        }
        ly_fill_cell(&f);
        ly_fill_str(&f, ly_str_c(ly_origin_name(r->origin)));
        ly_fill_as(&f, r->n, ly_viewer_count);
        ly_fill_as(&f, r->tokens_in, ly_viewer_count);
        ly_fill_as(&f, r->tokens_out, ly_viewer_count);
        ly_fill_as(&f, r->n_unpriced, ly_viewer_count);
        charged(app, r->amount_pico, r->n, r->n_unpriced, &f.text);
        ly_fill_cell(&f);
        cost_key(&f, r, groupings[g].filter);
        ly_fill_row(&f, ly_buf_view(&f.key), r->n_unpriced > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    ly_buf title;
    ly_buf_init(&title, 1024);
    ly_buf_fmt(&title, "the last 30 days by %s (o groups by the next)   total ", groupings[g].name);
    charged(app, total, calls, unpriced, &title);
    f.t->view.title = ly_arena_copy(&f.t->arena, ly_buf_view(&title));
    ly_buf_release(&title);
    ly_fill_end(
        &f, "Nothing was charged in the last 30 days.\n\nlydite cost reports other times; lydite "
            "price shows what calls cost.");
}

static bool command_grouped(ly_app *app, ly_command command, int count)
{
    ly_tables_state *t = &app->tables[app->screen];
    if (command == LY_DO_GROUPING) {
        t->grouping++;
        t->view.at = t->view.top = 0;
        if (app->screen == LY_SCREEN_COST) {
            ly_screen_cost.load(app, false);
        } else {
            ly_screen_stats.load(app, false);
        }
        return true;
    }
    if ((command == LY_DO_OPEN || command == LY_DO_USES) && t->view.n_rows > 0) {
        if (ly_fill_key(app).len == 0) {
            ly_app_say(app, false, "no filter stands for this row");
        } else {
            ly_fill_show_filter(app, ly_fill_key(app));
        }
        return true;
    }
    return ly_table_view_command(&t->view, command, count, app->page_rows);
}

/* The key of such a row is the filter for its traces. */
static bool value_grouped(ly_app *app, ly_copied kind, ly_buf *out)
{
    if (kind == LY_COPIED_FILTER) {
        ly_buf_str(out, ly_fill_key(app));
        return out->len > 0;
    }
    return ly_fill_value(app, kind, out);
}

const ly_screen ly_screen_cost = {"Cost",       "Cost",          LY_ON_COST,   load_cost,
                                  ly_fill_draw, command_grouped, ly_fill_find, value_grouped};

/* ---- stats ----------------------------------------------------------------------------------- */

static const struct {
    const char *name, *filter;
    ly_stats_by by;
} stats_by[] = {{"type", "type", LY_STATS_TYPE},
                {"model", "model", LY_STATS_MODEL},
                {"tool", "tool", LY_STATS_TOOL},
                {"service", "service", LY_STATS_SERVICE},
                {"agent", "agent", LY_STATS_AGENT},
                {"name", "name", LY_STATS_NAME},
                {"error type", "attr.error.type", LY_STATS_ERROR}};

static void load_stats(ly_app *app, bool again)
{
    (void)again;
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_stats_row *rows = NULL;
    size_t n = 0;
    if (!ly_fill_begin(&f, app, LY_SCREEN_STATS, 10, LY_FILL_ROWS)) {
        return;
    }
    size_t g = (size_t)f.t->grouping % LY_COUNT(stats_by);
    static const char *const heads[] = {"GROUP", "SPANS", "ERRORS", "P50", "P95",
                                        "P99",   "TTFT",  "IN",     "OUT", "COST"};
    for (int c = 0; c < 10; c++) {
        ly_fill_head(&f, c, heads[c], c >= 1);
    }
    f.t->view.flexible = 0;
    static const uint8_t ranks[] = {0, 3, 2, 6, 1, 8, 7, 10, 9, 4};
    for (int c = 0; c < (int)LY_COUNT(ranks); c++) {
        ly_fill_rank(&f, c, ranks[c]);
    }
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.filter = app->traces.filter;
    query.since_ns = app->now_ns - 7 * LY_NS_PER_DAY;
    ly_status st =
        ly_store_stats(app->store, &query, stats_by[g].by, 200, &f.t->arena, &rows, &n, &err);
    (void)ly_fill_failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        const ly_stats_row *r = &rows[i];
        ly_fill_str(&f, r->key);
        ly_fill_as(&f, r->n, ly_viewer_count);
        ly_fill_fmt(&f, "%.1f%%", r->n > 0 ? 100.0 * (double)r->n_errors / (double)r->n : 0.0);
        ly_fill_as(&f, r->p50_ns, ly_viewer_duration);
        ly_fill_as(&f, r->p95_ns, ly_viewer_duration);
        ly_fill_as(&f, r->p99_ns, ly_viewer_duration);
        ly_fill_as(&f, r->ttft_p50_ns, ly_viewer_duration);
        ly_fill_as(&f, r->tokens_in, ly_viewer_count);
        ly_fill_as(&f, r->tokens_out, ly_viewer_count);
        ly_text_cost(r->cost_pico, r->n_unpriced > 0, &f.text);
        ly_fill_cell(&f);
        ly_buf_reset(&f.key);
        if (r->key.len > 0) {
            ly_filter_term(&f.key, stats_by[g].filter, r->key);
        }
        ly_fill_row(&f, ly_buf_view(&f.key), r->n_errors > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    ly_buf title;
    ly_buf_init(&title, LY_KIB(16));
    ly_buf_fmt(&title, "spans of the last 7 days by %s (o groups by the next)   filter: %s",
               stats_by[g].name,
               app->traces.filter != NULL ? ly_buf_text(&app->traces.filter_text) : "none");
    f.t->view.title = ly_arena_copy(&f.t->arena, ly_buf_view(&title));
    ly_buf_release(&title);
    ly_fill_end(&f, "No spans in the last 7 days.");
}

const ly_screen ly_screen_stats = {"Stats",      "Stats",         LY_ON_STATS,  load_stats,
                                   ly_fill_draw, command_grouped, ly_fill_find, value_grouped};

/* ---- status ---------------------------------------------------------------------------------- */

static void fact(ly_fill *f, const char *name)
{
    ly_buf value;
    ly_buf_init(&value, LY_MIB(1));
    ly_buf_str(&value, ly_buf_view(&f->text));
    ly_buf_reset(&f->text);
    ly_fill_fmt(f, "%s", name);
    ly_fill_str(f, ly_buf_view(&value));
    ly_fill_row(f, LY_S(""), LY_INK_TEXT);
    ly_buf_release(&value);
}

static void load_status(ly_app *app, bool again)
{
    (void)again;
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_store_info info;
    if (!ly_fill_begin(&f, app, LY_SCREEN_STATUS, 2, 32)) {
        return;
    }
    ly_fill_head(&f, 0, "WHAT", false);
    ly_fill_head(&f, 1, "NOW", false);
    f.t->view.flexible = 1;
    if (!ly_fill_failed(&f, ly_store_info_get(app->store, false, &info, &err), &err)) {
        const char *awaited = app->opts.awaited;
        ly_buf_fmt(&f.text, "%s%s", awaited != NULL ? awaited : ly_store_path(app->store),
                   awaited != NULL ? " (not there yet)" : "");
        fact(&f, "database");
        ly_buf where;
        ly_buf_init(&where, LY_KIB(4));
        bool collecting = app->opts.calls.collecting != NULL &&
                          app->opts.calls.collecting(app->opts.calls.user, &where);
        ly_buf_fmt(&f.text, "%s%s",
                   collecting ? "answers on " : "none answers; the data can be read all the same",
                   collecting ? ly_buf_text(&where) : "");
        fact(&f, "collector");
        ly_buf_release(&where);
        if (info.newest_ns != LY_UNKNOWN) {
            ly_text_ago(info.newest_ns, app->now_ns, &f.text);
        }
        fact(&f, "newest trace");
        ly_text_grouped(info.n_traces, &f.text);
        fact(&f, "traces");
        ly_text_grouped(info.n_spans, &f.text);
        fact(&f, "spans");
        ly_text_grouped(info.n_logs, &f.text);
        fact(&f, "log records");
        ly_text_grouped(info.n_contents, &f.text);
        fact(&f, "distinct messages");
        ly_text_bytes(info.file_bytes, &f.text);
        fact(&f, "file");
        ly_text_bytes(info.wal_bytes, &f.text);
        fact(&f, "write-ahead log");
        ly_text_bytes(info.disk_free_bytes, &f.text);
        fact(&f, "disk free");
        ly_text_grouped(info.n_dirty, &f.text);
        fact(&f, "traces not settled yet");
        ly_text_grouped(info.n_unindexed, &f.text);
        fact(&f, "traces not in the full-text index yet");
        ly_text_grouped(info.n_quarantined, &f.text);
        fact(&f, "quarantined");
    }
    ly_fill_end(&f, "The database cannot be read.");
}

static bool command_status(ly_app *app, ly_command command, int count)
{
    return ly_table_view_command(&app->tables[LY_SCREEN_STATUS].view, command, count,
                                 app->page_rows);
}

const ly_screen ly_screen_status = {"Status",     "Status",       LY_ON_STATUS, load_status,
                                    ly_fill_draw, command_status, ly_fill_find, ly_fill_value};
