/*
 * The whole file: counts, sizes, change counter, quarantine, snapshots, sessions.
 */
#include "store/internal.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"

typedef struct count_sql {
    const char *exact, *estimate;
    size_t offset;
} count_sql;

/* Traces know how many spans they have once they are settled; of the others they are counted. */
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
#define BASE(no)   "((" no ") << " TEXT(LY_SLOT_BITS) ")"
#define SPANS_ESTIMATE                                                                          \
    "SELECT (SELECT coalesce(sum(n_spans), 0) FROM trace) + (SELECT coalesce(sum("              \
    "(SELECT count(*) FROM span WHERE span.id >= " BASE("d.trace") " AND span.id < " BASE(      \
        "d.trace + 1") ") - t.n_spans), 0) FROM (SELECT trace FROM dirty LIMIT 1000) AS d JOIN" \
                       " trace AS t ON t.no = d.trace)"
#define FIELD(f) offsetof(ly_store_info, f)
static const count_sql counts[] = {
    /* Without those whose logs all went over to the traces of their spans (call_key.c). */
    {"SELECT count(*) FROM trace WHERE n_spans > 0 OR n_logs > 0 OR settles = 0",
     "SELECT count(*) FROM trace WHERE n_spans > 0 OR n_logs > 0 OR settles = 0", FIELD(n_traces)},
    {"SELECT count(*) FROM span", SPANS_ESTIMATE, FIELD(n_spans)},
    /* Counted over the smallest index: what was removed is not in any sum. */
    {"SELECT count(*) FROM log_record", "SELECT count(*) FROM log_record", FIELD(n_logs)},
    {"SELECT coalesce(sum(n), 0) FROM content",
     "SELECT coalesce(sum(next_content - 1), 0) FROM epoch", FIELD(n_contents)},
    {"SELECT count(*) FROM dirty", "SELECT count(*) FROM dirty", FIELD(n_dirty)},
    {"SELECT count(*) FROM text_todo", "SELECT count(*) FROM text_todo", FIELD(n_unindexed)},
    {"SELECT count(*) FROM quarantine", "SELECT count(*) FROM quarantine", FIELD(n_quarantined)},
    {"SELECT count(*) FROM session", "SELECT count(*) FROM session", FIELD(n_sessions)},
    {"SELECT count(*) FROM charge", "SELECT coalesce(sum(n), 0) FROM usage", FIELD(n_charges)},
    {"SELECT min(start_ns) FROM trace", "SELECT min(start_ns) FROM trace", FIELD(oldest_ns)},
    {"SELECT max(start_ns) FROM trace", "SELECT max(start_ns) FROM trace", FIELD(newest_ns)},
    {"SELECT min(since_ns) FROM dirty", "SELECT min(since_ns) FROM dirty", FIELD(oldest_dirty_ns)},
};

static ly_status file_sizes(ly_store *store, ly_store_info *info, ly_err *err)
{
    ly_db *db = &store->db;
    int64_t size = 0, pages = 0, freed = 0;
    ly_status st = ly_db_scalar(db, "PRAGMA page_size", &size, err);
    if (!st)
        st = ly_db_scalar(db, "PRAGMA page_count", &pages, err);
    if (!st)
        st = ly_db_scalar(db, "PRAGMA freelist_count", &freed, err);
    struct stat sb;
    if (!st && stat(db->path, &sb) == 0)
        info->file_bytes = (int64_t)sb.st_size;
    struct statvfs fs;
    info->disk_free_bytes = LY_UNKNOWN;
    if (!st && statvfs(db->path, &fs) == 0)
        info->disk_free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    info->wal_bytes = ly_store_wal_bytes(store);
    info->free_bytes = freed * size;
    info->page_size = (int32_t)size;
    info->version = LY_SCHEMA_VERSION;
    (void)ly_str_copy(db->opts.durability == LY_DURABLE_FULL ? LY_S("full") : LY_S("normal"),
                      info->durability, sizeof info->durability);
    return st;
}

ly_status ly_store_info_get(ly_store *store, bool exact, ly_store_info *ret_info, ly_err *err)
{
    ly_db *db = &store->db;
    ly_store_info info = {0};
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    for (size_t i = 0; !st && i < LY_COUNT(counts); i++) {
        ly_stmt *s = NULL;
        st = ly_db_prep(db, exact ? counts[i].exact : counts[i].estimate, &s, err);
        bool row = false;
        if (!st)
            st = ly_db_step(db, s, &row, err);
        if (!st)
            *(int64_t *)(void *)((char *)&info + counts[i].offset) =
                row ? ly_col_opt(s, 0) : LY_UNKNOWN;
        ly_db_reset(s);
    }
    if (!st)
        st = file_sizes(store, &info, err);
    ly_db_read_end(db);
    if (!st)
        *ret_info = info;
    return st;
}

/* A handle keeps reading a file that was removed: whoever waits for news has to know. */
static ly_status same_file(ly_store *store, ly_err *err)
{
    struct stat is;
    bool there = stat(store->db.path, &is) == 0;
    if (store->polled.inode == 0) {
        if (there) {
            store->polled.device = (uint64_t)is.st_dev;
            store->polled.inode = (uint64_t)is.st_ino;
        }
        return LY_OK;
    }
    if (!there)
        return LY_FAIL(err, LY_E_NOTFOUND, "%s: the file is gone", store->db.path);
    if ((uint64_t)is.st_dev != store->polled.device || (uint64_t)is.st_ino != store->polled.inode)
        return LY_FAIL(err, LY_E_NOTFOUND, "%s: another file has this name now, open it anew",
                       store->db.path);
    return LY_OK;
}

ly_status ly_store_change_count(ly_store *store, uint64_t *ret_count, ly_err *err)
{
    int64_t version = 0, format = LY_SCHEMA_VERSION;
    ly_status st = same_file(store, err);
    if (!st)
        st = ly_db_scalar(&store->db, "PRAGMA data_version", &version, err);
    if (!st && version != store->polled.version) {
        st = ly_db_scalar(&store->db, "PRAGMA user_version", &format, err);
        if (!st && format != LY_SCHEMA_VERSION)
            st = LY_FAIL(err, LY_E_NEWER,
                         "%s: another build of lydite took it over (format %lld, this one reads "
                         "%d)",
                         store->db.path, (long long)format, LY_SCHEMA_VERSION);
    }
    if (st)
        return st;
    store->polled.version = version;
    /* data_version does not see this handle's own commits: they are added. */
    *ret_count = (uint64_t)version + store->db.n.commits;
    return LY_OK;
}

ly_status ly_store_snapshot(ly_store *store, ly_status (*fn)(void *user, ly_err *err), void *user,
                            ly_err *err)
{
    ly_status st = ly_db_read_begin(&store->db, err);
    if (st)
        return st;
    st = fn(user, err);
    ly_db_read_end(&store->db);
    return st;
}

/* ---- sessions ---- */

#define SESSION_COLUMNS                                                                   \
    "s.word, s.first_ns, s.last_ns, s.n_traces, s.n_spans, s.n_errors, s.n_generations, " \
    "s.tokens_in, "                                                                       \
    "s.tokens_out, s.tokens, s.cost_pico, s.user, s.service, s.model"

/* What its traces say together. A session whose traces name one user has that user's name alone. */
static ly_status session_traced(ly_db *db, int64_t word, ly_session_row *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st =
        ly_db_prep(db,
                   "SELECT max(flags & ?2), count(DISTINCT user), count(DISTINCT service),"
                   " count(DISTINCT model) FROM trace WHERE session = ?1",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, word);
    ly_bind_int(s, 2, LY_TRACE_PARTIAL_COST);
    st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        ret->cost_partial = ly_col_int(s, 0) != 0;
        ret->n_users = ly_col_int(s, 1);
        ret->n_services = ly_col_int(s, 2);
        ret->n_models = ly_col_int(s, 3);
    }
    ly_db_reset(s);
    return st;
}

static ly_status session_read(ly_db *db, ly_stmt *s, ly_word_memo *memo, ly_session_row *ret,
                              ly_err *err)
{
    *ret = (ly_session_row){
        .first_ns = ly_col_int(s, 1),
        .last_ns = ly_col_int(s, 2),
        .n_traces = ly_col_int(s, 3),
        .n_spans = ly_col_int(s, 4),
        .n_errors = ly_col_int(s, 5),
        .n_generations = ly_col_int(s, 6),
        .tokens_in = ly_col_opt(s, 7),
        .tokens_out = ly_col_opt(s, 8),
        .tokens = ly_col_opt(s, 9),
        .cost_pico = ly_col_opt(s, 10),
    };
    ly_status st = ly_memo_text(db, memo, ly_col_int(s, 0), &ret->session, err);
    if (!st)
        st = ly_memo_text(db, memo, ly_col_int(s, 11), &ret->user, err);
    if (!st)
        st = ly_memo_text(db, memo, ly_col_int(s, 12), &ret->service, err);
    if (!st)
        st = ly_memo_text(db, memo, ly_col_int(s, 13), &ret->model, err);
    return st ? st : session_traced(db, ly_col_int(s, 0), ret, err);
}

ly_status ly_store_session_page(ly_store *store, int64_t since_ns, int64_t until_ns, size_t limit,
                                ly_store_key *key, ly_arena *arena, ly_session_row **ret_rows,
                                size_t *ret_n, ly_err *err)
{
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.since_ns = since_ns;
    query.until_ns = until_ns;
    query.limit = limit;
    return ly_store_session_search(store, &query, key, arena, ret_rows, ret_n, err);
}

static ly_status session_sql(ly_store *store, const ly_trace_query *q, ly_buf *sql, ly_err *err)
{
    ly_status st = LY_OK;
    ly_buf_c(sql,
             "SELECT " SESSION_COLUMNS " FROM session AS s WHERE s.last_ns >= ?1 AND s.last_ns < ?2"
             " AND (s.last_ns, s.word) < (?3, ?4) AND s.n_traces > 0");
    if (q->filter) {
        ly_buf_c(sql, " AND EXISTS (SELECT 1 FROM trace AS t WHERE t.session = s.word");
        if (!q->any_origin && !ly_filter_uses(q->filter, LY_FLD_ORIGIN))
            ly_buf_c(sql, " AND t.origin = 0");
        st = ly_search_where(&store->db, q->filter, 6, sql, err);
        ly_buf_c(sql, ")");
    }
    ly_buf_c(sql, " ORDER BY s.last_ns DESC, s.word DESC LIMIT ?5");
    return st ? st : ly_buf_status(sql, "query", err);
}

ly_status ly_store_session_search(ly_store *store, const ly_trace_query *query, ly_store_key *key,
                                  ly_arena *arena, ly_session_row **ret_rows, size_t *ret_n,
                                  ly_err *err)
{
    ly_db *db = &store->db;
    size_t limit = query->limit;
    ly_session_row *rows = LY_ARENA_ARRAY(arena, ly_session_row, limit + 1);
    if (!rows)
        return LY_NOMEM(err);
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    ly_stmt *s = NULL;
    ly_buf sql;
    ly_buf_init(&sql, LY_MIB(1));
    st = session_sql(store, query, &sql, err);
    if (!st)
        st = ly_db_prep_text(db, ly_buf_view(&sql), &s, err);
    ly_buf_release(&sql);
    size_t n = 0;
    ly_word_memo memo = {.arena = arena};
    bool row = false;
    if (!st) {
        ly_bind_int(s, 1, query->since_ns);
        ly_bind_int(s, 2, query->until_ns);
        ly_bind_int(s, 3, key && key->set ? key->a : INT64_MAX);
        ly_bind_int(s, 4, key && key->set ? key->b : INT64_MAX);
        ly_bind_int(s, 5, (int64_t)limit);
        if (query->filter)
            st = ly_search_bind(db, query->filter, 6, s, err);
    }
    while (!st && n < limit && !(st = ly_db_step(db, s, &row, err)) && row) {
        if (key)
            *key = (ly_store_key){ly_col_int(s, 2), ly_col_int(s, 0), true};
        st = session_read(db, s, &memo, &rows[n++], err);
    }
    if (s)
        ly_db_drop(s);
    ly_db_read_end(db);
    if (st)
        return st;
    *ret_rows = rows;
    *ret_n = n;
    return LY_OK;
}

static ly_status session_last(ly_db *db, ly_str name, int64_t *ret_word, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    int64_t back = 0;
    ly_status st = ly_last_parse(name, &back, err);
    if (!st)
        st = ly_db_prep(db,
                        "SELECT word FROM session WHERE n_traces > 0"
                        " ORDER BY last_ns DESC, word DESC LIMIT 1 OFFSET ?1",
                        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, back);
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        *ret_word = ly_col_int(s, 0);
    ly_db_reset(s);
    return st || row ? st
                     : LY_FAIL(err, LY_E_NOTFOUND, "%.*s: there %s in %s", LY_STR_ARG(name),
                               back ? "are not so many sessions" : "is no session yet", db->path);
}

/* The session of that name, else the only one whose name begins so. */
static ly_status session_find(ly_db *db, ly_str name, int64_t *ret_word, ly_err *err)
{
    if (ly_str_starts(name, LY_S("@last")))
        return session_last(db, name, ret_word, err);
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT w.id, w.text FROM word AS w JOIN session AS s ON s.word = w.id"
                   " WHERE w.text >= ?1 AND w.text < ?2 ORDER BY w.text LIMIT 3",
                   &s, err);
    if (st)
        return st;
    ly_buf end;
    ly_buf_init(&end, LY_KIB(64));
    ly_buf_str(&end, name);
    ly_buf_c(&end, "\xf4\x8f\xbf\xbf"); /* U+10FFFF sorts after whatever follows the prefix */
    ly_bind_text(s, 1, name.ptr ? name : LY_S(""));
    ly_bind_text(s, 2, ly_buf_view(&end));
    bool row = false, exact = false;
    int n = 0;
    while (!exact && !(st = ly_db_step(db, s, &row, err)) && row) {
        exact = ly_str_eq(ly_col_str(s, 1), name);
        if (n++ == 0 || exact)
            *ret_word = ly_col_int(s, 0);
    }
    ly_db_reset(s);
    ly_buf_release(&end);
    if (st)
        return st;
    if (n == 0)
        return LY_FAIL(err, LY_E_NOTFOUND, "session %.*s is not in %s; see lydite session list",
                       LY_STR_ARG(name), db->path);
    if (n > 1 && !exact)
        return LY_FAIL(err, LY_E_AMBIGUOUS, "session %.*s: several begin so; write more of it",
                       LY_STR_ARG(name));
    return LY_OK;
}

static ly_status session_traces(ly_db *db, int64_t word, size_t limit, ly_arena *arena,
                                ly_trace_row *rows, size_t *ret_n, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " LY_TRACE_COLUMNS
                              " FROM trace AS t WHERE t.session = ?1 ORDER BY t.start_ns LIMIT ?2",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, word);
    ly_bind_int(s, 2, (int64_t)limit);
    ly_word_memo memo = {.arena = arena};
    bool row = false;
    while (*ret_n < limit && !(st = ly_db_step(db, s, &row, err)) && row) {
        ly_summary sum;
        ly_summary_read(s, &sum);
        st = ly_trace_row_of(db, &sum, &memo, &rows[(*ret_n)++], err);
        if (st)
            break;
    }
    ly_db_reset(s);
    return st;
}

ly_status ly_store_session_load(ly_store *store, ly_str session, size_t limit, ly_arena *arena,
                                ly_session_row *ret_session, ly_trace_row **ret_traces,
                                size_t *ret_n, ly_err *err)
{
    ly_db *db = &store->db;
    ly_trace_row *rows = LY_ARENA_ARRAY(arena, ly_trace_row, limit + 1);
    if (!rows)
        return LY_NOMEM(err);
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    int64_t word = 0;
    size_t n = 0;
    st = session_find(db, session, &word, err);
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(db, "SELECT " SESSION_COLUMNS " FROM session AS s WHERE s.word = ?1", &s,
                        err);
    if (!st) {
        ly_bind_int(s, 1, word);
        ly_word_memo memo = {.arena = arena};
        bool row = false;
        st = ly_db_step(db, s, &row, err);
        if (!st && row)
            st = session_read(db, s, &memo, ret_session, err);
        ly_db_reset(s);
    }
    if (!st)
        st = session_traces(db, word, limit, arena, rows, &n, err);
    ly_db_read_end(db);
    if (st)
        return st;
    *ret_traces = rows;
    *ret_n = n;
    return LY_OK;
}
