/*
 * --csv of commands whose rows have a JSON form: the same fields under the same names, so that the list
 * in a command's --help describes both. The first row's fields are the heading; a row of another shape
 * fills what it shares with it.
 */
#ifndef LY_CLI_JSON_CSV_H
#define LY_CLI_JSON_CSV_H

#include "base/arena.h"
#include "cli/cmd.h"

typedef struct ly_json_csv {
    ly_arena arena; /* the heading's names */
    ly_str *heads;  /* NULL before the first row */
    size_t n;
    bool headed; /* the heading is written */
} ly_json_csv;

void ly_json_csv_init(ly_json_csv *csv);
void ly_json_csv_release(ly_json_csv *csv);
/* Before the first row: the heading of rows of several shapes. The names are borrowed. */
LY_MUST_USE ly_status ly_json_csv_heads(ly_json_csv *csv, const char *const *names, size_t n,
                                        ly_err *err);
/*
 * Writes the JSON Lines of `lines` as CSV to the command's output. Text is exact but for what a
 * spreadsheet would run as a formula or a terminal obey (LY_CSV_REPORT); unknown is empty; arrays and objects
 * stay JSON.
 */
LY_MUST_USE ly_status ly_json_csv_put(ly_json_csv *csv, ly_cli *cli, ly_str lines, ly_err *err);

#endif
