/* `lydite session`: list sessions, print one as a conversation. */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/follow.h"
#include "cli/json_csv.h"
#include "cli/reading.h"
#include "viewer/text.h"

#define DEFAULT_ROWS 50
#define PAGE_ROWS    1000

static ly_status print_rows(ly_cli *cli, const ly_session_row *rows, size_t n, bool heading,
                            ly_err *err)
{
    static const char *const heads[] = {"LAST",   "TRACES", "SPANS", "ERRORS",
                                        "TOKENS", "COST",   "USER",  "SESSION"};
    ly_table *table = ly_table_new(cli, LY_COUNT(heads));
    ly_buf cell;
    if (table == NULL) {
        return LY_NOMEM(err);
    }
    ly_buf_init(&cell, LY_KIB(8));
    for (size_t c = 0; c < LY_COUNT(heads); c++) {
        ly_table_col(table, c, heading ? heads[c] : "", c >= 1 && c <= 5 ? LY_RIGHT : LY_LEFT, 0);
    }
    for (size_t i = 0; i < n; i++) {
        const ly_session_row *r = &rows[i];
        ly_buf_reset(&cell);
        ly_text_time(r->last_ns, &cell);
        ly_buf_c(&cell, ly_text_future(r->last_ns, ly_wall_ns()));
        ly_table_cell(table, ly_buf_view(&cell));
        ly_table_cellf(table, "%lld", (long long)r->n_traces);
        ly_table_cellf(table, "%lld", (long long)r->n_spans);
        ly_table_cellf(table, "%lld", (long long)r->n_errors);
        ly_buf_reset(&cell);
        ly_viewer_count(r->tokens, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
        ly_buf_reset(&cell);
        ly_text_cost(r->cost_pico, r->cost_partial, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
        ly_buf_reset(&cell);
        ly_text_one_of(r->user, r->n_users, cli->unicode, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
        ly_table_cell(table, r->session);
    }
    ly_table_print(table);
    ly_table_free(table);
    ly_buf_release(&cell);
    return LY_OK;
}

/* --json and --csv. */
static ly_status print_machine(ly_cli *cli, ly_json_csv *csv, const ly_session_row *rows, size_t n,
                               ly_err *err)
{
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    for (size_t i = 0; i < n; i++) {
        ly_viewer_json_session(&rows[i], &out);
    }
    ly_status st = ly_buf_status(&out, "the sessions", err);
    if (st == LY_OK && cli->csv) {
        st = ly_json_csv_put(csv, cli, ly_buf_view(&out), err);
    } else if (st == LY_OK) {
        (void)fwrite(ly_buf_text(&out), 1, out.len, cli->out);
    }
    ly_buf_release(&out);
    return st;
}

static ly_status print(ly_cli *cli, ly_json_csv *csv, const ly_session_row *rows, size_t n,
                       bool heading, ly_err *err)
{
    if (cli->json || cli->csv) {
        return print_machine(cli, csv, rows, n, err);
    }
    return n > 0 ? print_rows(cli, rows, n, heading, err) : LY_OK;
}

/* ---- -f -------------------------------------------------------------------------------------- */

#define MAX_KNOWN 1024 /* sessions looked at; those with the latest activity */

typedef struct known {
    uint64_t session; /* hash of the id */
    int64_t n_spans;
} known;

static bool has_grown(const known *seen, size_t n, const ly_session_row *r)
{
    uint64_t hash = ly_str_hash(r->session);
    for (size_t i = 0; i < n; i++) {
        if (seen[i].session == hash) {
            return seen[i].n_spans != r->n_spans;
        }
    }
    return true;
}

/* A line for a session each time it has grown; of the sessions as they were at the start those that --since
 * or -n ask for. */
static ly_status follow(ly_cli *cli, ly_store *store, ly_trace_query *query, ly_json_csv *csv,
                        ly_arena *arena, ly_err *err)
{
    ly_status st = LY_OK;
    uint64_t last = UINT64_MAX;
    size_t older = cli->n >= 0 ? (size_t)cli->n : cli->since_ns != INT64_MIN ? MAX_KNOWN : 0;
    bool first = true;
    size_t n_seen = 0;
    known *seen = ly_calloc(MAX_KNOWN, sizeof *seen);
    if (seen == NULL) {
        return LY_NOMEM(err);
    }
    ly_follow_begin(cli, "sessions to grow");
    do {
        uint64_t count = last;
        ly_session_row *rows = NULL;
        ly_store_key key = {0};
        size_t n = 0;
        st = ly_store_change_count(store, &count, err);
        if (st == LY_OK && count != last) {
            last = count;
            ly_arena_reset(arena);
            query->limit = MAX_KNOWN;
            st = ly_store_session_search(store, query, &key, arena, &rows, &n, err);
        }
        for (size_t i = n; st == LY_OK && i-- > 0;) {
            if (first ? i < older : has_grown(seen, n_seen, &rows[i])) {
                st = print(cli, csv, &rows[i], 1, false, err);
            }
        }
        for (size_t i = 0; i < n; i++) {
            seen[i] = (known){ly_str_hash(rows[i].session), rows[i].n_spans};
            n_seen = n;
        }
        first = false;
    } while (st == LY_OK && ly_follow_wait(cli));
    ly_free(seen);
    return st;
}

/* Pages of sessions up to -n. */
static ly_status list(ly_cli *cli, ly_store *store, ly_trace_query *query, ly_json_csv *csv,
                      ly_arena *arena, size_t *ret_n, ly_err *err)
{
    size_t most = cli->n >= 0 ? (size_t)cli->n : DEFAULT_ROWS, left = most, n = 1;
    ly_store_key key = {0};
    ly_status st = LY_OK;
    bool more = false;
    while (st == LY_OK && n > 0 && left > 0 && !ly_cli_interrupted()) {
        ly_session_row *rows = NULL;
        ly_arena_reset(arena);
        query->limit = left < PAGE_ROWS ? left + 1 : PAGE_ROWS;
        st = ly_store_session_search(store, query, &key, arena, &rows, &n, err);
        more = st == LY_OK && n > left;
        n = more ? left : n;
        if (st == LY_OK) {
            st = print(cli, csv, rows, n, left == most, err);
        }
        left -= st == LY_OK ? n : 0;
    }
    *ret_n = most - left;
    if (st == LY_OK && more) {
        ly_cli_note(cli, "the latest %zu; -n N prints more, -n 0 all", *ret_n);
    }
    return st;
}

static int run_list(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    size_t n = 0;
    ly_json_csv csv;
    ly_filter *filter = NULL;
    ly_store *store = NULL;
    ly_json_csv_init(&csv);
    ly_arena_init(&arena, 0, 0);
    if (!ly_cli_filter(cli, 0, &filter, &exit_code)) {
        goto out;
    }
    store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        goto out;
    }
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.filter = ly_filter_root(filter)->kind == LY_FILTER_ALL ? NULL : filter;
    query.since_ns = cli->since_ns;
    query.until_ns = cli->until_ns;
    ly_status st;
    if (cli->follow) {
        st = follow(cli, store, &query, &csv, &arena, &err);
        exit_code = st != LY_OK ? ly_cli_fail(cli, &err) : ly_follow_exit(cli);
        goto out;
    }
    st = list(cli, store, &query, &csv, &arena, &n, &err);
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
    } else if (n == 0) {
        if (query.filter != NULL) {
            ly_cli_note(cli, "no session has a trace that matches %.*s",
                        LY_STR_ARG(ly_filter_text(filter)));
        } else {
            ly_cli_note(cli,
                        cli->since_ns != INT64_MIN || cli->until_ns != INT64_MAX
                            ? "no sessions in that time"
                            : "no sessions: no span carries a session id; lydite connect CLIENT "
                              "tells how to set it");
        }
        exit_code = cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE;
    }
out:
    ly_json_csv_release(&csv);
    ly_arena_release(&arena);
    ly_filter_free(filter);
    ly_store_close(store);
    return exit_code;
}

static int run_show(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_buf out;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_status st;
    if (cli->json) {
        ly_arena arena;
        ly_session_row row;
        ly_trace_row *traces = NULL;
        size_t n = 0;
        ly_arena_init(&arena, 0, 0);
        st = ly_store_session_load(store, ly_str_c(cli->args[0]), 10000, &arena, &row, &traces, &n,
                                   &err);
        for (size_t i = 0; st == LY_OK && i < n; i++) {
            ly_viewer_json_row(&traces[i], &out);
        }
        ly_arena_release(&arena);
    } else {
        ly_print_opts how = ly_cli_print_opts(cli);
        st = ly_viewer_print_session(store, ly_str_c(cli->args[0]), &how, &out, &err);
    }
    exit_code = ly_cli_flush(cli, &out, st, &err);
    ly_store_close(store);
    return exit_code;
}

static const ly_verb verbs[] = {
    {"list", "[FILTER]", 0, -1, "list sessions, latest activity first",
     "With a filter (as of `lydite trace list`) those of which some trace matches. --json: one "
     "object a line with session first last traces spans errors generations tokens_in "
     "tokens_out tokens cost_usd cost_partial (a call has no price: cost_usd, and \">\" in the "
     "table, is a lower bound) user users (how many; the table has \"ann +1\") service services "
     "model models (of traces); unknown is null. --csv: the same fields. -f "
     "prints a line for a "
     "session each time it has grown, and first for as many as -n says or all from --since on.",
     "lydite session list -n 20\nlydite session list --since 1d --json\nlydite session list "
     "'status:error'",
     LY_COMMON_READ | LY_COMMON_CSV | LY_COMMON_N | LY_COMMON_FOLLOW | LY_COMMON_TIME |
         LY_COMMON_FAIL_EMPTY,
     NULL, 0, run_list},
    {"show", "SESSION", 1, 1, "print a session as a conversation over its traces",
     "SESSION is an id, a unique prefix, @last or @last~N. --json prints its traces, oldest first, "
     "with the fields "
     "of "
     "`trace list --json`.",
     "lydite session show @last\nlydite session show s-17 --json", LY_COMMON_READ, NULL, 0,
     run_show},
};
const ly_cmd ly_cmd_session = {
    "session", "conversations: traces of one session id", "Trace", verbs, LY_COUNT(verbs), false};
