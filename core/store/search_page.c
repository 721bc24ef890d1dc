/* Spans by filter, one after another: for statistics and lists of spans. */
#include "store/search.h"

#include "base/clock.h"

#define CHUNK_TRACES 2000
#define FIRST_TRACES 32

typedef struct scan {
    ly_store *store;
    const ly_trace_query *q;
    ly_store_key from, to; /* traces after `from` up to `to`; to.set false = up to the end */
    ly_word_memo memo;
    ly_store_span_fn fn;
    void *user;
    bool newest;
    int64_t chunk;  /* traces of one statement; few at first where the newest are asked for */
    int64_t marked; /* the trace whose marks are loaded, 0 = none */
    ly_arena mark_arena;
    ly_trace_nodes nodes;
    const ly_tree_mark *mark; /* of the span now */
} scan;

/* The mark of a span: its trace is counted when the first of its spans comes. */
static ly_status mark_of(scan *c, int64_t id, ly_err *err)
{
    int64_t no = id >> LY_SLOT_BITS;
    if (no != c->marked) {
        c->marked = 0;
        ly_arena_reset(&c->mark_arena);
        ly_status st =
            ly_trace_nodes_load(ly_store_db(c->store), no, &c->mark_arena, &c->nodes, err);
        if (st != LY_OK) {
            return st;
        }
        c->marked = no;
    }
    size_t low = 0, high = c->nodes.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->nodes.rows[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    c->mark = low < c->nodes.n && c->nodes.rows[low].id == id ? &c->nodes.marks[low] : NULL;
    return LY_OK;
}

static ly_status give_marked(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    scan *c = user;
    ly_node marked = *node;
    if (c->mark != NULL) {
        marked.mark = *c->mark;
    }
    return c->fn(c->user, trace, &marked, err);
}

static ly_status chunk_end(scan *c, ly_err *err)
{
    ly_db *db = ly_store_db(c->store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(
        db,
        c->newest ? "SELECT start_ns, no FROM trace WHERE start_ns >= ?1 AND start_ns < ?2"
                    " AND (start_ns, no) < (?3, ?4)"
                    " ORDER BY start_ns DESC, no DESC LIMIT 1 OFFSET ?5"
                  : "SELECT start_ns, no FROM trace WHERE start_ns >= ?1 AND start_ns < ?2"
                    " AND (start_ns, no) > (?3, ?4)"
                    " ORDER BY start_ns, no LIMIT 1 OFFSET ?5",
        &s, err);
    if (st != LY_OK) {
        return st;
    }
    ly_bind_int(s, 1, c->q->since_ns);
    ly_bind_int(s, 2, c->q->until_ns);
    ly_bind_int(s, 3, c->from.a);
    ly_bind_int(s, 4, c->from.b);
    ly_bind_int(s, 5, c->chunk - 1);
    st = ly_db_step(db, s, &row, err);
    c->to = st == LY_OK && row ? (ly_store_key){ly_col_int(s, 0), ly_col_int(s, 1), true}
                               : (ly_store_key){c->newest ? INT64_MIN : INT64_MAX,
                                                c->newest ? INT64_MIN : INT64_MAX, false};
    ly_db_reset(s);
    return st;
}

ly_status ly_search_one_span(ly_store *store, ly_stmt *ids, ly_word_memo *memo, ly_store_span_fn fn,
                             void *user, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_trace_id trace;
    ly_span_row r;
    ly_node node;
    ly_str blob = ly_col_str(ids, 1);
    if (blob.len != sizeof trace.b) {
        return LY_FAIL(err, LY_E_CORRUPT, "%s: a trace id is damaged", ly_store_path(store));
    }
    memcpy(trace.b, blob.ptr, sizeof trace.b);
    ly_status st = ly_db_prep(db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id = ?1", &s, err);
    if (st != LY_OK) {
        return st;
    }
    ly_bind_int(s, 1, ly_col_int(ids, 0));
    st = ly_db_step(db, s, &row, err);
    if (st == LY_OK && row) {
        memset(&node, 0, sizeof node);
        ly_span_row_read(s, &r);
        st = ly_node_of_row(db, &r, memo, &node, err);
        if (st == LY_OK) {
            st = fn(user, trace, &node, err);
        }
    }
    ly_db_reset(s);
    return st;
}

static ly_status one_chunk(scan *c, ly_err *err)
{
    ly_db *db = ly_store_db(c->store);
    ly_buf sql;
    ly_stmt *s = NULL;
    bool row = false;
    bool any = c->q->any_origin || (c->q->filter && ly_filter_uses(c->q->filter, LY_FLD_ORIGIN));
    ly_buf_init(&sql, LY_MIB(1));
    ly_buf_c(&sql,
             "SELECT s0.id, t.trace_id FROM trace AS t CROSS JOIN span AS s0 ON s0.id >= t.no << 24"
             " AND s0.id < (t.no + 1) << 24 WHERE t.start_ns >= ?1 AND t.start_ns < ?2"
             " AND (t.start_ns, t.no) > (?3, ?4) AND (t.start_ns, t.no) <= (?5, ?6)");
    if (c->newest) {
        ly_buf_reset(&sql);
        ly_buf_c(&sql, "SELECT s0.id, t.trace_id FROM trace AS t CROSS JOIN span AS s0 ON"
                       " s0.id >= t.no << 24 AND s0.id < (t.no + 1) << 24"
                       " WHERE t.start_ns >= ?1 AND t.start_ns < ?2"
                       " AND (t.start_ns, t.no) < (?3, ?4) AND (t.start_ns, t.no) >= (?5, ?6)");
    }
    if (!any) {
        ly_buf_c(&sql, " AND t.origin = 0");
    }
    ly_status st = LY_OK;
    if (c->q->filter != NULL) {
        st = ly_search_span_where(db, c->q->filter, 7, &sql, err);
    }
    ly_buf_c(&sql, c->newest ? " ORDER BY t.start_ns DESC, t.no DESC, s0.start_ns DESC, s0.id"
                             : " ORDER BY t.start_ns, t.no, s0.id");
    if (st == LY_OK) {
        st = ly_buf_status(&sql, "the query", err);
    }
    if (st == LY_OK) {
        st = ly_db_prep_text(db, ly_buf_view(&sql), &s, err);
    }
    ly_buf_release(&sql);
    if (st == LY_OK) {
        ly_bind_int(s, 1, c->q->since_ns);
        ly_bind_int(s, 2, c->q->until_ns);
        ly_bind_int(s, 3, c->from.a);
        ly_bind_int(s, 4, c->from.b);
        ly_bind_int(s, 5, c->to.a);
        ly_bind_int(s, 6, c->to.b);
        if (c->q->filter != NULL) {
            st = ly_search_span_bind(db, c->q->filter, 7, s, err);
        }
    }
    while (st == LY_OK && (st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        if (!c->q->with_marks) {
            st = ly_search_one_span(c->store, s, &c->memo, c->fn, c->user, err);
        } else if ((st = mark_of(c, ly_col_int(s, 0), err)) == LY_OK) {
            st = ly_search_one_span(c->store, s, &c->memo, give_marked, c, err);
        }
    }
    ly_db_drop(s);
    return st;
}

static ly_status run(scan *c, ly_err *err)
{
    ly_db *db = ly_store_db(c->store);
    ly_arena arena;
    c->to.set = true;
    ly_status st = LY_OK;
    ly_arena_init(&arena, 0, 0);
    ly_arena_init(&c->mark_arena, 0, 0);
    c->memo.arena = &arena;
    while (st == LY_OK && c->to.set) {
        st = ly_db_read_begin(db, err);
        if (st != LY_OK) {
            break;
        }
        c->marked = 0; /* a new snapshot */
        st = chunk_end(c, err);
        if (st == LY_OK) {
            st = one_chunk(c, err);
        }
        ly_db_read_end(db);
        c->from = c->to;
        c->chunk = c->chunk * 4 < CHUNK_TRACES ? c->chunk * 4 : CHUNK_TRACES;
    }
    ly_arena_release(&arena);
    ly_arena_release(&c->mark_arena);
    return st;
}

ly_status ly_store_span_scan(ly_store *store, const ly_trace_query *query, ly_store_span_fn fn,
                             void *user, ly_err *err)
{
    scan c = {.store = store, .q = query, .fn = fn, .user = user, .chunk = CHUNK_TRACES};
    c.from = (ly_store_key){INT64_MIN, INT64_MIN, true};
    return run(&c, err);
}

/* ---- the newest ------------------------------------------------------------------------------ */

typedef struct newest {
    ly_store_span_fn fn;
    void *user;
    size_t left;
} newest;

static ly_status take(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    newest *n = user;
    if (n->left == 0) {
        return LY_E_CANCELLED;
    }
    n->left--;
    return n->fn(n->user, trace, node, err);
}

ly_status ly_store_span_newest(ly_store *store, const ly_trace_query *query, ly_store_span_fn fn,
                               void *user, bool *ret_more, ly_err *err)
{
    newest n = {fn, user, query->limit ? query->limit : 100};
    scan c = {
        .store = store, .q = query, .fn = take, .user = &n, .newest = true, .chunk = FIRST_TRACES};
    c.from = (ly_store_key){INT64_MAX, INT64_MAX, true};
    /* What is from the future comes last, so that it hides nothing of today. */
    int64_t ahead = ly_wall_ns() + LY_AHEAD_NS + 1;
    ly_trace_query part = *query;
    c.q = &part;
    part.until_ns = query->until_ns < ahead ? query->until_ns : ahead;
    ly_status st = run(&c, err);
    if (st == LY_OK && query->until_ns > ahead) {
        part.since_ns = query->since_ns > ahead ? query->since_ns : ahead;
        part.until_ns = query->until_ns;
        c.from = (ly_store_key){INT64_MAX, INT64_MAX, true};
        st = run(&c, err);
    }
    bool more = st == LY_E_CANCELLED && n.left == 0;
    if (more || st == LY_OK) {
        if (ret_more != NULL) {
            *ret_more = more;
        }
        st = LY_OK;
    }
    return st;
}
