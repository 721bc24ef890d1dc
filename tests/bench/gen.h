/* A seeded generator of realistic GenAI spans: agents that talk for TURNS turns and resend the history. */
#ifndef LY_BENCH_GEN_H
#define LY_BENCH_GEN_H

#include "base/buf.h"

typedef enum gen_shape {
    GEN_SMALL, /* a dozen scalar attributes, no messages: about 400 bytes */
    GEN_2K,    /* the last exchange of the conversation */
    GEN_17K    /* the whole history in each turn, 20 turns: 17 KB on average */
} gen_shape;

#define GEN_TURNS 20

typedef struct gen {
    uint64_t state;
    gen_shape shape;
    uint64_t trace, turn; /* position */
    ly_buf history;       /* elements of the messages array so far, with commas */
    size_t last;          /* where the last exchange begins */
} gen;

void gen_init(gen *g, uint64_t seed, gen_shape shape);
void gen_release(gen *g);
const char *gen_name(gen_shape shape);
/* Appends an ExportTraceServiceRequest of n spans; returns how many bytes. */
size_t gen_request(gen *g, size_t n, ly_buf *out);

#endif
