/* Reading whole text files that a command line names. */
#ifndef LY_CLI_FILES_H
#define LY_CLI_FILES_H

#include "base/arena.h"
#include "base/err.h"

/* At most LY_MAX_TEXT_FILE_BYTES, valid UTF-8; "-" is standard input. The text lives in the arena. */
LY_MUST_USE ly_status ly_file_read(const char *path, ly_arena *arena, ly_str *ret_text,
                                   ly_err *err);
/* "prompts/a b.txt" -> "a-b": the last part without its ending, made a name of the registry. */
LY_MUST_USE ly_str ly_file_stem(const char *path, ly_arena *arena);
/* The last part of a path. */
ly_str ly_file_base(const char *path);

#endif
