/* collector: a minimal HTTP/1.1 client for asking a collector on this machine; one request a connection. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/impl.h"

static ly_status wait_for(int fd, short events, int64_t until, ly_err *err)
{
    for (;;) {
        int64_t left = until - ly_mono_ns();
        struct pollfd p = {.fd = fd, .events = events};
        int n = left > 0 ? poll(&p, 1, (int)(left / LY_NS_PER_MS) + 1) : 0;
        if (n > 0)
            return LY_OK;
        if (n == 0)
            return LY_FAIL(err, LY_E_TIMEOUT, "no answer in time");
        if (errno != EINTR)
            return LY_FAIL(err, LY_E_NETWORK, "waiting failed: %s", strerror(errno));
    }
}

static ly_status dial(const char *address, int port, int64_t until, int *ret_fd, ly_err *err)
{
    char service[16];
    struct addrinfo hints = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *at = NULL;
    snprintf(service, sizeof service, "%d", port);
    int failed = getaddrinfo(address, service, &hints, &at);
    if (failed)
        return LY_FAIL(err, LY_E_NETWORK, "%s: %s", address, gai_strerror(failed));
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ly_status status = LY_OK;
    if (fd < 0 || (connect(fd, at->ai_addr, at->ai_addrlen) && errno != EINPROGRESS))
        status = LY_FAIL(err, LY_E_NETWORK, "%s port %d: %s", address, port, strerror(errno));
    freeaddrinfo(at);
    if (!status)
        status = wait_for(fd, POLLOUT, until, err);
    int code = 0;
    socklen_t len = sizeof code;
    if (!status && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) || code))
        status = LY_FAIL(err, LY_E_NETWORK, "%s port %d: %s", address, port, strerror(code));
    if (status) {
        if (fd >= 0)
            close(fd);
        return status;
    }
    *ret_fd = fd;
    return LY_OK;
}

static ly_status send_all(int fd, ly_str bytes, int64_t until, ly_err *err)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes = ly_str_sub(bytes, (size_t)n, bytes.len);
        } else if (errno == EAGAIN || errno == EINTR) {
            ly_status status = wait_for(fd, POLLOUT, until, err);
            if (status)
                return status;
        } else {
            return LY_OK; /* the peer may have answered already; reading will tell */
        }
    }
    return LY_OK;
}

static ly_status receive_all(int fd, int64_t until, ly_buf *in, ly_err *err)
{
    for (;;) {
        char *room = ly_buf_room(in, 16384);
        if (!room)
            return ly_buf_status(in, "the answer", err);
        ssize_t n = recv(fd, room, 16384, 0);
        if (n == 0)
            return LY_OK;
        if (n > 0) {
            ly_buf_advance(in, (size_t)n);
        } else if (errno == EAGAIN || errno == EINTR) {
            ly_status status = wait_for(fd, POLLIN, until, err);
            if (status)
                return status;
        } else {
            return in->len
                       ? LY_OK
                       : LY_FAIL(err, LY_E_NETWORK, "the connection broke: %s", strerror(errno));
        }
    }
}

static ly_status parse(ly_str all, int *ret_code, ly_buf *out, ly_err *err)
{
    size_t end = ly_str_find(all, LY_S("\r\n\r\n"), 0);
    int64_t code = 0;
    /* "HTTP/1.1 200 OK"; an interim "100 Continue" is not asked for */
    if (end == SIZE_MAX || all.len < 12 || !ly_str_to_i64(ly_str_sub(all, 9, 3), &code))
        return LY_FAIL(err, LY_E_NETWORK,
                       "the answer is not HTTP; is something else on this port?");
    *ret_code = (int)code;
    ly_buf_str(out, ly_str_sub(all, end + 4, all.len));
    return ly_buf_status(out, "the answer", err);
}

static ly_status plain(int fd, ly_str head, ly_str body, int64_t until, ly_buf *in, ly_err *err)
{
    ly_status status = send_all(fd, head, until, err);
    if (!status && body.len > 0)
        status = send_all(fd, body, until, err);
    return status ? status : receive_all(fd, until, in, err);
}

/* cert_file NULL = no TLS. */
static ly_status ask(const char *address, int port, const char *cert_file, ly_str head, ly_str body,
                     int64_t timeout_ns, int *ret_code, ly_buf *out, ly_err *err)
{
    int fd = -1;
    int64_t until = ly_mono_ns() + timeout_ns;
    ly_status status = dial(address, port, until, &fd, err);
    if (status)
        return status;
    ly_buf answer;
    ly_buf_init(&answer, LY_MIB(16));
    status = cert_file ? ly_probe_tls(fd, cert_file, head, body, until, &answer, err)
                       : plain(fd, head, body, until, &answer, err);
    if (!status)
        status = parse(ly_buf_view(&answer), ret_code, out, err);
    ly_buf_release(&answer);
    close(fd);
    return status;
}

static ly_status probe(const char *address, int port, const char *cert_file, const char *path,
                       const char *headers, const char *key, const ly_str *body, int64_t timeout_ns,
                       int *ret_code, ly_buf *out, ly_err *err)
{
    ly_buf head;
    ly_buf_init(&head, LY_KIB(64));
    ly_buf_fmt(&head, "%s %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n%s",
               body ? "POST" : "GET", path, strchr(address, ':') ? "localhost" : address, port,
               headers ? headers : "");
    if (key)
        ly_buf_fmt(&head, "Authorization: Bearer %s\r\n", key);
    if (body)
        ly_buf_fmt(&head, "Content-Length: %zu\r\n", body->len);
    ly_buf_c(&head, "\r\n");
    ly_status status = ly_buf_status(&head, "the request", err);
    if (!status)
        status = ask(address, port, cert_file, ly_buf_view(&head), body ? *body : LY_S(""),
                     timeout_ns, ret_code, out, err);
    ly_buf_release(&head);
    return status;
}

ly_status ly_probe_http(const char *address, int port, const char *path, const char *headers,
                        const ly_str *body, int64_t timeout_ns, int *ret_code, ly_buf *out,
                        ly_err *err)
{
    return probe(address, port, NULL, path, headers, NULL, body, timeout_ns, ret_code, out, err);
}

ly_status ly_probe_runtime(const ly_runtime *runtime, const char *path, const char *headers,
                           const ly_str *body, int64_t timeout_ns, int *ret_code, ly_buf *out,
                           ly_err *err)
{
    return probe(runtime->address, runtime->http_port, runtime->tls ? runtime->tls_cert : NULL,
                 path, headers, runtime->keys ? runtime->key : NULL, body, timeout_ns, ret_code,
                 out, err);
}
