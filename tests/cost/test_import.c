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
    assert_int_equal(notes.n_skipped, 0);
    assert_int_equal(notes.n_unknown_keys, 1);
    assert_string_equal(notes.unknown_key, "input_cost_per_moon_phase");
    ly_price_book_free(book);
}

/* Every kind of key of the published file; what cannot be applied is told, of which model, and stands in
 * the row's note. */
static const char litellm_wide[] =
    "{\"tiered\":{\"litellm_provider\":\"dashscope\",\"mode\":\"chat\",\"tiered_pricing\":["
    "{\"range\":[0,32000],\"input_cost_per_token\":1e-06,\"output_cost_per_token\":4e-06},"
    "{\"range\":[32000.0,128000],\"input_cost_per_token\":2e-06,\"output_cost_per_token\":8e-06}]},"
    "\"odd-tiers\":{\"litellm_provider\":\"dashscope\",\"tiered_pricing\":[{\"range\":[5,9],"
    "\"input_cost_per_token\":1e-06}]},"
    "\"searcher\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":1e-06,"
    "\"output_cost_per_token\":2e-06,\"search_context_cost_per_query\":{\"search_context_size_"
    "low\":"
    "0.01,\"search_context_size_medium\":0.01,\"search_context_size_high\":0.01},"
    "\"file_search_cost_per_1k_calls\":2.5,\"code_interpreter_cost_per_session\":0.03},"
    "\"depends\":{\"litellm_provider\":\"perplexity\",\"input_cost_per_token\":1e-06,"
    "\"output_cost_per_token\":2e-06,\"search_context_cost_per_query\":{\"search_context_size_"
    "low\":"
    "0.005,\"search_context_size_high\":0.012},\"output_cost_per_image\":0.04},"
    "\"deep\":{\"litellm_provider\":\"deepseek\",\"input_cost_per_token\":5.6e-07,"
    "\"input_cost_per_token_cache_hit\":7e-08,\"output_cost_per_token\":1.68e-06,"
    "\"output_cost_per_reasoning_token\":3e-06},"
    "\"long\":{\"litellm_provider\":\"anthropic\",\"input_cost_per_token\":3e-06,"
    "\"input_cost_per_token_above_200k_tokens\":6e-06,\"output_cost_per_token\":1.5e-05,"
    "\"output_cost_per_token_above_200k_tokens\":2.25e-05,"
    "\"cache_creation_input_token_cost\":3.75e-06,"
    "\"cache_creation_input_token_cost_above_200k_tokens\":7.5e-06,"
    "\"cache_creation_input_token_cost_above_1hr\":6e-06,"
    "\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":1.2e-05,"
    "\"cache_read_input_token_cost\":3e-07,\"cache_read_input_token_cost_above_200k_tokens\":6e-07,"
    "\"input_cost_per_token_above_200k_tokens_priority\":9e-06,\"input_cost_per_token_priority\":"
    "4e-06,\"output_cost_per_token_priority\":2e-05},"
    "\"machine\":{\"litellm_provider\":\"bedrock\",\"mode\":\"chat\",\"input_cost_per_second\":0."
    "01},"
    "\"painter\":{\"litellm_provider\":\"openai\",\"mode\":\"image_generation\","
    "\"input_cost_per_pixel\":1.9e-08,\"input_cost_per_image\":0.04}}";

static const char *note_of(const ly_price_book *book, const char *model)
{
    static char text[300];
    ly_price_info info = ly_price_book_info(book);
    for (size_t i = 0; i < info.n_rows; i++) {
        const ly_price_row *row = ly_price_book_row(book, i);
        if (ly_str_eqc(row->model, model)) {
            (void)ly_str_copy(row->note, text, sizeof text);
            return text;
        }
    }
    return "no row";
}

static void litellm_all_keys(void **state)
{
    (void)state;
    ly_import_notes notes;
    ly_price_book *book = read(litellm_wide, &notes);
    static const asked rows[] = {
        {"dashscope", "tiered", "", 32000, 0, 0, 0, 10, 32000 * 1000000LL + 10 * 4000000LL},
        {"dashscope", "tiered", "", 32001, 0, 0, 0, 10, 32001 * 2000000LL + 10 * 8000000LL},
        {"dashscope", "odd-tiers", "", 7, 0, 0, 0, 0, -1},
        {"deepseek", "deep", "", 10, 10, 0, 0, 0, 10 * 560000 + 10 * 70000},
        {"anthropic", "long", "", 1, 1, 200000, 100000, 1,
         6000000 + 600000 + 100000 * 7500000LL + 100000 * 12000000LL + 22500000},
        {"anthropic", "long", "priority", 200001, 0, 0, 0, 1, 200001 * 9000000LL + 20000000},
        {"anthropic", "long", "priority", 10, 0, 0, 0, 1, 10 * 4000000LL + 20000000},
        {"aws.bedrock", "machine", "", 10, 0, 0, 0, 1, -1},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        check(book, &rows[i]);
    }
    ly_price_ask ask = {.provider = LY_S("openai"), .model = LY_S("searcher")};
    ly_price_hit hit = ly_price_find(book, &ask);
    ly_usage u = {{0}};
    u.count[LY_UNIT_WEB] = 3;
    u.count[LY_UNIT_STORAGE] = 4;
    u.count[LY_UNIT_CODE] = 1;
    assert_int_equal(ly_price_amount(&hit, &u).amount_pico, 70000000000LL); /* .03 + .01 + .03 */
    ask = (ly_price_ask){.provider = LY_S("perplexity"), .model = LY_S("depends")};
    hit = ly_price_find(book, &ask);
    u = (ly_usage){{0}};
    u.count[LY_UNIT_IN] = 1;
    u.count[LY_UNIT_WEB] = 1; /* its price depends on what the span does not say */
    assert_int_equal(ly_price_amount(&hit, &u).why, LY_PRICE_UNKNOWN_BUCKET);
    assert_string_equal(note_of(book, "depends"),
                        "not applied: search_context_cost_per_query, output_cost_per_image");
    assert_string_equal(note_of(book, "searcher"), "");
    assert_int_equal(notes.n_skipped, 1);
    assert_int_equal(notes.n_keys, 4);
    assert_string_equal(notes.keys[0].key, "search_context_cost_per_query");
    assert_string_equal(notes.keys[0].model, "depends");
    assert_string_equal(notes.keys[2].key, "input_cost_per_second");
    assert_string_equal(notes.keys[3].key, "input_cost_per_image");
    ly_price_book_free(book);
}

/* A unit that is not known here takes nothing from the others, and is told with its model. */
static void unknown_unit(void **state)
{
    (void)state;
    static const char text[] = "[{\"id\":\"acme\",\"name\":\"Acme\",\"api_pattern\":\"https://"
                               "api\",\"models\":[{\"id\":\"m\","
                               "\"match\":{\"equals\":\"m\"},\"prices\":{\"input_mtok\":1,\"output_"
                               "music_mtok\":7,\"output_mtok\":2}}]}]";
    ly_import_notes notes;
    ly_price_book *book = read(text, &notes);
    static const asked row = {"acme", "m", "", 10, 0, 0, 0, 5, 10 * 1000000 + 5 * 2000000};
    check(book, &row);
    assert_int_equal(notes.n_keys, 1);
    assert_string_equal(notes.keys[0].key, "output_music_mtok");
    assert_string_equal(notes.keys[0].model, "m");
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
        cmocka_unit_test(litellm_prices), cmocka_unit_test(litellm_all_keys),
        cmocka_unit_test(unknown_unit),   cmocka_unit_test(other_units),
        cmocka_unit_test(bad_documents),  cmocka_unit_test(deep_clause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
