/* Replies that were paid for, by the hash of the whole request: see run.h. */
#include "base/clock.h"
#include "store/call_cache_i.h"
#include "store/run.h"

ly_status ly_call_cache_put(ly_db *db, const ly_reply_kept *reply, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "INSERT INTO call_cache (key, made_ns, used_ns, reply)"
                   " VALUES (?1, ?2, ?2, ?3) ON CONFLICT (key) DO UPDATE SET used_ns = ?2",
                   &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, reply->key, sizeof reply->key);
    ly_bind_int(s, 2, ly_wall_ns());
    ly_bind_blob(s, 3, reply->body.ptr, reply->body.len);
    return ly_db_run(db, s, err);
}

ly_status ly_call_cache_get(ly_store *store, const uint8_t key[32], ly_arena *arena,
                            ly_str *ret_body, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, "SELECT reply FROM call_cache WHERE key = ?1", &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, key, 32);
    st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        ly_str body = ly_col_copy(s, 0, arena);
        if (body.ptr) {
            *ret_body = body;
        } else {
            st = LY_NOMEM(err);
        }
    }
    ly_db_reset(s);
    return st ? st : row ? LY_OK : LY_E_NOTFOUND;
}
