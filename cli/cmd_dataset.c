/* `lydite dataset`: versioned data sets. */
#include "base/clock.h"
#include "base/limits.h"
#include "cli/answer.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/work.h"
#include "cli/files.h"
#include "cli/trace_text.h"
#include "eval/data.h"
#include "eval/prng.h"
#include "genai/messages.h"
#include "store/score.h"
#include "text/csv.h"
#include "text/jsonw.h"

static void print_version(ly_cli *cli, const ly_dataset_version *v)
{
    if (!cli->json) {
        fprintf(cli->out, "%.*s@%lld  %lld row%s%s\n", LY_STR_ARG(v->name), (long long)v->number,
                (long long)v->n_rows, ly_plural(v->n_rows),
                v->made_now ? "" : " (was there already)");
        return;
    }
    ly_buf out;
    ly_jsonw w;
    char hex[65];
    ly_buf_init(&out, LY_KIB(64));
    ly_hex_encode(v->hash, 32, hex);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_str(&w, "name", v->name);
    ly_jsonw_kv_i64(&w, "version", v->number);
    ly_jsonw_kv_c(&w, "hash", hex);
    ly_jsonw_kv_i64(&w, "rows", v->n_rows);
    ly_jsonw_kv_str(&w, "source", v->source);
    ly_jsonw_kv_i64(&w, "made_ns", v->made_ns);
    ly_jsonw_object_end(&w);
    if (ly_jsonw_end(&w, NULL) == LY_OK) {
        fprintf(cli->out, "%s\n", ly_buf_text(&out));
    }
    ly_buf_release(&out);
}

/* Reading a file twice over: first to look at it, with no writer, then into the database. */
typedef struct putting {
    ly_progress progress;
    ly_dataset_writer *writer;
    int64_t n, all;
} putting;

static ly_status put_row(void *user, ly_str key, ly_str data, ly_err *err)
{
    putting *p = user;
    if (ly_cli_interrupted()) {
        return LY_FAIL(err, LY_E_CANCELLED, "stopped");
    }
    ly_progress_tell(&p->progress, ++p->n, p->all, LY_UNKNOWN, p->writer ? NULL : "checked");
    return p->writer ? ly_dataset_add(p->writer, key, data, NULL, err) : LY_OK;
}

static ly_status put_file(ly_work *w, putting *p, ly_dataset_version *ret)
{
    const char *path = w->cli->args[0], *name = ly_cli_opt(w->cli, "name");
    ly_str as = name ? ly_str_c(name) : ly_file_stem(path, &w->arena);
    ly_status st = ly_dataset_begin(w->store, as, ly_str_c(path), &p->writer, &w->err);
    if (st) {
        return st;
    }
    p->all = p->n;
    p->n = 0;
    ly_progress_begin(&p->progress, w->cli, "rows");
    st = ly_data_read_file(path, put_row, p, &w->err);
    ly_progress_clear(&p->progress);
    if (st) {
        ly_dataset_abandon(p->writer);
        return st;
    }
    return ly_dataset_end(p->writer, &w->arena, ret, &w->err);
}

static int say_stopped(ly_cli *cli, int code)
{
    if (code != LY_EXIT_DONE && ly_cli_interrupted()) {
        ly_cli_note(cli, "stopped; no version was made");
    }
    return code;
}

static int run_put(ly_cli *cli)
{
    ly_work w;
    ly_dataset_version v;
    ly_err err = LY_ERR_INIT;
    putting p = {.writer = NULL};
    /* A bad file is found before the database is touched. */
    ly_progress_begin(&p.progress, cli, "rows");
    ly_status st = ly_data_read_file(cli->args[0], put_row, &p, &err);
    ly_progress_clear(&p.progress);
    if (st) {
        return say_stopped(cli, ly_cli_fail(cli, &err));
    }
    st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) {
        st = put_file(&w, &p, &v);
    }
    if (!st) {
        print_version(cli, &v);
    }
    return say_stopped(cli, ly_work_end(&w, st, LY_EXIT_DONE));
}

static int run_list(ly_cli *cli)
{
    static const char *const heads[] = {"DATA SET", "VERSION", "ROWS", "HASH", "MADE", "SOURCE"};
    ly_work w;
    ly_dataset_version *rows = NULL;
    size_t n = 0;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = ly_dataset_list(w.store, &w.arena, &rows, &n, &w.err);
    }
    for (size_t i = 0; !st && cli->json && i < n; i++) {
        print_version(cli, &rows[i]);
    }
    ly_table *t = st || cli->json ? NULL : ly_table_new(cli, LY_COUNT(heads));
    for (size_t i = 0; t && i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i == 1 || i == 2 ? LY_RIGHT : LY_LEFT, i == 5 ? 40 : 0);
    }
    for (size_t i = 0; t && i < n; i++) {
        char hex[65];
        ly_buf time;
        ly_buf_init(&time, 64);
        ly_hex_encode(rows[i].hash, 32, hex);
        ly_time_format(rows[i].made_ns, 0, &time);
        ly_table_cell(t, rows[i].name);
        ly_table_cellf(t, "%lld", (long long)rows[i].number);
        ly_table_cellf(t, "%lld", (long long)rows[i].n_rows);
        ly_table_cell(t, ly_str_n(hex, 8));
        ly_table_cell(t, ly_buf_view(&time));
        ly_table_cell(t, rows[i].source);
        ly_buf_release(&time);
    }
    if (t) {
        ly_table_print(t);
    }
    ly_table_free(t);
    return ly_work_end(&w, st, n == 0 && cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE);
}

/* Rows of NAME[@N], at most -n. */
static ly_status rows_of(ly_work *w, const char *ref, size_t limit, ly_dataset_version *v,
                         ly_row **ret, size_t *ret_n)
{
    ly_status st = ly_dataset_get(w->store, ly_str_c(ref), &w->arena, v, &w->err);
    return st ? st
              : ly_dataset_rows(w->store, v->name, v->number, 0, limit, &w->arena, ret, ret_n,
                                &w->err);
}

static void print_line(ly_cli *cli, ly_str s)
{
    fwrite(s.ptr, 1, s.len, cli->out);
    fputc('\n', cli->out);
}

static int run_show(ly_cli *cli)
{
    ly_work w;
    ly_dataset_version v;
    ly_row *rows = NULL;
    size_t n = 0;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = rows_of(&w, cli->args[0],
                     cli->n == INT64_MAX ? 0
                     : cli->n > 0        ? (size_t)cli->n
                                         : 10,
                     &v, &rows, &n);
    }
    if (!st && !cli->json) {
        print_version(
            cli, &(ly_dataset_version){
                     .name = v.name, .number = v.number, .n_rows = v.n_rows, .made_now = true});
    }
    for (size_t i = 0; i < n && !st; i++) {
        print_line(cli, rows[i].data);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

/* Exact, to be put again; only a terminal gets it cleaned. */
static void csv_header(const ly_json *row, unsigned flags, ly_buf *out)
{
    for (size_t i = 0; i < ly_json_count(row); i++) {
        ly_csv_put(out, row->object.items[i].key, i == 0, flags);
    }
    ly_csv_put_end(out);
}

static void csv_row(const ly_json *head, const ly_json *row, unsigned flags, ly_buf *out)
{
    for (size_t i = 0; i < ly_json_count(head); i++) {
        const ly_json *v = ly_json_get_str(row, head->object.items[i].key);
        ly_str text = !v                          ? LY_STR_NONE
                      : v->kind == LY_JSON_STRING ? v->str
                      : v->kind == LY_JSON_NULL   ? LY_STR_NONE
                                                  : v->raw;
        ly_csv_put(out, text, i == 0, flags);
    }
    ly_csv_put_end(out);
}

static int run_export(ly_cli *cli)
{
    ly_work w;
    ly_dataset_version v;
    ly_row *rows = NULL;
    size_t n = 0;
    ly_json *head = NULL;
    unsigned flags = cli->tty ? LY_CSV_CLEAN : 0;
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = rows_of(&w, cli->args[0], 0, &v, &rows, &n);
    }
    for (size_t i = 0; i < n && !st; i++) {
        ly_json *row = NULL;
        if (!cli->csv) {
            print_line(cli, rows[i].data);
            continue;
        }
        st = ly_json_parse(rows[i].data, &w.arena, &row, &w.err);
        if (!st && i == 0) {
            head = row;
            csv_header(row, flags, &out);
        }
        if (!st) {
            csv_row(head, row, flags, &out);
            fwrite(ly_buf_text(&out), 1, out.len, cli->out);
            ly_buf_reset(&out);
        }
    }
    ly_buf_release(&out);
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static int compare_hash(const void *a, const void *b)
{
    return memcmp(((const ly_row *)a)->hash, ((const ly_row *)b)->hash, 32);
}

static int run_diff(ly_cli *cli)
{
    ly_work w;
    ly_dataset_version va, vb;
    ly_row *a = NULL, *b = NULL;
    size_t na = 0, nb = 0, removed = 0, added = 0, i = 0, k = 0;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = rows_of(&w, cli->args[0], 0, &va, &a, &na);
    }
    if (!st) {
        st = rows_of(&w, cli->args[1], 0, &vb, &b, &nb);
    }
    if (!st) {
        qsort(a, na, sizeof *a, compare_hash);
        qsort(b, nb, sizeof *b, compare_hash);
    }
    while (!st && (i < na || k < nb)) {
        int order = i == na ? 1 : k == nb ? -1 : memcmp(a[i].hash, b[k].hash, 32);
        if (order == 0) {
            i++;
            k++;
            continue;
        }
        const ly_row *r = order < 0 ? &a[i++] : &b[k++];
        *(order < 0 ? &removed : &added) += 1;
        if (cli->json) {
            ly_answer answer;
            ly_answer_begin(&answer, cli);
            ly_jsonw_kv_c(&answer.w, "mark", order < 0 ? "-" : "+");
            ly_jsonw_key(&answer.w, "row");
            ly_jsonw_raw(&answer.w, r->data);
            (void)ly_answer_end(&answer);
            continue;
        }
        fputc(order < 0 ? '-' : '+', cli->out);
        print_line(cli, r->data);
    }
    if (!st) {
        ly_cli_note(cli, "%zu row%s removed, %zu added, %zu the same", removed, ly_plural(removed),
                    added, na - removed);
    }
    return ly_work_end(
        &w, st, removed + added && ly_cli_flag(cli, "exit-code") ? LY_EXIT_NO : LY_EXIT_DONE);
}

/* Writes the chosen rows as a new data set. */
static ly_status put_rows(ly_work *w, ly_str name, ly_str source, const ly_row *rows,
                          const size_t *which, size_t n, ly_dataset_version *ret)
{
    ly_dataset_writer *writer = NULL;
    ly_status st = ly_dataset_begin(w->store, name, source, &writer, &w->err);
    for (size_t i = 0; i < n && !st; i++) {
        const ly_row *r = &rows[which[i]];
        st = ly_dataset_add(writer, r->key, r->data,
                            ly_trace_id_zero(r->trace_id) ? NULL : &r->trace_id, &w->err);
        if (st) {
            ly_dataset_abandon(writer);
        }
    }
    return st ? st : ly_dataset_end(writer, &w->arena, ret, &w->err);
}

/* A permutation of 0..n-1 drawn from the seed. */
static size_t *shuffled(ly_work *w, size_t n, int64_t seed)
{
    size_t *order = LY_ARENA_ARRAY(&w->arena, size_t, n + 1);
    ly_prng rng;
    ly_prng_init(&rng, (uint64_t)seed);
    for (size_t i = 0; order && i < n; i++) {
        size_t k = (size_t)ly_prng_below(&rng, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    return order;
}

static int compare_index(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static int run_sample(ly_cli *cli)
{
    ly_work w;
    ly_dataset_version v, out;
    ly_row *rows = NULL;
    size_t n = 0;
    int64_t seed = 1;
    if (cli->n <= 0) {
        return ly_cli_usage(cli, "dataset sample needs -n N, the number of rows");
    }
    if (!ly_cli_int(cli, "seed", 0, INT32_MAX, 1, &seed)) {
        return LY_EXIT_USAGE;
    }
    const char *name = ly_cli_opt(cli, "name");
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) {
        st = rows_of(&w, cli->args[0], 0, &v, &rows, &n);
    }
    size_t *order = st ? NULL : shuffled(&w, n, seed);
    if (!st && !order) {
        st = LY_NOMEM(&w.err);
    }
    if (!st) {
        size_t m = (size_t)cli->n < n ? (size_t)cli->n : n;
        qsort(order, m, sizeof *order, compare_index); /* in the order of the original */
        ly_str to =
            name ? ly_str_c(name) : ly_arena_fmt(&w.arena, "%.*s-sample", LY_STR_ARG(v.name));
        st = put_rows(&w, to, ly_str_c(cli->args[0]), rows, order, m, &out);
    }
    if (!st) {
        print_version(cli, &out);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static int run_split(ly_cli *cli)
{
    ly_work w;
    ly_dataset_version v, first, second;
    ly_row *rows = NULL;
    size_t n = 0;
    int64_t seed = 1, percent = 80;
    if (!ly_cli_int(cli, "seed", 0, INT32_MAX, 1, &seed) ||
        !ly_cli_int(cli, "percent", 1, 99, 80, &percent)) {
        return LY_EXIT_USAGE;
    }
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) {
        st = rows_of(&w, cli->args[0], 0, &v, &rows, &n);
    }
    size_t *order = st ? NULL : shuffled(&w, n, seed), m = n * (size_t)percent / 100;
    if (!st && (!order || m == 0 || m == n)) {
        st = LY_FAIL(&w.err, LY_E_INVALID, "%s has %zu rows: too few to split", cli->args[0], n);
    }
    if (!st) {
        qsort(order, m, sizeof *order, compare_index);
        qsort(order + m, n - m, sizeof *order, compare_index);
        st = put_rows(&w, ly_str_c(cli->args[1]), ly_str_c(cli->args[0]), rows, order, m, &first);
    }
    if (!st) {
        st = put_rows(&w, ly_str_c(cli->args[2]), ly_str_c(cli->args[0]), rows, order + m, n - m,
                      &second);
    }
    if (!st) {
        print_version(cli, &first);
        print_version(cli, &second);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static ly_status add_trace(ly_work *w, ly_dataset_writer *writer, ly_trace_id id, int64_t *n_added)
{
    ly_str in, out;
    ly_buf raw, canon;
    ly_jsonw jw;
    ly_json *doc = NULL;
    char hex[33];
    ly_status st = ly_trace_texts(w->store, id, &w->arena, &in, &out, &w->err);
    if (st || in.len == 0) {
        return st; /* without content there is nothing to ask */
    }
    ly_hex_encode(id.b, 16, hex);
    ly_buf_init(&raw, LY_MAX_ROW_BYTES);
    ly_buf_init(&canon, LY_MAX_ROW_BYTES);
    ly_jsonw_init(&jw, &raw, 0);
    ly_jsonw_object(&jw);
    ly_jsonw_kv_str(&jw, "input", in);
    ly_jsonw_kv_str(&jw, "output", out);
    ly_jsonw_kv_c(&jw, "trace", hex);
    ly_jsonw_object_end(&jw);
    st = ly_jsonw_end(&jw, &w->err);
    if (!st) {
        st = ly_json_parse(ly_buf_view(&raw), &w->arena, &doc, &w->err);
    }
    if (!st) {
        st = ly_json_canonical(doc, &canon, &w->err);
    }
    if (!st) {
        st = ly_dataset_add(writer, ly_str_n(hex, 16), ly_buf_view(&canon), &id, &w->err);
        *n_added += !st;
    }
    ly_buf_release(&raw);
    ly_buf_release(&canon);
    return st;
}

static int run_from_traces(ly_cli *cli)
{
    ly_work w;
    ly_dataset_writer *writer = NULL;
    ly_filter *filter = NULL;
    ly_dataset_version v;
    int64_t added = 0, limit = cli->n > 0 ? cli->n : 100;
    bool more = true;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    if (!st && cli->n_args > 1) {
        st = ly_filter_parse(ly_str_c(cli->args[1]), NULL, &filter, NULL, &w.err);
    }
    query.filter = filter;
    query.since_ns = cli->since_ns;
    query.until_ns = cli->until_ns;
    query.limit = 50;
    if (!st) {
        st = ly_dataset_begin(w.store, ly_str_c(cli->args[0]), LY_S("traces"), &writer, &w.err);
    }
    while (!st && more && added < limit) {
        ly_trace_row *rows = NULL;
        size_t n = 0;
        st = ly_store_trace_page(w.store, &query, &w.arena, &rows, &n, &query.after, &more, &w.err);
        for (size_t i = 0; i < n && !st && added < limit; i++) {
            st = add_trace(&w, writer, rows[i].trace_id, &added);
        }
    }
    if (!st && added == 0) {
        st = LY_FAIL(&w.err, LY_E_NOTFOUND,
                     "no trace with recorded input fits; see: lydite trace list");
    }
    if (st) {
        ly_dataset_abandon(writer);
    } else {
        st = ly_dataset_end(writer, &w.arena, &v, &w.err);
    }
    if (!st) {
        print_version(cli, &v);
    }
    ly_filter_free(filter);
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

/* The members of a row with one of them set. */
static ly_status with_member(ly_work *w, const ly_json *row, ly_str key, ly_str value, ly_buf *out)
{
    size_t n = ly_json_count(row), k = 0;
    ly_json_member *items = LY_ARENA_ARRAY(&w->arena, ly_json_member, n + 2);
    if (!items) {
        return LY_NOMEM(&w->err);
    }
    for (size_t i = 0; i < n; i++) {
        if (!ly_str_eq(row->object.items[i].key, key)) {
            items[k++] = row->object.items[i];
        }
    }
    items[k].key = key;
    items[k++].value = (ly_json){.kind = LY_JSON_STRING, .str = value};
    ly_json object = {.kind = LY_JSON_OBJECT};
    object.object.items = items;
    object.object.n = k;
    return ly_json_canonical(&object, out, &w->err);
}

static int run_label(ly_cli *cli)
{
    ly_work w;
    ly_dataset_version v, out;
    ly_row *rows = NULL;
    size_t n = 0;
    bool found = false;
    ly_dataset_writer *writer = NULL;
    const char *column = ly_cli_opt(cli, "column");
    ly_str key = ly_str_c(cli->args[1]), column_name = ly_str_c(column ? column : "expected");
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) {
        st = rows_of(&w, cli->args[0], 0, &v, &rows, &n);
    }
    if (!st) {
        st = ly_dataset_begin(w.store, v.name, LY_S("label"), &writer, &w.err);
    }
    for (size_t i = 0; i < n && !st; i++) {
        char position[24];
        ly_buf text;
        ly_json *row = NULL;
        (void)snprintf(position, sizeof position, "%zu", i + 1);
        bool it =
            ly_str_eq(rows[i].key, key) || (rows[i].key.len == 0 && ly_str_eqc(key, position));
        ly_buf_init(&text, LY_MAX_ROW_BYTES);
        if (it) {
            st = ly_json_parse(rows[i].data, &w.arena, &row, &w.err);
            st = st ? st : with_member(&w, row, column_name, ly_str_c(cli->args[2]), &text);
            found = true;
        }
        if (!st) {
            st = ly_dataset_add(writer, rows[i].key, it ? ly_buf_view(&text) : rows[i].data,
                                ly_trace_id_zero(rows[i].trace_id) ? NULL : &rows[i].trace_id,
                                &w.err);
        }
        ly_buf_release(&text);
    }
    if (!st && !found) {
        st = LY_FAIL(&w.err, LY_E_NOTFOUND, "%s has no row %s (its id, or its number from 1)",
                     cli->args[0], cli->args[1]);
    }
    if (st) {
        ly_dataset_abandon(writer);
    } else {
        st = ly_dataset_end(writer, &w.arena, &out, &w.err);
    }
    if (!st) {
        print_version(cli, &out);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static const ly_opt name_opts[] = {
    {"name", 0, "NAME", "name (default: the file's, without its ending)", false}};
static const ly_opt sample_opts[] = {
    {"name", 0, "NAME", "name of the new data set (default NAME-sample)", false},
    {"seed", 0, "N", "of the draw (default 1)", false}};
static const ly_opt split_opts[] = {
    {"percent", 0, "P", "share of the first part (default 80)", false},
    {"seed", 0, "N", "of the draw (default 1)", false}};
static const ly_opt diff_opts[] = {{"exit-code", 0, NULL, "exit 1 when they differ", false}};
static const ly_opt label_opts[] = {{"column", 0, "NAME", "the column (default expected)", false}};

#define WRITE (LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT)
static const ly_verb verbs[] = {
    {"put", "FILE", 1, 1,
     "keep a CSV, JSON or JSONL file as a version; the same rows are the same version",
     "CSV: the first line names the columns; every cell is text. JSON: a list of objects. The "
     "column id is "
     "the row's own key.\n\n--json: name, version, hash, rows, source, made_ns.",
     "lydite dataset put rows.csv --name questions", WRITE, name_opts, LY_COUNT(name_opts),
     run_put},
    {"list", "", 0, 0, "data sets with their newest version", "--json: as put, one object a line.",
     "lydite dataset list", LY_COMMON_READ | LY_COMMON_FAIL_EMPTY, NULL, 0, run_list},
    {"show", "NAME[@N]", 1, 1, "the first rows, as JSON",
     "-n N of them (10). --json: the rows alone, each as it was put.",
     "lydite dataset show questions -n 3", LY_COMMON_READ | LY_COMMON_N, NULL, 0, run_show},
    {"diff", "A B", 2, 2, "rows that only one of two versions has",
     "--json: one object a line: mark (- only in the first, + only in the second) row.",
     "lydite dataset diff questions@1 questions@2", LY_COMMON_READ, diff_opts, LY_COUNT(diff_opts),
     run_diff},
    {"sample", "NAME[@N]", 1, 1, "draw rows into a new data set",
     "The same seed draws the same rows. --json: as put.", "lydite dataset sample questions -n 50",
     WRITE | LY_COMMON_N, sample_opts, LY_COUNT(sample_opts), run_sample},
    {"split", "NAME[@N] FIRST SECOND", 3, 3, "deal rows into two new data sets",
     "--json: as put, the two.", "lydite dataset split questions dev test --percent 70", WRITE,
     split_opts, LY_COUNT(split_opts), run_split},
    {"export", "NAME[@N]", 1, 1, "all rows as JSON Lines, or with --csv as CSV",
     "--json: the same; each row as it was put.",
     "lydite dataset export questions --csv -o questions.csv", LY_COMMON_READ | LY_COMMON_CSV, NULL,
     0, run_export},
    {"from-traces", "NAME [FILTER]", 1, 2, "make rows of recorded traces: input, output, trace",
     "Traces without recorded input are left out; -n limits (100). --json: as put.",
     "lydite dataset from-traces failures 'status:error' -n 20",
     WRITE | LY_COMMON_N | LY_COMMON_TIME, NULL, 0, run_from_traces},
    {"label", "NAME[@N] ROW VALUE", 3, 3, "set the expected answer of a row, as a new version",
     "ROW is the row's id, or its number from 1 where it has none. --json: as put.",
     "lydite dataset label questions q07 'about 600 BC'", WRITE, label_opts, LY_COUNT(label_opts),
     run_label},
};
const ly_cmd ly_cmd_dataset = {"dataset", "versioned data sets", "Evaluate",
                               verbs,     LY_COUNT(verbs),       false};
