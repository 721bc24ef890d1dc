/*
 * A filter tree as SQL over trace AS t: static fragments with numbered parameters, never a value in
 * the text. One walk serves both calls: with `sql` it writes the text, with `stmt` it binds the
 * values, so that the numbers cannot get out of step.
 *
 *     list of traces:  t.x AND EXISTS (SELECT 1 FROM span AS s0 WHERE s0 in t AND (one span's terms))
 *     "!" in a list:   NOT EXISTS (SELECT 1 FROM span AS s1 WHERE s1 in t AND (...))
 *     list of spans:   (one span's terms), "!" = NOT (...)
 *
 * Words: a text column holds a word id, so an equality is one bound integer; substrings, prefixes and
 * regular expressions are asked of the word table once, when the statement is bound, and the columns
 * are then compared with that set (search_set.c). Attributes, messages and own time are functions over
 * one span (search_span.c).
 */
#include "store/search_walk.h"
#include "store/text.h"

#include "base/mem.h"

static void node_sql(walk *w, const ly_filter_node *n);

/* ---- the tree -------------------------------------------------------------------------------- */

/* A new span alias; the caller restores the old one. */
static int open_span(walk *w)
{
    int old = w->alias;
    w->alias = ++w->aliases;
    if (w->sql != NULL) {
        ly_buf_fmt(w->sql,
                   "EXISTS (SELECT 1 FROM span AS s%d WHERE s%d.id >= t.no << 24 AND s%d.id < "
                   "(t.no + 1) << 24 AND ",
                   w->alias, w->alias, w->alias);
    }
    return old;
}

/* A balanced tree of brackets: SQLite limits the depth of an expression, not its width. */
static void list_sql(walk *w, const ly_filter_node *const *kids, size_t n, const char *between)
{
    ly_walk_text(w, "(");
    if (n == 1) {
        node_sql(w, kids[0]);
    } else {
        list_sql(w, kids, n / 2, between);
        ly_walk_text(w, between);
        list_sql(w, kids + n / 2, n - n / 2, between);
    }
    ly_walk_text(w, ")");
}

static void not_sql(walk *w, const ly_filter_node *n)
{
    if (w->span_mode || w->in_root > 0) {
        ly_walk_text(w, "NOT coalesce(");
        node_sql(w, n->kids[0]);
        ly_walk_text(w, ", 0)");
        return;
    }
    ly_walk_text(w, "NOT ");
    int old = open_span(w);
    node_sql(w, n->kids[0]);
    ly_walk_text(w, ")");
    w->alias = old;
}

static void node_sql(walk *w, const ly_filter_node *n)
{
    switch (n->kind) {
    case LY_FILTER_ALL:
        ly_walk_text(w, "1");
        return;
    case LY_FILTER_AND:
        list_sql(w, n->kids, n->n_kids, " AND ");
        return;
    case LY_FILTER_OR:
        list_sql(w, n->kids, n->n_kids, " OR ");
        return;
    case LY_FILTER_NOT:
        not_sql(w, n);
        return;
    case LY_FILTER_ROOT:
        w->in_root++;
        ly_walk_text(w, "(");
        ly_walk_column(w, "parent_id");
        ly_walk_text(w, " IS NULL AND ");
        node_sql(w, n->kids[0]);
        ly_walk_text(w, ")");
        w->in_root--;
        return;
    case LY_FILTER_TERM:
        ly_walk_text(w, "(");
        ly_walk_term(w, n);
        ly_walk_text(w, ")");
        return;
    }
}

/* True when the answer does not depend on which span of the trace is asked. */
static bool of_trace(const ly_filter_node *n)
{
    switch (n->kind) {
    case LY_FILTER_ALL:
        return true;
    case LY_FILTER_ROOT:
        return false;
    case LY_FILTER_TERM:
        switch (n->field) {
        case LY_FLD_ORIGIN:
        case LY_FLD_TAG:
        case LY_FLD_TRACE:
        case LY_FLD_ERR:
        case LY_FLD_SPANS:
        case LY_FLD_LOOP:
        case LY_FLD_SCORE:
            return true;
        default:
            return false;
        }
    case LY_FILTER_NOT:
        return true; /* NOT EXISTS over all spans */
    case LY_FILTER_AND:
    case LY_FILTER_OR:
        for (size_t i = 0; i < n->n_kids; i++) {
            if (!of_trace(n->kids[i])) {
                return false;
            }
        }
        return true;
    }
    return false;
}

/* Terms of the trace stand outside of EXISTS, so that they are asked once and may use an index. */
static void trace_sql(walk *w, const ly_filter_node *n)
{
    if (of_trace(n)) {
        node_sql(w, n);
        return;
    }
    if (n->kind != LY_FILTER_AND) {
        int old = open_span(w);
        node_sql(w, n);
        ly_walk_text(w, ")");
        w->alias = old;
        return;
    }
    /* Terms of the trace first, those of a span from the end; both keep their order. */
    const ly_filter_node **kids = ly_calloc(n->n_kids, sizeof *kids);
    size_t n_trace = 0, n_span = 0;
    if (kids == NULL) {
        w->st = LY_NOMEM(w->err);
        return;
    }
    for (size_t i = 0; i < n->n_kids; i++) {
        n_trace += of_trace(n->kids[i]);
    }
    for (size_t i = 0, at = 0; i < n->n_kids; i++) {
        kids[of_trace(n->kids[i]) ? at++ : n_trace + n_span++] = n->kids[i];
    }
    if (n_trace > 0) {
        list_sql(w, kids, n_trace, " AND ");
        ly_walk_text(w, " AND ");
    }
    int old = open_span(w);
    list_sql(w, kids + n_trace, n_span, " AND ");
    ly_walk_text(w, ")");
    w->alias = old;
    ly_free(kids);
}

/* True when the index tells something about which traces can match. */
static bool has_may(const ly_filter_node *n)
{
    switch (n->kind) {
    case LY_FILTER_TERM:
        return n->field == LY_FLD_TEXT && ly_text_usable(n);
    case LY_FILTER_ROOT:
        return has_may(n->kids[0]);
    case LY_FILTER_AND:
        for (size_t i = 0; i < n->n_kids; i++) {
            if (has_may(n->kids[i])) {
                return true;
            }
        }
        return false;
    case LY_FILTER_OR:
        for (size_t i = 0; i < n->n_kids; i++) {
            if (!has_may(n->kids[i])) {
                return false;
            }
        }
        return n->n_kids > 0;
    default:
        return false;
    }
}

/* The same as a condition on `t` alone, so that SQLite asks it before it looks at any span. */
static void may_sql(walk *w, const ly_filter_node *n)
{
    if (n->kind == LY_FILTER_TERM) {
        ly_walk_may(w, n);
        return;
    }
    ly_walk_text(w, "(");
    const char *between = "";
    for (size_t i = 0; i < n->n_kids; i++) {
        if (has_may(n->kids[i])) {
            ly_walk_text(w, between);
            may_sql(w, n->kids[i]);
            between = n->kind == LY_FILTER_OR ? " OR " : " AND ";
        }
    }
    ly_walk_text(w, ")");
}

/* The term that few traces can match, where all of the filter depends on it. */
static const ly_filter_node *few_term(walk *w, const ly_filter_node *n, ly_text_hits **ret_hits)
{
    if (n->kind == LY_FILTER_AND) {
        const ly_filter_node *found = NULL;
        for (size_t i = 0; i < n->n_kids && found == NULL; i++) {
            found = few_term(w, n->kids[i], ret_hits);
        }
        return found;
    }
    if (n->kind != LY_FILTER_TERM || !has_may(n) || w->st != LY_OK) {
        return NULL;
    }
    ly_text_hits *hits = NULL;
    w->st = ly_text_find(ly_db_store(w->db), n, &hits, w->err);
    if (w->st != LY_OK || ly_text_hits_few(hits).ptr == NULL) {
        ly_text_hits_free(hits);
        return NULL;
    }
    *ret_hits = hits;
    return n;
}

/* Few traces: they are looked up instead of asking all of the table. Text and binding are made in one
 * snapshot, so both come to the same. */
static void few_sql(walk *w, const ly_filter_node *root)
{
    ly_text_hits *hits = NULL;
    if (few_term(w, root, &hits) == NULL) {
        return;
    }
    ly_walk_text(w, " AND t.no IN (SELECT value FROM json_each(");
    ly_walk_param(w);
    if (w->stmt != NULL) {
        ly_str list = ly_text_hits_few(hits);
        if (sqlite3_bind_text64(w->stmt, w->next, list.ptr, list.len, SQLITE_TRANSIENT,
                                SQLITE_UTF8) != SQLITE_OK) {
            w->st = LY_NOMEM(w->err);
        }
    }
    w->next++;
    ly_walk_text(w, "))");
    ly_text_hits_free(hits);
}

static ly_status run(walk *w, const ly_filter *filter)
{
    const ly_filter_node *root = ly_filter_root(filter);
    w->st = ly_search_functions(w->db, w->err);
    if (w->st != LY_OK) {
        return w->st;
    }
    if (has_may(root)) {
        few_sql(w, root);
        ly_walk_text(w, " AND ");
        may_sql(w, root);
    }
    ly_walk_text(w, " AND (");
    if (w->span_mode) {
        node_sql(w, root);
    } else {
        trace_sql(w, root);
    }
    ly_walk_text(w, ")");
    if (w->next > 30000) {
        return LY_FAIL(w->err, LY_E_LIMIT, "the filter has too many terms for one query");
    }
    return w->st;
}

ly_status ly_search_where(ly_db *db, const ly_filter *filter, int first, ly_buf *sql, ly_err *err)
{
    walk w = {.db = db, .sql = sql, .next = first, .err = err};
    return run(&w, filter);
}

ly_status ly_search_bind(ly_db *db, const ly_filter *filter, int first, ly_stmt *stmt, ly_err *err)
{
    walk w = {.db = db, .stmt = stmt, .next = first, .err = err};
    return run(&w, filter);
}

ly_status ly_search_span_where(ly_db *db, const ly_filter *filter, int first, ly_buf *sql,
                               ly_err *err)
{
    walk w = {.db = db, .sql = sql, .next = first, .err = err, .span_mode = true};
    return run(&w, filter);
}

ly_status ly_search_span_bind(ly_db *db, const ly_filter *filter, int first, ly_stmt *stmt,
                              ly_err *err)
{
    walk w = {.db = db, .stmt = stmt, .next = first, .err = err, .span_mode = true};
    return run(&w, filter);
}
