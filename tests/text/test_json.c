/* The JSON reader: what is accepted and refused, exactness, raw ranges, look-up, limits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "text/json.h"

static ly_arena arena;

static int setup(void **state)
{
    (void)state;
    ly_arena_init(&arena, 0, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_arena_release(&arena);
    return 0;
}

static const ly_json *parse_n(const char *text, size_t n)
{
    ly_json *doc;
    ly_err err = LY_ERR_INIT;
    if (ly_json_parse(ly_str_n(text, n), &arena, &doc, &err) != LY_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return doc;
}

static const ly_json *parse(const char *text)
{
    return parse_n(text, strlen(text));
}

static void assert_str(ly_str got, const char *want)
{
    if (!ly_str_eqc(got, want)) {
        fail_msg("got \"%.*s\", want \"%s\"", LY_STR_ARG(got), want);
    }
}

/* In the manner of the JSON parsing test suite's y_ files. */
static const char *const accepted[] = {
    "[[]   ]",
    "[\"\"]",
    "[]",
    "[\"a\"]",
    "[false]",
    "[null, 1, \"1\", {}]",
    "[null]",
    "[1\n]",
    " [1]",
    "[1,null,null,null,2]",
    "[2] ",
    "[123e65]",
    "[0e+1]",
    "[0e1]",
    "[ 4]",
    "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    "[20e1]",
    "[-0]",
    "[-123]",
    "[-1]",
    "[-0.0]",
    "[1E22]",
    "[1E-2]",
    "[1E+2]",
    "[123e45]",
    "[123.456e78]",
    "[1e-2]",
    "[1e+2]",
    "[123]",
    "[123.456789]",
    "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
    "{\"asd\":\"sdf\"}",
    "{\"a\":\"b\",\"a\":\"c\"}",
    "{\"a\":\"b\",\"a\":\"b\"}",
    "{}",
    "{\"\":0}",
    "{\"foo\\u0000bar\": 42}",
    "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    "{\"a\":[]}",
    "{\"title\":\"\\u041f\\u043e\"}",
    "{\n\"a\": \"b\"\n}",
    "[\"\\u0060\\u012a\\u12AB\"]",
    "[\"\\uD801\\udc37\"]",
    "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\\\\u0000\"]",
    "[\"\\\"\"]",
    "[\"a/*b*/c/*d//e\"]",
    "[\"\\\\a\"]",
    "[\"\\\\n\"]",
    "[\"\\u0012\"]",
    "[\"\\uFFFF\"]",
    "[\"asd\"]",
    "[ \"asd\"]",
    "[\"\\uDBFF\\uDFFF\"]",
    "[\"new\\u00A0line\"]",
    "[\"\xf4\x8f\xbf\xbf\"]",
    "[\"\xef\xbf\xbf\"]",
    "[\"\\u0000\"]",
    "[\"\\u002c\"]",
    "[\"\xcf\x80\"]",
    "[\"\xf0\x9b\xbf\xbf\"]",
    "[\"asd \"]",
    "\" \"",
    "[\"\\uD834\\uDd1e\"]",
    "[\"\\u0821\"]",
    "[\"\\u0123\"]",
    "[\"\xe2\x80\xa8\"]",
    "[\"\xe2\x80\xa9\"]",
    "[\"\\u0061\\u30af\\u30EA\\u30b9\"]",
    "[\"new\\u000Aline\"]",
    "[\"\x7f\"]",
    "[\"\\uA66D\"]",
    "[\"\\u005C\"]",
    "[\"\xe2\x8d\x82\xe3\x88\xb4\"]",
    "[\"\\u0022\"]",
    "[\"\\uDBFF\\uDFFE\"]",
    "[\"\\uD83F\\uDFFE\"]",
    "[\"\\u200B\"]",
    "[\"\\u2064\"]",
    "[\"\\uFDD0\"]",
    "[\"\\uFFFE\"]",
    "[\"\xe2\x82\xac\xf0\x9d\x84\x9e\"]",
    "[\"aa\x7f\"]",
    "false",
    "42",
    "-0.1",
    "null",
    "\"asd\"",
    "true",
    "\"\"",
    "[\"a\"]\n",
    "[true]",
    " [] ",
    /* left open by the RFC; these are read */
    "[\"\\uDADA\"]",
    "[\"\\uD888\\u1234\"]",
    "[\"\\uD800\\uD800\\n\"]",
    "[\"\\uDFAA\"]",
    "[1e400]",
    "[-1e400]",
    "[123.456e-789]",
    "[100000000000000000000]",
    "\xEF\xBB\xBF{}",
};

/* n_ files, and what the RFC leaves open and we refuse. */
static const struct {
    const char *text;
    size_t n;
} refused[] = {
#define R(s)             \
    {                    \
        s, sizeof(s) - 1 \
    }
    R("[1 true]"),
    R("[a\xe5]"),
    R("[\"\": 1]"),
    R("[\"\"],"),
    R("[,1]"),
    R("[1,,2]"),
    R("[\"x\"]]"),
    R("[\"\",]"),
    R("[\"x\""),
    R("[x"),
    R("[3[4]]"),
    R("[\xff]"),
    R("[1:2]"),
    R("[,]"),
    R("[-]"),
    R("[   , \"\"]"),
    R("[\"a\",\n4\n,1,"),
    R("[1,]"),
    R("[1,,]"),
    R("[\"\va\"\\f]"),
    R("[*]"),
    R("[\"\""),
    R("[1,"),
    R("[1,\n1\n,1"),
    R("[{}"),
    R("[fals]"),
    R("[nul]"),
    R("[tru]"),
    R("123\0"),
    R("[++1234]"),
    R("[+1]"),
    R("[+Inf]"),
    R("[-01]"),
    R("[-1.0.]"),
    R("[-2.]"),
    R("[-NaN]"),
    R("[.-1]"),
    R("[.2e-3]"),
    R("[0.1.2]"),
    R("[0.3e+]"),
    R("[0.3e]"),
    R("[0.e1]"),
    R("[0E+]"),
    R("[0E]"),
    R("[0e+]"),
    R("[0e]"),
    R("[1.0e+]"),
    R("[1.0e-]"),
    R("[1.0e]"),
    R("[1 000.0]"),
    R("[1eE2]"),
    R("[2.e+3]"),
    R("[2.e-3]"),
    R("[2.e3]"),
    R("[9.e+]"),
    R("[Inf]"),
    R("[NaN]"),
    R("[1+2]"),
    R("[0x1]"),
    R("[0x42]"),
    R("[Infinity]"),
    R("[0e+-1]"),
    R("[-123.123foo]"),
    R("[123\xe5]"),
    R("[-Infinity]"),
    R("[-foo]"),
    R("[- 1]"),
    R("[-012]"),
    R("[-.123]"),
    R("[1ea]"),
    R("[1.]"),
    R("[.123]"),
    R("[1.2a-3]"),
    R("[1.8011670033376514H-308]"),
    R("[012]"),
    R("[\"x\", truth]"),
    R("{[: \"x\"}\n"),
    R("{\"x\", null}"),
    R("{\"x\"::\"b\"}"),
    R("{\"a\":\"a\" 123}"),
    R("{key: 'value'}"),
    R("{\"\xb9\":\"0\",}"),
    R("{\"a\" b}"),
    R("{:\"b\"}"),
    R("{\"a\" \"b\"}"),
    R("{\"a\":"),
    R("{\"a\""),
    R("{1:1}"),
    R("{9999E9999:1}"),
    R("{null:null,null:null}"),
    R("{\"id\":0,,,,,}"),
    R("{'a':0}"),
    R("{\"id\":0,}"),
    R("{\"a\":\"b\"}/**/"),
    R("{\"a\":\"b\"}#"),
    R("{\"a\":\"b\",,\"c\":\"d\"}"),
    R("{a: \"b\"}"),
    R("{\"a\":\"a"),
    R("{ \"foo\" : \"bar\", \"a\" }"),
    R("{\"a\":\"b\"}#{}"),
    R(" "),
    R("[\"\\uD800\\\"]"),
    R("[\"\\uD800\\u\"]"),
    R("[\"\\uD800\\u1\"]"),
    R("[\"\\uD800\\u1x\"]"),
    R("[\xc3\xa9]"),
    R("[\"\\x00\"]"),
    R("[\"\\\\\\\"]"),
    R("[\"\\\t\"]"),
    R("[\"\\\xf0\x9f\x8c\x80\"]"),
    R("[\"\\\"]"),
    R("[\"\\u00A\"]"),
    R("[\"\\uD834\\uDd\"]"),
    R("[\"\\uD800\\uD800\\x\"]"),
    R("[\"\\u\xe5\"]"),
    R("[\"\\a\"]"),
    R("[\"\\uqqqq\"]"),
    R("[\"\\\xe5\"]"),
    R("[\\u0020\"asd\"]"),
    R("[\\n]"),
    R("\""),
    R("['single quote']"),
    R("abc"),
    R("[\"\\"),
    R("[\"a\0a\"]"),
    R("[\"new\nline\"]"),
    R("[\"\t\"]"),
    R("\"\\UA66D\""),
    R("\"\"x"),
    R("<.>"),
    R("[<null>]"),
    R("[1]x"),
    R("[1]]"),
    R("[\"asd]"),
    R("aa\xc3\xa5"),
    R("[True]"),
    R("1]"),
    R("{\"x\": true,"),
    R("[][]"),
    R("]"),
    R("\xef\xbb{}"),
    R("\xe5"),
    R("["),
    R(""),
    R("[\0]"),
    R("2@"),
    R("{}}"),
    R("{\"\":"),
    R("{\"a\":/*comment*/\"b\"}"),
    R("{\"a\": true} \"x\""),
    R("['"),
    R("[,"),
    R("[{"),
    R("[\"a"),
    R("[\"a\""),
    R("{"),
    R("{]"),
    R("{,"),
    R("{["),
    R("{\"a"),
    R("{'a'"),
    R("[\"\\{[\"\\{[\"\\{[\"\\{"),
    R("*"),
    R("{\"a\":\"b\"}#{}"),
    R("[\\u000A\"\"]"),
    R("[1"),
    R("[ false, nul"),
    R("[ true, fals"),
    R("[ false, tru"),
    R("{\"asd\":\"asd\""),
    R("\xc3\xa5"),
    R("[\xe2\x81\xa0]"),
    R("[\x0c]"),
    /* invalid UTF-8 in strings: overlong, surrogate, cut, lone tail, past U+10FFFF */
    R("[\"\xc0\xaf\"]"),
    R("[\"\xed\xa0\x80\"]"),
    R("[\"\xe6\x97\"]"),
    R("[\"\x81\"]"),
    R("[\"\xf4\xbf\xbf\xbf\"]"),
    R("[\"\xff\"]"),
    R("{\"\xff\":1}"),
    R("[\"\xfc\x83\xbf\xbf\xbf\xbf\"]"),
#undef R
};

static void accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < LY_COUNT(accepted); i++) {
        parse(accepted[i]);
        assert_true(ly_json_valid(ly_str_c(accepted[i])));
    }
}

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < LY_COUNT(refused); i++) {
        ly_str text = ly_str_n(refused[i].text, refused[i].n);
        ly_json *doc = NULL;
        ly_err err = LY_ERR_INIT;
        if (ly_json_parse(text, &arena, &doc, &err) != LY_E_FORMAT || ly_json_valid(text)) {
            fail_msg("accepted: %s", refused[i].text);
        }
        assert_null(doc);
        assert_true(strncmp(err.text, "line ", 5) == 0);
    }
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\"],\"b\":{\"c\":null,\"d\":true}}";
    for (size_t n = 0; n + 1 < sizeof text - 1; n++) {
        ly_json *doc;
        assert_int_equal(ly_json_parse(ly_str_n(text, n), &arena, &doc, NULL), LY_E_FORMAT);
    }
}

static void integers_are_exact(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(ly_json_i64(parse("1763700000123456789"), &value));
    assert_int_equal(value, 1763700000123456789);
    assert_true(ly_json_i64(parse("9007199254740993"), &value));
    assert_int_equal(value, 9007199254740993);
    assert_true(ly_json_i64(parse("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    const ly_json *over = parse("9223372036854775808");
    assert_int_equal(over->kind, LY_JSON_REAL);
    assert_false(ly_json_i64(over, &value));
    assert_str(over->raw, "9223372036854775808");
    assert_true(ly_json_i64(parse("3.0"), &value));
    assert_int_equal(value, 3);
    assert_false(ly_json_i64(parse("3.5"), &value));
    assert_false(ly_json_i64(parse("\"3\""), &value));
    assert_true(ly_json_i64_lenient(parse("\"3\""), &value));
    assert_false(ly_json_i64_lenient(parse("\"3x\""), &value));
}

static void reals(void **state)
{
    (void)state;
    double value;
    assert_true(ly_json_double(parse("0.1"), &value) && value == 0.1);
    assert_true(ly_json_double(parse("5e-324"), &value) && value == 5e-324);
    assert_true(ly_json_double(parse("1.7976931348623157e308"), &value));
    assert_false(ly_json_double(parse("1e400"), &value));
    assert_true(isinf(parse("-1e400")->real) && parse("-1e400")->real < 0);
    ly_buf long_number;
    ly_buf_init(&long_number, 10000);
    ly_buf_c(&long_number, "-0.");
    ly_buf_fill(&long_number, '0', 600);
    ly_buf_c(&long_number, "125");
    ly_buf_fill(&long_number, '0', 600);
    ly_buf_c(&long_number, "e601");
    assert_true(ly_json_double(parse(ly_buf_text(&long_number)), &value));
    assert_true(value == -1.25);
    ly_buf_reset(&long_number);
    ly_buf_c(&long_number, "3");
    ly_buf_fill(&long_number, '0', 500);
    assert_true(isinf(parse(ly_buf_text(&long_number))->real));
    ly_buf_c(&long_number, ".5E-500");
    assert_true(ly_json_double(parse(ly_buf_text(&long_number)), &value) && value == 3.0);
    ly_buf_release(&long_number);
}

static void strings(void **state)
{
    (void)state;
    const ly_json *doc =
        parse("[\"a\\u0000b\",\"\\ud83d\\ude39\",\"\\ud83d!\",\"\\udc00\",\"plain\"]");
    ly_str s = ly_json_str(ly_json_at(doc, 0));
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.ptr, "a\0b", 3);
    assert_str(ly_json_str(ly_json_at(doc, 1)), "\xf0\x9f\x98\xb9");
    assert_str(ly_json_str(ly_json_at(doc, 2)), "\xef\xbf\xbd!");
    assert_str(ly_json_str(ly_json_at(doc, 3)), "\xef\xbf\xbd");
    assert_str(ly_json_str(ly_json_at(doc, 4)), "plain");
}

static void raw_is_the_exact_source(void **state)
{
    (void)state;
    const char *text =
        " [ {\"role\" : \"user\",\n \"content\":\"\\u00e9\"} ,1.50, \"x\\\"y\",[ ] , "
        "null,{ }]";
    const ly_json *doc = parse(text);
    assert_str(doc->raw, text + 1);
    assert_str(ly_json_at(doc, 0)->raw, "{\"role\" : \"user\",\n \"content\":\"\\u00e9\"}");
    assert_str(ly_json_path(doc, "0.content")->raw, "\"\\u00e9\"");
    assert_str(ly_json_path(doc, "0.role")->raw, "\"user\"");
    assert_str(ly_json_at(doc, 1)->raw, "1.50");
    assert_str(ly_json_at(doc, 2)->raw, "\"x\\\"y\"");
    assert_str(ly_json_at(doc, 3)->raw, "[ ]");
    assert_str(ly_json_at(doc, 4)->raw, "null");
    assert_str(ly_json_at(doc, 5)->raw, "{ }");
}

static void look_up(void **state)
{
    (void)state;
    const ly_json *doc = parse("{\"a\":1,\"b\":{\"c\":[10,20]},\"a\":3}");
    assert_int_equal(ly_json_get(doc, "a")->integer, 3);
    assert_int_equal(ly_json_path(doc, "b.c.1")->integer, 20);
    assert_null(ly_json_path(doc, "b.c.2"));
    assert_null(ly_json_path(doc, "b.x.y.z"));
    assert_null(ly_json_path(doc, "b.c.-1"));
    assert_int_equal(ly_json_count(doc), 3);
    assert_null(ly_json_get(NULL, "a"));
    assert_null(ly_json_get(parse("[1]"), "a"));
    assert_false(ly_str_given(ly_json_str(NULL)));
}

static void large_object_has_an_index(void **state)
{
    (void)state;
    ly_buf text;
    ly_buf_init(&text, 10000000);
    ly_buf_c(&text, "{");
    for (int i = 0; i < 50000; i++) {
        ly_buf_fmt(&text, "%s\"key%d\":%d", i ? "," : "", i % 40000, i);
    }
    ly_buf_c(&text, "}");
    const ly_json *doc = parse(ly_buf_text(&text));
    int64_t start = ly_mono_ns();
    for (int i = 0; i < 40000; i++) {
        char key[20];
        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(ly_json_get(doc, key)->integer, i < 10000 ? i + 40000 : i);
    }
    assert_null(ly_json_get(doc, "key40000"));
    /* Linear search would take some 40000 * 40000 / 2 comparisons: over two seconds. */
    assert_true(ly_mono_ns() - start < LY_NS_PER_SEC);
    ly_buf_release(&text);
}

static void depth_is_limited(void **state)
{
    (void)state;
    char text[2 * (LY_MAX_JSON_DEPTH + 1) + 1];
    ly_json *doc;
    ly_err err = LY_ERR_INIT;
    memset(text, '[', LY_MAX_JSON_DEPTH);
    memset(text + LY_MAX_JSON_DEPTH, ']', LY_MAX_JSON_DEPTH);
    assert_int_equal(ly_json_parse(ly_str_n(text, 2 * LY_MAX_JSON_DEPTH), &arena, &doc, NULL),
                     LY_OK);
    memset(text, '[', LY_MAX_JSON_DEPTH + 1);
    memset(text + LY_MAX_JSON_DEPTH + 1, ']', LY_MAX_JSON_DEPTH + 1);
    assert_int_equal(ly_json_parse(ly_str_n(text, sizeof text - 1), &arena, &doc, &err),
                     LY_E_LIMIT);
    assert_string_equal(err.text, "line 1, column 129: nested too deep");
}

static void errors_name_the_place(void **state)
{
    (void)state;
    ly_json *doc;
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_json_parse(LY_S("{\n \"a\": 1,\n \"b\" 2\n}"), &arena, &doc, &err),
                     LY_E_FORMAT);
    assert_string_equal(err.text, "line 3, column 6: the colon after a member name is missing");
    const char *text = "[1,\n2,\n\n{\"x\":true}]";
    assert_int_equal(ly_json_line(ly_json_path(parse(text), "2.x"), ly_str_c(text)), 4);
    assert_int_equal(ly_json_line(NULL, ly_str_c(text)), 0);
}

static void equality(void **state)
{
    (void)state;
    assert_true(ly_json_equal(parse("{\"a\":1,\"b\":[true,null]}"),
                              parse("{\"b\":[true,null],\"a\":1.0}")));
    assert_true(ly_json_equal(parse("{\"a\":0,\"a\":1}"), parse("{\"a\":1}")));
    assert_false(ly_json_equal(parse("{\"a\":1}"), parse("{\"a\":1,\"b\":2}")));
    assert_false(ly_json_equal(parse("9007199254740993"), parse("9007199254740992.0")));
    assert_true(ly_json_equal(parse("\"\\u0061\""), parse("\"a\"")));
    assert_false(ly_json_equal(parse("[1,2]"), parse("[2,1]")));
}

static void memory_failure_is_reported(void **state)
{
    (void)state;
    ly_arena small;
    ly_arena_init(&small, 256, 512);
    ly_json *doc = NULL;
    ly_buf text;
    ly_buf_init(&text, 100000);
    ly_buf_c(&text, "[0");
    for (int i = 0; i < 1000; i++) {
        ly_buf_c(&text, ",1");
    }
    ly_buf_c(&text, "]");
    assert_int_equal(ly_json_parse(ly_buf_view(&text), &small, &doc, NULL), LY_E_LIMIT);
    for (uint64_t n = 1; n < 6; n++) {
        ly_arena_release(&small);
        ly_arena_init(&small, 0, 0);
        ly_mem_fail_at(n, true);
        ly_status status = ly_json_parse(ly_buf_view(&text), &small, &doc, NULL);
        ly_mem_fail_at(0, false);
        assert_int_equal(status, LY_E_NOMEM);
    }
    ly_arena_release(&small);
    ly_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reals),
        cmocka_unit_test(strings),
        cmocka_unit_test(raw_is_the_exact_source),
        cmocka_unit_test(look_up),
        cmocka_unit_test(large_object_has_an_index),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(equality),
        cmocka_unit_test(memory_failure_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
