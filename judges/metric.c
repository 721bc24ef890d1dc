/* Text similarity: see metric.h. */
#include "judges/metric.h"

#include <math.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { MAX_TOKENS = 20000 };

typedef struct points {
    uint32_t *cp;
    size_t n;
} points;

static bool decode(ly_str s, points *out)
{
    size_t n = ly_utf8_count(s), at = 0;
    if (n > LY_METRIC_MAX_CHARS) {
        return false;
    }
    out->cp = ly_calloc(n + 1, sizeof *out->cp);
    out->n = 0;
    while (out->cp && at < s.len) {
        out->cp[out->n++] = ly_utf8_next(s, &at);
    }
    return out->cp != NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

double ly_metric_levenshtein(ly_str a, ly_str b)
{
    points x = {0}, y = {0};
    size_t *row = NULL;
    double result = NAN;
    if (!decode(a, &x) || !decode(b, &y) || !(row = ly_calloc(y.n + 1, sizeof *row))) {
        goto out;
    }
    for (size_t j = 0; j <= y.n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= x.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= y.n; j++) {
            size_t cost = diagonal + (x.cp[i - 1] != y.cp[j - 1]);
            diagonal = row[j];
            row[j] = min3(row[j] + 1, row[j - 1] + 1, cost);
        }
    }
    size_t longer = x.n > y.n ? x.n : y.n;
    result = longer ? 1 - (double)row[y.n] / (double)longer : 1;
out:
    ly_free(x.cp);
    ly_free(y.cp);
    ly_free(row);
    return result;
}

static double jaro(const points *a, const points *b, bool *in_a, bool *in_b)
{
    size_t longer = a->n > b->n ? a->n : b->n, window = longer / 2 > 0 ? longer / 2 - 1 : 0, m = 0;
    for (size_t i = 0; i < a->n; i++) {
        size_t from = i > window ? i - window : 0,
               to = i + window + 1 < b->n ? i + window + 1 : b->n;
        for (size_t j = from; j < to; j++) {
            if (!in_b[j] && a->cp[i] == b->cp[j]) {
                in_a[i] = in_b[j] = true;
                m++;
                break;
            }
        }
    }
    if (m == 0) {
        return a->n == 0 && b->n == 0 ? 1 : 0;
    }
    size_t moved = 0, j = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (in_a[i]) {
            while (!in_b[j]) {
                j++;
            }
            moved += a->cp[i] != b->cp[j++];
        }
    }
    double dm = (double)m, t = (double)moved / 2;
    return (dm / (double)a->n + dm / (double)b->n + (dm - t) / dm) / 3;
}

double ly_metric_jaro_winkler(ly_str a, ly_str b)
{
    points x = {0}, y = {0};
    bool *seen = NULL;
    double result = NAN;
    if (decode(a, &x) && decode(b, &y) && (seen = ly_calloc(x.n + y.n + 2, sizeof *seen))) {
        double j = jaro(&x, &y, seen, seen + x.n + 1);
        size_t prefix = 0;
        while (prefix < 4 && prefix < x.n && prefix < y.n && x.cp[prefix] == y.cp[prefix]) {
            prefix++;
        }
        result = j + (double)prefix * 0.1 * (1 - j);
    }
    ly_free(x.cp);
    ly_free(y.cp);
    ly_free(seen);
    return result;
}

/* ---- tokens ------------------------------------------------------------------------------------------- */

typedef struct tokens {
    char *text; /* owned, lower case where asked */
    ly_str *items;
    size_t n, cap;
} tokens;

static void tokens_release(tokens *t)
{
    ly_free(t->text);
    ly_free(t->items);
}

static bool token_add(tokens *t, const char *from, size_t len)
{
    if (len == 0) {
        return true;
    }
    if (!ly_grow(&t->items, &t->cap, t->n + 1, MAX_TOKENS, sizeof *t->items)) {
        return false;
    }
    t->items[t->n++] = ly_str_n(from, len);
    return true;
}

static bool lower_copy(ly_str s, tokens *t)
{
    *t = (tokens){.text = ly_str_dup(s)};
    for (size_t i = 0; t->text && i < s.len; i++) {
        char c = t->text[i];
        t->text[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return t->text != NULL;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool rouge_tokens(ly_str s, tokens *t)
{
    if (!lower_copy(s, t)) {
        return false;
    }
    for (size_t i = 0; i < s.len;) {
        size_t from = i;
        while (i < s.len && is_word(t->text[i])) {
            i++;
        }
        if (!token_add(t, t->text + from, i - from)) {
            return false;
        }
        i += i < s.len;
    }
    return true;
}

/* mteval's 13a: punctuation apart from word characters, but . and , between digits stay. */
static bool bleu_tokens(ly_str s, tokens *t)
{
    *t = (tokens){.text = ly_str_dup(s)};
    if (!t->text) {
        return false;
    }
    const char *p = t->text;
    size_t from = 0;
    for (size_t i = 0; i <= s.len; i++) {
        unsigned char c = i < s.len ? (unsigned char)p[i] : ' ';
        bool digit_before = i > 0 && p[i - 1] >= '0' && p[i - 1] <= '9';
        bool digit_after = i + 1 < s.len && p[i + 1] >= '0' && p[i + 1] <= '9';
        bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        bool punct = (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= '!' && c <= '&') ||
                     (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
        bool point = (c == '.' || c == ',') && !(digit_before && digit_after);
        bool dash = c == '-' && digit_before;
        if (space || punct || point || dash) {
            if (!token_add(t, p + from, i - from)) {
                return false;
            }
            if (!space && !token_add(t, p + i, 1)) {
                return false;
            }
            from = i + 1;
        }
    }
    return true;
}

static bool squad_tokens(ly_str s, tokens *t)
{
    if (!lower_copy(s, t)) {
        return false;
    }
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)t->text[i];
        bool punct = c < 0x80 && c > ' ' && !is_word((char)c);
        if (!punct) {
            t->text[len++] = (char)c;
        }
    }
    for (size_t i = 0; i < len;) {
        size_t from = i;
        while (i < len && (unsigned char)t->text[i] > ' ') {
            i++;
        }
        ly_str w = ly_str_n(t->text + from, i - from);
        bool article = ly_str_eqc(w, "a") || ly_str_eqc(w, "an") || ly_str_eqc(w, "the");
        if (!article && !token_add(t, w.ptr, w.len)) {
            return false;
        }
        i += i < len;
    }
    return true;
}

/* Clipped matches of n-grams; `used` has room for b->n marks. */
static size_t matches(const tokens *a, const tokens *b, size_t n, bool *used)
{
    size_t found = 0;
    if (a->n < n || b->n < n) {
        return 0;
    }
    memset(used, 0, b->n * sizeof *used);
    for (size_t i = 0; i + n <= a->n; i++) {
        for (size_t j = 0; j + n <= b->n; j++) {
            bool same = !used[j];
            for (size_t k = 0; same && k < n; k++) {
                same = ly_str_eq(a->items[i + k], b->items[j + k]);
            }
            if (same) {
                used[j] = true;
                found++;
                break;
            }
        }
    }
    return found;
}

static double f_score(double hits, double a, double b)
{
    return a + b > 0 && hits > 0 ? 2 * hits / (a + b) : 0;
}

double ly_metric_rouge(ly_str output, ly_str reference, int n)
{
    tokens a = {0}, b = {0};
    bool *used = NULL;
    double result = NAN;
    if (rouge_tokens(output, &a) && rouge_tokens(reference, &b) && n > 0 &&
        (used = ly_calloc(b.n + 1, sizeof *used))) {
        size_t k = (size_t)n, na = a.n >= k ? a.n - k + 1 : 0, nb = b.n >= k ? b.n - k + 1 : 0;
        result = f_score((double)matches(&a, &b, k, used), (double)na, (double)nb);
    }
    tokens_release(&a);
    tokens_release(&b);
    ly_free(used);
    return result;
}

double ly_metric_rouge_l(ly_str output, ly_str reference)
{
    tokens a = {0}, b = {0};
    size_t *row = NULL;
    double result = NAN;
    if (rouge_tokens(output, &a) && rouge_tokens(reference, &b) &&
        (row = ly_calloc(b.n + 1, sizeof *row))) {
        for (size_t i = 0; i < a.n; i++) {
            size_t diagonal = 0;
            for (size_t j = 1; j <= b.n; j++) {
                size_t up = row[j];
                row[j] = ly_str_eq(a.items[i], b.items[j - 1]) ? diagonal + 1
                         : row[j - 1] > up                     ? row[j - 1]
                                                               : up;
                diagonal = up;
            }
        }
        result = f_score((double)row[b.n], (double)a.n, (double)b.n);
    }
    tokens_release(&a);
    tokens_release(&b);
    ly_free(row);
    return result;
}

double ly_metric_bleu(ly_str output, ly_str reference)
{
    tokens a = {0}, b = {0};
    bool *used = NULL;
    double result = NAN;
    if (bleu_tokens(output, &a) && bleu_tokens(reference, &b) &&
        (used = ly_calloc(b.n + 1, sizeof *used))) {
        double sum = 0, smooth = 1;
        bool none = a.n == 0;
        size_t orders = 0;
        for (size_t n = 1; n <= 4 && a.n >= n; n++) {
            double hits = (double)matches(&a, &b, n, used), total = (double)(a.n - n + 1);
            if (hits == 0) {
                smooth *= 2;
                hits = 1 / smooth;
                none = none || n == 1;
            }
            sum += log(hits / total);
            orders = n;
        }
        double brevity = a.n >= b.n || a.n == 0 ? 1 : exp(1 - (double)b.n / (double)a.n);
        result = none || orders == 0 ? 0 : brevity * exp(sum / (double)orders);
    }
    tokens_release(&a);
    tokens_release(&b);
    ly_free(used);
    return result;
}

double ly_metric_f1(ly_str output, ly_str reference)
{
    tokens a = {0}, b = {0};
    bool *used = NULL;
    double result = NAN;
    if (squad_tokens(output, &a) && squad_tokens(reference, &b) &&
        (used = ly_calloc(b.n + 1, sizeof *used))) {
        result = a.n == 0 && b.n == 0
                     ? 1
                     : f_score((double)matches(&a, &b, 1, used), (double)a.n, (double)b.n);
    }
    tokens_release(&a);
    tokens_release(&b);
    ly_free(used);
    return result;
}
