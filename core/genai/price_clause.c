/*
 * Clauses: the little grammar by which a book says which names a model or provider covers.
 */
#include "genai/price_i.h"

void price_lower_init(price_lower *lower, ly_str text)
{
    size_t n = text.len <= sizeof lower->bytes ? text.len : 0;
    for (size_t i = 0; i < n; i++) {
        char c = text.ptr[i];
        lower->bytes[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    lower->view = ly_str_n(lower->bytes, n);
}

static bool keep_regex(ly_price_book *book, ly_regex *regex)
{
    if (!ly_grow(&book->regexes, &book->cap_regexes, book->n_regexes + 1, 1000000,
                 sizeof book->regexes[0])) {
        return false;
    }
    book->regexes[book->n_regexes++] = regex;
    return true;
}

ly_status ly_clause_leaf(ly_price_book *book, ly_clause_kind kind, ly_str text,
                         ly_clause **ret_clause, ly_err *err)
{
    if (text.len > LY_PRICE_NAME_MAX) {
        return LY_FAIL(err, LY_E_LIMIT, "a clause is longer than %d bytes", LY_PRICE_NAME_MAX);
    }
    ly_clause *clause = LY_ARENA_NEW(&book->arena, ly_clause);
    if (!clause) {
        return LY_NOMEM(err);
    }
    clause->kind = kind;
    if (kind == LY_CLAUSE_REGEX) {
        clause->text = ly_arena_copy(&book->arena, text);
        ly_status status = ly_regex_new(text, 0, &clause->regex, err);
        if (status != LY_OK) {
            return status;
        }
        if (!keep_regex(book, clause->regex)) {
            ly_regex_free(clause->regex);
            clause->regex = NULL;
            return LY_NOMEM(err);
        }
    } else {
        price_lower lower;
        price_lower_init(&lower, text);
        clause->text = ly_arena_copy(&book->arena, lower.view);
    }
    if (!clause->text.ptr) {
        return LY_NOMEM(err);
    }
    *ret_clause = clause;
    return LY_OK;
}

ly_status ly_clause_group(ly_price_book *book, ly_clause_kind kind, ly_clause *const *items,
                          size_t n, ly_clause **ret_clause, ly_err *err)
{
    ly_clause *clause = LY_ARENA_NEW(&book->arena, ly_clause);
    const ly_clause **copy = LY_ARENA_ARRAY(&book->arena, const ly_clause *, n ? n : 1);
    if (!clause || !copy) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < n; i++) {
        copy[i] = items[i];
    }
    *clause = (ly_clause){kind, LY_STR_NONE, NULL, copy, n};
    *ret_clause = clause;
    return LY_OK;
}

static ly_status short_item(ly_price_book *book, ly_str item, ly_clause **ret_clause, ly_err *err)
{
    size_t n = item.len;
    if (n > 0 && item.ptr[0] == '=') {
        return ly_clause_leaf(book, LY_CLAUSE_EQUALS, ly_str_sub(item, 1, n), ret_clause, err);
    }
    bool head = n > 0 && item.ptr[0] == '*', tail = n > 0 && item.ptr[n - 1] == '*';
    if (n == 1 && head) {
        return ly_clause_leaf(book, LY_CLAUSE_ANY, LY_S(""), ret_clause, err);
    }
    ly_str core = ly_str_sub(item, head ? 1 : 0, n - (head ? 1 : 0) - (tail ? 1 : 0));
    if (core.len == 0) {
        return LY_FAIL(err, LY_E_INVALID,
                       "an empty name between '|'; name a model, or '*' for all");
    }
    ly_clause_kind kind = head && tail ? LY_CLAUSE_CONTAINS
                          : head       ? LY_CLAUSE_ENDS
                          : tail       ? LY_CLAUSE_STARTS
                                       : LY_CLAUSE_DATED;
    return ly_clause_leaf(book, kind, core, ret_clause, err);
}

ly_status ly_clause_short(ly_price_book *book, ly_str text, ly_clause **ret_clause, ly_err *err)
{
    ly_clause *items[64];
    size_t n = 0;
    ly_str rest = text, part;
    while (rest.len > 0) {
        if (n == LY_COUNT(items)) {
            return LY_FAIL(err, LY_E_LIMIT, "more than %zu names in one clause", LY_COUNT(items));
        }
        ly_status status;
        if (rest.ptr[0] == '~') { /* the rest is the expression, bars included */
            status = ly_clause_leaf(book, LY_CLAUSE_REGEX, ly_str_sub(rest, 1, rest.len),
                                    &items[n++], err);
            rest.len = 0;
        } else {
            if (!ly_str_split(&rest, '|', &part)) {
                break;
            }
            status = short_item(book, ly_str_trim(part), &items[n++], err);
        }
        if (status != LY_OK) {
            return status;
        }
    }
    if (n == 1) {
        *ret_clause = items[0];
        return LY_OK;
    }
    return ly_clause_group(book, LY_CLAUSE_OR, items, n, ret_clause, err);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "-2025-08-07", "-20250807", "@20250807", "-latest", "-0613", "-001", "-v1:0" and nothing else. */
static bool dated_tail(ly_str tail)
{
    if (tail.len < 2 || (tail.ptr[0] != '-' && tail.ptr[0] != '@')) {
        return false;
    }
    ly_str rest = ly_str_sub(tail, 1, tail.len);
    if (ly_str_eqc(rest, "latest") || ly_str_eqc(rest, "preview")) {
        return true;
    }
    size_t digits = 0;
    for (size_t i = 0; i < rest.len; i++) {
        if (is_digit(rest.ptr[i])) {
            digits++;
        } else if (rest.ptr[i] != '-') {
            return false;
        }
    }
    /* A lone small number is another model ("claude-3-5"), a date or build number is not. */
    return digits == 8 || digits == 4 || (digits == 3 && rest.len == 3);
}

static bool leaf_match(const ly_clause *clause, ly_str lower)
{
    switch (clause->kind) {
    case LY_CLAUSE_EQUALS:
        return ly_str_eq(lower, clause->text);
    case LY_CLAUSE_STARTS:
        return ly_str_starts(lower, clause->text);
    case LY_CLAUSE_ENDS:
        return ly_str_ends(lower, clause->text);
    case LY_CLAUSE_CONTAINS:
        return ly_str_find(lower, clause->text, 0) != SIZE_MAX;
    case LY_CLAUSE_REGEX:
        return ly_regex_find(clause->regex, lower, 0, NULL, 0, NULL) == LY_OK;
    case LY_CLAUSE_DATED:
        return ly_str_starts(lower, clause->text) &&
               (lower.len == clause->text.len ||
                dated_tail(ly_str_sub(lower, clause->text.len, lower.len)));
    default:
        return clause->kind == LY_CLAUSE_ANY;
    }
}

bool price_clause_match_lower(const ly_clause *clause, ly_str lower)
{
    if (clause->kind != LY_CLAUSE_OR && clause->kind != LY_CLAUSE_AND) {
        return leaf_match(clause, lower);
    }
    bool all = clause->kind == LY_CLAUSE_AND;
    for (size_t i = 0; i < clause->n; i++) { /* depth is bounded by the readers */
        if (price_clause_match_lower(clause->items[i], lower) != all) {
            return !all;
        }
    }
    return all;
}

bool ly_clause_match(const ly_clause *clause, ly_str name)
{
    price_lower lower;
    price_lower_init(&lower, name);
    return (name.len == 0 || lower.view.len > 0) && price_clause_match_lower(clause, lower.view);
}
