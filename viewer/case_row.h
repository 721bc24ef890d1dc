/* The data-set row of an evaluation's case, as text. A file of its own: `ly_row` is a row of data in the store
 * and a line of a tree in rows.h. */
#ifndef LY_VIEWER_CASE_ROW_H
#define LY_VIEWER_CASE_ROW_H

#include "store/store.h"

/* Appends "KEY: VALUE" for each field of the row (the question and what was expected), clean, and an empty
 * line; nothing when the row cannot be read. flags: of ly_term_clean. */
void ly_case_row(ly_store *store, ly_str dataset, int64_t number, int64_t row, unsigned flags,
                 ly_buf *out);

#endif
