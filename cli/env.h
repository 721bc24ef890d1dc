/* The environment of a traced child: `run`, and the targets of `eval run` that are commands. */
#ifndef LY_CLI_ENV_H
#define LY_CLI_ENV_H

#include <stdbool.h>

/*
 * Our environment with what makes client libraries send to a collector on this machine:
 * OTEL_EXPORTER_OTLP_ENDPOINT and _PROTOCOL for OTLP/HTTP (per-signal endpoints are taken out, they would
 * win), LYDITE_ENDPOINT for gRPC, and where they are unset OTEL_SERVICE_NAME (from the command's name), the
 * content switches and the endpoints of libraries that do not read OpenTelemetry's.
 * NULL-terminated; ly_child_env_free. NULL when memory is out.
 */
char **ly_child_env(int grpc_port, int http_port, bool tls, const char *const *args, int n_args);
void ly_child_env_free(char **env);

#endif
