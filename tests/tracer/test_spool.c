/*
 * The spool directory: written when nobody takes spans, bounded, delivered later once in effect. And
 * live mode, which needs a peer that announced itself.
 */
#include "testing.h"

#include <dirent.h>
#include <lydite/tracer.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sink.h"
#include "tracer/spool.h"

static char dir[256];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/lydite-spool-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int count_files(const char *suffix)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int n = 0;
    while (d && (e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name), s = strlen(suffix);
        n += e->d_name[0] != '.' && len > s && strcmp(e->d_name + len - s, suffix) == 0;
    }
    if (d) {
        closedir(d);
    }
    return n;
}

static int drop_dir(void **state)
{
    (void)state;
    DIR *d = opendir(dir);
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL) {
        (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d) {
        closedir(d);
    }
    return rmdir(dir);
}

static lydite_tracer *open_to(int port, uint64_t bytes, bool live)
{
    char endpoint[64];
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", port);
    opts.endpoint = endpoint;
    opts.schedule_ms = 10;
    opts.spool_dir = live ? NULL : dir;
    opts.spool_bytes = bytes;
    opts.live = live;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    return t;
}

static void end_some(lydite_tracer *t, int n)
{
    for (int i = 0; i < n; i++) {
        lydite_end(lydite_start(t, LYDITE_STEP, "work"));
    }
}

static void test_delivered_after_a_restart(void **state)
{
    (void)state;
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_tracer *t = open_to(1, 0, false);
    end_some(t, 700);
    assert_int_equal(lydite_close(t, 100, &s), LYDITE_E_LOST);
    assert_int_equal(s.spooled, 700);
    assert_int_equal(s.ended, 700);
    assert_true(count_files(".otlp") >= 2);

    sink *k = sink_start(0);
    t = open_to(sink_port(k), 0, false);
    end_some(t, 1); /* the exporter starts with the first span */
    for (int i = 0; i < 500 && count_files(".otlp"); i++) {
        usleep(20000);
    }
    assert_int_equal(count_files(".otlp"), 0);
    assert_int_equal(lydite_close(t, 5000, &s), LYDITE_OK);
    assert_int_equal(s.acknowledged, 1); /* the others are not this process's to count */
    assert_true(s.inherited >= 2);
    assert_int_equal(sink_spans(k), 701);
    assert_int_equal(sink_repeats(k), 0);
    sink_stop(k);
}

/* What would be waited for is safe on disk: a program does not end later because nobody is there. */
static void test_close_does_not_wait(void **state)
{
    (void)state;
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_tracer *t = open_to(1, 0, false);
    const int64_t start = ly_mono_ns();
    end_some(t, 5000);
    assert_int_equal(lydite_close(t, 60000, &s), LYDITE_E_LOST);
    assert_true(ly_mono_ns() - start < 59 * LY_NS_PER_SEC);
    assert_int_equal(s.spooled, 5000);
}

static void test_own_spool_comes_back(void **state)
{
    (void)state;
    sink *k = sink_start(0);
    const int port = sink_port(k);
    sink_stop(k);
    char endpoint[64];
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", port);
    opts.endpoint = endpoint;
    opts.schedule_ms = 10;
    opts.spool_dir = dir;
    opts.give_up_ms = 1; /* to disk after the first attempt */
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    end_some(t, 100);
    (void)lydite_flush(t, 3000, NULL);
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_stats_get(t, &s);
    assert_int_equal(s.spooled, 100);
    k = sink_start(port);
    for (int i = 0; i < 1000 && s.acknowledged < 101; i++) {
        if (i % 100 == 0) {
            end_some(t, i == 0);
        }
        usleep(20000);
        lydite_stats_get(t, &s);
    }
    assert_int_equal(s.spooled, 0);
    assert_int_equal(s.acknowledged, 101);
    assert_int_equal(lydite_close(t, 5000, &s), LYDITE_OK);
    assert_int_equal(sink_spans(k), 101);
    sink_stop(k);
}

static void test_bounded_and_damaged(void **state)
{
    (void)state;
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_tracer *t = open_to(1, 64, false);
    end_some(t, 10);
    assert_int_equal(lydite_close(t, 100, &s), LYDITE_E_LOST);
    assert_int_equal(s.dropped[LYDITE_DROP_SPOOL], 10);
    assert_int_equal(count_files(".otlp"), 0);

    /* a torn file, and one that is none */
    assert_int_equal(ly_spool_write(dir, 1 << 20, 7, false, 1, LY_S("0123456789"), NULL), LY_OK);
    DIR *d = opendir(dir);
    struct dirent *e;
    char path[600] = "";
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        }
    }
    closedir(d);
    assert_int_equal(truncate(path, 35), 0);
    ly_buf file;
    ly_spool_item item;
    ly_buf_init(&file, 1 << 20);
    assert_false(ly_spool_claim(dir, &file, &item));
    assert_int_equal(count_files(".refused"), 1);
    /* two claims do not get the same file */
    assert_int_equal(ly_spool_write(dir, 1 << 20, 7, true, 3, LY_S("0123456789"), NULL), LY_OK);
    assert_true(ly_spool_claim(dir, &file, &item));
    assert_true(item.logs && item.n == 3 && item.token == 7);
    assert_true(ly_str_eqc(ly_str_sub(ly_buf_view(&file), item.body_at, file.len), "0123456789"));
    ly_spool_item other;
    assert_false(ly_spool_claim(dir, &file, &other));
    ly_spool_release(item.fd);
    assert_true(ly_spool_claim(dir, &file, &other));
    ly_spool_remove(dir, other.name);
    ly_spool_release(other.fd);
    ly_buf_release(&file);
}

static _Atomic int pending_seen, ended_seen;
static void look(void *user, const ly_span *span)
{
    const ly_any *pending = ly_attrs_get(&span->attrs, LY_S("lydite.span.pending"));
    (void)user;
    if (pending && pending->boolean) {
        pending_seen += span->end_ns == 0;
    } else {
        ended_seen += span->end_ns != 0;
    }
}

static void wait_pending(int n)
{
    for (int i = 0; i < 3000 && pending_seen < n; i++) {
        usleep(10000);
    }
    assert_int_equal(pending_seen, n);
}

/* The first step of a process is seen while it runs, though nothing was sent before it, and nothing has to
 * end or to be flushed for that. */
static void test_live(void **state)
{
    (void)state;
    sink *k = sink_start(0);
    pending_seen = ended_seen = 0;
    sink_watch(k, look, NULL);
    lydite_tracer *t = open_to(sink_port(k), 0, true);
    lydite_span *first = lydite_start(t, LYDITE_AGENT, "first");
    wait_pending(1);
    lydite_span *second = lydite_start(t, LYDITE_TOOL, "second");
    wait_pending(2);
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_stats_get(t, &s);
    assert_int_equal(s.ended, 0); /* it counts in no total */
    assert_int_equal(s.acknowledged, 0);
    lydite_end(second);
    lydite_end(first);
    assert_int_equal(lydite_close(t, 30000, &s), LYDITE_OK);
    assert_int_equal(s.pending, 2);
    assert_int_equal(s.acknowledged, 2);
    assert_int_equal(ended_seen, 2);
    sink_stop(k);
}

/* To another vendor's collector a start record would be a span without an end. */
static void test_live_to_a_stranger(void **state)
{
    (void)state;
    sink *k = sink_start_foreign();
    pending_seen = ended_seen = 0;
    sink_watch(k, look, NULL);
    lydite_tracer *t = open_to(sink_port(k), 0, true);
    for (int i = 0; i < 5; i++) {
        lydite_span *span = lydite_start(t, LYDITE_AGENT, "span");
        for (int wait = 0; i == 0 && wait < 3000 && sink_requests(k) == 0; wait++) {
            usleep(10000); /* until it was asked */
        }
        usleep(50000);
        lydite_end(span);
        (void)lydite_flush(t, 30000, NULL);
    }
    lydite_stats s = LYDITE_STATS_INIT;
    assert_int_equal(lydite_close(t, 30000, &s), LYDITE_OK);
    assert_int_equal(pending_seen, 0);
    assert_int_equal(s.pending, 0);
    assert_int_equal(ended_seen, 5);
    sink_stop(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_delivered_after_a_restart, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_close_does_not_wait, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_own_spool_comes_back, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_bounded_and_damaged, make_dir, drop_dir),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_live_to_a_stranger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
