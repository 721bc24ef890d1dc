/* `lydite span`: list the spans of a trace, show one. */
#include "base/mem.h"
#include "cli/reading.h"
#include "viewer/json.h"
#include "viewer/text.h"

/* ---- list ------------------------------------------------------------------------------------ */

static ly_status print_nodes(ly_cli *cli, const ly_trace *t, ly_err *err)
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
        ly_table_col(table, c, heads[c], number ? LY_RIGHT : LY_LEFT,
                     cli->tty && !cli->plain && (c == 2 || c == 9) ? 40 : 0);
    }
    for (size_t i = 0; i < t->n; i++) {
        const ly_node *n = &t->nodes[i];
        char hex[17];
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
        ly_text_status(n, cli->unicode, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
    }
    ly_table_print(table);
    ly_table_free(table);
    ly_buf_release(&cell);
    return LY_OK;
}

static int run_list(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_trace *t = NULL;
    ly_trace_id id;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    ly_arena_init(&arena, 0, 0);
    if (!ly_cli_trace(cli, store, cli->n_args ? cli->args[0] : "@last", &id, &exit_code)) {
        goto out;
    }
    ly_status st = ly_store_trace_load(store, id, &arena, &t, &err);
    if (st == LY_OK && !cli->json) {
        st = print_nodes(cli, t, &err);
    } else if (st == LY_OK) {
        for (size_t i = 0; i < t->n; i++) {
            ly_buf line;
            ly_jsonw w;
            ly_buf_init(&line, LY_MIB(4));
            ly_jsonw_init(&w, &line, 0);
            ly_jsonw_object(&w);
            ly_json_id(&w, "trace_id", id.b, 16);
            ly_json_node_members(&w, &t->nodes[i]);
            ly_jsonw_object_end(&w);
            ly_buf_char(&line, '\n');
            (void)fwrite(ly_buf_text(&line), 1, line.len, cli->out);
            ly_buf_release(&line);
        }
    }
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
    }
out:
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
     "unknown is null.",
     "lydite span list @last\nlydite span list 7f3a --json", LY_COMMON_READ, NULL, 0, run_list},
    {"show", "SPAN", 1, 1, "show one span: numbers, messages, attributes, events, log records",
     "SPAN is an id, a unique prefix, or TRACE/SPAN. --json: the fields of `span list` and system "
     "input output (messages: role, parts of kind text tool id arguments mime) arguments result "
     "query "
     "attributes resource (each key and value).",
     "lydite span show 91ac\nlydite span show 91ac --body\nlydite span show 91ac --curl",
     LY_COMMON_READ, show_opts, LY_COUNT(show_opts), run_show},
};
const ly_cmd ly_cmd_span = {"span", "list and print spans", "Trace", verbs, LY_COUNT(verbs), false};
