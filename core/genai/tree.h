/*
 * Totals of one trace without counting anything twice: §4.3 roles, §4.4 tree rule, §4.5 duplicates,
 * §4.7 cost levels, as one pure function over small nodes.
 *
 * The result does not depend on the order of the nodes, and calling it again changes nothing. Spans
 * whose parent is not among the nodes are roots; cycles and self-parents are cut at their smallest
 * span id. No recursion; O(n log n); about 0.2 us a node.
 *
 *     settle: read the trace's nodes -> ly_tree_count -> store marks and sums -> charge the difference
 *     read:   the same call on what is stored now, so a dirty trace is shown exact
 */
#ifndef LY_GENAI_TREE_H
#define LY_GENAI_TREE_H

#include "base/err.h"
#include "genai/canon.h"
#include "otlp/model.h"

enum {
    LY_NODE_ERROR = 1,     /* the span ended with an error */
    LY_NODE_SYNTHETIC = 2, /* made of a log event, no span came (§4.6) */
    LY_NODE_PENDING = 4,   /* a start record: no end yet */
    LY_NODE_FREE = 8,      /* costs nothing, whatever it used: a local address */
    LY_NODE_PARTIAL = 16,  /* book_cost_pico is a lower bound: a count of the call is missing */
};

typedef struct ly_tree_node {
    ly_span_id span_id;
    ly_span_id parent_id; /* zero = root */
    uint8_t type;         /* ly_type */
    uint8_t role;         /* ly_role */
    uint8_t origin;       /* ly_origin of the span's own attribute */
    uint8_t kind;         /* OTLP span kind */
    uint8_t flags;        /* LY_NODE_* */
    int64_t start_ns, end_ns;
    ly_tokens tokens;
    int64_t client_cost_pico; /* or LY_UNKNOWN */
    int64_t book_cost_pico;   /* by the price book, or LY_UNKNOWN */
    /* Non-zero hashes (ly_tree_key) or 0 = not given. */
    uint64_t response_key; /* response id, else request id */
    uint64_t model_key;    /* model that prices go by */
    uint64_t told_by;      /* dialect: of two layers that tell of one call each has its own */
} ly_tree_node;

/* Stable 64-bit key of a name for the fields above, 0 for an empty one. May be stored. */
uint64_t ly_tree_key(ly_str name);

/* Fills a node from the canonical span; book_cost_pico is left unknown. */
void ly_tree_node_from(const ly_span *span, const ly_canon *canon, ly_tree_node *ret);

typedef enum ly_mark_kind {
    LY_MARK_NONE = 0,      /* no usage, or a role that is never counted */
    LY_MARK_COUNTED = 1,   /* its tokens are in the totals */
    LY_MARK_COVERED = 2,   /* a roll-up whose descendants are counted */
    LY_MARK_DUPLICATE = 3, /* the same call as another span that is counted */
} ly_mark_kind;

const char *ly_mark_kind_name(ly_mark_kind kind); /* "-", "counted", "covered", "duplicate" */

typedef struct ly_tree_mark {
    uint8_t kind; /* ly_mark_kind */
    uint8_t
        origin; /* effective: the highest of its own and its ancestors'; below an evaluator: judge */
    bool root;  /* no parent among the nodes (or cut from a cycle) */
    bool orphan;       /* names a parent that is not among the nodes */
    bool cost_counted; /* cost_pico is in the totals; also true for a covered roll-up when no
                          counted descendant has any cost (T30) */
    bool cost_rollup;  /* ... that case */
    bool cost_partial; /* cost_pico is a lower bound */
    bool unsaid;       /* a model call that nobody gave counts of, neither it nor what is above or
                          below it: charged, and of unknown amount */
    uint32_t depth;    /* from its root, 0 = root */
    uint32_t same_as;  /* duplicate: index of a span that is counted instead; else own index */
    ly_tokens tokens;  /* counted: as counted (sub-buckets perhaps filled from a duplicate) */
    int64_t cost_pico; /* client's, else the book's, or LY_UNKNOWN */
    int64_t gap_in, gap_out; /* covered: own figure minus the descendants', or LY_UNKNOWN */
} ly_tree_mark;

typedef struct ly_tree_total {
    ly_tokens tokens;  /* sums of counted spans; LY_UNKNOWN when none knows the bucket */
    int64_t cost_pico; /* LY_UNKNOWN when no counted span has a cost */
    uint32_t n_counted;
    uint32_t
        n_unpriced; /* counted spans without a cost or with a part of it, and unsaid calls, that no
                            roll-up's cost covers: > 0 with a known cost means that the cost is a lower
                            bound (partial) */
    bool overflow;  /* a sum did not fit in 63 bits: that sum is unknown */
} ly_tree_total;

typedef struct ly_tree_sum {
    ly_tree_total by_origin[3]; /* by ly_origin */
    ly_tree_total total;        /* of all three */
    ly_origin origin;           /* the trace's: the highest `origin` of any node */
    uint32_t root; /* index of the root to show: earliest start, then smallest id; 0 if n = 0 */
    uint32_t n_roots, n_orphans, n_cycles, n_duplicates;
    int64_t start_ns, end_ns; /* of the whole trace; end ignores pending spans */
} ly_tree_sum;

/*
 * nodes: n of them, span ids distinct (of equal ones the smallest by content counts, the others are
 * marked NONE). ret_marks: the caller's array of n, in the order of `nodes`. Memory for the work comes
 * from the arena (about 100 bytes a node). Fails only with LY_E_NOMEM; results are then untouched.
 */
ly_status ly_tree_count(const ly_tree_node *nodes, size_t n, ly_arena *arena,
                        ly_tree_mark *ret_marks, ly_tree_sum *ret_sum, ly_err *err);

#endif
