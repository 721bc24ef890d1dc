/*
 * What a span becomes: each typed step and setter, limits, status rules, sampling, processors, content
 * switch, hand-over between threads, dead handles, allocations. Exported to a function, decoded by
 * core/otlp.
 */
#include "testing.h"

#include <lydite/tracer.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "otlp/decode.h"
#include "tracer/engine.h"

static ly_buf exported;
static size_t n_exported;
static int keep(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)user, (void)logs;
    ly_buf_reset(&exported);
    ly_buf_add(&exported, bytes, len);
    n_exported += n;
    return 0;
}

static lydite_tracer *t;
static ly_arena arena;
static ly_otlp_batch batch;

static void open_with(lydite_options *opts)
{
    opts->export_fn = keep;
    opts->ignore_env = true;
    opts->schedule_ms = 60000; /* only flush exports: all spans of a test in one request */
    ly_buf_release(&exported);
    ly_buf_init(&exported, 64 << 20);
    n_exported = 0;
    assert_int_equal(lydite_open(opts, &t, NULL), LYDITE_OK);
}

static void open_plain(void)
{
    lydite_options opts = LYDITE_OPTIONS_INIT;
    open_with(&opts);
}

static void finish(void)
{
    (void)lydite_close(t, 5000, NULL);
    ly_arena_release(&arena);
    ly_arena_init(&arena, 0, 0);
    batch = (ly_otlp_batch){0};
    if (exported.len) {
        assert_int_equal(
            ly_otlp_decode(ly_buf_view(&exported), LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL),
            LY_OK);
        assert_int_equal(batch.n_rejected, 0);
    }
}

static const ly_any *get(const ly_span *span, const char *key)
{
    return ly_attrs_get(&span->attrs, ly_str_c(key));
}

static void has_str(const ly_span *span, const char *key, const char *want)
{
    const ly_any *value = get(span, key);
    if (!value || value->kind != LY_ANY_STRING || !ly_str_eqc(value->str, want)) {
        fail_msg("%.*s: %s: want %s, have %.*s", LY_STR_ARG(span->name), key, want,
                 value && value->kind == LY_ANY_STRING ? (int)value->str.len : 4,
                 value && value->kind == LY_ANY_STRING ? value->str.ptr : "none");
    }
}

static void has_int(const ly_span *span, const char *key, int64_t want)
{
    const ly_any *value = get(span, key);
    assert_non_null(value);
    assert_int_equal(value->kind, LY_ANY_INT);
    assert_int_equal(value->integer, want);
}

static void test_types(void **state)
{
    static const struct {
        lydite_type type;
        const char *given, *name, *operation, *key;
        int kind;
    } rows[] = {
        {LYDITE_AGENT, "a", "invoke_agent a", "invoke_agent", "gen_ai.agent.name", 1},
        {LYDITE_WORKFLOW, "w", "invoke_workflow w", "invoke_workflow", "gen_ai.workflow.name", 1},
        {LYDITE_PLAN, "p", "plan p", "plan", "gen_ai.agent.name", 1},
        {LYDITE_GENERATION, "m", "chat m", "chat", "gen_ai.request.model", 3},
        {LYDITE_TOOL, "t", "execute_tool t", "execute_tool", "gen_ai.tool.name", 1},
        {LYDITE_RETRIEVAL, "d", "retrieval d", "retrieval", "gen_ai.data_source.id", 3},
        {LYDITE_EMBEDDING, "e", "embeddings e", "embeddings", "gen_ai.request.model", 3},
        {LYDITE_RERANK, "r", "rerank r", "rerank", "gen_ai.request.model", 3},
        {LYDITE_MEMORY, "search_memory", "search_memory", "search_memory", NULL, 1},
        {LYDITE_GUARDRAIL, "pii", "guardrail pii", "guardrail", NULL, 1},
        {LYDITE_EVALUATOR, "j", "evaluator j", "evaluator", "gen_ai.evaluation.name", 1},
        {LYDITE_STEP, "think", "think", "agent_step", NULL, 1},
        {LYDITE_HTTP, "GET", "GET", NULL, "http.request.method", 3},
        {LYDITE_DB, "SELECT", "SELECT", NULL, "db.operation.name", 3},
        {LYDITE_OTHER, "x", "x", NULL, NULL, 1},
    };
    (void)state;
    open_plain();
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        lydite_end(lydite_start(t, rows[i].type, rows[i].given));
        lydite_end(lydite_start_static(t, rows[i].type, rows[i].given));
    }
    finish();
    assert_int_equal(batch.n_spans, 2 * LY_COUNT(rows));
    for (size_t i = 0; i < 2 * LY_COUNT(rows); i++) {
        const ly_span *span = &batch.spans[i];
        if (!ly_str_eqc(span->name, rows[i / 2].name)) {
            fail_msg("name %.*s, want %s", LY_STR_ARG(span->name), rows[i / 2].name);
        }
        assert_int_equal(span->kind, rows[i / 2].kind);
        if (rows[i / 2].operation) {
            has_str(span, "gen_ai.operation.name", rows[i / 2].operation);
        } else {
            assert_null(get(span, "gen_ai.operation.name"));
        }
        if (rows[i / 2].key) {
            has_str(span, rows[i / 2].key, rows[i / 2].given);
        }
        assert_true(span->end_ns >= span->start_ns && span->start_ns > 1600000000000000000u);
        assert_int_equal(span->status_code, LY_CODE_UNSET);
    }
}

static void test_generation(void **state)
{
    (void)state;
    open_plain();
    lydite_span *s = lydite_start(t, LYDITE_GENERATION, NULL);
    lydite_set_request_model(s, "gpt-x");
    lydite_set_provider(s, "openai");
    lydite_add_text(s, LYDITE_INPUT, "user", "say \"hi\"\n\x01\xFF");
    lydite_add_text(s, LYDITE_OUTPUT, "assistant", "hi");
    const lydite_part call = {
        .type = "tool_call", .id = "c1", .name = "search", .json = "{\"q\":1}"};
    lydite_add_message(s, LYDITE_OUTPUT, NULL, &call, 1);
    lydite_set_system_prompt(s, "be kind");
    lydite_usage u = LYDITE_USAGE_INIT;
    u.input = 10;
    u.output = 0;
    u.cache_read = 4;
    lydite_set_usage(s, &u);
    lydite_set_temperature(s, 0.5);
    lydite_set_seed(s, LYDITE_UNKNOWN);
    lydite_set_finish_reason(s, "stop");
    lydite_set_finish_reason(s, "length");
    lydite_first_token(s);
    lydite_first_token(s);
    lydite_set_prompt(s, "greeting", "3");
    lydite_set_prompt_variable(s, "who", "you");
    lydite_set_cost(s, 0.25);
    lydite_set_stop_sequences(s, (const char *const[]){"a", "b"}, 2);
    lydite_end(s);
    finish();
    const ly_span *span = &batch.spans[0];
    assert_true(ly_str_eqc(span->name, "chat gpt-x"));
    has_str(
        span, "gen_ai.input.messages",
        "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"say \\\"hi\\\"\\n\\u0001"
        "\xEF\xBF\xBD\"}]}]");
    has_str(span, "gen_ai.output.messages",
            "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]},"
            "{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":"
            "\"search\","
            "\"arguments\":\"{\\\"q\\\":1}\"}]}]");
    has_str(span, "gen_ai.system_instructions", "[{\"type\":\"text\",\"content\":\"be kind\"}]");
    has_int(span, "gen_ai.usage.input_tokens", 10);
    has_int(span, "gen_ai.usage.output_tokens", 0); /* zero is a number */
    has_int(span, "gen_ai.usage.cache_read.input_tokens", 4);
    assert_null(get(span, "gen_ai.usage.reasoning.output_tokens")); /* unknown is not there */
    assert_null(get(span, "gen_ai.request.seed"));
    has_str(span, "gen_ai.prompt.variable.who", "you");
    const ly_any *finish_reasons = get(span, "gen_ai.response.finish_reasons");
    assert_int_equal(finish_reasons->kind, LY_ANY_ARRAY);
    assert_int_equal(finish_reasons->array.n, 2);
    assert_true(ly_str_eqc(finish_reasons->array.items[1].str, "length"));
    /* identity and usage before content, so that a cut cuts content */
    assert_true(get(span, "gen_ai.usage.input_tokens") < get(span, "gen_ai.input.messages"));
}

static void test_retrieval_and_tool(void **state)
{
    (void)state;
    open_plain();
    lydite_span *r = lydite_start(t, LYDITE_RETRIEVAL, "docs");
    lydite_set_query(r, "q?", 2);
    lydite_add_document(r, "d1", 0.5, "text one");
    lydite_add_document(r, NULL, (double)NAN, NULL);
    lydite_end(r);
    lydite_span *tool = lydite_start(t, LYDITE_TOOL, "search");
    lydite_set_tool_call(tool, "c1", "{}");
    lydite_set_tool_result(tool, "42");
    lydite_end(tool);
    finish();
    has_int(&batch.spans[0], "gen_ai.retrieval.top_k", 2);
    has_str(&batch.spans[0], "gen_ai.retrieval.query.text", "q?");
    has_str(&batch.spans[0], "gen_ai.retrieval.documents",
            "[{ \"id\":\"d1\",\"score\":0.5,\"content\":\"text one\"},{}]");
    has_str(&batch.spans[1], "gen_ai.tool.call.id", "c1");
    has_str(&batch.spans[1], "gen_ai.tool.call.result", "42");
}

static void test_content_off(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.content = -1;
    open_with(&opts);
    lydite_span *s = lydite_start(t, LYDITE_GENERATION, "m");
    lydite_add_text(s, LYDITE_INPUT, "user", "secret");
    lydite_set_system_prompt(s, "secret");
    lydite_set_tool_result(s, "secret");
    lydite_set_prompt_variable(s, "v", "secret");
    lydite_set_query(s, "secret", 3);
    lydite_add_document(s, "id-is-no-content", 0.1, "secret");
    lydite_set_tokens(s, 1, 2);
    lydite_end(s);
    finish();
    assert_int_equal(ly_str_find(ly_buf_view(&exported), LY_S("secret"), 0), SIZE_MAX);
    assert_true(get(&batch.spans[0], "lydite.content.withheld")->boolean);
    has_int(&batch.spans[0], "gen_ai.usage.output_tokens", 2);
    assert_int_not_equal(ly_str_find(ly_buf_view(&exported), LY_S("id-is-no-content"), 0),
                         SIZE_MAX);
}

static void test_kinds_and_duplicates(void **state)
{
    (void)state;
    open_plain();
    lydite_span *s = lydite_start(t, LYDITE_OTHER, "x");
    lydite_set_int(s, "i", INT64_MIN);
    lydite_set_double(s, "d", -0.5);
    lydite_set_bool(s, "b", false);
    lydite_set_static(s, "st", "literal");
    lydite_set_bytes(s, "by", "\0\1", 2);
    lydite_set_str(s, "null", NULL);
    char key[] = "made";
    const char *kept = lydite_key(s, key);
    key[0] = 'X';
    lydite_set_int(s, kept, 1);
    lydite_set_int(s, "twice", 1);
    lydite_set_str(s, "twice", "second");
    lydite_value *v = lydite_value_new();
    lydite_value_open_map(v, NULL);
    lydite_value_int(v, "port", 443);
    lydite_value_open_array(v, "hosts");
    lydite_value_str(v, NULL, "a");
    lydite_value_open_map(v, NULL);
    lydite_value_bool(v, "deep", true);
    lydite_value_close(v);
    lydite_value_empty(v, NULL);
    lydite_value_close(v);
    lydite_value_close(v);
    lydite_set_value(s, "map", v);
    lydite_value_free(v);
    v = lydite_value_new();
    lydite_value_open_map(v, NULL);
    lydite_value_int(v, NULL, 1); /* a map's member needs a name: the value is void */
    lydite_value_close(v);
    lydite_set_value(s, "broken", v);
    lydite_value_free(v);
    v = lydite_value_new();
    for (int i = 0; i < 100; i++) {
        lydite_value_open_array(v, NULL);
    }
    for (int i = 0; i < 100; i++) {
        lydite_value_close(v);
    }
    lydite_set_value(s, "deep", v);
    lydite_value_free(v);
    lydite_end(s);
    finish();
    const ly_span *span = &batch.spans[0];
    has_int(span, "i", INT64_MIN);
    assert_true(get(span, "d")->real == -0.5);
    assert_true(get(span, "b")->kind == LY_ANY_BOOL && !get(span, "b")->boolean);
    has_str(span, "st", "literal");
    assert_true(get(span, "by")->kind == LY_ANY_BYTES && get(span, "by")->str.len == 2);
    assert_null(get(span, "null"));
    has_int(span, "made", 1);
    has_str(span, "twice", "second");
    size_t twice = 0;
    for (size_t i = 0; i < span->attrs.n; i++) {
        twice += ly_str_eqc(span->attrs.items[i].key, "twice");
    }
    assert_int_equal(twice, 1);
    const ly_any *map = get(span, "map");
    assert_int_equal(map->kind, LY_ANY_KVLIST);
    assert_int_equal(map->kvlist.items[0].value.integer, 443);
    const ly_any *hosts = &map->kvlist.items[1].value;
    assert_int_equal(hosts->array.n, 3);
    assert_true(hosts->array.items[1].kvlist.items[0].value.boolean);
    assert_int_equal(hosts->array.items[2].kind, LY_ANY_EMPTY);
    assert_null(get(span, "broken"));
    assert_null(get(span, "deep"));
}

static void test_status(void **state)
{
    (void)state;
    open_plain();
    lydite_span *s = lydite_start(t, LYDITE_OTHER, "ok wins");
    lydite_set_error(s, "E", "first");
    lydite_set_ok(s);
    lydite_set_error(s, "E2", "too late");
    lydite_end(s);
    s = lydite_start(t, LYDITE_OTHER, "error");
    lydite_set_error(s, NULL, "what");
    lydite_add_exception(s, "ValueError", "bad", NULL);
    lydite_add_exception(s, NULL, NULL, "no type, no message: nothing");
    lydite_end(s);
    s = lydite_start(t, LYDITE_OTHER, "an error alone is an exception event too");
    lydite_add_event(s, "other", NULL);
    lydite_set_error(s, "timeout", "too slow");
    lydite_end(s);
    finish();
    assert_int_equal(batch.spans[0].n_events, 0);
    assert_int_equal(batch.spans[0].status_code, LY_CODE_OK);
    assert_int_equal(batch.spans[0].status_message.len, 0);
    assert_int_equal(batch.spans[1].status_code, LY_CODE_ERROR);
    assert_true(ly_str_eqc(batch.spans[1].status_message, "what"));
    has_str(&batch.spans[1], "error.type", "_OTHER");
    assert_int_equal(batch.spans[1].n_events, 1);
    assert_true(ly_str_eqc(batch.spans[1].events[0].name, "exception"));
    assert_int_equal(batch.spans[1].events[0].attrs.n, 2);
    assert_true(batch.spans[1].events[0].time_ns >= batch.spans[1].start_ns);
    assert_int_equal(batch.spans[2].n_events, 2);
    const ly_event *failure = &batch.spans[2].events[1];
    assert_true(ly_str_eqc(failure->name, "exception"));
    assert_int_equal(failure->time_ns, batch.spans[2].end_ns);
    assert_int_equal(failure->attrs.n, 2);
    assert_true(ly_str_eqc(ly_attrs_get(&failure->attrs, LY_S("exception.type"))->str, "timeout"));
    assert_true(
        ly_str_eqc(ly_attrs_get(&failure->attrs, LY_S("exception.message"))->str, "too slow"));
}

static void test_limits(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.max_attributes = 3;
    opts.max_value_chars = 4;
    opts.max_events = 2;
    opts.max_links = 1;
    opts.max_event_attributes = 1;
    open_with(&opts);
    lydite_span *s = lydite_start(t, LYDITE_GENERATION, "m");
    for (int i = 0; i < 5; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        lydite_set_str(s, lydite_key(s, key),
                       "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"); /* 5 characters */
    }
    lydite_set_int(s, "k0", 7); /* there already: replaced, not dropped */
    lydite_set_tokens(s, 1, 2); /* the conventions' own pass the count */
    lydite_value *v = lydite_value_new();
    lydite_value_open_map(v, NULL);
    lydite_value_str(v, "one", "123456");
    lydite_value_str(v, "two", "x");
    lydite_value_close(v);
    for (int i = 0; i < 4; i++) {
        lydite_add_event(s, "e", v);
        lydite_add_link(s, s, NULL);
    }
    lydite_value_free(v);
    lydite_end(s);
    finish();
    const ly_span *span = &batch.spans[0];
    assert_int_equal(span->attrs.dropped, 2);
    has_int(span, "k0", 7);
    has_str(span, "k1", "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9");
    assert_null(get(span, "k3"));
    has_int(span, "gen_ai.usage.output_tokens", 2);
    assert_int_equal(span->n_events, 2);
    assert_int_equal(span->dropped_events, 2);
    assert_int_equal(span->n_links, 1);
    assert_int_equal(span->dropped_links, 3);
    assert_int_equal(span->events[0].attrs.n, 1);
    assert_int_equal(span->events[0].attrs.dropped, 1);
    assert_true(ly_str_eqc(span->events[0].attrs.items[0].value.str, "1234"));
}

static void test_oversize(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.max_span_bytes = 300000;
    open_with(&opts);
    char *big = ly_calloc(1, 400001);
    memset(big, 'x', 200000);
    lydite_span *s = lydite_start(t, LYDITE_OTHER, "slow path");
    lydite_set_str(s, "big", big);
    lydite_set_str(s, "more", big); /* past max_span_bytes: cut and counted */
    lydite_set_int(s, "small", 1);
    lydite_end(s);
    lydite_stats stats = LYDITE_STATS_INIT;
    lydite_stats_get(t, &stats);
    assert_int_equal(stats.slow_path, 1);
    assert_int_equal(stats.cut, 1);
    finish();
    assert_int_equal(get(&batch.spans[0], "big")->str.len, 200000);
    assert_null(get(&batch.spans[0], "more"));
    has_int(&batch.spans[0], "small", 1);
    assert_int_equal(batch.spans[0].attrs.dropped, 1);
    ly_free(big);
}

static void test_tree_and_inheritance(void **state)
{
    (void)state;
    open_plain();
    lydite_span *a = lydite_start(t, LYDITE_AGENT, "a");
    lydite_set_session(a, "sess");
    lydite_set_user(a, "u");
    lydite_add_tag(a, "x");
    lydite_add_tag(a, "y");
    lydite_span *b = lydite_start(t, LYDITE_STEP, "b");
    lydite_span *c = lydite_start(t, LYDITE_STEP, "c");
    lydite_end(b); /* out of order */
    assert_ptr_equal(lydite_current(), c);
    lydite_span *d = lydite_start(t, LYDITE_STEP, "d");
    lydite_end(d);
    lydite_end(c);
    assert_ptr_equal(lydite_current(), a);
    lydite_start_options how = LYDITE_START_INIT;
    how.root = true;
    how.detached = true;
    lydite_end(lydite_start_with(t, LYDITE_STEP, "root", &how));
    lydite_end(a);
    assert_null(lydite_current());
    finish();
    const ly_span *s = batch.spans; /* b d c root a */
    assert_int_equal(batch.n_spans, 5);
    assert_memory_equal(s[0].parent_id.b, s[4].span_id.b, 8);
    assert_memory_equal(s[2].parent_id.b, s[0].span_id.b, 8);
    assert_memory_equal(s[1].parent_id.b, s[2].span_id.b, 8);
    assert_true(ly_span_id_zero(s[3].parent_id) && ly_span_id_zero(s[4].parent_id));
    assert_memory_not_equal(s[3].trace_id.b, s[4].trace_id.b, 16);
    has_str(&s[1], "session.id", "sess");
    has_str(&s[1], "gen_ai.conversation.id", "sess");
    has_str(&s[1], "user.id", "u");
    assert_int_equal(get(&s[1], "tag.tags")->array.n, 2);
    assert_null(get(&s[3], "session.id"));
    assert_true(s[1].has_flags && s[1].flags == 0x103); /* sampled, random id, parent not remote */
}

static void *end_it(void *span)
{
    lydite_set_int(span, "there", 1);
    lydite_end(span);
    return NULL;
}

static void test_other_thread_and_dead_handles(void **state)
{
    (void)state;
    open_plain();
    pthread_t thread;
    lydite_span *s = lydite_start(t, LYDITE_STEP, "handed over");
    pthread_create(&thread, NULL, end_it, s);
    pthread_join(thread, NULL);
    assert_null(lydite_current()); /* no dangling current span */
    lydite_stats before = LYDITE_STATS_INIT, after = LYDITE_STATS_INIT;
    lydite_stats_get(t, &before);
    lydite_end(s);
    lydite_set_int(s, "late", 1);
    assert_false(lydite_recording(s));
    lydite_stats_get(t, &after);
    assert_int_equal(after.misuse, before.misuse + 2);
    assert_int_equal(after.ended, 1);
    lydite_span *open_one = lydite_start(t, LYDITE_STEP, "never ended");
    finish();
    assert_int_equal(batch.n_spans, 1);
    has_int(&batch.spans[0], "there", 1);
    lydite_set_int(open_one, "x", 1); /* its tracer is gone; nothing happens */
    lydite_end(open_one);
    lydite_end(NULL);
    lydite_set_str(NULL, "x", "y");
    assert_null(lydite_start(NULL, LYDITE_STEP, "x"));
    assert_int_equal(lydite_close(NULL, 1, NULL), LYDITE_OK);
}

static void test_sampling(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.sampler = LYDITE_SAMPLE_RATIO + LYDITE_SAMPLE_PARENT;
    opts.ratio = 0.25;
    open_with(&opts);
    for (int i = 0; i < 4000; i++) {
        lydite_span *root = lydite_start(t, LYDITE_AGENT, "a");
        lydite_span *child = lydite_start(t, LYDITE_STEP, "s");
        assert_int_equal(lydite_recording(root), lydite_recording(child));
        lydite_end(child);
        lydite_end(root);
    }
    lydite_start_options how = LYDITE_START_INIT;
    how.sample = 1;
    lydite_span *kept = lydite_start_with(t, LYDITE_AGENT, "kept", &how);
    assert_true(lydite_recording(kept));
    lydite_end(kept);
    how.sample = -1;
    lydite_span *left = lydite_start_with(t, LYDITE_AGENT, "left", &how);
    assert_false(lydite_recording(left));
    lydite_end(left);
    lydite_stats stats = LYDITE_STATS_INIT;
    lydite_stats_get(t, &stats);
    finish();
    assert_int_equal(stats.started + stats.unsampled, 8002);
    /* 4,000 trials at 1/4: six standard deviations are 164 */
    assert_true(stats.started / 2 > 836 && stats.started / 2 < 1164);
}

static int processor(void *user, lydite_record *record)
{
    lydite_attribute a;
    (void)user;
    if (strcmp(lydite_record_name(record), "drop me") == 0) {
        return 1;
    }
    if (lydite_record_get(record, "fail", &a)) {
        return -1;
    }
    if (lydite_record_get(record, "gen_ai.input.messages", &a)) {
        assert_int_equal(a.kind, LYDITE_VALUE_STRING);
        assert_int_equal(lydite_record_set_str(record, "gen_ai.input.messages", "masked", 6), 0);
    }
    lydite_record_remove(record, "password");
    assert_int_equal(lydite_record_set_int(record, "seen", (int64_t)lydite_record_count(record)),
                     0);
    return 0;
}

/* OpenTelemetry's probability sampling: the threshold goes along, randomness may come along. */
static void state_after(const char *sampler_state, const char *trace, double ratio,
                        bool parent_based, const char *want)
{
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_start_options how = LYDITE_START_INIT;
    lydite_context *context = lydite_context_new();
    opts.sampler = LYDITE_SAMPLE_RATIO | (parent_based ? LYDITE_SAMPLE_PARENT : 0);
    opts.ratio = ratio;
    open_with(&opts);
    if (trace) {
        char parent[64];
        snprintf(parent, sizeof parent, "00-%s-00f067aa0ba902b7-01", trace);
        lydite_context_header(context, "traceparent", parent);
        lydite_context_header(context, "tracestate", sampler_state);
        how.context = context;
    }
    lydite_span *span = lydite_start_with(t, LYDITE_STEP, "s", &how);
    lydite_end(lydite_start(t, LYDITE_STEP, "child"));
    lydite_end(span);
    lydite_context_free(context);
    finish();
    if (!want) {
        assert_int_equal(batch.n_spans, 0);
        return;
    }
    assert_int_equal(batch.n_spans, 2);
    for (size_t i = 0; i < 2; i++) {
        if (!ly_str_eqc(batch.spans[i].trace_state, want)) {
            fail_msg("tracestate %.*s, want %s", LY_STR_ARG(batch.spans[i].trace_state), want);
        }
    }
}

static void test_threshold(void **state)
{
    (void)state;
    const char *high = "4bf92f3577b34da6a3ffffffffffffff",
               *low = "4bf92f3577b34da6a300000000000001";
    state_after("", high, 0.25, false, "ot=th:c");
    state_after("", low, 0.25, false, NULL);
    state_after("a=b,ot=th:8;rv:ffffffffffffff,c=d", low, 0.25, false,
                "ot=th:c;rv:ffffffffffffff,a=b,c=d");
    state_after("ot=rv:00000000000001", high, 0.25, false, NULL);
    state_after("a=b", high, 1, false, "ot=th:0,a=b");
    state_after("a=b,ot=th:8", high, 0.25, true, "a=b,ot=th:8"); /* the parent has decided */
    state_after("", NULL, 1, true, "ot=th:0");                   /* a root of our own */
}

static void test_processors(void **state)
{
    (void)state;
    const lydite_processor list = {processor, NULL};
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.processors = &list;
    opts.n_processors = 1;
    open_with(&opts);
    lydite_span *s = lydite_start(t, LYDITE_OTHER, "keep me");
    lydite_add_text(s, LYDITE_INPUT, "user", "my secret");
    lydite_set_str(s, "password", "my secret");
    lydite_end(s);
    lydite_end(lydite_start(t, LYDITE_OTHER, "drop me"));
    s = lydite_start(t, LYDITE_OTHER, "fails");
    lydite_set_int(s, "fail", 1);
    lydite_end(s);
    assert_int_equal(lydite_flush(t, 5000, NULL), LYDITE_E_LOST);
    lydite_stats stats = LYDITE_STATS_INIT;
    lydite_stats_get(t, &stats);
    finish();
    assert_int_equal(stats.dropped[LYDITE_DROP_PROCESSOR], 2);
    assert_int_equal(batch.n_spans, 1);
    has_str(&batch.spans[0], "gen_ai.input.messages", "masked");
    has_int(&batch.spans[0], "seen", 1);
    assert_int_equal(ly_str_find(ly_buf_view(&exported), LY_S("secret"), 0), SIZE_MAX);
}

/* Masks every text that has the word, wherever in a span it stands. */
static int no_secrets(void *user, lydite_record *record)
{
    lydite_attribute a;
    (void)user;
    if (strstr(lydite_record_name(record), "secret")) {
        assert_int_equal(lydite_record_set_name(record, "masked name"), LYDITE_OK);
    }
    if (strstr(lydite_record_message(record), "secret")) {
        assert_int_equal(lydite_record_set_message(record, "masked message"), LYDITE_OK);
    }
    assert_int_equal(lydite_record_events(record), 3);
    for (size_t e = 0; e < lydite_record_events(record); e++) {
        for (size_t i = 0; lydite_record_event_at(record, e, i, &a); i++) {
            if (a.kind == LYDITE_VALUE_STRING &&
                ly_str_find(ly_str_n(a.text, a.text_len), LY_S("secret"), 0) != SIZE_MAX) {
                char key[64];
                snprintf(key, sizeof key, "%.*s", (int)a.key_len, a.key);
                assert_int_equal(lydite_record_event_set_str(record, e, key, "masked", 6),
                                 LYDITE_OK);
            }
        }
        if (strcmp(lydite_record_event_name(record, e), "gone") == 0) {
            lydite_record_event_remove(record, e);
            assert_false(lydite_record_event_at(record, e, 0, &a));
            assert_string_equal(lydite_record_event_name(record, e), "");
        }
    }
    assert_true(lydite_record_event_at(record, 2, 0, &a) && a.kind == LYDITE_VALUE_INT &&
                a.number == 7);
    assert_false(lydite_record_event_at(record, 3, 0, &a));
    assert_int_equal(lydite_record_event_set_str(record, 3, "k", "v", 1), LYDITE_E_NOTFOUND);
    return 0;
}

static void test_processors_see_all(void **state)
{
    (void)state;
    const lydite_processor list = {no_secrets, NULL};
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.processors = &list;
    opts.n_processors = 1;
    open_with(&opts);
    lydite_span *s = lydite_start(t, LYDITE_OTHER, "a secret name");
    lydite_add_exception(s, "ValueError", "the secret is 7", "at secret.c:1");
    lydite_add_event(s, "gone", NULL);
    lydite_add_event_int(s, "tick", "n", 7);
    lydite_set_error(s, "E", "no secret");
    lydite_end(s);
    finish();
    const ly_span *span = &batch.spans[0];
    assert_int_equal(ly_str_find(ly_buf_view(&exported), LY_S("secret"), 0), SIZE_MAX);
    assert_true(ly_str_eqc(span->name, "masked name"));
    assert_true(ly_str_eqc(span->status_message, "masked message"));
    assert_int_equal(span->n_events, 2);
    assert_true(ly_str_eqc(span->events[0].name, "exception"));
    assert_int_equal(span->events[0].attrs.n, 3);
    assert_true(ly_str_eqc(ly_attrs_get(&span->events[0].attrs, LY_S("exception.type"))->str,
                           "ValueError"));
    assert_true(
        ly_str_eqc(ly_attrs_get(&span->events[0].attrs, LY_S("exception.message"))->str, "masked"));
    assert_true(span->events[0].time_ns >= span->start_ns);
    assert_true(ly_str_eqc(span->events[1].name, "tick"));
    assert_int_equal(ly_attrs_get(&span->events[1].attrs, LY_S("n"))->integer, 7);
}

static void test_several_tracers(void **state)
{
    (void)state;
    lydite_tracer *others[LY_MAX_TRACERS] = {NULL};
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.export_fn = keep;
    opts.ignore_env = true;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < LY_MAX_TRACERS; i++) {
            assert_int_equal(lydite_open(&opts, &others[i], NULL), LYDITE_OK);
            lydite_end(lydite_start(others[i], LYDITE_STEP, "s"));
        }
        lydite_tracer *one_more = NULL;
        lydite_error error;
        assert_true(lydite_open(&opts, &one_more, &error) < 0);
        assert_null(one_more);
        for (int i = 0; i < LY_MAX_TRACERS; i++) {
            lydite_stats s = LYDITE_STATS_INIT;
            assert_int_equal(lydite_close(others[i], 5000, &s), LYDITE_OK);
            assert_int_equal(s.acknowledged, 1);
        }
    }
}

/* DESIGN §9: in steady state the whole path, the exporter's side too, allocates nothing. */
static void test_no_allocation(void **state)
{
    (void)state;
    open_plain();
    uint64_t count = 0;
    for (int round = 0; round < 6; round++) {
        count = ly_mem_count();
        for (int i = 0; i < 2000; i++) {
            lydite_span *s = lydite_start(t, LYDITE_GENERATION, "m");
            lydite_span *inner = lydite_start_static(t, LYDITE_STEP, "s");
            lydite_set_int(inner, "i", i);
            lydite_set_str(inner, "text", "copied");
            lydite_end(inner);
            lydite_set_tokens(s, 1, 2);
            lydite_end(s);
        }
        assert_int_equal(lydite_flush(t, 5000, NULL), LYDITE_OK);
        count = ly_mem_count() - count;
    }
    assert_int_equal(count, 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_generation),
        cmocka_unit_test(test_retrieval_and_tool),
        cmocka_unit_test(test_content_off),
        cmocka_unit_test(test_kinds_and_duplicates),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_oversize),
        cmocka_unit_test(test_tree_and_inheritance),
        cmocka_unit_test(test_other_thread_and_dead_handles),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_processors_see_all),
        cmocka_unit_test(test_several_tracers),
        cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
