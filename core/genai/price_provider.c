/*
 * Providers as price books know them: ids (those of genai-prices), the names that spans use, hosts, and
 * whose models they also sell. To add one: a row here, its prices in genai/price_default.c.
 */
#include "genai/price_i.h"

static const struct {
    const char *id, *name;
    const char *aliases; /* other names, '|' between them */
    const char *hosts;   /* clauses in the short form */
    const char *models;  /* models that are surely this provider's when nothing else is known */
    const char *fallbacks;
} known[] = {
    {"openai", "OpenAI", "openai.chat|openai.responses|open_ai|openai_chat",
     "=api.openai.com|*.api.openai.com",
     "gpt-*|chatgpt-*|o1|o1-*|o3|o3-*|o4-*|text-embedding-3*|text-embedding-ada*", ""},
    {"anthropic", "Anthropic", "claude|anthropic.messages", "=api.anthropic.com", "claude-*", ""},
    {"google", "Google",
     "gcp.gemini|gcp.vertex_ai|gcp.gen_ai|vertex_ai|vertexai|gemini|google_genai|google.vertex|"
     "google.generative-ai|google_vertexai|gcp.vertex.agent|google_ai_studio|vertex_ai_beta",
     "*.googleapis.com",
     "gemini-*|models/gemini-*|*publishers/google/models/*|*publishers/anthropic/models/*",
     "anthropic"},
    {"mistral", "Mistral", "mistral_ai|mistralai", "=api.mistral.ai",
     "mistral-*|codestral-*|ministral-*|magistral-*|devstral-*|pixtral-*|open-mistral*", ""},
    {"cohere", "Cohere", "cohere_chat|cohere.v2", "=api.cohere.ai|=api.cohere.com",
     "command-*|embed-v4*|embed-english-*|embed-multilingual-*|rerank-*", ""},
    {"deepseek", "DeepSeek", "deep_seek", "=api.deepseek.com",
     "deepseek-chat|deepseek-reasoner|deepseek-v4-*", ""},
    {"x-ai", "xAI", "x_ai|xai|grok", "=api.x.ai|*.api.x.ai", "grok-*", ""},
    {"groq", "Groq", "groq_ai", "=api.groq.com", "", ""},
    {"together", "Together AI", "together_ai|together-ai|togetherai",
     "=api.together.xyz|=api.together.ai", "", ""},
    {"fireworks", "Fireworks", "fireworks_ai|fireworks-ai", "=api.fireworks.ai",
     "accounts/fireworks/*", ""},
    {"aws", "AWS Bedrock",
     "aws.bedrock|bedrock|aws_bedrock|amazon.bedrock|amazon_bedrock|bedrock_converse|"
     "bedrock-converse|amazon-bedrock",
     "~bedrock.*[.]amazonaws[.]com",
     "amazon.nova-*|amazon.titan-*|*.amazon.nova-*|anthropic.claude-*|*.anthropic.claude-*|"
     "meta.llama*|*.meta.llama*|mistral.mi*|cohere.command-*|cohere.embed-*|cohere.rerank-*|"
     "ai21.jamba-*|deepseek.r1*|*.deepseek.r1*|deepseek.v3*|arn:aws:bedrock:*|bedrock:*",
     ""},
    {"azure", "Microsoft Azure",
     "azure.ai.openai|azure.ai.inference|az.ai.openai|az.ai.inference|azure_openai|azure-openai|"
     "azure_ai|azureopenai|azure_ai_foundry",
     "*.openai.azure.com|*.azure-api.net|*.cognitiveservices.azure.com|*.services.ai.azure.com|"
     "*.models.ai.azure.com",
     "", "openai|anthropic"},
    {"voyageai", "Voyage AI", "voyage|voyage_ai", "=api.voyageai.com", "voyage-*|rerank-2*", ""},
    {"perplexity", "Perplexity", "perplexity_ai|pplx", "=api.perplexity.ai", "sonar|sonar-*", ""},
    {"moonshotai", "Moonshot AI", "moonshot_ai|moonshot", "*api.moonshot.*", "kimi-*|moonshot-*",
     ""},
    {"cerebras", "Cerebras", "cerebras_ai", "=api.cerebras.ai", "", ""},
    {"openrouter", "OpenRouter", "open_router", "=openrouter.ai|*.openrouter.ai", "",
     "openai|anthropic|google|mistral|cohere|x-ai|perplexity"},
    {"zai", "Z.AI", "z_ai|z.ai", "=api.z.ai", "", ""},
    {"zhipuai", "Zhipu AI", "zhipu_ai|zhipu", "=open.bigmodel.cn", "glm-*", ""},
    {"minimax", "MiniMax", "mini_max", "*api.minimax*", "minimax-*", ""},
    {"novita", "Novita", "novita_ai", "=api.novita.ai", "", ""},
    {"huggingface", "Hugging Face", "hf|hugging_face", "=router.huggingface.co", "", ""},
};

static bool in_list(const char *list, ly_str name)
{
    ly_str rest = ly_str_c(list), part;
    while (ly_str_split(&rest, '|', &part)) {
        if (ly_str_eq(part, name)) {
            return true;
        }
    }
    return false;
}

ly_str price_provider_alias(ly_str name)
{
    for (size_t i = 0; i < LY_COUNT(known); i++) {
        if (in_list(known[i].aliases, name)) {
            return ly_str_c(known[i].id);
        }
    }
    return LY_STR_NONE;
}

static ly_status clause_of(ly_price_book *book, const char *text, const ly_clause **ret,
                           ly_err *err)
{
    ly_clause *clause = NULL;
    ly_status status = *text ? ly_clause_short(book, ly_str_c(text), &clause, err) : LY_OK;
    *ret = clause;
    return status;
}

ly_status ly_price_add_provider_known(ly_price_book *book, ly_str id, size_t *ret_provider,
                                      ly_err *err)
{
    ly_price_provider_def def = {.id = id};
    ly_str fallbacks[8];
    for (size_t i = 0; i < LY_COUNT(known); i++) {
        if (!ly_str_eqc(id, known[i].id)) {
            continue;
        }
        def.name = ly_str_c(known[i].name);
        ly_status status = clause_of(book, known[i].hosts, &def.host_match, err);
        if (status == LY_OK) {
            status = clause_of(book, known[i].models, &def.model_match, err);
        }
        if (status != LY_OK) {
            return status;
        }
        ly_str rest = ly_str_c(known[i].fallbacks), part;
        while (def.n_fallbacks < LY_COUNT(fallbacks) && ly_str_split(&rest, '|', &part)) {
            fallbacks[def.n_fallbacks++] = part;
        }
    }
    def.fallbacks = fallbacks;
    return ly_price_add_provider(book, &def, ret_provider, err);
}
