/*
 * DESIGN §9, the row of cost: reports over many spans, by what is kept (provider, model, service, prompt
 * version, day: at most 100 ms; session, user, tag: at most 300 ms), and what pricing one span takes.
 *
 *     bench_cost [SPANS] [FILE]      default 200000 in a temporary file; a FILE that exists is read
 *     bench_cost sums CALLS [FILE]   only the kept sums of so many calls: 10000000 takes a minute or two
 *
 * Spans are ingested and settled as a collector does, spread over 90 days, 6 models, 4 services, 8
 * prompts of 3 versions, one user for 50 spans, one session for 10, three tags.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cost/import.h"
#include "cost/report.h"
#include "genai/normalise.h"
#include "otlp/decode.h"
#include "store/db.h"
#include "store/store.h"

#define BATCH 2000
#define DAYS  90

static void die(const ly_err *err)
{
    fprintf(stderr, "bench_cost: %s\n", err->text);
    exit(3);
}

static uint64_t seed = 20261121;

static uint64_t next_random(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

static const char *const models[][2] = {{"openai", "gpt-5"},
                                        {"openai", "gpt-5-mini"},
                                        {"anthropic", "claude-sonnet-4-5"},
                                        {"groq", "llama-3.3-70b-versatile"},
                                        {"gcp.gemini", "gemini-2.5-flash"},
                                        {"acme", "unknown-1"}};

typedef struct item {
    ly_span span;
    ly_canon canon;
    char session[24], user[24], tag[16], prompt[16];
    ly_str tags[1];
} item;

static ly_resource resource;
static ly_scope scope;

/* Spans as they come out of normalising, without the bytes' way through it: one trace a span. */
static void make(item *it, uint64_t i, int64_t base_ns, uint64_t total)
{
    const char *const *model = models[next_random() % LY_COUNT(models)];
    uint64_t at = (uint64_t)base_ns + i * ((uint64_t)DAYS * 86400ull * 1000000000ull / total);
    *it = (item){
        .span = {.start_ns = at, .end_ns = at + 1000000, .resource = &resource, .scope = &scope}};
    for (int k = 0; k < 8; k++) { /* ids that grow with time */
        it->span.trace_id.b[k] = (uint8_t)((i + 1) >> (56 - 8 * k));
        it->span.trace_id.b[8 + k] = (uint8_t)next_random();
    }
    memcpy(it->span.span_id.b, &(uint64_t){i + 1}, 8);
    it->span.name = LY_S("chat");
    it->span.wire = LY_S("\x12\x00");
    (void)snprintf(it->session, sizeof it->session, "s%llu", (unsigned long long)(i / 10));
    (void)snprintf(it->user, sizeof it->user, "u%llu",
                   (unsigned long long)(next_random() % (total / 50 + 1)));
    (void)snprintf(it->tag, sizeof it->tag, "tag%llu", (unsigned long long)(next_random() % 3));
    (void)snprintf(it->prompt, sizeof it->prompt, "p%llu", (unsigned long long)(next_random() % 8));
    ly_canon *c = &it->canon;
    *c = (ly_canon){.type = LY_TYPE_GENERATION,
                    .role = LY_ROLE_LEAF,
                    .dialect = "bench",
                    .tokens = LY_TOKENS_UNKNOWN};
    c->rules_version = LY_RULES_VERSION;
    c->ttft_ns = c->client_cost_pico = c->server_port = LY_UNKNOWN;
    c->provider = ly_str_c(model[0]);
    c->request_model = ly_str_c(model[1]);
    c->service = ly_str_c((const char *const[]){"a", "b", "c", "d"}[next_random() % 4]);
    c->session = ly_str_c(it->session);
    c->user = ly_str_c(it->user);
    it->tags[0] = ly_str_c(it->tag);
    c->tags = it->tags;
    c->n_tags = 1;
    c->prompt_name = ly_str_c(it->prompt);
    c->prompt_version = ly_str_c((const char *const[]){"1", "2", "3"}[next_random() % 3]);
    c->tokens.in_fresh = (int64_t)(next_random() % 3000);
    c->tokens.cache_read = (int64_t)(next_random() % 2000);
    c->tokens.out_visible = (int64_t)(next_random() % 800);
}

static void fill(ly_store *store, uint64_t total, int64_t base_ns)
{
    item *items = ly_calloc(BATCH, sizeof *items);
    ly_store_span *spans = ly_calloc(BATCH, sizeof *spans);
    ly_err err = LY_ERR_INIT;
    int64_t begin = ly_mono_ns(), left;
    if (!items || !spans) {
        exit(3);
    }
    for (uint64_t done = 0; done < total;) {
        size_t n = 0;
        for (; n < BATCH && done < total; n++, done++) {
            make(&items[n], done, base_ns, total);
            spans[n] =
                (ly_store_span){.span = &items[n].span,
                                .canon = &items[n].canon,
                                .priced = ly_price_span(ly_price_book_default(), &items[n].canon,
                                                        (int64_t)items[n].span.start_ns),
                                .has_ranges = true};
        }
        ly_store_batch batch = {.spans = spans, .n_spans = n};
        if (ly_store_ingest(store, &batch, NULL, &err) ||
            ly_store_settle(store, 0, true, &left, &err)) {
            die(&err);
        }
    }
    printf("filled %llu spans in %.1f s\n", (unsigned long long)total,
           (double)(ly_mono_ns() - begin) / 1e9);
    ly_free(items);
    ly_free(spans);
}

static int64_t word_of(ly_db *db, const char *head, uint64_t n, ly_err *err)
{
    char text[40];
    int64_t word = 0;
    (void)snprintf(text, sizeof text, "%s%llu", head, (unsigned long long)n);
    if (ly_word_put(db, ly_str_c(text), &word, err)) {
        die(err);
    }
    return word;
}

/* Five calls of the bulk filling: what fill() makes. Ten calls of one session are two such lines, as
 * settling adds lines of a slice before it writes them. A user comes back for five sessions. */
static ly_status bulk_line(ly_db *db, uint64_t i, uint64_t total, int64_t base_ns, ly_who_sums *who,
                           ly_err *err)
{
    uint64_t session = i / 2, model = next_random() % 6;
    char tags[48];
    (void)snprintf(tags, sizeof tags, ",%lld,",
                   (long long)word_of(db, "tag", next_random() % 3, err));
    ly_charge c = {
        .sign = 1,
        .weight = 5,
        .at_ns = base_ns + (int64_t)(i * 5 * ((uint64_t)DAYS * 86400ull * 1000000000ull / total)),
        .provider = word_of(db, "provider", model / 2, err),
        .model = word_of(db, "model", model, err),
        .service = word_of(db, "service", next_random() % 4, err),
        .prompt_name = word_of(db, "p", next_random() % 8, err),
        .prompt_version = word_of(db, "", next_random() % 3, err),
        .session = word_of(db, "s", session, err),
        .user = word_of(db, "u", session * 7919 % (total / 50), err),
        .tags = ly_str_c(tags),
        .tokens = LY_TOKENS_UNKNOWN,
        .amount_pico = (int64_t)(next_random() % 20000) * 1000000,
        .source = LY_COST_PRICE_TABLE,
    };
    c.tokens.in_fresh = (int64_t)(next_random() % 15000);
    c.tokens.cache_read = (int64_t)(next_random() % 10000);
    c.tokens.out_visible = (int64_t)(next_random() % 4000);
    return ly_usage_apply(db, &c, who, err);
}

/* The kept sums of so many calls, without records and ledger lines: what reports read. */
static void bulk(ly_store *store, uint64_t total, int64_t base_ns)
{
    ly_db *db = ly_store_db(store);
    ly_err err = LY_ERR_INIT;
    ly_who_sums *who = ly_calloc(1, sizeof *who);
    int64_t begin = ly_mono_ns();
    ly_status st = who ? LY_OK : LY_E_NOMEM;
    for (uint64_t i = 0; !st && i < total / 5;) {
        st = ly_db_write_begin(db, &err);
        for (uint64_t end = i + 20000; !st && i < end && i < total / 5; i++) {
            st = bulk_line(db, i, total, base_ns, who, &err);
        }
        if (!st) {
            st = ly_who_flush(db, who, &err);
        }
        st = ly_db_write_end(db, st, &err);
    }
    if (st) {
        die(&err);
    }
    printf("sums of %llu calls in %.1f s\n", (unsigned long long)total,
           (double)(ly_mono_ns() - begin) / 1e9);
    ly_free(who);
}

static void time_report(ly_store *store, const char *name, ly_cost_key a, int b, int64_t from,
                        int64_t until, int bar_ms)
{
    ly_err err = LY_ERR_INIT;
    int64_t best = INT64_MAX, first = 0;
    size_t rows = 0;
    for (int i = 0; i < 3; i++) {
        ly_arena arena;
        ly_cost_report report;
        ly_arena_init(&arena, 0, 0);
        ly_cost_ask ask = {.by = {a, b < 0 ? a : (ly_cost_key)b},
                           .n_by = b < 0 ? 1 : 2,
                           .from_ns = from,
                           .until_ns = until,
                           .before_from_ns = LY_UNKNOWN,
                           .top = 50,
                           .origin = -1};
        int64_t begin = ly_mono_ns();
        if (ly_cost_report_make(store, &ask, &arena, &report, &err)) {
            die(&err);
        }
        int64_t took = ly_mono_ns() - begin;
        first = i == 0 ? took : first;
        best = took < best ? took : best;
        rows = report.n_rows;
        ly_arena_release(&arena);
    }
    printf("%-24s %8.1f ms (first %.1f ms)  %7zu rows", name, (double)best / 1e6,
           (double)first / 1e6, rows);
    if (bar_ms) {
        printf("  bar %d ms%s", bar_ms, best > bar_ms * 1000000LL ? "  PASSED" : "");
    }
    putchar('\n');
}

static void time_pricing(const ly_price_book *book, const char *name)
{
    static item items[64];
    resource = (ly_resource){.wire = LY_S("")};
    for (size_t i = 0; i < LY_COUNT(items); i++) {
        make(&items[i], i, 0, 64);
    }
    int64_t begin = ly_mono_ns(), sum = 0;
    enum { ROUNDS = 20000 };
    for (size_t i = 0; i < ROUNDS; i++) {
        sum += ly_price_span(book, &items[i % 64].canon, 1795000000000000000).amount_pico & 1;
    }
    printf("price one span, %s: %.0f ns (%lld)\n", name, (double)(ly_mono_ns() - begin) / ROUNDS,
           (long long)sum);
}

int main(int argc, char **argv)
{
    int64_t total = 200000, base = 1780000000000000000 / LY_NS_PER_DAY * LY_NS_PER_DAY;
    char path[] = "/tmp/bench-cost-XXXXXX", file[64];
    ly_err err = LY_ERR_INIT;
    bool only_sums = argc > 2 && strcmp(argv[1], "sums") == 0;
    if (only_sums) {
        argc--;
        argv++;
    }
    const char *db = argc > 2 ? argv[2] : file;
    if (argc > 1 && (!ly_str_to_i64(ly_str_c(argv[1]), &total) || total < 1000)) {
        fprintf(stderr, "usage: bench_cost [sums] [SPANS] [FILE]\n");
        return 2;
    }
    if (argc <= 2 && !mkdtemp(path)) {
        return 3;
    }
    (void)snprintf(file, sizeof file, "%s/t.db", path);
    bool there = access(db, F_OK) == 0;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    opts.durability = LY_DURABLE_NORMAL;
    if (ly_store_open(db, &opts, &store, &err)) {
        die(&err);
    }
    time_pricing(ly_price_book_default(), "compiled-in book");
    if (!there && only_sums) {
        bulk(store, (uint64_t)total, base);
    } else if (!there) {
        fill(store, (uint64_t)total, base);
    }
    int64_t month = base + 30 * LY_NS_PER_DAY, end = base + DAYS * LY_NS_PER_DAY;
    time_report(store, "provider, all", LY_KEY_PROVIDER, -1, base, end, 100);
    time_report(store, "provider,model, all", LY_KEY_PROVIDER, LY_KEY_MODEL, base, end, 100);
    time_report(store, "service, all", LY_KEY_SERVICE, -1, base, end, 100);
    time_report(store, "prompt, all", LY_KEY_PROMPT, -1, base, end, 100);
    time_report(store, "day, all", LY_KEY_DAY, -1, base, end, 100);
    time_report(store, "provider, 30 days", LY_KEY_PROVIDER, -1, base, month, 100);
    time_report(store, "session, all", LY_KEY_SESSION, -1, base, end, 300);
    time_report(store, "user, all", LY_KEY_USER, -1, base, end, 300);
    time_report(store, "tag, all", LY_KEY_TAG, -1, base, end, 300);
    time_report(store, "session, 30 days", LY_KEY_SESSION, -1, base, month, 300);
    time_report(store, "user, 30 days", LY_KEY_USER, -1, base, month, 300);
    time_report(store, "user, 12 h to 12 h", LY_KEY_USER, -1, base + LY_NS_PER_DAY / 2,
                month + LY_NS_PER_DAY / 2, 300);
    time_report(store, "session, 12 h to 12 h", LY_KEY_SESSION, -1, base + LY_NS_PER_DAY / 2,
                month + LY_NS_PER_DAY / 2, 300);
    if (!only_sums && total <= 1000000) { /* without a bar: these read the ledger (docs/COST.md) */
        time_report(store, "session,model, all", LY_KEY_SESSION, LY_KEY_MODEL, base, end, 0);
        time_report(store, "user,day, all", LY_KEY_USER, LY_KEY_DAY, base, end, 0);
    }
    ly_store_close(store);
    if (argc <= 2) {
        (void)unlink(file);
        char side[80];
        (void)snprintf(side, sizeof side, "%s-wal", file);
        (void)unlink(side);
        (void)snprintf(side, sizeof side, "%s-shm", file);
        (void)unlink(side);
        (void)rmdir(path);
    }
    return 0;
}
