/*
 * Language models: one request in, one normalised result out, whatever the provider.
 *
 * A client sits on one HTTP pool and belongs to one thread. Requests are submitted and told through
 * their callback from inside ly_llm_poll. What must know the database stands outside: answers that are
 * there already (cache), whether a call may be paid (budget) and what is recorded (tracing) are
 * callbacks, which may answer or refuse.
 *
 *     submit -> cache? -> budget? -> HTTP pool (retry, rate) -> read -> [one retry without a parameter
 *     that the model does not take] -> done
 *
 * Keys come from the environment and appear in no text, cache key or record. Each request carries an
 * output limit. Source: reference/judges-and-statistics.md §3.
 */
#ifndef LY_LLM_LLM_H
#define LY_LLM_LLM_H

#include "genai/price.h"
#include "genai/shape.h"
#include "http/http.h"

/* ---- which model ----------------------------------------------------------------------------------- */

#define LY_LLM_NAME_MAX 200
#define LY_LLM_URL_MAX  400

/* A model to call, resolved. */
typedef struct ly_llm_model {
    char spec[LY_LLM_NAME_MAX]; /* as given */
    const char *provider;       /* canonical name for prices and spans; static */
    char name[LY_LLM_NAME_MAX]; /* what the provider is asked for */
    char base[LY_LLM_URL_MAX];  /* without a slash at the end */
    char host[LY_LLM_NAME_MAX]; /* of base */
    int64_t port;               /* LY_UNKNOWN when the URL has none */
    ly_shape shape;
    int auth;            /* how the key is sent; private */
    const char *key_env; /* variable that holds the key, NULL = none needed */
    bool old_max_tokens;
} ly_llm_model;

/*
 * Reads "provider:model", "provider:model@http://host:port/v1" or a model name whose provider is known
 * ("gpt-4o"). The address: after @, else the provider's variable (OPENAI_BASE_URL, ...), else its
 * published one. LY_E_INVALID names the providers. Does not ask for the key.
 */
LY_MUST_USE ly_status ly_llm_model_parse(ly_str spec, ly_llm_model *ret_model, ly_err *err);
/* LY_OK, or LY_E_DENIED "set OPENAI_API_KEY" when the provider needs a key and the environment has none.
 * A local or private address needs none. */
LY_MUST_USE ly_status ly_llm_model_check(const ly_llm_model *model, ly_err *err);

/* ---- calls ------------------------------------------------------------------------------------------- */

typedef struct ly_llm ly_llm;

/* Outcome of a call; the names are what scores store as reason (§2.3). */
#define LY_LLM_OUTCOME_LIST(X)                 \
    X(LY_LLM_OK, "ok")                         \
    X(LY_LLM_REFUSAL, "refusal")               \
    X(LY_LLM_CONTENT_FILTER, "content_filter") \
    X(LY_LLM_TRUNCATED, "truncated")           \
    X(LY_LLM_CONTEXT, "context_overflow")      \
    X(LY_LLM_4XX, "provider_4xx")              \
    X(LY_LLM_5XX, "provider_5xx")              \
    X(LY_LLM_RATE, "rate_limited_exhausted")   \
    X(LY_LLM_TIMEOUT, "timeout")               \
    X(LY_LLM_NETWORK, "network")               \
    X(LY_LLM_BUDGET, "budget")                 \
    X(LY_LLM_AUTH, "auth")                     \
    X(LY_LLM_QUOTA, "quota")                   \
    X(LY_LLM_PARSE, "parse")                   \
    X(LY_LLM_CANCELLED, "cancelled")

typedef enum ly_llm_outcome {
#define LY_LLM_OUTCOME_ENUM(id, name) id,
    LY_LLM_OUTCOME_LIST(LY_LLM_OUTCOME_ENUM)
#undef LY_LLM_OUTCOME_ENUM
        LY_LLM__COUNT
} ly_llm_outcome;

const char *ly_llm_outcome_name(ly_llm_outcome outcome);
/* True when going on with other calls is pointless: no key, no money, no such model. */
bool ly_llm_outcome_stops(ly_llm_outcome outcome);

typedef struct ly_llm_result {
    ly_llm_outcome outcome;
    ly_str error; /* one line for people, empty when OK */
    ly_shape_reply reply;
    ly_str body; /* the reply's bytes, for the cache and records */
    int http_status;
    int attempts;
    int64_t latency_ns, first_ns; /* of the last attempt; first_ns -1 = unknown */
    ly_str request_id;
    bool cached;
    bool adjusted;       /* sent again without a parameter that the model refused: `dropped` */
    const char *dropped; /* "temperature", "response_format", ...; "" */
    ly_priced priced;    /* by the client's book; not charged when cached */
    int64_t started_ns, ended_ns; /* wall clock */
} ly_llm_result;

typedef struct ly_llm_call ly_llm_call;
typedef void (*ly_llm_done_fn)(void *user, const ly_llm_call *call, const ly_llm_result *result);

struct ly_llm_call {
    const ly_llm_model *model; /* borrowed until done */
    ly_shape_request
        request;    /* model, old_max_tokens are filled in; messages and strings are copied */
    int64_t repeat; /* part of the cache key: a hit never stands in for an independent repeat */
    ly_str salt;    /* part of the cache key (judge hash), may be empty */
    bool no_cache;
    int64_t deadline_ms; /* 0 = 600 000 */
    ly_llm_done_fn done; /* the call and the result are borrowed for its time */
    void *user;
};

/* Any may be NULL. */
typedef struct ly_llm_hooks {
    void *user;
    /* An answer that is there: true and its body, which lives in the arena. */
    bool (*cached)(void *user, const uint8_t key[32], ly_arena *arena, ly_str *ret_body);
    /* A good answer to keep. */
    void (*keep)(void *user, const uint8_t key[32], ly_str body);
    /* May this call be made? false refuses it (LY_LLM_BUDGET) with *why, static. */
    bool (*allow)(void *user, const ly_llm_call *call, const char **why);
    /* After every call, before its callback. */
    void (*seen)(void *user, const ly_llm_call *call, const ly_llm_result *result);
} ly_llm_hooks;

typedef struct ly_llm_opts {
    size_t jobs;               /* most calls in flight for one key; 0 = 100, adaptive from 20 */
    const ly_price_book *book; /* for `priced`; may be NULL */
    ly_llm_hooks hooks;
    int max_attempts; /* 0 = 5 */
} ly_llm_opts;

LY_MUST_USE ly_status ly_llm_new(const ly_llm_opts *opts, ly_llm **ret_llm, ly_err *err);
void ly_llm_free(ly_llm *llm);
LY_MUST_USE ly_status ly_llm_submit(ly_llm *llm, const ly_llm_call *call, ly_err *err);
/* Works until something is done or the time is up. */
LY_MUST_USE ly_status ly_llm_poll(ly_llm *llm, int64_t timeout_ms, ly_err *err);
size_t ly_llm_pending(const ly_llm *llm);
/* Ends what is unfinished with LY_LLM_CANCELLED. */
void ly_llm_cancel(ly_llm *llm);

#endif
