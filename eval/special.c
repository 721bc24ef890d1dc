/* Special functions: see special.h. Source of each method is named where it stands. */
#include "eval/special.h"

#include <float.h>
#include <math.h>

double ly_norm_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt(2.0));
}

/* Wichura, Algorithm AS 241 (PPND16), about 1e-16 relative. */
static double ppnd16(double p)
{
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q *
               (((((((r * 2509.0809287301226727 + 33430.575583588128105) * r +
                     67265.770927008700853) *
                        r +
                    45921.953931549871457) *
                       r +
                   13731.693765509461125) *
                      r +
                  1971.5909503065514427) *
                     r +
                 133.14166789178437745) *
                    r +
                3.387132872796366608) /
               (((((((r * 5226.495278852545925 + 28729.085735721942674) * r +
                     39307.89580009271061) *
                        r +
                    21213.794301586595867) *
                       r +
                   5394.1960214247511077) *
                      r +
                  687.1870074920579083) *
                     r +
                 42.313330701600911252) *
                    r +
                1.0);
    }
    double r = q < 0 ? p : 1.0 - p;
    r = sqrt(-log(r));
    double x;
    if (r <= 5.0) {
        r -= 1.6;
        x = (((((((r * 7.7454501427834140764e-4 + .0227238449892691845833) * r +
                  .24178072517745061177) *
                     r +
                 1.27045825245236838258) *
                    r +
                3.64784832476320460504) *
                   r +
               5.7694972214606914055) *
                  r +
              4.6303378461565452959) *
                 r +
             1.42343711074968357734) /
            (((((((r * 1.05075007164441684324e-9 + 5.475938084995344946e-4) * r +
                  .0151986665636164571966) *
                     r +
                 .14810397642748007459) *
                    r +
                .68976733498510000455) *
                   r +
               1.6763848301838038494) *
                  r +
              2.05319162663775882187) *
                 r +
             1.0);
    } else {
        r -= 5.0;
        x = (((((((r * 2.01033439929228813265e-7 + 2.71155556874348757815e-5) * r +
                  .0012426609473880784386) *
                     r +
                 .026532189526576123093) *
                    r +
                .29656057182850489123) *
                   r +
               1.7848265399172913358) *
                  r +
              5.4637849111641143699) *
                 r +
             6.6579046435011037772) /
            (((((((r * 2.04426310338993978564e-15 + 1.4215117583164458887e-7) * r +
                  1.8463183175100546818e-5) *
                     r +
                 7.868691311456132591e-4) *
                    r +
                .0148753612908506148525) *
                   r +
               .13692988092273580531) *
                  r +
              .59983220655588793769) *
                 r +
             1.0);
    }
    return q < 0 ? -x : x;
}

double ly_norm_quantile(double p)
{
    if (!(p >= 0 && p <= 1)) {
        return NAN;
    }
    if (p == 0 || p == 1) {
        return p == 0 ? -INFINITY : INFINITY;
    }
    return ppnd16(p);
}

/* Continued fraction of I_x(a,b) by the modified Lentz method. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    if (fabs(d) < tiny) {
        d = tiny;
    }
    d = 1.0 / d;
    double h = d;
    for (int m = 1; m < 100000; m++) {
        double aa = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 + aa * d;
        c = 1.0 + aa / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        aa = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 + aa * d;
        c = 1.0 + aa / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        double step = d * c;
        h *= step;
        if (fabs(step - 1.0) < 1e-16) {
            break;
        }
    }
    return h;
}

/* lgamma sets a global sign: the reentrant form keeps threads apart. */
static double ln_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static double ln_beta(double a, double b)
{
    return ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
}

double ly_ibeta(double a, double b, double x)
{
    if (!(a > 0) || !(b > 0) || !(x >= 0) || !(x <= 1)) {
        return NAN;
    }
    if (x == 0 || x == 1) {
        return x;
    }
    double front = exp(a * log(x) + b * log1p(-x) - ln_beta(a, b));
    if (x > (a + 1.0) / (a + b + 2.0)) {
        return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
    }
    return front * beta_fraction(a, b, x) / a;
}

double ly_ibeta_inv(double a, double b, double p)
{
    if (!(a > 0) || !(b > 0) || !(p >= 0) || !(p <= 1)) {
        return NAN;
    }
    if (p == 0 || p == 1) {
        return p;
    }
    double lo = 0, hi = 1, x = a / (a + b);
    double lb = ln_beta(a, b);
    for (int i = 0; i < 400; i++) {
        double f = ly_ibeta(a, b, x) - p;
        if (f == 0) {
            break;
        }
        if (f > 0) {
            hi = x;
        } else {
            lo = x;
        }
        /* Newton where it stays inside of the bracket, else bisection. */
        double slope = exp((a - 1) * log(x) + (b - 1) * log1p(-x) - lb);
        double next = slope > 0 && isfinite(slope) ? x - f / slope : -1;
        if (!(next > lo && next < hi)) {
            next = lo + (hi - lo) / 2;
        }
        if (fabs(next - x) <= DBL_EPSILON * x * 0.5 || next == x) {
            x = next;
            break;
        }
        x = next;
    }
    return x;
}

double ly_t_sf(double t, double df)
{
    if (!(df > 0) || isnan(t)) {
        return NAN;
    }
    if (isinf(t)) {
        return t > 0 ? 0.0 : 1.0;
    }
    double tail;
    if (t * t < df) {
        /* Near the centre the complement is the exact side. */
        tail = 0.5 - 0.5 * ly_ibeta(0.5, df / 2, t * t / (df + t * t));
    } else {
        tail = 0.5 * ly_ibeta(df / 2, 0.5, df / (df + t * t));
    }
    return t >= 0 ? tail : 1.0 - tail;
}

double ly_t_p2(double t, double df)
{
    return 2.0 * ly_t_sf(fabs(t), df);
}

double ly_t_quantile(double p, double df)
{
    if (!(df > 0) || !(p > 0) || !(p < 1)) {
        return NAN;
    }
    if (p == 0.5) {
        return 0;
    }
    double tail = p < 0.5 ? p : 1 - p;
    double x = ly_ibeta_inv(df / 2, 0.5, 2 * tail);
    double t = sqrt(df * (1 - x) / x);
    /* One Newton step on the tail: the inverse loses digits where x is near 1. */
    for (int i = 0; i < 3; i++) {
        double dens = exp(ln_gamma((df + 1) / 2) - ln_gamma(df / 2) - 0.5 * log(df * acos(-1.0)) -
                          (df + 1) / 2 * log1p(t * t / df));
        double step = (ly_t_sf(t, df) - tail) / dens;
        if (!isfinite(step)) {
            break;
        }
        t += step;
        if (fabs(step) <= 1e-16 * fabs(t)) {
            break;
        }
    }
    return p < 0.5 ? -t : t;
}

/* Upper regularised gamma Q(a, x): series below a+1, continued fraction above (Numerical Recipes §6.2). */
static double gamma_q(double a, double x)
{
    if (x <= 0) {
        return 1.0;
    }
    double ln_front = a * log(x) - x - ln_gamma(a);
    if (x < a + 1) {
        double sum = 1 / a, term = sum;
        for (int n = 1; n < 100000; n++) {
            term *= x / (a + n);
            sum += term;
            if (term < sum * 1e-17) {
                break;
            }
        }
        return 1.0 - sum * exp(ln_front);
    }
    const double tiny = 1e-300;
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
    for (int i = 1; i < 100000; i++) {
        double an = -i * (i - a);
        b += 2;
        d = an * d + b;
        d = fabs(d) < tiny ? tiny : d;
        c = b + an / c;
        c = fabs(c) < tiny ? tiny : c;
        d = 1 / d;
        double step = d * c;
        h *= step;
        if (fabs(step - 1) < 1e-16) {
            break;
        }
    }
    return h * exp(ln_front);
}

double ly_chi2_sf(double x, double df)
{
    return df > 0 && x >= 0 ? gamma_q(df / 2, x / 2) : NAN;
}

double ly_f_sf(double f, double df1, double df2)
{
    if (!(f >= 0) || !(df1 > 0) || !(df2 > 0)) {
        return NAN;
    }
    return ly_ibeta(df2 / 2, df1 / 2, df2 / (df2 + df1 * f));
}

double ly_ln_choose(double n, double k)
{
    return ln_gamma(n + 1) - ln_gamma(k + 1) - ln_gamma(n - k + 1);
}

double ly_binom_pmf(int64_t k, int64_t n, double p)
{
    if (k < 0 || k > n || !(p >= 0) || !(p <= 1)) {
        return k < 0 || k > n ? 0 : NAN;
    }
    if (p == 0 || p == 1) {
        return (p == 0 ? k == 0 : k == n) ? 1 : 0;
    }
    double dn = (double)n, dk = (double)k;
    if (p == 0.5 && n <= 1000) {
        /* Exact enough to keep 1e-12: products of small integers, not differences of logarithms. */
        double r = 1;
        int64_t m = k < n - k ? k : n - k;
        int64_t halved = 0;
        for (int64_t i = 1; i <= m; i++) {
            r = r * (double)(n - m + i) / (double)i;
            while (r > 1e200 && halved < n) {
                r *= 0.5;
                halved++;
            }
        }
        return ldexp(r, (int)(halved - n));
    }
    return exp(ly_ln_choose(dn, dk) + dk * log(p) + (dn - dk) * log1p(-p));
}

double ly_binom_cdf(int64_t k, int64_t n, double p)
{
    if (n < 0 || !(p >= 0) || !(p <= 1)) {
        return NAN;
    }
    if (k < 0) {
        return 0;
    }
    if (k >= n) {
        return 1;
    }
    if (n <= 1000) {
        /* Sum from the small tail. */
        double sum = 0;
        if (2 * k <= n) {
            for (int64_t i = 0; i <= k; i++) {
                sum += ly_binom_pmf(i, n, p);
            }
            return sum;
        }
        for (int64_t i = n; i > k; i--) {
            sum += ly_binom_pmf(i, n, p);
        }
        return 1 - sum;
    }
    return ly_ibeta((double)(n - k), (double)k + 1, 1 - p);
}

int64_t ly_binom_quantile(double q, int64_t n, double p)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (ly_binom_cdf(mid, n, p) >= q) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

/*
 * P(T' > c) of a noncentral t: mix the normal tail over the chi distribution of the scale,
 * integral over s of phi-tail(c*s - ncp) * f(s), Simpson's rule over a range that holds all mass.
 */
static double nct_sf(double c, double df, double ncp)
{
    double ln_k = log(2.0) + df / 2 * log(df / 2) - ln_gamma(df / 2);
    double sd = 1 / sqrt(2 * df);
    double lo = 1 - 12 * sd > 1e-9 ? 1 - 12 * sd : 1e-9, hi = 1 + 12 * sd + 2 / df;
    const int n = 4000;
    double h = (hi - lo) / n, sum = 0;
    for (int i = 0; i <= n; i++) {
        double s = lo + h * i;
        double dens = exp(ln_k + (df - 1) * log(s) - df * s * s / 2);
        double w = i == 0 || i == n ? 1 : i % 2 ? 4 : 2;
        sum += w * dens * ly_norm_cdf(ncp - c * s);
    }
    return sum * h / 3;
}

double ly_t_power(double ncp, double df, double alpha)
{
    if (!(df > 0) || !(alpha > 0) || !(alpha < 1)) {
        return NAN;
    }
    double c = ly_t_quantile(1 - alpha / 2, df);
    return nct_sf(c, df, ncp) + nct_sf(c, df, -ncp);
}
