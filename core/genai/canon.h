/*
 * The canonical span: what a GenAI span means, whatever dialect said it.
 *
 * ly_canon is computed by pure functions from a ly_span (core/genai/normalise.h) and stored beside
 * the record, never in it (DESIGN promise 3). Strings are views into the span's bytes or into the
 * arena that the caller gives. Unknown is "absent": an empty view, or LY_UNKNOWN for a number; it
 * is never 0. Source of the rules: reference/otlp-and-genai-conventions.md §3 and §4.
 */
#ifndef LY_GENAI_CANON_H
#define LY_GENAI_CANON_H

#include "otlp/model.h"

/* Bumped with every change of rules that changes a stored value. */
#define LY_RULES_VERSION 5

/* An unknown count, duration or amount. */
#define LY_UNKNOWN INT64_MIN

/* id (stored), name (in filters and JSON), letter (in the viewer) */
#define LY_TYPE_LIST(X)                         \
    X(LY_TYPE_OTHER, 0, "other", '.')           \
    X(LY_TYPE_AGENT, 1, "agent", 'A')           \
    X(LY_TYPE_WORKFLOW, 2, "workflow", 'W')     \
    X(LY_TYPE_PLAN, 3, "plan", 'P')             \
    X(LY_TYPE_GENERATION, 4, "generation", 'G') \
    X(LY_TYPE_TOOL, 5, "tool", 'T')             \
    X(LY_TYPE_RETRIEVAL, 6, "retrieval", 'R')   \
    X(LY_TYPE_EMBEDDING, 7, "embedding", 'E')   \
    X(LY_TYPE_RERANK, 8, "rerank", 'K')         \
    X(LY_TYPE_MEMORY, 9, "memory", 'M')         \
    X(LY_TYPE_GUARDRAIL, 10, "guardrail", 'U')  \
    X(LY_TYPE_EVALUATOR, 11, "evaluator", 'J')  \
    X(LY_TYPE_STEP, 12, "step", 'S')            \
    X(LY_TYPE_HTTP, 13, "http", 'H')            \
    X(LY_TYPE_DB, 14, "db", 'D')

typedef enum ly_type {
#define LY_TYPE_ENUM(id, value, name, letter) id = (value),
    LY_TYPE_LIST(LY_TYPE_ENUM)
#undef LY_TYPE_ENUM
        LY_TYPE__COUNT
} ly_type;

const char *ly_type_name(ly_type type);
char ly_type_letter(ly_type type);
LY_MUST_USE bool ly_type_parse(ly_str name, ly_type *ret_type);

/* The part of a span in the totals (§4.3). */
typedef enum ly_role { LY_ROLE_NONE = 0, LY_ROLE_LEAF = 1, LY_ROLE_ROLLUP = 2 } ly_role;

/* Whose trace. Stored per span from `lydite.origin`; a trace takes the highest. */
typedef enum ly_origin { LY_ORIGIN_APP = 0, LY_ORIGIN_EVAL = 1, LY_ORIGIN_JUDGE = 2 } ly_origin;
const char *ly_origin_name(ly_origin origin);
LY_MUST_USE bool ly_origin_parse(ly_str name, ly_origin *ret_origin);

/*
 * Mutually exclusive token buckets (§4.2). in_total = in_fresh + cache_read + cache_write;
 * out_total = out_visible + out_reasoning. The audio and image counts are a side dimension: parts of
 * the buckets above, for modality prices, never addends. The last three are no tokens: uses of tools that
 * the provider runs and charges one by one. Each is >= 0 or LY_UNKNOWN (not said; 0 = none).
 */
typedef struct ly_tokens {
    int64_t in_fresh;
    int64_t cache_read;
    int64_t cache_write;    /* all cache writes, whatever their lifetime */
    int64_t cache_write_1h; /* part of cache_write; the rest is 5 m or unspecified */
    int64_t out_visible;
    int64_t out_reasoning;
    int64_t unattributed; /* only a total was reported (§4.2 step 6) */
    int64_t in_audio, in_image, cache_read_audio, out_audio, out_image;
    int64_t web_searches, code_executions, file_searches;
} ly_tokens;

#define LY_TOKENS_UNKNOWN                                                                \
    ((ly_tokens){LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, \
                 LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, \
                 LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN})

/* LY_UNKNOWN when all parts are unknown, otherwise unknown parts count as nothing. */
int64_t ly_tokens_in(const ly_tokens *t);
int64_t ly_tokens_out(const ly_tokens *t);
int64_t ly_tokens_total(const ly_tokens *t);
/* True when any bucket is known. */
bool ly_tokens_known(const ly_tokens *t);
/* sum += t, bucket by bucket; unknown + n = n. false (and sum untouched) on overflow. */
LY_MUST_USE bool ly_tokens_add(ly_tokens *sum, const ly_tokens *t);

/* How the reported counts were read; stored with the span. Bits. */
enum {
    LY_USAGE_IN_INCLUSIVE = 1,  /* input counted the cache */
    LY_USAGE_IN_EXCLUSIVE = 2,  /* input did not */
    LY_USAGE_OUT_INCLUSIVE = 4, /* output counted reasoning */
    LY_USAGE_OUT_EXCLUSIVE = 8, /* output did not */
    LY_USAGE_BY_EVIDENCE = 16,  /* the numbers contradicted the dialect's table and won */
    LY_USAGE_REJECTED = 32,     /* a negative, fractional or absurd count was dropped */
    LY_USAGE_FROM_LOG = 64,     /* copied from a log event (§4.6) */
    LY_USAGE_ESTIMATED = 128,   /* the client said that it estimated */
    LY_USAGE_MAYBE_LOST = 256,  /* dropped attributes on a leaf without usage (§4.9) */
};

/* Where a cost that the client gave stood (§4.7), in the order of precedence. */
typedef enum ly_cost_source {
    LY_COST_NONE = 0,
    LY_COST_LANGFUSE,
    LY_COST_GENAI,
    LY_COST_OPENINFERENCE,
    LY_COST_OPERATION,
    LY_COST_MLFLOW,
    LY_COST_LOG,
    LY_COST_PRICE_TABLE
} ly_cost_source;

/* Which conventions a span spoke (§3.1): the row's name in the dialect table ("openinference"). */
typedef struct ly_canon {
    uint16_t rules_version;
    ly_type type;
    ly_role role;
    ly_origin origin;
    const char *dialect; /* static string, never NULL */

    ly_str operation; /* gen_ai.operation.name or the dialect's word for it */
    ly_str provider;  /* canonical: openai, anthropic, gcp.gemini, aws.bedrock, ... */
    ly_str request_model;
    ly_str response_model;
    ly_str response_id;
    ly_str service_tier; /* "", batch, flex, priority, ... as given */
    ly_str server_address;
    int64_t server_port;

    ly_str service; /* resource service.name */
    ly_str env;     /* deployment.environment.name */
    ly_str release; /* service.version, or the dialect's release */
    ly_str session, user;
    ly_str trace_name;
    const ly_str *tags;
    size_t n_tags;

    ly_str agent_name;
    ly_str tool_name, tool_call_id;
    ly_str prompt_name, prompt_version;
    ly_str finish_reason; /* canonical: stop length tool_call content_filter error, or as given; the
                             first of several */

    ly_tokens tokens;
    unsigned usage_mode; /* LY_USAGE_* */
    int64_t ttft_ns;     /* time to first token, or LY_UNKNOWN */

    int64_t client_cost_pico; /* USD * 1e12 as the client gave it, or LY_UNKNOWN */
    ly_cost_source client_cost_source;

    bool error;
    ly_str error_type, error_message;
    bool streaming;
    bool pending;               /* lydite.span.pending: a start record of live mode */
    bool withheld;              /* the client marked content as redacted or switched off */
    bool has_input, has_output; /* any message content arrived */
    int32_t attempt;            /* 0 = not said */
    /* Set by whoever received the span, for prices by key: name of the access key that it came in with.
     * Not of the record. */
    ly_str access_key;
} ly_canon;

#endif
