/* ly_doc: what cJSON alone would lose or let through, building, merging. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "text/doc.h"

static const char *text_of(const ly_doc *doc)
{
    static ly_buf out;
    ly_buf_release(&out);
    ly_buf_init(&out, LY_MIB(1));
    assert_int_equal(ly_doc_put(doc, 0, &out, NULL), LY_OK);
    return ly_buf_text(&out);
}

static ly_doc *parse(const char *text)
{
    ly_doc *doc;
    ly_err err = LY_ERR_INIT;
    if (ly_doc_parse(ly_str_c(text), &doc, &err) != LY_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return doc;
}

static void round_trip(const char *text, const char *want)
{
    ly_doc *doc = parse(text);
    assert_string_equal(text_of(doc), want);
    ly_doc_free(doc);
}

static void numbers_keep_their_digits(void **state)
{
    (void)state;
    round_trip(
        "[1763700000123456789,9007199254740993,-9223372036854775808,1e400,0.1,1.50,-0.0,1e2]",
        "[1763700000123456789,9007199254740993,-9223372036854775808,1e400,0.1,1.5,-0,100]");
    round_trip("123456789012345678901234567890", "123456789012345678901234567890");
    ly_doc *doc = parse("{\"a\":1763700000123456789,\"b\":2.5,\"c\":true,\"d\":\"x\",\"e\":null}");
    int64_t integer;
    double real;
    bool truth;
    assert_true(ly_doc_i64(ly_doc_get(doc, "a"), &integer));
    assert_int_equal(integer, 1763700000123456789);
    assert_true(ly_doc_double(ly_doc_get(doc, "b"), &real) && real == 2.5);
    assert_true(ly_doc_bool(ly_doc_get(doc, "c"), &truth) && truth);
    assert_true(ly_str_eqc(ly_doc_str(ly_doc_get(doc, "d")), "x"));
    assert_int_equal(ly_doc_kind(ly_doc_get(doc, "e")), LY_JSON_NULL);
    assert_null(ly_doc_get(doc, "D"));
    assert_null(ly_doc_get(NULL, "a"));
    assert_false(ly_doc_i64(NULL, &integer));
    ly_doc_free(doc);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":1}garbage",
                                        "{\"a\":1,\"a\":2}",
                                        "\"a\\u0000b\"",
                                        "{\"a\\u0000\":1}",
                                        "\"\xff\"",
                                        "[1,]",
                                        ""};
    for (size_t i = 0; i < LY_COUNT(texts); i++) {
        ly_doc *doc = NULL;
        ly_err err = LY_ERR_INIT;
        assert_int_not_equal(ly_doc_parse(ly_str_c(texts[i]), &doc, &err), LY_OK);
        assert_null(doc);
        assert_true(err.text[0] != 0);
    }
}

static void building(void **state)
{
    (void)state;
    ly_doc *doc = ly_doc_new_object();
    assert_int_equal(ly_doc_set_str(doc, "model", LY_S("m")), LY_OK);
    assert_int_equal(ly_doc_set_i64(doc, "seed", INT64_MAX), LY_OK);
    assert_int_equal(ly_doc_set_double(doc, "temperature", 0.1), LY_OK);
    assert_int_equal(ly_doc_set_double(doc, "bad", NAN), LY_E_INVALID);
    assert_int_equal(ly_doc_set_str(doc, "zero", LY_S("a\0b")), LY_E_INVALID);
    assert_int_equal(ly_doc_set_bool(doc, "stream", false), LY_OK);
    ly_doc *messages = ly_doc_put_array(doc, "messages");
    ly_doc *message = ly_doc_append_object(messages);
    assert_int_equal(ly_doc_set_str(message, "content", LY_S("\xc3\xa9\n")), LY_OK);
    assert_int_equal(ly_doc_append_str(messages, LY_S("x")), LY_OK);
    assert_int_equal(ly_doc_set_i64(doc, "seed", 7), LY_OK); /* replaced in place */
    assert_int_equal(ly_doc_set(messages, "x", ly_doc_new_object()), LY_E_INVALID);
    assert_int_equal(ly_doc_append(doc, ly_doc_new_object()), LY_E_INVALID);
    assert_string_equal(text_of(doc),
                        "{\"model\":\"m\",\"seed\":7,\"temperature\":0.1,\"stream\":false,"
                        "\"messages\":[{\"content\":\"\xc3\xa9\\n\"},\"x\"]}");
    ly_doc_remove(doc, "stream");
    ly_doc_remove(doc, "nothing");
    int n = 0;
    for (const ly_doc *child = ly_doc_first(doc); child; child = ly_doc_next(child)) {
        n++;
    }
    assert_int_equal(n, 4);
    assert_string_equal(ly_doc_name(ly_doc_first(doc)), "model");
    ly_doc_free(doc);
    ly_doc_free(NULL);
}

static void merging(void **state)
{
    (void)state;
    ly_doc *doc = parse("{\"a\":{\"b\":1,\"c\":2},\"d\":[1],\"e\":1}");
    ly_doc *patch =
        parse("{\"a\":{\"c\":null,\"x\":{\"y\":9}},\"d\":{\"z\":null,\"k\":1},\"e\":null}");
    assert_int_equal(ly_doc_merge(doc, patch), LY_OK);
    assert_string_equal(text_of(doc), "{\"a\":{\"b\":1,\"x\":{\"y\":9}},\"d\":{\"k\":1}}");
    ly_doc_free(doc);
    ly_doc_free(patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_their_digits),
        cmocka_unit_test(refusals),
        cmocka_unit_test(building),
        cmocka_unit_test(merging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
