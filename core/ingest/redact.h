/*
 * Redaction: removing secrets and personal data from spans and logs before anything else sees them.
 *
 * A set of rules is applied to every string of a record: span and event names, status messages,
 * attribute values at any depth, log bodies, resource and scope attributes; and inside strings that
 * hold JSON, to every string and number of that JSON, escapes decoded (so "\u0040" hides nothing),
 * JSON within JSON strings included. What matches becomes `[redacted:RULE]`. A value whose attribute
 * key or JSON member name says that it is a credential ("authorization", "x-api-key", "password", ...)
 * is replaced whole by `[redacted:credential]` (group secrets). Attribute keys, ids and times are never
 * touched.
 *
 * Fails closed: where a rule cannot be applied (a match ran into its limits, memory is out, nesting
 * is too deep), the whole string goes; where the record cannot be rewritten, the caller gets an error
 * and must not store it. An unknown field whose bytes match is dropped.
 *
 * A rule set is immutable after ly_redact_new and may be shared by threads; only its counters move,
 * atomically.
 */
#ifndef LY_INGEST_REDACT_H
#define LY_INGEST_REDACT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ly_redact ly_redact;

/* A rule of the user's. */
typedef struct ly_redact_rule {
    ly_str name;    /* shown in the mark: letters, digits, "-", "_", "."; at most 64 */
    ly_str pattern; /* PCRE2 */
} ly_redact_rule;

/*
 * groups: built-in groups by name, separated by commas: "secrets", "pii"; "none" or empty for none.
 * rules: the user's own, applied after the built-in ones. *ret_redact becomes NULL when nothing is to be
 * done. LY_E_INVALID names the group, rule or the place in the pattern.
 */
LY_MUST_USE ly_status ly_redact_new(ly_str groups, const ly_redact_rule *rules, size_t n_rules,
                                    ly_redact **ret_redact, ly_err *err);
void ly_redact_free(ly_redact *redact);

typedef enum ly_redact_kind {
    LY_REDACT_SPAN,
    LY_REDACT_LOG,
    LY_REDACT_RESOURCE,
    LY_REDACT_SCOPE
} ly_redact_kind;

/*
 * Rewrites one message, given as protobuf bytes, into `out` (appended). LY_OK when something was
 * replaced; LY_E_NOTFOUND, without text in err, when nothing matched (out is unchanged). Any other
 * status: the message must not be kept.
 */
LY_MUST_USE ly_status ly_redact_message(const ly_redact *redact, ly_redact_kind kind, ly_str wire,
                                        ly_buf *out, ly_err *err);
/* One string outside of a record (a quarantine reason, a score's comment). Same results. */
LY_MUST_USE ly_status ly_redact_text(const ly_redact *redact, ly_str text, ly_buf *out,
                                     ly_err *err);

/* Rules by index, built-in ones first, and how often each has marked a place. NULL past the end. */
const char *ly_redact_rule_name(const ly_redact *redact, size_t i);
uint64_t ly_redact_rule_count(const ly_redact *redact, size_t i);
/* Places marked by all rules. */
uint64_t ly_redact_total(const ly_redact *redact);

#endif
