/*
 * The spool directory: requests that could not be delivered, one file each, delivered later by this
 * process, by the next that has the same directory, or by `lydite spool send`.
 *
 *   <wall ns, hex>-<writer's token>-<number>.otlp     complete, because it was renamed into place
 *   .tmp-...                                           being written, or left by a crash
 *   ....refused                                        a collector said: never
 *
 *   file: "LYSPOOL1", u32 kind (0 traces, 1 logs), u32 spans, u64 length, u64 FNV-1a of the body, body
 *         (Export*ServiceRequest, protobuf; numbers little-endian)
 *
 * Whoever delivers a file holds flock on it, so that several processes share a directory. A file goes
 * after its acknowledgement; killed in between, it is sent again, and the collector takes a span once.
 */
#ifndef LY_TRACER_SPOOL_H
#define LY_TRACER_SPOOL_H

#include "base/buf.h"
#include "base/err.h"

typedef struct ly_spool_item {
    char name[128];
    bool logs;
    uint64_t token;  /* the writer's */
    uint32_t n;      /* spans or log records */
    uint64_t bytes;  /* of the body */
    int64_t time_ns; /* when it was written */
    int fd;          /* locked, from claim; -1 from list */
    size_t body_at;  /* where the body starts in the buffer of claim */
} ly_spool_item;

/* Makes the directory (0700) when missing. LY_E_FULL past max_bytes, LY_E_IO. The file is synced. */
LY_MUST_USE ly_status ly_spool_write(const char *dir, uint64_t max_bytes, uint64_t token, bool logs,
                                     uint32_t n, ly_str body, ly_err *err);
/* Takes the oldest file that nobody else holds: whole file into `file`, locked. false when there is
 * none. Damaged files are set aside as *.refused. */
LY_MUST_USE bool ly_spool_claim(const char *dir, ly_buf *file, ly_spool_item *ret);
void ly_spool_release(int fd);
void ly_spool_remove(const char *dir, const char *name);
void ly_spool_refuse(const char *dir, const char *name);
/* Calls `each` for every complete file, oldest first; LY_E_NOTFOUND when there is no directory. */
LY_MUST_USE ly_status ly_spool_list(const char *dir,
                                    void (*each)(void *user, const ly_spool_item *item), void *user,
                                    ly_err *err);

#endif
