/*
 * Uses of tools that a provider runs and charges one by one, counted in the answer itself where no
 * attribute counts them: the items of OpenAI's Responses ("web_search_call", "file_search_call",
 * "code_interpreter_call") and the server_tool_call parts of the OpenTelemetry message form.
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
    if (ly_str_starts(name, LY_S("web_search")))
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
        else if (ly_str_eqc(type, "file_search_call"))
            t->file++;
        else if (ly_str_eqc(type, "code_interpreter_call"))
            add_code(t, item);
        else
            add_parts(t, ly_val_get(item, "parts"));
    }
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
    };
    static const uint32_t lengths = 1u << 12 | 1u << 16 | 1u << 18 | 1u << 22 | 1u << 23 | 1u << 27;
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

void ly_genai_tool_uses(const ly_span *span, ly_arena *arena, ly_tokens *io_tokens)
{
    for (size_t i = 0; i < span->attrs.n; i++) {
        const ly_kv *attr = &span->attrs.items[i];
        if (!is_answer(attr->key) || !worth_reading(&attr->value))
            continue;
        tally t = {.arena = arena};
        const ly_val answer = ly_val_any(&attr->value);
        const ly_val inner = ly_val_get(answer, "response");
        add_items(&t, answer.kind == LY_IS_ARRAY ? answer
                      : ly_val_get(answer, "output").kind > LY_IS_NULL
                          ? ly_val_get(answer, "output")
                          : ly_val_get(inner, "output"));
        put(&io_tokens->web_searches, t.web);
        put(&io_tokens->file_searches, t.file);
        put(&io_tokens->code_executions, t.code);
    }
}
