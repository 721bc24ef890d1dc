/*
 * Two processes, one trace. The first starts the second with its trace context in the environment
 * (TRACEPARENT, which lydite_open reads by itself), as it would send headers to a service.
 *
 *   cc distributed/main.c $(pkg-config --cflags --libs lydite) -o distributed && lydite run -- ./distributed
 */
#include <lydite/tracer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int finish(lydite_tracer *t)
{
    lydite_stats stats = LYDITE_STATS_INIT;
    char text[LYDITE_TEXT_MAX];
    if (lydite_close(t, 5000, &stats) != LYDITE_OK)
        fprintf(stderr, "%s\n", lydite_stats_text(&stats, text, sizeof text));
    return 0;
}

/* The worker: an agent of its own, whose parent is a step of the other process. */
static int work(lydite_tracer *t)
{
    char region[32] = "unknown";
    lydite_span *agent = lydite_start(t, LYDITE_AGENT, "worker");
    (void)lydite_get_baggage(agent, "region", region, sizeof region);
    lydite_span *tool = lydite_start(t, LYDITE_TOOL, "count_words");
    lydite_set_tool_call(tool, "call-1", "{\"text\":\"one trace, two processes\"}");
    lydite_set_tool_result(tool, "4");
    lydite_set_str(tool, "region", region);
    lydite_end(tool);
    lydite_end(agent);
    return finish(t);
}

/* fork and exec: nothing of the tracer's is used between the two. */
static int delegate(lydite_tracer *t, char *self)
{
    lydite_span *agent = lydite_start(t, LYDITE_AGENT, "coordinator");
    lydite_span *step = lydite_start(t, LYDITE_STEP, "delegate");
    int status = -1;
    (void)lydite_set_baggage(step, "region", "eu west");
    lydite_inject_env(step, NULL, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", self, "worker", (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        lydite_set_error(step, "worker_failed", "the worker did not end well");
    lydite_end(step);
    lydite_end(agent);
    return finish(t);
}

int main(int argc, char **argv)
{
    lydite_tracer *t = NULL;
    lydite_error error;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    const int worker = argc > 1 && strcmp(argv[1], "worker") == 0;
    opts.service = worker ? "worker" : "coordinator";
    if (lydite_open(&opts, &t, &error) != LYDITE_OK)
        fprintf(stderr, "not traced: %s\n", error.text);
    return worker ? work(t) : delegate(t, argv[0]);
}
