/*
 * A provider's usage export beside the ledger, per day and model, with a reason for each difference
 * where one can be found. Models are compared by the price book's model, so that "gpt-4o-2024-08-06" in
 * one and "gpt-4o" in the other are the same.
 */
#ifndef LY_COST_RECONCILE_H
#define LY_COST_RECONCILE_H

#include "cost/zone.h"
#include "genai/price.h"
#include "store/store.h"

typedef enum ly_export_column {
    LY_EXPORT_DATE,
    LY_EXPORT_MODEL,
    LY_EXPORT_AMOUNT,
    LY_EXPORT_PROVIDER,
    LY_EXPORT_INPUT,
    LY_EXPORT_OUTPUT,
    LY_EXPORT_CACHE_READ,
    LY_EXPORT__COUNT
} ly_export_column;

#define LY_EXPORT_PARTS 8

/* Which header of the file stands for what; empty = not there; several that are added with '+' between.
 * date, model and amount or tokens are needed. */
typedef struct ly_export_map {
    ly_str column[LY_EXPORT__COUNT];
} ly_export_map;

/* The columns of the exports that providers offer: "openai-costs", "anthropic-tokens", ... */
typedef struct ly_export_preset {
    const char *name, *provider, *map;
    const char *known_by; /* headers that tell it from the others, '+' between */
} ly_export_preset;
/* The i-th, NULL past the last; by name; by the header line of a file. NULL when there is none. */
const ly_export_preset *ly_export_preset_at(size_t i);
const ly_export_preset *ly_export_preset_named(ly_str name);
const ly_export_preset *ly_export_preset_guess(ly_str csv);

/* "date=day,model=model_name,amount=cost_usd". LY_E_INVALID. */
LY_MUST_USE ly_status ly_export_map_parse(ly_str text, ly_export_map *ret, ly_err *err);

typedef enum ly_recon_reason {
    LY_RECON_SAME,
    LY_RECON_NOT_TRACED,   /* the ledger has no call of the model that day */
    LY_RECON_NOT_EXPORTED, /* the export has none */
    LY_RECON_UNPRICED,     /* calls without a price in the ledger */
    LY_RECON_FEWER_TOKENS, /* the ledger has fewer tokens: some calls were not traced */
    LY_RECON_MORE_TOKENS,  /* the ledger has more tokens */
    LY_RECON_OTHER_PRICE,  /* the same tokens at another price */
    LY_RECON_SHIFTED,      /* a neighbouring day differs the other way: days of another zone */
    LY_RECON_UNKNOWN,
    LY_RECON__COUNT
} ly_recon_reason;

const char *ly_recon_reason_name(ly_recon_reason reason);
const char *ly_recon_reason_text(ly_recon_reason reason);

typedef struct ly_recon_row {
    int64_t day_ns;                                       /* start, in the zone */
    ly_str model;                                         /* the book's id, else as written */
    int64_t export_pico, ledger_pico;                     /* LY_UNKNOWN where that side has none */
    int64_t export_in, export_out, ledger_in, ledger_out; /* tokens; LY_UNKNOWN = not in the file */
    int64_t n, n_unpriced;                                /* ledger's calls */
    ly_recon_reason reason;
} ly_recon_row;

typedef struct ly_recon_ask {
    ly_str csv; /* the file's text */
    ly_export_map map;
    ly_str provider; /* "" = as the file says, or any */
    bool cents;
    int64_t tolerance_pico;
    int64_t from_ns, until_ns; /* INT64_MIN / MAX = the file's days */
    const ly_zone *zone;
    const ly_price_book *book;
} ly_recon_ask;

typedef struct ly_recon {
    ly_recon_row *rows; /* by day, then model */
    size_t n_rows;
    bool amounts; /* the export has amounts; else tokens are compared */
    int64_t export_pico, ledger_pico;
    size_t n_different;
} ly_recon;

LY_MUST_USE ly_status ly_reconcile(ly_store *store, const ly_recon_ask *ask, ly_arena *arena,
                                   ly_recon *ret, ly_err *err);

#endif
