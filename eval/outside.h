/*
 * Targets that are not a prompt: a command, which gets the row as one JSON object on its input and answers on
 * its output, and a URL, which gets it by POST. Many at a time, driven by the thread of the run.
 *
 * A command is what /bin/sh -c runs; the row is never part of its text. It runs in a process group of its
 * own with TRACEPARENT of its case set, so that an instrumented agent's spans join the case's trace; it is
 * killed, with its children, at the time limit, at the limit of output and when the run is stopped. Exit
 * status 0 is an answer. What either answers is taken as it is, without the white space at its end; a JSON
 * object with a string member `output` gives that instead.
 */
#ifndef LY_EVAL_OUTSIDE_H
#define LY_EVAL_OUTSIDE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ly_outside ly_outside;

typedef struct ly_outside_answer {
    bool ok;
    ly_str output; /* borrowed for the call */
    ly_str error;  /* one line; begins with "timeout", "network", "command" or "url" */
    int64_t duration_ns;
} ly_outside_answer;
typedef void (*ly_outside_fn)(void *user, const ly_outside_answer *answer);

/* jobs: most at a time; timeout_ms 0 = 600 000. */
LY_MUST_USE ly_status ly_outside_new(size_t jobs, int64_t timeout_ms, ly_outside **ret,
                                     ly_err *err);
/* Kills what runs; each is told with an error that begins with "stopped". NULL is allowed. */
void ly_outside_cancel(ly_outside *o);
/* The same, without telling. */
void ly_outside_free(ly_outside *o);
/* One more may be started. */
bool ly_outside_room(const ly_outside *o);
size_t ly_outside_pending(const ly_outside *o);
/* traceparent: "" = none. Everything is copied. */
LY_MUST_USE ly_status ly_outside_command(ly_outside *o, ly_str command, ly_str row,
                                         const char *traceparent, ly_outside_fn fn, void *user,
                                         ly_err *err);
LY_MUST_USE ly_status ly_outside_url(ly_outside *o, ly_str url, ly_str row, const char *traceparent,
                                     ly_outside_fn fn, void *user, ly_err *err);
/* Works for at most timeout_ms; tells what is done. */
LY_MUST_USE ly_status ly_outside_poll(ly_outside *o, int64_t timeout_ms, ly_err *err);

#endif
