/* Redaction: planted secrets and personal data are found wherever they hide, clean text stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/redact.h"
#include "ingest/rules.h"
#include "otlp/decode.h"
#include "otlp/encode.h"

static ly_redact *make(const char *groups, const ly_redact_rule *rules, size_t n)
{
    ly_redact *r = NULL;
    ly_err err = LY_ERR_INIT;
    if (ly_redact_new(ly_str_c(groups), rules, n, &r, &err) != LY_OK)
        fail_msg("%s", err.text);
    return r;
}

/* What a text becomes; the same text when nothing matched. The buffer is static. */
static const char *redacted(const ly_redact *r, const char *text)
{
    static ly_buf out;
    ly_buf_release(&out);
    ly_buf_init(&out, LY_MIB(8));
    ly_status status = ly_redact_text(r, ly_str_c(text), &out, NULL);
    if (status == LY_E_NOTFOUND)
        return text;
    assert_int_equal(status, LY_OK);
    return ly_buf_text(&out);
}

/* Keys are put together here, so that no scanner of sources takes them for real ones. */
static const struct {
    const char *rule;
    const char *head, *tail;
} planted[] = {
    {"openai-key", "sk-", "proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"},
    {"anthropic-key", "sk-", "ant-api03-abcdefghijklmnopqrstuvwxyz"},
    {"openrouter-key", "sk-", "or-v1-0123456789abcdef0123456789abcdef"},
    {"langfuse-key", "sk-", "lf-01234567-89ab-cdef-0123-456789abcdef"},
    {"google-key", "AI", "zaSyA0123456789abcdefghijklmnopqrstuv"},
    {"google-oauth", "GOC", "SPX-0123456789abcdefghijklmnop"},
    {"aws-key", "AK", "IAIOSFODNN7EXAMPLE"},
    {"github-token", "gh", "p_0123456789abcdefghijABCDEFGHIJ012345"},
    {"gitlab-token", "gl", "pat-0123456789abcdefghij"},
    {"slack-token", "xo", "xb-0123456789-abcdefghij"},
    {"slack-webhook", "https://hooks.sl", "ack.com/services/T00000000/B00000000/abcdefghijkl"},
    {"stripe-key", "sk", "_live_0123456789abcdefghij"},
    {"huggingface-token", "h", "f_abcdefghijklmnopqrstuvwxyzABCDEFGH"},
    {"groq-key", "gs", "k_abcdefghijklmnopqrstuvwxyzABCDEFGH"},
    {"xai-key", "xa", "i-abcdefghijklmnopqrstuvwxyzABCDEFGHabcdefgh"},
    {"perplexity-key", "pp", "lx-abcdefghijklmnopqrstuvwxyzABCDEFGH"},
    {"replicate-token", "r", "8_abcdefghijklmnopqrstuvwxyzABCDEFGH"},
    {"langsmith-key", "ls", "v2_pt_abcdefghijklmnopqrstuvwxyz_0123"},
    {"npm-token", "np", "m_abcdefghijklmnopqrstuvwxyz0123456789"},
    {"pypi-token", "py", "pi-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAw"},
    {"sendgrid-key", "SG", ".abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz"},
    {"digitalocean-token", "do",
     "p_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"databricks-token", "da", "pi0123456789abcdef0123456789abcdef"},
    {"vault-token", "hv", "s.abcdefghijklmnopqrstuvwxyz"},
    {"telegram-token", "12345678", ":AAabcdefghijklmnopqrstuvwxyz0123456"},
    {"lydite-key", "ly", "k_0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"azure-key", "Account",
     "Key=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefgh=="},
    {"jwt", "ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijk"},
    {"bearer", "Authorization: Bea", "rer 0123456789abcdefXYZ"},
    {"url-password", "postgres://user", ":hunter2-hunter2@db.example.com/x"},
    {"assignment", "my api_key ", "= \"q1w2e3r4t5y6\""},
    {"private-key", "-----BEGIN RSA PRIVATE ", "KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"},
};

static void every_secret_rule_finds_its_kind(void **state)
{
    (void)state;
    ly_redact *r = make("secrets", NULL, 0);
    for (size_t i = 0; i < ly_builtin_rules_n; i++) {
        if (strcmp(ly_builtin_rules[i].group, "secrets") != 0)
            continue;
        bool known = false;
        for (size_t k = 0; k < LY_COUNT(planted); k++)
            known |= strcmp(planted[k].rule, ly_builtin_rules[i].name) == 0;
        if (!known)
            fail_msg("rule %s has no example here", ly_builtin_rules[i].name);
    }
    for (size_t i = 0; i < LY_COUNT(planted); i++) {
        char text[512], mark[96];
        snprintf(text, sizeof text, "please use %s%s today", planted[i].head, planted[i].tail);
        snprintf(mark, sizeof mark, "[redacted:%s]", planted[i].rule);
        const char *got = redacted(r, text);
        if (!strstr(got, mark) || strstr(got, planted[i].tail + 4))
            fail_msg("%s: %s", planted[i].rule, got);
        assert_non_null(strstr(got, " today"));
    }
    ly_redact_free(r);
}

static void personal_data_with_check_digits(void **state)
{
    (void)state;
    ly_redact *r = make("pii", NULL, 0);
    assert_string_equal(redacted(r, "mail ann.lee+x@mail.example.org now"),
                        "mail [redacted:email] now");
    assert_string_equal(redacted(r, "card 4111 1111 1111 1111."), "card [redacted:card].");
    assert_string_equal(redacted(r, "card 4111111111111112."), "card 4111111111111112.");
    assert_string_equal(redacted(r, "pay DE89 3704 0044 0532 0130 00 PLEASE"),
                        "pay [redacted:iban] PLEASE");
    assert_string_equal(redacted(r, "pay DE88370400440532013000"), "pay DE88370400440532013000");
    assert_string_equal(redacted(r, "ssn 123-45-6789"), "ssn [redacted:us-ssn]");
    assert_string_equal(redacted(r, "call +49 30 1234567 or (415) 555-0132"),
                        "call [redacted:phone] or [redacted:phone]");
    ly_redact_free(r);
}

static void clean_text_stays(void **state)
{
    static const char *const clean[] = {
        "the task-list of the desk-based risk-adjusted plan",
        "version 1.2.3-4 of 2026-11-21T15:04:05Z at 127.0.0.1:4318",
        "{\"input_tokens\": 1763700000123456789, \"max_tokens\": 4096, \"token_count\": 12}",
        "trace 5b8efff798038103d269b633813fc60c span eee19b7ec3c1b174",
        "password policy: at least twelve characters; the secret of good cooking",
        "see https://example.com/a/b?c=d and sk-learn, basic usage, bearer bonds",
    };
    (void)state;
    ly_redact *r = make("secrets,pii", NULL, 0);
    for (size_t i = 0; i < LY_COUNT(clean); i++)
        assert_string_equal(redacted(r, clean[i]), clean[i]);
    assert_int_equal(ly_redact_total(r), 0);
    ly_redact_free(r);
}

static void looks_into_json(void **state)
{
    (void)state;
    ly_redact *r = make("secrets,pii", NULL, 0);
    assert_string_equal(redacted(r, "{\"a\":[1,\"x ann@example.com\"], \"b\" : true}"),
                        "{\"a\":[1,\"x [redacted:email]\"], \"b\" : true}");
    /* an escape hides nothing */
    assert_string_equal(redacted(r, "[\"ann\\u0040example.com\"]"), "[\"[redacted:email]\"]");
    /* JSON in a JSON string */
    assert_string_equal(redacted(r, "{\"args\":\"{\\\"to\\\":\\\"ann\\\\u0040example.com\\\"}\"}"),
                        "{\"args\":\"{\\\"to\\\":\\\"[redacted:email]\\\"}\"}");
    /* a number */
    assert_string_equal(redacted(r, "{\"card\":4111111111111111}"),
                        "{\"card\":\"[redacted:card]\"}");
    /* a member's name says what its value is, whatever the value looks like */
    assert_string_equal(
        redacted(r, "{\"headers\":{\"X-Api-Key\":\"abc\",\"Authorization\":[\"x\",7]},\"n\":1}"),
        "{\"headers\":{\"X-Api-Key\":\"[redacted:credential]\",\"Authorization\":"
        "[\"[redacted:credential]\",\"[redacted:credential]\"]},\"n\":1}");
    /* a member's name is data too */
    assert_string_equal(redacted(r, "{\"ann@example.com\":1}"), "{\"[redacted:email]\":1}");
    /* cut JSON is text */
    assert_string_equal(redacted(r, "{\"a\":\"ann@example.com"), "{\"a\":\"[redacted:email]");
    ly_redact_free(r);
}

static void own_rules_and_errors(void **state)
{
    (void)state;
    ly_redact_rule rules[] = {{LY_S("ticket"), LY_S("TCK-\\d+")},
                              {LY_S("name"), LY_S("(?i)project x")}};
    ly_redact *r = make("", rules, 2);
    assert_string_equal(redacted(r, "see TCK-42 of Project X"),
                        "see [redacted:ticket] of [redacted:name]");
    assert_int_equal(ly_redact_total(r), 2);
    assert_string_equal(ly_redact_rule_name(r, 0), "ticket");
    assert_int_equal(ly_redact_rule_count(r, 0), 1);
    ly_redact_free(r);
    ly_err err = LY_ERR_INIT;
    r = NULL;
    assert_int_equal(ly_redact_new(LY_S("everything"), NULL, 0, &r, &err), LY_E_INVALID);
    ly_redact_rule bad[] = {{LY_S("a b"), LY_S("x")}, {LY_S("x"), LY_S("(")}};
    assert_int_equal(ly_redact_new(LY_S(""), &bad[0], 1, &r, &err), LY_E_INVALID);
    assert_int_equal(ly_redact_new(LY_S(""), &bad[1], 1, &r, &err), LY_E_INVALID);
    assert_null(r);
    assert_int_equal(ly_redact_new(LY_S("none"), NULL, 0, &r, &err), LY_OK);
    assert_null(r);
}

/* A rule that runs into its limits must not let the text through. */
static void fails_closed(void **state)
{
    (void)state;
    ly_redact_rule rule = {LY_S("slow"), LY_S("(?:a+)+[bc]")};
    ly_redact *r = make("", &rule, 1);
    char text[4001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_string_equal(redacted(r, text), "[redacted:slow]");
    ly_redact_free(r);
}

static void whole_messages(void **state)
{
    (void)state;
    ly_redact *r = make("secrets,pii", NULL, 0);
    ly_any items[] = {{.kind = LY_ANY_STRING, .str = LY_S("ann@example.com")},
                      {.kind = LY_ANY_BOOL, .boolean = true}};
    ly_kv inner = {LY_S("password"), {.kind = LY_ANY_INT, .integer = 7}};
    ly_kv attrs[] = {
        {LY_S("plain"), {.kind = LY_ANY_STRING, .str = LY_S("nothing here")}},
        {LY_S("list"), {.kind = LY_ANY_ARRAY, .array = {items, 2}}},
        {LY_S("http.request.header.authorization"),
         {.kind = LY_ANY_STRING, .str = LY_S("whatever")}},
        {LY_S("map"), {.kind = LY_ANY_KVLIST, .kvlist = {&inner, 1}}},
        {LY_S("raw"), {.kind = LY_ANY_BYTES, .str = LY_S("ann@example.com")}},
        {LY_S("gen_ai.usage.input_tokens"), {.kind = LY_ANY_INT, .integer = 123456}},
        {LY_S("card"), {.kind = LY_ANY_INT, .integer = 4111111111111111}},
        {LY_S("plain"), {.kind = LY_ANY_STRING, .str = LY_S("twice")}},
    };
    ly_event event = {.name = LY_S("mail to ann@example.com"), .attrs = {attrs, 1, 0}};
    ly_span span = {.name = LY_S("chat ann@example.com"),
                    .attrs = {attrs, LY_COUNT(attrs), 3},
                    .events = &event};
    span.n_events = 1;
    span.status_message = LY_S("no mail for ann@example.com");
    span.status_code = LY_CODE_ERROR;
    memset(span.trace_id.b, 7, sizeof span.trace_id.b);
    memset(span.span_id.b, 8, sizeof span.span_id.b);
    ly_buf wire, out;
    ly_buf_init(&wire, LY_MIB(1));
    ly_buf_init(&out, LY_MIB(1));
    ly_otlp_put_span(&wire, &span);
    ly_buf_add(&wire, "\xfa\x07\x05hello", 8); /* an unknown field stays */
    assert_int_equal(ly_redact_message(r, LY_REDACT_SPAN, ly_buf_view(&wire), &out, NULL), LY_OK);
    ly_span now;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(ly_otlp_decode_span(ly_buf_view(&out), NULL, NULL, &arena, &now), LY_OK);
    assert_true(ly_str_eqc(now.name, "chat [redacted:email]"));
    assert_true(ly_str_eqc(now.status_message, "no mail for [redacted:email]"));
    assert_true(ly_str_eqc(now.events[0].name, "mail to [redacted:email]"));
    assert_int_equal(now.attrs.n, LY_COUNT(attrs));
    assert_int_equal(now.attrs.dropped, 3);
    const ly_kv *a = now.attrs.items;
    assert_true(ly_str_eqc(a[0].value.str, "nothing here"));
    assert_true(ly_str_eqc(a[1].value.array.items[0].str, "[redacted:email]"));
    assert_true(a[1].value.array.items[1].boolean);
    assert_true(ly_str_eqc(a[2].value.str, "[redacted:credential]"));
    assert_true(ly_str_eqc(a[3].value.kvlist.items[0].value.str, "[redacted:credential]"));
    assert_true(ly_str_eqc(a[4].value.str, "[redacted:email]"));
    assert_int_equal(a[4].value.kind, LY_ANY_BYTES);
    assert_int_equal(a[5].value.integer, 123456);
    assert_true(ly_str_eqc(a[6].value.str, "[redacted:card]"));
    assert_true(ly_str_eqc(a[7].value.str, "twice"));
    assert_true(ly_trace_id_eq(now.trace_id, span.trace_id));
    assert_int_not_equal(ly_str_find(ly_buf_view(&out), LY_S("hello"), 0), SIZE_MAX);
    /* Once more changes nothing. */
    ly_buf again;
    ly_buf_init(&again, LY_MIB(1));
    assert_int_equal(ly_redact_message(r, LY_REDACT_SPAN, ly_buf_view(&out), &again, NULL),
                     LY_E_NOTFOUND);
    assert_int_equal(again.len, 0);
    /* What cannot be read cannot be cleaned. */
    assert_int_equal(ly_redact_message(r, LY_REDACT_SPAN, LY_S("\x2a\x7f"), &again, NULL),
                     LY_E_FORMAT);
    /* An unknown field that matches goes. */
    ly_buf_reset(&wire);
    ly_buf_add(&wire,
               "\xfa\x07\x0f"
               "ann@example.com",
               18);
    assert_int_equal(ly_redact_message(r, LY_REDACT_SPAN, ly_buf_view(&wire), &again, NULL), LY_OK);
    assert_int_equal(again.len, 0);
    ly_buf_release(&wire);
    ly_buf_release(&out);
    ly_buf_release(&again);
    ly_arena_release(&arena);
    ly_redact_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_secret_rule_finds_its_kind),
        cmocka_unit_test(personal_data_with_check_digits),
        cmocka_unit_test(clean_text_stays),
        cmocka_unit_test(looks_into_json),
        cmocka_unit_test(own_rules_and_errors),
        cmocka_unit_test(fails_closed),
        cmocka_unit_test(whole_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
