/* The engine: see run.h. */
#include "eval/run.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

/* Answers are written together: GROUP_MS after the first at the latest, or when GROUP of them wait, so that
 * a commit's sync is shared. A kill in between costs what a kill during a call costs. */
enum { FIRST_CALLS = 5, POLL_MS = 100, DRAIN_MS = 10000, GROUP = 128, GROUP_MS = 10 };

typedef struct engine engine;

/* One case on its way. */
typedef struct active {
    engine *e;
    ly_arena arena;
    int64_t row, target, repeat;
    const ly_row *data;
    ly_json *vars;
    ly_record_place place;
    ly_case about;
    ly_score *scores; /* one a judge */
    size_t waiting;   /* judgements not told yet, plus one while they are being asked */
    bool discard;     /* cut off: not to be written */
} active;

/* One asked judgement of a case. */
typedef struct verdict_wait {
    active *c;
    size_t judge;
    ly_record_place place;
} verdict_wait;

struct engine {
    ly_store *store;
    const uint8_t *run_id;
    const ly_suite *suite;
    const ly_eval_opts *opts;
    ly_llm *llm;
    ly_recorder *rec;
    ly_arena rows_arena;
    ly_row *rows;
    size_t n_rows;
    uint8_t *finished; /* bit a case */
    int64_t n_cases, next;
    size_t n_active, max_active;
    /* finished since the last write */
    active **done;
    size_t n_done, cap_done;
    ly_reply_kept *kept;
    size_t n_kept, cap_kept;
    ly_arena kept_arena;
    /* totals */
    ly_eval_progress p;
    int64_t started_ns, told_ns, written_ns, next_cost_count;
    int64_t calls_ok, calls_bad;
    ly_eval_end end;
    bool stopping;
    char text[LY_ERR_TEXT_MAX];
    ly_status failed;
    ly_err err;
};

static void stop(engine *e, ly_eval_end why, const char *text)
{
    if (!e->stopping) {
        e->stopping = true;
        e->end = why;
        (void)snprintf(e->text, sizeof e->text, "%s", text);
    }
}

static void fail_engine(engine *e, ly_status st, const ly_err *err)
{
    if (!e->failed) {
        e->failed = st;
        e->err = *err;
    }
    e->stopping = true;
}

/* ---- what the client asks us ----------------------------------------------------------------------------- */

static bool hook_cached(void *user, const uint8_t key[32], ly_arena *arena, ly_str *ret_body)
{
    engine *e = user;
    for (size_t i = 0; i < e->n_kept; i++) {
        if (memcmp(e->kept[i].key, key, 32) == 0) {
            *ret_body = ly_arena_copy(arena, e->kept[i].body);
            return ret_body->ptr != NULL;
        }
    }
    return ly_call_cache_get(e->store, key, arena, ret_body, NULL) == LY_OK;
}

static void hook_keep(void *user, const uint8_t key[32], ly_str body)
{
    engine *e = user;
    ly_str copy = ly_arena_copy(&e->kept_arena, body);
    if (!copy.ptr || !ly_grow(&e->kept, &e->cap_kept, e->n_kept + 1, 1 << 20, sizeof *e->kept)) {
        return; /* not kept: a resumed run pays again, which is the lesser harm */
    }
    memcpy(e->kept[e->n_kept].key, key, 32);
    e->kept[e->n_kept++].body = copy;
}

/* Spent so far plus what is on its way at the mean price must stay within the budget. */
static bool hook_allow(void *user, const ly_llm_call *call, const char **why)
{
    engine *e = user;
    if (e->stopping && e->end != LY_EVAL_COMPLETE) {
        *why = "the run is stopping";
        return false;
    }
    if (e->opts->reserve) {
        if (e->opts->reserve(e->opts->money, call, why)) {
            return true;
        }
        stop(e, LY_EVAL_BUDGET, *why);
        return false;
    }
    if (e->opts->budget_pico <= 0) {
        return true;
    }
    int64_t spent = e->p.cost_pico == LY_UNKNOWN ? 0 : e->p.cost_pico;
    int64_t mean = e->next_cost_count ? spent / e->next_cost_count : 0;
    int64_t ahead = (int64_t)ly_llm_pending(e->llm) + 1;
    if (spent + mean * ahead > e->opts->budget_pico) {
        *why = "the budget of the run is reached";
        stop(e, LY_EVAL_BUDGET, *why);
        return false;
    }
    return true;
}

static void hook_seen(void *user, const ly_llm_call *call, const ly_llm_result *r)
{
    engine *e = user;
    if (e->opts->settle && !r->cached &&
        r->outcome != LY_LLM_BUDGET) { /* what was refused held nothing */
        e->opts->settle(e->opts->money, call, r);
    }
    e->p.calls++;
    e->p.cached += r->cached;
    if (r->attempts > 1) {
        e->p.retries += r->attempts - 1;
    }
    if (!r->cached && r->priced.amount_pico != LY_UNKNOWN) {
        e->p.cost_pico =
            (e->p.cost_pico == LY_UNKNOWN ? 0 : e->p.cost_pico) + r->priced.amount_pico;
        e->next_cost_count++;
    } else if (!r->cached && r->outcome == LY_LLM_OK && e->opts->budget_pico > 0) {
        char text[LY_ERR_TEXT_MAX];
        (void)snprintf(
            text, sizeof text,
            "model %s has no known price, so a budget cannot be kept; add one with lydite "
            "price add, or run without --budget",
            call->model->name);
        stop(e, LY_EVAL_PROVIDER, text);
    }
    bool answered = r->outcome == LY_LLM_OK || r->outcome == LY_LLM_REFUSAL ||
                    r->outcome == LY_LLM_TRUNCATED || r->outcome == LY_LLM_CONTENT_FILTER ||
                    r->outcome == LY_LLM_CONTEXT;
    *(answered ? &e->calls_ok : &e->calls_bad) += 1;
    char text[LY_ERR_TEXT_MAX];
    (void)snprintf(text, sizeof text, "model %s: %.*s", call->model->spec, LY_STR_ARG(r->error));
    if (r->outcome == LY_LLM_AUTH || r->outcome == LY_LLM_QUOTA) {
        stop(e, LY_EVAL_PROVIDER, text);
    } else if (e->calls_ok == 0 && e->calls_bad >= FIRST_CALLS) {
        stop(e, LY_EVAL_PROVIDER, text);
    }
}

/* ---- cases --------------------------------------------------------------------------------------------------- */

static void case_free(active *c)
{
    ly_arena_release(&c->arena);
    ly_free(c);
}

/* All judgements are in: to be written, or dropped. */
static void case_end(active *c)
{
    engine *e = c->e;
    e->n_active--;
    if (c->discard) {
        case_free(c);
        return;
    }
    c->about.done_ns = ly_wall_ns();
    if (!ly_grow(&e->done, &e->cap_done, e->n_done + 1, 1 << 20, sizeof *e->done)) {
        ly_err err = LY_ERR_INIT;
        fail_engine(e, LY_NOMEM(&err), &err);
        case_free(c);
        return;
    }
    if (e->rec) {
        ly_record_case(e->rec, &c->place, &e->suite->targets[c->target], c->row, c->data->key,
                       c->repeat, c->about.output, c->about.error);
    }
    e->done[e->n_done++] = c;
}

static void case_let_go(active *c)
{
    if (--c->waiting == 0) {
        case_end(c);
    }
}

static bool cut_off(const engine *e, ly_llm_outcome outcome)
{
    return outcome == LY_LLM_CANCELLED || ly_llm_outcome_stops(outcome) ||
           (e->stopping && e->end == LY_EVAL_PROVIDER && outcome != LY_LLM_OK);
}

static void set_score(active *c, size_t judge, const ly_judgement *j, const ly_record_place *place)
{
    const ly_judge *judge_of = c->e->suite->judges[judge];
    ly_score *s = &c->scores[judge];
    ly_buf detail;
    ly_buf_init(&detail, LY_KIB(16));
    (void)place;
    *s = (ly_score){.trace_id = c->place.trace,
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
    active *c = w->c;
    if (j->outcome == LY_UNSCORED && j->calls > 0 && cut_off(c->e, j->last)) {
        c->discard = true;
    }
    set_score(c, w->judge, j, &w->place);
    if (c->e->rec && j->calls > 0) {
        ly_record_judgement(c->e->rec, &w->place, &c->place, c->e->suite->judges[w->judge], j);
    }
    case_let_go(c);
}

static ly_status ask_judge(active *c, size_t i, const ly_judge_input *in, ly_err *err)
{
    engine *e = c->e;
    verdict_wait *w = LY_ARENA_NEW(&c->arena, verdict_wait);
    if (!w) {
        return LY_NOMEM(err);
    }
    w->c = c;
    w->judge = i;
    ly_status st = e->rec ? ly_record_begin(e->rec, &w->place, err) : LY_OK;
    if (!st) {
        c->waiting++;
        st = ly_judge_ask(e->suite->judges[i], e->llm, in, on_judged, on_judge_call, w, err);
        if (st) {
            c->waiting--;
        }
    }
    return st;
}

/* No output, so nothing to judge: every score is unscored for the target's reason. */
static void unscored_all(active *c, const char *why)
{
    for (size_t i = 0; i < c->e->suite->n_judges; i++) {
        ly_judgement j = {.outcome = LY_UNSCORED,
                          .value = NAN,
                          .unscored = why,
                          .cost_pico = LY_UNKNOWN,
                          .tokens = LY_TOKENS_UNKNOWN,
                          .reason = LY_S("the target gave no output")};
        set_score(c, i, &j, NULL);
    }
}

static void judge_all(active *c, const ly_shape_call *calls, size_t n_calls)
{
    engine *e = c->e;
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
        if (ly_judge_is_llm(e->suite->judges[i])) {
            st = ask_judge(c, i, &in, &err);
        } else {
            ly_judgement j;
            st = ly_judge_check(e->suite->judges[i], &in, &c->arena, &j, &err);
            if (!st) {
                set_score(c, i, &j, NULL);
            }
        }
    }
    if (st) {
        c->discard = true;
        fail_engine(e, st, &err);
    }
}

static void on_output(void *user, const ly_llm_call *call, const ly_llm_result *r)
{
    active *c = user;
    engine *e = c->e;
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

static ly_status submit_case(active *c, const ly_target *t, ly_err *err)
{
    engine *e = c->e;
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
static void row_failed(active *c, const ly_err *err)
{
    c->about.failed = true;
    c->about.error = ly_arena_fmt(&c->arena, "%s", err->text);
    c->e->p.failed++;
    unscored_all(c, "missing_input");
    case_let_go(c);
}

static ly_status start_case(engine *e, int64_t index, ly_err *err)
{
    const ly_suite *s = e->suite;
    active *c = ly_calloc(1, sizeof *c);
    if (!c) {
        return LY_NOMEM(err);
    }
    c->e = e;
    ly_arena_init(&c->arena, 4096, LY_MAX_REQUEST_BYTES * 2);
    /* Targets of one row stand together, so that a stopped run has pairs. */
    int64_t per_row = (int64_t)s->n_targets * s->repeat;
    c->row = index / per_row;
    c->target = index % (int64_t)s->n_targets;
    c->repeat = index % per_row / (int64_t)s->n_targets;
    c->data = &e->rows[c->row];
    c->about = (ly_case){.row = c->row,
                         .target = c->target,
                         .repeat = c->repeat,
                         .duration_ns = LY_UNKNOWN,
                         .cost_pico = LY_UNKNOWN,
                         .tokens_in = LY_UNKNOWN,
                         .tokens_out = LY_UNKNOWN};
    c->scores = LY_ARENA_ARRAY(&c->arena, ly_score, s->n_judges + 1);
    c->waiting = 1;
    ly_status st =
        c->scores ? ly_json_parse(c->data->data, &c->arena, &c->vars, err) : LY_NOMEM(err);
    if (!st && e->rec) {
        st = ly_record_begin(e->rec, &c->place, err);
        c->about.trace_id = c->place.trace;
    }
    if (st) {
        case_free(c);
        return st;
    }
    e->n_active++;
    ly_err local = LY_ERR_INIT;
    st = submit_case(c, &s->targets[c->target], &local);
    if (st) {
        row_failed(c, &local);
    }
    return LY_OK;
}

static bool is_finished(const engine *e, int64_t index)
{
    return e->finished[index / 8] >> (index % 8) & 1;
}

static ly_status start_more(engine *e, ly_err *err)
{
    ly_status st = LY_OK;
    while (!st && !e->stopping && e->n_active < e->max_active && e->next < e->n_cases) {
        if (e->n_active > 0 && e->opts->room && !e->opts->room(e->opts->money)) {
            break;
        }
        if (!is_finished(e, e->next)) {
            st = start_case(e, e->next, err);
        }
        e->next++;
    }
    return st;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Spans first: a case names its trace, so the trace must be there. */
static ly_status write_done(engine *e, ly_err *err)
{
    if (e->n_done == 0 && e->n_kept == 0) {
        return LY_OK;
    }
    ly_status st = e->rec && e->n_done ? ly_record_flush(e->rec, err) : LY_OK;
    ly_case_done *cases = ly_calloc(e->n_done + 1, sizeof *cases);
    if (!st && !cases) {
        st = LY_NOMEM(err);
    }
    for (size_t i = 0; i < e->n_done && cases; i++) {
        cases[i] = (ly_case_done){e->done[i]->about, e->done[i]->scores, e->suite->n_judges};
    }
    if (!st) {
        st = ly_run_write(e->store, e->run_id, cases, e->n_done, e->kept, e->n_kept, err);
    }
    for (size_t i = 0; i < e->n_done; i++) {
        case_free(e->done[i]);
    }
    e->p.done += st ? 0 : (int64_t)e->n_done;
    e->n_done = 0;
    e->n_kept = 0;
    ly_arena_reset(&e->kept_arena);
    ly_free(cases);
    return st;
}

static void tell_progress(engine *e, bool last)
{
    int64_t now = ly_mono_ns();
    e->p.elapsed_ns = now - e->started_ns;
    e->p.in_flight = (int64_t)ly_llm_pending(e->llm);
    if (e->opts->progress && (last || now - e->told_ns > 200 * LY_NS_PER_MS)) {
        e->told_ns = now;
        e->opts->progress(e->opts->user, &e->p);
    }
}

static ly_status loop(engine *e, ly_err *err)
{
    int64_t drain_until = 0;
    ly_status st = LY_OK;
    while (!st && !e->failed) {
        if (e->opts->interrupted && e->opts->interrupted(e->opts->user)) {
            stop(e, LY_EVAL_INTERRUPTED, "interrupted");
        }
        st = start_more(e, err);
        if (st || (e->n_active == 0 && (e->stopping || e->next >= e->n_cases))) {
            break;
        }
        bool waiting = e->n_done || e->n_kept;
        st = ly_llm_poll(e->llm, waiting ? GROUP_MS : POLL_MS, err);
        size_t ready = e->n_done + e->n_kept;
        bool due = ly_mono_ns() - e->written_ns >= GROUP_MS * LY_NS_PER_MS;
        if (!st && ready && (due || ready >= GROUP || e->n_active == 0)) {
            st = write_done(e, err);
            e->written_ns = ly_mono_ns();
        }
        /* What is on its way when a run stops was paid for: wait for it, but not for ever. */
        int64_t now = ly_mono_ns();
        if (e->stopping && drain_until == 0) {
            drain_until = now + DRAIN_MS * LY_NS_PER_MS;
        }
        if (e->stopping && now > drain_until) {
            break;
        }
        tell_progress(e, false);
    }
    return st;
}

static ly_status mark_finished(engine *e, ly_err *err)
{
    ly_arena arena;
    ly_case *cases = NULL;
    size_t n = 0;
    const ly_suite *s = e->suite;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_run_cases(e->store, e->run_id, &arena, &cases, &n, err);
    for (size_t i = 0; i < n && !st; i++) {
        int64_t index =
            (cases[i].row * s->repeat + cases[i].repeat) * (int64_t)s->n_targets + cases[i].target;
        if (index >= 0 && index < e->n_cases) {
            e->finished[index / 8] |= (uint8_t)(1 << (index % 8));
            e->p.before++;
        }
    }
    ly_arena_release(&arena);
    return st;
}

static ly_status set_up(engine *e, ly_err *err)
{
    const ly_suite *s = e->suite;
    ly_arena_init(&e->rows_arena, 0, 0);
    ly_arena_init(&e->kept_arena, 0, 0);
    ly_status st = ly_dataset_rows(e->store, s->dataset, s->dataset_number, 0, (size_t)s->limit,
                                   &e->rows_arena, &e->rows, &e->n_rows, err);
    if (st) {
        return st;
    }
    e->n_cases = (int64_t)e->n_rows * (int64_t)s->n_targets * s->repeat;
    e->p.total = e->n_cases;
    e->finished = ly_calloc((size_t)e->n_cases / 8 + 1, 1);
    if (!e->finished) {
        return LY_NOMEM(err);
    }
    st = mark_finished(e, err);
    ly_llm_opts llm = {.jobs = e->opts->jobs,
                       .book = e->opts->book,
                       .hooks = {.user = e,
                                 .cached = hook_cached,
                                 .keep = hook_keep,
                                 .allow = hook_allow,
                                 .seen = hook_seen}};
    if (e->opts->no_cache) {
        llm.hooks.cached = NULL;
    }
    if (!st) {
        st = ly_llm_new(&llm, &e->llm, err);
    }
    char hex[33];
    ly_hex_encode(e->run_id, 16, hex);
    if (!st && e->opts->record) {
        st = ly_recorder_new(e->opts->record, e->opts->user, ly_str_c(hex), &e->rec, err);
    }
    e->max_active = (e->opts->jobs ? e->opts->jobs : 100) * 2;
    return st;
}

ly_status ly_eval_execute(ly_store *store, const uint8_t run_id[16], const ly_suite *suite,
                          const ly_eval_opts *opts, ly_eval_result *ret, ly_err *err)
{
    engine e = {.store = store,
                .run_id = run_id,
                .suite = suite,
                .opts = opts,
                .started_ns = ly_mono_ns(),
                .p.cost_pico = LY_UNKNOWN,
                .err = LY_ERR_INIT};
    ly_status st = set_up(&e, err);
    if (!st) {
        st = loop(&e, err);
    }
    if (e.llm) {
        /* Ends what is still on its way; those cases are dropped. */
        e.stopping = true;
        ly_llm_cancel(e.llm);
        ly_status last = write_done(&e, st ? NULL : err);
        if (!last && e.rec) {
            last =
                ly_record_flush(e.rec, st ? NULL : err); /* paid calls of cases that were cut off */
        }
        st = st ? st : last;
        tell_progress(&e, true);
    }
    if (!st && e.failed) {
        st = e.failed;
        if (err) {
            *err = e.err;
        }
    }
    if (!st) {
        ret->end = e.end;
        ret->progress = e.p;
        memcpy(ret->text, e.text, sizeof ret->text);
    }
    ly_llm_free(e.llm);
    ly_recorder_free(e.rec);
    ly_free(e.finished);
    ly_free(e.done);
    ly_free(e.kept);
    ly_arena_release(&e.rows_arena);
    ly_arena_release(&e.kept_arena);
    return st;
}
