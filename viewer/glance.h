/*
 * What the list of traces says of one beyond its summary row: what was asked, calls repeated in a loop, the
 * first error, scores. It takes reading the trace, so it is made in idle moments for the rows that are on the
 * screen and kept (ly_app_work); a row without one yet is shown without it.
 *
 *     ly_glance_get(&glances, row)            NULL until made; never allocates
 *     ly_glance_due(&glances, row, change, now)  is there something to make or to refresh?
 *     ly_glance_make(&glances, store, row, change, now)
 */
#ifndef LY_VIEWER_GLANCE_H
#define LY_VIEWER_GLANCE_H

#include "store/store.h"

/* Clean one-line texts, cut. */
typedef struct ly_glance {
    ly_trace_id id;
    int64_t n_spans, n_errors, end_ns; /* of the row that it was made of */
    uint64_t change;                   /* commits seen then */
    int64_t at_ns;
    uint32_t n_loops, longest; /* calls of the longest loop */
    char asked[160];           /* the last user message of the first call */
    char loop[80];             /* "search x7" */
    char error[200];           /* "T web.fetch +18.2s 429 too many requests" */
    char scores[200];          /* "helpfulness 0.42 (judge)  groundedness 0.91 (judge)" */
    char score[32];            /* the newest: "helpfulness 0.42" */
} ly_glance;

typedef struct ly_glances {
    ly_glance *items; /* open addressing over cap, a power of two */
    uint8_t *used;
    size_t n, cap;
    ly_arena work;
} ly_glances;

/* Does not allocate. */
void ly_glances_init(ly_glances *glances);
void ly_glances_release(ly_glances *glances);
const ly_glance *ly_glance_get(const ly_glances *glances, const ly_trace_row *row);
/* Missing, or the row has changed, or others committed and it is some seconds old (a score came). */
bool ly_glance_due(const ly_glances *glances, const ly_trace_row *row, uint64_t change,
                   int64_t now_ns);
/* Makes it anew; what cannot be read stays empty. True when it says something else than before. */
bool ly_glance_make(ly_glances *glances, ly_store *store, const ly_trace_row *row, bool unicode,
                    uint64_t change, int64_t now_ns);
/* It is due again: something was stored about the trace. */
void ly_glance_forget(ly_glances *glances, ly_trace_id id);

/* Hashes of the arguments of calls that stand in a row of equal ones (others 0): tells a loop from repeated
 * work. In `arena`; `work` is used and reset. */
uint64_t *ly_trace_args(ly_store *store, const ly_trace *trace, ly_arena *arena, ly_arena *work);

#endif
