/*
 * A book's memory: building, sealing, reading out, freeing.
 */
#include <stdatomic.h>

#include "base/limits.h"
#include "genai/price_i.h"

#define MAX_BOOK_BYTES LY_MIB(256)
#define MAX_ITEMS      1000000

ly_status ly_price_book_new(ly_str name, ly_str source, int64_t number, ly_price_book **ret_book,
                            ly_err *err)
{
    ly_price_book *book = ly_calloc(1, sizeof *book);
    if (!book) {
        return LY_NOMEM(err);
    }
    ly_arena_init(&book->arena, LY_KIB(64), MAX_BOOK_BYTES);
    static _Atomic uint64_t serials;
    book->serial = ++serials;
    book->number = number;
    book->published_ns = book->learned_ns = LY_UNKNOWN;
    book->name = ly_arena_copy(&book->arena, name);
    book->source = ly_arena_copy(&book->arena, source);
    if (!book->name.ptr || !book->source.ptr) {
        ly_price_book_free(book);
        return LY_NOMEM(err);
    }
    *ret_book = book;
    return LY_OK;
}

void ly_price_book_dates(ly_price_book *book, int64_t published_ns, int64_t learned_ns)
{
    book->published_ns = published_ns;
    book->learned_ns = learned_ns;
}

void ly_price_book_first_is_default(ly_price_book *book)
{
    book->first_is_default = true;
}

static void provider_release(price_provider *provider)
{
    for (size_t i = 0; i < provider->n_models; i++) {
        ly_free(provider->models[i].rows);
    }
    ly_free(provider->models);
    ly_free(provider->names);
    ly_free(provider->patterns);
    ly_regex_free(provider->api);
}

void ly_price_book_free(ly_price_book *book)
{
    if (!book || book->is_static) {
        return;
    }
    for (size_t i = 0; i < book->n_providers; i++) {
        provider_release(&book->providers[i]);
    }
    for (size_t i = 0; i < book->n_regexes; i++) {
        ly_regex_free(book->regexes[i]);
    }
    ly_free(book->providers);
    ly_free(book->own);
    ly_free(book->regexes);
    ly_free(book->rows);
    ly_arena_release(&book->arena);
    ly_free(book);
}

/* ---- building ---- */

static ly_status copy_strs(ly_price_book *book, const ly_str *from, size_t n, const ly_str **ret,
                           ly_err *err)
{
    ly_str *copy = LY_ARENA_ARRAY(&book->arena, ly_str, n ? n : 1);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = ly_arena_copy(&book->arena, from[i]);
        if (!copy[i].ptr) {
            return LY_NOMEM(err);
        }
    }
    if (!copy) {
        return LY_NOMEM(err);
    }
    *ret = copy;
    return LY_OK;
}

ly_status ly_price_add_provider(ly_price_book *book, const ly_price_provider_def *def,
                                size_t *ret_provider, ly_err *err)
{
    for (size_t i = 0; i < book->n_providers; i++) {
        if (ly_str_eq(book->providers[i].id, def->id)) {
            return LY_FAIL(err, LY_E_EXISTS, "provider '%.*s' is there twice", LY_STR_ARG(def->id));
        }
    }
    if (def->id.len == 0 || def->id.len > LY_PRICE_NAME_MAX) {
        return LY_FAIL(err, LY_E_INVALID, "a provider's id is empty or too long");
    }
    if (!ly_grow(&book->providers, &book->cap_providers, book->n_providers + 1, MAX_ITEMS,
                 sizeof book->providers[0])) {
        return LY_NOMEM(err);
    }
    price_provider provider = {.provider_match = def->provider_match,
                               .model_match = def->model_match,
                               .host_match = def->host_match,
                               .n_fallbacks = def->n_fallbacks};
    provider.id = ly_arena_copy(&book->arena, def->id);
    provider.name = ly_arena_copy(&book->arena, def->name.len ? def->name : def->id);
    ly_status status = copy_strs(book, def->fallbacks, def->n_fallbacks, &provider.fallbacks, err);
    if (status != LY_OK || !provider.id.ptr || !provider.name.ptr) {
        return status != LY_OK ? status : LY_NOMEM(err);
    }
    if (def->api_pattern.len > 0) {
        status = ly_regex_new(def->api_pattern, 0, &provider.api, err);
        if (status != LY_OK) {
            return ly_err_wrap(err, "provider '%.*s', api_pattern", LY_STR_ARG(def->id));
        }
    }
    *ret_provider = book->n_providers;
    book->providers[book->n_providers++] = provider;
    return LY_OK;
}

ly_status ly_price_add_model(ly_price_book *book, size_t provider, ly_str id,
                             const ly_clause *match, size_t *ret_model, ly_err *err)
{
    price_provider *p = &book->providers[provider];
    if (id.len == 0 || id.len > LY_PRICE_NAME_MAX) {
        return LY_FAIL(err, LY_E_INVALID, "a model's id is empty or too long");
    }
    if (!ly_grow(&p->models, &p->cap_models, p->n_models + 1, MAX_ITEMS, sizeof p->models[0])) {
        return LY_NOMEM(err);
    }
    price_model model = {.id = ly_arena_copy(&book->arena, id), .match = match};
    if (!match) {
        ly_clause *dated;
        ly_status status = ly_clause_leaf(book, LY_CLAUSE_DATED, id, &dated, err);
        if (status != LY_OK) {
            return status;
        }
        model.match = dated;
    }
    if (!model.id.ptr) {
        return LY_NOMEM(err);
    }
    *ret_model = p->n_models;
    p->models[p->n_models++] = model;
    return LY_OK;
}

static ly_status check_prices(const ly_price_row *row, ly_err *err)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < row->n_prices; i++) {
        const ly_price *price = &row->prices[i];
        if ((unsigned)price->unit >= LY_UNIT__COUNT || (seen >> price->unit & 1) ||
            price->base < 0) {
            return LY_FAIL(err, LY_E_INVALID, "price %s is there twice, has no base, or is below 0",
                           ly_unit_price_key(price->unit));
        }
        seen |= (uint64_t)1 << price->unit;
        for (size_t k = 0; k < price->n_steps; k++) {
            if (price->steps[k].rate < 0 || price->steps[k].start < 0 ||
                (k > 0 && price->steps[k].start <= price->steps[k - 1].start)) {
                return LY_FAIL(err, LY_E_INVALID, "the tiers of %s do not ascend",
                               ly_unit_price_key(price->unit));
            }
        }
    }
    return LY_OK;
}

_Static_assert(LY_UNIT__COUNT <= 64, "units fit one mask");

static ly_status copy_prices(ly_price_book *book, const ly_price_row *row, ly_price_row *ret,
                             ly_err *err)
{
    ly_price *prices = LY_ARENA_ARRAY(&book->arena, ly_price, row->n_prices ? row->n_prices : 1);
    if (!prices) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < row->n_prices; i++) {
        prices[i] = row->prices[i];
        size_t n = prices[i].n_steps;
        ly_price_step *steps = LY_ARENA_ARRAY(&book->arena, ly_price_step, n ? n : 1);
        if (!steps) {
            return LY_NOMEM(err);
        }
        for (size_t k = 0; k < n; k++) {
            steps[k] = row->prices[i].steps[k];
        }
        prices[i].steps = steps;
    }
    ret->prices = prices;
    return LY_OK;
}

/* A copy of everything in the row but provider and model. */
static ly_status copy_row(ly_price_book *book, const ly_price_row *row, ly_price_row *ret,
                          ly_err *err)
{
    ly_status status = check_prices(row, err);
    if (status != LY_OK) {
        return status;
    }
    *ret = *row;
    price_lower tier;
    price_lower_init(&tier, row->service_tier);
    ret->service_tier = ly_arena_copy(&book->arena, tier.view);
    ret->source = ly_arena_copy(&book->arena, row->source);
    ret->note = ly_arena_copy(&book->arena, row->note);
    ret->service = ly_arena_copy(&book->arena, row->service);
    ret->access_key = ly_arena_copy(&book->arena, row->access_key);
    if (!ret->service_tier.ptr || !ret->source.ptr || !ret->note.ptr || !ret->service.ptr ||
        !ret->access_key.ptr) {
        return LY_NOMEM(err);
    }
    return copy_prices(book, row, ret, err);
}

ly_status ly_price_add_row(ly_price_book *book, size_t provider, size_t model,
                           const ly_price_row *row, ly_err *err)
{
    price_provider *p = &book->providers[provider];
    price_model *m = &p->models[model];
    ly_price_row copy;
    ly_status status = copy_row(book, row, &copy, err);
    if (status != LY_OK) {
        return status;
    }
    copy.provider = p->id;
    copy.model = m->id;
    if (!ly_grow(&m->rows, &m->cap_rows, m->n_rows + 1, MAX_ITEMS, sizeof m->rows[0])) {
        return LY_NOMEM(err);
    }
    m->rows[m->n_rows++] = copy;
    return LY_OK;
}

static ly_status optional_clause(ly_price_book *book, ly_str text, const ly_clause **ret,
                                 ly_err *err)
{
    *ret = NULL;
    if (text.len == 0) {
        return LY_OK;
    }
    ly_clause *clause;
    ly_status status = ly_clause_short(book, text, &clause, err);
    if (status == LY_OK) {
        *ret = clause;
    }
    return status;
}

ly_status ly_price_add_own(ly_price_book *book, ly_str provider, ly_str model, ly_str address,
                           const ly_price_row *row, ly_err *err)
{
    price_own own = {.rank = 0};
    if (row->id >= 0) {
        return LY_FAIL(err, LY_E_INVALID, "an own price row needs a negative id");
    }
    ly_status status = copy_row(book, row, &own.row, err);
    if (status == LY_OK) {
        status = optional_clause(book, provider, &own.provider, err);
    }
    if (status == LY_OK) {
        status = optional_clause(book, model, &own.model, err);
    }
    if (status == LY_OK) {
        status = optional_clause(book, address, &own.address, err);
    }
    if (status != LY_OK) {
        return status;
    }
    own.row.provider = ly_arena_copy(&book->arena, provider);
    own.row.model = ly_arena_copy(&book->arena, model);
    own.row.gateway = ly_arena_copy(&book->arena, address);
    own.rank = (own.address ? 16 : 0) + (row->access_key.len ? 8 : 0) + (row->service.len ? 4 : 0) +
               (own.model ? 2 : 0) + (own.provider ? 1 : 0);
    if (!own.row.provider.ptr || !own.row.model.ptr || !own.row.gateway.ptr ||
        !ly_grow(&book->own, &book->cap_own, book->n_own + 1, MAX_ITEMS, sizeof book->own[0])) {
        return LY_NOMEM(err);
    }
    book->own[book->n_own++] = own;
    return LY_OK;
}

/* ---- sealing ---- */

static int compare_names(const void *a, const void *b)
{
    const price_name *x = a, *y = b;
    int order = ly_str_cmp(x->name, y->name);
    return order ? order : (x->model > y->model) - (x->model < y->model);
}

/* True when the clause is only a list of exact names. */
static bool is_name_list(const ly_clause *clause)
{
    if (clause->kind == LY_CLAUSE_OR) {
        for (size_t i = 0; i < clause->n; i++) {
            if (clause->items[i]->kind != LY_CLAUSE_EQUALS) {
                return false;
            }
        }
        return true;
    }
    return clause->kind == LY_CLAUSE_EQUALS;
}

static bool add_name(price_provider *p, ly_str name, size_t model)
{
    if (!ly_grow(&p->names, &p->cap_names, p->n_names + 1, MAX_ITEMS, sizeof p->names[0])) {
        return false;
    }
    p->names[p->n_names++] = (price_name){name, (uint32_t)model};
    return true;
}

static bool index_model(price_provider *p, size_t model)
{
    const ly_clause *match = p->models[model].match;
    if (!is_name_list(match)) {
        if (!ly_grow(&p->patterns, &p->cap_patterns, p->n_patterns + 1, MAX_ITEMS,
                     sizeof p->patterns[0])) {
            return false;
        }
        p->patterns[p->n_patterns++] = (uint32_t)model;
        return true;
    }
    if (match->kind == LY_CLAUSE_EQUALS) {
        return add_name(p, match->text, model);
    }
    for (size_t i = 0; i < match->n; i++) {
        if (!add_name(p, match->items[i]->text, model)) {
            return false;
        }
    }
    return true;
}

static bool index_provider(price_provider *p)
{
    for (size_t m = 0; m < p->n_models; m++) {
        if (!index_model(p, m)) {
            return false;
        }
    }
    if (p->n_names > 1) {
        qsort(p->names, p->n_names, sizeof p->names[0], compare_names);
    }
    return true;
}

ly_status ly_price_book_seal(ly_price_book *book, ly_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < book->n_providers; i++) {
        price_provider *p = &book->providers[i];
        book->n_models += p->n_models;
        if (!index_provider(p)) {
            return LY_NOMEM(err);
        }
        for (size_t m = 0; m < p->n_models; m++) {
            n += p->models[m].n_rows;
        }
    }
    if (n >= (size_t)1 << 24) {
        return LY_FAIL(err, LY_E_LIMIT, "more than 16 million price rows in one book");
    }
    book->rows = ly_calloc(n ? n : 1, sizeof book->rows[0]);
    if (!book->rows) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < book->n_providers; i++) {
        for (size_t m = 0; m < book->providers[i].n_models; m++) {
            price_model *model = &book->providers[i].models[m];
            for (size_t r = 0; r < model->n_rows; r++) {
                model->rows[r].id = (book->number << 24) + (int64_t)book->n_rows + 1;
                book->rows[book->n_rows++] = &model->rows[r];
            }
        }
    }
    book->sealed = true;
    return LY_OK;
}

/* ---- reading out ---- */

ly_price_info ly_price_book_info(const ly_price_book *book)
{
    return (ly_price_info){book->name,         book->source,     book->number,
                           book->published_ns, book->learned_ns, book->n_providers,
                           book->n_models,     book->n_rows,     book->n_own};
}

const ly_price_row *ly_price_book_row(const ly_price_book *book, size_t i)
{
    if (i < book->n_rows) {
        return book->rows[i];
    }
    return i - book->n_rows < book->n_own ? &book->own[i - book->n_rows].row : NULL;
}

const ly_price_row *ly_price_book_row_id(const ly_price_book *book, int64_t id)
{
    for (size_t i = 0; id < 0 && i < book->n_own; i++) {
        if (book->own[i].row.id == id) {
            return &book->own[i].row;
        }
    }
    int64_t place = id - (book->number << 24);
    return id > 0 && place >= 1 && place <= (int64_t)book->n_rows ? book->rows[place - 1] : NULL;
}

/* ---- sets ---- */

void ly_price_set_init(ly_price_set *set)
{
    set->n = 0;
}

static ly_price *set_item(ly_price_set *set, ly_unit unit)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].unit == unit) {
            return &set->items[i];
        }
    }
    ly_price *item = &set->items[set->n];
    *item = (ly_price){unit, -1, set->steps[set->n], 0};
    set->n++;
    return item;
}

bool ly_price_set_base(ly_price_set *set, ly_unit unit, ly_rate rate)
{
    ly_price *item = set_item(set, unit);
    if (item->base >= 0) {
        return false;
    }
    item->base = rate;
    return true;
}

bool ly_price_set_step(ly_price_set *set, ly_unit unit, int64_t start, ly_rate rate)
{
    ly_price *item = set_item(set, unit);
    ly_price_step *steps = set->steps[item - set->items];
    size_t at = item->n_steps;
    if (at == LY_COUNT(set->steps[0])) {
        return false;
    }
    while (at > 0 && steps[at - 1].start >= start) {
        if (steps[at - 1].start == start) {
            return false;
        }
        at--;
    }
    for (size_t i = item->n_steps; i > at; i--) {
        steps[i] = steps[i - 1];
    }
    steps[at] = (ly_price_step){start, rate};
    item->n_steps++;
    return true;
}
