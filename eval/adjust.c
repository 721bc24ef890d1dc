/* Several tests at once: step-down, step-up and max-T adjustments (stats.h, reference §1.6). */
#include "eval/stats.h"

#include <math.h>

#include "base/mem.h"

enum { MAX_TESTS = 4096 };

/* order[i] = index of the i-th smallest p (insertion sort: m is small). */
static void order_of(const double *p, size_t m, size_t *order)
{
    for (size_t i = 0; i < m; i++) {
        size_t j = i;
        while (j > 0 && p[order[j - 1]] > p[i]) {
            order[j] = order[j - 1];
            j--;
        }
        order[j] = i;
    }
}

typedef double (*factor_fn)(size_t rank, size_t m); /* rank 0 = smallest p */

static double factor_holm(size_t rank, size_t m)
{
    return (double)(m - rank);
}

static double factor_bh(size_t rank, size_t m)
{
    return (double)m / (double)(rank + 1);
}

static double factor_by(size_t rank, size_t m)
{
    double sum = 0;
    for (size_t i = 1; i <= m; i++) {
        sum += 1 / (double)i;
    }
    return sum * factor_bh(rank, m);
}

static void adjust(const double *p, size_t m, factor_fn factor, bool down, double *out)
{
    size_t order[MAX_TESTS];
    double adjusted[MAX_TESTS];
    if (m == 0 || m > MAX_TESTS) {
        for (size_t i = 0; i < m; i++) {
            out[i] = NAN;
        }
        return;
    }
    order_of(p, m, order);
    double run = down ? 0 : 1;
    for (size_t k = 0; k < m; k++) {
        size_t rank = down ? k : m - 1 - k;
        double v = p[order[rank]] * factor(rank, m);
        run = down ? fmax(run, v) : fmin(run, v);
        adjusted[order[rank]] = fmin(run, 1);
    }
    memcpy(out, adjusted, m * sizeof *out);
}

void ly_holm(const double *p, size_t m, double *out)
{
    adjust(p, m, factor_holm, true, out);
}

void ly_hochberg(const double *p, size_t m, double *out)
{
    adjust(p, m, factor_holm, false, out);
}

void ly_bh(const double *p, size_t m, double *out)
{
    adjust(p, m, factor_bh, false, out);
}

void ly_by(const double *p, size_t m, double *out)
{
    adjust(p, m, factor_by, false, out);
}

/* |mean| or |t| of one row under a pattern of sign flips. */
static double flipped(const double *d, size_t n, const unsigned char *flip, bool studentised)
{
    double sum = 0, sum2 = 0;
    for (size_t i = 0; i < n; i++) {
        sum += flip[i] ? -d[i] : d[i];
        sum2 += d[i] * d[i];
    }
    double mean = sum / (double)n;
    if (!studentised) {
        return fabs(mean);
    }
    double var = (sum2 - (double)n * mean * mean) / (double)(n - 1);
    return var > 0 ? fabs(mean) / sqrt(var / (double)n) : mean == 0 ? 0 : INFINITY;
}

ly_status ly_max_t(const double *d, size_t n_rows, size_t n, bool studentised, size_t draws,
                   ly_prng *rng, double *out_raw, double *out_adjusted, ly_err *err)
{
    ly_status status = LY_OK;
    double *seen = NULL, *stat = NULL;
    uint64_t *raw = NULL, *adj = NULL;
    unsigned char *flip = NULL;
    if (n < 2 || n_rows == 0) {
        return LY_FAIL(err, LY_E_INVALID, "max-T needs at least one comparison of two rows");
    }
    seen = ly_calloc(n_rows, sizeof *seen);
    stat = ly_calloc(n_rows, sizeof *stat);
    raw = ly_calloc(n_rows, sizeof *raw);
    adj = ly_calloc(n_rows, sizeof *adj);
    flip = ly_calloc(n, 1);
    if (!seen || !stat || !raw || !adj || !flip) {
        status = LY_NOMEM(err);
        goto out;
    }
    for (size_t r = 0; r < n_rows; r++) {
        seen[r] = flipped(d + r * n, n, flip, studentised);
    }
    bool full = n <= 16;
    uint64_t rounds = full ? 1ull << n : draws;
    for (uint64_t k = 0; k < rounds; k++) {
        for (size_t i = 0; i < n; i++) {
            flip[i] = (unsigned char)((full ? k >> i : ly_prng_next(rng) >> 63) & 1);
        }
        double top = 0;
        for (size_t r = 0; r < n_rows; r++) {
            stat[r] = flipped(d + r * n, n, flip, studentised);
            top = fmax(top, stat[r]);
        }
        for (size_t r = 0; r < n_rows; r++) {
            double limit = seen[r] - 1e-12 * fmax(1, seen[r]);
            raw[r] += stat[r] >= limit;
            adj[r] += top >= limit;
        }
    }
    double plus = full ? 0 : 1;
    for (size_t r = 0; r < n_rows; r++) {
        out_raw[r] = (plus + (double)raw[r]) / (plus + (double)rounds);
        out_adjusted[r] = (plus + (double)adj[r]) / (plus + (double)rounds);
    }
out:
    ly_free(seen);
    ly_free(stat);
    ly_free(raw);
    ly_free(adj);
    ly_free(flip);
    return status;
}
