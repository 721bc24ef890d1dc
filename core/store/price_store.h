/*
 * Price books and the user's own prices as the file keeps them: text and metadata. What the text means
 * is read in core/cost (cost/book.h), which is what other rooms use.
 */
#ifndef LY_STORE_PRICE_STORE_H
#define LY_STORE_PRICE_STORE_H

#include "store/store.h"

typedef struct ly_stored_book {
    int64_t number; /* price row id = number << 24 | place */
    ly_str name, source;
    int format;                       /* ly_book_format of core/cost */
    int64_t published_ns, learned_ns; /* published LY_UNKNOWN when not said */
    bool active;
    ly_str text; /* NONE in lists */
} ly_stored_book;

/* Keeps a book and, with activate, puts it in force, in one transaction. The same text again is the
 * same book (its number; source and dates stay as they were). */
LY_MUST_USE ly_status ly_book_put(ly_store *store, const ly_stored_book *book, bool activate,
                                  int64_t *ret_number, ly_err *err);
/* Puts a kept book in force; 0 = none, so the compiled-in one. LY_E_NOTFOUND. */
LY_MUST_USE ly_status ly_book_activate(ly_store *store, int64_t number, ly_err *err);
/* The book in force with its text; number 0 when there is none. */
LY_MUST_USE ly_status ly_book_active(ly_store *store, ly_arena *arena, ly_stored_book *ret_book,
                                     ly_err *err);
/*
 * What prices are in force, in three numbers: two equal marks mean equal prices. A cheap look, so
 * that a running collector may ask every second. A change of the compiled-in book needs a new process.
 */
typedef struct ly_price_mark {
    int64_t book;    /* number of the book in force, 0 = the compiled-in one */
    int64_t own;     /* number of the latest own price ever added */
    int64_t removed; /* own prices that count no more */
} ly_price_mark;
LY_MUST_USE ly_status ly_price_mark_get(ly_store *store, ly_price_mark *ret_mark, ly_err *err);
/* By number. LY_E_NOTFOUND. */
LY_MUST_USE ly_status ly_book_load(ly_store *store, int64_t number, ly_arena *arena,
                                   ly_stored_book *ret_book, ly_err *err);
/* Number of the book with this very text; 0 = not kept. */
LY_MUST_USE ly_status ly_book_find(ly_store *store, ly_str text, int64_t *ret_number, ly_err *err);
/* All, newest first, without texts. */
LY_MUST_USE ly_status ly_book_list(ly_store *store, ly_arena *arena, ly_stored_book **ret_books,
                                   size_t *ret_n, ly_err *err);

/* One price of the user's own. Clauses in the short form (genai/price_build.h), "" = any. */
typedef struct ly_own_price {
    int64_t id;
    ly_str provider, model, address, service, access_key, service_tier;
    ly_str prices; /* "input_mtok=1.1,output_mtok=8"; "" with an address: a gateway */
    ly_str note;
    int64_t from_ns, to_ns;         /* INT64_MIN, INT64_MAX = open */
    int64_t learned_ns, removed_ns; /* removed LY_UNKNOWN while it counts */
} ly_own_price;

LY_MUST_USE ly_status ly_own_price_add(ly_store *store, const ly_own_price *price, int64_t *ret_id,
                                       ly_err *err);
/* It no longer counts; the row stays for explaining. LY_E_NOTFOUND. */
LY_MUST_USE ly_status ly_own_price_remove(ly_store *store, int64_t id, ly_err *err);
/* Oldest first; all = the removed too. */
LY_MUST_USE ly_status ly_own_price_list(ly_store *store, bool all, ly_arena *arena,
                                        ly_own_price **ret_prices, size_t *ret_n, ly_err *err);

#endif
