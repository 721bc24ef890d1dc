/*
 * Bundles: several pieces (contents, or skeletons of records) packed together as one row.
 *
 *     row  = id of the first piece, n, size of raw, dictionary, packed raw
 *     raw  = varint(length of piece) * n, then the pieces one after another
 *
 * Pieces of one transaction that were put one after another share a row, those of one trace as far as
 * they make a row worth while, so that a conversation's messages are packed with each other in sight
 * and cost one statement and one frame together. A piece keeps its number for ever. One that is removed
 * has length 0 from then on; the row is packed anew without its bytes, and goes when all of it has gone.
 *
 * Rows that are not written yet stand in memory and are read from there; ly_db_write_end writes them before
 * it commits, and a rollback drops them.
 */
#include "store/internal.h"

#include "base/mem.h"

/* A row is closed at so many bytes, ... */
#define ROW_BYTES LY_KIB(32)
/* ... or, when the next piece is another trace's, at so many. */
#define ROW_BYTES_MIXED LY_KIB(4)
/* An unpacked row larger than this is not kept in memory. */
#define KEEP_BYTES LY_KIB(256)

typedef struct bundle_sql {
    const char *insert, *find, *update, *remove;
} bundle_sql;

static const bundle_sql sql_of[LY_PACK__COUNT] = {
    [LY_PACK_CONTENT] =
        {
            "INSERT INTO content (id, n, size, dictionary, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            "SELECT id, n, size, dictionary, data FROM content WHERE id <= ?1 ORDER BY id DESC"
            " LIMIT 1",
            "UPDATE content SET size = ?2, dictionary = ?3, data = ?4 WHERE id = ?1",
            "DELETE FROM content WHERE id = ?1",
        },
    [LY_PACK_PAYLOAD] =
        {
            "INSERT INTO payload (id, n, size, dictionary, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            "SELECT id, n, size, dictionary, data FROM payload WHERE id <= ?1 ORDER BY id DESC"
            " LIMIT 1",
            "UPDATE payload SET size = ?2, dictionary = ?3, data = ?4 WHERE id = ?1",
            "DELETE FROM payload WHERE id = ?1",
        },
};

void ly_bundles_init(ly_store *store)
{
    for (int k = 0; k < LY_PACK__COUNT; k++) {
        ly_bundles *b = &store->bundles[k];
        ly_buf_init(&b->open.bytes, 2 * LY_MAX_REQUEST_BYTES);
        for (size_t i = 0; i < LY_COUNT(b->read); i++)
            ly_buf_init(&b->read[i].raw, 2 * LY_MAX_REQUEST_BYTES);
    }
    ly_buf_init(&store->bundle_raw, 2 * LY_MAX_REQUEST_BYTES);
    ly_buf_init(&store->hashes, 2 * LY_MAX_REQUEST_BYTES);
}

void ly_bundles_release(ly_store *store)
{
    for (int k = 0; k < LY_PACK__COUNT; k++) {
        ly_bundles *b = &store->bundles[k];
        ly_buf_release(&b->open.bytes);
        for (size_t i = 0; i < LY_COUNT(b->read); i++)
            ly_buf_release(&b->read[i].raw);
    }
    ly_buf_release(&store->bundle_raw);
    ly_buf_release(&store->hashes);
}

void ly_bundles_drop(ly_store *store)
{
    for (int k = 0; k < LY_PACK__COUNT; k++) {
        ly_bundles *b = &store->bundles[k];
        b->open.n = 0;
        ly_buf_reset(&b->open.bytes);
        for (size_t i = 0; i < LY_COUNT(b->read); i++)
            b->read[i].n = 0;
    }
    ly_buf_reset(&store->hashes);
}

/* Keeps the memory for the next use, unless it is much. */
static void empty(ly_buf *buf)
{
    if (buf->cap > KEEP_BYTES) {
        ly_buf_release(buf);
        ly_buf_init(buf, 2 * LY_MAX_REQUEST_BYTES);
    }
    ly_buf_reset(buf);
}

static void put_varint(ly_buf *out, uint64_t v)
{
    while (v >= 0x80) {
        ly_buf_char(out, (char)(v | 0x80));
        v >>= 7;
    }
    ly_buf_char(out, (char)v);
}

/* ---- writing ---- */

/* Packs pieces as a row's raw form into store->bundle_raw. */
static ly_status raw_of(ly_store *store, const size_t *sizes, size_t n, ly_str bytes, ly_err *err)
{
    ly_buf *raw = &store->bundle_raw;
    ly_buf_reset(raw);
    for (size_t i = 0; i < n; i++)
        put_varint(raw, sizes[i]);
    ly_buf_str(raw, bytes);
    return ly_buf_status(raw, "span", err);
}

static ly_status close_row(ly_store *store, ly_pack_kind kind, ly_err *err)
{
    ly_open_bundle *o = &store->bundles[kind].open;
    if (o->n == 0)
        return LY_OK;
    int64_t dict = -1;
    ly_str data = LY_STR_NONE;
    ly_stmt *s = NULL;
    ly_status st = raw_of(store, o->sizes, o->n, ly_buf_view(&o->bytes), err);
    if (!st)
        st = ly_pack_as(store, kind, ly_buf_view(&store->bundle_raw), &dict, &data, err);
    if (!st)
        st = ly_db_prep(&store->db, sql_of[kind].insert, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, o->id);
    ly_bind_int(s, 2, (int64_t)o->n);
    ly_bind_int(s, 3, (int64_t)store->bundle_raw.len);
    ly_bind_int(s, 4, dict);
    ly_bind_blob(s, 5, data.ptr, data.len);
    st = ly_db_run(&store->db, s, err);
    o->n = 0;
    empty(&o->bytes);
    return st;
}

ly_status ly_bundle_add(ly_store *store, ly_pack_kind kind, int64_t id, ly_str bytes, ly_err *err)
{
    ly_open_bundle *o = &store->bundles[kind].open;
    bool full = o->n == LY_BUNDLE_PIECES || o->bytes.len + bytes.len > ROW_BYTES ||
                (o->owner != store->owner && o->bytes.len + bytes.len > ROW_BYTES_MIXED) ||
                id != o->id + (int64_t)o->n;
    if (o->n && full) {
        ly_status st = close_row(store, kind, err);
        if (st)
            return st;
    }
    if (o->n == 0)
        o->id = id;
    o->owner = store->owner;
    o->sizes[o->n++] = bytes.len;
    ly_buf_str(&o->bytes, bytes);
    return ly_buf_status(&o->bytes, "span", err);
}

ly_status ly_bundles_flush(ly_store *store, ly_err *err)
{
    ly_status st = LY_OK;
    for (int k = 0; !st && k < LY_PACK__COUNT; k++)
        st = close_row(store, (ly_pack_kind)k, err);
    return st;
}

/* ---- reading ---- */

/* The lengths at the head of a raw form; false when it is damaged. */
static bool lengths(ly_str raw, size_t n, size_t sizes[static LY_BUNDLE_PIECES], ly_str *ret_bytes)
{
    size_t total = 0;
    if (n > LY_BUNDLE_PIECES)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t v = 0;
        unsigned shift = 0;
        unsigned char c = 0x80;
        for (; c & 0x80 && shift < 63 && raw.len; shift += 7) {
            c = (unsigned char)*raw.ptr++;
            raw.len--;
            v |= (uint64_t)(c & 0x7f) << shift;
        }
        if (c & 0x80 || v > 2 * LY_MAX_REQUEST_BYTES)
            return false;
        sizes[i] = (size_t)v;
        total += sizes[i];
    }
    *ret_bytes = raw;
    return total == raw.len;
}

static ly_status damaged(ly_store *store, ly_err *err)
{
    return LY_FAIL(err, LY_E_CORRUPT, "%s: a span's stored form is damaged; see `lydite db check`",
                   store->db.path);
}

static bool in_row(int64_t id, int64_t first, size_t n)
{
    return n && id >= first && (uint64_t)id - (uint64_t)first < n;
}

/* Unpacks the row that holds the piece into a slot; *ret NULL when there is none. */
static ly_status read_row(ly_store *store, ly_pack_kind kind, int64_t id, ly_read_bundle **ret,
                          ly_err *err)
{
    ly_bundles *b = &store->bundles[kind];
    *ret = NULL;
    for (size_t i = 0; i < LY_COUNT(b->read); i++)
        if (in_row(id, b->read[i].id, b->read[i].n)) {
            *ret = &b->read[i];
            return LY_OK;
        }
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&store->db, sql_of[kind].find, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    int64_t first = !st && row ? ly_col_int(s, 0) : 0, n = !st && row ? ly_col_int(s, 1) : 0;
    if (st || !row || n <= 0 || n > LY_BUNDLE_PIECES || !in_row(id, first, (size_t)n)) {
        ly_db_reset(s);
        return st ? st : n > LY_BUNDLE_PIECES ? damaged(store, err) : LY_OK;
    }
    ly_read_bundle *slot = &b->read[b->next++ % LY_COUNT(b->read)];
    int64_t size = ly_col_int(s, 2);
    slot->n = 0;
    empty(&slot->raw);
    if (size < 0 || size > (int64_t)(2 * LY_MAX_REQUEST_BYTES))
        st = damaged(store, err);
    char *room = st ? NULL : ly_buf_room(&slot->raw, (size_t)size + 1);
    if (!st && !room)
        st = ly_buf_status(&slot->raw, "span", err);
    if (!st)
        st = ly_unpack(store, ly_col_int(s, 3), ly_col_str(s, 4), (size_t)size, room, err);
    ly_db_reset(s);
    if (st)
        return st;
    ly_buf_advance(&slot->raw, (size_t)size);
    if (!lengths(ly_buf_view(&slot->raw), (size_t)n, slot->sizes, &slot->bytes))
        return damaged(store, err);
    slot->id = first;
    slot->n = (size_t)n;
    *ret = slot;
    return LY_OK;
}

static ly_str piece_at(const size_t *sizes, ly_str bytes, size_t k)
{
    size_t at = 0;
    for (size_t i = 0; i < k; i++)
        at += sizes[i];
    return sizes[k] ? ly_str_n(bytes.ptr + at, sizes[k]) : LY_STR_NONE;
}

ly_status ly_bundle_get(ly_store *store, ly_pack_kind kind, int64_t id, ly_str *ret_bytes,
                        ly_err *err)
{
    const ly_open_bundle *o = &store->bundles[kind].open;
    *ret_bytes = LY_STR_NONE;
    if (in_row(id, o->id, o->n)) {
        *ret_bytes = piece_at(o->sizes, ly_buf_view(&o->bytes), (size_t)(id - o->id));
        return LY_OK;
    }
    ly_read_bundle *row = NULL;
    ly_status st = read_row(store, kind, id, &row, err);
    if (!st && row)
        *ret_bytes = piece_at(row->sizes, row->bytes, (size_t)(id - row->id));
    return st;
}

/* ---- removing ---- */

static ly_status rewrite(ly_store *store, ly_pack_kind kind, ly_read_bundle *row, ly_err *err)
{
    ly_stmt *s = NULL;
    int64_t dict = -1, id = row->id;
    ly_str data = LY_STR_NONE;
    size_t left = 0;
    for (size_t i = 0; i < row->n; i++)
        left += row->sizes[i];
    ly_status st = LY_OK;
    if (left) {
        st = raw_of(store, row->sizes, row->n, ly_str_n(row->bytes.ptr, left), err);
        if (!st)
            st = ly_pack_as(store, kind, ly_buf_view(&store->bundle_raw), &dict, &data, err);
    }
    row->n = 0; /* its views are no longer what stands there */
    if (!st)
        st = ly_db_prep(&store->db, left ? sql_of[kind].update : sql_of[kind].remove, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    if (left) {
        ly_bind_int(s, 2, (int64_t)store->bundle_raw.len);
        ly_bind_int(s, 3, dict);
        ly_bind_blob(s, 4, data.ptr, data.len);
    }
    return ly_db_run(&store->db, s, err);
}

/* Takes piece k out of `sizes` and of the bytes that they divide; how many went. */
static size_t cut(size_t *sizes, size_t n, char *bytes, size_t k)
{
    size_t at = 0, total = 0, gone = sizes[k];
    for (size_t i = 0; i < n; i++) {
        at += i < k ? sizes[i] : 0;
        total += sizes[i];
    }
    if (gone)
        memmove(bytes + at, bytes + at + gone, total - at - gone);
    sizes[k] = 0;
    return gone;
}

ly_status ly_bundle_remove(ly_store *store, ly_pack_kind kind, const int64_t *ids, size_t n,
                           ly_err *err)
{
    ly_open_bundle *o = &store->bundles[kind].open;
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < n;) {
        if (in_row(ids[i], o->id, o->n)) {
            o->bytes.len -= cut(o->sizes, o->n, o->bytes.ptr, (size_t)(ids[i++] - o->id));
            continue;
        }
        ly_read_bundle *row = NULL;
        st = read_row(store, kind, ids[i], &row, err);
        if (st || !row) {
            i++;
            continue;
        }
        size_t gone = 0;
        char *bytes = row->raw.ptr + (row->bytes.ptr - row->raw.ptr);
        for (; i < n && in_row(ids[i], row->id, row->n); i++)
            gone += cut(row->sizes, row->n, bytes, (size_t)(ids[i] - row->id));
        if (gone)
            st = rewrite(store, kind, row, err);
    }
    return st;
}
