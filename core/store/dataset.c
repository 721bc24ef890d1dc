/* Data sets and rows: see dataset.h. */
#include "store/dataset.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/prompt.h"
#include "text/hash.h"

enum { SLICE = 100, MAX_ROWS = 100000000 };

typedef struct staged {
    char *key, *data;
    size_t key_len, data_len;
    uint8_t hash[32];
    ly_trace_id trace;
} staged;

/*
 * Rows of a new version are written under an id drawn at random; the version row with that id is
 * inserted last, in the transaction that makes everything visible.
 */
struct ly_dataset_writer {
    ly_store *store;
    char *name, *source;
    int64_t id, n;
    ly_sha256 sha;
    staged rows[SLICE];
    size_t n_rows;
};

static ly_status insert_row(ly_db *db, const staged *r, int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "INSERT INTO row (hash, data, trace_id) VALUES (?1, ?2, ?3)"
                              " ON CONFLICT (hash) DO UPDATE SET"
                              " trace_id = coalesce(trace_id, excluded.trace_id) RETURNING id",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_blob(s, 1, r->hash, sizeof r->hash);
    ly_bind_text(s, 2, ly_str_n(r->data, r->data_len));
    if (ly_trace_id_zero(r->trace)) {
        ly_bind_null(s, 3);
    } else {
        ly_bind_blob(s, 3, r->trace.b, sizeof r->trace.b);
    }
    return ly_db_number(db, s, 0, ret_id, err);
}

static ly_status insert_place(ly_db *db, int64_t version, int64_t position, int64_t row, ly_str key,
                              ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "INSERT INTO dataset_row (version, position, row, key) VALUES (?1, ?2, ?3, ?4)", &s,
        err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, version);
    ly_bind_int(s, 2, position);
    ly_bind_int(s, 3, row);
    ly_bind_text(s, 4, key.len ? key : LY_STR_NONE);
    return ly_db_run(db, s, err);
}

static void drop_staged(ly_dataset_writer *w)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        ly_free(w->rows[i].key);
        ly_free(w->rows[i].data);
    }
    w->n_rows = 0;
}

static ly_status flush(ly_dataset_writer *w, ly_err *err)
{
    ly_db *db = ly_store_db(w->store);
    ly_status st = w->n_rows ? ly_db_write_begin(db, err) : LY_OK;
    if (st || w->n_rows == 0) {
        return st;
    }
    for (size_t i = 0; i < w->n_rows && !st; i++) {
        const staged *r = &w->rows[i];
        int64_t row = 0, position = w->n - (int64_t)w->n_rows + (int64_t)i;
        if (!(st = insert_row(db, r, &row, err))) {
            st = insert_place(db, w->id, position, row, ly_str_n(r->key, r->key_len), err);
        }
    }
    st = ly_db_write_end(db, st, err);
    drop_staged(w);
    return st;
}

static void writer_free(ly_dataset_writer *w)
{
    if (w) {
        drop_staged(w);
        ly_free(w->name);
        ly_free(w->source);
        ly_free(w);
    }
}

ly_status ly_dataset_begin(ly_store *store, ly_str name, ly_str source,
                           ly_dataset_writer **ret_writer, ly_err *err)
{
    ly_status st = ly_prompt_name_check(name, err);
    if (st) {
        return st;
    }
    ly_dataset_writer *w = ly_calloc(1, sizeof *w);
    if (!w) {
        return LY_NOMEM(err);
    }
    w->store = store;
    w->name = ly_str_dup(name);
    w->source = ly_str_dup(source);
    ly_sha256_init(&w->sha);
    uint64_t random = 0;
    st = w->name && w->source ? ly_random(&random, sizeof random, err) : LY_NOMEM(err);
    if (st) {
        writer_free(w);
        return st;
    }
    w->id = (int64_t)(random >> 2) | 1;
    ly_store_lazy(store, true); /* nothing names the rows before ly_dataset_end */
    *ret_writer = w;
    return LY_OK;
}

ly_status ly_dataset_add(ly_dataset_writer *writer, ly_str key, ly_str data,
                         const ly_trace_id *trace_id, ly_err *err)
{
    if (data.len > LY_MAX_ROW_BYTES) {
        return LY_FAIL(err, LY_E_LIMIT, "row %lld is larger than %zu bytes",
                       (long long)writer->n + 1, LY_MAX_ROW_BYTES);
    }
    if (writer->n >= MAX_ROWS) {
        return LY_FAIL(err, LY_E_LIMIT, "a data set holds at most %d rows", MAX_ROWS);
    }
    staged *r = &writer->rows[writer->n_rows];
    *r = (staged){
        .key = ly_str_dup(key), .data = ly_str_dup(data), .key_len = key.len, .data_len = data.len};
    if (!r->key || !r->data) {
        ly_free(r->key);
        ly_free(r->data);
        return LY_NOMEM(err);
    }
    if (trace_id) {
        r->trace = *trace_id;
    }
    ly_sha256_of(data, r->hash);
    ly_sha256_add(&writer->sha, r->hash, sizeof r->hash);
    writer->n_rows++;
    writer->n++;
    return writer->n_rows == SLICE ? flush(writer, err) : LY_OK;
}

#define VERSION_COLUMNS "d.name, v.number, v.hash, v.n_rows, v.source, v.made_ns"

static void read_version(ly_stmt *s, ly_arena *arena, ly_dataset_version *v)
{
    *v = (ly_dataset_version){.name = ly_col_copy(s, 0, arena),
                              .number = ly_col_int(s, 1),
                              .n_rows = ly_col_int(s, 3),
                              .source = ly_col_copy(s, 4, arena),
                              .made_ns = ly_col_int(s, 5)};
    ly_str hash = ly_col_str(s, 2);
    if (hash.len == sizeof v->hash) {
        memcpy(v->hash, hash.ptr, sizeof v->hash);
    }
}

static ly_status one_version(ly_db *db, ly_stmt *s, ly_arena *arena, ly_dataset_version *ret,
                             ly_err *err)
{
    bool row = false;
    ly_status st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        read_version(s, arena, ret);
    }
    ly_db_reset(s);
    return st ? st : row ? LY_OK : LY_E_NOTFOUND;
}

static ly_status dataset_make(ly_db *db, ly_str name, int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "INSERT INTO dataset (name, made_ns) VALUES (?1, ?2)"
                              " ON CONFLICT (name) DO UPDATE SET removed_ns = NULL RETURNING id",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_int(s, 2, ly_wall_ns());
    return ly_db_number(db, s, 0, ret_id, err);
}

static ly_status version_by_hash(ly_db *db, int64_t dataset, const uint8_t hash[32],
                                 ly_arena *arena, ly_dataset_version *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " VERSION_COLUMNS " FROM dataset_version v JOIN dataset d"
                              " ON d.id = v.dataset WHERE v.dataset = ?1 AND v.hash = ?2",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, dataset);
    ly_bind_blob(s, 2, hash, 32);
    return one_version(db, s, arena, ret, err);
}

static ly_status version_make(const ly_dataset_writer *w, int64_t dataset, const uint8_t hash[32],
                              ly_err *err)
{
    ly_db *db = ly_store_db(w->store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "INSERT INTO dataset_version (id, dataset, number, hash, n_rows, source, made_ns)"
        " SELECT ?1, ?2, 1 + coalesce(max(number), 0), ?3, ?4, ?5, ?6"
        " FROM dataset_version WHERE dataset = ?2",
        &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, w->id);
    ly_bind_int(s, 2, dataset);
    ly_bind_blob(s, 3, hash, 32);
    ly_bind_int(s, 4, w->n);
    ly_bind_text(s, 5, ly_str_c(w->source));
    ly_bind_int(s, 6, ly_wall_ns());
    return ly_db_run(db, s, err);
}

/* Takes staged places away again, in slices. */
static void unstage(ly_dataset_writer *w)
{
    ly_db *db = ly_store_db(w->store);
    for (int64_t from = 0; from < w->n; from += 200) {
        ly_stmt *s = NULL;
        if (ly_db_write_begin(db, NULL) != LY_OK) {
            return;
        }
        ly_status st = ly_db_prep(db,
                                  "DELETE FROM dataset_row WHERE version = ?1"
                                  " AND position >= ?2 AND position < ?2 + 200",
                                  &s, NULL);
        if (!st) {
            ly_bind_int(s, 1, w->id);
            ly_bind_int(s, 2, from);
            st = ly_db_run(db, s, NULL);
        }
        if (ly_db_write_end(db, st, NULL) != LY_OK) {
            return;
        }
    }
}

void ly_dataset_abandon(ly_dataset_writer *writer)
{
    if (writer) {
        drop_staged(writer);
        unstage(writer);
        ly_store_lazy(writer->store, false);
        writer_free(writer);
    }
}

ly_status ly_dataset_end(ly_dataset_writer *writer, ly_arena *arena, ly_dataset_version *ret,
                         ly_err *err)
{
    ly_db *db = ly_store_db(writer->store);
    uint8_t hash[32];
    int64_t dataset = 0;
    ly_dataset_version v = {0};
    ly_status st = writer->n ? flush(writer, err)
                             : LY_FAIL(err, LY_E_INVALID, "%s has no rows", writer->source);
    bool made = false;
    ly_sha256_end(&writer->sha, hash);
    ly_store_lazy(writer->store, false);
    if (!st && !(st = ly_db_write_begin(db, err))) {
        if (!(st = dataset_make(db, ly_str_c(writer->name), &dataset, err))) {
            st = version_by_hash(db, dataset, hash, arena, &v, err);
            made = st == LY_E_NOTFOUND;
            if (made && !(st = version_make(writer, dataset, hash, err))) {
                st = version_by_hash(db, dataset, hash, arena, &v, err);
            }
        }
        st = ly_db_write_end(db, st, err);
    }
    if (st || !made) {
        unstage(writer);
    }
    if (!st) {
        v.made_now = made;
        *ret = v;
    }
    writer_free(writer);
    return st;
}

ly_status ly_dataset_get(ly_store *store, ly_str ref, ly_arena *arena, ly_dataset_version *ret,
                         ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    size_t at = ly_str_find_char(ref, '@', 0);
    ly_str name = at == SIZE_MAX ? ref : ly_str_sub(ref, 0, at);
    int64_t number = 0;
    if (at != SIZE_MAX && !ly_str_to_i64(ly_str_sub(ref, at + 1, SIZE_MAX), &number)) {
        return LY_FAIL(err, LY_E_INVALID, "data set %.*s: after @ stands a version number",
                       LY_STR_ARG(ly_str_sub(ref, 0, 160)));
    }
    ly_status st = ly_db_prep(db,
                              "SELECT " VERSION_COLUMNS
                              " FROM dataset d JOIN dataset_version v ON v.dataset = d.id"
                              " WHERE d.name = ?1 AND (v.number = ?2 OR (?2 = 0 AND"
                              " d.removed_ns IS NULL)) ORDER BY v.number DESC LIMIT 1",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_int(s, 2, number);
    st = one_version(db, s, arena, ret, err);
    if (st == LY_E_NOTFOUND) {
        return LY_FAIL(err, LY_E_NOTFOUND, "no data set %.*s; see: lydite dataset list",
                       LY_STR_ARG(ly_str_sub(ref, 0, 160)));
    }
    return st;
}

ly_status ly_dataset_list(ly_store *store, ly_arena *arena, ly_dataset_version **ret_rows,
                          size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_dataset_version *rows = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st = ly_db_prep(db,
                              "SELECT " VERSION_COLUMNS
                              " FROM dataset d JOIN dataset_version v ON v.dataset = d.id"
                              " WHERE d.removed_ns IS NULL AND v.number ="
                              " (SELECT max(number) FROM dataset_version w WHERE w.dataset = d.id)"
                              " ORDER BY d.name",
                              &s, err);
    if (st) {
        return st;
    }
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (!ly_grow(&rows, &cap, n + 1, 1000000, sizeof *rows)) {
            st = LY_NOMEM(err);
            break;
        }
        read_version(s, arena, &rows[n++]);
    }
    ly_db_reset(s);
    return ly_rows_end(st, rows, n, sizeof *rows, arena, ret_rows, ret_n, err);
}

ly_status ly_dataset_rows(ly_store *store, ly_str name, int64_t number, int64_t from, size_t limit,
                          ly_arena *arena, ly_row **ret_rows, size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_row *rows = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st = ly_db_prep(db,
                              "SELECT r.position, r.key, w.data, w.hash, w.trace_id"
                              " FROM dataset d JOIN dataset_version v ON v.dataset = d.id"
                              " JOIN dataset_row r ON r.version = v.id JOIN row w ON w.id = r.row"
                              " WHERE d.name = ?1 AND v.number = ?2 AND r.position >= ?3"
                              " ORDER BY r.position LIMIT ?4",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_int(s, 2, number);
    ly_bind_int(s, 3, from);
    ly_bind_int(s, 4, limit ? (int64_t)limit : -1);
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (!ly_grow(&rows, &cap, n + 1, MAX_ROWS, sizeof *rows)) {
            st = LY_NOMEM(err);
            break;
        }
        ly_row *r = &rows[n++];
        *r = (ly_row){.position = ly_col_int(s, 0),
                      .key = ly_col_copy(s, 1, arena),
                      .data = ly_col_copy(s, 2, arena)};
        ly_str hash = ly_col_str(s, 3), trace = ly_col_str(s, 4);
        if (hash.len == sizeof r->hash) {
            memcpy(r->hash, hash.ptr, sizeof r->hash);
        }
        if (trace.len == sizeof r->trace_id.b) {
            memcpy(r->trace_id.b, trace.ptr, sizeof r->trace_id.b);
        }
    }
    ly_db_reset(s);
    return ly_rows_end(st, rows, n, sizeof *rows, arena, ret_rows, ret_n, err);
}
