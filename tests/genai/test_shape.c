/* Provider wire shapes: requests byte for byte, replies, streams, usage. Replies are of the form of the
 * providers' published examples (judges-and-statistics.md §3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "genai/shape.h"
#include "text/json.h"

static const ly_shape_msg msgs[] = {{{"system", 6}, {"Be terse.", 9}},
                                    {{"user", 4}, {"Hi \"you\"", 8}}};

static ly_shape_request request(void)
{
    return (ly_shape_request){.model = LY_S("m-1"),
                              .msgs = msgs,
                              .n_msgs = 2,
                              .max_output = 64,
                              .temperature = LY_SHAPE_UNSET,
                              .top_p = LY_SHAPE_UNSET,
                              .seed = LY_UNKNOWN};
}

static void requests(void **state)
{
    static const struct {
        ly_shape shape;
        const char *body, *path;
    } want[] = {
        {LY_SHAPE_OPENAI_CHAT,
         "{\"model\":\"m-1\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
         "terse.\"},{\"role\":"
         "\"user\",\"content\":\"Hi \\\"you\\\"\"}],\"max_completion_tokens\":64}",
         "/chat/completions"},
        {LY_SHAPE_OPENAI_RESPONSES,
         "{\"model\":\"m-1\",\"input\":[{\"role\":\"system\",\"content\":\"Be terse.\"},{\"role\":"
         "\"user\",\"content\":\"Hi \\\"you\\\"\"}],\"max_output_tokens\":64,\"store\":false}",
         "/responses"},
        {LY_SHAPE_ANTHROPIC,
         "{\"model\":\"m-1\",\"max_tokens\":64,\"system\":\"Be terse.\",\"messages\":[{\"role\":"
         "\"user\",\"content\":\"Hi \\\"you\\\"\"}]}",
         "/messages"},
        {LY_SHAPE_GEMINI,
         "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be "
         "terse.\"}]},\"contents\":[{\"role\":\"user\","
         "\"parts\":[{\"text\":\"Hi "
         "\\\"you\\\"\"}]}],\"generationConfig\":{\"maxOutputTokens\":64}}",
         "/models/m-1:generateContent"},
        {LY_SHAPE_OLLAMA,
         "{\"model\":\"m-1\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
         "terse.\"},{\"role\":"
         "\"user\",\"content\":\"Hi "
         "\\\"you\\\"\"}],\"stream\":false,\"truncate\":false,\"shift\":false,"
         "\"options\":{\"num_predict\":64}}",
         "/api/chat"},
    };
    (void)state;
    for (size_t i = 0; i < LY_COUNT(want); i++) {
        ly_shape_request r = request();
        ly_buf body, path;
        ly_buf_init(&body, 1 << 16);
        ly_buf_init(&path, 1 << 16);
        assert_int_equal(ly_shape_write_request(want[i].shape, &r, &body, NULL), LY_OK);
        ly_shape_write_path(want[i].shape, &r, &path);
        assert_string_equal(ly_buf_text(&body), want[i].body);
        assert_string_equal(ly_buf_text(&path), want[i].path);
        ly_buf_reset(&body);
        /* With everything set it is still JSON, and the schema is in it. */
        r.temperature = 0.5;
        r.top_p = 0.9;
        r.seed = 7;
        r.effort = LY_S("low");
        r.schema = LY_S("{\"type\":\"object\"}");
        r.stream = true;
        assert_int_equal(ly_shape_write_request(want[i].shape, &r, &body, NULL), LY_OK);
        assert_true(ly_json_valid(ly_buf_view(&body)));
        assert_true(ly_str_find(ly_buf_view(&body), r.schema, 0) != SIZE_MAX);
        ly_buf_release(&body);
        ly_buf_release(&path);
    }
    ly_shape_request none = request();
    ly_buf out;
    none.max_output = 0;
    ly_buf_init(&out, 1 << 16);
    assert_int_equal(ly_shape_write_request(LY_SHAPE_OPENAI_CHAT, &none, &out, NULL), LY_E_INVALID);
    ly_buf_release(&out);
}

static void detection(void **state)
{
    static const struct {
        const char *host, *path;
        int shape; /* -1 none */
    } v[] = {
        {"api.openai.com", "/v1/chat/completions", LY_SHAPE_OPENAI_CHAT},
        {"x", "/openai/deployments/d/chat/completions?api-version=1", LY_SHAPE_OPENAI_CHAT},
        {"api.openai.com", "/v1/responses", LY_SHAPE_OPENAI_RESPONSES},
        {"api.anthropic.com", "/v1/messages", LY_SHAPE_ANTHROPIC},
        {"g", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", LY_SHAPE_GEMINI},
        {"localhost", "/api/chat", LY_SHAPE_OLLAMA},
        {"api.openai.com", "/v1/models", -1},
        {"x", "/v1/messages/count_tokens", -1},
        {"x", "", -1},
    };
    (void)state;
    for (size_t i = 0; i < LY_COUNT(v); i++) {
        ly_shape shape = LY_SHAPE__COUNT;
        ly_str model;
        bool is = ly_shape_detect(ly_str_c(v[i].host), ly_str_c(v[i].path), &shape, &model);
        assert_int_equal(is, v[i].shape >= 0);
        if (is) {
            assert_int_equal(shape, v[i].shape);
            assert_true(shape != LY_SHAPE_GEMINI || ly_str_eqc(model, "gemini-2.5-flash"));
        }
    }
}

static ly_shape_reply read_reply(ly_arena *a, ly_shape shape, const char *body)
{
    ly_shape_reply r;
    ly_err err = LY_ERR_INIT;
    if (ly_shape_read_reply(shape, ly_str_c(body), a, &r, &err) != LY_OK) {
        print_error("%s\n", err.text);
        fail();
    }
    return r;
}

static void replies(void **state)
{
    ly_arena a;
    (void)state;
    ly_arena_init(&a, 0, 0);
    ly_shape_reply r = read_reply(
        &a, LY_SHAPE_OPENAI_CHAT,
        "{\"id\":\"c1\",\"model\":\"gpt-x-2026\",\"system_fingerprint\":\"fp\",\"choices\":[{"
        "\"index\":0,"
        "\"finish_reason\":\"tool_calls\",\"message\":{\"role\":\"assistant\",\"content\":null,"
        "\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":"
        "\"{\\\"a\\\":1}\"}}]}}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":30,"
        "\"total_tokens\":130,\"prompt_tokens_details\":{\"cached_tokens\":60},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":20}}}");
    assert_true(ly_str_eqc(r.model, "gpt-x-2026") && ly_str_eqc(r.finish, "tool_call"));
    assert_int_equal(r.n_calls, 1);
    assert_true(ly_str_eqc(r.calls[0].arguments, "{\"a\":1}"));
    assert_int_equal(r.tokens.in_fresh, 40);
    assert_int_equal(r.tokens.cache_read, 60);
    assert_int_equal(r.tokens.out_visible, 10);
    assert_int_equal(r.tokens.out_reasoning, 20);
    assert_int_equal(ly_tokens_total(&r.tokens), 130);

    r = read_reply(
        &a, LY_SHAPE_ANTHROPIC,
        "{\"id\":\"m\",\"type\":\"message\",\"model\":\"claude-x\",\"content\":[{\"type\":"
        "\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"Hel\"},{\"type\":"
        "\"text\",\"text\":\"lo\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":5,"
        "\"cache_creation_input_tokens\":7,\"cache_read_input_tokens\":11,\"output_tokens\":9}}");
    assert_true(ly_str_eqc(r.text, "Hello") && ly_str_eqc(r.reasoning, "hm"));
    assert_true(ly_str_eqc(r.finish, "stop"));
    assert_int_equal(ly_tokens_in(&r.tokens), 23); /* cache beside, not inside */
    assert_int_equal(r.tokens.in_fresh, 5);

    r = read_reply(
        &a, LY_SHAPE_GEMINI,
        "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"t\","
        "\"thought\":true},{\"text\":\"answer\"}]},\"finishReason\":\"MAX_TOKENS\"}],"
        "\"usageMetadata\":{\"promptTokenCount\":50,\"cachedContentTokenCount\":10,"
        "\"candidatesTokenCount\":8,\"thoughtsTokenCount\":30,\"toolUsePromptTokenCount\":4,"
        "\"totalTokenCount\":92},\"modelVersion\":\"gemini-x\",\"responseId\":\"r\"}");
    assert_true(ly_str_eqc(r.text, "answer") && ly_str_eqc(r.finish, "length"));
    assert_true(ly_str_eqc(r.model, "gemini-x") && ly_str_eqc(r.id, "r"));
    assert_int_equal(r.tokens.in_fresh, 44);
    assert_int_equal(r.tokens.out_visible, 8);
    assert_int_equal(r.tokens.out_reasoning, 30);
    assert_int_equal(ly_tokens_total(&r.tokens), 92);

    r = read_reply(
        &a, LY_SHAPE_OPENAI_RESPONSES,
        "{\"id\":\"r1\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
        "\"max_output_tokens\"},\"model\":\"o\",\"output\":[{\"type\":\"message\",\"content\":"
        "[{\"type\":\"output_text\",\"text\":\"half\"}]}],\"usage\":{\"input_tokens\":3,"
        "\"output_tokens\":2,\"total_tokens\":5}}");
    assert_true(ly_str_eqc(r.finish, "length") && ly_str_eqc(r.text, "half"));

    r = read_reply(
        &a, LY_SHAPE_OLLAMA,
        "{\"model\":\"l\",\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"done\":true,"
        "\"done_reason\":\"stop\",\"prompt_eval_count\":4,\"eval_count\":2}");
    assert_int_equal(ly_tokens_total(&r.tokens), 6);
    ly_arena_release(&a);
}

static void refusals_errors_and_nonsense(void **state)
{
    ly_arena a;
    ly_shape_reply r = {0};
    (void)state;
    ly_arena_init(&a, 0, 0);
    r = read_reply(&a, LY_SHAPE_OPENAI_CHAT,
                   "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":null,"
                   "\"refusal\":\"I will not\"}}]}");
    assert_true(ly_str_eqc(r.refusal, "I will not") && ly_str_eqc(r.finish, "refusal"));
    assert_false(ly_tokens_known(&r.tokens)); /* no usage is unknown, not 0 */
    r = read_reply(&a, LY_SHAPE_GEMINI, "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}");
    assert_true(ly_str_eqc(r.finish, "content_filter"));
    r = read_reply(
        &a, LY_SHAPE_ANTHROPIC,
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}");
    assert_true(ly_str_eqc(r.error_type, "overloaded_error") &&
                ly_str_eqc(r.error_message, "busy"));
    r = read_reply(&a, LY_SHAPE_GEMINI,
                   "[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]");
    assert_true(ly_str_eqc(r.error_type, "RESOURCE_EXHAUSTED") && r.error_message.len > 0);
    /* A gateway that counts the cache beside the input: the numbers say so themselves. */
    r = read_reply(&a, LY_SHAPE_OPENAI_CHAT,
                   "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,"
                   "\"prompt_tokens_details\":{\"cached_tokens\":500}}}");
    assert_int_equal(r.tokens.in_fresh, 10);
    assert_true(r.usage_mode & LY_USAGE_BY_EVIDENCE);
    r = read_reply(&a, LY_SHAPE_OPENAI_CHAT,
                   "{\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":1.5}}");
    assert_false(ly_tokens_known(&r.tokens));
    static const char *const bad[] = {"", "x", "[]", "\"s\"", "{\"a\":", "<html>"};
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        for (int s = 0; s < LY_SHAPE__COUNT; s++) {
            assert_int_equal(ly_shape_read_reply((ly_shape)s, ly_str_c(bad[i]), &a, &r, NULL),
                             LY_E_FORMAT);
        }
    }
    ly_arena_release(&a);
}

static ly_shape_reply streamed(ly_arena *a, ly_shape shape, const char *const *events, size_t n,
                               bool *ret_done)
{
    ly_shape_stream *s = ly_shape_stream_new(shape, 1 << 16);
    ly_shape_reply r;
    int firsts = 0;
    for (size_t i = 0; i < n; i++) {
        bool first = false;
        assert_int_equal(ly_shape_stream_feed(s, LY_STR_NONE, ly_str_c(events[i]), &first, NULL),
                         LY_OK);
        firsts += first;
    }
    assert_int_equal(firsts, 1);
    *ret_done = ly_shape_stream_done(s);
    assert_int_equal(ly_shape_stream_end(s, a, &r, NULL), LY_OK);
    ly_shape_stream_free(s);
    return r;
}

static void streams(void **state)
{
    ly_arena a;
    bool done = false;
    (void)state;
    ly_arena_init(&a, 0, 0);
    static const char *const chat[] = {
        "{\"id\":\"c\",\"model\":\"g\",\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{"
        "\"name\":\"f\","
        "\"arguments\":\"{\\\"a\\\"\"}}]}}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}"
        "\"}}]}}]}",
        "{\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}",
        "[DONE]"};
    ly_shape_reply r = streamed(&a, LY_SHAPE_OPENAI_CHAT, chat, LY_COUNT(chat), &done);
    assert_true(done && ly_str_eqc(r.text, "Hello") && ly_str_eqc(r.finish, "tool_call"));
    assert_true(r.n_calls == 1 && ly_str_eqc(r.calls[0].arguments, "{\"a\":1}"));
    assert_int_equal(ly_tokens_total(&r.tokens), 7);

    static const char *const anthropic[] = {
        "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude\",\"usage\":{"
        "\"input_tokens\":9,\"output_tokens\":1}}}",
        "{\"type\":\"ping\"}",
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
        "\"text\":\"\"}}",
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":"
        "\"Yes\"}}",
        "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\","
        "\"id\":\"u\","
        "\"name\":\"look\"}}",
        "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
        "\"partial_json\":\"{}\"}}",
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_"
        "tokens\":12}}",
        "{\"type\":\"message_stop\"}"};
    r = streamed(&a, LY_SHAPE_ANTHROPIC, anthropic, LY_COUNT(anthropic), &done);
    assert_true(done && ly_str_eqc(r.text, "Yes") && ly_str_eqc(r.calls[0].name, "look"));
    assert_int_equal(ly_tokens_out(&r.tokens), 12); /* the count is cumulative, not a sum */
    assert_int_equal(ly_tokens_in(&r.tokens), 9);

    /* Cut off: what came is there, and it is not called done. */
    r = streamed(&a, LY_SHAPE_OPENAI_CHAT, chat, 3, &done);
    assert_true(!done && ly_str_eqc(r.text, "Hello") && r.finish.len == 0);
    static const char *const failing[] = {"{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}",
                                          "{\"error\":{\"message\":\"overloaded\"}}"};
    r = streamed(&a, LY_SHAPE_OPENAI_CHAT, failing, 2, &done);
    assert_true(!done && ly_str_eqc(r.error_message, "overloaded"));

    ly_shape_stream *s = ly_shape_stream_new(LY_SHAPE_OPENAI_CHAT, 4);
    assert_int_equal(ly_shape_stream_feed(s, LY_STR_NONE, LY_S("{oops"), NULL, NULL), LY_E_FORMAT);
    assert_int_equal(
        ly_shape_stream_feed(s, LY_STR_NONE,
                             LY_S("{\"choices\":[{\"delta\":{\"content\":\"too long\"}}]}"), NULL,
                             NULL),
        LY_E_LIMIT);
    ly_shape_stream_free(s);
    ly_arena_release(&a);
}

/* What servers add to the shape: a cost, one text under two names, several choices interleaved. */
static void streams_of_others(void **state)
{
    ly_arena a;
    ly_shape_reply r;
    bool done = false;
    (void)state;
    ly_arena_init(&a, 0, 0);
    static const char *const two[] = {
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fir\"}}]}",
        "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"SECOND\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"st\"},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"length\"}]}",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"cost\":0.0025}}",
        "[DONE]"};
    r = streamed(&a, LY_SHAPE_OPENAI_CHAT, two, LY_COUNT(two), &done);
    assert_true(ly_str_eqc(r.text, "first") && ly_str_eqc(r.finish, "stop"));
    assert_true(r.cost_said && r.cost == 0.0025);
    static const char *const thinking[] = {
        "{\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"hm\"}",
        "{\"type\":\"response.output_text.delta\",\"delta\":\"yes\"}",
        "{\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\"}}"};
    r = streamed(&a, LY_SHAPE_OPENAI_RESPONSES, thinking, LY_COUNT(thinking), &done);
    assert_true(done && ly_str_eqc(r.reasoning, "hm") && ly_str_eqc(r.text, "yes"));
    assert_false(r.cost_said);
    r = read_reply(&a, LY_SHAPE_OPENAI_CHAT,
                   "{\"choices\":[{\"message\":{\"content\":\"x\",\"reasoning\":\"once\","
                   "\"reasoning_content\":\"once\"}}],\"usage\":{\"prompt_tokens\":1,"
                   "\"completion_tokens\":1,\"cost\":{\"total_cost\":0}}}");
    assert_true(ly_str_eqc(r.reasoning, "once") && r.cost_said && r.cost == 0);
    ly_arena_release(&a);
}

static void asked(void **state)
{
    ly_arena a;
    ly_shape_asked q;
    (void)state;
    ly_arena_init(&a, 0, 0);
    assert_int_equal(
        ly_shape_read_request(
            LY_SHAPE_ANTHROPIC,
            LY_S("{\"model\":\"c\",\"max_tokens\":9,\"system\":\"S\",\"messages\":[{"
                 "\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"T\"},{"
                 "\"type\":\"tool_result\",\"tool_use_id\":\"u\",\"content\":\"R\"}]}]}"),
            &a, &q, NULL),
        LY_OK);
    assert_true(ly_str_eqc(q.model, "c") && q.max_output == 9 && !q.stream);
    assert_true(
        ly_str_eqc(q.messages_json,
                   "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"T\"},{\"type\":"
                   "\"tool_call_response\",\"id\":\"u\",\"response\":\"R\"}]}]"));
    assert_true(ly_str_eqc(q.system_json, "[{\"type\":\"text\",\"content\":\"S\"}]"));
    assert_int_equal(ly_shape_read_request(LY_SHAPE_OPENAI_RESPONSES,
                                           LY_S("{\"model\":\"o\",\"input\":\"hi\"}"), &a, &q,
                                           NULL),
                     LY_OK);
    assert_true(
        ly_str_eqc(q.messages_json,
                   "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"));
    ly_shape_reply r = {.text = LY_S("ok"), .finish = LY_S("stop")};
    ly_buf out;
    ly_buf_init(&out, 1 << 16);
    ly_shape_write_output_messages(&r, &out);
    assert_string_equal(
        ly_buf_text(&out),
        "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"ok\"}],"
        "\"finish_reason\":\"stop\"}]");
    ly_buf_release(&out);
    ly_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests), cmocka_unit_test(detection),
        cmocka_unit_test(replies),  cmocka_unit_test(refusals_errors_and_nonsense),
        cmocka_unit_test(streams),  cmocka_unit_test(streams_of_others),
        cmocka_unit_test(asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
