/*
 * liblydite-otlp.so: OTLP/gRPC over core/rpc, as the table that liblydite opens. See object.h.
 */
#include "tracer/otlp/object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "otlp/pb.h"
#include "rpc/client.h"

#define TRACES "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define LOGS   "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

typedef struct channel {
    ly_rpc_channel *rpc;
    ly_rpc_meta *meta;
    size_t n_meta;
} channel;

LY_EXPORT extern const ly_otlp_object lydite_otlp_object;

/* A PEM file, NUL-terminated; NULL and a text when it cannot be read. */
static char *read_pem(const char *path, char *text, size_t size)
{
    char *pem = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < (off_t)LY_MIB(1) &&
        (pem = ly_calloc(1, (size_t)st.st_size + 1)) != NULL) {
        ssize_t n = read(fd, pem, (size_t)st.st_size);
        if (n != (ssize_t)st.st_size) {
            ly_free(pem);
            pem = NULL;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!pem) {
        snprintf(text, size, "%s: cannot be read as a PEM file", path);
    }
    return pem;
}

static void channel_close(void *arg)
{
    channel *c = arg;
    ly_rpc_channel_free(c->rpc);
    for (size_t i = 0; i < c->n_meta; i++) {
        ly_free((char *)c->meta[i].key.ptr);
        ly_free_secret((char *)c->meta[i].value.ptr, c->meta[i].value.len);
    }
    ly_free(c->meta);
    ly_free(c);
}

static bool copy_headers(channel *c, const ly_otlp_channel_config *config)
{
    if (!config->n_headers) {
        return true;
    }
    c->meta = ly_calloc(config->n_headers, sizeof *c->meta);
    if (!c->meta) {
        return false;
    }
    for (size_t i = 0; i < config->n_headers; i++, c->n_meta++) {
        ly_str key = ly_str_c(config->header_keys[i]), value = ly_str_c(config->header_values[i]);
        c->meta[i].key = ly_str_n(ly_str_dup(key), key.len);
        c->meta[i].value = ly_str_n(ly_str_dup(value), value.len);
        if (!c->meta[i].key.ptr || !c->meta[i].value.ptr) {
            c->n_meta = i + 1;
            return false;
        }
    }
    return true;
}

static void *channel_open(const ly_otlp_channel_config *config, char *text, size_t size)
{
    ly_err err = LY_ERR_INIT;
    char *ca = NULL, *cert = NULL, *key = NULL;
    channel *c = ly_calloc(1, sizeof *c);
    bool ok = c && copy_headers(c, config);
    snprintf(text, size, "out of memory");
    if (ok && config->tls) {
        ok = (!config->ca_file || (ca = read_pem(config->ca_file, text, size)) != NULL) &&
             (!config->cert_file || (cert = read_pem(config->cert_file, text, size)) != NULL) &&
             (!config->key_file || (key = read_pem(config->key_file, text, size)) != NULL);
    }
    if (ok) {
        ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
        opts.target = config->target;
        opts.tls = config->tls;
        opts.ca_pem = ca;
        opts.cert_pem = cert;
        opts.key_pem = key;
        opts.user_agent = config->user_agent;
        opts.gzip = config->gzip;
        opts.quiet = true;
        opts.reconnect_ns = 10 * LY_NS_PER_MS; /* the exporter closes a channel that failed */
        ok = ly_rpc_channel_new(&opts, &c->rpc, &err) == LY_OK;
        if (!ok) {
            snprintf(text, size, "%s", err.text);
        }
    }
    ly_free(ca);
    ly_free(cert);
    if (key) {
        ly_free_secret(key, strlen(key));
    }
    if (!ok && c) {
        channel_close(c);
        c = NULL;
    }
    return c;
}

static bool channel_send(void *arg, bool logs, const void *bytes, size_t len, int64_t timeout_ns,
                         void *token, char *text, size_t size)
{
    channel *c = arg;
    ly_err err = LY_ERR_INIT;
    const ly_rpc_request request = {.method = logs ? LOGS : TRACES,
                                    .body = ly_str_n(bytes, len),
                                    .meta = c->meta,
                                    .n_meta = c->n_meta,
                                    .timeout_ns = timeout_ns,
                                    .token = token};
    if (ly_rpc_call_start(c->rpc, &request, &err) != LY_OK) {
        snprintf(text, size, "%s", err.text);
        return false;
    }
    return true;
}

/* Export*ServiceResponse { partial_success = 1 { rejected = 1, error_message = 2 } } */
static void read_partial(ly_str body, ly_otlp_reply *ret)
{
    ly_pb_reader reader = ly_pb_read(body);
    ly_pb_field field, inner;
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (field.number != 1 || field.type != LY_PB_BYTES) {
            continue;
        }
        ly_pb_reader partial = ly_pb_read(field.bytes);
        while (ly_pb_next(&partial, &inner) == LY_PB_FIELD) {
            if (inner.number == 1 && inner.type == LY_PB_VARINT && (int64_t)inner.value > 0) {
                ret->rejected = inner.value;
            } else if (inner.number == 2 && inner.type == LY_PB_BYTES) {
                ly_str_copy(inner.bytes, ret->text, sizeof ret->text);
            }
        }
    }
}

static int channel_wait(void *arg, int64_t timeout_ns, ly_otlp_reply *ret)
{
    channel *c = arg;
    ly_rpc_reply reply = {0};
    if (ly_rpc_channel_wait(c->rpc, timeout_ns, &reply) != LY_OK) {
        return 0;
    }
    *ret = (ly_otlp_reply){.token = reply.token,
                           .code = reply.code,
                           .code_name = ly_rpc_code_name(reply.code),
                           .announced = reply.announced};
    if (reply.code == LY_RPC_OK) {
        read_partial(reply.body, ret);
    } else {
        ret->retryable = ly_rpc_retryable(reply.code, reply.details, &ret->delay_ns);
        ly_str_copy(reply.message, ret->text, sizeof ret->text);
    }
    ly_rpc_reply_release(&reply);
    return 1;
}

const ly_otlp_object lydite_otlp_object = {.version = LY_OTLP_OBJECT_VERSION,
                                           .open = channel_open,
                                           .send = channel_send,
                                           .wait = channel_wait,
                                           .close = channel_close,
                                           .grpc_in_use = ly_rpc_loaded};
