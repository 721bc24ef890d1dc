/*
 * ingest: redaction over protobuf messages.
 *
 * One recursive walk over a table of the messages that hold text. Fields that do not change are copied
 * byte for byte, so order, duplicates and unknown fields survive; a message whose part changed gets a
 * new length and nothing else. Recursion is limited as in the decoder.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "ingest/redact.h"
#include "ingest/redact_impl.h"
#include "otlp/pb.h"

typedef enum message {
    SPAN,
    EVENT,
    LINK,
    STATUS,
    LOG,
    RESOURCE,
    SCOPE,
    KV,
    ANY,
    ARRAY,
    KVLIST
} message;

typedef enum action {
    TEXT,  /* a string: search it */
    BYTES, /* AnyValue.bytes_value: search it as it is */
    ID,    /* ids: keep */
    ENTER  /* a message */
} action;

typedef struct row {
    message in;
    uint32_t number;
    action what;
    message sub;
} row;

/* Field numbers: reference/otlp-and-genai-conventions.md §1.12. Length-delimited fields that are not
 * here are unknown ones. */
static const row rows[] = {
    {SPAN, 1, ID, 0},         {SPAN, 2, ID, 0},         {SPAN, 3, TEXT, 0},
    {SPAN, 4, ID, 0},         {SPAN, 5, TEXT, 0},       {SPAN, 9, ENTER, KV},
    {SPAN, 11, ENTER, EVENT}, {SPAN, 13, ENTER, LINK},  {SPAN, 15, ENTER, STATUS},
    {EVENT, 2, TEXT, 0},      {EVENT, 3, ENTER, KV},    {LINK, 1, ID, 0},
    {LINK, 2, ID, 0},         {LINK, 3, TEXT, 0},       {LINK, 4, ENTER, KV},
    {STATUS, 2, TEXT, 0},     {LOG, 3, TEXT, 0},        {LOG, 5, ENTER, ANY},
    {LOG, 6, ENTER, KV},      {LOG, 9, ID, 0},          {LOG, 10, ID, 0},
    {LOG, 12, TEXT, 0},       {RESOURCE, 1, ENTER, KV}, {SCOPE, 1, TEXT, 0},
    {SCOPE, 2, TEXT, 0},      {SCOPE, 3, ENTER, KV},    {KV, 1, TEXT, 0},
    {KV, 2, ENTER, ANY},      {ANY, 1, TEXT, 0},        {ANY, 5, ENTER, ARRAY},
    {ANY, 6, ENTER, KVLIST},  {ANY, 7, BYTES, 0},       {ARRAY, 1, ENTER, ANY},
    {KVLIST, 1, ENTER, KV},
};

static const row *find_row(message in, uint32_t number)
{
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        if (rows[i].in == in && rows[i].number == number)
            return &rows[i];
    }
    return NULL;
}

/* Levels of messages: each AnyValue level takes up to three (AnyValue, KeyValueList, KeyValue). */
#define MAX_LEVELS (3 * (LY_MAX_ANY_DEPTH + 2))

static ly_status walk(const ly_redact *redact, message in, ly_str wire, ly_redact_force force,
                      unsigned level, ly_buf *out);

/* The key of a KeyValue, wherever it stands in it. */
static ly_str key_of(ly_str wire)
{
    ly_pb_reader reader = ly_pb_read(wire);
    ly_pb_field field;
    ly_str key = LY_S("");
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (field.number == 1 && field.type == LY_PB_BYTES)
            key = field.bytes;
    }
    return key;
}

/* A card number may come as an integer; what replaces it is a string member of the same oneof. */
static ly_status int_value(const ly_redact *redact, const ly_pb_field *field, ly_redact_force force,
                           ly_buf *out)
{
    int64_t value = (int64_t)field->value;
    if (force != LY_FORCE_ALL &&
        value < 100000000) /* nothing that a rule knows is a shorter number */
        return LY_E_NOTFOUND;
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    ly_buf text;
    ly_buf_init(&text, 4096);
    ly_status status = ly_redact_string(redact, ly_str_n(digits, (size_t)n), force, &text);
    if (status == LY_OK)
        ly_pb_put_bytes(out, 1, ly_buf_view(&text));
    ly_buf_release(&text);
    return status;
}

/* One length-delimited field. LY_E_NOTFOUND: keep it as it is. */
static ly_status bytes_field(const ly_redact *redact, message in, const ly_pb_field *field,
                             ly_redact_force force, unsigned level, ly_buf *out)
{
    const row *r = find_row(in, field->number);
    if (r && r->what == ID)
        return LY_E_NOTFOUND;
    if (!r) /* unknown: it goes if it matches */
        return ly_redact_matches(redact, field->bytes) ? LY_OK : LY_E_NOTFOUND;
    ly_buf inner;
    ly_buf_init(&inner, out->max);
    ly_status status;
    if (r->what == ENTER)
        status = walk(redact, r->sub, field->bytes, force, level + 1, &inner);
    else
        status = ly_redact_string(redact, field->bytes, in == ANY ? force : LY_FORCE_NOT, &inner);
    if (status == LY_OK)
        ly_pb_put_bytes(out, field->number, ly_buf_view(&inner));
    ly_buf_release(&inner);
    return status;
}

static ly_status walk(const ly_redact *redact, message in, ly_str wire, ly_redact_force force,
                      unsigned level, ly_buf *out)
{
    if (level > MAX_LEVELS)
        return LY_E_LIMIT;
    if (in == KV && !force)
        force = ly_redact_forces(redact, key_of(wire));
    ly_pb_reader reader = ly_pb_read(wire);
    ly_pb_field field;
    ly_pb_result got;
    bool changed = false;
    const uint8_t *start = reader.at;
    while ((got = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        ly_status status = LY_E_NOTFOUND;
        if (field.type == LY_PB_BYTES)
            status = bytes_field(redact, in, &field, force, level, out);
        else if (in == ANY && field.number == 3 && field.type == LY_PB_VARINT)
            status = int_value(redact, &field, force, out);
        if (status == LY_OK)
            changed = true;
        else if (status == LY_E_NOTFOUND)
            ly_buf_add(out, start, (size_t)(reader.at - start));
        else
            return status;
        start = reader.at;
    }
    if (got == LY_PB_MALFORMED)
        return LY_E_FORMAT;
    if (out->failed)
        return out->failed;
    return changed ? LY_OK : LY_E_NOTFOUND;
}

ly_status ly_redact_message(const ly_redact *redact, ly_redact_kind kind, ly_str wire, ly_buf *out,
                            ly_err *err)
{
    static const message roots[] = {[LY_REDACT_SPAN] = SPAN,
                                    [LY_REDACT_LOG] = LOG,
                                    [LY_REDACT_RESOURCE] = RESOURCE,
                                    [LY_REDACT_SCOPE] = SCOPE};
    size_t start = out->len;
    ly_status status = walk(redact, roots[kind], wire, LY_FORCE_NOT, 0, out);
    if (status == LY_OK)
        return LY_OK;
    if (!out->failed)
        ly_buf_cut(out, start);
    if (status == LY_E_NOTFOUND)
        return status;
    return LY_FAIL(err, status, "the record could not be rewritten for redaction");
}
