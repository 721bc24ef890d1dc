/*
 * lydite/tracer.h: record what a GenAI program does, from C, C++ or anything that can call C.
 *
 *     #include <lydite/tracer.h>
 *
 *     int main(void)
 *     {
 *         lydite_tracer *t = NULL;
 *         lydite_open(NULL, &t, NULL);                      // everything from the environment
 *
 *         lydite_span *agent = lydite_start(t, LYDITE_AGENT, "researcher");
 *         lydite_span *call = lydite_start(t, LYDITE_GENERATION, "gpt-4o-mini");  // child of agent
 *         lydite_set_provider(call, "openai");
 *         lydite_add_text(call, LYDITE_INPUT, "user", "Why is the sky blue?");
 *         lydite_add_text(call, LYDITE_OUTPUT, "assistant", "Rayleigh scattering.");
 *         lydite_set_tokens(call, 12, 5);
 *         lydite_end(call);
 *         lydite_end(agent);
 *
 *         lydite_stats stats = LYDITE_STATS_INIT;
 *         if (lydite_close(t, 2000, &stats) != LYDITE_OK) {
 *             char text[LYDITE_TEXT_MAX];
 *             fprintf(stderr, "%s\n", lydite_stats_text(&stats, text, sizeof text));
 *         }
 *     }
 *
 *     cc agent.c $(pkg-config --cflags --libs lydite) && lydite run -- ./a.out
 *
 * The rules, once:
 *
 *   Never in your way.  No function here blocks on the network, aborts, prints, changes a signal, the
 *       locale or the umask. A NULL tracer and a NULL span are allowed everywhere and do nothing, so
 *       a program that ignores every result here still runs, untraced.
 *   Strings.  A string is copied before the call returns, unless the function's name ends in _static
 *       or the parameter is called `key` or ends in _static: those are borrowed for the life of the
 *       process, which is what a literal is. Text is UTF-8; what is not does no harm: the value of an
 *       attribute then goes as bytes, any other text with U+FFFD for each bad byte. NULL text means
 *       "not known" and sets nothing.
 *   Numbers.  LYDITE_UNKNOWN for a count that you do not know; 0 means zero.
 *   Threads.  A tracer may be used by all threads at once. A span is used by one thread at a time and
 *       may be ended by another than the one that started it. After lydite_end the handle is dead;
 *       using it again is noticed, ignored and counted in lydite_stats.misuse.
 *   Current span.  lydite_start makes the new span the thread's current one until it ends; the next
 *       lydite_start on that thread becomes its child. Another thread, or an explicit parent:
 *       lydite_start_with.
 *   Accounts.  At every moment, exactly:
 *       ended = acknowledged + rejected + dropped[all reasons] + spooled + queued + sending
 *       (lydite_stats_get). Nothing is lost in silence.
 *   Results.  0 (LYDITE_OK) or a negative LYDITE_E_* value.
 *
 * Configuration: the options below, then LYDITE_* variables, then the OTEL_* variables of OpenTelemetry,
 * then defaults. tracer/README.md lists all of them.
 */
#ifndef LYDITE_TRACER_H
#define LYDITE_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LYDITE_API __attribute__((visibility("default")))
#else
#define LYDITE_API
#endif

/* The version of this interface. A struct that crosses it begins with its own size, so that a newer
 * library serves a program built against an older header; the number changes only when that breaks. */
#define LYDITE_ABI 1
LYDITE_API int lydite_abi(void);
/* "0.1.0" */
LYDITE_API const char *lydite_version(void);

#define LYDITE_UNKNOWN  INT64_MIN
#define LYDITE_TEXT_MAX 512

enum {
    LYDITE_OK = 0,
    LYDITE_E_INVALID = -1,     /* an option or variable that cannot be meant */
    LYDITE_E_NOMEM = -2,       /* out of memory */
    LYDITE_E_IO = -3,          /* a file cannot be written */
    LYDITE_E_LIMIT = -5,       /* more tracers than one process may have open: 16 */
    LYDITE_E_NOTFOUND = -6,    /* no such thing */
    LYDITE_E_TIMEOUT = -11,    /* not all was delivered within the time given */
    LYDITE_E_LOST = -12,       /* all is settled, but something was dropped, rejected or spooled */
    LYDITE_E_UNSUPPORTED = -14 /* a protocol that this library does not speak */
};

typedef struct lydite_tracer lydite_tracer;
typedef struct lydite_span lydite_span;
typedef struct lydite_context lydite_context; /* a trace context that came from elsewhere */
typedef struct lydite_value lydite_value;     /* an attribute value under construction */
typedef struct lydite_record lydite_record;   /* an ended span, as a processor sees it */

/* What went wrong, in one line: the thing, what is wrong with it, what to do. */
typedef struct lydite_error {
    int code;
    char text[LYDITE_TEXT_MAX];
} lydite_error;

/* ---- Open, flush, close --------------------------------------------------------------------- */

/* A function of yours that gets each encoded OTLP request (protobuf, ExportTraceServiceRequest or
 * ExportLogsServiceRequest) instead of the network. Called on the exporter's thread, one call at a time.
 * Return 0 when it is delivered, >0 when it may be tried again after so many ms, <0 when not. */
typedef int (*lydite_export_fn)(void *user, bool is_logs, const void *bytes, size_t len,
                                size_t n_items);

/* Called with one-line diagnostics: configuration mistakes, first loss, recovery. Any thread, never in
 * the middle of lydite_start/set/end. level: 0 debug, 1 info, 2 warning, 3 error. */
typedef void (*lydite_diag_fn)(void *user, int level, const char *text);

/* Looks at and changes an ended span before it is encoded (exporter's thread). Return 0 to keep it, 1
 * to drop it, <0 when you failed: the span is then dropped too (fail closed), and counted. */
typedef int (*lydite_process_fn)(void *user, lydite_record *record);

typedef struct lydite_processor {
    lydite_process_fn fn;
    void *user;
} lydite_processor;

enum {
    LYDITE_SAMPLE_DEFAULT = 0,
    LYDITE_SAMPLE_ALWAYS,
    LYDITE_SAMPLE_NEVER,
    LYDITE_SAMPLE_RATIO,
    LYDITE_SAMPLE_PARENT = 16 /* added to one of the above: the parent's decision first */
};

/* Zero means "not given" throughout: the environment and then the default decide. */
typedef struct lydite_options {
    size_t size; /* LYDITE_OPTIONS_INIT sets it */

    /* Who is speaking. */
    const char *service;         /* service.name */
    const char *service_version; /* service.version */
    const char *env;             /* deployment.environment.name */
    const char *scope;           /* instrumentation scope; default "lydite" */
    const char *scope_version;
    const char *resource; /* more resource attributes: "k=v,k2=v2", values percent-encoded */
    const char *origin;   /* "app" (default), "eval" or "judge": whose traces these are */

    /* Where to. */
    const char *exporter; /* "otlp" (default), "console", "file:PATH", "none" */
    const char *endpoint; /* "http://127.0.0.1:4317", "https://host:4317", "unix:/path" */
    const char *headers;  /* "authorization=Bearer%20x,k=v" */
    const char *ca_file, *cert_file, *key_file; /* PEM */
    bool gzip;                                  /* slow (30 MB/s); for narrow networks */
    lydite_export_fn export_fn;                 /* instead of all of these */
    void *export_user;

    /* How much and how long. */
    size_t ring_bytes;      /* one budget for the rings of all threads; 16 MiB */
    uint32_t full_wait_ms;  /* when it is used up: 0 = drop the newest and count; or wait so long */
    uint32_t schedule_ms;   /* between exports; 1000 */
    uint32_t batch_spans;   /* most spans of a request; 512 */
    uint32_t batch_bytes;   /* a request is sent when it reaches this; 1 MiB */
    uint32_t max_in_flight; /* requests on the way at once; 4 */
    uint32_t timeout_ms;    /* one attempt; 10000 */
    uint32_t give_up_ms;    /* all attempts of one request; 300000 */
    uint32_t exit_flush_ms; /* most that a normal exit() waits for an unclosed tracer; 2000 */
    uint32_t fork_wait_ms;  /* most that fork() waits for the exporter to let go; 50 */

    /* What cannot be delivered is kept here and delivered later (also: `lydite spool send`). */
    const char *spool_dir;
    uint64_t spool_bytes; /* 256 MiB */

    /* What is recorded. */
    int sampler;  /* LYDITE_SAMPLE_*; default PARENT + ALWAYS */
    double ratio; /* for RATIO, 0 to 1 */
    int content; /* messages, prompts, documents: 0 = on unless the environment says off; 1 on; -1 off */
    bool live;                /* also send a record when a span starts, to a Lydite collector */
    uint32_t max_attributes;  /* per span, convention setters not counted; 128 */
    uint32_t max_value_chars; /* longer strings are cut; no limit */
    uint32_t max_events, max_links;                     /* 128 */
    uint32_t max_event_attributes, max_link_attributes; /* 128 */
    size_t max_span_bytes; /* what goes past is dropped and counted on the span; 4 MiB */

    const lydite_processor *processors; /* in order; copied */
    size_t n_processors;
    lydite_diag_fn diag;
    void *diag_user;
    bool ignore_env; /* read no environment variable at all */
} lydite_options;

#ifdef __cplusplus
#define LYDITE_INIT_(type)   \
    [] {                     \
        type x_{};           \
        x_.size = sizeof x_; \
        return x_;           \
    }()
#else
#define LYDITE_INIT_(type)   \
    {                        \
        .size = sizeof(type) \
    }
#endif
/* lydite_options opts = LYDITE_OPTIONS_INIT; */
#define LYDITE_OPTIONS_INIT LYDITE_INIT_(lydite_options)

/* Opens a tracer; opts NULL = from the environment alone. Starts no thread, opens no connection and no
 * file: the exporter starts with the first ended span. *ret is untouched on failure (leave it NULL and
 * go on untraced). error may be NULL. OTEL_SDK_DISABLED=true gives a tracer that does nothing. */
LYDITE_API int lydite_open(const lydite_options *opts, lydite_tracer **ret, lydite_error *error);

/* Why a span was not delivered. */
enum {
    LYDITE_DROP_FULL = 0,  /* the rings' budget was used up (and the wait, if any, over) */
    LYDITE_DROP_TOO_LARGE, /* larger than the whole budget or one request */
    LYDITE_DROP_MEMORY,    /* no memory */
    LYDITE_DROP_PROCESSOR, /* a processor dropped it or failed */
    LYDITE_DROP_REFUSED,   /* the collector's status says: do not try again */
    LYDITE_DROP_GAVE_UP,   /* give_up_ms passed */
    LYDITE_DROP_SPOOL,     /* the spool directory is full or cannot be written */
    LYDITE_DROP_SHUTDOWN,  /* still there when close ran out of time */
    LYDITE_DROP_EXPORTER, /* there is no exporter: its library or its file cannot be opened, "none" */
    LYDITE_DROP_FORK,     /* ended in a child of fork() in which gRPC cannot work */
    LYDITE_DROP_REASONS = 16
};
/* "full", "too_large", ... Never NULL. */
LYDITE_API const char *lydite_drop_name(int reason);

typedef struct lydite_stats {
    size_t size; /* LYDITE_STATS_INIT sets it */
    /* ended = acknowledged + rejected + sum(dropped) + spooled + queued + sending */
    uint64_t ended;        /* recorded spans on which lydite_end was called */
    uint64_t acknowledged; /* the collector said: stored */
    uint64_t rejected;     /* the collector refused these single spans */
    uint64_t dropped[LYDITE_DROP_REASONS];
    uint64_t spooled; /* on disk, not delivered yet by this process */
    uint64_t queued;  /* in the rings */
    uint64_t sending; /* encoded; on the way or waiting for another attempt */
    /* beside the law */
    uint64_t started;   /* recorded spans started */
    uint64_t unsampled; /* started, not recorded by the sampler's decision */
    uint64_t slow_path; /* spans larger than a ring chunk */
    uint64_t cut;       /* spans that lost attributes, events or links to a limit */
    uint64_t misuse;    /* dead handles used */
    uint64_t requests;  /* export attempts made */
    uint64_t retries;   /* of these, not the first */
    uint64_t pending;   /* start records sent (live mode) */
    uint64_t inherited; /* batches found in the spool directory from before and delivered */
    uint64_t forks_off; /* 1 in a child of fork() that had to switch itself off */
    uint64_t scores, scores_acknowledged, scores_dropped, scores_waiting;
} lydite_stats;

#define LYDITE_STATS_INIT LYDITE_INIT_(lydite_stats)

/* Fills *stats (its size must be set). Waits for no one; exact at the moment of the call. */
LYDITE_API int lydite_stats_get(lydite_tracer *tracer, lydite_stats *stats);
/* "12 spans, 10 acknowledged, 2 dropped (full 2)". Returns buf. */
LYDITE_API const char *lydite_stats_text(const lydite_stats *stats, char *buf, size_t size);

/* Sends now what ended before the call, and waits until it is settled, at most timeout_ms. LYDITE_OK:
 * all spans that ever ended were acknowledged, and no score was lost; LYDITE_E_TIMEOUT: some are still
 * on the way; LYDITE_E_LOST: settled, but not all acknowledged (the exporter "none" apart). stats may be
 * NULL. */
LYDITE_API int lydite_flush(lydite_tracer *tracer, uint32_t timeout_ms, lydite_stats *stats);
/* Flush, then end the exporter and free the tracer. What is left goes to the spool directory (at once
 * when nobody answers), or is dropped and counted. No other thread may use the tracer any more; its open
 * spans are dead handles. */
LYDITE_API int lydite_close(lydite_tracer *tracer, uint32_t timeout_ms, lydite_stats *stats);

/* ---- Start and end -------------------------------------------------------------------------- */

/* What a step is. `name` of lydite_start is the part that varies; the span's name and the attributes of
 * the GenAI conventions follow from it:                       name of the span                      */
typedef enum lydite_type {
    LYDITE_OTHER = 0,      /* name as given: anything          <name>                     */
    LYDITE_AGENT = 1,      /* the agent's name                 invoke_agent <name>        */
    LYDITE_WORKFLOW = 2,   /* the workflow's name              invoke_workflow <name>     */
    LYDITE_PLAN = 3,       /* the planning agent's name        plan <name>                */
    LYDITE_GENERATION = 4, /* the requested model              chat <name>                */
    LYDITE_TOOL = 5,       /* the tool's name                  execute_tool <name>        */
    LYDITE_RETRIEVAL = 6,  /* the data source                  retrieval <name>           */
    LYDITE_EMBEDDING = 7,  /* the requested model              embeddings <name>          */
    LYDITE_RERANK = 8,     /* the requested model              rerank <name>              */
    LYDITE_MEMORY = 9,     /* the operation: "search_memory"   <name>                     */
    LYDITE_GUARDRAIL = 10, /* the rule's name                  guardrail <name>           */
    LYDITE_EVALUATOR = 11, /* the judge's name                 evaluator <name>           */
    LYDITE_STEP = 12,      /* a step of reasoning or work      <name>                     */
    LYDITE_HTTP = 13,      /* the request method               <name>                     */
    LYDITE_DB = 14         /* the operation                    <name>                     */
} lydite_type;

/* Starts a step as a child of the thread's current span (of TRACEPARENT, or as a root, when there is
 * none) and makes it current. NULL when the tracer is NULL or off, or memory is out. */
LYDITE_API lydite_span *lydite_start(lydite_tracer *tracer, lydite_type type, const char *name);
/* The same for a name that is a literal; the quickest way. */
LYDITE_API lydite_span *lydite_start_static(lydite_tracer *tracer, lydite_type type,
                                            const char *name_static);

enum {
    LYDITE_KIND_DEFAULT = 0,
    LYDITE_KIND_INTERNAL = 1,
    LYDITE_KIND_SERVER = 2,
    LYDITE_KIND_CLIENT = 3,
    LYDITE_KIND_PRODUCER = 4,
    LYDITE_KIND_CONSUMER = 5
};

typedef struct lydite_start_options {
    size_t size;                   /* LYDITE_START_INIT sets it */
    lydite_span *parent;           /* not the thread's current span, but this one */
    const lydite_context *context; /* or this one, from another process */
    bool root;                     /* or none: begin a new trace */
    bool detached;                 /* do not make it the thread's current span */
    int kind;                      /* LYDITE_KIND_*; default: what the type implies */
    int sample;                    /* 0 = the sampler decides, 1 = record, -1 = do not */
    int64_t start_ns;              /* of CLOCK_MONOTONIC; 0 = now */
} lydite_start_options;

#define LYDITE_START_INIT LYDITE_INIT_(lydite_start_options)

LYDITE_API lydite_span *lydite_start_with(lydite_tracer *tracer, lydite_type type, const char *name,
                                          const lydite_start_options *opts);

/* Ends the step; the handle is dead. */
LYDITE_API void lydite_end(lydite_span *span);
/* The same at a moment of CLOCK_MONOTONIC. */
LYDITE_API void lydite_end_at(lydite_span *span, int64_t end_ns);

/* The thread's current span, or NULL. lydite_make_current puts a span on top of this thread's stack
 * (after a hand-over, say); its end takes it off again. */
LYDITE_API lydite_span *lydite_current(void);
LYDITE_API void lydite_make_current(lydite_span *span);
/* False for NULL, dead and unsampled spans: skip costly preparation of attributes. */
LYDITE_API bool lydite_recording(const lydite_span *span);
/* 32 and 16 hexadecimal digits and a NUL. All zero for NULL. */
LYDITE_API void lydite_span_ids(const lydite_span *span, char trace_id[33], char span_id[17]);

/* ---- Attributes of any kind ----------------------------------------------------------------- */

LYDITE_API void lydite_set_int(lydite_span *span, const char *key, int64_t value);
LYDITE_API void lydite_set_double(lydite_span *span, const char *key, double value);
LYDITE_API void lydite_set_bool(lydite_span *span, const char *key, bool value);
LYDITE_API void lydite_set_str(lydite_span *span, const char *key, const char *value);
LYDITE_API void lydite_set_str_n(lydite_span *span, const char *key, const char *value, size_t len);
LYDITE_API void lydite_set_static(lydite_span *span, const char *key, const char *value_static);
LYDITE_API void lydite_set_bytes(lydite_span *span, const char *key, const void *bytes, size_t len);
/* Any of these with a key that is not a literal: pass what this returns. It keeps one copy of each
 * distinct key for the life of the process, of 4096 keys at most; then, and without memory, it is NULL,
 * and a NULL key sets nothing. */
LYDITE_API const char *lydite_key(lydite_span *span, const char *key);

/* Arrays and maps. Build one, set it as often as you like, free it. A failure inside (memory, nesting
 * past 64) is remembered and the value then sets nothing.
 *     lydite_value *v = lydite_value_new();
 *     lydite_value_open_map(v, NULL);
 *     lydite_value_int(v, "port", 443);
 *     lydite_value_open_array(v, "hosts"); lydite_value_str(v, NULL, "a"); lydite_value_close(v);
 *     lydite_value_close(v);
 *     lydite_set_value(span, "server", v);
 *     lydite_value_free(v);
 * name is the key inside a map, and NULL inside an array or at the top. All strings are copied. */
LYDITE_API lydite_value *lydite_value_new(void);
LYDITE_API void lydite_value_free(lydite_value *value);
LYDITE_API void lydite_value_open_map(lydite_value *value, const char *name);
LYDITE_API void lydite_value_open_array(lydite_value *value, const char *name);
LYDITE_API void lydite_value_close(lydite_value *value);
LYDITE_API void lydite_value_str(lydite_value *value, const char *name, const char *text);
LYDITE_API void lydite_value_int(lydite_value *value, const char *name, int64_t number);
LYDITE_API void lydite_value_double(lydite_value *value, const char *name, double number);
LYDITE_API void lydite_value_bool(lydite_value *value, const char *name, bool truth);
LYDITE_API void lydite_value_bytes(lydite_value *value, const char *name, const void *bytes,
                                   size_t len);
LYDITE_API void lydite_value_empty(lydite_value *value, const char *name);
LYDITE_API void lydite_set_value(lydite_span *span, const char *key, const lydite_value *value);

/* Replaces the name that follows from the type. */
LYDITE_API void lydite_set_name(lydite_span *span, const char *name);

/* Something that happened at a moment; attributes is a map (or NULL). */
LYDITE_API void lydite_add_event(lydite_span *span, const char *name,
                                 const lydite_value *attributes);
/* An event with one integer attribute, without building a map. */
LYDITE_API void lydite_add_event_int(lydite_span *span, const char *name_static, const char *key,
                                     int64_t value);
/* A related span of this or another trace. */
LYDITE_API void lydite_add_link(lydite_span *span, const lydite_span *to,
                                const lydite_value *attributes);
LYDITE_API void lydite_add_link_context(lydite_span *span, const lydite_context *to,
                                        const lydite_value *attributes);

/* Status. Leave a success alone. Error, then Ok: Ok stays, whatever comes after it. */
LYDITE_API void lydite_set_ok(lydite_span *span);
/* error.type (a class name, a status code) and the status message; also sent as an `exception` event, for
 * readers that know only that, where lydite_add_exception made none. */
LYDITE_API void lydite_set_error(lydite_span *span, const char *type, const char *message);
/* An `exception` event; does not change the status. stacktrace may be NULL. */
LYDITE_API void lydite_add_exception(lydite_span *span, const char *type, const char *message,
                                     const char *stacktrace);

/* ---- What a GenAI step has ------------------------------------------------------------------ */

LYDITE_API void lydite_set_provider(lydite_span *span, const char *provider); /* "openai", ... */
/* gen_ai.operation.name where it is not what the type implies ("text_completion"). */
LYDITE_API void lydite_set_operation(lydite_span *span, const char *operation);
LYDITE_API void lydite_set_request_model(lydite_span *span, const char *model);
LYDITE_API void lydite_set_response_model(lydite_span *span, const char *model);
LYDITE_API void lydite_set_response_id(lydite_span *span, const char *id);
/* "batch", "flex", "priority": it changes the price. */
LYDITE_API void lydite_set_service_tier(lydite_span *span, const char *tier);
LYDITE_API void lydite_set_server(lydite_span *span, const char *address, int port);

LYDITE_API void lydite_set_temperature(lydite_span *span, double value);
LYDITE_API void lydite_set_top_p(lydite_span *span, double value);
LYDITE_API void lydite_set_top_k(lydite_span *span, int64_t value);
LYDITE_API void lydite_set_max_tokens(lydite_span *span, int64_t value);
LYDITE_API void lydite_set_seed(lydite_span *span, int64_t value);
LYDITE_API void lydite_set_penalties(lydite_span *span, double frequency, double presence);
LYDITE_API void lydite_set_reasoning_level(lydite_span *span, const char *level);
LYDITE_API void lydite_set_stop_sequences(lydite_span *span, const char *const *stops, size_t n);
LYDITE_API void lydite_set_stream(lydite_span *span, bool streaming);
LYDITE_API void lydite_set_output_type(lydite_span *span, const char *type); /* "json", ... */

/* Content. What you hand over is recorded, unless options or environment turned content off; the span
 * then says that it was withheld. */
enum { LYDITE_INPUT = 0, LYDITE_OUTPUT = 1 };

/* One part of a message. type and what belongs to it:
 *   "text", "reasoning"      content
 *   "tool_call"              id, name, json (the arguments: JSON, or any text)
 *   "tool_call_response"     id, json or content (the result)
 *   "blob"                   modality, mime_type, content (base64)
 *   "uri", "file"            modality, mime_type, content (the URI or the file's id)
 *   anything else            content, and json as it is */
typedef struct lydite_part {
    const char *type;
    const char *content;
    const char *id;
    const char *name;
    const char *json;
    const char *modality;
    const char *mime_type;
} lydite_part;

/* Adds a message of one text part. direction LYDITE_INPUT or LYDITE_OUTPUT; role "user", "assistant",
 * "system", "tool". Messages keep their order. */
LYDITE_API void lydite_add_text(lydite_span *span, int direction, const char *role,
                                const char *text);
LYDITE_API void lydite_add_message(lydite_span *span, int direction, const char *role,
                                   const lydite_part *parts, size_t n_parts);
/* The whole list in the conventions' JSON form ([{"role":..,"parts":[..]}]) if you have it already. */
LYDITE_API void lydite_set_messages_json(lydite_span *span, int direction, const char *json);
LYDITE_API void lydite_set_system_prompt(lydite_span *span, const char *text);
/* The same in the conventions' JSON form: [{"type":"text","content":..}]. */
LYDITE_API void lydite_set_system_json(lydite_span *span, const char *json);
LYDITE_API void lydite_set_tool_definitions(lydite_span *span, const char *json);

/* On a LYDITE_TOOL step. arguments and result: JSON or text. Either id or arguments may be NULL. */
LYDITE_API void lydite_set_tool_call(lydite_span *span, const char *id, const char *arguments);
LYDITE_API void lydite_set_tool_result(lydite_span *span, const char *result);
LYDITE_API void lydite_set_tool_description(lydite_span *span, const char *text);

/* On a LYDITE_RETRIEVAL, LYDITE_RERANK or LYDITE_MEMORY step. top_k LYDITE_UNKNOWN if there is none;
 * score NAN if there is none; content is recorded under the content switch. */
LYDITE_API void lydite_set_query(lydite_span *span, const char *text, int64_t top_k);
LYDITE_API void lydite_add_document(lydite_span *span, const char *id, double score,
                                    const char *content);

/* Tokens. input counts all of it, cache included; output all of it, reasoning included. The others are
 * parts of these two. On an agent or workflow leave it off: totals are added up from the leaves. */
typedef struct lydite_usage {
    size_t size; /* LYDITE_USAGE_INIT sets it and the rest to LYDITE_UNKNOWN */
    int64_t input, output;
    int64_t cache_read, cache_write; /* of input */
    int64_t reasoning;               /* of output */
    int64_t audio_input, image_input, audio_cache_read, audio_output, image_output;
} lydite_usage;

#ifdef __cplusplus
#define LYDITE_USAGE_INIT                                                                     \
    lydite_usage                                                                              \
    {                                                                                         \
        sizeof(lydite_usage), LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, \
            LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN,   \
            LYDITE_UNKNOWN                                                                    \
    }
#else
#define LYDITE_USAGE_INIT                                                                     \
    {                                                                                         \
        sizeof(lydite_usage), LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, \
            LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN, LYDITE_UNKNOWN,   \
            LYDITE_UNKNOWN                                                                    \
    }
#endif
LYDITE_API void lydite_set_usage(lydite_span *span, const lydite_usage *usage);
LYDITE_API void lydite_set_tokens(lydite_span *span, int64_t input, int64_t output);
/* What the call cost in US dollars, where the provider said so. */
LYDITE_API void lydite_set_cost(lydite_span *span, double usd);
/* "stop", "length", "tool_call", ...: one per choice. */
LYDITE_API void lydite_set_finish_reason(lydite_span *span, const char *reason);
/* Now is the moment of the first token: time since the start. Only the first call counts. */
LYDITE_API void lydite_first_token(lydite_span *span);
LYDITE_API void lydite_set_time_to_first_token(lydite_span *span, double seconds);

/* Which prompt made the request, and with what. */
LYDITE_API void lydite_set_prompt(lydite_span *span, const char *name, const char *version);
LYDITE_API void lydite_set_prompt_variable(lydite_span *span, const char *name, const char *value);

/* Who is it for. Set on a span, inherited by the spans started under it in this process; at most 4096
 * bytes each, the tags together 8192: what goes past is dropped and counted on the span. */
LYDITE_API void lydite_set_session(lydite_span *span, const char *id);
LYDITE_API void lydite_set_user(lydite_span *span, const char *id);
LYDITE_API void lydite_add_tag(lydite_span *span, const char *tag);

/* ---- Feedback ------------------------------------------------------------------------------- */

typedef struct lydite_score {
    size_t size;      /* LYDITE_SCORE_INIT sets it */
    const char *name; /* "helpful" */
    double value;     /* LYDITE_SCORE_INIT sets it to NAN: only a label */
    const char *label;
    const char *reason;
    const char *source; /* "app" (default) or "human" */
} lydite_score;

#if defined(__GNUC__)
#define LYDITE_NAN_ __builtin_nan("")
#else
#define LYDITE_NAN_ ((double)NAN)
#endif
#ifdef __cplusplus
#define LYDITE_SCORE_INIT                                                     \
    lydite_score                                                              \
    {                                                                         \
        sizeof(lydite_score), nullptr, LYDITE_NAN_, nullptr, nullptr, nullptr \
    }
#else
#define LYDITE_SCORE_INIT                                  \
    {                                                      \
        .size = sizeof(lydite_score), .value = LYDITE_NAN_ \
    }
#endif

/* Attaches a score to a span that is open (span), or to any by its ids as hexadecimal text (span NULL);
 * span_id NULL = the whole trace. Sent by the exporter; counted in lydite_stats.scores. */
LYDITE_API int lydite_score_add(lydite_tracer *tracer, const lydite_span *span,
                                const char *trace_id, const char *span_id,
                                const lydite_score *score);

/* ---- Across processes: W3C trace context and baggage ----------------------------------------- */

/* Calls `set` for each header to send: "traceparent", "tracestate", "baggage". */
typedef void (*lydite_inject_fn)(void *user, const char *name, const char *value);
LYDITE_API void lydite_inject(const lydite_span *span, lydite_inject_fn set, void *user);
/* The same with the names of environment variables: TRACEPARENT, TRACESTATE, BAGGAGE. set NULL =
 * setenv() of this process, which is not safe while other threads read the environment. */
LYDITE_API void lydite_inject_env(const lydite_span *span, lydite_inject_fn set, void *user);
/* "00-<trace>-<span>-<flags>" and a NUL, or "" when there is no span. */
LYDITE_API void lydite_traceparent(const lydite_span *span, char out[56]);

/* Extract: make a context, feed it every header you got (names in any case, others are ignored), and
 * start with lydite_start_options.context. An invalid traceparent, or none, starts a new
 * trace, without the tracestate beside it; baggage is kept all the same. */
LYDITE_API lydite_context *lydite_context_new(void);
LYDITE_API void lydite_context_free(lydite_context *context);
LYDITE_API void lydite_context_header(lydite_context *context, const char *name, const char *value);
/* TRACEPARENT, TRACESTATE, BAGGAGE of this process. (lydite_open does this by itself.) */
LYDITE_API void lydite_context_env(lydite_context *context);
/* Whether a valid traceparent came. */
LYDITE_API bool lydite_context_valid(const lydite_context *context);
/* What came, to pass on when this process makes no span of its own (tracing is off, say): the headers
 * of lydite_inject, or traceparent alone, which is "" when there is none. */
LYDITE_API void lydite_context_inject(const lydite_context *context, lydite_inject_fn set,
                                      void *user);
LYDITE_API void lydite_context_traceparent(const lydite_context *context, char out[56]);

/* Baggage: passed to spans started under this one and injected with them; never an attribute. value
 * NULL removes the key. LYDITE_E_INVALID past the limits of the specification (key not a token, more
 * than 64 entries or 8192 bytes). */
LYDITE_API int lydite_set_baggage(lydite_span *span, const char *name, const char *value);
/* Copies the decoded value into buf; LYDITE_E_NOTFOUND when there is none. */
LYDITE_API int lydite_get_baggage(const lydite_span *span, const char *name, char *buf,
                                  size_t size);

/* ---- For processors ------------------------------------------------------------------------- */

/* All that leaves the process with a span can be seen and changed here: its name, attributes (messages,
 * documents and the like show as the attributes that they will be), status message, and events, of which
 * an exception is one. Links carry no text but the attributes that you gave them. */

enum {
    LYDITE_VALUE_NONE = 0,
    LYDITE_VALUE_STRING,
    LYDITE_VALUE_BOOL,
    LYDITE_VALUE_INT,
    LYDITE_VALUE_DOUBLE,
    LYDITE_VALUE_OTHER /* array, map, bytes */
};

/* One attribute, borrowed until the next change of the record. */
typedef struct lydite_attribute {
    const char *key;
    size_t key_len;
    int kind; /* LYDITE_VALUE_* */
    const char *text;
    size_t text_len; /* STRING */
    int64_t number;  /* INT, and 0 or 1 for BOOL */
    double real;     /* DOUBLE */
} lydite_attribute;

LYDITE_API const char *lydite_record_name(const lydite_record *record);
LYDITE_API int lydite_record_type(const lydite_record *record);
LYDITE_API int64_t lydite_record_duration_ns(const lydite_record *record);
LYDITE_API size_t lydite_record_count(const lydite_record *record);
LYDITE_API bool lydite_record_at(const lydite_record *record, size_t i, lydite_attribute *ret);
LYDITE_API bool lydite_record_get(const lydite_record *record, const char *name,
                                  lydite_attribute *ret);
/* Copies key and value; 0 or LYDITE_E_NOMEM. */
LYDITE_API int lydite_record_set_str(lydite_record *record, const char *name, const char *value,
                                     size_t len);
LYDITE_API int lydite_record_set_int(lydite_record *record, const char *name, int64_t value);
LYDITE_API void lydite_record_remove(lydite_record *record, const char *name);
LYDITE_API int lydite_record_set_name(lydite_record *record, const char *name);
/* The message of the status (and of the exception event made of it); "" when there is none. */
LYDITE_API const char *lydite_record_message(const lydite_record *record);
LYDITE_API int lydite_record_set_message(lydite_record *record, const char *text);
/* Events count from 0 and keep their numbers when one is removed (it then has no attributes). */
LYDITE_API size_t lydite_record_events(const lydite_record *record);
LYDITE_API const char *lydite_record_event_name(const lydite_record *record, size_t event);
/* Attribute i of an event; false past the last. */
LYDITE_API bool lydite_record_event_at(const lydite_record *record, size_t event, size_t i,
                                       lydite_attribute *ret);
/* Replaces at its place, or adds; LYDITE_E_NOTFOUND past the last event. */
LYDITE_API int lydite_record_event_set_str(lydite_record *record, size_t event, const char *name,
                                           const char *value, size_t len);
LYDITE_API void lydite_record_event_remove(lydite_record *record, size_t event);

#ifdef __cplusplus
}
#endif
#endif
