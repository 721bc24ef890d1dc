/* What a reply's headers say about retry and quota, without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/head.h"
#include "http/http.h"

static void values(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } v[] = {{"1m30s", 90000}, {"500ms", 500},      {"1.5s", 1500},
             {"6m0s", 360000}, {"1h2m3s", 3723000}, {"120ms", 120},
             {"0s", 0},        {"17", 17000},       {"", -1},
             {"soon", -1},     {"5x", -1},          {"s", -1}};
    (void)state;
    for (size_t i = 0; i < LY_COUNT(v); i++) {
        assert_int_equal(ly_http_parse_reset(ly_str_c(v[i].text)), v[i].ms);
    }
    /* A time: what is left until then. */
    ly_buf later;
    ly_buf_init(&later, 64);
    ly_time_format(ly_wall_ns() + 90 * LY_NS_PER_SEC, 0, &later);
    int64_t left = ly_http_parse_reset(ly_buf_view(&later));
    assert_true(left > 30000 && left <= 91000);
    assert_int_equal(ly_http_parse_reset(LY_S("2001-01-01T00:00:00Z")), 0);
    ly_buf_release(&later);
    int64_t now = ly_civil_to_ns(
        (ly_civil){.year = 1994, .month = 11, .day = 6, .hour = 8, .minute = 49, .second = 7});
    assert_int_equal(ly_http_parse_retry_after(LY_S("120"), now), 120000);
    assert_int_equal(ly_http_parse_retry_after(LY_S("0.5"), now), 500);
    assert_int_equal(ly_http_parse_retry_after(LY_S("Sun, 06 Nov 1994 08:49:37 GMT"), now), 30000);
    assert_int_equal(ly_http_parse_retry_after(LY_S("Sun, 06 Nov 1994 08:48:37 GMT"), now), 0);
    assert_int_equal(ly_http_parse_retry_after(LY_S("tomorrow"), now), -1);
    assert_int_equal(ly_http_parse_retry_after(LY_S("-3"), now), -1);
}

static ly_reply_head head_of(const char *const *lines, size_t n)
{
    ly_reply_head h;
    ly_reply_head_clear(&h);
    for (size_t i = 0; i < n; i++) {
        ly_reply_head_line(&h, ly_str_c(lines[i]));
    }
    return h;
}

static void retries(void **state)
{
    (void)state;
    ly_reply_head h = head_of(NULL, 0);
    assert_int_equal(h.retry_after_ms, -1);
    assert_int_equal(h.should_retry, -1);
    static const char *const both[] = {"HTTP/1.1 429 Too Many Requests\r\n",
                                       "retry-after-ms: 1500\r\n", "Retry-After: 2\r\n",
                                       "X-Request-Id:  req_1 \r\n", "x-should-retry: false\r\n"};
    h = head_of(both, LY_COUNT(both));
    assert_int_equal(h.retry_after_ms, 1500); /* the finer of the two */
    assert_string_equal(h.request_id, "req_1");
    assert_int_equal(h.should_retry, 0);
    static const char *const odd[] = {"retry-after-ms: soon", "Retry-After: never", "x", ""};
    h = head_of(odd, LY_COUNT(odd));
    assert_int_equal(h.retry_after_ms, -1);
}

static void quotas(void **state)
{
    (void)state;
    static const char *const openai[] = {
        "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1s",
        "x-ratelimit-remaining-tokens: 149984", "x-ratelimit-reset-tokens: 6ms"};
    ly_reply_head h = head_of(openai, LY_COUNT(openai));
    assert_int_equal(h.left_requests, 0);
    assert_int_equal(h.reset_requests_ms, 1000);
    assert_int_equal(h.left_tokens, 149984);
    assert_int_equal(h.reset_tokens_ms, 6);
    static const char *const anthropic[] = {"Anthropic-Ratelimit-Requests-Remaining: 49",
                                            "anthropic-ratelimit-requests-reset: 2s",
                                            "anthropic-ratelimit-tokens-remaining: 900",
                                            "anthropic-ratelimit-input-tokens-remaining: 0",
                                            "anthropic-ratelimit-output-tokens-remaining: 800",
                                            "anthropic-ratelimit-input-tokens-reset: 30s",
                                            "anthropic-ratelimit-output-tokens-reset: 10s"};
    h = head_of(anthropic, LY_COUNT(anthropic));
    assert_int_equal(h.left_requests, 49);
    assert_int_equal(h.reset_requests_ms, 2000);
    assert_int_equal(h.left_tokens, 0);         /* the scarcest kind */
    assert_int_equal(h.reset_tokens_ms, 30000); /* the latest reset */
    static const char *const mistral[] = {"x-ratelimitbysize-remaining-minute: 12",
                                          "ratelimitbysize-reset: 7"};
    h = head_of(mistral, LY_COUNT(mistral));
    assert_int_equal(h.left_tokens, 12);
    assert_int_equal(h.reset_tokens_ms, 7000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(retries),
                                       cmocka_unit_test(quotas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
