/* Intervals of means, proportions and quantiles (stats.h, reference §1.1 to §1.3). */
#include "eval/stats.h"

#include <math.h>

#include "base/mem.h"
#include "eval/special.h"

static const ly_interval undefined = {NAN, NAN, false};

static bool all_finite(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

bool ly_score_tie(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(1, fmax(fabs(a), fabs(b)));
}

bool ly_moments_of(const double *x, size_t n, ly_moments *ret)
{
    if (n == 0 || !all_finite(x, n)) {
        return false;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    double mean = sum / (double)n, s2 = 0, s3 = 0, s4 = 0;
    for (size_t i = 0; i < n; i++) {
        double d = x[i] - mean;
        s2 += d * d;
        s3 += d * d * d;
        s4 += d * d * d * d;
    }
    double dn = (double)n, m2 = s2 / dn;
    ly_moments m = {.n = n, .mean = mean};
    m.var = n > 1 ? s2 / (dn - 1) : NAN;
    m.sd = sqrt(m.var);
    m.se = m.sd / sqrt(dn);
    m.skew = n > 1 && m2 > 0 ? s3 / dn / pow(m2, 1.5) : NAN;
    m.kurtosis = n > 1 && m2 > 0 ? s4 / dn / (m2 * m2) - 3 : NAN;
    *ret = m;
    return true;
}

double ly_quantile_sorted(const double *sorted, size_t n, double q)
{
    if (n == 0 || !(q >= 0 && q <= 1)) {
        return NAN;
    }
    double h = (double)(n - 1) * q;
    size_t i = (size_t)h;
    if (i + 1 >= n) {
        return sorted[n - 1];
    }
    return sorted[i] + (h - (double)i) * (sorted[i + 1] - sorted[i]);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void ly_sort_doubles(double *x, size_t n)
{
    if (n > 1) {
        qsort(x, n, sizeof *x, compare_doubles);
    }
}

ly_interval ly_mean_t(const double *x, size_t n, double level)
{
    ly_moments m;
    if (n < 2 || !ly_moments_of(x, n, &m)) {
        return undefined;
    }
    double t = ly_t_quantile((1 + level) / 2, (double)n - 1);
    return (ly_interval){m.mean - t * m.se, m.mean + t * m.se, true};
}

ly_interval ly_wilson(int64_t k, int64_t n, double level)
{
    if (n <= 0 || k < 0 || k > n) {
        return undefined;
    }
    double z = ly_norm_quantile((1 + level) / 2), dn = (double)n, p = (double)k / dn;
    double den = 1 + z * z / dn, centre = (p + z * z / (2 * dn)) / den;
    double half = z * sqrt(p * (1 - p) / dn + z * z / (4 * dn * dn)) / den;
    return (ly_interval){k == 0 ? 0 : centre - half, k == n ? 1 : centre + half, true};
}

ly_interval ly_clopper_pearson(int64_t k, int64_t n, double level)
{
    if (n <= 0 || k < 0 || k > n) {
        return undefined;
    }
    double a = (1 - level) / 2, dk = (double)k, dn = (double)n;
    double lo = k == 0 ? 0 : ly_ibeta_inv(dk, dn - dk + 1, a);
    double hi = k == n ? 1 : ly_ibeta_inv(dk + 1, dn - dk, 1 - a);
    return (ly_interval){lo, hi, true};
}

ly_interval ly_beta_interval(int64_t k, int64_t n, double prior, double level)
{
    if (n < 0 || k < 0 || k > n || !(prior > 0)) {
        return undefined;
    }
    double a = (double)k + prior, b = (double)(n - k) + prior, tail = (1 - level) / 2;
    return (ly_interval){ly_ibeta_inv(a, b, tail), ly_ibeta_inv(a, b, 1 - tail), true};
}

double ly_binom_test(int64_t k, int64_t n, double p0)
{
    if (n <= 0 || k < 0 || k > n) {
        return NAN;
    }
    double limit = ly_binom_pmf(k, n, p0) * (1 + 1e-7), sum = 0;
    for (int64_t i = 0; i <= n; i++) {
        double q = ly_binom_pmf(i, n, p0);
        if (q <= limit) {
            sum += q;
        }
    }
    return sum < 1 ? sum : 1;
}

static double jackknife_accel(const double *x, size_t n, double mean)
{
    /* Leave-one-out means are mean + (mean - x_i)/(n-1): only the deviations matter. */
    double s2 = 0, s3 = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (x[i] - mean) / (double)(n - 1);
        s2 += d * d;
        s3 += d * d * d;
    }
    return s2 > 0 ? s3 / (6 * pow(s2, 1.5)) : 0;
}

ly_status ly_bootstrap_mean(const double *x, size_t n, size_t draws, double level, ly_prng *rng,
                            ly_bootstrap *ret, ly_err *err)
{
    ly_moments m;
    ly_bootstrap b = {.percentile = undefined, .bca = undefined};
    if (n < 2 || draws < 2 || !ly_moments_of(x, n, &m)) {
        *ret = b;
        return LY_OK;
    }
    double *reps = ly_calloc(draws, sizeof *reps);
    if (!reps) {
        return LY_NOMEM(err);
    }
    size_t below = 0, equal = 0;
    double sum = 0;
    for (size_t r = 0; r < draws; r++) {
        double s = 0;
        for (size_t i = 0; i < n; i++) {
            s += x[ly_prng_below(rng, n)];
        }
        double mean = s / (double)n;
        reps[r] = mean;
        sum += mean;
        if (fabs(mean - m.mean) <= 1e-12 * fmax(1, fabs(m.mean))) {
            equal++;
        } else if (mean < m.mean) {
            below++;
        }
    }
    b.ok = true;
    b.mean_of_replicates = sum / (double)draws;
    double s2 = 0;
    for (size_t r = 0; r < draws; r++) {
        double d = reps[r] - b.mean_of_replicates;
        s2 += d * d;
    }
    b.se = sqrt(s2 / (double)(draws - 1));
    ly_sort_doubles(reps, draws);
    double tail = (1 - level) / 2;
    b.percentile = (ly_interval){ly_quantile_sorted(reps, draws, tail),
                                 ly_quantile_sorted(reps, draws, 1 - tail), true};
    b.accel = jackknife_accel(x, n, m.mean);
    b.z0 = ly_norm_quantile(((double)below + (double)equal / 2) / (double)draws);
    if (isfinite(b.z0) && m.var > 0) {
        double z1 = b.z0 + ly_norm_quantile(tail), z2 = b.z0 + ly_norm_quantile(1 - tail);
        double a1 = ly_norm_cdf(b.z0 + z1 / (1 - b.accel * z1));
        double a2 = ly_norm_cdf(b.z0 + z2 / (1 - b.accel * z2));
        b.bca = (ly_interval){ly_quantile_sorted(reps, draws, a1),
                              ly_quantile_sorted(reps, draws, a2), true};
    }
    ly_free(reps);
    *ret = b;
    return LY_OK;
}

ly_status ly_cluster_mean(const double *x, const size_t *cluster, size_t n, size_t n_clusters,
                          double level, ly_cluster *ret, ly_err *err)
{
    ly_moments m;
    ly_cluster c = {.interval = undefined};
    double *sum = NULL;
    size_t *size = NULL;
    ly_status status = LY_OK;
    if (n < 2 || !ly_moments_of(x, n, &m)) {
        *ret = c;
        return LY_OK;
    }
    sum = ly_calloc(n_clusters + 1, sizeof *sum);
    size = ly_calloc(n_clusters + 1, sizeof *size);
    if (!sum || !size) {
        status = LY_NOMEM(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (cluster[i] >= n_clusters) {
            status = LY_FAIL(err, LY_E_INVALID, "cluster number %zu of value %zu is past %zu",
                             cluster[i], i, n_clusters);
            goto out;
        }
        sum[cluster[i]] += x[i] - m.mean;
        size[cluster[i]]++;
    }
    double cr0 = 0, ssb = 0, sizes2 = 0;
    size_t groups = 0;
    for (size_t g = 0; g < n_clusters; g++) {
        if (size[g]) {
            groups++;
            cr0 += sum[g] * sum[g];
            ssb += sum[g] * sum[g] / (double)size[g];
            sizes2 += (double)size[g] * (double)size[g];
        }
    }
    double dn = (double)n, dg = (double)groups;
    c.n = n;
    c.clusters = groups;
    c.mean = m.mean;
    c.se_iid = m.se;
    c.se_cr0 = sqrt(cr0) / dn;
    if (groups >= 2) {
        c.ok = true;
        c.se_cr1 = c.se_cr0 * sqrt(dg / (dg - 1));
        c.deff = c.se_cr1 * c.se_cr1 / (c.se_iid * c.se_iid);
        double t = ly_t_quantile((1 + level) / 2, dg - 1);
        c.interval = (ly_interval){m.mean - t * c.se_cr1, m.mean + t * c.se_cr1, true};
        double msb = ssb / (dg - 1);
        double msw = groups < n ? (m.var * (dn - 1) - ssb) / (dn - dg) : NAN;
        double n0 = (dn - sizes2 / dn) / (dg - 1);
        c.icc = (msb - msw) / (msb + (n0 - 1) * msw);
    }
    *ret = c;
out:
    ly_free(sum);
    ly_free(size);
    return status;
}

ly_rank_interval ly_quantile_ranks(int64_t n, double q, double level)
{
    double a = (1 - level) / 2;
    int64_t lo = ly_binom_quantile(a, n, q), hi = ly_binom_quantile(1 - a, n, q) + 1;
    return (ly_rank_interval){lo, hi, ly_binom_cdf(hi - 1, n, q) - ly_binom_cdf(lo - 1, n, q)};
}

bool ly_ratio(const double *a, const double *b, size_t n, double *ret, double *ret_se)
{
    double sa = 0, sb = 0, e2 = 0;
    if (n < 2 || !all_finite(a, n) || !all_finite(b, n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        sa += a[i];
        sb += b[i];
    }
    if (sb == 0) {
        return false;
    }
    double r = sa / sb, dn = (double)n;
    for (size_t i = 0; i < n; i++) {
        double e = a[i] - r * b[i];
        e2 += e * e;
    }
    *ret = r;
    *ret_se = sqrt(e2 / ((dn - 1) * dn)) / (sb / dn);
    return true;
}

ly_status ly_estimate_mean(const double *x, size_t n, double level, ly_prng *rng, ly_estimate *ret,
                           ly_err *err)
{
    ly_moments m;
    ly_estimate e = {.n = n, .mean = NAN, .interval = undefined, .method = "none"};
    if (!ly_moments_of(x, n, &m)) {
        *ret = e;
        return LY_OK;
    }
    e.ok = true;
    e.mean = m.mean;
    int64_t ones = 0;
    e.binary = true;
    for (size_t i = 0; i < n; i++) {
        e.binary = e.binary && (x[i] == 0 || x[i] == 1);
        ones += x[i] == 1;
    }
    if (e.binary) {
        e.interval = ly_wilson(ones, (int64_t)n, level);
        e.method = "Wilson";
    } else if (n >= 2) {
        if (n < 30 && m.var > 0) {
            ly_bootstrap b;
            ly_status status = ly_bootstrap_mean(x, n, 2000, level, rng, &b, err);
            if (status) {
                return status;
            }
            e.interval = b.bca;
            e.method = "BCa";
        }
        if (!e.interval.ok) {
            e.interval = ly_mean_t(x, n, level);
            e.method = "t";
        }
    }
    *ret = e;
    return LY_OK;
}
