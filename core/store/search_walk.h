/*
 * Inside the store room: one walk over a filter's tree, which either writes SQL or binds the values of the
 * statement that was made of it. Both ways call the same functions in the same order, so the numbers of
 * the parameters cannot get out of step.
 *
 *   search.c       the tree: lists of traces, lists of spans, root:, "!" and "|"
 *   search_term.c  one term of it
 *   search_walk.c  text, columns and parameters
 */
#ifndef LY_STORE_SEARCH_WALK_H
#define LY_STORE_SEARCH_WALK_H

#include "store/search.h"

typedef struct walk {
    ly_db *db;
    ly_buf *sql;   /* writing, or */
    ly_stmt *stmt; /* binding */
    int next;      /* number of the next parameter */
    int alias;     /* number of the span alias in force */
    int aliases;   /* aliases given so far */
    bool span_mode;
    int in_root; /* inside root: only one span is asked, so "!" is plain */
    ly_status st;
    ly_err *err;
} walk;

/* A static fragment; never a value. */
void ly_walk_text(walk *w, const char *fragment);
/* "s3.column" of the span in force. */
void ly_walk_column(walk *w, const char *name);
/* The next parameter's number; whoever calls it alone binds it and counts it. */
void ly_walk_param(walk *w);
void ly_walk_int(walk *w, int64_t v);
void ly_walk_real(walk *w, double v);
void ly_walk_str(walk *w, ly_str v);
void ly_walk_blob(walk *w, const void *bytes, size_t n);
/* The id of a word, 0 (which no column holds) when it is not there. */
void ly_walk_word(walk *w, ly_str word);
/* The set of words that satisfy a term. */
void ly_walk_set(walk *w, const ly_filter_node *n);
/* The term itself, for the functions of search_span.c. */
void ly_walk_node(walk *w, const ly_filter_node *n);
/* ly_text_may(hits, trace): which traces may hold the words, by the full-text index. */
void ly_walk_may(walk *w, const ly_filter_node *n);
/* A condition over the span in force and its trace `t`. */
void ly_walk_term(walk *w, const ly_filter_node *n);

#endif
