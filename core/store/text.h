/*
 * Inside the store room: the full-text index behind `text:`.
 *
 * The index answers which traces may hold some words; the record itself is looked at afterwards, so an
 * answer never depends on it, only the time it takes. Its unit is the gram: three bytes in a row of the
 * text without case (base/fold.h), as it stands and with each level of JSON's escapes taken back
 * (\u00e4 -> ä); numbers and bools that the wire holds in binary are added as text. Traces that are not
 * indexed yet (tables dirty and text_todo) may hold anything.
 *
 *   text_gram.c   bytes -> grams; which words the index can answer
 *   text_index.c  fills, drops and counts (ly_store_text_index of store.h)
 *   text_find.c   words -> a set of traces
 */
#ifndef LY_STORE_TEXT_H
#define LY_STORE_TEXT_H

#include "store/internal.h"

#define LY_TEXT_RULES     2   /* counts up when the same text would give other grams */
#define LY_TEXT_PARTS     128 /* of grams */
#define LY_TEXT_ALWAYS    254
#define LY_TEXT_TRACES    255
#define LY_TEXT_MAX_DOCS  60000
#define LY_TEXT_PART_BITS 8

/* Calls fn for each gram of the text, repeats among them; none has a backslash or a control in it. false
 * as soon as fn returns false, or without memory. */
bool ly_text_grams(ly_str text, bool (*fn)(void *user, uint32_t gram), void *user);
/* The part of a block that a gram stands in, below LY_TEXT_PARTS. */
unsigned ly_text_part_of(uint32_t gram);
/* True for words that can stand outside of strings in JSON, so that they may come from a number, a bool or
 * bytes that the wire holds in binary: "12345", "-1.5e+20", "true", "beef". */
bool ly_text_bare(ly_str words);
/* What such values of a payload look like as text, one a line: the shapes of an AnyValue that is no string
 * are looked for in the bytes, so it may be more than there is, never less. */
void ly_text_scalars(ly_str bytes, ly_buf *out);
/* At least three bytes without case, and none that JSON writes differently or that stands between two of its values:
 * controls, quotes, backslashes and brackets. Other words need the whole look. */
bool ly_text_usable(const ly_filter_node *term);

/* Inside a write: takes the blocks of a trace out; their other traces, and it, wait to be indexed. */
LY_MUST_USE ly_status ly_text_drop(ly_db *db, int64_t trace, ly_err *err);
/* Takes all blocks out, a turn each. */
LY_MUST_USE ly_status ly_text_clear(ly_store *store, ly_err *err);
/* Inside a write: the trace was settled. */
LY_MUST_USE ly_status ly_text_mark(ly_db *db, int64_t trace, ly_err *err);

/* Traces that may hold the words of a term. */
typedef struct ly_text_hits ly_text_hits;
/* In the caller's snapshot. Kept with the store, so that the chunks of one query pay once; one reference
 * belongs to the caller. */
LY_MUST_USE ly_status ly_text_find(ly_store *store, const ly_filter_node *term,
                                   ly_text_hits **ret_hits, ly_err *err);
bool ly_text_hits_has(const ly_text_hits *hits, int64_t trace);
/* The traces as a JSON array, when there are at most LY_TEXT_FEW of them; LY_STR_NONE otherwise. A view. */
#define LY_TEXT_FEW 1000
ly_str ly_text_hits_few(const ly_text_hits *hits);
void ly_text_hits_free(void *hits); /* gives a reference back; NULL is allowed */
/* At ly_store_close. */
void ly_text_cache_release(ly_store *store);

#endif
