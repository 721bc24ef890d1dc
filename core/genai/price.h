/*
 * Prices: a book of price rows, matched by provider and model, applied to token buckets.
 *
 * A book is immutable once built and may be shared between threads. Amounts are integer pico-dollars
 * (USD * 1e-12); products are exact in 128 bits and rounded once per charge, half to even. Unknown is
 * LY_UNKNOWN, never 0. Rules: reference/otlp-and-genai-conventions.md §4.7; clause grammar, units and
 * tiers: the genai-prices v2 data.
 *
 *   book       one published list (genai-prices, LiteLLM, our own CSV) and the user's own rows over it
 *   provider   who sends the invoice; found by name, alias, address or model (ly_price_find)
 *   model      a name and a clause that says which model names it covers; the first that matches wins
 *   row        one set of prices of a model: valid from/to, in a daily window, for a service tier
 *   unit       what is counted: input tokens, cache reads, requests, pages, ... (ly_unit)
 *   cell       a disjoint part of the usage: e.g. "audio tokens read from the cache" (ly_cell)
 *
 * Each cell is priced by the most specific unit that the row has: audio read from the cache falls back
 * to cache reads, reasoning to output, a one-hour cache write to cache writes. What never falls back is
 * the cache: cached tokens are not "input", so a row without a cache price leaves them unpriced
 * (LY_PRICE_UNKNOWN_BUCKET) rather than charged in full.
 *
 * Building a book is in genai/price_build.h. This header does no I/O and knows no file format.
 */
#ifndef LY_GENAI_PRICE_H
#define LY_GENAI_PRICE_H

#include "base/buf.h"
#include "base/err.h"
#include "genai/canon.h"

typedef struct ly_price_book ly_price_book;

/* Why an amount is what it is. Stored with charges: append only. */
typedef enum ly_price_why {
    LY_PRICE_OK = 0,         /* every known non-zero bucket had a price */
    LY_PRICE_LOCAL,          /* a loopback or private address: 0 by rule */
    LY_PRICE_NO_USAGE,       /* nothing to price: no bucket is known */
    LY_PRICE_NO_MODEL,       /* no model name on the span */
    LY_PRICE_UNKNOWN_MODEL,  /* no row matches */
    LY_PRICE_UNKNOWN_BUCKET, /* a row matches but has no price for a bucket in use: amount unknown */
    LY_PRICE_OVERFLOW,       /* the amount does not fit: unknown */
    LY_PRICE_UNKNOWN_TIER, /* the model is known, its service tier (batch, priority, ...) is not */
    LY_PRICE_BAD_USAGE,    /* the counts contradict each other: amount unknown */
    LY_PRICE_PARTIAL, /* a count of a charged kind is missing or was malformed: the amount is of the
                         rest, a lower bound */
    LY_PRICE_ONLY_TOTAL, /* one total of tokens, input and output not told apart: amount unknown */
    LY_PRICE__COUNT
} ly_price_why;

/* Stable short name ("unknown_model") for JSON, and a phrase for people. Never NULL. */
const char *ly_price_why_name(ly_price_why why);
const char *ly_price_why_text(ly_price_why why);

/* What one span costs by the book. */
typedef struct ly_priced {
    int64_t amount_pico; /* LY_UNKNOWN unless why is OK, PARTIAL or LOCAL */
    ly_price_why why;
    int64_t row;  /* id of the price row: > 0 a row of a book, < 0 the user's own row, 0 none */
    int32_t tier; /* index of the context tier used, 0 = base */
} ly_priced;

#define LY_PRICED_NONE ((ly_priced){LY_UNKNOWN, LY_PRICE_NO_USAGE, 0, 0})

/*
 * Prices one span's buckets at the time of the call. Pure; thread-safe; allocates nothing.
 * book may be NULL (then UNKNOWN_MODEL, or LOCAL where the address is local).
 * The response model is tried first, then the request model.
 */
ly_priced ly_price_span(const ly_price_book *book, const ly_canon *canon, int64_t at_ns);

/* Frees a book that a builder made. NULL and the default book are allowed (nothing happens). */
void ly_price_book_free(ly_price_book *book);

/*
 * The book that is compiled in (genai/price_default.c): published prices of the usual providers with
 * their dates and sources. Built on first use, never freed, shared; NULL only without memory.
 */
const ly_price_book *ly_price_book_default(void);

/* True for a loopback, private or link-local address or name: "localhost", "127.0.0.1", "::1",
 * "10.1.2.3:8000", "http://192.168.1.2/v1", "ollama.local". Names without a dot are not: they may be
 * gateways to someone who sends invoices. */
bool ly_price_address_local(ly_str address);

/* ---- units ------------------------------------------------------------------------------------ */

/*
 * Every unit of the genai-prices v2 schema: id, price key, usage key, counted per.
 * Usage counts are inclusive, as the schema has them: input_tokens counts cached ones too,
 * input_audio_tokens all audio tokens whether cached or not.
 */
#define LY_UNIT_LIST(X)                                                                           \
    X(LY_UNIT_IN, "input_mtok", "input_tokens", 1000000)                                          \
    X(LY_UNIT_OUT, "output_mtok", "output_tokens", 1000000)                                       \
    X(LY_UNIT_CR, "cache_read_mtok", "cache_read_tokens", 1000000)                                \
    X(LY_UNIT_CW, "cache_write_mtok", "cache_write_tokens", 1000000)                              \
    X(LY_UNIT_CW5, "cache_write_5m_mtok", "cache_write_5m_tokens", 1000000)                       \
    X(LY_UNIT_CW1, "cache_write_1h_mtok", "cache_write_1h_tokens", 1000000)                       \
    X(LY_UNIT_TEXT_IN, "input_text_mtok", "input_text_tokens", 1000000)                           \
    X(LY_UNIT_TEXT_OUT, "output_text_mtok", "output_text_tokens", 1000000)                        \
    X(LY_UNIT_TEXT_CR, "cache_text_read_mtok", "cache_text_read_tokens", 1000000)                 \
    X(LY_UNIT_TEXT_CW, "cache_text_write_mtok", "cache_text_write_tokens", 1000000)               \
    X(LY_UNIT_TEXT_CW5, "cache_text_write_5m_mtok", "cache_text_write_5m_tokens", 1000000)        \
    X(LY_UNIT_TEXT_CW1, "cache_text_write_1h_mtok", "cache_text_write_1h_tokens", 1000000)        \
    X(LY_UNIT_AUDIO_IN, "input_audio_mtok", "input_audio_tokens", 1000000)                        \
    X(LY_UNIT_AUDIO_OUT, "output_audio_mtok", "output_audio_tokens", 1000000)                     \
    X(LY_UNIT_AUDIO_CR, "cache_audio_read_mtok", "cache_audio_read_tokens", 1000000)              \
    X(LY_UNIT_AUDIO_CW, "cache_audio_write_mtok", "cache_audio_write_tokens", 1000000)            \
    X(LY_UNIT_AUDIO_CW5, "cache_audio_write_5m_mtok", "cache_audio_write_5m_tokens", 1000000)     \
    X(LY_UNIT_AUDIO_CW1, "cache_audio_write_1h_mtok", "cache_audio_write_1h_tokens", 1000000)     \
    X(LY_UNIT_IMAGE_IN, "input_image_mtok", "input_image_tokens", 1000000)                        \
    X(LY_UNIT_IMAGE_OUT, "output_image_mtok", "output_image_tokens", 1000000)                     \
    X(LY_UNIT_IMAGE_CR, "cache_image_read_mtok", "cache_image_read_tokens", 1000000)              \
    X(LY_UNIT_IMAGE_CW, "cache_image_write_mtok", "cache_image_write_tokens", 1000000)            \
    X(LY_UNIT_IMAGE_CW5, "cache_image_write_5m_mtok", "cache_image_write_5m_tokens", 1000000)     \
    X(LY_UNIT_IMAGE_CW1, "cache_image_write_1h_mtok", "cache_image_write_1h_tokens", 1000000)     \
    X(LY_UNIT_VIDEO_IN, "input_video_mtok", "input_video_tokens", 1000000)                        \
    X(LY_UNIT_VIDEO_OUT, "output_video_mtok", "output_video_tokens", 1000000)                     \
    X(LY_UNIT_VIDEO_CR, "cache_video_read_mtok", "cache_video_read_tokens", 1000000)              \
    X(LY_UNIT_VIDEO_CW, "cache_video_write_mtok", "cache_video_write_tokens", 1000000)            \
    X(LY_UNIT_VIDEO_CW5, "cache_video_write_5m_mtok", "cache_video_write_5m_tokens", 1000000)     \
    X(LY_UNIT_VIDEO_CW1, "cache_video_write_1h_mtok", "cache_video_write_1h_tokens", 1000000)     \
    X(LY_UNIT_TOOL_IN, "input_tool_mtok", "input_tool_tokens", 1000000)                           \
    X(LY_UNIT_TEXT_TOOL_IN, "input_text_tool_mtok", "input_text_tool_tokens", 1000000)            \
    X(LY_UNIT_AUDIO_TOOL_IN, "input_audio_tool_mtok", "input_audio_tool_tokens", 1000000)         \
    X(LY_UNIT_IMAGE_TOOL_IN, "input_image_tool_mtok", "input_image_tool_tokens", 1000000)         \
    X(LY_UNIT_VIDEO_TOOL_IN, "input_video_tool_mtok", "input_video_tool_tokens", 1000000)         \
    X(LY_UNIT_REASON, "output_reasoning_mtok", "output_reasoning_tokens", 1000000)                \
    X(LY_UNIT_TEXT_REASON, "output_text_reasoning_mtok", "output_text_reasoning_tokens", 1000000) \
    X(LY_UNIT_AUDIO_REASON, "output_audio_reasoning_mtok", "output_audio_reasoning_tokens",       \
      1000000)                                                                                    \
    X(LY_UNIT_IMAGE_REASON, "output_image_reasoning_mtok", "output_image_reasoning_tokens",       \
      1000000)                                                                                    \
    X(LY_UNIT_VIDEO_REASON, "output_video_reasoning_mtok", "output_video_reasoning_tokens",       \
      1000000)                                                                                    \
    X(LY_UNIT_CITE, "output_citation_mtok", "output_citation_tokens", 1000000)                    \
    X(LY_UNIT_TEXT_CITE, "output_text_citation_mtok", "output_text_citation_tokens", 1000000)     \
    X(LY_UNIT_AUDIO_CITE, "output_audio_citation_mtok", "output_audio_citation_tokens", 1000000)  \
    X(LY_UNIT_IMAGE_CITE, "output_image_citation_mtok", "output_image_citation_tokens", 1000000)  \
    X(LY_UNIT_VIDEO_CITE, "output_video_citation_mtok", "output_video_citation_tokens", 1000000)  \
    X(LY_UNIT_CHARS, "input_mchars", "input_characters", 1000000)                                 \
    X(LY_UNIT_MESSAGES, "input_text_messages_kcount", "input_text_messages", 1000)                \
    X(LY_UNIT_AUDIO_S, "audio_hours", "audio_seconds", 3600)                                      \
    X(LY_UNIT_AUDIO_S_IN, "input_audio_hours", "input_audio_seconds", 3600)                       \
    X(LY_UNIT_AUDIO_S_OUT, "output_audio_hours", "output_audio_seconds", 3600)                    \
    X(LY_UNIT_PIXELS, "input_gpixels", "input_pixels", 1000000000)                                \
    X(LY_UNIT_PAGES, "input_document_kpages", "input_document_pages", 1000)                       \
    X(LY_UNIT_PAGES_ANN, "input_annotated_document_kpages", "input_annotated_document_pages",     \
      1000)                                                                                       \
    X(LY_UNIT_RERANKS, "rerank_searches_kcount", "rerank_searches", 1000)                         \
    X(LY_UNIT_WEB, "web_searches_kcount", "web_searches", 1000)                                   \
    X(LY_UNIT_SOCIAL, "social_searches_kcount", "social_searches", 1000)                          \
    X(LY_UNIT_STORAGE, "storage_searches_kcount", "storage_searches", 1000)                       \
    X(LY_UNIT_CODE, "code_executions_kcount", "code_executions", 1000)                            \
    X(LY_UNIT_REQUESTS, "requests_kcount", "requests", 1000)

typedef enum ly_unit {
#define LY_UNIT_ENUM(id, price_key, usage_key, per) id,
    LY_UNIT_LIST(LY_UNIT_ENUM)
#undef LY_UNIT_ENUM
        LY_UNIT__COUNT
} ly_unit;

const char *ly_unit_price_key(ly_unit unit);
const char *ly_unit_usage_key(ly_unit unit);
int64_t ly_unit_per(ly_unit unit);
LY_MUST_USE bool ly_unit_by_price_key(ly_str key, ly_unit *ret);
LY_MUST_USE bool ly_unit_by_usage_key(ly_str key, ly_unit *ret);

/* Counts by unit, inclusive (see LY_UNIT_LIST); 0 = none. All >= 0. */
typedef struct ly_usage {
    int64_t count[LY_UNIT__COUNT];
} ly_usage;

/* The usage of one span: its buckets, and one request. False when no bucket is known, or when only a
 * total was reported (§4.2 step 6): *ret_why says which. A modality count larger than its bucket is cut
 * to it (the rest lies in the cached part). */
LY_MUST_USE bool ly_usage_from_tokens(const ly_tokens *tokens, ly_usage *ret,
                                      ly_price_why *ret_why);

/* ---- exact prices ----------------------------------------------------------------------------- */

/* USD * 1e-18 for `per` units of what is counted: holds every published price exactly, 18 digits after
 * the point and more than 12 before. */
__extension__ typedef __int128 ly_rate;
#define LY_RATE_PER_USD ((ly_rate)1000000000000000000LL)

/* "0.15", "1.5e-07", "12": a price of at least 0 and below 1e9. Digits past the 18th after the point
 * are rounded half to even. `shift` moves the decimal point to the right (6: per token -> per million). */
LY_MUST_USE bool ly_rate_parse(ly_str text, int shift, ly_rate *ret);
/* Shortest decimal text ("0.15"). */
void ly_rate_format(ly_rate rate, ly_buf *out);

typedef struct ly_price_step {
    int64_t start; /* applies when the total input, cache included, is greater than this */
    ly_rate rate;
} ly_price_step;

typedef struct ly_price {
    ly_unit unit;
    ly_rate base;
    const ly_price_step *steps; /* ascending by start */
    size_t n_steps;
} ly_price;

/* One set of prices. Views live as long as the book. */
typedef struct ly_price_row {
    int64_t id;
    ly_str provider;     /* the provider's id in the book; "" in a user's row that takes any */
    ly_str model;        /* the model's id; "" in a user's row that takes any */
    ly_str service_tier; /* "" = standard, otherwise batch, flex, priority, ... */
    ly_str source;       /* where the price was published */
    ly_str note;
    int64_t from_ns, to_ns; /* valid in [from, to); INT64_MIN and INT64_MAX = open */
    int32_t day_from_s,
        day_to_s;       /* daily window in seconds of the UTC day, [from, to), over midnight
                                     when to < from; both -1 = all day */
    bool workdays;      /* the window counts from Monday to Friday (UTC) alone */
    int64_t learned_ns; /* when this entry came into the book; 0 = with the book */
    bool free;          /* published as free of charge: every unit costs 0 */
    /* the user's own rows only: where they apply; "" = anywhere */
    ly_str service, access_key;
    ly_str gateway; /* filled by ly_price_add_own, for lists */
    const ly_price *prices;
    size_t n_prices;
} ly_price_row;

/* ---- looking up ------------------------------------------------------------------------------- */

/* What is asked of a book. Empty views are unknown. */
typedef struct ly_price_ask {
    ly_str provider;     /* as spans name it: canonical, or any spelling the book's clauses know */
    ly_str address;      /* host, host:port or URL */
    ly_str model;        /* tried first */
    ly_str model2;       /* tried when `model` has no row */
    ly_str service;      /* service.name, for the user's own rows */
    ly_str access_key;   /* name of the key the client came in with, likewise */
    ly_str service_tier; /* as given: "", default, standard, auto, on_demand = standard */
    int64_t at_ns;
} ly_price_ask;

/* What a lookup found. own wins over base unit by unit; either may be NULL. */
typedef struct ly_price_hit {
    const ly_price_row *base; /* the book's row */
    const ly_price_row *own;  /* the user's row */
    bool local;       /* the address is local (and no row of the user's own names a price) */
    ly_price_why why; /* LY_PRICE_OK, LOCAL, NO_MODEL, UNKNOWN_MODEL or UNKNOWN_TIER */
} ly_price_hit;

/* How the ask of a span is made of it. */
ly_price_ask ly_price_ask_of(const ly_canon *canon, int64_t at_ns);

/* The rule, in order: the user's own rows; local addresses; the provider by address, by name, by the
 * model's prefix ("openai/gpt-4o") and by the model; in it the first model that matches, then its
 * fallback providers; of the model the last row that is valid at the time. book may be NULL. */
ly_price_hit ly_price_find(const ly_price_book *book, const ly_price_ask *ask);

/* The book's id of a provider by any name that spans use; an empty view when the book has none. */
ly_str ly_price_provider_id(const ly_price_book *book, ly_str name);

/* Disjoint parts of a usage; each has one price or none. */
typedef struct ly_cell {
    const char *name; /* "input", "cache read", "audio output", ... ; static */
    ly_unit counts;   /* what it counts */
    ly_unit unit;     /* by which price it was priced; LY_UNIT__COUNT = no price */
    int64_t count;    /* > 0 */
    ly_rate rate;
    int32_t tier; /* which step of the price, 0 = base */
    bool own;     /* from the user's own row */
} ly_cell;

#define LY_CELLS_MAX 48

/* The arithmetic of one charge. */
typedef struct ly_price_sum {
    ly_priced priced;
    int64_t input_total; /* what the context tiers were tested on */
    size_t n_cells;
    ly_cell cells[LY_CELLS_MAX];
} ly_price_sum;

/* Prices a usage by what was found, and keeps the arithmetic. Pure, allocates nothing. */
void ly_price_compute(const ly_price_hit *hit, const ly_usage *usage, ly_price_sum *ret);
/* The same without keeping cells. */
ly_priced ly_price_amount(const ly_price_hit *hit, const ly_usage *usage);

/* count * rate / per in pico-dollars, rounded half to even, for showing one line of the arithmetic (the
 * charge itself is rounded once over the sum). LY_UNKNOWN when it does not fit. */
int64_t ly_cell_amount(const ly_cell *cell);

/* "$1.2345" with as many digits as the amount needs (up to 12 after the point), "-" for unknown; the
 * sign before the $. For arithmetic and JSON-like exactness; tables round (ly_money_format). */
void ly_pico_format(int64_t pico, ly_buf *out);

/* Money as people read it: "$0", "$0.0123", "$0.000470" (six places below a cent), "$1234.50"; two digits
 * that count however small, never 1e-5. Unknown is "-".
 * LY_MONEY_WIDE: as long as that takes. LY_MONEY_NARROW: the same where it fits in 8 characters, else in 8
 * with less of it: "$0.00005", "$100.0k", "$9.2M", "<$0.0001" of what is less than a thousandth of a cent,
 * ">-$0.001" of such a credit. */
typedef enum ly_money_width { LY_MONEY_WIDE, LY_MONEY_NARROW } ly_money_width;
void ly_money_format(int64_t pico, ly_money_width width, ly_buf *out);

/* ---- what a book is --------------------------------------------------------------------------- */

typedef struct ly_price_info {
    ly_str name;          /* "lydite", "genai-prices", a file name */
    ly_str source;        /* URL or file it came from */
    int64_t number;       /* the store's number of the book; row id = number << 24 | place */
    int64_t published_ns; /* the day its prices were looked up; LY_UNKNOWN when not said */
    int64_t learned_ns;   /* when it came into the store; LY_UNKNOWN for a compiled-in book */
    size_t n_providers, n_models, n_rows, n_own;
} ly_price_info;

ly_price_info ly_price_book_info(const ly_price_book *book);
/* Rows in the book's order, 0 <= i < n_rows; then the user's own, n_rows <= i < n_rows + n_own. */
const ly_price_row *ly_price_book_row(const ly_price_book *book, size_t i);
/* By id, NULL when the book has no such row. */
const ly_price_row *ly_price_book_row_id(const ly_price_book *book, int64_t id);
/* The row's price of a unit, NULL when it has none. */
const ly_price *ly_price_row_get(const ly_price_row *row, ly_unit unit);

#endif
