/* `lydite span`: list the spans of a trace, show one. */
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/json_csv.h"
#include "cli/reading.h"
#include "viewer/json.h"
#include "viewer/text.h"

/* ---- list ------------------------------------------------------------------------------------ */

/* only: a flag a node, NULL = all. */
static ly_status print_nodes(ly_cli *cli, const ly_trace *t, const uint8_t *only, bool heading,
                             ly_err *err)
{
    static const char *const heads[] = {"SPAN", "TYPE", "NAME", "START", "DUR",
                                        "TTFT", "IN",   "OUT",  "COST",  "STATUS"};
    ly_table *table = ly_table_new(cli, LY_COUNT(heads));
    ly_buf cell;
    if (table == NULL) {
        return LY_NOMEM(err);
    }
    ly_buf_init(&cell, LY_KIB(64));
    for (size_t c = 0; c < LY_COUNT(heads); c++) {
        bool number = c >= 3 && c <= 8;
        ly_table_col(table, c, heading ? heads[c] : "", number ? LY_RIGHT : LY_LEFT,
                     cli->tty && !cli->plain && (c == 2 || c == 9) ? 40 : 0);
    }
    for (size_t i = 0; i < t->n; i++) {
        const ly_node *n = &t->nodes[i];
        char hex[17];
        if (only != NULL && !only[i]) {
            continue;
        }
        ly_hex_encode(n->span_id.b, 8, hex);
        ly_table_cell(table, ly_str_c(hex));
        ly_table_cell(table, ly_str_c(ly_type_name(n->canon.type)));
        ly_table_cell(table, n->name);
        int64_t numbers[] = {n->start_ns - t->row.start_ns,
                             n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns,
                             n->canon.ttft_ns};
        for (size_t k = 0; k < LY_COUNT(numbers); k++) {
            ly_buf_reset(&cell);
            ly_viewer_duration(numbers[k], &cell);
            ly_table_cell(table, ly_buf_view(&cell));
        }
        int64_t counts[] = {ly_tokens_in(&n->canon.tokens), ly_tokens_out(&n->canon.tokens)};
        for (size_t k = 0; k < LY_COUNT(counts); k++) {
            ly_buf_reset(&cell);
            ly_viewer_count(counts[k], &cell);
            ly_table_cell(table, ly_buf_view(&cell));
        }
        ly_buf_reset(&cell);
        ly_viewer_money(n->canon.client_cost_pico != LY_UNKNOWN ? n->canon.client_cost_pico
                                                                : n->priced.amount_pico,
                        &cell);
        ly_table_cell(table, ly_buf_view(&cell));
        ly_buf_reset(&cell);
        ly_text_status(n, ly_viewer_lost(n, &t->row, ly_wall_ns()), cli->unicode, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
    }
    ly_table_print(table);
    ly_table_free(table);
    ly_buf_release(&cell);
    return LY_OK;
}

/* --json and --csv. */
static ly_status machine_nodes(ly_cli *cli, ly_json_csv *csv, const ly_trace *t,
                               const uint8_t *only, ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t i = 0; st == LY_OK && i < t->n; i++) {
        ly_buf line;
        ly_jsonw w;
        if (only != NULL && !only[i]) {
            continue;
        }
        ly_buf_init(&line, LY_MIB(4));
        ly_jsonw_init(&w, &line, 0);
        ly_jsonw_object(&w);
        ly_json_id(&w, "trace_id", t->row.trace_id.b, 16);
        ly_json_node_members(&w, &t->nodes[i], ly_viewer_lost(&t->nodes[i], &t->row, ly_wall_ns()));
        ly_jsonw_object_end(&w);
        ly_buf_char(&line, '\n');
        if (cli->csv) {
            st = ly_json_csv_put(csv, cli, ly_buf_view(&line), err);
        } else {
            (void)fwrite(ly_buf_text(&line), 1, line.len, cli->out);
        }
        ly_buf_release(&line);
    }
    return st;
}

static ly_status print(ly_cli *cli, ly_json_csv *csv, const ly_trace *t, const uint8_t *only,
                       bool heading, ly_err *err)
{
    return cli->json || cli->csv ? machine_nodes(cli, csv, t, only, err)
                                 : print_nodes(cli, t, only, heading, err);
}

/* ---- -f -------------------------------------------------------------------------------------- */

#define POLL_MS 250

/* The ids of the spans that were printed, sorted. */
typedef struct printed {
    uint64_t *ids;
    size_t n, cap;
} printed;

static bool add_id(printed *p, uint64_t id)
{
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->ids[mid] < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if ((lo < p->n && p->ids[lo] == id) ||
        !ly_grow(&p->ids, &p->cap, p->n + 1, LY_MIB(4), sizeof *p->ids)) {
        return false;
    }
    memmove(p->ids + lo + 1, p->ids + lo, (p->n - lo) * sizeof *p->ids);
    p->ids[lo] = id;
    p->n++;
    return true;
}

/* A line for each span of the trace once it has ended, in tree order within what came together. */
static ly_status follow(ly_cli *cli, ly_store *store, ly_trace_id id, ly_json_csv *csv,
                        ly_arena *arena, ly_err *err)
{
    ly_status st = LY_OK;
    uint64_t last = UINT64_MAX;
    printed p = {0};
    while (st == LY_OK && !ly_cli_interrupted()) {
        uint64_t count = last;
        st = ly_store_change_count(store, &count, err);
        if (st == LY_OK && count != last) {
            ly_trace *t = NULL;
            last = count;
            ly_arena_reset(arena);
            st = ly_store_trace_load(store, id, arena, &t, err);
            uint8_t *only = st == LY_OK ? LY_ARENA_ARRAY(arena, uint8_t, t->n + 1) : NULL;
            for (size_t i = 0; only != NULL && i < t->n; i++) {
                only[i] = !(t->nodes[i].flags & LY_SPAN_PENDING) &&
                          add_id(&p, ly_str_hash(ly_str_n((const char *)t->nodes[i].span_id.b, 8)));
            }
            if (only != NULL) {
                st = print(cli, csv, t, only, false, err);
                (void)fflush(cli->out);
            }
        }
        struct timespec pause = {0, POLL_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    ly_free(p.ids);
    return st;
}

static int run_list(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_trace *t = NULL;
    ly_trace_id id;
    ly_json_csv csv;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    ly_json_csv_init(&csv);
    ly_arena_init(&arena, 0, 0);
    if (!ly_cli_trace(cli, store, cli->n_args ? cli->args[0] : "@last", &id, &exit_code)) {
        goto out;
    }
    ly_status st;
    if (cli->follow) {
        st = follow(cli, store, id, &csv, &arena, &err);
        exit_code = ly_cli_signal_exit();
    } else {
        st = ly_store_trace_load(store, id, &arena, &t, &err);
        if (st == LY_OK) {
            st = print(cli, &csv, t, NULL, true, &err);
        }
    }
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
    }
out:
    ly_json_csv_release(&csv);
    ly_arena_release(&arena);
    ly_store_close(store);
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
    {"curl", 0, NULL, "the model request as a curl line; the key is $OPENAI_API_KEY", false},
    {"trace", 0, "TRACE", "look for the span in this trace", false},
};

static const ly_verb verbs[] = {
    {"list", "[TRACE]", 0, 1, "list the spans of a trace in tree order",
     "--json: one object a line with trace_id span_id parent_id name type start duration_ns "
     "ttft_ns "
     "status error_type error_message provider model agent tool tokens_in tokens_out tokens "
     "cache_read cache_write reasoning cost_usd prompt prompt_version finish_reason service "
     "dialect; "
     "unknown is null. --csv: the same fields. -f prints a line for each span of the trace when it "
     "has ended.",
     "lydite span list @last\nlydite span list 7f3a --json\nlydite span list -f @last",
     LY_COMMON_READ | LY_COMMON_CSV | LY_COMMON_FOLLOW, NULL, 0, run_list},
    {"show", "SPAN", 1, 1, "show one span: numbers, messages, attributes, events, log records",
     "SPAN is an id, a unique prefix, or TRACE/SPAN. --json: the fields of `span list` and system "
     "input output (messages: role, parts of kind text tool id arguments mime) arguments result "
     "query "
     "attributes resource (each key and value).",
     "lydite span show 91ac\nlydite span show 91ac --body\nlydite span show 91ac --curl",
     LY_COMMON_READ, show_opts, LY_COUNT(show_opts), run_show},
};
const ly_cmd ly_cmd_span = {"span", "list and print spans", "Trace", verbs, LY_COUNT(verbs), false};
