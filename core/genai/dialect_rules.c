/* How dialects are recognised and how they count. See dialects.h and README.md. */
#include "genai/dialects.h"

/* The order is §3.1's; those that it does not name stand where their signature cannot be taken for
 * another's. A signature that ends in '.' or ':' is a family of keys. */
const ly_dialect ly_dialects[] = {
    {"lydite", "lydite", "lydite.span.type", 0},
    {"claude_code", "com.anthropic.claude_code", "claude_code.", LY_DIALECT_LOGS_APART},
    {"langfuse", "langfuse-sdk", "langfuse.", 0},
    {"mlflow", "mlflow", "mlflow.", 0},
    {"voltagent", "@voltagent/|voltagent", "voltagent.", 0},
    {"braintrust", "braintrust", "braintrust.", 0},
    {"ai_sdk_legacy", "=ai", "ai.operationId|ai.model.|ai.usage.|operation.name", 0},
    {"ai_sdk_v7", "=gen_ai", "gen_ai.client.operation.duration", 0},
    /* LiteLLM names models "provider/model" everywhere. */
    {"openinference", "openinference.instrumentation.litellm", "", LY_DIALECT_VENDOR_MODEL},
    {"openinference", "openinference|@arizeai/openinference",
     "openinference.|llm.input_messages.|"
     "llm.output_messages.|"
     "llm.token_count.",
     0},
    {"traceai", "traceai|fi_instrumentation|@traceai/", "fi.", 0},
    {"nemo", "nat.|aiq.", "nat.span.|aiq.span.", 0},
    {"confident", "deepeval|confident", "confident.", 0},
    {"agentops", "agentops", "agentops.", 0},
    {"laminar", "lmnr", "lmnr.", 0},
    {"langwatch", "langwatch", "langwatch.", LY_DIALECT_VENDOR_MODEL},
    {"litellm", "litellm", "", LY_DIALECT_VENDOR_MODEL},
    {"openlit", "openlit|@openlit/", "gen_ai.application_name|gen_ai.sdk.version",
     LY_DIALECT_LOGS_APART},
    {"traceloop", "@traceloop/|traceloop.tracer", "traceloop.|llm.request.type|gen_ai.prompt.0.",
     0},
    {"traceloop", "opentelemetry.instrumentation.",
     "traceloop.|llm.request.type|gen_ai.prompt.0.|"
     "llm.usage.|llm.is_streaming",
     LY_DIALECT_SCOPE_WEAK},
    {"pydantic_ai", "pydantic-ai|logfire", "logfire.|pydantic_ai.|gen_ai.aggregated_usage.", 0},
    {"langsmith", "langsmith", "langsmith.", 0},
    {"adk", "gcp.vertex.agent", "gcp.vertex.agent.", 0},
    {"gemini_cli", "gemini-cli", "gemini_cli.", LY_DIALECT_NO_PROMPT_NAME | LY_DIALECT_LOGS_APART},
    {"codex", "codex", "codex.", LY_DIALECT_STRICT | LY_DIALECT_LOGS_APART},
    {"mastra", "mastra|@mastra/", "mastra.", 0},
    {"genkit", "genkit", "genkit:", 0},
    {"strands", "strands", "gen_ai.event.start_time|event_loop.", 0},
    {"livekit", "livekit", "lk.", 0},
    {"anthropic_native", "com.anthropic.sdk.|com.anthropic.claude-platform", "anthropic.request.id",
     0},
    {"mcp", "", "mcp.", 0},
    {"otel_genai", "", "gen_ai.", 0},
    {"traceloop", "", "llm.", 0},
    {"plain", "", "", 0}, /* the last: none of them */
};
const size_t ly_dialects_n = sizeof ly_dialects / sizeof *ly_dialects;

#define IN_EX  LY_USAGE_IN_EXCLUSIVE
#define IN_IN  LY_USAGE_IN_INCLUSIVE
#define OUT_EX LY_USAGE_OUT_EXCLUSIVE
#define OUT_IN LY_USAGE_OUT_INCLUSIVE
#define TOTAL  LY_COUNT_TOTAL

/* §3.6 and what recorded payloads showed. Evidence in the numbers overrides (usage.c). */
const ly_count_rule ly_counts[] = {
    {"claude_code", NULL, NULL, NULL, 0, IN_EX | OUT_IN, NULL},
    /* Up to version 5 the provider's raw numbers; 6 and later say the parts by name. */
    {"ai_sdk_legacy", NULL, "anthropic", NULL, S_IN_NO_CACHE, IN_EX | OUT_IN, NULL},
    {"ai_sdk_legacy", NULL, "aws.bedrock", NULL, S_IN_NO_CACHE, IN_EX | OUT_IN, NULL},
    {"ai_sdk_legacy", NULL, NULL, "claude", S_IN_NO_CACHE, IN_EX | OUT_IN, NULL},
    {"ai_sdk_legacy", NULL, "gcp.", NULL, S_OUT_TEXT, IN_IN | OUT_EX, NULL},
    {"ai_sdk_legacy", NULL, "x_ai", NULL, S_OUT_TEXT, IN_IN | OUT_EX, NULL},
    /* Older ones pass the provider's input on, newer ones add the cache; the total is the provider's, with it. */
    {"openinference", "*bedrock", NULL, NULL, 0, IN_EX | OUT_IN | TOTAL, NULL},
    {"openinference", "*claude_agent_sdk", NULL, NULL, 0, IN_EX | OUT_IN, NULL},
    {"openinference", "*claude-agent-sdk", NULL, NULL, 0, IN_EX | OUT_IN, NULL},
    /* LangChain sums before the instrumentation sees it. */
    {NULL, "@traceloop/instrumentation-langchain", NULL, NULL, 0, IN_IN | OUT_IN, NULL},
    {"openlit", "*langchain", NULL, NULL, 0, IN_IN | OUT_IN, NULL},
    {"laminar", "*langchain", NULL, NULL, 0, IN_IN | OUT_IN, NULL},
    {NULL, "opentelemetry.instrumentation.anthropic", NULL, NULL, 0, IN_IN | OUT_IN, NULL},
    {NULL, "@traceloop/instrumentation-anthropic", NULL, NULL, 0, IN_EX | OUT_IN, NULL},
    {NULL, "@traceloop/instrumentation-bedrock", NULL, NULL, 0, IN_EX | OUT_IN, NULL},
    {"openlit", NULL, "anthropic", NULL, 0, IN_EX | OUT_IN, NULL},
    {"openlit", NULL, "aws.bedrock", NULL, 0, IN_EX | OUT_IN, NULL},
    {"laminar", NULL, "anthropic", NULL, 0, IN_IN | OUT_IN, "python"},
    {"laminar", NULL, "anthropic", NULL, 0, IN_EX | OUT_IN, NULL},
    {"mlflow", NULL, "gcp.", NULL, 0, IN_IN | OUT_EX, NULL},
    {"mlflow", NULL, NULL, "gemini", 0, IN_IN | OUT_EX, NULL},
    {"mlflow", "*claude_code", NULL, NULL, 0, IN_EX | OUT_IN, NULL},
    {"gemini_cli", NULL, NULL, NULL, 0, IN_IN | OUT_EX, NULL},
    {"genkit", NULL, "anthropic", NULL, 0, IN_EX | OUT_IN, NULL},
    {"genkit", NULL, "gcp.", NULL, 0, IN_IN | OUT_EX, NULL},
    /* Google's older ones pass the candidates' count on; those that name the reasoning include it. */
    {"adk", NULL, NULL, NULL, S_REASONING_SPEC, IN_IN | OUT_EX, NULL},
    {NULL, "opentelemetry.instrumentation.google_genai", NULL, NULL, S_REASONING_SPEC,
     IN_IN | OUT_EX, NULL},
    {NULL, "opentelemetry.instrumentation.vertexai", NULL, NULL, S_REASONING_SPEC, IN_IN | OUT_EX,
     NULL},
    /* boto's instrumentation passes Bedrock's own counts on. */
    {NULL, "opentelemetry.instrumentation.botocore", NULL, NULL, 0, IN_EX | OUT_IN, NULL},
    {NULL, NULL, NULL, NULL, 0, IN_IN | OUT_IN, NULL},
};
const size_t ly_counts_n = sizeof ly_counts / sizeof *ly_counts;

/* Flattened content and the like: the family says the concept. */
const ly_family_rule ly_families[] = {
    {"gen_ai.input.messages.", S_CHAT_IN, true}, {"gen_ai.output.messages.", S_CHAT_OUT, true},
    {"llm.input_messages.", S_CHAT_IN, false},   {"llm.prompts.", S_CHAT_IN, false},
    {"gen_ai.prompt.", S_CHAT_IN, true},         {"llm.output_messages.", S_CHAT_OUT, false},
    {"llm.choices.", S_CHAT_OUT, false},         {"gen_ai.completion.", S_CHAT_OUT, true},
    {"retrieval.documents.", S_QUERY, false},    {"reranker.", S_RERANK, false},
    {"embedding.embeddings.", S_EMBED, false},
};
const size_t ly_families_n = sizeof ly_families / sizeof *ly_families;

/* Span events that mark the first token. */
const char *const ly_first_token_events[] = {"First Token Stream Event",   "ai.stream.firstChunk",
                                             "gen_ai.first_token",         "llm.first_token",
                                             "gen_ai.content.first_chunk", "first_token"};
const size_t ly_first_token_events_n = sizeof ly_first_token_events / sizeof *ly_first_token_events;

/* What clients write in the place of content that was switched off or masked. */
const char *const ly_withheld_marks[] = {"__REDACTED__", "<elided>",   "[REDACTED]", "<REDACTED>",
                                         "[redacted]",   "<redacted>", "***",        "[MASKED]"};
const size_t ly_withheld_marks_n = sizeof ly_withheld_marks / sizeof *ly_withheld_marks;

/* Systems behind db.system that are searched by similarity. */
const char *const ly_vector_stores[] = {"chroma", "pinecone", "qdrant",     "weaviate",
                                        "milvus", "lancedb",  "marqo",      "pgvector",
                                        "vespa",  "faiss",    "turbopuffer"};
const size_t ly_vector_stores_n = sizeof ly_vector_stores / sizeof *ly_vector_stores;
