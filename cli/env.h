/* The environment of a traced child: `run`, and the targets of `eval run` that are commands. */
#ifndef LY_CLI_ENV_H
#define LY_CLI_ENV_H

#include <stdbool.h>

/*
 * Our environment with what makes client libraries send to a collector on this machine:
 * OTEL_EXPORTER_OTLP_ENDPOINT and _PROTOCOL for OTLP/HTTP (per-signal endpoints are taken out, they would
 * win), LYDITE_ENDPOINT for gRPC, and where they are unset OTEL_SERVICE_NAME (from the command's name), the
 * access key and trusted certificate of a collector that wants them, the content switches and the endpoints of libraries that do not read OpenTelemetry's.
 * NULL-terminated; ly_child_env_free. NULL when memory is out.
 */
typedef struct ly_child_target {
    int grpc_port, http_port; /* 0 = not spoken */
    bool tls;
    char host[256];     /* "" = 127.0.0.1 */
    char key[80];       /* access key; "" = none is asked for */
    char ca_file[1024]; /* what to trust; "" = what the system trusts */
} ly_child_target;
char **ly_child_env(const ly_child_target *to, const char *const *args, int n_args);
void ly_child_env_free(char **env);

#endif
