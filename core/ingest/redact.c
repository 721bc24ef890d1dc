/*
 * ingest: redaction rules over one string, plain or JSON.
 *
 * A string without a match costs a search for each rule's needles and nothing else: no copy, no
 * allocation. JSON is walked token by token with the pull scanner, so nothing is built either; the
 * bytes between replaced tokens are copied as they stand.
 */
#include "ingest/redact.h"

#include <stdatomic.h>
#include <string.h>

#include "base/jscan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ingest/redact_impl.h"
#include "ingest/rules.h"
#include "text/regex.h"

#define MAX_RULES       256
#define MAX_NAME        64
#define MAX_JSON_LEVELS 8 /* JSON inside a JSON string inside ... */
#define MAX_TEXT        (2 * LY_MAX_REQUEST_BYTES)

typedef struct rule {
    char name[MAX_NAME + 1];
    ly_regex *regex; /* NULL: the credential rule, which goes by keys */
    const ly_builtin_rule *builtin;
    atomic_uint_least64_t count;
} rule;

struct ly_redact {
    rule *rules;
    size_t n;
    rule *credential; /* one of them, or NULL */
};

/* ------------------------------------------------------------------ building */

static ly_status add_rule(ly_redact *redact, ly_str name, const char *pattern_c, ly_str pattern,
                          const ly_builtin_rule *builtin, ly_err *err)
{
    rule *r = &redact->rules[redact->n];
    if (redact->n == MAX_RULES)
        return LY_FAIL(err, LY_E_INVALID, "more than %d redaction rules", MAX_RULES);
    (void)ly_str_copy(name, r->name, sizeof r->name);
    atomic_init(&r->count, 0);
    r->builtin = builtin;
    if (pattern_c || pattern.ptr) {
        ly_status status =
            ly_regex_new(pattern_c ? ly_str_c(pattern_c) : pattern, 0, &r->regex, err);
        if (status)
            return ly_err_wrap(err, "redaction rule %s", r->name);
    }
    redact->n++;
    return LY_OK;
}

/* A pattern that finds nothing at all, everywhere, would put a mark between any two letters. */
static ly_status add_own_rule(ly_redact *redact, const ly_redact_rule *own, ly_err *err)
{
    ly_status status = add_rule(redact, own->name, NULL, own->pattern, NULL, err);
    if (status)
        return status;
    const rule *r = &redact->rules[redact->n - 1];
    if (ly_regex_find(r->regex, LY_S(""), 0, NULL, 0, NULL) != LY_E_NOTFOUND)
        return LY_FAIL(
            err, LY_E_INVALID,
            "redaction rule %s: the pattern matches the empty text; write one that needs "
            "at least one character, such as a+ for a*",
            r->name);
    return LY_OK;
}

static ly_status add_group(ly_redact *redact, ly_str group, ly_err *err)
{
    bool known = false;
    for (size_t i = 0; i < ly_builtin_rules_n; i++) {
        const ly_builtin_rule *b = &ly_builtin_rules[i];
        if (!ly_str_eqc(group, b->group))
            continue;
        known = true;
        ly_status status = add_rule(redact, ly_str_c(b->name), b->pattern, LY_STR_NONE, b, err);
        if (status)
            return status;
    }
    if (!known)
        return LY_FAIL(err, LY_E_INVALID,
                       "redaction group \"%.*s\" is unknown; there are: secrets, pii, none",
                       LY_STR_ARG(group));
    if (ly_str_eqc(group, "secrets")) {
        redact->credential = &redact->rules[redact->n];
        return add_rule(redact, LY_S("credential"), NULL, LY_STR_NONE, NULL, err);
    }
    return LY_OK;
}

static ly_status add_groups(ly_redact *redact, ly_str groups, ly_err *err)
{
    ly_str group;
    while (ly_str_split(&groups, ',', &group)) {
        group = ly_str_trim(group);
        if (group.len == 0 || ly_str_eqc(group, "none"))
            continue;
        ly_status status = add_group(redact, group, err);
        if (status)
            return status;
    }
    return LY_OK;
}

static bool name_ok(ly_str name)
{
    if (name.len == 0 || name.len > MAX_NAME)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

ly_status ly_redact_new(ly_str groups, const ly_redact_rule *rules, size_t n_rules,
                        ly_redact **ret_redact, ly_err *err)
{
    ly_redact *redact = ly_calloc(1, sizeof *redact);
    if (!redact)
        return LY_NOMEM(err);
    redact->rules = ly_calloc(MAX_RULES + 1, sizeof *redact->rules);
    ly_status status = redact->rules ? add_groups(redact, groups, err) : LY_NOMEM(err);
    for (size_t i = 0; i < n_rules && !status; i++) {
        if (!name_ok(rules[i].name))
            status = LY_FAIL(err, LY_E_INVALID,
                             "\"%.*s\" is no name for a redaction rule; use letters, digits, - _ .",
                             LY_STR_ARG(rules[i].name));
        else
            status = add_own_rule(redact, &rules[i], err);
    }
    if (status || redact->n == 0) {
        ly_redact_free(redact);
        redact = NULL;
    }
    if (!status)
        *ret_redact = redact;
    return status;
}

void ly_redact_free(ly_redact *redact)
{
    if (!redact)
        return;
    for (size_t i = 0; i < redact->n; i++)
        ly_regex_free(redact->rules[i].regex);
    ly_free(redact->rules);
    ly_free(redact);
}

const char *ly_redact_rule_name(const ly_redact *redact, size_t i)
{
    return redact && i < redact->n ? redact->rules[i].name : NULL;
}

uint64_t ly_redact_rule_count(const ly_redact *redact, size_t i)
{
    return redact && i < redact->n ? atomic_load(&redact->rules[i].count) : 0;
}

uint64_t ly_redact_total(const ly_redact *redact)
{
    uint64_t sum = 0;
    for (size_t i = 0; redact && i < redact->n; i++)
        sum += atomic_load(&redact->rules[i].count);
    return sum;
}

/* --------------------------------------------------------------- plain text */

static bool may_match(const rule *r, ly_str s)
{
    if (!r->regex)
        return false;
    if (!r->builtin || !r->builtin->needles[0])
        return true;
    for (size_t i = 0; i < LY_RULE_NEEDLES && r->builtin->needles[i]; i++) {
        const char *needle = r->builtin->needles[i];
        if (memmem(s.ptr, s.len, needle, strlen(needle)))
            return true;
    }
    return false;
}

static void mark(rule *r, ly_buf *out)
{
    atomic_fetch_add(&r->count, 1);
    ly_buf_fmt(out, "[redacted:%s]", r->name);
}

/* One rule over one text. LY_OK = something was replaced, the whole new text is in `out`. */
static ly_status apply_rule(rule *r, ly_str s, ly_buf *out)
{
    size_t from = 0, copied = 0;
    bool any = false;
    while (from <= s.len) {
        ly_regex_group hit;
        ly_status status = ly_regex_find(r->regex, s, from, &hit, 1, NULL);
        if (status == LY_E_NOTFOUND)
            break;
        if (status) { /* could not be searched: nothing of it may stay */
            ly_buf_reset(out);
            mark(r, out);
            return out->failed ? LY_E_NOMEM : LY_OK;
        }
        size_t len = hit.to - hit.from;
        if (len > 0 && r->builtin && r->builtin->confirm)
            len = r->builtin->confirm(ly_str_sub(s, hit.from, len));
        if (len == 0) {
            from = hit.from + 1;
            continue;
        }
        ly_buf_str(out, ly_str_sub(s, copied, hit.from - copied));
        mark(r, out);
        copied = from = hit.from + len;
        any = true;
    }
    if (!any)
        return LY_E_NOTFOUND;
    ly_buf_str(out, ly_str_sub(s, copied, s.len));
    return out->failed ? LY_E_NOMEM : LY_OK;
}

static ly_status apply_rules(const ly_redact *redact, ly_str s, ly_buf *out)
{
    ly_buf now, next;
    ly_buf_init(&now, MAX_TEXT);
    ly_buf_init(&next, MAX_TEXT);
    ly_status result = LY_E_NOTFOUND;
    for (size_t i = 0; i < redact->n; i++) {
        rule *r = &redact->rules[i];
        if (!may_match(r, s))
            continue;
        ly_buf_reset(&next);
        ly_status status = apply_rule(r, s, &next);
        if (status == LY_E_NOTFOUND)
            continue;
        result = status;
        if (status)
            break;
        ly_buf swap = now;
        now = next;
        next = swap;
        s = ly_buf_view(&now);
    }
    if (result == LY_OK)
        ly_buf_str(out, s);
    ly_buf_release(&now);
    ly_buf_release(&next);
    return result == LY_OK && out->failed ? LY_E_NOMEM : result;
}

static bool is_mark(ly_str s)
{
    return ly_str_starts(s, LY_S("[redacted:")) && ly_str_ends(s, LY_S("]"));
}

ly_redact_force ly_redact_forces(const ly_redact *redact, ly_str key)
{
    return redact->credential ? ly_redact_key_force(key) : LY_FORCE_NOT;
}

/* --------------------------------------------------------------------- JSON */

static ly_status redact_level(const ly_redact *redact, ly_str s, ly_redact_force force,
                              unsigned level, ly_buf *out);

typedef struct json_walk {
    const ly_redact *redact;
    ly_jscan scan;
    const char *copied; /* everything before it is in out */
    unsigned level;
    unsigned force_depth;       /* > 0: inside the value of a credential, from this depth on */
    ly_redact_force force_next; /* the value that follows its key */
    bool changed;
    ly_buf *out;
} json_walk;

static void splice(json_walk *w, const char *from, const char *to, ly_str text)
{
    ly_buf_add(w->out, w->copied, (size_t)(from - w->copied));
    (void)ly_jstr_put(w->out, text, 0);
    w->copied = to;
    w->changed = true;
}

static ly_status json_string(json_walk *w, ly_redact_force force)
{
    ly_str raw = w->scan.text, text = raw;
    char *decoded = NULL;
    if (w->scan.escaped) {
        decoded = ly_malloc(raw.len + 1);
        if (!decoded)
            return LY_E_NOMEM;
        text = ly_str_n(decoded, ly_jscan_unescape(raw, decoded));
    }
    ly_buf out;
    ly_buf_init(&out, MAX_TEXT);
    ly_status status = redact_level(w->redact, text, force, w->level + 1, &out);
    if (status == LY_OK)
        splice(w, w->scan.from, raw.ptr + raw.len + 1, ly_buf_view(&out));
    ly_buf_release(&out);
    ly_free(decoded);
    return status == LY_E_NOTFOUND ? LY_OK : status;
}

static ly_status json_number(json_walk *w, ly_redact_force force)
{
    ly_buf out;
    ly_buf_init(&out, MAX_TEXT);
    ly_str number = w->scan.text;
    ly_status status = LY_E_NOTFOUND;
    if (force == LY_FORCE_ALL) {
        mark(w->redact->credential, &out);
        status = LY_OK;
    } else if (number.len >= 9) { /* nothing that a rule knows is a shorter number */
        status = apply_rules(w->redact, number, &out);
    }
    if (status == LY_OK)
        splice(w, number.ptr, number.ptr + number.len, ly_buf_view(&out));
    ly_buf_release(&out);
    return status == LY_E_NOTFOUND ? LY_OK : status;
}

static ly_status json_key(json_walk *w)
{
    w->force_next = ly_redact_forces(w->redact, w->scan.text);
    return json_string(w, LY_FORCE_NOT);
}

static ly_status json_token(json_walk *w, ly_jtoken token)
{
    ly_redact_force was_next = w->force_next;
    ly_redact_force force = w->force_depth > 0 ? LY_FORCE_ALL : was_next;
    if (token != LY_J_KEY)
        w->force_next = LY_FORCE_NOT;
    switch (token) {
    case LY_J_KEY:
        return json_key(w);
    case LY_J_STRING:
        return json_string(w, force);
    case LY_J_NUMBER:
        return json_number(w, force);
    case LY_J_ARRAY:
    case LY_J_OBJECT:
        if (was_next == LY_FORCE_ALL && w->force_depth == 0)
            w->force_depth = w->scan.depth;
        return LY_OK;
    case LY_J_ARRAY_END:
    case LY_J_OBJECT_END:
        if (w->force_depth > w->scan.depth)
            w->force_depth = 0;
        return LY_OK;
    default:
        return LY_OK;
    }
}

/* LY_E_FORMAT: this is no JSON document. */
static ly_status redact_json(const ly_redact *redact, ly_str s, unsigned level, ly_buf *out)
{
    json_walk w = {.redact = redact, .copied = s.ptr, .level = level, .out = out};
    size_t start = out->len;
    ly_jscan_init(&w.scan, s, LY_MAX_JSON_DEPTH);
    ly_jtoken token;
    ly_status status = LY_OK;
    while (!status && (token = ly_jscan_next(&w.scan)) > LY_J_END)
        status = json_token(&w, token);
    if (!status && w.scan.failed)
        status = LY_E_FORMAT;
    if (status || !w.changed) {
        ly_buf_cut(out, start);
        return status ? status : LY_E_NOTFOUND;
    }
    ly_buf_add(out, w.copied, (size_t)(s.ptr + s.len - w.copied));
    return out->failed ? LY_E_NOMEM : LY_OK;
}

static bool looks_like_json(ly_str s)
{
    ly_str t = ly_str_trim(s);
    return t.len >= 2 && ((t.ptr[0] == '{' && t.ptr[t.len - 1] == '}') ||
                          (t.ptr[0] == '[' && t.ptr[t.len - 1] == ']') ||
                          (t.ptr[0] == '"' && t.ptr[t.len - 1] == '"'));
}

static ly_status redact_level(const ly_redact *redact, ly_str s, ly_redact_force force,
                              unsigned level, ly_buf *out)
{
    if (s.len == 0)
        return LY_E_NOTFOUND;
    if (force == LY_FORCE_ALL || (force == LY_FORCE_IF_SECRET && ly_redact_looks_secret(s))) {
        if (is_mark(s))
            return LY_E_NOTFOUND;
        mark(redact->credential, out);
        return out->failed ? LY_E_NOMEM : LY_OK;
    }
    if (level < MAX_JSON_LEVELS && looks_like_json(s)) {
        ly_status status = redact_json(redact, s, level, out);
        if (status != LY_E_FORMAT)
            return status;
    }
    return apply_rules(redact, s, out);
}

/* ---------------------------------------------------------------- interfaces */

ly_status ly_redact_string(const ly_redact *redact, ly_str s, ly_redact_force force, ly_buf *out)
{
    size_t start = out->len;
    ly_status status = redact_level(redact, s, redact->credential ? force : LY_FORCE_NOT, 0, out);
    if (status && !out->failed)
        ly_buf_cut(out, start);
    return status;
}

bool ly_redact_matches(const ly_redact *redact, ly_str s)
{
    ly_buf out;
    ly_buf_init(&out, MAX_TEXT);
    ly_status status = apply_rules(redact, s, &out);
    ly_buf_release(&out);
    return status != LY_E_NOTFOUND;
}

ly_status ly_redact_text(const ly_redact *redact, ly_str text, ly_buf *out, ly_err *err)
{
    ly_status status = ly_redact_string(redact, text, LY_FORCE_NOT, out);
    return status == LY_E_NOMEM ? LY_NOMEM(err) : status;
}
