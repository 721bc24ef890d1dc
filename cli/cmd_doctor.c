/*
 * `lydite doctor`: what is wrong, and what to do about it.
 *
 * Findings are rows: a level, what was looked at, what was found, the remedy. Traces are judged by the
 * newest MAX_TRACES. A new check is a function that calls say(), named in run_checks().
 */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/cmd.h"
#include "collector/collector.h"
#include "otlp/encode.h"
#include "rpc/client.h"
#include "text/hash.h"
#include "text/jsonw.h"

#define MAX_TRACES     200
#define MAX_LOOK_NS    (2 * LY_NS_PER_SEC)
#define MAX_SKEW_NS    (300 * LY_NS_PER_SEC)
#define ASK_NS         (5 * LY_NS_PER_SEC)
#define MAX_QUARANTINE 20

typedef enum level { FINE, WARN, BAD } level;

typedef struct doctor {
    ly_cli *cli;
    const char *db;
    ly_store *store;
    ly_arena arena;
    ly_store_info info;
    bool running;
    ly_runtime runtime;
    int n_bad;
} doctor;

static void say(doctor *d, level how, const char *what, const char *remedy, const char *fmt, ...)
    LY_PRINTF(5, 6);
static void say(doctor *d, level how, const char *what, const char *remedy, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "warn", "bad"};
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    d->n_bad += how == BAD;
    ly_buf out;
    ly_buf_init(&out, LY_KIB(64));
    if (d->cli->json) {
        ly_jsonw w;
        ly_jsonw_init(&w, &out, 0);
        ly_jsonw_object(&w);
        ly_jsonw_kv_c(&w, "level", words[how]);
        ly_jsonw_kv_c(&w, "what", what);
        ly_jsonw_kv_c(&w, "found", text);
        ly_jsonw_kv_c(&w, "remedy", how == FINE ? NULL : remedy);
        ly_jsonw_object_end(&w);
        if (ly_jsonw_end(&w, NULL))
            ly_buf_cut(&out, 0);
    } else {
        ly_buf_fmt(&out, "%-5s %-14s ", words[how], what);
        ly_term_clean(&out, ly_str_c(text), LY_TERM_ONE_LINE);
        if (how != FINE && remedy)
            ly_buf_fmt(&out, "\n      %-14s -> %s", "", remedy);
    }
    fprintf(d->cli->out, "%s\n", ly_buf_text(&out));
    ly_buf_release(&out);
}

/* ------------------------------------------------------ collector, disk, file */

static void check_collector(doctor *d)
{
    int code = 0;
    ly_err err = LY_ERR_INIT;
    ly_buf answer;
    d->running = ly_runtime_find(d->db, &d->runtime, NULL) == LY_OK;
    if (!d->running) {
        say(d, WARN, "collector", "lydite collect, or lydite run -- CMD",
            "none runs on this database");
        return;
    }
    if (d->runtime.http_port <= 0) {
        say(d, FINE, "collector", NULL, "pid %d runs: gRPC port %d, no HTTP", d->runtime.pid,
            d->runtime.grpc_port);
        return;
    }
    ly_buf_init(&answer, LY_KIB(64));
    if (ly_probe_runtime(&d->runtime, "/readyz", NULL, NULL, ASK_NS, &code, &answer, &err))
        say(d, BAD, "collector", "look at its log; stop and start it", "pid %d does not answer: %s",
            d->runtime.pid, err.text);
    else if (code != 200)
        say(d, BAD, "collector", "free the disk, end what holds the database, or look at its log",
            "pid %d: %s", d->runtime.pid, ly_buf_text(&answer));
    else
        say(d, FINE, "collector", NULL, "pid %d is ready: gRPC port %d, HTTP port %d",
            d->runtime.pid, d->runtime.grpc_port, d->runtime.http_port);
    ly_buf_release(&answer);
}

static void check_disk(doctor *d)
{
    const ly_store_info *i = &d->info;
    double free_gib = (double)i->disk_free_bytes / 1073741824;
    if (i->disk_free_bytes < 1 << 30)
        say(d, BAD, "disk", "free space, or lydite db prune", "%.2f GiB free", free_gib);
    else if (i->disk_free_bytes < (i->disk_free_bytes + i->file_bytes) / 20)
        say(d, WARN, "disk", "lydite collect --max-size, or lydite db prune",
            "%.1f GiB free beside a database of %.1f GiB", free_gib,
            (double)i->file_bytes / 1073741824);
    else
        say(d, FINE, "disk", NULL, "%.1f GiB free, database %.1f MiB", free_gib,
            (double)i->file_bytes / 1048576);
    if (i->wal_bytes > 1LL << 30)
        say(d, WARN, "write-ahead", "end the program that reads the database with an old snapshot",
            "the write-ahead log has %.1f GiB", (double)i->wal_bytes / 1073741824);
}

static void check_settled(doctor *d)
{
    const ly_store_info *i = &d->info;
    int64_t age = i->oldest_dirty_ns == LY_UNKNOWN ? 0 : ly_wall_ns() - i->oldest_dirty_ns;
    if (i->n_dirty > 0 && age > 60 * LY_NS_PER_SEC)
        say(d, WARN, "summaries",
            "any collector settles them; lydite db rebuild makes all of them anew",
            "%lld trace%s without a summary, the oldest for %lld s", (long long)i->n_dirty,
            ly_plural(i->n_dirty), (long long)(age / LY_NS_PER_SEC));
    else
        say(d, FINE, "summaries", NULL, "%lld trace%s, %lld unsettled", (long long)i->n_traces,
            ly_plural(i->n_traces), (long long)i->n_dirty);
}

static const char *quarantine_remedy(const ly_quarantine_group *g)
{
    if (ly_str_eqc(g->kind, "conflict"))
        return "the first record stands; a client reuses span ids, or changes a span that it has "
               "sent";
    if (ly_str_eqc(g->kind, "undecodable"))
        return "what sends this does not speak OTLP here: OTEL_EXPORTER_OTLP_PROTOCOL, "
               "compression, "
               "a proxy between?";
    if (ly_str_eqc(g->reason, "redaction"))
        return "a rule of your own takes too long; make its pattern simpler";
    return "the client sends what OTLP does not allow; its maintainers should know";
}

static void say_quarantined(doctor *d, const ly_quarantine_group *g)
{
    char id[40] = "";
    if (!ly_trace_id_zero(g->trace_id)) {
        memcpy(id, ", trace ", 8);
        ly_hex_encode(g->trace_id.b, 4, id + 8);
        id[16] = '\0';
    }
    bool unread = ly_str_eqc(g->kind, "undecodable");
    say(d, WARN, "quarantine", quarantine_remedy(g), "%lld %.*s%s%.*s: %.*s (%s%lld bytes%s)",
        (long long)g->n, LY_STR_ARG(g->kind),
        unread ? (g->n == 1 ? " request" : " requests") : " from ",
        LY_STR_ARG(unread           ? LY_S("")
                   : g->service.len ? g->service
                                    : LY_S("an unnamed service")),
        LY_STR_ARG(g->reason), g->n == 1 ? "" : "the latest ", (long long)g->size, id);
}

static void check_quarantine(doctor *d)
{
    ly_quarantine_group *groups = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    if (ly_store_quarantine_groups(d->store, MAX_QUARANTINE, &d->arena, &groups, &n, &err)) {
        say(d, BAD, "quarantine", "lydite db check", "%s", err.text);
        return;
    }
    if (n == 0)
        say(d, FINE, "quarantine", NULL, "empty");
    for (size_t i = 0; i < n; i++)
        say_quarantined(d, &groups[i]);
}

/* -------------------------------------------------------------------- traces */

/* A counted call, to find the one that another instrumentation told in a trace of its own. */
typedef struct told {
    ly_trace_id trace;
    int64_t start_ns, end_ns, in, out;
    uint64_t response_key, service_key, name_key;
    const char *dialect;
    char name[40];
    bool twin;
} told;

enum {
    CALLS_MOST = 20000,
    CALLS_AHEAD = 64, /* calls that begin while one runs and are compared with it */
};

/* Counts over the newest traces; each with one example. */
typedef struct tally {
    told *calls;
    size_t n_calls, twins;
    int64_t twin_tokens;
    char twin_at[80];
    size_t traces, spans, generations;
    size_t overlap, dropped_usage, cost_no_usage, unpriced, unsaid, no_content, orphans, skew, lost;
    char overlap_at[80], cost_at[80], content_at[80], orphan_at[80], skew_at[80], price_at[80],
        lost_at[80], unsaid_at[80];
} tally;

static void example(char *dst, size_t size, ly_str name, ly_trace_id id)
{
    char hex[33];
    if (dst[0])
        return;
    ly_hex_encode(id.b, sizeof id.b, hex);
    snprintf(dst, size, "%.8s (%.*s)", hex, name.len > 40 ? 40 : (int)name.len,
             name.ptr ? name.ptr : "");
}

#define EXAMPLE(t, field, node, id) example((t)->field, sizeof(t)->field, (node)->name, id)

static void tally_node(tally *t, const ly_node *n, ly_trace_id id)
{
    const ly_canon *c = &n->canon;
    bool call = c->type == LY_TYPE_GENERATION;
    t->spans++;
    t->generations += call;
    if (c->usage_mode & LY_USAGE_BY_EVIDENCE) {
        t->overlap++;
        EXAMPLE(t, overlap_at, n, id);
    }
    t->dropped_usage += (c->usage_mode & LY_USAGE_REJECTED) != 0;
    if (c->usage_mode & LY_USAGE_MAYBE_LOST) {
        t->lost++;
        EXAMPLE(t, lost_at, n, id);
    }
    if (c->client_cost_pico != LY_UNKNOWN && !ly_tokens_known(&c->tokens)) {
        t->cost_no_usage++;
        EXAMPLE(t, cost_at, n, id);
    }
    if (call && ly_tokens_known(&c->tokens) && n->priced.amount_pico == LY_UNKNOWN &&
        c->client_cost_pico == LY_UNKNOWN) {
        t->unpriced++;
        EXAMPLE(t, price_at, n, id);
    }
    if (n->mark.unsaid) {
        t->unsaid++;
        EXAMPLE(t, unsaid_at, n, id);
    }
    if (call && !(n->flags & (LY_SPAN_HAS_INPUT | LY_SPAN_HAS_OUTPUT))) {
        t->no_content++;
        EXAMPLE(t, content_at, n, id);
    }
}

static void keep_call(tally *t, const ly_node *n, ly_trace_id id)
{
    const ly_canon *c = &n->canon;
    if (!t->calls || t->n_calls == CALLS_MOST || n->mark.kind != LY_MARK_COUNTED ||
        n->end_ns == LY_UNKNOWN)
        return;
    told *one = &t->calls[t->n_calls++];
    *one = (told){.trace = id,
                  .start_ns = n->start_ns,
                  .end_ns = n->end_ns,
                  .in = ly_tokens_in(&c->tokens),
                  .out = ly_tokens_out(&c->tokens),
                  .response_key = n->response_key,
                  .service_key = ly_tree_key(c->service),
                  .name_key = ly_tree_key(n->name),
                  .dialect = c->dialect};
    snprintf(one->name, sizeof one->name, "%.*s", (int)(n->name.len < 39 ? n->name.len : 39),
             n->name.ptr ? n->name.ptr : "");
}

static int by_start(const void *a, const void *b)
{
    const told *x = a, *y = b;
    return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

/* `y` begins while `x` runs. One response id is one call; else all that both say must agree, and they must
 * be told by different instrumentations: equal calls of one program at one time are told alike. */
static bool is_twin(const told *x, const told *y)
{
    static const int64_t slack_ns = 20 * LY_NS_PER_MS;
    if (memcmp(&x->trace, &y->trace, sizeof x->trace) == 0)
        return false;
    if (x->response_key && y->response_key)
        return x->response_key == y->response_key &&
               (x->name_key != y->name_key || strcmp(x->dialect, y->dialect) != 0);
    return x->service_key == y->service_key && x->in == y->in && x->out == y->out && x->in > 0 &&
           x->name_key != y->name_key && y->end_ns <= x->end_ns + slack_ns;
}

static void find_twins(tally *t)
{
    if (t->n_calls)
        qsort(t->calls, t->n_calls, sizeof *t->calls, by_start);
    for (size_t i = 0; i < t->n_calls; i++) {
        told *x = &t->calls[i];
        for (size_t j = i + 1; !x->twin && j < t->n_calls && j <= i + CALLS_AHEAD; j++) {
            told *y = &t->calls[j];
            if (y->start_ns > x->end_ns)
                break;
            if (y->twin || !is_twin(x, y))
                continue;
            y->twin = true;
            t->twins++;
            t->twin_tokens +=
                (y->in == LY_UNKNOWN ? 0 : y->in) + (y->out == LY_UNKNOWN ? 0 : y->out);
            if (!t->twin_at[0]) {
                char hex[2][33];
                ly_hex_encode(x->trace.b, sizeof x->trace.b, hex[0]);
                ly_hex_encode(y->trace.b, sizeof y->trace.b, hex[1]);
                snprintf(t->twin_at, sizeof t->twin_at, "%.8s (%.20s) and %.8s (%.20s)", hex[0],
                         x->name, hex[1], y->name);
            }
            break;
        }
    }
}

static void tally_trace(tally *t, const ly_trace *trace)
{
    ly_trace_id id = trace->row.trace_id;
    t->traces++;
    for (size_t i = 0; i < trace->n; i++) {
        const ly_node *n = &trace->nodes[i];
        tally_node(t, n, id);
        keep_call(t, n, id);
        if (n->mark.orphan) {
            t->orphans++;
            EXAMPLE(t, orphan_at, n, id);
        }
        bool early = n->parent != LY_NO_NODE &&
                     n->start_ns < trace->nodes[n->parent].start_ns - LY_NS_PER_SEC;
        bool ahead = n->start_ns > trace->row.seen_ns + MAX_SKEW_NS;
        if (early || ahead || (n->end_ns != LY_UNKNOWN && n->end_ns < n->start_ns)) {
            t->skew++;
            EXAMPLE(t, skew_at, n, id);
        }
    }
}

static ly_status tally_traces(doctor *d, tally *t, ly_err *err)
{
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_trace_row *rows = NULL;
    ly_store_key key;
    size_t n = 0;
    bool more = false;
    ly_arena arena;
    int64_t until = ly_mono_ns() + MAX_LOOK_NS;
    query.limit = MAX_TRACES;
    ly_status status =
        ly_store_trace_page(d->store, &query, &d->arena, &rows, &n, &key, &more, err);
    ly_arena_init(&arena, LY_KIB(256), LY_MIB(512));
    for (size_t i = 0; i < n && !status && ly_mono_ns() < until; i++) {
        ly_trace *trace = NULL;
        ly_arena_reset(&arena);
        status = ly_store_trace_load(d->store, rows[i].trace_id, &arena, &trace, err);
        if (!status)
            tally_trace(t, trace);
        else if (status == LY_E_NOTFOUND)
            status = LY_OK; /* removed since */
    }
    ly_arena_release(&arena);
    return status;
}

/* "span~s report^s" -> "spans report", of one "span reports". */
static void inflect(char *dst, size_t size, const char *text, size_t n)
{
    size_t len = 0;
    for (const char *p = text; *p && len + 1 < size; p++) {
        if ((*p == '~' || *p == '^') && p[1] == 's') {
            p++;
            if ((p[-1] == '~') == (n != 1))
                dst[len++] = 's';
        } else {
            dst[len++] = *p;
        }
    }
    dst[len] = '\0';
}

static void finding(doctor *d, const char *what, size_t n, const char *at, const char *text,
                    const char *remedy)
{
    char words[256];
    inflect(words, sizeof words, text, n);
    if (n > 0)
        say(d, WARN, what, remedy, "%zu %s%s%s", n, words, at[0] ? ", e.g. " : "", at);
}

static void check_traces(doctor *d)
{
    tally t = {.calls = LY_ARENA_ARRAY(&d->arena, told, CALLS_MOST)};
    ly_err err = LY_ERR_INIT;
    if (tally_traces(d, &t, &err)) {
        say(d, BAD, "traces", "lydite db check", "%s", err.text);
        return;
    }
    find_twins(&t);
    say(d, FINE, "traces", NULL, "looked at the newest %zu: %zu span%s, %zu model call%s", t.traces,
        t.spans, ly_plural(t.spans), t.generations, ly_plural(t.generations));
    if (t.twins)
        say(d, WARN, "twice",
            "two instrumentations tell of one call, each in a trace of its own: leave one out, or "
            "open a "
            "span around both so that they share a trace",
            "%zu model call%s counted in two traces, %lld tokens too many, e.g. %s", t.twins,
            t.twins == 1 ? " is" : "s are", (long long)t.twin_tokens, t.twin_at);
    finding(
        d, "tokens", t.overlap, t.overlap_at,
        "span~s report^s token classes that overlap otherwise than their convention says; read by "
        "evidence",
        "compare one with the provider's bill; update the client library");
    finding(d, "tokens", t.dropped_usage, "",
            "span~s report^s negative, fractional or absurd counts; dropped",
            "update the client library");
    finding(d, "tokens", t.lost, t.lost_at,
            "model call~s lost attributes at the client's limit, perhaps their usage",
            "set OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT higher in the client");
    finding(d, "cost", t.cost_no_usage, t.cost_at, "span~s give^s a cost without token counts",
            "the cost is taken as given; tokens stay unknown");
    finding(d, "cost", t.unpriced, t.price_at, "model call~s without a price for their tokens",
            "lydite price add, or lydite price import");
    finding(d, "cost", t.unsaid, t.unsaid_at,
            "model call~s came without token counts: cost unknown, totals are lower bounds",
            "switch usage on in the client (streams: stream_options include_usage)");
    finding(d, "content", t.no_content, t.content_at, "model call~s came without messages",
            "lydite connect CLIENT names the client's content switch");
    finding(d, "tree", t.orphans, t.orphan_at, "span~s name^s a parent that never came",
            "another service does not send here, or the client dropped spans");
    finding(d, "clock", t.skew, t.skew_at,
            "span~s start^s before the parent, in the future, or after the own end",
            "synchronise clocks");
}

/* ---------------------------------------------------------------------- send */

static void one_span(ly_buf *request, ly_trace_id trace, const char *transport)
{
    /* Not an app's trace: lists leave it out unless asked. */
    ly_kv attrs[] = {
        {LY_S("lydite.doctor.transport"), {.kind = LY_ANY_STRING, .str = ly_str_c(transport)}},
        {LY_S("lydite.origin"), {.kind = LY_ANY_STRING, .str = LY_S("eval")}},
    };
    ly_kv service = {LY_S("service.name"), {.kind = LY_ANY_STRING, .str = LY_S("lydite-doctor")}};
    ly_resource resource = {.attrs = {&service, 1, 0}};
    ly_scope scope = {.name = LY_S("lydite.doctor")};
    ly_buf wire, resource_wire;
    ly_buf_init(&wire, LY_KIB(4));
    ly_buf_init(&resource_wire, LY_KIB(4));
    ly_otlp_put_resource(&resource_wire, &resource);
    resource.wire = ly_buf_view(&resource_wire);
    ly_span span = {.trace_id = trace,
                    .name = LY_S("doctor"),
                    .kind = LY_KIND_INTERNAL,
                    .attrs = {attrs, LY_COUNT(attrs), 0}};
    memcpy(span.span_id.b, trace.b, sizeof span.span_id.b);
    span.start_ns = (uint64_t)ly_wall_ns();
    span.end_ns = span.start_ns + 1;
    span.resource = &resource;
    span.scope = &scope;
    ly_otlp_put_span(&wire, &span);
    span.wire = ly_buf_view(&wire);
    const ly_span *list = &span;
    if (ly_otlp_encode_traces(&list, 1, request, NULL))
        ly_buf_cut(request, 0);
    ly_buf_release(&wire);
    ly_buf_release(&resource_wire);
}

static ly_status send_http(doctor *d, ly_str body, ly_err *err)
{
    int code = 0;
    ly_buf answer;
    ly_buf_init(&answer, LY_KIB(64));
    ly_status status =
        ly_probe_runtime(&d->runtime, "/v1/traces", "Content-Type: application/x-protobuf\r\n",
                         &body, ASK_NS, &code, &answer, err);
    ly_buf_release(&answer);
    if (!status && code != 200)
        status = LY_FAIL(err, LY_E_NETWORK, "it answered HTTP %d", code);
    return status;
}

static ly_status send_grpc(doctor *d, ly_str body, ly_err *err)
{
    char target[96];
    ly_rpc_channel *channel = NULL;
    ly_rpc_reply reply = {0};
    ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
    snprintf(target, sizeof target, strchr(d->runtime.address, ':') ? "[%s]:%d" : "%s:%d",
             d->runtime.address, d->runtime.grpc_port);
    opts.target = target;
    opts.quiet = true;
    ly_runtime_tls tls = {0};
    char bearer[LY_LOCAL_KEY_BYTES + 8];
    snprintf(bearer, sizeof bearer, "Bearer %s", d->runtime.key);
    ly_rpc_meta meta = {LY_S("authorization"), ly_str_c(bearer)};
    ly_status status = d->runtime.tls ? ly_runtime_cert(&d->runtime, &tls, err) : LY_OK;
    opts.tls = d->runtime.tls;
    opts.ca_pem = tls.pem;
    opts.server_name = tls.pem ? tls.name : NULL;
    ly_rpc_request request = {.method =
                                  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                              .body = body,
                              .timeout_ns = ASK_NS,
                              .meta = &meta,
                              .n_meta = d->runtime.keys ? 1 : 0};
    if (!status)
        status = ly_rpc_channel_new(&opts, &channel, err);
    if (!status)
        status = ly_rpc_call_start(channel, &request, err);
    if (!status && ly_rpc_channel_wait(channel, 2 * ASK_NS, &reply))
        status = LY_FAIL(err, LY_E_TIMEOUT, "no answer in time");
    if (!status && reply.code != LY_RPC_OK)
        status = LY_FAIL(err, LY_E_NETWORK, "it answered %s: %.*s", ly_rpc_code_name(reply.code),
                         LY_STR_ARG(reply.message));
    ly_rpc_reply_release(&reply);
    ly_rpc_channel_free(channel);
    ly_free(tls.pem);
    return status;
}

static void try_transport(doctor *d, const char *name,
                          ly_status (*send)(doctor *, ly_str, ly_err *))
{
    ly_err err = LY_ERR_INIT;
    ly_trace_id id;
    ly_trace *trace = NULL;
    ly_buf request;
    ly_buf_init(&request, LY_KIB(16));
    ly_status status = ly_random(id.b, sizeof id.b, &err);
    id.b[0] |= 1;
    one_span(&request, id, name);
    int64_t start = ly_mono_ns();
    if (!status)
        status = send(d, ly_buf_view(&request), &err);
    int64_t ns = ly_mono_ns() - start;
    if (!status)
        status = ly_store_trace_load(d->store, id, &d->arena, &trace, &err);
    if (status)
        say(d, BAD, name, "is the address right, does a firewall or proxy stand between?", "%s",
            err.text);
    else
        say(d, FINE, name, NULL, "a span was acknowledged in %.1f ms and read back",
            (double)ns / 1e6);
    ly_buf_release(&request);
}

static void check_send(doctor *d)
{
    if (!d->running) {
        say(d, BAD, "send", "start one: lydite collect", "no collector to send to");
    } else {
        if (d->runtime.http_port > 0)
            try_transport(d, "OTLP/HTTP", send_http);
        if (d->runtime.grpc_port > 0)
            try_transport(d, "OTLP/gRPC", send_grpc);
    }
}

/* ----------------------------------------------------------------------- main */

static int run_doctor(ly_cli *cli)
{
    doctor d = {.cli = cli, .db = ly_cli_db(cli)};
    ly_err err = LY_ERR_INIT;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_arena_init(&d.arena, 0, LY_MIB(256));
    if (ly_store_open(d.db, &opts, &d.store, &err) ||
        ly_store_info_get(d.store, false, &d.info, &err)) {
        ly_store_close(d.store);
        ly_arena_release(&d.arena);
        return ly_cli_fail(cli, &err);
    }
    say(&d, FINE, "database", NULL, "%s: %lld span%s", d.db, (long long)d.info.n_spans,
        ly_plural(d.info.n_spans));
    check_collector(&d);
    check_disk(&d);
    check_settled(&d);
    check_quarantine(&d);
    check_traces(&d);
    if (ly_cli_flag(cli, "send"))
        check_send(&d);
    ly_store_close(d.store);
    ly_arena_release(&d.arena);
    return d.n_bad ? LY_EXIT_NO : LY_EXIT_DONE;
}

static const ly_opt doctor_opts[] = {
    {"send", 0, NULL, "send a span over both transports and read it back", false},
};

static const ly_verb doctor_verbs[] = {
    {NULL, "", 0, 0, "what is wrong, and what to do about it",
     "Looks at the collector, the disk, the quarantine and the newest 200 traces: token classes "
     "that overlap, calls counted in two traces,\n"
     "cost without usage, calls without price or messages, orphans, clocks. Exit code 1 when "
     "something is\n"
     "bad. --json: one object a line: level (ok, warn, bad), what, found, remedy.",
     "lydite doctor\nlydite doctor --send", LY_COMMON_READ, doctor_opts, LY_COUNT(doctor_opts),
     run_doctor},
};
const ly_cmd ly_cmd_doctor = {"doctor", "what is wrong and the remedy", "Trace", doctor_verbs, 1,
                              false};
