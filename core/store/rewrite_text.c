/*
 * store: the part of ly_store_rewrite that is not spans and logs: words (users, sessions, services that old
 * ledger lines still name), schema URLs, reasons of scores, quarantined bytes, cached replies.
 *
 * A word keeps its number, so totals stay apart; where two words become the same text, the later one gets
 * its number behind it. Quarantined bytes and cached replies that match go as a whole.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "store/db.h"
#include "store/internal.h"

#define SLICE_ROWS 200

/* id, text -> the same with the new text; or the row's bytes go. */
typedef struct place {
    const char *select; /* id, text after ?1, at most ?2 rows by id */
    const char *update; /* ?1 = id, ?2 = the new text */
    bool word;
} place;

static const place places[] = {
    {"SELECT id, text FROM word WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE OR IGNORE word SET text = ?2 WHERE id = ?1", true},
    {"SELECT id, schema_url FROM resource WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE resource SET schema_url = ?2, hash = randomblob(16) WHERE id = ?1", false},
    {"SELECT id, schema_url FROM scope WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE scope SET schema_url = ?2, hash = randomblob(16) WHERE id = ?1", false},
    {"SELECT id, reason FROM score WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE score SET reason = ?2 WHERE id = ?1", false},
    {"SELECT id, detail FROM score WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE score SET detail = ?2 WHERE id = ?1", false},
    {"SELECT id, session FROM score WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE score SET session = ?2 WHERE id = ?1", false},
    {"SELECT id, wire FROM quarantine WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE quarantine SET wire = NULL WHERE id = ?1 AND ?2 IS NOT NULL", false},
    {"SELECT id, reason FROM quarantine WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE quarantine SET reason = ?2 WHERE id = ?1", false},
    {"SELECT id, service FROM quarantine WHERE id > ?1 ORDER BY id LIMIT ?2",
     "UPDATE quarantine SET service = ?2 WHERE id = ?1", false},
};

typedef struct text_row {
    int64_t id;
    ly_str text, key;
} text_row;

typedef struct walk {
    ly_store *store;
    const ly_store_edit *how;
    bool dry_run;
    ly_arena arena;
    int64_t changed;
} walk;

static ly_status read_rows(walk *w, const place *p, int64_t after, text_row *rows, size_t *ret_n,
                           ly_err *err)
{
    ly_db *db = &w->store->db;
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, p->select, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, after);
    ly_bind_int(s, 2, SLICE_ROWS);
    *ret_n = 0;
    while (*ret_n < SLICE_ROWS && !(st = ly_db_step(db, s, &row, err)) && row)
        rows[(*ret_n)++] = (text_row){ly_col_int(s, 0), ly_col_copy(s, 1, &w->arena), LY_STR_NONE};
    ly_db_reset(s);
    return st;
}

static ly_status put_text(walk *w, const char *sql, int64_t id, ly_str text, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&w->store->db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    ly_bind_text(s, 2, text);
    return ly_db_run(&w->store->db, s, err);
}

static ly_status change(walk *w, const place *p, int64_t id, ly_str text, ly_err *err)
{
    w->changed++;
    if (w->dry_run)
        return LY_OK;
    ly_status st = put_text(w, p->update, id, text, err);
    if (!st && p->word && ly_db_changes(&w->store->db) == 0)
        st = put_text(w, "UPDATE word SET text = ?2 || ' (' || id || ')' WHERE id = ?1", id, text,
                      err);
    return st;
}

/* LY_E_NOTFOUND: nothing matches. */
static ly_status new_text(walk *w, ly_str text, ly_buf *out, ly_err *err)
{
    return text.len ? w->how->edit_text(w->how->user, text, out, err) : LY_E_NOTFOUND;
}

static ly_status walk_place(walk *w, const place *p, ly_err *err)
{
    text_row rows[SLICE_ROWS];
    size_t n = SLICE_ROWS;
    int64_t after = 0;
    ly_status st = LY_OK;
    while (!st && n == SLICE_ROWS) {
        ly_arena_reset(&w->arena);
        st = ly_db_write_begin(&w->store->db, err);
        if (st)
            return st;
        st = read_rows(w, p, after, rows, &n, err);
        for (size_t i = 0; !st && i < n; i++) {
            ly_buf out;
            ly_buf_init(&out, 2 * LY_MAX_REQUEST_BYTES);
            st = new_text(w, rows[i].text, &out, err);
            if (!st)
                st = change(w, p, rows[i].id, ly_buf_view(&out), err);
            else if (st == LY_E_NOTFOUND)
                st = LY_OK;
            ly_buf_release(&out);
            after = rows[i].id;
        }
        st = ly_db_write_end(&w->store->db, st, err);
    }
    return st;
}

static ly_status read_replies(walk *w, ly_str after, text_row *rows, size_t *ret_n, ly_err *err)
{
    ly_db *db = &w->store->db;
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(
        db, "SELECT key, reply FROM call_cache WHERE key > ?1 ORDER BY key LIMIT ?2", &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, after.len ? after.ptr : "", after.len);
    ly_bind_int(s, 2, SLICE_ROWS);
    *ret_n = 0;
    while (*ret_n < SLICE_ROWS && !(st = ly_db_step(db, s, &row, err)) && row) {
        ly_str key = ly_col_copy(s, 0, &w->arena);
        rows[(*ret_n)++] = (text_row){0, ly_col_copy(s, 1, &w->arena), key};
    }
    ly_db_reset(s);
    return st;
}

static ly_status drop_reply(walk *w, ly_str key, ly_err *err)
{
    w->changed++;
    if (w->dry_run)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&w->store->db, "DELETE FROM call_cache WHERE key = ?1", &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, key.ptr, key.len);
    return ly_db_run(&w->store->db, s, err);
}

static ly_status walk_replies(walk *w, ly_err *err)
{
    text_row rows[SLICE_ROWS];
    size_t n = SLICE_ROWS, after_len = 0;
    char after[256];
    ly_status st = LY_OK;
    while (!st && n == SLICE_ROWS) {
        ly_arena_reset(&w->arena);
        st = ly_db_write_begin(&w->store->db, err);
        if (st)
            return st;
        st = read_replies(w, ly_str_n(after, after_len), rows, &n, err);
        for (size_t i = 0; !st && i < n; i++) {
            ly_buf out;
            ly_buf_init(&out, 2 * LY_MAX_REQUEST_BYTES);
            st = new_text(w, rows[i].text, &out, err);
            st = !st ? drop_reply(w, rows[i].key, err) : st == LY_E_NOTFOUND ? LY_OK : st;
            ly_buf_release(&out);
        }
        if (!st && n > 0) {
            after_len = rows[n - 1].key.len < sizeof after ? rows[n - 1].key.len : sizeof after;
            memcpy(after, rows[n - 1].key.ptr, after_len);
        }
        st = ly_db_write_end(&w->store->db, st, err);
    }
    return st;
}

ly_status ly_rewrite_texts(ly_store *store, const ly_store_edit *how, bool dry_run,
                           int64_t *changed, ly_err *err)
{
    walk w = {.store = store, .how = how, .dry_run = dry_run};
    if (!how->edit_text)
        return LY_OK;
    ly_arena_init(&w.arena, LY_KIB(256), 0);
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < LY_COUNT(places); i++)
        st = walk_place(&w, &places[i], err);
    if (!st)
        st = walk_replies(&w, err);
    if (!st && w.changed && !dry_run) {
        st = ly_db_write_begin(&store->db, err);
        if (!st)
            st = ly_db_write_end(
                &store->db,
                ly_db_exec(&store->db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'",
                           err),
                err);
    }
    ly_arena_release(&w.arena);
    *changed += w.changed;
    return st;
}
