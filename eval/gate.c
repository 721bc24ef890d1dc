/* Gates (report.h): rules over a report that answer yes, no, or that it cannot be said. */
#include <math.h>

#include "eval/report.h"
#include "text/yaml.h"

typedef struct rule {
    ly_str judge, target, require;
    double min, margin, max_unscored; /* NaN = not given */
    uint32_t line;
} rule;

typedef struct gate {
    ly_report *report;
    ly_arena *arena;
    ly_gate_line *lines;
    size_t n, room;
    ly_gate_answer answer;
} gate;

const char *ly_gate_answer_name(ly_gate_answer answer)
{
    static const char *const names[] = {"pass", "fail", "cannot say"};
    return (unsigned)answer < LY_COUNT(names) ? names[answer] : "cannot say";
}

/* A failure outweighs what cannot be said, which outweighs a pass. */
static void add_line(gate *g, ly_gate_answer answer, ly_str text)
{
    if (g->n < g->room) {
        g->lines[g->n++] = (ly_gate_line){answer, text};
    }
    if (answer == LY_GATE_FAIL || (answer == LY_GATE_CANNOT_SAY && g->answer == LY_GATE_PASS)) {
        g->answer = answer;
    }
}

static ly_status read_rule(const ly_json *node, rule *ret, ly_err *err)
{
    static const char *const known[] = {"judge",   "target", "min",
                                        "require", "margin", "max_unscored"};
    rule r = {.min = NAN, .margin = NAN, .max_unscored = NAN, .line = node->line};
    if (!ly_json_is(node, LY_JSON_OBJECT)) {
        return LY_FAIL(err, LY_E_FORMAT, "gate line %u: a rule is %s, not name: value lines",
                       node->line, ly_json_kind_text(node));
    }
    for (size_t i = 0; i < node->object.n; i++) {
        size_t k = 0;
        while (k < LY_COUNT(known) && !ly_str_eqc(node->object.items[i].key, known[k])) {
            k++;
        }
        if (k == LY_COUNT(known)) {
            return LY_FAIL(err, LY_E_FORMAT,
                           "gate line %u: %.*s is none of judge, target, min, require, margin, "
                           "max_unscored",
                           node->object.items[i].value.line, LY_STR_ARG(node->object.items[i].key));
        }
    }
    r.judge = ly_json_str(ly_json_get(node, "judge"));
    r.target = ly_json_str(ly_json_get(node, "target"));
    r.require = ly_json_str(ly_json_get(node, "require"));
    (void)ly_json_double(ly_json_get(node, "min"), &r.min);
    (void)ly_json_double(ly_json_get(node, "margin"), &r.margin);
    (void)ly_json_double(ly_json_get(node, "max_unscored"), &r.max_unscored);
    if (r.judge.len == 0 || (isnan(r.min) && r.require.len == 0 && isnan(r.max_unscored))) {
        return LY_FAIL(
            err, LY_E_FORMAT,
            "gate line %u: a rule needs `judge` and one of `min`, `require`, `max_unscored`",
            node->line);
    }
    static const char *const words[] = {"improved", "non-inferior", "not-regressed"};
    bool good = r.require.len == 0;
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        good = good || ly_str_eqc(r.require, words[i]);
    }
    if (!good) {
        return LY_FAIL(
            err, LY_E_FORMAT,
            "gate line %u: require: %.*s is none of improved, non-inferior, not-regressed",
            node->line, LY_STR_ARG(ly_str_sub(r.require, 0, 60)));
    }
    *ret = r;
    return LY_OK;
}

static void check_min(gate *g, const rule *r, size_t j, size_t t)
{
    const ly_report_cell *c = &g->report->cells[j * g->report->n_targets + t];
    ly_interval v = c->mean.interval;
    ly_gate_answer a = !v.ok            ? LY_GATE_CANNOT_SAY
                       : v.lo >= r->min ? LY_GATE_PASS
                       : v.hi < r->min  ? LY_GATE_FAIL
                                        : LY_GATE_CANNOT_SAY;
    add_line(g, a,
             ly_arena_fmt(g->arena,
                          "%.*s of %.*s: mean %.3f [%.3f, %.3f] over %lld rows, at least %.3f",
                          LY_STR_ARG(r->judge), LY_STR_ARG(g->report->targets[t].name),
                          c->mean.mean, v.lo, v.hi, (long long)c->n_rows, r->min));
}

static void check_unscored(gate *g, const rule *r, size_t j, size_t t)
{
    const ly_report_cell *c = &g->report->cells[j * g->report->n_targets + t];
    double share = c->n_total ? (double)c->n_unscored / (double)c->n_total : 1;
    add_line(g, share <= r->max_unscored ? LY_GATE_PASS : LY_GATE_CANNOT_SAY,
             ly_arena_fmt(g->arena, "%.*s of %.*s: %lld of %lld unscored, at most %.1f %%",
                          LY_STR_ARG(r->judge), LY_STR_ARG(g->report->targets[t].name),
                          (long long)c->n_unscored, (long long)c->n_total, r->max_unscored * 100));
}

static ly_gate_answer by_verdict(const rule *r, ly_verdict v)
{
    if (v == LY_VERDICT_REGRESSED) {
        return LY_GATE_FAIL;
    }
    if (ly_str_eqc(r->require, "not-regressed") || v == LY_VERDICT_IMPROVED) {
        return LY_GATE_PASS;
    }
    bool near = v == LY_VERDICT_EQUIVALENT || v == LY_VERDICT_NONINFERIOR;
    return near && ly_str_eqc(r->require, "non-inferior") ? LY_GATE_PASS : LY_GATE_CANNOT_SAY;
}

static void check_require(gate *g, const rule *r, size_t j, size_t t)
{
    const ly_report *rep = g->report;
    for (size_t i = 0; i < rep->n_pairs; i++) {
        const ly_report_pair *p = &rep->pairs[i];
        if (p->judge != j || p->candidate != t) {
            continue;
        }
        ly_verdict v = p->verdict;
        if (!isnan(r->margin) && v != LY_VERDICT_IMPROVED && v != LY_VERDICT_REGRESSED) {
            v = ly_verdict_of(p->c.interval, p->c.interval, r->margin);
            v = v == LY_VERDICT_IMPROVED || v == LY_VERDICT_REGRESSED ? LY_VERDICT_INCONCLUSIVE : v;
        }
        add_line(g, by_verdict(r, v),
                 ly_arena_fmt(
                     g->arena, "%.*s of %.*s against %.*s: %+.3f [%+.3f, %+.3f], %s; required %.*s",
                     LY_STR_ARG(r->judge), LY_STR_ARG(rep->targets[t].name),
                     LY_STR_ARG(rep->targets[p->baseline].name), p->c.diff, p->c.interval.lo,
                     p->c.interval.hi, ly_verdict_name(v), LY_STR_ARG(r->require)));
        return;
    }
    add_line(g, LY_GATE_CANNOT_SAY,
             ly_arena_fmt(g->arena, "%.*s of %.*s: there is nothing to compare it with",
                          LY_STR_ARG(r->judge), LY_STR_ARG(rep->targets[t].name)));
}

static ly_status check_rule(gate *g, const rule *r, ly_err *err)
{
    const ly_report *rep = g->report;
    size_t j = 0;
    bool any = false;
    while (j < rep->n_judges && !ly_str_eq(rep->judges[j].name, r->judge)) {
        j++;
    }
    if (j == rep->n_judges) {
        return LY_FAIL(err, LY_E_NOTFOUND, "gate line %u: the run has no judge %.*s", r->line,
                       LY_STR_ARG(ly_str_sub(r->judge, 0, 160)));
    }
    for (size_t t = 0; t < rep->n_targets; t++) {
        bool wanted = r->target.len ? ly_str_eq(r->target, rep->targets[t].name)
                                    : rep->n_targets == 1 || t != rep->baseline;
        if (!wanted) {
            continue;
        }
        any = true;
        if (!isnan(r->min)) {
            check_min(g, r, j, t);
        }
        if (!isnan(r->max_unscored)) {
            check_unscored(g, r, j, t);
        }
        if (r->require.len) {
            check_require(g, r, j, t);
        }
    }
    return any ? LY_OK
               : LY_FAIL(err, LY_E_NOTFOUND, "gate line %u: the run has no target %.*s", r->line,
                         LY_STR_ARG(ly_str_sub(r->target, 0, 160)));
}

ly_status ly_gate_check(ly_str yaml, ly_report *report, ly_arena *arena, ly_gate_line **ret_lines,
                        size_t *ret_n, ly_gate_answer *ret_answer, ly_err *err)
{
    ly_json *doc = NULL;
    ly_status st = ly_yaml_parse(yaml, arena, &doc, err);
    if (st) {
        (void)ly_err_wrap(err, "gate");
        return st;
    }
    const ly_json *list = ly_json_is(doc, LY_JSON_OBJECT) ? ly_json_get(doc, "gate") : doc;
    if (!ly_json_is(list, LY_JSON_ARRAY) || list->array.n == 0) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "gate: write a list of rules, or `gate:` with one below it");
    }
    gate g = {.report = report, .arena = arena, .answer = LY_GATE_PASS};
    g.room = list->array.n * (report->n_targets + 1) * 3;
    g.lines = LY_ARENA_ARRAY(arena, ly_gate_line, g.room + 1);
    if (!g.lines) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < list->array.n && !st; i++) {
        rule r = {.min = NAN, .margin = NAN, .max_unscored = NAN};
        st = read_rule(&list->array.items[i], &r, err);
        if (!st) {
            st = check_rule(&g, &r, err);
        }
    }
    if (!st && report->run.n_cases < report->n_expected) {
        add_line(&g, LY_GATE_CANNOT_SAY,
                 ly_arena_fmt(arena, "the run is not complete: %lld of %lld cases",
                              (long long)report->run.n_cases, (long long)report->n_expected));
    }
    if (!st) {
        *ret_lines = g.lines;
        *ret_n = g.n;
        *ret_answer = g.answer;
    }
    return st;
}

static void xml(ly_buf *out, ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '&') {
            ly_buf_c(out, "&amp;");
        } else if (c == '<') {
            ly_buf_c(out, "&lt;");
        } else if (c == '>') {
            ly_buf_c(out, "&gt;");
        } else if (c == '"') {
            ly_buf_c(out, "&quot;");
        } else if (c >= ' ' || c == '\n' || c == '\t') {
            ly_buf_char(out, (char)c);
        }
    }
}

void ly_gate_junit(const ly_gate_line *lines, size_t n, ly_str name, ly_buf *out)
{
    size_t bad = 0, unsure = 0;
    for (size_t i = 0; i < n; i++) {
        bad += lines[i].answer == LY_GATE_FAIL;
        unsure += lines[i].answer == LY_GATE_CANNOT_SAY;
    }
    ly_buf_fmt(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"%.*s\" tests=\"%zu\" "
               "failures=\"%zu\" errors=\"%zu\">\n",
               LY_STR_ARG(name), n, bad, unsure);
    for (size_t i = 0; i < n; i++) {
        ly_buf_c(out, "  <testcase classname=\"gate\" name=\"");
        xml(out, lines[i].text);
        ly_buf_c(out, lines[i].answer == LY_GATE_PASS ? "\"/>\n" : "\">");
        if (lines[i].answer != LY_GATE_PASS) {
            const char *tag = lines[i].answer == LY_GATE_FAIL ? "failure" : "error";
            ly_buf_fmt(out, "<%s message=\"%s\"/></testcase>\n", tag,
                       ly_gate_answer_name(lines[i].answer));
        }
    }
    ly_buf_c(out, "</testsuite>\n");
}
