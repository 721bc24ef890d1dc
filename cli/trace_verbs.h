/* Verbs of `lydite trace` that have a file of their own. Each returns an exit code. */
#ifndef LY_CLI_TRACE_VERBS_H
#define LY_CLI_TRACE_VERBS_H

#include "cli/reading.h"
#include "ingest/ingest.h"

int ly_trace_run_list(ly_cli *cli);   /* cmd_trace.c; `view` prints it where there is no screen */
int ly_trace_run_stats(ly_cli *cli);  /* trace_stats.c */
int ly_trace_run_diff(ly_cli *cli);   /* trace_diff.c */
int ly_trace_run_export(ly_cli *cli); /* trace_move.c */
int ly_trace_run_import(ly_cli *cli);
int ly_trace_run_rm(ly_cli *cli);

/* Imports files (or "-") into a store, as `trace import` does, and settles. key: the access key that
 * prices by key see, NULL = none. Returns the first failure; LY_E_CANCELLED between two documents after a
 * signal, with what was read before stored and settled. */
LY_MUST_USE ly_status ly_trace_import_files(ly_cli *cli, ly_store *store, const char *const *paths,
                                            int n, const char *key, ly_ingest_outcome *ret_sum,
                                            ly_err *err);

#endif
