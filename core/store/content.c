/*
 * Content: each distinct string once an epoch, packed with zstd and a dictionary (bundle.c has the rows).
 *
 * A piece is known by 128 bits of XXH3, seeded with a random number of the database, so that a stranger
 * who sends spans cannot make two texts collide. What is stored is remembered in memory, the young half
 * and the old half of what was met of late: a conversation that goes on keeps its messages there. There is
 * no index by hash in the file, which would cost a page read and written for each message once it is
 * large; table content_hash has the hashes of each commit, in the order of their numbers, and a process
 * that starts, or that finds that another one has written, reads the last of them. A message that was not
 * met among some two hundred thousand others may be stored once more.
 * Dictionary 1 is built in (dictionary/NN.txt), so that
 * the first spans are small too; ly_dictionary_train makes better ones of what came in. Frames are written
 * without zstd's magic, size and dictionary number: the row knows them.
 */
#include "store/internal.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zdict.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/embed.h"

/* With a dictionary at hand higher levels take half as long again and pack a twentieth less at best. */
#define LEVEL            1
#define MAX_DICTIONARIES 32
#define BUILT_IN         1
/* Shorter texts do not shrink. */
#define PACK_MIN 24

typedef struct dictionary {
    int64_t id;
    ZSTD_CDict *pack;
    ZSTD_DDict *unpack;
} dictionary;

struct ly_packer {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
    dictionary dicts[MAX_DICTIONARIES];
    size_t n_dicts;
    int64_t best[LY_PACK__COUNT]; /* the dictionary to pack with; 0 = not looked up yet */
    ly_buf out;
};

ly_packer *ly_packer_new(void)
{
    ly_packer *p = ly_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    ly_buf_init(&p->out, 2 * LY_MAX_REQUEST_BYTES);
    return p;
}

static void dictionaries_free(ly_packer *p)
{
    for (size_t i = 0; i < p->n_dicts; i++) {
        (void)ZSTD_freeCDict(p->dicts[i].pack);
        (void)ZSTD_freeDDict(p->dicts[i].unpack);
    }
    p->n_dicts = 0;
    memset(p->best, 0, sizeof p->best);
}

void ly_packer_free(ly_packer *packer)
{
    if (!packer)
        return;
    dictionaries_free(packer);
    (void)ZSTD_freeCCtx(packer->pack);
    (void)ZSTD_freeDCtx(packer->unpack);
    ly_buf_release(&packer->out);
    ly_free(packer);
}

void ly_packer_forget(ly_packer *packer)
{
    memset(packer->best, 0, sizeof packer->best);
}

static ly_status contexts(ly_packer *p, ly_err *err)
{
    if (!p->pack) {
        p->pack = ZSTD_createCCtx();
        p->unpack = ZSTD_createDCtx();
        if (!p->pack || !p->unpack)
            return LY_NOMEM(err);
        (void)ZSTD_CCtx_setParameter(p->pack, ZSTD_c_compressionLevel, LEVEL);
        (void)ZSTD_CCtx_setParameter(p->pack, ZSTD_c_format, ZSTD_f_zstd1_magicless);
        (void)ZSTD_CCtx_setParameter(p->pack, ZSTD_c_contentSizeFlag, 0);
        (void)ZSTD_CCtx_setParameter(p->pack, ZSTD_c_dictIDFlag, 0);
        (void)ZSTD_DCtx_setParameter(p->unpack, ZSTD_d_format, ZSTD_f_zstd1_magicless);
    }
    return LY_OK;
}

static ly_status dictionary_add(ly_store *store, int64_t id, ly_str bytes, dictionary **ret,
                                ly_err *err)
{
    ly_packer *p = store->packer;
    if (p->n_dicts == MAX_DICTIONARIES)
        dictionaries_free(p);
    dictionary *d = &p->dicts[p->n_dicts];
    *d = (dictionary){id, ZSTD_createCDict(bytes.ptr, bytes.len, LEVEL),
                      ZSTD_createDDict(bytes.ptr, bytes.len)};
    if (!d->pack || !d->unpack) {
        (void)ZSTD_freeCDict(d->pack);
        (void)ZSTD_freeDDict(d->unpack);
        return LY_NOMEM(err);
    }
    p->n_dicts++;
    *ret = d;
    return LY_OK;
}

static ly_status dictionary_get(ly_store *store, int64_t id, dictionary **ret, ly_err *err)
{
    ly_packer *p = store->packer;
    for (size_t i = 0; i < p->n_dicts; i++)
        if (p->dicts[i].id == id) {
            *ret = &p->dicts[i];
            return LY_OK;
        }
    if (id == BUILT_IN) {
        ly_buf text;
        ly_buf_init(&text, LY_MAX_TEXT_FILE_BYTES);
        for (size_t i = 0; i < ly_embedded_dictionary_n; i++)
            ly_buf_add(&text, ly_embedded_dictionary[i].bytes, ly_embedded_dictionary[i].len);
        ly_status st = ly_buf_status(&text, "dictionary", err);
        if (!st)
            st = dictionary_add(store, id, ly_buf_view(&text), ret, err);
        ly_buf_release(&text);
        return st;
    }
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&store->db, "SELECT data FROM dictionary WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    if (!st && !row)
        st = LY_FAIL(err, LY_E_CORRUPT, "%s: dictionary %lld is missing; see `lydite db check`",
                     store->db.path, (long long)id);
    if (!st)
        st = dictionary_add(store, id, ly_col_str(s, 0), ret, err);
    ly_db_reset(s);
    return st;
}

static ly_status best_dictionary(ly_store *store, ly_pack_kind kind, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db, "SELECT max(id) FROM dictionary WHERE kind = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, kind);
    int64_t best = 0;
    st = ly_db_number(&store->db, s, 0, &best, err);
    store->packer->best[kind] = best > BUILT_IN ? best : BUILT_IN;
    return st;
}

ly_status ly_pack_as(ly_store *store, ly_pack_kind kind, ly_str raw, int64_t *ret_dict,
                     ly_str *ret_data, ly_err *err)
{
    ly_packer *p = store->packer;
    *ret_dict = -1;
    *ret_data = raw;
    if (raw.len < PACK_MIN)
        return LY_OK;
    ly_status st = contexts(p, err);
    if (!st && p->best[kind] == 0)
        st = best_dictionary(store, kind, err);
    dictionary *d = NULL;
    if (!st)
        st = dictionary_get(store, p->best[kind], &d, err);
    if (st)
        return st;
    ly_buf_reset(&p->out);
    size_t bound = ZSTD_compressBound(raw.len);
    char *room = ly_buf_room(&p->out, bound);
    if (!room)
        return ly_buf_status(&p->out, "packed content", err);
    (void)ZSTD_CCtx_refCDict(p->pack, d->pack);
    size_t n = ZSTD_compress2(p->pack, room, bound, raw.ptr, raw.len);
    if (ZSTD_isError(n))
        return LY_FAIL(err, LY_E_INTERNAL, "packing failed: %s", ZSTD_getErrorName(n));
    if (n < raw.len) {
        *ret_dict = d->id;
        *ret_data = ly_str_n(room, n);
    }
    return LY_OK;
}

ly_status ly_pack(ly_store *store, ly_str raw, int64_t *ret_dict, ly_str *ret_data, ly_err *err)
{
    return ly_pack_as(store, LY_PACK_CONTENT, raw, ret_dict, ret_data, err);
}

ly_status ly_unpack(ly_store *store, int64_t dict, ly_str data, size_t size, char *dst, ly_err *err)
{
    if (dict == -1) {
        if (data.len != size)
            return LY_FAIL(err, LY_E_CORRUPT, "%s: stored content has a wrong size",
                           store->db.path);
        if (size)
            memcpy(dst, data.ptr, size);
        return LY_OK;
    }
    ly_packer *p = store->packer;
    ly_status st = contexts(p, err);
    dictionary *d = NULL;
    if (!st)
        st = dictionary_get(store, dict, &d, err);
    if (st)
        return st;
    (void)ZSTD_DCtx_refDDict(p->unpack, d->unpack);
    size_t n = ZSTD_decompressDCtx(p->unpack, dst, size, data.ptr, data.len);
    if (ZSTD_isError(n) || n != size)
        return LY_FAIL(err, LY_E_CORRUPT,
                       "%s: stored content cannot be unpacked; see `lydite db check`",
                       store->db.path);
    return LY_OK;
}

/* ---- content ---- */

/* Of an epoch so many hashes are read when it is met first, before the write turn (ly_contents_ahead), ... */
#define LEARN_MAX 65536
/* ... and inside of it, where other writers wait: a millisecond of the newest. */
#define LEARN_TURN 4096

/* One map for all epochs: the day is mixed into the key. */
static uint64_t map_key(int64_t day, XXH128_hash_t h)
{
    return h.low64 ^ ((uint64_t)day * 0x9e3779b97f4a7c15ULL);
}

static void remember(ly_store *store, uint64_t hi, uint64_t lo, int64_t number)
{
    ly_id_map *young = &store->contents;
    if (young->n * 2 >= young->cap && young->cap >= young->max) {
        ly_id_map old = store->contents_old;
        store->contents_old = *young;
        if (!old.slots && !ly_id_map_init(&old, young->max, young->max))
            old = store->contents_old, store->contents_old = (ly_id_map){0};
        ly_id_map_clear(&old);
        *young = old;
    }
    ly_id_map_put(young, hi, lo, number);
}

static int64_t recall(ly_store *store, uint64_t hi, uint64_t lo)
{
    int64_t number = ly_id_map_get(&store->contents, hi, lo);
    if (!number && store->contents_old.slots) {
        number = ly_id_map_get(&store->contents_old, hi, lo);
        if (number)
            remember(store, hi, lo, number);
    }
    return number;
}

void ly_contents_forget(ly_store *store)
{
    ly_id_map_clear(&store->contents);
    if (store->contents_old.slots)
        ly_id_map_clear(&store->contents_old);
    memset(store->contents_known, 0, sizeof store->contents_known);
    store->contents_ahead = 0;
}

/* A row of content_hash; newer rows are read first, and what is remembered already is newer. */
static void learn_row(ly_store *store, int64_t day, int64_t first, ly_str hashes)
{
    for (size_t i = hashes.len / 16; i-- > 0;) {
        XXH128_canonical_t c;
        memcpy(&c, hashes.ptr + 16 * i, 16);
        XXH128_hash_t h = XXH128_hashFromCanonical(&c);
        uint64_t lo = map_key(day, h);
        if ((h.high64 || h.low64) && !ly_id_map_get(&store->contents, h.high64, lo))
            remember(store, h.high64, lo, (first & LY_EPOCH_MASK) + (int64_t)i);
    }
}

/* Reads what the map does not know of the epoch: all of it, or what other processes put; of much the newest
 * `most`. */
static ly_status learn(ly_store *store, ly_epoch_state *epoch, size_t most, ly_err *err)
{
    size_t slot = 0, n = LY_COUNT(store->contents_known);
    while (slot < n &&
           !(store->contents_known[slot].next && store->contents_known[slot].day == epoch->day))
        slot++;
    if (slot == n) {
        slot = store->contents_slot++ % n;
        store->contents_known[slot].day = epoch->day;
        store->contents_known[slot].next = 1;
    }
    int64_t from = store->contents_known[slot].next;
    epoch->known = &store->contents_known[slot].next;
    *epoch->known = epoch->next_content;
    if (from >= epoch->next_content)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &store->db,
        "SELECT id, hashes FROM content_hash WHERE id >= ?1 AND id < ?2 ORDER BY id DESC", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch->day) | from);
    ly_bind_int(s, 2, LY_EPOCH_BASE(epoch->day + 1));
    bool row = false;
    size_t seen = 0;
    while (seen < most && !(st = ly_db_step(&store->db, s, &row, err)) && row) {
        ly_str hashes = ly_col_str(s, 1);
        learn_row(store, epoch->day, ly_col_int(s, 0), hashes);
        seen += hashes.len / 16;
    }
    ly_db_reset(s);
    return st;
}

static ly_status learn_day(ly_store *store, int64_t day, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&store->db, "SELECT next_content FROM epoch WHERE day = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, day);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    ly_epoch_state epoch = {.day = day, .next_content = !st && row ? ly_col_int(s, 0) : 1};
    ly_db_reset(s);
    return st || !row ? st : learn(store, &epoch, LEARN_MAX, err);
}

void ly_contents_ahead(ly_store *store, int64_t day)
{
    ly_db *db = &store->db;
    if (store->contents_ahead == day || db->write_depth || db->read_depth || db->broken ||
        !db->sql || ly_db_read_begin(db, NULL))
        return;
    /* In the same snapshot as the hashes: a removal after it is seen by the turn. */
    ly_status st = ly_store_caches_begin(store, NULL);
    for (size_t i = 0; i < LY_COUNT(store->contents_known); i++)
        if (store->contents_known[i].day == day)
            store->contents_known[i].next = 0; /* a turn may have read the newest only */
    if (!st)
        st = learn_day(store, day, NULL);
    ly_db_read_end(db);
    if (st)
        ly_contents_forget(store); /* the turn meets the same trouble, and says so */
    else
        store->contents_ahead = day;
}

ly_status ly_hashes_flush(ly_store *store, ly_err *err)
{
    if (!store->hashes.len)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db, "INSERT INTO content_hash (id, hashes) VALUES (?1, ?2)", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, store->hashes_id);
    ly_bind_blob(s, 2, store->hashes.ptr, store->hashes.len);
    st = ly_db_run(&store->db, s, err);
    ly_buf_reset(&store->hashes);
    return st;
}

static ly_status hash_note(ly_store *store, int64_t id, XXH128_hash_t h, ly_err *err)
{
    if (store->hashes.len && store->hashes_id + (int64_t)(store->hashes.len / 16) != id) {
        ly_status st = ly_hashes_flush(store, err); /* another epoch's */
        if (st)
            return st;
    }
    if (!store->hashes.len)
        store->hashes_id = id;
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, h);
    ly_buf_add(&store->hashes, c.digest, sizeof c.digest);
    return ly_buf_status(&store->hashes, "hashes", err);
}

/* One row's pieces among ids[*at...]. */
static ly_status hashes_cut(ly_store *store, const int64_t *ids, size_t n, size_t *at, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &store->db, "SELECT id, hashes FROM content_hash WHERE id <= ?1 ORDER BY id DESC LIMIT 1",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, ids[*at]);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    int64_t first = !st && row ? ly_col_int(s, 0) : INT64_MAX;
    ly_buf hashes;
    ly_buf_init(&hashes, LY_MAX_REQUEST_BYTES);
    if (!st && row)
        ly_buf_str(&hashes, ly_col_str(s, 1));
    ly_db_reset(s);
    if (!st)
        st = ly_buf_status(&hashes, "hashes", err);
    bool changed = false;
    do {
        uint64_t k = (uint64_t)ids[*at] - (uint64_t)first;
        if (st || first > ids[*at] || k >= hashes.len / 16) {
            *at += !changed; /* not in the file */
            break;
        }
        memset(hashes.ptr + 16 * k, 0, 16);
        changed = true;
    } while (++*at < n);
    if (!st && changed)
        st = ly_db_prep(&store->db, "UPDATE content_hash SET hashes = ?2 WHERE id = ?1", &s, err);
    if (!st && changed) {
        ly_bind_int(s, 1, first);
        ly_bind_blob(s, 2, hashes.ptr, hashes.len);
        st = ly_db_run(&store->db, s, err);
    }
    ly_buf_release(&hashes);
    return st;
}

ly_status ly_hashes_remove(ly_store *store, const int64_t *ids, size_t n, ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t at = 0; !st && at < n;)
        st = hashes_cut(store, ids, n, &at, err);
    return st;
}

ly_status ly_content_put(ly_store *store, ly_epoch_state *epoch, ly_str bytes, int64_t *ret_number,
                         ly_err *err)
{
    ly_status st = epoch->known ? LY_OK : learn(store, epoch, LEARN_TURN, err);
    if (st)
        return st;
    XXH128_hash_t h = XXH3_128bits_withSeed(bytes.ptr, bytes.len, store->seed);
    uint64_t lo = map_key(epoch->day, h);
    *ret_number = recall(store, h.high64, lo);
    if (*ret_number) {
        store->db.n.contents_seen++;
        return LY_OK;
    }
    int64_t number = epoch->next_content, id = LY_EPOCH_BASE(epoch->day) | number;
    st = ly_bundle_add(store, LY_PACK_CONTENT, id, bytes, err);
    if (!st)
        st = hash_note(store, id, h, err);
    if (st)
        return st;
    epoch->next_content++;
    epoch->changed = true;
    *epoch->known = epoch->next_content;
    remember(store, h.high64, lo, number);
    *ret_number = number;
    store->db.n.contents_new++;
    return LY_OK;
}

ly_status ly_content_load(ly_store *store, int64_t epoch, int64_t number, ly_buf *out, ly_err *err)
{
    ly_str bytes = LY_STR_NONE;
    ly_status st =
        ly_bundle_get(store, LY_PACK_CONTENT, LY_EPOCH_BASE(epoch) | number, &bytes, err);
    if (!st && !bytes.len)
        st = LY_FAIL(err, LY_E_CORRUPT,
                     "%s: a message that a span refers to is missing; see `lydite db check`",
                     store->db.path);
    if (st)
        return st;
    ly_buf_str(out, bytes);
    return ly_buf_status(out, "span", err);
}

/* ---- training ---- */

#define TRAIN_MIN                400
#define TRAIN_MAX_BYTES          LY_MIB(4)
#define TRAIN_SAMPLES            8000
#define SAMPLE_MAX               32768
#define DICTIONARY_BYTES         (96 * 1024)
#define PAYLOAD_DICTIONARY_BYTES (24 * 1024)

typedef struct samples {
    ly_buf bytes;
    size_t *sizes;
    unsigned n;
} samples;

/* How many rows there must be before the n-th trained dictionary is worth making. */
static int64_t train_after(int64_t n_trained)
{
    return n_trained == 0 ? TRAIN_MIN : n_trained == 1 ? 50000 : INT64_MAX;
}

/* The pieces of one row, each a sample. */
static ly_status samples_add(ly_store *store, ly_pack_kind kind, samples *out, int64_t id,
                             int64_t n, ly_err *err)
{
    ly_status st = LY_OK;
    for (int64_t i = 0; !st && i < n && i < LY_BUNDLE_PIECES && out->n < TRAIN_SAMPLES; i++) {
        ly_str bytes = LY_STR_NONE;
        st = ly_bundle_get(store, kind, id + i, &bytes, err);
        if (st || bytes.len < 32 || bytes.len > SAMPLE_MAX)
            continue;
        if (out->bytes.len + bytes.len > TRAIN_MAX_BYTES)
            break;
        ly_buf_str(&out->bytes, bytes);
        out->sizes[out->n++] = bytes.len;
        st = ly_buf_status(&out->bytes, "samples", err);
    }
    return st;
}

static ly_status samples_take(ly_store *store, ly_pack_kind kind, samples *out, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&store->db,
                              kind == LY_PACK_CONTENT
                                  ? "SELECT id, n FROM content ORDER BY id DESC LIMIT 8000"
                                  : "SELECT id, n FROM payload ORDER BY id DESC LIMIT 8000",
                              &s, err);
    bool row = false;
    while (!st && !(st = ly_db_step(&store->db, s, &row, err)) && row) {
        if (out->n == TRAIN_SAMPLES || out->bytes.len + SAMPLE_MAX > TRAIN_MAX_BYTES)
            break;
        st = samples_add(store, kind, out, ly_col_int(s, 0), ly_col_int(s, 1), err);
    }
    ly_db_reset(s);
    return st;
}

static ly_status dictionary_store(ly_store *store, ly_pack_kind kind, ly_str bytes, ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    ly_stmt *s = NULL;
    st = ly_db_prep(db,
                    "INSERT INTO dictionary (id, kind, made_ns, data)"
                    " SELECT coalesce(max(id), 1) + 1, ?1, ?2, ?3 FROM dictionary",
                    &s, err);
    if (!st) {
        ly_bind_int(s, 1, kind);
        ly_bind_int(s, 2, ly_wall_ns());
        ly_bind_blob(s, 3, bytes.ptr, bytes.len);
        st = ly_db_run(db, s, err);
    }
    /* Other writers look for a better dictionary when they see a new generation. */
    if (!st)
        st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
    return ly_db_write_end(db, st, err);
}

static ly_status train(ly_store *store, ly_pack_kind kind, ly_err *err)
{
    samples in = {.sizes = ly_calloc(TRAIN_SAMPLES, sizeof(size_t))};
    ly_buf_init(&in.bytes, TRAIN_MAX_BYTES + SAMPLE_MAX);
    char *out = ly_malloc(DICTIONARY_BYTES);
    ly_status st = in.sizes && out ? samples_take(store, kind, &in, err) : LY_NOMEM(err);
    if (!st && in.n >= TRAIN_MIN / 2) {
        size_t most = kind == LY_PACK_PAYLOAD ? PAYLOAD_DICTIONARY_BYTES : DICTIONARY_BYTES;
        /* A dictionary larger than an eighth of its samples learns them by heart. */
        size_t want = in.bytes.len / 8 < most ? in.bytes.len / 8 : most;
        size_t made =
            ZDICT_trainFromBuffer(out, want < 4096 ? 4096 : want, in.bytes.ptr, in.sizes, in.n);
        /* Too uniform to learn from is no failure. */
        if (!ZDICT_isError(made))
            st = dictionary_store(store, kind, ly_str_n(out, made), err);
    }
    ly_buf_release(&in.bytes);
    ly_free(in.sizes);
    ly_free(out);
    return st;
}

ly_status ly_dictionary_train(ly_store *store, ly_err *err)
{
    int64_t trained = 0, rows = 0;
    ly_status st =
        ly_db_scalar(&store->db, "SELECT count(*) FROM dictionary WHERE kind = 0", &trained, err);
    if (!st)
        st = ly_db_scalar(&store->db, "SELECT coalesce(sum(next_content), 0) FROM epoch", &rows,
                          err);
    if (!st && rows >= train_after(trained))
        st = train(store, LY_PACK_CONTENT, err);
    if (!st)
        st = ly_db_scalar(&store->db, "SELECT count(*) FROM dictionary WHERE kind = 1", &trained,
                          err);
    if (!st)
        st = ly_db_scalar(&store->db, "SELECT coalesce(sum(next_payload), 0) FROM epoch", &rows,
                          err);
    if (!st && rows >= train_after(trained))
        st = train(store, LY_PACK_PAYLOAD, err);
    return st;
}
