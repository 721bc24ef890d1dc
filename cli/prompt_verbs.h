/* Between the files of `lydite prompt`: prompt_move.c counts versions and moves them between places. */
#ifndef LY_CLI_PROMPT_VERBS_H
#define LY_CLI_PROMPT_VERBS_H

#include "cli/cmd.h"

int ly_prompt_run_stats(ly_cli *cli);
int ly_prompt_run_pull(ly_cli *cli);
int ly_prompt_run_push(ly_cli *cli);

#endif
