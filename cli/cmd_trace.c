/* `lydite trace`: list, show and pin; the other verbs stand in trace_*.c. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/follow.h"
#include "cli/json_csv.h"
#include "cli/reading.h"
#include "cli/trace_verbs.h"
#include "viewer/text.h"

#define DEFAULT_ROWS 50
#define PAGE_ROWS    500

/* ---- list ------------------------------------------------------------------------------------ */

typedef struct list {
    ly_cli *cli;
    ly_table *table;
    ly_buf json;
    ly_json_csv csv;
    int64_t left, shown, now_ns;
    size_t n_cols;
    bool more;     /* than were asked for */
    int64_t ahead; /* printed ones from the future */
} list;

static void duration_cell(ly_table *table, int64_t ns, ly_buf *cell)
{
    ly_buf_reset(cell);
    ly_viewer_duration(ns, cell);
    ly_table_cell(table, ly_buf_view(cell));
}

/* On a screen of 80 columns the name is worth more than the date, the id's tail and two counts. */
static bool narrow(const list *l)
{
    return l->cli->tty && !l->cli->plain && l->cli->width < 112;
}

static void add_table_row(list *l, const ly_trace_row *r)
{
    ly_buf cell;
    char hex[33];
    ly_buf_init(&cell, LY_KIB(8));
    if (narrow(l)) {
        ly_text_clock(r->start_ns, l->now_ns, &cell);
    } else {
        ly_text_time(r->start_ns, &cell);
    }
    ly_table_cell(l->table, ly_buf_view(&cell));
    ly_table_cell(l->table, r->name.len                   ? r->name
                            : r->flags & LY_TRACE_NO_ROOT ? LY_S("(root not received)")
                                                          : LY_S("(no name)"));
    ly_table_cellf(l->table, "%lld", (long long)r->n_spans);
    if (!narrow(l)) {
        ly_table_cellf(l->table, "%lld", (long long)r->n_generations);
        ly_table_cellf(l->table, "%lld", (long long)r->n_tools);
    }
    ly_buf_reset(&cell);
    ly_viewer_count(ly_tokens_total(&r->tokens), &cell);
    ly_table_cell(l->table, ly_buf_view(&cell));
    ly_buf_reset(&cell);
    ly_text_cost(r->cost_pico, r->flags & LY_TRACE_PARTIAL_COST, &cell);
    ly_table_cell(l->table, ly_buf_view(&cell));
    duration_cell(l->table, r->end_ns == LY_UNKNOWN ? LY_UNKNOWN : r->end_ns - r->start_ns, &cell);
    ly_buf_reset(&cell);
    ly_buf_c(&cell, ly_viewer_trace_state(r, l->now_ns));
    bool failed = r->flags & LY_TRACE_ERROR;
    if (r->n_errors > (failed ? 1 : 0)) {
        ly_buf_fmt(&cell, " E%lld", (long long)r->n_errors);
    }
    const char *future = ly_text_future(r->start_ns, l->now_ns);
    ly_buf_c(&cell, future);
    l->ahead += future[0] != '\0';
    ly_table_cell(l->table, ly_buf_view(&cell));
    ly_hex_encode(r->trace_id.b, 16, hex);
    ly_table_cell(l->table, ly_str_n(hex, narrow(l) ? 8 : 32));
    ly_buf_release(&cell);
}

static bool new_table(list *l)
{
    static const struct {
        const char *head;
        ly_align align;
        int max;
        bool wide; /* only where there is room */
    } cols[] = {{"START", LY_LEFT, 0, false},  {"NAME", LY_LEFT, 48, false},
                {"SPANS", LY_RIGHT, 0, false}, {"GEN", LY_RIGHT, 0, true},
                {"TOOL", LY_RIGHT, 0, true},   {"TOKENS", LY_RIGHT, 0, false},
                {"COST", LY_RIGHT, 0, false},  {"DUR", LY_RIGHT, 0, false},
                {"STATE", LY_LEFT, 0, false},  {"TRACE", LY_LEFT, 0, false}};
    size_t n = 0;
    l->n_cols = LY_COUNT(cols) - (narrow(l) ? 2 : 0);
    l->table = ly_table_new(l->cli, l->n_cols);
    for (size_t c = 0; l->table != NULL && c < LY_COUNT(cols); c++) {
        if (!(cols[c].wide && narrow(l))) {
            ly_table_col(l->table, n++, cols[c].head, cols[c].align,
                         l->cli->tty && !l->cli->plain ? cols[c].max : 0);
        }
    }
    return l->table != NULL;
}

/* --json and --csv. */
static ly_status machine_line(list *l, const ly_trace_row *r, ly_err *err)
{
    ly_status st = LY_OK;
    ly_viewer_json_row(r, &l->json);
    if (l->cli->csv) {
        st = ly_json_csv_put(&l->csv, l->cli, ly_buf_view(&l->json), err);
    } else {
        (void)fwrite(ly_buf_text(&l->json), 1, l->json.len, l->cli->out);
    }
    ly_buf_reset(&l->json);
    return st;
}

static ly_status list_pages(list *l, ly_store *store, ly_trace_query *query, ly_err *err)
{
    ly_arena arena;
    bool more = true;
    ly_status st = LY_OK;
    ly_arena_init(&arena, 0, 0);
    while (st == LY_OK && more && l->left > 0 && !ly_cli_interrupted()) {
        ly_trace_row *rows = NULL;
        size_t n = 0;
        query->limit = l->left < PAGE_ROWS ? (size_t)l->left : PAGE_ROWS;
        ly_arena_reset(&arena);
        st = ly_store_trace_page(store, query, &arena, &rows, &n, &query->after, &more, err);
        for (size_t i = 0; st == LY_OK && i < n; i++) {
            if (l->cli->json || l->cli->csv) {
                st = machine_line(l, &rows[i], err);
            } else {
                add_table_row(l, &rows[i]);
            }
            l->shown++;
            l->left--;
        }
    }
    l->more = more;
    ly_arena_release(&arena);
    return st;
}

/* ---- -f -------------------------------------------------------------------------------------- */

#define SEEN_SLOTS 8192

typedef struct follower {
    list *l;
    ly_store *store;
    ly_trace_query query;
    ly_trace_id seen[SEEN_SLOTS]; /* printed already; the oldest is overwritten */
    size_t n_seen;
    ly_trace_id *watch; /* something came in for them; not over yet */
    size_t n_watch, cap;
} follower;

static bool is_there(const ly_trace_id *ids, size_t n, ly_trace_id id)
{
    for (size_t i = 0; i < n; i++) {
        if (ly_trace_id_eq(ids[i], id)) {
            return true;
        }
    }
    return false;
}

static bool was_seen(const follower *f, ly_trace_id id)
{
    return is_there(f->seen, f->n_seen < SEEN_SLOTS ? f->n_seen : SEEN_SLOTS, id);
}

static ly_status watch(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    follower *f = user;
    (void)node;
    /* Spans of a trace come one after another. */
    bool again = f->n_watch > 0 && ly_trace_id_eq(f->watch[f->n_watch - 1], trace);
    if (again || is_there(f->watch, f->n_watch, trace)) {
        return LY_OK;
    }
    if (!ly_grow(&f->watch, &f->cap, f->n_watch + 1, LY_MIB(1), sizeof *f->watch)) {
        return LY_NOMEM(err);
    }
    f->watch[f->n_watch++] = trace;
    return LY_OK;
}

static ly_status follow_line(list *l, const ly_trace_row *r, ly_err *err)
{
    ly_status st = LY_OK;
    if (l->cli->json || l->cli->csv) {
        st = machine_line(l, r, err);
    } else if (new_table(l)) {
        add_table_row(l, r);
        /* One line, no heading: a stream is not a table. */
        for (size_t c = 0; c < l->n_cols; c++) {
            ly_table_col(l->table, c, "", LY_LEFT, 0);
        }
        ly_table_print(l->table);
        ly_table_free(l->table);
        l->table = NULL;
    }
    (void)fflush(l->cli->out);
    return st;
}

static bool is_over(const ly_trace_row *r, int64_t now_ns)
{
    const char *state = ly_viewer_trace_state(r, now_ns);
    return strcmp(state, "live") != 0 && strcmp(state, "quiet") != 0;
}

/* Prints what is over and matches; what is over is watched no more. */
static ly_status look(follower *f, ly_err *err)
{
    ly_arena arena;
    ly_status st = LY_OK;
    size_t kept = 0;
    ly_arena_init(&arena, 0, 0);
    for (size_t i = 0; i < f->n_watch; i++) {
        ly_trace_row about, *row = NULL;
        size_t n = 0;
        ly_arena_reset(&arena);
        st = st != LY_OK ? st : ly_store_trace_row(f->store, f->watch[i], &arena, &about, err);
        if (st == LY_E_NOTFOUND) {
            st = LY_OK; /* forgotten meanwhile */
            continue;
        }
        if (st != LY_OK || !is_over(&about, f->l->now_ns)) {
            f->watch[kept++] = f->watch[i];
            continue;
        }
        f->query.only = &f->watch[i];
        f->query.limit = 1;
        st = ly_store_trace_page(f->store, &f->query, &arena, &row, &n, NULL, NULL, err);
        if (st == LY_OK && n == 1 && !was_seen(f, row->trace_id)) {
            f->seen[f->n_seen++ % SEEN_SLOTS] = row->trace_id;
            st = follow_line(f->l, row, err);
        }
    }
    f->n_watch = kept;
    ly_arena_release(&arena);
    return st;
}

static ly_status print_or_watch(follower *f, const ly_trace_row *row, ly_err *err)
{
    if (!is_over(row, f->l->now_ns)) {
        return watch(f, row->trace_id, NULL, err);
    }
    f->seen[f->n_seen++ % SEEN_SLOTS] = row->trace_id;
    return follow_line(f->l, row, err);
}

/* The newest -n that are there, the last of them at the end, as `tail -n N -f` has it. */
static ly_status newest_first(follower *f, ly_err *err)
{
    ly_arena arena;
    ly_trace_query query = f->query;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    query.limit = f->l->cli->n < SEEN_SLOTS ? (size_t)f->l->cli->n : SEEN_SLOTS;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_store_trace_page(f->store, &query, &arena, &rows, &n, NULL, NULL, err);
    while (st == LY_OK && n-- > 0) {
        st = print_or_watch(f, &rows[n], err);
    }
    ly_arena_release(&arena);
    return st;
}

/* What is there from --since on; oldest first. */
static ly_status watch_older(follower *f, ly_err *err)
{
    ly_arena arena;
    bool more = true;
    ly_status st = LY_OK;
    ly_trace_query query = f->query;
    query.oldest_first = true;
    query.limit = PAGE_ROWS;
    ly_arena_init(&arena, 0, 0);
    while (st == LY_OK && more && !ly_cli_interrupted()) {
        ly_trace_row *rows = NULL;
        size_t n = 0;
        ly_arena_reset(&arena);
        st = ly_store_trace_page(f->store, &query, &arena, &rows, &n, &query.after, &more, err);
        for (size_t i = 0; st == LY_OK && i < n; i++) {
            st = print_or_watch(f, &rows[i], err);
        }
    }
    ly_arena_release(&arena);
    return st;
}

/* One line per trace once it is over; polls the number of commits, so an idle file costs nothing. */
static ly_status follow(list *l, ly_store *store, const ly_trace_query *query, ly_err *err)
{
    ly_store_news *news = NULL;
    ly_trace_query all = LY_TRACE_QUERY_INIT;
    uint64_t last = UINT64_MAX;
    follower *f = ly_calloc(1, sizeof *f);
    if (f == NULL) {
        return LY_NOMEM(err);
    }
    f->l = l;
    f->store = store;
    f->query = *query;
    all.any_origin = true;
    ly_status st = ly_store_news_new(store, &news, err);
    if (st == LY_OK && l->cli->n > 0) {
        st = newest_first(f, err);
    } else if (st == LY_OK && query->since_ns != INT64_MIN) {
        st = watch_older(f, err);
    }
    ly_follow_begin(l->cli, "traces to end");
    do {
        uint64_t count = last;
        st = st != LY_OK ? st : ly_store_change_count(store, &count, err);
        if (st == LY_OK && count != last) {
            last = count;
            st = ly_store_news_spans(news, &all, watch, f, err);
        }
        l->now_ns = ly_wall_ns();
        if (st == LY_OK) {
            st = look(f, err);
        }
    } while (st == LY_OK && ly_follow_wait(l->cli));
    ly_store_news_free(news);
    ly_free(f->watch);
    ly_free(f);
    return st;
}

int ly_trace_run_list(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    ly_store *store = NULL;
    list l = {.cli = cli, .left = cli->n >= 0 ? cli->n : DEFAULT_ROWS, .now_ns = ly_wall_ns()};
    ly_buf_init(&l.json, LY_MIB(4));
    ly_json_csv_init(&l.csv);
    if (!ly_cli_filter(cli, 0, &filter, &exit_code)) {
        goto out;
    }
    const char *save = ly_cli_opt(cli, "save");
    if (save != NULL && ly_cli_save_filter(ly_str_c(save), ly_filter_text(filter), &err) != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
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
    query.any_origin = ly_cli_flag(cli, "all-origins");
    ly_status st;
    if (cli->follow) {
        st = follow(&l, store, &query, &err);
        exit_code = st != LY_OK ? ly_cli_fail(cli, &err) : ly_follow_exit(cli);
        goto out;
    }
    if (!cli->json && !cli->csv && !new_table(&l)) {
        exit_code = LY_EXIT_INPUT;
        goto out;
    }
    st = list_pages(&l, store, &query, &err);
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    if (l.table != NULL && l.shown > 0) {
        ly_table_print(l.table);
    }
    if (l.more && l.shown > 0 && !ly_cli_interrupted()) {
        ly_cli_note(cli, "the newest %lld; -n N prints more, -n 0 all", (long long)l.shown);
    }
    if (l.ahead > 0) {
        ly_cli_note(cli,
                    "%lld start%s in the future: the clock of the sender is ahead, so %s where "
                    "%s arrived",
                    (long long)l.ahead, l.ahead == 1 ? "s" : "",
                    l.ahead == 1 ? "it stands" : "they stand", l.ahead == 1 ? "it" : "they");
    }
    if (l.shown == 0) {
        ly_str text = ly_filter_text(filter);
        if (query.filter != NULL) {
            ly_cli_note(cli, "no trace matches %.*s", LY_STR_ARG(text));
        } else {
            bool timed = cli->since_ns != INT64_MIN || cli->until_ns != INT64_MAX;
            ly_cli_note(cli, timed ? "no traces in that time"
                                   : "no traces yet; lydite run -- COMMAND records one, lydite "
                                     "connect CLIENT prints what to set");
        }
        exit_code = cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE;
    }
out:
    ly_table_free(l.table);
    ly_buf_release(&l.json);
    ly_json_csv_release(&l.csv);
    ly_filter_free(filter);
    ly_store_close(store);
    return exit_code;
}

/* ---- show ------------------------------------------------------------------------------------ */

static int write_html(ly_cli *cli, const char *path, ly_buf *out)
{
    FILE *f = strcmp(path, "-") == 0 ? cli->out : fopen(path, "we");
    if (f == NULL) {
        ly_err err = LY_ERR_INIT;
        (void)LY_FAIL(&err, LY_E_IO, "%s: cannot be written", path);
        return ly_cli_fail(cli, &err);
    }
    bool ok = fwrite(ly_buf_text(out), 1, out->len, f) == out->len;
    if (f != cli->out) {
        ok = fclose(f) == 0 && ok;
    }
    if (!ok) {
        ly_err err = LY_ERR_INIT;
        (void)LY_FAIL(&err, LY_E_IO, "%s: %s", path, strerror(errno));
        return ly_cli_fail(cli, &err);
    }
    return LY_EXIT_DONE;
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
    ly_trace_id id;
    const char *html = ly_cli_opt(cli, "html");
    if (!ly_cli_trace(cli, store, cli->n_args ? cli->args[0] : "@last", &id, &exit_code)) {
        ly_buf_release(&out);
        ly_store_close(store);
        return exit_code;
    }
    ly_status st;
    if (html != NULL) {
        st = ly_viewer_html_trace(store, id, &out, &err);
        if (st == LY_OK) {
            exit_code = write_html(cli, html, &out);
            ly_buf_release(&out);
            ly_store_close(store);
            return exit_code;
        }
    } else if (cli->json) {
        st = ly_viewer_json_trace(store, id, &out, &err);
    } else {
        ly_print_opts how = ly_cli_print_opts(cli);
        how.all = ly_cli_flag(cli, "all");
        st = ly_viewer_print_trace(store, id, &how, &out, &err);
    }
    exit_code = ly_cli_flush(cli, &out, st, &err);
    ly_store_close(store);
    return exit_code;
}

/* ---- pin ------------------------------------------------------------------------------------- */

static int run_pin(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_store *store = ly_cli_store(cli, LY_STORE_WRITER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    bool pin = !ly_cli_flag(cli, "undo");
    for (int i = 0; i < cli->n_args && exit_code == LY_EXIT_DONE; i++) {
        ly_trace_id id;
        char hex[33];
        if (!ly_cli_trace(cli, store, cli->args[i], &id, &exit_code)) {
            break;
        }
        if (ly_store_pin(store, id, pin, &err) != LY_OK) {
            exit_code = ly_cli_fail(cli, &err);
            break;
        }
        ly_hex_encode(id.b, 16, hex);
        if (cli->json) {
            ly_answer a;
            ly_answer_begin(&a, cli);
            ly_jsonw_kv_c(&a.w, "trace_id", hex);
            ly_jsonw_kv_bool(&a.w, "pinned", pin);
            exit_code = ly_answer_end(&a);
        } else {
            ly_cli_note(cli, "%s %s", pin ? "pinned" : "unpinned", hex);
        }
    }
    ly_store_close(store);
    return exit_code;
}

static const ly_opt list_opts[] = {
    {"save", 0, "NAME", "keep the filter; filter:NAME uses it", false},
    {"all-origins", 0, NULL, "traces of evaluations and judges too", false},
};
static const ly_opt show_opts[] = {
    {"all", 0, NULL, "every span: http, db and other spans are not folded", false},
    {"html", 0, "FILE", "write one self-contained page (tree, waterfall, messages); - = output",
     false},
};
static const ly_opt pin_opts[] = {
    {"undo", 0, NULL, "let retention remove it again", false},
};

static const ly_opt stats_opts[] = {
    {"by", 0, "KEYS",
     "model service prompt env day type tool agent provider name user session release", false},
    {"fail-if", 0, "CONDITION", "exit 1 when a group has such a figure", true},
    {"all-origins", 0, NULL, "traces of evaluations and judges too", false},
};
static const ly_opt diff_opts[] = {
    {"all", 0, NULL, "every span, http and db too", false},
    {"fail-if-different", 0, NULL, "exit 1 when the steps are not the same", false},
};
static const ly_opt import_opts[] = {
    {"key", 0, "NAME", "price as calls that came in with this access key", false},
};
static const ly_opt export_opts[] = {
    {"proto", 0, NULL, "protobuf instead of JSON Lines", false},
    {"logs", 0, NULL, "the log records alone", false},
    {"all-origins", 0, NULL, "traces of evaluations and judges too", false},
};
static const ly_opt rm_opts[] = {
    {"all-origins", 0, NULL, "traces of evaluations and judges too", false},
};

#define FILTER_HELP                                                                             \
    "A filter is words and keys, all of which must match one span of the trace: "               \
    "type:tool|retrieval status:error model:gpt-4o* provider: tool: agent: service: session: "  \
    "user: env: release: tag: origin: prompt:NAME@VERSION dur>2s ttft>1s tokens>10k cost>0.05 " \
    "err>0 age<1h since:2h time:2026-11-20..2026-11-21 (both days; --until D ends before D) "   \
    "score.NAME<0.5 attr.KEY:VALUE "                                                            \
    "text:\"words\" ~regex; | is or, ! is not (no span of the trace), root: asks the root span.\n"

static const ly_verb verbs[] = {
    {"list", "[FILTER]", 0, -1, "list traces, newest first",
     FILTER_HELP
     "--json: one object a line with trace_id name type origin start duration_ns state spans "
     "errors "
     "generations tools orphans logs tokens_in tokens_out tokens cache_read cache_write reasoning "
     "cost_usd cost_partial provider model service env release session user prompt prompt_version "
     "error_type pinned; unknown is null. --csv: the same fields. -f prints a line for each trace "
     "when it is over, those that are there only from --since on or as many as -n says.",
     "lydite trace list -n 20\nlydite trace list 'status:error since:2h'\n"
     "lydite trace list --json 'cost>0.05' | jq .trace_id",
     LY_COMMON_READ | LY_COMMON_CSV | LY_COMMON_N | LY_COMMON_FOLLOW | LY_COMMON_TIME |
         LY_COMMON_FAIL_EMPTY,
     list_opts, LY_COUNT(list_opts), ly_trace_run_list},
    {"show", "[TRACE]", 0, 1, "print a trace as a tree of steps",
     "TRACE is an id, a unique prefix of 4 digits or more, @last or @last~N; without one the last. "
     "Figures of a step are those of its subtree. --json: one object of the trace (kind \"trace\": "
     "the fields of `trace list`, and tags) "
     "and one a span in tree order (kind \"span\"): trace_id span_id parent_id name type start "
     "duration_ns ttft_ns status error_type error_message provider model agent tool tokens_in "
     "tokens_out tokens cache_read cache_write reasoning cost_usd prompt prompt_version "
     "finish_reason service dialect depth counted self_ns subtree_spans subtree_errors "
     "subtree_tokens_in subtree_tokens_out subtree_cost_usd attempt attempts.",
     "lydite trace show @last\nlydite trace show 7f3a --all\nlydite trace show @last --html "
     "run.html",
     LY_COMMON_READ, show_opts, LY_COUNT(show_opts), run_show},
    {"stats", "[FILTER]", 0, -1, "calls, errors, latencies, tokens, cost and scores in groups",
     "Calls are what `lydite cost` counts (a call that two spans tell of is one), and generations "
     "without usage, as failed ones are; --by tool: tool spans; with type: in the filter, or --by "
     "type, spans of any type. Tokens and cost are counted once. \"!\" means that the call itself "
     "does not "
     "match. The last 7 days unless --since says otherwise, beside the same time before (vs). A "
     "score's mean is over the traces of the group. --fail-if exits 1 when a group has such a "
     "figure: errors>2% errors>5 p95>8s (p50, p99, ttft likewise) tokens/s<20 cost>5 calls<1 "
     "tokens>2M tokens_in tokens_out unpriced>0 score.NAME<0.8; one that is not known (a score "
     "nobody gave) "
     "is told of and does not fail. "
     "--json: one object a line with the keys of --by, calls errors p50_ns p95_ns p99_ns "
     "ttft_p50_ns tokens_per_s tokens_in tokens_out cost_usd unpriced scores (mean, n) before (the "
     "same of the time before, or null). --csv: the same fields, scores and before as JSON.",
     "lydite trace stats --by model,service\n"
     "lydite trace stats --since 1h --fail-if 'errors>2%' --fail-if 'p95>8s'",
     LY_COMMON_READ | LY_COMMON_CSV | LY_COMMON_TIME | LY_COMMON_N | LY_COMMON_FAIL_EMPTY,
     stats_opts, LY_COUNT(stats_opts), ly_trace_run_stats},
    {"diff", "TRACE TRACE", 2, 2, "compare two traces step by step",
     "Steps are matched by their place: type and name below the same parents, in order. Lines: = "
     "in both, "
     "- only in the first, + only in the second; for steps in both, how duration, tokens and cost "
     "differ. --json: one object a step with mark depth type name duration_ns_a duration_ns_b "
     "tokens_a tokens_b cost_usd_a cost_usd_b; unknown is null. --fail-if-different exits 1 when "
     "steps differ.",
     "lydite trace diff @last~1 @last\nlydite trace diff 7f3a 91c0 --json", LY_COMMON_READ,
     diff_opts, LY_COUNT(diff_opts), ly_trace_run_diff},
    {"export", "[FILTER|TRACE...]", 0, -1, "write traces as OTLP, exactly as they came in",
     "OTLP/JSON Lines: a TracesData or LogsData document a line; --proto writes one protobuf "
     "TracesData instead, and with --logs one LogsData. Each span and log record is the message "
     "that "
     "was received. Log records that belong to no trace come last, when the filter asks only for "
     "what "
     "a record says itself: service session user env name attr. text: since: time:. --json says "
     "what is "
     "done anyway.",
     "lydite trace export @last > trace.jsonl\nlydite trace export 'since:1d' --proto -o day.pb\n"
     "lydite trace export 'since:1d' --proto --logs -o day-logs.pb",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT | LY_COMMON_TIME, export_opts,
     LY_COUNT(export_opts), ly_trace_run_export},
    {"import", "FILE...", 1, -1, "read OTLP files into the database",
     "OTLP/JSON (one document, JSON Lines, an array) or protobuf (one message, or as the "
     "collector's file "
     "exporter writes it), told apart by the first byte; - is "
     "standard "
     "input. Traces and log records are told apart by what is in them; metrics are left out. "
     "Importing a file twice changes nothing; exit 3 when a file was rejected whole. "
     "--json: received stored known rejected discarded.",
     "lydite trace import trace.jsonl\nlydite trace export @last | lydite trace import --db b.db -",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, import_opts, LY_COUNT(import_opts),
     ly_trace_run_import},
    {"rm", "FILTER|TRACE...", 1, -1, "forget traces: records, content, index entries",
     "Log records that belong to no trace go too where they match by themselves, as in export. "
     "What was charged stays in the ledger, without ids, session, user and tags. The bytes are "
     "overwritten in the file. Without -y it asks; where nobody can be asked it says what would "
     "go, "
     "changes nothing and exits 0. --json: traces spans logs dry_run.",
     "lydite trace rm --dry-run 'user:u-17'\nlydite trace rm -y @last",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT | LY_COMMON_YES | LY_COMMON_DRY | LY_COMMON_TIME,
     rm_opts, LY_COUNT(rm_opts), ly_trace_run_rm},
    {"pin", "TRACE...", 1, -1, "keep traces whatever the retention",
     "--json: trace_id pinned, one object a line.",
     "lydite trace pin @last\nlydite trace pin --undo @last",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, pin_opts, LY_COUNT(pin_opts), run_pin},
};
const ly_cmd ly_cmd_trace = {"trace",         "list, print, compare, move and remove traces",
                             "Trace",         verbs,
                             LY_COUNT(verbs), false};
