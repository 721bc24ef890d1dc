/*
 * Promise 2: ended = acknowledged + rejected + dropped + spooled + queued + sending, at every moment,
 * while a collector takes, stalls, refuses, dies and comes back; and what is called acknowledged was
 * taken.
 */
#include "testing.h"

#include <lydite/tracer.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sink.h"

static uint64_t sum(const lydite_stats *s)
{
    uint64_t total = s->acknowledged + s->rejected + s->spooled + s->queued + s->sending;
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        total += s->dropped[i];
    }
    return total;
}

static lydite_stats checked(lydite_tracer *t)
{
    lydite_stats s = LYDITE_STATS_INIT;
    assert_int_equal(lydite_stats_get(t, &s), LYDITE_OK);
    assert_int_equal(s.ended, sum(&s));
    return s;
}

static lydite_tracer *open_to(int port, lydite_options *opts)
{
    char endpoint[64];
    lydite_tracer *t = NULL;
    lydite_error error = {0, ""};
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", port);
    opts->endpoint = endpoint;
    opts->schedule_ms = 10;
    if (lydite_open(opts, &t, &error)) {
        fail_msg("%s", error.text);
    }
    return t;
}

static void end_some(lydite_tracer *t, int n)
{
    for (int i = 0; i < n; i++) {
        lydite_span *span = lydite_start_static(t, LYDITE_STEP, "work");
        lydite_set_int(span, "i", i);
        lydite_set_str(span, "text", "some copied text of a usual length");
        lydite_end(span);
    }
}

static void test_delivers_everything(void **state)
{
    (void)state;
    sink *s = sink_start(0);
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.headers = "X-Test=a%20b";
    lydite_tracer *t = open_to(sink_port(s), &opts);
    end_some(t, 5000);
    assert_int_equal(lydite_flush(t, 5000, NULL), LYDITE_OK);
    assert_int_equal(sink_spans(s), 5000);
    assert_string_equal(sink_header(s), "a b");
    end_some(t, 10);
    lydite_stats stats = LYDITE_STATS_INIT;
    assert_int_equal(lydite_close(t, 5000, &stats), LYDITE_OK);
    assert_int_equal(stats.acknowledged, 5010);
    assert_int_equal(sink_spans(s), 5010);
    assert_int_equal(sink_repeats(s), 0);
    sink_stop(s);
}

static void test_rejected_and_refused(void **state)
{
    (void)state;
    sink *s = sink_start(0);
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = open_to(sink_port(s), &opts);
    sink_set(s, SINK_REJECT);
    end_some(t, 100);
    assert_int_equal(lydite_flush(t, 5000, NULL), LYDITE_E_LOST);
    lydite_stats stats = checked(t);
    assert_int_equal(stats.rejected, sink_requests(s));
    assert_int_equal(stats.acknowledged, sink_spans(s));
    sink_set(s, SINK_REFUSE);
    end_some(t, 50);
    assert_int_equal(lydite_flush(t, 5000, NULL), LYDITE_E_LOST);
    stats = checked(t);
    assert_int_equal(stats.dropped[LYDITE_DROP_REFUSED], 50);
    assert_int_equal(lydite_close(t, 1000, &stats), LYDITE_E_LOST);
    char text[LYDITE_TEXT_MAX];
    assert_non_null(strstr(lydite_stats_text(&stats, text, sizeof text), "(refused 50)"));
    sink_stop(s);
}

typedef struct worker {
    lydite_tracer *tracer;
    _Atomic bool *stop;
    uint64_t ended;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    while (!*w->stop) {
        lydite_span *outer = lydite_start_static(w->tracer, LYDITE_AGENT, "a");
        lydite_span *inner = lydite_start(w->tracer, LYDITE_GENERATION, "m");
        lydite_add_text(inner, LYDITE_INPUT, "user", "hello there");
        if (w->ended % 1000 == 0) {
            char *big = ly_calloc(1, 200001); /* past a chunk: the slow path */
            memset(big, 'x', 200000);
            lydite_set_str(inner, "big", big);
            ly_free(big);
        }
        lydite_end(inner);
        lydite_end(outer);
        w->ended += 2;
        if (w->ended % 64 == 0) {
            usleep(200);
        }
    }
    return NULL;
}

static void watch(lydite_tracer *t, int ms)
{
    int64_t until = ly_mono_ns() + ms * LY_NS_PER_MS;
    while (ly_mono_ns() < until) {
        checked(t);
        usleep(500);
    }
}

static void test_law_under_a_bad_collector(void **state)
{
    (void)state;
    sink *s = sink_start(0);
    const int port = sink_port(s);
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.ring_bytes = 1 << 20;
    opts.timeout_ms = 300;
    opts.give_up_ms = 900;
    lydite_tracer *t = open_to(port, &opts);
    _Atomic bool stop = false;
    worker workers[3] = {{t, &stop, 0}, {t, &stop, 0}, {t, &stop, 0}};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    watch(t, 200);
    sink_set(s, SINK_STALL);
    watch(t, 600);
    sink_set(s, SINK_BUSY);
    watch(t, 200);
    sink_set(s, SINK_TAKE);
    watch(t, 300);
    uint64_t taken_before = sink_spans(s);
    sink_stop(s);
    watch(t, 1500);
    s = sink_start(port);
    watch(t, 300);
    sink_set(s, SINK_REJECT);
    watch(t, 100);
    sink_set(s, SINK_TAKE);
    stop = true;
    uint64_t ended = 0;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ended += workers[i].ended;
    }
    lydite_stats stats = LYDITE_STATS_INIT;
    (void)lydite_flush(t, 10000, NULL);
    stats = checked(t);
    assert_int_equal(stats.ended, ended);
    assert_true(stats.dropped[LYDITE_DROP_FULL] > 0);
    assert_true(stats.retries > 0);
    assert_true(stats.slow_path > 0);
    /* Each acknowledged span was taken; some were taken whose acknowledgement the kill cut off. */
    assert_true(stats.acknowledged <= taken_before + sink_spans(s));
    assert_true(stats.acknowledged + 4 * 512 + 2048 >= taken_before + sink_spans(s));
    (void)lydite_close(t, 5000, &stats);
    assert_int_equal(stats.ended, sum(&stats));
    assert_int_equal(stats.queued + stats.sending, 0);
    sink_stop(s);
}

static void test_close_with_nobody_there(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = open_to(1, &opts); /* nobody listens on port 1 */
    end_some(t, 100);
    int64_t start = ly_mono_ns();
    lydite_stats stats = LYDITE_STATS_INIT;
    assert_int_equal(lydite_close(t, 200, &stats), LYDITE_E_LOST);
    assert_true(ly_mono_ns() - start < 1000 * LY_NS_PER_MS);
    assert_int_equal(stats.dropped[LYDITE_DROP_SHUTDOWN], 100);
    assert_int_equal(stats.ended, sum(&stats));
}

static void test_block_until_room(void **state)
{
    (void)state;
    sink *s = sink_start(0);
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.ring_bytes = 256 << 10;
    opts.full_wait_ms = 5000;
    lydite_tracer *t = open_to(sink_port(s), &opts);
    end_some(t, 20000); /* 4 MB through a quarter of one */
    lydite_stats stats = LYDITE_STATS_INIT;
    assert_int_equal(lydite_close(t, 5000, &stats), LYDITE_OK);
    assert_int_equal(stats.acknowledged, 20000);
    sink_stop(s);
}

static int host_calls, host_answer;
static int host_export(void *user, bool is_logs, const void *bytes, size_t len, size_t n)
{
    (void)is_logs;
    (void)bytes;
    host_calls++;
    *(uint64_t *)user += host_answer ? 0 : n;
    assert_true(len > 20);
    return host_answer;
}

static void test_host_function(void **state)
{
    (void)state;
    uint64_t got = 0;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.export_fn = host_export;
    opts.export_user = &got;
    lydite_tracer *t = open_to(1, &opts);
    end_some(t, 700);
    assert_int_equal(lydite_flush(t, 2000, NULL), LYDITE_OK);
    assert_int_equal(got, 700);
    host_answer = -1;
    end_some(t, 5);
    assert_int_equal(lydite_flush(t, 2000, NULL), LYDITE_E_LOST);
    host_answer = 0;
    lydite_stats stats = LYDITE_STATS_INIT;
    (void)lydite_close(t, 2000, &stats);
    assert_int_equal(stats.dropped[LYDITE_DROP_REFUSED], 5);
    assert_int_equal(got, 700);
}

/* More than all requests hold, to an exporter that answers at once, and no schedule to help: each free
 * request is filled again as long as the rings have something. */
static void test_many_small_requests(void **state)
{
    (void)state;
    uint64_t got = 0;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.export_fn = host_export;
    opts.export_user = &got;
    opts.ignore_env = true;
    opts.batch_spans = 10;
    opts.schedule_ms = 3600000;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    end_some(t, 1000);
    lydite_stats stats = LYDITE_STATS_INIT;
    assert_int_equal(lydite_close(t, 30000, &stats), LYDITE_OK);
    assert_int_equal(stats.acknowledged, 1000);
    assert_int_equal(got, 1000);
}

static void test_scores(void **state)
{
    (void)state;
    sink *s = sink_start(0);
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = open_to(sink_port(s), &opts);
    lydite_span *span = lydite_start(t, LYDITE_AGENT, "a");
    lydite_score score = LYDITE_SCORE_INIT;
    score.name = "helpful";
    score.value = 1;
    assert_int_equal(lydite_score_add(t, span, NULL, NULL, &score), LYDITE_OK);
    assert_int_equal(lydite_score_add(t, NULL, "0123", NULL, &score), LYDITE_E_INVALID);
    lydite_end(span);
    assert_int_equal(lydite_score_add(t, NULL, "0123456789abcdef0123456789abcdef", NULL, &score),
                     LYDITE_OK);
    lydite_stats stats = LYDITE_STATS_INIT;
    assert_int_equal(lydite_close(t, 5000, &stats), LYDITE_OK);
    assert_int_equal(stats.scores, 2);
    assert_int_equal(stats.scores_acknowledged, 2);
    assert_int_equal(sink_logs(s), 2);
    sink_stop(s);
}

static ly_buf score_request;
static int keep_scores(void *user, bool is_logs, const void *bytes, size_t len, size_t n)
{
    (void)user, (void)n;
    if (is_logs) {
        ly_buf_add(&score_request, bytes, len);
    }
    return 0;
}

/* A score of an open span names the provider's id of the answer, as the conventions want it. */
static void test_score_names_the_answer(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.export_fn = keep_scores;
    opts.ignore_env = true;
    ly_buf_init(&score_request, 1 << 20);
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    lydite_span *span = lydite_start(t, LYDITE_GENERATION, "m");
    lydite_set_response_id(span, "resp_first");
    lydite_set_response_id(span, "resp_last");
    lydite_score score = LYDITE_SCORE_INIT;
    score.name = "helpful";
    score.label = "yes";
    assert_int_equal(lydite_score_add(t, span, NULL, NULL, &score), LYDITE_OK);
    lydite_end(span);
    assert_int_equal(lydite_close(t, 30000, NULL), LYDITE_OK);
    ly_str sent = ly_buf_view(&score_request);
    assert_int_not_equal(ly_str_find(sent, LY_S("gen_ai.response.id"), 0), SIZE_MAX);
    assert_int_not_equal(ly_str_find(sent, LY_S("resp_last"), 0), SIZE_MAX);
    assert_int_equal(ly_str_find(sent, LY_S("resp_first"), 0), SIZE_MAX);
    ly_buf_release(&score_request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivers_everything),
        cmocka_unit_test(test_rejected_and_refused),
        cmocka_unit_test(test_close_with_nobody_there),
        cmocka_unit_test(test_block_until_room),
        cmocka_unit_test(test_host_function),
        cmocka_unit_test(test_many_small_requests),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_score_names_the_answer),
        cmocka_unit_test(test_law_under_a_bad_collector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
