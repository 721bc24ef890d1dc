/*
 * LiteLLM's price file and bad documents of every format: suffixes become service and context tiers,
 * prices a token become prices a million, and what cannot be read changes nothing.
 */
#include "../test.h"

#include "base/clock.h"
#include "cost/import.h"

static const char litellm[] =
    "{\"sample_spec\":{\"litellm_provider\":\"one of\",\"input_cost_per_token\":0},"
    "\"gpt-5\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\",\"input_cost_per_token\":1.25e-"
    "06,"
    "\"output_cost_per_token\":1e-05,\"cache_read_input_token_cost\":1.25e-07,"
    "\"input_cost_per_token_batches\":6.25e-07,\"output_cost_per_token_batches\":5e-06,"
    "\"input_cost_per_token_flex\":6e-07,\"output_cost_per_token_flex\":4e-06,"
    "\"input_cost_per_token_priority\":2.5e-06,\"output_cost_per_token_priority\":2e-05,"
    "\"max_tokens\":128000},"
    "\"gemini/gemini-2.5-pro\":{\"litellm_provider\":\"gemini\",\"input_cost_per_token\":1.25e-06,"
    "\"input_cost_per_token_above_200k_tokens\":2.5e-06,\"output_cost_per_token\":1e-05,"
    "\"output_cost_per_token_above_200k_tokens\":1.5e-05},"
    "\"claude-x\":{\"litellm_provider\":\"anthropic\",\"input_cost_per_token\":3e-06,"
    "\"output_cost_per_token\":1.5e-05,\"cache_creation_input_token_cost\":3.75e-06,"
    "\"cache_creation_input_token_cost_above_1hr\":6e-06,\"cache_read_input_token_cost\":3e-07,"
    "\"input_cost_per_token_above_128k_tokens\":4e-06},"
    "\"bedrock/"
    "us.amazon.x\":{\"litellm_provider\":\"bedrock_converse\",\"input_cost_per_token\":1e-06,"
    "\"output_cost_per_token\":2e-06},"
    "\"whisper-1\":{\"litellm_provider\":\"openai\",\"input_cost_per_second\":0.0001},"
    "\"rerank-x\":{\"litellm_provider\":\"cohere\",\"input_cost_per_query\":0.002},"
    "\"dash\":{\"litellm_provider\":\"dashscope\",\"tiered_pricing\":[{\"range\":[0,32000]}]},"
    "\"odd\":{\"litellm_provider\":\"openai\",\"input_cost_per_moon_phase\":1}}";

static ly_price_book *read(const char *text, ly_import_notes *notes)
{
    ly_price_book *book = NULL;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_book_read(ly_book_format_guess(ly_str_c(text)), ly_str_c(text), LY_S("t"),
                           LY_S(""), 1, LY_UNKNOWN, LY_UNKNOWN, NULL, NULL, &book, notes, &err),
              err);
    return book;
}

typedef struct asked {
    const char *provider, *model, *tier;
    int64_t in, read, write, write_1h, out;
    int64_t pico; /* -1 = unknown */
} asked;

static void check(const ly_price_book *book, const asked *a)
{
    ly_price_ask ask = {.provider = ly_str_c(a->provider),
                        .model = ly_str_c(a->model),
                        .service_tier = ly_str_c(a->tier)};
    ly_price_hit hit = ly_price_find(book, &ask);
    ly_usage u = {{0}};
    u.count[LY_UNIT_IN] = a->in + a->read + a->write;
    u.count[LY_UNIT_CR] = a->read;
    u.count[LY_UNIT_CW] = a->write;
    u.count[LY_UNIT_CW1] = a->write_1h;
    u.count[LY_UNIT_OUT] = a->out;
    ly_priced p = ly_price_amount(&hit, &u);
    if (p.amount_pico != (a->pico < 0 ? LY_UNKNOWN : a->pico)) {
        fail_msg("%s %s %s: %lld (%s)", a->provider, a->model, a->tier, (long long)p.amount_pico,
                 ly_price_why_name(p.why));
    }
}

static void litellm_prices(void **state)
{
    (void)state;
    ly_import_notes notes;
    ly_price_book *book = read(litellm, &notes);
    static const asked rows[] = {
        {"openai", "gpt-5", "", 10, 20, 0, 0, 5, 10 * 1250000 + 20 * 125000 + 5 * 10000000},
        {"openai", "gpt-5", "batch", 10, 0, 0, 0, 5, 10 * 625000 + 5 * 5000000},
        {"openai", "gpt-5", "flex", 10, 0, 0, 0, 5, 10 * 600000 + 5 * 4000000},
        {"openai", "gpt-5", "priority", 10, 0, 0, 0, 5, 10 * 2500000 + 5 * 20000000},
        {"openai", "gpt-5", "scale", 10, 0, 0, 0, 5, -1},
        {"gcp.gemini", "gemini-2.5-pro", "", 200000, 0, 0, 0, 1, 200000 * 1250000LL + 10000000},
        {"gcp.vertex_ai", "gemini-2.5-pro", "", 200001, 0, 0, 0, 1, 200001 * 2500000LL + 15000000},
        {"gcp.gemini", "gemini-2.5-pro", "", 1, 1, 0, 0, 1,
         -1}, /* no cache price: not charged in full */
        {"anthropic", "claude-x", "", 1, 10, 30, 10, 0,
         3000000 + 10 * 300000 + 20 * 3750000 + 10 * 6000000},
        {"anthropic", "claude-x", "", 128001, 0, 0, 0, 0, 128001 * 4000000LL},
        {"aws.bedrock", "us.amazon.x", "", 3, 0, 0, 0, 2, 3 * 1000000 + 2 * 2000000},
        {"openai", "odd", "", 1, 0, 0, 0, 0, -1},
        {"openai", "sample_spec", "", 1, 0, 0, 0, 0, -1},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        check(book, &rows[i]);
    }
    assert_int_equal(notes.n_skipped, 1);
    assert_int_equal(notes.n_unknown_keys, 1);
    assert_string_equal(notes.unknown_key, "input_cost_per_moon_phase");
    ly_price_book_free(book);
}

static void other_units(void **state)
{
    (void)state;
    ly_import_notes notes;
    ly_price_book *book = read(litellm, &notes);
    ly_price_ask ask = {.provider = LY_S("openai"), .model = LY_S("whisper-1")};
    ly_price_hit hit = ly_price_find(book, &ask);
    ly_usage u = {{0}};
    u.count[LY_UNIT_AUDIO_S_IN] = 90; /* $0.0001 a second */
    assert_int_equal(ly_price_amount(&hit, &u).amount_pico, 9000000000LL);
    ask = (ly_price_ask){.provider = LY_S("cohere"), .model = LY_S("rerank-x")};
    hit = ly_price_find(book, &ask);
    u = (ly_usage){{0}};
    u.count[LY_UNIT_RERANKS] = 3;
    assert_int_equal(ly_price_amount(&hit, &u).amount_pico, 6000000000LL);
    ly_price_book_free(book);
}

static void bad_documents(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "[",
        "[]",
        "{}",
        "[1]",
        "[{\"id\":\"x\"}]",
        "{\"a\":1}",
        "null",
        "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"(\",\"models\":[]}]",
        "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"\",\"models\":[{\"id\":\"m\",\"match\":{"
        "\"like\":\"m\"},\"prices\":{}}]}]",
        "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"\",\"models\":[{\"id\":\"m\",\"match\":{"
        "\"equals\":\"m\"},\"prices\":{\"input_mtok\":\"1\"}}]}]",
        "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"\",\"models\":[{\"id\":\"m\",\"match\":{"
        "\"equals\":\"m\"},\"prices\":{\"input_mtok\":-1}}]}]",
        "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"\",\"models\":[{\"id\":\"m\",\"match\":{"
        "\"equals\":\"m\"},\"prices\":{\"input_mtok\":{\"base\":1}}}]}]",
        "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"\",\"models\":[{\"id\":\"m\",\"match\":{"
        "\"equals\":\"m\"},"
        "\"prices\":[{\"constraint\":{\"start_date\":\"soon\"},\"prices\":{}}]}]}]",
        "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"\",\"models\":[]},{\"id\":\"x\",\"name\":"
        "\"x\",\"api_pattern\":\"\",\"models\":[]}]",
        "{\"m\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":-1}}",
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_price_book *book = NULL;
        ly_err err = LY_ERR_INIT;
        ly_str text = ly_str_c(rows[i]);
        ly_status status = ly_book_read(ly_book_format_guess(text), text, LY_S("t"), LY_S(""), 1,
                                        LY_UNKNOWN, LY_UNKNOWN, NULL, NULL, &book, NULL, &err);
        if (status == LY_OK || book || err.text[0] == 0) {
            fail_msg("document %zu was taken", i);
        }
    }
}

/* Clauses nested deeper than any book does are refused, not followed. */
static void deep_clause(void **state)
{
    (void)state;
    ly_buf text;
    ly_price_book *book = NULL;
    ly_err err = LY_ERR_INIT;
    ly_buf_init(&text, 1 << 20);
    ly_buf_c(&text, "[{\"id\":\"x\",\"name\":\"x\",\"api_pattern\":\"\",\"models\":[{\"id\":\"m\","
                    "\"prices\":{},\"match\":");
    for (int i = 0; i < 40; i++) {
        ly_buf_c(&text, "{\"or\":[");
    }
    ly_buf_c(&text, "{\"equals\":\"m\"}");
    for (int i = 0; i < 40; i++) {
        ly_buf_c(&text, "]}");
    }
    ly_buf_c(&text, "}]}]");
    assert_int_equal(ly_book_read(LY_BOOK_GENAI_PRICES, ly_buf_view(&text), LY_S("t"), LY_S(""), 1,
                                  LY_UNKNOWN, LY_UNKNOWN, NULL, NULL, &book, NULL, &err),
                     LY_E_FORMAT);
    ly_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(litellm_prices),
        cmocka_unit_test(other_units),
        cmocka_unit_test(bad_documents),
        cmocka_unit_test(deep_clause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
