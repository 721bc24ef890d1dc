/*
 * Runs of evaluations: one execution of a suite, its cases (row x target x repeat) with their scores,
 * and the replies that were paid for. What is finished is written as it is done, so a run that was
 * stopped goes on where it was.
 */
#ifndef LY_STORE_RUN_H
#define LY_STORE_RUN_H

#include "store/score.h"

typedef struct ly_run {
    uint8_t run_id[16];
    ly_str experiment; /* the name that groups runs; may be empty */
    ly_str suite;      /* JSON: what was run (eval/suite.h) */
    ly_str state;      /* "running", "done", "stopped" */
    ly_str dataset;    /* name */
    int64_t dataset_number, n_rows;
    int64_t started_ns;
    int64_t ended_ns;          /* LY_UNKNOWN while it has not ended */
    ly_str summary;            /* JSON, may be empty */
    int64_t n_cases, n_failed; /* stored so far */
    int64_t cost_pico;         /* sum of known amounts; LY_UNKNOWN when none is known */
} ly_run;

/* Makes a run; draws run_id. */
LY_MUST_USE ly_status ly_run_make(ly_store *store, ly_str experiment, ly_str suite, ly_str dataset,
                                  int64_t dataset_number, uint8_t ret_id[16], ly_err *err);
/* state and, where not empty, summary. "done" and "stopped" also set the end. */
LY_MUST_USE ly_status ly_run_state(ly_store *store, const uint8_t id[16], ly_str state,
                                   ly_str summary, ly_err *err);
/* By a unique prefix (at least 4 hex digits), "@last", "@last~N" or an experiment's name (its latest). */
LY_MUST_USE ly_status ly_run_get(ly_store *store, ly_str what, ly_arena *arena, ly_run *ret,
                                 ly_err *err);
/* Newest first. experiment empty = all. limit 0 = 20. */
LY_MUST_USE ly_status ly_run_list(ly_store *store, ly_str experiment, size_t limit, ly_arena *arena,
                                  ly_run **ret_rows, size_t *ret_n, ly_err *err);

typedef struct ly_case {
    int64_t row;    /* position in the data set version */
    int64_t target; /* index in the suite */
    int64_t repeat; /* 0-based */
    bool failed;    /* the target gave no output */
    ly_trace_id trace_id;
    ly_str output, error;
    int64_t duration_ns, cost_pico, tokens_in, tokens_out; /* LY_UNKNOWN */
    int64_t done_ns;
} ly_case;

/* One finished case with its scores (whose ids are drawn), and replies to keep. */
typedef struct ly_case_done {
    ly_case about;
    ly_score *scores;
    size_t n_scores;
    bool only_scores; /* the case is stored: row, target and repeat name it, its scores are added */
} ly_case_done;

typedef struct ly_reply_kept {
    uint8_t key[32];
    ly_str body;
} ly_reply_kept;

/* Writes cases and replies in one transaction each slice; a case that is there is left as it is. */
LY_MUST_USE ly_status ly_run_write(ly_store *store, const uint8_t id[16], ly_case_done *cases,
                                   size_t n, const ly_reply_kept *replies, size_t n_replies,
                                   ly_err *err);
/* Every case in order of row, target, repeat, without its output, borrowed for the call; memory does not
 * grow with the run. fn's error ends it and is returned. */
typedef ly_status (*ly_case_fn)(void *user, const ly_case *c, ly_err *err);
LY_MUST_USE ly_status ly_run_each_case(ly_store *store, const uint8_t id[16], ly_case_fn fn,
                                       void *user, ly_err *err);
/* The same with every score of the cases, by row, target, repeat, name; retracted ones left out. */
typedef ly_status (*ly_case_score_fn)(void *user, const ly_score *score, ly_err *err);
LY_MUST_USE ly_status ly_run_each_score(ly_store *store, const uint8_t id[16], ly_case_score_fn fn,
                                        void *user, ly_err *err);
/* One case. LY_E_NOTFOUND without text when it is not stored. */
LY_MUST_USE ly_status ly_run_case(ly_store *store, const uint8_t id[16], int64_t row,
                                  int64_t target, int64_t repeat, ly_arena *arena, ly_case *ret,
                                  ly_err *err);
/* Forgets the cases that failed, with their scores, and comparisons of two outputs that could not be scored, so
 * that a resumed run does them again; *ret_n = how many cases. */
LY_MUST_USE ly_status ly_run_forget_failed(ly_store *store, const uint8_t id[16], int64_t *ret_n,
                                           ly_err *err);
/* All cases, by row, target, repeat. */
LY_MUST_USE ly_status ly_run_cases(ly_store *store, const uint8_t id[16], ly_arena *arena,
                                   ly_case **ret_rows, size_t *ret_n, ly_err *err);
/* All scores of the cases, by row, target, repeat, name; retracted ones left out. */
LY_MUST_USE ly_status ly_run_scores(ly_store *store, const uint8_t id[16], ly_arena *arena,
                                    ly_score **ret_rows, size_t *ret_n, ly_err *err);

/* A reply that was paid for, LY_E_NOTFOUND without text when there is none. */
LY_MUST_USE ly_status ly_call_cache_get(ly_store *store, const uint8_t key[32], ly_arena *arena,
                                        ly_str *ret_body, ly_err *err);

#endif
