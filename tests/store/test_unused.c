/* What nothing names any more: words, resources and scopes leave with the last record, and stay when
 * somebody begins to use them while they leave. */
#include "support.h"

static bool file_has(const char *path, const char *what)
{
    static const char *const ends[] = {"", "-wal"};
    bool found = false;
    for (size_t i = 0; !found && i < LY_COUNT(ends); i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        FILE *f = fopen(name, "rb");
        if (!f)
            continue;
        (void)fseek(f, 0, SEEK_END);
        size_t size = (size_t)ftell(f);
        rewind(f);
        char *bytes = ly_malloc(size + 1);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, size, f), size);
        found = memmem(bytes, size, what, strlen(what)) != NULL;
        ly_free(bytes);
        (void)fclose(f);
    }
    return found;
}

static ly_trace_query at_second(uint64_t s)
{
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    q.since_ns = ((int64_t)SAY_BASE_MS + (int64_t)s * 1000) * LY_NS_PER_MS;
    q.until_ns = q.since_ns + LY_NS_PER_SEC;
    q.limit = 0;
    return q;
}

static void forget_second(ly_store *store, uint64_t s)
{
    ly_trace_query q = at_second(s);
    ly_store_removed removed = {0};
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_forget(store, &q, false, &removed, &err), err);
    assert_int_equal(removed.n_traces, 1);
}

/* A resource may hold more of a person than a service's name: command line, host, user. */
static void resources_go_with_their_last_record(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    say one = {
        .trace = 1, .span = 1, .name = "a", .start_ms = 1000, .service = "host-of-mallory-7"};
    say two = {.trace = 2, .span = 2, .name = "a", .start_ms = 2000, .service = "host-of-both-8"};
    say too = {.trace = 3, .span = 3, .name = "a", .start_ms = 3000, .service = "host-of-both-8"};
    (void)ingest_one(store, one);
    (void)ingest_one(store, two);
    (void)ingest_one(store, too);
    settle_all(store);
    assert_true(file_has(f.db, "host-of-mallory-7"));
    forget_second(store, 1);
    assert_false(file_has(f.db, "host-of-mallory-7"));
    forget_second(store, 2);
    assert_true(file_has(f.db, "host-of-both-8"));
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace *t = load_trace(store, 3, &arena);
    assert_true(ly_str_eq(t->row.service, LY_S("host-of-both-8")));
    /* One that was removed may come again. */
    (void)ingest_one(store, one);
    settle_all(store);
    t = load_trace(store, 1, &arena);
    assert_true(ly_str_eq(t->row.service, LY_S("host-of-mallory-7")));
    forget_second(store, 1);
    forget_second(store, 3);
    assert_false(file_has(f.db, "host-of-both-8"));
    assert_false(file_has(f.db, "host-of-mallory-7"));
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

/* Another writer, which remembers the session and the resource, uses both again while they leave: after
 * the n-th time that the last table was looked at. */
typedef struct meddler {
    ly_store *other;
    int n, seen;
    bool done;
} meddler;

static void meddle(void *user, const char *sql, const char *expanded)
{
    meddler *m = user;
    (void)expanded;
    if (!strstr(sql, "FROM scope WHERE id > ?1") || m->seen++ != m->n)
        return;
    m->done = true;
    (void)ingest_one(m->other, (say){.trace = 9,
                                     .span = 9,
                                     .name = "a",
                                     .start_ms = 9000,
                                     .session = "session-that-goes-on",
                                     .service = "host-that-goes-on"});
}

static void what_is_used_again_stays(void **state)
{
    (void)state;
    int fired = 0;
    for (int n = 0; n < 4; n++) {
        folder f = folder_make();
        ly_store *store = open_writer(f.db), *other = open_writer(f.db);
        ly_arena arena;
        ly_arena_init(&arena, 0, 0);
        (void)ingest_one(other, (say){.trace = 1,
                                      .span = 1,
                                      .name = "a",
                                      .start_ms = 1000,
                                      .session = "session-that-goes-on",
                                      .service = "host-that-goes-on"});
        settle_all(other);
        meddler m = {.other = other, .n = n};
        ly_store_record(store, meddle, &m);
        forget_second(store, 1);
        ly_store_record(store, NULL, NULL);
        fired += m.done;
        settle_all(other);
        if (m.done) {
            ly_trace *t = load_trace(store, 9, &arena);
            assert_true(ly_str_eq(t->row.session, LY_S("session-that-goes-on")));
            assert_true(ly_str_eq(t->row.service, LY_S("host-that-goes-on")));
        } else {
            assert_false(file_has(f.db, "session-that-goes-on"));
            assert_false(file_has(f.db, "host-that-goes-on"));
        }
        ly_arena_release(&arena);
        ly_store_close(other);
        ly_store_close(store);
        folder_remove(&f);
    }
    assert_true(fired >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_go_with_their_last_record),
        cmocka_unit_test(what_is_used_again_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
