/*
 * What a run says: means with intervals, paired comparisons with verdicts, gates. Computed from the stored
 * cases and scores each time, so that an older run is read by today's statistics.
 *
 * The unit is the row: repeats are averaged within their row first. A score that is missing is counted by
 * its reason and bounds are given; it is never a 0. Comparisons are on the rows where both targets have a
 * score; p values are Holm-adjusted over all comparisons of the report, and a direction needs the
 * adjusted p too.
 */
#ifndef LY_EVAL_REPORT_H
#define LY_EVAL_REPORT_H

#include "eval/rank.h"
#include "eval/stats.h"
#include "store/run.h"
#include "text/json.h"

typedef struct ly_reason_count {
    ly_str reason;
    int64_t n;
} ly_reason_count;

/* One judge on one target. */
typedef struct ly_report_cell {
    int64_t n_total, n_scored, n_abstained, n_unscored; /* judgements */
    ly_reason_count *reasons;                           /* of the unscored */
    size_t n_reasons;
    int64_t n_rows;     /* rows with a score: what the interval counts */
    ly_estimate mean;   /* over rows */
    double worst, best; /* mean if all unscored were 0 / 1; equal to the mean when there are none */
    double *row_values; /* n_rows of the report; NaN = none */
} ly_report_cell;

typedef struct ly_report_pair {
    size_t judge, baseline, candidate;
    ly_comparison c;
    double p_adjusted;
    ly_verdict verdict;
} ly_report_pair;

/*
 * One candidate against another target by a pairwise judge. The comparison is of the net preference of a row:
 * 1 won, -1 lost, 0 tie or unsettled (the two orders disagree), averaged over repeats. Rows whose judgement
 * failed or abstained are not in it; they are counted.
 */
enum { LY_REPORT_MAX_DUELS = 1024 };
typedef struct ly_report_duel {
    size_t judge, candidate, against;
    int64_t n, wins, ties, losses, unsettled, abstained, unscored; /* judgements */
    double win_rate;                         /* of the settled ones, a tie as half; NaN = none */
    ly_interval consistent;                  /* share of those read in both orders that agree */
    int64_t first_favoured, second_favoured; /* of the unsettled: the slot that won both times */
    double p_position;                       /* sign test of the two */
    int64_t longer_won, shorter_won;         /* of the won and lost */
    double p_length;
    ly_comparison c;
    double *net, *counts; /* by row */
} ly_report_duel;

typedef struct ly_report_target {
    ly_str name, model, prompt;
    int64_t n_cases, n_failed;
    double p50_ns, p95_ns; /* latency of calls that were made; NaN = none */
    int64_t tokens_in, tokens_out, cost_pico;
} ly_report_target;

typedef struct ly_report_judge {
    ly_str name;
    bool llm;
    ly_str hash;
    bool unit;           /* all values within [0,1] */
    bool pairwise;       /* its comparisons with the baseline stand in `pairs` too */
    const ly_rank *rank; /* of pairwise judges with three targets and more; NULL = none */
} ly_report_judge;

typedef struct ly_report {
    ly_run run;
    char run_hex[33];
    ly_report_target *targets;
    size_t n_targets;
    ly_report_judge *judges;
    size_t n_judges;
    int64_t n_rows, repeat, n_expected; /* cases that the run should have */
    ly_report_cell *cells;              /* judge-major: cells[judge * n_targets + target] */
    ly_report_pair *pairs;
    size_t n_pairs;
    ly_report_duel *duels;
    size_t n_duels;
    double level, margin;
    size_t baseline;
    ly_str gate; /* YAML of the suite's gate, or empty */
    ly_str judge_model;
    bool mixed_models; /* a judge was answered by more than one served model */
} ly_report;

typedef struct ly_report_opts {
    double level, margin; /* 0 = the suite's */
    ly_str baseline;      /* empty = the suite's */
} ly_report_opts;

LY_MUST_USE ly_status ly_report_load(ly_store *store, ly_str run, const ly_report_opts *opts,
                                     ly_arena *arena, ly_report **ret, ly_err *err);
/* Two runs over the same data set version: each target of `candidate` against the baseline target of `baseline`,
 * judge by judge (same name and same hash; others are left out and named in *ret_note). */
LY_MUST_USE ly_status ly_report_compare(ly_store *store, ly_str baseline, ly_str candidate,
                                        const ly_report_opts *opts, ly_arena *arena,
                                        ly_report **ret, ly_str *ret_note, ly_err *err);
/* The whole report as one JSON document. */
LY_MUST_USE ly_status ly_report_json(const ly_report *report, ly_buf *out, ly_err *err);

/* ---- gates ---------------------------------------------------------------------------------------------- */

typedef enum ly_gate_answer { LY_GATE_PASS, LY_GATE_FAIL, LY_GATE_CANNOT_SAY } ly_gate_answer;
const char *ly_gate_answer_name(ly_gate_answer answer);

typedef struct ly_gate_line {
    ly_gate_answer answer;
    ly_str text;
} ly_gate_line;

/*
 * A gate is YAML: a list, or a map with `gate:` that holds one, of rules:
 *
 *     - judge: correctness       # as in the report
 *       target: cited.txt        # missing: every target but the baseline (every one, if it is alone)
 *       min: 0.8                 # the interval lies above: pass; below: fail; else it cannot be said
 *       require: non-inferior    # improved | non-inferior | not-regressed, against the baseline
 *       margin: 0.05
 *       max_unscored: 0.05       # share; more cannot be said from
 */
LY_MUST_USE ly_status ly_gate_check(ly_str yaml, ly_report *report, ly_arena *arena,
                                    ly_gate_line **ret_lines, size_t *ret_n,
                                    ly_gate_answer *ret_answer, ly_err *err);
/* The lines as JUnit XML. */
void ly_gate_junit(const ly_gate_line *lines, size_t n, ly_str name, ly_buf *out);

#endif
