/*
 * What lists that go on (-f) share: a word of what they wait for, and the pause between two looks, which ends
 * early when the reader of the output has gone.
 */
#ifndef LY_CLI_FOLLOW_H
#define LY_CLI_FOLLOW_H

#include "cli/cmd.h"

/* On a terminal: "waiting for <what>; Ctrl-C ends", on standard error, so that silence is not taken for a
 * fault. Piped: nothing. */
void ly_follow_begin(ly_cli *cli, const char *what);

/* Writes out what was printed and waits a quarter of a second. False when it is over: a signal came, nothing
 * can be written any more, or whoever read the output closed it, which a write would tell only when there is
 * something to write. */
bool ly_follow_wait(ly_cli *cli);

/* What the command exits with once ly_follow_wait said false: 128 + the signal, 141 for a closed pipe, else
 * LY_EXIT_DONE (a failed write is told where the output is closed). */
int ly_follow_exit(ly_cli *cli);

#endif
