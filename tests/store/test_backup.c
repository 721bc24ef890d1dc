/* A backup in pieces: many short snapshots, and still one moment of the database, whatever writers and
 * checkpoints do meanwhile. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    return x ^ x >> 29;
}

/* Text that does not pack. */
static void put_noise(char *out, size_t n, uint64_t seed)
{
    for (size_t i = 0; i + 1 < n; i++)
        out[i] = (char)('!' + mix(seed * 7919 + i) % 90);
    out[n - 1] = 0;
}

/* Spans of 4 KB, a trace each, numbered in the order of their commits. */
static void put_spans(ly_store *store, uint64_t from, uint64_t n)
{
    made m = made_new(n);
    char noise[4096];
    for (uint64_t i = from; i < from + n; i++) {
        put_noise(noise, sizeof noise, i);
        made_say(&m, (say){.trace = i,
                           .span = i,
                           .name = "noisy",
                           .operation = "chat",
                           .model = "gpt-4o",
                           .in = 3,
                           .out = 2,
                           .input = noise,
                           .start_ms = i * 10});
    }
    ingest_made(store, &m, NULL);
    made_free(&m);
}

typedef struct load {
    const char *path;
    int style; /* 0 SQLite's own checkpoints, 1 passive ones, 2 the log is cut off */
    atomic_bool stop;
    atomic_uint_least64_t next;
} load;

static void *write_on(void *arg)
{
    load *l = arg;
    ly_store *store = open_writer(l->path);
    ly_err err = LY_ERR_INIT;
    for (int i = 1; !atomic_load(&l->stop); i++) {
        put_spans(store, atomic_load(&l->next), 4);
        atomic_fetch_add(&l->next, 4);
        if (i % 5 == 0)
            assert_ok(ly_store_settle(store, 5 * LY_NS_PER_MS, false, NULL, &err), err);
        if (l->style && i % (l->style == 1 ? 7 : 40) == 0)
            assert_ok(ly_store_checkpoint(store, l->style == 2, 20 * LY_NS_PER_MS, NULL, &err),
                      err);
        struct timespec pause = {0, 2000000};
        (void)nanosleep(&pause, NULL);
    }
    ly_store_close(store);
    return NULL;
}

static int snapshots;

static void count_snapshots(void *user, const char *sql, const char *expanded)
{
    (void)user;
    (void)expanded;
    snapshots += strcmp(sql, "BEGIN") == 0;
}

/* Makes copying slow enough that it takes several rounds. */
static bool slowly(void *user, int64_t done, int64_t total)
{
    (void)user;
    (void)done;
    (void)total;
    struct timespec pause = {0, 60000000};
    (void)nanosleep(&pause, NULL);
    return true;
}

static void complain(void *user, bool ok, const char *what, const char *detail)
{
    (void)user;
    if (!ok)
        print_error("%s: %s\n", what, detail);
}

static bool has_span(ly_store *store, uint64_t n)
{
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace *t = NULL;
    const ly_status st = ly_store_trace_load(store, tid(n), &arena, &t, NULL);
    ly_arena_release(&arena);
    return st == LY_OK;
}

static void a_backup_is_one_moment(void **state)
{
    (void)state;
    for (int style = 0; style < 3; style++) {
        folder f = folder_make();
        ly_store *store = open_writer(f.db);
        for (uint64_t i = 0; i < 20; i++)
            put_spans(store, 1 + i * 64, 64);
        load l = {.path = f.db, .style = style};
        atomic_init(&l.next, 1281);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_on, &l), 0);
        ly_store *reader = open_reader(f.db);
        char copy[120];
        (void)snprintf(copy, sizeof copy, "%s/copy.db", f.path);
        ly_err err = LY_ERR_INIT;
        snapshots = 0;
        ly_store_record(reader, count_snapshots, NULL);
        assert_ok(ly_store_backup(reader, copy, slowly, NULL, &err), err);
        const uint64_t after = atomic_load(&l.next);
        atomic_store(&l.stop, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(snapshots >= 3);
        ly_store_close(reader);

        ly_store *copied = open_reader(copy);
        int64_t bad = -1;
        assert_ok(ly_store_check(copied, false, complain, NULL, NULL, &bad, &err), err);
        assert_int_equal(bad, 0);
        /* All that was committed before, and of what came meanwhile the first ones without a gap. */
        uint64_t n = 1;
        while (has_span(copied, n))
            n++;
        assert_true(n > 1280);
        ly_store_info info;
        assert_ok(ly_store_info_get(copied, true, &info, &err), err);
        assert_int_equal(info.n_spans, n - 1);
        assert_true(n <= after + 4);
        ly_store_close(copied);
        ly_store_close(store);
        folder_remove(&f);
    }
}

/* Nobody else has it open, and its log is gone. */
static void a_backup_of_a_quiet_file(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    put_spans(store, 1, 64);
    ly_store_close(store);
    char copy[120];
    (void)snprintf(copy, sizeof copy, "%s/copy.db", f.path);
    store = open_reader(f.db);
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_backup(store, copy, NULL, NULL, &err), err);
    ly_store_close(store);
    store = open_reader(copy);
    int64_t bad = -1;
    assert_ok(ly_store_check(store, false, complain, NULL, NULL, &bad, &err), err);
    assert_int_equal(bad, 0);
    assert_true(has_span(store, 64));
    ly_store_close(store);
    folder_remove(&f);
}

static bool not_now(void *user, int64_t done, int64_t total)
{
    (void)user;
    (void)done;
    (void)total;
    return false;
}

static void a_stopped_backup_leaves_nothing(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    for (uint64_t i = 0; i < 4; i++)
        put_spans(store, 1 + i * 64, 64);
    char copy[120];
    (void)snprintf(copy, sizeof copy, "%s/copy.db", f.path);
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_store_backup(store, copy, not_now, NULL, &err), LY_E_CANCELLED);
    assert_int_equal(access(copy, F_OK), -1);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_one_moment),
        cmocka_unit_test(a_backup_of_a_quiet_file),
        cmocka_unit_test(a_stopped_backup_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
