/* Prompts, versions, aliases and tags: see prompt.h. */
#include "store/prompt.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/db.h"
#include "text/hash.h"

enum { MAX_NAME = 128, MAX_VERSIONS = 1000000 };

ly_status ly_prompt_name_check(ly_str name, ly_err *err)
{
    bool good = name.len > 0 && name.len <= MAX_NAME;
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-' || c == '/';
    }
    if (!good) {
        return LY_FAIL(err, LY_E_INVALID,
                       "name %.*s: use 1 to 128 letters, digits, '.', '_', '-' or '/'",
                       LY_STR_ARG(ly_str_sub(name, 0, 160)));
    }
    return LY_OK;
}

/* id of a prompt by name, 0 when it is not there. */
static ly_status prompt_id(ly_db *db, ly_str name, bool removed_too, int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "SELECT id FROM prompt WHERE name = ?1 AND (removed_ns IS NULL OR ?2)", &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_int(s, 2, removed_too);
    return ly_db_number(db, s, 0, ret_id, err);
}

/* Columns of every version query below, in this order. */
#define VERSION_COLUMNS                                                                            \
    "p.name, v.number, v.hash, v.body, v.message, v.author, "                                      \
    "coalesce((SELECT q.number FROM prompt_version q WHERE q.id = v.parent), 0), v.made_ns, "      \
    "(SELECT group_concat(a.name, ',') FROM alias a WHERE a.prompt = p.id AND a.version = v.id), " \
    "(SELECT group_concat(t.tag, ',') FROM prompt_tag t WHERE t.version = v.id)"

static void read_version(ly_stmt *s, ly_arena *arena, ly_prompt_version *v)
{
    *v = (ly_prompt_version){.name = ly_col_copy(s, 0, arena),
                             .number = ly_col_int(s, 1),
                             .body = ly_col_copy(s, 3, arena),
                             .message = ly_col_copy(s, 4, arena),
                             .author = ly_col_copy(s, 5, arena),
                             .parent = ly_col_int(s, 6),
                             .made_ns = ly_col_int(s, 7),
                             .aliases = ly_col_copy(s, 8, arena),
                             .tags = ly_col_copy(s, 9, arena)};
    ly_str hash = ly_col_str(s, 2);
    if (hash.len == sizeof v->hash) {
        memcpy(v->hash, hash.ptr, sizeof v->hash);
    }
}

/* Steps a prepared version query and fills one row; LY_E_NOTFOUND without text when there is none. */
static ly_status one_version(ly_db *db, ly_stmt *s, ly_arena *arena, ly_prompt_version *ret,
                             ly_err *err)
{
    bool row = false;
    ly_status st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        read_version(s, arena, ret);
    }
    ly_db_reset(s);
    return st ? st : row ? LY_OK : LY_E_NOTFOUND;
}

static ly_status by_number(ly_db *db, ly_str name, int64_t number, ly_arena *arena,
                           ly_prompt_version *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " VERSION_COLUMNS
                              " FROM prompt p JOIN prompt_version v ON v.prompt = p.id"
                              " WHERE p.name = ?1 AND v.number = ?2",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_int(s, 2, number);
    return one_version(db, s, arena, ret, err);
}

static ly_status by_newest(ly_db *db, ly_str name, ly_arena *arena, ly_prompt_version *ret,
                           ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " VERSION_COLUMNS
                              " FROM prompt p JOIN prompt_version v ON v.prompt = p.id"
                              " WHERE p.name = ?1 AND p.removed_ns IS NULL"
                              " ORDER BY v.number DESC LIMIT 1",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    return one_version(db, s, arena, ret, err);
}

static ly_status by_alias(ly_db *db, ly_str name, ly_str alias, ly_arena *arena,
                          ly_prompt_version *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT " VERSION_COLUMNS " FROM prompt p JOIN alias b ON b.prompt = p.id"
                   " JOIN prompt_version v ON v.id = b.version"
                   " WHERE p.name = ?1 AND b.name = ?2",
                   &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_text(s, 2, alias);
    return one_version(db, s, arena, ret, err);
}

static ly_status by_hash(ly_db *db, ly_str name, ly_str prefix, ly_arena *arena,
                         ly_prompt_version *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "SELECT " VERSION_COLUMNS " FROM prompt p JOIN prompt_version v ON v.prompt = p.id"
        " WHERE p.name = ?1 AND lower(hex(v.hash)) LIKE lower(?2) || '%' LIMIT 2",
        &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_text(s, 2, prefix);
    return one_version(db, s, arena, ret, err);
}

static bool is_hex(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return s.len >= 4 && s.len <= 64;
}

ly_status ly_prompt_get(ly_store *store, ly_str ref, ly_arena *arena, ly_prompt_version *ret,
                        ly_err *err)
{
    ly_db *db = ly_store_db(store);
    size_t at = ly_str_find_char(ref, '@', 0);
    ly_str name = at == SIZE_MAX ? ref : ly_str_sub(ref, 0, at);
    ly_str what = at == SIZE_MAX ? LY_STR_NONE : ly_str_sub(ref, at + 1, SIZE_MAX);
    int64_t number, id = 0;
    ly_status st = ly_db_read_begin(db, err);
    if (st) {
        return st;
    }
    if (what.len == 0 || ly_str_eqc(what, "latest")) {
        st = by_newest(db, name, arena, ret, err);
    } else if (ly_str_to_i64(what, &number)) {
        st = by_number(db, name, number, arena, ret, err);
    } else {
        st = by_alias(db, name, what, arena, ret, err);
        if (st == LY_E_NOTFOUND && what.ptr[0] == 'v' &&
            ly_str_to_i64(ly_str_sub(what, 1, what.len), &number)) {
            st = by_number(db, name, number, arena, ret, err); /* as lists and filters write it */
        }
        if (st == LY_E_NOTFOUND && is_hex(what)) {
            st = by_hash(db, name, what, arena, ret, err);
        }
    }
    if (st == LY_E_NOTFOUND && prompt_id(db, name, true, &id, err) == LY_OK) {
        st = id ? LY_FAIL(err, LY_E_NOTFOUND,
                          "prompt %.*s has no version or alias %.*s; see: lydite prompt log %.*s",
                          LY_STR_ARG(name), LY_STR_ARG(what), LY_STR_ARG(name))
                : LY_FAIL(err, LY_E_NOTFOUND, "no prompt %.*s; see: lydite prompt list",
                          LY_STR_ARG(ly_str_sub(name, 0, MAX_NAME)));
    }
    ly_db_read_end(db);
    return st;
}

static ly_status prompt_make(ly_db *db, ly_str name, int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "INSERT INTO prompt (name, made_ns) VALUES (?1, ?2)"
                              " ON CONFLICT (name) DO UPDATE SET removed_ns = NULL",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_int(s, 2, ly_wall_ns());
    st = ly_db_run(db, s, err);
    return st ? st : prompt_id(db, name, true, ret_id, err);
}

static ly_status version_make(ly_db *db, int64_t prompt, const uint8_t hash[32], ly_str body,
                              ly_str message, ly_str author, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "INSERT INTO prompt_version (prompt, number, hash, body, message, author, parent, made_ns)"
        " SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4, ?5,"
        " (SELECT id FROM prompt_version WHERE prompt = ?1 ORDER BY number DESC LIMIT 1), ?6"
        " FROM prompt_version WHERE prompt = ?1",
        &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, prompt);
    ly_bind_blob(s, 2, hash, 32);
    ly_bind_text(s, 3, body.ptr ? body : LY_S(""));
    ly_bind_text(s, 4, message);
    ly_bind_text(s, 5, author);
    ly_bind_int(s, 6, ly_wall_ns());
    return ly_db_run(db, s, err);
}

static ly_status number_by_hash(ly_db *db, int64_t prompt, const uint8_t hash[32],
                                int64_t *ret_number, int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(
        db, "SELECT number, id FROM prompt_version WHERE prompt = ?1 AND hash = ?2", &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, prompt);
    ly_bind_blob(s, 2, hash, 32);
    st = ly_db_step(db, s, &row, err);
    *ret_number = !st && row ? ly_col_int(s, 0) : 0;
    *ret_id = !st && row ? ly_col_int(s, 1) : 0;
    ly_db_reset(s);
    return st;
}

ly_status ly_prompt_put(ly_store *store, ly_str name, ly_str body, ly_str message, ly_str author,
                        ly_arena *arena, ly_prompt_version *ret, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    uint8_t hash[32];
    int64_t prompt = 0, number = 0, id = 0;
    ly_prompt_version v = {0};
    ly_status st = ly_prompt_name_check(name, err);
    if (st) {
        return st;
    }
    ly_sha256_of(body, hash);
    if ((st = ly_db_write_begin(db, err))) {
        return st;
    }
    if (!(st = prompt_make(db, name, &prompt, err)) &&
        !(st = number_by_hash(db, prompt, hash, &number, &id, err))) {
        bool made = number == 0;
        if (made && !(st = version_make(db, prompt, hash, body, message, author, err))) {
            st = number_by_hash(db, prompt, hash, &number, &id, err);
        }
        if (!st) {
            st = by_number(db, name, number, arena, &v, err);
        }
        v.made_now = made;
    }
    st = ly_db_write_end(db, st, err);
    if (!st) {
        *ret = v;
    }
    return st;
}

/* Gathers all rows of a prepared query. */
static ly_status all_versions(ly_db *db, ly_stmt *s, ly_arena *arena, ly_prompt_version **ret_rows,
                              size_t *ret_n, ly_err *err)
{
    ly_prompt_version *rows = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st;
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (!ly_grow(&rows, &cap, n + 1, MAX_VERSIONS, sizeof *rows)) {
            st = LY_NOMEM(err);
            break;
        }
        read_version(s, arena, &rows[n++]);
    }
    ly_db_reset(s);
    return ly_rows_end(st, rows, n, sizeof *rows, arena, ret_rows, ret_n, err);
}

ly_status ly_prompt_list(ly_store *store, ly_arena *arena, ly_prompt_version **ret_rows,
                         size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " VERSION_COLUMNS
                              " FROM prompt p JOIN prompt_version v ON v.prompt = p.id"
                              " WHERE p.removed_ns IS NULL AND v.number ="
                              " (SELECT max(number) FROM prompt_version w WHERE w.prompt = p.id)"
                              " ORDER BY p.name",
                              &s, err);
    return st ? st : all_versions(db, s, arena, ret_rows, ret_n, err);
}

ly_status ly_prompt_log(ly_store *store, ly_str name, ly_arena *arena, ly_prompt_version **ret_rows,
                        size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " VERSION_COLUMNS
                              " FROM prompt p JOIN prompt_version v ON v.prompt = p.id"
                              " WHERE p.name = ?1 ORDER BY v.number DESC",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    st = all_versions(db, s, arena, ret_rows, ret_n, err);
    if (!st && *ret_n == 0) {
        return LY_FAIL(err, LY_E_NOTFOUND, "no prompt %.*s; see: lydite prompt list",
                       LY_STR_ARG(ly_str_sub(name, 0, MAX_NAME)));
    }
    return st;
}

ly_status ly_prompt_remove(ly_store *store, ly_str name, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_status st = ly_db_write_begin(db, err);
    if (st) {
        return st;
    }
    st = ly_db_prep(db, "UPDATE prompt SET removed_ns = ?2 WHERE name = ?1 AND removed_ns IS NULL",
                    &s, err);
    if (!st) {
        ly_bind_text(s, 1, name);
        ly_bind_int(s, 2, ly_wall_ns());
        st = ly_db_run(db, s, err);
        if (!st && ly_db_changes(db) == 0) {
            st = LY_FAIL(err, LY_E_NOTFOUND, "no prompt %.*s; see: lydite prompt list",
                         LY_STR_ARG(ly_str_sub(name, 0, MAX_NAME)));
        }
    }
    return ly_db_write_end(db, st, err);
}

/* ---- aliases ----------------------------------------------------------------------------------------- */

/* Version id and number that an alias points at; zeros when there is no such alias. */
static ly_status alias_now(ly_db *db, int64_t prompt, ly_str alias, int64_t *ret_id,
                           int64_t *ret_number, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db,
                              "SELECT v.id, v.number FROM alias a JOIN prompt_version v"
                              " ON v.id = a.version WHERE a.prompt = ?1 AND a.name = ?2",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, prompt);
    ly_bind_text(s, 2, alias);
    st = ly_db_step(db, s, &row, err);
    *ret_id = !st && row ? ly_col_int(s, 0) : 0;
    *ret_number = !st && row ? ly_col_int(s, 1) : 0;
    ly_db_reset(s);
    return st;
}

static ly_status note_move(ly_db *db, int64_t prompt, ly_str alias, int64_t from, int64_t to,
                           ly_str actor, ly_str reason, const uint8_t *run_id, ly_str verdict,
                           ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "INSERT INTO alias_move (prompt, name, from_version, to_version, moved_ns,"
                   " actor, reason, run, verdict) VALUES (?1, ?2, nullif(?3, 0),"
                   " nullif(?4, 0), ?5, ?6, ?7, (SELECT id FROM run WHERE run_id = ?8), ?9)",
                   &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, prompt);
    ly_bind_text(s, 2, alias);
    ly_bind_int(s, 3, from);
    ly_bind_int(s, 4, to);
    ly_bind_int(s, 5, ly_wall_ns());
    ly_bind_text(s, 6, actor);
    ly_bind_text(s, 7, reason);
    if (run_id) {
        ly_bind_blob(s, 8, run_id, 16);
    } else {
        ly_bind_null(s, 8);
    }
    ly_bind_text(s, 9, verdict);
    return ly_db_run(db, s, err);
}

static ly_status alias_write(ly_db *db, int64_t prompt, ly_str alias, int64_t version, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "INSERT INTO alias (prompt, name, version, moved_ns)"
                              " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (prompt, name)"
                              " DO UPDATE SET version = ?3, moved_ns = ?4",
                              &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, prompt);
    ly_bind_text(s, 2, alias);
    ly_bind_int(s, 3, version);
    ly_bind_int(s, 4, ly_wall_ns());
    return ly_db_run(db, s, err);
}

static ly_status version_id(ly_db *db, int64_t prompt, int64_t number, int64_t *ret_id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db, "SELECT id FROM prompt_version WHERE prompt = ?1 AND number = ?2", &s, err);
    if (st) {
        return st;
    }
    ly_bind_int(s, 1, prompt);
    ly_bind_int(s, 2, number);
    st = ly_db_number(db, s, 0, ret_id, err);
    if (!st && *ret_id == 0) {
        return LY_FAIL(err, LY_E_NOTFOUND, "the prompt has no version %lld", (long long)number);
    }
    return st;
}

ly_status ly_alias_set(ly_store *store, ly_str name, ly_str alias, int64_t number, int64_t expect,
                       ly_str actor, ly_str reason, const uint8_t *run_id, ly_str verdict,
                       ly_err *err)
{
    ly_db *db = ly_store_db(store);
    int64_t prompt = 0, from_id = 0, from = 0, to_id = 0, digits;
    ly_status st = ly_prompt_name_check(alias, err);
    if (!st && (ly_str_to_i64(alias, &digits) || ly_str_eqc(alias, "latest"))) {
        st =
            LY_FAIL(err, LY_E_INVALID, "alias %.*s: a number or \"latest\" names a version already",
                    LY_STR_ARG(alias));
    }
    if (st || (st = ly_db_write_begin(db, err))) {
        return st;
    }
    st = prompt_id(db, name, false, &prompt, err);
    if (!st && !prompt) {
        st = LY_FAIL(err, LY_E_NOTFOUND, "no prompt %.*s; see: lydite prompt list",
                     LY_STR_ARG(name));
    }
    if (!st && !(st = version_id(db, prompt, number, &to_id, err))) {
        st = alias_now(db, prompt, alias, &from_id, &from, err);
    }
    if (!st && expect >= 0 && from != expect) {
        st = LY_FAIL(err, LY_E_CONFLICT,
                     "%.*s@%.*s points at version %lld now, not %lld: look again", LY_STR_ARG(name),
                     LY_STR_ARG(alias), (long long)from, (long long)expect);
    }
    if (!st && from_id != to_id && !(st = alias_write(db, prompt, alias, to_id, err))) {
        st = note_move(db, prompt, alias, from_id, to_id, actor, reason, run_id, verdict, err);
    }
    return ly_db_write_end(db, st, err);
}

ly_status ly_alias_drop(ly_store *store, ly_str name, ly_str alias, ly_str actor, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    int64_t prompt = 0, from_id = 0, from = 0;
    ly_status st = ly_db_write_begin(db, err);
    if (st) {
        return st;
    }
    if (!(st = prompt_id(db, name, true, &prompt, err))) {
        st = alias_now(db, prompt, alias, &from_id, &from, err);
    }
    if (!st && !from_id) {
        st = LY_FAIL(err, LY_E_NOTFOUND, "no alias %.*s@%.*s", LY_STR_ARG(name), LY_STR_ARG(alias));
    }
    if (!st &&
        !(st = ly_db_prep(db, "DELETE FROM alias WHERE prompt = ?1 AND name = ?2", &s, err))) {
        ly_bind_int(s, 1, prompt);
        ly_bind_text(s, 2, alias);
        st = ly_db_run(db, s, err);
    }
    if (!st) {
        st = note_move(db, prompt, alias, from_id, 0, actor, LY_STR_NONE, NULL, LY_STR_NONE, err);
    }
    return ly_db_write_end(db, st, err);
}

ly_status ly_alias_history(ly_store *store, ly_str name, ly_str alias, ly_arena *arena,
                           ly_alias_move **ret_rows, size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_alias_move *rows = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    ly_status st = ly_db_prep(
        db,
        "SELECT p.name, m.name, coalesce(f.number, 0), coalesce(t.number, 0), m.moved_ns, m.actor,"
        " m.reason, m.verdict, lower(hex(r.run_id)) FROM prompt p JOIN alias_move m ON m.prompt = "
        "p.id"
        " LEFT JOIN prompt_version f ON f.id = m.from_version"
        " LEFT JOIN prompt_version t ON t.id = m.to_version LEFT JOIN run r ON r.id = m.run"
        " WHERE p.name = ?1 AND (?2 IS NULL OR m.name = ?2) ORDER BY m.id DESC",
        &s, err);
    if (st) {
        return st;
    }
    ly_bind_text(s, 1, name);
    ly_bind_text(s, 2, alias.len ? alias : LY_STR_NONE);
    while ((st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (!ly_grow(&rows, &cap, n + 1, MAX_VERSIONS, sizeof *rows)) {
            st = LY_NOMEM(err);
            break;
        }
        rows[n++] = (ly_alias_move){
            ly_col_copy(s, 0, arena), ly_col_copy(s, 1, arena), ly_col_int(s, 2),
            ly_col_int(s, 3),         ly_col_int(s, 4),         ly_col_copy(s, 5, arena),
            ly_col_copy(s, 6, arena), ly_col_copy(s, 7, arena), ly_col_copy(s, 8, arena)};
    }
    ly_db_reset(s);
    return ly_rows_end(st, rows, n, sizeof *rows, arena, ret_rows, ret_n, err);
}

ly_status ly_prompt_tag(ly_store *store, ly_str ref, ly_str tag, bool add, ly_err *err)
{
    static const char *const sql[] = {
        "DELETE FROM prompt_tag WHERE tag = ?3 AND version = (SELECT v.id FROM prompt p"
        " JOIN prompt_version v ON v.prompt = p.id WHERE p.name = ?1 AND v.number = ?2)",
        "INSERT OR IGNORE INTO prompt_tag (version, tag) SELECT v.id, ?3 FROM prompt p"
        " JOIN prompt_version v ON v.prompt = p.id WHERE p.name = ?1 AND v.number = ?2"};
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    ly_arena arena;
    ly_prompt_version v;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_prompt_name_check(tag, err);
    if (!st) {
        st = ly_prompt_get(store, ref, &arena, &v, err);
    }
    if (!st && !(st = ly_db_write_begin(db, err))) {
        st = ly_db_prep(db, sql[add], &s, err);
        if (!st) {
            ly_bind_text(s, 1, v.name);
            ly_bind_int(s, 2, v.number);
            ly_bind_text(s, 3, tag);
            st = ly_db_run(db, s, err);
        }
        st = ly_db_write_end(db, st, err);
    }
    ly_arena_release(&arena);
    return st;
}
