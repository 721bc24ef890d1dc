/* What the parts of the tree rule (tree.c, tree_same.c) share. Not for others: tree.h is the interface. */
#ifndef LY_GENAI_TREE_I_H
#define LY_GENAI_TREE_I_H

#include "genai/tree.h"

#define LY_TREE_NOBODY UINT32_MAX
#define LY_TREE_MANY   (UINT32_MAX - 1)

/* Leaves of one class can be the same call; an embedding below a chat is another call. */
enum {
    LY_TREE_GENERATION,
    LY_TREE_EMBEDDING,
    LY_TREE_RERANK,
    LY_TREE_CLASSES,
};

typedef struct ly_tree_key_at {
    uint64_t key;
    uint32_t index;
} ly_tree_key_at;

/* What can be reached below a node without crossing a boundary, and what lies below at all. */
typedef struct ly_tree_below {
    uint32_t direct[LY_TREE_CLASSES]; /* counted, of that class: none, one (its index), or MANY */
    bool any;                         /* something counted anywhere below or here */
    bool cost;                        /* ... that has a cost */
} ly_tree_below;

typedef struct ly_tree_work {
    const ly_tree_node *nodes;
    uint32_t n;
    ly_tree_mark *marks;
    uint32_t *parent; /* index or NOBODY */
    uint32_t *order;  /* parents first */
    uint32_t n_order;
    ly_tree_below *below;
    ly_tree_key_at *sorted; /* by span id */
    uint32_t n_cycles;
} ly_tree_work;

uint64_t ly_tree_id_key(ly_span_id id);
int ly_tree_class(uint8_t type);     /* of a ly_type */
bool ly_tree_boundary(uint8_t type); /* what runs below is no part of the call above */

/* Takes from `from` what `to` does not know, where the totals of that side agree (§4.4). */
void ly_tree_fill(ly_tokens *to, const ly_tokens *from);

/* Among the counted leaves: those that tell of a call which another one tells of become its duplicates
 * (§4.5 rule 2, §4.6, instrumentations side by side). False without memory. */
bool ly_tree_merge_same(ly_tree_work *w, ly_arena *arena);

#endif
