#include "replay.h"

#include <sqlite3.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

typedef struct value {
    int kind; /* SQLITE_NULL, _INTEGER, _FLOAT, _TEXT, _BLOB */
    int64_t integer;
    double real;
    ly_str bytes;
    int index; /* of the parameter, from 1 */
} value;

typedef struct op {
    size_t template;
    value *values;
    size_t n;
} op;

struct recording {
    ly_arena arena;
    ly_str *templates;
    size_t n_templates, cap_templates;
    op *ops;
    size_t n, cap;
};

/* ---- writing: lengths, then the two texts ---- */

void recording_write(void *file, const char *sql, const char *expanded)
{
    uint64_t sizes[2] = {strlen(sql), strlen(expanded)};
    (void)fwrite(sizes, sizeof sizes, 1, file);
    (void)fwrite(sql, 1, sizes[0], file);
    (void)fwrite(expanded, 1, sizes[1], file);
}

/* ---- reading: the values are what stands in the expanded text where the template has ?N ---- */

static size_t template_of(recording *r, ly_str sql)
{
    for (size_t i = r->n_templates; i-- > 0;) {
        if (ly_str_eq(r->templates[i], sql))
            return i;
    }
    if (!ly_grow(&r->templates, &r->cap_templates, r->n_templates + 1, 1 << 20,
                 sizeof *r->templates))
        return SIZE_MAX;
    r->templates[r->n_templates] = ly_arena_copy(&r->arena, sql);
    return r->n_templates++;
}

static bool read_quoted(recording *r, ly_str in, size_t *at, value *v)
{
    char *dst = ly_arena_alloc(&r->arena, in.len - *at + 1, 1);
    size_t n = 0;
    if (!dst)
        return false;
    for ((*at)++; *at < in.len; (*at)++) {
        if (in.ptr[*at] == '\'') {
            if (*at + 1 < in.len && in.ptr[*at + 1] == '\'')
                (*at)++;
            else
                break;
        }
        dst[n++] = in.ptr[*at];
    }
    (*at)++;
    v->kind = SQLITE_TEXT;
    v->bytes = ly_str_n(dst, n);
    return true;
}

static bool read_blob(recording *r, ly_str in, size_t *at, value *v)
{
    size_t end = ly_str_find_char(in, '\'', *at + 2);
    if (end == SIZE_MAX)
        return false;
    size_t n = (end - *at - 2) / 2;
    char *dst = ly_arena_alloc(&r->arena, n + 1, 1);
    if (!dst || !ly_hex_decode(ly_str_sub(in, *at + 2, 2 * n), dst, n))
        return false;
    v->kind = SQLITE_BLOB;
    v->bytes = ly_str_n(dst, n);
    *at = end + 1;
    return true;
}

static bool read_number(ly_str in, size_t *at, value *v)
{
    size_t end = *at;
    while (end < in.len && strchr("+-.0123456789eE", in.ptr[end]))
        end++;
    ly_str text = ly_str_sub(in, *at, end - *at);
    v->kind = ly_str_to_i64(text, &v->integer) ? SQLITE_INTEGER : SQLITE_FLOAT;
    if (v->kind == SQLITE_FLOAT && !ly_str_to_double(text, &v->real))
        return false;
    *at = end;
    return true;
}

static bool read_value(recording *r, ly_str in, size_t *at, value *v)
{
    char c = *at < in.len ? in.ptr[*at] : 0;
    if (c == '\'')
        return read_quoted(r, in, at, v);
    if ((c == 'x' || c == 'X') && *at + 1 < in.len && in.ptr[*at + 1] == '\'')
        return read_blob(r, in, at, v);
    if (c == 'N') {
        v->kind = SQLITE_NULL;
        *at += 4;
        return true;
    }
    return read_number(in, at, v);
}

static bool read_values(recording *r, ly_str sql, ly_str expanded, op *o)
{
    value found[256];
    size_t at = 0, n = 0;
    int last = 0;
    for (size_t i = 0; i < sql.len; i++) {
        if (sql.ptr[i] != '?') {
            if (at >= expanded.len || expanded.ptr[at] != sql.ptr[i])
                return false;
            at++;
            continue;
        }
        int index = 0;
        while (i + 1 < sql.len && sql.ptr[i + 1] >= '0' && sql.ptr[i + 1] <= '9')
            index = index * 10 + (sql.ptr[++i] - '0');
        if (n == LY_COUNT(found) || !read_value(r, expanded, &at, &found[n]))
            return false;
        found[n++].index = last = index ? index : last + 1;
    }
    o->values = LY_ARENA_ARRAY(&r->arena, value, n + 1);
    if (!o->values)
        return false;
    memcpy(o->values, found, n * sizeof *found);
    o->n = n;
    return true;
}

static ly_status read_one(recording *r, FILE *file, ly_buf *buf, bool *ret_more, ly_err *err)
{
    uint64_t sizes[2];
    *ret_more = fread(sizes, sizeof sizes, 1, file) == 1;
    if (!*ret_more)
        return LY_OK;
    ly_buf_reset(buf);
    char *room = ly_buf_room(buf, sizes[0] + sizes[1]);
    if (!room || fread(room, 1, sizes[0] + sizes[1], file) != sizes[0] + sizes[1])
        return LY_FAIL(err, LY_E_FORMAT, "the recording ends too early");
    ly_str sql = ly_str_n(room, sizes[0]), expanded = ly_str_n(room + sizes[0], sizes[1]);
    op o = {.template = template_of(r, sql)};
    if (o.template == SIZE_MAX ||
        !ly_grow(&r->ops, &r->cap, r->n + 1, SIZE_MAX / 64, sizeof *r->ops))
        return LY_NOMEM(err);
    if (!read_values(r, sql, expanded, &o))
        return LY_FAIL(err, LY_E_FORMAT, "cannot read the values of: %.200s", room);
    r->ops[r->n++] = o;
    return LY_OK;
}

ly_status recording_load(const char *path, recording **ret, ly_err *err)
{
    recording *r = ly_calloc(1, sizeof *r);
    FILE *file = fopen(path, "rbe");
    bool more = true;
    ly_buf buf;
    ly_buf_init(&buf, LY_GIB(1));
    ly_status status = r && file ? LY_OK : LY_FAIL(err, LY_E_IO, "%s cannot be read", path);
    if (r)
        ly_arena_init(&r->arena, LY_MIB(4), 0);
    while (!status && more)
        status = read_one(r, file, &buf, &more, err);
    ly_buf_release(&buf);
    if (file)
        fclose(file);
    if (status)
        recording_free(r);
    else
        *ret = r;
    return status;
}

void recording_free(recording *r)
{
    if (!r)
        return;
    ly_free(r->templates);
    ly_free(r->ops);
    ly_arena_release(&r->arena);
    ly_free(r);
}

/* ---- replaying ---- */

#define CHECKPOINT_PAGES 4096 /* 32 MiB of 8 KiB pages, as the keeper does */

static int checkpoint(void *user, sqlite3 *sql, const char *name, int pages)
{
    (void)user;
    if (pages >= CHECKPOINT_PAGES)
        (void)sqlite3_wal_checkpoint_v2(sql, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

static void bind(sqlite3_stmt *stmt, const value *v)
{
    switch (v->kind) {
    case SQLITE_INTEGER:
        (void)sqlite3_bind_int64(stmt, v->index, v->integer);
        break;
    case SQLITE_FLOAT:
        (void)sqlite3_bind_double(stmt, v->index, v->real);
        break;
    case SQLITE_TEXT:
        (void)sqlite3_bind_text64(stmt, v->index, v->bytes.ptr, v->bytes.len, SQLITE_STATIC,
                                  SQLITE_UTF8);
        break;
    case SQLITE_BLOB:
        (void)sqlite3_bind_blob64(stmt, v->index, v->bytes.ptr, v->bytes.len, SQLITE_STATIC);
        break;
    default:
        (void)sqlite3_bind_null(stmt, v->index);
        break;
    }
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static ly_status run(const recording *r, sqlite3 *sql, sqlite3_stmt **stmts, replay_result *ret,
                     ly_err *err)
{
    int64_t start = ly_mono_ns();
    double cpu = cpu_seconds();
    for (size_t i = 0; i < r->n; i++) {
        const op *o = &r->ops[i];
        sqlite3_stmt *stmt = stmts[o->template];
        if (!stmt) {
            ret->skipped++;
            continue;
        }
        for (size_t k = 0; k < o->n; k++)
            bind(stmt, &o->values[k]);
        int rc;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        }
        (void)sqlite3_reset(stmt);
        if (rc != SQLITE_DONE)
            return LY_FAIL(err, LY_E_INTERNAL, "replay: %s: %.200s", sqlite3_errmsg(sql),
                           sqlite3_sql(stmt));
        ret->statements++;
        ret->commits += strncmp(r->templates[o->template].ptr, "COMMIT", 6) == 0;
    }
    ret->seconds = (double)(ly_mono_ns() - start) / 1e9;
    ret->cpu = cpu_seconds() - cpu;
    return LY_OK;
}

ly_status recording_replay(const recording *r, const char *db, replay_result *ret, ly_err *err)
{
    sqlite3 *sql = NULL;
    sqlite3_stmt **stmts = ly_calloc(r->n_templates + 1, sizeof *stmts);
    ly_status status = LY_OK;
    *ret = (replay_result){0};
    if (!stmts)
        return LY_NOMEM(err);
    if (sqlite3_open(db, &sql) != SQLITE_OK ||
        sqlite3_exec(
            sql,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; PRAGMA "
            "wal_autocheckpoint=0; PRAGMA foreign_keys=OFF",
            NULL, NULL, NULL) != SQLITE_OK)
        status = LY_FAIL(err, LY_E_IO, "%s: %s", db, sqlite3_errmsg(sql));
    if (!status)
        (void)sqlite3_wal_hook(sql, checkpoint, NULL);
    for (size_t i = 0; i < r->n_templates && !status; i++) {
        if (ly_str_starts(r->templates[i], LY_S("PRAGMA")) &&
            !ly_str_starts(r->templates[i], LY_S("PRAGMA synchronous")))
            continue; /* of the collector's own handle */
        if (sqlite3_prepare_v3(sql, r->templates[i].ptr, (int)r->templates[i].len,
                               SQLITE_PREPARE_PERSISTENT, &stmts[i], NULL) != SQLITE_OK)
            status = LY_FAIL(err, LY_E_INTERNAL, "replay: %s: %.200s", sqlite3_errmsg(sql),
                             r->templates[i].ptr);
    }
    if (!status)
        status = run(r, sql, stmts, ret, err);
    for (size_t i = 0; i < r->n_templates; i++)
        (void)sqlite3_finalize(stmts[i]);
    ly_free(stmts);
    sqlite3_close(sql);
    return status;
}
