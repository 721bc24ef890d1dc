/* rpc/status: google.rpc.Status bytes and the retry table, against vectors made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "rpc/status.h"

static void writes_known_bytes(void **state)
{
    (void)state;
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT;
    msg.code = LY_RPC_UNAVAILABLE;
    msg.message = LY_S("busy");
    msg.retry_delay_ns = 1500 * LY_NS_PER_MS;
    ly_buf out;
    ly_buf_init(&out, 1024);
    ly_rpc_status_write(&out, &msg);
    /* code 14; message; one Any of 54 bytes: type url (40 bytes) and RetryInfo{Duration{1 s, 5e8 ns}} */
    static const char expect[] = "\x08\x0e\x12\x04"
                                 "busy"
                                 "\x1a\x36\x0a\x28"
                                 "type.googleapis.com/google.rpc.RetryInfo"
                                 "\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01";
    assert_int_equal(out.len, sizeof expect - 1);
    assert_memory_equal(out.ptr, expect, out.len);
    ly_rpc_status_msg back = LY_RPC_STATUS_MSG_INIT;
    assert_true(ly_rpc_status_read(ly_buf_view(&out), &back));
    assert_int_equal(back.code, LY_RPC_UNAVAILABLE);
    assert_true(ly_str_eqc(back.message, "busy"));
    assert_int_equal(back.retry_delay_ns, msg.retry_delay_ns);
    ly_buf_release(&out);
}

static void bad_request_comes_back(void **state)
{
    (void)state;
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT, back = LY_RPC_STATUS_MSG_INIT;
    msg.code = LY_RPC_INVALID_ARGUMENT;
    msg.bad_field = LY_S("body");
    msg.bad_reason = LY_S("truncated");
    ly_buf out;
    ly_buf_init(&out, 1024);
    ly_rpc_status_write(&out, &msg);
    assert_true(ly_rpc_status_read(ly_buf_view(&out), &back));
    assert_true(ly_str_eqc(back.bad_field, "body"));
    assert_true(ly_str_eqc(back.bad_reason, "truncated"));
    assert_int_equal(back.retry_delay_ns, -1);
    ly_buf_release(&out);
}

static void refuses_what_is_no_message(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x08", "\x12\x7f", "\x0b",
                                      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        ly_rpc_status_msg msg = {.code = 77};
        assert_false(ly_rpc_status_read(ly_str_c(bad[i]), &msg));
        assert_int_equal(msg.code, 77);
    }
}

/* §1.4 of the conventions reference, left table. */
static void retry_table(void **state)
{
    (void)state;
    static const bool retry[] = {false, true, false, false, true,  false, false, false, false,
                                 false, true, true,  false, false, true,  true,  false};
    for (int code = 0; code < (int)LY_COUNT(retry); code++)
        assert_int_equal(ly_rpc_retryable(code, LY_S(""), NULL), retry[code]);
    assert_false(ly_rpc_retryable(99, LY_S(""), NULL));
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT;
    msg.retry_delay_ns = 2 * LY_NS_PER_SEC;
    ly_buf out;
    ly_buf_init(&out, 1024);
    ly_rpc_status_write(&out, &msg);
    int64_t delay = 0;
    assert_true(ly_rpc_retryable(LY_RPC_RESOURCE_EXHAUSTED, ly_buf_view(&out), &delay));
    assert_int_equal(delay, 2 * LY_NS_PER_SEC);
    ly_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_known_bytes),
        cmocka_unit_test(bad_request_comes_back),
        cmocka_unit_test(refuses_what_is_no_message),
        cmocka_unit_test(retry_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
