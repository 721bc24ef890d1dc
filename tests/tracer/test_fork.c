/* Forks under load: see forking.h. slow_forks.c does a thousand. */
#include "forking.h"

/* Where a fork waits as long as it takes, no child is off. */
static void test_alone(void **state)
{
    (void)state;
    assert_int_equal(many_forks(40, 4, false, PATIENT_MS), 0);
}

/* Where it does not wait, a child may be off: then it says so; it delivers or it is off, it never hangs. */
static void test_impatient(void **state)
{
    (void)state;
    assert_in_range(many_forks(40, 4, false, 1), 0, 10);
}

static void test_with_another_user_of_grpc(void **state)
{
    (void)state;
    assert_int_equal(many_forks(40, 4, true, PATIENT_MS), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone),
                                       cmocka_unit_test(test_impatient),
                                       cmocka_unit_test(test_with_another_user_of_grpc)};
    return cmocka_run_group_tests(tests, start_sink_process, stop_sink_process);
}
