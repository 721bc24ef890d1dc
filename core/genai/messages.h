/*
 * What was said: messages, tool definitions, retrieval and tool content of a span in one shape, and
 * the byte ranges of its content.
 *
 * ly_genai_messages is for reading one span (viewer, judges, export of messages, full-text search):
 * it parses. ly_genai_content_ranges is for storing every span: it only finds where the separable
 * pieces of content lie in the span's bytes, so that a piece that was seen before is stored once.
 * Both are pure and safe in any thread.
 */
#ifndef LY_GENAI_MESSAGES_H
#define LY_GENAI_MESSAGES_H

#include "base/err.h"
#include "otlp/model.h"

typedef enum ly_part_kind {
    LY_PART_TEXT,
    LY_PART_REASONING,   /* the model's thinking */
    LY_PART_TOOL_CALL,   /* the model asks for a tool */
    LY_PART_TOOL_RESULT, /* what the tool said */
    LY_PART_MEDIA,       /* image, audio, video, document: inline or by reference */
    LY_PART_OTHER        /* any other part; `raw` has it whole */
} ly_part_kind;

const char *ly_part_kind_name(ly_part_kind kind); /* "text", "reasoning", "tool_call", ... */

typedef struct ly_part {
    ly_part_kind kind;
    ly_str text;      /* text and reasoning: the words. Tool result: the result, JSON or plain text.
                         Media: URI, file id or "inline" data in base64. Unescaped. */
    ly_str tool_name; /* call; result where known */
    ly_str tool_id;
    ly_str arguments; /* call: JSON text */
    ly_str modality;  /* media: image, audio, video, document, or empty */
    ly_str mime;      /* media */
    ly_str raw;       /* the part as it stood, JSON text where it was JSON; may be empty */
} ly_part;

typedef struct ly_message {
    ly_str role; /* system, developer, user, assistant, tool, or as given */
    ly_str name; /* of the speaker; usually empty */
    const ly_part *parts;
    size_t n_parts;
    ly_str finish_reason; /* canonical; output messages only, usually empty */
} ly_message;

typedef struct ly_tool_def {
    ly_str name, description;
    ly_str parameters; /* JSON schema as text */
    ly_str raw;
} ly_tool_def;

typedef struct ly_document {
    ly_str id, content, metadata; /* metadata: JSON text */
    double score;
    bool has_score;
} ly_document;

typedef struct ly_messages {
    const ly_message *system; /* 0 or 1, role "system": instructions given beside the messages */
    size_t n_system;
    const ly_message *input;
    size_t n_input;
    const ly_message *output;
    size_t n_output;
    const ly_tool_def *tools;
    size_t n_tools;
    ly_str query; /* retrieval, rerank, memory search */
    const ly_document *documents;
    size_t n_documents;
    ly_str tool_arguments, tool_result; /* tool spans: JSON or plain text */
    bool truncated;                     /* a limit was reached and the rest left out */
    bool withheld;                      /* the client marked content as redacted or switched off */
} ly_messages;

/*
 * The content of a span in canonical form. `logs` are log records that belong to the span (message
 * events, operation details; order does not matter, they are sorted by time) and may be NULL.
 * Sources are tried in the order of §3.5; the first that gives any message of a direction wins.
 * Views live as long as the span, the logs and the arena. An input that cannot be parsed as any known
 * shape is given as one text part, never dropped. LY_E_NOMEM: *ret holds what was read until then.
 */
ly_status ly_genai_messages(const ly_span *span, const ly_log_record *const *logs, size_t n_logs,
                            ly_arena *arena, ly_messages *ret);

/* Why a span of a type that should have messages has none, as one line of English with the remedy, or
 * NULL when it has some or needs none. Static string. */
const char *ly_genai_why_no_content(const ly_span *span);

/* A piece of content inside `wire` (of a span or a log record). */
typedef struct ly_range {
    uint32_t offset; /* from wire.ptr */
    uint32_t len;
} ly_range;

/* Pieces shorter than this are not worth a reference. */
#define LY_CONTENT_MIN 96

/*
 * Finds the pieces of content in a span: of a string that holds JSON, each element of an array (one
 * message, one tool definition, one document) or its long parts where those make up most of it; of
 * any other string, the whole. Names of attributes do not matter, so every dialect profits. Ranges are
 * sorted, disjoint, at least LY_CONTENT_MIN long, inside span->wire, and begin and end at byte
 * positions of a string value, never across two. The array is in the arena; 0 ranges is usual for
 * small spans. Only strings whose view lies inside `wire` are looked at (a JSON request's spans have
 * their `wire` written anew: decode it again to get views into it).
 * Under 0.5 ns a byte. Fails only with LY_E_NOMEM.
 */
ly_status ly_genai_content_ranges(const ly_span *span, ly_arena *arena, const ly_range **ret_ranges,
                                  size_t *ret_n);
/* The same for the body and attributes of a log record. */
ly_status ly_genai_log_content_ranges(const ly_log_record *log, ly_arena *arena,
                                      const ly_range **ret_ranges, size_t *ret_n);

#endif
