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
    {"aws-secret", "aws_key: ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
    {"aws-bedrock-key", "AB", "SKabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ab"},
    {"nvidia-key", "nv", "api-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"},
    {"cerebras-key", "cs", "k-abcdefghijklmnopqrstuvwxyz0123456789abcdefgh"},
    {"fireworks-key", "f", "w_abcdefghijklmnopqrstuvwx"},
    {"together-key", "tg", "p_v1_abcdefghijklmnopqrstuvwxyz012345"},
    {"tavily-key", "tv", "ly-abcdefghijklmnopqrstuvwxyz"},
    {"firecrawl-key", "f", "c-0123456789abcdef0123456789abcdef"},
    {"pinecone-key", "pc", "sk_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"},
    {"jina-key", "ji", "na_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"},
    {"elevenlabs-key", "s", "k_0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"e2b-key", "e2", "b_0123456789abcdef0123456789abcdef01234567"},
    {"linear-key", "li", "n_api_abcdefghijklmnopqrstuvwxyz012345"},
    {"notion-key", "nt", "n_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"},
    {"shopify-token", "sh", "pat_0123456789abcdef0123456789abcdef"},
    {"square-token", "sq", "0atp-abcdefghijklmnopqrstuv"},
    {"twilio-key", "S", "K0123456789abcdef0123456789abcdef"},
    {"mailgun-key", "ke", "y-0123456789abcdef0123456789abcdef"},
    {"atlassian-token", "AT",
     "ATT3xFfGF0abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345"},
    {"docker-token", "dc", "kr_pat_abcdefghijklmnopqrstu"},
    {"grafana-token", "gl", "sa_abcdefghijklmnopqrstuvwxyz012345"},
    {"newrelic-key", "NR", "AK-ABCDEFGHIJKLMNOPQRSTUVW"},
    {"doppler-token", "dp", ".pt.abcdefghijklmnopqrstuvwxyz01234567"},
    {"supabase-key", "sb", "p_0123456789abcdef0123456789abcdef01234567"},
    {"sentry-token", "sn", "trys_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"},
    {"postman-key", "PM", "AK-0123456789abcdef01234567-0123456789abcdef0123456789abcdef01"},
    {"age-key", "AGE-SEC", "RET-KEY-1ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGHIJKLMNOP"},
    {"airtable-token", "pa",
     "tabcdefghijklmn.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"terraform-token", "abcdefghijklmn.at",
     "lasv1.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abc"},
    {"azure-secret", "abc8", "Q~abcdefghijklmnopqrstuvwxyzABCDEFGH"},
    {"authorization", "Authorization: ", "0123456789abcdefXYZ"},
    {"cookie", "Cookie: ", "sessionid=abcdefgh12345"},
    {"url-token", "https://x.example/cb?to", "ken=abcdefgh12345678"},
    {"password", "Server=db;Pass", "word=hunter2;"},
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

/* Where keys are met in practice: every part between the angle brackets must be gone, the rest may stay. */
static void secrets_in_their_places(void **state)
{
    static const char *const texts[] = {
        "export OPENAI_API_KEY=<sk-pro"
        "j-Ab3dEf6hIj9kLmN0pQrStUvWxYz12345>",
        "curl -H 'Authorization: Bearer <abcDEF123456789xyz>' https://api.example.com",
        "curl -H \"x-api-key: <0f9e8d7c6b5a49382716>\" https://api.example.com",
        "AWS_SECRET_ACCESS_KEY=<wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY>",
        "aws_access_key_id = <AKI"
        "AIOSFODNN7EXAMPLE>",
        "Secret access key: <wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY>",
        "client = OpenAI(api_key=\"<q1w2e3r4t5y6u7i8>\")",
        "{'api_key': '<q1w2e3r4t5y6>', 'model': 'gpt-4o'}",
        "the request was {\"api_key\": \"<q1w2e3r4t5y6>\"} and failed",
        "log: \"{\\\"password\\\": \\\"<correct horse battery>\\\"}\"",
        "postgres://app:<s3cr3t-pass>@db.internal:5432/app",
        "mongodb+srv://root:<p@ssw0rd!>@cluster0.example.mongodb.net/x",
        "redis://:<abc123def>@localhost:6379/0",
        "https://x-access-token:<0123456789abcdef>@git.example.com/a/b.git",
        "Server=tcp:db,1433;User ID=sa;Password=<Sup3r$ecret>;Encrypt=yes",
        "mysql --user=root --password=<hunter2> app",
        "DB_PASSWORD=<s3cret!>",
        "password: \"<correct-horse-battery>\"",
        "config.client_secret = '<abcdef-ghijkl>'",
        "refresh_token=<1/fFAGRNJru1FTz70BzhT3Zg>",
        "https://storage.example/x?sv=2022&sig=<Ab3dEf6hIj9kLmN0pQrStUvWxYz%3D>",
        "Set-Cookie: <session=eyabcdefgh; HttpOnly>",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n<b3BlbnNzaC1rZXktdjEAAAAA>\n-----END OPENSSH PRIVATE "
        "KEY-----",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n<MIIFHDBOBgkqhkiG9w0B",
        "{\"private_key\": \"<-----BEGIN PRIVATE KEY-----\\nMIIEvQ\\n-----END PRIVATE "
        "KEY-----\\n>\"}",
        "{\"token\":\"<abcdefgh12345678>\"}",
        "{\"id_token\":\"<x>\",\"n\":1}",
    };
    (void)state;
    ly_redact *r = make("secrets", NULL, 0);
    for (size_t i = 0; i < LY_COUNT(texts); i++) {
        char plain[512], secret[256] = "";
        const char *open = strchr(texts[i], '<'), *close = strrchr(texts[i], '>');
        const char *end = close && close > open ? close : texts[i] + strlen(texts[i]);
        snprintf(plain, sizeof plain, "%.*s%.*s%s", (int)(open - texts[i]), texts[i],
                 (int)(end - open - 1), open + 1, end == close ? close + 1 : "");
        snprintf(secret, sizeof secret, "%.*s", (int)(end - open - 1), open + 1);
        const char *got = redacted(r, plain);
        if (strstr(got, secret) || !strstr(got, "[redacted:"))
            fail_msg("%s -> %s", plain, got);
        /* Once more changes nothing. */
        char *once = ly_strdup(got);
        assert_non_null(once);
        assert_string_equal(redacted(r, once), once);
        ly_free(once);
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
    assert_string_equal(redacted(r, "from 203.0.113.7:8080, http://198.51.100.20/x, 10.0.12.34"),
                        "from [redacted:ip]:8080, http://[redacted:ip]/x, [redacted:ip]");
    assert_string_equal(redacted(r, "peer 2001:db8:85a3::8a2e:370:7334 and [fe80::1ff:fe23:4567]"),
                        "peer [redacted:ip] and [[redacted:ip]]");
    assert_string_equal(redacted(r, "2223003122003222, 378282246310005, 6011111111111117"),
                        "[redacted:card], [redacted:card], [redacted:card]");
    assert_string_equal(redacted(r, "GB29 NWBK 6016 1331 9268 19, +1-202-555-0143"),
                        "[redacted:iban], [redacted:phone]");
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
        "pip install sk-learn-contrib-imbalanced-extras; class=\"sk-folding-cube-animation\"",
        "uuid 123e4567-e89b-12d3-a456-426614174000, sha256 "
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 of 2026-11-21 15:04:05.123456",
        "client = OpenAI(api_key=os.environ[\"OPENAI_API_KEY\"], base_url=base_url)",
        "def login(user, password=None): return check(user=user, password=password)",
        "api_key: Optional[str] = None, access_token: str = token.value, secret_key=settings.KEY",
        "const apiKey = process.env.API_KEY; password: ${DB_PASSWORD}; token = next(tokens)",
        "api_key = \"your-api-key-here\"; password = \"<password>\"; PWD=/root/work/dir1",
        "Chrome/120.0.0.0 version 10.20.30.40 v1.2.3.4 libfoo==1.2.3.4 std::vector<int> a::b::c",
        "at 12:34:56 from 00:1a:2b:3c:4d:5e, port ::1, 255.255.255.0, ratio 16:9:4",
        "{\"token\":\"Hello\",\"logprob\":-0.1} {\"next_page_token\":\"abc\"}",
        "{\"token\":\" world\",\"valid_token\":\"yes\",\"error\":\"invalid_token\"}",
        "1763700000123456789 4929123456781234 1234567890123456 0000000000000000",
        "Authorization: see section 4; the cookie: two cups of flour; a password: ask Ann",
        "user.name@ is no address, neither is @decorator or a@b; 555-1234; 100-200-300",
        "order 2024-0001-0002-0003, ISBN 978-3-16-148410-0, sum 1,234,567.89",
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
    ly_redact_rule bad[] = {
        {LY_S("a b"), LY_S("x")}, {LY_S("x"), LY_S("(")}, {LY_S("x"), LY_S("a*")}};
    assert_int_equal(ly_redact_new(LY_S(""), &bad[0], 1, &r, &err), LY_E_INVALID);
    assert_int_equal(ly_redact_new(LY_S(""), &bad[1], 1, &r, &err), LY_E_INVALID);
    assert_int_equal(ly_redact_new(LY_S(""), &bad[2], 1, &r, &err), LY_E_INVALID);
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
        cmocka_unit_test(secrets_in_their_places),
        cmocka_unit_test(personal_data_with_check_digits),
        cmocka_unit_test(clean_text_stays),
        cmocka_unit_test(looks_into_json),
        cmocka_unit_test(own_rules_and_errors),
        cmocka_unit_test(fails_closed),
        cmocka_unit_test(whole_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
