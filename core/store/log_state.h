/*
 * Inside the store room: what the write-ahead log holds just now, from the header of its index in shared
 * memory: who has committed since, and what belongs to a snapshot. Format:
 * https://www.sqlite.org/walformat.html, "The WAL-Index File Format".
 */
#ifndef LY_STORE_LOG_STATE_H
#define LY_STORE_LOG_STATE_H

#include "store/internal.h"

typedef struct ly_log_state {
    uint32_t commits; /* counted by all writers, wraps */
    uint32_t frames;
    uint8_t salt[8]; /* of this filling of the log */
    uint32_t copied; /* frames that a checkpoint has copied into the file */
} ly_log_state;

/* False: there is none to read (nothing was read on this handle yet, an immutable file). */
bool ly_log_state_read(ly_db *db, ly_log_state *ret);

#endif
