/* What a trace was asked and what it answered, as two texts: for data sets and judges over traces. */
#ifndef LY_CLI_TRACE_TEXT_H
#define LY_CLI_TRACE_TEXT_H

#include "store/store.h"

/* Of the root span where it has messages, else the first input and the last output of any span. Empty when
 * no content was recorded. */
LY_MUST_USE ly_status ly_trace_texts(ly_store *store, ly_trace_id id, ly_arena *arena,
                                     ly_str *ret_input, ly_str *ret_output, ly_err *err);

#endif
