/*
 * W3C trace context and baggage: the rules of otlp-and-genai-conventions §1.11 as tables, in and out.
 */
#include "testing.h"

#include <lydite/tracer.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"

#define T    "0af7651916cd43dd8448eb211c80319c"
#define S    "b7ad6b7169203331"
#define GOOD "00-" T "-" S "-01"

static int take(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)user, (void)logs, (void)bytes, (void)len, (void)n;
    return 0;
}

static lydite_tracer *tracer(void)
{
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.export_fn = take;
    opts.ignore_env = true;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    return t;
}

static void test_traceparent(void **state)
{
    static const struct {
        const char *header;
        bool valid;
    } rows[] = {
        {GOOD, true},
        {"00-" T "-" S "-00", true},
        {"00-" T "-" S "-ff", true},                 /* unknown flag bits */
        {"  " GOOD " ", true},                       /* optional white space around */
        {"01-" T "-" S "-01", true},                 /* a later version */
        {"cc-" T "-" S "-01-what-the-future", true}, /* with more fields */
        {"cc-" T "-" S "-01.what", false},           /* not with a '-' */
        {"cc-" T "-" S "-0", false},                 /* too short for any version */
        {"ff-" T "-" S "-01", false},                /* version ff */
        {"00-" T "-" S "-01-extra", false},          /* version 00 has 55 characters */
        {"00-" T "-" S "-1", false},
        {"00-00000000000000000000000000000000-" S "-01", false},
        {"00-" T "-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-" S "-01", false}, /* upper case */
        {"00-" T "-B7AD6B7169203331-01", false},
        {"0G-" T "-" S "-01", false},
        {"00-" T "-" S "-0x", false},
        {"00_" T "-" S "-01", false},
        {"", false},
        {"nonsense", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lydite_context *c = lydite_context_new();
        lydite_context_header(c, "TraceParent", rows[i].header);
        if (lydite_context_valid(c) != rows[i].valid) {
            fail_msg("\"%s\" should be %s", rows[i].header, rows[i].valid ? "valid" : "ignored");
        }
        lydite_context_free(c);
    }
}

static void test_continues_or_begins(void **state)
{
    (void)state;
    lydite_tracer *t = tracer();
    char trace[33], id[17], out[56];
    lydite_start_options how = LYDITE_START_INIT;
    lydite_context *c = lydite_context_new();
    lydite_context_header(c, "traceparent", "cc-" T "-" S "-03-more");
    how.context = c;
    lydite_span *span = lydite_start_with(t, LYDITE_AGENT, "a", &how);
    lydite_span_ids(span, trace, id);
    assert_string_equal(trace, T);
    assert_string_not_equal(id, S);
    lydite_traceparent(span, out);
    assert_memory_equal(out, "00-" T, 35);
    assert_string_equal(out + 52, "-03"); /* sampled, and the random flag kept; version 00 */
    lydite_end(span);
    lydite_context_free(c);

    /* not sampled by the parent: not recorded, and said so to the next */
    c = lydite_context_new();
    lydite_context_header(c, "traceparent", "00-" T "-" S "-00");
    how.context = c;
    span = lydite_start_with(t, LYDITE_AGENT, "a", &how);
    assert_false(lydite_recording(span));
    lydite_traceparent(span, out);
    assert_string_equal(out + 52, "-00");
    lydite_end(span);
    lydite_context_free(c);

    /* invalid: a new trace, whatever is current */
    c = lydite_context_new();
    lydite_context_header(c, "traceparent", "00-" T "-0000000000000000-01");
    lydite_context_header(c, "tracestate", "a=1");
    how.context = c;
    lydite_span *outer = lydite_start(t, LYDITE_AGENT, "outer");
    span = lydite_start_with(t, LYDITE_AGENT, "a", &how);
    lydite_span_ids(span, trace, id);
    assert_string_not_equal(trace, T);
    char other[33];
    lydite_span_ids(outer, other, id);
    assert_string_not_equal(trace, other);
    lydite_end(span);
    lydite_end(outer);
    /* two of them: neither can be trusted */
    lydite_context_header(c, "traceparent", GOOD);
    assert_false(lydite_context_valid(c));
    lydite_context_free(c);
    (void)lydite_close(t, 1000, NULL);
}

static void keep(void *user, const char *name, const char *value)
{
    ly_buf *all = user;
    ly_buf_fmt(all, "%s: %s\n", name, value);
}

/* What goes out after these headers came in. */
static const char *through(const char *state1, const char *state2, const char *baggage)
{
    static ly_buf all;
    lydite_tracer *t = tracer();
    lydite_context *c = lydite_context_new();
    ly_buf_release(&all);
    ly_buf_init(&all, 1 << 20);
    lydite_context_header(c, "traceparent", GOOD);
    lydite_context_header(c, "tracestate", state1);
    lydite_context_header(c, "tracestate", state2);
    lydite_context_header(c, "baggage", baggage);
    lydite_start_options how = LYDITE_START_INIT;
    how.context = c;
    lydite_span *span = lydite_start_with(t, LYDITE_AGENT, "a", &how);
    lydite_span *child = lydite_start(t, LYDITE_STEP, "s");
    lydite_inject(child, keep, &all);
    lydite_end(child);
    lydite_end(span);
    lydite_context_free(c);
    (void)lydite_close(t, 1000, NULL);
    return ly_buf_text(&all);
}

static void test_tracestate(void **state)
{
    (void)state;
    assert_non_null(strstr(through("foo=1,bar=2", NULL, NULL), "tracestate: foo=1,bar=2\n"));
    assert_non_null(
        strstr(through("foo=1", "bar=2,,rojo=3 ", NULL), "tracestate: foo=1,bar=2,rojo=3\n"));
    assert_non_null(strstr(through("fw529a3039@dt=FfAxx,0a*/-_=v", NULL, NULL),
                           "tracestate: fw529a3039@dt=FfAxx,0a*/-_=v\n"));
    /* one bad member and all of it goes; the trace goes on */
    static const char *const bad[] = {"Foo=1",  "foo",     "foo=",      "=1",
                                      "foo =1", "foo=1=2", "foo@=\x01", "foo=1,foo=2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *out = through(bad[i], NULL, NULL);
        if (strstr(out, "tracestate") || !strstr(out, "traceparent: 00-" T)) {
            fail_msg("tracestate \"%s\" went out as %s", bad[i], out);
        }
    }
    /* 32 members pass, 33 do not */
    ly_buf many;
    ly_buf_init(&many, 4096);
    for (int i = 0; i < 32; i++) {
        ly_buf_fmt(&many, "%sk%02d=1", i ? "," : "", i);
    }
    assert_non_null(strstr(through(ly_buf_text(&many), NULL, NULL), ",k31=1\n"));
    ly_buf_c(&many, ",k32=1");
    assert_null(strstr(through(ly_buf_text(&many), NULL, NULL), "tracestate"));
    /* over 512 characters: entries over 128 go first, whole entries only */
    ly_buf_reset(&many);
    ly_buf_c(&many, "big=");
    ly_buf_fill(&many, 'x', 200);
    for (int i = 0; i < 4; i++) {
        ly_buf_fmt(&many, ",k%d=", i);
        ly_buf_fill(&many, 'y', 100);
    }
    const char *out = through(ly_buf_text(&many), NULL, NULL);
    assert_null(strstr(out, "big="));
    assert_non_null(strstr(out, "tracestate: k0=y"));
    assert_non_null(strstr(out, ",k3=y"));
    ly_buf_release(&many);
}

static void test_baggage(void **state)
{
    (void)state;
    char value[64];
    assert_non_null(strstr(through(NULL, NULL, "user=a%20b;prop=1, k2 = v2 "),
                           "baggage: user=a%20b;prop=1,k2 = v2\n"));
    lydite_tracer *t = tracer();
    lydite_span *span = lydite_start(t, LYDITE_AGENT, "a");
    assert_int_equal(lydite_set_baggage(span, "k", "a b,\"c\"\\%\xC3\xA9"), LYDITE_OK);
    assert_int_equal(lydite_set_baggage(span, "not a token", "x"), LYDITE_E_INVALID);
    assert_int_equal(lydite_set_baggage(span, "", "x"), LYDITE_E_INVALID);
    lydite_span *child = lydite_start(t, LYDITE_STEP, "s");
    assert_int_equal(lydite_get_baggage(child, "k", value, sizeof value), LYDITE_OK);
    assert_string_equal(value, "a b,\"c\"\\%\xC3\xA9");
    ly_buf all;
    ly_buf_init(&all, 1 << 20);
    lydite_inject(child, keep, &all);
    assert_non_null(strstr(ly_buf_text(&all), "baggage: k=a%20b%2C%22c%22%5C%25%C3%A9\n"));
    assert_int_equal(lydite_set_baggage(child, "k", NULL), LYDITE_OK);
    assert_int_equal(lydite_get_baggage(child, "k", value, sizeof value), LYDITE_E_NOTFOUND);
    assert_int_equal(lydite_get_baggage(span, "k", value, sizeof value), LYDITE_OK);
    /* 64 entries, and no more */
    for (int i = 0; i < 63; i++) {
        snprintf(value, sizeof value, "e%d", i);
        assert_int_equal(lydite_set_baggage(span, value, "1"), LYDITE_OK);
    }
    assert_int_equal(lydite_set_baggage(span, "one-more", "1"), LYDITE_E_INVALID);
    lydite_end(child);
    lydite_end(span);
    ly_buf_release(&all);
    (void)lydite_close(t, 1000, NULL);

    /* bytes that are not UTF-8 after decoding */
    lydite_context *c = lydite_context_new();
    lydite_context_header(c, "traceparent", GOOD);
    lydite_context_header(c, "baggage", "bad=%FFx");
    lydite_start_options how = LYDITE_START_INIT;
    how.context = c;
    t = tracer();
    span = lydite_start_with(t, LYDITE_AGENT, "a", &how);
    assert_int_equal(lydite_get_baggage(span, "bad", value, sizeof value), LYDITE_OK);
    assert_string_equal(value, "\xEF\xBF\xBDx");
    lydite_end(span);
    lydite_context_free(c);
    (void)lydite_close(t, 1000, NULL);
}

/* W3C Baggage does not depend on traceparent: it passes on whatever that is worth; tracestate does. */
static void test_baggage_alone(void **state)
{
    static const struct {
        const char *parent, *state, *baggage;
        bool joins, passes_state;
    } rows[] = {
        {GOOD, "a=1", "k=v", true, true},
        {NULL, NULL, "k=v", false, false},
        {NULL, "a=1", "k=v", false, false},
        {"", "a=1", "k=v", false, false},
        {"nonsense", "a=1", "k=v", false, false},
        {"00-" T "-0000000000000000-01", "a=1", "k=v", false, false},
        {"ff-" T "-" S "-01", "a=1", "k=v", false, false},
        {"00-" T "-" S "-1", NULL, "k=v", false, false},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const bool by_env = i % 2;
        lydite_options opts = LYDITE_OPTIONS_INIT;
        lydite_start_options how = LYDITE_START_INIT;
        lydite_tracer *t = NULL;
        lydite_context *c = lydite_context_new();
        char trace[33], id[17], value[16];
        const char *const names[] = {"TRACEPARENT", "TRACESTATE", "BAGGAGE"};
        const char *const values[] = {rows[i / 2].parent, rows[i / 2].state, rows[i / 2].baggage};
        for (int k = 0; k < 3; k++) {
            if (values[k] && by_env) {
                setenv(names[k], values[k], 1);
            } else if (values[k]) {
                lydite_context_header(c, names[k], values[k]);
            }
        }
        opts.export_fn = take;
        how.context = by_env ? NULL : c;
        assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
        lydite_span *span = lydite_start_with(t, LYDITE_AGENT, "a", &how);
        lydite_span *child = lydite_start(t, LYDITE_STEP, "s");
        assert_true(lydite_recording(span)); /* nobody decided against it */
        lydite_span_ids(child, trace, id);
        ly_buf all;
        ly_buf_init(&all, 4096);
        lydite_inject(child, keep, &all);
        const char *out = ly_buf_text(&all);
        if ((strcmp(trace, T) == 0) != rows[i / 2].joins || !strstr(out, "baggage: k=v\n") ||
            (strstr(out, "tracestate: a=1\n") != NULL) != rows[i / 2].passes_state ||
            lydite_get_baggage(child, "k", value, sizeof value) != LYDITE_OK ||
            strcmp(value, "v") != 0) {
            fail_msg("row %zu%s: trace %s, sent:\n%s", i / 2, by_env ? " by environment" : "",
                     trace, out);
        }
        ly_buf_release(&all);
        lydite_end(child);
        lydite_end(span);
        lydite_context_free(c);
        (void)lydite_close(t, 1000, NULL);
        for (int k = 0; k < 3; k++) {
            unsetenv(names[k]);
        }
    }
}

static void test_environment(void **state)
{
    (void)state;
    char trace[33], id[17];
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.export_fn = take;
    setenv("TRACEPARENT", GOOD, 1);
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    lydite_span *span = lydite_start(t, LYDITE_AGENT, "a");
    lydite_span_ids(span, trace, id);
    assert_string_equal(trace, T);
    ly_buf all;
    ly_buf_init(&all, 4096);
    lydite_inject_env(span, keep, &all);
    assert_memory_equal(ly_buf_text(&all), "TRACEPARENT: 00-" T, 48);
    lydite_end(span);
    ly_buf_release(&all);
    (void)lydite_close(t, 1000, NULL);
    unsetenv("TRACEPARENT");
}

static void gather(void *user, const char *name, const char *value)
{
    ly_buf_fmt(user, "%s=%s\n", name, value);
}

/* A process without tracing passes on what came; the environment holds nothing of another span. */
static void test_passed_on(void **state)
{
    (void)state;
    ly_buf text;
    ly_buf_init(&text, 4096);
    lydite_context *context = lydite_context_new();
    lydite_context_header(context, "traceparent",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    lydite_context_header(context, "Tracestate", "a=b,c=d");
    lydite_context_header(context, "baggage", "k=v");
    lydite_context_inject(context, gather, &text);
    assert_string_equal(
        ly_buf_text(&text),
        "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\ntracestate=a=b,c=d\n"
        "baggage=k=v\n");
    lydite_context_free(context);
    context = lydite_context_new();
    ly_buf_reset(&text);
    lydite_context_header(context, "traceparent", "rubbish");
    lydite_context_header(context, "tracestate", "a=b");
    lydite_context_header(context, "baggage", "k=v");
    lydite_context_inject(context, gather, &text);
    assert_string_equal(ly_buf_text(&text), "baggage=k=v\n");
    lydite_context_inject(context, NULL, NULL);
    lydite_context_inject(NULL, gather, &text);
    lydite_context_free(context);
    ly_buf_release(&text);

    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.exporter = "none";
    opts.ignore_env = true;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    setenv("BAGGAGE", "other=1", 1);
    setenv("TRACESTATE", "other=1", 1);
    lydite_span *span = lydite_start(t, LYDITE_AGENT, "a");
    lydite_inject_env(span, NULL, NULL);
    assert_non_null(getenv("TRACEPARENT"));
    assert_null(getenv("BAGGAGE"));
    assert_null(getenv("TRACESTATE"));
    unsetenv("TRACEPARENT");
    lydite_end(span);
    (void)lydite_close(t, 1000, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traceparent),   cmocka_unit_test(test_continues_or_begins),
        cmocka_unit_test(test_tracestate),    cmocka_unit_test(test_baggage),
        cmocka_unit_test(test_baggage_alone), cmocka_unit_test(test_environment),
        cmocka_unit_test(test_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
