/* The headers that rate control and retry read (head.h), and their values. Vectors:
 * judges-and-statistics.md §3.1. */
#include "http/head.h"

#include "base/clock.h"
#include "http/http.h"

/* ---- values -------------------------------------------------------------------------------------- */

int64_t ly_http_parse_reset(ly_str value)
{
    double total = 0;
    size_t i = 0;
    bool any = false;
    value = ly_str_trim(value);
    int64_t at;
    if (ly_str_find_char(value, 'T', 0) == 10 && ly_time_parse(value, &at)) {
        int64_t now = ly_wall_ns();
        return at > now ? (at - now) / LY_NS_PER_MS : 0;
    }
    while (i < value.len) {
        size_t from = i;
        while (i < value.len &&
               ((value.ptr[i] >= '0' && value.ptr[i] <= '9') || value.ptr[i] == '.')) {
            i++;
        }
        double number;
        if (!ly_str_to_double(ly_str_sub(value, from, i - from), &number)) {
            return -1;
        }
        size_t unit_from = i;
        while (i < value.len && value.ptr[i] >= 'a' && value.ptr[i] <= 'z') {
            i++;
        }
        ly_str unit = ly_str_sub(value, unit_from, i - unit_from);
        double scale = ly_str_eqc(unit, "ms")                   ? 1
                       : ly_str_eqc(unit, "s") || unit.len == 0 ? 1000
                       : ly_str_eqc(unit, "m")                  ? 60000
                       : ly_str_eqc(unit, "h")                  ? 3600000
                       : ly_str_eqc(unit, "d")                  ? 86400000
                                                                : -1;
        if (scale < 0 || i == from) {
            return -1;
        }
        total += number * scale;
        any = true;
    }
    return any && total <= 1e12 ? (int64_t)(total + 0.5) : -1;
}

static int month_of(ly_str name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int m = 0; m < 12; m++) {
        if (ly_str_eq(name, ly_str_n(names + (size_t)m * 3, 3))) {
            return m + 1;
        }
    }
    return 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that servers send (RFC 9110 §5.6.7). */
static bool http_date(ly_str v, int64_t *ret_ns)
{
    if (v.len != 29 || !ly_str_ends(v, LY_S(" GMT"))) {
        return false;
    }
    int64_t day, year, hour, minute, second;
    int month = month_of(ly_str_sub(v, 8, 3));
    if (!month || !ly_str_to_i64(ly_str_sub(v, 5, 2), &day) ||
        !ly_str_to_i64(ly_str_sub(v, 12, 4), &year) ||
        !ly_str_to_i64(ly_str_sub(v, 17, 2), &hour) ||
        !ly_str_to_i64(ly_str_sub(v, 20, 2), &minute) ||
        !ly_str_to_i64(ly_str_sub(v, 23, 2), &second)) {
        return false;
    }
    ly_civil c = {.year = (int32_t)year,
                  .month = (int8_t)month,
                  .day = (int8_t)day,
                  .hour = (int8_t)hour,
                  .minute = (int8_t)minute,
                  .second = (int8_t)second};
    *ret_ns = ly_civil_to_ns(c);
    return true;
}

int64_t ly_http_parse_retry_after(ly_str value, int64_t now_ns)
{
    double seconds;
    int64_t at;
    value = ly_str_trim(value);
    if (ly_str_to_double(value, &seconds)) {
        return seconds >= 0 && seconds < 1e9 ? (int64_t)(seconds * 1000 + 0.5) : -1;
    }
    if (http_date(value, &at)) {
        return at > now_ns ? (at - now_ns) / LY_NS_PER_MS : 0;
    }
    return -1;
}

/* ---- names --------------------------------------------------------------------------------------- */

void ly_reply_head_clear(ly_reply_head *h)
{
    *h = (ly_reply_head){.retry_after_ms = -1,
                         .should_retry = -1,
                         .left_requests = -1,
                         .left_tokens = -1,
                         .reset_requests_ms = -1,
                         .reset_tokens_ms = -1};
}

static bool header_is(ly_str name, const char *want)
{
    return ly_str_eq_nocase(name, ly_str_c(want));
}

static int64_t count_of(ly_str value)
{
    int64_t n;
    return ly_str_to_i64(value, &n) ? n : -1;
}

/* anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{remaining,reset}, and Mistral's tokens a
 * minute. Of several kinds of tokens the scarcest counts, and the latest reset. */
static void quota_header(ly_reply_head *h, ly_str name, ly_str value)
{
    static const char prefix[] = "anthropic-ratelimit-";
    size_t skip = sizeof prefix - 1;
    if (header_is(name, "x-ratelimitbysize-remaining-minute")) {
        h->left_tokens = count_of(value);
    } else if (header_is(name, "ratelimitbysize-reset")) {
        h->reset_tokens_ms = ly_http_parse_reset(value);
    }
    if (name.len <= skip || !header_is(ly_str_sub(name, 0, skip), prefix)) {
        return;
    }
    ly_str rest = ly_str_sub(name, skip, SIZE_MAX);
    int64_t ms = ly_http_parse_reset(value), left = count_of(value);
    if (header_is(rest, "requests-remaining")) {
        h->left_requests = left;
    } else if (header_is(rest, "requests-reset")) {
        h->reset_requests_ms = ms;
    } else if (header_is(rest, "tokens-remaining") || header_is(rest, "input-tokens-remaining") ||
               header_is(rest, "output-tokens-remaining")) {
        h->left_tokens =
            left >= 0 && (h->left_tokens < 0 || left < h->left_tokens) ? left : h->left_tokens;
    } else if (header_is(rest, "tokens-reset") || header_is(rest, "input-tokens-reset") ||
               header_is(rest, "output-tokens-reset")) {
        h->reset_tokens_ms = ms > h->reset_tokens_ms ? ms : h->reset_tokens_ms;
    }
}

void ly_reply_head_line(ly_reply_head *h, ly_str line)
{
    size_t colon = ly_str_find_char(line, ':', 0);
    if (colon == SIZE_MAX) {
        return;
    }
    ly_str name = ly_str_sub(line, 0, colon);
    ly_str value = ly_str_trim(ly_str_sub(line, colon + 1, SIZE_MAX));
    double number;
    if (header_is(name, "content-type")) {
        ly_str_copy(value, h->content_type, sizeof h->content_type);
    } else if (header_is(name, "x-request-id") || header_is(name, "request-id") ||
               header_is(name, "apim-request-id")) {
        ly_str_copy(value, h->request_id, sizeof h->request_id);
    } else if (header_is(name, "retry-after-ms")) {
        if (ly_str_to_double(value, &number) && number >= 0 && number < 1e9) {
            h->retry_after_ms = (int64_t)(number + 0.5);
        }
    } else if (header_is(name, "retry-after")) {
        int64_t ms = ly_http_parse_retry_after(value, ly_wall_ns());
        if (ms >= 0 && h->retry_after_ms < 0) {
            h->retry_after_ms = ms;
        }
    } else if (header_is(name, "x-should-retry")) {
        h->should_retry = ly_str_eqc(value, "true");
    } else if (header_is(name, "x-ratelimit-remaining-requests")) {
        h->left_requests = count_of(value);
    } else if (header_is(name, "x-ratelimit-remaining-tokens")) {
        h->left_tokens = count_of(value);
    } else if (header_is(name, "x-ratelimit-reset-requests")) {
        h->reset_requests_ms = ly_http_parse_reset(value);
    } else if (header_is(name, "x-ratelimit-reset-tokens")) {
        h->reset_tokens_ms = ly_http_parse_reset(value);
    } else {
        quota_header(h, name, value);
    }
}
