/*
 * Transports: how an encoded request leaves. The one over gRPC is opened from another shared object; the
 * others answer at once and keep the answer for the next wait.
 */
#include "tracer/engine.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "tracer/otlp/object.h"
#include "tracer/transport.h"

/* ---- gRPC ---- */

typedef struct grpc_transport {
    ly_transport base;
    const ly_otlp_object *object;
    void *channel;
    int64_t timeout_ns;
} grpc_transport;

static ly_status grpc_send(ly_transport *base, ly_request *request, ly_err *err)
{
    grpc_transport *self = (grpc_transport *)base;
    char text[LYDITE_TEXT_MAX] = "";
    if (!self->object->send(self->channel, request->logs, request->body.ptr + request->body_at,
                            request->body.len - request->body_at, self->timeout_ns, request, text,
                            sizeof text)) {
        return LY_FAIL(err, LY_E_INVALID, "%s", text);
    }
    return LY_OK;
}

static ly_status grpc_wait(ly_transport *base, int64_t timeout_ns, ly_reply *ret)
{
    grpc_transport *self = (grpc_transport *)base;
    ly_otlp_reply reply;
    if (!self->object->wait(self->channel, timeout_ns, &reply)) {
        return LY_E_TIMEOUT;
    }
    *ret = (ly_reply){.request = reply.token,
                      .ok = reply.code == 0,
                      .retryable = reply.retryable,
                      .code = reply.code,
                      .delay_ns = reply.delay_ns,
                      .rejected = reply.rejected,
                      .announced = reply.announced};
    if (reply.code) {
        snprintf(ret->text, sizeof ret->text, "%s%s%.180s", reply.code_name,
                 reply.text[0] ? ": " : "", reply.text);
    } else {
        snprintf(ret->text, sizeof ret->text, "%.230s", reply.text);
    }
    return LY_OK;
}

static void grpc_close(ly_transport *base)
{
    grpc_transport *self = (grpc_transport *)base;
    self->object->close(self->channel);
    ly_free(self);
}

/* The folder that this very code was loaded from, with a '/', or "". */
static void own_folder(char *out, size_t size)
{
    Dl_info info;
    out[0] = 0;
    if (dladdr((const void *)(uintptr_t)&ly_transport_open, &info) && info.dli_fname) {
        const char *slash = strrchr(info.dli_fname, '/');
        int n = slash ? (int)(slash - info.dli_fname) + 1 : 0;
        if ((size_t)n < size) {
            snprintf(out, size, "%.*s", n, info.dli_fname);
        }
    }
}

/* LYDITE_EXPORTER_PATH; beside liblydite; ../lib beside a program that has liblydite inside; the
 * loader's own path. Never unloaded: gRPC's destructors are registered with it. */
static const ly_otlp_object *load_object(const ly_config *config, ly_err *err)
{
    char folder[3072], path[4096];
    void *handle = NULL;
    own_folder(folder, sizeof folder);
    if (config->exporter_path) {
        handle = dlopen(config->exporter_path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    } else {
        static const char *const places[] = {"", "../lib/", "../lib/x86_64-linux-gnu/",
                                             "../lib/aarch64-linux-gnu/"};
        for (size_t i = 0; i < LY_COUNT(places) && !handle && folder[0]; i++) {
            snprintf(path, sizeof path, "%s%s" LY_OTLP_OBJECT_FILE, folder, places[i]);
            if (access(path, R_OK) == 0) {
                handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
            }
        }
        if (!handle) {
            handle = dlopen(LY_OTLP_OBJECT_FILE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        }
    }
    const char *why = handle ? NULL : dlerror();
    const ly_otlp_object *object = handle ? dlsym(handle, LY_OTLP_OBJECT_SYMBOL) : NULL;
    if (!object) {
        LY_FAIL(err, LY_E_NOTFOUND,
                "the exporter " LY_OTLP_OBJECT_FILE " cannot be opened (%s): install it beside "
                "liblydite or set LYDITE_EXPORTER_PATH",
                why ? why : "it is something else");
        return NULL;
    }
    if (object->version != LY_OTLP_OBJECT_VERSION) {
        LY_FAIL(err, LY_E_UNSUPPORTED,
                LY_OTLP_OBJECT_FILE " is of another version: install both "
                                    "libraries from one build");
        return NULL;
    }
    return object;
}

static ly_status open_grpc(lydite_tracer *tracer, ly_transport **ret, ly_err *err)
{
    const ly_config *config = &tracer->config;
    char text[LYDITE_TEXT_MAX] = "";
    ly_status status = LY_OK;
    const char **keys = NULL;
    grpc_transport *self = NULL;
    const ly_otlp_object *object = load_object(config, err);
    if (!object) {
        return LY_E_NOTFOUND;
    }
    if (tracer->forked && object->grpc_in_use()) {
        return LY_FAIL(
            err, LY_E_UNSUPPORTED,
            "this process is a child of fork() and something else in it uses gRPC, which "
            "does not survive a fork: tracing is off here; fork before gRPC starts, or "
            "use fork and exec");
    }
    keys = ly_calloc(config->n_headers * 2 + 1, sizeof *keys);
    self = ly_calloc(1, sizeof *self);
    if (!keys || !self) {
        status = LY_NOMEM(err);
        goto out;
    }
    for (size_t i = 0; i < config->n_headers; i++) {
        keys[i] = config->headers[i].key;
        keys[config->n_headers + i] = config->headers[i].value;
    }
    const ly_otlp_channel_config c = {.target = config->target,
                                      .tls = config->tls,
                                      .gzip = config->gzip,
                                      .ca_file = config->ca_file,
                                      .cert_file = config->cert_file,
                                      .key_file = config->key_file,
                                      .user_agent = "lydite-c/" LYDITE_VERSION
                                                    " OTel-OTLP-Exporter-C/" LYDITE_VERSION,
                                      .header_keys = keys,
                                      .header_values = keys + config->n_headers,
                                      .n_headers = config->n_headers};
    self->object = object;
    self->timeout_ns = config->timeout_ns;
    self->base = (ly_transport){grpc_send, grpc_wait, grpc_close, true};
    self->channel = object->open(&c, text, sizeof text);
    if (!self->channel) {
        status = LY_FAIL(err, LY_E_INVALID, "%s", text);
        goto out;
    }
    *ret = &self->base;
    self = NULL;
out:
    ly_free(keys);
    ly_free(self);
    return status;
}

/* ---- the ones that answer at once ---- */

#define MAX_ANSWERS 64u

typedef struct local_transport {
    ly_transport base;
    lydite_tracer *tracer;
    ly_reply answers[MAX_ANSWERS];
    uint32_t first, n;
    int fd;
} local_transport;

static ly_status local_wait(ly_transport *base, int64_t timeout_ns, ly_reply *ret)
{
    local_transport *self = (local_transport *)base;
    (void)timeout_ns;
    if (!self->n) {
        return LY_E_TIMEOUT;
    }
    *ret = self->answers[self->first];
    self->first = (self->first + 1) % MAX_ANSWERS;
    self->n--;
    return LY_OK;
}

static ly_reply *answer(local_transport *self, ly_request *request)
{
    ly_reply *reply = &self->answers[(self->first + self->n++) % MAX_ANSWERS];
    *reply = (ly_reply){.request = request, .ok = true};
    return reply;
}

static ly_status none_send(ly_transport *base, ly_request *request, ly_err *err)
{
    ly_reply *reply = answer((local_transport *)base, request);
    (void)err;
    reply->ok = false;
    reply->code = LY_REPLY_NONE;
    return LY_OK;
}

static ly_status fn_send(ly_transport *base, ly_request *request, ly_err *err)
{
    local_transport *self = (local_transport *)base;
    const ly_config *config = &self->tracer->config;
    (void)err;
    int code =
        config->export_fn(config->export_user, request->logs, request->body.ptr + request->body_at,
                          request->body.len - request->body_at, request->n);
    ly_reply *reply = answer(self, request);
    reply->ok = code == 0;
    reply->retryable = code > 0;
    reply->delay_ns = code > 0 ? code * LY_NS_PER_MS : 0;
    reply->code = code;
    if (code < 0) {
        snprintf(reply->text, sizeof reply->text, "the host's export function failed (%d)", code);
    }
    return LY_OK;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static ly_status text_send(ly_transport *base, ly_request *request, ly_err *err)
{
    local_transport *self = (local_transport *)base;
    ly_str bytes =
        ly_str_n(request->body.ptr + request->body_at, request->body.len - request->body_at);
    const bool file = self->tracer->config.exporter == LY_EXPORT_FILE;
    ly_buf text;
    ly_buf_init(&text, (size_t)1 << 30);
    ly_status status = file ? ly_export_json(bytes, request->logs, &text, err)
                            : ly_export_tree(bytes, request->logs, &text, err);
    ly_reply *reply = answer(self, request);
    if (status || !write_all(self->fd, text.ptr, text.len)) {
        reply->ok = false;
        reply->code = -1;
        snprintf(reply->text, sizeof reply->text, "%s: cannot be written",
                 file ? self->tracer->config.file : "standard error");
    }
    ly_buf_release(&text);
    return LY_OK;
}

static void local_close(ly_transport *base)
{
    local_transport *self = (local_transport *)base;
    if (self->fd > 2) {
        close(self->fd);
    }
    ly_free(self);
}

ly_status ly_transport_open(lydite_tracer *tracer, ly_transport **ret, ly_err *err)
{
    const ly_exporter_kind kind = tracer->config.exporter;
    if (kind == LY_EXPORT_OTLP) {
        return open_grpc(tracer, ret, err);
    }
    local_transport *self = ly_calloc(1, sizeof *self);
    if (!self) {
        return LY_NOMEM(err);
    }
    self->tracer = tracer;
    self->fd = 2;
    self->base = (ly_transport){kind == LY_EXPORT_NONE ? none_send
                                : kind == LY_EXPORT_FN ? fn_send
                                                       : text_send,
                                local_wait, local_close, false};
    if (kind == LY_EXPORT_FILE) {
        self->fd = open(tracer->config.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (self->fd < 0) {
            ly_free(self);
            return LY_FAIL(err, LY_E_IO, "%s: cannot be written (%s)", tracer->config.file,
                           strerror(errno));
        }
    }
    *ret = &self->base;
    return LY_OK;
}
