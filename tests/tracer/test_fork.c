/* Forks under load: see forking.h. slow_forks.c does a thousand. */
#include "forking.h"

static void test_alone(void **state)
{
    (void)state;
    assert_true(many_forks(40, 4, false) <= 2);
}

static void test_with_another_user_of_grpc(void **state)
{
    (void)state;
    assert_int_equal(many_forks(40, 4, true), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone),
                                       cmocka_unit_test(test_with_another_user_of_grpc)};
    return cmocka_run_group_tests(tests, start_sink_process, stop_sink_process);
}
