/* The inside of the ledger: settle.c writes lines, charge_sealed.c does where no trace is left. */
#ifndef LY_STORE_CHARGE_I_H
#define LY_STORE_CHARGE_I_H

#include "store/db.h"
#include "store/usage.h"

/* Writes one line, in a write transaction. The sums are the caller's: ly_usage_apply. */
LY_MUST_USE ly_status ly_charge_write(ly_db *db, const ly_charge *line, int64_t now_ns,
                                      ly_err *err);

/* The part of ly_usage_reprice for lines whose record was removed; adds to *done. */
LY_MUST_USE ly_status ly_reprice_sealed(ly_store *store, const ly_reprice *how, ly_repriced *done,
                                        ly_err *err);

#endif
