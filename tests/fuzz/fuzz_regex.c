/* Regular expressions: the first line is the pattern, the rest the subject. */
#include "base/clock.h"
#include "base/limits.h"
#include "fuzz.h"
#include "text/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_regex *regex;
    ly_err err = LY_ERR_INIT;
    ly_str all = ly_str_n(data, size), pattern;
    if (!ly_str_split(&all, '\n', &pattern) ||
        ly_regex_new(pattern, (unsigned)(size % 32), &regex, &err) != LY_OK) {
        return 0;
    }
    ly_regex_group groups[4];
    ly_buf out;
    size_t n;
    ly_buf_init(&out, LY_MIB(16));
    int64_t start = ly_mono_ns();
    if (ly_regex_find(regex, all, 0, groups, 4, &err) == LY_OK) {
        FUZZ_CHECK(groups[0].to <= all.len);
    }
    (void)!ly_regex_replace(regex, all, LY_S("_"), &out, &n, &err);
    FUZZ_CHECK(ly_mono_ns() - start < 60 * LY_NS_PER_SEC);
    ly_buf_release(&out);
    ly_regex_free(regex);
    return 0;
}
