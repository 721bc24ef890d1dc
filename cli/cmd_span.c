/* `lydite span`: list the spans of a trace, show one. */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/follow.h"
#include "cli/json_csv.h"
#include "cli/reading.h"
#include "viewer/json.h"
#include "viewer/text.h"

/* ---- list ------------------------------------------------------------------------------------ */

#define DEFAULT_ROWS 50

/* Of one trace, in tree order and with starts counted from its own; or flat, from any trace. */
typedef struct list {
    ly_cli *cli;
    ly_store *store;
    ly_json_csv csv;
    ly_table *table;
    bool flat, stream;
    size_t shown;
    /* -f: spans that were printed, by hash; sorted */
    uint64_t *printed;
    size_t n_printed, cap;
} list;

static const struct {
    const char *head;
    ly_align align;
    bool long_text, in_flat, in_tree;
} columns[] = {
    {"START", LY_LEFT, false, true, false},  {"SPAN", LY_LEFT, false, true, true},
    {"TYPE", LY_LEFT, false, true, true},    {"NAME", LY_LEFT, true, true, true},
    {"START", LY_RIGHT, false, false, true}, {"DUR", LY_RIGHT, false, true, true},
    {"TTFT", LY_RIGHT, false, true, true},   {"IN", LY_RIGHT, false, true, true},
    {"OUT", LY_RIGHT, false, true, true},    {"COST", LY_RIGHT, false, true, true},
    {"STATUS", LY_LEFT, true, true, true},   {"TRACE", LY_LEFT, false, true, false},
};

static bool shows(const list *l, size_t column)
{
    return l->flat ? columns[column].in_flat : columns[column].in_tree;
}

static bool new_table(list *l)
{
    size_t n = 0;
    for (size_t c = 0; c < LY_COUNT(columns); c++) {
        n += shows(l, c);
    }
    l->table = ly_table_new(l->cli, n);
    n = 0;
    for (size_t c = 0; l->table != NULL && c < LY_COUNT(columns); c++) {
        if (shows(l, c)) {
            ly_table_col(l->table, n++, l->stream ? "" : columns[c].head, columns[c].align,
                         l->cli->tty && !l->cli->plain && columns[c].long_text ? 40 : 0);
        }
    }
    return l->table != NULL;
}

static void put(list *l, ly_buf *cell)
{
    ly_table_cell(l->table, ly_buf_view(cell));
    ly_buf_reset(cell);
}

static void table_row(list *l, ly_trace_id trace, const ly_node *n, int64_t from_ns, bool lost)
{
    ly_buf cell;
    char hex[33];
    ly_buf_init(&cell, LY_KIB(64));
    if (l->flat) {
        ly_text_time(n->start_ns, &cell);
        put(l, &cell);
    }
    ly_hex_encode(n->span_id.b, 8, hex);
    ly_table_cell(l->table, ly_str_c(hex));
    ly_table_cell(l->table, ly_str_c(ly_type_name(n->canon.type)));
    ly_table_cell(l->table, n->name);
    if (!l->flat) {
        ly_buf_c(&cell, n->start_ns > from_ns ? "+" : "");
        ly_viewer_duration(n->start_ns - from_ns, &cell);
        put(l, &cell);
    }
    ly_viewer_duration(n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns, &cell);
    put(l, &cell);
    ly_viewer_duration(n->canon.ttft_ns, &cell);
    put(l, &cell);
    ly_viewer_count(ly_tokens_in(&n->canon.tokens), &cell);
    put(l, &cell);
    ly_viewer_count(ly_tokens_out(&n->canon.tokens), &cell);
    put(l, &cell);
    ly_viewer_money(n->canon.client_cost_pico != LY_UNKNOWN ? n->canon.client_cost_pico
                                                            : n->priced.amount_pico,
                    &cell);
    put(l, &cell);
    ly_text_status(n, lost, l->cli->unicode, &cell);
    put(l, &cell);
    if (l->flat) {
        ly_hex_encode(trace.b, 16, hex);
        ly_table_cell(l->table, ly_str_c(hex));
    }
    ly_buf_release(&cell);
}

/* --json and --csv. */
static ly_status machine_row(list *l, ly_trace_id trace, const ly_node *n, bool lost, ly_err *err)
{
    ly_buf line;
    ly_jsonw w;
    ly_status st = LY_OK;
    ly_buf_init(&line, LY_MIB(4));
    ly_jsonw_init(&w, &line, 0);
    ly_jsonw_object(&w);
    ly_json_id(&w, "trace_id", trace.b, 16);
    ly_json_node_members(&w, n, lost);
    ly_jsonw_object_end(&w);
    ly_buf_char(&line, '\n');
    if (l->cli->csv) {
        st = ly_json_csv_put(&l->csv, l->cli, ly_buf_view(&line), err);
    } else {
        (void)fwrite(ly_buf_text(&line), 1, line.len, l->cli->out);
    }
    ly_buf_release(&line);
    return st;
}

static ly_status row(list *l, ly_trace_id trace, const ly_node *n, int64_t from_ns, bool lost,
                     ly_err *err)
{
    l->shown++;
    if (l->cli->json || l->cli->csv) {
        return machine_row(l, trace, n, lost, err);
    }
    if (l->table == NULL && !new_table(l)) {
        return LY_NOMEM(err);
    }
    table_row(l, trace, n, from_ns, lost);
    if (l->stream) {
        ly_table_print(l->table);
        ly_table_free(l->table);
        l->table = NULL;
    }
    return LY_OK;
}

static ly_status flat_row(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    return row(user, trace, node, 0, ly_store_lost(node, ly_wall_ns()), err);
}

static ly_status list_trace(list *l, ly_trace_id id, ly_err *err)
{
    ly_arena arena;
    ly_trace *t = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_store_trace_load(l->store, id, &arena, &t, err);
    size_t most = st != LY_OK                                  ? 0
                  : l->cli->n >= 0 && (size_t)l->cli->n < t->n ? (size_t)l->cli->n
                                                               : t->n;
    for (size_t i = 0; st == LY_OK && i < most; i++) {
        st = row(l, id, &t->nodes[i], t->row.start_ns, ly_store_lost(&t->nodes[i], ly_wall_ns()),
                 err);
    }
    if (st == LY_OK && most < t->n) {
        ly_cli_note(l->cli, "%zu of %zu spans; -n 0 prints all", most, t->n);
    }
    if (st == LY_OK && l->table != NULL) {
        ly_table_print(l->table);
    }
    ly_arena_release(&arena);
    return st;
}

static ly_status list_newest(list *l, ly_trace_query *query, ly_err *err)
{
    bool more = false;
    query->limit = l->cli->n >= 0 ? (size_t)l->cli->n : DEFAULT_ROWS;
    ly_status st = ly_store_span_newest(l->store, query, flat_row, l, &more, err);
    if (st == LY_OK && l->table != NULL) {
        ly_table_print(l->table);
    }
    if (st == LY_OK && more) {
        ly_cli_note(l->cli, "the newest %zu; -n N prints more, -n 0 all", l->shown);
    }
    return st;
}

/* ---- -f -------------------------------------------------------------------------------------- */

/* False when it was there. */
static bool add_printed(list *l, uint64_t id)
{
    size_t lo = 0, hi = l->n_printed;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->printed[mid] < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo < l->n_printed && l->printed[lo] == id) {
        return false;
    }
    if (ly_grow(&l->printed, &l->cap, l->n_printed + 1, LY_MIB(16), sizeof *l->printed)) {
        memmove(l->printed + lo + 1, l->printed + lo, (l->n_printed - lo) * sizeof *l->printed);
        l->printed[lo] = id;
        l->n_printed++;
    }
    return true;
}

/* A line for a span once it has ended. */
static ly_status ended_row(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    list *l = user;
    uint8_t both[24];
    memcpy(both, trace.b, 16);
    memcpy(both + 16, node->span_id.b, 8);
    if (node->flags & LY_SPAN_PENDING ||
        !add_printed(l, ly_str_hash(ly_str_n((const char *)both, sizeof both)))) {
        return LY_OK;
    }
    return flat_row(l, trace, node, err);
}

static ly_status follow_trace(list *l, ly_trace_id id, ly_err *err)
{
    ly_arena arena;
    ly_trace *t = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_store_trace_load(l->store, id, &arena, &t, err);
    for (size_t i = 0; st == LY_OK && i < t->n; i++) {
        st = ended_row(l, id, &t->nodes[i], err);
    }
    ly_arena_release(&arena);
    return st;
}

/* Of one trace all that it has and gets; else what comes in, and from --since on what is there. */
static ly_status follow(list *l, const ly_trace_id *only, ly_trace_query *query, ly_err *err)
{
    uint64_t last = UINT64_MAX;
    ly_store_news *news = NULL;
    ly_status st = only != NULL ? LY_OK : ly_store_news_new(l->store, &news, err);
    l->stream = l->flat = true;
    if (st == LY_OK && only == NULL && query->since_ns != INT64_MIN) {
        st = ly_store_span_scan(l->store, query, ended_row, l, err);
        (void)fflush(l->cli->out);
    }
    ly_follow_begin(l->cli, "spans to end");
    do {
        uint64_t count = last;
        st = st != LY_OK ? st : ly_store_change_count(l->store, &count, err);
        if (st == LY_OK && count != last) {
            last = count;
            st = only != NULL ? follow_trace(l, *only, err)
                              : ly_store_news_spans(news, query, ended_row, l, err);
        }
    } while (st == LY_OK && ly_follow_wait(l->cli));
    ly_store_news_free(news);
    return st;
}

/* The one argument that names a trace: @last, or only digits of an id. */
static bool names_trace(const ly_cli *cli)
{
    ly_str word = ly_str_c(cli->n_args == 1 ? cli->args[0] : "");
    bool hex = word.len >= 4 && word.len <= 32;
    for (size_t i = 0; hex && i < word.len; i++) {
        char c = (char)(word.ptr[i] | 32);
        hex = (word.ptr[i] >= '0' && word.ptr[i] <= '9') || (c >= 'a' && c <= 'f');
    }
    return hex || ly_str_starts(word, LY_S("@last"));
}

static int run_list(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    ly_trace_id id;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    list l = {.cli = cli};
    ly_json_csv_init(&l.csv);
    if (cli->follow && cli->n >= 0) {
        return ly_cli_usage(cli, "-n and -f exclude each other here; --since 10m -f prints the "
                                 "spans of the last ten minutes first");
    }
    bool timed = cli->since_ns != INT64_MIN || cli->until_ns != INT64_MAX;
    bool one = names_trace(cli) || (cli->n_args == 0 && !cli->follow && !timed);
    l.flat = !one;
    if (!one && !ly_cli_filter(cli, 0, &filter, &exit_code)) {
        goto out;
    }
    l.store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (l.store == NULL || (one && !ly_cli_trace(cli, l.store, cli->n_args ? cli->args[0] : "@last",
                                                 &id, &exit_code))) {
        goto out;
    }
    query.filter = filter != NULL && ly_filter_root(filter)->kind != LY_FILTER_ALL ? filter : NULL;
    query.since_ns = cli->since_ns;
    query.until_ns = cli->until_ns;
    query.any_origin = ly_cli_flag(cli, "all-origins");
    ly_status st;
    if (cli->follow) {
        st = follow(&l, one ? &id : NULL, &query, &err);
        exit_code = ly_follow_exit(cli);
    } else {
        st = one ? list_trace(&l, id, &err) : list_newest(&l, &query, &err);
        if (st == LY_OK && l.shown == 0) {
            ly_cli_note(cli, "no span matches %.*s",
                        LY_STR_ARG(filter != NULL ? ly_filter_text(filter) : LY_S("")));
            exit_code = cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE;
        }
    }
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
    }
out:
    ly_table_free(l.table);
    ly_free(l.printed);
    ly_json_csv_release(&l.csv);
    ly_filter_free(filter);
    ly_store_close(l.store);
    return exit_code;
}

/* ---- show ------------------------------------------------------------------------------------ */

static int run_show(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_trace_id in, trace;
    ly_span_id span;
    ly_buf out;
    int views =
        ly_cli_flag(cli, "raw") + ly_cli_flag(cli, "body") + ly_cli_flag(cli, "curl") + cli->json;
    if (views > 1) {
        return ly_cli_usage(cli, "--raw, --body, --curl and --json are four answers: ask for one");
    }
    ly_span_view view = ly_cli_flag(cli, "raw")    ? LY_SPAN_RAW
                        : ly_cli_flag(cli, "body") ? LY_SPAN_BODY
                        : ly_cli_flag(cli, "curl") ? LY_SPAN_CURL
                        : cli->json                ? LY_SPAN_JSON
                                                   : LY_SPAN_SUMMARY;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    const char *in_name = ly_cli_opt(cli, "trace");
    bool found = in_name == NULL || ly_cli_trace(cli, store, in_name, &in, &exit_code);
    ly_status st = LY_OK;
    if (found) {
        st = ly_store_span_find(store, ly_str_c(cli->args[0]), in_name != NULL ? &in : NULL, &trace,
                                &span, &err);
        if (st == LY_OK) {
            ly_print_opts how = ly_cli_print_opts(cli);
            st = ly_viewer_print_span(store, trace, span, view, &how, &out, &err);
        }
        exit_code = ly_cli_flush(cli, &out, st, &err);
    } else {
        ly_buf_release(&out);
    }
    ly_store_close(store);
    return exit_code;
}

static const ly_opt show_opts[] = {
    {"raw", 0, NULL, "the message as it came in, as OTLP/JSON", false},
    {"body", 0, NULL, "the messages and nothing else, whole", false},
    {"curl", 0, NULL,
     "the model request as a curl line, in its provider's form; the key is a variable", false},
    {"trace", 0, "TRACE", "look for the span in this trace", false},
};

static const ly_opt list_opts[] = {
    {"all-origins", 0, NULL, "spans of evaluations and judges too", false},
};

static const ly_verb verbs[] = {
    {"list", "[TRACE|FILTER]", 0, -1, "list the spans of a trace, or those that match a filter",
     "TRACE is an id, a unique prefix, @last or @last~N: its spans in tree order; without an "
     "argument "
     "those of the last trace. Anything else is a filter as of `lydite trace list`, asked of each "
     "span: "
     "the newest traces first, in each the span that started last.\n"
     "--json: one object a line with trace_id span_id parent_id name type start duration_ns "
     "ttft_ns status error_type error_message provider model agent tool tokens_in tokens_out "
     "tokens "
     "cache_read cache_write reasoning cost_usd prompt prompt_version finish_reason service "
     "dialect; unknown is null. --csv: the same fields. -f prints a line for each span when it has "
     "ended: "
     "of the trace, or of all that come in and match.",
     "lydite span list @last\nlydite span list 'type:tool status:error' -n 20\n"
     "lydite span list -f 'type:generation dur>2s'\nlydite span list 7f3a --json",
     LY_COMMON_READ | LY_COMMON_CSV | LY_COMMON_N | LY_COMMON_FOLLOW | LY_COMMON_TIME |
         LY_COMMON_FAIL_EMPTY,
     list_opts, LY_COUNT(list_opts), run_list},
    {"show", "SPAN", 1, 1, "show one span: numbers, messages, attributes, events, log records",
     "SPAN is an id, a unique prefix, @last or @last~N (by start, of the newest traces), or "
     "TRACE/SPAN. --json: the fields of `span list`, operation request_model response_model "
     "session "
     "user env release tags, system input output (messages: role, parts of kind text tool id "
     "arguments mime) arguments result query documents (id score content metadata) tools (name "
     "description parameters) attributes resource (each key and value).",
     "lydite span show @last\nlydite span show 91ac --body\nlydite span show 91ac --curl",
     LY_COMMON_READ, show_opts, LY_COUNT(show_opts), run_show},
};
const ly_cmd ly_cmd_span = {"span", "list and print spans", "Trace", verbs, LY_COUNT(verbs), false};
