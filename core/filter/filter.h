/*
 * The one filter grammar: what a user types after `lydite trace list`, in the viewer's `f` line and
 * in a data-set selection, parsed into a tree. Pure: no I/O, no store, no clock of its own.
 *
 *     filter  = term { term }                       terms are ANDed
 *     term    = alt { "|" alt }                     alternatives are ORed
 *     alt     = "!" alt | "(" filter ")" | "root:" alt | "~" regex | key-term | word
 *     key-term= key ":" value | key cmp value       cmp: = != < <= > >=
 *     value   = bare text up to space, "|" or ")"; or "quoted" with \" and \\
 *
 * - A bare word is a substring of span name, service, model, tool, agent or status message, or a
 *   prefix of a trace or span id; letters match either case unless the word has a capital: é finds É
 *   (base/fold.h), and text: is asked likewise.
 * - key:value is equality (either case for type, status, origin and provider); a trailing * makes it
 *   a prefix; * alone means "is there". After "|" a bare word keeps the key before it:
 *   type:tool|agent.
 * - Numbers take units: dur>1.5s self>100ms ttft<800ms age<1h tokens>10k cost>0.05 (US dollars).
 * - attr.KEY:value, score.NAME<0.5 and prompt:NAME@VERSION carry a name in their key or value.
 * - A..B is a range, A included and B not: dur:1s..5s. A day, month or year at the end of a range of
 *   times is included: time:2026-11-20..2026-11-21 are two days. A time is what
 *   base/times.h reads: a date, a date with a clock time, a duration before now, a day, week, month or
 *   year: since:2h until:2026-11-21T12:00Z time:yesterday time:2026-11 since:last-week. Days are UTC.
 * - filter:NAME stands for a saved filter and is expanded while parsing.
 *
 * What it means. A filter is a predicate over one span. In a list of traces, a trace matches when
 * some span matches the whole predicate; "!" then means that no span of the trace matches what
 * follows; "root:" restricts what follows to the root span. tokens and cost are those of the span's
 * own record, and for the root span those of the whole trace. A comparison with an unknown value is
 * false, so its negation is true.
 *
 * Reading order: ly_filter_parse, ly_filter_root, then either ly_filter_match (in memory) or
 * store/search.c (SQL). To add a key: one row in LY_FILTER_FIELDS, one case in match.c and one in
 * store/search.c; the parser, the error texts and the help read the table (core/filter/README.md).
 */
#ifndef LY_FILTER_FILTER_H
#define LY_FILTER_FILTER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

/* What a field's value is, and in which member of a node it ends up. */
typedef enum ly_filter_value {
    LY_FVAL_TEXT,     /* text, fold, op EQ | PREFIX | EXISTS | CONTAINS */
    LY_FVAL_ID,       /* text: lower-case hex, op PREFIX */
    LY_FVAL_NAME,     /* text: one of a fixed list, checked by the parser; op EQ */
    LY_FVAL_DURATION, /* number: nanoseconds */
    LY_FVAL_COUNT,    /* number */
    LY_FVAL_MONEY,    /* number: pico-dollars */
    LY_FVAL_TIME,     /* number: nanoseconds since 1970; op GE or LT */
    LY_FVAL_SCORE,    /* key: score name; real; or op EXISTS; or text (a label) with op EQ */
    LY_FVAL_ATTR,     /* key: attribute key; text; with is_number also real */
    LY_FVAL_REGEX     /* text: the pattern, PCRE2 syntax; not compiled here */
} ly_filter_value;

/* id, word in a filter, value, what it is (help and error texts) */
#define LY_FILTER_FIELDS(X)                                                                   \
    X(LY_FLD_WORD, "", LY_FVAL_TEXT, "substring of name, service, model, tool, status or id") \
    X(LY_FLD_TYPE, "type", LY_FVAL_NAME, "span type: agent generation tool retrieval ...")    \
    X(LY_FLD_STATUS, "status", LY_FVAL_NAME, "error ok unset pending lost")                   \
    X(LY_FLD_ORIGIN, "origin", LY_FVAL_NAME, "app eval judge any")                            \
    X(LY_FLD_NAME, "name", LY_FVAL_TEXT, "span name")                                         \
    X(LY_FLD_SERVICE, "service", LY_FVAL_TEXT, "service.name")                                \
    X(LY_FLD_PROVIDER, "provider", LY_FVAL_TEXT, "openai anthropic ...")                      \
    X(LY_FLD_MODEL, "model", LY_FVAL_TEXT, "response or request model")                       \
    X(LY_FLD_TOOL, "tool", LY_FVAL_TEXT, "tool name")                                         \
    X(LY_FLD_AGENT, "agent", LY_FVAL_TEXT, "agent name")                                      \
    X(LY_FLD_SESSION, "session", LY_FVAL_TEXT, "session id")                                  \
    X(LY_FLD_USER, "user", LY_FVAL_TEXT, "user id")                                           \
    X(LY_FLD_ENV, "env", LY_FVAL_TEXT, "deployment environment")                              \
    X(LY_FLD_RELEASE, "release", LY_FVAL_TEXT, "service.version")                             \
    X(LY_FLD_TAG, "tag", LY_FVAL_TEXT, "a tag of the trace")                                  \
    X(LY_FLD_PROMPT, "prompt", LY_FVAL_TEXT, "prompt name, or name@version")                  \
    X(LY_FLD_DIALECT, "dialect", LY_FVAL_TEXT, "conventions that the span spoke")             \
    X(LY_FLD_TRACE, "trace", LY_FVAL_ID, "trace id or its first digits")                      \
    X(LY_FLD_SPAN, "span", LY_FVAL_ID, "span id or its first digits")                         \
    X(LY_FLD_DUR, "dur", LY_FVAL_DURATION, "duration: dur>2s")                                \
    X(LY_FLD_SELF, "self", LY_FVAL_DURATION, "duration outside of children: self>100ms")      \
    X(LY_FLD_TTFT, "ttft", LY_FVAL_DURATION, "time to first token: ttft>800ms")               \
    X(LY_FLD_TOKENS, "tokens", LY_FVAL_COUNT, "tokens in and out: tokens>10k")                \
    X(LY_FLD_COST, "cost", LY_FVAL_MONEY, "US dollars: cost>0.05")                            \
    X(LY_FLD_ERR, "err", LY_FVAL_COUNT, "failed spans of the trace: err>0")                   \
    X(LY_FLD_SPANS, "spans", LY_FVAL_COUNT, "spans of the trace: spans>100")                  \
    X(LY_FLD_LOOP, "loop", LY_FVAL_COUNT, "equal calls in a row: loop>2")                     \
    X(LY_FLD_AGE, "age", LY_FVAL_DURATION, "time since the start: age<1h")                    \
    X(LY_FLD_TIME, "time", LY_FVAL_TIME, "start time: time:2026-11-20..2026-11-21")           \
    X(LY_FLD_SCORE, "score", LY_FVAL_SCORE, "score by name: score.helpfulness<0.5")           \
    X(LY_FLD_ATTR, "attr", LY_FVAL_ATTR, "attribute by key: attr.http.method:GET")            \
    X(LY_FLD_TEXT, "text", LY_FVAL_TEXT, "words of messages: text:\"refund order\"")          \
    X(LY_FLD_NAME_RE, "~", LY_FVAL_REGEX, "regular expression on the span name")

typedef enum ly_filter_field {
#define LY_FILTER_FIELD_ENUM(id, word, value, help) id,
    LY_FILTER_FIELDS(LY_FILTER_FIELD_ENUM)
#undef LY_FILTER_FIELD_ENUM
        LY_FLD__COUNT
} ly_filter_field;

typedef enum ly_filter_op {
    LY_FOP_EQ,
    LY_FOP_NE,
    LY_FOP_LT,
    LY_FOP_LE,
    LY_FOP_GT,
    LY_FOP_GE,
    LY_FOP_PREFIX,   /* text fields, ids */
    LY_FOP_CONTAINS, /* words, text: */
    LY_FOP_EXISTS
} ly_filter_op;

typedef enum ly_filter_kind {
    LY_FILTER_ALL, /* the empty filter: matches everything */
    LY_FILTER_AND,
    LY_FILTER_OR,
    LY_FILTER_NOT,
    LY_FILTER_ROOT, /* its child is asked of the root span */
    LY_FILTER_TERM
} ly_filter_kind;

typedef struct ly_filter_node ly_filter_node;
struct ly_filter_node {
    ly_filter_kind kind;
    const ly_filter_node *const *kids; /* AND, OR: 2 or more; NOT, ROOT: 1 */
    size_t n_kids;
    /* terms only */
    ly_filter_field field;
    ly_filter_op op;
    ly_str key;     /* SCORE, ATTR: the name; PROMPT: the version, empty = any */
    ly_str text;    /* the value; names are lower-cased */
    int64_t number; /* DURATION, COUNT, MONEY, TIME (age is turned into TIME by the parser) */
    double real;    /* SCORE, and ATTR with is_number */
    bool is_number; /* ATTR, SCORE: the value is a number */
    bool fold;      /* TEXT: letters match either case */
    /* where the node stands in the source, in bytes; of an expanded filter:NAME the place of that term */
    size_t at, len;
};

typedef struct ly_filter ly_filter;

/* Text of a saved filter, or LY_STR_NONE when there is none. Borrowed until the parse returns. */
typedef ly_str (*ly_filter_lookup)(void *user, ly_str name);

typedef struct ly_filter_opts {
    int64_t now_ns;          /* for age and relative times; 0 = ly_wall_ns() */
    ly_filter_lookup lookup; /* filter:NAME; NULL = such terms are an error */
    void *user;
} ly_filter_opts;

/* Why and where a text is not a filter: for the caret line. */
typedef struct ly_filter_error {
    size_t at;          /* byte of the source; at most its length */
    char what[160];     /* "no key \"modle\"" */
    char expected[240]; /* "model, tool, ..."; may be empty */
} ly_filter_error;

/*
 * Parses up to LY_MAX_FILTER_BYTES, nested at most LY_MAX_FILTER_DEPTH deep. An empty or blank text
 * is the filter that matches all. The filter owns copies of everything; free with ly_filter_free.
 * On failure: LY_E_INVALID, *ret_filter untouched, err holds one line ("filter column 7: no key
 * \"modle\"; expected ..."), and *ret_error (may be NULL) the pieces of it. Thread-safe.
 */
LY_MUST_USE ly_status ly_filter_parse(ly_str text, const ly_filter_opts *opts,
                                      ly_filter **ret_filter, ly_filter_error *ret_error,
                                      ly_err *err);
void ly_filter_free(ly_filter *filter);

/* Three lines for a person: the filter, a caret under the place, what was expected. `text` is cleaned and
 * a long one is cut around the place. flags as in ly_term_clean (LY_TERM_ASCII). */
void ly_filter_caret(ly_str text, const ly_filter_error *error, unsigned flags, ly_buf *out);

/* The tree; never NULL for a filter that was parsed. Borrowed. NULL in gives a node of kind ALL. */
const ly_filter_node *ly_filter_root(const ly_filter *filter);
/* The tree as text: parsed again it gives the same tree (at most LY_MAX_FILTER_BYTES of it). Relative
 * times stand as the moments they were, saved filters as what they stood for. */
void ly_filter_print(const ly_filter_node *root, ly_buf *out);
/* The text as it was given. */
ly_str ly_filter_text(const ly_filter *filter);
/* True when some term uses the field (a list adds "origin:app" unless one does). */
bool ly_filter_uses(const ly_filter *filter, ly_filter_field field);

/* Name of a field as it is typed, its help line, and the table's value class. */
const char *ly_filter_field_name(ly_filter_field field);
const char *ly_filter_field_help(ly_filter_field field);
ly_filter_value ly_filter_field_value(ly_filter_field field);

/* One span as the matcher sees it: views and numbers, LY_FILTER_UNKNOWN where nothing is known. */
#define LY_FILTER_UNKNOWN INT64_MIN

typedef struct ly_filter_subject {
    ly_str name, service, provider, model, request_model, tool, agent, session, user, env, release;
    ly_str prompt_name, prompt_version, dialect, status_message;
    ly_str type, status,
        origin;               /* lower-case words; status "error" "ok" "unset" "pending" "lost" */
    ly_str trace_id, span_id; /* lower-case hex */
    const ly_str *tags;
    size_t n_tags;
    bool is_root;
    int64_t start_ns, dur_ns, self_ns, ttft_ns, tokens, cost_pico;
    int64_t trace_tokens, trace_cost_pico, trace_errors, trace_spans, loop;
    /* Asked only for such terms; each may be NULL (then the term does not match). `attr` and `score`
     * call back once per value found and return; text: true when some message holds the words. */
    bool (*attr)(void *context, const ly_filter_node *term);
    bool (*score)(void *context, const ly_filter_node *term);
    bool (*text)(void *context, const ly_filter_node *term);
    bool (*regex)(void *context, ly_str pattern, ly_str subject);
    void *context; /* handed to the callbacks */
} ly_filter_subject;

/* Does this one span match? ROOT children match only when is_root. NULL filter = true. */
bool ly_filter_match(const ly_filter *filter, const ly_filter_subject *subject);
/* Helpers for the callbacks: does a text or a number satisfy a TEXT, ATTR or SCORE term? */
bool ly_filter_text_ok(const ly_filter_node *term, ly_str value);
bool ly_filter_real_ok(const ly_filter_node *term, double value);
/* A text: term over words that may be JSON: they match as they stand or with JSON's escapes (\n, \",
 * \u00e9) taken back, up to four levels of them. Empty text matches nothing. */
bool ly_filter_words_in(const ly_filter_node *term, ly_str text);

#endif
