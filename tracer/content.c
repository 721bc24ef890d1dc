/*
 * What people typed and models answered: messages, prompts, tool arguments, documents. All of it passes
 * the content switch here, and becomes JSON in the conventions' shape
 * (otlp-and-genai-conventions §2.5); the exporter joins the messages of a span into one attribute.
 */
#include "tracer/engine.h"

#include <math.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "tracer/keys.h"

/* True when content is recorded for this slot; else marks the record as withheld. */
static bool content_on(ly_slot *slot)
{
    lydite_tracer *tracer = ly_slot_tracer(slot);
    if (!tracer || !tracer->config.content) {
        slot->rec.flags |= LY_REC_WITHHELD;
        return false;
    }
    return true;
}

static ly_slot *content_slot(lydite_span *span)
{
    ly_slot *slot = ly_span_slot(span);
    return slot && content_on(slot) ? slot : NULL;
}

/* ---- a small JSON writer ---- */

/* A JSON string. Invalid bytes become U+FFFD, which is all that JSON can say about them. */
static void json_text(ly_buf *out, ly_str s)
{
    static const char hex[] = "0123456789abcdef";
    ly_buf_char(out, '"');
    for (size_t at = 0, from = 0; at < s.len || from < at;) {
        unsigned char c = at < s.len ? (unsigned char)s.ptr[at] : 0;
        if (at < s.len && c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        ly_buf_add(out, s.ptr + from, at - from);
        from = at;
        if (at >= s.len) {
            break;
        }
        if (c >= 0x80) {
            size_t start = at;
            if (ly_utf8_next(s, &at) == LY_UTF8_BAD) {
                ly_buf_c(out, "\xEF\xBF\xBD");
            } else {
                ly_buf_add(out, s.ptr + start, at - start);
            }
            from = at;
            continue;
        }
        char plain = c == '"' || c == '\\' ? (char)c
                     : c == '\n'           ? 'n'
                     : c == '\t'           ? 't'
                     : c == '\r'           ? 'r'
                                           : 0;
        ly_buf_char(out, '\\');
        if (plain) {
            ly_buf_char(out, plain);
        } else {
            ly_buf_c(out, "u00");
            ly_buf_char(out, hex[c >> 4]);
            ly_buf_char(out, hex[c & 15]);
        }
        from = ++at;
    }
    ly_buf_char(out, '"');
}

static void json_member(ly_buf *out, const char *name, const char *value)
{
    if (!value) {
        return;
    }
    ly_buf_char(out, ',');
    json_text(out, ly_str_c(name));
    ly_buf_char(out, ':');
    json_text(out, ly_str_c(value));
}

/* The host's locale may write a comma. */
static void json_number(ly_buf *out, double value)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%.17g", value);
    for (int i = 0; i < n; i++) {
        bool kept = (text[i] >= '0' && text[i] <= '9') || strchr("+-eE.", text[i]);
        ly_buf_char(out, kept ? text[i] : '.');
    }
}

/* ---- messages ---- */

static void json_part(ly_buf *out, const lydite_part *part)
{
    const char *type = part->type ? part->type : "text";
    const bool call = strcmp(type, "tool_call") == 0;
    const bool response = strcmp(type, "tool_call_response") == 0;
    const bool uri = strcmp(type, "uri") == 0, file = strcmp(type, "file") == 0;
    ly_buf_c(out, "{\"type\":");
    json_text(out, ly_str_c(type));
    json_member(out, "id", part->id);
    json_member(out, "name", part->name);
    json_member(out, "modality", part->modality);
    json_member(out, "mime_type", part->mime_type);
    json_member(out,
                response ? "response"
                : uri    ? "uri"
                : file   ? "file_id"
                         : "content",
                response && part->json ? NULL : part->content);
    /* Arguments stay the text that the model wrote: it need not be JSON. */
    json_member(out, call ? "arguments" : response ? "response" : "data", part->json);
    ly_buf_char(out, '}');
}

static void put_message(ly_slot *slot, int direction, const char *role, const lydite_part *parts,
                        size_t n)
{
    lydite_tracer *tracer = ly_slot_tracer(slot);
    ly_buf json;
    if (!tracer) {
        return;
    }
    ly_buf_init(&json, tracer->config.max_span_bytes);
    ly_buf_c(&json, "{\"role\":");
    json_text(&json, ly_str_c(role ? role : direction == LYDITE_OUTPUT ? "assistant" : "user"));
    ly_buf_c(&json, ",\"parts\":[");
    for (size_t i = 0; i < n; i++) {
        if (i) {
            ly_buf_char(&json, ',');
        }
        json_part(&json, &parts[i]);
    }
    ly_buf_c(&json, "]}");
    ly_item *item = json.failed ? NULL : ly_item_add(slot, LY_IT_MESSAGE, NULL, json.len);
    if (item) {
        item->flags = (uint8_t)(direction == LYDITE_OUTPUT);
        memcpy(item + 1, json.ptr, json.len);
    } else if (json.failed) {
        slot->rec.dropped_attrs++;
    }
    ly_buf_release(&json);
}

void lydite_add_message(lydite_span *span, int direction, const char *role,
                        const lydite_part *parts, size_t n_parts)
{
    ly_slot *slot = content_slot(span);
    if (slot && (parts || !n_parts)) {
        put_message(slot, direction, role, parts, n_parts);
    }
}

void lydite_add_text(lydite_span *span, int direction, const char *role, const char *text)
{
    ly_slot *slot = text ? content_slot(span) : NULL;
    if (slot) {
        put_message(slot, direction, role, &(lydite_part){.type = "text", .content = text}, 1);
    }
}

static void content_str(lydite_span *span, const char *key, const char *text)
{
    ly_slot *slot = text ? content_slot(span) : NULL;
    if (slot) {
        ly_attr_str(slot, key, ly_str_c(text), LY_ITF_CONTENT);
    }
}

void lydite_set_messages_json(lydite_span *span, int direction, const char *json)
{
    content_str(span, direction == LYDITE_OUTPUT ? LY_K_OUTPUT : LY_K_INPUT, json);
}

void lydite_set_system_prompt(lydite_span *span, const char *text)
{
    ly_slot *slot = text ? content_slot(span) : NULL;
    if (!slot) {
        return;
    }
    ly_buf json;
    ly_buf_init(&json, LY_MAX_REQUEST_BYTES);
    ly_buf_char(&json, '[');
    json_part(&json, &(lydite_part){.type = "text", .content = text});
    ly_buf_char(&json, ']');
    if (!json.failed) {
        ly_attr_str(slot, LY_K_SYSTEM, ly_buf_view(&json), LY_ITF_CONTENT);
    }
    ly_buf_release(&json);
}

void lydite_set_system_json(lydite_span *span, const char *json)
{
    content_str(span, LY_K_SYSTEM, json);
}

void lydite_set_tool_definitions(lydite_span *span, const char *json)
{
    content_str(span, LY_K_TOOLS, json);
}

void lydite_set_tool_call(lydite_span *span, const char *id, const char *arguments)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && id) {
        ly_attr_str(slot, "gen_ai.tool.call.id", ly_str_c(id), 0);
    }
    content_str(span, "gen_ai.tool.call.arguments", arguments);
}

void lydite_set_tool_result(lydite_span *span, const char *result)
{
    content_str(span, "gen_ai.tool.call.result", result);
}

void lydite_set_query(lydite_span *span, const char *text, int64_t top_k)
{
    ly_slot *slot = ly_span_slot(span);
    if (!slot) {
        return;
    }
    if (top_k != LYDITE_UNKNOWN) {
        ly_item *item = ly_item_add(slot, LY_IT_INT, "gen_ai.retrieval.top_k", sizeof top_k);
        if (item) {
            memcpy(item + 1, &top_k, sizeof top_k);
        }
    }
    content_str(span,
                slot->rec.type == LYDITE_MEMORY ? "gen_ai.memory.query.text"
                                                : "gen_ai.retrieval.query.text",
                text);
}

void lydite_add_document(lydite_span *span, const char *id, double score, const char *content)
{
    ly_slot *slot = ly_span_slot(span);
    if (!slot) {
        return;
    }
    ly_buf json;
    ly_buf_init(&json, LY_MAX_REQUEST_BYTES);
    ly_buf_char(&json, '{');
    json_member(&json, "id", id);
    if (isfinite(score)) {
        ly_buf_c(&json, ",\"score\":");
        json_number(&json, score);
    }
    if (content && content_on(slot)) {
        json_member(&json, "content", content);
    }
    ly_buf_char(&json, '}');
    ly_item *item = json.failed ? NULL : ly_item_add(slot, LY_IT_DOCUMENT, NULL, json.len);
    if (item) {
        memcpy(item + 1, json.ptr, json.len);
        if (json.len > 2) {
            ((char *)(item + 1))[1] = ' '; /* the first member's comma */
        }
    }
    ly_buf_release(&json);
}

void lydite_set_prompt_variable(lydite_span *span, const char *name, const char *value)
{
    ly_slot *slot = name && value ? content_slot(span) : NULL;
    char key[160];
    if (!slot) {
        return;
    }
    snprintf(key, sizeof key, "gen_ai.prompt.variable.%s", name);
    const char *kept = ly_key_intern(ly_str_c(key));
    if (kept) {
        ly_attr_str(slot, kept, ly_str_c(value), LY_ITF_CONTENT);
    } else {
        slot->rec.dropped_attrs++;
    }
}
