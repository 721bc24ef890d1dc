/*
 * The rules of every dialect as tables: which attribute means what, in which order, and how each dialect
 * counts. The engine (normalise.c, usage.c) reads these and knows no dialect by name; a new dialect is
 * rows here and nowhere else. README.md walks through adding one. Used inside core/genai only.
 *
 *   dialects.c
 *   keys       attribute -> slot (concept), with the rank of §3.5: the lowest rank that is usable wins
 *   documents  attributes that hold JSON in which some slots are found, by path
 *   dialect_words.c
 *   words      a dialect's word for the kind of a span -> type and role
 *   names      span names that say the type where no attribute does
 *   dialect_rules.c
 *   dialects   how a span is recognised (§3.1)
 *   counts     who counts cache and reasoning inside or outside (§3.6)
 *
 * Source: reference/otlp-and-genai-conventions.md §3, and payloads of real clients.
 */
#ifndef LY_GENAI_DIALECTS_H
#define LY_GENAI_DIALECTS_H

#include "genai/canon.h"

/* Concepts. The comment names the row of §3.3. */
typedef enum ly_slot {
    S_NONE,
    S_TYPE,           /* N1: resolved through `words` */
    S_OPERATION,      /* N1 */
    S_PROVIDER,       /* N2 */
    S_REQUEST_MODEL,  /* N3 */
    S_RESPONSE_MODEL, /* N4 */
    S_NAMED_MODEL,    /* "provider/model", on spans of a model type only */
    S_RESPONSE_ID,    /* N35 */
    S_SERVICE_TIER,
    S_SERVER_ADDRESS,
    S_SERVER_PORT,
    S_ENV, /* N39 */
    S_RELEASE,
    S_SERVICE,
    S_SESSION, /* N26 */
    S_USER,    /* N27 */
    S_TAGS,    /* N28 */
    S_TRACE_NAME,
    S_AGENT_NAME, /* N31 */
    S_TOOL_NAME,  /* N10 */
    S_TOOL_SAID,  /* the name that a tool's own answer carries; for tool spans only */
    S_TOOL_CALL_ID,
    S_PROMPT_NAME, /* N30 */
    S_PROMPT_VERSION,
    S_FINISH,    /* N34 */
    S_STREAMING, /* N36 */
    S_TTFT,      /* N33, nanoseconds after conversion */
    S_FIRST_AT,  /* wall time of the first token */
    S_LEVEL,     /* a word that says ERROR */
    S_SUCCESS,   /* false = error */
    S_ERROR_TYPE,
    S_ERROR_MESSAGE,
    S_ATTEMPT,
    S_PENDING,
    S_ORIGIN,
    S_WITHHELD,
    S_LANGUAGE, /* of the client library, where the resource does not say it */
    /* usage: N18 … N24. Counts; first S_IN, last S_OUT_IMAGE */
    S_IN,
    S_IN_NO_CACHE, /* input without cache, said so by name */
    S_OUT,
    S_OUT_TEXT, /* output without reasoning, said so by name */
    S_TOTAL,
    S_CACHE_READ,
    S_CACHE_WRITE,
    S_CACHE_WRITE_5M,
    S_CACHE_WRITE_1H,
    S_REASONING,
    S_REASONING_SPEC, /* by the convention's own name: then the output includes it, as the convention says */
    S_TOOL_PROMPT, /* Gemini: input outside of the prompt count */
    S_IN_AUDIO,
    S_IN_IMAGE,
    S_CACHE_READ_AUDIO,
    S_OUT_AUDIO,
    S_OUT_IMAGE,
    S_WEB_SEARCHES, /* uses of the provider's own tools, charged one by one */
    S_CODE_EXECUTIONS,
    S_BUCKETS,      /* Langfuse usage_details: exclusive buckets by name */
    S_COST_BUCKETS, /* Langfuse cost_details */
    S_COST,         /* N25, pico-dollars after conversion; rank = ly_cost_source order */
    S_COST_PARTS,   /* a cost given in parts: prompt + completion */
    S_COST_PARTS2,
    /* content: only whether it is there; messages.c reads it */
    S_CHAT_IN, /* messages of a model call */
    S_CHAT_OUT,
    S_SPAN_IN, /* whatever went into a span */
    S_SPAN_OUT,
    S_TOOL_IN, /* tool arguments */
    S_QUERY,   /* retrieval */
    S_RERANK,
    S_EMBED,    /* embedding */
    S_EMBED_IN, /* ... and the text that it is of */
    S_VECTOR_DB,
    S_DB,
    S_HTTP,
    S__COUNT
} ly_slot;

/* How a value becomes what the slot holds. A value that does not convert counts as absent. */
typedef enum ly_conv {
    CV_TEXT,     /* a non-empty string, or a number written out */
    CV_JSONTEXT, /* as above, but strings come as JSON ("\"LLM\"") */
    CV_WORD,     /* S_TYPE: through the word table `aux` */
    CV_PROVIDER, /* as CV_TEXT, a framework's name being no provider */
    CV_COUNT,    /* tokens: a whole number in 0 … 10^9; others set LY_USAGE_REJECTED */
    CV_INT,
    CV_SECONDS,
    CV_MILLIS,
    CV_TIME, /* ISO 8601 */
    CV_EPOCH_MS,
    CV_USD,
    CV_BOOL,
    CV_THERE, /* anything that is not empty */
    CV_LIST,  /* strings: list, JSON list, or comma-separated */
} ly_conv;

/* Word tables, by the convention that says the word. */
typedef enum ly_vocabulary {
    V_NONE,
    V_LYDITE,
    V_LANGFUSE,
    V_OPENINFERENCE,
    V_MLFLOW,
    V_MASTRA,
    V_LANGSMITH,
    V_LAMINAR,
    V_LANGWATCH,
    V_GENKIT,
    V_SPAN_TYPE, /* Claude Code, VoltAgent */
    V_OPERATION, /* gen_ai.operation.name */
    V_AI_SDK,
    V_TRACELOOP,
    V_LLM_REQUEST,
    V_MCP,
    V_BRAINTRUST,
    V_AGENTOPS,
    V_CONFIDENT
} ly_vocabulary;

typedef struct ly_key_rule {
    const char *key;
    uint8_t slot;
    uint8_t rank;
    uint8_t conv;
    uint8_t aux; /* CV_WORD: ly_vocabulary */
} ly_key_rule;

/* An attribute that holds a JSON document, and what is found in it. A path of "~name" looks for the name in
 * quotes anywhere in the text, JSON or not (Python repr). */

typedef struct ly_doc_rule {
    const char *key;
    const char *path;
    uint8_t slot;
    uint8_t rank;
    uint8_t conv;
    uint8_t aux;
} ly_doc_rule;

/* role: -1 = by the type. */
typedef struct ly_word_rule {
    uint8_t vocabulary;
    const char *word; /* ASCII case folded; "x*" = starts with x */
    int8_t type;      /* -1 = this word says nothing, look further */
    int8_t role;
} ly_word_rule;

/* Consulted after the explicit words; `first` rows before them (placeholders that lie about themselves). */
typedef struct ly_name_rule {
    const char *dialect; /* NULL = any */
    const char *name;    /* "x*" starts with, "*x" ends with, "x" equals */
    int8_t type;
    int8_t role;
    bool first;
} ly_name_rule;

enum {
    /* Its spans carry model names on internal work, so a model alone is no generation. */
    LY_DIALECT_STRICT = 1,
    /* gen_ai.prompt.name is something else there. */
    LY_DIALECT_NO_PROMPT_NAME = 2,
    /* The scope alone does not prove it: an attribute of the signature is needed too. */
    LY_DIALECT_SCOPE_WEAK = 4,
    /* Its log records may tell of calls without naming their trace. */
    LY_DIALECT_LOGS_APART = 8,
    /* Models are named "provider/model": the provider's own name before the slash goes away. */
    LY_DIALECT_VENDOR_MODEL = 16,
};

typedef struct ly_dialect {
    const char *name;
    const char *scopes;     /* prefixes of scope names, '|' between; "=x" the whole name */
    const char *signatures; /* prefixes of attribute keys, '|' between */
    unsigned flags;
} ly_dialect;

/* The first row that fits decides. NULL and 0 fit everything. */
typedef struct ly_count_rule {
    const char *dialect;
    const char *scope;    /* the scope's name begins with it; "*x": contains x */
    const char *provider; /* prefix of the canonical provider */
    const char *model;    /* prefix of the model's name */
    uint8_t lacks;        /* a slot that must not be known */
    uint16_t mode;        /* LY_USAGE_{IN,OUT}_{INCLUSIVE,EXCLUSIVE}, LY_COUNT_TOTAL */
    const char *language; /* of the client library, where one counts differently by it */
} ly_count_rule;

/* In a mode: the total that the span gives is the provider's own, with the cache in it, so that a total of
 * input + output says that the input has the cache too. Never stored. */
enum { LY_COUNT_TOTAL = 0x4000 };

extern const ly_key_rule ly_keys[];
extern const size_t ly_keys_n;
extern const ly_doc_rule ly_docs[]; /* rows of one key stand together */
extern const size_t ly_docs_n;
extern const ly_word_rule ly_words[]; /* rows of one vocabulary stand together */
extern const size_t ly_words_n;
extern const ly_name_rule ly_names[];
extern const size_t ly_names_n;
extern const ly_dialect ly_dialects[]; /* in the order of §3.1 */
extern const size_t ly_dialects_n;
extern const ly_count_rule ly_counts[];
extern const size_t ly_counts_n;

/* A family of keys, all of which say one concept: prefix, and whether a digit must follow it. */
typedef struct ly_family_rule {
    const char *prefix;
    uint8_t slot;
    bool digit;
} ly_family_rule;
extern const ly_family_rule ly_families[];
extern const size_t ly_families_n;

extern const char *const ly_first_token_events[];
extern const size_t ly_first_token_events_n;
extern const char *const ly_withheld_marks[];
extern const size_t ly_withheld_marks_n;
extern const char *const ly_vector_stores[];
extern const size_t ly_vector_stores_n;

#endif
