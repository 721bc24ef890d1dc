/*
 * The engine: runs a suite's cases (row x target x repeat) and judges their outputs. The calling thread
 * drives calls and judges; a thread of its own writes (eval/writer.h).
 *
 * Pairwise judges compare the outputs of two targets once all cases are written.
 *
 *     rows -> case: render -> target's model -> judges -> done
 *                                                          \-> written with its scores and the replies
 *                                                              that were paid for, as it is done
 *
 * What is finished is in the file within 10 ms, many answers sharing a commit, so that a run killed at
 * any moment repeats no call whose reply was kept and loses no finished case. A case that a stop cut off
 * (no key, no quota, budget, interrupt) is not written; resuming does it.
 */
#ifndef LY_EVAL_RUN_H
#define LY_EVAL_RUN_H

#include "eval/record.h"
#include "eval/suite.h"
#include "store/run.h"

typedef struct ly_eval_progress {
    int64_t total, done, failed; /* of cases and, with pairwise judges, comparisons */
    int64_t before;              /* finished by an earlier part of the run */
    int64_t in_flight;
    int64_t cost_pico; /* spent by this part; LY_UNKNOWN when nothing is known */
    int64_t calls, cached, retries;
    int64_t elapsed_ns;
} ly_eval_progress;

/* Why it ended. */
typedef enum ly_eval_end {
    LY_EVAL_COMPLETE,
    LY_EVAL_INTERRUPTED, /* the caller's word */
    LY_EVAL_BUDGET,
    LY_EVAL_PROVIDER /* no key, no quota, or every call fails: `text` says it */
} ly_eval_end;

typedef struct ly_eval_opts {
    size_t jobs;         /* calls in flight, 0 = adaptive */
    int64_t budget_pico; /* 0 = none */
    /* Holds the worst case of a call before it is made and settles it after (core/cost's gate, lent by
     * the program); then every budget and the one above are kept exactly, also against other processes.
     * reserve: false refuses the call with *why, which must stay; every reserved call is settled. NULL =
     * the budget above is kept by the mean price of the calls so far. */
    bool (*reserve)(void *money, const ly_llm_call *call, const char **why);
    void (*settle)(void *money, const ly_llm_call *call, const ly_llm_result *result);
    /* false: what is held for the calls in flight leaves too little for more; the run waits for them
     * instead of ending early. Asked only while cases are in flight. May be NULL. */
    bool (*room)(void *money);
    void *money;
    const ly_price_book *book;
    /* A second handle on the same file, of the calling thread: rows and kept replies are read through it
     * while the writing thread uses the other. Required. */
    ly_store *reader;
    bool no_cache;
    int64_t timeout_ms;                                      /* of a command or URL; 0 = 600 000 */
    void (*progress)(void *user, const ly_eval_progress *p); /* a few times a second; may be NULL */
    bool (*interrupted)(void *user);                         /* may be NULL */
    ly_str on_behalf_of; /* whose calls these are: user.id of their spans; empty = nobody's */
    ly_record_fn record; /* stores spans, on the writing thread; NULL = none are made */
    void *user;
} ly_eval_opts;

typedef struct ly_eval_result {
    ly_eval_end end;
    ly_eval_progress progress;
    char text[LY_ERR_TEXT_MAX]; /* for PROVIDER and BUDGET */
} ly_eval_result;

LY_MUST_USE ly_status ly_eval_execute(ly_store *store, const uint8_t run_id[16],
                                      const ly_suite *suite, const ly_eval_opts *opts,
                                      ly_eval_result *ret, ly_err *err);

#endif
