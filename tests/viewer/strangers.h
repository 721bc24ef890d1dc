/*
 * Traces as strangers write them, for the tests of the viewer: every byte value, control sequences whole and
 * halved, bidirectional and invisible characters, wide and combining ones, broken UTF-8; parents drawn by
 * chance. Also what must hold of the bytes of a frame.
 */
#ifndef LY_TESTS_VIEWER_STRANGERS_H
#define LY_TESTS_VIEWER_STRANGERS_H

#include "viewer/store_fixture.h"

#include <poll.h>

#include "base/term.h"
#include "store/score.h"

/* Sequences that act on a terminal or hide what stands there. */
static const char *const attacks[] = {
    "\x1b]0;title\x07",
    "\x1b]52;c;ZWNobw==\x07",
    "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP$q\"p\x1b\\",
    "\x1b[2J\x1b[H",
    "\x1b[6n",
    "\x1b[?1049l",
    "\x1b[31;1m",
    "\x1b"
    "c",
    "\x1b(0lqk",
    "\x9b"
    "31m",
    "\x90q\x9c",
    "\x9d"
    "0;x\x9c",
    "\xc2\x9b"
    "2J",
    "\x1b_Gi=1;AAAA\x1b\\",
    "\x1b[200~rm\x1b[201~",
    "a\rb",
    "a\bb",
    "a\tb",
    "a\x0b"
    "b\x0c"
    "c",
    "\x05",
    "\x0e\x0f",
    "\x7f",
    "a\nb\r\nc",
    "\xe2\x80\xae"
    "evil\xe2\x80\xac",
    "\xe2\x81\xa6"
    "x\xe2\x81\xa9",
    "\xe2\x80\x8b\xef\xbb\xbf",
    "\xe2\x80\xa8\xe2\x80\xa9",
    "\xf3\xa0\x81\xa1\xf3\xa0\x81\xa2",
    "\xee\x80\x80\xf4\x8f\xbf\xbd",
    "\xff\xfe\xc0\x80\xed\xa0\x80\xf5\x80",
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
    "e\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85\xcc\x86\xcc\x87\xcc\x88\xcc\x89",
    "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87",
    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd8\xb3\xd9\x84\xd8\xa7\xd9\x85",
    "\xe0\xa4\x95\xe0\xa5\x8d\xe0\xa4\xb7",
    "1\xef\xb8\x8f\xe2\x83\xa3",
    "\xf0\x9f\xab\xa8",
    "\xef\xbc\xa1\xef\xbc\xa2",
    "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8",
    "\xe2\x80\x8d",
    "\xcc\x81"};

/* One text with all of them and, at its end, each byte from 1 to 255. */
static ly_str hostile_text(ly_arena *arena)
{
    ly_buf text;
    ly_buf_init(&text, LY_KIB(64));
    for (size_t i = 0; i < LY_COUNT(attacks); i++) {
        ly_buf_c(&text, attacks[i]);
        ly_buf_char(&text, ' ');
    }
    for (int c = 1; c < 256; c++) {
        ly_buf_char(&text, (char)c);
    }
    ly_str copy = ly_arena_copy(arena, ly_buf_view(&text));
    ly_buf_release(&text);
    return copy;
}

typedef struct raw_span {
    uint64_t id, parent;
    int64_t start_ns, end_ns;
    ly_str name, text;
    int kind; /* 0 agent, 1 generation, 2 tool, 3 http, 4 nothing that is known */
    bool error;
} raw_span;

static void store_raw(ly_store *store, uint8_t trace, const raw_span *spans, size_t n)
{
    enum { BATCH = 1000 };
    static ly_scope scope;
    static ly_resource resource;
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_buf wire;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&wire, LY_MIB(4));
    for (size_t from = 0; from < n; from += BATCH) {
        size_t k = n - from < BATCH ? n - from : BATCH;
        ly_arena_reset(&arena);
        ly_resource *res = LY_ARENA_NEW(&arena, ly_resource);
        ly_kv service = {
            LY_S("service.name"),
            {.kind = LY_ANY_STRING, .str = spans[from].text.len ? spans[from].text : LY_S("s")}};
        resource.attrs = (ly_attrs){&service, 1, 0};
        ly_buf_reset(&wire);
        ly_otlp_put_resource(&wire, &resource);
        assert_int_equal(ly_otlp_decode_resource(ly_arena_copy(&arena, ly_buf_view(&wire)),
                                                 LY_S(""), &arena, res),
                         LY_OK);
        ly_store_span *batch = LY_ARENA_ARRAY(&arena, ly_store_span, k);
        for (size_t i = 0; i < k; i++) {
            static const char *const operations[] = {"invoke_agent", "chat", "execute_tool"};
            const raw_span *f = &spans[from + i];
            ly_kv a[12];
            size_t m = 0;
            if (f->kind < 3) {
                a[m++] = kv("gen_ai.operation.name", operations[f->kind]);
            } else if (f->kind == 3) {
                a[m++] = kv("http.request.method", "GET");
            }
            static const char *const keys[] = {
                "gen_ai.request.model",       "gen_ai.tool.name",
                "gen_ai.conversation.id",     "user.id",
                "gen_ai.tool.call.arguments", "error.type",
                "lydite.prompt.name",         "gen_ai.input.messages",
                "gen_ai.agent.name"};
            for (size_t j = 0; f->text.len && j < LY_COUNT(keys); j++) {
                a[m++] = (ly_kv){ly_str_c(keys[j]), {.kind = LY_ANY_STRING, .str = f->text}};
            }
            ly_span raw = {.name = f->name,
                           .start_ns = (uint64_t)f->start_ns,
                           .end_ns = (uint64_t)f->end_ns,
                           .attrs = {a, m, 0},
                           .status_code = f->error ? LY_CODE_ERROR : LY_CODE_UNSET,
                           .status_message = f->error ? f->text : LY_STR_NONE,
                           .resource = res,
                           .scope = &scope,
                           .span_id = span_id_of(f->id),
                           .parent_id = span_id_of(f->parent)};
            raw.trace_id.b[0] = 0x66;
            raw.trace_id.b[15] = trace;
            ly_buf_reset(&wire);
            ly_otlp_put_span(&wire, &raw);
            ly_span *span = LY_ARENA_NEW(&arena, ly_span);
            ly_canon *canon = LY_ARENA_NEW(&arena, ly_canon);
            assert_int_equal(ly_otlp_decode_span(ly_arena_copy(&arena, ly_buf_view(&wire)), res,
                                                 &scope, &arena, span),
                             LY_OK);
            assert_int_equal(ly_genai_normalise(span, &arena, canon), LY_OK);
            batch[i] = (ly_store_span){.span = span, .canon = canon, .priced = LY_PRICED_NONE};
        }
        ly_store_batch all = {.spans = batch, .n_spans = k};
        if (ly_store_ingest(store, &all, NULL, &err) != LY_OK) {
            fail_msg("%s", err.text);
        }
    }
    ly_buf_release(&wire);
    ly_arena_release(&arena);
}

enum { HOSTILE = 1, WIDE, DEEP, RANDOM /* and those after it */ };
enum { N_WIDE = 100000, N_DEEP = 5000, N_RANDOM = 6 };

static uint64_t seed = 4711;
static uint64_t draw_number(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return seed >> 33;
}

/* Parents are drawn among all ids, so cycles, orphans and a span that is its own parent come up. */
static void random_trace(ly_store *store, uint8_t trace, ly_str text)
{
    enum { N = 300 };
    static raw_span spans[N];
    for (size_t i = 0; i < N; i++) {
        uint64_t r = draw_number();
        int64_t start = T0 + (int64_t)(draw_number() % 100000) * MS - 50000 * MS;
        spans[i] =
            (raw_span){.id = i + 1,
                       .parent = r % 7 == 0    ? 0
                                 : r % 11 == 0 ? 100000 + r % 3
                                               : r % (N + 1),
                       .start_ns = start,
                       .end_ns = start + (int64_t)(draw_number() % 4000) * MS - 500 * MS,
                       .name = ly_str_sub(text, (size_t)(r % text.len), 1 + (size_t)(r % 60)),
                       .text = r % 5 == 0 ? text : LY_STR_NONE,
                       .kind = (int)(r % 5),
                       .error = r % 13 == 0};
    }
    store_raw(store, trace, spans, N);
}

/* The trace of attacks: one in each name, all of them in each attribute. */
static void store_attacks(ly_store *store, ly_str text)
{
    static raw_span spans[LY_COUNT(attacks) + 1];
    size_t n = 0;
    spans[n++] =
        (raw_span){.id = 1, .start_ns = T0, .end_ns = T0 + 900 * MS, .name = text, .text = text};
    for (size_t i = 0; i < LY_COUNT(attacks); i++) {
        spans[n] = (raw_span){.id = n + 1,
                              .parent = 1,
                              .start_ns = T0 + (int64_t)n * MS,
                              .end_ns = T0 + (int64_t)(n + 9) * MS,
                              .name = ly_str_c(attacks[i]),
                              .text = text,
                              .kind = (int)(i % 5),
                              .error = i % 3 == 0};
        n++;
    }
    store_raw(store, HOSTILE, spans, n);
}

/* A database of strangers' traces, written by `fill`. */
LY_UNUSED static int strangers_made(void **state, const char *name,
                                    void (*fill)(ly_store *store, ly_str text))
{
    static made m;
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    int64_t left;
    opts.role = LY_STORE_WRITER;
    opts.durability = LY_DURABLE_NORMAL;
    snprintf(m.path, sizeof m.path, "/tmp/lydite-%s-%ld.db", name, (long)getpid());
    ly_arena_init(&m.arena, 0, 0);
    ly_wall_fix(T0 + 3600 * LY_NS_PER_SEC);
    assert_int_equal(ly_store_open(m.path, &opts, &store, &err), LY_OK);
    ly_str text = hostile_text(&m.arena);
    store_attacks(store, text);
    fill(store, text);
    for (int i = 0; i < N_RANDOM; i++) {
        random_trace(store, (uint8_t)(RANDOM + i), text);
    }
    assert_int_equal(ly_store_settle(store, 0, true, &left, &err), LY_OK);
    ly_store_close(store);
    *state = &m;
    return 0;
}

LY_UNUSED static ly_trace_id trace_of(uint8_t n)
{
    ly_trace_id id = {{0x66}};
    id.b[15] = n;
    return id;
}

/* What goes to the terminal: our own sequences and printable text, nothing else. */
LY_UNUSED static void check_bytes(const ly_app *app, ly_scheme scheme, ly_buf *bytes)
{
    ly_buf_reset(bytes);
    ly_grid_write(&app->grid, NULL, scheme, app->cursor_row, app->cursor_col, bytes);
    for (size_t i = 0; i < bytes->len; i++) {
        unsigned char c = (unsigned char)bytes->ptr[i];
        if (c != 0x1b) {
            assert_true(c >= 0x20 && c != 0x7f);
            continue;
        }
        assert_int_equal(bytes->ptr[++i], '[');
        while (strchr("0123456789;?", bytes->ptr[i + 1]) != NULL) {
            i++;
        }
        i++;
        assert_true(bytes->ptr[i] != '\0' && strchr("mHJhl", bytes->ptr[i]) != NULL);
    }
    /* No C1 control either, as UTF-8 would carry it. */
    assert_true(ly_str_find(ly_buf_view(bytes), LY_S("\xc2\x9b"), 0) == SIZE_MAX);
}

/* Each screen and way into it, at each size, over the file as it is. */
LY_UNUSED static void every_screen(void **state)
{
    static const char *const ways[] = {"",           "S",   "oo",         "fname:x\x1b]0;y\r",
                                       "/\x1b[2J\r", "3",   "3jm",        "4",
                                       "5",          "6",   "6o",         "6oooo",
                                       "7",          "7oo", "7ooo",       "7oooooo",
                                       "8",          "?",   ":x\x1b]0;\r"};
    static const int sizes[][2] = {{12, 40}, {24, 80}, {50, 160}, {200, 500}};
    ly_buf bytes;
    ly_buf_init(&bytes, LY_MIB(64));
    for (size_t s = 0; s < LY_COUNT(sizes); s++) {
        for (size_t i = 0; i < LY_COUNT(ways); i++) {
            if (s == 3 && i % 4 != 0) {
                continue; /* 100,000 cells a frame: a few will do */
            }
            bool unicode = (i + s) % 2;
            ly_app *app = open_app(*state, sizes[s][0], sizes[s][1], unicode);
            draw(app);
            type(app, ways[i]);
            draw(app);
            check_grid(app);
            check_bytes(app, i % 2 ? LY_SCHEME_COLOR : LY_SCHEME_MONO, &bytes);
            ly_app_free(app);
        }
    }
    ly_buf_release(&bytes);
}

#endif
