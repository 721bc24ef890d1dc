/* Messages out of any provider's shape (see shapes.h); tools and documents are in shapes_list.c. */
#include "genai/shapes.h"

#include "genai/dialects.h"
#include "genai/normalise.h"

/* ---- lists ------------------------------------------------------------------------------------ */

static void *grow(ly_reader *r, void *items, size_t n, size_t *cap, size_t size)
{
    if (n >= LY_SHAPE_MAX) {
        r->truncated = true;
        return NULL;
    }
    if (n < *cap)
        return items;
    const size_t more = *cap ? *cap * 2 : 4;
    void *copy = ly_arena_zalloc(r->arena, more, size, 16);
    if (!copy) {
        r->failed = true;
        return NULL;
    }
    if (n)
        memcpy(copy, items, n * size);
    *cap = more;
    return copy;
}

#define APPEND(r, list)                                                                          \
    do {                                                                                         \
        void *items_ = grow((r), (list)->items, (list)->n, &(list)->cap, sizeof *(list)->items); \
        if (!items_)                                                                             \
            return NULL;                                                                         \
        (list)->items = items_;                                                                  \
        memset(&(list)->items[(list)->n], 0, sizeof *(list)->items);                             \
        return &(list)->items[(list)->n++];                                                      \
    } while (0)

/* Grow the list in the arena; NULL when a limit or the arena's end is reached (noted in the reader). */
static ly_message *reader_message(ly_reader *r, ly_msg_list *list)
{
    APPEND(r, list);
}

ly_part *ly_reader_part(ly_reader *r, ly_part_list *list)
{
    APPEND(r, list);
}

ly_tool_def *ly_reader_tool(ly_reader *r)
{
    APPEND(r, &r->tools);
}

ly_document *ly_reader_doc(ly_reader *r)
{
    APPEND(r, &r->docs);
}

/* ---- helpers ---------------------------------------------------------------------------------- */

ly_str ly_shape_text(ly_reader *r, ly_val object, const char *names)
{
    return ly_val_words(ly_val_pick(object, names), r->arena);
}

static bool is_word(ly_val val, const char *words, ly_arena *arena)
{
    const ly_str s = ly_val_str(val, arena);
    ly_str rest = ly_str_c(words), one;
    while (s.len && ly_str_split(&rest, '|', &one)) {
        if (ly_str_eq_nocase(s, one))
            return true;
    }
    return false;
}

static ly_str role_name(ly_str given)
{
    static const struct {
        const char *given, *role;
    } roles[] = {
        {"model", "assistant"},          {"ai", "assistant"},         {"AIMessage", "assistant"},
        {"AIMessageChunk", "assistant"}, {"bot", "assistant"},        {"human", "user"},
        {"HumanMessage", "user"},        {"SystemMessage", "system"}, {"ToolMessage", "tool"},
        {"FunctionMessage", "tool"},     {"function", "tool"},        {"ChatMessage", "user"}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (ly_str_eqc(given, roles[i].given))
            return ly_str_c(roles[i].role);
    }
    return given;
}

bool ly_shape_withheld(ly_str s)
{
    for (size_t i = 0; s.len <= 16 && i < ly_withheld_marks_n; i++) {
        if (ly_str_eqc(s, ly_withheld_marks[i]))
            return true;
    }
    return false;
}

static void add_text(ly_reader *r, ly_part_list *parts, ly_part_kind kind, ly_str text, ly_str raw)
{
    if (!text.len)
        return;
    if (ly_shape_withheld(text)) {
        r->withheld = true;
        return;
    }
    ly_part *part = ly_reader_part(r, parts);
    if (!part)
        return;
    part->kind = kind;
    part->text = text;
    part->raw = raw;
}

/* Arguments as JSON text: a string that holds JSON is that JSON, an object is written out. */
ly_str ly_shape_arguments(ly_reader *r, ly_val val)
{
    if (val.kind == LY_IS_STRING)
        return ly_val_str(val, r->arena);
    return ly_val_given(val) ? ly_val_as_json(val, r->arena) : LY_STR_NONE;
}

/* "web_search_call" → "web_search" */
static ly_str tool_of_type(ly_str type)
{
    const ly_str tail = LY_S("_call");
    return ly_str_ends(type, tail) ? ly_str_sub(type, 0, type.len - tail.len) : LY_STR_NONE;
}

static void add_call(ly_reader *r, ly_part_list *parts, ly_val call)
{
    const ly_val inner =
        ly_val_pick(call, "function|functionCall|function_call|toolRequest|toolUse|"
                          "server_tool_call");
    const ly_val of = inner.kind == LY_IS_OBJECT ? inner : call;
    ly_part *part = ly_reader_part(r, parts);
    if (!part)
        return;
    part->kind = LY_PART_TOOL_CALL;
    part->tool_name = ly_shape_text(r, of, "name|toolName|tool_name");
    if (!part->tool_name.len)
        part->tool_name = ly_shape_text(r, call, "name|toolName|tool_name");
    if (!part->tool_name.len)
        part->tool_name = tool_of_type(ly_val_str(ly_val_get(call, "type"), r->arena));
    part->tool_id = ly_shape_text(r, call, "call_id|id|toolCallId|tool_call_id|tool_use_id");
    if (!part->tool_id.len)
        part->tool_id = ly_shape_text(r, of, "id|ref|toolUseId|callId");
    part->arguments =
        ly_shape_arguments(r, ly_val_pick(of, "arguments|args|input|parameters|action"));
    if (!part->arguments.len)
        part->arguments =
            ly_shape_arguments(r, ly_val_pick(call, "arguments|args|input|parameters"));
    part->raw = ly_val_as_json(call, r->arena);
}

/* The words of a tool's answer: its text where it is a list of text parts, else as it is. */
static ly_str result_text(ly_reader *r, ly_val result)
{
    const ly_val output = ly_val_get(result, "value"); /* AI SDK: {"type":"json","value":…} */
    if (ly_val_get(result, "type").kind == LY_IS_STRING && ly_val_given(output))
        result = output;
    if (result.kind == LY_IS_ARRAY && ly_val_count(result) == 1) {
        const ly_val one = ly_val_item(result, 0);
        const ly_str text = ly_shape_text(r, one, "text|content");
        if (text.len)
            return text;
    }
    return ly_val_words(result, r->arena);
}

static void add_result(ly_reader *r, ly_part_list *parts, ly_val part_val)
{
    const ly_val inner = ly_val_pick(part_val, "functionResponse|function_response|toolResponse|"
                                               "toolResult|server_tool_call_response");
    const ly_val of = inner.kind == LY_IS_OBJECT ? inner : part_val;
    ly_part *part = ly_reader_part(r, parts);
    if (!part)
        return;
    part->kind = LY_PART_TOOL_RESULT;
    part->tool_name = ly_shape_text(r, of, "name|toolName|tool_name");
    part->tool_id = ly_shape_text(r, part_val, "call_id|tool_use_id|toolCallId|tool_call_id|id");
    if (!part->tool_id.len)
        part->tool_id = ly_shape_text(r, of, "id|ref|toolUseId|callId");
    part->text = result_text(r, ly_val_pick(of, "response|result|output|content"));
    part->raw = ly_val_as_json(part_val, r->arena);
}

static void add_media(ly_reader *r, ly_part_list *parts, ly_val val, const char *modality)
{
    static const char *const holders =
        "image_url|image|source|input_audio|audio|file|inlineData|inline_data|fileData|file_data|"
        "media|video|document";
    static const char *const places =
        "url|uri|fileUri|file_uri|file_id|fileId|data|content|bytes|image";
    const ly_val held = ly_val_pick(val, holders);
    ly_val of = held.kind == LY_IS_OBJECT ? held : val;
    if (ly_val_pick(of, "image").kind == LY_IS_OBJECT) /* image.image.url */
        of = ly_val_get(of, "image");
    if (ly_val_get(of, "source").kind == LY_IS_OBJECT)
        of = ly_val_get(of, "source");
    ly_part *part = ly_reader_part(r, parts);
    if (!part)
        return;
    part->kind = LY_PART_MEDIA;
    part->text =
        held.kind == LY_IS_STRING ? ly_val_str(held, r->arena) : ly_shape_text(r, of, places);
    part->mime = ly_shape_text(r, of, "mime_type|mimeType|media_type|mediaType|contentType|format");
    part->modality = ly_shape_text(r, val, "modality");
    if (!part->modality.len)
        part->modality = ly_str_c(modality);
    part->raw = ly_val_as_json(val, r->arena);
}

static void add_other(ly_reader *r, ly_part_list *parts, ly_val val)
{
    ly_part *part = ly_reader_part(r, parts);
    if (!part)
        return;
    part->kind = LY_PART_OTHER;
    part->raw = ly_val_as_json(val, r->arena);
    part->text = ly_shape_text(r, val, "text|content");
}

/* ---- one part --------------------------------------------------------------------------------- */

enum { P_TEXT, P_REASONING, P_CALL, P_RESULT, P_IMAGE, P_AUDIO, P_VIDEO, P_DOCUMENT, P_FILE };

static const struct {
    const char *type;
    int what;
} part_types[] = {
    {"text", P_TEXT},
    {"input_text", P_TEXT},
    {"output_text", P_TEXT},
    {"summary_text", P_REASONING},
    {"refusal", P_TEXT},
    {"reasoning", P_REASONING},
    {"thinking", P_REASONING},
    {"redacted_thinking", P_REASONING},
    {"reasoning_text", P_REASONING},
    {"tool_call", P_CALL},
    {"tool-call", P_CALL},
    {"tool_use", P_CALL},
    {"function_call", P_CALL},
    {"function", P_CALL},
    {"custom_tool_call", P_CALL},
    {"mcp_call", P_CALL},
    {"web_search_call", P_CALL}, /* OpenAI's own tools: named by the type alone */
    {"file_search_call", P_CALL},
    {"code_interpreter_call", P_CALL},
    {"image_generation_call", P_CALL},
    {"computer_call", P_CALL},
    {"local_shell_call", P_CALL},
    {"shell_call", P_CALL},
    {"apply_patch_call", P_CALL},
    {"server_tool_call", P_CALL},
    {"server_tool_use", P_CALL},
    {"tool_call_response", P_RESULT},
    {"tool-result", P_RESULT},
    {"tool_result", P_RESULT},
    {"function_call_output", P_RESULT},
    {"custom_tool_call_output", P_RESULT},
    {"server_tool_call_response", P_RESULT},
    {"web_search_tool_result", P_RESULT},
    {"image", P_IMAGE},
    {"image_url", P_IMAGE},
    {"input_image", P_IMAGE},
    {"image-url", P_IMAGE},
    {"audio", P_AUDIO},
    {"input_audio", P_AUDIO},
    {"audio-url", P_AUDIO},
    {"video", P_VIDEO},
    {"video-url", P_VIDEO},
    {"document", P_DOCUMENT},
    {"document-url", P_DOCUMENT},
    {"input_file", P_FILE},
    {"blob", P_FILE},
    {"file", P_FILE},
    {"uri", P_FILE},
    {"media", P_FILE},
    {"binary", P_FILE},
};

/* What its `type` says; -1 when that is missing or not known. */
static int named_type(ly_reader *r, ly_val val)
{
    const ly_str type = ly_val_str(ly_val_pick(val, "type|part_kind|kind"), r->arena);
    for (size_t i = 0; type.len && i < sizeof part_types / sizeof *part_types; i++) {
        if (ly_str_eqc(type, part_types[i].type))
            return part_types[i].what;
    }
    return -1;
}

static int type_of_part(ly_reader *r, ly_val val)
{
    const int named = named_type(r, val);
    if (named >= 0 || ly_val_given(ly_val_pick(val, "type|part_kind|kind")))
        return named;
    /* Gemini, Bedrock, Genkit: the member's name says it. */
    if (ly_val_given(ly_val_pick(val, "functionCall|function_call|toolUse|toolRequest")))
        return P_CALL;
    if (ly_val_given(
            ly_val_pick(val, "functionResponse|function_response|toolResult|toolResponse")))
        return P_RESULT;
    if (ly_val_given(ly_val_pick(val, "inlineData|inline_data|fileData|file_data|media|image")))
        return P_FILE;
    if (ly_val_given(ly_val_pick(val, "reasoning|reasoningContent|thinking")))
        return P_REASONING;
    bool thought = false;
    if (ly_val_bool(ly_val_get(val, "thought"), &thought) && thought)
        return P_REASONING;
    return ly_val_given(ly_val_pick(val, "text|content")) ? P_TEXT : -1;
}

static void add_reasoning(ly_reader *r, ly_part_list *parts, ly_val val)
{
    ly_val said = ly_val_pick(val, "content|thinking|text|reasoning|reasoningText|summary|"
                                   "reasoningContent");
    for (int i = 0; i < 2 && said.kind == LY_IS_OBJECT; i++)
        said = ly_val_pick(said, "text|reasoningText");
    if (ly_val_open(said, r->arena).kind == LY_IS_ARRAY) /* OpenLLMetry: summaries as JSON text */
        said = ly_val_open(said, r->arena);
    const ly_str raw = ly_val_as_json(val, r->arena);
    if (said.kind != LY_IS_ARRAY) {
        add_text(r, parts, LY_PART_REASONING, ly_val_words(said, r->arena), raw);
        return;
    }
    ly_val_iter it = ly_val_each(said);
    ly_str key;
    ly_val one;
    while (ly_val_next(&it, &key, &one))
        add_text(r, parts, LY_PART_REASONING, ly_shape_text(r, one, "text|content"), raw);
}

static void add_part(ly_reader *r, ly_part_list *parts, ly_val val)
{
    if (val.kind == LY_IS_STRING) {
        const ly_val inner = ly_val_open(val, r->arena);
        if (inner.kind == LY_IS_OBJECT && named_type(r, inner) >= 0) {
            add_part(r, parts, inner);
            return;
        }
        add_text(r, parts, LY_PART_TEXT, ly_val_str(val, r->arena), LY_STR_NONE);
        return;
    }
    if (val.kind != LY_IS_OBJECT) {
        if (ly_val_given(val))
            add_other(r, parts, val);
        return;
    }
    switch (type_of_part(r, val)) {
    case P_TEXT: {
        const ly_val said = ly_val_pick(val, "text|content|refusal");
        if (said.kind == LY_IS_OBJECT && ly_val_given(ly_val_get(said, "value"))) /* Assistants */
            add_text(r, parts, LY_PART_TEXT, ly_shape_text(r, said, "value"), LY_STR_NONE);
        else
            add_text(r, parts, LY_PART_TEXT, ly_val_words(said, r->arena),
                     ly_val_as_json(val, r->arena));
        break;
    }
    case P_REASONING:
        add_reasoning(r, parts, val);
        break;
    case P_CALL:
        add_call(r, parts, val);
        break;
    case P_RESULT:
        add_result(r, parts, val);
        break;
    case P_IMAGE:
        add_media(r, parts, val, "image");
        break;
    case P_AUDIO:
        add_media(r, parts, val, "audio");
        break;
    case P_VIDEO:
        add_media(r, parts, val, "video");
        break;
    case P_DOCUMENT:
        add_media(r, parts, val, "document");
        break;
    case P_FILE:
        add_media(r, parts, val, "");
        break;
    default:
        add_other(r, parts, val);
        break;
    }
}

void ly_shape_parts(ly_reader *r, ly_val val, ly_part_list *parts)
{
    if (val.kind != LY_IS_ARRAY) {
        if (val.kind == LY_IS_OBJECT && ly_val_get(val, "parts").kind == LY_IS_ARRAY)
            ly_shape_parts(r, ly_val_get(val, "parts"), parts);
        else if (ly_val_given(val))
            add_part(r, parts, val);
        return;
    }
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val one;
    while (ly_val_next(&it, &key, &one))
        add_part(r, parts, one);
}

/* ---- one message ------------------------------------------------------------------------------ */

/* LangChain's serialised form, and its {"type":"human","data":{…}}. */
static ly_val langchain(ly_reader *r, ly_val val, ly_str *role)
{
    const ly_val kwargs = ly_val_get(val, "kwargs");
    if (kwargs.kind == LY_IS_OBJECT && ly_val_get(val, "lc").kind == LY_IS_NUMBER) {
        const ly_val id = ly_val_get(val, "id");
        const size_t n = ly_val_count(id);
        if (n)
            *role = ly_val_str(ly_val_item(id, n - 1), r->arena);
        return kwargs;
    }
    if (is_word(ly_val_get(val, "type"), "human|ai|system|tool|function", r->arena)) {
        *role = ly_val_str(ly_val_get(val, "type"), r->arena);
        const ly_val data = ly_val_get(val, "data");
        return data.kind == LY_IS_OBJECT ? data : val;
    }
    return val;
}

static bool is_message(ly_reader *r, ly_val val)
{
    if (val.kind != LY_IS_OBJECT)
        return false;
    if (ly_val_get(val, "role").kind == LY_IS_STRING ||
        ly_val_get(val, "tool_calls").kind == LY_IS_ARRAY)
        return true;
    ly_str role = LY_STR_NONE;
    langchain(r, val, &role);
    return role.len > 0;
}

static void add_calls(ly_reader *r, ly_part_list *parts, ly_val calls)
{
    ly_val_iter it = ly_val_each(ly_val_open(calls, r->arena));
    ly_str key;
    ly_val call;
    while (ly_val_next(&it, &key, &call))
        add_call(r, parts, ly_val_open(call, r->arena));
}

void ly_shape_message_add(ly_reader *r, ly_msg_list *list, ly_str role, const ly_part_list *parts)
{
    if (parts->n == 0)
        return;
    ly_message *m = reader_message(r, list);
    if (!m)
        return;
    m->role = role_name(role);
    m->parts = parts->items;
    m->n_parts = parts->n;
}

static bool has_calls(const ly_part_list *parts)
{
    for (size_t i = 0; i < parts->n; i++) {
        if (parts->items[i].kind == LY_PART_TOOL_CALL)
            return true;
    }
    return false;
}

static void add_message(ly_reader *r, ly_val val, const char *fallback, ly_msg_list *list)
{
    ly_str role = LY_STR_NONE;
    const ly_val m = langchain(r, val, &role);
    if (!role.len)
        role = ly_val_str(ly_val_get(m, "role"), r->arena);
    if (!role.len)
        role = ly_str_c(fallback);
    role = role_name(role);
    ly_part_list parts = {0};
    const ly_val think = ly_val_pick(m, "reasoning_content|reasoning|thinking");
    if (think.kind == LY_IS_STRING)
        add_text(r, &parts, LY_PART_REASONING, ly_val_str(think, r->arena), LY_STR_NONE);
    const ly_val content = ly_val_pick(m, "parts|content|text");
    const ly_str call_id = ly_shape_text(r, m, "tool_call_id|toolCallId");
    if (call_id.len || (ly_str_eqc(role, "tool") && content.kind == LY_IS_STRING)) {
        ly_part *part = ly_reader_part(r, &parts);
        if (part) {
            part->kind = LY_PART_TOOL_RESULT;
            part->tool_id = call_id;
            part->tool_name = ly_shape_text(r, m, "name|tool_name");
            part->text = result_text(r, content);
        }
    } else if (content.kind == LY_IS_STRING) {
        /* A list of parts as a string is opened, any other text is text. */
        const ly_val inner = ly_val_open(content, r->arena);
        if (inner.kind == LY_IS_ARRAY && named_type(r, ly_val_item(inner, 0)) >= 0)
            ly_shape_parts(r, inner, &parts);
        else
            add_text(r, &parts, LY_PART_TEXT, ly_val_str(content, r->arena), LY_STR_NONE);
    } else {
        ly_shape_parts(r, content, &parts);
    }
    if (!has_calls(&parts))
        add_calls(r, &parts, ly_val_pick(m, "tool_calls|toolCalls"));
    if (!has_calls(&parts))
        add_calls(r, &parts, ly_val_at(m, "additional_kwargs.tool_calls"));
    const ly_val call = ly_val_get(m, "function_call");
    if (call.kind == LY_IS_OBJECT && !has_calls(&parts))
        add_call(r, &parts, call);
    add_text(r, &parts, LY_PART_TEXT, ly_shape_text(r, m, "refusal"), LY_STR_NONE);
    ly_message *out = reader_message(r, list);
    if (!out)
        return;
    out->role = role;
    out->name = ly_str_eqc(role, "tool") ? LY_STR_NONE : ly_shape_text(r, m, "name");
    out->parts = parts.items;
    out->n_parts = parts.n;
    const ly_str finish = ly_shape_text(r, m, "finish_reason|finishReason|stop_reason");
    if (finish.len)
        out->finish_reason = ly_genai_finish(finish, r->arena);
}

/* ---- documents that hold messages ------------------------------------------------------------- */

static void take_system(ly_reader *r, ly_val val)
{
    if (ly_val_given(val) && r->system.n == 0)
        ly_shape_parts(r, val, &r->system);
}

static void take_request(ly_reader *r, ly_val val)
{
    take_system(r, ly_val_pick(val, "system|instructions|systemInstruction|system_instruction"));
    const ly_val config = ly_val_pick(val, "config|generationConfig");
    take_system(r, ly_val_pick(config, "systemInstruction|system_instruction"));
    const ly_val tools = ly_val_pick(val, "tools|functions");
    ly_shape_tools(r, ly_val_given(tools) ? tools : ly_val_get(config, "tools"));
}

/* Members that hold the answer or the messages, the likelier first. */
static const char *const wrappers[] = {
    "messages",    "contents",    "input_messages", "prompts", "choices",  "candidates",
    "generations", "message",     "input",          "output",  "outputs",  "response",
    "result",      "content",     "completion",     "answer",  "question", "query",
    "prompt",      "text",        "value",          "kwargs",  "args",     "data",
    "returnValue", "final_output"};
enum { WRAPPERS = sizeof wrappers / sizeof *wrappers };

static void read_value(ly_reader *r, ly_val val, const char *role, ly_msg_list *list, int depth);

static void whole_as_text(ly_reader *r, ly_val val, const char *role, ly_msg_list *list)
{
    ly_part_list parts = {0};
    add_text(r, &parts, LY_PART_TEXT, ly_val_words(val, r->arena), LY_STR_NONE);
    ly_shape_message_add(r, list, ly_str_c(role), &parts);
}

/* {"finish_reason":…,"message":{…}} and its kin: the reason belongs to the message. */
static void read_choice(ly_reader *r, ly_val val, const char *role, ly_msg_list *list, int depth)
{
    const size_t before = list->n;
    const ly_val message = ly_val_pick(val, "message|delta");
    if (message.kind == LY_IS_OBJECT)
        add_message(r, message, role, list);
    else
        read_value(r, ly_val_pick(val, "message|content|text"), role, list, depth + 1);
    const ly_str finish = ly_shape_text(r, val, "finish_reason|finishReason|stop_reason");
    if (list->n > before && finish.len)
        list->items[list->n - 1].finish_reason = ly_genai_finish(finish, r->arena);
}

static bool is_empty(ly_val val)
{
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val one;
    if (val.kind == LY_IS_ARRAY || val.kind == LY_IS_OBJECT)
        return !ly_val_next(&it, &key, &one);
    return !ly_val_given(val);
}

static void read_object(ly_reader *r, ly_val val, const char *role, ly_msg_list *list, int depth)
{
    if (is_message(r, val)) {
        take_request(r, val); /* an Anthropic answer is a message; a request is not */
        add_message(r, val, role, list);
        return;
    }
    if (ly_val_given(ly_val_pick(val, "finish_reason|finishReason|stop_reason|index")) &&
        ly_val_given(ly_val_pick(val, "message|content|delta"))) {
        read_choice(r, val, role, list, depth);
        return;
    }
    if (named_type(r, val) >= 0) {
        ly_part_list parts = {0};
        add_part(r, &parts, val);
        const bool call = parts.n && parts.items[0].kind == LY_PART_TOOL_CALL;
        const bool result = parts.n && parts.items[0].kind == LY_PART_TOOL_RESULT;
        ly_shape_message_add(r, list,
                             call     ? LY_S("assistant")
                             : result ? LY_S("tool")
                                      : ly_str_c(role),
                             &parts);
        return;
    }
    if (ly_val_get(val, "parts").kind == LY_IS_ARRAY) {
        add_message(r, val, role, list);
        return;
    }
    take_request(r, val);
    ly_val found[WRAPPERS] = {{LY_IS_NONE, NULL, {NULL, 0}}};
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val member;
    while (ly_val_next(&it, &key, &member)) { /* one pass: the object may be large */
        for (size_t i = 0; i < WRAPPERS; i++) {
            if (ly_str_eqc(key, wrappers[i]))
                found[i] = member;
        }
    }
    for (size_t i = 0; i < WRAPPERS; i++) {
        const size_t before = list->n;
        if (!is_empty(found[i]))
            read_value(r, found[i], role, list, depth + 1);
        if (list->n > before)
            return;
    }
    whole_as_text(r, val, role, list);
}

/* Bedrock's and Gemini's parts: a member's name says what they are, and none is a message. */
static bool parts_by_member(ly_reader *r, ly_val array)
{
    ly_val_iter it = ly_val_each(array);
    ly_str key;
    ly_val one;
    bool any = false;
    while (ly_val_next(&it, &key, &one)) {
        one = ly_val_open(one, r->arena);
        if (one.kind != LY_IS_OBJECT || is_message(r, one))
            return false;
        any |= ly_val_given(ly_val_pick(one, "toolUse|toolResult|functionCall|functionResponse|"
                                             "function_call|function_response|reasoningContent"));
    }
    return any;
}

/* An array is messages, parts of one message, or a list of anything. */
static void read_array(ly_reader *r, ly_val val, const char *role, ly_msg_list *list, int depth)
{
    const ly_val first = ly_val_open(ly_val_item(val, 0), r->arena);
    if ((first.kind == LY_IS_OBJECT && !is_message(r, first) &&
         is_word(ly_val_get(first, "type"),
                 "text|image|image_url|input_text|output_text|thinking|tool_use|blob|uri",
                 r->arena)) ||
        parts_by_member(r, val)) {
        ly_part_list parts = {0};
        ly_shape_parts(r, val, &parts);
        ly_shape_message_add(r, list, ly_str_c(role), &parts);
        return;
    }
    if (first.kind == LY_IS_NUMBER || first.kind == LY_IS_BOOL) {
        whole_as_text(r, val, role, list);
        return;
    }
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val one;
    while (!r->failed && !r->truncated && ly_val_next(&it, &key, &one))
        read_value(r, ly_val_open(one, r->arena), role, list, depth + 1);
}

/* Wrappers inside wrappers are followed this far; each level takes a finite part of the text. */
enum { MAX_WRAPPING = 12 };

static void read_value(ly_reader *r, ly_val val, const char *role, ly_msg_list *list, int depth)
{
    val = ly_shape_unwrap(r, val);
    if (!ly_val_given(val))
        return;
    if (depth > MAX_WRAPPING || (val.kind != LY_IS_OBJECT && val.kind != LY_IS_ARRAY)) {
        whole_as_text(r, val, role, list);
        return;
    }
    if (val.kind == LY_IS_ARRAY)
        read_array(r, val, role, list, depth);
    else
        read_object(r, val, role, list, depth);
}

ly_val ly_shape_unwrap(ly_reader *r, ly_val val)
{
    val = ly_val_open(val, r->arena);
    if (val.kind == LY_IS_OBJECT && ly_val_given(ly_val_get(val, "value")) &&
        is_word(ly_val_get(val, "type"), "json|text|raw|chat_messages|list|guardrail_result",
                r->arena))
        return ly_val_open(ly_val_get(val, "value"), r->arena);
    return val;
}

void ly_shape_messages(ly_reader *r, ly_val val, const char *role, ly_msg_list *list)
{
    read_value(r, val, role, list, 0);
}
