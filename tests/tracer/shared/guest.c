/*
 * tracer_guest CASE: one way for a process to end, or one thing that a host does to a library. For
 * tests/e2e/guest.sh, which watches exit code, output and the exported file.
 */
#include <lydite/tracer.h>

#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lydite_tracer *t;

static void some(int n)
{
    for (int i = 0; i < n; i++) {
        lydite_span *span = lydite_start(t, LYDITE_STEP, "step");
        lydite_set_int(span, "i", i);
        lydite_end(span);
    }
}

static void *fifty(void *arg)
{
    sleep(1); /* so that the main thread has left */
    some(50);
    return arg;
}

static void *forever(void *arg)
{
    (void)arg;
    for (;;) {
        some(10);
        pthread_testcancel();
    }
    return NULL;
}

/* Signals, umask, locale and streams before and after everything the library does. */
static int manners(void)
{
    struct sigaction before[65], after;
    sigset_t mask, mask_after;
    umask(027);
    setlocale(LC_ALL, "C");
    for (int i = 1; i < 65; i++) {
        sigaction(i, NULL, &before[i]);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    some(100);
    lydite_flush(t, 3000, NULL);
    lydite_close(t, 3000, NULL);
    for (int i = 1; i < 65; i++) {
        sigaction(i, NULL, &after);
        if (after.sa_handler != before[i].sa_handler || after.sa_flags != before[i].sa_flags) {
            printf("signal %d was changed\n", i);
            return 1;
        }
    }
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    if (memcmp(&mask, &mask_after, sizeof mask) != 0 || umask(0) != 027 ||
        strcmp(setlocale(LC_ALL, NULL), "C") != 0) {
        printf("mask, umask or locale was changed\n");
        return 1;
    }
    return 0;
}

/* Opened, used and unloaded, as a plug-in would be. */
static int unload(const char *path)
{
    for (int i = 0; i < 3; i++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        lydite_tracer *mine = NULL;
        int (*open_it)(const lydite_options *, lydite_tracer **, lydite_error *) = NULL;
        lydite_span *(*start)(lydite_tracer *, lydite_type, const char *) = NULL;
        void (*end)(lydite_span *) = NULL;
        if (!library) {
            printf("%s\n", dlerror());
            return 1;
        }
        *(void **)&open_it = dlsym(library, "lydite_open");
        *(void **)&start = dlsym(library, "lydite_start");
        *(void **)&end = dlsym(library, "lydite_end");
        if (open_it(NULL, &mine, NULL)) {
            return 1;
        }
        end(start(mine, LYDITE_STEP, "step"));
        dlclose(library); /* its thread runs on */
        usleep(20000);
    }
    return 0;
}

/* SIGTERM is blocked by all threads, pending for two seconds, then waited for: nobody else takes it. */
static void *wait_for_term(void *arg)
{
    sigset_t set;
    int got = 0;
    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    kill(getpid(), SIGTERM);
    sleep(2);
    _exit(sigwait(&set, &got) == 0 && got == SIGTERM ? 7 : 1);
}

static void on_term(int signum)
{
    (void)signum;
    _exit(8); /* on a thread that is not the host's */
}

static void leave(const char *how)
{
    sigset_t set;
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (strcmp(how, "leave-wait") == 0) {
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        pthread_create(&thread, NULL, wait_for_term, NULL);
    } else if (strcmp(how, "leave-handler") == 0) {
        signal(SIGTERM, on_term);
    }
    pthread_exit(NULL); /* not closed; the exporter's thread lives on */
}

/* Live mode: an agent whose second step runs while standard input is open, beside an older trace. */
static int live(void)
{
    char line[8];
    lydite_start_options how = LYDITE_START_INIT;
    how.root = how.detached = true;
    /* A trace of its own, the first thing that this process does: nothing was sent before it. */
    lydite_span *old = lydite_start_with(t, LYDITE_WORKFLOW, "old", &how);
    how.detached = false;
    lydite_span *agent = lydite_start_with(t, LYDITE_AGENT, "live agent", &how);
    lydite_span *first = lydite_start(t, LYDITE_GENERATION, "first call");
    lydite_set_tokens(first, 100, 10);
    lydite_end(first);
    lydite_span *second = lydite_start(t, LYDITE_GENERATION, "second call");
    printf("running\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) {
        return 1;
    }
    lydite_set_tokens(second, 200, 20);
    lydite_end(second);
    lydite_end(agent);
    lydite_end(old);
    return lydite_close(t, 30000, NULL) != LYDITE_OK;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "unload") == 0) {
        return unload(argv[2]);
    }
    if (strcmp(what, "link") == 0) {
        return lydite_abi() != LYDITE_ABI; /* linked, never opened */
    }
    if (lydite_open(NULL, &t, NULL)) {
        return 2;
    }
    if (strcmp(what, "manners") == 0) {
        return manners();
    }
    if (strcmp(what, "leave-untraced") == 0) { /* the main thread has no part in the tracing */
        pthread_t thread;
        pthread_create(&thread, NULL, fifty, NULL);
        pthread_exit(NULL);
    }
    if (strcmp(what, "live") == 0) {
        return live();
    }
    some(50);
    if (strcmp(what, "exit") == 0) {
        exit(0); /* not closed: the flush at exit */
    } else if (strcmp(what, "_exit") == 0) {
        _exit(0);
    } else if (strcmp(what, "abort") == 0) {
        abort();
    } else if (strcmp(what, "term") == 0) {
        raise(SIGTERM);
    } else if (strncmp(what, "leave", 5) == 0) {
        leave(what);
    } else if (strcmp(what, "cancel") == 0) {
        for (int i = 0; i < 50; i++) {
            pthread_t thread;
            pthread_create(&thread, NULL, forever, NULL);
            usleep(2000);
            pthread_cancel(thread);
            pthread_join(thread, NULL);
        }
        lydite_stats s = LYDITE_STATS_INIT;
        (void)lydite_close(t, 1500, &s);
        uint64_t sum = s.acknowledged + s.rejected + s.spooled + s.queued + s.sending;
        for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
            sum += s.dropped[i];
        }
        return sum != s.ended;
    }
    return 0;
}
