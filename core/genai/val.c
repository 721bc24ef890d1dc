#include "genai/val.h"

#include <math.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t skip_space(ly_str t, size_t at)
{
    while (at < t.len && is_space(t.ptr[at]))
        at++;
    return at;
}

/* at stands on the opening quote; the result is after the closing one. */
static size_t skip_string(ly_str t, size_t at)
{
    size_t from = at + 1;
    for (;;) {
        if (from >= t.len)
            return SIZE_MAX;
        const char *quote = (const char *)memchr(t.ptr + from, '"', t.len - from);
        if (!quote)
            return SIZE_MAX;
        const size_t pos = (size_t)(quote - t.ptr);
        size_t back = pos;
        while (back > at + 1 && t.ptr[back - 1] == '\\')
            back--;
        if ((pos - back) % 2 == 0)
            return pos + 1;
        from = pos + 1;
    }
}

static size_t skip_container(ly_str t, size_t at)
{
    size_t depth = 0;
    while (at < t.len) {
        switch (t.ptr[at]) {
        case '"':
            at = skip_string(t, at);
            if (at == SIZE_MAX)
                return SIZE_MAX;
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at + 1;
            break;
        default:
            break;
        }
        at++;
    }
    return SIZE_MAX;
}

size_t ly_val_skip(ly_str text, size_t at)
{
    at = skip_space(text, at);
    if (at >= text.len)
        return SIZE_MAX;
    const char c = text.ptr[at];
    if (c == '"')
        return skip_string(text, at);
    if (c == '{' || c == '[')
        return skip_container(text, at);
    const size_t start = at;
    while (at < text.len && text.ptr[at] != ',' && text.ptr[at] != '}' && text.ptr[at] != ']' &&
           text.ptr[at] != ':' && !is_space(text.ptr[at]))
        at++;
    return at == start ? SIZE_MAX : at;
}

static ly_val_kind kind_of(ly_str raw)
{
    switch (raw.ptr[0]) {
    case '"':
        return LY_IS_STRING;
    case '{':
        return LY_IS_OBJECT;
    case '[':
        return LY_IS_ARRAY;
    case 't':
    case 'f':
        return LY_IS_BOOL;
    case 'n':
        return LY_IS_NULL;
    default:
        return (raw.ptr[0] >= '0' && raw.ptr[0] <= '9') || raw.ptr[0] == '-' ? LY_IS_NUMBER
                                                                             : LY_IS_NONE;
    }
}

static ly_val val_of_raw(ly_str raw)
{
    return (ly_val){kind_of(raw), NULL, raw};
}

ly_val ly_val_json(ly_str text)
{
    const size_t start = skip_space(text, 0);
    const size_t end = ly_val_skip(text, start);
    if (end == SIZE_MAX || skip_space(text, end) != text.len)
        return LY_IS_ABSENT;
    return val_of_raw(ly_str_n(text.ptr + start, end - start));
}

ly_val ly_val_native(const ly_any *any)
{
    static const ly_val_kind kinds[] = {
        [LY_ANY_EMPTY] = LY_IS_NULL,    [LY_ANY_STRING] = LY_IS_STRING,
        [LY_ANY_BOOL] = LY_IS_BOOL,     [LY_ANY_INT] = LY_IS_NUMBER,
        [LY_ANY_DOUBLE] = LY_IS_NUMBER, [LY_ANY_ARRAY] = LY_IS_ARRAY,
        [LY_ANY_KVLIST] = LY_IS_OBJECT, [LY_ANY_BYTES] = LY_IS_STRING};
    if (!any)
        return LY_IS_ABSENT;
    return (ly_val){kinds[any->kind], any, LY_STR_NONE};
}

/* True when the text may hold a JSON container or a quoted string. */
static bool looks_json(ly_str s, bool strings_too)
{
    const size_t at = skip_space(s, 0);
    if (at >= s.len)
        return false;
    const char c = s.ptr[at];
    return c == '{' || c == '[' || (strings_too && c == '"');
}

ly_val ly_val_any(const ly_any *any)
{
    if (any && any->kind == LY_ANY_STRING && looks_json(any->str, true)) {
        const ly_val inner = ly_val_json(any->str);
        if (inner.kind != LY_IS_NONE)
            return inner;
    }
    return ly_val_native(any);
}

ly_val ly_val_open(ly_val val, ly_arena *arena)
{
    if (val.kind != LY_IS_STRING)
        return val;
    const ly_str text = ly_val_str(val, arena);
    if (looks_json(text, false)) {
        const ly_val inner = ly_val_json(text);
        if (inner.kind != LY_IS_NONE)
            return inner;
    }
    return val;
}

ly_val ly_val_attr(const ly_attrs *attrs, const char *key)
{
    const ly_str want = ly_str_c(key);
    for (size_t i = attrs->n; i-- > 0;) {
        if (ly_str_eq(attrs->items[i].key, want))
            return ly_val_any(&attrs->items[i].value);
    }
    return LY_IS_ABSENT;
}

ly_val_iter ly_val_each(ly_val val)
{
    return (ly_val_iter){val, val.any ? 0 : 1};
}

static bool next_native(ly_val_iter *iter, ly_str *ret_key, ly_val *ret_value)
{
    const ly_any *any = iter->of.any;
    if (any->kind == LY_ANY_ARRAY && iter->at < any->array.n) {
        *ret_key = LY_STR_NONE;
        *ret_value = ly_val_native(&any->array.items[iter->at++]);
        return true;
    }
    if (any->kind == LY_ANY_KVLIST && iter->at < any->kvlist.n) {
        *ret_key = any->kvlist.items[iter->at].key;
        *ret_value = ly_val_native(&any->kvlist.items[iter->at++].value);
        return true;
    }
    return false;
}

static bool stop(ly_val_iter *iter)
{
    iter->at = SIZE_MAX;
    return false;
}

bool ly_val_next(ly_val_iter *iter, ly_str *ret_key, ly_val *ret_value)
{
    if (iter->of.kind != LY_IS_ARRAY && iter->of.kind != LY_IS_OBJECT)
        return false;
    if (iter->of.any)
        return next_native(iter, ret_key, ret_value);
    const ly_str t = iter->of.raw;
    if (iter->at == SIZE_MAX)
        return false;
    size_t at = skip_space(t, iter->at);
    if (at < t.len && t.ptr[at] == ',')
        at = skip_space(t, at + 1);
    if (at >= t.len || t.ptr[at] == '}' || t.ptr[at] == ']')
        return stop(iter);
    *ret_key = LY_STR_NONE;
    if (iter->of.kind == LY_IS_OBJECT) {
        if (t.ptr[at] != '"')
            return stop(iter);
        const size_t end = skip_string(t, at);
        if (end == SIZE_MAX)
            return stop(iter);
        *ret_key = ly_str_n(t.ptr + at + 1, end - at - 2);
        at = skip_space(t, end);
        if (at >= t.len || t.ptr[at] != ':')
            return stop(iter);
        at = skip_space(t, at + 1);
    }
    const size_t end = ly_val_skip(t, at);
    if (end == SIZE_MAX)
        return stop(iter);
    *ret_value = val_of_raw(ly_str_n(t.ptr + at, end - at));
    iter->at = end;
    return true;
}

static ly_val get_str(ly_val val, ly_str name)
{
    if (val.kind != LY_IS_OBJECT)
        return LY_IS_ABSENT;
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val value;
    while (ly_val_next(&it, &key, &value)) {
        if (ly_str_eq(key, name))
            return value;
    }
    return LY_IS_ABSENT;
}

ly_val ly_val_get(ly_val val, const char *name)
{
    return get_str(val, ly_str_c(name));
}

ly_val ly_val_pick(ly_val val, const char *names)
{
    ly_str rest = ly_str_c(names), name;
    while (ly_str_split(&rest, '|', &name)) {
        const ly_val found = get_str(val, name);
        if (ly_val_given(found))
            return found;
    }
    return LY_IS_ABSENT;
}

ly_val ly_val_item(ly_val val, size_t index)
{
    if (val.kind != LY_IS_ARRAY)
        return LY_IS_ABSENT;
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val value;
    for (size_t i = 0; ly_val_next(&it, &key, &value); i++) {
        if (i == index)
            return value;
    }
    return LY_IS_ABSENT;
}

ly_val ly_val_at(ly_val val, const char *path)
{
    ly_str rest = ly_str_c(path), name;
    while (val.kind != LY_IS_NONE && ly_str_split(&rest, '.', &name)) {
        int64_t index = 0;
        if (val.kind == LY_IS_ARRAY && ly_str_to_i64(name, &index) && index >= 0)
            val = ly_val_item(val, (size_t)index);
        else
            val = get_str(val, name);
    }
    return val;
}

size_t ly_val_count(ly_val val)
{
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val value;
    size_t n = 0;
    while (ly_val_next(&it, &key, &value))
        n++;
    return n;
}

/* ---- scalars ---------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool read_u4(ly_str t, size_t at, uint32_t *ret)
{
    if (t.len < 4 || at > t.len - 4)
        return false;
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        const int d = hex_digit(t.ptr[at + i]);
        if (d < 0)
            return false;
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return true;
}

/* at is after "\u"; moves it past the digits, and past a second escape that completes a pair. */
static uint32_t read_escape_u(ly_str t, size_t *at)
{
    uint32_t code, low;
    if (!read_u4(t, *at, &code))
        return 0xFFFD;
    *at += 4;
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (code < 0xDC00 && *at + 1 < t.len && t.ptr[*at] == '\\' && t.ptr[*at + 1] == 'u' &&
        read_u4(t, *at + 2, &low) && low >= 0xDC00 && low <= 0xDFFF) {
        *at += 6;
        return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return 0xFFFD;
}

static char plain_escape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    default:
        return c;
    }
}

/* The worst growth is a cut off "\u" (two bytes) that becomes U+FFFD (three). */
static ly_str unescape(ly_str t, ly_arena *arena)
{
    char *out = (char *)ly_arena_alloc(arena, t.len + t.len / 2 + 4, 1);
    if (!out)
        return LY_STR_NONE;
    size_t n = 0;
    for (size_t at = 0; at < t.len;) {
        const char *slash = (const char *)memchr(t.ptr + at, '\\', t.len - at);
        const size_t run = slash ? (size_t)(slash - t.ptr) - at : t.len - at;
        memcpy(out + n, t.ptr + at, run);
        n += run;
        at += run;
        if (!slash || at + 1 >= t.len)
            break;
        const char c = t.ptr[at + 1];
        at += 2;
        if (c == 'u') {
            char utf8[4];
            const size_t len = ly_utf8_put(read_escape_u(t, &at), utf8);
            memcpy(out + n, utf8, len);
            n += len;
        } else {
            out[n++] = plain_escape(c);
        }
    }
    out[n] = 0;
    return ly_str_n(out, n);
}

ly_str ly_val_str(ly_val val, ly_arena *arena)
{
    if (val.kind != LY_IS_STRING)
        return LY_STR_NONE;
    if (val.any)
        return val.any->str.ptr ? val.any->str : LY_S("");
    const ly_str inside = ly_str_n(val.raw.ptr + 1, val.raw.len - 2);
    if (inside.len == 0 || !memchr(inside.ptr, '\\', inside.len))
        return inside;
    return unescape(inside, arena);
}

bool ly_val_i64(ly_val val, int64_t *ret)
{
    double real;
    if (val.kind == LY_IS_NUMBER && val.any && val.any->kind == LY_ANY_INT) {
        *ret = val.any->integer;
        return true;
    }
    if (val.kind == LY_IS_NUMBER && !val.any && ly_str_to_i64(val.raw, ret))
        return true;
    if (val.kind == LY_IS_STRING) {
        const ly_str s = val.any ? val.any->str : ly_str_n(val.raw.ptr + 1, val.raw.len - 2);
        if (ly_str_to_i64(s, ret))
            return true;
    }
    if (!ly_val_real(val, &real) || real != floor(real) || fabs(real) > 9007199254740992.0)
        return false;
    *ret = (int64_t)real;
    return true;
}

bool ly_val_real(ly_val val, double *ret)
{
    if (val.kind == LY_IS_NUMBER && val.any) {
        const double v = val.any->kind == LY_ANY_INT ? (double)val.any->integer : val.any->real;
        if (!isfinite(v))
            return false;
        *ret = v;
        return true;
    }
    if (val.kind == LY_IS_NUMBER)
        return ly_str_to_double(val.raw, ret);
    if (val.kind == LY_IS_STRING)
        return ly_str_to_double(val.any ? val.any->str : ly_str_n(val.raw.ptr + 1, val.raw.len - 2),
                                ret);
    return false;
}

bool ly_val_bool(ly_val val, bool *ret)
{
    if (val.kind == LY_IS_BOOL) {
        *ret = val.any ? val.any->boolean : val.raw.ptr[0] == 't';
        return true;
    }
    if (val.kind != LY_IS_STRING)
        return false;
    const ly_str s = val.any ? val.any->str : ly_str_n(val.raw.ptr + 1, val.raw.len - 2);
    if (!ly_str_eq_nocase(s, LY_S("true")) && !ly_str_eq_nocase(s, LY_S("false")))
        return false;
    *ret = s.len == 4;
    return true;
}

/* ---- native values as JSON -------------------------------------------------------------------- */

static void put_string(ly_buf *out, ly_str s)
{
    ly_buf_char(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        ly_buf_add(out, s.ptr + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\')
            ly_buf_fmt(out, "\\%c", c);
        else if (c == '\n')
            ly_buf_c(out, "\\n");
        else
            ly_buf_fmt(out, "\\u%04x", c);
    }
    if (s.len > from)
        ly_buf_add(out, s.ptr + from, s.len - from);
    ly_buf_char(out, '"');
}

static void put_hex(ly_buf *out, ly_str bytes)
{
    ly_buf_char(out, '"');
    for (size_t i = 0; i < bytes.len; i++)
        ly_buf_fmt(out, "%02x", (unsigned)(unsigned char)bytes.ptr[i]);
    ly_buf_char(out, '"');
}

static void put_any(ly_buf *out, const ly_any *any, int depth)
{
    if (depth > LY_MAX_ANY_DEPTH) {
        ly_buf_c(out, "null");
        return;
    }
    switch (any->kind) {
    case LY_ANY_STRING:
        put_string(out, any->str);
        break;
    case LY_ANY_BYTES:
        put_hex(out, any->str);
        break;
    case LY_ANY_BOOL:
        ly_buf_c(out, any->boolean ? "true" : "false");
        break;
    case LY_ANY_INT:
        ly_buf_i64(out, any->integer);
        break;
    case LY_ANY_DOUBLE:
        if (isfinite(any->real))
            ly_buf_fmt(out, "%.17g", any->real);
        else
            ly_buf_c(out, "null");
        break;
    case LY_ANY_ARRAY:
        ly_buf_char(out, '[');
        for (size_t i = 0; i < any->array.n; i++) {
            if (i)
                ly_buf_char(out, ',');
            put_any(out, &any->array.items[i], depth + 1);
        }
        ly_buf_char(out, ']');
        break;
    case LY_ANY_KVLIST:
        ly_buf_char(out, '{');
        for (size_t i = 0; i < any->kvlist.n; i++) {
            if (i)
                ly_buf_char(out, ',');
            put_string(out, any->kvlist.items[i].key);
            ly_buf_char(out, ':');
            put_any(out, &any->kvlist.items[i].value, depth + 1);
        }
        ly_buf_char(out, '}');
        break;
    case LY_ANY_EMPTY:
        ly_buf_c(out, "null");
        break;
    }
}

ly_str ly_val_as_json(ly_val val, ly_arena *arena)
{
    if (val.kind == LY_IS_NONE)
        return LY_STR_NONE;
    if (!val.any)
        return val.raw;
    ly_buf out;
    ly_buf_init(&out, LY_MAX_REQUEST_BYTES);
    put_any(&out, val.any, 0);
    const ly_str text = out.failed ? LY_STR_NONE : ly_arena_copy(arena, ly_buf_view(&out));
    ly_buf_release(&out);
    return text;
}

ly_str ly_val_words(ly_val val, ly_arena *arena)
{
    if (!ly_val_given(val))
        return LY_STR_NONE;
    return val.kind == LY_IS_STRING ? ly_val_str(val, arena) : ly_val_as_json(val, arena);
}
