/* Between the files of `lydite eval`: eval_make.c makes a run out of options, cmd_eval.c runs, eval_plan.c
 * plans, eval_init.c writes a suite, eval_review.c labels, eval_look.c looks. */
#ifndef LY_CLI_EVAL_CMD_H
#define LY_CLI_EVAL_CMD_H

#include "cli/cmd.h"
#include "cli/eval_print.h"
#include "cli/progress.h"
#include "cost/book.h"
#include "eval/run.h"

/* What `eval run` and `eval resume` share while they work. */
/* One prompt that was asked for: a file, parsed, or a name of the registry. */
typedef struct ly_eval_prompt {
    const char *arg;
    bool file;
    ly_str text, name;
    ly_prompt_doc *doc; /* of names: after ly_eval_put */
} ly_eval_prompt;

typedef struct ly_eval_session {
    ly_cli *cli;
    ly_arena arena;
    ly_store *store;
    ly_price_book *book;
    ly_suite suite;
    ly_progress progress;
    /* the suite file, where there is one */
    ly_json *suite_doc;
    ly_str suite_text;
    const char *suite_dir; /* NULL = the working directory */
    bool has_gate;
    ly_eval_prompt *prompts;
    int n_prompts;
    bool calls_nobody; /* `plan`: no key is asked for */
} ly_eval_session;

/* ---- eval_make.c: options and suite files ------------------------------------------------------------ */

/* A suite file: YAML whose members are the long options of `eval run`; the command line goes before it. */
LY_MUST_USE ly_status ly_eval_suite_read(ly_eval_session *s, const char *path, ly_err *err);
int ly_eval_count(const ly_eval_session *s, const char *name);
const char *ly_eval_at(ly_eval_session *s, const char *name, int i);
const char *ly_eval_opt(ly_eval_session *s, const char *name);
/* A path of the suite file is looked for beside the file first. */
const char *ly_eval_path(ly_eval_session *s, const char *name, int i);
LY_MUST_USE bool ly_eval_number(ly_eval_session *s, const char *name, double lo, double hi,
                                double *slot);
/* All numbers of the suite; false after a usage error. */
LY_MUST_USE bool ly_eval_numbers(ly_eval_session *s, double *budget);
/* Everything that can be wrong is found before the database is touched or a call is made. */
LY_MUST_USE ly_status ly_eval_prepare(ly_eval_session *s, ly_err *err);
/* Prompts and data into the registry; after it the suite is whole. Needs the store. */
LY_MUST_USE ly_status ly_eval_put(ly_eval_session *s, ly_err *err);

LY_MUST_USE ly_status ly_eval_open(ly_cli *cli, ly_store_role role, ly_store **ret, ly_err *err);
void ly_eval_release(ly_eval_session *s);
/* --name as a number within [lo, hi], a $ before it allowed; *slot keeps its value when it is not given. */
LY_MUST_USE bool ly_eval_double(ly_cli *cli, const char *name, double lo, double hi, double *slot);
/* Prints the report and, where there is one, the gate (the given text, else the run's own); returns the
 * gate's exit code. */
int ly_eval_report(ly_eval_session *s, const char *run, ly_str gate, const ly_report_opts *opts);

/* eval_plan.c: prints the plan of a suite whose options are read. */
int ly_eval_plan(ly_eval_session *s, double budget_usd);

int ly_eval_run_init(ly_cli *cli);
int ly_eval_run_review(ly_cli *cli);
int ly_eval_run_list(ly_cli *cli);
int ly_eval_run_show(ly_cli *cli);
int ly_eval_run_compare(ly_cli *cli);
int ly_eval_run_gate(ly_cli *cli);
int ly_eval_run_export(ly_cli *cli);

#endif
