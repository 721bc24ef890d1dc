/* Names of providers, models and finish reasons in one spelling. */
#include "genai/normalise.h"

/* given (lower case; "x*" = starts with) → canonical; NULL = a framework, which is no provider */
static const struct {
    const char *given, *canonical;
} providers[] = {
    {"openai", "openai"},
    {"openai.*", "openai"},
    {"openai-*", "openai"},
    {"anthropic", "anthropic"},
    {"anthropic.*", "anthropic"},
    {"firstparty", "anthropic"},
    {"claude*", "anthropic"},
    {"aws.bedrock", "aws.bedrock"},
    {"bedrock*", "aws.bedrock"},
    {"amazon_bedrock*", "aws.bedrock"},
    {"amazon-bedrock*", "aws.bedrock"},
    {"amazon.bedrock*", "aws.bedrock"},
    {"aws*", "aws.bedrock"},
    {"azure.ai.inference*", "azure.ai.inference"},
    {"az.ai.inference*", "azure.ai.inference"},
    {"azure_ai*", "azure.ai.inference"},
    {"azure.ai.openai*", "azure.ai.openai"},
    {"az.ai.openai*", "azure.ai.openai"},
    {"azure*", "azure.ai.openai"},
    {"cohere*", "cohere"},
    {"deepseek*", "deepseek"},
    {"gcp.vertex.agent", NULL},
    {"gcp.gemini", "gcp.gemini"},
    {"gcp.gen_ai", "gcp.gen_ai"},
    {"gcp.vertex_ai*", "gcp.vertex_ai"},
    {"gemini*", "gcp.gemini"},
    {"google.vertex*", "gcp.vertex_ai"},
    {"google_vertex*", "gcp.vertex_ai"},
    {"google-vertex*", "gcp.vertex_ai"},
    {"vertex*", "gcp.vertex_ai"},
    {"google*", "gcp.gemini"},
    {"palm", "gcp.gemini"},
    {"groq*", "groq"},
    {"ibm*", "ibm.watsonx.ai"},
    {"watsonx*", "ibm.watsonx.ai"},
    {"mistral*", "mistral_ai"},
    {"moonshot*", "moonshot_ai"},
    {"perplexity*", "perplexity"},
    {"x_ai", "x_ai"},
    {"xai*", "x_ai"},
    {"x.ai*", "x_ai"},
    {"fireworks*", "fireworks"},
    {"together*", "together_ai"},
    {"ollama*", "ollama"},
    {"openrouter*", "openrouter"},
    {"huggingface", "huggingface"},
    {"huggingface-*", "huggingface"},
    {"huggingface.*", "huggingface"},
    {"huggingface_hub*", "huggingface"}, /* other "huggingface_x" are sellers behind its router */
    {"huggingface_inference*", "huggingface"},
    {"huggingface_endpoint*", "huggingface"},
    {"huggingface_pipeline*", "huggingface"},
    {"cerebras*", "cerebras"},
    {"voyage*", "voyage"},
    {"replicate*", "replicate"},
    {"langchain*", NULL},
    {"langgraph*", NULL},
    {"llamaindex*", NULL},
    {"llama_index*", NULL},
    {"crewai*", NULL},
    {"haystack*", NULL},
    {"strands*", NULL},
    {"pydantic*", NULL},
    {"autogen*", NULL},
    {"ag2", NULL},
    {"agno*", NULL},
    {"smolagents*", NULL},
    {"dspy*", NULL},
    {"mastra*", NULL},
    {"genkit*", NULL},
    {"litellm", NULL},
    {"microsoft.agent_framework", NULL},
    {"semantic_kernel*", NULL},
    {"vercel", NULL},
    {"unknown", NULL},
    {"_other", NULL},
    {"none", NULL},
};

/* Prefix of a model's name → who makes it. A vendor's path before it ("models/", "us.anthropic.") is taken
 * off first. The longer prefix stands first. */
static const struct {
    const char *prefix, *canonical;
} makers[] = {
    {"gpt-", "openai"},
    {"chatgpt", "openai"},
    {"o1", "openai"},
    {"o3", "openai"},
    {"o4", "openai"},
    {"text-embedding-3", "openai"},
    {"text-embedding-ada", "openai"},
    {"davinci", "openai"},
    {"whisper", "openai"},
    {"tts-1", "openai"},
    {"dall-e", "openai"},
    {"codex", "openai"},
    {"omni-moderation", "openai"},
    {"claude", "anthropic"},
    {"gemini", "gcp.gemini"},
    {"gemma", "gcp.gemini"},
    {"text-embedding-004", "gcp.gemini"},
    {"text-multilingual-embedding", "gcp.vertex_ai"},
    {"command", "cohere"},
    {"embed-english", "cohere"},
    {"embed-multilingual", "cohere"},
    {"rerank-", "cohere"},
    {"mistral", "mistral_ai"},
    {"ministral", "mistral_ai"},
    {"mixtral", "mistral_ai"},
    {"codestral", "mistral_ai"},
    {"magistral", "mistral_ai"},
    {"devstral", "mistral_ai"},
    {"pixtral", "mistral_ai"},
    {"deepseek", "deepseek"},
    {"grok", "x_ai"},
    {"sonar", "perplexity"},
    {"kimi", "moonshot_ai"},
    {"moonshot", "moonshot_ai"},
    {"voyage-", "voyage"},
    {"granite", "ibm.watsonx.ai"},
    {"nova-", "aws.bedrock"},
    {"titan-", "aws.bedrock"},
};

static ly_str lower(ly_str s, ly_arena *arena)
{
    bool upper = false;
    for (size_t i = 0; i < s.len; i++)
        upper |= s.ptr[i] >= 'A' && s.ptr[i] <= 'Z';
    if (!upper || !arena)
        return s;
    char *copy = (char *)ly_arena_alloc(arena, s.len + 1, 1);
    if (!copy)
        return s;
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        copy[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    copy[s.len] = 0;
    return ly_str_n(copy, s.len);
}

/* ASCII case folded; a '*' at the end of the pattern takes the rest. */
static bool fits(const char *pattern, ly_str s)
{
    size_t i = 0;
    for (; pattern[i] && pattern[i] != '*'; i++) {
        if (i >= s.len)
            return false;
        const char c = s.ptr[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c) != pattern[i])
            return false;
    }
    return pattern[i] == '*' || i == s.len;
}

ly_str ly_genai_provider(ly_str given, ly_arena *arena)
{
    given = ly_str_trim(given);
    if (given.len == 0)
        return LY_STR_NONE;
    const char first =
        given.ptr[0] >= 'A' && given.ptr[0] <= 'Z' ? (char)(given.ptr[0] | 0x20) : given.ptr[0];
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        if (providers[i].given[0] == first && fits(providers[i].given, given))
            return ly_str_c(providers[i].canonical);
    }
    return lower(given, arena);
}

/* "models/gemini-2.5-pro", "us.anthropic.claude-…", "anthropic/claude-…", "azure/gpt-4o" → the last part that
 * begins a model's name. */
static ly_str model_base(ly_str model)
{
    for (size_t i = model.len; i-- > 0;) {
        if (model.ptr[i] == '/') {
            model = ly_str_sub(model, i + 1, model.len);
            break;
        }
    }
    static const char *const vendors[] = {"anthropic.", "amazon.", "cohere.",
                                          "mistral.",   "meta.",   "deepseek."};
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++) {
        const size_t at = ly_str_find(model, ly_str_c(vendors[i]), 0);
        if (at != SIZE_MAX && at <= 8)
            return ly_str_sub(model, at + strlen(vendors[i]), model.len);
    }
    return model;
}

ly_str ly_genai_provider_of_model(ly_str model)
{
    const ly_str base = model_base(model);
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        const size_t len = strlen(makers[i].prefix);
        if (base.len >= len &&
            ly_str_eq_nocase(ly_str_sub(base, 0, len), ly_str_c(makers[i].prefix)))
            return ly_str_c(makers[i].canonical);
    }
    return LY_STR_NONE;
}

static const struct {
    const char *given, *canonical;
} finishes[] = {
    {"stop", "stop"},
    {"end_turn", "stop"},
    {"end-turn", "stop"},
    {"stop_sequence", "stop"},
    {"stop-sequence", "stop"},
    {"eos", "stop"},
    {"eos_token", "stop"},
    {"complete", "stop"},
    {"completed", "stop"},
    {"length", "length"},
    {"max_tokens", "length"},
    {"max_output_tokens", "length"},
    {"max-tokens", "length"},
    {"model_length", "length"},
    {"model_context_window_exceeded", "length"},
    {"incomplete", "length"},
    {"tool_call", "tool_call"},
    {"tool_calls", "tool_call"},
    {"tool-calls", "tool_call"},
    {"tool_use", "tool_call"},
    {"function_call", "tool_call"},
    {"content_filter", "content_filter"},
    {"content-filter", "content_filter"},
    {"content_filtered", "content_filter"},
    {"safety", "content_filter"},
    {"recitation", "content_filter"},
    {"refusal", "content_filter"},
    {"blocklist", "content_filter"},
    {"prohibited_content", "content_filter"},
    {"spii", "content_filter"},
    {"image_safety", "content_filter"},
    {"guardrail_intervened", "content_filter"},
    {"error", "error"},
    {"failed", "error"},
    {"malformed_function_call", "error"},
};

ly_str ly_genai_finish(ly_str given, ly_arena *arena)
{
    given = ly_str_trim(given);
    /* Python enums print as FinishReason.STOP */
    static const ly_str python = {"FinishReason.", 13};
    if (ly_str_starts(given, python))
        given = ly_str_sub(given, python.len, given.len);
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++) {
        if (ly_str_eq_nocase(given, ly_str_c(finishes[i].given)))
            return ly_str_c(finishes[i].canonical);
    }
    return lower(given, arena);
}
