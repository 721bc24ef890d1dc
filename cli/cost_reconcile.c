/* `lydite cost reconcile`: a provider's export beside the ledger. */
#include "base/limits.h"
#include "cli/cost_i.h"
#include "cli/json_csv.h"
#include "cost/reconcile.h"

#define MAX_EXPORT_BYTES LY_MIB(256)

static void money_cell(ly_table *table, int64_t pico, void (*form)(int64_t pico, ly_buf *out))
{
    ly_buf text;
    ly_buf_init(&text, 64);
    form(pico, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_buf_release(&text);
}

static int64_t difference(const ly_recon_row *row)
{
    int64_t ledger = row->ledger_pico == LY_UNKNOWN ? 0 : row->ledger_pico;
    return ledger - (row->export_pico == LY_UNKNOWN ? 0 : row->export_pico);
}

static void count_cell(ly_table *table, int64_t a, int64_t b, int sign)
{
    if (a == LY_UNKNOWN && b == LY_UNKNOWN) {
        ly_table_cell(table, LY_S("-"));
    } else {
        ly_table_cellf(table, sign ? "%+lld" : "%lld",
                       (long long)((a == LY_UNKNOWN ? 0 : a) + (b == LY_UNKNOWN ? 0 : b)));
    }
}

/* An export without amounts: tokens, input and output together. */
static void token_cells(ly_table *table, const ly_recon_row *row)
{
    int64_t there = (row->export_in == LY_UNKNOWN ? 0 : row->export_in) +
                    (row->export_out == LY_UNKNOWN ? 0 : row->export_out);
    int64_t here = (row->ledger_in == LY_UNKNOWN ? 0 : row->ledger_in) +
                   (row->ledger_out == LY_UNKNOWN ? 0 : row->ledger_out);
    count_cell(table, row->export_in, row->export_out, 0);
    count_cell(table, row->ledger_in, row->ledger_out, 0);
    count_cell(table, here - there, LY_UNKNOWN, here != there);
}

static int print_rows(ly_cli *cli, const ly_recon *r, const ly_zone *zone)
{
    static const char *const heads[] = {"day", "model", "export", "ledger", "difference", "why"};
    ly_table *table = ly_table_new(cli, LY_COUNT(heads));
    ly_buf day;
    if (!table) {
        return LY_EXIT_INPUT;
    }
    ly_buf_init(&day, 64);
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(table, i, heads[i], i < 2 || i == 5 ? LY_LEFT : LY_RIGHT, 0);
    }
    for (size_t i = 0; i < r->n_rows; i++) {
        const ly_recon_row *row = &r->rows[i];
        ly_buf_reset(&day);
        ly_costing_day(zone, row->day_ns, false, &day);
        ly_table_cell(table, ly_buf_view(&day));
        ly_table_cell(table, row->model);
        if (r->amounts) {
            money_cell(table, row->export_pico, ly_fmt_money);
            money_cell(table, row->ledger_pico, ly_fmt_money);
            money_cell(table, difference(row), ly_fmt_money_change);
        } else {
            token_cells(table, row);
        }
        ly_table_cell(table, ly_str_c(ly_recon_reason_text(row->reason)));
    }
    ly_table_print(table);
    ly_table_free(table);
    if (r->amounts) {
        ly_buf_reset(&day);
        ly_fmt_money(r->export_pico, &day);
        fprintf(cli->out, "export %s, ", ly_buf_text(&day));
    }
    ly_buf_reset(&day);
    ly_fmt_money(r->ledger_pico, &day);
    fprintf(cli->out, "ledger %s, %zu of %zu line%s differ%s (%s)%s\n", ly_buf_text(&day),
            r->n_different, r->n_rows, ly_plural(r->n_rows), r->n_different == 1 ? "s" : "",
            ly_zone_name(zone), r->amounts ? "" : "; the export has no amounts: tokens");
    ly_buf_release(&day);
    return LY_EXIT_DONE;
}

static void json_tokens(ly_jsonw *w, const char *key, int64_t n)
{
    if (n == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, key);
    } else {
        ly_jsonw_kv_i64(w, key, n);
    }
}

/* One finished line, as JSON or as a row of the CSV. */
static int put_line(ly_cli *cli, ly_json_csv *csv, ly_jsonw *w, ly_buf *buf)
{
    if (!cli->csv) {
        return ly_costing_json_line(cli, w, buf);
    }
    ly_err err = LY_ERR_INIT;
    ly_status status = ly_jsonw_end(w, &err);
    if (status == LY_OK) {
        status = ly_json_csv_put(csv, cli, ly_buf_view(buf), &err);
    }
    ly_buf_reset(buf);
    return status == LY_OK ? LY_EXIT_DONE : ly_cli_fail(cli, &err);
}

static int machine_rows(ly_cli *cli, const ly_recon *r, const ly_zone *zone)
{
    int code = LY_EXIT_DONE;
    ly_buf buf, day;
    ly_json_csv csv;
    ly_json_csv_init(&csv);
    ly_buf_init(&buf, LY_MIB(1));
    ly_buf_init(&day, 64);
    for (size_t i = 0; !code && i < r->n_rows; i++) {
        const ly_recon_row *row = &r->rows[i];
        ly_jsonw w;
        ly_buf_reset(&day);
        ly_costing_day(zone, row->day_ns, false, &day);
        ly_jsonw_init(&w, &buf, 0);
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "day", ly_buf_view(&day));
        ly_jsonw_kv_str(&w, "model", row->model);
        ly_costing_json_money(&w, "export", row->export_pico);
        ly_costing_json_money(&w, "ledger", row->ledger_pico);
        ly_costing_json_money(&w, "difference", difference(row));
        json_tokens(&w, "export_input_tokens", row->export_in);
        json_tokens(&w, "export_output_tokens", row->export_out);
        json_tokens(&w, "ledger_input_tokens", row->ledger_in);
        json_tokens(&w, "ledger_output_tokens", row->ledger_out);
        ly_jsonw_kv_i64(&w, "calls", row->n);
        ly_jsonw_kv_i64(&w, "unpriced_calls", row->n_unpriced);
        ly_jsonw_kv_c(&w, "reason", ly_recon_reason_name(row->reason));
        ly_jsonw_object_end(&w);
        code = put_line(cli, &csv, &w, &buf);
    }
    ly_json_csv_release(&csv);
    ly_buf_release(&buf);
    ly_buf_release(&day);
    return code;
}

static void use_preset(const ly_export_preset *preset, ly_recon_ask *ask)
{
    ly_err never = LY_ERR_INIT;
    (void)!ly_export_map_parse(ly_str_c(preset->map), &ask->map, &never);
    if (ask->provider.len == 0) {
        ask->provider = ly_str_c(preset->provider);
    }
}

/* Without --map the header line says whose export it is. */
static int guess_map(ly_cli *cli, ly_recon_ask *ask)
{
    const ly_export_preset *preset = ly_export_preset_guess(ask->csv);
    if (ask->map.column[LY_EXPORT_DATE].len) {
        return LY_EXIT_DONE;
    }
    if (!preset) {
        ly_buf names;
        ly_buf_init(&names, 1024);
        for (size_t i = 0; ly_export_preset_at(i); i++) {
            ly_buf_fmt(&names, "%s%s", i ? ", " : "", ly_export_preset_at(i)->name);
        }
        int code = ly_cli_usage(cli,
                                "the header line is none of %s; --map says which column is what, "
                                "for example --map date=date,model=model,amount=cost",
                                ly_buf_text(&names));
        ly_buf_release(&names);
        return code;
    }
    use_preset(preset, ask);
    ly_cli_note(cli, "read as %s (--map %s)", preset->name, preset->map);
    return LY_EXIT_DONE;
}

static int read_ask(ly_cli *cli, const ly_zone *zone, ly_recon_ask *ask)
{
    ly_err err = LY_ERR_INIT;
    ly_costing_time time;
    ly_rate rate = LY_RATE_PER_USD / 100;
    const char *map = ly_cli_opt(cli, "map"), *tolerance = ly_cli_opt(cli, "tolerance");
    int code = ly_costing_time_opts(cli, zone, &time);
    if (code) {
        return code;
    }
    const ly_export_preset *preset = map ? ly_export_preset_named(ly_str_c(map)) : NULL;
    if (map && !preset && ly_export_map_parse(ly_str_c(map), &ask->map, &err) != LY_OK) {
        return ly_cli_usage(cli, "%s", err.text);
    }
    ask->provider = ly_str_c(ly_cli_opt(cli, "provider"));
    if (preset) {
        use_preset(preset, ask);
    }
    if (tolerance &&
        (!ly_rate_parse(ly_str_c(tolerance), 0, &rate) || rate > LY_RATE_PER_USD * 1000000)) {
        return ly_cli_usage(cli, "--tolerance takes dollars, not '%s'", tolerance);
    }
    ask->tolerance_pico = (int64_t)(rate / 1000000);
    ask->cents = ly_cli_flag(cli, "cents");
    ask->from_ns = time.from_ns;
    ask->until_ns = time.until_ns;
    ask->zone = zone;
    return LY_EXIT_DONE;
}

static int compare(ly_cli *cli, ly_store *store, ly_recon_ask *ask)
{
    ly_err err = LY_ERR_INIT;
    ly_price_book *book = NULL;
    ly_recon recon;
    ly_arena arena;
    ly_buf file;
    int code;
    ly_buf_init(&file, MAX_EXPORT_BYTES);
    ly_arena_init(&arena, LY_MIB(1), 0);
    ly_status status = ly_costing_read_file(cli->args[0], MAX_EXPORT_BYTES, &file, &err);
    if (status == LY_OK) {
        status = ly_cost_book_open(store, &book, &err);
    }
    ask->csv = ly_buf_view(&file);
    ask->book = book;
    int guessed = status == LY_OK ? guess_map(cli, ask) : LY_EXIT_DONE;
    if (status == LY_OK && !guessed &&
        (status = ly_reconcile(store, ask, &arena, &recon, &err)) != LY_OK) {
        status = ly_err_wrap(&err, "%s", cli->args[0]);
    }
    if (status != LY_OK || guessed) {
        code = guessed ? guessed : ly_cli_fail(cli, &err);
    } else {
        code = cli->json || cli->csv ? machine_rows(cli, &recon, ask->zone)
                                     : print_rows(cli, &recon, ask->zone);
        code = !code && recon.n_different ? LY_EXIT_NO : code;
    }
    ly_price_book_free(book);
    ly_arena_release(&arena);
    ly_buf_release(&file);
    return code;
}

int ly_cost_run_reconcile(ly_cli *cli)
{
    ly_recon_ask ask = {.csv = LY_STR_NONE};
    ly_zone *zone = NULL;
    ly_store *store = NULL;
    int code = ly_costing_zone(cli, &zone);
    if (!code) {
        code = read_ask(cli, zone, &ask);
    }
    if (!code) {
        code = ly_costing_open(cli, &store);
    }
    if (!code) {
        code = compare(cli, store, &ask);
    }
    ly_store_close(store);
    ly_zone_free(zone);
    return code;
}
