/*
 * Opening and creating: which files are refused and what their owner should do about it. A file from
 * a stranger is data: its triggers are off, its schema is not trusted to call functions, and it is told
 * apart by the two numbers in its header before SQLite reads it.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/embed.h"
#include "store/text.h"
#include "text/hash.h"

/* ---- network file systems ---- */

const char *ly_fs_network(uint64_t magic, const char *mount_type)
{
    static const struct {
        uint64_t magic;
        const char *name;
    } by_magic[] = {
        {0x6969, "NFS"},        {0x517b, "SMB"},      {0xff534d42, "CIFS"},   {0xfe534d42, "SMB"},
        {0x5346414f, "AFS"},    {0x01021997, "9P"},   {0x73757245, "Coda"},   {0x00c36400, "Ceph"},
        {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"},
    };
    static const char *const by_type[] = {"fuse.sshfs",   "fuse.rclone",    "fuse.s3fs",
                                          "fuse.gcsfuse", "fuse.glusterfs", "fuse.davfs",
                                          "davfs",        "fuse.curlftpfs", "fuse.goofys",
                                          "fuse.ceph",    "fuse.smbnetfs"};
    for (size_t i = 0; i < LY_COUNT(by_magic); i++)
        if (by_magic[i].magic == magic)
            return by_magic[i].name;
    for (size_t i = 0; mount_type && i < LY_COUNT(by_type); i++)
        if (strcmp(mount_type, by_type[i]) == 0)
            return by_type[i];
    return NULL;
}

/* The mount type of a device from /proc/self/mountinfo: "36 35 98:0 / /mnt rw - ext3 /dev/root rw". */
static void mount_type(dev_t dev, char *ret, size_t size)
{
    ret[0] = 0;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    if (!f)
        return;
    char want[32], line[4096];
    (void)snprintf(want, sizeof want, "%u:%u", major(dev), minor(dev));
    while (fgets(line, sizeof line, f)) {
        ly_str rest = ly_str_c(line), part = LY_STR_NONE;
        bool mine = false, after = false;
        for (int i = 0; ly_str_split(&rest, ' ', &part); i++) {
            if (i == 2)
                mine = ly_str_eqc(part, want);
            if (after) {
                if (mine)
                    (void)ly_str_copy(part, ret, size);
                break;
            }
            after = i > 5 && ly_str_eqc(part, "-");
        }
    }
    (void)fclose(f);
}

static ly_status folder_check(const char *path, ly_err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? ly_str_dup(ly_str_n(path, slash == path ? 1 : (size_t)(slash - path)))
                         : ly_strdup(".");
    if (!folder)
        return LY_NOMEM(err);
    ly_status st = LY_OK;
    struct statfs fs;
    struct stat sb;
    if (stat(folder, &sb) != 0 || statfs(folder, &fs) != 0) {
        st = LY_FAIL(err, errno == EACCES ? LY_E_DENIED : LY_E_NOTFOUND, "%s: the folder %s %s",
                     path, folder,
                     errno == EACCES ? "cannot be entered; check its permissions"
                                     : "does not exist; make it or name another file with --db");
    } else {
        char type[64];
        mount_type(sb.st_dev, type, sizeof type);
        const char *net = ly_fs_network((uint64_t)fs.f_type & 0xffffffff, type);
        if (net)
            st = LY_FAIL(
                err, LY_E_UNSUPPORTED,
                "%s: lies on a network filesystem (%s), where the database's write-ahead log "
                "does not work; put it on a local disk",
                path, net);
    }
    ly_free(folder);
    return st;
}

/* ---- whose file ---- */

/*
 * What can be told without opening the file. It must not be opened here: closing a second descriptor of
 * a file drops the locks that other connections of this process hold on it.
 */
static ly_status file_check(const char *path, const ly_store_opts *opts, bool *ret_empty,
                            ly_err *err)
{
    bool writer = opts->role == LY_STORE_WRITER;
    struct stat sb;
    int rc = stat(path, &sb);
    if (rc != 0 && errno == ENOENT && writer && opts->create) {
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)close(fd);
        else if (errno != EEXIST)
            return LY_FAIL(err, errno == ENOSPC ? LY_E_FULL : LY_E_DENIED,
                           "%s: cannot be made: %s; check its folder's permissions", path,
                           strerror(errno));
        rc = stat(path, &sb);
    }
    if (rc != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return LY_FAIL(
                err, LY_E_NOTFOUND,
                "%s: no such database; record something first (`lydite run -- COMMAND`), or "
                "name another with --db",
                path);
        return LY_FAIL(err, LY_E_DENIED, "%s: cannot be reached: %s", path, strerror(errno));
    }
    if (S_ISDIR(sb.st_mode))
        return LY_FAIL(err, LY_E_IO, "%s: is a folder; name a file in it", path);
    if (!S_ISREG(sb.st_mode))
        return LY_FAIL(err, LY_E_FOREIGN, "%s: is not a regular file; name another with --db",
                       path);
    if (access(path, writer ? R_OK | W_OK : R_OK) != 0)
        return LY_FAIL(err, LY_E_DENIED,
                       "%s: cannot be %s: %s; check its and its folder's permissions", path,
                       writer ? "written" : "read", strerror(errno));
    *ret_empty = sb.st_size == 0;
    return LY_OK;
}

/* ---- making it ---- */

/* The schema's text without comments and runs of white space, and the rules of the full-text index, hashed. The version number stays 1 until the
 * first release, so this is what tells a file of another build. */
static ly_status schema_shape(int64_t *ret_shape, ly_err *err)
{
    ly_buf text;
    ly_buf_init(&text, LY_MIB(1));
    for (size_t i = 0; i < ly_embedded_schema_n; i++) {
        const ly_embedded_file *file = &ly_embedded_schema[i];
        bool blank = true;
        for (size_t k = 0; k < file->len; k++) {
            char c = file->bytes[k];
            if (c == '-' && file->bytes[k + 1] == '-') {
                const char *end = strchr(file->bytes + k, '\n');
                k = end ? (size_t)(end - file->bytes) : file->len;
                c = '\n';
            }
            bool space = c == ' ' || c == '\n' || c == '\t';
            if (!space || !blank)
                ly_buf_char(&text, space ? ' ' : c);
            blank = space;
        }
    }
    ly_buf_fmt(&text, " text rules %d", LY_TEXT_RULES);
    ly_status st = ly_buf_status(&text, "the schema", err);
    if (!st)
        *ret_shape = (int64_t)(ly_xxh3_64(ly_buf_view(&text)) >> 1);
    ly_buf_release(&text);
    return st;
}

static ly_status make_schema(ly_db *db, ly_err *err)
{
    int64_t shape = 0;
    ly_status st = schema_shape(&shape, err);
    for (size_t i = 0; !st && i < ly_embedded_schema_n; i++)
        st = ly_db_exec(db, ly_embedded_schema[i].bytes, err);
    int64_t seed = 0;
    if (!st && getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        st = LY_FAIL(err, LY_E_IO, "no random numbers: %s", strerror(errno));
    char text[320];
    (void)snprintf(
        text, sizeof text,
        "PRAGMA application_id=%d; PRAGMA user_version=%d;"
        "INSERT INTO meta VALUES ('created_ns', %lld), ('next_trace', 1), ('generation', 1),"
        " ('hash_seed', %lld), ('shape', %lld)",
        LY_APPLICATION_ID, LY_SCHEMA_VERSION, (long long)ly_wall_ns(), (long long)(seed >> 1),
        (long long)shape);
    return st ? st : ly_db_exec(db, text, err);
}

static void nap(void)
{
    struct timespec t = {0, 2000000};
    (void)nanosleep(&t, NULL);
}

/* SQLite answers BUSY at once, without the busy handler, where two processes change the journal mode. */
static ly_status set_wal(ly_db *db, ly_err *err)
{
    int64_t until = ly_mono_ns() + db->opts.busy_timeout_ns;
    int rc;
    do {
        rc = sqlite3_exec(db->sql, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if ((rc & 0xff) != SQLITE_BUSY)
            break;
        nap();
    } while (ly_mono_ns() < until);
    return rc == SQLITE_OK ? LY_OK : ly_db_fail(db, rc, err);
}

static ly_status make_file(ly_db *db, ly_err *err)
{
    char text[96];
    (void)snprintf(text, sizeof text, "PRAGMA page_size=%d; PRAGMA auto_vacuum=INCREMENTAL",
                   LY_PAGE_SIZE);
    ly_status st = ly_db_exec(db, text, err);
    if (!st)
        st = set_wal(db, err);
    if (!st)
        st = ly_db_exec(db, "BEGIN IMMEDIATE", err);
    if (st)
        return st;
    int64_t tables = -1;
    st = ly_db_scalar(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (!st && tables == 0)
        st = make_schema(db, err);
    int rc = sqlite3_exec(db->sql, st ? "ROLLBACK" : "COMMIT", NULL, NULL, NULL);
    if (!st && rc != SQLITE_OK)
        st = ly_db_fail(db, rc, err);
    /* The header's two numbers must stand in the file itself, not in the log alone. */
    if (!st)
        (void)sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return st;
}

static ly_status of_this_build(ly_db *db, ly_err *err)
{
    int64_t want = 0, shape = -1;
    ly_status st = schema_shape(&want, err);
    if (!st)
        st = ly_db_scalar(db, "SELECT coalesce((SELECT value FROM meta WHERE key = 'shape'), -1)",
                          &shape, err);
    if (!st && shape != want)
        st = LY_FAIL(err, LY_E_NEWER,
                     "%s: was made by another build of lydite, whose tables differ from this "
                     "one's; with that build run `lydite trace export -o traces.jsonl`, then "
                     "import it",
                     db->path);
    return st;
}

/* Reads the numbers through SQLite (they may stand in the log still). *ret_made = it is ours. */
static ly_status identity(ly_db *db, bool *ret_made, ly_err *err)
{
    int64_t app = 0, version = 0, tables = 0;
    ly_status st = ly_db_scalar(db, "PRAGMA application_id", &app, err);
    if (!st)
        st = ly_db_scalar(db, "PRAGMA user_version", &version, err);
    if (!st)
        st = ly_db_scalar(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (st)
        return st;
    if (app == LY_APPLICATION_ID && version == LY_SCHEMA_VERSION) {
        *ret_made = true;
        return of_this_build(db, err);
    }
    if (app == 0 && version == 0 && tables == 0) {
        *ret_made = false;
        return LY_OK;
    }
    if (app == LY_APPLICATION_ID)
        return LY_FAIL(
            err, LY_E_NEWER,
            "%s: was made by another build of lydite (format %lld, this one reads %d); with "
            "that build run `lydite trace export -o traces.jsonl`, then import it",
            db->path, (long long)version, LY_SCHEMA_VERSION);
    return LY_FAIL(err, LY_E_FOREIGN,
                   "%s: is another program's SQLite database; name another file with --db",
                   db->path);
}

static ly_status open_handle(ly_db *db, bool empty, ly_err *err)
{
    bool writer = db->opts.role == LY_STORE_WRITER;
    ly_status st = ly_db_open_handle(db, false, err);
    if (st)
        return st;
    bool made = false;
    if (!empty) {
        st = identity(db, &made, err);
        /* Read-only media: no log can be made beside the file, and nobody writes. */
        if (st == LY_E_DENIED && !writer && !db->immutable) {
            ly_db_close_handle(db);
            db->immutable = true;
            st = ly_db_open_handle(db, false, err);
            if (!st)
                st = identity(db, &made, err);
        }
    }
    if (st || made)
        return st;
    if (writer && db->opts.create)
        return make_file(db, err);
    return LY_FAIL(err, LY_E_NOTFOUND,
                   "%s: is empty; record something first (`lydite run -- COMMAND`)", db->path);
}

ly_status ly_store_open(const char *path, const ly_store_opts *opts, ly_store **ret_store,
                        ly_err *err)
{
    ly_status st = folder_check(path, err);
    bool empty = false;
    if (!st)
        st = file_check(path, opts, &empty, err);
    if (st)
        return st;
    ly_store *store = ly_calloc(1, sizeof *store);
    if (!store)
        return LY_NOMEM(err);
    store->db.opts = *opts;
    store->db.path = ly_strdup(path);
    store->packer = ly_packer_new();
    ly_arena_init(&store->scratch, LY_KIB(256), 0);
    ly_arena_init(&store->texts.arena, LY_KIB(64), 0);
    ly_buf_init(&store->buf, 2 * LY_MAX_REQUEST_BYTES);
    ly_buf_init(&store->buf2, 2 * LY_MAX_REQUEST_BYTES);
    store->traces_cap = 4096;
    bool ok = store->db.path && store->packer && ly_id_map_init(&store->words, 256, 1 << 17) &&
              ly_id_map_init(&store->resources, 64, 1 << 12) &&
              ly_id_map_init(&store->scopes, 64, 1 << 12) &&
              ly_id_map_init(&store->contents, 1024, 1 << 18);
    ly_bundles_init(store);
    st = ok ? open_handle(&store->db, empty, err) : LY_NOMEM(err);
    int64_t seed = 0;
    if (!st)
        st = ly_db_scalar(&store->db, "SELECT value FROM meta WHERE key = 'hash_seed'", &seed, err);
    store->seed = (uint64_t)seed;
    if (st) {
        ly_store_close(store);
        return st;
    }
    *ret_store = store;
    return LY_OK;
}

void ly_store_close(ly_store *store)
{
    if (!store)
        return;
    ly_text_cache_release(store);
    ly_db_close_handle(&store->db);
    ly_packer_free(store->packer);
    ly_price_book_free(store->book);
    ly_id_map_release(&store->words);
    ly_id_map_release(&store->resources);
    ly_id_map_release(&store->scopes);
    ly_id_map_release(&store->contents);
    ly_id_map_release(&store->contents_old);
    ly_bundles_release(store);
    ly_free(store->traces);
    ly_free(store->texts.texts);
    ly_free(store->texts.ids);
    ly_arena_release(&store->texts.arena);
    ly_arena_release(&store->scratch);
    ly_buf_release(&store->buf);
    ly_buf_release(&store->buf2);
    ly_free(store->db.path);
    ly_free(store);
}

const char *ly_store_path(const ly_store *store)
{
    return store->db.path;
}

bool ly_store_writable(const ly_store *store)
{
    return store->db.opts.role == LY_STORE_WRITER;
}

int64_t ly_store_wal_bytes(const ly_store *store)
{
    ly_buf name;
    ly_buf_init(&name, LY_MAX_LINE_BYTES);
    ly_buf_fmt(&name, "%s-wal", store->db.path);
    struct stat sb;
    int64_t size = stat(ly_buf_text(&name), &sb) == 0 ? (int64_t)sb.st_size : 0;
    ly_buf_release(&name);
    return size;
}

/* ---- caches and other processes ---- */

void ly_store_caches_drop(ly_store *store)
{
    ly_id_map_clear(&store->words);
    ly_id_map_clear(&store->resources);
    store->n_talkers = 0;
    ly_id_map_clear(&store->scopes);
    ly_bundles_drop(store);
    if (store->traces)
        memset(store->traces, 0, store->traces_cap * sizeof *store->traces);
    if (store->texts.ids)
        memset(store->texts.ids, 0, store->texts.cap * sizeof *store->texts.ids);
    ly_packer_forget(store->packer);
    store->n_epochs = 0;
    store->generation = 0;
}

/* At the start of each write: the counters are read anew, since another process may have written, and
 * the caches are dropped when something was removed since. */
ly_status ly_store_caches_begin(ly_store *store, ly_err *err)
{
    int64_t generation = 0;
    ly_status st = ly_db_scalar(&store->db, "SELECT value FROM meta WHERE key = 'generation'",
                                &generation, err);
    if (st)
        return st;
    if (generation >> 32 != store->generation >> 32)
        ly_contents_forget(store);
    if (generation != store->generation)
        ly_store_caches_drop(store);
    store->generation = generation;
    store->n_epochs = 0;
    store->next_trace = 0;
    store->txn++;
    return LY_OK;
}
