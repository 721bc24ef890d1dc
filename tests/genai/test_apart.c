/*
 * Logs of a call that name no trace, as Codex 0.169 sends them: neither session nor model stands on the
 * span, the event's name only in an attribute, the total is called tool tokens.
 */
#include "genai/kit.h"

#define MINUTE ((int64_t)1 << 36)

static void read_log(kit *k, ly_log_record *log, ly_log_info *ret, const ly_kv *attrs, size_t n)
{
    ly_kv *copy = LY_ARENA_ARRAY(&k->arena, ly_kv, n);
    assert_non_null(copy);
    memcpy(copy, attrs, n * sizeof *attrs);
    log->attrs = (ly_attrs){copy, n, 0};
    assert_int_equal(ly_genai_log(log, &k->arena, ret), LY_OK);
}

#define LOG(k, log, ret, ...)                                 \
    read_log((k), (log), (ret), (const ly_kv[]){__VA_ARGS__}, \
             sizeof((const ly_kv[]){__VA_ARGS__}) / sizeof(ly_kv))

static void completed(kit *k, ly_log_record *log, ly_log_info *ret, const char *in)
{
    LOG(k, log, ret, STR("event.name", "codex.sse_event"), STR("event.kind", "response.completed"),
        STR("input_token_count", in), STR("output_token_count", "28"),
        STR("cached_token_count", "40"), STR("reasoning_token_count", "8"),
        STR("tool_token_count", "128"), STR("conversation.id", "s1"), STR("model", "gpt-5-codex"));
}

static bool meet(const ly_log_record *log, const ly_log_info *info, const ly_span *span,
                 const ly_canon *canon)
{
    uint64_t of_log[LY_JOIN_KEYS], of_span[LY_JOIN_KEYS];
    const size_t n = ly_genai_log_keys(log, info, of_log);
    const size_t m = ly_genai_span_keys(span, canon, of_span);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            if (of_log[i] == of_span[j])
                return true;
        }
    }
    return false;
}

static void codex_call(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    SPAN(&k, "codex_exec", "handle_responses", -1, 1, IN(100), OUT(28),
         INT("gen_ai.usage.cache_read.input_tokens", 40),
         INT("codex.usage.reasoning_output_tokens", 8), INT("codex.usage.total_tokens", 128));
    assert_int_equal(k.canon[0].type, LY_TYPE_GENERATION);
    expect_vec(&k.canon[0].tokens, (vec){60, 40, UNK, 20, 8});

    const ly_scope scope = {.name = LY_S("codex_otel.log_only")};
    ly_log_record log = {.scope = &scope,
                         .event_name = LY_S("event otel/src/events.rs:803"),
                         .time_ns = k.spans[0].end_ns - 1000000,
                         .resource = &k.resource};
    ly_log_info info;
    completed(&k, &log, &info, "100");
    assert_int_equal(info.kind, LY_LOG_CALL);
    assert_true(info.makes_leaf);
    expect_vec(&info.canon.tokens, (vec){60, 40, UNK, 20, 8});
    assert_true(meet(&log, &info, &k.spans[0], &k.canon[0]));
    assert_true(ly_genai_same_call(&info, &k.nodes[0]));
    assert_true(ly_genai_enrich(&k.canon[0], &info));
    assert_true(ly_str_eqc(ly_canon_model(&k.canon[0]), "gpt-5-codex"));

    /* The span ends in the minute after the log was written. */
    k.canon[0].session = LY_STR_NONE;
    log.time_ns = (uint64_t)(((int64_t)k.spans[0].end_ns / MINUTE) * MINUTE - 1);
    completed(&k, &log, &info, "100");
    assert_true(meet(&log, &info, &k.spans[0], &k.canon[0]));
    /* Other counts, or another time: another call. */
    completed(&k, &log, &info, "101");
    assert_false(meet(&log, &info, &k.spans[0], &k.canon[0]));
    log.time_ns = k.spans[0].end_ns - (uint64_t)(3 * MINUTE);
    completed(&k, &log, &info, "100");
    assert_false(meet(&log, &info, &k.spans[0], &k.canon[0]));
    kit_done(&k);
}

static void internal_work_is_no_tool(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    SPAN(&k, "codex_exec", "exec_command", -1, 1, STR("tool_name", "exec_command"),
         STR("call_id", "c1"), STR("conversation.id", "s1"), STR("codex.tool.phase", "dispatch"));
    SPAN(&k, "codex_exec", "handle_responses", -1, 1, STR("tool_name", "exec_command"),
         STR("codex.request.reasoning_effort", "default"));
    SPAN(&k, "codex_exec", "guardian_scoring_observation", -1, 1, STR("tool_name", "exec_command"),
         STR("call_id", "c1"), STR("codex.x", "y"));
    assert_int_equal(k.canon[0].type, LY_TYPE_TOOL);
    assert_int_equal(k.canon[1].type, LY_TYPE_STEP);
    assert_int_equal(k.canon[2].type, LY_TYPE_STEP);
    kit_done(&k);
}

static void openai_searches(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    const char *item = "{\"output\":[{\"type\":\"web_search_call\",\"action\":{\"type\":\"%s\"}},"
                       "{\"type\":\"web_search_call\",\"action\":{\"type\":\"search\"}},"
                       "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":"
                       "\"\\\"type\\\":\\\"web_search_call\\\"\"}]}]}";
    SPAN(&k, "openinference.instrumentation.openai", "r", -1, 1,
         STR("openinference.span.kind", "LLM"), INT("llm.token_count.prompt", 10),
         STR("output.value", ly_arena_fmt(&k.arena, item, "search").ptr));
    SPAN(&k, "openinference.instrumentation.openai", "r", -1, 1,
         STR("openinference.span.kind", "LLM"), INT("llm.token_count.prompt", 10),
         STR("output.value", ly_arena_fmt(&k.arena, item, "open_page").ptr));
    SPAN(&k, "x", "r", -1, 1, OP("chat"), IN(10),
         STR("gen_ai.output.messages",
             "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"server_tool_call\",\"name\":"
             "\"web_search\",\"server_tool_call\":{\"type\":\"web_search\"}},{\"type\":"
             "\"server_tool_call_response\",\"name\":\"web_search\"}]}]"));
    SPAN(&k, "x", "r", -1, 1, OP("chat"), IN(10),
         STR("gen_ai.output.messages", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\","
                                       "\"content\":\"no web_search was done\"}]}]"));
    assert_int_equal(k.canon[0].tokens.web_searches, 2);
    assert_int_equal(k.canon[1].tokens.web_searches, 1);
    assert_int_equal(k.canon[2].tokens.web_searches, 1);
    assert_int_equal(k.canon[3].tokens.web_searches, LY_UNKNOWN);
    kit_done(&k);
}

/* A function that hands an answer on has not asked for it. */
static void answers_passed_on(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    const char *answer = "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,"
                         "\"prompt_tokens_details\":{\"cached_tokens\":4}}}";
    SPAN(&k, "openinference.instrumentation", "f", -1, 1, STR("openinference.span.kind", "CHAIN"),
         STR("output.value", answer));
    SPAN(&k, "openinference.instrumentation", "llm", -1, 1, STR("openinference.span.kind", "LLM"),
         STR("output.value", answer));
    assert_false(ly_tokens_known(&k.canon[0].tokens));
    expect_vec(&k.canon[1].tokens, (vec){6, 4, UNK, 2, UNK});
    kit_done(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codex_call),
        cmocka_unit_test(internal_work_is_no_tool),
        cmocka_unit_test(openai_searches),
        cmocka_unit_test(answers_passed_on),
    };
    return cmocka_run_group_tests_name("genai/apart", tests, NULL, NULL);
}
