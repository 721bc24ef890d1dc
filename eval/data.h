/*
 * Data-set files: CSV, JSON (a list of objects) and JSON Lines, read as a stream of rows. A row is a JSON
 * object in canonical form; every CSV cell is a string. The column `id` is the row's own key.
 */
#ifndef LY_EVAL_DATA_H
#define LY_EVAL_DATA_H

#include "base/arena.h"
#include "store/dataset.h"
#include "text/json.h"

/* Called with each row: its key (may be empty) and canonical JSON, valid for the call. */
typedef ly_status (*ly_data_row_fn)(void *user, ly_str key, ly_str data, ly_err *err);

/* Format by the file's ending (.csv, .tsv, .json, .jsonl, .ndjson), else by its first byte. Errors name the
 * file and the line. A file without rows is LY_E_FORMAT. */
LY_MUST_USE ly_status ly_data_read_file(const char *path, ly_data_row_fn fn, void *user,
                                        ly_err *err);

/* The member names of the first row, and which of `names` it lacks: LY_E_NOTFOUND "rows.csv has no column
 * question, which PROMPT uses; its columns are ...". `what` says who needs it. */
LY_MUST_USE ly_status ly_data_check_columns(const char *path, const ly_json *first_row,
                                            const ly_str *names, size_t n_names, ly_str what,
                                            ly_err *err);

/* Stores the file as a version of the data set `name`. With `check` the file is read twice over: first all of
 * it, and `check` on its first row, before anything is written. */
typedef ly_status (*ly_data_check_fn)(void *user, const ly_json *first_row, ly_err *err);
LY_MUST_USE ly_status ly_data_put_file(ly_store *store, ly_str name, const char *path,
                                       ly_data_check_fn check, void *user, ly_arena *arena,
                                       ly_dataset_version *ret, ly_err *err);

#endif
