/*
 * The genai-prices book, imported whole: for every model and random usage the price equals a separate,
 * slow, literal reading of the schema (oracle.py, run with python3; both sides read the same file).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cost/import.h"

#define DATA LY_SHARED_DIR "/data/prices/genai-prices-v2.json"

static ly_price_book *book;
static ly_buf text;

static bool read_all(FILE *file, ly_buf *out)
{
    char chunk[65536];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        ly_buf_add(out, chunk, n);
    }
    return !ferror(file);
}

static int setup(void **state)
{
    (void)state;
    ly_err err = LY_ERR_INIT;
    FILE *file = fopen(DATA, "rb");
    if (!file) {
        exit(77);
    }
    ly_buf_init(&text, LY_MIB(32));
    assert_true(read_all(file, &text));
    fclose(file);
    ly_import_notes notes;
    ly_status status = ly_book_read(ly_book_format_guess(ly_buf_view(&text)), ly_buf_view(&text),
                                    LY_S("genai-prices"), LY_S("test"), 3, LY_UNKNOWN, LY_UNKNOWN,
                                    NULL, NULL, &book, &notes, &err);
    if (status != LY_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(notes.n_unknown_keys, 0);
    assert_int_equal(notes.n_skipped, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_price_book_free(book);
    ly_buf_release(&text);
    return 0;
}

static void whole(void **state)
{
    (void)state;
    ly_price_info info = ly_price_book_info(book);
    size_t ids = 0; /* every provider and every model has one */
    for (size_t at = 0; (at = ly_str_find(ly_buf_view(&text), LY_S("\"id\":"), at)) != SIZE_MAX;
         at++) {
        ids++;
    }
    assert_int_equal(info.n_models + info.n_providers, ids);
    assert_true(info.n_rows >= info.n_models);
    for (size_t i = 0; i < info.n_rows; i++) {
        const ly_price_row *row = ly_price_book_row(book, i);
        assert_ptr_equal(ly_price_book_row_id(book, row->id), row);
        assert_int_equal(row->id >> 24, 3);
    }
}

static void parse_usage(ly_str pairs, ly_usage *ret)
{
    ly_str pair;
    *ret = (ly_usage){{0}};
    while (ly_str_split(&pairs, ',', &pair)) {
        size_t eq = ly_str_find_char(pair, '=', 0);
        ly_unit unit;
        assert_true(ly_unit_by_usage_key(ly_str_sub(pair, 0, eq), &unit));
        assert_true(ly_str_to_i64(ly_str_sub(pair, eq + 1, pair.len), &ret->count[unit]));
    }
}

static bool check_line(ly_str line)
{
    ly_str provider, model, when, pairs, expected;
    assert_true(ly_str_split(&line, '\t', &provider));
    assert_true(ly_str_split(&line, '\t', &model));
    assert_true(ly_str_split(&line, '\t', &when));
    assert_true(ly_str_split(&line, '\t', &pairs));
    expected = line;
    int64_t seconds, amount;
    assert_true(ly_str_to_i64(when, &seconds));
    bool url = ly_str_starts(provider, LY_S("https://"));
    ly_price_ask ask = {.provider = url ? LY_S("") : provider,
                        .address = url ? provider : LY_S(""),
                        .model = model,
                        .at_ns = seconds * 1000000000};
    ly_usage usage;
    parse_usage(pairs, &usage);
    ly_price_hit hit = ly_price_find(book, &ask);
    ly_price_sum sum;
    ly_price_compute(&hit, &usage, &sum);
    ly_priced quick = ly_price_amount(&hit, &usage);
    assert_int_equal(quick.amount_pico, sum.priced.amount_pico);
    assert_int_equal(quick.why, sum.priced.why);
    if (ly_str_to_i64(expected, &amount)) {
        if (sum.priced.why == LY_PRICE_OK && sum.priced.amount_pico == amount) {
            return true;
        }
    } else if (ly_str_eqc(expected, ly_price_why_name(sum.priced.why))) {
        return true;
    }
    print_error("%.*s %.*s at %.*s, %.*s: %lld (%s), expected %.*s\n", LY_STR_ARG(provider),
                LY_STR_ARG(model), LY_STR_ARG(when), LY_STR_ARG(pairs),
                (long long)sum.priced.amount_pico, ly_price_why_name(sum.priced.why),
                LY_STR_ARG(expected));
    return false;
}

static void against_oracle(void **state)
{
    (void)state;
    ly_buf lines;
    ly_buf_init(&lines, LY_MIB(64));
    FILE *pipe = popen("python3 " LY_TESTS_DIR "/cost/oracle.py " DATA " 20261121 4", "r");
    assert_non_null(pipe);
    assert_true(read_all(pipe, &lines));
    int code = pclose(pipe);
    if (code != 0) {
        print_error("python3 is missing or the oracle failed (%d): skipped\n", code);
        skip();
    }
    size_t n = 0, wrong = 0;
    ly_str rest = ly_buf_view(&lines), line;
    while (ly_str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            n++;
            wrong += check_line(line) ? 0 : 1;
        }
    }
    assert_int_equal(wrong, 0);
    assert_true(n > 5000);
    ly_buf_release(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(against_oracle),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
