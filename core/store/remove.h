/*
 * Inside the store room: taking traces out, shared by forgetting (`trace rm`) and retention.
 */
#ifndef LY_STORE_REMOVE_H
#define LY_STORE_REMOVE_H

#include "store/internal.h"

/* A growing set of row numbers; sorted and made unique by ly_idset_sort. */
typedef struct ly_idset {
    int64_t *ids;
    size_t n, cap;
} ly_idset;
LY_MUST_USE bool ly_idset_add(ly_idset *set, int64_t id);
void ly_idset_sort(ly_idset *set);
size_t ly_idset_find(const ly_idset *set, int64_t id); /* sorted; SIZE_MAX = not in it */

typedef struct ly_removal {
    ly_store *store;
    bool forget; /* by the user's wish: anonymise the ledger, drop scores and cached calls too */
    ly_idset contents;                 /* row numbers that removed payloads named */
    ly_idset words, resources, scopes; /* that removed rows named (forget) */
    ly_store_removed counts;
    ly_arena arena;
} ly_removal;

void ly_removal_init(ly_removal *r, ly_store *store, bool forget);
void ly_removal_release(ly_removal *r);
/* Removes up to a slice of one trace in one write turn; *ret_done when nothing of it is left. */
LY_MUST_USE ly_status ly_removal_slice(ly_removal *r, const ly_summary *trace, bool *ret_done,
                                       ly_err *err);
/* One write turn over log records without a trace, from *key on: those that the query passes go. */
LY_MUST_USE ly_status ly_removal_loose(ly_removal *r, const ly_trace_query *query,
                                       ly_store_key *key, bool *ret_done, ly_err *err);
/* After the traces: removes of `contents` what no other payload names, in slices. */
LY_MUST_USE ly_status ly_removal_contents(ly_removal *r, ly_err *err);
/* unused.c: of words, resources and scopes, those that nothing names any more go. In slices; a run that
 * was stopped is finished by the next. */
LY_MUST_USE ly_status ly_removal_unused(ly_removal *r, ly_err *err);
/* Pinned, or named by a data-set row, a human score or a run that an alias moved on. */
LY_MUST_USE ly_status ly_trace_evidence(ly_db *db, const ly_summary *trace, bool *ret, ly_err *err);

#endif
