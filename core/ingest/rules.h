/* Inside the ingest room: the built-in redaction rules as a table, and how a rule is held. */
#ifndef LY_INGEST_RULES_H
#define LY_INGEST_RULES_H

#include "base/str.h"

#define LY_RULE_NEEDLES 6

/* A built-in rule. A string is searched with the expression only when it holds one of the needles,
 * which are plain bytes that every match contains (none = always search). */
typedef struct ly_builtin_rule {
    const char *group; /* "secrets", "pii" */
    const char *name;
    const char *pattern;
    const char *needles[LY_RULE_NEEDLES];
    /* How many bytes of a match are one indeed (check digits): 0 = none, it is left alone. NULL = all. */
    size_t (*confirm)(ly_str match);
} ly_builtin_rule;

extern const ly_builtin_rule ly_builtin_rules[];
extern const size_t ly_builtin_rules_n;

/* What a key (attribute key, JSON member, header) says of its value. The last word counts:
 * "http.request.header.authorization", "apiKey", "X-API-KEY", "db.password". */
typedef enum ly_redact_force {
    LY_FORCE_NOT,
    LY_FORCE_IF_SECRET, /* a credential if it looks like one: "token" */
    LY_FORCE_ALL        /* a credential */
} ly_redact_force;
ly_redact_force ly_redact_key_force(ly_str key);
/* One word of 16 bytes or more with letters and digits. */
bool ly_redact_looks_secret(ly_str text);

#endif
