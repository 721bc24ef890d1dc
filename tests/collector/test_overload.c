/*
 * Overload, short: three times what the collector acknowledges, offered for some seconds without waiting.
 * Its memory must stay near that of the steady load, refusals must be retryable, nothing acknowledged may be
 * lost, and it must go on acknowledging. Rates are printed; they gate only where even a busy machine must
 * reach them.
 */
#include "process.h"

#define STEADY_NS   (2 * LY_NS_PER_SEC)
#define OVERLOAD_NS (4 * LY_NS_PER_SEC)
#define MAX_OPEN    1500

static long rss_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        (void)sscanf(line, "VmRSS: %ld", &kib);
    fclose(file);
    return kib;
}

typedef struct phase {
    size_t acked, refused;
    long rss_max;
    double seconds;
} phase;

static void take(process *p, phase *ph, int64_t wait_ns)
{
    ly_rpc_reply reply;
    if (ly_rpc_channel_wait(p->k.channel, wait_ns, &reply) != LY_OK)
        return;
    if (reply.code == LY_RPC_OK) {
        p->acked[(uintptr_t)reply.token] = 1;
        ph->acked++;
    } else {
        assert_true(ly_rpc_retryable(reply.code, reply.details, NULL));
        ph->refused++;
    }
    ly_rpc_reply_release(&reply);
}

/* Offers `rate` requests a second (0 = four in flight, as they are answered). */
static phase run(process *p, int64_t length_ns, double rate)
{
    phase ph = {0};
    int64_t start = ly_mono_ns(), now = start;
    size_t offered = 0;
    while ((now = ly_mono_ns()) - start < length_ns) {
        size_t open = ly_rpc_channel_in_flight(p->k.channel);
        bool due = rate > 0
                       ? (double)offered < rate * (double)(now - start) / 1e9 && open < MAX_OPEN
                       : open < 4;
        if (due) {
            process_send(p, ++p->sent);
            offered++;
        }
        take(p, &ph, due ? 0 : LY_NS_PER_MS);
        if (offered % 16 == 0) {
            long rss = rss_kib(p->pid);
            ph.rss_max = rss > ph.rss_max ? rss : ph.rss_max;
        }
    }
    ph.seconds = (double)(ly_mono_ns() - start) / 1e9;
    while (ly_rpc_channel_in_flight(p->k.channel) > 0) {
        phase rest = {0};
        take(p, &rest, LY_NS_PER_SEC);
        ph.refused += rest.refused;
    }
    return ph;
}

static void three_times_too_much(void **state)
{
    (void)state;
    process *p = ly_calloc(1, sizeof *p);
    assert_non_null(p);
    kit_dir(&p->k);
    process_start(p);
    (void)run(p, LY_NS_PER_SEC, 0); /* caches and pools fill */
    phase steady = run(p, STEADY_NS, 0);
    double peak = (double)steady.acked / steady.seconds;
    phase over = run(p, OVERLOAD_NS, 3 * peak);
    double good = (double)over.acked / over.seconds;
    print_message("steady %.0f/s, %ld KiB; overload %.0f/s acknowledged, %zu refused, %ld KiB\n",
                  peak, steady.rss_max, good, over.refused, over.rss_max);
    /* The byte budget is the only thing that may grow. */
    assert_true(over.rss_max < steady.rss_max * 12 / 10 + 64 * 1024);
    assert_true(good > 0.3 * peak);
    phase after = run(p, LY_NS_PER_SEC, 0);
    assert_true(after.acked > 0);
    assert_int_equal(after.refused, 0);
    process_end(p, SIGTERM);
    assert_true(process_verify(p) > 0);
    kit_end(&p->k);
    ly_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(three_times_too_much)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
