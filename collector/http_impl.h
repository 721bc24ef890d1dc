/*
 * Inside the HTTP receiver: a request, and what its files share.
 *
 *     http.c         the life of a request: begin, chunks, finish, answer
 *     http_head.c    what the head of a request decides: type, encoding, length, key, origin
 *     http_own.c     answers in the place of libmicrohttpd's own
 *     http_listen.c  sockets, daemons, slow clients, those that wait for room, new certificates
 */
#ifndef LY_COLLECTOR_HTTP_IMPL_H
#define LY_COLLECTOR_HTTP_IMPL_H

#include <microhttpd.h>

#include "collector/impl.h"
#include "collector/route.h"

#define TYPE_PROTO "application/x-protobuf"
#define TYPE_JSON  "application/json"
#define TYPE_TEXT  "text/plain; charset=utf-8"

/* A connection, from accept to close. `lock` of ly_http guards the list. */
typedef struct http_call http_call;
typedef struct http_conn {
    struct http_conn *next, **prev;
    struct MHD_Connection *connection;
    pthread_t thread; /* that handles it, and alone touches the next two */
    bool begun;       /* the first line of a request was read */
    http_call *call;  /* the request in hand, from the end of its head on */
    int fd;
    atomic_int_least64_t since_ns; /* its next request's head is read since; 0 = one is in hand */
} http_conn;

struct http_call {
    ly_collector *c;
    struct MHD_Connection *connection;
    http_conn *conn;
    http_call *next; /* in the list of those that wait for room */
    ly_route route;
    ly_otlp_format format;
    ly_rpc_packing packing;
    int64_t born_ns;
    ly_buf body;
    size_t charged; /* of the budget, until a request takes it over */
    size_t wanted;  /* > 0: waits, asleep, for so much of the budget */
    int64_t waits_ns;
    bool head_again; /* it waited at its head */
    size_t discarded;
    ly_refused why; /* with refused */
    bool refused;   /* the answer stands; the body is thrown away */
    bool at_once;   /* the answer goes out before the body is read: the connection ends */
    bool answered;  /* the writer has put the answer in */
    bool finished;  /* it came wholly and was not refused before */
    int code;       /* HTTP status */
    int64_t retry_ns;
    const char *type;
    ly_buf answer;
};

struct ly_http {
    struct MHD_Daemon *_Atomic daemons[2]; /* 127.0.0.1 and ::1 */
    size_t n;
    struct MHD_Daemon *retired[4]; /* with an older certificate; they end with their connections */
    size_t n_retired;
    atomic_size_t active;    /* requests begun and not completed */
    pthread_mutex_t lock;    /* the two lists; nothing of libmicrohttpd is called under it */
    http_call *first, *last; /* those that wait for room */
    size_t waiting;
    http_conn *conns;
};

/* http.c. google.rpc.Status in the request's encoding (R12). */
void ly_http_put_status(http_call *call, int http_code, ly_rpc_code code, int64_t retry_ns,
                        const char *text);
/* Puts the answer in, counts it, gives the budget back. */
void ly_http_refuse(http_call *call, ly_refused why, int http_code, ly_rpc_code code,
                    int64_t retry_ns, const char *text);
/* libmicrohttpd's callbacks. */
enum MHD_Result ly_http_on_request(void *collector, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *n, void **state);
void ly_http_on_completed(void *collector, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode why);

/* http_head.c. Each check returns false when it has refused. */
ly_str ly_http_header(const http_call *call, const char *name);
ly_str ly_http_api_key(const http_call *call);
bool ly_http_read_type(http_call *call);
bool ly_http_read_encoding(http_call *call);
bool ly_http_check_key(http_call *call, unsigned need);
bool ly_http_check_origin(http_call *call);
bool ly_http_check_host(http_call *call);
bool ly_http_check_framing(http_call *call);
/* The Origin when it is a page of this machine, else not given. */
ly_str ly_http_local_origin(const http_call *call);
/* Pure: "http://localhost:3000" is, "http://localhost.evil.example" is not. */
bool ly_origin_is_local(ly_str origin);
/* Pure: a Host header that names this machine by an address or as localhost. */
bool ly_host_is_local(ly_str host);

/* http_own.c: libmicrohttpd's callbacks for a request's first line and for what it logs. */
void *ly_http_on_line(void *collector, const char *uri, struct MHD_Connection *connection);
void ly_http_on_log(void *collector, const char *fmt, va_list args) LY_PRINTF(2, 0);

/* http_listen.c */
/* Puts the call to sleep until room may have come. False: it may not wait (too many, stopping). */
bool ly_http_wait(http_call *call);
bool ly_http_is_retired(ly_collector *c, struct MHD_Connection *connection);

#endif
