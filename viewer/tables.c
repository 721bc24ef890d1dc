/* The screens that are tables: sessions, evals, prompts, cost, stats, status. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "store/prompt.h"
#include "store/run.h"
#include "store/usage.h"
#include "viewer/app.h"

#define MAX_TABLE_ROWS 1000

typedef struct filler {
    ly_app *app;
    ly_tables_state *t;
    ly_str *cells;
    ly_ink *inks;
    size_t n, cap; /* cells */
    size_t rows;
    ly_buf text;
} filler;

static bool begin(filler *f, ly_app *app, ly_screen_id screen, int n_cols, size_t max_rows)
{
    ly_tables_state *t = &app->tables[screen];
    size_t at = t->view.at, top = t->view.top;
    ly_arena_reset(&t->arena);
    t->view = (ly_table_view){.n_cols = n_cols, .flexible = -1, .at = at, .top = top};
    *f = (filler){.app = app, .t = t, .cap = max_rows * (size_t)n_cols};
    f->cells = LY_ARENA_ARRAY(&t->arena, ly_str, f->cap + 1);
    f->inks = LY_ARENA_ARRAY(&t->arena, ly_ink, max_rows + 1);
    t->keys = LY_ARENA_ARRAY(&t->arena, ly_str, max_rows + 1);
    ly_buf_init(&f->text, LY_MIB(1));
    return f->cells != NULL && f->inks != NULL && t->keys != NULL;
}

static void head(filler *f, int col, const char *text, bool right)
{
    f->t->view.heads[col] = text;
    f->t->view.right[col] = right;
}

/* The next cell is what was appended to f->text. */
static void cell(filler *f)
{
    if (f->n < f->cap) {
        ly_buf clean;
        ly_buf_init(&clean, LY_MIB(1));
        ly_term_clean(&clean, ly_str_sub(ly_buf_view(&f->text), 0, 400),
                      ly_clean_flags(f->app->grid.unicode));
        f->cells[f->n++] = ly_arena_copy(&f->t->arena, ly_buf_view(&clean));
        ly_buf_release(&clean);
    }
    ly_buf_reset(&f->text);
}

static void cell_str(filler *f, ly_str text)
{
    ly_buf_str(&f->text, text.len > 0 ? text : LY_S("-"));
    cell(f);
}

static void cell_fmt(filler *f, const char *fmt, ...) LY_PRINTF(2, 3);
static void cell_fmt(filler *f, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ly_buf_c(&f->text, text);
    cell(f);
}

static void cell_as(filler *f, int64_t v, void (*format)(int64_t, ly_buf *))
{
    format(v, &f->text);
    cell(f);
}

static void row_done(filler *f, ly_str key, ly_ink ink)
{
    f->t->keys[f->rows] = ly_arena_copy(&f->t->arena, key);
    f->inks[f->rows++] = ink;
}

static void finish(filler *f, const char *empty)
{
    ly_table_view *v = &f->t->view;
    v->cells = f->cells;
    v->inks = f->inks;
    v->n_rows = f->rows;
    v->empty = ly_str_c(empty);
    ly_table_view_measure(v);
    ly_buf_release(&f->text);
    f->t->loaded = true;
}

static bool failed(filler *f, ly_status st, const ly_err *err)
{
    if (st != LY_OK) {
        ly_app_say(f->app, true, "%s", err->text);
    }
    return st != LY_OK;
}

static void draw(ly_app *app, int top, int n)
{
    ly_table_view_draw(&app->tables[app->screen].view, app, top, n);
}

static bool find(ly_app *app, int direction)
{
    return ly_table_view_find(&app->tables[app->screen].view, app, direction);
}

static ly_str key_at(const ly_app *app)
{
    const ly_tables_state *t = &app->tables[app->screen];
    return t->view.at < t->view.n_rows ? t->keys[t->view.at] : LY_STR_NONE;
}

/* The list of traces with a filter made of a key and a value. */
static void show_traces(ly_app *app, const char *key, ly_str value)
{
    ly_buf_reset(&app->cell);
    ly_buf_fmt(&app->cell, "%s:\"", key);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') {
            ly_buf_char(&app->cell, '\\');
        }
        ly_buf_char(&app->cell, value.ptr[i]);
    }
    ly_buf_char(&app->cell, '"');
    char text[LY_LINE_MAX];
    (void)ly_str_copy(ly_buf_view(&app->cell), text, sizeof text);
    ly_app_go(app, LY_SCREEN_TRACES);
    (void)ly_traces_set_filter(app, ly_str_c(text));
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void load_sessions(ly_app *app, bool again)
{
    (void)again;
    filler f;
    ly_err err = LY_ERR_INIT;
    ly_session_row *rows = NULL;
    size_t n = 0;
    ly_store_key key = {0};
    if (!begin(&f, app, LY_SCREEN_SESSIONS, 7, MAX_TABLE_ROWS)) {
        return;
    }
    static const char *const heads[] = {"LAST",   "SESSION", "TRACES", "ERRORS",
                                        "TOKENS", "COST",    "USER"};
    for (int c = 0; c < 7; c++) {
        head(&f, c, heads[c], c >= 2 && c <= 5);
    }
    f.t->view.flexible = 1;
    ly_status st = ly_store_session_page(app->store, INT64_MIN, INT64_MAX, MAX_TABLE_ROWS, &key,
                                         &f.t->arena, &rows, &n, &err);
    (void)failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        ly_text_clock(rows[i].last_ns, app->now_ns, &f.text);
        cell(&f);
        cell_str(&f, rows[i].session);
        cell_fmt(&f, "%lld", (long long)rows[i].n_traces);
        cell_fmt(&f, "%lld", (long long)rows[i].n_errors);
        cell_as(&f, rows[i].tokens, ly_viewer_count);
        cell_as(&f, rows[i].cost_pico, ly_viewer_money);
        cell_str(&f, ly_str_sub(rows[i].user, 0, 24));
        row_done(&f, rows[i].session, rows[i].n_errors > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    finish(&f, "No sessions yet.\n\nA session is all traces with one session id: session.id or\n"
               "gen_ai.conversation.id on a span. lydite connect names how your client sets it.");
}

static bool command_sessions(ly_app *app, ly_command command, int count)
{
    ly_str key = key_at(app);
    if (command == LY_DO_OPEN && key.len > 0) {
        show_traces(app, "session", key);
        return true;
    }
    if (command == LY_DO_LENS_MESSAGES && key.len > 0) {
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

const ly_screen ly_screen_sessions = {"Sessions", "Sess",           LY_ON_TABLE, load_sessions,
                                      draw,       command_sessions, find};

/* ---- evals ----------------------------------------------------------------------------------- */

static void load_evals(ly_app *app, bool again)
{
    (void)again;
    filler f;
    ly_err err = LY_ERR_INIT;
    ly_run *rows = NULL;
    size_t n = 0;
    if (!begin(&f, app, LY_SCREEN_EVALS, 8, MAX_TABLE_ROWS)) {
        return;
    }
    static const char *const heads[] = {"STARTED", "EXPERIMENT", "DATASET", "ROWS",
                                        "CASES",   "FAILED",     "COST",    "STATE"};
    for (int c = 0; c < 8; c++) {
        head(&f, c, heads[c], c >= 3 && c <= 6);
    }
    f.t->view.flexible = 1;
    ly_status st = ly_run_list(app->store, LY_S(""), 500, &f.t->arena, &rows, &n, &err);
    (void)failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        char hex[33];
        ly_hex_encode(rows[i].run_id, 16, hex);
        ly_text_clock(rows[i].started_ns, app->now_ns, &f.text);
        cell(&f);
        cell_str(&f, rows[i].experiment.len ? rows[i].experiment : ly_str_n(hex, 8));
        ly_buf_fmt(&f.text, "%.*s@%lld", LY_STR_ARG(ly_str_sub(rows[i].dataset, 0, 24)),
                   (long long)rows[i].dataset_number);
        cell(&f);
        cell_fmt(&f, "%lld", (long long)rows[i].n_rows);
        cell_fmt(&f, "%lld", (long long)rows[i].n_cases);
        cell_fmt(&f, "%lld", (long long)rows[i].n_failed);
        cell_as(&f, rows[i].cost_pico, ly_viewer_money);
        cell_str(&f, rows[i].state);
        row_done(&f, ly_str_c(hex), rows[i].n_failed > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    finish(&f, "No evaluation runs yet.\n\nlydite eval run --prompt a.txt --prompt b.txt --data "
               "rows.csv --model M --judge J\ncompares two prompts over the rows of a file.");
}

/* Mean of the scores of one case; NaN without any. */
static double case_mean(const ly_case *c, const ly_score *scores, size_t n)
{
    double sum = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const ly_score *s = &scores[i];
        if (s->row == c->row && s->target == c->target && s->repeat == c->repeat &&
            s->outcome == LY_SCORED && !isnan(s->value)) {
            sum += s->value;
            used++;
        }
    }
    return used > 0 ? sum / (double)used : NAN;
}

typedef struct ranked {
    const ly_case *about;
    double mean;
} ranked;

static int worst_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->about->failed != y->about->failed) {
        return x->about->failed ? -1 : 1;
    }
    bool nx = isnan(x->mean), ny = isnan(y->mean);
    if (nx || ny) {
        return (int)nx - (int)ny;
    }
    return x->mean < y->mean ? -1 : x->mean > y->mean;
}

/* A run's cases as a page, worst first, each with scores, reasons and its trace. */
static void show_run(ly_app *app, ly_str run_hex)
{
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_run run;
    ly_case *cases = NULL;
    ly_score *scores = NULL;
    size_t n = 0, n_scores = 0;
    ly_buf *out = &app->page.text;
    unsigned flags = ly_clean_flags(app->grid.unicode);
    ly_arena_init(&arena, 0, LY_MIB(256));
    ly_status st = ly_run_get(app->store, run_hex, &arena, &run, &err);
    if (st == LY_OK) {
        st = ly_run_cases(app->store, run.run_id, &arena, &cases, &n, &err);
    }
    if (st == LY_OK) {
        st = ly_run_scores(app->store, run.run_id, &arena, &scores, &n_scores, &err);
    }
    ranked *order = st == LY_OK ? LY_ARENA_ARRAY(&arena, ranked, n + 1) : NULL;
    if (order == NULL) {
        ly_app_say(app, true, "%s", err.text);
        ly_arena_release(&arena);
        return;
    }
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        /* Scores come in the order of the cases. */
        size_t to = from;
        while (to < n_scores &&
               (scores[to].row < cases[i].row ||
                (scores[to].row == cases[i].row && (scores[to].target < cases[i].target ||
                                                    (scores[to].target == cases[i].target &&
                                                     scores[to].repeat <= cases[i].repeat))))) {
            to++;
        }
        order[i] = (ranked){&cases[i], case_mean(&cases[i], scores + from, to - from)};
        from = to;
    }
    qsort(order, n, sizeof *order, worst_first);
    ly_buf_reset(out);
    for (size_t i = 0; i < n && i < 500; i++) {
        const ly_case *c = order[i].about;
        char hex[33];
        ly_hex_encode(c->trace_id.b, 16, hex);
        ly_buf_fmt(out, "row %lld  target %lld", (long long)c->row, (long long)c->target);
        if (c->repeat > 0) {
            ly_buf_fmt(out, "  repeat %lld", (long long)c->repeat);
        }
        if (!isnan(order[i].mean)) {
            ly_buf_fmt(out, "  mean score %.3g", order[i].mean);
        }
        ly_buf_fmt(out, "%s  trace %s\n", c->failed ? "  FAILED" : "", hex);
        ly_buf_c(out, "    ");
        ly_term_clean(out, ly_str_sub(c->failed ? c->error : c->output, 0, 400), flags);
        ly_buf_char(out, '\n');
        for (size_t k = 0; k < n_scores; k++) {
            const ly_score *s = &scores[k];
            if (s->row != c->row || s->target != c->target || s->repeat != c->repeat) {
                continue;
            }
            ly_buf_c(out, "    ");
            ly_term_clean(out, s->name, flags);
            if (s->outcome != LY_SCORED) {
                ly_buf_fmt(out, "  %s", ly_outcome_name(s->outcome));
            } else if (!isnan(s->value)) {
                ly_buf_fmt(out, "  %.4g", s->value);
            }
            if (s->label.len) {
                ly_buf_c(out, "  ");
                ly_term_clean(out, s->label, flags);
            }
            if (s->reason.len) {
                ly_buf_c(out, "  ");
                ly_term_clean(out, ly_str_sub(s->reason, 0, 600), flags);
            }
            ly_buf_char(out, '\n');
        }
        ly_buf_char(out, '\n');
    }
    ly_arena_release(&arena);
    ly_app_show_page(app, "cases, worst first (Esc goes back)");
}

static bool command_evals(ly_app *app, ly_command command, int count)
{
    ly_str key = key_at(app);
    if (command == LY_DO_OPEN && key.len > 0) {
        show_run(app, key);
        return true;
    }
    return ly_table_view_command(&app->tables[LY_SCREEN_EVALS].view, command, count,
                                 app->page_rows);
}

const ly_screen ly_screen_evals = {"Evals", "Eval",        LY_ON_TABLE, load_evals,
                                   draw,    command_evals, find};

/* ---- prompts --------------------------------------------------------------------------------- */

static void load_prompts(ly_app *app, bool again)
{
    (void)again;
    filler f;
    ly_err err = LY_ERR_INIT;
    ly_prompt_version *rows = NULL;
    size_t n = 0;
    if (!begin(&f, app, LY_SCREEN_PROMPTS, 5, MAX_TABLE_ROWS)) {
        return;
    }
    static const char *const heads[] = {"PROMPT", "VERSION", "ALIASES", "CHANGED", "MESSAGE"};
    for (int c = 0; c < 5; c++) {
        head(&f, c, heads[c], c == 1);
    }
    f.t->view.flexible = 4;
    ly_status st = ly_prompt_list(app->store, &f.t->arena, &rows, &n, &err);
    (void)failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n && i < MAX_TABLE_ROWS; i++) {
        cell_str(&f, rows[i].name);
        cell_fmt(&f, "v%lld", (long long)rows[i].number);
        cell_str(&f, rows[i].aliases);
        ly_text_clock(rows[i].made_ns, app->now_ns, &f.text);
        cell(&f);
        cell_str(&f, rows[i].message);
        row_done(&f, rows[i].name, LY_INK_TEXT);
    }
    finish(&f, "No prompts yet.\n\nlydite prompt put NAME FILE keeps a version; eval run keeps the "
               "files that it is given.");
}

static bool command_prompts(ly_app *app, ly_command command, int count)
{
    ly_str key = key_at(app);
    if (command == LY_DO_LENS_MESSAGES && key.len > 0) {
        show_traces(app, "prompt", key);
        return true;
    }
    if (command == LY_DO_OPEN && key.len > 0) {
        ly_arena arena;
        ly_err err = LY_ERR_INIT;
        ly_prompt_version *rows = NULL;
        size_t n = 0;
        unsigned flags = LY_TERM_LINES | (app->grid.unicode ? 0u : (unsigned)LY_TERM_ASCII);
        ly_arena_init(&arena, 0, LY_MIB(64));
        if (ly_prompt_log(app->store, key, &arena, &rows, &n, &err) != LY_OK) {
            ly_app_say(app, true, "%s", err.text);
        } else {
            ly_buf_reset(&app->page.text);
            for (size_t i = 0; i < n && i < 50; i++) {
                ly_buf_fmt(&app->page.text, "v%lld  ", (long long)rows[i].number);
                ly_text_time(rows[i].made_ns, &app->page.text);
                ly_buf_c(&app->page.text, "  ");
                ly_term_clean(&app->page.text, rows[i].aliases, ly_clean_flags(app->grid.unicode));
                ly_buf_c(&app->page.text, "  ");
                ly_term_clean(&app->page.text, rows[i].message, ly_clean_flags(app->grid.unicode));
                ly_buf_c(&app->page.text, "\n\n");
                ly_term_clean(&app->page.text, ly_str_sub(rows[i].body, 0, 20000), flags);
                ly_buf_c(&app->page.text, "\n\n");
            }
            ly_app_show_page(app, "versions, newest first (Esc goes back)");
        }
        ly_arena_release(&arena);
        return true;
    }
    return ly_table_view_command(&app->tables[LY_SCREEN_PROMPTS].view, command, count,
                                 app->page_rows);
}

const ly_screen ly_screen_prompts = {"Prompts", "Prom",          LY_ON_TABLE, load_prompts,
                                     draw,      command_prompts, find};

/* ---- cost ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    unsigned by;
} groupings[] = {{"provider, model", LY_BY_PROVIDER | LY_BY_MODEL},
                 {"service", LY_BY_SERVICE},
                 {"prompt", LY_BY_PROMPT},
                 {"user", LY_BY_USER},
                 {"session", LY_BY_SESSION}};

static int by_amount(const void *a, const void *b)
{
    const ly_usage_row *x = a, *y = b;
    return x->amount_pico > y->amount_pico ? -1 : x->amount_pico < y->amount_pico;
}

static void load_cost(ly_app *app, bool again)
{
    (void)again;
    filler f;
    ly_err err = LY_ERR_INIT;
    ly_usage_row *rows = NULL;
    size_t n = 0;
    int64_t total = 0;
    if (!begin(&f, app, LY_SCREEN_COST, 7, MAX_TABLE_ROWS)) {
        return;
    }
    size_t g = (size_t)f.t->grouping % LY_COUNT(groupings);
    static const char *const heads[] = {"GROUP", "ORIGIN",   "CALLS", "IN",
                                        "OUT",   "UNPRICED", "COST"};
    for (int c = 0; c < 7; c++) {
        head(&f, c, heads[c], c >= 2);
    }
    f.t->view.flexible = 0;
    ly_usage_query query = {
        .from_ns = app->now_ns - 30 * LY_NS_PER_DAY, .until_ns = INT64_MAX, .by = groupings[g].by};
    ly_status st = ly_usage_sum(app->store, &query, &f.t->arena, &rows, &n, &err);
    if (!failed(&f, st, &err)) {
        qsort(rows, n, sizeof *rows, by_amount);
    }
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        total += rows[i].amount_pico;
        if (i >= MAX_TABLE_ROWS) {
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
        cell(&f);
        cell_str(&f, ly_str_c(ly_origin_name(r->origin)));
        cell_as(&f, r->n, ly_viewer_count);
        cell_as(&f, r->tokens_in, ly_viewer_count);
        cell_as(&f, r->tokens_out, ly_viewer_count);
        cell_as(&f, r->n_unpriced, ly_viewer_count);
        cell_as(&f, r->amount_pico, ly_viewer_money);
        row_done(&f, LY_S(""), r->n_unpriced > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    ly_buf title;
    ly_buf_init(&title, 1024);
    ly_buf_fmt(&title, "the last 30 days by %s (o groups by the next)   total ", groupings[g].name);
    ly_viewer_money(total, &title);
    f.t->view.title = ly_arena_copy(&f.t->arena, ly_buf_view(&title));
    ly_buf_release(&title);
    finish(&f,
           "Nothing was charged in the last 30 days.\n\nlydite cost reports other times; lydite "
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
    return ly_table_view_command(&t->view, command, count, app->page_rows);
}

const ly_screen ly_screen_cost = {"Cost", "Cost",          LY_ON_TABLE, load_cost,
                                  draw,   command_grouped, find};

/* ---- stats ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    ly_stats_by by;
} stats_by[] = {{"type", LY_STATS_TYPE},       {"model", LY_STATS_MODEL}, {"tool", LY_STATS_TOOL},
                {"service", LY_STATS_SERVICE}, {"agent", LY_STATS_AGENT}, {"name", LY_STATS_NAME},
                {"error type", LY_STATS_ERROR}};

static void load_stats(ly_app *app, bool again)
{
    (void)again;
    filler f;
    ly_err err = LY_ERR_INIT;
    ly_stats_row *rows = NULL;
    size_t n = 0;
    if (!begin(&f, app, LY_SCREEN_STATS, 10, MAX_TABLE_ROWS)) {
        return;
    }
    size_t g = (size_t)f.t->grouping % LY_COUNT(stats_by);
    static const char *const heads[] = {"GROUP", "SPANS", "ERRORS", "P50", "P95",
                                        "P99",   "TTFT",  "IN",     "OUT", "COST"};
    for (int c = 0; c < 10; c++) {
        head(&f, c, heads[c], c >= 1);
    }
    f.t->view.flexible = 0;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.filter = app->traces.filter;
    query.since_ns = app->now_ns - 7 * LY_NS_PER_DAY;
    ly_status st =
        ly_store_stats(app->store, &query, stats_by[g].by, 200, &f.t->arena, &rows, &n, &err);
    (void)failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        const ly_stats_row *r = &rows[i];
        cell_str(&f, r->key);
        cell_as(&f, r->n, ly_viewer_count);
        cell_fmt(&f, "%.1f%%", r->n > 0 ? 100.0 * (double)r->n_errors / (double)r->n : 0.0);
        cell_as(&f, r->p50_ns, ly_viewer_duration);
        cell_as(&f, r->p95_ns, ly_viewer_duration);
        cell_as(&f, r->p99_ns, ly_viewer_duration);
        cell_as(&f, r->ttft_p50_ns, ly_viewer_duration);
        cell_as(&f, r->tokens_in, ly_viewer_count);
        cell_as(&f, r->tokens_out, ly_viewer_count);
        cell_as(&f, r->cost_pico, ly_viewer_money);
        row_done(&f, r->key, r->n_errors > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    ly_buf title;
    ly_buf_init(&title, LY_KIB(16));
    ly_buf_fmt(&title, "spans of the last 7 days by %s (o groups by the next)   filter: %s",
               stats_by[g].name,
               app->traces.filter != NULL ? ly_buf_text(&app->traces.filter_text) : "none");
    f.t->view.title = ly_arena_copy(&f.t->arena, ly_buf_view(&title));
    ly_buf_release(&title);
    finish(&f, "No spans in the last 7 days.");
}

const ly_screen ly_screen_stats = {"Stats", "Stats",         LY_ON_TABLE, load_stats,
                                   draw,    command_grouped, find};

/* ---- status ---------------------------------------------------------------------------------- */

static void fact(filler *f, const char *name)
{
    ly_buf value;
    ly_buf_init(&value, LY_MIB(1));
    ly_buf_str(&value, ly_buf_view(&f->text));
    ly_buf_reset(&f->text);
    cell_fmt(f, "%s", name);
    cell_str(f, ly_buf_view(&value));
    row_done(f, LY_S(""), LY_INK_TEXT);
    ly_buf_release(&value);
}

static void load_status(ly_app *app, bool again)
{
    (void)again;
    filler f;
    ly_err err = LY_ERR_INIT;
    ly_store_info info;
    if (!begin(&f, app, LY_SCREEN_STATUS, 2, 32)) {
        return;
    }
    head(&f, 0, "WHAT", false);
    head(&f, 1, "NOW", false);
    f.t->view.flexible = 1;
    if (!failed(&f, ly_store_info_get(app->store, false, &info, &err), &err)) {
        ly_buf_c(&f.text, ly_store_path(app->store));
        fact(&f, "database");
        bool collecting =
            app->opts.calls.collecting != NULL && app->opts.calls.collecting(app->opts.calls.user);
        ly_buf_c(&f.text,
                 collecting ? "answers" : "none answers (the data can be read all the same)");
        fact(&f, "collector");
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
        ly_text_grouped(info.n_quarantined, &f.text);
        fact(&f, "quarantined");
    }
    finish(&f, "The database cannot be read.");
}

static bool command_status(ly_app *app, ly_command command, int count)
{
    return ly_table_view_command(&app->tables[LY_SCREEN_STATUS].view, command, count,
                                 app->page_rows);
}

const ly_screen ly_screen_status = {"Status", "Status",       LY_ON_TABLE, load_status,
                                    draw,     command_status, find};
