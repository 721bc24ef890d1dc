/* Budgets and leases. Every change of a lease is one short write transaction. */
#include "store/budget.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/internal.h"

#define MINUTE_NS (60 * LY_NS_PER_SEC)

static ly_str or_empty(ly_str s)
{
    return s.ptr ? s : LY_S("");
}

ly_status ly_budget_set(ly_store *store, const ly_budget *b, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db,
                    "INSERT OR REPLACE INTO budget (name, provider, model, service, user, prompt,"
                    " origin, period, zone, limit_pico, warn_percent, webhook, set_ns)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                    &s, err);
    if (!st) {
        ly_str texts[] = {b->name, b->provider, b->model, b->service, b->user, b->prompt};
        for (size_t i = 0; i < LY_COUNT(texts); i++)
            ly_bind_text(s, (int)i + 1, or_empty(texts[i]));
        ly_bind_opt(s, 7, b->origin < 0 ? LY_UNKNOWN : b->origin);
        ly_bind_int(s, 8, b->period);
        ly_bind_text(s, 9, or_empty(b->zone));
        ly_bind_int(s, 10, b->limit_pico);
        ly_bind_int(s, 11, b->warn_percent);
        ly_bind_text(s, 12, or_empty(b->webhook));
        ly_bind_int(s, 13, b->set_ns);
        st = ly_db_run(db, s, err);
    }
    return ly_db_write_end(db, st, err);
}

ly_status ly_budget_remove(ly_store *store, ly_str name, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db, "DELETE FROM budget WHERE name = ?1", &s, err);
    if (!st) {
        ly_bind_text(s, 1, name);
        st = ly_db_run(db, s, err);
    }
    if (!st && ly_db_changes(db) == 0)
        st = LY_FAIL(err, LY_E_NOTFOUND, "there is no budget '%.*s'; see 'lydite budget list'",
                     LY_STR_ARG(name));
    return ly_db_write_end(db, st, err);
}

static void budget_read(ly_stmt *s, ly_arena *arena, ly_budget *ret)
{
    ly_str *texts[] = {&ret->name,    &ret->provider, &ret->model,
                       &ret->service, &ret->user,     &ret->prompt};
    for (size_t i = 0; i < LY_COUNT(texts); i++)
        *texts[i] = ly_col_copy(s, (int)i, arena);
    ret->origin = ly_col_null(s, 6) ? -1 : (int)ly_col_int(s, 6);
    ret->period = (ly_budget_period)ly_col_int(s, 7);
    ret->zone = ly_col_copy(s, 8, arena);
    ret->limit_pico = ly_col_int(s, 9);
    ret->warn_percent = (int)ly_col_int(s, 10);
    ret->webhook = ly_col_copy(s, 11, arena);
    ret->set_ns = ly_col_int(s, 12);
    ret->told_window_ns = ly_col_opt(s, 13);
    ret->told = (int)ly_col_int(s, 14);
}

ly_status ly_budget_list(ly_store *store, ly_str name, ly_arena *arena, ly_budget **ret_budgets,
                         size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_budget *budgets = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st =
        ly_db_prep(db,
                   "SELECT name, provider, model, service, user, prompt, origin, period, zone,"
                   " limit_pico, warn_percent, webhook, set_ns, told_window_ns, told FROM budget"
                   " WHERE ?1 = '' OR name = ?1 ORDER BY name",
                   &s, err);
    if (st)
        return st;
    ly_bind_text(s, 1, or_empty(name));
    while (!(st = ly_db_step(db, s, &row, err)) && row) {
        if (!ly_grow(&budgets, &cap, n + 1, 100000, sizeof *budgets)) {
            st = LY_NOMEM(err);
            break;
        }
        budget_read(s, arena, &budgets[n++]);
    }
    ly_db_reset(s);
    return ly_rows_end(st, budgets, n, sizeof *budgets, arena, ret_budgets, ret_n, err);
}

ly_status ly_budget_tell(ly_store *store, ly_str name, int64_t window_ns, int bits, int *ret_first,
                         ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    int told = 0;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db, "SELECT told_window_ns, told FROM budget WHERE name = ?1", &s, err);
    if (!st) {
        ly_bind_text(s, 1, name);
        st = ly_db_step(db, s, &row, err);
        if (!st && row && !ly_col_null(s, 0) && ly_col_int(s, 0) == window_ns)
            told = (int)ly_col_int(s, 1);
        ly_db_reset(s);
    }
    if (!st && row && (told | bits) != told) {
        st = ly_db_prep(db, "UPDATE budget SET told_window_ns = ?2, told = ?3 WHERE name = ?1", &s,
                        err);
        if (!st) {
            ly_bind_text(s, 1, name);
            ly_bind_int(s, 2, window_ns);
            ly_bind_int(s, 3, told | bits);
            st = ly_db_run(db, s, err);
        }
    }
    st = ly_db_write_end(db, st, err);
    if (!st)
        *ret_first = row ? bits & ~told : 0;
    return st;
}

/* ---- leases ---- */

ly_status ly_lease_sum(ly_store *store, ly_str cap, int64_t window_ns, int64_t *ret_held,
                       int64_t *ret_spent, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db,
                              "SELECT coalesce(sum(held_pico), 0), coalesce(sum(spent_pico), 0)"
                              " FROM budget_lease WHERE cap = ?1 AND window_ns = ?2",
                              &s, err);
    if (st)
        return st;
    ly_bind_text(s, 1, cap);
    ly_bind_int(s, 2, window_ns);
    st = ly_db_step(db, s, &row, err);
    if (!st) {
        *ret_held = ly_col_int(s, 0);
        *ret_spent = ly_col_int(s, 1);
    }
    ly_db_reset(s);
    return st;
}

/* Of caps that the ledger accounts for (window not 0): what closed and forsaken leases have spent is the
 * ledger's to say by now. What a forsaken one held stays: its calls may have been made and never been
 * booked. Leases of windows that are over go. */
static ly_status drop_old(ly_db *db, const ly_lease_ask *ask, ly_err *err)
{
    static const char *const texts[] = {
        "UPDATE budget_lease SET spent_pico = 0 WHERE cap = ?1 AND window_ns <> 0"
        " AND touched_ns < ?2 AND expires_ns <= ?3 AND window_ns = ?4",
        "DELETE FROM budget_lease WHERE cap = ?1 AND window_ns <> 0 AND touched_ns < ?2"
        " AND expires_ns <= ?3 AND (held_pico = 0 OR window_ns < ?4)",
    };
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < LY_COUNT(texts); i++) {
        ly_stmt *s = NULL;
        st = ly_db_prep(db, texts[i], &s, err);
        if (st)
            return st;
        ly_bind_text(s, 1, ask->cap);
        ly_bind_int(s, 2, ly_wall_ns() - MINUTE_NS);
        ly_bind_int(s, 3, ly_wall_ns());
        ly_bind_int(s, 4, ask->window_ns);
        st = ly_db_run(db, s, err);
    }
    return st;
}

static ly_status lease_write(ly_db *db, const ly_lease_ask *ask, int64_t got, int64_t *io_lease,
                             ly_err *err)
{
    ly_stmt *s = NULL;
    int64_t now = ly_wall_ns();
    ly_status st =
        *io_lease
            ? ly_db_prep(db,
                         "UPDATE budget_lease SET held_pico = held_pico + ?4, touched_ns = ?5,"
                         " expires_ns = ?6 WHERE id = ?1 AND cap = ?2 AND window_ns = ?3",
                         &s, err)
            : ly_db_prep(db,
                         "INSERT INTO budget_lease (cap, window_ns, held_pico, spent_pico,"
                         " touched_ns, expires_ns) VALUES (?2, ?3, ?4, 0, ?5, ?6)",
                         &s, err);
    if (st)
        return st;
    if (*io_lease)
        ly_bind_int(s, 1, *io_lease);
    ly_bind_text(s, 2, ask->cap);
    ly_bind_int(s, 3, ask->window_ns);
    ly_bind_int(s, 4, got);
    ly_bind_int(s, 5, now);
    ly_bind_int(s, 6, now + ask->ttl_ns);
    st = ly_db_run(db, s, err);
    if (!st && *io_lease && ly_db_changes(db) == 0)
        return LY_FAIL(err, LY_E_NOTFOUND, "the lease is gone");
    if (!st && !*io_lease)
        *io_lease = ly_db_last_id(db);
    return st;
}

ly_status ly_lease_take(ly_store *store, const ly_lease_ask *ask, int64_t *io_lease,
                        int64_t *ret_got, int64_t *ret_free, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    int64_t held = 0, spent = 0, got = 0, left = 0, lease = *io_lease;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = drop_old(db, ask, err);
    if (!st)
        st = ly_lease_sum(store, ask->cap, ask->window_ns, &held, &spent, err);
    if (!st) {
        /* limit - spent elsewhere - spent by leases - held, none of which may wrap */
        if (__builtin_sub_overflow(ask->limit_pico, ask->spent_pico, &left) ||
            __builtin_sub_overflow(left, spent, &left) || __builtin_sub_overflow(left, held, &left))
            left = 0;
        got = left < ask->want_pico ? left : ask->want_pico;
        if (got < ask->least_pico || got <= 0)
            st = LY_FAIL(err, LY_E_BUDGET, "the budget has not enough left");
    }
    if (!st)
        st = lease_write(db, ask, got, &lease, err);
    st = ly_db_write_end(db, st, err);
    *ret_free = left > 0 ? left : 0;
    if (!st) {
        *io_lease = lease;
        *ret_got = got;
    }
    return st;
}

ly_status ly_lease_settle(ly_store *store, int64_t lease, int64_t spend_pico,
                          int64_t give_back_pico, int64_t ttl_ns, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    int64_t now = ly_wall_ns();
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db,
                    "UPDATE budget_lease SET spent_pico = spent_pico + ?2,"
                    " held_pico = max(0, held_pico - ?2 - ?3), touched_ns = ?4, expires_ns = ?5"
                    " WHERE id = ?1",
                    &s, err);
    if (!st) {
        ly_bind_int(s, 1, lease);
        ly_bind_int(s, 2, spend_pico);
        ly_bind_int(s, 3, give_back_pico);
        ly_bind_int(s, 4, now);
        ly_bind_int(s, 5, now + ttl_ns);
        st = ly_db_run(db, s, err);
    }
    if (!st && ly_db_changes(db) == 0)
        st = LY_FAIL(err, LY_E_NOTFOUND, "the lease is gone");
    return ly_db_write_end(db, st, err);
}

ly_status ly_lease_close(ly_store *store, int64_t lease, bool keep_spent, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    int64_t now = ly_wall_ns();
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db,
                    "UPDATE budget_lease SET held_pico = 0, touched_ns = ?2, expires_ns = ?3"
                    " WHERE id = ?1",
                    &s, err);
    if (!st) {
        ly_bind_int(s, 1, lease);
        ly_bind_int(s, 2, now);
        ly_bind_int(s, 3, keep_spent ? INT64_MAX : now);
        st = ly_db_run(db, s, err);
    }
    return ly_db_write_end(db, st, err);
}
