/*
 * The price book in force: what the file keeps, or the compiled-in one, with the user's own prices over
 * it. This is what collect, eval, run and the reports price by.
 */
#ifndef LY_COST_BOOK_H
#define LY_COST_BOOK_H

#include "cost/import.h"
#include "store/price_store.h"
#include "store/store.h"

/*
 * Builds the book in force. With a writer, a compiled-in book is first kept in the file (once a build),
 * so that its rows can be explained after an upgrade; with a reader, or when the file cannot be written
 * now, it has number 0. Free it with ly_price_book_free; it does not refer to the store.
 */
LY_MUST_USE ly_status ly_cost_book_open(ly_store *store, ly_price_book **ret_book, ly_err *err);

/* The book that a charge's price row came from, the removed own prices included. number = row >> 24;
 * for own rows (row < 0) and 0 the book in force. */
LY_MUST_USE ly_status ly_cost_book_of_row(ly_store *store, int64_t row, ly_price_book **ret_book,
                                          ly_err *err);

/* What became of an import. */
typedef struct ly_book_import {
    int64_t number;
    ly_price_info info; /* views into nothing: counts and dates only */
    ly_import_notes notes;
    bool known; /* this very text was kept before */
} ly_book_import;

/*
 * Reads the text whole, keeps it and, with activate, puts it in force, in one transaction; an error
 * changes nothing. format LY_BOOK__COUNT = find out. published_ns LY_UNKNOWN = as the text says.
 */
LY_MUST_USE ly_status ly_cost_book_import(ly_store *store, ly_book_format format, ly_str text,
                                          ly_str name, ly_str source, int64_t published_ns,
                                          bool activate, ly_book_import *ret, ly_err *err);

/* Own prices: "input_mtok=1.1,output=8,input>200000=2.2"; unit names as in genai/price_build.h. Also
 * "free". The set's memory is the caller's. */
LY_MUST_USE ly_status ly_own_prices_parse(ly_str text, ly_price_set *set, bool *ret_free,
                                          ly_err *err);

/* The day that the prices are of: published, else learned. LY_UNKNOWN when neither is known. */
int64_t ly_book_day(const ly_price_info *info);
/* Age in whole days; a book older than this is worth a word. */
#define LY_BOOK_OLD_DAYS 60
int64_t ly_book_age_days(const ly_price_info *info, int64_t now_ns);

#endif
