/*
 * Rankings from verdicts on pairs: Bradley-Terry, P(i beats j) = pi_i / (pi_i + pi_j), fitted by Hunter's
 * MM steps on a table of wins in which a tie is half a win for each. Formulas, vector R1:
 * reference/judges-and-statistics.md §1.13.
 */
#ifndef LY_EVAL_RANK_H
#define LY_EVAL_RANK_H

#include "eval/stats.h"

enum { LY_RANK_MAX = 64 };

typedef struct ly_rank {
    size_t n;
    double pi[LY_RANK_MAX];   /* geometric mean 1 */
    double beta[LY_RANK_MAX]; /* ln pi */
    double elo[LY_RANK_MAX];  /* 1000 + 400 log10 pi: a display, no sequential Elo */
    double se[LY_RANK_MAX];   /* of beta, under sum zero */
    double cov[LY_RANK_MAX][LY_RANK_MAX];
    double loglik;
    bool
        smoothed; /* somebody never lost, or groups never met: half a win was added to each pair that met */
    bool ok; /* 2 to LY_RANK_MAX players, all connected by games */
} ly_rank;

/* wins[i * n + j]: how often i beat j, a tie as a half for each; the diagonal is ignored. ret is large: keep
 * it off small stacks. */
void ly_bradley_terry(const double *wins, size_t n, ly_rank *ret);
/* beta_i - beta_j with the interval at `level`, as one of `of` (Bonferroni; 1 = alone). */
typedef struct ly_rank_gap {
    double diff, se;
    ly_interval interval;
} ly_rank_gap;
ly_rank_gap ly_rank_difference(const ly_rank *r, size_t i, size_t j, double level, size_t of);

#endif
