/* Dialects, types, precedence (§3.5), count rules (§3.6), span by span, and the tables themselves; the
 * pitfalls of §3.4 are in test_pitfalls.c. */
#include "genai/kit.h"

#include "genai/dialects.h"

#define C(i) (k.canon[i])

/* ---- detection -------------------------------------------------------------------------------- */

static void detects_every_dialect(void **state)
{
    static const struct {
        const char *scope, *key, *value, *dialect;
    } rows[] = {
        {"com.anthropic.claude_code.tracing", "span.type", "llm_request", "claude_code"},
        {"langfuse-sdk", "langfuse.observation.type", "generation", "langfuse"},
        {"", "langfuse.trace.name", "t", "langfuse"},
        {"mlflow.openai.autolog", "mlflow.spanType", "\"LLM\"", "mlflow"},
        {"", "mlflow.traceRequestId", "t", "mlflow"},
        {"ai", "ai.operationId", "ai.generateText", "ai_sdk_legacy"},
        {"x", "operation.name", "ai.generateText f", "ai_sdk_legacy"},
        {"gen_ai", "gen_ai.operation.name", "chat", "ai_sdk_v7"},
        {"openinference.instrumentation.openai", "llm.model_name", "m", "openinference"},
        {"@arizeai/openinference-instrumentation-openai", "x", "m", "openinference"},
        {"x", "openinference.span.kind", "LLM", "openinference"},
        {"x", "llm.token_count.prompt", "1", "openinference"},
        {"@traceloop/instrumentation-openai", "gen_ai.operation.name", "chat", "traceloop"},
        {"traceloop.tracer", "x", "y", "traceloop"},
        {"opentelemetry.instrumentation.openai.v1", "llm.request.type", "chat", "traceloop"},
        {"x", "gen_ai.prompt.0.content", "hi", "traceloop"},
        {"opentelemetry.instrumentation.openai_v2", "gen_ai.operation.name", "chat", "otel_genai"},
        {"pydantic-ai", "gen_ai.operation.name", "chat", "pydantic_ai"},
        {"logfire.openai", "gen_ai.operation.name", "chat", "pydantic_ai"},
        {"x", "logfire.msg", "m", "pydantic_ai"},
        {"langsmith", "langsmith.span.kind", "llm", "langsmith"},
        {"x", "langsmith.trace.name", "n", "langsmith"},
        {"gcp.vertex.agent", "x", "y", "adk"},
        {"x", "gcp.vertex.agent.event_id", "e", "adk"},
        {"gemini-cli", "gen_ai.operation.name", "llm_call", "gemini_cli"},
        {"codex_cli_rs", "x", "y", "codex"},
        {"x", "codex.turn_id", "y", "codex"},
        {"@mastra/otel-exporter", "x", "y", "mastra"},
        {"x", "mastra.span.type", "agent_run", "mastra"},
        {"lmnr.tracer", "lmnr.span.type", "LLM", "laminar"},
        {"@openlit/instrumentation-openai-agents", "x", "y", "openlit"},
        {"x", "gen_ai.application_name", "y", "openlit"},
        {"com.anthropic.sdk.typescript", "x", "y", "anthropic_native"},
        {"x", "anthropic.request.id", "y", "anthropic_native"},
        {"x", "mcp.method.name", "tools/call", "mcp"},
        {"x", "gen_ai.request.model", "y", "otel_genai"},
        {"genkit-tracer", "genkit:type", "action", "genkit"},
        {"langwatch", "langwatch.span.type", "llm", "langwatch"},
        {"strands.telemetry.tracer", "gen_ai.operation.name", "chat", "strands"},
        {"livekit-agents", "lk.agent_name", "a", "livekit"},
        {"my.app", "order.id", "7", "plain"},
    };
    BEGIN;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        k.n = 0;
        SPAN(&k, rows[i].scope, "s", -1, 1, STR(rows[i].key, rows[i].value));
        if (strcmp(C(0).dialect, rows[i].dialect) != 0)
            fail_msg("%s %s: got %s, want %s", rows[i].scope, rows[i].key, C(0).dialect,
                     rows[i].dialect);
    }
    END;
}

/* ---- types ------------------------------------------------------------------------------------ */

static void types(void **state)
{
    static const struct {
        const char *scope, *name, *key, *value;
        ly_type type;
    } rows[] = {
        {"x", "s", "gen_ai.operation.name", "text_completion", LY_TYPE_GENERATION},
        {"x", "s", "gen_ai.operation.name", "embeddings", LY_TYPE_EMBEDDING},
        {"x", "s", "gen_ai.operation.name", "rerank", LY_TYPE_RERANK},
        {"x", "s", "gen_ai.operation.name", "retrieval", LY_TYPE_RETRIEVAL},
        {"x", "s", "gen_ai.operation.name", "execute_tool", LY_TYPE_TOOL},
        {"x", "s", "gen_ai.operation.name", "create_agent", LY_TYPE_AGENT},
        {"x", "s", "gen_ai.operation.name", "invoke_workflow", LY_TYPE_WORKFLOW},
        {"x", "s", "gen_ai.operation.name", "plan", LY_TYPE_PLAN},
        {"x", "s", "gen_ai.operation.name", "agent_step", LY_TYPE_STEP},
        {"x", "s", "gen_ai.operation.name", "create_memory_store", LY_TYPE_MEMORY},
        {"x", "s", "gen_ai.operation.name", "upsert_memory", LY_TYPE_MEMORY},
        {"x", "s", "gen_ai.operation.name", "something_of_their_own", LY_TYPE_STEP},
        {"gemini-cli", "s", "gen_ai.operation.name", "llm_call", LY_TYPE_GENERATION},
        {"gemini-cli", "s", "gen_ai.operation.name", "user_prompt", LY_TYPE_STEP},
        {"x", "s", "openinference.span.kind", "GUARDRAIL", LY_TYPE_GUARDRAIL},
        {"x", "s", "openinference.span.kind", "chain", LY_TYPE_WORKFLOW},
        {"x", "s", "openinference.span.kind", "RERANKER", LY_TYPE_RERANK},
        {"x", "s", "mlflow.spanType", "\"MEMORY\"", LY_TYPE_MEMORY},
        {"x", "s", "mastra.span.type", "mcp_tool_call", LY_TYPE_TOOL},
        {"x", "s", "mastra.span.type", "workflow_conditional", LY_TYPE_STEP},
        {"x", "s", "mastra.span.type", "rag_embedding", LY_TYPE_EMBEDDING},
        {"x", "s", "mastra.span.type", "rag_action", LY_TYPE_RETRIEVAL},
        {"x", "s", "langsmith.span.kind", "retriever", LY_TYPE_RETRIEVAL},
        {"x", "s", "lmnr.span.type", "EVALUATOR", LY_TYPE_EVALUATOR},
        {"x", "s", "langfuse.observation.type", "event", LY_TYPE_STEP},
        {"x", "s", "ai.operationId", "ai.rerank.doRerank", LY_TYPE_RERANK},
        {"x", "s", "ai.operationId", "ai.toolCall", LY_TYPE_TOOL},
        {"x", "s", "operation.name", "ai.streamText.doStream my-function", LY_TYPE_GENERATION},
        {"x", "s", "traceloop.span.kind", "workflow", LY_TYPE_WORKFLOW},
        {"x", "s", "llm.request.type", "completion", LY_TYPE_GENERATION},
        {"x", "s", "mcp.method.name", "tools/call", LY_TYPE_TOOL},
        {"x", "s", "mcp.method.name", "initialize", LY_TYPE_OTHER},
        {"gcp.vertex.agent", "invocation", "x", "y", LY_TYPE_WORKFLOW},
        {"gcp.vertex.agent", "call_llm", "x", "y", LY_TYPE_GENERATION},
        {"gcp.vertex.agent", "execute_tool (merged tools)", "gen_ai.operation.name", "execute_tool",
         LY_TYPE_STEP},
        {"pydantic-ai", "agent run", "x", "y", LY_TYPE_AGENT},
        {"pydantic-ai", "running 2 tools", "x", "y", LY_TYPE_STEP},
        {"pydantic-ai", "running tool: f", "x", "y", LY_TYPE_TOOL},
        {"com.anthropic.claude_code.tracing", "claude_code.hook", "x", "y", LY_TYPE_STEP},
        {"@traceloop/instrumentation-llamaindex", "vector_index_retriever.retrieve",
         "traceloop.span.kind", "task", LY_TYPE_RETRIEVAL},
        {"@traceloop/instrumentation-llamaindex", "base_embedding.get_query_embedding",
         "traceloop.span.kind", "task", LY_TYPE_EMBEDDING},
        /* inferred */
        {"x", "s", "gen_ai.request.model", "gpt-4o", LY_TYPE_GENERATION},
        {"x", "s", "gen_ai.tool.name", "f", LY_TYPE_TOOL},
        {"x", "s", "gen_ai.retrieval.query.text", "q", LY_TYPE_RETRIEVAL},
        {"x", "s", "db.system", "chroma", LY_TYPE_RETRIEVAL},
        {"x", "s", "db.system", "postgresql", LY_TYPE_DB},
        {"x", "s", "http.request.method", "POST", LY_TYPE_HTTP},
        {"x", "s", "http.method", "GET", LY_TYPE_HTTP},
        {"x", "s", "order.id", "7", LY_TYPE_OTHER},
        {"x", "s", "llm.input_messages.0.message.content", "hi", LY_TYPE_GENERATION},
        {"codex", "turn", "model", "gpt-5", LY_TYPE_STEP},
    };
    BEGIN;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        k.n = 0;
        SPAN(&k, rows[i].scope, rows[i].name, -1, 1, STR(rows[i].key, rows[i].value));
        if (C(0).type != rows[i].type)
            fail_msg("%s %s=%s: got %s, want %s", rows[i].name, rows[i].key, rows[i].value,
                     ly_type_name(C(0).type), ly_type_name(rows[i].type));
    }
    END;
}

static void explicit_type_beats_operation(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), STR("langfuse.observation.type", "agent"));
    SPAN(&k, "x", "s", -1, 1, OP("chat"), STR("mlflow.spanType", "\"UNKNOWN\""));
    SPAN(&k, "ai", "s", -1, 1, STR("openinference.span.kind", "AGENT"),
         STR("ai.operationId", "ai.generateText"), INT("ai.usage.promptTokens", 3));
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "GUARDRAIL"), MODEL, IN(3), OUT(1));
    SPAN(&k, "x", "s", -1, 1, STR("openinference.span.kind", "GUARDRAIL"));
    assert_int_equal(C(0).type, LY_TYPE_AGENT);
    assert_int_equal(C(1).type, LY_TYPE_GENERATION);
    assert_int_equal(C(2).role, LY_ROLE_ROLLUP);
    assert_int_equal(C(3).role, LY_ROLE_LEAF);
    assert_int_equal(C(4).role, LY_ROLE_NONE);
    END;
}

/* ---- precedence ------------------------------------------------------------------------------- */

static void model_and_provider(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, STR("langfuse.observation.model.name", "a"),
         STR("gen_ai.response.model", "b"), STR("gen_ai.request.model", "c"));
    expect_text(ly_canon_model(&C(0)), "a");
    SPAN(&k, "x", "s", -1, 1, STR("llm.model_name", "m"), STR("gen_ai.request.model", "c"),
         STR("ai.response.model", "d"));
    expect_text(ly_canon_model(&C(1)), "d");
    expect_text(C(1).request_model, "c");
    SPAN(&k, "x", "s", -1, 1, STR("model", "z"), STR("mlflow.llm.model", "\"y\""), IN(1));
    expect_text(ly_canon_model(&C(2)), "y");
    /* both spellings are one */
    SPAN(&k, "x", "s", -1, 1, STR("gen_ai.system", "az.ai.openai"),
         STR("gen_ai.provider.name", "azure.ai.openai"), MODEL);
    expect_text(C(3).provider, "azure.ai.openai");
    /* a framework is no provider; the model says who it is */
    SPAN(&k, "x", "s", -1, 1, STR("gen_ai.system", "langchain"),
         STR("gen_ai.request.model", "claude-x"));
    expect_text(C(4).provider, "anthropic");
    SPAN(&k, "x", "s", -1, 1, STR("gen_ai.system", "gcp.vertex.agent"),
         STR("gen_ai.request.model", "gemini-2.5-flash"));
    expect_text(C(5).provider, "gcp.gemini");
    /* Strands gives its service's name */
    const ly_kv service[] = {STR("service.name", "my-agents")};
    k.resource.attrs = (ly_attrs){service, 1, 0};
    SPAN(&k, "strands.telemetry.tracer", "chat", -1, 1, OP("chat"),
         STR("gen_ai.provider.name", "my-agents"), MODEL);
    expect_text(C(6).provider, "openai");
    expect_text(C(6).service, "my-agents");
    END;
}

static void provider_names(void **state)
{
    static const char *const rows[][2] = {
        {"OpenAI", "openai"},
        {"openai.chat", "openai"},
        {"openai.responses", "openai"},
        {"Anthropic", "anthropic"},
        {"anthropic.messages", "anthropic"},
        {"vertex_ai", "gcp.vertex_ai"},
        {"gemini", "gcp.gemini"},
        {"google.generative-ai", "gcp.gemini"},
        {"google.vertex.chat", "gcp.vertex_ai"},
        {"az.ai.inference", "azure.ai.inference"},
        {"xai", "x_ai"},
        {"xai.chat", "x_ai"},
        {"amazon-bedrock", "aws.bedrock"},
        {"aws.bedrock", "aws.bedrock"},
        {"mistralai", "mistral_ai"},
        {"Cohere", "cohere"},
        {"MyOwn", "myown"},
        {"gcp.gen_ai", "gcp.gen_ai"},
    };
    BEGIN;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_text(ly_genai_provider(ly_str_c(rows[i][0]), &k.arena), rows[i][1]);
    assert_false(ly_str_given(ly_genai_provider(LY_S("Langchain"), &k.arena)));
    expect_text(ly_genai_provider_of_model(LY_S("us.anthropic.claude-3-5-sonnet-20241022-v2:0")),
                "anthropic");
    expect_text(ly_genai_provider_of_model(LY_S("models/gemini-2.5-pro")), "gcp.gemini");
    expect_text(ly_genai_provider_of_model(LY_S("o4-mini")), "openai");
    assert_false(ly_str_given(ly_genai_provider_of_model(LY_S("my-finetune"))));
    END;
}

static void owners(void **state)
{
    BEGIN;
    const ly_kv resource[] = {STR("service.name", "svc"), STR("service.version", "1.2"),
                              STR("deployment.environment", "old"),
                              STR("deployment.environment.name", "prod"), STR("session.id", "r")};
    k.resource.attrs = (ly_attrs){resource, 5, 0};
    SPAN(&k, "x", "s", -1, 1, STR("gen_ai.conversation.id", "conv"), STR("session.id", "sess"),
         STR("enduser.id", "e"), STR("user.id", "u"));
    expect_text(C(0).session, "sess");
    expect_text(C(0).user, "u");
    expect_text(C(0).service, "svc");
    expect_text(C(0).release, "1.2");
    expect_text(C(0).env, "prod");
    SPAN(&k, "langfuse-sdk", "s", -1, 1, STR("langfuse.session.id", "lf"),
         STR("session.id", "sess"), STR("langfuse.environment", "stage"),
         STR("langfuse.release", "r9"), STR("langfuse.trace.tags", "[\"a\",\"b\"]"));
    expect_text(C(1).session, "lf");
    expect_text(C(1).env, "stage");
    expect_text(C(1).release, "r9");
    assert_int_equal(C(1).n_tags, 2);
    expect_text(C(1).tags[1], "b");
    /* a project is no conversation */
    SPAN(&k, "langsmith", "s", -1, 1, STR("langsmith.trace.session_id", "project"),
         STR("langsmith.metadata.thread_id", "th"), STR("langsmith.span.tags", "x, y"));
    expect_text(C(2).session, "th");
    assert_int_equal(C(2).n_tags, 2);
    SPAN(&k, "x", "s", -1, 1, STR("other", "1"));
    expect_text(C(3).session, "r");
    SPAN(&k, "ai", "s", -1, 1, STR("ai.telemetry.metadata.sessionId", "a5"),
         STR("ai.settings.context.sessionId", "a7"));
    expect_text(C(4).session, "a5");
    END;
}

static void prompts(void **state)
{
    BEGIN;
    SPAN(&k, "x", "s", -1, 1, OP("chat"), STR("gen_ai.prompt.name", "p"),
         INT("gen_ai.prompt.version", 3));
    expect_text(C(0).prompt_name, "p");
    expect_text(C(0).prompt_version, "3");
    SPAN(&k, "gemini-cli", "s", -1, 1, OP("llm_call"), STR("gen_ai.prompt.name", "774fa5df"));
    assert_int_equal(C(1).prompt_name.len, 0);
    SPAN(&k, "langfuse-sdk", "s", -1, 1, STR("langfuse.observation.prompt.name", "greeting"),
         INT("langfuse.observation.prompt.version", 3));
    expect_text(C(2).prompt_version, "3");
    SPAN(&k, "ai", "s", -1, 1,
         STR("ai.telemetry.metadata.langfusePrompt", "{\"name\":\"lf\",\"version\":2}"));
    expect_text(C(3).prompt_name, "lf");
    expect_text(C(3).prompt_version, "2");
    END;
}

/* ---- counts (§3.6) ---------------------------------------------------------------------------- */

static void count_rules(void **state)
{
    BEGIN;
    /* AI SDK 5: Anthropic's raw input, Gemini's raw output; 6 says the parts */
    SPAN(&k, "ai", "s", -1, 1, STR("ai.operationId", "ai.generateText.doGenerate"),
         STR("ai.model.provider", "anthropic.messages"), STR("ai.model.id", "claude-x"),
         INT("ai.usage.inputTokens", 100), INT("ai.usage.outputTokens", 5),
         INT("ai.usage.cachedInputTokens", 40));
    expect_vec(&C(0).tokens, (vec){100, 40, UNK, 5, UNK});
    SPAN(&k, "ai", "s", -1, 1, STR("ai.operationId", "ai.generateText.doGenerate"),
         STR("ai.model.provider", "anthropic.messages"), STR("ai.model.id", "claude-x"),
         INT("ai.usage.inputTokens", 100), INT("ai.usage.outputTokens", 5),
         INT("ai.usage.cachedInputTokens", 40),
         INT("ai.usage.inputTokenDetails.noCacheTokens", 60));
    expect_vec(&C(1).tokens, (vec){60, 40, UNK, 5, UNK});
    SPAN(&k, "ai", "s", -1, 1, STR("ai.operationId", "ai.generateText.doGenerate"),
         STR("ai.model.provider", "google.generative-ai"), STR("ai.model.id", "gemini-x"),
         INT("ai.usage.inputTokens", 47), INT("ai.usage.outputTokens", 139),
         INT("ai.usage.reasoningTokens", 64));
    expect_vec(&C(2).tokens, (vec){47, UNK, UNK, 139, 64});
    /* Traceloop for JS leaves Anthropic's input as it is, for Python it sums */
    SPAN(&k, "@traceloop/instrumentation-anthropic", "s", -1, 3, OP("chat"),
         STR("gen_ai.provider.name", "anthropic"), IN(271), OUT(9),
         INT("gen_ai.usage.cache_read.input_tokens", 100));
    expect_vec(&C(3).tokens, (vec){271, 100, UNK, 9, UNK});
    SPAN(&k, "opentelemetry.instrumentation.anthropic", "s", -1, 3, OP("chat"),
         STR("gen_ai.system", "Anthropic"), INT("gen_ai.usage.prompt_tokens", 271), OUT(9),
         INT("gen_ai.usage.cache_read_input_tokens", 100));
    expect_vec(&C(4).tokens, (vec){171, 100, UNK, 9, UNK});
    /* Gemini CLI's thoughts stand outside */
    SPAN(&k, "gemini-cli", "s", -1, 1, OP("llm_call"), IN(10), OUT(50),
         INT("gen_ai.usage.reasoning.output_tokens", 20));
    expect_vec(&C(5).tokens, (vec){10, UNK, UNK, 50, 20});
    /* Bedrock through OpenInference */
    SPAN(&k, "openinference.instrumentation.bedrock", "s", -1, 1,
         STR("openinference.span.kind", "LLM"), INT("llm.token_count.prompt", 100),
         INT("llm.token_count.prompt_details.cache_read", 40),
         INT("llm.token_count.completion", 5));
    expect_vec(&C(6).tokens, (vec){100, 40, UNK, 5, UNK});
    /* Strands on Bedrock: the total shows it */
    SPAN(&k, "strands.telemetry.tracer", "chat", -1, 1, OP("chat"),
         STR("gen_ai.request.model", "us.anthropic.claude-x"), IN(100),
         INT("gen_ai.usage.prompt_tokens", 100), OUT(5),
         INT("gen_ai.usage.cache_read_input_tokens", 40),
         INT("gen_ai.usage.cache_write_input_tokens", 7), INT("gen_ai.usage.total_tokens", 152));
    expect_vec(&C(7).tokens, (vec){100, 40, 7, 5, UNK});
    assert_true(C(7).usage_mode & LY_USAGE_BY_EVIDENCE);
    /* Only a total */
    SPAN(&k, "x", "s", -1, 3, OP("chat"), MODEL, INT("gen_ai.usage.total_tokens", 120));
    assert_int_equal(C(8).tokens.unattributed, 120);
    assert_int_equal(C(8).tokens.in_fresh, LY_UNKNOWN);
    /* parts without the whole say nothing */
    SPAN(&k, "x", "s", -1, 3, OP("chat"), MODEL, INT("gen_ai.usage.cache_read.input_tokens", 5));
    assert_false(ly_tokens_known(&C(9).tokens));
    /* Langfuse by hand, input with its cached part: only the total shows it */
    SPAN(&k, "langfuse-sdk", "s", -1, 1, STR("langfuse.observation.type", "generation"),
         STR("langfuse.observation.usage_details",
             "{\"input\":100,\"output\":20,\"input_cached_tokens\":64,\"total\":120}"));
    expect_vec(&C(10).tokens, (vec){36, 64, UNK, 20, UNK});
    /* Langfuse for Python hands OpenAI's own object on */
    SPAN(&k, "langfuse-sdk", "s", -1, 1, STR("langfuse.observation.type", "generation"),
         STR("langfuse.observation.usage_details",
             "{\"completion_tokens\":30,\"prompt_tokens\":100,\"total_tokens\":130,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":12},"
             "\"prompt_tokens_details\":{\"cached_tokens\":40}}"));
    expect_vec(&C(11).tokens, (vec){60, 40, UNK, 18, 12});
    END;
}

static void costs(void **state)
{
    BEGIN;
    SPAN(&k, "langfuse-sdk", "s", -1, 1,
         STR("langfuse.observation.cost_details", "{\"input\":0.001,\"output\":0.002}"),
         DBL("gen_ai.usage.cost", 9));
    assert_int_equal(C(0).client_cost_pico, 3000000000);
    assert_int_equal(C(0).client_cost_source, LY_COST_LANGFUSE);
    SPAN(&k, "x", "s", -1, 1, DBL("llm.cost.prompt", 0.1), DBL("llm.cost.completion", 0.2));
    assert_int_equal(C(1).client_cost_pico, 300000000000);
    SPAN(&k, "x", "s", -1, 1, DBL("llm.cost.prompt", 0.1), DBL("llm.cost.total", 0.7));
    assert_int_equal(C(2).client_cost_pico, 700000000000);
    SPAN(&k, "x", "s", -1, 1, DBL("gen_ai.usage.cost", 0));
    assert_int_equal(C(3).client_cost_pico, 0); /* zero is a value */
    SPAN(&k, "x", "s", -1, 1, DBL("gen_ai.usage.cost", -1));
    assert_int_equal(C(4).client_cost_pico, LY_UNKNOWN);
    SPAN(&k, "x", "s", -1, 1, DBL("operation.cost", 0.036321000000000006));
    assert_int_equal(C(5).client_cost_pico, 36321000000);
    END;
}

static void tools_and_agents(void **state)
{
    BEGIN;
    SPAN(&k, "x", "execute_tool weather", -1, 1, OP("execute_tool"));
    expect_text(C(0).tool_name, "weather");
    SPAN(&k, "@traceloop/node-server-sdk", "f.tool", -1, 1, STR("traceloop.span.kind", "tool"),
         STR("traceloop.entity.name", "f"));
    expect_text(C(1).tool_name, "f");
    SPAN(&k, "langfuse-sdk", "lookup", -1, 1, STR("langfuse.observation.type", "tool"));
    expect_text(C(2).tool_name, "lookup");
    SPAN(&k, "gemini-cli", "tool_call", -1, 1, OP("tool_call"), STR("gen_ai.tool.name", "ls"),
         STR("gen_ai.tool.call_id", "c7"));
    expect_text(C(3).tool_call_id, "c7");
    SPAN(&k, "gcp.vertex.agent", "invoke_agent planner", -1, 1, OP("invoke_agent"));
    expect_text(C(4).agent_name, "planner");
    SPAN(&k, "genkit-tracer", "generate", -1, 1, STR("genkit:metadata:subtype", "model"),
         STR("genkit:name", "googleai/gemini-2.5-flash"));
    expect_text(C(5).request_model, "gemini-2.5-flash");
    expect_text(C(5).provider, "gcp.gemini");
    END;
}

/* Nothing in a span can make the engine fail: every key of the tables with odd values. */
static void odd_values(void **state)
{
    BEGIN;
    const ly_kv nested[] = {STR("a", "b")};
    const ly_any odd[] = {{.kind = LY_ANY_EMPTY},
                          {.kind = LY_ANY_STRING, .str = {NULL, 0}},
                          {.kind = LY_ANY_STRING, .str = LY_S("\"")},
                          {.kind = LY_ANY_STRING, .str = LY_S("{\"a\":")},
                          {.kind = LY_ANY_STRING, .str = LY_S("[[[[[[[[")},
                          {.kind = LY_ANY_STRING, .str = LY_S("\"\\ud800\"")},
                          {.kind = LY_ANY_BYTES, .str = LY_S("\xff\xfe")},
                          {.kind = LY_ANY_INT, .integer = INT64_MIN},
                          {.kind = LY_ANY_DOUBLE, .real = 1e308},
                          {.kind = LY_ANY_BOOL, .boolean = true},
                          {.kind = LY_ANY_ARRAY, .array = {NULL, 0}},
                          {.kind = LY_ANY_KVLIST, .kvlist = {nested, 1}}};
    for (size_t v = 0; v < sizeof odd / sizeof *odd; v++) {
        ly_kv *kvs = LY_ARENA_ARRAY(&k.arena, ly_kv, ly_keys_n + ly_docs_n);
        size_t n = 0;
        for (size_t i = 0; i < ly_keys_n; i++)
            kvs[n++] = (ly_kv){ly_str_c(ly_keys[i].key), odd[v]};
        for (size_t i = 0; i < ly_docs_n; i++)
            kvs[n++] = (ly_kv){ly_str_c(ly_docs[i].key), odd[v]};
        k.n = 0;
        kit_add(&k, "x", "s", -1, 1, kvs, n);
        const int64_t *t = &C(0).tokens.in_fresh;
        for (size_t i = 0; i < sizeof(ly_tokens) / sizeof(int64_t); i++)
            assert_true(t[i] == LY_UNKNOWN || t[i] >= 0);
        ly_messages m;
        (void)ly_genai_messages(&k.spans[0], NULL, 0, &k.arena, &m);
    }
    END;
}

/* The tables themselves: ranks fit, a slot has no two keys of one rank unless they are one key. */
static void tables_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < ly_keys_n; i++) {
        assert_true(ly_keys[i].slot < S__COUNT);
        assert_true(ly_keys[i].rank < 255);
        for (size_t j = i + 1; j < ly_keys_n; j++) {
            if (ly_keys[i].slot != ly_keys[j].slot)
                continue;
            if (strcmp(ly_keys[i].key, ly_keys[j].key) == 0)
                fail_msg("%s stands twice in one slot", ly_keys[i].key);
            if (ly_keys[i].rank == ly_keys[j].rank && ly_keys[i].conv != CV_THERE &&
                ly_keys[i].slot != S_COST) /* its rank is the source */
                fail_msg("%s and %s have one rank", ly_keys[i].key, ly_keys[j].key);
        }
    }
    for (size_t i = 1; i < ly_docs_n; i++) {
        for (size_t j = 0; j + 1 < i; j++) {
            if (strcmp(ly_docs[i].key, ly_docs[j].key) == 0 &&
                strcmp(ly_docs[i].key, ly_docs[i - 1].key) != 0)
                fail_msg("the rows of document %s do not stand together", ly_docs[i].key);
        }
    }
    for (size_t i = 1; i < ly_words_n; i++) {
        for (size_t j = 0; j + 1 < i; j++) {
            if (ly_words[i].vocabulary == ly_words[j].vocabulary &&
                ly_words[i].vocabulary != ly_words[i - 1].vocabulary)
                fail_msg("the words of the vocabulary of \"%s\" do not stand together",
                         ly_words[i].word);
        }
    }
    assert_true(ly_dialects_n <= 64); /* bits of ly_extract.signatures */
    assert_true(ly_keys_n < 1200 && ly_keys_n + ly_docs_n < 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detects_every_dialect),
        cmocka_unit_test(types),
        cmocka_unit_test(explicit_type_beats_operation),
        cmocka_unit_test(model_and_provider),
        cmocka_unit_test(provider_names),
        cmocka_unit_test(owners),
        cmocka_unit_test(prompts),
        cmocka_unit_test(count_rules),
        cmocka_unit_test(costs),
        cmocka_unit_test(tools_and_agents),
        cmocka_unit_test(odd_values),
        cmocka_unit_test(tables_are_sound),
    };
    return cmocka_run_group_tests_name("genai/normalise", tests, NULL, NULL);
}
