/*
 * Statistics of scores: intervals, paired comparison, verdict, multiplicity, power, agreement.
 *
 * Conventions: IEEE doubles; a NaN or infinity in the input, or too few values, makes the result
 * `ok == false` ("undefined"), never 0. Variances divide by n-1 unless stated. Quantiles are type 7
 * (linear, h = (n-1)q). Ties are |a-b| <= 1e-12*max(1,|a|,|b|). Nothing allocates unless stated;
 * everything is safe from any thread.
 * Formulas and the test vectors (M1, C1, P1, B1, ...): reference/judges-and-statistics.md §1.
 */
#ifndef LY_EVAL_STATS_H
#define LY_EVAL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "eval/prng.h"

/* ---- intervals (interval.c) -------------------------------------------------------------------- */

typedef struct ly_interval {
    double lo, hi;
    bool ok;
} ly_interval;

/* Moments of a sample. */
typedef struct ly_moments {
    size_t n;
    double mean, var, sd, se; /* ddof 1; var, sd, se are NaN for n < 2 */
    double skew, kurtosis;    /* g1 and excess g2; NaN when sd is 0 or n < 2 */
} ly_moments;

/* True when two scores are the same number up to the tie tolerance. */
bool ly_score_tie(double a, double b);
LY_MUST_USE bool ly_moments_of(const double *x, size_t n, ly_moments *ret);
/* Type-7 quantile of a sorted sample, n >= 1. */
double ly_quantile_sorted(const double *sorted, size_t n, double q);
/* Sorts doubles ascending in place. */
void ly_sort_doubles(double *x, size_t n);

/* Mean with Student's t; n >= 2. level is 0.95 and so on. */
ly_interval ly_mean_t(const double *x, size_t n, double level);
/* k successes of n. */
ly_interval ly_wilson(int64_t k, int64_t n, double level);
ly_interval ly_clopper_pearson(int64_t k, int64_t n, double level);
/* Equal-tailed Beta(k+prior, n-k+prior); prior 0.5 is Jeffreys. */
ly_interval ly_beta_interval(int64_t k, int64_t n, double prior, double level);
/* Two-sided exact binomial test of k/n against p0 (the sum of outcomes no likelier than k). */
double ly_binom_test(int64_t k, int64_t n, double p0);

/* Bootstrap of the mean with `draws` replicates from the generator; needs n >= 2. Allocates. */
typedef struct ly_bootstrap {
    double mean_of_replicates, se;
    ly_interval percentile, bca;
    double z0, accel;
    bool ok; /* bca.ok is false where the sample is constant */
} ly_bootstrap;
LY_MUST_USE ly_status ly_bootstrap_mean(const double *x, size_t n, size_t draws, double level,
                                        ly_prng *rng, ly_bootstrap *ret, ly_err *err);

/* Cluster-robust standard error of a mean (CR0 and CR1), t with G-1 degrees of freedom. `cluster[i]` are
 * numbers 0..n_clusters-1; fewer than two clusters with members is undefined. Allocates. */
typedef struct ly_cluster {
    size_t n, clusters;
    double mean, se_iid, se_cr0, se_cr1, deff; /* deff = (cr1/iid)^2 */
    double icc;                                /* ICC(1) by analysis of variance */
    ly_interval interval;
    bool ok;
} ly_cluster;
LY_MUST_USE ly_status ly_cluster_mean(const double *x, const size_t *cluster, size_t n,
                                      size_t n_clusters, double level, ly_cluster *ret,
                                      ly_err *err);

/* Distribution-free interval of quantile q by order statistics: 1-based ranks. */
typedef struct ly_rank_interval {
    int64_t lo, hi;
    double coverage;
} ly_rank_interval;
ly_rank_interval ly_quantile_ranks(int64_t n, double q, double level);
/* Ratio sum(a)/sum(b) with its delta-method standard error. */
LY_MUST_USE bool ly_ratio(const double *a, const double *b, size_t n, double *ret, double *ret_se);

/* The preferred interval of one metric's values by §1.1's table: Wilson when all values are 0 or 1,
 * BCa for fewer than 30 values (t where BCa is undefined), else t. `method` is a static string. */
typedef struct ly_estimate {
    size_t n;
    double mean;
    ly_interval interval;
    const char *method;
    bool binary;
    bool ok; /* n > 0 */
} ly_estimate;
LY_MUST_USE ly_status ly_estimate_mean(const double *x, size_t n, double level, ly_prng *rng,
                                       ly_estimate *ret, ly_err *err);

/* ---- paired comparison (paired.c) -------------------------------------------------------------- */

/* Both right, only the first, only the second, neither. */
typedef struct ly_pairs2 {
    int64_t n11, n10, n01, n00;
} ly_pairs2;

double ly_mcnemar_exact(ly_pairs2 t);
double ly_mcnemar_midp(ly_pairs2 t);
/* Interval of p_first - p_second. */
ly_interval ly_newcombe10(ly_pairs2 t, double level);
ly_interval ly_tango(ly_pairs2 t, double level);
ly_interval ly_bonett_price(ly_pairs2 t, double level);
/* P(first > second) with a Beta(prior, prior) on the discordant pairs. */
double ly_pairs_posterior(ly_pairs2 t, double prior);

typedef struct ly_paired_t {
    size_t n;
    double mean, sd, se, t, df, p, dz;
    ly_interval interval;
    bool ok; /* n >= 2; with sd == 0, p is NaN unless the mean is 0 (then 1) */
} ly_paired_t;
ly_paired_t ly_paired(const double *d, size_t n, double level);
/* Two-sided sign-flip permutation test of the mean: all 2^n for n <= 20, else `draws` with
 * p = (1+#)/(1+draws). */
double ly_sign_flip(const double *d, size_t n, size_t draws, ly_prng *rng);
/* Wilcoxon signed rank, zeros dropped, exact with midranks for n <= 25, else normal with ties. */
double ly_wilcoxon(const double *d, size_t n);
/* Two-sided sign test of wins against losses. */
double ly_sign_test(int64_t wins, int64_t losses);
/* Hodges-Lehmann location; allocates; NaN when memory is out or n == 0. */
double ly_hodges_lehmann(const double *d, size_t n);
/* One-sided p: noninferior rejects mean <= -margin; equivalence is the larger of both sides. */
double ly_noninferior_p(const double *d, size_t n, double margin);
double ly_tost_p(const double *d, size_t n, double margin);

/* What a comparison concludes. */
#define LY_VERDICT_LIST(X)                     \
    X(LY_VERDICT_INCONCLUSIVE, "inconclusive") \
    X(LY_VERDICT_IMPROVED, "improved")         \
    X(LY_VERDICT_REGRESSED, "regressed")       \
    X(LY_VERDICT_EQUIVALENT, "equivalent")     \
    X(LY_VERDICT_NONINFERIOR, "non-inferior")
typedef enum ly_verdict {
#define LY_VERDICT_ENUM(id, text) id,
    LY_VERDICT_LIST(LY_VERDICT_ENUM)
#undef LY_VERDICT_ENUM
        LY_VERDICT__COUNT
} ly_verdict;
const char *ly_verdict_name(ly_verdict verdict);
/* The rule of §1.5 for an interval of (new - old), higher better; margin 0 = no equivalence asked.
 * `equiv` is the (1-2 alpha) interval that equivalence uses. */
ly_verdict ly_verdict_of(ly_interval diff, ly_interval equiv, double margin);

/* The whole comparison of one metric on the same rows: values a (baseline) and b (candidate), already
 * averaged within row. The difference is b - a. */
typedef struct ly_comparison {
    size_t n;
    bool binary; /* all values 0 or 1: McNemar mid-p and Newcombe, else sign-flip and t */
    double mean_a, mean_b, diff;
    ly_interval interval;
    double p;
    const char *test; /* static: "McNemar mid-p", "sign-flip" */
    const char *interval_method;
    int64_t wins, ties, losses; /* of b over a */
    double mde;                 /* smallest difference this n finds with power 0.8, alpha 1-level */
    ly_verdict verdict;
    bool ok; /* n >= 2 */
} ly_comparison;
typedef struct ly_compare_opts {
    double level;  /* 0.95 */
    double margin; /* 0 = none */
    bool lower_is_better;
} ly_compare_opts;
LY_MUST_USE ly_status ly_compare(const double *a, const double *b, size_t n,
                                 const ly_compare_opts *opts, ly_prng *rng, ly_comparison *ret,
                                 ly_err *err);

/* ---- two independent groups (groups.c), only where rows differ ----------------------------------- */

/* Newcombe's interval of p1 - p2 and Fisher's exact two-sided p. */
ly_interval ly_newcombe_two(int64_t k1, int64_t n1, int64_t k2, int64_t n2, double level);
double ly_fisher_p(int64_t a, int64_t b, int64_t c, int64_t d);
typedef struct ly_welch {
    double diff, se, t, df, p;
    bool ok;
} ly_welch;
ly_welch ly_welch_t(const double *a, size_t na, const double *b, size_t nb);

/* ---- several tests at once (adjust.c) ------------------------------------------------------------ */

/* Adjusted p in input order; p and out may be the same array. m <= 4096. */
void ly_holm(const double *p, size_t m, double *out);
void ly_hochberg(const double *p, size_t m, double *out);
void ly_bh(const double *p, size_t m, double *out);
void ly_by(const double *p, size_t m, double *out);
/* Westfall-Young max-T over sign flips shared by all rows of d (n_rows x n, row major). Full enumeration
 * for n <= 16, else `draws`. studentised: |t| instead of |mean|. Allocates. */
LY_MUST_USE ly_status ly_max_t(const double *d, size_t n_rows, size_t n, bool studentised,
                               size_t draws, ly_prng *rng, double *out_raw, double *out_adjusted,
                               ly_err *err);

/* ---- planning (power.c) --------------------------------------------------------------------------- */

/* (z_{alpha/2} + z_beta)^2 */
double ly_z_sum2(double alpha, double power);
/* Rows for a paired mean with K repeats a side (Miller §5); a K of INFINITY is allowed. */
double ly_rows_for_mean(double alpha, double power, double omega2, double var_a, double k_a,
                        double var_b, double k_b, double delta);
/* Rows for McNemar (Connor): psi = share discordant, delta = difference. */
double ly_rows_for_mcnemar(double alpha, double power, double psi, double delta);
/* Rows a group for two proportions, unpooled. */
double ly_rows_for_two(double alpha, double power, double p1, double p2);
/* Smallest difference a finished run can find; NaN where no difference can be. */
double ly_mde_mean(double alpha, double power, double sd, size_t n);
double ly_mde_mcnemar(double alpha, double power, double psi, size_t n);
/* Exact rows of a paired t-test (noncentral t), fractional. */
double ly_rows_for_t(double alpha, double power, double dz);

/* Repeats: rows x k values, row major (one-way random effects). */
typedef struct ly_components {
    double grand, msb, msw, within, between, icc, se;
    bool ok;
} ly_components;
ly_components ly_repeat_components(const double *x, size_t rows, size_t k);
/* Predicted variance of the mean with k repeats. */
double ly_repeat_variance(const ly_components *c, size_t rows, size_t k);
/* Chen's pass@k and pass^k of c successes in n tries. */
double ly_pass_at_k(int64_t n, int64_t c, int64_t k);
double ly_pass_hat_k(int64_t n, int64_t c, int64_t k);

/* ---- agreement (agree.c) --------------------------------------------------------------------------- */

/* From a q x q table of counts (row = first rater). weights: 0 none, 1 linear, 2 quadratic. */
typedef struct ly_kappa {
    double po, pe, kappa, se;
    ly_interval interval;
    bool ok;
} ly_kappa;
ly_kappa ly_cohen(const double *table, size_t q, int weights, double level);
double ly_scott_pi(const double *table, size_t q);
double ly_gwet_ac1(const double *table, size_t q);
double ly_matthews(double tp, double fp, double fn, double tn);
/* Counts: rows x categories, equal raters a row. */
double ly_fleiss(const double *counts, size_t rows, size_t q);
/* Krippendorff's alpha; values rater-major (raters x units), NaN = missing. Allocates; NaN when
 * undefined or memory is out. */
typedef enum ly_metric { LY_NOMINAL, LY_ORDINAL, LY_INTERVAL, LY_RATIO } ly_metric;
double ly_krippendorff(const double *values, size_t raters, size_t units, ly_metric metric);
double ly_pearson(const double *x, const double *y, size_t n);
double ly_spearman(const double *x, const double *y, size_t n);
double ly_kendall_b(const double *x, const double *y, size_t n);

/* ---- judges against labels (labels.c) ---------------------------------------------------------------- */

/* Prediction-powered mean (PPI++); lambda < 0 = the best one. */
typedef struct ly_ppi {
    double lambda, estimate, se;
    ly_interval interval;
    bool ok;
} ly_ppi;
ly_ppi ly_ppi_mean(const double *y, const double *f, size_t n, const double *unlabelled,
                   size_t big_n, double lambda, double level);
/* Rogan-Gladen with Lee's smoothing. */
typedef struct ly_rogan_gladen {
    double estimate, se_delta, smoothed, shift, se;
    ly_interval interval;
    bool ok;
} ly_rogan_gladen;
ly_rogan_gladen ly_rogan(double p, double n, double q0, double m0, double q1, double m1,
                         double level);

/* ---- watching while data arrive (sequence.c) ------------------------------------------------------------ */

/* Beta(1/2,1/2) mixture e-value of s successes and f failures against p0; reject at 1/alpha. */
double ly_e_value(int64_t s, int64_t f, double p0);
/* Its confidence sequence. */
ly_interval ly_e_interval(int64_t s, int64_t f, double alpha);

#endif
