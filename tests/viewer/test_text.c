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
#include "viewer/viewer.h"

static void money_reads(void **state)
{
    (void)state;
    static const struct {
        int64_t pico;
        const char *text;
    } cases[] = {
        {LY_UNKNOWN, "-"},
        {0, "$0"},
        {1, "$1e-12"},
        {450000, "$4.5e-7"},
        {13000000, "$1.3e-5"},
        {45000000, "$4.5e-5"},
        {99960000, "$0.00010"},
        {-45000000, "-$4.5e-5"},
        {999990000, "$0.00100"},
        {1000000000, "$0.0010"},
        {12300000000, "$0.0123"},
        {380000000000, "$0.3800"},
        {2500000000000, "$2.50"},
        {9999990000000000, "$9999.99"},
        {9999999000000000, "$10.0k"},
        {-1234560000000000, "-$1235"},
        {999940000000000000, "$999.9k"},
        {999960000000000000, "$1.0M"},
        {9000000000000000000, "$9.0M"},
        {INT64_MAX, "$9.2M"},
        {470000000, "$0.00047"},
    };
    ly_buf out;
    ly_buf_init(&out, 64);
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_buf_reset(&out);
        ly_viewer_money(cases[i].pico, &out);
        assert_string_equal(ly_buf_text(&out), cases[i].text);
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
        if (pico != 0) {
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
