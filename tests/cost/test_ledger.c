/*
 * The kept sums against a full scan of the ledger, in every order of arrival; repair; repricing; the
 * report's parts; leases under a cap from several threads.
 */
#include "../store/support.h"

#include "cost/book.h"
#include "cost/budget_gate.h"
#include "cost/report.h"
#include "cost/zone.h"
#include "store/usage.h"

#define SPANS  24
#define TRACES 4

/* Trace t: an agent with its own sums, four chats below it, one of them doubled by its own child. */
static say span_of(size_t i)
{
    static const char *const models[] = {"gpt-5", "gpt-5-mini", "nobody", "gpt-4o"};
    size_t t = i / 6, k = i % 6;
    say s = {.trace = t + 1,
             .span = i + 1,
             .start_ms = t * 3600000 + k * 100,
             .session = t < 2 ? "s1" : NULL,
             .user = t % 2 ? "u1" : NULL,
             .service = t == 3 ? "b" : "a"};
    if (k == 0) {
        s.operation = "invoke_agent";
        s.in = 4000;
        s.out = 400;
        return s;
    }
    s.parent = t * 6 + (k == 5 ? 5 : 1);
    s.operation = "chat";
    s.provider = "openai";
    s.model = models[(k == 5 ? 4 : k) - 1];
    s.in = (int64_t)(1000 + 10 * (k == 5 ? 4 : k));
    s.out = 100;
    s.cost = k == 2 ? "0.25" : NULL;
    return s;
}

static void add_span(ly_store *store, const ly_price_book *book, size_t i)
{
    made m = made_new(1);
    made_say(&m, span_of(i));
    m.items[0].priced = ly_price_span(book, &m.canons[0], (int64_t)m.spans[0].start_ns);
    ingest_made(store, &m, NULL);
    made_free(&m);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static int by_all(const void *a, const void *b)
{
    const ly_usage_row *x = a, *y = b;
    int order = ly_str_cmp(x->model, y->model);
    order = order ? order : ly_str_cmp(x->service, y->service);
    order = order ? order : ly_str_cmp(x->session, y->session);
    order = order ? order : ly_str_cmp(x->user, y->user);
    return order ? order : x->state - y->state;
}

static void assert_same_sums(ly_store *store, unsigned by)
{
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_usage_row *kept, *scanned;
    size_t n_kept, n_scanned;
    ly_arena_init(&arena, 0, 0);
    ly_usage_query q = {.from_ns = INT64_MIN, .until_ns = INT64_MAX, .by = by};
    assert_ok(ly_usage_sum(store, &q, &arena, &kept, &n_kept, &err), err);
    q.scan = true;
    assert_ok(ly_usage_sum(store, &q, &arena, &scanned, &n_scanned, &err), err);
    assert_true(n_kept > 0);
    assert_int_equal(n_kept, n_scanned);
    qsort(kept, n_kept, sizeof *kept, by_all);
    qsort(scanned, n_kept, sizeof *scanned, by_all);
    for (size_t i = 0; i < n_kept; i++) {
        assert_true(ly_str_eq(kept[i].model, scanned[i].model));
        assert_true(ly_str_eq(kept[i].session, scanned[i].session));
        assert_int_equal(kept[i].n, scanned[i].n);
        assert_int_equal(kept[i].n_unpriced, scanned[i].n_unpriced);
        assert_int_equal(kept[i].tokens_in, scanned[i].tokens_in);
        assert_int_equal(kept[i].cache_read, scanned[i].cache_read);
        assert_int_equal(kept[i].tokens_out, scanned[i].tokens_out);
        assert_int_equal(kept[i].amount_pico, scanned[i].amount_pico);
        assert_true(kept[i].amount_pico >= 0 && kept[i].n > 0);
    }
    ly_arena_release(&arena);
}

static int64_t total(ly_store *store, int64_t *ret_n)
{
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_usage_row *rows;
    size_t n;
    int64_t sum = 0;
    ly_arena_init(&arena, 0, 0);
    ly_usage_query q = {.from_ns = INT64_MIN, .until_ns = INT64_MAX};
    assert_ok(ly_usage_sum(store, &q, &arena, &rows, &n, &err), err);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        sum += rows[i].amount_pico;
        *ret_n += rows[i].n;
    }
    ly_arena_release(&arena);
    return sum;
}

/* The sums are those of the ledger's lines. */
static void assert_sums_hold(ly_store *store)
{
    int64_t wrong = -1;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_usage_verify(store, false, &wrong, &err), err);
    assert_int_equal(wrong, 0);
}

/* Children first, parents late, settled in between: the same sums, and always those of the ledger. */
static void order_of_arrival(void **state)
{
    (void)state;
    int64_t expected = -1, expected_n = -1;
    for (int round = 0; round < 6; round++) {
        folder f = folder_make();
        ly_store *store = open_writer(f.db);
        size_t order[SPANS];
        uint64_t seed = (uint64_t)round + 7;
        for (size_t i = 0; i < SPANS; i++) {
            order[i] = round == 0 ? i : round == 1 ? SPANS - 1 - i : i;
        }
        for (size_t i = SPANS - 1; round > 1 && i > 0; i--) {
            size_t k = next_random(&seed) % (i + 1), swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        for (size_t i = 0; i < SPANS; i++) {
            add_span(store, ly_price_book_default(), order[i]);
            if (round % 2 && i % 5 == 4) {
                settle_all(store); /* reversals follow when a parent turns up */
            }
        }
        settle_all(store);
        static const unsigned by[] = {0,
                                      LY_BY_STATE,
                                      LY_BY_PROVIDER | LY_BY_MODEL | LY_BY_STATE,
                                      LY_BY_SERVICE | LY_BY_MODEL,
                                      LY_BY_SESSION,
                                      LY_BY_USER,
                                      LY_BY_TAG,
                                      LY_BY_PROMPT,
                                      LY_BY_SESSION | LY_BY_MODEL};
        for (size_t i = 0; i < LY_COUNT(by); i++) {
            assert_same_sums(store, by[i]);
        }
        int64_t n, sum = total(store, &n);
        assert_sums_hold(store);
        expected = round == 0 ? sum : expected;
        expected_n = round == 0 ? n : expected_n;
        assert_int_equal(sum, expected);
        assert_int_equal(n, expected_n);
        ly_store_close(store);
        folder_remove(&f);
    }
    /* four calls a trace: gpt-5, gpt-5-mini at the client's 0.25, nobody (no price), gpt-4o once */
    assert_int_equal(expected_n, 4 * TRACES);
    int64_t gpt5 = 1010 * 1250000LL + 100 * 10000000LL, gpt4o = 1040 * 2500000LL + 100 * 10000000LL;
    assert_int_equal(expected, TRACES * (gpt5 + gpt4o + 250000000000LL));
}

/* 99 000 dollars a call, 120 in one quarter of an hour: a sum holds 93. The others are booked without an
 * amount, nothing stays unsettled, and no sum is other than the ledger's. */
static void amounts_that_do_not_fit(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    for (size_t i = 0; i < 120; i++) {
        made m = made_new(1);
        say s = {.trace = i + 1,
                 .span = i + 1,
                 .start_ms = i,
                 .operation = "chat",
                 .provider = "openai",
                 .model = "gpt-5",
                 .session = "s1",
                 .service = "a",
                 .in = 10,
                 .out = 1,
                 .cost = "99000"};
        made_say(&m, s);
        ingest_made(store, &m, NULL);
        made_free(&m);
        if (i % 50 == 49)
            settle_all(store);
    }
    settle_all(store);
    int64_t n, left = -1;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_settle(store, 0, true, &left, &err), err);
    assert_int_equal(left, 0);
    int64_t sum = total(store, &n);
    assert_int_equal(n, 120);
    assert_int_equal(sum, 93 * 99000 * 1000000000000LL);
    assert_sums_hold(store);
    assert_same_sums(store, LY_BY_STATE);
    assert_same_sums(store, LY_BY_SESSION);
    ly_store_close(store);
    folder_remove(&f);
}

static ly_store *filled(const folder *f)
{
    ly_store *store = open_writer(f->db);
    for (size_t i = 0; i < SPANS; i++) {
        add_span(store, ly_price_book_default(), i);
    }
    settle_all(store);
    return store;
}

static ly_priced double_price(void *user, const ly_canon *canon, int64_t at_ns, ly_priced before)
{
    (void)before;
    ly_priced p = ly_price_span(user, canon, at_ns);
    p.amount_pico = p.amount_pico == LY_UNKNOWN ? 7 : p.amount_pico * 2;
    p.why = LY_PRICE_OK;
    return p;
}

static void count_seen(void *user, const ly_canon *canon, ly_priced before, ly_priced after,
                       bool counted)
{
    (void)user;
    (void)canon;
    assert_true(before.amount_pico != after.amount_pico);
    (void)counted;
}

static void reprice(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    ly_err err = LY_ERR_INIT;
    ly_repriced done;
    int64_t n, before = total(store, &n);
    ly_reprice how = {.since_ns = INT64_MIN,
                      .dry_run = true,
                      .price = double_price,
                      .seen = count_seen,
                      .user = (void *)(uintptr_t)ly_price_book_default()};
    assert_ok(ly_usage_reprice(store, &how, &done, &err), err);
    assert_true(done.n_changed > 0);
    settle_all(store);
    assert_int_equal(total(store, &n), before); /* dry: nothing moved */
    how.dry_run = false;
    assert_ok(ly_usage_reprice(store, &how, &done, &err), err);
    settle_all(store);
    int64_t priced = before - TRACES * 250000000000LL; /* the client's figures stay */
    assert_int_equal(total(store, &n), before + priced + TRACES * 7);
    assert_int_equal(n, 4 * TRACES);
    assert_sums_hold(store);
    /* the old line, its reversal, the new line */
    ly_arena arena;
    ly_charge_line *lines;
    size_t n_lines;
    ly_arena_init(&arena, 0, 0);
    assert_ok(ly_charge_of_span(store, tid(1), sid(2), &arena, &lines, &n_lines, &err), err);
    assert_int_equal(n_lines, 3);
    assert_int_equal(lines[1].sign, -1);
    assert_int_equal(lines[0].amount_pico, lines[1].amount_pico);
    assert_int_equal(lines[2].amount_pico, lines[0].amount_pico * 2);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

/* Damage is found and mended by difference. */
static void verify_repairs(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    ly_err err = LY_ERR_INIT;
    int64_t wrong = 0, n, before = total(store, &n);
    ly_store_close(store);
    char command[400];
    (void)snprintf(command, sizeof command,
                   "python3 -c \"import sqlite3;c=sqlite3.connect('%s');"
                   "c.execute('update usage set amount_pico=amount_pico+5 where n>0');"
                   "c.execute('update usage_day set amount_pico=amount_pico+5 where n>0');"
                   "c.execute('delete from usage_who where kind=0');c.commit()\"",
                   f.db);
    FILE *tool = popen(command, "r");
    assert_non_null(tool);
    if (pclose(tool) != 0) {
        folder_remove(&f);
        skip();
    }
    store = open_writer(f.db);
    assert_true(total(store, &n) > before);
    assert_ok(ly_usage_verify(store, true, &wrong, &err), err);
    assert_true(wrong > 0);
    assert_int_equal(total(store, &n), before);
    assert_same_sums(store, LY_BY_SESSION);
    assert_sums_hold(store);
    ly_store_close(store);
    folder_remove(&f);
}

/* Records go, the ledger stays: no month's sum changes, before or after a rebuild. */
static void retention(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    ly_err err = LY_ERR_INIT;
    int64_t n, calls, before = total(store, &calls);
    ly_retention rule = {.keep_app_ns = LY_NS_PER_DAY,
                         .now_ns = ly_wall_ns() + 400 * LY_NS_PER_DAY};
    ly_store_removed removed, sum = {0};
    bool more = true;
    for (int i = 0; more && i < 1000; i++) {
        assert_ok(ly_store_prune(store, &rule, false, &removed, &more, &err), err);
        sum.n_spans += removed.n_spans;
    }
    assert_int_equal(sum.n_spans, SPANS);
    assert_int_equal(total(store, &n), before);
    assert_int_equal(n, calls);
    ly_store_rebuild how = {.normalise = false};
    assert_ok(ly_store_rebuild_run(store, &how, &err), err);
    assert_int_equal(total(store, &n), before);
    assert_sums_hold(store);
    ly_repriced done; /* the lines hold what pricing needs */
    ly_reprice again = {.since_ns = INT64_MIN,
                        .dry_run = true,
                        .price = double_price,
                        .user = (void *)(uintptr_t)ly_price_book_default()};
    assert_ok(ly_usage_reprice(store, &again, &done, &err), err);
    assert_int_equal(done.n_spans, 0);
    assert_true(done.n_changed > 0);
    assert_int_equal(total(store, &n), before); /* dry */
    again.dry_run = false;
    assert_ok(ly_usage_reprice(store, &again, &done, &err), err);
    int64_t priced = before - TRACES * 250000000000LL; /* as in reprice() */
    assert_int_equal(total(store, &n), before + priced + TRACES * 7);
    assert_int_equal(n, calls);
    assert_sums_hold(store);
    assert_ok(ly_usage_reprice(store, &again, &done, &err), err); /* again finds nothing */
    assert_int_equal(done.n_changed, 0);
    assert_int_equal(total(store, &n), before + priced + TRACES * 7);
    ly_store_close(store);
    folder_remove(&f);
}

/* Calls of many users and sessions, whose dearest few are asked for: each way to them gives what a scan of
 * the ledger gives, in any stretch of time, the time before beside it. */
static void assert_same_top(ly_store *store, ly_cost_key key, int64_t from, int64_t until,
                            size_t top)
{
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_cost_report few, all;
    ly_arena_init(&arena, 0, 0);
    ly_cost_ask ask = {.by = {key},
                       .n_by = 1,
                       .from_ns = from,
                       .until_ns = until,
                       .before_from_ns = from - 2 * LY_NS_PER_DAY,
                       .before_until_ns = until - 2 * LY_NS_PER_DAY,
                       .origin = -1,
                       .top = top};
    assert_ok(ly_cost_report_make(store, &ask, &arena, &few, &err), err);
    ask.scan = true;
    ask.top = 0;
    assert_ok(ly_cost_report_make(store, &ask, &arena, &all, &err), err);
    assert_int_equal(few.more_rows, all.n_rows > top);
    assert_int_equal(few.n_rows, all.n_rows > top ? top : all.n_rows);
    assert_int_equal(few.ungrouped.n, all.ungrouped.n);
    assert_int_equal(few.ungrouped.amount_pico, all.ungrouped.amount_pico);
    assert_int_equal(few.total.amount_pico, all.total.amount_pico);
    for (size_t i = 0; i < few.n_rows; i++) {
        const ly_cost_row *a = &few.rows[i], *b = &all.rows[i];
        assert_int_equal(a->amount_pico, b->amount_pico);
        assert_int_equal(a->n, b->n);
        if (ly_str_eq(a->key[0], b->key[0])) { /* equals may change places */
            assert_int_equal(a->tokens_in, b->tokens_in);
            assert_int_equal(a->before_pico, b->before_pico);
            assert_int_equal(a->before_n, b->before_n);
        }
    }
    ly_arena_release(&arena);
}

/* Retention and rebuild leave every month's and every day's sum as it was, by whatever it is grouped. */
static void same_months(ly_store *store)
{
    static const ly_cost_key by[][2] = {{LY_KEY_MONTH, LY_KEY_MODEL},
                                        {LY_KEY_DAY, LY_KEY_PROVIDER},
                                        {LY_KEY_DAY, LY_KEY_USER},
                                        {LY_KEY_HOUR, LY_KEY_SESSION}};
    enum { N = LY_COUNT(by) };
    ly_cost_report before[N], after;
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    bool more = true;
    ly_store_removed removed;
    ly_retention rule = {.keep_app_ns = LY_NS_PER_DAY,
                         .now_ns = ly_wall_ns() + 400 * LY_NS_PER_DAY};
    ly_store_rebuild how = {.normalise = false};
    ly_arena_init(&arena, 0, 0);
    for (size_t i = 0; i < N; i++) {
        ly_cost_ask ask = {.by = {by[i][0], by[i][1]},
                           .n_by = 2,
                           .from_ns = INT64_MIN,
                           .until_ns = INT64_MAX,
                           .before_from_ns = LY_UNKNOWN,
                           .origin = -1};
        assert_ok(ly_cost_report_make(store, &ask, &arena, &before[i], &err), err);
        assert_true(before[i].n_rows > 2);
    }
    while (more) {
        assert_ok(ly_store_prune(store, &rule, false, &removed, &more, &err), err);
    }
    assert_ok(ly_store_rebuild_run(store, &how, &err), err);
    for (size_t i = 0; i < N; i++) {
        ly_cost_ask ask = {.by = {by[i][0], by[i][1]},
                           .n_by = 2,
                           .from_ns = INT64_MIN,
                           .until_ns = INT64_MAX,
                           .before_from_ns = LY_UNKNOWN,
                           .origin = -1};
        assert_ok(ly_cost_report_make(store, &ask, &arena, &after, &err), err);
        assert_int_equal(after.n_rows, before[i].n_rows);
        for (size_t r = 0; r < after.n_rows; r++) {
            const ly_cost_row *a = &before[i].rows[r], *b = &after.rows[r];
            assert_true(ly_str_eq(a->key[0], b->key[0]) && ly_str_eq(a->key[1], b->key[1]));
            assert_int_equal(a->amount_pico, b->amount_pico);
            assert_int_equal(a->n, b->n);
            assert_int_equal(a->n_unpriced, b->n_unpriced);
            assert_int_equal(a->tokens_in, b->tokens_in);
            assert_int_equal(a->tokens_out, b->tokens_out);
        }
    }
    ly_arena_release(&arena);
}

static void dearest(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    uint64_t seed = 7;
    int64_t day = LY_NS_PER_DAY, base = 20479 * day; /* 2026-01-26 */
    char users[120][8], sessions[300][8]; /* many enough that the index way is given up, too */
    enum { CALLS = 900, BATCH = 90 };
    for (size_t i = 0; i < LY_COUNT(users); i++) {
        (void)snprintf(users[i], sizeof users[i], "u%zu", i);
    }
    for (size_t i = 0; i < LY_COUNT(sessions); i++) {
        (void)snprintf(sessions[i], sizeof sessions[i], "s%zu", i);
    }
    for (size_t done = 0; done < CALLS; done += BATCH) {
        made m = made_new(BATCH);
        for (size_t i = 0; i < BATCH; i++) {
            size_t k = done + i, session = k / 3;
            made_say(&m, (say){.trace = k + 1,
                               .span = k + 1,
                               /* sessions of three calls, a few minutes each, over nine days */
                               .start_ms = (uint64_t)(25LL * 86400000 + (int64_t)k * 864000 +
                                                      (int64_t)(next_random(&seed) % 400000)),
                               .operation = "chat",
                               .provider = "openai",
                               .model = next_random(&seed) % 20 ? "gpt-5" : "nobody",
                               .session = k % 11 ? sessions[session] : NULL,
                               .user = k % 7 ? users[next_random(&seed) % LY_COUNT(users)] : NULL,
                               .service = "a",
                               .in = (int64_t)(next_random(&seed) % 100000),
                               .out = 10});
            m.items[i].priced =
                ly_price_span(ly_price_book_default(), &m.canons[i], (int64_t)m.spans[i].start_ns);
        }
        ingest_made(store, &m, NULL);
        made_free(&m);
        settle_all(store);
    }
    static const int64_t from_quarters[] = {0, 96, 100, 3 * 96 + 1, 7 * 96 + 50};
    static const int64_t lengths[] = {1, 50, 96, 200, 4 * 96, 9 * 96};
    static const size_t tops[] = {1, 7, 50};
    for (size_t a = 0; a < LY_COUNT(from_quarters); a++) {
        for (size_t b = 0; b < LY_COUNT(lengths); b++) {
            for (size_t c = 0; c < LY_COUNT(tops); c++) {
                int64_t from = base + from_quarters[a] * LY_BUCKET_NS;
                int64_t until = from + lengths[b] * LY_BUCKET_NS;
                assert_same_top(store, LY_KEY_USER, from, until, tops[c]);
                assert_same_top(store, LY_KEY_SESSION, from, until, tops[c]);
            }
        }
    }
    assert_sums_hold(store);
    same_months(store);
    ly_store_close(store);
    folder_remove(&f);
}

/* What a price is found by, and tool uses, outlive the record: key, tier, address, counts. */
static ly_priced price_of_all(void *user, const ly_canon *canon, int64_t at_ns, ly_priced before)
{
    (void)at_ns;
    (void)before;
    int *seen = user;
    assert_true(ly_str_eqc(canon->access_key, "team-a"));
    assert_true(ly_str_eqc(canon->service_tier, "batch"));
    assert_true(ly_str_eqc(canon->server_address, "api.example"));
    assert_int_equal(canon->tokens.web_searches, 3);
    assert_int_equal(canon->tokens.in_audio, 40);
    ++*seen;
    return (ly_priced){77, LY_PRICE_OK, 1, 0};
}

static void sealed_lines(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    made m = made_new(1);
    made_say(&m, (say){.trace = 1,
                       .span = 1,
                       .operation = "chat",
                       .provider = "acme",
                       .model = "m",
                       .service = "a",
                       .in = 100,
                       .out = 5});
    m.canons[0].access_key = LY_S("team-a");
    m.canons[0].service_tier = LY_S("batch");
    m.canons[0].server_address = LY_S("api.example");
    m.canons[0].tokens.web_searches = 3;
    m.canons[0].tokens.in_audio = 40;
    m.items[0].priced = (ly_priced){LY_UNKNOWN, LY_PRICE_UNKNOWN_MODEL, 0, 0};
    ingest_made(store, &m, NULL);
    made_free(&m);
    settle_all(store);
    ly_retention rule = {.keep_app_ns = LY_NS_PER_DAY,
                         .now_ns = ly_wall_ns() + 400 * LY_NS_PER_DAY};
    ly_store_removed removed;
    bool more = true;
    while (more) {
        assert_ok(ly_store_prune(store, &rule, false, &removed, &more, &err), err);
    }
    int seen = 0;
    int64_t n;
    ly_repriced done;
    ly_reprice how = {.since_ns = INT64_MIN, .price = price_of_all, .user = &seen};
    assert_ok(ly_usage_reprice(store, &how, &done, &err), err);
    assert_int_equal(seen, 1);
    assert_int_equal(total(store, &n), 77);
    assert_ok(ly_usage_reprice(store, &how, &done, &err), err); /* the new line holds them too */
    assert_int_equal(seen, 2);
    assert_int_equal(done.n_changed, 0);
    ly_store_close(store);
    folder_remove(&f);
}

static void report(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_cost_report r;
    ly_arena_init(&arena, 0, 0);
    int64_t base = (int64_t)SAY_BASE_MS * 1000000;
    ly_cost_ask ask = {.by = {LY_KEY_MODEL},
                       .n_by = 1,
                       .from_ns = base,
                       .until_ns = base + 86400 * LY_NS_PER_SEC,
                       .before_from_ns = LY_UNKNOWN,
                       .origin = -1};
    assert_ok(ly_cost_report_make(store, &ask, &arena, &r, &err), err);
    assert_int_equal(r.n_rows, 4);
    assert_int_equal(r.total.n, 4 * TRACES);
    assert_int_equal(r.total.n_unpriced, TRACES);
    assert_int_equal(r.total.n_client, TRACES);
    int64_t sum = 0, calls = 0;
    for (size_t i = 0; i < r.n_rows; i++) {
        sum += r.rows[i].amount_pico;
        calls += r.rows[i].n;
        assert_true(i == 0 || r.rows[i].amount_pico <= r.rows[i - 1].amount_pico);
    }
    assert_int_equal(sum, r.total.amount_pico);
    assert_int_equal(calls, r.total.n);
    assert_int_equal(r.n_unpriced, 1);
    assert_int_equal(r.unpriced[0].why, LY_PRICE_UNKNOWN_MODEL);
    assert_int_equal(r.unpriced[0].n, TRACES);

    ask.by[0] = LY_KEY_USER; /* traces 2 and 4 have a user */
    assert_ok(ly_cost_report_make(store, &ask, &arena, &r, &err), err);
    assert_int_equal(r.n_rows, 2); /* u1 and those without */
    assert_int_equal(r.ungrouped.n, 2 * 4);
    assert_int_equal(r.rows[0].amount_pico + r.rows[1].amount_pico, r.total.amount_pico);

    ask.by[0] = LY_KEY_HOUR;
    assert_ok(ly_cost_report_make(store, &ask, &arena, &r, &err), err);
    assert_int_equal(r.n_rows, TRACES);
    assert_true(ly_str_eqc(r.rows[0].key[0], "2026-01-01 00:00"));
    ly_cost_spread s;
    assert_ok(ly_cost_per_trace(store, ask.from_ns, ask.until_ns, LY_ORIGIN_APP, &s, &err), err);
    assert_int_equal(s.n, TRACES);
    assert_int_equal(s.sum_pico, r.total.amount_pico);
    assert_ok(ly_cost_per_session(store, ask.from_ns, ask.until_ns, LY_ORIGIN_APP, &s, &err), err);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.p95_pico * 2, r.total.amount_pico);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

static void budgets(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = filled(&f);
    ly_err err = LY_ERR_INIT;
    ly_budget_gate *gate = NULL;
    ly_budget_state s;
    int64_t base = (int64_t)SAY_BASE_MS * 1000000, n, spent = total(store, &n);
    ly_wall_fix(base + 3600 * LY_NS_PER_SEC);
    ly_budget b = {.name = LY_S("b"),
                   .provider = LY_S("openai"),
                   .origin = -1,
                   .period = LY_PERIOD_DAY,
                   .zone = LY_S("UTC"),
                   .limit_pico = spent + 100,
                   .warn_percent = 80};
    assert_ok(ly_budget_set(store, &b, &err), err);
    assert_ok(ly_budget_look(store, &b, base, &s, &err), err);
    assert_int_equal(s.spent_pico, spent);
    assert_true(s.warned && !s.passed);
    assert_ok(ly_budget_look(store, &b, base + LY_NS_PER_DAY, &s, &err), err);
    assert_int_equal(s.spent_pico, 0); /* another window */
    int first = 0;
    assert_ok(ly_budget_tell(store, b.name, base, LY_TOLD_WARNED, &first, &err), err);
    assert_int_equal(first, LY_TOLD_WARNED);
    assert_ok(ly_budget_tell(store, b.name, base, LY_TOLD_WARNED | LY_TOLD_PASSED, &first, &err),
              err);
    assert_int_equal(first, LY_TOLD_PASSED);
    assert_ok(ly_budget_tell(store, b.name, base + 1, LY_TOLD_WARNED, &first, &err), err);
    assert_int_equal(first, LY_TOLD_WARNED); /* a new window */
    ly_gate_ask ask = {.provider = LY_S("openai")};
    assert_ok(ly_budget_gate_open(f.db, &ask, &gate, &err), err);
    assert_true(ly_budget_gate_capped(gate));
    assert_int_equal(ly_budget_reserve(gate, LY_UNKNOWN, &err), LY_E_BUDGET);
    assert_int_equal(ly_budget_reserve(gate, 101, &err), LY_E_BUDGET);
    assert_ok(ly_budget_reserve(gate, 60, &err), err);
    assert_int_equal(ly_budget_reserve(gate, 60, &err), LY_E_BUDGET);
    ly_budget_settle(gate, 60, 10);
    assert_ok(ly_budget_reserve(gate, 60, &err), err);
    ly_budget_settle(gate, 60, 0);
    ly_budget_gate_close(gate);
    ask.provider = LY_S("anthropic"); /* another provider's calls are not covered */
    assert_ok(ly_budget_gate_open(f.db, &ask, &gate, &err), err);
    assert_false(ly_budget_gate_capped(gate));
    ly_budget_gate_close(gate);
    /* A gate whose calls differ: each is held under the budgets that cover it, and only those. */
    const ly_budget more[] = {
        {.name = LY_S("model"), .model = LY_S("m1"), .limit_pico = 100},
        {.name = LY_S("prompt"), .prompt = LY_S("ask"), .limit_pico = 50},
        {.name = LY_S("judge"), .limit_pico = 30, .origin = LY_ORIGIN_JUDGE},
        {.name = LY_S("shop"), .service = LY_S("shop"), .limit_pico = 1},
    };
    for (size_t i = 0; i < LY_COUNT(more); i++) {
        ly_budget set = more[i];
        set.origin = set.origin ? set.origin : -1;
        set.period = LY_PERIOD_MONTH;
        set.zone = LY_S("UTC");
        set.warn_percent = 80;
        assert_ok(ly_budget_set(store, &set, &err), err);
    }
    ask = (ly_gate_ask){.by_call = true, .service = LY_S("lydite eval")};
    assert_ok(ly_budget_gate_open(f.db, &ask, &gate, &err), err);
    ly_gate_call one = {.provider = LY_S("p"), .model = LY_S("m1-2026"), .origin = LY_ORIGIN_EVAL};
    ly_gate_call two = {.provider = LY_S("p"), .model = LY_S("m12"), .prompt = LY_S("ask")};
    ly_gate_call three = {.provider = LY_S("p"), .model = LY_S("m3"), .origin = LY_ORIGIN_JUDGE};
    assert_ok(ly_budget_reserve_call(gate, &one, 90, &err), err);
    assert_int_equal(ly_budget_reserve_call(gate, &one, 20, &err), LY_E_BUDGET);
    assert_non_null(strstr(err.text, "budget:model"));
    assert_ok(ly_budget_reserve_call(gate, &two, 40, &err), err);
    assert_false(
        ly_budget_room(gate, 11)); /* of model and prompt 10 are left; judge is untouched */
    assert_true(ly_budget_room(gate, 10));
    assert_int_equal(ly_budget_reserve_call(gate, &two, 11, &err), LY_E_BUDGET);
    assert_non_null(strstr(err.text, "budget:prompt"));
    assert_int_equal(ly_budget_reserve_call(gate, &three, 31, &err), LY_E_BUDGET);
    assert_ok(ly_budget_reserve_call(gate, &three, 30, &err), err);
    ly_budget_settle_call(gate, &two, 40, 5);
    assert_ok(ly_budget_reserve_call(gate, &two, 45, &err), err);
    two.prompt = LY_STR_NONE; /* no budget covers it: not even a price is needed */
    assert_ok(ly_budget_reserve_call(gate, &two, LY_UNKNOWN, &err), err);
    ly_budget_gate_close(gate);
    ly_wall_fix(0);
    /* the worst case is not below what the call can cost */
    ly_price_ask price = {.provider = LY_S("openai"), .model = LY_S("gpt-5"), .at_ns = base};
    int64_t worst = ly_budget_worst(ly_price_book_default(), &price, 1000, 200);
    assert_true(worst >= 1000 * 1250000LL + 200 * 10000000LL);
    price.model = LY_S("nobody");
    assert_int_equal(ly_budget_worst(ly_price_book_default(), &price, 1000, 200), LY_UNKNOWN);
    ly_store_close(store);
    folder_remove(&f);
}

static void books(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    ly_price_book *book = NULL;
    ly_book_import done;
    assert_ok(ly_cost_book_open(store, &book, &err), err);
    int64_t number = ly_price_book_info(book).number;
    assert_int_equal(number, 1); /* the compiled-in book is kept under a number */
    ly_price_book_free(book);
    ly_str csv = LY_S("# published: 2026-02-03\nprovider,model,input,output\nopenai,gpt-5,7,9\n");
    assert_ok(ly_cost_book_import(store, LY_BOOK__COUNT, csv, LY_S("mine"), LY_S("f.csv"),
                                  LY_UNKNOWN, true, &done, &err),
              err);
    assert_int_equal(done.info.n_rows, 1);
    ly_own_price own = {.provider = LY_S("openai"),
                        .model = LY_S("gpt-5"),
                        .prices = LY_S("input=1,input>100=3"),
                        .from_ns = INT64_MIN,
                        .to_ns = INT64_MAX,
                        .learned_ns = 5};
    int64_t id = 0;
    assert_ok(ly_own_price_add(store, &own, &id, &err), err);
    assert_ok(ly_cost_book_open(store, &book, &err), err);
    ly_canon c = {.provider = LY_S("openai"),
                  .request_model = LY_S("gpt-5"),
                  .dialect = "t",
                  .tokens = LY_TOKENS_UNKNOWN};
    c.tokens.in_fresh = 200;
    c.tokens.out_visible = 10;
    ly_priced p = ly_price_span(book, &c, ly_wall_ns());
    assert_int_equal(p.amount_pico, 200 * 3000000LL + 10 * 9000000LL);
    assert_int_equal(p.row, -id);
    ly_price_book_free(book);
    assert_ok(ly_own_price_remove(store, id, &err), err);
    assert_ok(ly_cost_book_of_row(store, p.row, &book, &err), err);
    assert_non_null(ly_price_book_row_id(book, p.row)); /* still explainable */
    assert_int_equal(ly_price_span(book, &c, ly_wall_ns()).amount_pico,
                     200 * 7000000LL + 10 * 9000000LL);
    ly_price_book_free(book);
    /* a broken book changes nothing */
    assert_int_not_equal(ly_cost_book_import(store, LY_BOOK__COUNT, LY_S("[{\"id\":\"x\"}]"),
                                             LY_S("x"), LY_S("x"), LY_UNKNOWN, true, &done, &err),
                         LY_OK);
    assert_ok(ly_cost_book_open(store, &book, &err), err);
    assert_true(ly_str_eqc(ly_price_book_info(book).name, "mine"));
    ly_price_book_free(book);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_arrival), cmocka_unit_test(amounts_that_do_not_fit),
        cmocka_unit_test(reprice),          cmocka_unit_test(verify_repairs),
        cmocka_unit_test(retention),        cmocka_unit_test(sealed_lines),
        cmocka_unit_test(dearest),          cmocka_unit_test(report),
        cmocka_unit_test(budgets),          cmocka_unit_test(books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
