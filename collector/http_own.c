/*
 * collector: answers in the place of libmicrohttpd's own.
 *
 * What it cannot take (a Content-Length that is no number, a head past its memory, a broken chunk) it
 * answers itself, as HTML, and version 0.9.75 sends the head of the answer twice when the length was at
 * fault. An OTLP client wants a google.rpc.Status in its encoding (R12), and one answer. The line that the
 * library logs before is the moment to be first: our answer is written and the connection shut for
 * writing, so that its own finds no way out.
 *
 * The line does not say which connection it is about. After the head was read it is the one of this
 * thread that is past its head and has no request yet; else the only one that can be meant, and where
 * there are several, or over TLS, the library's answer goes out.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "collector/http_impl.h"

void *ly_http_on_line(void *collector, const char *uri, struct MHD_Connection *connection)
{
    (void)collector;
    (void)uri;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    http_conn *conn = info ? info->socket_context : NULL;
    if (conn)
        conn->begun = true;
    return NULL; /* becomes the request's state: none yet */
}

static bool head_is_read(const http_conn *conn)
{
    return MHD_get_connection_info(conn->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) !=
           NULL;
}

static bool reads_chunks(const http_conn *conn)
{
    const http_call *call = conn->call;
    return call && !call->finished && !call->at_once && call->wanted == 0 &&
           ly_str_given(ly_http_header(call, MHD_HTTP_HEADER_TRANSFER_ENCODING));
}

/* Of this thread, which handles one connection at a time. */
static http_conn *in_hand(ly_http *http, bool body)
{
    http_conn *only = NULL, *sure = NULL;
    size_t n = 0;
    pthread_mutex_lock(&http->lock);
    for (http_conn *conn = http->conns; conn; conn = conn->next) {
        if (!pthread_equal(conn->thread, pthread_self()))
            continue;
        const bool may = body ? reads_chunks(conn) : conn->begun && !conn->call;
        if (may && !body && head_is_read(conn))
            sure = conn;
        only = may ? conn : only;
        n += may;
    }
    pthread_mutex_unlock(&http->lock);
    return sure ? sure : n == 1 ? only : NULL;
}

static const char *reason_of(unsigned code, const char *text)
{
    if (strstr(text, "Content-Length"))
        return code == 413 ? "the value of Content-Length is larger than any request may be"
                           : "Content-Length must be one decimal number";
    if (strstr(text, "chunk"))
        return code == 413 ? "a chunk is larger than any request may be"
                           : "the chunks of the body are malformed; send a Content-Length instead";
    if (code == 414 || code == 431)
        return "the head of the request is larger than 256 KiB; send fewer or shorter headers";
    if (code == 505)
        return "only HTTP/1.1 and HTTP/1.0 are spoken on this port; gRPC has its own";
    return "the head of the request is malformed";
}

/* The caller knows that it is no TLS. */
static void answer(ly_collector *c, http_conn *conn, unsigned code, const char *reason)
{
    http_call call = {.c = c, .connection = conn->connection, .format = LY_OTLP_JSON};
    const bool large = code == 413 || code == 414 || code == 431;
    if (conn->call || head_is_read(conn))
        (void)ly_http_read_type(&call);
    ly_buf_init(&call.answer, LY_MAX_RESPONSE_BYTES);
    ly_http_put_status(&call, (int)code,
                       large ? LY_RPC_RESOURCE_EXHAUSTED : LY_RPC_INVALID_ARGUMENT, -1, reason);
    ly_buf out;
    ly_buf_init(&out, LY_MAX_RESPONSE_BYTES);
    ly_buf_fmt(&out,
               "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
               "\r\n",
               code, MHD_get_reason_phrase_for(code), call.type, call.answer.len);
    ly_buf_str(&out, ly_buf_view(&call.answer));
    if (!out.failed && send(conn->fd, out.ptr, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        (void)shutdown(conn->fd, SHUT_WR);
    ly_buf_release(&out);
    ly_buf_release(&call.answer);
    const ly_refused why = large ? LY_REFUSED_TOO_LARGE : LY_REFUSED_MALFORMED;
    ly_stats_refused(c, why, 0);
    if (conn->call && !conn->call->refused) {
        conn->call->refused = true;
        conn->call->why = why;
    }
}

void ly_http_on_log(void *collector, const char *fmt, va_list args)
{
    static const char error[] = "Error processing request (HTTP response code is %u ('%s'))";
    ly_collector *c = collector;
    if (!c->http || c->info.tls || strncmp(fmt, error, sizeof error - 1) != 0)
        return;
    va_list copy;
    va_copy(copy, args);
    const unsigned code = va_arg(copy, unsigned);
    const char *text = va_arg(copy, const char *);
    http_conn *conn = text ? in_hand(c->http, strstr(text, "chunk") != NULL) : NULL;
    if (conn && conn->fd >= 0)
        answer(c, conn, code, reason_of(code, text));
    va_end(copy);
}
