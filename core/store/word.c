/*
 * Interned things: words, resources, scopes. Each is found by a hash in memory, then in the file; a
 * batch of a known agent touches no table here.
 */
#include "store/internal.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/mem.h"
#include "base/utf8.h"

/* ---- id by 128-bit hash ---- */

bool ly_id_map_init(ly_id_map *map, size_t cap, size_t max)
{
    *map = (ly_id_map){ly_calloc(cap, sizeof(ly_id_slot)), cap, 0, max};
    return map->slots != NULL;
}

void ly_id_map_release(ly_id_map *map)
{
    ly_free(map->slots);
    *map = (ly_id_map){0};
}

void ly_id_map_clear(ly_id_map *map)
{
    if (map->n)
        memset(map->slots, 0, map->cap * sizeof *map->slots);
    map->n = 0;
}

int64_t ly_id_map_get(const ly_id_map *map, uint64_t hi, uint64_t lo)
{
    for (size_t i = (size_t)lo & (map->cap - 1); map->slots[i].id; i = (i + 1) & (map->cap - 1))
        if (map->slots[i].lo == lo && map->slots[i].hi == hi)
            return map->slots[i].id;
    return 0;
}

static void map_insert(ly_id_slot *slots, size_t cap, ly_id_slot slot)
{
    size_t i = (size_t)slot.lo & (cap - 1);
    while (slots[i].id)
        i = (i + 1) & (cap - 1);
    slots[i] = slot;
}

void ly_id_map_put(ly_id_map *map, uint64_t hi, uint64_t lo, int64_t id)
{
    if (map->n * 2 >= map->cap) {
        ly_id_slot *grown = map->cap < map->max ? ly_calloc(map->cap * 2, sizeof *grown) : NULL;
        if (grown) {
            for (size_t i = 0; i < map->cap; i++)
                if (map->slots[i].id)
                    map_insert(grown, map->cap * 2, map->slots[i]);
            ly_free(map->slots);
            map->slots = grown;
            map->cap *= 2;
        } else {
            /* At its largest: start over. What is still in use comes back with one look-up each. */
            ly_id_map_clear(map);
        }
    }
    map_insert(map->slots, map->cap, (ly_id_slot){hi, lo, id});
    map->n++;
}

/* ---- words ---- */

/* A word as it is stored: valid UTF-8 without NUL, of bounded length. Most texts are so already. */
static ly_str word_form(ly_str text, ly_buf *buf)
{
    if (text.len <= LY_MAX_WORD_BYTES && ly_utf8_valid(text) && !memchr(text.ptr, 0, text.len))
        return text;
    ly_buf_reset(buf);
    size_t pos = 0;
    while (pos < text.len && buf->len + 4 <= LY_MAX_WORD_BYTES) {
        uint32_t cp = ly_utf8_next(text, &pos);
        char c[4];
        ly_buf_add(buf, c, ly_utf8_put(cp && cp != LY_UTF8_BAD ? cp : 0xfffd, c));
    }
    return ly_buf_view(buf);
}

static ly_status word_find(ly_db *db, ly_str text, XXH128_hash_t h, int64_t *ret_id, ly_err *err)
{
    ly_store *store = ly_db_store(db);
    *ret_id = ly_id_map_get(&store->words, h.high64, h.low64);
    if (*ret_id)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT id FROM word WHERE text = ?1", &s, err);
    if (st)
        return st;
    ly_bind_text(s, 1, text);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        *ret_id = ly_col_int(s, 0);
        ly_id_map_put(&store->words, h.high64, h.low64, *ret_id);
    }
    ly_db_reset(s);
    return st || !row ? st : ly_unused_spare(db, LY_UNUSED_WORD, *ret_id, err);
}

ly_status ly_word_put(ly_db *db, ly_str text, int64_t *ret_id, ly_err *err)
{
    *ret_id = 0;
    if (text.len == 0)
        return LY_OK;
    ly_store *store = ly_db_store(db);
    ly_str word = word_form(text, &store->buf2);
    XXH128_hash_t h = XXH3_128bits_withSeed(word.ptr, word.len, store->seed);
    ly_status st = word_find(db, word, h, ret_id, err);
    if (st || *ret_id)
        return st;
    ly_stmt *s = NULL;
    st = ly_db_prep(db, "INSERT INTO word (text) VALUES (?1)", &s, err);
    if (st)
        return st;
    ly_bind_text(s, 1, word);
    st = ly_db_run(db, s, err);
    if (st)
        return st;
    *ret_id = ly_db_last_id(db);
    ly_id_map_put(&store->words, h.high64, h.low64, *ret_id);
    return LY_OK;
}

ly_status ly_word_get(ly_db *db, ly_str text, int64_t *ret_id, ly_err *err)
{
    *ret_id = 0;
    if (text.len == 0)
        return LY_OK;
    /* Readers keep no words: another process may have removed one. */
    ly_store *store = ly_db_store(db);
    ly_str word = word_form(text, &store->buf2);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT id FROM word WHERE text = ?1", &s, err);
    if (st)
        return st;
    ly_bind_text(s, 1, word);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        *ret_id = ly_col_int(s, 0);
    ly_db_reset(s);
    return st;
}

ly_status ly_word_text(ly_db *db, int64_t id, ly_arena *arena, ly_str *ret_text, ly_err *err)
{
    *ret_text = LY_STR_NONE;
    if (id <= 0)
        return LY_OK;
    ly_store *store = ly_db_store(db);
    ly_text_cache *cache = &store->texts;
    if (!cache->ids) {
        cache->cap = 4096;
        cache->ids = ly_calloc(cache->cap, sizeof *cache->ids);
        cache->texts = ly_calloc(cache->cap, sizeof *cache->texts);
        if (!cache->ids || !cache->texts)
            return LY_NOMEM(err);
    }
    size_t at = (size_t)id & (cache->cap - 1);
    /* Ids of words are not used twice while their text may be cached: removal raises the generation,
     * and readers drop the cache at each snapshot that sees another one (ly_db_read_begin's callers). */
    if (cache->ids[at] != id) {
        ly_stmt *s = NULL;
        ly_status st = ly_db_prep(db, "SELECT text FROM word WHERE id = ?1", &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, id);
        bool row = false;
        st = ly_db_step(db, s, &row, err);
        ly_str text = !st && row ? ly_col_str(s, 0) : LY_STR_NONE;
        if (cache->arena.used > LY_MIB(2)) {
            ly_arena_reset(&cache->arena);
            memset(cache->ids, 0, cache->cap * sizeof *cache->ids);
        }
        if (text.ptr) {
            cache->texts[at] = ly_arena_copy(&cache->arena, text);
            cache->ids[at] = cache->texts[at].ptr ? id : 0;
        }
        ly_db_reset(s);
        if (st || cache->ids[at] != id)
            return st;
    }
    *ret_text = ly_arena_copy(arena, cache->texts[at]);
    return ret_text->ptr ? LY_OK : LY_NOMEM(err);
}

/* ---- resources and scopes ---- */

static XXH128_hash_t pair_hash(ly_str wire, ly_str url)
{
    XXH3_state_t state;
    (void)XXH3_128bits_reset(&state);
    uint64_t n = wire.len;
    (void)XXH3_128bits_update(&state, &n, sizeof n);
    if (wire.len)
        (void)XXH3_128bits_update(&state, wire.ptr, wire.len);
    if (url.len)
        (void)XXH3_128bits_update(&state, url.ptr, url.len);
    return XXH3_128bits_digest(&state);
}

/* The statements differ in the table alone; SQL is static text, so both stand here. */
typedef struct pair_sql {
    const char *find, *insert;
} pair_sql;
static const pair_sql resource_sql = {
    "SELECT id FROM resource WHERE hash = ?1",
    "INSERT INTO resource (hash, wire, schema_url) VALUES (?1, ?2, ?3)",
};
static const pair_sql scope_sql = {
    "SELECT id FROM scope WHERE hash = ?1",
    "INSERT INTO scope (hash, wire, schema_url, name) VALUES (?1, ?2, ?3, ?4)",
};

static ly_status pair_put(ly_store *store, ly_id_map *map, const pair_sql *sql, ly_str wire,
                          ly_str url, ly_str name, int64_t *ret_id, ly_err *err)
{
    ly_db *db = &store->db;
    XXH128_hash_t h = pair_hash(wire, url);
    *ret_id = ly_id_map_get(map, h.high64, h.low64);
    if (*ret_id)
        return LY_OK;
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, h);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql->find, &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, hash.digest, sizeof hash.digest);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        *ret_id = ly_col_int(s, 0);
    ly_db_reset(s);
    if (!st && row)
        st = ly_unused_spare(db, sql == &scope_sql ? LY_UNUSED_SCOPE : LY_UNUSED_RESOURCE, *ret_id,
                             err);
    if (!st && !row) {
        int64_t word = 0;
        if (sql == &scope_sql)
            st = ly_word_put(db, name, &word, err);
        if (!st)
            st = ly_db_prep(db, sql->insert, &s, err);
        if (st)
            return st;
        ly_bind_blob(s, 1, hash.digest, sizeof hash.digest);
        ly_bind_blob(s, 2, wire.ptr, wire.len);
        ly_bind_text(s, 3, url.len ? url : LY_STR_NONE);
        if (sql == &scope_sql)
            ly_bind_word(s, 4, word);
        st = ly_db_run(db, s, err);
        *ret_id = ly_db_last_id(db);
    }
    if (!st)
        ly_id_map_put(map, h.high64, h.low64, *ret_id);
    return st;
}

ly_status ly_resource_put(ly_store *store, const ly_resource *resource, int64_t *ret_id,
                          ly_err *err)
{
    return pair_put(store, &store->resources, &resource_sql, resource->wire, resource->schema_url,
                    LY_STR_NONE, ret_id, err);
}

ly_status ly_scope_put(ly_store *store, const ly_scope *scope, int64_t *ret_id, ly_err *err)
{
    return pair_put(store, &store->scopes, &scope_sql, scope->wire, scope->schema_url, scope->name,
                    ret_id, err);
}
