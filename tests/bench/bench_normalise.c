/*
 * Cost of understanding a span: normalise and content ranges, on the recorded corpus and on spans of 20
 * small attributes. Row "decode + normalise" of DESIGN §9 wants at most 1 us a span + 1 ns a byte of
 * message JSON.
 *
 *     bench_normalise [CORPUS_FOLDER]        about 3 seconds
 */
#include <stdio.h>
#include <stdlib.h>

#include <dirent.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "genai/messages.h"
#include "genai/normalise.h"
#include "otlp/decode.h"

typedef struct sample {
    ly_str bytes;
    size_t n_spans;
} sample;

enum { MAX_SAMPLES = 512 };

static ly_str read_file(const char *path)
{
    ly_buf buf;
    ly_buf_init(&buf, LY_MAX_REQUEST_BYTES);
    FILE *file = fopen(path, "rb");
    char chunk[65536];
    size_t n, len = 0;
    while (file && (n = fread(chunk, 1, sizeof chunk, file)) > 0)
        ly_buf_add(&buf, chunk, n);
    if (file)
        fclose(file);
    char *bytes = ly_buf_take(&buf, &len);
    return ly_str_n(bytes, bytes ? len : 0);
}

/* Protobuf payloads two folders down; the others (JSON, gzip, logs) fail to decode and are left out. */
static size_t load(const char *root, sample *samples)
{
    size_t n = 0;
    DIR *libs = opendir(root);
    for (const struct dirent *lib; libs && (lib = readdir(libs)) != NULL;) {
        char path[1400];
        snprintf(path, sizeof path, "%.1000s/%s", root, lib->d_name);
        DIR *scenes = lib->d_name[0] == '.' ? NULL : opendir(path);
        for (const struct dirent *scene; scenes && (scene = readdir(scenes)) != NULL;) {
            char file[1800];
            snprintf(file, sizeof file, "%s/%s/001.bin", path, scene->d_name);
            const ly_str bytes = scene->d_name[0] == '.' ? LY_STR_NONE : read_file(file);
            ly_arena arena;
            ly_arena_init(&arena, 0, 0);
            ly_otlp_batch batch;
            if (bytes.len && n < MAX_SAMPLES &&
                ly_otlp_decode(bytes, LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL) == LY_OK &&
                batch.n_spans && batch.n_rejected == 0)
                samples[n++] = (sample){bytes, batch.n_spans};
            else
                ly_free((void *)bytes.ptr);
            ly_arena_release(&arena);
        }
        if (scenes)
            closedir(scenes);
    }
    if (libs)
        closedir(libs);
    return n;
}

typedef struct timing {
    int64_t decode, normalise, ranges;
    size_t spans, bytes, allocations, pieces;
} timing;

static void run(const sample *samples, size_t n, int rounds, timing *t)
{
    ly_arena arena;
    ly_arena_init(&arena, LY_MIB(1), 0);
    for (int round = -1; round < rounds; round++) { /* the first one warms up */
        const uint64_t before = ly_mem_count();
        for (size_t i = 0; i < n; i++) {
            ly_otlp_batch batch;
            ly_arena_reset(&arena);
            const int64_t t0 = ly_mono_ns();
            if (ly_otlp_decode(samples[i].bytes, LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL))
                continue;
            const int64_t t1 = ly_mono_ns();
            ly_canon canon;
            for (size_t s = 0; s < batch.n_spans; s++)
                (void)ly_genai_normalise(&batch.spans[s], &arena, &canon);
            const int64_t t2 = ly_mono_ns();
            for (size_t s = 0; s < batch.n_spans; s++) {
                const ly_range *ranges;
                size_t pieces = 0;
                (void)ly_genai_content_ranges(&batch.spans[s], &arena, &ranges, &pieces);
                t->pieces += round >= 0 ? pieces : 0;
            }
            const int64_t t3 = ly_mono_ns();
            if (round < 0)
                continue;
            t->decode += t1 - t0;
            t->normalise += t2 - t1;
            t->ranges += t3 - t2;
            t->spans += batch.n_spans;
            t->bytes += samples[i].bytes.len;
        }
        if (round >= 0)
            t->allocations += ly_mem_count() - before;
    }
    ly_arena_release(&arena);
}

static void report(const char *what, const timing *t)
{
    const double spans = t->spans ? (double)t->spans : 1;
    printf("%-28s %8.0f bytes/span  decode %6.0f ns  normalise %6.0f ns  pieces %6.0f ns (%.1f)  "
           "allocations/span %.4f\n",
           what, (double)t->bytes / spans, (double)t->decode / spans, (double)t->normalise / spans,
           (double)t->ranges / spans, (double)t->pieces / spans, (double)t->allocations / spans);
}

/* 20 small attributes as an instrumented chat call has them. */
static void small_spans(void)
{
    static const char *const keys[] = {"gen_ai.operation.name",
                                       "gen_ai.provider.name",
                                       "gen_ai.request.model",
                                       "gen_ai.response.model",
                                       "gen_ai.response.id",
                                       "gen_ai.conversation.id",
                                       "user.id",
                                       "server.address",
                                       "gen_ai.output.type",
                                       "openai.api.type",
                                       "app.feature",
                                       "app.tenant",
                                       "thread.name",
                                       "code.function",
                                       "gen_ai.agent.name"};
    static const char *const counts[] = {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
                                         "gen_ai.usage.cache_read.input_tokens", "server.port",
                                         "gen_ai.request.max_tokens"};
    ly_kv attrs[20];
    size_t n = 0;
    for (size_t i = 0; i < 15; i++)
        attrs[n++] = (ly_kv){ly_str_c(keys[i]),
                             {.kind = LY_ANY_STRING, .str = ly_str_c(i == 0 ? "chat" : "gpt-4o")}};
    for (size_t i = 0; i < 5; i++)
        attrs[n++] = (ly_kv){ly_str_c(counts[i]), {.kind = LY_ANY_INT, .integer = 100}};
    const ly_kv resource_attrs[] = {
        {LY_S("service.name"), {.kind = LY_ANY_STRING, .str = LY_S("svc")}},
        {LY_S("telemetry.sdk.language"), {.kind = LY_ANY_STRING, .str = LY_S("python")}}};
    const ly_resource resource = {.attrs = {resource_attrs, 2, 0}};
    const ly_scope scope = {.name = LY_S("opentelemetry.instrumentation.openai_v2")};
    const ly_span span = {.name = LY_S("chat gpt-4o"),
                          .kind = 3,
                          .start_ns = 1,
                          .end_ns = 1000,
                          .attrs = {attrs, n, 0},
                          .resource = &resource,
                          .scope = &scope};
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_canon canon;
    enum { ROUNDS = 300000 };
    int64_t best = INT64_MAX;
    for (int run_no = 0; run_no < 5; run_no++) {
        const int64_t t0 = ly_mono_ns();
        for (int i = 0; i < ROUNDS; i++) {
            ly_arena_reset(&arena);
            (void)ly_genai_normalise(&span, &arena, &canon);
        }
        const int64_t took = ly_mono_ns() - t0;
        best = took < best ? took : best;
    }
    printf("%-28s normalise %.0f ns/span (best of 5)\n", "20 small attributes",
           (double)best / ROUNDS);
    ly_arena_release(&arena);
}

int main(int argc, char **argv)
{
    char root[1024];
    snprintf(root, sizeof root, "%s/data/corpus", LY_SHARED_DIR);
    sample samples[MAX_SAMPLES];
    small_spans();
    const size_t n = load(argc > 1 ? argv[1] : root, samples);
    if (n == 0) {
        printf("no payloads found\n");
        return 77;
    }
    timing t = {0};
    run(samples, n, 20, &t);
    report("recorded payloads", &t);
    for (size_t i = 0; i < n; i++)
        ly_free((void *)samples[i].bytes.ptr);
    return 0;
}
