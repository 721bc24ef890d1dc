/* Inside the store: scores as run.c writes and reads them within its own statements. */
#ifndef LY_STORE_SCORE_I_H
#define LY_STORE_SCORE_I_H

#include "store/db.h"
#include "store/score.h"

#define LY_SCORE_COLUMNS                                                                           \
    "s.score_id, s.trace_id, s.span_id, s.session, s.name, s.value, s.label, s.reason, s.source, " \
    "s.outcome, s.detail, s.actor, s.at_ns, s.retracted_ns, lower(hex(r.run_id)), c.row, "         \
    "c.target, c.repeat"

/* Inserts in the caller's transaction; run and case are row ids, 0 = none. */
LY_MUST_USE ly_status ly_score_insert(ly_db *db, ly_score *score, int64_t run, int64_t case_id,
                                      bool *ret_made, ly_err *err);
/* Reads one row / all rows of a statement over LY_SCORE_COLUMNS. */
void ly_score_read(ly_stmt *s, ly_arena *arena, ly_score *ret);
LY_MUST_USE ly_status ly_score_gather(ly_db *db, ly_stmt *s, ly_arena *arena, ly_score **ret_rows,
                                      size_t *ret_n, ly_err *err);

#endif
