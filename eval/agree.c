/* Agreement of raters and correlation (stats.h, reference §1.11). */
#include "eval/stats.h"

#include <math.h>

#include "base/mem.h"
#include "eval/special.h"

enum { MAX_LEVELS = 64 };

static double weight(size_t i, size_t j, size_t q, int weights)
{
    double d = fabs((double)i - (double)j);
    if (weights == 0) {
        return d == 0 ? 0 : 1;
    }
    double span = (double)(q - 1);
    return weights == 1 ? d / span : d * d / (span * span);
}

/* Weighted kappa with the large-sample error of Fleiss, Cohen and Everitt (1969). */
ly_kappa ly_cohen(const double *table, size_t q, int weights, double level)
{
    ly_kappa k = {.interval = {NAN, NAN, false}};
    double row[MAX_LEVELS] = {0}, col[MAX_LEVELS] = {0}, n = 0;
    if (q < 2 || q > MAX_LEVELS) {
        return k;
    }
    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j < q; j++) {
            row[i] += table[i * q + j];
            col[j] += table[i * q + j];
            n += table[i * q + j];
        }
    }
    if (n <= 0) {
        return k;
    }
    double row_w[MAX_LEVELS] = {0}, col_w[MAX_LEVELS] = {0};
    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j < q; j++) {
            double agree = 1 - weight(i, j, q, weights);
            k.po += agree * table[i * q + j] / n;
            k.pe += agree * row[i] * col[j] / (n * n);
            row_w[i] += agree * col[j] / n;
            col_w[j] += agree * row[i] / n;
        }
    }
    if (k.pe >= 1) {
        return k;
    }
    k.kappa = (k.po - k.pe) / (1 - k.pe);
    double sum = 0;
    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j < q; j++) {
            double agree = 1 - weight(i, j, q, weights);
            double term = agree - (row_w[i] + col_w[j]) * (1 - k.kappa);
            sum += table[i * q + j] / n * term * term;
        }
    }
    double centre = k.kappa - k.pe * (1 - k.kappa);
    double var = (sum - centre * centre) / (n * (1 - k.pe) * (1 - k.pe));
    k.se = sqrt(var > 0 ? var : 0);
    double z = ly_norm_quantile((1 + level) / 2);
    k.interval = (ly_interval){k.kappa - z * k.se, k.kappa + z * k.se, true};
    k.ok = true;
    return k;
}

/* Observed agreement and pooled marginals of a table; false when it is empty. */
static bool pooled(const double *table, size_t q, double *ret_po, double *pi)
{
    double n = 0, po = 0;
    for (size_t i = 0; i < q * q; i++) {
        n += table[i];
    }
    if (n <= 0 || q < 2 || q > MAX_LEVELS) {
        return false;
    }
    for (size_t i = 0; i < q; i++) {
        pi[i] = 0;
        for (size_t j = 0; j < q; j++) {
            pi[i] += (table[i * q + j] + table[j * q + i]) / (2 * n);
        }
        po += table[i * q + i] / n;
    }
    *ret_po = po;
    return true;
}

double ly_scott_pi(const double *table, size_t q)
{
    double pi[MAX_LEVELS], po, pe = 0;
    if (q > MAX_LEVELS || !pooled(table, q, &po, pi)) {
        return NAN;
    }
    for (size_t i = 0; i < q; i++) {
        pe += pi[i] * pi[i];
    }
    return pe < 1 ? (po - pe) / (1 - pe) : NAN;
}

double ly_gwet_ac1(const double *table, size_t q)
{
    double pi[MAX_LEVELS], po, pe = 0;
    if (q > MAX_LEVELS || !pooled(table, q, &po, pi)) {
        return NAN;
    }
    for (size_t i = 0; i < q; i++) {
        pe += pi[i] * (1 - pi[i]);
    }
    pe /= (double)(q - 1);
    return (po - pe) / (1 - pe);
}

double ly_matthews(double tp, double fp, double fn, double tn)
{
    double den = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn);
    return den > 0 ? (tp * tn - fp * fn) / sqrt(den) : NAN;
}

double ly_fleiss(const double *counts, size_t rows, size_t q)
{
    double raters = 0, mean_p = 0, pe = 0, share[MAX_LEVELS] = {0};
    if (rows == 0 || q < 2 || q > MAX_LEVELS) {
        return NAN;
    }
    for (size_t j = 0; j < q; j++) {
        raters += counts[j];
    }
    if (raters < 2) {
        return NAN;
    }
    for (size_t i = 0; i < rows; i++) {
        double s2 = 0, s = 0;
        for (size_t j = 0; j < q; j++) {
            double c = counts[i * q + j];
            s2 += c * c;
            s += c;
            share[j] += c;
        }
        if (s != raters) {
            return NAN;
        }
        mean_p += (s2 - raters) / (raters * (raters - 1));
    }
    mean_p /= (double)rows;
    for (size_t j = 0; j < q; j++) {
        double p = share[j] / ((double)rows * raters);
        pe += p * p;
    }
    return pe < 1 ? (mean_p - pe) / (1 - pe) : NAN;
}

/* Squared distance of two distinct values by the metric; `value` and `count` are the sorted levels. */
static double alpha_distance(const double *value, const double *count, size_t c, size_t k,
                             ly_metric metric)
{
    double d = value[c] - value[k];
    switch (metric) {
    case LY_NOMINAL:
        return c == k ? 0 : 1;
    case LY_INTERVAL:
        return d * d;
    case LY_RATIO:
        return value[c] + value[k] == 0 ? 0
                                        : d * d / ((value[c] + value[k]) * (value[c] + value[k]));
    case LY_ORDINAL:
        break;
    }
    double sum = 0;
    for (size_t g = c < k ? c : k; g <= (c < k ? k : c); g++) {
        sum += count[g];
    }
    sum -= (count[c] + count[k]) / 2;
    return c == k ? 0 : sum * sum;
}

static size_t level_of(const double *value, size_t levels, double x)
{
    size_t lo = 0, hi = levels;
    while (lo + 1 < hi) {
        size_t mid = (lo + hi) / 2;
        if (value[mid] <= x) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* The distinct values of units that have two raters, sorted. Returns how many. */
static size_t distinct_levels(const double *values, size_t n, double *out)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            out[m++] = values[i];
        }
    }
    ly_sort_doubles(out, m);
    size_t k = 0;
    for (size_t i = 0; i < m; i++) {
        if (k == 0 || out[i] != out[k - 1]) {
            out[k++] = out[i];
        }
    }
    return k;
}

double ly_krippendorff(const double *values, size_t raters, size_t units, ly_metric metric)
{
    size_t cells = raters * units;
    double result = NAN, *level = ly_calloc(cells + 1, sizeof *level), *count = NULL, *pairs = NULL;
    size_t q = level ? distinct_levels(values, cells, level) : 0;
    if (q == 0 || q > 4096) {
        goto out;
    }
    count = ly_calloc(q, sizeof *count);
    pairs = ly_calloc(q * q, sizeof *pairs);
    if (!count || !pairs) {
        goto out;
    }
    for (size_t u = 0; u < units; u++) {
        size_t m = 0;
        for (size_t r = 0; r < raters; r++) {
            m += !isnan(values[r * units + u]);
        }
        for (size_t a = 0; m >= 2 && a < raters; a++) {
            for (size_t b = 0; b < raters; b++) {
                double x = values[a * units + u], y = values[b * units + u];
                if (a != b && !isnan(x) && !isnan(y)) {
                    pairs[level_of(level, q, x) * q + level_of(level, q, y)] += 1 / (double)(m - 1);
                }
            }
        }
    }
    double n = 0, observed = 0, expected = 0;
    for (size_t c = 0; c < q; c++) {
        for (size_t k = 0; k < q; k++) {
            count[c] += pairs[c * q + k];
        }
        n += count[c];
    }
    for (size_t c = 0; c < q; c++) {
        for (size_t k = 0; k < q; k++) {
            double d = alpha_distance(level, count, c, k, metric);
            observed += pairs[c * q + k] * d;
            expected += count[c] * count[k] * d;
        }
    }
    if (n > 1 && expected > 0) {
        result = 1 - (n - 1) * observed / expected;
    }
out:
    ly_free(level);
    ly_free(count);
    ly_free(pairs);
    return result;
}

double ly_pearson(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, sxx = 0, syy = 0, sxy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        syy += (y[i] - my) * (y[i] - my);
        sxy += (x[i] - mx) * (y[i] - my);
    }
    return n > 1 && sxx > 0 && syy > 0 ? sxy / sqrt(sxx * syy) : NAN;
}

typedef struct placed {
    double value;
    size_t at;
} placed;

static int compare_placed(const void *a, const void *b)
{
    double x = ((const placed *)a)->value, y = ((const placed *)b)->value;
    return (x > y) - (x < y);
}

static void midranks(const double *x, size_t n, placed *scratch, double *rank)
{
    for (size_t i = 0; i < n; i++) {
        scratch[i] = (placed){x[i], i};
    }
    qsort(scratch, n, sizeof *scratch, compare_placed);
    for (size_t i = 0; i < n;) {
        size_t j = i;
        while (j < n && scratch[j].value == scratch[i].value) {
            j++;
        }
        double mid = ((double)i + 1 + (double)j) / 2;
        for (; i < j; i++) {
            rank[scratch[i].at] = mid;
        }
    }
}

double ly_spearman(const double *x, const double *y, size_t n)
{
    placed *scratch = ly_calloc(n + 1, sizeof *scratch);
    double *rank = ly_calloc(2 * n + 1, sizeof *rank), r = NAN;
    if (scratch && rank) {
        midranks(x, n, scratch, rank);
        midranks(y, n, scratch, rank + n);
        r = ly_pearson(rank, rank + n, n);
    }
    ly_free(scratch);
    ly_free(rank);
    return r;
}

double ly_kendall_b(const double *x, const double *y, size_t n)
{
    double concordant = 0, discordant = 0, tie_x = 0, tie_y = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            double dx = x[i] - x[j], dy = y[i] - y[j];
            if (dx == 0 && dy == 0) {
                continue;
            }
            tie_x += dx == 0;
            tie_y += dy == 0;
            concordant += dx * dy > 0;
            discordant += dx * dy < 0;
        }
    }
    double den = (concordant + discordant + tie_x) * (concordant + discordant + tie_y);
    return den > 0 ? (concordant - discordant) / sqrt(den) : NAN;
}
