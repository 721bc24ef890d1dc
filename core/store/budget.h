/*
 * Budgets, and money put aside for calls of our own.
 *
 * A budget is a limit on what the ledger says for a scope and a window. A lease is what one worker has
 * put aside of a cap before it makes calls: all leases and the spending together never pass the cap,
 * whatever the number of workers and processes, because every block is taken inside a write transaction.
 */
#ifndef LY_STORE_BUDGET_H
#define LY_STORE_BUDGET_H

#include "store/store.h"

typedef enum ly_budget_period {
    LY_PERIOD_DAY = 0,
    LY_PERIOD_WEEK = 1, /* from Monday */
    LY_PERIOD_MONTH = 2
} ly_budget_period;

typedef struct ly_budget {
    ly_str name;
    ly_str provider, model, service, user, prompt; /* "" = any */
    int origin;                                    /* ly_origin, or -1 = all */
    ly_budget_period period;
    ly_str zone; /* "UTC", "+02:00", "Europe/Berlin" */
    int64_t limit_pico;
    int warn_percent; /* 1..100 */
    ly_str webhook;   /* URL, "" = none */
    int64_t set_ns;
    int64_t told_window_ns; /* window that was told about; LY_UNKNOWN = none */
    int told;               /* LY_TOLD_* */
} ly_budget;

enum { LY_TOLD_WARNED = 1, LY_TOLD_PASSED = 2 };

/* Makes or replaces; the replaced one's events are forgotten. */
LY_MUST_USE ly_status ly_budget_set(ly_store *store, const ly_budget *budget, ly_err *err);
LY_MUST_USE ly_status ly_budget_remove(ly_store *store, ly_str name, ly_err *err);
/* By name; name empty = all. */
LY_MUST_USE ly_status ly_budget_list(ly_store *store, ly_str name, ly_arena *arena,
                                     ly_budget **ret_budgets, size_t *ret_n, ly_err *err);
/* Notes that `bits` were told for a window. *ret_first = the bits that nobody had told before: the
 * caller, of all processes, is the one to tell them. */
LY_MUST_USE ly_status ly_budget_tell(ly_store *store, ly_str name, int64_t window_ns, int bits,
                                     int *ret_first, ly_err *err);

/* ---- leases ---- */

/*
 * Takes `want_pico` more from a cap of `limit_pico` of which `spent_pico` is gone already (by the ledger;
 * 0 where leases alone account). Held and spent money of all leases of (cap, window) counts, also what a
 * killed process held: nobody knows which of its calls were made. Only what a lease that ran out has spent
 * is left to the ledger (window 0: it counts for good). least_pico: take less than wanted down to this where not all is
 * free. LY_E_BUDGET when not even that is: *ret_free tells what is.
 * lease_id: 0 makes a lease, else that one grows. *ret_got is what was taken.
 */
typedef struct ly_lease_ask {
    ly_str cap;
    int64_t window_ns;
    int64_t limit_pico, spent_pico;
    int64_t want_pico, least_pico;
    int64_t ttl_ns; /* so long after its last use the ledger has what was spent */
} ly_lease_ask;

LY_MUST_USE ly_status ly_lease_take(ly_store *store, const ly_lease_ask *ask, int64_t *io_lease,
                                    int64_t *ret_got, int64_t *ret_free, ly_err *err);
/* Of what the lease holds, `spend` was spent and `give_back` is free again. Spending past what is held
 * is noted in full. LY_E_NOTFOUND when the lease is gone. */
LY_MUST_USE ly_status ly_lease_settle(ly_store *store, int64_t lease, int64_t spend_pico,
                                      int64_t give_back_pico, int64_t ttl_ns, ly_err *err);
/* Gives everything back. keep_spent: what was spent still counts against the cap (where leases alone
 * account); otherwise the ledger is trusted to have it after a minute. */
LY_MUST_USE ly_status ly_lease_close(ly_store *store, int64_t lease, bool keep_spent, ly_err *err);
/* What leases of a cap hold and have spent. */
LY_MUST_USE ly_status ly_lease_sum(ly_store *store, ly_str cap, int64_t window_ns,
                                   int64_t *ret_held, int64_t *ret_spent, ly_err *err);

#endif
