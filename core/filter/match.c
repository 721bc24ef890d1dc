/* A filter asked of one span in memory. */
#include "base/fold.h"
#include "filter/internal.h"
#include "text/json.h"

/* JSON in JSON in JSON: tools that hand on what other tools said go no deeper. */
#define MAX_ESCAPED 4

static bool equal(ly_str a, ly_str b, bool fold)
{
    return fold ? ly_fold_eq(a, b) : ly_str_eq(a, b);
}

static bool starts(ly_str text, ly_str start, bool fold)
{
    return fold ? ly_fold_starts(text, start) : ly_str_starts(text, start);
}

static bool contains(ly_str hay, ly_str needle, bool fold)
{
    return fold ? ly_fold_has(hay, needle) : ly_str_find(hay, needle, 0) != SIZE_MAX;
}

bool ly_filter_text_ok(const ly_filter_node *term, ly_str value)
{
    switch (term->op) {
    case LY_FOP_EXISTS:
        return true;
    case LY_FOP_EQ:
        return equal(value, term->text, term->fold);
    case LY_FOP_NE:
        return !equal(value, term->text, term->fold);
    case LY_FOP_PREFIX:
        return starts(value, term->text, term->fold);
    case LY_FOP_CONTAINS:
        return contains(value, term->text, term->fold);
    default:
        return false;
    }
}

bool ly_filter_words_in(const ly_filter_node *term, ly_str text)
{
    if (text.len == 0) {
        return false;
    }
    if (ly_filter_text_ok(term, text)) {
        return true;
    }
    if (memchr(text.ptr, '\\', text.len) == NULL) {
        return false;
    }
    char *bytes = ly_malloc(text.len);
    bool ok = false;
    if (bytes != NULL) {
        memcpy(bytes, text.ptr, text.len);
        size_t len = text.len, before = 0;
        for (int level = 0; level < MAX_ESCAPED && !ok && len != before; level++) {
            before = len;
            len = ly_json_unescape(bytes, len);
            ok = len != before && ly_filter_text_ok(term, ly_str_n(bytes, len));
        }
    }
    ly_free(bytes);
    return ok;
}

bool ly_filter_real_ok(const ly_filter_node *term, double v)
{
    switch (term->op) {
    case LY_FOP_EXISTS:
        return true;
    case LY_FOP_EQ:
        return term->is_number && v == term->real;
    case LY_FOP_NE:
        return term->is_number && v != term->real;
    case LY_FOP_LT:
        return v < term->real;
    case LY_FOP_LE:
        return v <= term->real;
    case LY_FOP_GT:
        return v > term->real;
    case LY_FOP_GE:
        return v >= term->real;
    default:
        return false;
    }
}

static bool number_ok(const ly_filter_node *term, int64_t v)
{
    if (v == LY_FILTER_UNKNOWN) {
        return false;
    }
    switch (term->op) {
    case LY_FOP_EXISTS:
        return true;
    case LY_FOP_EQ:
        return v == term->number;
    case LY_FOP_NE:
        return v != term->number;
    case LY_FOP_LT:
        return v < term->number;
    case LY_FOP_LE:
        return v <= term->number;
    case LY_FOP_GT:
        return v > term->number;
    case LY_FOP_GE:
        return v >= term->number;
    default:
        return false;
    }
}

/* An empty view is unknown: no operator matches it. */
static bool known_text_ok(const ly_filter_node *term, ly_str value)
{
    return value.len > 0 && ly_filter_text_ok(term, value);
}

static bool word_ok(const ly_filter_node *t, const ly_filter_subject *s)
{
    const ly_str *const texts[] = {&s->name, &s->service, &s->model,         &s->request_model,
                                   &s->tool, &s->agent,   &s->status_message};
    for (size_t i = 0; i < LY_COUNT(texts); i++) {
        if (contains(*texts[i], t->text, t->fold)) {
            return true;
        }
    }
    return ly_str_starts(s->trace_id, t->text) || ly_str_starts(s->span_id, t->text);
}

static bool any_tag_ok(const ly_filter_node *t, const ly_filter_subject *s)
{
    for (size_t i = 0; i < s->n_tags; i++) {
        if (known_text_ok(t, s->tags[i])) {
            return true;
        }
    }
    return false;
}

static ly_str without_v(ly_str version)
{
    bool v =
        version.len > 1 && version.ptr[0] == 'v' && version.ptr[1] >= '0' && version.ptr[1] <= '9';
    return v ? ly_str_sub(version, 1, version.len) : version;
}

static bool prompt_ok(const ly_filter_node *t, const ly_filter_subject *s)
{
    return known_text_ok(t, s->prompt_name) &&
           (t->key.len == 0 || ly_str_eq(without_v(s->prompt_version), t->key));
}

static bool term_ok(const ly_filter_node *t, const ly_filter_subject *s)
{
    switch (t->field) {
    case LY_FLD_WORD:
        return word_ok(t, s);
    case LY_FLD_TYPE:
        return known_text_ok(t, s->type);
    case LY_FLD_STATUS:
        return known_text_ok(t, s->status);
    case LY_FLD_ORIGIN:
        return ly_str_eqc(t->text, "any") || known_text_ok(t, s->origin);
    case LY_FLD_NAME:
        return known_text_ok(t, s->name);
    case LY_FLD_SERVICE:
        return known_text_ok(t, s->service);
    case LY_FLD_PROVIDER:
        return known_text_ok(t, s->provider);
    case LY_FLD_MODEL:
        return known_text_ok(t, s->model) || known_text_ok(t, s->request_model);
    case LY_FLD_TOOL:
        return known_text_ok(t, s->tool);
    case LY_FLD_AGENT:
        return known_text_ok(t, s->agent);
    case LY_FLD_SESSION:
        return known_text_ok(t, s->session);
    case LY_FLD_USER:
        return known_text_ok(t, s->user);
    case LY_FLD_ENV:
        return known_text_ok(t, s->env);
    case LY_FLD_RELEASE:
        return known_text_ok(t, s->release);
    case LY_FLD_TAG:
        return any_tag_ok(t, s);
    case LY_FLD_PROMPT:
        return prompt_ok(t, s);
    case LY_FLD_DIALECT:
        return known_text_ok(t, s->dialect);
    case LY_FLD_TRACE:
        return ly_str_starts(s->trace_id, t->text);
    case LY_FLD_SPAN:
        return ly_str_starts(s->span_id, t->text);
    case LY_FLD_DUR:
        return number_ok(t, s->dur_ns);
    case LY_FLD_SELF:
        return number_ok(t, s->self_ns);
    case LY_FLD_TTFT:
        return number_ok(t, s->ttft_ns);
    case LY_FLD_TOKENS:
        return number_ok(t, s->is_root ? s->trace_tokens : s->tokens);
    case LY_FLD_COST:
        return number_ok(t, s->is_root ? s->trace_cost_pico : s->cost_pico);
    case LY_FLD_ERR:
        return number_ok(t, s->trace_errors);
    case LY_FLD_SPANS:
        return number_ok(t, s->trace_spans);
    case LY_FLD_LOOP:
        return number_ok(t, s->loop);
    case LY_FLD_AGE:
    case LY_FLD_TIME:
        return number_ok(t, s->start_ns);
    case LY_FLD_SCORE:
        return s->score != NULL && s->score(s->context, t);
    case LY_FLD_ATTR:
        return s->attr != NULL && s->attr(s->context, t);
    case LY_FLD_TEXT:
        return s->text != NULL && s->text(s->context, t);
    case LY_FLD_NAME_RE:
        return s->regex != NULL && s->regex(s->context, t->text, s->name);
    case LY_FLD__COUNT:
        break;
    }
    return false;
}

/* The parser bounds the depth of the tree by LY_MAX_FILTER_DEPTH. */
static bool node_ok(const ly_filter_node *n, const ly_filter_subject *s)
{
    switch (n->kind) {
    case LY_FILTER_ALL:
        return true;
    case LY_FILTER_NOT:
        return !node_ok(n->kids[0], s);
    case LY_FILTER_ROOT:
        return s->is_root && node_ok(n->kids[0], s);
    case LY_FILTER_AND:
        for (size_t i = 0; i < n->n_kids; i++) {
            if (!node_ok(n->kids[i], s)) {
                return false;
            }
        }
        return true;
    case LY_FILTER_OR:
        for (size_t i = 0; i < n->n_kids; i++) {
            if (node_ok(n->kids[i], s)) {
                return true;
            }
        }
        return false;
    case LY_FILTER_TERM:
        return term_ok(n, s);
    }
    return false;
}

bool ly_filter_match(const ly_filter *filter, const ly_filter_subject *subject)
{
    return node_ok(ly_filter_root(filter), subject);
}
