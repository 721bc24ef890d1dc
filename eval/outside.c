/* Commands and URLs: see outside.h. */
#include "eval/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/http.h"
#include "text/json.h"

enum { MAX_JOBS = 256, MAX_OUTPUT = 4 << 20, MAX_STDERR = 4096, TIMEOUT_MS = 600000 };

typedef struct child {
    pid_t pid;
    int in, out, err; /* our ends, -1 = closed */
    ly_buf input, output, trouble;
    size_t sent;
    int64_t started_ns;
    const char *killed; /* why, or NULL */
    ly_outside_fn fn;
    void *user;
} child;

typedef struct url_call {
    ly_outside *o;
    int64_t started_ns;
    ly_outside_fn fn;
    void *user;
} url_call;

struct ly_outside {
    size_t jobs;
    int64_t timeout_ms;
    child *children[MAX_JOBS];
    size_t n;
    ly_http *http;
    size_t n_urls;
};

ly_status ly_outside_new(size_t jobs, int64_t timeout_ms, ly_outside **ret, ly_err *err)
{
    ly_outside *o = ly_calloc(1, sizeof *o);
    if (!o) {
        return LY_NOMEM(err);
    }
    o->jobs = jobs == 0 ? 4 : jobs > MAX_JOBS ? MAX_JOBS : jobs;
    o->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS;
    *ret = o;
    return LY_OK;
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void child_free(child *c)
{
    close_end(&c->in);
    close_end(&c->out);
    close_end(&c->err);
    ly_buf_release(&c->input);
    ly_buf_release(&c->output);
    ly_buf_release(&c->trouble);
    ly_free(c);
}

static void child_kill(child *c, const char *why)
{
    if (!c->killed) {
        c->killed = why;
        (void)kill(-c->pid, SIGKILL);
    }
}

void ly_outside_free(ly_outside *o)
{
    if (!o) {
        return;
    }
    for (size_t i = 0; i < o->n; i++) {
        child_kill(o->children[i], "stopped");
        (void)waitpid(o->children[i]->pid, NULL, 0);
        child_free(o->children[i]);
    }
    if (o->http) {
        ly_http_cancel(o->http);
        ly_http_free(o->http);
    }
    ly_free(o);
}

/* The answer out of what was said. */
static void answer(ly_outside_fn fn, void *user, ly_str said, ly_str error, int64_t started_ns)
{
    ly_arena arena;
    ly_json *doc = NULL;
    while (said.len && strchr(" \t\r\n", said.ptr[said.len - 1])) {
        said.len--;
    }
    ly_outside_answer a = {.ok = error.len == 0,
                           .output = said,
                           .error = error,
                           .duration_ns = ly_mono_ns() - started_ns};
    ly_arena_init(&arena, 0, LY_MIB(64));
    if (a.ok && said.len && said.ptr[0] == '{' &&
        ly_json_parse(said, &arena, &doc, NULL) == LY_OK) {
        const ly_json *output = ly_json_get(doc, "output");
        a.output = ly_json_is(output, LY_JSON_STRING) ? output->str : said;
    }
    fn(user, &a);
    ly_arena_release(&arena);
}

void ly_outside_cancel(ly_outside *o)
{
    while (o && o->n > 0) {
        child *c = o->children[--o->n];
        child_kill(c, "stopped");
        (void)waitpid(c->pid, NULL, 0);
        answer(c->fn, c->user, LY_STR_NONE, LY_S("stopped"), c->started_ns);
        child_free(c);
    }
    if (o && o->http) {
        ly_http_cancel(o->http);
    }
}

bool ly_outside_room(const ly_outside *o)
{
    return o->n + o->n_urls < o->jobs;
}

size_t ly_outside_pending(const ly_outside *o)
{
    return o->n + o->n_urls;
}

/* ---- commands -------------------------------------------------------------------------------------- */

/* In the child, between fork and exec: async-signal-safe calls only. */
static void run_child(const char *command, char *const env[], int in, int out, int err)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)setpgid(0, 0);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
        _exit(126);
    }
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    (void)execve("/bin/sh", argv, env);
    _exit(127);
}

extern char **environ;

/* Our environment with TRACEPARENT set. The array is the caller's to free, the strings are not. */
static char **environment(char *traceparent)
{
    size_t n = 0, kept = 0;
    while (environ[n]) {
        n++;
    }
    char **env = ly_calloc(n + 2, sizeof *env);
    for (size_t i = 0; env && i < n; i++) {
        if (!*traceparent || strncmp(environ[i], "TRACEPARENT=", 12) != 0) {
            env[kept++] = environ[i];
        }
    }
    if (env && *traceparent) {
        env[kept] = traceparent;
    }
    return env;
}

static ly_status start(child *c, const char *command, char *traceparent, ly_err *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, trouble[2] = {-1, -1};
    char **env = environment(traceparent);
    bool good = env && pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
                pipe2(trouble, O_CLOEXEC) == 0;
    c->pid = good ? fork() : -1;
    if (c->pid == 0) {
        run_child(command, env, in[0], out[1], trouble[1]);
    }
    int saved = errno;
    close_end(&in[0]);
    close_end(&out[1]);
    close_end(&trouble[1]);
    c->in = in[1];
    c->out = out[0];
    c->err = trouble[0];
    ly_free(env);
    if (c->pid < 0) {
        return LY_FAIL(err, LY_E_IO, "a command cannot be started: %s", strerror(saved));
    }
    (void)setpgid(c->pid, c->pid); /* also here: kill may come before the child gets to it */
    (void)fcntl(c->in, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->out, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->err, F_SETFL, O_NONBLOCK);
    return LY_OK;
}

ly_status ly_outside_command(ly_outside *o, ly_str command, ly_str row, const char *traceparent,
                             ly_outside_fn fn, void *user, ly_err *err)
{
    char variable[80];
    if (!ly_outside_room(o)) {
        return LY_FAIL(err, LY_E_BUSY, "as many commands run as may");
    }
    child *c = ly_calloc(1, sizeof *c);
    char *text = ly_str_dup(command);
    ly_status st = c && text ? LY_OK : LY_NOMEM(err);
    if (!st) {
        *c = (child){.in = -1, .out = -1, .err = -1, .fn = fn, .user = user};
        c->started_ns = ly_mono_ns();
        ly_buf_init(&c->input, LY_MAX_ROW_BYTES * 2 + 2);
        ly_buf_init(&c->output, MAX_OUTPUT);
        ly_buf_init(&c->trouble, MAX_STDERR);
        ly_buf_str(&c->input, row);
        ly_buf_char(&c->input, '\n');
        (void)snprintf(variable, sizeof variable, "%s%s", *traceparent ? "TRACEPARENT=" : "",
                       traceparent);
        st = ly_buf_status(&c->input, "row", err);
    }
    if (!st) {
        st = start(c, text, variable, err);
    }
    ly_free(text);
    if (st) {
        if (c) {
            child_free(c);
        }
        return st;
    }
    o->children[o->n++] = c;
    return LY_OK;
}

/* write without SIGPIPE, whose meaning is the host's: a command need not read its input. */
static ssize_t write_quietly(int fd, const char *bytes, size_t n)
{
    sigset_t pipe_signal, before;
    const struct timespec at_once = {0, 0};
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t done = write(fd, bytes, n);
    int saved = errno;
    if (done < 0 && saved == EPIPE) {
        (void)sigtimedwait(&pipe_signal, NULL, &at_once);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return done;
}

static void feed(child *c)
{
    while (c->in >= 0) {
        ssize_t n = write_quietly(c->in, c->input.ptr + c->sent, c->input.len - c->sent);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        c->sent += n > 0 ? (size_t)n : 0;
        if (n < 0 || c->sent == c->input.len) {
            close_end(&c->in);
        }
    }
}

static void drain(int *fd, ly_buf *to)
{
    char bytes[16384];
    while (*fd >= 0) {
        ssize_t n = read(*fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            close_end(fd);
            return;
        }
        if (!to->failed) {
            ly_buf_add(to, bytes, (size_t)n);
        }
    }
}

/* True when it is over and was told. */
static bool finish(ly_outside *o, size_t at)
{
    child *c = o->children[at];
    int status = 0;
    char line[512];
    pid_t got = waitpid(c->pid, &status, WNOHANG);
    if (got == 0) {
        return false;
    }
    drain(&c->out, &c->output); /* what a child of it still holds open is not waited for */
    drain(&c->err, &c->trouble);
    (void)kill(-c->pid, SIGKILL); /* nor left behind */
    ly_str tail = ly_str_trim(ly_buf_view(&c->trouble));
    size_t cut = tail.len > 200 ? tail.len - 200 : 0;
    tail = ly_str_sub(tail, cut, SIZE_MAX);
    line[0] = '\0';
    if (c->killed) {
        (void)snprintf(line, sizeof line, "%s", c->killed);
    } else if (c->output.failed) {
        (void)snprintf(line, sizeof line, "command: it answered more than %d bytes", MAX_OUTPUT);
    } else if (got < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)snprintf(line, sizeof line, "command: %s %d%s%.*s",
                       got > 0 && WIFSIGNALED(status) ? "signal" : "exit",
                       got < 0               ? -1
                       : WIFSIGNALED(status) ? WTERMSIG(status)
                                             : WEXITSTATUS(status),
                       tail.len ? ": " : "", LY_STR_ARG(tail));
    }
    o->children[at] = o->children[--o->n];
    answer(c->fn, c->user, ly_buf_view(&c->output), ly_str_c(line), c->started_ns);
    child_free(c);
    return true;
}

static void turn(ly_outside *o)
{
    int64_t now = ly_mono_ns();
    for (size_t i = 0; i < o->n;) {
        child *c = o->children[i];
        feed(c);
        drain(&c->out, &c->output);
        drain(&c->err, &c->trouble);
        if (c->output.failed) {
            child_kill(c, "command: it answers without end");
        }
        if (now - c->started_ns > o->timeout_ms * LY_NS_PER_MS) {
            child_kill(c, "timeout: the command ran into the time limit");
        }
        i += finish(o, i) ? 0 : 1;
    }
}

static void wait_for_children(ly_outside *o, int64_t timeout_ms)
{
    struct pollfd fds[MAX_JOBS * 3];
    nfds_t n = 0;
    for (size_t i = 0; i < o->n; i++) {
        child *c = o->children[i];
        if (c->in >= 0) {
            fds[n++] = (struct pollfd){.fd = c->in, .events = POLLOUT};
        }
        if (c->out >= 0) {
            fds[n++] = (struct pollfd){.fd = c->out, .events = POLLIN};
        }
        if (c->err >= 0) {
            fds[n++] = (struct pollfd){.fd = c->err, .events = POLLIN};
        }
    }
    /* A child that closed its ends is awaited by time alone. */
    (void)poll(fds, n, (int)(timeout_ms > 20 ? 20 : timeout_ms));
}

/* ---- URLs -------------------------------------------------------------------------------------------- */

static void on_url(void *user, const ly_http_reply *reply)
{
    url_call *u = user;
    char line[512];
    line[0] = '\0';
    if (reply->error) {
        (void)snprintf(line, sizeof line, "%s: %s",
                       reply->error == LY_HTTP_TIMEOUT     ? "timeout"
                       : reply->error == LY_HTTP_CANCELLED ? "stopped"
                                                           : "network",
                       reply->error_text);
    } else if (reply->status < 200 || reply->status > 299) {
        ly_str body = ly_str_trim(ly_str_sub(reply->body, 0, 200));
        (void)snprintf(line, sizeof line, "url: it answered %d%s%.*s", reply->status,
                       body.len ? ": " : "", LY_STR_ARG(body));
    }
    u->o->n_urls--;
    answer(u->fn, u->user, reply->body, ly_str_c(line), u->started_ns);
    ly_free(u);
}

ly_status ly_outside_url(ly_outside *o, ly_str url, ly_str row, const char *traceparent,
                         ly_outside_fn fn, void *user, ly_err *err)
{
    char parent[96];
    ly_http_opts opts = {.ceiling = o->jobs, .fixed = true};
    ly_status st = o->http ? LY_OK : ly_http_new(&opts, &o->http, err);
    url_call *u = st ? NULL : ly_calloc(1, sizeof *u);
    char *address = st ? NULL : ly_str_dup(url);
    if (!st && (!u || !address)) {
        st = LY_NOMEM(err);
    }
    if (!st) {
        *u = (url_call){.o = o, .started_ns = ly_mono_ns(), .fn = fn, .user = user};
        (void)snprintf(parent, sizeof parent, "traceparent: %s", traceparent);
        const char *const headers[] = {"Content-Type: application/json", parent};
        ly_http_request req = {.url = address,
                               .headers = headers,
                               .n_headers = *traceparent ? 2 : 1,
                               .body = row,
                               .deadline_ms = o->timeout_ms,
                               .idle_ms = o->timeout_ms,
                               .max_attempts = 3,
                               .max_bytes = MAX_OUTPUT,
                               .done = on_url,
                               .user = u};
        st = ly_http_submit(o->http, &req, err);
    }
    ly_free(address);
    if (st) {
        ly_free(u);
        return st;
    }
    o->n_urls++;
    return LY_OK;
}

ly_status ly_outside_poll(ly_outside *o, int64_t timeout_ms, ly_err *err)
{
    ly_status st = LY_OK;
    if (o->n_urls) {
        st = ly_http_poll(o->http, o->n ? 0 : timeout_ms, err);
    }
    if (o->n) {
        wait_for_children(o, timeout_ms);
        turn(o);
    }
    return st;
}
