/* Prompt documents: see prompt_file.h. */
#include "prompts/prompt_file.h"

#include "base/limits.h"
#include "base/mem.h"
#include "text/yaml.h"

enum { MAX_PARTS = 256 };

/* The line at *at without its end; moves past it. */
static ly_str next_line(ly_str text, size_t *at)
{
    size_t end = ly_str_find_char(text, '\n', *at);
    ly_str line = ly_str_sub(text, *at, (end == SIZE_MAX ? text.len : end) - *at);
    *at = end == SIZE_MAX ? text.len : end + 1;
    if (line.len && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

/* The role of a section line, or nothing. */
static ly_str section_of(ly_str line)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    ly_str s = ly_str_trim(line);
    if (s.len < 3 || s.ptr[0] != '[' || s.ptr[s.len - 1] != ']') {
        return LY_STR_NONE;
    }
    s = ly_str_sub(s, 1, s.len - 2);
    for (size_t i = 0; i < LY_COUNT(roles); i++) {
        if (ly_str_eqc(s, roles[i])) {
            return s;
        }
    }
    return LY_STR_NONE;
}

static ly_status one_stop(ly_arena *arena, const ly_json *v, ly_prompt_doc *doc, ly_err *err)
{
    size_t n = v->kind == LY_JSON_ARRAY ? v->array.n : 1;
    ly_str *stop = LY_ARENA_ARRAY(arena, ly_str, n + 1);
    if (!stop) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < n; i++) {
        stop[i] = ly_json_str(v->kind == LY_JSON_ARRAY ? &v->array.items[i] : v);
        if (!ly_str_given(stop[i])) {
            return LY_FAIL(err, LY_E_FORMAT, "line %u: stop is a text or a list of texts",
                           v->line + 1);
        }
    }
    doc->stop = stop;
    doc->n_stop = n;
    return LY_OK;
}

static ly_status take_member(ly_arena *arena, const ly_json_member *m, ly_prompt_doc *doc,
                             ly_err *err)
{
    const ly_json *v = &m->value;
    bool good;
    if (ly_str_eqc(m->key, "model")) {
        doc->model = ly_json_str(v);
        good = doc->model.len > 0;
    } else if (ly_str_eqc(m->key, "effort")) {
        doc->effort = ly_json_str(v);
        good = doc->effort.len > 0;
    } else if (ly_str_eqc(m->key, "description")) {
        doc->description = ly_json_str(v);
        good = ly_str_given(doc->description);
    } else if (ly_str_eqc(m->key, "temperature")) {
        good = ly_json_double(v, &doc->temperature) && doc->temperature >= 0;
    } else if (ly_str_eqc(m->key, "top_p")) {
        good = ly_json_double(v, &doc->top_p) && doc->top_p >= 0;
    } else if (ly_str_eqc(m->key, "max_output")) {
        good = ly_json_i64(v, &doc->max_output) && doc->max_output > 0;
    } else if (ly_str_eqc(m->key, "seed")) {
        good = ly_json_i64(v, &doc->seed);
    } else if (ly_str_eqc(m->key, "stop")) {
        return one_stop(arena, v, doc, err);
    } else {
        return LY_FAIL(err, LY_E_FORMAT,
                       "line %u: %.*s is not a setting; known are model, temperature, top_p, "
                       "max_output, seed, effort, stop, description",
                       v->line + 1, LY_STR_ARG(ly_str_sub(m->key, 0, 60)));
    }
    return good ? LY_OK
                : LY_FAIL(err, LY_E_FORMAT, "line %u: %.*s cannot be %s", v->line + 1,
                          LY_STR_ARG(ly_str_sub(m->key, 0, 60)), ly_json_kind_text(v));
}

/* Reads the front matter; *ret_at = where the body begins. */
static ly_status front_matter(ly_str text, ly_arena *arena, ly_prompt_doc *doc, size_t *ret_at,
                              ly_err *err)
{
    size_t at = 0;
    if (!ly_str_eqc(next_line(text, &at), "---")) {
        *ret_at = 0;
        return LY_OK;
    }
    size_t from = at;
    for (;;) {
        size_t line_at = at;
        if (at >= text.len) {
            return LY_FAIL(err, LY_E_FORMAT, "line 1: the settings after --- have no closing ---");
        }
        if (ly_str_eqc(next_line(text, &at), "---")) {
            ly_json *root = NULL;
            ly_status st = ly_yaml_parse(ly_str_sub(text, from, line_at - from), arena, &root, err);
            if (st) {
                (void)ly_err_wrap(err, "settings between ---");
                return st;
            }
            if (root->kind != LY_JSON_OBJECT && root->kind != LY_JSON_NULL) {
                return LY_FAIL(err, LY_E_FORMAT,
                               "line 2: the settings are %s, not name: value lines",
                               ly_json_kind_text(root));
            }
            for (size_t i = 0; root->kind == LY_JSON_OBJECT && i < root->object.n && !st; i++) {
                st = take_member(arena, &root->object.items[i], doc, err);
            }
            *ret_at = at;
            return st;
        }
    }
}

/* Without blank lines at the ends. */
static ly_str message_text(ly_str s)
{
    size_t at = 0;
    while (at < s.len) {
        size_t after = at;
        if (ly_str_trim(next_line(s, &after)).len) {
            break;
        }
        at = after;
    }
    s = ly_str_sub(s, at, SIZE_MAX);
    while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r' ||
                     s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static ly_status add_part(ly_arena *arena, ly_prompt_part *parts, size_t *n, ly_str role,
                          ly_str text, ly_err *err)
{
    if (*n == MAX_PARTS) {
        return LY_FAIL(err, LY_E_LIMIT, "a prompt has at most %d sections", MAX_PARTS);
    }
    ly_prompt_part *p = &parts[*n];
    p->role = role;
    p->text = message_text(text);
    ly_status st = ly_template_parse(p->text, arena, &p->template, err);
    if (st) {
        (void)ly_err_wrap(err, "[%.*s]", LY_STR_ARG(role));
        return st;
    }
    (*n)++;
    return LY_OK;
}

static ly_status read_parts(ly_str body, ly_arena *arena, ly_prompt_doc *doc, ly_err *err)
{
    ly_prompt_part *parts = LY_ARENA_ARRAY(arena, ly_prompt_part, MAX_PARTS);
    size_t n = 0, at = 0, from = 0;
    ly_str role = LY_STR_NONE;
    ly_status st = LY_OK;
    if (!parts) {
        return LY_NOMEM(err);
    }
    bool sections =
        section_of(ly_str_sub(message_text(body), 0, ly_str_find_char(message_text(body), '\n', 0)))
            .len > 0;
    if (!sections) {
        st = add_part(arena, parts, &n, LY_S("user"), body, err);
    }
    while (sections && !st && at < body.len) {
        size_t line_at = at;
        ly_str next = section_of(next_line(body, &at));
        if (next.len) {
            if (role.len) {
                st = add_part(arena, parts, &n, role, ly_str_sub(body, from, line_at - from), err);
            }
            role = next;
            from = at;
        }
    }
    if (sections && !st) {
        st = add_part(arena, parts, &n, role, ly_str_sub(body, from, SIZE_MAX), err);
    }
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        any = any || parts[i].text.len > 0;
    }
    if (!st && !any) {
        st = LY_FAIL(err, LY_E_FORMAT, "the prompt is empty");
    }
    doc->parts = parts;
    doc->n_parts = n;
    return st;
}

ly_status ly_prompt_doc_parse(ly_str text, ly_arena *arena, ly_prompt_doc **ret, ly_err *err)
{
    size_t at = 0;
    ly_prompt_doc *doc = LY_ARENA_NEW(arena, ly_prompt_doc);
    ly_str copy = ly_arena_copy(arena, text);
    if (!doc || !copy.ptr) {
        return LY_NOMEM(err);
    }
    if (ly_str_starts(copy, LY_S("\xEF\xBB\xBF"))) {
        copy = ly_str_sub(copy, 3, SIZE_MAX);
    }
    doc->temperature = doc->top_p = LY_SHAPE_UNSET;
    doc->max_output = doc->seed = LY_UNKNOWN;
    ly_status st = front_matter(copy, arena, doc, &at, err);
    if (!st) {
        st = read_parts(ly_str_sub(copy, at, SIZE_MAX), arena, doc, err);
    }
    if (!st) {
        *ret = doc;
    }
    return st;
}

ly_status ly_prompt_doc_render(const ly_prompt_doc *doc, const ly_json *vars,
                               const ly_template_opts *opts, ly_arena *arena,
                               ly_shape_msg **ret_msgs, size_t *ret_n, ly_err *err)
{
    ly_shape_msg *msgs = LY_ARENA_ARRAY(arena, ly_shape_msg, doc->n_parts + 1);
    ly_status st = msgs ? LY_OK : LY_NOMEM(err);
    ly_buf buf;
    ly_buf_init(&buf, LY_MAX_REQUEST_BYTES);
    for (size_t i = 0; i < doc->n_parts && !st; i++) {
        ly_buf_reset(&buf);
        st = ly_template_render(doc->parts[i].template, vars, opts, &buf, err);
        if (!st) {
            msgs[i].role = doc->parts[i].role;
            msgs[i].text = ly_arena_copy(arena, ly_buf_view(&buf));
            st = msgs[i].text.ptr ? LY_OK : LY_NOMEM(err);
        }
    }
    ly_buf_release(&buf);
    if (!st) {
        *ret_msgs = msgs;
        *ret_n = doc->n_parts;
    }
    return st;
}

ly_status ly_prompt_doc_names(const ly_prompt_doc *doc, ly_arena *arena,
                              const ly_template_name **ret_names, size_t *ret_n, ly_err *err)
{
    ly_template_name *all = NULL;
    size_t n = 0, cap = 0;
    ly_status st = LY_OK;
    for (size_t i = 0; i < doc->n_parts && !st; i++) {
        const ly_template_name *names = NULL;
        size_t m = 0;
        st = ly_template_names(doc->parts[i].template, arena, &names, &m, err);
        for (size_t k = 0; k < m && !st; k++) {
            size_t at = 0;
            while (at < n && !ly_str_eq(all[at].name, names[k].name)) {
                at++;
            }
            if (at < n) {
                all[at].optional = all[at].optional && names[k].optional;
            } else if (ly_grow(&all, &cap, n + 1, 100000, sizeof *all)) {
                all[n++] = names[k];
            } else {
                st = LY_NOMEM(err);
            }
        }
    }
    ly_template_name *out = st ? NULL : LY_ARENA_ARRAY(arena, ly_template_name, n + 1);
    if (!st && !out) {
        st = LY_NOMEM(err);
    }
    if (!st) {
        if (n) {
            memcpy(out, all, n * sizeof *out);
        }
        *ret_names = out;
        *ret_n = n;
    }
    ly_free(all);
    return st;
}
