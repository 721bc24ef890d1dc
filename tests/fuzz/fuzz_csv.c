/* CSV: the rows that are read are written and read back the same. */
#include "base/limits.h"
#include "base/mem.h"
#include "fuzz.h"
#include "text/csv.h"

/* Reads all rows, writes them, and sums up their content. */
static uint64_t pass(ly_str text, ly_buf *out, bool *ret_whole)
{
    ly_csv *csv;
    const ly_csv_row *row;
    ly_err err = LY_ERR_INIT;
    uint64_t sum = 0;
    ly_status status = ly_csv_new_text(text, NULL, &csv, &err);
    FUZZ_CHECK(status == LY_OK);
    while ((status = ly_csv_next(csv, &row, &err)) == LY_OK && row) {
        FUZZ_CHECK(row->n > 0);
        for (size_t i = 0; i < row->n; i++) {
            ly_csv_put(out, row->fields[i], i == 0, 0);
            sum = sum * 31 + ly_str_hash(row->fields[i]);
        }
        ly_csv_put_end(out);
        sum = sum * 31 + row->n;
    }
    FUZZ_CHECK(status == LY_OK || strncmp(err.text, "line ", 5) == 0);
    *ret_whole = status == LY_OK;
    ly_csv_free(csv);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_buf first, second;
    bool whole;
    ly_buf_init(&first, LY_MIB(64));
    ly_buf_init(&second, LY_MIB(64));
    uint64_t sum = pass(ly_str_n(data, size), &first, &whole);
    uint64_t again = pass(ly_buf_view(&first), &second, &whole);
    FUZZ_CHECK(whole && sum == again);
    FUZZ_CHECK(ly_str_eq(ly_buf_view(&first), ly_buf_view(&second)));
    ly_buf_release(&first);
    ly_buf_release(&second);
    return 0;
}
