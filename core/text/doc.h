/*
 * ly_doc: a JSON document that is built and changed: provider requests, settings that are merged.
 *
 * The tree is cJSON, which stays inside doc.c with its dangers (c-stack-measurements.md §7) closed
 * off: text is read by our own scanner (UTF-8, depth, nothing after the document), a number cJSON
 * would round is kept as text, a string with \u0000 is refused by name, children are walked and never
 * indexed, printing is our own writer. A repeated member is refused: a control document that says
 * two things is a mistake.
 *
 * A ly_doc is a node; the one that ly_doc_parse or ly_doc_new_* returned owns the rest and is freed
 * by ly_doc_free. Setting takes ownership of the child, on failure too. One thread at a time.
 */
#ifndef LY_TEXT_DOC_H
#define LY_TEXT_DOC_H

#include "base/buf.h"
#include "base/err.h"
#include "text/json.h"
#include "text/jsonw.h"

typedef struct ly_doc ly_doc;

LY_MUST_USE ly_status ly_doc_parse(ly_str text, ly_doc **ret_doc, ly_err *err);
LY_MUST_USE ly_status ly_doc_from_json(const ly_json *node, ly_doc **ret_doc, ly_err *err);
/* NULL when memory is out. */
ly_doc *ly_doc_new_object(void);
/* Of a root only. NULL is allowed. */
void ly_doc_free(ly_doc *doc);

/* ---- reading ---- */
const ly_doc *ly_doc_get(const ly_doc *object, const char *key);
/* First child of an array or object, next sibling; NULL at the end. */
const ly_doc *ly_doc_first(const ly_doc *parent);
const ly_doc *ly_doc_next(const ly_doc *child);
/* Name of a member, "" of anything else. */
const char *ly_doc_name(const ly_doc *child);
ly_json_kind ly_doc_kind(const ly_doc *doc);
/* LY_STR_NONE unless a string. */
ly_str ly_doc_str(const ly_doc *doc);
bool ly_doc_i64(const ly_doc *doc, int64_t *ret);
bool ly_doc_double(const ly_doc *doc, double *ret);
bool ly_doc_bool(const ly_doc *doc, bool *ret);

/* ---- changing: LY_OK, LY_E_NOMEM, LY_E_INVALID (parent not an object, zero byte in a string) ---- */

/* Sets or replaces the member. The last argument is the new value; ly_doc_set takes the child over. */
LY_MUST_USE ly_status ly_doc_set(ly_doc *object, const char *key, ly_doc *child);
LY_MUST_USE ly_status ly_doc_set_str(ly_doc *object, const char *key, ly_str value);
LY_MUST_USE ly_status ly_doc_set_i64(ly_doc *object, const char *key, int64_t value);
LY_MUST_USE ly_status ly_doc_set_double(ly_doc *object, const char *key, double value);
LY_MUST_USE ly_status ly_doc_set_bool(ly_doc *object, const char *key, bool value);
/* A new empty array as that member, returned for filling; NULL when memory is out. */
ly_doc *ly_doc_put_array(ly_doc *object, const char *key);
LY_MUST_USE ly_status ly_doc_append(ly_doc *array, ly_doc *child);
LY_MUST_USE ly_status ly_doc_append_str(ly_doc *array, ly_str value);
ly_doc *ly_doc_append_object(ly_doc *array);
void ly_doc_remove(ly_doc *object, const char *key);
/* RFC 7396 merge patch: members of `patch` replace those of `object`, null removes. */
LY_MUST_USE ly_status ly_doc_merge(ly_doc *object, const ly_doc *patch);

/* ---- writing: flags of text/jsonw.h ---- */
LY_MUST_USE ly_status ly_doc_put(const ly_doc *doc, unsigned flags, ly_buf *out, ly_err *err);

#endif
