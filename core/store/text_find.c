/* Words to a set of traces: in each block, the documents that hold all grams of the words. */
#include "store/text.h"

#include "base/mem.h"

/* Grams asked of one block; more say little. */
#define MAX_GRAMS 24
/* Trace numbers that a set is made for (16 MiB). */
#define MAX_TRACES (INT64_C(1) << 27)

struct ly_text_hits {
    unsigned refs;
    uint64_t version; /* ly_store_change_count */
    char *words;      /* in lower case: grams do not know more */
    size_t words_len;
    ly_buf few; /* JSON array of them, when they are few */
    bool is_few;
    int64_t n; /* trace numbers below; those above may hold anything */
    uint8_t bits[];
};

void ly_text_hits_free(void *p)
{
    ly_text_hits *hits = p;
    if (hits && --hits->refs == 0) {
        ly_free(hits->words);
        ly_buf_release(&hits->few);
        ly_free(hits);
    }
}

ly_str ly_text_hits_few(const ly_text_hits *hits)
{
    return hits->is_few ? ly_buf_view(&hits->few) : LY_STR_NONE;
}

bool ly_text_hits_has(const ly_text_hits *hits, int64_t trace)
{
    return trace < 0 || trace >= hits->n || (hits->bits[trace >> 3] >> (trace & 7) & 1);
}

static void list_few(ly_text_hits *hits)
{
    size_t n = 0;
    ly_buf_init(&hits->few, LY_KIB(64));
    ly_buf_char(&hits->few, '[');
    for (int64_t byte = 0; n <= LY_TEXT_FEW && byte <= hits->n / 8; byte++)
        for (int bit = 0; hits->bits[byte] >> bit; bit++)
            if (hits->bits[byte] >> bit & 1 && n++ < LY_TEXT_FEW)
                ly_buf_fmt(&hits->few, "%s%lld", n > 1 ? "," : "", (long long)(byte * 8 + bit));
    ly_buf_char(&hits->few, ']');
    hits->is_few = n <= LY_TEXT_FEW && hits->n < MAX_TRACES &&
                   ly_buf_status(&hits->few, "traces", NULL) == LY_OK;
}

static void hit(ly_text_hits *hits, int64_t trace)
{
    if (trace >= 0 && trace < hits->n)
        hits->bits[trace >> 3] = (uint8_t)(hits->bits[trace >> 3] | 1 << (trace & 7));
}

void ly_text_cache_release(ly_store *store)
{
    for (size_t i = 0; i < LY_COUNT(store->text_hits); i++) {
        ly_text_hits_free(store->text_hits[i]);
        store->text_hits[i] = NULL;
    }
}

/* ---- one block ---- */

typedef struct search {
    ly_store *store;
    ly_text_hits *hits;
    uint32_t grams[MAX_GRAMS];
    size_t n_grams;
    uint16_t docs[LY_TEXT_MAX_DOCS + 1];
    size_t n_docs;
} search;

static bool note_gram(void *user, uint32_t gram)
{
    search *s = user;
    for (size_t i = 0; i < s->n_grams; i++)
        if (s->grams[i] == gram)
            return true;
    s->grams[s->n_grams++] = gram;
    return s->n_grams < MAX_GRAMS;
}

static bool varint(ly_str *in, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && in->len; shift += 7) {
        unsigned char c = (unsigned char)*in->ptr++;
        in->len--;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

/* The list of a gram in a part, empty when it is not there; false when the part is damaged. */
static bool list_of(ly_str part, uint32_t gram, ly_str *ret)
{
    *ret = LY_STR_NONE;
    while (part.len) {
        if (part.len < 4)
            return false;
        uint32_t g = (uint32_t)(unsigned char)part.ptr[0] << 16 |
                     (uint32_t)(unsigned char)part.ptr[1] << 8 | (unsigned char)part.ptr[2];
        part.ptr += 3;
        part.len -= 3;
        uint64_t len = 0;
        if (!varint(&part, &len) || len > part.len)
            return false;
        if (g == gram) {
            *ret = ly_str_n(part.ptr, (size_t)len);
            return true;
        }
        part.ptr += len;
        part.len -= (size_t)len;
    }
    return true;
}

/* Keeps of s->docs what the list has too; the first list is taken whole. */
static bool narrow(search *s, ly_str list, bool first)
{
    uint64_t doc = 0, step = 0;
    size_t n = 0, at = 0;
    while (list.len) {
        if (!varint(&list, &step) || (doc += step) >= LY_TEXT_MAX_DOCS)
            return false;
        if (first) {
            if (n == LY_TEXT_MAX_DOCS)
                return false;
            s->docs[n++] = (uint16_t)doc;
            continue;
        }
        while (at < s->n_docs && s->docs[at] < doc)
            at++;
        if (at < s->n_docs && s->docs[at] == doc)
            s->docs[n++] = s->docs[at++];
    }
    s->n_docs = n;
    return true;
}

/* Marks the traces of s->docs, or of all documents. */
static bool mark(search *s, ly_str data, bool all)
{
    int64_t traces[1024];
    uint64_t n = 0, v = 0, n_docs = 0;
    int64_t no = 0;
    if (!varint(&data, &n) || n > LY_COUNT(traces))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        if (!varint(&data, &v))
            return false;
        traces[i] = no = ly_wrap_add(no, (int64_t)v);
        if (all)
            hit(s->hits, no);
    }
    if (all)
        return true;
    if (!varint(&data, &n_docs))
        return false;
    size_t at = 0;
    for (uint64_t d = 0; d < n_docs && at < s->n_docs; d++) {
        uint64_t count = 0, trace = 0;
        if (!varint(&data, &count))
            return false;
        bool mine = s->docs[at] == d;
        at += mine;
        for (uint64_t i = 0; i < count; i++) {
            if (!varint(&data, &v) || (trace += v) >= n)
                return false;
            if (mine)
                hit(s->hits, traces[trace]);
        }
    }
    return true;
}

static ly_status part_get(search *s, int64_t block, unsigned part, ly_stmt **ret, bool *ret_there,
                          ly_err *err)
{
    ly_db *db = &s->store->db;
    ly_status st = ly_db_prep(db, "SELECT data FROM text_part WHERE id = ?1", ret, err);
    if (st)
        return st;
    ly_bind_int(*ret, 1, block << LY_TEXT_PART_BITS | part);
    return ly_db_step(db, *ret, ret_there, err);
}

static ly_status in_block(search *s, int64_t block, ly_err *err)
{
    ly_stmt *stmt = NULL;
    bool there = false, good = true;
    ly_status st = LY_OK;
    s->n_docs = 0;
    for (size_t i = 0; !st && good && i < s->n_grams && (i == 0 || s->n_docs); i++) {
        st = part_get(s, block, ly_text_part_of(s->grams[i]), &stmt, &there, err);
        ly_str list = LY_STR_NONE;
        if (!st && there)
            good = list_of(ly_col_str(stmt, 0), s->grams[i], &list);
        if (!st && good)
            good = narrow(s, list, i == 0);
        if (stmt)
            ly_db_reset(stmt);
    }
    /* Always to be looked at: few blocks have such. */
    size_t found = s->n_docs;
    if (!st)
        st = part_get(s, block, LY_TEXT_ALWAYS, &stmt, &there, err);
    if (!st && there) {
        s->n_docs = 0;
        if (found || !narrow(s, ly_col_str(stmt, 0), true))
            good = false; /* both kinds: simply all of the block */
    }
    if (stmt)
        ly_db_reset(stmt);
    if (st || (good && !s->n_docs))
        return st;
    st = part_get(s, block, LY_TEXT_TRACES, &stmt, &there, err);
    if (!st && (!there || !mark(s, ly_col_str(stmt, 0), !good)))
        st = LY_FAIL(err, LY_E_CORRUPT,
                     "%s: the full-text index is damaged; run `lydite db rebuild`",
                     s->store->db.path);
    if (stmt)
        ly_db_reset(stmt);
    return st;
}

/* ---- all ---- */

static ly_status not_indexed(search *s, const char *sql, ly_err *err)
{
    ly_db *db = &s->store->db;
    ly_stmt *stmt = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, sql, &stmt, err);
    while (!st && !(st = ly_db_step(db, stmt, &row, err)) && row)
        hit(s->hits, ly_col_int(stmt, 0));
    if (stmt)
        ly_db_reset(stmt);
    return st;
}

static ly_status search_all(search *s, ly_err *err)
{
    ly_db *db = &s->store->db;
    ly_stmt *stmt = NULL;
    bool row = false;
    ly_status st = not_indexed(s, "SELECT trace FROM dirty", err);
    if (!st)
        st = not_indexed(s, "SELECT trace FROM text_todo", err);
    if (!st)
        st = ly_db_prep(db, "SELECT no FROM text_block ORDER BY no", &stmt, err);
    while (!st && !(st = ly_db_step(db, stmt, &row, err)) && row)
        st = in_block(s, ly_col_int(stmt, 0), err);
    if (stmt)
        ly_db_reset(stmt);
    return st;
}

static ly_text_hits *new_hits(const ly_filter_node *term, uint64_t version, int64_t n)
{
    ly_text_hits *hits = ly_calloc(1, sizeof *hits + (size_t)(n / 8 + 1));
    char *words = ly_str_dup(term->text);
    if (!hits || !words) {
        ly_free(hits);
        ly_free(words);
        return NULL;
    }
    hits->refs = 1;
    hits->version = version;
    hits->words = words;
    hits->words_len = term->text.len;
    hits->n = n;
    return hits;
}

ly_status ly_text_find(ly_store *store, const ly_filter_node *term, ly_text_hits **ret_hits,
                       ly_err *err)
{
    uint64_t version = 0;
    int64_t most = 0;
    ly_status st = ly_store_change_count(store, &version, err);
    if (st)
        return st;
    for (size_t i = 0; i < LY_COUNT(store->text_hits); i++) {
        ly_text_hits *h = store->text_hits[i];
        if (h && h->version == version && ly_str_eq(ly_str_n(h->words, h->words_len), term->text)) {
            h->refs++;
            *ret_hits = h;
            return LY_OK;
        }
    }
    st = ly_db_scalar(&store->db, "SELECT coalesce(max(no), 0) FROM trace", &most, err);
    if (st)
        return st;
    search *s = ly_calloc(1, sizeof *s);
    if (s)
        s->hits = new_hits(term, version, (most < MAX_TRACES ? most : MAX_TRACES) + 1);
    if (!s || !s->hits) {
        ly_free(s);
        return LY_NOMEM(err);
    }
    s->store = store;
    (void)ly_text_grams(term->text, note_gram, s);
    st = search_all(s, err);
    if (st) {
        ly_text_hits_free(s->hits);
    } else {
        list_few(s->hits);
        size_t slot = store->text_next++ % LY_COUNT(store->text_hits);
        ly_text_hits_free(store->text_hits[slot]);
        store->text_hits[slot] = s->hits;
        s->hits->refs++;
        *ret_hits = s->hits;
    }
    ly_free(s);
    return st;
}
