/* exceptions.def as a table: where a recorded client sent something else than was true. Tests only. */
#ifndef LY_TESTS_GENAI_EXCEPTIONS_H
#define LY_TESTS_GENAI_EXCEPTIONS_H

#include "base/str.h"

typedef struct exception_row {
    const char *scenario; /* "lib/scene", one star for anything; by prefix and suffix around '*' */
    const char *what;
    long long sent; /* what the client did send */
    const char *why;
} exception_row;

static const exception_row exceptions[] = {
#define CLIENT_ERROR(scenario, what, sent, why) {scenario, what, sent, why},
#include "genai/exceptions.def"
#undef CLIENT_ERROR
};

static inline bool exception_fits(const char *pattern, ly_str s)
{
    const ly_str p = ly_str_c(pattern);
    const size_t star = ly_str_find_char(p, '*', 0);
    if (star == SIZE_MAX)
        return ly_str_eq(p, s);
    const ly_str head = ly_str_sub(p, 0, star), tail = ly_str_sub(p, star + 1, p.len);
    return s.len >= head.len + tail.len && ly_str_starts(s, head) && ly_str_ends(s, tail);
}

/* The row that excuses this difference, or -1. */
static inline int exception_of(ly_str scenario, const char *what, long long got)
{
    for (size_t i = 0; i < LY_COUNT(exceptions); i++) {
        if (strcmp(exceptions[i].what, what) == 0 &&
            exception_fits(exceptions[i].scenario, scenario) && exceptions[i].sent == got)
            return (int)i;
    }
    return -1;
}

#endif
