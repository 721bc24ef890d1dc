/* Rubric texts: see rubric.h. */
#include "cli/rubric.h"

#include <unistd.h>

#include "cli/files.h"
#include "store/prompt.h"

ly_status ly_rubric_read(const char *db, const char *path, ly_arena *arena, ly_str *ret,
                         ly_err *err)
{
    ly_store *store = NULL;
    ly_prompt_version v;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    if (access(path, R_OK) == 0 || strncmp(path, "judge/", 6) != 0 || access(db, F_OK) != 0) {
        return ly_file_read(path, arena, ret, err);
    }
    opts.role = LY_STORE_READER;
    ly_status st = ly_store_open(db, &opts, &store, err);
    if (!st) {
        st = ly_prompt_get(store, ly_str_c(path), arena, &v, err);
    }
    if (!st) {
        *ret = v.body;
    }
    ly_store_close(store);
    return st;
}
