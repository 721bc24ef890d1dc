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
#include "store/search.h"
#include "store/text.h"

#include "base/mem.h"

/* One table row of a text field: its columns in the span. */
#define MAX_COLUMNS 7

typedef struct walk {
    ly_db *db;
    ly_buf *sql;   /* writing, or */
    ly_stmt *stmt; /* binding */
    int next;      /* number of the next parameter */
    int alias;     /* number of the span alias in force */
    int aliases;   /* aliases given so far */
    bool span_mode;
    int in_root; /* inside root: only one span is asked, so "!" is plain */
    ly_status st;
    ly_err *err;
} walk;

static void node_sql(walk *w, const ly_filter_node *n);

static void text(walk *w, const char *fragment)
{
    if (w->sql != NULL) {
        ly_buf_c(w->sql, fragment);
    }
}

/* "s3.column" */
static void column(walk *w, const char *name)
{
    if (w->sql != NULL) {
        ly_buf_fmt(w->sql, "s%d.%s", w->alias, name);
    }
}

static void param(walk *w)
{
    if (w->sql != NULL) {
        ly_buf_fmt(w->sql, "?%d", w->next);
    }
}

static void int_param(walk *w, int64_t v)
{
    param(w);
    if (w->stmt != NULL) {
        ly_bind_int(w->stmt, w->next, v);
    }
    w->next++;
}

static void real_param(walk *w, double v)
{
    param(w);
    if (w->stmt != NULL) {
        ly_bind_real(w->stmt, w->next, v);
    }
    w->next++;
}

static void text_param(walk *w, ly_str v)
{
    param(w);
    if (w->stmt != NULL) {
        ly_bind_text(w->stmt, w->next, v);
    }
    w->next++;
}

static void blob_param(walk *w, const void *bytes, size_t n)
{
    param(w);
    if (w->stmt != NULL &&
        sqlite3_bind_blob64(w->stmt, w->next, bytes, n, SQLITE_TRANSIENT) != SQLITE_OK) {
        w->st = LY_NOMEM(w->err);
    }
    w->next++;
}

/* The id of a word, 0 (which no column holds) when it is not there. */
static void word_param(walk *w, ly_str word)
{
    int64_t id = 0;
    if (w->stmt != NULL && w->st == LY_OK) {
        w->st = ly_word_get(w->db, word, &id, w->err);
    }
    int_param(w, id);
}

/* The set of words that satisfy a term. */
static void set_param(walk *w, const ly_filter_node *n)
{
    param(w);
    if (w->stmt != NULL && w->st == LY_OK) {
        w->st = ly_search_bind_set(w->db, w->stmt, w->next, n, w->err);
    }
    w->next++;
}

static void node_param(walk *w, const ly_filter_node *n)
{
    param(w);
    if (w->stmt != NULL && sqlite3_bind_pointer(w->stmt, w->next, (void *)(uintptr_t)n,
                                                LY_SEARCH_NODE, NULL) != SQLITE_OK) {
        w->st = LY_NOMEM(w->err);
    }
    w->next++;
}

/* ly_text_may(hits, trace): which traces may hold the words, by the full-text index. */
static void text_may_sql(walk *w, const ly_filter_node *n)
{
    text(w, "ly_text_may(");
    param(w);
    if (w->stmt != NULL && w->st == LY_OK && ly_text_usable(n)) {
        ly_text_hits *hits = NULL;
        w->st = ly_text_find(ly_db_store(w->db), n, &hits, w->err);
        /* SQLite gives the reference back in every case. */
        if (w->st == LY_OK && sqlite3_bind_pointer(w->stmt, w->next, hits, LY_SEARCH_TEXT,
                                                   ly_text_hits_free) != SQLITE_OK) {
            w->st = LY_NOMEM(w->err);
        }
    }
    w->next++;
    text(w, ", t.no)");
}

static const char *comparison(ly_filter_op op)
{
    switch (op) {
    case LY_FOP_NE:
        return " <> ";
    case LY_FOP_LT:
        return " < ";
    case LY_FOP_LE:
        return " <= ";
    case LY_FOP_GT:
        return " > ";
    case LY_FOP_GE:
        return " >= ";
    default:
        return " = ";
    }
}

/* ---- terms ----------------------------------------------------------------------------------- */

/* A text field over columns that hold word ids; any of them may satisfy it. */
static void words_sql(walk *w, const ly_filter_node *n, const char *const *columns,
                      size_t n_columns)
{
    bool simple = (n->op == LY_FOP_EQ && !n->fold) || n->op == LY_FOP_NE;
    if (n->op == LY_FOP_EXISTS || simple) {
        text(w, "(");
        for (size_t i = 0; i < n_columns; i++) {
            text(w, i ? " OR " : "");
            column(w, columns[i]);
            if (n->op == LY_FOP_EXISTS) {
                text(w, " IS NOT NULL");
            } else {
                text(w, n->op == LY_FOP_NE ? " <> " : " = ");
                word_param(w, n->text);
            }
        }
        text(w, ")");
        return;
    }
    text(w, "ly_has(");
    set_param(w, n);
    for (size_t i = 0; i < n_columns; i++) {
        text(w, ", ");
        column(w, columns[i]);
    }
    text(w, ")");
}

static void number_sql(walk *w, const ly_filter_node *n)
{
    if (n->op == LY_FOP_EXISTS) {
        text(w, " IS NOT NULL");
    } else {
        text(w, comparison(n->op));
        int_param(w, n->number);
    }
}

/* Sum of the buckets that are known, NULL when none is; of the trace for its root span. */
static void tokens_sql(walk *w)
{
    static const char *const buckets[] = {"in_fresh",    "cache_read",    "cache_write",
                                          "out_visible", "out_reasoning", "unattributed"};
    for (int side = 0; side < 2; side++) {
        text(w, side == 0 ? "(CASE WHEN " : " ELSE ");
        if (side == 0) {
            column(w, "parent_id");
            text(w, " IS NULL THEN ");
        }
        text(w, "CASE WHEN coalesce(");
        for (size_t i = 0; i < LY_COUNT(buckets); i++) {
            text(w, i ? ", " : "");
            if (side == 0) {
                text(w, "t.");
                text(w, buckets[i]);
            } else {
                column(w, buckets[i]);
            }
        }
        text(w, ") IS NULL THEN NULL ELSE ");
        for (size_t i = 0; i < LY_COUNT(buckets); i++) {
            text(w, i ? " + coalesce(" : "coalesce(");
            if (side == 0) {
                text(w, "t.");
                text(w, buckets[i]);
            } else {
                column(w, buckets[i]);
            }
            text(w, ", 0)");
        }
        text(w, " END");
    }
    text(w, " END)");
}

static void status_sql(walk *w, const ly_filter_node *n)
{
    text(w, n->op == LY_FOP_NE ? "NOT (" : "(");
    if (ly_str_eqc(n->text, "error")) {
        column(w, "flags");
        text(w, " & 1");
    } else if (ly_str_eqc(n->text, "pending")) {
        column(w, "flags");
        text(w, " & 2");
    } else {
        column(w, "flags");
        text(w, " & 3 = 0 AND ");
        column(w, "status");
        text(w, ly_str_eqc(n->text, "ok") ? " = 1" : " <> 1");
    }
    text(w, ")");
}

/* First and last id that begin with the hexadecimal digits. */
static void id_range(ly_str hex, uint8_t *lo, uint8_t *hi, size_t n)
{
    memset(lo, 0, n);
    memset(hi, 0xFF, n);
    for (size_t i = 0; i < hex.len && i < 2 * n; i++) {
        char c = hex.ptr[i];
        unsigned v = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
        unsigned shift = i % 2 ? 0 : 4;
        lo[i / 2] = (uint8_t)(lo[i / 2] | v << shift);
        hi[i / 2] = (uint8_t)((hi[i / 2] & (shift ? 0x0F : 0xF0)) | v << shift);
    }
}

static void id_sql(walk *w, ly_str hex, bool of_trace)
{
    uint8_t lo[16], hi[16];
    size_t n = of_trace ? 16 : 8;
    if (hex.len > 2 * n) {
        text(w, "0");
        return;
    }
    id_range(hex, lo, hi, n);
    if (of_trace) {
        text(w, "t.trace_id");
    } else {
        column(w, "span_id");
    }
    text(w, " BETWEEN ");
    blob_param(w, lo, n);
    text(w, " AND ");
    blob_param(w, hi, n);
}

static bool all_hex(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = (char)(s.ptr[i] | 32);
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return s.len > 0;
}

static void word_sql(walk *w, const ly_filter_node *n)
{
    static const char *const columns[] = {"name",          "service", "response_model",
                                          "request_model", "tool",    "agent"};
    text(w, "(");
    words_sql(w, n, columns, LY_COUNT(columns));
    text(w, n->fold ? " OR instr(lower(coalesce(" : " OR instr(coalesce(");
    column(w, "error_message");
    text(w, n->fold ? ", '')), " : ", ''), ");
    text_param(w, n->text);
    text(w, ") > 0");
    /* An id is compared as it is shown: in lower case. */
    if (all_hex(n->text) && n->fold) {
        text(w, " OR ");
        id_sql(w, n->text, true);
        text(w, " OR ");
        id_sql(w, n->text, false);
    }
    text(w, ")");
}

static void prompt_sql(walk *w, const ly_filter_node *n)
{
    static const char *const columns[] = {"prompt_name"};
    words_sql(w, n, columns, 1);
    if (n->key.len > 0) {
        char with_v[64];
        (void)snprintf(with_v, sizeof with_v, "v%.*s", (int)(n->key.len > 60 ? 60 : n->key.len),
                       n->key.ptr);
        text(w, " AND ");
        column(w, "prompt_version");
        text(w, " IN (");
        word_param(w, n->key);
        text(w, ", ");
        word_param(w, ly_str_c(with_v));
        text(w, ")");
    }
}

static void tag_sql(walk *w, const ly_filter_node *n)
{
    text(w, "EXISTS (SELECT 1 FROM tag AS g WHERE g.trace = t.no");
    if (n->op == LY_FOP_EQ) {
        text(w, " AND g.word = ");
        word_param(w, n->text);
    } else if (n->op == LY_FOP_NE) {
        text(w, " AND g.word <> ");
        word_param(w, n->text);
    } else if (n->op != LY_FOP_EXISTS) {
        text(w, " AND ly_has(");
        set_param(w, n);
        text(w, ", g.word)");
    }
    text(w, ")");
}

static void score_sql(walk *w, const ly_filter_node *n)
{
    text(w,
         "EXISTS (SELECT 1 FROM score AS c WHERE c.trace_id = t.trace_id AND c.retracted_ns IS NULL"
         " AND c.name = ");
    text_param(w, n->key);
    if (n->op == LY_FOP_EXISTS) {
        text(w, " AND (c.value IS NOT NULL OR c.label IS NOT NULL)");
    } else if (n->op == LY_FOP_PREFIX) {
        text(w, " AND substr(c.label, 1, length(");
        text_param(w, n->text);
        text(w, ")) = ");
        text_param(w, n->text);
    } else if (n->is_number) {
        text(w, " AND c.value");
        text(w, comparison(n->op));
        real_param(w, n->real);
    } else {
        text(w, " AND c.label");
        text(w, comparison(n->op));
        text_param(w, n->text);
    }
    text(w, ")");
}

/* Counts of the trace: from its summary, or counted while the summary is old. */
static void counted_sql(walk *w, const char *summary, const char *counted, const ly_filter_node *n)
{
    text(w, "(CASE WHEN EXISTS (SELECT 1 FROM dirty WHERE dirty.trace = t.no) THEN (SELECT ");
    text(w, counted);
    text(w, " FROM span AS x WHERE x.id >= t.no << 24 AND x.id < (t.no + 1) << 24) ELSE ");
    text(w, summary);
    text(w, " END)");
    number_sql(w, n);
}

static void one_column(walk *w, const ly_filter_node *n, const char *name)
{
    words_sql(w, n, &name, 1);
}

/* A function of search_span.c over the span in force. */
static void function_sql(walk *w, const char *name, const ly_filter_node *n)
{
    text(w, name);
    text(w, "(");
    node_param(w, n);
    text(w, ", t.trace_id, ");
    column(w, "span_id");
    text(w, ")");
}

static void origin_sql(walk *w, const ly_filter_node *n)
{
    ly_origin origin;
    if (!ly_origin_parse(n->text, &origin)) {
        text(w, "1"); /* any */
        return;
    }
    text(w, "t.origin");
    text(w, comparison(n->op));
    int_param(w, origin);
}

static void type_sql(walk *w, const ly_filter_node *n)
{
    ly_type type = LY_TYPE_OTHER;
    if (!ly_type_parse(n->text, &type)) {
        text(w, "0");
        return;
    }
    column(w, "type");
    text(w, comparison(n->op));
    int_param(w, type);
}

static void term_sql(walk *w, const ly_filter_node *n)
{
    static const char *const models[] = {"response_model", "request_model"};
    switch (n->field) {
    case LY_FLD_WORD:
        word_sql(w, n);
        return;
    case LY_FLD_TYPE:
        type_sql(w, n);
        return;
    case LY_FLD_STATUS:
        status_sql(w, n);
        return;
    case LY_FLD_ORIGIN:
        origin_sql(w, n);
        return;
    case LY_FLD_NAME:
    case LY_FLD_NAME_RE:
        one_column(w, n, "name");
        return;
    case LY_FLD_SERVICE:
        one_column(w, n, "service");
        return;
    case LY_FLD_PROVIDER:
        one_column(w, n, "provider");
        return;
    case LY_FLD_MODEL:
        words_sql(w, n, models, 2);
        return;
    case LY_FLD_TOOL:
        one_column(w, n, "tool");
        return;
    case LY_FLD_AGENT:
        one_column(w, n, "agent");
        return;
    case LY_FLD_SESSION:
        one_column(w, n, "session");
        return;
    case LY_FLD_USER:
        one_column(w, n, "user");
        return;
    case LY_FLD_ENV:
        one_column(w, n, "env");
        return;
    case LY_FLD_RELEASE:
        one_column(w, n, "release");
        return;
    case LY_FLD_DIALECT:
        one_column(w, n, "dialect");
        return;
    case LY_FLD_TAG:
        tag_sql(w, n);
        return;
    case LY_FLD_PROMPT:
        prompt_sql(w, n);
        return;
    case LY_FLD_TRACE:
        id_sql(w, n->text, true);
        return;
    case LY_FLD_SPAN:
        id_sql(w, n->text, false);
        return;
    case LY_FLD_DUR:
        column(w, "dur_ns");
        number_sql(w, n);
        return;
    case LY_FLD_TTFT:
        column(w, "ttft_ns");
        number_sql(w, n);
        return;
    case LY_FLD_SELF:
        function_sql(w, "ly_self", n);
        number_sql(w, n);
        return;
    case LY_FLD_TOKENS:
        tokens_sql(w);
        number_sql(w, n);
        return;
    case LY_FLD_COST:
        text(w, "(CASE WHEN ");
        column(w, "parent_id");
        text(w, " IS NULL THEN t.cost_pico ELSE coalesce(");
        column(w, "client_cost_pico");
        text(w, ", ");
        column(w, "table_cost_pico");
        text(w, ") END)");
        number_sql(w, n);
        return;
    case LY_FLD_ERR:
        counted_sql(w, "t.n_errors", "coalesce(sum(x.flags & 1), 0)", n);
        return;
    case LY_FLD_SPANS:
        counted_sql(w, "t.n_spans", "count(*)", n);
        return;
    case LY_FLD_LOOP:
        text(
            w,
            "(SELECT coalesce(max(y.c), 0) FROM (SELECT count(*) AS c FROM span AS x WHERE x.id >= "
            "t.no << 24 AND x.id < (t.no + 1) << 24 AND x.type = 5 GROUP BY x.parent_id, x.name)"
            " AS y)");
        number_sql(w, n);
        return;
    case LY_FLD_AGE:
    case LY_FLD_TIME:
        column(w, "start_ns");
        number_sql(w, n);
        return;
    case LY_FLD_SCORE:
        score_sql(w, n);
        return;
    case LY_FLD_ATTR:
        function_sql(w, "ly_attr_ok", n);
        return;
    case LY_FLD_TEXT:
        /* The index, then the bytes of the record: most spans are done with after that. */
        text_may_sql(w, n);
        text(w, " AND ly_bytes_ok(");
        node_param(w, n);
        text(w, ", t.trace_id, t.epoch, ");
        column(w, "id");
        text(w, ") AND ");
        function_sql(w, "ly_text_ok", n);
        return;
    case LY_FLD__COUNT:
        break;
    }
    text(w, "0");
}

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
    text(w, "(");
    if (n == 1) {
        node_sql(w, kids[0]);
    } else {
        list_sql(w, kids, n / 2, between);
        text(w, between);
        list_sql(w, kids + n / 2, n - n / 2, between);
    }
    text(w, ")");
}

static void not_sql(walk *w, const ly_filter_node *n)
{
    if (w->span_mode || w->in_root > 0) {
        text(w, "NOT coalesce(");
        node_sql(w, n->kids[0]);
        text(w, ", 0)");
        return;
    }
    text(w, "NOT ");
    int old = open_span(w);
    node_sql(w, n->kids[0]);
    text(w, ")");
    w->alias = old;
}

static void node_sql(walk *w, const ly_filter_node *n)
{
    switch (n->kind) {
    case LY_FILTER_ALL:
        text(w, "1");
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
        text(w, "(");
        column(w, "parent_id");
        text(w, " IS NULL AND ");
        node_sql(w, n->kids[0]);
        text(w, ")");
        w->in_root--;
        return;
    case LY_FILTER_TERM:
        text(w, "(");
        term_sql(w, n);
        text(w, ")");
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
        text(w, ")");
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
        text(w, " AND ");
    }
    int old = open_span(w);
    list_sql(w, kids + n_trace, n_span, " AND ");
    text(w, ")");
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
        text_may_sql(w, n);
        return;
    }
    text(w, "(");
    const char *between = "";
    for (size_t i = 0; i < n->n_kids; i++) {
        if (has_may(n->kids[i])) {
            text(w, between);
            may_sql(w, n->kids[i]);
            between = n->kind == LY_FILTER_OR ? " OR " : " AND ";
        }
    }
    text(w, ")");
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
    text(w, " AND t.no IN (SELECT value FROM json_each(");
    param(w);
    if (w->stmt != NULL) {
        ly_str list = ly_text_hits_few(hits);
        if (sqlite3_bind_text64(w->stmt, w->next, list.ptr, list.len, SQLITE_TRANSIENT,
                                SQLITE_UTF8) != SQLITE_OK) {
            w->st = LY_NOMEM(w->err);
        }
    }
    w->next++;
    text(w, "))");
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
        text(w, " AND ");
        may_sql(w, root);
    }
    text(w, " AND (");
    if (w->span_mode) {
        node_sql(w, root);
    } else {
        trace_sql(w, root);
    }
    text(w, ")");
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
