/*
 * A whole evaluation run against a bare libcurl-multi loop on the same stub (DESIGN §9: ratio 0.90 at 50 ms
 * with 256 in flight; 100 MiB at 100,000 cases with 64 in flight).
 *
 *     bench_eval LYDITE [CASES [IN_FLIGHT [MS]]]
 *
 * Runs `LYDITE eval run` with one prompt and one check over CASES rows in a fresh database, with its spans
 * and with --no-trace; prints rates, ratios, CPU and the largest resident size.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "llm/llm.h"
#include "stub.h"

static bool write_files(const char *dir, int64_t cases)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/p.txt", dir);
    FILE *f = fopen(path, "w");
    if (!f || fprintf(f, "Answer in one sentence.\n\n{{question}}\n") < 0 || fclose(f) != 0) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/rows.csv", dir);
    f = fopen(path, "w");
    if (!f || fprintf(f, "question\n") < 0) {
        return false;
    }
    for (int64_t i = 0; i < cases; i++) {
        (void)fprintf(f, "%lld: ", (long long)i);
        for (int k = 0; k < 100; k++) {
            (void)fputs("ten bytes ", f);
        }
        (void)fputc('\n', f);
    }
    return fclose(f) == 0;
}

typedef struct run_result {
    double seconds, cpu_seconds;
    long rss_kib;
    int code;
} run_result;

static run_result run_eval(const char *lydite, const char *dir, const char *model, int64_t ahead,
                           bool trace)
{
    char db[300], prompt[300], rows[300], jobs[24];
    (void)snprintf(db, sizeof db, "%s/%s.db", dir, trace ? "trace" : "plain");
    (void)snprintf(prompt, sizeof prompt, "%s/p.txt", dir);
    (void)snprintf(rows, sizeof rows, "%s/rows.csv", dir);
    (void)snprintf(jobs, sizeof jobs, "%lld", (long long)ahead);
    int64_t from = ly_mono_ns();
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout)) {
            _exit(126);
        }
        (void)execl(lydite, lydite, "eval", "run", "--db", db, "--prompt", prompt, "--data", rows,
                    "--model", model, "--judge", "not-empty", "-j", jobs,
                    trace ? (char *)NULL : "--no-trace", (char *)NULL);
        _exit(127);
    }
    struct rusage used;
    int status = -1;
    (void)wait4(child, &status, 0, &used);
    run_result r = {.seconds = (double)(ly_mono_ns() - from) / 1e9,
                    .rss_kib = used.ru_maxrss,
                    .code = WIFEXITED(status) ? WEXITSTATUS(status) : -1};
    r.cpu_seconds = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
                    (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    return r;
}

static void print_run(const char *what, run_result r, int64_t cases, double bare)
{
    double rate_of = (double)cases / r.seconds;
    printf("%-12s %6.0f cases/s  ratio %.2f  %5.1f us CPU a case  %4.0f MiB  exit %d\n", what,
           rate_of, bare > 0 ? rate_of / bare : 0, r.cpu_seconds * 1e6 / (double)cases,
           (double)r.rss_kib / 1024, r.code);
}

int main(int argc, char **argv)
{
    int64_t cases = 20000, ahead = 256, ms = 50;
    int port = 0;
    if (argc < 2 || (argc > 2 && !ly_str_to_i64(ly_str_c(argv[2]), &cases)) ||
        (argc > 3 && !ly_str_to_i64(ly_str_c(argv[3]), &ahead)) ||
        (argc > 4 && !ly_str_to_i64(ly_str_c(argv[4]), &ms)) || cases < 1 || ahead < 1) {
        fprintf(stderr, "usage: bench_eval LYDITE [CASES [IN_FLIGHT [MS]]]\n");
        return 2;
    }
    char dir[] = "/tmp/bench_eval.XXXXXX", model[64], url[128];
    int listener = bench_stub_listen(0, &port);
    if (listener < 0 || !mkdtemp(dir) || !write_files(dir, cases)) {
        perror("bench_eval");
        return 3;
    }
    pid_t stub = fork();
    if (stub == 0) {
        bench_stub_serve(listener, ms * LY_NS_PER_MS);
    }
    (void)snprintf(model, sizeof model, "openai:stub@http://127.0.0.1:%d/v1", port);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/chat/completions", port);
    char body[1400];
    memset(body, ' ', sizeof body);
    rate bare = bench_bare(url, ly_str_n(body, 1200), (size_t)cases, (size_t)ahead);
    printf("%-12s %6.0f calls/s at %.1f us CPU, %lld in flight, %lld ms\n", "bare loop",
           bare.per_second, bare.cpu_us, (long long)ahead, (long long)ms);
    run_result traced = run_eval(argv[1], dir, model, ahead, true);
    print_run("eval run", traced, cases, bare.per_second);
    run_result plain = run_eval(argv[1], dir, model, ahead, false);
    print_run("--no-trace", plain, cases, bare.per_second);
    (void)kill(stub, SIGTERM);
    (void)waitpid(stub, NULL, 0);
    pid_t rm = fork();
    if (rm == 0) {
        (void)execlp("rm", "rm", "-rf", dir, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(rm, NULL, 0);
    return traced.code == 0 && plain.code == 0 ? 0 : 1;
}
