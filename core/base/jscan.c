/*
 * The JSON scanner of jscan.h: a state machine over the bytes, with one bit a level to know whether
 * the innermost container is an object.
 */
#include "base/jscan.h"

#include "base/utf8.h"

enum {
    AT_VALUE,     /* a value must follow (document start, after ',' in an array, after ':') */
    AT_ELEMENT,   /* just after '[': a value or ']' */
    AT_FIRST_KEY, /* just after '{': a key or '}' */
    AT_KEY,       /* after ',' in an object */
    AFTER_VALUE,  /* ',' or the end of the container; the end of text at depth 0 */
    FAILED
};

#define ONES  0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

void ly_jscan_init(ly_jscan *scan, ly_str text, unsigned max_depth)
{
    const char *ptr = text.ptr ? text.ptr : "";
    if (text.len >= 3 && memcmp(ptr, "\xEF\xBB\xBF", 3) == 0) {
        ptr += 3;
        text.len -= 3;
    }
    scan->start = ptr;
    scan->at = ptr;
    scan->from = ptr;
    scan->end = ptr + text.len;
    scan->text = LY_STR_NONE;
    scan->escaped = false;
    scan->not_ascii = false;
    scan->integer = false;
    scan->failed = LY_OK;
    scan->why = "";
    scan->depth = 0;
    scan->max_depth = max_depth < LY_JSCAN_MAX_DEPTH ? max_depth : LY_JSCAN_MAX_DEPTH;
    scan->state = AT_VALUE;
    scan->last = LY_J_END;
}

static ly_jtoken fail(ly_jscan *scan, ly_status status, const char *why)
{
    scan->failed = status;
    scan->why = why;
    scan->state = FAILED;
    scan->last = LY_J_ERROR;
    return LY_J_ERROR;
}

static ly_jtoken fail_here(ly_jscan *scan, const char *why)
{
    return fail(scan, LY_E_FORMAT, scan->at < scan->end ? why : "the text ends too early");
}

static inline void skip_space(ly_jscan *scan)
{
    const char *at = scan->at;
    while (at < scan->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    scan->at = at;
}

static bool in_object(const ly_jscan *scan)
{
    unsigned level = scan->depth - 1;
    return scan->kinds[level / 64] >> (level % 64) & 1;
}

static bool push(ly_jscan *scan, bool object)
{
    if (scan->depth >= scan->max_depth) {
        fail(scan, LY_E_LIMIT, "nested too deep");
        return false;
    }
    uint64_t bit = 1ULL << (scan->depth % 64);
    uint64_t *word = &scan->kinds[scan->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    scan->depth++;
    return true;
}

static ly_jtoken pop(ly_jscan *scan, ly_jtoken token)
{
    scan->from = scan->at++;
    scan->depth--;
    scan->state = AFTER_VALUE;
    return scan->last = token;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The length of the escape at p (p[0] is the backslash), 0 when it is none. */
static size_t escape_len(const char *p, const char *end)
{
    if (end - p < 2) {
        return 0;
    }
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        return end - p >= 6 && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]) ? 6 : 0;
    default:
        return 0;
    }
}

/* The first byte in [p, end) that is a quote, a backslash or a control, 8 bytes at a time; adds up the
 * high bits it passed. */
static const char *plain_run(const char *p, const char *end, uint64_t *high)
{
    uint64_t seen = 0;
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t quote = w ^ (ONES * '"');
        uint64_t slash = w ^ (ONES * '\\');
        uint64_t stop =
            (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((w - ONES * 0x20) & ~w)) &
            HIGHS;
        if (stop) {
            break;
        }
        seen |= w;
        p += 8;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        seen |= (unsigned char)*p;
        p++;
    }
    *high |= seen;
    return p;
}

/* Reads a string whose opening quote is at scan->at. */
static bool scan_string(ly_jscan *scan)
{
    const char *p = scan->at + 1;
    uint64_t high = 0;
    scan->from = scan->at;
    scan->escaped = false;
    for (;;) {
        p = plain_run(p, scan->end, &high);
        if (p == scan->end) {
            scan->at = p;
            fail(scan, LY_E_FORMAT, "a string is not closed");
            return false;
        }
        if (*p == '"') {
            break;
        }
        size_t n = *p == '\\' ? escape_len(p, scan->end) : 0;
        if (n == 0) {
            scan->at = p;
            fail(scan, LY_E_FORMAT,
                 *p == '\\' ? "an unknown escape in a string"
                            : "a control character in a string (write it as \\n, \\t or \\u00xx)");
            return false;
        }
        scan->escaped = true;
        p += n;
    }
    scan->text = ly_str_n(scan->from + 1, (size_t)(p - scan->from - 1));
    scan->not_ascii = (high & HIGHS) != 0;
    scan->at = p + 1;
    return true;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

static ly_jtoken scan_number(ly_jscan *scan)
{
    const char *p = scan->at, *end = scan->end;
    scan->from = p;
    scan->integer = true;
    if (*p == '-') {
        p++;
    }
    const char *first = p;
    p = digits(p, end);
    if (p == first || (*first == '0' && p - first > 1)) {
        scan->at = p;
        return fail(scan, LY_E_FORMAT,
                    p == first ? "a number without digits" : "a number that begins with 0");
    }
    if (p < end && *p == '.') {
        scan->integer = false;
        first = ++p;
        p = digits(p, end);
        if (p == first) {
            scan->at = p;
            return fail(scan, LY_E_FORMAT, "a number without digits after the point");
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        scan->integer = false;
        p++;
        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }
        first = p;
        p = digits(p, end);
        if (p == first) {
            scan->at = p;
            return fail(scan, LY_E_FORMAT, "a number without digits in its exponent");
        }
    }
    scan->text = ly_str_n(scan->from, (size_t)(p - scan->from));
    scan->at = p;
    scan->state = AFTER_VALUE;
    return scan->last = LY_J_NUMBER;
}

static ly_jtoken scan_word(ly_jscan *scan, const char *word, size_t n, ly_jtoken token)
{
    if ((size_t)(scan->end - scan->at) < n || memcmp(scan->at, word, n) != 0) {
        return fail(scan, LY_E_FORMAT, "a word that is not true, false or null");
    }
    scan->from = scan->at;
    scan->at += n;
    scan->state = AFTER_VALUE;
    return scan->last = token;
}

static ly_jtoken scan_key(ly_jscan *scan)
{
    if (scan->at == scan->end || *scan->at != '"') {
        return fail_here(scan, "a member name in double quotes is missing");
    }
    if (!scan_string(scan)) {
        return LY_J_ERROR;
    }
    const char *from = scan->from;
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != ':') {
        return fail_here(scan, "the colon after a member name is missing");
    }
    scan->at++;
    scan->from = from;
    scan->state = AT_VALUE;
    return scan->last = LY_J_KEY;
}

static ly_jtoken scan_value(ly_jscan *scan)
{
    if (scan->at == scan->end) {
        return fail_here(scan, "");
    }
    switch (*scan->at) {
    case '{':
    case '[': {
        bool object = *scan->at == '{';
        if (!push(scan, object)) {
            return LY_J_ERROR;
        }
        scan->from = scan->at++;
        scan->state = object ? AT_FIRST_KEY : AT_ELEMENT;
        return scan->last = object ? LY_J_OBJECT : LY_J_ARRAY;
    }
    case '"':
        if (!scan_string(scan)) {
            return LY_J_ERROR;
        }
        scan->state = AFTER_VALUE;
        return scan->last = LY_J_STRING;
    case 't':
        return scan_word(scan, "true", 4, LY_J_TRUE);
    case 'f':
        return scan_word(scan, "false", 5, LY_J_FALSE);
    case 'n':
        return scan_word(scan, "null", 4, LY_J_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(scan);
    default:
        return fail(scan, LY_E_FORMAT, "a value is missing");
    }
}

static ly_jtoken scan_after(ly_jscan *scan)
{
    if (scan->depth == 0) {
        if (scan->at < scan->end) {
            return fail(scan, LY_E_FORMAT, "text after the end of the document");
        }
        return scan->last = LY_J_END;
    }
    bool object = in_object(scan);
    if (scan->at == scan->end) {
        return fail_here(scan, "");
    }
    if (*scan->at == (object ? '}' : ']')) {
        return pop(scan, object ? LY_J_OBJECT_END : LY_J_ARRAY_END);
    }
    if (*scan->at != ',') {
        return fail(scan, LY_E_FORMAT, object ? "',' or '}' is missing" : "',' or ']' is missing");
    }
    scan->at++;
    skip_space(scan);
    return object ? scan_key(scan) : scan_value(scan);
}

ly_jtoken ly_jscan_next(ly_jscan *scan)
{
    skip_space(scan);
    switch (scan->state) {
    case AT_VALUE:
        return scan_value(scan);
    case AT_ELEMENT:
        if (scan->at < scan->end && *scan->at == ']') {
            return pop(scan, LY_J_ARRAY_END);
        }
        return scan_value(scan);
    case AT_FIRST_KEY:
        if (scan->at < scan->end && *scan->at == '}') {
            return pop(scan, LY_J_OBJECT_END);
        }
        return scan_key(scan);
    case AT_KEY:
        return scan_key(scan);
    case AFTER_VALUE:
        return scan_after(scan);
    default:
        return LY_J_ERROR;
    }
}

bool ly_jscan_skip(ly_jscan *scan)
{
    if (scan->last == LY_J_KEY && ly_jscan_next(scan) == LY_J_ERROR) {
        return false;
    }
    if (scan->last != LY_J_OBJECT && scan->last != LY_J_ARRAY) {
        return scan->last != LY_J_ERROR;
    }
    unsigned outer = scan->depth - 1;
    while (scan->depth > outer) {
        if (ly_jscan_next(scan) == LY_J_ERROR) {
            return false;
        }
    }
    return true;
}

void ly_jscan_place(const ly_jscan *scan, unsigned *ret_line, unsigned *ret_column)
{
    unsigned line = 1;
    const char *begin = scan->start;
    for (const char *p = scan->start; p < scan->at; p++) {
        if (*p == '\n') {
            line++;
            begin = p + 1;
        }
    }
    *ret_line = line;
    *ret_column = (unsigned)(scan->at - begin) + 1;
}

ly_status ly_jscan_fail(const ly_jscan *scan, const char *what, ly_err *err)
{
    unsigned line, column;
    ly_jscan_place(scan, &line, &column);
    ly_status status = scan->failed == LY_OK ? LY_E_FORMAT : scan->failed;
    const char *why = scan->failed == LY_OK ? "not what belongs here" : scan->why;
    if (what && *what) {
        return LY_FAIL(err, status, "%s: line %u, column %u: %s", what, line, column, why);
    }
    return LY_FAIL(err, status, "line %u, column %u: %s", line, column, why);
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit = (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        value = value << 4 | digit;
    }
    return value;
}

/* Decodes the \u escape at p, together with the second half of a surrogate pair; returns the length. */
static size_t unescape_u(const char *p, const char *end, uint32_t *ret_cp)
{
    uint32_t cp = hex4(p + 2);
    if (cp < 0xD800 || cp > 0xDFFF) {
        *ret_cp = cp;
        return 6;
    }
    if (cp < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        uint32_t low = hex4(p + 8);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *ret_cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
            return 12;
        }
    }
    *ret_cp = 0xFFFD;
    return 6;
}

size_t ly_jscan_unescape(ly_str raw, char *dst)
{
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    char *out = dst;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        memmove(out, p, plain);
        out += plain;
        p += plain;
        if (!slash) {
            break;
        }
        if (p[1] == 'u') {
            uint32_t cp;
            p += unescape_u(p, end, &cp);
            out += ly_utf8_put(cp, out);
            continue;
        }
        switch (p[1]) {
        case 'b':
            *out++ = '\b';
            break;
        case 'f':
            *out++ = '\f';
            break;
        case 'n':
            *out++ = '\n';
            break;
        case 'r':
            *out++ = '\r';
            break;
        case 't':
            *out++ = '\t';
            break;
        default:
            *out++ = p[1];
            break;
        }
        p += 2;
    }
    return (size_t)(out - dst);
}

static void put_u(ly_buf *out, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {
        '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
    ly_buf_add(out, text, sizeof text);
}

static void put_low(ly_buf *out, char c)
{
    switch (c) {
    case '"':
        ly_buf_add(out, "\\\"", 2);
        break;
    case '\\':
        ly_buf_add(out, "\\\\", 2);
        break;
    case '\b':
        ly_buf_add(out, "\\b", 2);
        break;
    case '\f':
        ly_buf_add(out, "\\f", 2);
        break;
    case '\n':
        ly_buf_add(out, "\\n", 2);
        break;
    case '\r':
        ly_buf_add(out, "\\r", 2);
        break;
    case '\t':
        ly_buf_add(out, "\\t", 2);
        break;
    default:
        put_u(out, (unsigned char)c);
        break;
    }
}

/* DEL, C1 controls, marks and overrides of direction: a terminal acts on them instead of showing them. */
static bool drives_terminal(uint32_t cp)
{
    return (cp >= 0x7F && cp <= 0x9F) || cp == 0x200E || cp == 0x200F ||
           (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
}

/* A character above 0x7E: as it is, or as escapes. */
static void put_high(ly_buf *out, uint32_t cp, ly_str bytes, unsigned flags)
{
    bool script = (flags & LY_JSTR_SCRIPT) && (cp == 0x2028 || cp == 0x2029);
    bool hidden = (flags & LY_JSTR_VISIBLE) && drives_terminal(cp);
    if (!(flags & LY_JSTR_ASCII) && !script && !hidden) {
        ly_buf_str(out, bytes);
    } else if (cp >= 0x10000) {
        put_u(out, 0xD800 + ((cp - 0x10000) >> 10));
        put_u(out, 0xDC00 + ((cp - 0x10000) & 0x3FF));
    } else {
        put_u(out, cp);
    }
}

static bool stays(unsigned char c, unsigned flags)
{
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\' ||
        (c == 0x7F && (flags & (LY_JSTR_ASCII | LY_JSTR_VISIBLE)))) {
        return false;
    }
    return !(flags & LY_JSTR_SCRIPT) || (c != '<' && c != '>' && c != '&');
}

/* How many of the next bytes are plain, looked at eight at a time: 0x20 to 0x7E but '"' and '\\'. May stop
 * early, never late. A byte is zero where (x - 0x01..) & ~x has its high bit. */
static size_t plain_words(const char *p, size_t n)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w, quote, back;
        memcpy(&w, p + i, sizeof w);
        quote = w ^ (ones * '"');
        back = w ^ (ones * '\\');
        uint64_t bad = w | (w + ones) | (w - ones * 0x20) | ((quote - ones) & ~quote) |
                       ((back - ones) & ~back);
        if (bad & high) {
            break;
        }
    }
    return i;
}

bool ly_jstr_put(ly_buf *out, ly_str s, unsigned flags)
{
    bool clean = true;
    if (!(flags & LY_JSTR_NO_MARKS)) {
        ly_buf_char(out, '"');
    }
    for (size_t i = 0; i < s.len;) {
        size_t from = i;
        if (!(flags & ~(unsigned)(LY_JSTR_NO_MARKS | LY_JSTR_VISIBLE))) {
            i += plain_words(s.ptr + i, s.len - i);
        }
        while (i < s.len && stays((unsigned char)s.ptr[i], flags)) {
            i++;
        }
        ly_buf_add(out, s.ptr + from, i - from);
        if (i == s.len) {
            break;
        }
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x7F) {
            if (c == '<' || c == '>' || c == '&') {
                put_u(out, c);
            } else {
                put_low(out, (char)c);
            }
            i++;
            continue;
        }
        from = i;
        uint32_t cp = ly_utf8_next(s, &i);
        if (cp == LY_UTF8_BAD) {
            clean = false;
            put_high(out, 0xFFFD, LY_S("\xEF\xBF\xBD"), flags);
        } else {
            put_high(out, cp, ly_str_n(s.ptr + from, i - from), flags);
        }
    }
    if (!(flags & LY_JSTR_NO_MARKS)) {
        ly_buf_char(out, '"');
    }
    return clean;
}
