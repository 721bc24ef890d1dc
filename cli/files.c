/* Files of the command line: see files.h. */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"

ly_status ly_file_read(const char *path, ly_arena *arena, ly_str *ret_text, ly_err *err)
{
    bool in = ly_str_eqc(LY_S("-"), path);
    int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return LY_FAIL(err, errno == ENOENT ? LY_E_NOTFOUND : LY_E_IO, "%s: %s", path,
                       strerror(errno));
    }
    ly_buf all;
    ly_buf_init(&all, LY_MAX_TEXT_FILE_BYTES);
    ly_status st = LY_OK;
    for (;;) {
        char *room = ly_buf_room(&all, 65536);
        ssize_t got = room ? read(fd, room, 65536) : 0;
        if (!room) {
            st = ly_buf_status(&all, path, err);
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else if (got < 0) {
            st = LY_FAIL(err, LY_E_IO, "%s: %s", path, strerror(errno));
        } else if (got > 0) {
            ly_buf_advance(&all, (size_t)got);
            continue;
        }
        break;
    }
    if (!st && !ly_utf8_valid(ly_buf_view(&all))) {
        st = LY_FAIL(err, LY_E_FORMAT, "%s is not UTF-8 text", path);
    }
    if (!st) {
        *ret_text = ly_arena_copy(arena, ly_buf_view(&all));
        st = ret_text->ptr ? LY_OK : LY_NOMEM(err);
    }
    ly_buf_release(&all);
    if (!in) {
        close(fd);
    }
    return st;
}

ly_str ly_file_base(const char *path)
{
    ly_str s = ly_str_c(path);
    size_t at = ly_str_find_char(s, '/', 0);
    while (at != SIZE_MAX) {
        s = ly_str_sub(s, at + 1, SIZE_MAX);
        at = ly_str_find_char(s, '/', 0);
    }
    return s;
}

ly_str ly_file_stem(const char *path, ly_arena *arena)
{
    ly_str s = ly_file_base(path);
    size_t dot = SIZE_MAX;
    for (size_t i = 1; i < s.len; i++) {
        dot = s.ptr[i] == '.' ? i : dot;
    }
    ly_str copy = ly_arena_copy(arena, ly_str_sub(s, 0, dot == SIZE_MAX ? s.len : dot));
    char *p = (char *)(uintptr_t)copy.ptr;
    for (size_t i = 0; p && i < copy.len; i++) {
        char c = p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        p[i] = good ? c : '-';
    }
    return ly_str_sub(copy, 0, 120);
}
