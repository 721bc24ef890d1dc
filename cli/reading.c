#include "cli/reading.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/costing.h"
#include "viewer/text.h"

/* A saved name; short enough to type. */
#define MAX_NAME 64

ly_store *ly_cli_store(ly_cli *cli, ly_store_role role, int *ret_exit)
{
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_err err = LY_ERR_INIT;
    opts.role = role;
    ly_status st = ly_store_open(ly_cli_db(cli), &opts, &store, &err);
    if (st == LY_OK) {
        ly_store_book_with(store, ly_costing_book_of);
        return store;
    }
    *ret_exit = ly_cli_fail(cli, &err);
    if (st == LY_E_NOTFOUND) {
        ly_cli_note(cli, "to record something: lydite run -- COMMAND, or lydite collect; "
                         "lydite connect prints the lines for your client");
    }
    return NULL;
}

/* The file's path, or NULL where there is no home. */
static bool filters_path(char *path, size_t size)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int n;
    if (base != NULL && base[0] == '/') {
        n = snprintf(path, size, "%s/lydite/filters", base);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(path, size, "%s/.config/lydite/filters", home);
    } else {
        return false;
    }
    return n > 0 && (size_t)n < size;
}

/* Calls fn for each saved line; stops when it returns true. */
static bool each_saved(bool (*fn)(void *user, ly_str name, ly_str text), void *user)
{
    char path[4096];
    char line[LY_MAX_FILTER_BYTES + MAX_NAME + 4];
    bool stop = false;
    FILE *f = filters_path(path, sizeof path) ? fopen(path, "re") : NULL;
    while (f != NULL && !stop && fgets(line, sizeof line, f) != NULL) {
        ly_str rest = ly_str_trim(ly_str_c(line)), name;
        if (rest.len == 0 || rest.ptr[0] == '#' || !ly_str_split(&rest, ' ', &name)) {
            continue;
        }
        stop = fn(user, name, ly_str_trim(rest));
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return stop;
}

typedef struct wanted {
    ly_arena *arena;
    ly_str name, text;
} wanted;

static bool is_wanted(void *user, ly_str name, ly_str text)
{
    wanted *w = user;
    if (!ly_str_eq(name, w->name)) {
        return false;
    }
    w->text = ly_arena_copy(w->arena, text);
    return true;
}

ly_str ly_cli_saved_filter(void *arena, ly_str name)
{
    wanted w = {arena, name, LY_STR_NONE};
    return each_saved(is_wanted, &w) ? w.text : LY_STR_NONE;
}

typedef struct keeping {
    ly_buf out;
    ly_str but;
} keeping;

static bool keep_others(void *user, ly_str name, ly_str text)
{
    keeping *k = user;
    if (!ly_str_eq(name, k->but)) {
        ly_buf_fmt(&k->out, "%.*s %.*s\n", LY_STR_ARG(name), LY_STR_ARG(text));
    }
    return false;
}

ly_status ly_cli_save_filter(ly_str name, ly_str text, ly_err *err)
{
    char path[4096], made[4200];
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
        if (!ok) {
            name.len = 0;
        }
    }
    if (name.len == 0 || name.len > MAX_NAME) {
        return LY_FAIL(err, LY_E_INVALID,
                       "the name of a filter is 1 to %d letters, digits, \"-\", \"_\" or \".\"",
                       MAX_NAME);
    }
    if (!filters_path(path, sizeof path)) {
        return LY_FAIL(err, LY_E_NOTFOUND, "no HOME to keep the filter in");
    }
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
    keeping k = {.but = name};
    ly_buf_init(&k.out, LY_MIB(16));
    (void)each_saved(keep_others, &k);
    ly_buf_fmt(&k.out, "%.*s ", LY_STR_ARG(name));
    for (size_t i = 0; i < text.len; i++) {
        ly_buf_char(&k.out, text.ptr[i] == '\n' || text.ptr[i] == '\r' ? ' ' : text.ptr[i]);
    }
    ly_buf_char(&k.out, '\n');
    ly_status st = ly_buf_status(&k.out, "the saved filters", err);
    (void)snprintf(made, sizeof made, "%s.%ld", path, (long)getpid());
    FILE *f = st == LY_OK ? fopen(made, "wxe") : NULL;
    if (st == LY_OK && f == NULL) {
        st = LY_FAIL(err, LY_E_IO, "%s: %s", made, strerror(errno));
    }
    if (f != NULL) {
        bool ok = fwrite(ly_buf_text(&k.out), 1, k.out.len, f) == k.out.len;
        ok = fclose(f) == 0 && ok;
        if (!ok || rename(made, path) != 0) {
            st = LY_FAIL(err, LY_E_IO, "%s: %s", path, strerror(errno));
            (void)unlink(made);
        }
    }
    ly_buf_release(&k.out);
    return st;
}

static ly_str lookup(void *user, ly_str name)
{
    return ly_cli_saved_filter(user, name);
}

bool ly_cli_filter(ly_cli *cli, int from, ly_filter **ret_filter, int *ret_exit)
{
    ly_buf text;
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_filter_error error;
    ly_buf_init(&text, LY_MIB(1));
    ly_arena_init(&arena, 0, LY_MIB(4));
    for (int i = from; i < cli->n_args; i++) {
        ly_buf_fmt(&text, "%s%s", i > from ? " " : "", cli->args[i]);
    }
    ly_filter_opts opts = {0, lookup, &arena};
    ly_status st = ly_filter_parse(ly_buf_view(&text), &opts, ret_filter, &error, &err);
    if (st != LY_OK) {
        *ret_exit = ly_cli_fail(cli, &err);
        if (st == LY_E_INVALID && text.len <= LY_MAX_FILTER_BYTES) {
            ly_buf caret;
            ly_buf_init(&caret, LY_KIB(64));
            ly_filter_caret(ly_buf_view(&text), &error, cli->unicode ? 0 : LY_TERM_ASCII, &caret);
            (void)fputs(ly_buf_text(&caret), stderr);
            ly_buf_release(&caret);
            *ret_exit = LY_EXIT_USAGE;
        }
    }
    ly_buf_release(&text);
    ly_arena_release(&arena);
    return st == LY_OK;
}

bool ly_cli_trace(ly_cli *cli, ly_store *store, const char *what, ly_trace_id *ret_id,
                  int *ret_exit)
{
    ly_err err = LY_ERR_INIT;
    if (ly_store_trace_find(store, ly_str_c(what), ret_id, &err) == LY_OK) {
        return true;
    }
    *ret_exit = ly_cli_fail(cli, &err);
    return false;
}

ly_print_opts ly_cli_print_opts(const ly_cli *cli)
{
    return (ly_print_opts){.width = cli->tty && !cli->plain ? cli->width : 0,
                           .unicode = cli->unicode,
                           .color = cli->color};
}

int ly_cli_flush(ly_cli *cli, ly_buf *out, ly_status st, const ly_err *err)
{
    if (st == LY_OK) {
        (void)fwrite(ly_buf_text(out), 1, out->len, cli->out);
    }
    ly_buf_release(out);
    return st == LY_OK ? LY_EXIT_DONE : ly_cli_fail(cli, err);
}
