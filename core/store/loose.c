/* Log records without a trace under a query: see loose.h. */
#include "store/loose.h"

#include "genai/logs.h"
#include "store/search.h"

static bool of_a_record(ly_filter_field field)
{
    switch (field) {
    case LY_FLD_WORD:
    case LY_FLD_ORIGIN:
    case LY_FLD_NAME:
    case LY_FLD_SERVICE:
    case LY_FLD_PROVIDER:
    case LY_FLD_MODEL:
    case LY_FLD_TOOL:
    case LY_FLD_AGENT:
    case LY_FLD_SESSION:
    case LY_FLD_USER:
    case LY_FLD_ENV:
    case LY_FLD_RELEASE:
    case LY_FLD_AGE:
    case LY_FLD_TIME:
    case LY_FLD_ATTR:
    case LY_FLD_TEXT:
        return true;
    default:
        return false;
    }
}

/* The depth is the parser's limit. */
static bool only_of_records(const ly_filter_node *n)
{
    if (n->kind == LY_FILTER_ROOT || (n->kind == LY_FILTER_TERM && !of_a_record(n->field)))
        return false;
    for (size_t i = 0; n->kind != LY_FILTER_ALL && n->kind != LY_FILTER_TERM && i < n->n_kids; i++)
        if (!only_of_records(n->kids[i]))
            return false;
    return true;
}

bool ly_loose_asked(const ly_trace_query *query)
{
    return query->only == NULL &&
           (query->filter == NULL || only_of_records(ly_filter_root(query->filter)));
}

static bool attr_ok(void *context, const ly_filter_node *term)
{
    const ly_log_record *log = context;
    ly_span_full full;
    memset(&full, 0, sizeof full);
    full.span.attrs = log->attrs;
    full.span.resource = log->resource;
    return ly_store_attr_ok(term, &full);
}

/* Any text of the value; the decoder has limited the depth. */
static bool any_holds(const ly_filter_node *term, const ly_any *v)
{
    switch (v->kind) {
    case LY_ANY_STRING:
    case LY_ANY_BYTES:
        return ly_filter_words_in(term, v->str);
    case LY_ANY_ARRAY:
        for (size_t i = 0; i < v->array.n; i++)
            if (any_holds(term, &v->array.items[i]))
                return true;
        return false;
    case LY_ANY_KVLIST:
        for (size_t i = 0; i < v->kvlist.n; i++)
            if (any_holds(term, &v->kvlist.items[i].value))
                return true;
        return false;
    default:
        return false;
    }
}

static bool text_ok(void *context, const ly_filter_node *term)
{
    const ly_log_record *log = context;
    if (any_holds(term, &log->body))
        return true;
    for (size_t i = 0; i < log->attrs.n; i++)
        if (any_holds(term, &log->attrs.items[i].value))
            return true;
    return false;
}

ly_status ly_loose_ok(const ly_trace_query *query, const ly_log_record *log, ly_arena *arena,
                      bool *ret_ok, ly_err *err)
{
    const int64_t at = (int64_t)(log->time_ns ? log->time_ns : log->observed_ns);
    *ret_ok = at >= query->since_ns && at < query->until_ns;
    if (!*ret_ok || query->filter == NULL)
        return LY_OK;
    ly_log_info info;
    if (ly_genai_log(log, arena, &info))
        return LY_NOMEM(err);
    const ly_canon *c = &info.canon;
    const ly_filter_subject subject = {
        .name = ly_str_given(info.event) ? info.event : log->event_name,
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
        .status_message = c->error_message,
        .origin = LY_S("app"),
        .start_ns = at,
        .dur_ns = LY_FILTER_UNKNOWN,
        .self_ns = LY_FILTER_UNKNOWN,
        .ttft_ns = LY_FILTER_UNKNOWN,
        .tokens = LY_FILTER_UNKNOWN,
        .cost_pico = LY_FILTER_UNKNOWN,
        .trace_tokens = LY_FILTER_UNKNOWN,
        .trace_cost_pico = LY_FILTER_UNKNOWN,
        .attr = attr_ok,
        .text = text_ok,
        .context = (void *)(uintptr_t)log,
    };
    *ret_ok = ly_filter_match(query->filter, &subject);
    return LY_OK;
}
