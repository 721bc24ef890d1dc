/*
 * Every request of the interop corpus (LY_SHARED_DIR/data/corpus): read with its own encoding, the
 * counts of its index found, nothing rejected; written as protobuf and as JSON and read again, every
 * record and its resource and scope byte for byte the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "otlp/encode.h"
#include "otlp/json.h"
#include "otlp/sort.h"
#include "text/csv.h"

#define CORPUS LY_SHARED_DIR "/data/corpus/"

/* Columns of INDEX.tsv. */
enum { FILE_NAME = 0, SIGNAL = 4, ENCODING = 6, COMPRESSION = 7, ITEMS = 11 };

static ly_arena arena, again;
static size_t n_payloads, n_records, n_own_bytes, n_json;

static void read_stream(FILE *in, ly_buf *out)
{
    char *room;
    while ((room = ly_buf_room(out, 65536)) != NULL) {
        size_t n = fread(room, 1, 65536, in);
        if (n == 0) {
            break;
        }
        ly_buf_advance(out, n);
    }
    assert_int_equal(out->failed, LY_OK);
}

static void read_payload(ly_str name, bool gzip, ly_buf *out)
{
    char path[1000];
    snprintf(path, sizeof path, "%s%s%.*s%s", gzip ? "gzip -dc '" : "", CORPUS, LY_STR_ARG(name),
             gzip ? "'" : "");
    FILE *in = gzip ? popen(path, "r") : fopen(path, "rb");
    assert_non_null(in);
    read_stream(in, out);
    assert_int_equal(gzip ? pclose(in) : fclose(in), 0);
    assert_true(out->len > 0);
}

static ly_str wire_of(const ly_otlp_batch *batch, size_t i)
{
    return batch->signal == LY_SIGNAL_TRACES ? batch->spans[i].wire : batch->logs[i].wire;
}

static size_t count_of(const ly_otlp_batch *batch)
{
    return batch->signal == LY_SIGNAL_TRACES ? batch->n_spans : batch->n_logs;
}

static void assert_same(const ly_otlp_batch *a, const ly_otlp_batch *b, ly_str name)
{
    assert_int_equal(count_of(a), count_of(b));
    assert_int_equal(b->n_rejected, 0);
    for (size_t i = 0; i < count_of(a); i++) {
        bool traces = a->signal == LY_SIGNAL_TRACES;
        const ly_resource *ra = traces ? a->spans[i].resource : a->logs[i].resource;
        const ly_resource *rb = traces ? b->spans[i].resource : b->logs[i].resource;
        const ly_scope *sa = traces ? a->spans[i].scope : a->logs[i].scope;
        const ly_scope *sb = traces ? b->spans[i].scope : b->logs[i].scope;
        if (!ly_str_eq(wire_of(a, i), wire_of(b, i)) || !ly_str_eq(ra->wire, rb->wire) ||
            !ly_str_eq(sa->wire, sb->wire) || !ly_str_eq(ra->schema_url, rb->schema_url) ||
            !ly_str_eq(sa->schema_url, sb->schema_url)) {
            fail_msg("%.*s: record %zu came back different", LY_STR_ARG(name), i);
        }
    }
}

static void write_out(const ly_otlp_batch *batch, bool json, ly_buf *out)
{
    size_t n = count_of(batch);
    const void **list = ly_calloc(n + 1, sizeof *list);
    ly_status status;
    for (size_t i = 0; i < n; i++) {
        list[i] = batch->signal == LY_SIGNAL_TRACES ? (const void *)&batch->spans[i]
                                                    : (const void *)&batch->logs[i];
    }
    if (batch->signal == LY_SIGNAL_TRACES) {
        status = json ? ly_otlp_json_traces((const ly_span *const *)list, n, out, NULL)
                      : ly_otlp_encode_traces((const ly_span *const *)list, n, out, NULL);
    } else {
        status = json ? ly_otlp_json_logs((const ly_log_record *const *)list, n, out, NULL)
                      : ly_otlp_encode_logs((const ly_log_record *const *)list, n, out, NULL);
    }
    ly_free(list);
    assert_int_equal(status, LY_OK);
}

static ly_otlp_batch read_in(ly_str bytes, ly_signal signal, bool json, ly_arena *where,
                             ly_str name)
{
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    ly_status status = json ? ly_otlp_decode_json(bytes, signal, where, NULL, &batch, &err)
                            : ly_otlp_decode(bytes, signal, where, NULL, &batch, &err);
    if (status != LY_OK) {
        fail_msg("%.*s: %s", LY_STR_ARG(name), err.text);
    }
    return batch;
}

/* What the bytes are is told without the index; and where another signal's request follows, both are found. */
static void assert_sorted(ly_str bytes, ly_signal signal, ly_str name)
{
    static const char log_request[] = "\x0a\x0d\x12\x0b\x12\x09\x09\1\0\0\0\0\0\0\0";
    static const char span_request[] = "\x0a\x06\x12\x04\x12\x02\x30\x01";
    const ly_str other = signal == LY_SIGNAL_LOGS ? ly_str_n(span_request, sizeof span_request - 1)
                                                  : ly_str_n(log_request, sizeof log_request - 1);
    ly_buf both;
    ly_str rest = bytes, run;
    ly_signal told;
    if (!ly_otlp_next_run(&rest, &run, &told) || told != signal || run.len != bytes.len ||
        rest.len != 0) {
        fail_msg("%.*s is taken for signal %d", LY_STR_ARG(name), (int)told);
    }
    ly_buf_init(&both, LY_MAX_REQUEST_BYTES);
    ly_buf_str(&both, other);
    ly_buf_str(&both, bytes);
    rest = ly_buf_view(&both);
    assert_true(ly_otlp_next_run(&rest, &run, &told));
    assert_int_equal(told, signal == LY_SIGNAL_LOGS ? LY_SIGNAL_TRACES : LY_SIGNAL_LOGS);
    assert_int_equal(run.len, other.len);
    assert_true(ly_otlp_next_run(&rest, &run, &told));
    assert_int_equal(told, signal);
    assert_int_equal(run.len, bytes.len);
    assert_false(ly_otlp_next_run(&rest, &run, &told));
    ly_buf_release(&both);
}

static void check_payload(const ly_csv_row *row)
{
    ly_buf bytes, out;
    uint64_t items;
    ly_str name = row->fields[FILE_NAME];
    bool json = ly_str_eqc(row->fields[ENCODING], "json");
    ly_signal signal = ly_str_eqc(row->fields[SIGNAL], "traces") ? LY_SIGNAL_TRACES
                       : ly_str_eqc(row->fields[SIGNAL], "logs") ? LY_SIGNAL_LOGS
                                                                 : LY_SIGNAL_METRICS;
    ly_buf_init(&bytes, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&out, LY_MAX_REQUEST_BYTES);
    ly_arena_reset(&arena);
    read_payload(name, ly_str_eqc(row->fields[COMPRESSION], "gzip"), &bytes);
    ly_otlp_batch batch = read_in(ly_buf_view(&bytes), signal, json, &arena, name);
    if (!json) {
        assert_sorted(ly_buf_view(&bytes), signal, name);
    }
    assert_true(ly_str_to_u64(row->fields[ITEMS], &items));
    if (signal == LY_SIGNAL_METRICS) {
        assert_true(batch.n_points > 0);
    } else {
        assert_int_equal(count_of(&batch), items);
        assert_int_equal(batch.n_rejected, 0);
        for (int as_json = 0; as_json <= 1; as_json++) {
            ly_buf_reset(&out);
            ly_arena_reset(&again);
            write_out(&batch, as_json, &out);
            ly_otlp_batch back = read_in(ly_buf_view(&out), signal, as_json, &again, name);
            assert_same(&batch, &back, name);
        }
        n_own_bytes += ly_str_find(ly_buf_view(&out), LY_S("lyditeWire"), 0) != SIZE_MAX;
        n_records += count_of(&batch);
    }
    n_payloads++;
    n_json += json;
    ly_buf_release(&bytes);
    ly_buf_release(&out);
}

static void corpus(void **state)
{
    (void)state;
    ly_csv *csv;
    ly_csv_opts opts = {.delimiter = '\t'};
    const ly_csv_row *row;
    ly_buf index;
    FILE *in = fopen(CORPUS "INDEX.tsv", "rb");
    if (!in) {
        skip();
    }
    ly_buf_init(&index, LY_MIB(64));
    read_stream(in, &index);
    fclose(in);
    assert_int_equal(ly_csv_new_text(ly_buf_view(&index), &opts, &csv, NULL), LY_OK);
    assert_int_equal(ly_csv_next(csv, &row, NULL), LY_OK);
    assert_true(ly_str_eqc(row->fields[FILE_NAME], "file"));
    assert_true(ly_str_eqc(row->fields[ITEMS], "item_count"));
    while (ly_csv_next(csv, &row, NULL) == LY_OK && row) {
        check_payload(row);
    }
    ly_csv_free(csv);
    ly_buf_release(&index);
    print_message("%zu payloads (%zu JSON), %zu records; JSON needed lyditeWire in %zu payloads\n",
                  n_payloads, n_json, n_records, n_own_bytes);
    assert_true(n_payloads > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus)};
    FILE *index = fopen(CORPUS "INDEX.tsv", "rb");
    if (!index) {
        return 77;
    }
    fclose(index);
    ly_arena_init(&arena, 0, 0);
    ly_arena_init(&again, 0, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ly_arena_release(&arena);
    ly_arena_release(&again);
    return failed;
}
