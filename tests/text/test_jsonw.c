/* The JSON writer, numbers as text, the canonical form. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/num.h"
#include "text/hash.h"
#include "text/jsonw.h"

static ly_buf out;
static ly_arena arena;

static int setup(void **state)
{
    (void)state;
    ly_buf_init(&out, LY_MIB(1));
    ly_arena_init(&arena, 0, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_buf_release(&out);
    ly_arena_release(&arena);
    return 0;
}

static const ly_json *parse(const char *text)
{
    ly_json *doc;
    ly_err err = LY_ERR_INIT;
    if (ly_json_parse(ly_str_c(text), &arena, &doc, &err) != LY_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return doc;
}

static void write_sample(unsigned flags)
{
    ly_jsonw w;
    ly_buf_reset(&out);
    ly_jsonw_init(&w, &out, flags);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "a", "x\"\n\x01");
    ly_jsonw_key(&w, "b");
    ly_jsonw_array(&w);
    ly_jsonw_i64(&w, INT64_MIN);
    ly_jsonw_u64(&w, UINT64_MAX);
    ly_jsonw_double(&w, 0.1);
    ly_jsonw_double(&w, NAN);
    ly_jsonw_bool(&w, true);
    ly_jsonw_object(&w);
    ly_jsonw_object_end(&w);
    ly_jsonw_array(&w);
    ly_jsonw_array_end(&w);
    ly_jsonw_array_end(&w);
    ly_jsonw_key(&w, "c");
    ly_jsonw_raw(&w, LY_S("[1]"));
    ly_jsonw_kv_null(&w, "d");
    ly_jsonw_key(&w, "e");
    ly_jsonw_fmt(&w, "%d/%s", 7, "y");
    ly_jsonw_object_end(&w);
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_OK);
}

static void straight(void **state)
{
    (void)state;
    write_sample(0);
    assert_string_equal(ly_buf_text(&out),
                        "{\"a\":\"x\\\"\\n\\u0001\",\"b\":[-9223372036854775808,"
                        "18446744073709551615,0.1,null,true,{},[]],\"c\":[1],\"d\":null,"
                        "\"e\":\"7/y\"}");
}

static void indented(void **state)
{
    (void)state;
    write_sample(LY_JSONW_INDENT);
    assert_string_equal(
        ly_buf_text(&out),
        "{\n  \"a\": \"x\\\"\\n\\u0001\",\n  \"b\": [\n    -9223372036854775808,\n"
        "    18446744073709551615,\n    0.1,\n    null,\n    true,\n    {},\n    []\n"
        "  ],\n  \"c\": [1],\n  \"d\": null,\n  \"e\": \"7/y\"\n}");
}

static const char *string_text(ly_str s, unsigned flags)
{
    ly_jsonw w;
    ly_buf_reset(&out);
    ly_jsonw_init(&w, &out, flags);
    ly_jsonw_str(&w, s);
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_OK);
    return ly_buf_text(&out);
}

static void strings(void **state)
{
    (void)state;
    assert_string_equal(string_text(LY_S("\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\xb9 </x>&\x7f"), 0),
                        "\"\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\xb9 </x>&\\u007f\"");
    /* What a terminal would act on is never raw: DEL, C1, overrides of direction. */
    assert_string_equal(string_text(LY_S("\xc2\x9b"
                                         "2J\xe2\x80\xae\xe2\x81\xa6"),
                                    0),
                        "\"\\u009b2J\\u202e\\u2066\"");
    assert_string_equal(
        string_text(LY_S("\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\xb9\x7f"), LY_JSONW_ASCII),
        "\"\\u00e9 \\u2028 \\ud83d\\ude39\\u007f\"");
    assert_string_equal(string_text(LY_S("\xc3\xa9\xe2\x80\xa9</x>&"), LY_JSONW_SCRIPT),
                        "\"\xc3\xa9\\u2029\\u003c/x\\u003e\\u0026\"");
    assert_string_equal(string_text(LY_S("a\xff\xc0z"), 0), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
    assert_string_equal(string_text(LY_S("\xed\xa0\x80"), LY_JSONW_ASCII),
                        "\"\\ufffd\\ufffd\\ufffd\"");
    assert_string_equal(string_text(LY_STR_NONE, 0), "\"\"");
    ly_jsonw w;
    ly_buf_reset(&out);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_str(&w, LY_S("a\0b"));
    assert_string_equal(ly_buf_text(&out), "\"a\\u0000b\"");
}

static void misuse_is_seen(void **state)
{
    (void)state;
    ly_jsonw w;
    ly_buf_reset(&out);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_i64(&w, 1); /* no key */
    ly_jsonw_object_end(&w);
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_E_INTERNAL);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_array(&w);
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_E_INTERNAL);
    ly_jsonw_init(&w, &out, 0);
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_E_INTERNAL);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_array(&w);
    ly_jsonw_object_end(&w);
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_E_INTERNAL);
}

static void tree_round_trip(void **state)
{
    (void)state;
    const char *text = "{\"a\":[1,2.50,1e400,\"\\u0000\",null,true],\"a\":{\"b\":{}},\"n\":"
                       "123456789012345678901234567890}";
    ly_jsonw w;
    ly_buf_reset(&out);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_tree(&w, parse(text));
    assert_int_equal(ly_jsonw_end(&w, NULL), LY_OK);
    assert_string_equal(ly_buf_text(&out), text);
}

static const char *shortest(double value)
{
    static char text[LY_DOUBLE_TEXT_MAX];
    ly_double_put(value, text);
    return text;
}

static void doubles(void **state)
{
    (void)state;
    assert_string_equal(shortest(0.1), "0.1");
    assert_string_equal(shortest(1.0), "1.0");
    assert_string_equal(shortest(-0.0), "-0.0");
    assert_string_equal(shortest(100), "100.0");
    assert_string_equal(shortest(1e22), "1e+22");
    assert_string_equal(shortest(5e-324), "5e-324");
    assert_string_equal(shortest(2.0 / 3), "0.6666666666666666");
    assert_string_equal(shortest(NAN), "NaN");
    assert_string_equal(shortest(-INFINITY), "-Infinity");
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint64_t bits = seed ^ seed >> 29;
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            assert_true(ly_str_to_double(ly_str_c(shortest(value)), &back));
            assert_memory_equal(&back, &value, sizeof value);
        }
    }
}

static const char *canonical(const char *text)
{
    ly_buf_reset(&out);
    assert_int_equal(ly_json_canonical(parse(text), &out, NULL), LY_OK);
    return ly_buf_text(&out);
}

static void canonical_form(void **state)
{
    (void)state;
    char hex[LY_SHA256_HEX];
    /* reference/judges-and-statistics.md section 2.6 */
    const char *text = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                       "\"\xc3\xa9\\n\"}],\"temperature\":0,\"seed\":7}";
    ly_sha256_hex_of(ly_str_c(canonical(text)), hex);
    assert_string_equal(hex, "9609a04b85819df5915092cff2ba81dd7b4ce0e5d463964651043ba01db83099");
    assert_string_equal(canonical("{ \"b\":1.0,\"a\":1e3, \"aa\" :0.50,\"b\":-0.0,\"\\u00e9\":"
                                  "\"\\u2028\\u000b\\/\"}"),
                        "{\"a\":1000,\"aa\":0.5,\"b\":0,\"\xc3\xa9\":\"\xe2\x80\xa8\\u000b/\"}");
    assert_string_equal(canonical("[1763700000123456789,1e15,1.5e300]"),
                        "[1763700000123456789,1e+15,1.5e+300]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(straight),        cmocka_unit_test(indented),
        cmocka_unit_test(strings),         cmocka_unit_test(misuse_is_seen),
        cmocka_unit_test(tree_round_trip), cmocka_unit_test(doubles),
        cmocka_unit_test(canonical_form),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
