/*
 * How far long work has come: one line on standard error that writes over itself, on a terminal only and not
 * with -q, so that what is piped or kept in a file never holds it. It appears after half a second: short work
 * says nothing.
 *
 *     12.4k/30.0k spans  41%  1,240/s  left 14s  $0.0123
 */
#ifndef LY_CLI_PROGRESS_H
#define LY_CLI_PROGRESS_H

#include "cli/cmd.h"
#include "genai/canon.h" /* LY_UNKNOWN */

/* One thread's; nothing in it needs to be freed. */
typedef struct ly_progress {
    const char *unit; /* "spans"; NULL = bytes */
    int64_t before;   /* done by an earlier run: counts as done, not for the rate */
    bool on;
    int64_t began_ns, told_ns;
    size_t width; /* of the line that stands there */
} ly_progress;

void ly_progress_begin(ly_progress *p, const ly_cli *cli, const char *unit);

/* At most five times a second, however often it is called. total <= 0: not known, so neither share nor time
 * left. spent_pico: LY_UNKNOWN where nothing is spent. rest: words that go behind, or NULL. */
void ly_progress_tell(ly_progress *p, int64_t done, int64_t total, int64_t spent_pico,
                      const char *rest);

/* Takes the line away: at the end, and before anything else is written to standard error. */
void ly_progress_clear(ly_progress *p);

#endif
