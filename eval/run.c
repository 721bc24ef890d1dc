/* The engine: see run.h. */
#include "eval/run.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "eval/writer.h"

/* Answers are written together by the writing thread: GROUP_MS after the first at the latest, or when
 * GROUP of them wait, so that a commit's sync is shared; while it is busy they gather, up to GATHER, then
 * nothing new is started. A kill in between costs what a kill during a call costs. */
enum {
    FIRST_CALLS = 5,
    POLL_MS = 100,
    DRAIN_MS = 10000,
    GROUP = 64,
    GROUP_MS = 10,
    GATHER = 512,
    GATHER_BYTES = 2 << 20, /* of spans */
    PAGE_ROWS = 500
};

typedef struct engine engine;

/* One case on its way. */
typedef struct active {
    engine *e;
    ly_arena arena;
    int64_t row, target, repeat;
    ly_str key; /* of the row */
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
    ly_writer *writer;
    ly_write_batch *batch, *spare; /* being filled; empty ones */
    /* the page of rows in memory */
    ly_arena rows_arena;
    ly_row *rows;
    size_t n_page;
    int64_t page_from, n_rows;
    uint8_t *finished; /* bit a case */
    int64_t n_cases, next;
    size_t n_active, max_active;
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

/* A reply that waits to be written. */
static const ly_str *kept_in(const ly_write_batch *b, const uint8_t key[32])
{
    for (size_t i = 0; i < b->n_kept; i++) {
        if (memcmp(b->kept[i].key, key, 32) == 0) {
            return &b->kept[i].body;
        }
    }
    return NULL;
}

static bool hook_cached(void *user, const uint8_t key[32], ly_arena *arena, ly_str *ret_body)
{
    engine *e = user;
    const ly_str *body = kept_in(e->batch, key);
    for (size_t i = 0; !body && i < ly_writer_waiting(e->writer); i++) {
        body = kept_in(ly_writer_peek(e->writer, i), key);
    }
    if (body) {
        *ret_body = ly_arena_copy(arena, *body);
        return ret_body->ptr != NULL;
    }
    return ly_call_cache_get(e->opts->reader, key, arena, ret_body, NULL) == LY_OK;
}

static void hook_keep(void *user, const uint8_t key[32], ly_str body)
{
    ly_write_batch *b = ((engine *)user)->batch;
    ly_str copy = ly_arena_copy(&b->arena, body);
    if (!copy.ptr || !ly_grow(&b->kept, &b->cap_kept, b->n_kept + 1, 1 << 20, sizeof *b->kept)) {
        return; /* not kept: a resumed run pays again, which is the lesser harm */
    }
    memcpy(b->kept[b->n_kept].key, key, 32);
    b->kept[b->n_kept++].body = copy;
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
    ly_write_batch *b = e->batch;
    if (!ly_grow(&b->cases, &b->cap, b->n + 1, 1 << 20, sizeof *b->cases) ||
        !ly_grow(&b->owners, &b->cap_owners, b->n + 1, 1 << 20, sizeof *b->owners)) {
        ly_err err = LY_ERR_INIT;
        fail_engine(e, LY_NOMEM(&err), &err);
        case_free(c);
        return;
    }
    if (e->rec) {
        ly_record_case(e->rec, &c->place, &e->suite->targets[c->target], c->row, c->key, c->repeat,
                       c->about.output, c->about.error);
    }
    b->cases[b->n] = (ly_case_done){c->about, c->scores, e->suite->n_judges};
    b->owners[b->n++] = c;
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

/* The row's page is read when it is first asked for; rows are asked for in order. */
static ly_status row_at(engine *e, int64_t row, const ly_row **ret, ly_err *err)
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

static ly_status start_case(engine *e, int64_t index, ly_err *err)
{
    const ly_suite *s = e->suite;
    const ly_row *data = NULL;
    /* Targets of one row stand together, so that a stopped run has pairs. */
    int64_t per_row = (int64_t)s->n_targets * s->repeat;
    ly_status st = row_at(e, index / per_row, &data, err);
    active *c = st ? NULL : ly_calloc(1, sizeof *c);
    if (!c) {
        return st ? st : LY_NOMEM(err);
    }
    c->e = e;
    ly_arena_init(&c->arena, 4096, LY_MAX_REQUEST_BYTES * 2);
    c->row = index / per_row;
    c->target = index % (int64_t)s->n_targets;
    c->repeat = index % per_row / (int64_t)s->n_targets;
    c->key = ly_arena_copy(&c->arena, data->key);
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

/* The writer is behind: nothing new is started. */
static bool is_full(const engine *e)
{
    return e->batch->n >= GATHER || (e->rec && ly_record_pending(e->rec) >= GATHER_BYTES);
}

/* Paid answers that a kill would lose: no more than calls in flight, else the calls wait for the writer. */
static bool too_many_unwritten(const engine *e)
{
    size_t n = e->batch->n_kept;
    for (size_t i = 0; i < ly_writer_waiting(e->writer); i++) {
        n += ly_writer_peek(e->writer, i)->n_kept;
    }
    return n >= e->max_active / 2;
}

static ly_status start_more(engine *e, ly_err *err)
{
    ly_status st = LY_OK;
    while (!st && !e->stopping && e->n_active < e->max_active && e->next < e->n_cases &&
           !is_full(e)) {
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

static ly_status fresh_batch(engine *e, ly_err *err)
{
    if (!e->spare) {
        return ly_write_batch_new(&e->batch, err);
    }
    e->batch = e->spare;
    e->spare = NULL;
    return LY_OK;
}

/* Hands over what has gathered, if the writer takes it. */
static ly_status hand_over(engine *e, ly_err *err)
{
    ly_write_batch *b = e->batch;
    ly_status st = LY_OK;
    bool nothing = b->n == 0 && b->n_kept == 0 && (!e->rec || ly_record_pending(e->rec) == 0);
    if (nothing || ly_writer_waiting(e->writer) == LY_WRITER_MAX_WAITING) {
        return LY_OK;
    }
    if (e->rec && (st = ly_record_take(e->rec, &b->spans, err))) {
        return st;
    }
    if (ly_writer_push(e->writer, b)) {
        e->batch = NULL;
        st = fresh_batch(e, err);
    }
    return st;
}

/* Takes back what is written. timeout_ms > 0 waits for one. */
static ly_status take_back(engine *e, int64_t timeout_ms, ly_err *err)
{
    ly_write_batch *b;
    ly_status st = LY_OK;
    while ((b = ly_writer_finished(e->writer, timeout_ms))) {
        timeout_ms = 0;
        if (b->status && !st) {
            st = b->status;
            if (err) {
                *err = b->err;
            }
        }
        e->p.done += b->status ? 0 : (int64_t)b->n;
        for (size_t i = 0; i < b->n; i++) {
            case_free(b->owners[i]);
        }
        ly_write_batch_reset(b);
        if (e->spare) {
            ly_write_batch_free(b);
        } else {
            e->spare = b;
        }
    }
    return st;
}

/* Everything that has gathered is in the file, or an error. */
static ly_status write_all(engine *e, ly_err *err)
{
    ly_status st = LY_OK;
    do {
        st = st ? st : hand_over(e, err);
        ly_status back = take_back(e, POLL_MS, st ? NULL : err);
        st = st ? st : back;
    } while (ly_writer_waiting(e->writer) ||
             (!st && (e->batch->n || e->batch->n_kept || (e->rec && ly_record_pending(e->rec)))));
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
        size_t ready = e->batch->n + e->batch->n_kept;
        if (too_many_unwritten(e) && ly_writer_waiting(e->writer)) {
            st = take_back(e, POLL_MS, err);
        } else {
            bool busy = ready || ly_writer_waiting(e->writer);
            st = ly_llm_poll(e->llm, busy ? GROUP_MS : POLL_MS, err);
        }
        ready = e->batch->n + e->batch->n_kept;
        st = st ? st : take_back(e, 0, err);
        int64_t since = ly_mono_ns() - e->written_ns;
        if (!st && ready &&
            (since >= GROUP_MS * LY_NS_PER_MS || ready >= GROUP || ready >= e->max_active / 2) &&
            ly_writer_waiting(e->writer) < LY_WRITER_MAX_WAITING) {
            st = hand_over(e, err);
            e->written_ns = ly_mono_ns();
        } else if (!st && is_full(e) && ly_llm_pending(e->llm) == 0) {
            st = take_back(e, POLL_MS, err); /* nothing to poll for until the writer is done */
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

static ly_status mark_finished(void *user, const ly_case *c, ly_err *err)
{
    engine *e = user;
    const ly_suite *s = e->suite;
    int64_t index = (c->row * s->repeat + c->repeat) * (int64_t)s->n_targets + c->target;
    (void)err;
    if (index >= 0 && index < e->n_cases) {
        e->finished[index / 8] |= (uint8_t)(1 << (index % 8));
        e->p.before++;
    }
    return LY_OK;
}

static ly_status set_up(engine *e, ly_err *err)
{
    const ly_suite *s = e->suite;
    ly_dataset_version v;
    ly_arena_init(&e->rows_arena, 0, 0);
    ly_str ref = ly_arena_fmt(&e->rows_arena, "%.*s@%lld", LY_STR_ARG(s->dataset),
                              (long long)s->dataset_number);
    ly_status st = ly_dataset_get(e->store, ref, &e->rows_arena, &v, err);
    if (st) {
        return st;
    }
    e->n_rows = s->limit > 0 && s->limit < v.n_rows ? s->limit : v.n_rows;
    e->n_cases = e->n_rows * (int64_t)s->n_targets * s->repeat;
    e->p.total = e->n_cases;
    e->finished = ly_calloc((size_t)e->n_cases / 8 + 1, 1);
    if (!e->finished) {
        return LY_NOMEM(err);
    }
    st = ly_run_each_case(e->store, e->run_id, mark_finished, e, err);
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
        st = ly_recorder_new(ly_str_c(hex), &e->rec, err);
    }
    if (!st) {
        st = fresh_batch(e, err);
    }
    if (!st) {
        st = ly_writer_start(e->store, e->run_id, e->opts->record, e->opts->user, &e->writer, err);
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
    }
    if (e.writer) {
        ly_status last = write_all(&e, st ? NULL : err); /* spans of cut off cases too */
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
    ly_writer_stop(e.writer);
    ly_write_batch_free(e.batch);
    ly_write_batch_free(e.spare);
    ly_free(e.finished);
    ly_arena_release(&e.rows_arena);
    return st;
}
