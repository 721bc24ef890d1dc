/* What a judge's model replies: a label of the menu or a fault, never anything else. */
#include "base/limits.h"
#include "fuzz.h"
#include "judges/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ly_str labels[] = {LY_S("pass"), LY_S("fail"), LY_S("Output (a)")};
    ly_str text = ly_str_n(data, size);
    ly_arena arena;
    ly_verdict_read read;
    ly_arena_init(&arena, 0, LY_MIB(64));
    ly_verdict_read_json(text, labels, LY_COUNT(labels), &arena, &read);
    FUZZ_CHECK(read.fault != 0 || read.label < LY_COUNT(labels));
    FUZZ_CHECK(ly_verdict_fault_name(read.fault) != NULL);
    size_t label = ly_verdict_read_text(text, labels, LY_COUNT(labels), &arena);
    FUZZ_CHECK(label == SIZE_MAX || label < LY_COUNT(labels));
    ly_arena_release(&arena);
    return 0;
}
