/*
 * Inside the store room only: the connection, its statements and its transactions, so that one file a
 * noun can be written without seeing SQLite's details. No other room includes this header.
 *
 * A noun's file (prompt.c, dataset.c, ...) looks like this:
 *
 *     ly_status ly_prompt_put(ly_store *store, ..., ly_err *err)
 *     {
 *         ly_db *db = ly_store_db(store);
 *         ly_status st = ly_db_write_begin(db, err);
 *         if (st)
 *             return st;
 *         ly_stmt *s = NULL;
 *         if (!(st = ly_db_prep(db, "INSERT INTO prompt (name, made_ns) VALUES (?1, ?2)", &s, err))) {
 *             ly_bind_text(s, 1, name);
 *             ly_bind_int(s, 2, ly_wall_ns());
 *             st = ly_db_run(db, s, err);            // steps to the end and resets
 *         }
 *         return ly_db_write_end(db, st, err);       // commits on LY_OK, else rolls back and returns st
 *     }
 *
 *     reading:  ly_db_read_begin .. ly_db_prep .. while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row)
 *               ly_col_*(s, 0..) .. ly_db_reset(s) .. ly_db_read_end
 *
 * Rules: SQL is static text with numbered parameters (?1, ?2); values are bound, never printed into the
 * text. A statement taken from ly_db_prep is cached by its text and belongs to the store; finish it with
 * ly_db_reset (ly_db_run does). Columns are views until the next step or reset: copy into an arena.
 * A write transaction outside of ingest stays under 200 rows or 5 ms; longer work is sliced.
 * Tests prepare every statement ever cached (ly_db_each_statement) and look at its query plan.
 */
#ifndef LY_STORE_DB_H
#define LY_STORE_DB_H

#include <sqlite3.h>

#include "base/buf.h"
#include "store/store.h"

typedef struct ly_db ly_db;
typedef sqlite3_stmt ly_stmt;

ly_db *ly_store_db(ly_store *store);

/* Takes the file's write turn (BEGIN IMMEDIATE), waiting for other writers with jitter. Nested calls
 * are allowed: only the outermost commits, and an inner failure makes the outer one fail too.
 * LY_E_DENIED in a reader; LY_E_BUSY; LY_E_IO; LY_E_FULL past the WAL limit. */
LY_MUST_USE ly_status ly_db_write_begin(ly_db *db, ly_err *err);
/* st LY_OK: commits and returns how that went. Otherwise rolls back and returns st; err is kept. */
LY_MUST_USE ly_status ly_db_write_end(ly_db *db, ly_status st, ly_err *err);
/* A read snapshot; nested calls are allowed, also inside a write. */
LY_MUST_USE ly_status ly_db_read_begin(ly_db *db, ly_err *err);
void ly_db_read_end(ly_db *db);

/* `sql` is a string literal: the cache goes by its address. */
LY_MUST_USE ly_status ly_db_prep(ly_db *db, const char *sql, ly_stmt **ret_stmt, ly_err *err);
/* For text built from fragments (filters): not cached; finish with ly_db_drop. */
LY_MUST_USE ly_status ly_db_prep_text(ly_db *db, ly_str sql, ly_stmt **ret_stmt, ly_err *err);
void ly_db_drop(ly_stmt *stmt);

/* *ret_row = a row is there. The statement is reset when there is none and on error. */
LY_MUST_USE ly_status ly_db_step(ly_db *db, ly_stmt *stmt, bool *ret_row, ly_err *err);
/* For a statement that answers one number: the first column of its first row, `otherwise` where there is
 * none. Resets. */
LY_MUST_USE ly_status ly_db_number(ly_db *db, ly_stmt *stmt, int64_t otherwise, int64_t *ret,
                                   ly_err *err);
/* Steps to the end, ignoring rows, and resets. A constraint gives LY_E_EXISTS. */
LY_MUST_USE ly_status ly_db_run(ly_db *db, ly_stmt *stmt, ly_err *err);
void ly_db_reset(ly_stmt *stmt);
int64_t ly_db_last_id(ly_db *db);
int64_t ly_db_changes(ly_db *db); /* rows changed by the last statement */

/* Binding: index from 1. Bytes are borrowed until the statement is reset. */
static inline void ly_bind_int(ly_stmt *s, int i, int64_t v)
{
    (void)sqlite3_bind_int64(s, i, v);
}
/* LY_UNKNOWN becomes NULL. */
static inline void ly_bind_opt(ly_stmt *s, int i, int64_t v)
{
    if (v == LY_UNKNOWN)
        (void)sqlite3_bind_null(s, i);
    else
        (void)sqlite3_bind_int64(s, i, v);
}
static inline void ly_bind_real(ly_stmt *s, int i, double v)
{
    (void)sqlite3_bind_double(s, i, v);
}
static inline void ly_bind_null(ly_stmt *s, int i)
{
    (void)sqlite3_bind_null(s, i);
}
/* A view with ptr NULL becomes NULL. */
static inline void ly_bind_text(ly_stmt *s, int i, ly_str v)
{
    if (v.ptr)
        (void)sqlite3_bind_text64(s, i, v.ptr, v.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        (void)sqlite3_bind_null(s, i);
}
static inline void ly_bind_blob(ly_stmt *s, int i, const void *bytes, size_t n)
{
    (void)sqlite3_bind_blob64(s, i, bytes ? bytes : "", n, SQLITE_STATIC);
}

/* Columns: index from 0. */
static inline bool ly_col_null(ly_stmt *s, int i)
{
    return sqlite3_column_type(s, i) == SQLITE_NULL;
}
static inline int64_t ly_col_int(ly_stmt *s, int i)
{
    return sqlite3_column_int64(s, i);
}
/* NULL becomes LY_UNKNOWN. */
static inline int64_t ly_col_opt(ly_stmt *s, int i)
{
    return ly_col_null(s, i) ? LY_UNKNOWN : sqlite3_column_int64(s, i);
}
static inline double ly_col_real(ly_stmt *s, int i)
{
    return sqlite3_column_double(s, i);
}
/* Text or blob as a view until the next step; NULL gives LY_STR_NONE. */
static inline ly_str ly_col_str(ly_stmt *s, int i)
{
    const void *p = sqlite3_column_blob(s, i);
    size_t n = (size_t)sqlite3_column_bytes(s, i);
    if (!p)
        return ly_col_null(s, i) ? LY_STR_NONE : (ly_str){"", 0};
    return ly_str_n(p, n);
}
/* The same, copied. NULL gives LY_STR_NONE; out of memory too. */
static inline ly_str ly_col_copy(ly_stmt *s, int i, ly_arena *arena)
{
    ly_str v = ly_col_str(s, i);
    return v.ptr ? ly_arena_copy(arena, v) : v;
}

/* The end of a listing: rows that grew by ly_grow go into the arena as one array at *ret_rows (a pointer
 * to the caller's typed pointer; never NULL, n may be 0) and are freed. With a status that is not LY_OK
 * they are only freed, and it is returned. */
LY_MUST_USE ly_status ly_rows_end(ly_status status, void *rows, size_t n, size_t row_bytes,
                                  ly_arena *arena, void *ret_rows, size_t *ret_n, ly_err *err);

/* Words: an interned string's id, made when it is not there (write transaction only). An empty view is
 * 0, which is stored as NULL by ly_bind_word. Text that is not valid UTF-8 or longer than
 * LY_MAX_WORD_BYTES is made so. */
#define LY_MAX_WORD_BYTES 1024
LY_MUST_USE ly_status ly_word_put(ly_db *db, ly_str text, int64_t *ret_id, ly_err *err);
/* The id of a word that is there, or 0. */
LY_MUST_USE ly_status ly_word_get(ly_db *db, ly_str text, int64_t *ret_id, ly_err *err);
/* The text of an id into the arena; 0 and unknown ids give LY_STR_NONE. Cached. */
LY_MUST_USE ly_status ly_word_text(ly_db *db, int64_t id, ly_arena *arena, ly_str *ret_text,
                                   ly_err *err);
static inline void ly_bind_word(ly_stmt *s, int i, int64_t id)
{
    if (id)
        (void)sqlite3_bind_int64(s, i, id);
    else
        (void)sqlite3_bind_null(s, i);
}

/* Hooks that other files of the room implement. */

/* search.c. Appends to `sql`, which ends in the middle of a WHERE over `trace AS t`, " AND (...)" for
 * the filter, with values as parameters numbered from `first` on; ly_search_bind binds them. */
LY_MUST_USE ly_status ly_search_where(ly_db *db, const ly_filter *filter, int first, ly_buf *sql,
                                      ly_err *err);
LY_MUST_USE ly_status ly_search_bind(ly_db *db, const ly_filter *filter, int first, ly_stmt *stmt,
                                     ly_err *err);

/* One ledger line as settle writes it. Word ids, 0 = none; numbers LY_UNKNOWN = unknown. */
typedef struct ly_charge {
    int64_t span; /* span row */
    int64_t line;
    int sign;
    int64_t at_ns;
    int origin;
    int64_t provider, model, service, env, session, user, prompt_name, prompt_version;
    ly_str tags; /* ',3,17,' or none */
    ly_tokens tokens;
    int64_t amount_pico;
    int source; /* ly_cost_source */
    int price_why;
    int64_t price_row, price_tier;
    int64_t
        weight; /* for ly_usage_apply: so many lines in one, their tokens and amounts added; 0 = 1 */
} ly_charge;
/* Sums by session, user and tag that wait for the end of a transaction: the calls of one slice are mostly
 * those of a few sessions. Zeroed = empty. */
#define LY_WHO_SLOTS 256
typedef struct ly_who_sum {
    int64_t kind, bucket, word, origin; /* kind + 1; 0 = a free slot */
    int64_t value[6];
} ly_who_sum;
typedef struct ly_who_sums {
    ly_who_sum slots[LY_WHO_SLOTS];
    size_t n;
} ly_who_sums;
/* usage.c: adds a line (sign * it) to the sums, inside settle's transaction. who: NULL, or where the
 * sums by whom wait for ly_who_flush in the same transaction. */
LY_MUST_USE ly_status ly_usage_apply(ly_db *db, const ly_charge *line, ly_who_sums *who,
                                     ly_err *err);
LY_MUST_USE ly_status ly_who_flush(ly_db *db, ly_who_sums *who, ly_err *err);

/* Calls fn with the text of each cached statement. */
void ly_db_each_statement(ly_db *db, void (*fn)(void *user, const char *sql), void *user);
/* Turns SQLite's code into a status and text: "DATABASE: what happened; what to do". */
ly_status ly_db_fail(ly_db *db, int rc, ly_err *err);
sqlite3 *ly_db_handle(ly_db *db);

#endif
