/* The gate in front of an evaluation's calls: ly_eval_opts.reserve and settle over core/cost. */
#ifndef LY_CLI_EVAL_MONEY_H
#define LY_CLI_EVAL_MONEY_H

#include "cost/budget_gate.h"
#include "eval/run.h"

typedef struct ly_eval_money ly_eval_money;

/*
 * For a run of that id with a budget of its own (0 = none) and the budgets of the file that cover calls
 * of evaluations, each by the call's provider, model, prompt and origin. *ret_money becomes NULL where no
 * cap applies. book and suite must outlive it.
 */
LY_MUST_USE ly_status ly_eval_money_open(const char *db, const char *run, int64_t budget_pico,
                                         const ly_price_book *book, const ly_suite *suite,
                                         ly_eval_money **ret_money, ly_err *err);
/* On whose behalf evaluations and judges call (LYDITE_USER): their spans have it as user.id, so that a
 * budget of that user holds them. Empty = nobody's. */
ly_str ly_eval_user(void);
/* Sets reserve, settle and money; nothing for NULL. */
void ly_eval_money_use(ly_eval_money *money, ly_eval_opts *opts);
/* NULL is allowed. */
void ly_eval_money_close(ly_eval_money *money);

#endif
