/* Two instrumentations around one call, neither span above the other; and content in forms that were lost. */
#include "genai/kit.h"

#define MS *INT64_C(1000000)

typedef struct call {
    int parent;
    const char *scope;
    int64_t from_ms, to_ms, in, out;
    const char *id; /* response id or NULL */
} call;

static void add_call(kit *k, const call *c)
{
    const ly_kv attrs[] = {OP("chat"), MODEL, IN(c->in), OUT(c->out), RESP(c->id ? c->id : "")};
    const size_t i = kit_add(k, c->scope, "chat", c->parent, 3, attrs, 5);
    k->spans[i].start_ns = 1000000000000000000u + (uint64_t)(c->from_ms MS);
    k->spans[i].end_ns = 1000000000000000000u + (uint64_t)(c->to_ms MS);
    kit_normalise(k, i);
}

/* Totals of a root, a step below it, and two calls. */
static void expect_calls(const call *a, const call *b, int64_t in, int64_t out)
{
    kit k;
    kit_init(&k);
    SPAN(&k, "app", "root", -1, 1, STR("a", "b"));
    SPAN(&k, "app", "step", 0, 1, STR("langsmith.span.kind", "chain"));
    SPAN(&k, "app", "tool", 0, 1, OP("execute_tool"));
    add_call(&k, a);
    add_call(&k, b);
    expect_total(&k, (vec){in, 0, 0, out, 0});
    kit_done(&k);
}

#define SDK   "com.anthropic.sdk.python"
#define OTHER "openinference.instrumentation.anthropic"

static void detached_stream_counts_once(void **state)
{
    (void)state;
    const call native = {0, SDK, 11, 19, 100, 20, "msg_1"};
    expect_calls(&(call){0, OTHER, 10, 20, 100, 20, NULL}, &native, 100, 20);
    /* the framework's spans hang lower: it did not make them current */
    expect_calls(&(call){1, OTHER, 10, 20, 100, 20, NULL}, &native, 100, 20);
}

static void what_differs_is_another_call(void **state)
{
    (void)state;
    const call native = {0, SDK, 11, 19, 100, 20, "msg_1"};
    const call others[] = {
        {0, SDK, 10, 20, 100, 20, NULL},      /* one instrumentation says each call once */
        {0, OTHER, 10, 20, 100, 21, NULL},    /* other counts */
        {0, OTHER, 11, 19, 100, 20, NULL},    /* the same times: neither runs within the other */
        {0, OTHER, 12, 30, 100, 20, NULL},    /* overlaps only */
        {0, OTHER, 1, 90, 100, 20, NULL},     /* the outer one did much else */
        {0, OTHER, 10, 20, 100, 20, "msg_2"}, /* another answer */
        {2, OTHER, 10, 20, 100, 20, NULL},    /* below a tool */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect_calls(&others[i], &native, 200, 20 + others[i].out);
    expect_calls(&(call){0, OTHER, 10, 20, 100, 20, NULL}, &(call){0, SDK, 11, 19, 100, 20, NULL},
                 200, 40); /* no id on either */
}

/* OpenLLMetry adds what Anthropic's stream said first to what it said last. */
static void one_answer_may_be_counted_in_two_ways(void **state)
{
    (void)state;
    const call native = {0, SDK, 11, 19, 100, 20, "msg_1"};
    kit k;
    kit_init(&k);
    SPAN(&k, "app", "root", -1, 1, STR("a", "b"));
    add_call(&k, &(call){0, OTHER, 10, 20, 100, 21, "msg_1"});
    add_call(&k, &native);
    ly_tree_sum sum;
    ly_tree_mark marks[KIT_SPANS];
    kit_count(&k, &sum, marks);
    assert_int_equal(sum.n_duplicates, 1);
    assert_int_equal(ly_tokens_in(&sum.total.tokens), 100);
    kit_done(&k);
    expect_calls(&(call){0, SDK, 10, 20, 100, 21, "msg_1"}, &native, 200, 41);
    expect_calls(&(call){0, OTHER, 10, 20, 99, 21, "msg_1"}, &native, 199, 41);
}

static ly_messages read_of(kit *k, size_t i)
{
    ly_messages m;
    assert_int_equal(ly_genai_messages(&k->spans[i], NULL, 0, &k->arena, &m), LY_OK);
    return m;
}

/* Strands: Bedrock's parts as JSON in events; the choice says how it ended. */
static void parts_in_events(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    SPAN(&k, "strands.telemetry.tracer", "chat", -1, 3, OP("chat"), MODEL);
    const ly_kv asked[] = {STR("content", "[{\"text\":\"weather?\"}]")};
    const ly_kv said[] = {STR("finish_reason", "tool_use"),
                          STR("message",
                              "[{\"text\":\"I look.\"},{\"toolUse\":{\"toolUseId\":\"c1\",\"name\":"
                              "\"get_weather\",\"input\":{\"city\":\"Kyoto\"}}}]")};
    ly_event events[] = {{.name = LY_S("gen_ai.user.message"), .attrs = {(ly_kv *)asked, 1, 0}},
                         {.name = LY_S("gen_ai.choice"), .attrs = {(ly_kv *)said, 2, 0}}};
    k.spans[0].events = events;
    k.spans[0].n_events = 2;
    kit_normalise(&k, 0);
    assert_true(ly_str_eqc(k.canon[0].finish_reason, "tool_call"));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_output, 1);
    assert_int_equal(m.output[0].n_parts, 2);
    assert_int_equal(m.output[0].parts[1].kind, LY_PART_TOOL_CALL);
    assert_true(ly_str_eqc(m.output[0].parts[1].tool_name, "get_weather"));
    kit_done(&k);
}

/* Pydantic AI 0: one list for both directions. */
static void listed_events(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    SPAN(&k, "pydantic-ai", "chat gpt-4o", -1, 3, OP("chat"), MODEL,
         STR("events", "[{\"event.name\":\"gen_ai.user.message\",\"role\":\"user\",\"content\":"
                       "\"hello\"},{\"event.name\":\"gen_ai.choice\",\"index\":0,\"message\":{"
                       "\"role\":\"assistant\",\"content\":\"world\"}}]"));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_input, 1);
    assert_int_equal(m.n_output, 1);
    assert_true(ly_str_eqc(m.output[0].parts[0].text, "world"));
    kit_done(&k);
}

static void masked_result_is_no_result(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    SPAN(&k, "gcp.vertex.agent", "execute_tool f", -1, 1, OP("execute_tool"),
         STR("gcp.vertex.agent.tool_response", "<elided>"));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.tool_result.len, 0);
    assert_true(m.withheld);
    kit_done(&k);
}

/* §3.2: counts alone are a model's, §4.3: and may be the sum of what is below. */
static void counts_alone(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    SPAN(&k, "app", "run", -1, 1, IN(300), OUT(60));
    SPAN(&k, "app", "tool", 0, 1, OP("execute_tool"));
    SPAN(&k, "app", "chat", 1, 3, OP("chat"), MODEL, IN(100), OUT(20));
    assert_int_equal(k.canon[0].type, LY_TYPE_GENERATION);
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    kit_done(&k);
}

/* What has a reader has a flag, by which lists, search and doctor go. */
static void content_is_known_to_be_there(void **state)
{
    (void)state;
    static const char *const keys[] = {"mastra.model_generation.input",
                                       "lk.chat_ctx",
                                       "prompt_text",
                                       "llm.messages",
                                       "gen_ai.request.messages",
                                       "mastra.agent_run.input",
                                       "braintrust.input_json"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        kit k;
        kit_init(&k);
        SPAN(&k, "x", "s", -1, 1, OP("chat"),
             STR(keys[i], "[{\"role\":\"user\",\"content\":\"a\"}]"));
        if (!k.canon[0].has_input)
            fail_msg("%s is not known as input", keys[i]);
        assert_true(read_of(&k, 0).n_input == 1);
        kit_done(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detached_stream_counts_once),
        cmocka_unit_test(what_differs_is_another_call),
        cmocka_unit_test(one_answer_may_be_counted_in_two_ways),
        cmocka_unit_test(parts_in_events),
        cmocka_unit_test(listed_events),
        cmocka_unit_test(masked_result_is_no_result),
        cmocka_unit_test(counts_alone),
        cmocka_unit_test(content_is_known_to_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
