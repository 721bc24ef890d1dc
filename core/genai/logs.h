/*
 * What a log record means for the spans (§4.6): content for a call, usage for a span that has none, a
 * cost, a score, or a call of which no span ever came.
 *
 * Spans are the authority. A log that describes a call belongs to the span of that call; when there
 * is none, it becomes a synthetic leaf: a node of the tree with LY_NODE_SYNTHETIC, and no record of
 * its own. Which span it belongs to is found by keys that both sides give:
 *
 *     keys of the log (ly_genai_log_keys)  ∩  keys of the span (ly_genai_span_keys)  ≠ ∅
 *     and ly_genai_same_call(log, span's node) says yes      → enrich the span, no leaf
 *     two logs with a common key and no span                 → one leaf, of the lower rank
 *     nothing in common with any span                        → a leaf
 *
 * Either side may come first, so both sides' keys are kept until they meet. Pure functions.
 */
#ifndef LY_GENAI_LOGS_H
#define LY_GENAI_LOGS_H

#include "base/err.h"
#include "genai/canon.h"
#include "genai/tree.h"
#include "otlp/model.h"

typedef enum ly_log_kind {
    LY_LOG_PLAIN = 0, /* none of ours */
    LY_LOG_CALL,      /* a model call: usage, cost, perhaps messages */
    LY_LOG_MESSAGE,   /* a message or prompt or answer of the span it names */
    LY_LOG_TOOL,      /* a tool's input and result */
    LY_LOG_SCORE,     /* gen_ai.evaluation.result */
    LY_LOG_EXCEPTION, /* an exception or API error of the span it names */
    LY_LOG_EVENT,     /* another GenAI event: shown with its trace, nothing more */
} ly_log_kind;

typedef struct ly_log_info {
    ly_log_kind kind;
    ly_str event; /* full name: "claude_code.api_request"; empty for plain logs */
    uint8_t rank; /* of events that describe one call, the lowest has the say */
    ly_canon
        canon; /* as a span with these attributes would have: model, tokens, cost, session, ... */
    bool has_usage;           /* canon.tokens are known */
    int64_t start_ns, end_ns; /* end: when it was logged; start: that minus its duration */

    /* LY_LOG_SCORE */
    ly_str score_name, score_label, score_reason, score_error;
    double score_value;
    bool has_score_value;
    ly_str score_target; /* response id of the scored call, where no span is named */

    /* Where a synthetic leaf belongs; only when kind is CALL and has_usage or canon.error */
    bool makes_leaf;
    ly_trace_id leaf_trace; /* the log's, or made of session and prompt */
    ly_span_id leaf_span;   /* stable: the same event gives the same id */
    ly_span_id leaf_parent; /* the span that the log names, else zero */
    ly_str leaf_name;       /* "chat gpt-4o" */
} ly_log_info;

/* Reads one record. Views live as long as the log and the arena. Cannot fail on content; LY_E_NOMEM as
 * ly_genai_normalise. */
ly_status ly_genai_log(const ly_log_record *log, ly_arena *arena, ly_log_info *ret);

#define LY_JOIN_KEYS 3

/* Non-zero 64-bit keys by which a call is known: its span, its response or request id, its session with model
 * and counts. They may be stored. Return how many (0 … LY_JOIN_KEYS). */
size_t ly_genai_log_keys(const ly_log_record *log, const ly_log_info *info,
                         uint64_t ret_keys[LY_JOIN_KEYS]);
size_t ly_genai_span_keys(const ly_span *span, const ly_canon *canon,
                          uint64_t ret_keys[LY_JOIN_KEYS]);

/* Whether log records of this span's client may name no trace, so that the two have to be looked for across
 * traces. */
bool ly_genai_logs_apart(const ly_canon *canon);

/* Given a common key: does the log describe this span's call? False for an agent or tool span that is only
 * where the log was written, for other models, and for calls more than a minute apart. */
bool ly_genai_same_call(const ly_log_info *log, const ly_tree_node *span);

/* Adds to *canon what the span did not say: usage when it has none (LY_USAGE_FROM_LOG), buckets it left out
 * when the counts agree, the cost, finish reason, time to first token, response model and id, session, user,
 * error. Never changes what the span said. true when anything changed. */
bool ly_genai_enrich(ly_canon *canon, const ly_log_info *log);

#endif
