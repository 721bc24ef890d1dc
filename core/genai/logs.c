#include "genai/logs.h"

#include "genai/extract.h"
#include "genai/normalise.h"

/* Event name → meaning. Ranks order the events that describe one call (§4.6): a lower one has the say. */
static const struct {
    const char *event; /* "x*" = starts with */
    uint8_t kind, rank;
    const char *only_key, *only_value; /* an attribute that must have this value */
} events[] = {
    {"gen_ai.client.inference.operation.details", LY_LOG_CALL, 1, NULL, NULL},
    {"gen_ai.evaluation.result", LY_LOG_SCORE, 0, NULL, NULL},
    {"gen_ai.client.operation.exception", LY_LOG_EXCEPTION, 0, NULL, NULL},
    {"gen_ai.system.message", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"gen_ai.user.message", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"gen_ai.assistant.message", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"gen_ai.tool.message", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"gen_ai.choice", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"claude_code.api_request", LY_LOG_CALL, 2, NULL, NULL},
    {"claude_code.api_error", LY_LOG_EXCEPTION, 0, NULL, NULL},
    {"claude_code.user_prompt", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"claude_code.assistant_response", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"claude_code.tool_result", LY_LOG_TOOL, 0, NULL, NULL},
    {"claude_code.*", LY_LOG_EVENT, 0, NULL, NULL},
    {"codex.sse_event", LY_LOG_CALL, 2, "event.kind", "response.completed"},
    {"codex.websocket_event", LY_LOG_CALL, 2, "event.kind", "response.completed"},
    {"codex.api_request", LY_LOG_EVENT, 0, NULL, NULL},
    {"codex.user_prompt", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"codex.tool_result", LY_LOG_TOOL, 0, NULL, NULL},
    {"codex.*", LY_LOG_EVENT, 0, NULL, NULL},
    {"gemini_cli.api_response", LY_LOG_CALL, 2, NULL, NULL},
    {"gemini_cli.api_error", LY_LOG_EXCEPTION, 0, NULL, NULL},
    {"gemini_cli.api_request", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"gemini_cli.user_prompt", LY_LOG_MESSAGE, 0, NULL, NULL},
    {"gemini_cli.tool_call", LY_LOG_TOOL, 0, NULL, NULL},
    {"gemini_cli.*", LY_LOG_EVENT, 0, NULL, NULL},
    {"gen_ai.*", LY_LOG_EVENT, 0, NULL, NULL},
};

static ly_str attr_str(const ly_attrs *attrs, const char *key)
{
    const ly_any *any = ly_attrs_get(attrs, ly_str_c(key));
    return any && any->kind == LY_ANY_STRING ? any->str : LY_STR_NONE;
}

/* Some clients put only the last part in event.name and the whole in the body, some the other way. */
static ly_str event_name(const ly_log_record *log, ly_arena *arena)
{
    ly_str name = log->event_name;
    const ly_str attr = attr_str(&log->attrs, "event.name");
    /* Rust's bridge puts "event FILE:LINE" into the field, whatever the attribute says. */
    if (attr.len && (name.len == 0 || ly_str_find_char(name, ' ', 0) != SIZE_MAX))
        name = attr;
    const ly_str body = log->body.kind == LY_ANY_STRING ? log->body.str : LY_STR_NONE;
    static const char *const families[] = {"claude_code.", "codex.", "gemini_cli."};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const ly_str family = ly_str_c(families[i]);
        if (ly_str_starts(name, family))
            return name;
        if (ly_str_starts(body, family) && ly_str_find_char(body, ' ', 0) == SIZE_MAX)
            return body;
    }
    const ly_str scope = log->scope ? log->scope->name : LY_STR_NONE;
    if (name.len && ly_str_starts(scope, LY_S("com.anthropic.claude_code")))
        return ly_arena_fmt(arena, "claude_code.%.*s", LY_STR_ARG(name));
    return name;
}

static bool name_fits(const char *pattern, ly_str name)
{
    const ly_str p = ly_str_c(pattern);
    if (p.len && p.ptr[p.len - 1] == '*')
        return ly_str_starts(name, ly_str_sub(p, 0, p.len - 1));
    return ly_str_eq(p, name);
}

static void classify(const ly_log_record *log, ly_log_info *info)
{
    for (size_t i = 0; info->event.len && i < sizeof events / sizeof *events; i++) {
        if (!name_fits(events[i].event, info->event))
            continue;
        if (events[i].only_key &&
            !ly_str_eqc(attr_str(&log->attrs, events[i].only_key), events[i].only_value))
            continue;
        info->kind = (ly_log_kind)events[i].kind;
        info->rank = events[i].rank;
        return;
    }
}

static void read_times(const ly_log_record *log, ly_log_info *info)
{
    const uint64_t at = log->time_ns ? log->time_ns : log->observed_ns;
    int64_t ms;
    info->end_ns = (int64_t)(at & INT64_MAX);
    info->start_ns = info->end_ns;
    if (ly_val_i64(ly_val_attr(&log->attrs, "duration_ms"), &ms) && ms > 0 &&
        ms < info->end_ns / 1000000)
        info->start_ns -= ms * 1000000;
}

static void read_score(const ly_log_record *log, ly_arena *arena, ly_log_info *info)
{
    const ly_attrs *a = &log->attrs;
    info->score_name = ly_val_words(ly_val_attr(a, "gen_ai.evaluation.name"), arena);
    info->score_label = ly_val_words(ly_val_attr(a, "gen_ai.evaluation.score.label"), arena);
    info->score_reason = ly_val_words(ly_val_attr(a, "gen_ai.evaluation.explanation"), arena);
    info->score_error = ly_val_words(ly_val_attr(a, "error.type"), arena);
    info->score_target = ly_val_words(ly_val_attr(a, "gen_ai.response.id"), arena);
    info->has_score_value =
        ly_val_real(ly_val_attr(a, "gen_ai.evaluation.score.value"), &info->score_value);
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return (h ^ 0xFF) * 0x100000001b3u; /* ends the field, so that "ab","c" is not "a","bc" */
}

static uint64_t mix_str(uint64_t h, ly_str s)
{
    return s.len ? mix(h, s.ptr, s.len) : mix(h, "", 0);
}

/* FNV-1a alone leaves the low bits of short inputs alike. */
static uint64_t finish(uint64_t h)
{
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCDu;
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53u;
    h ^= h >> 33;
    return h ? h : 1;
}

#define SEED(tag) mix(0xcbf29ce484222325u, tag, sizeof(tag) - 1)

static uint64_t span_key(ly_trace_id trace, ly_span_id span)
{
    return finish(mix(mix(SEED("span"), trace.b, sizeof trace.b), span.b, sizeof span.b));
}

static uint64_t id_key(ly_str id)
{
    return finish(mix_str(SEED("id"), id));
}

/* The counts as the client reported them, whatever they include: both sides of one client report alike. */
static void reported(const ly_canon *c, int64_t *ret_in, int64_t *ret_out)
{
    *ret_in = c->usage_mode & LY_USAGE_IN_EXCLUSIVE ? c->tokens.in_fresh : ly_tokens_in(&c->tokens);
    *ret_out =
        c->usage_mode & LY_USAGE_OUT_EXCLUSIVE ? c->tokens.out_visible : ly_tokens_out(&c->tokens);
}

static uint64_t call_key(const ly_canon *c)
{
    int64_t counts[2];
    reported(c, &counts[0], &counts[1]);
    if (!c->session.len || counts[0] == LY_UNKNOWN || counts[1] == LY_UNKNOWN)
        return 0;
    uint64_t h = mix_str(SEED("call"), c->session);
    h = mix_str(h, c->request_model.len ? c->request_model : c->response_model);
    return finish(mix(h, counts, sizeof counts));
}

/* About a minute. A log is written when the answer is complete, its span ends in the same minute or in the
 * next. */
static int64_t minute_of(int64_t at_ns)
{
    return at_ns >> 36;
}

/* A call of which neither session nor id is on both sides (Codex's spans have neither): the same counts of
 * one service at one time. */
static uint64_t time_key(const ly_canon *c, int64_t minute)
{
    int64_t numbers[3] = {0, 0, minute};
    reported(c, &numbers[0], &numbers[1]);
    if (numbers[0] == LY_UNKNOWN || numbers[1] == LY_UNKNOWN || !ly_genai_logs_apart(c))
        return 0;
    return finish(mix(mix_str(SEED("time"), c->service), numbers, sizeof numbers));
}

static size_t add_key(uint64_t *keys, size_t n, uint64_t key)
{
    if (key == 0 || n == LY_JOIN_KEYS)
        return n;
    keys[n] = key;
    return n + 1;
}

size_t ly_genai_log_keys(const ly_log_record *log, const ly_log_info *info,
                         uint64_t ret_keys[LY_JOIN_KEYS])
{
    size_t n = 0;
    if (log->has_trace_id && log->has_span_id)
        n = add_key(ret_keys, n, span_key(log->trace_id, log->span_id));
    if (info->kind == LY_LOG_SCORE && info->score_target.len)
        n = add_key(ret_keys, n, id_key(info->score_target));
    else if (info->canon.response_id.len)
        n = add_key(ret_keys, n, id_key(info->canon.response_id));
    if (info->kind == LY_LOG_CALL)
        n = add_key(ret_keys, n, call_key(&info->canon));
    if (info->kind == LY_LOG_CALL && !log->has_trace_id && !info->canon.response_id.len) {
        n = add_key(ret_keys, n, time_key(&info->canon, minute_of(info->end_ns)));
        n = add_key(ret_keys, n, time_key(&info->canon, minute_of(info->end_ns) + 1));
    }
    return n;
}

size_t ly_genai_span_keys(const ly_span *span, const ly_canon *canon,
                          uint64_t ret_keys[LY_JOIN_KEYS])
{
    size_t n = add_key(ret_keys, 0, span_key(span->trace_id, span->span_id));
    if (canon->response_id.len)
        n = add_key(ret_keys, n, id_key(canon->response_id));
    if (canon->role == LY_ROLE_LEAF)
        n = add_key(ret_keys, n, call_key(canon));
    if (canon->role == LY_ROLE_LEAF && !canon->response_id.len && !canon->session.len)
        n = add_key(ret_keys, n, time_key(canon, minute_of((int64_t)(span->end_ns & INT64_MAX))));
    return n;
}

static void put_u64(uint8_t *dst, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        dst[i] = (uint8_t)(v >> (56 - 8 * i));
}

static void place_leaf(const ly_log_record *log, ly_arena *arena, ly_log_info *info)
{
    const ly_canon *c = &info->canon;
    info->makes_leaf = info->kind == LY_LOG_CALL && info->has_usage;
    if (!info->makes_leaf)
        return;
    if (log->has_trace_id) {
        info->leaf_trace = log->trace_id;
        if (log->has_span_id)
            info->leaf_parent = log->span_id;
    } else {
        /* One trace for one prompt of a session: what the client would have traced. */
        uint64_t h = mix_str(mix_str(SEED("trace"), c->service), c->session);
        ly_str prompt = attr_str(&log->attrs, "prompt.id");
        if (!prompt.len)
            prompt = attr_str(&log->attrs, "prompt_id");
        h = mix_str(h, prompt);
        if (!c->session.len && !prompt.len)
            h = mix(h, &info->end_ns, sizeof info->end_ns);
        put_u64(info->leaf_trace.b, finish(h));
        put_u64(info->leaf_trace.b + 8, finish(h ^ 0x5bd1e995));
    }
    uint64_t id = SEED("leaf");
    if (c->response_id.len) {
        id = mix_str(id, c->response_id);
    } else {
        int64_t numbers[3];
        reported(c, &numbers[0], &numbers[1]);
        numbers[2] = info->end_ns;
        id = mix_str(mix_str(mix_str(id, c->service), info->event), ly_canon_model(c));
        id = mix(mix_str(id, c->session), numbers, sizeof numbers);
    }
    put_u64(info->leaf_span.b, finish(mix(id, info->leaf_trace.b, sizeof info->leaf_trace.b)));
    const ly_str model = ly_canon_model(c);
    info->leaf_name = model.len ? ly_arena_fmt(arena, "chat %.*s", LY_STR_ARG(model)) : info->event;
}

ly_status ly_genai_log(const ly_log_record *log, ly_arena *arena, ly_log_info *ret)
{
    *ret = (ly_log_info){.kind = LY_LOG_PLAIN};
    ret->event = event_name(log, arena);
    classify(log, ret);
    read_times(log, ret);
    const ly_span as_span = {.trace_id = log->trace_id,
                             .span_id = log->span_id,
                             .name = ret->event,
                             .start_ns = (uint64_t)ret->start_ns,
                             .end_ns = (uint64_t)ret->end_ns,
                             .attrs = log->attrs,
                             .resource = log->resource,
                             .scope = log->scope};
    const ly_status st = ly_genai_normalise(&as_span, arena, &ret->canon);
    ly_canon *c = &ret->canon;
    if (ret->kind == LY_LOG_CALL) {
        c->type = LY_TYPE_GENERATION;
        c->role = LY_ROLE_LEAF;
        c->usage_mode |= LY_USAGE_FROM_LOG;
        ret->has_usage = ly_tokens_known(&c->tokens);
        /* A response id is the call's name; without one Gemini CLI's prompt id is no such thing. */
    }
    if (ret->kind == LY_LOG_EXCEPTION) {
        c->error = true;
        if (!c->error_type.len)
            c->error_type = attr_str(&log->attrs, "error.type");
        if (!c->error_message.len)
            c->error_message = attr_str(&log->attrs, "error");
    }
    if (c->client_cost_source != LY_COST_NONE)
        c->client_cost_source = LY_COST_LOG;
    if (ret->kind == LY_LOG_SCORE)
        read_score(log, arena, ret);
    place_leaf(log, arena, ret);
    return st;
}

bool ly_genai_logs_apart(const ly_canon *canon)
{
    for (size_t i = 0; i < ly_dialects_n; i++) {
        if (strcmp(ly_dialects[i].name, canon->dialect) == 0)
            return (ly_dialects[i].flags & LY_DIALECT_LOGS_APART) != 0;
    }
    return false;
}

bool ly_genai_same_call(const ly_log_info *log, const ly_tree_node *span)
{
    static const int64_t apart_ns = 60 * (int64_t)1000000000;
    if (span->role != LY_ROLE_LEAF)
        return false;
    const uint64_t request = ly_tree_key(log->canon.request_model);
    const uint64_t response = ly_tree_key(log->canon.response_model);
    if (span->model_key && (request || response) && span->model_key != request &&
        span->model_key != response) {
        /* A dated name of the same model: the response id or span id has the say. */
        if (!span->response_key || span->response_key != ly_tree_key(log->canon.response_id))
            return false;
    }
    return log->end_ns >= span->start_ns - apart_ns && log->start_ns <= span->end_ns + apart_ns;
}

static bool take_str(ly_str *to, ly_str from)
{
    if (to->len || !from.len)
        return false;
    *to = from;
    return true;
}

static int known_buckets(const ly_tokens *t)
{
    const int64_t all[] = {t->in_fresh,    t->cache_read,    t->cache_write, t->cache_write_1h,
                           t->out_visible, t->out_reasoning, t->unattributed};
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        n += all[i] != LY_UNKNOWN;
    return n;
}

/* A log's counts in place of the span's; uses of tools that only the span told stay. */
static void put_tokens(ly_canon *c, const ly_log_info *log)
{
    const ly_tokens own = c->tokens;
    c->tokens = log->canon.tokens;
    if (c->tokens.web_searches == LY_UNKNOWN)
        c->tokens.web_searches = own.web_searches;
    if (c->tokens.code_executions == LY_UNKNOWN)
        c->tokens.code_executions = own.code_executions;
    if (c->tokens.file_searches == LY_UNKNOWN)
        c->tokens.file_searches = own.file_searches;
    c->usage_mode = log->canon.usage_mode | LY_USAGE_FROM_LOG;
}

static bool take_tokens(ly_canon *c, const ly_log_info *log)
{
    if (!log->has_usage)
        return false;
    if (!ly_tokens_known(&c->tokens)) {
        put_tokens(c, log);
        return true;
    }
    int64_t own[2], theirs[2];
    reported(c, &own[0], &own[1]);
    reported(&log->canon, &theirs[0], &theirs[1]);
    if (memcmp(own, theirs, sizeof own) != 0 ||
        known_buckets(&log->canon.tokens) <= known_buckets(&c->tokens))
        return false;
    /* The same counts, in finer parts: cache and reasoning that the span left out. */
    put_tokens(c, log);
    return true;
}

bool ly_genai_enrich(ly_canon *c, const ly_log_info *log)
{
    const ly_canon *from = &log->canon;
    bool changed = false;
    if (log->kind == LY_LOG_CALL) {
        changed |= take_tokens(c, log);
        if (c->client_cost_pico == LY_UNKNOWN && from->client_cost_pico != LY_UNKNOWN) {
            c->client_cost_pico = from->client_cost_pico;
            c->client_cost_source = LY_COST_LOG;
            changed = true;
        }
        if (c->ttft_ns == LY_UNKNOWN && from->ttft_ns != LY_UNKNOWN) {
            c->ttft_ns = from->ttft_ns;
            changed = true;
        }
        changed |= take_str(&c->provider, from->provider);
        changed |= take_str(&c->request_model, from->request_model);
        changed |= take_str(&c->response_model, from->response_model);
        changed |= take_str(&c->response_id, from->response_id);
        changed |= take_str(&c->finish_reason, from->finish_reason);
    }
    if (log->kind == LY_LOG_EXCEPTION && !c->error) {
        c->error = changed = true;
        c->error_type = from->error_type;
        c->error_message = from->error_message;
    }
    if ((log->kind == LY_LOG_MESSAGE || from->has_input) && !c->has_input &&
        !ly_str_eqc(log->event, "gen_ai.choice") &&
        !ly_str_ends(log->event, LY_S("assistant_response")))
        c->has_input = changed = true;
    if ((from->has_output || ly_str_eqc(log->event, "gen_ai.choice") ||
         ly_str_ends(log->event, LY_S("assistant_response"))) &&
        !c->has_output)
        c->has_output = changed = true;
    changed |= take_str(&c->session, from->session);
    changed |= take_str(&c->user, from->user);
    return changed;
}
