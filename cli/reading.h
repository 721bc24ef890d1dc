/*
 * What commands that read traces share: opening the database, the filter argument with its caret, ids,
 * saved filters, and writing a finished text to the output.
 */
#ifndef LY_CLI_READING_H
#define LY_CLI_READING_H

#include "cli/cmd.h"
#include "store/store.h"
#include "viewer/viewer.h"

/* Opens the command's database. On failure prints why, sets *ret_exit and returns NULL. A reader of a
 * file that does not exist yet gets the ways in. */
LY_MUST_USE ly_store *ly_cli_store(ly_cli *cli, ly_store_role role, int *ret_exit);

/* Parses the arguments from `from` on, joined with spaces, as a filter; none = the filter that matches
 * all. On a bad one prints it with a caret, sets *ret_exit to 2 and returns false. The caller frees. */
LY_MUST_USE bool ly_cli_filter(ly_cli *cli, int from, ly_filter **ret_filter, int *ret_exit);

/* A trace (TRACE, prefix, @last, @last~N). On failure prints, sets *ret_exit and returns false. */
LY_MUST_USE bool ly_cli_trace(ly_cli *cli, ly_store *store, const char *what, ly_trace_id *ret_id,
                              int *ret_exit);

/* What the viewer's printers want to know. */
ly_print_opts ly_cli_print_opts(const ly_cli *cli);

/* Writes and releases the buffer; `st` and `err` are how it was made. Returns the exit code. */
int ly_cli_flush(ly_cli *cli, ly_buf *out, ly_status st, const ly_err *err);

/* Filters that were saved by name: `filters` in the configuration folder, a line "NAME FILTER" each. */
ly_str ly_cli_saved_filter(void *arena, ly_str name);
LY_MUST_USE ly_status ly_cli_save_filter(ly_str name, ly_str text, ly_err *err);

#endif
