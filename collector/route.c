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

#define LANGFUSE                                                                                \
    "this is the old Langfuse protocol; use the Langfuse SDK from version 3 (Python) or 4 "     \
    "(JavaScript, @langfuse/otel), which sends OpenTelemetry, with LANGFUSE_BASE_URL (before: " \
    "LANGFUSE_HOST)=%s"
#define LANGSMITH                                                                                \
    "this is LangSmith's own protocol; set LANGSMITH_OTEL_ENABLED=true, LANGSMITH_TRACING=true " \
    "and LANGSMITH_ENDPOINT=%s so that it sends OpenTelemetry"
#define MLFLOW                                                                                  \
    "this is MLflow's tracking protocol; set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=%s/v1/traces, " \
    "and MLflow sends its traces as OpenTelemetry"
#define PHOENIX                                                                     \
    "this is Phoenix's REST interface; traces go to PHOENIX_COLLECTOR_ENDPOINT=%s " \
    "(phoenix.otel.register with protocol=\"http/protobuf\")"
#define OPIK                                                                                   \
    "this is Opik's own protocol; use an OpenTelemetry or OpenInference instrumentation with " \
    "OTEL_EXPORTER_OTLP_ENDPOINT=%s"
#define LANGWATCH                                                                                \
    "this is LangWatch's old collector protocol; use a LangWatch SDK that sends OpenTelemetry, " \
    "with LANGWATCH_ENDPOINT=%s"
#define BRAINTRUST                                                                              \
    "this is Braintrust's own protocol; use its OpenTelemetry span processor (braintrust[otel]" \
    ") with BRAINTRUST_API_URL=%s"
#define TRACELOOP                                                                \
    "this is Traceloop's prompt service; its traces come as OpenTelemetry with " \
    "TRACELOOP_BASE_URL=%s, and TRACELOOP_SYNC_ENABLED=false stops these requests"
#define OPENAI_AGENTS                                                                          \
    "this is the OpenAI Agents SDK's own exporter; replace it (openinference-instrumentation-" \
    "openai-agents, or logfire.instrument_openai_agents) with OTEL_EXPORTER_OTLP_ENDPOINT=%s"
#define AGENTOPS "this is AgentOps' session protocol; set AGENTOPS_EXPORTER_ENDPOINT=%s/v1/traces"
#define MODEL_API                                                                            \
    "this is a model's interface and this a collector: leave the base URL at the provider, " \
    "instrument the client library (lydite connect openai), and set "                        \
    "OTEL_EXPORTER_OTLP_ENDPOINT=%s"
#define OTEL_OTHER                                                 \
    "this collector takes OTLP only; in an OpenTelemetry SDK set " \
    "OTEL_TRACES_EXPORTER=otlp and OTEL_EXPORTER_OTLP_ENDPOINT=%s"
#define GENERIC                                                                          \
    "this is a protocol of its own and this collector takes OTLP; use an OpenTelemetry " \
    "instrumentation (lydite connect lists them) with OTEL_EXPORTER_OTLP_ENDPOINT=%s"

/* The first that fits counts. */
static const foreign_path foreign[] = {
    {"/api/public/*", "Langfuse", LANGFUSE},
    {"/runs*", "LangSmith", LANGSMITH},
    {"/api/v1/runs*", "LangSmith", LANGSMITH},
    {"/api/v1/sessions*", "LangSmith", LANGSMITH},
    {"/api/v1/info", "LangSmith", LANGSMITH},
    {"/api/v1/feedback*", "LangSmith", LANGSMITH},
    {"/info", "LangSmith", LANGSMITH},
    {"/sessions*", "LangSmith", LANGSMITH},
    {"/feedback*", "LangSmith", LANGSMITH},
    {"/api/2.0/mlflow*", "MLflow", MLFLOW},
    {"/api/3.0/mlflow*", "MLflow", MLFLOW},
    {"/api/4.0/mlflow*", "MLflow", MLFLOW},
    {"/ajax-api/*", "MLflow", MLFLOW},
    {"/v1/projects*", "Phoenix", PHOENIX},
    {"/v1/spans*", "Phoenix", PHOENIX},
    {"/v1/evaluations", "Phoenix", PHOENIX},
    {"/v1/trace_annotations*", "Phoenix", PHOENIX},
    {"/v1/span_annotations*", "Phoenix", PHOENIX},
    {"/v1/datasets*", "Phoenix", PHOENIX},
    {"/graphql", "Phoenix", PHOENIX},
    {"/arize_phoenix_version", "Phoenix", PHOENIX},
    {"/api/v1/private/*", "Opik", OPIK},
    {"/v1/private/*", "Opik", OPIK},
    {"/opik/api/*", "Opik", OPIK},
    {"/api/collector*", "LangWatch", LANGWATCH},
    {"/api/track_event", "LangWatch", LANGWATCH},
    {"/api/evaluations/*", "LangWatch", LANGWATCH},
    {"/logs3*", "Braintrust", BRAINTRUST},
    {"/api/apikey/login", "Braintrust", BRAINTRUST},
    {"/api/project/register", "Braintrust", BRAINTRUST},
    {"/v1/traceloop/*", "Traceloop", TRACELOOP},
    {"/v2/traceloop/*", "Traceloop", TRACELOOP},
    {"/v1/traces/ingest", "OpenAI Agents SDK", OPENAI_AGENTS},
    {"/v3/auth/token", "AgentOps", AGENTOPS},
    {"/v2/create_session", "AgentOps", AGENTOPS},
    {"/v2/sessions*", "AgentOps", AGENTOPS},
    {"/v1/log/*", "Helicone", GENERIC},
    {"/v1/trace/log*", "Helicone", GENERIC},
    {"/custom/v1/log*", "Helicone", GENERIC},
    {"/oai/v1/*", "Helicone", GENERIC},
    {"/call/*", "Weave", GENERIC},
    {"/calls/*", "Weave", GENERIC},
    {"/v1/runs/ingest", "Lunary", GENERIC},
    {"/session/start", "HoneyHive", GENERIC},
    {"/events*", "HoneyHive", GENERIC},
    {"/batch", "PostHog", GENERIC},
    {"/capture", "PostHog", GENERIC},
    {"/api/v2/spans", "Zipkin", OTEL_OTHER},
    {"/api/v1/spans", "Zipkin", OTEL_OTHER},
    {"/api/traces", "Jaeger", OTEL_OTHER},
    {"/intake/v2/*", "Elastic APM", OTEL_OTHER},
    {"/trace/v1", "New Relic", OTEL_OTHER},
    {"/loki/*", "Loki", OTEL_OTHER},
    {"/api/v1/write", "Prometheus", OTEL_OTHER},
    {"/v0.*", "Datadog", GENERIC},
    {"/evp_proxy/*", "Datadog", GENERIC},
    {"/v1/chat/completions", "model client", MODEL_API},
    {"/chat/completions", "model client", MODEL_API},
    {"/v1/completions", "model client", MODEL_API},
    {"/v1/responses*", "model client", MODEL_API},
    {"/v1/embeddings", "model client", MODEL_API},
    {"/v1/messages*", "model client", MODEL_API},
    {"/v1/models*", "model client", MODEL_API},
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
