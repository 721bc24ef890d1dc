/* Spans of a run: see record.h. */
#include "eval/record.h"

#include <math.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "otlp/encode.h"
#include "otlp/pb.h"
#include "text/hash.h"
#include "text/jsonw.h"

enum { MAX_ATTRS = 40 };

struct ly_recorder {
    ly_str run;
    char *run_copy;
    ly_buf spans; /* ScopeSpans.spans fields, one after another */
    ly_status failed;
    uint64_t ids; /* state of the id generator, seeded from the kernel */
    ly_str user;
};

/* Attributes of one span in the making. */
typedef struct attrs {
    ly_kv items[MAX_ATTRS];
    size_t n;
} attrs;

static void add(attrs *a, const char *key, ly_any value)
{
    if (a->n < MAX_ATTRS) {
        a->items[a->n++] = (ly_kv){ly_str_c(key), value};
    }
}

static void add_str(attrs *a, const char *key, ly_str value)
{
    if (value.len) {
        add(a, key, (ly_any){.kind = LY_ANY_STRING, .str = value});
    }
}

static void add_i64(attrs *a, const char *key, int64_t value)
{
    if (value != LY_UNKNOWN) {
        add(a, key, (ly_any){.kind = LY_ANY_INT, .integer = value});
    }
}

static void add_f64(attrs *a, const char *key, double value)
{
    if (!isnan(value) && value != LY_SHAPE_UNSET) {
        add(a, key, (ly_any){.kind = LY_ANY_DOUBLE, .real = value});
    }
}

ly_status ly_recorder_new(ly_str run_hex, ly_recorder **ret, ly_err *err)
{
    ly_recorder *rec = ly_calloc(1, sizeof *rec);
    if (!rec) {
        return LY_NOMEM(err);
    }
    rec->run_copy = ly_str_dup(run_hex);
    rec->run = ly_str_c(rec->run_copy);
    ly_buf_init(&rec->spans, LY_MAX_REQUEST_BYTES - LY_MIB(1));
    ly_status st = rec->run_copy ? ly_random(&rec->ids, sizeof rec->ids, err) : LY_NOMEM(err);
    if (st) {
        ly_recorder_free(rec);
        return st;
    }
    *ret = rec;
    return LY_OK;
}

void ly_recorder_for(ly_recorder *rec, ly_str user)
{
    rec->user = user;
}

void ly_recorder_free(ly_recorder *rec)
{
    if (rec) {
        ly_buf_release(&rec->spans);
        ly_free(rec->run_copy);
        ly_free(rec);
    }
}

ly_status ly_record_begin(ly_recorder *rec, ly_record_place *ret, ly_err *err)
{
    (void)rec;
    ly_status st = ly_random(ret->trace.b, sizeof ret->trace.b, err);
    if (!st) {
        st = ly_random(ret->root.b, sizeof ret->root.b, err);
    }
    ret->start_ns = (uint64_t)ly_wall_ns();
    return st;
}

static void put_span(ly_recorder *rec, const ly_span *span)
{
    ly_buf one;
    ly_buf_init(&one, LY_MAX_REQUEST_BYTES);
    ly_otlp_put_span(&one, span);
    ly_pb_put_bytes(&rec->spans, 2, ly_buf_view(&one));
    if (one.failed || rec->spans.failed) {
        rec->failed = LY_E_LIMIT;
    }
    ly_buf_release(&one);
}

static void next_span_id(ly_recorder *rec, ly_span_id *ret)
{
    uint64_t z = (rec->ids += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z = (z ^ (z >> 31)) | 1;
    memcpy(ret->b, &z, sizeof ret->b);
}

/* [{"role","parts":[{"type":"text","content"}]}] of what was sent. */
static void input_messages(const ly_llm_call *call, ly_buf *out)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_array(&w);
    for (size_t i = 0; i < call->request.n_msgs; i++) {
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "role", call->request.msgs[i].role);
        ly_jsonw_key(&w, "parts");
        ly_jsonw_array(&w);
        ly_jsonw_object(&w);
        ly_jsonw_kv_c(&w, "type", "text");
        ly_jsonw_kv_str(&w, "content", call->request.msgs[i].text);
        ly_jsonw_object_end(&w);
        ly_jsonw_array_end(&w);
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
}

static void usage_attrs(attrs *a, const ly_tokens *t)
{
    add_i64(a, "gen_ai.usage.input_tokens", ly_tokens_in(t));
    add_i64(a, "gen_ai.usage.output_tokens", ly_tokens_out(t));
    add_i64(a, "gen_ai.usage.cache_read.input_tokens", t->cache_read);
    add_i64(a, "gen_ai.usage.cache_write.input_tokens", t->cache_write);
    add_i64(a, "gen_ai.usage.reasoning.output_tokens", t->out_reasoning);
}

void ly_record_call(ly_recorder *rec, const ly_record_place *place, ly_origin origin,
                    const ly_target *target, const ly_llm_call *call, const ly_llm_result *result)
{
    attrs a = {.n = 0};
    ly_buf input, output;
    char name[LY_LLM_NAME_MAX + 8];
    ly_buf_init(&input, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&output, LY_MAX_REQUEST_BYTES);
    input_messages(call, &input);
    ly_shape_write_output_messages(&result->reply, &output);
    (void)snprintf(name, sizeof name, "chat %s", call->model->name);
    add_str(&a, "lydite.origin", ly_str_c(ly_origin_name(origin)));
    add_str(&a, "user.id", rec->user);
    add_str(&a, "gen_ai.operation.name", LY_S("chat"));
    add_str(&a, "gen_ai.provider.name", ly_str_c(call->model->provider));
    add_str(&a, "gen_ai.request.model", ly_str_c(call->model->name));
    add_str(&a, "gen_ai.response.model", result->reply.model);
    add_str(&a, "gen_ai.response.id", result->reply.id);
    add_str(&a, "server.address", ly_str_c(call->model->host));
    add_i64(&a, "server.port", call->model->port);
    add_i64(&a, "gen_ai.request.max_tokens", call->request.max_output);
    add_f64(&a, "gen_ai.request.temperature", call->request.temperature);
    add_str(&a, "gen_ai.input.messages", ly_buf_view(&input));
    if (result->reply.text.len || result->reply.n_calls) {
        add_str(&a, "gen_ai.output.messages", ly_buf_view(&output));
    }
    ly_any finish = {.kind = LY_ANY_STRING, .str = result->reply.finish};
    if (result->reply.finish.len) {
        ly_any list = {.kind = LY_ANY_ARRAY};
        list.array.items = &finish;
        list.array.n = 1;
        add(&a, "gen_ai.response.finish_reasons", list);
    }
    add_i64(&a, "lydite.attempts", result->attempts);
    if (result->cached) {
        /* It was paid for when it was asked: no usage here, or the ledger would count it twice. */
        add(&a, "lydite.cached", (ly_any){.kind = LY_ANY_BOOL, .boolean = true});
    } else {
        usage_attrs(&a, &result->reply.tokens);
    }
    if (result->dropped && *result->dropped) {
        add_str(&a, "lydite.dropped_parameters", ly_str_c(result->dropped));
    }
    if (target) {
        add_str(&a, "gen_ai.prompt.name", target->prompt_name);
        add_str(&a, "lydite.prompt.version", target->prompt_version);
    }
    bool bad = result->outcome != LY_LLM_OK;
    if (bad) {
        add_str(&a, "error.type", ly_str_c(ly_llm_outcome_name(result->outcome)));
    }
    ly_span span = {.trace_id = place->trace,
                    .parent_id = place->root,
                    .name = ly_str_c(name),
                    .kind = LY_KIND_CLIENT,
                    .start_ns = (uint64_t)result->started_ns,
                    .end_ns = (uint64_t)result->ended_ns,
                    .attrs = {a.items, a.n, 0},
                    .status_code = bad ? LY_CODE_ERROR : LY_CODE_UNSET,
                    .status_message = bad ? result->error : LY_STR_NONE};
    next_span_id(rec, &span.span_id);
    put_span(rec, &span);
    ly_buf_release(&input);
    ly_buf_release(&output);
}

void ly_record_case(ly_recorder *rec, const ly_record_place *place, const ly_target *target,
                    int64_t row, ly_str row_key, int64_t repeat, ly_str input, ly_str output,
                    ly_str error)
{
    attrs a = {.n = 0};
    add_str(&a, "lydite.origin", LY_S("eval"));
    add_str(&a, "user.id", rec->user);
    add_str(&a, "lydite.span.type", LY_S("step"));
    add_str(&a, "lydite.run", rec->run);
    add_str(&a, "lydite.case.target", target->name);
    add_i64(&a, "lydite.case.row", row);
    add_str(&a, "lydite.case.key", row_key);
    add_i64(&a, "lydite.case.repeat", repeat);
    add_str(&a, "gen_ai.prompt.name", target->prompt_name);
    add_str(&a, "lydite.prompt.version", target->prompt_version);
    if (target->kind != LY_TARGET_PROMPT) { /* there is no generation that would show it */
        add_str(&a, "input.value", input);
        add_str(&a, "output.value", output);
    }
    ly_span span = {.trace_id = place->trace,
                    .span_id = place->root,
                    .name = LY_S("eval case"),
                    .kind = LY_KIND_INTERNAL,
                    .start_ns = place->start_ns,
                    .end_ns = (uint64_t)ly_wall_ns(),
                    .attrs = {a.items, a.n, 0},
                    .status_code = error.len ? LY_CODE_ERROR : LY_CODE_UNSET,
                    .status_message = error};
    put_span(rec, &span);
}

void ly_record_judgement(ly_recorder *rec, const ly_record_place *place, const ly_record_place *of,
                         const ly_judge *judge, const ly_judgement *j)
{
    attrs a = {.n = 0};
    ly_buf name;
    ly_buf_init(&name, 256);
    ly_buf_c(&name, "judge ");
    ly_buf_str(&name, ly_judge_name(judge));
    add_str(&a, "lydite.origin", LY_S("judge"));
    add_str(&a, "user.id", rec->user);
    add_str(&a, "lydite.span.type", LY_S("evaluator"));
    add_str(&a, "lydite.run", rec->run);
    add_str(&a, "lydite.judge.hash", ly_str_c(ly_judge_hash(judge)));
    add_str(&a, "gen_ai.evaluation.name", ly_judge_name(judge));
    add_str(&a, "gen_ai.evaluation.score.label", j->label);
    add_f64(&a, "gen_ai.evaluation.score.value", j->value);
    add_str(&a, "gen_ai.evaluation.explanation", j->reason);
    add_str(&a, "lydite.outcome", ly_str_c(ly_outcome_name(j->outcome)));
    bool bad = j->outcome == LY_UNSCORED;
    if (bad) {
        add_str(&a, "error.type", ly_str_c(j->unscored));
    }
    ly_link link = {.trace_id = of->trace, .span_id = of->root};
    ly_span span = {.trace_id = place->trace,
                    .span_id = place->root,
                    .name = ly_buf_view(&name),
                    .kind = LY_KIND_INTERNAL,
                    .start_ns = place->start_ns,
                    .end_ns = (uint64_t)ly_wall_ns(),
                    .attrs = {a.items, a.n, 0},
                    .links = &link,
                    .n_links = ly_span_id_zero(of->root) ? 0 : 1,
                    .status_code = bad ? LY_CODE_ERROR : LY_CODE_UNSET,
                    .status_message = bad ? j->reason : LY_STR_NONE};
    put_span(rec, &span);
    ly_buf_release(&name);
}

size_t ly_record_pending(const ly_recorder *rec)
{
    return rec->spans.len;
}

ly_status ly_record_take(ly_recorder *rec, ly_buf *spans, ly_err *err)
{
    if (rec->failed) {
        return LY_FAIL(err, rec->failed, "the spans of a step are larger than a request may be");
    }
    ly_buf empty = *spans;
    *spans = rec->spans;
    rec->spans = empty;
    ly_buf_reset(&rec->spans);
    return LY_OK;
}

ly_status ly_record_send(ly_str spans, ly_record_fn fn, void *user, ly_err *err)
{
    static const ly_kv service = {
        {"service.name", 12},
        {.kind = LY_ANY_STRING, .str = {LY_EVAL_SERVICE, sizeof LY_EVAL_SERVICE - 1}}};
    ly_resource resource = {.attrs = {&service, 1, 0}};
    ly_scope scope = {.name = LY_S("lydite"), .version = LY_S(LYDITE_VERSION)};
    ly_buf part, scope_spans, resource_spans, request;
    ly_buf_init(&part, LY_KIB(64));
    ly_buf_init(&scope_spans, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&resource_spans, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&request, LY_MAX_REQUEST_BYTES);
    ly_otlp_put_scope(&part, &scope);
    ly_pb_put_bytes(&scope_spans, 1, ly_buf_view(&part));
    ly_buf_str(&scope_spans, spans);
    ly_buf_reset(&part);
    ly_otlp_put_resource(&part, &resource);
    ly_pb_put_bytes(&resource_spans, 1, ly_buf_view(&part));
    ly_pb_put_bytes(&resource_spans, 2, ly_buf_view(&scope_spans));
    ly_pb_put_bytes(&request, 1, ly_buf_view(&resource_spans));
    ly_status st = ly_buf_status(&request, "spans of the run", err);
    if (!st) {
        st = fn(user, ly_buf_view(&request), err);
    }
    ly_buf_release(&part);
    ly_buf_release(&scope_spans);
    ly_buf_release(&resource_spans);
    ly_buf_release(&request);
    return st;
}
