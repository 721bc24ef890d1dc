/*
 * After records went: the words, resources and scopes that nothing names any more go too.
 *
 * The tables that may name one are large, and others write meanwhile, so there is no moment to look at
 * all of them under the lock. Instead:
 *
 *   1. read all of them, a short snapshot after the other; what is seen in use is out of question;
 *   2. mark the rest (a row of `leaving`) and raise the generation: from now on whoever begins to use one must
 *      find it by a look-up in the file, and that look-up takes the mark away (ly_unused_spare);
 *   3. read again, for those who began between 1 and 2;
 *   4. what was not seen and still has its mark goes.
 *
 * A run that was killed between 2 and 4 leaves its marks; the next one takes them up.
 */
#include "store/remove.h"

#include "base/clock.h"
#include "base/mem.h"

#define SCAN_ROWS  4000
#define SLICE_ROWS 200

enum { WORDS = LY_UNUSED_WORD, RESOURCES = LY_UNUSED_RESOURCE, SCOPES = LY_UNUSED_SCOPE, KINDS };

typedef struct search {
    ly_idset *sets[KINDS]; /* NULL = not asked */
    bool *found[KINDS];
    size_t left; /* not found yet */
} search;

/* ---- marks ---- */

static ly_status on_mark(ly_db *db, const char *sql, int kind, int64_t id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, kind);
    ly_bind_int(s, 2, id);
    return ly_db_run(db, s, err);
}

static ly_status unmark(ly_db *db, int kind, int64_t id, ly_err *err)
{
    return on_mark(db, "DELETE FROM leaving WHERE kind = ?1 AND id = ?2", kind, id, err);
}

ly_status ly_unused_spare(ly_db *db, ly_unused_kind kind, int64_t id, ly_err *err)
{
    return unmark(db, (int)kind, id, err);
}

static ly_status marked(ly_db *db, int kind, int64_t id, bool *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT 1 FROM leaving WHERE kind = ?1 AND id = ?2", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, kind);
    ly_bind_int(s, 2, id);
    *ret = false;
    st = ly_db_step(db, s, ret, err);
    ly_db_reset(s);
    return st;
}

/* Marks that a killed run left. */
static ly_status take_up(ly_db *db, search *x, ly_err *err)
{
    for (int kind = 0; kind < KINDS; kind++) {
        ly_stmt *s = NULL;
        if (!x->sets[kind])
            continue;
        ly_status st = ly_db_prep(db, "SELECT id FROM leaving WHERE kind = ?1", &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, kind);
        bool row = false;
        while (!(st = ly_db_step(db, s, &row, err)) && row)
            if (!ly_idset_add(x->sets[kind], ly_col_int(s, 0))) {
                st = LY_NOMEM(err);
                break;
            }
        ly_db_reset(s);
        if (st)
            return st;
        ly_idset_sort(x->sets[kind]);
    }
    return LY_OK;
}

static ly_status mark_all(ly_db *db, const search *x, ly_err *err)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const ly_idset *set = x->sets[kind];
        for (size_t from = 0; set && from < set->n; from += SLICE_ROWS) {
            ly_status st = ly_db_write_begin(db, err);
            for (size_t i = from; !st && i < set->n && i < from + SLICE_ROWS; i++) {
                st = on_mark(db, "INSERT OR IGNORE INTO leaving (kind, id) VALUES (?1, ?2)", kind,
                             set->ids[i], err);
            }
            if (!st)
                st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'",
                                err);
            st = ly_db_write_end(db, st, err);
            if (st)
                return st;
        }
    }
    return LY_OK;
}

/* ---- who names them ---- */

/* Column 0 is the key that goes on from, 1 a resource, 2 a scope, the rest words. Spans first: what others
 * take over from a span is found there or, when it went meanwhile, in them. */
static const char *const users[] = {
    "SELECT id, resource, scope, name, dialect, operation, provider, request_model, "
    "response_model, service, env, release, session, user, agent, tool, prompt_name, "
    "prompt_version, finish_reason, service_tier, server_address, error_type, trace_name, "
    "access_key FROM span WHERE id > ?1 ORDER BY id LIMIT ?2",
    "SELECT id, resource, scope, event_name, access_key FROM log_record WHERE id > ?1"
    " ORDER BY id LIMIT ?2",
    "SELECT no, 0, 0, name, model, provider, session, user, service, env, release, prompt_name, "
    "prompt_version, error FROM trace WHERE no > ?1 ORDER BY no LIMIT ?2",
    "SELECT span, 0, 0, provider, model, service, env, session, user, prompt_name, "
    "prompt_version, request_model, service_tier, address, access_key FROM charge"
    " WHERE span > ?1 ORDER BY span LIMIT ?2",
    "SELECT bucket, 0, 0, provider, model, service, env, prompt_name, prompt_version FROM usage"
    " WHERE bucket > ?1 ORDER BY bucket LIMIT ?2",
    "SELECT day, 0, 0, provider, model, service, env, prompt_name, prompt_version FROM usage_day"
    " WHERE day > ?1 ORDER BY day LIMIT ?2",
    "SELECT word, 0, 0, word, user, service, model FROM session WHERE word > ?1"
    " ORDER BY word LIMIT ?2",
    "SELECT id, 0, 0, name FROM scope WHERE id > ?1 ORDER BY id LIMIT ?2",
};

static void see(search *x, int kind, int64_t id)
{
    size_t at = id && x->sets[kind] ? ly_idset_find(x->sets[kind], id) : SIZE_MAX;
    if (at == SIZE_MAX || x->found[kind][at])
        return;
    x->found[kind][at] = true;
    x->left--;
}

/* A page of one table in one snapshot. *key moves on; rows of one key stay together, however many. */
static ly_status see_page(ly_db *db, const char *sql, search *x, int64_t *key, size_t *limit,
                          bool *ret_more, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db, sql, &s, err);
    if (!st) {
        ly_bind_int(s, 1, *key);
        ly_bind_int(s, 2, (int64_t)*limit);
    }
    size_t n = 0;
    int64_t first = *key, last = *key;
    bool row = false;
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        last = ly_col_int(s, 0);
        first = n++ ? first : last;
        see(x, RESOURCES, ly_col_int(s, 1));
        see(x, SCOPES, ly_col_int(s, 2));
        for (int i = 3; i < sqlite3_column_count(s); i++)
            see(x, WORDS, ly_col_int(s, i));
    }
    ly_db_reset(s);
    ly_db_read_end(db);
    *ret_more = n == *limit;
    if (*ret_more && first == last) {
        *limit *= 2; /* the whole page is one key: the same page again, longer */
        return st;
    }
    *limit = SCAN_ROWS;
    *key = *ret_more ? last - 1 : last;
    return st;
}

/* Tags and sums by session, user and tag, which have an index. */
static ly_status see_indexed(ly_db *db, search *x, ly_err *err)
{
    const ly_idset *words = x->sets[WORDS];
    for (size_t i = 0; words && i < words->n; i++) {
        if (x->found[WORDS][i])
            continue;
        ly_stmt *s = NULL;
        ly_status st = ly_db_prep(db,
                                  "SELECT 1 WHERE EXISTS (SELECT 1 FROM tag WHERE word = ?1) OR "
                                  "EXISTS (SELECT 1 FROM usage_who_all WHERE kind IN (0, 1, 2) AND "
                                  "word = ?1 AND n <> 0)",
                                  &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, words->ids[i]);
        bool row = false;
        st = ly_db_step(db, s, &row, err);
        ly_db_reset(s);
        if (st)
            return st;
        if (row)
            see(x, WORDS, words->ids[i]);
    }
    return LY_OK;
}

static ly_status look(ly_db *db, search *x, ly_err *err)
{
    x->left = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        ly_free(x->found[kind]);
        x->found[kind] = NULL;
        if (!x->sets[kind])
            continue;
        x->found[kind] = ly_calloc(x->sets[kind]->n + 1, sizeof *x->found[kind]);
        if (!x->found[kind])
            return LY_NOMEM(err);
        x->left += x->sets[kind]->n;
    }
    ly_status st = LY_OK;
    for (size_t t = 0; !st && t < LY_COUNT(users); t++) {
        int64_t key = INT64_MIN;
        size_t limit = SCAN_ROWS;
        bool more = x->left > 0;
        while (!st && more && x->left)
            st = see_page(db, users[t], x, &key, &limit, &more, err);
    }
    return st || !x->left ? st : see_indexed(db, x, err);
}

/* Takes out of the sets what was seen. */
static void keep_unseen(search *x)
{
    for (int kind = 0; kind < KINDS; kind++) {
        ly_idset *set = x->sets[kind];
        size_t n = 0;
        for (size_t i = 0; set && i < set->n; i++)
            if (!x->found[kind][i])
                set->ids[n++] = set->ids[i];
        if (set)
            set->n = n;
    }
}

/* ---- out ---- */

/* A word's number stays, so that it never means another text. */
static const char *const removes[KINDS] = {
    "UPDATE word SET text = '(forgotten ' || id || ')' WHERE id = ?1",
    "DELETE FROM resource WHERE id = ?1",
    "DELETE FROM scope WHERE id = ?1",
};

static ly_status take_out(ly_db *db, int kind, int64_t id, bool seen, ly_err *err)
{
    bool still = false;
    ly_stmt *s = NULL;
    ly_status st = seen ? LY_OK : marked(db, kind, id, &still, err);
    if (!st && still) {
        st = ly_db_prep(db, removes[kind], &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, id);
        st = ly_db_run(db, s, err);
    }
    return st ? st : unmark(db, kind, id, err);
}

static ly_status take_all(ly_db *db, const search *x, ly_err *err)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const ly_idset *set = x->sets[kind];
        for (size_t from = 0; set && from < set->n; from += SLICE_ROWS) {
            ly_status st = ly_db_write_begin(db, err);
            for (size_t i = from; !st && i < set->n && i < from + SLICE_ROWS; i++)
                st = take_out(db, kind, set->ids[i], x->found[kind][i], err);
            if (!st)
                st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'",
                                err);
            st = ly_db_write_end(db, st, err);
            if (st)
                return st;
        }
    }
    return LY_OK;
}

/* Sums that came to nothing name their word no more. */
static ly_status drop_empty_sums(ly_db *db, ly_err *err)
{
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_exec(db,
                    "DELETE FROM usage_who WHERE n = 0; DELETE FROM usage_who_day WHERE n = 0;"
                    " DELETE FROM usage_who_all WHERE n = 0",
                    err);
    return ly_db_write_end(db, st, err);
}

/* A scope that goes was the last to use its name. */
static ly_status note_scope_names(ly_removal *r, ly_err *err)
{
    for (size_t i = 0; i < r->scopes.n; i++) {
        ly_stmt *s = NULL;
        ly_status st = ly_db_prep(&r->store->db, "SELECT name FROM scope WHERE id = ?1", &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, r->scopes.ids[i]);
        bool row = false;
        st = ly_db_step(&r->store->db, s, &row, err);
        int64_t word = !st && row ? ly_col_int(s, 0) : 0;
        ly_db_reset(s);
        if (!st && word && !ly_idset_add(&r->words, word))
            st = LY_NOMEM(err);
        if (st)
            return st;
    }
    return LY_OK;
}

static ly_status one_pass(ly_db *db, search *x, ly_err *err)
{
    ly_status st = take_up(db, x, err);
    if (!st)
        st = look(db, x, err);
    if (!st)
        keep_unseen(x);
    if (st || !x->left)
        return st;
    st = mark_all(db, x, err);
    if (!st)
        st = look(db, x, err);
    return st ? st : take_all(db, x, err);
}

ly_status ly_removal_unused(ly_removal *r, ly_err *err)
{
    ly_db *db = &r->store->db;
    search shared = {.sets = {NULL, &r->resources, &r->scopes}};
    search words = {.sets = {&r->words, NULL, NULL}};
    ly_idset_sort(&r->resources);
    ly_idset_sort(&r->scopes);
    ly_status st = note_scope_names(r, err);
    if (!st && r->words.n)
        st = drop_empty_sums(db, err);
    /* Scopes before words, since they name some. */
    if (!st)
        st = one_pass(db, &shared, err);
    if (!st)
        st = one_pass(db, &words, err);
    for (int kind = 0; kind < KINDS; kind++) {
        ly_free(shared.found[kind]);
        ly_free(words.found[kind]);
    }
    return st;
}
