/* Small formats of the tables: every amount of money fits the narrowest column that shows one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "genai/price.h"
#include "viewer/text.h"

/* Both forms of one amount, and the narrow one as a lower bound. What fits in 8 is the same in both; no
 * amount is written with an exponent. */
static void money_reads(void **state)
{
    (void)state;
    static const struct {
        int64_t pico;
        const char *narrow, *wide, *least;
    } cases[] = {
        {LY_UNKNOWN, "-", "-", "-"},
        {0, "$0", "$0", ">$0"},
        {1, "<$0.0001", "$0.000000000001", ">$0"},
        {999, "<$0.0001", "$0.0000000010", ">$0"},
        {450000, "<$0.0001", "$0.00000045", ">$0"},
        {9400000, "<$0.0001", "$0.0000094", ">$0"},
        {13000000, "$0.00001", "$0.000013", ">$0.00001"},
        {45100000, "$0.00005", "$0.000045", ">$0.00005"},
        {50000000, "$0.00005", "$0.000050", ">$0.00005"},
        {99960000, "$0.00010", "$0.000100", ">$0.00010"},
        {100000000, "$0.00010", "$0.000100", ">$0.00010"},
        {-45000000, ">-$0.001", "-$0.000045", ">-$0.001"},
        {-100000000, "-$0.0001", "-$0.000100", ">-$0.0001"},
        {470000000, "$0.00047", "$0.000470", ">$0.00047"},
        {999990000, "$0.00100", "$0.001000", ">$0.00100"},
        {1000000000, "$0.0010", "$0.001000", ">$0.0010"},
        {10000000000, "$0.0100", "$0.0100", ">$0.0100"},
        {12300000000, "$0.0123", "$0.0123", ">$0.0123"},
        {-12300000000, "-$0.0123", "-$0.0123", ">-$0.0123"},
        {380000000000, "$0.3800", "$0.3800", ">$0.3800"},
        {1000000000000, "$1.00", "$1.00", ">$1.00"},
        {2500000000000, "$2.50", "$2.50", ">$2.50"},
        {1234500000000000, "$1234.50", "$1234.50", ">$1234.50"},
        {9999990000000000, "$9999.99", "$9999.99", ">$9999.99"},
        {9999999000000000, "$10.0k", "$10000.00", ">$10.0k"},
        {-1234560000000000, "-$1235", "-$1234.56", ">-$1235"},
        {100000000000000000, "$100.0k", "$100000.00", ">$100.0k"},
        {999940000000000000, "$999.9k", "$999940.00", ">$999.9k"},
        {999960000000000000, "$1.0M", "$999960.00", ">$1.0M"},
        {9000000000000000000, "$9.0M", "$9000000.00", ">$9.0M"},
        {INT64_MAX, "$9.2M", "$9223372.04", ">$9.2M"},
    };
    ly_buf out;
    ly_buf_init(&out, 64);
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_buf_reset(&out);
        ly_viewer_money(cases[i].pico, &out);
        assert_string_equal(ly_buf_text(&out), cases[i].narrow);
        ly_buf_reset(&out);
        ly_money_format(cases[i].pico, LY_MONEY_WIDE, &out);
        assert_string_equal(ly_buf_text(&out), cases[i].wide);
        if (out.len <= 8) {
            assert_string_equal(cases[i].narrow, cases[i].wide);
        }
        ly_buf_reset(&out);
        ly_text_cost(cases[i].pico, true, &out);
        assert_string_equal(ly_buf_text(&out), cases[i].least);
    }
    ly_buf_release(&out);
}

/* The narrowest cost column is 8 wide; the text also has to be the amount, within its digits. */
static void money_is_never_cut(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 64);
    uint64_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        int64_t pico = (int64_t)(seed >> 1) >> (i % 63);
        if (seed & 1) {
            pico = -pico;
        }
        ly_buf_reset(&out);
        ly_viewer_money(pico, &out);
        if (out.len > 8) {
            fail_msg("%lld is %s", (long long)pico, ly_buf_text(&out));
        }
        if (ly_buf_text(&out)[0] == '<') {
            assert_string_equal(ly_buf_text(&out), "<$0.0001");
            assert_in_range(pico, 1, 9500000);
        } else if (ly_buf_text(&out)[0] == '>') {
            assert_string_equal(ly_buf_text(&out), ">-$0.001");
            assert_in_range(-pico, 1, 67000000);
        } else if (pico != 0) {
            char *end;
            const char *digits = strchr(ly_buf_text(&out), '$') + 1;
            double back = strtod(digits, &end) * (*end == 'k' ? 1e3 : *end == 'M' ? 1e6 : 1);
            double usd = fabs((double)pico / 1e12);
            if (fabs(back - usd) > usd * 0.501) {
                fail_msg("%lld is %s", (long long)pico, ly_buf_text(&out));
            }
        }
    }
    ly_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_reads),
        cmocka_unit_test(money_is_never_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
