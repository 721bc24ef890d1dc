/*
 * From options and environment to a configuration: options first, then LYDITE_*, then OTEL_*, then
 * defaults. The variables and their meaning: otlp-and-genai-conventions §1.7. Parsing rules there:
 * empty is unset, only "true" is true, an unparsable number is noted and ignored, an unknown
 * enumeration value likewise. What cannot be meant at all (a protocol that we do not speak) is an error
 * that names the variable and the value to set.
 */
#include "tracer/engine.h"

#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"
#include "otlp/pb.h"

extern char *program_invocation_short_name;

typedef struct reader {
    const lydite_options *opts;
    ly_env_fn get;
    void *user;
    ly_config *config;
} reader;

/* ---- the environment ---- */

static const char *env(const reader *r, const char *name)
{
    const char *value = r->opts->ignore_env ? NULL : r->get(r->user, name);
    return value && *value ? value : NULL;
}

/* The first of several that is set; *ret_name tells which. */
static const char *env_first(const reader *r, const char *const *names, const char **ret_name)
{
    for (; *names; names++) {
        const char *value = env(r, *names);
        if (value) {
            *ret_name = *names;
            return value;
        }
    }
    return NULL;
}

static void note(const reader *r, const char *fmt, ...) LY_PRINTF(2, 3);
static void note(const reader *r, const char *fmt, ...)
{
    char text[LYDITE_TEXT_MAX];
    va_list args;
    if (!r->config->diag) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    r->config->diag(r->config->diag_user, 2, text);
}

static bool env_u64(const reader *r, const char *name, uint64_t *ret)
{
    const char *value = env(r, name);
    if (!value) {
        return false;
    }
    if (!ly_str_to_u64(ly_str_trim(ly_str_c(value)), ret)) {
        note(r, "%s is %s, which is not a number: the default is used", name, value);
        return false;
    }
    return true;
}

/* A count: option, else the first variable that is a number, else the default. */
static uint32_t number(const reader *r, uint32_t option, const char *name, const char *name2,
                       uint32_t def)
{
    uint64_t value;
    if (option) {
        return option;
    }
    if ((name && env_u64(r, name, &value)) || (name2 && env_u64(r, name2, &value))) {
        return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    }
    return def;
}

static bool env_true(const reader *r, const char *name)
{
    const char *value = env(r, name);
    return value && ly_str_eq_nocase(ly_str_trim(ly_str_c(value)), LY_S("true"));
}

static bool env_on(const reader *r, const char *name)
{
    const char *value = env(r, name);
    return value && (strcmp(value, "1") == 0 || env_true(r, name));
}

static bool copy_text(char **ret, const char *text)
{
    if (text) {
        *ret = ly_strdup(text);
    }
    return !text || *ret;
}

/* ---- "k=v,k2=v2" ---- */

static bool percent_decode(ly_str s, ly_buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            ly_buf_char(out, s.ptr[i]);
            continue;
        }
        unsigned char byte;
        if (!ly_hex_decode(ly_str_sub(s, i + 1, 2), &byte, 1)) {
            return false;
        }
        ly_buf_char(out, (char)byte);
        i += 2;
    }
    return !out->failed;
}

/* "k=v,k2=v2" with percent-decoded values; calls `each`. false on any decoding error. */
static bool config_pairs(ly_str text, bool (*each)(void *user, ly_str key, ly_str value),
                         void *user)
{
    ly_buf value;
    ly_str part;
    bool ok = true;
    ly_buf_init(&value, LY_KIB(64));
    while (ok && ly_str_split(&text, ',', &part)) {
        part = ly_str_trim(part);
        if (!part.len) {
            continue;
        }
        size_t eq = ly_str_find_char(part, '=', 0);
        ly_str key = ly_str_trim(ly_str_sub(part, 0, eq == SIZE_MAX ? 0 : eq));
        ly_buf_reset(&value);
        ok = key.len && percent_decode(ly_str_trim(ly_str_sub(part, eq + 1, part.len)), &value) &&
             each(user, key, ly_buf_view(&value));
    }
    ly_buf_release(&value);
    return ok;
}

/* ---- the resource ---- */

#define MAX_RESOURCE 256

typedef struct pairs {
    struct {
        char *key, *value;
    } items[MAX_RESOURCE];
    size_t n;
} pairs;

static bool pair_put(void *user, ly_str key, ly_str value)
{
    pairs *all = user;
    char *k = NULL, *v = ly_str_dup(value);
    if (!v) {
        return false;
    }
    for (size_t i = 0; i < all->n; i++) {
        if (ly_str_eqc(key, all->items[i].key)) {
            ly_free(all->items[i].value);
            all->items[i].value = v;
            return true;
        }
    }
    if (all->n == MAX_RESOURCE || !(k = ly_str_dup(key))) {
        ly_free(v);
        return false;
    }
    all->items[all->n].key = k;
    all->items[all->n++].value = v;
    return true;
}

static void pairs_clear(pairs *all)
{
    for (size_t i = 0; i < all->n; i++) {
        ly_free(all->items[i].key);
        ly_free(all->items[i].value);
    }
    all->n = 0;
}

static bool has_pair(const pairs *all, const char *key)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->items[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static bool put_text(pairs *all, const char *key, const char *value)
{
    return !value || pair_put(all, ly_str_c(key), ly_str_c(value));
}

static void encode_pairs(const pairs *all, ly_buf *out)
{
    for (size_t i = 0; i < all->n; i++) {
        size_t mark = ly_pb_open(out, 1);
        ly_pb_put_bytes(out, 1, ly_str_c(all->items[i].key));
        size_t any = ly_pb_open(out, 2);
        ly_pb_put_bytes(out, 1, ly_str_c(all->items[i].value));
        ly_pb_close(out, any);
        ly_pb_close(out, mark);
    }
}

static ly_status read_resource(const reader *r, ly_err *err)
{
    const lydite_options *o = r->opts;
    const char *given = env(r, "OTEL_RESOURCE_ATTRIBUTES");
    ly_status status = LY_OK;
    char unknown[96];
    pairs *all = ly_calloc(1, sizeof *all);
    if (!all) {
        return LY_NOMEM(err);
    }
    if (given && !config_pairs(ly_str_c(given), pair_put, all)) {
        note(r, "OTEL_RESOURCE_ATTRIBUTES is not k=v,k2=v2 with percent-encoded values: ignored");
        pairs_clear(all);
    }
    if (o->resource && !config_pairs(ly_str_c(o->resource), pair_put, all)) {
        status = LY_FAIL(err, LY_E_INVALID,
                         "option resource is not k=v,k2=v2 with percent-encoded values");
        goto out;
    }
    snprintf(unknown, sizeof unknown, "unknown_service:%s", program_invocation_short_name);
    const char *service = o->service ? o->service : env(r, "OTEL_SERVICE_NAME");
    if (!service && !has_pair(all, "service.name")) {
        service = unknown;
    }
    if (!put_text(all, "service.name", service) ||
        !put_text(all, "service.version", o->service_version) ||
        !put_text(all, "deployment.environment.name", o->env) ||
        !put_text(all, "telemetry.sdk.name", "lydite") ||
        !put_text(all, "telemetry.sdk.language", "c") ||
        !put_text(all, "telemetry.sdk.version", LYDITE_VERSION)) {
        status = LY_NOMEM(err);
        goto out;
    }
    encode_pairs(all, &r->config->resource);
    status = ly_buf_status(&r->config->resource, "the resource", err);
out:
    pairs_clear(all);
    ly_free(all);
    return status;
}

/* ---- where to ---- */

static bool header_put(void *user, ly_str key, ly_str value)
{
    ly_config *config = user;
    size_t n = config->n_headers;
    ly_header *more = ly_realloc(config->headers, (n + 1) * sizeof *more);
    if (!more) {
        return false;
    }
    config->headers = more;
    more[n] = (ly_header){ly_str_dup(key), ly_str_dup(value)};
    config->n_headers++;
    for (char *c = more[n].key; c && *c; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            *c = (char)(*c | 0x20); /* gRPC metadata keys are lower-case */
        }
    }
    return more[n].key && more[n].value;
}

static ly_status wrong_port(const char *name, const char *value, ly_err *err)
{
    return LY_FAIL(
        err, LY_E_UNSUPPORTED,
        "%s is %s: port 4318 is OTLP/HTTP, and liblydite speaks OTLP/gRPC; set %s to the "
        "gRPC port, as a rule http://localhost:4317%s",
        name, value, name, strcmp(name, "LYDITE_ENDPOINT") == 0 ? "" : ", or set LYDITE_ENDPOINT");
}

/* "http://h:p/path", "https://h", "unix:/p", "h:p" -> target and TLS. */
static ly_status read_endpoint(ly_config *config, const char *name, const char *value,
                               bool tls_without_scheme, ly_err *err)
{
    ly_str s = ly_str_trim(ly_str_c(value));
    config->tls = tls_without_scheme;
    if (ly_str_starts(s, LY_S("unix:"))) {
        config->tls = false;
        config->target = ly_str_dup(s);
        return config->target ? LY_OK : LY_NOMEM(err);
    }
    size_t scheme = ly_str_find(s, LY_S("://"), 0);
    if (scheme != SIZE_MAX) {
        ly_str word = ly_str_sub(s, 0, scheme);
        config->tls =
            ly_str_eq_nocase(word, LY_S("https")) || ly_str_eq_nocase(word, LY_S("grpcs"));
        if (!config->tls && !ly_str_eq_nocase(word, LY_S("http")) &&
            !ly_str_eq_nocase(word, LY_S("grpc"))) {
            return LY_FAIL(err, LY_E_INVALID,
                           "%s is %s: the scheme must be http, https or unix, as in "
                           "http://localhost:4317",
                           name, value);
        }
        s = ly_str_sub(s, scheme + 3, s.len);
    }
    size_t slash = ly_str_find_char(s, '/', 0);
    s = ly_str_sub(s, 0, slash == SIZE_MAX ? s.len : slash);
    if (!s.len) {
        return LY_FAIL(err, LY_E_INVALID,
                       "%s is %s: it names no host; set it to http://localhost:4317", name, value);
    }
    size_t bracket = ly_str_find_char(s, ']', 0);
    size_t colon = ly_str_find_char(s, ':', bracket == SIZE_MAX ? 0 : bracket);
    if (colon != SIZE_MAX && ly_str_eqc(ly_str_sub(s, colon + 1, s.len), "4318")) {
        return wrong_port(name, value, err);
    }
    size_t size = s.len + 8;
    config->target = ly_malloc(size);
    if (!config->target) {
        return LY_NOMEM(err);
    }
    snprintf(config->target, size, "%.*s%s", LY_STR_ARG(s), colon == SIZE_MAX ? ":4317" : "");
    return LY_OK;
}

static ly_status read_protocol(const reader *r, ly_err *err)
{
    static const char *const names[] = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
                                        "OTEL_EXPORTER_OTLP_PROTOCOL", NULL};
    const char *name = NULL, *value = env_first(r, names, &name);
    if (!value || ly_str_eq_nocase(ly_str_c(value), LY_S("grpc"))) {
        return LY_OK;
    }
    if (!ly_str_eq_nocase(ly_str_sub(ly_str_c(value), 0, 4), LY_S("http"))) {
        note(r, "%s is %s, which is no OTLP protocol: grpc is used", name, value);
        return LY_OK;
    }
    return LY_FAIL(err, LY_E_UNSUPPORTED,
                   "%s is %s, which liblydite does not speak: set %s=grpc and "
                   "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317, or only "
                   "LYDITE_ENDPOINT=http://localhost:4317",
                   name, value, name);
}

static ly_status read_otlp(const reader *r, ly_err *err)
{
    static const char *const endpoints[] = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                                            "OTEL_EXPORTER_OTLP_ENDPOINT", NULL};
    static const char *const insecures[] = {"OTEL_EXPORTER_OTLP_TRACES_INSECURE",
                                            "OTEL_EXPORTER_OTLP_INSECURE", NULL};
    static const char *const certs[] = {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
                                        "OTEL_EXPORTER_OTLP_CERTIFICATE", NULL};
    static const char *const client_certs[] = {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
                                               "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", NULL};
    static const char *const keys[] = {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
                                       "OTEL_EXPORTER_OTLP_CLIENT_KEY", NULL};
    static const char *const headers[] = {"LYDITE_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                                          "OTEL_EXPORTER_OTLP_HEADERS", NULL};
    static const char *const gzips[] = {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
                                        "OTEL_EXPORTER_OTLP_COMPRESSION", NULL};
    const lydite_options *o = r->opts;
    ly_config *c = r->config;
    const char *name = "option endpoint", *value = o->endpoint;
    bool tls = false;
    ly_status status = LY_OK;
    if (!value && (value = env(r, "LYDITE_ENDPOINT")) != NULL) {
        name = "LYDITE_ENDPOINT";
    }
    if (!value) {
        status = read_protocol(r, err);
        if (status) {
            return status;
        }
        value = env_first(r, endpoints, &name);
        const char *insecure = NULL;
        tls = !env_first(r, insecures, &insecure) || !env_true(r, insecure);
    }
    status = read_endpoint(c, name, value ? value : "http://localhost:4317", tls, err);
    if (status) {
        return status;
    }
    value = o->headers ? o->headers : env_first(r, headers, &name);
    if (value && !config_pairs(ly_str_c(value), header_put, c)) {
        return LY_FAIL(err, LY_E_INVALID, "%s is not k=v,k2=v2 with percent-encoded values",
                       o->headers ? "option headers" : name);
    }
    value = env_first(r, gzips, &name);
    c->gzip = o->gzip || (value && ly_str_eq_nocase(ly_str_c(value), LY_S("gzip")));
    if (value && !c->gzip && !ly_str_eq_nocase(ly_str_c(value), LY_S("none"))) {
        note(r, "%s is %s: liblydite knows gzip and none; none is used", name, value);
    }
    if (!copy_text(&c->ca_file, o->ca_file ? o->ca_file : env_first(r, certs, &name)) ||
        !copy_text(&c->cert_file,
                   o->cert_file ? o->cert_file : env_first(r, client_certs, &name)) ||
        !copy_text(&c->key_file, o->key_file ? o->key_file : env_first(r, keys, &name)) ||
        !copy_text(&c->exporter_path, env(r, "LYDITE_EXPORTER_PATH"))) {
        return LY_NOMEM(err);
    }
    return LY_OK;
}

static ly_status read_exporter(const reader *r, ly_err *err)
{
    ly_config *c = r->config;
    const char *value = r->opts->exporter;
    const bool ours = value != NULL || env(r, "LYDITE_EXPORTER");
    if (r->opts->export_fn) {
        c->exporter = LY_EXPORT_FN;
        c->export_fn = r->opts->export_fn;
        c->export_user = r->opts->export_user;
        return LY_OK;
    }
    value = value ? value : env(r, "LYDITE_EXPORTER");
    value = value ? value : env(r, "OTEL_TRACES_EXPORTER");
    if (value && strncmp(value, "file:", 5) == 0 && value[5]) {
        c->exporter = LY_EXPORT_FILE;
        return copy_text(&c->file, value + 5) ? LY_OK : LY_NOMEM(err);
    }
    if (value && ly_str_eq_nocase(ly_str_c(value), LY_S("console"))) {
        c->exporter = LY_EXPORT_CONSOLE;
        return LY_OK;
    }
    if (value && ly_str_eq_nocase(ly_str_c(value), LY_S("none"))) {
        c->exporter = LY_EXPORT_NONE;
        return LY_OK;
    }
    if (value && !ly_str_eq_nocase(ly_str_c(value), LY_S("otlp"))) {
        if (ours) {
            return LY_FAIL(err, LY_E_INVALID,
                           "%s is %s: it must be otlp, console, file:PATH or none",
                           r->opts->exporter ? "option exporter" : "LYDITE_EXPORTER", value);
        }
        note(r,
             "OTEL_TRACES_EXPORTER is %s: liblydite knows otlp, console, file:PATH and none; otlp "
             "is "
             "used",
             value);
    }
    c->exporter = LY_EXPORT_OTLP;
    return read_otlp(r, err);
}

/* ---- what is recorded ---- */

static void set_ratio(ly_config *c, double ratio)
{
    const double all = 72057594037927936.0;         /* 2^56 */
    ratio = ratio < 0 ? 0 : ratio <= 1 ? ratio : 1; /* not a number: 1 */
    c->threshold = (uint64_t)((1 - ratio) * all);
}

static void read_sampler(const reader *r)
{
    static const struct {
        const char *name;
        int sampler;
        bool parent;
    } names[] = {{"always_on", LYDITE_SAMPLE_ALWAYS, false},
                 {"always_off", LYDITE_SAMPLE_NEVER, false},
                 {"traceidratio", LYDITE_SAMPLE_RATIO, false},
                 {"parentbased_always_on", LYDITE_SAMPLE_ALWAYS, true},
                 {"parentbased_always_off", LYDITE_SAMPLE_NEVER, true},
                 {"parentbased_traceidratio", LYDITE_SAMPLE_RATIO, true}};
    ly_config *c = r->config;
    double ratio = 1;
    c->sampler = LYDITE_SAMPLE_ALWAYS;
    c->parent_based = true;
    set_ratio(c, 1);
    if (r->opts->sampler) {
        c->sampler = r->opts->sampler & ~LYDITE_SAMPLE_PARENT;
        c->sampler = c->sampler ? c->sampler : LYDITE_SAMPLE_ALWAYS;
        c->parent_based = (r->opts->sampler & LYDITE_SAMPLE_PARENT) != 0;
        set_ratio(c, r->opts->ratio);
        return;
    }
    const char *value = env(r, "OTEL_TRACES_SAMPLER"), *arg = env(r, "OTEL_TRACES_SAMPLER_ARG");
    if (!value) {
        return;
    }
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        if (ly_str_eq_nocase(ly_str_c(value), ly_str_c(names[i].name))) {
            c->sampler = names[i].sampler;
            c->parent_based = names[i].parent;
            if (arg && (!ly_str_to_double(ly_str_c(arg), &ratio) || ratio < 0 || ratio > 1)) {
                note(r, "OTEL_TRACES_SAMPLER_ARG is %s: it must be a number from 0 to 1; 1 is used",
                     arg);
                ratio = 1;
            }
            set_ratio(c, ratio);
            return;
        }
    }
    note(r,
         "OTEL_TRACES_SAMPLER is %s, which liblydite does not know: parentbased_always_on is used",
         value);
}

static bool read_content(const reader *r)
{
    static const struct {
        const char *word;
        bool on;
    } words[] = {{"true", true},   {"span_only", true},   {"span_and_event", true},
                 {"false", false}, {"no_content", false}, {"event_only", false},
                 {"1", true},      {"0", false}};
    const char *name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    const char *value = env(r, name);
    if (r->opts->content || !value) {
        return r->opts->content >= 0;
    }
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        if (ly_str_eq_nocase(ly_str_c(value), ly_str_c(words[i].word))) {
            return words[i].on;
        }
    }
    /* Someone meant to restrict something: the careful reading. */
    note(r,
         "%s is %s, which is none of true, false, NO_CONTENT, SPAN_ONLY, EVENT_ONLY and "
         "SPAN_AND_EVENT: content is not recorded",
         name, value);
    return false;
}

static void read_limits(const reader *r)
{
    const lydite_options *o = r->opts;
    ly_config *c = r->config;
    c->max_attrs = number(r, o->max_attributes, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
                          "OTEL_ATTRIBUTE_COUNT_LIMIT", 128);
    c->max_chars = number(r, o->max_value_chars, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                          "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0);
    c->max_events = number(r, o->max_events, "OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, 128);
    c->max_links = number(r, o->max_links, "OTEL_SPAN_LINK_COUNT_LIMIT", NULL, 128);
    c->max_event_attrs =
        number(r, o->max_event_attributes, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL, 128);
    c->max_link_attrs =
        number(r, o->max_link_attributes, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL, 128);
    c->max_span_bytes = o->max_span_bytes ? o->max_span_bytes : LY_MIB(4);
    if (c->max_span_bytes > LY_MAX_REQUEST_BYTES / 2) {
        c->max_span_bytes = LY_MAX_REQUEST_BYTES / 2;
    }
}

static int64_t ms(uint32_t value)
{
    return value * LY_NS_PER_MS;
}

static ly_status read_engine(const reader *r, ly_err *err)
{
    const lydite_options *o = r->opts;
    ly_config *c = r->config;
    uint64_t queue;
    c->ring_bytes = o->ring_bytes ? o->ring_bytes : LY_MIB(16);
    if (!o->ring_bytes && env_u64(r, "OTEL_BSP_MAX_QUEUE_SIZE", &queue) && queue) {
        c->ring_bytes = queue > LY_GIB(1) / 1024 ? LY_GIB(1) : (size_t)queue * 1024;
    }
    if (c->ring_bytes < 4 * LY_CHUNK_BYTES) {
        c->ring_bytes = 4 * LY_CHUNK_BYTES;
    }
    c->full_wait_ns = ms(o->full_wait_ms);
    c->schedule_ns = ms(number(r, o->schedule_ms, "OTEL_BSP_SCHEDULE_DELAY", NULL, 1000));
    c->timeout_ns = ms(number(r, o->timeout_ms, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
                              "OTEL_EXPORTER_OTLP_TIMEOUT", 10000));
    c->give_up_ns = ms(number(r, o->give_up_ms, "OTEL_BSP_EXPORT_TIMEOUT", NULL, 300000));
    c->exit_ns = ms(o->exit_flush_ms ? o->exit_flush_ms : 2000);
    c->fork_ns = ms(o->fork_wait_ms ? o->fork_wait_ms : 50);
    c->batch_spans = number(r, o->batch_spans, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", NULL, 512);
    c->batch_spans = c->batch_spans ? c->batch_spans : 1;
    c->batch_bytes = o->batch_bytes ? o->batch_bytes : (uint32_t)LY_MIB(1);
    if (c->batch_bytes > LY_MAX_REQUEST_BYTES / 2) {
        c->batch_bytes = (uint32_t)(LY_MAX_REQUEST_BYTES / 2);
    }
    c->max_in_flight = o->max_in_flight ? o->max_in_flight : 4;
    c->max_in_flight = c->max_in_flight > 64 ? 64 : c->max_in_flight;
    c->spool_bytes = o->spool_bytes ? o->spool_bytes : LY_MIB(256);
    c->live = o->live || env_on(r, "LYDITE_LIVE");
    if (!copy_text(&c->spool_dir, o->spool_dir ? o->spool_dir : env(r, "LYDITE_SPOOL_DIR")) ||
        !copy_text(&c->scope, o->scope ? o->scope : "lydite") ||
        !copy_text(&c->scope_version, o->scope_version ? o->scope_version : LYDITE_VERSION) ||
        !copy_text(&c->origin, o->origin && strcmp(o->origin, "app") != 0 ? o->origin : NULL)) {
        return LY_NOMEM(err);
    }
    if (o->n_processors) {
        c->processors = ly_calloc(o->n_processors, sizeof *c->processors);
        if (!c->processors) {
            return LY_NOMEM(err);
        }
        memcpy(c->processors, o->processors, o->n_processors * sizeof *c->processors);
        c->n_processors = o->n_processors;
    }
    return LY_OK;
}

static ly_status read_parent(const reader *r, ly_err *err)
{
    static const char *const names[3][2] = {
        {"TRACEPARENT", "traceparent"}, {"TRACESTATE", "tracestate"}, {"BAGGAGE", "baggage"}};
    lydite_context *context = lydite_context_new();
    if (!context) {
        return LY_NOMEM(err);
    }
    for (int i = 0; i < 3; i++) {
        lydite_context_header(context, names[i][1], env(r, names[i][0]));
    }
    if (context->valid || context->baggage.len) {
        r->config->env_parent = context;
    } else {
        lydite_context_free(context);
    }
    return LY_OK;
}

static void to_stderr(void *user, int level, const char *text)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)user;
    fprintf(stderr, "lydite: %s: %s\n", names[level & 3], text);
}

static const char *real_env(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

ly_status ly_config_read(const lydite_options *opts, ly_env_fn get, void *user, ly_config *ret,
                         ly_err *err)
{
    lydite_options o = LYDITE_OPTIONS_INIT;
    ly_config config = {0};
    if (opts && opts->size < sizeof opts->size) {
        return LY_FAIL(err, LY_E_INVALID,
                       "the options do not say their size: begin them with LYDITE_OPTIONS_INIT");
    }
    if (opts) {
        memcpy(&o, opts, opts->size < sizeof o ? opts->size : sizeof o);
    }
    const reader r = {&o, get ? get : real_env, user, &config};
    ly_buf_init(&config.resource, LY_KIB(256));
    config.debug = env_on(&r, "LYDITE_DEBUG");
    config.diag = o.diag ? o.diag : config.debug ? to_stderr : NULL;
    config.diag_user = o.diag_user;
    config.disabled = env_true(&r, "OTEL_SDK_DISABLED");
    config.content = read_content(&r);
    read_sampler(&r);
    if (config.sampler == LYDITE_SAMPLE_RATIO && config.threshold < (uint64_t)1 << 56) {
        ly_buf state;
        ly_buf_init(&state, 64);
        ly_state_with_threshold(LY_STR_NONE, config.threshold, &state);
        config.ratio_bag = ly_bag_with(NULL, LY_BAG_STATE, ly_buf_view(&state));
        ly_buf_release(&state);
    }
    read_limits(&r);
    ly_status status = read_engine(&r, err);
    if (!status) {
        status = read_parent(&r, err);
    }
    if (!status && !config.disabled) {
        status = read_exporter(&r, err);
    }
    if (!status) {
        status = read_resource(&r, err);
    }
    if (status) {
        if (config.diag && err) {
            config.diag(config.diag_user, 3, err->text);
        }
        ly_config_release(&config);
        return status;
    }
    *ret = config;
    return LY_OK;
}

void ly_config_release(ly_config *config)
{
    ly_bag_unref(config->ratio_bag);
    char *texts[] = {config->file,      config->target,        config->ca_file,
                     config->cert_file, config->key_file,      config->exporter_path,
                     config->scope,     config->scope_version, config->origin,
                     config->spool_dir};
    for (size_t i = 0; i < LY_COUNT(texts); i++) {
        ly_free(texts[i]);
    }
    for (size_t i = 0; i < config->n_headers; i++) {
        ly_free(config->headers[i].key);
        if (config->headers[i].value) {
            ly_free_secret(config->headers[i].value, strlen(config->headers[i].value));
        }
    }
    ly_free(config->headers);
    ly_free(config->processors);
    lydite_context_free(config->env_parent);
    ly_buf_release(&config->resource);
    *config = (ly_config){0};
}
