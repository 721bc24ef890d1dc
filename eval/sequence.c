/* Anytime-valid monitoring by a beta-mixture e-process (stats.h, reference §1.9). */
#include "eval/stats.h"

#include <math.h>

#include "eval/special.h"

static double ln_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static double ln_beta(double a, double b)
{
    return ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
}

static double ln_e(double s, double f, double p0)
{
    double miss = (s > 0 ? s * log(p0) : 0) + (f > 0 ? f * log1p(-p0) : 0);
    return ln_beta(0.5 + s, 0.5 + f) - ln_beta(0.5, 0.5) - miss;
}

double ly_e_value(int64_t s, int64_t f, double p0)
{
    return s < 0 || f < 0 || !(p0 > 0) || !(p0 < 1) ? NAN : exp(ln_e((double)s, (double)f, p0));
}

ly_interval ly_e_interval(int64_t s, int64_t f, double alpha)
{
    double n = (double)(s + f), limit = -log(alpha), bounds[2] = {0, 1};
    if (s < 0 || f < 0 || s + f == 0) {
        return (ly_interval){0, 1, s >= 0 && f >= 0};
    }
    double est = (double)s / n;
    for (int side = 0; side < 2; side++) {
        double in = est, out = side;
        if (est == (double)side) {
            bounds[side] = side;
            continue;
        }
        /* At the estimate itself the e-value may already pass the limit only for absurd alpha. */
        in = in <= 0 ? 1e-300 : in >= 1 ? 1 - 1e-16 : in;
        for (int i = 0; i < 200; i++) {
            double mid = (in + out) / 2;
            if (mid > 0 && mid < 1 && ln_e((double)s, (double)f, mid) < limit) {
                in = mid;
            } else {
                out = mid;
            }
        }
        bounds[side] = in;
    }
    return (ly_interval){bounds[0], bounds[1], true};
}
