/* `lydite connect`: the lines that make a client send here, and a look at its first span. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/term.h"
#include "cli/cmd.h"
#include "collector/collector.h"
#include "genai/connect.h"
#include "store/store.h"
#include "text/jsonw.h"

#define COUNT(array)   (sizeof(array) / sizeof *(array))
#define DEFAULT_WAIT_S 120
#define POLL_NS        (200 * LY_NS_PER_MS)
/* After the first span the rest of its trace is given this long: calls end before their agent. */
#define SETTLE_NS (1500 * LY_NS_PER_MS)
/* A client's clock may be off. */
#define CLOCK_SLACK_NS (600 * LY_NS_PER_SEC)

typedef struct place {
    char http[96], grpc[96];
    bool running;
} place;

/* Where this database's collector listens, else where it would. */
static place find_place(ly_cli *cli)
{
    place p = {"http://127.0.0.1:4318", "http://127.0.0.1:4317", false};
    ly_runtime rt;
    ly_err err = LY_ERR_INIT;
    if (ly_runtime_find(ly_cli_db(cli), &rt, &err) != LY_OK)
        return p;
    const char *scheme = rt.tls ? "https" : "http";
    const char *host = strcmp(rt.address, "0.0.0.0") == 0 || strcmp(rt.address, "::") == 0
                           ? "127.0.0.1"
                           : rt.address;
    p.running = true;
    snprintf(p.http, sizeof p.http, "%s://%.60s:%d", scheme, host, rt.http_port);
    snprintf(p.grpc, sizeof p.grpc, "%s://%.60s:%d", scheme, host, rt.grpc_port);
    return p;
}

/* ---- texts ------------------------------------------------------------------------------------ */

static void add_block(const char *text, const place *p, ly_buf *out)
{
    ly_buf filled;
    ly_buf_init(&filled, LY_MIB(1));
    ly_connect_text(text, p->http, p->grpc, &filled);
    ly_str rest = ly_buf_view(&filled), line;
    while (ly_str_split(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        ly_buf_c(out, "    ");
        ly_buf_str(out, line);
        ly_buf_char(out, '\n');
    }
    ly_buf_release(&filled);
}

static bool wanted(const ly_connect_way *way, const char *language)
{
    return language == NULL || strcmp(language, way->language) == 0;
}

static void add_way(const ly_connect_way *way, const place *p, ly_buf *out)
{
    ly_buf_fmt(out, "\n%s%s\n", way->language, way->tried ? "" : "  (untried)");
    if (way->install[0]) {
        ly_buf_c(out, "  install\n");
        add_block(way->install, p, out);
    }
    ly_buf_c(out, "  set\n");
    add_block(way->lines, p, out);
    if (way->content[0]) {
        ly_buf_c(out, "  to send messages\n");
        add_block(way->content, p, out);
    } else {
        ly_buf_c(out, "  messages are sent without a switch\n");
    }
}

static void add_client(const ly_connect_client *client, const place *p, const char *language,
                       ly_buf *out)
{
    ly_buf_fmt(out, "%s\n", client->title);
    if (client->note[0])
        add_block(client->note, p, out);
    for (size_t i = 0; i < client->n_ways; i++) {
        if (wanted(&client->ways[i], language))
            add_way(&client->ways[i], p, out);
    }
    ly_buf_fmt(out, "\nThen: lydite connect %s --check%s\n", client->name,
               p->running ? "" : "   (start the collector first: lydite collect)");
}

static void filled(ly_jsonw *w, const char *key, const char *text, const place *p)
{
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(1));
    ly_connect_text(text, p->http, p->grpc, &buf);
    ly_jsonw_kv_str(w, key, ly_buf_view(&buf));
    ly_buf_release(&buf);
}

static void json_client(ly_jsonw *w, const ly_connect_client *client, const place *p,
                        const char *language)
{
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "client", client->name);
    ly_jsonw_kv_c(w, "title", client->title);
    filled(w, "note", client->note, p);
    ly_jsonw_key(w, "ways");
    ly_jsonw_array(w);
    for (size_t i = 0; i < client->n_ways; i++) {
        const ly_connect_way *way = &client->ways[i];
        if (!wanted(way, language))
            continue;
        ly_jsonw_object(w);
        ly_jsonw_kv_c(w, "language", way->language);
        ly_jsonw_kv_bool(w, "tried", way->tried);
        filled(w, "install", way->install, p);
        filled(w, "lines", way->lines, p);
        filled(w, "content", way->content, p);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
    ly_jsonw_object_end(w);
}

static int write_out(ly_cli *cli, ly_buf *out, ly_err *err)
{
    const ly_status st = ly_buf_status(out, "the text", err);
    if (st == LY_OK)
        (void)fwrite(ly_buf_text(out), 1, out->len, cli->out);
    ly_buf_release(out);
    return st == LY_OK ? LY_EXIT_DONE : ly_cli_fail(cli, err);
}

static int show_list(ly_cli *cli, const place *p)
{
    ly_err err = LY_ERR_INIT;
    if (cli->json) {
        ly_buf out;
        ly_jsonw w;
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        for (size_t i = 0; i < ly_connect_count(); i++) {
            ly_jsonw_init(&w, &out, 0);
            json_client(&w, ly_connect_at(i), p, ly_cli_opt(cli, "language"));
            if (ly_jsonw_end(&w, &err) != LY_OK)
                break;
            ly_buf_char(&out, '\n');
        }
        return write_out(cli, &out, &err);
    }
    ly_table *table = ly_table_new(cli, 3);
    if (!table)
        return ly_cli_fail(cli, (LY_NOMEM(&err), &err));
    ly_table_col(table, 0, "CLIENT", LY_LEFT, 0);
    ly_table_col(table, 1, "WHAT", LY_LEFT, 0);
    ly_table_col(table, 2, "LANGUAGES", LY_LEFT, 0);
    for (size_t i = 0; i < ly_connect_count(); i++) {
        const ly_connect_client *c = ly_connect_at(i);
        ly_buf ways;
        ly_buf_init(&ways, 1024);
        for (size_t k = 0; k < c->n_ways; k++)
            ly_buf_fmt(&ways, "%s%s%s", k ? ", " : "", c->ways[k].language,
                       c->ways[k].tried ? "" : " (untried)");
        ly_table_cell(table, ly_str_c(c->name));
        ly_table_cell(table, ly_str_c(c->title));
        ly_table_cell(table, ly_buf_view(&ways));
        ly_buf_release(&ways);
    }
    ly_table_print(table);
    ly_table_free(table);
    ly_cli_note(cli, "the exact lines: lydite connect CLIENT");
    return LY_EXIT_DONE;
}

static int show_client(ly_cli *cli, const ly_connect_client *client, const place *p)
{
    ly_err err = LY_ERR_INIT;
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    if (cli->json) {
        ly_jsonw w;
        ly_jsonw_init(&w, &out, 0);
        json_client(&w, client, p, ly_cli_opt(cli, "language"));
        if (ly_jsonw_end(&w, &err) != LY_OK) {
            ly_buf_release(&out);
            return ly_cli_fail(cli, &err);
        }
        ly_buf_char(&out, '\n');
    } else {
        add_client(client, p, ly_cli_opt(cli, "language"), &out);
    }
    return write_out(cli, &out, &err);
}

/* ---- --check ---------------------------------------------------------------------------------- */

static void pause_ns(int64_t ns)
{
    const struct timespec t = {ns / LY_NS_PER_SEC, ns % LY_NS_PER_SEC};
    (void)nanosleep(&t, NULL);
}

/* The newest trace that first arrived after `since_ns`; false when there is none yet. */
static bool newest(ly_store *store, int64_t since_ns, ly_arena *arena, ly_trace_id *ret_trace)
{
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    ly_store_key key;
    bool more = false;
    ly_err err = LY_ERR_INIT;
    query.since_ns = since_ns - CLOCK_SLACK_NS;
    query.any_origin = true;
    if (ly_store_trace_page(store, &query, arena, &rows, &n, &key, &more, &err) != LY_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].seen_ns >= since_ns) {
            *ret_trace = rows[i].trace_id;
            return true;
        }
    }
    return false;
}

/* The span that says most about the client: a model call, else an agent, else the root. */
static const ly_node *telling(const ly_trace *trace)
{
    static const ly_type order[] = {LY_TYPE_GENERATION, LY_TYPE_EMBEDDING, LY_TYPE_AGENT,
                                    LY_TYPE_TOOL};
    for (size_t k = 0; k < COUNT(order); k++) {
        for (size_t i = 0; i < trace->n; i++) {
            if (trace->nodes[i].canon.type == order[k])
                return &trace->nodes[i];
        }
    }
    return trace->n ? &trace->nodes[0] : NULL;
}

static void print_json(ly_jsonw *w, const ly_trace *trace, const ly_node *node, const ly_canon *c,
                       const ly_connect_gap *gaps, size_t n)
{
    char id[33];
    ly_hex_encode(trace->row.trace_id.b, 16, id);
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "trace", id);
    ly_hex_encode(node->span_id.b, 8, id);
    ly_jsonw_kv_c(w, "span", id);
    ly_jsonw_kv_str(w, "name", node->name);
    ly_jsonw_kv_c(w, "dialect", c->dialect);
    ly_jsonw_kv_c(w, "type", ly_type_name(c->type));
    ly_jsonw_kv_str(w, "model", c->response_model.len ? c->response_model : c->request_model);
    ly_jsonw_key(w, "missing");
    ly_jsonw_array(w);
    for (size_t i = 0; i < n; i++) {
        ly_jsonw_object(w);
        ly_jsonw_kv_c(w, "what", gaps[i].what);
        ly_jsonw_kv_c(w, "remedy", gaps[i].remedy);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
    ly_jsonw_object_end(w);
}

static void print_text(ly_buf *out, const ly_trace *trace, const ly_node *node, const ly_canon *c,
                       const ly_connect_gap *gaps, size_t n)
{
    char id[33];
    const ly_str model = c->response_model.len ? c->response_model : c->request_model;
    ly_hex_encode(trace->row.trace_id.b, 16, id);
    ly_buf_fmt(out, "received %zu span%s: trace %.8s, read as %s\n", trace->n, ly_plural(trace->n),
               id, c->dialect);
    ly_buf_fmt(out, "  %s \"", ly_type_name(c->type));
    ly_buf_str(out, ly_str_sub(node->name, 0, 120));
    ly_buf_c(out, "\"");
    if (model.len) {
        ly_buf_c(out, "  ");
        ly_buf_str(out, model);
    }
    if (ly_tokens_known(&c->tokens))
        ly_buf_fmt(out, "  %lld tokens", (long long)ly_tokens_total(&c->tokens));
    ly_buf_c(out, c->has_input || c->has_output ? "  with messages\n" : "\n");
    for (size_t i = 0; i < n; i++)
        ly_buf_fmt(out, "  missing: %s — %s\n", gaps[i].what, gaps[i].remedy);
    if (n == 0)
        ly_buf_c(out, "  nothing is missing\n");
}

static int report(ly_cli *cli, ly_store *store, ly_trace_id id, ly_arena *arena)
{
    ly_err err = LY_ERR_INIT;
    ly_trace *trace = NULL;
    if (ly_store_trace_load(store, id, arena, &trace, &err) != LY_OK)
        return ly_cli_fail(cli, &err);
    const ly_node *node = telling(trace);
    if (!node)
        return ly_cli_fail(cli, (LY_FAIL(&err, LY_E_NOTFOUND, "the trace has no span"), &err));
    ly_connect_gap gaps[LY_CONNECT_GAPS];
    ly_canon canon = node->canon;
    if (!canon.session.len) /* any span of the trace may say it */
        canon.session = trace->row.session;
    const size_t n = ly_connect_missing(&canon, gaps);
    ly_buf out, clean;
    ly_buf_init(&out, LY_MIB(1));
    ly_buf_init(&clean, LY_MIB(1));
    if (cli->json) {
        ly_jsonw w;
        ly_jsonw_init(&w, &clean, 0);
        print_json(&w, trace, node, &canon, gaps, n);
        if (ly_jsonw_end(&w, &err) != LY_OK) {
            ly_buf_release(&clean);
            return ly_cli_fail(cli, &err);
        }
        ly_buf_char(&clean, '\n');
    } else {
        print_text(&out, trace, node, &canon, gaps, n);
        ly_term_clean(&clean, ly_buf_view(&out), LY_TERM_LINES);
    }
    ly_buf_release(&out);
    const int code = write_out(cli, &clean, &err);
    return code != LY_EXIT_DONE ? code : n == 0 ? LY_EXIT_DONE : LY_EXIT_NO;
}

static int check(ly_cli *cli, const place *p)
{
    int64_t wait_s = 0;
    if (!ly_cli_int(cli, "wait", 1, 86400, DEFAULT_WAIT_S, &wait_s))
        return LY_EXIT_USAGE;
    const int64_t since = ly_wall_ns(), deadline = ly_mono_ns() + wait_s * LY_NS_PER_SEC;
    ly_cli_note(cli, "waiting for the first span at %s and %s%s", p->http, p->grpc,
                p->running ? "" : " (no collector serves this database yet: lydite collect)");
    int code = LY_EXIT_NO;
    bool found = false;
    while (!found && !ly_cli_interrupted() && ly_mono_ns() < deadline) {
        ly_store *store = NULL;
        ly_store_opts opts = LY_STORE_OPTS_INIT;
        ly_err err = LY_ERR_INIT;
        opts.role = LY_STORE_READER;
        if (ly_store_open(ly_cli_db(cli), &opts, &store, &err) == LY_OK) {
            ly_arena arena;
            ly_trace_id id;
            ly_arena_init(&arena, 0, LY_MIB(512));
            found = newest(store, since, &arena, &id);
            if (found) {
                pause_ns(SETTLE_NS);
                ly_arena_reset(&arena);
                code = report(cli, store, id, &arena);
            }
            ly_arena_release(&arena);
            ly_store_close(store);
        } else if (err.code != LY_E_NOTFOUND) {
            return ly_cli_fail(cli, &err);
        }
        if (!found)
            pause_ns(POLL_NS);
    }
    if (!found && ly_cli_interrupted())
        return ly_cli_signal_exit();
    if (!found)
        ly_cli_note(cli, "no span came within %lld s; `lydite doctor` looks for the cause",
                    (long long)wait_s);
    return code;
}

static bool has_language(const ly_connect_client *client, const char *language)
{
    for (size_t i = 0; i < client->n_ways; i++) {
        if (wanted(&client->ways[i], language))
            return true;
    }
    return false;
}

static int run_connect(ly_cli *cli)
{
    const place p = find_place(cli);
    const ly_connect_client *client = NULL;
    if (cli->n_args > 0) {
        client = ly_connect_find(ly_str_c(cli->args[0]));
        if (!client)
            return ly_cli_usage(cli,
                                "no client \"%s\" is known here; `lydite connect` lists them, "
                                "and `lydite connect otel` fits any OpenTelemetry SDK",
                                cli->args[0]);
    }
    const char *language = ly_cli_opt(cli, "language");
    if (client && !has_language(client, language))
        return ly_cli_usage(cli,
                            "there are no lines for %s in \"%s\"; leave --language out to see "
                            "what there is",
                            client->title, language);
    if (ly_cli_flag(cli, "check"))
        return check(cli, &p);
    return client ? show_client(cli, client, &p) : show_list(cli, &p);
}

static const ly_opt opts[] = {
    {"check", 0, NULL, "wait for the client's first span and say what is missing in it", false},
    {"wait", 0, "SECONDS", "how long --check waits (120)", false},
    {"language", 0, "NAME", "only this: python, typescript, shell, toml", false},
};

static const ly_verb verbs[] = {
    {NULL, "[CLIENT]", 0, 1, "the exact lines that make a client send here",
     "Without CLIENT lists the clients. A way marked untried was never seen working with this "
     "collector. --check exits 0 when nothing is missing, 1 when something is or no span came.\n\n"
     "--json: one object a line with client title note ways[language tried install lines content]; "
     "with --check: trace span name dialect type model missing[what remedy].",
     "lydite connect langchain\nlydite connect openai --language python\nlydite connect --json",
     LY_COMMON_READ, opts, COUNT(opts), run_connect},
};

const ly_cmd ly_cmd_connect = {
    "connect", "how to make a client send its telemetry here", "Trace", verbs, COUNT(verbs), false};
