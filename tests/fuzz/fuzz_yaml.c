/* YAML: never more than its limits; what is read can be written as JSON. */
#include "base/limits.h"
#include "fuzz.h"
#include "text/jsonw.h"
#include "text/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_arena arena;
    ly_json *doc;
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&arena, 0, LY_MIB(256));
    if (ly_yaml_parse(ly_str_n(data, size), &arena, &doc, &err) == LY_OK) {
        ly_buf out;
        ly_json *again;
        ly_jsonw w;
        ly_buf_init(&out, LY_MIB(64));
        ly_jsonw_init(&w, &out, 0);
        ly_jsonw_tree(&w, doc);
        if (ly_jsonw_end(&w, NULL) == LY_OK) { /* aliases may stand for more than 64 MiB */
            FUZZ_CHECK(ly_json_parse(ly_buf_view(&out), &arena, &again, NULL) == LY_OK);
            FUZZ_CHECK(ly_json_equal(doc, again));
        }
        ly_buf_release(&out);
    } else {
        FUZZ_CHECK(err.text[0] != 0);
    }
    ly_arena_release(&arena);
    return 0;
}
