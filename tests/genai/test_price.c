/*
 * Prices: exact arithmetic, matching, the local rule, and a golden case for each way in which tools get
 * cost wrong (cached tokens in full, reasoning twice, unknown as $0, frozen prices, wrong tier ...).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "genai/price_build.h"

#define USD 1000000000000LL /* pico-dollars */

static int64_t day(const char *text)
{
    int64_t ns = 0;
    assert_true(ly_time_parse(ly_str_c(text), &ns));
    return ns;
}

static ly_price_book *book_of(const char *csv)
{
    ly_price_book *book = NULL;
    ly_err err = LY_ERR_INIT;
    if (ly_price_read_csv(ly_str_c(csv), LY_S("test"), LY_S(""), 1, LY_UNKNOWN, &book, &err) !=
        LY_OK) {
        fail_msg("%s", err.text);
    }
    return book;
}

/* fresh, read, write, visible, reasoning; -1 = unknown */
static ly_canon call(const char *provider, const char *model, int64_t fresh, int64_t read,
                     int64_t write, int64_t visible, int64_t reasoning)
{
    ly_canon c = {.provider = ly_str_c(provider),
                  .request_model = ly_str_c(model),
                  .dialect = "test",
                  .tokens = LY_TOKENS_UNKNOWN};
    c.tokens.in_fresh = fresh < 0 ? LY_UNKNOWN : fresh;
    c.tokens.cache_read = read < 0 ? LY_UNKNOWN : read;
    c.tokens.cache_write = write < 0 ? LY_UNKNOWN : write;
    c.tokens.out_visible = visible < 0 ? LY_UNKNOWN : visible;
    c.tokens.out_reasoning = reasoning < 0 ? LY_UNKNOWN : reasoning;
    return c;
}

static ly_priced price(const ly_price_book *book, const ly_canon *canon)
{
    return ly_price_span(book, canon, day("2026-11-21"));
}

static void expect(ly_priced got, ly_price_why why, int64_t amount)
{
    assert_string_equal(ly_price_why_name(got.why), ly_price_why_name(why));
    assert_int_equal(got.amount_pico, amount);
}

static const char *const PLAIN =
    "provider,model,input,cache_read,cache_write,cache_write_1h,output,above,service_tier\n"
    "openai,m,2,0.5,,,8,,\n"
    "openai,m,1,,,,4,,batch\n"
    "anthropic,c,3,0.3,3.75,6,15,,\n"
    "google,long,1.25,0.125,,,10,,\n"
    "google,long,2.5,0.25,,,15,200000,\n";

/* Tools that the provider charges by use: counted once a use, beside the tokens; a use without a price
 * makes the amount unknown, and no count is no charge. */
static void tool_fees(void **state)
{
    (void)state;
    ly_price_book *book = book_of("provider,model,input,output,web_search\n"
                                  "anthropic,c,3,15,10\nanthropic,d,3,15,\n");
    ly_canon c = call("anthropic", "c", 1000, -1, -1, 100, -1);
    const int64_t tokens = 1000 * 3 * USD / 1000000 + 100 * 15 * USD / 1000000;
    c.tokens.web_searches = c.tokens.code_executions = LY_UNKNOWN;
    expect(price(book, &c), LY_PRICE_OK, tokens);
    c.tokens.web_searches = 0;
    expect(price(book, &c), LY_PRICE_OK, tokens);
    c.tokens.web_searches = 3;
    expect(price(book, &c), LY_PRICE_OK, tokens + 3 * USD / 100);
    c.tokens.code_executions = 1;
    expect(price(book, &c), LY_PRICE_UNKNOWN_BUCKET, LY_UNKNOWN);
    c = call("anthropic", "d", 1000, -1, -1, 100, -1);
    c.tokens.web_searches = 1;
    expect(price(book, &c), LY_PRICE_UNKNOWN_BUCKET, LY_UNKNOWN);
    ly_price_book_free(book);
    /* The compiled-in book has Anthropic's: $10 a thousand. */
    c = call("anthropic", "claude-sonnet-4-5", 0, -1, -1, 0, -1);
    c.tokens.web_searches = 1;
    expect(price(ly_price_book_default(), &c), LY_PRICE_OK, USD / 100);
    /* OpenAI's tools: $10 and $2.50 a thousand, $0.03 a container; gpt-4o's search has two prices. */
    c = call("openai", "gpt-5", 0, -1, -1, 0, -1);
    c.tokens.web_searches = 2;
    c.tokens.file_searches = 4;
    c.tokens.code_executions = 1;
    expect(price(ly_price_book_default(), &c), LY_PRICE_OK,
           2 * USD / 100 + USD / 100 + 3 * USD / 100);
    c = call("openai", "gpt-4o", 10, -1, -1, 0, -1);
    c.tokens.web_searches = 1;
    expect(price(ly_price_book_default(), &c), LY_PRICE_UNKNOWN_BUCKET, LY_UNKNOWN);
}

static void rates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int shift;
        const char *out; /* NULL = refused */
    } rows[] = {
        {"0", 0, "0"},
        {"0.15", 0, "0.15"},
        {"1.5e-07", 6, "0.15"},
        {"8.333333333333334e-08", 6, "0.08333333333333334"},
        {"0.18000000000000002", 0, "0.18000000000000002"},
        {"600", 0, "600"},
        {"1E2", 0, "100"},
        {"0.0000000000000000015", 0, "0.000000000000000002"}, /* half to even: up from odd 1 */
        {"0.0000000000000000025", 0, "0.000000000000000002"}, /* and down from even 2 */
        {"0.00000000000000000251", 0, "0.000000000000000003"},
        {"999999999.5", 0, "999999999.5"},
        {"1000000000", 0, NULL},
        {"1e10", 0, NULL},
        {"-1", 0, NULL},
        {"", 0, NULL},
        {"1.", 0, NULL},
        {".5", 0, NULL},
        {"1e", 0, NULL},
        {"1e99999", 0, NULL},
        {"nan", 0, NULL},
        {"0x10", 0, NULL},
        {"1 ", 0, NULL},
        {"1e-400", 0, "0"},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_rate rate = 7;
        bool good = ly_rate_parse(ly_str_c(rows[i].text), rows[i].shift, &rate);
        if (good != (rows[i].out != NULL)) {
            fail_msg("'%s' was %s", rows[i].text, good ? "taken" : "refused");
        }
        if (!good) {
            assert_true(rate == 7);
            continue;
        }
        ly_buf out;
        ly_buf_init(&out, 100);
        ly_rate_format(rate, &out);
        assert_string_equal(ly_buf_text(&out), rows[i].out);
        ly_buf_release(&out);
    }
}

static void rounding(void **state)
{
    (void)state;
    /* 0.0000005 a million tokens = 0.5 pico a token */
    ly_price_book *book = book_of("provider,model,input,output\nopenai,m,0.0000005,0.0000015\n");
    static const struct {
        int64_t in, out, pico;
    } rows[] = {{1, 0, 0}, {2, 0, 1}, {3, 0, 2}, {5, 0, 2},
                {7, 0, 4}, {0, 1, 2}, {1, 1, 2}, /* one rounding of the sum, not two */
                {1, 2, 4} /* 3.5 -> 4 */};
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_canon c = call("openai", "m", rows[i].in, -1, -1, rows[i].out, -1);
        expect(price(book, &c), LY_PRICE_OK, rows[i].pico);
    }
    ly_price_book_free(book);
}

static void overflow(void **state)
{
    (void)state;
    ly_price_book *book = book_of("provider,model,input\nopenai,m,999999999\n");
    ly_canon c = call("openai", "m", 9000, -1, -1, -1, -1);
    expect(price(book, &c), LY_PRICE_OK, 8999999991000000000LL);
    c.tokens.in_fresh = 9300; /* over 9.22 million dollars */
    expect(price(book, &c), LY_PRICE_OVERFLOW, LY_UNKNOWN);
    c.tokens.in_fresh = INT64_MAX;
    expect(price(book, &c), LY_PRICE_OVERFLOW, LY_UNKNOWN);
    c.tokens.in_fresh = (1LL << 50) - 1; /* the product itself stays inside of 128 bits */
    expect(price(book, &c), LY_PRICE_OVERFLOW, LY_UNKNOWN);
    ly_price_book_free(book);
}

static void complaints(void **state)
{
    (void)state;
    ly_price_book *book = book_of(PLAIN);
    /* cached tokens at the cache price, not in full: 300*2 + 600*.5 + 30*8 + 20*8 per million */
    ly_canon c = call("openai", "m", 300, 600, -1, 30, 20);
    expect(price(book, &c), LY_PRICE_OK, (300 * 2000000LL) + (600 * 500000LL) + (50 * 8000000LL));
    /* a cache write without a price is not input, and not free */
    c = call("openai", "m", 300, 600, 10, 30, 0);
    expect(price(book, &c), LY_PRICE_UNKNOWN_BUCKET, LY_UNKNOWN);
    /* the lifetimes of a cache write differ */
    c = call("anthropic", "c", 0, 0, 100, 0, 0);
    expect(price(book, &c), LY_PRICE_OK, 100 * 3750000LL);
    c.tokens.cache_write_1h = 40;
    expect(price(book, &c), LY_PRICE_OK, (60 * 3750000LL) + (40 * 6000000LL));
    /* unknown is not $0 */
    c = call("openai", "nobody-knows", 10, -1, -1, 10, -1);
    expect(price(book, &c), LY_PRICE_UNKNOWN_MODEL, LY_UNKNOWN);
    c = call("openai", "", 10, -1, -1, 10, -1);
    expect(price(book, &c), LY_PRICE_NO_MODEL, LY_UNKNOWN);
    c = call("openai", "m", -1, -1, -1, -1, -1);
    expect(price(book, &c), LY_PRICE_NO_USAGE, LY_UNKNOWN);
    c = call("openai", "m", 0, -1, -1, 0, -1); /* but zero is a value */
    expect(price(book, &c), LY_PRICE_OK, 0);
    c = call("openai", "m", -1, -1, -1, -1, -1); /* only a total: which rate? */
    c.tokens.unattributed = 500;
    expect(price(book, &c), LY_PRICE_ONLY_TOTAL, LY_UNKNOWN);
    /* a model call without the count of one side: what is known is charged, as a lower bound */
    c = call("openai", "m", -1, -1, -1, 10, -1);
    c.type = LY_TYPE_GENERATION;
    expect(price(book, &c), LY_PRICE_PARTIAL, 10 * 8000000LL);
    c = call("openai", "m", 10, -1, -1, -1, -1);
    c.type = LY_TYPE_GENERATION;
    expect(price(book, &c), LY_PRICE_PARTIAL, 10 * 2000000LL);
    c.type = LY_TYPE_EMBEDDING; /* which has no output */
    expect(price(book, &c), LY_PRICE_OK, 10 * 2000000LL);
    c = call("openai", "m", 10, -1, -1, 10, -1);
    c.type = LY_TYPE_GENERATION;
    expect(price(book, &c), LY_PRICE_OK, 10 * 10000000LL);
    c.usage_mode = LY_USAGE_REJECTED; /* a malformed count was dropped */
    expect(price(book, &c), LY_PRICE_PARTIAL, 10 * 10000000LL);
    /* batch is not standard, and a tier that the book does not have is not standard either */
    c = call("openai", "m", 100, -1, -1, 100, -1);
    c.service_tier = LY_S("batch");
    expect(price(book, &c), LY_PRICE_OK, (100 * 1000000LL) + (100 * 4000000LL));
    c.service_tier = LY_S("priority");
    expect(price(book, &c), LY_PRICE_UNKNOWN_TIER, LY_UNKNOWN);
    c.service_tier = LY_S("Default");
    expect(price(book, &c), LY_PRICE_OK, (100 * 2000000LL) + (100 * 8000000LL));
    ly_price_book_free(book);
}

static void context_tiers(void **state)
{
    (void)state;
    ly_price_book *book = book_of(PLAIN);
    /* tested on the whole input, cache included: 199,999 + 1 = 200,000 is not above */
    ly_canon c = call("google", "long", 1, 199999, -1, 10, -1);
    ly_priced got = price(book, &c);
    expect(got, LY_PRICE_OK, 1250000LL + (199999 * 125000LL) + (10 * 10000000LL));
    assert_int_equal(got.tier, 0);
    c.tokens.in_fresh = 2; /* 200,001: every token pays the tier's price */
    got = price(book, &c);
    expect(got, LY_PRICE_OK, (2 * 2500000LL) + (199999 * 250000LL) + (10 * 15000000LL));
    assert_int_equal(got.tier, 1);
    ly_price_book_free(book);
}

static void dates_and_windows(void **state)
{
    (void)state;
    ly_price_book *book = book_of("provider,model,from,to,window,input\n"
                                  "deepseek,d,,2025-09-05,,2\n"
                                  "deepseek,d,,2025-09-05,16:30-00:30,1\n"
                                  "deepseek,d,2025-09-05,2026-01-01,,4\n"
                                  "deepseek,d,2026-08-01,,,1\n"
                                  "deepseek,d,2026-08-01,,01:00-04:00 mon-fri,2\n");
    static const struct {
        const char *at;
        int64_t pico; /* of one token; -1 = no price then */
    } rows[] = {
        {"2025-09-04T16:29:59Z", 2000000}, {"2025-09-04T16:30:00Z", 1000000},
        {"2025-09-04T23:59:59Z", 1000000}, {"2025-09-04T00:29:59Z", 1000000},
        {"2025-09-04T00:30:00Z", 2000000}, {"2025-09-05T00:00:00Z", 4000000},
        {"2025-12-31T23:59:59Z", 4000000}, {"2026-01-01T00:00:00Z", -1},
        {"2026-08-07T01:00:00Z", 2000000}, {"2026-08-07T04:00:00Z", 1000000}, /* Friday */
        {"2026-08-08T01:00:00Z", 1000000}, {"2026-08-09T03:59:59Z", 1000000},
        {"2026-08-10T03:59:59Z", 2000000}, {"2026-08-10T00:59:59Z", 1000000},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_canon c = call("deepseek", "d", 1, -1, -1, -1, -1);
        ly_priced got = ly_price_span(book, &c, day(rows[i].at));
        expect(got, rows[i].pico < 0 ? LY_PRICE_UNKNOWN_MODEL : LY_PRICE_OK,
               rows[i].pico < 0 ? LY_UNKNOWN : rows[i].pico);
    }
    ly_price_book_free(book);
}

static void clauses(void **state)
{
    (void)state;
    static const struct {
        const char *clause, *name;
        bool matches;
    } rows[] = {
        {"gpt-5", "gpt-5", true},
        {"gpt-5", "GPT-5-2025-08-07", true},
        {"gpt-5", "gpt-5-20250807", true},
        {"gpt-5", "gpt-5@20250807", true},
        {"gpt-5", "gpt-5-latest", true},
        {"gpt-5", "gpt-5-mini", false},
        {"gpt-5", "gpt-5.1", false},
        {"claude-3", "claude-3-5", false},
        {"=gpt-5", "gpt-5-2025-08-07", false},
        {"gpt-5*", "gpt-5-mini", true},
        {"*sonnet", "claude-sonnet", true},
        {"*sonnet", "sonnet-x", false},
        {"*sonnet*", "a-sonnet-b", true},
        {"a|b|c*", "cc", true},
        {"a|b|c*", "d", false},
        {"~^o[134](-|$)", "o3-mini", true},
        {"~^o[134](-|$)", "o33", false},
        {"*", "anything", true},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_price_book *book = NULL;
        ly_clause *clause = NULL;
        assert_int_equal(ly_price_book_new(LY_S("t"), LY_S(""), 1, &book, NULL), LY_OK);
        assert_int_equal(ly_clause_short(book, ly_str_c(rows[i].clause), &clause, NULL), LY_OK);
        if (ly_clause_match(clause, ly_str_c(rows[i].name)) != rows[i].matches) {
            fail_msg("'%s' on '%s'", rows[i].clause, rows[i].name);
        }
        ly_price_book_free(book);
    }
}

static void local_addresses(void **state)
{
    (void)state;
    static const char *const local[] = {
        "localhost",
        "LOCALHOST:11434",
        "127.0.0.1",
        "127.8.8.8:1",
        "http://10.0.0.7:8000/v1",
        "172.16.0.1",
        "172.31.255.1",
        "192.168.1.9",
        "[::1]:8080",
        "::1",
        "fe80::1",
        "fd12:3456::1",
        "ollama.local",
        "169.254.1.1",
        "host.docker.internal",
        "https://user:pw@192.168.0.1/v1",
        "::ffff:127.0.0.1",
        "100.64.0.1",
    };
    static const char *const remote[] = {
        "api.openai.com",     "172.32.0.1",  "11.0.0.1", "128.0.0.1",   "2001:db8::1",    "ollama",
        "localhost.evil.com", "192.169.0.1", "",         "100.128.0.1", "::ffff:8.8.8.8",
    };
    for (size_t i = 0; i < LY_COUNT(local); i++) {
        if (!ly_price_address_local(ly_str_c(local[i]))) {
            fail_msg("%s is local", local[i]);
        }
    }
    for (size_t i = 0; i < LY_COUNT(remote); i++) {
        if (ly_price_address_local(ly_str_c(remote[i]))) {
            fail_msg("%s is not local", remote[i]);
        }
    }
    ly_canon c = call("openai", "m", 10, -1, -1, 10, -1);
    c.server_address = LY_S("127.0.0.1");
    expect(price(NULL, &c), LY_PRICE_LOCAL, 0);
    c.tokens = LY_TOKENS_UNKNOWN;
    expect(price(NULL, &c), LY_PRICE_NO_USAGE, LY_UNKNOWN);
}

static void evidence_for_the_provider(void **state)
{
    (void)state;
    ly_price_book *book = book_of("provider,model,input\n"
                                  "openai,gpt-5,1\n"
                                  "groq,openai/gpt-oss-20b,2\n"
                                  "azure,phi-4,3\n"
                                  "google,gemini-2.5-pro,4\n");
    static const struct {
        const char *provider, *address, *model;
        int64_t usd; /* a million tokens; 0 = unknown model */
    } rows[] = {
        {"openai", "", "gpt-5", 1},
        {"", "", "gpt-5", 1},                                /* by the model */
        {"strands-agents", "", "gpt-5", 1},                  /* a framework's name is no provider */
        {"openai", "api.groq.com", "openai/gpt-oss-20b", 2}, /* the address knows better */
        {"azure.ai.openai", "", "phi-4", 3},
        {"azure.ai.openai", "x.openai.azure.com", "gpt-5", 1}, /* sells OpenAI's */
        {"az.ai.inference", "", "phi-4", 3},
        {"groq", "", "gpt-5", 0}, /* a known provider without the model: not a guess */
        {"gcp.vertex_ai", "", "gemini-2.5-pro", 4},
        {"gcp.gemini", "", "models/gemini-2.5-pro", 4},
        {"litellm", "", "openai/gpt-5", 1},
        {"unheardof", "", "gpt-5",
         0}, /* a seller that the book does not know sets his own prices */
        {"novita", "", "openai/gpt-5", 0},
        {"", "", "openai/gpt-5-20250807", 1},
        {"", "", "unheard-of", 0},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_canon c = call(rows[i].provider, rows[i].model, 1000000, -1, -1, -1, -1);
        c.server_address = ly_str_c(rows[i].address);
        ly_priced got = price(book, &c);
        if (got.amount_pico != (rows[i].usd ? rows[i].usd * USD : LY_UNKNOWN)) {
            fail_msg("row %zu: %lld", i, (long long)got.amount_pico);
        }
    }
    /* the response's model goes first, the request's is the second try */
    ly_canon c = call("openai", "gpt-5", 1000000, -1, -1, -1, -1);
    c.response_model = LY_S("my-deployment");
    expect(price(book, &c), LY_PRICE_OK, 1 * USD);
    ly_price_book_free(book);
}

static ly_price_row own_row(int64_t id, const ly_price *prices, size_t n)
{
    return (ly_price_row){.id = id,
                          .from_ns = INT64_MIN,
                          .to_ns = INT64_MAX,
                          .day_from_s = -1,
                          .day_to_s = -1,
                          .prices = prices,
                          .n_prices = n};
}

static void own_prices(void **state)
{
    (void)state;
    ly_price_book *book = NULL;
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_price_book_new(LY_S("t"), LY_S(""), 1, &book, &err), LY_OK);
    assert_int_equal(
        ly_price_add_csv(book, LY_S("provider,model,input,output\nopenai,m,2,8\n"), &err), LY_OK);
    ly_price in1 = {LY_UNIT_IN, LY_RATE_PER_USD, NULL, 0};
    ly_price in5 = {LY_UNIT_IN, LY_RATE_PER_USD * 5, NULL, 0};
    ly_price in9 = {LY_UNIT_IN, LY_RATE_PER_USD * 9, NULL, 0};
    ly_price_row any = own_row(-1, &in5, 1), model = own_row(-2, &in1, 1),
                 team = own_row(-3, &in9, 1);
    ly_price_row gateway = own_row(-4, NULL, 0);
    team.service = LY_S("team-a");
    assert_int_equal(ly_price_add_own(book, LY_S("openai"), LY_S(""), LY_S(""), &any, &err), LY_OK);
    assert_int_equal(ly_price_add_own(book, LY_S("openai"), LY_S("m"), LY_S(""), &model, &err),
                     LY_OK);
    assert_int_equal(ly_price_add_own(book, LY_S(""), LY_S("m"), LY_S(""), &team, &err), LY_OK);
    assert_int_equal(ly_price_add_own(book, LY_S(""), LY_S(""), LY_S("=localhost"), &gateway, &err),
                     LY_OK);
    assert_int_equal(ly_price_book_seal(book, &err), LY_OK);

    ly_canon c = call("openai", "m", 1000000, -1, -1, 1000000, -1);
    ly_priced got = price(book, &c);
    expect(got, LY_PRICE_OK, (1 + 8) * USD); /* own input, the book's output */
    assert_int_equal(got.row, -2);
    c.service = LY_S("team-a");
    expect(price(book, &c), LY_PRICE_OK, (9 + 8) * USD);
    c.service = LY_STR_NONE;
    c.request_model = LY_S("new");
    expect(price(book, &c), LY_PRICE_UNKNOWN_MODEL, LY_UNKNOWN); /* output is still unknown */
    c.tokens.out_visible = LY_UNKNOWN;
    expect(price(book, &c), LY_PRICE_OK, 5 * USD);
    /* local is 0 by rule, but for an address that the user calls a gateway */
    c = call("openai", "m", 1000000, -1, -1, 0, -1);
    c.server_address = LY_S("127.0.0.1:4000");
    expect(price(book, &c), LY_PRICE_LOCAL, 0);
    c.server_address = LY_S("localhost:4000");
    got = price(book, &c);
    expect(got, LY_PRICE_OK, 2 * USD);
    ly_price_book_free(book);
}

static void modalities(void **state)
{
    (void)state;
    ly_price_book *book =
        book_of("provider,model,input,cache_read,audio_in,audio_cache_read,output,"
                "audio_out,reasoning\n"
                "openai,a,1,0.1,10,5,2,20,3\n"
                "openai,t,1,0.1,,,2,,\n");
    ly_canon c = call("openai", "a", 100, 50, -1, 40, 10);
    c.tokens.in_audio = 30;
    c.tokens.cache_read_audio = 20;
    c.tokens.out_audio = 5;
    int64_t million = 70 * 10 + 30 * 100 + 30 * 1 + 20 * 50 + 35 * 20 + 5 * 200 + 10 * 30;
    expect(price(book, &c), LY_PRICE_OK, million * 100000);
    c.request_model = LY_S("t"); /* no audio prices: audio is input like any other */
    expect(price(book, &c), LY_PRICE_OK, (100 * 10 + 50 * 1 + 50 * 20) * 100000LL);
    ly_price_book_free(book);
}

static void bad_usage(void **state)
{
    (void)state;
    ly_price_book *book = book_of(PLAIN);
    ly_price_ask ask = {.provider = LY_S("openai"), .model = LY_S("m"), .at_ns = 0};
    ly_price_hit hit = ly_price_find(book, &ask);
    ly_usage usage = {{0}};
    usage.count[LY_UNIT_IN] = 5;
    usage.count[LY_UNIT_CR] = 6; /* more read from the cache than came in */
    assert_int_equal(ly_price_amount(&hit, &usage).why, LY_PRICE_BAD_USAGE);
    usage.count[LY_UNIT_CR] = -1;
    assert_int_equal(ly_price_amount(&hit, &usage).why, LY_PRICE_BAD_USAGE);
    ly_price_book_free(book);
}

static void bad_books(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "provider,model\n",
        "model,input\nm,1\n",
        "provider,model,inptu\nopenai,m,1\n",
        "provider,model,input\nopenai,m,-1\n",
        "provider,model,input\nopenai,m,abc\n",
        "provider,model,input,above\nopenai,m,1,5\n",
        "provider,model,input,above\nopenai,m,1,\nopenai,m,2,x\n",
        "provider,model,input,output,above\nopenai,m,1,,\nopenai,m,2,2,100\n",
        "provider,model,input,from\nopenai,m,1,yesterday\n",
        "provider,model,input,window\nopenai,m,1,16:00\n",
        "provider,model,input,window\nopenai,m,1,16:00-17:00 sun\n",
        "provider,model,input,input_mtok\nopenai,m,1,1\n",
        "provider,model,input\n,m,1\n",
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_price_book *book = NULL;
        ly_err err = LY_ERR_INIT;
        ly_status status =
            ly_price_read_csv(ly_str_c(rows[i]), LY_S("t"), LY_S(""), 1, LY_UNKNOWN, &book, &err);
        if (status == LY_OK || err.text[0] == 0 || book) {
            fail_msg("book %zu was taken", i);
        }
    }
}

/* Random usage: the sum of the cells is the amount, nothing is negative, more is never cheaper within a
 * tier, and the cells add up to the counts. */
static void properties(void **state)
{
    (void)state;
    const ly_price_book *book = ly_price_book_default();
    assert_non_null(book);
    ly_price_info info = ly_price_book_info(book);
    uint64_t seed = 20261121;
    for (size_t i = 0; i < info.n_rows; i++) {
        ly_price_hit hit = {.base = ly_price_book_row(book, i), .why = LY_PRICE_OK};
        for (int k = 0; k < 50; k++) {
            ly_tokens t = LY_TOKENS_UNKNOWN;
            int64_t *part[] = {&t.in_fresh,      &t.cache_read, &t.cache_write, &t.out_visible,
                               &t.out_reasoning, &t.in_audio,   &t.out_image};
            for (size_t p = 0; p < LY_COUNT(part); p++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                if (seed >> 63) {
                    *part[p] = (int64_t)(seed >> 40 & 0x7ffff);
                }
            }
            ly_usage usage;
            ly_price_why why;
            if (!ly_usage_from_tokens(&t, &usage, &why)) {
                continue;
            }
            ly_price_sum sum;
            ly_price_compute(&hit, &usage, &sum);
            int64_t tokens = 0, amount = 0;
            for (size_t c = 0; c < sum.n_cells; c++) {
                assert_true(sum.cells[c].count > 0);
                tokens += sum.cells[c].counts == LY_UNIT_REQUESTS ? 0 : sum.cells[c].count;
                int64_t one = ly_cell_amount(&sum.cells[c]);
                amount += one == LY_UNKNOWN ? 0 : one;
            }
            assert_int_equal(
                tokens, ly_tokens_in(&t) < 0 && ly_tokens_out(&t) < 0 ? 0 : ly_tokens_total(&t));
            if (sum.priced.why == LY_PRICE_OK) {
                int64_t off = sum.priced.amount_pico - amount; /* each line is rounded for show */
                assert_true(sum.priced.amount_pico >= 0 && off <= 48 && off >= -48);
            } else {
                assert_int_equal(sum.priced.why, LY_PRICE_UNKNOWN_BUCKET);
                assert_int_equal(sum.priced.amount_pico, LY_UNKNOWN);
            }
        }
    }
}

static void default_book(void **state)
{
    (void)state;
    const ly_price_book *book = ly_price_book_default();
    assert_non_null(book);
    ly_price_info info = ly_price_book_info(book);
    assert_true(info.published_ns != LY_UNKNOWN);
    static const struct {
        const char *provider, *model;
    } rows[] = {
        {"openai", "gpt-5-2025-08-07"},
        {"openai", "text-embedding-3-small"},
        {"anthropic", "claude-sonnet-4-5-20250929"},
        {"gcp.gemini", "gemini-2.5-flash"},
        {"mistral_ai", "mistral-large-latest"},
        {"cohere", "command-a-03-2025"},
        {"deepseek", "deepseek-chat"},
        {"x_ai", "grok-4"},
        {"groq", "llama-3.3-70b-versatile"},
        {"together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo"},
        {"fireworks", "accounts/fireworks/models/gpt-oss-120b"},
        {"aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"aws.bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0"},
        {"azure.ai.openai", "gpt-4o-2024-08-06"},
        {"voyage", "voyage-3.5"},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_canon c = call(rows[i].provider, rows[i].model, 100, -1, -1, -1, -1);
        if (price(book, &c).why != LY_PRICE_OK) {
            fail_msg("%s %s: %s", rows[i].provider, rows[i].model,
                     ly_price_why_name(price(book, &c).why));
        }
    }
    ly_canon c = call("anthropic", "claude-opus-4-6-fast", 1000000, -1, -1, -1, -1);
    expect(price(book, &c), LY_PRICE_OK, 30 * USD);
    c = call("anthropic", "claude-opus-4-7-fast", 1000000, -1, -1, -1,
             -1); /* not the plain price */
    expect(price(book, &c), LY_PRICE_UNKNOWN_MODEL, LY_UNKNOWN);
    for (size_t i = 0; i < info.n_rows; i++) {
        const ly_price_row *row = ly_price_book_row(book, i);
        if ((row->n_prices == 0 && !row->free) || row->source.len == 0) {
            fail_msg("row %zu (%.*s) has no price or no source", i, LY_STR_ARG(row->model));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(tool_fees),
        cmocka_unit_test(rounding),
        cmocka_unit_test(overflow),
        cmocka_unit_test(complaints),
        cmocka_unit_test(context_tiers),
        cmocka_unit_test(dates_and_windows),
        cmocka_unit_test(clauses),
        cmocka_unit_test(local_addresses),
        cmocka_unit_test(modalities),
        cmocka_unit_test(evidence_for_the_provider),
        cmocka_unit_test(own_prices),
        cmocka_unit_test(bad_usage),
        cmocka_unit_test(bad_books),
        cmocka_unit_test(properties),
        cmocka_unit_test(default_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
