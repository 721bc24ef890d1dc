/* lydite sql: the questions of docs/SQL.md work, and nothing but reading the views does. Plans and
 * statements of the room itself. */
#include "support.h"

#include "store/internal.h"

typedef struct result {
    int64_t rows;
    size_t columns;
    ly_value first[32];
    char text[4096];
    size_t used;
} result;

static ly_status on_row(void *user, size_t n, const ly_str *names, const ly_value *values,
                        ly_err *err)
{
    (void)names;
    (void)err;
    result *r = user;
    r->columns = n;
    if (!values)
        return LY_OK;
    if (r->rows++ == 0)
        for (size_t i = 0; i < n && i < 32; i++) {
            r->first[i] = values[i];
            if (values[i].text.len && r->used + values[i].text.len < sizeof r->text) {
                memcpy(r->text + r->used, values[i].text.ptr, values[i].text.len);
                r->first[i].text.ptr = r->text + r->used;
                r->used += values[i].text.len;
            }
        }
    return LY_OK;
}

static ly_status ask(ly_store *store, ly_str sql, result *r, ly_err *err)
{
    *r = (result){0};
    ly_store_sql how = {.max_rows = 1000, .max_ns = 5 * LY_NS_PER_SEC, .row = on_row, .user = r};
    bool cut = false;
    return ly_store_sql_run(store, sql, &how, &cut, err);
}

#define INPUT                                                                                 \
    "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"I want a refund for my " \
    "order\"}]}]"
#define OUTPUT \
    "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"Here it is\"}]}]"

static ly_store *filled(const folder *f)
{
    ly_store *store = open_writer(f->db);
    (void)ingest_one(store, (say){.trace = 1,
                                  .span = 1,
                                  .name = "agent",
                                  .operation = "invoke_agent",
                                  .session = "s1",
                                  .end_ms = 900});
    (void)ingest_one(store, (say){.trace = 1,
                                  .span = 2,
                                  .parent = 1,
                                  .name = "chat",
                                  .operation = "chat",
                                  .model = "gpt-4o",
                                  .provider = "openai",
                                  .in = 100,
                                  .out = 20,
                                  .cost = "0.25",
                                  .input = INPUT,
                                  .output = OUTPUT,
                                  .start_ms = 5});
    (void)ingest_one(store, (say){.trace = 1,
                                  .span = 3,
                                  .parent = 1,
                                  .name = "execute_tool",
                                  .start_ms = 300,
                                  .operation = "execute_tool",
                                  .tool = "find",
                                  .error = true});
    settle_all(store);
    return store;
}

static void the_views_say_what_is_stored(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    ly_err err = LY_ERR_INIT;
    result r;
    assert_ok(ask(store,
                  LY_S("SELECT name, n_spans, cost, session, tokens_in, model FROM v_traces"), &r,
                  &err),
              err);
    assert_int_equal(r.rows, 1);
    assert_str(r.first[0].text, "agent");
    assert_int_equal(r.first[1].integer, 3);
    assert_true(r.first[2].real == 0.25);
    assert_str(r.first[3].text, "s1");
    assert_int_equal(r.first[4].integer, 100);
    assert_ok(ask(store,
                  LY_S("SELECT attr(span, 'gen_ai.request.model'), content(span), attr(span, "
                       "'service.name')"
                       " FROM v_spans WHERE type = 'generation'"),
                  &r, &err),
              err);
    assert_str(r.first[0].text, "gpt-4o");
    assert_true(ly_str_find(r.first[1].text, LY_S("refund"), 0) != SIZE_MAX);
    assert_str(r.first[2].text, "tests");
    assert_ok(
        ask(store, LY_S("SELECT value FROM v_attributes WHERE key = 'gen_ai.tool.name'"), &r, &err),
        err);
    assert_str(r.first[0].text, "find");
    assert_ok(ask(store, LY_S("SELECT direction, role, text FROM v_messages"), &r, &err), err);
    assert_int_equal(r.rows, 2);
    assert_str(r.first[1].text, "user");
    assert_ok(ask(store, LY_S("SELECT calls, cost_pico FROM v_usage WHERE provider = 'openai'"), &r,
                  &err),
              err);
    assert_int_equal(r.first[1].integer, 250000000000);
    ly_store_close(store);
    folder_remove(&f);
}

static void the_documented_questions_run(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    FILE *doc = fopen(LY_TESTS_DIR "/../docs/SQL.md", "r");
    assert_non_null(doc);
    char line[1024], sql[8192];
    size_t n = 0;
    bool inside = false;
    int asked = 0;
    while (fgets(line, sizeof line, doc)) {
        if (strncmp(line, "```", 3) == 0) {
            if (inside) {
                result r;
                ly_err err = LY_ERR_INIT;
                ly_status st = ask(store, ly_str_n(sql, n), &r, &err);
                if (st)
                    fail_msg("%.*s: %s", (int)n, sql, err.text);
                asked++;
            }
            inside = strncmp(line, "```sql", 6) == 0;
            n = 0;
        } else if (inside) {
            size_t len = strlen(line);
            memcpy(sql + n, line, len);
            n += len;
        }
    }
    (void)fclose(doc);
    assert_int_equal(asked, 10);
    ly_store_close(store);
    folder_remove(&f);
}

typedef struct headings {
    ly_str names[64];
    size_t n;
    ly_arena arena;
} headings;

static ly_status on_heading(void *user, size_t n, const ly_str *names, const ly_value *values,
                            ly_err *err)
{
    headings *h = user;
    (void)err;
    for (size_t i = 0; !values && i < n && i < LY_COUNT(h->names); i++)
        h->names[h->n++] = ly_arena_copy(&h->arena, names[i]);
    return LY_OK;
}

/* docs/SQL.md names each column of each view, in their order, and no other. */
static void every_column_is_documented(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    FILE *doc = fopen(LY_TESTS_DIR "/../docs/SQL.md", "r");
    assert_non_null(doc);
    char line[2048], view[64];
    int views = 0;
    while (fgets(line, sizeof line, doc)) {
        char *last = strrchr(line, '`');
        if (sscanf(line, "| `%63[a-z_]`", view) != 1 || !last)
            continue;
        *last = '\0';
        ly_str rest = ly_str_c(strrchr(line, '`') + 1), name;
        char sql[128];
        headings h = {.n = 0};
        ly_arena_init(&h.arena, 0, 0);
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s LIMIT 0", view);
        ly_store_sql how = {.row = on_heading, .user = &h};
        bool cut = false;
        ly_err err = LY_ERR_INIT;
        assert_ok(ly_store_sql_run(store, ly_str_c(sql), &how, &cut, &err), err);
        size_t i = 0;
        while (rest.len && ly_str_split(&rest, ' ', &name)) {
            if (i >= h.n || !ly_str_eq(name, h.names[i]))
                fail_msg("%s: docs/SQL.md says %.*s where the view has %.*s", view,
                         LY_STR_ARG(name), LY_STR_ARG(i < h.n ? h.names[i] : LY_S("no more")));
            i++;
        }
        if (i != h.n)
            fail_msg("%s: docs/SQL.md lacks %.*s", view, LY_STR_ARG(h.names[i]));
        views++;
        ly_arena_release(&h.arena);
    }
    (void)fclose(doc);
    assert_int_equal(views, 10);
    ly_store_close(store);
    folder_remove(&f);
}

static void nothing_else_is_let_through(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    static const char *const bad[] = {
        "SELECT * FROM span",
        "SELECT data FROM payload",
        "SELECT hash FROM access_key",
        "DELETE FROM trace",
        "INSERT INTO word (text) VALUES ('x')",
        "PRAGMA user_version = 5",
        "PRAGMA user_version",
        "ATTACH '/tmp/x.db' AS x",
        "SELECT load_extension('x')",
        "CREATE TEMP TABLE t (x)",
        "SELECT 1; SELECT 2",
        "VACUUM",
        "BEGIN",
        "",
        "SELECT * FROM v_traces WHERE trace_id IN (SELECT text FROM word)",
        "SELECT attr('nonsense', 'x')",
        "ATTACH ':memory:' AS m",
        "DETACH main",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA table_info(span)",
        "SELECT * FROM pragma_table_info('span')",
        "SELECT * FROM dbstat",
        "SELECT writefile('/tmp/x', 'y')",
        "SELECT readfile('/etc/passwd')",
        "CREATE VIEW v_x AS SELECT 1",
        "DROP VIEW v_spans",
        "UPDATE v_spans SET name = 'x'",
        "REINDEX",
        "ANALYZE",
        "SAVEPOINT a",
        "SELECT hex(zeroblob(900000000))",
        "SELECT length(printf('%.*c', 2000000000, 'x')) + zeroblob(1e9)",
        "WITH x AS (SELECT * FROM v_spans) SELECT * FROM x, span",
        "SELECT (SELECT data FROM payload LIMIT 1)",
    };
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        result r;
        ly_err err = LY_ERR_INIT;
        ly_status st = ask(store, ly_str_c(bad[i]), &r, &err);
        if (st != LY_E_INVALID)
            fail_msg("%s gave %d (%s)", bad[i], (int)st, err.text);
    }
    /* Endless work ends by the clock. */
    result r = {0};
    ly_store_sql how = {.max_ns = 50 * LY_NS_PER_MS, .row = on_row, .user = &r};
    bool cut = false;
    ly_err err = LY_ERR_INIT;
    assert_ok(
        ly_store_sql_run(store,
                         LY_S("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                              " SELECT count(*) FROM n"),
                         &how, &cut, &err),
        err);
    assert_true(cut);
    bool late = false;
    how.ret_timed_out = &late;
    assert_ok(
        ly_store_sql_run(store,
                         LY_S("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                              " SELECT i FROM n"),
                         &how, &cut, &err),
        err);
    assert_true(cut && late);
    how.max_ns = 0;
    how.max_rows = 3;
    r = (result){0};
    assert_ok(ly_store_sql_run(store,
                               LY_S("SELECT value FROM json_each('[1,2,3,4]') UNION ALL"
                                    " SELECT json FROM json_tree('{}')"),
                               &how, &cut, &err),
              err);
    assert_true(cut && !late);
    assert_int_equal(r.rows, 3);
    ly_store_close(store);
    folder_remove(&f);
}

/* ---- the room's own statements ---- */

typedef struct plans {
    sqlite3 *sql;
    int statements, scans;
} plans;

/* Work over all spans by purpose: forgetting words. */
static bool may_scan(const char *sql)
{
    return strstr(sql, "error_type, trace_name FROM span") || strstr(sql, "count(*) FROM span");
}

static void on_statement(void *user, const char *sql)
{
    plans *p = user;
    p->statements++;
    if (strncmp(sql, "PRAGMA", 6) == 0)
        return;
    ly_buf text;
    ly_buf_init(&text, 1 << 20);
    ly_buf_fmt(&text, "EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(p->sql, ly_buf_text(&text), -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(p->sql));
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(s, 3);
        bool scan = strncmp(detail, "SCAN span", 9) == 0 || strcmp(detail, "SCAN s") == 0 ||
                    strncmp(detail, "SCAN payload", 12) == 0;
        if (scan && !may_scan(sql) && !strstr(sql, "LIMIT")) {
            print_message("scans: %s\n  %s\n", detail, sql);
            p->scans++;
        }
    }
    (void)sqlite3_finalize(s);
    ly_buf_release(&text);
}

static void no_statement_scans_the_spans(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    /* Use much of the room, so that its statements are cached. */
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    ly_store_key key = {0};
    bool more;
    assert_ok(ly_store_trace_page(store, &q, &arena, &rows, &n, &key, &more, &err), err);
    (void)load_trace(store, 1, &arena);
    ly_span_full *full = NULL;
    assert_ok(ly_store_span_load(store, tid(1), sid(2), &arena, &full, &err), err);
    ly_session_row *sessions = NULL;
    key = (ly_store_key){0};
    assert_ok(
        ly_store_session_page(store, INT64_MIN, INT64_MAX, 5, &key, &arena, &sessions, &n, &err),
        err);
    ly_stats_row *stats = NULL;
    assert_ok(ly_store_stats(store, &q, LY_STATS_NAME, 10, &arena, &stats, &n, &err), err);
    ly_retention rule = {.keep_app_ns = 1, .now_ns = ly_wall_ns() + 9 * LY_NS_PER_DAY};
    ly_store_removed removed;
    for (more = true; more;)
        assert_ok(ly_store_prune(store, &rule, false, &removed, &more, &err), err);
    assert_ok(ly_store_forget(store, &q, false, &removed, &err), err);
    plans p = {.sql = store->db.sql};
    ly_db_each_statement(&store->db, on_statement, &p);
    assert_true(p.statements > 60);
    assert_int_equal(p.scans, 0);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

/* Commits once, from another handle, while the query runs. */
static bool write_meanwhile(void *other)
{
    static bool done;
    if (other && !done) {
        done = true;
        (void)ingest_one(other, (say){.trace = 77, .span = 77, .name = "late", .start_ms = 1});
    }
    return false;
}

static ly_status on_no_row(void *user, size_t n, const ly_str *names, const ly_value *values,
                           ly_err *err)
{
    (void)user;
    (void)n;
    (void)names;
    (void)values;
    (void)err;
    return LY_OK;
}

/* A long look holds up the log of those who write: then, and only then, it ends early. */
static void a_long_query_yields_to_writers(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *other = open_writer(f.db);
    (void)ingest_one(other, (say){.trace = 1, .span = 1, .name = "a", .start_ms = 1});
    ly_store *store = open_reader(f.db);
    const ly_str endless = LY_S("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                                " SELECT count(*) FROM n");
    bool cut = false, late = false, yielded = true;
    ly_err err = LY_ERR_INIT;
    ly_store_sql how = {.max_ns = 100 * LY_NS_PER_MS,
                        .yield_ns = 10 * LY_NS_PER_MS,
                        .interrupted = write_meanwhile,
                        .row = on_no_row,
                        .ret_timed_out = &late,
                        .ret_yielded = &yielded};
    assert_ok(ly_store_sql_run(store, endless, &how, &cut, &err), err);
    assert_true(cut && late && !yielded);
    how.user = other;
    how.max_ns = 600 * LY_NS_PER_SEC;
    assert_ok(ly_store_sql_run(store, endless, &how, &cut, &err), err);
    assert_true(cut && yielded);
    ly_store_close(store);
    ly_store_close(other);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_views_say_what_is_stored),
        cmocka_unit_test(the_documented_questions_run),
        cmocka_unit_test(every_column_is_documented),
        cmocka_unit_test(nothing_else_is_let_through),
        cmocka_unit_test(no_statement_scans_the_spans),
        cmocka_unit_test(a_long_query_yields_to_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
