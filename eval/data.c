/* Data-set files: see data.h. */
#include "eval/data.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/csv.h"
#include "text/jsonw.h"

enum { MAX_COLUMNS = 4096 };

typedef struct reader {
    const char *path;
    int fd;
    ly_data_row_fn fn;
    void *user;
    uint64_t rows;
    ly_buf canon;
    ly_arena arena; /* reset for each row */
} reader;

/* Gives one parsed row: canonical text and its id. */
static ly_status give(reader *r, const ly_json *row, uint64_t line, ly_err *err)
{
    if (!ly_json_is(row, LY_JSON_OBJECT)) {
        return LY_FAIL(err, LY_E_FORMAT, "%s: line %llu: a row is %s, not an object", r->path,
                       (unsigned long long)line, ly_json_kind_text(row));
    }
    ly_buf_reset(&r->canon);
    ly_status st = ly_json_canonical(row, &r->canon, err);
    if (st) {
        (void)ly_err_wrap(err, "%s: line %llu", r->path, (unsigned long long)line);
        return st;
    }
    const ly_json *id = ly_json_get(row, "id");
    ly_str key = ly_json_str(id);
    if (!key.ptr && ly_json_is(id, LY_JSON_INT)) {
        key = id->raw;
    }
    r->rows++;
    return r->fn(r->user, key, ly_buf_view(&r->canon), err);
}

/* ---- CSV -------------------------------------------------------------------------------------------------- */

static ly_status header(reader *r, const ly_csv_row *row, ly_arena *keep, ly_str **ret, ly_err *err)
{
    ly_str *names = LY_ARENA_ARRAY(keep, ly_str, row->n + 1);
    if (!names) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < row->n; i++) {
        names[i] = ly_arena_copy(keep, ly_str_trim(row->fields[i]));
        if (names[i].len == 0 || !ly_utf8_valid(names[i])) {
            return LY_FAIL(err, LY_E_FORMAT,
                           "%s: line 1: column %zu has no name; the first line names the columns",
                           r->path, i + 1);
        }
        for (size_t k = 0; k < i; k++) {
            if (ly_str_eq(names[k], names[i])) {
                return LY_FAIL(err, LY_E_FORMAT, "%s: line 1: two columns are named %.*s", r->path,
                               LY_STR_ARG(ly_str_sub(names[i], 0, 80)));
            }
        }
    }
    *ret = names;
    return LY_OK;
}

static ly_status csv_row(reader *r, const ly_str *names, size_t n, const ly_csv_row *row,
                         ly_err *err)
{
    if (row->n != n) {
        return LY_FAIL(err, LY_E_FORMAT, "%s: line %llu has %zu fields, the first line %zu",
                       r->path, (unsigned long long)row->line, row->n, n);
    }
    ly_json_member *items = LY_ARENA_ARRAY(&r->arena, ly_json_member, n + 1);
    if (!items) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < n; i++) {
        if (!ly_utf8_valid(row->fields[i])) {
            return LY_FAIL(err, LY_E_FORMAT, "%s: line %llu: column %.*s is not UTF-8", r->path,
                           (unsigned long long)row->line, LY_STR_ARG(ly_str_sub(names[i], 0, 80)));
        }
        items[i].key = names[i];
        items[i].value = (ly_json){.kind = LY_JSON_STRING, .str = row->fields[i]};
    }
    ly_json object = {.kind = LY_JSON_OBJECT};
    object.object.items = items;
    object.object.n = n;
    return give(r, &object, row->line, err);
}

static ly_status read_csv(reader *r, char delimiter, ly_err *err)
{
    ly_csv *csv = NULL;
    ly_arena keep;
    ly_csv_opts opts = {.delimiter = delimiter, .max_fields = MAX_COLUMNS};
    const ly_csv_row *row = NULL;
    ly_str *names = NULL;
    size_t n = 0;
    ly_arena_init(&keep, 4096, LY_MIB(16));
    ly_status st = ly_csv_new(ly_csv_read_fd, &r->fd, &opts, &csv, err);
    if (!st && !(st = ly_csv_next(csv, &row, err)) && row) {
        n = row->n;
        st = header(r, row, &keep, &names, err);
    }
    while (!st && names) {
        st = ly_csv_next(csv, &row, err);
        if (st) {
            ly_err_wrap(err, "%s", r->path);
        }
        if (st || !row) {
            break;
        }
        ly_arena_reset(&r->arena);
        st = csv_row(r, names, n, row, err);
    }
    ly_csv_free(csv);
    ly_arena_release(&keep);
    return st;
}

/* ---- JSON --------------------------------------------------------------------------------------------------- */

static ly_status read_whole(reader *r, ly_buf *out, ly_err *err)
{
    for (;;) {
        char *room = ly_buf_room(out, 65536);
        if (!room) {
            return ly_buf_status(out, r->path, err);
        }
        ssize_t got = read(r->fd, room, 65536);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return LY_FAIL(err, LY_E_IO, "%s: %s", r->path, strerror(errno));
        }
        if (got == 0) {
            return LY_OK;
        }
        ly_buf_advance(out, (size_t)got);
    }
}

static ly_status read_json(reader *r, ly_str text, ly_err *err)
{
    ly_arena arena;
    ly_json *doc = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_json_parse(text, &arena, &doc, err);
    if (st) {
        ly_err_wrap(err, "%s", r->path);
    } else if (!ly_json_is(doc, LY_JSON_ARRAY)) {
        st = LY_FAIL(err, LY_E_FORMAT, "%s: it is %s, not a list of objects", r->path,
                     ly_json_kind_text(doc));
    }
    for (size_t i = 0; !st && i < ly_json_count(doc); i++) {
        const ly_json *row = ly_json_at(doc, i);
        st = give(r, row, ly_json_line(row, text), err);
    }
    ly_arena_release(&arena);
    return st;
}

static ly_status read_lines(reader *r, ly_str text, ly_err *err)
{
    uint64_t line = 0;
    ly_str rest = text, one;
    ly_status st = LY_OK;
    while (!st && ly_str_split(&rest, '\n', &one)) {
        ly_json *doc = NULL;
        line++;
        one = ly_str_trim(one);
        if (one.len == 0) {
            continue;
        }
        if (one.len > LY_MAX_ROW_BYTES) {
            return LY_FAIL(err, LY_E_LIMIT, "%s: line %llu is larger than %zu bytes", r->path,
                           (unsigned long long)line, LY_MAX_ROW_BYTES);
        }
        ly_arena_reset(&r->arena);
        st = ly_json_parse(one, &r->arena, &doc, err);
        if (st) {
            (void)ly_err_wrap(err, "%s: line %llu", r->path, (unsigned long long)line);
            return st;
        }
        st = give(r, doc, line, err);
    }
    return st;
}

typedef enum data_format { CSV, TSV, JSON, JSONL } data_format;

static bool format_by_name(ly_str path, data_format *ret)
{
    static const struct {
        const char *end;
        data_format format;
    } ends[] = {
        {".csv", CSV}, {".tsv", TSV}, {".json", JSON}, {".jsonl", JSONL}, {".ndjson", JSONL}};
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        if (ly_str_ends(path, ly_str_c(ends[i].end))) {
            *ret = ends[i].format;
            return true;
        }
    }
    return false;
}

static ly_status read_documents(reader *r, bool named, data_format format, ly_err *err)
{
    ly_buf all;
    ly_buf_init(&all, LY_MAX_OUTPUT_BYTES);
    ly_status st = read_whole(r, &all, err);
    if (!st) {
        ly_str text = ly_str_trim(ly_buf_view(&all));
        bool list = named ? format == JSON : text.len && text.ptr[0] == '[';
        st = list ? read_json(r, text, err) : read_lines(r, text, err);
    }
    ly_buf_release(&all);
    return st;
}

/* First byte of a file whose name says nothing: [ or { begins JSON, anything else is CSV. */
static bool looks_like_json(int fd)
{
    char c = 0;
    ssize_t got = pread(fd, &c, 1, 0);
    return got == 1 && (c == '[' || c == '{');
}

ly_status ly_data_read_file(const char *path, ly_data_row_fn fn, void *user, ly_err *err)
{
    reader r = {.path = path, .fn = fn, .user = user};
    data_format format = CSV;
    r.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0) {
        return LY_FAIL(err, errno == ENOENT ? LY_E_NOTFOUND : LY_E_IO, "%s: %s", path,
                       strerror(errno));
    }
    ly_buf_init(&r.canon, LY_MAX_ROW_BYTES * 2);
    ly_arena_init(&r.arena, 0, LY_MAX_ROW_BYTES * 8);
    bool named = format_by_name(ly_str_c(path), &format);
    ly_status st;
    if (named ? format == CSV || format == TSV : !looks_like_json(r.fd)) {
        st = read_csv(&r, format == TSV ? '\t' : ',', err);
    } else {
        st = read_documents(&r, named, format, err);
    }
    if (!st && r.rows == 0) {
        st = LY_FAIL(err, LY_E_FORMAT, "%s has no rows", path);
    }
    ly_arena_release(&r.arena);
    ly_buf_release(&r.canon);
    close(r.fd);
    return st;
}

ly_status ly_data_check_columns(const char *path, const ly_json *first_row, const ly_str *names,
                                size_t n_names, ly_str what, ly_err *err)
{
    for (size_t i = 0; i < n_names; i++) {
        if (ly_json_get_str(first_row, names[i])) {
            continue;
        }
        ly_buf columns;
        ly_buf_init(&columns, 200);
        for (size_t k = 0; k < first_row->object.n; k++) {
            ly_buf_fmt(&columns, "%s%.*s", k ? ", " : "",
                       LY_STR_ARG(first_row->object.items[k].key));
        }
        ly_status st = LY_FAIL(err, LY_E_NOTFOUND,
                               "%s has no column %.*s, which %.*s uses; its columns are %s", path,
                               LY_STR_ARG(names[i]), LY_STR_ARG(what),
                               columns.failed ? "others" : ly_buf_text(&columns));
        ly_buf_release(&columns);
        return st;
    }
    return LY_OK;
}

typedef struct putting {
    ly_dataset_writer *writer;
    ly_data_check_fn check;
    void *user;
    bool only_check;
    uint64_t rows;
} putting;

static ly_status put_row(void *user, ly_str key, ly_str data, ly_err *err)
{
    putting *p = user;
    if (!p->only_check) {
        return ly_dataset_add(p->writer, key, data, NULL, err);
    }
    if (p->rows++ > 0 || !p->check) {
        return LY_OK;
    }
    ly_arena arena;
    ly_json *doc = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_json_parse(data, &arena, &doc, err);
    if (!st) {
        st = p->check(p->user, doc, err);
    }
    ly_arena_release(&arena);
    return st;
}

ly_status ly_data_put_file(ly_store *store, ly_str name, const char *path, ly_data_check_fn check,
                           void *user, ly_arena *arena, ly_dataset_version *ret, ly_err *err)
{
    putting p = {.check = check, .user = user, .only_check = true};
    ly_status st = check ? ly_data_read_file(path, put_row, &p, err) : LY_OK;
    p.only_check = false;
    if (!st) {
        st = ly_dataset_begin(store, name, ly_str_c(path), &p.writer, err);
    }
    if (st) {
        return st;
    }
    st = ly_data_read_file(path, put_row, &p, err);
    if (st) {
        ly_dataset_abandon(p.writer);
        return st;
    }
    return ly_dataset_end(p.writer, arena, ret, err);
}
