/* Bytes from the terminal: every stream gives keys, and the reader never runs past its buffer. */
#include "fuzz.h"
#include "viewer/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ly_key_name names[] = {{"\x1b[5~", LY_KEY_F1}, {"\x1bOQ", LY_KEY_F1 + 1}};
    ly_input in = {.names = names, .n_names = sizeof names / sizeof names[0]};
    ly_key key;
    size_t keys = 0;
    for (size_t i = 0; i < size; i++) {
        bool complete = ly_input_byte(&in, data[i], &key);
        while (complete) {
            keys++;
            complete = ly_input_more(&in, &key);
        }
        FUZZ_CHECK(in.n <= LY_INPUT_PENDING);
    }
    keys += ly_input_flush(&in, &key);
    FUZZ_CHECK(keys <= size);
    return 0;
}
