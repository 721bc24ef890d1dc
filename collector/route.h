/* collector: which HTTP path means what. Pure. */
#ifndef LY_COLLECTOR_ROUTE_H
#define LY_COLLECTOR_ROUTE_H

#include "otlp/model.h"

typedef enum ly_route_kind {
    LY_ROUTE_OTLP,    /* any base path before /v1/traces, /v1/logs, /v1/metrics */
    LY_ROUTE_HEALTH,  /* /healthz */
    LY_ROUTE_READY,   /* /readyz */
    LY_ROUTE_METRICS, /* /metrics */
    LY_ROUTE_STATUS,  /* /status */
    LY_ROUTE_PROMPT,  /* /v1/prompts/NAME@REF */
    LY_ROUTE_SCORES,  /* /v1/scores */
    LY_ROUTE_HELLO,   /* / */
    LY_ROUTE_FOREIGN, /* a path of another product's own protocol: `advice` */
    LY_ROUTE_NONE
} ly_route_kind;

typedef struct ly_route {
    ly_route_kind kind;
    ly_signal signal;   /* OTLP */
    ly_str rest;        /* PROMPT: NAME@REF */
    const char *client; /* FOREIGN: whose path it is */
    const char *advice; /* FOREIGN: "%s" stands once for this collector's base URL */
} ly_route;

ly_route ly_route_of(ly_str path);

#endif
