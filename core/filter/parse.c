/*
 * Text -> tree, by recursive descent with a depth limit. Nodes and texts live in the filter's arena.
 * One parser struct walks one source; a saved filter is parsed by a second one that reports positions
 * of the filter:NAME term that named it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/term.h"
#include "filter/internal.h"
#include "text/regex.h"

/* Saved filters may name saved filters, this deep. */
#define MAX_EXPANSIONS 8
/* Terms of one AND or OR; far above what fits in LY_MAX_FILTER_BYTES of sensible text. */
#define MAX_KIDS 4096

static node_ref parse_all(parser *p);

static bool at_end(const parser *p)
{
    return p->pos >= p->src.len;
}

static char here(const parser *p)
{
    return p->pos < p->src.len ? p->src.ptr[p->pos] : '\0';
}

static char ahead(const parser *p, size_t n)
{
    return p->pos + n < p->src.len ? p->src.ptr[p->pos + n] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(parser *p)
{
    while (!at_end(p) && is_space(here(p))) {
        p->pos++;
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool read_quoted(parser *p, parser_value *ret)
{
    size_t open = p->pos++;
    char *bytes = ly_arena_alloc(&p->filter->arena, p->src.len - open + 1, 1);
    if (bytes == NULL) {
        p->nomem = true;
        return false;
    }
    size_t n = 0;
    while (!at_end(p) && here(p) != '"') {
        if (here(p) == '\\' && (ahead(p, 1) == '"' || ahead(p, 1) == '\\')) {
            p->pos++;
        }
        bytes[n++] = here(p);
        p->pos++;
    }
    if (at_end(p)) {
        (void)ly_parser_fail(p, open, "a second \"", "the quote is not closed");
        return false;
    }
    p->pos++;
    bytes[n] = '\0';
    ret->text = (ly_str){bytes, n};
    ret->quoted = true;
    ret->at = open;
    return true;
}

/* A bare value ends at a space, "|" or a ")" that it did not open. */
static void read_bare(parser *p, parser_value *ret)
{
    size_t from = p->pos;
    int open = 0;
    while (!at_end(p) && !is_space(here(p)) && here(p) != '|') {
        if (here(p) == '(') {
            open++;
        } else if (here(p) == ')' && open-- == 0) {
            break;
        }
        p->pos++;
    }
    ret->text = ly_str_sub(p->src, from, p->pos - from);
    ret->quoted = false;
    ret->at = from;
}

static bool read_value(parser *p, parser_value *ret)
{
    if (here(p) == '"') {
        return read_quoted(p, ret);
    }
    read_bare(p, ret);
    return true;
}

/* ---- terms ----------------------------------------------------------------------------------- */

/* Reads ":", "=", "!=", "<", "<=", ">" or ">=". */
static bool read_op(parser *p, ly_filter_op *ret_op)
{
    char c = here(p), d = ahead(p, 1);
    if (c == ':' || c == '=') {
        *ret_op = LY_FOP_EQ;
        p->pos++;
    } else if (c == '!' && d == '=') {
        *ret_op = LY_FOP_NE;
        p->pos += 2;
    } else if (c == '<') {
        *ret_op = d == '=' ? LY_FOP_LE : LY_FOP_LT;
        p->pos += d == '=' ? 2 : 1;
    } else if (c == '>') {
        *ret_op = d == '=' ? LY_FOP_GE : LY_FOP_GT;
        p->pos += d == '=' ? 2 : 1;
    } else {
        return false;
    }
    return true;
}

static bool key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Length of the word at the position when an operator follows it, else 0. */
static size_t key_length(const parser *p)
{
    size_t n = 0;
    if (!((here(p) >= 'a' && here(p) <= 'z') || (here(p) >= 'A' && here(p) <= 'Z'))) {
        return 0;
    }
    while (key_char(ahead(p, n))) {
        n++;
    }
    char c = ahead(p, n);
    ly_str word = ly_str_sub(p->src, p->pos, n);
    bool named = c == '.' && (ly_str_eqc(word, "attr") || ly_str_eqc(word, "score"));
    bool op = c == ':' || c == '=' || c == '<' || c == '>' || (c == '!' && ahead(p, n + 1) == '=');
    return named || op ? n : 0;
}

static node_ref no_such_key(parser *p, size_t at, ly_str word)
{
    const char *near = ly_filter_near(word);
    int shown = (int)(word.len > 30 ? 30 : word.len);
    if (near != NULL) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%s, or quotes to search for the text", near);
        return ly_parser_fail(p, at, expected, "no key \"%.*s\"", shown, word.ptr);
    }
    return ly_parser_fail(
        p, at,
        "type status model provider tool agent service session user env release tag prompt "
        "origin dur ttft tokens cost err age time score.NAME attr.KEY text, or quotes to "
        "search for the text",
        "no key \"%.*s\"", shown, word.ptr);
}

static node_ref expand(parser *p, size_t at, parser_value v)
{
    ly_str text = LY_STR_NONE;
    if (p->opts->lookup != NULL) {
        text = p->opts->lookup(p->opts->user, v.text);
    }
    if (!ly_str_given(text)) {
        return ly_parser_fail(p, v.at, "the name of a saved filter", "no saved filter \"%.*s\"",
                              (int)(v.text.len > 40 ? 40 : v.text.len), v.text.ptr);
    }
    if (p->expansion >= MAX_EXPANSIONS || text.len > LY_MAX_FILTER_BYTES) {
        return ly_parser_fail(p, at, "", "saved filters name each other too deeply");
    }
    parser inner = *p;
    inner.src = text;
    inner.pos = 0;
    inner.expansion++;
    inner.depth++;
    inner.has_carry = false;
    if (!p->fixed) {
        inner.fixed = true;
        inner.fixed_at = at;
        inner.fixed_len = p->pos - at;
    }
    node_ref n = parse_all(&inner);
    p->nomem = inner.nomem;
    return n;
}

static node_ref parse_alt(parser *p);

/* The word before the operator has been seen; everything from there on. */
static node_ref keyed(parser *p, size_t key_len)
{
    size_t at = p->pos;
    ly_str word = ly_str_sub(p->src, at, key_len);
    p->pos += key_len;
    ly_str key = LY_S("");
    ly_filter_field field;
    ly_filter_op op, forced = LY_FOP_EXISTS;
    parser_value v;
    bool is_time = ly_str_eqc(word, "since") || ly_str_eqc(word, "until");
    if (is_time) {
        forced = word.ptr[0] == 's' ? LY_FOP_GE : LY_FOP_LT;
        field = LY_FLD_TIME;
    } else if (ly_str_eqc(word, "root") && here(p) == ':') {
        p->pos++;
        if (at_end(p) || is_space(here(p))) {
            return ly_parser_fail(p, at, "root:type:agent, root:(...)",
                                  "root: is followed by no term");
        }
        p->has_carry = false;
        node_ref kid = parse_alt(p);
        node_ref *kids = LY_ARENA_ARRAY(&p->filter->arena, node_ref, 1);
        ly_filter_node *n = ly_parser_node(p, LY_FILTER_ROOT, at);
        if (kid == NULL || kids == NULL || n == NULL) {
            p->nomem |= kid != NULL;
            return NULL;
        }
        p->has_carry = false;
        kids[0] = kid;
        n->kids = kids;
        n->n_kids = 1;
        return n;
    } else if (ly_str_eqc(word, "filter") && here(p) == ':') {
        p->pos++;
        return read_value(p, &v) ? expand(p, at, v) : NULL;
    } else if (!ly_filter_field_find(word, &field)) {
        return no_such_key(p, at, word);
    }
    if (field == LY_FLD_SCORE || field == LY_FLD_ATTR) {
        if (here(p) != '.') {
            return ly_parser_fail(p, at, field == LY_FLD_SCORE ? "score.NAME" : "attr.KEY",
                                  "%.*s needs a name", (int)word.len, word.ptr);
        }
        p->pos++;
        size_t from = p->pos;
        if (here(p) == '"') {
            if (!read_quoted(p, &v)) {
                return NULL;
            }
            key = v.text;
        } else {
            while (!at_end(p) && !is_space(here(p)) && strchr(":=<>|()", here(p)) == NULL &&
                   !(here(p) == '!' && ahead(p, 1) == '=')) {
                p->pos++;
            }
            key = ly_str_sub(p->src, from, p->pos - from);
        }
        if (key.len == 0) {
            return ly_parser_fail(p, from, field == LY_FLD_SCORE ? "score.NAME" : "attr.KEY",
                                  "%.*s needs a name", (int)word.len, word.ptr);
        }
    }
    if (!read_op(p, &op)) {
        return ly_parser_fail(p, p->pos, ": = != < <= > >=", "%.*s has no value", (int)word.len,
                              word.ptr);
    }
    if (!read_value(p, &v)) {
        return NULL;
    }
    if (is_time) {
        return v.text.len ? ly_parser_number(p, at, field, forced, v)
                          : ly_parser_fail(p, v.at, ly_filter_value_hint(field),
                                           "%.*s has no value", (int)word.len, word.ptr);
    }
    if (op == LY_FOP_EQ) {
        p->has_carry = true;
        p->carry = field;
        p->carry_key = key;
    }
    return ly_parser_term(p, at, field, key, op, v);
}

static node_ref regex(parser *p)
{
    size_t at = p->pos++;
    parser_value v;
    if (!read_value(p, &v)) {
        return NULL;
    }
    if (v.text.len == 0) {
        return ly_parser_fail(p, at, "~pattern", "the regular expression is empty");
    }
    ly_regex *compiled = NULL;
    ly_err err = LY_ERR_INIT;
    if (ly_regex_new(v.text, 0, &compiled, &err) != LY_OK) {
        return ly_parser_fail(p, v.at, "a regular expression, as PCRE2 knows them", "%.150s",
                              err.text);
    }
    ly_regex_free(compiled);
    ly_filter_node *n = ly_parser_leaf(p, at, LY_FLD_NAME_RE, LY_FOP_EQ);
    return n != NULL && ly_parser_copy(p, v.text, &n->text) ? n : NULL;
}

static node_ref word(parser *p)
{
    size_t at = p->pos;
    parser_value v;
    if (!read_value(p, &v)) {
        return NULL;
    }
    if (v.text.len == 0) {
        return ly_parser_fail(p, at, "a word or a key", "an empty term");
    }
    if (p->has_carry) {
        return ly_parser_term(p, at, p->carry, p->carry_key, LY_FOP_EQ, v);
    }
    return ly_parser_word(p, at, v);
}

static node_ref parse_and(parser *p, bool inside);

static node_ref negation(parser *p)
{
    size_t at = p->pos++;
    if (at_end(p) || is_space(here(p))) {
        return ly_parser_fail(p, at, "!term", "\"!\" is followed by no term");
    }
    node_ref kid = parse_alt(p);
    p->has_carry = false;
    if (kid == NULL) {
        return NULL;
    }
    node_ref *kids = LY_ARENA_ARRAY(&p->filter->arena, node_ref, 1);
    ly_filter_node *n = ly_parser_node(p, LY_FILTER_NOT, at);
    if (kids == NULL || n == NULL) {
        return ly_parser_nomem(p);
    }
    kids[0] = kid;
    n->kids = kids;
    n->n_kids = 1;
    return n;
}

static node_ref group(parser *p)
{
    size_t open = p->pos++;
    p->has_carry = false;
    node_ref n = parse_and(p, true);
    if (n == NULL) {
        return NULL;
    }
    if (here(p) != ')') {
        return ly_parser_fail(p, open, ")", "the bracket is not closed");
    }
    p->pos++;
    p->has_carry = false;
    return n;
}

static node_ref parse_alt(parser *p)
{
    if (p->depth >= LY_MAX_FILTER_DEPTH) {
        return ly_parser_fail(p, p->pos, "", "nested more than %d deep", LY_MAX_FILTER_DEPTH);
    }
    p->depth++;
    node_ref n;
    size_t key_len = key_length(p);
    if (here(p) == '!') {
        n = negation(p);
    } else if (here(p) == '(') {
        n = group(p);
    } else if (here(p) == '~') {
        n = regex(p);
    } else if (key_len > 0) {
        n = keyed(p, key_len);
    } else {
        n = word(p);
    }
    p->depth--;
    return n;
}

/* A growing list of kids; small, so it is copied on growth and the old one stays in the arena. */
typedef struct kid_list {
    node_ref *items;
    size_t n, cap;
} kid_list;

static bool add_kid(parser *p, kid_list *list, node_ref kid)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 4;
        if (cap > MAX_KIDS) {
            (void)ly_parser_fail(p, p->pos, "", "more than %d terms", MAX_KIDS);
            return false;
        }
        node_ref *items = LY_ARENA_ARRAY(&p->filter->arena, node_ref, cap);
        if (items == NULL) {
            p->nomem = true;
            return false;
        }
        if (list->n > 0) {
            memcpy(items, list->items, list->n * sizeof *items);
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = kid;
    return true;
}

static node_ref finish(parser *p, ly_filter_kind kind, size_t at, const kid_list *list)
{
    if (list->n == 1) {
        return list->items[0];
    }
    ly_filter_node *n = ly_parser_node(p, list->n == 0 ? LY_FILTER_ALL : kind, at);
    if (n != NULL) {
        n->kids = list->items;
        n->n_kids = list->n;
    }
    return n;
}

static node_ref parse_or(parser *p)
{
    size_t at = p->pos;
    kid_list list = {0};
    p->has_carry = false;
    for (;;) {
        node_ref kid = parse_alt(p);
        if (kid == NULL || !add_kid(p, &list, kid)) {
            return NULL;
        }
        size_t save = p->pos;
        skip_space(p);
        if (here(p) != '|') {
            p->pos = save;
            return finish(p, LY_FILTER_OR, at, &list);
        }
        p->pos++;
        skip_space(p);
        if (at_end(p) || here(p) == ')' || here(p) == '|') {
            return ly_parser_fail(p, p->pos, "a term after \"|\"", "\"|\" is followed by no term");
        }
    }
}

static node_ref parse_and(parser *p, bool inside)
{
    size_t at = p->pos;
    kid_list list = {0};
    for (;;) {
        skip_space(p);
        if (at_end(p) || (inside && here(p) == ')')) {
            break;
        }
        if (here(p) == ')' || here(p) == '|') {
            return ly_parser_fail(p, p->pos, "a term", "\"%c\" has nothing before it", here(p));
        }
        node_ref kid = parse_or(p);
        if (kid == NULL || !add_kid(p, &list, kid)) {
            return NULL;
        }
    }
    if (inside && list.n == 0) {
        return ly_parser_fail(p, at, "a term", "the brackets are empty");
    }
    return finish(p, LY_FILTER_AND, at, &list);
}

static node_ref parse_all(parser *p)
{
    return parse_and(p, false);
}

/* ---- the interface --------------------------------------------------------------------------- */

ly_status ly_filter_parse(ly_str text, const ly_filter_opts *opts, ly_filter **ret_filter,
                          ly_filter_error *ret_error, ly_err *err)
{
    static const ly_filter_opts no_opts = {0, NULL, NULL};
    static const ly_filter_node all = {.kind = LY_FILTER_ALL};
    ly_filter_error local;
    ly_filter_error *error = ret_error != NULL ? ret_error : &local;
    memset(error, 0, sizeof *error);
    if (text.len > LY_MAX_FILTER_BYTES) {
        (void)snprintf(error->what, sizeof error->what, "longer than %zu bytes",
                       (size_t)LY_MAX_FILTER_BYTES);
        return LY_FAIL(err, LY_E_INVALID, "filter: %s", error->what);
    }
    ly_filter *filter = ly_calloc(1, sizeof *filter);
    if (filter == NULL) {
        return LY_NOMEM(err);
    }
    ly_arena_init(&filter->arena, 4096, LY_MIB(16));
    parser p = {.filter = filter, .opts = opts != NULL ? opts : &no_opts, .error = error};
    p.now_ns = p.opts->now_ns != 0 ? p.opts->now_ns : ly_wall_ns();
    filter->text = ly_arena_copy(&filter->arena, text);
    if (filter->text.ptr == NULL) {
        ly_filter_free(filter);
        return LY_NOMEM(err);
    }
    p.src = filter->text;
    filter->root = parse_all(&p);
    if (filter->root == NULL) {
        ly_filter_free(filter);
        if (p.nomem) {
            return LY_NOMEM(err);
        }
        size_t column = ly_term_width(ly_str_sub(text, 0, error->at)) + 1;
        return LY_FAIL(err, LY_E_INVALID, "filter column %zu: %s%s%s", column, error->what,
                       error->expected[0] ? "; expected " : "", error->expected);
    }
    if (filter->root->kind == LY_FILTER_ALL) {
        filter->root = &all;
    }
    *ret_filter = filter;
    return LY_OK;
}
