/* What the collector's benchmarks share: the collector as a child on its core, and a client of it. */
#ifndef LY_BENCH_SIDE_H
#define LY_BENCH_SIDE_H

#include <stdio.h>
#include <sys/types.h>

#include "collector/collector.h"
#include "gen.h"
#include "rpc/client.h"

/* Set by side_init: a temporary folder, and the path of this program. */
extern char side_dir[64], side_self[512];

/* Prints and exits 3; err may be NULL (errno speaks). */
_Noreturn void side_die(const char *what, const ly_err *err);
void side_init(const char *program);
void side_end(void); /* removes the folder */
/* Keeps this thread and its children on a core, where there are two; -1 = on any. */
void side_pin(int core);

/* The child's side of side_start: runs a collector until SIGTERM. `record_to` as in replay.h, or NULL. */
int side_serve(const char *db, const char *record_to);
/* Starts this program as `--serve DB [RECORD|-]` and waits until it listens; `fresh` = without what is there. */
pid_t side_start(const char *db, const char *record_to, bool fresh, ly_runtime *ret_found);
/* The same with a millisecond added to each fdatasync (tests/fault). */
pid_t side_start_slow(const char *db, bool fresh, ly_runtime *ret_found);
void side_remove_db(const char *db);
/* A figure of /proc/PID/status or smaps_rollup in KiB; 0 = unknown. */
long side_kib(pid_t pid, const char *file, const char *name);

ly_rpc_channel *side_connect(int port, bool gzip);
/* Starts an Export call of traces; the body is copied. */
void side_send(ly_rpc_channel *channel, ly_str body, bool packed, uint64_t token);

#endif
