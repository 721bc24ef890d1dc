/* The contract of ingest, reading and settling, through store.h alone. */
#include "support.h"

static void stores_and_reads_back(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(8);
    made_say(&m, (say){.trace = 1,
                       .span = 1,
                       .name = "agent",
                       .operation = "invoke_agent",
                       .end_ms = 500,
                       .session = "s1",
                       .user = "u1"});
    made_say(&m, (say){.trace = 1,
                       .span = 2,
                       .parent = 1,
                       .name = "chat gpt-4o",
                       .operation = "chat",
                       .model = "gpt-4o",
                       .provider = "openai",
                       .in = 100,
                       .out = 20,
                       .start_ms = 10,
                       .end_ms = 200,
                       .cost = "0.01"});
    made_say(&m, (say){.trace = 1,
                       .span = 3,
                       .parent = 1,
                       .name = "execute_tool find",
                       .operation = "execute_tool",
                       .tool = "find",
                       .start_ms = 210,
                       .error = true});
    ly_store_result results[3];
    ingest_made(store, &m, results);
    for (int i = 0; i < 3; i++)
        assert_int_equal(results[i], LY_STORED);

    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    for (int settled = 0; settled < 2; settled++) {
        ly_trace *t = load_trace(store, 1, &arena);
        assert_int_equal(t->n, 3);
        assert_str(t->nodes[0].name, "agent");
        assert_str(t->nodes[1].name, "chat gpt-4o");
        assert_int_equal(t->nodes[1].parent, 0);
        assert_int_equal(t->nodes[2].canon.type, LY_TYPE_TOOL);
        assert_int_equal(t->row.n_errors, 1);
        assert_int_equal(t->row.tokens.in_fresh, 100);
        assert_int_equal(t->row.tokens.out_visible, 20);
        assert_int_equal(t->row.cost_pico, 10000000000LL);
        assert_str(t->row.session, "s1");
        assert_str(t->row.model, "gpt-4o");
        assert_str(t->row.name, "agent");
        /* The list says the same, before and after the trace is settled. */
        ly_trace_query q = LY_TRACE_QUERY_INIT;
        ly_trace_row *rows = NULL;
        size_t n = 0;
        bool more = true;
        ly_store_key key;
        ly_err err = LY_ERR_INIT;
        assert_ok(ly_store_trace_page(store, &q, &arena, &rows, &n, &key, &more, &err), err);
        assert_int_equal(n, 1);
        assert_false(more);
        assert_int_equal(rows[0].n_spans, 3);
        assert_int_equal(rows[0].cost_pico, t->row.cost_pico);
        assert_int_equal(rows[0].tokens.in_fresh, 100);
        settle_all(store);
    }
    ly_span_full *full = NULL;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_span_load(store, tid(1), sid(2), &arena, &full, &err), err);
    assert_true(ly_str_eq(full->span.wire, m.spans[1].wire));
    assert_int_equal(full->canon.tokens.in_fresh, 100);
    assert_str(full->canon.request_model, "gpt-4o");
    ly_arena_release(&arena);
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

static void a_resend_changes_nothing(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    say chat = {.trace = 1, .span = 1, .operation = "chat", .model = "m", .in = 5, .out = 6};
    assert_int_equal(ingest_one(store, chat), LY_STORED);
    settle_all(store);
    assert_int_equal(ingest_one(store, chat), LY_DUPLICATE);
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_int_equal(info.n_spans, 1);
    assert_int_equal(info.n_dirty, 0);
    assert_int_equal(info.n_charges, 1);
    /* Twice in one batch too. */
    made m = made_new(2);
    say other = {.trace = 2, .span = 1, .operation = "chat", .model = "m"};
    made_say(&m, other);
    made_say(&m, other);
    ly_store_result results[2];
    ingest_made(store, &m, results);
    assert_int_equal(results[0], LY_STORED);
    assert_int_equal(results[1], LY_DUPLICATE);
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

static void a_contradiction_is_kept_apart(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    assert_int_equal(ingest_one(store, (say){.trace = 1, .span = 1, .name = "first"}), LY_STORED);
    assert_int_equal(ingest_one(store, (say){.trace = 1, .span = 1, .name = "second"}),
                     LY_CONFLICT);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    assert_str(load_trace(store, 1, &arena)->nodes[0].name, "first");
    ly_quarantine_row *rows = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_quarantine_list(store, 10, &arena, &rows, &n, &err), err);
    assert_int_equal(n, 1);
    assert_str(rows[0].kind, "conflict");
    assert_true(ly_span_id_eq(rows[0].span_id, sid(1)));
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

static void complain(void *user, bool ok, const char *what, const char *detail)
{
    (void)user;
    if (!ok)
        print_message("check: %s: %s\n", what, detail);
}

/* What is kept apart moves nothing: the trace begins where its stored spans do, settled or not. */
static void a_contradiction_moves_no_start(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    say first = {.trace = 1, .span = 1, .start_ms = 5000, .end_ms = 6000};
    say earlier = {.trace = 1, .span = 1, .start_ms = 1000, .end_ms = 6000};
    assert_int_equal(ingest_one(store, first), LY_STORED);
    settle_all(store);
    assert_int_equal(ingest_one(store, earlier), LY_CONFLICT);
    assert_int_equal(load_trace(store, 1, &arena)->row.start_ns, (SAY_BASE_MS + 5000) * 1000000);
    int64_t bad = -1;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_check(store, false, complain, NULL, NULL, &bad, &err), err);
    assert_int_equal(bad, 0);
    /* A span that is stored does. */
    earlier.span = 2;
    assert_int_equal(ingest_one(store, earlier), LY_STORED);
    assert_int_equal(load_trace(store, 1, &arena)->row.start_ns, (SAY_BASE_MS + 1000) * 1000000);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

static void a_live_span_ends_and_stays_ended(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    say live = {.trace = 1, .span = 1, .name = "work", .pending = true};
    say ended = {.trace = 1, .span = 1, .name = "work", .end_ms = 900};
    assert_int_equal(ingest_one(store, live), LY_STORED);
    ly_trace *t = load_trace(store, 1, &arena);
    assert_true(t->row.flags & LY_TRACE_LIVE);
    /* Repeated: nothing new but a sign of life. */
    const int64_t seen = t->row.seen_ns;
    assert_true(t->nodes[0].heard_ns >= seen);
    usleep(1100000); /* it is kept by the second */
    assert_int_equal(ingest_one(store, live), LY_DUPLICATE);
    t = load_trace(store, 1, &arena);
    assert_true(t->row.seen_ns >= seen + LY_NS_PER_SEC);
    assert_true(t->nodes[0].heard_ns >= seen + LY_NS_PER_SEC);
    assert_int_equal(ingest_one(store, ended), LY_MERGED);
    assert_int_equal(ingest_one(store, live), LY_DUPLICATE);
    t = load_trace(store, 1, &arena);
    assert_int_equal(t->n, 1);
    assert_false(t->row.flags & LY_TRACE_LIVE);
    assert_int_equal(t->nodes[0].end_ns - t->nodes[0].start_ns, 900 * LY_NS_PER_MS);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

/* Ledger and sums of trace 1 after the spans came in the order of `order`, settled after each. */
static int64_t charged(ly_store *store)
{
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_err err = LY_ERR_INIT;
    ly_trace_row row;
    assert_ok(ly_store_trace_row(store, tid(1), &arena, &row, &err), err);
    int64_t in = row.tokens.in_fresh;
    ly_arena_release(&arena);
    return in;
}

static void a_late_parent_lowers_the_total(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    /* The agent's own figure counts while its parts have not come... */
    assert_int_equal(ingest_one(store, (say){.trace = 1,
                                             .span = 1,
                                             .operation = "invoke_agent",
                                             .in = 500,
                                             .out = 50,
                                             .model = "m",
                                             .cost = "5",
                                             .end_ms = 900}),
                     LY_STORED);
    settle_all(store);
    assert_int_equal(charged(store), 500);
    /* ... and is covered by them afterwards. */
    (void)ingest_one(store, (say){.trace = 1,
                                  .span = 2,
                                  .parent = 1,
                                  .operation = "chat",
                                  .in = 100,
                                  .out = 10,
                                  .model = "m",
                                  .cost = "1"});
    settle_all(store);
    assert_int_equal(charged(store), 100);
    ly_err err = LY_ERR_INIT;
    ly_store_info info;
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_int_equal(info.n_charges, 3); /* charge, reversal, charge */
    ly_store_close(store);
    folder_remove(&f);
}

static void pages_go_by_key(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    made m = made_new(250);
    for (uint64_t i = 0; i < 250; i++)
        made_say(&m, (say){.trace = i + 1, .span = 1, .start_ms = i / 10}); /* ties by ten */
    ingest_made(store, &m, NULL);
    settle_all(store);
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    q.limit = 40;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    size_t seen = 0;
    int64_t last = INT64_MAX;
    bool more = true;
    bool found[251] = {false};
    while (more) {
        ly_trace_row *rows = NULL;
        size_t n = 0;
        ly_err err = LY_ERR_INIT;
        assert_ok(ly_store_trace_page(store, &q, &arena, &rows, &n, &q.after, &more, &err), err);
        assert_true(n <= 40);
        for (size_t i = 0; i < n; i++) {
            assert_true(rows[i].start_ns <= last);
            last = rows[i].start_ns;
            uint64_t k;
            memcpy(&k, rows[i].trace_id.b + 8, 8);
            assert_false(found[k]);
            found[k] = true;
        }
        seen += n;
    }
    assert_int_equal(seen, 250);
    ly_arena_release(&arena);
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

static void ids_as_typed(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    (void)ingest_one(store, (say){.trace = 1, .span = 1, .start_ms = 1});
    (void)ingest_one(store, (say){.trace = 2, .span = 2, .start_ms = 2});
    char hex[33];
    ly_trace_id want = tid(1), got;
    ly_hex_encode(&want, 16, hex);
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_trace_find(store, ly_str_c(hex), &got, &err), err);
    assert_true(ly_trace_id_eq(got, want));
    assert_ok(ly_store_trace_find(store, ly_str_n(hex, 9), &got, &err), err);
    assert_true(ly_trace_id_eq(got, want));
    assert_ok(ly_store_trace_find(store, LY_S("@last"), &got, &err), err);
    assert_true(ly_trace_id_eq(got, tid(2)));
    assert_ok(ly_store_trace_find(store, LY_S("@last~1"), &got, &err), err);
    assert_true(ly_trace_id_eq(got, want));
    assert_int_equal(ly_store_trace_find(store, LY_S("@last~2"), &got, &err), LY_E_NOTFOUND);
    /* A clock that is decades ahead: last only until the next one arrives. */
    int64_t year_ms = 365LL * 24 * 3600 * 1000, now_ms = ly_wall_ns() / LY_NS_PER_MS;
    (void)ingest_one(store, (say){.trace = 8, .span = 8, .start_ms = now_ms + 70 * year_ms});
    assert_ok(ly_store_trace_find(store, LY_S("@last"), &got, &err), err);
    assert_true(ly_trace_id_eq(got, tid(8)));
    (void)ingest_one(store, (say){.trace = 9, .span = 9, .start_ms = now_ms + 60000});
    assert_ok(ly_store_trace_find(store, LY_S("@last"), &got, &err), err);
    assert_true(ly_trace_id_eq(got, tid(9)));
    assert_ok(ly_store_trace_find(store, LY_S("@last~1"), &got, &err), err);
    assert_true(ly_trace_id_eq(got, tid(8)));
    assert_ok(ly_store_trace_find(store, LY_S("@last~3"), &got, &err), err);
    assert_true(ly_trace_id_eq(got, want));
    assert_int_equal(ly_store_trace_find(store, LY_S("xyz"), &got, &err), LY_E_NOTFOUND);
    assert_int_equal(ly_store_trace_find(store, LY_S("0123456789"), &got, &err), LY_E_NOTFOUND);
    ly_span_id span, wanted = sid(2);
    ly_trace_id trace;
    ly_hex_encode(&wanted, 8, hex);
    assert_ok(ly_store_span_find(store, ly_str_n(hex, 6), NULL, &trace, &span, &err), err);
    assert_true(ly_span_id_eq(span, wanted) && ly_trace_id_eq(trace, tid(2)));
    assert_ok(ly_store_span_find(store, ly_str_n(hex, 16), NULL, &trace, &span, &err), err);
    assert_int_equal(ly_store_span_find(store, ly_str_n(hex, 16), &want, &trace, &span, &err),
                     LY_E_NOTFOUND);
    ly_store_close(store);
    folder_remove(&f);
}

static void sessions_sum_their_traces(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    for (uint64_t i = 1; i <= 3; i++)
        (void)ingest_one(store, (say){.trace = i,
                                      .span = 1,
                                      .operation = "chat",
                                      .session = "alpha",
                                      .in = 10,
                                      .out = 1,
                                      .model = "m",
                                      .start_ms = i * 100,
                                      .cost = "0.5"});
    (void)ingest_one(store, (say){.trace = 4, .span = 1, .session = "beta", .start_ms = 5});
    settle_all(store);
    /* A second span of a settled trace: the session moves by the difference. */
    (void)ingest_one(store,
                     (say){.trace = 1, .span = 2, .parent = 1, .name = "late", .start_ms = 120});
    settle_all(store);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_session_row *rows = NULL;
    size_t n = 0;
    ly_store_key key = {0};
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_session_page(store, INT64_MIN, INT64_MAX, 10, &key, &arena, &rows, &n, &err),
              err);
    assert_int_equal(n, 2);
    assert_str(rows[0].session, "alpha");
    assert_int_equal(rows[0].n_traces, 3);
    assert_int_equal(rows[0].n_spans, 4);
    assert_int_equal(rows[0].tokens_in, 30);
    assert_int_equal(rows[0].cost_pico, 1500000000000LL);
    ly_session_row one;
    ly_trace_row *traces = NULL;
    assert_ok(ly_store_session_load(store, LY_S("alp"), 10, &arena, &one, &traces, &n, &err), err);
    assert_int_equal(n, 3);
    assert_true(traces[0].start_ns < traces[2].start_ns);
    assert_int_equal(
        ly_store_session_load(store, LY_S("gamma"), 10, &arena, &one, &traces, &n, &err),
        LY_E_NOTFOUND);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_and_reads_back),
        cmocka_unit_test(a_resend_changes_nothing),
        cmocka_unit_test(a_contradiction_is_kept_apart),
        cmocka_unit_test(a_contradiction_moves_no_start),
        cmocka_unit_test(a_live_span_ends_and_stays_ended),
        cmocka_unit_test(a_late_parent_lowers_the_total),
        cmocka_unit_test(pages_go_by_key),
        cmocka_unit_test(ids_as_typed),
        cmocka_unit_test(sessions_sum_their_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
