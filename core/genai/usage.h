/*
 * Token counts as reported → mutually exclusive buckets (§4.2), and the cost a client gave (§4.7).
 *
 * The dialect's row in ly_counts says whether cache and reasoning were counted inside or outside; the
 * numbers themselves override it where they cannot be otherwise. Pure functions.
 */
#ifndef LY_GENAI_USAGE_H
#define LY_GENAI_USAGE_H

#include "genai/canon.h"

/* Reported numbers, each >= 0 or LY_UNKNOWN. */
typedef struct ly_reported {
    int64_t in, out, total;
    int64_t cache_read, cache_write, cache_write_1h;
    int64_t reasoning;
    int64_t tool_prompt; /* input outside of `in` whatever the mode (§4.2 step 7) */
    int64_t in_no_cache; /* said by name to be without cache */
    int64_t out_text;    /* said by name to be without reasoning */
} ly_reported;

#define LY_REPORTED_NONE                                                                   \
    ((ly_reported){LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, \
                   LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN})

/*
 * Fills in_fresh … out_reasoning and unattributed of *ret (the side dimension is left alone) and returns
 * the mode used: one LY_USAGE_IN_* and one LY_USAGE_OUT_* bit where the distinction mattered, and
 * LY_USAGE_BY_EVIDENCE when the numbers overrode `mode`. `mode` is what the dialect's row says.
 */
unsigned ly_usage_buckets(const ly_reported *reported, unsigned mode, ly_tokens *ret);

#endif
