/* `lydite sql`: a question of your own, over the documented views (docs/SQL.md). Reading only. */
#include "base/buf.h"
#include "base/limits.h"
#include "cli/reading.h"
#include "store/store.h"
#include "text/csv.h"
#include "text/jsonw.h"

#define DEFAULT_ROWS    1000
#define DEFAULT_SECONDS 30
#define YIELD_NS        1000000000 /* while others write */
#define MOST_BYTES      LY_MIB(1024)
#define SHOWN_BYTES     64 /* of a blob, in a table */

#define MOST_COLUMNS 256

typedef struct printing {
    ly_cli *cli;
    ly_table *table;
    ly_arena arena;
    const char *heads[MOST_COLUMNS];
    bool is_text[MOST_COLUMNS]; /* some value is no number: such a column stands to the left */
    size_t n;
    int64_t rows;
    ly_buf line;
    ly_buf out; /* nothing is printed before the reading has ended: a pipe may be slow */
} printing;

static void cell(ly_buf *out, const ly_value *v)
{
    switch (v->kind) {
    case LY_VAL_NULL:
        break;
    case LY_VAL_INT:
        ly_buf_i64(out, v->integer);
        break;
    case LY_VAL_REAL:
        ly_buf_fmt(out, "%.10g", v->real);
        break;
    case LY_VAL_TEXT:
        ly_buf_str(out, v->text);
        break;
    case LY_VAL_BLOB:
        for (size_t i = 0; i < v->text.len; i++)
            ly_buf_fmt(out, "%02x", (unsigned char)v->text.ptr[i]);
        break;
    }
}

/* A member's name stands once in an object: of two columns of one name the second is "name_2". */
static void key(ly_jsonw *w, const ly_str *names, size_t at)
{
    unsigned same = 1;
    for (size_t i = 0; i < at; i++) {
        same += ly_str_eq(names[i], names[at]);
    }
    if (same == 1) {
        ly_jsonw_key_str(w, names[at]);
        return;
    }
    ly_buf name;
    ly_buf_init(&name, LY_MIB(1));
    ly_buf_fmt(&name, "%.*s_%u", LY_STR_ARG(names[at]), same);
    ly_jsonw_key_str(w, ly_buf_view(&name));
    ly_buf_release(&name);
}

static ly_status json_row(printing *p, size_t n, const ly_str *names, const ly_value *values,
                          ly_err *err)
{
    ly_buf_reset(&p->line);
    ly_jsonw w;
    ly_jsonw_init(&w, &p->line, 0);
    ly_jsonw_object(&w);
    for (size_t i = 0; i < n; i++) {
        key(&w, names, i);
        if (values[i].kind == LY_VAL_NULL) {
            ly_jsonw_null(&w);
        } else if (values[i].kind == LY_VAL_INT) {
            ly_jsonw_i64(&w, values[i].integer);
        } else if (values[i].kind == LY_VAL_REAL) {
            ly_jsonw_double(&w, values[i].real);
        } else {
            ly_buf text;
            ly_buf_init(&text, LY_MAX_OUTPUT_BYTES);
            cell(&text, &values[i]);
            ly_jsonw_str(&w, ly_buf_view(&text));
            ly_buf_release(&text);
        }
    }
    ly_jsonw_object_end(&w);
    ly_status st = ly_jsonw_end(&w, err);
    if (st)
        return st;
    ly_buf_str(&p->out, ly_buf_view(&p->line));
    ly_buf_char(&p->out, '\n');
    return ly_buf_status(&p->out, "answer; ask for less with LIMIT or -n", err);
}

static ly_status csv_row(printing *p, size_t n, const ly_str *names, const ly_value *values,
                         ly_err *err)
{
    ly_buf_reset(&p->line);
    ly_buf text;
    ly_buf_init(&text, LY_MAX_OUTPUT_BYTES);
    for (size_t i = 0; i < n; i++) {
        ly_buf_reset(&text);
        if (values)
            cell(&text, &values[i]);
        else
            ly_buf_str(&text, names[i]);
        /* Numbers stay numbers; text that a spreadsheet would run is made harmless. */
        bool is_text = !values || values[i].kind == LY_VAL_TEXT;
        ly_csv_put(&p->line, ly_buf_view(&text), i == 0, is_text ? LY_CSV_REPORT : 0);
    }
    ly_buf_release(&text);
    ly_csv_put_end(&p->line);
    ly_status st = ly_buf_status(&p->line, "row", err);
    if (st)
        return st;
    ly_buf_str(&p->out, ly_buf_view(&p->line));
    return ly_buf_status(&p->out, "answer; ask for less with LIMIT or -n", err);
}

static ly_status table_row(printing *p, size_t n, const ly_str *names, const ly_value *values,
                           ly_err *err)
{
    if (!values) {
        if (n > MOST_COLUMNS)
            return LY_FAIL(err, LY_E_INVALID,
                           "%zu columns do not fit a table; ask with --json or --csv", n);
        p->table = ly_table_new(p->cli, n);
        p->n = n;
        for (size_t i = 0; p->table && i < n; i++)
            p->heads[i] = ly_arena_copy(&p->arena, names[i]).ptr;
        return p->table ? LY_OK : LY_NOMEM(err);
    }
    for (size_t i = 0; i < n; i++) {
        ly_buf_reset(&p->line);
        cell(&p->line, &values[i]);
        p->is_text[i] |= values[i].kind == LY_VAL_TEXT || values[i].kind == LY_VAL_BLOB;
        if (values[i].kind == LY_VAL_BLOB && values[i].text.len > SHOWN_BYTES) {
            ly_buf_reset(&p->line);
            ly_value head = values[i];
            head.text.len = SHOWN_BYTES;
            cell(&p->line, &head);
            ly_buf_fmt(&p->line, " [%d of %zu bytes]", SHOWN_BYTES, values[i].text.len);
        }
        ly_table_cell(p->table, ly_buf_view(&p->line));
    }
    return ly_buf_status(&p->line, "row", err);
}

static void print_table(printing *p)
{
    for (size_t i = 0; i < p->n; i++)
        ly_table_col(p->table, i, p->heads[i] ? p->heads[i] : "",
                     p->is_text[i] || !p->rows ? LY_LEFT : LY_RIGHT, 80);
    ly_table_print(p->table);
}

static ly_status on_row(void *user, size_t n, const ly_str *names, const ly_value *values,
                        ly_err *err)
{
    printing *p = user;
    p->rows += values != NULL;
    if (p->cli->json)
        return values ? json_row(p, n, names, values, err) : LY_OK;
    return p->cli->csv ? csv_row(p, n, names, values, err) : table_row(p, n, names, values, err);
}

static bool interrupted(void *user)
{
    (void)user;
    return ly_cli_interrupted();
}

static int run_sql(ly_cli *cli)
{
    int code = LY_EXIT_DONE;
    int64_t seconds = 0;
    if (!ly_cli_int(cli, "timeout", 1, 86400, DEFAULT_SECONDS, &seconds))
        return LY_EXIT_USAGE;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &code);
    if (!store)
        return code;
    ly_buf sql;
    ly_buf_init(&sql, LY_MAX_TEXT_FILE_BYTES);
    for (int i = 0; i < cli->n_args; i++)
        ly_buf_fmt(&sql, i ? " %s" : "%s", cli->args[i]);
    printing p = {.cli = cli};
    bool timed_out = false, yielded = false;
    ly_arena_init(&p.arena, 0, LY_MIB(4));
    ly_buf_init(&p.line, LY_MAX_OUTPUT_BYTES);
    ly_buf_init(&p.out, MOST_BYTES);
    ly_store_sql how = {.max_rows = cli->n >= 0 ? cli->n : DEFAULT_ROWS,
                        .max_ns = seconds * 1000000000,
                        .yield_ns = ly_cli_opt(cli, "timeout") ? 0 : YIELD_NS,
                        .interrupted = interrupted,
                        .row = on_row,
                        .user = &p,
                        .ret_timed_out = &timed_out,
                        .ret_yielded = &yielded};
    bool cut = false;
    ly_err err = LY_ERR_INIT;
    ly_status st = ly_store_sql_run(store, ly_buf_view(&sql), &how, &cut, &err);
    if (p.table && !st)
        print_table(&p);
    else if (p.out.len)
        (void)fwrite(p.out.ptr, 1, p.out.len, cli->out);
    ly_table_free(p.table);
    ly_arena_release(&p.arena);
    ly_buf_release(&p.line);
    ly_buf_release(&p.out);
    ly_buf_release(&sql);
    ly_store_close(store);
    if (st)
        return ly_cli_fail(cli, &err);
    if (ly_cli_interrupted())
        return ly_cli_signal_exit();
    if (yielded) {
        ly_cli_note(
            cli,
            "stopped after 1 s with %lld row%s, because others write meanwhile and their log "
            "cannot start over; --timeout SECONDS gives it longer all the same",
            (long long)p.rows, p.rows == 1 ? "" : "s");
        return LY_EXIT_EARLY;
    }
    if (timed_out) {
        ly_cli_note(cli, "stopped after %lld s with %lld row%s; --timeout SECONDS gives it longer",
                    (long long)seconds, (long long)p.rows, ly_plural(p.rows));
        return LY_EXIT_EARLY;
    }
    if (cut)
        ly_cli_note(cli, "the first %lld rows; -n N prints more, -n 0 all", (long long)p.rows);
    return cli->fail_empty && p.rows == 0 ? LY_EXIT_NO : LY_EXIT_DONE;
}

static const ly_opt sql_opts[] = {
    {"timeout", 0, "SECONDS", "stop after this long (30; 1 while others write)", false},
};

static const ly_verb sql_verbs[] = {
    {NULL, "SQL...", 1, -1, "a query over the views v_traces v_spans v_usage v_scores ...",
     "One SELECT over the views that docs/SQL.md documents: v_traces v_spans v_attributes "
     "v_messages\n"
     "v_logs v_scores v_usage v_prompts v_runs v_cases, with the functions attr(span, 'key'), "
     "content(span),\n"
     "attributes(span) and messages(span). Nothing can be changed. -n N limits the rows (1000; 0 = "
     "all).\n"
     "--json: one object a line, columns as members (the second of one name is NAME_2); blobs as "
     "hex, infinity as null. Exit code 6 when the time ran "
     "out "
     "before all rows were there.",
     "lydite sql \"SELECT model, count(*) AS calls, sum(cost) FROM v_traces GROUP BY model\"\n"
     "lydite sql --csv \"SELECT name, duration_ms FROM v_spans WHERE type = 'tool' ORDER BY 2 "
     "DESC\"",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_CSV | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_N |
         LY_COMMON_FAIL_EMPTY,
     sql_opts, 1, run_sql},
};
const ly_cmd ly_cmd_sql = {"sql", "ask the database in SQL, reading only", "Data", sql_verbs, 1,
                           false};
