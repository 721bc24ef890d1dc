/* Line difference of two texts (prompt_file.h): longest common subsequence by Myers' O(ND) walk. */
#include "base/limits.h"
#include "base/mem.h"
#include "prompts/prompt_file.h"

enum { MAX_LINES = 20000, MAX_EDITS = 4000, CONTEXT = 3 };

typedef struct lines {
    ly_str *items;
    size_t n, cap;
} lines;

static bool split(ly_str text, lines *out)
{
    size_t at = 0;
    while (at < text.len) {
        size_t end = ly_str_find_char(text, '\n', at);
        size_t stop = end == SIZE_MAX ? text.len : end;
        if (!ly_grow(&out->items, &out->cap, out->n + 1, MAX_LINES, sizeof *out->items)) {
            return false;
        }
        out->items[out->n++] = ly_str_sub(text, at, stop - at);
        at = end == SIZE_MAX ? text.len : end + 1;
    }
    return true;
}

typedef struct edit {
    char mark; /* ' ', '-', '+' */
    ly_str line;
} edit;

/* Walks back through the saved frontiers and writes the edits from the end. Returns how many. */
static size_t trace_back(const lines *a, const lines *b, int **saved, int d_end, edit *out)
{
    int x = (int)a->n, y = (int)b->n;
    size_t n = 0;
    for (int d = d_end; d > 0; d--) {
        const int *v = saved[d - 1] + d; /* frontier of d-1, index k in [-d, d] */
        int k = x - y;
        bool down = k == -d || (k != d && v[k - 1] < v[k + 1]);
        int prev_k = down ? k + 1 : k - 1, prev_x = v[prev_k], prev_y = prev_x - prev_k;
        while (x > prev_x && y > prev_y) {
            out[n++] = (edit){' ', a->items[--x]};
            y--;
        }
        if (down) {
            out[n++] = (edit){'+', b->items[--y]};
        } else {
            out[n++] = (edit){'-', a->items[--x]};
        }
    }
    while (x > 0 && y > 0) {
        out[n++] = (edit){' ', a->items[--x]};
        y--;
    }
    return n;
}

/* Replaces everything: for texts that differ by more than MAX_EDITS lines. */
static size_t all_changed(const lines *a, const lines *b, edit *out)
{
    size_t n = 0;
    for (size_t i = b->n; i > 0; i--) {
        out[n++] = (edit){'+', b->items[i - 1]};
    }
    for (size_t i = a->n; i > 0; i--) {
        out[n++] = (edit){'-', a->items[i - 1]};
    }
    return n;
}

/* Edits in reverse order; SIZE_MAX without memory. */
static size_t edits_of(const lines *a, const lines *b, edit *out)
{
    int n = (int)a->n, m = (int)b->n, max = n + m < MAX_EDITS ? n + m : MAX_EDITS;
    int **saved = ly_calloc((size_t)max + 2, sizeof *saved);
    int *v = ly_calloc(2 * (size_t)max + 3, sizeof *v);
    size_t result = SIZE_MAX;
    bool found = false;
    int d = 0;
    if (!saved || !v) {
        goto out;
    }
    int *mid = v + max + 1;
    for (d = 0; d <= max && !found; d++) {
        for (int k = -d; k <= d; k += 2) {
            bool down = k == -d || (k != d && mid[k - 1] < mid[k + 1]);
            int x = d == 0 ? 0 : down ? mid[k + 1] : mid[k - 1] + 1, y = x - k;
            while (x < n && y < m && ly_str_eq(a->items[x], b->items[y])) {
                x++;
                y++;
            }
            mid[k] = x;
            found = found || (x >= n && y >= m);
        }
        /* Frontier d, kept for indices -d-1 .. d+1. */
        size_t width = 2 * (size_t)d + 3;
        saved[d] = ly_calloc(width, sizeof **saved);
        if (!saved[d]) {
            goto out;
        }
        memcpy(saved[d], mid - d - 1, width * sizeof **saved);
    }
    result = found ? trace_back(a, b, saved, d - 1, out) : all_changed(a, b, out);
out:
    for (int i = 0; saved && i <= max; i++) {
        ly_free(saved[i]);
    }
    ly_free(saved);
    ly_free(v);
    return result;
}

static void print_edits(const edit *edits, size_t n, ly_buf *out, bool *ret_changed)
{
    size_t last_shown = 0; /* count of shown edits from the start */
    for (size_t i = 0; i < n; i++) {
        /* edits stand in reverse order */
        const edit *e = &edits[n - 1 - i];
        bool near = false;
        for (size_t k = i > CONTEXT ? i - CONTEXT : 0; k <= i + CONTEXT && k < n && !near; k++) {
            near = edits[n - 1 - k].mark != ' ';
        }
        *ret_changed = *ret_changed || e->mark != ' ';
        if (!near) {
            continue;
        }
        if (i > last_shown) {
            ly_buf_c(out, "...\n");
        }
        ly_buf_char(out, e->mark);
        ly_buf_str(out, e->line);
        ly_buf_char(out, '\n');
        last_shown = i + 1;
    }
}

ly_status ly_text_diff(ly_str a, ly_str b, ly_buf *out, bool *ret_changed, ly_err *err)
{
    lines la = {0}, lb = {0};
    edit *edits = NULL;
    ly_status st = LY_OK;
    if (!split(a, &la) || !split(b, &lb)) {
        st = LY_FAIL(err, LY_E_LIMIT, "the texts have more than %d lines", MAX_LINES);
        goto out;
    }
    edits = ly_calloc(la.n + lb.n + 1, sizeof *edits);
    size_t n = edits ? edits_of(&la, &lb, edits) : SIZE_MAX;
    if (n == SIZE_MAX) {
        st = LY_NOMEM(err);
        goto out;
    }
    *ret_changed = false;
    print_edits(edits, n, out, ret_changed);
    st = ly_buf_status(out, "difference", err);
out:
    ly_free(edits);
    ly_free(la.items);
    ly_free(lb.items);
    return st;
}
