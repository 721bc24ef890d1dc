/*
 * libyaml events -> ly_json tree, without recursion: finished nodes wait on a stack and become one
 * array when their container ends, as in json.c.
 */
#include "text/yaml.h"

#include <math.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/json_impl.h"

typedef struct level {
    size_t base; /* of its children on the stack */
    bool map;
    bool have_key;
    ly_str key;
    uint32_t line, key_line;
    size_t anchor; /* index + 1 of the anchor it will define */
    size_t nodes;  /* before it began */
} level;

typedef struct anchor {
    ly_str name;
    const ly_json *node; /* NULL while its value is being read */
    size_t nodes;        /* that the node stands for */
} anchor;

typedef struct builder {
    yaml_parser_t parser;
    ly_arena *arena;
    ly_err *err;
    ly_json_member *stack;
    size_t n, cap;
    level levels[LY_MAX_YAML_DEPTH];
    unsigned depth;
    anchor *anchors;
    size_t n_anchors, cap_anchors;
    size_t nodes; /* read so far, what aliases stand for included */
} builder;

static ly_status fail_at(builder *b, const yaml_mark_t *mark, ly_status status, const char *why)
{
    return LY_FAIL(b->err, status, "line %zu, column %zu: %s", mark->line + 1, mark->column + 1,
                   why);
}

static ly_status parser_failed(builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        return LY_NOMEM(b->err);
    }
    if (p->error == YAML_READER_ERROR) {
        return LY_FAIL(b->err, LY_E_FORMAT, "byte %zu: %s", p->problem_offset,
                       p->problem ? p->problem : "not valid text");
    }
    return fail_at(b, &p->problem_mark, LY_E_FORMAT, p->problem ? p->problem : "not valid YAML");
}

/* ---- scalars: the core schema of YAML 1.2 (chapter 10.3) ---- */

static bool one_of(ly_str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ly_str_eqc(s, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_null(ly_str s)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return one_of(s, words, LY_COUNT(words));
}

static bool is_bool(ly_str s, bool *ret)
{
    static const char *const yes[] = {"true", "True", "TRUE"}, *const no[] = {"false", "False",
                                                                              "FALSE"};
    *ret = one_of(s, yes, LY_COUNT(yes));
    return *ret || one_of(s, no, LY_COUNT(no));
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* 0x1F and 0o17. */
static bool is_based(ly_str s, int64_t *ret)
{
    int base = ly_str_starts(s, LY_S("0x")) ? 16 : ly_str_starts(s, LY_S("0o")) ? 8 : 0;
    int64_t value = 0;
    if (base == 0 || s.len < 3) {
        return false;
    }
    for (size_t i = 2; i < s.len; i++) {
        int d = digit(s.ptr[i]);
        if (d >= base || value > (INT64_MAX - d) / base) {
            return false;
        }
        value = value * base + d;
    }
    *ret = value;
    return true;
}

/* [-+]? [0-9]+ */
static bool is_decimal(ly_str s)
{
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    size_t first = i;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') {
        i++;
    }
    return i == s.len && i > first;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(ly_str s)
{
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'), digits = 0;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) {
        digits++;
    }
    if (i < s.len && s.ptr[i] == '.') {
        for (i++; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) {
            digits++;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        return is_decimal(ly_str_sub(s, i + 1, SIZE_MAX)) && i + 1 < s.len;
    }
    return i == s.len;
}

/* YAML's number as JSON would write it, so that one function reads both. */
static void read_number(ly_str s, ly_json *node)
{
    char text[402];
    size_t n = 0;
    if (s.ptr[0] == '+') {
        s = ly_str_sub(s, 1, SIZE_MAX);
    }
    for (size_t i = 0; i < s.len && n + 2 < sizeof text; i++) {
        char c = s.ptr[i], before = i > 0 ? s.ptr[i - 1] : '-';
        bool after_digit = before >= '0' && before <= '9';
        bool digit_next = i + 1 < s.len && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9';
        if (c == '.' && !after_digit) {
            text[n++] = '0';
        }
        if (c != '.' || digit_next) {
            text[n++] = c;
        }
    }
    ly_json_number(ly_str_n(text, n), is_decimal(s), node);
}

static void plain_scalar(ly_str s, ly_json *node)
{
    bool truth;
    if (is_null(s)) {
        node->kind = LY_JSON_NULL;
    } else if (is_bool(s, &truth)) {
        node->kind = LY_JSON_BOOL;
        node->boolean = truth;
    } else if (is_based(s, &node->integer)) {
        node->kind = LY_JSON_INT;
    } else if (s.len < 400 && (is_decimal(s) || is_float(s))) {
        read_number(s, node);
    } else {
        node->kind = LY_JSON_STRING;
    }
    /* Too large for a double: what it was written as, rather than an infinity. */
    if (node->kind == LY_JSON_STRING || (node->kind == LY_JSON_REAL && isinf(node->real))) {
        node->kind = LY_JSON_STRING;
        node->str = s;
    }
}

/* ---- tags ---- */

#define TAG "tag:yaml.org,2002:"

/* Applies an explicit tag; NULL when it is one we know and the value has it, else what is wrong. */
static const char *apply_tag(const char *tag, ly_str s, ly_json *node)
{
    if (strcmp(tag, TAG "str") == 0) {
        node->kind = LY_JSON_STRING;
        node->str = s;
        return NULL;
    }
    plain_scalar(s, node);
    if (strcmp(tag, TAG "int") == 0) {
        return node->kind == LY_JSON_INT ? NULL : "not an integer, although tagged !!int";
    }
    if (strcmp(tag, TAG "float") == 0) {
        if (node->kind == LY_JSON_INT) {
            node->real = (double)node->integer;
            node->kind = LY_JSON_REAL;
        }
        return node->kind == LY_JSON_REAL ? NULL : "not a number, although tagged !!float";
    }
    if (strcmp(tag, TAG "bool") == 0) {
        return node->kind == LY_JSON_BOOL ? NULL : "not a boolean, although tagged !!bool";
    }
    if (strcmp(tag, TAG "null") == 0) {
        return node->kind == LY_JSON_NULL ? NULL : "not null, although tagged !!null";
    }
    return "a tag that is not known here (leave it out)";
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
    return !tag || strcmp((const char *)tag, name) == 0;
}

/* ---- the tree ---- */

static ly_status push(builder *b, ly_str key, const ly_json *node, const yaml_mark_t *mark)
{
    if (++b->nodes > LY_MAX_YAML_NODES) {
        return fail_at(b, mark, LY_E_LIMIT, "too many values (do aliases multiply?)");
    }
    if (!ly_grow(&b->stack, &b->cap, b->n + 1, SIZE_MAX / sizeof *b->stack, sizeof *b->stack)) {
        return LY_NOMEM(b->err);
    }
    b->stack[b->n++] = (ly_json_member){key, *node};
    return LY_OK;
}

static bool repeated(const builder *b, const level *l, ly_str key)
{
    for (size_t i = l->base; i < b->n; i++) {
        if (ly_str_eq(b->stack[i].key, key)) {
            return true;
        }
    }
    return false;
}

static ly_status take_key(builder *b, level *l, ly_str key, const yaml_mark_t *mark)
{
    if (ly_str_eqc(key, "<<")) {
        return fail_at(b, mark, LY_E_FORMAT, "merge keys (<<) are not read: write the members out");
    }
    if (b->n - l->base < 1000 && repeated(b, l, key)) {
        return fail_at(b, mark, LY_E_FORMAT, "a key that stands twice in the same mapping");
    }
    l->key = key;
    l->key_line = (uint32_t)mark->line + 1;
    l->have_key = true;
    return LY_OK;
}

/* A complete value: the next element, or the value of the waiting key. */
static ly_status add(builder *b, const ly_json *node, const yaml_mark_t *mark)
{
    level *l = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
    ly_str key = LY_STR_NONE;
    if (l && l->map) {
        if (!l->have_key) {
            return fail_at(b, mark, LY_E_FORMAT, "a key must be plain text");
        }
        key = l->key;
        l->have_key = false;
    }
    return push(b, key, node, mark);
}

static ly_status name_anchor(builder *b, const yaml_char_t *name, const yaml_mark_t *mark,
                             size_t *ret)
{
    *ret = 0;
    if (!name) {
        return LY_OK;
    }
    if (b->n_anchors >= 1000) {
        return fail_at(b, mark, LY_E_LIMIT, "more than 1000 anchors");
    }
    ly_str copy = ly_arena_copy(b->arena, ly_str_c((const char *)name));
    if (!copy.ptr ||
        !ly_grow(&b->anchors, &b->cap_anchors, b->n_anchors + 1, 1000, sizeof *b->anchors)) {
        return LY_NOMEM(b->err);
    }
    b->anchors[b->n_anchors++] = (anchor){copy, NULL, 0};
    *ret = b->n_anchors;
    return LY_OK;
}

static ly_status keep_anchor(builder *b, size_t which, const ly_json *node, size_t nodes)
{
    if (which == 0) {
        return LY_OK;
    }
    ly_json *copy = ly_arena_alloc(b->arena, sizeof *copy, _Alignof(ly_json));
    if (!copy) {
        return LY_NOMEM(b->err);
    }
    *copy = *node;
    b->anchors[which - 1].node = copy;
    b->anchors[which - 1].nodes = nodes;
    return LY_OK;
}

static ly_status on_scalar(builder *b, const yaml_event_t *e)
{
    const yaml_mark_t *mark = &e->start_mark;
    ly_json node = {.line = (uint32_t)mark->line + 1};
    size_t which;
    ly_str s = ly_arena_copy(b->arena,
                             ly_str_n((const char *)e->data.scalar.value, e->data.scalar.length));
    if (!s.ptr) {
        return LY_NOMEM(b->err);
    }
    level *l = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
    if (l && l->map && !l->have_key) {
        return take_key(b, l, s, mark);
    }
    const char *wrong = NULL;
    if (e->data.scalar.tag) {
        wrong = apply_tag((const char *)e->data.scalar.tag, s, &node);
    } else if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        plain_scalar(s, &node);
    } else {
        node.kind = LY_JSON_STRING;
        node.str = s;
    }
    if (wrong) {
        return fail_at(b, mark, LY_E_FORMAT, wrong);
    }
    ly_status status = name_anchor(b, e->data.scalar.anchor, mark, &which);
    if (status == LY_OK) {
        status = keep_anchor(b, which, &node, 1);
    }
    return status == LY_OK ? add(b, &node, mark) : status;
}

static ly_status on_alias(builder *b, const yaml_event_t *e)
{
    ly_str name = ly_str_c((const char *)e->data.alias.anchor);
    for (size_t i = b->n_anchors; i > 0; i--) {
        const anchor *a = &b->anchors[i - 1];
        if (!ly_str_eq(a->name, name)) {
            continue;
        }
        if (!a->node) {
            return fail_at(b, &e->start_mark, LY_E_FORMAT, "an alias inside its own anchor");
        }
        b->nodes += a->nodes;
        level *l = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
        if (l && l->map && !l->have_key && a->node->kind == LY_JSON_STRING) {
            return take_key(b, l, a->node->str, &e->start_mark);
        }
        return add(b, a->node, &e->start_mark);
    }
    return fail_at(b, &e->start_mark, LY_E_FORMAT, "an alias without its anchor");
}

static ly_status on_start(builder *b, const yaml_event_t *e, bool map)
{
    const yaml_mark_t *mark = &e->start_mark;
    const yaml_char_t *name = map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    const yaml_char_t *tag = map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
    size_t which;
    if (b->depth >= LY_MAX_YAML_DEPTH) {
        return fail_at(b, mark, LY_E_LIMIT, "nested too deep");
    }
    if (!tag_is(tag, map ? TAG "map" : TAG "seq")) {
        return fail_at(b, mark, LY_E_FORMAT, "a tag that is not known here (leave it out)");
    }
    if (b->depth > 0 && b->levels[b->depth - 1].map && !b->levels[b->depth - 1].have_key) {
        return fail_at(b, mark, LY_E_FORMAT, "a key must be plain text");
    }
    ly_status status = name_anchor(b, name, mark, &which);
    if (status == LY_OK) {
        b->levels[b->depth++] = (level){.base = b->n,
                                        .map = map,
                                        .line = (uint32_t)mark->line + 1,
                                        .anchor = which,
                                        .nodes = b->nodes};
    }
    return status;
}

/* Members of a very large mapping were not compared when they came: its index shows repeats. */
static bool index_has_repeats(const ly_json *node)
{
    const uint32_t *index = node->object.index;
    for (size_t i = 1; index && i < node->object.n; i++) {
        if (ly_str_eq(node->object.items[index[i - 1]].key, node->object.items[index[i]].key)) {
            return true;
        }
    }
    return false;
}

static ly_status on_end(builder *b, const yaml_event_t *e)
{
    level l = b->levels[--b->depth];
    ly_json node = {.line = l.line};
    size_t n = b->n - l.base;
    if (l.map) {
        ly_json_member *items = LY_ARENA_ARRAY(b->arena, ly_json_member, n);
        if (!items) {
            return LY_NOMEM(b->err);
        }
        if (n > 0) {
            memcpy(items, b->stack + l.base, n * sizeof *items);
        }
        node.kind = LY_JSON_OBJECT;
        node.object.items = items;
        node.object.n = n;
        if (!ly_json_index(b->arena, &node)) {
            return LY_NOMEM(b->err);
        }
        if (index_has_repeats(&node)) {
            return fail_at(b, &e->start_mark, LY_E_FORMAT,
                           "a key stands twice in the mapping that ends here");
        }
    } else {
        ly_json *items = LY_ARENA_ARRAY(b->arena, ly_json, n);
        if (!items) {
            return LY_NOMEM(b->err);
        }
        for (size_t i = 0; i < n; i++) {
            items[i] = b->stack[l.base + i].value;
        }
        node.kind = LY_JSON_ARRAY;
        node.array.items = items;
        node.array.n = n;
    }
    b->n = l.base;
    ly_status status = keep_anchor(b, l.anchor, &node, b->nodes - l.nodes + 1);
    return status == LY_OK ? add(b, &node, &e->start_mark) : status;
}

static ly_status on_event(builder *b, const yaml_event_t *e, unsigned *documents)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++*documents > 1 ? fail_at(b, &e->start_mark, LY_E_FORMAT,
                                          "a second document (one file holds one)")
                                : LY_OK;
    case YAML_ALIAS_EVENT:
        return on_alias(b, e);
    case YAML_SCALAR_EVENT:
        return on_scalar(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, e, false);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, e, true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b, e);
    default:
        return LY_OK;
    }
}

static ly_status build(builder *b)
{
    unsigned documents = 0;
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event)) {
            return parser_failed(b);
        }
        yaml_event_type_t type = event.type;
        ly_status status = on_event(b, &event, &documents);
        yaml_event_delete(&event);
        if (status != LY_OK || type == YAML_STREAM_END_EVENT) {
            return status;
        }
    }
}

ly_status ly_yaml_parse(ly_str text, ly_arena *arena, ly_json **ret, ly_err *err)
{
    if (text.len > LY_MAX_TEXT_FILE_BYTES) {
        return LY_FAIL(err, LY_E_LIMIT, "YAML text of %zu bytes: at most %zu", text.len,
                       LY_MAX_TEXT_FILE_BYTES);
    }
    builder b = {.arena = arena, .err = err};
    if (!yaml_parser_initialize(&b.parser)) {
        return LY_NOMEM(err);
    }
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                                 text.len);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    ly_status status = build(&b);
    yaml_parser_delete(&b.parser);
    if (status == LY_OK) {
        ly_json *root = LY_ARENA_NEW(arena, ly_json);
        if (root) {
            *root = b.n > 0 ? b.stack[0].value : (ly_json){.kind = LY_JSON_NULL};
            *ret = root;
        } else {
            status = LY_NOMEM(err);
        }
    }
    ly_free(b.stack);
    ly_free(b.anchors);
    return status;
}
