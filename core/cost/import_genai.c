/*
 * genai-prices v2: an array of providers, each with models; a model's prices are one set, or a list of
 * sets with a start date or a daily window, of which the last that holds is used, else the first.
 * Clauses nest; usage extractors are not ours (core/genai reads usage). The schema is beside the data.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "cost/import_i.h"

#define MAX_CLAUSE_DEPTH 16
#define MAX_CLAUSE_ITEMS 1024

static const struct {
    const char *key;
    ly_clause_kind kind;
} leaves[] = {
    {"equals", LY_CLAUSE_EQUALS},  {"starts_with", LY_CLAUSE_STARTS},
    {"ends_with", LY_CLAUSE_ENDS}, {"contains", LY_CLAUSE_CONTAINS},
    {"regex", LY_CLAUSE_REGEX},
};

static ly_status read_clause(ly_price_book *book, const ly_json *node, int depth, ly_clause **ret,
                             ly_err *err);

static ly_status read_group(ly_price_book *book, ly_clause_kind kind, const ly_json *list,
                            int depth, ly_clause **ret, ly_err *err)
{
    size_t n = ly_json_count(list);
    if (!ly_json_is(list, LY_JSON_ARRAY) || n > MAX_CLAUSE_ITEMS || depth >= MAX_CLAUSE_DEPTH) {
        return LY_FAIL(err, LY_E_FORMAT, "an 'and' or 'or' is not a list, too long or too deep");
    }
    ly_clause **items = ly_calloc(n ? n : 1, sizeof *items);
    ly_status status = items ? LY_OK : LY_NOMEM(err);
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        status = read_clause(book, ly_json_at(list, i), depth + 1, &items[i], err);
    }
    if (status == LY_OK) {
        status = ly_clause_group(book, kind, items, n, ret, err);
    }
    ly_free(items);
    return status;
}

static ly_status read_clause(ly_price_book *book, const ly_json *node, int depth, ly_clause **ret,
                             ly_err *err)
{
    if (!ly_json_is(node, LY_JSON_OBJECT) || node->object.n != 1) {
        return LY_FAIL(err, LY_E_FORMAT, "a match clause is not an object of one key");
    }
    ly_str key = node->object.items[0].key;
    const ly_json *value = &node->object.items[0].value;
    for (size_t i = 0; i < LY_COUNT(leaves); i++) {
        if (ly_str_eqc(key, leaves[i].key) && value->kind == LY_JSON_STRING) {
            return ly_clause_leaf(book, leaves[i].kind, value->str, ret, err);
        }
    }
    if (ly_str_eqc(key, "or")) {
        return read_group(book, LY_CLAUSE_OR, value, depth, ret, err);
    }
    if (ly_str_eqc(key, "and")) {
        return read_group(book, LY_CLAUSE_AND, value, depth, ret, err);
    }
    return LY_FAIL(err, LY_E_FORMAT, "match clause '%.*s' is unknown", LY_STR_ARG(key));
}

static bool read_rate(const ly_json *node, ly_rate *ret)
{
    return node && (node->kind == LY_JSON_INT || node->kind == LY_JSON_REAL) &&
           ly_rate_parse(node->raw, 0, ret);
}

static ly_status bad_price(ly_str key, ly_err *err)
{
    return LY_FAIL(err, LY_E_FORMAT,
                   "the price of %.*s is not a number of at least 0, or has bad tiers",
                   LY_STR_ARG(key));
}

static ly_status read_price(ly_price_set *set, ly_unit unit, ly_str key, const ly_json *value,
                            ly_err *err)
{
    ly_rate rate;
    if (value->kind != LY_JSON_OBJECT) {
        return read_rate(value, &rate) && ly_price_set_base(set, unit, rate) ? LY_OK
                                                                             : bad_price(key, err);
    }
    const ly_json *tiers = ly_json_get(value, "tiers");
    if (!read_rate(ly_json_get(value, "base"), &rate) || !ly_price_set_base(set, unit, rate) ||
        !ly_json_is(tiers, LY_JSON_ARRAY)) {
        return bad_price(key, err);
    }
    for (size_t i = 0; i < ly_json_count(tiers); i++) {
        const ly_json *tier = ly_json_at(tiers, i);
        int64_t start;
        if (!ly_json_i64(ly_json_get(tier, "start"), &start) || start < 0 ||
            !read_rate(ly_json_get(tier, "price"), &rate) ||
            !ly_price_set_step(set, unit, start, rate)) {
            return bad_price(key, err);
        }
    }
    return LY_OK;
}

static ly_status read_set(const ly_json *prices, ly_str model, ly_price_set *set,
                          ly_import_notes *notes, ly_err *err)
{
    ly_price_set_init(set);
    if (!ly_json_is(prices, LY_JSON_OBJECT)) {
        return LY_FAIL(err, LY_E_FORMAT, "'prices' is not an object");
    }
    for (size_t i = 0; i < prices->object.n; i++) {
        const ly_json_member *member = &prices->object.items[i];
        ly_unit unit;
        if (member->value.kind == LY_JSON_NULL) {
            continue;
        }
        if (!ly_unit_by_price_key(member->key, &unit)) {
            import_note_key(notes, member->key, model);
            continue;
        }
        ly_status status = read_price(set, unit, member->key, &member->value, err);
        if (status != LY_OK) {
            return status;
        }
    }
    return LY_OK;
}

/* "00:30:00Z", "00:30:00+08:00", "00:30" -> second of the UTC day. */
static bool read_time_of_day(ly_str text, int32_t *ret)
{
    char stamp[64] = "1970-01-02T";
    int64_t ns;
    bool zoned = text.len > 0 &&
                 (text.ptr[text.len - 1] == 'Z' || ly_str_find_char(text, '+', 0) != SIZE_MAX ||
                  ly_str_find_char(text, '-', 0) != SIZE_MAX);
    if (text.len > 40) {
        return false;
    }
    size_t n = strlen(stamp);
    memcpy(stamp + n, text.ptr, text.len);
    n += text.len;
    if (!zoned) {
        stamp[n++] = 'Z';
    }
    if (!ly_time_parse(ly_str_n(stamp, n), &ns)) {
        return false;
    }
    *ret = (int32_t)((ns % LY_NS_PER_DAY + LY_NS_PER_DAY) % LY_NS_PER_DAY / LY_NS_PER_SEC);
    return true;
}

static ly_status read_constraint(const ly_json *constraint, ly_price_row *row, ly_err *err)
{
    if (!constraint || constraint->kind == LY_JSON_NULL) {
        return LY_OK;
    }
    ly_str date = ly_json_str(ly_json_get(constraint, "start_date"));
    if (date.ptr) {
        return ly_time_parse(date, &row->from_ns)
                   ? LY_OK
                   : LY_FAIL(err, LY_E_FORMAT, "start_date '%.*s' is not a date", LY_STR_ARG(date));
    }
    ly_str from = ly_json_str(ly_json_get(constraint, "start_time"));
    ly_str to = ly_json_str(ly_json_get(constraint, "end_time"));
    if (!from.ptr || !to.ptr || !read_time_of_day(from, &row->day_from_s) ||
        !read_time_of_day(to, &row->day_to_s)) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "a price's constraint is neither a start date nor a window");
    }
    return LY_OK;
}

static ly_price_row open_row(const ly_json *model)
{
    ly_price_row row = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .day_from_s = -1, .day_to_s = -1};
    row.note = ly_json_str(ly_json_get(model, "price_comments"));
    if (row.note.len > 240) {
        row.note.len = 240;
    }
    return row;
}

/* An empty set of prices says nothing, except of a variant that is named free. */
static bool named_free(ly_str id, const ly_price_set *set)
{
    return set->n == 0 && ly_str_ends(id, LY_S(":free"));
}

static ly_status add_set(ly_price_book *book, size_t provider, size_t model, ly_str id,
                         const ly_json *prices, ly_price_row *row, ly_price_set *set,
                         ly_import_notes *notes, ly_err *err)
{
    ly_status status = read_set(prices, id, set, notes, err);
    if (status != LY_OK) {
        return status;
    }
    row->prices = set->items;
    row->n_prices = set->n;
    row->free = named_free(id, set);
    return ly_price_add_row(book, provider, model, row, err);
}

static ly_status read_model(ly_price_book *book, size_t provider, const ly_json *node,
                            ly_price_set *set, ly_import_notes *notes, ly_err *err)
{
    ly_str id = ly_json_str(ly_json_get(node, "id"));
    const ly_json *prices = ly_json_get(node, "prices");
    ly_clause *match = NULL;
    size_t model = 0;
    if (!id.ptr || !prices) {
        return LY_FAIL(err, LY_E_FORMAT, "a model has no id or no prices");
    }
    ly_status status = read_clause(book, ly_json_get(node, "match"), 0, &match, err);
    if (status == LY_OK) {
        status = ly_price_add_model(book, provider, id, match, &model, err);
    }
    if (prices->kind != LY_JSON_ARRAY) {
        ly_price_row row = open_row(node);
        if (status == LY_OK) {
            status = add_set(book, provider, model, id, prices, &row, set, notes, err);
        }
    } else {
        for (size_t i = 0; status == LY_OK && i < prices->array.n; i++) {
            const ly_json *item = &prices->array.items[i];
            ly_price_row row = open_row(node);
            status = read_constraint(ly_json_get(item, "constraint"), &row, err);
            if (status == LY_OK) {
                status = add_set(book, provider, model, id, ly_json_get(item, "prices"), &row, set,
                                 notes, err);
            }
        }
    }
    return status == LY_OK ? LY_OK : ly_err_wrap(err, "model '%.*s'", LY_STR_ARG(id));
}

static ly_status optional_clause(ly_price_book *book, const ly_json *node, const ly_clause **ret,
                                 ly_err *err)
{
    ly_clause *clause = NULL;
    if (node && node->kind != LY_JSON_NULL) {
        ly_status status = read_clause(book, node, 0, &clause, err);
        if (status != LY_OK) {
            return status;
        }
    }
    *ret = clause;
    return LY_OK;
}

static ly_status add_provider(ly_price_book *book, const ly_json *node, size_t *ret, ly_err *err)
{
    ly_price_provider_def def = {.id = ly_json_str(ly_json_get(node, "id")),
                                 .name = ly_json_str(ly_json_get(node, "name")),
                                 .api_pattern = ly_json_str(ly_json_get(node, "api_pattern"))};
    ly_str fallbacks[16];
    const ly_json *list = ly_json_get(node, "fallback_model_providers");
    ly_status status =
        optional_clause(book, ly_json_get(node, "provider_match"), &def.provider_match, err);
    if (status == LY_OK) {
        status = optional_clause(book, ly_json_get(node, "model_match"), &def.model_match, err);
    }
    for (size_t i = 0; i < ly_json_count(list) && def.n_fallbacks < LY_COUNT(fallbacks); i++) {
        fallbacks[def.n_fallbacks++] = ly_json_str(ly_json_at(list, i));
    }
    def.fallbacks = fallbacks;
    return status == LY_OK ? ly_price_add_provider(book, &def, ret, err) : status;
}

static ly_status read_provider(ly_price_book *book, const ly_json *node, ly_price_set *set,
                               ly_import_notes *notes, ly_err *err)
{
    ly_str id = ly_json_str(ly_json_get(node, "id"));
    const ly_json *models = ly_json_get(node, "models");
    size_t provider = 0;
    if (!id.ptr || !ly_json_is(models, LY_JSON_ARRAY)) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "a provider has no id or no models; is this genai-prices data.json (v2)?");
    }
    ly_status status = add_provider(book, node, &provider, err);
    for (size_t i = 0; status == LY_OK && i < models->array.n; i++) {
        status = read_model(book, provider, &models->array.items[i], set, notes, err);
    }
    return status == LY_OK ? LY_OK : ly_err_wrap(err, "provider '%.*s'", LY_STR_ARG(id));
}

ly_status import_genai(ly_price_book *book, const ly_json *doc, ly_import_notes *notes, ly_err *err)
{
    const ly_json *providers = ly_json_is(doc, LY_JSON_ARRAY) ? doc : ly_json_get(doc, "providers");
    if (!ly_json_is(providers, LY_JSON_ARRAY) || ly_json_count(providers) == 0) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "no list of providers; is this genai-prices data.json (v2)?");
    }
    ly_price_set *set = ly_calloc(1, sizeof *set);
    ly_status status = set ? LY_OK : LY_NOMEM(err);
    ly_price_book_first_is_default(book);
    for (size_t i = 0; status == LY_OK && i < providers->array.n; i++) {
        status = read_provider(book, &providers->array.items[i], set, notes, err);
    }
    ly_free(set);
    return status;
}
