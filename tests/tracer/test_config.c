/*
 * Options and environment, as tables: who wins, what a mistake is answered with.
 */
#include "testing.h"

#include <stdio.h>

#include "tracer/engine.h"

/* A made-up environment: pairs up to NULL. */
static const char *from_pairs(void *user, const char *name)
{
    const char *const *pairs = user;
    for (; pairs && *pairs; pairs += 2) {
        if (strcmp(pairs[0], name) == 0) {
            return pairs[1];
        }
    }
    return NULL;
}

static char noted[LYDITE_TEXT_MAX];
static void note(void *user, int level, const char *text)
{
    (void)user, (void)level;
    snprintf(noted, sizeof noted, "%s", text);
}

static ly_config config;
static ly_err err;

static ly_status read_env(const lydite_options *opts, const char *const *pairs)
{
    lydite_options o = LYDITE_OPTIONS_INIT;
    if (opts) {
        o = *opts;
    }
    o.diag = note;
    noted[0] = 0;
    err = (ly_err)LY_ERR_INIT;
    ly_config_release(&config);
    return ly_config_read(&o, from_pairs, (void *)(uintptr_t)pairs, &config, &err);
}

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_env(NULL, NULL), LY_OK);
    assert_string_equal(config.target, "localhost:4317");
    assert_false(config.tls);
    assert_int_equal(config.timeout_ns, 10000 * LY_NS_PER_MS);
    assert_int_equal(config.batch_spans, 512);
    assert_int_equal(config.max_attrs, 128);
    assert_int_equal(config.max_events, 128);
    assert_int_equal(config.max_links, 128);
    assert_int_equal(config.max_chars, 0);
    assert_int_equal(config.sampler, LYDITE_SAMPLE_ALWAYS);
    assert_true(config.parent_based);
    assert_true(config.content);
    assert_int_equal(config.exporter, LY_EXPORT_OTLP);
    assert_int_equal(config.ring_bytes, 16 << 20);
    assert_null(config.env_parent);
}

static void test_endpoints(void **state)
{
    static const struct {
        const char *name, *value, *target;
        bool tls;
    } rows[] = {
        {"LYDITE_ENDPOINT", "http://127.0.0.1:5000", "127.0.0.1:5000", false},
        {"LYDITE_ENDPOINT", "127.0.0.1:5000", "127.0.0.1:5000", false},
        {"LYDITE_ENDPOINT", "https://c.example", "c.example:4317", true},
        {"LYDITE_ENDPOINT", "unix:/run/lydite.sock", "unix:/run/lydite.sock", false},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:1/some/path", "h:1", false},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "HTTPS://[::1]:9", "[::1]:9", true},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]", "[::1]:4317", false},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "h:1", "h:1", true}, /* without scheme: INSECURE decides */
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:2", "t:2", false},
    };
    (void)state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        assert_int_equal(read_env(NULL, ENV(rows[i].name, rows[i].value)), LY_OK);
        assert_string_equal(config.target, rows[i].target);
        assert_int_equal(config.tls, rows[i].tls);
    }
    assert_int_equal(read_env(NULL, ENV("OTEL_EXPORTER_OTLP_ENDPOINT", "h:1",
                                        "OTEL_EXPORTER_OTLP_INSECURE", "TRUE")),
                     LY_OK);
    assert_false(config.tls);
    /* The signal's own variable wins, also when it says no. */
    assert_int_equal(
        read_env(NULL, ENV("OTEL_EXPORTER_OTLP_ENDPOINT", "h:1", "OTEL_EXPORTER_OTLP_INSECURE",
                           "true", "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "false")),
        LY_OK);
    assert_true(config.tls);
    assert_int_equal(
        read_env(NULL, ENV("LYDITE_ENDPOINT", "http://a:1", "OTEL_EXPORTER_OTLP_ENDPOINT",
                           "http://b:4318", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")),
        LY_OK);
    assert_string_equal(config.target, "a:1"); /* and the others are not looked at */
    lydite_options o = LYDITE_OPTIONS_INIT;
    o.endpoint = "http://option:3";
    assert_int_equal(read_env(&o, ENV("LYDITE_ENDPOINT", "http://a:1")), LY_OK);
    assert_string_equal(config.target, "option:3");
    o.endpoint = NULL;
    o.ignore_env = true;
    assert_int_equal(read_env(&o, ENV("LYDITE_ENDPOINT", "http://a:1")), LY_OK);
    assert_string_equal(config.target, "localhost:4317");
}

/* Each message names the variable and the value to set. */
static void test_mistakes(void **state)
{
    static const struct {
        const char *name, *value;
        ly_status status;
        const char *says[3];
    } rows[] = {
        {"OTEL_EXPORTER_OTLP_PROTOCOL",
         "http/protobuf",
         LY_E_UNSUPPORTED,
         {"OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
          "http://localhost:4317"}},
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
         "http/json",
         LY_E_UNSUPPORTED,
         {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is http/json", "=grpc", "LYDITE_ENDPOINT"}},
        {"OTEL_EXPORTER_OTLP_ENDPOINT",
         "http://localhost:4318",
         LY_E_UNSUPPORTED,
         {"OTEL_EXPORTER_OTLP_ENDPOINT is http://localhost:4318", "4317", "LYDITE_ENDPOINT"}},
        {"LYDITE_ENDPOINT",
         "http://h:4318/v1/traces",
         LY_E_UNSUPPORTED,
         {"LYDITE_ENDPOINT is http://h:4318/v1/traces", "4317", "gRPC"}},
        {"LYDITE_ENDPOINT",
         "ftp://h:1",
         LY_E_INVALID,
         {"LYDITE_ENDPOINT is ftp://h:1", "scheme", "http://localhost:4317"}},
        {"OTEL_EXPORTER_OTLP_HEADERS",
         "a",
         LY_E_INVALID,
         {"OTEL_EXPORTER_OTLP_HEADERS", "k=v", ""}},
        {"OTEL_EXPORTER_OTLP_HEADERS",
         "a=%zz",
         LY_E_INVALID,
         {"OTEL_EXPORTER_OTLP_HEADERS", "percent", ""}},
        {"LYDITE_EXPORTER",
         "kafka",
         LY_E_INVALID,
         {"kafka", "otlp, console, file:PATH or none", ""}},
    };
    (void)state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_status status = read_env(NULL, ENV(rows[i].name, rows[i].value));
        if (status != rows[i].status) {
            fail_msg("%s=%s: %d", rows[i].name, rows[i].value, (int)status);
        }
        for (int k = 0; k < 3; k++) {
            if (!strstr(err.text, rows[i].says[k])) {
                fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].says[k]);
            }
        }
        assert_string_equal(noted, err.text); /* the diagnostics callback gets it too */
    }
}

/* What is noted and ignored. */
static void test_notes(void **state)
{
    static const char *const rows[][2] = {
        {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "-1"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "12x"},
        {"OTEL_TRACES_SAMPLER", "jaeger_remote"},
        {"OTEL_TRACES_EXPORTER", "zipkin"},
        {"OTEL_RESOURCE_ATTRIBUTES", "novalue"},
        {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"},
        {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "maybe"},
    };
    (void)state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        assert_int_equal(read_env(NULL, ENV(rows[i][0], rows[i][1])), LY_OK);
        if (!strstr(noted, rows[i][0])) {
            fail_msg("%s=%s: noted \"%s\"", rows[i][0], rows[i][1], noted);
        }
    }
    assert_int_equal(read_env(NULL, ENV("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "")), LY_OK);
    assert_string_equal(noted, ""); /* empty is unset */
    assert_int_equal(config.batch_spans, 512);
}

static void test_numbers_and_switches(void **state)
{
    (void)state;
    assert_int_equal(
        read_env(NULL,
                 ENV("OTEL_BSP_SCHEDULE_DELAY", "250", "OTEL_BSP_EXPORT_TIMEOUT", "7000",
                     "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64", "OTEL_BSP_MAX_QUEUE_SIZE", "4096",
                     "OTEL_EXPORTER_OTLP_TIMEOUT", "0", "OTEL_ATTRIBUTE_COUNT_LIMIT", "9",
                     "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "10", "OTEL_SPAN_EVENT_COUNT_LIMIT",
                     "3", "OTEL_SPAN_LINK_COUNT_LIMIT", "4", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
                     "5", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "6", "OTEL_EXPORTER_OTLP_COMPRESSION",
                     "gzip", "OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20x,b=2")),
        LY_OK);
    assert_int_equal(config.schedule_ns, 250 * LY_NS_PER_MS);
    assert_int_equal(config.give_up_ns, 7000 * LY_NS_PER_MS);
    assert_int_equal(config.batch_spans, 64);
    assert_int_equal(config.ring_bytes, 4 << 20);
    assert_int_equal(config.timeout_ns, 0); /* no limit */
    assert_int_equal(config.max_attrs, 9);
    assert_int_equal(config.max_chars, 10);
    assert_int_equal(config.max_events, 3);
    assert_int_equal(config.max_links, 4);
    assert_int_equal(config.max_event_attrs, 5);
    assert_int_equal(config.max_link_attrs, 6);
    assert_true(config.gzip);
    assert_int_equal(config.n_headers, 2);
    assert_string_equal(config.headers[0].key, "authorization");
    assert_string_equal(config.headers[0].value, "Bearer x");
    assert_int_equal(read_env(NULL, ENV("OTEL_SDK_DISABLED", "True")), LY_OK);
    assert_true(config.disabled);
    assert_int_equal(read_env(NULL, ENV("OTEL_SDK_DISABLED", "yes")), LY_OK);
    assert_false(config.disabled);
}

static void test_content_sampler_exporter(void **state)
{
    static const struct {
        const char *value;
        bool on;
    } rows[] = {{"true", true},   {"SPAN_ONLY", true},   {"span_and_event", true},
                {"false", false}, {"NO_CONTENT", false}, {"EVENT_ONLY", false}};
    (void)state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        assert_int_equal(read_env(NULL, ENV("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
                                            rows[i].value)),
                         LY_OK);
        assert_int_equal(config.content, rows[i].on);
    }
    assert_int_equal(read_env(NULL, ENV("OTEL_TRACES_SAMPLER", "parentbased_traceidratio",
                                        "OTEL_TRACES_SAMPLER_ARG", "0.25")),
                     LY_OK);
    assert_int_equal(config.sampler, LYDITE_SAMPLE_RATIO);
    assert_true(config.parent_based);
    assert_true(config.threshold == (uint64_t)3 << 54);
    assert_int_equal(read_env(NULL, ENV("OTEL_TRACES_SAMPLER", "always_off")), LY_OK);
    assert_int_equal(config.sampler, LYDITE_SAMPLE_NEVER);
    assert_false(config.parent_based);
    assert_int_equal(read_env(NULL, ENV("OTEL_TRACES_EXPORTER", "file:/tmp/x.jsonl")), LY_OK);
    assert_int_equal(config.exporter, LY_EXPORT_FILE);
    assert_string_equal(config.file, "/tmp/x.jsonl");
    assert_int_equal(read_env(NULL, ENV("OTEL_TRACES_EXPORTER", "Console")), LY_OK);
    assert_int_equal(config.exporter, LY_EXPORT_CONSOLE);
    assert_int_equal(read_env(NULL, ENV("OTEL_TRACES_EXPORTER", "none",
                                        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")),
                     LY_OK); /* no protocol is spoken */
    assert_int_equal(config.exporter, LY_EXPORT_NONE);
}

static bool resource_has(const char *key, const char *value)
{
    ly_str all = ly_buf_view(&config.resource);
    size_t at = ly_str_find(all, ly_str_c(key), 0);
    return at != SIZE_MAX && ly_str_find(all, ly_str_c(value), at) != SIZE_MAX;
}

static void test_resource(void **state)
{
    (void)state;
    assert_int_equal(read_env(NULL, NULL), LY_OK);
    assert_true(resource_has("service.name", "unknown_service:"));
    assert_int_equal(read_env(NULL, ENV("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,k=v%2Cw")),
                     LY_OK);
    assert_true(resource_has("service.name", "a"));
    assert_true(resource_has("k", "v,w"));
    assert_false(resource_has("service.name", "unknown_service"));
    assert_int_equal(read_env(NULL, ENV("OTEL_RESOURCE_ATTRIBUTES", "service.name=a",
                                        "OTEL_SERVICE_NAME", "winner")),
                     LY_OK);
    assert_true(resource_has("service.name", "winner"));
    lydite_options o = LYDITE_OPTIONS_INIT;
    o.service = "option";
    o.env = "prod";
    assert_int_equal(read_env(&o, ENV("OTEL_SERVICE_NAME", "winner")), LY_OK);
    assert_true(resource_has("service.name", "option"));
    assert_true(resource_has("deployment.environment.name", "prod"));
}

/* A newer header's struct is larger, an older one's smaller: both are served. */
static void test_size_field(void **state)
{
    (void)state;
    struct {
        lydite_options opts;
        char future[64];
    } big = {.opts = LYDITE_OPTIONS_INIT};
    ly_config_release(&config);
    big.opts.size = sizeof big;
    big.opts.service = "x";
    assert_int_equal(ly_config_read(&big.opts, from_pairs, NULL, &config, &err), LY_OK);
    ly_config_release(&config);
    lydite_options small = {.size = sizeof(size_t) + sizeof(char *)};
    small.service = "only this";
    small.endpoint = (const char *)1; /* past its size: must not be looked at */
    assert_int_equal(ly_config_read(&small, from_pairs, NULL, &config, &err), LY_OK);
    assert_true(resource_has("service.name", "only this"));
    assert_string_equal(config.target, "localhost:4317");
    /* {0} would else be taken for "nothing given", with all that the host did give. */
    lydite_options none = {.service = "lost"};
    ly_config unread;
    assert_int_equal(ly_config_read(&none, from_pairs, NULL, &unread, &err), LY_E_INVALID);
    assert_non_null(strstr(err.text, "LYDITE_OPTIONS_INIT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_numbers_and_switches),
        cmocka_unit_test(test_content_sampler_exporter),
        cmocka_unit_test(test_resource),
        cmocka_unit_test(test_size_field),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ly_config_release(&config);
    return failed;
}
