/* What a filter means for one span. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/filter.h"

static const ly_str tags[] = {{"beta", 4}, {"blue", 4}};

static bool attr(void *context, const ly_filter_node *term)
{
    (void)context;
    return (ly_str_eqc(term->key, "http.method") && ly_filter_text_ok(term, LY_S("GET"))) ||
           (ly_str_eqc(term->key, "http.status") && ly_filter_real_ok(term, 429));
}

static bool score(void *context, const ly_filter_node *term)
{
    (void)context;
    return ly_str_eqc(term->key, "help") && ly_filter_real_ok(term, 0.4);
}

static ly_filter_subject span(void)
{
    return (ly_filter_subject){
        .name = LY_S("chat gpt-4o"),
        .service = LY_S("support"),
        .provider = LY_S("openai"),
        .model = LY_S("gpt-4o-2024"),
        .request_model = LY_S("gpt-4o"),
        .type = LY_S("generation"),
        .status = LY_S("error"),
        .status_message = LY_S("429 Too many"),
        .origin = LY_S("app"),
        .user = LY_S("u1"),
        .prompt_name = LY_S("reader"),
        .prompt_version = LY_S("v7"),
        .trace_id = LY_S("7f3a0000000000000000000000000001"),
        .span_id = LY_S("91ac000000000001"),
        .tags = tags,
        .n_tags = 2,
        .start_ns = 1000,
        .dur_ns = 2500000000,
        .self_ns = LY_FILTER_UNKNOWN,
        .ttft_ns = 300000000,
        .tokens = 1200,
        .cost_pico = LY_FILTER_UNKNOWN,
        .trace_tokens = 50000,
        .trace_cost_pico = 20000000000,
        .trace_errors = 2,
        .trace_spans = 10,
        .attr = attr,
        .score = score,
    };
}

static const struct {
    const char *filter;
    bool child, root; /* does the span match when it is not / is the root */
} cases[] = {
    {"", true, true},
    {"gpt", true, true},
    {"GPT", false, false},
    {"Too", true, true},
    {"too", true, true},
    {"7f3a", true, true},
    {"type:generation", true, true},
    {"type:tool", false, false},
    {"type:tool|generation", true, true},
    {"!type:tool", true, true},
    {"model:gpt-4o", true, true},
    {"model:gpt-4o-2024", true, true},
    {"model:gpt", false, false},
    {"model:gpt*", true, true},
    {"provider:OpenAI", true, true},
    {"session:*", false, false},
    {"!session:*", true, true},
    {"session!=x", false, false}, /* unknown is neither equal nor different */
    {"user:*", true, true},
    {"dur>2s", true, true},
    {"dur>3s", false, false},
    {"self>0s", false, false},
    {"!self>0s", true, true},
    {"cost>0.01", false, true}, /* its own cost is unknown, the trace's is not */
    {"cost:*", false, true},
    {"tokens>10k", false, true},
    {"tokens:1200", true, false},
    {"err>0 spans:10", true, true},
    {"root:type:generation", false, true},
    {"!root:type:generation", true, false},
    {"tag:blue", true, true},
    {"tag:red", false, false},
    {"prompt:reader@v7", true, true},
    {"prompt:reader@7", true, true},
    {"prompt:reader@8", false, false},
    {"prompt:reader", true, true},
    {"attr.http.method:GET", true, true},
    {"attr.http.status>=400", true, true},
    {"attr.http.status:429", true, true},
    {"score.help<0.5", true, true},
    {"score.other<0.5", false, false},
    {"text:hello", false, false},
    {"origin:any", true, true},
    {"origin:eval", false, false},
    {"span:91ac trace:7f3a", true, true},
    {"a|type:generation", true, true},
    {"status:ok|error", true, true},
};

static void spans(void **state)
{
    (void)state;
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_filter *f = NULL;
        ly_err err = LY_ERR_INIT;
        assert_int_equal(ly_filter_parse(ly_str_c(cases[i].filter), NULL, &f, NULL, &err), LY_OK);
        ly_filter_subject s = span();
        if (ly_filter_match(f, &s) != cases[i].child) {
            fail_msg("%s: child", cases[i].filter);
        }
        s.is_root = true;
        if (ly_filter_match(f, &s) != cases[i].root) {
            fail_msg("%s: root", cases[i].filter);
        }
        ly_filter_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
