/* Reading verdicts: see verdict.h. */
#include "judges/verdict.h"

#include "base/utf8.h"
#include "text/json.h"

const char *ly_verdict_fault_name(ly_verdict_fault fault)
{
    static const char *const names[] = {"none", "parse", "schema", "off_menu"};
    return (unsigned)fault < LY_COUNT(names) ? names[fault] : "parse";
}

/* The balanced object that begins at `from`: index after it, or SIZE_MAX. Knows strings. */
static size_t object_end(ly_str s, size_t from)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = from; i < s.len; i++) {
        char c = s.ptr[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return SIZE_MAX;
}

/* What comes after inline thinking, which some servers leave in the text. */
static ly_str after_thinking(ly_str s)
{
    static const char *const ends[] = {"</think>", "</thinking>", "</reasoning>"};
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        size_t at = ly_str_find(s, ly_str_c(ends[i]), 0);
        while (at != SIZE_MAX) {
            s = ly_str_sub(s, at + strlen(ends[i]), SIZE_MAX);
            at = ly_str_find(s, ly_str_c(ends[i]), 0);
        }
    }
    return s;
}

static void fault(ly_verdict_read *v, ly_verdict_fault why, ly_str detail)
{
    v->fault = why;
    v->detail = detail;
}

static void find_label(ly_str word, const ly_str *labels, size_t n_labels, ly_arena *arena,
                       ly_verdict_read *v)
{
    word = ly_str_trim(word);
    for (size_t i = 0; i < n_labels; i++) {
        if (ly_str_eq_nocase(word, labels[i])) {
            v->label = i;
            return;
        }
    }
    fault(v, LY_FAULT_OFF_MENU,
          ly_arena_fmt(arena, "\"%.*s\" is not one of the verdicts",
                       LY_STR_ARG(ly_str_sub(word, 0, 60))));
}

void ly_verdict_read_json(ly_str reply, const ly_str *labels, size_t n_labels, ly_arena *arena,
                          ly_verdict_read *ret)
{
    ly_verdict_read v = {0};
    ly_str text = ly_arena_copy(arena, after_thinking(reply));
    size_t from = ly_str_find_char(text, '{', 0);
    size_t end = from == SIZE_MAX ? SIZE_MAX : object_end(text, from);
    ly_json *doc = NULL;
    if (end == SIZE_MAX) {
        fault(&v, LY_FAULT_PARSE, LY_S("there is no JSON object in it"));
    } else if (ly_str_find_char(text, '{', end) != SIZE_MAX) {
        fault(&v, LY_FAULT_PARSE, LY_S("there is more than one JSON object in it"));
    } else if (ly_json_parse(ly_str_sub(text, from, end - from), arena, &doc, NULL) != LY_OK) {
        fault(&v, LY_FAULT_PARSE, LY_S("the JSON is malformed"));
    } else {
        const ly_json *verdict = ly_json_get(doc, "verdict");
        v.reasoning = ly_json_str(ly_json_get(doc, "reasoning"));
        (void)ly_json_bool(ly_json_get(doc, "attempted_manipulation"), &v.manipulation);
        if (!ly_json_is(verdict, LY_JSON_STRING)) {
            fault(
                &v, LY_FAULT_SCHEMA,
                ly_arena_fmt(arena, "\"verdict\" is %s, not a string", ly_json_kind_text(verdict)));
        } else if (!ly_str_given(v.reasoning)) {
            fault(&v, LY_FAULT_SCHEMA, LY_S("\"reasoning\" is missing"));
        } else {
            find_label(verdict->str, labels, n_labels, arena, &v);
        }
    }
    *ret = v;
}

/* Without zero-width characters, which would hide or split a word. */
static ly_str without_invisible(ly_str s, ly_arena *arena)
{
    char *out = ly_arena_alloc(arena, s.len + 1, 1);
    size_t at = 0, n = 0;
    while (out && at < s.len) {
        size_t from = at;
        uint32_t cp = ly_utf8_next(s, &at);
        bool drop = (cp >= 0x200B && cp <= 0x200F) || (cp >= 0x202A && cp <= 0x202E) ||
                    (cp >= 0x2060 && cp <= 0x2064) || cp == 0xFEFF;
        if (!drop) {
            memcpy(out + n, s.ptr + from, at - from);
            n += at - from;
        }
    }
    return ly_str_n(out, n);
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

size_t ly_verdict_read_text(ly_str reply, const ly_str *labels, size_t n_labels, ly_arena *arena)
{
    ly_str text = without_invisible(reply, arena);
    size_t best = SIZE_MAX, best_at = 0;
    for (size_t i = 0; i < n_labels; i++) {
        ly_str l = labels[i];
        for (size_t at = 0; l.len && at + l.len <= text.len; at++) {
            if (!ly_str_eq_nocase(ly_str_sub(text, at, l.len), l)) {
                continue;
            }
            bool before = at == 0 || !word_char(l.ptr[0]) || !word_char(text.ptr[at - 1]);
            size_t end = at + l.len;
            bool after =
                end == text.len || !word_char(l.ptr[l.len - 1]) || !word_char(text.ptr[end]);
            if (before && after && (best == SIZE_MAX || at >= best_at)) {
                best = i;
                best_at = at;
            }
        }
    }
    return best;
}

void ly_verdict_read_prose(ly_str reply, const ly_str *labels, size_t n_labels, ly_arena *arena,
                           ly_verdict_read *ret)
{
    ly_verdict_read v = {0};
    ly_str text = ly_str_trim(after_thinking(reply));
    v.label = ly_verdict_read_text(text, labels, n_labels, arena);
    v.reasoning = ly_arena_copy(arena, ly_str_sub(text, 0, 4000));
    if (v.label == SIZE_MAX) {
        v.label = 0;
        fault(&v, text.len ? LY_FAULT_OFF_MENU : LY_FAULT_PARSE,
              LY_S("none of the verdicts stands in it"));
    }
    *ret = v;
}

ly_pair_outcome ly_pair_settle(int in_order, int swapped)
{
    if (in_order != swapped) {
        return LY_PAIR_UNSETTLED;
    }
    return in_order > 0 ? LY_PAIR_FIRST : in_order < 0 ? LY_PAIR_SECOND : LY_PAIR_TIE;
}
