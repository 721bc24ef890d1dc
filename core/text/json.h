/*
 * JSON documents of data: model requests and replies, messages, attribute values, stored scores.
 *
 * ly_json_parse makes an arena tree in which nothing is lost: every value knows the exact bytes it
 * was written as (`raw`, so that a message can be cut out of its array byte for byte), integers that
 * fit are exact int64, strings may hold zero bytes, all duplicate members are kept. Grammar: RFC 8259
 * strict (base/jscan.h), valid UTF-8 required.
 *
 * Control documents that are changed and sent (provider requests, suites) are ly_doc (text/doc.h).
 * Writing is text/jsonw.h.
 *
 *     ly_json *doc;
 *     if (ly_json_parse(text, &arena, &doc, err) != LY_OK) return ly_err_wrap(err, "reply");
 *     ly_str role = ly_json_str(ly_json_get(doc, "role"));
 */
#ifndef LY_TEXT_JSON_H
#define LY_TEXT_JSON_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"

typedef enum ly_json_kind {
    LY_JSON_NULL,
    LY_JSON_BOOL,
    LY_JSON_INT, /* an integer token that fits int64: exact */
    LY_JSON_REAL, /* any other number; one too large for a double is an infinity here, exact in raw */
    LY_JSON_STRING,
    LY_JSON_ARRAY,
    LY_JSON_OBJECT
} ly_json_kind;

typedef struct ly_json ly_json;
typedef struct ly_json_member ly_json_member;

struct ly_json {
    ly_json_kind kind;
    uint32_t line; /* where it stands in its source, 1-based; YAML only, 0 from JSON */
    ly_str raw;    /* as written, quotes and brackets included: a view of the source (JSON only) */
    union {
        bool boolean;
        int64_t integer;
        double real;
        ly_str str; /* decoded; a view of the source where it has no escape, else in the arena */
        struct {
            const ly_json *items;
            size_t n;
        } array;
        struct {
            const ly_json_member *items; /* in source order, duplicates included */
            size_t n;
            const uint32_t *index; /* private: sorted positions of a large object */
        } object;
    };
};

struct ly_json_member {
    ly_str key;
    ly_json value;
};

/*
 * Parses the whole of `text`, at most LY_MAX_JSON_DEPTH deep. The tree lives in the arena and points
 * into `text`, which must live as long. Errors: LY_E_FORMAT ("line 3, column 14: ..."), LY_E_LIMIT
 * (too deep, arena's maximum), LY_E_NOMEM; *ret is untouched then.
 */
LY_MUST_USE ly_status ly_json_parse(ly_str text, ly_arena *arena, ly_json **ret, ly_err *err);
/* Only checks. */
bool ly_json_valid(ly_str text);

/* ---- asking; a NULL node or one of another kind gives "nothing", so that calls can be chained ---- */

/* Member of that name, the last where it is repeated, or NULL. Linear up to 16 members, then
 * logarithmic. */
const ly_json *ly_json_get(const ly_json *object, const char *key);
const ly_json *ly_json_get_str(const ly_json *object, ly_str key);
/* Walks "a.b.0.c": names and, in arrays, indexes, separated by dots. For names without dots. */
const ly_json *ly_json_path(const ly_json *node, const char *path);
const ly_json *ly_json_at(const ly_json *array, size_t i);
/* Elements of an array or members of an object; 0 for others. */
size_t ly_json_count(const ly_json *node);

static inline bool ly_json_is(const ly_json *node, ly_json_kind kind)
{
    return node && node->kind == kind;
}
/* The string, or LY_STR_NONE. */
ly_str ly_json_str(const ly_json *node);
/* LY_JSON_INT; a LY_JSON_REAL that is a whole number of at most 2^53; with `lenient` also a string
 * that is one. false leaves *ret alone. */
bool ly_json_i64(const ly_json *node, int64_t *ret);
bool ly_json_i64_lenient(const ly_json *node, int64_t *ret);
/* Any finite number. */
bool ly_json_double(const ly_json *node, double *ret);
bool ly_json_bool(const ly_json *node, bool *ret);
/* "null", "a boolean", "a number", "a string", "an array", "an object", "nothing": for error texts. */
const char *ly_json_kind_text(const ly_json *node);

/* Line (1-based) of a node: its `line`, or counted from `source` for JSON. 0 when unknown. */
unsigned ly_json_line(const ly_json *node, ly_str source);

/* Same kind and content: members in any order (the last of duplicates counts), INT and REAL equal when
 * their numbers are. */
bool ly_json_equal(const ly_json *a, const ly_json *b);

/*
 * One level of JSON's escapes taken back in place, in any text and without regard to quotes: what is no
 * escape stays, a lone surrogate becomes U+FFFD. Returns the new length, which is never larger; equal when
 * there was none. For searching in text that may be JSON in JSON: call it until the length stays.
 */
size_t ly_json_unescape(char *bytes, size_t len);

#endif
