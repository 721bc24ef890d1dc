/* Paired comparison of two targets on the same rows (stats.h, reference §1.5). */
#include "eval/stats.h"

#include <math.h>

#include "base/mem.h"
#include "eval/special.h"

static const ly_interval undefined = {NAN, NAN, false};

double ly_mcnemar_exact(ly_pairs2 t)
{
    int64_t n = t.n10 + t.n01, k = t.n10 < t.n01 ? t.n10 : t.n01;
    double p = 2 * ly_binom_cdf(k, n, 0.5);
    return n == 0 || p > 1 ? 1 : p;
}

double ly_mcnemar_midp(ly_pairs2 t)
{
    int64_t n = t.n10 + t.n01, k = t.n10 < t.n01 ? t.n10 : t.n01;
    if (n == 0) {
        return 1;
    }
    double p = 2 * ly_binom_cdf(k, n, 0.5) - ly_binom_pmf(k, n, 0.5);
    return p > 1 ? 1 : p;
}

/* Newcombe (1998), method 10: square-and-add of two Wilson intervals with the corrected phi. */
ly_interval ly_newcombe10(ly_pairs2 t, double level)
{
    int64_t n = t.n11 + t.n10 + t.n01 + t.n00;
    if (n <= 0) {
        return undefined;
    }
    double a = (double)t.n11, b = (double)t.n10, c = (double)t.n01, d = (double)t.n00;
    double dn = (double)n, p1 = (a + b) / dn, p2 = (a + c) / dn, diff = (b - c) / dn;
    ly_interval w1 = ly_wilson(t.n11 + t.n10, n, level), w2 = ly_wilson(t.n11 + t.n01, n, level);
    double prod = (a + b) * (c + d) * (a + c) * (b + d);
    double phi = 0;
    if (prod > 0) {
        double num = a * d - b * c;
        if (num > 0) {
            num = num - dn / 2 > 0 ? num - dn / 2 : 0;
        }
        phi = num / sqrt(prod);
    }
    double dl1 = p1 - w1.lo, du1 = w1.hi - p1, dl2 = p2 - w2.lo, du2 = w2.hi - p2;
    double lo2 = dl1 * dl1 - 2 * phi * dl1 * du2 + du2 * du2;
    double hi2 = dl2 * dl2 - 2 * phi * dl2 * du1 + du1 * du1;
    return (ly_interval){diff - sqrt(lo2 > 0 ? lo2 : 0), diff + sqrt(hi2 > 0 ? hi2 : 0), true};
}

/* Tango's (1998) score statistic for a difference of `delta`. */
static double tango_z(double b, double c, double n, double delta)
{
    double qa = 2 * n, qb = -b - c + (2 * n - b + c) * delta, qc = -c * delta * (1 - delta);
    double root = qb * qb - 4 * qa * qc;
    double p21 = (sqrt(root > 0 ? root : 0) - qb) / (2 * qa);
    double var = n * (2 * p21 + delta * (1 - delta));
    double num = b - c - n * delta;
    if (var <= 0) {
        return num == 0 ? 0 : num > 0 ? INFINITY : -INFINITY;
    }
    return num / sqrt(var);
}

ly_interval ly_tango(ly_pairs2 t, double level)
{
    double b = (double)t.n10, c = (double)t.n01, n = (double)(t.n11 + t.n10 + t.n01 + t.n00);
    if (n <= 0) {
        return undefined;
    }
    double z = ly_norm_quantile((1 + level) / 2), est = (b - c) / n;
    double bounds[2];
    for (int side = 0; side < 2; side++) {
        /* The statistic falls as delta grows: bisect between the estimate and the edge. */
        double in = est, out = side == 0 ? -1 : 1;
        for (int i = 0; i < 200; i++) {
            double mid = (in + out) / 2;
            if (fabs(tango_z(b, c, n, mid)) <= z) {
                in = mid;
            } else {
                out = mid;
            }
        }
        bounds[side] = in;
    }
    return (ly_interval){bounds[0], bounds[1], true};
}

ly_interval ly_bonett_price(ly_pairs2 t, double level)
{
    double n = (double)(t.n11 + t.n10 + t.n01 + t.n00) + 2;
    double p10 = ((double)t.n10 + 1) / n, p01 = ((double)t.n01 + 1) / n;
    double diff = p10 - p01, z = ly_norm_quantile((1 + level) / 2);
    double half = z * sqrt((p10 + p01 - diff * diff) / n);
    double lo = diff - half, hi = diff + half;
    return (ly_interval){lo < -1 ? -1 : lo, hi > 1 ? 1 : hi, true};
}

double ly_pairs_posterior(ly_pairs2 t, double prior)
{
    return 1 - ly_ibeta((double)t.n10 + prior, (double)t.n01 + prior, 0.5);
}

ly_paired_t ly_paired(const double *d, size_t n, double level)
{
    ly_paired_t r = {.n = n, .interval = undefined, .p = NAN, .t = NAN, .dz = NAN};
    ly_moments m;
    if (n < 2 || !ly_moments_of(d, n, &m)) {
        return r;
    }
    r.ok = true;
    r.mean = m.mean;
    r.sd = m.sd;
    r.se = m.se;
    r.df = (double)n - 1;
    if (m.sd > 0) {
        r.t = m.mean / m.se;
        r.p = ly_t_p2(r.t, r.df);
        r.dz = m.mean / m.sd;
    } else if (m.mean == 0) {
        r.t = 0;
        r.p = 1;
    }
    double q = ly_t_quantile((1 + level) / 2, r.df);
    r.interval = (ly_interval){m.mean - q * m.se, m.mean + q * m.se, true};
    return r;
}

double ly_sign_flip(const double *d, size_t n, size_t draws, ly_prng *rng)
{
    if (n == 0) {
        return NAN;
    }
    double total = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        total += d[i];
        scale += fabs(d[i]);
    }
    double limit = fabs(total) - 1e-12 * fmax(1, scale);
    if (n <= 20) {
        uint64_t all = 1ull << n, hits = 0;
        for (uint64_t mask = 0; mask < all; mask++) {
            double s = 0;
            for (size_t i = 0; i < n; i++) {
                s += mask >> i & 1 ? -d[i] : d[i];
            }
            hits += fabs(s) >= limit;
        }
        return (double)hits / (double)all;
    }
    uint64_t hits = 0;
    for (size_t r = 0; r < draws; r++) {
        double s = 0;
        uint64_t bits = 0;
        for (size_t i = 0; i < n; i++) {
            bits = i % 64 == 0 ? ly_prng_next(rng) : bits >> 1;
            s += bits & 1 ? -d[i] : d[i];
        }
        hits += fabs(s) >= limit;
    }
    return (1 + (double)hits) / (1 + (double)draws);
}

typedef struct ranked {
    double abs, rank;
    int sign;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    double x = ((const ranked *)a)->abs, y = ((const ranked *)b)->abs;
    return (x > y) - (x < y);
}

/* Midranks of the non-zero differences; returns how many, *ret_ties gets sum(t^3-t). */
static size_t signed_ranks(const double *d, size_t n, ranked *r, double *ret_ties)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!ly_score_tie(d[i], 0)) {
            r[m++] = (ranked){fabs(d[i]), 0, d[i] > 0 ? 1 : -1};
        }
    }
    qsort(r, m, sizeof *r, compare_ranked);
    double ties = 0;
    for (size_t i = 0; i < m;) {
        size_t j = i;
        while (j < m && ly_score_tie(r[j].abs, r[i].abs)) {
            j++;
        }
        double t = (double)(j - i), mid = ((double)i + 1 + (double)j) / 2;
        ties += t * t * t - t;
        for (; i < j; i++) {
            r[i].rank = mid;
        }
    }
    *ret_ties = ties;
    return m;
}

/* Distribution of W+ by dynamic programming over doubled midranks (whole numbers). */
static double wilcoxon_exact(const ranked *r, size_t m, double w_plus)
{
    enum { MAX_SUM = 25 * 26 + 1 };
    double count[MAX_SUM] = {1};
    size_t top = 0;
    for (size_t i = 0; i < m; i++) {
        size_t step = (size_t)(r[i].rank * 2 + 0.5);
        top += step;
        for (size_t s = top; s + 1 > step; s--) {
            count[s] += count[s - step];
            if (s == 0) {
                break;
            }
        }
    }
    size_t w = (size_t)(w_plus * 2 + 0.5), low = w < top - w ? w : top - w;
    double sum = 0;
    for (size_t s = 0; s <= low; s++) {
        sum += count[s];
    }
    double p = 2 * ldexp(sum, -(int)m);
    return p > 1 ? 1 : p;
}

double ly_wilcoxon(const double *d, size_t n)
{
    ranked *r = ly_calloc(n + 1, sizeof *r);
    if (!r) {
        return NAN;
    }
    double ties, w_plus = 0, p;
    size_t m = signed_ranks(d, n, r, &ties);
    for (size_t i = 0; i < m; i++) {
        w_plus += r[i].sign > 0 ? r[i].rank : 0;
    }
    if (m == 0) {
        p = 1;
    } else if (m <= 25) {
        p = wilcoxon_exact(r, m, w_plus);
    } else {
        double dm = (double)m, mean = dm * (dm + 1) / 4;
        double var = dm * (dm + 1) * (2 * dm + 1) / 24 - ties / 48;
        p = 2 * ly_norm_cdf(-fabs(w_plus - mean) / sqrt(var));
    }
    ly_free(r);
    return p;
}

double ly_sign_test(int64_t wins, int64_t losses)
{
    return ly_mcnemar_exact((ly_pairs2){0, wins, losses, 0});
}

double ly_hodges_lehmann(const double *d, size_t n)
{
    double *w = n ? ly_calloc(n * (n + 1) / 2, sizeof *w) : NULL;
    if (!w) {
        return NAN;
    }
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            w[m++] = (d[i] + d[j]) / 2;
        }
    }
    ly_sort_doubles(w, m);
    double median = ly_quantile_sorted(w, m, 0.5);
    ly_free(w);
    return median;
}

double ly_noninferior_p(const double *d, size_t n, double margin)
{
    ly_paired_t r = ly_paired(d, n, 0.95);
    return r.ok && r.se > 0 ? ly_t_sf((r.mean + margin) / r.se, r.df) : NAN;
}

double ly_tost_p(const double *d, size_t n, double margin)
{
    ly_paired_t r = ly_paired(d, n, 0.95);
    if (!r.ok || !(r.se > 0)) {
        return NAN;
    }
    double lower = ly_t_sf((r.mean + margin) / r.se, r.df);
    double upper = ly_t_sf((margin - r.mean) / r.se, r.df);
    return lower > upper ? lower : upper;
}

const char *ly_verdict_name(ly_verdict verdict)
{
    static const char *const names[] = {
#define LY_VERDICT_NAME(id, text) [id] = text,
        LY_VERDICT_LIST(LY_VERDICT_NAME)
#undef LY_VERDICT_NAME
    };
    return (unsigned)verdict < LY_VERDICT__COUNT ? names[verdict] : "inconclusive";
}

ly_verdict ly_verdict_of(ly_interval diff, ly_interval equiv, double margin)
{
    if (!diff.ok) {
        return LY_VERDICT_INCONCLUSIVE;
    }
    if (diff.lo > 0) {
        return LY_VERDICT_IMPROVED;
    }
    if (diff.hi < 0) {
        return LY_VERDICT_REGRESSED;
    }
    if (margin > 0 && equiv.ok && equiv.lo > -margin && equiv.hi < margin) {
        return LY_VERDICT_EQUIVALENT;
    }
    if (margin > 0 && diff.lo > -margin) {
        return LY_VERDICT_NONINFERIOR;
    }
    return LY_VERDICT_INCONCLUSIVE;
}

static bool is_binary(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (x[i] != 0 && x[i] != 1) {
            return false;
        }
    }
    return true;
}

static void compare_binary(const double *a, const double *b, size_t n, double level,
                           ly_comparison *c, ly_interval *ret_equiv)
{
    ly_pairs2 t = {0};
    for (size_t i = 0; i < n; i++) {
        *(b[i] == 1 ? (a[i] == 1 ? &t.n11 : &t.n10) : (a[i] == 1 ? &t.n01 : &t.n00)) += 1;
    }
    c->interval = ly_newcombe10(t, level);
    *ret_equiv = ly_newcombe10(t, 2 * level - 1);
    c->p = ly_mcnemar_midp(t);
    c->test = "McNemar mid-p";
    c->interval_method = "Newcombe 10";
    c->mde = ly_mde_mcnemar(1 - level, 0.8, (double)(t.n10 + t.n01) / (double)n, n);
}

/*
 * All differences are the same number v, so Student's t has no width. For scores within [0,1] the
 * share of rows that could differ is at most 1-(alpha/2)^(1/n) (Clopper-Pearson with 0 of n), and each
 * of those could move the difference to -1 or 1.
 */
static ly_interval constant_interval(double v, size_t n, double level, bool unit)
{
    if (!unit) {
        return undefined;
    }
    double q = 1 - pow((1 - level) / 2, 1 / (double)n);
    return (ly_interval){v - q * (v + 1), v + q * (1 - v), true};
}

static bool within_unit(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] >= 0 && x[i] <= 1)) {
            return false;
        }
    }
    return true;
}

static void compare_graded(const double *d, size_t n, double level, bool unit, ly_prng *rng,
                           ly_comparison *c, ly_interval *ret_equiv)
{
    ly_paired_t t = ly_paired(d, n, level);
    bool constant = !(t.sd > 1e-12);
    c->interval = constant ? constant_interval(t.mean, n, level, unit) : t.interval;
    *ret_equiv = constant ? constant_interval(t.mean, n, 2 * level - 1, unit)
                          : ly_paired(d, n, 2 * level - 1).interval;
    c->p = ly_sign_flip(d, n, 9999, rng);
    c->test = n <= 20 ? "sign-flip exact" : "sign-flip";
    c->interval_method = constant ? "bounded" : "paired t";
    c->mde = constant ? NAN : ly_mde_mean(1 - level, 0.8, t.sd, n);
}

ly_status ly_compare(const double *a, const double *b, size_t n, const ly_compare_opts *opts,
                     ly_prng *rng, ly_comparison *ret, ly_err *err)
{
    ly_comparison c = {.n = n,
                       .mean_a = NAN,
                       .mean_b = NAN,
                       .diff = NAN,
                       .interval = undefined,
                       .p = NAN,
                       .test = "none",
                       .interval_method = "none",
                       .mde = NAN};
    ly_moments ma, mb;
    if (!ly_moments_of(a, n, &ma) || !ly_moments_of(b, n, &mb)) {
        *ret = c;
        return LY_OK;
    }
    double *d = ly_calloc(n, sizeof *d);
    if (!d) {
        return LY_NOMEM(err);
    }
    c.mean_a = ma.mean;
    c.mean_b = mb.mean;
    c.diff = mb.mean - ma.mean;
    for (size_t i = 0; i < n; i++) {
        bool tie = ly_score_tie(a[i], b[i]);
        d[i] = tie ? 0 : b[i] - a[i];
        bool better = opts->lower_is_better ? d[i] < 0 : d[i] > 0;
        *(tie ? &c.ties : better ? &c.wins : &c.losses) += 1;
    }
    c.binary = is_binary(a, n) && is_binary(b, n);
    if (n >= 2) {
        ly_interval equiv = undefined;
        c.ok = true;
        if (c.binary) {
            compare_binary(a, b, n, opts->level, &c, &equiv);
        } else {
            bool unit = within_unit(a, n) && within_unit(b, n);
            compare_graded(d, n, opts->level, unit, rng, &c, &equiv);
        }
        ly_interval use = c.interval;
        if (opts->lower_is_better) {
            use = (ly_interval){-use.hi, -use.lo, use.ok};
            equiv = (ly_interval){-equiv.hi, -equiv.lo, equiv.ok};
        }
        c.verdict = ly_verdict_of(use, equiv, opts->margin);
        /* On few rows the interval and the exact test may disagree: a direction needs both. */
        bool direction = c.verdict == LY_VERDICT_IMPROVED || c.verdict == LY_VERDICT_REGRESSED;
        if (direction && !(c.p <= 1 - opts->level)) {
            c.verdict = LY_VERDICT_INCONCLUSIVE;
        }
    }
    ly_free(d);
    *ret = c;
    return LY_OK;
}
