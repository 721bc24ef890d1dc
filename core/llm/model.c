/* Providers and model specs (llm.h). A further OpenAI-compatible provider is one row. */
#include <stdio.h>
#include <stdlib.h>

#include "genai/normalise.h"
#include "llm/llm_i.h"

typedef struct provider {
    const char *prefix;    /* in specs */
    const char *canonical; /* in spans and prices */
    ly_shape shape;
    const char *base, *base_env, *key_env;
    ly_llm_auth auth;
    bool old_max_tokens;
} provider;

#define CHAT LY_SHAPE_OPENAI_CHAT
static const provider providers[] = {
    {"openai", "openai", CHAT, "https://api.openai.com/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY",
     LY_AUTH_BEARER, false},
    {"openai-responses", "openai", LY_SHAPE_OPENAI_RESPONSES, "https://api.openai.com/v1",
     "OPENAI_BASE_URL", "OPENAI_API_KEY", LY_AUTH_BEARER, false},
    {"anthropic", "anthropic", LY_SHAPE_ANTHROPIC, "https://api.anthropic.com/v1",
     "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", LY_AUTH_ANTHROPIC, false},
    {"gemini", "gcp.gemini", LY_SHAPE_GEMINI, "https://generativelanguage.googleapis.com/v1beta",
     "GEMINI_BASE_URL", "GEMINI_API_KEY", LY_AUTH_GOOGLE, false},
    {"azure", "azure.ai.openai", CHAT, "", "AZURE_OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY",
     LY_AUTH_AZURE, false},
    {"bedrock", "aws.bedrock", LY_SHAPE_BEDROCK, "", "BEDROCK_BASE_URL", "AWS_BEARER_TOKEN_BEDROCK",
     LY_AUTH_AWS, false},
    {"mistral", "mistral_ai", CHAT, "https://api.mistral.ai/v1", "MISTRAL_BASE_URL",
     "MISTRAL_API_KEY", LY_AUTH_BEARER, true},
    {"groq", "groq", CHAT, "https://api.groq.com/openai/v1", "GROQ_BASE_URL", "GROQ_API_KEY",
     LY_AUTH_BEARER, true},
    {"deepseek", "deepseek", CHAT, "https://api.deepseek.com/v1", "DEEPSEEK_BASE_URL",
     "DEEPSEEK_API_KEY", LY_AUTH_BEARER, true},
    {"xai", "x_ai", CHAT, "https://api.x.ai/v1", "XAI_BASE_URL", "XAI_API_KEY", LY_AUTH_BEARER,
     true},
    {"openrouter", "openrouter", CHAT, "https://openrouter.ai/api/v1", "OPENROUTER_BASE_URL",
     "OPENROUTER_API_KEY", LY_AUTH_BEARER, true},
    {"together", "together", CHAT, "https://api.together.xyz/v1", "TOGETHER_BASE_URL",
     "TOGETHER_API_KEY", LY_AUTH_BEARER, true},
    {"fireworks", "fireworks", CHAT, "https://api.fireworks.ai/inference/v1", "FIREWORKS_BASE_URL",
     "FIREWORKS_API_KEY", LY_AUTH_BEARER, true},
    {"vllm", "vllm", CHAT, "http://localhost:8000/v1", "VLLM_BASE_URL", NULL, LY_AUTH_NONE, true},
    {"llamacpp", "llama.cpp", CHAT, "http://localhost:8080/v1", "LLAMACPP_BASE_URL", NULL,
     LY_AUTH_NONE, true},
    {"ollama", "ollama", LY_SHAPE_OLLAMA, "http://localhost:11434", "OLLAMA_BASE_URL", NULL,
     LY_AUTH_NONE, false},
};
#undef CHAT

static const provider *provider_named(ly_str name)
{
    for (size_t i = 0; i < LY_COUNT(providers); i++) {
        if (ly_str_eq_nocase(name, ly_str_c(providers[i].prefix))) {
            return &providers[i];
        }
    }
    return NULL;
}

static const provider *provider_of(ly_str model)
{
    ly_str canonical = ly_genai_provider_of_model(model);
    for (size_t i = 0; canonical.len && i < LY_COUNT(providers); i++) {
        if (ly_str_eqc(canonical, providers[i].canonical)) {
            return &providers[i];
        }
    }
    return NULL;
}

static const char *env(const char *name)
{
    const char *value = name ? getenv(name) : NULL;
    return value && *value ? value : NULL;
}

/* Host and port of "http://host:port/path"; false without a scheme or host. */
static bool split_url(ly_str url, ly_llm_model *m)
{
    size_t scheme = ly_str_find(url, LY_S("://"), 0);
    bool https = ly_str_starts(url, LY_S("https://"));
    if (scheme == SIZE_MAX || (!https && !ly_str_starts(url, LY_S("http://")))) {
        return false;
    }
    ly_str rest = ly_str_sub(url, scheme + 3, SIZE_MAX);
    size_t slash = ly_str_find_char(rest, '/', 0);
    ly_str host = slash == SIZE_MAX ? rest : ly_str_sub(rest, 0, slash);
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < host.len; i++) {
        colon = host.ptr[i] == ':' ? i : host.ptr[i] == ']' ? SIZE_MAX : colon;
    }
    m->port = LY_UNKNOWN;
    if (colon != SIZE_MAX) {
        if (!ly_str_to_i64(ly_str_sub(host, colon + 1, SIZE_MAX), &m->port) || m->port < 1 ||
            m->port > 65535) {
            return false;
        }
        host = ly_str_sub(host, 0, colon);
    }
    return host.len > 0 && ly_str_copy(host, m->host, sizeof m->host);
}

static ly_status unknown_provider(ly_str spec, ly_err *err)
{
    ly_buf names;
    ly_buf_init(&names, 1024);
    for (size_t i = 0; i < LY_COUNT(providers); i++) {
        ly_buf_fmt(&names, "%s%s", i ? ", " : "", providers[i].prefix);
    }
    ly_status status =
        LY_FAIL(err, LY_E_INVALID,
                "model %.*s: no provider of that name; write PROVIDER:MODEL with one "
                "of %s, or openai:MODEL@http://HOST:PORT/v1",
                LY_STR_ARG(spec), ly_buf_text(&names));
    ly_buf_release(&names);
    return status;
}

ly_status ly_llm_model_parse(ly_str spec, ly_llm_model *ret_model, ly_err *err)
{
    ly_llm_model m = {.port = LY_UNKNOWN};
    ly_str rest = ly_str_trim(spec), base = LY_STR_NONE;
    size_t at = ly_str_find(rest, LY_S("@http"), 0);
    if (at != SIZE_MAX) {
        base = ly_str_sub(rest, at + 1, SIZE_MAX);
        rest = ly_str_sub(rest, 0, at);
    }
    size_t colon = ly_str_find_char(rest, ':', 0);
    const provider *p = colon == SIZE_MAX ? NULL : provider_named(ly_str_sub(rest, 0, colon));
    ly_str name = p ? ly_str_sub(rest, colon + 1, SIZE_MAX) : rest;
    if (!p) {
        p = provider_of(name);
    }
    if (!p && base.len) {
        p = &providers[0];
    }
    if (!p || name.len == 0) {
        return unknown_provider(spec, err);
    }
    const char *from_env = env(p->base_env);
    if (base.len == 0) {
        base = ly_str_c(from_env ? from_env : p->base);
    }
    char regional[128];
    if (base.len == 0 && p->auth == LY_AUTH_AWS) {
        (void)snprintf(regional, sizeof regional, "https://bedrock-runtime.%.60s.amazonaws.com",
                       ly_llm_aws_region());
        base = ly_str_c(regional);
    }
    while (base.len && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    if (base.len == 0) {
        return LY_FAIL(err, LY_E_INVALID, "model %.*s: set %s to its address", LY_STR_ARG(spec),
                       p->base_env);
    }
    bool fits = ly_str_copy(ly_str_trim(spec), m.spec, sizeof m.spec) &&
                ly_str_copy(name, m.name, sizeof m.name) &&
                ly_str_copy(base, m.base, sizeof m.base);
    if (!fits || !split_url(base, &m)) {
        return LY_FAIL(err, LY_E_INVALID,
                       "model %.*s: its address %.*s is not an http or https URL",
                       LY_STR_ARG(ly_str_sub(spec, 0, 160)), LY_STR_ARG(ly_str_sub(base, 0, 160)));
    }
    m.provider = p->canonical;
    m.shape = p->shape;
    m.auth = (int)p->auth;
    m.key_env = p->key_env;
    /* Compatible servers know the older name; the newer one they may ignore, and the limit with it. */
    m.old_max_tokens =
        p->old_max_tokens || (p->shape == LY_SHAPE_OPENAI_CHAT && p->auth == LY_AUTH_BEARER &&
                              !ly_str_eqc(LY_S("api.openai.com"), m.host));
    *ret_model = m;
    return LY_OK;
}

const char *ly_llm_aws_region(void)
{
    const char *region = env("AWS_REGION");
    region = region ? region : env("AWS_DEFAULT_REGION");
    return region ? region : "us-east-1";
}

const char *ly_llm_model_key(const ly_llm_model *model)
{
    return env(model->key_env);
}

ly_status ly_llm_model_check(const ly_llm_model *model, ly_err *err)
{
    if (!model->key_env || env(model->key_env) || ly_price_address_local(ly_str_c(model->host))) {
        return LY_OK;
    }
    if (model->auth == LY_AUTH_AWS) {
        if (env("AWS_ACCESS_KEY_ID") && env("AWS_SECRET_ACCESS_KEY")) {
            return LY_OK;
        }
        return LY_FAIL(err, LY_E_DENIED,
                       "model %s needs a key: set %s, or AWS_ACCESS_KEY_ID and "
                       "AWS_SECRET_ACCESS_KEY",
                       model->spec, model->key_env);
    }
    return LY_FAIL(err, LY_E_DENIED, "model %s needs a key: set %s", model->spec, model->key_env);
}
