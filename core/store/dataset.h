/*
 * Data sets in the store: immutable versions by content; rows are JSON objects and shared between
 * versions by their hash. A version is named NAME (the newest) or NAME@3.
 *
 * Writing is streamed: begin, add rows, end. Until end nothing is visible; a program that dies between
 * leaves no version, and rows that the next one finds by content.
 */
#ifndef LY_STORE_DATASET_H
#define LY_STORE_DATASET_H

#include "store/store.h"

typedef struct ly_dataset_version {
    ly_str name;
    int64_t number;
    uint8_t hash[32]; /* SHA-256 over the rows' hashes in order */
    int64_t n_rows;
    ly_str source; /* file name or where it came from; may be empty */
    int64_t made_ns;
    bool made_now; /* ly_dataset_end: false when the content was there */
} ly_dataset_version;

typedef struct ly_row {
    int64_t position;     /* 0-based in its version */
    ly_str key;           /* the row's own id, may be empty */
    ly_str data;          /* JSON object, canonical */
    uint8_t hash[32];     /* SHA-256 of data */
    ly_trace_id trace_id; /* where it came from; zero = nowhere */
} ly_row;

typedef struct ly_dataset_writer ly_dataset_writer;

LY_MUST_USE ly_status ly_dataset_begin(ly_store *store, ly_str name, ly_str source,
                                       ly_dataset_writer **ret_writer, ly_err *err);
/* data: a JSON object in canonical form. trace_id NULL = none. Written in slices. */
LY_MUST_USE ly_status ly_dataset_add(ly_dataset_writer *writer, ly_str key, ly_str data,
                                     const ly_trace_id *trace_id, ly_err *err);
/* Makes the version, or finds the one with the same rows. Frees the writer in any case. */
LY_MUST_USE ly_status ly_dataset_end(ly_dataset_writer *writer, ly_arena *arena,
                                     ly_dataset_version *ret, ly_err *err);
/* Gives up. NULL is allowed. */
void ly_dataset_abandon(ly_dataset_writer *writer);

LY_MUST_USE ly_status ly_dataset_get(ly_store *store, ly_str ref, ly_arena *arena,
                                     ly_dataset_version *ret, ly_err *err);
/* Newest version of each, by name. */
LY_MUST_USE ly_status ly_dataset_list(ly_store *store, ly_arena *arena,
                                      ly_dataset_version **ret_rows, size_t *ret_n, ly_err *err);
/* Rows from position `from` on, at most `limit` (0 = all). */
LY_MUST_USE ly_status ly_dataset_rows(ly_store *store, ly_str name, int64_t number, int64_t from,
                                      size_t limit, ly_arena *arena, ly_row **ret_rows,
                                      size_t *ret_n, ly_err *err);

#endif
