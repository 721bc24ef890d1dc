/*
 * A gRPC collector whose behaviour a test sets: it takes, stalls, refuses, rejects, goes away and comes
 * back on the same port. It remembers the id of every span it took.
 */
#ifndef LY_TESTS_TRACER_SINK_H
#define LY_TESTS_TRACER_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/model.h"

typedef struct sink sink;

typedef enum sink_mode {
    SINK_TAKE,   /* answer OK */
    SINK_STALL,  /* leave calls unanswered */
    SINK_REFUSE, /* INVALID_ARGUMENT: do not try again */
    SINK_BUSY,   /* UNAVAILABLE with RetryInfo of 20 ms */
    SINK_REJECT  /* take, but reject the first span of each request */
} sink_mode;

/* port 0 = any. Aborts the test on failure. */
sink *sink_start(int port);
/* Another vendor's: it does not announce that it understands start records. */
sink *sink_start_foreign(void);
int sink_port(const sink *s);
void sink_set(sink *s, sink_mode mode);
/* Ends the server as a killed process would: calls in its hands are never answered OK. */
void sink_stop(sink *s);
/* Different spans taken; requests answered OK; spans taken a second time; log records. */
uint64_t sink_spans(sink *s);
uint64_t sink_requests(sink *s);
uint64_t sink_repeats(sink *s);
uint64_t sink_logs(sink *s);
/* Calls `look` for every span of each request taken (server's thread, under the sink's lock). */
void sink_watch(sink *s, void (*look)(void *user, const ly_span *span), void *user);
/* The header `x-test` of the last request, or "". */
const char *sink_header(sink *s);

#endif
