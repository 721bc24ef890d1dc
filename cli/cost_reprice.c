/* `lydite cost reprice`: stored calls by another book, difference first. */
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cost_i.h"
#include "cost/report.h"
#include "cli/progress.h"
#include "store/usage.h"

typedef struct group {
    ly_str provider, model;
    int64_t n, before_pico, after_pico, unpriced_before, unpriced_after;
} group;

typedef struct job {
    ly_cli *cli;
    ly_store *store;
    ly_price_book *book;
    ly_arena arena;
    group *groups;
    size_t n, cap;
    bool failed;
    ly_progress progress;
    int64_t n_done, n_spans;
} job;

static ly_priced price(void *user, const ly_canon *canon, int64_t at_ns, ly_priced before)
{
    job *j = user;
    (void)before;
    j->n_done++;
    return ly_price_span(j->book, canon, at_ns);
}

static bool go_on(void *user)
{
    job *j = user;
    ly_progress_tell(&j->progress, j->n_done, j->n_spans, LY_UNKNOWN, NULL);
    return !ly_cli_interrupted();
}

static group *group_of(job *j, const ly_canon *canon)
{
    ly_str model = canon->response_model.len ? canon->response_model : canon->request_model;
    for (size_t i = 0; i < j->n; i++) {
        if (ly_str_eq(j->groups[i].provider, canon->provider) &&
            ly_str_eq(j->groups[i].model, model)) {
            return &j->groups[i];
        }
    }
    if (!ly_grow(&j->groups, &j->cap, j->n + 1, 100000, sizeof *j->groups)) {
        return NULL;
    }
    group g = {.provider = ly_arena_copy(&j->arena, canon->provider),
               .model = ly_arena_copy(&j->arena, model)};
    j->groups[j->n] = g;
    return &j->groups[j->n++];
}

static void add(int64_t *sum, int64_t *unpriced, int64_t pico)
{
    if (pico == LY_UNKNOWN) {
        *unpriced += 1;
    } else if (__builtin_add_overflow(*sum, pico, sum)) {
        *sum = INT64_MAX;
    }
}

static void seen(void *user, const ly_canon *canon, ly_priced before, ly_priced after, bool counted)
{
    job *j = user;
    if (!counted || before.amount_pico == after.amount_pico) {
        return; /* changes a figure beside the ledger's, or only the row that it came from */
    }
    group *g = group_of(j, canon);
    if (!g) {
        j->failed = true;
        return;
    }
    g->n++;
    add(&g->before_pico, &g->unpriced_before, before.amount_pico);
    add(&g->after_pico, &g->unpriced_after, after.amount_pico);
}

static int by_difference(const void *a, const void *b)
{
    const group *x = a, *y = b;
    int64_t dx = llabs(x->after_pico - x->before_pico), dy = llabs(y->after_pico - y->before_pico);
    if (dx != dy) {
        return dx < dy ? 1 : -1;
    }
    int order = ly_str_cmp(x->provider, y->provider);
    return order ? order : ly_str_cmp(x->model, y->model);
}

/* Where no call has a price there is no amount: that is not $0. */
static int64_t known_or_not(int64_t pico, int64_t n, int64_t n_unpriced)
{
    return ly_cost_none(pico, n, n_unpriced) ? LY_UNKNOWN : pico;
}

static int json_group(job *j, const group *g, const char *kind)
{
    ly_buf buf;
    ly_jsonw w;
    ly_buf_init(&buf, LY_MIB(1));
    ly_jsonw_init(&w, &buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "kind", kind);
    if (g->provider.ptr) {
        ly_jsonw_kv_str(&w, "provider", g->provider);
        ly_jsonw_kv_str(&w, "model", g->model);
    }
    ly_jsonw_kv_i64(&w, "calls", g->n);
    ly_costing_json_money(&w, "before", known_or_not(g->before_pico, g->n, g->unpriced_before));
    ly_costing_json_money(&w, "after", known_or_not(g->after_pico, g->n, g->unpriced_after));
    ly_costing_json_money(&w, "difference", g->after_pico - g->before_pico);
    ly_jsonw_kv_i64(&w, "unpriced_before", g->unpriced_before);
    ly_jsonw_kv_i64(&w, "unpriced_after", g->unpriced_after);
    ly_jsonw_object_end(&w);
    int code = ly_costing_json_line(j->cli, &w, &buf);
    ly_buf_release(&buf);
    return code;
}

static void money_cell(ly_table *table, int64_t pico, bool sign)
{
    ly_buf text;
    ly_buf_init(&text, 64);
    if (sign) {
        ly_fmt_money_change(pico, &text);
    } else {
        ly_fmt_money(pico, &text);
    }
    ly_table_cell(table, ly_buf_view(&text));
    ly_buf_release(&text);
}

static void table_group(ly_table *table, const group *g)
{
    ly_table_cell(table, g->provider);
    ly_table_cell(table, g->model);
    ly_table_cellf(table, "%lld", (long long)g->n);
    money_cell(table, known_or_not(g->before_pico, g->n, g->unpriced_before), false);
    money_cell(table, known_or_not(g->after_pico, g->n, g->unpriced_after), false);
    money_cell(table, g->after_pico - g->before_pico, true);
    ly_table_cellf(table, "%lld -> %lld", (long long)g->unpriced_before,
                   (long long)g->unpriced_after);
}

static int print_groups(job *j)
{
    static const char *const heads[] = {"provider", "model",      "calls",   "before",
                                        "after",    "difference", "unpriced"};
    group total = {.provider = LY_STR_NONE};
    int code = LY_EXIT_DONE;
    if (j->n > 1) {
        qsort(j->groups, j->n, sizeof *j->groups, by_difference);
    }
    for (size_t i = 0; i < j->n; i++) {
        total.n += j->groups[i].n;
        total.before_pico += j->groups[i].before_pico;
        total.after_pico += j->groups[i].after_pico;
        total.unpriced_before += j->groups[i].unpriced_before;
        total.unpriced_after += j->groups[i].unpriced_after;
    }
    if (j->cli->json) {
        for (size_t i = 0; !code && i < j->n; i++) {
            code = json_group(j, &j->groups[i], "row");
        }
        return code ? code : json_group(j, &total, "total");
    }
    if (j->n == 0) {
        fprintf(j->cli->out, "no charged call changes\n");
        return code;
    }
    ly_table *table = ly_table_new(j->cli, LY_COUNT(heads));
    if (!table) {
        return LY_EXIT_INPUT;
    }
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(table, i, heads[i], i < 2 ? LY_LEFT : LY_RIGHT, 0);
    }
    for (size_t i = 0; i < j->n; i++) {
        table_group(table, &j->groups[i]);
    }
    total.provider = LY_S("total");
    total.model = LY_S("");
    table_group(table, &total);
    ly_table_print(table);
    ly_table_free(table);
    return code;
}

static bool confirmed(job *j)
{
    if (j->cli->yes || !isatty(STDIN_FILENO)) {
        return j->cli->yes;
    }
    char answer[16];
    fprintf(stderr, "book the difference? [y/N] ");
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* One pass over the spans: the look at what would change, then the booking. */
static ly_status pass(job *j, const ly_reprice *how, ly_repriced *ret, ly_err *err)
{
    ly_store_info info;
    bool all = how->since_ns == INT64_MIN;
    j->n_spans = all && ly_store_info_get(j->store, false, &info, NULL) == LY_OK ? info.n_spans : 0;
    j->n_done = 0;
    ly_progress_begin(&j->progress, j->cli, "spans");
    ly_status status = ly_usage_reprice(j->store, how, ret, err);
    ly_progress_clear(&j->progress);
    return status;
}

static int open_book(job *j)
{
    ly_err err = LY_ERR_INIT;
    const char *number = ly_cli_opt(j->cli, "book");
    int64_t n = 0;
    if (number && (!ly_str_to_i64(ly_str_c(number), &n) || n <= 0)) {
        return ly_cli_usage(j->cli, "--book takes a number of 'lydite price list --books'");
    }
    ly_status status = n ? ly_cost_book_of_row(j->store, n << 24 | 1, &j->book, &err)
                         : ly_cost_book_open(j->store, &j->book, &err);
    return status == LY_OK ? LY_EXIT_DONE : ly_cli_fail(j->cli, &err);
}

static int apply(job *j, ly_reprice *how, const ly_repriced *looked)
{
    ly_err err = LY_ERR_INIT;
    ly_repriced done;
    int64_t left = 0;
    if (looked->n_changed == 0 || j->cli->dry_run) {
        if (j->cli->dry_run) {
            ly_cli_note(j->cli, "nothing was changed (--dry-run)");
        }
        return LY_EXIT_DONE;
    }
    if (!confirmed(j)) {
        ly_cli_note(j->cli, "nothing was changed; -y books it");
        return LY_EXIT_DONE;
    }
    how->dry_run = false;
    how->seen = NULL;
    ly_status status = pass(j, how, &done, &err);
    if (status == LY_OK) {
        status = ly_store_settle(j->store, 0, true, &left, &err);
    }
    if (status == LY_E_CANCELLED) {
        ly_cli_note(j->cli, "stopped; what was booked is kept. To go on: the same command");
        return ly_cli_signal_exit();
    }
    if (status != LY_OK) {
        return ly_cli_fail(j->cli, &err);
    }
    ly_cli_note(j->cli, "%lld span%s another price; the old ledger lines are kept",
                (long long)done.n_changed, done.n_changed == 1 ? " has" : "s have");
    return LY_EXIT_DONE;
}

static int run(job *j)
{
    ly_err err = LY_ERR_INIT;
    ly_zone *zone = NULL;
    ly_costing_time time;
    ly_repriced looked;
    int code = ly_costing_zone(j->cli, &zone);
    if (!code) {
        code = ly_costing_time_opts(j->cli, zone, &time);
    }
    ly_zone_free(zone);
    if (!code) {
        code = open_book(j);
    }
    if (code) {
        return code;
    }
    ly_reprice how = {.since_ns = time.from_ns,
                      .dry_run = true,
                      .price = price,
                      .seen = seen,
                      .go_on = go_on,
                      .user = j};
    if (pass(j, &how, &looked, &err) != LY_OK) {
        return ly_cli_fail(j->cli, &err);
    }
    code = j->failed ? LY_EXIT_INPUT : print_groups(j);
    return code ? code : apply(j, &how, &looked);
}

int ly_cost_run_reprice(ly_cli *cli)
{
    job j = {.cli = cli};
    int code = ly_costing_open_writer(cli, &j.store);
    if (code) {
        return code;
    }
    ly_err err = LY_ERR_INIT;
    int64_t left;
    ly_arena_init(&j.arena, 0, 0);
    code =
        ly_store_settle(j.store, 0, true, &left, &err) == LY_OK ? run(&j) : ly_cli_fail(cli, &err);
    ly_price_book_free(j.book);
    ly_free(j.groups);
    ly_arena_release(&j.arena);
    ly_store_close(j.store);
    return code;
}
