/* The quarantine: bounded in rows and bytes, one row for one contradiction, no byte of what may not stay. */
#include "support.h"

static ly_store_reject reject_of(ly_str wire, uint64_t n, bool hash_only)
{
    return (ly_store_reject){.reason = LY_S("malformed"),
                             .service = LY_S("svc"),
                             .trace_id = tid(n),
                             .span_id = sid(n),
                             .wire = wire,
                             .hash_only = hash_only};
}

static void put(ly_store *store, const ly_store_reject *rejects, size_t n)
{
    ly_store_batch batch = {.rejects = rejects, .n_rejects = n};
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_ingest(store, &batch, NULL, &err), err);
}

static size_t groups_of(ly_store *store, ly_arena *arena, ly_quarantine_group **ret)
{
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_quarantine_groups(store, 20, arena, ret, &n, &err), err);
    return n;
}

static bool file_has(const char *db, const char *text)
{
    static const char *const ends[] = {"", "-wal"};
    bool found = false;
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        char path[120];
        (void)snprintf(path, sizeof path, "%s%s", db, ends[i]);
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        char *all = ly_malloc(LY_MIB(8));
        assert_non_null(all);
        size_t n = fread(all, 1, LY_MIB(8), f);
        found = found || memmem(all, n, text, strlen(text));
        ly_free(all);
        (void)fclose(f);
    }
    return found;
}

static void groups_and_hashes(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_store_reject two[] = {reject_of(LY_S("open-bytes-kept"), 1, false),
                             reject_of(LY_S("secret-bytes-gone"), 2, true)};
    put(store, two, 2);
    assert_true(file_has(f.db, "open-bytes-kept"));
    assert_false(file_has(f.db, "secret-bytes-gone"));
    ly_quarantine_unread unread[] = {{.size = 77, .hash = {1, 2}, .reason = LY_S("not protobuf")}};
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_quarantine_unread(store, unread, 1, &err), err);
    ly_quarantine_group *groups = NULL;
    assert_int_equal(groups_of(store, &arena, &groups), 2);
    assert_str(groups[0].kind, "undecodable");
    assert_str(groups[0].reason, "not protobuf");
    assert_int_equal(groups[0].size, 77);
    assert_str(groups[1].kind, "rejected");
    assert_str(groups[1].service, "svc");
    assert_int_equal(groups[1].n, 2);
    assert_int_equal(groups[1].size, sizeof "secret-bytes-gone" - 1);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

static void bounds(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    char *big = ly_malloc(LY_MIB(1));
    assert_non_null(big);
    memset(big, 'x', LY_MIB(1));
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    /* 100 MiB of items: the older go, and the sum stays under its bound. */
    for (uint64_t i = 0; i < 100; i++) {
        memcpy(big, &i, sizeof i);
        ly_store_reject one = reject_of(ly_str_n(big, LY_MIB(1)), i + 1, false);
        put(store, &one, 1);
    }
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_true(info.n_quarantined > 20 && info.n_quarantined <= 64);
    /* Larger than an item may be: size and hash only. */
    char *larger = ly_malloc(LY_MIB(2));
    assert_non_null(larger);
    memset(larger, 'y', LY_MIB(2));
    ly_store_reject one = reject_of(ly_str_n(larger, LY_MIB(2)), 500, false);
    put(store, &one, 1);
    assert_false(file_has(f.db, "yyyyyyyyyyyyyyyy"));
    ly_free(big);
    ly_free(larger);
    ly_store_close(store);
    folder_remove(&f);
}

static void one_contradiction_one_row(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(ingest_one(store, (say){.trace = 1, .span = 1, .name = "first"}), LY_STORED);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ingest_one(store, (say){.trace = 1, .span = 1, .name = "second"}),
                         LY_CONFLICT);
    assert_int_equal(ingest_one(store, (say){.trace = 1, .span = 1, .name = "third"}), LY_CONFLICT);
    ly_quarantine_group *groups = NULL;
    assert_int_equal(groups_of(store, &arena, &groups), 1);
    assert_int_equal(groups[0].n, 2);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_and_hashes),
        cmocka_unit_test(bounds),
        cmocka_unit_test(one_contradiction_one_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
