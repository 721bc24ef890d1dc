/*
 * Builds spans of attributes in a few words, normalises them and counts the tree in every order. For the
 * tests of this room only.
 */
#ifndef LY_TESTS_GENAI_KIT_H
#define LY_TESTS_GENAI_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "genai/logs.h"
#include "genai/messages.h"
#include "genai/normalise.h"
#include "genai/tree.h"

#define KIT_SPANS 64

typedef struct kit {
    ly_arena arena;
    ly_resource resource;
    ly_scope scopes[KIT_SPANS];
    ly_span spans[KIT_SPANS];
    ly_canon canon[KIT_SPANS];
    ly_tree_node nodes[KIT_SPANS];
    size_t n;
} kit;

#define STR(key, text)                                   \
    {                                                    \
        ly_str_c(key),                                   \
        {                                                \
            .kind = LY_ANY_STRING, .str = ly_str_c(text) \
        }                                                \
    }
#define INT(key, value)                            \
    {                                              \
        ly_str_c(key),                             \
        {                                          \
            .kind = LY_ANY_INT, .integer = (value) \
        }                                          \
    }
#define DBL(key, value)                            \
    {                                              \
        ly_str_c(key),                             \
        {                                          \
            .kind = LY_ANY_DOUBLE, .real = (value) \
        }                                          \
    }
#define BOO(key, value)                             \
    {                                               \
        ly_str_c(key),                              \
        {                                           \
            .kind = LY_ANY_BOOL, .boolean = (value) \
        }                                           \
    }

/* Usual pieces. */
#define OP(word)   STR("gen_ai.operation.name", word)
#define IN(n)      INT("gen_ai.usage.input_tokens", n)
#define OUT(n)     INT("gen_ai.usage.output_tokens", n)
#define RESP(text) STR("gen_ai.response.id", text)
#define MODEL      STR("gen_ai.request.model", "gpt-4o")

/* Adds a span and returns its index. parent -1 = root. */
#define SPAN(k, scope, name, parent, kind, ...)                                   \
    kit_add((k), (scope), (name), (parent), (kind), (const ly_kv[]){__VA_ARGS__}, \
            sizeof((const ly_kv[]){__VA_ARGS__}) / sizeof(ly_kv))

/* First and last line of a test that builds one kit, `k`. */
#define BEGIN    \
    (void)state; \
    kit k;       \
    kit_init(&k)
#define END kit_done(&k)

static inline void expect_text(ly_str got, const char *want)
{
    if (!ly_str_eqc(got, want))
        fail_msg("got \"%.*s\", want \"%s\"", LY_STR_ARG(got), want);
}

static inline void kit_init(kit *k)
{
    memset(k, 0, sizeof *k);
    ly_arena_init(&k->arena, 0, 0);
}

static inline void kit_done(kit *k)
{
    ly_arena_release(&k->arena);
}

static inline ly_span_id kit_id(size_t i)
{
    /* Not in the order of arrival: order must not matter. */
    const uint64_t h = (i + 1) * 0x9E3779B97F4A7C15u;
    ly_span_id id;
    memcpy(id.b, &h, sizeof id.b);
    return id;
}

static inline void kit_normalise(kit *k, size_t i)
{
    ly_span *s = &k->spans[i];
    s->scope = &k->scopes[i];
    s->resource = &k->resource;
    assert_int_equal(ly_genai_normalise(s, &k->arena, &k->canon[i]), LY_OK);
    ly_tree_node_from(s, &k->canon[i], &k->nodes[i]);
}

static inline size_t kit_add(kit *k, const char *scope, const char *name, int parent, int kind,
                             const ly_kv *attrs, size_t n)
{
    const size_t i = k->n++;
    assert_true(i < KIT_SPANS);
    ly_kv *copy = LY_ARENA_ARRAY(&k->arena, ly_kv, n + 1);
    assert_non_null(copy);
    memcpy(copy, attrs, n * sizeof *attrs);
    ly_span *s = &k->spans[i];
    k->scopes[i].name = ly_str_c(scope);
    s->name = ly_str_c(name);
    s->kind = kind;
    memset(s->trace_id.b, 7, sizeof s->trace_id.b);
    s->span_id = kit_id(i);
    if (parent >= 0)
        s->parent_id = kit_id((size_t)parent);
    s->start_ns = 1000000000000000000u + i * 1000000;
    s->end_ns = s->start_ns + 1000000000;
    s->attrs = (ly_attrs){copy, n, 0};
    kit_normalise(k, i);
    return i;
}

static inline int64_t zero_if_unknown(int64_t v)
{
    return v == LY_UNKNOWN ? 0 : v;
}

typedef struct vec {
    int64_t fresh, read, write, visible, reasoning;
} vec;

#define UNK LY_UNKNOWN

/* §4.10 writes 0 for a bucket that nobody mentioned; UNK asks for really unknown. */
static inline void expect_bucket(int64_t got, int64_t want, const char *what)
{
    if (want == LY_UNKNOWN ? got != LY_UNKNOWN : zero_if_unknown(got) != want)
        fail_msg("%s: got %lld, want %lld", what, (long long)got, (long long)want);
}

static inline void expect_vec(const ly_tokens *t, vec want)
{
    expect_bucket(t->in_fresh, want.fresh, "in_fresh");
    expect_bucket(t->cache_read, want.read, "cache_read");
    expect_bucket(t->cache_write, want.write, "cache_write");
    expect_bucket(t->out_visible, want.visible, "out_visible");
    expect_bucket(t->out_reasoning, want.reasoning, "out_reasoning");
}

static inline void kit_count_order(const kit *k, const size_t *order, size_t n, ly_tree_sum *sum,
                                   ly_tree_mark *ret_marks)
{
    ly_tree_node nodes[2 * KIT_SPANS];
    ly_tree_mark marks[2 * KIT_SPANS];
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    for (size_t i = 0; i < n; i++)
        nodes[i] = k->nodes[order[i]];
    assert_int_equal(ly_tree_count(nodes, n, &arena, marks, sum, NULL), LY_OK);
    for (size_t i = n; i-- > 0;)
        if (ret_marks && (marks[i].kind != LY_MARK_NONE || i < k->n))
            ret_marks[order[i]] = marks[i];
    ly_arena_release(&arena);
}

static inline bool same_total(const ly_tree_total *a, const ly_tree_total *b)
{
    return memcmp(&a->tokens, &b->tokens, sizeof a->tokens) == 0 && a->cost_pico == b->cost_pico &&
           a->n_counted == b->n_counted && a->n_unpriced == b->n_unpriced;
}

/* Counts in all orders (up to 5 spans) or 200 random ones, and once with every span twice, and requires the
 * same totals each time. */
static inline void kit_count(const kit *k, ly_tree_sum *ret, ly_tree_mark *ret_marks)
{
    size_t order[2 * KIT_SPANS];
    for (size_t i = 0; i < k->n; i++)
        order[i] = order[i + k->n] = i;
    kit_count_order(k, order, k->n, ret, ret_marks);
    ly_tree_sum again;
    kit_count_order(k, order, 2 * k->n, &again, NULL);
    assert_true(same_total(&ret->total, &again.total));
    uint64_t seed = 42;
    for (int round = 0; round < 200; round++) {
        for (size_t i = k->n; i > 1; i--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const size_t j = (size_t)((seed >> 33) % i), swap = order[i - 1];
            order[i - 1] = order[j];
            order[j] = swap;
        }
        kit_count_order(k, order, k->n, &again, NULL);
        assert_true(same_total(&ret->total, &again.total));
        for (int o = 0; o < 3; o++)
            assert_true(same_total(&ret->by_origin[o], &again.by_origin[o]));
        assert_int_equal(ret->n_duplicates, again.n_duplicates);
    }
}

static inline void expect_total(const kit *k, vec want)
{
    ly_tree_sum sum;
    kit_count(k, &sum, NULL);
    expect_vec(&sum.total.tokens, want);
}

#endif
