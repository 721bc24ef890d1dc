/*
 * encode.c's inside, for itself and its tests: the list of attributes of one record.
 */
#ifndef LY_TRACER_ENCODE_H
#define LY_TRACER_ENCODE_H

#include "base/arena.h"
#include "tracer/engine.h"

typedef struct ly_attr {
    ly_str key;
    ly_item_kind kind; /* LY_IT_INT, DOUBLE, BOOL: bits; STR, BYTES, ANY: str */
    ly_str str;
    uint64_t bits;
    bool content, gone;
    int32_t next; /* in its bucket */
} ly_attr;

/* An event as a processor sees it: the fields of Span.Event but for the time, in the arena. */
typedef struct ly_event_ref {
    int64_t time_ns;
    ly_str body;
    bool gone;
} ly_event_ref;

#define LY_ATTR_BUCKETS 256u

struct ly_encoder {
    const ly_config *config;
    ly_buf before;  /* resource_spans' content up to scope_spans' length: the Resource field */
    ly_buf scope;   /* scope_spans' content before the spans */
    ly_arena arena; /* joined messages and what processors set; reset for each record */
    ly_attr *attrs;
    size_t n, cap;
    int32_t heads[LY_ATTR_BUCKETS]; /* index of the first attribute of each bucket, -1 = none */
    ly_buf join;
};

struct lydite_record {
    ly_encoder *encoder;
    const ly_rec *rec;
    ly_str name, message; /* NUL-terminated */
    ly_event_ref *events;
    size_t n_events;
};

/* The attribute of that key, or NULL. */
ly_attr *ly_encoder_find(ly_encoder *encoder, ly_str key);
/* The same, made when missing; NULL without memory. The key is borrowed. */
ly_attr *ly_encoder_put(ly_encoder *encoder, ly_str key);

#endif
