/* Retention, evidence, backup, check, rebuild, rewriting. */
#include "support.h"

#include "store/usage.h"

#define DAY LY_NS_PER_DAY

static int64_t total_cost(ly_store *store)
{
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_usage_query q = {.from_ns = INT64_MIN, .until_ns = INT64_MAX};
    ly_usage_row *rows = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_usage_sum(store, &q, &arena, &rows, &n, &err), err);
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += rows[i].amount_pico;
    ly_arena_release(&arena);
    return sum;
}

static void chats(ly_store *store, uint64_t from, uint64_t n)
{
    made m = made_new(n);
    for (uint64_t i = 0; i < n; i++) {
        ly_str text = ly_arena_fmt(&m.arena, "[{\"role\":\"user\",\"content\":\"%0150d\"}]",
                                   (int)(from + i) % 7);
        made_say(&m, (say){.trace = from + i,
                           .span = 1,
                           .operation = "chat",
                           .model = "m",
                           .in = 10,
                           .out = 2,
                           .cost = "0.5",
                           .session = "s",
                           .start_ms = (from + i) * 10,
                           .input = text.ptr});
    }
    ingest_made(store, &m, NULL);
    made_free(&m);
    settle_all(store);
}

static ly_store_removed prune_all(ly_store *store, const ly_retention *rule)
{
    ly_store_removed sum = {0};
    bool more = true;
    ly_err err = LY_ERR_INIT;
    while (more) {
        ly_store_removed r;
        int64_t from = ly_mono_ns();
        assert_ok(ly_store_prune(store, rule, false, &r, &more, &err), err);
        assert_true(ly_mono_ns() - from < 500 * LY_NS_PER_MS);
        sum.n_traces += r.n_traces;
        sum.n_spans += r.n_spans;
        sum.n_contents += r.n_contents;
        sum.n_kept_evidence += r.n_kept_evidence;
    }
    return sum;
}

static void findings(void *user, bool ok, const char *what, const char *detail)
{
    (void)user;
    if (!ok)
        print_message("%s: %s\n", what, detail);
}

static void assert_sound(ly_store *store)
{
    ly_err err = LY_ERR_INIT;
    int64_t bad = -1;
    assert_ok(ly_store_check(store, false, findings, NULL, NULL, &bad, &err), err);
    assert_int_equal(bad, 0);
}

static void days_go_and_money_stays(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    int64_t start = 20000 * DAY + DAY / 2;
    ly_wall_fix(start);
    chats(store, 1, 60);
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_pin(store, tid(5), true, &err), err);
    ly_wall_fix(start + DAY);
    chats(store, 101, 40);
    int64_t cost = total_cost(store);
    assert_int_equal(cost, 50000000000000LL); /* 100 x $0.5 */

    ly_retention rule = {.keep_app_ns = 2 * DAY};
    ly_wall_fix(start + 2 * DAY);
    ly_store_removed r = prune_all(store, &rule);
    assert_int_equal(r.n_traces, 0); /* nothing is old enough yet */
    ly_wall_fix(start + 3 * DAY);
    ly_store_removed dry;
    bool more;
    assert_ok(ly_store_prune(store, &rule, true, &dry, &more, &err), err);
    r = prune_all(store, &rule);
    assert_int_equal(r.n_traces, 59);
    assert_int_equal(dry.n_traces, 59);
    assert_int_equal(dry.n_kept_evidence, 1);
    assert_true(r.n_contents >= 7);
    ly_store_info info;
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_int_equal(info.n_traces, 41);
    assert_int_equal(info.n_charges, 100);
    assert_int_equal(total_cost(store), cost);
    /* The pinned trace is whole. */
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_span_full *full = NULL;
    assert_ok(ly_store_span_load(store, tid(5), sid(1), &arena, &full, &err), err);
    assert_true(full->canon.has_input);
    ly_arena_release(&arena);
    assert_sound(store);
    /* And rebuilding changes nothing. */
    ly_store_rebuild how = {.normalise = true};
    assert_ok(ly_store_rebuild_run(store, &how, &err), err);
    assert_int_equal(total_cost(store), cost);
    assert_sound(store);
    ly_wall_fix(0);
    ly_store_close(store);
    folder_remove(&f);
}

static void size_takes_the_oldest_day(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    int64_t start = 20000 * DAY;
    for (int day = 0; day < 3; day++) {
        ly_wall_fix(start + day * DAY);
        chats(store, (uint64_t)day * 1000 + 1, 300);
    }
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    ly_retention rule = {.max_bytes = 1}; /* never to be reached: all days but today's go */
    ly_store_removed r = prune_all(store, &rule);
    assert_int_equal(r.n_traces, 600);
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_int_equal(info.n_traces, 300);
    assert_sound(store);
    ly_wall_fix(0);
    ly_store_close(store);
    folder_remove(&f);
}

static void a_backup_is_a_database(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    chats(store, 1, 200);
    char copy[120];
    (void)snprintf(copy, sizeof copy, "%s/copy.db", f.path);
    ly_err err = LY_ERR_INIT;
    ly_store *other = open_writer(f.db);
    assert_ok(ly_store_backup(store, copy, NULL, NULL, &err), err);
    chats(other, 1001, 10);
    assert_int_equal(ly_store_backup(store, copy, NULL, NULL, &err), LY_E_EXISTS);
    ly_store *copied = open_reader(copy);
    ly_store_info info;
    assert_ok(ly_store_info_get(copied, true, &info, &err), err);
    assert_int_equal(info.n_spans, 200);
    assert_sound(copied);
    ly_store_close(copied);
    ly_store_close(other);
    ly_store_close(store);
    folder_remove(&f);
}

static ly_status mask(void *user, const ly_span *span, const ly_log_record *log, ly_buf *out,
                      ly_err *err)
{
    (void)user;
    (void)log;
    (void)err;
    if (!span || !span->attrs.n)
        return LY_E_NOTFOUND;
    ly_span copy = *span;
    ly_kv attrs[16];
    bool hit = false;
    for (size_t i = 0; i < span->attrs.n && i < 16; i++) {
        attrs[i] = span->attrs.items[i];
        if (ly_str_eqc(attrs[i].key, "user.id")) {
            attrs[i].value.str = LY_S("[redacted:test]");
            hit = true;
        }
    }
    copy.attrs.items = attrs;
    ly_otlp_put_span(out, &copy);
    return hit ? LY_OK : LY_E_NOTFOUND;
}

static void rewriting_changes_what_is_stored(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    (void)ingest_one(store, (say){.trace = 1, .span = 1, .user = "person-xyzzy@example.org"});
    (void)ingest_one(store, (say){.trace = 2, .span = 1, .operation = "chat"});
    settle_all(store);
    ly_err err = LY_ERR_INIT;
    int64_t changed = 0;
    ly_store_edit how = {.edit = mask};
    assert_ok(ly_store_rewrite(store, &how, true, &changed, &err), err);
    assert_int_equal(changed, 1);
    assert_ok(ly_store_rewrite(store, &how, false, &changed, &err), err);
    assert_int_equal(changed, 1);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    assert_str(load_trace(store, 1, &arena)->row.user, "[redacted:test]");
    ly_arena_release(&arena);
    assert_sound(store);
    FILE *file = fopen(f.db, "rb");
    static char bytes[4 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_null(memmem(bytes, n, "person-xyzzy", 12));
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_go_and_money_stays),
        cmocka_unit_test(size_takes_the_oldest_day),
        cmocka_unit_test(a_backup_is_a_database),
        cmocka_unit_test(rewriting_changes_what_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
