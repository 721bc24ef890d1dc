/*
 * Our own book format: CSV with one price row a line. See genai/price_build.h for the columns.
 */
#include "base/clock.h"
#include "genai/price_i.h"
#include "text/csv.h"

enum {
    COL_PROVIDER = LY_UNIT__COUNT,
    COL_MODEL,
    COL_MATCH,
    COL_FROM,
    COL_TO,
    COL_WINDOW,
    COL_TIER,
    COL_ABOVE,
    COL_SOURCE,
    COL_NOTE,
    COL_FREE,
    COL_SKIP,
    COL__COUNT
};

static const struct {
    const char *name;
    int column;
} names[] = {
    {"provider", COL_PROVIDER},
    {"model", COL_MODEL},
    {"match", COL_MATCH},
    {"from", COL_FROM},
    {"to", COL_TO},
    {"window", COL_WINDOW},
    {"service_tier", COL_TIER},
    {"above", COL_ABOVE},
    {"source", COL_SOURCE},
    {"note", COL_NOTE},
    {"free", COL_FREE},
    {"row", COL_SKIP},
    {"learned", COL_SKIP},
    {"input", LY_UNIT_IN},
    {"cache_read", LY_UNIT_CR},
    {"cache_write", LY_UNIT_CW},
    {"cache_write_1h", LY_UNIT_CW1},
    {"output", LY_UNIT_OUT},
    {"reasoning", LY_UNIT_REASON},
    {"audio_in", LY_UNIT_AUDIO_IN},
    {"audio_out", LY_UNIT_AUDIO_OUT},
    {"audio_cache_read", LY_UNIT_AUDIO_CR},
    {"image_in", LY_UNIT_IMAGE_IN},
    {"image_out", LY_UNIT_IMAGE_OUT},
    {"requests", LY_UNIT_REQUESTS},
    {"web_search", LY_UNIT_WEB},
};

#define MAX_COLUMNS 96

typedef struct reader {
    ly_price_book *book;
    ly_err *err;
    int columns[MAX_COLUMNS];
    size_t n_columns;
    /* the row being gathered: a base line and its "above" lines */
    bool open;
    char provider[LY_PRICE_NAME_MAX + 1], model[LY_PRICE_NAME_MAX + 1];
    size_t at_provider, at_model;
    bool has_model;
    ly_price_row row;
    ly_price_set set;
    char tier[64], source[256], note[256];
} reader;

static bool column_of(ly_str name, int *ret)
{
    ly_unit unit;
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        if (ly_str_eqc(name, names[i].name)) {
            *ret = names[i].column;
            return true;
        }
    }
    if (ly_unit_by_price_key(name, &unit)) {
        *ret = (int)unit;
        return true;
    }
    return false;
}

bool ly_unit_by_name(ly_str name, ly_unit *ret)
{
    int column;
    if (!column_of(name, &column) || column >= LY_UNIT__COUNT) {
        return false;
    }
    *ret = (ly_unit)column;
    return true;
}

const char *ly_unit_name(ly_unit unit)
{
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        if (names[i].column == (int)unit) {
            return names[i].name;
        }
    }
    return ly_unit_price_key(unit);
}

static ly_status read_header(reader *r, const ly_csv_row *row)
{
    bool provider = false, model = false;
    if (row->n > MAX_COLUMNS) {
        return LY_FAIL(r->err, LY_E_LIMIT, "more than %d columns", MAX_COLUMNS);
    }
    for (size_t i = 0; i < row->n; i++) {
        ly_str name = ly_str_trim(row->fields[i]);
        if (!column_of(name, &r->columns[i])) {
            return LY_FAIL(r->err, LY_E_FORMAT,
                           "column '%.*s' is unknown; use provider, model, input, output, "
                           "cache_read, ... or a price key such as input_audio_mtok",
                           LY_STR_ARG(name));
        }
        provider = provider || r->columns[i] == COL_PROVIDER;
        model = model || r->columns[i] == COL_MODEL;
    }
    r->n_columns = row->n;
    if (!provider || !model) {
        return LY_FAIL(r->err, LY_E_FORMAT, "the columns provider and model are needed");
    }
    return LY_OK;
}

static ly_str cell(const reader *r, const ly_csv_row *row, int column)
{
    for (size_t i = 0; i < r->n_columns && i < row->n; i++) {
        if (r->columns[i] == column) {
            return ly_str_trim(row->fields[i]);
        }
    }
    return LY_STR_NONE;
}

/* "01:00-04:00", "01:00-04:00 mon-fri" */
static bool parse_window(ly_str text, ly_price_row *row)
{
    static const char workdays[] = " mon-fri";
    int64_t part[4];
    row->workdays = ly_str_ends(text, ly_str_c(workdays));
    text.len -= row->workdays ? strlen(workdays) : 0;
    static const size_t at[4] = {0, 3, 6, 9};
    if (text.len != 11 || text.ptr[2] != ':' || text.ptr[5] != '-' || text.ptr[8] != ':') {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (!ly_str_to_i64(ly_str_sub(text, at[i], 2), &part[i]) || part[i] < 0 ||
            part[i] > (i % 2 ? 59 : 24)) {
            return false;
        }
    }
    row->day_from_s = (int32_t)(part[0] * 3600 + part[1] * 60);
    row->day_to_s = (int32_t)(part[2] * 3600 + part[3] * 60);
    return true;
}

/* Ends the row that is being gathered. */
static ly_status flush(reader *r)
{
    if (!r->open) {
        return LY_OK;
    }
    r->open = false;
    r->row.prices = r->set.items;
    r->row.n_prices = r->set.n;
    return ly_price_add_row(r->book, r->at_provider, r->at_model, &r->row, r->err);
}

static ly_status find_provider(reader *r, ly_str id)
{
    for (size_t i = 0; i < r->book->n_providers; i++) {
        if (ly_str_eq(r->book->providers[i].id, id)) {
            r->at_provider = i;
            return LY_OK;
        }
    }
    return ly_price_add_provider_known(r->book, id, &r->at_provider, r->err);
}

static ly_status find_model(reader *r, ly_str provider, ly_str model, ly_str match)
{
    if (r->has_model && ly_str_eqc(provider, r->provider) && ly_str_eqc(model, r->model)) {
        return LY_OK;
    }
    if (provider.len == 0 || model.len == 0) {
        return LY_FAIL(r->err, LY_E_FORMAT, "provider or model is empty");
    }
    ly_clause *clause = NULL;
    ly_status status = find_provider(r, provider);
    if (status == LY_OK && match.len > 0) {
        status = ly_clause_short(r->book, match, &clause, r->err);
    }
    if (status == LY_OK) {
        status = ly_price_add_model(r->book, r->at_provider, model, clause, &r->at_model, r->err);
    }
    r->has_model = status == LY_OK && ly_str_copy(provider, r->provider, sizeof r->provider) &&
                   ly_str_copy(model, r->model, sizeof r->model);
    return status;
}

static ly_status bad(reader *r, const char *column, ly_str text)
{
    return LY_FAIL(r->err, LY_E_FORMAT, "%s '%.*s' cannot be read", column, LY_STR_ARG(text));
}

static ly_status begin_row(reader *r, const ly_csv_row *csv)
{
    ly_price_row *row = &r->row;
    *row =
        (ly_price_row){.from_ns = INT64_MIN, .to_ns = INT64_MAX, .day_from_s = -1, .day_to_s = -1};
    ly_price_set_init(&r->set);
    ly_str from = cell(r, csv, COL_FROM), to = cell(r, csv, COL_TO);
    ly_str window = cell(r, csv, COL_WINDOW), free_ = cell(r, csv, COL_FREE);
    if (from.len > 0 && !ly_time_parse(from, &row->from_ns)) {
        return bad(r, "from", from);
    }
    if (to.len > 0 && !ly_time_parse(to, &row->to_ns)) {
        return bad(r, "to", to);
    }
    if (window.len > 0 && !parse_window(window, row)) {
        return bad(r, "window", window);
    }
    (void)ly_str_copy(cell(r, csv, COL_TIER), r->tier, sizeof r->tier);
    (void)ly_str_copy(cell(r, csv, COL_SOURCE), r->source, sizeof r->source);
    (void)ly_str_copy(cell(r, csv, COL_NOTE), r->note, sizeof r->note);
    row->service_tier = ly_str_c(r->tier);
    row->source = ly_str_c(r->source);
    row->note = ly_str_c(r->note);
    row->free = ly_str_eq_nocase(free_, LY_S("yes")) || ly_str_eqc(free_, "1");
    r->open = true;
    return LY_OK;
}

static ly_status read_prices(reader *r, const ly_csv_row *csv, ly_str above)
{
    int64_t start = 0;
    if (above.len > 0 && (!ly_str_to_i64(above, &start) || start <= 0)) {
        return bad(r, "above", above);
    }
    for (size_t i = 0; i < r->n_columns && i < csv->n; i++) {
        ly_str text = ly_str_trim(csv->fields[i]);
        ly_rate rate;
        if (r->columns[i] >= LY_UNIT__COUNT || text.len == 0) {
            continue;
        }
        ly_unit unit = (ly_unit)r->columns[i];
        if (!ly_rate_parse(text, 0, &rate)) {
            return bad(r, ly_unit_price_key(unit), text);
        }
        bool good = above.len > 0 ? ly_price_set_step(&r->set, unit, start, rate)
                                  : ly_price_set_base(&r->set, unit, rate);
        if (!good) {
            return LY_FAIL(r->err, LY_E_FORMAT, "%s is given twice, or has too many tiers",
                           ly_unit_price_key(unit));
        }
    }
    return LY_OK;
}

static ly_status read_row(reader *r, const ly_csv_row *csv)
{
    ly_str above = cell(r, csv, COL_ABOVE);
    ly_str provider = cell(r, csv, COL_PROVIDER), model = cell(r, csv, COL_MODEL);
    if (above.len > 0) {
        bool same = r->open && ly_str_eqc(provider, r->provider) && ly_str_eqc(model, r->model);
        return same ? read_prices(r, csv, above)
                    : LY_FAIL(r->err, LY_E_FORMAT, "'above' needs the model's base row before it");
    }
    ly_status status = flush(r);
    if (status == LY_OK) {
        status = find_model(r, provider, model, cell(r, csv, COL_MATCH));
    }
    if (status == LY_OK) {
        status = begin_row(r, csv);
    }
    return status == LY_OK ? read_prices(r, csv, above) : status;
}

/* "# published: 2026-11-21" */
static void read_comment(ly_price_book *book, ly_str line)
{
    size_t colon = ly_str_find_char(line, ':', 0);
    if (colon == SIZE_MAX) {
        return;
    }
    ly_str key = ly_str_trim(ly_str_sub(line, 1, colon - 1));
    ly_str value = ly_str_trim(ly_str_sub(line, colon + 1, line.len));
    int64_t day;
    if (ly_str_eqc(key, "published") && ly_time_parse(value, &day)) {
        book->published_ns = day;
    } else if (ly_str_eqc(key, "name") && value.len > 0) {
        ly_str copy = ly_arena_copy(&book->arena, value);
        book->name = copy.ptr ? copy : book->name;
    } else if (ly_str_eqc(key, "source") && value.len > 0) {
        ly_str copy = ly_arena_copy(&book->arena, value);
        book->source = copy.ptr ? copy : book->source;
    }
}

/* Takes the comment lines off the front; returns how many. */
static uint64_t skip_comments(ly_price_book *book, ly_str *text)
{
    uint64_t n = 0;
    if (ly_str_starts(*text, LY_S("\xEF\xBB\xBF"))) {
        *text = ly_str_sub(*text, 3, text->len);
    }
    while (text->len > 0 && text->ptr[0] == '#') {
        size_t end = ly_str_find_char(*text, '\n', 0);
        end = end == SIZE_MAX ? text->len : end;
        read_comment(book, ly_str_sub(*text, 0, end));
        *text = ly_str_sub(*text, end + (end < text->len ? 1 : 0), text->len);
        n++;
    }
    return n;
}

ly_status ly_price_add_csv(ly_price_book *book, ly_str text, ly_err *err)
{
    ly_csv *csv = NULL;
    const ly_csv_row *row = NULL;
    uint64_t line = 0, comments = skip_comments(book, &text);
    reader *r = ly_calloc(1, sizeof *r);
    if (!r) {
        return LY_NOMEM(err);
    }
    r->book = book;
    r->err = err;
    ly_status status = ly_csv_new_text(text, NULL, &csv, err);
    if (status == LY_OK) {
        status = ly_csv_next(csv, &row, err);
    }
    if (status == LY_OK && !row) {
        status = LY_FAIL(err, LY_E_FORMAT, "the file has no header line");
    }
    if (status == LY_OK) {
        line = row->line;
        status = read_header(r, row);
    }
    while (status == LY_OK && (status = ly_csv_next(csv, &row, err)) == LY_OK && row) {
        line = row->line;
        status = row->n == 1 && row->fields[0].len == 0 ? LY_OK : read_row(r, row);
    }
    if (status == LY_OK) {
        status = flush(r);
    }
    if (status != LY_OK && line > 0) {
        status = ly_err_wrap(err, "line %llu", (unsigned long long)(line + comments));
    }
    ly_csv_free(csv);
    ly_free(r);
    return status;
}

ly_status ly_price_read_csv(ly_str text, ly_str name, ly_str source, int64_t number,
                            int64_t learned_ns, ly_price_book **ret_book, ly_err *err)
{
    ly_price_book *book = NULL;
    ly_status status = ly_price_book_new(name, source, number, &book, err);
    if (status != LY_OK) {
        return status;
    }
    book->learned_ns = learned_ns;
    status = ly_price_add_csv(book, text, err);
    if (status == LY_OK && book->n_providers == 0) {
        status = LY_FAIL(err, LY_E_FORMAT, "no price rows");
    }
    if (status == LY_OK) {
        status = ly_price_book_seal(book, err);
    }
    if (status != LY_OK) {
        ly_price_book_free(book);
        return status;
    }
    *ret_book = book;
    return LY_OK;
}
