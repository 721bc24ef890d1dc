/* A damaged or hostile file is data: whatever its bytes, every call returns. */
#include "support.h"

#include "store/db.h"
#include "store/usage.h"

static uint64_t seed = 7;
static uint64_t next(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return seed >> 33;
}

static ly_status ignore(void *user, const ly_span *span, const ly_log_record *log, ly_err *err)
{
    (void)err;
    *(size_t *)user += span ? span->attrs.n : log->attrs.n;
    return LY_OK;
}

static void quiet(void *user, bool ok, const char *what, const char *detail)
{
    (void)what;
    *(size_t *)user += ok + strlen(detail);
}

static void use_everything(const char *path)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    opts.busy_timeout_ns = 100 * LY_NS_PER_MS;
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    if (ly_store_open(path, &opts, &store, &err))
        return;
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_MIB(256));
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    ly_trace_row *rows = NULL;
    size_t n = 0, sum = 0;
    ly_store_key key;
    bool more;
    int64_t bad;
    if (!ly_store_trace_page(store, &q, &arena, &rows, &n, &key, &more, &err))
        for (size_t i = 0; i < n; i++) {
            ly_trace *t = NULL;
            if (ly_store_trace_load(store, rows[i].trace_id, &arena, &t, &err))
                continue;
            for (size_t k = 0; k < t->n; k++) {
                ly_span_full *full = NULL;
                (void)!ly_store_span_load(store, rows[i].trace_id, t->nodes[k].span_id, &arena,
                                          &full, &err);
            }
        }
    q.limit = 0;
    (void)!ly_store_export(store, &q, true, ignore, &sum, &err);
    (void)!ly_store_check(store, false, quiet, NULL, &sum, &bad, &err);
    (void)!ly_store_settle(store, LY_NS_PER_SEC, true, &bad, &err);
    made m = made_new(4);
    for (uint64_t i = 0; i < 4; i++)
        made_say(
            &m,
            (say){.trace = i + 1, .span = i + 90, .parent = 1, .operation = "chat", .model = "m"});
    ly_store_batch batch = {.spans = m.items, .n_spans = m.n};
    (void)!ly_store_ingest(store, &batch, NULL, &err);
    made_free(&m);
    ly_arena_release(&arena);
    ly_store_close(store);
}

static size_t read_all(const char *path, char *bytes, size_t max)
{
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, max, f);
    (void)fclose(f);
    return n;
}

static void flipped_bytes_crash_nothing(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(64);
    for (uint64_t i = 0; i < 60; i++) {
        ly_str text =
            ly_arena_fmt(&m.arena, "[{\"role\":\"user\",\"content\":\"%0200d\"}]", (int)i % 9);
        made_say(&m, (say){.trace = 1 + i % 4,
                           .span = 1 + i,
                           .parent = i > 3 ? 1 + i % 4 : 0,
                           .operation = i % 3 ? "chat" : NULL,
                           .model = "m",
                           .in = 5,
                           .out = 1,
                           .session = "s",
                           .input = text.ptr,
                           .cost = "0.1"});
    }
    ingest_made(store, &m, NULL);
    made_free(&m);
    settle_all(store);
    ly_store_close(store);
    static char good[8 << 20], hurt[8 << 20];
    size_t size = read_all(f.db, good, sizeof good);
    assert_true(size > 100000);
    for (int round = 0; round < 60; round++) {
        memcpy(hurt, good, size);
        size_t length = size;
        int flips = 1 + (int)(next() % 40);
        for (int i = 0; i < flips; i++) {
            size_t at = (next() << 11 ^ next()) % size;
            hurt[at] = (char)(round % 3 ? hurt[at] ^ (1 << next() % 8) : (char)next());
        }
        if (round % 10 == 9)
            length = next() % size; /* cut off */
        FILE *out = fopen(f.db, "wb");
        assert_int_equal(fwrite(hurt, 1, length, out), length);
        (void)fclose(out);
        use_everything(f.db);
        char name[120];
        (void)snprintf(name, sizeof name, "%s-wal", f.db);
        (void)unlink(name);
        (void)snprintf(name, sizeof name, "%s-shm", f.db);
        (void)unlink(name);
    }
    folder_remove(&f);
}

/* The values of rows changed, with the pages sound: what SQLite itself cannot notice. */
static void wrong_values_crash_nothing(void **state)
{
    (void)state;
    static const char *const hurts[] = {
        "UPDATE payload SET data = randomblob(40)",
        "UPDATE payload SET data = x'00'",
        "UPDATE payload SET data = x'02ffffffffffffffffff7f00', dictionary = -1, size = 12",
        "UPDATE payload SET n = 1 << 40",
        "UPDATE payload SET n = -1, size = 1 << 60",
        "UPDATE content SET n = 64, id = id - 5",
        "UPDATE content_hash SET hashes = randomblob(160)",
        "UPDATE content SET data = randomblob(9), dictionary = 1",
        "UPDATE content SET size = -5",
        "UPDATE content SET size = 1 << 60",
        "UPDATE content SET dictionary = 77",
        "UPDATE span SET type = 99, role = -4, kind = 1 << 40, flags = -1, status = 70000",
        "UPDATE span SET parent_id = span_id",
        "UPDATE span SET span_id = x'00'",
        "UPDATE span SET start_ns = 9223372036854775807, dur_ns = 9223372036854775807",
        "UPDATE span SET start_ns = -9223372036854775807, dur_ns = -9223372036854775807",
        "UPDATE span SET in_fresh = 9223372036854775807, table_cost_pico = 9223372036854775807",
        "UPDATE span SET in_fresh = -9, side = x'ffffffffffffffffffffffff', attempt = 1 << 50",
        "UPDATE span SET name = -1, session = 1 << 40, resource = 999, scope = -1",
        "UPDATE trace SET epoch = 1 << 30, origin = 77, root_type = -7, session = -1",
        "UPDATE resource SET wire = randomblob(30)",
        "UPDATE charge SET sign = 100, line = line + 5, origin = 9, amount_pico = "
        "9223372036854775807",
        "DELETE FROM word",
        "DELETE FROM meta",
        "DELETE FROM epoch",
        "DELETE FROM content",
        "UPDATE dirty SET changes = -9223372036854775807",
        "DELETE FROM usage",
    };
    for (size_t i = 0; i < LY_COUNT(hurts); i++) {
        folder f = folder_make();
        ly_store *store = open_writer(f.db);
        for (uint64_t k = 0; k < 3; k++)
            (void)ingest_one(
                store,
                (say){.trace = 1,
                      .span = k + 1,
                      .parent = k,
                      .operation = "chat",
                      .model = "m",
                      .in = 5,
                      .session = "s",
                      .cost = "0.1",
                      .input = "[{\"role\":\"user\",\"content\":\"long enough to be a piece of "
                               "content, which takes about a hundred characters, or so\"}]"});
        settle_all(store);
        assert_int_equal(sqlite3_exec(ly_db_handle(ly_store_db(store)), hurts[i], NULL, NULL, NULL),
                         SQLITE_OK);
        ly_store_close(store);
        use_everything(f.db);
        folder_remove(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flipped_bytes_crash_nothing),
        cmocka_unit_test(wrong_values_crash_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
