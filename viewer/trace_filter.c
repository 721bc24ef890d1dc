/* The filter inside a trace: which spans pass, with attributes and texts read where a term asks. */
#include <math.h>

#include "base/mem.h"
#include "store/score.h"
#include "text/regex.h"
#include "viewer/app.h"

typedef struct asked {
    ly_app *app;
    const ly_node *node;
    const ly_score *scores; /* of the trace, read when a term asks for them */
    size_t n_scores;
} asked;

/* Scores of the span, and those of the whole trace. */
static bool score_ok(void *context, const ly_filter_node *term)
{
    const asked *a = context;
    for (size_t i = 0; i < a->n_scores; i++) {
        const ly_score *s = &a->scores[i];
        if (!ly_str_eq(s->name, term->key) ||
            (!ly_span_id_zero(s->span_id) && !ly_span_id_eq(s->span_id, a->node->span_id))) {
            continue;
        }
        if (term->op == LY_FOP_EXISTS ? !isnan(s->value) || s->label.len > 0
            : term->is_number         ? !isnan(s->value) && ly_filter_real_ok(term, s->value)
                                      : s->label.len > 0 && ly_filter_text_ok(term, s->label)) {
            return true;
        }
    }
    return false;
}

/* For each node how many tool calls of its name its parent has: what loop> counts. NULL without memory. */
static uint32_t *count_loops(const ly_trace *trace, ly_arena *work)
{
    size_t cap = 16;
    while (cap < trace->n * 2) {
        cap *= 2;
    }
    uint32_t *counts = LY_ARENA_ARRAY(work, uint32_t, trace->n + 1);
    uint32_t *table = LY_ARENA_ARRAY(work, uint32_t, cap); /* first node of each kind of call + 1 */
    uint32_t *first = LY_ARENA_ARRAY(work, uint32_t, trace->n + 1);
    if (counts == NULL || table == NULL || first == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < trace->n; i++) {
        const ly_node *n = &trace->nodes[i];
        if (n->canon.type != LY_TYPE_TOOL) {
            first[i] = i;
            continue;
        }
        uint64_t hash = ly_str_hash(n->name) ^ ((uint64_t)n->parent * 0x9E3779B97F4A7C15ULL);
        size_t at = hash & (cap - 1);
        while (table[at] != 0) {
            const ly_node *k = &trace->nodes[table[at] - 1];
            if (k->parent == n->parent && ly_str_eq(k->name, n->name)) {
                break;
            }
            at = (at + 1) & (cap - 1);
        }
        table[at] = table[at] != 0 ? table[at] : i + 1;
        first[i] = table[at] - 1;
        counts[first[i]]++;
    }
    for (uint32_t i = 0; i < trace->n; i++) {
        counts[i] = counts[first[i]];
    }
    return counts;
}

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
        .status = n->flags & LY_SPAN_ERROR ? LY_S("error")
                  : n->flags & LY_SPAN_PENDING
                      ? ly_store_lost(n, ly_wall_ns()) ? LY_S("lost") : LY_S("pending")
                  : n->status_code == 1 ? LY_S("ok")
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
        .score = score_ok,
        .text = text_ok,
        .regex = regex_ok,
    };
}

void ly_trace_filter_apply(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    ly_arena work;
    ly_err err = LY_ERR_INIT;
    ly_score *scores = NULL;
    size_t n_scores = 0;
    uint32_t *loops = NULL;
    if (t->filter == NULL) {
        return;
    }
    ly_arena_init(&work, 0, LY_MIB(64));
    if (ly_filter_uses(t->filter, LY_FLD_SCORE)) {
        ly_score_query query = {.trace = &t->id,
                                .since_ns = INT64_MIN,
                                .until_ns = INT64_MAX,
                                .with_cases = true,
                                .limit = 10000};
        if (ly_score_list(app->store, &query, &work, &scores, &n_scores, &err) != LY_OK) {
            ly_app_say(app, true, "%s", err.text);
        }
    }
    if (ly_filter_uses(t->filter, LY_FLD_LOOP)) {
        loops = count_loops(t->trace, &work);
    }
    for (uint32_t i = 0; i < t->trace->n; i++) {
        char trace_hex[33], span_hex[17];
        asked a = {app, &t->trace->nodes[i], scores, n_scores};
        ly_filter_subject s = subject_of(t, a.node, trace_hex, span_hex);
        s.loop = loops != NULL ? (int64_t)loops[i] : 0;
        s.context = &a;
        t->match[i] = ly_filter_match(t->filter, &s);
    }
    ly_arena_release(&work);
}
