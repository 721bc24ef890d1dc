/* One key, operator and value, read already, made into a node (or two for a range). */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/times.h"
#include "base/fold.h"
#include "filter/internal.h"

node_ref ly_parser_fail(parser *p, size_t at, const char *expected, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->error->what, sizeof p->error->what, fmt, args);
    va_end(args);
    (void)snprintf(p->error->expected, sizeof p->error->expected, "%s", expected);
    p->error->at = p->fixed ? p->fixed_at : at;
    return NULL;
}

node_ref ly_parser_nomem(parser *p)
{
    p->nomem = true;
    return NULL;
}

ly_filter_node *ly_parser_node(parser *p, ly_filter_kind kind, size_t at)
{
    ly_filter_node *n = LY_ARENA_NEW(&p->filter->arena, ly_filter_node);
    if (n == NULL) {
        p->nomem = true;
        return NULL;
    }
    n->kind = kind;
    n->at = p->fixed ? p->fixed_at : at;
    n->len = p->fixed ? p->fixed_len : p->pos - at;
    return n;
}

bool ly_parser_copy(parser *p, ly_str s, ly_str *ret)
{
    *ret = ly_arena_copy(&p->filter->arena, s);
    if (ret->ptr == NULL) {
        p->nomem = true;
        return false;
    }
    return true;
}

/* Lower-cases a copy in the arena. */
static bool copy_lower(parser *p, ly_str s, ly_str *ret)
{
    if (!ly_parser_copy(p, s, ret)) {
        return false;
    }
    char *bytes = (char *)ret->ptr;
    for (size_t i = 0; i < ret->len; i++) {
        if (bytes[i] >= 'A' && bytes[i] <= 'Z') {
            bytes[i] = (char)(bytes[i] + 32);
        }
    }
    return true;
}

ly_filter_node *ly_parser_leaf(parser *p, size_t at, ly_filter_field field, ly_filter_op op)
{
    ly_filter_node *n = ly_parser_node(p, LY_FILTER_TERM, at);
    if (n != NULL) {
        n->field = field;
        n->op = op;
        p->filter->used |= 1ULL << field;
    }
    return n;
}

static node_ref name_term(parser *p, size_t at, ly_filter_field field, ly_filter_op op,
                          parser_value v)
{
    size_t n_names;
    const filter_name *names = ly_filter_names(field, &n_names);
    for (size_t i = 0; i < n_names; i++) {
        if (ly_str_eq_nocase(v.text, ly_str_c(names[i].said))) {
            ly_filter_node *n = ly_parser_leaf(p, at, field, op);
            if (n != NULL) {
                n->text = ly_str_c(names[i].stored);
            }
            return n;
        }
    }
    ly_buf list;
    char expected[sizeof p->error->expected];
    ly_buf_init(&list, sizeof expected);
    for (size_t i = 0; i < n_names; i++) {
        if (strcmp(names[i].said, names[i].stored) == 0) {
            ly_buf_fmt(&list, "%s%s", i ? " " : "", names[i].said);
        }
    }
    (void)ly_str_copy(ly_buf_view(&list), expected, sizeof expected);
    ly_buf_release(&list);
    return ly_parser_fail(p, v.at, expected, "no %s \"%.*s\"", ly_filter_field_name(field),
                          (int)(v.text.len > 40 ? 40 : v.text.len), v.text.ptr);
}

node_ref ly_parser_number(parser *p, size_t at, ly_filter_field field, ly_filter_op op,
                          parser_value v)
{
    int64_t number;
    ly_filter_value class = ly_filter_field_value(field);
    if (!ly_filter_number(class, v.text, p->now_ns, &number)) {
        return ly_parser_fail(p, v.at, ly_filter_value_hint(field), "\"%.*s\" is no value for %s",
                              (int)(v.text.len > 40 ? 40 : v.text.len), v.text.ptr,
                              ly_filter_field_name(field));
    }
    if (field == LY_FLD_AGE) {
        /* Older means an earlier start: turn the comparison round and forget the age. */
        static const ly_filter_op turned[] = {
            [LY_FOP_EQ] = LY_FOP_EQ, [LY_FOP_NE] = LY_FOP_NE, [LY_FOP_LT] = LY_FOP_GT,
            [LY_FOP_LE] = LY_FOP_GE, [LY_FOP_GT] = LY_FOP_LT, [LY_FOP_GE] = LY_FOP_LE};
        number = p->now_ns < INT64_MIN + number ? INT64_MIN + 1 : p->now_ns - number;
        op = op <= LY_FOP_GE ? turned[op] : op;
        field = LY_FLD_TIME;
    }
    ly_filter_node *n = ly_parser_leaf(p, at, field, op);
    if (n != NULL) {
        n->number = number;
    }
    return n;
}

static node_ref pair(parser *p, size_t at, ly_filter_kind kind, node_ref a, node_ref b)
{
    ly_filter_node *n = ly_parser_node(p, kind, at);
    node_ref *kids = LY_ARENA_ARRAY(&p->filter->arena, node_ref, 2);
    if (n == NULL || kids == NULL) {
        return ly_parser_nomem(p);
    }
    kids[0] = a;
    kids[1] = b;
    n->kids = kids;
    n->n_kids = 2;
    return n;
}

static node_ref number_leaf(parser *p, size_t at, ly_filter_field field, ly_filter_op op,
                            int64_t number)
{
    ly_filter_node *n = ly_parser_leaf(p, at, field, op);
    if (n != NULL) {
        n->number = number;
    }
    return n;
}

/* A..B, or of a time words that mean a stretch of it: a day, a month. NULL without an error set = neither. */
static node_ref range_term(parser *p, size_t at, ly_filter_field field, parser_value v,
                           bool *ret_is_range)
{
    size_t dots = ly_str_find(v.text, LY_S(".."), 0);
    parser_value lo = v, hi = v;
    ly_time_range range;
    *ret_is_range = true;
    if (dots == SIZE_MAX) {
        if (field != LY_FLD_TIME || !ly_time_words(v.text, p->now_ns, 0, &range) ||
            range.to_ns == INT64_MAX) {
            *ret_is_range = false;
            return NULL;
        }
        node_ref from = number_leaf(p, at, field, LY_FOP_GE, range.from_ns);
        node_ref to = number_leaf(p, at, field, LY_FOP_LT, range.to_ns);
        return from == NULL || to == NULL ? NULL : pair(p, at, LY_FILTER_AND, from, to);
    }
    lo.text = ly_str_sub(v.text, 0, dots);
    hi.text = ly_str_sub(v.text, dots + 2, v.text.len);
    hi.at = v.at + dots + 2;
    if (lo.text.len == 0 && hi.text.len == 0) {
        return ly_parser_fail(p, v.at, ly_filter_value_hint(field), "the range has no end");
    }
    node_ref a = lo.text.len ? ly_parser_number(p, at, field, LY_FOP_GE, lo) : NULL;
    if (lo.text.len && a == NULL) {
        return NULL;
    }
    /* The day, month or year at the end of a range of times is part of it. */
    bool whole = field == LY_FLD_TIME && ly_time_words(hi.text, p->now_ns, 0, &range) &&
                 range.to_ns != INT64_MAX;
    node_ref b = hi.text.len == 0 ? NULL
                 : whole          ? number_leaf(p, at, field, LY_FOP_LT, range.to_ns)
                                  : ly_parser_number(p, at, field, LY_FOP_LT, hi);
    if (hi.text.len && b == NULL) {
        return NULL;
    }
    return a == NULL ? b : b == NULL ? a : pair(p, at, LY_FILTER_AND, a, b);
}

static bool split_prompt(parser *p, ly_filter_node *n, ly_str text)
{
    size_t sign = ly_str_find_char(text, '@', 0);
    ly_str version = sign == SIZE_MAX ? LY_S("") : ly_str_sub(text, sign + 1, text.len);
    if (version.len > 1 && version.ptr[0] == 'v' && version.ptr[1] >= '0' &&
        version.ptr[1] <= '9') {
        version = ly_str_sub(version, 1, version.len);
    }
    if (sign != SIZE_MAX && n->op == LY_FOP_EQ) {
        text = ly_str_sub(text, 0, sign);
    } else {
        version = LY_S("");
    }
    return ly_parser_copy(p, text, &n->text) && ly_parser_copy(p, version, &n->key);
}

static bool is_hex(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return s.len > 0;
}

static node_ref text_term(parser *p, size_t at, ly_filter_field field, ly_filter_op op,
                          parser_value v)
{
    ly_str text = v.text;
    ly_filter_value class = ly_filter_field_value(field);
    bool version = field == LY_FLD_PROMPT && ly_str_find_char(text, '@', 0) != SIZE_MAX;
    if (op == LY_FOP_NE && (class == LY_FVAL_ID || field == LY_FLD_TEXT || version)) {
        char instead[96];
        (void)snprintf(instead, sizeof instead, "!%s:%.*s", ly_filter_field_name(field),
                       (int)(text.len > 40 ? 40 : text.len), text.ptr);
        return ly_parser_fail(p, at, instead, "%s has no != here", ly_filter_field_name(field));
    }
    if (class == LY_FVAL_ID) {
        if (!is_hex(text)) {
            return ly_parser_fail(p, v.at, ly_filter_value_hint(field), "\"%.*s\" is no id",
                                  (int)(text.len > 40 ? 40 : text.len), text.ptr);
        }
        ly_filter_node *n = ly_parser_leaf(p, at, field, LY_FOP_PREFIX);
        return n != NULL && copy_lower(p, text, &n->text) ? n : NULL;
    }
    if (field == LY_FLD_WORD || field == LY_FLD_TEXT) {
        op = LY_FOP_CONTAINS;
    } else if (!v.quoted && op == LY_FOP_EQ && text.len > 1 && text.ptr[text.len - 1] == '*') {
        op = LY_FOP_PREFIX;
        text = ly_str_sub(text, 0, text.len - 1);
    }
    ly_filter_node *n = ly_parser_leaf(p, at, field, op);
    if (n == NULL) {
        return NULL;
    }
    n->fold = field == LY_FLD_PROVIDER ||
              ((field == LY_FLD_WORD || field == LY_FLD_TEXT) && !ly_fold_capital(text));
    if (field == LY_FLD_PROMPT) {
        return split_prompt(p, n, text) ? n : NULL;
    }
    return ly_parser_copy(p, text, &n->text) ? n : NULL;
}

static node_ref named_term(parser *p, size_t at, ly_filter_field field, ly_str key, ly_filter_op op,
                           parser_value v)
{
    bool number = op >= LY_FOP_LT && op <= LY_FOP_GE;
    double real = 0;
    bool is_number = !v.quoted && ly_str_to_double(v.text, &real);
    if (number && !is_number) {
        return ly_parser_fail(p, v.at, "a number", "\"%.*s\" cannot be compared",
                              (int)(v.text.len > 40 ? 40 : v.text.len), v.text.ptr);
    }
    ly_str text = v.text;
    if (!v.quoted && op == LY_FOP_EQ && text.len > 1 && text.ptr[text.len - 1] == '*') {
        op = LY_FOP_PREFIX;
        text = ly_str_sub(text, 0, text.len - 1);
    }
    ly_filter_node *n = ly_parser_leaf(p, at, field, op);
    if (n == NULL || !ly_parser_copy(p, text, &n->text) || !ly_parser_copy(p, key, &n->key)) {
        return NULL;
    }
    n->is_number = is_number;
    n->real = real;
    return n;
}

/* One key with its operator and value, read already. */
node_ref ly_parser_term(parser *p, size_t at, ly_filter_field field, ly_str key, ly_filter_op op,
                        parser_value v)
{
    ly_filter_value class = ly_filter_field_value(field);
    if (v.text.len == 0 && !v.quoted) {
        return ly_parser_fail(p, v.at, ly_filter_value_hint(field), "%s has no value",
                              ly_filter_field_name(field));
    }
    if (!v.quoted && op == LY_FOP_EQ && ly_str_eqc(v.text, "*") && class != LY_FVAL_NAME) {
        ly_filter_node *n =
            ly_parser_leaf(p, at, field == LY_FLD_AGE ? LY_FLD_TIME : field, LY_FOP_EXISTS);
        return n != NULL && ly_parser_copy(p, key, &n->key) ? n : NULL;
    }
    bool compares = op >= LY_FOP_LT && op <= LY_FOP_GE;
    switch (class) {
    case LY_FVAL_NAME:
    case LY_FVAL_TEXT:
    case LY_FVAL_ID:
        if (compares) {
            return ly_parser_fail(p, at, ": or = or !=", "%s has no order",
                                  ly_filter_field_name(field));
        }
        return class == LY_FVAL_NAME ? name_term(p, at, field, op, v)
                                     : text_term(p, at, field, op, v);
    case LY_FVAL_DURATION:
    case LY_FVAL_COUNT:
    case LY_FVAL_MONEY:
    case LY_FVAL_TIME:
        if (op == LY_FOP_EQ && field != LY_FLD_AGE) {
            bool is_range;
            node_ref n = range_term(p, at, field, v, &is_range);
            if (is_range) {
                return n;
            }
        }
        return ly_parser_number(p, at, field, op, v);
    case LY_FVAL_SCORE:
    case LY_FVAL_ATTR:
        return named_term(p, at, field, key, op, v);
    case LY_FVAL_REGEX:
        break;
    }
    return ly_parser_fail(p, at, "", "%s cannot stand here", ly_filter_field_name(field));
}

node_ref ly_parser_word(parser *p, size_t at, parser_value v)
{
    return text_term(p, at, LY_FLD_WORD, LY_FOP_CONTAINS, v);
}
