/* ingest: bytes to stored records, counts exact, in slices, redacted before anything is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/ingest.h"

typedef struct fixture {
    char dir[64], db[96];
    ly_store *store;
    ly_err err;
} fixture;

static int setup(void **state)
{
    fixture *f = ly_calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/lydite-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->db, sizeof f->db, "%s/t.db", f->dir);
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    assert_int_equal(ly_store_open(f->db, &opts, &f->store, &f->err), LY_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[128];
    ly_store_close(f->store);
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", f->db, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->dir);
    ly_free(f);
    return 0;
}

/* n spans of one trace as OTLP/JSON; every bad_every-th has a span id of zero. */
static void request(ly_buf *out, unsigned trace, size_t n, size_t bad_every, const char *text)
{
    ly_buf_init(out, LY_MIB(64));
    ly_buf_c(
        out,
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
        "{\"stringValue\":\"s\"}}]},\"scopeSpans\":[{\"spans\":[");
    for (size_t i = 0; i < n; i++) {
        bool bad = bad_every && (i + 1) % bad_every == 0;
        ly_buf_fmt(
            out,
            "%s{\"traceId\":\"%032x\",\"spanId\":\"%016zx\",\"name\":\"%s\",\"startTimeUnixNano\":"
            "\"1700000000000000000\",\"endTimeUnixNano\":\"1700000001000000000\"}",
            i ? "," : "", trace, bad ? (size_t)0 : i + 1, text);
    }
    ly_buf_c(out, "]}]}]}");
}

static int64_t stored_spans(fixture *f)
{
    ly_store_info info;
    assert_int_equal(ly_store_info_get(f->store, true, &info, &f->err), LY_OK);
    return info.n_spans;
}

static void counts_are_exact(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    ly_ingest_outcome o;
    ly_buf body;
    request(&body, 1, 100, 10, "x");
    assert_int_equal(ly_ingest_bytes(&config, f->store, ly_buf_view(&body), LY_OTLP_JSON,
                                     LY_SIGNAL_TRACES, &o, &f->err),
                     LY_OK);
    assert_int_equal(o.received, 100);
    assert_int_equal(o.stored, 90);
    assert_int_equal(o.rejected, 10);
    assert_int_equal(o.by_reason[LY_REJECT_SPAN_ID], 10);
    assert_int_equal(stored_spans(f), 90);
    assert_int_equal(ly_ingest_bytes(&config, f->store, ly_buf_view(&body), LY_OTLP_JSON,
                                     LY_SIGNAL_TRACES, &o, &f->err),
                     LY_OK);
    assert_int_equal(o.stored, 0);
    assert_int_equal(o.merged, 90);
    assert_int_equal(stored_spans(f), 90);
    ly_buf_release(&body);
}

static void a_contradiction_is_a_conflict(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    ly_ingest_outcome o;
    ly_buf body;
    request(&body, 2, 5, 0, "x");
    assert_int_equal(ly_ingest_bytes(&config, f->store, ly_buf_view(&body), LY_OTLP_JSON,
                                     LY_SIGNAL_TRACES, &o, &f->err),
                     LY_OK);
    ly_buf_release(&body);
    request(&body, 2, 5, 0, "y");
    assert_int_equal(ly_ingest_bytes(&config, f->store, ly_buf_view(&body), LY_OTLP_JSON,
                                     LY_SIGNAL_TRACES, &o, &f->err),
                     LY_OK);
    assert_int_equal(o.conflicts, 5);
    assert_int_equal(o.stored + o.merged, 0);
    ly_buf_release(&body);
}

/* Three jobs of 300 spans in slices of 512: two commits, the second job in both. */
static void slices_cut_across_requests(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    ly_ingest_slice slice = {512, 0};
    ly_ingest_job *jobs[3];
    ly_buf bodies[3];
    for (unsigned i = 0; i < 3; i++) {
        request(&bodies[i], 10 + i, 300, 0, "x");
        assert_int_equal(ly_ingest_job_new(&jobs[i], &f->err), LY_OK);
        assert_int_equal(ly_ingest_prepare(&config, jobs[i], ly_buf_view(&bodies[i]), LY_OTLP_JSON,
                                           LY_SIGNAL_TRACES, &f->err),
                         LY_OK);
    }
    size_t done = 9;
    ly_store_counters before, after;
    ly_store_counters_get(f->store, &before);
    assert_int_equal(ly_ingest_store(f->store, jobs, 3, &slice, &done, &f->err), LY_OK);
    assert_int_equal(done, 1);
    assert_int_equal(jobs[0]->outcome.stored, 300);
    assert_int_equal(jobs[1]->outcome.stored, 212);
    assert_int_equal(stored_spans(f), 512);
    assert_int_equal(ly_ingest_store(f->store, jobs + 1, 2, &slice, &done, &f->err), LY_OK);
    assert_int_equal(done, 2);
    assert_int_equal(jobs[1]->outcome.stored, 300);
    assert_int_equal(jobs[2]->outcome.stored, 300);
    ly_store_counters_get(f->store, &after);
    assert_int_equal(after.commits - before.commits, 2);
    for (int i = 0; i < 3; i++) {
        ly_ingest_job_free(jobs[i]);
        ly_buf_release(&bodies[i]);
    }
}

/* 1,000 documents of one span: commits are shared; a document that cannot be read costs nobody else. */
static void small_documents_share_commits(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    ly_ingest_load *load = NULL;
    ly_store_counters before, after;
    enum { DOCS = 1000, BAD = 500 };
    ly_buf *bodies = ly_calloc(DOCS, sizeof *bodies);
    assert_non_null(bodies);
    assert_int_equal(ly_ingest_load_new(&config, f->store, &load, &f->err), LY_OK);
    ly_store_counters_get(f->store, &before);
    for (unsigned i = 0; i < DOCS; i++) {
        request(&bodies[i], 1000 + i, 1, 0, "x");
        ly_str body = ly_buf_view(&bodies[i]);
        assert_int_equal(ly_ingest_load_add(load, i == BAD ? ly_str_sub(body, 0, 20) : body,
                                            LY_OTLP_JSON, LY_SIGNAL_TRACES, &f->err),
                         i == BAD ? LY_E_FORMAT : LY_OK);
    }
    assert_int_equal(ly_ingest_load_flush(load, &f->err), LY_OK);
    ly_store_counters_get(f->store, &after);
    assert_int_equal(ly_ingest_load_sum(load)->received, DOCS - 1);
    assert_int_equal(ly_ingest_load_sum(load)->stored, DOCS - 1);
    assert_int_equal(stored_spans(f), DOCS - 1);
    assert_in_range(after.commits - before.commits, DOCS / LY_INGEST_LOAD_ITEMS,
                    DOCS / LY_INGEST_LOAD_ITEMS + 2);
    ly_ingest_load_free(load);
    for (unsigned i = 0; i < DOCS; i++)
        ly_buf_release(&bodies[i]);
    ly_free(bodies);
}

/* No commit of a load is longer than its bound, neither of one large document nor of several. */
static void a_load_cuts_large_documents(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    ly_ingest_load *load = NULL;
    ly_store_counters before, after;
    ly_buf small, large;
    request(&small, 5000, 1, 0, "x");
    request(&large, 5001, 1000, 0, "x");
    assert_int_equal(ly_ingest_load_new(&config, f->store, &load, &f->err), LY_OK);
    ly_store_counters_get(f->store, &before);
    assert_int_equal(
        ly_ingest_load_add(load, ly_buf_view(&small), LY_OTLP_JSON, LY_SIGNAL_TRACES, &f->err),
        LY_OK);
    assert_int_equal(stored_spans(f), 0);
    assert_int_equal(
        ly_ingest_load_add(load, ly_buf_view(&large), LY_OTLP_JSON, LY_SIGNAL_TRACES, &f->err),
        LY_OK);
    ly_store_counters_get(f->store, &after);
    assert_int_equal(stored_spans(f), 1001);
    assert_int_equal(ly_ingest_load_sum(load)->stored, 1001);
    assert_int_equal(after.commits - before.commits, 1001 / LY_INGEST_LOAD_ITEMS + 1);
    ly_ingest_load_free(load);
    ly_buf_release(&small);
    ly_buf_release(&large);
}

static void a_reused_job_does_not_allocate(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    ly_ingest_job *job = NULL;
    ly_buf body;
    request(&body, 20, 200, 0, "x");
    assert_int_equal(ly_ingest_job_new(&job, &f->err), LY_OK);
    uint64_t before = 0;
    for (int i = 0; i < 5; i++) {
        if (i == 2)
            before = ly_mem_count();
        ly_ingest_job_reset(job, LY_MIB(16));
        assert_int_equal(ly_ingest_prepare(&config, job, ly_buf_view(&body), LY_OTLP_JSON,
                                           LY_SIGNAL_TRACES, &f->err),
                         LY_OK);
    }
    /* JSON is transcoded into a buffer of its own; 200 spans must not add to that. */
    assert_true(ly_mem_count() - before <= 3 * 8);
    ly_ingest_job_free(job);
    ly_buf_release(&body);
}

static ly_status no_secret(void *user, const ly_span *span, const ly_log_record *log, ly_err *err)
{
    size_t *n = user;
    (void)log;
    (void)err;
    (*n)++;
    assert_true(ly_str_find(span->wire, LY_S("ann@example.com"), 0) == SIZE_MAX);
    assert_true(ly_str_find(span->wire, LY_S("[redacted:email]"), 0) != SIZE_MAX);
    return LY_OK;
}

static void redacted_before_it_is_kept(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    ly_redact *redact = NULL;
    ly_ingest_outcome o;
    ly_buf body;
    size_t n = 0;
    assert_int_equal(ly_redact_new(LY_S("pii"), NULL, 0, &redact, &f->err), LY_OK);
    config.redact = redact;
    request(&body, 30, 7, 0, "to ann@example.com");
    assert_int_equal(ly_ingest_bytes(&config, f->store, ly_buf_view(&body), LY_OTLP_JSON,
                                     LY_SIGNAL_TRACES, &o, &f->err),
                     LY_OK);
    assert_int_equal(o.stored, 7);
    assert_int_equal(ly_redact_total(redact), 7);
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.limit = 0;
    assert_int_equal(ly_store_export(f->store, &query, true, no_secret, &n, &f->err), LY_OK);
    assert_int_equal(n, 7);
    /* Sent again it is redacted again and found to be the same. */
    assert_int_equal(ly_ingest_bytes(&config, f->store, ly_buf_view(&body), LY_OTLP_JSON,
                                     LY_SIGNAL_TRACES, &o, &f->err),
                     LY_OK);
    assert_int_equal(o.merged, 7);
    ly_buf_release(&body);
    ly_redact_free(redact);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    fixture *f = *state;
    ly_ingest_config config = {0};
    assert_int_equal(ly_ingest_bytes(&config, f->store, LY_S("\x0a\x7f"), LY_OTLP_PROTO,
                                     LY_SIGNAL_TRACES, NULL, &f->err),
                     LY_E_FORMAT);
    assert_int_equal(
        ly_ingest_bytes(&config, f->store, LY_S("{"), LY_OTLP_JSON, LY_SIGNAL_LOGS, NULL, &f->err),
        LY_E_FORMAT);
    assert_int_equal(stored_spans(f), 0);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(counts_are_exact),
        WITH(a_contradiction_is_a_conflict),
        WITH(slices_cut_across_requests),
        WITH(small_documents_share_commits),
        WITH(a_load_cuts_large_documents),
        WITH(a_reused_job_does_not_allocate),
        WITH(redacted_before_it_is_kept),
        WITH(what_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
