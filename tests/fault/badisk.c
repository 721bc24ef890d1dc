/*
 * A bad disk, for LD_PRELOAD. What fails is said by the file named in LYDITE_BADISK, read at each call, so
 * a test switches faults on and off while the program runs:
 *
 *     sync      each fsync and fdatasync of a database file fails with EIO
 *     once      the next one fails, then the file is removed
 *     full      writes that would make a database file longer fail with ENOSPC
 *
 * Database files are those whose name holds ".db".
 *
 * With LYDITE_SLOWDISK each fsync and fdatasync takes so many microseconds longer; for benchmarks, which leave
 * LYDITE_BADISK out, because reading a file at each write takes as long as the write.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fault(const char *want)
{
    char text[16] = "";
    const char *path = getenv("LYDITE_BADISK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 && strncmp(text, want, strlen(want)) == 0;
}

static int is_database(int fd)
{
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return 0;
    path[n] = 0;
    return strstr(path, ".db") != NULL && strstr(path, "-shm") == NULL;
}

static int sync_fails(int fd)
{
    static const char *slow;
    if (!slow && !(slow = getenv("LYDITE_SLOWDISK")))
        slow = "0";
    unsigned more = (unsigned)strtoul(slow, NULL, 10);
    if (more)
        usleep(more);
    int once = fault("once");
    if (!once && !fault("sync"))
        return 0;
    if (!is_database(fd))
        return 0;
    if (once)
        unlink(getenv("LYDITE_BADISK"));
    errno = EIO;
    return 1;
}

static int is_full(int fd, off_t end)
{
    struct stat st;
    if (!fault("full") || !is_database(fd) || fstat(fd, &st) || end <= st.st_size)
        return 0;
    errno = ENOSPC;
    return 1;
}

int fsync(int fd)
{
    static int (*real)(int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    return sync_fails(fd) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    return sync_fails(fd) ? -1 : real(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    return is_full(fd, at + (off_t)n) ? -1 : real(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    return is_full(fd, at + (off_t)n) ? -1 : real(fd, bytes, n, at);
}

int ftruncate64(int fd, off_t size)
{
    static int (*real)(int, off_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "ftruncate64");
    return is_full(fd, size) ? -1 : real(fd, size);
}
