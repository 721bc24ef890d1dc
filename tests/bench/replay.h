/*
 * The ceiling: the collector's own statements, executed again by one thread into an empty file.
 *
 * The recording holds for each execution the statement's text and its values. Statements are prepared
 * once and values are parsed before the clock starts, so what is timed is bind, step and reset, the least
 * that SQLite can take for these rows and commits.
 */
#ifndef LY_BENCH_REPLAY_H
#define LY_BENCH_REPLAY_H

#include <stddef.h>

#include "base/err.h"

typedef struct recording recording;

/* To be given to ly_collector_opts.record, with a FILE* as user. */
void recording_write(void *file, const char *sql, const char *expanded);
LY_MUST_USE ly_status recording_load(const char *path, recording **ret, ly_err *err);
void recording_free(recording *r);

typedef struct replay_result {
    double seconds, cpu;
    size_t statements, commits, skipped;
} replay_result;

/* db: a database that the store has just created and closed. */
LY_MUST_USE ly_status recording_replay(const recording *r, const char *db, replay_result *ret,
                                       ly_err *err);

#endif
