/* Messages out of every dialect's shape, then what recorded clients said against what was said. */
#include "genai/kit.h"

#include "genai/corpus.h"

static ly_messages read_of(kit *k, size_t i)
{
    ly_messages m;
    assert_int_equal(ly_genai_messages(&k->spans[i], NULL, 0, &k->arena, &m), LY_OK);
    return m;
}

static void expect_part(const ly_message *m, size_t i, ly_part_kind kind, const char *text)
{
    assert_true(i < m->n_parts);
    assert_int_equal(m->parts[i].kind, kind);
    expect_text(kind == LY_PART_TOOL_CALL ? m->parts[i].tool_name : m->parts[i].text, text);
}

static void otel_json(void **state)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL,
         STR("gen_ai.system_instructions", "[{\"type\":\"text\",\"content\":\"Be brief.\"}]"),
         STR("gen_ai.input.messages",
             "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"Wie "
             "\\u00fcblich?\"}]},"
             "{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":"
             "\"f\",\"arguments\":{\"a\":1}}]},{\"role\":\"tool\",\"parts\":[{\"type\":"
             "\"tool_call_response\",\"id\":\"c1\",\"response\":\"42\"}]}]"),
         STR("gen_ai.output.messages",
             "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"hm\"},"
             "{\"type\":\"text\",\"content\":\"ok\"}],\"finish_reason\":\"end_turn\"}]"),
         STR("gen_ai.tool.definitions",
             "[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}]"));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_system, 1);
    expect_part(m.system, 0, LY_PART_TEXT, "Be brief.");
    assert_int_equal(m.n_input, 3);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "Wie üblich?");
    expect_part(&m.input[1], 0, LY_PART_TOOL_CALL, "f");
    expect_text(m.input[1].parts[0].arguments, "{\"a\":1}");
    expect_part(&m.input[2], 0, LY_PART_TOOL_RESULT, "42");
    expect_text(m.input[2].parts[0].tool_id, "c1");
    assert_int_equal(m.n_output, 1);
    expect_part(&m.output[0], 0, LY_PART_REASONING, "hm");
    expect_part(&m.output[0], 1, LY_PART_TEXT, "ok");
    expect_text(m.output[0].finish_reason, "stop");
    assert_int_equal(m.n_tools, 1);
    expect_text(m.tools[0].name, "f");
    expect_text(m.tools[0].parameters, "{\"type\":\"object\"}");
    END;
}

static void otel_native(void **state)
{
    BEGIN;
    const ly_kv part[] = {STR("type", "text"), STR("content", "hello")};
    const ly_any parts[] = {{.kind = LY_ANY_KVLIST, .kvlist = {part, 2}}};
    const ly_kv message[] = {STR("role", "user"),
                             {LY_S("parts"), {.kind = LY_ANY_ARRAY, .array = {parts, 1}}}};
    const ly_any messages[] = {{.kind = LY_ANY_KVLIST, .kvlist = {message, 2}}};
    /* and as a list of strings of JSON */
    const ly_any strings[] = {
        {.kind = LY_ANY_STRING, .str = LY_S("{\"role\":\"assistant\",\"content\":\"hi\"}")}};
    SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL,
         {LY_S("gen_ai.input.messages"), {.kind = LY_ANY_ARRAY, .array = {messages, 1}}},
         {LY_S("gen_ai.output.messages"), {.kind = LY_ANY_ARRAY, .array = {strings, 1}}});
    const ly_messages m = read_of(&k, 0);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "hello");
    expect_part(&m.output[0], 0, LY_PART_TEXT, "hi");
    expect_text(m.output[0].role, "assistant");
    END;
}

static void openinference_flat(void **state)
{
    BEGIN;
    /* out of order, with a gap, past 9 */
    SPAN(
        &k, "openinference.instrumentation.openai", "LLM", -1, 1,
        STR("openinference.span.kind", "LLM"), STR("llm.input_messages.10.message.role", "user"),
        STR("llm.input_messages.10.message.content", "third"),
        STR("llm.input_messages.0.message.role", "system"),
        STR("llm.input_messages.0.message.content", "first"),
        STR("llm.input_messages.2.message.role", "tool"),
        STR("llm.input_messages.2.message.tool_call_id", "c9"),
        STR("llm.input_messages.2.message.content", "second"),
        STR("llm.output_messages.0.message.role", "assistant"),
        STR("llm.output_messages.0.message.contents.0.message_content.type", "text"),
        STR("llm.output_messages.0.message.contents.0.message_content.text", "out"),
        STR("llm.output_messages.0.message.tool_calls.0.tool_call.id", "c1"),
        STR("llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "f"),
        STR("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", "{\"a\":1}"),
        STR("llm.tools.0.tool.json_schema",
            "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}"),
        STR("input.value", "{\"messages\":[]}"));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_input, 3);
    expect_text(m.input[0].role, "system");
    expect_part(&m.input[1], 0, LY_PART_TOOL_RESULT, "second");
    expect_text(m.input[1].parts[0].tool_id, "c9");
    expect_part(&m.input[2], 0, LY_PART_TEXT, "third");
    expect_part(&m.output[0], 0, LY_PART_TEXT, "out");
    expect_part(&m.output[0], 1, LY_PART_TOOL_CALL, "f");
    expect_text(m.output[0].parts[1].arguments, "{\"a\":1}");
    expect_text(m.tools[0].name, "f");
    END;
}

static void traceloop_flat_beats_the_prompt_name(void **state)
{
    BEGIN;
    SPAN(&k, "opentelemetry.instrumentation.openai.v1", "openai.chat", -1, 3,
         STR("llm.request.type", "chat"), STR("gen_ai.prompt.name", "greeting"),
         STR("gen_ai.prompt.version", "3"), STR("gen_ai.prompt.0.role", "user"),
         STR("gen_ai.prompt.0.content", "hi"), STR("gen_ai.completion.0.role", "assistant"),
         STR("gen_ai.completion.0.content", "yo"), STR("gen_ai.completion.0.finish_reason", "stop"),
         STR("gen_ai.completion.0.tool_calls.0.name", "f"),
         STR("gen_ai.completion.0.tool_calls.0.arguments", "{}"));
    expect_text(k.canon[0].prompt_name, "greeting");
    expect_text(k.canon[0].prompt_version, "3");
    assert_string_equal(k.canon[0].dialect, "traceloop");
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_input, 1);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "hi");
    expect_part(&m.output[0], 0, LY_PART_TEXT, "yo");
    expect_part(&m.output[0], 1, LY_PART_TOOL_CALL, "f");
    expect_text(m.output[0].finish_reason, "stop");
    END;
}

static void ai_sdk(void **state)
{
    BEGIN;
    SPAN(&k, "ai", "ai.generateText.doGenerate", -1, 1,
         STR("ai.operationId", "ai.generateText.doGenerate"),
         STR("ai.prompt.messages", "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                                   "\"hi\"}]},{\"role\":\"tool\",\"content\":[{\"type\":"
                                   "\"tool-result\",\"toolCallId\":\"c\",\"toolName\":\"f\","
                                   "\"output\":{\"type\":\"json\",\"value\":{\"x\":1}}}]}]"),
         STR("ai.response.text", "yo"), STR("ai.response.reasoning", "hm"),
         STR("ai.response.toolCalls", "[{\"type\":\"tool-call\",\"toolCallId\":\"c\",\"toolName\":"
                                      "\"f\",\"input\":\"{\\\"a\\\":1}\"}]"));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_input, 2);
    expect_part(&m.input[1], 0, LY_PART_TOOL_RESULT, "{\"x\":1}");
    assert_int_equal(m.n_output, 1);
    expect_part(&m.output[0], 0, LY_PART_REASONING, "hm");
    expect_part(&m.output[0], 1, LY_PART_TEXT, "yo");
    expect_part(&m.output[0], 2, LY_PART_TOOL_CALL, "f");
    expect_text(m.output[0].parts[2].arguments, "{\"a\":1}");
    END;
}

static void provider_native(void **state)
{
    BEGIN;
    SPAN(&k, "langsmith", "ChatOpenAI", -1, 1, STR("langsmith.span.kind", "llm"),
         STR("gen_ai.prompt",
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
             "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}"),
         STR("gen_ai.completion", "{\"id\":\"x\",\"choices\":[{\"index\":0,\"finish_reason\":"
                                  "\"tool_calls\",\"message\":{\"role\":\"assistant\",\"content\":"
                                  "null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
                                  "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}"));
    SPAN(&k, "mlflow", "messages", -1, 1, STR("mlflow.spanType", "\"CHAT_MODEL\""),
         STR("mlflow.spanInputs",
             "{\"system\":\"be nice\",\"messages\":[{\"role\":\"user\","
             "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
             "\"media_type\":\"image/png\",\"data\":\"AA\"}}]}]}"),
         STR("mlflow.spanOutputs",
             "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
             "\"thinking\":\"t\"},{\"type\":\"tool_use\",\"id\":\"u\",\"name\":"
             "\"g\",\"input\":{\"q\":1}}],\"stop_reason\":\"tool_use\"}"));
    SPAN(&k, "gcp.vertex.agent", "call_llm", -1, 1,
         STR("gcp.vertex.agent.llm_request",
             "{\"model\":\"gemini\",\"config\":{\"system_instruction\":\"sys\"},\"contents\":[{"
             "\"parts\":[{\"text\":\"q\"}],\"role\":\"user\"}]}"),
         STR("gcp.vertex.agent.llm_response",
             "{\"content\":{\"parts\":[{\"function_call\":{\"name\":\"h\",\"args\":{\"z\":2}}}],"
             "\"role\":\"model\"},\"usage_metadata\":{\"prompt_token_count\":47,"
             "\"candidates_token_count\":39,\"thoughts_token_count\":64,\"total_token_count\":150}"
             "}"));
    SPAN(&k, "genkit-tracer", "gemini", -1, 1, STR("genkit:metadata:subtype", "model"),
         STR("genkit:input", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]}]}"),
         STR("genkit:output", "{\"message\":{\"role\":\"model\",\"content\":[{\"text\":\"a\"},{"
                              "\"toolRequest\":{\"name\":\"w\",\"ref\":\"r\",\"input\":{}}}]},"
                              "\"usage\":{\"inputTokens\":5,\"outputTokens\":6}}"));
    SPAN(&k, "langwatch", "llm", -1, 1, STR("langwatch.span.type", "llm"),
         STR("langwatch.input", "{\"type\":\"chat_messages\",\"value\":[{\"role\":\"user\","
                                "\"content\":\"q\"}]}"),
         STR("langwatch.output", "{\"type\":\"text\",\"value\":\"a\"}"),
         STR("langwatch.metrics", "{\"type\":\"json\",\"value\":{\"promptTokens\":3,"
                                  "\"completionTokens\":4}}"));
    ly_messages m = read_of(&k, 0);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "a");
    expect_part(&m.output[0], 0, LY_PART_TOOL_CALL, "f");
    expect_text(m.output[0].finish_reason, "tool_call");
    expect_text(m.tools[0].name, "f");
    m = read_of(&k, 1);
    assert_int_equal(k.canon[1].type, LY_TYPE_GENERATION);
    expect_part(m.system, 0, LY_PART_TEXT, "be nice");
    assert_int_equal(m.input[0].parts[0].kind, LY_PART_MEDIA);
    expect_text(m.input[0].parts[0].mime, "image/png");
    expect_part(&m.output[0], 0, LY_PART_REASONING, "t");
    expect_part(&m.output[0], 1, LY_PART_TOOL_CALL, "g");
    m = read_of(&k, 2);
    expect_part(m.system, 0, LY_PART_TEXT, "sys");
    expect_part(&m.output[0], 0, LY_PART_TOOL_CALL, "h");
    expect_text(m.output[0].role, "assistant");
    expect_vec(&k.canon[2].tokens, (vec){47, UNK, UNK, 39, 64});
    m = read_of(&k, 3);
    expect_part(&m.output[0], 0, LY_PART_TEXT, "a");
    expect_part(&m.output[0], 1, LY_PART_TOOL_CALL, "w");
    expect_vec(&k.canon[3].tokens, (vec){5, UNK, UNK, 6, UNK});
    m = read_of(&k, 4);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "q");
    expect_part(&m.output[0], 0, LY_PART_TEXT, "a");
    expect_vec(&k.canon[4].tokens, (vec){3, UNK, UNK, 4, UNK});
    END;
}

static void langchain_serialised(void **state)
{
    BEGIN;
    SPAN(&k, "@traceloop/instrumentation-langchain", "workflow", -1, 1,
         STR("traceloop.span.kind", "workflow"),
         STR("traceloop.entity.output",
             "{\"messages\":[{\"lc\":1,\"type\":\"constructor\",\"id\":[\"langchain_core\","
             "\"messages\",\"HumanMessage\"],\"kwargs\":{\"content\":\"q\"}},{\"lc\":1,\"type\":"
             "\"constructor\",\"id\":[\"langchain_core\",\"messages\",\"AIMessage\"],\"kwargs\":{"
             "\"content\":\"a\",\"tool_calls\":[{\"name\":\"f\",\"args\":{},\"id\":\"c\"}]}}]}"));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_output, 2);
    expect_text(m.output[0].role, "user");
    expect_part(&m.output[1], 0, LY_PART_TEXT, "a");
    expect_part(&m.output[1], 1, LY_PART_TOOL_CALL, "f");
    END;
}

static void tools_and_retrieval(void **state)
{
    BEGIN;
    SPAN(&k, "x", "execute_tool f", -1, 1, OP("execute_tool"), STR("gen_ai.tool.name", "f"),
         STR("gen_ai.tool.call.arguments", "{\"a\":1}"), STR("gen_ai.tool.call.result", "42"));
    SPAN(&k, "openinference.x", "kb", -1, 1, STR("openinference.span.kind", "RETRIEVER"),
         STR("input.value", "why?"), STR("retrieval.documents.1.document.id", "b"),
         DBL("retrieval.documents.1.document.score", 0.25),
         STR("retrieval.documents.0.document.id", "a"),
         STR("retrieval.documents.0.document.content", "text a"));
    SPAN(&k, "x", "retrieval kb", -1, 3, OP("retrieval"), STR("gen_ai.retrieval.query.text", "q"),
         STR("gen_ai.retrieval.documents", "[{\"id\":\"d\",\"score\":0.5,\"content\":\"c\"}]"));
    SPAN(&k, "mlflow", "kb", -1, 1, STR("mlflow.spanType", "\"RETRIEVER\""),
         STR("mlflow.spanInputs", "{\"query\":\"q2\"}"),
         STR("mlflow.spanOutputs", "[{\"page_content\":\"pc\",\"metadata\":{\"id\":\"m1\"}}]"));
    ly_messages m = read_of(&k, 0);
    expect_text(m.tool_arguments, "{\"a\":1}");
    expect_text(m.tool_result, "42");
    m = read_of(&k, 1);
    expect_text(m.query, "why?");
    assert_int_equal(m.n_documents, 2);
    expect_text(m.documents[0].id, "a");
    expect_text(m.documents[0].content, "text a");
    assert_true(m.documents[1].has_score && m.documents[1].score == 0.25);
    m = read_of(&k, 2);
    expect_text(m.query, "q");
    expect_text(m.documents[0].content, "c");
    m = read_of(&k, 3);
    expect_text(m.query, "q2");
    expect_text(m.documents[0].content, "pc");
    expect_text(m.documents[0].id, "m1");
    END;
}

/* Texts of an embedding are content, its vectors and their redacted texts are none. */
static void embedded_texts_are_content(void **state)
{
    BEGIN;
    const size_t text =
        SPAN(&k, "x", "CreateEmbeddings", -1, 3, STR("openinference.span.kind", "EMBEDDING"),
             STR("embedding.embeddings.0.embedding.text", "a fish"),
             STR("embedding.embeddings.1.embedding.text", "a boat"));
    const size_t vector =
        SPAN(&k, "x", "CreateEmbeddings", -1, 3, STR("openinference.span.kind", "EMBEDDING"),
             STR("embedding.embeddings.0.embedding.vector", "[0.5, 0.25]"));
    const size_t hidden =
        SPAN(&k, "x", "CreateEmbeddings", -1, 3, STR("openinference.span.kind", "EMBEDDING"),
             STR("embedding.embeddings.0.embedding.text", "__REDACTED__"));
    assert_true(k.canon[text].has_input);
    assert_false(k.canon[text].has_output);
    assert_false(k.canon[vector].has_input);
    assert_false(k.canon[hidden].has_input);
    const ly_messages m = read_of(&k, text);
    assert_int_equal(m.n_input, 2);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "a fish");
    END;
}

static void message_events(void **state)
{
    BEGIN;
    const size_t i = SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL);
    const ly_kv user[] = {STR("content", "[{\"text\": \"hi\"}]")};
    const ly_kv choice[] = {STR("message", "[{\"text\": \"yo\"}]"),
                            STR("finish_reason", "end_turn")};
    const ly_event events[] = {{2, LY_S("gen_ai.choice"), {choice, 2, 0}},
                               {1, LY_S("gen_ai.user.message"), {user, 1, 0}}};
    k.spans[i].events = events;
    k.spans[i].n_events = 2;
    kit_normalise(&k, i);
    assert_true(k.canon[i].has_input && k.canon[i].has_output);
    ly_messages m = read_of(&k, i);
    expect_text(m.input[0].role, "user");
    expect_part(&m.input[0], 0, LY_PART_TEXT, "hi");
    expect_part(&m.output[0], 0, LY_PART_TEXT, "yo");
    expect_text(m.output[0].finish_reason, "stop");
    /* as log records with structured bodies */
    k.spans[i].n_events = 0;
    const ly_kv body1[] = {STR("content", "hello")};
    const ly_kv inner[] = {STR("role", "assistant"), STR("content", "there")};
    const ly_kv body2[] = {INT("index", 0),
                           STR("finish_reason", "stop"),
                           {LY_S("message"), {.kind = LY_ANY_KVLIST, .kvlist = {inner, 2}}}};
    const ly_log_record a = {.time_ns = 1,
                             .event_name = LY_S("gen_ai.user.message"),
                             .body = {.kind = LY_ANY_KVLIST, .kvlist = {body1, 1}}};
    const ly_log_record b = {.time_ns = 2,
                             .event_name = LY_S("gen_ai.choice"),
                             .body = {.kind = LY_ANY_KVLIST, .kvlist = {body2, 3}}};
    const ly_log_record *logs[] = {&b, &a};
    assert_int_equal(ly_genai_messages(&k.spans[i], logs, 2, &k.arena, &m), LY_OK);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "hello");
    expect_part(&m.output[0], 0, LY_PART_TEXT, "there");
    END;
}

static void unknown_shapes_are_text(void **state)
{
    BEGIN;
    SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL, STR("gen_ai.input.messages", "just words"),
         STR("gen_ai.output.messages", "{\"weird\":true}"));
    SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL, STR("input.value", "__REDACTED__"));
    ly_messages m = read_of(&k, 0);
    expect_part(&m.input[0], 0, LY_PART_TEXT, "just words");
    expect_part(&m.output[0], 0, LY_PART_TEXT, "{\"weird\":true}");
    m = read_of(&k, 1);
    assert_int_equal(m.n_input, 0);
    assert_true(m.withheld);
    assert_non_null(ly_genai_why_no_content(&k.spans[1]));
    assert_null(ly_genai_why_no_content(&k.spans[0]));
    END;
}

/* A cut off escape grows by a byte when it becomes U+FFFD. */
static void cut_off_escapes(void **state)
{
    BEGIN;
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(1));
    ly_buf_c(&buf, "[{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < 5000; i++)
        ly_buf_c(&buf, "\\u");
    ly_buf_c(&buf, "\"}]");
    SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL,
         STR("gen_ai.input.messages", ly_buf_text(&buf)));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.input[0].parts[0].text.len, 15000);
    ly_buf_release(&buf);
    END;
}

static void hostile_nesting(void **state)
{
    BEGIN;
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(4));
    for (int i = 0; i < 20000; i++)
        ly_buf_c(&buf, "{\"messages\":[");
    for (int i = 0; i < 20000; i++)
        ly_buf_c(&buf, "]}");
    SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL, STR("gen_ai.input.messages", ly_buf_text(&buf)),
         STR("gen_ai.tool.definitions", ly_buf_text(&buf)));
    const ly_messages m = read_of(&k, 0);
    assert_int_equal(m.n_input, 1);
    ly_buf_release(&buf);
    END;
}

/* ---- corpus ----------------------------------------------------------------------------------- */

static bool said_text(const ly_messages *m, ly_str want, bool chunks)
{
    char joined[8192];
    size_t n = 0;
    for (size_t i = 0; i < m->n_output; i++) {
        n = chunks ? n : 0;
        for (size_t p = 0; p < m->output[i].n_parts; p++) {
            const ly_part *part = &m->output[i].parts[p];
            if (part->kind != LY_PART_TEXT || n + part->text.len > sizeof joined)
                continue;
            memcpy(joined + n, part->text.ptr, part->text.len);
            n += part->text.len;
        }
        if (ly_str_eq(ly_str_n(joined, n), want))
            return true;
    }
    return false;
}

/* What these clients do not send, so nobody can read it. */
static const struct {
    const char *scenario, *what, *why;
} unsent[] = {
    {"anthropic-ai-claude-code-", "call", "the tool calls of an answer are in no span or log"},
    {"openai-agents-", "call", "OpenLIT's agent spans carry no model output"},
    {"arizeai-openinference-instrumentation-openai-4.2.7/deep-history", "text",
     "128 attributes were full before the output"},
};

static bool is_unsent(ly_str dir, const char *what)
{
    for (size_t i = 0; i < sizeof unsent / sizeof *unsent; i++) {
        if (ly_str_starts(dir, ly_str_c(unsent[i].scenario)) && strcmp(unsent[i].what, what) == 0)
            return true;
    }
    return false;
}

static bool asked_tool(const ly_messages *m, ly_str name, ly_str id)
{
    for (size_t i = 0; i < m->n_output; i++) {
        for (size_t p = 0; p < m->output[i].n_parts; p++) {
            const ly_part *part = &m->output[i].parts[p];
            if (part->kind == LY_PART_TOOL_CALL && ly_str_eq(part->tool_name, name) &&
                (ly_str_eq(part->tool_id, id) || !id.len || !part->tool_id.len))
                return true;
        }
    }
    return false;
}

static int unsaid;

static void check_scene(const char *root, ly_val line, void *user)
{
    (void)user;
    scene s;
    ly_arena names;
    ly_arena_init(&names, 0, 0);
    const ly_str dir = ly_val_str(ly_val_get(line, "dir"), &names);
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/%.*s", root, LY_STR_ARG(dir));
    if (!scene_load(&s, folder)) {
        scene_free(&s);
        ly_arena_release(&names);
        return;
    }
    ly_messages *all = LY_ARENA_ARRAY(&s.arena, ly_messages, s.n_spans + 1);
    for (size_t i = 0; i < s.n_spans; i++) {
        if (!s.spans[i].span)
            continue;
        const ly_log_record *own[64];
        size_t n = 0;
        for (size_t l = 0; l < s.n_logs && n < 64; l++) {
            uint64_t keys[LY_JOIN_KEYS];
            const size_t m = ly_genai_log_keys(s.logs[l], &s.infos[l], keys);
            if (common_key(keys, m, s.spans[i].keys, s.spans[i].n_keys))
                own[n++] = s.logs[l];
        }
        ly_genai_messages(s.spans[i].span, own, n, &s.arena, &all[i]);
    }
    const bool gemini = ly_str_starts(dir, LY_S("google-gemini-cli-")); /* a message a chunk */
    ly_val_iter it = ly_val_each(ly_val_get(line, "llm_calls"));
    ly_str key;
    ly_val call;
    while (ly_val_next(&it, &key, &call)) {
        const ly_str want = ly_val_str(ly_val_get(call, "response_text"), &s.arena);
        bool found = want.len == 0, cut = ly_str_ends(want, LY_S("…"));
        for (size_t i = 0; i < s.n_spans && !found && !cut; i++)
            found = said_text(&all[i], want, gemini);
        if (!found && !cut && !is_unsent(dir, "text")) {
            unsaid++;
            printf("UNSAID %.*s: %.60s\n", LY_STR_ARG(dir), want.ptr);
        }
        ly_val_iter calls = ly_val_each(ly_val_get(call, "tool_calls"));
        ly_val tool;
        while (ly_val_next(&calls, &key, &tool)) {
            const ly_str name = ly_val_str(ly_val_get(tool, "name"), &s.arena);
            /* Gemini CLI makes ids of its own. */
            const ly_str id = gemini ? LY_STR_NONE : ly_val_str(ly_val_get(tool, "id"), &s.arena);
            bool asked = false;
            for (size_t i = 0; i < s.n_spans && !asked; i++)
                asked = asked_tool(&all[i], name, id);
            if (!asked && !is_unsent(dir, "call")) {
                unsaid++;
                printf("UNASKED %.*s: %.*s %.*s\n", LY_STR_ARG(dir), LY_STR_ARG(name),
                       LY_STR_ARG(id));
            }
        }
    }
    scene_free(&s);
    ly_arena_release(&names);
}

static void corpus_messages(void **state)
{
    (void)state;
    if (corpus_each(check_scene, NULL) == 0)
        skip();
    printf("%d unsaid\n", unsaid);
    assert_true(unsaid == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(otel_json),
        cmocka_unit_test(otel_native),
        cmocka_unit_test(openinference_flat),
        cmocka_unit_test(traceloop_flat_beats_the_prompt_name),
        cmocka_unit_test(ai_sdk),
        cmocka_unit_test(provider_native),
        cmocka_unit_test(langchain_serialised),
        cmocka_unit_test(tools_and_retrieval),
        cmocka_unit_test(embedded_texts_are_content),
        cmocka_unit_test(message_events),
        cmocka_unit_test(unknown_shapes_are_text),
        cmocka_unit_test(cut_off_escapes),
        cmocka_unit_test(hostile_nesting),
        cmocka_unit_test(corpus_messages),
    };
    return cmocka_run_group_tests_name("genai/messages", tests, NULL, NULL);
}
