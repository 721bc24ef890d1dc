/* `lydite budget`: limits on spending. */
#include "base/clock.h"
#include "base/limits.h"
#include "cli/answer.h"
#include "cli/costing.h"
#include "cli/fetch.h"
#include "cost/budget_gate.h"

static const char *const periods[] = {
    [LY_PERIOD_DAY] = "day", [LY_PERIOD_WEEK] = "week", [LY_PERIOD_MONTH] = "month"};

static int read_limit(ly_cli *cli, int64_t *ret)
{
    ly_rate rate;
    ly_str text = ly_str_c(ly_cli_opt(cli, "limit"));
    if (text.len && text.ptr[0] == '$') {
        text = ly_str_sub(text, 1, text.len);
    }
    if (!ly_rate_parse(text, 0, &rate) || rate > LY_RATE_PER_USD * 9000000 || rate % 1000000 != 0) {
        return ly_cli_usage(cli, "--limit takes US dollars, for example --limit 50");
    }
    *ret = (int64_t)(rate / 1000000);
    return LY_EXIT_DONE;
}

static int read_budget(ly_cli *cli, ly_budget *b)
{
    const char *period = ly_cli_opt(cli, "per"), *origin = ly_cli_opt(cli, "origin");
    ly_origin parsed;
    int64_t warn;
    *b = (ly_budget){.name = ly_str_c(cli->args[0]),
                     .provider = ly_str_c(ly_cli_opt(cli, "provider")),
                     .model = ly_str_c(ly_cli_opt(cli, "model")),
                     .service = ly_str_c(ly_cli_opt(cli, "service")),
                     .user = ly_str_c(ly_cli_opt(cli, "user")),
                     .prompt = ly_str_c(ly_cli_opt(cli, "prompt")),
                     .origin = -1,
                     .period = LY_PERIOD_MONTH,
                     .webhook = ly_str_c(ly_cli_opt(cli, "webhook")),
                     .set_ns = ly_wall_ns()};
    for (size_t i = 0; period && i < LY_COUNT(periods); i++) {
        if (strcmp(period, periods[i]) == 0) {
            b->period = (ly_budget_period)i;
            period = NULL;
        }
    }
    if (period) {
        return ly_cli_usage(cli, "--per is day, week or month, not '%s'", period);
    }
    if (origin && !ly_origin_parse(ly_str_c(origin), &parsed)) {
        return ly_cli_usage(cli, "--origin is app, eval or judge, not '%s'", origin);
    }
    b->origin = origin ? (int)parsed : -1;
    if (!ly_cli_int(cli, "warn", 1, 100, 80, &warn)) {
        return LY_EXIT_USAGE;
    }
    b->warn_percent = (int)warn;
    if (b->webhook.len && !ly_str_starts(b->webhook, LY_S("http://")) &&
        !ly_str_starts(b->webhook, LY_S("https://"))) {
        return ly_cli_usage(cli, "--webhook takes an http or https URL");
    }
    return read_limit(cli, &b->limit_pico);
}

static int show_budgets(ly_cli *cli, ly_store *store, ly_str name, bool *ret_passed);

static int run_set(ly_cli *cli)
{
    ly_budget b;
    ly_zone *zone = NULL;
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    int code = read_budget(cli, &b);
    if (!code) {
        code = ly_costing_zone(cli, &zone);
    }
    if (!code) {
        b.zone = ly_str_c(ly_zone_name(zone));
        code = ly_costing_open_writer(cli, &store);
    }
    if (!code && ly_budget_set(store, &b, &err) != LY_OK) {
        code = ly_cli_fail(cli, &err);
    }
    bool passed = false;
    if (!code && cli->json) {
        code = show_budgets(cli, store, b.name, &passed);
    } else if (!code) {
        ly_cli_note(cli, "budget %.*s is set; lydite budget list tells what is spent of it",
                    LY_STR_ARG(b.name));
    }
    ly_store_close(store);
    ly_zone_free(zone);
    return code;
}

static int run_rm(ly_cli *cli)
{
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    int code = ly_costing_open_writer(cli, &store);
    if (!code && ly_budget_remove(store, ly_str_c(cli->args[0]), &err) != LY_OK) {
        code = ly_cli_fail(cli, &err);
    } else if (!code && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "removed", cli->args[0]);
        code = ly_answer_end(&a);
    } else if (!code) {
        ly_cli_note(cli, "removed budget %s", cli->args[0]);
    }
    ly_store_close(store);
    return code;
}

/* ---- list and check ---- */

static void scope_text(const ly_budget *b, ly_buf *out)
{
    const struct {
        const char *name;
        ly_str value;
    } parts[] = {{"provider", b->provider},
                 {"model", b->model},
                 {"service", b->service},
                 {"user", b->user},
                 {"prompt", b->prompt}};
    for (size_t i = 0; i < LY_COUNT(parts); i++) {
        if (parts[i].value.len) {
            ly_buf_fmt(out, "%s%s %.*s", out->len ? ", " : "", parts[i].name,
                       LY_STR_ARG(parts[i].value));
        }
    }
    if (b->origin >= 0) {
        ly_buf_fmt(out, "%sorigin %s", out->len ? ", " : "", ly_origin_name((ly_origin)b->origin));
    }
    if (out->len == 0) {
        ly_buf_c(out, "everything");
    }
}

static const char *verdict(const ly_budget_state *s)
{
    return s->passed ? "passed" : s->warned ? "warned" : "within";
}

static int json_budget(ly_cli *cli, const ly_budget *b, const ly_budget_state *s)
{
    ly_buf buf, text;
    ly_jsonw w;
    ly_buf_init(&buf, LY_MIB(1));
    ly_buf_init(&text, 4096);
    ly_jsonw_init(&w, &buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_str(&w, "budget", b->name);
    scope_text(b, &text);
    ly_jsonw_kv_str(&w, "scope", ly_buf_view(&text));
    ly_jsonw_kv_c(&w, "per", periods[b->period]);
    ly_jsonw_kv_str(&w, "tz", b->zone);
    ly_costing_json_money(&w, "limit", b->limit_pico);
    ly_costing_json_money(&w, "spent", s->spent_pico);
    ly_jsonw_kv_bool(&w, "lower_bound", s->n_unpriced > 0);
    ly_jsonw_kv_i64(&w, "warn_percent", b->warn_percent);
    ly_jsonw_kv_c(&w, "state", verdict(s));
    ly_jsonw_kv_str(&w, "webhook", b->webhook);
    ly_jsonw_object_end(&w);
    int code = ly_costing_json_line(cli, &w, &buf);
    ly_buf_release(&buf);
    ly_buf_release(&text);
    return code;
}

static void table_budget(const ly_cli *cli, ly_table *table, const ly_budget *b,
                         const ly_budget_state *s)
{
    ly_buf text;
    ly_buf_init(&text, 4096);
    ly_table_cell(table, b->name);
    scope_text(b, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_table_cell(table, ly_str_c(periods[b->period]));
    ly_buf_reset(&text);
    ly_fmt_money(b->limit_pico, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_buf_reset(&text);
    ly_buf_c(&text, s->n_unpriced ? ly_fmt_at_least(cli) : "");
    ly_fmt_money(s->spent_pico, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_buf_reset(&text);
    ly_fmt_percent(b->limit_pico ? (double)s->spent_pico / (double)b->limit_pico : 0, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_table_cell(table, ly_str_c(verdict(s)));
    ly_buf_release(&text);
}

static int show_budgets(ly_cli *cli, ly_store *store, ly_str name, bool *ret_passed)
{
    static const char *const heads[] = {"budget", "for", "per", "limit", "spent", "used", "state"};
    ly_arena arena;
    ly_budget *budgets = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    int code = LY_EXIT_DONE;
    ly_arena_init(&arena, 0, 0);
    ly_status status = ly_budget_list(store, name, &arena, &budgets, &n, &err);
    if (status == LY_OK && name.len && n == 0) {
        status = LY_FAIL(&err, LY_E_NOTFOUND, "there is no budget '%.*s'; see 'lydite budget list'",
                         LY_STR_ARG(name));
    }
    ly_table *table = cli->json ? NULL : ly_table_new(cli, LY_COUNT(heads));
    for (size_t i = 0; table && i < LY_COUNT(heads); i++) {
        ly_table_col(table, i, heads[i], i >= 3 && i <= 5 ? LY_RIGHT : LY_LEFT, 0);
    }
    for (size_t i = 0; status == LY_OK && !code && i < n; i++) {
        ly_budget_state state;
        status = ly_budget_look(store, &budgets[i], ly_wall_ns(), &state, &err);
        if (status != LY_OK) {
            break;
        }
        *ret_passed = *ret_passed || state.passed;
        if (cli->json) {
            code = json_budget(cli, &budgets[i], &state);
        } else if (table) {
            table_budget(cli, table, &budgets[i], &state);
        }
    }
    if (status != LY_OK) {
        code = ly_cli_fail(cli, &err);
    } else if (table && n) {
        ly_table_print(table);
    } else if (table) {
        fprintf(cli->out, "no budgets\n");
    }
    ly_table_free(table);
    ly_arena_release(&arena);
    return code;
}

static int run_list(ly_cli *cli)
{
    ly_store *store = NULL;
    bool passed = false;
    int code = ly_costing_open(cli, &store);
    if (!code) {
        code = show_budgets(cli, store, LY_STR_NONE, &passed);
    }
    ly_store_close(store);
    return code;
}

/* Tells webhooks too: a file without a collector has its events checked here. */
static void on_event(void *user, const ly_budget *budget, const ly_budget_state *state, bool passed)
{
    ly_cli *cli = user;
    ly_costing_budget_event(budget, state, passed);
    ly_cli_note(cli, "budget '%.*s' %s", LY_STR_ARG(budget->name),
                passed ? "was passed" : "is near its limit");
}

static int run_check(ly_cli *cli)
{
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    bool passed = false;
    int code = ly_costing_open(cli, &store);
    if (!code) {
        code =
            show_budgets(cli, store, cli->n_args ? ly_str_c(cli->args[0]) : LY_STR_NONE, &passed);
    }
    if (!code && ly_budget_watch(store, ly_wall_ns(), on_event, cli, &err) != LY_OK) {
        code = ly_cli_fail(cli, &err);
    }
    ly_store_close(store);
    return !code && passed ? LY_EXIT_NO : code;
}

static const ly_opt set_opts[] = {
    {"limit", 0, "USD", "how much", false},
    {"per", 0, "PERIOD", "day, week (from Monday) or month (default)", false},
    {"tz", 0, "ZONE", "time zone of its days: UTC, +02:00, Europe/Berlin", false},
    {"provider", 0, "NAME", "spending at this provider", false},
    {"model", 0, "NAME", "by this model", false},
    {"service", 0, "NAME", "of this service", false},
    {"user", 0, "ID", "for this user", false},
    {"prompt", 0, "NAME", "with this prompt", false},
    {"origin", 0, "ORIGIN", "app, eval or judge alone", false},
    {"warn", 0, "PERCENT", "tell at this part of the limit (default 80)", false},
    {"webhook", 0, "URL", "told once a window by the collector: POST of JSON", false},
};

static const ly_verb verbs[] = {
    {"set", "NAME", 1, 1, "make or change a budget", "--json: as list.",
     "lydite budget set all --limit 100 --per month", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT,
     set_opts, LY_COUNT(set_opts), run_set},
    {"list", "", 0, 0, "budgets and what is spent of them",
     "--json: budget, scope, per, tz, limit_*, spent_*, lower_bound, warn_percent, state (within, "
     "warned,\n"
     "passed), webhook.",
     "lydite budget list", LY_COMMON_READ, NULL, 0, run_list},
    {"check", "[NAME]", 0, 1, "exit code 1 when a budget is passed",
     "Also tells webhooks, once a window, where no collector has.\n--json: as list.",
     "lydite budget check", LY_COMMON_READ, NULL, 0, run_check},
    {"rm", "NAME", 1, 1, "remove a budget", "--json: removed (the name).", "lydite budget rm all",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, NULL, 0, run_rm},
};
const ly_cmd ly_cmd_budget = {"budget", "limits on spending", "Cost",
                              verbs,    LY_COUNT(verbs),      false};
