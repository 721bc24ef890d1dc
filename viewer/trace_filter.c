/* The filter inside a trace: which spans pass, with attributes and texts read where a term asks. */
#include "text/regex.h"
#include "viewer/app.h"

typedef struct asked {
    ly_app *app;
    const ly_node *node;
} asked;

static bool regex_ok(void *context, ly_str pattern, ly_str subject)
{
    (void)context;
    ly_regex *regex = NULL;
    ly_err err = LY_ERR_INIT;
    bool ok = ly_regex_new(pattern, 0, &regex, &err) == LY_OK &&
              ly_regex_find(regex, subject, 0, NULL, 0, &err) == LY_OK;
    ly_regex_free(regex);
    return ok;
}

static ly_span_full *full_of(const asked *a)
{
    ly_err err = LY_ERR_INIT;
    ly_span_full *full = NULL;
    ly_arena *work = &a->app->trace.detail_arena;
    ly_arena_reset(work);
    a->app->trace.detail_loaded = false;
    return ly_store_span_load(a->app->store, a->app->trace.id, a->node->span_id, work, &full,
                              &err) == LY_OK
               ? full
               : NULL;
}

static bool attr_ok(void *context, const ly_filter_node *term)
{
    const ly_span_full *full = full_of(context);
    return full != NULL && ly_store_attr_ok(term, full);
}

static bool text_ok(void *context, const ly_filter_node *term)
{
    asked *a = context;
    const ly_span_full *full = full_of(a);
    bool ok = false;
    return full != NULL &&
           ly_store_text_ok(term, full, &a->app->trace.detail_arena, &ok) == LY_OK && ok;
}

static ly_filter_subject subject_of(const ly_trace_state *t, const ly_node *n, char *trace_hex,
                                    char *span_hex)
{
    const ly_canon *c = &n->canon;
    const ly_trace_row *r = &t->trace->row;
    ly_hex_encode(r->trace_id.b, 16, trace_hex);
    ly_hex_encode(n->span_id.b, 8, span_hex);
    return (ly_filter_subject){
        .name = n->name,
        .service = c->service,
        .provider = c->provider,
        .model = c->response_model,
        .request_model = c->request_model,
        .tool = c->tool_name,
        .agent = c->agent_name,
        .session = c->session,
        .user = c->user,
        .env = c->env,
        .release = c->release,
        .prompt_name = c->prompt_name,
        .prompt_version = c->prompt_version,
        .dialect = ly_str_c(c->dialect),
        .status_message = c->error_message,
        .type = ly_str_c(ly_type_name(c->type)),
        .status = n->flags & LY_SPAN_ERROR     ? LY_S("error")
                  : n->flags & LY_SPAN_PENDING ? LY_S("pending")
                  : n->status_code == 1        ? LY_S("ok")
                                               : LY_S("unset"),
        .origin = ly_str_c(ly_origin_name(r->origin)),
        .trace_id = ly_str_c(trace_hex),
        .span_id = ly_str_c(span_hex),
        .tags = t->trace->tags,
        .n_tags = t->trace->n_tags,
        .is_root = ly_span_id_zero(n->parent_id),
        .start_ns = n->start_ns,
        .dur_ns = n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns,
        .self_ns = n->self_ns,
        .ttft_ns = c->ttft_ns,
        .tokens = ly_tokens_total(&c->tokens),
        .cost_pico =
            c->client_cost_pico != LY_UNKNOWN ? c->client_cost_pico : n->priced.amount_pico,
        .trace_tokens = ly_tokens_total(&r->tokens),
        .trace_cost_pico = r->cost_pico,
        .trace_errors = r->n_errors,
        .trace_spans = r->n_spans,
        .loop = 0,
        .attr = attr_ok,
        .text = text_ok,
        .regex = regex_ok,
    };
}

void ly_trace_filter_apply(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    for (uint32_t i = 0; t->filter != NULL && i < t->trace->n; i++) {
        char trace_hex[33], span_hex[17];
        asked a = {app, &t->trace->nodes[i]};
        ly_filter_subject s = subject_of(t, a.node, trace_hex, span_hex);
        s.context = &a;
        t->match[i] = ly_filter_match(t->filter, &s);
    }
}
