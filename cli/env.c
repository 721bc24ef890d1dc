#include "cli/env.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

#define MAX_VALUE LY_KIB(4)

typedef struct env {
    char **vars;
    size_t n, cap;
    bool failed;
} env;

static bool names(const char *var, const char *name)
{
    size_t n = strlen(name);
    return strncmp(var, name, n) == 0 && var[n] == '=';
}

static size_t find(const env *e, const char *name)
{
    for (size_t i = 0; i < e->n; i++) {
        if (names(e->vars[i], name))
            return i;
    }
    return SIZE_MAX;
}

static void add(env *e, char *var)
{
    if (!var || !ly_grow(&e->vars, &e->cap, e->n + 2, 1 << 20, sizeof *e->vars)) {
        ly_free(var);
        e->failed = true;
        return;
    }
    e->vars[e->n++] = var;
    e->vars[e->n] = NULL;
}

static void drop(env *e, const char *name)
{
    size_t i = find(e, name);
    if (i == SIZE_MAX)
        return;
    ly_free(e->vars[i]);
    e->vars[i] = e->vars[--e->n];
    e->vars[e->n] = NULL;
}

static void set(env *e, const char *name, const char *value)
{
    ly_buf text;
    drop(e, name);
    ly_buf_init(&text, MAX_VALUE);
    ly_buf_fmt(&text, "%s=%s", name, value);
    add(e, ly_strdup(ly_buf_text(&text)));
    ly_buf_release(&text);
}

static const char *get(const env *e, const char *name)
{
    size_t i = find(e, name);
    const char *value = i == SIZE_MAX ? NULL : e->vars[i] + strlen(name) + 1;
    return value && *value ? value : NULL;
}

static void set_unset(env *e, const char *name, const char *value)
{
    if (!get(e, name))
        set(e, name, value);
}

/* ---- the service's name ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* "python3.11 -X dev agent.py" is agent.py, not python. */
static bool is_launcher(const char *name)
{
    static const char *const launchers[] = {"python", "node", "npx", "npm", "uv",   "uvx",
                                            "poetry", "deno", "bun", "tsx", "ruby", "java",
                                            "bash",   "sh",   "env", "pnpm"};
    for (size_t i = 0; i < LY_COUNT(launchers); i++) {
        size_t n = strlen(launchers[i]);
        if (strncmp(name, launchers[i], n) == 0 &&
            strspn(name + n, "0123456789.") == strlen(name + n))
            return true;
    }
    return false;
}

static const char *service_name(const char *const *args, int n_args)
{
    const char *name = base_name(args[0]);
    for (int i = 1; is_launcher(name) && i < n_args; i++) {
        if (args[i][0] != '-' && !strchr(args[i], '=') && strcmp(args[i], "run") != 0)
            name = base_name(args[i]);
    }
    return name;
}

static void set_service(env *e, const char *const *args, int n_args)
{
    const char *attributes = get(e, "OTEL_RESOURCE_ATTRIBUTES");
    if (!attributes || !strstr(attributes, "service.name="))
        set_unset(e, "OTEL_SERVICE_NAME", service_name(args, n_args));
}

/* ---- where to, and with what ---- */

static void set_endpoints(env *e, const ly_child_target *to)
{
    static const char *const overriding[] = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    };
    char http[320], grpc[320], header[160];
    const char *scheme = to->tls ? "https" : "http";
    const char *host = to->host[0] ? to->host : "127.0.0.1";
    for (size_t i = 0; i < LY_COUNT(overriding); i++)
        drop(e, overriding[i]);
    snprintf(http, sizeof http, "%s://%s:%d", scheme, host, to->http_port);
    snprintf(grpc, sizeof grpc, "%s://%s:%d", scheme, host, to->grpc_port);
    /* A collector that was there may listen with one of them only. */
    set(e, "OTEL_EXPORTER_OTLP_ENDPOINT", to->http_port > 0 ? http : grpc);
    set(e, "OTEL_EXPORTER_OTLP_PROTOCOL", to->http_port > 0 ? "http/protobuf" : "grpc");
    if (to->grpc_port > 0)
        set(e, "LYDITE_ENDPOINT", grpc);
    if (to->key[0]) {
        snprintf(header, sizeof header, "authorization=Bearer%%20%s", to->key);
        set_unset(e, "OTEL_EXPORTER_OTLP_HEADERS", header);
    }
    if (to->ca_file[0])
        set_unset(e, "OTEL_EXPORTER_OTLP_CERTIFICATE", to->ca_file);
    set_unset(e, "TRACELOOP_BASE_URL", http);
    set_unset(e, "PHOENIX_COLLECTOR_ENDPOINT", http);
}

static void set_content(env *e)
{
    const char *opt_in = get(e, "OTEL_SEMCONV_STABILITY_OPT_IN");
    bool latest = opt_in && strstr(opt_in, "gen_ai_latest_experimental");
    set_unset(e, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
              latest ? "SPAN_AND_EVENT" : "true");
    set_unset(e, "TRACELOOP_TRACE_CONTENT", "true");
    set_unset(e, "OTEL_LOGS_EXPORTER", "otlp");
    set_unset(e, "OTEL_TRACES_EXPORTER", "otlp");
}

char **ly_child_env(const ly_child_target *to, const char *const *args, int n_args)
{
    env e = {0};
    for (char **var = environ; *var; var++)
        add(&e, ly_strdup(*var));
    set_endpoints(&e, to);
    set_content(&e);
    if (n_args > 0)
        set_service(&e, args, n_args);
    if (!e.failed)
        return e.vars;
    ly_child_env_free(e.vars);
    return NULL;
}

void ly_child_env_free(char **vars)
{
    for (size_t i = 0; vars && vars[i]; i++)
        ly_free(vars[i]);
    ly_free(vars);
}
