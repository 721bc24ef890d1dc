/* Two price books beside each other; see cost/book_check.h. */
#include "cost/book_check.h"

#include "base/mem.h"

/* The row that is in force of the model that `row` belongs to, asked by its id. */
static const ly_price_row *in_force(const ly_price_book *book, const ly_price_row *row,
                                    int64_t at_ns)
{
    ly_price_ask ask = {.provider = row->provider, .model = row->model, .at_ns = at_ns};
    return ly_price_find(book, &ask).base;
}

ly_status ly_book_compare(const ly_price_book *here, const ly_price_book *there, int64_t at_ns,
                          ly_arena *arena, ly_book_difference **ret_rows, size_t *ret_n,
                          ly_err *err)
{
    ly_book_difference *rows = NULL;
    size_t n = 0, cap = 0;
    ly_price_info info = ly_price_book_info(here);
    for (size_t i = 0; i < info.n_rows; i++) {
        const ly_price_row *mine = ly_price_book_row(here, i);
        if (mine->service_tier.len || in_force(here, mine, at_ns) != mine) {
            continue;
        }
        const ly_price_row *theirs = in_force(there, mine, at_ns);
        for (size_t k = 0; theirs && k < mine->n_prices; k++) {
            const ly_price *a = &mine->prices[k];
            const ly_price *b = ly_price_row_get(theirs, a->unit);
            if (!b || b->base == a->base) {
                continue;
            }
            if (!ly_grow(&rows, &cap, n + 1, 1000000, sizeof *rows)) {
                ly_free(rows);
                return LY_NOMEM(err);
            }
            rows[n++] = (ly_book_difference){mine->provider, mine->model,  a->unit,   a->base,
                                             b->base,        mine->source, mine->note};
        }
    }
    ly_book_difference *copy = LY_ARENA_ARRAY(arena, ly_book_difference, n + 1);
    if (copy && n > 0) {
        memcpy(copy, rows, n * sizeof *rows);
    }
    ly_free(rows);
    if (!copy) {
        return LY_NOMEM(err);
    }
    *ret_rows = copy;
    *ret_n = n;
    return LY_OK;
}
