/*
 * The tree rule. Steps, each over arrays of n:
 *
 *   index    sort the span ids, find each node's parent, cut cycles       -> parent[], order[]
 *   classify bottom-up: who is counted, covered, duplicate (§4.4)         -> mark kind
 *   same id  equal response ids among counted leaves (§4.5 rule 2)        -> duplicate
 *   cost     bottom-up: a roll-up's cost only where nothing below has one (§4.7)
 *   unsaid   model calls whose usage nobody told
 *   sums     totals by origin, gaps of covered roll-ups
 *
 * `order` lists every node after its parent, so bottom-up is backwards and nothing recurses.
 */
#include "genai/tree.h"

#include <stdlib.h>

#define NOBODY UINT32_MAX

/* Leaves of one class can be the same call; an embedding below a chat is another call. */
enum { CLASS_GENERATION, CLASS_EMBEDDING, CLASS_RERANK, CLASS__COUNT };

typedef struct key_index {
    uint64_t key;
    uint32_t index;
} key_index;

/* What can be reached below a node without crossing a boundary, and what lies below at all. */
typedef struct below {
    uint32_t direct[CLASS__COUNT]; /* counted, of that class: none, one (its index), or MANY */
    bool any;                      /* something counted anywhere below or here */
    bool cost;                     /* ... that has a cost */
} below;

#define MANY (UINT32_MAX - 1)

typedef struct work {
    const ly_tree_node *nodes;
    uint32_t n;
    ly_tree_mark *marks;
    uint32_t *parent; /* index or NOBODY */
    uint32_t *order;  /* parents first */
    uint32_t n_order;
    below *below;
    key_index *sorted; /* by span id */
    uint32_t n_cycles;
} work;

uint64_t ly_tree_key(ly_str name)
{
    if (name.len == 0)
        return 0;
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: stable, as the key may be stored */
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.ptr[i]) * 0x100000001b3u;
    return hash ? hash : 1;
}

void ly_tree_node_from(const ly_span *span, const ly_canon *canon, ly_tree_node *ret)
{
    *ret = (ly_tree_node){
        .span_id = span->span_id,
        .parent_id = span->parent_id,
        .type = (uint8_t)canon->type,
        .role = (uint8_t)canon->role,
        .origin = (uint8_t)canon->origin,
        .kind = (uint8_t)(span->kind >= 0 && span->kind <= 5 ? span->kind : 0),
        .flags =
            (uint8_t)((canon->error ? LY_NODE_ERROR : 0) | (canon->pending ? LY_NODE_PENDING : 0)),
        .start_ns = (int64_t)(span->start_ns > INT64_MAX ? INT64_MAX : span->start_ns),
        .end_ns = (int64_t)(span->end_ns > INT64_MAX ? INT64_MAX : span->end_ns),
        .tokens = canon->tokens,
        .client_cost_pico = canon->client_cost_pico,
        .book_cost_pico = LY_UNKNOWN,
        .response_key = ly_tree_key(canon->response_id),
        .model_key =
            ly_tree_key(canon->response_model.len ? canon->response_model : canon->request_model),
    };
}

const char *ly_mark_kind_name(ly_mark_kind kind)
{
    static const char *const names[] = {"-", "counted", "covered", "duplicate"};
    return (unsigned)kind < 4 ? names[kind] : "-";
}

static uint64_t id_key(ly_span_id id)
{
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof id.b; i++)
        key = key << 8 | id.b[i];
    return key;
}

/* ---- index ------------------------------------------------------------------------------------ */

static int compare_key(const void *a, const void *b)
{
    const key_index *x = (const key_index *)a, *y = (const key_index *)b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_i64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* An order of records with the same span id that does not depend on where they stand. */
static int compare_content(const ly_tree_node *a, const ly_tree_node *b)
{
    int c = compare_i64(a->start_ns, b->start_ns);
    if (c == 0)
        c = compare_i64(b->end_ns, a->end_ns); /* the longer one first: it has an end */
    if (c == 0)
        c = compare_i64((int64_t)id_key(a->parent_id), (int64_t)id_key(b->parent_id));
    if (c == 0)
        c = memcmp(&a->tokens, &b->tokens, sizeof a->tokens);
    if (c == 0)
        c = compare_i64(a->client_cost_pico, b->client_cost_pico);
    if (c == 0)
        c = compare_i64(a->type * 256 + a->role, b->type * 256 + b->role);
    return c;
}

static void sort_ids(work *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        w->sorted[i] = (key_index){id_key(w->nodes[i].span_id), i};
    qsort(w->sorted, w->n, sizeof *w->sorted, compare_key);
    /* Of records with one id keep the first by content at the head of the run. */
    for (uint32_t i = 0; i < w->n;) {
        uint32_t end = i + 1;
        while (end < w->n && w->sorted[end].key == w->sorted[i].key) {
            if (compare_content(&w->nodes[w->sorted[end].index], &w->nodes[w->sorted[i].index]) <
                0) {
                const key_index swap = w->sorted[i];
                w->sorted[i] = w->sorted[end];
                w->sorted[end] = swap;
            }
            end++;
        }
        i = end;
    }
}

static uint32_t find_id(const work *w, uint64_t key)
{
    uint32_t lo = 0, hi = w->n;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (w->sorted[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < w->n && w->sorted[lo].key == key ? w->sorted[lo].index : NOBODY;
}

/* True for the records that take part: one for each span id. */
static bool is_head(const work *w, uint32_t sorted_at)
{
    return sorted_at == 0 || w->sorted[sorted_at - 1].key != w->sorted[sorted_at].key;
}

typedef struct links {
    uint32_t *first, *next;
    uint8_t *seen;
} links;

/* Appends `root` and everything below it to w->order. */
static void take_subtree(work *w, links *l, uint32_t root)
{
    uint32_t at = w->n_order;
    l->seen[root] = 1;
    w->marks[root].root = true;
    w->marks[root].depth = 0;
    w->order[w->n_order++] = root;
    for (; at < w->n_order; at++) {
        const uint32_t node = w->order[at];
        for (uint32_t c = l->first[node]; c != NOBODY; c = l->next[c]) {
            if (l->seen[c])
                continue;
            l->seen[c] = 1;
            w->marks[c].depth = w->marks[node].depth + 1;
            w->order[w->n_order++] = c;
        }
    }
}

/* The nodes that no root reaches hang on cycles: each is cut above its smallest span id. */
static void cut_cycle(work *w, links *l, uint32_t start)
{
    uint32_t node = start;
    while (l->seen[node] != 2) { /* walk up until a node of this walk comes again */
        l->seen[node] = 2;
        node = w->parent[node];
    }
    uint32_t smallest = node;
    for (uint32_t i = w->parent[node]; i != node; i = w->parent[i]) {
        if (id_key(w->nodes[i].span_id) < id_key(w->nodes[smallest].span_id))
            smallest = i;
    }
    for (uint32_t i = start; l->seen[i] == 2; i = w->parent[i])
        l->seen[i] = 0;
    w->parent[smallest] = NOBODY;
    w->n_cycles++;
    take_subtree(w, l, smallest);
}

static bool build_tree(work *w, ly_arena *arena)
{
    links l = {LY_ARENA_ARRAY(arena, uint32_t, w->n), LY_ARENA_ARRAY(arena, uint32_t, w->n),
               LY_ARENA_ARRAY(arena, uint8_t, w->n)};
    if (!l.first || !l.next || !l.seen)
        return false;
    sort_ids(w);
    for (uint32_t i = 0; i < w->n; i++) {
        l.first[i] = l.next[i] = w->parent[i] = NOBODY;
        w->marks[i] = (ly_tree_mark){.same_as = i,
                                     .tokens = LY_TOKENS_UNKNOWN,
                                     .cost_pico = LY_UNKNOWN,
                                     .gap_in = LY_UNKNOWN,
                                     .gap_out = LY_UNKNOWN};
    }
    for (uint32_t s = 0; s < w->n; s++) {
        if (!is_head(w, s))
            continue;
        const uint32_t i = w->sorted[s].index;
        if (ly_span_id_zero(w->nodes[i].parent_id))
            continue;
        const uint32_t p = find_id(w, id_key(w->nodes[i].parent_id));
        if (p == NOBODY) {
            w->marks[i].orphan = true;
        } else if (p == i) {
            w->n_cycles++; /* its own parent: a root */
        } else {
            w->parent[i] = p;
            l.next[i] = l.first[p];
            l.first[p] = i;
        }
    }
    for (uint32_t s = 0; s < w->n; s++) {
        if (is_head(w, s) && w->parent[w->sorted[s].index] == NOBODY)
            take_subtree(w, &l, w->sorted[s].index);
    }
    for (uint32_t s = 0; s < w->n; s++) {
        if (is_head(w, s) && !l.seen[w->sorted[s].index])
            cut_cycle(w, &l, w->sorted[s].index);
    }
    return true;
}

/* ---- classify --------------------------------------------------------------------------------- */

static bool is_boundary(uint8_t type)
{
    return type == LY_TYPE_TOOL || type == LY_TYPE_AGENT || type == LY_TYPE_MEMORY ||
           type == LY_TYPE_EVALUATOR;
}

static int class_of(uint8_t type)
{
    return type == LY_TYPE_EMBEDDING ? CLASS_EMBEDDING
           : type == LY_TYPE_RERANK  ? CLASS_RERANK
                                     : CLASS_GENERATION;
}

static void add_direct(uint32_t *direct, uint32_t index)
{
    *direct = *direct == NOBODY ? index : MANY;
}

/* Takes from `from` what `to` does not know, where the totals of that side agree (§4.4). */
static void fill_from(ly_tokens *to, const ly_tokens *from)
{
    const int64_t in = ly_tokens_in(to), out = ly_tokens_out(to);
    const int64_t from_in = ly_tokens_in(from), from_out = ly_tokens_out(from);
    if (in != LY_UNKNOWN && in == from_in && to->cache_read == LY_UNKNOWN &&
        to->cache_write == LY_UNKNOWN &&
        (from->cache_read != LY_UNKNOWN || from->cache_write != LY_UNKNOWN)) {
        to->in_fresh = from->in_fresh;
        to->cache_read = from->cache_read;
        to->cache_write = from->cache_write;
        to->cache_write_1h = from->cache_write_1h;
    }
    if (out != LY_UNKNOWN && out == from_out && to->out_reasoning == LY_UNKNOWN &&
        from->out_reasoning != LY_UNKNOWN) {
        to->out_visible = from->out_visible;
        to->out_reasoning = from->out_reasoning;
    }
    if (out == LY_UNKNOWN && in != LY_UNKNOWN && in == from_in) {
        to->out_visible = from->out_visible;
        to->out_reasoning = from->out_reasoning;
    }
}

static void count_here(work *w, uint32_t i)
{
    w->marks[i].kind = LY_MARK_COUNTED;
    w->marks[i].tokens = w->nodes[i].tokens;
    w->below[i].any = true;
}

/* The directly reachable counted span that is the same call as leaf i, NOBODY, or MANY. */
static uint32_t same_call(const work *w, uint32_t i)
{
    const uint8_t type = w->nodes[i].type;
    const below *b = &w->below[i];
    const uint32_t own = b->direct[class_of(type)];
    if (own != NOBODY)
        return own;
    /* A reranker made of a chat call reports the chat's tokens. */
    return type == LY_TYPE_RERANK ? b->direct[CLASS_GENERATION] : NOBODY;
}

static void classify_leaf(work *w, uint32_t i)
{
    const uint32_t same = same_call(w, i);
    if (same == NOBODY) {
        count_here(w, i);
        w->below[i].direct[class_of(w->nodes[i].type)] = i;
        return;
    }
    w->marks[i].kind = LY_MARK_DUPLICATE;
    if (same == MANY)
        return;
    w->marks[i].same_as = same;
    fill_from(&w->marks[same].tokens, &w->nodes[i].tokens);
}

static void classify(work *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        w->below[i] = (below){{NOBODY, NOBODY, NOBODY}, false, false};
        w->marks[i].origin = w->nodes[i].origin;
    }
    for (uint32_t k = w->n_order; k-- > 0;) {
        const uint32_t i = w->order[k];
        const ly_tree_node *node = &w->nodes[i];
        below *b = &w->below[i];
        if (node->role != LY_ROLE_NONE && ly_tokens_known(&node->tokens)) {
            if (node->role == LY_ROLE_LEAF) {
                classify_leaf(w, i);
            } else if (b->any) {
                w->marks[i].kind = LY_MARK_COVERED;
            } else {
                count_here(w, i);
                b->direct[CLASS_GENERATION] = i;
            }
        }
        const uint32_t p = w->parent[i];
        if (p == NOBODY)
            continue;
        below *up = &w->below[p];
        up->any |= b->any;
        if (is_boundary(node->type))
            continue;
        for (int c = 0; c < CLASS__COUNT; c++) {
            if (b->direct[c] != NOBODY)
                add_direct(&up->direct[c], b->direct[c]);
            if (b->direct[c] == MANY)
                up->direct[c] = MANY;
        }
    }
}

/* ---- same response id ------------------------------------------------------------------------- */

/* More of the vector known, then a real span, then deeper, then earlier, then the smaller id. */
static bool better(const work *w, uint32_t a, uint32_t b)
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
    return id_key(x->span_id) < id_key(y->span_id);
}

static bool compatible(int64_t a, int64_t b)
{
    return a == LY_UNKNOWN || b == LY_UNKNOWN || a == b;
}

/* Response ids are not always unique (mocks and some gateways send constants), hence all of this. */
static bool same_response(const work *w, uint32_t a, uint32_t b)
{
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    if (class_of(x->type) != class_of(y->type))
        return false;
    if (x->model_key && y->model_key && x->model_key != y->model_key)
        return false;
    if (!compatible(ly_tokens_in(&x->tokens), ly_tokens_in(&y->tokens)) ||
        !compatible(ly_tokens_out(&x->tokens), ly_tokens_out(&y->tokens)))
        return false;
    if ((x->flags | y->flags) & LY_NODE_SYNTHETIC)
        return true; /* a log's time is when it was written, after the call */
    return x->start_ns <= y->end_ns && y->start_ns <= x->end_ns;
}

/* A call that a log tells, without an id: the span with the same counts at that time (§4.6). */
static bool same_counts(const work *w, uint32_t a, uint32_t b)
{
    static const int64_t slack_ns = 5 * (int64_t)1000000000;
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    if (!((x->flags ^ y->flags) & LY_NODE_SYNTHETIC) || (x->response_key && y->response_key) ||
        class_of(x->type) != class_of(y->type) ||
        (x->model_key && y->model_key && x->model_key != y->model_key))
        return false;
    return x->start_ns - slack_ns <= y->end_ns && y->start_ns - slack_ns <= x->end_ns;
}

static void merge_same(work *w, uint32_t keep, uint32_t drop)
{
    fill_from(&w->marks[keep].tokens, &w->nodes[drop].tokens);
    w->marks[drop].kind = LY_MARK_DUPLICATE;
    w->marks[drop].same_as = keep;
    w->marks[drop].tokens = LY_TOKENS_UNKNOWN;
}

/* By key, then best first, so that the first of each cluster is the one that is kept. */
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

typedef bool same_fn(const work *w, uint32_t a, uint32_t b);

static uint64_t counts_key(const ly_tree_node *node)
{
    const uint64_t in = (uint64_t)ly_tokens_in(&node->tokens);
    const uint64_t out = (uint64_t)ly_tokens_out(&node->tokens);
    return (in * 0x9E3779B97F4A7C15u ^ out) | 1;
}

static bool merge_groups(work *w, ly_arena *arena, same_fn *same, bool by_counts)
{
    uint32_t m = 0;
    bool any_synthetic = false;
    for (uint32_t i = 0; i < w->n && !any_synthetic; i++)
        any_synthetic = (w->nodes[i].flags & LY_NODE_SYNTHETIC) != 0;
    if (by_counts && !any_synthetic)
        return true;
    group_item *items = LY_ARENA_ARRAY(arena, group_item, w->n);
    if (!items)
        return false;
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        const ly_tree_node *node = &w->nodes[i];
        const uint64_t key = by_counts ? counts_key(node) : node->response_key;
        if (w->marks[i].kind == LY_MARK_COUNTED && node->role == LY_ROLE_LEAF && key != 0)
            items[m++] = (group_item){key, node->start_ns, id_key(node->span_id), i};
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
static void follow_duplicates(work *w)
{
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        uint32_t to = w->marks[i].same_as;
        for (int hops = 0; hops < 64 && w->marks[to].same_as != to; hops++)
            to = w->marks[to].same_as;
        w->marks[i].same_as = to;
    }
}

/* ---- cost, origin, sums ----------------------------------------------------------------------- */

static void spread_origins(work *w)
{
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        uint8_t origin = w->nodes[i].origin;
        const uint32_t p = w->parent[i];
        if (p != NOBODY && w->marks[p].origin > origin)
            origin = w->marks[p].origin;
        if (w->nodes[i].type == LY_TYPE_EVALUATOR)
            origin = LY_ORIGIN_JUDGE;
        w->marks[i].origin = origin > LY_ORIGIN_JUDGE ? LY_ORIGIN_JUDGE : origin;
    }
}

static void count_costs(work *w)
{
    for (uint32_t k = w->n_order; k-- > 0;) {
        const uint32_t i = w->order[k];
        const ly_tree_node *node = &w->nodes[i];
        ly_tree_mark *mark = &w->marks[i];
        below *b = &w->below[i];
        if (mark->kind == LY_MARK_COUNTED) {
            mark->cost_pico = node->client_cost_pico != LY_UNKNOWN ? node->client_cost_pico
                                                                   : node->book_cost_pico;
            mark->cost_counted = mark->cost_pico != LY_UNKNOWN;
            mark->cost_partial = mark->cost_counted && node->client_cost_pico == LY_UNKNOWN &&
                                 (node->flags & LY_NODE_PARTIAL) != 0;
        } else if (!b->cost && node->client_cost_pico != LY_UNKNOWN) {
            mark->cost_pico = node->client_cost_pico;
            mark->cost_counted = mark->cost_rollup = true;
        }
        b->cost |= mark->cost_counted;
        if (w->parent[i] != NOBODY)
            w->below[w->parent[i]].cost |= b->cost;
    }
}

/* §4.5: the client's cost of a duplicate is worth keeping where the counted twin has none. */
static void take_twin_costs(work *w)
{
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        ly_tree_mark *mark = &w->marks[i];
        if (mark->kind != LY_MARK_DUPLICATE || !mark->cost_rollup || mark->same_as == i)
            continue;
        ly_tree_mark *twin = &w->marks[mark->same_as];
        if (twin->kind == LY_MARK_COUNTED && twin->cost_counted)
            mark->cost_counted = mark->cost_rollup = false;
    }
}

/* ---- calls without counts ----------------------------------------------------------------------
 *
 * A model call that reports no usage is no free call. It is charged with an unknown amount unless
 * somebody else tells its counts: a span above or below that is the same call, a roll-up above that is
 * counted itself, or another span with its response id. Of nested ones the innermost is the call. */

typedef struct told {
    bool direct; /* a span of the same call: not across a boundary */
    bool all;    /* a counted roll-up above, or one whose cost stands for what is below */
} told;

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* May it be a call of its own: ended, answered, and somewhere that sends invoices. */
static bool silent_call(const ly_tree_node *node, const ly_tree_mark *mark)
{
    if ((node->type != LY_TYPE_GENERATION && node->type != LY_TYPE_EMBEDDING) ||
        node->role != LY_ROLE_LEAF || mark->kind != LY_MARK_NONE || mark->cost_counted ||
        ly_tokens_known(&node->tokens))
        return false;
    if (node->flags & (LY_NODE_PENDING | LY_NODE_SYNTHETIC | LY_NODE_FREE))
        return false;
    return !(node->flags & LY_NODE_ERROR) || node->response_key != 0; /* refused: nothing to pay */
}

static told told_below(const work *w, uint32_t i, told above)
{
    const ly_tree_node *node = &w->nodes[i];
    const ly_tree_mark *mark = &w->marks[i];
    told ret = above;
    if (is_boundary(node->type))
        ret.direct = false;
    if (mark->kind == LY_MARK_COUNTED && node->role == LY_ROLE_ROLLUP)
        ret.all = true;
    else if (mark->kind == LY_MARK_COUNTED || mark->kind == LY_MARK_DUPLICATE)
        ret.direct = true;
    ret.all |= mark->cost_rollup;
    return ret;
}

static bool find_unsaid(work *w, ly_arena *arena)
{
    uint64_t *keys = LY_ARENA_ARRAY(arena, uint64_t, w->n);
    told *above = LY_ARENA_ARRAY(arena, told, w->n);
    bool *inner = LY_ARENA_ARRAY(arena, bool, w->n); /* an unsaid call of the same, below */
    size_t n_keys = 0;
    if (!keys || !above || !inner)
        return false;
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k], p = w->parent[i];
        above[i] = p == NOBODY ? (told){false, false} : told_below(w, p, above[p]);
        inner[i] = false;
        if (w->marks[i].kind == LY_MARK_COUNTED && w->nodes[i].response_key)
            keys[n_keys++] = w->nodes[i].response_key;
    }
    qsort(keys, n_keys, sizeof *keys, compare_u64);
    for (uint32_t k = w->n_order; k-- > 0;) {
        const uint32_t i = w->order[k], p = w->parent[i];
        const ly_tree_node *node = &w->nodes[i];
        const uint64_t key = node->response_key;
        if (!inner[i] && silent_call(node, &w->marks[i]) && !above[i].direct && !above[i].all &&
            same_call(w, i) == NOBODY &&
            !(key && n_keys && bsearch(&key, keys, n_keys, sizeof *keys, compare_u64)))
            w->marks[i].unsaid = true;
        if (p != NOBODY && !is_boundary(node->type))
            inner[p] |= inner[i] || w->marks[i].unsaid;
    }
    return true;
}

static void total_cost(ly_tree_total *t, int64_t cost)
{
    if (cost == LY_UNKNOWN)
        return;
    if (t->cost_pico == LY_UNKNOWN)
        t->cost_pico = cost;
    else if (__builtin_add_overflow(t->cost_pico, cost, &t->cost_pico))
        t->overflow = true;
}

static void total_node(ly_tree_total *t, const ly_tree_mark *mark, bool cost_covered)
{
    if (mark->cost_counted)
        total_cost(t, mark->cost_pico);
    if (mark->unsaid)
        t->n_unpriced++;
    if (mark->kind != LY_MARK_COUNTED)
        return;
    t->n_counted++;
    if ((!mark->cost_counted || mark->cost_partial) && !cost_covered)
        t->n_unpriced++;
    if (!ly_tokens_add(&t->tokens, &mark->tokens))
        t->overflow = true;
}

typedef struct side_sums {
    int64_t in, out;
} side_sums;

static int64_t add_known(int64_t a, int64_t b)
{
    int64_t sum;
    if (a == LY_UNKNOWN || b == LY_UNKNOWN)
        return a == LY_UNKNOWN ? b : a;
    return __builtin_add_overflow(a, b, &sum) ? LY_UNKNOWN : sum;
}

static int64_t gap(int64_t own, int64_t sum)
{
    return own == LY_UNKNOWN || sum == LY_UNKNOWN ? LY_UNKNOWN : own - sum;
}

static bool find_gaps(work *w, ly_arena *arena)
{
    side_sums *sums = LY_ARENA_ARRAY(arena, side_sums, w->n);
    if (!sums)
        return false;
    for (uint32_t i = 0; i < w->n; i++)
        sums[i] = (side_sums){LY_UNKNOWN, LY_UNKNOWN};
    for (uint32_t k = w->n_order; k-- > 0;) {
        const uint32_t i = w->order[k];
        ly_tree_mark *mark = &w->marks[i];
        if (mark->kind == LY_MARK_COVERED) {
            mark->gap_in = gap(ly_tokens_in(&w->nodes[i].tokens), sums[i].in);
            mark->gap_out = gap(ly_tokens_out(&w->nodes[i].tokens), sums[i].out);
        } else if (mark->kind == LY_MARK_COUNTED) {
            sums[i].in = add_known(sums[i].in, ly_tokens_in(&mark->tokens));
            sums[i].out = add_known(sums[i].out, ly_tokens_out(&mark->tokens));
        }
        const uint32_t p = w->parent[i];
        if (p != NOBODY) {
            sums[p].in = add_known(sums[p].in, sums[i].in);
            sums[p].out = add_known(sums[p].out, sums[i].out);
        }
    }
    return true;
}

static bool better_root(const work *w, uint32_t a, uint32_t b)
{
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    const bool real_x = !(x->flags & LY_NODE_SYNTHETIC), real_y = !(y->flags & LY_NODE_SYNTHETIC);
    if (real_x != real_y)
        return real_x;
    if (w->marks[a].orphan != w->marks[b].orphan)
        return !w->marks[a].orphan;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns;
    return id_key(x->span_id) < id_key(y->span_id);
}

static void sum_up(work *w, uint8_t *cost_covered, ly_tree_sum *ret)
{
    uint32_t root = NOBODY;
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        const ly_tree_mark *mark = &w->marks[i];
        const ly_tree_node *node = &w->nodes[i];
        const uint32_t p = w->parent[i];
        cost_covered[i] = (p != NOBODY && cost_covered[p]) || mark->cost_rollup;
        total_node(&ret->by_origin[mark->origin], mark, cost_covered[i]);
        total_node(&ret->total, mark, cost_covered[i]);
        if (node->origin > ret->origin && node->origin <= LY_ORIGIN_JUDGE)
            ret->origin = (ly_origin)node->origin;
        ret->n_duplicates += mark->kind == LY_MARK_DUPLICATE;
        ret->n_orphans += mark->orphan;
        if (mark->root) {
            ret->n_roots++;
            if (root == NOBODY || better_root(w, i, root))
                root = i;
        }
        if (k == 0 || node->start_ns < ret->start_ns)
            ret->start_ns = node->start_ns;
        if (!(node->flags & LY_NODE_PENDING) && node->end_ns > ret->end_ns)
            ret->end_ns = node->end_ns;
    }
    ret->root = root == NOBODY ? 0 : root;
    ret->n_cycles = w->n_cycles;
    if (ret->end_ns < ret->start_ns)
        ret->end_ns = ret->start_ns;
}

ly_status ly_tree_count(const ly_tree_node *nodes, size_t n, ly_arena *arena,
                        ly_tree_mark *ret_marks, ly_tree_sum *ret_sum, ly_err *err)
{
    if (n >= MANY)
        return LY_FAIL(err, LY_E_LIMIT, "a trace of %zu spans is too large to count", n);
    ly_tree_sum sum = {0};
    for (int i = 0; i < 3; i++)
        sum.by_origin[i] = (ly_tree_total){.tokens = LY_TOKENS_UNKNOWN, .cost_pico = LY_UNKNOWN};
    sum.total = sum.by_origin[0];
    if (n == 0) {
        *ret_sum = sum;
        return LY_OK;
    }
    work w = {.nodes = nodes,
              .n = (uint32_t)n,
              .marks = LY_ARENA_ARRAY(arena, ly_tree_mark, n),
              .parent = LY_ARENA_ARRAY(arena, uint32_t, n),
              .order = LY_ARENA_ARRAY(arena, uint32_t, n),
              .below = LY_ARENA_ARRAY(arena, below, n),
              .sorted = LY_ARENA_ARRAY(arena, key_index, n)};
    uint8_t *cost_covered = LY_ARENA_ARRAY(arena, uint8_t, n);
    if (!w.marks || !w.parent || !w.order || !w.below || !w.sorted || !cost_covered ||
        !build_tree(&w, arena))
        return LY_NOMEM(err);
    classify(&w);
    if (!merge_groups(&w, arena, same_response, false) ||
        !merge_groups(&w, arena, same_counts, true) || !find_gaps(&w, arena))
        return LY_NOMEM(err);
    follow_duplicates(&w);
    spread_origins(&w);
    count_costs(&w);
    take_twin_costs(&w);
    if (!find_unsaid(&w, arena))
        return LY_NOMEM(err);
    sum_up(&w, cost_covered, &sum);
    memcpy(ret_marks, w.marks, n * sizeof *ret_marks);
    *ret_sum = sum;
    return LY_OK;
}
