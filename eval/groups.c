/* Two independent groups, for the case that the rows differ (stats.h, reference §1.4). */
#include "eval/stats.h"

#include <math.h>

#include "eval/special.h"

ly_interval ly_newcombe_two(int64_t k1, int64_t n1, int64_t k2, int64_t n2, double level)
{
    ly_interval a = ly_wilson(k1, n1, level), b = ly_wilson(k2, n2, level);
    if (!a.ok || !b.ok) {
        return (ly_interval){NAN, NAN, false};
    }
    double p1 = (double)k1 / (double)n1, p2 = (double)k2 / (double)n2;
    return (ly_interval){p1 - p2 - hypot(p1 - a.lo, b.hi - p2),
                         p1 - p2 + hypot(a.hi - p1, p2 - b.lo), true};
}

static double hyper_pmf(int64_t x, int64_t row1, int64_t col1, int64_t n)
{
    double r = (double)row1, c = (double)col1, dn = (double)n, dx = (double)x;
    return exp(ly_ln_choose(c, dx) + ly_ln_choose(dn - c, r - dx) - ly_ln_choose(dn, r));
}

double ly_fisher_p(int64_t a, int64_t b, int64_t c, int64_t d)
{
    int64_t row1 = a + b, col1 = a + c, n = a + b + c + d;
    int64_t lo = row1 + col1 - n > 0 ? row1 + col1 - n : 0, hi = row1 < col1 ? row1 : col1;
    double limit = hyper_pmf(a, row1, col1, n) * (1 + 1e-7), sum = 0;
    for (int64_t x = lo; x <= hi; x++) {
        double p = hyper_pmf(x, row1, col1, n);
        sum += p <= limit ? p : 0;
    }
    return sum < 1 ? sum : 1;
}

ly_welch ly_welch_t(const double *a, size_t na, const double *b, size_t nb)
{
    ly_welch w = {0};
    ly_moments ma, mb;
    if (na < 2 || nb < 2 || !ly_moments_of(a, na, &ma) || !ly_moments_of(b, nb, &mb)) {
        return w;
    }
    double va = ma.var / (double)na, vb = mb.var / (double)nb;
    if (va + vb <= 0) {
        return w;
    }
    w.diff = ma.mean - mb.mean;
    w.se = sqrt(va + vb);
    w.t = w.diff / w.se;
    w.df = (va + vb) * (va + vb) / (va * va / (double)(na - 1) + vb * vb / (double)(nb - 1));
    w.p = ly_t_p2(w.t, w.df);
    w.ok = true;
    return w;
}
