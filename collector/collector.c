/*
 * collector: putting it together and taking it apart.
 *
 * Start: options -> runtime file (one collector a database) -> stores -> configuration -> writer -> gRPC,
 * HTTP -> keeper -> runtime file written. Stop, in this order: no new connections and requests -> the
 * queue is closed and the writer commits and answers what is in it -> keeper (it looks after the
 * transports, so it goes first) -> transports end -> stores -> runtime file.
 */
#include "collector/collector.h"

#include <errno.h>
#include <malloc.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/thread.h"
#include "collector/impl.h"
#include "text/hash.h"

#define MAX_PEM LY_MIB(1)

/* ------------------------------------------------------------- configuration */

ly_config *ly_config_ref(ly_collector *c)
{
    pthread_mutex_lock(&c->config_lock);
    ly_config *config = c->config;
    atomic_fetch_add(&config->refs, 1);
    pthread_mutex_unlock(&c->config_lock);
    return config;
}

static void book_unref(ly_shared_book *shared)
{
    if (!shared || atomic_fetch_sub(&shared->refs, 1) != 1)
        return;
    ly_price_book_free(shared->book);
    ly_free(shared);
}

void ly_config_unref(ly_config *config)
{
    if (!config || atomic_fetch_sub(&config->refs, 1) != 1)
        return;
    book_unref(config->book);
    ly_access_free(config->access);
    ly_free(config);
}

static ly_status load_access(ly_collector *c, ly_access **ret, ly_err *err)
{
    if (!c->info.keys)
        return LY_OK;
    return ly_access_load(c->db, c->local_key, ret, err);
}

/* The book of the database, or where it cannot be read (a busy file) the one in use. The caller holds
 * reload_lock, so that c->config stays. */
static ly_status load_book(ly_collector *c, ly_config *config, ly_err *err)
{
    ly_price_book *book =
        c->opts.hooks.load_book ? c->opts.hooks.load_book(c->opts.hooks.user, err) : NULL;
    atomic_store(&c->book_unread, c->opts.hooks.load_book && !book);
    if (book) {
        config->book = ly_calloc(1, sizeof *config->book);
        if (!config->book) {
            ly_price_book_free(book);
            return LY_NOMEM(err);
        }
        atomic_init(&config->book->refs, 1);
        config->book->book = book;
    } else if (c->config && c->config->book) {
        config->book = c->config->book;
        atomic_fetch_add(&config->book->refs, 1);
    }
    config->ingest.book = config->book ? config->book->book : ly_price_book_default();
    return LY_OK;
}

/* A new configuration takes the old one's place; requests in hand keep the one they began with. */
static ly_status load_config(ly_collector *c, ly_err *err)
{
    ly_config *config = ly_calloc(1, sizeof *config);
    if (!config)
        return LY_NOMEM(err);
    atomic_init(&config->refs, 1);
    config->ingest.redact = c->redact;
    ly_status status = load_access(c, &config->access, err);
    if (!status)
        status = load_book(c, config, err);
    if (status) {
        ly_config_unref(config);
        return status;
    }
    pthread_mutex_lock(&c->config_lock);
    ly_config *old = c->config;
    c->config = config;
    pthread_mutex_unlock(&c->config_lock);
    ly_config_unref(old);
    return LY_OK;
}

/* -------------------------------------------------------------- certificates */

ly_status ly_pem_read(const char *path, char **ret, ly_err *err)
{
    if (!path)
        return LY_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return LY_FAIL(err, errno == ENOENT ? LY_E_NOTFOUND : LY_E_DENIED, "%s: %s", path,
                       strerror(errno));
    char *text = ly_calloc(1, MAX_PEM + 1);
    ssize_t n = text ? read(fd, text, MAX_PEM) : -1;
    close(fd);
    if (n < 0) {
        ly_free(text);
        return LY_FAIL(err, LY_E_IO, "%s cannot be read", path);
    }
    *ret = text;
    return LY_OK;
}

static void pem_release(ly_pem *pem)
{
    ly_free(pem->cert);
    ly_free_secret(pem->key, pem->key ? strlen(pem->key) : 0);
    *pem = (ly_pem){NULL, NULL};
}

static ly_status read_pems(ly_collector *c, ly_pem *ret, ly_err *err)
{
    ly_pem pem = {NULL, NULL};
    ly_status status = ly_pem_read(c->tls_cert, &pem.cert, err);
    if (!status)
        status = ly_pem_read(c->tls_key, &pem.key, err);
    if (status)
        pem_release(&pem);
    else
        *ret = pem;
    return status;
}

/* New files come into force together, and only when they are a pair; else the old pair stays. */
static ly_status reload_pems(ly_collector *c, ly_err *err)
{
    ly_pem pem = {NULL, NULL};
    if (!c->tls_cert || !c->pem.cert)
        return LY_OK;
    ly_status status = read_pems(c, &pem, err);
    if (status)
        return status;
    bool same = strcmp(pem.cert, c->pem.cert) == 0 && strcmp(pem.key, c->pem.key) == 0;
    if (!same)
        status = ly_pem_check(&pem, err);
    if (!same && !status)
        status = ly_http_renew(c, &pem, err);
    if (!same && !status && c->grpc)
        status = ly_grpc_renew(c, &pem, err);
    if (!same && !status) {
        ly_pem old = c->pem;
        c->pem = pem;
        pem = old;
        ly_log(LY_LOG_INFO, ROOM, "new connections get the new certificate");
    }
    pem_release(&pem);
    return status;
}

ly_status ly_collector_reload(ly_collector *c, ly_err *err)
{
    ly_err more = LY_ERR_INIT;
    pthread_mutex_lock(&c->reload_lock);
    ly_status status = load_config(c, err);
    ly_status tls = reload_pems(c, status ? &more : err);
    pthread_mutex_unlock(&c->reload_lock);
    return status ? status : tls;
}

/* ------------------------------------------------------------------- options */

static ly_status check_exposure(ly_collector *c, ly_err *err)
{
    const ly_collector_opts *o = &c->opts;
    c->info.keys = o->require_key;
    if ((o->tls_cert != NULL) != (o->tls_key != NULL))
        return LY_FAIL(err, LY_E_INVALID, "--tls-cert and --tls-key go together");
    if (ly_address_is_loopback(o->listen))
        return LY_OK;
    ly_status status = ly_address_check(o->listen, err);
    if (status)
        return status;
    if (!o->redact)
        return LY_FAIL(err, LY_E_INVALID,
                       "%s is reachable by others: choose what is redacted with --redact secrets, "
                       "secrets,pii or none",
                       o->listen);
    if (o->insecure)
        return LY_OK;
    if (!o->tls_cert)
        return LY_FAIL(
            err, LY_E_INVALID,
            "%s is reachable by others: give --tls-cert and --tls-key, or say --insecure",
            o->listen);
    c->info.keys = true;
    return LY_OK;
}

static ly_status check_keys(ly_collector *c, ly_err *err)
{
    if (!c->info.keys || ly_access_count(c->config->access) > 0)
        return LY_OK;
    return LY_FAIL(
        err, LY_E_INVALID,
        "an access key is asked for but there is none; make one with: lydite auth add NAME");
}

static ly_status copy_text(const char *from, char **to, ly_err *err)
{
    if (!from)
        return LY_OK;
    *to = ly_strdup(from);
    return *to ? LY_OK : LY_NOMEM(err);
}

/* Absolute where it can be: others read it in the runtime file. */
static ly_status copy_path(const char *from, char **to, ly_err *err)
{
    char *whole = from ? realpath(from, NULL) : NULL;
    ly_status status = copy_text(whole ? whole : from, to, err);
    free(whole);
    return status;
}

static void fill_limits(ly_collector_limits *limits)
{
    if (limits->http_connections <= 0)
        limits->http_connections = 512;
    if (limits->idle_ns <= 0)
        limits->idle_ns = 30 * LY_NS_PER_SEC;
    if (limits->request_ns <= 0)
        limits->request_ns = 60 * LY_NS_PER_SEC;
    if (limits->wait_ns <= 0)
        limits->wait_ns = 2 * LY_NS_PER_SEC;
}

static ly_status copy_opts(ly_collector *c, const ly_collector_opts *opts, ly_err *err)
{
    c->opts = *opts;
    ly_status status = copy_text(opts->db, &c->db, err);
    if (!status)
        status = copy_text(opts->listen, &c->listen, err);
    if (!status)
        status = copy_path(opts->tls_cert, &c->tls_cert, err);
    if (!status)
        status = copy_text(opts->tls_key, &c->tls_key, err);
    c->opts.db = c->db;
    c->opts.listen = c->listen;
    c->opts.tls_cert = c->tls_cert;
    c->opts.tls_key = c->tls_key;
    (void)ly_str_copy(ly_str_c(opts->listen ? opts->listen : "127.0.0.1"), c->info.address,
                      sizeof c->info.address);
    c->info.tls = opts->tls_cert != NULL;
    c->budget.max = opts->budget_bytes;
    fill_limits(&c->opts.limits);
    return status;
}

/* --------------------------------------------------------------------- start */

/* What settling asks when a span got its counts from a log record. */
static ly_priced price_in_force(void *user, const ly_canon *canon, int64_t at_ns)
{
    ly_config *config = ly_config_ref(user);
    ly_priced priced = ly_price_span(config->ingest.book, canon, at_ns);
    ly_config_unref(config);
    return priced;
}

static ly_status open_stores(ly_collector *c, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    opts.durability = c->opts.durability;
    opts.own_checkpoints = true;
    opts.wal_limit_bytes = c->opts.wal_limit_bytes;
    ly_status status = ly_store_open(c->db, &opts, &c->writer_store, err);
    if (status)
        return status;
    ly_store_price_with(c->writer_store, price_in_force, c);
    if (c->opts.record)
        ly_store_record(c->writer_store, c->opts.record, c->opts.record_user);
    opts.cache_bytes = LY_MIB(2);
    return ly_store_open(c->db, &opts, &c->keeper_store, err);
}

static ly_status start_thread(pthread_t *thread, bool *ret_runs, void *(*run)(void *),
                              ly_collector *c, ly_err *err)
{
    int failed = pthread_create(thread, NULL, run, c);
    *ret_runs = failed == 0;
    return failed ? LY_FAIL(err, LY_E_IO, "a thread could not be started: %s", strerror(failed))
                  : LY_OK;
}

static ly_status start_receivers(ly_collector *c, ly_err *err)
{
    ly_status status = read_pems(c, &c->pem, err);
    if (!status && c->pem.cert)
        status = ly_pem_check(&c->pem, err);
    if (!status && c->opts.grpc_port >= 0)
        status = ly_grpc_start(c, err);
    if (!status && c->opts.http_port >= 0)
        status = ly_http_start(c, &c->pem, err);
    return status;
}

/* A taken port is told before a database is made. */
static ly_status try_port(ly_collector *c, int port, ly_err *err)
{
    int fd = -1, bound = 0;
    if (port <= 0)
        return LY_OK;
    ly_status status = ly_listen(c->info.address, port, &fd, &bound, err);
    if (!status)
        close(fd);
    return status;
}

/* For `status`, `doctor` and `run`: who may read the runtime file may read the database. */
static ly_status make_local_key(ly_collector *c, ly_err *err)
{
    uint8_t random[32];
    ly_status status = ly_random(random, sizeof random, err);
    if (status)
        return status;
    (void)ly_str_copy(LY_S("lyr_"), c->local_key, sizeof c->local_key);
    ly_hex_encode(random, sizeof random, c->local_key + 4);
    c->local_key[4 + 2 * sizeof random] = '\0';
    return LY_OK;
}

static ly_status start(ly_collector *c, const ly_collector_opts *opts, ly_err *err)
{
    ly_status status = copy_opts(c, opts, err);
    if (!status)
        status = check_exposure(c, err);
    if (!status)
        status = ly_redact_new(ly_str_c(opts->redact ? opts->redact : ""), opts->redact_rules,
                               opts->n_redact_rules, &c->redact, err);
    if (!status)
        status = try_port(c, opts->http_port, err);
    if (!status)
        status = try_port(c, opts->grpc_port, err);
    if (!status && opts->exclusive)
        status = ly_runtime_claim(c->db, &c->runtime, err);
    if (!status && c->runtime && c->info.keys)
        status = make_local_key(c, err);
    if (!status)
        status = open_stores(c, err);
    /* The mark first: a price that is added in between is read twice, never missed. */
    if (!status)
        status = ly_price_mark_get(c->keeper_store, &c->prices, err);
    if (!status)
        status = ly_access_key_mark_get(c->keeper_store, &c->access_mark, err);
    if (!status)
        status = ly_collector_reload(c, err);
    if (!status)
        status = check_keys(c, err);
    if (!status)
        status = ly_queue_new(SIZE_MAX, SIZE_MAX, &c->queue, err);
    if (!status)
        status = ly_httpd_new(c, err);
    if (!status)
        status = start_thread(&c->writer, &c->writer_runs, ly_writer_main, c, err);
    if (!status)
        status = start_receivers(c, err);
    /* The keeper looks after receivers that stand: one still being opened would seem deaf to it. */
    if (!status)
        status = start_thread(&c->keeper, &c->keeper_runs, ly_keeper_main, c, err);
    if (!status && c->runtime)
        status = ly_runtime_write(c->runtime, c, err);
    return status;
}

/*
 * The heap of the process, for one that takes requests of many megabytes one after another. The defaults
 * give each buffer pages of its own and take them back when it is freed, so that the kernel clears each
 * page of each request anew, twice; and they keep a heap a thread, each with its own holes. So: one heap,
 * that keeps what it has while requests come (ly_keeper_main gives it back when none do).
 */
static void set_up_heap(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, (int)LY_MIB(32));
    (void)mallopt(M_TRIM_THRESHOLD, (int)LY_MIB(256));
}

static void init(ly_collector *c)
{
    set_up_heap();
    pthread_mutex_init(&c->config_lock, NULL);
    pthread_mutex_init(&c->reload_lock, NULL);
    pthread_mutex_init(&c->budget.lock, NULL);
    pthread_mutex_init(&c->stats.lock, NULL);
    pthread_mutex_init(&c->pool.lock, NULL);
    pthread_mutex_init(&c->unread.lock, NULL);
    pthread_mutex_init(&c->keeper_lock, NULL);
    ly_cond_init(&c->keeper_wake);
    ly_collector_stats *s = &c->stats.now;
    s->wal_bytes = s->disk_free_bytes = s->unsettled = s->oldest_unsettled_ns = s->db_bytes =
        LY_UNKNOWN;
    s->start_ns = ly_wall_ns();
}

ly_status ly_collector_start(const ly_collector_opts *opts, ly_collector **ret_collector,
                             ly_err *err)
{
    ly_collector *c = ly_calloc(1, sizeof *c);
    if (!c)
        return LY_NOMEM(err);
    init(c);
    ly_status status = start(c, opts, err);
    if (status) {
        ly_collector_stop(c, 0);
        return status;
    }
    *ret_collector = c;
    return LY_OK;
}

/* ---------------------------------------------------------------------- stop */

static void stop_keeper(ly_collector *c)
{
    if (!c->keeper_runs)
        return;
    pthread_mutex_lock(&c->keeper_lock);
    c->keeper_stop = true;
    pthread_cond_signal(&c->keeper_wake);
    pthread_mutex_unlock(&c->keeper_lock);
    pthread_join(c->keeper, NULL);
}

static void close_stores(ly_collector *c)
{
    if (c->keeper_store) /* a log that stays is taken in by whoever opens the file next */
        (void)!ly_store_checkpoint(c->keeper_store, true, 100 * LY_NS_PER_MS, NULL, NULL);
    ly_store_close(c->keeper_store);
    ly_store_close(c->writer_store);
}

void ly_collector_stop(ly_collector *c, int64_t grace_ns)
{
    if (!c)
        return;
    int64_t until = ly_mono_ns() + grace_ns;
    atomic_store(&c->stopping, true);
    ly_http_drain(c);
    ly_grpc_drain(c);
    if (c->queue)
        ly_queue_close(c->queue);
    if (c->writer_runs)
        pthread_join(c->writer, NULL);
    stop_keeper(c);
    int64_t left = until - ly_mono_ns();
    ly_http_stop(c, left > 0 ? left : 0);
    left = until - ly_mono_ns();
    ly_grpc_stop(c, left > 0 ? left : 0);
    ly_httpd_free(c);
    close_stores(c);
    ly_runtime_drop(c->runtime);
    ly_config_unref(c->config);
    ly_redact_free(c->redact);
    if (c->queue)
        ly_queue_free(c->queue);
    for (size_t i = 0; i < c->pool.n; i++)
        ly_ingest_job_free(c->pool.jobs[i]);
    ly_free(c->db);
    ly_free(c->listen);
    ly_free(c->tls_cert);
    ly_free(c->tls_key);
    pem_release(&c->pem);
    ly_free(c);
}

const ly_collector_info *ly_collector_get_info(const ly_collector *c)
{
    return &c->info;
}

const char *ly_collector_not_ready(ly_collector *c)
{
    if (atomic_load(&c->stopping))
        return "stopping";
    return atomic_load(&c->trouble);
}
