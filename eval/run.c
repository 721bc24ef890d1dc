/* The engine: see run.h. */
#include "eval/run_i.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

static void stop(ly_engine *e, ly_eval_end why, const char *text)
{
    if (!e->stopping) {
        e->stopping = true;
        e->end = why;
        (void)snprintf(e->text, sizeof e->text, "%s", text);
    }
}

void ly_engine_fail(ly_engine *e, ly_status st, const ly_err *err)
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
    ly_engine *e = user;
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
    ly_write_batch *b = ((ly_engine *)user)->batch;
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
    ly_engine *e = user;
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
    ly_engine *e = user;
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

/* Cases must be in the file before they are compared. */
static ly_status write_all(ly_engine *e, ly_err *err);

static ly_status start_step(ly_engine *e, ly_err *err)
{
    if (e->next < e->n_cases) {
        return ly_engine_start_case(e, e->next, err);
    }
    return ly_engine_start_pair(e, e->next - e->n_cases, err);
}

static bool is_finished(const ly_engine *e, int64_t index)
{
    return e->finished[index / 8] >> (index % 8) & 1;
}

/* The writer is behind: nothing new is started. */
static bool is_full(const ly_engine *e)
{
    return e->batch->n >= GATHER || (e->rec && ly_record_pending(e->rec) >= GATHER_BYTES);
}

/* Paid answers that a kill would lose: no more than calls in flight, else the calls wait for the writer. */
static bool too_many_unwritten(const ly_engine *e)
{
    size_t n = e->batch->n_kept;
    for (size_t i = 0; i < ly_writer_waiting(e->writer); i++) {
        n += ly_writer_peek(e->writer, i)->n_kept;
    }
    return n >= e->max_active / 2;
}

static ly_status start_more(ly_engine *e, ly_err *err)
{
    ly_status st = LY_OK;
    while (!st && !e->stopping && e->n_active < e->max_active && e->next < e->n_steps &&
           !is_full(e)) {
        if (e->next == e->n_cases) {
            if (e->n_active > 0) {
                break;
            }
            if ((st = write_all(e, err))) {
                break;
            }
        }
        if (e->next < e->n_cases && !is_finished(e, e->next)) {
            const ly_target *t = &e->suite->targets[e->next % (int64_t)e->suite->n_targets];
            bool outside = t->kind == LY_TARGET_COMMAND || t->kind == LY_TARGET_URL;
            if (outside && !ly_outside_room(e->outside)) {
                break;
            }
        }
        if (e->n_active > 0 && e->opts->room && !e->opts->room(e->opts->money)) {
            break;
        }
        if (!is_finished(e, e->next)) {
            st = start_step(e, err);
        }
        e->next++;
    }
    return st;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static ly_status fresh_batch(ly_engine *e, ly_err *err)
{
    if (!e->spare) {
        return ly_write_batch_new(&e->batch, err);
    }
    e->batch = e->spare;
    e->spare = NULL;
    return LY_OK;
}

/* Hands over what has gathered, if the writer takes it. */
static ly_status hand_over(ly_engine *e, ly_err *err)
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
static ly_status take_back(ly_engine *e, int64_t timeout_ms, ly_err *err)
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
            ly_active_free(b->owners[i]);
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
static ly_status write_all(ly_engine *e, ly_err *err)
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

static void tell_progress(ly_engine *e, bool last)
{
    int64_t now = ly_mono_ns();
    e->p.elapsed_ns = now - e->started_ns;
    e->p.in_flight = (int64_t)ly_llm_pending(e->llm);
    if (e->opts->progress && (last || now - e->told_ns > 200 * LY_NS_PER_MS)) {
        e->told_ns = now;
        e->opts->progress(e->opts->user, &e->p);
    }
}

/* Waits for whichever answers: models, or commands and URLs. */
static ly_status poll_calls(ly_engine *e, int64_t timeout_ms, ly_err *err)
{
    bool outside = e->outside && ly_outside_pending(e->outside) > 0;
    if (!outside) {
        return ly_llm_poll(e->llm, timeout_ms, err);
    }
    bool both = ly_llm_pending(e->llm) > 0;
    ly_status st = ly_outside_poll(e->outside, both ? 0 : timeout_ms, err);
    return st || !both ? st : ly_llm_poll(e->llm, timeout_ms < 5 ? timeout_ms : 5, err);
}

static ly_status loop(ly_engine *e, ly_err *err)
{
    int64_t drain_until = 0;
    ly_status st = LY_OK;
    while (!st && !e->failed) {
        if (e->opts->interrupted && e->opts->interrupted(e->opts->user)) {
            stop(e, LY_EVAL_INTERRUPTED, "interrupted");
        }
        st = start_more(e, err);
        if (st || (e->n_active == 0 && (e->stopping || e->next >= e->n_steps))) {
            break;
        }
        size_t ready = e->batch->n + e->batch->n_kept;
        if (too_many_unwritten(e) && ly_writer_waiting(e->writer)) {
            st = take_back(e, POLL_MS, err);
        } else {
            bool busy = ready || ly_writer_waiting(e->writer);
            st = poll_calls(e, busy ? GROUP_MS : POLL_MS, err);
        }
        ready = e->batch->n + e->batch->n_kept;
        st = st ? st : take_back(e, 0, err);
        int64_t since = ly_mono_ns() - e->written_ns;
        if (!st && ready &&
            (since >= GROUP_MS * LY_NS_PER_MS || ready >= GROUP || ready >= e->max_active / 2) &&
            ly_writer_waiting(e->writer) < LY_WRITER_MAX_WAITING) {
            st = hand_over(e, err);
            e->written_ns = ly_mono_ns();
        } else if (!st && is_full(e) && ly_llm_pending(e->llm) == 0 &&
                   (!e->outside || ly_outside_pending(e->outside) == 0)) {
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
    ly_engine *e = user;
    const ly_suite *s = e->suite;
    int64_t index = (c->row * s->repeat + c->repeat) * (int64_t)s->n_targets + c->target;
    (void)err;
    if (index >= 0 && index < e->n_cases) {
        e->finished[index / 8] |= (uint8_t)(1 << (index % 8));
        e->p.before++;
    }
    return LY_OK;
}

static size_t target_named(const ly_suite *s, ly_str name)
{
    size_t i = 0;
    while (i < s->n_targets && !ly_str_eq(s->targets[i].name, name)) {
        i++;
    }
    return i;
}

/* Comparisons that an earlier part of the run made. */
static ly_status mark_compared(void *user, const ly_score *score, ly_err *err)
{
    ly_engine *e = user;
    const ly_suite *s = e->suite;
    ly_arena arena;
    ly_json *doc = NULL;
    (void)err;
    if (score->source != LY_SCORE_JUDGE || score->row < 0 || score->row >= e->n_rows ||
        score->repeat < 0 || score->repeat >= s->repeat) {
        return LY_OK;
    }
    ly_arena_init(&arena, 4096, 0);
    size_t nth = 0, pairs = ly_suite_pairs(s);
    for (size_t j = 0; j < s->n_judges; j++) {
        if (!ly_judge_is_pairwise(s->judges[j])) {
            continue;
        }
        if (ly_str_eq(ly_judge_name(s->judges[j]), score->name) &&
            ly_json_parse(score->detail, &arena, &doc, NULL) == LY_OK) {
            size_t against = target_named(s, ly_json_str(ly_json_get(doc, "against")));
            for (size_t i = 0; i < pairs; i++) {
                size_t c = 0, a = 0;
                (void)ly_suite_pair(s, i, &c, &a);
                if ((int64_t)c == score->target && a == against) {
                    int64_t at = (score->row * s->repeat + score->repeat) *
                                     (int64_t)(e->n_pair_judges * pairs) +
                                 (int64_t)(nth * pairs + i) + e->n_cases;
                    e->finished[at / 8] |= (uint8_t)(1 << (at % 8));
                    e->p.before++;
                }
            }
        }
        nth++;
    }
    ly_arena_release(&arena);
    return LY_OK;
}

static ly_status set_up(ly_engine *e, ly_err *err)
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
    for (size_t i = 0; i < s->n_judges; i++) {
        e->n_pair_judges += ly_judge_is_pairwise(s->judges[i]);
    }
    e->n_steps =
        e->n_cases + e->n_rows * s->repeat * (int64_t)(e->n_pair_judges * ly_suite_pairs(s));
    e->p.total = e->n_steps;
    e->finished = ly_calloc((size_t)e->n_steps / 8 + 1, 1);
    if (!e->finished) {
        return LY_NOMEM(err);
    }
    st = ly_run_each_case(e->store, e->run_id, mark_finished, e, err);
    if (!st && e->n_pair_judges) {
        st = ly_run_each_score(e->store, e->run_id, mark_compared, e, err);
    }
    bool outside = false;
    for (size_t i = 0; i < s->n_targets; i++) {
        outside = outside || s->targets[i].kind == LY_TARGET_COMMAND ||
                  s->targets[i].kind == LY_TARGET_URL;
    }
    if (!st && outside) {
        st = ly_outside_new(e->opts->jobs, e->opts->timeout_ms, &e->outside, err);
    }
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
    if (!st && e->rec) {
        ly_recorder_for(e->rec, e->opts->on_behalf_of);
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
    ly_engine e = {.store = store,
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
        ly_outside_cancel(e.outside);
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
    ly_outside_free(e.outside);
    ly_llm_free(e.llm);
    ly_recorder_free(e.rec);
    ly_writer_stop(e.writer);
    ly_write_batch_free(e.batch);
    ly_write_batch_free(e.spare);
    ly_free(e.finished);
    ly_arena_release(&e.rows_arena);
    return st;
}
