/* Between the files of `lydite eval`: cmd_eval.c runs, eval_look.c looks. */
#ifndef LY_CLI_EVAL_CMD_H
#define LY_CLI_EVAL_CMD_H

#include "cli/cmd.h"
#include "cli/eval_print.h"
#include "cost/book.h"
#include "eval/run.h"

/* What `eval run` and `eval resume` share while they work. */
typedef struct ly_eval_session {
    ly_cli *cli;
    ly_arena arena;
    ly_store *store;
    ly_price_book *book;
    ly_suite suite;
    bool show_progress;
} ly_eval_session;

LY_MUST_USE ly_status ly_eval_open(ly_cli *cli, ly_store_role role, ly_store **ret, ly_err *err);
void ly_eval_release(ly_eval_session *s);
/* --name as a number within [lo, hi], a $ before it allowed; *slot keeps its value when it is not given. */
LY_MUST_USE bool ly_eval_double(ly_cli *cli, const char *name, double lo, double hi, double *slot);
/* Prints the report and, where there is one, the gate (the given text, else the run's own); returns the
 * gate's exit code. */
int ly_eval_report(ly_eval_session *s, const char *run, ly_str gate, const ly_report_opts *opts);

int ly_eval_run_list(ly_cli *cli);
int ly_eval_run_show(ly_cli *cli);
int ly_eval_run_compare(ly_cli *cli);
int ly_eval_run_gate(ly_cli *cli);
int ly_eval_run_export(ly_cli *cli);

#endif
