/*
 * Langfuse's usage_details and cost_details: JSON objects of exclusive buckets by name (§4.2 step 8).
 * Used inside core/genai only.
 */
#ifndef LY_GENAI_BUCKETS_H
#define LY_GENAI_BUCKETS_H

#include "genai/usage.h"
#include "genai/val.h"

/* Fills *ret and returns the usage mode; 0 when the object names nothing known. */
unsigned ly_buckets_usage(ly_val object, ly_tokens *ret, bool *ret_rejected);
/* `total`, else the sum of the parts, in pico-dollars, or LY_UNKNOWN. */
int64_t ly_buckets_cost(ly_val object);

#endif
