/*
 * Regular expressions (PCRE2, UTF-8) that cannot be made to run for ever: match steps, backtracking
 * depth and heap are limited, and a match that hits a limit is an error of its own, not "no match".
 * Subjects need not be valid UTF-8; invalid bytes match nothing. A compiled expression may be used by
 * several threads at once.
 */
#ifndef LY_TEXT_REGEX_H
#define LY_TEXT_REGEX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ly_regex ly_regex;

enum {
    LY_REGEX_NOCASE = 1,
    LY_REGEX_MULTILINE = 2, /* ^ and $ at line breaks */
    LY_REGEX_DOTALL = 4,    /* . takes line breaks */
    LY_REGEX_LITERAL = 8,   /* the pattern is plain text */
    LY_REGEX_WHOLE = 16     /* must match the whole subject */
};

typedef struct ly_regex_group {
    size_t from, to; /* byte offsets; from == SIZE_MAX when the group took no part */
} ly_regex_group;

/* LY_E_INVALID names the place in the pattern and PCRE2's reason. Patterns over 64 KiB are refused. */
LY_MUST_USE ly_status ly_regex_new(ly_str pattern, unsigned flags, ly_regex **ret_regex,
                                   ly_err *err);
void ly_regex_free(ly_regex *regex);
/* Number of capture groups, the whole match not counted. */
size_t ly_regex_groups(const ly_regex *regex);
/* Number of the named group, 0 when there is none. */
size_t ly_regex_group_named(const ly_regex *regex, const char *name);

/*
 * Looks for the first match at or after `from`. LY_OK and the groups (0 is the whole match; at most
 * `room` are written); LY_E_NOTFOUND without text in err; LY_E_LIMIT "gave up"; LY_E_NOMEM.
 * groups may be NULL with room 0.
 */
LY_MUST_USE ly_status ly_regex_find(const ly_regex *regex, ly_str subject, size_t from,
                                    ly_regex_group *groups, size_t room, ly_err *err);

/* Appends subject with each match replaced by the literal text `with`; *ret_n = how many. On an error
 * `out` is as it was. */
LY_MUST_USE ly_status ly_regex_replace(const ly_regex *regex, ly_str subject, ly_str with,
                                       ly_buf *out, size_t *ret_n, ly_err *err);

#endif
