/*
 * The engine: slots (extract.c) → canonical span. It reads tables and names no dialect.
 */
#include "genai/normalise.h"

#include "genai/buckets.h"
#include "genai/extract.h"
#include "genai/tool_uses.h"
#include "genai/usage.h"

/* ---- resource --------------------------------------------------------------------------------- */

static void read_resource(const ly_resource *resource, ly_canon *c, ly_str *ret_session,
                          ly_str *ret_user)
{
    for (size_t i = 0; resource && i < resource->attrs.n; i++) {
        const ly_kv *kv = &resource->attrs.items[i];
        if (kv->value.kind != LY_ANY_STRING || kv->value.str.len == 0)
            continue;
        switch (kv->key.len) { /* lengths differ, so most keys cost one comparison */
        case sizeof "user.id" - 1:
            if (ly_str_eqc(kv->key, "user.id"))
                *ret_user = kv->value.str;
            break;
        case sizeof "session.id" - 1:
            if (ly_str_eqc(kv->key, "session.id"))
                *ret_session = kv->value.str;
            break;
        case sizeof "service.name" - 1:
            if (ly_str_eqc(kv->key, "service.name"))
                c->service = kv->value.str;
            break;
        case sizeof "service.version" - 1:
            if (ly_str_eqc(kv->key, "service.version"))
                c->release = kv->value.str;
            break;
        case sizeof "deployment.environment" - 1:
            if (!c->env.len && ly_str_eqc(kv->key, "deployment.environment"))
                c->env = kv->value.str;
            break;
        case sizeof "openinference.project.name" - 1:
            if (!c->service.len && ly_str_eqc(kv->key, "openinference.project.name"))
                c->service = kv->value.str;
            break;
        case sizeof "deployment.environment.name" - 1:
            if (ly_str_eqc(kv->key, "deployment.environment.name"))
                c->env = kv->value.str;
            break;
        default:
            break;
        }
    }
}

/* ---- type and role ---------------------------------------------------------------------------- */

static bool name_fits(const char *pattern, ly_str name)
{
    const ly_str p = ly_str_c(pattern);
    const size_t star = ly_str_find_char(p, '*', 0);
    if (star == SIZE_MAX)
        return ly_str_eq(p, name);
    const ly_str head = ly_str_sub(p, 0, star), tail = ly_str_sub(p, star + 1, p.len);
    return name.len >= head.len + tail.len && ly_str_starts(name, head) && ly_str_ends(name, tail);
}

static const ly_name_rule *find_name(const ly_dialect *dialect, ly_str name, bool first)
{
    if (!ly_dialect_has_names(dialect))
        return NULL;
    for (size_t i = 0; i < ly_names_n; i++) {
        if (ly_names[i].first == first &&
            (!ly_names[i].dialect || strcmp(ly_names[i].dialect, dialect->name) == 0) &&
            name_fits(ly_names[i].name, name))
            return &ly_names[i];
    }
    return NULL;
}

static bool has_usage(const ly_extract *x)
{
    return ly_extract_has(x, S_IN) || ly_extract_has(x, S_OUT) || ly_extract_has(x, S_TOTAL) ||
           ly_extract_has(x, S_BUCKETS);
}

static bool is_vector_store(const ly_extract *x, const ly_span *span)
{
    if (ly_extract_has(x, S_VECTOR_DB))
        return true;
    for (size_t i = 0; i < span->n_events; i++) {
        if (ly_str_eqc(span->events[i].name, "db.query.result"))
            return true;
    }
    if (!ly_extract_has(x, S_DB))
        return false;
    const ly_any *system = x->value[S_DB].any;
    for (size_t i = 0; system->kind == LY_ANY_STRING && i < ly_vector_stores_n; i++) {
        if (ly_str_eq_nocase(system->str, ly_str_c(ly_vector_stores[i])))
            return true;
    }
    return false;
}

/* Where a name for a model only stands beside calls, not on anything that knows of a model. */
enum { RANK_LOOSE_MODEL = 20 };

/* §3.2: what the attributes are about, when nothing says what the span is. */
static ly_type infer_type(const ly_extract *x, const ly_span *span, const ly_dialect *dialect)
{
    const bool model =
        ly_extract_has(x, S_RESPONSE_MODEL) || (x->rank[S_REQUEST_MODEL] < RANK_LOOSE_MODEL);
    const bool loose_model = ly_extract_has(x, S_REQUEST_MODEL);
    const bool strict = (dialect->flags & LY_DIALECT_STRICT) != 0;
    /* Where internal work names the tool that it is for, only the call itself has its id. */
    if (ly_extract_has(x, S_TOOL_IN) || (ly_extract_has(x, S_TOOL_NAME) && !has_usage(x) &&
                                         (!strict || ly_extract_has(x, S_TOOL_CALL_ID))))
        return LY_TYPE_TOOL;
    if (ly_extract_has(x, S_RERANK))
        return LY_TYPE_RERANK;
    if (ly_extract_has(x, S_QUERY) || is_vector_store(x, span))
        return LY_TYPE_RETRIEVAL;
    if (ly_extract_has(x, S_EMBED))
        return LY_TYPE_EMBEDDING;
    if (has_usage(x) && (loose_model || strict))
        return LY_TYPE_GENERATION;
    if (!strict && (model || ly_extract_has(x, S_CHAT_IN) || ly_extract_has(x, S_CHAT_OUT)))
        return LY_TYPE_GENERATION;
    if (has_usage(x))
        return LY_TYPE_GENERATION;
    if (ly_extract_has(x, S_DB))
        return LY_TYPE_DB;
    if (ly_extract_has(x, S_HTTP))
        return LY_TYPE_HTTP;
    if (ly_extract_has(x, S_OPERATION) || ly_extract_has(x, S_SPAN_IN) ||
        ly_extract_has(x, S_SPAN_OUT) || dialect->scopes[0])
        return LY_TYPE_STEP;
    return LY_TYPE_OTHER;
}

/* Ranks of S_TYPE up to this are words for this very span; behind it come hints. */
enum { RANK_EXPLICIT_TYPE = 22 };

static int8_t set_type(const ly_extract *x, const ly_span *span, const ly_dialect *dialect,
                       ly_canon *c)
{
    const ly_name_rule *name = find_name(dialect, span->name, true);
    if (!name && x->rank[S_TYPE] <= RANK_EXPLICIT_TYPE) {
        c->type = (ly_type)x->value[S_TYPE].num;
        return x->word_role;
    }
    if (!name)
        name = find_name(dialect, span->name, false);
    if (name) {
        c->type = (ly_type)name->type;
        return name->role;
    }
    if (ly_extract_has(x, S_TYPE)) {
        c->type = (ly_type)x->value[S_TYPE].num;
        return x->word_role;
    }
    c->type = infer_type(x, span, dialect);
    /* An operation of its own name is not classified, whatever the attributes look like: its counts may be the
     * sum of calls below, across tools and agents (§4.3). */
    if (x->rank[S_OPERATION] == 0)
        return LY_ROLE_ROLLUP;
    /* Counts and nothing else: a call's, or the sum of those below. */
    if (c->type == LY_TYPE_GENERATION && !(dialect->flags & LY_DIALECT_STRICT) &&
        !ly_extract_has(x, S_REQUEST_MODEL) && !ly_extract_has(x, S_RESPONSE_MODEL) &&
        !ly_extract_has(x, S_CHAT_IN) && !ly_extract_has(x, S_CHAT_OUT))
        return LY_ROLE_ROLLUP;
    return x->word_role;
}

static ly_role role_of(const ly_canon *c, int8_t asked)
{
    if (asked >= 0)
        return (ly_role)asked;
    const bool counts = ly_tokens_known(&c->tokens) || c->client_cost_pico != LY_UNKNOWN;
    switch (c->type) {
    case LY_TYPE_GENERATION:
    case LY_TYPE_EMBEDDING:
    case LY_TYPE_RERANK:
        return LY_ROLE_LEAF;
    case LY_TYPE_GUARDRAIL:
    case LY_TYPE_EVALUATOR:
        if (ly_tokens_known(&c->tokens) && ly_canon_model(c).len)
            return LY_ROLE_LEAF;
        break;
    default:
        break;
    }
    return counts ? LY_ROLE_ROLLUP : LY_ROLE_NONE;
}

/* ---- usage and cost --------------------------------------------------------------------------- */

static bool contains(ly_str s, const char *part)
{
    return ly_str_find(s, ly_str_c(part), 0) != SIZE_MAX;
}

static bool scope_fits(ly_str scope, const char *pattern)
{
    return pattern[0] == '*' ? contains(scope, pattern + 1)
                             : ly_str_starts(scope, ly_str_c(pattern));
}

/* Whether the difference matters at all: something was cached or thought. */
static bool mode_matters(const ly_reported *r)
{
    return r->cache_read > 0 || r->cache_write > 0 || r->reasoning > 0;
}

static ly_str language_of(const ly_extract *x, const ly_span *span)
{
    const ly_any *said = span->resource
                             ? ly_attrs_get(&span->resource->attrs, LY_S("telemetry.sdk.language"))
                             : NULL;
    if (ly_extract_has(x, S_LANGUAGE) || !said || said->kind != LY_ANY_STRING)
        return ly_extract_text(x, S_LANGUAGE);
    return said->str;
}

static unsigned table_mode(const ly_extract *x, const ly_span *span, const ly_dialect *dialect,
                           const ly_canon *c)
{
    const ly_str scope = span->scope ? span->scope->name : LY_STR_NONE;
    const ly_str language = language_of(x, span);
    for (size_t i = 0; i < ly_counts_n; i++) {
        const ly_count_rule *rule = &ly_counts[i];
        if ((!rule->dialect || strcmp(rule->dialect, dialect->name) == 0) &&
            (!rule->scope || scope_fits(scope, rule->scope)) &&
            (!rule->provider || ly_str_starts(c->provider, ly_str_c(rule->provider))) &&
            (!rule->model || contains(ly_canon_model(c), rule->model)) &&
            (!rule->lacks || !ly_extract_has(x, (ly_slot)rule->lacks)) &&
            (!rule->language || ly_str_eqc(language, rule->language)))
            return rule->mode;
    }
    return LY_USAGE_IN_INCLUSIVE | LY_USAGE_OUT_INCLUSIVE;
}

static int64_t write_total(const ly_extract *x)
{
    const int64_t all = ly_extract_num(x, S_CACHE_WRITE);
    const int64_t m5 = ly_extract_num(x, S_CACHE_WRITE_5M),
                  h1 = ly_extract_num(x, S_CACHE_WRITE_1H);
    if (all != LY_UNKNOWN || (m5 == LY_UNKNOWN && h1 == LY_UNKNOWN))
        return all;
    return (m5 == LY_UNKNOWN ? 0 : m5) + (h1 == LY_UNKNOWN ? 0 : h1);
}

/* What Langfuse's object of counts says by the providers' own names. */
static int64_t tool_uses(const ly_extract *x, ly_slot slot, ly_val object, const char *names)
{
    int64_t n;
    const ly_val inner = ly_val_get(object, "server_tool_use");
    if (ly_extract_has(x, slot))
        return ly_extract_num(x, slot);
    const bool said =
        ly_val_i64(ly_val_pick(object, names), &n) || ly_val_i64(ly_val_pick(inner, names), &n);
    return said && n >= 0 && n <= 1000000 ? n : LY_UNKNOWN;
}

static void set_tool_uses(const ly_extract *x, ly_tokens *ret)
{
    const ly_val object = ly_extract_has(x, S_BUCKETS)
                              ? ly_val_open(ly_val_any(x->value[S_BUCKETS].any), x->arena)
                              : LY_IS_ABSENT;
    ret->web_searches =
        tool_uses(x, S_WEB_SEARCHES, object,
                  "web_search_requests|web_searches|server_tool_use.web_search_requests|"
                  "server_tool_use_web_search_requests|num_search_queries");
    ret->code_executions = tool_uses(x, S_CODE_EXECUTIONS, object,
                                     "code_execution_requests|code_executions|"
                                     "server_tool_use.code_execution_requests|"
                                     "server_tool_use_code_execution_requests");
}

/* Counts of this rank and above stand in content: the provider's answer, which any function may hand on. */
enum { RANK_CONTENT_COUNT = 70 };

static bool is_call(const ly_extract *x)
{
    const int64_t type = ly_extract_num(x, S_TYPE);
    return type == LY_TYPE_GENERATION || type == LY_TYPE_EMBEDDING || type == LY_TYPE_RERANK;
}

static void set_tokens(const ly_extract *x, const ly_span *span, const ly_dialect *dialect,
                       ly_canon *c, bool *ret_rejected)
{
    const ly_reported reported = {
        .in = ly_extract_num(x, S_IN),
        .out = ly_extract_num(x, S_OUT),
        .total = ly_extract_num(x, S_TOTAL),
        .cache_read = ly_extract_num(x, S_CACHE_READ),
        .cache_write = write_total(x),
        .cache_write_1h = ly_extract_num(x, S_CACHE_WRITE_1H),
        .reasoning = ly_extract_num(x, S_REASONING),
        .tool_prompt = ly_extract_num(x, S_TOOL_PROMPT),
        .in_no_cache = ly_extract_num(x, S_IN_NO_CACHE),
        .out_text = ly_extract_num(x, S_OUT_TEXT),
    };
    c->tokens = LY_TOKENS_UNKNOWN;
    if (x->rank[S_IN] >= RANK_CONTENT_COUNT && !is_call(x))
        return; /* somebody's answer, passed on */
    if (ly_extract_has(x, S_BUCKETS)) {
        c->usage_mode = ly_buckets_usage(ly_val_open(ly_val_any(x->value[S_BUCKETS].any), x->arena),
                                         &c->tokens, ret_rejected);
        if (c->usage_mode)
            return;
    }
    if (reported.in == LY_UNKNOWN && reported.out == LY_UNKNOWN && reported.total == LY_UNKNOWN &&
        reported.in_no_cache == LY_UNKNOWN && reported.out_text == LY_UNKNOWN)
        return; /* a count of parts without its whole says nothing that can be added */
    const unsigned mode = mode_matters(&reported) ? table_mode(x, span, dialect, c)
                                                  : LY_USAGE_IN_INCLUSIVE | LY_USAGE_OUT_INCLUSIVE;
    c->usage_mode = ly_usage_buckets(&reported, mode, &c->tokens);
    c->tokens.in_audio = ly_extract_num(x, S_IN_AUDIO);
    c->tokens.in_image = ly_extract_num(x, S_IN_IMAGE);
    c->tokens.cache_read_audio = ly_extract_num(x, S_CACHE_READ_AUDIO);
    c->tokens.out_audio = ly_extract_num(x, S_OUT_AUDIO);
    c->tokens.out_image = ly_extract_num(x, S_OUT_IMAGE);
}

static void read_cost(const ly_extract *x, ly_canon *c)
{
    c->client_cost_pico = LY_UNKNOWN;
    c->client_cost_source = LY_COST_NONE;
    if (ly_extract_has(x, S_COST_BUCKETS)) {
        c->client_cost_pico =
            ly_buckets_cost(ly_val_open(ly_val_any(x->value[S_COST_BUCKETS].any), x->arena));
        if (c->client_cost_pico != LY_UNKNOWN) {
            c->client_cost_source = LY_COST_LANGFUSE;
            return;
        }
    }
    const int64_t prompt = ly_extract_num(x, S_COST_PARTS);
    const int64_t completion = ly_extract_num(x, S_COST_PARTS2);
    const bool parts = prompt != LY_UNKNOWN || completion != LY_UNKNOWN;
    if (ly_extract_has(x, S_COST) && (!parts || x->rank[S_COST] <= LY_COST_OPENINFERENCE)) {
        c->client_cost_pico = x->value[S_COST].num;
        c->client_cost_source = (ly_cost_source)x->rank[S_COST];
    } else if (parts) {
        c->client_cost_pico =
            (prompt == LY_UNKNOWN ? 0 : prompt) + (completion == LY_UNKNOWN ? 0 : completion);
        c->client_cost_source = LY_COST_OPENINFERENCE;
    }
}

/* No call costs so much: a unit was mistaken, and two such amounts would not fit into one sum. */
#define COST_MOST_PICO (100000 * 1000000000000LL)

static void set_cost(const ly_extract *x, ly_canon *c)
{
    read_cost(x, c);
    if (c->client_cost_pico > COST_MOST_PICO) {
        c->client_cost_pico = LY_UNKNOWN;
        c->client_cost_source = LY_COST_NONE;
    }
}

/* An embedding has no output; a zero that a client sends for it is not a count. */
static void fix_embedding(ly_canon *c)
{
    if (c->type != LY_TYPE_EMBEDDING && c->type != LY_TYPE_RERANK)
        return;
    if (c->tokens.out_visible == 0 || c->type == LY_TYPE_EMBEDDING)
        c->tokens.out_visible = LY_UNKNOWN;
    if (c->tokens.out_reasoning == 0 || c->type == LY_TYPE_EMBEDDING)
        c->tokens.out_reasoning = LY_UNKNOWN;
    if (c->type == LY_TYPE_EMBEDDING && c->tokens.in_fresh == LY_UNKNOWN &&
        c->tokens.unattributed != LY_UNKNOWN) {
        c->tokens.in_fresh = c->tokens.unattributed; /* all of an embedding's tokens are input */
        c->tokens.unattributed = LY_UNKNOWN;
    }
}

/* ---- the rest --------------------------------------------------------------------------------- */

static void set_named_model(const ly_extract *x, ly_canon *c)
{
    const int64_t type = ly_extract_num(x, S_TYPE);
    if (!ly_extract_has(x, S_NAMED_MODEL) || c->request_model.len ||
        (type != LY_TYPE_GENERATION && type != LY_TYPE_EMBEDDING && type != LY_TYPE_RERANK))
        return;
    const ly_str name = ly_extract_text(x, S_NAMED_MODEL);
    const size_t slash = ly_str_find_char(name, '/', 0);
    c->request_model = slash == SIZE_MAX ? name : ly_str_sub(name, slash + 1, name.len);
    if (slash != SIZE_MAX && !c->provider.len)
        c->provider = ly_genai_provider(ly_str_sub(name, 0, slash), x->arena);
}

/* "anthropic/claude-sonnet-4-5" of Anthropic → "claude-sonnet-4-5" */
static ly_str without_vendor(ly_str model, ly_str provider, ly_arena *arena)
{
    const size_t slash = ly_str_find_char(model, '/', 0);
    if (slash == SIZE_MAX || slash == 0 || slash + 1 == model.len)
        return model;
    const ly_str vendor = ly_genai_provider(ly_str_sub(model, 0, slash), arena);
    return !provider.len || ly_str_eq(vendor, provider) ? ly_str_sub(model, slash + 1, model.len)
                                                        : model;
}

static void set_models(const ly_extract *x, const ly_dialect *dialect, ly_canon *c)
{
    c->request_model = ly_extract_text(x, S_REQUEST_MODEL);
    c->response_model = ly_extract_text(x, S_RESPONSE_MODEL);
    c->provider = ly_extract_text(x, S_PROVIDER);
    set_named_model(x, c);
    if (dialect->flags & LY_DIALECT_VENDOR_MODEL) {
        c->request_model = without_vendor(c->request_model, c->provider, x->arena);
        c->response_model = without_vendor(c->response_model, c->provider, x->arena);
    }
    /* Some frameworks give their service's name for a provider. */
    if (c->provider.len && c->service.len && ly_str_eq_nocase(c->provider, c->service) &&
        ly_canon_model(c).len)
        c->provider = LY_STR_NONE;
    if (!c->provider.len)
        c->provider = ly_genai_provider_of_model(ly_canon_model(c));
}

static ly_str after_prefix(ly_str s, const char *prefix)
{
    const ly_str p = ly_str_c(prefix);
    return ly_str_starts(s, p) ? ly_str_trim(ly_str_sub(s, p.len, s.len)) : s;
}

static ly_str entity_name(const ly_span *span)
{
    const ly_any *any = ly_attrs_get(&span->attrs, LY_S("traceloop.entity.name"));
    return any && any->kind == LY_ANY_STRING ? any->str : LY_STR_NONE;
}

static void set_names(const ly_extract *x, const ly_span *span, const ly_dialect *dialect,
                      ly_canon *c)
{
    c->agent_name = ly_extract_text(x, S_AGENT_NAME);
    c->tool_name = ly_extract_text(x, S_TOOL_NAME);
    c->tool_call_id = ly_extract_text(x, S_TOOL_CALL_ID);
    if (c->type == LY_TYPE_TOOL && !c->tool_name.len)
        c->tool_name = ly_extract_text(x, S_TOOL_SAID);
    if (c->type == LY_TYPE_TOOL && !c->tool_name.len)
        c->tool_name = entity_name(span);
    if (c->type == LY_TYPE_TOOL && !c->tool_name.len)
        c->tool_name = after_prefix(span->name, "execute_tool");
    if (c->type == LY_TYPE_AGENT && !c->agent_name.len)
        c->agent_name = entity_name(span);
    if (c->type == LY_TYPE_AGENT && !c->agent_name.len && dialect->scopes[0])
        c->agent_name = after_prefix(after_prefix(span->name, "invoke_agent"), "agent_run");
    if (!(dialect->flags & LY_DIALECT_NO_PROMPT_NAME)) {
        c->prompt_name = ly_extract_text(x, S_PROMPT_NAME);
        c->prompt_version = ly_extract_text(x, S_PROMPT_VERSION);
    }
    c->trace_name = ly_extract_text(x, S_TRACE_NAME);
}

static void set_owner(const ly_extract *x, ly_str session, ly_str user, ly_canon *c)
{
    c->session = ly_extract_has(x, S_SESSION) ? ly_extract_text(x, S_SESSION) : session;
    c->user = ly_extract_has(x, S_USER) ? ly_extract_text(x, S_USER) : user;
    if (ly_extract_has(x, S_ENV))
        c->env = ly_extract_text(x, S_ENV);
    if (ly_extract_has(x, S_RELEASE))
        c->release = ly_extract_text(x, S_RELEASE);
    c->n_tags = ly_extract_list(x, S_TAGS, &c->tags);
    ly_origin origin;
    if (ly_origin_parse(ly_extract_text(x, S_ORIGIN), &origin))
        c->origin = origin;
}

static int64_t event_time(const ly_span *span, const char *const *names, size_t n)
{
    for (size_t i = 0; i < span->n_events; i++) {
        for (size_t k = 0; k < n; k++) {
            if (ly_str_eqc(span->events[i].name, names[k]))
                return (int64_t)(span->events[i].time_ns & INT64_MAX);
        }
    }
    return LY_UNKNOWN;
}

/* §4.8: negative ones and those past the span's end are no measurements. */
static void set_ttft(const ly_extract *x, const ly_span *span, ly_canon *c)
{
    int64_t ttft = ly_extract_num(x, S_TTFT);
    if (ttft == LY_UNKNOWN) {
        int64_t at = span->n_events
                         ? event_time(span, ly_first_token_events, ly_first_token_events_n)
                         : LY_UNKNOWN;
        if (at == LY_UNKNOWN)
            at = ly_extract_num(x, S_FIRST_AT);
        if (at != LY_UNKNOWN)
            ttft = at - (int64_t)(span->start_ns & INT64_MAX);
    }
    const bool ended = span->end_ns > span->start_ns;
    if (ttft == LY_UNKNOWN || ttft < 0 || (ended && (uint64_t)ttft > span->end_ns - span->start_ns))
        ttft = LY_UNKNOWN;
    c->ttft_ns = ttft;
}

static ly_str event_text(const ly_event *event, ly_str key)
{
    const ly_any *any = ly_attrs_get(&event->attrs, key);
    return any && any->kind == LY_ANY_STRING ? any->str : LY_STR_NONE;
}

static void set_error(const ly_extract *x, const ly_span *span, ly_canon *c)
{
    const bool level = ly_str_eq_nocase(ly_extract_text(x, S_LEVEL), LY_S("error"));
    const bool failed = ly_extract_has(x, S_SUCCESS) && x->value[S_SUCCESS].num == 0;
    const bool typed = ly_extract_has(x, S_ERROR_TYPE) && span->status_code != LY_CODE_OK;
    c->error = span->status_code == LY_CODE_ERROR || level || failed || typed;
    if (!c->error)
        return;
    c->error_type = ly_extract_text(x, S_ERROR_TYPE);
    c->error_message =
        span->status_message.len ? span->status_message : ly_extract_text(x, S_ERROR_MESSAGE);
    for (size_t i = span->n_events; i-- > 0;) {
        if (!ly_str_eqc(span->events[i].name, "exception"))
            continue;
        if (!c->error_type.len)
            c->error_type = event_text(&span->events[i], LY_S("exception.type"));
        if (!c->error_message.len)
            c->error_message = event_text(&span->events[i], LY_S("exception.message"));
        break;
    }
}

static void set_finish(const ly_extract *x, ly_canon *c)
{
    ly_str first = ly_extract_text(x, S_FINISH);
    if (ly_extract_has(x, S_FINISH) && x->value[S_FINISH].any && !first.len) {
        const ly_str *items;
        if (ly_extract_list(x, S_FINISH, &items) > 0)
            first = items[0];
    }
    if (first.len)
        c->finish_reason = ly_genai_finish(first, x->arena);
}

static void see_events(const ly_span *span, ly_arena *arena, ly_canon *c)
{
    for (size_t i = 0; i < span->n_events; i++) {
        const ly_str name = span->events[i].name;
        if (!ly_str_starts(name, LY_S("gen_ai.")))
            continue;
        if (ly_str_eqc(name, "gen_ai.choice") || ly_str_eqc(name, "gen_ai.content.completion"))
            c->has_output = true;
        if (ly_str_eqc(name, "gen_ai.choice") && !c->finish_reason.len)
            c->finish_reason =
                ly_genai_finish(event_text(&span->events[i], LY_S("finish_reason")), arena);
        if (ly_str_eqc(name, "gen_ai.client.inference.operation.details")) {
            c->has_input |=
                ly_attrs_get(&span->events[i].attrs, LY_S("gen_ai.input.messages")) != NULL;
            c->has_output |=
                ly_attrs_get(&span->events[i].attrs, LY_S("gen_ai.output.messages")) != NULL;
        } else if (ly_str_ends(name, LY_S(".message")) || ly_str_eqc(name, "gen_ai.content.prompt"))
            c->has_input = true;
    }
}

static void set_content(const ly_extract *x, const ly_span *span, ly_canon *c)
{
    c->has_input = ly_extract_has(x, S_CHAT_IN) || ly_extract_has(x, S_SPAN_IN) ||
                   ly_extract_has(x, S_TOOL_IN) || ly_extract_has(x, S_EMBED_IN);
    c->has_output = ly_extract_has(x, S_CHAT_OUT) || ly_extract_has(x, S_SPAN_OUT);
    if (span->n_events)
        see_events(span, x->arena, c);
    c->withheld = x->withheld || ly_extract_num(x, S_WITHHELD) == 1;
}

static ly_status fill(ly_extract *x, const ly_span *span, ly_canon *c)
{
    const ly_dialect *dialect = ly_dialect_of(x, span->scope ? span->scope->name : LY_STR_NONE);
    ly_str session = LY_STR_NONE, user = LY_STR_NONE;
    c->rules_version = LY_RULES_VERSION;
    c->dialect = dialect->name;
    read_resource(span->resource, c, &session, &user);
    set_models(x, dialect, c);
    bool rejected = x->rejected;
    set_tokens(x, span, dialect, c, &rejected);
    if (ly_tokens_known(&c->tokens))
        set_tool_uses(x, &c->tokens);
    if (ly_tokens_known(&c->tokens))
        ly_genai_tool_uses(span, c->response_model.len ? c->response_model : c->request_model,
                           x->arena, &c->tokens);
    set_cost(x, c);
    const int8_t role = set_type(x, span, dialect, c);
    fix_embedding(c);
    c->role = role_of(c, role);
    c->operation = ly_extract_text(x, S_OPERATION);
    c->response_id = ly_extract_text(x, S_RESPONSE_ID);
    c->service_tier = ly_extract_text(x, S_SERVICE_TIER);
    c->server_address = ly_extract_text(x, S_SERVER_ADDRESS);
    c->server_port = ly_extract_num(x, S_SERVER_PORT);
    set_owner(x, session, user, c);
    set_names(x, span, dialect, c);
    set_finish(x, c);
    set_ttft(x, span, c);
    set_error(x, span, c);
    set_content(x, span, c);
    c->streaming = ly_extract_num(x, S_STREAMING) == 1 || c->ttft_ns != LY_UNKNOWN;
    c->pending = ly_extract_num(x, S_PENDING) == 1;
    const int64_t attempt = ly_extract_num(x, S_ATTEMPT);
    c->attempt = attempt > 0 && attempt < 100000 ? (int32_t)attempt : 0;
    if (rejected)
        c->usage_mode |= LY_USAGE_REJECTED;
    if (c->role == LY_ROLE_LEAF && !ly_tokens_known(&c->tokens) && span->attrs.dropped > 0)
        c->usage_mode |= LY_USAGE_MAYBE_LOST;
    return LY_OK;
}

ly_status ly_genai_normalise(const ly_span *span, ly_arena *arena, ly_canon *ret)
{
    ly_extract x;
    *ret = (ly_canon){.ttft_ns = LY_UNKNOWN, .server_port = LY_UNKNOWN};
    ly_extract_init(&x, arena);
    ly_extract_attrs(&x, &span->attrs);
    ly_extract_docs(&x);
    return fill(&x, span, ret);
}
