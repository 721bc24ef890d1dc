/*
 * What transport.c and the exporter share beside engine.h, and the two text forms of a request.
 */
#ifndef LY_TRACER_TRANSPORT_H
#define LY_TRACER_TRANSPORT_H

#include "tracer/engine.h"

/* ly_reply.code of the exporter "none": nothing is wrong, and nothing was delivered. */
#define LY_REPLY_NONE (-1000)

/* One line of OTLP/JSON, with its line feed. */
LY_MUST_USE ly_status ly_export_json(ly_str request, bool logs, ly_buf *out, ly_err *err);
/* A readable tree: for each trace in the request, its spans under their parents. */
LY_MUST_USE ly_status ly_export_tree(ly_str request, bool logs, ly_buf *out, ly_err *err);

#endif
