/* Runs and cases: see run.h. */
#include "store/run.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/call_cache_i.h"
#include "store/score_i.h"
#include "text/hash.h"

enum { SLICE_ROWS = 200, MAX_CASES = 100000000 };

ly_status ly_run_make(ly_store *store, ly_str experiment, ly_str suite, ly_str dataset,
                      int64_t dataset_number, uint8_t ret_id[16], ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    uint8_t id[16];
    ly_status st = ly_random(id, sizeof id, err);
    if (st || (st = ly_db_write_begin(db, err))) {
        return st;
    }
    st = ly_db_prep(
        db,
        "INSERT INTO run (run_id, experiment, suite, state, dataset_version, started_ns)"
        " VALUES (?1, ?2, ?3, 'running', (SELECT v.id FROM dataset d JOIN dataset_version v"
        " ON v.dataset = d.id WHERE d.name = ?4 AND v.number = ?5), ?6)",
        &s, err);
    if (!st) {
        ly_bind_blob(s, 1, id, sizeof id);
        ly_bind_text(s, 2, experiment.len ? experiment : LY_STR_NONE);
        ly_bind_text(s, 3, suite);
        ly_bind_text(s, 4, dataset);
        ly_bind_int(s, 5, dataset_number);
        ly_bind_int(s, 6, ly_wall_ns());
        st = ly_db_run(db, s, err);
    }
    st = ly_db_write_end(db, st, err);
    if (!st) {
        memcpy(ret_id, id, sizeof id);
    }
    return st;
}

ly_status ly_run_state(ly_store *store, const uint8_t id[16], ly_str state, ly_str summary,
                       ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_write_begin(db, err);
    if (st) {
        return st;
    }
    st = ly_db_prep(db,
                    "UPDATE run SET state = ?2, summary = coalesce(?3, summary),"
                    " ended_ns = CASE WHEN ?2 = 'running' THEN NULL ELSE ?4 END WHERE run_id = ?1",
                    &s, err);
    if (!st) {
        ly_bind_blob(s, 1, id, 16);
        ly_bind_text(s, 2, state);
        ly_bind_text(s, 3, summary.len ? summary : LY_STR_NONE);
        ly_bind_int(s, 4, ly_wall_ns());
        st = ly_db_run(db, s, err);
    }
    return ly_db_write_end(db, st, err);
}

#define RUN_COLUMNS                                                                          \
    "r.run_id, r.experiment, r.suite, r.state, d.name, v.number, v.n_rows, r.started_ns, "   \
    "r.ended_ns, r.summary, (SELECT count(*) FROM \"case\" c WHERE c.run = r.id), "          \
    "(SELECT count(*) FROM \"case\" c WHERE c.run = r.id AND c.state = 'failed'), "          \
    "(SELECT sum(c.cost_pico) FROM \"case\" c WHERE c.run = r.id) FROM run r "               \
    "LEFT JOIN dataset_version v ON v.id = r.dataset_version LEFT JOIN dataset d ON d.id = " \
    "v.dataset "

static void read_run(ly_stmt *s, ly_arena *arena, ly_run *r)
{
    *r = (ly_run){.experiment = ly_col_copy(s, 1, arena),
                  .suite = ly_col_copy(s, 2, arena),
                  .state = ly_col_copy(s, 3, arena),
                  .dataset = ly_col_copy(s, 4, arena),
                  .dataset_number = ly_col_int(s, 5),
                  .n_rows = ly_col_int(s, 6),
                  .started_ns = ly_col_int(s, 7),
                  .ended_ns = ly_col_opt(s, 8),
                  .summary = ly_col_copy(s, 9, arena),
                  .n_cases = ly_col_int(s, 10),
                  .n_failed = ly_col_int(s, 11),
                  .cost_pico = ly_col_opt(s, 12)};
    ly_str id = ly_col_str(s, 0);
    if (id.len == sizeof r->run_id) {
        memcpy(r->run_id, id.ptr, sizeof r->run_id);
    }
}

/* First rows of a prepared statement: *ret gets the first, *ret_n is 0, 1 or 2 (more than one). */
static ly_status first_run(ly_db *db, ly_stmt *s, ly_arena *arena, ly_run *ret, int *ret_n,
                           ly_err *err)
{
    bool row = false;
    ly_status st;
    *ret_n = 0;
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row && *ret_n < 2) {
        if ((*ret_n)++ == 0) {
            read_run(s, arena, ret);
        }
    }
    ly_db_reset(s);
    return st;
}

static ly_status run_by_age(ly_db *db, ly_str experiment, int64_t back, ly_arena *arena,
                            ly_run *ret, int *ret_n, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " RUN_COLUMNS "WHERE ?1 IS NULL OR r.experiment = ?1"
                              " ORDER BY r.started_ns DESC, r.id DESC LIMIT 1 OFFSET ?2",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, experiment.len ? experiment : LY_STR_NONE);
    ly_bind_int(s, 2, back);
    return first_run(db, s, arena, ret, ret_n, err);
}

static ly_status run_by_prefix(ly_db *db, ly_str prefix, ly_arena *arena, ly_run *ret, int *ret_n,
                               ly_err *err)
{
    ly_stmt *s = NULL;
    uint8_t lo[16], hi[16];
    char digits[32];
    *ret_n = 0;
    if (prefix.len < 4 || prefix.len > 32) {
        return LY_OK;
    }
    for (int side = 0; side < 2; side++) {
        memset(digits, side ? 'f' : '0', sizeof digits);
        memcpy(digits, prefix.ptr, prefix.len);
        if (!ly_hex_decode(ly_str_n(digits, sizeof digits), side ? hi : lo, 16)) {
            return LY_OK;
        }
    }
    ly_status st =
        ly_db_prep(db, "SELECT " RUN_COLUMNS "WHERE r.run_id BETWEEN ?1 AND ?2 LIMIT 2", &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, lo, 16);
    ly_bind_blob(s, 2, hi, 16);
    return first_run(db, s, arena, ret, ret_n, err);
}

ly_status ly_run_get(ly_store *store, ly_str what, ly_arena *arena, ly_run *ret, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    int n = 0;
    int64_t back = 0;
    ly_status st = ly_db_read_begin(db, err);
    if (st) {
        return st;
    }
    if (ly_str_starts(what, LY_S("@last"))) {
        bool good =
            what.len == 5 || (what.ptr[5] == '~' &&
                              ly_str_to_i64(ly_str_sub(what, 6, SIZE_MAX), &back) && back >= 0);
        st = good ? run_by_age(db, LY_STR_NONE, back, arena, ret, &n, err)
                  : LY_FAIL(err, LY_E_INVALID, "run %.*s: write @last or @last~N",
                            LY_STR_ARG(ly_str_sub(what, 0, 160)));
    } else {
        st = run_by_prefix(db, what, arena, ret, &n, err);
        if (!st && n == 0 && what.len) {
            st = run_by_age(db, what, 0, arena, ret, &n, err);
        }
    }
    ly_db_read_end(db);
    if (!st && n != 1) {
        st = LY_FAIL(err, n ? LY_E_AMBIGUOUS : LY_E_NOTFOUND, "run %.*s: %s",
                     LY_STR_ARG(ly_str_sub(what, 0, 160)),
                     n ? "more than one begins so; give more digits"
                       : "no such run; see: lydite eval list");
    }
    return st;
}

ly_status ly_run_list(ly_store *store, ly_str experiment, size_t limit, ly_arena *arena,
                      ly_run **ret_rows, size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    size_t room = limit ? limit : 20, n = 0;
    bool row = false;
    room = room > 100000 ? 100000 : room;
    ly_run *rows = LY_ARENA_ARRAY(arena, ly_run, room + 1);
    if (!rows) {
        return LY_NOMEM(err);
    }
    ly_status st = ly_db_prep(db,
                              "SELECT " RUN_COLUMNS "WHERE ?1 IS NULL OR r.experiment = ?1"
                              " ORDER BY r.started_ns DESC, r.id DESC LIMIT ?2",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, experiment.len ? experiment : LY_STR_NONE);
    ly_bind_int(s, 2, (int64_t)room);
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row && n < room) {
        read_run(s, arena, &rows[n++]);
    }
    ly_db_reset(s);
    if (!st) {
        *ret_rows = rows;
        *ret_n = n;
    }
    return st;
}

static const char CASE_SCORES[] =
    "SELECT " LY_SCORE_COLUMNS " FROM run r JOIN \"case\" c ON c.run = r.id"
    " JOIN score s ON s.\"case\" = c.id WHERE r.run_id = ?1 AND s.retracted_ns IS NULL"
    " ORDER BY c.row, c.target, c.repeat, s.name";

/* ---- cases --------------------------------------------------------------------------------------------- */

static ly_status run_row(ly_db *db, const uint8_t id[16], int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT id FROM run WHERE run_id = ?1", &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, id, 16);
    st = ly_db_number(db, s, 0, ret_id, err);
    return st        ? st
           : *ret_id ? LY_OK
                     : LY_FAIL(err, LY_E_NOTFOUND, "the run is not in the database");
}

static ly_status case_row(ly_db *db, int64_t run, const ly_case *c, int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT id FROM \"case\" WHERE run = ?1 AND row = ?2 AND target = ?3"
                              " AND repeat = ?4",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, run);
    ly_bind_int(s, 2, c->row);
    ly_bind_int(s, 3, c->target);
    ly_bind_int(s, 4, c->repeat);
    return ly_db_number(db, s, 0, ret_id, err);
}

static ly_status write_scores(ly_db *db, int64_t run, int64_t case_id, ly_case_done *done,
                              ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t i = 0; i < done->n_scores && !st; i++) {
        st = ly_score_insert(db, &done->scores[i], run, case_id, NULL, err);
    }
    return st;
}

static ly_status write_case(ly_db *db, int64_t run, ly_case_done *done, ly_err *err)
{
    const ly_case *c = &done->about;
    ly_stmt *s = NULL;
    if (done->only_scores) {
        int64_t id = 0;
        ly_status found = case_row(db, run, c, &id, err);
        return found || id == 0 ? found : write_scores(db, run, id, done, err);
    }
    ly_status st = ly_db_prep(db,
                              "INSERT INTO \"case\" (run, row, target, repeat, state, trace_id, "
                              "output, error, duration_ns,"
                              " cost_pico, tokens_in, tokens_out, done_ns)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
                              " ON CONFLICT (run, row, target, repeat) DO NOTHING",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, run);
    ly_bind_int(s, 2, c->row);
    ly_bind_int(s, 3, c->target);
    ly_bind_int(s, 4, c->repeat);
    ly_bind_text(s, 5, c->failed ? LY_S("failed") : LY_S("done"));
    if (ly_trace_id_zero(c->trace_id)) {
        ly_bind_null(s, 6);
    } else {
        ly_bind_blob(s, 6, c->trace_id.b, 16);
    }
    ly_bind_text(s, 7, c->output);
    ly_bind_text(s, 8, c->error.len ? c->error : LY_STR_NONE);
    ly_bind_opt(s, 9, c->duration_ns);
    ly_bind_opt(s, 10, c->cost_pico);
    ly_bind_opt(s, 11, c->tokens_in);
    ly_bind_opt(s, 12, c->tokens_out);
    ly_bind_int(s, 13, c->done_ns ? c->done_ns : ly_wall_ns());
    st = ly_db_run(db, s, err);
    if (st || ly_db_changes(db) == 0) {
        return st;
    }
    return write_scores(db, run, ly_db_last_id(db), done, err);
}

ly_status ly_run_write(ly_store *store, const uint8_t id[16], ly_case_done *cases, size_t n,
                       const ly_reply_kept *replies, size_t n_replies, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    size_t at = 0, reply = 0;
    int64_t run = 0;
    ly_status st = LY_OK;
    while (!st && (at < n || reply < n_replies)) {
        if ((st = ly_db_write_begin(db, err))) {
            return st;
        }
        st = run_row(db, id, &run, err);
        size_t rows = 0;
        for (; !st && reply < n_replies && rows < SLICE_ROWS; reply++, rows++) {
            st = ly_call_cache_put(db, &replies[reply], err);
        }
        for (; !st && at < n && rows < SLICE_ROWS; at++) {
            st = write_case(db, run, &cases[at], err);
            rows += 1 + cases[at].n_scores;
        }
        st = ly_db_write_end(db, st, err);
    }
    return st;
}

ly_status ly_run_each_case(ly_store *store, const uint8_t id[16], ly_case_fn fn, void *user,
                           ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(
        db,
        "SELECT c.row, c.target, c.repeat, c.state, c.error, c.duration_ns, c.cost_pico,"
        " c.tokens_in, c.tokens_out, c.done_ns FROM \"case\" c JOIN run r ON r.id = c.run"
        " WHERE r.run_id = ?1 ORDER BY c.row, c.target, c.repeat",
        &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, id, 16);
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        ly_case c = {.row = ly_col_int(s, 0),
                     .target = ly_col_int(s, 1),
                     .repeat = ly_col_int(s, 2),
                     .failed = ly_str_eqc(ly_col_str(s, 3), "failed"),
                     .error = ly_col_str(s, 4),
                     .duration_ns = ly_col_opt(s, 5),
                     .cost_pico = ly_col_opt(s, 6),
                     .tokens_in = ly_col_opt(s, 7),
                     .tokens_out = ly_col_opt(s, 8),
                     .done_ns = ly_col_int(s, 9)};
        if ((st = fn(user, &c, err))) {
            break;
        }
    }
    ly_db_reset(s);
    return st;
}

ly_status ly_run_each_score(ly_store *store, const uint8_t id[16], ly_case_score_fn fn, void *user,
                            ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_arena arena;
    ly_status st = ly_db_prep(db, CASE_SCORES, &s, err);
    if (st) {
        return st;
    }
    ly_arena_init(&arena, 0, 0);
    ly_bind_blob(s, 1, id, 16);
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        ly_score score;
        ly_arena_reset(&arena);
        ly_score_read(s, &arena, &score);
        if ((st = fn(user, &score, err))) {
            break;
        }
    }
    ly_db_reset(s);
    ly_arena_release(&arena);
    return st;
}

#define CASE_COLUMNS                                                                           \
    "SELECT c.row, c.target, c.repeat, c.state, c.trace_id, c.output, c.error, c.duration_ns," \
    " c.cost_pico, c.tokens_in, c.tokens_out, c.done_ns FROM \"case\" c JOIN run r ON r.id = " \
    "c.run WHERE r.run_id = ?1"

static void read_case(ly_stmt *s, ly_arena *arena, ly_case *c)
{
    *c = (ly_case){.row = ly_col_int(s, 0),
                   .target = ly_col_int(s, 1),
                   .repeat = ly_col_int(s, 2),
                   .failed = ly_str_eqc(ly_col_str(s, 3), "failed"),
                   .output = ly_col_copy(s, 5, arena),
                   .error = ly_col_copy(s, 6, arena),
                   .duration_ns = ly_col_opt(s, 7),
                   .cost_pico = ly_col_opt(s, 8),
                   .tokens_in = ly_col_opt(s, 9),
                   .tokens_out = ly_col_opt(s, 10),
                   .done_ns = ly_col_int(s, 11)};
    ly_str trace = ly_col_str(s, 4);
    if (trace.len == 16) {
        memcpy(c->trace_id.b, trace.ptr, 16);
    }
}

ly_status ly_run_case(ly_store *store, const uint8_t id[16], int64_t row, int64_t target,
                      int64_t repeat, ly_arena *arena, ly_case *ret, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool found = false;
    ly_status st =
        ly_db_prep(db, CASE_COLUMNS " AND c.row = ?2 AND c.target = ?3 AND c.repeat = ?4", &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, id, 16);
    ly_bind_int(s, 2, row);
    ly_bind_int(s, 3, target);
    ly_bind_int(s, 4, repeat);
    st = ly_db_step(db, s, &found, err);
    if (!st && found) {
        read_case(s, arena, ret);
    }
    ly_db_reset(s);
    return st ? st : found ? LY_OK : LY_E_NOTFOUND;
}

ly_status ly_run_forget_failed(ly_store *store, const uint8_t id[16], int64_t *ret_n, ly_err *err)
{
    static const char scores[] =
        "DELETE FROM score WHERE \"case\" IN (SELECT c.id FROM \"case\" c JOIN run r ON r.id ="
        " c.run WHERE r.run_id = ?1 AND c.state = 'failed' ORDER BY c.id LIMIT 100)";
    static const char cases[] =
        "DELETE FROM \"case\" WHERE id IN (SELECT c.id FROM \"case\" c JOIN run r ON r.id = c.run"
        " WHERE r.run_id = ?1 AND c.state = 'failed' ORDER BY c.id LIMIT 100)";
    static const char comparisons[] =
        "DELETE FROM score WHERE id IN (SELECT s.id FROM score s JOIN \"case\" c ON c.id ="
        " s.\"case\" JOIN run r ON r.id = c.run WHERE r.run_id = ?1 AND s.outcome = 2"
        " AND instr(s.detail, '\"against\":') > 0 LIMIT 100)";
    ly_db *db = ly_store_db(store);
    int64_t changed = 0, n = 0;
    do {
        ly_stmt *s = NULL;
        ly_status st = ly_db_write_begin(db, err);
        if (st) {
            return st;
        }
        if (!(st = ly_db_prep(db, comparisons, &s, err))) {
            ly_bind_blob(s, 1, id, 16);
            st = ly_db_run(db, s, err);
            changed = ly_db_changes(db);
        }
        if ((st = ly_db_write_end(db, st, err))) {
            return st;
        }
    } while (changed > 0);
    do { /* in slices, each whole in itself */
        ly_stmt *s = NULL;
        ly_status st = ly_db_write_begin(db, err);
        if (st) {
            return st;
        }
        if (!(st = ly_db_prep(db, scores, &s, err))) {
            ly_bind_blob(s, 1, id, 16);
            st = ly_db_run(db, s, err);
        }
        if (!st && !(st = ly_db_prep(db, cases, &s, err))) {
            ly_bind_blob(s, 1, id, 16);
            st = ly_db_run(db, s, err);
            changed = ly_db_changes(db);
        }
        if ((st = ly_db_write_end(db, st, err))) {
            return st;
        }
        n += changed;
    } while (changed > 0);
    *ret_n = n;
    return LY_OK;
}

ly_status ly_run_cases(ly_store *store, const uint8_t id[16], ly_arena *arena, ly_case **ret_rows,
                       size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_case *rows = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st = ly_db_prep(db, CASE_COLUMNS " ORDER BY c.row, c.target, c.repeat", &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, id, 16);
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (!ly_grow(&rows, &cap, n + 1, MAX_CASES, sizeof *rows)) {
            st = LY_NOMEM(err);
            break;
        }
        read_case(s, arena, &rows[n++]);
    }
    ly_db_reset(s);
    return ly_rows_end(st, rows, n, sizeof *rows, arena, ret_rows, ret_n, err);
}

ly_status ly_run_scores(ly_store *store, const uint8_t id[16], ly_arena *arena, ly_score **ret_rows,
                        size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, CASE_SCORES, &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, id, 16);
    return ly_score_gather(db, s, arena, ret_rows, ret_n, err);
}
