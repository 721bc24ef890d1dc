/* store: the noun access_key. A revoked key is renamed to "NAME (revoked ID)", since names are unique. */
#include "store/access_key.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "store/db.h"

static ly_str scope_text(unsigned scopes)
{
    return scopes == LY_ACCESS_READ    ? LY_S("read")
           : scopes == LY_ACCESS_WRITE ? LY_S("write")
                                       : LY_S("read,write");
}

static unsigned scope_bits(ly_str text)
{
    return ly_str_eqc(text, "read")         ? LY_ACCESS_READ
           : ly_str_eqc(text, "write")      ? LY_ACCESS_WRITE
           : ly_str_eqc(text, "read,write") ? LY_ACCESS_READ | LY_ACCESS_WRITE
                                            : 0;
}

/* It stands in tables, logs and the cost per key, and is typed to revoke it. */
static bool name_ok(ly_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = (uint8_t)name.ptr[i];
        if (c <= ' ' || c == 0x7f || (c < 0x80 && strchr("\"'`$()<>|&;*?[]{}!#~^=%,\\", c)))
            return false;
    }
    return ly_utf8_valid(name);
}

ly_status ly_access_key_add(ly_store *store, ly_str name, const uint8_t hash[LY_ACCESS_HASH_BYTES],
                            unsigned scopes, ly_err *err)
{
    if (name.len == 0 || name.len > 200)
        return LY_FAIL(err, LY_E_INVALID, "an access key needs a name of at most 200 bytes");
    if (!name_ok(name))
        return LY_FAIL(err, LY_E_INVALID,
                       "the name of an access key is one word: letters, digits and - _ . @ : / +");
    if (scopes == 0 || scopes > (LY_ACCESS_READ | LY_ACCESS_WRITE))
        return LY_FAIL(err, LY_E_INVALID, "an access key needs a scope: read, write or both");
    ly_db *db = ly_store_db(store);
    ly_status status = ly_db_write_begin(db, err);
    if (status)
        return status;
    ly_stmt *s = NULL;
    status = ly_db_prep(
        db, "INSERT INTO access_key (name, hash, scope, made_ns) VALUES (?1, ?2, ?3, ?4)", &s, err);
    if (!status) {
        ly_bind_text(s, 1, name);
        ly_bind_blob(s, 2, hash, LY_ACCESS_HASH_BYTES);
        ly_bind_text(s, 3, scope_text(scopes));
        ly_bind_int(s, 4, ly_wall_ns());
        status = ly_db_run(db, s, err);
        if (status == LY_E_EXISTS)
            status =
                LY_FAIL(err, LY_E_EXISTS, "an access key named \"%.*s\" exists; revoke it first",
                        LY_STR_ARG(name));
    }
    return ly_db_write_end(db, status, err);
}

static ly_status read_key(ly_stmt *s, ly_arena *arena, ly_access_key *key, ly_err *err)
{
    ly_str hash = ly_col_str(s, 1);
    *key = (ly_access_key){.scopes = scope_bits(ly_col_str(s, 2)), .made_ns = ly_col_int(s, 3)};
    if (hash.len != LY_ACCESS_HASH_BYTES)
        return LY_FAIL(err, LY_E_CORRUPT,
                       "an access key's hash is damaged; revoke and add it again");
    memcpy(key->hash, hash.ptr, LY_ACCESS_HASH_BYTES);
    key->used_ns = ly_col_opt(s, 4);
    key->revoked_ns = ly_col_opt(s, 5);
    key->name = ly_col_copy(s, 0, arena);
    return key->name.ptr ? LY_OK : LY_NOMEM(err);
}

ly_status ly_access_key_list(ly_store *store, bool with_revoked, ly_arena *arena,
                             ly_access_key **ret_keys, size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_status status = ly_db_read_begin(db, err);
    if (status)
        return status;
    ly_stmt *s = NULL;
    ly_access_key *keys = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    status = ly_db_prep(db,
                        "SELECT name, hash, scope, made_ns, used_ns, revoked_ns FROM access_key "
                        "WHERE ?1 OR revoked_ns IS NULL ORDER BY id LIMIT 10000",
                        &s, err);
    if (!status)
        ly_bind_int(s, 1, with_revoked);
    while (!status && (status = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (n == cap) {
            size_t more = cap ? cap * 2 : 16;
            ly_access_key *grown = LY_ARENA_ARRAY(arena, ly_access_key, more);
            if (!grown) {
                status = LY_NOMEM(err);
                break;
            }
            if (n)
                memcpy(grown, keys, n * sizeof *keys);
            keys = grown;
            cap = more;
        }
        status = read_key(s, arena, &keys[n], err);
        n += status == LY_OK;
    }
    if (s)
        ly_db_reset(s);
    ly_db_read_end(db);
    if (!status) {
        *ret_keys = keys;
        *ret_n = n;
    }
    return status;
}

ly_status ly_access_key_revoke(ly_store *store, ly_str name, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_status status = ly_db_write_begin(db, err);
    if (status)
        return status;
    ly_stmt *s = NULL;
    status = ly_db_prep(
        db,
        "UPDATE access_key SET revoked_ns = ?2, name = name || ' (revoked ' || id || ')' "
        "WHERE name = ?1 AND revoked_ns IS NULL",
        &s, err);
    if (!status) {
        ly_bind_text(s, 1, name);
        ly_bind_int(s, 2, ly_wall_ns());
        status = ly_db_run(db, s, err);
    }
    if (!status && ly_db_changes(db) == 0)
        status = LY_FAIL(err, LY_E_NOTFOUND,
                         "no valid access key is named \"%.*s\"; lydite auth list shows them",
                         LY_STR_ARG(name));
    return ly_db_write_end(db, status, err);
}

ly_status ly_access_key_mark_get(ly_store *store, ly_access_mark *ret_mark, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_status status =
        ly_db_prep(db, "SELECT coalesce(max(id), 0), count(revoked_ns) FROM access_key", &s, err);
    if (status)
        return status;
    status = ly_db_step(db, s, &row, err);
    if (!status && row)
        *ret_mark = (ly_access_mark){ly_col_int(s, 0), ly_col_int(s, 1)};
    ly_db_reset(s);
    return status;
}
