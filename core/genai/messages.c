/*
 * Where messages stand: attributes in the order of §3.5, flattened keys (flat.c), events and logs.
 */
#include "genai/messages.h"

#include <stdlib.h>

#include "base/limits.h"
#include "genai/flat.h"
#include "genai/normalise.h"
#include "genai/shapes.h"

const char *ly_part_kind_name(ly_part_kind kind)
{
    static const char *const names[] = {"text",        "reasoning", "tool_call",
                                        "tool_result", "media",     "other"};
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "other";
}

/* A source is an attribute; FLAT, EVENTS and LISTED stand for what is not one. They are tried from the top. */
#define PLAIN  '=' /* before a name: plain text, not opened even when it looks like JSON */
#define FLAT   "<flattened>"
#define EVENTS "<events>"
#define LISTED "<listed events>" /* the attribute "events": a JSON list of both directions */

static const char *const input_sources[] = {
    "gen_ai.input.messages",
    "langfuse.observation.input",
    FLAT,
    EVENTS,
    "ai.prompt.messages",
    "ai.prompt",
    "gcp.vertex.agent.llm_request",
    "mlflow.spanInputs",
    "gen_ai.prompt",
    "all_messages_events",
    LISTED,
    "pydantic_ai.all_messages",
    "request_data",
    "traceloop.entity.input",
    "lmnr.span.input",
    "langwatch.input",
    "genkit:input",
    "mastra.model_generation.input",
    "mastra.agent_run.input",
    "lk.chat_ctx",
    "lk.user_input",
    "braintrust.input_json",
    "braintrust.input",
    "confident.span.input",
    "agentops.entity.input",
    "agentops.agent.input",
    "agentops.workflow.input",
    "gen_ai.request.messages",
    "gen_ai.prompt_json",
    "llm.messages",
    "agent.messages",
    "input.value",
    "ai.value",
    "ai.values",
    "user_prompt",
    "prompt_text",
    "prompt",
    "input",
};

static const char *const output_sources[] = {
    "gen_ai.output.messages",
    "langfuse.observation.output",
    "=ai.response.text",
    FLAT,
    EVENTS,
    "ai.response.object",
    "gcp.vertex.agent.llm_response",
    "mlflow.spanOutputs",
    "gen_ai.completion",
    LISTED,
    "final_result",
    "response_data",
    "traceloop.entity.output",
    "lmnr.span.output",
    "langwatch.output",
    "genkit:output",
    "mastra.model_generation.output",
    "mastra.agent_run.output",
    "=lk.response.text",
    "braintrust.output_json",
    "braintrust.output",
    "confident.span.output",
    "agentops.entity.output",
    "agentops.agent.output",
    "agentops.workflow.output",
    "=gen_ai.response.text",
    "gen_ai.response.tool_calls",
    "gen_ai.completion_json",
    "output.value",
    "=response",
    "output",
};

static const char *const argument_sources[] = {
    "gen_ai.tool.call.arguments",
    "ai.toolCall.args",
    "tool_arguments",
    "gcp.vertex.agent.tool_call_args",
    "input.value",
    "gen_ai.tool.input",
    "braintrust.input_json",
    "braintrust.input",
    "confident.span.input",
    "agentops.tool.input",
    "agentops.entity.input",
    "input",
    "tool.parameters",
    "langfuse.observation.input",
    "mlflow.spanInputs",
    "traceloop.entity.input",
    "lmnr.span.input",
    "langwatch.input",
    "genkit:input",
    "mastra.tool_call.input",
    "lk.function_tool.arguments",
    "gen_ai.prompt",
    "tool_input",
    "full_command",
    "gen_ai.input.messages",
};

static const char *const result_sources[] = {
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
    "tool_response",
    "gcp.vertex.agent.tool_response",
    "output.value",
    "gen_ai.tool.output",
    "braintrust.output_json",
    "braintrust.output",
    "confident.span.output",
    "agentops.tool.output",
    "agentops.entity.output",
    "output",
    "langfuse.observation.output",
    "mlflow.spanOutputs",
    "traceloop.entity.output",
    "lmnr.span.output",
    "langwatch.output",
    "genkit:output",
    "mastra.tool_call.output",
    "lk.function_tool.output",
    "gen_ai.completion",
    "gen_ai.output.messages",
};

static const char *const query_sources[] = {
    "gen_ai.retrieval.query.text",
    "reranker.query",
    "gen_ai.memory.query.text",
    "db.query.text",
    "db.statement",
    "input.value",
    "langfuse.observation.input",
    "mlflow.spanInputs",
    "traceloop.entity.input",
    "lmnr.span.input",
    "langwatch.input",
    "genkit:input",
    "gen_ai.prompt",
    "confident.span.input",
    "input",
};

static const char *const document_sources[] = {
    "gen_ai.retrieval.documents",
    "gen_ai.memory.records",
    "langfuse.observation.output",
    "mlflow.spanOutputs",
    "traceloop.entity.output",
    "lmnr.span.output",
    "langwatch.contexts",
    "langwatch.rag_contexts",
    "langwatch.output",
    "genkit:output",
    "gen_ai.completion",
    "output.value",
    "confident.span.retrieval_context",
    "output",
};

static const char *const tool_sources[] = {
    "gen_ai.tool.definitions",
    "ai.prompt.tools",
    "mlflow.chat.tools",
    "llm.tools",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct source {
    const ly_span *span;
    const ly_log_record *const *logs;
    size_t n_logs;
    ly_reader *r;
} source;

/* ---- events ----------------------------------------------------------------------------------- */

typedef struct said {
    uint64_t time_ns;
    size_t order;
    ly_str name;
    const ly_attrs *attrs;
    const ly_any *body;
} said;

static int by_time(const void *a, const void *b)
{
    const said *x = (const said *)a, *y = (const said *)b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static size_t collect(const source *s, said **ret)
{
    const size_t most = s->span->n_events + s->n_logs;
    size_t n = 0;
    said *all = most ? LY_ARENA_ARRAY(s->r->arena, said, most) : NULL;
    if (!all)
        return 0;
    for (size_t i = 0; i < s->span->n_events; i++) {
        const ly_event *e = &s->span->events[i];
        all[n] = (said){e->time_ns, n, e->name, &e->attrs, NULL};
        n++;
    }
    for (size_t i = 0; i < s->n_logs; i++) {
        const ly_log_record *log = s->logs[i];
        ly_str name = log->event_name;
        const ly_any *attr = ly_attrs_get(&log->attrs, LY_S("event.name"));
        if ((!name.len || ly_str_find_char(name, ' ', 0) != SIZE_MAX) && attr &&
            attr->kind == LY_ANY_STRING)
            name = attr->str;
        all[n] = (said){log->time_ns ? log->time_ns : log->observed_ns, n, name, &log->attrs,
                        &log->body};
        n++;
    }
    qsort(all, n, sizeof *all, by_time);
    *ret = all;
    return n;
}

/* "gen_ai.user.message" → "user"; "" when it is no message event. */
static ly_str event_role(ly_str name)
{
    if (!ly_str_starts(name, LY_S("gen_ai.")) || !ly_str_ends(name, LY_S(".message")))
        return LY_STR_NONE;
    return ly_str_sub(name, 7, name.len - 7 - 8);
}

/* A message event has its content in the body (logs) or in attributes (span events). */
static ly_val event_value(const said *e, const char *attr)
{
    if (e->body && e->body->kind != LY_ANY_EMPTY)
        return ly_val_any(e->body);
    return ly_val_attr(e->attrs, attr);
}

static void event_message(source *s, const said *e, ly_str role, ly_msg_list *list)
{
    const ly_val body = event_value(e, "content");
    const ly_str word = ly_arena_copy(s->r->arena, role); /* ends in NUL, lives with the result */
    if (!word.ptr)
        return;
    const size_t before = list->n;
    ly_shape_messages(s->r, body, word.ptr, list);
    if (list->n == before + 1 && ly_str_eqc(role, "tool") && list->items[before].n_parts == 1 &&
        list->items[before].parts[0].kind == LY_PART_TEXT) {
        ly_part *part = (ly_part *)list->items[before].parts; /* our own array of this call */
        part->kind = LY_PART_TOOL_RESULT;
        part->tool_id = ly_val_words(ly_val_pick(body, "id|tool_call_id"), s->r->arena);
        if (!part->tool_id.len)
            part->tool_id = ly_val_words(ly_val_attr(e->attrs, "id"), s->r->arena);
    }
    const ly_val calls = ly_val_attr(e->attrs, "tool_calls");
    if (list->n == before && ly_val_given(calls))
        ly_shape_messages(s->r, calls, "assistant", list);
}

static void event_choice(source *s, const said *e, ly_msg_list *list)
{
    ly_val value = event_value(e, "message");
    const size_t before = list->n;
    if (!ly_val_given(value))
        value = ly_val_attr(e->attrs, "content");
    ly_shape_messages(s->r, value, "assistant", list);
    const ly_str finish = ly_val_words(ly_val_attr(e->attrs, "finish_reason"), s->r->arena);
    if (list->n > before && finish.len)
        list->items[list->n - 1].finish_reason = ly_genai_finish(finish, s->r->arena);
}

static bool from_attrs(ly_reader *r, const ly_attrs *attrs, const char *keys, const char *role,
                       ly_msg_list *list)
{
    ly_str rest = ly_str_c(keys), key;
    while (ly_str_split(&rest, '|', &key)) {
        char name[64];
        if (!ly_str_copy(key, name, sizeof name))
            continue;
        const size_t before = list->n;
        if (name[0] == PLAIN) {
            ly_part_list parts = {0};
            ly_shape_parts(r, ly_val_native(ly_attrs_get(attrs, ly_str_c(name + 1))), &parts);
            ly_shape_message_add(r, list, ly_str_c(role), &parts);
        } else {
            ly_shape_messages(r, ly_val_attr(attrs, name), role, list);
        }
        if (list->n > before)
            return true;
    }
    return false;
}

static void read_events(source *s, bool output, ly_msg_list *list)
{
    said *all = NULL;
    const size_t n = collect(s, &all);
    for (size_t i = 0; i < n; i++) {
        const said *e = &all[i];
        const ly_str role = event_role(e->name);
        if (role.len && !output)
            event_message(s, e, role, list);
        else if (ly_str_eqc(e->name, "gen_ai.choice") && output)
            event_choice(s, e, list);
        else if (ly_str_eqc(e->name, "gen_ai.content.prompt") && !output)
            from_attrs(s->r, e->attrs, "gen_ai.prompt", "user", list);
        else if (ly_str_eqc(e->name, "gen_ai.content.completion") && output)
            from_attrs(s->r, e->attrs, "gen_ai.completion", "assistant", list);
    }
    if (list->n)
        return;
    /* Some clients log each item of the output by itself. */
    for (size_t i = 0; output && i < n; i++)
        from_attrs(s->r, all[i].attrs, "gen_ai.output.messages", "assistant", list);
    /* Events that carry a whole direction; the last one is the fullest. */
    for (size_t i = n; i-- > 0 && list->n == 0;) {
        const said *e = &all[i];
        if (output)
            from_attrs(s->r, e->attrs, "=response|response_text", "assistant", list);
        else
            from_attrs(s->r, e->attrs,
                       "gen_ai.input.messages|request_text|prompt_text|prompt|user_prompt", "user",
                       list);
    }
}

/* The attribute "events": what the events of a call would have said; gen_ai.choice is the answer. */
static void read_listed(source *s, bool output, ly_msg_list *list)
{
    ly_val_iter it = ly_val_each(ly_val_attr(&s->span->attrs, "events"));
    ly_str key;
    ly_val event;
    while (ly_val_next(&it, &key, &event)) {
        const ly_str name = ly_val_words(ly_val_get(event, "event.name"), s->r->arena);
        if (ly_str_eqc(name, "gen_ai.choice") != output)
            continue;
        const ly_val message = ly_val_get(event, "message");
        const size_t before = list->n;
        ly_shape_messages(s->r, ly_val_given(message) ? message : event,
                          output ? "assistant" : "user", list);
        const ly_str finish = ly_val_words(ly_val_get(event, "finish_reason"), s->r->arena);
        if (list->n > before && finish.len)
            list->items[list->n - 1].finish_reason = ly_genai_finish(finish, s->r->arena);
    }
}

/* ---- directions ------------------------------------------------------------------------------- */

/* AI SDK: the answer is spread over attributes. */
static void add_ai_sdk_rest(source *s, ly_msg_list *list)
{
    const ly_attrs *a = &s->span->attrs;
    ly_part_list parts = {0};
    const ly_val reasoning = ly_val_attr(a, "ai.response.reasoning");
    const ly_val calls = ly_val_attr(a, "ai.response.toolCalls");
    if (!ly_val_given(reasoning) && !ly_val_given(calls))
        return;
    const ly_str thought = ly_val_words(reasoning, s->r->arena);
    if (thought.len) {
        ly_part *part = ly_reader_part(s->r, &parts);
        if (part)
            *part = (ly_part){.kind = LY_PART_REASONING, .text = thought};
    }
    for (size_t i = 0; list->n == 1 && i < list->items[0].n_parts; i++) {
        ly_part *part = ly_reader_part(s->r, &parts);
        if (part)
            *part = list->items[0].parts[i];
    }
    ly_msg_list of_calls = {0};
    ly_val_iter it = ly_val_each(calls);
    ly_str key;
    ly_val call;
    while (ly_val_next(&it, &key, &call)) {
        ly_part *part = ly_reader_part(s->r, &parts);
        if (!part)
            break;
        part->kind = LY_PART_TOOL_CALL;
        part->tool_name = ly_val_words(ly_val_pick(call, "toolName|name"), s->r->arena);
        part->tool_id = ly_val_words(ly_val_pick(call, "toolCallId|id"), s->r->arena);
        part->arguments = ly_val_words(ly_val_pick(call, "input|args"), s->r->arena);
        part->raw = ly_val_as_json(call, s->r->arena);
    }
    ly_shape_message_add(s->r, &of_calls, LY_S("assistant"), &parts);
    if (of_calls.n)
        *list = of_calls;
}

static void read_direction(source *s, const char *const *sources, size_t n, bool output,
                           ly_msg_list *list)
{
    const char *role = output ? "assistant" : "user";
    for (size_t i = 0; i < n && list->n == 0; i++) {
        if (strcmp(sources[i], FLAT) == 0)
            ly_flat_messages(s->r, &s->span->attrs, output, list);
        else if (strcmp(sources[i], EVENTS) == 0)
            read_events(s, output, list);
        else if (strcmp(sources[i], LISTED) == 0)
            read_listed(s, output, list);
        else
            from_attrs(s->r, &s->span->attrs, sources[i], role, list);
        if (output && strcmp(sources[i], "=ai.response.text") == 0)
            add_ai_sdk_rest(s, list);
    }
}

static ly_str first_words(source *s, const char *const *sources, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ly_val val = ly_val_attr(&s->span->attrs, sources[i]);
        if (!ly_val_given(val))
            continue;
        const ly_val plain = ly_shape_unwrap(s->r, val);
        const ly_str words = ly_val_words(plain.kind == LY_IS_STRING ? plain : val, s->r->arena);
        if (ly_shape_withheld(words))
            s->r->withheld = true;
        else if (words.len)
            return words;
    }
    return LY_STR_NONE;
}

/* {"query":"…"} and {"args":["…"]} → the words. */
static ly_str plain_query(source *s, ly_str text)
{
    const ly_val val = ly_val_json(text);
    if (val.kind != LY_IS_OBJECT && val.kind != LY_IS_ARRAY)
        return text;
    const ly_val args = ly_val_get(val, "args");
    ly_val words = ly_val_pick(val, "query|question|input|text|content|search_query");
    if (words.kind != LY_IS_STRING)
        words = ly_val_item(args, 0);
    if (words.kind != LY_IS_STRING)
        words = ly_val_pick(ly_val_get(val, "kwargs"), "query|question|text|input");
    const ly_str s2 = ly_val_str(words, s->r->arena);
    return s2.len ? s2 : text;
}

static void read_tool(source *s, ly_messages *ret)
{
    ret->tool_arguments = first_words(s, argument_sources, COUNT(argument_sources));
    ret->tool_result = first_words(s, result_sources, COUNT(result_sources));
    for (size_t i = 0; !ret->tool_result.len && i < s->span->n_events; i++) {
        const ly_event *e = &s->span->events[i];
        ret->tool_result = ly_val_words(ly_val_attr(&e->attrs, "output"), s->r->arena);
        const ly_str role = event_role(e->name);
        if (!ret->tool_result.len && ly_str_eqc(e->name, "gen_ai.choice"))
            ret->tool_result = ly_val_words(ly_val_attr(&e->attrs, "message"), s->r->arena);
        if (!ret->tool_arguments.len && ly_str_eqc(role, "tool"))
            ret->tool_arguments = ly_val_words(ly_val_attr(&e->attrs, "content"), s->r->arena);
    }
    for (size_t i = 0; i < s->n_logs; i++) {
        const ly_attrs *a = &s->logs[i]->attrs;
        if (!ret->tool_arguments.len)
            ret->tool_arguments = ly_val_words(ly_val_attr(a, "tool_input"), s->r->arena);
        if (!ret->tool_arguments.len)
            ret->tool_arguments = ly_val_words(ly_val_attr(a, "function_args"), s->r->arena);
        if (!ret->tool_arguments.len)
            ret->tool_arguments = ly_val_words(ly_val_attr(a, "arguments"), s->r->arena);
        if (!ret->tool_result.len)
            ret->tool_result = ly_val_words(ly_val_attr(a, "output"), s->r->arena);
    }
}

static void read_retrieval(source *s, ly_messages *ret)
{
    ret->query = plain_query(s, first_words(s, query_sources, COUNT(query_sources)));
    ly_flat_documents(s->r, &s->span->attrs);
    for (size_t i = 0; s->r->docs.n == 0 && i < s->span->n_events; i++) {
        if (ly_str_eqc(s->span->events[i].name, "db.query.result"))
            ly_flat_db_result(s->r, &s->span->events[i].attrs);
    }
    for (size_t i = 0; s->r->docs.n == 0 && i < COUNT(document_sources); i++) {
        const ly_val val = ly_val_attr(&s->span->attrs, document_sources[i]);
        if (val.kind == LY_IS_ARRAY || val.kind == LY_IS_OBJECT)
            ly_shape_docs(s->r, val);
    }
}

static void read_beside(source *s)
{
    const ly_attrs *a = &s->span->attrs;
    const ly_val system = ly_val_attr(a, "gen_ai.system_instructions");
    if (ly_val_given(system)) {
        s->r->system = (ly_part_list){0};
        ly_shape_parts(s->r, system, &s->r->system);
    }
    ly_tool_list from_request = s->r->tools;
    s->r->tools = (ly_tool_list){0};
    for (size_t i = 0; s->r->tools.n == 0 && i < COUNT(tool_sources); i++)
        ly_shape_tools(s->r, ly_val_attr(a, tool_sources[i]));
    if (s->r->tools.n == 0)
        ly_flat_tools(s->r, a);
    if (s->r->tools.n == 0)
        ly_shape_tools(s->r,
                       ly_val_get(ly_val_attr(a, "model_request_parameters"), "function_tools"));
    if (s->r->tools.n == 0)
        s->r->tools = from_request;
    for (size_t i = 0; i < s->n_logs; i++) {
        const ly_attrs *la = &s->logs[i]->attrs;
        if (s->r->system.n == 0)
            ly_shape_parts(s->r, ly_val_attr(la, "gen_ai.system_instructions"), &s->r->system);
        if (s->r->tools.n == 0)
            ly_shape_tools(s->r, ly_val_attr(la, "gen_ai.tool.definitions"));
    }
}

ly_status ly_genai_messages(const ly_span *span, const ly_log_record *const *logs, size_t n_logs,
                            ly_arena *arena, ly_messages *ret)
{
    ly_canon canon;
    ly_reader r = {.arena = arena};
    source s = {span, logs, logs ? n_logs : 0, &r};
    *ret = (ly_messages){0};
    (void)ly_genai_normalise(span, arena, &canon);
    switch (canon.type) {
    case LY_TYPE_TOOL:
        read_tool(&s, ret);
        break;
    case LY_TYPE_RETRIEVAL:
    case LY_TYPE_RERANK:
    case LY_TYPE_MEMORY:
        read_retrieval(&s, ret);
        break;
    default:
        read_direction(&s, input_sources, COUNT(input_sources), false, &r.input);
        if (canon.type != LY_TYPE_EMBEDDING) /* vectors are no message */
            read_direction(&s, output_sources, COUNT(output_sources), true, &r.output);
        read_beside(&s);
        break;
    }
    if (r.system.n) {
        ly_message *system = LY_ARENA_NEW(arena, ly_message);
        if (system) {
            *system = (ly_message){
                .role = LY_S("system"), .parts = r.system.items, .n_parts = r.system.n};
            ret->system = system;
            ret->n_system = 1;
        }
    }
    ret->input = r.input.items;
    ret->n_input = r.input.n;
    ret->output = r.output.items;
    ret->n_output = r.output.n;
    ret->tools = r.tools.items;
    ret->n_tools = r.tools.n;
    ret->documents = r.docs.items;
    ret->n_documents = r.docs.n;
    ret->truncated = r.truncated;
    ret->withheld = r.withheld || canon.withheld;
    return r.failed ? LY_E_NOMEM : LY_OK;
}

const char *ly_genai_why_no_content(const ly_span *span)
{
    ly_arena arena;
    ly_canon c;
    ly_arena_init(&arena, 0, LY_MIB(4));
    (void)ly_genai_normalise(span, &arena, &c);
    const char *why = NULL;
    const bool needs = c.type == LY_TYPE_GENERATION || c.type == LY_TYPE_AGENT ||
                       c.type == LY_TYPE_TOOL || c.type == LY_TYPE_RETRIEVAL;
    if (!needs || c.has_input || c.has_output)
        why = NULL;
    else if (c.withheld)
        why = "the client masked the content before sending it";
    else if (span->attrs.dropped > 0)
        why =
            "the client dropped attributes at its limit; set OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=4096";
    else if (strcmp(c.dialect, "lydite") == 0)
        why = "the program set no messages: liblydite's lydite_add_message and "
              "lydite_set_messages_json do, unless "
              "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=false turns content off";
    else if (strcmp(c.dialect, "claude_code") == 0)
        why = "Claude Code sends content only in logs; set OTEL_LOG_USER_PROMPTS=1 and "
              "OTEL_LOG_ASSISTANT_RESPONSES=1";
    else if (strcmp(c.dialect, "gemini_cli") == 0)
        why = "set \"logPrompts\": true under telemetry in Gemini CLI's settings";
    else if (strcmp(c.dialect, "codex") == 0)
        why = "set log_user_prompt = true under [otel] in Codex's config.toml";
    else if (strncmp(c.dialect, "ai_sdk", 6) == 0)
        why = "set recordInputs and recordOutputs to true in experimental_telemetry";
    else if (strcmp(c.dialect, "traceloop") == 0)
        why = "set TRACELOOP_TRACE_CONTENT=true";
    else if (strcmp(c.dialect, "openinference") == 0)
        why = "unset OPENINFERENCE_HIDE_INPUTS and OPENINFERENCE_HIDE_OUTPUTS";
    else
        why = "the client sent no content; most need "
              "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true";
    ly_arena_release(&arena);
    return why;
}
