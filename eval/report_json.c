/* A report as JSON (report.h): unknown is null, never 0. */
#include <math.h>

#include "eval/report.h"
#include "text/jsonw.h"

static void interval(ly_jsonw *w, ly_interval v)
{
    ly_jsonw_key(w, "interval");
    if (!v.ok) {
        ly_jsonw_null(w);
        return;
    }
    ly_jsonw_array(w);
    ly_jsonw_double(w, v.lo);
    ly_jsonw_double(w, v.hi);
    ly_jsonw_array_end(w);
}

static void opt_i64(ly_jsonw *w, const char *key, int64_t v)
{
    if (v == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, key);
    } else {
        ly_jsonw_kv_i64(w, key, v);
    }
}

static void put_cell(ly_jsonw *w, const ly_report *r, size_t j, size_t t)
{
    const ly_report_cell *c = &r->cells[j * r->n_targets + t];
    ly_jsonw_object(w);
    ly_jsonw_kv_str(w, "judge", r->judges[j].name);
    ly_jsonw_kv_str(w, "target", r->targets[t].name);
    ly_jsonw_kv_i64(w, "rows", c->n_rows);
    ly_jsonw_kv_i64(w, "judgements", c->n_total);
    ly_jsonw_kv_i64(w, "scored", c->n_scored);
    ly_jsonw_kv_i64(w, "abstained", c->n_abstained);
    ly_jsonw_kv_i64(w, "unscored", c->n_unscored);
    ly_jsonw_key(w, "unscored_reasons");
    ly_jsonw_object(w);
    for (size_t i = 0; i < c->n_reasons; i++) {
        ly_jsonw_key_str(w, c->reasons[i].reason);
        ly_jsonw_i64(w, c->reasons[i].n);
    }
    ly_jsonw_object_end(w);
    ly_jsonw_kv_double(w, "mean", c->mean.mean);
    interval(w, c->mean.interval);
    ly_jsonw_kv_c(w, "method", c->mean.method);
    ly_jsonw_kv_double(w, "worst", c->worst);
    ly_jsonw_kv_double(w, "best", c->best);
    ly_jsonw_object_end(w);
}

static void put_pair(ly_jsonw *w, const ly_report *r, const ly_report_pair *p)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_str(w, "judge", r->judges[p->judge].name);
    ly_jsonw_kv_str(w, "baseline", r->targets[p->baseline].name);
    ly_jsonw_kv_str(w, "candidate", r->targets[p->candidate].name);
    ly_jsonw_kv_i64(w, "rows", (int64_t)p->c.n);
    ly_jsonw_kv_double(w, "difference", p->c.diff);
    interval(w, p->c.interval);
    ly_jsonw_kv_c(w, "interval_method", p->c.interval_method);
    ly_jsonw_kv_double(w, "p", p->c.p);
    ly_jsonw_kv_double(w, "p_holm", p->p_adjusted);
    ly_jsonw_kv_c(w, "test", p->c.test);
    ly_jsonw_kv_i64(w, "better", p->c.wins);
    ly_jsonw_kv_i64(w, "same", p->c.ties);
    ly_jsonw_kv_i64(w, "worse", p->c.losses);
    ly_jsonw_kv_double(w, "smallest_findable", p->c.mde);
    ly_jsonw_kv_c(w, "verdict", ly_verdict_name(p->verdict));
    ly_jsonw_object_end(w);
}

static void put_duel(ly_jsonw *w, const ly_report *r, const ly_report_duel *d)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_str(w, "judge", r->judges[d->judge].name);
    ly_jsonw_kv_str(w, "candidate", r->targets[d->candidate].name);
    ly_jsonw_kv_str(w, "against", r->targets[d->against].name);
    ly_jsonw_kv_i64(w, "judgements", d->n);
    ly_jsonw_kv_i64(w, "won", d->wins);
    ly_jsonw_kv_i64(w, "lost", d->losses);
    ly_jsonw_kv_i64(w, "tie", d->ties);
    ly_jsonw_kv_i64(w, "unsettled", d->unsettled);
    ly_jsonw_kv_i64(w, "abstained", d->abstained);
    ly_jsonw_kv_i64(w, "unscored", d->unscored);
    ly_jsonw_kv_double(w, "win_rate", d->win_rate);
    ly_jsonw_kv_double(w, "net", d->c.diff);
    interval(w, d->c.interval);
    ly_jsonw_kv_double(w, "p", d->c.p);
    ly_jsonw_key(w, "consistent");
    ly_jsonw_array(w);
    ly_jsonw_double(w, d->consistent.ok ? d->consistent.lo : NAN);
    ly_jsonw_double(w, d->consistent.ok ? d->consistent.hi : NAN);
    ly_jsonw_array_end(w);
    ly_jsonw_kv_i64(w, "first_favoured", d->first_favoured);
    ly_jsonw_kv_i64(w, "second_favoured", d->second_favoured);
    ly_jsonw_kv_double(w, "p_position", d->p_position);
    ly_jsonw_kv_i64(w, "longer_won", d->longer_won);
    ly_jsonw_kv_i64(w, "shorter_won", d->shorter_won);
    ly_jsonw_kv_double(w, "p_length", d->p_length);
    ly_jsonw_object_end(w);
}

static void put_ranking(ly_jsonw *w, const ly_report *r, size_t judge)
{
    const ly_rank *rank = r->judges[judge].rank;
    ly_jsonw_object(w);
    ly_jsonw_kv_str(w, "judge", r->judges[judge].name);
    ly_jsonw_kv_bool(w, "smoothed", rank->smoothed);
    ly_jsonw_key(w, "targets");
    ly_jsonw_array(w);
    for (size_t i = 0; i < rank->n; i++) {
        ly_rank_gap gap = ly_rank_difference(rank, i, r->baseline, r->level, rank->n - 1);
        ly_jsonw_object(w);
        ly_jsonw_kv_str(w, "target", r->targets[i].name);
        ly_jsonw_kv_double(w, "elo", rank->elo[i]);
        ly_jsonw_kv_double(w, "beta", rank->beta[i]);
        ly_jsonw_kv_double(w, "se", rank->se[i]);
        if (i != r->baseline) {
            ly_jsonw_kv_double(w, "over_baseline", gap.diff);
            interval(w, gap.interval);
        }
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
    ly_jsonw_object_end(w);
}

ly_status ly_report_json(const ly_report *report, ly_buf *out, ly_err *err)
{
    const ly_report *r = report;
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "run", r->run_hex);
    ly_jsonw_kv_str(&w, "experiment", r->run.experiment);
    ly_jsonw_kv_str(&w, "state", r->run.state);
    ly_jsonw_key(&w, "dataset");
    ly_jsonw_fmt(&w, "%.*s@%lld", LY_STR_ARG(r->run.dataset), (long long)r->run.dataset_number);
    ly_jsonw_kv_i64(&w, "rows", r->n_rows);
    ly_jsonw_kv_i64(&w, "repeat", r->repeat);
    ly_jsonw_kv_i64(&w, "cases", r->run.n_cases);
    ly_jsonw_kv_i64(&w, "cases_expected", r->n_expected);
    ly_jsonw_kv_i64(&w, "cases_failed", r->run.n_failed);
    opt_i64(&w, "cost_pico", r->run.cost_pico);
    ly_jsonw_kv_double(&w, "level", r->level);
    ly_jsonw_kv_double(&w, "margin", r->margin);
    ly_jsonw_key(&w, "targets");
    ly_jsonw_array(&w);
    for (size_t t = 0; t < r->n_targets; t++) {
        const ly_report_target *x = &r->targets[t];
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "name", x->name);
        ly_jsonw_kv_str(&w, "prompt", x->prompt);
        ly_jsonw_kv_str(&w, "model", x->model);
        ly_jsonw_kv_i64(&w, "cases", x->n_cases);
        ly_jsonw_kv_i64(&w, "failed", x->n_failed);
        ly_jsonw_kv_double(&w, "latency_p50_ns", x->p50_ns);
        ly_jsonw_kv_double(&w, "latency_p95_ns", x->p95_ns);
        opt_i64(&w, "tokens_in", x->tokens_in);
        opt_i64(&w, "tokens_out", x->tokens_out);
        opt_i64(&w, "cost_pico", x->cost_pico);
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_key(&w, "scores");
    ly_jsonw_array(&w);
    for (size_t j = 0; j < r->n_judges; j++) {
        for (size_t t = 0; t < r->n_targets; t++) {
            put_cell(&w, r, j, t);
        }
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_key(&w, "comparisons");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < r->n_pairs; i++) {
        put_pair(&w, r, &r->pairs[i]);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_key(&w, "pairwise");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < r->n_duels; i++) {
        put_duel(&w, r, &r->duels[i]);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_key(&w, "rankings");
    ly_jsonw_array(&w);
    for (size_t j = 0; j < r->n_judges; j++) {
        if (r->judges[j].rank) {
            put_ranking(&w, r, j);
        }
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_object_end(&w);
    return ly_jsonw_end(&w, err);
}
