/*
 * Content: each distinct string once an epoch, packed with zstd and a dictionary.
 *
 * A piece is known by 128 bits of XXH3, seeded with a random number of the database, so that a stranger
 * who sends spans cannot make two texts collide. Dictionary 1 is built in (dictionary/NN.txt), so that
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

#define LEVEL            3
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
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    int64_t best = !st && row ? ly_col_int(s, 0) : 0;
    ly_db_reset(s);
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

static ly_status content_find(ly_store *store, int64_t epoch, XXH128_hash_t h, int64_t *ret_number,
                              ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &store->db, "SELECT id, lo FROM content WHERE hi = ?1 AND id > ?2 AND id < ?3", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, (int64_t)h.high64);
    ly_bind_int(s, 2, LY_EPOCH_BASE(epoch));
    ly_bind_int(s, 3, LY_EPOCH_BASE(epoch + 1));
    bool row = false;
    *ret_number = 0;
    while (!(st = ly_db_step(&store->db, s, &row, err)) && row)
        if (ly_col_int(s, 1) == (int64_t)h.low64) {
            *ret_number = ly_col_int(s, 0) & LY_EPOCH_MASK;
            break;
        }
    ly_db_reset(s);
    return st;
}

static ly_status content_insert(ly_store *store, ly_epoch_state *epoch, XXH128_hash_t h,
                                ly_str bytes, int64_t *ret_number, ly_err *err)
{
    int64_t dict = -1;
    ly_str data = LY_STR_NONE;
    ly_status st = ly_pack(store, bytes, &dict, &data, err);
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(&store->db,
                        "INSERT INTO content (id, hi, lo, size, dictionary, data)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        &s, err);
    if (st)
        return st;
    int64_t number = epoch->next_content;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch->day) | number);
    ly_bind_int(s, 2, (int64_t)h.high64);
    ly_bind_int(s, 3, (int64_t)h.low64);
    ly_bind_int(s, 4, (int64_t)bytes.len);
    ly_bind_int(s, 5, dict);
    ly_bind_blob(s, 6, data.ptr, data.len);
    st = ly_db_run(&store->db, s, err);
    if (st)
        return st;
    epoch->next_content++;
    epoch->changed = true;
    *ret_number = number;
    store->db.n.contents_new++;
    return LY_OK;
}

ly_status ly_content_put(ly_store *store, ly_epoch_state *epoch, ly_str bytes, int64_t *ret_number,
                         ly_err *err)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(bytes.ptr, bytes.len, store->seed);
    /* One map for all epochs: the day is mixed into the key. */
    uint64_t lo = h.low64 ^ ((uint64_t)epoch->day * 0x9e3779b97f4a7c15ULL);
    *ret_number = ly_id_map_get(&store->contents, h.high64, lo);
    if (!*ret_number) {
        ly_status st = content_find(store, epoch->day, h, ret_number, err);
        if (!st && !*ret_number) {
            st = content_insert(store, epoch, h, bytes, ret_number, err);
            if (!st)
                ly_id_map_put(&store->contents, h.high64, lo, *ret_number);
            return st;
        }
        if (st)
            return st;
        ly_id_map_put(&store->contents, h.high64, lo, *ret_number);
    }
    store->db.n.contents_seen++;
    return LY_OK;
}

ly_status ly_content_load(ly_store *store, int64_t epoch, int64_t number, ly_buf *out, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db, "SELECT size, dictionary, data FROM content WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch) | number);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    if (!st && !row)
        st = LY_FAIL(err, LY_E_CORRUPT,
                     "%s: a message that a span refers to is missing; see `lydite db check`",
                     store->db.path);
    if (!st) {
        int64_t size = ly_col_int(s, 0);
        char *room = size >= 0 && size <= (int64_t)LY_MAX_REQUEST_BYTES
                         ? ly_buf_room(out, (size_t)size)
                         : NULL;
        if (size < 0 || size > (int64_t)LY_MAX_REQUEST_BYTES)
            st = LY_FAIL(err, LY_E_CORRUPT, "%s: stored content has a wrong size", store->db.path);
        else if (!room)
            st = ly_buf_status(out, "span", err);
        else
            st = ly_unpack(store, ly_col_int(s, 1), ly_col_str(s, 2), (size_t)size, room, err);
        if (!st)
            ly_buf_advance(out, (size_t)size);
    }
    ly_db_reset(s);
    return st;
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

static ly_status sample_add(ly_store *store, samples *out, int64_t dict, ly_str data, size_t size,
                            ly_err *err)
{
    char *room = ly_buf_room(&out->bytes, size);
    if (!room)
        return ly_buf_status(&out->bytes, "samples", err);
    ly_status st = ly_unpack(store, dict, data, size, room, err);
    if (!st) {
        ly_buf_advance(&out->bytes, size);
        out->sizes[out->n++] = size;
    }
    return st;
}

static ly_status samples_take(ly_store *store, ly_pack_kind kind, samples *out, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db,
                   kind == LY_PACK_CONTENT
                       ? "SELECT size, dictionary, data FROM content ORDER BY id DESC LIMIT 20000"
                       : "SELECT 0, 0, data FROM payload ORDER BY id DESC LIMIT 8000",
                   &s, err);
    bool row = false;
    while (!st && !(st = ly_db_step(&store->db, s, &row, err)) && row) {
        int64_t size = ly_col_int(s, 0), dict = ly_col_int(s, 1);
        ly_str data = ly_col_str(s, 2);
        if (kind == LY_PACK_PAYLOAD && !ly_payload_head(&data, &dict, &size))
            continue;
        if (size > SAMPLE_MAX || size < 32)
            continue;
        if (out->n == TRAIN_SAMPLES || out->bytes.len + (size_t)size > TRAIN_MAX_BYTES)
            break;
        st = sample_add(store, out, dict, data, (size_t)size, err);
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
