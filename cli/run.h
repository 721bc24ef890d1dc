/*
 * The parser and the runner behind cli/cmd.h, for main and for the commands that print the command
 * table itself (help, completion, man).
 */
#ifndef LY_CLI_RUN_H
#define LY_CLI_RUN_H

#include "cli/cmd.h"

/* Parses, runs, returns the exit code. Prints errors on standard error. */
int ly_cli_main(int argc, char **argv);

/* The commands in the order of commands.def. */
size_t ly_cmd_count(void);
const ly_cmd *ly_cmd_at(size_t i);
const ly_cmd *ly_cmd_find(const char *name);
/* The verb of that name; name NULL = the default verb, or NULL where there is none. */
const ly_verb *ly_cmd_verb(const ly_cmd *cmd, const char *name);

/* The common options that `common` (LY_COMMON_*) allows, in the order of the help text. */
size_t ly_common_opts(unsigned common, const ly_opt **ret_opts, size_t max);

/* Help texts; all end in a line feed. */
void ly_help_program(ly_buf *out);
void ly_help_command(const ly_cmd *cmd, ly_buf *out);
void ly_help_verb(const ly_cmd *cmd, const ly_verb *verb, ly_buf *out);
/* A man page (roff) of a command, or of the whole program with cmd == NULL. */
void ly_man_page(const ly_cmd *cmd, ly_buf *out);
/* A completion script; shell is "bash", "zsh" or "fish". false for another. */
LY_MUST_USE bool ly_completion(const char *shell, ly_buf *out);

#endif
