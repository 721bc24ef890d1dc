/* T1 … T30 of §4.10 in every order and with every span sent twice, then properties of random trees. */
#include "genai/kit.h"

#define CASE(name) static void name(void **state)

#define CLIENT   3
#define SERVER   2
#define INTERNAL 1

CASE(t01_plain)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    END;
}

CASE(t02_inclusive_cache)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(1000), OUT(50),
         INT("gen_ai.usage.cache_read.input_tokens", 600),
         INT("gen_ai.usage.cache_creation.input_tokens", 100),
         INT("gen_ai.usage.reasoning.output_tokens", 20));
    expect_total(&k, (vec){300, 600, 100, 30, 20});
    END;
}

CASE(t03_claude_code)
{
    BEGIN;
    SPAN(&k, "com.anthropic.claude_code.tracing", "claude_code.llm_request", -1, INTERNAL,
         STR("span.type", "llm_request"), INT("input_tokens", 10), INT("output_tokens", 40),
         INT("cache_read_tokens", 900), INT("cache_creation_tokens", 50));
    expect_total(&k, (vec){10, 900, 50, 40, 0});
    assert_true(k.canon[0].usage_mode & LY_USAGE_IN_EXCLUSIVE);
    END;
}

CASE(t04_rollup)
{
    BEGIN;
    const int a =
        (int)SPAN(&k, "x", "invoke_agent", -1, INTERNAL, OP("invoke_agent"), IN(300), OUT(60));
    SPAN(&k, "x", "chat", a, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    SPAN(&k, "x", "chat", a, CLIENT, OP("chat"), MODEL, IN(200), OUT(40));
    expect_total(&k, (vec){300, 0, 0, 60, 0});
    END;
}

CASE(t05_ai_sdk_last_step)
{
    BEGIN;
    const int a = (int)SPAN(
        &k, "ai", "ai.generateText", -1, INTERNAL, STR("ai.operationId", "ai.generateText"),
        INT("ai.usage.promptTokens", 200), INT("ai.usage.completionTokens", 40));
    SPAN(&k, "ai", "ai.generateText.doGenerate", a, INTERNAL,
         STR("ai.operationId", "ai.generateText.doGenerate"), MODEL, IN(100), OUT(20),
         INT("ai.usage.promptTokens", 100), INT("ai.usage.completionTokens", 20));
    SPAN(&k, "ai", "ai.generateText.doGenerate", a, INTERNAL,
         STR("ai.operationId", "ai.generateText.doGenerate"), MODEL, IN(200), OUT(40));
    expect_total(&k, (vec){300, 0, 0, 60, 0});
    END;
}

CASE(t06_remote_agent)
{
    BEGIN;
    SPAN(&k, "x", "invoke_agent", -1, CLIENT, OP("invoke_agent"), IN(500), OUT(80));
    expect_total(&k, (vec){500, 0, 0, 80, 0});
    END;
}

CASE(t07_layered)
{
    BEGIN;
    const int a =
        (int)SPAN(&k, "openinference.instrumentation.langchain", "ChatOpenAI", -1, INTERNAL,
                  STR("openinference.span.kind", "LLM"), INT("llm.token_count.prompt", 100),
                  INT("llm.token_count.completion", 20), RESP("r1"));
    SPAN(&k, "opentelemetry.instrumentation.openai_v2", "chat gpt-4o", a, CLIENT, OP("chat"), MODEL,
         IN(100), OUT(20), RESP("r1"));
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    END;
}

/* Three layers tell of one call: what the second knew goes over from the first to the third, which is kept. */
CASE(three_layers)
{
    BEGIN;
    const int a = (int)SPAN(&k, "x", "invoke_agent", -1, INTERNAL, OP("invoke_agent"));
    SPAN(&k, "x", "chat", a, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("r1"),
         INT("gen_ai.usage.cache_read.input_tokens", 40));
    SPAN(&k, "y", "chat", a, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("r1"),
         INT("gen_ai.usage.reasoning.output_tokens", 5));
    const int b = (int)SPAN(&k, "z", "invoke_agent", a, INTERNAL, OP("invoke_agent"));
    SPAN(&k, "z", "chat", b, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("r1"),
         INT("gen_ai.usage.cache_read.input_tokens", 40));
    expect_total(&k, (vec){60, 40, 0, 15, 5});
    END;
}

CASE(t08_adk)
{
    BEGIN;
    const int a =
        (int)SPAN(&k, "gcp.vertex.agent", "invoke_agent root", -1, INTERNAL, OP("invoke_agent"));
    const int b = (int)SPAN(&k, "gcp.vertex.agent", "call_llm", a, INTERNAL,
                            STR("gen_ai.system", "gcp.vertex.agent"), MODEL, IN(100), OUT(20));
    SPAN(&k, "gcp.vertex.agent", "generate_content gemini", b, INTERNAL, OP("generate_content"),
         MODEL, IN(100), OUT(20));
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    END;
}

CASE(t09_gateway)
{
    BEGIN;
    const int a = (int)SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    const int b = (int)SPAN(&k, "y", "chat", a, SERVER, OP("chat"), MODEL, IN(100), OUT(20));
    SPAN(&k, "y", "chat", b, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    ly_tree_sum sum;
    ly_tree_mark marks[KIT_SPANS];
    kit_count(&k, &sum, marks);
    expect_vec(&sum.total.tokens, (vec){100, 0, 0, 20, 0});
    assert_int_equal(marks[0].kind, LY_MARK_DUPLICATE);
    assert_int_equal(marks[1].kind, LY_MARK_DUPLICATE);
    assert_int_equal(marks[2].kind, LY_MARK_COUNTED);
    assert_int_equal(marks[0].same_as, 2);
    END;
}

CASE(t10_agent_as_tool)
{
    BEGIN;
    const int r = (int)SPAN(&k, "x", "invoke_agent A", -1, INTERNAL, OP("invoke_agent"));
    SPAN(&k, "x", "chat A", r, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    const int t = (int)SPAN(&k, "x", "execute_tool", r, INTERNAL, OP("execute_tool"));
    const int b =
        (int)SPAN(&k, "x", "invoke_agent B", t, INTERNAL, OP("invoke_agent"), IN(50), OUT(5));
    SPAN(&k, "x", "chat B", b, CLIENT, OP("chat"), MODEL, IN(50), OUT(5));
    expect_total(&k, (vec){150, 0, 0, 25, 0});
    END;
}

CASE(t11_leaf_with_tool_below)
{
    BEGIN;
    const int a = (int)SPAN(&k, "x", "chat A", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    const int t = (int)SPAN(&k, "x", "execute_tool", a, INTERNAL, OP("execute_tool"));
    SPAN(&k, "x", "chat B", t, CLIENT, OP("chat"), MODEL, IN(50), OUT(5));
    expect_total(&k, (vec){150, 0, 0, 25, 0});
    END;
}

CASE(t12_gemini_raw)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("generate_content"), MODEL, IN(100), OUT(30),
         INT("gen_ai.usage.reasoning.output_tokens", 40), INT("gen_ai.usage.total_tokens", 170));
    expect_total(&k, (vec){100, 0, 0, 30, 40});
    assert_true(k.canon[0].usage_mode & LY_USAGE_BY_EVIDENCE);
    END;
}

CASE(t13_xai_raw)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, STR("gen_ai.system", "xai"), IN(100),
         OUT(10), INT("gen_ai.usage.reasoning.output_tokens", 90));
    expect_total(&k, (vec){100, 0, 0, 10, 90});
    END;
}

CASE(t14_exclusive_by_evidence)
{
    BEGIN;
    SPAN(&k, "openinference.instrumentation.x", "LLM", -1, INTERNAL,
         STR("openinference.span.kind", "LLM"), INT("llm.token_count.prompt", 5),
         INT("llm.token_count.prompt_details.cache_read", 900),
         INT("llm.token_count.completion", 7));
    expect_total(&k, (vec){5, 900, 0, 7, 0});
    END;
}

CASE(t15_fetch_response)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("r1"));
    SPAN(&k, "x", "fetch_response", -1, CLIENT, OP("fetch_response"), IN(100), OUT(20), RESP("r1"));
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    END;
}

/* T16 (resend) is part of every case: kit_count sends each span twice. */

static ly_log_record make_log(kit *k, const char *scope, const char *event, const ly_kv *attrs,
                              size_t n, const ly_span *at)
{
    ly_kv *copy = LY_ARENA_ARRAY(&k->arena, ly_kv, n + 1);
    ly_scope *s = LY_ARENA_NEW(&k->arena, ly_scope);
    memcpy(copy, attrs, n * sizeof *attrs);
    s->name = ly_str_c(scope);
    ly_log_record log = {.time_ns = 1000000000500000000u,
                         .event_name = ly_str_c(event),
                         .attrs = {copy, n, 0},
                         .resource = &k->resource,
                         .scope = s};
    if (at) {
        log.has_trace_id = log.has_span_id = true;
        log.trace_id = at->trace_id;
        log.span_id = at->span_id;
    }
    return log;
}
#define LOG(k, scope, event, at, ...)                             \
    make_log((k), (scope), (event), (const ly_kv[]){__VA_ARGS__}, \
             sizeof((const ly_kv[]){__VA_ARGS__}) / sizeof(ly_kv), (at))

static bool keys_meet(const ly_span *span, const ly_canon *canon, const ly_log_record *log,
                      const ly_log_info *info)
{
    uint64_t a[LY_JOIN_KEYS], b[LY_JOIN_KEYS];
    const size_t n = ly_genai_span_keys(span, canon, a), m = ly_genai_log_keys(log, info, b);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            if (a[i] == b[j])
                return true;
    return false;
}

CASE(t17_span_and_log)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    const ly_log_record log = LOG(&k, "x", "gen_ai.client.inference.operation.details", &k.spans[0],
                                  OP("chat"), MODEL, IN(100), OUT(20));
    ly_log_info info;
    assert_int_equal(ly_genai_log(&log, &k.arena, &info), LY_OK);
    assert_true(keys_meet(&k.spans[0], &k.canon[0], &log, &info));
    assert_true(ly_genai_same_call(&info, &k.nodes[0]));
    assert_false(ly_genai_enrich(&k.canon[0], &info) && ly_tokens_in(&k.canon[0].tokens) != 100);
    ly_tree_node_from(&k.spans[0], &k.canon[0], &k.nodes[0]);
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    END;
}

CASE(t17b_usage_only_in_the_log)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL);
    const ly_log_record log = LOG(&k, "x", "gen_ai.client.inference.operation.details", &k.spans[0],
                                  OP("chat"), MODEL, IN(100), OUT(20));
    ly_log_info info;
    assert_int_equal(ly_genai_log(&log, &k.arena, &info), LY_OK);
    assert_true(ly_genai_enrich(&k.canon[0], &info));
    assert_true(k.canon[0].usage_mode & LY_USAGE_FROM_LOG);
    ly_tree_node_from(&k.spans[0], &k.canon[0], &k.nodes[0]);
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    END;
}

CASE(t18_log_only)
{
    BEGIN;
    const ly_log_record log =
        LOG(&k, "com.anthropic.claude_code.events", "api_request", NULL,
            STR("model", "claude-sonnet-4-5"), INT("input_tokens", 10), INT("output_tokens", 40),
            INT("cache_read_tokens", 900), INT("cache_creation_tokens", 50),
            STR("request_id", "req_1"), STR("session.id", "s"), DBL("cost_usd", 0.0123));
    ly_log_info info;
    assert_int_equal(ly_genai_log(&log, &k.arena, &info), LY_OK);
    assert_int_equal(info.kind, LY_LOG_CALL);
    assert_true(info.makes_leaf);
    assert_int_equal(info.canon.client_cost_pico, 12300000000);
    k.n = 1;
    k.spans[0].span_id = info.leaf_span;
    ly_tree_node_from(&k.spans[0], &info.canon, &k.nodes[0]);
    k.nodes[0].flags |= LY_NODE_SYNTHETIC;
    expect_total(&k, (vec){10, 900, 50, 40, 0});
    /* The same event gives the same leaf. */
    ly_log_info again;
    assert_int_equal(ly_genai_log(&log, &k.arena, &again), LY_OK);
    assert_memory_equal(&info.leaf_span, &again.leaf_span, sizeof info.leaf_span);
    assert_memory_equal(&info.leaf_trace, &again.leaf_trace, sizeof info.leaf_trace);
    END;
}

CASE(t19_logfire_agent_sdk)
{
    BEGIN;
    const int r = (int)SPAN(&k, "logfire.claude_agent_sdk", "invoke_agent", -1, INTERNAL,
                            OP("invoke_agent"), IN(300), OUT(60), DBL("operation.cost", 0.01));
    SPAN(&k, "logfire.claude_agent_sdk", "chat", r, INTERNAL, OP("chat"), MODEL,
         INT("gen_ai.usage.partial.input_tokens", 100),
         INT("gen_ai.usage.partial.output_tokens", 20));
    SPAN(&k, "logfire.claude_agent_sdk", "chat", r, INTERNAL, OP("chat"), MODEL,
         INT("gen_ai.usage.partial.input_tokens", 200),
         INT("gen_ai.usage.partial.output_tokens", 40));
    expect_total(&k, (vec){300, 0, 0, 60, 0});
    END;
}

CASE(t20_aggregated)
{
    BEGIN;
    const int r = (int)SPAN(&k, "pydantic-ai", "agent run", -1, INTERNAL,
                            INT("gen_ai.aggregated_usage.input_tokens", 300),
                            INT("gen_ai.aggregated_usage.output_tokens", 60));
    SPAN(&k, "pydantic-ai", "chat", r, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    SPAN(&k, "pydantic-ai", "chat", r, CLIENT, OP("chat"), MODEL, IN(200), OUT(40));
    assert_int_equal(k.canon[0].type, LY_TYPE_AGENT);
    expect_total(&k, (vec){300, 0, 0, 60, 0});
    END;
}

CASE(t21_both_spellings)
{
    BEGIN;
    SPAN(&k, "ai", "ai.generateText.doGenerate", -1, INTERNAL,
         STR("ai.operationId", "ai.generateText.doGenerate"), MODEL,
         INT("ai.usage.inputTokens", 100), IN(100), INT("ai.usage.promptTokens", 100), OUT(20));
    expect_total(&k, (vec){100, 0, 0, 20, 0});
    END;
}

CASE(t22_langfuse)
{
    BEGIN;
    SPAN(&k, "langfuse-sdk", "gen", -1, INTERNAL, STR("langfuse.observation.type", "generation"),
         STR("langfuse.observation.usage_details",
             "{\"input\":10,\"input_cached_tokens\":90,\"output\":5,"
             "\"output_reasoning_tokens\":3,\"total\":108}"));
    expect_total(&k, (vec){10, 90, 0, 5, 3});
    END;
}

CASE(t23_unknown)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL);
    expect_total(&k, (vec){UNK, UNK, UNK, UNK, UNK});
    END;
}

CASE(t24_zero)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(0), OUT(0));
    ly_tree_sum sum;
    kit_count(&k, &sum, NULL);
    assert_int_equal(sum.total.tokens.in_fresh, 0);
    assert_int_equal(sum.total.tokens.out_visible, 0);
    assert_int_equal(sum.total.n_counted, 1);
    END;
}

CASE(t25_late_root)
{
    BEGIN;
    /* First the child alone, whose parent is not there yet; then the parent comes. */
    SPAN(&k, "x", "chat", 1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("r1"));
    ly_tree_sum sum;
    ly_tree_mark marks[KIT_SPANS];
    kit_count(&k, &sum, marks);
    expect_vec(&sum.total.tokens, (vec){100, 0, 0, 20, 0});
    assert_true(marks[0].orphan && marks[0].root);
    SPAN(&k, "y", "LLM", -1, INTERNAL, STR("openinference.span.kind", "LLM"),
         INT("llm.token_count.prompt", 100), INT("llm.token_count.completion", 20), RESP("r1"));
    kit_count(&k, &sum, marks);
    expect_vec(&sum.total.tokens, (vec){100, 0, 0, 20, 0});
    assert_false(marks[0].orphan || marks[0].root);
    END;
}

CASE(t26_embed)
{
    BEGIN;
    const int a = (int)SPAN(&k, "ai", "ai.embed", -1, INTERNAL, STR("ai.operationId", "ai.embed"),
                            INT("ai.usage.tokens", 7));
    SPAN(&k, "ai", "ai.embed.doEmbed", a, INTERNAL, STR("ai.operationId", "ai.embed.doEmbed"),
         INT("ai.usage.tokens", 7));
    expect_total(&k, (vec){7, 0, 0, UNK, UNK});
    END;
}

CASE(t27_judge)
{
    BEGIN;
    const int r = (int)SPAN(&k, "x", "root", -1, INTERNAL, OP("invoke_agent"));
    SPAN(&k, "x", "chat", r, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    const int e =
        (int)SPAN(&k, "x", "judge", r, INTERNAL, STR("openinference.span.kind", "EVALUATOR"));
    SPAN(&k, "x", "chat", e, CLIENT, OP("chat"), MODEL, IN(40), OUT(4));
    ly_tree_sum sum;
    kit_count(&k, &sum, NULL);
    expect_vec(&sum.by_origin[LY_ORIGIN_APP].tokens, (vec){100, 0, 0, 20, 0});
    expect_vec(&sum.by_origin[LY_ORIGIN_JUDGE].tokens, (vec){40, 0, 0, 4, 0});
    expect_vec(&sum.total.tokens, (vec){140, 0, 0, 24, 0});
    END;
}

CASE(t28_parallel_fallback)
{
    BEGIN;
    const int a = (int)SPAN(&k, "x", "chat outer", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    SPAN(&k, "y", "chat 1", a, CLIENT, OP("chat"), MODEL, IN(100), OUT(0),
         STR("error.type", "500"));
    SPAN(&k, "y", "chat 2", a, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    expect_total(&k, (vec){200, 0, 0, 20, 0});
    END;
}

CASE(t29_cost_levels)
{
    BEGIN;
    const int r = (int)SPAN(&k, "x", "agent", -1, INTERNAL, OP("invoke_agent"), IN(300), OUT(60),
                            DBL("operation.cost", 0.05));
    SPAN(&k, "x", "chat", r, CLIENT, OP("chat"), MODEL, IN(100), OUT(20),
         DBL("operation.cost", 0.02));
    SPAN(&k, "x", "chat", r, CLIENT, OP("chat"), MODEL, IN(200), OUT(40),
         DBL("operation.cost", 0.03));
    ly_tree_sum sum;
    kit_count(&k, &sum, NULL);
    assert_int_equal(sum.total.cost_pico, 50000000000);
    assert_int_equal(sum.total.n_unpriced, 0);
    END;
}

CASE(t30_cost_root_only)
{
    BEGIN;
    const int r =
        (int)SPAN(&k, "x", "agent", -1, INTERNAL, OP("invoke_agent"), DBL("operation.cost", 0.05));
    SPAN(&k, "x", "chat", r, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    SPAN(&k, "x", "chat", r, CLIENT, OP("chat"), MODEL, IN(200), OUT(40));
    ly_tree_sum sum;
    ly_tree_mark marks[KIT_SPANS];
    kit_count(&k, &sum, marks);
    assert_int_equal(sum.total.cost_pico, 50000000000);
    assert_int_equal(sum.total.n_unpriced, 0);
    assert_true(marks[0].cost_rollup && marks[0].cost_counted);
    END;
}

/* ---- beyond the table ------------------------------------------------------------------------- */

CASE(embedding_below_a_chat_is_another_call)
{
    BEGIN;
    const int a = (int)SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    SPAN(&k, "x", "embeddings", a, CLIENT, OP("embeddings"), IN(7));
    expect_total(&k, (vec){107, 0, 0, 20, 0});
    END;
}

CASE(constant_response_ids_do_not_merge_calls)
{
    BEGIN;
    /* A mock that always answers "chatcmpl-1": other counts, or one after the other. */
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("chatcmpl-1"));
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(101), OUT(20), RESP("chatcmpl-1"));
    const size_t c =
        SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("chatcmpl-1"));
    k.nodes[c].start_ns += 5000000000;
    k.nodes[c].end_ns += 5000000000;
    expect_total(&k, (vec){301, 0, 0, 60, 0});
    END;
}

CASE(twin_spans_in_two_subtrees_count_once)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("r9"));
    SPAN(&k, "y", "chat", -1, CLIENT, OP("chat"), MODEL, IN(100), OUT(20), RESP("r9"),
         INT("gen_ai.usage.cache_read.input_tokens", 60));
    ly_tree_sum sum;
    ly_tree_mark marks[KIT_SPANS];
    kit_count(&k, &sum, marks);
    expect_vec(&sum.total.tokens, (vec){40, 60, 0, 20, 0});
    assert_int_equal(marks[0].kind, LY_MARK_DUPLICATE);
    assert_int_equal(marks[0].same_as, 1);
    END;
}

CASE(descendant_gets_the_parts_of_its_twin)
{
    BEGIN;
    const int a = (int)SPAN(&k, "x", "LLM", -1, INTERNAL, OP("chat"), MODEL, IN(100), OUT(20),
                            INT("gen_ai.usage.cache_read.input_tokens", 60));
    SPAN(&k, "y", "chat", a, CLIENT, OP("chat"), MODEL, IN(100), OUT(20));
    expect_total(&k, (vec){40, 60, 0, 20, 0});
    END;
}

CASE(rollup_of_rollups)
{
    BEGIN;
    const int a =
        (int)SPAN(&k, "x", "workflow", -1, INTERNAL, OP("invoke_workflow"), IN(90), OUT(9));
    const int b = (int)SPAN(&k, "x", "agent", a, INTERNAL, OP("invoke_agent"), IN(80), OUT(8));
    SPAN(&k, "x", "step", b, INTERNAL, OP("agent_step"));
    ly_tree_sum sum;
    ly_tree_mark marks[KIT_SPANS];
    kit_count(&k, &sum, marks);
    expect_vec(&sum.total.tokens, (vec){80, 0, 0, 8, 0});
    assert_int_equal(marks[0].kind, LY_MARK_COVERED);
    assert_int_equal(marks[0].gap_in, 10);
    END;
}

CASE(eval_origin_is_inherited)
{
    BEGIN;
    const int a = (int)SPAN(&k, "lydite", "case", -1, INTERNAL, STR("lydite.origin", "eval"));
    SPAN(&k, "x", "chat", a, CLIENT, OP("chat"), MODEL, IN(3), OUT(1));
    ly_tree_sum sum;
    kit_count(&k, &sum, NULL);
    assert_int_equal(sum.origin, LY_ORIGIN_EVAL);
    expect_vec(&sum.by_origin[LY_ORIGIN_EVAL].tokens, (vec){3, 0, 0, 1, 0});
    END;
}

/* ---- shapes ----------------------------------------------------------------------------------- */

static void fill_nodes(ly_tree_node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        nodes[i] = (ly_tree_node){.span_id = kit_id(i),
                                  .start_ns = (int64_t)i,
                                  .end_ns = (int64_t)i + 10,
                                  .tokens = LY_TOKENS_UNKNOWN,
                                  .client_cost_pico = LY_UNKNOWN,
                                  .book_cost_pico = LY_UNKNOWN,
                                  .type = LY_TYPE_STEP};
    }
}

static void make_leaf(ly_tree_node *node, int64_t in, int64_t out)
{
    node->type = LY_TYPE_GENERATION;
    node->role = LY_ROLE_LEAF;
    node->tokens.in_fresh = in;
    node->tokens.out_visible = out;
}

CASE(cycles_and_self_parents)
{
    (void)state;
    enum { N = 6 };
    ly_tree_node nodes[N];
    ly_tree_mark marks[N];
    ly_tree_sum sum;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    fill_nodes(nodes, N);
    nodes[0].parent_id = nodes[0].span_id; /* itself */
    nodes[1].parent_id = nodes[2].span_id; /* 1 > 2 > 3 > 1 */
    nodes[2].parent_id = nodes[3].span_id;
    nodes[3].parent_id = nodes[1].span_id;
    nodes[4].parent_id = nodes[2].span_id; /* hangs on the cycle */
    nodes[5].parent_id = kit_id(99);       /* orphan */
    for (size_t i = 0; i < N; i++)
        make_leaf(&nodes[i], 1, 1);
    assert_int_equal(ly_tree_count(nodes, N, &arena, marks, &sum, NULL), LY_OK);
    assert_int_equal(sum.n_cycles, 2);
    assert_int_equal(sum.n_orphans, 1);
    assert_int_equal(sum.n_roots, 3);
    assert_true(sum.total.n_counted >= 3 && sum.total.n_counted <= N);
    ly_arena_release(&arena);
}

CASE(deep_and_wide)
{
    (void)state;
    enum { DEEP = 5000, WIDE = 100000, N = DEEP + WIDE };
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_tree_node *nodes = LY_ARENA_ARRAY(&arena, ly_tree_node, N);
    ly_tree_mark *marks = LY_ARENA_ARRAY(&arena, ly_tree_mark, N);
    ly_tree_sum sum;
    fill_nodes(nodes, N);
    for (size_t i = 1; i < DEEP; i++)
        nodes[i].parent_id = nodes[i - 1].span_id;
    for (size_t i = DEEP; i < N; i++) {
        nodes[i].parent_id = nodes[DEEP - 1].span_id;
        make_leaf(&nodes[i], 2, 1);
        nodes[i].response_key = 77; /* constant id: must not become quadratic */
        nodes[i].tokens.in_fresh = (int64_t)i;
    }
    assert_int_equal(ly_tree_count(nodes, N, &arena, marks, &sum, NULL), LY_OK);
    assert_int_equal(marks[N - 1].depth, DEEP);
    assert_int_equal(sum.n_roots, 1);
    assert_int_equal(sum.total.n_counted, WIDE);
    assert_int_equal(sum.total.tokens.out_visible, WIDE);
    ly_arena_release(&arena);
}

CASE(overflow_is_said)
{
    (void)state;
    ly_tree_node nodes[2];
    ly_tree_mark marks[2];
    ly_tree_sum sum;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    fill_nodes(nodes, 2);
    make_leaf(&nodes[0], INT64_MAX, 1);
    make_leaf(&nodes[1], 1, 1);
    assert_int_equal(ly_tree_count(nodes, 2, &arena, marks, &sum, NULL), LY_OK);
    assert_true(sum.total.overflow);
    assert_int_equal(ly_tree_count(NULL, 0, &arena, marks, &sum, NULL), LY_OK);
    assert_int_equal(sum.total.n_counted, 0);
    assert_int_equal(sum.total.tokens.in_fresh, LY_UNKNOWN);
    ly_arena_release(&arena);
}

/* A call without counts is charged with an unknown amount, once, unless somebody else tells its counts. */
CASE(calls_without_counts)
{
    (void)state;
    ly_tree_node nodes[4];
    ly_tree_mark marks[4];
    ly_tree_sum sum;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    for (int round = 0; round < 6; round++) {
        fill_nodes(nodes,
                   4); /* agent > call > the same call by another library; and a counted call */
        for (size_t i = 0; i < 4; i++) {
            nodes[i].type = LY_TYPE_GENERATION;
            nodes[i].role = LY_ROLE_LEAF;
            nodes[i].parent_id = i ? nodes[i == 2 ? 1 : 0].span_id : (ly_span_id){{0}};
        }
        nodes[0].type = LY_TYPE_AGENT;
        nodes[0].role = LY_ROLE_ROLLUP;
        make_leaf(&nodes[3], 5, 5);
        nodes[3].book_cost_pico = 7;
        if (round == 1) { /* the inner one tells the counts */
            make_leaf(&nodes[2], 1, 1);
            nodes[2].book_cost_pico = 1;
        } else if (round == 2) { /* the agent does, and nothing below it */
            nodes[3] = nodes[2];
            nodes[3].span_id = kit_id(99);
            nodes[0].tokens.in_fresh = 5;
            nodes[0].book_cost_pico = 7;
        } else if (round == 3) { /* refused before an answer */
            nodes[1].flags = nodes[2].flags = LY_NODE_ERROR;
        } else if (round == 4) { /* a twin with its response id is counted */
            nodes[1].response_key = nodes[2].response_key = nodes[3].response_key = 77;
        } else if (round == 5) { /* still running, or at home */
            nodes[1].flags = LY_NODE_FREE;
            nodes[2].flags = LY_NODE_PENDING;
        }
        assert_int_equal(ly_tree_count(nodes, 4, &arena, marks, &sum, NULL), LY_OK);
        assert_int_equal(sum.total.n_unpriced, round == 0);
        assert_int_equal(marks[2].unsaid, round == 0);
        assert_false(marks[0].unsaid || marks[1].unsaid || marks[3].unsaid);
        assert_int_equal(sum.total.cost_pico, round == 1 ? 8 : 7);
    }
    ly_arena_release(&arena);
}

/* Random trees: totals are the sum of counted marks, nothing is negative or counted below its own
 * duplicate, and the order of the nodes does not matter. */
CASE(properties_of_random_trees)
{
    (void)state;
    enum { N = 40 };
    uint64_t seed = 7;
#define RND(n) ((seed = seed * 6364136223846793005u + 1442695040888963407u), (seed >> 33) % (n))
    for (int round = 0; round < 400; round++) {
        ly_tree_node nodes[N], shuffled[N];
        ly_tree_mark marks[N], marks2[N];
        ly_tree_sum sum, sum2;
        ly_arena arena;
        ly_arena_init(&arena, 0, 0);
        fill_nodes(nodes, N);
        for (size_t i = 0; i < N; i++) {
            if (RND(6))
                nodes[i].parent_id = kit_id(RND(N + 4));
            nodes[i].type = (uint8_t)RND(LY_TYPE__COUNT);
            nodes[i].role = (uint8_t)RND(3);
            nodes[i].origin = (uint8_t)(RND(8) == 0 ? RND(3) : 0);
            if (RND(3)) {
                nodes[i].tokens.in_fresh = (int64_t)RND(4);
                nodes[i].tokens.cache_read = RND(2) ? (int64_t)RND(3) : LY_UNKNOWN;
                nodes[i].tokens.out_visible = RND(2) ? (int64_t)RND(3) : LY_UNKNOWN;
            }
            if (RND(3) == 0)
                nodes[i].client_cost_pico = (int64_t)RND(5);
            nodes[i].response_key = RND(3) ? 0 : 1 + RND(4);
            shuffled[i] = nodes[i];
        }
        for (size_t i = N; i > 1; i--) {
            const size_t j = RND(i);
            const ly_tree_node swap = shuffled[i - 1];
            shuffled[i - 1] = shuffled[j];
            shuffled[j] = swap;
        }
        assert_int_equal(ly_tree_count(nodes, N, &arena, marks, &sum, NULL), LY_OK);
        assert_int_equal(ly_tree_count(shuffled, N, &arena, marks2, &sum2, NULL), LY_OK);
        assert_true(same_total(&sum.total, &sum2.total));
        for (int o = 0; o < 3; o++)
            assert_true(same_total(&sum.by_origin[o], &sum2.by_origin[o]));
        ly_tokens by_mark = LY_TOKENS_UNKNOWN, by_origin = LY_TOKENS_UNKNOWN;
        uint32_t roots = 0;
        for (size_t i = 0; i < N; i++) {
            roots += marks[i].root;
            assert_true(marks[i].same_as < N);
            if (marks[i].kind != LY_MARK_COUNTED)
                continue;
            assert_int_not_equal(nodes[i].role, LY_ROLE_NONE);
            assert_true(ly_tokens_add(&by_mark, &marks[i].tokens));
        }
        for (int o = 0; o < 3; o++)
            assert_true(ly_tokens_add(&by_origin, &sum.by_origin[o].tokens));
        assert_memory_equal(&by_mark, &sum.total.tokens, sizeof by_mark);
        assert_memory_equal(&by_origin, &sum.total.tokens, sizeof by_mark);
        assert_int_equal(roots, sum.n_roots);
        const int64_t total = ly_tokens_total(&sum.total.tokens);
        assert_true(total == LY_UNKNOWN || total >= 0);
        ly_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t01_plain),
        cmocka_unit_test(t02_inclusive_cache),
        cmocka_unit_test(t03_claude_code),
        cmocka_unit_test(t04_rollup),
        cmocka_unit_test(t05_ai_sdk_last_step),
        cmocka_unit_test(t06_remote_agent),
        cmocka_unit_test(t07_layered),
        cmocka_unit_test(three_layers),
        cmocka_unit_test(t08_adk),
        cmocka_unit_test(t09_gateway),
        cmocka_unit_test(t10_agent_as_tool),
        cmocka_unit_test(t11_leaf_with_tool_below),
        cmocka_unit_test(t12_gemini_raw),
        cmocka_unit_test(t13_xai_raw),
        cmocka_unit_test(t14_exclusive_by_evidence),
        cmocka_unit_test(t15_fetch_response),
        cmocka_unit_test(t17_span_and_log),
        cmocka_unit_test(t17b_usage_only_in_the_log),
        cmocka_unit_test(t18_log_only),
        cmocka_unit_test(t19_logfire_agent_sdk),
        cmocka_unit_test(t20_aggregated),
        cmocka_unit_test(t21_both_spellings),
        cmocka_unit_test(t22_langfuse),
        cmocka_unit_test(t23_unknown),
        cmocka_unit_test(t24_zero),
        cmocka_unit_test(t25_late_root),
        cmocka_unit_test(t26_embed),
        cmocka_unit_test(t27_judge),
        cmocka_unit_test(t28_parallel_fallback),
        cmocka_unit_test(t29_cost_levels),
        cmocka_unit_test(t30_cost_root_only),
        cmocka_unit_test(embedding_below_a_chat_is_another_call),
        cmocka_unit_test(constant_response_ids_do_not_merge_calls),
        cmocka_unit_test(twin_spans_in_two_subtrees_count_once),
        cmocka_unit_test(descendant_gets_the_parts_of_its_twin),
        cmocka_unit_test(rollup_of_rollups),
        cmocka_unit_test(eval_origin_is_inherited),
        cmocka_unit_test(cycles_and_self_parents),
        cmocka_unit_test(deep_and_wide),
        cmocka_unit_test(overflow_is_said),
        cmocka_unit_test(calls_without_counts),
        cmocka_unit_test(properties_of_random_trees),
    };
    return cmocka_run_group_tests_name("genai/tree", tests, NULL, NULL);
}
