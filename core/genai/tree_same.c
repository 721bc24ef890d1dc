/*
 * Calls that two spans tell of where neither is above the other (§4.5 rule 2, §4.6). Three tests, in this order:
 *
 *   response id   equal ids, compatible counts, overlapping times
 *   counts        a log record's call and the span with the same counts at that time
 *   side by side  two instrumentations wrap one call and only one opens its span where the other could see
 *                 it: one runs within the other below one parent, all counts are equal, one has an id
 *
 * The first two are the reference's; the third is what clients were seen to do: an SDK that traces itself
 * (Anthropic's) under an instrumentation that starts its span detached, as for streams.
 */
#include <stdlib.h>

#include "genai/tree_i.h"

/* More of the vector known, then a real span, then deeper, then earlier, then the smaller id. */
static bool better(const ly_tree_work *w, uint32_t a, uint32_t b)
{
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    const bool real_x = !(x->flags & LY_NODE_SYNTHETIC), real_y = !(y->flags & LY_NODE_SYNTHETIC);
    if (real_x != real_y)
        return real_x;
    int known = 0;
    const int64_t *p = &x->tokens.in_fresh, *q = &y->tokens.in_fresh;
    for (size_t i = 0; i < sizeof(ly_tokens) / sizeof(int64_t); i++)
        known += (p[i] != LY_UNKNOWN) - (q[i] != LY_UNKNOWN);
    if (known != 0)
        return known > 0;
    if (w->marks[a].depth != w->marks[b].depth)
        return w->marks[a].depth > w->marks[b].depth;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns;
    return ly_tree_id_key(x->span_id) < ly_tree_id_key(y->span_id);
}

static bool compatible(int64_t a, int64_t b)
{
    return a == LY_UNKNOWN || b == LY_UNKNOWN || a == b;
}

/* Told in different words, which one instrumentation does not do with one call. */
static bool other_teller(const ly_tree_node *x, const ly_tree_node *y)
{
    return x->told_by && y->told_by && x->told_by != y->told_by;
}

static bool same_known(int64_t a, int64_t b)
{
    return a != LY_UNKNOWN && a == b;
}

/* One runs within the other and takes most of its time: what is left is the outer layer's own work. */
static bool within(const ly_tree_node *inner, const ly_tree_node *outer)
{
    return inner->start_ns > outer->start_ns && inner->end_ns < outer->end_ns &&
           inner->end_ns - inner->start_ns >= (outer->end_ns - outer->start_ns) / 2;
}

/* Two layers may disagree in one side of the counts (streams: one adds up what the provider had summed) and
 * in the model (alias or dated name); one layer that tells of two calls may not. */
static bool counts_agree(const ly_tree_node *x, const ly_tree_node *y)
{
    const int64_t in[2] = {ly_tokens_in(&x->tokens), ly_tokens_in(&y->tokens)};
    const int64_t out[2] = {ly_tokens_out(&x->tokens), ly_tokens_out(&y->tokens)};
    const bool named_alike = !x->model_key || !y->model_key || x->model_key == y->model_key;
    if (named_alike && compatible(in[0], in[1]) && compatible(out[0], out[1]))
        return true;
    return other_teller(x, y) && !((x->flags | y->flags) & LY_NODE_SYNTHETIC) &&
           (within(x, y) || within(y, x)) &&
           (same_known(in[0], in[1]) || same_known(out[0], out[1]));
}

/* Response ids are not always unique (mocks and some gateways send constants), hence all of this. */
static bool same_response(const ly_tree_work *w, uint32_t a, uint32_t b)
{
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    if (ly_tree_class(x->type) != ly_tree_class(y->type) || !counts_agree(x, y))
        return false;
    if ((x->flags | y->flags) & LY_NODE_SYNTHETIC)
        return true; /* a log's time is when it was written, after the call */
    return x->start_ns <= y->end_ns && y->start_ns <= x->end_ns;
}

/* Spans of one framework around one call: LangGraph has four or five. */
enum { LAYERS_MOST = 16 };

/* True when `b` hangs on `a`'s parent, or below it by spans that only arrange calls: what made `a` saw the
 * context around what made `b`. */
static bool hangs_beside(const ly_tree_work *w, uint32_t a, uint32_t b)
{
    uint32_t up = w->parent[b];
    for (int hops = 0; hops < LAYERS_MOST && up != w->parent[a]; hops++) {
        if (up == LY_TREE_NOBODY || ly_tree_boundary(w->nodes[up].type))
            return false;
        up = w->parent[up];
    }
    return up == w->parent[a] && up != LY_TREE_NOBODY;
}

/* Where only one of them has the answer's id, everything else must fit, down to the nesting of the times. */
static bool side_by_side(const ly_tree_work *w, uint32_t a, uint32_t b)
{
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    const bool embedding = ly_tree_class(x->type) == LY_TREE_EMBEDDING;
    const int64_t out = ly_tokens_out(&x->tokens);
    if (((x->flags | y->flags) & (LY_NODE_SYNTHETIC | LY_NODE_PENDING)) || !other_teller(x, y) ||
        !x->response_key == !y->response_key || ly_tree_class(x->type) != ly_tree_class(y->type))
        return false;
    if (ly_tokens_in(&x->tokens) <= 0 || ly_tokens_in(&x->tokens) != ly_tokens_in(&y->tokens) ||
        out != ly_tokens_out(&y->tokens) || (out == LY_UNKNOWN && !embedding))
        return false;
    return (within(x, y) || within(y, x)) && (hangs_beside(w, a, b) || hangs_beside(w, b, a));
}

/* A call that a log tells, without an id: the span with the same counts at that time (§4.6). */
static bool same_counts(const ly_tree_work *w, uint32_t a, uint32_t b)
{
    static const int64_t slack_ns = 5 * (int64_t)1000000000;
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    if (!((x->flags ^ y->flags) & LY_NODE_SYNTHETIC) || (x->response_key && y->response_key) ||
        ly_tree_class(x->type) != ly_tree_class(y->type) ||
        (x->model_key && y->model_key && x->model_key != y->model_key))
        return false;
    return x->start_ns - slack_ns <= y->end_ns && y->start_ns - slack_ns <= x->end_ns;
}

static void merge_same(ly_tree_work *w, uint32_t keep, uint32_t drop)
{
    /* Its mark, not its node: with what it took over from others before. */
    ly_tree_fill(&w->marks[keep].tokens, &w->marks[drop].tokens);
    w->marks[drop].kind = LY_MARK_DUPLICATE;
    w->marks[drop].same_as = keep;
    w->marks[drop].tokens = LY_TOKENS_UNKNOWN;
}

/* By key, then start: spans that overlap stand near each other. */
typedef struct group_item {
    uint64_t key;
    int64_t start_ns;
    uint64_t id;
    uint32_t index;
} group_item;

static int compare_group(const void *a, const void *b)
{
    const group_item *x = (const group_item *)a, *y = (const group_item *)b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Within one response id only the last few kept spans are compared with: real groups have two or three
 * members, and a constant id on 100,000 spans must not become quadratic. */
enum { OPEN_CLUSTERS = 8 };

typedef bool same_fn(const ly_tree_work *w, uint32_t a, uint32_t b);

static uint64_t counts_key(const ly_tree_node *node)
{
    const uint64_t in = (uint64_t)ly_tokens_in(&node->tokens);
    const uint64_t out = (uint64_t)ly_tokens_out(&node->tokens);
    return (in * 0x9E3779B97F4A7C15u ^ out) | 1;
}

static bool merge_groups(ly_tree_work *w, ly_arena *arena, same_fn *same, bool by_counts)
{
    uint32_t m = 0;
    group_item *items = LY_ARENA_ARRAY(arena, group_item, w->n);
    if (!items)
        return false;
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        const ly_tree_node *node = &w->nodes[i];
        const uint64_t key = by_counts ? counts_key(node) : node->response_key;
        if (w->marks[i].kind == LY_MARK_COUNTED && node->role == LY_ROLE_LEAF && key != 0)
            items[m++] = (group_item){key, node->start_ns, ly_tree_id_key(node->span_id), i};
    }
    qsort(items, m, sizeof *items, compare_group);
    uint32_t open[OPEN_CLUSTERS];
    uint32_t n_open = 0;
    for (uint32_t k = 0; k < m; k++) {
        if (k == 0 || items[k].key != items[k - 1].key)
            n_open = 0;
        const uint32_t i = items[k].index;
        bool merged = false;
        for (uint32_t o = 0; o < n_open && !merged; o++) {
            if (!same(w, open[o], i))
                continue;
            merged = true;
            if (better(w, i, open[o])) {
                merge_same(w, i, open[o]);
                open[o] = i;
            } else {
                merge_same(w, open[o], i);
            }
        }
        if (!merged)
            open[n_open < OPEN_CLUSTERS ? n_open++ : k % OPEN_CLUSTERS] = i;
    }
    return true;
}

/* A duplicate may name a span that became a duplicate itself: follow to the counted one. */
static void follow_duplicates(ly_tree_work *w)
{
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        uint32_t to = w->marks[i].same_as;
        for (int hops = 0; hops < 64 && w->marks[to].same_as != to; hops++)
            to = w->marks[to].same_as;
        w->marks[i].same_as = to;
    }
}

bool ly_tree_merge_same(ly_tree_work *w, ly_arena *arena)
{
    bool synthetic = false, tellers = false;
    uint64_t told_by = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        const ly_tree_node *node = &w->nodes[i];
        synthetic |= (node->flags & LY_NODE_SYNTHETIC) != 0;
        if (w->marks[i].kind != LY_MARK_COUNTED || node->role != LY_ROLE_LEAF || !node->told_by)
            continue;
        tellers |= told_by && told_by != node->told_by;
        told_by = node->told_by;
    }
    if (!merge_groups(w, arena, same_response, false) ||
        (synthetic && !merge_groups(w, arena, same_counts, true)) ||
        (tellers && !merge_groups(w, arena, side_by_side, true)))
        return false;
    follow_duplicates(w);
    return true;
}
