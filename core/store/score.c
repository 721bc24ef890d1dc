/* Scores: see score.h. */
#include "store/score.h"

#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/score_i.h"
#include "text/hash.h"

static const char *const sources[] = {"human", "judge", "check", "app"};

const char *ly_score_source_name(ly_score_source source)
{
    return (unsigned)source < LY_COUNT(sources) ? sources[source] : "unknown";
}

bool ly_score_source_parse(ly_str name, ly_score_source *ret)
{
    for (size_t i = 0; i < LY_COUNT(sources); i++) {
        if (ly_str_eqc(name, sources[i])) {
            *ret = (ly_score_source)i;
            return true;
        }
    }
    return false;
}

const char *ly_outcome_name(ly_outcome outcome)
{
    static const char *const names[] = {"scored", "abstained", "unscored"};
    return (unsigned)outcome < LY_COUNT(names) ? names[outcome] : "unknown";
}

static ly_status score_check(const ly_score *s, bool of_case, ly_err *err)
{
    if (s->name.len == 0 || s->name.len > 128 || isinf(s->value)) {
        return LY_FAIL(err, LY_E_INVALID,
                       "a score needs a name of at most 128 bytes and a finite value");
    }
    if (s->outcome == LY_SCORED && isnan(s->value) && s->label.len == 0) {
        return LY_FAIL(err, LY_E_INVALID, "score %.*s has neither a value nor a label",
                       LY_STR_ARG(s->name));
    }
    if (!of_case && ly_trace_id_zero(s->trace_id) && s->session.len == 0) {
        return LY_FAIL(err, LY_E_INVALID, "score %.*s names no trace and no session",
                       LY_STR_ARG(s->name));
    }
    return LY_OK;
}

ly_status ly_score_insert(ly_db *db, ly_score *score, int64_t run, int64_t case_id, bool *ret_made,
                          ly_err *err)
{
    static const uint8_t zero[16];
    ly_stmt *s = NULL;
    ly_status st = score_check(score, case_id != 0, err);
    if (!st && memcmp(score->score_id, zero, sizeof zero) == 0) {
        st = ly_random(score->score_id, sizeof score->score_id, err);
    }
    if (st || (st = ly_db_prep(
                   db,
                   "INSERT INTO score (score_id, trace_id, span_id, session, run, \"case\", name,"
                   " value, label, reason, source, outcome, detail, actor, at_ns)"
                   " VALUES (?1, ?2, ?3, ?4, nullif(?5, 0), nullif(?6, 0), ?7, ?8, ?9, ?10, ?11,"
                   " ?12, ?13, ?14, ?15) ON CONFLICT (score_id) DO NOTHING",
                   &s, err))) {
        return st;
    }
    ly_bind_blob(s, 1, score->score_id, 16);
    if (ly_trace_id_zero(score->trace_id)) {
        ly_bind_null(s, 2);
    } else {
        ly_bind_blob(s, 2, score->trace_id.b, 16);
    }
    if (ly_span_id_zero(score->span_id)) {
        ly_bind_null(s, 3);
    } else {
        ly_bind_blob(s, 3, score->span_id.b, 8);
    }
    ly_bind_text(s, 4, score->session.len ? score->session : LY_STR_NONE);
    ly_bind_int(s, 5, run);
    ly_bind_int(s, 6, case_id);
    ly_bind_text(s, 7, score->name);
    if (isnan(score->value)) {
        ly_bind_null(s, 8);
    } else {
        ly_bind_real(s, 8, score->value);
    }
    ly_bind_text(s, 9, score->label.len ? score->label : LY_STR_NONE);
    ly_bind_text(s, 10, score->reason.len ? score->reason : LY_STR_NONE);
    ly_bind_int(s, 11, (int64_t)score->source);
    ly_bind_int(s, 12, (int64_t)score->outcome);
    ly_bind_text(s, 13, score->detail.len ? score->detail : LY_STR_NONE);
    ly_bind_text(s, 14, score->actor.len ? score->actor : LY_STR_NONE);
    ly_bind_int(s, 15, score->at_ns ? score->at_ns : ly_wall_ns());
    st = ly_db_run(db, s, err);
    if (!st && ret_made) {
        *ret_made = ly_db_changes(db) > 0;
    }
    return st;
}

/* Does the stored score of that id say the same? */
static ly_status same_score(ly_db *db, const ly_score *score, bool *ret_same, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(
        db, "SELECT 1 FROM score WHERE score_id = ?1 AND name = ?2 AND value IS ?3 AND label IS ?4",
        &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, score->score_id, 16);
    ly_bind_text(s, 2, score->name);
    if (isnan(score->value)) {
        ly_bind_null(s, 3);
    } else {
        ly_bind_real(s, 3, score->value);
    }
    ly_bind_text(s, 4, score->label.len ? score->label : LY_STR_NONE);
    st = ly_db_step(db, s, &row, err);
    *ret_same = row;
    ly_db_reset(s);
    return st;
}

ly_status ly_score_add(ly_store *store, ly_score *score, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    bool made = false, same = false;
    ly_status st = ly_db_write_begin(db, err);
    if (st) {
        return st;
    }
    st = ly_score_insert(db, score, 0, 0, &made, err);
    if (!st && !made) {
        st = same_score(db, score, &same, err);
        if (!st && !same) {
            st = LY_FAIL(err, LY_E_CONFLICT, "a score with that id says something else already");
        }
    }
    return ly_db_write_end(db, st, err);
}

ly_status ly_score_retract(ly_store *store, const uint8_t id[16], ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_write_begin(db, err);
    if (st) {
        return st;
    }
    st = ly_db_prep(
        db, "UPDATE score SET retracted_ns = coalesce(retracted_ns, ?2) WHERE score_id = ?1", &s,
        err);
    if (!st) {
        ly_bind_blob(s, 1, id, 16);
        ly_bind_int(s, 2, ly_wall_ns());
        st = ly_db_run(db, s, err);
        if (!st && ly_db_changes(db) == 0) {
            st = LY_FAIL(err, LY_E_NOTFOUND, "no score of that id; see: lydite score list");
        }
    }
    return ly_db_write_end(db, st, err);
}

ly_status ly_score_find(ly_store *store, ly_str prefix, uint8_t ret_id[16], ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    uint8_t lo[16] = {0}, hi[16], found[16];
    int n = 0;
    bool row = false;
    char digits[33];
    if (prefix.len < 4 || prefix.len > 32) {
        return LY_FAIL(err, LY_E_INVALID, "score %.*s: give at least 4 hex digits of its id",
                       LY_STR_ARG(ly_str_sub(prefix, 0, 64)));
    }
    for (int side = 0; side < 2; side++) {
        memset(digits, side ? 'f' : '0', 32);
        memcpy(digits, prefix.ptr, prefix.len);
        if (!ly_hex_decode(ly_str_n(digits, 32), side ? hi : lo, 16)) {
            return LY_FAIL(err, LY_E_INVALID, "score %.*s: not hex digits", LY_STR_ARG(prefix));
        }
    }
    ly_status st = ly_db_prep(
        db, "SELECT score_id FROM score WHERE score_id BETWEEN ?1 AND ?2 LIMIT 2", &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, lo, 16);
    ly_bind_blob(s, 2, hi, 16);
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        ly_str id = ly_col_str(s, 0);
        if (id.len == 16) {
            memcpy(found, id.ptr, 16);
        }
        n++;
    }
    ly_db_reset(s);
    if (st) {
        return st;
    }
    if (n != 1) {
        return LY_FAIL(err, n ? LY_E_AMBIGUOUS : LY_E_NOTFOUND, "score %.*s: %s",
                       LY_STR_ARG(prefix),
                       n ? "more than one begins so" : "no such id; see: lydite score list");
    }
    memcpy(ret_id, found, 16);
    return LY_OK;
}

void ly_score_read(ly_stmt *s, ly_arena *arena, ly_score *v)
{
    *v = (ly_score){.session = ly_col_copy(s, 3, arena),
                    .name = ly_col_copy(s, 4, arena),
                    .value = ly_col_null(s, 5) ? NAN : ly_col_real(s, 5),
                    .label = ly_col_copy(s, 6, arena),
                    .reason = ly_col_copy(s, 7, arena),
                    .source = (ly_score_source)ly_col_int(s, 8),
                    .outcome = (ly_outcome)ly_col_int(s, 9),
                    .detail = ly_col_copy(s, 10, arena),
                    .actor = ly_col_copy(s, 11, arena),
                    .at_ns = ly_col_int(s, 12),
                    .retracted_ns = ly_col_null(s, 13) ? 0 : ly_col_int(s, 13),
                    .run = ly_col_copy(s, 14, arena),
                    .row = ly_col_opt(s, 15),
                    .target = ly_col_opt(s, 16),
                    .repeat = ly_col_opt(s, 17)};
    ly_str id = ly_col_str(s, 0), trace = ly_col_str(s, 1), span = ly_col_str(s, 2);
    if (id.len == 16) {
        memcpy(v->score_id, id.ptr, 16);
    }
    if (trace.len == 16) {
        memcpy(v->trace_id.b, trace.ptr, 16);
    }
    if (span.len == 8) {
        memcpy(v->span_id.b, span.ptr, 8);
    }
}

ly_status ly_score_gather(ly_db *db, ly_stmt *s, ly_arena *arena, ly_score **ret_rows,
                          size_t *ret_n, ly_err *err)
{
    ly_score *rows = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st;
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (!ly_grow(&rows, &cap, n + 1, 100000000, sizeof *rows)) {
            st = LY_NOMEM(err);
            break;
        }
        ly_score_read(s, arena, &rows[n++]);
    }
    ly_db_reset(s);
    return ly_rows_end(st, rows, n, sizeof *rows, arena, ret_rows, ret_n, err);
}

ly_status ly_score_list(ly_store *store, const ly_score_query *query, ly_arena *arena,
                        ly_score **ret_rows, size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT " LY_SCORE_COLUMNS " FROM score s LEFT JOIN \"case\" c ON c.id ="
                   " s.\"case\" LEFT JOIN run r ON r.id = s.run"
                   " WHERE (?1 IS NULL OR s.trace_id = ?1) AND (?2 IS NULL OR s.name = ?2)"
                   " AND s.at_ns >= ?3 AND s.at_ns < ?4 AND (?5 OR s.\"case\" IS NULL)"
                   " AND (?6 OR s.retracted_ns IS NULL)"
                   " ORDER BY s.at_ns DESC, s.id DESC LIMIT ?7",
                   &s, err);
    if (st) {
        return st;
    }
    if (query->trace) {
        ly_bind_blob(s, 1, query->trace->b, 16);
    } else {
        ly_bind_null(s, 1);
    }
    ly_bind_text(s, 2, query->name.len ? query->name : LY_STR_NONE);
    ly_bind_int(s, 3, query->since_ns);
    ly_bind_int(s, 4, query->until_ns);
    ly_bind_int(s, 5, query->with_cases);
    ly_bind_int(s, 6, query->with_retracted);
    ly_bind_int(s, 7, query->limit ? (int64_t)query->limit : 100);
    return ly_score_gather(db, s, arena, ret_rows, ret_n, err);
}
