/* `lydite cost`: what is asked, and the table of the verbs. How a report looks is in cost_screen.c (for
 * people) and cost_lines.c (JSON and CSV), its sums in cost/report.h; explain, reprice and reconcile are
 * files of their own. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cost_i.h"

/* ---- what is asked ---- */

static int read_keys(ly_cost_view *v)
{
    const char *text = ly_cli_opt(v->cli, "by");
    if (text && ly_cli_opt(v->cli, "per")) {
        return ly_cli_usage(v->cli, "--per is about all traces or sessions; it takes no --by");
    }
    ly_str rest = ly_str_c(text ? text : "provider"), part;
    while (ly_str_split(&rest, ',', &part)) {
        if (v->ask.n_by == LY_COST_KEYS_MAX) {
            return ly_cli_usage(v->cli, "--by takes at most %d keys", LY_COST_KEYS_MAX);
        }
        if (!ly_cost_key_parse(ly_str_trim(part), &v->ask.by[v->ask.n_by])) {
            return ly_cli_usage(
                v->cli,
                "--by '%.*s' is unknown; use provider, model, service, env, session, "
                "user, prompt, tag, hour, day, week or month",
                LY_STR_ARG(part));
        }
        v->ask.n_by++;
    }
    return LY_EXIT_DONE;
}

static int read_origin(ly_cost_view *v)
{
    const char *text = ly_cli_opt(v->cli, "origin");
    ly_origin origin;
    v->ask.origin = -1;
    if (text) {
        if (!ly_origin_parse(ly_str_c(text), &origin)) {
            return ly_cli_usage(v->cli, "--origin is app, eval or judge, not '%s'", text);
        }
        v->ask.origin = (int)origin;
    }
    return LY_EXIT_DONE;
}

/* Up to the end of the current quarter of an hour, so that what just happened is in. */
static int64_t now_end(void)
{
    int64_t now = ly_wall_ns();
    return now - now % LY_BUCKET_NS + LY_BUCKET_NS;
}

static int read_time(ly_cost_view *v)
{
    ly_costing_time time;
    int code = ly_costing_time_opts(v->cli, v->zone, &time);
    if (code) {
        return code;
    }
    ly_cost_ask *a = &v->ask;
    a->before_from_ns = a->before_until_ns = LY_UNKNOWN;
    if (time.given) {
        a->from_ns = time.from_ns;
        a->until_ns = time.until_ns;
        return LY_EXIT_DONE;
    }
    int64_t now = ly_wall_ns();
    v->month = true;
    a->from_ns = ly_zone_floor(v->zone, LY_MONTH_OF, now);
    a->until_ns = now_end();
    a->before_from_ns = ly_zone_next(v->zone, LY_MONTH_OF, now, -1);
    /* the same days and time of day; a shorter month ends where it ends */
    int64_t into = ly_zone_to_local(v->zone, a->until_ns) - ly_zone_to_local(v->zone, a->from_ns);
    int64_t same = ly_zone_from_local(v->zone, ly_zone_to_local(v->zone, a->before_from_ns) + into);
    a->before_until_ns = same < a->from_ns ? same : a->from_ns;
    return LY_EXIT_DONE;
}

/* ---- run ---- */

static int show_spread(ly_cost_view *v, const char *what, const ly_cost_spread *s)
{
    return v->cli->json || v->cli->csv ? ly_cost_print_spread_line(v, what, s)
                                       : ly_cost_print_spread(v, what, s);
}

static int run_spread(ly_cost_view *v, const char *per, ly_err *err)
{
    ly_cost_spread spread;
    ly_origin origin = v->ask.origin < 0 ? LY_ORIGIN_APP : (ly_origin)v->ask.origin;
    ly_status status;
    if (strcmp(per, "trace") == 0) {
        status = ly_cost_per_trace(v->store, v->ask.from_ns, v->ask.until_ns, origin, &spread, err);
    } else if (strcmp(per, "session") == 0) {
        status =
            ly_cost_per_session(v->store, v->ask.from_ns, v->ask.until_ns, origin, &spread, err);
    } else {
        return ly_cli_usage(v->cli, "--per is trace or session, not '%s'", per);
    }
    if (status != LY_OK) {
        return ly_cli_fail(v->cli, err);
    }
    int code = show_spread(v, per, &spread);
    bool nothing = spread.n == 0 && spread.n_unpriced == 0;
    return !code && v->cli->fail_empty && nothing ? LY_EXIT_NO : code;
}

static int show(ly_cost_view *v)
{
    ly_err err = LY_ERR_INIT;
    const char *per = ly_cli_opt(v->cli, "per");
    if (per) {
        return run_spread(v, per, &err);
    }
    v->ask.top = v->cli->n >= 0                ? (size_t)v->cli->n
                 : v->cli->json || v->cli->csv ? 0
                                               : LY_COST_ROWS_MOST;
    ly_status status = ly_cost_report_make(v->store, &v->ask, &v->arena, &v->report, &err);
    if (status == LY_OK) {
        status = ly_costing_book(v->store, &v->arena, &v->book, &v->n_own, &err);
    }
    if (status != LY_OK) {
        return ly_cli_fail(v->cli, &err);
    }
    int code = v->cli->json  ? ly_cost_print_json(v)
               : v->cli->csv ? ly_cost_print_csv(v)
                             : ly_cost_print_screen(v);
    if (!code && v->cli->fail_empty && v->report.total.n == 0) {
        code = LY_EXIT_NO;
    }
    return code;
}

static int run_report(ly_cli *cli)
{
    ly_cost_view v = {.cli = cli};
    ly_arena_init(&v.arena, LY_MIB(1), 0);
    ly_json_csv_init(&v.csv);
    int code = read_keys(&v);
    if (!code) {
        code = read_origin(&v);
    }
    if (!code) {
        code = ly_costing_zone(cli, &v.zone);
    }
    if (!code) {
        code = read_time(&v);
    }
    v.ask.zone = v.zone;
    if (!code) {
        code = ly_costing_open(cli, &v.store);
    }
    if (!code) {
        code = show(&v);
    }
    ly_store_close(v.store);
    ly_zone_free(v.zone);
    ly_arena_release(&v.arena);
    ly_json_csv_release(&v.csv);
    return code;
}

#define TIME_OPTS                                                                             \
    {"since", 0, "TIME", "from: " LY_TIME_FORMS " (a month or year alone: that one)", false}, \
        {"until", 0, "TIME", "up to, not including: the same forms", false},                  \
    {                                                                                         \
        "tz", 0, "ZONE", "time zone of days and dates: UTC, +02:00, Europe/Berlin", false     \
    }

static const ly_opt report_opts[] = {
    {"by", 0, "KEYS",
     "group by provider, model, service, env, session, user, prompt, tag, hour, day, week, month",
     false},
    {"per", 0, "WHAT", "p50 and p95 of single traces or sessions: trace, session", false},
    {"origin", 0, "ORIGIN", "app, eval or judge alone", false},
    TIME_OPTS,
};
static const ly_opt explain_opts[] = {{"ledger", 0, NULL, "show every line ever booked", false}};
static const ly_opt reprice_opts[] = {
    {"since", 0, "TIME", "traces that start then or later: " LY_TIME_FORMS, false},
    {"tz", 0, "ZONE", "time zone of dates: UTC, +02:00, Europe/Berlin", false},
    {"book", 0, "NUMBER", "by that book of 'lydite price list --books' instead of the one in force",
     false},
};
static const ly_opt reconcile_opts[] = {
    TIME_OPTS,
    {"map", 0, "COLUMNS",
     "openai-costs, openai-usage, anthropic-cost, anthropic-tokens, openrouter-activity, or "
     "which column is what: date=…,model=…,amount=…[,provider=…,input=…,output=…,cache_read=…]; "
     "A+B adds columns",
     false},
    {"provider", 0, "NAME", "the provider whose export this is", false},
    {"cents", 0, NULL, "amounts are in cents", false},
    {"tolerance", 0, "USD", "differences up to this are none (default 0.01)", false},
};

static const ly_verb verbs[] = {
    {NULL, "", 0, 0, "what was spent, by what",
     "Without options: this calendar month by provider, beside the same days of last month.\n"
     "\n"
     "Amounts are of priced calls; >= marks a lower bound, because some call in it has no price.\n"
     "Unpriced calls are listed with the reason. Calls to local addresses cost 0 by rule. What\n"
     "evaluations and judges spent is apart. Times are in steps of 15 minutes.\n"
     "\n"
     "--json: one object a line; `kind` is report (from, until, tz, book, book_date, "
     "book_age_days), row (the keys,\n"
     "amount_usd as exact decimal text, amount_pico (both null where no call is priced), "
     "lower_bound, before_*, calls, "
     "unpriced_calls,\n"
     "local_calls, client_priced_calls, input_tokens, cache_read_tokens, output_tokens), total,\n"
     "ungrouped, eval, judge, or unpriced (provider, model, reason, origin, calls, tokens).\n"
     "Of --per one object: kind (spread), per, from, until, tz, n, without_amount, mean_*, p50_*, "
     "p95_*, max_*, sum_*.\n"
     "--csv: a row for each of these but report, under the same names.",
     "lydite cost\n"
     "lydite cost --by provider,model --since 30d\n"
     "lydite cost --by day --since last-month --tz Europe/Berlin --csv",
     LY_COMMON_READ | LY_COMMON_CSV | LY_COMMON_N | LY_COMMON_FAIL_EMPTY, report_opts,
     LY_COUNT(report_opts), run_report},
    {"explain", "SPAN", 1, 1, "how one call's cost came about",
     "The buckets, the price of each, the price row and where it was published, the context tier,\n"
     "the client's own figure beside it, and what the ledger was charged.\n"
     "\n"
     "--json: span_id, trace_id, provider, model, why, amount_*, client_*, charged_*, lower_bound, "
     "row\n"
     "(id, book, provider, model, source), cells (name, count, unit, price_usd, per, amount_*),\n"
     "unknown_fees (tools charged by use that the span does not count), counted (false: another "
     "span's\n"
     "cost covers it), ledger_lines. SPAN is an id, its beginning, TRACE/SPAN, @last or @last~N.",
     "lydite cost explain @last", LY_COMMON_READ, explain_opts, LY_COUNT(explain_opts),
     ly_cost_run_explain},
    {"reprice", "", 0, 0, "price history again by the book in force",
     "Shows the difference by model, then books it: the old ledger line stays, a reversal and a "
     "new\n"
     "line follow. Costs that the client gave do not change. Lines whose record retention removed\n"
     "are priced by what the line itself holds.\n"
     "Without -y it asks; where nobody can be asked it shows the difference, changes nothing and "
     "exits 0.\n"
     "\n"
     "--json: rows of provider, model, calls, before_*, after_* (null where no call has a price), "
     "difference_*,\n"
     "unpriced_before, unpriced_after; then a total.",
     "lydite cost reprice --since 30d --dry-run",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_DRY |
         LY_COMMON_YES,
     reprice_opts, LY_COUNT(reprice_opts), ly_cost_run_reprice},
    {"reconcile", "FILE", 1, 1, "a provider's usage export beside the ledger",
     "Reads a CSV of the provider's and compares per day and model. The exports of OpenAI's and\n"
     "Anthropic's consoles and of OpenRouter are known by their header line; others need --map. "
     "One\n"
     "without amounts is compared by tokens. Exit code 1 when some day differs by more than the\n"
     "tolerance.\n"
     "\n"
     "--json: rows of day, model, export_*, ledger_*, difference_*, calls, unpriced_calls, "
     "reason.\n"
     "--csv: the same fields.",
     "lydite cost reconcile openai-cost-export.csv\n"
     "lydite cost reconcile usage.csv --map date=date,model=model,amount=cost --provider openai",
     LY_COMMON_READ | LY_COMMON_CSV, reconcile_opts, LY_COUNT(reconcile_opts),
     ly_cost_run_reconcile},
};
const ly_cmd ly_cmd_cost = {"cost", "what was spent, and why", "Cost",
                            verbs,  LY_COUNT(verbs),           false};
