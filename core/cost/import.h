/*
 * Reading price books: genai-prices v2 (data.json), LiteLLM (model_prices_and_context_window.json) and
 * our own CSV. A document is read whole or refused; nothing is stored here.
 */
#ifndef LY_COST_IMPORT_H
#define LY_COST_IMPORT_H

#include "base/limits.h"
#include "genai/price_build.h"

typedef enum ly_book_format {
    LY_BOOK_CSV = 0,
    LY_BOOK_GENAI_PRICES = 1,
    LY_BOOK_LITELLM = 2,
    LY_BOOK__COUNT
} ly_book_format;

const char *ly_book_format_name(ly_book_format format);
LY_MUST_USE bool ly_book_format_parse(ly_str name, ly_book_format *ret);
/* From the first character and the keys: an array is genai-prices, an object LiteLLM, else CSV. */
ly_book_format ly_book_format_guess(ly_str text);

/* What was in a document that a book does not hold. */
#define LY_IMPORT_KEYS_MAX 48
typedef struct ly_import_notes {
    size_t n_unknown_keys; /* prices that are not applied; each is also in its row's note */
    char unknown_key[64];  /* the first of them */
    struct {
        char key[64], model[96]; /* the first model that has it */
        size_t n;                /* models */
    } keys[LY_IMPORT_KEYS_MAX];  /* distinct ones */
    size_t n_keys;
    size_t n_skipped;  /* models left out */
    char skipped[128]; /* the first of them and why */
} ly_import_notes;

/* A price document is at most this large. */
#define LY_MAX_BOOK_BYTES LY_MIB(32)

/*
 * Makes a sealed book of the text. published_ns and learned_ns may be LY_UNKNOWN; a CSV's own date
 * wins. notes may be NULL. Errors name the provider and model (LY_E_FORMAT, LY_E_LIMIT, LY_E_NOMEM).
 * own: NULL, or a function that adds the user's own rows before the book is sealed.
 */
typedef ly_status (*ly_book_own_fn)(void *user, ly_price_book *book, ly_err *err);
LY_MUST_USE ly_status ly_book_read(ly_book_format format, ly_str text, ly_str name, ly_str source,
                                   int64_t number, int64_t published_ns, int64_t learned_ns,
                                   ly_book_own_fn own, void *user, ly_price_book **ret_book,
                                   ly_import_notes *notes, ly_err *err);

#endif
