/* The price book in force; see cost/book.h. */
#include "cost/book.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

/* ---- own prices ---- */

static ly_status bad_price(ly_str item, ly_err *err)
{
    return LY_FAIL(
        err, LY_E_INVALID,
        "'%.*s' is no price; write UNIT=USD, for example input=1.25 or output_mtok=10, with "
        "input>200000=2.5 for a context tier",
        LY_STR_ARG(item));
}

static ly_status parse_item(ly_str item, ly_price_set *set, ly_err *err)
{
    size_t eq = ly_str_find_char(item, '=', 0);
    ly_unit unit;
    ly_rate rate;
    int64_t above = 0;
    if (eq == SIZE_MAX) {
        return bad_price(item, err);
    }
    ly_str key = ly_str_trim(ly_str_sub(item, 0, eq));
    ly_str value = ly_str_trim(ly_str_sub(item, eq + 1, item.len));
    size_t more = ly_str_find_char(key, '>', 0);
    if (more != SIZE_MAX) {
        if (!ly_str_to_i64(ly_str_sub(key, more + 1, key.len), &above) || above <= 0) {
            return bad_price(item, err);
        }
        key.len = more;
    }
    if (!ly_unit_by_name(key, &unit) || !ly_rate_parse(value, 0, &rate)) {
        return bad_price(item, err);
    }
    bool good =
        above ? ly_price_set_step(set, unit, above, rate) : ly_price_set_base(set, unit, rate);
    return good ? LY_OK : LY_FAIL(err, LY_E_INVALID, "'%.*s' is there twice", LY_STR_ARG(item));
}

ly_status ly_own_prices_parse(ly_str text, ly_price_set *set, bool *ret_free, ly_err *err)
{
    ly_str rest = text, item;
    bool is_free = false;
    ly_price_set_init(set);
    while (ly_str_split(&rest, ',', &item)) {
        item = ly_str_trim(item);
        if (ly_str_eqc(item, "free")) {
            is_free = true;
            continue;
        }
        ly_status status = item.len ? parse_item(item, set, err) : LY_OK;
        if (status != LY_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].base < 0) {
            return LY_FAIL(err, LY_E_INVALID, "%s has a tier but no base price",
                           ly_unit_price_key(set->items[i].unit));
        }
    }
    *ret_free = is_free;
    return LY_OK;
}

typedef struct own_source {
    ly_store *store;
    bool removed_too;
} own_source;

static ly_status add_own_price(ly_price_book *book, const ly_own_price *p, ly_price_set *set,
                               ly_err *err)
{
    ly_price_row row = {.id = -p->id,
                        .service_tier = p->service_tier,
                        .note = p->note,
                        .from_ns = p->from_ns,
                        .to_ns = p->to_ns,
                        .day_from_s = -1,
                        .day_to_s = -1,
                        .learned_ns = p->learned_ns,
                        .service = p->service,
                        .access_key = p->access_key};
    ly_status status = ly_own_prices_parse(p->prices, set, &row.free, err);
    row.prices = set->items;
    row.n_prices = set->n;
    /* A removed row is there to be shown by its id; it may match nothing any more. */
    if (p->removed_ns != LY_UNKNOWN) {
        row.to_ns = row.from_ns == INT64_MIN ? INT64_MIN : row.from_ns;
    }
    if (status == LY_OK) {
        status = ly_price_add_own(book, p->provider, p->model, p->address, &row, err);
    }
    return status == LY_OK ? LY_OK : ly_err_wrap(err, "own price %lld", (long long)p->id);
}

static ly_status add_own(void *user, ly_price_book *book, ly_err *err)
{
    const own_source *from = user;
    ly_arena arena;
    ly_own_price *prices = NULL;
    size_t n = 0;
    if (!from->store) {
        return LY_OK;
    }
    ly_arena_init(&arena, 0, LY_MIB(64));
    ly_price_set *set = ly_calloc(1, sizeof *set);
    ly_status status = set ? LY_OK : LY_NOMEM(err);
    if (status == LY_OK) {
        status = ly_own_price_list(from->store, from->removed_too, &arena, &prices, &n, err);
    }
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        status = add_own_price(book, &prices[i], set, err);
    }
    ly_free(set);
    ly_arena_release(&arena);
    return status;
}

/* ---- opening ---- */

static ly_status build(ly_store *store, const ly_stored_book *stored, bool removed_too,
                       ly_price_book **ret_book, ly_err *err)
{
    own_source own = {store, removed_too};
    if (stored->format < 0 || stored->format >= LY_BOOK__COUNT) {
        return LY_FAIL(err, LY_E_NEWER, "price book %lld has a format of another build",
                       (long long)stored->number);
    }
    return ly_book_read((ly_book_format)stored->format, stored->text, stored->name, stored->source,
                        stored->number, stored->published_ns, stored->learned_ns, add_own, &own,
                        ret_book, NULL, err);
}

/* The compiled-in book under the number that the file knows it by. */
static ly_status default_stored(ly_store *store, ly_stored_book *ret, ly_err *err)
{
    const ly_price_book *book = ly_price_book_default();
    if (!book) {
        return LY_NOMEM(err);
    }
    ly_price_info info = ly_price_book_info(book);
    *ret = (ly_stored_book){.name = info.name,
                            .source = info.source,
                            .format = LY_BOOK_CSV,
                            .published_ns = info.published_ns,
                            .learned_ns = ly_wall_ns(),
                            .text = ly_price_default_text()};
    ly_status status = ly_book_find(store, ret->text, &ret->number, err);
    if (status == LY_OK && ret->number == 0 && ly_store_writable(store)) {
        ly_err ignored = LY_ERR_INIT; /* a busy or full file must not stop pricing */
        if (ly_book_put(store, ret, false, &ret->number, &ignored) != LY_OK) {
            ret->number = 0;
        }
    }
    return status;
}

ly_status ly_cost_book_open(ly_store *store, ly_price_book **ret_book, ly_err *err)
{
    ly_arena arena;
    ly_stored_book stored = {0};
    ly_arena_init(&arena, 0, LY_MIB(128));
    ly_status status = ly_book_active(store, &arena, &stored, err);
    if (status == LY_OK && stored.number == 0) {
        status = default_stored(store, &stored, err);
    }
    if (status == LY_OK) {
        status = build(store, &stored, false, ret_book, err);
    }
    ly_arena_release(&arena);
    return status;
}

ly_status ly_cost_book_of_row(ly_store *store, int64_t row, ly_price_book **ret_book, ly_err *err)
{
    ly_arena arena;
    ly_stored_book stored = {0};
    int64_t number = row > 0 ? row >> 24 : 0;
    ly_arena_init(&arena, 0, LY_MIB(128));
    ly_status status = number ? ly_book_load(store, number, &arena, &stored, err)
                              : ly_book_active(store, &arena, &stored, err);
    if (status == LY_OK && stored.number == 0) {
        status = default_stored(store, &stored, err);
    }
    if (status == LY_OK) {
        status = build(store, &stored, true, ret_book, err);
    }
    ly_arena_release(&arena);
    return status;
}

/* ---- importing ---- */

ly_status ly_cost_book_import(ly_store *store, ly_book_format format, ly_str text, ly_str name,
                              ly_str source, int64_t published_ns, bool activate,
                              ly_book_import *ret, ly_err *err)
{
    ly_price_book *book = NULL;
    ly_book_import done = {0};
    int64_t known = 0;
    if (format == LY_BOOK__COUNT) {
        format = ly_book_format_guess(text);
    }
    ly_status status = ly_book_read(format, text, name, source, 0, published_ns, ly_wall_ns(), NULL,
                                    NULL, &book, &done.notes, err);
    if (status != LY_OK) {
        return status;
    }
    done.info = ly_price_book_info(book);
    ly_stored_book stored = {.name = done.info.name,
                             .source = source,
                             .format = format,
                             .published_ns =
                                 published_ns != LY_UNKNOWN ? published_ns : done.info.published_ns,
                             .learned_ns = ly_wall_ns(),
                             .text = text};
    status = ly_book_find(store, text, &known, err);
    if (status == LY_OK) {
        status = ly_book_put(store, &stored, activate, &done.number, err);
    }
    done.known = known != 0;
    done.info.name = done.info.source = LY_STR_NONE;
    ly_price_book_free(book);
    if (status == LY_OK) {
        *ret = done;
    }
    return status;
}

int64_t ly_book_day(const ly_price_info *info)
{
    return info->published_ns != LY_UNKNOWN ? info->published_ns : info->learned_ns;
}

int64_t ly_book_age_days(const ly_price_info *info, int64_t now_ns)
{
    int64_t day = ly_book_day(info);
    return day == LY_UNKNOWN || day > now_ns ? 0 : (now_ns - day) / LY_NS_PER_DAY;
}
