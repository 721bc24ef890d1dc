/*
 * The viewer's figures (DESIGN §9): bench_view [SPANS], 200,000 unless said. Makes a database of agent traces
 * and one trace of 30,000 spans in a folder of its own, then times, without a terminal:
 *   first frame   open, read, draw, make the bytes (warm cache), median of 9
 *   key to frame  a cursor move in the 30,000-span trace, detail pane included, p50 and p99 of 2,000
 *   open trace    the 30,000-span trace, load to frame
 *   list filters  a word, a key, a full text without a hit
 *   alone         a process of its own that opens the file: every screen, the tall trace to its end, then a
 *                 span whose message is as large as a request may be; resident set, time to paint it
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gen.h"
#include "genai/normalise.h"
#include "ingest/ingest.h"
#include "otlp/decode.h"
#include "viewer/app.h"

enum { TALL = 30000, BATCH = 500, PAYLOAD = 60 << 20 };

static const ly_trace_id large_id = {{0xfd}};

static void die(const char *what, const ly_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void fill(ly_store *store, long spans)
{
    gen g;
    ly_buf bytes;
    ly_err err = LY_ERR_INIT;
    ly_ingest_config config = {.book = NULL};
    int64_t left;
    gen_init(&g, 1, GEN_SMALL);
    ly_buf_init(&bytes, LY_MIB(64));
    for (long done = 0; done < spans; done += BATCH) {
        ly_buf_reset(&bytes);
        gen_request(&g, BATCH, &bytes);
        if (ly_ingest_bytes(&config, store, ly_buf_view(&bytes), LY_OTLP_PROTO, LY_SIGNAL_TRACES,
                            NULL, &err) != LY_OK) {
            die("ingest", &err);
        }
    }
    if (ly_store_settle(store, 0, true, &left, &err) != LY_OK) {
        die("settle", &err);
    }
    gen_release(&g);
    ly_buf_release(&bytes);
}

static void tall_trace(ly_store *store)
{
    static ly_resource resource;
    static ly_scope scope;
    ly_err err = LY_ERR_INIT;
    int64_t left;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    for (int from = 0; from < TALL; from += 1000) {
        ly_store_span batch[1000];
        ly_arena_reset(&arena);
        for (int i = 0; i < 1000; i++) {
            int k = from + i;
            ly_kv *attr = LY_ARENA_ARRAY(&arena, ly_kv, 2);
            ly_span *span = LY_ARENA_NEW(&arena, ly_span);
            ly_canon *canon = LY_ARENA_NEW(&arena, ly_canon);
            ly_buf wire;
            attr[0] = (ly_kv){
                LY_S("gen_ai.operation.name"),
                {.kind = LY_ANY_STRING, .str = k % 3 ? LY_S("execute_tool") : LY_S("chat")}};
            attr[1] =
                (ly_kv){LY_S("gen_ai.tool.name"), {.kind = LY_ANY_STRING, .str = LY_S("lookup")}};
            ly_span raw = {.name = k ? LY_S("step of the work") : LY_S("agent"),
                           .start_ns =
                               (uint64_t)(ly_wall_ns() - 600 * LY_NS_PER_SEC + k * 1000000LL),
                           .attrs = {attr, 2, 0},
                           .resource = &resource,
                           .scope = &scope};
            raw.end_ns = raw.start_ns + 5000000;
            raw.trace_id.b[0] = 0xfe;
            raw.span_id.b[0] = 1;
            raw.span_id.b[6] = (uint8_t)(k >> 8);
            raw.span_id.b[7] = (uint8_t)k;
            raw.span_id.b[5] = (uint8_t)(k >> 16);
            if (k > 0) {
                int parent = k % 50 ? k - k % 50 : 0;
                raw.parent_id = raw.span_id;
                raw.parent_id.b[6] = (uint8_t)(parent >> 8);
                raw.parent_id.b[7] = (uint8_t)parent;
                raw.parent_id.b[5] = (uint8_t)(parent >> 16);
            }
            ly_buf_init(&wire, LY_KIB(64));
            ly_otlp_put_span(&wire, &raw);
            if (ly_otlp_decode_span(ly_arena_copy(&arena, ly_buf_view(&wire)), &resource, &scope,
                                    &arena, span) != LY_OK ||
                ly_genai_normalise(span, &arena, canon) != LY_OK) {
                exit(1);
            }
            ly_buf_release(&wire);
            batch[i] = (ly_store_span){.span = span, .canon = canon, .priced = LY_PRICED_NONE};
        }
        ly_store_batch all = {.spans = batch, .n_spans = 1000};
        if (ly_store_ingest(store, &all, NULL, &err) != LY_OK) {
            die("ingest", &err);
        }
    }
    ly_arena_release(&arena);
    if (ly_store_settle(store, 0, true, &left, &err) != LY_OK) {
        die("settle", &err);
    }
}

/* One generation with one message of PAYLOAD bytes of prose. */
static void large_trace(ly_store *store)
{
    ly_buf bytes, message;
    ly_err err = LY_ERR_INIT;
    static ly_resource resource;
    static ly_scope scope;
    int64_t left;
    ly_buf_init(&bytes, LY_MIB(96));
    ly_buf_init(&message, LY_MIB(96));
    ly_buf_c(&message, "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"");
    while (message.len < PAYLOAD) {
        ly_buf_fmt(&message, "line %zu of a very long paste, as agents make them\\n", message.len);
    }
    ly_buf_c(&message, "\"}]}]");
    ly_kv attrs[] = {
        {LY_S("gen_ai.operation.name"), {.kind = LY_ANY_STRING, .str = LY_S("chat")}},
        {LY_S("gen_ai.request.model"), {.kind = LY_ANY_STRING, .str = LY_S("m")}},
        {LY_S("gen_ai.input.messages"), {.kind = LY_ANY_STRING, .str = ly_buf_view(&message)}}};
    ly_span raw = {.name = LY_S("chat m"),
                   .trace_id = large_id,
                   .span_id = {{9}},
                   .start_ns = (uint64_t)(ly_wall_ns() - LY_NS_PER_SEC),
                   .attrs = {attrs, 3, 0},
                   .resource = &resource,
                   .scope = &scope};
    raw.end_ns = raw.start_ns + 1000;
    ly_span span;
    ly_canon canon;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_otlp_put_span(&bytes, &raw);
    if (ly_otlp_decode_span(ly_buf_view(&bytes), &resource, &scope, &arena, &span) != LY_OK ||
        ly_genai_normalise(&span, &arena, &canon) != LY_OK) {
        exit(1);
    }
    ly_store_span one = {.span = &span, .canon = &canon, .priced = LY_PRICED_NONE};
    ly_store_batch all = {.spans = &one, .n_spans = 1};
    if (ly_store_ingest(store, &all, NULL, &err) != LY_OK ||
        ly_store_settle(store, 0, true, &left, &err) != LY_OK) {
        die("a large span", &err);
    }
    ly_arena_release(&arena);
    ly_buf_release(&bytes);
    ly_buf_release(&message);
}

static ly_app *open_app(const char *path, const ly_trace_id *trace)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_app *app = NULL;
    ly_store_opts store_opts = ly_viewer_store_opts();
    ly_viewer_opts opts = {.db_path = path, .unicode = true, .trace = trace};
    if (ly_store_open(path, &store_opts, &store, &err) != LY_OK ||
        ly_app_new(&opts, store, &app, &err) != LY_OK || !ly_app_resize(app, 50, 160)) {
        die("open", &err);
    }
    return app;
}

static void draw(ly_app *app, const ly_grid *before, ly_buf *out)
{
    ly_app_draw(app);
    ly_buf_reset(out);
    ly_grid_write(&app->grid, before, LY_SCHEME_COLOR, -1, -1, out);
}

/* The first traces that hold the words, straight from the store: a page gives up after half a second. */
static double text_ms(ly_store *store, const char *text)
{
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    ly_arena arena;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_trace_row *rows = NULL;
    ly_store_key key;
    size_t n = 0;
    bool more = true;
    ly_arena_init(&arena, 0, 0);
    int64_t start = ly_mono_ns();
    if (ly_filter_parse(ly_str_c(text), NULL, &filter, NULL, &err) != LY_OK) {
        die("filter", &err);
    }
    query.filter = filter;
    while (more) {
        if (ly_store_trace_page(store, &query, &arena, &rows, &n, &key, &more, &err) != LY_OK) {
            die("search", &err);
        }
        query.after = key;
        if (n > 0) {
            break; /* a page to show */
        }
    }
    ly_filter_free(filter);
    ly_arena_release(&arena);
    return (double)(ly_mono_ns() - start) / 1e6;
}

static double filter_ms(ly_app *app, const char *text)
{
    int64_t start = ly_mono_ns();
    (void)ly_traces_set_filter(app, ly_str_c(text));
    return (double)(ly_mono_ns() - start) / 1e6;
}

/* VmRSS, or VmHWM, the most it ever was. */
static long resident_mib(const char *which)
{
    char line[200];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, which, strlen(which)) == 0) {
            kib = strtol(line + strlen(which) + 1, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return kib / 1024;
}

/* The viewer in a process that did nothing else. */
static int alone(const char *path, const char *large_path)
{
    ly_buf out;
    ly_trace_id tall = {{0xfe}};
    ly_buf_init(&out, LY_MIB(64));
    ly_app *app = open_app(path, NULL);
    draw(app, NULL, &out);
    for (int i = 0; i < 1000 && ly_app_has_work(app); i++) {
        (void)ly_app_work(app);
    }
    for (int i = 0; i < 60; i++) {
        ly_app_key(app, (ly_key){.code = LY_KEY_PAGE_DOWN});
        draw(app, NULL, &out);
    }
    printf("alone: the list and %zu rows of it: %ld MiB", app->traces.n, resident_mib("VmRSS"));
    for (uint32_t tab = '3'; tab <= '8'; tab++) {
        ly_app_key(app, (ly_key){.code = tab});
        (void)ly_app_pause(app);
        draw(app, NULL, &out);
    }
    printf(", every screen: %ld MiB", resident_mib("VmRSS"));
    ly_app_open_trace(app, tall);
    draw(app, NULL, &out);
    for (int i = 0; i < 800; i++) {
        ly_app_key(app, (ly_key){.code = LY_KEY_PAGE_DOWN});
        draw(app, NULL, &out);
    }
    printf(", a trace of %zu spans: %ld MiB (bar 64; most while loading %ld)\n",
           app->trace.trace->n, resident_mib("VmRSS"), resident_mib("VmHWM"));
    fflush(stdout);
    ly_app_free(app);
    app = open_app(large_path, NULL);
    int64_t start = ly_mono_ns();
    ly_app_open_trace(app, large_id);
    draw(app, NULL, &out);
    int64_t first = ly_mono_ns() - start;
    start = ly_mono_ns();
    ly_app_key(app, (ly_key){.code = ']'});
    draw(app, NULL, &out);
    printf("a message of %d MiB: its trace %.0f ms, its input in the pane %.0f ms (bar 300)",
           PAYLOAD >> 20, (double)first / 1e6, (double)(ly_mono_ns() - start) / 1e6);
    start = ly_mono_ns();
    ly_app_key(app, (ly_key){.code = '\r'});
    draw(app, NULL, &out);
    printf(", all of it %.0f ms; %ld MiB\n", (double)(ly_mono_ns() - start) / 1e6,
           resident_mib("VmRSS"));
    ly_app_free(app);
    ly_buf_release(&out);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--alone") == 0) {
        return alone(argv[2], argv[3]);
    }
    char folder[] = "/tmp/lydite-bench-view-XXXXXX", path[80], large_path[80];
    long spans = argc > 1 ? strtol(argv[1], NULL, 10) : 200000;
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_buf out;
    static int64_t times[2000];
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/b.db", folder);
    snprintf(large_path, sizeof large_path, "%s/large.db", folder);
    opts.role = LY_STORE_WRITER;
    opts.durability = LY_DURABLE_NORMAL;
    if (ly_store_open(path, &opts, &store, &err) != LY_OK) {
        die("open", &err);
    }
    fill(store, spans);
    tall_trace(store);
    ly_store *large = NULL;
    if (ly_store_open(large_path, &opts, &large, &err) != LY_OK) {
        die("open", &err);
    }
    large_trace(large);
    ly_store_close(large);
    double scan = text_ms(store, "text:nosuchword");
    int64_t index_start = ly_mono_ns(), left = 0;
    if (ly_store_text_index(store, 0, true, &left, &err) != LY_OK) {
        die("index", &err);
    }
    printf("full-text index: %.1f s; a text without a hit: %.0f ms by looking through all,",
           (double)(ly_mono_ns() - index_start) / 1e9, scan);
    printf(" %.0f ms by the index (bar 100); again %.0f ms; one word %.0f ms\n",
           text_ms(store, "text:nosuchword"), text_ms(store, "text:nosuchword"),
           text_ms(store, "text:refund"));
    ly_store_close(store);
    ly_buf_init(&out, LY_MIB(64));
    for (int i = 0; i < 9; i++) {
        int64_t start = ly_mono_ns();
        ly_app *app = open_app(path, NULL);
        draw(app, NULL, &out);
        times[i] = ly_mono_ns() - start;
        ly_app_free(app);
    }
    qsort(times, 9, sizeof *times, ascending);
    printf("spans %ld: first frame %.1f ms (bar 40)\n", spans + TALL, (double)times[4] / 1e6);
    ly_trace_id tall = {{0xfe}};
    int64_t start = ly_mono_ns();
    ly_app *app = open_app(path, &tall);
    draw(app, NULL, &out);
    printf("open a trace of %zu spans: %.1f ms\n", app->trace.trace->n,
           (double)(ly_mono_ns() - start) / 1e6);
    ly_grid before;
    ly_grid_init(&before, true);
    if (!ly_grid_resize(&before, 50, 160)) {
        return 1;
    }
    for (int i = 0; i < 2000; i++) {
        memcpy(before.cells, app->grid.cells, (size_t)(50 * 160) * sizeof *before.cells);
        start = ly_mono_ns();
        ly_app_key(app, (ly_key){.code = i % 7 == 6 ? LY_KEY_PAGE_DOWN : 'j'});
        draw(app, &before, &out);
        times[i] = ly_mono_ns() - start;
    }
    qsort(times, 2000, sizeof *times, ascending);
    printf("key to frame: p50 %.2f ms, p99 %.2f ms (bar 16)\n", (double)times[1000] / 1e6,
           (double)times[1980] / 1e6);
    printf("list filters: a word %.0f ms, type and duration %.0f ms, text without a hit %.0f ms\n",
           filter_ms(app, "lookup"), filter_ms(app, "type:tool dur>1s"),
           filter_ms(app, "text:nosuchword"));
    ly_app_free(app);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)execl(argv[0], argv[0], "--alone", path, large_path, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(child, NULL, 0);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
        snprintf(name, sizeof name, "%s%s", large_path, ends[i]);
        unlink(name);
    }
    rmdir(folder);
    return 0;
}
