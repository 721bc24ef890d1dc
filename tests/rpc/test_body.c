/* Where received messages lie: in one piece, in pages that are used again. */
#include <grpc/grpc.h>
#include <grpc/slice.h>

#include "base/limits.h"
#include "base/mem.h"
#include "rpc/body.h"
#include "test.h"

/* A message of `len` bytes in slices of `step`; byte i is i * 31 + seed. */
static grpc_byte_buffer *message_of(size_t len, size_t step, unsigned seed)
{
    size_t n = len ? (len + step - 1) / step : 0;
    grpc_slice *slices = ly_calloc(n + 1, sizeof *slices);
    assert_non_null(slices);
    for (size_t k = 0; k < n; k++) {
        size_t from = k * step, size = len - from < step ? len - from : step;
        slices[k] = grpc_slice_malloc(size);
        for (size_t i = 0; i < size; i++)
            GRPC_SLICE_START_PTR(slices[k])[i] = (uint8_t)((from + i) * 31 + seed);
    }
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(slices, n);
    for (size_t k = 0; k < n; k++)
        grpc_slice_unref(slices[k]);
    ly_free(slices);
    return message;
}

static ly_rpc_body taken(ly_rpc_bodies *bodies, size_t len, size_t step, unsigned seed)
{
    ly_rpc_body body = {0};
    grpc_byte_buffer *message = message_of(len, step, seed);
    assert_true(ly_rpc_body_take(bodies, message, &body));
    grpc_byte_buffer_destroy(message);
    assert_int_equal(body.len, len);
    size_t wrong = 0;
    for (size_t i = 0; i < len; i++)
        wrong += (uint8_t)body.ptr[i] != (uint8_t)(i * 31 + seed);
    assert_int_equal(wrong, 0);
    return body;
}

static void holds_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 8192, LY_MIB(1) - 1, LY_MIB(1), LY_MIB(2), LY_MIB(5) + 3};
    ly_rpc_bodies bodies = {.lock = PTHREAD_MUTEX_INITIALIZER};
    for (size_t i = 0; i < LY_COUNT(sizes); i++) {
        ly_rpc_body body = taken(&bodies, sizes[i], 8192, (unsigned)i);
        ly_rpc_body_give(&bodies, &body);
        assert_null(body.ptr);
        ly_rpc_body_give(&bodies, &body); /* nothing is given twice */
    }
    ly_rpc_bodies_rest(&bodies);
    assert_int_equal(bodies.n, 0);
}

static void pages_are_used_again(void **state)
{
    (void)state;
    ly_rpc_bodies bodies = {.lock = PTHREAD_MUTEX_INITIALIZER};
    ly_rpc_body one = taken(&bodies, LY_MIB(3), 65536, 1),
                two = taken(&bodies, LY_MIB(7), 65536, 2);
    char *small = one.ptr, *large = two.ptr;
    ly_rpc_body_give(&bodies, &two);
    ly_rpc_body_give(&bodies, &one);
    one = taken(&bodies, LY_MIB(2), 100000, 3); /* the smallest that it fits into */
    assert_ptr_equal(one.ptr, small);
    two = taken(&bodies, LY_MIB(6), 100000, 4);
    assert_ptr_equal(two.ptr, large);
    ly_rpc_body_give(&bodies, &one);
    ly_rpc_body_give(&bodies, &two);
    ly_rpc_body huge = taken(&bodies, LY_MIB(40), 1 << 20, 5); /* too much to keep */
    ly_rpc_body_give(&bodies, &huge);
    assert_int_equal(bodies.n, 2);
    ly_rpc_bodies_rest(&bodies);
    assert_int_equal(bodies.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_every_size),
        cmocka_unit_test(pages_are_used_again),
    };
    grpc_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    grpc_shutdown_blocking();
    return failed;
}
