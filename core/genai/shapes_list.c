/* Lists beside the messages, in any provider's shape: tool definitions and retrieved documents (see shapes.h). */
#include "genai/shapes.h"

static void add_tool(ly_reader *r, ly_val val, ly_str name)
{
    val = ly_val_open(val, r->arena);
    if (val.kind == LY_IS_STRING && !name.len)
        name = ly_val_str(val, r->arena);
    const ly_val inner = ly_val_pick(val, "function|toolSpec|tool_spec");
    const ly_val of = inner.kind == LY_IS_OBJECT ? inner : val;
    const ly_str own = ly_shape_text(r, of, "name");
    if (!own.len && !name.len && !ly_val_given(ly_val_get(of, "type")))
        return;
    ly_tool_def *tool = ly_reader_tool(r);
    if (!tool)
        return;
    tool->name = own.len ? own : name.len ? name : ly_shape_text(r, of, "type");
    tool->description = ly_shape_text(r, of, "description");
    const ly_val schema = ly_val_pick(of, "parameters|inputSchema|input_schema|"
                                          "parametersJsonSchema|parameters_json_schema");
    const ly_val json = ly_val_get(schema, "json");
    tool->parameters = ly_shape_arguments(r, json.kind == LY_IS_OBJECT ? json : schema);
    tool->raw = ly_val_as_json(val, r->arena);
}

void ly_shape_tools(ly_reader *r, ly_val val)
{
    val = ly_val_open(val, r->arena);
    if (val.kind == LY_IS_OBJECT && (ly_val_get(val, "name").kind == LY_IS_STRING ||
                                     ly_val_at(val, "function.name").kind == LY_IS_STRING)) {
        add_tool(r, val, LY_STR_NONE);
        return;
    }
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val one;
    while (ly_val_next(&it, &key, &one)) {
        /* Gemini groups them: [{"functionDeclarations":[…]}] */
        const ly_val group = ly_val_pick(one, "functionDeclarations|function_declarations");
        ly_val_iter inner = ly_val_each(group);
        ly_val tool;
        if (group.kind != LY_IS_ARRAY)
            add_tool(r, one, key);
        while (ly_val_next(&inner, &key, &tool))
            add_tool(r, tool, LY_STR_NONE);
    }
}

static void add_document(ly_reader *r, ly_val val)
{
    val = ly_val_open(val, r->arena);
    const ly_val kwargs = ly_val_get(val, "kwargs");           /* LangChain's serialised Document */
    const ly_val node = ly_val_pick(val, "node|document|doc"); /* LlamaIndex: {node, score} */
    ly_val of = kwargs.kind == LY_IS_OBJECT ? kwargs : node.kind == LY_IS_OBJECT ? node : val;
    ly_document *doc = ly_reader_doc(r);
    if (!doc)
        return;
    if (of.kind == LY_IS_STRING) {
        doc->content = ly_val_str(of, r->arena);
        return;
    }
    doc->id = ly_shape_text(r, of, "id|id_|doc_id|document_id|_id|chunk_id");
    doc->content = ly_shape_text(r, of,
                                 "content|text|page_content|pageContent|document|chunk|body|"
                                 "snippet");
    const ly_val metadata = ly_val_pick(of, "metadata|meta");
    doc->metadata = ly_val_given(metadata) ? ly_val_as_json(metadata, r->arena) : LY_STR_NONE;
    if (!doc->id.len)
        doc->id = ly_shape_text(r, metadata, "id|doc_id|document_id|source");
    ly_val score = ly_val_pick(val, "score|relevance_score|relevanceScore|similarity");
    if (!ly_val_given(score))
        score = ly_val_pick(of, "score|relevance_score|similarity");
    doc->has_score = ly_val_real(score, &doc->score);
    if (!doc->id.len && !doc->content.len)
        doc->content = ly_val_as_json(val, r->arena);
}

void ly_shape_docs(ly_reader *r, ly_val val)
{
    val = ly_shape_unwrap(r, val);
    if (val.kind == LY_IS_OBJECT) {
        const ly_val inner =
            ly_val_pick(val, "documents|docs|results|nodes|chunks|matches|contexts|"
                             "outputs|output|data");
        if (inner.kind != LY_IS_ARRAY) {
            add_document(r, val);
            return;
        }
        val = inner;
    }
    ly_val_iter it = ly_val_each(val);
    ly_str key;
    ly_val one;
    while (ly_val_next(&it, &key, &one))
        add_document(r, one);
}
