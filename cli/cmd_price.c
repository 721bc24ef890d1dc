/* `lydite price`: price books and the user's own prices. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/costing.h"
#include "cli/price_i.h"
#include "cli/fetch.h"
#include "text/csv.h"

#define DEFAULT_UPDATE_URL \
    "https://raw.githubusercontent.com/pydantic/genai-prices/main/prices/data.json"

/* ---- showing rows ---- */

/* In the form that `price add` takes: "input=3 input>200000=6 output=15". */
static void prices_text(const ly_price_row *row, ly_buf *out)
{
    for (size_t i = 0; i < row->n_prices; i++) {
        const ly_price *p = &row->prices[i];
        const char *name = ly_unit_name(p->unit);
        ly_buf_fmt(out, "%s%s=", i ? " " : "", name);
        ly_rate_format(p->base, out);
        for (size_t k = 0; k < p->n_steps; k++) {
            ly_buf_fmt(out, " %s>%lld=", name, (long long)p->steps[k].start);
            ly_rate_format(p->steps[k].rate, out);
        }
    }
    if (row->free) {
        ly_buf_c(out, row->n_prices ? " free" : "free");
    }
}

static void condition(const char *word, ly_str value, ly_buf *out)
{
    if (value.len) {
        ly_buf_fmt(out, "%s%s %.*s", out->len ? " " : "", word, LY_STR_ARG(value));
    }
}

/* When a row counts: its days, hours and tier, and of an own row where. */
static void validity_text(const ly_price_row *row, ly_buf *out)
{
    if (row->from_ns != INT64_MIN) {
        ly_buf_c(out, "from ");
        ly_costing_day(NULL, row->from_ns, false, out);
    }
    if (row->to_ns != INT64_MAX) {
        ly_buf_c(out, out->len ? " to " : "to ");
        ly_costing_day(NULL, row->to_ns, false, out);
    }
    if (row->day_from_s >= 0) {
        ly_buf_fmt(out, "%s%02d:%02d-%02d:%02d", out->len ? " " : "", row->day_from_s / 3600,
                   row->day_from_s / 60 % 60, row->day_to_s / 3600, row->day_to_s / 60 % 60);
        ly_buf_c(out, row->workdays ? " Mon-Fri" : "");
    }
    if (row->service_tier.len) {
        ly_buf_fmt(out, "%s%.*s", out->len ? " " : "", LY_STR_ARG(row->service_tier));
    }
    condition("service", row->service, out);
    condition("key", row->access_key, out);
    condition("gateway", row->gateway, out);
}

static int json_row(ly_cli *cli, const ly_price_row *row)
{
    ly_buf buf, text;
    ly_jsonw w;
    ly_buf_init(&buf, LY_MIB(1));
    ly_buf_init(&text, LY_MIB(1));
    ly_jsonw_init(&w, &buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_i64(&w, "row", row->id);
    if (row->id < 0) {
        ly_jsonw_kv_i64(&w, "own_price", -row->id);
    }
    ly_jsonw_kv_str(&w, "provider", row->provider);
    ly_jsonw_kv_str(&w, "model", row->model);
    ly_jsonw_kv_str(&w, "service_tier", row->service_tier);
    if (row->from_ns != INT64_MIN) {
        ly_costing_day(NULL, row->from_ns, false, &text);
        ly_jsonw_kv_str(&w, "from", ly_buf_view(&text));
    }
    if (row->to_ns != INT64_MAX) {
        ly_buf_reset(&text);
        ly_costing_day(NULL, row->to_ns, false, &text);
        ly_jsonw_kv_str(&w, "to", ly_buf_view(&text));
    }
    if (row->service.len) {
        ly_jsonw_kv_str(&w, "service", row->service);
    }
    if (row->access_key.len) {
        ly_jsonw_kv_str(&w, "access_key", row->access_key);
    }
    if (row->gateway.len) {
        ly_jsonw_kv_str(&w, "gateway", row->gateway);
    }
    ly_jsonw_kv_bool(&w, "free", row->free);
    ly_jsonw_key(&w, "prices");
    ly_jsonw_object(&w);
    for (size_t i = 0; i < row->n_prices; i++) {
        const ly_price *p = &row->prices[i];
        ly_buf_reset(&text);
        ly_rate_format(p->base, &text);
        ly_jsonw_key(&w, ly_unit_price_key(p->unit));
        if (p->n_steps == 0) {
            ly_jsonw_str(&w, ly_buf_view(&text));
            continue;
        }
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "base", ly_buf_view(&text));
        ly_jsonw_key(&w, "tiers");
        ly_jsonw_array(&w);
        for (size_t k = 0; k < p->n_steps; k++) {
            ly_buf_reset(&text);
            ly_rate_format(p->steps[k].rate, &text);
            ly_jsonw_object(&w);
            ly_jsonw_kv_i64(&w, "above", p->steps[k].start);
            ly_jsonw_kv_str(&w, "price", ly_buf_view(&text));
            ly_jsonw_object_end(&w);
        }
        ly_jsonw_array_end(&w);
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_object_end(&w);
    ly_jsonw_kv_str(&w, "source", row->source);
    if (row->note.len) {
        ly_jsonw_kv_str(&w, "note", row->note);
    }
    ly_jsonw_object_end(&w);
    int code = ly_costing_json_line(cli, &w, &buf);
    ly_buf_release(&buf);
    ly_buf_release(&text);
    return code;
}

static void table_row(ly_table *table, const ly_price_row *row)
{
    ly_buf text;
    ly_buf_init(&text, LY_KIB(64));
    ly_table_cellf(table, row->id < 0 ? "own-%lld" : "%lld",
                   (long long)(row->id < 0 ? -row->id : row->id));
    ly_table_cell(table, row->provider.len ? row->provider : LY_S("*"));
    ly_table_cell(table, row->model.len ? row->model : LY_S("*"));
    validity_text(row, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_buf_reset(&text);
    prices_text(row, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_buf_release(&text);
}

/* One row whole: what it is for, then its prices, in lines of at most 80 columns. */
static void print_row(ly_cli *cli, const ly_price_row *row)
{
    ly_buf text, clean;
    ly_str rest, part;
    size_t column = 0;
    ly_buf_init(&text, LY_KIB(64));
    ly_buf_init(&clean, LY_KIB(256));
    validity_text(row, &text);
    ly_costing_clean(cli, row->provider.len ? row->provider : LY_S("*"), &clean);
    ly_buf_c(&clean, "  ");
    ly_costing_clean(cli, row->model.len ? row->model : LY_S("*"), &clean);
    ly_buf_c(&clean, text.len ? "  " : "");
    ly_costing_clean(cli, ly_buf_view(&text), &clean);
    fprintf(cli->out, row->id < 0 ? "own-%lld  %s\n" : "%lld  %s\n",
            (long long)(row->id < 0 ? -row->id : row->id), ly_buf_text(&clean));
    ly_buf_reset(&text);
    prices_text(row, &text);
    rest = ly_buf_view(&text);
    while (rest.len > 0 && ly_str_split(&rest, ' ', &part)) {
        bool fits = column > 0 && column + 1 + part.len <= 80;
        fprintf(cli->out, "%s%.*s", fits ? " " : column ? "\n  " : "  ", LY_STR_ARG(part));
        column = fits ? column + 1 + part.len : 2 + part.len;
    }
    fputs(column ? "\n" : "", cli->out);
    ly_buf_release(&text);
    ly_buf_release(&clean);
}

static ly_table *row_table(ly_cli *cli)
{
    static const char *const heads[] = {"row", "provider", "model", "when", "US dollars"};
    ly_table *table = ly_table_new(cli, LY_COUNT(heads));
    for (size_t i = 0; table && i < LY_COUNT(heads); i++) {
        ly_table_col(table, i, heads[i], i == 0 ? LY_RIGHT : LY_LEFT, 0);
    }
    return table;
}

/* Contains, in any letter case. */
static bool names(ly_str text, ly_str part)
{
    if (part.len == 0) {
        return true;
    }
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (ly_str_eq_nocase(ly_str_sub(text, i, part.len), part)) {
            return true;
        }
    }
    return false;
}

static bool wanted(const ly_price_row *row, ly_str part, bool own_only)
{
    return (!own_only || row->id < 0) && (names(row->provider, part) || names(row->model, part));
}

static int print_rows(ly_cli *cli, const ly_price_book *book, ly_str part)
{
    ly_price_info info = ly_price_book_info(book);
    bool own_only = ly_cli_flag(cli, "own");
    int64_t most = cli->n >= 0 ? cli->n : INT64_MAX, n = 0;
    ly_table *table = cli->json ? NULL : row_table(cli);
    int code = LY_EXIT_DONE;
    if (!cli->json && !table) {
        return LY_EXIT_INPUT;
    }
    for (size_t i = info.n_rows + info.n_own; !code && i-- > info.n_rows && n < most;) {
        const ly_price_row *row = ly_price_book_row(book, i); /* own first, the latest first */
        if (wanted(row, part, own_only)) {
            code = cli->json ? json_row(cli, row) : (table_row(table, row), LY_EXIT_DONE);
            n++;
        }
    }
    for (size_t i = 0; !code && i < info.n_rows && n < most; i++) {
        const ly_price_row *row = ly_price_book_row(book, i);
        if (wanted(row, part, own_only)) {
            code = cli->json ? json_row(cli, row) : (table_row(table, row), LY_EXIT_DONE);
            n++;
        }
    }
    if (table) {
        ly_buf line;
        ly_buf_init(&line, 4096);
        ly_table_print(table);
        ly_costing_book_text(&info, &line);
        fprintf(cli->out, "%lld row%s; %s, %zu model%s of %zu provider%s, %zu of your own\n",
                (long long)n, ly_plural(n), ly_buf_text(&line), info.n_models,
                ly_plural(info.n_models), info.n_providers, ly_plural(info.n_providers),
                info.n_own);
        ly_buf_release(&line);
    }
    ly_table_free(table);
    return !code && n == 0 && cli->fail_empty ? LY_EXIT_NO : code;
}

static int json_book(ly_cli *cli, const ly_stored_book *b)
{
    ly_buf buf;
    ly_jsonw w;
    ly_buf_init(&buf, LY_MIB(1));
    ly_jsonw_init(&w, &buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_i64(&w, "book", b->number);
    ly_jsonw_kv_str(&w, "name", b->name);
    ly_jsonw_kv_str(&w, "format", ly_str_c(ly_book_format_name((ly_book_format)b->format)));
    if (b->published_ns == LY_UNKNOWN) {
        ly_jsonw_kv_null(&w, "published_ns");
    } else {
        ly_jsonw_kv_i64(&w, "published_ns", b->published_ns);
    }
    ly_jsonw_kv_i64(&w, "learned_ns", b->learned_ns);
    ly_jsonw_kv_str(&w, "source", b->source);
    ly_jsonw_kv_bool(&w, "in_force", b->active);
    ly_jsonw_object_end(&w);
    int code = ly_costing_json_line(cli, &w, &buf);
    ly_buf_release(&buf);
    return code;
}

static int print_books(ly_cli *cli, ly_store *store)
{
    static const char *const heads[] = {"book", "name", "format", "of", "learned", "source", ""};
    ly_arena arena;
    ly_stored_book *books = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&arena, 0, 0);
    if (ly_book_list(store, &arena, &books, &n, &err) != LY_OK) {
        ly_arena_release(&arena);
        return ly_cli_fail(cli, &err);
    }
    ly_table *table = ly_table_new(cli, LY_COUNT(heads));
    ly_buf text;
    ly_buf_init(&text, 256);
    bool active = false;
    for (size_t i = 0; table && i < LY_COUNT(heads); i++) {
        ly_table_col(table, i, heads[i], LY_LEFT, 0);
    }
    for (size_t i = 0; cli->json && i < n; i++) {
        (void)json_book(cli, &books[i]);
    }
    for (size_t i = 0; table && i < n && !cli->json; i++) {
        const ly_stored_book *b = &books[i];
        active = active || b->active;
        ly_table_cellf(table, "%lld", (long long)b->number);
        ly_table_cell(table, b->name);
        ly_table_cell(table, ly_str_c(ly_book_format_name((ly_book_format)b->format)));
        ly_buf_reset(&text);
        ly_costing_day(NULL, b->published_ns, false, &text);
        ly_table_cell(table, ly_buf_view(&text));
        ly_buf_reset(&text);
        ly_costing_day(NULL, b->learned_ns, false, &text);
        ly_table_cell(table, ly_buf_view(&text));
        ly_table_cell(table, b->source);
        ly_table_cell(table, b->active ? LY_S("in force") : LY_S(""));
    }
    if (table && n && !cli->json) {
        ly_table_print(table);
    }
    if (!active && !cli->json) {
        fprintf(cli->out, "in force: the compiled-in book\n");
    }
    ly_table_free(table);
    ly_buf_release(&text);
    ly_arena_release(&arena);
    return LY_EXIT_DONE;
}

/* The store may not exist yet: then the compiled-in book is what there is. */
int ly_price_open(ly_cli *cli, ly_store **ret_store)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_err err = LY_ERR_INIT;
    opts.role = LY_STORE_READER;
    ly_status status = ly_store_open(ly_cli_db(cli), &opts, ret_store, &err);
    if (status == LY_E_NOTFOUND) {
        *ret_store = NULL;
        return LY_EXIT_DONE;
    }
    return status == LY_OK ? LY_EXIT_DONE : ly_cli_fail(cli, &err);
}

static int with_book(ly_cli *cli, int (*fn)(ly_cli *cli, const ly_price_book *book))
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_price_book *own = NULL;
    int code = ly_price_open(cli, &store);
    if (code) {
        return code;
    }
    if (store && ly_cost_book_open(store, &own, &err) != LY_OK) {
        ly_store_close(store);
        return ly_cli_fail(cli, &err);
    }
    const ly_price_book *book = own ? own : ly_price_book_default();
    code = book ? fn(cli, book) : LY_EXIT_INPUT;
    ly_price_book_free(own);
    ly_store_close(store);
    return code;
}

static int list_rows(ly_cli *cli, const ly_price_book *book)
{
    return print_rows(cli, book, cli->n_args ? ly_str_c(cli->args[0]) : LY_STR_NONE);
}

static int run_list(ly_cli *cli)
{
    if (!ly_cli_flag(cli, "books")) {
        return with_book(cli, list_rows);
    }
    ly_store *store = NULL;
    int code = ly_costing_open(cli, &store);
    if (!code) {
        code = print_books(cli, store);
    }
    ly_store_close(store);
    return code;
}

/* ---- show: what a model costs now ---- */

static void print_said(ly_cli *cli, const char *name, ly_str text)
{
    ly_buf clean;
    ly_buf_init(&clean, LY_KIB(16));
    ly_costing_clean(cli, text, &clean);
    if (text.len) {
        fprintf(cli->out, "%s: %s\n", name, ly_buf_text(&clean));
    }
    ly_buf_release(&clean);
}

/* Where no provider is named: that of the book's row, else of the latest own row for such a model. */
static ly_price_hit find_of_any(const ly_price_book *book, ly_price_ask *ask)
{
    ly_price_info info = ly_price_book_info(book);
    ly_price_hit hit = ly_price_find(book, ask);
    if (ask->provider.len || hit.own) {
        return hit;
    }
    if (hit.base) {
        ask->provider = hit.base->provider;
        return ly_price_find(book, ask);
    }
    for (size_t i = info.n_rows + info.n_own; !hit.own && i-- > info.n_rows;) {
        ly_str names = ly_price_book_row(book, i)->provider;
        while (!hit.own && ly_str_split(&names, '|', &ask->provider)) {
            hit = ly_price_find(book, ask);
        }
    }
    return hit;
}

static int show_model(ly_cli *cli, const ly_price_book *book)
{
    const char *at = ly_cli_opt(cli, "at"), *provider = ly_cli_opt(cli, "provider");
    int64_t now = ly_wall_ns(), ignored;
    if (at && !ly_costing_time_parse(ly_str_c(at), NULL, &now, &ignored)) {
        return ly_cli_usage(cli, "--at '%s' is no time", at);
    }
    ly_price_ask ask = {.provider = ly_str_c(provider),
                        .model = ly_str_c(cli->args[0]),
                        .service = ly_str_c(ly_cli_opt(cli, "service")),
                        .access_key = ly_str_c(ly_cli_opt(cli, "key")),
                        .service_tier = ly_str_c(ly_cli_opt(cli, "tier")),
                        .at_ns = now};
    ly_price_hit hit = find_of_any(book, &ask);
    int code = LY_EXIT_DONE;
    if (!hit.base && !hit.own) {
        ly_err err = LY_ERR_INIT;
        (void)LY_FAIL(&err, LY_E_NOTFOUND,
                      "%s: %s; 'lydite price list %s' searches, 'lydite price add' "
                      "adds one of your own",
                      cli->args[0], ly_price_why_text(hit.why), cli->args[0]);
        return ly_cli_fail(cli, &err);
    }
    if (cli->json) {
        code = hit.own ? json_row(cli, hit.own) : LY_EXIT_DONE;
        return !code && hit.base ? json_row(cli, hit.base) : code;
    }
    if (hit.own) {
        print_row(cli, hit.own);
    }
    if (hit.base) {
        print_row(cli, hit.base);
    }
    if (hit.base) {
        print_said(cli, "source", hit.base->source);
        print_said(cli, "note", hit.base->note);
    }
    return code;
}

static int run_show(ly_cli *cli)
{
    return with_book(cli, show_model);
}

/* ---- import and update ---- */

static int import_text(ly_cli *cli, ly_str text, const char *name, const char *source)
{
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    ly_book_import done;
    ly_book_format format = LY_BOOK__COUNT;
    int64_t published = LY_UNKNOWN, ignored;
    const char *as = ly_cli_opt(cli, "format"), *day = ly_cli_opt(cli, "published");
    const char *called = ly_cli_opt(cli, "name");
    if (as && !ly_book_format_parse(ly_str_c(as), &format)) {
        return ly_cli_usage(cli, "--format is genai-prices, litellm or csv, not '%s'", as);
    }
    if (day && !ly_costing_time_parse(ly_str_c(day), NULL, &published, &ignored)) {
        return ly_cli_usage(cli, "--published '%s' is no day", day);
    }
    if (format == LY_BOOK__COUNT) {
        format = ly_book_format_guess(text);
    }
    if (!called) {
        called = format == LY_BOOK_CSV ? name : ly_book_format_name(format);
    }
    int code = ly_costing_open_writer(cli, &store);
    if (code) {
        return code;
    }
    bool activate = !ly_cli_flag(cli, "keep-only") && !cli->dry_run;
    if (cli->dry_run) {
        ly_price_book *book = NULL;
        if (ly_book_read(format, text, ly_str_c(called), ly_str_c(source), 0, published,
                         ly_wall_ns(), NULL, NULL, &book, &done.notes, &err) != LY_OK) {
            code = ly_cli_fail(cli, &err);
        } else {
            done.info = ly_price_book_info(book);
        }
        ly_price_book_free(book);
    } else if (ly_cost_book_import(store, format, text, ly_str_c(called), ly_str_c(source),
                                   published, activate, &done, &err) != LY_OK) {
        (void)ly_err_wrap(&err, "%s", source);
        code = ly_cli_fail(cli, &err);
    }
    if (!code && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "name", called);
        ly_jsonw_kv_i64(&a.w, "rows", (int64_t)done.info.n_rows);
        ly_jsonw_kv_i64(&a.w, "models", (int64_t)done.info.n_models);
        ly_jsonw_kv_i64(&a.w, "providers", (int64_t)done.info.n_providers);
        ly_jsonw_kv_i64(&a.w, "left_out", (int64_t)done.notes.n_skipped);
        ly_jsonw_kv_i64(&a.w, "unknown_keys", (int64_t)done.notes.n_unknown_keys);
        ly_jsonw_kv_bool(&a.w, "kept", !cli->dry_run);
        ly_jsonw_kv_bool(&a.w, "in_force", activate);
        code = ly_answer_end(&a);
    } else if (!code) {
        fprintf(cli->out, "%s: %zu row%s of %zu model%s, %zu provider%s%s\n", called,
                done.info.n_rows, ly_plural(done.info.n_rows), done.info.n_models,
                ly_plural(done.info.n_models), done.info.n_providers,
                ly_plural(done.info.n_providers),
                cli->dry_run ? " (not kept: --dry-run)"
                : activate   ? ", in force"
                             : ", kept");
        for (size_t i = 0; i < done.notes.n_keys; i++) {
            ly_cli_note(cli, "%s is not applied (%zu %s, %s); 'lydite price show' tells it",
                        done.notes.keys[i].key, done.notes.keys[i].n,
                        done.notes.keys[i].n == 1 ? "model" : "models, the first",
                        done.notes.keys[i].model);
        }
        if (done.notes.n_skipped) {
            ly_cli_note(cli, "%zu model%s left out, the first: %s", done.notes.n_skipped,
                        done.notes.n_skipped == 1 ? " was" : "s were", done.notes.skipped);
        }
        if (activate) {
            ly_cli_note(cli, "%s", ly_price_later);
        }
    }
    ly_store_close(store);
    return code;
}

static int run_import(ly_cli *cli)
{
    ly_buf text;
    ly_err err = LY_ERR_INIT;
    const char *path = cli->args[0], *name = strrchr(path, '/');
    ly_buf_init(&text, LY_MAX_BOOK_BYTES);
    int code = ly_costing_read_file(path, LY_MAX_BOOK_BYTES, &text, &err) == LY_OK
                   ? import_text(cli, ly_buf_view(&text), name ? name + 1 : path, path)
                   : ly_cli_fail(cli, &err);
    ly_buf_release(&text);
    return code;
}

static int run_update(ly_cli *cli)
{
    ly_buf text;
    ly_err err = LY_ERR_INIT;
    const char *url = cli->n_args ? cli->args[0] : ly_cli_setting(cli, "price-url");
    ly_buf_init(&text, LY_MAX_BOOK_BYTES);
    url = url ? url : DEFAULT_UPDATE_URL;
    int code = ly_cli_fetch(url, LY_MAX_BOOK_BYTES, &text, &err) == LY_OK
                   ? import_text(cli, ly_buf_view(&text), "update", url)
                   : ly_cli_fail(cli, &err);
    ly_buf_release(&text);
    return code;
}

static int run_use(ly_cli *cli)
{
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    int64_t number = 0;
    bool compiled = strcmp(cli->args[0], "default") == 0;
    if (!compiled && (!ly_str_to_i64(ly_str_c(cli->args[0]), &number) || number <= 0)) {
        return ly_cli_usage(cli, "give a number of 'lydite price list --books', or default");
    }
    int code = ly_costing_open_writer(cli, &store);
    if (!code && ly_book_activate(store, number, &err) != LY_OK) {
        code = ly_cli_fail(cli, &err);
    }
    if (!code && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_i64(&a.w, "in_force", number);
        code = ly_answer_end(&a);
    }
    if (!code) {
        ly_cli_note(cli, "%s", ly_price_later);
    }
    ly_store_close(store);
    return code;
}

static const ly_opt list_opts[] = {
    {"own", 0, NULL, "your own prices only", false},
    {"books", 0, NULL, "the books that are kept, not their rows", false},
};
static const ly_opt show_opts[] = {
    {"provider", 0, "NAME", "as spans name it", false},
    {"service", 0, "NAME", "the service that calls", false},
    {"key", 0, "NAME", "the access key that its spans come in with", false},
    {"tier", 0, "TIER", "batch, flex, priority", false},
    {"at", 0, "TIME", "when (default: now)", false},
};
static const ly_opt add_opts[] = {
    {"provider", 0, "NAMES", "for this provider; several with '|', '*' at an end", false},
    {"model", 0, "NAMES", "for this model; a name stands for its dated versions too", false},
    {"service", 0, "NAME", "for calls of this service", false},
    {"key", 0, "NAME", "for spans that came in with this access key", false},
    {"tier", 0, "TIER", "for this service tier: batch, flex, priority", false},
    {"gateway", 0, "HOST", "for calls to this host, which is not local even where its address is",
     false},
    {"from", 0, "TIME", "valid from", false},
    {"to", 0, "TIME", "valid up to, not including", false},
    {"note", 0, "TEXT", "why", false},
};
#define IMPORT_OPTS                                                                      \
    {"format", 0, "FORMAT", "genai-prices, litellm or csv (default: found out)", false}, \
        {"name", 0, "NAME", "what to call the book", false},                             \
        {"published", 0, "DAY", "the day its prices are of", false},                     \
    {                                                                                    \
        "keep-only", 0, NULL, "keep it, do not put it in force", false                   \
    }
static const ly_opt import_opts[] = {IMPORT_OPTS};

static const ly_verb verbs[] = {
    {"list", "[PART]", 0, 1, "price rows, or the books that are kept",
     "PART is looked for in providers and models.\n"
     "--json: row, provider, model, service_tier, from, to, free, prices (key: price, or base and\n"
     "tiers), source, note, of own rows own_price, service, access_key, gateway; of --books: book, "
     "name, "
     "format,\n"
     "published_ns, learned_ns, source, in_force. Dollars a million tokens or 1000 requests.",
     "lydite price list gpt-5\nlydite price list --own",
     LY_COMMON_READ | LY_COMMON_N | LY_COMMON_FAIL_EMPTY, list_opts, LY_COUNT(list_opts), run_list},
    {"show", "MODEL", 1, 1, "what a model costs, by which row", "--json: as list.",
     "lydite price show gpt-5 --provider openai", LY_COMMON_READ, show_opts, LY_COUNT(show_opts),
     run_show},
    {"add", "[PRICE...]", 0, -1, "a price of your own, over any book",
     "PRICE is UNIT=USD: input, output, cache_read, cache_write, cache_write_1h, reasoning, "
     "audio_in,\n"
     "audio_out, image_in, requests, web_search, any key of genai-prices, with input>200000=2.5 "
     "for\n"
     "a context tier, or free. Units that you do not name keep the book's price. The most "
     "specific\n"
     "of your rows wins, then the latest. --json: own_price (its number).",
     "lydite price add --provider openai --model gpt-5 input=1.0 output=8\n"
     "lydite price add --gateway localhost",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, add_opts, LY_COUNT(add_opts), ly_price_run_add},
    {"rm", "PRICE", 1, 1, "end a price of your own",
     "PRICE is own-N or N, as 'lydite price list --own' shows it. --json: ended (its number).",
     "lydite price rm own-1", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, NULL, 0,
     ly_price_run_rm},
    {"import", "FILE", 1, 1, "take a price book from a file",
     "genai-prices data.json (v2), LiteLLM's price JSON, or our CSV. Read whole or not at all.\n"
     "--json: name rows models providers left_out unknown_keys kept in_force.",
     "lydite price import data.json", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT | LY_COMMON_DRY,
     import_opts, LY_COUNT(import_opts), run_import},
    {"update", "[URL]", 0, 1, "fetch a price book and put it in force",
     "Fetched, read whole, then swapped in one transaction; on any error nothing changes. The\n"
     "setting price-url is the default, then the published genai-prices data. --json: as import.",
     "lydite price update", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT | LY_COMMON_DRY,
     import_opts, LY_COUNT(import_opts), run_update},
    {"use", "NUMBER", 1, 1, "put a kept book in force; `default` = the compiled-in one",
     "--json: in_force (its number, 0 = the compiled-in one).", "lydite price use default",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, NULL, 0, run_use},
    {"check", "[FILE]", 0, 1, "age of the book in force, and what differs from another",
     "FILE is any importable book; without it the newest kept one is compared. Exit code 1 when "
     "it\n"
     "is older than 60 days or prices differ. --json: one object a line: kind (book, then "
     "difference); of\n"
     "the book name other age_days old differences; of a difference provider model price in_force "
     "other source note.",
     "lydite price check\nlydite price check data.json", LY_COMMON_READ, NULL, 0,
     ly_price_run_check},
};
const ly_cmd ly_cmd_price = {
    "price", "price books and prices of your own", "Cost", verbs, LY_COUNT(verbs), false};
