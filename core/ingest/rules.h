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

/* Does a key (attribute key, JSON member, header) say that its value is a credential? The last word
 * counts: "http.request.header.authorization", "apiKey", "X-API-KEY", "db.password". */
bool ly_redact_key_is_credential(ly_str key);

/* The longest prefix that is a card number by Luhn's check: 13 to 19 digits, spaces and hyphens between
 * them allowed. 0 = none. */
size_t ly_redact_luhn(ly_str text);
/* The longest prefix that is an IBAN by the check of ISO 13616, spaces allowed. 0 = none. */
size_t ly_redact_iban(ly_str text);

#endif
