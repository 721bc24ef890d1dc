/*
 * What liblydite-otlp.so, the exporter object, offers to liblydite: one table behind one symbol.
 * liblydite opens it with dlopen on the exporter thread, so that a program that links liblydite loads
 * gRPC's 54 libraries only when it has a span to send. Plain C types only; the table is versioned
 * because the two files may come from different builds.
 */
#ifndef LY_TRACER_OTLP_OBJECT_H
#define LY_TRACER_OTLP_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LY_OTLP_OBJECT_VERSION 1
#define LY_OTLP_OBJECT_SYMBOL  "lydite_otlp_object"
#define LY_OTLP_OBJECT_FILE    "liblydite-otlp.so"

typedef struct ly_otlp_channel_config {
    const char *target;
    bool tls, gzip;
    const char *ca_file, *cert_file, *key_file;
    const char *user_agent;
    const char *const *header_keys, *const *header_values;
    size_t n_headers;
} ly_otlp_channel_config;

typedef struct ly_otlp_reply {
    void *token;
    int code; /* gRPC's */
    const char *code_name;
    bool retryable;
    int64_t delay_ns; /* RetryInfo; 0 = none */
    uint64_t rejected;
    bool announced; /* the initial metadata had lydite-collector: 1 */
    char text[240]; /* status message or partial success message */
} ly_otlp_reply;

typedef struct ly_otlp_object {
    uint32_t version;
    /* NULL and a text on failure. */
    void *(*open)(const ly_otlp_channel_config *config, char *text, size_t text_size);
    bool (*send)(void *channel, bool logs, const void *bytes, size_t len, int64_t timeout_ns,
                 void *token, char *text, size_t text_size);
    /* 1 a reply, 0 none within timeout_ns. */
    int (*wait)(void *channel, int64_t timeout_ns, ly_otlp_reply *ret);
    /* Cancels, disconnects, and lets go of gRPC; no thread of gRPC is left unless others use it. */
    void (*close)(void *channel);
    /* Whether this process has gRPC initialised, by whomever. */
    bool (*grpc_in_use)(void);
} ly_otlp_object;

#endif
