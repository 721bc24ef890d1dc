/* The filter grammar: trees, errors with their place, and hostile texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "filter/filter.h"

#define NOW (1795000000LL * LY_NS_PER_SEC)

static ly_str lookup(void *user, ly_str name)
{
    (void)user;
    if (ly_str_eqc(name, "slow")) {
        return LY_S("dur>2s type:tool");
    }
    if (ly_str_eqc(name, "self")) {
        return LY_S("a filter:self");
    }
    if (ly_str_eqc(name, "bad")) {
        return LY_S("type:nothing");
    }
    return LY_STR_NONE;
}

static const ly_filter_opts opts = {NOW, lookup, NULL};

/* A tree as text, so that expectations can be read. */
static void dump(const ly_filter_node *n, ly_buf *out)
{
    static const char *const ops[] = {":", "!=", "<", "<=", ">", ">=", "^", "~", "?"};
    switch (n->kind) {
    case LY_FILTER_ALL:
        ly_buf_c(out, "all");
        return;
    case LY_FILTER_TERM:
        break;
    default:
        ly_buf_c(out, n->kind == LY_FILTER_AND   ? "(and"
                      : n->kind == LY_FILTER_OR  ? "(or"
                      : n->kind == LY_FILTER_NOT ? "(not"
                                                 : "(root");
        for (size_t i = 0; i < n->n_kids; i++) {
            ly_buf_char(out, ' ');
            dump(n->kids[i], out);
        }
        ly_buf_char(out, ')');
        return;
    }
    ly_buf_c(out, ly_filter_field_name(n->field));
    if (n->key.len) {
        ly_buf_fmt(out, "[%.*s]", LY_STR_ARG(n->key));
    }
    ly_buf_c(out, ops[n->op]);
    switch (ly_filter_field_value(n->field)) {
    case LY_FVAL_DURATION:
    case LY_FVAL_COUNT:
    case LY_FVAL_MONEY:
        ly_buf_i64(out, n->number);
        break;
    case LY_FVAL_TIME:
        ly_buf_fmt(out, "now%+lld", (long long)((n->number - NOW) / LY_NS_PER_SEC));
        break;
    default:
        ly_buf_str(out, n->text);
        ly_buf_c(out, n->fold ? "/i" : "");
        ly_buf_c(out, n->is_number ? "#" : "");
    }
}

static const struct {
    const char *text;
    const char *tree;
} good[] = {
    {"", "all"},
    {"   ", "all"},
    {"refund", "~refund/i"},
    {"Refund", "~Refund"},
    {"\"refund order\"", "~refund order/i"},
    {"\"a \\\" b \\\\\"", "~a \" b \\/i"},
    {"type:tool", "type:tool"},
    {"type:LLM", "type:generation"},
    {"type:tool|agent", "(or type:tool type:agent)"},
    {"type:tool | status:error", "(or type:tool status:error)"},
    {"type:tool status:error", "(and type:tool status:error)"},
    {"!type:tool", "(not type:tool)"},
    {"!(a b)", "(not (and ~a/i ~b/i))"},
    {"a (b|c) d", "(and ~a/i (or ~b/i ~c/i) ~d/i)"},
    {"root:type:agent", "(root type:agent)"},
    {"root:(a dur>1s)", "(root (and ~a/i dur>1000000000))"},
    {"root:!a", "(root (not ~a/i))"},
    {"dur>2s", "dur>2000000000"},
    {"dur>=1.5s", "dur>=1500000000"},
    {"dur:1s..5s", "(and dur>=1000000000 dur<5000000000)"},
    {"dur:1s..", "dur>=1000000000"},
    {"self>100ms ttft<800ms", "(and self>100000000 ttft<800000000)"},
    {"tokens>10k", "tokens>10000"},
    {"tokens>=1.5M", "tokens>=1500000"},
    {"cost>0.05", "cost>50000000000"},
    {"cost<$1", "cost<1000000000000"},
    {"cost:*", "cost?0"},
    {"!cost:*", "(not cost?0)"},
    {"err>0 loop>2 spans=7", "(and err>0 loop>2 spans:7)"},
    {"age<1h", "time>now-3600"},
    {"age>=2d", "time<=now-172800"},
    {"since:2h", "time>=now-7200"},
    {"until:1h", "time<now-3600"},
    {"time>now", "time>now+0"},
    {"time:2h", "time:now-7200"},
    {"since:2026-11-20 until:2026-11-21", "(and time>=now+132800 time<now+219200)"},
    {"cost>0.000000000001", "cost>1"},
    {"cost:9000000.000000000001", "cost:9000000000000000001"},
    {"score.helpfulness<0.5", "score[helpfulness]<0.5#"},
    {"score.tone:friendly", "score[tone]:friendly"},
    {"score.tone:*", "score[tone]?"},
    {"score.\"two words\">=1", "score[two words]>=1#"},
    {"attr.http.method:GET", "attr[http.method]:GET"},
    {"attr.http.status_code>=500", "attr[http.status_code]>=500#"},
    {"attr.\"a:b\":\"x y\"", "attr[a:b]:x y"},
    {"attr.k:v|w", "(or attr[k]:v attr[k]:w)"},
    {"model:gpt-4*", "model^gpt-4"},
    {"model:\"gpt-4*\"", "model:gpt-4*"},
    {"model!=gpt-4o", "model!=gpt-4o"},
    {"model=gpt-4o", "model:gpt-4o"},
    {"provider:OpenAI", "provider:OpenAI/i"},
    {"prompt:reader/system@v7", "prompt[7]:reader/system"},
    {"prompt:reader", "prompt:reader"},
    {"trace:7F3A", "trace^7f3a"},
    {"text:\"refund order\"", "text~refund order/i"},
    {"~^chat.*", "~:^chat.*"},
    {"~\"a b\"", "~:a b"},
    {"filter:slow", "(and dur>2000000000 type:tool)"},
    {"!filter:slow x", "(and (not (and dur>2000000000 type:tool)) ~x/i)"},
    {"tool:f(x)", "tool:f(x)"},
    {"(tool:f(x))", "tool:f(x)"},
    {"origin:any", "origin:any"},
    {"status:pending", "status:pending"},
};

static void trees(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 65536);
    for (size_t i = 0; i < LY_COUNT(good); i++) {
        ly_filter *f = NULL;
        ly_err err = LY_ERR_INIT;
        if (ly_filter_parse(ly_str_c(good[i].text), &opts, &f, NULL, &err) != LY_OK) {
            fail_msg("%s: %s", good[i].text, err.text);
        }
        ly_buf_reset(&out);
        dump(ly_filter_root(f), &out);
        assert_string_equal(ly_buf_text(&out), good[i].tree);
        assert_true(ly_str_eqc(ly_filter_text(f), good[i].text));
        ly_filter_free(f);
    }
    ly_buf_release(&out);
}

static const struct {
    const char *text;
    size_t at;
    const char *what;     /* begins with */
    const char *expected; /* contains */
} bad[] = {
    {"modle:gpt", 0, "no key \"modle\"", "model"},
    {"a http://x", 2, "no key \"http\"", "quotes"},
    {"type:nothing", 5, "no type \"nothing\"", "generation"},
    {"a type:", 7, "type has no value", ""},
    {"dur>2", 4, "\"2\" is no value for dur", "1.5s"},
    {"dur>two", 4, "\"two\" is no value", ""},
    {"tokens>many", 7, "\"many\" is no value", "10k"},
    {"cost>x", 5, "\"x\" is no value", "0.05"},
    {"since:yesteryear", 6, "\"yesteryear\" is no value", "2h"},
    {"model>3", 0, "model has no order", ":"},
    {"a \"b", 2, "the quote is not closed", "\""},
    {"(a b", 0, "the bracket is not closed", ")"},
    {"a )", 2, "\")\" has nothing before it", ""},
    {"()", 1, "the brackets are empty", ""},
    {"a |", 3, "\"|\" is followed by no term", ""},
    {"| a", 0, "\"|\" has nothing before it", ""},
    {"!", 0, "\"!\" is followed by no term", ""},
    {"root: a", 0, "root: is followed by no term", "root:"},
    {"score:5", 0, "score needs a name", "score.NAME"},
    {"score.x", 7, "score has no value", "<="},
    {"score.x<y", 8, "\"y\" cannot be compared", "number"},
    {"attr.:v", 5, "attr needs a name", "attr.KEY"},
    {"trace:xyz", 6, "\"xyz\" is no id", "hexa"},
    {"filter:none", 7, "no saved filter \"none\"", ""},
    {"x filter:bad", 2, "no type \"nothing\"", ""},
    {"filter:self", 0, "", ""},
    {"~", 0, "the regular expression is empty", ""},
    {"a ~[b", 3, "regular expression is wrong", "PCRE2"},
    {"text!=x", 0, "text has no != here", "!text:x"},
    {"trace!=7f", 0, "trace has no != here", "!trace:7f"},
    {"prompt!=a@v2", 0, "prompt has no != here", "!prompt:a@v2"},
    {"time:2026-13", 5, "\"2026-13\" is no value", "yesterday"},
};

static void errors_name_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        ly_filter *f = (ly_filter *)&bad;
        ly_filter_error error;
        ly_err err = LY_ERR_INIT;
        ly_status st = ly_filter_parse(ly_str_c(bad[i].text), &opts, &f, &error, &err);
        if (st != LY_E_INVALID) {
            fail_msg("%s was accepted", bad[i].text);
        }
        assert_ptr_equal(f, &bad);
        if (error.at != bad[i].at) {
            fail_msg("%s: place %zu, not %zu (%s)", bad[i].text, error.at, bad[i].at, error.what);
        }
        if (!ly_str_starts(ly_str_c(error.what), ly_str_c(bad[i].what)) ||
            ly_str_find(ly_str_c(error.expected), ly_str_c(bad[i].expected), 0) == SIZE_MAX) {
            fail_msg("%s: %s / %s", bad[i].text, error.what, error.expected);
        }
        assert_true(strlen(err.text) > 10);
    }
}

static void caret_stands_under_the_place(void **state)
{
    (void)state;
    ly_filter *f = NULL;
    ly_filter_error error;
    ly_buf out;
    ly_buf_init(&out, 4096);
    ly_str text = LY_S("\xe6\x97\xa5\xe6\x9c\xac type:nothing");
    assert_int_equal(ly_filter_parse(text, &opts, &f, &error, NULL), LY_E_INVALID);
    ly_filter_caret(text, &error, 0, &out);
    assert_true(ly_str_starts(ly_buf_view(&out),
                              LY_S("  \xe6\x97\xa5\xe6\x9c\xac type:nothing\n            ^ no type "
                                   "\"nothing\"\n  expected: other agent")));
    ly_buf_release(&out);
}

static void limits(void **state)
{
    (void)state;
    ly_filter *f = NULL;
    ly_buf text;
    ly_buf_init(&text, LY_MIB(1));
    ly_buf_fill(&text, '(', 500);
    ly_buf_c(&text, "a");
    ly_buf_fill(&text, ')', 500);
    assert_int_equal(ly_filter_parse(ly_buf_view(&text), &opts, &f, NULL, NULL), LY_E_INVALID);
    ly_buf_reset(&text);
    ly_buf_fill(&text, '!', 500);
    ly_buf_c(&text, "a");
    assert_int_equal(ly_filter_parse(ly_buf_view(&text), &opts, &f, NULL, NULL), LY_E_INVALID);
    ly_buf_reset(&text);
    ly_buf_fill(&text, 'a', LY_MAX_FILTER_BYTES + 1);
    assert_int_equal(ly_filter_parse(ly_buf_view(&text), &opts, &f, NULL, NULL), LY_E_INVALID);
    ly_buf_reset(&text);
    for (int i = 0; i < 4000; i++) {
        ly_buf_c(&text, "a ");
    }
    assert_int_equal(ly_filter_parse(ly_buf_view(&text), &opts, &f, NULL, NULL), LY_OK);
    assert_int_equal(ly_filter_root(f)->n_kids, 4000);
    ly_filter_free(f);
    ly_buf_release(&text);
}

static void out_of_memory_is_told(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 20; n++) {
        ly_filter *f = NULL;
        ly_mem_fail_at(n, true);
        ly_status st = ly_filter_parse(LY_S("(a|b) !c type:tool"), &opts, &f, NULL, NULL);
        ly_mem_fail_at(0, false);
        if (st == LY_OK) {
            ly_filter_free(f);
            assert_true(n > 1);
            return;
        }
        assert_int_equal(st, LY_E_NOMEM);
        assert_null(f);
    }
    fail_msg("never succeeded");
}

static void random_texts_do_no_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "type:",   "tool",   "|",        "!",     "(",      ")",  "\"",   "\\",    " ",
        "dur>",    "2s",     "..",       "attr.", "score.", "x",  "<0.5", "root:", "~",
        "*",       "since:", "2h",       "age<",  "cost",   ":",  "=",    "\x80",  "\x1b",
        "filter:", "slow",   "tokens>=", "1k",    "text:",  "@v2"};
    uint64_t seed = 7;
    size_t accepted = 0;
    for (int round = 0; round < 50000; round++) {
        char text[160];
        size_t n = 0;
        for (;;) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            const char *piece = pieces[(seed >> 33) % LY_COUNT(pieces)];
            size_t len = strlen(piece);
            if (n + len > sizeof text || (seed >> 60) == 0) {
                break;
            }
            memcpy(text + n, piece, len);
            n += len;
        }
        ly_filter *f = NULL;
        ly_filter_error error;
        ly_status st = ly_filter_parse(ly_str_n(text, n), &opts, &f, &error, NULL);
        if (st == LY_OK) {
            accepted++;
            ly_filter_subject s = {.name = LY_S("chat"), .type = LY_S("tool")};
            (void)ly_filter_match(f, &s);
            ly_filter_free(f);
        } else {
            assert_int_equal(st, LY_E_INVALID);
            assert_true(error.at <= n);
            assert_true(error.what[0] != '\0');
            ly_buf out;
            ly_buf_init(&out, 65536);
            ly_filter_caret(ly_str_n(text, n), &error, 0, &out);
            assert_int_equal(out.failed, LY_OK);
            ly_buf_release(&out);
        }
    }
    assert_true(accepted > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(caret_stands_under_the_place),
        cmocka_unit_test(limits),
        cmocka_unit_test(out_of_memory_is_told),
        cmocka_unit_test(random_texts_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
