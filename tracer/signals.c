/*
 * Signals and the exporter's thread. It blocks all of them, as the threads of gRPC that it starts do: no
 * handler of the host ever runs there, and a host that blocks a signal to wait for it (sigwait, signalfd)
 * gets it.
 *
 * One case needs care. When the main thread has left by pthread_exit and all other threads of the host
 * have ended, the threads that remain are ours; SIGTERM then stays pending for ever and the process can
 * only be killed. So the exporter looks, twice a second once the main thread has left, whether a signal
 * that asks a process to end (SIGHUP, SIGINT, SIGQUIT, SIGTERM) is pending since the last look, has its
 * default action, and every living thread has exactly our mask, which no thread of a host has. Only then
 * it unblocks that signal, whose default action ends the process. A signal with a handler is left alone:
 * there is no thread left on which the host may want it to run.
 */
#include "tracer/engine.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/exporter_i.h"

#define LOOK_EVERY  (500 * LY_NS_PER_MS)
#define MAX_THREADS 4096

static const int enders[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

_Atomic bool ly_main_left;

bool ly_thread_is_main(void)
{
    return (pid_t)syscall(SYS_gettid) == getpid();
}

/* A small file of /proc as text; false when it cannot be read. */
static bool slurp(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static bool main_left(void)
{
    char text[512];
    if (atomic_load(&ly_main_left)) {
        return true;
    }
    /* A main thread that never traced tells us nothing when it leaves: "pid (name) Z ...". */
    if (slurp("/proc/self/stat", text, sizeof text)) {
        const char *name_end = strrchr(text, ')');
        if (name_end && strncmp(name_end, ") Z", 3) == 0) {
            atomic_store(&ly_main_left, true);
        }
    }
    return atomic_load(&ly_main_left);
}

/* A thread's state letter and the hexadecimal mask of what it blocks. */
static bool read_thread(const char *tid, char *ret_state, char ret_mask[32])
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/status", tid);
    if (!slurp(path, text, sizeof text)) {
        return false;
    }
    const char *state = strstr(text, "\nState:\t"), *mask = strstr(text, "\nSigBlk:\t");
    if (!state || !mask) {
        return false;
    }
    *ret_state = state[8];
    ly_str rest = ly_str_c(mask + 9), line;
    ly_str_split(&rest, '\n', &line);
    ly_str_copy(line, ret_mask, 32);
    return true;
}

/* Whether every living thread has this thread's mask. In doubt: no. */
static bool only_ours(void)
{
    char own[24], state, mine[32], mask[32];
    bool all = true;
    snprintf(own, sizeof own, "%ld", syscall(SYS_gettid));
    DIR *dir = read_thread(own, &state, mine) ? opendir("/proc/self/task") : NULL;
    if (!dir) {
        return false;
    }
    const struct dirent *entry;
    for (int i = 0; all && (entry = readdir(dir)) != NULL; i++) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        all = i < MAX_THREADS && read_thread(entry->d_name, &state, mask) &&
              (state == 'Z' || state == 'X' || strcmp(mask, mine) == 0);
    }
    closedir(dir);
    return all;
}

static bool default_action(int signum)
{
    struct sigaction now;
    return sigaction(signum, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
           now.sa_handler == SIG_DFL;
}

int64_t ly_exporter_signals(ly_exporter *e, int64_t now_ns)
{
    sigset_t pending, open;
    if (now_ns < e->look_at) {
        return atomic_load(&ly_main_left) ? LOOK_EVERY : INT64_MAX;
    }
    e->look_at = now_ns + LOOK_EVERY;
    if (!main_left() || sigpending(&pending) != 0) {
        return INT64_MAX;
    }
    sigemptyset(&open);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < LY_COUNT(enders); i++) {
        if (sigismember(&pending, enders[i]) == 1 && default_action(enders[i])) {
            seen |= 1u << i;
            if (e->signals_seen & (1u << i)) {
                sigaddset(&open, enders[i]);
            }
        }
    }
    if ((seen & e->signals_seen) && only_ours()) {
        pthread_sigmask(SIG_UNBLOCK, &open, NULL); /* the process ends here */
    }
    e->signals_seen = seen;
    return LOOK_EVERY;
}
