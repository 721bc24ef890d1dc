/*
 * The tree of a trace as lines: which spans are shown, folded, grouped or marked, and the sums of each
 * subtree. Pure: a loaded trace in, an array of rows out, in linear passes (100,000 children of one
 * parent and 5,000 levels are ordinary), no recursion.
 *
 *     ly_trace (nodes in tree order) -> ly_sums_build: per node sums, attempts, repeats
 *                                    -> ly_rows_build: rows of one lens, folds and filter applied
 *
 * Lenses: steps shows what the agent did and folds plumbing (http, db, other without a step below)
 * into one line a parent that keeps its number and errors; all shows every span.
 * The drawing (glyphs, columns, colours) is print.c's for plain text and trace_screen.c's for cells.
 */
#ifndef LY_VIEWER_ROWS_H
#define LY_VIEWER_ROWS_H

#include "store/store.h"

/* What is known of one node beyond the node itself. */
typedef struct ly_node_sum {
    uint32_t size;                 /* spans of the subtree, itself included: nodes [i, i + size) */
    uint32_t steps;                /* spans of the subtree that are no plumbing */
    uint32_t errors;               /* failed spans of the subtree */
    int64_t tokens_in, tokens_out; /* counted once, of the subtree; LY_UNKNOWN */
    int64_t cost_pico;             /* likewise */
    bool partial_cost;             /* some counted call below has no price */
    uint16_t attempt, attempts;    /* n-th of m tries of one call; 0 = no retry seen */
    uint32_t repeat;  /* calls like this one in a row, itself the first; 0 = not the first */
    bool same_args;   /* ... all with the same arguments: a loop when repeat >= 3 */
    uint32_t missing; /* orphan: index of its group + 1 */
} ly_node_sum;

/* Spans whose parent never came, by that parent. */
typedef struct ly_missing {
    ly_span_id parent_id;
    uint32_t n;     /* orphan spans that name it */
    uint32_t first; /* the first of them */
} ly_missing;

typedef struct ly_sums {
    const ly_trace *trace;
    ly_node_sum *nodes; /* trace->n */
    ly_missing *missing;
    size_t n_missing;
    uint32_t n_loops, n_retries, n_pending;
} ly_sums;

/* args: a non-zero hash of each node's call arguments where known, or NULL. Memory is the arena's. */
LY_MUST_USE ly_status ly_sums_build(const ly_trace *trace, const uint64_t *args, ly_arena *arena,
                                    ly_sums **ret_sums, ly_err *err);

typedef enum ly_row_kind {
    LY_ROW_SPAN,
    LY_ROW_GROUP,  /* a repeated call: node is the first, count how many */
    LY_ROW_FOLDED, /* plumbing: count spans, errors of them failed */
    LY_ROW_MISSING /* "? missing parent": node is its first orphan */
} ly_row_kind;

#define LY_NO_ROW UINT32_MAX

typedef struct ly_row {
    uint32_t node;
    uint32_t parent; /* row, LY_NO_ROW at the top */
    uint32_t depth;
    uint32_t count, errors; /* GROUP, FOLDED, MISSING */
    uint8_t kind;           /* ly_row_kind */
    bool last;              /* last of its siblings */
    bool has_kids;          /* something can be unfolded below */
    bool folded;            /* and is folded now */
    bool context;           /* does not match the filter, stands here for a descendant */
} ly_row;

typedef struct ly_rows_opts {
    bool all;              /* every span */
    const uint8_t *folded; /* a flag a node: its children are hidden; NULL = none */
    const uint8_t *open;   /* a flag a node: its group of repeats or its folded plumbing is shown */
    const uint8_t *match;  /* a flag a node: passes the filter; NULL = no filter */
} ly_rows_opts;

typedef struct ly_rows {
    ly_row *items;
    size_t n, cap;
    uint32_t n_hidden; /* spans without a row of their own */
} ly_rows;

/* Fills rows (reused between calls: grown with ly_grow, freed by ly_rows_release). scratch is reset by
 * the caller. */
LY_MUST_USE ly_status ly_rows_build(const ly_sums *sums, const ly_rows_opts *opts,
                                    ly_arena *scratch, ly_rows *rows, ly_err *err);
void ly_rows_release(ly_rows *rows);

/* True for http, db and other: what the steps lens folds. */
bool ly_type_plumbing(ly_type type);

#endif
