/*
 * Cost of the wire formats, on one core: protobuf and JSON requests of 512 spans read and written, and
 * message JSON parsed. Half of the row "decode + normalise" of DESIGN §9 is the first column.
 *
 *     bench_otlp        about 5 seconds
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "gen.h"
#include "otlp/encode.h"
#include "otlp/json.h"
#include "text/json.h"

#define SPANS  512
#define ROUNDS 5
#define ROUND  (200 * LY_NS_PER_MS)

typedef struct work {
    ly_str proto, json, messages;
    const ly_span **spans;
    ly_arena arena;
    ly_buf out;
} work;

typedef void (*job_fn)(work *w);

static void check(ly_status status)
{
    if (status != LY_OK) {
        fprintf(stderr, "a step failed: %s\n", ly_status_text(status));
        exit(1);
    }
}

static void decode(work *w)
{
    ly_otlp_batch batch;
    ly_arena_reset(&w->arena);
    check(ly_otlp_decode(w->proto, LY_SIGNAL_TRACES, &w->arena, NULL, &batch, NULL));
}

static void encode(work *w)
{
    ly_buf_reset(&w->out);
    check(ly_otlp_encode_traces(w->spans, SPANS, &w->out, NULL));
}

static void decode_json(work *w)
{
    ly_otlp_batch batch;
    ly_arena_reset(&w->arena);
    check(ly_otlp_decode_json(w->json, LY_SIGNAL_TRACES, &w->arena, NULL, &batch, NULL));
}

static void encode_json(work *w)
{
    ly_buf_reset(&w->out);
    check(ly_otlp_json_traces(w->spans, SPANS, &w->out, NULL));
}

static void parse_messages(work *w)
{
    ly_json *doc;
    ly_arena_reset(&w->arena);
    check(ly_json_parse(w->messages, &w->arena, &doc, NULL));
}

/* Best and worst of the rounds, in ns a call; allocations of one call in the steady state. */
static void measure(work *w, job_fn job, const char *name, size_t items, size_t bytes)
{
    double best = 1e18, worst = 0;
    job(w);
    job(w);
    uint64_t before = ly_mem_count();
    job(w);
    uint64_t allocations = ly_mem_count() - before;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = ly_mono_ns(), now = start;
        size_t n = 0;
        while ((now = ly_mono_ns()) - start < ROUND / 2) {
            job(w);
            n++;
        }
        double ns = (double)(now - start) / (double)n;
        best = ns < best ? ns : best;
        worst = ns > worst ? ns : worst;
    }
    printf("  %-24s %8.0f ns/span  %7.0f MB/s  spread %3.0f %%  %llu allocations\n", name,
           best / (double)items, (double)bytes * 1e3 / best, (worst / best - 1) * 100,
           (unsigned long long)allocations);
}

/* The longest attribute text of the batch that begins like an array: a span's messages. */
static ly_str longest_messages(const ly_otlp_batch *batch)
{
    ly_str best = LY_S("[]");
    for (size_t i = 0; i < batch->n_spans; i++) {
        for (size_t k = 0; k < batch->spans[i].attrs.n; k++) {
            const ly_any *value = &batch->spans[i].attrs.items[k].value;
            if (value->kind == LY_ANY_STRING && value->str.len > best.len &&
                value->str.ptr[0] == '[') {
                best = value->str;
            }
        }
    }
    return best;
}

static void run(gen_shape shape)
{
    gen g;
    work w = {0};
    ly_buf proto, json;
    ly_arena kept;
    ly_otlp_batch batch;
    gen_init(&g, 1, shape);
    ly_buf_init(&proto, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&json, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&w.out, LY_MAX_REQUEST_BYTES);
    ly_arena_init(&kept, 0, 0);
    ly_arena_init(&w.arena, 0, 0);
    gen_request(&g, SPANS, &proto);
    w.proto = ly_buf_view(&proto);
    check(ly_otlp_decode(w.proto, LY_SIGNAL_TRACES, &kept, NULL, &batch, NULL));
    w.spans = ly_calloc(batch.n_spans, sizeof *w.spans);
    for (size_t i = 0; i < batch.n_spans; i++) {
        w.spans[i] = &batch.spans[i];
    }
    check(ly_otlp_json_traces(w.spans, batch.n_spans, &json, NULL));
    w.json = ly_buf_view(&json);
    w.messages = longest_messages(&batch);
    printf("%s: %zu bytes a span, %zu in JSON\n", gen_name(shape), w.proto.len / SPANS,
           w.json.len / SPANS);
    measure(&w, decode, "protobuf read", SPANS, w.proto.len);
    measure(&w, encode, "protobuf written", SPANS, w.proto.len);
    measure(&w, decode_json, "JSON read", SPANS, w.json.len);
    measure(&w, encode_json, "JSON written and tried", SPANS, w.json.len);
    if (w.messages.len > 1000) {
        measure(&w, parse_messages, "messages parsed", 1, w.messages.len);
    }
    gen_release(&g);
    ly_free(w.spans);
    ly_buf_release(&proto);
    ly_buf_release(&json);
    ly_buf_release(&w.out);
    ly_arena_release(&kept);
    ly_arena_release(&w.arena);
}

int main(void)
{
    run(GEN_SMALL);
    run(GEN_2K);
    run(GEN_17K);
    return 0;
}
