/*
 * The exporter's inside, shared by exporter.c (the thread) and settle.c (the accounts).
 */
#ifndef LY_TRACER_EXPORTER_I_H
#define LY_TRACER_EXPORTER_I_H

#include "tracer/engine.h"

typedef struct ly_exporter {
    lydite_tracer *tracer;
    ly_encoder *encoder;
    ly_transport *transport;
    ly_request *requests;
    uint32_t n_requests;
    ly_request *building, *building_pending;
    uint32_t taken; /* of the request being built, and dropped on the way */
    uint64_t dropped[LYDITE_DROP_REASONS];
    uint64_t serial;
    int64_t offset; /* wall - monotonic */
    bool offset_known, unreachable;
    int64_t drain_at, spool_at;
    bool behind; /* the last drain left spans in the rings because no request was free */
    uint32_t flush_seen;
    bool flushing, flush_drained;
    uint64_t flush_serial;
    /* Live mode. Start records are held until the peer has said who it is. */
    bool announced;
    int64_t ask_at; /* not earlier is it asked again */
    ly_buf beat;    /* live mode: the newest start records, as they were sent */
    size_t beat_at;
    int64_t heard_ns; /* when the collector last took something */
    uint64_t rng;
    uint64_t token; /* this exporter's in the names of spool files */
    int told_code;
    int64_t look_at;       /* signals.c */
    uint32_t signals_seen; /* pending at the last look, a bit each */
} ly_exporter;

uint32_t ly_requests_in(const ly_exporter *e, ly_req_state state);
/* signals.c: see there. Returns how long the exporter may sleep at most because of it. */
int64_t ly_exporter_signals(ly_exporter *e, int64_t now_ns);
/* Free again; the buffer is kept. */
void ly_request_reset(ly_request *r);
/* The first loss is told once, the recovery too. */
void ly_tell_loss(ly_exporter *e, const char *why);
void ly_settle_drop(ly_exporter *e, ly_request *r, int reason, const char *why);
/* To the spool if there is one, else dropped. */
void ly_settle_lost(ly_exporter *e, ly_request *r, int reason, const char *why);
/* Acknowledged, rejected in part, to be sent again, or lost. */
void ly_take_reply(ly_exporter *e, const ly_reply *reply);

#endif
