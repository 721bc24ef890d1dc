/* The evals screen: runs, and inside a run its cases, worst first, each with its scores and reasons. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/term.h"
#include "store/run.h"
#include "text/json.h"
#include "viewer/fill.h"

static void load_runs(ly_app *app)
{
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_run *rows = NULL;
    size_t n = 0;
    if (!ly_fill_begin(&f, app, LY_SCREEN_EVALS, 8, LY_FILL_ROWS)) {
        return;
    }
    static const char *const heads[] = {"STARTED", "EXPERIMENT", "DATASET", "ROWS",
                                        "CASES",   "FAILED",     "COST",    "STATE"};
    for (int c = 0; c < 8; c++) {
        ly_fill_head(&f, c, heads[c], c >= 3 && c <= 6);
    }
    f.t->view.flexible = 1;
    ly_status st = ly_run_list(app->store, LY_S(""), 500, &f.t->arena, &rows, &n, &err);
    (void)ly_fill_failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        char hex[33];
        ly_hex_encode(rows[i].run_id, 16, hex);
        ly_text_clock(rows[i].started_ns, app->now_ns, &f.text);
        ly_fill_cell(&f);
        ly_fill_str(&f, rows[i].experiment.len ? rows[i].experiment : ly_str_n(hex, 8));
        if (rows[i].dataset.len > 0) {
            ly_buf_fmt(&f.text, "%.*s@%lld", LY_STR_ARG(ly_str_sub(rows[i].dataset, 0, 24)),
                       (long long)rows[i].dataset_number);
        } else {
            ly_buf_char(&f.text, '-');
        }
        ly_fill_cell(&f);
        ly_fill_fmt(&f, "%lld", (long long)rows[i].n_rows);
        ly_fill_fmt(&f, "%lld", (long long)rows[i].n_cases);
        ly_fill_fmt(&f, "%lld", (long long)rows[i].n_failed);
        ly_fill_as(&f, rows[i].cost_pico, ly_viewer_money);
        ly_fill_str(&f, rows[i].state);
        ly_fill_row(&f, ly_str_c(hex), rows[i].n_failed > 0 ? LY_INK_WARN : LY_INK_TEXT);
    }
    ly_fill_end(&f, "No evaluation runs yet.\n\nlydite eval run --prompt a.txt --prompt b.txt "
                    "--data rows.csv --model M --judge J\n"
                    "compares two prompts over the rows of a file.");
}

/* ---- cases ----------------------------------------------------------------------------------- */

typedef struct ranked {
    const ly_case *about;
    const ly_score *scores; /* the case's own */
    size_t n;
    const ly_score *worst; /* lowest value with a reason; NULL = none */
    double mean;           /* NaN = not scored */
} ranked;

static bool is_of(const ly_score *s, const ly_case *c)
{
    return s->row == c->row && s->target == c->target && s->repeat == c->repeat;
}

static int place(const ly_score *s, const ly_case *c)
{
    const int64_t of[] = {s->row, s->target, s->repeat}, at[] = {c->row, c->target, c->repeat};
    for (size_t i = 0; i < LY_COUNT(of); i++) {
        if (of[i] != at[i]) {
            return of[i] < at[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Scores come in the order of the cases: *from is moved on to those of the next case. */
static ranked rank_case(const ly_case *c, const ly_score *scores, size_t n, size_t *from)
{
    double sum = 0;
    size_t used = 0;
    while (*from < n && place(&scores[*from], c) < 0) {
        (*from)++;
    }
    ranked r = {.about = c, .scores = scores != NULL ? scores + *from : NULL};
    for (; *from < n && is_of(&scores[*from], c); (*from)++, r.n++) {
        const ly_score *s = &scores[*from];
        if (s->outcome == LY_SCORED && !isnan(s->value)) {
            sum += s->value;
            used++;
        }
        bool lower = r.worst == NULL || isnan(r.worst->value) || s->value < r.worst->value;
        if (s->reason.len > 0 && lower) {
            r.worst = s;
        }
    }
    r.mean = used > 0 ? sum / (double)used : NAN;
    return r;
}

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

static void put_score(const ly_score *s, unsigned one_line, unsigned lines, ly_buf *out)
{
    ly_term_clean(out, s->name, one_line);
    if (s->outcome != LY_SCORED) {
        ly_buf_fmt(out, "  %s", ly_outcome_name(s->outcome));
    } else if (!isnan(s->value)) {
        ly_buf_fmt(out, "  %.4g", s->value);
    }
    if (s->label.len > 0) {
        ly_buf_c(out, "  ");
        ly_term_clean(out, s->label, one_line);
    }
    ly_buf_fmt(out, "  (%s)\n", ly_score_source_name(s->source));
    if (s->reason.len > 0) {
        ly_buf_c(out, "  ");
        ly_term_clean(out, ly_str_sub(s->reason, 0, 4000), lines);
        ly_buf_char(out, '\n');
    }
}

/* The case under the table: scores with reasons, then what the target answered. */
static void put_case(const ranked *r, bool unicode, ly_buf *out)
{
    unsigned one_line = ly_clean_flags(unicode);
    unsigned lines = LY_TERM_LINES | (unicode ? 0u : (unsigned)LY_TERM_ASCII);
    for (size_t i = 0; i < r->n; i++) {
        put_score(&r->scores[i], one_line, lines, out);
    }
    if (r->n == 0) {
        ly_buf_c(out, "not scored\n");
    }
    ly_buf_c(out, r->about->failed ? "\nfailed: " : "\noutput: ");
    ly_term_clean(out, ly_str_sub(r->about->failed ? r->about->error : r->about->output, 0, 8000),
                  lines);
    ly_buf_char(out, '\n');
}

/* What the suite calls the target. */
static void target_cell(ly_fill *f, const ly_json *targets, int64_t target)
{
    const ly_json *t = target >= 0 ? ly_json_at(targets, (size_t)target) : NULL;
    ly_str name = ly_json_str(ly_json_get(t, "name"));
    if (name.len > 0) {
        ly_fill_str(f, ly_str_sub(name, 0, 24));
    } else {
        ly_fill_fmt(f, "%lld", (long long)target);
    }
}

static void fill_case(ly_fill *f, const ranked *r, const ly_json *targets, ly_buf *detail)
{
    const ly_case *c = r->about;
    char hex[33];
    ly_fill_fmt(f, "%lld", (long long)c->row);
    target_cell(f, targets, c->target);
    ly_fill_fmt(f, "%lld", (long long)c->repeat + 1);
    if (isnan(r->mean)) {
        ly_fill_str(f, LY_S(""));
    } else {
        ly_fill_fmt(f, "%.3g", r->mean);
    }
    ly_fill_str(f, c->failed ? LY_S("failed") : LY_S("ok"));
    ly_fill_str(f, c->failed ? c->error : r->worst != NULL ? r->worst->reason : c->output);
    ly_buf_reset(detail);
    put_case(r, f->app->grid.unicode, detail);
    ly_fill_detail(f, ly_buf_view(detail));
    ly_hex_encode(c->trace_id.b, 16, hex);
    bool traced = memcmp(c->trace_id.b, (ly_trace_id){0}.b, 16) != 0;
    ly_fill_row(f, traced ? ly_str_c(hex) : LY_S(""), c->failed ? LY_INK_ERROR : LY_INK_TEXT);
}

static void load_cases(ly_app *app)
{
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_run run;
    ly_case *cases = NULL;
    ly_score *scores = NULL;
    ly_json *suite = NULL;
    ranked *order = NULL;
    size_t n = 0, n_scores = 0, from = 0;
    ly_buf text;
    if (!ly_fill_begin(&f, app, LY_SCREEN_EVALS, 6, LY_FILL_ROWS)) {
        return;
    }
    static const char *const heads[] = {"ROW", "TARGET", "TRY", "SCORE", "STATE", "WHY"};
    for (int c = 0; c < 6; c++) {
        ly_fill_head(&f, c, heads[c], c == 0 || c == 2 || c == 3);
    }
    f.t->view.flexible = 5;
    ly_arena_init(&arena, 0, LY_MIB(256));
    ly_buf_init(&text, LY_MIB(1));
    ly_status st = ly_run_get(app->store, ly_str_c(f.t->of), &arena, &run, &err);
    if (st == LY_OK) {
        st = ly_run_cases(app->store, run.run_id, &arena, &cases, &n, &err);
    }
    if (st == LY_OK) {
        st = ly_run_scores(app->store, run.run_id, &arena, &scores, &n_scores, &err);
    }
    if (st == LY_OK && (order = LY_ARENA_ARRAY(&arena, ranked, n + 1)) == NULL) {
        st = LY_NOMEM(&err);
    }
    if (!ly_fill_failed(&f, st, &err)) {
        if (ly_json_parse(run.suite, &arena, &suite, NULL) != LY_OK) {
            suite = NULL;
        }
        for (size_t i = 0; i < n; i++) {
            order[i] = rank_case(&cases[i], scores, n_scores, &from);
        }
        qsort(order, n, sizeof *order, worst_first);
        for (size_t i = 0; i < n && i < LY_FILL_ROWS; i++) {
            fill_case(&f, &order[i], ly_json_get(suite, "targets"), &text);
        }
        ly_buf_reset(&text);
        ly_buf_c(&text, "cases, worst first; Enter its trace, m all of it, Esc the runs   ");
        ly_term_clean(&text,
                      run.experiment.len > 0 ? ly_str_sub(run.experiment, 0, 80)
                                             : ly_str_n(f.t->of, 8),
                      ly_clean_flags(app->grid.unicode));
        if (n > LY_FILL_ROWS) {
            ly_buf_fmt(&text, "   the first %d of %zu", LY_FILL_ROWS, n);
        }
        f.t->view.title = ly_arena_copy(&f.t->arena, ly_buf_view(&text));
    }
    ly_buf_release(&text);
    ly_arena_release(&arena);
    ly_fill_end(&f, "This run has no finished cases yet.\n\nThey come here as they are done.");
}

static void load(ly_app *app, bool again)
{
    (void)again;
    if (app->tables[LY_SCREEN_EVALS].level > 0) {
        load_cases(app);
    } else {
        load_runs(app);
    }
}

/* The trace may be gone: retention, or a target that sends none. */
static void open_trace_of(ly_app *app, ly_str hex)
{
    ly_trace_id id;
    ly_trace_row row;
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_MIB(16));
    if (hex.len != 32 || !ly_hex_decode(hex, id.b, 16)) {
        ly_app_say(app, false, "this case has no trace");
    } else if (ly_store_trace_row(app->store, id, &arena, &row, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        ly_app_open_trace(app, id);
    }
    ly_arena_release(&arena);
}

static bool command(ly_app *app, ly_command command, int count)
{
    const ly_tables_state *t = &app->tables[LY_SCREEN_EVALS];
    if (command == LY_DO_OPEN && t->view.n_rows > 0) {
        if (t->level > 0) {
            open_trace_of(app, ly_fill_key(app));
        } else {
            ly_fill_down(app, ly_fill_key(app));
        }
        return true;
    }
    return ly_fill_command(app, command, count);
}

const ly_screen ly_screen_evals = {"Evals",      "Eval",  LY_ON_TABLE, load,
                                   ly_fill_draw, command, ly_fill_find};
