/* `lydite price add` and `rm`: prices of the user's own, over any book. */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/costing.h"
#include "cli/price_i.h"
#include "genai/price_build.h"
#include "store/access_key.h"

const char ly_price_later[] =
    "a running collector prices by it within seconds; 'lydite cost reprice' "
    "applies it to what is stored";

static int read_own(ly_cli *cli, ly_own_price *p, ly_buf *prices)
{
    const char *from = ly_cli_opt(cli, "from"), *to = ly_cli_opt(cli, "to");
    int64_t ignored;
    ly_err err = LY_ERR_INIT;
    *p = (ly_own_price){.provider = ly_str_c(ly_cli_opt(cli, "provider")),
                        .model = ly_str_c(ly_cli_opt(cli, "model")),
                        .address = ly_str_c(ly_cli_opt(cli, "gateway")),
                        .service = ly_str_c(ly_cli_opt(cli, "service")),
                        .access_key = ly_str_c(ly_cli_opt(cli, "key")),
                        .service_tier = ly_str_c(ly_cli_opt(cli, "tier")),
                        .note = ly_str_c(ly_cli_opt(cli, "note")),
                        .from_ns = INT64_MIN,
                        .to_ns = INT64_MAX,
                        .learned_ns = ly_wall_ns()};
    if ((from && !ly_costing_time_parse(ly_str_c(from), NULL, &p->from_ns, &ignored)) ||
        (to && !ly_costing_time_parse(ly_str_c(to), NULL, &p->to_ns, &ignored))) {
        return ly_cli_usage(cli, "--from and --to take times such as 2026-11-01");
    }
    if (p->from_ns >= p->to_ns) {
        return ly_cli_usage(cli, "--to '%s' is not after --from '%s': the price would never count",
                            to, from);
    }
    for (int i = 0; i < cli->n_args; i++) {
        ly_buf_fmt(prices, "%s%s", i ? "," : "", cli->args[i]);
    }
    p->prices = ly_buf_view(prices);
    if (!p->provider.len && !p->model.len && !p->service.len && !p->access_key.len &&
        !p->address.len) {
        return ly_cli_usage(cli,
                            "say what the price is for: --provider, --model, --service, --key or "
                            "--gateway");
    }
    if (cli->n_args == 0 && !p->address.len) {
        return ly_cli_usage(cli, "give at least one price, for example input=1.25 output=10");
    }
    ly_price_set *set = ly_calloc(1, sizeof *set);
    bool is_free;
    ly_status status = set ? ly_own_prices_parse(p->prices, set, &is_free, &err) : LY_NOMEM(&err);
    bool both = status == LY_OK && is_free && set->n > 0;
    ly_free(set);
    return status != LY_OK ? ly_cli_usage(cli, "%s", err.text)
           : both          ? ly_cli_usage(cli, "free stands alone: leave it or the prices out")
                           : LY_EXIT_DONE;
}

/* Spans get the name of a key from the collector, which knows its keys, and from an import with --key: a
 * name that is no key may be meant, but not unsaid. */
static void note_key(ly_cli *cli, ly_store *store, ly_str name)
{
    ly_arena arena;
    ly_access_key *keys = NULL;
    size_t n = 0;
    ly_err ignored = LY_ERR_INIT;
    ly_arena_init(&arena, 0, 0);
    bool known =
        name.len == 0 || ly_access_key_list(store, true, &arena, &keys, &n, &ignored) != LY_OK;
    for (size_t i = 0; i < n; i++) {
        known = known || ly_str_eq(keys[i].name, name);
    }
    if (!known) {
        ly_cli_note(cli,
                    "no access key is called '%.*s' ('lydite auth list'): the price counts for "
                    "files imported with --key %.*s alone",
                    LY_STR_ARG(name), LY_STR_ARG(name));
    }
    ly_arena_release(&arena);
}

static ly_status check_clauses(const ly_own_price *p, ly_err *err)
{
    ly_price_book *book = NULL;
    ly_price_row row = {
        .id = -1, .from_ns = p->from_ns, .to_ns = p->to_ns, .day_from_s = -1, .day_to_s = -1};
    ly_status status = ly_price_book_new(LY_S("check"), LY_S(""), 0, &book, err);
    if (status == LY_OK) {
        status = ly_price_add_own(book, p->provider, p->model, p->address, &row, err);
    }
    ly_price_book_free(book);
    return status;
}

int ly_price_run_add(ly_cli *cli)
{
    ly_own_price own;
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    ly_buf prices;
    int64_t id = 0;
    ly_buf_init(&prices, 4096);
    int code = read_own(cli, &own, &prices);
    if (!code && check_clauses(&own, &err) != LY_OK) {
        code = ly_cli_usage(cli, "%s", err.text);
    }
    if (!code) {
        code = ly_costing_open_writer(cli, &store);
    }
    if (!code && ly_own_price_add(store, &own, &id, &err) != LY_OK) {
        code = ly_cli_fail(cli, &err);
    }
    if (!code) {
        ly_answer a;
        note_key(cli, store, own.access_key);
        if (cli->json) {
            ly_answer_begin(&a, cli);
            ly_jsonw_kv_i64(&a.w, "own_price", id);
            code = ly_answer_end(&a);
        } else {
            fprintf(cli->out, "own-%lld\n", (long long)id);
        }
        ly_cli_note(cli, "%s", ly_price_later);
    }
    ly_store_close(store);
    ly_buf_release(&prices);
    return code;
}

int ly_price_run_rm(ly_cli *cli)
{
    int64_t id;
    ly_str text = ly_str_c(cli->args[0]);
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    if (ly_str_starts(text, LY_S("own-"))) {
        text = ly_str_sub(text, strlen("own-"), text.len);
    } else if (text.len && text.ptr[0] == '-') { /* as the ledger has it */
        text = ly_str_sub(text, 1, text.len);
    }
    if (!ly_str_to_i64(text, &id) || id <= 0) {
        return ly_cli_usage(
            cli, "'%s' is no price of your own, such as own-1; see 'lydite price list --own'",
            cli->args[0]);
    }
    int code = ly_costing_open_writer(cli, &store);
    if (!code && ly_own_price_remove(store, id, &err) != LY_OK) {
        code = ly_cli_fail(cli, &err);
    }
    if (!code && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_i64(&a.w, "ended", id);
        code = ly_answer_end(&a);
    }
    if (!code) {
        ly_cli_note(cli, "%s", ly_price_later);
    }
    ly_store_close(store);
    return code;
}
