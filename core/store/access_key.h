/*
 * Access keys: what a client logs in with when the collector is reachable by others.
 *
 * Only a key's SHA-256 is kept. Names are unique; a revoked key stays in the list for the record and
 * its name can be used again only after it was revoked.
 */
#ifndef LY_STORE_ACCESS_KEY_H
#define LY_STORE_ACCESS_KEY_H

#include "store/store.h"

enum { LY_ACCESS_READ = 1, LY_ACCESS_WRITE = 2 };

#define LY_ACCESS_HASH_BYTES 32

typedef struct ly_access_key {
    ly_str name;
    uint8_t hash[LY_ACCESS_HASH_BYTES];
    unsigned scopes; /* LY_ACCESS_* */
    int64_t made_ns;
    int64_t used_ns;    /* LY_UNKNOWN = never seen */
    int64_t revoked_ns; /* LY_UNKNOWN = valid */
} ly_access_key;

/* LY_E_EXISTS when a valid key has that name; LY_E_INVALID for a name that is not one
 * word, or no scope. */
LY_MUST_USE ly_status ly_access_key_add(ly_store *store, ly_str name,
                                        const uint8_t hash[LY_ACCESS_HASH_BYTES], unsigned scopes,
                                        ly_err *err);
/* Oldest first; with_revoked also those that no longer work. */
LY_MUST_USE ly_status ly_access_key_list(ly_store *store, bool with_revoked, ly_arena *arena,
                                         ly_access_key **ret_keys, size_t *ret_n, ly_err *err);
/* LY_E_NOTFOUND when no valid key has that name. */
LY_MUST_USE ly_status ly_access_key_revoke(ly_store *store, ly_str name, ly_err *err);

/* Changes when a key is added or revoked; cheap enough to be asked each second. */
typedef struct ly_access_mark {
    int64_t last, revoked;
} ly_access_mark;
LY_MUST_USE ly_status ly_access_key_mark_get(ly_store *store, ly_access_mark *ret_mark,
                                             ly_err *err);

#endif
