/* Mustache templates: see template.h. Rules: the specification's core modules, spec/1.4. */
#include "prompts/template.h"

#include "base/limits.h"
#include "base/mem.h"
#include "text/jsonw.h"

enum { MAX_NODES = 1 << 20, MAX_STACK = 128 };

typedef enum node_kind { TEXT, VAR, RAW_VAR, SECTION, INVERTED, PARTIAL } node_kind;

typedef struct node {
    node_kind kind;
    ly_str text;   /* literal text, or the name */
    ly_str indent; /* of a standalone partial */
    size_t end;    /* sections: index after the last child */
    uint32_t line;
} node;

struct ly_template {
    const node *nodes;
    size_t n;
};

typedef struct parser {
    ly_str src;
    ly_str open, close;
    node *nodes;
    size_t n, cap;
    size_t stack[LY_TEMPLATE_MAX_DEPTH];
    size_t depth;
    ly_err *err;
} parser;

static uint32_t line_of(const parser *p, size_t at)
{
    uint32_t line = 1;
    for (size_t i = 0; i < at && i < p->src.len; i++) {
        line += p->src.ptr[i] == '\n';
    }
    return line;
}

static ly_status push(parser *p, node item)
{
    if (item.kind == TEXT && item.text.len == 0) {
        return LY_OK;
    }
    if (!ly_grow(&p->nodes, &p->cap, p->n + 1, MAX_NODES, sizeof *p->nodes)) {
        return LY_FAIL(p->err, LY_E_LIMIT, "the template has more than %d parts", MAX_NODES);
    }
    p->nodes[p->n++] = item;
    return LY_OK;
}

static bool blank(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != ' ' && s.ptr[i] != '\t') {
            return false;
        }
    }
    return true;
}

/* "=<% %>=" without the equal signs. */
static ly_status set_delimiters(parser *p, ly_str body, size_t at)
{
    ly_str both = ly_str_trim(body), rest = both, open, close;
    bool good = ly_str_split(&rest, ' ', &open);
    close = ly_str_trim(rest);
    good = good && open.len && close.len && ly_str_find_char(close, ' ', 0) == SIZE_MAX &&
           ly_str_find_char(both, '=', 0) == SIZE_MAX;
    if (!good) {
        return LY_FAIL(p->err, LY_E_FORMAT,
                       "line %u: {{=%.*s=}}: write two delimiters with a space between",
                       line_of(p, at), LY_STR_ARG(ly_str_sub(both, 0, 40)));
    }
    p->open = open;
    p->close = close;
    return LY_OK;
}

static ly_status section_open(parser *p, node_kind kind, ly_str name, uint32_t line)
{
    if (p->depth == LY_TEMPLATE_MAX_DEPTH) {
        return LY_FAIL(p->err, LY_E_LIMIT, "line %u: sections nest deeper than %d", line,
                       LY_TEMPLATE_MAX_DEPTH);
    }
    p->stack[p->depth++] = p->n;
    return push(p, (node){.kind = kind, .text = name, .line = line});
}

static ly_status section_close(parser *p, ly_str name, uint32_t line)
{
    node *open = p->depth ? &p->nodes[p->stack[p->depth - 1]] : NULL;
    if (!open || !ly_str_eq(open->text, name)) {
        return LY_FAIL(p->err, LY_E_FORMAT, "line %u: {{/%.*s}} closes %s%.*s%s", line,
                       LY_STR_ARG(ly_str_sub(name, 0, 80)), open ? "{{#" : "nothing",
                       LY_STR_ARG(open ? ly_str_sub(open->text, 0, 80) : LY_STR_NONE),
                       open ? "}}" : "");
    }
    open->end = p->n;
    p->depth--;
    return LY_OK;
}

/* One tag that was cut out of the text. */
static ly_status take_tag(parser *p, char sigil, ly_str name, ly_str indent, size_t at)
{
    uint32_t line = line_of(p, at);
    if (sigil == '!') {
        return LY_OK;
    }
    if (sigil == '=') {
        return set_delimiters(p, name, at);
    }
    name = ly_str_trim(name);
    if (name.len == 0) {
        return LY_FAIL(p->err, LY_E_FORMAT, "line %u: a tag without a name", line);
    }
    switch (sigil) {
    case '#':
        return section_open(p, SECTION, name, line);
    case '^':
        return section_open(p, INVERTED, name, line);
    case '/':
        return section_close(p, name, line);
    case '>':
        return push(p, (node){.kind = PARTIAL, .text = name, .indent = indent, .line = line});
    case '{':
    case '&':
        return push(p, (node){.kind = RAW_VAR, .text = name, .line = line});
    default:
        return push(p, (node){.kind = VAR, .text = name, .line = line});
    }
}

/* The end of a tag that begins at `at`: its sigil, inner text and the position after it. */
static ly_status cut_tag(parser *p, size_t at, char *ret_sigil, ly_str *ret_name, size_t *ret_end)
{
    size_t from = at + p->open.len;
    char sigil = from < p->src.len ? p->src.ptr[from] : '\0';
    static const char sigils[] = "!=#^/>{&";
    bool has = sigil != '\0' && memchr(sigils, sigil, sizeof sigils - 1);
    size_t name_at = has ? from + 1 : from;
    char closing[80];
    ly_str close = p->close;
    if (has && (sigil == '{' || sigil == '=') && p->close.len + 1 < sizeof closing) {
        closing[0] = sigil == '{' ? '}' : '=';
        memcpy(closing + 1, p->close.ptr, p->close.len);
        close = ly_str_n(closing, p->close.len + 1);
    }
    size_t end = ly_str_find(p->src, close, name_at);
    if (end == SIZE_MAX) {
        return LY_FAIL(p->err, LY_E_FORMAT, "line %u: a tag that is never closed: %.*s",
                       line_of(p, at), LY_STR_ARG(ly_str_sub(p->src, at, 40)));
    }
    *ret_sigil = has ? sigil : ' ';
    *ret_name = ly_str_sub(p->src, name_at, end - name_at);
    *ret_end = end + close.len;
    return LY_OK;
}

/*
 * A section, comment, partial or delimiter tag that stands alone on its line takes the whole line with
 * it. `text_from` is where text not yet given begins; a tag earlier on the line ends after line_from.
 */
static bool standalone(const parser *p, size_t text_from, size_t at, size_t end,
                       size_t *ret_line_from, size_t *ret_line_end)
{
    size_t line_from = at;
    while (line_from > 0 && p->src.ptr[line_from - 1] != '\n') {
        line_from--;
    }
    if (line_from < text_from || !blank(ly_str_sub(p->src, line_from, at - line_from))) {
        return false;
    }
    size_t line_end = ly_str_find_char(p->src, '\n', end);
    size_t stop = line_end == SIZE_MAX ? p->src.len : line_end;
    size_t cr = stop > end && p->src.ptr[stop - 1] == '\r' ? 1 : 0;
    if (!blank(ly_str_sub(p->src, end, stop - cr - end))) {
        return false;
    }
    *ret_line_from = line_from;
    *ret_line_end = line_end == SIZE_MAX ? p->src.len : line_end + 1;
    return true;
}

static ly_status parse_all(parser *p)
{
    size_t from = 0, search = 0;
    for (;;) {
        size_t at = ly_str_find(p->src, p->open, search), end = 0, line_from = 0, line_end = 0;
        char sigil = ' ';
        ly_str name = LY_STR_NONE;
        if (at == SIZE_MAX) {
            return push(p, (node){.kind = TEXT, .text = ly_str_sub(p->src, from, SIZE_MAX)});
        }
        ly_status status = cut_tag(p, at, &sigil, &name, &end);
        if (status) {
            return status;
        }
        bool block = sigil != ' ' && sigil != '{' && sigil != '&';
        bool alone = block && standalone(p, from, at, end, &line_from, &line_end);
        size_t text_end = alone ? line_from : at;
        status = push(p, (node){.kind = TEXT, .text = ly_str_sub(p->src, from, text_end - from)});
        if (!status) {
            ly_str indent = alone ? ly_str_sub(p->src, line_from, at - line_from) : LY_STR_NONE;
            status = take_tag(p, sigil, name, indent, at);
        }
        if (status) {
            return status;
        }
        from = search = alone ? line_end : end;
    }
}

ly_status ly_template_parse(ly_str text, ly_arena *arena, ly_template **ret, ly_err *err)
{
    parser p = {.src = text, .open = LY_S("{{"), .close = LY_S("}}"), .err = err};
    if (text.len > LY_MAX_TEXT_FILE_BYTES) {
        return LY_FAIL(err, LY_E_LIMIT, "a template may have %zu bytes", LY_MAX_TEXT_FILE_BYTES);
    }
    ly_status status = parse_all(&p);
    if (!status && p.depth) {
        const node *open = &p.nodes[p.stack[p.depth - 1]];
        status = LY_FAIL(err, LY_E_FORMAT, "line %u: {{#%.*s}} is never closed", open->line,
                         LY_STR_ARG(ly_str_sub(open->text, 0, 80)));
    }
    if (!status) {
        ly_template *t = LY_ARENA_NEW(arena, ly_template);
        node *nodes = LY_ARENA_ARRAY(arena, node, p.n + 1);
        if (!t || !nodes) {
            status = LY_NOMEM(err);
        } else {
            if (p.n) {
                memcpy(nodes, p.nodes, p.n * sizeof *nodes);
            }
            t->nodes = nodes;
            t->n = p.n;
            *ret = t;
        }
    }
    ly_free(p.nodes);
    return status;
}

/* ---- rendering ----------------------------------------------------------------------------------------- */

typedef struct renderer {
    const ly_template_opts *opts;
    const ly_json *stack[MAX_STACK];
    size_t depth;
    ly_buf *out;
    ly_err *err;
    int partials;
} renderer;

/* The value of a dotted name, or NULL. */
static const ly_json *look_up(const renderer *r, ly_str name)
{
    if (ly_str_eqc(name, ".")) {
        return r->depth ? r->stack[r->depth - 1] : NULL;
    }
    ly_str rest = name, first;
    if (!ly_str_split(&rest, '.', &first)) {
        return NULL;
    }
    const ly_json *found = NULL;
    for (size_t i = r->depth; i > 0 && !found; i--) {
        found = ly_json_get_str(r->stack[i - 1], first);
    }
    ly_str part;
    while (found && ly_str_split(&rest, '.', &part)) {
        found = ly_json_get_str(found, part);
    }
    return found;
}

static void put_text(renderer *r, ly_str s, bool escape)
{
    if (!escape) {
        ly_buf_str(r->out, s);
        return;
    }
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '&':
            ly_buf_c(r->out, "&amp;");
            break;
        case '"':
            ly_buf_c(r->out, "&quot;");
            break;
        case '<':
            ly_buf_c(r->out, "&lt;");
            break;
        case '>':
            ly_buf_c(r->out, "&gt;");
            break;
        default:
            ly_buf_char(r->out, s.ptr[i]);
        }
    }
}

static ly_status put_value(renderer *r, const ly_json *v, bool escape)
{
    if (v->kind == LY_JSON_STRING) {
        put_text(r, v->str, escape);
        return LY_OK;
    }
    if (v->kind == LY_JSON_NULL) {
        return LY_OK;
    }
    if (v->raw.ptr) {
        put_text(r, v->raw, escape);
        return LY_OK;
    }
    ly_buf json;
    ly_jsonw w;
    ly_buf_init(&json, LY_MAX_OUTPUT_BYTES);
    ly_jsonw_init(&w, &json, 0);
    ly_jsonw_tree(&w, v);
    ly_status status = ly_jsonw_end(&w, r->err);
    put_text(r, ly_buf_view(&json), escape);
    ly_buf_release(&json);
    return status;
}

static bool falsy(const ly_json *v)
{
    return !v || v->kind == LY_JSON_NULL || (v->kind == LY_JSON_BOOL && !v->boolean) ||
           (v->kind == LY_JSON_ARRAY && v->array.n == 0) ||
           (v->kind == LY_JSON_STRING && v->str.len == 0);
}

static ly_status render(renderer *r, const node *nodes, size_t from, size_t to);

static ly_status with(renderer *r, const ly_json *v, const node *nodes, size_t from, size_t to)
{
    if (r->depth == MAX_STACK) {
        return LY_FAIL(r->err, LY_E_LIMIT, "line %u: too deep", nodes[from ? from - 1 : 0].line);
    }
    r->stack[r->depth++] = v;
    ly_status status = render(r, nodes, from, to);
    r->depth--;
    return status;
}

static ly_status render_section(renderer *r, const node *nodes, size_t at)
{
    const ly_json *v = look_up(r, nodes[at].text);
    if (nodes[at].kind == INVERTED) {
        return falsy(v) ? render(r, nodes, at + 1, nodes[at].end) : LY_OK;
    }
    if (falsy(v)) {
        return LY_OK;
    }
    if (v->kind != LY_JSON_ARRAY) {
        return with(r, v, nodes, at + 1, nodes[at].end);
    }
    for (size_t i = 0; i < v->array.n; i++) {
        ly_status status = with(r, &v->array.items[i], nodes, at + 1, nodes[at].end);
        if (status) {
            return status;
        }
    }
    return LY_OK;
}

static ly_status render_partial(renderer *r, const node *n)
{
    ly_str text;
    if (!r->opts->partial || !r->opts->partial(r->opts->user, n->text, &text)) {
        if (r->opts->flags & LY_TEMPLATE_LENIENT) {
            return LY_OK;
        }
        return LY_FAIL(r->err, LY_E_NOTFOUND, "line %u: there is no partial {{>%.*s}}", n->line,
                       LY_STR_ARG(ly_str_sub(n->text, 0, 80)));
    }
    if (++r->partials > LY_TEMPLATE_MAX_DEPTH) {
        return LY_FAIL(r->err, LY_E_LIMIT, "line %u: {{>%.*s}}: partials nest deeper than %d",
                       n->line, LY_STR_ARG(ly_str_sub(n->text, 0, 80)), LY_TEMPLATE_MAX_DEPTH);
    }
    ly_arena arena;
    ly_buf indented;
    ly_template *t = NULL;
    ly_arena_init(&arena, 4096, LY_MAX_OUTPUT_BYTES);
    ly_buf_init(&indented, LY_MAX_TEXT_FILE_BYTES);
    for (size_t at = 0; n->indent.len && at < text.len;) {
        size_t end = ly_str_find_char(text, '\n', at);
        end = end == SIZE_MAX ? text.len : end + 1;
        ly_buf_str(&indented, n->indent);
        ly_buf_str(&indented, ly_str_sub(text, at, end - at));
        at = end;
    }
    ly_status status = ly_buf_status(&indented, "partial", r->err);
    if (!status) {
        status =
            ly_template_parse(n->indent.len ? ly_buf_view(&indented) : text, &arena, &t, r->err);
    }
    if (!status) {
        status = render(r, t->nodes, 0, t->n);
    }
    ly_buf_release(&indented);
    ly_arena_release(&arena);
    r->partials--;
    return status;
}

static ly_status render_value(renderer *r, const node *n)
{
    const ly_json *v = look_up(r, n->text);
    if (!v) {
        if (r->opts->flags & LY_TEMPLATE_LENIENT) {
            return LY_OK;
        }
        return LY_FAIL(r->err, LY_E_NOTFOUND, "line %u: no value for {{%.*s}}", n->line,
                       LY_STR_ARG(ly_str_sub(n->text, 0, 80)));
    }
    return put_value(r, v, n->kind == VAR && (r->opts->flags & LY_TEMPLATE_HTML));
}

static ly_status render(renderer *r, const node *nodes, size_t from, size_t to)
{
    ly_status status = LY_OK;
    for (size_t i = from; i < to && !status; i++) {
        const node *n = &nodes[i];
        switch (n->kind) {
        case TEXT:
            ly_buf_str(r->out, n->text);
            break;
        case VAR:
        case RAW_VAR:
            status = render_value(r, n);
            break;
        case SECTION:
        case INVERTED:
            status = render_section(r, nodes, i);
            i = n->end - 1;
            break;
        case PARTIAL:
            status = render_partial(r, n);
            break;
        }
        if (!status && r->out->failed) {
            status = ly_buf_status(r->out, "the rendered text", r->err);
        }
    }
    return status;
}

ly_status ly_template_render(const ly_template *t, const ly_json *vars,
                             const ly_template_opts *opts, ly_buf *out, ly_err *err)
{
    static const ly_template_opts none;
    renderer r = {.opts = opts ? opts : &none, .out = out, .err = err};
    if (vars) {
        r.stack[r.depth++] = vars;
    }
    return render(&r, t->nodes, 0, t->n);
}

ly_status ly_template_names(const ly_template *t, ly_arena *arena,
                            const ly_template_name **ret_names, size_t *ret_n, ly_err *err)
{
    ly_template_name *names = LY_ARENA_ARRAY(arena, ly_template_name, t->n + 1);
    size_t n = 0, inside_to = 0;
    if (!names) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < t->n; i++) {
        const node *item = &t->nodes[i];
        bool section = item->kind == SECTION || item->kind == INVERTED;
        bool inside = i < inside_to;
        if (section && item->end > inside_to) {
            inside_to = item->end;
        }
        if (item->kind == TEXT || item->kind == PARTIAL || ly_str_eqc(item->text, ".")) {
            continue;
        }
        ly_str rest = item->text, first;
        if (!ly_str_split(&rest, '.', &first)) {
            continue;
        }
        size_t k = 0;
        while (k < n && !ly_str_eq(names[k].name, first)) {
            k++;
        }
        bool optional = inside || section;
        if (k == n) {
            names[n++] = (ly_template_name){first, optional};
        } else {
            names[k].optional = names[k].optional && optional;
        }
    }
    *ret_names = names;
    *ret_n = n;
    return LY_OK;
}
