/*
 * What `collect`, `run` and `view` share to run a collector: options from the command line, the hooks
 * that lend it other rooms (prompts, scores, prices), its log on standard error, systemd's readiness.
 */
#ifndef LY_CLI_COLLECTING_H
#define LY_CLI_COLLECTING_H

#include "cli/cmd.h"
#include "collector/collector.h"

#define LY_MAX_REDACT_RULES 64

typedef struct ly_collecting {
    ly_collector_opts opts;
    ly_redact_rule rules[LY_MAX_REDACT_RULES];
    void *lent; /* by ly_collecting_lend */
} ly_collecting;

/* The options every command that collects may have; a name it does not declare is not given. Prints and
 * returns an exit code on a usage error, else LY_EXIT_DONE. */
int ly_collecting_opts(ly_cli *cli, ly_collecting *ret);
/* Lends prices, prompts and scores to it (opts.hooks), and takes them back after it has stopped. */
LY_MUST_USE ly_status ly_collecting_lend(ly_collecting *c, ly_err *err);
void ly_collecting_end(ly_collecting *c);
/* The log of the collector on standard error, as "lydite: <text>". least: LY_LOG_WARN is quiet. */
void ly_collecting_log(ly_cli *cli, bool quiet);
/* Tells systemd ("READY=1"), when it asked. */
void ly_sd_notify(const char *state);

#endif
