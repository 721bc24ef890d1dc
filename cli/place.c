/*
 * Where things are: the database's path and settings, by DESIGN §7's order (flag, LYDITE_*, the
 * nearest lydite.yaml upwards, defaults).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "text/json.h"
#include "text/yaml.h"

#define PATH_BYTES 4096

/* Read once per process; commands are single-threaded until they start work. */
static struct {
    bool looked;
    ly_arena arena;
    const ly_json *root; /* NULL = no file */
    char folder[PATH_BYTES];
} config;

static bool read_file(int fd, ly_buf *out)
{
    ly_buf_init(out, LY_MAX_TEXT_FILE_BYTES);
    for (;;) {
        char *room = ly_buf_room(out, 16384);
        ssize_t n = room ? read(fd, room, 16384) : -1;
        if (n < 0 && room && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            return true;
        ly_buf_advance(out, (size_t)n);
    }
}

/* Opens dir/lydite.yaml unless others may write it or its folder: a setting could name a command or
 * a database there. */
static int open_config(ly_cli *cli, const char *dir)
{
    char path[PATH_BYTES + 16];
    struct stat file, folder;
    snprintf(path, sizeof path, "%s/lydite.yaml", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    if (fstat(fd, &file) != 0 || stat(dir, &folder) != 0 || !S_ISREG(file.st_mode) ||
        (file.st_mode & S_IWOTH) || ((folder.st_mode & S_IWOTH) && !(folder.st_mode & S_ISVTX)) ||
        ((folder.st_mode & S_ISVTX) && file.st_uid != geteuid() && file.st_uid != 0)) {
        ly_cli_note(cli, "%s is not read: others may write there", path);
        close(fd);
        return -1;
    }
    return fd;
}

static void find_config(ly_cli *cli)
{
    if (config.looked)
        return;
    config.looked = true;
    ly_arena_init(&config.arena, 0, LY_MAX_TEXT_FILE_BYTES);
    if (!getcwd(config.folder, sizeof config.folder))
        return;
    int fd = open_config(cli, config.folder);
    while (fd < 0) {
        char *slash = strrchr(config.folder, '/');
        if (!slash || config.folder[1] == '\0')
            return;
        slash[slash == config.folder ? 1 : 0] = '\0';
        fd = open_config(cli, config.folder);
    }
    ly_buf text;
    ly_err err = LY_ERR_INIT;
    ly_json *root = NULL;
    if (read_file(fd, &text)) {
        /* The DOM may point into the text, so the text goes into the arena first. */
        ly_str kept = ly_arena_copy(&config.arena, ly_buf_view(&text));
        if (kept.ptr && ly_yaml_parse(kept, &config.arena, &root, &err) == LY_OK)
            config.root = root;
        else
            ly_cli_note(cli, "%s/lydite.yaml is not used: %s", config.folder, err.text);
    }
    ly_buf_release(&text);
    close(fd);
}

const char *ly_cli_setting(ly_cli *cli, const char *name)
{
    const char *value = ly_cli_opt(cli, name);
    if (value)
        return value;
    char env[80] = "LYDITE_";
    size_t n = strlen(env);
    for (const char *c = name; *c && n + 1 < sizeof env; c++)
        env[n++] = (char)(*c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    env[n] = '\0';
    value = getenv(env);
    if (value && *value)
        return value;
    find_config(cli);
    if (!config.root)
        return NULL;
    const ly_json *found = ly_json_get(config.root, name);
    int64_t number;
    bool yes;
    if (ly_json_is(found, LY_JSON_STRING) && found->str.len)
        return ly_arena_copy(&config.arena, found->str).ptr;
    if (ly_json_i64(found, &number))
        return ly_arena_fmt(&config.arena, "%lld", (long long)number).ptr;
    if (ly_json_bool(found, &yes))
        return yes ? "true" : "false";
    if (found && found->kind != LY_JSON_STRING)
        ly_cli_note(cli, "%s/lydite.yaml: %s must be a string, a whole number or true or false",
                    config.folder, name);
    return NULL;
}

static void make_folders(char *path)
{
    for (char *c = path + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        mkdir(path, 0700);
        *c = '/';
    }
}

const char *ly_cli_db(ly_cli *cli)
{
    static char path[2 * PATH_BYTES + 64];
    const char *set = ly_cli_opt(cli, "db");
    if (!set || !*set) {
        const char *env = getenv("LYDITE_DB");
        set = env && *env ? env : NULL;
    }
    if (set)
        return set;
    set = ly_cli_setting(cli, "db");
    if (set) { /* relative to the file that says it */
        if (set[0] == '/')
            return set;
        snprintf(path, sizeof path, "%s/%s", config.folder, set);
        return path;
    }
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && data[0] == '/')
        snprintf(path, sizeof path, "%s/lydite/lydite.db", data);
    else
        snprintf(path, sizeof path, "%s/.local/share/lydite/lydite.db", home && *home ? home : ".");
    make_folders(path);
    return path;
}
