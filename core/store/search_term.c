/* One term of a filter as SQL over the span in force and its trace `t`. */
#include "store/search_walk.h"

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

/* A text field over columns that hold word ids; any of them may satisfy it. */
static void words_sql(walk *w, const ly_filter_node *n, const char *const *columns,
                      size_t n_columns)
{
    bool simple = (n->op == LY_FOP_EQ || n->op == LY_FOP_NE) && !n->fold &&
                  ly_filter_field_value(n->field) != LY_FVAL_REGEX;
    if (n->op == LY_FOP_EXISTS || simple) {
        ly_walk_text(w, "(");
        for (size_t i = 0; i < n_columns; i++) {
            ly_walk_text(w, i ? " OR " : "");
            ly_walk_column(w, columns[i]);
            if (n->op == LY_FOP_EXISTS) {
                ly_walk_text(w, " IS NOT NULL");
            } else {
                ly_walk_text(w, n->op == LY_FOP_NE ? " <> " : " = ");
                ly_walk_word(w, n->text);
            }
        }
        ly_walk_text(w, ")");
        return;
    }
    ly_walk_text(w, "ly_has(");
    ly_walk_set(w, n);
    for (size_t i = 0; i < n_columns; i++) {
        ly_walk_text(w, ", ");
        ly_walk_column(w, columns[i]);
    }
    ly_walk_text(w, ")");
}

static void number_sql(walk *w, const ly_filter_node *n)
{
    if (n->op == LY_FOP_EXISTS) {
        ly_walk_text(w, " IS NOT NULL");
    } else {
        ly_walk_text(w, comparison(n->op));
        ly_walk_int(w, n->number);
    }
}

/* Sum of the buckets that are known, NULL when none is; of the trace for its root span. */
static void tokens_sql(walk *w)
{
    static const char *const buckets[] = {"in_fresh",    "cache_read",    "cache_write",
                                          "out_visible", "out_reasoning", "unattributed"};
    for (int side = 0; side < 2; side++) {
        ly_walk_text(w, side == 0 ? "(CASE WHEN " : " ELSE ");
        if (side == 0) {
            ly_walk_column(w, "parent_id");
            ly_walk_text(w, " IS NULL THEN ");
        }
        ly_walk_text(w, "CASE WHEN coalesce(");
        for (size_t i = 0; i < LY_COUNT(buckets); i++) {
            ly_walk_text(w, i ? ", " : "");
            if (side == 0) {
                ly_walk_text(w, "t.");
                ly_walk_text(w, buckets[i]);
            } else {
                ly_walk_column(w, buckets[i]);
            }
        }
        ly_walk_text(w, ") IS NULL THEN NULL ELSE ");
        for (size_t i = 0; i < LY_COUNT(buckets); i++) {
            ly_walk_text(w, i ? " + coalesce(" : "coalesce(");
            if (side == 0) {
                ly_walk_text(w, "t.");
                ly_walk_text(w, buckets[i]);
            } else {
                ly_walk_column(w, buckets[i]);
            }
            ly_walk_text(w, ", 0)");
        }
        ly_walk_text(w, " END");
    }
    ly_walk_text(w, " END)");
}

static void status_sql(walk *w, const ly_filter_node *n)
{
    ly_walk_text(w, n->op == LY_FOP_NE ? "NOT (" : "(");
    if (ly_str_eqc(n->text, "error")) {
        ly_walk_column(w, "flags");
        ly_walk_text(w, " & 1");
    } else if (ly_str_eqc(n->text, "pending") || ly_str_eqc(n->text, "lost")) {
        /* as ly_store_lost */
        ly_walk_column(w, "flags");
        ly_walk_text(w, " & 2 AND max(");
        ly_walk_column(w, "start_ns");
        ly_walk_text(w, ", coalesce((SELECT rc.heard_ns FROM resource AS rc WHERE rc.id = ");
        ly_walk_column(w, "resource");
        ly_walk_text(w, "), 0)) ");
        ly_walk_text(w, ly_str_eqc(n->text, "lost") ? "<" : ">=");
        ly_walk_text(w, " unixepoch() * 1000000000 - 30000000000");
    } else {
        ly_walk_column(w, "flags");
        ly_walk_text(w, " & 3 = 0 AND ");
        ly_walk_column(w, "status");
        ly_walk_text(w, ly_str_eqc(n->text, "ok") ? " = 1" : " <> 1");
    }
    ly_walk_text(w, ")");
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
        ly_walk_text(w, "0");
        return;
    }
    id_range(hex, lo, hi, n);
    if (of_trace) {
        ly_walk_text(w, "t.trace_id");
    } else {
        ly_walk_column(w, "span_id");
    }
    ly_walk_text(w, " BETWEEN ");
    ly_walk_blob(w, lo, n);
    ly_walk_text(w, " AND ");
    ly_walk_blob(w, hi, n);
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
    ly_walk_text(w, "(");
    words_sql(w, n, columns, LY_COUNT(columns));
    ly_walk_text(w, " OR ly_says(");
    ly_walk_node(w, n);
    ly_walk_text(w, ", ");
    ly_walk_column(w, "error_message");
    ly_walk_text(w, ")");
    /* An id is compared as it is shown: in lower case. */
    if (all_hex(n->text) && n->fold) {
        ly_walk_text(w, " OR ");
        id_sql(w, n->text, true);
        ly_walk_text(w, " OR ");
        id_sql(w, n->text, false);
    }
    ly_walk_text(w, ")");
}

static void prompt_sql(walk *w, const ly_filter_node *n)
{
    static const char *const columns[] = {"prompt_name"};
    words_sql(w, n, columns, 1);
    if (n->key.len > 0) {
        char with_v[64];
        (void)snprintf(with_v, sizeof with_v, "v%.*s", (int)(n->key.len > 60 ? 60 : n->key.len),
                       n->key.ptr);
        ly_walk_text(w, " AND ");
        ly_walk_column(w, "prompt_version");
        ly_walk_text(w, " IN (");
        ly_walk_word(w, n->key);
        ly_walk_text(w, ", ");
        ly_walk_word(w, ly_str_c(with_v));
        ly_walk_text(w, ")");
    }
}

static void tag_sql(walk *w, const ly_filter_node *n)
{
    ly_walk_text(w, "EXISTS (SELECT 1 FROM tag AS g WHERE g.trace = t.no");
    if (n->op == LY_FOP_EQ) {
        ly_walk_text(w, " AND g.word = ");
        ly_walk_word(w, n->text);
    } else if (n->op == LY_FOP_NE) {
        ly_walk_text(w, " AND g.word <> ");
        ly_walk_word(w, n->text);
    } else if (n->op != LY_FOP_EXISTS) {
        ly_walk_text(w, " AND ly_has(");
        ly_walk_set(w, n);
        ly_walk_text(w, ", g.word)");
    }
    ly_walk_text(w, ")");
}

static void score_sql(walk *w, const ly_filter_node *n)
{
    ly_walk_text(
        w,
        "EXISTS (SELECT 1 FROM score AS c WHERE c.trace_id = t.trace_id AND c.retracted_ns IS NULL"
        " AND c.name = ");
    ly_walk_str(w, n->key);
    if (n->op == LY_FOP_EXISTS) {
        ly_walk_text(w, " AND (c.value IS NOT NULL OR c.label IS NOT NULL)");
    } else if (n->op == LY_FOP_PREFIX) {
        ly_walk_text(w, " AND substr(c.label, 1, length(");
        ly_walk_str(w, n->text);
        ly_walk_text(w, ")) = ");
        ly_walk_str(w, n->text);
    } else if (n->is_number) {
        ly_walk_text(w, " AND c.value");
        ly_walk_text(w, comparison(n->op));
        ly_walk_real(w, n->real);
    } else {
        ly_walk_text(w, " AND c.label");
        ly_walk_text(w, comparison(n->op));
        ly_walk_str(w, n->text);
    }
    ly_walk_text(w, ")");
}

/* Counts of the trace: from its summary, or counted while the summary is old. */
static void counted_sql(walk *w, const char *summary, const char *counted, const ly_filter_node *n)
{
    ly_walk_text(w,
                 "(CASE WHEN EXISTS (SELECT 1 FROM dirty WHERE dirty.trace = t.no) THEN (SELECT ");
    ly_walk_text(w, counted);
    ly_walk_text(w, " FROM span AS x WHERE x.id >= t.no << 24 AND x.id < (t.no + 1) << 24) ELSE ");
    ly_walk_text(w, summary);
    ly_walk_text(w, " END)");
    number_sql(w, n);
}

static void one_column(walk *w, const ly_filter_node *n, const char *name)
{
    words_sql(w, n, &name, 1);
}

/* A function of search_span.c over the span in force. */
static void function_sql(walk *w, const char *name, const ly_filter_node *n)
{
    ly_walk_text(w, name);
    ly_walk_text(w, "(");
    ly_walk_node(w, n);
    ly_walk_text(w, ", t.trace_id, ");
    ly_walk_column(w, "span_id");
    ly_walk_text(w, ")");
}

static void origin_sql(walk *w, const ly_filter_node *n)
{
    ly_origin origin;
    if (!ly_origin_parse(n->text, &origin)) {
        ly_walk_text(w, "1"); /* any */
        return;
    }
    ly_walk_text(w, "t.origin");
    ly_walk_text(w, comparison(n->op));
    ly_walk_int(w, origin);
}

static void type_sql(walk *w, const ly_filter_node *n)
{
    ly_type type = LY_TYPE_OTHER;
    if (!ly_type_parse(n->text, &type)) {
        ly_walk_text(w, "0");
        return;
    }
    ly_walk_column(w, "type");
    ly_walk_text(w, comparison(n->op));
    ly_walk_int(w, type);
}

void ly_walk_term(walk *w, const ly_filter_node *n)
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
        ly_walk_column(w, "dur_ns");
        number_sql(w, n);
        return;
    case LY_FLD_TTFT:
        ly_walk_column(w, "ttft_ns");
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
        ly_walk_text(w, "(CASE WHEN ");
        ly_walk_column(w, "parent_id");
        ly_walk_text(w, " IS NULL THEN t.cost_pico ELSE coalesce(");
        ly_walk_column(w, "client_cost_pico");
        ly_walk_text(w, ", ");
        ly_walk_column(w, "table_cost_pico");
        ly_walk_text(w, ") END)");
        number_sql(w, n);
        return;
    case LY_FLD_ERR:
        counted_sql(w, "t.n_errors", "coalesce(sum(x.flags & 1), 0)", n);
        return;
    case LY_FLD_SPANS:
        counted_sql(w, "t.n_spans", "count(*)", n);
        return;
    case LY_FLD_LOOP:
        ly_walk_text(
            w,
            "(SELECT coalesce(max(y.c), 0) FROM (SELECT count(*) AS c FROM span AS x WHERE x.id >= "
            "t.no << 24 AND x.id < (t.no + 1) << 24 AND x.type = 5 GROUP BY x.parent_id, x.name)"
            " AS y)");
        number_sql(w, n);
        return;
    case LY_FLD_AGE:
    case LY_FLD_TIME:
        ly_walk_column(w, "start_ns");
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
        ly_walk_may(w, n);
        ly_walk_text(w, " AND ly_bytes_ok(");
        ly_walk_node(w, n);
        ly_walk_text(w, ", t.trace_id, t.epoch, ");
        ly_walk_column(w, "id");
        ly_walk_text(w, ") AND ");
        function_sql(w, "ly_text_ok", n);
        return;
    case LY_FLD__COUNT:
        break;
    }
    ly_walk_text(w, "0");
}
