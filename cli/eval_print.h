/* Printing reports of evaluations, for eval, prompt and judge commands. */
#ifndef LY_CLI_EVAL_PRINT_H
#define LY_CLI_EVAL_PRINT_H

#include "cli/cmd.h"
#include "eval/report.h"

/* Tables, or JSON with --json. */
int ly_print_report(ly_cli *cli, const ly_report *report);
void ly_print_gate(ly_cli *cli, const ly_gate_line *lines, size_t n, ly_gate_answer answer);
/* Exit code of a gate's answer: 0, 1, 5. */
int ly_gate_exit(ly_gate_answer answer);

#endif
