/* See spool.h. */
#include "tracer/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

#define MAGIC      "LYSPOOL1"
#define HEAD_BYTES 32u
#define SUFFIX     ".otlp"
#define MAX_FILES  100000u

static uint64_t checksum(ly_str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
    }
    return h;
}

static void put_le(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le(const char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;) {
        value = value << 8 | (unsigned char)from[i];
    }
    return value;
}

static bool is_item(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > sizeof SUFFIX &&
           strcmp(name + len - (sizeof SUFFIX - 1), SUFFIX) == 0;
}

/* ---- writing ---- */

static uint64_t bytes_in(int dir_fd)
{
    uint64_t total = 0;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    struct stat st;
    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        return UINT64_MAX / 2;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
            total += (uint64_t)st.st_size;
        }
    }
    closedir(dir);
    return total;
}

static bool write_all(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static int open_dir(const char *dir, bool make)
{
    if (make && mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

ly_status ly_spool_write(const char *dir, uint64_t max_bytes, uint64_t token, bool logs, uint32_t n,
                         ly_str body, ly_err *err)
{
    static _Atomic uint32_t number;
    uint8_t head[HEAD_BYTES];
    char name[96], temp[104];
    ly_status status = LY_OK;
    int fd = -1, dir_fd = open_dir(dir, true);
    if (dir_fd < 0) {
        return LY_FAIL(err, LY_E_IO, "the spool directory %s cannot be opened (%s)", dir,
                       strerror(errno));
    }
    if (bytes_in(dir_fd) + body.len + HEAD_BYTES > max_bytes) {
        status = LY_FAIL(err, LY_E_FULL, "the spool directory %s has reached its %llu bytes", dir,
                         (unsigned long long)max_bytes);
        goto out;
    }
    snprintf(name, sizeof name, "%016llx-%016llx-%08x" SUFFIX, (unsigned long long)ly_wall_ns(),
             (unsigned long long)token, ++number);
    snprintf(temp, sizeof temp, ".tmp-%s", name);
    memcpy(head, MAGIC, 8);
    put_le(head + 8, logs, 4);
    put_le(head + 12, n, 4);
    put_le(head + 16, body.len, 8);
    put_le(head + 24, checksum(body), 8);
    fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !write_all(fd, head, sizeof head) || !write_all(fd, body.ptr, body.len) ||
        fsync(fd) != 0 || renameat(dir_fd, temp, dir_fd, name) != 0 || fsync(dir_fd) != 0) {
        status = LY_FAIL(err, LY_E_IO, "the spool directory %s cannot be written (%s)", dir,
                         strerror(errno));
        (void)unlinkat(dir_fd, temp, 0);
    }
out:
    if (fd >= 0) {
        close(fd);
    }
    close(dir_fd);
    return status;
}

/* ---- listing ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names, sorted, which is by time. The caller frees both. */
static char **sorted_names(int dir_fd, size_t *ret_n)
{
    char **names = NULL;
    size_t n = 0, cap = 0;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (is_item(entry->d_name) && strlen(entry->d_name) < 120 &&
            ly_grow(&names, &cap, n + 1, MAX_FILES, sizeof *names)) {
            names[n] = ly_strdup(entry->d_name);
            n += names[n] != NULL;
        }
    }
    if (dir) {
        closedir(dir);
    } else if (fd >= 0) {
        close(fd);
    }
    if (n) {
        qsort(names, n, sizeof *names, by_name);
    }
    *ret_n = n;
    return names;
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ly_free(names[i]);
    }
    ly_free(names);
}

static uint64_t hex_u64(ly_str s)
{
    uint8_t bytes[8];
    uint64_t value = 0;
    if (ly_hex_decode(s, bytes, 8)) {
        for (int i = 0; i < 8; i++) {
            value = value << 8 | bytes[i];
        }
    }
    return value;
}

static bool read_head(const char *head, size_t len, const char *name, ly_spool_item *ret)
{
    if (len < HEAD_BYTES || memcmp(head, MAGIC, 8) != 0) {
        return false;
    }
    *ret = (ly_spool_item){.logs = get_le(head + 8, 4) == 1,
                           .n = (uint32_t)get_le(head + 12, 4),
                           .bytes = get_le(head + 16, 8),
                           .fd = -1,
                           .body_at = HEAD_BYTES};
    ly_str_copy(ly_str_c(name), ret->name, sizeof ret->name);
    ret->time_ns = (int64_t)hex_u64(ly_str_sub(ly_str_c(name), 0, 16));
    ret->token = hex_u64(ly_str_sub(ly_str_c(name), 17, 16));
    return true;
}

ly_status ly_spool_list(const char *dir, void (*each)(void *user, const ly_spool_item *item),
                        void *user, ly_err *err)
{
    size_t n = 0;
    int dir_fd = open_dir(dir, false);
    if (dir_fd < 0) {
        return LY_FAIL(err, LY_E_NOTFOUND, "%s: there is no such spool directory", dir);
    }
    char **names = sorted_names(dir_fd, &n);
    for (size_t i = 0; i < n; i++) {
        char head[HEAD_BYTES];
        ly_spool_item item;
        int fd = openat(dir_fd, names[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t got = fd >= 0 ? read(fd, head, sizeof head) : -1;
        if (got > 0 && read_head(head, (size_t)got, names[i], &item)) {
            each(user, &item);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    free_names(names, n);
    close(dir_fd);
    return LY_OK;
}

/* ---- claiming ---- */

static bool read_all(int fd, ly_buf *out)
{
    for (;;) {
        char *room = ly_buf_room(out, LY_KIB(64));
        ssize_t n = room ? read(fd, room, LY_KIB(64)) : -1;
        if (n < 0 && room && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0;
        }
        ly_buf_advance(out, (size_t)n);
    }
}

static bool claim_one(int dir_fd, const char *name, ly_buf *file, ly_spool_item *ret, bool *ret_bad)
{
    struct stat st;
    *ret_bad = false;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    /* Unlinked between our look and our lock: another process delivered it. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 || st.st_nlink == 0) {
        close(fd);
        return false;
    }
    ly_buf_reset(file);
    bool ok =
        read_all(fd, file) && read_head(file->ptr ? file->ptr : "", file->len, name, ret) &&
        ret->bytes == file->len - HEAD_BYTES &&
        checksum(ly_str_sub(ly_buf_view(file), HEAD_BYTES, file->len)) == get_le(file->ptr + 24, 8);
    if (!ok) {
        *ret_bad = true;
        close(fd);
        return false;
    }
    ret->fd = fd;
    return true;
}

static void set_aside(int dir_fd, const char *name)
{
    char to[160];
    snprintf(to, sizeof to, "%.140s.refused", name);
    (void)renameat(dir_fd, name, dir_fd, to);
}

bool ly_spool_claim(const char *dir, ly_buf *file, ly_spool_item *ret)
{
    size_t n = 0;
    bool found = false, bad;
    int dir_fd = open_dir(dir, false);
    if (dir_fd < 0) {
        return false;
    }
    char **names = sorted_names(dir_fd, &n);
    for (size_t i = 0; i < n && !found; i++) {
        found = claim_one(dir_fd, names[i], file, ret, &bad);
        if (bad) {
            set_aside(dir_fd, names[i]);
        }
    }
    free_names(names, n);
    close(dir_fd);
    return found;
}

void ly_spool_release(int fd)
{
    close(fd);
}

void ly_spool_remove(const char *dir, const char *name)
{
    int dir_fd = open_dir(dir, false);
    if (dir_fd >= 0) {
        (void)unlinkat(dir_fd, name, 0);
        close(dir_fd);
    }
}

void ly_spool_refuse(const char *dir, const char *name)
{
    int dir_fd = open_dir(dir, false);
    if (dir_fd >= 0) {
        set_aside(dir_fd, name);
        close(dir_fd);
    }
}
