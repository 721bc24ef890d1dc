/*
 * collector: access keys in memory.
 *
 * A presented key is hashed and compared with every stored hash in constant time, so that neither the
 * time nor the order tells anything. The table is made anew at reload.
 */
#include "base/b64.h"
#include "collector/impl.h"
#include "store/access_key.h"
#include "text/hash.h"

struct ly_access {
    size_t n;
    bool with_local; /* the last one */
    ly_arena arena;  /* names */
    struct {
        uint8_t hash[LY_ACCESS_HASH_BYTES];
        unsigned scopes;
        ly_str name;
    } keys[];
};

ly_status ly_access_load(const char *db, const char *local, ly_access **ret_access, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_store *store = NULL;
    ly_access_key *keys = NULL;
    size_t n = 0;
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_MIB(16));
    ly_status status = ly_store_open(db, &opts, &store, err);
    if (!status)
        status = ly_access_key_list(store, false, &arena, &keys, &n, err);
    ly_access *access =
        status ? NULL : ly_calloc(1, sizeof *access + (n + 1) * sizeof access->keys[0]);
    if (access) {
        ly_arena_init(&access->arena, 0, LY_MIB(16));
        access->n = n;
        for (size_t i = 0; i < n; i++) {
            memcpy(access->keys[i].hash, keys[i].hash, LY_ACCESS_HASH_BYTES);
            access->keys[i].scopes = keys[i].scopes;
            access->keys[i].name = ly_arena_copy(&access->arena, keys[i].name);
        }
        if (local && *local) {
            ly_sha256_of(ly_str_c(local), access->keys[n].hash);
            access->keys[n].scopes = LY_SCOPE_READ | LY_SCOPE_WRITE;
            access->keys[n].name = LY_S("");
            access->with_local = true;
            access->n++;
        }
        *ret_access = access;
    } else if (!status) {
        status = LY_NOMEM(err);
    }
    ly_store_close(store);
    ly_arena_release(&arena);
    return status;
}

void ly_access_free(ly_access *access)
{
    if (access)
        ly_arena_release(&access->arena);
    ly_free(access);
}

size_t ly_access_count(const ly_access *access)
{
    return access ? access->n - access->with_local : 0;
}

/* Place of the key + 1; 0 = none of these. */
static size_t check(const ly_access *access, ly_str key)
{
    uint8_t hash[LY_ACCESS_HASH_BYTES];
    size_t place = 0;
    ly_sha256_of(key, hash);
    for (size_t i = 0; i < access->n; i++) {
        size_t same =
            ly_secret_eq(ly_str_n(hash, sizeof hash), ly_str_n(access->keys[i].hash, sizeof hash));
        place |= (i + 1) & (0u - same);
    }
    return place;
}

/* Basic credentials hold NAME:KEY; clients of Langfuse send their key pair so. */
static size_t check_basic(const ly_access *access, ly_str encoded)
{
    uint8_t plain[1024];
    size_t n = 0;
    if (LY_B64_DECODED_MAX(encoded.len) > sizeof plain || !ly_b64_decode(encoded, plain, &n))
        return 0;
    ly_str text = ly_str_n(plain, n);
    size_t colon = ly_str_find_char(text, ':', 0);
    ly_str name = ly_str_sub(text, 0, colon);
    ly_str word = colon == SIZE_MAX ? LY_S("") : ly_str_sub(text, colon + 1, text.len);
    return check(access, word.len ? word : name);
}

ly_str ly_access_header(ly_str (*get)(const void *request, const char *name), const void *request)
{
    static const char *const names[] = {"x-api-key", "api-key", "api_key"};
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        ly_str value = get(request, names[i]);
        if (ly_str_given(value))
            return value;
    }
    return LY_STR_NONE;
}

static size_t find(const ly_access *access, ly_str authorization, ly_str api_key)
{
    ly_str a = ly_str_trim(authorization);
    size_t space = ly_str_find_char(a, ' ', 0);
    if (space != SIZE_MAX) {
        ly_str scheme = ly_str_sub(a, 0, space), rest = ly_str_trim(ly_str_sub(a, space, a.len));
        if (ly_str_eq_nocase(scheme, LY_S("bearer")))
            return check(access, rest);
        if (ly_str_eq_nocase(scheme, LY_S("basic")))
            return check_basic(access, rest);
    }
    if (a.len && space == SIZE_MAX && !ly_str_given(api_key))
        return check(access, a); /* the key alone, as some SDKs send it */
    return ly_str_given(api_key) ? check(access, ly_str_trim(api_key)) : 0;
}

unsigned ly_access_check(const ly_access *access, ly_str authorization, ly_str api_key)
{
    size_t place = find(access, authorization, api_key);
    return place ? access->keys[place - 1].scopes : 0;
}

ly_str ly_access_name(const ly_access *access, ly_str authorization, ly_str api_key)
{
    size_t place = access ? find(access, authorization, api_key) : 0;
    return place ? access->keys[place - 1].name : LY_STR_NONE;
}
