/* YAML as JSON trees: types, refusals, aliases, lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/jsonw.h"
#include "text/yaml.h"

static ly_arena arena;
static ly_buf out;

static int setup(void **state)
{
    (void)state;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&out, LY_MIB(64));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_arena_release(&arena);
    ly_buf_release(&out);
    return 0;
}

static const ly_json *parse(const char *text)
{
    ly_json *doc;
    ly_err err = LY_ERR_INIT;
    if (ly_yaml_parse(ly_str_c(text), &arena, &doc, &err) != LY_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return doc;
}

static void same(const char *text, const char *json)
{
    ly_jsonw w;
    ly_buf_reset(&out);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_tree(&w, parse(text));
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_OK);
    assert_string_equal(ly_buf_text(&out), json);
}

static void refuse(const char *text, ly_status want, const char *why)
{
    ly_json *doc = NULL;
    ly_err err = LY_ERR_INIT;
    ly_status got = ly_yaml_parse(ly_str_c(text), &arena, &doc, &err);
    if (got != want || !strstr(err.text, why)) {
        fail_msg("%.80s: %d \"%s\", want %d \"%s\"", text, got, err.text, want, why);
    }
    assert_null(doc);
}

static void structure(void **state)
{
    (void)state;
    same("a: 1\nb:\n  - x\n  - y: {z: [1, 2]}\n", "{\"a\":1,\"b\":[\"x\",{\"y\":{\"z\":[1,2]}}]}");
    same("", "null");
    same("# only a comment\n", "null");
    same("---\na: b\n...\n", "{\"a\":\"b\"}");
    same("text: |\n  line 1\n  line 2\n", "{\"text\":\"line 1\\nline 2\\n\"}");
    same("a:\nb: {}\nc: []\n", "{\"a\":null,\"b\":{},\"c\":[]}");
    same("{\"json\": [true, null, 1.5]}", "{\"json\":[true,null,1.5]}");
}

static void core_schema(void **state)
{
    (void)state;
    same("[~, null, Null, NULL, '']", "[null,null,null,null,\"\"]");
    same("[true, True, TRUE, false, yes, no, on, off, y]",
         "[true,true,true,false,\"yes\",\"no\",\"on\",\"off\",\"y\"]");
    same("[0, -1, +7, 0x1F, 0o17, 017, 9223372036854775807, 9223372036854775808]",
         "[0,-1,7,31,15,17,9223372036854775807,9.223372036854776e+18]");
    same("[1.5, -.5, +1e3, 1., 1.e2, .5e-1, 1_000, 1:30, 2026-11-21, .inf, 0x, 0xG]",
         "[1.5,-0.5,1000,1,100,0.05,\"1_000\",\"1:30\",\"2026-11-21\",\".inf\",\"0x\",\"0xG\"]");
    same("[1e400, -1e400]", "[\"1e400\",\"-1e400\"]");
    same("['1', \"true\", '~']", "[\"1\",\"true\",\"~\"]");
    same("[!!str 1, !!int 7, !!float 2, !!bool true, !!null ~, !!seq [1]]",
         "[\"1\",7,2,true,null,[1]]");
    same("{1: a, true: b}", "{\"1\":\"a\",\"true\":\"b\"}");
}

static void refusals(void **state)
{
    (void)state;
    refuse("a: 1\nb: 2\na: 3\n", LY_E_FORMAT, "line 3, column 1: a key that stands twice");
    refuse("a: [1, 2\n", LY_E_FORMAT, "line 2");
    refuse("a: 'x\n", LY_E_FORMAT, "line ");
    refuse("a: 1\n---\nb: 2\n", LY_E_FORMAT, "line 2, column 1: a second document");
    refuse("a: !secret x\n", LY_E_FORMAT, "line 1, column 4: a tag that is not known");
    refuse("a: !!int x\n", LY_E_FORMAT, "tagged !!int");
    refuse("a: !!python/object:os.system {}\n", LY_E_FORMAT, "a tag that is not known");
    refuse("? [a, b]\n: c\n", LY_E_FORMAT, "a key must be plain text");
    refuse("a: &x {b: 1}\nc:\n  <<: *x\n", LY_E_FORMAT, "line 3, column 3: merge keys");
    refuse("a: *nothing\n", LY_E_FORMAT, "anchor");
    refuse("a: &x [*x]\n", LY_E_FORMAT, "alias inside its own anchor");
    refuse("a: \"\\xff\xff\"\n", LY_E_FORMAT, "byte ");
    refuse("a:\n\tb: 1\n", LY_E_FORMAT, "line 2");
}

static void limits(void **state)
{
    (void)state;
    ly_buf_reset(&out);
    ly_buf_fill(&out, '[', LY_MAX_YAML_DEPTH);
    ly_buf_fill(&out, ']', LY_MAX_YAML_DEPTH);
    parse(ly_buf_text(&out));
    ly_buf_reset(&out);
    ly_buf_fill(&out, '[', LY_MAX_YAML_DEPTH + 1);
    refuse(ly_buf_text(&out), LY_E_LIMIT, "nested too deep");
    ly_buf_reset(&out);
    ly_buf_fill(&out, ' ', LY_MAX_TEXT_FILE_BYTES + 1);
    refuse(ly_buf_text(&out), LY_E_LIMIT, "YAML text of");
    /* each level stands for ten of the one before: 10^9 nodes in 400 bytes */
    ly_buf_reset(&out);
    ly_buf_c(&out, "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
    for (int i = 1; i < 9; i++) {
        ly_buf_fmt(&out, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++) {
            ly_buf_fmt(&out, "%s*a%d", j > 0 ? "," : "", i - 1);
        }
        ly_buf_c(&out, "]\n");
    }
    refuse(ly_buf_text(&out), LY_E_LIMIT, "do aliases multiply");
}

static void aliases(void **state)
{
    (void)state;
    same("base: &b {x: 1}\none: *b\ntwo: [*b, *b]\n",
         "{\"base\":{\"x\":1},\"one\":{\"x\":1},\"two\":[{\"x\":1},{\"x\":1}]}");
    same("- &n 5\n- *n\n- &n 6\n- *n\n", "[5,5,6,6]");
}

static void many_keys(void **state)
{
    (void)state;
    ly_buf_reset(&out);
    for (int i = 0; i < 5000; i++) {
        ly_buf_fmt(&out, "k%d: %d\n", i, i);
    }
    assert_int_equal(ly_json_get(parse(ly_buf_text(&out)), "k4999")->integer, 4999);
    ly_buf_c(&out, "k4000: 1\n");
    refuse(ly_buf_text(&out), LY_E_FORMAT, "stands twice");
}

static void lines(void **state)
{
    (void)state;
    const ly_json *doc = parse("a: 1\nb:\n  - x\n  - y\n\nc: {d: e}\n");
    assert_int_equal(ly_json_line(ly_json_path(doc, "b.1"), LY_STR_NONE), 4);
    assert_int_equal(ly_json_line(ly_json_path(doc, "c.d"), LY_STR_NONE), 6);
    assert_int_equal(ly_json_line(doc, LY_STR_NONE), 1);
}

static void memory_failure_is_reported(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 6; n++) {
        ly_arena small;
        ly_json *doc = NULL;
        ly_arena_init(&small, 0, 0);
        ly_mem_fail_at(n, true);
        ly_status status = ly_yaml_parse(LY_S("a: &x [1, 2]\nb: *x\n"), &small, &doc, NULL);
        ly_mem_fail_at(0, false);
        assert_true(status == LY_E_NOMEM || (n > 3 && status == LY_OK));
        ly_arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure), cmocka_unit_test(core_schema),
        cmocka_unit_test(refusals),  cmocka_unit_test(limits),
        cmocka_unit_test(aliases),   cmocka_unit_test(many_keys),
        cmocka_unit_test(lines),     cmocka_unit_test(memory_failure_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
