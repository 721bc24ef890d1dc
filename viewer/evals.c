/* The evals screen: runs, and inside a run its cases, worst first, each with its scores and reasons. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/term.h"
#include "base/utf8.h"
#include "store/run.h"
#include "text/json.h"
#include "viewer/case_row.h"
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
    static const uint8_t ranks[] = {3, 0, 6, 7, 4, 2, 5, 1};
    for (int c = 0; c < (int)LY_COUNT(ranks); c++) {
        ly_fill_rank(&f, c, ranks[c]);
    }
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
    double delta;          /* mean less that of target 0 for the same row and try; NaN = unknown */
} ranked;

/* Judges with a column of their own. */
#define MAX_JUDGES 3
#define HEAD_CELLS 14 /* of a judge's name above its column */

/* What the table of cases is made of. */
typedef struct cases {
    ly_arena arena;
    ly_run run;
    ly_case *items;
    ly_score *scores;
    ranked *order;
    size_t n, n_scores;
    const ly_json *targets;
    ly_str judges[MAX_JUDGES];
    size_t n_judges;
    bool several_targets;
} cases;

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
    r.delta = NAN;
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

/* The case under the table: what was asked, what the target answered, scores with reasons. */
static void put_case(ly_app *app, const cases *all, const ranked *r, ly_buf *out)
{
    bool unicode = app->grid.unicode;
    unsigned one_line = ly_clean_flags(unicode);
    unsigned lines = LY_TERM_LINES | (unicode ? 0u : (unsigned)LY_TERM_ASCII);
    ly_case_row(app->store, all->run.dataset, all->run.dataset_number, r->about->row, lines, out);
    ly_buf_c(out, r->about->failed ? "failed: " : "output: ");
    ly_term_clean(out, ly_str_sub(r->about->failed ? r->about->error : r->about->output, 0, 8000),
                  lines);
    ly_buf_c(out, "\n\n");
    for (size_t i = 0; i < r->n; i++) {
        put_score(&r->scores[i], one_line, lines, out);
    }
    if (r->n == 0) {
        ly_buf_c(out, "not scored\n");
    }
    if (!isnan(r->delta)) {
        ly_buf_fmt(out, "\nmean score %.3g, %+.3g against the first target\n", r->mean, r->delta);
    }
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

static double score_of(const ranked *r, ly_str judge)
{
    for (size_t i = 0; i < r->n; i++) {
        if (ly_str_eq(r->scores[i].name, judge)) {
            return r->scores[i].outcome == LY_SCORED ? r->scores[i].value : NAN;
        }
    }
    return NAN;
}

static void number_cell(ly_fill *f, double v, const char *format)
{
    if (isnan(v)) {
        ly_fill_str(f, LY_S(""));
    } else {
        char text[40];
        (void)snprintf(text, sizeof text, format, v);
        ly_fill_str(f, ly_str_c(text));
    }
}

static void fill_case(ly_fill *f, const cases *all, const ranked *r, ly_buf *detail)
{
    const ly_case *c = r->about;
    char hex[33];
    ly_fill_fmt(f, "%lld", (long long)c->row);
    target_cell(f, all->targets, c->target);
    ly_fill_fmt(f, "%lld", (long long)c->repeat + 1);
    number_cell(f, r->mean, "%.3g");
    if (all->several_targets) {
        number_cell(f, r->delta, "%+.3g");
    }
    for (size_t k = 0; all->n_judges > 1 && k < all->n_judges; k++) {
        number_cell(f, score_of(r, all->judges[k]), "%.3g");
    }
    ly_fill_str(f, c->failed ? LY_S("failed") : LY_S("ok"));
    ly_fill_str(f, c->failed ? c->error : r->worst != NULL ? r->worst->reason : c->output);
    ly_buf_reset(detail);
    put_case(f->app, all, r, detail);
    ly_fill_detail(f, ly_buf_view(detail));
    ly_hex_encode(c->trace_id.b, 16, hex);
    bool traced = memcmp(c->trace_id.b, (ly_trace_id){0}.b, 16) != 0;
    ly_fill_row(f, traced ? ly_str_c(hex) : LY_S(""), c->failed ? LY_INK_ERROR : LY_INK_TEXT);
}

/* The first target is what the others are held against. Cases come by row, target and try. */
static void find_deltas(cases *all)
{
    for (size_t i = 0, base = 0; i < all->n; i++) {
        const ly_case *c = &all->items[i];
        if (c->row != all->items[base].row) {
            base = i;
        }
        for (size_t k = base; c->target > 0 && k < i; k++) {
            const ly_case *b = &all->items[k];
            if (b->target == 0 && b->repeat == c->repeat) {
                all->order[i].delta = all->order[i].mean - all->order[k].mean;
                break;
            }
        }
        all->several_targets = all->several_targets || c->target > 0;
    }
}

static void find_judges(cases *all)
{
    for (size_t i = 0; i < all->n_scores && all->n_judges < MAX_JUDGES; i++) {
        bool known = false;
        for (size_t k = 0; k < all->n_judges; k++) {
            known = known || ly_str_eq(all->judges[k], all->scores[i].name);
        }
        if (!known) {
            all->judges[all->n_judges++] = all->scores[i].name;
        }
    }
}

static ly_status read_cases(ly_app *app, ly_str run, cases *all, ly_err *err)
{
    ly_json *suite = NULL;
    size_t from = 0;
    ly_status st = ly_run_get(app->store, run, &all->arena, &all->run, err);
    if (st == LY_OK) {
        st = ly_run_cases(app->store, all->run.run_id, &all->arena, &all->items, &all->n, err);
    }
    if (st == LY_OK) {
        st = ly_run_scores(app->store, all->run.run_id, &all->arena, &all->scores, &all->n_scores,
                           err);
    }
    if (st != LY_OK) {
        return st;
    }
    all->order = LY_ARENA_ARRAY(&all->arena, ranked, all->n + 1);
    if (all->order == NULL) {
        return LY_NOMEM(err);
    }
    if (ly_json_parse(all->run.suite, &all->arena, &suite, NULL) == LY_OK) {
        all->targets = ly_json_get(suite, "targets");
    }
    for (size_t i = 0; i < all->n; i++) {
        all->order[i] = rank_case(&all->items[i], all->scores, all->n_scores, &from);
    }
    find_deltas(all);
    find_judges(all);
    qsort(all->order, all->n, sizeof *all->order, worst_first);
    return LY_OK;
}

/* The judge's name, cut with the mark where it is long. */
static const char *judge_head(ly_fill *f, ly_str judge)
{
    unsigned flags = ly_clean_flags(f->app->grid.unicode);
    ly_buf clean, head;
    ly_buf_init(&clean, LY_KIB(4));
    ly_buf_init(&head, LY_KIB(4));
    ly_term_clean(&clean, ly_utf8_cut(judge, 256), flags);
    ly_term_fit(&head, ly_buf_view(&clean), HEAD_CELLS, false, flags);
    const char *text = ly_arena_copy(&f->t->arena, ly_buf_view(&head)).ptr;
    ly_buf_release(&head);
    ly_buf_release(&clean);
    return text != NULL ? text : "SCORE";
}

static void cases_heads(ly_fill *f, const cases *all)
{
    int c = 0;
    ly_fill_head(f, c++, "ROW", true);
    ly_fill_rank(f, c, 4);
    ly_fill_head(f, c++, "TARGET", false);
    ly_fill_rank(f, c, 9);
    ly_fill_head(f, c++, "TRY", true);
    ly_fill_head(f, c++, all->n_judges == 1 ? judge_head(f, all->judges[0]) : "MEAN", true);
    if (all->several_targets) {
        ly_fill_rank(f, c, 3);
        ly_fill_head(f, c++, "DELTA", true);
    }
    for (size_t k = 0; all->n_judges > 1 && k < all->n_judges; k++) {
        ly_fill_rank(f, c, 6 + (unsigned)k);
        ly_fill_head(f, c++, judge_head(f, all->judges[k]), true);
    }
    ly_fill_rank(f, c, 5);
    ly_fill_head(f, c++, "STATE", false);
    f->t->view.flexible = c;
    ly_fill_head(f, c++, "WHY", false);
    f->t->view.n_cols = c;
}

static void load_cases(ly_app *app)
{
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_buf text;
    cases all = {.n_judges = 0};
    if (!ly_fill_begin(&f, app, LY_SCREEN_EVALS, LY_TABLE_COLS, LY_FILL_ROWS)) {
        return;
    }
    ly_arena_init(&all.arena, 0, LY_MIB(256));
    ly_buf_init(&text, LY_MIB(1));
    ly_status st = read_cases(app, ly_str_c(f.t->of), &all, &err);
    cases_heads(&f, &all);
    if (!ly_fill_failed(&f, st, &err)) {
        for (size_t i = 0; i < all.n && i < LY_FILL_ROWS; i++) {
            fill_case(&f, &all, &all.order[i], &text);
        }
        ly_buf_reset(&text);
        ly_buf_c(&text, "cases, worst first; Enter its trace, m all of it, Esc the runs   ");
        ly_term_clean(&text,
                      all.run.experiment.len > 0 ? ly_str_sub(all.run.experiment, 0, 80)
                                                 : ly_str_n(f.t->of, 8),
                      ly_clean_flags(app->grid.unicode));
        if (all.n > LY_FILL_ROWS) {
            ly_buf_fmt(&text, "   the first %d of %zu", LY_FILL_ROWS, all.n);
        }
        f.t->view.title = ly_arena_copy(&f.t->arena, ly_buf_view(&text));
    }
    ly_buf_release(&text);
    ly_arena_release(&all.arena);
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
    if ((command == LY_DO_OPEN || (command == LY_DO_USES && t->level > 0)) && t->view.n_rows > 0) {
        if (t->level > 0) {
            open_trace_of(app, ly_fill_key(app));
        } else {
            ly_fill_down(app, ly_fill_key(app));
        }
        return true;
    }
    if (command == LY_DO_USES) {
        ly_app_say(app, false, "Enter shows the cases; each has its trace");
        return true;
    }
    return ly_fill_command(app, command, count);
}

static bool value(ly_app *app, ly_copied kind, ly_buf *out)
{
    const ly_tables_state *t = &app->tables[LY_SCREEN_EVALS];
    if (kind == LY_COPIED_FILTER && t->level > 0 && ly_fill_key(app).len == 32) {
        ly_buf_fmt(out, "trace:%.*s", LY_STR_ARG(ly_fill_key(app)));
        return true;
    }
    return ly_fill_value(app, kind, out);
}

const ly_screen ly_screen_evals = {"Evals",      "Eval",  LY_ON_EVALS,  load,
                                   ly_fill_draw, command, ly_fill_find, value};
