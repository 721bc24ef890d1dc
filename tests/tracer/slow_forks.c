/* A thousand forks under load, alone and beside another user of gRPC: see forking.h. */
#include "forking.h"

/* Where a fork waits as long as it takes, no child is off. */
static void test_alone(void **state)
{
    (void)state;
    assert_int_equal(many_forks(1000, 10, false, PATIENT_MS), 0);
}

/* Where it does not wait, a child may be off: then it says so; it delivers or it is off, it never hangs. */
static void test_impatient(void **state)
{
    (void)state;
    assert_in_range(many_forks(1000, 10, false, 1), 0, 100);
}

static void test_with_another_user_of_grpc(void **state)
{
    (void)state;
    assert_int_equal(many_forks(1000, 10, true, PATIENT_MS), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone),
                                       cmocka_unit_test(test_impatient),
                                       cmocka_unit_test(test_with_another_user_of_grpc)};
    return cmocka_run_group_tests(tests, start_sink_process, stop_sink_process);
}
