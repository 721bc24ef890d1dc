/*
 * rpc/server: a unary gRPC server whose handler answers later, from any thread.
 *
 * One completion-queue thread (a second one makes gRPC slower on two cores). The life of a call:
 *
 *     headers arrive -> admit() -> [waits unread] -> payload is read -> message() -> ... -> reply/fail
 *                          |
 *                          +-> ly_rpc_call_fail: refused before a payload byte was read
 *
 * Backpressure. A payload is asked for only when admit() says NOW. Until then HTTP/2's flow control
 * stops the sender: gRPC's core holds at most the stream's window per waiting call (64 KiB, set here by
 * `lookahead`), the headers, and for calls past the armed slots the same again. So the most that core
 * holds is max_streams * connections * 64 KiB, cut off by the resource quota; what is asked for is what
 * admit() counted. ly_rpc_server_pump() asks admit() again for those that wait.
 *
 * Compression. Messages arrive as sent: the core's own inflate expands before it checks the size. The
 * handler inflates with its own cap; `packing` says how.
 *
 * Methods that were not registered are answered UNIMPLEMENTED at once. Nothing here knows OTLP, keys
 * or budgets.
 */
#ifndef LY_RPC_SERVER_H
#define LY_RPC_SERVER_H

#include "base/err.h"
#include "base/str.h"
#include "rpc/status.h"

typedef struct ly_rpc_server ly_rpc_server;
/* One call. Lives until it was replied to or failed, exactly once. */
typedef struct ly_rpc_call ly_rpc_call;

typedef enum ly_rpc_admit {
    LY_RPC_ADMIT_NOW,   /* read the payload */
    LY_RPC_ADMIT_WAIT,  /* leave it unread, ask again at the next pump */
    LY_RPC_ADMIT_FAILED /* admit() has called ly_rpc_call_fail */
} ly_rpc_admit;

typedef enum ly_rpc_packing { LY_RPC_PLAIN, LY_RPC_GZIP, LY_RPC_DEFLATE } ly_rpc_packing;

/* What the server itself ended, for the handler's counters. */
typedef enum ly_rpc_lost {
    LY_RPC_LOST_UNKNOWN_METHOD, /* answered UNIMPLEMENTED */
    LY_RPC_LOST_TOO_LARGE,      /* the core cut it off at max_message_bytes: RESOURCE_EXHAUSTED */
    LY_RPC_LOST_NO_MESSAGE,     /* the client closed without a message: INVALID_ARGUMENT */
    LY_RPC_LOST_CANCELLED,      /* gone before its payload was complete */
    LY_RPC_LOST__COUNT
} ly_rpc_lost;

/* All run on the server's thread, except admit() and lost(), which may also run on the caller's thread
 * inside ly_rpc_server_pump, and lost() inside ly_rpc_server_drain. None may block. `method` is the index
 * in the list given. */
typedef struct ly_rpc_handler {
    void *user;
    ly_rpc_admit (*admit)(void *user, ly_rpc_call *call, size_t method);
    /* admit() said NOW: the payload is here. The call is the handler's until it replies or fails it. */
    void (*message)(void *user, ly_rpc_call *call, size_t method, ly_str body,
                    ly_rpc_packing packing);
    /* admit() said NOW or WAIT, but no message came. `admitted` tells whether a NOW was answered (what
     * was reserved for it is free again). May be NULL. For an unknown method call is NULL. */
    void (*lost)(void *user, ly_rpc_call *call, ly_rpc_lost why, bool admitted);
} ly_rpc_handler;

typedef struct ly_rpc_server_opts {
    const char *const *methods; /* "/pkg.Service/Export" */
    size_t n_methods;
    size_t max_message_bytes; /* 0 = LY_MAX_REQUEST_BYTES; before inflating */
    int max_streams;          /* per connection; 0 = 100 */
    int max_header_bytes;     /* 0 = 16 KiB */
    size_t quota_bytes;       /* the core's own last resort; 0 = 8 * max_message_bytes */
    int64_t handshake_ns;     /* 0 = 10 s */
    int64_t idle_ns;          /* a connection without calls is closed; 0 = 5 min */
    int64_t keepalive_ns;     /* ping a silent connection so often; 0 = 60 s */
    int64_t message_ns;       /* a message that was asked for must be here by then; 0 = 60 s */
    bool quiet;               /* gRPC's log off (a server program owns its process) */
    bool anonymous;           /* does not say `lydite-collector: 1`: as another vendor's would */
} ly_rpc_server_opts;

/* Makes the server, without a port. opts and handler are copied; methods must outlive it. */
LY_MUST_USE ly_status ly_rpc_server_new(const ly_rpc_server_opts *opts,
                                        const ly_rpc_handler *handler, ly_rpc_server **ret_server,
                                        ly_err *err);

typedef struct ly_rpc_tls {
    const char *cert_pem; /* PEM text, the chain */
    const char *key_pem;
    const char *client_ca_pem; /* given: clients must show a certificate of it (mTLS) */
} ly_rpc_tls;

/* Before start. `address` is "127.0.0.1:4317", "[::1]:0" or "unix:/path"; tls NULL = plain. *ret_port is
 * the bound port. Errors: BUSY when the address is taken (or not ours), INVALID for bad PEM. */
LY_MUST_USE ly_status ly_rpc_server_listen(ly_rpc_server *server, const char *address,
                                           const ly_rpc_tls *tls, int *ret_port, ly_err *err);
/* Handshakes from now on show this certificate; client_ca_pem is not looked at. Nothing happens to a plain
 * server. Any thread. */
LY_MUST_USE ly_status ly_rpc_server_renew(ly_rpc_server *server, const ly_rpc_tls *tls,
                                          ly_err *err);
LY_MUST_USE ly_status ly_rpc_server_start(ly_rpc_server *server, ly_err *err);

/* Any thread: the state admit() looks at has changed, or time has passed. Also done by the server's own
 * thread every 50 ms while a call waits. */
void ly_rpc_server_pump(ly_rpc_server *server);
/* Nothing came for a while: memory that is kept for further messages goes back. Any thread. */
void ly_rpc_server_rest(ly_rpc_server *server);
/* gRPC could not take a connection for want of file descriptors, and has stopped listening (known only to
 * a `quiet` server). What is connected goes on. The remedy is another server. */
bool ly_rpc_server_deaf(const ly_rpc_server *server);
/* What the system said when a connection could last not be taken ("Too many open files"); any thread. */
void ly_rpc_server_deaf_reason(char *dst, size_t size);
/* Calls that wait unread. */
size_t ly_rpc_server_waiting(ly_rpc_server *server);

/* Stops taking connections and calls. Waiting calls fail with UNAVAILABLE; those in the handler's hands
 * must still be answered by it. Any thread but the server's; once. */
void ly_rpc_server_drain(ly_rpc_server *server);
/* Waits up to grace_ns until answers are written, then cuts what is left, and frees. Every call must
 * have been answered before (a call still in the handler's hands would be waited for for ever). */
void ly_rpc_server_free(ly_rpc_server *server, int64_t grace_ns);

/* ---- a call ---- */

/* The handler's own pointer. */
void ly_rpc_call_set_user(ly_rpc_call *call, void *user);
void *ly_rpc_call_user(const ly_rpc_call *call);
ly_rpc_server *ly_rpc_call_server(const ly_rpc_call *call);
/* A request header, or not given. Valid until the call is answered. */
ly_str ly_rpc_call_meta(const ly_rpc_call *call, ly_str key);
/* Nanoseconds since its headers came (monotonic). */
int64_t ly_rpc_call_age_ns(const ly_rpc_call *call);
/* The client has gone or its deadline has passed. */
bool ly_rpc_call_cancelled(const ly_rpc_call *call);

/* Answer OK with `body` (copied). Any thread, exactly once; the call is gone afterwards. */
void ly_rpc_call_reply(ly_rpc_call *call, ly_str body);
/* Answer with a status; retry_delay_ns >= 0 adds a RetryInfo. `message` (one line, copied) goes out as
 * grpc-message and in grpc-status-details-bin. Any thread, exactly once. */
void ly_rpc_call_fail(ly_rpc_call *call, ly_rpc_code code, const char *message,
                      int64_t retry_delay_ns);

#endif
