/* The full-text index: answers are the same at every stage of it, and what is forgotten is not in it. */
#include "support.h"

#include <sqlite3.h>

#include "filter/filter.h"

#define TRACES 60

static size_t found(ly_store *store, const char *text, uint64_t *ret_first)
{
    ly_err err = LY_ERR_INIT;
    ly_filter *f = NULL;
    ly_arena arena;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    ly_store_key key;
    bool more = false;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    if (ly_filter_parse(ly_str_c(text), NULL, &f, NULL, &err) != LY_OK)
        fail_msg("%s: %s", text, err.text);
    ly_arena_init(&arena, 0, 0);
    query.filter = f;
    query.limit = 1000;
    if (ly_store_trace_page(store, &query, &arena, &rows, &n, &key, &more, &err) != LY_OK)
        fail_msg("%s: %s", text, err.text);
    if (ret_first && n)
        *ret_first = rows[0].trace_id.b[8];
    ly_arena_release(&arena);
    ly_filter_free(f);
    return n;
}

static void put(ly_store *store, uint64_t trace, uint64_t span, const char *words)
{
    char input[40000];
    (void)snprintf(input, sizeof input,
                   "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"%s\"}]}]",
                   words);
    (void)ingest_one(store, (say){.trace = trace,
                                  .span = span,
                                  .operation = "chat",
                                  .model = "gpt-4o",
                                  .input = input,
                                  .start_ms = trace * 1000 + span});
}

static void fill(ly_store *store, uint64_t from, uint64_t to)
{
    static const char *const kinds[] = {
        "the Zebra crosses slowly, and then the long story goes on and on until it is done",
        "caf\\u00e9 au lait and a much longer sentence that stands in a content of its own",
        "caf\xc3\xa9 noir with enough words around it to be moved out of the payload as well",
        "path src\\/main.c or src/main.c, \\\"quoted\\\" words, {\\\"json\\\":[1,2,3]} and "
        "brackets",
        "tiny",
        "\\ud83d\\ude80 rockets, written as a pair of escapes, with some more words to be long",
    };
    for (uint64_t t = from; t < to; t++) {
        char words[400];
        (void)snprintf(words, sizeof words, "%s number%03u!", kinds[t % LY_COUNT(kinds)],
                       (unsigned)t);
        put(store, t, 1, words);
    }
}

/* Of traces 1 to n. */
static void check_all(ly_store *store, size_t n, const char *stage)
{
    struct {
        const char *text;
        size_t rest; /* of the kind, LY_COUNT = all */
    } const asked[] = {
        {"text:zebra", 0},
        {"text:Zebra", 0},
        {"text:\"caf\xc3\xa9 au\"", 1},
        {"text:\"caf\xc3\xa9 noir\"", 2},
        {"text:src/main.c", 3},
        {"text:\"\\\"quoted\\\"\"", 3},
        {"text:tiny", 4},
        {"text:ny", 4},
        {"text:\"\xf0\x9f\x9a\x80 rock\"", 5},
        {"text:\"json\" text:brackets", 3},
        {"text:rockets", 5},
    };
    for (size_t i = 0; i < LY_COUNT(asked); i++) {
        size_t want = 0;
        for (size_t t = 1; t <= n; t++)
            want += t % 6 == asked[i].rest;
        size_t got = found(store, asked[i].text, NULL);
        if (got != want)
            fail_msg("%s: %s: %zu, not %zu", stage, asked[i].text, got, want);
    }
    assert_int_equal(found(store, "text:number", NULL), n);
    assert_int_equal(found(store, "text:ZEBRA", NULL), 0); /* a capital asks for capitals */
    assert_int_equal(found(store, "text:nosuchword", NULL), 0);
    assert_int_equal(found(store, "!text:zebra", NULL), n - found(store, "text:zebra", NULL));
    assert_int_equal(found(store, "text:zebra | text:tiny", NULL),
                     found(store, "text:zebra", NULL) + found(store, "text:tiny", NULL));
    for (size_t t = 1; t <= n; t += 7) {
        char text[40];
        uint64_t first = 0;
        (void)snprintf(text, sizeof text, "text:number%03zu", t);
        if (found(store, text, &first) != 1 || first != t)
            fail_msg("%s: %s", stage, text);
    }
}

static int64_t index_now(ly_store *store, bool all)
{
    ly_err err = LY_ERR_INIT;
    int64_t left = -1;
    assert_ok(ly_store_text_index(store, 0, all, &left, &err), err);
    return left;
}

static int64_t count(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    (void)sqlite3_close(db);
    return n;
}

static void complete_at_every_stage(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    fill(store, 1, 21);
    check_all(store, 20, "not settled");
    settle_all(store);
    check_all(store, 20, "settled");
    assert_int_equal(index_now(store, false), 20); /* too little to begin with */
    assert_int_equal(index_now(store, true), 0);
    check_all(store, 20, "indexed");
    fill(store, 21, 41);
    check_all(store, 40, "new ones not settled");
    settle_all(store);
    check_all(store, 40, "new ones settled");
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_info_get(store, false, &info, &err), err);
    assert_int_equal(info.n_unindexed, 20);
    assert_int_equal(index_now(store, true), 0);
    fill(store, 41, TRACES + 1);
    settle_all(store);
    check_all(store, TRACES, "two blocks and a rest");
    assert_int_equal(index_now(store, true), 0);
    check_all(store, TRACES, "three blocks");
    /* An indexed trace grows. */
    put(store, 5, 2, "a late walrus");
    assert_int_equal(found(store, "text:walrus", NULL), 1);
    settle_all(store);
    assert_int_equal(found(store, "text:walrus", NULL), 1);
    assert_int_equal(index_now(store, true), 0);
    uint64_t first = 0;
    assert_int_equal(found(store, "text:walrus", &first), 1);
    assert_int_equal(first, 5);
    check_all(store, TRACES, "one grew");
    ly_store_rebuild how = {.normalise = true};
    assert_ok(ly_store_rebuild_run(store, &how, &err), err);
    assert_ok(ly_store_info_get(store, false, &info, &err), err);
    assert_int_equal(info.n_unindexed, 0);
    check_all(store, TRACES, "rebuilt");
    assert_int_equal(found(store, "text:walrus", NULL), 1);
    ly_store_close(store);
    /* One block now, not the four of before. */
    assert_int_equal(count(f.db, "SELECT count(*) FROM text_block"), 1);
    folder_remove(&f);
}

/* Writing has stopped: all of it goes in, and traces that come one by one do not leave a block each. */
static void all_of_it_at_rest(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    int64_t left = -1;
    fill(store, 1, 11);
    assert_ok(ly_store_text_rest(store, &left, &err), err);
    assert_int_equal(count(f.db, "SELECT count(*) FROM text_block"), 0); /* to be settled first */
    settle_all(store);
    assert_ok(ly_store_text_rest(store, &left, &err), err);
    assert_int_equal(left, 0);
    check_all(store, 10, "at rest");
    for (unsigned i = 11; i < 75; i++) {
        fill(store, i, i + 1);
        settle_all(store);
        assert_ok(ly_store_text_rest(store, &left, &err), err);
        assert_int_equal(left, 0);
    }
    check_all(store, 74, "one by one");
    ly_store_info info;
    assert_ok(ly_store_info_get(store, false, &info, &err), err);
    assert_int_equal(info.n_unindexed, 0);
    ly_store_close(store);
    assert_true(count(f.db, "SELECT count(*) FROM text_block") < 8);
    assert_int_equal(count(f.db, "SELECT count(DISTINCT trace) FROM text_of"), 74);
    folder_remove(&f);
}

static void a_reader_sees_it(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db), *reader = open_reader(f.db);
    fill(store, 1, 31);
    settle_all(store);
    check_all(reader, 30, "reader, not indexed");
    assert_int_equal(index_now(store, true), 0);
    check_all(reader, 30, "reader, indexed");
    /* What was answered once is not answered again when there is more. */
    fill(store, 31, 41);
    check_all(reader, 40, "reader, more");
    ly_store_close(reader);
    ly_store_close(store);
    folder_remove(&f);
}

static void forgotten_and_gone(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    fill(store, 1, 31);
    put(store, 31, 1, "xqzwvk");
    settle_all(store);
    assert_int_equal(index_now(store, true), 0);
    assert_int_equal(found(store, "text:xqzwvk", NULL), 1);
    ly_filter *filter = NULL;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    assert_ok(ly_filter_parse(LY_S("text:xqzwvk"), NULL, &filter, NULL, &err), err);
    query.filter = filter;
    ly_store_removed removed;
    assert_ok(ly_store_forget(store, &query, false, &removed, &err), err);
    assert_int_equal(removed.n_traces, 1);
    ly_filter_free(filter);
    assert_int_equal(found(store, "text:xqzwvk", NULL), 0);
    check_all(store, 30, "one forgotten");
    assert_ok(ly_store_checkpoint(store, true, LY_NS_PER_SEC, NULL, &err), err);
    /* The block went with it, its neighbours wait. */
    assert_int_equal(count(f.db, "SELECT count(*) FROM text_part"), 0);
    assert_int_equal(count(f.db, "SELECT count(*) FROM text_todo"), 30);
    FILE *file = fopen(f.db, "rb");
    static char bytes[8 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    /* As grams stand in a part: the gram, the length of its list. */
    assert_null(memmem(bytes, n, "xqz", 3));
    assert_null(memmem(bytes, n, "zwv", 3));
    assert_null(memmem(bytes, n, "wvk", 3));
    assert_int_equal(index_now(store, true), 0);
    check_all(store, 30, "indexed again");
    ly_store_close(store);
    file = fopen(f.db, "rb");
    n = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_null(memmem(bytes, n, "zwv", 3));
    folder_remove(&f);
}

/* Days that go take their part of the index along; the others stay in it or wait. */
static void retention_takes_it(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    const int64_t day = 86400 * LY_NS_PER_SEC, start = 20500 * day + 3600 * LY_NS_PER_SEC;
    ly_wall_fix(start);
    fill(store, 100, 130);
    settle_all(store);
    assert_int_equal(index_now(store, true), 0);
    ly_wall_fix(start + 3 * day);
    fill(store, 1, 31);
    settle_all(store);
    assert_int_equal(index_now(store, true), 0);
    assert_int_equal(found(store, "text:number", NULL), 60);
    ly_retention rule = {.keep_app_ns = 2 * day};
    bool more = true;
    while (more)
        assert_ok(ly_store_prune(store, &rule, false, NULL, &more, &err), err);
    check_all(store, 30, "a day is gone");
    assert_int_equal(index_now(store, true), 0);
    check_all(store, 30, "a day is gone, indexed");
    ly_store_close(store);
    ly_wall_fix(0);
    assert_int_equal(count(f.db, "SELECT count(*) FROM text_of"), 30);
    assert_int_equal(count(f.db, "SELECT count(*) FROM text_block"), 1);
    folder_remove(&f);
}

/* A file whose index is damaged says so; it does not answer less. */
static void damage_is_told(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    fill(store, 1, 11);
    settle_all(store);
    assert_int_equal(index_now(store, true), 0);
    ly_store_close(store);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE text_part SET data = x'ff' WHERE (id & 255) < 128",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    store = open_writer(f.db);
    check_all(store, 10, "parts of grams damaged");
    assert_int_equal(sqlite3_exec(db, "UPDATE text_part SET data = x'ff' WHERE (id & 255) = 255",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    assert_ok(ly_filter_parse(LY_S("text:zebra"), NULL, &filter, NULL, &err), err);
    query.filter = filter;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    assert_int_equal(ly_store_trace_page(store, &query, &arena, &rows, &n, NULL, NULL, &err),
                     LY_E_CORRUPT);
    assert_non_null(strstr(err.text, "db rebuild"));
    ly_filter_free(filter);
    ly_arena_release(&arena);
    (void)sqlite3_close(db);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complete_at_every_stage), cmocka_unit_test(all_of_it_at_rest),
        cmocka_unit_test(a_reader_sees_it),        cmocka_unit_test(forgotten_and_gone),
        cmocka_unit_test(retention_takes_it),      cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
