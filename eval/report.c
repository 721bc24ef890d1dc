/* Reports: see report.h. */
#include "eval/report_i.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"

/* ---- the suite's words, without resolving models ------------------------------------------------------- */

static ly_status read_suite(ly_report *r, const ly_report_opts *opts, ly_arena *arena, ly_err *err)
{
    ly_json *doc = NULL;
    int64_t limit = 0;
    ly_status st = ly_json_parse(r->run.suite, arena, &doc, err);
    if (st) {
        (void)ly_err_wrap(err, "stored suite of run %.8s", r->run_hex);
        return st;
    }
    const ly_json *targets = ly_json_get(doc, "targets"), *judges = ly_json_get(doc, "judges");
    r->n_targets = ly_json_count(targets);
    r->n_judges = ly_json_count(judges);
    r->targets = LY_ARENA_ARRAY(arena, ly_report_target, r->n_targets + 1);
    r->judges = LY_ARENA_ARRAY(arena, ly_report_judge, r->n_judges + 1);
    if (!r->targets || !r->judges) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < r->n_targets; i++) {
        const ly_json *t = ly_json_at(targets, i);
        r->targets[i].name = ly_json_str(ly_json_get(t, "name"));
        r->targets[i].model = ly_json_str(ly_json_get(t, "model"));
        r->targets[i].prompt = ly_json_str(ly_json_get(t, "prompt"));
        if (r->targets[i].prompt.len == 0) {
            r->targets[i].prompt = ly_json_str(ly_json_get(t, "spec"));
        }
    }
    for (size_t i = 0; i < r->n_judges; i++) {
        const ly_json *j = ly_json_at(judges, i);
        r->judges[i].name = ly_json_str(ly_json_get(j, "name"));
        r->judges[i].hash = ly_json_str(ly_json_get(j, "hash"));
        (void)ly_json_bool(ly_json_get(j, "llm"), &r->judges[i].llm);
        (void)ly_json_bool(ly_json_get(j, "pairwise"), &r->judges[i].pairwise);
    }
    r->repeat = 1;
    r->level = 0.95;
    (void)ly_json_i64(ly_json_get(doc, "repeat"), &r->repeat);
    (void)ly_json_i64(ly_json_get(doc, "limit"), &limit);
    (void)ly_json_double(ly_json_get(doc, "level"), &r->level);
    (void)ly_json_double(ly_json_get(doc, "margin"), &r->margin);
    r->gate = ly_json_str(ly_json_get(doc, "gate"));
    r->judge_model = ly_json_str(ly_json_get(doc, "judge_model"));
    r->level = opts && opts->level > 0 ? opts->level : r->level;
    r->margin = opts && opts->margin > 0 ? opts->margin : r->margin;
    ly_str baseline =
        opts && opts->baseline.len ? opts->baseline : ly_json_str(ly_json_get(doc, "baseline"));
    bool found = baseline.len == 0;
    for (size_t i = 0; i < r->n_targets; i++) {
        if (baseline.len && ly_str_eq(baseline, r->targets[i].name)) {
            r->baseline = i;
            found = true;
        }
    }
    if (!found) {
        return LY_FAIL(err, LY_E_NOTFOUND, "run %.8s has no target %.*s", r->run_hex,
                       LY_STR_ARG(ly_str_sub(baseline, 0, 160)));
    }
    r->n_rows = limit > 0 && limit < r->run.n_rows ? limit : r->run.n_rows;
    r->n_expected = r->n_rows * (int64_t)r->n_targets * r->repeat;
    return LY_OK;
}

/* ---- cells --------------------------------------------------------------------------------------------------- */

static ly_status count_reason(ly_report_cell *cell, ly_str detail, ly_arena *work, ly_arena *arena,
                              ly_err *err)
{
    ly_json *doc = NULL;
    ly_str reason = LY_S("unknown");
    ly_arena_reset(work);
    if (detail.len && ly_json_parse(detail, work, &doc, NULL) == LY_OK) {
        ly_str r = ly_json_str(ly_json_get(doc, "unscored"));
        reason = r.len ? r : reason;
    }
    for (size_t i = 0; i < cell->n_reasons; i++) {
        if (ly_str_eq(cell->reasons[i].reason, reason)) {
            cell->reasons[i].n++;
            return LY_OK;
        }
    }
    ly_reason_count *more = LY_ARENA_ARRAY(arena, ly_reason_count, cell->n_reasons + 1);
    if (!more) {
        return LY_NOMEM(err);
    }
    if (cell->n_reasons) {
        memcpy(more, cell->reasons, cell->n_reasons * sizeof *more);
    }
    more[cell->n_reasons] = (ly_reason_count){ly_arena_copy(arena, reason), 1};
    cell->reasons = more;
    cell->n_reasons++;
    return LY_OK;
}

typedef struct filling {
    ly_report *r;
    ly_arena *arena, work;
    double *sums;
    int64_t *counts;
} filling;

static ly_status take_score(void *user, const ly_score *s, ly_err *err)
{
    filling *f = user;
    ly_report *r = f->r;
    size_t j = 0;
    while (j < r->n_judges && !ly_str_eq(r->judges[j].name, s->name)) {
        j++;
    }
    /* What a person said of a case is a label, not a judgement of the run. */
    if (s->source == LY_SCORE_HUMAN || j == r->n_judges || s->target < 0 ||
        s->target >= (int64_t)r->n_targets || s->row < 0 || s->row >= r->n_rows) {
        return LY_OK;
    }
    if (r->judges[j].pairwise) {
        ly_status st = ly_duel_take(r, j, s, &f->work, f->arena, err);
        if (st) {
            return st;
        }
    }
    size_t at = j * r->n_targets + (size_t)s->target;
    ly_report_cell *cell = &r->cells[at];
    cell->n_total++;
    if (s->outcome == LY_SCORED && isfinite(s->value)) {
        cell->n_scored++;
        f->sums[at * (size_t)r->n_rows + (size_t)s->row] += s->value;
        f->counts[at * (size_t)r->n_rows + (size_t)s->row]++;
        r->judges[j].unit = r->judges[j].unit && s->value >= 0 && s->value <= 1;
        return LY_OK;
    }
    if (s->outcome == LY_ABSTAINED) {
        cell->n_abstained++;
        return LY_OK;
    }
    cell->n_unscored++;
    return count_reason(cell, s->detail, &f->work, f->arena, err);
}

static ly_status fill_cells(ly_report *r, ly_store *store, ly_arena *arena, ly_err *err)
{
    size_t cells = r->n_judges * r->n_targets, rows = (size_t)r->n_rows;
    filling f = {.r = r, .arena = arena};
    ly_status st = LY_OK;
    ly_arena_init(&f.work, 0, 0);
    r->cells = LY_ARENA_ARRAY(arena, ly_report_cell, cells + 1);
    f.sums = ly_calloc(cells * rows + 1, sizeof *f.sums);
    f.counts = ly_calloc(cells * rows + 1, sizeof *f.counts);
    if (!r->cells || !f.sums || !f.counts) {
        st = LY_NOMEM(err);
        goto out;
    }
    st = ly_run_each_score(store, r->run.run_id, take_score, &f, err);
    for (size_t at = 0; at < cells && !st; at++) {
        double *v = LY_ARENA_ARRAY(arena, double, rows + 1);
        if (!v) {
            st = LY_NOMEM(err);
            break;
        }
        for (size_t k = 0; k < rows; k++) {
            int64_t c = f.counts[at * rows + k];
            v[k] = c ? f.sums[at * rows + k] / (double)c : NAN;
            r->cells[at].n_rows += c > 0;
        }
        r->cells[at].row_values = v;
    }
out:
    ly_free(f.sums);
    ly_free(f.counts);
    ly_arena_release(&f.work);
    return st;
}

static ly_status estimate_cells(ly_report *r, ly_err *err)
{
    double *x = ly_calloc((size_t)r->n_rows + 1, sizeof *x);
    ly_status st = x ? LY_OK : LY_NOMEM(err);
    for (size_t at = 0; at < r->n_judges * r->n_targets && !st; at++) {
        ly_report_cell *cell = &r->cells[at];
        size_t n = 0;
        double sum = 0;
        for (int64_t k = 0; k < r->n_rows; k++) {
            if (!isnan(cell->row_values[k])) {
                x[n++] = cell->row_values[k];
                sum += cell->row_values[k];
            }
        }
        ly_prng rng;
        ly_prng_stream(&rng, 1, r->judges[at / r->n_targets].name, LY_S("mean"));
        st = ly_estimate_mean(x, n, r->level, &rng, &cell->mean, err);
        double all = (double)(cell->n_scored + cell->n_unscored);
        double mean = n ? sum / (double)n : 0, scored = (double)cell->n_scored;
        cell->worst = all > 0 ? mean * scored / all : NAN;
        cell->best = all > 0 ? (mean * scored + (double)cell->n_unscored) / all : NAN;
    }
    ly_free(x);
    return st;
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

/* Compares two columns of row values where both are there. */
static ly_status compare_columns(const double *a, const double *b, size_t rows, double level,
                                 double margin, ly_str judge, ly_comparison *ret, ly_err *err)
{
    double *x = ly_calloc(2 * rows + 2, sizeof *x);
    size_t n = 0;
    if (!x) {
        return LY_NOMEM(err);
    }
    double *y = x + rows + 1;
    for (size_t k = 0; k < rows; k++) {
        if (!isnan(a[k]) && !isnan(b[k])) {
            x[n] = a[k];
            y[n++] = b[k];
        }
    }
    ly_prng rng;
    ly_prng_stream(&rng, 1, judge, LY_S("compare"));
    ly_compare_opts opts = {.level = level, .margin = margin};
    ly_status st = ly_compare(x, y, n, &opts, &rng, ret, err);
    ly_free(x);
    return st;
}

static ly_status adjust_pairs(ly_report *r, ly_err *err)
{
    double *p = ly_calloc(r->n_pairs + 1, sizeof *p);
    if (!p) {
        return LY_NOMEM(err);
    }
    size_t m = 0;
    for (size_t i = 0; i < r->n_pairs; i++) {
        if (!isnan(r->pairs[i].c.p)) {
            p[m++] = r->pairs[i].c.p;
        }
    }
    ly_holm(p, m, p);
    m = 0;
    for (size_t i = 0; i < r->n_pairs; i++) {
        ly_report_pair *pair = &r->pairs[i];
        pair->p_adjusted = isnan(pair->c.p) ? NAN : p[m++];
        pair->verdict = pair->c.verdict;
        bool direction =
            pair->verdict == LY_VERDICT_IMPROVED || pair->verdict == LY_VERDICT_REGRESSED;
        if (direction && !(pair->p_adjusted <= 1 - r->level)) {
            pair->verdict = LY_VERDICT_INCONCLUSIVE;
        }
    }
    ly_free(p);
    return LY_OK;
}

static ly_status make_pairs(ly_report *r, ly_arena *arena, ly_err *err)
{
    ly_status st = LY_OK;
    r->pairs = LY_ARENA_ARRAY(arena, ly_report_pair, r->n_judges * r->n_targets + 1);
    if (!r->pairs) {
        return LY_NOMEM(err);
    }
    for (size_t j = 0; j < r->n_judges && !st; j++) {
        for (size_t t = 0; t < r->n_targets && !st; t++) {
            if (t == r->baseline) {
                continue;
            }
            const ly_report_duel *d = ly_duel_find(r, j, t, r->baseline);
            if (r->judges[j].pairwise && !d) {
                continue;
            }
            ly_report_pair *p = &r->pairs[r->n_pairs++];
            p->judge = j;
            p->baseline = r->baseline;
            p->candidate = t;
            if (d) {
                p->c = d->c;
                continue;
            }
            st = compare_columns(r->cells[j * r->n_targets + r->baseline].row_values,
                                 r->cells[j * r->n_targets + t].row_values, (size_t)r->n_rows,
                                 r->level, r->margin, r->judges[j].name, &p->c, err);
        }
    }
    return st ? st : adjust_pairs(r, err);
}

/* ---- targets ------------------------------------------------------------------------------------------------------ */

static void add_known(int64_t *sum, int64_t v)
{
    if (v != LY_UNKNOWN) {
        *sum = (*sum == LY_UNKNOWN ? 0 : *sum) + v;
    }
}

typedef struct durations {
    double *x;
    size_t n, cap;
} durations;

typedef struct target_sums {
    ly_report *r;
    durations *of; /* one a target */
} target_sums;

static ly_status take_case(void *user, const ly_case *c, ly_err *err)
{
    target_sums *t = user;
    if (c->target < 0 || c->target >= (int64_t)t->r->n_targets) {
        return LY_OK;
    }
    ly_report_target *target = &t->r->targets[c->target];
    durations *d = &t->of[c->target];
    target->n_cases++;
    target->n_failed += c->failed;
    add_known(&target->tokens_in, c->tokens_in);
    add_known(&target->tokens_out, c->tokens_out);
    add_known(&target->cost_pico, c->cost_pico);
    if (c->duration_ns != LY_UNKNOWN) {
        if (!ly_grow(&d->x, &d->cap, d->n + 1, SIZE_MAX / sizeof *d->x, sizeof *d->x)) {
            return LY_NOMEM(err);
        }
        d->x[d->n++] = (double)c->duration_ns;
    }
    return LY_OK;
}

static ly_status fill_targets(ly_report *r, ly_store *store, ly_arena *arena, ly_err *err)
{
    target_sums t = {r, LY_ARENA_ARRAY(arena, durations, r->n_targets + 1)};
    if (!t.of) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < r->n_targets; i++) {
        r->targets[i].tokens_in = r->targets[i].tokens_out = r->targets[i].cost_pico = LY_UNKNOWN;
    }
    ly_status st = ly_run_each_case(store, r->run.run_id, take_case, &t, err);
    for (size_t i = 0; i < r->n_targets; i++) {
        ly_sort_doubles(t.of[i].x, t.of[i].n);
        r->targets[i].p50_ns = ly_quantile_sorted(t.of[i].x, t.of[i].n, 0.5);
        r->targets[i].p95_ns = ly_quantile_sorted(t.of[i].x, t.of[i].n, 0.95);
        ly_free(t.of[i].x);
    }
    return st;
}

ly_status ly_report_load(ly_store *store, ly_str run, const ly_report_opts *opts, ly_arena *arena,
                         ly_report **ret, ly_err *err)
{
    ly_report *r = LY_ARENA_NEW(arena, ly_report);
    if (!r) {
        return LY_NOMEM(err);
    }
    ly_status st = ly_run_get(store, run, arena, &r->run, err);
    if (st) {
        return st;
    }
    ly_hex_encode(r->run.run_id, 16, r->run_hex);
    st = read_suite(r, opts, arena, err);
    for (size_t j = 0; !st && j < r->n_judges; j++) {
        r->judges[j].unit = true;
    }
    if (!st) {
        st = fill_cells(r, store, arena, err);
    }
    if (!st) {
        st = estimate_cells(r, err);
    }
    if (!st) {
        st = fill_targets(r, store, arena, err);
    }
    if (!st) {
        st = ly_duel_finish(r, arena, err);
    }
    if (!st) {
        st = make_pairs(r, arena, err);
    }
    if (!st) {
        *ret = r;
    }
    return st;
}

/* ---- two runs --------------------------------------------------------------------------------------------------------- */

static size_t judge_like(const ly_report *r, const ly_report_judge *like)
{
    for (size_t i = 0; i < r->n_judges; i++) {
        if (ly_str_eq(r->judges[i].name, like->name) && ly_str_eq(r->judges[i].hash, like->hash)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* A report whose first target is the baseline's, followed by the candidate's targets. */
static ly_status merge(const ly_report *a, const ly_report *b, ly_arena *arena, ly_report *r,
                       ly_str *ret_note, ly_err *err)
{
    ly_buf note;
    ly_status st = LY_OK;
    ly_buf_init(&note, 4096);
    *r = *b;
    r->n_targets = 1 + b->n_targets;
    r->baseline = 0;
    r->n_pairs = 0;
    r->n_duels = 0; /* outputs of different runs were never shown together */
    r->n_judges = 0;
    r->targets = LY_ARENA_ARRAY(arena, ly_report_target, r->n_targets + 1);
    r->judges = LY_ARENA_ARRAY(arena, ly_report_judge, b->n_judges + 1);
    r->cells = LY_ARENA_ARRAY(arena, ly_report_cell, (b->n_judges + 1) * r->n_targets);
    if (!r->targets || !r->judges || !r->cells) {
        return LY_NOMEM(err);
    }
    r->targets[0] = a->targets[a->baseline];
    r->targets[0].name =
        ly_arena_fmt(arena, "%.8s:%.*s", a->run_hex, LY_STR_ARG(r->targets[0].name));
    for (size_t t = 0; t < b->n_targets; t++) {
        r->targets[t + 1] = b->targets[t];
        r->targets[t + 1].name =
            ly_arena_fmt(arena, "%.8s:%.*s", b->run_hex, LY_STR_ARG(b->targets[t].name));
    }
    for (size_t j = 0; j < b->n_judges; j++) {
        size_t old = b->judges[j].pairwise ? SIZE_MAX : judge_like(a, &b->judges[j]);
        if (old == SIZE_MAX) {
            ly_buf_fmt(&note, "%s%.*s", note.len ? ", " : "", LY_STR_ARG(b->judges[j].name));
            continue;
        }
        ly_report_cell *cells = &r->cells[r->n_judges * r->n_targets];
        cells[0] = a->cells[old * a->n_targets + a->baseline];
        memcpy(cells + 1, &b->cells[j * b->n_targets], b->n_targets * sizeof *cells);
        r->judges[r->n_judges++] = b->judges[j];
    }
    *ret_note = ly_arena_copy(arena, ly_buf_view(&note));
    if (r->n_judges == 0) {
        st = LY_FAIL(err, LY_E_INVALID,
                     "the runs %.8s and %.8s have no judge in common (same name and same version)",
                     a->run_hex, b->run_hex);
    }
    ly_buf_release(&note);
    return st;
}

ly_status ly_report_compare(ly_store *store, ly_str baseline, ly_str candidate,
                            const ly_report_opts *opts, ly_arena *arena, ly_report **ret,
                            ly_str *ret_note, ly_err *err)
{
    ly_report *a = NULL, *b = NULL, *r = LY_ARENA_NEW(arena, ly_report);
    ly_report_opts second = opts ? *opts : (ly_report_opts){0};
    second.baseline = LY_STR_NONE;
    if (!r) {
        return LY_NOMEM(err);
    }
    ly_status st = ly_report_load(store, baseline, opts, arena, &a, err);
    if (!st) {
        st = ly_report_load(store, candidate, &second, arena, &b, err);
    }
    if (st) {
        return st;
    }
    if (memcmp(a->run.run_id, b->run.run_id, sizeof a->run.run_id) == 0) {
        return LY_FAIL(err, LY_E_INVALID,
                       "%.*s and %.*s are one run, %.8s: name two; `lydite eval show` compares the "
                       "targets of one",
                       LY_STR_ARG(baseline), LY_STR_ARG(candidate), a->run_hex);
    }
    if (!ly_str_eq(a->run.dataset, b->run.dataset) ||
        a->run.dataset_number != b->run.dataset_number || a->n_rows != b->n_rows) {
        return LY_FAIL(err, LY_E_INVALID,
                       "the runs are not over the same rows: %.*s@%lld (%lld) and %.*s@%lld (%lld)",
                       LY_STR_ARG(a->run.dataset), (long long)a->run.dataset_number,
                       (long long)a->n_rows, LY_STR_ARG(b->run.dataset),
                       (long long)b->run.dataset_number, (long long)b->n_rows);
    }
    st = merge(a, b, arena, r, ret_note, err);
    if (!st) {
        st = make_pairs(r, arena, err);
    }
    if (!st) {
        *ret = r;
    }
    return st;
}
