/*
 * Prompts in the store: immutable versions by content, moving aliases with their history, tags.
 *
 * A version is named NAME (the newest), NAME@3, NAME@ALIAS or NAME@HASHPREFIX (at least 4 hex digits).
 * A body is text to the store; what it means is prompts/. Times are nanoseconds UTC. Results live in
 * the caller's arena. Threads and errors as in store/store.h.
 */
#ifndef LY_STORE_PROMPT_H
#define LY_STORE_PROMPT_H

#include "store/store.h"

typedef struct ly_prompt_version {
    ly_str name;
    int64_t number;   /* 1, 2, 3 ... */
    uint8_t hash[32]; /* SHA-256 of body */
    ly_str body;
    ly_str message, author; /* may be empty */
    int64_t parent;         /* number of the version before it when it was put, 0 = none */
    int64_t made_ns;
    ly_str aliases, tags; /* comma separated, may be empty */
    bool made_now;        /* ly_prompt_put: false when the content was there */
} ly_prompt_version;

/* Name: 1 to 128 characters of letters, digits, '.', '_', '-', '/'. LY_E_INVALID says so. */
LY_MUST_USE ly_status ly_prompt_name_check(ly_str name, ly_err *err);
/* Adds a version, or finds the one with the same body. Brings a removed prompt back. */
LY_MUST_USE ly_status ly_prompt_put(ly_store *store, ly_str name, ly_str body, ly_str message,
                                    ly_str author, ly_arena *arena, ly_prompt_version *ret,
                                    ly_err *err);
LY_MUST_USE ly_status ly_prompt_get(ly_store *store, ly_str ref, ly_arena *arena,
                                    ly_prompt_version *ret, ly_err *err);
/* Newest version of each prompt, by name. */
LY_MUST_USE ly_status ly_prompt_list(ly_store *store, ly_arena *arena, ly_prompt_version **ret_rows,
                                     size_t *ret_n, ly_err *err);
/* All versions of one, newest first. LY_E_NOTFOUND. */
LY_MUST_USE ly_status ly_prompt_log(ly_store *store, ly_str name, ly_arena *arena,
                                    ly_prompt_version **ret_rows, size_t *ret_n, ly_err *err);
/* Hides a prompt; versions that runs name stay readable by NAME@N. LY_E_NOTFOUND. */
LY_MUST_USE ly_status ly_prompt_remove(ly_store *store, ly_str name, ly_err *err);

typedef struct ly_alias_move {
    ly_str prompt, alias;
    int64_t from, to; /* version numbers; 0 = none (made, removed) */
    int64_t moved_ns;
    ly_str actor, reason, verdict;
    ly_str run; /* hex id of the run that justified it, or empty */
} ly_alias_move;

/* Points an alias at a version. run_id: 16 bytes or NULL. expect: the number that it must point at now,
 * -1 = whatever, 0 = nothing; otherwise LY_E_CONFLICT. Moving to where it points changes nothing. */
LY_MUST_USE ly_status ly_alias_set(ly_store *store, ly_str name, ly_str alias, int64_t number,
                                   int64_t expect, ly_str actor, ly_str reason,
                                   const uint8_t *run_id, ly_str verdict, ly_err *err);
LY_MUST_USE ly_status ly_alias_drop(ly_store *store, ly_str name, ly_str alias, ly_str actor,
                                    ly_err *err);
/* Newest first. alias empty = all of the prompt. */
LY_MUST_USE ly_status ly_alias_history(ly_store *store, ly_str name, ly_str alias, ly_arena *arena,
                                       ly_alias_move **ret_rows, size_t *ret_n, ly_err *err);
LY_MUST_USE ly_status ly_prompt_tag(ly_store *store, ly_str ref, ly_str tag, bool add, ly_err *err);

#endif
