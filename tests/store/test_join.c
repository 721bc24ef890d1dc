/* Log records that describe calls: with their span, before it, after it, and without one. */
#include "support.h"

#include <math.h>

#include "genai/price_build.h"
#include "store/score.h"

typedef struct event {
    const char *name, *model, *session, *response, *key;
    uint64_t trace, span; /* 0 = none */
    int64_t in, out;
    uint64_t at_ms;
} event;

static ly_store_result ingest_event(ly_store *store, event e)
{
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_kv attrs[8];
    size_t n = 0;
    attrs[n++] = kv_str("event.name", e.name);
    if (e.model)
        attrs[n++] = kv_str("gen_ai.request.model", e.model);
    attrs[n++] = kv_str("gen_ai.operation.name", "chat");
    if (e.session)
        attrs[n++] = kv_str("session.id", e.session);
    if (e.response)
        attrs[n++] = kv_str("gen_ai.response.id", e.response);
    if (e.in)
        attrs[n++] = kv_int("gen_ai.usage.input_tokens", e.in);
    if (e.out)
        attrs[n++] = kv_int("gen_ai.usage.output_tokens", e.out);
    ly_log_record log = {.time_ns = (SAY_BASE_MS + e.at_ms) * 1000000, .attrs = {attrs, n, 0}};
    log.has_trace_id = e.trace;
    log.has_span_id = e.span;
    log.trace_id = tid(e.trace);
    log.span_id = sid(e.span);
    ly_buf wire;
    ly_buf_init(&wire, 1 << 20);
    ly_otlp_put_log(&wire, &log);
    ly_resource resource = {.wire = LY_STR_NONE};
    ly_scope scope = {.wire = LY_STR_NONE};
    ly_log_record read;
    assert_int_equal(ly_otlp_decode_log(ly_buf_view(&wire), &resource, &scope, &arena, &read),
                     LY_OK);
    ly_store_log item = {.log = &read, .access_key = ly_str_c(e.key ? e.key : "")};
    ly_store_batch batch = {.logs = &item, .n_logs = 1};
    ly_store_result result = LY_CONFLICT;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_ingest(store, &batch, &result, &err), err);
    ly_buf_release(&wire);
    ly_arena_release(&arena);
    return result;
}

#define DETAILS "gen_ai.client.inference.operation.details"

/* T17 in both orders: the span has usage, the log says the same: counted once. And a span without usage
 * takes the log's. */
static void a_log_enriches_its_span(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        folder f = folder_make();
        ly_store *store = open_writer(f.db);
        say with = {
            .trace = 1, .span = 1, .operation = "chat", .model = "gpt-4o", .in = 100, .out = 20};
        say without = {
            .trace = 1, .span = 2, .operation = "chat", .model = "gpt-4o", .start_ms = 100};
        event one = {.name = DETAILS,
                     .model = "gpt-4o",
                     .trace = 1,
                     .span = 1,
                     .in = 100,
                     .out = 20,
                     .at_ms = 10};
        event two = {.name = DETAILS,
                     .model = "gpt-4o",
                     .trace = 1,
                     .span = 2,
                     .in = 7,
                     .out = 3,
                     .at_ms = 110};
        if (order == 0) {
            (void)ingest_one(store, with);
            (void)ingest_one(store, without);
            settle_all(store);
        }
        assert_int_equal(ingest_event(store, one), LY_STORED);
        assert_int_equal(ingest_event(store, two), LY_STORED);
        assert_int_equal(ingest_event(store, two), LY_DUPLICATE);
        settle_all(store);
        if (order == 1) {
            (void)ingest_one(store, with);
            settle_all(store);
            (void)ingest_one(store, without);
        }
        settle_all(store);
        ly_arena arena;
        ly_arena_init(&arena, 0, 0);
        ly_trace *t = load_trace(store, 1, &arena);
        assert_int_equal(t->n, 2);
        assert_int_equal(t->row.tokens.in_fresh, 107);
        assert_int_equal(t->row.tokens.out_visible, 23);
        assert_int_equal(t->row.n_logs, 2);
        assert_true(t->nodes[1].canon.usage_mode & LY_USAGE_FROM_LOG);
        assert_true(t->nodes[0].flags & LY_SPAN_HAS_LOGS);
        ly_span_full *full = NULL;
        ly_err err = LY_ERR_INIT;
        assert_ok(ly_store_span_load(store, tid(1), sid(2), &arena, &full, &err), err);
        assert_int_equal(full->n_logs, 1);
        assert_int_equal(full->canon.tokens.in_fresh, 7);
        ly_arena_release(&arena);
        ly_store_close(store);
        folder_remove(&f);
    }
}

/* T18: only the log came. It is a call in a trace; when its span comes, it is that span's. */
static void a_log_alone_is_a_call(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    event only = {.name = DETAILS,
                  .model = "gpt-4o",
                  .trace = 3,
                  .span = 9,
                  .in = 10,
                  .out = 40,
                  .at_ms = 10};
    assert_int_equal(ingest_event(store, only), LY_STORED);
    settle_all(store);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace *t = load_trace(store, 3, &arena);
    assert_int_equal(t->n, 1);
    assert_true(t->nodes[0].flags & LY_SPAN_SYNTHETIC);
    assert_int_equal(t->row.tokens.in_fresh, 10);
    ly_err err = LY_ERR_INIT;
    ly_span_full *full = NULL;
    assert_ok(ly_store_span_load(store, tid(3), t->nodes[0].span_id, &arena, &full, &err), err);
    (void)ingest_one(
        store,
        (say){.trace = 3, .span = 9, .operation = "chat", .model = "gpt-4o", .in = 10, .out = 40});
    settle_all(store);
    t = load_trace(store, 3, &arena);
    assert_int_equal(t->n, 1);
    assert_false(t->nodes[0].flags & LY_SPAN_SYNTHETIC);
    assert_int_equal(t->row.tokens.in_fresh, 10);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

static void a_log_without_a_trace_makes_one(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    assert_int_equal(ingest_event(store, (event){.name = DETAILS,
                                                 .model = "m",
                                                 .session = "sess",
                                                 .in = 10,
                                                 .out = 4,
                                                 .response = "r1"}),
                     LY_STORED);
    settle_all(store);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    ly_store_key key;
    bool more;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_trace_page(store, &q, &arena, &rows, &n, &key, &more, &err), err);
    assert_int_equal(n, 1);
    assert_str(rows[0].session, "sess");
    assert_int_equal(rows[0].tokens.in_fresh, 10);
    assert_int_equal(rows[0].n_spans, 1);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

/* A call of a log, joined or on its own, is priced by the book in force and not by the compiled-in one;
 * settled again under another book it keeps its price. */
static int64_t book_input_usd;

static ly_price_book *book_in_force(ly_store *store)
{
    (void)store;
    ly_price_book *book = NULL;
    ly_err err = LY_ERR_INIT;
    char csv[128];
    snprintf(csv, sizeof csv, "provider,model,input,output\nopenai,gpt-4o,%d,0\n",
             (int)book_input_usd);
    assert_ok(ly_price_read_csv(ly_str_c(csv), LY_S("t"), LY_S(""), 1, 0, &book, &err), err);
    return book;
}

static ly_priced price_flat(void *user, const ly_canon *canon, int64_t at_ns)
{
    (void)canon;
    (void)at_ns;
    return (ly_priced){*(int64_t *)user, LY_PRICE_OK, 1, 0};
}

static ly_priced price_by_key(void *user, const ly_canon *canon, int64_t at_ns)
{
    (void)user;
    (void)at_ns;
    bool keyed = ly_str_eqc(canon->access_key, "team-a");
    return (ly_priced){keyed ? 5 : 9, LY_PRICE_OK, 1, 0};
}

/* The key that a record came in with is known when its call is priced: of a log without a span, of a span
 * that gets its counts from a log, and after the rules are applied anew. */
static void calls_of_logs_cost_by_their_key(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_store_price_with(store, price_by_key, NULL);
    event e = {.name = DETAILS, .model = "m", .in = 10, .out = 4, .at_ms = 10};
    e.trace = e.span = 1;
    e.key = "team-a";
    assert_int_equal(ingest_event(store, e), LY_STORED);
    e.trace = e.span = 2;
    e.key = NULL;
    assert_int_equal(ingest_event(store, e), LY_STORED);
    settle_all(store);
    assert_int_equal(load_trace(store, 1, &arena)->row.cost_pico, 5);
    assert_int_equal(load_trace(store, 2, &arena)->row.cost_pico, 9);
    made m = made_new(1); /* the span with the key, its counts in a log without one */
    made_say(&m, (say){.trace = 3, .span = 3, .operation = "chat", .model = "m"});
    m.canons[0].access_key = LY_S("team-a");
    m.items[0].priced = LY_PRICED_NONE;
    ingest_made(store, &m, NULL);
    made_free(&m);
    e.trace = e.span = 3;
    assert_int_equal(ingest_event(store, e), LY_STORED);
    settle_all(store);
    assert_int_equal(load_trace(store, 3, &arena)->row.cost_pico, 5);
    ly_store_rebuild how = {.normalise = true, .price = price_by_key};
    assert_ok(ly_store_rebuild_run(store, &how, &err), err);
    settle_all(store);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(load_trace(store, (uint64_t)i, &arena)->row.cost_pico, i == 2 ? 9 : 5);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

static void calls_of_logs_cost_by_the_book_in_force(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_store_book_with(store, book_in_force);
    book_input_usd = 3;
    say span = {.trace = 1, .span = 1, .operation = "chat", .model = "gpt-4o"};
    event joined = {.name = DETAILS, .model = "gpt-4o", .trace = 1, .span = 1, .in = 100, .out = 1};
    event alone = {.name = DETAILS, .model = "gpt-4o", .trace = 2, .span = 7, .in = 10, .out = 1};
    (void)ingest_one(store, span);
    assert_int_equal(ingest_event(store, joined), LY_STORED);
    assert_int_equal(ingest_event(store, alone), LY_STORED);
    settle_all(store);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    for (int round = 0; round < 2; round++) {
        ly_trace *one = load_trace(store, 1, &arena), *two = load_trace(store, 2, &arena);
        assert_int_equal(one->nodes[0].priced.amount_pico, 300000000); /* 100 at $3 a million */
        assert_int_equal(two->nodes[0].priced.amount_pico, 30000000);
        book_input_usd = 5; /* the next settling sees another book */
        say more = {.trace = 1, .span = 20, .operation = "chat", .model = "x", .start_ms = 50};
        (void)ingest_one(store, more);
        more.trace = 2;
        (void)ingest_one(store, more);
        settle_all(store);
    }
    /* The collector's way: a callback. */
    int64_t flat = 42;
    ly_store_price_with(store, price_flat, &flat);
    alone.trace = 3;
    assert_int_equal(ingest_event(store, alone), LY_STORED);
    settle_all(store);
    assert_int_equal(load_trace(store, 3, &arena)->nodes[0].priced.amount_pico, 42);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

static ly_store_result ingest_wire(ly_store *store, ly_str log, ly_str resource_wire)
{
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_resource resource = {.wire = resource_wire};
    ly_scope scope = {.wire = LY_STR_NONE};
    ly_log_record read;
    assert_int_equal(ly_otlp_decode_log(log, &resource, &scope, &arena, &read), LY_OK);
    ly_store_log item = {.log = &read};
    ly_store_batch batch = {.logs = &item, .n_logs = 1};
    ly_store_result result = LY_CONFLICT;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_ingest(store, &batch, &result, &err), err);
    ly_arena_release(&arena);
    return result;
}

/* A client that sends again may write its fields and attributes in another order and its defaults out. */
static void a_log_encoded_anew_is_stored_once(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    /* time 1; severity 9; attributes {a: "x"} and {b: 7}; body "hi" */
    static const char first[] = "\x09\x01\0\0\0\0\0\0\0\x10\x09\x2a\x04\x0a\x02hi"
                                "\x32\x08\x0a\x01"
                                "a\x12\x03\x0a\x01x\x32\x07\x0a\x01"
                                "b\x12\x02\x18\x07";
    static const char again[] = "\x1a\0\x32\x07\x0a\x01"
                                "b\x12\x02\x18\x07\x32\x08\x0a\x01"
                                "a\x12\x03\x0a\x01x\x2a\x04\x0a\x02hi\x38\0\x10\x09"
                                "\x09\x01\0\0\0\0\0\0\0";
    static const char other[] = "\x09\x01\0\0\0\0\0\0\0\x10\x09\x2a\x04\x0a\x02ho"
                                "\x32\x08\x0a\x01"
                                "a\x12\x03\x0a\x01x\x32\x07\x0a\x01"
                                "b\x12\x02\x18\x07";
    const ly_str one = ly_str_n(first, sizeof first - 1), two = ly_str_n(again, sizeof again - 1);
    /* A resource of {p: "1"} and {q: "2"}, in both orders. */
    const ly_str res = LY_S("\x0a\x08\x0a\x01p\x12\x03\x0a\x01"
                            "1\x0a\x08\x0a\x01q\x12\x03\x0a\x01"
                            "2");
    const ly_str turned = LY_S("\x0a\x08\x0a\x01q\x12\x03\x0a\x01"
                               "2\x0a\x08\x0a\x01p\x12\x03\x0a\x01"
                               "1");
    assert_int_equal(ingest_wire(store, one, res), LY_STORED);
    assert_int_equal(ingest_wire(store, one, res), LY_DUPLICATE);
    assert_int_equal(ingest_wire(store, two, res), LY_DUPLICATE);
    assert_int_equal(ingest_wire(store, two, turned), LY_DUPLICATE);
    assert_int_equal(ingest_wire(store, ly_str_n(other, sizeof other - 1), res), LY_STORED);
    assert_int_equal(ingest_wire(store, two, LY_S("")), LY_STORED);
    /* Also in another process, which remembers nothing. */
    ly_store *second = open_writer(f.db);
    assert_int_equal(ingest_wire(second, two, turned), LY_DUPLICATE);
    ly_store_close(second);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_enriches_its_span),
        cmocka_unit_test(a_log_alone_is_a_call),
        cmocka_unit_test(a_log_without_a_trace_makes_one),
        cmocka_unit_test(calls_of_logs_cost_by_their_key),
        cmocka_unit_test(calls_of_logs_cost_by_the_book_in_force),
        cmocka_unit_test(a_log_encoded_anew_is_stored_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
