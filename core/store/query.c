/*
 * `lydite sql`: one statement of the user's, over the views and nothing else.
 *
 * Three walls: the statement must be read-only by SQLite's own judgement; an authorizer lets through
 * selecting, functions, json_each and reading columns of v_* views and, beneath them, of tables; and the
 * connection is in defensive mode. Steps, rows and time are limited.
 */
#include "store/log_state.h"

#include "base/clock.h"
#include "base/mem.h"
#include "genai/messages.h"
#include "otlp/json.h"
#include "text/jsonw.h"

#define STEPS_PER_CALL 20000

typedef struct session {
    ly_store *store;
    const ly_store_sql *how;
    int inside; /* our own functions read tables */
    int64_t until, yield_ns;
    ly_log_state began; /* the log at the snapshot */
    bool stopped, yielded;
    /* The span that a function looked at last: several of them are asked of one span, as a rule. */
    ly_arena arena;
    char handle[64];
    ly_span_full *full;
} session;

/* ---- the authorizer ---- */

static bool allowed_table(const char *name)
{
    return strncmp(name, "v_", 2) == 0 || strcmp(name, "json_each") == 0 ||
           strcmp(name, "json_tree") == 0 || strcmp(name, "sqlite_schema") == 0 ||
           strcmp(name, "sqlite_master") == 0;
}

static int authorize(void *user, int action, const char *a, const char *b, const char *database,
                     const char *view)
{
    session *x = user;
    if (x->inside)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return b && (strcmp(b, "load_extension") == 0 || strcmp(b, "fts3_tokenizer") == 0)
                   ? SQLITE_DENY
                   : SQLITE_OK;
    case SQLITE_READ:
        /* A common table expression, or a table of which no column is read, has no database here. */
        return (!database && !(b && *b)) || (a && allowed_table(a)) ||
                       (view && strncmp(view, "v_", 2) == 0)
                   ? SQLITE_OK
                   : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static int on_progress(void *user)
{
    session *x = user;
    const int64_t now = ly_mono_ns();
    ly_log_state log;
    x->yielded = now > x->yield_ns && ly_log_state_read(&x->store->db, &log) &&
                 log.commits != x->began.commits;
    x->stopped =
        x->yielded || now > x->until || (x->how->interrupted && x->how->interrupted(x->how->user));
    return x->stopped;
}

/* ---- functions ---- */

static bool parse_handle(const char *text, size_t len, ly_trace_id *trace, ly_span_id *span)
{
    return len == 49 && text[32] == '/' && ly_hex_decode(ly_str_n(text, 32), trace, 16) &&
           ly_hex_decode(ly_str_n(text + 33, 16), span, 8);
}

/* The span of the function's first argument; NULL when there is none. */
static ly_span_full *span_arg(session *x, sqlite3_context *ctx, sqlite3_value **argv)
{
    const char *text = (const char *)sqlite3_value_text(argv[0]);
    size_t len = (size_t)sqlite3_value_bytes(argv[0]);
    ly_trace_id trace;
    ly_span_id span;
    if (!text || !parse_handle(text, len, &trace, &span)) {
        if (text)
            sqlite3_result_error(ctx, "the first argument must be the column `span` of v_spans",
                                 -1);
        return NULL;
    }
    if (x->full && memcmp(x->handle, text, 50) == 0)
        return x->full;
    ly_arena_reset(&x->arena);
    x->full = NULL;
    ly_err err = LY_ERR_INIT;
    x->inside++;
    ly_status st = ly_store_span_load(x->store, trace, span, &x->arena, &x->full, &err);
    x->inside--;
    if (st && st != LY_E_NOTFOUND)
        sqlite3_result_error(ctx, err.text, -1);
    if (!st)
        memcpy(x->handle, text, 50);
    return st ? NULL : x->full;
}

static void result_buf(sqlite3_context *ctx, ly_buf *out)
{
    if (out->failed)
        sqlite3_result_error_toobig(ctx);
    else
        sqlite3_result_text64(ctx, ly_buf_text(out), out->len, SQLITE_TRANSIENT, SQLITE_UTF8);
    ly_buf_release(out);
}

static void result_any(sqlite3_context *ctx, const ly_any *v)
{
    ly_buf out;
    switch (v->kind) {
    case LY_ANY_STRING:
        sqlite3_result_text64(ctx, v->str.ptr ? v->str.ptr : "", v->str.len, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
        break;
    case LY_ANY_INT:
        sqlite3_result_int64(ctx, v->integer);
        break;
    case LY_ANY_BOOL:
        sqlite3_result_int(ctx, v->boolean);
        break;
    case LY_ANY_DOUBLE:
        sqlite3_result_double(ctx, v->real);
        break;
    case LY_ANY_EMPTY:
        sqlite3_result_null(ctx);
        break;
    default:
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        ly_otlp_json_any(&out, v);
        result_buf(ctx, &out);
    }
}

/* attr(span, key): of the span, else of its resource. */
static void fn_attr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    ly_span_full *full = span_arg(sqlite3_user_data(ctx), ctx, argv);
    const char *key = (const char *)sqlite3_value_text(argv[1]);
    if (!full || !key)
        return;
    ly_str k = ly_str_n(key, (size_t)sqlite3_value_bytes(argv[1]));
    const ly_any *v = ly_attrs_get(&full->span.attrs, k);
    if (!v && full->span.resource)
        v = ly_attrs_get(&full->span.resource->attrs, k);
    if (v)
        result_any(ctx, v);
}

static void result_attrs(sqlite3_context *ctx, const ly_attrs *attrs)
{
    ly_buf out, value;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_buf_init(&value, LY_MAX_OUTPUT_BYTES);
    ly_jsonw w;
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_array(&w);
    for (size_t i = 0; i < attrs->n; i++) {
        const ly_kv *kv = &attrs->items[i];
        ly_buf_reset(&value);
        ly_otlp_json_any(&value, &kv->value);
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "key", kv->key);
        ly_jsonw_key(&w, "value");
        ly_jsonw_raw(&w, ly_buf_view(&value));
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    ly_buf_release(&value);
    result_buf(ctx, &out);
}

static void fn_attributes(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    ly_span_full *full = span_arg(sqlite3_user_data(ctx), ctx, argv);
    if (full)
        result_attrs(ctx, &full->span.attrs);
}

static ly_status log_load(ly_store *store, int64_t id, ly_arena *arena, const ly_log_record **ret,
                          ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st =
        ly_db_prep(&store->db, "SELECT trace, time_ns FROM log_record WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    st = ly_db_step(&store->db, s, &row, err);
    const int64_t trace = row ? ly_col_int(s, 0) : 0;
    ly_store_key before = {row ? ly_col_int(s, 1) : 0, id - 1, true};
    ly_db_reset(s);
    const ly_log_record **logs = NULL;
    size_t n = 0;
    *ret = NULL;
    if (!st && row)
        st = ly_logs_of_trace(store, trace, NULL, 1, &before, arena, &logs, &n, err);
    if (!st && n)
        *ret = logs[0];
    return st;
}

/* log_part(log, name): what stands only in the bytes of a log record, for v_logs. */
static void fn_log_part(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    session *x = sqlite3_user_data(ctx);
    const char *part = (const char *)sqlite3_value_text(argv[1]);
    const ly_log_record *log = NULL;
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&arena, 0, 0);
    x->inside++;
    ly_status st = log_load(x->store, sqlite3_value_int64(argv[0]), &arena, &log, &err);
    x->inside--;
    if (st) {
        sqlite3_result_error(ctx, err.text, -1);
    } else if (log && part && strcmp(part, "body") == 0) {
        result_any(ctx, &log->body);
    } else if (log && part && strcmp(part, "attributes") == 0) {
        result_attrs(ctx, &log->attrs);
    } else if (log && part && strcmp(part, "service") == 0 && log->resource) {
        const ly_any *v = ly_attrs_get(&log->resource->attrs, LY_S("service.name"));
        if (v)
            result_any(ctx, v);
    }
    ly_arena_release(&arena);
}

static void put_messages(ly_jsonw *w, const char *direction, const ly_message *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < list[i].n_parts; k++) {
            const ly_part *p = &list[i].parts[k];
            ly_jsonw_object(w);
            ly_jsonw_kv_c(w, "direction", direction);
            ly_jsonw_kv_str(w, "role", list[i].role);
            ly_jsonw_kv_c(w, "kind", ly_part_kind_name(p->kind));
            ly_jsonw_kv_str(w, "text", p->kind == LY_PART_TOOL_CALL ? p->arguments : p->text);
            if (p->tool_name.len)
                ly_jsonw_kv_str(w, "tool", p->tool_name);
            ly_jsonw_object_end(w);
        }
}

static bool read_messages(sqlite3_context *ctx, sqlite3_value **argv, ly_messages *ret)
{
    session *x = sqlite3_user_data(ctx);
    ly_span_full *full = span_arg(x, ctx, argv);
    if (!full)
        return false;
    if (ly_genai_messages(&full->span, full->logs, full->n_logs, &x->arena, ret)) {
        sqlite3_result_error_nomem(ctx);
        return false;
    }
    return true;
}

static void fn_messages(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    ly_messages m;
    if (!read_messages(ctx, argv, &m))
        return;
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_jsonw w;
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_array(&w);
    put_messages(&w, "system", m.system, m.n_system);
    put_messages(&w, "input", m.input, m.n_input);
    put_messages(&w, "output", m.output, m.n_output);
    ly_jsonw_array_end(&w);
    result_buf(ctx, &out);
}

/* content(span): all words said, for LIKE and for reading. */
static void fn_content(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    ly_messages m;
    if (!read_messages(ctx, argv, &m))
        return;
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    const struct {
        const ly_message *list;
        size_t n;
    } all[] = {{m.system, m.n_system}, {m.input, m.n_input}, {m.output, m.n_output}};
    for (size_t d = 0; d < LY_COUNT(all); d++)
        for (size_t i = 0; i < all[d].n; i++)
            for (size_t k = 0; k < all[d].list[i].n_parts; k++) {
                const ly_part *p = &all[d].list[i].parts[k];
                ly_str text = p->kind == LY_PART_TOOL_CALL ? p->arguments : p->text;
                ly_buf_fmt(&out, "%.*s: ", LY_STR_ARG(all[d].list[i].role));
                ly_buf_str(&out, text);
                ly_buf_char(&out, '\n');
            }
    const ly_str more[] = {m.query, m.tool_arguments, m.tool_result};
    for (size_t i = 0; i < LY_COUNT(more); i++)
        if (more[i].len) {
            ly_buf_str(&out, more[i]);
            ly_buf_char(&out, '\n');
        }
    result_buf(ctx, &out);
}

/* pick(json, name): a member of an object that attributes() or messages() wrote. SQLite's own JSON
 * functions may not be used in the views of a file that one need not trust. */
static void fn_pick(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    const char *text = (const char *)sqlite3_value_text(argv[0]);
    const char *name = (const char *)sqlite3_value_text(argv[1]);
    if (!text || !name)
        return;
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_MAX_OUTPUT_BYTES);
    ly_json *doc = NULL;
    int64_t integer;
    double real;
    bool boolean;
    if (!ly_json_parse(ly_str_n(text, (size_t)sqlite3_value_bytes(argv[0])), &arena, &doc, NULL)) {
        const ly_json *v = ly_json_get(doc, name);
        ly_str raw = ly_json_is(v, LY_JSON_STRING) ? ly_json_str(v) : v ? v->raw : LY_STR_NONE;
        if (ly_json_is(v, LY_JSON_NULL) || !v)
            sqlite3_result_null(ctx);
        else if (ly_json_i64(v, &integer))
            sqlite3_result_int64(ctx, integer);
        else if (ly_json_double(v, &real))
            sqlite3_result_double(ctx, real);
        else if (ly_json_bool(v, &boolean))
            sqlite3_result_int(ctx, boolean);
        else
            sqlite3_result_text64(ctx, raw.ptr ? raw.ptr : "", raw.len, SQLITE_TRANSIENT,
                                  SQLITE_UTF8);
    }
    ly_arena_release(&arena);
}

static const struct {
    const char *name;
    int args;
    void (*fn)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {
    {"attr", 2, fn_attr},         {"attributes", 1, fn_attributes},
    {"messages", 1, fn_messages}, {"content", 1, fn_content},
    {"pick", 2, fn_pick},         {"log_part", 2, fn_log_part},
};

static void functions_set(session *x, bool on)
{
    for (size_t i = 0; i < LY_COUNT(functions); i++)
        (void)sqlite3_create_function_v2(x->store->db.sql, functions[i].name, functions[i].args,
                                         SQLITE_UTF8 | SQLITE_INNOCUOUS, on ? x : NULL,
                                         on ? functions[i].fn : NULL, NULL, NULL, NULL);
}

/* ---- running ---- */

static ly_status sql_fail(session *x, int rc, ly_err *err)
{
    sqlite3 *sql = x->store->db.sql;
    if ((rc & 0xff) == SQLITE_AUTH)
        return LY_FAIL(err, LY_E_INVALID,
                       "%s: only SELECT over the views v_traces v_spans v_attributes v_messages "
                       "v_logs v_scores "
                       "v_usage v_prompts v_runs v_cases",
                       sqlite3_errmsg(sql));
    if ((rc & 0xff) == SQLITE_ERROR || (rc & 0xff) == SQLITE_MISUSE || (rc & 0xff) == SQLITE_TOOBIG)
        return LY_FAIL(err, LY_E_INVALID, "%s", sqlite3_errmsg(sql));
    return ly_db_fail(&x->store->db, rc, err);
}

static bool only_blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == ';' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p == end;
}

static ly_status prepare(session *x, ly_str text, sqlite3_stmt **ret, ly_err *err)
{
    const char *tail = NULL;
    if (text.len > LY_MIB(1))
        return LY_FAIL(err, LY_E_LIMIT, "a query of %zu bytes is too large", text.len);
    int rc = sqlite3_prepare_v3(x->store->db.sql, text.ptr, (int)text.len, 0, ret, &tail);
    if (rc != SQLITE_OK)
        return sql_fail(x, rc, err);
    if (!*ret)
        return LY_FAIL(err, LY_E_INVALID, "no statement; write SELECT ... FROM v_traces");
    if (!only_blank(tail, text.ptr + text.len))
        return LY_FAIL(err, LY_E_INVALID, "one statement at a time");
    if (!sqlite3_stmt_readonly(*ret))
        return LY_FAIL(err, LY_E_INVALID, "only reading is allowed");
    return LY_OK;
}

static ly_value value_of(sqlite3_stmt *s, int i)
{
    ly_value v = {LY_VAL_NULL, 0, 0, LY_STR_NONE};
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        v.kind = LY_VAL_INT;
        v.integer = sqlite3_column_int64(s, i);
        break;
    case SQLITE_FLOAT:
        v.kind = LY_VAL_REAL;
        v.real = sqlite3_column_double(s, i);
        break;
    case SQLITE_TEXT:
        v.kind = LY_VAL_TEXT;
        v.text = ly_col_str(s, i);
        break;
    case SQLITE_BLOB:
        v.kind = LY_VAL_BLOB;
        v.text = ly_col_str(s, i);
        break;
    default:
        break;
    }
    return v;
}

static ly_status rows(session *x, sqlite3_stmt *s, bool *ret_cut, ly_err *err)
{
    size_t n = (size_t)sqlite3_column_count(s);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_str *names = LY_ARENA_ARRAY(&arena, ly_str, n + 1);
    ly_value *values = LY_ARENA_ARRAY(&arena, ly_value, n + 1);
    ly_status st = names && values ? LY_OK : LY_NOMEM(err);
    for (size_t i = 0; !st && i < n; i++)
        names[i] = ly_str_c(sqlite3_column_name(s, (int)i));
    if (!st)
        st = x->how->row(x->how->user, n, names, NULL, err);
    int64_t count = 0;
    while (!st) {
        int rc = sqlite3_step(s);
        if (rc == SQLITE_DONE)
            break;
        if ((rc & 0xff) == SQLITE_INTERRUPT && x->stopped) {
            *ret_cut = true;
            break;
        }
        if (rc != SQLITE_ROW) {
            st = sql_fail(x, rc, err);
            break;
        }
        if (x->how->max_rows && count++ >= x->how->max_rows) {
            *ret_cut = true;
            break;
        }
        for (size_t i = 0; i < n; i++)
            values[i] = value_of(s, (int)i);
        st = x->how->row(x->how->user, n, names, values, err);
    }
    ly_arena_release(&arena);
    return st;
}

/* json_each and json_tree declare a table when they are first used, which the authorizer would refuse. */
static void connect_json(sqlite3 *sql)
{
    static const char *const uses[] = {"SELECT 1 FROM json_each('[]')",
                                       "SELECT 1 FROM json_tree('[]')"};
    for (size_t i = 0; i < LY_COUNT(uses); i++) {
        sqlite3_stmt *s = NULL;
        (void)sqlite3_prepare_v2(sql, uses[i], -1, &s, NULL);
        (void)sqlite3_finalize(s);
    }
}

ly_status ly_store_sql_run(ly_store *store, ly_str sql, const ly_store_sql *how, bool *ret_cut,
                           ly_err *err)
{
    ly_db *db = &store->db;
    session x = {.store = store, .how = how};
    x.until = how->max_ns > 0 ? ly_mono_ns() + how->max_ns : INT64_MAX;
    x.yield_ns = INT64_MAX;
    /* Also opens the log, where nothing was read yet. */
    int64_t n = 0;
    ly_status st = ly_db_scalar(db, "SELECT count(*) FROM meta", &n, err);
    if (!st && how->yield_ns > 0 && ly_log_state_read(db, &x.began))
        x.yield_ns = ly_mono_ns() + how->yield_ns;
    if (!st)
        st = ly_db_read_begin(db, err);
    if (st)
        return st;
    ly_arena_init(&x.arena, LY_KIB(64), 0);
    functions_set(&x, true);
    connect_json(db->sql);
    (void)sqlite3_set_authorizer(db->sql, authorize, &x);
    sqlite3_progress_handler(db->sql, STEPS_PER_CALL, on_progress, &x);
    int depth = sqlite3_limit(db->sql, SQLITE_LIMIT_EXPR_DEPTH, 200);
    int length = sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, 64 << 20);
    bool cut = false;
    sqlite3_stmt *s = NULL;
    st = prepare(&x, sql, &s, err);
    if (!st)
        st = rows(&x, s, &cut, err);
    (void)sqlite3_finalize(s);
    sqlite3_progress_handler(db->sql, 0, NULL, NULL);
    (void)sqlite3_set_authorizer(db->sql, NULL, NULL);
    functions_set(&x, false);
    (void)sqlite3_limit(db->sql, SQLITE_LIMIT_EXPR_DEPTH, depth);
    (void)sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, length);
    ly_db_read_end(db);
    ly_arena_release(&x.arena);
    if (!st && ret_cut)
        *ret_cut = cut;
    if (!st && how->ret_timed_out)
        *how->ret_timed_out = cut && x.stopped;
    if (!st && how->ret_yielded)
        *how->ret_yielded = cut && x.yielded;
    return st;
}
