/* Price books and own prices in the file. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/internal.h"
#include "store/price_store.h"
#include "text/hash.h"

#define MAX_BOOK_TEXT LY_MIB(64)

#define BOOK_COLUMNS \
    "id, name, source, format, published_ns, learned_ns, active, size, dictionary, body"

static ly_status book_read(ly_store *store, ly_stmt *s, ly_arena *arena, bool text,
                           ly_stored_book *ret, ly_err *err)
{
    *ret = (ly_stored_book){.number = ly_col_int(s, 0),
                            .name = ly_col_copy(s, 1, arena),
                            .source = ly_col_copy(s, 2, arena),
                            .format = (int)ly_col_int(s, 3),
                            .published_ns = ly_col_opt(s, 4),
                            .learned_ns = ly_col_int(s, 5),
                            .active = ly_col_int(s, 6) != 0};
    if (!ret->name.ptr || !ret->source.ptr)
        return LY_NOMEM(err);
    if (!text)
        return LY_OK;
    int64_t size = ly_col_int(s, 7);
    if (size < 0 || size > (int64_t)MAX_BOOK_TEXT)
        return LY_FAIL(err, LY_E_CORRUPT, "price book %lld has an impossible size",
                       (long long)ret->number);
    char *bytes = ly_arena_alloc(arena, (size_t)size + 1, 1);
    if (!bytes)
        return LY_NOMEM(err);
    ly_status st = ly_unpack(store, ly_col_int(s, 8), ly_col_str(s, 9), (size_t)size, bytes, err);
    bytes[size] = 0;
    ret->text = ly_str_n(bytes, (size_t)size);
    return st;
}

ly_status ly_book_find(ly_store *store, ly_str text, int64_t *ret_number, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    uint8_t hash[LY_SHA256_BYTES];
    ly_stmt *s = NULL;
    bool row = false;
    ly_sha256_of(text, hash);
    ly_status st = ly_db_prep(db, "SELECT id FROM price_book WHERE hash = ?1", &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, hash, sizeof hash);
    st = ly_db_step(db, s, &row, err);
    if (!st)
        *ret_number = row ? ly_col_int(s, 0) : 0;
    ly_db_reset(s);
    return st;
}

static ly_status book_insert(ly_store *store, const ly_stored_book *book, int64_t *ret_number,
                             ly_err *err)
{
    ly_db *db = ly_store_db(store);
    uint8_t hash[LY_SHA256_BYTES];
    int64_t dictionary = 0;
    ly_str packed;
    ly_stmt *s = NULL;
    ly_sha256_of(book->text, hash);
    ly_status st = ly_pack(store, book->text, &dictionary, &packed, err);
    if (!st)
        st =
            ly_db_prep(db,
                       "INSERT INTO price_book (name, source, format, published_ns, learned_ns,"
                       " hash, size, dictionary, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                       &s, err);
    if (st)
        return st;
    ly_bind_text(s, 1, book->name);
    ly_bind_text(s, 2, book->source);
    ly_bind_int(s, 3, book->format);
    ly_bind_opt(s, 4, book->published_ns);
    ly_bind_int(s, 5, book->learned_ns);
    ly_bind_blob(s, 6, hash, sizeof hash);
    ly_bind_int(s, 7, (int64_t)book->text.len);
    ly_bind_int(s, 8, dictionary);
    ly_bind_blob(s, 9, packed.ptr, packed.len);
    st = ly_db_run(db, s, err);
    if (!st)
        *ret_number = ly_db_last_id(db);
    return st;
}

static ly_status set_active(ly_db *db, int64_t number, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "UPDATE price_book SET active = (id = ?1) WHERE active <> (id = ?1)", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, number);
    return ly_db_run(db, s, err);
}

ly_status ly_book_put(ly_store *store, const ly_stored_book *book, bool activate,
                      int64_t *ret_number, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    int64_t number = 0;
    if (book->text.len > MAX_BOOK_TEXT)
        return LY_FAIL(err, LY_E_LIMIT, "a price book of more than %zu MiB", MAX_BOOK_TEXT >> 20);
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_book_find(store, book->text, &number, err);
    if (!st && number == 0)
        st = book_insert(store, book, &number, err);
    if (!st && activate)
        st = set_active(db, number, err);
    st = ly_db_write_end(db, st, err);
    if (!st)
        *ret_number = number;
    return st;
}

ly_status ly_book_activate(ly_store *store, int64_t number, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = number == 0;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    if (number) {
        st = ly_db_prep(db, "SELECT 1 FROM price_book WHERE id = ?1", &s, err);
        if (!st) {
            ly_bind_int(s, 1, number);
            st = ly_db_step(db, s, &row, err);
            ly_db_reset(s);
        }
    }
    if (!st && !row)
        st = LY_FAIL(err, LY_E_NOTFOUND,
                     "there is no price book %lld; see lydite price list --books",
                     (long long)number);
    if (!st)
        st = set_active(db, number, err);
    return ly_db_write_end(db, st, err);
}

ly_status ly_book_active(ly_store *store, ly_arena *arena, ly_stored_book *ret_book, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_stored_book book = {0};
    ly_status st =
        ly_db_prep(db, "SELECT " BOOK_COLUMNS " FROM price_book WHERE active = 1", &s, err);
    if (st)
        return st;
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        st = book_read(store, s, arena, true, &book, err);
    ly_db_reset(s);
    if (!st)
        *ret_book = book;
    return st;
}

ly_status ly_price_mark_get(ly_store *store, ly_price_mark *ret_mark, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db,
                              "SELECT coalesce((SELECT id FROM price_book WHERE active = 1), 0),"
                              " coalesce((SELECT max(id) FROM price_own), 0),"
                              " (SELECT count(*) FROM price_own WHERE removed_ns IS NOT NULL)",
                              &s, err);
    if (st)
        return st;
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        *ret_mark = (ly_price_mark){ly_col_int(s, 0), ly_col_int(s, 1), ly_col_int(s, 2)};
    ly_db_reset(s);
    return st;
}

ly_status ly_book_load(ly_store *store, int64_t number, ly_arena *arena, ly_stored_book *ret_book,
                       ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_stored_book book = {0};
    ly_status st = ly_db_prep(db, "SELECT " BOOK_COLUMNS " FROM price_book WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, number);
    st = ly_db_step(db, s, &row, err);
    if (!st && !row)
        st = LY_FAIL(err, LY_E_NOTFOUND,
                     "there is no price book %lld; see lydite price list --books",
                     (long long)number);
    if (!st)
        st = book_read(store, s, arena, true, &book, err);
    ly_db_reset(s);
    if (!st)
        *ret_book = book;
    return st;
}

ly_status ly_book_list(ly_store *store, ly_arena *arena, ly_stored_book **ret_books, size_t *ret_n,
                       ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    enum { MOST = 1000 };
    size_t n = 0;
    ly_stored_book *books = LY_ARENA_ARRAY(arena, ly_stored_book, MOST);
    ly_status st = books ? LY_OK : LY_NOMEM(err);
    if (!st)
        st = ly_db_prep(db, "SELECT " BOOK_COLUMNS " FROM price_book ORDER BY id DESC LIMIT 1000",
                        &s, err);
    while (!st && n < MOST && !(st = ly_db_step(db, s, &row, err)) && row)
        st = book_read(store, s, arena, false, &books[n++], err);
    if (s)
        ly_db_reset(s);
    if (!st) {
        *ret_books = books;
        *ret_n = n;
    }
    return st;
}

/* ---- own prices ---- */

static ly_str or_empty(ly_str s)
{
    return s.ptr ? s : LY_S("");
}

ly_status ly_own_price_add(ly_store *store, const ly_own_price *p, int64_t *ret_id, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db,
                    "INSERT INTO price_own (provider, model, address, service, access_key,"
                    " service_tier, prices, note, from_ns, to_ns, learned_ns)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                    &s, err);
    if (!st) {
        ly_str texts[] = {p->provider,   p->model,        p->address, p->service,
                          p->access_key, p->service_tier, p->prices,  p->note};
        for (size_t i = 0; i < LY_COUNT(texts); i++)
            ly_bind_text(s, (int)i + 1, or_empty(texts[i]));
        ly_bind_opt(s, 9, p->from_ns == INT64_MIN ? LY_UNKNOWN : p->from_ns);
        ly_bind_opt(s, 10, p->to_ns == INT64_MAX ? LY_UNKNOWN : p->to_ns);
        ly_bind_int(s, 11, p->learned_ns);
        st = ly_db_run(db, s, err);
    }
    int64_t id = st ? 0 : ly_db_last_id(db);
    st = ly_db_write_end(db, st, err);
    if (!st)
        *ret_id = id;
    return st;
}

ly_status ly_own_price_remove(ly_store *store, int64_t id, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db, "UPDATE price_own SET removed_ns = ?2 WHERE id = ?1 AND removed_ns IS NULL",
                    &s, err);
    if (!st) {
        ly_bind_int(s, 1, id);
        ly_bind_int(s, 2, ly_wall_ns());
        st = ly_db_run(db, s, err);
    }
    if (!st && ly_db_changes(db) == 0)
        st = LY_FAIL(err, LY_E_NOTFOUND,
                     "there is no price of your own with number %lld; see lydite price list --own",
                     (long long)id);
    return ly_db_write_end(db, st, err);
}

static void own_read(ly_stmt *s, ly_arena *arena, ly_own_price *ret)
{
    ly_str *texts[] = {&ret->provider,   &ret->model,        &ret->address, &ret->service,
                       &ret->access_key, &ret->service_tier, &ret->prices,  &ret->note};
    ret->id = ly_col_int(s, 0);
    for (size_t i = 0; i < LY_COUNT(texts); i++)
        *texts[i] = ly_col_copy(s, (int)i + 1, arena);
    ret->from_ns = ly_col_null(s, 9) ? INT64_MIN : ly_col_int(s, 9);
    ret->to_ns = ly_col_null(s, 10) ? INT64_MAX : ly_col_int(s, 10);
    ret->learned_ns = ly_col_int(s, 11);
    ret->removed_ns = ly_col_opt(s, 12);
}

ly_status ly_own_price_list(ly_store *store, bool all, ly_arena *arena, ly_own_price **ret_prices,
                            size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_own_price *prices = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st = ly_db_prep(
        db,
        "SELECT id, provider, model, address, service, access_key, service_tier, prices, note,"
        " from_ns, to_ns, learned_ns, removed_ns FROM price_own"
        " WHERE ?1 OR removed_ns IS NULL ORDER BY id",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, all);
    while (!(st = ly_db_step(db, s, &row, err)) && row) {
        if (!ly_grow(&prices, &cap, n + 1, 100000, sizeof *prices)) {
            st = LY_NOMEM(err);
            break;
        }
        own_read(s, arena, &prices[n++]);
    }
    ly_db_reset(s);
    return ly_rows_end(st, prices, n, sizeof *prices, arena, ret_prices, ret_n, err);
}
