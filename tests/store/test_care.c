/* Export, forgetting, pins: what is kept is kept byte for byte, what is forgotten is gone from the disk. */
#include "support.h"

#include <fcntl.h>

#define SECRET \
    "the quick brown fox jumps over the lazy secret number 4711 and keeps on jumping for a while "

static char *repeat(ly_arena *arena, const char *text, int n)
{
    ly_buf b;
    ly_buf_init(&b, 1 << 20);
    for (int i = 0; i < n; i++)
        ly_buf_fmt(&b, "%s%d ", text, i);
    char *out = (char *)(uintptr_t)ly_arena_copy(arena, ly_buf_view(&b)).ptr;
    ly_buf_release(&b);
    return out;
}

static bool file_has(const char *path, const char *suffix, const void *what, size_t n)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    FILE *f = fopen(name, "rb");
    if (!f)
        return false;
    (void)fseek(f, 0, SEEK_END);
    long size = ftell(f);
    (void)fseek(f, 0, SEEK_SET);
    char *bytes = ly_malloc((size_t)size + 1);
    bool read_ok = bytes && fread(bytes, 1, (size_t)size, f) == (size_t)size;
    (void)fclose(f);
    bool found = read_ok && memmem(bytes, (size_t)size, what, n) != NULL;
    ly_free(bytes);
    return found;
}

typedef struct exported {
    size_t n, equal;
    const made *want;
} exported;

static ly_status on_export(void *user, const ly_span *span, const ly_log_record *log, ly_err *err)
{
    (void)log;
    (void)err;
    exported *e = user;
    e->n++;
    for (size_t i = 0; i < e->want->n; i++)
        if (ly_span_id_eq(e->want->spans[i].span_id, span->span_id) &&
            ly_trace_id_eq(e->want->spans[i].trace_id, span->trace_id))
            e->equal += ly_str_eq(e->want->spans[i].wire, span->wire) &&
                        ly_str_eq(e->want->spans[i].resource->wire, span->resource->wire);
    return LY_OK;
}

static void fill(ly_store *store, made *m, uint64_t traces)
{
    for (uint64_t t = 1; t <= traces; t++) {
        char *common = repeat(
            &m->arena,
            "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"shared words\"}]},", 3);
        char *own = repeat(&m->arena, SECRET, (int)t);
        char *input =
            (char *)(uintptr_t)ly_arena_fmt(
                &m->arena, "[{\"role\":\"user\",\"content\":\"%s trace %d\"}, {\"c\":\"%s\"}]", own,
                (int)t, own)
                .ptr;
        made_say(m, (say){.trace = t,
                          .span = 1,
                          .name = "root",
                          .session = t == 3 ? "session-of-three-xyzzy" : "s",
                          .user = "u",
                          .input = common,
                          .start_ms = t * 1000,
                          .end_ms = t * 1000 + 100});
        made_say(m, (say){.trace = t,
                          .span = 2,
                          .parent = 1,
                          .operation = "chat",
                          .model = "gpt-4o",
                          .in = 10,
                          .out = 5,
                          .input = input,
                          .cost = "0.25",
                          .start_ms = t * 1000 + 10,
                          .output = repeat(&m->arena, "reply ", 40)});
    }
    ingest_made(store, m, NULL);
    settle_all(store);
}

static void export_is_byte_for_byte(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(64);
    fill(store, &m, 20);
    exported e = {.want = &m};
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    q.limit = 0;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_export(store, &q, true, on_export, &e, &err), err);
    assert_int_equal(e.n, 40);
    assert_int_equal(e.equal, 40);
    /* Into another file and again: nothing new. */
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

static void forgotten_bytes_are_gone(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(4000);
    fill(store, &m, 20);
    /* More spans of the same traces, one a commit, so that pages are split. */
    for (uint64_t i = 0; i < 600; i++)
        (void)ingest_one(store, (say){.trace = 1 + i % 20,
                                      .span = 100 + i,
                                      .parent = 1,
                                      .name = "filler",
                                      .start_ms = (1 + i % 20) * 1000 + 20,
                                      .session = i % 20 == 2 ? "session-of-three-xyzzy" : "s"});
    settle_all(store);
    ly_err err = LY_ERR_INIT;
    /* What is looked for: the trace id, its span ids, its session's name, in file or log. */
    ly_trace_id three = tid(3);
    assert_true(file_has(f.db, "", &three, 16) || file_has(f.db, "-wal", &three, 16));
    assert_true(file_has(f.db, "", "session-of-three-xyzzy", 22) ||
                file_has(f.db, "-wal", "session-of-three-xyzzy", 22));

    ly_trace_query q = LY_TRACE_QUERY_INIT;
    q.since_ns = ((int64_t)SAY_BASE_MS + 3000) * LY_NS_PER_MS;
    q.until_ns = q.since_ns + LY_NS_PER_SEC;
    q.limit = 0;
    ly_store_removed removed = {0};
    assert_ok(ly_store_forget(store, &q, true, &removed, &err), err);
    assert_int_equal(removed.n_traces, 1);
    ly_store_info before, after;
    assert_ok(ly_store_info_get(store, true, &before, &err), err);
    assert_ok(ly_store_forget(store, &q, false, &removed, &err), err);
    assert_int_equal(removed.n_traces, 1);
    assert_int_equal(removed.n_spans, 32);
    assert_ok(ly_store_info_get(store, true, &after, &err), err);
    assert_int_equal(after.n_traces, before.n_traces - 1);
    assert_int_equal(after.n_spans, before.n_spans - 32);
    assert_int_equal(after.n_charges, before.n_charges); /* the ledger keeps its sums */
    assert_false(file_has(f.db, "", &three, 16));
    assert_false(file_has(f.db, "-wal", &three, 16));
    assert_false(file_has(f.db, "", "session-of-three-xyzzy", 22));
    assert_false(file_has(f.db, "-wal", "session-of-three-xyzzy", 22));
    ly_span_id filler = sid(102);
    assert_false(file_has(f.db, "", &filler, 8));
    /* The neighbours are whole. */
    exported e = {.want = &m};
    ly_trace_query all = LY_TRACE_QUERY_INIT;
    all.limit = 0;
    assert_ok(ly_store_export(store, &all, false, on_export, &e, &err), err);
    assert_int_equal(e.equal, 38);
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(export_is_byte_for_byte),
        cmocka_unit_test(forgotten_bytes_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
