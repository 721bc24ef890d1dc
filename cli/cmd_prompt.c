/* `lydite prompt`: the registry of prompts. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "cli/answer.h"
#include "cli/cmd.h"
#include "cli/prompt_verbs.h"
#include "cli/work.h"
#include "cli/eval_print.h"
#include "cli/files.h"
#include "eval/data.h"
#include "eval/report.h"
#include "prompts/prompt_file.h"
#include "store/prompt.h"
#include "text/jsonw.h"

static ly_str actor(void)
{
    const char *user = getenv("USER");
    return ly_str_c(user && *user ? user : "cli");
}

static void version_json(ly_buf *out, const ly_prompt_version *v, bool body)
{
    ly_jsonw w;
    char hex[65];
    ly_hex_encode(v->hash, 32, hex);
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_str(&w, "name", v->name);
    ly_jsonw_kv_i64(&w, "version", v->number);
    ly_jsonw_kv_c(&w, "hash", hex);
    ly_jsonw_kv_str(&w, "aliases", v->aliases);
    ly_jsonw_kv_str(&w, "tags", v->tags);
    ly_jsonw_kv_str(&w, "message", v->message);
    ly_jsonw_kv_str(&w, "author", v->author);
    ly_jsonw_kv_i64(&w, "made_ns", v->made_ns);
    if (body) {
        ly_jsonw_kv_str(&w, "body", v->body);
    }
    ly_jsonw_object_end(&w);
    if (ly_jsonw_end(&w, NULL) == LY_OK) {
        ly_buf_char(out, '\n');
    }
}

static int print_versions(ly_work *w, const ly_prompt_version *rows, size_t n)
{
    static const char *const heads[] = {"PROMPT", "VERSION", "HASH",   "ALIASES",
                                        "TAGS",   "MADE",    "MESSAGE"};
    if (w->cli->json) {
        ly_buf out;
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        for (size_t i = 0; i < n; i++) {
            version_json(&out, &rows[i], false);
        }
        fwrite(ly_buf_text(&out), 1, out.len, w->cli->out);
        ly_buf_release(&out);
        return LY_EXIT_DONE;
    }
    ly_table *t = ly_table_new(w->cli, LY_COUNT(heads));
    for (size_t i = 0; t && i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i == 1 ? LY_RIGHT : LY_LEFT, i == 6 ? 48 : 0);
    }
    for (size_t i = 0; t && i < n; i++) {
        char hex[65];
        ly_buf time;
        ly_buf_init(&time, 64);
        ly_hex_encode(rows[i].hash, 32, hex);
        ly_time_format(rows[i].made_ns, 0, &time);
        ly_table_cell(t, rows[i].name);
        ly_table_cellf(t, "%lld", (long long)rows[i].number);
        ly_table_cell(t, ly_str_n(hex, 8));
        ly_table_cell(t, rows[i].aliases);
        ly_table_cell(t, rows[i].tags);
        ly_table_cell(t, ly_buf_view(&time));
        ly_table_cell(t, rows[i].message);
        ly_buf_release(&time);
    }
    if (t) {
        ly_table_print(t);
    }
    ly_table_free(t);
    return n == 0 && w->cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE;
}

static int run_put(ly_cli *cli)
{
    ly_work w;
    ly_arena early;
    ly_str text = LY_STR_NONE;
    ly_prompt_doc *doc = NULL;
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&early, 0, 0);
    /* The file is read and parsed before the database is touched. */
    ly_status st = ly_file_read(cli->args[0], &early, &text, &err);
    if (!st && (st = ly_prompt_doc_parse(text, &early, &doc, &err))) {
        ly_err_wrap(&err, "%s", cli->args[0]);
    }
    if (st) {
        ly_arena_release(&early);
        return ly_cli_fail(cli, &err);
    }
    st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    const char *name = ly_cli_opt(cli, "name");
    ly_prompt_version v;
    if (!st) {
        st = ly_prompt_put(w.store, name ? ly_str_c(name) : ly_file_stem(cli->args[0], &w.arena),
                           text, ly_str_c(ly_cli_opt(cli, "message")), actor(), &w.arena, &v,
                           &w.err);
    }
    const char *alias = ly_cli_opt(cli, "alias");
    if (!st && alias) {
        st = ly_alias_set(w.store, v.name, ly_str_c(alias), v.number, -1, actor(),
                          LY_S("prompt put"), NULL, LY_STR_NONE, &w.err);
    }
    if (!st && cli->json) {
        ly_buf out;
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        version_json(&out, &v, false);
        fwrite(ly_buf_text(&out), 1, out.len, cli->out);
        ly_buf_release(&out);
    } else if (!st) {
        fprintf(cli->out, "%.*s@%lld%s\n", LY_STR_ARG(v.name), (long long)v.number,
                v.made_now ? "" : " (was there already)");
    }
    ly_arena_release(&early);
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static int run_list(ly_cli *cli)
{
    ly_work w;
    ly_prompt_version *rows = NULL;
    size_t n = 0;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = ly_prompt_list(w.store, &w.arena, &rows, &n, &w.err);
    }
    return ly_work_end(&w, st, st ? 0 : print_versions(&w, rows, n));
}

static int run_log(ly_cli *cli)
{
    ly_work w;
    ly_prompt_version *rows = NULL;
    ly_alias_move *moves = NULL;
    size_t n = 0, m = 0;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = ly_prompt_log(w.store, ly_work_arg(&w, 0), &w.arena, &rows, &n, &w.err);
    }
    if (!st && !cli->json) {
        st = ly_alias_history(w.store, ly_work_arg(&w, 0), LY_STR_NONE, &w.arena, &moves, &m,
                              &w.err);
    }
    int code = st ? 0 : print_versions(&w, rows, n);
    for (size_t i = 0; i < m; i++) {
        ly_buf time;
        ly_buf_init(&time, 64);
        ly_time_format(moves[i].moved_ns, 0, &time);
        char from[24] = "new", to[24] = "removed";
        if (moves[i].from) {
            (void)snprintf(from, sizeof from, "%lld", (long long)moves[i].from);
        }
        if (moves[i].to) {
            (void)snprintf(to, sizeof to, "%lld", (long long)moves[i].to);
        }
        fprintf(cli->out, "%s%s  %.*s: %s -> %s%s%.*s%s%.*s\n", i ? "" : "\n", ly_buf_text(&time),
                LY_STR_ARG(moves[i].alias), from, to, moves[i].reason.len ? "  " : "",
                LY_STR_ARG(moves[i].reason), moves[i].run.len ? "  run " : "",
                LY_STR_ARG(ly_str_sub(moves[i].run, 0, 8)));
        ly_buf_release(&time);
    }
    return ly_work_end(&w, st, code);
}

static int run_show(ly_cli *cli)
{
    ly_work w;
    ly_prompt_version v;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = ly_prompt_get(w.store, ly_work_arg(&w, 0), &w.arena, &v, &w.err);
    }
    if (!st && cli->json) {
        ly_buf out;
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        version_json(&out, &v, true);
        fwrite(ly_buf_text(&out), 1, out.len, cli->out);
        ly_buf_release(&out);
    } else if (!st) {
        /* A file that was put comes out as it went in. */
        fwrite(v.body.ptr, 1, v.body.len, cli->out);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

/* NAME[@REF] of the registry, or a file. */
static ly_status body_of(ly_work *w, const char *what, ly_str *ret, ly_err *err)
{
    ly_prompt_version v;
    FILE *f = strchr(what, '@') ? NULL : fopen(what, "r");
    if (f) {
        fclose(f);
        return ly_file_read(what, &w->arena, ret, err);
    }
    ly_status st = ly_prompt_get(w->store, ly_str_c(what), &w->arena, &v, err);
    if (!st) {
        *ret = v.body;
    }
    return st;
}

/* --var name=value, and --vars FILE (a JSON object). */
static ly_status read_vars(ly_work *w, ly_json **ret, ly_err *err)
{
    ly_cli *cli = w->cli;
    const char *file = ly_cli_opt(cli, "vars");
    ly_str text = LY_STR_NONE;
    ly_json *doc = LY_ARENA_NEW(&w->arena, ly_json);
    int n = ly_cli_opt_count(cli, "var");
    ly_status st = doc ? LY_OK : LY_NOMEM(err);
    if (!st && file) {
        st = ly_file_read(file, &w->arena, &text, err);
        if (!st && (st = ly_json_parse(text, &w->arena, &doc, err))) {
            ly_err_wrap(err, "%s", file);
        }
        if (!st && !ly_json_is(doc, LY_JSON_OBJECT)) {
            st = LY_FAIL(err, LY_E_FORMAT, "%s is %s, not an object", file, ly_json_kind_text(doc));
        }
    }
    size_t old = !st && file ? doc->object.n : 0;
    ly_json_member *items =
        st ? NULL : LY_ARENA_ARRAY(&w->arena, ly_json_member, old + (size_t)n + 1);
    if (st || !items) {
        return st ? st : LY_NOMEM(err);
    }
    if (old) {
        memcpy(items, doc->object.items, old * sizeof *items);
    }
    for (int i = 0; i < n; i++) {
        ly_str pair = ly_str_c(ly_cli_opt_at(cli, "var", i));
        size_t eq = ly_str_find_char(pair, '=', 0);
        if (eq == SIZE_MAX || eq == 0) {
            return LY_FAIL(err, LY_E_INVALID, "--var %.*s: write NAME=VALUE", LY_STR_ARG(pair));
        }
        items[old + (size_t)i].key = ly_str_sub(pair, 0, eq);
        items[old + (size_t)i].value =
            (ly_json){.kind = LY_JSON_STRING, .str = ly_str_sub(pair, eq + 1, SIZE_MAX)};
    }
    ly_json *object = LY_ARENA_NEW(&w->arena, ly_json);
    if (!object) {
        return LY_NOMEM(err);
    }
    object->kind = LY_JSON_OBJECT;
    object->object.items = items;
    object->object.n = old + (size_t)n;
    *ret = object;
    return LY_OK;
}

static void print_messages(ly_cli *cli, const ly_shape_msg *msgs, size_t n)
{
    if (!cli->json) {
        for (size_t i = 0; i < n; i++) {
            fprintf(cli->out, "%s[%.*s]\n", i ? "\n" : "", LY_STR_ARG(msgs[i].role));
            fwrite(msgs[i].text.ptr, 1, msgs[i].text.len, cli->out);
            fputc('\n', cli->out);
        }
        return;
    }
    ly_buf out;
    ly_jsonw w;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_array(&w);
    for (size_t i = 0; i < n; i++) {
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "role", msgs[i].role);
        ly_jsonw_kv_str(&w, "content", msgs[i].text);
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    if (ly_jsonw_end(&w, NULL) == LY_OK) {
        ly_buf_char(&out, '\n');
        fwrite(ly_buf_text(&out), 1, out.len, cli->out);
    }
    ly_buf_release(&out);
}

static int run_render(ly_cli *cli)
{
    ly_work w;
    ly_str body = LY_STR_NONE;
    ly_prompt_doc *doc = NULL;
    ly_json *vars = NULL;
    ly_shape_msg *msgs = NULL;
    size_t n = 0;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = body_of(&w, cli->args[0], &body, &w.err);
    }
    if (!st) {
        st = ly_prompt_doc_parse(body, &w.arena, &doc, &w.err);
    }
    if (!st) {
        st = read_vars(&w, &vars, &w.err);
    }
    if (!st) {
        st = ly_prompt_doc_render(doc, vars, NULL, &w.arena, &msgs, &n, &w.err);
    }
    if (!st) {
        print_messages(cli, msgs, n);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static int run_diff(ly_cli *cli)
{
    ly_work w;
    ly_str a = LY_STR_NONE, b = LY_STR_NONE;
    bool changed = false;
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_status st = ly_work_begin(&w, cli, LY_STORE_READER);
    if (!st) {
        st = body_of(&w, cli->args[0], &a, &w.err);
    }
    if (!st) {
        st = body_of(&w, cli->args[1], &b, &w.err);
    }
    if (!st) {
        st = ly_text_diff(a, b, &out, &changed, &w.err);
    }
    if (!st && cli->json) {
        ly_answer answer;
        ly_answer_begin(&answer, cli);
        ly_jsonw_kv_c(&answer.w, "a", cli->args[0]);
        ly_jsonw_kv_c(&answer.w, "b", cli->args[1]);
        ly_jsonw_kv_bool(&answer.w, "changed", changed);
        ly_jsonw_kv_str(&answer.w, "diff", changed ? ly_buf_view(&out) : LY_S(""));
        (void)ly_answer_end(&answer);
    } else if (!st && changed) {
        fprintf(cli->out, "--- %s\n+++ %s\n", cli->args[0], cli->args[1]);
        fwrite(ly_buf_text(&out), 1, out.len, cli->out);
    }
    ly_buf_release(&out);
    return ly_work_end(&w, st,
                       changed && ly_cli_flag(cli, "exit-code") ? LY_EXIT_NO : LY_EXIT_DONE);
}

typedef struct first_row {
    ly_work *w;
    ly_prompt_doc *doc;
    const char *path, *what;
    bool seen;
} first_row;

static ly_status check_row(void *user, ly_str key, ly_str data, ly_err *err)
{
    first_row *f = user;
    ly_json *row = NULL;
    const ly_template_name *names = NULL;
    size_t n = 0;
    (void)key;
    if (f->seen) {
        return LY_OK;
    }
    f->seen = true;
    ly_status st = ly_json_parse(ly_arena_copy(&f->w->arena, data), &f->w->arena, &row, err);
    if (!st) {
        st = ly_prompt_doc_names(f->doc, &f->w->arena, &names, &n, err);
    }
    for (size_t i = 0; i < n && !st; i++) {
        if (!names[i].optional) {
            st = ly_data_check_columns(f->path, row, &names[i].name, 1, ly_str_c(f->what), err);
        }
    }
    return st;
}

static int run_check(ly_cli *cli)
{
    ly_work w = {.cli = cli, .err = LY_ERR_INIT};
    ly_str body = LY_STR_NONE;
    ly_prompt_doc *doc = NULL;
    const ly_template_name *names = NULL;
    size_t n = 0;
    const char *data = ly_cli_opt(cli, "data");
    ly_arena_init(&w.arena, 0, 0);
    FILE *f = fopen(cli->args[0], "r");
    ly_status st = LY_OK;
    if (f) {
        fclose(f);
    } else {
        ly_arena_release(&w.arena);
        st = ly_work_begin(&w, cli, LY_STORE_READER);
    }
    if (!st) {
        st = body_of(&w, cli->args[0], &body, &w.err);
    }
    if (!st && (st = ly_prompt_doc_parse(body, &w.arena, &doc, &w.err))) {
        ly_err_wrap(&w.err, "%s", cli->args[0]);
    }
    if (!st) {
        st = ly_prompt_doc_names(doc, &w.arena, &names, &n, &w.err);
    }
    first_row row = {.w = &w, .doc = doc, .path = data, .what = cli->args[0]};
    if (!st && data) {
        st = ly_data_read_file(data, check_row, &row, &w.err);
    }
    if (!st && cli->json) {
        ly_answer answer;
        ly_answer_begin(&answer, cli);
        ly_jsonw_kv_i64(&answer.w, "messages", (int64_t)doc->n_parts);
        ly_jsonw_key(&answer.w, "variables");
        ly_jsonw_array(&answer.w);
        for (size_t i = 0; i < n; i++) {
            ly_jsonw_object(&answer.w);
            ly_jsonw_kv_str(&answer.w, "name", names[i].name);
            ly_jsonw_kv_bool(&answer.w, "optional", names[i].optional);
            ly_jsonw_object_end(&answer.w);
        }
        ly_jsonw_array_end(&answer.w);
        (void)ly_answer_end(&answer);
    } else if (!st) {
        fprintf(cli->out, "%zu message%s; variables:", doc->n_parts, ly_plural(doc->n_parts));
        for (size_t i = 0; i < n; i++) {
            fprintf(cli->out, " %.*s%s", LY_STR_ARG(names[i].name), names[i].optional ? "?" : "");
        }
        fprintf(cli->out, "%s\n", n ? "" : " none");
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static int run_tag(ly_cli *cli)
{
    ly_work w;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    for (int i = 1; i < cli->n_args && !st; i++) {
        st = ly_prompt_tag(w.store, ly_work_arg(&w, 0), ly_work_arg(&w, i),
                           !ly_cli_flag(cli, "remove"), &w.err);
    }
    if (!st && cli->json) {
        ly_prompt_version v;
        st = ly_prompt_get(w.store, ly_work_arg(&w, 0), &w.arena, &v, &w.err);
        int code = st ? 0 : print_versions(&w, &v, 1);
        return ly_work_end(&w, st, code);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

/* "from" is null where it is not known, "to" where the alias is gone. */
static void json_move(ly_cli *cli, ly_str name, int64_t from, int64_t to, bool moved)
{
    ly_answer answer;
    ly_answer_begin(&answer, cli);
    ly_jsonw_kv_str(&answer.w, "name", name);
    ly_jsonw_kv_c(&answer.w, "alias", cli->args[1]);
    if (from > 0) {
        ly_jsonw_kv_i64(&answer.w, "from", from);
    } else {
        ly_jsonw_kv_null(&answer.w, "from");
    }
    if (to > 0) {
        ly_jsonw_kv_i64(&answer.w, "to", to);
    } else {
        ly_jsonw_kv_null(&answer.w, "to");
    }
    ly_jsonw_kv_bool(&answer.w, "moved", moved);
    (void)ly_answer_end(&answer);
}

static int run_alias(ly_cli *cli)
{
    ly_work w;
    ly_prompt_version v;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) {
        st = ly_prompt_get(w.store, ly_work_arg(&w, 0), &w.arena, &v, &w.err);
    }
    if (!st && ly_cli_flag(cli, "remove")) {
        st = ly_alias_drop(w.store, v.name, ly_work_arg(&w, 1), actor(), &w.err);
        if (!st && cli->json) {
            json_move(cli, v.name, v.number, 0, true);
        }
    } else if (!st) {
        st = ly_alias_set(w.store, v.name, ly_work_arg(&w, 1), v.number, -1, actor(),
                          ly_str_c(ly_cli_opt(cli, "message")), NULL, LY_STR_NONE, &w.err);
        if (!st && cli->json) {
            json_move(cli, v.name, LY_UNKNOWN, v.number, true);
        } else if (!st) {
            fprintf(cli->out, "%.*s@%s -> %lld\n", LY_STR_ARG(v.name), cli->args[1],
                    (long long)v.number);
        }
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static int run_rollback(ly_cli *cli)
{
    ly_work w;
    ly_alias_move *moves = NULL;
    size_t n = 0;
    ly_prompt_version v;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) { /* so that an unknown name is said to be one */
        st = ly_prompt_get(w.store, ly_work_arg(&w, 0), &w.arena, &v, &w.err);
    }
    if (!st) {
        st = ly_alias_history(w.store, ly_work_arg(&w, 0), ly_work_arg(&w, 1), &w.arena, &moves, &n,
                              &w.err);
    }
    if (!st && n == 0) {
        st = LY_FAIL(&w.err, LY_E_NOTFOUND, "%s has no alias %s; `lydite prompt log %s` shows them",
                     cli->args[0], cli->args[1], cli->args[0]);
    }
    if (!st && moves[0].from == 0) {
        st =
            LY_FAIL(&w.err, LY_E_NOTFOUND, "%s@%s has not moved, so there is nothing to go back to",
                    cli->args[0], cli->args[1]);
    }
    if (!st) {
        st = ly_alias_set(w.store, ly_work_arg(&w, 0), ly_work_arg(&w, 1), moves[0].from,
                          moves[0].to, actor(), LY_S("rollback"), NULL, LY_STR_NONE, &w.err);
    }
    if (!st && cli->json) {
        json_move(cli, ly_work_arg(&w, 0), moves[0].to, moves[0].from, true);
    } else if (!st) {
        fprintf(cli->out, "%s@%s: %lld -> %lld\n", cli->args[0], cli->args[1],
                (long long)moves[0].to, (long long)moves[0].from);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

/* The worst verdict of a version in a run against its baseline. */
static ly_status evidence(ly_work *w, const ly_report *r, const ly_prompt_version *v,
                          ly_gate_answer *ret, ly_str *ret_text)
{
    ly_str ref = ly_arena_fmt(&w->arena, "%.*s@%lld", LY_STR_ARG(v->name), (long long)v->number);
    bool any = false;
    *ret = LY_GATE_PASS;
    *ret_text = LY_S("no regression");
    for (size_t i = 0; i < r->n_pairs; i++) {
        const ly_report_pair *p = &r->pairs[i];
        if (!ly_str_eq(r->targets[p->candidate].prompt, ref)) {
            continue;
        }
        any = true;
        ly_gate_answer a = p->verdict == LY_VERDICT_REGRESSED      ? LY_GATE_FAIL
                           : p->verdict == LY_VERDICT_INCONCLUSIVE ? LY_GATE_CANNOT_SAY
                                                                   : LY_GATE_PASS;
        if (a == LY_GATE_FAIL || (a == LY_GATE_CANNOT_SAY && *ret == LY_GATE_PASS)) {
            *ret = a;
            *ret_text = ly_arena_fmt(&w->arena, "%.*s: %s", LY_STR_ARG(r->judges[p->judge].name),
                                     ly_verdict_name(p->verdict));
        }
    }
    return any ? LY_OK
               : LY_FAIL(&w->err, LY_E_NOTFOUND, "run %.8s has no candidate %.*s", r->run_hex,
                         LY_STR_ARG(ref));
}

static int run_promote(ly_cli *cli)
{
    ly_work w;
    ly_prompt_version v;
    ly_report *report = NULL;
    ly_gate_answer answer = LY_GATE_CANNOT_SAY;
    ly_str text = LY_STR_NONE;
    const char *run = ly_cli_opt(cli, "run");
    bool moved = false;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) {
        st = ly_prompt_get(w.store, ly_work_arg(&w, 0), &w.arena, &v, &w.err);
    }
    if (!st) {
        st =
            ly_report_load(w.store, ly_str_c(run ? run : "@last"), NULL, &w.arena, &report, &w.err);
    }
    if (!st) {
        st = evidence(&w, report, &v, &answer, &text);
    }
    if (!st && (answer == LY_GATE_PASS || ly_cli_flag(cli, "force"))) {
        st = ly_alias_set(w.store, v.name, ly_work_arg(&w, 1), v.number, -1, actor(),
                          LY_S("promoted"), report->run.run_id, text, &w.err);
        moved = !st;
    }
    if (!st && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_str(&a.w, "name", v.name);
        ly_jsonw_kv_c(&a.w, "alias", cli->args[1]);
        ly_jsonw_kv_i64(&a.w, "version", v.number);
        ly_jsonw_kv_bool(&a.w, "moved", moved);
        ly_jsonw_kv_str(&a.w, "evidence", text);
        ly_jsonw_kv_c(&a.w, "run", report->run_hex);
        (void)ly_answer_end(&a);
    } else if (!st) {
        fprintf(cli->out, "%.*s@%s %s %lld: %.*s (run %.8s)\n", LY_STR_ARG(v.name), cli->args[1],
                moved ? "->" : "not moved to", (long long)v.number, LY_STR_ARG(text),
                report->run_hex);
    }
    return ly_work_end(&w, st, moved ? LY_EXIT_DONE : ly_gate_exit(answer));
}

static int run_rm(ly_cli *cli)
{
    ly_work w;
    ly_status st = ly_work_begin(&w, cli, LY_STORE_WRITER);
    if (!st) {
        st = ly_prompt_remove(w.store, ly_work_arg(&w, 0), &w.err);
    }
    if (!st && cli->json) {
        ly_answer answer;
        ly_answer_begin(&answer, cli);
        ly_jsonw_kv_c(&answer.w, "removed", cli->args[0]);
        (void)ly_answer_end(&answer);
    }
    return ly_work_end(&w, st, LY_EXIT_DONE);
}

static const ly_opt put_opts[] = {
    {"name", 0, "NAME", "name in the registry (default: the file's, without its ending)", false},
    {"message", 'm', "TEXT", "why, as with a commit", false},
    {"alias", 0, "ALIAS", "also point this alias at it", false}};
static const ly_opt var_opts[] = {{"var", 0, "NAME=VALUE", "a value", true},
                                  {"vars", 0, "FILE", "a JSON object of values", false}};
static const ly_opt diff_opts[] = {{"exit-code", 0, NULL, "exit 1 when they differ", false}};
static const ly_opt check_opts[] = {
    {"data", 0, "FILE", "a data set whose columns must fit", false}};
static const ly_opt remove_opts[] = {{"remove", 0, NULL, "take away instead", false}};
static const ly_opt alias_opts[] = {{"remove", 0, NULL, "take the alias away", false},
                                    {"message", 'm', "TEXT", "why", false}};
static const ly_opt promote_opts[] = {
    {"run", 0, "RUN", "the evaluation that justifies it (default @last)", false},
    {"force", 0, NULL, "move it whatever the run says; the verdict is kept beside the move",
     false}};

static const ly_opt pull_opts[] = {
    {"dir", 0, "DIR", "where files go (prompts)", false},
    {"from", 0, "URL", "address of another collector, http://HOST:4318", false},
    {"force", 0, NULL, "write over files that differ", false}};
static const ly_opt push_opts[] = {{"message", 'm', "TEXT", "why, as with a commit", false}};

#define WRITE LY_COMMON_READ
static const ly_verb verbs[] = {
    {"put", "FILE", 1, 1, "keep a prompt file as a version; the same content is the same version",
     "A file holds an optional head between --- lines (model, temperature, top_p, max_output, "
     "seed, "
     "effort, stop, description) and sections [system], [user], [assistant]; without sections it "
     "is one "
     "user message. Variables are {{name}}; a value is never read as a template.\n\n"
     "--json: name, version, hash, aliases, tags, message, author, made_ns.",
     "lydite prompt put answer.txt -m 'shorter'", WRITE, put_opts, LY_COUNT(put_opts), run_put},
    {"list", "", 0, 0, "prompts with their newest version", "--json: as put, one object a line.",
     "lydite prompt list", LY_COMMON_READ | LY_COMMON_FAIL_EMPTY, NULL, 0, run_list},
    {"log", "NAME", 1, 1, "versions of a prompt and moves of its aliases",
     "--json: as put, one object a line.", "lydite prompt log answer", LY_COMMON_READ, NULL, 0,
     run_log},
    {"show", "NAME[@REF]", 1, 1, "a version's text, as it was put",
     "REF is a number (3 or v3), an alias or the beginning of a hash.\n\n--json: as put, and body.",
     "lydite prompt show answer@3", LY_COMMON_READ, NULL, 0, run_show},
    {"render", "FILE|NAME[@REF]", 1, 1, "the messages with values put in",
     "A variable without a value is an error that names its line.\n\n--json: [{role, content}].",
     "lydite prompt render answer --var question='What is lydite?'", LY_COMMON_READ, var_opts,
     LY_COUNT(var_opts), run_render},
    {"diff", "A B", 2, 2, "lines that differ between two versions or files",
     "--json: a b changed diff.", "lydite prompt diff answer@1 answer@2", LY_COMMON_READ, diff_opts,
     LY_COUNT(diff_opts), run_diff},
    {"check", "FILE|NAME[@REF]", 1, 1, "parse a prompt and list its variables",
     "With --data also that the columns are there. --json: messages variables (name, optional).",
     "lydite prompt check answer.txt --data rows.csv", WRITE, check_opts, LY_COUNT(check_opts),
     run_check},
    {"tag", "NAME[@REF] TAG...", 2, -1, "free words on a version", "--json: as put.",
     "lydite prompt tag answer@3 reviewed", WRITE, remove_opts, LY_COUNT(remove_opts), run_tag},
    {"alias", "NAME[@REF] ALIAS", 2, 2, "point an alias at a version",
     "Every move is kept. --json: name alias from to moved; from is null where it was new.",
     "lydite prompt alias answer@3 production -m 'after review'", WRITE, alias_opts,
     LY_COUNT(alias_opts), run_alias},
    {"promote", "NAME[@REF] ALIAS", 2, 2, "point an alias at a version that a run speaks for",
     "Exit 1 when the run says that it regressed, 5 when the run cannot say; then nothing moves. "
     "--json: name alias version moved evidence run.",
     "lydite prompt promote answer@3 production --run @last", WRITE, promote_opts,
     LY_COUNT(promote_opts), run_promote},
    {"rollback", "NAME ALIAS", 2, 2, "point an alias where it pointed before its last move",
     "--json: as alias.", "lydite prompt rollback answer production", WRITE, NULL, 0, run_rollback},
    {"stats", "NAME", 1, 1, "calls, cost and scores of each version",
     "Calls and cost are the ledger's, those of evaluations apart; scores are of the newest run "
     "that "
     "has the version. --json: name version aliases calls_app calls_eval tokens_in tokens_out "
     "cost_pico unpriced run scores (judge, rows, mean, low, high).",
     "lydite prompt stats answer", LY_COMMON_READ | LY_COMMON_TIME, NULL, 0, ly_prompt_run_stats},
    {"pull", "[NAME[@REF]...]", 0, -1, "versions into files, for an editor or a repository",
     "Into --dir (prompts), as NAME.txt; without names the newest of all. A file that differs is "
     "left alone without --force. With --from the versions come from the collector of another "
     "Lydite into this registry (and into files where --dir is given). --json: did (wrote, "
     "unchanged, put) name version file.",
     "lydite prompt pull answer@production --dir prompts", LY_COMMON_READ, pull_opts,
     LY_COUNT(pull_opts), ly_prompt_run_pull},
    {"push", "[DIR|FILE]", 0, 1, "files into the registry, one version for each that changed",
     "Every .txt and .md below DIR (prompts); its path there without the ending is the name. "
     "--json: as pull.",
     "lydite prompt pull && lydite prompt push prompts -m 'from the repository'", WRITE, push_opts,
     LY_COUNT(push_opts), ly_prompt_run_push},
    {"rm", "NAME", 1, 1, "take a prompt off the list",
     "Versions that runs name stay readable by number; putting it again brings it back. "
     "--json: removed (the name).",
     "lydite prompt rm answer", WRITE, NULL, 0, run_rm},
};
const ly_cmd ly_cmd_prompt = {"prompt", "versioned prompts", "Prompts",
                              verbs,    LY_COUNT(verbs),     false};
