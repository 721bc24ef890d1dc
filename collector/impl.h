/*
 * Inside the collector: what its files share.
 *
 * Locks. `budget.lock`, `stats.lock`, `config_lock`, `pool.lock`, `unread.lock`: each guards the fields beside it, is
 * held for a few instructions, and no two are held together; nothing is called under one. `reload_lock`
 * alone is held over a whole reload (files are read under it), and config_lock is taken under it.
 */
#ifndef LY_COLLECTOR_IMPL_H
#define LY_COLLECTOR_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/queue.h"
#include "collector/collector.h"
#include "rpc/server.h"
#include "store/access_key.h"
#include "store/price_store.h"

#define ROOM "collector"
/* What clients are told to wait when there is no room, and when the disk says no. */
#define RETRY_OVERLOAD_NS (1 * LY_NS_PER_SEC)
#define RETRY_STORAGE_NS  (2 * LY_NS_PER_SEC)
/* The write-ahead log begins anew past this size, so that it does not grow for as long as spans come. Below the
 * size that SQLite cuts the file to (core/store/db.c): cutting takes longer than a commit. */
#define LOG_RESTART_BYTES ((int64_t)LY_MIB(96))

/* ---- configuration that a reload replaces; immutable once made ---- */

typedef struct ly_access ly_access; /* access keys (access.c) */

/* A book that a reload may keep: then two configurations share it. */
typedef struct ly_shared_book {
    atomic_int refs;
    ly_price_book *book; /* owned */
} ly_shared_book;

typedef struct ly_config {
    atomic_int refs;
    ly_ingest_config ingest;
    ly_shared_book *book; /* one reference; NULL = ingest.book is the compiled-in one */
    ly_access *access;    /* owned; NULL = no key is asked for */
} ly_config;

ly_config *ly_config_ref(ly_collector *c);
void ly_config_unref(ly_config *config);

/* access.c. What a presented key may do. */
enum { LY_SCOPE_READ = 1, LY_SCOPE_WRITE = 2 };
/* local: a key that may do everything beside those of the database; NULL = none. */
LY_MUST_USE ly_status ly_access_load(const char *db, const char *local, ly_access **ret_access,
                                     ly_err *err);
void ly_access_free(ly_access *access);
/* Without the local one. */
size_t ly_access_count(const ly_access *access);
/* The header beside Authorization that a key may stand in: x-api-key, api-key or api_key. */
ly_str ly_access_header(ly_str (*get)(const void *request, const char *name), const void *request);
/* Scopes of the key in an Authorization (Bearer, Basic, or the key alone) or such a header's value; 0 =
 * none. Looks at every key in constant time. */
unsigned ly_access_check(const ly_access *access, ly_str authorization, ly_str api_key);
/* Name of that key, a view into `access`; empty when there is none. access may be NULL. */
ly_str ly_access_name(const ly_access *access, ly_str authorization, ly_str api_key);

/* PEM texts; owned; both NULL = no TLS. */
typedef struct ly_pem {
    char *cert, *key;
} ly_pem;

/* ---- byte budget ---- */

typedef struct ly_budget {
    pthread_mutex_t lock;
    size_t used, max;
    size_t estimate;  /* of a gRPC message not read yet: follows the largest of late */
    size_t receiving; /* requests being decoded: read wholly, not in the queue yet */
} ly_budget;

/* Takes `bytes` when they fit, or when no more than as much is in hand. */
bool ly_budget_take(ly_budget *budget, size_t bytes);
/* Takes without asking: the bytes are here already. */
void ly_budget_force(ly_budget *budget, size_t bytes);
void ly_budget_give(ly_collector *c, size_t bytes);
void ly_budget_receiving(ly_budget *budget, int change);
size_t ly_budget_estimate(ly_budget *budget);
void ly_budget_learn(ly_budget *budget, size_t bytes);

/* ---- a request in hand ---- */

typedef struct ly_answer {
    ly_rpc_code code;  /* OK, or why not */
    char text[256];    /* one line of English; with OK and rejected: the first reason */
    uint64_t rejected; /* with OK */
    int64_t retry_ns;  /* >= 0: RetryInfo, Retry-After */
} ly_answer;

typedef struct ly_request ly_request;
struct ly_request {
    ly_collector *c;
    ly_config *config;
    ly_ingest_job *job;
    ly_signal signal;
    ly_otlp_format format;
    ly_str access_key; /* name of the key it came in with, in `config`; empty = none */
    char *inflated;    /* owned; what the job's views point into, when it was packed */
    size_t charged;    /* of the budget */
    int64_t born_ns;
    uint64_t items; /* counted as queued */
    void *transport;
    /* Sends the answer and frees the transport's part. Called exactly once, from a receiver's or the
     * writer's thread; the request is freed by the caller afterwards. */
    void (*send)(ly_request *request, const ly_answer *answer);
};

/* receive.c. `charged` bytes of the budget are the request's from here on. NULL when memory is out. */
ly_request *ly_request_new(ly_collector *c, ly_signal signal, ly_otlp_format format,
                           size_t charged);
/* Inflates, decodes, queues; leads to exactly one send(). `body` must live until then. The request is
 * gone when this returns. */
void ly_request_receive(ly_request *request, ly_str body, ly_rpc_packing packing);
/* Answers and frees. */
void ly_request_finish(ly_request *request, const ly_answer *answer);
/* Refuses, with counters. */
void ly_request_refuse(ly_request *request, ly_refused why, ly_rpc_code code, int64_t retry_ns,
                       const char *fmt, ...) LY_PRINTF(5, 6);

/* inflate.c. *ret is ly_malloc memory. LY_E_LIMIT past max; LY_E_FORMAT not gzip (zlib). */
LY_MUST_USE ly_status ly_inflate(ly_str packed, ly_rpc_packing packing, size_t max, char **ret,
                                 size_t *ret_len, ly_err *err);

/* By its first bytes, which no OTLP message has: the name of a compression that nobody has told us of, or
 * NULL. gRPC's core takes an encoding it does not know for none. */
const char *ly_packed_as(ly_str body);

/* ---- statistics (stats.c) ---- */

typedef struct ly_stats {
    pthread_mutex_t lock;
    ly_collector_stats now;
} ly_stats;

void ly_stats_refused(ly_collector *c, ly_refused why, uint64_t bytes);
/* Bytes of a request that was counted before, read and thrown away. */
void ly_stats_refused_bytes(ly_collector *c, ly_refused why, uint64_t bytes);
void ly_stats_received(ly_collector *c, const ly_request *request);
/* The request's items leave `queued`: as its outcome says, or (stored false) returned to the client. */
void ly_stats_finished(ly_collector *c, ly_request *request, bool stored);
void ly_stats_answered(ly_collector *c, int64_t born_ns, bool partial);
void ly_stats_commit(ly_collector *c, int64_t ns, bool ok);

/* ---- the object ---- */

typedef struct ly_unread {
    uint64_t size;
    uint8_t hash[16];
    char reason[200];
} ly_unread;

typedef struct ly_http ly_http;
typedef struct ly_grpc ly_grpc;
typedef struct ly_runtime_file ly_runtime_file;

struct ly_collector {
    ly_collector_opts opts; /* strings owned below */
    char *db, *listen, *tls_cert, *tls_key;
    ly_collector_info info;
    char local_key[LY_LOCAL_KEY_BYTES]; /* in the runtime file; "" = none */
    pthread_mutex_t config_lock;
    ly_config *config;
    pthread_mutex_t reload_lock; /* one reload at a time; config_lock may be taken under it */
    ly_price_mark prices;        /* keeper: what the configuration in use was read at */
    ly_access_mark access_mark;  /* keeper: the same of the access keys */
    atomic_bool book_unread;     /* the last reload could not read the book and kept the old one */
    ly_redact *redact;           /* lives as long as the collector */
    ly_pem pem;                  /* in use; reload_lock */
    ly_budget budget;
    ly_stats stats;
    ly_queue *queue; /* of ly_request; the budget bounds it */
    struct {
        pthread_mutex_t lock;
        ly_ingest_job *jobs[64];
        size_t n, held; /* held: bytes of all of them */
    } pool;
    struct { /* requests that could not be read, until the keeper notes them; the oldest give way */
        pthread_mutex_t lock;
        ly_unread items[16];
        size_t n;
    } unread;
    atomic_llong log_bytes; /* of the write-ahead log at the last commit */
    atomic_bool stopping;
    _Atomic(const char *) trouble; /* why storing fails; NULL = it does not */
    ly_store *writer_store, *keeper_store;
    pthread_t writer, keeper;
    bool writer_runs, keeper_runs;
    pthread_mutex_t keeper_lock;
    pthread_cond_t keeper_wake;
    bool keeper_stop;
    ly_grpc *grpc;
    ly_http *http;
    ly_runtime_file *runtime;
};

/* writer.c, keeper.c: thread functions; both end after ly_queue_close / keeper_stop. */
void *ly_writer_main(void *collector);
void *ly_keeper_main(void *collector);

/* grpc.c */
LY_MUST_USE ly_status ly_grpc_start(ly_collector *c, ly_err *err); /* with c->pem */
LY_MUST_USE ly_status ly_grpc_renew(ly_collector *c, const ly_pem *pem, ly_err *err);
void ly_grpc_drain(ly_collector *c);
void ly_grpc_stop(ly_collector *c, int64_t grace_ns);
void ly_grpc_pump(ly_collector *c);
/* Now and then (keeper): a server that cannot take connections any more is replaced. */
void ly_grpc_tick(ly_collector *c);
void ly_grpc_rest(ly_collector *c);

/* http_listen.c. New before gRPC starts and freed after it has stopped: a receiver that gives room back
 * wakes those that wait at the other. */
LY_MUST_USE ly_status ly_httpd_new(ly_collector *c, ly_err *err);
LY_MUST_USE ly_status ly_http_start(ly_collector *c, const ly_pem *pem, ly_err *err);
/* Wakes the first request that waits for room. */
void ly_http_pump(ly_collector *c);
/* Now and then (keeper): slow clients, waiting requests, retired daemons. */
void ly_http_tick(ly_collector *c);
/* New connections get the new certificate. Under reload_lock. */
LY_MUST_USE ly_status ly_http_renew(ly_collector *c, const ly_pem *pem, ly_err *err);
void ly_http_drain(ly_collector *c);
void ly_http_stop(ly_collector *c, int64_t grace_ns);
void ly_httpd_free(ly_collector *c);

/* collector.c: a PEM file as text, owned by the caller. */
LY_MUST_USE ly_status ly_pem_read(const char *path, char **ret_text, ly_err *err);
/* probe_tls.c: are these a certificate (chain) and its key? LY_E_INVALID. */
LY_MUST_USE ly_status ly_pem_check(const ly_pem *pem, ly_err *err);
/* Head and body over TLS; everything that comes until the other side closes is appended. */
LY_MUST_USE ly_status ly_probe_tls(int fd, const char *cert_file, ly_str head, ly_str body,
                                   int64_t until, ly_buf *in, ly_err *err);

/* runtime.c: makes and locks `<db>.collector`. LY_E_BUSY: another collector holds it. */
LY_MUST_USE ly_status ly_runtime_claim(const char *db, ly_runtime_file **ret_file, ly_err *err);
LY_MUST_USE ly_status ly_runtime_write(ly_runtime_file *file, const ly_collector *c, ly_err *err);
void ly_runtime_drop(ly_runtime_file *file);

/* listen.c: a bound, listening TCP socket; port 0 takes a free one. LY_E_BUSY names the owner. */
LY_MUST_USE ly_status ly_listen(const char *address, int port, int *ret_fd, int *ret_port,
                                ly_err *err);
bool ly_address_is_loopback(const char *address);
/* LY_E_INVALID where the text is neither an IP address nor a name that is known here. */
LY_MUST_USE ly_status ly_address_check(const char *address, ly_err *err);

#endif
