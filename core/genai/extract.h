/*
 * One pass over a span's (or log's) attributes into slots, by the tables of dialects.h. Used inside
 * core/genai only.
 */
#ifndef LY_GENAI_EXTRACT_H
#define LY_GENAI_EXTRACT_H

#include "genai/dialects.h"
#include "genai/val.h"

#define LY_RANK_NONE 255

typedef struct ly_slot_value {
    ly_str text;       /* CV_TEXT, CV_JSONTEXT, CV_PROVIDER */
    int64_t num;       /* counts, nanoseconds, pico-dollars, booleans, types */
    const ly_any *any; /* CV_THERE, CV_LIST: where it came from */
} ly_slot_value;

enum { LY_PENDING_DOCS = 16 };

typedef struct ly_extract {
    uint8_t rank[S__COUNT]; /* LY_RANK_NONE = the slot is empty */
    ly_slot_value value[S__COUNT];
    int8_t word_role;    /* role that a word asked for, or -1 */
    uint64_t signatures; /* bit i: an attribute of the signature of ly_dialects[i] */
    bool rejected;       /* a count was negative, fractional or absurd */
    bool withheld;
    const ly_any *doc_any[LY_PENDING_DOCS]; /* documents met, read at the end */
    uint16_t doc_rule[LY_PENDING_DOCS];
    uint8_t n_docs;
    ly_arena *arena;
} ly_extract;

void ly_extract_init(ly_extract *x, ly_arena *arena);
void ly_extract_attrs(ly_extract *x, const ly_attrs *attrs);
/* Reads the documents met; call once after all attributes. */
void ly_extract_docs(ly_extract *x);

static inline bool ly_extract_has(const ly_extract *x, ly_slot slot)
{
    return x->rank[slot] != LY_RANK_NONE;
}
static inline ly_str ly_extract_text(const ly_extract *x, ly_slot slot)
{
    return x->rank[slot] != LY_RANK_NONE ? x->value[slot].text : LY_STR_NONE;
}
static inline int64_t ly_extract_num(const ly_extract *x, ly_slot slot)
{
    return x->rank[slot] != LY_RANK_NONE ? x->value[slot].num : LY_UNKNOWN;
}

/* The dialect's row by scope and signatures (§3.1); never NULL. */
const ly_dialect *ly_dialect_of(const ly_extract *x, ly_str scope);

/* Whether ly_names has rows for it. */
bool ly_dialect_has_names(const ly_dialect *dialect);

/* A CV_LIST value as strings, in the arena; at most 64. */
size_t ly_extract_list(const ly_extract *x, ly_slot slot, const ly_str **ret_items);

/* US dollars to pico-dollars, half away from zero; false when negative, not finite or past 9.2e6. */
LY_MUST_USE bool ly_usd_to_pico(double usd, int64_t *ret);

#endif
