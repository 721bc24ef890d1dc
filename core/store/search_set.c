/* Sets of words: the word table is read once for a substring, and rows are then compared by id. */
#include "base/mem.h"
#include "store/search.h"
#include "text/regex.h"

/* Words of one set at most; a filter that matches more of them says nothing. */
#define MAX_SET 20000000

typedef struct word_set {
    int64_t *ids; /* ascending */
    size_t n, cap;
} word_set;

static void free_set(void *p)
{
    word_set *set = p;
    if (set != NULL) {
        ly_free(set->ids);
        ly_free(set);
    }
}

typedef struct asking {
    const ly_filter_node *term;
    ly_regex *regex;
} asking;

static ly_status word_ok(const asking *a, ly_str word, bool *ret_ok, ly_err *err)
{
    if (a->regex == NULL) {
        *ret_ok = ly_filter_text_ok(a->term, word);
        return LY_OK;
    }
    ly_status st = ly_regex_find(a->regex, word, 0, NULL, 0, err);
    *ret_ok = st == LY_OK;
    return st == LY_E_NOTFOUND ? LY_OK : st;
}

static ly_status read_words(ly_db *db, const asking *a, word_set *set, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT id, text FROM word ORDER BY id", &s, err);
    bool row = false;
    while (st == LY_OK && (st = ly_db_step(db, s, &row, err)) == LY_OK && row) {
        bool ok = false;
        st = word_ok(a, ly_col_str(s, 1), &ok, err);
        if (st != LY_OK || !ok) {
            continue;
        }
        if (!ly_grow(&set->ids, &set->cap, set->n + 1, MAX_SET, sizeof *set->ids)) {
            st = LY_NOMEM(err);
        } else {
            set->ids[set->n++] = ly_col_int(s, 0);
        }
    }
    if (s != NULL) {
        ly_db_reset(s);
    }
    return st;
}

ly_status ly_search_bind_set(ly_db *db, ly_stmt *stmt, int number, const ly_filter_node *term,
                             ly_err *err)
{
    asking a = {.term = term};
    ly_status st = LY_OK;
    word_set *set = ly_calloc(1, sizeof *set);
    if (set == NULL) {
        return LY_NOMEM(err);
    }
    if (ly_filter_field_value(term->field) == LY_FVAL_REGEX) {
        st = ly_regex_new(term->text, 0, &a.regex, err);
        if (st != LY_OK) {
            st = ly_err_wrap(err, "filter ~");
        }
    }
    if (st == LY_OK) {
        st = read_words(db, &a, set, err);
    }
    ly_regex_free(a.regex);
    if (st != LY_OK) {
        free_set(set);
        return st;
    }
    /* SQLite frees the set in every case from here on. */
    if (sqlite3_bind_pointer(stmt, number, set, LY_SEARCH_SET, free_set) != SQLITE_OK) {
        return LY_NOMEM(err);
    }
    return LY_OK;
}

static bool in_set(const word_set *set, int64_t id)
{
    size_t lo = 0, hi = set->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (set->ids[mid] < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < set->n && set->ids[lo] == id;
}

void ly_search_has(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    const word_set *set = n > 0 ? sqlite3_value_pointer(args[0], LY_SEARCH_SET) : NULL;
    int found = 0;
    for (int i = 1; set != NULL && set->n > 0 && i < n && !found; i++) {
        found = sqlite3_value_type(args[i]) == SQLITE_INTEGER &&
                in_set(set, sqlite3_value_int64(args[i]));
    }
    sqlite3_result_int(ctx, found);
}
