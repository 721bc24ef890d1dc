/* Two outputs, both orders: see ly_judge_ask_pair in judge.h. */
#include <math.h>

#include "base/mem.h"
#include "judges/judge_i.h"
#include "judges/verdict.h"

typedef struct pairing pairing;

typedef struct half {
    pairing *p;
    size_t order; /* 0: `output` is shown first */
    ly_judgement j;
} half;

struct pairing {
    ly_arena arena;
    half halves[2];
    size_t waiting;
    int64_t length, other_length;
    ly_str against;
    ly_judged_fn done;
    ly_judge_call_fn on_call;
    void *user;
};

static void add_up(ly_judgement *out, const ly_judgement *j)
{
    out->calls += j->calls;
    out->repaired = out->repaired || j->repaired;
    out->manipulation = out->manipulation || j->manipulation;
    if (j->cost_pico != LY_UNKNOWN) {
        out->cost_pico = (out->cost_pico == LY_UNKNOWN ? 0 : out->cost_pico) + j->cost_pico;
    }
    (void)!ly_tokens_add(&out->tokens, &j->tokens);
    if (j->served_model.len) {
        out->served_model = j->served_model;
    }
    if (j->calls) {
        out->last = j->last;
    }
}

/* A verdict in terms of `output`: 1 better, -1 worse, 0 tie. */
static int side(const half *h)
{
    int says_a = h->j.value > 0.5 ? 1 : h->j.value < 0.5 ? -1 : 0;
    return h->order == 0 ? says_a : -says_a;
}

static void settle(pairing *p)
{
    ly_judgement out = {.value = NAN,
                        .unscored = "",
                        .cost_pico = LY_UNKNOWN,
                        .tokens = LY_TOKENS_UNKNOWN,
                        .against = p->against,
                        .length = p->length,
                        .other_length = p->other_length};
    const half *fault = NULL, *unsure = NULL;
    for (size_t i = 0; i < 2; i++) {
        half *h = &p->halves[i];
        add_up(&out, &h->j);
        out.said[i] = h->j.label;
        if (h->j.outcome == LY_UNSCORED && !fault) {
            fault = h;
        }
        if (h->j.outcome == LY_ABSTAINED && !unsure) {
            unsure = h;
        }
    }
    if (fault) {
        out.outcome = LY_UNSCORED;
        out.unscored = fault->j.unscored;
        out.reason = fault->j.reason;
        out.last = fault->j.last;
    } else if (unsure) {
        out.outcome = LY_ABSTAINED;
        out.label = unsure->j.label;
        out.reason = unsure->j.reason;
    } else {
        static const double values[] = {0, 0.5, 1};
        static const char *const labels[] = {"worse", "tie", "better"};
        int first = side(&p->halves[0]), second = side(&p->halves[1]);
        ly_pair_outcome o = ly_pair_settle(first, second);
        out.outcome = o == LY_PAIR_UNSETTLED ? LY_ABSTAINED : LY_SCORED;
        out.reason = p->halves[0].j.reason;
        out.sides[0] = first;
        out.sides[1] = second;
        if (o == LY_PAIR_UNSETTLED) {
            out.label = LY_S("unsettled");
        } else {
            out.value = values[o + 1];
            out.label = ly_str_c(labels[o + 1]);
        }
    }
    p->done(p->user, &out);
    ly_arena_release(&p->arena);
    ly_free(p);
}

static void on_half(void *user, const ly_judgement *j)
{
    half *h = user;
    ly_arena *arena = &h->p->arena;
    h->j = *j;
    h->j.label = ly_arena_copy(arena, j->label);
    h->j.reason = ly_arena_copy(arena, j->reason);
    h->j.served_model = ly_arena_copy(arena, j->served_model);
    if (--h->p->waiting == 0) {
        settle(h->p);
    }
}

static void on_half_call(void *user, const ly_llm_call *call, const ly_llm_result *result)
{
    half *h = user;
    if (h->p->on_call) {
        h->p->on_call(h->p->user, call, result);
    }
}

ly_status ly_judge_ask_pair(const ly_judge *judge, ly_llm *llm, const ly_judge_input *input,
                            ly_judged_fn done, ly_judge_call_fn on_call, void *user, ly_err *err)
{
    pairing *p = ly_calloc(1, sizeof *p);
    if (!p) {
        return LY_NOMEM(err);
    }
    ly_arena_init(&p->arena, 4096, 0);
    p->done = done;
    p->on_call = on_call;
    p->user = user;
    p->length = (int64_t)input->output.len;
    p->other_length = (int64_t)input->other.len;
    p->against = ly_arena_copy(&p->arena, input->against);
    p->waiting = 3; /* one for us, so that nothing settles before both are asked */
    for (size_t i = 0; i < 2; i++) {
        half *h = &p->halves[i];
        ly_judge_input in = *input;
        h->p = p;
        h->order = i;
        if (i == 1) {
            in.output = input->other;
            in.other = input->output;
        }
        ly_err local = LY_ERR_INIT;
        ly_status st = ly_judge_ask(judge, llm, &in, on_half, on_half_call, h, &local);
        if (st) {
            if (i == 0) { /* nothing was asked */
                ly_arena_release(&p->arena);
                ly_free(p);
                if (err) {
                    *err = local;
                }
                return st;
            }
            ly_judgement failed = {.outcome = LY_UNSCORED,
                                   .value = NAN,
                                   .unscored = "judge_bug",
                                   .cost_pico = LY_UNKNOWN,
                                   .tokens = LY_TOKENS_UNKNOWN,
                                   .reason = ly_str_c(local.text)};
            on_half(h, &failed);
        }
    }
    if (--p->waiting == 0) {
        settle(p);
    }
    return LY_OK;
}
