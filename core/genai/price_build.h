/*
 * Building a price book: providers, their models, the models' rows, the user's own rows; then sealed.
 *
 *     ly_price_book_new → { add_provider → { add_model → add_row … } … } → add_own … → seal
 *
 * All text is copied. A book belongs to one thread until it is sealed; after that it never changes.
 * A failed book is freed with ly_price_book_free. Formats are read elsewhere: our CSV in
 * genai/price_csv.c, genai-prices and LiteLLM in core/cost.
 */
#ifndef LY_GENAI_PRICE_BUILD_H
#define LY_GENAI_PRICE_BUILD_H

#include "genai/price.h"

/* name: "genai-prices"; number: the store's number of the book (0 = compiled in), part of row ids. */
LY_MUST_USE ly_status ly_price_book_new(ly_str name, ly_str source, int64_t number,
                                        ly_price_book **ret_book, ly_err *err);
void ly_price_book_dates(ly_price_book *book, int64_t published_ns, int64_t learned_ns);
/* genai-prices' rule for a model none of whose conditions hold: its first row applies. Without it such
 * a model has no price at that time. */
void ly_price_book_first_is_default(ly_price_book *book);

/* ---- clauses: which names something covers; compared in lower case ---- */

typedef enum ly_clause_kind {
    LY_CLAUSE_EQUALS,
    LY_CLAUSE_STARTS,
    LY_CLAUSE_ENDS,
    LY_CLAUSE_CONTAINS,
    LY_CLAUSE_REGEX,
    LY_CLAUSE_DATED, /* equals, or followed by a date, "latest" or a version: gpt-5-2025-08-07 */
    LY_CLAUSE_ANY,   /* everything */
    LY_CLAUSE_OR,
    LY_CLAUSE_AND
} ly_clause_kind;

typedef struct ly_clause ly_clause;

/* Clauses live in the book's memory. NULL only without memory or on a bad regular expression. */
LY_MUST_USE ly_status ly_clause_leaf(ly_price_book *book, ly_clause_kind kind, ly_str text,
                                     ly_clause **ret_clause, ly_err *err);
/* OR or AND of n clauses (an OR of none matches nothing, an AND of none everything). */
LY_MUST_USE ly_status ly_clause_group(ly_price_book *book, ly_clause_kind kind,
                                      ly_clause *const *items, size_t n, ly_clause **ret_clause,
                                      ly_err *err);
/* Short form: "gpt-5|gpt-5-*|*-pro|*flash*|~^o[134]"; alternatives by '|', '*' at an end, '~' a regular
 * expression (the rest of the text), "=name" exactly, a plain name also with a date after it. */
LY_MUST_USE ly_status ly_clause_short(ly_price_book *book, ly_str text, ly_clause **ret_clause,
                                      ly_err *err);
/* name is compared in lower case; longer than 256 bytes matches nothing. */
bool ly_clause_match(const ly_clause *clause, ly_str name);

/* ---- content ---- */

typedef struct ly_price_provider_def {
    ly_str id, name;
    const ly_clause *provider_match, *model_match; /* NULL = none */
    ly_str api_pattern;                            /* regular expression on the URL; "" = none */
    const ly_clause *host_match;                   /* or a clause on the host; NULL = none */
    const ly_str *fallbacks;                       /* ids of providers whose models it also sells */
    size_t n_fallbacks;
} ly_price_provider_def;

/* *ret_provider is its place, for add_model. A provider twice is LY_E_EXISTS. */
LY_MUST_USE ly_status ly_price_add_provider(ly_price_book *book, const ly_price_provider_def *def,
                                            size_t *ret_provider, ly_err *err);
/* The built-in description (aliases, hosts) of a provider's id, for books that only name it. */
LY_MUST_USE ly_status ly_price_add_provider_known(ly_price_book *book, ly_str id,
                                                  size_t *ret_provider, ly_err *err);
/* match NULL: its id, also dated. */
LY_MUST_USE ly_status ly_price_add_model(ly_price_book *book, size_t provider, ly_str id,
                                         const ly_clause *match, size_t *ret_model, ly_err *err);
/* Copies the row (id, provider and model are set by the book). Later rows of a model win over earlier
 * ones where both are valid. Prices must be ascending in their steps and each unit once. */
LY_MUST_USE ly_status ly_price_add_row(ly_price_book *book, size_t provider, size_t model,
                                       const ly_price_row *row, ly_err *err);
/* A row of the user's own: row->id must be negative; provider, model and address in the short form of
 * clauses, "" = any. With an address it also applies to local ones (a gateway); without prices it then
 * only says that the address is not local. The most specific row wins (service and key over model over
 * provider), then the latest. */
LY_MUST_USE ly_status ly_price_add_own(ly_price_book *book, ly_str provider, ly_str model,
                                       ly_str address, const ly_price_row *row, ly_err *err);
/* Numbers the rows and builds the indexes. */
LY_MUST_USE ly_status ly_price_book_seal(ly_price_book *book, ly_err *err);

/* A fee or price of one row under construction; the helpers of the importers. */
typedef struct ly_price_set {
    ly_price items[LY_UNIT__COUNT];
    ly_price_step steps[LY_UNIT__COUNT][8];
    size_t n;
} ly_price_set;

void ly_price_set_init(ly_price_set *set);
/* Sets the base price of a unit; false when it is there already. */
LY_MUST_USE bool ly_price_set_base(ly_price_set *set, ly_unit unit, ly_rate rate);
/* Adds a step above `start` to a unit (which needs no base yet: its base is then unknown and the row is
 * refused). false past 8 steps or on a repeated start. */
LY_MUST_USE bool ly_price_set_step(ly_price_set *set, ly_unit unit, int64_t start, ly_rate rate);

/* ---- our own format ---- */

/*
 * Reads prices in our CSV. The header names the columns, in any order: provider and model are needed;
 * match, from, to, window (HH:MM-HH:MM [mon-fri], UTC), service_tier, above (a context tier of the row before),
 * source, note, and every price key of LY_UNIT_LIST ("input_mtok", ...); the short names input,
 * cache_read, cache_write, cache_write_1h, output, reasoning, audio_in, audio_out, image_in, requests and
 * web_search stand for the usual ones. "free" as a price column holds "yes". An empty cell is no price,
 * never 0. Rows of one provider and model follow each other. `#` begins a comment line before the
 * header; "# name:", "# source:" and "# published: 2026-11-21" describe the book.
 * number, learned_ns: as for ly_price_book_new and ly_price_book_dates. The book is sealed.
 */
LY_MUST_USE ly_status ly_price_read_csv(ly_str text, ly_str name, ly_str source, int64_t number,
                                        int64_t learned_ns, ly_price_book **ret_book, ly_err *err);
/* The same into a book that is being built. */
LY_MUST_USE ly_status ly_price_add_csv(ly_price_book *book, ly_str text, ly_err *err);

/* A unit by its price key or a short name of the CSV's ("input", "cache_read"). */
LY_MUST_USE bool ly_unit_by_name(ly_str name, ly_unit *ret);
/* The name that people write and ly_unit_by_name takes: "input", else the price key. Static. */
const char *ly_unit_name(ly_unit unit);

/* The text of the compiled-in book (our CSV), static. */
ly_str ly_price_default_text(void);

#endif
