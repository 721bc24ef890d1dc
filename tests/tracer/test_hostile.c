/*
 * What a careless host does: NULL for every argument of every function, handles after their end, text that
 * is not UTF-8, values past any sense, a tracer that is used after the last span. Nothing of it may crash,
 * be lost in silence or make a request that a strict receiver refuses.
 */
#include "testing.h"

#include <lydite/tracer.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "otlp/decode.h"

static ly_buf exported;
static lydite_tracer *t;
static ly_arena arena;
static ly_otlp_batch batch;

static int keep(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)user, (void)n;
    if (!logs) {
        ly_buf_reset(&exported);
        ly_buf_add(&exported, bytes, len);
    }
    return 0;
}

static void open_with(lydite_options *opts)
{
    opts->export_fn = keep;
    opts->ignore_env = true;
    opts->schedule_ms = 3600000;
    ly_buf_release(&exported);
    ly_buf_init(&exported, 64 << 20);
    assert_int_equal(lydite_open(opts, &t, NULL), LYDITE_OK);
}

static lydite_stats finish(void)
{
    lydite_stats s = LYDITE_STATS_INIT;
    (void)lydite_close(t, 60000, &s);
    ly_arena_release(&arena);
    ly_arena_init(&arena, 0, 0);
    batch = (ly_otlp_batch){0};
    if (exported.len) {
        assert_int_equal(
            ly_otlp_decode(ly_buf_view(&exported), LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL),
            LY_OK);
    }
    return s;
}

/* Every function with a span, for a handle that is NULL, dead, or alive with NULL for all the rest. */
static void each_function(lydite_span *span)
{
    char traceparent[56], trace_id[33], span_id[17], text[8];
    lydite_part part = {0};
    (void)lydite_recording(span);
    lydite_make_current(span);
    lydite_span_ids(span, trace_id, span_id);
    lydite_set_int(span, NULL, 1);
    lydite_set_double(span, NULL, 1);
    lydite_set_bool(span, NULL, true);
    lydite_set_str(span, NULL, NULL);
    lydite_set_str(span, "k", NULL);
    lydite_set_str(span, NULL, "v");
    lydite_set_str_n(span, "k", NULL, 9);
    lydite_set_str_n(span, NULL, "v", 1);
    lydite_set_static(span, "k", NULL);
    lydite_set_static(span, NULL, "v");
    lydite_set_bytes(span, "k", NULL, 9);
    lydite_set_bytes(span, NULL, "v", 1);
    assert_null(lydite_key(span, NULL));
    lydite_set_value(span, "k", NULL);
    lydite_set_value(span, NULL, NULL);
    lydite_set_name(span, NULL);
    lydite_add_event(span, NULL, NULL);
    lydite_add_event_int(span, NULL, NULL, 1);
    lydite_add_link(span, NULL, NULL);
    lydite_add_link_context(span, NULL, NULL);
    lydite_set_error(NULL, NULL, NULL);
    lydite_add_exception(span, NULL, NULL, NULL);
    lydite_set_provider(span, NULL);
    lydite_set_operation(span, NULL);
    lydite_set_request_model(span, NULL);
    lydite_set_response_model(span, NULL);
    lydite_set_response_id(span, NULL);
    lydite_set_service_tier(span, NULL);
    lydite_set_server(span, NULL, 0);
    lydite_set_temperature(span, NAN);
    lydite_set_top_p(span, NAN);
    lydite_set_top_k(span, LYDITE_UNKNOWN);
    lydite_set_max_tokens(span, LYDITE_UNKNOWN);
    lydite_set_seed(span, LYDITE_UNKNOWN);
    lydite_set_penalties(span, NAN, NAN);
    lydite_set_reasoning_level(span, NULL);
    lydite_set_stop_sequences(span, NULL, 7);
    lydite_set_output_type(span, NULL);
    lydite_add_text(span, LYDITE_INPUT, NULL, NULL);
    lydite_add_text(span, 99, "user", NULL);
    lydite_add_message(span, LYDITE_OUTPUT, NULL, NULL, 7);
    lydite_add_message(span, LYDITE_OUTPUT, NULL, &part, 0);
    lydite_set_messages_json(span, LYDITE_INPUT, NULL);
    lydite_set_system_prompt(span, NULL);
    lydite_set_system_json(span, NULL);
    lydite_set_tool_definitions(span, NULL);
    lydite_set_tool_call(span, NULL, NULL);
    lydite_set_tool_result(span, NULL);
    lydite_set_tool_description(span, NULL);
    lydite_set_query(span, NULL, LYDITE_UNKNOWN);
    lydite_set_usage(span, NULL);
    lydite_set_tokens(span, LYDITE_UNKNOWN, LYDITE_UNKNOWN);
    lydite_set_cost(span, NAN);
    lydite_set_finish_reason(span, NULL);
    lydite_set_time_to_first_token(span, NAN);
    lydite_set_prompt(span, NULL, NULL);
    lydite_set_prompt_variable(span, NULL, NULL);
    lydite_set_session(span, NULL);
    lydite_set_user(span, NULL);
    lydite_add_tag(span, NULL);
    lydite_inject(span, NULL, NULL);
    lydite_traceparent(span, traceparent);
    assert_int_not_equal(lydite_set_baggage(span, NULL, NULL), LYDITE_OK);
    assert_int_not_equal(lydite_get_baggage(span, NULL, text, sizeof text), LYDITE_OK);
    assert_int_not_equal(lydite_get_baggage(span, "k", NULL, 0), LYDITE_OK);
}

static void test_null_everywhere(void **state)
{
    (void)state;
    char text[8], traceparent[56];
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_error error;
    assert_int_not_equal(lydite_open(NULL, NULL, NULL), LYDITE_OK);
    assert_int_not_equal(lydite_open(NULL, NULL, &error), LYDITE_OK);
    assert_int_equal(lydite_flush(NULL, 0, NULL), LYDITE_OK);
    assert_int_equal(lydite_close(NULL, 0, NULL), LYDITE_OK);
    assert_int_not_equal(lydite_stats_get(NULL, NULL), LYDITE_OK);
    assert_string_equal(lydite_stats_text(NULL, NULL, 0), "");
    assert_non_null(lydite_stats_text(NULL, text, sizeof text));
    assert_string_equal(lydite_drop_name(-1), "unknown");
    assert_string_equal(lydite_drop_name(1 << 30), "unknown");
    assert_null(lydite_start(NULL, LYDITE_AGENT, NULL));
    assert_null(lydite_start_static(NULL, LYDITE_AGENT, NULL));
    assert_null(lydite_start_with(NULL, LYDITE_AGENT, NULL, NULL));
    lydite_end(NULL);
    lydite_end_at(NULL, 1);
    assert_int_equal(lydite_score_add(NULL, NULL, NULL, NULL, NULL), LYDITE_OK);
    lydite_context_free(NULL);
    lydite_context_header(NULL, NULL, NULL);
    lydite_context_env(NULL);
    assert_false(lydite_context_valid(NULL));
    lydite_context_traceparent(NULL, traceparent);
    assert_string_equal(traceparent, "");
    lydite_value_free(NULL);
    lydite_value_open_map(NULL, NULL);
    lydite_value_open_array(NULL, NULL);
    lydite_value_close(NULL);
    lydite_value_str(NULL, NULL, NULL);
    lydite_value_int(NULL, NULL, 0);
    lydite_value_double(NULL, NULL, 0);
    lydite_value_bool(NULL, NULL, 0);
    lydite_value_bytes(NULL, NULL, NULL, 0);
    lydite_value_empty(NULL, NULL);
    lydite_context *context = lydite_context_new();
    lydite_context_header(context, NULL, "x");
    lydite_context_header(context, "traceparent", NULL);
    lydite_context_free(context);
    each_function(NULL);

    open_with(&opts);
    lydite_score bad = LYDITE_SCORE_INIT;
    assert_int_not_equal(lydite_score_add(t, NULL, NULL, NULL, NULL), LYDITE_OK);
    assert_int_not_equal(lydite_score_add(t, NULL, NULL, NULL, &bad), LYDITE_OK);
    bad.name = "n";
    bad.value = 1;
    assert_int_not_equal(lydite_score_add(t, NULL, NULL, NULL, &bad), LYDITE_OK);
    assert_int_not_equal(lydite_score_add(t, NULL, "xyz", NULL, &bad), LYDITE_OK);
    lydite_span *alive = lydite_start(t, LYDITE_AGENT, NULL);
    each_function(alive);
    lydite_end(alive);
    each_function(alive);
    lydite_end(alive);
    lydite_start_options how = LYDITE_START_INIT;
    how.parent = alive; /* dead: the thread's current span, or none */
    how.kind = 77;
    lydite_end(lydite_start_with(t, (lydite_type)9999, NULL, &how));
    lydite_stats s = finish();
    assert_int_equal(s.acknowledged, 2);
    assert_int_equal(s.ended, 2);
    assert_true(s.misuse > 0);
    assert_int_equal(batch.n_spans, 2);
    assert_int_equal(batch.spans[0].attrs.n, 2); /* what the type implies, nothing else */
}

#define BAD \
    "a\xFF" \
    "b\xC3"

static bool any_clean(const ly_any *any)
{
    if (any->kind == LY_ANY_STRING) {
        return ly_utf8_valid(any->str);
    }
    for (size_t i = 0; any->kind == LY_ANY_ARRAY && i < any->array.n; i++) {
        if (!any_clean(&any->array.items[i])) {
            return false;
        }
    }
    for (size_t i = 0; any->kind == LY_ANY_KVLIST && i < any->kvlist.n; i++) {
        if (!ly_utf8_valid(any->kvlist.items[i].key) || !any_clean(&any->kvlist.items[i].value)) {
            return false;
        }
    }
    return true;
}

static void attrs_clean(const ly_attrs *attrs)
{
    for (size_t i = 0; i < attrs->n; i++) {
        if (!ly_utf8_valid(attrs->items[i].key) || !any_clean(&attrs->items[i].value)) {
            fail_msg("%.*s is not UTF-8", LY_STR_ARG(attrs->items[i].key));
        }
    }
}

static void test_text_that_is_not_utf8(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    open_with(&opts);
    lydite_span *span = lydite_start(t, LYDITE_RETRIEVAL, BAD);
    lydite_part part = {"text", BAD, BAD, BAD, BAD, BAD, BAD};
    lydite_set_session(span, BAD);
    lydite_set_user(span, BAD);
    lydite_add_tag(span, BAD);
    lydite_set_str(span, "mine", BAD);
    lydite_set_static(span, "borrowed", BAD);
    lydite_set_int(span, lydite_key(span, BAD), 1);
    lydite_set_provider(span, BAD);
    lydite_add_message(span, LYDITE_INPUT, BAD, &part, 1);
    lydite_set_messages_json(span, LYDITE_OUTPUT, BAD);
    lydite_set_system_prompt(span, BAD);
    lydite_set_system_json(span, BAD);
    lydite_set_tool_definitions(span, BAD);
    lydite_set_tool_call(span, BAD, BAD);
    lydite_set_tool_result(span, BAD);
    lydite_set_query(span, BAD, 3);
    lydite_add_document(span, BAD, 0.5, BAD);
    lydite_set_finish_reason(span, BAD);
    const char *stops[] = {BAD, "ok", NULL};
    lydite_set_stop_sequences(span, stops, 3);
    lydite_set_prompt(span, BAD, BAD);
    lydite_set_prompt_variable(span, BAD, BAD);
    lydite_value *v = lydite_value_new();
    lydite_value_open_map(v, NULL);
    lydite_value_str(v, BAD, BAD);
    lydite_value_close(v);
    lydite_set_value(span, "map", v);
    lydite_add_event(span, BAD, v);
    lydite_add_event_int(span, BAD, BAD, 1);
    lydite_value_free(v);
    lydite_add_exception(span, BAD, BAD, BAD);
    lydite_set_error(span, BAD, BAD);
    lydite_end(span);
    lydite_stats s = finish();
    assert_int_equal(s.acknowledged, 1);
    assert_int_equal(batch.n_spans, 1);
    const ly_span *got = &batch.spans[0];
    assert_true(ly_utf8_valid(got->name));
    assert_true(ly_utf8_valid(got->status_message));
    attrs_clean(&got->attrs);
    assert_int_equal(got->n_events, 3);
    for (size_t i = 0; i < got->n_events; i++) {
        assert_true(ly_utf8_valid(got->events[i].name));
        attrs_clean(&got->events[i].attrs);
    }
    /* nothing was lost of what the host set itself */
    const ly_any *mine = ly_attrs_get(&got->attrs, LY_S("mine"));
    assert_non_null(mine);
    assert_int_equal(mine->kind, LY_ANY_BYTES);
    assert_true(ly_str_eqc(mine->str, BAD));
    const ly_any *session = ly_attrs_get(&got->attrs, LY_S("session.id"));
    assert_true(session && ly_str_eqc(session->str, "a\xEF\xBF\xBD"
                                                    "b\xEF\xBF\xBD"));
}

static void test_too_much(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    char key[32];
    open_with(&opts);
    lydite_span *span = lydite_start(t, LYDITE_STEP, "many");
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "key.%d", i);
        lydite_set_int(span, lydite_key(span, key), i);
        lydite_add_event_int(span, "event", "i", i);
        lydite_add_link(span, span, NULL);
        lydite_add_text(span, LYDITE_INPUT, "user", "a message of some length, again and again");
    }
    lydite_end(span);
    lydite_stats s = finish();
    assert_int_equal(s.acknowledged, 1);
    assert_int_equal(s.cut, 1);
    assert_in_range(exported.len, 1, 5u << 20); /* max_span_bytes */
    assert_true(batch.spans[0].attrs.dropped > 0);
    assert_int_equal(batch.spans[0].n_events, 128);
    assert_int_equal(batch.spans[0].dropped_events, 100000 - 128);
    assert_int_equal(batch.spans[0].n_links, 128);

    open_with(&opts);
    const size_t huge = 64 << 20;
    char *big = ly_malloc(huge + 1);
    memset(big, 'x', huge);
    big[huge] = 0;
    span = lydite_start(t, LYDITE_GENERATION, "huge");
    lydite_set_str(span, "huge", big);
    lydite_add_text(span, LYDITE_INPUT, "user", big);
    lydite_set_tool_result(span, big);
    lydite_set_error(span, "E", big);
    lydite_set_name(span, big);
    lydite_set_session(span, big);
    (void)lydite_set_baggage(span, "k", big);
    lydite_set_tokens(span, 1, 2);
    lydite_end(span);
    lydite_end(lydite_start(t, LYDITE_STEP, big));
    lydite_end(lydite_start_static(t, LYDITE_STEP, big));
    lydite_value *deep = lydite_value_new();
    for (int i = 0; i < 100000; i++) {
        lydite_value_open_array(deep, NULL);
    }
    for (int i = 0; i < 100000; i++) {
        lydite_value_close(deep);
    }
    span = lydite_start(t, LYDITE_STEP, "deep");
    lydite_set_value(span, "deep", deep);
    lydite_value_free(deep);
    deep = lydite_value_new();
    for (int i = 0; i < 64; i++) {
        lydite_value_open_array(deep, NULL);
    }
    for (int i = 0; i < 64; i++) {
        lydite_value_close(deep);
    }
    lydite_set_value(span, "less_deep", deep);
    lydite_value_free(deep);
    lydite_end(span);
    s = finish();
    ly_free(big); /* borrowed by lydite_start_static */
    assert_int_equal(s.ended, 4);
    uint64_t dropped = 0;
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        dropped += s.dropped[i];
    }
    assert_int_equal(s.acknowledged + dropped, 4);
    assert_true(s.acknowledged >= 3);
    bool seen = false;
    for (size_t i = 0; i < batch.n_spans; i++) {
        seen |= ly_attrs_get(&batch.spans[i].attrs, LY_S("less_deep")) != NULL;
        assert_null(ly_attrs_get(&batch.spans[i].attrs, LY_S("deep")));
    }
    assert_true(seen);
}

/* More open spans than the thread's stack holds, ended from the wrong end. */
static void test_deep_tree(void **state)
{
    (void)state;
    enum { DEEP = 20000 };
    lydite_options opts = LYDITE_OPTIONS_INIT;
    static lydite_span *open[DEEP];
    opts.batch_spans = 100000;
    opts.batch_bytes = 60 << 20;
    open_with(&opts);
    for (int i = 0; i < DEEP; i++) {
        open[i] = lydite_start_static(t, LYDITE_STEP, "deep");
    }
    for (int i = 0; i < DEEP; i++) {
        lydite_end(open[i]);
    }
    assert_null(lydite_current());
    lydite_stats s = finish();
    assert_int_equal(s.acknowledged, DEEP);
}

static int no_scores(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)user, (void)bytes, (void)len, (void)n;
    return logs ? -1 : 0;
}

/* What close says: a lost score is a loss, what a chosen "none" leaves away is not. */
static void test_what_close_says(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_score score = LYDITE_SCORE_INIT;
    char text[LYDITE_TEXT_MAX];
    opts.export_fn = no_scores;
    opts.ignore_env = true;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    lydite_span *span = lydite_start(t, LYDITE_STEP, "one");
    score.name = "helpful";
    score.label = "yes";
    assert_int_equal(lydite_score_add(t, span, NULL, NULL, &score), LYDITE_OK);
    lydite_end(span);
    assert_int_equal(lydite_close(t, 60000, &s), LYDITE_E_LOST);
    assert_int_equal(s.acknowledged, 1);
    assert_int_equal(s.scores_dropped, 1);
    assert_non_null(strstr(lydite_stats_text(&s, text, sizeof text), "1 of them dropped"));
    opts.export_fn = NULL;
    opts.exporter = "none";
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    lydite_end(lydite_start(t, LYDITE_STEP, "one"));
    assert_int_equal(lydite_flush(t, 60000, NULL), LYDITE_OK);
    assert_int_equal(lydite_close(t, 60000, &s), LYDITE_OK);
    assert_int_equal(s.dropped[LYDITE_DROP_EXPORTER], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_everywhere), cmocka_unit_test(test_text_that_is_not_utf8),
        cmocka_unit_test(test_too_much),        cmocka_unit_test(test_deep_tree),
        cmocka_unit_test(test_what_close_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
