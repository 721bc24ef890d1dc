/*
 * The thread that writes a run: spans through the caller's function, then cases and paid replies through
 * the store. It owns the store handle from start to stop, so the thread that drives the calls never waits
 * for a commit.
 *
 *     the run's thread: fill a batch ── ly_writer_push ──> [queue] ──> writer thread: store
 *                       ly_writer_finished <── [finished] <──────────────┘
 *
 * A batch belongs to the run's thread before push and after it came back from ly_writer_finished. What a
 * batch points to must stay until then; the run's thread may read it meanwhile (a reply that waits to be
 * written answers an equal call). Between batches the thread settles the traces it stored.
 */
#ifndef LY_EVAL_WRITER_H
#define LY_EVAL_WRITER_H

#include "eval/record.h"
#include "store/run.h"

enum { LY_WRITER_MAX_WAITING = 2 }; /* batches on their way; more are refused */

typedef struct ly_write_batch {
    ly_buf spans; /* from ly_record_take; empty = none */
    ly_case_done *cases;
    void **owners; /* one a case: what to free afterwards */
    size_t n, cap, cap_owners;
    ly_reply_kept *kept;
    size_t n_kept, cap_kept;
    ly_arena arena; /* of the kept bodies */
    ly_status status;
    ly_err err;
} ly_write_batch;

LY_MUST_USE ly_status ly_write_batch_new(ly_write_batch **ret, ly_err *err);
void ly_write_batch_reset(ly_write_batch *b); /* keeps memory */
void ly_write_batch_free(ly_write_batch *b);

typedef struct ly_writer ly_writer;

/* record NULL = spans are dropped. Starts the thread. */
LY_MUST_USE ly_status ly_writer_start(ly_store *store, const uint8_t run_id[16],
                                      ly_record_fn record, void *user, ly_writer **ret,
                                      ly_err *err);
/* True: taken. False: as many wait as may (LY_WRITER_MAX_WAITING), nothing happened. */
LY_MUST_USE bool ly_writer_push(ly_writer *w, ly_write_batch *b);
/* Batches pushed and not come back. */
size_t ly_writer_waiting(const ly_writer *w);
/* The i-th of them, oldest first, to read. */
const ly_write_batch *ly_writer_peek(const ly_writer *w, size_t i);
/* One that is written (status tells), or NULL after at most timeout_ms; at once when none waits. */
ly_write_batch *ly_writer_finished(ly_writer *w, int64_t timeout_ms);
/* Writes what waits, ends the thread, frees; batches not come back are freed too. The store handle is the
 * caller's again. NULL is allowed. */
void ly_writer_stop(ly_writer *w);

#endif
