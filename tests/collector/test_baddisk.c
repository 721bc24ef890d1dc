/*
 * Promise 1 and 2 with a disk that fails (tests/fault/badisk.c, LD_PRELOAD): a failed sync, a full disk.
 * No acknowledgement follows, clients get a retryable status, work resumes when the disk is well, and
 * everything acknowledged is there.
 */
#include "process.h"

static char fault_path[128];

static void set_fault(const char *what)
{
    char temporary[160];
    if (!what) {
        (void)unlink(fault_path);
        return;
    }
    snprintf(temporary, sizeof temporary, "%s.new", fault_path);
    FILE *file = fopen(temporary, "we");
    assert_non_null(file);
    fputs(what, file);
    fclose(file);
    assert_int_equal(rename(temporary, fault_path), 0);
}

static process *start_with_fault(void)
{
    process *p = ly_calloc(1, sizeof *p);
    char library[512];
    assert_non_null(p);
    kit_dir(&p->k);
    snprintf(fault_path, sizeof fault_path, "%s/fault", p->k.dir);
    const char *build = getenv("BUILD");
    snprintf(library, sizeof library, "%s/lib/liblydite_badisk.so", build ? build : "build");
    if (access(library, R_OK))
        fail_msg("%s is not there", library);
    setenv("LYDITE_BADISK", fault_path, 1);
    setenv("LD_PRELOAD", library, 1);
    process_start(p);
    unsetenv("LD_PRELOAD");
    return p;
}

static void end(process *p)
{
    set_fault(NULL);
    process_end(p, SIGTERM);
    (void)process_verify(p);
    kit_end(&p->k);
    ly_free(p);
}

static int one(process *p, uint64_t number, bool *retryable)
{
    process_send(p, number);
    return process_answer(p, retryable);
}

/* Sends until it is acknowledged, as a client would. */
static void until_acked(process *p, uint64_t number)
{
    int64_t until = ly_mono_ns() + 20 * LY_NS_PER_SEC;
    bool retryable = false;
    while (one(p, number, &retryable) != LY_RPC_OK) {
        assert_true(retryable);
        assert_true(ly_mono_ns() < until);
        usleep(20000);
    }
}

static void ready_is(process *p, int want)
{
    int code = 0;
    int64_t until = ly_mono_ns() + 5 * LY_NS_PER_SEC;
    while (code != want && ly_mono_ns() < until) {
        code = kit_get(&p->k, "/readyz", NULL);
        if (code != want)
            usleep(10000);
    }
    assert_int_equal(code, want);
}

static void a_failing_sync_is_never_acknowledged(void **state)
{
    (void)state;
    process *p = start_with_fault();
    until_acked(p, ++p->sent);
    set_fault("sync");
    for (int i = 0; i < 5; i++) {
        bool retryable = false;
        int code = one(p, ++p->sent, &retryable);
        assert_int_not_equal(code, LY_RPC_OK);
        assert_true(retryable);
    }
    ready_is(p, 503);
    set_fault(NULL);
    for (uint64_t number = 1; number <= p->sent; number++)
        until_acked(p, number);
    ready_is(p, 200);
    end(p);
}

static void one_failed_sync_is_not_forgotten(void **state)
{
    (void)state;
    process *p = start_with_fault();
    for (int round = 0; round < 5; round++) {
        bool retryable = true;
        until_acked(p, ++p->sent);
        set_fault("once");
        uint64_t number = ++p->sent;
        int code = one(p, number, &retryable);
        if (access(fault_path, F_OK) ==
            0) /* a checkpoint or another sync may have taken it first */
            assert_int_equal(code, LY_RPC_OK);
        else if (code != LY_RPC_OK)
            assert_true(retryable);
        until_acked(p, number);
        /* What is acknowledged now must survive a kill. */
        kill(p->pid, SIGKILL);
        process_end(p, SIGKILL);
        (void)process_verify(p);
        set_fault(NULL);
        char library[512];
        snprintf(library, sizeof library, "%s/lib/liblydite_badisk.so",
                 getenv("BUILD") ? getenv("BUILD") : "build");
        setenv("LD_PRELOAD", library, 1);
        process_start(p);
        unsetenv("LD_PRELOAD");
    }
    end(p);
}

static void a_full_disk_is_retryable_and_work_resumes(void **state)
{
    (void)state;
    process *p = start_with_fault();
    until_acked(p, ++p->sent);
    set_fault("full");
    int refused = 0;
    for (int i = 0; i < 60 && refused < 5; i++) {
        bool retryable = false;
        int code = one(p, ++p->sent, &retryable);
        if (code != LY_RPC_OK) {
            assert_int_equal(code, LY_RPC_UNAVAILABLE);
            assert_true(retryable);
            refused++;
        }
    }
    assert_int_equal(refused, 5);
    int code = kit_post(&p->k, "/v1/traces", KIT_JSON, LY_S("{}"));
    assert_int_equal(code, 200); /* nothing to store */
    set_fault(NULL);
    for (uint64_t number = 1; number <= p->sent; number++)
        until_acked(p, number);
    ready_is(p, 200);
    end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_sync_is_never_acknowledged),
        cmocka_unit_test(one_failed_sync_is_not_forgotten),
        cmocka_unit_test(a_full_disk_is_retryable_and_work_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
