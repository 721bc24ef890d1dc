/*
 * How good a judge is: calibration of graded judges, agreement of numbers, and the alternative annotator
 * test (may a judge replace a person?). Formulas and vectors A2, A6, AL1, K1:
 * reference/judges-and-statistics.md §1.11 and §1.12. Kappa, alpha and correlations: stats.h.
 */
#ifndef LY_EVAL_AUDIT_H
#define LY_EVAL_AUDIT_H

#include "eval/stats.h"

enum { LY_CALIBRATION_MAX_BINS = 50 };

typedef struct ly_calibration_bin {
    double lo, hi;
    size_t n;
    double confidence, accuracy; /* means; NaN for an empty bin */
} ly_calibration_bin;

typedef struct ly_calibration {
    size_t n, bins;
    ly_calibration_bin bin[LY_CALIBRATION_MAX_BINS];
    double ece, mce;               /* equal-width bins, closed on the right (Guo 2017) */
    double equal_mass_gap;         /* the mean gap over four bins of equal count */
    double brier, log_loss, auroc; /* auroc NaN with one class only */
    bool ok;
} ly_calibration;
/* p in [0,1], y 0 or 1. */
ly_calibration ly_calibrate(const double *p, const double *y, size_t n, size_t bins);

/* Lin's concordance, mean absolute and mean (signed) difference of x from y. NaN when undefined. */
double ly_lin_ccc(const double *x, const double *y, size_t n);
double ly_mean_abs_error(const double *x, const double *y, size_t n);
double ly_mean_error(const double *x, const double *y, size_t n);
/* Shrout-Fleiss ICC of rows x raters, no missing: (1,1), (2,1), (3,1). */
typedef struct ly_icc {
    double one, two, three, one_k, two_k, three_k;
    bool ok;
} ly_icc;
ly_icc ly_icc_of(const double *x, size_t rows, size_t raters);

enum { LY_ALT_MAX_RATERS = 64 };

typedef struct ly_alt_rater {
    size_t items;            /* with at least one other rater and a judge's label */
    double judge_share;      /* mean W^f: how often the judge is at least as good */
    double rater_share;      /* mean W^h */
    double t, p, p_adjusted; /* Benjamini-Yekutieli over raters */
    bool rejected;           /* the judge is not worse than this rater by epsilon or more */
    bool enough;             /* items >= min_items; others are left out */
} ly_alt_rater;

typedef struct ly_alt_test {
    size_t raters, used;
    ly_alt_rater rater[LY_ALT_MAX_RATERS];
    double winning_rate; /* omega: share rejected; passes at 0.5 */
    double advantage;    /* mean of judge_share */
    bool passes;
    bool ok; /* some rater has enough items */
} ly_alt_test;
/* labels: raters x items, rater-major, NaN = missing; judge: items. graded: closeness is minus the root mean
 * squared difference instead of agreement. epsilon .2 experts, .15 skilled, .1 crowd. */
ly_alt_test ly_alt_test_of(const double *labels, size_t raters, size_t items, const double *judge,
                           bool graded, double epsilon, size_t min_items, double alpha);

#endif
