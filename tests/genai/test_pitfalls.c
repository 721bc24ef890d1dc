/* The pitfalls of §3.4: values in forms that a client got wrong, wrote twice, or wrote as JSON, as Python or
 * not at all. What a well-made span means is in test_normalise.c. */
#include "genai/kit.h"

#define C(i) (k.canon[i])

static void numbers_in_all_forms(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, DBL("gen_ai.usage.input_tokens", 100.0),
         STR("gen_ai.usage.output_tokens", "20"));
    expect_vec(&C(0).tokens, (vec){100, UNK, UNK, 20, UNK});
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, DBL("gen_ai.usage.input_tokens", 100.5), OUT(-3));
    assert_false(ly_tokens_known(&C(1).tokens));
    assert_true(C(1).usage_mode & LY_USAGE_REJECTED);
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(2000000000), OUT(1));
    assert_int_equal(C(2).tokens.in_fresh, LY_UNKNOWN);
    assert_int_equal(C(2).tokens.out_visible, 1);
    assert_true(C(2).usage_mode & LY_USAGE_REJECTED);
    const double nan = strtod("nan", NULL);
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, DBL("gen_ai.usage.input_tokens", nan), OUT(1));
    assert_int_equal(C(3).tokens.in_fresh, LY_UNKNOWN);
    /* an unusable value of a better rank does not hide a usable one of a worse */
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, STR("gen_ai.usage.input_tokens", "many"),
         INT("gen_ai.usage.prompt_tokens", 7));
    assert_int_equal(C(4).tokens.in_fresh, 7);
    END;
}

/* A cost that no call has is none; it would fill the sums of a quarter of an hour. */
static void absurd_cost(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(10), OUT(1),
         DBL("gen_ai.usage.cost", 9000000.0));
    assert_int_equal(C(0).client_cost_pico, LY_UNKNOWN);
    assert_int_equal(C(0).client_cost_source, LY_COST_NONE);
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(10), OUT(1), DBL("gen_ai.usage.cost", 99999.0));
    assert_int_equal(C(1).client_cost_pico, 99999 * 1000000000000LL);
    SPAN(&k, "x", "s", -1, 1, STR("langfuse.observation.type", "generation"),
         STR("langfuse.observation.cost_details", "{\"total\":9000000}"));
    assert_int_equal(C(2).client_cost_pico, LY_UNKNOWN);
    END;
}

/* Gemini's grounding: each query once, however the parts of a stream repeat it; one use an answer up to 2.5;
 * none where a text only speaks of it. */
static void grounding(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "LLM"),
         STR("llm.model_name", "gemini-3-pro-preview"), INT("llm.token_count.prompt", 10),
         INT("llm.token_count.completion", 1),
         STR("output.value", "[{\"candidates\":[{\"grounding_metadata\":{\"web_search_queries\":"
                             "[\"a\",\"b\"]}}]},{\"candidates\":[{\"grounding_metadata\":"
                             "{\"web_search_queries\" : [\"b\",\"c\",\"\"]}}]}]"));
    assert_int_equal(C(0).tokens.web_searches, 3);
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "LLM"),
         STR("llm.model_name", "models/gemini-2.5-flash"), INT("llm.token_count.prompt", 10),
         INT("llm.token_count.completion", 1),
         STR("output.value", "{\"candidates\":[{\"groundingMetadata\":{\"webSearchQueries\":"
                             "[\"a\",\"b\"]}}]}"));
    assert_int_equal(C(1).tokens.web_searches, 1);
    SPAN(&k, "x", "ai", -1, 1, STR("ai.operationId", "ai.generateText.doGenerate"),
         STR("ai.model.id", "gemini-3-flash-preview"), INT("ai.usage.inputTokens", 10),
         INT("ai.usage.outputTokens", 1),
         STR("ai.response.providerMetadata",
             "{\"google\":{\"groundingMetadata\":{\"webSearchQueries\":[\"a\",\"b\"]}}}"));
    assert_int_equal(C(2).tokens.web_searches, 2);
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "LLM"),
         STR("llm.model_name", "gemini-3-pro-preview"), INT("llm.token_count.prompt", 10),
         INT("llm.token_count.completion", 1),
         STR("output.value", "{\"text\":\"{\\\"webSearchQueries\\\":[\\\"a\\\"]}\","
                             "\"webSearchQueries\":[]}"));
    assert_int_equal(C(3).tokens.web_searches, LY_UNKNOWN);
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "LLM"),
         STR("llm.model_name", "gemini-3-pro-preview"), INT("llm.token_count.prompt", 10),
         INT("llm.token_count.completion", 1),
         STR("output.value", "{\"outputs\":[{\"type\":\"google_search_call\",\"arguments\":"
                             "{\"queries\":[\"a\",\"b\"]}},{\"type\":\"text\"}]}"));
    assert_int_equal(C(4).tokens.web_searches, 2);
    END;
}

/* Uses of tools that the provider charges one by one; what nobody said stays unknown, and 0 is said. */
static void tool_uses(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(10), OUT(1),
         INT("gen_ai.usage.server_tool_use.web_search_requests", 3),
         INT("gen_ai.usage.details.code_executions", 0));
    assert_int_equal(C(0).tokens.web_searches, 3);
    assert_int_equal(C(0).tokens.code_executions, 0);
    assert_int_equal(ly_tokens_total(&C(0).tokens), 11);
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(10), OUT(1));
    assert_int_equal(C(1).tokens.web_searches, LY_UNKNOWN);
    assert_int_equal(C(1).tokens.code_executions, LY_UNKNOWN);
    SPAN(&k, "x", "s", -1, 1, STR("langfuse.observation.type", "generation"),
         STR("langfuse.observation.usage_details",
             "{\"input\":10,\"output\":1,\"web_search_requests\":2}"));
    assert_int_equal(C(2).tokens.web_searches, 2);
    assert_int_equal(C(2).tokens.in_fresh, 10);
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "LLM"),
         INT("llm.token_count.prompt", 10), INT("llm.token_count.completion", 1),
         STR("output.value", "{\"usage\":{\"input_tokens\":10,\"server_tool_use\":"
                             "{\"web_search_requests\":4,\"code_execution_requests\":1}}}"));
    assert_int_equal(C(3).tokens.web_searches, 4);
    assert_int_equal(C(3).tokens.code_executions, 1);
    /* Items of an answer: a search is charged, opening what it found is not; a container once. */
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "LLM"),
         INT("llm.token_count.prompt", 10), INT("llm.token_count.completion", 1),
         STR("output.value",
             "{\"id\":\"r\",\"object\":\"response\",\"output\":["
             "{\"type\":\"web_search_call\",\"status\":\"completed\",\"action\":{\"type\":"
             "\"search\"}},"
             "{\"type\":\"web_search_call\",\"status\":\"completed\",\"action\":{\"type\":\"open_"
             "page\"}},"
             "{\"type\":\"web_search_call\",\"status\":\"failed\"},"
             "{\"type\":\"file_search_call\",\"status\":\"completed\",\"queries\":[\"a\",\"b\"]},"
             "{\"type\":\"code_interpreter_call\",\"container_id\":\"c1\"},"
             "{\"type\":\"code_interpreter_call\",\"container_id\":\"c1\"},"
             "{\"type\":\"code_interpreter_call\",\"container_id\":\"c2\"},"
             "{\"type\":\"message\",\"content\":[{\"text\":\"say web_search_call\"}]}]}"));
    assert_int_equal(C(4).tokens.web_searches, 1);
    assert_int_equal(C(4).tokens.file_searches, 1);
    assert_int_equal(C(4).tokens.code_executions, 2);
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(10), OUT(1),
         STR("gen_ai.output.messages",
             "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"server_tool_call\",\"id\":\"1\","
             "\"name\":\"web_search\",\"server_tool_call\":{\"type\":\"web_search\"}},"
             "{\"type\":\"text\",\"content\":\"file_search_call\"}]}]"));
    assert_int_equal(C(5).tokens.web_searches, 1);
    assert_int_equal(C(5).tokens.file_searches, LY_UNKNOWN);
    /* what is only talked about is no use, and a count that is given stands */
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(10), OUT(1),
         INT("gen_ai.usage.details.web_searches", 7),
         STR("output.value", "{\"output\":[{\"type\":\"web_search_call\"}]}"));
    assert_int_equal(C(6).tokens.web_searches, 7);
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(10), OUT(1),
         STR("output.value", "use file_search_call and code_interpreter_call {\"output\":["));
    assert_int_equal(C(7).tokens.file_searches, LY_UNKNOWN);
    END;
}

static void last_of_equal_keys_wins(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), STR("gen_ai.request.model", "old"),
         STR("gen_ai.request.model", "new"), IN(1), IN(2));
    expect_text(C(0).request_model, "new");
    assert_int_equal(C(0).tokens.in_fresh, 2);
    END;
}

static void json_in_json(void **state)
{
    BEGIN;
    SPAN(&k, "mlflow", "s", -1, 1, STR("mlflow.spanType", "\"CHAT_MODEL\""),
         STR("mlflow.llm.model", "\"gpt-4o\""),
         STR("mlflow.chat.tokenUsage",
             "{\"input_tokens\":10,\"output_tokens\":4,\"total_tokens\":14,"
             "\"cache_read_input_tokens\":6}"),
         STR("mlflow.llm.cost", "{\"input_cost\":0.1,\"output_cost\":0.2,\"total_cost\":0.3}"));
    expect_text(C(0).request_model, "gpt-4o");
    expect_vec(&C(0).tokens, (vec){4, 6, UNK, 4, UNK});
    assert_int_equal(C(0).client_cost_pico, 300000000000);
    assert_int_equal(C(0).client_cost_source, LY_COST_MLFLOW);
    /* what only the provider's answer says */
    SPAN(&k, "mlflow", "Embeddings", -1, 1, STR("mlflow.spanType", "\"EMBEDDING\""),
         STR("mlflow.spanOutputs", "{\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}"));
    expect_vec(&C(1).tokens, (vec){7, UNK, UNK, UNK, UNK});
    SPAN(&k, "mlflow", "Completions", -1, 1, STR("mlflow.spanType", "\"CHAT_MODEL\""),
         STR("mlflow.chat.tokenUsage", "{\"input_tokens\":10,\"output_tokens\":4}"),
         STR("mlflow.spanOutputs", "{\"choices\":[{\"finish_reason\":\"length\"}],\"usage\":"
                                   "{\"completion_tokens_details\":{\"reasoning_tokens\":3}}}"));
    expect_vec(&C(2).tokens, (vec){10, UNK, UNK, 1, 3});
    expect_text(C(2).finish_reason, "length");
    END;
}

static void python_repr(void **state)
{
    BEGIN;
    SPAN(&k, "langsmith", "s", -1, 1, STR("langsmith.span.kind", "llm"), IN(100), OUT(20),
         STR("gen_ai.usage.input_token_details", "{'cache_read': 60, 'audio': 5}"),
         STR("gen_ai.usage.output_token_details", "{\"reasoning\": 8}"));
    expect_vec(&C(0).tokens, (vec){40, 60, UNK, 12, 8});
    assert_int_equal(C(0).tokens.in_audio, 5);
    END;
}

/* As langsmith 0.x for Python sends a chat model's run. */
static void langsmith_python(void **state)
{
    BEGIN;
    SPAN(&k, "langsmith", "ChatOpenAI", -1, 1, STR("langsmith.span.kind", "llm"), OP("chat"),
         STR("gen_ai.system", "openai"), STR("gen_ai.request.model", "gpt-4o-mini"), IN(100),
         OUT(30),
         STR("langsmith.metadata.usage_metadata",
             "{\"input_tokens\":100,\"output_tokens\":30,\"total_tokens\":130,"
             "\"input_token_details\":{\"audio\":0,\"cache_read\":40},"
             "\"output_token_details\":{\"audio\":0,\"reasoning\":12}}"),
         STR("gen_ai.prompt", "{\"messages\":[[{\"lc\":1,\"type\":\"constructor\",\"id\":"
                              "[\"langchain\",\"schema\",\"messages\",\"SystemMessage\"],"
                              "\"kwargs\":{\"content\":\"Be brief.\",\"type\":\"system\"}}]]}"),
         STR("gen_ai.completion",
             "{\"generations\":[[{\"text\":\"Blue.\",\"generation_info\":{\"finish_reason\":"
             "\"tool_calls\"},\"type\":\"ChatGeneration\",\"message\":{\"lc\":1,\"type\":"
             "\"constructor\",\"id\":[\"langchain\",\"schema\",\"messages\",\"AIMessage\"],"
             "\"kwargs\":{\"content\":\"Blue.\",\"response_metadata\":{\"model_name\":"
             "\"gpt-4o-mini-2024\",\"id\":\"chatcmpl-1\"}}}}]]}"));
    expect_vec(&C(0).tokens, (vec){60, 40, UNK, 18, 12});
    expect_text(C(0).response_model, "gpt-4o-mini-2024");
    expect_text(C(0).response_id, "chatcmpl-1");
    expect_text(C(0).finish_reason, "tool_call");
    ly_messages m;
    assert_int_equal(ly_genai_messages(&k.spans[0], NULL, 0, &k.arena, &m), LY_OK);
    assert_int_equal(m.n_input, 1);
    expect_text(m.input[0].role, "system");
    assert_int_equal(m.n_output, 1);
    expect_text(m.output[0].role, "assistant");
    expect_text(m.output[0].parts[0].text, "Blue.");
    END;
}

static void cache_write_spellings_are_one(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL, IN(100), OUT(1),
         INT("gen_ai.usage.cache_write.input_tokens", 30),
         INT("gen_ai.usage.cache_creation.input_tokens", 30),
         INT("gen_ai.usage.cache_creation_input_tokens", 30),
         INT("gen_ai.usage.cache_read.input_tokens", 20),
         INT("gen_ai.usage.details.cache_read_tokens", 20));
    expect_vec(&C(0).tokens, (vec){50, 20, 30, 1, UNK});
    END;
}

static void finish_reasons(void **state)
{
    static const char *const rows[][2] = {
        {"end_turn", "stop"},
        {"STOP", "stop"},
        {"stop_sequence", "stop"},
        {"max_tokens", "length"},
        {"MAX_TOKENS", "length"},
        {"tool_use", "tool_call"},
        {"tool_calls", "tool_call"},
        {"tool-calls", "tool_call"},
        {"function_call", "tool_call"},
        {"SAFETY", "content_filter"},
        {"RECITATION", "content_filter"},
        {"refusal", "content_filter"},
        {"content-filter", "content_filter"},
        {"error", "error"},
        {"Weird", "weird"},
        {"FinishReason.STOP", "stop"},
    };
    BEGIN;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_text(ly_genai_finish(ly_str_c(rows[i][0]), &k.arena), rows[i][1]);
    const ly_any list[] = {{.kind = LY_ANY_STRING, .str = LY_S("tool_calls")},
                           {.kind = LY_ANY_STRING, .str = LY_S("stop")}};
    SPAN(&k, "x", "s", -1, 1, OP("chat"),
         {LY_S("gen_ai.response.finish_reasons"), {.kind = LY_ANY_ARRAY, .array = {list, 2}}});
    expect_text(C(0).finish_reason, "tool_call");
    SPAN(&k, "mastra", "s", -1, 1, STR("gen_ai.response.finish_reasons", "[\"stop\"]"));
    expect_text(C(1).finish_reason, "stop");
    SPAN(&k, "x", "s", -1, 1, STR("llm.finish_reason", "length"));
    expect_text(C(2).finish_reason, "length");
    END;
}

static void time_to_first_token(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), DBL("gen_ai.response.time_to_first_chunk", 0.25));
    assert_int_equal(C(0).ttft_ns, 250000000);
    assert_true(C(0).streaming);
    SPAN(&k, "ai", "s", -1, 1, DBL("ai.response.msToFirstChunk", 39.5));
    assert_int_equal(C(1).ttft_ns, 39500000);
    SPAN(&k, "com.anthropic.claude_code", "s", -1, 1, INT("ttft_ms", 35));
    assert_int_equal(C(2).ttft_ns, 35000000);
    SPAN(&k, "x", "s", -1, 1, DBL("gen_ai.response.time_to_first_chunk", 9999));
    assert_int_equal(C(3).ttft_ns, LY_UNKNOWN); /* later than the end */
    SPAN(&k, "x", "s", -1, 1, DBL("gen_ai.response.time_to_first_chunk", -1));
    assert_int_equal(C(4).ttft_ns, LY_UNKNOWN);
    /* 2001-09-09T01:46:40Z is the kit's start of span 0; quotes inside the value */
    k.n = 0;
    SPAN(&k, "langfuse-sdk", "s", -1, 1,
         STR("langfuse.observation.completion_start_time", "\"2001-09-09T01:46:40.100Z\""));
    assert_int_equal(C(0).ttft_ns, 100000000);
    const ly_event first = {k.spans[0].start_ns + 7000000, LY_S("First Token Stream Event"), {0}};
    k.spans[0].events = &first;
    k.spans[0].n_events = 1;
    kit_normalise(&k, 0);
    assert_int_equal(C(0).ttft_ns, 7000000);
    END;
}

static void errors(void **state)
{
    BEGIN;
    const size_t i = SPAN(&k, "x", "s", -1, 1, OP("chat"));
    assert_false(C(0).error);
    const ly_kv why[] = {STR("exception.type", "Timeout"), STR("exception.message", "too slow")};
    const ly_event event = {1, LY_S("exception"), {why, 2, 0}};
    k.spans[i].events = &event;
    k.spans[i].n_events = 1;
    kit_normalise(&k, i);
    assert_false(C(0).error); /* a recorded exception is not yet a failed span */
    k.spans[i].status_code = LY_CODE_ERROR;
    kit_normalise(&k, i);
    assert_true(C(0).error);
    expect_text(C(0).error_type, "Timeout");
    expect_text(C(0).error_message, "too slow");
    SPAN(&k, "langfuse-sdk", "s", -1, 1, STR("langfuse.observation.level", "ERROR"),
         STR("langfuse.observation.status_message", "429"));
    assert_true(C(1).error);
    expect_text(C(1).error_message, "429");
    SPAN(&k, "com.anthropic.claude_code", "s", -1, 1, BOO("success", false));
    assert_true(C(2).error);
    SPAN(&k, "x", "s", -1, 1, STR("error.type", "500"));
    assert_true(C(3).error);
    END;
}

static void withheld_content(void **state)
{
    BEGIN;
    SPAN(&k, "openinference.x", "s", -1, 1, STR("openinference.span.kind", "LLM"),
         STR("input.value", "__REDACTED__"), STR("output.value", "text"));
    assert_true(C(0).withheld);
    assert_false(C(0).has_input);
    assert_true(C(0).has_output);
    END;
}

static void dropped_attributes(void **state)
{
    BEGIN;
    const size_t i = SPAN(&k, "x", "s", -1, 1, OP("chat"), MODEL);
    k.spans[i].attrs.dropped = 3;
    kit_normalise(&k, i);
    assert_true(C(0).usage_mode & LY_USAGE_MAYBE_LOST);
    END;
}

static void own_attributes(void **state)
{
    BEGIN;
    SPAN(&k, "lydite", "s", -1, 1, STR("lydite.span.type", "plan"), STR("lydite.origin", "judge"),
         BOO("lydite.span.pending", true));
    assert_int_equal(C(0).type, LY_TYPE_PLAN);
    assert_int_equal(C(0).origin, LY_ORIGIN_JUDGE);
    assert_true(C(0).pending);
    assert_int_equal(k.nodes[0].flags & LY_NODE_PENDING, LY_NODE_PENDING);
    END;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_all_forms),
        cmocka_unit_test(tool_uses),
        cmocka_unit_test(grounding),
        cmocka_unit_test(absurd_cost),
        cmocka_unit_test(last_of_equal_keys_wins),
        cmocka_unit_test(json_in_json),
        cmocka_unit_test(python_repr),
        cmocka_unit_test(langsmith_python),
        cmocka_unit_test(cache_write_spellings_are_one),
        cmocka_unit_test(finish_reasons),
        cmocka_unit_test(time_to_first_token),
        cmocka_unit_test(errors),
        cmocka_unit_test(withheld_content),
        cmocka_unit_test(dropped_attributes),
        cmocka_unit_test(own_attributes),
    };
    return cmocka_run_group_tests_name("genai/pitfalls", tests, NULL, NULL);
}
