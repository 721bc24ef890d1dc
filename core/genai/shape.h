/*
 * Provider wire shapes: the JSON that model providers speak over HTTP, as pure functions.
 *
 * A shape is one request and reply form (OpenAI chat, OpenAI responses, Anthropic messages, Gemini,
 * Ollama); many providers share one. Nothing here does I/O. The LLM client (core/llm) uses it to build
 * requests and read replies; the tracer's curl hook uses the readers to see what a program of its host
 * said. Source of the tables: reference/judges-and-statistics.md §3.
 *
 * Calls in order:  ly_shape_write_request -> (HTTP) -> ly_shape_read_reply
 *            or :  ly_shape_stream_new -> ly_shape_stream_feed per SSE event -> ly_shape_stream_end
 * The readers take any JSON: unknown members and enum values are ordinary; a body that is not a JSON
 * object is LY_E_FORMAT. Strings of a result live in the caller's arena.
 */
#ifndef LY_GENAI_SHAPE_H
#define LY_GENAI_SHAPE_H

#include "base/arena.h"
#include "base/buf.h"
#include "genai/canon.h"

/* id, name */
#define LY_SHAPE_LIST(X)                             \
    X(LY_SHAPE_OPENAI_CHAT, "openai-chat")           \
    X(LY_SHAPE_OPENAI_RESPONSES, "openai-responses") \
    X(LY_SHAPE_ANTHROPIC, "anthropic")               \
    X(LY_SHAPE_GEMINI, "gemini")                     \
    X(LY_SHAPE_OLLAMA, "ollama")                     \
    X(LY_SHAPE_BEDROCK, "bedrock-converse")

typedef enum ly_shape {
#define LY_SHAPE_ENUM(id, name) id,
    LY_SHAPE_LIST(LY_SHAPE_ENUM)
#undef LY_SHAPE_ENUM
        LY_SHAPE__COUNT
} ly_shape;

const char *ly_shape_name(ly_shape shape);

/* The shape that a request's URL path (and host, may be empty) speaks:
 * ".../chat/completions", ".../responses", ".../v1/messages", ".../models/M:generateContent",
 * ".../api/chat". false when it is none of them. *ret_model gets Gemini's model from the path, else
 * an empty view. */
LY_MUST_USE bool ly_shape_detect(ly_str host, ly_str path, ly_shape *ret_shape, ly_str *ret_model);

/* ---- requests ---------------------------------------------------------------------------------- */

typedef struct ly_shape_msg {
    ly_str role; /* system, user, assistant */
    ly_str text;
} ly_shape_msg;

/* A number that is not sent. */
#define LY_SHAPE_UNSET (-1e300)

typedef struct ly_shape_request {
    ly_str model;
    const ly_shape_msg *msgs;
    size_t n_msgs;
    int64_t max_output;        /* > 0, always sent */
    double temperature, top_p; /* LY_SHAPE_UNSET = not sent */
    int64_t seed;              /* LY_UNKNOWN = not sent; Anthropic has none and gets none */
    ly_str effort;             /* reasoning effort, empty = not sent */
    ly_str schema;             /* JSON Schema text for constrained output, empty = none */
    ly_str schema_name;
    const ly_str *stop;
    size_t n_stop;
    bool stream;         /* asks for usage in the stream where that is a switch */
    bool old_max_tokens; /* OpenAI chat: `max_tokens` instead of `max_completion_tokens` (compatible
                            servers know the older name) */
} ly_shape_request;

/* Appends the body. Members stand in a fixed order, so equal requests are equal bytes. */
LY_MUST_USE ly_status ly_shape_write_request(ly_shape shape, const ly_shape_request *req,
                                             ly_buf *out, ly_err *err);
/* Appends the path below a base URL: "/chat/completions", "/models/M:generateContent", ... */
void ly_shape_write_path(ly_shape shape, const ly_shape_request *req, ly_buf *out);

/* What a request body asked, for a tracer that watches one. */
typedef struct ly_shape_asked {
    ly_str model;
    bool stream;
    int64_t max_output;                                             /* LY_UNKNOWN */
    double temperature, top_p, frequency_penalty, presence_penalty; /* LY_SHAPE_UNSET */
    int64_t seed, top_k;                                            /* LY_UNKNOWN */
    ly_str effort;                                                  /* of reasoning, or empty */
    const ly_str *stop;                                             /* in the arena */
    size_t n_stop;
    bool json;            /* JSON was asked for, with a schema or without */
    ly_str messages_json; /* gen_ai.input.messages form: [{"role","parts":[...]}], or empty */
    ly_str system_json;   /* gen_ai.system_instructions form: [{"type":"text",...}], or empty */
    ly_str tools_json;    /* tool definitions as sent, or empty */
} ly_shape_asked;

LY_MUST_USE ly_status ly_shape_read_request(ly_shape shape, ly_str body, ly_arena *arena,
                                            ly_shape_asked *ret_asked, ly_err *err);

/* ---- replies ----------------------------------------------------------------------------------- */

typedef struct ly_shape_call {
    ly_str id, name, arguments; /* arguments: JSON text as the model wrote it */
} ly_shape_call;

typedef struct ly_shape_reply {
    ly_str id;
    ly_str model; /* the served model as the reply names it */
    ly_str fingerprint;
    ly_str service_tier;
    ly_str text;      /* visible text, parts joined */
    ly_str reasoning; /* thinking text where the provider shows it */
    ly_str refusal;   /* the model's refusal text; empty = none */
    ly_str finish;    /* canonical: stop length tool_call content_filter refusal context error */
    ly_str finish_raw;
    const ly_shape_call *calls;
    size_t n_calls;
    ly_tokens tokens; /* LY_TOKENS_UNKNOWN without usage */
    unsigned usage_mode;
    bool cost_said; /* the provider's usage says what the call cost (OpenRouter, Perplexity): */
    double cost;    /* US dollars */
    /* An error object in place of (or, in streams, after) a reply; empty = none. */
    ly_str error_type, error_code, error_message;
} ly_shape_reply;

/* Of several choices the first is read, here and in streams.
 * Reads a whole reply or an error body. An embeddings reply gives its model and tokens. */
LY_MUST_USE ly_status ly_shape_read_reply(ly_shape shape, ly_str body, ly_arena *arena,
                                          ly_shape_reply *ret_reply, ly_err *err);

/* The reply as gen_ai.output.messages ([{"role":"assistant","parts":[...],"finish_reason"}]). */
void ly_shape_write_output_messages(const ly_shape_reply *reply, ly_buf *out);

/* ---- streams ----------------------------------------------------------------------------------- */

typedef struct ly_shape_stream ly_shape_stream;

/* Text and arguments together are capped at max_bytes. NULL when memory is out. */
LY_MUST_USE ly_shape_stream *ly_shape_stream_new(ly_shape shape, size_t max_bytes);
void ly_shape_stream_free(ly_shape_stream *stream);
/* One SSE event (event name may be empty) or one NDJSON line; "[DONE]" is understood. Bad JSON is
 * LY_E_FORMAT and leaves what was gathered; *ret_first becomes true on the event that carried the first
 * output (for time to first token); may be NULL. */
LY_MUST_USE ly_status ly_shape_stream_feed(ly_shape_stream *stream, ly_str event, ly_str data,
                                           bool *ret_first, ly_err *err);
/* True once the provider's end marker came. A stream that ends without it was cut. */
bool ly_shape_stream_done(const ly_shape_stream *stream);
/* What was gathered so far, as a reply whose strings are copied into the arena. */
LY_MUST_USE ly_status ly_shape_stream_end(ly_shape_stream *stream, ly_arena *arena,
                                          ly_shape_reply *ret_reply, ly_err *err);

#endif
