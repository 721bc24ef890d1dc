/*
 * Traces made in memory for the viewer's tests: a list of spans in any order becomes a ly_trace as the
 * store loads it (marks by ly_tree_count, nodes in tree order). And golden files: GENERATE=1 writes them.
 */
#ifndef LY_TESTS_VIEWER_FIXTURE_H
#define LY_TESTS_VIEWER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "viewer/rows.h"
#include "viewer/viewer.h"

#define T0 (1795000000LL * LY_NS_PER_SEC) /* 2026-11-18 */
#define MS LY_NS_PER_MS

typedef struct fixture_span {
    uint64_t id, parent;
    ly_type type;
    const char *name;
    int64_t start_ms, dur_ms;      /* dur -1 = not ended (pending) */
    const char *error;             /* NULL = ok */
    int64_t tokens_in, tokens_out; /* 0 = unknown */
    double usd;
    const char *model, *tool;
    int64_t ttft_ms;
} fixture_span;

static inline ly_span_id span_id_of(uint64_t n)
{
    ly_span_id id;
    for (int i = 0; i < 8; i++) {
        id.b[i] = (uint8_t)(n >> (56 - 8 * i));
    }
    return id;
}

static inline int by_start(const void *a, const void *b)
{
    const ly_node *x = *(const ly_node *const *)a, *y = *(const ly_node *const *)b;
    if (x->start_ns != y->start_ns) {
        return x->start_ns < y->start_ns ? -1 : 1;
    }
    return memcmp(x->span_id.b, y->span_id.b, 8);
}

typedef struct id_slot {
    uint64_t id;
    uint32_t at;
} id_slot;

static inline int by_id(const void *a, const void *b)
{
    const id_slot *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static inline uint32_t find_id(const id_slot *slots, size_t n, uint64_t id)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (slots[mid].id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < n && slots[lo].id == id ? slots[lo].at : LY_NO_NODE;
}

static inline void fill_row(ly_trace *t)
{
    ly_trace_row *r = &t->row;
    r->trace_id.b[0] = 0x7f;
    r->trace_id.b[1] = 0x3a;
    r->trace_id.b[15] = 0xe1;
    r->start_ns = t->sum.start_ns;
    r->end_ns = t->sum.end_ns;
    r->seen_ns = t->sum.end_ns;
    r->n_spans = (int64_t)t->n;
    r->tokens = t->sum.total.tokens;
    r->cost_pico = t->sum.total.cost_pico;
    r->n_orphans = t->sum.n_orphans;
    r->flags = LY_TRACE_CONTENT;
    if (t->sum.total.n_unpriced > 0 && r->cost_pico != LY_UNKNOWN) {
        r->flags |= LY_TRACE_PARTIAL_COST;
    }
    bool root = false;
    for (size_t i = 0; i < t->n; i++) {
        const ly_node *n = &t->nodes[i];
        r->n_errors += (n->flags & LY_SPAN_ERROR) != 0;
        r->n_generations += n->canon.type == LY_TYPE_GENERATION;
        r->n_tools += n->canon.type == LY_TYPE_TOOL;
        root |= ly_span_id_zero(n->parent_id);
        if (n->flags & LY_SPAN_PENDING) {
            r->flags |= LY_TRACE_LIVE;
        }
    }
    if (!root) {
        r->flags |= LY_TRACE_NO_ROOT;
    } else if (t->n > 0) {
        r->name = t->nodes[0].name;
    }
}

/* All in the arena. */
static inline ly_trace *fixture_trace(const fixture_span *spans, size_t n, ly_arena *arena)
{
    ly_trace *t = LY_ARENA_NEW(arena, ly_trace);
    ly_node *raw = LY_ARENA_ARRAY(arena, ly_node, n + 1);
    ly_tree_node *tree = LY_ARENA_ARRAY(arena, ly_tree_node, n + 1);
    ly_tree_mark *marks = LY_ARENA_ARRAY(arena, ly_tree_mark, n + 1);
    ly_node **kids = LY_ARENA_ARRAY(arena, ly_node *, n + 1);
    id_slot *slots = LY_ARENA_ARRAY(arena, id_slot, n + 1);
    assert_true(t && raw && tree && marks && kids && slots);
    for (size_t i = 0; i < n; i++) {
        const fixture_span *s = &spans[i];
        ly_node *r = &raw[i];
        r->span_id = span_id_of(s->id);
        r->parent_id = span_id_of(s->parent);
        r->start_ns = T0 + s->start_ms * MS;
        r->end_ns = s->dur_ms == -1 ? LY_UNKNOWN : r->start_ns + s->dur_ms * MS;
        r->name = ly_str_c(s->name);
        r->flags = (s->error ? LY_SPAN_ERROR : 0u) | (s->dur_ms == -1 ? LY_SPAN_PENDING : 0u);
        r->canon.type = s->type;
        r->canon.role = s->type == LY_TYPE_GENERATION ? LY_ROLE_LEAF : LY_ROLE_NONE;
        r->canon.dialect = "test";
        r->canon.ttft_ns = s->ttft_ms ? s->ttft_ms * MS : LY_UNKNOWN;
        r->canon.request_model = ly_str_c(s->model);
        r->canon.tool_name = ly_str_c(s->tool);
        r->canon.error = s->error != NULL;
        r->canon.error_message = ly_str_c(s->error);
        r->canon.tokens = LY_TOKENS_UNKNOWN;
        if (s->tokens_in || s->tokens_out) {
            r->canon.tokens.in_fresh = s->tokens_in;
            r->canon.tokens.out_visible = s->tokens_out;
        }
        tree[i] =
            (ly_tree_node){.span_id = r->span_id,
                           .parent_id = r->parent_id,
                           .type = (uint8_t)s->type,
                           .role = (uint8_t)r->canon.role,
                           .flags = s->error ? LY_NODE_ERROR : 0,
                           .start_ns = r->start_ns,
                           .end_ns = r->end_ns == LY_UNKNOWN ? r->start_ns : r->end_ns,
                           .tokens = r->canon.tokens,
                           .client_cost_pico = LY_UNKNOWN,
                           .book_cost_pico = s->usd > 0 ? (int64_t)(s->usd * 1e12) : LY_UNKNOWN};
        slots[i] = (id_slot){s->id, (uint32_t)i};
    }
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_tree_count(tree, n, arena, marks, &t->sum, &err), LY_OK);
    qsort(slots, n, sizeof *slots, by_id);
    /* Children of each: parent index by id, then all sorted by start and threaded. */
    uint32_t *parent = LY_ARENA_ARRAY(arena, uint32_t, n + 1);
    uint32_t *first = LY_ARENA_ARRAY(arena, uint32_t, n + 1);
    uint32_t *next = LY_ARENA_ARRAY(arena, uint32_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        parent[i] = marks[i].root ? LY_NO_NODE : find_id(slots, n, spans[i].parent);
        first[i] = next[i] = LY_NO_NODE;
        kids[i] = &raw[i];
    }
    qsort(kids, n, sizeof *kids, by_start);
    uint32_t root_first = LY_NO_NODE;
    for (size_t k = n; k-- > 0;) {
        uint32_t i = (uint32_t)(kids[k] - raw);
        uint32_t *head = parent[i] == LY_NO_NODE ? &root_first : &first[parent[i]];
        next[i] = *head;
        *head = i;
    }
    /* Pre-order without recursion. */
    t->nodes = LY_ARENA_ARRAY(arena, ly_node, n + 1);
    uint32_t *place = LY_ARENA_ARRAY(arena, uint32_t, n + 1);
    uint32_t at = root_first;
    while (at != LY_NO_NODE) {
        place[at] = (uint32_t)t->n;
        t->nodes[t->n] = raw[at];
        t->nodes[t->n++].mark = marks[at];
        if (first[at] != LY_NO_NODE) {
            at = first[at];
            continue;
        }
        while (at != LY_NO_NODE && next[at] == LY_NO_NODE) {
            at = parent[at];
        }
        at = at == LY_NO_NODE ? LY_NO_NODE : next[at];
    }
    for (size_t i = 0; i < n; i++) {
        ly_node *nd = &t->nodes[place[i]];
        nd->parent = parent[i] == LY_NO_NODE ? LY_NO_NODE : place[parent[i]];
        nd->first_child = first[i] == LY_NO_NODE ? LY_NO_NODE : place[first[i]];
        nd->next_sibling = next[i] == LY_NO_NODE ? LY_NO_NODE : place[next[i]];
    }
    assert_int_equal(t->n, n);
    fill_row(t);
    return t;
}

/* The wireframe's trace (reference terminal-viewer.md §10). */
static const fixture_span agent_spans[] = {
    {1, 0, LY_TYPE_AGENT, "research-agent", 0, 42100, NULL, 0, 0, 0, NULL, NULL, 0},
    {2, 1, LY_TYPE_GENERATION, "chat planner", 0, 2100, NULL, 2400, 600, 0.021, "gpt-4o", NULL,
     310},
    {3, 2, LY_TYPE_HTTP, "POST /v1/chat", 100, 1900, NULL, 0, 0, 0, NULL, NULL, 0},
    {4, 1, LY_TYPE_TOOL, "web.search", 2200, 900, NULL, 0, 0, 0, NULL, NULL, 0},
    {5, 4, LY_TYPE_HTTP, "GET /search", 2200, 700, NULL, 0, 0, 0, NULL, NULL, 0},
    {6, 4, LY_TYPE_DB, "cache.put", 3000, 100, "disk full", 0, 0, 0, NULL, NULL, 0},
    {7, 1, LY_TYPE_AGENT, "reader", 3400, 31000, NULL, 0, 0, 0, NULL, NULL, 0},
    {8, 7, LY_TYPE_TOOL, "web.search", 3600, 1200, NULL, 0, 0, 0, NULL, NULL, 0},
    {9, 7, LY_TYPE_TOOL, "web.search", 4900, 1200, NULL, 0, 0, 0, NULL, NULL, 0},
    {10, 7, LY_TYPE_TOOL, "web.search", 6200, 1200, NULL, 0, 0, 0, NULL, NULL, 0},
    {11, 7, LY_TYPE_TOOL, "web.fetch", 18200, 400, "429 too many requests", 0, 0, 0, NULL, NULL, 0},
    {12, 7, LY_TYPE_TOOL, "web.fetch", 19000, 800, NULL, 0, 0, 0, NULL, NULL, 0},
    {13, 7, LY_TYPE_GENERATION, "chat summarise", 20000, 6200, NULL, 9000, 3400, 0.055, "gpt-4o",
     NULL, 450},
    {14, 1, LY_TYPE_GENERATION, "chat final answer", 34600, 7200, NULL, 6300, 1000, 0, "gpt-4o",
     NULL, 0},
    {15, 1, LY_TYPE_EVALUATOR, "judge helpfulness", 41900, -1, NULL, 0, 0, 0, NULL, NULL, 0},
    {16, 0x9be0, LY_TYPE_DB, "audit.write", 40200, 100, NULL, 0, 0, 0, NULL, NULL, 0},
    {17, 0x9be0, LY_TYPE_TOOL, "notify", 40300, 100, NULL, 0, 0, 0, NULL, NULL, 0},
};

/* Compares with tests/viewer/golden/NAME; GENERATE=1 in the environment writes it instead. */
static inline void golden(const char *name, ly_str text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/viewer/golden/%s", LY_TESTS_DIR, name);
    if (getenv("GENERATE")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
        fclose(f);
        return;
    }
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail_msg("no golden file %s: run with GENERATE=1 and look at what it writes", path);
    }
    ly_buf want;
    ly_buf_init(&want, LY_MIB(4));
    for (;;) {
        char *room = ly_buf_room(&want, 65536);
        assert_non_null(room);
        size_t n = fread(room, 1, 65536, f);
        ly_buf_advance(&want, n);
        if (n == 0) {
            break;
        }
    }
    fclose(f);
    if (!ly_str_eq(ly_buf_view(&want), text)) {
        fprintf(stderr, "---- %s, wanted:\n%s---- got:\n%.*s----\n", name, ly_buf_text(&want),
                LY_STR_ARG(text));
        ly_buf_release(&want);
        fail_msg("%s differs", name);
    }
    ly_buf_release(&want);
}

#endif
