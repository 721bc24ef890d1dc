/* Turns: what does not wait for others, and what others do not wait for. */
#include "store/db.h"
#include "support.h"

static ly_store_counters counted(const ly_store *store)
{
    ly_store_counters c;
    ly_store_counters_get(store, &c);
    return c;
}

static void put_text(ly_store *store, uint64_t span, const char *text)
{
    made m = made_new(1);
    made_say(
        &m, (say){.trace = span, .span = span, .name = "chat", .operation = "chat", .input = text});
    ingest_made(store, &m, NULL);
    made_free(&m);
}

static const char message[] =
    "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"The river station has a "
    "winter "
    "ticket for every customer who asks about the weather in the harbour.\"}]}]";

/* A handle that writes for the first time knows what others stored. */
static void contents_are_known_ahead(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_wall_fix(SAY_BASE_MS * LY_NS_PER_MS); /* contents are of a day */
    ly_store *first = open_writer(f.db), *second = open_writer(f.db);
    put_text(first, 1, message);
    assert_true(counted(first).contents_new > 0);
    put_text(second, 2, message);
    assert_int_equal(counted(second).contents_new, 0);
    assert_true(counted(second).contents_seen > 0);
    /* And what another one puts between two of its turns. */
    put_text(first, 3,
             "a text that only the first one had until now, long enough to be kept apart");
    put_text(second, 4,
             "a text that only the first one had until now, long enough to be kept apart");
    assert_int_equal(counted(second).contents_new, 0);
    ly_store_close(first);
    ly_store_close(second);
    ly_wall_fix(0);
    folder_remove(&f);
}

/* After a restart the log's frames are counted from its beginning. */
static void the_log_begins_anew(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    int64_t left = -1;
    for (uint64_t i = 1; i <= 50; i++)
        put_text(store, i, message);
    int64_t before = ly_store_log_bytes(store), file = ly_store_wal_bytes(store);
    assert_true(before > 0 && before <= file);
    assert_ok(ly_store_checkpoint(store, false, 0, &left, &err), err);
    assert_int_equal(left, 0);
    assert_ok(ly_store_log_restart(store, LY_NS_PER_SEC, &err), err);
    put_text(store, 51, message);
    assert_true(ly_store_log_bytes(store) < before / 2);
    assert_int_equal(ly_store_wal_bytes(store), file);
    ly_store_close(store);
    folder_remove(&f);
}

static bool always(void *user)
{
    ++*(int *)user;
    return true;
}

/* While somebody is waited for, settling leaves the file to its holder at once, and does its work later. */
static void settling_yields(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db), *other = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    int64_t left = -1;
    int asked = 0;
    put_text(store, 1, message);
    ly_store_settle_yields(store, always, &asked);
    assert_ok(ly_db_write_begin(ly_store_db(other), &err), err);
    assert_ok(ly_store_settle(store, 0, true, &left, &err),
              err); /* else LY_E_BUSY, after a long time */
    assert_true(asked > 0);
    assert_int_equal(left, 1);
    assert_ok(ly_db_write_end(ly_store_db(other), LY_OK, &err), err);
    ly_store_settle_yields(store, NULL, NULL);
    assert_ok(ly_store_settle(store, 0, true, &left, &err), err);
    assert_int_equal(left, 0);
    ly_store_close(store);
    ly_store_close(other);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_are_known_ahead),
        cmocka_unit_test(the_log_begins_anew),
        cmocka_unit_test(settling_yields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
