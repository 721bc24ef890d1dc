/* Checks: judges without a model. A further check is one function and one row of the table below. */
#include <math.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "judges/judge_i.h"
#include "judges/metric.h"
#include "text/regex.h"

static void pass(ly_judgement *out, bool yes)
{
    out->value = yes ? 1 : 0;
}

static void cannot(ly_judgement *out, const char *why)
{
    out->value = NAN;
    out->unscored = why;
}

static ly_str folded(ly_str s, ly_arena *arena)
{
    ly_str copy = ly_arena_copy(arena, s);
    char *p = (char *)(uintptr_t)copy.ptr;
    for (size_t i = 0; p && i < copy.len; i++) {
        p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
    }
    return copy;
}

static bool has(ly_str text, ly_str what)
{
    return ly_str_find(text, what, 0) != SIZE_MAX;
}

#define CHECK(name)                                                                                \
    static void name(const ly_judge *judge, ly_str arg, const ly_judge_input *in, ly_arena *arena, \
                     ly_judgement *out)
#define UNUSED_HERE \
    (void)judge;    \
    (void)arg;      \
    (void)arena

CHECK(contains)
{
    UNUSED_HERE;
    if (arg.len == 0) {
        cannot(out, "missing_input"); /* an empty text is in everything: that says nothing */
        return;
    }
    pass(out, has(in->output, arg));
    out->reason = ly_arena_fmt(arena, "%s \"%.*s\"", out->value > 0 ? "has" : "has not",
                               LY_STR_ARG(ly_str_sub(arg, 0, 80)));
}

CHECK(icontains)
{
    UNUSED_HERE;
    if (arg.len == 0) {
        cannot(out, "missing_input");
        return;
    }
    pass(out, has(folded(in->output, arena), folded(arg, arena)));
    out->reason = ly_arena_fmt(arena, "%s \"%.*s\"", out->value > 0 ? "has" : "has not",
                               LY_STR_ARG(ly_str_sub(arg, 0, 80)));
}

CHECK(not_contains)
{
    contains(judge, arg, in, arena, out);
    if (!isnan(out->value)) {
        out->value = 1 - out->value;
    }
}

CHECK(equals)
{
    UNUSED_HERE;
    pass(out, ly_str_eq(ly_str_trim(in->output), ly_str_trim(arg)));
}

CHECK(iequals)
{
    UNUSED_HERE;
    pass(out, ly_str_eq(folded(ly_str_trim(in->output), arena), folded(ly_str_trim(arg), arena)));
}

CHECK(starts_with)
{
    UNUSED_HERE;
    pass(out, ly_str_starts(in->output, arg));
}

CHECK(ends_with)
{
    UNUSED_HERE;
    pass(out, ly_str_ends(in->output, arg));
}

CHECK(one_of)
{
    UNUSED_HERE;
    ly_str rest = arg, item, text = ly_str_trim(in->output);
    bool found = false;
    while (ly_str_split(&rest, '|', &item)) {
        found = found || ly_str_eq(ly_str_trim(item), text);
    }
    pass(out, found);
}

CHECK(not_empty)
{
    UNUSED_HERE;
    pass(out, ly_str_trim(in->output).len > 0);
}

static ly_status prepare_regex(ly_judge *judge, ly_err *err)
{
    ly_regex *re = NULL;
    ly_status st = ly_regex_new(judge->argument, 0, &re, err);
    judge->compiled = re;
    if (st) {
        (void)ly_err_wrap(err, "judge %.*s", LY_STR_ARG(judge->name));
    }
    return st;
}

CHECK(regex)
{
    UNUSED_HERE;
    ly_regex_group group;
    ly_status st = ly_regex_find(judge->compiled, in->output, 0, &group, 1, NULL);
    if (st != LY_OK && st != LY_E_NOTFOUND) {
        cannot(out, "judge_limit");
        out->reason = LY_S("the expression took too many steps");
        return;
    }
    pass(out, st == LY_OK);
    if (st == LY_OK) {
        ly_str m = ly_str_sub(in->output, group.from, group.to - group.from);
        out->reason = ly_arena_fmt(arena, "matches \"%.*s\"", LY_STR_ARG(ly_str_sub(m, 0, 80)));
    }
}

CHECK(not_regex)
{
    regex(judge, arg, in, arena, out);
    if (!isnan(out->value)) {
        out->value = 1 - out->value;
    }
}

CHECK(json_valid)
{
    UNUSED_HERE;
    ly_json *doc = NULL;
    ly_err err = LY_ERR_INIT;
    pass(out, ly_json_parse(ly_str_trim(in->output), arena, &doc, &err) == LY_OK);
    if (out->value == 0) {
        out->reason = ly_arena_fmt(arena, "%s", err.text);
    }
}

/* "path" is there, or "path=value" says that. */
CHECK(json_path)
{
    UNUSED_HERE;
    ly_json *doc = NULL;
    size_t eq = ly_str_find_char(arg, '=', 0);
    ly_str path = ly_str_trim(ly_str_sub(arg, 0, eq == SIZE_MAX ? arg.len : eq));
    if (ly_json_parse(ly_str_trim(in->output), arena, &doc, NULL) != LY_OK) {
        pass(out, false);
        out->reason = LY_S("the output is not JSON");
        return;
    }
    if (ly_str_starts(path, LY_S("$."))) {
        path = ly_str_sub(path, 2, SIZE_MAX);
    }
    ly_str copy = ly_arena_copy(arena, path);
    const ly_json *node = copy.ptr ? ly_json_path(doc, copy.ptr) : NULL;
    if (!node || eq == SIZE_MAX) {
        pass(out, node != NULL);
        out->reason = node ? LY_STR_NONE : ly_arena_fmt(arena, "no %.*s", LY_STR_ARG(path));
        return;
    }
    ly_str want = ly_str_trim(ly_str_sub(arg, eq + 1, SIZE_MAX));
    ly_str got = node->kind == LY_JSON_STRING ? node->str : node->raw;
    pass(out, ly_str_eq(got, want));
    out->reason =
        ly_arena_fmt(arena, "%.*s is %.*s", LY_STR_ARG(path), LY_STR_ARG(ly_str_sub(got, 0, 80)));
}

/* "MIN..MAX", either side may be missing. */
static bool range_of(ly_str arg, int64_t *lo, int64_t *hi)
{
    size_t dots = ly_str_find(arg, LY_S(".."), 0);
    *lo = 0;
    *hi = INT64_MAX;
    if (dots == SIZE_MAX) {
        return ly_str_to_i64(ly_str_trim(arg), hi);
    }
    ly_str a = ly_str_trim(ly_str_sub(arg, 0, dots)),
           b = ly_str_trim(ly_str_sub(arg, dots + 2, SIZE_MAX));
    return (a.len == 0 || ly_str_to_i64(a, lo)) && (b.len == 0 || ly_str_to_i64(b, hi)) &&
           *lo <= *hi && (a.len || b.len);
}

static ly_status prepare_range(ly_judge *judge, ly_err *err)
{
    int64_t lo, hi;
    if (range_of(judge->argument, &lo, &hi)) {
        return LY_OK;
    }
    return LY_FAIL(err, LY_E_INVALID, "judge %.*s: write a limit or MIN..MAX after the colon",
                   LY_STR_ARG(judge->name));
}

static void in_range(ly_str arg, int64_t value, const char *unit, ly_arena *arena,
                     ly_judgement *out)
{
    int64_t lo = 0, hi = 0;
    bool good = range_of(arg, &lo, &hi);
    pass(out, good && value >= lo && value <= hi);
    out->reason = ly_arena_fmt(arena, "%lld %s", (long long)value, unit);
}

CHECK(length)
{
    UNUSED_HERE;
    in_range(arg, (int64_t)ly_utf8_count(in->output), "characters", arena, out);
}

CHECK(words)
{
    UNUSED_HERE;
    int64_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < in->output.len; i++) {
        bool space = (unsigned char)in->output.ptr[i] <= ' ';
        n += !space && !inside;
        inside = !space;
    }
    in_range(arg, n, "words", arena, out);
}

CHECK(tokens)
{
    UNUSED_HERE;
    if (in->tokens_out == LY_UNKNOWN) {
        cannot(out, "missing_input");
        return;
    }
    in_range(arg, in->tokens_out, "output tokens", arena, out);
}

static ly_status prepare_duration(ly_judge *judge, ly_err *err)
{
    int64_t ns;
    if (ly_duration_parse(judge->argument, &ns)) {
        return LY_OK;
    }
    return LY_FAIL(err, LY_E_INVALID,
                   "judge %.*s: write a time such as 800ms or 2s after the colon",
                   LY_STR_ARG(judge->name));
}

CHECK(latency)
{
    UNUSED_HERE;
    int64_t limit = 0;
    if (in->latency_ns == LY_UNKNOWN || !ly_duration_parse(arg, &limit)) {
        cannot(out, "missing_input");
        return;
    }
    pass(out, in->latency_ns <= limit);
    out->reason = ly_arena_fmt(arena, "%.3f s", (double)in->latency_ns / 1e9);
}

static bool dollars(ly_str arg, double *ret)
{
    arg = ly_str_trim(arg);
    if (arg.len && arg.ptr[0] == '$') {
        arg = ly_str_sub(arg, 1, SIZE_MAX);
    }
    return ly_str_to_double(arg, ret) && *ret >= 0;
}

static ly_status prepare_cost(ly_judge *judge, ly_err *err)
{
    double usd;
    if (dollars(judge->argument, &usd)) {
        return LY_OK;
    }
    return LY_FAIL(err, LY_E_INVALID, "judge %.*s: write dollars such as 0.002 after the colon",
                   LY_STR_ARG(judge->name));
}

CHECK(cost)
{
    UNUSED_HERE;
    double usd = 0;
    if (in->cost_pico == LY_UNKNOWN || !dollars(arg, &usd)) {
        cannot(out, "missing_input");
        out->reason = LY_S("the cost is not known");
        return;
    }
    pass(out, (double)in->cost_pico <= usd * 1e12);
    out->reason = ly_arena_fmt(arena, "$%.6f", (double)in->cost_pico / 1e12);
}

CHECK(tool_called)
{
    UNUSED_HERE;
    bool found = false;
    for (size_t i = 0; i < in->n_calls; i++) {
        found = found || ly_str_eq(in->calls[i].name, ly_str_trim(arg));
    }
    pass(out, found);
}

/* The first number of a text, thousands separators allowed. */
static bool number_in(ly_str s, double *ret)
{
    char digits[64];
    for (size_t i = 0; i < s.len; i++) {
        size_t n = 0, at = i;
        bool sign = s.ptr[at] == '-';
        at += sign;
        if (at >= s.len || s.ptr[at] < '0' || s.ptr[at] > '9') {
            continue;
        }
        if (sign) {
            digits[n++] = '-';
        }
        bool point = false;
        for (; at < s.len && n + 1 < sizeof digits; at++) {
            char c = s.ptr[at];
            bool next_digit = at + 1 < s.len && s.ptr[at + 1] >= '0' && s.ptr[at + 1] <= '9';
            if (c >= '0' && c <= '9') {
                digits[n++] = c;
            } else if (c == '.' && !point && next_digit) {
                digits[n++] = c;
                point = true;
            } else if (!(c == ',' && next_digit && !point)) {
                break;
            }
        }
        return ly_str_to_double(ly_str_n(digits, n), ret);
    }
    return false;
}

/* "VALUE" or "VALUE +- TOLERANCE" against the first number of the output. */
CHECK(number)
{
    UNUSED_HERE;
    size_t pm = ly_str_find(arg, LY_S("+-"), 0);
    double want, got, tolerance = 0;
    if (!number_in(ly_str_sub(arg, 0, pm == SIZE_MAX ? arg.len : pm), &want)) {
        cannot(out, "missing_input");
        return;
    }
    if (pm != SIZE_MAX && !number_in(ly_str_sub(arg, pm + 2, SIZE_MAX), &tolerance)) {
        cannot(out, "missing_input");
        return;
    }
    bool there = number_in(in->output, &got);
    pass(out, there && fabs(got - want) <= tolerance + 1e-9 * fmax(1, fabs(want)));
    out->reason = there ? ly_arena_fmt(arena, "says %g", got) : LY_S("no number in it");
}

static void graded(ly_judgement *out, double value)
{
    out->value = value;
    if (isnan(value)) {
        out->unscored = "judge_limit";
        out->reason = LY_S("too long to compare");
    }
}

CHECK(levenshtein)
{
    UNUSED_HERE;
    graded(out, ly_metric_levenshtein(in->output, arg));
}
CHECK(jaro_winkler)
{
    UNUSED_HERE;
    graded(out, ly_metric_jaro_winkler(in->output, arg));
}
CHECK(rouge_1)
{
    UNUSED_HERE;
    graded(out, ly_metric_rouge(in->output, arg, 1));
}
CHECK(rouge_2)
{
    UNUSED_HERE;
    graded(out, ly_metric_rouge(in->output, arg, 2));
}
CHECK(rouge_l)
{
    UNUSED_HERE;
    graded(out, ly_metric_rouge_l(in->output, arg));
}
CHECK(bleu)
{
    UNUSED_HERE;
    graded(out, ly_metric_bleu(in->output, arg));
}
CHECK(token_f1)
{
    UNUSED_HERE;
    graded(out, ly_metric_f1(in->output, arg));
}

static const ly_check checks[] = {
    {"contains", "the output has this text", "{{expected}}", false, contains, NULL},
    {"icontains", "the same, letters' case aside", "{{expected}}", false, icontains, NULL},
    {"not-contains", "the output has not this text", NULL, false, not_contains, NULL},
    {"equals", "equal, white space at the ends aside", "{{expected}}", false, equals, NULL},
    {"iequals", "the same, letters' case aside", "{{expected}}", false, iequals, NULL},
    {"starts-with", "begins with this text", NULL, false, starts_with, NULL},
    {"ends-with", "ends with this text", NULL, false, ends_with, NULL},
    {"one-of", "equals one of A|B|C", NULL, false, one_of, NULL},
    {"not-empty", "says anything at all", "", true, not_empty, NULL},
    {"regex", "matches this expression (PCRE2)", NULL, true, regex, prepare_regex},
    {"not-regex", "does not match it", NULL, true, not_regex, prepare_regex},
    {"json-valid", "is one JSON document", "", true, json_valid, NULL},
    {"json-path", "has a.b.0.c, or a.b=VALUE", NULL, false, json_path, NULL},
    {"length", "characters within MIN..MAX", NULL, true, length, prepare_range},
    {"words", "words within MIN..MAX", NULL, true, words, prepare_range},
    {"tokens", "output tokens within MIN..MAX", NULL, true, tokens, prepare_range},
    {"latency", "answered within a time (2s)", NULL, true, latency, prepare_duration},
    {"cost", "cost at most so many dollars", NULL, true, cost, prepare_cost},
    {"tool-called", "called this tool", NULL, false, tool_called, NULL},
    {"number", "its first number is VALUE, or VALUE+-TOLERANCE", "{{expected}}", false, number,
     NULL},
    {"levenshtein", "similarity by edits, 0 to 1", "{{expected}}", false, levenshtein, NULL},
    {"jaro-winkler", "similarity of short texts, 0 to 1", "{{expected}}", false, jaro_winkler,
     NULL},
    {"rouge-1", "word overlap F1", "{{expected}}", false, rouge_1, NULL},
    {"rouge-2", "word pair overlap F1", "{{expected}}", false, rouge_2, NULL},
    {"rouge-l", "longest common word sequence F1", "{{expected}}", false, rouge_l, NULL},
    {"bleu", "sentence BLEU-4, 13a, smoothed", "{{expected}}", false, bleu, NULL},
    {"f1", "SQuAD token F1", "{{expected}}", false, token_f1, NULL},
};

const ly_check *ly_check_named(ly_str name)
{
    for (size_t i = 0; i < LY_COUNT(checks); i++) {
        if (ly_str_eqc(name, checks[i].name)) {
            return &checks[i];
        }
    }
    return NULL;
}

const ly_check *ly_check_at(size_t i)
{
    return i < LY_COUNT(checks) ? &checks[i] : NULL;
}

/* The row's members and output, as one object for the argument's template. */
static ly_status check_vars(const ly_judge_input *in, ly_arena *arena, ly_json *ret, ly_err *err)
{
    size_t n = ly_json_is(in->row, LY_JSON_OBJECT) ? in->row->object.n : 0;
    ly_json_member *items = LY_ARENA_ARRAY(arena, ly_json_member, n + 1);
    if (!items) {
        return LY_NOMEM(err);
    }
    if (n) {
        memcpy(items, in->row->object.items, n * sizeof *items);
    }
    items[n].key = LY_S("output");
    items[n].value = (ly_json){.kind = LY_JSON_STRING, .str = in->output};
    *ret = (ly_json){.kind = LY_JSON_OBJECT};
    ret->object.items = items;
    ret->object.n = n + 1;
    return LY_OK;
}

ly_status ly_judge_check(const ly_judge *judge, const ly_judge_input *input, ly_arena *arena,
                         ly_judgement *ret, ly_err *err)
{
    ly_judgement j = {
        .value = NAN, .unscored = "", .cost_pico = LY_UNKNOWN, .tokens = LY_TOKENS_UNKNOWN};
    ly_str arg = judge->argument;
    ly_json vars;
    if (judge->template) {
        ly_buf buf;
        ly_buf_init(&buf, 1 << 20);
        ly_status st = check_vars(input, arena, &vars, err);
        if (!st) {
            st = ly_template_render(judge->template, &vars, NULL, &buf, err);
        }
        if (st == LY_E_NOTFOUND) {
            j.unscored = "missing_input";
            j.reason = err ? ly_arena_fmt(arena, "%s", err->text) : LY_S("a field is missing");
            st = LY_OK;
        }
        arg = ly_arena_copy(arena, ly_buf_view(&buf));
        ly_buf_release(&buf);
        if (st || !arg.ptr) {
            return st ? st : LY_NOMEM(err);
        }
    }
    if (!*j.unscored) {
        judge->check->score(judge, arg, input, arena, &j);
    }
    j.outcome = isnan(j.value) ? LY_UNSCORED : LY_SCORED;
    if (j.outcome == LY_UNSCORED && !*j.unscored) {
        j.unscored = "judge_bug";
    }
    *ret = j;
    return LY_OK;
}
