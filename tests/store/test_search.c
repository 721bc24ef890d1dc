/*
 * Filters as SQL: the same spans asked through the store and through ly_filter_match must give the same
 * answer, for a list of filters and for random ones. And lists of traces, with "any span" and "no span".
 */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "genai/normalise.h"
#include "otlp/decode.h"
#include "otlp/encode.h"
#include "store/store.h"
#include "text/regex.h"

#define T0 (1795000000LL * LY_NS_PER_SEC)
enum { TRACES = 60, SPANS = 5 };

typedef struct made {
    ly_store *store;
    char path[64];
    ly_arena arena;
    ly_span spans[TRACES * SPANS];
    ly_canon canons[TRACES * SPANS];
} made;

static ly_kv kv(const char *key, const char *value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_STRING, .str = ly_str_c(value)}};
}

static ly_kv kv_int(const char *key, int64_t value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_INT, .integer = value}};
}

/* A span with attributes that depend on its number, encoded and decoded again so that wire is real. */
static void make_span(made *m, int t, int s)
{
    static const char *const models[] = {"gpt-4o", "gpt-4o-mini", "claude-sonnet"};
    static const char *const tools[] = {"web.search", "web.fetch", "Calc"};
    static const char *const services[] = {"support", "research"};
    static ly_resource resources[2];
    static ly_kv resource_attrs[2];
    static ly_scope scope;
    int k = t * SPANS + s;
    uint32_t r = (uint32_t)(t * 7919 + s * 104729);
    ly_span *span = &m->spans[k];
    ly_kv *attrs = LY_ARENA_ARRAY(&m->arena, ly_kv, 12);
    size_t n = 0;
    if (s > 0 && s % 2 == 1) {
        attrs[n++] = kv("gen_ai.operation.name", "chat");
        attrs[n++] = kv("gen_ai.provider.name", "openai");
        attrs[n++] = kv("gen_ai.request.model", models[r % 3]);
        attrs[n++] = kv_int("gen_ai.usage.input_tokens", (int64_t)(r % 500) * 10);
        attrs[n++] = kv_int("gen_ai.usage.output_tokens", (int64_t)(r % 90));
        attrs[n++] =
            kv("gen_ai.input.messages",
               t % 5 == 0 ? "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":"
                            "\"please refund my order\"}]}]"
                          : "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":"
                            "\"hello there\"}]}]");
    } else if (s > 0) {
        attrs[n++] = kv("gen_ai.operation.name", "execute_tool");
        attrs[n++] = kv("gen_ai.tool.name", tools[r % 3]);
    } else {
        attrs[n++] = kv("gen_ai.operation.name", "invoke_agent");
        attrs[n++] = kv("gen_ai.agent.name", "planner");
        attrs[n++] = kv("gen_ai.conversation.id", t % 2 ? "session-odd" : "session-even");
    }
    attrs[n++] = kv("user.id", t % 3 ? "u1" : "u2");
    attrs[n++] = kv_int("http.status", 200 + (int64_t)(r % 4) * 100);
    resource_attrs[t % 2] = kv("service.name", services[t % 2]);
    resources[t % 2].attrs = (ly_attrs){&resource_attrs[t % 2], 1, 0};
    ly_buf wire;
    ly_buf_init(&wire, LY_MIB(1));
    ly_otlp_put_resource(&wire, &resources[t % 2]);
    resources[t % 2].wire = ly_arena_copy(&m->arena, ly_buf_view(&wire));
    ly_buf_reset(&wire);
    ly_otlp_put_scope(&wire, &scope);
    scope.wire = ly_arena_copy(&m->arena, ly_buf_view(&wire));
    ly_buf_reset(&wire);
    ly_span raw = {.name = s == 0  ? LY_S("Agent run")
                           : s % 2 ? LY_S("chat turn")
                                   : LY_S("tool call"),
                   .kind = LY_KIND_INTERNAL,
                   .start_ns = (uint64_t)(T0 + t * LY_NS_PER_SEC + s * LY_NS_PER_MS),
                   .end_ns = (uint64_t)(T0 + t * LY_NS_PER_SEC + s * LY_NS_PER_MS +
                                        (int64_t)(r % 4000) * LY_NS_PER_MS),
                   .attrs = {attrs, n, 0},
                   .status_code = r % 11 == 0  ? LY_CODE_ERROR
                                  : r % 5 == 1 ? LY_CODE_OK
                                               : LY_CODE_UNSET,
                   .status_message = r % 11 == 0 ? LY_S("Too many requests") : LY_S(""),
                   .resource = &resources[t % 2],
                   .scope = &scope};
    raw.trace_id.b[0] = 0xab;
    raw.trace_id.b[14] = (uint8_t)(t >> 8);
    raw.trace_id.b[15] = (uint8_t)(t + 1);
    raw.span_id.b[0] = 0xcd;
    raw.span_id.b[6] = (uint8_t)t;
    raw.span_id.b[7] = (uint8_t)(s + 1);
    if (s > 0) {
        raw.parent_id = raw.span_id;
        raw.parent_id.b[7] = 1;
    }
    ly_otlp_put_span(&wire, &raw);
    ly_str bytes = ly_arena_copy(&m->arena, ly_buf_view(&wire));
    ly_buf_release(&wire);
    assert_int_equal(ly_otlp_decode_span(bytes, raw.resource, raw.scope, &m->arena, span), LY_OK);
    assert_int_equal(ly_genai_normalise(span, &m->arena, &m->canons[k]), LY_OK);
}

static int set_up(void **state)
{
    static made m;
    ly_err err = LY_ERR_INIT;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    snprintf(m.path, sizeof m.path, "/tmp/lydite-search-%ld.db", (long)getpid());
    ly_arena_init(&m.arena, 0, 0);
    assert_ok(ly_store_open(m.path, &opts, &m.store, &err), err);
    for (int t = 0; t < TRACES; t++) {
        ly_store_span batch_spans[SPANS];
        for (int s = 0; s < SPANS; s++) {
            make_span(&m, t, s);
            batch_spans[s] = (ly_store_span){.span = &m.spans[t * SPANS + s],
                                             .canon = &m.canons[t * SPANS + s],
                                             .priced = LY_PRICED_NONE};
        }
        ly_store_batch batch = {.spans = batch_spans, .n_spans = SPANS};
        assert_ok(ly_store_ingest(m.store, &batch, NULL, &err), err);
    }
    int64_t left;
    assert_ok(ly_store_settle(m.store, 0, true, &left, &err), err);
    *state = &m;
    return 0;
}

static int tear_down(void **state)
{
    made *m = *state;
    ly_store_close(m->store);
    ly_arena_release(&m->arena);
    char path[80];
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", m->path, ends[i]);
        unlink(path);
    }
    return 0;
}

static bool attr_ok(void *context, const ly_filter_node *term)
{
    const ly_span *span = context;
    const ly_any *v = ly_attrs_get(&span->attrs, term->key);
    if (!v) {
        v = ly_attrs_get(&span->resource->attrs, term->key);
    }
    if (!v) {
        return false;
    }
    if (v->kind == LY_ANY_INT && (term->is_number || term->op == LY_FOP_EXISTS)) {
        return ly_filter_real_ok(term, (double)v->integer);
    }
    return v->kind == LY_ANY_STRING && ly_filter_text_ok(term, v->str);
}

static bool text_ok(void *context, const ly_filter_node *term)
{
    const ly_span *span = context;
    const ly_any *v = ly_attrs_get(&span->attrs, LY_S("gen_ai.input.messages"));
    return v && ly_filter_text_ok(term, v->str);
}

static bool regex_ok(void *context, ly_str pattern, ly_str subject)
{
    (void)context;
    ly_regex *regex = NULL;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_regex_new(pattern, 0, &regex, &err), err);
    bool ok = ly_regex_find(regex, subject, 0, NULL, 0, &err) == LY_OK;
    ly_regex_free(regex);
    return ok;
}

static bool matches(const made *m, const ly_filter *f, int k)
{
    const ly_span *span = &m->spans[k];
    const ly_canon *c = &m->canons[k];
    char trace[33], id[17];
    ly_hex_encode(span->trace_id.b, 16, trace);
    ly_hex_encode(span->span_id.b, 8, id);
    ly_filter_subject s = {.name = span->name,
                           .service = c->service,
                           .provider = c->provider,
                           .model = c->response_model,
                           .request_model = c->request_model,
                           .tool = c->tool_name,
                           .agent = c->agent_name,
                           .session = c->session,
                           .user = c->user,
                           .dialect = ly_str_c(c->dialect),
                           .status_message = c->error_message,
                           .type = ly_str_c(ly_type_name(c->type)),
                           .status = c->error                          ? LY_S("error")
                                     : span->status_code == LY_CODE_OK ? LY_S("ok")
                                                                       : LY_S("unset"),
                           .origin = LY_S("app"),
                           .trace_id = ly_str_c(trace),
                           .span_id = ly_str_c(id),
                           .is_root = ly_span_id_zero(span->parent_id),
                           .start_ns = (int64_t)span->start_ns,
                           .dur_ns = (int64_t)(span->end_ns - span->start_ns),
                           .ttft_ns = LY_FILTER_UNKNOWN,
                           .self_ns = LY_FILTER_UNKNOWN,
                           .tokens = ly_tokens_total(&c->tokens),
                           .cost_pico = LY_FILTER_UNKNOWN,
                           .trace_cost_pico = LY_FILTER_UNKNOWN,
                           .trace_spans = SPANS,
                           .attr = attr_ok,
                           .text = text_ok,
                           .regex = regex_ok,
                           .context = (void *)(uintptr_t)span};
    int first = k / SPANS * SPANS;
    int64_t sum = LY_UNKNOWN, errors = 0;
    for (int i = first; i < first + SPANS; i++) {
        int64_t tokens = ly_tokens_total(&m->canons[i].tokens);
        if (tokens != LY_UNKNOWN && m->canons[i].role == LY_ROLE_LEAF) {
            sum = sum == LY_UNKNOWN ? tokens : sum + tokens;
        }
        errors += m->canons[i].error;
    }
    s.trace_tokens = sum;
    s.trace_errors = errors;
    return ly_filter_match(f, &s);
}

typedef struct seen {
    uint8_t hit[TRACES * SPANS];
    size_t n;
} seen;

static ly_status note(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    (void)err;
    seen *s = user;
    int t = trace.b[15] - 1, k = node->span_id.b[7] - 1;
    s->hit[t * SPANS + k] = 1;
    s->n++;
    return LY_OK;
}

static bool compare(made *m, const char *text, bool must_parse)
{
    ly_err err = LY_ERR_INIT;
    ly_filter *f = NULL;
    ly_filter_opts opts = {.now_ns = T0 + 3600 * LY_NS_PER_SEC};
    if (ly_filter_parse(ly_str_c(text), &opts, &f, NULL, &err) != LY_OK) {
        if (must_parse) {
            fail_msg("%s: %s", text, err.text);
        }
        return false; /* a word after "|" that is no value of the key before it */
    }
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    query.filter = f;
    seen got;
    memset(&got, 0, sizeof got);
    if (ly_store_span_scan(m->store, &query, note, &got, &err) != LY_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    for (int k = 0; k < TRACES * SPANS; k++) {
        if (got.hit[k] != matches(m, f, k)) {
            fail_msg("%s: span %d of trace %d: store says %d", text, k % SPANS, k / SPANS,
                     got.hit[k]);
        }
    }
    ly_filter_free(f);
    return true;
}

static const char *const terms[] = {"type:generation",
                                    "type:tool|agent",
                                    "status:error",
                                    "status:ok",
                                    "status:unset",
                                    "model:gpt-4o",
                                    "model:gpt-4o*",
                                    "model!=gpt-4o",
                                    "model:*",
                                    "tool:web.search",
                                    "tool:*",
                                    "provider:OPENAI",
                                    "service:support",
                                    "agent:planner",
                                    "session:session-odd",
                                    "session:*",
                                    "user:u2",
                                    "name:\"chat turn\"",
                                    "chat",
                                    "Chat",
                                    "requests",
                                    "planner",
                                    "cd0",
                                    "dur>2s",
                                    "dur<=500ms",
                                    "dur:1s..2s",
                                    "tokens>1k",
                                    "tokens:*",
                                    "tokens<100",
                                    "err>1",
                                    "spans:5",
                                    "attr.http.status:200",
                                    "attr.http.status>=400",
                                    "attr.user.id:u1",
                                    "attr.nothing:*",
                                    "attr.service.name:research",
                                    "text:\"refund my\"",
                                    "text:HELLO",
                                    "root:type:agent",
                                    "root:err>0",
                                    "trace:ab",
                                    "span:cd",
                                    "time>now",
                                    "age<2h",
                                    "since:3590s",
                                    "ttft>1ms",
                                    "cost:*",
                                    "origin:app",
                                    "origin:any",
                                    "dialect:*",
                                    "type!=tool",
                                    "status!=error",
                                    "prompt:*",
                                    "env:*",
                                    "tag:x",
                                    "release:1*",
                                    "provider!=OPENAI",
                                    "provider!=openai",
                                    "name!=\"chat turn\"",
                                    "user!=u1",
                                    "user!=nobody",
                                    "~^chat",
                                    "~turn$",
                                    "~\"[Cc]all|run\"",
                                    "tool!=Calc",
                                    "attr.http.status!=200",
                                    "attr.user.id!=u1",
                                    "attr.user.id:u*",
                                    "attr.http.status:*",
                                    "attr.http.status<300",
                                    "dur!=0ns",
                                    "dur:*",
                                    "tokens!=0",
                                    "tokens:1000..3000",
                                    "time:2026-11",
                                    "time!=now",
                                    "since:last-month",
                                    "until:yesterday",
                                    "model:\"gpt-4o*\"",
                                    "\"chat turn\"",
                                    "Too",
                                    "too",
                                    "AB0",
                                    "ab00000000000000",
                                    "root:dur>1s",
                                    "root:!status:error",
                                    "root:(tokens>1k | err>1)",
                                    "text:\"my order\"",
                                    "text:\"\"",
                                    "text:no-such-text",
                                    "origin!=app",
                                    "origin:judge",
                                    "spans!=5",
                                    "err:0",
                                    "agent!=planner",
                                    "service!=support",
                                    "session!=session-odd",
                                    "name:*",
                                    "name:c*"};

static void every_term(void **state)
{
    for (size_t i = 0; i < LY_COUNT(terms); i++) {
        char text[200];
        compare(*state, terms[i], true);
        snprintf(text, sizeof text, "!%s", terms[i]);
        compare(*state, text, true);
    }
    compare(*state, "", true);
}

static void random_trees(void **state)
{
    uint64_t seed = 5;
    size_t compared = 0;
    for (int round = 0; round < 300; round++) {
        char text[800] = "";
        size_t n = 0;
        int open = 0;
        for (int i = 0; i < 5; i++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            uint64_t r = seed >> 33;
            const char *join = i == 0 ? "" : r % 3 == 0 ? " | " : " ";
            const char *bracket = r % 7 == 0 ? "(" : "";
            open += bracket[0] == '(';
            n +=
                (size_t)snprintf(text + n, sizeof text - n, "%s%s%s%s", join, r % 4 == 1 ? "!" : "",
                                 bracket, terms[(r >> 8) % LY_COUNT(terms)]);
            if (open > 0 && r % 5 == 0) {
                n += (size_t)snprintf(text + n, sizeof text - n, ")");
                open--;
            }
        }
        while (open-- > 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, ")");
        }
        compared += compare(*state, text, false);
    }
    assert_true(compared > 150);
}

static size_t count_traces(made *m, const char *text)
{
    ly_err err = LY_ERR_INIT;
    ly_filter *f = NULL;
    ly_arena arena;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    ly_store_key key;
    bool more = false;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    assert_ok(ly_filter_parse(ly_str_c(text), NULL, &f, NULL, &err), err);
    ly_arena_init(&arena, 0, 0);
    query.filter = f;
    query.limit = 1000;
    assert_ok(ly_store_trace_page(m->store, &query, &arena, &rows, &n, &key, &more, &err), err);
    assert_false(more);
    ly_arena_release(&arena);
    ly_filter_free(f);
    return n;
}

static void traces_through_any_span(void **state)
{
    made *m = *state;
    assert_int_equal(count_traces(m, "type:agent"), TRACES);
    /* Not: no span of the trace. */
    assert_int_equal(count_traces(m, "!type:agent"), 0);
    assert_int_equal(count_traces(m, "session:session-odd"), TRACES / 2);
    assert_int_equal(count_traces(m, "!session:session-odd"), TRACES / 2);
    size_t with = count_traces(m, "status:error"), without = count_traces(m, "!status:error");
    assert_true(with > 0);
    assert_int_equal(with + without, TRACES);
    assert_int_equal(count_traces(m, "err>0"), with);
    /* Both terms on one span. */
    size_t same = count_traces(m, "type:tool status:error");
    assert_true(same > 0 && same < with);
    assert_int_equal(count_traces(m, "text:refund"), TRACES / 5);
    /* A wide filter stays within SQLite's depth of expressions. */
    ly_buf wide;
    ly_buf_init(&wide, LY_KIB(16));
    for (int i = 0; i < 1500; i++) {
        ly_buf_c(&wide, "a|b ");
    }
    (void)count_traces(m, ly_buf_text(&wide));
    ly_buf_release(&wide);
}

/* The same answers with the full-text index. */
static void indexed(void **state)
{
    made *m = *state;
    ly_err err = LY_ERR_INIT;
    int64_t left = -1;
    assert_ok(ly_store_text_index(m->store, 0, true, &left, &err), err);
    assert_int_equal(left, 0);
    every_term(state);
    random_trees(state);
    traces_through_any_span(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_term),
        cmocka_unit_test(random_trees),
        cmocka_unit_test(traces_through_any_span),
        cmocka_unit_test(indexed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
