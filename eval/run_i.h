/* Inside the engine (run.h): run.c drives calls and writes, run_case.c makes cases and comparisons. */
#ifndef LY_EVAL_RUN_I_H
#define LY_EVAL_RUN_I_H

#include "eval/outside.h"
#include "eval/run.h"
#include "eval/writer.h"

/* Answers are written together by the writing thread: GROUP_MS after the first at the latest, or when
 * GROUP of them wait, so that a commit's sync is shared; while it is busy they gather, up to GATHER, then
 * nothing new is started. A kill in between costs what a kill during a call costs. */
enum {
    FIRST_CALLS = 5,
    POLL_MS = 100,
    DRAIN_MS = 10000,
    GROUP = 64,
    GROUP_MS = 10,
    GATHER = 512,
    GATHER_BYTES = 2 << 20, /* of spans */
    PAGE_ROWS = 500
};

typedef struct ly_engine ly_engine;

/* One case on its way. */
typedef struct ly_active {
    ly_engine *e;
    ly_arena arena;
    int64_t row, target, repeat;
    ly_str key;   /* of the row */
    ly_str input; /* the row, of targets that are no prompt */
    ly_json *vars;
    ly_record_place place;
    ly_case about;
    ly_score *scores; /* one a judge */
    size_t waiting;   /* judgements not told yet, plus one while they are being asked */
    bool discard;     /* cut off: not to be written */
    bool pair;        /* not a case but a comparison of two: its score is added to a stored case */
} ly_active;

/* One asked judgement of a case. */
typedef struct verdict_wait {
    ly_active *c;
    size_t judge;
    ly_record_place place;
} verdict_wait;

struct ly_engine {
    ly_store *store;
    const uint8_t *run_id;
    const ly_suite *suite;
    const ly_eval_opts *opts;
    ly_llm *llm;
    ly_recorder *rec;
    ly_writer *writer;
    ly_write_batch *batch, *spare; /* being filled; empty ones */
    /* the page of rows in memory */
    ly_arena rows_arena;
    ly_row *rows;
    size_t n_page;
    int64_t page_from, n_rows;
    uint8_t *finished; /* bit a case */
    int64_t n_cases, next;
    /* Comparisons come after the cases: steps n_cases .. n_steps, pairwise judge by judge, pair by pair. */
    int64_t n_steps;
    size_t n_pair_judges;
    ly_outside *outside; /* commands and URLs; NULL when there are none */
    size_t n_active, max_active;
    /* totals */
    ly_eval_progress p;
    int64_t started_ns, told_ns, written_ns, next_cost_count;
    int64_t calls_ok, calls_bad;
    ly_eval_end end;
    bool stopping;
    char text[LY_ERR_TEXT_MAX];
    ly_status failed;
    ly_err err;
};

/* The first failure ends the run. */
void ly_engine_fail(ly_engine *e, ly_status st, const ly_err *err);
void ly_active_free(ly_active *c);
/* index < n_cases. */
LY_MUST_USE ly_status ly_engine_start_case(ly_engine *e, int64_t index, ly_err *err);
/* index of a comparison, from 0; both cases are in the file. */
LY_MUST_USE ly_status ly_engine_start_pair(ly_engine *e, int64_t index, ly_err *err);

#endif
