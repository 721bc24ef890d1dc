/* Planning, smallest findable differences and repeats (stats.h, reference §1.7 and §1.8). */
#include "eval/stats.h"

#include <math.h>

#include "eval/special.h"

double ly_z_sum2(double alpha, double power)
{
    double z = ly_norm_quantile(1 - alpha / 2) + ly_norm_quantile(power);
    return z * z;
}

double ly_rows_for_mean(double alpha, double power, double omega2, double var_a, double k_a,
                        double var_b, double k_b, double delta)
{
    return ly_z_sum2(alpha, power) * (omega2 + var_a / k_a + var_b / k_b) / (delta * delta);
}

double ly_rows_for_mcnemar(double alpha, double power, double psi, double delta)
{
    double left = psi - delta * delta;
    if (left < 0 || delta == 0) {
        return NAN;
    }
    double z = ly_norm_quantile(1 - alpha / 2) * sqrt(psi) + ly_norm_quantile(power) * sqrt(left);
    return z * z / (delta * delta);
}

double ly_rows_for_two(double alpha, double power, double p1, double p2)
{
    double d = p1 - p2;
    return ly_z_sum2(alpha, power) * (p1 * (1 - p1) + p2 * (1 - p2)) / (d * d);
}

double ly_mde_mean(double alpha, double power, double sd, size_t n)
{
    return n > 0 ? sqrt(ly_z_sum2(alpha, power)) * sd / sqrt((double)n) : NAN;
}

double ly_mde_mcnemar(double alpha, double power, double psi, size_t n)
{
    if (n == 0 || !(psi > 0)) {
        return NAN;
    }
    /* Connor's n falls as delta grows to psi, its largest possible value. */
    double lo = 1e-9, hi = psi;
    if (ly_rows_for_mcnemar(alpha, power, psi, hi) > (double)n) {
        return NAN;
    }
    for (int i = 0; i < 200; i++) {
        double mid = (lo + hi) / 2;
        if (ly_rows_for_mcnemar(alpha, power, psi, mid) > (double)n) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return hi;
}

double ly_rows_for_t(double alpha, double power, double dz)
{
    double lo = 2.0001, hi = 4;
    if (!(dz > 0)) {
        return NAN;
    }
    while (ly_t_power(dz * sqrt(hi), hi - 1, alpha) < power && hi < 1e9) {
        hi *= 2;
    }
    for (int i = 0; i < 100; i++) {
        double mid = (lo + hi) / 2;
        if (ly_t_power(dz * sqrt(mid), mid - 1, alpha) < power) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return hi;
}

ly_components ly_repeat_components(const double *x, size_t rows, size_t k)
{
    ly_components c = {0};
    if (rows < 2 || k < 1) {
        return c;
    }
    double total = 0;
    for (size_t i = 0; i < rows * k; i++) {
        if (!isfinite(x[i])) {
            return c;
        }
        total += x[i];
    }
    c.grand = total / (double)(rows * k);
    double ssb = 0, ssw = 0;
    for (size_t r = 0; r < rows; r++) {
        double mean = 0;
        for (size_t j = 0; j < k; j++) {
            mean += x[r * k + j];
        }
        mean /= (double)k;
        ssb += (mean - c.grand) * (mean - c.grand);
        for (size_t j = 0; j < k; j++) {
            ssw += (x[r * k + j] - mean) * (x[r * k + j] - mean);
        }
    }
    double dk = (double)k, dr = (double)rows;
    c.msb = dk * ssb / (dr - 1);
    c.msw = k > 1 ? ssw / (dr * (dk - 1)) : NAN;
    c.within = c.msw;
    c.between = (c.msb - c.msw) / dk;
    c.icc = (c.msb - c.msw) / (c.msb + (dk - 1) * c.msw);
    c.se = sqrt(c.msb / (dr * dk));
    c.ok = true;
    return c;
}

double ly_repeat_variance(const ly_components *c, size_t rows, size_t k)
{
    return (c->between + c->within / (double)k) / (double)rows;
}

double ly_pass_at_k(int64_t n, int64_t c, int64_t k)
{
    if (k < 1 || k > n || c < 0 || c > n) {
        return NAN;
    }
    if (n - c < k) {
        return 1;
    }
    double miss = 1;
    for (int64_t i = n - c + 1; i <= n; i++) {
        miss *= 1 - (double)k / (double)i;
    }
    return 1 - miss;
}

double ly_pass_hat_k(int64_t n, int64_t c, int64_t k)
{
    if (k < 1 || k > n || c < 0 || c > n) {
        return NAN;
    }
    double p = 1;
    for (int64_t i = 0; i < k; i++) {
        p *= c - i > 0 ? (double)(c - i) / (double)(n - i) : 0;
    }
    return p;
}
