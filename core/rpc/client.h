/*
 * rpc/client: unary gRPC calls from one thread, many in flight.
 *
 *     ly_rpc_channel *channel = NULL;
 *     ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
 *     opts.target = "127.0.0.1:4317";
 *     ly_rpc_channel_new(&opts, &channel, &err);
 *     ly_rpc_call_start(channel, &(ly_rpc_request){.method = "/pkg.Service/Export", .body = bytes,
 *                                                  .timeout_ns = 10 * LY_NS_PER_SEC, .token = batch});
 *     while (ly_rpc_channel_wait(channel, timeout_ns, &reply) == LY_OK) { ...; ly_rpc_reply_release(&reply); }
 *     ly_rpc_channel_free(channel);
 *
 * Threads. A channel belongs to one thread, which starts calls and waits for replies. Only
 * ly_rpc_channel_wake may be called from others. No thread of ours is made; gRPC makes its own when
 * the first channel is made and ends them when the last is freed (ly_rpc_channel_free returns only
 * after that), so a process without a channel has no gRPC thread: that is the state in which fork() is
 * safe. After fork() with a channel alive the child must not touch it, not even to free it.
 *
 * Nothing here retries, queues beyond what the caller started, or prints.
 */
#ifndef LY_RPC_CLIENT_H
#define LY_RPC_CLIENT_H

#include "base/err.h"
#include "base/str.h"
#include "rpc/status.h"

typedef struct ly_rpc_channel ly_rpc_channel;

typedef struct ly_rpc_meta {
    ly_str key; /* lower case, as gRPC demands; a key ending in "-bin" takes raw bytes */
    ly_str value;
} ly_rpc_meta;

typedef struct ly_rpc_channel_opts {
    const char *target;   /* "host:port", "[::1]:4317" or "unix:/path"; no scheme */
    bool tls;             /* everything below but user_agent is for TLS */
    const char *ca_pem;   /* PEM text of trusted roots; NULL = the system's */
    const char *cert_pem; /* client certificate and key for mTLS, both or none */
    const char *key_pem;
    const char
        *server_name; /* overrides the name in the certificate; for tests; NULL = the target's */
    const char *user_agent; /* put before gRPC's own; NULL = none */
    bool gzip;              /* compress each request (about 30 MB/s: for WANs) */
    int64_t keepalive_ns; /* ping an idle connection so often; 0 = never; servers dislike < 30 s */
    size_t max_reply_bytes; /* 0 = LY_MAX_RESPONSE_BYTES */
    /* Silence gRPC's own log on standard error, but only if this process had not initialised gRPC
     * before us: another user's choice is left alone. */
    bool quiet;
    /* How long gRPC waits before it connects again after a failure. It also keeps itself alive for so
     * long after ly_rpc_channel_free, so whoever retries on its own (the tracer) wants it short. 0 =
     * gRPC's growing one, from 200 ms. */
    int64_t reconnect_ns;
} ly_rpc_channel_opts;

#define LY_RPC_CHANNEL_OPTS_INIT                                         \
    {                                                                    \
        NULL, false, NULL, NULL, NULL, NULL, NULL, false, 0, 0, false, 0 \
    }

/* Connects lazily: a wrong address shows as UNAVAILABLE replies. Strings are copied. Errors: INVALID
 * (no target, half a key pair, credentials that gRPC refuses), NOMEM. */
LY_MUST_USE ly_status ly_rpc_channel_new(const ly_rpc_channel_opts *opts,
                                         ly_rpc_channel **ret_channel, ly_err *err);
/* Cancels what is in flight (its replies are dropped), disconnects, waits for gRPC's threads when this
 * was the last user of gRPC in the process (at most a second when it is not, or when no connection
 * ever stood). NULL is allowed. */
void ly_rpc_channel_free(ly_rpc_channel *channel);

typedef struct ly_rpc_request {
    const char *method;      /* "/opentelemetry.proto.collector.trace.v1.TraceService/Export" */
    ly_str body;             /* the message; copied */
    const ly_rpc_meta *meta; /* copied */
    size_t n_meta;
    int64_t timeout_ns; /* from now; 0 = no deadline. Passed gives DEADLINE_EXCEEDED */
    bool packed;        /* body is gzip already; only on a channel with `gzip` */
    bool wait_ready;    /* wait for a connection until the deadline instead of failing at once */
    void *token;        /* comes back with the reply */
} ly_rpc_request;

/* Never blocks on the network. Errors: INVALID (a metadata key gRPC refuses), NOMEM. */
LY_MUST_USE ly_status ly_rpc_call_start(ly_rpc_channel *channel, const ly_rpc_request *request,
                                        ly_err *err);
/* Calls started whose replies were not taken yet. */
size_t ly_rpc_channel_in_flight(const ly_rpc_channel *channel);
/* Ends all calls in flight; they come back as CANCELLED. */
void ly_rpc_channel_cancel(ly_rpc_channel *channel);

typedef struct ly_rpc_reply {
    void *token;
    int code;       /* ly_rpc_code, or another number the server sent */
    ly_str message; /* grpc-message, decoded; perhaps empty. From outside: clean before showing */
    ly_str details; /* grpc-status-details-bin: see ly_rpc_retryable; perhaps empty */
    ly_str body;    /* the reply message; empty unless code is OK */
    bool
        announced; /* the peer's initial metadata had `lydite-collector: 1` (server.h): it is ours */
    void *mem;     /* holds the three views above; ly_rpc_reply_release */
} ly_rpc_reply;

/* The next finished call. LY_OK; LY_E_TIMEOUT after timeout_ns (0 = look only, negative = for ever) or
 * when nothing is in flight and timeout_ns is negative; LY_E_CANCELLED when woken. */
LY_MUST_USE ly_status ly_rpc_channel_wait(ly_rpc_channel *channel, int64_t timeout_ns,
                                          ly_rpc_reply *ret_reply);
void ly_rpc_reply_release(ly_rpc_reply *reply);

/* Makes a present or the next ly_rpc_channel_wait return LY_E_CANCELLED. Any thread; not in a signal
 * handler; not while the channel is being freed. */
void ly_rpc_channel_wake(ly_rpc_channel *channel);

/* True when this process has gRPC initialised, by whomever. */
bool ly_rpc_loaded(void);

#endif
