/* `lydite spool`: what tracers could not deliver and wrote into their spool directory. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "rpc/client.h"
#include "tracer/engine.h"
#include "tracer/spool.h"

#define TRACES "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define LOGS   "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

/* The directory: argument, else the tracer's own variable. NULL after a usage error. */
static const char *spool_dir(ly_cli *cli)
{
    const char *dir = cli->n_args ? cli->args[0] : getenv("LYDITE_SPOOL_DIR");
    if (!dir || !*dir) {
        (void)ly_cli_usage(cli, "name the spool directory, or set LYDITE_SPOOL_DIR");
        return NULL;
    }
    return dir;
}

/* ---- list ---- */

typedef struct listing {
    ly_cli *cli;
    ly_table *table;
    uint64_t n, spans, bytes;
} listing;

static void list_one(void *user, const ly_spool_item *item)
{
    listing *all = user;
    ly_buf time;
    ly_buf_init(&time, 64);
    ly_time_format(item->time_ns, 3, &time);
    all->n++;
    all->spans += item->logs ? 0 : item->n;
    all->bytes += item->bytes;
    if (all->cli->json) {
        fprintf(all->cli->out,
                "{\"file\":\"%s\",\"time\":\"%s\",\"kind\":\"%s\",\"items\":%u,\"bytes\":%llu}\n",
                item->name, ly_buf_text(&time), item->logs ? "logs" : "traces", item->n,
                (unsigned long long)item->bytes);
    } else {
        ly_table_cell(all->table, ly_buf_view(&time));
        ly_table_cell(all->table, item->logs ? LY_S("scores") : LY_S("spans"));
        ly_table_cellf(all->table, "%u", item->n);
        ly_table_cellf(all->table, "%llu", (unsigned long long)item->bytes);
        ly_table_cell(all->table, ly_str_c(item->name));
    }
    ly_buf_release(&time);
}

static int run_list(ly_cli *cli)
{
    static const char *const heads[] = {"WRITTEN", "WHAT", "COUNT", "BYTES", "FILE"};
    ly_err err = LY_ERR_INIT;
    listing all = {.cli = cli};
    const char *dir = spool_dir(cli);
    if (!dir) {
        return LY_EXIT_USAGE;
    }
    all.table = ly_table_new(cli, LY_COUNT(heads));
    if (!all.table) {
        (void)LY_NOMEM(&err);
        return ly_cli_fail(cli, &err);
    }
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(all.table, i, heads[i], i == 2 || i == 3 ? LY_RIGHT : LY_LEFT, 0);
    }
    int code = LY_EXIT_DONE;
    if (ly_spool_list(dir, list_one, &all, &err)) {
        code = ly_cli_fail(cli, &err);
    } else if (!all.n) {
        ly_cli_note(cli, "%s: nothing is waiting", dir);
        code = cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE;
    } else if (!cli->json) {
        ly_table_print(all.table);
        ly_cli_note(cli, "%llu file%s, %llu span%s, %llu byte%s; to deliver: lydite spool send %s",
                    (unsigned long long)all.n, ly_plural(all.n), (unsigned long long)all.spans,
                    ly_plural(all.spans), (unsigned long long)all.bytes, ly_plural(all.bytes), dir);
    }
    ly_table_free(all.table);
    return code;
}

/* ---- send ---- */

/* Sends one file and waits. LY_OK: stored. LY_E_NETWORK: later. Else: refused for ever. */
static ly_status send_one(ly_rpc_channel *channel, const ly_config *config,
                          const ly_spool_item *item, ly_str body, ly_err *err)
{
    ly_rpc_reply reply = {0};
    ly_rpc_meta meta[32];
    size_t n = 0;
    for (; n < config->n_headers && n < LY_COUNT(meta); n++) {
        meta[n] =
            (ly_rpc_meta){ly_str_c(config->headers[n].key), ly_str_c(config->headers[n].value)};
    }
    const ly_rpc_request request = {.method = item->logs ? LOGS : TRACES,
                                    .body = body,
                                    .meta = meta,
                                    .n_meta = n,
                                    .timeout_ns = config->timeout_ns};
    ly_status status = ly_rpc_call_start(channel, &request, err);
    if (status) {
        return status;
    }
    if (ly_rpc_channel_wait(channel, -1, &reply) != LY_OK) {
        return LY_FAIL(err, LY_E_NETWORK, "%s: no reply", config->target);
    }
    if (reply.code != LY_RPC_OK) {
        bool again = ly_rpc_retryable(reply.code, reply.details, NULL);
        status = LY_FAIL(err, again ? LY_E_NETWORK : LY_E_FORMAT, "%s: %s: %.*s", config->target,
                         ly_rpc_code_name(reply.code), LY_STR_ARG(reply.message));
    }
    ly_rpc_reply_release(&reply);
    return status;
}

typedef struct sent {
    uint64_t files, items, refused;
} sent;

static ly_status send_all(ly_cli *cli, const char *dir, const ly_config *config,
                          ly_rpc_channel *channel, sent *ret, ly_err *err)
{
    ly_buf file;
    ly_spool_item item;
    ly_status status = LY_OK;
    ly_progress progress;
    ly_buf_init(&file, LY_MAX_REQUEST_BYTES + LY_KIB(4));
    ly_progress_begin(&progress, cli, "files");
    while (!status && !ly_cli_interrupted() && ly_spool_claim(dir, &file, &item)) {
        status = send_one(channel, config, &item,
                          ly_str_sub(ly_buf_view(&file), item.body_at, file.len), err);
        if (!status) {
            ly_spool_remove(dir, item.name);
            ret->files++;
            ret->items += item.n;
        } else if (status != LY_E_NETWORK) {
            ly_spool_refuse(dir, item.name);
            ly_progress_clear(&progress);
            ly_cli_note(cli, "%s is set aside as %s.refused: %s", item.name, item.name, err->text);
            ret->refused++;
            status = LY_OK;
        }
        ly_spool_release(item.fd);
        ly_progress_tell(&progress, (int64_t)(ret->files + ret->refused), 0, LY_UNKNOWN, NULL);
    }
    ly_progress_clear(&progress);
    ly_buf_release(&file);
    return status ? status
           : ly_cli_interrupted()
               ? LY_FAIL(err, LY_E_CANCELLED, "stopped; the rest waits in %s", dir)
               : LY_OK;
}

static int run_send(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_config config = {0};
    ly_rpc_channel *channel = NULL;
    sent done = {0};
    lydite_options o = LYDITE_OPTIONS_INIT;
    ly_rpc_channel_opts how = LY_RPC_CHANNEL_OPTS_INIT;
    const char *dir = spool_dir(cli);
    if (!dir) {
        return LY_EXIT_USAGE;
    }
    o.endpoint = ly_cli_opt(cli, "endpoint");
    o.exporter = "otlp";
    if (ly_config_read(&o, NULL, NULL, &config, &err)) {
        return ly_cli_fail(cli, &err);
    }
    how.target = config.target;
    how.tls = config.tls;
    how.quiet = true;
    ly_status status = ly_rpc_channel_new(&how, &channel, &err);
    if (!status) {
        status = send_all(cli, dir, &config, channel, &done, &err);
    }
    ly_rpc_channel_free(channel);
    if (cli->json) {
        fprintf(cli->out, "{\"files\":%llu,\"items\":%llu,\"refused\":%llu}\n",
                (unsigned long long)done.files, (unsigned long long)done.items,
                (unsigned long long)done.refused);
    } else {
        fprintf(cli->out, "%llu file%s with %llu span%s or scores delivered to %s\n",
                (unsigned long long)done.files, ly_plural(done.files),
                (unsigned long long)done.items, ly_plural(done.items), config.target);
    }
    ly_config_release(&config);
    return status ? ly_cli_fail(cli, &err) : done.refused ? LY_EXIT_INPUT : LY_EXIT_DONE;
}

static const ly_opt send_opts[] = {
    {"endpoint", 0, "URL",
     "the collector (default: LYDITE_ENDPOINT, then OTEL_EXPORTER_OTLP_ENDPOINT)", false}};

static const ly_verb verbs[] = {
    {"list", "[DIR]", 0, 1, "list what is waiting in a spool directory",
     "DIR defaults to LYDITE_SPOOL_DIR. --json: one object a line with file time kind items bytes.",
     "lydite spool list ./spool",
     LY_COMMON_JSON | LY_COMMON_OUT | LY_COMMON_PLAIN | LY_COMMON_FAIL_EMPTY, NULL, 0, run_list},
    {"send", "[DIR]", 0, 1, "deliver it to a collector, oldest first",
     "A file goes after its acknowledgement, so a second run sends nothing twice in effect. A file "
     "that "
     "the collector refuses for ever is set aside as *.refused (exit 3). Nobody there: exit 4, all "
     "is "
     "kept. --json: files items refused.",
     "lydite spool send ./spool --endpoint http://127.0.0.1:4317", LY_COMMON_JSON | LY_COMMON_OUT,
     send_opts, LY_COUNT(send_opts), run_send},
};
const ly_cmd ly_cmd_spool = {
    "spool", "deliver what tracers could not", "Data", verbs, LY_COUNT(verbs), false};
