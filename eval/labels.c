/* Few human labels beside many judge scores: PPI++ and Rogan-Gladen (stats.h, reference §1.10). */
#include "eval/stats.h"

#include <math.h>

#include "eval/special.h"

static double mean_of(const double *x, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++) {
        s += x[i];
    }
    return s / (double)n;
}

/* Population variance of y - lambda f. */
static double var_rectified(const double *y, const double *f, size_t n, double lambda)
{
    double m = 0, v = 0;
    for (size_t i = 0; i < n; i++) {
        m += y[i] - lambda * f[i];
    }
    m /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = y[i] - lambda * f[i] - m;
        v += d * d;
    }
    return v / (double)n;
}

/* ppi_py's convention: covariance ddof 0 on the labelled, variance ddof 1 on all judge scores. */
static double best_lambda(const double *y, const double *f, size_t n, const double *u, size_t big_n)
{
    double my = mean_of(y, n), mf = mean_of(f, n), cov = 0;
    for (size_t i = 0; i < n; i++) {
        cov += (y[i] - my) * (f[i] - mf);
    }
    cov /= (double)n;
    double all = (mf * (double)n + mean_of(u, big_n) * (double)big_n) / (double)(n + big_n), v = 0;
    for (size_t i = 0; i < n; i++) {
        v += (f[i] - all) * (f[i] - all);
    }
    for (size_t i = 0; i < big_n; i++) {
        v += (u[i] - all) * (u[i] - all);
    }
    v /= (double)(n + big_n - 1);
    double lambda = v > 0 ? cov / ((1 + (double)n / (double)big_n) * v) : 0;
    return lambda < 0 ? 0 : lambda > 1 ? 1 : lambda;
}

ly_ppi ly_ppi_mean(const double *y, const double *f, size_t n, const double *unlabelled,
                   size_t big_n, double lambda, double level)
{
    ly_ppi r = {0};
    if (n < 2 || big_n < 2) {
        return r;
    }
    r.lambda = lambda < 0 ? best_lambda(y, f, n, unlabelled, big_n) : lambda;
    double mu = mean_of(unlabelled, big_n), vu = 0;
    for (size_t i = 0; i < big_n; i++) {
        vu += (unlabelled[i] - mu) * (unlabelled[i] - mu);
    }
    vu /= (double)big_n;
    r.estimate = r.lambda * mu + mean_of(y, n) - r.lambda * mean_of(f, n);
    r.se = sqrt(r.lambda * r.lambda * vu / (double)big_n +
                var_rectified(y, f, n, r.lambda) / (double)n);
    double z = ly_norm_quantile((1 + level) / 2);
    r.interval = (ly_interval){r.estimate - z * r.se, r.estimate + z * r.se, true};
    r.ok = isfinite(r.estimate) && isfinite(r.se);
    return r;
}

static double clip(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

ly_rogan_gladen ly_rogan(double p, double n, double q0, double m0, double q1, double m1,
                         double level)
{
    ly_rogan_gladen r = {0};
    double den = q0 + q1 - 1;
    if (!(den > 0.05) || !(n > 0) || !(m0 > 0) || !(m1 > 0)) {
        return r; /* a judge this near to guessing cannot be corrected */
    }
    double t = clip((p + q0 - 1) / den);
    r.estimate = t;
    r.se_delta = sqrt(p * (1 - p) / n + (1 - t) * (1 - t) * q0 * (1 - q0) / m0 +
                      t * t * q1 * (1 - q1) / m1) /
                 den;
    double z = ly_norm_quantile((1 + level) / 2);
    double n2 = n + z * z, p2 = (n * p + z * z / 2) / n2;
    double s0 = (m0 * q0 + 1) / (m0 + 2), s1 = (m1 * q1 + 1) / (m1 + 2), k0 = m0 + 2, k1 = m1 + 2;
    double den2 = s0 + s1 - 1, t2 = clip((p2 + s0 - 1) / den2);
    r.smoothed = t2;
    r.shift = 2 * z * z * (-(1 - t2) * s0 * (1 - s0) / k0 + t2 * s1 * (1 - s1) / k1);
    r.se = sqrt(p2 * (1 - p2) / n2 + (1 - t2) * (1 - t2) * s0 * (1 - s0) / k0 +
                t2 * t2 * s1 * (1 - s1) / k1) /
           den2;
    r.interval = (ly_interval){clip(t2 + r.shift - z * r.se), clip(t2 + r.shift + z * r.se), true};
    r.ok = true;
    return r;
}
