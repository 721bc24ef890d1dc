/* Inside the store: keeping a reply in the caller's transaction. */
#ifndef LY_STORE_CALL_CACHE_I_H
#define LY_STORE_CALL_CACHE_I_H

#include "store/db.h"
#include "store/run.h"

LY_MUST_USE ly_status ly_call_cache_put(ly_db *db, const ly_reply_kept *reply, ly_err *err);

#endif
