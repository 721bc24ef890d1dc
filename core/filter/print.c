/* A tree as a filter's text again. */
#include "base/clock.h"
#include "filter/internal.h"

static const char *const ops[] = {
    [LY_FOP_EQ] = ":",     [LY_FOP_NE] = "!=",      [LY_FOP_LT] = "<",
    [LY_FOP_LE] = "<=",    [LY_FOP_GT] = ">",       [LY_FOP_GE] = ">=",
    [LY_FOP_PREFIX] = ":", [LY_FOP_CONTAINS] = ":", [LY_FOP_EXISTS] = ":*"};

static void quoted(ly_str s, ly_buf *out)
{
    ly_buf_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\') {
            ly_buf_char(out, '\\');
        }
        ly_buf_char(out, s.ptr[i]);
    }
    ly_buf_char(out, '"');
}

static void money(int64_t pico, ly_buf *out)
{
    uint64_t v = pico < 0 ? 0 - (uint64_t)pico : (uint64_t)pico;
    const uint64_t one = 1000000000000u;
    ly_buf_fmt(out, "%s%llu", pico < 0 ? "-" : "", (unsigned long long)(v / one));
    if (v % one) {
        ly_buf_fmt(out, ".%012llu", (unsigned long long)(v % one));
        while (out->len > 0 && out->ptr[out->len - 1] == '0') {
            ly_buf_cut(out, out->len - 1);
        }
    }
}

static void value(const ly_filter_node *n, ly_buf *out)
{
    switch (ly_filter_field_value(n->field)) {
    case LY_FVAL_DURATION:
        ly_buf_fmt(out, "%lldns", (long long)n->number);
        return;
    case LY_FVAL_COUNT:
        ly_buf_i64(out, n->number);
        return;
    case LY_FVAL_MONEY:
        money(n->number, out);
        return;
    case LY_FVAL_TIME:
        ly_time_format(n->number, 9, out);
        return;
    case LY_FVAL_NAME:
    case LY_FVAL_ID:
        ly_buf_str(out, n->text);
        return;
    default:
        break;
    }
    bool bare = n->op == LY_FOP_PREFIX || n->is_number;
    if (bare) {
        ly_buf_str(out, n->text);
        ly_buf_c(out, n->op == LY_FOP_PREFIX ? "*" : "");
    } else if (n->field == LY_FLD_PROMPT && n->key.len > 0) {
        ly_buf_char(out, '"');
        ly_buf_fmt(out, "%.*s@%.*s\"", LY_STR_ARG(n->text), LY_STR_ARG(n->key));
    } else {
        quoted(n->text, out);
    }
}

static void term(const ly_filter_node *n, ly_buf *out)
{
    if (n->field == LY_FLD_WORD || n->field == LY_FLD_NAME_RE) {
        ly_buf_c(out, n->field == LY_FLD_NAME_RE ? "~" : "");
        quoted(n->text, out);
        return;
    }
    ly_buf_c(out, ly_filter_field_name(n->field));
    if (n->field == LY_FLD_SCORE || n->field == LY_FLD_ATTR) {
        ly_buf_char(out, '.');
        quoted(n->key, out);
    }
    ly_buf_c(out, ops[n->op]);
    if (n->op != LY_FOP_EXISTS) {
        value(n, out);
    }
}

/* A word after "|" would take the key before it, and "|" binds closer than a space. */
static bool needs_brackets(const ly_filter_node *kid, ly_filter_kind in)
{
    if (kid->kind == LY_FILTER_AND) {
        return true;
    }
    if (kid->kind == LY_FILTER_OR) {
        return in != LY_FILTER_AND;
    }
    return in != LY_FILTER_AND && kid->kind == LY_FILTER_TERM && kid->field == LY_FLD_WORD;
}

/* The parser bounds the depth of the tree. */
static void node(const ly_filter_node *n, ly_buf *out)
{
    switch (n->kind) {
    case LY_FILTER_ALL:
        return;
    case LY_FILTER_TERM:
        term(n, out);
        return;
    default:
        break;
    }
    ly_buf_c(out, n->kind == LY_FILTER_NOT ? "!" : n->kind == LY_FILTER_ROOT ? "root:" : "");
    for (size_t i = 0; i < n->n_kids; i++) {
        bool brackets = needs_brackets(n->kids[i], n->kind);
        ly_buf_c(out, i == 0 ? "" : n->kind == LY_FILTER_OR ? " | " : " ");
        ly_buf_c(out, brackets ? "(" : "");
        node(n->kids[i], out);
        ly_buf_c(out, brackets ? ")" : "");
    }
}

void ly_filter_print(const ly_filter_node *root, ly_buf *out)
{
    node(root, out);
}
