/* `lydite status`: what is now. The collector of the database, if one runs, and the database itself. */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "collector/collector.h"
#include "text/json.h"
#include "text/jsonw.h"

#define ASK_NS (3 * LY_NS_PER_SEC)

typedef struct status_view {
    bool running, asked; /* a collector holds the database; it answered /status */
    ly_runtime runtime;
    ly_buf answer; /* its /status */
    ly_json *doc;
    const char *why_not;
    bool have_info;
    ly_store_info info;
    ly_arena arena;
} status_view;

static void ask(status_view *v)
{
    int code = 0;
    ly_err err = LY_ERR_INIT;
    if (v->runtime.http_port <= 0) {
        v->why_not = "it runs without HTTP, where its figures are";
        return;
    }
    if (ly_probe_runtime(&v->runtime, "/status", NULL, NULL, ASK_NS, &code, &v->answer, &err) !=
            LY_OK ||
        code != 200 || ly_json_parse(ly_buf_view(&v->answer), &v->arena, &v->doc, &err) != LY_OK)
        v->why_not = "it does not answer";
    else
        v->asked = true;
}

static ly_status look(ly_cli *cli, status_view *v, ly_err *err)
{
    const char *db = ly_cli_db(cli);
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    v->running = ly_runtime_find(db, &v->runtime, NULL) == LY_OK;
    if (v->running)
        ask(v);
    ly_status status = ly_store_open(db, &opts, &store, err);
    if (!status)
        status = ly_store_info_get(store, false, &v->info, err);
    v->have_info = status == LY_OK;
    ly_store_close(store);
    return status;
}

/* ---- JSON ---- */

static void json_opt(ly_jsonw *w, const char *key, int64_t value)
{
    if (value == LY_UNKNOWN)
        ly_jsonw_kv_null(w, key);
    else
        ly_jsonw_kv_i64(w, key, value);
}

static void json_collector(ly_jsonw *w, const status_view *v)
{
    ly_jsonw_key(w, "collector");
    if (!v->running) {
        ly_jsonw_null(w);
        return;
    }
    ly_jsonw_object(w);
    ly_jsonw_kv_i64(w, "pid", v->runtime.pid);
    ly_jsonw_kv_c(w, "address", v->runtime.address);
    ly_jsonw_kv_i64(w, "grpc_port", v->runtime.grpc_port);
    ly_jsonw_kv_i64(w, "http_port", v->runtime.http_port);
    ly_jsonw_kv_bool(w, "tls", v->runtime.tls);
    ly_jsonw_kv_bool(w, "keys", v->runtime.keys);
    ly_jsonw_key(w, "status");
    if (v->asked)
        ly_jsonw_raw(w, ly_buf_view(&v->answer));
    else
        ly_jsonw_null(w);
    ly_jsonw_object_end(w);
}

static int print_json(ly_cli *cli, const status_view *v)
{
    ly_buf out;
    ly_jsonw w;
    ly_err err = LY_ERR_INIT;
    ly_buf_init(&out, LY_MIB(16));
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "db", ly_cli_db(cli));
    json_collector(&w, v);
    ly_jsonw_kv_i64(&w, "traces", v->info.n_traces);
    ly_jsonw_kv_i64(&w, "spans", v->info.n_spans);
    ly_jsonw_kv_i64(&w, "logs", v->info.n_logs);
    ly_jsonw_kv_i64(&w, "unsettled_traces", v->info.n_dirty);
    ly_jsonw_kv_i64(&w, "unindexed_traces", v->info.n_unindexed);
    ly_jsonw_kv_i64(&w, "quarantined", v->info.n_quarantined);
    json_opt(&w, "oldest_ns", v->info.oldest_ns);
    json_opt(&w, "newest_ns", v->info.newest_ns);
    ly_jsonw_kv_i64(&w, "file_bytes", v->info.file_bytes);
    ly_jsonw_kv_i64(&w, "wal_bytes", v->info.wal_bytes);
    ly_jsonw_kv_i64(&w, "disk_free_bytes", v->info.disk_free_bytes);
    ly_jsonw_object_end(&w);
    ly_status status = ly_jsonw_end(&w, &err);
    if (!status)
        fprintf(cli->out, "%s\n", ly_buf_text(&out));
    ly_buf_release(&out);
    return status ? ly_cli_fail(cli, &err) : LY_EXIT_DONE;
}

/* ---- for people ---- */

static int64_t number(const status_view *v, const char *path)
{
    int64_t n = 0;
    (void)ly_json_i64(ly_json_path(v->doc, path), &n);
    return n;
}

static void print_counters(ly_cli *cli, const status_view *v)
{
    FILE *out = cli->out;
    int64_t refused = 0;
    const ly_json *reasons = ly_json_get(v->doc, "refused_requests");
    for (size_t i = 0; reasons && i < ly_json_count(reasons); i++) {
        int64_t n = 0;
        if (ly_json_i64(&reasons->object.items[i].value, &n))
            refused += n;
    }
    bool ready = false;
    (void)ly_json_bool(ly_json_get(v->doc, "ready"), &ready);
    ly_str why = ly_json_str(ly_json_get(v->doc, "not_ready"));
    fprintf(out, "           %s%.*s\n", ready ? "ready" : "not ready: ", LY_STR_ARG(why));
    fprintf(out,
            "received   %lld: stored %lld, merged %lld, conflicts %lld, rejected %lld, returned "
            "%lld, queued %lld\n",
            (long long)number(v, "received"), (long long)number(v, "stored"),
            (long long)number(v, "merged"), (long long)number(v, "conflicts"),
            (long long)number(v, "rejected"), (long long)number(v, "returned"),
            (long long)number(v, "queued"));
    fprintf(out, "requests   %lld answered, %lld refused\n", (long long)number(v, "requests"),
            (long long)refused);
    fprintf(out, "commits    %lld, mean %.2f ms, longest %.2f ms, failed %lld\n",
            (long long)number(v, "commits"), (double)number(v, "commit_mean_ns") / 1e6,
            (double)number(v, "commit_max_ns") / 1e6, (long long)number(v, "commit_failures"));
    fprintf(out, "in hand    %lld of %lld bytes\n", (long long)number(v, "budget_used_bytes"),
            (long long)number(v, "budget_max_bytes"));
}

static void print_services(ly_cli *cli, const status_view *v)
{
    static const char *const heads[] = {"SERVICE", "SPANS", "LOGS", "REJECTED"};
    const ly_json *services = ly_json_get(v->doc, "services");
    size_t n = ly_json_count(services);
    ly_table *table = n ? ly_table_new(cli, LY_COUNT(heads)) : NULL;
    if (!table)
        return;
    for (size_t i = 0; i < LY_COUNT(heads); i++)
        ly_table_col(table, i, heads[i], i ? LY_RIGHT : LY_LEFT, 0);
    for (size_t i = 0; i < n; i++) {
        const ly_json *service = ly_json_at(services, i);
        static const char *const keys[] = {"spans", "logs", "rejected"};
        ly_table_cell(table, ly_json_str(ly_json_get(service, "service")));
        for (size_t k = 0; k < LY_COUNT(keys); k++) {
            int64_t count = 0;
            (void)ly_json_i64(ly_json_get(service, keys[k]), &count);
            ly_table_cellf(table, "%lld", (long long)count);
        }
    }
    ly_table_print(table);
    ly_table_free(table);
}

static int print_text(ly_cli *cli, const status_view *v)
{
    FILE *out = cli->out;
    const ly_store_info *i = &v->info;
    fprintf(out, "database   %s: %lld trace%s, %lld span%s, %lld log record%s\n", ly_cli_db(cli),
            (long long)i->n_traces, ly_plural(i->n_traces), (long long)i->n_spans,
            ly_plural(i->n_spans), (long long)i->n_logs, ly_plural(i->n_logs));
    fprintf(out, "file       %.1f MiB, write-ahead log %.1f MiB, disk free %.1f GiB\n",
            (double)i->file_bytes / 1048576, (double)i->wal_bytes / 1048576,
            (double)i->disk_free_bytes / 1073741824);
    fprintf(out, "unsettled  %lld trace%s; not in the full-text index %lld; quarantine %lld\n",
            (long long)i->n_dirty, ly_plural(i->n_dirty), (long long)i->n_unindexed,
            (long long)i->n_quarantined);
    if (!v->running) {
        fprintf(out, "collector  none runs on this database; lydite collect starts one\n");
        return LY_EXIT_DONE;
    }
    fprintf(out, "collector  pid %d, %s, gRPC port %d, HTTP port %d%s%s\n", v->runtime.pid,
            v->runtime.address, v->runtime.grpc_port, v->runtime.http_port,
            v->runtime.tls ? ", TLS" : "", v->runtime.keys ? ", access keys" : "");
    if (v->asked) {
        print_counters(cli, v);
        print_services(cli, v);
    } else {
        fprintf(out, "           %s\n", v->why_not);
    }
    return LY_EXIT_DONE;
}

static int run_status(ly_cli *cli)
{
    status_view v = {0};
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&v.arena, 0, LY_MIB(16));
    ly_buf_init(&v.answer, LY_MIB(4));
    int code = look(cli, &v, &err) ? ly_cli_fail(cli, &err)
               : cli->json         ? print_json(cli, &v)
                                   : print_text(cli, &v);
    ly_buf_release(&v.answer);
    ly_arena_release(&v.arena);
    return code;
}

static const ly_verb status_verbs[] = {
    {NULL, "", 0, 0, "what is now: the collector and the database",
     "--json: db; collector (null when none runs): pid, address, grpc_port, http_port, tls, keys, "
     "status (the\n"
     "collector's /status: received = stored + merged + conflicts + rejected + returned + queued, "
     "refused\n"
     "requests by reason, commits, budget, services); traces, spans, logs, unsettled_traces, "
     "unindexed_traces, "
     "quarantined,\n"
     "oldest_ns, newest_ns, file_bytes, wal_bytes, disk_free_bytes.",
     "lydite status\nlydite status --json", LY_COMMON_READ, NULL, 0, run_status},
};
const ly_cmd ly_cmd_status = {"status", "what is now", "Trace", status_verbs, 1, false};
