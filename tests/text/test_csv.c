/* The CSV reader and writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/csv.h"

/* Reads all rows and writes them as "line:a|b|c;" so that one string says everything. */
static void read_all(ly_csv *csv, ly_buf *got, ly_err *err)
{
    const ly_csv_row *row;
    ly_status status;
    while ((status = ly_csv_next(csv, &row, err)) == LY_OK && row) {
        ly_buf_fmt(got, "%d:", (int)row->line);
        for (size_t i = 0; i < row->n; i++) {
            ly_buf_c(got, i > 0 ? "|" : "");
            ly_buf_str(got, row->fields[i]);
        }
        ly_buf_c(got, ";");
    }
    if (status != LY_OK) {
        ly_buf_fmt(got, "!%s", err->text);
    }
}

/* Gives one byte a call: every place where the window may end. */
static ly_status one_byte(void *user, char *dst, size_t room, size_t *ret_n, ly_err *err)
{
    ly_str *rest = user;
    (void)room;
    (void)err;
    *ret_n = rest->len > 0;
    if (rest->len > 0) {
        *dst = *rest->ptr++;
        rest->len--;
    }
    return LY_OK;
}

static void check(const char *text, size_t n, const char *want)
{
    ly_csv *csv;
    ly_buf got;
    ly_err err = LY_ERR_INIT;
    ly_buf_init(&got, LY_MIB(1));
    assert_int_equal(ly_csv_new_text(ly_str_n(text, n), NULL, &csv, NULL), LY_OK);
    read_all(csv, &got, &err);
    ly_csv_free(csv);
    assert_string_equal(ly_buf_text(&got), want);
    ly_str rest = ly_str_n(text, n);
    ly_buf_reset(&got);
    assert_int_equal(ly_csv_new(one_byte, &rest, NULL, &csv, NULL), LY_OK);
    read_all(csv, &got, &err);
    ly_csv_free(csv);
    assert_string_equal(ly_buf_text(&got), want);
    ly_buf_release(&got);
}

#define CHECK(text, want) check(text, sizeof(text) - 1, want)

static void rows(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK("a,b\r\n1,2\r\n", "1:a|b;2:1|2;");
    CHECK("a,b\n1,2", "1:a|b;2:1|2;");
    CHECK("a,b\r1,2\r", "1:a|b;2:1|2;");
    CHECK("\xEF\xBB\xBF"
          "a\n",
          "1:a;");
    CHECK("\n\r\n\na\n\n\nb\n", "4:a;7:b;");
    CHECK(",\n,,x\n", "1:|;2:||x;");
    CHECK("a,\n", "1:a|;");
    CHECK(" a , b \n", "1: a | b ;");
    CHECK("\xc3\xa9,\xff\n", "1:\xc3\xa9|\xff;");
}

static void quotes(void **state)
{
    (void)state;
    CHECK("\"a\",\"b \"\"x\"\"\"\n", "1:a|b \"x\";");
    CHECK("\"a\nb\",c\nd,e\n", "1:a\nb|c;3:d|e;");
    CHECK("\"a\r\nb\"\r\nd\r\n", "1:a\r\nb;3:d;");
    CHECK("\"\"\n\"\",\"\"\n", "1:;2:|;");
    CHECK("a\"b,c\"\n", "1:a\"b|c\";");
    CHECK("\"a,b\"", "1:a,b;");
    CHECK("\"a\"\r\"b\"\r", "1:a;2:b;");
}

static void errors(void **state)
{
    (void)state;
    CHECK("a\n\"b\nc", "1:a;!line 2: quoted field is never closed");
    CHECK("a\n\"b\n\"c,d\n",
          "1:a;!line 3: text after a closing quote (write \"\" for a quote inside)");
    CHECK("\"a\" ,b\n", "!line 1: text after a closing quote (write \"\" for a quote inside)");
    CHECK("\"", "!line 1: quoted field is never closed");
}

static void limits(void **state)
{
    (void)state;
    ly_csv *csv;
    ly_buf got;
    ly_err err = LY_ERR_INIT;
    ly_csv_opts opts = {.max_row_bytes = 8, .max_fields = 3, .delimiter = ';'};
    ly_buf_init(&got, 1000);
    assert_int_equal(ly_csv_new_text(LY_S("ab;cd;ef\n1234;567890\n"), &opts, &csv, NULL), LY_OK);
    read_all(csv, &got, &err);
    assert_string_equal(ly_buf_text(&got), "1:ab|cd|ef;!line 2: row is larger than 8 bytes");
    const ly_csv_row *row;
    assert_int_equal(ly_csv_next(csv, &row, NULL), LY_OK);
    assert_null(row);
    ly_csv_free(csv);
    ly_buf_reset(&got);
    assert_int_equal(ly_csv_new_text(LY_S("a;b;c;d\n"), &opts, &csv, NULL), LY_OK);
    read_all(csv, &got, &err);
    assert_string_equal(ly_buf_text(&got), "!line 1: more than 3 fields");
    ly_csv_free(csv);
    ly_buf_reset(&got);
    assert_int_equal(ly_csv_new_text(LY_S("\"123456789\"\n"), &opts, &csv, NULL), LY_OK);
    read_all(csv, &got, &err);
    assert_string_equal(ly_buf_text(&got), "!line 1: row is larger than 8 bytes");
    ly_csv_free(csv);
    ly_buf_release(&got);
}

static void from_a_descriptor(void **state)
{
    (void)state;
    int pipes[2];
    const ly_csv_row *row;
    ly_csv *csv;
    ly_err err = LY_ERR_INIT;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "a,b\n", 4), 4);
    close(pipes[1]);
    assert_int_equal(ly_csv_new(ly_csv_read_fd, &pipes[0], NULL, &csv, NULL), LY_OK);
    assert_int_equal(ly_csv_next(csv, &row, &err), LY_OK);
    assert_int_equal(row->n, 2);
    close(pipes[0]);
    assert_int_equal(ly_csv_next(csv, &row, &err), LY_E_IO);
    assert_string_equal(err.text, "CSV cannot be read: Bad file descriptor");
    ly_csv_free(csv);
}

static const char *written(const char *const *fields, size_t n, unsigned flags)
{
    static ly_buf out;
    ly_buf_release(&out);
    ly_buf_init(&out, 1000);
    for (size_t i = 0; i < n; i++) {
        ly_csv_put(&out, ly_str_c(fields[i]), i == 0, flags);
    }
    ly_csv_put_end(&out);
    return ly_buf_text(&out);
}

static void writing(void **state)
{
    (void)state;
    const char *const fields[] = {"", "a,b", "say \"hi\"", "two\nlines", " x", "plain", "\""};
    assert_string_equal(written(fields, 7, 0),
                        "\"\",\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\" x\",plain,\"\"\"\"\r\n");
    check(written(fields, 7, 0), strlen(written(fields, 7, 0)),
          "1:|a,b|say \"hi\"|two\nlines| x|plain|\";");
    const char *const formulas[] = {"=1+1", "+x", "-1.5", "+2", "-x", "@a", "\t=1", "-"};
    assert_string_equal(written(formulas, 8, LY_CSV_FORMULA_SAFE),
                        "'=1+1,'+x,-1.5,+2,'-x,'@a,'\t=1,'-\r\n");
    assert_string_equal(written(formulas, 8, 0), "=1+1,+x,-1.5,+2,-x,@a,\t=1,-\r\n");
    const char *const nothing[] = {"x"};
    written(nothing, 1, 0);
}

static void no_terminal_escape_leaves(void **state)
{
    (void)state;
    const char *const hostile[] = {"m\x1b[31mred\x1b]0;x\x07",
                                   "two\nlines",
                                   "=\x1b",
                                   "\x7f\xc2\x9b",
                                   "\xff",
                                   "caf\xc3\xa9",
                                   "a\tb"};
    assert_string_equal(written(hostile, 7, LY_CSV_REPORT),
                        "m\\x1b[31mred\\x1b]0;x\\x07,\"two\nlines\",'=\\x1b,\\x7f\\x9b,\\xff,"
                        "caf\xc3\xa9,a    b\r\n");
    const char *const exact[] = {"\x1b"};
    assert_string_equal(written(exact, 1, LY_CSV_FORMULA_SAFE), "\x1b\r\n");
}

static void memory_failure_is_reported(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 8; n++) {
        ly_csv *csv = NULL;
        const ly_csv_row *row;
        ly_mem_fail_at(n, true);
        ly_status status = ly_csv_new_text(LY_S("a,\"b\"\n1,2\n"), NULL, &csv, NULL);
        while (status == LY_OK && (status = ly_csv_next(csv, &row, NULL)) == LY_OK && row) {
        }
        ly_mem_fail_at(0, false);
        assert_true(status == LY_E_NOMEM || (n > 5 && status == LY_OK));
        ly_csv_free(csv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(quotes),
        cmocka_unit_test(errors),
        cmocka_unit_test(limits),
        cmocka_unit_test(from_a_descriptor),
        cmocka_unit_test(writing),
        cmocka_unit_test(no_terminal_escape_leaves),
        cmocka_unit_test(memory_failure_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
