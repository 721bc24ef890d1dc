/* parse(print(tree)) is the tree: for texts put together at random from all that the grammar has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "filter/filter.h"

#define NOW (1795000000LL * LY_NS_PER_SEC)

static ly_str lookup(void *user, ly_str name)
{
    (void)user;
    return ly_str_eqc(name, "slow") ? LY_S("dur>2s type:tool | (model:gpt* \"two words\")")
                                    : LY_STR_NONE;
}

static const ly_filter_opts opts = {NOW, lookup, NULL};

static bool same(const ly_filter_node *a, const ly_filter_node *b)
{
    if (a->kind != b->kind || a->n_kids != b->n_kids) {
        return false;
    }
    for (size_t i = 0; i < a->n_kids; i++) {
        if (!same(a->kids[i], b->kids[i])) {
            return false;
        }
    }
    return a->kind != LY_FILTER_TERM ||
           (a->field == b->field && a->op == b->op && a->fold == b->fold &&
            a->number == b->number && a->is_number == b->is_number &&
            !(a->is_number && a->real < b->real) && !(a->is_number && a->real > b->real) &&
            ly_str_eq(a->key, b->key) && ly_str_eq(a->text, b->text));
}

/* False when the text is no filter. */
static bool round_trip(ly_str text)
{
    ly_filter *a = NULL, *b = NULL;
    ly_err err = LY_ERR_INIT;
    ly_buf out;
    if (ly_filter_parse(text, &opts, &a, NULL, &err) != LY_OK) {
        return false;
    }
    ly_buf_init(&out, LY_KIB(64));
    ly_filter_print(ly_filter_root(a), &out);
    if (ly_filter_parse(ly_buf_view(&out), &opts, &b, NULL, &err) != LY_OK) {
        fail_msg("%.*s -> %s: %s", LY_STR_ARG(text), ly_buf_text(&out), err.text);
    }
    if (!same(ly_filter_root(a), ly_filter_root(b))) {
        fail_msg("%.*s -> %s is another tree", LY_STR_ARG(text), ly_buf_text(&out));
    }
    ly_filter_free(a);
    ly_filter_free(b);
    ly_buf_release(&out);
    return true;
}

static const char *const heads[] = {"type:",
                                    "status:",
                                    "origin:",
                                    "name:",
                                    "service:",
                                    "provider:",
                                    "model:",
                                    "tool:",
                                    "agent:",
                                    "session:",
                                    "user:",
                                    "env:",
                                    "release:",
                                    "tag:",
                                    "prompt:",
                                    "dialect:",
                                    "model!=",
                                    "name!=",
                                    "type!=",
                                    "provider!=",
                                    "score.help:",
                                    "score.help<",
                                    "score.\"a b\">=",
                                    "attr.http.method:",
                                    "attr.\"a:b\"=",
                                    "attr.n>",
                                    "attr.n!=",
                                    "text:",
                                    "trace:",
                                    "span:",
                                    "dur>",
                                    "dur:",
                                    "self<=",
                                    "ttft<",
                                    "tokens>=",
                                    "tokens:",
                                    "cost>",
                                    "cost:",
                                    "cost!=",
                                    "err:",
                                    "spans!=",
                                    "loop>",
                                    "age<",
                                    "age>=",
                                    "age:",
                                    "age!=",
                                    "time:",
                                    "time>",
                                    "time!=",
                                    "since:",
                                    "until:",
                                    "~",
                                    "",
                                    "",
                                    "filter:"};
static const char *const values[] = {"tool",
                                     "generation",
                                     "llm",
                                     "error",
                                     "ok",
                                     "any",
                                     "eval",
                                     "gpt-4o",
                                     "gpt*",
                                     "*",
                                     "Word",
                                     "word",
                                     "\"two words\"",
                                     "\"a \\\" b \\\\\"",
                                     "\"*\"",
                                     "f(x)",
                                     "reader@v7",
                                     "reader/sys@prod",
                                     "\"x@v2\"",
                                     "7F3a",
                                     "ab",
                                     "2s",
                                     "1.5ms",
                                     "250us",
                                     "3h",
                                     "1s..5s",
                                     "..2m",
                                     "10k",
                                     "1.5M",
                                     "12",
                                     "-3",
                                     "0.05",
                                     "$1",
                                     "1e-3",
                                     "123.456789",
                                     "0.000000000001",
                                     "9200000",
                                     "yesterday",
                                     "2026-11",
                                     "2026",
                                     "last-week",
                                     "2026-11-20",
                                     "now",
                                     "2026-11-20T10:00:00.123456789Z",
                                     "2h",
                                     "10k..20k",
                                     "^chat.*",
                                     "\"a b\"",
                                     "slow",
                                     "\xe6\x97\xa5",
                                     "\"|\"",
                                     "\"\""};
static const char *const joins[] = {" ", " ", " | ", "|", " !", " (", ") ", " root:", " !("};

static uint64_t seed = 3;

static uint32_t dice(size_t n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % (uint32_t)n;
}

static void random_filters(void **state)
{
    (void)state;
    size_t accepted = 0;
    for (int round = 0; round < 60000; round++) {
        ly_buf text;
        int open = 0;
        ly_buf_init(&text, LY_KIB(4));
        for (uint32_t i = 0, n = 1 + dice(5); i < n; i++) {
            const char *join = i ? joins[dice(LY_COUNT(joins))] : dice(4) ? "" : "!";
            if (strchr(join, ')')) {
                join = open > 0 ? join : " ";
                open -= strchr(join, ')') != NULL;
            }
            open += strchr(join, '(') != NULL;
            ly_buf_c(&text, join);
            ly_buf_c(&text, heads[dice(LY_COUNT(heads))]);
            ly_buf_c(&text, values[dice(LY_COUNT(values))]);
        }
        ly_buf_fill(&text, ')', (size_t)open);
        accepted += round_trip(ly_buf_view(&text));
        ly_buf_release(&text);
    }
    print_message("%zu filters\n", accepted);
    assert_true(accepted > 5000);
}

static void every_key_with_every_value(void **state)
{
    (void)state;
    size_t accepted = 0;
    for (size_t h = 0; h < LY_COUNT(heads); h++) {
        for (size_t v = 0; v < LY_COUNT(values); v++) {
            char text[200];
            (void)snprintf(text, sizeof text, "%s%s", heads[h], values[v]);
            accepted += round_trip(ly_str_c(text));
            (void)snprintf(text, sizeof text, "type:tool | !%s%s", heads[h], values[v]);
            accepted += round_trip(ly_str_c(text));
        }
    }
    assert_true(accepted > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_with_every_value),
        cmocka_unit_test(random_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
