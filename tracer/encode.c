/*
 * Records to OTLP: on the exporter's thread, one record at a time.
 *
 *   record -> list of attributes (what the host set, what the type implies, what is inherited)
 *          -> processors, which may change the list or drop the span
 *          -> one Span message of ScopeSpans
 *
 * The list is where duplicates are resolved (the last value of a key wins, at the first one's place).
 * Content comes last on the wire, so that a reader that cuts attributes cuts content first.
 */
#include "tracer/engine.h"
#include "tracer/encode.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "otlp/pb.h"
#include "tracer/keys.h"

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.37.0"

/* What a type implies (lydite_type is the index): otlp-and-genai-conventions §2.2. */
static const struct {
    const char *operation; /* NULL = the name is the operation, "" = none */
    const char *subject;   /* the attribute that the name becomes; NULL = none */
    const char *type;      /* lydite.span.type, where no convention says it */
    uint8_t kind;
    bool name_alone; /* the span's name is the name given, without the operation */
} types[] = {
    [LYDITE_OTHER] = {"", NULL, NULL, LYDITE_KIND_INTERNAL, true},
    [LYDITE_AGENT] = {"invoke_agent", "gen_ai.agent.name", NULL, LYDITE_KIND_INTERNAL, false},
    [LYDITE_WORKFLOW] = {"invoke_workflow", "gen_ai.workflow.name", NULL, LYDITE_KIND_INTERNAL,
                         false},
    [LYDITE_PLAN] = {"plan", "gen_ai.agent.name", NULL, LYDITE_KIND_INTERNAL, false},
    [LYDITE_GENERATION] = {"chat", LY_K_REQUEST_MODEL, NULL, LYDITE_KIND_CLIENT, false},
    [LYDITE_TOOL] = {"execute_tool", "gen_ai.tool.name", NULL, LYDITE_KIND_INTERNAL, false},
    [LYDITE_RETRIEVAL] = {"retrieval", "gen_ai.data_source.id", NULL, LYDITE_KIND_CLIENT, false},
    [LYDITE_EMBEDDING] = {"embeddings", LY_K_REQUEST_MODEL, NULL, LYDITE_KIND_CLIENT, false},
    [LYDITE_RERANK] = {"rerank", LY_K_REQUEST_MODEL, "rerank", LYDITE_KIND_CLIENT, false},
    [LYDITE_MEMORY] = {NULL, NULL, "memory", LYDITE_KIND_INTERNAL, true},
    [LYDITE_GUARDRAIL] = {"guardrail", NULL, "guardrail", LYDITE_KIND_INTERNAL, false},
    [LYDITE_EVALUATOR] = {"evaluator", "gen_ai.evaluation.name", "evaluator", LYDITE_KIND_INTERNAL,
                          false},
    [LYDITE_STEP] = {"agent_step", NULL, "step", LYDITE_KIND_INTERNAL, true},
    [LYDITE_HTTP] = {"", "http.request.method", "http", LYDITE_KIND_CLIENT, true},
    [LYDITE_DB] = {"", "db.operation.name", "db", LYDITE_KIND_CLIENT, true},
};

/* ---- making ---- */

static void attr_str(ly_buf *out, uint32_t number, ly_str key, ly_str value)
{
    size_t mark = ly_pb_open(out, number);
    ly_pb_put_bytes(out, 1, key);
    size_t any = ly_pb_open(out, 2);
    ly_pb_put_bytes(out, 1, value);
    ly_pb_close(out, any);
    ly_pb_close(out, mark);
}

static void attr_int(ly_buf *out, uint32_t number, ly_str key, int64_t value)
{
    size_t mark = ly_pb_open(out, number);
    ly_text_field(out, 1, key);
    size_t any = ly_pb_open(out, 2);
    ly_pb_put_int(out, 3, value);
    ly_pb_close(out, any);
    ly_pb_close(out, mark);
}

/* A random version-4 UUID: which process instance is speaking. */
static void instance_id(char out[37])
{
    uint8_t b[16];
    char hex[33];
    if (getrandom(b, sizeof b, GRND_NONBLOCK) != (ssize_t)sizeof b) {
        int64_t now = ly_wall_ns(), pid = getpid();
        memcpy(b, &now, 8);
        memcpy(b + 8, &pid, 8);
    }
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    ly_hex_encode(b, 16, hex);
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

ly_encoder *ly_encoder_new(const ly_config *config)
{
    ly_encoder *encoder = ly_calloc(1, sizeof *encoder);
    char instance[37];
    if (!encoder) {
        return NULL;
    }
    encoder->config = config;
    ly_buf_init(&encoder->before, LY_MIB(1));
    ly_buf_init(&encoder->scope, LY_KIB(64));
    ly_buf_init(&encoder->join, LY_MAX_REQUEST_BYTES);
    ly_arena_init(&encoder->arena, 0, LY_MAX_REQUEST_BYTES);
    instance_id(instance);
    size_t mark = ly_pb_open(&encoder->before, 1);
    ly_buf_str(&encoder->before, ly_buf_view(&config->resource));
    attr_str(&encoder->before, 1, LY_S("service.instance.id"), ly_str_c(instance));
    attr_int(&encoder->before, 1, LY_S("process.pid"), getpid());
    ly_pb_close(&encoder->before, mark);
    mark = ly_pb_open(&encoder->scope, 1);
    ly_pb_put_bytes(&encoder->scope, 1, ly_str_c(config->scope));
    if (config->scope_version) {
        ly_pb_put_bytes(&encoder->scope, 2, ly_str_c(config->scope_version));
    }
    ly_pb_close(&encoder->scope, mark);
    ly_pb_put_bytes(&encoder->scope, 3, LY_S(SCHEMA_URL));
    if (encoder->before.failed || encoder->scope.failed) {
        ly_encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

void ly_encoder_free(ly_encoder *encoder)
{
    if (encoder) {
        ly_buf_release(&encoder->before);
        ly_buf_release(&encoder->scope);
        ly_buf_release(&encoder->join);
        ly_arena_release(&encoder->arena);
        ly_free(encoder->attrs);
        ly_free(encoder);
    }
}

/* ---- framing: everything before the spans, so that spans are only appended ---- */

size_t ly_encode_gap(const ly_encoder *encoder)
{
    return encoder->before.len + encoder->scope.len + 3 * (1 + 10);
}

size_t ly_encode_frame(const ly_encoder *encoder, ly_buf *out)
{
    const size_t gap = ly_encode_gap(encoder);
    uint8_t head[11], inner[11];
    size_t spans = encoder->scope.len + (out->len - gap);
    inner[0] = 2 << 3 | LY_PB_BYTES;
    size_t n_inner = 1 + ly_pb_varint_to(spans, inner + 1);
    head[0] = 1 << 3 | LY_PB_BYTES;
    size_t n_head = 1 + ly_pb_varint_to(encoder->before.len + n_inner + spans, head + 1);
    size_t at = gap - n_head - encoder->before.len - n_inner - encoder->scope.len;
    char *to = out->ptr + at;
    memcpy(to, head, n_head);
    to += n_head;
    memcpy(to, encoder->before.ptr, encoder->before.len);
    to += encoder->before.len;
    memcpy(to, inner, n_inner);
    memcpy(to + n_inner, encoder->scope.ptr, encoder->scope.len);
    return at;
}

/* ---- the list of attributes ---- */

static uint32_t bucket_of(ly_str key)
{
    if (!key.len) {
        return 0;
    }
    unsigned char a = (unsigned char)key.ptr[key.len - 1], b = (unsigned char)key.ptr[key.len / 2],
                  c = (unsigned char)key.ptr[0];
    return (uint32_t)(key.len * 131 + a * 31u + b * 7u + c) % LY_ATTR_BUCKETS;
}

ly_attr *ly_encoder_find(ly_encoder *encoder, ly_str key)
{
    for (int32_t i = encoder->heads[bucket_of(key)]; i >= 0; i = encoder->attrs[i].next) {
        if (!encoder->attrs[i].gone && ly_str_eq(encoder->attrs[i].key, key)) {
            return &encoder->attrs[i];
        }
    }
    return NULL;
}

ly_attr *ly_encoder_put(ly_encoder *encoder, ly_str key)
{
    ly_attr *attr = ly_encoder_find(encoder, key);
    if (attr) {
        return attr;
    }
    if (encoder->n == encoder->cap &&
        !ly_grow(&encoder->attrs, &encoder->cap, encoder->n + 1, 1u << 24, sizeof *attr)) {
        return NULL;
    }
    uint32_t bucket = bucket_of(key);
    attr = &encoder->attrs[encoder->n];
    *attr = (ly_attr){.key = key, .next = encoder->heads[bucket]};
    encoder->heads[bucket] = (int32_t)encoder->n++;
    return attr;
}

static void put_str(ly_encoder *encoder, const char *key, ly_str value, bool content)
{
    ly_attr *attr = ly_encoder_put(encoder, ly_str_c(key));
    if (attr) {
        attr->kind = LY_IT_STR;
        attr->str = value;
        attr->content = content;
    }
}

static void put_bool(ly_encoder *encoder, const char *key)
{
    ly_attr *attr = ly_encoder_put(encoder, ly_str_c(key));
    if (attr) {
        attr->kind = LY_IT_BOOL;
        attr->bits = 1;
    }
}

/* A borrowed string was not measured when it was set. */
static ly_str borrowed(const ly_encoder *encoder, const char *text)
{
    return ly_str_n(text, strnlen(text, encoder->config->max_span_bytes));
}

static void put_item(ly_encoder *encoder, const ly_item *item)
{
    ly_attr *attr = ly_encoder_put(encoder, ly_str_c(item->key));
    if (!attr) {
        return;
    }
    attr->content = (item->flags & LY_ITF_CONTENT) != 0;
    attr->kind = (ly_item_kind)item->kind;
    if (item->kind <= LY_IT_BOOL) {
        memcpy(&attr->bits, item + 1, 8);
    } else if (item->kind == LY_IT_STATIC) {
        const char *text;
        memcpy(&text, item + 1, sizeof text);
        attr->kind = LY_IT_STR;
        attr->str = ly_chars_cut(borrowed(encoder, text), encoder->config->max_chars);
    } else {
        attr->str = ly_str_n(item + 1, item->len);
    }
}

/* What stands in a record beside attributes, found in one pass. */
typedef struct parts {
    ly_str subject, name, status;
    uint32_t n_in, n_out, n_docs, n_finish, n_events;
    bool exception; /* one of the events is an exception */
} parts;

#define LY_NO_TIME INT64_MIN /* in place of an offset: no time is written */

#define EACH_ITEM(item, rec)                                                                   \
    for (const ly_item *                                                                       \
             item = (const ly_item *)(const void *)((rec) + 1),                                \
            *item##_end = (const ly_item *)(const void *)((const char *)(rec) + (rec)->bytes); \
         item < item##_end;                                                                    \
         item = (const ly_item *)(const void *)((const char *)item + ly_item_size(item->len)))

static void read_items(ly_encoder *encoder, const ly_rec *rec, parts *p)
{
    EACH_ITEM(item, rec)
    {
        const ly_str text = ly_str_n(item + 1, item->len);
        switch ((ly_item_kind)item->kind) {
        case LY_IT_MESSAGE:
            *(item->flags ? &p->n_out : &p->n_in) += 1;
            break;
        case LY_IT_DOCUMENT:
            p->n_docs++;
            break;
        case LY_IT_FINISH:
            p->n_finish++;
            break;
        case LY_IT_NAME:
            p->name = text;
            break;
        case LY_IT_SUBJECT:
            p->subject = text;
            break;
        case LY_IT_STATUS:
            p->status = text;
            break;
        case LY_IT_EVENT:
            p->n_events++;
            p->exception |= ly_str_starts(ly_str_sub(text, 8, text.len), LY_S("\x12\x09"
                                                                              "exception"));
            break;
        case LY_IT_EVENT_INT:
            p->n_events++;
            break;
        case LY_IT_LINK:
            break;
        default:
            put_item(encoder, item);
        }
    }
}

/* ["a","b"] of the items of one kind, as JSON. */
static void put_joined(ly_encoder *encoder, const ly_rec *rec, ly_item_kind kind, int flags,
                       const char *key)
{
    ly_buf_reset(&encoder->join);
    EACH_ITEM(item, rec)
    {
        if (item->kind == kind && (flags < 0 || item->flags == flags)) {
            ly_buf_char(&encoder->join, encoder->join.len ? ',' : '[');
            ly_buf_add(&encoder->join, item + 1, item->len);
        }
    }
    ly_buf_char(&encoder->join, ']');
    ly_str kept = ly_arena_copy(&encoder->arena, ly_buf_view(&encoder->join));
    if (ly_str_given(kept) && !encoder->join.failed) {
        put_str(encoder, key, kept, true);
    }
}

static void put_any(ly_encoder *encoder, const char *key)
{
    ly_str kept = ly_arena_copy(&encoder->arena, ly_buf_view(&encoder->join));
    ly_attr *attr = ly_str_given(kept) ? ly_encoder_put(encoder, ly_str_c(key)) : NULL;
    if (attr) {
        attr->kind = LY_IT_ANY;
        attr->str = kept;
    }
}

/* A string array: the finish reasons, one per choice. */
static void put_finish(ly_encoder *encoder, const ly_rec *rec)
{
    ly_buf_reset(&encoder->join);
    size_t list = ly_pb_open(&encoder->join, 5);
    EACH_ITEM(item, rec)
    {
        if (item->kind == LY_IT_FINISH) {
            size_t mark = ly_pb_open(&encoder->join, 1);
            ly_text_field(&encoder->join, 1, ly_str_n(item + 1, item->len));
            ly_pb_close(&encoder->join, mark);
        }
    }
    ly_pb_close(&encoder->join, list);
    put_any(encoder, LY_K_FINISH);
}

/* A strict receiver refuses a whole request for one string that is not UTF-8. */
static ly_str clean(ly_encoder *encoder, ly_str s)
{
    if (LY_LIKELY(ly_utf8_valid(s))) {
        return s;
    }
    ly_buf_reset(&encoder->join);
    ly_text_put(&encoder->join, s);
    return encoder->join.failed ? LY_STR_NONE
                                : ly_arena_copy(&encoder->arena, ly_buf_view(&encoder->join));
}

static void put_inherited(ly_encoder *encoder, const ly_bag *bag)
{
    if (bag->session.len) {
        const ly_str session = clean(encoder, bag->session);
        put_str(encoder, LY_K_SESSION, session, false);
        put_str(encoder, LY_K_CONVERSATION, session, false);
    }
    if (bag->user.len) {
        put_str(encoder, LY_K_USER, clean(encoder, bag->user), false);
    }
    if (bag->tags.len) {
        ly_str rest = ly_str_sub(bag->tags, 0, bag->tags.len - 1), tag;
        ly_buf_reset(&encoder->join);
        size_t list = ly_pb_open(&encoder->join, 5);
        while (ly_str_split(&rest, 0, &tag)) {
            size_t mark = ly_pb_open(&encoder->join, 1);
            ly_text_field(&encoder->join, 1, tag);
            ly_pb_close(&encoder->join, mark);
        }
        ly_pb_close(&encoder->join, list);
        put_any(encoder, LY_K_TAGS);
    }
}

/* operation, subject and type, unless the host set them itself; first on the wire. */
static void put_implied(ly_encoder *encoder, const ly_rec *rec, ly_str subject)
{
    unsigned type = rec->type < LY_COUNT(types) ? rec->type : LYDITE_OTHER;
    const char *operation = types[type].operation;
    if (!operation || *operation) {
        put_str(encoder, LY_K_OPERATION, operation ? ly_str_c(operation) : subject, false);
    }
    if (types[type].subject && subject.len) {
        put_str(encoder, types[type].subject, subject, false);
    }
    if (types[type].type) {
        put_str(encoder, LY_K_TYPE, ly_str_c(types[type].type), false);
    }
    if (encoder->config->origin) {
        put_str(encoder, LY_K_ORIGIN, ly_str_c(encoder->config->origin), false);
    }
    if (rec->flags & LY_REC_PENDING) {
        put_bool(encoder, LY_K_PENDING);
    }
    if (rec->flags & LY_REC_WITHHELD) {
        put_bool(encoder, LY_K_WITHHELD);
    }
}

static ly_str subject_of(const ly_encoder *encoder, const ly_rec *rec)
{
    if (rec->name) {
        return borrowed(encoder, rec->name);
    }
    EACH_ITEM(item, rec)
    {
        if (item->kind == LY_IT_SUBJECT) {
            return ly_str_n(item + 1, item->len);
        }
    }
    return LY_STR_NONE;
}

static ly_str span_name(ly_encoder *encoder, const ly_rec *rec, const parts *p)
{
    unsigned type = rec->type < LY_COUNT(types) ? rec->type : LYDITE_OTHER;
    if (p->name.ptr) {
        return p->name;
    }
    ly_str subject = p->subject;
    const ly_attr *model =
        types[type].subject ? ly_encoder_find(encoder, ly_str_c(types[type].subject)) : NULL;
    if (!subject.len && model) {
        subject = model->str;
    }
    const ly_attr *operation = ly_encoder_find(encoder, LY_S(LY_K_OPERATION));
    if (types[type].name_alone || !operation) {
        return subject.len ? subject : operation ? operation->str : LY_S("span");
    }
    if (!subject.len) {
        return operation->str;
    }
    return ly_arena_fmt(&encoder->arena, "%.*s %.*s", LY_STR_ARG(operation->str),
                        LY_STR_ARG(subject));
}

/* ---- writing ---- */

static uint8_t *raw_head(uint8_t *at, uint32_t number, size_t len)
{
    *at++ = (uint8_t)(number << 3 | LY_PB_BYTES);
    return at + ly_pb_varint_to(len, at);
}

static uint8_t *raw_bytes(uint8_t *at, uint32_t number, ly_str bytes)
{
    at = raw_head(at, number, bytes.len);
    memcpy(at, bytes.ptr ? bytes.ptr : "", bytes.len);
    return at + bytes.len;
}

static size_t bytes_size(size_t len)
{
    return 1 + ly_pb_varint_size(len) + len;
}

static size_t any_size(const ly_attr *attr)
{
    switch (attr->kind) {
    case LY_IT_INT:
        return 1 + ly_pb_varint_size(attr->bits);
    case LY_IT_DOUBLE:
        return 1 + 8;
    case LY_IT_BOOL:
        return 2;
    case LY_IT_ANY:
        return attr->str.len;
    default:
        return bytes_size(attr->str.len);
    }
}

/* Most of what the exporter does is this: so the sizes first, and then one piece of the buffer. */
static void write_attr(ly_buf *out, const ly_attr *attr)
{
    const size_t any = any_size(attr);
    const size_t pair = bytes_size(attr->key.len) + bytes_size(any);
    uint8_t *at = (uint8_t *)ly_buf_room(out, bytes_size(pair));
    if (!at) {
        return;
    }
    at = raw_bytes(raw_head(at, 9, pair), 1, attr->key);
    at = raw_head(at, 2, any);
    switch (attr->kind) {
    case LY_IT_INT:
        *at++ = 3 << 3 | LY_PB_VARINT;
        ly_pb_varint_to(attr->bits, at);
        break;
    case LY_IT_DOUBLE:
        *at++ = 4 << 3 | LY_PB_FIXED64;
        for (unsigned i = 0; i < 8; i++) {
            at[i] = (uint8_t)(attr->bits >> (8 * i));
        }
        break;
    case LY_IT_BOOL:
        *at++ = 2 << 3 | LY_PB_VARINT;
        *at = attr->bits != 0;
        break;
    case LY_IT_ANY:
        memcpy(at, attr->str.ptr ? attr->str.ptr : "", attr->str.len);
        break;
    case LY_IT_BYTES:
        raw_bytes(at, 7, attr->str);
        break;
    default:
        raw_bytes(at, 1, attr->str);
    }
    ly_buf_advance(out, bytes_size(pair));
}

/* An attribute's value goes as bytes then, as OpenTelemetry maps it; content must stay text. */
static void clean_attr(ly_encoder *encoder, ly_attr *attr)
{
    attr->key = clean(encoder, attr->key);
    if (attr->kind == LY_IT_STR && LY_UNLIKELY(!ly_utf8_valid(attr->str))) {
        if (attr->content) {
            attr->str = clean(encoder, attr->str);
        } else {
            attr->kind = LY_IT_BYTES;
        }
    }
}

static void write_attrs(ly_encoder *encoder, ly_buf *out)
{
    for (int content = 0; content < 2; content++) {
        for (size_t i = 0; i < encoder->n; i++) {
            ly_attr *attr = &encoder->attrs[i];
            if (!attr->gone && attr->content == (content != 0)) {
                clean_attr(encoder, attr);
                write_attr(out, attr);
            }
        }
    }
}

/* An event with one integer: time, borrowed name and value are its payload. */
static void write_int_event(const ly_item *item, int64_t offset, ly_buf *out)
{
    struct {
        int64_t time;
        const char *name;
        int64_t value;
    } payload;
    memcpy(&payload, item + 1, sizeof payload);
    if (offset != LY_NO_TIME) {
        ly_pb_put_fixed64(out, 1, (uint64_t)(payload.time + offset));
    }
    ly_text_field(out, 2, ly_str_c(payload.name));
    if (item->key) {
        attr_int(out, 3, ly_str_c(item->key), payload.value);
    }
}

static void write_events(const ly_rec *rec, int64_t offset, ly_buf *out)
{
    EACH_ITEM(item, rec)
    {
        if (item->kind == LY_IT_EVENT) {
            int64_t time;
            memcpy(&time, item + 1, 8);
            size_t mark = ly_pb_open(out, 11);
            ly_pb_put_fixed64(out, 1, (uint64_t)(time + offset));
            ly_buf_add(out, (const char *)(item + 1) + 8, item->len - 8);
            ly_pb_close(out, mark);
        } else if (item->kind == LY_IT_EVENT_INT) {
            size_t mark = ly_pb_open(out, 11);
            write_int_event(item, offset, out);
            ly_pb_close(out, mark);
        }
    }
}

/* Fills record->events from the record's items; false without memory. */
static bool read_events(lydite_record *record)
{
    ly_encoder *encoder = record->encoder;
    size_t n = 0;
    EACH_ITEM(counted, record->rec)
    {
        n += counted->kind == LY_IT_EVENT || counted->kind == LY_IT_EVENT_INT;
    }
    record->n_events = 0;
    record->events = LY_ARENA_ARRAY(&encoder->arena, ly_event_ref, n + 1);
    if (!record->events) {
        return false;
    }
    EACH_ITEM(item, record->rec)
    {
        ly_event_ref *event = &record->events[record->n_events];
        if (item->kind != LY_IT_EVENT && item->kind != LY_IT_EVENT_INT) {
            continue;
        }
        ly_buf_reset(&encoder->join);
        if (item->kind == LY_IT_EVENT_INT) {
            write_int_event(item, LY_NO_TIME, &encoder->join);
        } else {
            ly_buf_add(&encoder->join, (const char *)(item + 1) + 8, item->len - 8);
        }
        memcpy(&event->time_ns, item + 1, 8);
        event->body = ly_arena_copy(&encoder->arena, ly_buf_view(&encoder->join));
        event->gone = false;
        if (encoder->join.failed || !ly_str_given(event->body)) {
            return false;
        }
        record->n_events++;
    }
    return true;
}

/* What processors left of them. */
static void write_event_refs(const lydite_record *record, int64_t offset, ly_buf *out)
{
    for (size_t i = 0; i < record->n_events; i++) {
        if (!record->events[i].gone) {
            size_t mark = ly_pb_open(out, 11);
            ly_pb_put_fixed64(out, 1, (uint64_t)(record->events[i].time_ns + offset));
            ly_buf_str(out, record->events[i].body);
            ly_pb_close(out, mark);
        }
    }
}

/* Of a failure without an exception event (§5): many readers look for that and for nothing else. */
static void write_failure(ly_encoder *encoder, const ly_rec *rec, const parts *p, int64_t offset,
                          ly_buf *out)
{
    const ly_attr *type = ly_encoder_find(encoder, LY_S(LY_K_ERROR_TYPE));
    if (rec->status != 2 || p->exception || p->n_events >= encoder->config->max_events) {
        return;
    }
    size_t mark = ly_pb_open(out, 11);
    ly_pb_put_fixed64(out, 1, (uint64_t)(rec->end_ns + offset));
    ly_pb_put_bytes(out, 2, LY_S("exception"));
    if (type && type->kind == LY_IT_STR) {
        attr_str(out, 3, LY_S("exception.type"), type->str);
    }
    if (p->status.len) {
        attr_str(out, 3, LY_S("exception.message"),
                 ly_chars_cut(p->status, encoder->config->max_chars));
    }
    ly_pb_close(out, mark);
}

static void write_links(const ly_rec *rec, ly_buf *out)
{
    EACH_ITEM(item, rec)
    {
        if (item->kind == LY_IT_LINK) {
            ly_pb_put_bytes(out, 13, ly_str_n(item + 1, item->len));
        }
    }
}

static void write_status(const ly_rec *rec, ly_str message, ly_buf *out)
{
    if (!rec->status) {
        return;
    }
    size_t mark = ly_pb_open(out, 15);
    if (rec->status == 2 && message.len) {
        ly_pb_put_bytes(out, 2, message);
    }
    ly_pb_put_uint(out, 3, rec->status);
    ly_pb_close(out, mark);
}

/* seen: what processors left of the events; NULL when there are no processors. */
static void write_span(ly_encoder *encoder, const ly_rec *rec, ly_str name, const parts *p,
                       const lydite_record *seen, int64_t offset, ly_buf *out)
{
    unsigned type = rec->type < LY_COUNT(types) ? rec->type : LYDITE_OTHER;
    size_t mark = ly_pb_open(out, 2);
    ly_pb_put_bytes(out, 1, ly_str_n(rec->trace_id, 16));
    ly_pb_put_bytes(out, 2, ly_str_n(&rec->span_id, 8));
    if (rec->bag && rec->bag->trace_state.len) {
        ly_pb_put_bytes(out, 3, rec->bag->trace_state);
    }
    if (rec->flags & LY_REC_HAS_PARENT) {
        ly_pb_put_bytes(out, 4, ly_str_n(&rec->parent_id, 8));
    }
    ly_pb_put_bytes(out, 5, name);
    ly_pb_put_uint(out, 6, rec->kind ? rec->kind : types[type].kind);
    ly_pb_put_fixed64(out, 7, (uint64_t)(rec->start_ns + offset));
    if (!(rec->flags & LY_REC_PENDING)) {
        ly_pb_put_fixed64(out, 8, (uint64_t)(rec->end_ns + offset));
    }
    write_attrs(encoder, out);
    if (rec->dropped_attrs) {
        ly_pb_put_uint(out, 10, rec->dropped_attrs);
    }
    if (seen) {
        write_event_refs(seen, offset, out);
    } else {
        write_events(rec, offset, out);
    }
    write_failure(encoder, rec, p, offset, out);
    if (rec->dropped_events) {
        ly_pb_put_uint(out, 12, rec->dropped_events);
    }
    write_links(rec, out);
    if (rec->dropped_links) {
        ly_pb_put_uint(out, 14, rec->dropped_links);
    }
    write_status(rec, p->status, out);
    ly_pb_put_fixed32(out, 16,
                      (rec->trace_flags & 3u) | 0x100u | (rec->flags & LY_REC_REMOTE ? 0x200u : 0));
    ly_pb_close(out, mark);
}

/* Fail closed: whatever is not a clear "keep" drops the span. */
static bool processors_keep(lydite_record *record)
{
    const ly_config *config = record->encoder->config;
    for (size_t i = 0; i < config->n_processors; i++) {
        if (config->processors[i].fn(config->processors[i].user, record) != 0) {
            return false;
        }
    }
    return true;
}

int ly_encode_record(ly_encoder *encoder, const ly_rec *rec, int64_t wall_offset_ns, ly_buf *out)
{
    parts p = {.subject = subject_of(encoder, rec)};
    const size_t start = out->len;
    ly_arena_reset(&encoder->arena);
    encoder->n = 0;
    memset(encoder->heads, 0xFF, sizeof encoder->heads);
    put_implied(encoder, rec, p.subject);
    if (rec->bag) {
        put_inherited(encoder, rec->bag);
    }
    read_items(encoder, rec, &p);
    if (rec->name) {
        p.subject = borrowed(encoder, rec->name);
    }
    if (p.n_finish) {
        put_finish(encoder, rec);
    }
    if (p.n_in) {
        put_joined(encoder, rec, LY_IT_MESSAGE, 0, LY_K_INPUT);
    }
    if (p.n_out) {
        put_joined(encoder, rec, LY_IT_MESSAGE, 1, LY_K_OUTPUT);
    }
    if (p.n_docs) {
        put_joined(encoder, rec, LY_IT_DOCUMENT, -1,
                   rec->type == LYDITE_MEMORY ? "gen_ai.memory.records" : LY_K_DOCUMENTS);
    }
    ly_str name = span_name(encoder, rec, &p);
    lydite_record record = {.encoder = encoder, .rec = rec};
    const bool seen = encoder->config->n_processors != 0;
    if (seen) {
        record.name = ly_arena_copy(&encoder->arena, name);
        record.message = ly_arena_copy(&encoder->arena, p.status);
        if (!read_events(&record) || !processors_keep(&record)) {
            return LYDITE_DROP_PROCESSOR;
        }
        name = record.name;
        p.status = record.message;
    }
    p.status = clean(encoder, p.status);
    write_span(encoder, rec, clean(encoder, name), &p, seen ? &record : NULL, wall_offset_ns, out);
    if (out->failed) {
        int reason = out->failed == LY_E_NOMEM ? LYDITE_DROP_MEMORY : LYDITE_DROP_TOO_LARGE;
        out->failed = LY_OK;
        ly_buf_cut(out, start);
        return reason;
    }
    return -1;
}
