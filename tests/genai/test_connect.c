/* The table behind `lydite connect`: everybody who was promised is there, no mark is left in a text. */
#include "genai/kit.h"

#include "base/limits.h"
#include "genai/connect.h"

static void promised_clients(void **state)
{
    (void)state;
    static const char *const names[] = {
        "otel", "openai", "anthropic", "langchain", "llamaindex", "pydantic-ai", "traceloop",
        "phoenix", "langfuse", "mlflow", "claude-code", "codex", "gemini-cli",
        /* and the corpus */
        "vercel-ai", "laminar", "langsmith", "openai-agents", "openinference", "OpenTelemetry"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!ly_connect_find(ly_str_c(names[i])))
            fail_msg("no lines for %s", names[i]);
    }
    assert_null(ly_connect_find(LY_S("no-such-client")));
    assert_null(ly_connect_at(ly_connect_count()));
}

static void texts_are_filled(void **state)
{
    (void)state;
    for (size_t i = 0; i < ly_connect_count(); i++) {
        const ly_connect_client *c = ly_connect_at(i);
        assert_true(c->n_ways > 0);
        bool addressed = false;
        for (size_t k = 0; k < c->n_ways; k++) {
            const ly_connect_way *way = &c->ways[k];
            ly_buf out;
            ly_buf_init(&out, LY_MIB(1));
            ly_connect_text(way->install, "http://h:1234", "http://h:5678", &out);
            ly_connect_text(way->lines, "http://h:1234", "http://h:5678", &out);
            ly_connect_text(way->content, "http://h:1234", "http://h:5678", &out);
            const ly_str text = ly_buf_view(&out);
            assert_true(ly_str_find(text, LY_S("{http"), 0) == SIZE_MAX);
            assert_true(ly_str_find(text, LY_S("{grpc"), 0) == SIZE_MAX);
            assert_true(ly_str_find(text, LY_S("4318"), 0) == SIZE_MAX);
            assert_true(ly_str_find(text, LY_S("4317"), 0) == SIZE_MAX);
            addressed |= ly_str_find(text, LY_S("1234"), 0) != SIZE_MAX ||
                         ly_str_find(text, LY_S("5678"), 0) != SIZE_MAX;
            ly_buf_release(&out);
        }
        if (!addressed)
            fail_msg("%s does not say where to send", c->name);
    }
}

static bool names(const ly_connect_gap *gaps, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(gaps[i].what, what) == 0)
            return true;
    }
    return false;
}

/* Lines that give nothing in an ES module say so. */
static void module_form_is_told(void **state)
{
    static const char *const names[] = {"openai", "anthropic", "traceloop", "phoenix", "langchain"};
    (void)state;
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        const ly_connect_client *c = ly_connect_find(ly_str_c(names[i]));
        assert_non_null(c);
        assert_non_null(strstr(c->note, "CommonJS"));
        assert_non_null(strstr(c->note, "ES module"));
    }
}

static void gaps_of_a_span(void **state)
{
    (void)state;
    kit k;
    kit_init(&k);
    const ly_kv service[] = {STR("service.name", "svc")};
    k.resource.attrs = (ly_attrs){service, 1, 0};
    ly_connect_gap gaps[LY_CONNECT_GAPS];
    SPAN(&k, "x", "chat", -1, 3, OP("chat"));
    size_t n = ly_connect_missing(&k.canon[0], gaps);
    assert_true(names(gaps, n, "model") && names(gaps, n, "token counts"));
    assert_true(names(gaps, n, "messages") && names(gaps, n, "session"));
    assert_false(names(gaps, n, "service name"));
    SPAN(&k, "x", "chat", -1, 3, OP("chat"), MODEL, IN(1), OUT(1), STR("session.id", "s"),
         STR("gen_ai.input.messages", "hi"), STR("gen_ai.provider.name", "openai"));
    n = ly_connect_missing(&k.canon[1], gaps);
    assert_int_equal(n, 0);
    kit_done(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promised_clients),
        cmocka_unit_test(texts_are_filled),
        cmocka_unit_test(module_form_is_told),
        cmocka_unit_test(gaps_of_a_span),
    };
    return cmocka_run_group_tests_name("genai/connect", tests, NULL, NULL);
}
