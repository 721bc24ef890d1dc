/* The provider that the LLM benchmarks call, and the bare libcurl-multi loop that is their ceiling. */
#include "stub.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

static const char reply_body[] =
    "{\"id\":\"b\",\"object\":\"chat.completion\",\"model\":\"stub\",\"choices\":[{\"index\":0,"
    "\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"{"
    "\\\"reasoning\\\":"
    "\\\"It says what was expected.\\\",\\\"attempted_manipulation\\\":false,\\\"verdict\\\":"
    "\\\"correct\\\"}\"}}],\"usage\":{\"prompt_tokens\":300,\"completion_tokens\":20,"
    "\"total_tokens\":320}}";

/* ---- the stub ------------------------------------------------------------------------------------------- */

typedef struct conn {
    int fd;
    char buf[65536];
    size_t n;
    int64_t due_ns; /* when the answer goes out, 0 = none is owed */
    struct conn *next;
} conn;

/* Length of a whole request at the front of the buffer, 0 = not there yet. */
static size_t whole_request(const conn *c)
{
    ly_str all = ly_str_n(c->buf, c->n);
    size_t head = ly_str_find(all, LY_S("\r\n\r\n"), 0), at;
    int64_t length = 0;
    if (head == SIZE_MAX) {
        return 0;
    }
    at = ly_str_find(all, LY_S("Content-Length: "), 0);
    if (at != SIZE_MAX && at < head) {
        ly_str rest = ly_str_sub(all, at + 16, 20), digits;
        if (!ly_str_split(&rest, '\r', &digits) || !ly_str_to_i64(digits, &length)) {
            return 0;
        }
    }
    size_t need = head + 4 + (size_t)length;
    return c->n >= need ? need : 0;
}

static void answer(conn *c)
{
    char out[2048];
    int n = snprintf(
        out, sizeof out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        sizeof reply_body - 1, reply_body);
    c->due_ns = 0;
    if (write(c->fd, out, (size_t)n) != n) {
        _exit(1);
    }
}

static void readable(conn *c, int64_t delay_ns)
{
    ssize_t got = read(c->fd, c->buf + c->n, sizeof c->buf - c->n);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        close(c->fd);
        c->fd = -1;
        return;
    }
    c->n += (size_t)got;
    size_t used = whole_request(c);
    if (used) {
        memmove(c->buf, c->buf + used, c->n - used);
        c->n -= used;
        if (delay_ns) {
            c->due_ns = ly_mono_ns() + delay_ns;
        } else {
            answer(c);
        }
    }
}

void bench_stub_serve(int listener, int64_t delay_ns)
{
    int ep = epoll_create1(0);
    conn *all = NULL;
    struct epoll_event ev = {.events = EPOLLIN}, got[256];
    (void)epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        int n = epoll_wait(ep, got, 256, delay_ns ? 1 : -1);
        for (int i = 0; i < n; i++) {
            conn *c = got[i].data.ptr;
            if (c) {
                readable(c, delay_ns);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
            c = fd < 0 ? NULL : ly_calloc(1, sizeof *c);
            if (c) {
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                c->fd = fd;
                c->next = all;
                all = c;
                struct epoll_event add = {.events = EPOLLIN, .data.ptr = c};
                (void)epoll_ctl(ep, EPOLL_CTL_ADD, fd, &add);
            }
        }
        int64_t now = delay_ns ? ly_mono_ns() : 0;
        for (conn *c = all; delay_ns && c; c = c->next) {
            if (c->fd >= 0 && c->due_ns && c->due_ns <= now) {
                answer(c);
            }
        }
    }
}

int bench_stub_listen(int port, int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 2048) ||
        getsockname(fd, (struct sockaddr *)&a, &len)) {
        perror("bench_llm: stub");
        return -1;
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* CPU of this process, the stub's not among it: on a busy machine the steadier figure. */
int64_t bench_cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * LY_NS_PER_SEC + t.tv_nsec;
}

rate bench_rate_of(size_t total, int64_t wall_ns, int64_t used_ns)
{
    return (rate){(double)total / ((double)wall_ns / 1e9), (double)used_ns / 1e3 / (double)total};
}

/* ---- the bare loop ------------------------------------------------------------------------------------------ */

static size_t swallow(char *ptr, size_t size, size_t n, void *user)
{
    (void)ptr;
    *(size_t *)user += size * n;
    return size * n;
}

rate bench_bare(const char *url, ly_str body, size_t total, size_t ahead)
{
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    size_t started = 0, done = 0, bytes = 0;
    headers = curl_slist_append(headers, "Expect:");
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)ahead + 4);
    int64_t from = ly_mono_ns(), cpu = bench_cpu_ns();
    CURL **easy = ly_calloc(ahead, sizeof(CURL *));
    for (size_t i = 0; easy && i < ahead; i++, started++) {
        CURL *e = easy[i] = curl_easy_init();
        curl_easy_setopt(e, CURLOPT_URL, url);
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.ptr);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)body.len);
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, swallow);
        curl_easy_setopt(e, CURLOPT_WRITEDATA, &bytes);
        curl_multi_add_handle(multi, e);
    }
    while (done < total) {
        int running = 0, left = 0;
        CURLMsg *msg;
        curl_multi_perform(multi, &running);
        while ((msg = curl_multi_info_read(multi, &left))) {
            CURL *e = msg->easy_handle;
            done++;
            curl_multi_remove_handle(multi, e);
            if (started < total) {
                started++;
                curl_multi_add_handle(multi, e);
            }
        }
        if (done < total) {
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
    }
    rate result = bench_rate_of(total, ly_mono_ns() - from, bench_cpu_ns() - cpu);
    for (size_t i = 0; easy && i < ahead; i++) {
        curl_easy_cleanup(easy[i]);
    }
    ly_free(easy);
    curl_slist_free_all(headers);
    curl_multi_cleanup(multi);
    return result;
}
