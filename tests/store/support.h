/*
 * What the store's tests share: a temporary folder, spans built from a few lines, batches of them, and
 * short ways to ingest, settle and read. Spans go the way that received ones go: written as protobuf,
 * decoded, normalised.
 */
#ifndef LY_TESTS_STORE_SUPPORT_H
#define LY_TESTS_STORE_SUPPORT_H

#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "genai/normalise.h"
#include "otlp/decode.h"
#include "otlp/encode.h"
#include "store/store.h"

typedef struct folder {
    char path[64];
    char db[96];
} folder;

static LY_UNUSED folder folder_make(void)
{
    folder f = {"/tmp/ly-store-XXXXXX", ""};
    assert_non_null(mkdtemp(f.path));
    (void)snprintf(f.db, sizeof f.db, "%s/t.db", f.path);
    return f;
}

static LY_UNUSED void folder_remove(const folder *f)
{
    DIR *d = opendir(f->path);
    char name[400];
    for (struct dirent *e; d && (e = readdir(d));) {
        (void)snprintf(name, sizeof name, "%s/%s", f->path, e->d_name);
        (void)unlink(name);
    }
    if (d)
        (void)closedir(d);
    (void)rmdir(f->path);
}

static LY_UNUSED ly_store *open_writer(const char *path)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_open(path, &opts, &store, &err), err);
    return store;
}

static LY_UNUSED ly_store *open_reader(const char *path)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_open(path, &opts, &store, &err), err);
    return store;
}

static LY_UNUSED ly_trace_id tid(uint64_t n)
{
    ly_trace_id id = {{0}};
    uint64_t mixed = (n + 1) * 0x9e3779b97f4a7c15ULL;
    memcpy(id.b, &mixed, 8);
    memcpy(id.b + 8, &n, 8);
    return id;
}

static LY_UNUSED ly_span_id sid(uint64_t n)
{
    ly_span_id id = {{0}};
    uint64_t mixed = n ? (n + 7) * 0xd1342543de82ef95ULL | 1 : 0;
    memcpy(id.b, &mixed, 8);
    return id;
}

/* A span in words. Zero and NULL mean "not said". */
typedef struct say {
    uint64_t trace, span, parent;
    const char *name, *operation, *model, *provider, *session, *user, *tool, *input, *output;
    int64_t in, out; /* tokens; -1 = not said */
    uint64_t start_ms, end_ms;
    bool error, pending;
    const char *service;
    const char *cost; /* gen_ai.usage.cost */
} say;

#define SAY_BASE_MS 1767225600000ULL /* 2026-01-01 */

static LY_UNUSED ly_kv kv_str(const char *key, const char *value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_STRING, .str = ly_str_c(value)}};
}
static LY_UNUSED ly_kv kv_int(const char *key, int64_t value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_INT, .integer = value}};
}

typedef struct made {
    ly_arena arena;
    ly_span *spans;
    ly_canon *canons;
    ly_store_span *items;
    size_t n, cap;
} made;

static LY_UNUSED made made_new(size_t cap)
{
    made m = {.cap = cap};
    ly_arena_init(&m.arena, 1 << 20, 0);
    m.spans = ly_calloc(cap, sizeof *m.spans);
    m.canons = ly_calloc(cap, sizeof *m.canons);
    m.items = ly_calloc(cap, sizeof *m.items);
    return m;
}

static LY_UNUSED void made_free(made *m)
{
    ly_arena_release(&m->arena);
    ly_free(m->spans);
    ly_free(m->canons);
    ly_free(m->items);
}

static LY_UNUSED void made_reset(made *m)
{
    ly_arena_reset(&m->arena);
    m->n = 0;
}

/* Adds a span from its protobuf bytes. */
static LY_UNUSED void made_wire(made *m, ly_str wire, const ly_resource *resource,
                                const ly_scope *scope)
{
    assert_true(m->n < m->cap);
    ly_span *span = &m->spans[m->n];
    assert_int_equal(ly_otlp_decode_span(wire, resource, scope, &m->arena, span), LY_OK);
    assert_int_equal(ly_genai_normalise(span, &m->arena, &m->canons[m->n]), LY_OK);
    m->items[m->n] =
        (ly_store_span){.span = span, .canon = &m->canons[m->n], .priced = LY_PRICED_NONE};
    m->n++;
}

static LY_UNUSED void made_say(made *m, say s)
{
    ly_kv attrs[16];
    size_t n = 0;
    if (s.operation)
        attrs[n++] = kv_str("gen_ai.operation.name", s.operation);
    if (s.model)
        attrs[n++] = kv_str("gen_ai.request.model", s.model);
    if (s.provider)
        attrs[n++] = kv_str("gen_ai.provider.name", s.provider);
    if (s.session)
        attrs[n++] = kv_str("session.id", s.session);
    if (s.user)
        attrs[n++] = kv_str("user.id", s.user);
    if (s.tool)
        attrs[n++] = kv_str("gen_ai.tool.name", s.tool);
    if (s.input)
        attrs[n++] = kv_str("gen_ai.input.messages", s.input);
    if (s.output)
        attrs[n++] = kv_str("gen_ai.output.messages", s.output);
    if (s.in > 0)
        attrs[n++] = kv_int("gen_ai.usage.input_tokens", s.in);
    if (s.out > 0)
        attrs[n++] = kv_int("gen_ai.usage.output_tokens", s.out);
    if (s.cost)
        attrs[n++] = kv_str("gen_ai.usage.cost", s.cost);
    if (s.pending)
        attrs[n++] = (ly_kv){LY_S("lydite.span.pending"), {.kind = LY_ANY_BOOL, .boolean = true}};
    ly_span span = {
        .trace_id = tid(s.trace),
        .span_id = sid(s.span),
        .parent_id = sid(s.parent),
        .name = ly_str_c(s.name ? s.name : "step"),
        .kind = LY_KIND_INTERNAL,
        .start_ns = (SAY_BASE_MS + s.start_ms) * 1000000,
        .end_ns = s.pending ? 0 : (SAY_BASE_MS + (s.end_ms ? s.end_ms : s.start_ms + 10)) * 1000000,
        .attrs = {attrs, n, 0},
        .status_code = s.error ? LY_CODE_ERROR : LY_CODE_UNSET,
    };
    ly_buf wire;
    ly_buf_init(&wire, LY_MAX_REQUEST_BYTES);
    ly_otlp_put_span(&wire, &span);
    ly_str bytes = ly_arena_copy(&m->arena, ly_buf_view(&wire));
    ly_buf_reset(&wire);
    ly_kv service = kv_str("service.name", s.service ? s.service : "tests");
    ly_resource resource = {.attrs = {&service, 1, 0}};
    ly_otlp_put_resource(&wire, &resource);
    ly_resource *r = LY_ARENA_NEW(&m->arena, ly_resource);
    ly_scope *c = LY_ARENA_NEW(&m->arena, ly_scope);
    assert_int_equal(ly_otlp_decode_resource(ly_arena_copy(&m->arena, ly_buf_view(&wire)),
                                             LY_STR_NONE, &m->arena, r),
                     LY_OK);
    ly_buf_release(&wire);
    assert_int_equal(ly_otlp_decode_scope(LY_S(""), LY_STR_NONE, &m->arena, c), LY_OK);
    made_wire(m, bytes, r, c);
}

static LY_UNUSED void ingest_made(ly_store *store, const made *m, ly_store_result *results)
{
    ly_err err = LY_ERR_INIT;
    ly_store_batch batch = {.spans = m->items, .n_spans = m->n};
    assert_ok(ly_store_ingest(store, &batch, results, &err), err);
}

static LY_UNUSED ly_store_result ingest_one(ly_store *store, say s)
{
    made m = made_new(1);
    made_say(&m, s);
    ly_store_result result = LY_CONFLICT;
    ingest_made(store, &m, &result);
    made_free(&m);
    return result;
}

static LY_UNUSED void settle_all(ly_store *store)
{
    ly_err err = LY_ERR_INIT;
    int64_t left = -1;
    assert_ok(ly_store_settle(store, 0, true, &left, &err), err);
    assert_int_equal(left, 0);
}

static LY_UNUSED ly_trace *load_trace(ly_store *store, uint64_t trace, ly_arena *arena)
{
    ly_err err = LY_ERR_INIT;
    ly_trace *t = NULL;
    assert_ok(ly_store_trace_load(store, tid(trace), arena, &t, &err), err);
    return t;
}

#endif
