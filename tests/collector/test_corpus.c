/*
 * Every recorded payload of real clients over its own transport: accepted, and exported equal to what
 * came in. Exit 77 without the corpus.
 */
#include "kit.h"

#include <dirent.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "collector/impl.h"
#include "otlp/decode.h"
#include "otlp/json.h"
#include "text/json.h"

typedef struct item {
    ly_trace_id trace;
    ly_span_id span;
    ly_signal signal;
    ly_str wire, resource, scope;
    bool seen;
} item;

typedef struct corpus {
    kit k;
    ly_arena arena;
    item *items;
    size_t n, cap;
    size_t payloads, points;
} corpus;

static ly_str read_file(ly_arena *arena, const char *path)
{
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *bytes = ly_arena_alloc(arena, (size_t)size + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    fclose(file);
    return ly_str_n(bytes, (size_t)size);
}

static void remember(corpus *c, const item *it)
{
    assert_true(ly_grow(&c->items, &c->cap, c->n + 1, SIZE_MAX / 256, sizeof *c->items));
    c->items[c->n++] = *it;
}

static ly_str text_of(const ly_json *doc, const char *key)
{
    return ly_json_str(ly_json_get(doc, key));
}

static ly_signal signal_of(ly_str path)
{
    if (ly_str_find(path, LY_S("metrics"), 0) != SIZE_MAX)
        return LY_SIGNAL_METRICS;
    return ly_str_find(path, LY_S("logs"), 0) != SIZE_MAX ? LY_SIGNAL_LOGS : LY_SIGNAL_TRACES;
}

/* What the collector should have: the payload decoded here. */
static void decode_expected(corpus *c, ly_str body, bool gzip, bool json, ly_signal signal)
{
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    if (gzip) {
        char *plain = NULL;
        size_t len = 0;
        assert_int_equal(ly_inflate(body, LY_RPC_GZIP, LY_MIB(64), &plain, &len, &err), LY_OK);
        body = ly_arena_copy(&c->arena, ly_str_n(plain, len));
        ly_free(plain);
    }
    ly_status status = json ? ly_otlp_decode_json(body, signal, &c->arena, NULL, &batch, &err)
                            : ly_otlp_decode(body, signal, &c->arena, NULL, &batch, &err);
    assert_int_equal(status, LY_OK);
    assert_int_equal(batch.n_rejected, 0);
    c->points += batch.n_points;
    for (size_t i = 0; i < batch.n_spans; i++) {
        const ly_span *s = &batch.spans[i];
        remember(c, &(item){s->trace_id, s->span_id, LY_SIGNAL_TRACES, s->wire, s->resource->wire,
                            s->scope->wire, false});
    }
    for (size_t i = 0; i < batch.n_logs; i++) {
        const ly_log_record *l = &batch.logs[i];
        remember(c, &(item){l->trace_id, l->span_id, LY_SIGNAL_LOGS, l->wire, l->resource->wire,
                            l->scope->wire, false});
    }
}

static void send_payload(corpus *c, const char *stem)
{
    char path[600], headers[256];
    ly_json *doc = NULL;
    ly_err err = LY_ERR_INIT;
    snprintf(path, sizeof path, "%s.json", stem);
    assert_int_equal(ly_json_parse(read_file(&c->arena, path), &c->arena, &doc, &err), LY_OK);
    snprintf(path, sizeof path, "%s.bin", stem);
    ly_str body = read_file(&c->arena, path), at = text_of(doc, "path");
    bool gzip = ly_str_eqc(text_of(doc, "content_encoding"), "gzip");
    bool json = ly_str_starts(text_of(doc, "content_type"), LY_S("application/json"));
    const char *path_c = ly_arena_copy(&c->arena, at).ptr;
    if (ly_str_eqc(text_of(doc, "transport"), "grpc")) {
        ly_rpc_reply reply = kit_call(&c->k, path_c, body, gzip, NULL, 0);
        if (reply.code != LY_RPC_OK || reply.body.len)
            fail_msg("%s: gRPC %d %.*s", stem, reply.code, LY_STR_ARG(reply.message));
        ly_rpc_reply_release(&reply);
    } else {
        snprintf(headers, sizeof headers, "Content-Type: %.*s\r\n%s",
                 LY_STR_ARG(text_of(doc, "content_type")),
                 gzip ? "Content-Encoding: gzip\r\n" : "");
        int code = kit_post(&c->k, path_c, headers, body);
        if (code != 200 || !ly_str_eqc(ly_buf_view(&c->k.answer), json ? "{}" : ""))
            fail_msg("%s: HTTP %d %s", stem, code, ly_buf_text(&c->k.answer));
    }
    decode_expected(c, body, gzip, json, signal_of(at));
    c->payloads++;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls itself for folders, three levels at most. */
static void walk(corpus *c, const char *dir, int level)
{
    char *names[512];
    size_t n = 0;
    DIR *d = opendir(dir);
    struct dirent *entry;
    if (!d || level > 3)
        return;
    while ((entry = readdir(d)) && n < LY_COUNT(names)) {
        if (entry->d_name[0] != '.')
            names[n++] = ly_strdup(entry->d_name);
    }
    closedir(d);
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i < n; i++) {
        char path[512];
        int len = snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (len > 4 && strcmp(path + len - 4, ".bin") == 0) {
            path[len - 4] = 0;
            send_payload(c, path);
        } else if (!strchr(names[i], '.') || level < 2) {
            struct stat st;
            if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                walk(c, path, level + 1);
        }
        ly_free(names[i]);
    }
}

static ly_status on_export(void *user, const ly_span *span, const ly_log_record *log, ly_err *err)
{
    corpus *c = user;
    (void)err;
    for (size_t i = 0; i < c->n; i++) {
        item *it = &c->items[i];
        ly_str wire = span ? span->wire : log->wire;
        ly_str resource = span ? span->resource->wire : log->resource->wire;
        ly_str scope = span ? span->scope->wire : log->scope->wire;
        if (it->seen || it->signal != (span ? LY_SIGNAL_TRACES : LY_SIGNAL_LOGS))
            continue;
        if (span &&
            !(ly_trace_id_eq(it->trace, span->trace_id) && ly_span_id_eq(it->span, span->span_id)))
            continue;
        if (!ly_str_eq(it->wire, wire) || !ly_str_eq(it->resource, resource) ||
            !ly_str_eq(it->scope, scope))
            continue;
        it->seen = true;
        return LY_OK;
    }
    fail_msg("exported a record that nobody sent: %.*s",
             LY_STR_ARG(span ? span->name : log->event_name));
    return LY_E_INTERNAL;
}

static void accepted_and_exported_equal(void **state)
{
    (void)state;
    corpus *c = ly_calloc(1, sizeof *c);
    assert_non_null(c);
    ly_arena_init(&c->arena, LY_MIB(1), LY_GIB(1));
    kit_dir(&c->k);
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    kit_run(&c->k, &opts);
    walk(c, LY_SHARED_DIR "/data/corpus", 0);
    ly_collector_stats stats = kit_stats(&c->k);
    print_message("%zu payloads, %zu items, %zu points\n", c->payloads, c->n, c->points);
    assert_int_equal(stats.received, c->n);
    assert_int_equal(stats.discarded_points, c->points);
    assert_int_equal(stats.rejected + stats.conflicts, 0);
    kit_halt(&c->k);
    ly_store_opts store_opts = LY_STORE_OPTS_INIT;
    ly_store *store = NULL;
    assert_int_equal(ly_store_open(c->k.db, &store_opts, &store, &c->k.err), LY_OK);
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.any_origin = true;
    query.limit = 0;
    assert_int_equal(ly_store_export(store, &query, true, on_export, c, &c->k.err), LY_OK);
    ly_store_close(store);
    size_t missing = 0;
    for (size_t i = 0; i < c->n; i++)
        missing += !c->items[i].seen;
    /* A client may send a record twice; the second is merged. */
    assert_int_equal(missing, stats.merged);
    kit_end(&c->k);
    ly_free(c->items);
    ly_arena_release(&c->arena);
    ly_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepted_and_exported_equal)};
    if (access(LY_SHARED_DIR "/data/corpus/INDEX.tsv", R_OK))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
