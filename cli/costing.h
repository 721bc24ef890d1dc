/*
 * What the commands of money share: opening the file, the time they are about, the book they price by.
 */
#ifndef LY_CLI_COSTING_H
#define LY_CLI_COSTING_H

#include "cli/cmd.h"
#include "cost/book.h"
#include "cost/budget_gate.h"
#include "cost/zone.h"
#include "text/jsonw.h"

/* Opens for writing where possible and settles what is due, so that the ledger says everything; falls
 * back to reading. Prints its error and returns the exit code. */
LY_MUST_USE int ly_costing_open(ly_cli *cli, ly_store **ret_store);
/* For commands that change something. */
LY_MUST_USE int ly_costing_open_writer(ly_cli *cli, ly_store **ret_store);

/* The zone of --tz or the setting `tz`; UTC by default. */
LY_MUST_USE int ly_costing_zone(ly_cli *cli, ly_zone **ret_zone);

/* A time of --since and --until, which the verb names as options of its own, in the zone: everything
 * of base/times.h. INT64_MIN / INT64_MAX where not given; *ret_given says whether either was. */
typedef struct ly_costing_time {
    int64_t from_ns, until_ns;
    bool given;
} ly_costing_time;
LY_MUST_USE int ly_costing_time_opts(ly_cli *cli, const ly_zone *zone, ly_costing_time *ret);
/* One text as --since takes it. */
LY_MUST_USE bool ly_costing_time_parse(ly_str text, const ly_zone *zone, int64_t *ret_from_ns,
                                       int64_t *ret_to_ns);

/* Name and dates of the book in force, without building it. Strings in the arena or static. */
LY_MUST_USE ly_status ly_costing_book(ly_store *store, ly_arena *arena, ly_price_info *ret_info,
                                      size_t *ret_own, ly_err *err);
/* "lydite of 2026-11-21" */
void ly_costing_book_text(const ly_price_info *info, ly_buf *out);

/* "2026-11-21" or "2026-11-21 16:45" in the zone; "-" for open and unknown times. */
void ly_costing_day(const ly_zone *zone, int64_t ns, bool clock, ly_buf *out);

/* One line of text from outside, cleaned for this terminal. */
void ly_costing_clean(const ly_cli *cli, ly_str text, ly_buf *out);

/* "amount_pico" and "amount_usd" (decimal text) with that prefix; null when unknown. */
void ly_costing_json_money(ly_jsonw *w, const char *key, int64_t pico);
/* Writes one finished JSON line of `buf` to cli->out and empties it. */
int ly_costing_json_line(ly_cli *cli, ly_jsonw *w, ly_buf *buf);

/* The whole of a file, "-" = standard input. */
LY_MUST_USE ly_status ly_costing_read_file(const char *path, size_t max, ly_buf *out, ly_err *err);

/* ly_collector_hooks.load_book and its like for eval and run: the book in force of the database whose
 * path is `user`; NULL (nothing in err) where there is no file yet or it cannot be read. */
ly_price_book *ly_costing_load_book(void *user, ly_err *err);

/* For ly_store_book_with: the book in force in this store; NULL where it cannot be read. */
ly_price_book *ly_costing_book_of(ly_store *store);

/* ly_budget_event_fn: POSTs the event to the budget's webhook, if it has one; a failure is logged. */
void ly_costing_budget_event(const ly_budget *budget, const ly_budget_state *state, bool passed);

/*
 * Watches the budgets of a database from a thread of its own, every few seconds, and tells webhooks.
 * For commands that run a collector. NULL when it could not start.
 */
typedef struct ly_budget_watcher ly_budget_watcher;
ly_budget_watcher *ly_budget_watcher_start(const char *db);
/* NULL is allowed. */
void ly_budget_watcher_stop(ly_budget_watcher *watcher);

#endif
