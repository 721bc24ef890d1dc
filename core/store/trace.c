/*
 * Reading traces: pages of summaries, one trace with its tree, ids as a user types them.
 */
#include "store/internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- pages ---- */

/* With a filter, a page looks at so many traces at a time and stops after so long. */
#define CHUNK_TRACES   2000
#define FILTER_TIME_NS (500 * LY_NS_PER_MS)

typedef struct page {
    ly_store *store;
    const ly_trace_query *q;
    size_t limit;
    ly_arena *arena;
    ly_word_memo memo;
    ly_trace_row *rows; /* one of both is filled */
    ly_summary *sums;
    ly_store_key *keys; /* of rows; NULL = nobody asks */
    size_t n;
    ly_store_key key, stop; /* stop: the last key of the chunk that a filter looks at */
    ly_arena work;          /* for dirty traces */
} page;

static bool origin_given(const ly_trace_query *q)
{
    return q->any_origin || (q->filter && ly_filter_uses(q->filter, LY_FLD_ORIGIN));
}

/* ?1..?2 time, ?3 ?4 key, ?5 limit, ?6 ?7 stop key, ?8 the only trace, ?9... filter. */
static ly_status page_sql(page *p, ly_buf *sql, ly_err *err)
{
    const char *order = p->q->oldest_first ? "ASC" : "DESC";
    ly_buf_c(sql, "SELECT " LY_TRACE_COLUMNS
                  ", EXISTS (SELECT 1 FROM dirty WHERE trace = t.no) FROM trace AS t"
                  " WHERE t.start_ns >= ?1 AND t.start_ns < ?2");
    if (p->key.set)
        ly_buf_c(sql, p->q->oldest_first ? " AND (t.start_ns, t.no) > (?3, ?4)"
                                         : " AND (t.start_ns, t.no) < (?3, ?4)");
    if (p->stop.set)
        ly_buf_c(sql, p->q->oldest_first ? " AND (t.start_ns, t.no) <= (?6, ?7)"
                                         : " AND (t.start_ns, t.no) >= (?6, ?7)");
    if (!origin_given(p->q))
        ly_buf_c(sql, " AND t.origin = 0");
    if (p->q->only)
        ly_buf_c(sql, " AND t.trace_id = ?8");
    ly_status st = LY_OK;
    if (p->q->filter)
        st = ly_search_where(&p->store->db, p->q->filter, 9, sql, err);
    ly_buf_fmt(sql, " ORDER BY t.start_ns %s, t.no %s LIMIT ?5", order, order);
    return st ? st : ly_buf_status(sql, "query", err);
}

static ly_status page_bind(page *p, ly_stmt *s, ly_err *err)
{
    ly_bind_int(s, 1, p->q->since_ns);
    ly_bind_int(s, 2, p->q->until_ns);
    ly_bind_int(s, 3, p->key.a);
    ly_bind_int(s, 4, p->key.b);
    ly_bind_int(s, 5, (int64_t)(p->limit - p->n + 1));
    ly_bind_int(s, 6, p->stop.a);
    ly_bind_int(s, 7, p->stop.b);
    if (p->q->only)
        ly_bind_blob(s, 8, p->q->only->b, sizeof p->q->only->b);
    return p->q->filter ? ly_search_bind(&p->store->db, p->q->filter, 9, s, err) : LY_OK;
}

static ly_status page_add(page *p, ly_summary *sum, bool dirty, ly_err *err)
{
    ly_db *db = &p->store->db;
    ly_status st = LY_OK;
    if (p->sums) {
        p->sums[p->n++] = *sum;
        return LY_OK;
    }
    if (dirty) {
        ly_arena_reset(&p->work);
        ly_trace_nodes nodes;
        st = ly_trace_nodes_load(db, sum->no, &p->work, &nodes, err);
        if (!st)
            st = ly_summary_compute(db, &nodes, sum, err);
    }
    /* Made for logs that went over to the trace of their span (call_key.c): nothing is left of it. */
    if (!st && sum->n_spans == 0 && sum->n_logs == 0)
        return LY_OK;
    if (p->keys)
        p->keys[p->n] = p->key;
    return st ? st : ly_trace_row_of(db, sum, &p->memo, &p->rows[p->n++], err);
}

/* Takes rows up to the limit; *ret_more when one more was there. */
static ly_status page_fill(page *p, bool *ret_more, ly_err *err)
{
    ly_db *db = &p->store->db;
    ly_buf sql;
    ly_buf_init(&sql, LY_MIB(1));
    ly_stmt *s = NULL;
    ly_status st = page_sql(p, &sql, err);
    if (!st)
        st = ly_db_prep_text(db, ly_buf_view(&sql), &s, err);
    ly_buf_release(&sql);
    if (!st)
        st = page_bind(p, s, err);
    bool row = false;
    *ret_more = false;
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        if (p->n == p->limit) {
            *ret_more = true;
            break;
        }
        ly_summary sum;
        ly_summary_read(s, &sum);
        /* The key is where the row stood in the index, whatever the computed start says. */
        p->key = (ly_store_key){sum.start_ns, sum.no, true};
        st = page_add(p, &sum, ly_col_int(s, 37) != 0, err);
    }
    ly_db_drop(s);
    return st;
}

/* The key CHUNK_TRACES further on; unset when fewer remain. */
static ly_status chunk_end(page *p, ly_err *err)
{
    ly_db *db = &p->store->db;
    ly_stmt *s = NULL;
    bool old = p->q->oldest_first;
    ly_store_key from = p->key;
    if (!from.set)
        from = old ? (ly_store_key){INT64_MIN, INT64_MIN, true}
                   : (ly_store_key){INT64_MAX, INT64_MAX, true};
    ly_status st =
        ly_db_prep(db,
                   old ? "SELECT start_ns, no FROM trace WHERE start_ns >= ?1 AND start_ns < ?2"
                         " AND (start_ns, no) > (?3, ?4) ORDER BY start_ns, no LIMIT 1 OFFSET ?5"
                       : "SELECT start_ns, no FROM trace WHERE start_ns >= ?1 AND start_ns < ?2"
                         " AND (start_ns, no) < (?3, ?4)"
                         " ORDER BY start_ns DESC, no DESC LIMIT 1 OFFSET ?5",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, p->q->since_ns);
    ly_bind_int(s, 2, p->q->until_ns);
    ly_bind_int(s, 3, from.a);
    ly_bind_int(s, 4, from.b);
    ly_bind_int(s, 5, CHUNK_TRACES - 1);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    p->stop =
        !st && row ? (ly_store_key){ly_col_int(s, 0), ly_col_int(s, 1), true} : (ly_store_key){0};
    ly_db_reset(s);
    return st;
}

static ly_status page_run(page *p, bool *ret_more, ly_err *err)
{
    if (!p->q->filter)
        return page_fill(p, ret_more, err);
    int64_t until = ly_mono_ns() + (p->q->budget_ns > 0 ? p->q->budget_ns : FILTER_TIME_NS);
    for (;;) {
        ly_status st = chunk_end(p, err);
        if (!st)
            st = page_fill(p, ret_more, err);
        if (st || *ret_more || !p->stop.set)
            return st;
        p->key = p->stop;
        if (p->n == p->limit || ly_mono_ns() > until) {
            *ret_more = true;
            return LY_OK;
        }
    }
}

/* ---- traces from the future ---- */

/* A trace that begins later than now was sent by a clock that is wrong: in a list it stands where it arrived,
 * or it would lead for as long as its clock is ahead. Past so many of them the order is by start alone. */
#define MAX_AHEAD 10000

static bool is_before(ly_store_key a, ly_store_key b)
{
    return a.a != b.a ? a.a < b.a : a.b < b.b;
}

typedef struct placed {
    ly_store_key key;
    ly_trace_row *row;
} placed;

static int newest_first(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return is_before(x->key, y->key) ? 1 : is_before(y->key, x->key) ? -1 : 0;
}

/* Those that match and lie below the key, by arrival; *ret_n = how many. */
static ly_status rows_ahead(const page *p, int64_t from_ns, int64_t n, placed **ret, size_t *ret_n,
                            ly_err *err)
{
    ly_trace_query q = *p->q;
    page f = {.store = p->store, .q = &q, .arena = p->arena, .memo = {.arena = p->arena}};
    q.since_ns = q.since_ns > from_ns ? q.since_ns : from_ns;
    q.after = (ly_store_key){0};
    f.limit = (size_t)n;
    f.rows = LY_ARENA_ARRAY(p->arena, ly_trace_row, f.limit + 1);
    f.keys = LY_ARENA_ARRAY(p->arena, ly_store_key, f.limit + 1);
    placed *all = LY_ARENA_ARRAY(p->arena, placed, f.limit + 1);
    if (!f.rows || !f.keys || !all)
        return LY_NOMEM(err);
    ly_arena_init(&f.work, LY_KIB(256), 0);
    bool more = true;
    ly_status st = LY_OK;
    while (!st && more && f.n < f.limit)
        st = page_run(&f, &more, err);
    ly_arena_release(&f.work);
    size_t kept = 0;
    for (size_t i = 0; !st && i < f.n; i++) {
        ly_store_key key = {f.rows[i].seen_ns, f.keys[i].b, true};
        if (!p->key.set || is_before(key, p->key))
            all[kept++] = (placed){key, &f.rows[i]};
    }
    if (kept)
        qsort(all, kept, sizeof *all, newest_first);
    *ret = all;
    *ret_n = kept;
    return st;
}

/* Puts them among the rows of the page. Where the page ended before the limit its key bounds what may stand on
 * it: what lies below comes with a later one. */
static ly_status merge_ahead(page *p, const placed *ahead, size_t n, bool *ret_more, ly_err *err)
{
    ly_trace_row *rows = LY_ARENA_ARRAY(p->arena, ly_trace_row, p->limit + 1);
    ly_store_key last = p->key;
    size_t out = 0, i = 0, k = 0;
    if (!rows)
        return LY_NOMEM(err);
    while (out < p->limit) {
        bool from_page = i < p->n && (k == n || is_before(ahead[k].key, p->keys[i]));
        if (!from_page && (k == n || (i == p->n && *ret_more && is_before(ahead[k].key, p->key))))
            break;
        last = from_page ? p->keys[i] : ahead[k].key;
        rows[out++] = from_page ? p->rows[i++] : *ahead[k++].row;
    }
    if (i < p->n || (out == p->limit && k < n) || !*ret_more)
        p->key = last;
    *ret_more = *ret_more || i < p->n || k < n;
    p->rows = rows;
    p->n = out;
    return LY_OK;
}

static ly_status page_newest(page *p, bool *ret_more, ly_err *err)
{
    int64_t from = ly_wall_ns() + LY_AHEAD_NS + 1, n = 0;
    ly_db *db = &p->store->db;
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(
        db, "SELECT count(*) FROM (SELECT 1 FROM trace WHERE start_ns >= ?1 LIMIT ?2)", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, from);
    ly_bind_int(s, 2, MAX_AHEAD + 1);
    st = ly_db_step(db, s, &row, err);
    n = !st && row ? ly_col_int(s, 0) : 0;
    ly_db_reset(s);
    if (st || n == 0 || n > MAX_AHEAD || p->q->only || p->q->until_ns <= from)
        return st ? st : page_run(p, ret_more, err);
    placed *ahead = NULL;
    size_t n_ahead = 0;
    ly_trace_query past = *p->q;
    past.until_ns = from;
    st = rows_ahead(p, from, n, &ahead, &n_ahead, err);
    p->q = &past;
    p->keys = LY_ARENA_ARRAY(p->arena, ly_store_key, p->limit + 1);
    if (!st && !p->keys)
        st = LY_NOMEM(err);
    if (!st)
        st = page_run(p, ret_more, err);
    return st ? st : merge_ahead(p, ahead, n_ahead, ret_more, err);
}

ly_status ly_store_trace_page(ly_store *store, const ly_trace_query *query, ly_arena *arena,
                              ly_trace_row **ret_rows, size_t *ret_n, ly_store_key *ret_key,
                              bool *ret_more, ly_err *err)
{
    page p = {
        .store = store, .q = query, .arena = arena, .memo = {.arena = arena}, .key = query->after};
    p.limit = query->limit ? query->limit : 100;
    p.rows = LY_ARENA_ARRAY(arena, ly_trace_row, p.limit + 1);
    if (!p.rows)
        return LY_NOMEM(err);
    ly_arena_init(&p.work, LY_KIB(256), 0);
    ly_status st = ly_db_read_begin(&store->db, err);
    bool more = false;
    if (!st) {
        st = query->oldest_first ? page_run(&p, &more, err) : page_newest(&p, &more, err);
        ly_db_read_end(&store->db);
    }
    ly_arena_release(&p.work);
    if (st)
        return st;
    *ret_rows = p.rows;
    *ret_n = p.n;
    if (ret_key)
        *ret_key = p.key;
    if (ret_more)
        *ret_more = more;
    return LY_OK;
}

ly_status ly_trace_scan(ly_store *store, const ly_trace_query *query, size_t limit,
                        ly_store_key *key, ly_summary *sums, size_t *ret_n, bool *ret_more,
                        ly_err *err)
{
    page p = {.store = store, .q = query, .limit = limit, .sums = sums, .key = *key};
    ly_status st = page_run(&p, ret_more, err);
    *ret_n = p.n;
    *key = p.key;
    return st;
}

/* ---- one trace ---- */

ly_status ly_store_trace_row(ly_store *store, ly_trace_id id, ly_arena *arena,
                             ly_trace_row *ret_row, ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    ly_summary sum;
    bool dirty = false;
    st = ly_summary_find(db, id, &sum, &dirty, err);
    if (!st && dirty) {
        ly_arena work;
        ly_arena_init(&work, LY_KIB(256), 0);
        ly_trace_nodes nodes;
        st = ly_trace_nodes_load(db, sum.no, &work, &nodes, err);
        if (!st)
            st = ly_summary_compute(db, &nodes, &sum, err);
        ly_arena_release(&work);
    }
    ly_word_memo memo = {.arena = arena};
    if (!st)
        st = ly_trace_row_of(db, &sum, &memo, ret_row, err);
    ly_db_read_end(db);
    return st;
}

/* An open-addressing table from span id to index. */
static uint32_t *index_spans(const ly_span_row *rows, size_t n, ly_arena *arena, size_t *ret_cap)
{
    size_t cap = 16;
    while (cap < n * 2)
        cap *= 2;
    uint32_t *table = LY_ARENA_ARRAY(arena, uint32_t, cap);
    for (size_t i = 0; table && i < n; i++) {
        size_t at = (size_t)ly_str_hash(ly_str_n(&rows[i].span_id, 8)) & (cap - 1);
        while (table[at])
            at = (at + 1) & (cap - 1);
        table[at] = (uint32_t)i + 1;
    }
    *ret_cap = cap;
    return table;
}

static uint32_t find_span(const uint32_t *table, size_t cap, const ly_span_row *rows, ly_span_id id)
{
    size_t at = (size_t)ly_str_hash(ly_str_n(&id, 8)) & (cap - 1);
    for (; table[at]; at = (at + 1) & (cap - 1))
        if (ly_span_id_eq(rows[table[at] - 1].span_id, id))
            return table[at] - 1;
    return LY_NO_NODE;
}

typedef struct sibling {
    uint32_t parent, index; /* parent LY_NO_NODE = root */
    int64_t start;
    ly_span_id id;
} sibling;

static int sibling_order(const void *a, const void *b)
{
    const sibling *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return memcmp(&x->id, &y->id, sizeof x->id);
}

/* Order of show: parents before children, siblings by start. Fills `order` (row index by place) and the
 * parent place of each. Without recursion: siblings are linked, then walked. */
static ly_status tree_order(const ly_trace_nodes *t, ly_arena *arena, uint32_t *order,
                            uint32_t *parent_of, ly_err *err)
{
    size_t n = t->n, cap = 0;
    sibling *sib = LY_ARENA_ARRAY(arena, sibling, n + 1);
    uint32_t *first = LY_ARENA_ARRAY(arena, uint32_t, n + 1);
    uint32_t *next = LY_ARENA_ARRAY(arena, uint32_t, n + 1);
    uint32_t *place = LY_ARENA_ARRAY(arena, uint32_t, n + 1);
    uint32_t *table = index_spans(t->rows, n, arena, &cap);
    if (!sib || !first || !next || !place || !table)
        return LY_NOMEM(err);
    for (size_t i = 0; i < n; i++) {
        first[i] = next[i] = LY_NO_NODE;
        uint32_t parent =
            t->marks[i].root ? LY_NO_NODE : find_span(table, cap, t->rows, t->rows[i].parent_id);
        sib[i] = (sibling){parent, (uint32_t)i, t->rows[i].start_ns, t->rows[i].span_id};
    }
    qsort(sib, n, sizeof *sib, sibling_order);
    uint32_t root = LY_NO_NODE;
    for (size_t i = n; i-- > 0;) {
        uint32_t *head = sib[i].parent == LY_NO_NODE ? &root : &first[sib[i].parent];
        next[sib[i].index] = *head;
        *head = sib[i].index;
    }
    size_t done = 0;
    uint32_t at = root;
    uint32_t *up = LY_ARENA_ARRAY(arena, uint32_t, n + 1); /* row index of the parent */
    if (!up)
        return LY_NOMEM(err);
    for (size_t i = 0; i < n; i++)
        up[sib[i].index] = sib[i].parent;
    while (at != LY_NO_NODE && done < n) {
        place[at] = (uint32_t)done;
        parent_of[done] = up[at] == LY_NO_NODE ? LY_NO_NODE : place[up[at]];
        order[done++] = at;
        if (first[at] != LY_NO_NODE) {
            at = first[at];
            continue;
        }
        while (at != LY_NO_NODE && next[at] == LY_NO_NODE)
            at = up[at];
        if (at != LY_NO_NODE)
            at = next[at];
    }
    return done == n ? LY_OK : LY_FAIL(err, LY_E_INTERNAL, "a trace's tree has a cycle");
}

/* Duration outside of the children: their intervals are walked in order of start. */
static void self_times(ly_node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ly_node *p = &nodes[i];
        if (p->end_ns == LY_UNKNOWN)
            continue;
        int64_t covered = 0, until = p->start_ns;
        for (uint32_t c = p->first_child; c != LY_NO_NODE; c = nodes[c].next_sibling) {
            int64_t from = nodes[c].start_ns > until ? nodes[c].start_ns : until;
            int64_t to = nodes[c].end_ns == LY_UNKNOWN || nodes[c].end_ns > p->end_ns
                             ? p->end_ns
                             : nodes[c].end_ns;
            if (to > from) {
                covered = ly_wrap_add(covered, ly_wrap_sub(to, from));
                until = to;
            }
        }
        p->self_ns = ly_wrap_sub(ly_wrap_sub(p->end_ns, p->start_ns), covered);
    }
}

static ly_status build_nodes(ly_db *db, const ly_trace_nodes *t, ly_arena *arena, ly_arena *work,
                             ly_node **ret, ly_err *err)
{
    uint32_t *order = LY_ARENA_ARRAY(work, uint32_t, t->n + 1);
    uint32_t *parent = LY_ARENA_ARRAY(work, uint32_t, t->n + 1);
    uint32_t *place = LY_ARENA_ARRAY(work, uint32_t, t->n + 1);
    ly_node *nodes = LY_ARENA_ARRAY(arena, ly_node, t->n + 1);
    if (!order || !parent || !place || !nodes)
        return LY_NOMEM(err);
    ly_status st = tree_order(t, work, order, parent, err);
    ly_word_memo memo = {.arena = arena};
    for (size_t i = 0; !st && i < t->n; i++) {
        st = ly_node_of_row(db, &t->rows[order[i]], &memo, &nodes[i], err);
        if (!st)
            st = ly_db_watched(db, (t->n + i) / 2, err);
        nodes[i].mark = t->marks[order[i]];
        nodes[i].parent = parent[i];
        place[order[i]] = (uint32_t)i;
    }
    if (st)
        return st;
    /* Backwards, so that each child is put before its later siblings. */
    for (size_t i = t->n; i-- > 0;) {
        nodes[i].mark.same_as =
            place[nodes[i].mark.same_as < t->n ? nodes[i].mark.same_as : order[i]];
        if (parent[i] == LY_NO_NODE)
            continue;
        nodes[i].next_sibling = nodes[parent[i]].first_child;
        nodes[parent[i]].first_child = (uint32_t)i;
    }
    uint32_t last = LY_NO_NODE;
    for (size_t i = t->n; i-- > 0;)
        if (parent[i] == LY_NO_NODE) {
            nodes[i].next_sibling = last;
            last = (uint32_t)i;
        }
    self_times(nodes, t->n);
    *ret = nodes;
    return LY_OK;
}

static ly_status load_tags(ly_db *db, int64_t trace, ly_arena *arena, ly_trace *t, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT w.text FROM tag AS g JOIN word AS w ON w.id = g.word WHERE "
                              "g.trace = ?1 ORDER BY w.text",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, trace);
    enum { TAGS_MAX = 256 };
    t->tags = LY_ARENA_ARRAY(arena, ly_str, TAGS_MAX);
    bool row = false;
    if (!t->tags)
        st = LY_NOMEM(err);
    while (!st && t->n_tags < TAGS_MAX && !(st = ly_db_step(db, s, &row, err)) && row)
        t->tags[t->n_tags++] = ly_col_copy(s, 0, arena);
    ly_db_reset(s);
    return st;
}

static ly_status load(ly_store *store, ly_trace_id id, ly_arena *arena, ly_arena *work, ly_trace *t,
                      ly_err *err)
{
    ly_db *db = &store->db;
    ly_summary sum;
    bool dirty = false;
    ly_trace_nodes nodes;
    ly_status st = ly_summary_find(db, id, &sum, &dirty, err);
    if (!st)
        st = ly_trace_nodes_load(db, sum.no, work, &nodes, err);
    if (!st)
        st = ly_summary_compute(db, &nodes, &sum, err);
    if (st)
        return st;
    ly_word_memo memo = {.arena = arena};
    st = ly_trace_row_of(db, &sum, &memo, &t->row, err);
    if (!st)
        st = build_nodes(db, &nodes, arena, work, &t->nodes, err);
    t->n = nodes.n;
    t->sum = nodes.sum;
    for (size_t i = 0; !st && i < t->n; i++) {
        if (ly_span_id_eq(t->nodes[i].span_id, nodes.rows[nodes.sum.root].span_id))
            t->sum.root = (uint32_t)i;
        if (t->nodes[i].heard_ns > t->row.seen_ns) /* an older summary did not ask */
            t->row.seen_ns = t->nodes[i].heard_ns;
    }
    return st ? st : load_tags(db, sum.no, arena, t, err);
}

void ly_store_watch(ly_store *store, bool (*watch)(void *user, size_t done), void *user)
{
    store->db.watch = watch;
    store->db.watch_user = user;
}

ly_status ly_store_trace_load(ly_store *store, ly_trace_id id, ly_arena *arena,
                              ly_trace **ret_trace, ly_err *err)
{
    ly_trace *t = LY_ARENA_NEW(arena, ly_trace);
    if (!t)
        return LY_NOMEM(err);
    ly_arena work;
    ly_arena_init(&work, LY_KIB(256), 0);
    ly_status st = ly_db_read_begin(&store->db, err);
    if (!st) {
        st = load(store, id, arena, &work, t, err);
        ly_db_read_end(&store->db);
    }
    ly_arena_release(&work);
    if (!st)
        *ret_trace = t;
    return st;
}
