/* Price documents: each format reads or refuses any text with a reason. */
#include "cost/import.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_str text = ly_str_n(data, size);
    for (int format = 0; format <= LY_BOOK__COUNT; format++) {
        ly_price_book *book = NULL;
        ly_import_notes notes;
        ly_err err = LY_ERR_INIT;
        ly_book_format as =
            format < LY_BOOK__COUNT ? (ly_book_format)format : ly_book_format_guess(text);
        if (ly_book_read(as, text, LY_S("n"), LY_S("s"), 1, LY_UNKNOWN, LY_UNKNOWN, NULL, NULL,
                         &book, &notes, &err) == LY_OK) {
            FUZZ_CHECK(book != NULL);
            ly_price_book_free(book);
        } else {
            FUZZ_CHECK(err.text[0] != 0);
        }
    }
    return 0;
}
