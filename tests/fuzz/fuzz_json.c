/* JSON: what parses is written again and is equal; its canonical form is a fixed point. */
#include "base/limits.h"
#include "fuzz.h"
#include "text/doc.h"
#include "text/jsonw.h"

static void check(const ly_json *doc, ly_arena *arena, ly_buf *out)
{
    ly_json *again, *twice;
    ly_jsonw w;
    for (unsigned flags = 0; flags < 8; flags++) {
        ly_buf_reset(out);
        ly_jsonw_init(&w, out, flags);
        ly_jsonw_tree(&w, doc);
        FUZZ_CHECK(ly_jsonw_end(&w, NULL) == LY_OK);
        FUZZ_CHECK(ly_json_parse(ly_buf_view(out), arena, &again, NULL) == LY_OK);
        FUZZ_CHECK(ly_json_equal(doc, again));
    }
    ly_buf_reset(out);
    FUZZ_CHECK(ly_json_canonical(doc, out, NULL) == LY_OK);
    ly_str first = ly_arena_copy(arena, ly_buf_view(out));
    FUZZ_CHECK(ly_json_parse(first, arena, &twice, NULL) == LY_OK);
    ly_buf_reset(out);
    FUZZ_CHECK(ly_json_canonical(twice, out, NULL) == LY_OK);
    FUZZ_CHECK(ly_str_eq(first, ly_buf_view(out)));
    /* each value's own bytes are that value */
    for (size_t i = 0; i < ly_json_count(doc); i++) {
        const ly_json *child =
            doc->kind == LY_JSON_ARRAY ? ly_json_at(doc, i) : &doc->object.items[i].value;
        FUZZ_CHECK(ly_json_parse(child->raw, arena, &again, NULL) == LY_OK);
        FUZZ_CHECK(ly_json_equal(child, again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_arena arena;
    ly_buf out;
    ly_json *doc;
    ly_doc *control;
    ly_err err = LY_ERR_INIT;
    ly_str text = ly_str_n(data, size);
    ly_arena_init(&arena, 0, LY_MIB(256));
    ly_buf_init(&out, LY_MIB(64));
    ly_status status = ly_json_parse(text, &arena, &doc, &err);
    FUZZ_CHECK((status == LY_OK) == ly_json_valid(text));
    if (status == LY_OK) {
        check(doc, &arena, &out);
        if (ly_doc_from_json(doc, &control, &err) == LY_OK) {
            ly_json *again;
            ly_buf_reset(&out);
            FUZZ_CHECK(ly_doc_put(control, 0, &out, NULL) == LY_OK);
            FUZZ_CHECK(ly_json_parse(ly_buf_view(&out), &arena, &again, NULL) == LY_OK);
            FUZZ_CHECK(ly_json_equal(doc, again));
            ly_doc_free(control);
        }
    } else {
        FUZZ_CHECK(err.text[0] != 0);
    }
    ly_arena_release(&arena);
    ly_buf_release(&out);
    return 0;
}
