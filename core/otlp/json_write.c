/*
 * Protobuf -> JSON, by the tables of schema.h.
 *
 * Members come in the order in which their fields first stand in the message, so that an ordinary
 * message survives the way back byte for byte. Whether it does is not reasoned about but tried: the
 * text is transcoded again and compared, and where it differs the bytes go along as lyditeWire.
 */
#include "otlp/json.h"

#include "base/b64.h"
#include "base/jscan.h"
#include "base/limits.h"
#include "base/num.h"
#include "otlp/group.h"
#include "otlp/pb.h"
#include "otlp/transcode.h"

/* Messages nested below an item: an AnyValue level is two of them, and its list a third. */
#define MAX_NESTING (3 * LY_MAX_ANY_DEPTH + 8)

typedef struct writer {
    ly_buf *out;
    ly_buf scratch; /* the way back */
    bool keep_wire; /* add lyditeWire where needed */
} writer;

/* ---- scalars ---- */

static void put_quoted_u64(ly_buf *out, uint64_t value)
{
    ly_buf_char(out, '"');
    ly_buf_u64(out, value);
    ly_buf_char(out, '"');
}

static void put_quoted_i64(ly_buf *out, int64_t value)
{
    ly_buf_char(out, '"');
    ly_buf_i64(out, value);
    ly_buf_char(out, '"');
}

static void put_hex(ly_buf *out, ly_str bytes)
{
    char two[3];
    ly_buf_char(out, '"');
    for (size_t i = 0; i < bytes.len; i++) {
        ly_hex_encode(bytes.ptr + i, 1, two);
        ly_buf_add(out, two, 2);
    }
    ly_buf_char(out, '"');
}

static void put_base64(ly_buf *out, ly_str bytes)
{
    ly_buf_char(out, '"');
    ly_b64_put(out, bytes.ptr, bytes.len);
    ly_buf_char(out, '"');
}

static void put_double(ly_buf *out, double value)
{
    char text[LY_DOUBLE_TEXT_MAX];
    size_t n = ly_double_put(value, text);
    bool word = text[n - 1] == 'y' || text[n - 1] == 'N'; /* Infinity, NaN */
    if (word) {
        ly_buf_char(out, '"');
    }
    ly_buf_add(out, text, n);
    if (word) {
        ly_buf_char(out, '"');
    }
}

static bool put_message(writer *w, const ly_message_desc *desc, ly_str wire, unsigned nesting);

static bool put_value(writer *w, const ly_field_desc *desc, const ly_pb_field *field,
                      unsigned nesting)
{
    switch (desc->type) {
    case LY_T_STRING:
        ly_jstr_put(w->out, field->bytes, LY_JSTR_VISIBLE);
        break;
    case LY_T_BYTES:
        put_base64(w->out, field->bytes);
        break;
    case LY_T_ID:
        put_hex(w->out, field->bytes);
        break;
    case LY_T_BOOL:
        ly_buf_c(w->out, field->value ? "true" : "false");
        break;
    case LY_T_INT64:
        put_quoted_i64(w->out, (int64_t)field->value);
        break;
    case LY_T_FIXED64:
        put_quoted_u64(w->out, field->value);
        break;
    case LY_T_INT32:
    case LY_T_ENUM:
        ly_buf_i64(w->out, (int32_t)field->value);
        break;
    case LY_T_UINT32:
    case LY_T_FIXED32:
        ly_buf_u64(w->out, (uint32_t)field->value);
        break;
    case LY_T_DOUBLE:
        put_double(w->out, ly_pb_double(field->value));
        break;
    case LY_T_MESSAGE:
        return put_message(w, desc->sub, field->bytes, nesting + 1);
    }
    return true;
}

/* ---- messages ---- */

/* A field of the table as found in the message: the last occurrence, and when it first came. */
typedef struct seen {
    ly_pb_field last;
    unsigned order; /* 0 = not seen */
} seen;

/* Fills `all` and the list `order` of table positions; false when malformed. */
static bool survey(const ly_message_desc *desc, ly_str wire, seen *all, uint8_t *order,
                   unsigned *ret_n)
{
    ly_pb_reader reader = ly_pb_read(wire);
    ly_pb_field field;
    ly_pb_result r;
    unsigned n = 0;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        const ly_field_desc *known = ly_desc_field(desc, &field);
        if (!known) {
            continue;
        }
        uint8_t at = (uint8_t)(known - desc->fields);
        if (desc->oneof) {
            n = 0; /* only the last member counts */
            order[n++] = at;
        } else if (all[at].order == 0) {
            order[n++] = at;
            all[at].order = n;
        }
        all[at].last = field;
    }
    *ret_n = n;
    return r == LY_PB_END;
}

static bool put_list(writer *w, const ly_field_desc *desc, ly_str wire, unsigned nesting)
{
    ly_pb_reader reader = ly_pb_read(wire);
    ly_pb_field field;
    bool first = true;
    ly_buf_char(w->out, '[');
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (field.number == desc->number && field.type == ly_field_wire(desc->type)) {
            if (!first) {
                ly_buf_char(w->out, ',');
            }
            first = false;
            if (!put_value(w, desc, &field, nesting)) {
                return false;
            }
        }
    }
    ly_buf_char(w->out, ']');
    return true;
}

/* Whether the text of the item, out from `from`, says exactly what `wire` says. */
static bool says_all(writer *w, const ly_message_desc *desc, ly_str wire, size_t from)
{
    ly_str text = ly_str_n(w->out->ptr + from, w->out->len - from);
    size_t room = LY_TRANSCODE_ROOM(text.len), len;
    ly_buf_reset(&w->scratch);
    char *dst = ly_buf_room(&w->scratch, room);
    return dst && ly_transcode(text, desc, (uint8_t *)dst, room, &len, NULL, NULL) == LY_OK &&
           len == wire.len && memcmp(dst, wire.ptr, len) == 0;
}

static bool put_message(writer *w, const ly_message_desc *desc, ly_str wire, unsigned nesting)
{
    seen all[LY_MAX_FIELDS] = {0};
    uint8_t order[LY_MAX_FIELDS];
    unsigned n;
    size_t from = w->out->len;
    if (nesting > MAX_NESTING || !survey(desc, wire, all, order, &n)) {
        return false;
    }
    ly_buf_char(w->out, '{');
    for (unsigned i = 0; i < n; i++) {
        const ly_field_desc *field = &desc->fields[order[i]];
        ly_buf_add(w->out, i > 0 ? ",\"" : "\"", i > 0 ? 2 : 1);
        ly_buf_str(w->out, field->json);
        ly_buf_add(w->out, "\":", 2);
        bool ok = field->repeated ? put_list(w, field, wire, nesting)
                                  : put_value(w, field, &all[order[i]].last, nesting);
        if (!ok) {
            return false;
        }
    }
    ly_buf_char(w->out, '}');
    if (desc->item && w->keep_wire && w->out->failed == LY_OK && !says_all(w, desc, wire, from)) {
        ly_buf_cut(w->out, w->out->len - 1);
        ly_buf_c(w->out, n > 0 ? ",\"" LY_WIRE_MEMBER "\":" : "\"" LY_WIRE_MEMBER "\":");
        put_base64(w->out, wire);
        ly_buf_char(w->out, '}');
    }
    return w->out->failed == LY_OK;
}

/* ---- documents ---- */

typedef struct names {
    const char *resources, *scopes, *items;
    const ly_message_desc *item;
} names;

static const names trace_names = {"resourceSpans", "scopeSpans", "spans", &ly_desc_span};
static const names log_names = {"resourceLogs", "scopeLogs", "logRecords", &ly_desc_log};

static void put_schema(writer *w, ly_str schema)
{
    if (schema.len > 0) {
        ly_buf_c(w->out, ",\"schemaUrl\":");
        ly_jstr_put(w->out, schema, LY_JSTR_VISIBLE);
    }
}

static bool put_scope_group(writer *w, const names *as, const ly_groups *g,
                            const ly_group_scope *scope)
{
    ly_buf_char(w->out, '{');
    if (scope->wire.len > 0) {
        ly_buf_c(w->out, "\"scope\":");
        if (!put_message(w, &ly_desc_scope, scope->wire, 0)) {
            return false;
        }
        ly_buf_char(w->out, ',');
    }
    ly_buf_fmt(w->out, "\"%s\":[", as->items);
    for (uint32_t i = scope->first; i != LY_GROUP_END; i = g->items[i].next) {
        if (i != scope->first) {
            ly_buf_char(w->out, ',');
        }
        if (!put_message(w, as->item, g->items[i].wire, 0)) {
            return false;
        }
    }
    ly_buf_char(w->out, ']');
    put_schema(w, scope->schema);
    ly_buf_char(w->out, '}');
    return true;
}

static bool put_resource_group(writer *w, const names *as, const ly_groups *g,
                               const ly_group_resource *resource)
{
    ly_buf_char(w->out, '{');
    if (resource->wire.len > 0) {
        ly_buf_c(w->out, "\"resource\":");
        if (!put_message(w, &ly_desc_resource, resource->wire, 0)) {
            return false;
        }
        ly_buf_char(w->out, ',');
    }
    ly_buf_fmt(w->out, "\"%s\":[", as->scopes);
    for (uint32_t s = resource->first; s != LY_GROUP_END; s = g->scopes[s].next) {
        if (s != resource->first) {
            ly_buf_char(w->out, ',');
        }
        if (!put_scope_group(w, as, g, &g->scopes[s])) {
            return false;
        }
    }
    ly_buf_char(w->out, ']');
    put_schema(w, resource->schema);
    ly_buf_char(w->out, '}');
    return true;
}

static ly_status put_document(const names *as, const ly_groups *g, ly_buf *out, ly_err *err)
{
    writer w = {.out = out, .keep_wire = true};
    ly_buf_init(&w.scratch, SIZE_MAX / 2);
    bool ok = true;
    ly_buf_fmt(out, "{\"%s\":[", as->resources);
    for (size_t i = 0; i < g->n_resources && ok; i++) {
        if (i > 0) {
            ly_buf_char(out, ',');
        }
        ok = put_resource_group(&w, as, g, &g->resources[i]);
    }
    ly_buf_add(out, "]}", 2);
    ly_buf_release(&w.scratch);
    if (!ok && out->failed == LY_OK) {
        return LY_FAIL(err, LY_E_FORMAT, "record to be exported is not a valid protobuf message");
    }
    return ly_buf_status(out, "OTLP/JSON export", err);
}

ly_status ly_otlp_json_traces(const ly_span *const *spans, size_t n, ly_buf *out, ly_err *err)
{
    ly_groups groups;
    ly_status status = ly_groups_spans(spans, n, &groups, err);
    if (status == LY_OK) {
        status = put_document(&trace_names, &groups, out, err);
        ly_groups_release(&groups);
    }
    return status;
}

ly_status ly_otlp_json_logs(const ly_log_record *const *logs, size_t n, ly_buf *out, ly_err *err)
{
    ly_groups groups;
    ly_status status = ly_groups_logs(logs, n, &groups, err);
    if (status == LY_OK) {
        status = put_document(&log_names, &groups, out, err);
        ly_groups_release(&groups);
    }
    return status;
}

static ly_status put_one(const ly_message_desc *desc, ly_str wire, ly_buf *out, ly_err *err)
{
    writer w = {.out = out};
    if (!put_message(&w, desc, wire, 0) && out->failed == LY_OK) {
        return LY_FAIL(err, LY_E_FORMAT, "record is not a valid protobuf message");
    }
    return ly_buf_status(out, "OTLP/JSON text", err);
}

ly_status ly_otlp_json_span(ly_str wire, ly_buf *out, ly_err *err)
{
    return put_one(&ly_desc_span, wire, out, err);
}

ly_status ly_otlp_json_log(ly_str wire, ly_buf *out, ly_err *err)
{
    return put_one(&ly_desc_log, wire, out, err);
}

void ly_otlp_json_any(ly_buf *out, const ly_any *value)
{
    switch (value->kind) {
    case LY_ANY_EMPTY:
        ly_buf_c(out, "null");
        break;
    case LY_ANY_STRING:
        ly_jstr_put(out, value->str, LY_JSTR_VISIBLE);
        break;
    case LY_ANY_BOOL:
        ly_buf_c(out, value->boolean ? "true" : "false");
        break;
    case LY_ANY_INT:
        ly_buf_i64(out, value->integer);
        break;
    case LY_ANY_DOUBLE:
        put_double(out, value->real);
        break;
    case LY_ANY_ARRAY:
        ly_buf_char(out, '[');
        for (size_t i = 0; i < value->array.n; i++) {
            if (i > 0) {
                ly_buf_char(out, ',');
            }
            ly_otlp_json_any(out, &value->array.items[i]);
        }
        ly_buf_char(out, ']');
        break;
    case LY_ANY_KVLIST:
        ly_buf_char(out, '{');
        for (size_t i = 0; i < value->kvlist.n; i++) {
            if (i > 0) {
                ly_buf_char(out, ',');
            }
            ly_jstr_put(out, value->kvlist.items[i].key, LY_JSTR_VISIBLE);
            ly_buf_char(out, ':');
            ly_otlp_json_any(out, &value->kvlist.items[i].value);
        }
        ly_buf_char(out, '}');
        break;
    case LY_ANY_BYTES:
        put_base64(out, value->str);
        break;
    }
}
