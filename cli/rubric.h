/* Rubric texts: files, and versions kept by `lydite judge put`. */
#ifndef LY_CLI_RUBRIC_H
#define LY_CLI_RUBRIC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* The file, or where there is none of that name, a prompt of the registry in `db` (judge/NAME[@VERSION]). */
LY_MUST_USE ly_status ly_rubric_read(const char *db, const char *path, ly_arena *arena, ly_str *ret,
                                     ly_err *err);

#endif
