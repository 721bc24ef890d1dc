#include "viewer/rows.h"

#include "base/mem.h"

/* Calls in a row from which on they share a line. */
#define GROUP_MIN 3

bool ly_type_plumbing(ly_type type)
{
    return type == LY_TYPE_HTTP || type == LY_TYPE_DB || type == LY_TYPE_OTHER;
}

static bool failed(const ly_node *n)
{
    return (n->flags & LY_SPAN_ERROR) != 0;
}

static int64_t add_known(int64_t a, int64_t b)
{
    if (a == LY_UNKNOWN) {
        return b;
    }
    if (b == LY_UNKNOWN) {
        return a;
    }
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? LY_UNKNOWN : sum;
}

/* The parent of a node in tree order, or LY_NO_NODE. A parent that does not stand before its child
 * would break every pass below, so it is not believed. */
static uint32_t parent_of(const ly_trace *trace, uint32_t i)
{
    uint32_t p = trace->nodes[i].parent;
    return p < i ? p : LY_NO_NODE;
}

/* Children before parents: add each node to its parent. */
static void add_up(ly_sums *sums)
{
    const ly_trace *trace = sums->trace;
    for (size_t k = trace->n; k-- > 0;) {
        const ly_node *n = &trace->nodes[k];
        ly_node_sum *s = &sums->nodes[k];
        s->size++;
        s->steps += !ly_type_plumbing(n->canon.type);
        s->errors += failed(n);
        if (n->mark.kind == LY_MARK_COUNTED) {
            s->tokens_in = add_known(s->tokens_in, ly_tokens_in(&n->mark.tokens));
            s->tokens_out = add_known(s->tokens_out, ly_tokens_out(&n->mark.tokens));
            s->partial_cost |= n->mark.cost_pico == LY_UNKNOWN;
        }
        if (n->mark.cost_counted) {
            s->cost_pico = add_known(s->cost_pico, n->mark.cost_pico);
        }
        sums->n_pending += (n->flags & LY_SPAN_PENDING) != 0;
        uint32_t p = parent_of(trace, (uint32_t)k);
        if (p != LY_NO_NODE) {
            ly_node_sum *up = &sums->nodes[p];
            up->size += s->size;
            up->steps += s->steps;
            up->errors += s->errors;
            up->tokens_in = add_known(up->tokens_in, s->tokens_in);
            up->tokens_out = add_known(up->tokens_out, s->tokens_out);
            up->cost_pico = add_known(up->cost_pico, s->cost_pico);
            up->partial_cost |= s->partial_cost;
        }
    }
}

static bool same_call(const ly_node *a, const ly_node *b)
{
    return a->canon.type == b->canon.type && ly_str_eq(a->name, b->name);
}

/* One chain of siblings that look alike, standing one after another. */
typedef struct chain {
    uint32_t first, last, n;
    bool same_args;
} chain;

static void close_repeat(ly_sums *sums, const chain *c)
{
    if (c->n >= GROUP_MIN) {
        sums->nodes[c->first].repeat = c->n;
        sums->nodes[c->first].same_args = c->same_args;
        sums->n_loops += c->same_args;
    }
}

/* Equal calls among the children of one parent: failed ones that were tried again, and repeats. The
 * repeats are tools without a failure and without spans of their own that matter. */
static void mark_siblings(ly_sums *sums, const uint64_t *args, uint32_t first)
{
    const ly_trace *trace = sums->trace;
    chain run = {LY_NO_NODE, LY_NO_NODE, 0, false};
    uint32_t before = LY_NO_NODE; /* the sibling before that is no plumbing */
    size_t guard = 0;
    for (uint32_t i = first; i != LY_NO_NODE && i < trace->n && guard++ < trace->n;
         i = trace->nodes[i].next_sibling) {
        const ly_node *n = &trace->nodes[i];
        ly_node_sum *s = &sums->nodes[i];
        if (ly_type_plumbing(n->canon.type)) {
            continue;
        }
        if (before != LY_NO_NODE && failed(&trace->nodes[before]) &&
            same_call(n, &trace->nodes[before])) {
            ly_node_sum *b = &sums->nodes[before];
            if (b->attempt == 0) {
                b->attempt = 1;
            }
            s->attempt = (uint16_t)(b->attempt < UINT16_MAX ? b->attempt + 1 : UINT16_MAX);
            sums->n_retries++;
        }
        before = i;
        bool may_join = n->canon.type == LY_TYPE_TOOL && !failed(n) && s->steps == 1;
        if (may_join && run.n > 0 && same_call(n, &trace->nodes[run.first])) {
            run.same_args =
                run.same_args && args != NULL && args[i] != 0 && args[i] == args[run.first];
            run.n++;
            run.last = i;
            continue;
        }
        close_repeat(sums, &run);
        run = may_join ? (chain){i, i, 1, args != NULL && args[i] != 0}
                       : (chain){LY_NO_NODE, LY_NO_NODE, 0, false};
    }
    close_repeat(sums, &run);
}

/* The last attempt knows how many there were: tell the ones before. */
static void tell_attempts(ly_sums *sums, uint32_t first)
{
    const ly_trace *trace = sums->trace;
    uint32_t chain_first = LY_NO_NODE;
    size_t guard = 0;
    for (uint32_t i = first; i != LY_NO_NODE && i < trace->n && guard++ < trace->n;
         i = trace->nodes[i].next_sibling) {
        if (sums->nodes[i].attempt == 1) {
            chain_first = i;
        }
        if (sums->nodes[i].attempt > 1) {
            sums->nodes[i].attempts = sums->nodes[i].attempt;
            if (chain_first != LY_NO_NODE) {
                sums->nodes[chain_first].attempts = sums->nodes[i].attempt;
            }
        }
    }
    /* Second walk: every member takes the count that its first one ended with. */
    uint16_t total = 0;
    guard = 0;
    for (uint32_t i = first; i != LY_NO_NODE && i < trace->n && guard++ < trace->n;
         i = trace->nodes[i].next_sibling) {
        if (sums->nodes[i].attempt == 1) {
            total = sums->nodes[i].attempts;
        }
        if (sums->nodes[i].attempt >= 1) {
            sums->nodes[i].attempts = total;
        }
    }
}

/* Orphans by the parent that they name: an open-addressing table over the orphans. */
static ly_status find_missing(ly_sums *sums, ly_arena *arena, ly_err *err)
{
    const ly_trace *trace = sums->trace;
    size_t n_orphans = 0;
    for (size_t i = 0; i < trace->n; i++) {
        n_orphans += trace->nodes[i].mark.orphan && parent_of(trace, (uint32_t)i) == LY_NO_NODE;
    }
    if (n_orphans == 0) {
        return LY_OK;
    }
    size_t cap = 16;
    while (cap < n_orphans * 2) {
        cap *= 2;
    }
    uint32_t *table = LY_ARENA_ARRAY(arena, uint32_t, cap);
    sums->missing = LY_ARENA_ARRAY(arena, ly_missing, n_orphans);
    if (table == NULL || sums->missing == NULL) {
        return LY_NOMEM(err);
    }
    for (uint32_t i = 0; i < trace->n; i++) {
        const ly_node *n = &trace->nodes[i];
        if (!n->mark.orphan || parent_of(trace, i) != LY_NO_NODE) {
            continue;
        }
        size_t at = ly_str_hash(ly_str_n(n->parent_id.b, sizeof n->parent_id.b)) & (cap - 1);
        while (table[at] != 0 &&
               !ly_span_id_eq(sums->missing[table[at] - 1].parent_id, n->parent_id)) {
            at = (at + 1) & (cap - 1);
        }
        if (table[at] == 0) {
            sums->missing[sums->n_missing] = (ly_missing){n->parent_id, 0, i};
            table[at] = (uint32_t)++sums->n_missing;
        }
        sums->missing[table[at] - 1].n++;
        sums->nodes[i].missing = table[at];
    }
    return LY_OK;
}

ly_status ly_sums_build(const ly_trace *trace, const uint64_t *args, ly_arena *arena,
                        ly_sums **ret_sums, ly_err *err)
{
    ly_sums *sums = LY_ARENA_NEW(arena, ly_sums);
    ly_node_sum *nodes = LY_ARENA_ARRAY(arena, ly_node_sum, trace->n ? trace->n : 1);
    if (sums == NULL || nodes == NULL) {
        return LY_NOMEM(err);
    }
    sums->trace = trace;
    sums->nodes = nodes;
    for (size_t i = 0; i < trace->n; i++) {
        nodes[i].tokens_in = nodes[i].tokens_out = nodes[i].cost_pico = LY_UNKNOWN;
    }
    add_up(sums);
    for (uint32_t i = 0; i < trace->n; i++) {
        uint32_t first = trace->nodes[i].first_child;
        if (first != LY_NO_NODE && first > i) {
            mark_siblings(sums, args, first);
            tell_attempts(sums, first);
        }
    }
    /* The roots are siblings too (a trace of one session may have many). */
    uint32_t root = 0;
    if (trace->n > 0 && trace->nodes[0].next_sibling != LY_NO_NODE) {
        mark_siblings(sums, args, root);
        tell_attempts(sums, root);
    }
    ly_status st = find_missing(sums, arena, err);
    if (st != LY_OK) {
        return st;
    }
    *ret_sums = sums;
    return LY_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct builder {
    const ly_sums *sums;
    const ly_rows_opts *opts;
    ly_rows *rows;
    uint32_t *row_of;   /* row of each node, LY_NO_ROW = none */
    uint32_t *plumbing; /* per node: hidden children that its folded line stands for */
    uint32_t *plumbing_errors;
    uint8_t *keep; /* filter: the node or a descendant matches */
} builder;

static bool flag(const uint8_t *flags, uint32_t i)
{
    return flags != NULL && flags[i] != 0;
}

static ly_row *add_row(builder *b, ly_row_kind kind, uint32_t node, uint32_t parent)
{
    ly_rows *rows = b->rows;
    if (!ly_grow(&rows->items, &rows->cap, rows->n + 1, UINT32_MAX - 1, sizeof *rows->items)) {
        return NULL;
    }
    uint32_t at = (uint32_t)rows->n++;
    ly_row *r = &rows->items[at];
    *r = (ly_row){.node = node, .parent = parent, .kind = (uint8_t)kind, .last = true, .count = 1};
    r->depth = parent == LY_NO_ROW ? 0 : rows->items[parent].depth + 1;
    return r;
}

/* Plumbing without steps below, which the steps lens folds. A root always has a row. */
static bool is_hidden(const builder *b, uint32_t i)
{
    return !b->opts->all && b->sums->nodes[i].steps == 0 &&
           ly_type_plumbing(b->sums->trace->nodes[i].canon.type) &&
           parent_of(b->sums->trace, i) != LY_NO_NODE;
}

static bool alloc_scratch(builder *b, ly_arena *scratch)
{
    size_t n = b->sums->trace->n ? b->sums->trace->n : 1;
    b->row_of = LY_ARENA_ARRAY(scratch, uint32_t, n);
    b->plumbing = LY_ARENA_ARRAY(scratch, uint32_t, n);
    b->plumbing_errors = LY_ARENA_ARRAY(scratch, uint32_t, n);
    b->keep = LY_ARENA_ARRAY(scratch, uint8_t, n);
    return b->row_of && b->plumbing && b->plumbing_errors && b->keep;
}

/* Which nodes the filter leaves: matches and their ancestors. */
static void mark_kept(builder *b)
{
    const ly_trace *trace = b->sums->trace;
    if (b->opts->match == NULL) {
        memset(b->keep, 1, trace->n);
        return;
    }
    for (size_t k = trace->n; k-- > 0;) {
        b->keep[k] |= b->opts->match[k];
        uint32_t p = parent_of(trace, (uint32_t)k);
        if (b->keep[k] && p != LY_NO_NODE) {
            b->keep[p] = 1;
        }
    }
}

/* Hidden plumbing counted at its parent. */
static void count_plumbing(builder *b)
{
    const ly_trace *trace = b->sums->trace;
    if (b->opts->all || b->opts->match != NULL) {
        return;
    }
    for (uint32_t i = 0; i < trace->n; i++) {
        uint32_t p = parent_of(trace, i);
        if (p == LY_NO_NODE || !is_hidden(b, i) || is_hidden(b, p)) {
            continue;
        }
        b->plumbing[p] += b->sums->nodes[i].size;
        b->plumbing_errors[p] += b->sums->nodes[i].errors;
    }
}

static bool shows_plumbing(const builder *b, uint32_t parent)
{
    return b->opts->match != NULL || flag(b->opts->open, parent);
}

static ly_status add_missing(builder *b, uint32_t group, uint32_t *ret_row, ly_err *err)
{
    const ly_missing *m = &b->sums->missing[group];
    ly_row *r = add_row(b, LY_ROW_MISSING, m->first, LY_NO_ROW);
    if (r == NULL) {
        return LY_NOMEM(err);
    }
    r->count = m->n;
    r->has_kids = true;
    *ret_row = (uint32_t)(b->rows->n - 1);
    return LY_OK;
}

/* The subtree of one root, in tree order. */
static ly_status add_subtree(builder *b, uint32_t root, uint32_t parent_row, ly_err *err)
{
    const ly_trace *trace = b->sums->trace;
    uint32_t end = root + b->sums->nodes[root].size;
    uint32_t i = root;
    uint32_t group_left = 0; /* members of a closed group still to skip */
    uint32_t group_parent = LY_NO_NODE;
    while (i < end && i < trace->n) {
        const ly_node_sum *s = &b->sums->nodes[i];
        uint32_t p = i == root ? LY_NO_NODE : parent_of(trace, i);
        if (p == LY_NO_NODE && i != root) {
            break; /* not the order that the store promises: stop rather than guess */
        }
        uint32_t up = i == root ? parent_row : b->row_of[p];
        if (!b->keep[i] ||
            (p != LY_NO_NODE && is_hidden(b, i) && !is_hidden(b, p) && !shows_plumbing(b, p))) {
            i += s->size;
            continue;
        }
        if (group_left > 0 && p == group_parent && !ly_type_plumbing(trace->nodes[i].canon.type)) {
            group_left--;
            i += s->size;
            continue;
        }
        bool grouped =
            !b->opts->all && b->opts->match == NULL && s->repeat > 0 && !flag(b->opts->open, i);
        ly_row *r = add_row(b, grouped ? LY_ROW_GROUP : LY_ROW_SPAN, i, up);
        if (r == NULL) {
            return LY_NOMEM(err);
        }
        b->row_of[i] = (uint32_t)(b->rows->n - 1);
        r->context = b->opts->match != NULL && !b->opts->match[i];
        if (grouped) {
            r->count = s->repeat;
            r->has_kids = true;
            r->folded = true;
            group_left = s->repeat - 1;
            group_parent = p;
            i += s->size;
            continue;
        }
        bool has_kids = s->size > 1;
        r->has_kids = has_kids;
        r->folded = has_kids && flag(b->opts->folded, i);
        i += r->folded ? s->size : 1;
    }
    return LY_OK;
}

/* The lines "N infra spans folded" go below the children that are shown, so they are merged in a last
 * pass: rows are copied into place from the end. */
static ly_status merge_folded(builder *b, ly_arena *scratch, ly_err *err)
{
    ly_rows *rows = b->rows;
    size_t n = rows->n, extra = 0;
    uint32_t *end_of = LY_ARENA_ARRAY(scratch, uint32_t, n ? n : 1); /* last row of the subtree */
    if (end_of == NULL) {
        return LY_NOMEM(err);
    }
    for (size_t k = n; k-- > 0;) {
        const ly_row *r = &rows->items[k];
        if (end_of[k] < k) {
            end_of[k] = (uint32_t)k;
        }
        if (r->parent != LY_NO_ROW && end_of[r->parent] < end_of[k]) {
            end_of[r->parent] = end_of[k];
        }
        bool line = r->kind == LY_ROW_SPAN && !r->folded && b->plumbing[r->node] > 0 &&
                    !shows_plumbing(b, r->node);
        extra += line;
    }
    if (extra == 0) {
        return LY_OK;
    }
    /* Lines to add after row k, the deepest owner first. An owner's end is at or after its own place,
     * so walking owners downwards meets deeper ones first; a list per end row keeps that order. */
    uint32_t *head = LY_ARENA_ARRAY(scratch, uint32_t, n);
    uint32_t *next = LY_ARENA_ARRAY(scratch, uint32_t, n);
    uint32_t *moved = LY_ARENA_ARRAY(scratch, uint32_t, n);
    ly_row *old = LY_ARENA_ARRAY(scratch, ly_row, n);
    if (!head || !next || !moved || !old) {
        return LY_NOMEM(err);
    }
    memcpy(old, rows->items, n * sizeof *old);
    memset(head, 0xFF, n * sizeof *head);
    for (size_t k = 0; k < n; k++) {
        const ly_row *r = &old[k];
        if (r->kind == LY_ROW_SPAN && !r->folded && b->plumbing[r->node] > 0 &&
            !shows_plumbing(b, r->node)) {
            next[k] = head[end_of[k]];
            head[end_of[k]] = (uint32_t)k;
        }
    }
    if (!ly_grow(&rows->items, &rows->cap, n + extra, UINT32_MAX - 1, sizeof *rows->items)) {
        return LY_NOMEM(err);
    }
    size_t at = 0;
    for (size_t k = 0; k < n; k++) {
        moved[k] = (uint32_t)at;
        rows->items[at] = old[k];
        if (old[k].parent != LY_NO_ROW) {
            rows->items[at].parent = moved[old[k].parent];
        }
        at++;
        for (uint32_t owner = head[k]; owner != LY_NO_ROW; owner = next[owner]) {
            rows->items[at++] = (ly_row){.node = old[owner].node,
                                         .parent = moved[owner],
                                         .depth = old[owner].depth + 1,
                                         .count = b->plumbing[old[owner].node],
                                         .errors = b->plumbing_errors[old[owner].node],
                                         .kind = LY_ROW_FOLDED,
                                         .last = true,
                                         .has_kids = true,
                                         .folded = true};
        }
    }
    rows->n = at;
    return LY_OK;
}

/* `last` of each row: a later row with the same parent takes it away. */
static ly_status mark_last(builder *b, ly_arena *scratch, ly_err *err)
{
    ly_rows *rows = b->rows;
    uint32_t *latest = LY_ARENA_ARRAY(scratch, uint32_t, rows->n + 1);
    if (latest == NULL) {
        return LY_NOMEM(err);
    }
    memset(latest, 0xFF, (rows->n + 1) * sizeof *latest);
    for (uint32_t k = 0; k < rows->n; k++) {
        ly_row *r = &rows->items[k];
        uint32_t slot = r->parent == LY_NO_ROW ? (uint32_t)rows->n : r->parent;
        if (latest[slot] != LY_NO_ROW) {
            rows->items[latest[slot]].last = false;
        }
        latest[slot] = k;
    }
    return LY_OK;
}

ly_status ly_rows_build(const ly_sums *sums, const ly_rows_opts *opts, ly_arena *scratch,
                        ly_rows *rows, ly_err *err)
{
    const ly_trace *trace = sums->trace;
    builder b = {.sums = sums, .opts = opts, .rows = rows};
    rows->n = 0;
    rows->n_hidden = 0;
    if (!alloc_scratch(&b, scratch)) {
        return LY_NOMEM(err);
    }
    memset(b.row_of, 0xFF, trace->n * sizeof *b.row_of);
    mark_kept(&b);
    count_plumbing(&b);
    ly_status st = LY_OK;
    /* Real roots first, then what waits for a parent, group by group. */
    for (uint32_t i = 0; i < trace->n && st == LY_OK; i += sums->nodes[i].size) {
        if (sums->nodes[i].missing == 0) {
            st = add_subtree(&b, i, LY_NO_ROW, err);
        }
    }
    if (sums->n_missing > 0 && st == LY_OK) {
        /* next orphan root of the same group, so that groups are walked in one pass each */
        uint32_t *next = LY_ARENA_ARRAY(scratch, uint32_t, trace->n);
        uint32_t *tail = LY_ARENA_ARRAY(scratch, uint32_t, sums->n_missing);
        if (next == NULL || tail == NULL) {
            return LY_NOMEM(err);
        }
        memset(next, 0xFF, trace->n * sizeof *next);
        memset(tail, 0xFF, sums->n_missing * sizeof *tail);
        for (uint32_t i = 0; i < trace->n; i += sums->nodes[i].size) {
            uint32_t group = sums->nodes[i].missing;
            if (group > 0) {
                if (tail[group - 1] != LY_NO_NODE) {
                    next[tail[group - 1]] = i;
                }
                tail[group - 1] = i;
            }
        }
        for (uint32_t g = 0; g < sums->n_missing && st == LY_OK; g++) {
            bool any = false;
            for (uint32_t i = sums->missing[g].first; i != LY_NO_NODE && !any; i = next[i]) {
                any = b.keep[i] != 0;
            }
            uint32_t row = LY_NO_ROW;
            if (any) {
                st = add_missing(&b, g, &row, err);
            }
            for (uint32_t i = sums->missing[g].first; any && i != LY_NO_NODE && st == LY_OK;
                 i = next[i]) {
                st = add_subtree(&b, i, row, err);
            }
        }
    }
    if (st == LY_OK) {
        st = merge_folded(&b, scratch, err);
    }
    if (st == LY_OK) {
        st = mark_last(&b, scratch, err);
    }
    size_t shown = 0;
    for (size_t k = 0; k < rows->n; k++) {
        shown += rows->items[k].kind == LY_ROW_SPAN || rows->items[k].kind == LY_ROW_GROUP;
    }
    rows->n_hidden = (uint32_t)(trace->n - (shown < trace->n ? shown : trace->n));
    return st;
}

void ly_rows_release(ly_rows *rows)
{
    if (rows != NULL) {
        ly_free(rows->items);
        *rows = (ly_rows){0};
    }
}
