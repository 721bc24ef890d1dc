/* `lydite prompt stats`, `pull`, `push`. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/fetch.h"
#include "cli/files.h"
#include "cli/prompt_verbs.h"
#include "cli/work.h"
#include "eval/report.h"
#include "prompts/prompt_file.h"
#include "store/prompt.h"
#include "store/usage.h"

enum { MAX_RUNS = 50, MAX_DEPTH = 8 };

/* ---- stats ------------------------------------------------------------------------------------------- */

/* One version: what calls with it cost, and what the newest run that knows it says. */
typedef struct version_stats {
    const ly_prompt_version *v;
    int64_t calls[3], tokens_in, tokens_out, amount, unpriced; /* calls by origin */
    const ly_report *report;
    size_t target;
} version_stats;

typedef struct stats {
    ly_work work;
    version_stats *rows;
    size_t n;
} stats;

static ly_status add_usage(stats *s)
{
    ly_usage_query q = {.from_ns = INT64_MIN,
                        .until_ns = INT64_MAX,
                        .by = LY_BY_PROMPT,
                        .prompt = ly_work_arg(&s->work, 0)};
    ly_usage_row *rows = NULL;
    size_t n = 0;
    q.from_ns = s->work.cli->since_ns ? s->work.cli->since_ns : INT64_MIN;
    q.until_ns = s->work.cli->until_ns ? s->work.cli->until_ns : INT64_MAX;
    ly_status st = ly_usage_sum(s->work.store, &q, &s->work.arena, &rows, &n, &s->work.err);
    for (size_t i = 0; i < n && !st; i++) {
        int64_t number = 0;
        if (!ly_str_to_i64(rows[i].prompt_version, &number)) {
            continue; /* a version of somebody else's registry */
        }
        for (size_t k = 0; k < s->n; k++) {
            version_stats *x = &s->rows[k];
            if (x->v->number != number || !ly_str_eq(rows[i].prompt_name, x->v->name)) {
                continue;
            }
            x->calls[rows[i].origin == LY_ORIGIN_EVAL    ? 1
                     : rows[i].origin == LY_ORIGIN_JUDGE ? 2
                                                         : 0] += rows[i].n;
            x->tokens_in += rows[i].tokens_in;
            x->tokens_out += rows[i].tokens_out;
            x->amount += rows[i].amount_pico;
            x->unpriced += rows[i].n_unpriced;
        }
    }
    return st;
}

/* The newest run of each version; of MAX_RUNS runs at most. */
static ly_status add_runs(stats *s)
{
    ly_run *runs = NULL;
    size_t n = 0, missing = s->n;
    ly_work *w = &s->work;
    ly_status st = ly_run_list(w->store, LY_STR_NONE, MAX_RUNS, &w->arena, &runs, &n, &w->err);
    for (size_t i = 0; i < n && !st && missing; i++) {
        char hex[33];
        ly_json *doc = NULL;
        const ly_report *report = NULL;
        ly_hex_encode(runs[i].run_id, 16, hex);
        if (ly_json_parse(runs[i].suite, &w->arena, &doc, NULL) != LY_OK) {
            continue;
        }
        const ly_json *targets = ly_json_get(doc, "targets");
        for (size_t t = 0; t < ly_json_count(targets) && !st; t++) {
            ly_str prompt = ly_json_str(ly_json_get(ly_json_at(targets, t), "prompt"));
            for (size_t k = 0; k < s->n && !st; k++) {
                version_stats *x = &s->rows[k];
                ly_str ref = ly_arena_fmt(&w->arena, "%.*s@%lld", LY_STR_ARG(x->v->name),
                                          (long long)x->v->number);
                if (x->report || !ly_str_eq(ref, prompt)) {
                    continue;
                }
                ly_report *loaded = NULL;
                if (!report) {
                    st = ly_report_load(w->store, ly_str_c(hex), NULL, &w->arena, &loaded, &w->err);
                    report = loaded;
                }
                x->report = report;
                x->target = t;
                missing--;
            }
        }
    }
    return st;
}

static void stats_json(const stats *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const version_stats *x = &s->rows[i];
        ly_answer a;
        ly_answer_begin(&a, s->work.cli);
        ly_jsonw_kv_str(&a.w, "name", x->v->name);
        ly_jsonw_kv_i64(&a.w, "version", x->v->number);
        ly_jsonw_kv_str(&a.w, "aliases", x->v->aliases);
        ly_jsonw_kv_i64(&a.w, "calls_app", x->calls[0]);
        ly_jsonw_kv_i64(&a.w, "calls_eval", x->calls[1]);
        ly_jsonw_kv_i64(&a.w, "tokens_in", x->tokens_in);
        ly_jsonw_kv_i64(&a.w, "tokens_out", x->tokens_out);
        ly_jsonw_kv_i64(&a.w, "cost_pico", x->amount);
        ly_jsonw_kv_i64(&a.w, "unpriced", x->unpriced);
        ly_jsonw_kv_str(&a.w, "run", x->report ? ly_str_c(x->report->run_hex) : LY_STR_NONE);
        ly_jsonw_key(&a.w, "scores");
        ly_jsonw_array(&a.w);
        for (size_t j = 0; x->report && j < x->report->n_judges; j++) {
            const ly_report_cell *c = &x->report->cells[j * x->report->n_targets + x->target];
            ly_jsonw_object(&a.w);
            ly_jsonw_kv_str(&a.w, "judge", x->report->judges[j].name);
            ly_jsonw_kv_i64(&a.w, "rows", c->n_rows);
            ly_jsonw_kv_double(&a.w, "mean", c->mean.mean);
            ly_jsonw_kv_double(&a.w, "low", c->mean.interval.ok ? c->mean.interval.lo : NAN);
            ly_jsonw_kv_double(&a.w, "high", c->mean.interval.ok ? c->mean.interval.hi : NAN);
            ly_jsonw_object_end(&a.w);
        }
        ly_jsonw_array_end(&a.w);
        (void)ly_answer_end(&a);
    }
}

static void scores_cell(ly_table *t, const version_stats *x)
{
    ly_buf text;
    ly_buf_init(&text, LY_KIB(16));
    for (size_t j = 0; x->report && j < x->report->n_judges; j++) {
        const ly_report_cell *c = &x->report->cells[j * x->report->n_targets + x->target];
        if (c->n_rows > 0) {
            ly_buf_fmt(&text, "%s%.*s %.3f", text.len ? ", " : "",
                       LY_STR_ARG(x->report->judges[j].name), c->mean.mean);
            if (c->mean.interval.ok) {
                ly_buf_fmt(&text, " [%.3f, %.3f]", c->mean.interval.lo, c->mean.interval.hi);
            }
        }
    }
    ly_table_cell(t, text.len ? ly_buf_view(&text) : LY_S("-"));
    ly_buf_release(&text);
}

static void stats_table(const stats *s)
{
    static const char *const heads[] = {"VERSION", "ALIASES", "CALLS", "OF EVALUATIONS",
                                        "TOKENS",  "COST",    "RUN",   "SCORES OF THAT RUN"};
    ly_table *t = ly_table_new(s->work.cli, LY_COUNT(heads));
    if (!t) {
        return;
    }
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i >= 2 && i <= 5 ? LY_RIGHT : LY_LEFT, 0);
    }
    for (size_t i = 0; i < s->n; i++) {
        const version_stats *x = &s->rows[i];
        ly_buf text;
        ly_buf_init(&text, 100);
        ly_table_cellf(t, "%lld", (long long)x->v->number);
        ly_table_cell(t, x->v->aliases);
        ly_table_cellf(t, "%lld", (long long)x->calls[0]);
        ly_table_cellf(t, "%lld", (long long)x->calls[1]);
        ly_fmt_count(x->tokens_in + x->tokens_out, &text);
        ly_table_cell(t, ly_buf_view(&text));
        ly_buf_reset(&text);
        ly_fmt_money(x->amount, &text);
        if (x->unpriced) {
            ly_buf_fmt(&text, " + %lld unpriced", (long long)x->unpriced);
        }
        ly_table_cell(t, ly_buf_view(&text));
        ly_buf_release(&text);
        ly_table_cell(t, x->report ? ly_str_n(x->report->run_hex, 8) : LY_S("-"));
        scores_cell(t, x);
    }
    ly_table_print(t);
    ly_table_free(t);
}

int ly_prompt_run_stats(ly_cli *cli)
{
    stats s = {.n = 0};
    ly_prompt_version *versions = NULL;
    ly_status st = ly_work_begin(&s.work, cli, LY_STORE_READER);
    if (!st) {
        st = ly_prompt_log(s.work.store, ly_work_arg(&s.work, 0), &s.work.arena, &versions, &s.n,
                           &s.work.err);
    }
    if (!st) {
        s.rows = LY_ARENA_ARRAY(&s.work.arena, version_stats, s.n + 1);
        st = s.rows ? LY_OK : LY_NOMEM(&s.work.err);
    }
    for (size_t i = 0; i < s.n && !st; i++) {
        s.rows[i].v = &versions[i];
    }
    st = st ? st : add_usage(&s);
    st = st ? st : add_runs(&s);
    if (!st) {
        (cli->json ? stats_json : stats_table)(&s);
    }
    return ly_work_end(&s.work, st, LY_EXIT_DONE);
}

/* ---- pull and push --------------------------------------------------------------------------------------- */

static void told(ly_cli *cli, const char *what, ly_str name, int64_t number, const char *path)
{
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "did", what);
        ly_jsonw_kv_str(&a.w, "name", name);
        ly_jsonw_kv_i64(&a.w, "version", number);
        if (path) {
            ly_jsonw_kv_c(&a.w, "file", path);
        } else {
            ly_jsonw_kv_null(&a.w, "file");
        }
        (void)ly_answer_end(&a);
    } else {
        fprintf(cli->out, "%-9s %.*s@%lld%s%s\n", what, LY_STR_ARG(name), (long long)number,
                path ? "  " : "", path ? path : "");
    }
}

/* Folders of "a/b" below dir. Names are letters, digits and . _ - /; ".." is refused by the caller. */
static ly_status make_folders(const char *path, ly_err *err)
{
    char *copy = ly_strdup(path);
    if (!copy) {
        return LY_NOMEM(err);
    }
    for (char *p = copy + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(copy, 0777); /* a failure shows when the file is opened */
            *p = '/';
        }
    }
    ly_free(copy);
    return LY_OK;
}

static ly_status write_prompt(ly_work *w, const ly_prompt_version *v, const char *dir)
{
    if (ly_str_find(v->name, LY_S(".."), 0) != SIZE_MAX || v->name.ptr[0] == '/') {
        return LY_FAIL(&w->err, LY_E_INVALID, "prompt %.*s: its name is no path below a folder",
                       LY_STR_ARG(v->name));
    }
    ly_str path = ly_arena_fmt(&w->arena, "%s/%.*s.txt", dir, LY_STR_ARG(v->name));
    ly_str old = LY_STR_NONE;
    if (access(path.ptr, F_OK) == 0) {
        ly_status st = ly_file_read(path.ptr, &w->arena, &old, &w->err);
        if (st) {
            return st;
        }
        if (ly_str_eq(old, v->body)) {
            told(w->cli, "unchanged", v->name, v->number, path.ptr);
            return LY_OK;
        }
        if (!ly_cli_flag(w->cli, "force")) {
            return LY_FAIL(&w->err, LY_E_EXISTS,
                           "%s is there and differs; push it first, or say --force", path.ptr);
        }
    }
    ly_status st = make_folders(path.ptr, &w->err);
    FILE *f = st ? NULL : fopen(path.ptr, "w");
    bool good = f && fwrite(v->body.ptr, 1, v->body.len, f) == v->body.len;
    good = f && fclose(f) == 0 && good;
    if (!st && !good) {
        st = LY_FAIL(&w->err, LY_E_IO, "%s cannot be written: %s", path.ptr, strerror(errno));
    }
    if (!st) {
        told(w->cli, "wrote", v->name, v->number, path.ptr);
    }
    return st;
}

/* One version of another Lydite's collector into this registry. */
static ly_status fetch_prompt(ly_work *w, const char *from, ly_str ref)
{
    ly_buf body;
    ly_json *doc = NULL;
    ly_prompt_version v;
    size_t end = strlen(from);
    while (end && from[end - 1] == '/') {
        end--;
    }
    ly_str url = ly_arena_fmt(&w->arena, "%.*s/v1/prompts/%.*s", (int)end, from, LY_STR_ARG(ref));
    ly_buf_init(&body, LY_MAX_TEXT_FILE_BYTES * 2);
    ly_status st = ly_cli_fetch(url.ptr, LY_MAX_TEXT_FILE_BYTES * 2, &body, &w->err);
    if (!st) {
        st = ly_json_parse(ly_arena_copy(&w->arena, ly_buf_view(&body)), &w->arena, &doc, &w->err);
    }
    ly_buf_release(&body);
    ly_prompt_doc *parsed = NULL;
    ly_str text = st ? LY_STR_NONE : ly_json_str(ly_json_get(doc, "body"));
    ly_str name = st ? LY_STR_NONE : ly_json_str(ly_json_get(doc, "name"));
    if (!st && (!ly_str_given(text) || name.len == 0)) {
        st = LY_FAIL(&w->err, LY_E_FORMAT, "%s gave no prompt", url.ptr);
    }
    if (!st && !ly_str_starts(name, LY_S("judge/"))) {
        st = ly_prompt_doc_parse(text, &w->arena, &parsed, &w->err);
    }
    if (!st) {
        ly_str note = ly_arena_fmt(&w->arena, "from %s", url.ptr);
        st = ly_prompt_put(w->store, name, text, note, LY_STR_NONE, &w->arena, &v, &w->err);
    }
    if (!st) {
        told(w->cli, v.made_now ? "put" : "unchanged", v.name, v.number, NULL);
    }
    return st;
}

int ly_prompt_run_pull(ly_cli *cli)
{
    ly_work w;
    const char *from = ly_cli_opt(cli, "from"), *dir = ly_cli_opt(cli, "dir");
    if (from && cli->n_args == 0) {
        return ly_cli_usage(cli, "prompt pull --from URL needs the names of prompts");
    }
    ly_status st = ly_work_begin(&w, cli, from ? LY_STORE_WRITER : LY_STORE_READER);
    for (int i = 0; i < cli->n_args && from && !st; i++) {
        st = fetch_prompt(&w, from, ly_work_arg(&w, i));
    }
    for (int i = 0; i < cli->n_args && (!from || dir) && !st; i++) {
        ly_prompt_version v;
        st = ly_prompt_get(w.store, ly_work_arg(&w, i), &w.arena, &v, &w.err);
        st = st ? st : write_prompt(&w, &v, dir ? dir : "prompts");
    }
    if (!st && cli->n_args == 0) {
        ly_prompt_version *all = NULL;
        size_t n = 0;
        st = ly_prompt_list(w.store, &w.arena, &all, &n, &w.err);
        for (size_t i = 0; i < n && !st; i++) {
            st = write_prompt(&w, &all[i], dir ? dir : "prompts");
        }
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static ly_status push_file(ly_work *w, const char *path, ly_str name)
{
    ly_str text = LY_STR_NONE;
    ly_prompt_doc *doc = NULL;
    ly_prompt_version v;
    const char *user = getenv("USER");
    ly_status st = ly_file_read(path, &w->arena, &text, &w->err);
    if (!st && !ly_str_starts(name, LY_S("judge/"))) {
        st = ly_prompt_doc_parse(text, &w->arena, &doc, &w->err);
    }
    if (!st) {
        const char *message = ly_cli_opt(w->cli, "message");
        st = ly_prompt_put(w->store, name, text, ly_str_c(message), ly_str_c(user), &w->arena, &v,
                           &w->err);
    }
    if (st) {
        return ly_err_wrap(&w->err, "%s", path);
    }
    told(w->cli, v.made_now ? "put" : "unchanged", v.name, v.number, path);
    return LY_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every .txt and .md below a folder, its path there without the ending as its name. */
static ly_status push_folder(ly_work *w, const char *top, ly_str below, int depth)
{
    ly_str here = ly_arena_fmt(&w->arena, "%s%s%.*s", top, below.len ? "/" : "", LY_STR_ARG(below));
    DIR *d = depth < MAX_DEPTH ? opendir(here.ptr) : NULL;
    char **names = NULL;
    size_t n = 0, cap = 0;
    ly_status st = LY_OK;
    if (!d) {
        return LY_FAIL(&w->err, LY_E_IO, "%s: %s", here.ptr,
                       depth < MAX_DEPTH ? strerror(errno) : "folders in folders in folders");
    }
    for (struct dirent *e; (e = readdir(d)) && !st;) {
        if (e->d_name[0] == '.') {
            continue;
        }
        if (!ly_grow(&names, &cap, n + 1, 100000, sizeof *names)) {
            st = LY_NOMEM(&w->err);
            break;
        }
        ly_str copy = ly_arena_copy(&w->arena, ly_str_c(e->d_name));
        names[n++] = (char *)(uintptr_t)copy.ptr;
    }
    closedir(d);
    if (n) {
        qsort(names, n, sizeof *names, by_name);
    }
    for (size_t i = 0; i < n && !st; i++) {
        struct stat info;
        ly_str inner =
            ly_arena_fmt(&w->arena, "%.*s%s%s", LY_STR_ARG(below), below.len ? "/" : "", names[i]);
        ly_str path = ly_arena_fmt(&w->arena, "%s/%s", top, inner.ptr);
        bool text = ly_str_ends(inner, LY_S(".txt")) || ly_str_ends(inner, LY_S(".md"));
        if (stat(path.ptr, &info) != 0) {
            continue;
        }
        if (S_ISDIR(info.st_mode)) {
            st = push_folder(w, top, inner, depth + 1);
        } else if (text && S_ISREG(info.st_mode)) {
            size_t dot = inner.len - (ly_str_ends(inner, LY_S(".md")) ? 3 : 4);
            st = push_file(w, path.ptr, ly_str_sub(inner, 0, dot));
        }
    }
    ly_free(names);
    return st;
}

int ly_prompt_run_push(ly_cli *cli)
{
    ly_work w;
    const char *top = cli->n_args ? cli->args[0] : "prompts";
    struct stat info;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st && stat(top, &info) != 0) {
        st = LY_FAIL(&w.err, LY_E_NOTFOUND, "%s: %s", top, strerror(errno));
    }
    if (!st) {
        st = S_ISDIR(info.st_mode) ? push_folder(&w, top, LY_S(""), 0)
                                   : push_file(&w, top, ly_file_stem(top, &w.arena));
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}
