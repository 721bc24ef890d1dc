/* Cases and comparisons on their way: see run.h. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "eval/run_i.h"

/* ---- cases --------------------------------------------------------------------------------------------------- */

void ly_active_free(ly_active *c)
{
    ly_arena_release(&c->arena);
    ly_free(c);
}

/* A case's own scores, moved to the front: pairwise judges have none of it. */
static size_t scores_of(ly_active *c)
{
    size_t n = 0;
    for (size_t i = 0; i < (c->pair ? 1 : c->e->suite->n_judges); i++) {
        if (c->scores[i].name.len) {
            c->scores[n++] = c->scores[i];
        }
    }
    return n;
}

/* All judgements are in: to be written, or dropped. */
static void case_end(ly_active *c)
{
    ly_engine *e = c->e;
    e->n_active--;
    if (c->discard) {
        ly_active_free(c);
        return;
    }
    c->about.done_ns = ly_wall_ns();
    ly_write_batch *b = e->batch;
    if (!ly_grow(&b->cases, &b->cap, b->n + 1, 1 << 20, sizeof *b->cases) ||
        !ly_grow(&b->owners, &b->cap_owners, b->n + 1, 1 << 20, sizeof *b->owners)) {
        ly_err err = LY_ERR_INIT;
        ly_engine_fail(e, LY_NOMEM(&err), &err);
        ly_active_free(c);
        return;
    }
    if (e->rec && !c->pair) {
        ly_record_case(e->rec, &c->place, &e->suite->targets[c->target], c->row, c->key, c->repeat,
                       c->input, c->about.output, c->about.error);
    }
    b->cases[b->n] = (ly_case_done){c->about, c->scores, scores_of(c), c->pair};
    b->owners[b->n++] = c;
}

static void case_let_go(ly_active *c)
{
    if (--c->waiting == 0) {
        case_end(c);
    }
}

static bool cut_off(const ly_engine *e, ly_llm_outcome outcome)
{
    return outcome == LY_LLM_CANCELLED || ly_llm_outcome_stops(outcome) ||
           (e->stopping && e->end == LY_EVAL_PROVIDER && outcome != LY_LLM_OK);
}

static void set_score(ly_active *c, size_t judge, const ly_judgement *j)
{
    const ly_judge *judge_of = c->e->suite->judges[judge];
    ly_score *s = &c->scores[c->pair ? 0 : judge];
    ly_buf detail;
    ly_buf_init(&detail, LY_KIB(16));
    *s = (ly_score){.trace_id = c->pair ? c->about.trace_id : c->place.trace,
                    .name = ly_judge_name(judge_of),
                    .value = j->value,
                    .label = ly_arena_copy(&c->arena, j->label),
                    .reason = ly_arena_copy(&c->arena, j->reason),
                    .source = ly_judge_is_llm(judge_of) ? LY_SCORE_JUDGE : LY_SCORE_CHECK,
                    .outcome = j->outcome};
    if (ly_judgement_detail(judge_of, j, &detail, NULL) == LY_OK) {
        s->detail = ly_arena_copy(&c->arena, ly_buf_view(&detail));
    }
    ly_buf_release(&detail);
    if (j->cost_pico != LY_UNKNOWN) {
        c->about.cost_pico =
            (c->about.cost_pico == LY_UNKNOWN ? 0 : c->about.cost_pico) + j->cost_pico;
    }
}

static void on_judge_call(void *user, const ly_llm_call *call, const ly_llm_result *r)
{
    verdict_wait *w = user;
    if (w->c->e->rec) {
        ly_record_call(w->c->e->rec, &w->place, LY_ORIGIN_JUDGE, NULL, call, r);
    }
}

static void on_judged(void *user, const ly_judgement *j)
{
    verdict_wait *w = user;
    ly_active *c = w->c;
    if (j->outcome == LY_UNSCORED && j->calls > 0 && cut_off(c->e, j->last)) {
        c->discard = true;
    }
    set_score(c, w->judge, j);
    if (c->e->rec && j->calls > 0) {
        ly_record_judgement(c->e->rec, &w->place, &c->place, c->e->suite->judges[w->judge], j);
    }
    case_let_go(c);
}

static ly_status ask_judge(ly_active *c, size_t i, const ly_judge_input *in, ly_err *err)
{
    ly_engine *e = c->e;
    verdict_wait *w = LY_ARENA_NEW(&c->arena, verdict_wait);
    if (!w) {
        return LY_NOMEM(err);
    }
    w->c = c;
    w->judge = i;
    ly_status st = e->rec ? ly_record_begin(e->rec, &w->place, err) : LY_OK;
    if (!st) {
        c->waiting++;
        st = (c->pair ? ly_judge_ask_pair : ly_judge_ask)(e->suite->judges[i], e->llm, in,
                                                          on_judged, on_judge_call, w, err);
        if (st) {
            c->waiting--;
        }
    }
    return st;
}

/* No output, so nothing to judge: every score is unscored for the target's reason. */
static void unscored_all(ly_active *c, const char *why)
{
    for (size_t i = 0; i < c->e->suite->n_judges; i++) {
        if (ly_judge_is_pairwise(c->e->suite->judges[i])) {
            continue;
        }
        ly_judgement j = {.outcome = LY_UNSCORED,
                          .value = NAN,
                          .unscored = why,
                          .cost_pico = LY_UNKNOWN,
                          .tokens = LY_TOKENS_UNKNOWN,
                          .reason = LY_S("the target gave no output")};
        set_score(c, i, &j);
    }
}

static void judge_all(ly_active *c, const ly_shape_call *calls, size_t n_calls)
{
    ly_engine *e = c->e;
    ly_judge_input in = {.row = c->vars,
                         .output = c->about.output,
                         .latency_ns = c->about.duration_ns,
                         .cost_pico = c->about.cost_pico,
                         .tokens_in = c->about.tokens_in,
                         .tokens_out = c->about.tokens_out,
                         .calls = calls,
                         .n_calls = n_calls,
                         .repeat = c->repeat};
    ly_status st = LY_OK;
    ly_err err = LY_ERR_INIT;
    for (size_t i = 0; i < e->suite->n_judges && !st; i++) {
        if (ly_judge_is_pairwise(e->suite->judges[i])) {
            continue; /* when both outputs are there */
        } else if (ly_judge_is_llm(e->suite->judges[i])) {
            st = ask_judge(c, i, &in, &err);
        } else {
            ly_judgement j;
            st = ly_judge_check(e->suite->judges[i], &in, &c->arena, &j, &err);
            if (!st) {
                set_score(c, i, &j);
            }
        }
    }
    if (st) {
        c->discard = true;
        ly_engine_fail(e, st, &err);
    }
}

static void on_output(void *user, const ly_llm_call *call, const ly_llm_result *r)
{
    ly_active *c = user;
    ly_engine *e = c->e;
    if (e->rec) {
        ly_record_call(e->rec, &c->place, LY_ORIGIN_EVAL, &e->suite->targets[c->target], call, r);
    }
    if (cut_off(e, r->outcome)) {
        c->discard = true;
        case_let_go(c);
        return;
    }
    c->about.duration_ns = r->cached ? LY_UNKNOWN : r->latency_ns;
    c->about.cost_pico = r->cached ? LY_UNKNOWN : r->priced.amount_pico;
    c->about.tokens_in = ly_tokens_in(&r->reply.tokens);
    c->about.tokens_out = ly_tokens_out(&r->reply.tokens);
    bool said = r->outcome == LY_LLM_OK || r->outcome == LY_LLM_TRUNCATED;
    if (said) {
        c->about.output = ly_arena_copy(&c->arena, r->reply.text);
        if (r->outcome == LY_LLM_TRUNCATED) {
            c->about.error = LY_S("truncated");
        }
        judge_all(c, r->reply.calls, r->reply.n_calls);
    } else {
        c->about.failed = true;
        c->about.error = ly_arena_fmt(&c->arena, "%s: %.*s", ly_llm_outcome_name(r->outcome),
                                      LY_STR_ARG(r->error));
        e->p.failed++;
        unscored_all(c, ly_llm_outcome_name(r->outcome));
    }
    case_let_go(c);
}

/* A command or a URL answered. */
static void on_outside(void *user, const ly_outside_answer *a)
{
    ly_active *c = user;
    if (ly_str_starts(a->error, LY_S("stopped"))) {
        c->discard = true;
    } else if (a->ok) {
        c->about.duration_ns = a->duration_ns;
        c->about.output = ly_arena_copy(&c->arena, a->output);
        judge_all(c, NULL, 0);
    } else {
        const char *why = ly_str_starts(a->error, LY_S("timeout"))   ? "timeout"
                          : ly_str_starts(a->error, LY_S("network")) ? "network"
                                                                     : "target_failed";
        c->about.failed = true;
        c->about.error = ly_arena_copy(&c->arena, a->error);
        c->e->p.failed++;
        unscored_all(c, why);
    }
    case_let_go(c);
}

static ly_status submit_outside(ly_active *c, const ly_target *t, ly_str row, ly_err *err)
{
    char parent[64] = "", trace[33], span[17];
    if (c->e->rec) {
        ly_hex_encode(c->place.trace.b, 16, trace);
        ly_hex_encode(c->place.root.b, 8, span);
        (void)snprintf(parent, sizeof parent, "00-%s-%s-01", trace, span);
    }
    return (t->kind == LY_TARGET_URL ? ly_outside_url : ly_outside_command)(
        c->e->outside, t->argument, row, parent, on_outside, c, err);
}

/* An output that is there already. */
static ly_status take_column(ly_active *c, const ly_target *t, ly_err *err)
{
    const ly_json *v = ly_json_get_str(c->vars, t->argument);
    if (!ly_json_is(v, LY_JSON_STRING)) {
        return LY_FAIL(err, LY_E_NOTFOUND, "the row has no text in column %.*s",
                       LY_STR_ARG(ly_str_sub(t->argument, 0, 100)));
    }
    c->about.output = ly_arena_copy(&c->arena, v->str);
    judge_all(c, NULL, 0);
    case_let_go(c);
    return LY_OK;
}

static ly_status submit_case(ly_active *c, const ly_target *t, ly_str row, ly_err *err)
{
    ly_engine *e = c->e;
    if (t->kind == LY_TARGET_COLUMN) {
        return take_column(c, t, err);
    }
    if (t->kind != LY_TARGET_PROMPT) {
        return submit_outside(c, t, row, err);
    }
    ly_shape_msg *msgs = NULL;
    size_t n = 0;
    const ly_prompt_doc *d = t->doc;
    ly_status st = ly_prompt_doc_render(d, c->vars, NULL, &c->arena, &msgs, &n, err);
    if (st) {
        return st;
    }
    double temperature = d->temperature != LY_SHAPE_UNSET ? d->temperature : e->suite->temperature;
    ly_llm_call call = {.model = &t->model,
                        .request = {.msgs = msgs,
                                    .n_msgs = n,
                                    .max_output = d->max_output != LY_UNKNOWN
                                                      ? d->max_output
                                                      : e->suite->max_output,
                                    .temperature = temperature,
                                    .top_p = d->top_p,
                                    .seed = d->seed,
                                    .effort = d->effort,
                                    .stop = d->stop,
                                    .n_stop = d->n_stop},
                        .repeat = c->repeat,
                        .no_cache = e->opts->no_cache,
                        .done = on_output,
                        .user = c};
    return ly_llm_submit(e->llm, &call, err);
}

/* A row that the template cannot take fails its case; the others go on. */
static void row_failed(ly_active *c, const ly_err *err)
{
    c->about.failed = true;
    c->about.error = ly_arena_fmt(&c->arena, "%s", err->text);
    c->e->p.failed++;
    unscored_all(c, "missing_input");
    case_let_go(c);
}

/* The row's page is read when it is first asked for; rows are asked for in order. */
static ly_status row_at(ly_engine *e, int64_t row, const ly_row **ret, ly_err *err)
{
    if (row < e->page_from || row >= e->page_from + (int64_t)e->n_page) {
        const ly_suite *s = e->suite;
        ly_arena_reset(&e->rows_arena);
        e->n_page = 0;
        e->page_from = row;
        ly_status st = ly_dataset_rows(e->opts->reader, s->dataset, s->dataset_number, row,
                                       PAGE_ROWS, &e->rows_arena, &e->rows, &e->n_page, err);
        if (st) {
            return st;
        }
        if (e->n_page == 0) {
            return LY_FAIL(err, LY_E_NOTFOUND, "data set %.*s: row %lld is gone",
                           LY_STR_ARG(s->dataset), (long long)row + 1);
        }
    }
    *ret = &e->rows[row - e->page_from];
    return LY_OK;
}

ly_status ly_engine_start_case(ly_engine *e, int64_t index, ly_err *err)
{
    const ly_suite *s = e->suite;
    const ly_row *data = NULL;
    /* Targets of one row stand together, so that a stopped run has pairs. */
    int64_t per_row = (int64_t)s->n_targets * s->repeat;
    ly_status st = row_at(e, index / per_row, &data, err);
    ly_active *c = st ? NULL : ly_calloc(1, sizeof *c);
    if (!c) {
        return st ? st : LY_NOMEM(err);
    }
    c->e = e;
    ly_arena_init(&c->arena, 4096, LY_MAX_REQUEST_BYTES * 2);
    c->row = index / per_row;
    c->target = index % (int64_t)s->n_targets;
    c->repeat = index % per_row / (int64_t)s->n_targets;
    c->key = ly_arena_copy(&c->arena, data->key);
    if (e->rec && s->targets[c->target].kind != LY_TARGET_PROMPT) {
        c->input = ly_arena_copy(&c->arena, data->data);
    }
    c->about = (ly_case){.row = c->row,
                         .target = c->target,
                         .repeat = c->repeat,
                         .duration_ns = LY_UNKNOWN,
                         .cost_pico = LY_UNKNOWN,
                         .tokens_in = LY_UNKNOWN,
                         .tokens_out = LY_UNKNOWN};
    c->scores = LY_ARENA_ARRAY(&c->arena, ly_score, s->n_judges + 1);
    c->waiting = 1;
    st = c->scores ? ly_json_parse(data->data, &c->arena, &c->vars, err) : LY_NOMEM(err);
    if (!st && e->rec) {
        st = ly_record_begin(e->rec, &c->place, err);
        c->about.trace_id = c->place.trace;
    }
    if (st) {
        ly_active_free(c);
        return st;
    }
    e->n_active++;
    ly_err local = LY_ERR_INIT;
    st = submit_case(c, &s->targets[c->target], data->data, &local);
    if (st) {
        row_failed(c, &local);
    }
    return LY_OK;
}

/* ---- comparisons ----------------------------------------------------------------------------------------- */

/* What step n_cases + index compares: judges, pairs, then rows and repeats; the row is what moves slowest. */
typedef struct pair_step {
    int64_t row, repeat;
    size_t judge, candidate, against;
} pair_step;

static pair_step pair_at(const ly_engine *e, int64_t index)
{
    const ly_suite *s = e->suite;
    int64_t pairs = (int64_t)ly_suite_pairs(s), per = pairs * (int64_t)e->n_pair_judges;
    int64_t at = index / per, nth = index % per / pairs;
    pair_step p = {.row = at / s->repeat, .repeat = at % s->repeat};
    (void)ly_suite_pair(s, (size_t)(index % pairs), &p.candidate, &p.against);
    for (size_t i = 0; i < s->n_judges; i++) {
        if (ly_judge_is_pairwise(s->judges[i]) && nth-- == 0) {
            p.judge = i;
        }
    }
    return p;
}

static void pair_unscored(ly_active *c, size_t judge, const ly_str *against)
{
    ly_judgement j = {.outcome = LY_UNSCORED,
                      .value = NAN,
                      .unscored = "missing_input",
                      .cost_pico = LY_UNKNOWN,
                      .tokens = LY_TOKENS_UNKNOWN,
                      .against = *against,
                      .reason = LY_S("one of the two has no output")};
    set_score(c, judge, &j);
}

ly_status ly_engine_start_pair(ly_engine *e, int64_t index, ly_err *err)
{
    const ly_suite *s = e->suite;
    const ly_row *data = NULL;
    pair_step p = pair_at(e, index);
    ly_case other = {.failed = true};
    ly_status st = row_at(e, p.row, &data, err);
    ly_active *c = st ? NULL : ly_calloc(1, sizeof *c);
    if (!c) {
        return st ? st : LY_NOMEM(err);
    }
    ly_arena_init(&c->arena, 4096, LY_MAX_REQUEST_BYTES * 2);
    c->e = e;
    c->pair = true;
    c->row = p.row;
    c->repeat = p.repeat;
    c->target = (int64_t)p.candidate;
    c->waiting = 1;
    c->scores = LY_ARENA_ARRAY(&c->arena, ly_score, 1);
    st = c->scores ? ly_json_parse(data->data, &c->arena, &c->vars, err) : LY_NOMEM(err);
    if (!st) {
        st = ly_run_case(e->opts->reader, e->run_id, p.row, c->target, p.repeat, &c->arena,
                         &c->about, err);
    }
    if (!st) {
        st = ly_run_case(e->opts->reader, e->run_id, p.row, (int64_t)p.against, p.repeat, &c->arena,
                         &other, err);
    }
    if (st) {
        ly_active_free(c);
        return st == LY_E_NOTFOUND ? LY_OK : st; /* dropped when the run was cut off */
    }
    e->n_active++;
    ly_str name = s->targets[p.against].name;
    if (c->about.failed || other.failed) {
        pair_unscored(c, p.judge, &name);
        case_let_go(c);
        return LY_OK;
    }
    ly_judge_input in = {.row = c->vars,
                         .output = c->about.output,
                         .other = other.output,
                         .against = name,
                         .latency_ns = LY_UNKNOWN,
                         .cost_pico = LY_UNKNOWN,
                         .tokens_in = LY_UNKNOWN,
                         .tokens_out = LY_UNKNOWN,
                         .repeat = p.repeat};
    if ((st = ask_judge(c, p.judge, &in, err))) {
        c->discard = true;
    }
    case_let_go(c);
    return st;
}
