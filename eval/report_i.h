/* Inside reports: comparisons by pairwise judges (duel.c). */
#ifndef LY_EVAL_REPORT_I_H
#define LY_EVAL_REPORT_I_H

#include "eval/report.h"

/* One stored score of a pairwise judge. */
LY_MUST_USE ly_status ly_duel_take(ly_report *r, size_t judge, const ly_score *s, ly_arena *work,
                                   ly_arena *arena, ly_err *err);
/* Statistics of all, and the rankings. */
LY_MUST_USE ly_status ly_duel_finish(ly_report *r, ly_arena *arena, ly_err *err);
/* NULL when there is none. */
const ly_report_duel *ly_duel_find(const ly_report *r, size_t judge, size_t candidate,
                                   size_t against);

#endif
