/*
 * Inside the store room: searching by filter. search.c makes SQL of a filter tree; search_set.c asks
 * the word table; search_span.c holds the functions that look into one span; search_page.c lists spans.
 * db.h has the two calls that lists of traces use.
 */
#ifndef LY_STORE_SEARCH_H
#define LY_STORE_SEARCH_H

#include "store/internal.h"

/* Pointer types of sqlite3_bind_pointer. */
#define LY_SEARCH_SET  "ly_word_set"
#define LY_SEARCH_NODE "ly_filter_node"
#define LY_SEARCH_TEXT "ly_text_hits"

/* As ly_search_where, for a query over `span AS s0 JOIN trace AS t`: "!" means that this span does not
 * match. */
LY_MUST_USE ly_status ly_search_span_where(ly_db *db, const ly_filter *filter, int first,
                                           ly_buf *sql, ly_err *err);
LY_MUST_USE ly_status ly_search_span_bind(ly_db *db, const ly_filter *filter, int first,
                                          ly_stmt *stmt, ly_err *err);

/* search_set.c: binds the set of words that satisfy a text term (substring, prefix, either case,
 * regular expression); the statement owns it. */
LY_MUST_USE ly_status ly_search_bind_set(ly_db *db, ly_stmt *stmt, int number,
                                         const ly_filter_node *term, ly_err *err);
/* ly_has(set, word...): 1 when any of the words is in the set. */
void ly_search_has(sqlite3_context *ctx, int n, sqlite3_value **args);

/* Makes the functions of this noun known to a connection: ly_has, ly_attr_ok, ly_text_ok, ly_self. Done
 * once a connection, when the first filter is used. */
LY_MUST_USE ly_status ly_search_functions(ly_db *db, ly_err *err);

/* A statement's row (span.id, trace.trace_id) as a node, given to fn. */
LY_MUST_USE ly_status ly_search_one_span(ly_store *store, ly_stmt *ids, ly_word_memo *memo,
                                         ly_store_span_fn fn, void *user, ly_err *err);

#endif
