/* The wire primitives: every varint length, nested lengths at their limits, failure of the buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "otlp/encode.h"
#include "otlp/pb.h"

static void varints(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (1ULL << shift) + (uint64_t)(int64_t)delta, got = 0;
            uint8_t bytes[10];
            size_t n = ly_pb_varint_to(value, bytes);
            assert_int_equal(n, ly_pb_varint_size(value));
            const uint8_t *at = bytes;
            assert_true(ly_pb_varint(&at, bytes + n, &got));
            assert_true(got == value && at == bytes + n);
            for (size_t cut = 0; cut < n; cut++) {
                at = bytes;
                assert_false(ly_pb_varint(&at, bytes + cut, &got));
            }
        }
    }
    /* longer than needed is allowed, as long as the value fits */
    static const uint8_t padded[] = {0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    const uint8_t *at = padded;
    uint64_t got;
    assert_true(ly_pb_varint(&at, padded + sizeof padded, &got));
    assert_int_equal(got, 1);
}

static void fields(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 1000);
    ly_pb_put_uint(&out, 1, 300);
    ly_pb_put_int(&out, 2, -1);
    ly_pb_put_fixed64(&out, 3, 0x0102030405060708);
    ly_pb_put_fixed32(&out, 536870911, 0x01020304);
    ly_pb_put_double(&out, 5, -0.5);
    ly_pb_put_bytes(&out, 6, LY_STR_NONE);
    ly_pb_reader reader = ly_pb_read(ly_buf_view(&out));
    ly_pb_field field;
    assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
    assert_true(field.number == 1 && field.type == LY_PB_VARINT && field.value == 300);
    assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
    assert_true(field.number == 2 && (int64_t)field.value == -1);
    assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
    assert_true(field.type == LY_PB_FIXED64 && field.value == 0x0102030405060708);
    assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
    assert_true(field.number == 536870911 && field.value == 0x01020304);
    assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
    assert_true(ly_pb_double(field.value) == -0.5);
    assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
    assert_true(field.bytes.ptr != NULL && field.bytes.len == 0);
    assert_int_equal(ly_pb_next(&reader, &field), LY_PB_END);
    ly_buf_release(&out);
}

static void nested_lengths(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 126, 127, 128, 129, 16383, 16384, 2097151, 2097152};
    for (size_t i = 0; i < LY_COUNT(sizes); i++) {
        ly_buf out;
        ly_buf_init(&out, LY_MIB(8));
        ly_buf_c(&out, "before");
        size_t outer = ly_pb_open(&out, 1), inner = ly_pb_open(&out, 2000);
        ly_buf_fill(&out, 'x', sizes[i]);
        ly_pb_close(&out, inner);
        ly_pb_close(&out, outer);
        ly_buf_c(&out, "after");
        ly_str all = ly_buf_view(&out);
        assert_true(ly_str_starts(all, LY_S("before")) && ly_str_ends(all, LY_S("after")));
        ly_pb_reader reader = ly_pb_read(ly_str_sub(all, 6, all.len - 11));
        ly_pb_field field;
        assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
        assert_int_equal(field.number, 1);
        assert_true(reader.at == reader.end);
        reader = ly_pb_read(field.bytes);
        assert_int_equal(ly_pb_next(&reader, &field), LY_PB_FIELD);
        assert_int_equal(field.number, 2000);
        assert_int_equal(field.bytes.len, sizes[i]);
        for (size_t k = 0; k < field.bytes.len; k++) {
            assert_int_equal(field.bytes.ptr[k], 'x');
        }
        ly_buf_release(&out);
    }
}

static void a_full_buffer_stays_harmless(void **state)
{
    (void)state;
    for (size_t max = 0; max < 60; max++) {
        ly_buf out;
        ly_buf_init(&out, max);
        ly_kv deep = {LY_S("a key of some length"),
                      {.kind = LY_ANY_STRING, .str = LY_S("a value of some length")}};
        ly_any list = {.kind = LY_ANY_KVLIST};
        list.kvlist.items = &deep;
        list.kvlist.n = 1;
        ly_kv kv = {LY_S("k"), list};
        ly_otlp_put_kv(&out, 9, &kv);
        assert_int_equal(ly_buf_status(&out, "x", NULL), max < 59 ? LY_E_LIMIT : LY_OK);
        assert_true(out.len <= max);
        ly_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints),
        cmocka_unit_test(fields),
        cmocka_unit_test(nested_lengths),
        cmocka_unit_test(a_full_buffer_stays_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
