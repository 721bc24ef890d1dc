/* What the verbs of `lydite price` share. */
#ifndef LY_CLI_PRICE_I_H
#define LY_CLI_PRICE_I_H

#include "cli/cmd.h"
#include "store/store.h"

/* The database, or NULL where there is none yet: prices are known without. An exit code. */
int ly_price_open(ly_cli *cli, ly_store **ret_store);
int ly_price_run_check(ly_cli *cli);
int ly_price_run_add(ly_cli *cli);
int ly_price_run_rm(ly_cli *cli);

/* Said after each change of prices: what follows of itself and what does not. */
extern const char ly_price_later[];

#endif
