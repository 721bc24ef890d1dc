#include "genai/flat.h"

#include <stdlib.h>

#include "genai/normalise.h"

/* One attribute of a family: prefix.N.rest = value. */
typedef struct item {
    uint32_t index;
    uint32_t order;
    ly_str rest;
    const ly_any *value;
} item;

static int by_index(const void *a, const void *b)
{
    const item *x = (const item *)a, *y = (const item *)b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* "12.message.content" → 12, "message.content". */
static bool take_index(ly_str *key, uint32_t *ret)
{
    size_t n = 0;
    uint32_t v = 0;
    while (n < key->len && n < 6 && key->ptr[n] >= '0' && key->ptr[n] <= '9')
        v = v * 10 + (uint32_t)(key->ptr[n++] - '0');
    if (n == 0 || (n < key->len && key->ptr[n] != '.'))
        return false;
    *key = ly_str_sub(*key, n + (n < key->len), key->len);
    *ret = v;
    return true;
}

static size_t gather(ly_reader *r, const ly_attrs *attrs, const char *prefix, item **ret)
{
    const ly_str p = ly_str_c(prefix);
    size_t n = 0;
    for (size_t i = 0; i < attrs->n; i++)
        n += ly_str_starts(attrs->items[i].key, p);
    item *items = n ? LY_ARENA_ARRAY(r->arena, item, n) : NULL;
    if (!items)
        return 0;
    n = 0;
    for (size_t i = 0; i < attrs->n; i++) {
        ly_str key = attrs->items[i].key;
        if (!ly_str_starts(key, p) || attrs->items[i].value.kind == LY_ANY_EMPTY)
            continue;
        key = ly_str_sub(key, p.len, key.len);
        uint32_t index;
        if (!take_index(&key, &index))
            continue;
        items[n] = (item){index, (uint32_t)n, key, &attrs->items[i].value};
        n++;
    }
    qsort(items, n, sizeof *items, by_index);
    *ret = items;
    return n;
}

static ly_str words(ly_reader *r, const ly_any *value)
{
    return ly_val_words(ly_val_native(value), r->arena);
}

/* Parts of one message by their own number; calls stand behind contents. */
typedef struct message {
    ly_str role, name, content, call_id, finish, tool_name;
    const ly_any *content_value;
    ly_part_list parts; /* numbered contents */
    uint32_t part_index;
    ly_part_list calls;
    uint32_t call_index;
} message;

static void set_content_part(ly_reader *r, message *m, ly_str rest, const ly_any *value)
{
    uint32_t index;
    if (!take_index(&rest, &index))
        return;
    if (m->parts.n == 0 || m->part_index != index) {
        if (!ly_reader_part(r, &m->parts))
            return;
        m->part_index = index;
        m->parts.items[m->parts.n - 1].kind = LY_PART_OTHER;
    }
    ly_part *part = &m->parts.items[m->parts.n - 1];
    const ly_str text = words(r, value);
    if (ly_str_ends(rest, LY_S("message_content.type"))) {
        if (ly_str_ends(text, LY_S("text")))
            part->kind = LY_PART_TEXT;
        else if (ly_str_eqc(text, "reasoning") || ly_str_eqc(text, "thinking"))
            part->kind = LY_PART_REASONING;
        else if (ly_str_eqc(text, "image") || ly_str_eqc(text, "audio"))
            part->kind = LY_PART_MEDIA;
        if (part->kind == LY_PART_MEDIA)
            part->modality = text;
    } else if (ly_str_ends(rest, LY_S("message_content.text"))) {
        if (part->kind == LY_PART_OTHER)
            part->kind = LY_PART_TEXT;
        part->text = text;
    } else if (ly_str_ends(rest, LY_S(".url")) || ly_str_ends(rest, LY_S(".data"))) {
        part->kind = LY_PART_MEDIA;
        part->text = text;
        if (!part->modality.len)
            part->modality =
                ly_str_find(rest, LY_S("audio"), 0) == SIZE_MAX ? LY_S("image") : LY_S("audio");
    } else if (ly_str_ends(rest, LY_S("media_type")) || ly_str_ends(rest, LY_S("mime_type"))) {
        part->mime = text;
    } else if (ly_str_ends(rest, LY_S("tool_call.id"))) {
        part->kind = LY_PART_TOOL_CALL;
        part->tool_id = text;
    } else if (ly_str_ends(rest, LY_S("function.name"))) {
        part->kind = LY_PART_TOOL_CALL;
        part->tool_name = text;
    } else if (ly_str_ends(rest, LY_S("function.arguments"))) {
        part->kind = LY_PART_TOOL_CALL;
        part->arguments = text;
    }
}

static void set_call(ly_reader *r, message *m, ly_str rest, const ly_any *value)
{
    uint32_t index;
    if (!take_index(&rest, &index))
        return;
    if (m->calls.n == 0 || m->call_index != index) {
        if (!ly_reader_part(r, &m->calls))
            return;
        m->call_index = index;
    }
    ly_part *part = &m->calls.items[m->calls.n - 1];
    part->kind = LY_PART_TOOL_CALL;
    if (ly_str_ends(rest, LY_S("name")))
        part->tool_name = words(r, value);
    else if (ly_str_ends(rest, LY_S("arguments")))
        part->arguments = ly_val_words(ly_val_any(value), r->arena);
    else if (ly_str_ends(rest, LY_S("id")))
        part->tool_id = words(r, value);
}

static void set_field(ly_reader *r, message *m, ly_str rest, const ly_any *value)
{
    if (ly_str_starts(rest, LY_S("message.")))
        rest = ly_str_sub(rest, 8, rest.len);
    if (ly_str_starts(rest, LY_S("contents.")))
        set_content_part(r, m, ly_str_sub(rest, 9, rest.len), value);
    else if (ly_str_starts(rest, LY_S("tool_calls.")))
        set_call(r, m, ly_str_sub(rest, 11, rest.len), value);
    else if (ly_str_eqc(rest, "role"))
        m->role = words(r, value);
    else if (ly_str_eqc(rest, "content") || ly_str_eqc(rest, "prompt.text") ||
             ly_str_eqc(rest, "completion.text") || ly_str_eqc(rest, "embedding.text"))
        m->content_value = value;
    else if (ly_str_eqc(rest, "name"))
        m->name = words(r, value);
    else if (ly_str_eqc(rest, "tool_call_id"))
        m->call_id = words(r, value);
    else if (ly_str_eqc(rest, "finish_reason"))
        m->finish = words(r, value);
    else if (ly_str_eqc(rest, "function_call_name"))
        m->tool_name = words(r, value);
}

/* Calls that were also listed among the contents are said once. */
static bool listed(const ly_part_list *parts, const ly_part *call)
{
    for (size_t i = 0; i < parts->n; i++) {
        const ly_part *p = &parts->items[i];
        if (p->kind == LY_PART_TOOL_CALL && ly_str_eq(p->tool_id, call->tool_id) &&
            ly_str_eq(p->tool_name, call->tool_name))
            return true;
    }
    return false;
}

static void emit(ly_reader *r, message *m, const char *role, ly_msg_list *list)
{
    ly_part_list parts = m->parts;
    if (m->content_value && parts.n == 0) {
        const ly_str text = words(r, m->content_value);
        if (m->call_id.len || ly_str_eqc(m->role, "tool")) {
            ly_part *part = ly_reader_part(r, &parts);
            if (part)
                *part = (ly_part){.kind = LY_PART_TOOL_RESULT,
                                  .text = text,
                                  .tool_id = m->call_id,
                                  .tool_name = m->name};
        } else if (text.len) {
            /* Multi-part content may stand here as JSON. */
            const ly_val val = ly_val_json(text);
            if (val.kind == LY_IS_ARRAY &&
                ly_val_get(ly_val_item(val, 0), "type").kind == LY_IS_STRING)
                ly_shape_parts(r, val, &parts);
            else
                ly_shape_parts(r, (ly_val){LY_IS_STRING, m->content_value, LY_STR_NONE}, &parts);
        }
    }
    for (size_t i = 0; i < m->calls.n; i++) {
        if (listed(&parts, &m->calls.items[i]))
            continue;
        ly_part *part = ly_reader_part(r, &parts);
        if (part)
            *part = m->calls.items[i];
    }
    const size_t before = list->n;
    ly_shape_message_add(r, list, m->role.len ? m->role : ly_str_c(role), &parts);
    if (list->n > before && m->finish.len)
        list->items[before].finish_reason = ly_genai_finish(m->finish, r->arena);
}

static void read_family(ly_reader *r, const ly_attrs *attrs, const char *prefix, const char *role,
                        ly_msg_list *list)
{
    item *items = NULL;
    const size_t n = gather(r, attrs, prefix, &items);
    for (size_t from = 0; from < n;) {
        message m = {0};
        size_t to = from;
        for (; to < n && items[to].index == items[from].index; to++)
            set_field(r, &m, items[to].rest, items[to].value);
        emit(r, &m, role, list);
        from = to;
    }
}

void ly_flat_messages(ly_reader *r, const ly_attrs *attrs, bool output, ly_msg_list *list)
{
    static const char *const families[2][5] = {
        {"llm.input_messages.", "gen_ai.input.messages.", "gen_ai.prompt.", "llm.prompts.",
         "embedding.embeddings."},
        {"llm.output_messages.", "gen_ai.output.messages.", "gen_ai.completion.", "llm.choices."}};
    for (size_t i = 0; i < 5 && families[output][i] && list->n == 0; i++)
        read_family(r, attrs, families[output][i], output ? "assistant" : "user", list);
}

void ly_flat_documents(ly_reader *r, const ly_attrs *attrs)
{
    static const char *const families[] = {"retrieval.documents.", "reranker.output_documents."};
    for (size_t f = 0; f < 2 && r->docs.n == 0; f++) {
        item *items = NULL;
        const size_t n = gather(r, attrs, families[f], &items);
        ly_document *doc = NULL;
        for (size_t i = 0; i < n; i++) {
            if (i == 0 || items[i].index != items[i - 1].index)
                doc = ly_reader_doc(r);
            if (!doc)
                return;
            const ly_str rest = items[i].rest;
            if (ly_str_ends(rest, LY_S("document.id")))
                doc->id = words(r, items[i].value);
            else if (ly_str_ends(rest, LY_S("document.content")))
                doc->content = words(r, items[i].value);
            else if (ly_str_ends(rest, LY_S("document.metadata")))
                doc->metadata = words(r, items[i].value);
            else if (ly_str_ends(rest, LY_S("document.score")))
                doc->has_score = ly_val_real(ly_val_native(items[i].value), &doc->score);
        }
    }
}

void ly_flat_tools(ly_reader *r, const ly_attrs *attrs)
{
    item *items = NULL;
    size_t n = gather(r, attrs, "llm.tools.", &items);
    for (size_t i = 0; i < n; i++) {
        if (ly_str_ends(items[i].rest, LY_S("json_schema")))
            ly_shape_tools(r, ly_val_any(items[i].value));
    }
    if (r->tools.n)
        return;
    n = gather(r, attrs, "llm.request.functions.", &items);
    ly_tool_def *tool = NULL;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || items[i].index != items[i - 1].index)
            tool = ly_reader_tool(r);
        if (!tool)
            return;
        if (ly_str_eqc(items[i].rest, "name"))
            tool->name = words(r, items[i].value);
        else if (ly_str_eqc(items[i].rest, "description"))
            tool->description = words(r, items[i].value);
        else if (ly_str_eqc(items[i].rest, "parameters"))
            tool->parameters = words(r, items[i].value);
    }
}

void ly_flat_db_result(ly_reader *r, const ly_attrs *attrs)
{
    ly_document *doc = ly_reader_doc(r);
    if (!doc)
        return;
    doc->id = ly_val_words(ly_val_attr(attrs, "db.query.result.id"), r->arena);
    doc->content = ly_val_words(ly_val_attr(attrs, "db.query.result.document"), r->arena);
    doc->metadata = ly_val_words(ly_val_attr(attrs, "db.query.result.metadata"), r->arena);
    doc->has_score = ly_val_real(ly_val_attr(attrs, "db.query.result.score"), &doc->score) ||
                     ly_val_real(ly_val_attr(attrs, "db.query.result.distance"), &doc->score);
}
