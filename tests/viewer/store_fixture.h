/*
 * A database made here, and an app on it: what the tests of the screens share. Traces go through the wire and
 * the rules, as a client's would.
 */
#ifndef LY_TESTS_VIEWER_STORE_FIXTURE_H
#define LY_TESTS_VIEWER_STORE_FIXTURE_H

#include "viewer/fixture.h"

#include <unistd.h>

#include "base/term.h"
#include "genai/normalise.h"
#include "otlp/decode.h"
#include "otlp/encode.h"
#include "prompts/prompt_file.h"
#include "store/prompt.h"
#include "store/run.h"
#include "viewer/app.h"

typedef struct made {
    char path[64];
    ly_arena arena;
} made;

static inline ly_kv kv(const char *key, const char *value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_STRING, .str = ly_str_c(value)}};
}

static inline ly_kv kv_int(const char *key, int64_t value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_INT, .integer = value}};
}

/* Stores fixture spans as one trace, through the wire and the rules, as a client's would be. */
static inline void store_trace(made *m, ly_store *store, int number, const fixture_span *spans,
                               size_t n, const char *session)
{
    static ly_resource resource;
    static ly_scope scope;
    ly_kv service = kv("service.name", "research");
    ly_err err = LY_ERR_INIT;
    ly_buf wire;
    ly_buf_init(&wire, LY_MIB(1));
    resource.attrs = (ly_attrs){&service, 1, 0};
    ly_otlp_put_resource(&wire, &resource);
    ly_resource *res = LY_ARENA_NEW(&m->arena, ly_resource);
    assert_int_equal(ly_otlp_decode_resource(ly_arena_copy(&m->arena, ly_buf_view(&wire)), LY_S(""),
                                             &m->arena, res),
                     LY_OK);
    ly_store_span *batch = LY_ARENA_ARRAY(&m->arena, ly_store_span, n);
    for (size_t i = 0; i < n; i++) {
        const fixture_span *f = &spans[i];
        ly_kv *attrs = LY_ARENA_ARRAY(&m->arena, ly_kv, 16);
        size_t k = 0;
        if (f->type == LY_TYPE_AGENT) {
            attrs[k++] = kv("gen_ai.operation.name", "invoke_agent");
        } else if (f->type == LY_TYPE_GENERATION) {
            attrs[k++] = kv("gen_ai.operation.name", "chat");
            attrs[k++] = kv("gen_ai.provider.name", "openai");
            attrs[k++] = kv("gen_ai.request.model", f->model ? f->model : "gpt-4o");
            attrs[k++] =
                kv("gen_ai.input.messages",
                   "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"compare "
                   "two libraries\\u001b[2J\"}]}]");
            attrs[k++] =
                kv("gen_ai.output.messages",
                   "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"the "
                   "first is older\"}],\"finish_reason\":\"stop\"}]");
            if (f->tokens_in > 0) {
                attrs[k++] = kv_int("gen_ai.usage.input_tokens", f->tokens_in);
                attrs[k++] = kv_int("gen_ai.usage.output_tokens", f->tokens_out);
            }
        } else if (f->type == LY_TYPE_TOOL) {
            attrs[k++] = kv("gen_ai.operation.name", "execute_tool");
            attrs[k++] = kv("gen_ai.tool.name", f->name);
            attrs[k++] = kv("gen_ai.tool.call.arguments", "{\"q\":\"c11 otlp\"}");
        } else if (f->type == LY_TYPE_HTTP) {
            attrs[k++] = kv("http.request.method", "GET");
        } else if (f->type == LY_TYPE_DB) {
            attrs[k++] = kv("db.system", "sqlite");
        }
        if (session) {
            attrs[k++] = kv("gen_ai.conversation.id", session);
        }
        if (f->type == LY_TYPE_GENERATION) {
            attrs[k++] = kv("lydite.prompt.name", "greet");
            attrs[k++] = kv("lydite.prompt.version", "2");
        }
        /* The last span of a trace links to its first. */
        ly_link link = {.trace_id = {{0x7f}}, .span_id = span_id_of(1 + (uint64_t)number * 1000)};
        link.trace_id.b[15] = (uint8_t)(number + 1);
        ly_span raw = {.name = ly_str_c(f->name),
                       .kind = LY_KIND_INTERNAL,
                       .start_ns = (uint64_t)(T0 + number * 60 * LY_NS_PER_SEC + f->start_ms * MS),
                       .attrs = {attrs, k, 0},
                       .status_code = f->error ? LY_CODE_ERROR : LY_CODE_UNSET,
                       .status_message = ly_str_c(f->error),
                       .resource = res,
                       .scope = &scope};
        if (i + 1 == n) {
            raw.links = &link;
            raw.n_links = 1;
        }
        raw.end_ns = raw.start_ns + (uint64_t)((f->dur_ms < 0 ? 0 : f->dur_ms) * MS);
        raw.trace_id.b[0] = 0x7f;
        raw.trace_id.b[15] = (uint8_t)(number + 1);
        raw.span_id = span_id_of(f->id + (uint64_t)number * 1000);
        raw.parent_id = f->parent ? span_id_of(f->parent + (uint64_t)number * 1000) : span_id_of(0);
        ly_buf_reset(&wire);
        ly_otlp_put_span(&wire, &raw);
        ly_span *span = LY_ARENA_NEW(&m->arena, ly_span);
        ly_canon *canon = LY_ARENA_NEW(&m->arena, ly_canon);
        assert_int_equal(ly_otlp_decode_span(ly_arena_copy(&m->arena, ly_buf_view(&wire)), res,
                                             &scope, &m->arena, span),
                         LY_OK);
        assert_int_equal(ly_genai_normalise(span, &m->arena, canon), LY_OK);
        batch[i] = (ly_store_span){.span = span, .canon = canon, .priced = LY_PRICED_NONE};
    }
    ly_buf_release(&wire);
    ly_store_batch all = {.spans = batch, .n_spans = n};
    ly_status st = ly_store_ingest(store, &all, NULL, &err);
    if (st != LY_OK) {
        fail_msg("%s", err.text);
    }
}

static const fixture_span small_spans[] = {
    {1, 0, LY_TYPE_AGENT, "support-bot \xe6\x97\xa5\xe6\x9c\xac", 0, 2400, NULL, 0, 0, 0, NULL,
     NULL, 0},
    {2, 1, LY_TYPE_GENERATION, "chat", 100, 900, NULL, 300, 20, 0, "gpt-4o-mini", NULL, 0},
    {3, 1, LY_TYPE_TOOL, "lookup\x1b]0;x\x07", 1100, 200, "not \n found", 0, 0, 0, NULL, NULL, 0},
};

/* A run of two targets over two rows: one case failed, one scored low with a reason, two well. */
static inline void store_run(ly_store *store)
{
    ly_err err = LY_ERR_INIT;
    uint8_t id[16];
    assert_int_equal(ly_run_make(store, LY_S("greeting"),
                                 LY_S("{\"targets\":[{\"name\":\"short\"},{\"name\":\"long\"}]}"),
                                 LY_S("questions"), 1, id, &err),
                     LY_OK);
    static const double values[] = {0.9, 0.25, 1};
    static const char *const reasons[] = {"says hello", "no\x1b[2J greeting\nat all", "warm"};
    for (int i = 0; i < 4; i++) {
        ly_score score = {.name = LY_S("politeness"),
                          .value = values[i % 3],
                          .reason = ly_str_c(reasons[i % 3]),
                          .source = LY_SCORE_JUDGE};
        ly_case_done done = {{.row = i / 2,
                              .target = i % 2,
                              .failed = i == 3,
                              .output = LY_S("Good day,\nhow can I help?"),
                              .error = LY_S("429 too many requests"),
                              .duration_ns = 5,
                              .cost_pico = LY_UNKNOWN,
                              .tokens_in = 3,
                              .tokens_out = LY_UNKNOWN},
                             &score,
                             i == 3 ? 0 : 1,
                             false};
        if (i != 2) {
            done.about.trace_id.b[0] = 0x7f; /* of the traces stored above; the third has none */
            done.about.trace_id.b[15] = (uint8_t)(i + 1);
        }
        assert_int_equal(ly_run_write(store, id, &done, 1, NULL, 0, &err), LY_OK);
    }
    assert_int_equal(ly_run_state(store, id, LY_S("done"), LY_S(""), &err), LY_OK);
}

static inline void store_prompts(made *m, ly_store *store)
{
    static const char *const bodies[] = {
        "Be brief.\nGreet {{name}}.\n", "Be kind\x1b[31m.\nGreet {{name}}.\nAsk what is needed.\n"};
    ly_err err = LY_ERR_INIT;
    for (size_t i = 0; i < LY_COUNT(bodies); i++) {
        ly_prompt_version version;
        assert_int_equal(ly_prompt_put(store, LY_S("greet"), ly_str_c(bodies[i]),
                                       i ? LY_S("kinder") : LY_S("first"), LY_S("ann"), &m->arena,
                                       &version, &err),
                         LY_OK);
    }
    assert_int_equal(ly_alias_set(store, LY_S("greet"), LY_S("live"), 1, -1, LY_S("ann"), LY_S(""),
                                  NULL, LY_S(""), &err),
                     LY_OK);
}

static inline ly_status diff(void *user, ly_str a, ly_str b, ly_buf *out, ly_err *err)
{
    bool changed;
    (void)user;
    return ly_text_diff(a, b, out, &changed, err);
}

static inline int set_up(void **state)
{
    static made m;
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    int64_t left;
    opts.role = LY_STORE_WRITER;
    snprintf(m.path, sizeof m.path, "/tmp/lydite-screens-%ld.db", (long)getpid());
    ly_arena_init(&m.arena, 0, 0);
    ly_wall_fix(T0 + 3600 * LY_NS_PER_SEC);
    if (ly_store_open(m.path, &opts, &store, &err) != LY_OK) {
        fail_msg("%s", err.text);
    }
    for (int i = 0; i < 30; i++) {
        store_trace(&m, store, i, small_spans, LY_COUNT(small_spans), i % 3 ? "session-1" : NULL);
    }
    /* Without the pending span and the orphans, whose ids the store would reject. */
    store_trace(&m, store, 30, agent_spans, LY_COUNT(agent_spans) - 3, "session-2");
    store_run(store);
    store_prompts(&m, store);
    assert_int_equal(ly_store_settle(store, 0, true, &left, &err), LY_OK);
    ly_store_close(store);
    *state = &m;
    return 0;
}

static inline int tear_down(void **state)
{
    made *m = *state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    ly_arena_release(&m->arena);
    for (int i = 0; i < 3; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", m->path, ends[i]);
        unlink(path);
    }
    return 0;
}

static inline ly_app *open_app(const made *m, int rows, int cols, bool unicode)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_app *app = NULL;
    ly_store_opts store_opts = LY_STORE_OPTS_INIT;
    ly_viewer_opts opts = {
        .db_path = m->path, .unicode = unicode, .memory = true, .calls = {.diff = diff}};
    if (ly_store_open(m->path, &store_opts, &store, &err) != LY_OK ||
        ly_app_new(&opts, store, &app, &err) != LY_OK) {
        fail_msg("%s", err.text);
    }
    app->now_ns = T0 + 3600 * LY_NS_PER_SEC;
    assert_true(ly_app_resize(app, rows, cols));
    return app;
}

/* Keys as text: a character each; \r Enter, \x1b Esc. */
static inline void type(ly_app *app, const char *keys)
{
    for (; *keys; keys++) {
        ly_app_key(app, (ly_key){.code = (unsigned char)*keys});
    }
    (void)ly_app_pause(app); /* nothing further comes: a figure was a screen */
}

/* Draws, with all that waits for an idle moment done. */
static inline void draw(ly_app *app)
{
    ly_app_draw(app);
    for (int i = 0; ly_app_has_work(app); i++) {
        assert_true(i < 1000);
        (void)ly_app_work(app);
    }
    ly_app_draw(app);
}

static inline void check_grid(const ly_app *app)
{
    ly_buf row;
    ly_buf_init(&row, LY_MIB(1));
    for (int r = 0; r < app->grid.rows; r++) {
        ly_buf_reset(&row);
        ly_grid_row_text(&app->grid, r, &row);
        if (ly_term_width(ly_buf_view(&row)) != (size_t)app->grid.cols) {
            fail_msg("row %d is %zu wide, not %d: %s", r, ly_term_width(ly_buf_view(&row)),
                     app->grid.cols, ly_buf_text(&row));
        }
        for (size_t i = 0; i < row.len; i++) {
            assert_true((unsigned char)row.ptr[i] >= 0x20 && row.ptr[i] != 0x7f);
            if (!app->grid.unicode) {
                assert_true((unsigned char)row.ptr[i] < 0x7f);
            }
        }
    }
    ly_buf_release(&row);
}

/* The screen as text, and below it the inks other than text, one letter a cell. */
static inline void screen_text(const ly_app *app, bool inks, ly_buf *out)
{
    for (int r = 0; r < app->grid.rows; r++) {
        size_t from = out->len;
        ly_grid_row_text(&app->grid, r, out);
        while (out->len > from && out->ptr[out->len - 1] == ' ') {
            ly_buf_cut(out, out->len - 1);
        }
        ly_buf_char(out, '\n');
    }
    for (int r = 0; inks && r < app->grid.rows; r++) {
        for (int c = 0; c < app->grid.cols; c++) {
            const ly_glyph *g = &app->grid.cells[r * app->grid.cols + c];
            ly_buf_char(out, g->selected ? '#' : "-dtsmowelAGTRJpc"[g->ink]);
        }
        ly_buf_char(out, '\n');
    }
}

#endif
