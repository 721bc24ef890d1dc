/* The verbs of `lydite cost` that stand in files of their own. */
#ifndef LY_CLI_COST_I_H
#define LY_CLI_COST_I_H

#include "cli/costing.h"

int ly_cost_run_explain(ly_cli *cli);
int ly_cost_run_reprice(ly_cli *cli);
int ly_cost_run_reconcile(ly_cli *cli);

#endif
