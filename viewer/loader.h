/*
 * A trace read beside the screens: a thread with a connection of its own, so that keys work while 600,000 spans
 * come in, and Esc stops it. One trace at a time.
 *
 *     start -> (most are there within LY_LOADER_WAIT_NS: the reader sees no difference)
 *           -> poll, each tick, until it is done -> the caller takes over what was read
 *
 * Without a thread (tests, no memory) ly_loaded_read does the same work at once. Not here: what becomes of a
 * loaded trace (trace_screen.c).
 */
#ifndef LY_VIEWER_LOADER_H
#define LY_VIEWER_LOADER_H

#include "viewer/rows.h"

#define LY_LOADER_WAIT_NS (100 * LY_NS_PER_MS)

/* What is kept of a trace; all in the arena. */
typedef struct ly_loaded {
    ly_arena arena;
    ly_trace *trace;
    ly_sums *sums;
    uint8_t *flags; /* four a node, zero: folded, opened, match, critical */
} ly_loaded;

/* Fills *ret; its arena is the caller's then. `work` is scratch. Errors of ly_store_trace_load. */
LY_MUST_USE ly_status ly_loaded_read(ly_store *store, ly_trace_id id, ly_arena *work,
                                     ly_loaded *ret, ly_err *err);
/* Does the file say the same of the trace as what was read of it? */
bool ly_loaded_current(ly_store *store, const ly_trace_row *row, ly_arena *work);

typedef struct ly_loader ly_loader;

/* Of a database file. NULL without memory. */
ly_loader *ly_loader_new(const char *path);
/* Stops what runs and waits for it. */
void ly_loader_free(ly_loader *loader);
/* Begins with a trace; what ran is stopped. known: what was read of it before, NULL = nothing: then it is not read
 * again when nothing changed. False without a thread. */
LY_MUST_USE bool ly_loader_start(ly_loader *loader, ly_trace_id id, const ly_trace_row *known);
/* Tells it to stop without waiting: what it is about may take a moment. ly_loader_over says when it has. */
void ly_loader_cancel(ly_loader *loader);
bool ly_loader_over(ly_loader *loader);
bool ly_loader_runs(const ly_loader *loader);
/* Spans read so far. */
size_t ly_loader_done(ly_loader *loader);
/*
 * Waits for at most so long. True when it is done, and then not again: *ret_st is how it went, *ret what was read (the
 * caller's now), its trace NULL when nothing changed.
 */
bool ly_loader_poll(ly_loader *loader, int64_t wait_ns, ly_loaded *ret, ly_status *ret_st,
                    ly_err *err);

#endif
