/*
 * collector: the sockets of the HTTP receiver, and everything that is about time.
 *
 * libmicrohttpd ends a connection that is silent for idle_ns. Two things it does not know are done here
 * at each tick of the keeper: a client that sends a byte of its head now and then is cut off after
 * request_ns, and a request that waits for room is asked again.
 *
 * A new certificate: the socket stays, a new daemon takes it over, and the old one lives as long as its
 * connections (each is told to close with its next answer).
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/http_impl.h"

#define CONNECTION_MEMORY LY_KIB(256)
/* Requests that may stand unread; more are refused at once. */
#define MAX_WAITING 256

/* -------------------------------------------------------------- connections */

static void conn_link(ly_http *http, http_conn *conn)
{
    pthread_mutex_lock(&http->lock);
    conn->next = http->conns;
    conn->prev = &http->conns;
    if (conn->next)
        conn->next->prev = &conn->next;
    http->conns = conn;
    pthread_mutex_unlock(&http->lock);
}

static void conn_unlink(ly_http *http, http_conn *conn)
{
    pthread_mutex_lock(&http->lock);
    *conn->prev = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    pthread_mutex_unlock(&http->lock);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    ly_collector *c = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        http_conn *conn = ly_calloc(1, sizeof *conn);
        if (!conn)
            return; /* goes unwatched */
        conn->fd = info ? info->connect_fd : -1;
        conn->connection = connection;
        conn->thread = pthread_self();
        atomic_init(&conn->since_ns, ly_mono_ns());
        *state = conn;
        conn_link(c->http, conn);
    } else if (*state) {
        conn_unlink(c->http, *state);
        ly_free(*state);
        *state = NULL;
    }
}

/* Shut down, not closed: libmicrohttpd sees the end and closes. Under the lock the descriptor is still
 * the connection's, since the end of a connection is told before it is closed. */
static void cut_slow_heads(ly_collector *c, int64_t now)
{
    ly_http *http = c->http;
    pthread_mutex_lock(&http->lock);
    for (http_conn *conn = http->conns; conn; conn = conn->next) {
        int64_t since = atomic_load(&conn->since_ns);
        if (since && now - since > c->opts.limits.request_ns && conn->fd >= 0)
            (void)shutdown(conn->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&http->lock);
}

/* ------------------------------------------------------------------- waiting */

bool ly_http_wait(http_call *call)
{
    ly_http *http = call->c->http;
    pthread_mutex_lock(&http->lock);
    bool may = http->waiting < MAX_WAITING && !atomic_load(&call->c->stopping);
    if (may)
        http->waiting++;
    pthread_mutex_unlock(&http->lock);
    if (!may)
        return false;
    /* Asleep before it can be woken. */
    MHD_suspend_connection(call->connection);
    pthread_mutex_lock(&http->lock);
    call->next = NULL;
    if (http->last)
        http->last->next = call;
    else
        http->first = call;
    http->last = call;
    pthread_mutex_unlock(&http->lock);
    return true;
}

static http_call *take_waiting(ly_http *http)
{
    pthread_mutex_lock(&http->lock);
    http_call *call = http->first;
    if (call) {
        http->first = call->next;
        if (!http->first)
            http->last = NULL;
        http->waiting--;
    }
    pthread_mutex_unlock(&http->lock);
    return call;
}

/* One is woken; when it gets its room it wakes the next. */
void ly_http_pump(ly_collector *c)
{
    http_call *call = c->http ? take_waiting(c->http) : NULL;
    if (call)
        MHD_resume_connection(call->connection);
}

/* Each looks for itself whether it has waited long enough; those that go on waiting go to the end. */
static void wake_all(ly_collector *c)
{
    pthread_mutex_lock(&c->http->lock);
    size_t n = c->http->waiting;
    pthread_mutex_unlock(&c->http->lock);
    for (; n > 0; n--)
        ly_http_pump(c);
}

/* ------------------------------------------------------------------- daemons */

static struct MHD_Daemon *start_daemon(ly_collector *c, int fd, const ly_pem *pem)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, pem->cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key},
        {MHD_OPTION_END, 0, NULL},
    };
    if (pem->cert)
        flags |= MHD_USE_TLS;
    else
        tls[0].option = MHD_OPTION_END;
    if (fd < 0)
        flags =
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | MHD_USE_TLS; /* tries a certificate */
    int64_t idle = (c->opts.limits.idle_ns + LY_NS_PER_SEC - 1) / LY_NS_PER_SEC;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, ly_http_on_request, c, MHD_OPTION_EXTERNAL_LOGGER, ly_http_on_log, c,
        MHD_OPTION_URI_LOG_CALLBACK, ly_http_on_line, c, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)c->opts.limits.http_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)idle, MHD_OPTION_NOTIFY_COMPLETED, ly_http_on_completed, c,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, c, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static ly_status add_daemon(ly_collector *c, const char *address, int port, const ly_pem *pem,
                            ly_err *err)
{
    int fd = -1, bound = 0;
    ly_status status = ly_listen(address, port, &fd, &bound, err);
    if (status)
        return status;
    struct MHD_Daemon *daemon = start_daemon(c, fd, pem);
    if (!daemon) {
        close(fd);
        return LY_FAIL(err, LY_E_INVALID, "the HTTP receiver could not be started%s",
                       pem->cert ? "; are certificate and key valid PEM files that fit together?"
                                 : "");
    }
    c->http->daemons[c->http->n++] = daemon;
    c->info.http_port = bound;
    return LY_OK;
}

ly_status ly_httpd_new(ly_collector *c, ly_err *err)
{
    c->http = ly_calloc(1, sizeof *c->http);
    if (!c->http)
        return LY_NOMEM(err);
    pthread_mutex_init(&c->http->lock, NULL);
    return LY_OK;
}

ly_status ly_http_start(ly_collector *c, const ly_pem *pem, ly_err *err)
{
    ly_status status = add_daemon(c, c->info.address, c->opts.http_port, pem, err);
    if (!status && !c->opts.listen) /* as in grpc.c */
        (void)!add_daemon(c, "::1", c->info.http_port, pem, NULL);
    return status;
}

void ly_httpd_free(ly_collector *c)
{
    if (c->http)
        pthread_mutex_destroy(&c->http->lock);
    ly_free(c->http);
    c->http = NULL;
}

/* --------------------------------------------------------------- certificates */

static unsigned connections_of(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

/* Stops the retired daemons that serve nobody any more. */
static void drop_retired(ly_http *http)
{
    size_t kept = 0;
    for (size_t i = 0; i < http->n_retired; i++) {
        struct MHD_Daemon *daemon = http->retired[i];
        if (connections_of(daemon) == 0)
            MHD_stop_daemon(daemon);
        else
            http->retired[kept++] = daemon;
    }
    http->n_retired = kept;
}

bool ly_http_is_retired(ly_collector *c, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON);
    for (size_t i = 0; info && i < c->http->n; i++) {
        if (c->http->daemons[i] == info->daemon)
            return false;
    }
    return info != NULL;
}

ly_status ly_http_renew(ly_collector *c, const ly_pem *pem, ly_err *err)
{
    ly_http *http = c->http;
    drop_retired(http);
    for (size_t i = 0; i < http->n; i++) {
        if (http->n_retired == LY_COUNT(http->retired))
            return LY_FAIL(err, LY_E_BUSY,
                           "connections with the certificate before the last one are still open; "
                           "reload again in a minute");
        struct MHD_Daemon *old = http->daemons[i];
        int fd = MHD_quiesce_daemon(old);
        struct MHD_Daemon *fresh = fd >= 0 ? start_daemon(c, fd, pem) : NULL;
        if (!fresh) /* cannot be: ly_pem_check was asked before */
            return LY_FAIL(err, LY_E_IO, "the HTTP receiver could not be started again");
        http->retired[http->n_retired++] = old;
        http->daemons[i] = fresh;
    }
    return LY_OK;
}

/* ------------------------------------------------------------- tick and stop */

void ly_http_tick(ly_collector *c)
{
    if (!c->http)
        return;
    cut_slow_heads(c, ly_mono_ns());
    wake_all(c);
    pthread_mutex_lock(&c->reload_lock);
    drop_retired(c->http);
    pthread_mutex_unlock(&c->reload_lock);
}

/* Takes no further connections; requests that come on open ones get 503. */
void ly_http_drain(ly_collector *c)
{
    for (size_t i = 0; c->http && i < c->http->n; i++) {
        int fd = MHD_quiesce_daemon(c->http->daemons[i]);
        if (fd >= 0)
            close(fd);
    }
    if (c->http)
        wake_all(c);
}

void ly_http_stop(ly_collector *c, int64_t grace_ns)
{
    ly_http *http = c->http;
    if (!http)
        return;
    int64_t until = ly_mono_ns() + grace_ns;
    while (atomic_load(&http->active) > 0 && ly_mono_ns() < until) {
        wake_all(c); /* one that began to wait meanwhile */
        usleep(2000);
    }
    wake_all(c);
    for (size_t i = 0; i < http->n; i++)
        MHD_stop_daemon(http->daemons[i]);
    for (size_t i = 0; i < http->n_retired; i++)
        MHD_stop_daemon(http->retired[i]);
    http->n = http->n_retired = 0;
}
