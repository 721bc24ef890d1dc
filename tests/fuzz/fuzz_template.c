/* Templates: what parses renders or says what is missing; a value with braces stays text. */
#include "base/limits.h"
#include "fuzz.h"
#include "prompts/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_arena arena;
    ly_template *template_;
    ly_json *vars;
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&arena, 0, LY_MIB(64));
    FUZZ_CHECK(ly_json_parse(LY_S("{\"q\":\"{{secret}}\",\"n\":3,\"rows\":[{\"a\":1},{\"a\":2}],"
                                  "\"o\":{\"x\":{\"y\":\"z\"}},\"no\":false,\"secret\":\"S\"}"),
                             &arena, &vars, &err) == LY_OK);
    if (ly_template_parse(ly_str_n(data, size), &arena, &template_, &err) == LY_OK) {
        const ly_template_name *names;
        size_t n;
        FUZZ_CHECK(ly_template_names(template_, &arena, &names, &n, &err) == LY_OK);
        for (unsigned flags = 0; flags < 4; flags++) {
            ly_template_opts opts = {.flags = flags};
            ly_buf out;
            ly_buf_init(&out, LY_MIB(16));
            if (ly_template_render(template_, vars, &opts, &out, &err) != LY_OK) {
                FUZZ_CHECK(err.text[0] != 0);
            }
            ly_buf_release(&out);
        }
    } else {
        FUZZ_CHECK(err.text[0] != 0);
    }
    ly_arena_release(&arena);
    return 0;
}
