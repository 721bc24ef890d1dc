/*
 * Filling the full-text index: a block at a time, read in a snapshot, written in one turn.
 *
 * Documents are numbered inside the block; a content is one of them once, however many of the block's
 * traces name it. What stands in the payloads themselves is one document a trace. A trace too large for a
 * block alone becomes a document that is always looked at. The turn writes only when all traces are
 * still as they were read: table text_todo tells.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/text.h"

#define BLOCK_TRACES 256
#define BLOCK_BYTES  LY_KIB(1024)      /* text after which a block is closed */
#define BLOCK_PAIRS  ((size_t)3 << 20) /* (gram, document): 24 MiB while a block is made */
#define BLOCK_LINKS  ((size_t)1 << 20) /* (document, trace) */
/* Work begins when so much waits: small blocks make searches slow, and little is looked through soon. */
#define WAIT_TRACES 200
#define WAIT_SPANS  1000
/* When writing has stopped all of it is taken, and a block up to this size along with it. */
#define SMALL_BYTES LY_KIB(256)
#define REST_NS     (150 * LY_NS_PER_MS)
/* With so many traces to settle it is not idle. */
#define BUSY_DIRTY 1000

typedef struct item {
    int64_t trace, settles;
} item;

typedef struct block {
    ly_store *store;
    uint64_t *pairs; /* part << 40 | gram << 16 | document */
    size_t n_pairs, cap_pairs;
    uint32_t *links; /* document << 16 | trace */
    size_t n_links, cap_links;
    uint8_t *seen;     /* grams of the document that is read: 2 MiB of bits */
    ly_id_map docs_of; /* content -> document + 1 */
    item items[BLOCK_TRACES];
    size_t n_items;
    uint32_t n_docs;
    size_t bytes;
    bool full; /* a limit was met in the middle of a trace */
    bool always;
    ly_arena arena;
    ly_buf content, own; /* what stands in the payloads of the trace */
} block;

ly_status ly_text_mark(ly_db *db, int64_t trace, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "INSERT INTO text_todo (trace, settles) SELECT no, settles FROM trace WHERE no = ?1"
        " ON CONFLICT (trace) DO UPDATE SET settles = excluded.settles",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, trace);
    return ly_db_run(db, s, err);
}

static ly_status drop_block(ly_db *db, int64_t no, ly_err *err)
{
    static const char *const sql[] = {
        "INSERT INTO text_todo (trace, settles) SELECT t.no, t.settles FROM text_of AS o"
        " JOIN trace AS t ON t.no = o.trace WHERE o.block = ?1"
        " ON CONFLICT (trace) DO UPDATE SET settles = excluded.settles",
        "DELETE FROM text_of WHERE block = ?1",
        "DELETE FROM text_part WHERE id >= ?1 << 8 AND id < (?1 + 1) << 8",
        "DELETE FROM text_block WHERE no = ?1",
    };
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < LY_COUNT(sql); i++) {
        ly_stmt *s = NULL;
        st = ly_db_prep(db, sql[i], &s, err);
        if (st)
            break;
        ly_bind_int(s, 1, no);
        st = ly_db_run(db, s, err);
    }
    return st;
}

ly_status ly_text_drop(ly_db *db, int64_t trace, ly_err *err)
{
    ly_status st = LY_OK;
    bool row = true;
    while (!st && row) {
        ly_stmt *s = NULL;
        st = ly_db_prep(db, "SELECT block FROM text_of WHERE trace = ?1 LIMIT 1", &s, err);
        if (st)
            break;
        ly_bind_int(s, 1, trace);
        st = ly_db_step(db, s, &row, err);
        int64_t no = !st && row ? ly_col_int(s, 0) : 0;
        ly_db_reset(s);
        if (!st && row)
            st = drop_block(db, no, err);
    }
    return st;
}

ly_status ly_text_clear(ly_store *store, ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = LY_OK;
    int64_t no = 1;
    while (!st && no) {
        no = 0;
        st = ly_db_write_begin(db, err);
        if (st)
            return st;
        st = ly_db_scalar(db, "SELECT coalesce(min(no), 0) FROM text_block", &no, err);
        if (!st && no)
            st = drop_block(db, no, err);
        st = ly_db_write_end(db, st, err);
    }
    return st;
}

/* ---- reading ---- */

static bool add_gram(void *user, uint32_t gram)
{
    block *b = user;
    if (b->seen[gram >> 3] >> (gram & 7) & 1)
        return true;
    if (b->n_pairs == BLOCK_PAIRS ||
        !ly_grow(&b->pairs, &b->cap_pairs, b->n_pairs + 1, BLOCK_PAIRS, sizeof *b->pairs)) {
        b->full = true;
        return false;
    }
    b->seen[gram >> 3] = (uint8_t)(b->seen[gram >> 3] | 1 << (gram & 7));
    b->pairs[b->n_pairs++] =
        (uint64_t)ly_text_part_of(gram) << 40 | (uint64_t)gram << 16 | b->n_docs;
    return true;
}

static void link_doc(block *b, uint32_t doc)
{
    if (b->n_links == BLOCK_LINKS ||
        !ly_grow(&b->links, &b->cap_links, b->n_links + 1, BLOCK_LINKS, sizeof *b->links))
        b->full = true;
    else
        b->links[b->n_links++] = doc << 16 | (uint32_t)b->n_items;
}

static void add_doc(block *b, ly_str text)
{
    if (b->n_docs + 1 >= LY_TEXT_MAX_DOCS) {
        b->full = true;
        return;
    }
    size_t from = b->n_pairs;
    if (!ly_text_grams(text, add_gram, b))
        b->full = true;
    for (size_t i = from; i < b->n_pairs; i++)
        b->seen[(b->pairs[i] >> 16 & 0xffffff) >> 3] = 0;
    link_doc(b, b->n_docs);
    b->n_docs++;
    b->bytes += text.len;
}

static ly_status add_content(block *b, int64_t epoch, int64_t number, ly_err *err)
{
    uint64_t id = (uint64_t)(LY_EPOCH_BASE(epoch) | number);
    int64_t doc = ly_id_map_get(&b->docs_of, id * 0x9e3779b97f4a7c15ULL, id);
    if (doc) {
        link_doc(b, (uint32_t)doc - 1);
        return LY_OK;
    }
    ly_buf_reset(&b->content);
    ly_status st = ly_content_load(b->store, epoch, number, &b->content, err);
    if (st)
        return st;
    add_doc(b, ly_buf_view(&b->content));
    if (!b->full)
        ly_id_map_put(&b->docs_of, id * 0x9e3779b97f4a7c15ULL, id, (int64_t)b->n_docs);
    return LY_OK;
}

static ly_status add_payload(block *b, int64_t id, ly_err *err)
{
    int64_t *numbers = NULL;
    size_t n = 0;
    ly_str rest = LY_STR_NONE;
    ly_arena_reset(&b->arena);
    ly_status st = ly_payload_parts(b->store, id, &b->arena, &numbers, &n, &rest, err);
    ly_buf_str(&b->own, rest);
    ly_text_scalars(rest, &b->own);
    for (size_t i = 0; !st && !b->full && i < n; i++)
        st = add_content(b, id >> LY_EPOCH_BITS, numbers[i], err);
    return st;
}

/* Payloads that a statement gives: of the spans, of the log records. */
static ly_status add_payloads(block *b, const char *sql, int64_t first, int64_t second, ly_err *err)
{
    ly_db *db = &b->store->db;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, first);
    ly_bind_int(s, 2, second);
    bool row = false;
    while (!b->full && !(st = ly_db_step(db, s, &row, err)) && row)
        if ((st = add_payload(b, ly_col_int(s, 0), err)))
            break;
    ly_db_reset(s);
    return st;
}

static ly_status add_trace(block *b, item it, ly_err *err)
{
    ly_db *db = &b->store->db;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT epoch FROM trace WHERE no = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, it.trace);
    int64_t epoch = 0;
    st = ly_db_number(db, s, 0, &epoch, err);
    if (st)
        return st;
    size_t pairs = b->n_pairs, links = b->n_links;
    uint32_t docs = b->n_docs;
    ly_buf_reset(&b->own);
    st = add_payloads(b,
                      "SELECT payload | (?2 << 40) FROM span WHERE id >= ?1 << 24"
                      " AND id < (?1 + 1) << 24",
                      it.trace, epoch, err);
    if (!st)
        st = add_payloads(b,
                          "SELECT payload | ((id >> 40) << 40) | (?2 & 0) FROM log_record"
                          " WHERE trace = ?1",
                          it.trace, 0, err);
    if (!st && !b->full && ly_buf_status(&b->own, "trace", NULL) == LY_OK)
        add_doc(b, ly_buf_view(&b->own));
    /* What cannot be read, or is too large, is looked at each time: that tells what is wrong. */
    bool odd = st == LY_E_CORRUPT || b->full || ly_buf_status(&b->own, "trace", NULL) != LY_OK;
    if (st == LY_E_CORRUPT)
        st = LY_OK;
    if (st)
        return st;
    if (odd) {
        b->n_pairs = pairs;
        b->n_links = links;
        b->n_docs = docs;
        b->full = true;
        ly_id_map_clear(&b->docs_of);
        ly_buf_release(&b->own);
        ly_buf_init(&b->own, LY_MAX_REQUEST_BYTES);
        if (b->n_items)
            return LY_OK; /* the next block begins with it */
        b->full = false;
        link_doc(b, b->n_docs++);
        b->always = true;
    }
    b->items[b->n_items++] = it;
    return LY_OK;
}

static ly_status read_block(block *b, ly_err *err)
{
    ly_db *db = &b->store->db;
    item todo[BLOCK_TRACES];
    size_t n = 0;
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    ly_stmt *s = NULL;
    st =
        ly_db_prep(db,
                   "SELECT d.trace, d.settles FROM text_todo AS d WHERE NOT EXISTS"
                   " (SELECT 1 FROM dirty AS x WHERE x.trace = d.trace) ORDER BY d.trace LIMIT 256",
                   &s, err);
    bool row = false;
    while (!st && n < BLOCK_TRACES && !(st = ly_db_step(db, s, &row, err)) && row)
        todo[n++] = (item){ly_col_int(s, 0), ly_col_int(s, 1)};
    if (s)
        ly_db_reset(s);
    for (size_t i = 0; !st && i < n && !b->full && !b->always && b->bytes < BLOCK_BYTES; i++)
        st = add_trace(b, todo[i], err);
    ly_db_read_end(db);
    return st;
}

/* ---- writing ---- */

/* Pairs come in the order of their documents; sorts them by part and gram and keeps that order: three
 * passes over eleven bits each of part << 24 | gram. */
static bool sort_pairs(block *b)
{
    enum { BITS = 11, WAYS = 1 << BITS, PASSES = 3, LOWEST = 16 };
    size_t n = b->n_pairs;
    uint64_t *from = b->pairs, *to = n ? ly_malloc(n * sizeof *to) : NULL;
    uint32_t *starts = ly_malloc(WAYS * sizeof *starts);
    bool ok = starts && (to || !n);
    for (int pass = 0; ok && n && pass < PASSES; pass++) {
        unsigned shift = (unsigned)(LOWEST + pass * BITS);
        uint32_t at = 0;
        memset(starts, 0, WAYS * sizeof *starts);
        for (size_t i = 0; i < n; i++)
            starts[from[i] >> shift & (WAYS - 1)]++;
        for (size_t i = 0; i < WAYS; i++) {
            uint32_t many = starts[i];
            starts[i] = at;
            at += many;
        }
        for (size_t i = 0; i < n; i++)
            to[starts[from[i] >> shift & (WAYS - 1)]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (ok && n) {
        b->pairs = from;
        b->cap_pairs = n < b->cap_pairs ? n : b->cap_pairs;
    }
    ly_free(starts);
    ly_free(from == b->pairs ? to : from);
    return ok;
}

static int by_value32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void put_varint(ly_buf *out, uint64_t v)
{
    while (v >= 0x80) {
        ly_buf_char(out, (char)(v | 0x80));
        v >>= 7;
    }
    ly_buf_char(out, (char)v);
}

/* The grams of one part from pairs[*at] on. */
static void part_bytes(const block *b, unsigned part, size_t *at, ly_buf *out, ly_buf *list)
{
    while (*at < b->n_pairs && b->pairs[*at] >> 40 == part) {
        uint64_t key = b->pairs[*at] >> 16;
        uint64_t last = 0;
        ly_buf_reset(list);
        for (; *at < b->n_pairs && b->pairs[*at] >> 16 == key; (*at)++) {
            uint64_t doc = b->pairs[*at] & 0xffff;
            put_varint(list, doc - last);
            last = doc;
        }
        ly_buf_char(out, (char)(key >> 16 & 0xff));
        ly_buf_char(out, (char)(key >> 8 & 0xff));
        ly_buf_char(out, (char)(key & 0xff));
        put_varint(out, list->len);
        ly_buf_str(out, ly_buf_view(list));
    }
}

static void traces_bytes(const block *b, ly_buf *out)
{
    int64_t last = 0;
    put_varint(out, b->n_items);
    for (size_t i = 0; i < b->n_items; i++) {
        put_varint(out, (uint64_t)(b->items[i].trace - last));
        last = b->items[i].trace;
    }
    put_varint(out, b->n_docs);
    for (size_t at = 0, doc = 0; doc < b->n_docs; doc++) {
        size_t end = at, n = 0;
        while (end < b->n_links && b->links[end] >> 16 == doc) {
            n += end == at || b->links[end] != b->links[end - 1];
            end++;
        }
        put_varint(out, n);
        uint32_t before = 0;
        for (size_t i = at; i < end; i++) {
            if (i > at && b->links[i] == b->links[i - 1])
                continue;
            put_varint(out, (b->links[i] & 0xffff) - before);
            before = b->links[i] & 0xffff;
        }
        at = end;
    }
}

static ly_status insert(ly_db *db, const char *sql, int64_t a, ly_str data, int64_t b, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, a);
    if (data.ptr)
        ly_bind_blob(s, 2, data.ptr, data.len);
    else
        ly_bind_int(s, 2, b);
    return ly_db_run(db, s, err);
}

/* Takes a trace off the list; *ret_same = it is as it was read. */
static ly_status taken(ly_db *db, item it, bool *ret_same, ly_err *err)
{
    ly_status st = insert(db,
                          "DELETE FROM text_todo WHERE trace = ?1 AND settles = ?2"
                          " AND NOT EXISTS (SELECT 1 FROM dirty WHERE trace = ?1)",
                          it.trace, LY_STR_NONE, it.settles, err);
    *ret_same = st || ly_db_changes(db) == 1;
    return st;
}

typedef struct made_part {
    int64_t part;
    size_t from, len;
} made_part;

static ly_status write_turn(block *b, const made_part *parts, size_t n, const ly_buf *bytes,
                            bool *ret_same, ly_err *err)
{
    ly_db *db = &b->store->db;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    int64_t no = 0;
    *ret_same = true;
    for (size_t i = 0; !st && *ret_same && i < b->n_items; i++)
        st = taken(db, b->items[i], ret_same, err);
    if (!st && !*ret_same)
        st = LY_E_BUSY; /* rolls back */
    if (!st)
        st = ly_db_scalar(db, "SELECT coalesce(max(no), 0) + 1 FROM text_block", &no, err);
    for (size_t i = 0; !st && i < n; i++)
        st = insert(db, "INSERT INTO text_part (id, data) VALUES (?1, ?2)",
                    no << LY_TEXT_PART_BITS | parts[i].part,
                    ly_str_n(bytes->ptr + parts[i].from, parts[i].len), 0, err);
    for (size_t i = 0; !st && i < b->n_items; i++)
        st = insert(db, "INSERT OR IGNORE INTO text_of (trace, block) VALUES (?1, ?2)",
                    b->items[i].trace, LY_STR_NONE, no, err);
    if (!st)
        st = insert(db, "INSERT INTO text_block (no, n_docs) VALUES (?1, ?2)", no, LY_STR_NONE,
                    b->n_docs, err);
    st = ly_db_write_end(db, st, err);
    return *ret_same ? st : LY_OK;
}

static ly_status write_block(block *b, bool *ret_same, ly_err *err)
{
    made_part parts[LY_TEXT_PARTS + 2];
    size_t n = 0, at = 0;
    ly_buf bytes, list;
    ly_buf_init(&bytes, LY_MIB(64));
    ly_buf_init(&list, LY_MIB(1));
    if (!sort_pairs(b))
        return LY_NOMEM(err);
    if (b->n_links)
        qsort(b->links, b->n_links, sizeof *b->links, by_value32);
    for (unsigned p = 0; p < LY_TEXT_PARTS; p++) {
        size_t from = bytes.len;
        part_bytes(b, p, &at, &bytes, &list);
        if (bytes.len > from)
            parts[n++] = (made_part){p, from, bytes.len - from};
    }
    size_t from = bytes.len;
    if (b->always) {
        put_varint(&bytes, b->n_docs - 1);
        parts[n++] = (made_part){LY_TEXT_ALWAYS, from, bytes.len - from};
        from = bytes.len;
    }
    traces_bytes(b, &bytes);
    parts[n++] = (made_part){LY_TEXT_TRACES, from, bytes.len - from};
    ly_status st = ly_buf_status(&bytes, "full-text block", err);
    if (!st)
        st = ly_buf_status(&list, "full-text block", err);
    if (!st)
        st = write_turn(b, parts, n, &bytes, ret_same, err);
    ly_buf_release(&bytes);
    ly_buf_release(&list);
    return st;
}

static ly_status one_block(ly_store *store, size_t *ret_traces, bool *ret_same, ly_err *err)
{
    block *b = ly_calloc(1, sizeof *b);
    if (!b)
        return LY_NOMEM(err);
    b->store = store;
    b->seen = ly_calloc(1, (size_t)1 << 21);
    ly_arena_init(&b->arena, LY_KIB(64), 0);
    ly_buf_init(&b->content, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&b->own, LY_MAX_REQUEST_BYTES);
    ly_status st = b->seen && ly_id_map_init(&b->docs_of, 1024, 1 << 16) ? LY_OK : LY_NOMEM(err);
    if (!st)
        st = read_block(b, err);
    *ret_traces = b->n_items;
    *ret_same = true;
    if (!st && b->n_items)
        st = write_block(b, ret_same, err);
    ly_id_map_release(&b->docs_of);
    ly_arena_release(&b->arena);
    ly_buf_release(&b->content);
    ly_buf_release(&b->own);
    ly_free(b->pairs);
    ly_free(b->links);
    ly_free(b->seen);
    ly_free(b);
    return st;
}

/* Is there enough to do, and nothing more urgent? */
static ly_status worth_it(ly_db *db, bool *ret, ly_err *err)
{
    int64_t dirty = 0, traces = 0, spans = 0;
    ly_status st =
        ly_db_scalar(db, "SELECT count(*) FROM (SELECT 1 FROM dirty LIMIT 1000)", &dirty, err);
    if (!st)
        st = ly_db_scalar(db, "SELECT count(*) FROM (SELECT 1 FROM text_todo LIMIT 200)", &traces,
                          err);
    if (!st)
        st = ly_db_scalar(db,
                          "SELECT coalesce(sum(n), 0) FROM (SELECT t.n_spans AS n FROM text_todo AS"
                          " d JOIN trace AS t ON t.no = d.trace LIMIT 200)",
                          &spans, err);
    *ret = !st && dirty < BUSY_DIRTY && (traces >= WAIT_TRACES || spans >= WAIT_SPANS);
    return st;
}

/* The newest block, when it is small beside what waits: it is taken out, to be made anew together with that.
 * Each trace is so taken along a few times at most, and there are never more than a few small blocks. */
static ly_status take_along(ly_db *db, int64_t *waiting, bool *ret_more, ly_err *err)
{
    static const int64_t most = BLOCK_TRACES, small = SMALL_BYTES;
    int64_t no = 0, traces = 0, bytes = 0;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_scalar(db, "SELECT coalesce(max(no), 0) FROM text_block", &no, err);
    if (!st)
        st = ly_db_scalar(db,
                          "SELECT count(*) FROM text_of WHERE block ="
                          " (SELECT max(no) FROM text_block)",
                          &traces, err);
    if (!st)
        st = ly_db_scalar(db,
                          "SELECT coalesce(sum(length(data)), 0) FROM text_part WHERE id >="
                          " (SELECT max(no) FROM text_block) << 8",
                          &bytes, err);
    *ret_more = !st && no > 0 && traces <= *waiting && traces + *waiting <= most && bytes <= small;
    if (*ret_more) {
        st = drop_block(db, no, err);
        *waiting += traces;
    }
    return ly_db_write_end(db, st, err);
}

ly_status ly_store_text_rest(ly_store *store, int64_t *ret_left, ly_err *err)
{
    ly_db *db = &store->db;
    int64_t dirty = 0, waiting = 0;
    ly_status st = ly_db_scalar(db, "SELECT EXISTS (SELECT 1 FROM dirty)", &dirty, err);
    if (!st)
        st = ly_db_scalar(db, "SELECT count(*) FROM text_todo", &waiting, err);
    if (st)
        return st;
    if (ret_left)
        *ret_left = waiting;
    if (dirty || waiting == 0)
        return LY_OK;
    bool more = waiting < BLOCK_TRACES;
    while (!st && more)
        st = take_along(db, &waiting, &more, err);
    return st ? st : ly_store_text_index(store, REST_NS, true, ret_left, err);
}

ly_status ly_store_text_index(ly_store *store, int64_t budget_ns, bool all, int64_t *ret_left,
                              ly_err *err)
{
    int64_t until = budget_ns > 0 ? ly_mono_ns() + budget_ns : INT64_MAX;
    ly_status st = LY_OK;
    int tries = 0;
    bool more = true;
    while (!st && more) {
        size_t traces = 0;
        bool same = true;
        if (!all)
            st = worth_it(&store->db, &more, err);
        if (st || !more)
            break;
        st = one_block(store, &traces, &same, err);
        tries = same ? 0 : tries + 1;
        more = traces > 0 && tries < 8 && ly_mono_ns() < until;
    }
    if (!st && ret_left)
        st = ly_db_scalar(&store->db, "SELECT count(*) FROM text_todo", ret_left, err);
    return st;
}
