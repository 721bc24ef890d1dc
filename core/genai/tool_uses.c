/*
 * Uses of tools that a provider runs and charges one by one, counted in the answer itself where no
 * attribute counts them: the items of OpenAI's Responses ("web_search_call", "file_search_call",
 * "code_interpreter_call"), the server_tool_call parts of the OpenTelemetry message form, and the searches
 * of Gemini's grounding metadata ("webSearchQueries"; ai.google.dev/gemini-api/docs/google-search).
 *
 * Looked for only in text that has their names, so that other answers cost one search.
 */
#include "genai/tool_uses.h"

#include "genai/val.h"

#define CONTAINERS_MOST 16
#define USES_MOST       1000000

typedef struct tally {
    ly_arena *arena;
    int64_t web, file, code;
    ly_str containers[CONTAINERS_MOST];
    size_t n_containers;
    bool by_answer; /* searches are charged once an answer */
} tally;

static bool says(ly_val object, const char *name, const char *text, ly_arena *arena)
{
    return ly_str_eqc(ly_val_str(ly_val_get(object, name), arena), text);
}

/* Only a search is charged: opening a page that it found and looking into that are actions, too. */
static void add_web(tally *t, ly_val item)
{
    const ly_val action = ly_val_get(ly_val_get(item, "action"), "type");
    t->web += !ly_val_given(action) || ly_str_eqc(ly_val_str(action, t->arena), "search");
}

/* A container is charged, not each run in it. */
static void add_code(tally *t, ly_val item)
{
    const ly_str id = ly_val_str(ly_val_get(item, "container_id"), t->arena);
    for (size_t i = 0; id.len && i < t->n_containers; i++)
        if (ly_str_eq(t->containers[i], id))
            return;
    if (id.len && t->n_containers < CONTAINERS_MOST)
        t->containers[t->n_containers++] = id;
    t->code++;
}

static void add_named(tally *t, ly_str name)
{
    if (ly_str_starts(name, LY_S("web_search")) || ly_str_starts(name, LY_S("google_search")))
        t->web++;
    else if (ly_str_starts(name, LY_S("file_search")))
        t->file++;
    else if (ly_str_starts(name, LY_S("code_interpreter")) ||
             ly_str_starts(name, LY_S("code_execution")))
        t->code++;
}

/* {"type":"server_tool_call","name":"web_search",...} of a message. */
static void add_parts(tally *t, ly_val parts)
{
    ly_val_iter each = ly_val_each(parts);
    ly_str key;
    ly_val part;
    while (ly_val_next(&each, &key, &part)) {
        if (!says(part, "type", "server_tool_call", t->arena))
            continue;
        const ly_val call = ly_val_get(part, "server_tool_call");
        const ly_str name = ly_val_str(ly_val_get(part, "name"), t->arena);
        add_named(t, name.len ? name : ly_val_str(ly_val_get(call, "type"), t->arena));
    }
}

static void add_items(tally *t, ly_val items)
{
    ly_val_iter each = ly_val_each(items);
    ly_str key;
    ly_val item;
    while (ly_val_next(&each, &key, &item)) {
        const ly_str type = ly_val_str(ly_val_get(item, "type"), t->arena);
        if (says(item, "status", "failed", t->arena))
            continue;
        if (ly_str_eqc(type, "web_search_call"))
            add_web(t, item);
        else if (ly_str_eqc(type, "google_search_call")) {
            const size_t n = ly_val_count(ly_val_at(item, "arguments.queries"));
            t->web += n > 0 && !t->by_answer ? (int64_t)n : 1;
        } else if (ly_str_eqc(type, "file_search_call"))
            t->file++;
        else if (ly_str_eqc(type, "code_interpreter_call"))
            add_code(t, item);
        else
            add_parts(t, ly_val_get(item, "parts"));
    }
}

#define QUERIES_MOST 256

/* Queries of one answer; each once, since the parts of a stream may repeat them. */
typedef struct queries {
    ly_str of[QUERIES_MOST];
    size_t n;
} queries;

static void add_queries(queries *q, ly_val list, ly_arena *arena)
{
    ly_val_iter each = ly_val_each(list);
    ly_str key;
    ly_val item;
    while (q->n < QUERIES_MOST && ly_val_next(&each, &key, &item)) {
        const ly_str query = ly_val_str(item, arena);
        bool known = query.len == 0; /* an empty one is not charged */
        for (size_t i = 0; !known && i < q->n; i++)
            known = ly_str_eq(q->of[i], query);
        if (!known)
            q->of[q->n++] = query;
    }
}

/* The list behind each `"webSearchQueries":` of the JSON. Inside of strings the quotes are escaped, so that
 * a text that speaks of it has none. */
static void find_queries(ly_str json, const char *name, ly_arena *arena, queries *q)
{
    const size_t len = strlen(name);
    for (size_t at = ly_str_find(json, ly_str_c(name), 0); at != SIZE_MAX;
         at = ly_str_find(json, ly_str_c(name), at + len)) {
        const ly_str colon = ly_str_trim(ly_str_sub(json, at + len, SIZE_MAX));
        if ((at > 0 && json.ptr[at - 1] == '\\') || colon.len == 0 || colon.ptr[0] != ':')
            continue;
        const ly_str list = ly_str_trim(ly_str_sub(colon, 1, SIZE_MAX));
        const size_t end = ly_val_skip(list, 0);
        if (end != SIZE_MAX)
            add_queries(q, ly_val_json(ly_str_sub(list, 0, end)), arena);
    }
}

/* Up to Gemini 2.5 a grounded answer is one use, however many queries it took. */
static bool charged_by_answer(ly_str model)
{
    const size_t at = ly_str_find(model, LY_S("gemini-"), 0);
    return at != SIZE_MAX && at + 7 < model.len &&
           (model.ptr[at + 7] == '1' || model.ptr[at + 7] == '2');
}

static int64_t count_grounding(const ly_any *value, ly_str model, ly_arena *arena)
{
    queries q = {.n = 0};
    if (value->kind != LY_ANY_STRING || ly_str_find(value->str, LY_S("ueries\""), 0) == SIZE_MAX)
        return 0; /* neither name */
    find_queries(value->str, "\"webSearchQueries\"", arena, &q);
    find_queries(value->str, "\"web_search_queries\"", arena, &q);
    return q.n && charged_by_answer(model) ? 1 : (int64_t)q.n;
}

static bool worth_reading(const ly_any *value)
{
    static const char *const marks[] = {"search_call", "code_interpreter_call", "server_tool_call"};
    if (value->kind != LY_ANY_STRING)
        return value->kind == LY_ANY_ARRAY;
    const size_t at = ly_str_find(value->str, LY_S("_call"), 0); /* what all of them hold */
    for (size_t i = 0; at != SIZE_MAX && i < LY_COUNT(marks); i++)
        if (ly_str_find(value->str, ly_str_c(marks[i]), 0) != SIZE_MAX)
            return true;
    return false;
}

/* Asked of every attribute of every span: the length decides, nearly always. */
static bool is_answer(ly_str key)
{
    static const ly_str keys[] = {
        {"output.value", 12},
        {"gen_ai.output.messages", 22},
        {"mlflow.spanOutputs", 18},
        {"lmnr.span.output", 16},
        {"langfuse.observation.output", 27},
        {"traceloop.entity.output", 23},
        {"ai.response.providerMetadata", 28},
        {"gcp.vertex.agent.llm_response", 29},
    };
    static const uint32_t lengths =
        1u << 12 | 1u << 16 | 1u << 18 | 1u << 22 | 1u << 23 | 1u << 27 | 1u << 28 | 1u << 29;
    if (key.len > 31 || (lengths >> key.len & 1) == 0)
        return false;
    for (size_t i = 0; i < LY_COUNT(keys); i++)
        if (key.len == keys[i].len && memcmp(key.ptr, keys[i].ptr, key.len) == 0)
            return true;
    return false;
}

static void put(int64_t *io_count, int64_t n)
{
    if (*io_count == LY_UNKNOWN && n > 0 && n <= USES_MOST)
        *io_count = n;
}

void ly_genai_tool_uses(const ly_span *span, ly_str model, ly_arena *arena, ly_tokens *io_tokens)
{
    for (size_t i = 0; i < span->attrs.n; i++) {
        const ly_kv *attr = &span->attrs.items[i];
        if (!is_answer(attr->key))
            continue;
        put(&io_tokens->web_searches, count_grounding(&attr->value, model, arena));
        if (!worth_reading(&attr->value))
            continue;
        tally t = {.arena = arena, .by_answer = charged_by_answer(model)};
        const ly_val answer = ly_val_any(&attr->value);
        const ly_val inner = ly_val_get(answer, "response");
        const ly_val items = ly_val_pick(answer, "output|outputs|steps");
        add_items(&t, answer.kind == LY_IS_ARRAY ? answer
                      : ly_val_given(items)      ? items
                                                 : ly_val_get(inner, "output"));
        put(&io_tokens->web_searches, t.web);
        put(&io_tokens->file_searches, t.file);
        put(&io_tokens->code_executions, t.code);
    }
}
