/* Judges measured: see audit.h. */
#include "eval/audit.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "eval/special.h"

static double auroc(const double *p, const double *y, size_t n)
{
    double good = 0, pairs = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; y[i] > 0.5 && j < n; j++) {
            if (y[j] < 0.5) {
                pairs++;
                good += ly_score_tie(p[i], p[j]) ? 0.5 : p[i] > p[j];
            }
        }
    }
    return pairs > 0 ? good / pairs : NAN;
}

/* Four bins of equal count in order of p; the first ones take what is over. */
static double equal_mass(const double *p, const double *y, size_t n)
{
    enum { BINS = 4 };
    size_t *order = ly_calloc(n + 1, sizeof *order);
    double sum = 0;
    if (!order) {
        return NAN;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && p[order[at - 1]] > p[i]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    for (size_t b = 0, from = 0; b < BINS; b++) {
        size_t count = n / BINS + (b < n % BINS);
        double gap = 0;
        for (size_t k = from; k < from + count; k++) {
            gap += p[order[k]] - y[order[k]];
        }
        sum += fabs(gap) / (double)n;
        from += count;
    }
    ly_free(order);
    return sum;
}

ly_calibration ly_calibrate(const double *p, const double *y, size_t n, size_t bins)
{
    ly_calibration c = {.n = n, .bins = bins, .auroc = NAN};
    if (n == 0 || bins == 0 || bins > LY_CALIBRATION_MAX_BINS) {
        return c;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= 0 && p[i] <= 1) || !(y[i] >= 0 && y[i] <= 1)) {
            return c;
        }
    }
    for (size_t b = 0; b < bins; b++) {
        c.bin[b].lo = (double)b / (double)bins;
        c.bin[b].hi = (double)(b + 1) / (double)bins;
    }
    for (size_t i = 0; i < n; i++) {
        double x = p[i] * (double)bins;
        /* Closed on the right; 0.3 * 10 is a little above 3 and belongs to the bin that ends there. */
        size_t b = x <= 0 ? 0 : (size_t)ceil(x - 1e-9) - 1;
        b = b >= bins ? bins - 1 : b;
        c.bin[b].n++;
        c.bin[b].confidence += p[i];
        c.bin[b].accuracy += y[i];
        double q = fmin(fmax(p[i], 1e-15), 1 - 1e-15);
        c.brier += (p[i] - y[i]) * (p[i] - y[i]) / (double)n;
        c.log_loss -= (y[i] > 0.5 ? log(q) : log1p(-q)) / (double)n;
    }
    for (size_t b = 0; b < bins; b++) {
        ly_calibration_bin *bin = &c.bin[b];
        bin->confidence /= (double)bin->n;
        bin->accuracy /= (double)bin->n;
        if (bin->n) {
            double gap = fabs(bin->accuracy - bin->confidence);
            c.ece += gap * (double)bin->n / (double)n;
            c.mce = fmax(c.mce, gap);
        }
    }
    c.auroc = n <= 20000 ? auroc(p, y, n) : NAN;
    c.equal_mass_gap = n <= 20000 ? equal_mass(p, y, n) : NAN;
    c.ok = true;
    return c;
}

double ly_mean_error(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] - y[i];
    }
    return n ? sum / (double)n : NAN;
}

double ly_mean_abs_error(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += fabs(x[i] - y[i]);
    }
    return n ? sum / (double)n : NAN;
}

double ly_lin_ccc(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, sxx = 0, syy = 0, sxy = 0;
    if (n < 2) {
        return NAN;
    }
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        syy += (y[i] - my) * (y[i] - my);
        sxy += (x[i] - mx) * (y[i] - my);
    }
    double below = sxx + syy + (double)n * (mx - my) * (mx - my);
    return below > 0 ? 2 * sxy / below : NAN;
}

ly_icc ly_icc_of(const double *x, size_t rows, size_t raters)
{
    ly_icc r = {0};
    double n = (double)rows, k = (double)raters, grand = 0, between = 0, columns = 0, total = 0;
    if (rows < 2 || raters < 2) {
        return r;
    }
    for (size_t i = 0; i < rows * raters; i++) {
        grand += x[i] / (n * k);
    }
    for (size_t i = 0; i < rows; i++) {
        double mean = 0;
        for (size_t j = 0; j < raters; j++) {
            mean += x[i * raters + j] / k;
            total += (x[i * raters + j] - grand) * (x[i * raters + j] - grand);
        }
        between += k * (mean - grand) * (mean - grand);
    }
    for (size_t j = 0; j < raters; j++) {
        double mean = 0;
        for (size_t i = 0; i < rows; i++) {
            mean += x[i * raters + j] / n;
        }
        columns += n * (mean - grand) * (mean - grand);
    }
    double msr = between / (n - 1), msw = (total - between) / (n * (k - 1)),
           msc = columns / (k - 1), mse = (total - between - columns) / ((n - 1) * (k - 1));
    r.one = (msr - msw) / (msr + (k - 1) * msw);
    r.two = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n);
    r.three = (msr - mse) / (msr + (k - 1) * mse);
    r.one_k = (msr - msw) / msr;
    r.two_k = (msr - mse) / (msr + (msc - mse) / n);
    r.three_k = (msr - mse) / msr;
    r.ok = true;
    return r;
}

/* How close a label is to those of the raters other than j at one item. */
static double closeness(const double *labels, size_t raters, size_t items, size_t item, size_t j,
                        double label, bool graded)
{
    double sum = 0, n = 0;
    for (size_t r = 0; r < raters; r++) {
        double other = labels[r * items + item];
        if (r == j || isnan(other)) {
            continue;
        }
        sum += graded ? (label - other) * (label - other) : ly_score_tie(label, other);
        n++;
    }
    return n == 0 ? NAN : graded ? -sqrt(sum / n) : sum / n;
}

static void one_rater(const double *labels, size_t raters, size_t items, const double *judge,
                      bool graded, double epsilon, size_t j, ly_alt_rater *ret)
{
    double sum = 0, sum2 = 0, n = 0;
    for (size_t i = 0; i < items; i++) {
        double own = labels[j * items + i];
        double theirs = isnan(own) || isnan(judge[i])
                            ? NAN
                            : closeness(labels, raters, items, i, j, own, graded);
        if (isnan(theirs)) {
            continue;
        }
        double ours = closeness(labels, raters, items, i, j, judge[i], graded);
        bool tie = ly_score_tie(ours, theirs);
        double f = tie || ours > theirs, h = tie || theirs > ours;
        ret->judge_share += f;
        ret->rater_share += h;
        sum += h - f;
        sum2 += (h - f) * (h - f);
        n++;
    }
    ret->items = (size_t)n;
    ret->judge_share /= n;
    ret->rater_share /= n;
    double mean = sum / n, var = n > 1 ? (sum2 - n * mean * mean) / (n - 1) : NAN;
    if (var > 1e-15) {
        ret->t = (mean - epsilon) / sqrt(var / n);
        ret->p = ly_t_sf(-ret->t, n - 1);
    } else {
        ret->t = NAN;
        ret->p = mean < epsilon ? 0 : 1;
    }
}

ly_alt_test ly_alt_test_of(const double *labels, size_t raters, size_t items, const double *judge,
                           bool graded, double epsilon, size_t min_items, double alpha)
{
    ly_alt_test r = {.raters = raters};
    double p[LY_ALT_MAX_RATERS];
    if (raters < 2 || raters > LY_ALT_MAX_RATERS) {
        return r;
    }
    for (size_t j = 0; j < raters; j++) {
        one_rater(labels, raters, items, judge, graded, epsilon, j, &r.rater[j]);
        r.rater[j].enough = r.rater[j].items >= (min_items > 2 ? min_items : 2);
        if (r.rater[j].enough) {
            p[r.used++] = r.rater[j].p;
        }
    }
    if (r.used == 0) {
        return r;
    }
    ly_by(p, r.used, p);
    for (size_t j = 0, k = 0; j < raters; j++) {
        ly_alt_rater *x = &r.rater[j];
        x->p_adjusted = x->enough ? p[k++] : NAN;
        x->rejected = x->enough && x->p_adjusted < alpha;
        r.winning_rate += x->rejected / (double)r.used;
        r.advantage += x->enough ? x->judge_share / (double)r.used : 0;
    }
    r.passes = r.winning_rate >= 0.5;
    r.ok = true;
    return r;
}
