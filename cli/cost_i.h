/* The parts of `lydite cost`: its report as asked for, the two ways to print it, and the verbs that stand in
 * files of their own. For the cost_*.c files and cmd_cost.c only; money and dates that `budget` and `price`
 * print too are in cli/costing.h. */
#ifndef LY_CLI_COST_I_H
#define LY_CLI_COST_I_H

#include "cli/costing.h"
#include "cli/json_csv.h"
#include "cost/report.h"

/* Rows of a report where -n does not say. */
#define LY_COST_ROWS_MOST 50

typedef struct ly_cost_view {
    ly_cli *cli;
    ly_store *store;
    ly_zone *zone;
    ly_arena arena;
    ly_cost_ask ask;
    ly_cost_report report;
    bool month; /* the default report: this month beside the same days of last month */
    ly_price_info book;
    size_t n_own;    /* prices of the user's own */
    ly_json_csv csv; /* its heads are set by ly_cost_print_csv */
} ly_cost_view;

/* Print a report that was made, and the spread of single traces or sessions (`what`: "trace", "session").
 * All return an exit code; a failure to write is told there. */
int ly_cost_print_screen(ly_cost_view *v);
int ly_cost_print_json(ly_cost_view *v);
int ly_cost_print_csv(ly_cost_view *v);
int ly_cost_print_spread(ly_cost_view *v, const char *what, const ly_cost_spread *s);
int ly_cost_print_spread_line(ly_cost_view *v, const char *what, const ly_cost_spread *s);

int ly_cost_run_explain(ly_cli *cli);
int ly_cost_run_reprice(ly_cli *cli);
int ly_cost_run_reconcile(ly_cli *cli);

#endif
