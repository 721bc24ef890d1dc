/*
 * collector: HTTP paths.
 *
 * OTLP clients of other products post below prefixes of their own (/api/public/otel/v1/traces, ...), so
 * only the end of the path counts. Clients that speak their product's own protocol are told the setting
 * that makes them send OTLP: one row a path in `foreign`.
 */
#include "collector/route.h"

typedef struct foreign_path {
    const char *path; /* a whole path, or with "*" at the end a prefix */
    const char *client;
    const char *advice;
} foreign_path;

#define LANGFUSE                                                                            \
    "this is the old Langfuse protocol; use the Langfuse SDK from version 3 (Python) or 4 " \
    "(JavaScript, @langfuse/otel), which sends OpenTelemetry, with LANGFUSE_HOST=%s"
#define LANGSMITH                                                                                \
    "this is LangSmith's run protocol; set LANGSMITH_OTEL_ENABLED=true, LANGSMITH_TRACING=true " \
    "and "                                                                                       \
    "LANGSMITH_ENDPOINT=%s so that it sends OpenTelemetry"
#define MLFLOW                                                                                  \
    "this is MLflow's tracking protocol; set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=%s/v1/traces, " \
    "and MLflow "                                                                               \
    "sends its traces as OpenTelemetry"
#define PHOENIX                                                                     \
    "this is Phoenix's REST interface; traces go to PHOENIX_COLLECTOR_ENDPOINT=%s " \
    "(phoenix.otel.register "                                                       \
    "with protocol=\"http/protobuf\")"
#define OPIK                                                                                   \
    "this is Opik's own protocol; use an OpenTelemetry or OpenInference instrumentation with " \
    "OTEL_EXPORTER_OTLP_ENDPOINT=%s"
#define LANGWATCH                                                                                \
    "this is LangWatch's old collector protocol; use a LangWatch SDK that sends OpenTelemetry, " \
    "with "                                                                                      \
    "LANGWATCH_ENDPOINT=%s"
#define GENERIC "this collector takes OTLP only; set OTEL_EXPORTER_OTLP_ENDPOINT=%s"

static const foreign_path foreign[] = {
    {"/api/public/ingestion", "Langfuse", LANGFUSE},
    {"/api/public/traces*", "Langfuse", LANGFUSE},
    {"/api/public/spans*", "Langfuse", LANGFUSE},
    {"/api/public/generations*", "Langfuse", LANGFUSE},
    {"/api/public/projects", "Langfuse", LANGFUSE},
    {"/api/public/health", "Langfuse", LANGFUSE},
    {"/runs*", "LangSmith", LANGSMITH},
    {"/api/v1/runs*", "LangSmith", LANGSMITH},
    {"/info", "LangSmith", LANGSMITH},
    {"/sessions*", "LangSmith", LANGSMITH},
    {"/api/2.0/mlflow*", "MLflow", MLFLOW},
    {"/api/3.0/mlflow*", "MLflow", MLFLOW},
    {"/ajax-api/*", "MLflow", MLFLOW},
    {"/v1/projects*", "Phoenix", PHOENIX},
    {"/v1/spans*", "Phoenix", PHOENIX},
    {"/v1/trace_annotations*", "Phoenix", PHOENIX},
    {"/graphql", "Phoenix", PHOENIX},
    {"/api/v1/private/*", "Opik", OPIK},
    {"/v1/private/*", "Opik", OPIK},
    {"/api/collector", "LangWatch", LANGWATCH},
    {"/api/track_event", "LangWatch", LANGWATCH},
    {"/logs3*", "Braintrust", GENERIC},
    {"/v1/log/*", "Helicone", GENERIC},
    {"/v1/trace/log*", "Helicone", GENERIC},
    {"/api/v2/spans", "Zipkin", GENERIC},
    {"/api/traces", "Jaeger", GENERIC},
    {"/v0.*", "Datadog", GENERIC},
    {"/v1development/profiles", "OTLP profiles",
     "this collector takes traces and logs; %s/v1/traces"},
};

static bool ends_with_signal(ly_str path, ly_signal *ret_signal)
{
    static const struct {
        const char *end;
        ly_signal signal;
    } ends[] = {{"/v1/traces", LY_SIGNAL_TRACES},
                {"/v1/logs", LY_SIGNAL_LOGS},
                {"/v1/metrics", LY_SIGNAL_METRICS}};
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        if (ly_str_ends(path, ly_str_c(ends[i].end))) {
            *ret_signal = ends[i].signal;
            return true;
        }
    }
    return false;
}

static bool matches(ly_str path, ly_str pattern)
{
    if (ly_str_ends(pattern, LY_S("*")))
        return ly_str_starts(path, ly_str_sub(pattern, 0, pattern.len - 1));
    return ly_str_eq(path, pattern);
}

ly_route ly_route_of(ly_str path)
{
    static const struct {
        const char *path;
        ly_route_kind kind;
    } own[] = {{"/healthz", LY_ROUTE_HEALTH},  {"/readyz", LY_ROUTE_READY},
               {"/metrics", LY_ROUTE_METRICS}, {"/status", LY_ROUTE_STATUS},
               {"/", LY_ROUTE_HELLO},          {"", LY_ROUTE_HELLO},
               {"/v1/scores", LY_ROUTE_SCORES}};
    static const char prompts[] = "/v1/prompts/";
    ly_route route = {.kind = LY_ROUTE_NONE};
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (ends_with_signal(path, &route.signal)) {
        route.kind = LY_ROUTE_OTLP;
        return route;
    }
    for (size_t i = 0; i < LY_COUNT(own); i++) {
        if (ly_str_eqc(path, own[i].path)) {
            route.kind = own[i].kind;
            return route;
        }
    }
    if (ly_str_starts(path, ly_str_c(prompts))) {
        route.kind = LY_ROUTE_PROMPT;
        route.rest = ly_str_sub(path, sizeof prompts - 1, path.len);
        return route;
    }
    for (size_t i = 0; i < LY_COUNT(foreign); i++) {
        if (matches(path, ly_str_c(foreign[i].path))) {
            route.kind = LY_ROUTE_FOREIGN;
            route.client = foreign[i].client;
            route.advice = foreign[i].advice;
            return route;
        }
    }
    return route;
}
