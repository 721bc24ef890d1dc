#include "viewer/case_row.h"

#include "base/term.h"
#include "store/dataset.h"
#include "text/json.h"

#define MAX_BYTES 4000 /* of one value */

void ly_case_row(ly_store *store, ly_str dataset, int64_t number, int64_t row, unsigned flags,
                 ly_buf *out)
{
    ly_arena work;
    ly_row *rows = NULL;
    ly_json *data = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&work, 0, LY_MIB(64));
    if (dataset.len > 0 &&
        ly_dataset_rows(store, dataset, number, row, 1, &work, &rows, &n, &err) == LY_OK &&
        n == 1 && ly_json_parse(rows[0].data, &work, &data, NULL) == LY_OK &&
        ly_json_is(data, LY_JSON_OBJECT)) {
        for (size_t i = 0; i < data->object.n; i++) {
            const ly_json_member *m = &data->object.items[i];
            ly_str text =
                ly_json_is(&m->value, LY_JSON_STRING) ? ly_json_str(&m->value) : m->value.raw;
            ly_term_clean(out, ly_str_sub(m->key, 0, 80), flags & ~(unsigned)LY_TERM_LINES);
            ly_buf_c(out, ": ");
            ly_term_clean(out, ly_str_sub(text, 0, MAX_BYTES), flags);
            ly_buf_char(out, '\n');
        }
        ly_buf_char(out, '\n');
    }
    ly_arena_release(&work);
}
