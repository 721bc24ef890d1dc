/*
 * ly_val: one cursor over the two forms in which telemetry carries structure: JSON text and native
 * AnyValues. A reader of messages or usage is written once and meets both, also mixed (an array whose
 * items are strings of JSON).
 *
 * A cursor owns nothing and allocates nothing; its views die with the text or the span under it. JSON
 * is read forward without building a tree and is only looked at as far as asked. Malformed JSON is not
 * an error here: iteration ends where sense ends. Nothing recurses, so nesting costs no stack.
 * For control documents (files that users write) use text/json instead.
 */
#ifndef LY_GENAI_VAL_H
#define LY_GENAI_VAL_H

#include "base/err.h"
#include "otlp/model.h"

typedef enum ly_val_kind {
    LY_IS_NONE = 0, /* absent */
    LY_IS_NULL,
    LY_IS_BOOL,
    LY_IS_NUMBER,
    LY_IS_STRING,
    LY_IS_ARRAY,
    LY_IS_OBJECT
} ly_val_kind;

typedef struct ly_val {
    ly_val_kind kind;
    const ly_any *any; /* native, else NULL */
    ly_str raw;        /* JSON: the value's text, quotes included */
} ly_val;

#define LY_IS_ABSENT ((ly_val){LY_IS_NONE, NULL, {NULL, 0}})

/* The value that JSON text holds; LY_IS_NONE unless the whole text is one complete value. */
ly_val ly_val_json(ly_str text);
/* A native value as it is; no string of it is looked into. */
ly_val ly_val_native(const ly_any *any);
/* What an attribute means: a native value, or what its string holds when that is a JSON object, array or
 * a string in quotes (some clients encode scalars as JSON). */
ly_val ly_val_any(const ly_any *any);
/* A string whose text is itself JSON (object or array), opened; any other value is returned as it is. */
ly_val ly_val_open(ly_val val, ly_arena *arena);
/* The last attribute of that key, opened as ly_val_any does; LY_IS_NONE when absent. */
ly_val ly_val_attr(const ly_attrs *attrs, const char *key);

typedef struct ly_val_iter {
    ly_val of;
    size_t at; /* next item, or position in the text */
} ly_val_iter;

ly_val_iter ly_val_each(ly_val val);
/* The next member of an object (*ret_key its name, escapes as written) or item of an array (*ret_key
 * empty); false at the end and for scalars. */
bool ly_val_next(ly_val_iter *iter, ly_str *ret_key, ly_val *ret_value);

/* Member of an object by name (the first of equal ones), or LY_IS_NONE. */
ly_val ly_val_get(ly_val val, const char *name);
/* The first of several names ("a|b|c") that is there and not null. */
ly_val ly_val_pick(ly_val val, const char *names);
/* Through several levels: "usage.details.cached". A number picks an item of an array. */
ly_val ly_val_at(ly_val val, const char *path);
/* Item of an array by position. */
ly_val ly_val_item(ly_val val, size_t index);
size_t ly_val_count(ly_val val);

/* The characters of a string, unescaped (the arena is used only when there are escapes; a lone surrogate
 * becomes U+FFFD); LY_STR_NONE for anything else or when the arena is full. */
ly_str ly_val_str(ly_val val, ly_arena *arena);
/* The value as JSON text: the text itself, or a native value written out. */
ly_str ly_val_as_json(ly_val val, ly_arena *arena);
/* A string's characters, anything else as JSON; LY_STR_NONE for absent and null. */
ly_str ly_val_words(ly_val val, ly_arena *arena);
/* Whole numbers, also written as strings or as doubles without fraction below 2^53. */
LY_MUST_USE bool ly_val_i64(ly_val val, int64_t *ret);
LY_MUST_USE bool ly_val_real(ly_val val, double *ret);
LY_MUST_USE bool ly_val_bool(ly_val val, bool *ret);

static inline bool ly_val_given(ly_val val)
{
    return val.kind > LY_IS_NULL;
}

/* Position after the JSON value that starts at `at` (white space before it is skipped), or SIZE_MAX when it
 * is cut off or no value starts there. About 10 bytes a nanosecond on long strings. */
size_t ly_val_skip(ly_str text, size_t at);

#endif
