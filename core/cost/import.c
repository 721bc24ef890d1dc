/* Reading a price book of any known format. */
#include "base/limits.h"
#include "base/mem.h"
#include "cost/import_i.h"

static const char *const formats[LY_BOOK__COUNT] = {"csv", "genai-prices", "litellm"};

const char *ly_book_format_name(ly_book_format format)
{
    return (unsigned)format < LY_BOOK__COUNT ? formats[format] : "?";
}

bool ly_book_format_parse(ly_str name, ly_book_format *ret)
{
    for (int i = 0; i < LY_BOOK__COUNT; i++) {
        if (ly_str_eqc(name, formats[i])) {
            *ret = (ly_book_format)i;
            return true;
        }
    }
    return false;
}

ly_book_format ly_book_format_guess(ly_str text)
{
    if (ly_str_starts(text, LY_S("\xEF\xBB\xBF"))) {
        text = ly_str_sub(text, 3, text.len);
    }
    text = ly_str_trim(text);
    if (text.len > 0 && text.ptr[0] == '[') {
        return LY_BOOK_GENAI_PRICES;
    }
    if (text.len > 0 && text.ptr[0] == '{') {
        return ly_str_find(text, LY_S("\"litellm_provider\""), 0) != SIZE_MAX
                   ? LY_BOOK_LITELLM
                   : LY_BOOK_GENAI_PRICES;
    }
    return LY_BOOK_CSV;
}

void import_note_key(ly_import_notes *notes, ly_str key, ly_str model)
{
    if (notes->n_unknown_keys++ == 0) {
        (void)ly_str_copy(key, notes->unknown_key, sizeof notes->unknown_key);
    }
    for (size_t i = 0; i < notes->n_keys; i++) {
        if (ly_str_eqc(key, notes->keys[i].key)) {
            notes->keys[i].n++;
            return;
        }
    }
    if (notes->n_keys < LY_IMPORT_KEYS_MAX) {
        (void)ly_str_copy(key, notes->keys[notes->n_keys].key, sizeof notes->keys[0].key);
        (void)ly_str_copy(model, notes->keys[notes->n_keys].model, sizeof notes->keys[0].model);
        notes->keys[notes->n_keys++].n = 1;
    }
}

void import_note_skipped(ly_import_notes *notes, ly_str model, const char *why)
{
    if (notes->n_skipped++ == 0) {
        ly_buf text;
        ly_buf_init(&text, 512);
        ly_buf_fmt(&text, "%.*s: %s", LY_STR_ARG(model), why);
        (void)ly_str_copy(ly_buf_view(&text), notes->skipped, sizeof notes->skipped);
        ly_buf_release(&text);
    }
}

static ly_status read_json(ly_price_book *book, ly_book_format format, ly_str text,
                           ly_import_notes *notes, ly_err *err)
{
    ly_arena arena;
    ly_json *doc = NULL;
    ly_arena_init(&arena, LY_MIB(1), LY_MIB(512));
    ly_status status = ly_json_parse(text, &arena, &doc, err);
    if (status == LY_OK) {
        status = format == LY_BOOK_LITELLM ? import_litellm(book, doc, notes, err)
                                           : import_genai(book, doc, notes, err);
    }
    ly_arena_release(&arena);
    return status;
}

ly_status ly_book_read(ly_book_format format, ly_str text, ly_str name, ly_str source,
                       int64_t number, int64_t published_ns, int64_t learned_ns, ly_book_own_fn own,
                       void *user, ly_price_book **ret_book, ly_import_notes *notes, ly_err *err)
{
    ly_import_notes ignored;
    ly_import_notes *to = notes ? notes : &ignored;
    ly_price_book *book = NULL;
    *to = (ly_import_notes){0};
    if (text.len > LY_MAX_BOOK_BYTES) {
        return LY_FAIL(err, LY_E_LIMIT, "a price book of more than %zu MiB",
                       LY_MAX_BOOK_BYTES >> 20);
    }
    if (ly_str_starts(ly_str_trim(text), LY_S("<"))) {
        return LY_FAIL(err, LY_E_FORMAT, "a web page, not a price book");
    }
    ly_status status = ly_price_book_new(name, source, number, &book, err);
    if (status != LY_OK) {
        return status;
    }
    ly_price_book_dates(book, published_ns, learned_ns);
    status = format == LY_BOOK_CSV ? ly_price_add_csv(book, text, err)
                                   : read_json(book, format, text, to, err);
    if (status == LY_OK && own) {
        status = own(user, book, err);
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
