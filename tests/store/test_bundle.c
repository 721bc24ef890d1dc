/*
 * Pieces that share rows: what is forgotten goes out of a row alone, what stays is byte for byte what came;
 * content is stored once, also after a restart and beside another writer; what was forgotten is not found
 * again.
 */
#include "support.h"

#define TRACES 12

/* The same bytes each time it is called: a conversation of `turns`, of which `common` is everybody's. */
static void conversation(made *m, uint64_t trace, int turns)
{
    ly_buf text;
    ly_buf_init(&text, 1 << 20);
    ly_buf_c(&text,
             "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"the words that "
             "all of these conversations begin with, long enough to be a piece\"}]}");
    for (int t = 0; t < turns; t++) {
        ly_buf_fmt(&text,
                   ",{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"secret %d of "
                   "trace %d, "
                   "said in so many words that it becomes a piece of its own: %d %d %d\"}]}",
                   t, (int)trace, t * 7919, (int)trace * 104729, t * (int)trace);
        ly_str input = ly_arena_fmt(&m->arena, "%.*s]", LY_STR_ARG(ly_buf_view(&text)));
        made_say(m, (say){.trace = trace,
                          .span = trace * 100 + (uint64_t)t,
                          .name = "chat",
                          .operation = "chat",
                          .model = "gpt-4o",
                          .input = input.ptr,
                          .start_ms = trace * 1000 + (uint64_t)t,
                          .end_ms = trace * 1000 + (uint64_t)t + 1});
    }
    ly_buf_release(&text);
}

static void fill(made *m, int turns)
{
    for (uint64_t t = 1; t <= TRACES; t++)
        conversation(m, t, turns);
}

typedef struct seen {
    const made *want;
    size_t n, equal;
} seen;

static ly_status on_span(void *user, const ly_span *span, const ly_log_record *log, ly_err *err)
{
    seen *s = user;
    (void)log;
    (void)err;
    s->n++;
    for (size_t i = 0; i < s->want->n; i++)
        if (ly_span_id_eq(s->want->spans[i].span_id, span->span_id) &&
            ly_trace_id_eq(s->want->spans[i].trace_id, span->trace_id))
            s->equal += ly_str_eq(s->want->spans[i].wire, span->wire);
    return LY_OK;
}

static void expect_spans(ly_store *store, const made *want, size_t n)
{
    seen s = {.want = want};
    ly_err err = LY_ERR_INIT;
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    q.limit = 0;
    assert_ok(ly_store_export(store, &q, true, on_span, &s, &err), err);
    assert_int_equal(s.n, n);
    assert_int_equal(s.equal, n);
}

static uint64_t contents_new(ly_store *store)
{
    ly_store_counters c;
    ly_store_counters_get(store, &c);
    return c.contents_new;
}

static bool file_has(const char *db, const char *what)
{
    FILE *f = fopen(db, "rb");
    assert_non_null(f);
    (void)fseek(f, 0, SEEK_END);
    long size = ftell(f);
    (void)fseek(f, 0, SEEK_SET);
    char *bytes = ly_malloc((size_t)size + 1);
    assert_true(bytes && fread(bytes, 1, (size_t)size, f) == (size_t)size);
    (void)fclose(f);
    bool found = memmem(bytes, (size_t)size, what, strlen(what)) != NULL;
    ly_free(bytes);
    return found;
}

static void forget_trace(ly_store *store, uint64_t trace)
{
    ly_err err = LY_ERR_INIT;
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    ly_store_removed removed = {0};
    ly_trace_id id = tid(trace);
    q.since_ns = (int64_t)(SAY_BASE_MS + trace * 1000) * LY_NS_PER_MS;
    q.until_ns = q.since_ns + 500 * LY_NS_PER_MS;
    assert_ok(ly_store_forget(store, &q, false, &removed, &err), err);
    assert_int_equal(removed.n_traces, 1);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace *full = NULL;
    assert_int_equal(ly_store_trace_load(store, id, &arena, &full, &err), LY_E_NOTFOUND);
    ly_arena_release(&arena);
}

static void a_piece_goes_alone(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(400);
    fill(&m, 3);
    ingest_made(store, &m, NULL); /* small traces in one commit: rows hold several traces' pieces */
    settle_all(store);
    expect_spans(store, &m, TRACES * 3);
    assert_int_equal(contents_new(store), TRACES * 3 + 1);
    for (uint64_t t = 1; t <= TRACES; t += 2)
        forget_trace(store, t);
    /* The common piece was stored with the first trace, and stays. */
    expect_spans(store, &m, TRACES / 2 * 3);
    ly_store_close(store);
    store = open_writer(f.db);
    expect_spans(store, &m, TRACES / 2 * 3);
    assert_false(file_has(f.db, "of trace 1, said"));
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_true(info.n_contents >= TRACES / 2 * 3 + 1);
    for (uint64_t t = 2; t <= TRACES; t += 2)
        forget_trace(store, t);
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_int_equal(info.n_contents, 0); /* empty rows go */
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

static void known_after_a_restart_and_beside_others(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *one = open_writer(f.db), *two = open_writer(f.db);
    made m = made_new(400), again = made_new(400);
    fill(&m, 3);
    fill(&again, 4);
    ingest_made(one, &m, NULL);
    assert_int_equal(contents_new(one), TRACES * 3 + 1);
    ingest_made(two, &again, NULL); /* a turn more: one piece a trace */
    assert_int_equal(contents_new(two), TRACES);
    made more = made_new(400);
    fill(&more, 5);
    ingest_made(one, &more, NULL);
    assert_int_equal(contents_new(one), TRACES * 3 + 1 + TRACES);
    ly_store_close(one);
    one = open_writer(f.db);
    made most = made_new(400);
    fill(&most, 6);
    ingest_made(one, &most, NULL);
    assert_int_equal(contents_new(one), TRACES);
    expect_spans(one, &most, TRACES * 6);
    made_free(&m);
    made_free(&again);
    made_free(&more);
    made_free(&most);
    ly_store_close(one);
    ly_store_close(two);
    folder_remove(&f);
}

static void the_forgotten_is_not_found(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *one = open_writer(f.db), *two = open_writer(f.db);
    made m = made_new(400);
    fill(&m, 3);
    ingest_made(one, &m, NULL);
    settle_all(one);
    forget_trace(two, 1);
    /* `one` remembers pieces that are gone: it must not name them. */
    made again = made_new(400);
    conversation(&again, 1, 3);
    ingest_made(one, &again, NULL);
    assert_int_equal(contents_new(one),
                     TRACES * 3 + 1 + 4); /* the common one is not found either */
    settle_all(one);
    expect_spans(one, &m, TRACES * 3);
    made_free(&m);
    made_free(&again);
    ly_store_close(one);
    ly_store_close(two);
    folder_remove(&f);
}

/* A start record and its span, and resends, in one commit: rows that are not written yet are read. */
static void met_before_it_is_written(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(400);
    conversation(&m, 1, 3);
    conversation(&m, 1, 3);
    ly_store_result results[400];
    ingest_made(store, &m, results);
    size_t stored = 0, again = 0;
    for (size_t i = 0; i < m.n; i++) {
        stored += results[i] == LY_STORED;
        again += results[i] == LY_DUPLICATE;
    }
    assert_int_equal(stored, 3);
    assert_int_equal(again, 3);
    made live = made_new(10);
    say start = {.trace = 9, .span = 1, .name = "work", .start_ms = 9000, .pending = true};
    say end = {.trace = 9, .span = 1, .name = "work", .start_ms = 9000, .end_ms = 9100};
    made_say(&live, start);
    made_say(&live, end);
    ingest_made(store, &live, results);
    assert_int_equal(results[0], LY_STORED);
    assert_int_equal(results[1], LY_MERGED);
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_span_full *full = NULL;
    assert_ok(ly_store_span_load(store, tid(9), sid(1), &arena, &full, &err), err);
    assert_true(ly_str_eq(full->span.wire, live.spans[1].wire));
    ly_arena_release(&arena);
    made_free(&m);
    made_free(&live);
    ly_store_close(store);
    folder_remove(&f);
}

/* Many and large pieces: rows end at their limits. */
static void rows_end_at_their_limits(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(400);
    conversation(&m, 1, 150);
    char *big = ly_malloc(300001);
    assert_non_null(big);
    for (size_t i = 0; i < 300000; i++)
        big[i] = (char)('a' + (i * i + i / 7) % 26);
    big[300000] = 0;
    made_say(&m, (say){.trace = 1, .span = 5000, .name = "big", .input = big, .start_ms = 1});
    ingest_made(store, &m, NULL);
    expect_spans(store, &m, m.n);
    ly_store_close(store);
    store = open_reader(f.db);
    expect_spans(store, &m, m.n);
    ly_free(big);
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_goes_alone),
        cmocka_unit_test(known_after_a_restart_and_beside_others),
        cmocka_unit_test(the_forgotten_is_not_found),
        cmocka_unit_test(met_before_it_is_written),
        cmocka_unit_test(rows_end_at_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
