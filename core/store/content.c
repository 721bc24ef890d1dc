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
    int64_t best; /* the dictionary to pack with; 0 = not looked up yet */
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
    p->best = 0;
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
    packer->best = 0;
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

ly_status ly_pack(ly_store *store, ly_str raw, int64_t *ret_dict, ly_str *ret_data, ly_err *err)
{
    ly_packer *p = store->packer;
    *ret_dict = -1;
    *ret_data = raw;
    if (raw.len < PACK_MIN)
        return LY_OK;
    ly_status st = contexts(p, err);
    if (!st && p->best == 0) {
        int64_t best = 0;
        st = ly_db_scalar(&store->db, "SELECT max(id) FROM dictionary", &best, err);
        p->best = best > BUILT_IN ? best : BUILT_IN;
    }
    dictionary *d = NULL;
    if (!st)
        st = dictionary_get(store, p->best, &d, err);
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

#define TRAIN_MIN_CONTENTS 400
#define TRAIN_MAX_BYTES    LY_MIB(4)
#define DICTIONARY_BYTES   (96 * 1024)

/* How much there must be before the n-th trained dictionary is worth making. */
static int64_t train_after(int64_t n_trained)
{
    return n_trained == 0 ? TRAIN_MIN_CONTENTS : n_trained == 1 ? 50000 : INT64_MAX;
}

static ly_status samples(ly_store *store, ly_buf *bytes, size_t *sizes, unsigned *ret_n,
                         unsigned max, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &store->db, "SELECT size, dictionary, data FROM content ORDER BY id DESC LIMIT 20000", &s,
        err);
    bool row = false;
    *ret_n = 0;
    while (!st && !(st = ly_db_step(&store->db, s, &row, err)) && row) {
        int64_t size = ly_col_int(s, 0);
        if (size > 32768 || size < 32)
            continue;
        if (*ret_n == max || bytes->len + (size_t)size > TRAIN_MAX_BYTES)
            break;
        char *room = ly_buf_room(bytes, (size_t)size);
        if (!room)
            st = ly_buf_status(bytes, "samples", err);
        else
            st = ly_unpack(store, ly_col_int(s, 1), ly_col_str(s, 2), (size_t)size, room, err);
        if (!st) {
            ly_buf_advance(bytes, (size_t)size);
            sizes[(*ret_n)++] = (size_t)size;
        }
    }
    ly_db_reset(s);
    return st;
}

static ly_status dictionary_store(ly_store *store, ly_str bytes, ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    ly_stmt *s = NULL;
    st = ly_db_prep(db,
                    "INSERT INTO dictionary (id, made_ns, data) SELECT"
                    " coalesce(max(id), 1) + 1, ?1, ?2 FROM dictionary",
                    &s, err);
    if (!st) {
        ly_bind_int(s, 1, ly_wall_ns());
        ly_bind_blob(s, 2, bytes.ptr, bytes.len);
        st = ly_db_run(db, s, err);
    }
    /* Other writers look for a better dictionary when they see a new generation. */
    if (!st)
        st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
    return ly_db_write_end(db, st, err);
}

ly_status ly_dictionary_train(ly_store *store, ly_err *err)
{
    int64_t trained = 0, contents = 0;
    ly_status st = ly_db_scalar(&store->db, "SELECT count(*) FROM dictionary", &trained, err);
    if (!st)
        st = ly_db_scalar(&store->db, "SELECT coalesce(sum(next_content), 0) FROM epoch", &contents,
                          err);
    if (st || contents < train_after(trained))
        return st;
    enum { MAX_SAMPLES = 8000 };
    ly_buf bytes;
    ly_buf_init(&bytes, TRAIN_MAX_BYTES + 65536);
    size_t *sizes = ly_calloc(MAX_SAMPLES, sizeof *sizes);
    char *out = ly_malloc(DICTIONARY_BYTES);
    unsigned n = 0;
    if (!sizes || !out)
        st = LY_NOMEM(err);
    else
        st = samples(store, &bytes, sizes, &n, MAX_SAMPLES, err);
    if (!st && n >= TRAIN_MIN_CONTENTS / 2) {
        /* A dictionary is worth at most about a hundredth of what it was made of. */
        size_t want = bytes.len / 8 < DICTIONARY_BYTES ? bytes.len / 8 : DICTIONARY_BYTES;
        size_t made = ZDICT_trainFromBuffer(out, want < 8192 ? 8192 : want, bytes.ptr, sizes, n);
        /* Too uniform to learn from is no failure. */
        if (!ZDICT_isError(made))
            st = dictionary_store(store, ly_str_n(out, made), err);
    }
    ly_buf_release(&bytes);
    ly_free(sizes);
    ly_free(out);
    return st;
}
