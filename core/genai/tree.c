/*
 * The tree rule. Steps, each over arrays of n:
 *
 *   index    sort the span ids, find each node's parent, cut cycles       -> parent[], order[]
 *   classify bottom-up: who is counted, covered, duplicate (§4.4)         -> mark kind
 *   same     calls that two spans tell of without one above the other (tree_same.c, §4.5) -> duplicate
 *   cost     bottom-up: a roll-up's cost only where nothing below has one (§4.7)
 *   unsaid   model calls whose usage nobody told
 *   sums     totals by origin, gaps of covered roll-ups
 *
 * `order` lists every node after its parent, so bottom-up is backwards and nothing recurses.
 */
#include "genai/tree.h"

#include <stdlib.h>

#include "genai/tree_i.h"

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
        .told_by = ly_tree_key(ly_str_c(canon->dialect)),
    };
}

const char *ly_mark_kind_name(ly_mark_kind kind)
{
    static const char *const names[] = {"-", "counted", "covered", "duplicate"};
    return (unsigned)kind < 4 ? names[kind] : "-";
}

uint64_t ly_tree_id_key(ly_span_id id)
{
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof id.b; i++)
        key = key << 8 | id.b[i];
    return key;
}

/* ---- index ------------------------------------------------------------------------------------ */

static int compare_key(const void *a, const void *b)
{
    const ly_tree_key_at *x = (const ly_tree_key_at *)a, *y = (const ly_tree_key_at *)b;
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
        c = compare_i64((int64_t)ly_tree_id_key(a->parent_id),
                        (int64_t)ly_tree_id_key(b->parent_id));
    if (c == 0)
        c = memcmp(&a->tokens, &b->tokens, sizeof a->tokens);
    if (c == 0)
        c = compare_i64(a->client_cost_pico, b->client_cost_pico);
    if (c == 0)
        c = compare_i64(a->type * 256 + a->role, b->type * 256 + b->role);
    return c;
}

static void sort_ids(ly_tree_work *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        w->sorted[i] = (ly_tree_key_at){ly_tree_id_key(w->nodes[i].span_id), i};
    qsort(w->sorted, w->n, sizeof *w->sorted, compare_key);
    /* Of records with one id keep the first by content at the head of the run. */
    for (uint32_t i = 0; i < w->n;) {
        uint32_t end = i + 1;
        while (end < w->n && w->sorted[end].key == w->sorted[i].key) {
            if (compare_content(&w->nodes[w->sorted[end].index], &w->nodes[w->sorted[i].index]) <
                0) {
                const ly_tree_key_at swap = w->sorted[i];
                w->sorted[i] = w->sorted[end];
                w->sorted[end] = swap;
            }
            end++;
        }
        i = end;
    }
}

static uint32_t find_id(const ly_tree_work *w, uint64_t key)
{
    uint32_t lo = 0, hi = w->n;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (w->sorted[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < w->n && w->sorted[lo].key == key ? w->sorted[lo].index : LY_TREE_NOBODY;
}

/* True for the records that take part: one for each span id. */
static bool is_head(const ly_tree_work *w, uint32_t sorted_at)
{
    return sorted_at == 0 || w->sorted[sorted_at - 1].key != w->sorted[sorted_at].key;
}

typedef struct links {
    uint32_t *first, *next;
    uint8_t *seen;
} links;

/* Appends `root` and everything below it to w->order. */
static void take_subtree(ly_tree_work *w, links *l, uint32_t root)
{
    uint32_t at = w->n_order;
    l->seen[root] = 1;
    w->marks[root].root = true;
    w->marks[root].depth = 0;
    w->order[w->n_order++] = root;
    for (; at < w->n_order; at++) {
        const uint32_t node = w->order[at];
        for (uint32_t c = l->first[node]; c != LY_TREE_NOBODY; c = l->next[c]) {
            if (l->seen[c])
                continue;
            l->seen[c] = 1;
            w->marks[c].depth = w->marks[node].depth + 1;
            w->order[w->n_order++] = c;
        }
    }
}

/* The nodes that no root reaches hang on cycles: each is cut above its smallest span id. */
static void cut_cycle(ly_tree_work *w, links *l, uint32_t start)
{
    uint32_t node = start;
    while (l->seen[node] != 2) { /* walk up until a node of this walk comes again */
        l->seen[node] = 2;
        node = w->parent[node];
    }
    uint32_t smallest = node;
    for (uint32_t i = w->parent[node]; i != node; i = w->parent[i]) {
        if (ly_tree_id_key(w->nodes[i].span_id) < ly_tree_id_key(w->nodes[smallest].span_id))
            smallest = i;
    }
    for (uint32_t i = start; l->seen[i] == 2; i = w->parent[i])
        l->seen[i] = 0;
    w->parent[smallest] = LY_TREE_NOBODY;
    w->n_cycles++;
    take_subtree(w, l, smallest);
}

static bool build_tree(ly_tree_work *w, ly_arena *arena)
{
    links l = {LY_ARENA_ARRAY(arena, uint32_t, w->n), LY_ARENA_ARRAY(arena, uint32_t, w->n),
               LY_ARENA_ARRAY(arena, uint8_t, w->n)};
    if (!l.first || !l.next || !l.seen)
        return false;
    sort_ids(w);
    for (uint32_t i = 0; i < w->n; i++) {
        l.first[i] = l.next[i] = w->parent[i] = LY_TREE_NOBODY;
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
        const uint32_t p = find_id(w, ly_tree_id_key(w->nodes[i].parent_id));
        if (p == LY_TREE_NOBODY) {
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
        if (is_head(w, s) && w->parent[w->sorted[s].index] == LY_TREE_NOBODY)
            take_subtree(w, &l, w->sorted[s].index);
    }
    for (uint32_t s = 0; s < w->n; s++) {
        if (is_head(w, s) && !l.seen[w->sorted[s].index])
            cut_cycle(w, &l, w->sorted[s].index);
    }
    return true;
}

/* ---- classify --------------------------------------------------------------------------------- */

bool ly_tree_boundary(uint8_t type)
{
    return type == LY_TYPE_TOOL || type == LY_TYPE_AGENT || type == LY_TYPE_MEMORY ||
           type == LY_TYPE_EVALUATOR;
}

int ly_tree_class(uint8_t type)
{
    return type == LY_TYPE_EMBEDDING ? LY_TREE_EMBEDDING
           : type == LY_TYPE_RERANK  ? LY_TREE_RERANK
                                     : LY_TREE_GENERATION;
}

static void add_direct(uint32_t *direct, uint32_t index)
{
    *direct = *direct == LY_TREE_NOBODY ? index : LY_TREE_MANY;
}

void ly_tree_fill(ly_tokens *to, const ly_tokens *from)
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

static void count_here(ly_tree_work *w, uint32_t i)
{
    w->marks[i].kind = LY_MARK_COUNTED;
    w->marks[i].tokens = w->nodes[i].tokens;
    w->below[i].any = true;
}

/* The directly reachable counted span that is the same call as leaf i, LY_TREE_NOBODY, or LY_TREE_MANY. */
static uint32_t same_call(const ly_tree_work *w, uint32_t i)
{
    const uint8_t type = w->nodes[i].type;
    const ly_tree_below *b = &w->below[i];
    const uint32_t own = b->direct[ly_tree_class(type)];
    if (own != LY_TREE_NOBODY)
        return own;
    /* A reranker made of a chat call reports the chat's tokens. */
    return type == LY_TYPE_RERANK ? b->direct[LY_TREE_GENERATION] : LY_TREE_NOBODY;
}

static void classify_leaf(ly_tree_work *w, uint32_t i)
{
    const uint32_t same = same_call(w, i);
    if (same == LY_TREE_NOBODY) {
        count_here(w, i);
        w->below[i].direct[ly_tree_class(w->nodes[i].type)] = i;
        return;
    }
    w->marks[i].kind = LY_MARK_DUPLICATE;
    if (same == LY_TREE_MANY)
        return;
    w->marks[i].same_as = same;
    ly_tree_fill(&w->marks[same].tokens, &w->nodes[i].tokens);
}

static void classify(ly_tree_work *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        w->below[i] =
            (ly_tree_below){{LY_TREE_NOBODY, LY_TREE_NOBODY, LY_TREE_NOBODY}, false, false};
        w->marks[i].origin = w->nodes[i].origin;
    }
    for (uint32_t k = w->n_order; k-- > 0;) {
        const uint32_t i = w->order[k];
        const ly_tree_node *node = &w->nodes[i];
        ly_tree_below *b = &w->below[i];
        if (node->role != LY_ROLE_NONE && ly_tokens_known(&node->tokens)) {
            if (node->role == LY_ROLE_LEAF) {
                classify_leaf(w, i);
            } else if (b->any) {
                w->marks[i].kind = LY_MARK_COVERED;
            } else {
                count_here(w, i);
                b->direct[LY_TREE_GENERATION] = i;
            }
        }
        const uint32_t p = w->parent[i];
        if (p == LY_TREE_NOBODY)
            continue;
        ly_tree_below *up = &w->below[p];
        up->any |= b->any;
        if (ly_tree_boundary(node->type))
            continue;
        for (int c = 0; c < LY_TREE_CLASSES; c++) {
            if (b->direct[c] != LY_TREE_NOBODY)
                add_direct(&up->direct[c], b->direct[c]);
            if (b->direct[c] == LY_TREE_MANY)
                up->direct[c] = LY_TREE_MANY;
        }
    }
}

/* ---- cost, origin, sums ----------------------------------------------------------------------- */

static void spread_origins(ly_tree_work *w)
{
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        uint8_t origin = w->nodes[i].origin;
        const uint32_t p = w->parent[i];
        if (p != LY_TREE_NOBODY && w->marks[p].origin > origin)
            origin = w->marks[p].origin;
        if (w->nodes[i].type == LY_TYPE_EVALUATOR)
            origin = LY_ORIGIN_JUDGE;
        w->marks[i].origin = origin > LY_ORIGIN_JUDGE ? LY_ORIGIN_JUDGE : origin;
    }
}

static void count_costs(ly_tree_work *w)
{
    for (uint32_t k = w->n_order; k-- > 0;) {
        const uint32_t i = w->order[k];
        const ly_tree_node *node = &w->nodes[i];
        ly_tree_mark *mark = &w->marks[i];
        ly_tree_below *b = &w->below[i];
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
        if (w->parent[i] != LY_TREE_NOBODY)
            w->below[w->parent[i]].cost |= b->cost;
    }
}

/* §4.5: the client's cost of a duplicate is worth keeping where the counted twin has none. */
static void take_twin_costs(ly_tree_work *w)
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

static told told_below(const ly_tree_work *w, uint32_t i, told above)
{
    const ly_tree_node *node = &w->nodes[i];
    const ly_tree_mark *mark = &w->marks[i];
    told ret = above;
    if (ly_tree_boundary(node->type))
        ret.direct = false;
    if (mark->kind == LY_MARK_COUNTED && node->role == LY_ROLE_ROLLUP)
        ret.all = true;
    else if (mark->kind == LY_MARK_COUNTED || mark->kind == LY_MARK_DUPLICATE)
        ret.direct = true;
    ret.all |= mark->cost_rollup;
    return ret;
}

static bool find_unsaid(ly_tree_work *w, ly_arena *arena)
{
    uint64_t *keys = LY_ARENA_ARRAY(arena, uint64_t, w->n);
    told *above = LY_ARENA_ARRAY(arena, told, w->n);
    bool *inner = LY_ARENA_ARRAY(arena, bool, w->n); /* an unsaid call of the same, below */
    size_t n_keys = 0;
    if (!keys || !above || !inner)
        return false;
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k], p = w->parent[i];
        above[i] = p == LY_TREE_NOBODY ? (told){false, false} : told_below(w, p, above[p]);
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
            same_call(w, i) == LY_TREE_NOBODY &&
            !(key && n_keys && bsearch(&key, keys, n_keys, sizeof *keys, compare_u64)))
            w->marks[i].unsaid = true;
        if (p != LY_TREE_NOBODY && !ly_tree_boundary(node->type))
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

static bool find_gaps(ly_tree_work *w, ly_arena *arena)
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
        if (p != LY_TREE_NOBODY) {
            sums[p].in = add_known(sums[p].in, sums[i].in);
            sums[p].out = add_known(sums[p].out, sums[i].out);
        }
    }
    return true;
}

static bool better_root(const ly_tree_work *w, uint32_t a, uint32_t b)
{
    const ly_tree_node *x = &w->nodes[a], *y = &w->nodes[b];
    const bool real_x = !(x->flags & LY_NODE_SYNTHETIC), real_y = !(y->flags & LY_NODE_SYNTHETIC);
    if (real_x != real_y)
        return real_x;
    if (w->marks[a].orphan != w->marks[b].orphan)
        return !w->marks[a].orphan;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns;
    return ly_tree_id_key(x->span_id) < ly_tree_id_key(y->span_id);
}

static void sum_up(ly_tree_work *w, uint8_t *cost_covered, ly_tree_sum *ret)
{
    uint32_t root = LY_TREE_NOBODY;
    for (uint32_t k = 0; k < w->n_order; k++) {
        const uint32_t i = w->order[k];
        const ly_tree_mark *mark = &w->marks[i];
        const ly_tree_node *node = &w->nodes[i];
        const uint32_t p = w->parent[i];
        cost_covered[i] = (p != LY_TREE_NOBODY && cost_covered[p]) || mark->cost_rollup;
        total_node(&ret->by_origin[mark->origin], mark, cost_covered[i]);
        total_node(&ret->total, mark, cost_covered[i]);
        if (node->origin > ret->origin && node->origin <= LY_ORIGIN_JUDGE)
            ret->origin = (ly_origin)node->origin;
        ret->n_duplicates += mark->kind == LY_MARK_DUPLICATE;
        ret->n_orphans += mark->orphan;
        if (mark->root) {
            ret->n_roots++;
            if (root == LY_TREE_NOBODY || better_root(w, i, root))
                root = i;
        }
        if (k == 0 || node->start_ns < ret->start_ns)
            ret->start_ns = node->start_ns;
        if (!(node->flags & LY_NODE_PENDING) && node->end_ns > ret->end_ns)
            ret->end_ns = node->end_ns;
    }
    ret->root = root == LY_TREE_NOBODY ? 0 : root;
    ret->n_cycles = w->n_cycles;
    if (ret->end_ns < ret->start_ns)
        ret->end_ns = ret->start_ns;
}

ly_status ly_tree_count(const ly_tree_node *nodes, size_t n, ly_arena *arena,
                        ly_tree_mark *ret_marks, ly_tree_sum *ret_sum, ly_err *err)
{
    if (n >= LY_TREE_MANY)
        return LY_FAIL(err, LY_E_LIMIT, "a trace of %zu spans is too large to count", n);
    ly_tree_sum sum = {0};
    for (int i = 0; i < 3; i++)
        sum.by_origin[i] = (ly_tree_total){.tokens = LY_TOKENS_UNKNOWN, .cost_pico = LY_UNKNOWN};
    sum.total = sum.by_origin[0];
    if (n == 0) {
        *ret_sum = sum;
        return LY_OK;
    }
    ly_tree_work w = {.nodes = nodes,
                      .n = (uint32_t)n,
                      .marks = LY_ARENA_ARRAY(arena, ly_tree_mark, n),
                      .parent = LY_ARENA_ARRAY(arena, uint32_t, n),
                      .order = LY_ARENA_ARRAY(arena, uint32_t, n),
                      .below = LY_ARENA_ARRAY(arena, ly_tree_below, n),
                      .sorted = LY_ARENA_ARRAY(arena, ly_tree_key_at, n)};
    uint8_t *cost_covered = LY_ARENA_ARRAY(arena, uint8_t, n);
    if (!w.marks || !w.parent || !w.order || !w.below || !w.sorted || !cost_covered ||
        !build_tree(&w, arena))
        return LY_NOMEM(err);
    classify(&w);
    if (!ly_tree_merge_same(&w, arena) || !find_gaps(&w, arena))
        return LY_NOMEM(err);
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
