/* Which files are opened, which are refused, and what their owner is told. */
#include "support.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "store/internal.h"

static ly_status try_open(const char *path, ly_store_role role, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = role;
    ly_store *store = NULL;
    ly_status st = ly_store_open(path, &opts, &store, err);
    ly_store_close(store);
    return st;
}

static void makes_a_private_file(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store_close(open_writer(f.db));
    struct stat sb;
    assert_int_equal(stat(f.db, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    /* The identity stands in the file itself: application_id at 68, user_version at 60. */
    unsigned char head[100];
    int fd = open(f.db, O_RDONLY);
    assert_int_equal(read(fd, head, 100), 100);
    (void)close(fd);
    assert_memory_equal(head + 68, "LYDT", 4);
    assert_int_equal(head[63], LY_SCHEMA_VERSION);
    ly_err err = LY_ERR_INIT;
    assert_ok(try_open(f.db, LY_STORE_READER, &err), err);
    assert_ok(try_open(f.db, LY_STORE_WRITER, &err), err);
    folder_remove(&f);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_err err = LY_ERR_INIT;
    assert_int_equal(try_open(f.db, LY_STORE_READER, &err), LY_E_NOTFOUND);
    assert_non_null(strstr(err.text, "--db"));
    assert_int_equal(try_open("/no/such/folder/x.db", LY_STORE_WRITER, &err), LY_E_NOTFOUND);
    assert_non_null(strstr(err.text, "/no/such/folder"));
    assert_int_equal(try_open(f.path, LY_STORE_WRITER, &err), LY_E_IO);
    /* Not SQLite at all. */
    FILE *file = fopen(f.db, "w");
    for (int i = 0; i < 500; i++)
        (void)fputs("just text\n", file);
    (void)fclose(file);
    assert_int_equal(try_open(f.db, LY_STORE_WRITER, &err), LY_E_FOREIGN);
    assert_int_equal(try_open(f.db, LY_STORE_READER, &err), LY_E_FOREIGN);
    assert_non_null(strstr(err.text, "not a Lydite database"));
    (void)unlink(f.db);
    /* Another program's. */
    sqlite3 *sql = NULL;
    assert_int_equal(sqlite3_open(f.db, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(sql);
    assert_int_equal(try_open(f.db, LY_STORE_WRITER, &err), LY_E_FOREIGN);
    assert_non_null(strstr(err.text, "another program"));
    (void)unlink(f.db);
    /* Another build's. */
    ly_store_close(open_writer(f.db));
    assert_int_equal(sqlite3_open(f.db, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, "PRAGMA user_version=9", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(sql);
    assert_int_equal(try_open(f.db, LY_STORE_WRITER, &err), LY_E_NEWER);
    assert_non_null(strstr(err.text, "trace export"));
    (void)unlink(f.db);
    /* Another build's, of the same number before the first release. */
    ly_store_close(open_writer(f.db));
    assert_int_equal(try_open(f.db, LY_STORE_READER, &err), LY_OK);
    assert_int_equal(sqlite3_open(f.db, &sql), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(sql, "UPDATE meta SET value = value + 1 WHERE key = 'shape'", 0, 0, NULL),
        SQLITE_OK);
    (void)sqlite3_close(sql);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(try_open(f.db, i ? LY_STORE_READER : LY_STORE_WRITER, &err), LY_E_NEWER);
        assert_non_null(strstr(err.text, "tables differ"));
        assert_non_null(strstr(err.text, "trace export"));
    }
    folder_remove(&f);
}

static void tells_network_filesystems(void **state)
{
    (void)state;
    assert_string_equal(ly_fs_network(0x6969, ""), "NFS");
    assert_string_equal(ly_fs_network(0x65735546, "fuse.sshfs"), "fuse.sshfs");
    assert_null(ly_fs_network(0x65735546, "fuse.lazyfs"));
    assert_null(ly_fs_network(0xef53, "ext4"));
}

static void a_reader_does_not_write(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store_close(open_writer(f.db));
    ly_store *reader = open_reader(f.db);
    ly_err err = LY_ERR_INIT;
    ly_store_batch empty = {0};
    assert_int_equal(ly_store_ingest(reader, &empty, NULL, &err), LY_E_DENIED);
    ly_store_close(reader);
    folder_remove(&f);
}

/* Eight processes make the same file at once and write into it. */
static void many_make_it_at_once(void **state)
{
    (void)state;
    folder f = folder_make();
    pid_t pids[8];
    for (int i = 0; i < 8; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            ly_store *store = open_writer(f.db);
            for (uint64_t k = 0; k < 20; k++)
                if (ingest_one(store, (say){.trace = (uint64_t)i * 100 + k, .span = 1}) !=
                    LY_STORED)
                    _exit(1);
            ly_store_close(store);
            _exit(0);
        }
    }
    for (int i = 0; i < 8; i++) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    ly_store *reader = open_reader(f.db);
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_info_get(reader, true, &info, &err), err);
    assert_int_equal(info.n_spans, 160);
    ly_store_close(reader);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_private_file),      cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(tells_network_filesystems), cmocka_unit_test(a_reader_does_not_write),
        cmocka_unit_test(many_make_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
