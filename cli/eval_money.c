#include "cli/eval_money.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "eval/record.h"

struct ly_eval_money {
    ly_budget_gate *gate;
    const ly_price_book *book;
    const ly_suite *suite;
    int64_t dearest_pico; /* worst case of any call so far */
    int64_t at_ns; /* one moment for both sides of a call, so that they agree on its worst case */
    char why[LY_ERR_TEXT_MAX];
};

/* The body that is sent is the upper bound of the input: a token has at least one byte. */
static int64_t worst_case(const ly_eval_money *m, const ly_llm_call *call)
{
    ly_buf body;
    ly_err ignored = LY_ERR_INIT;
    int64_t worst = LY_UNKNOWN;
    ly_buf_init(&body, LY_MAX_REQUEST_BYTES);
    if (ly_shape_write_request(call->model->shape, &call->request, &body, &ignored) == LY_OK) {
        ly_price_ask ask = {.provider = ly_str_c(call->model->provider),
                            .address = ly_str_c(call->model->host),
                            .model = ly_str_c(call->model->name),
                            .at_ns = m->at_ns};
        worst = ly_budget_worst(m->book, &ask, (int64_t)body.len, call->request.max_output);
    }
    ly_buf_release(&body);
    return worst;
}

/* A call to a target's model is the target's, with its prompt; any other is a judge's. */
static ly_gate_call whose(const ly_eval_money *m, const ly_llm_call *call)
{
    ly_gate_call ret = {.provider = ly_str_c(call->model->provider),
                        .model = ly_str_c(call->model->name),
                        .origin = LY_ORIGIN_JUDGE};
    for (size_t i = 0; i < m->suite->n_targets; i++) {
        if (call->model == &m->suite->targets[i].model) {
            ret.origin = LY_ORIGIN_EVAL;
            ret.prompt = m->suite->targets[i].prompt_name;
        }
    }
    return ret;
}

static bool reserve(void *money, const ly_llm_call *call, const char **why)
{
    ly_eval_money *m = money;
    ly_err err = LY_ERR_INIT;
    int64_t worst = worst_case(m, call);
    if (worst != LY_UNKNOWN && worst > m->dearest_pico) {
        m->dearest_pico = worst;
    }
    ly_gate_call call_of = whose(m, call);
    if (ly_budget_reserve_call(m->gate, &call_of, worst, &err) == LY_OK) {
        return true;
    }
    (void)ly_str_copy(ly_str_c(err.text), m->why, sizeof m->why);
    *why = m->why;
    return false;
}

/* What surely reached no model costs nothing; what may have run and has no figure counts in full. */
static int64_t paid(const ly_llm_result *r)
{
    if (r->priced.amount_pico != LY_UNKNOWN) {
        return r->priced.amount_pico;
    }
    bool nothing = r->outcome == LY_LLM_AUTH || r->outcome == LY_LLM_QUOTA ||
                   r->outcome == LY_LLM_RATE || r->outcome == LY_LLM_NETWORK;
    return nothing ? 0 : LY_UNKNOWN;
}

static void settle(void *money, const ly_llm_call *call, const ly_llm_result *result)
{
    ly_eval_money *m = money;
    ly_gate_call call_of = whose(m, call);
    ly_budget_settle_call(m->gate, &call_of, worst_case(m, call), paid(result));
}

/* A case makes several calls: target, retry, judges. */
#define CALLS_A_CASE 4

static bool room(void *money)
{
    ly_eval_money *m = money;
    int64_t want;
    return !__builtin_mul_overflow(m->dearest_pico, (int64_t)CALLS_A_CASE, &want) &&
           ly_budget_room(m->gate, want);
}

ly_str ly_eval_user(void)
{
    const char *user = getenv("LYDITE_USER");
    return ly_str_c(user ? user : "");
}

ly_status ly_eval_money_open(const char *db, const char *run, int64_t budget_pico,
                             const ly_price_book *book, const ly_suite *suite,
                             ly_eval_money **ret_money, ly_err *err)
{
    ly_eval_money *m = ly_calloc(1, sizeof *m);
    if (!m) {
        return LY_NOMEM(err);
    }
    m->book = book;
    m->suite = suite;
    m->at_ns = ly_wall_ns();
    ly_gate_ask ask = {.by_call = true,
                       .service = LY_S(LY_EVAL_SERVICE),
                       .user = ly_eval_user(),
                       .run = budget_pico > 0 ? ly_str_c(run) : LY_STR_NONE,
                       .limit_pico = budget_pico};
    ly_status status = ly_budget_gate_open(db, &ask, &m->gate, err);
    if (status != LY_OK || !ly_budget_gate_capped(m->gate)) {
        ly_eval_money_close(m);
        m = NULL;
    }
    if (status == LY_OK) {
        *ret_money = m;
    }
    return status;
}

void ly_eval_money_use(ly_eval_money *money, ly_eval_opts *opts)
{
    if (money) {
        opts->reserve = reserve;
        opts->settle = settle;
        opts->room = room;
        opts->money = money;
    }
}

void ly_eval_money_close(ly_eval_money *money)
{
    if (money) {
        ly_budget_gate_close(money->gate);
        ly_free(money);
    }
}
