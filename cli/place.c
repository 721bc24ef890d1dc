/*
 * Where things are: the database's path and settings, by DESIGN §7's order (flag, LYDITE_*, the
 * nearest lydite.yaml upwards, defaults).
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd.h"

#define PATH_BYTES 4096

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
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && data[0] == '/')
        snprintf(path, sizeof path, "%s/lydite/lydite.db", data);
    else
        snprintf(path, sizeof path, "%s/.local/share/lydite/lydite.db", home && *home ? home : ".");
    make_folders(path);
    return path;
}
