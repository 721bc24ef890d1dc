/*
 * The collector: receives OTLP over gRPC and HTTP and answers once what it received is on disk.
 *
 *     ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
 *     opts.db = "lydite.db";
 *     ly_collector *collector = NULL;
 *     ly_collector_start(&opts, &collector, &err);     // listening and ready when it returns
 *     ... ly_collector_info(collector)->http_port ...
 *     ly_collector_stop(collector, 10 * LY_NS_PER_SEC);
 *
 * It is an object, not a process: `lydite collect` runs one, `lydite run` and `lydite view` run one inside.
 * Threads: the gRPC completion-queue thread and the HTTP thread receive, decode, redact, normalise and
 * price; the writer thread owns the one writing store handle, commits groups and answers; the keeper
 * thread checkpoints, prunes and watches the disk. Hand-over: receivers -> bounded queue -> writer.
 * Start and stop from one thread; the other functions from any.
 */
#ifndef LY_COLLECTOR_COLLECTOR_H
#define LY_COLLECTOR_COLLECTOR_H

#include "base/buf.h"
#include "base/err.h"
#include "ingest/ingest.h"
#include "store/store.h"

typedef struct ly_collector ly_collector;

/* What other rooms lend the collector; all may be NULL. They run on the collector's threads, one call
 * at a time each, and must not call back into it. */
typedef struct ly_collector_hooks {
    void *user;
    /* The price book in force; called at start, at each reload, and within a few seconds of a change of
     * prices in the database. The collector frees it when the last request that uses it is done. NULL
     * result = keep the one in use. */
    ly_price_book *(*load_book)(void *user, ly_err *err);
    /* GET /v1/prompts/NAME@REF: appends the prompt as JSON. LY_E_NOTFOUND gives 404. */
    ly_status (*get_prompt)(void *user, ly_str name_and_ref, ly_buf *ret_json, ly_err *err);
    /* POST /v1/scores: stores what the JSON says and appends the answer. LY_E_INVALID gives 400. */
    ly_status (*post_scores)(void *user, ly_str json, ly_buf *ret_json, ly_err *err);
    /* Spans were committed. For live judging and webhooks; must return at once. */
    void (*stored)(void *user, const ly_ingest_job *job);
} ly_collector_hooks;

/* What a client may cost, beside bytes. 0 = the default. */
typedef struct ly_collector_limits {
    int http_connections;  /* 512; further ones wait in the kernel */
    int grpc_streams;      /* 100 a connection */
    int grpc_header_bytes; /* 16 KiB a call */
    int64_t idle_ns;       /* 30 s: an HTTP connection without a byte is closed */
    int64_t request_ns;    /* 60 s for a request's head, and again for its body or message */
    int64_t wait_ns;       /* 2 s: how long a request may stand unread for want of room */
} ly_collector_limits;

typedef struct ly_collector_opts {
    const char *db;
    const char *listen; /* address; NULL = loopback (127.0.0.1, and ::1 where it is there) */
    int grpc_port;      /* 0 = a free one, -1 = no gRPC */
    int http_port;
    ly_durability durability;
    ly_retention retention;
    int64_t wal_limit_bytes;
    size_t max_request_bytes; /* before and after inflating */
    size_t budget_bytes;      /* of all requests in hand; past it: refused, retryable */
    ly_collector_limits limits;
    const char *redact; /* groups; NULL = not chosen */
    const ly_redact_rule *redact_rules;
    size_t n_redact_rules;
    const char *tls_cert, *tls_key; /* PEM files, both or none */
    bool insecure;                  /* allows a non-loopback address without TLS and access keys */
    bool require_key;               /* ask for an access key on loopback too */
    bool exclusive; /* false: do not write the runtime file (an in-process helper) */
    ly_collector_hooks hooks;
    /* tests/bench: the writer's statements (ly_store_record). */
    void (*record)(void *user, const char *sql, const char *expanded);
    void *record_user;
} ly_collector_opts;

#define LY_COLLECTOR_OPTS_INIT                                                   \
    {                                                                            \
        .grpc_port = 4317, .http_port = 4318, .durability = LY_DURABLE_FULL,     \
        .wal_limit_bytes = 4LL << 30, .max_request_bytes = LY_MAX_REQUEST_BYTES, \
        .budget_bytes = LY_MIB(16), .exclusive = true                            \
    }

/*
 * Opens (or creates) the database, binds the ports, starts. Errors, each naming the remedy:
 * LY_E_BUSY a port is taken (says by which process), or another collector serves this database ·
 * LY_E_INVALID options that do not go together (non-loopback without TLS, key or redaction choice) ·
 * LY_E_DENIED, NOTFOUND a certificate file · whatever ly_store_open says.
 */
LY_MUST_USE ly_status ly_collector_start(const ly_collector_opts *opts,
                                         ly_collector **ret_collector, ly_err *err);
/* Refuses new requests (UNAVAILABLE, 503), commits and answers what was received, settles what it can
 * within grace_ns, closes. NULL is allowed. */
void ly_collector_stop(ly_collector *collector, int64_t grace_ns);
/* Reads access keys, prices and TLS files again. What fails keeps its old state and is told in err. */
LY_MUST_USE ly_status ly_collector_reload(ly_collector *collector, ly_err *err);

typedef struct ly_collector_info {
    char address[64]; /* as bound: "127.0.0.1" */
    int grpc_port;    /* 0 = none */
    int http_port;
    bool tls, keys; /* keys: an access key is asked for */
} ly_collector_info;
const ly_collector_info *ly_collector_get_info(const ly_collector *collector);

/* NULL when it takes requests and can store them, else why not (static text). */
const char *ly_collector_not_ready(ly_collector *collector);

/* Why a whole request was refused. */
#define LY_REFUSED_LIST(X)                                                              \
    X(LY_REFUSED_OVERLOAD, "overload")       /* budget full: retryable */               \
    X(LY_REFUSED_STORAGE, "storage")         /* not storable now: retryable */          \
    X(LY_REFUSED_STOPPING, "stopping")       /* retryable */                            \
    X(LY_REFUSED_CANCELLED, "cancelled")     /* the client left before it was read */   \
    X(LY_REFUSED_TOO_LARGE, "too_large")     /* before or after inflating */            \
    X(LY_REFUSED_MALFORMED, "malformed")     /* not decodable */                        \
    X(LY_REFUSED_KEY, "key")                 /* no valid access key, or not for this */ \
    X(LY_REFUSED_UNSUPPORTED, "unsupported") /* content type, encoding, method or path */

typedef enum ly_refused {
#define LY_REFUSED_ENUM(id, name) id,
    LY_REFUSED_LIST(LY_REFUSED_ENUM)
#undef LY_REFUSED_ENUM
        LY_REFUSED__COUNT
} ly_refused;
const char *ly_refused_name(ly_refused why);

#define LY_LATENCY_BUCKETS 16
#define LY_STATS_SERVICES  64

/*
 * A consistent picture (all fields of one moment). For decoded requests
 *     received = stored + merged + conflicts + rejected + returned + queued
 * where returned are items of requests that were decoded and then refused with a retryable status.
 */
typedef struct ly_collector_stats {
    uint64_t received, stored, merged, conflicts, rejected, returned, queued;
    uint64_t by_reason[LY_REJECT__COUNT + 1];
    uint64_t discarded_points; /* metrics */
    uint64_t requests_ok, requests_partial;
    uint64_t refused[LY_REFUSED__COUNT], refused_bytes[LY_REFUSED__COUNT];
    uint64_t bytes_in; /* of decoded requests, inflated */
    uint64_t budget_used, budget_max;
    uint64_t commits, commit_failures;
    uint64_t commit_ns_total, commit_ns_max;
    uint64_t latency
        [LY_LATENCY_BUCKETS]; /* requests by time to answer: bucket i is up to 2^i * 0.25 ms */
    uint64_t latency_ns_total;
    uint64_t redacted;
    int64_t wal_bytes, disk_free_bytes, unsettled, oldest_unsettled_ns, db_bytes; /* LY_UNKNOWN */
    int64_t start_ns;
    size_t n_services;
    struct {
        char name[256]; /* a longer one: its beginning, "…" and a number made of all of it */
        uint64_t spans, logs, rejected;
    } services[LY_STATS_SERVICES]; /* the last one collects the rest, as "(other)" */
} ly_collector_stats;
void ly_collector_stats_get(ly_collector *collector, ly_collector_stats *ret);
/* The same as Prometheus text and as JSON. */
void ly_collector_metrics(ly_collector *collector, ly_buf *out);
void ly_collector_status_json(ly_collector *collector, ly_buf *out);

/* ---- finding a collector of a database (runtime.c) ---- */

#define LY_LOCAL_KEY_BYTES 72

typedef struct ly_runtime {
    int pid;
    char address[64];
    int grpc_port, http_port;
    bool tls, keys;
    int64_t start_ns;
    char tls_cert[1024];          /* with tls: its certificate file */
    char key[LY_LOCAL_KEY_BYTES]; /* with keys: valid as long as this collector runs; a secret */
} ly_runtime;

/* The collector that serves this database now. LY_E_NOTFOUND when none does (a file left by one that was
 * killed counts as none: its lock is gone). */
LY_MUST_USE ly_status ly_runtime_find(const char *db, ly_runtime *ret_runtime, ly_err *err);

/* The same as ly_probe_http to the collector that ly_runtime_find found, over TLS and with its key where it
 * wants them. */
LY_MUST_USE ly_status ly_probe_runtime(const ly_runtime *runtime, const char *path,
                                       const char *headers, const ly_str *body, int64_t timeout_ns,
                                       int *ret_code, ly_buf *out, ly_err *err);

typedef struct ly_runtime_tls {
    char *pem;        /* owned by the caller (ly_free) */
    char name[256];   /* a name that the certificate carries: "localhost" where it does */
    bool self_signed; /* then the file itself is what clients have to trust */
} ly_runtime_tls;
/* The certificate of a collector with TLS. */
LY_MUST_USE ly_status ly_runtime_cert(const ly_runtime *runtime, ly_runtime_tls *ret, ly_err *err);

/* A plain HTTP request to a collector on this machine (status, doctor, tests). body NULL = GET, else POST.
 * headers: further lines, each ended by CR LF, or NULL. *ret_code is the HTTP status, the answer's body is
 * appended. LY_E_NETWORK, LY_E_TIMEOUT, LY_E_LIMIT. */
LY_MUST_USE ly_status ly_probe_http(const char *address, int port, const char *path,
                                    const char *headers, const ly_str *body, int64_t timeout_ns,
                                    int *ret_code, ly_buf *out, ly_err *err);

#endif
