/*
 * collector: `<db>.collector`, a small file by which `run`, `status` and `doctor` find the collector of a
 * database.
 *
 * The file is locked (fcntl, whole file) as long as the collector lives, so a file left behind by one
 * that was killed is known to be stale without trusting a process number. JSON; mode 0600.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/impl.h"
#include "text/json.h"
#include "text/jsonw.h"

#define SUFFIX   ".collector"
#define MAX_FILE 4096

struct ly_runtime_file {
    char *path;
    int fd;
};

static char *path_of(const char *db)
{
    size_t n = strlen(db) + sizeof SUFFIX;
    char *path = ly_malloc(n);
    if (path)
        snprintf(path, n, "%s%s", db, SUFFIX);
    return path;
}

/* Open file description locks: a second collector object in the same process is kept out too. */
static int lock_file(int fd, int command, short type, pid_t *ret_holder)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    int result = fcntl(fd, command, &lock);
    if (ret_holder)
        *ret_holder = lock.l_type == F_UNLCK ? 0 : lock.l_pid;
    return result;
}

static ly_status read_file(int fd, ly_runtime *ret, ly_err *err)
{
    char text[MAX_FILE];
    ssize_t n = pread(fd, text, sizeof text, 0);
    ly_arena arena;
    ly_json *doc = NULL;
    int64_t pid = 0, grpc = 0, http = 0, start = 0;
    ly_runtime found = {0};
    ly_arena_init(&arena, 4096, LY_KIB(64));
    ly_status status =
        n > 0 ? ly_json_parse(ly_str_n(text, (size_t)n), &arena, &doc, err) : LY_E_NOTFOUND;
    if (!status) {
        ly_str address = ly_json_str(ly_json_get(doc, "address"));
        if (!ly_json_i64(ly_json_get(doc, "pid"), &pid) ||
            !ly_json_i64(ly_json_get(doc, "http_port"), &http) ||
            !ly_json_i64(ly_json_get(doc, "grpc_port"), &grpc) || !ly_str_given(address) ||
            http < 0 || http > 65535 || grpc < 0 || grpc > 65535 || pid <= 0 || pid > INT32_MAX)
            status = LY_E_NOTFOUND;
        (void)ly_json_i64(ly_json_get(doc, "start_ns"), &start);
        (void)ly_str_copy(address, found.address, sizeof found.address);
        (void)ly_json_bool(ly_json_get(doc, "tls"), &found.tls);
        (void)ly_json_bool(ly_json_get(doc, "keys"), &found.keys);
        (void)ly_str_copy(ly_json_str(ly_json_get(doc, "tls_cert")), found.tls_cert,
                          sizeof found.tls_cert);
        (void)ly_str_copy(ly_json_str(ly_json_get(doc, "key")), found.key, sizeof found.key);
    }
    ly_arena_release(&arena);
    if (status)
        return LY_FAIL(err, LY_E_NOTFOUND, "no collector serves this database");
    found.pid = (int)pid;
    found.grpc_port = (int)grpc;
    found.http_port = (int)http;
    found.start_ns = start;
    *ret = found;
    return LY_OK;
}

ly_status ly_runtime_find(const char *db, ly_runtime *ret_runtime, ly_err *err)
{
    char *path = path_of(db);
    if (!path)
        return LY_NOMEM(err);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    ly_free(path);
    if (fd < 0)
        return LY_FAIL(err, LY_E_NOTFOUND, "no collector serves this database");
    pid_t holder = 0;
    ly_status status;
    if (lock_file(fd, F_OFD_GETLK, F_WRLCK, &holder) == 0 && holder == 0)
        status = LY_FAIL(err, LY_E_NOTFOUND, "no collector serves this database");
    else
        status = read_file(fd, ret_runtime, err);
    close(fd);
    return status;
}

static ly_status taken(const char *db, ly_err *err)
{
    ly_runtime other;
    if (ly_runtime_find(db, &other, NULL) == LY_OK)
        return LY_FAIL(
            err, LY_E_BUSY,
            "collector pid %d serves %s already (gRPC port %d, HTTP port %d); use it, or stop it",
            other.pid, db, other.grpc_port, other.http_port);
    return LY_FAIL(err, LY_E_BUSY, "another collector serves %s already", db);
}

ly_status ly_runtime_claim(const char *db, ly_runtime_file **ret_file, ly_err *err)
{
    ly_runtime_file *file = ly_calloc(1, sizeof *file);
    if (!file)
        return LY_NOMEM(err);
    file->fd = -1;
    file->path = path_of(db);
    ly_status status = LY_OK;
    for (int tries = 0; file->path && tries < 10; tries++) {
        struct stat here, there;
        file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file->fd < 0) {
            status = LY_FAIL(err, LY_E_DENIED, "cannot write %s: %s", file->path, strerror(errno));
            break;
        }
        if (lock_file(file->fd, F_OFD_SETLK, F_WRLCK, NULL)) {
            status = taken(db, err);
            break;
        }
        /* The one before us may have removed the file between our open and our lock. */
        if (fstat(file->fd, &here) == 0 && stat(file->path, &there) == 0 &&
            here.st_ino == there.st_ino) {
            *ret_file = file;
            return LY_OK;
        }
        close(file->fd);
        file->fd = -1;
    }
    if (!status)
        status = LY_FAIL(err, LY_E_BUSY, "another collector starts on %s", db);
    if (file->fd >= 0)
        close(file->fd);
    ly_free(file->path);
    ly_free(file);
    return status;
}

ly_status ly_runtime_write(ly_runtime_file *file, const ly_collector *c, ly_err *err)
{
    ly_buf text;
    ly_jsonw w;
    ly_buf_init(&text, MAX_FILE);
    ly_jsonw_init(&w, &text, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_i64(&w, "pid", getpid());
    ly_jsonw_kv_c(&w, "address", c->info.address);
    ly_jsonw_kv_i64(&w, "grpc_port", c->info.grpc_port);
    ly_jsonw_kv_i64(&w, "http_port", c->info.http_port);
    ly_jsonw_kv_bool(&w, "tls", c->info.tls);
    ly_jsonw_kv_bool(&w, "keys", c->info.keys);
    ly_jsonw_kv_i64(&w, "start_ns", ly_wall_ns());
    if (c->tls_cert)
        ly_jsonw_kv_c(&w, "tls_cert", c->tls_cert);
    if (c->info.keys)
        ly_jsonw_kv_c(&w, "key", c->local_key);
    ly_jsonw_object_end(&w);
    ly_status status = ly_jsonw_end(&w, err);
    if (!status &&
        (ftruncate(file->fd, 0) || pwrite(file->fd, text.ptr, text.len, 0) != (ssize_t)text.len))
        status = LY_FAIL(err, LY_E_IO, "cannot write %s: %s", file->path, strerror(errno));
    ly_buf_release(&text);
    return status;
}

void ly_runtime_drop(ly_runtime_file *file)
{
    if (!file)
        return;
    /* Before the lock goes, so that nobody finds a file without an owner; and only where the path still
     * is our file: somebody may have removed it and another collector made a new one. */
    struct stat ours, there;
    if (fstat(file->fd, &ours) == 0 && stat(file->path, &there) == 0 &&
        ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
        (void)unlink(file->path);
    close(file->fd);
    ly_free(file->path);
    ly_free(file);
}
