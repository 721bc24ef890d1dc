/* Two price books beside each other. */
#ifndef LY_COST_BOOK_CHECK_H
#define LY_COST_BOOK_CHECK_H

#include "base/arena.h"
#include "genai/price.h"

typedef struct ly_book_difference {
    ly_str provider, model; /* of the first book */
    ly_unit unit;
    ly_rate here, there;
    ly_str source,
        note; /* of the first book's row: where its price was published, what is said of it */
} ly_book_difference;

/* Base prices of models that both books know at `at_ns`, standard tier, where they differ. A unit that
 * only one of them prices is no difference. In the first book's order. */
LY_MUST_USE ly_status ly_book_compare(const ly_price_book *here, const ly_price_book *there,
                                      int64_t at_ns, ly_arena *arena, ly_book_difference **ret_rows,
                                      size_t *ret_n, ly_err *err);

#endif
