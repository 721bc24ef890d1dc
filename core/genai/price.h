/*
 * Prices: a book of price rows, matched by provider and model, applied to token buckets.
 *
 * A book is immutable once built and may be shared between threads. Amounts are integer pico-dollars
 * (USD * 1e-12); products are exact in 128 bits and rounded once per charge, half to even. Unknown is
 * LY_UNKNOWN, never 0. Rules: reference/otlp-and-genai-conventions.md §4.7; clause grammar and tiers:
 * the genai-prices v2 data.
 */
#ifndef LY_GENAI_PRICE_H
#define LY_GENAI_PRICE_H

#include "base/err.h"
#include "genai/canon.h"

typedef struct ly_price_book ly_price_book;

/* Why an amount is what it is. */
typedef enum ly_price_why {
    LY_PRICE_OK = 0,         /* every known non-zero bucket had a price */
    LY_PRICE_LOCAL,          /* a loopback or private address: 0 by rule */
    LY_PRICE_NO_USAGE,       /* nothing to price: no bucket is known */
    LY_PRICE_NO_MODEL,       /* no model name on the span */
    LY_PRICE_UNKNOWN_MODEL,  /* no row matches */
    LY_PRICE_UNKNOWN_BUCKET, /* a row matches but has no price for a bucket in use: amount unknown */
    LY_PRICE_OVERFLOW,       /* the amount does not fit: unknown */
    LY_PRICE__COUNT
} ly_price_why;

const char *ly_price_why_name(ly_price_why why);

/* What one span costs by the book. */
typedef struct ly_priced {
    int64_t amount_pico; /* LY_UNKNOWN unless why is OK or LOCAL */
    ly_price_why why;
    int64_t row;  /* the price row's id in the book, 0 = none */
    int32_t tier; /* index of the context tier used, 0 = base */
} ly_priced;

#define LY_PRICED_NONE ((ly_priced){LY_UNKNOWN, LY_PRICE_NO_USAGE, 0, 0})

/*
 * Prices one span's buckets at the time of the call. Pure; thread-safe; allocates nothing.
 * book may be NULL (then UNKNOWN_MODEL, or LOCAL where the address is local).
 */
ly_priced ly_price_span(const ly_price_book *book, const ly_canon *canon, int64_t at_ns);

void ly_price_book_free(ly_price_book *book);

#endif
