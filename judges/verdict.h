/*
 * Reading what a judge model said. The vocabulary of verdicts is closed: a word that is not in it is a
 * failure, never a guess, and never a 0 or a pass. Rules: judges-and-statistics.md §2.3.
 */
#ifndef LY_JUDGES_VERDICT_H
#define LY_JUDGES_VERDICT_H

#include "base/arena.h"
#include "base/str.h"

/* Why a reply could not be read; the names are stored. */
typedef enum ly_verdict_fault {
    LY_FAULT_NONE = 0,
    LY_FAULT_PARSE,  /* no JSON object, or more than one */
    LY_FAULT_SCHEMA, /* a member is missing or of the wrong kind */
    LY_FAULT_OFF_MENU
} ly_verdict_fault;
const char *ly_verdict_fault_name(ly_verdict_fault fault);

typedef struct ly_verdict_read {
    ly_verdict_fault fault;
    size_t label; /* index into the labels, when there is no fault */
    ly_str reasoning;
    bool manipulation; /* the judge says that the material tried to influence it */
    ly_str detail;     /* for a fault: one line that can be told to the model */
} ly_verdict_read;

/*
 * The JSON contract {"reasoning": string, "attempted_manipulation": boolean, "verdict": label}. A code
 * fence and thinking tags around it are taken off; text around one balanced object is allowed, two
 * objects are not. attempted_manipulation may be missing. Labels compare trimmed, case folded.
 */
void ly_verdict_read_json(ly_str reply, const ly_str *labels, size_t n_labels, ly_arena *arena,
                          ly_verdict_read *ret);

/*
 * A verdict in free text: the label that occurs last as a whole word ("Output (a)" is not found in
 * "outputs (a)"). SIZE_MAX when none occurs. Zero-width characters are ignored.
 */
size_t ly_verdict_read_text(ly_str reply, const ly_str *labels, size_t n_labels, ly_arena *arena);

/* The same as a reading: no label is a fault, what stands before the last one is the reasoning. */
void ly_verdict_read_prose(ly_str reply, const ly_str *labels, size_t n_labels, ly_arena *arena,
                           ly_verdict_read *ret);

/* Two verdicts of one pair, asked in both orders, in terms of the items: +1 first, -1 second, 0 tie.
 * A disagreement is unsettled, a third thing beside win and tie. */
typedef enum ly_pair_outcome {
    LY_PAIR_SECOND = -1,
    LY_PAIR_TIE = 0,
    LY_PAIR_FIRST = 1,
    LY_PAIR_UNSETTLED = 2
} ly_pair_outcome;
ly_pair_outcome ly_pair_settle(int in_order, int swapped);

#endif
