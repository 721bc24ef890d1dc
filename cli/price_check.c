/* `lydite price check`: how old the book in force is, and what differs from another. */
#include "cli/price_i.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/costing.h"
#include "cost/book_check.h"

static void json_rate(ly_jsonw *w, const char *key, ly_rate rate)
{
    ly_buf text;
    ly_buf_init(&text, 64);
    ly_rate_format(rate, &text);
    ly_jsonw_kv_str(w, key, ly_buf_view(&text));
    ly_buf_release(&text);
}

static int json_check(ly_cli *cli, const ly_price_info *here, const ly_price_info *there,
                      const ly_book_difference *rows, size_t n, int64_t age)
{
    ly_answer a;
    ly_answer_begin(&a, cli);
    ly_jsonw_kv_c(&a.w, "kind", "book");
    ly_jsonw_kv_str(&a.w, "name", here->name);
    ly_jsonw_kv_str(&a.w, "other", there->name);
    ly_jsonw_kv_i64(&a.w, "age_days", age);
    ly_jsonw_kv_bool(&a.w, "old", age > LY_BOOK_OLD_DAYS);
    ly_jsonw_kv_i64(&a.w, "differences", (int64_t)n);
    int code = ly_answer_end(&a);
    for (size_t i = 0; i < n && !code; i++) {
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "kind", "difference");
        ly_jsonw_kv_str(&a.w, "provider", rows[i].provider);
        ly_jsonw_kv_str(&a.w, "model", rows[i].model);
        ly_jsonw_kv_c(&a.w, "price", ly_unit_price_key(rows[i].unit));
        json_rate(&a.w, "in_force", rows[i].here);
        json_rate(&a.w, "other", rows[i].there);
        ly_jsonw_kv_str(&a.w, "source", rows[i].source);
        ly_jsonw_kv_str(&a.w, "note", rows[i].note);
        code = ly_answer_end(&a);
    }
    return code ? code : n || age > LY_BOOK_OLD_DAYS ? LY_EXIT_NO : LY_EXIT_DONE;
}

/* What the book in force says of its own prices where they differ: a model a line. */
static void print_notes(ly_cli *cli, const ly_book_difference *rows, size_t n)
{
    ly_buf line;
    ly_buf_init(&line, LY_KIB(16));
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && ly_str_eq(rows[i].model, rows[i - 1].model) &&
                    ly_str_eq(rows[i].note, rows[i - 1].note);
        if (rows[i].note.len == 0 || same) {
            continue;
        }
        ly_costing_clean(cli, rows[i].model, &line);
        ly_buf_c(&line, ": ");
        ly_costing_clean(cli, rows[i].note, &line);
        fprintf(cli->out, "%s\n", ly_buf_text(&line));
        ly_buf_reset(&line);
    }
    ly_buf_release(&line);
}

static int print_check(ly_cli *cli, const ly_price_book *book, const ly_price_book *other)
{
    ly_book_difference *rows = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    ly_price_info info = ly_price_book_info(book), that = ly_price_book_info(other);
    int64_t now = ly_wall_ns(), age = ly_book_age_days(&info, now);
    ly_buf line;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&line, 4096);
    if (ly_book_compare(book, other, now, &arena, &rows, &n, &err) != LY_OK) {
        ly_arena_release(&arena);
        return ly_cli_fail(cli, &err);
    }
    if (cli->json) {
        int code = json_check(cli, &info, &that, rows, n, age);
        ly_buf_release(&line);
        ly_arena_release(&arena);
        return code;
    }
    ly_costing_book_text(&info, &line);
    fprintf(cli->out, "in force: %s, %lld day%s old%s\n", ly_buf_text(&line), (long long)age,
            ly_plural(age), age > LY_BOOK_OLD_DAYS ? " (old)" : "");
    ly_buf_reset(&line);
    ly_costing_book_text(&that, &line);
    ly_table *table = ly_table_new(cli, 5);
    static const char *const heads[] = {"provider", "model", "price", "in force", "other"};
    for (size_t i = 0; table && i < 5; i++) {
        ly_table_col(table, i, heads[i], i < 3 ? LY_LEFT : LY_RIGHT, 0);
    }
    for (size_t i = 0; table && i < n; i++) {
        ly_buf rate;
        ly_buf_init(&rate, 64);
        ly_table_cell(table, rows[i].provider);
        ly_table_cell(table, rows[i].model);
        ly_table_cell(table, ly_str_c(ly_unit_price_key(rows[i].unit)));
        ly_rate_format(rows[i].here, &rate);
        ly_table_cell(table, ly_buf_view(&rate));
        ly_buf_reset(&rate);
        ly_rate_format(rows[i].there, &rate);
        ly_table_cell(table, ly_buf_view(&rate));
        ly_buf_release(&rate);
    }
    if (table && n) {
        ly_table_print(table);
        print_notes(cli, rows, n);
    }
    fprintf(cli->out, "%zu price%s from %s\n", n, n == 1 ? " differs" : "s differ",
            ly_buf_text(&line));
    ly_table_free(table);
    ly_buf_release(&line);
    ly_arena_release(&arena);
    return n || age > LY_BOOK_OLD_DAYS ? LY_EXIT_NO : LY_EXIT_DONE;
}

/* The book to compare with: a file, else the newest kept one that is not in force, else compiled in. */
static ly_status other_book(ly_cli *cli, ly_store *store, ly_price_book **ret, ly_err *err)
{
    ly_arena arena;
    ly_buf text;
    ly_stored_book *books = NULL, one;
    size_t n = 0;
    ly_status status = LY_OK;
    ly_arena_init(&arena, 0, LY_MIB(128));
    ly_buf_init(&text, LY_MAX_BOOK_BYTES);
    *ret = NULL;
    if (cli->n_args) {
        status = ly_costing_read_file(cli->args[0], LY_MAX_BOOK_BYTES, &text, err);
        ly_str view = ly_buf_view(&text);
        if (status == LY_OK) {
            status =
                ly_book_read(ly_book_format_guess(view), view, ly_str_c(cli->args[0]), LY_S(""), 0,
                             LY_UNKNOWN, ly_wall_ns(), NULL, NULL, ret, NULL, err);
        }
    } else if (store) {
        status = ly_book_list(store, &arena, &books, &n, err);
        for (size_t i = 0; status == LY_OK && i < n && !*ret; i++) {
            if (books[i].active) {
                continue;
            }
            status = ly_book_load(store, books[i].number, &arena, &one, err);
            if (status == LY_OK) {
                status = ly_book_read((ly_book_format)one.format, one.text, one.name, one.source,
                                      one.number, one.published_ns, one.learned_ns, NULL, NULL, ret,
                                      NULL, err);
            }
        }
    }
    ly_buf_release(&text);
    ly_arena_release(&arena);
    return status;
}

int ly_price_run_check(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_price_book *here = NULL, *there = NULL;
    int code = ly_price_open(cli, &store);
    if (code) {
        return code;
    }
    ly_status status = store ? ly_cost_book_open(store, &here, &err) : LY_OK;
    if (status == LY_OK) {
        status = other_book(cli, store, &there, &err);
    }
    const ly_price_book *first = here ? here : ly_price_book_default();
    const ly_price_book *second = there ? there : ly_price_book_default();
    code = status == LY_OK && first && second ? print_check(cli, first, second)
                                              : ly_cli_fail(cli, &err);
    ly_price_book_free(here);
    ly_price_book_free(there);
    ly_store_close(store);
    return code;
}
