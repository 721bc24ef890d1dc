/*
 * Budgets: what they say now, and the gate in front of our own calls.
 *
 * A gate holds money before each call and settles after it: the worst case is reserved (an upper bound
 * of the input plus the output limit, which our client always sets), so that concurrent workers and
 * processes cannot pass a cap together. It takes blocks (store/budget.h, leases), so that a call rarely
 * waits for the file.
 *
 *     ly_budget_gate_open(db, &ask, &gate, err)
 *     if (ly_budget_reserve(gate, worst, err) == LY_OK) { ... call ...; ly_budget_settle(gate, worst, paid); }
 *     ly_budget_gate_close(gate)
 *
 * Caps of a gate: every budget whose scope covers the calls, and one limit of the run's own. Spending by
 * budgets is what the ledger says plus what leases hold; the ledger may trail by a minute, which is
 * counted twice for that long and never not at all.
 */
#ifndef LY_COST_BUDGET_GATE_H
#define LY_COST_BUDGET_GATE_H

#include "cost/zone.h"
#include "genai/price.h"
#include "store/budget.h"

/* ---- what a budget says ---- */

typedef struct ly_budget_state {
    int64_t window_ns, window_end_ns; /* [start, end) */
    int64_t spent_pico;               /* by the ledger, priced calls */
    int64_t n, n_unpriced;            /* n_unpriced > 0: spent is a lower bound */
    bool warned, passed;              /* at or above warn_percent; above the limit */
} ly_budget_state;

LY_MUST_USE ly_status ly_budget_look(ly_store *store, const ly_budget *budget, int64_t now_ns,
                                     ly_budget_state *ret, ly_err *err);

/* A threshold was crossed. Called once a window and threshold, by one process only. */
typedef void (*ly_budget_event_fn)(void *user, const ly_budget *budget,
                                   const ly_budget_state *state, bool passed);
/* Looks at all budgets and tells what is new. With a reading store nothing is told. */
LY_MUST_USE ly_status ly_budget_watch(ly_store *store, int64_t now_ns, ly_budget_event_fn event,
                                      void *user, ly_err *err);
/* The webhook's body: {"event":"budget.passed","budget":...,"limit_usd":...,"spent_usd":...,...} */
void ly_budget_event_json(const ly_budget *budget, const ly_budget_state *state, bool passed,
                          ly_buf *out);

/* ---- the gate ---- */

typedef struct ly_budget_gate ly_budget_gate;

typedef struct ly_gate_ask {
    ly_str provider, model, service, user, prompt; /* of the calls; "" = unknown */
    ly_origin origin;
    ly_str run;         /* name of the run's own cap, "" = none; a resumed run goes on with it */
    int64_t limit_pico; /* of the run's cap */
    /* Provider, model, prompt and origin differ from call to call and come with each: of the scopes only
     * service and user are looked at on opening. */
    bool by_call;
} ly_gate_ask;

/* Opens a store handle of its own at `db`. */
LY_MUST_USE ly_status ly_budget_gate_open(const char *db, const ly_gate_ask *ask,
                                          ly_budget_gate **ret_gate, ly_err *err);
/* True when some cap applies: without one every call may be made unasked. */
bool ly_budget_gate_capped(const ly_budget_gate *gate);
/*
 * Holds worst_pico of every cap. LY_E_BUDGET names the cap that has not enough left; nothing is held
 * then. worst_pico LY_UNKNOWN (no price for the model) is refused where a cap applies. Any thread.
 */
LY_MUST_USE ly_status ly_budget_reserve(ly_budget_gate *gate, int64_t worst_pico, ly_err *err);
/* Whose call it is, for a gate by_call. A budget's model stands for its dated versions too, and the other
 * way round, so that a call is rather held under one budget too many. */
typedef struct ly_gate_call {
    ly_str provider, model, prompt; /* "" = none */
    ly_origin origin;
} ly_gate_call;
/* The same for the caps that cover the call; the run's own covers all. The settling names the same call. */
LY_MUST_USE ly_status ly_budget_reserve_call(ly_budget_gate *gate, const ly_gate_call *call,
                                             int64_t worst_pico, ly_err *err);
void ly_budget_settle_call(ly_budget_gate *gate, const ly_gate_call *call, int64_t worst_pico,
                           int64_t paid_pico);
/* Whether so much could be reserved now of every cap that some call was held under; holds nothing. */
bool ly_budget_room(ly_budget_gate *gate, int64_t want_pico);
/* After the call: what it cost; LY_UNKNOWN counts as the worst case. 0 for a call that was not made. */
void ly_budget_settle(ly_budget_gate *gate, int64_t worst_pico, int64_t paid_pico);
/* Gives back what is not used. NULL is allowed. */
void ly_budget_gate_close(ly_budget_gate *gate);

/*
 * Upper bound of one call: every byte of the request a token at the dearest input price (also a cache
 * write's), max_output tokens at the dearest output price, and the fee a request. LY_UNKNOWN when the
 * model has no price; 0 for a local address.
 */
int64_t ly_budget_worst(const ly_price_book *book, const ly_price_ask *ask, int64_t request_bytes,
                        int64_t max_output);

#endif
