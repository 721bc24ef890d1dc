/*
 * Special functions and the distributions that the statistics need, in double precision.
 *
 * Everything reduces to the regularised incomplete beta and gamma functions and the normal
 * distribution. Arguments outside of the domain give NaN, never a made-up number. All functions are
 * pure and safe from any thread. Formulas and vectors: reference/judges-and-statistics.md §1.0.
 */
#ifndef LY_EVAL_SPECIAL_H
#define LY_EVAL_SPECIAL_H

#include <stdint.h>

/* Standard normal: P(Z <= z) and its inverse (Wichura's AS 241, one Newton step). */
double ly_norm_cdf(double z);
double ly_norm_quantile(double p);

/* Regularised incomplete beta I_x(a,b), a,b > 0 (Lentz continued fraction), and its inverse in x. */
double ly_ibeta(double a, double b, double x);
double ly_ibeta_inv(double a, double b, double p);

/* Student t with df > 0 degrees of freedom: P(T > t), the two-sided p of |t|, and the quantile. */
double ly_t_sf(double t, double df);
double ly_t_p2(double t, double df);
double ly_t_quantile(double p, double df);
/* Upper tails of chi-squared and F. */
double ly_chi2_sf(double x, double df);
double ly_f_sf(double f, double df1, double df2);

/* Binomial: pmf, P(X <= k). 0 <= k <= n, 0 <= p <= 1. */
double ly_binom_pmf(int64_t k, int64_t n, double p);
double ly_binom_cdf(int64_t k, int64_t n, double p);
/* The smallest k with P(X <= k) >= q. */
int64_t ly_binom_quantile(double q, int64_t n, double p);
/* ln C(n, k). */
double ly_ln_choose(double n, double k);
/* Power of a two-sided t-test with noncentrality ncp, by quadrature of the noncentral t. */
double ly_t_power(double ncp, double df, double alpha);

#endif
