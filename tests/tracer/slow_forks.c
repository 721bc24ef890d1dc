/* A thousand forks under load, alone and beside another user of gRPC: see forking.h. */
#include "forking.h"

static void test_alone(void **state)
{
    (void)state;
    assert_true(many_forks(1000, 10, false) <= 20);
}

static void test_with_another_user_of_grpc(void **state)
{
    (void)state;
    assert_int_equal(many_forks(1000, 10, true), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone),
                                       cmocka_unit_test(test_with_another_user_of_grpc)};
    return cmocka_run_group_tests(tests, start_sink_process, stop_sink_process);
}
