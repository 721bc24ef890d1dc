/* PCRE2 behind limits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <pcre2.h>

#include "base/limits.h"
#include "base/mem.h"

struct ly_regex {
    pcre2_code *code;
    pcre2_match_context *limits; /* only read while matching */
    uint32_t groups;
};

static ly_status bad_pattern(int code, size_t at, ly_err *err)
{
    char why[256];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return LY_FAIL(err, LY_E_INVALID, "regular expression is wrong at character %zu: %s", at + 1,
                   why);
}

static uint32_t options(unsigned flags)
{
    uint32_t bits = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    bits |= flags & LY_REGEX_NOCASE ? PCRE2_CASELESS : 0;
    bits |= flags & LY_REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    if (flags & LY_REGEX_LITERAL) {
        return bits | PCRE2_LITERAL;
    }
    bits |= flags & LY_REGEX_MULTILINE ? PCRE2_MULTILINE : 0;
    bits |= flags & LY_REGEX_DOTALL ? PCRE2_DOTALL : 0;
    return bits;
}

ly_status ly_regex_new(ly_str pattern, unsigned flags, ly_regex **ret_regex, ly_err *err)
{
    int code;
    PCRE2_SIZE at;
    if (pattern.len > LY_MAX_REGEX_PATTERN_BYTES) {
        return LY_FAIL(err, LY_E_LIMIT, "regular expression of %zu bytes: at most %zu", pattern.len,
                       LY_MAX_REGEX_PATTERN_BYTES);
    }
    ly_regex *regex = ly_calloc(1, sizeof *regex);
    if (!regex) {
        return LY_NOMEM(err);
    }
    uint32_t bits = options(flags);
    if (flags & LY_REGEX_LITERAL) {
        /* LITERAL takes no other option than these. */
        bits &= PCRE2_UTF | PCRE2_CASELESS | PCRE2_LITERAL | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                PCRE2_MATCH_INVALID_UTF;
    }
    regex->code = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len, bits,
                                &code, &at, NULL);
    if (!regex->code) {
        ly_free(regex);
        return bad_pattern(code, at, err);
    }
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->limits) {
        ly_regex_free(regex);
        return LY_NOMEM(err);
    }
    pcre2_set_match_limit(regex->limits, LY_MAX_REGEX_STEPS);
    pcre2_set_depth_limit(regex->limits, LY_MAX_REGEX_STEPS);
    pcre2_set_heap_limit(regex->limits, LY_MAX_REGEX_HEAP_KIB);
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
    /* Without a JIT (a hardened kernel, another processor) the interpreter matches the same. */
    (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    *ret_regex = regex;
    return LY_OK;
}

void ly_regex_free(ly_regex *regex)
{
    if (regex) {
        pcre2_match_context_free(regex->limits);
        pcre2_code_free(regex->code);
        ly_free(regex);
    }
}

size_t ly_regex_groups(const ly_regex *regex)
{
    return regex->groups;
}

size_t ly_regex_group_named(const ly_regex *regex, const char *name)
{
    int number = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)name);
    return number > 0 ? (size_t)number : 0;
}

static ly_status match_failed(int rc, ly_err *err)
{
    switch (rc) {
    case PCRE2_ERROR_NOMEMORY:
        return LY_NOMEM(err);
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_JIT_STACKLIMIT:
        return LY_FAIL(err, LY_E_LIMIT,
                       "regular expression gave up: it backtracks too much on this text");
    default:
        return LY_FAIL(err, LY_E_INTERNAL, "regular expression failed with code %d", rc);
    }
}

static ly_status find(const ly_regex *regex, pcre2_match_data *data, ly_str subject, size_t from,
                      ly_err *err)
{
    if (from > subject.len) {
        return LY_E_NOTFOUND;
    }
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.ptr ? subject.ptr : "");
    int rc = pcre2_match(regex->code, text, subject.len, from, 0, data, regex->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        /* The JIT's own small stack: the interpreter has the heap limit instead. */
        rc = pcre2_match(regex->code, text, subject.len, from, PCRE2_NO_JIT, data, regex->limits);
    }
    if (rc == PCRE2_ERROR_NOMATCH) {
        return LY_E_NOTFOUND;
    }
    return rc < 0 ? match_failed(rc, err) : LY_OK;
}

ly_status ly_regex_find(const ly_regex *regex, ly_str subject, size_t from, ly_regex_group *groups,
                        size_t room, ly_err *err)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->code, NULL);
    if (!data) {
        return LY_NOMEM(err);
    }
    ly_status status = find(regex, data, subject, from, err);
    if (status == LY_OK) {
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
        for (size_t i = 0; i < room; i++) {
            bool set = i <= regex->groups && v[2 * i] != PCRE2_UNSET;
            groups[i] = set ? (ly_regex_group){v[2 * i], v[2 * i + 1]}
                            : (ly_regex_group){SIZE_MAX, SIZE_MAX};
        }
    }
    pcre2_match_data_free(data);
    return status;
}

/* The start of the next character, for an empty match. */
static size_t step(ly_str s, size_t at)
{
    at++;
    while (at < s.len && ((unsigned char)s.ptr[at] & 0xC0) == 0x80) {
        at++;
    }
    return at;
}

ly_status ly_regex_replace(const ly_regex *regex, ly_str subject, ly_str with, ly_buf *out,
                           size_t *ret_n, ly_err *err)
{
    size_t start = out->len, n = 0, copied = 0, at = 0;
    ly_status status;
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->code, NULL);
    if (!data) {
        return LY_NOMEM(err);
    }
    while ((status = find(regex, data, subject, at, err)) == LY_OK) {
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
        size_t from = v[0] < copied ? copied : v[0]; /* \K may start a match before the last */
        size_t to = v[1] < from ? from : v[1];
        ly_buf_add(out, subject.ptr + copied, from - copied);
        ly_buf_str(out, with);
        copied = to;
        n++;
        at = to > from ? to : step(subject, to);
    }
    pcre2_match_data_free(data);
    if (status != LY_E_NOTFOUND) {
        ly_buf_cut(out, start);
        return status;
    }
    if (copied < subject.len) {
        ly_buf_add(out, subject.ptr + copied, subject.len - copied);
    }
    status = ly_buf_status(out, "replaced text", err);
    if (status == LY_OK) {
        *ret_n = n;
    }
    return status;
}
