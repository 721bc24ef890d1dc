/*
 * One piece of work on the database: what most commands open first and close last.
 */
#ifndef LY_CLI_WORK_H
#define LY_CLI_WORK_H

#include "base/arena.h"
#include "cli/cmd.h"
#include "store/store.h"

typedef struct ly_work {
    ly_cli *cli;
    ly_arena arena;
    ly_store *store;
    ly_err err;
} ly_work;

/* Opens the database that the command line names (a writer makes it where there is none). On failure
 * too, end with ly_work_end. */
LY_MUST_USE ly_status ly_work_begin(ly_work *work, ly_cli *cli, ly_store_role role);
/* Closes all. The exit code: `code` when status is LY_OK, else that of work->err, which is printed. */
int ly_work_end(ly_work *work, ly_status status, int code);
/* The i-th argument, or LY_STR_NONE. */
ly_str ly_work_arg(const ly_work *work, int i);

#endif
