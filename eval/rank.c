/* Bradley-Terry: see rank.h. */
#include "eval/rank.h"

#include <math.h>
#include <string.h>

#include "eval/special.h"

enum { MAX_STEPS = 100000 };

/* Who can be reached from player 0 over edges w > 0 (forward: i beat j; else backward). */
static size_t reached(const double *w, size_t n, bool forward)
{
    bool seen[LY_RANK_MAX] = {true};
    size_t stack[LY_RANK_MAX] = {0}, depth = 1, count = 1;
    while (depth > 0) {
        size_t i = stack[--depth];
        for (size_t j = 0; j < n; j++) {
            double edge = forward ? w[i * n + j] : w[j * n + i];
            if (j != i && !seen[j] && edge > 0) {
                seen[j] = true;
                stack[depth++] = j;
                count++;
            }
        }
    }
    return count;
}

static void fit(const double *w, ly_rank *r)
{
    size_t n = r->n;
    double won[LY_RANK_MAX] = {0};
    for (size_t i = 0; i < n; i++) {
        r->pi[i] = 1;
        for (size_t j = 0; j < n; j++) {
            won[i] += i == j ? 0 : w[i * n + j];
        }
    }
    for (int step = 0; step < MAX_STEPS; step++) {
        double next[LY_RANK_MAX], mean = 0, moved = 0;
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t j = 0; j < n; j++) {
                if (j != i) {
                    sum += (w[i * n + j] + w[j * n + i]) / (r->pi[i] + r->pi[j]);
                }
            }
            next[i] = won[i] / sum;
            mean += log(next[i]) / (double)n;
        }
        for (size_t i = 0; i < n; i++) {
            next[i] /= exp(mean);
            moved = fmax(moved, fabs(log(next[i] / r->pi[i])));
            r->pi[i] = next[i];
        }
        if (moved < 1e-14) {
            break;
        }
    }
}

/* Inverse of a by Gauss-Jordan with pivots; false where it has none. */
static bool invert(double a[LY_RANK_MAX][LY_RANK_MAX], double inv[LY_RANK_MAX][LY_RANK_MAX],
                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            inv[i][j] = i == j;
        }
    }
    for (size_t c = 0; c < n; c++) {
        size_t best = c;
        for (size_t i = c + 1; i < n; i++) {
            best = fabs(a[i][c]) > fabs(a[best][c]) ? i : best;
        }
        if (fabs(a[best][c]) < 1e-300) {
            return false;
        }
        for (size_t j = 0; j < n; j++) {
            double t = a[c][j], u = inv[c][j];
            a[c][j] = a[best][j];
            a[best][j] = t;
            inv[c][j] = inv[best][j];
            inv[best][j] = u;
        }
        double pivot = a[c][c];
        for (size_t j = 0; j < n; j++) {
            a[c][j] /= pivot;
            inv[c][j] /= pivot;
        }
        for (size_t i = 0; i < n; i++) {
            double f = a[i][c];
            for (size_t j = 0; i != c && j < n; j++) {
                a[i][j] -= f * a[c][j];
                inv[i][j] -= f * inv[c][j];
            }
        }
    }
    return true;
}

void ly_bradley_terry(const double *wins, size_t n, ly_rank *ret)
{
    double w[LY_RANK_MAX * LY_RANK_MAX], met[LY_RANK_MAX * LY_RANK_MAX];
    memset(ret, 0, sizeof *ret);
    ret->n = n;
    if (n < 2 || n > LY_RANK_MAX) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            w[i * n + j] = i == j ? 0 : wins[i * n + j];
            if (!(w[i * n + j] >= 0) || !isfinite(w[i * n + j])) {
                return;
            }
            met[i * n + j] = i == j ? 0 : wins[i * n + j] + wins[j * n + i];
        }
    }
    if (reached(met, n, true) < n) {
        return; /* groups that never met cannot be compared */
    }
    if (reached(w, n, true) < n || reached(w, n, false) < n) {
        ret->smoothed = true;
        for (size_t i = 0; i < n * n; i++) {
            w[i] += met[i] > 0 ? 0.5 : 0;
        }
    }
    fit(w, ret);
    double info[LY_RANK_MAX][LY_RANK_MAX] = {{0}};
    for (size_t i = 0; i < n; i++) {
        ret->beta[i] = log(ret->pi[i]);
        ret->elo[i] = 1000 + 400 * log10(ret->pi[i]);
        for (size_t j = 0; j < n; j++) {
            if (i == j) {
                continue;
            }
            double p = ret->pi[i] / (ret->pi[i] + ret->pi[j]);
            double weight = (w[i * n + j] + w[j * n + i]) * p * (1 - p);
            info[i][i] += weight;
            info[i][j] -= weight;
            ret->loglik += w[i * n + j] > 0 ? w[i * n + j] * log(p) : 0;
        }
    }
    /* Pseudo-inverse of a Laplacian: (I + J/n)^-1 - J/n. */
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            info[i][j] += 1.0 / (double)n;
        }
    }
    ret->ok = invert(info, ret->cov, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            ret->cov[i][j] -= 1.0 / (double)n;
        }
        ret->se[i] = sqrt(fmax(ret->cov[i][i], 0));
    }
}

ly_rank_gap ly_rank_difference(const ly_rank *r, size_t i, size_t j, double level, size_t of)
{
    ly_rank_gap g = {.diff = NAN, .se = NAN};
    if (!r->ok || i >= r->n || j >= r->n) {
        return g;
    }
    double z = ly_norm_quantile(1 - (1 - level) / 2 / (double)(of ? of : 1));
    g.diff = r->beta[i] - r->beta[j];
    g.se = sqrt(fmax(r->cov[i][i] + r->cov[j][j] - 2 * r->cov[i][j], 0));
    g.interval = (ly_interval){g.diff - z * g.se, g.diff + z * g.se, true};
    return g;
}
