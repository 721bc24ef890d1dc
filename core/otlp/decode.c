/* The frame of an OTLP request and the entry points of decode.h; see decode_impl.h. */
#include "base/limits.h"
#include "otlp/decode_impl.h"

/* ---- the frame of a request ----
 *
 * Request { 1: ResourceX { 1: Resource, 2: ScopeX { 1: Scope, 2: item, 3: schema }, 3: schema } }
 * has the same numbers for spans, logs and metrics. */

typedef struct frame {
    ly_pb_item base; /* limits and arena, copied for each item */
    ly_otlp_batch batch;
    size_t max_items;
    size_t next; /* item to fill */
} frame;

/* Calls fn for each field of that number and of type bytes. */
typedef bool (*part_fn)(frame *f, void *user, ly_str part);

static bool each(frame *f, ly_str message, uint32_t number, part_fn fn, void *user)
{
    ly_pb_reader reader = ly_pb_read(message);
    ly_pb_field field;
    ly_pb_result r;
    while ((r = ly_pb_next(&reader, &field)) == LY_PB_FIELD) {
        if (field.number == number && field.type == LY_PB_BYTES && !fn(f, user, field.bytes)) {
            return false;
        }
    }
    return r == LY_PB_END;
}

static bool count_item(frame *f, void *user, ly_str part)
{
    (void)f;
    (void)part;
    ++*(size_t *)user;
    return true;
}

static bool count_scope(frame *f, void *user, ly_str part)
{
    return each(f, part, 2, count_item, user);
}

static bool count_resource(frame *f, void *user, ly_str part)
{
    return each(f, part, 2, count_scope, user);
}

/* The sub-message 1 (merged when it came in pieces) and schema_url 3 of a ResourceX or ScopeX. A
 * message that cannot be merged sets it->reject. false: out of memory. */
static bool envelope(ly_pb_item *it, ly_str part, ly_str *ret_message, ly_str *ret_schema)
{
    ly_pb_reader reader = ly_pb_read(part);
    ly_pb_field field;
    bool again = false;
    *ret_message = LY_STR_NONE;
    *ret_schema = LY_S("");
    while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
        if (ly_pb_tag_of(&field) == 0x0A) {
            again = again || ly_str_given(*ret_message);
            *ret_message = field.bytes;
        } else if (ly_pb_tag_of(&field) == 0x1A) {
            *ret_schema = ly_pb_text(it, field.bytes);
        }
    }
    it->merge_left = LY_PB_MERGE_ROOM(part.len);
    if (again) {
        ly_pb_gather(it, part, 1, ret_message);
    }
    *ret_message = ly_pb_given(*ret_message);
    return !it->no_memory;
}

typedef struct place {
    const ly_resource *resource;
    const ly_scope *scope;
    ly_reject reject; /* of the resource or scope: goes to every item below */
    bool bad_utf8;
} place;

static void settle(frame *f, const place *where, ly_reject *reject, bool *invalid_utf8)
{
    if (where->reject != LY_REJECT_NONE) {
        *reject = where->reject;
    }
    *invalid_utf8 = *invalid_utf8 || where->bad_utf8;
    if (*reject != LY_REJECT_NONE) {
        if (f->batch.n_rejected++ == 0) {
            f->batch.first_reject = *reject;
        }
    }
}

static bool fill_item(frame *f, void *user, ly_str part)
{
    const place *where = user;
    ly_pb_item it = f->base;
    bool ok;
    if (f->batch.signal == LY_SIGNAL_TRACES) {
        ly_span *span = &f->batch.spans[f->next++];
        span->resource = where->resource;
        span->scope = where->scope;
        ok = ly_pb_span(&it, part, span);
        settle(f, where, &span->reject, &span->invalid_utf8);
    } else {
        ly_log_record *log = &f->batch.logs[f->next++];
        log->resource = where->resource;
        log->scope = where->scope;
        ok = ly_pb_log(&it, part, log);
        settle(f, where, &log->reject, &log->invalid_utf8);
    }
    f->base.no_memory = !ok;
    return ok;
}

static void empty_scope(ly_scope *scope, ly_str wire, ly_str schema)
{
    *scope = (ly_scope){.name = LY_S(""),
                        .version = LY_S(""),
                        .schema_url = ly_pb_given(schema),
                        .wire = ly_pb_given(wire)};
}

static bool fill_scope(frame *f, void *user, ly_str part)
{
    size_t n = 0;
    if (!each(f, part, 2, count_item, &n) || n == 0) {
        return true; /* an empty envelope: nothing to remember */
    }
    place where = *(const place *)user;
    ly_pb_item it = f->base;
    ly_str wire, schema;
    ly_scope *scope = LY_ARENA_NEW(it.arena, ly_scope);
    f->base.no_memory = !scope || !envelope(&it, part, &wire, &schema);
    if (f->base.no_memory) {
        return false;
    }
    empty_scope(scope, wire, schema);
    if (it.reject == LY_REJECT_NONE) {
        ly_pb_scope(&it, wire, scope);
    }
    f->base.no_memory = it.no_memory;
    where.scope = scope;
    where.reject = where.reject != LY_REJECT_NONE ? where.reject : it.reject;
    where.bad_utf8 = where.bad_utf8 || it.bad_utf8;
    return !it.no_memory && each(f, part, 2, fill_item, &where);
}

static bool fill_resource(frame *f, void *user, ly_str part)
{
    (void)user;
    size_t n = 0;
    if (!count_resource(f, &n, part) || n == 0) {
        return true;
    }
    ly_pb_item it = f->base;
    ly_str wire, schema;
    ly_resource *resource = LY_ARENA_NEW(it.arena, ly_resource);
    f->base.no_memory = !resource || !envelope(&it, part, &wire, &schema);
    if (f->base.no_memory) {
        return false;
    }
    *resource = (ly_resource){.schema_url = schema, .wire = wire};
    if (it.reject == LY_REJECT_NONE) {
        ly_pb_resource(&it, wire, resource);
    }
    f->base.no_memory = it.no_memory;
    place where = {.resource = resource, .reject = it.reject, .bad_utf8 = it.bad_utf8};
    return !it.no_memory && each(f, part, 2, fill_scope, &where);
}

/* ---- metrics: data points are counted ---- */

static bool count_metric(frame *f, void *user, ly_str part)
{
    /* gauge, sum, histogram, exponential histogram, summary: each has its points in field 1 */
    static const uint32_t kinds[] = {5, 7, 9, 10, 11};
    for (size_t i = 0; i < LY_COUNT(kinds); i++) {
        ly_pb_reader reader = ly_pb_read(part);
        ly_pb_field field;
        while (ly_pb_next(&reader, &field) == LY_PB_FIELD) {
            if (field.number == kinds[i] && field.type == LY_PB_BYTES) {
                (void)each(f, field.bytes, 1, count_item, user);
            }
        }
    }
    return true;
}

static bool count_metric_scope(frame *f, void *user, ly_str part)
{
    return each(f, part, 2, count_metric, user);
}

static bool count_metric_resource(frame *f, void *user, ly_str part)
{
    return each(f, part, 2, count_metric_scope, user);
}

/* ---- entry points ---- */

static ly_pb_item new_item(ly_arena *arena, const ly_otlp_limits *limits)
{
    ly_pb_item it = {
        .arena = arena, .max_attrs = LY_MAX_ATTRS_PER_SPAN, .max_depth = LY_MAX_ANY_DEPTH};
    if (limits && limits->max_attrs > 0) {
        it.max_attrs = limits->max_attrs;
    }
    if (limits && limits->max_depth > 0 && limits->max_depth < it.max_depth) {
        it.max_depth = limits->max_depth;
    }
    return it;
}

static ly_status no_room(const ly_arena *arena, ly_err *err)
{
    if (arena->max != SIZE_MAX) {
        return LY_FAIL(err, LY_E_LIMIT, "OTLP request needs more than %zu bytes decoded: send less",
                       arena->max);
    }
    return LY_NOMEM(err);
}

static ly_status decode_items(frame *f, ly_str bytes, ly_err *err)
{
    size_t n = 0;
    bool traces = f->batch.signal == LY_SIGNAL_TRACES;
    if (!each(f, bytes, 1, count_resource, &n)) {
        return LY_FAIL(err, LY_E_FORMAT, "OTLP request is not a valid protobuf message");
    }
    if (n > f->max_items) {
        return LY_FAIL(err, LY_E_LIMIT,
                       "OTLP request holds %zu %s, at most %zu are taken: send less", n,
                       traces ? "spans" : "log records", f->max_items);
    }
    if (traces) {
        f->batch.spans = LY_ARENA_ARRAY(f->base.arena, ly_span, n);
        f->batch.n_spans = n;
    } else {
        f->batch.logs = LY_ARENA_ARRAY(f->base.arena, ly_log_record, n);
        f->batch.n_logs = n;
    }
    if (n > 0 && !f->batch.spans && !f->batch.logs) {
        return no_room(f->base.arena, err);
    }
    if (!each(f, bytes, 1, fill_resource, NULL)) {
        return no_room(f->base.arena, err);
    }
    return LY_OK;
}

ly_status ly_otlp_decode(ly_str bytes, ly_signal signal, ly_arena *arena,
                         const ly_otlp_limits *limits, ly_otlp_batch *ret_batch, ly_err *err)
{
    frame f = {.base = new_item(arena, limits), .batch = {.signal = signal}};
    f.max_items = limits && limits->max_items > 0 ? limits->max_items : LY_MAX_ITEMS_PER_REQUEST;
    if (signal == LY_SIGNAL_METRICS) {
        if (!each(&f, bytes, 1, count_metric_resource, &f.batch.n_points)) {
            return LY_FAIL(err, LY_E_FORMAT, "OTLP request is not a valid protobuf message");
        }
    } else {
        ly_status status = decode_items(&f, bytes, err);
        if (status != LY_OK) {
            return status;
        }
    }
    *ret_batch = f.batch;
    return LY_OK;
}

ly_status ly_otlp_decode_span(ly_str wire, const ly_resource *resource, const ly_scope *scope,
                              ly_arena *arena, ly_span *ret_span)
{
    ly_pb_item it = new_item(arena, NULL);
    ly_span span = {.resource = resource, .scope = scope};
    if (!ly_pb_span(&it, wire, &span)) {
        return LY_E_NOMEM;
    }
    *ret_span = span;
    return span.reject == LY_REJECT_NONE ? LY_OK : LY_E_FORMAT;
}

ly_status ly_otlp_decode_log(ly_str wire, const ly_resource *resource, const ly_scope *scope,
                             ly_arena *arena, ly_log_record *ret_log)
{
    ly_pb_item it = new_item(arena, NULL);
    ly_log_record log = {.resource = resource, .scope = scope};
    if (!ly_pb_log(&it, wire, &log)) {
        return LY_E_NOMEM;
    }
    *ret_log = log;
    return log.reject == LY_REJECT_NONE ? LY_OK : LY_E_FORMAT;
}

ly_status ly_otlp_decode_resource(ly_str wire, ly_str schema_url, ly_arena *arena,
                                  ly_resource *ret_resource)
{
    ly_pb_item it = new_item(arena, NULL);
    ly_resource resource = {.schema_url = ly_pb_given(schema_url), .wire = ly_pb_given(wire)};
    it.merge_left = LY_PB_MERGE_ROOM(wire.len);
    if (!ly_pb_resource(&it, wire, &resource) && it.no_memory) {
        return LY_E_NOMEM;
    }
    *ret_resource = resource;
    return it.reject == LY_REJECT_NONE ? LY_OK : LY_E_FORMAT;
}

ly_status ly_otlp_decode_scope(ly_str wire, ly_str schema_url, ly_arena *arena, ly_scope *ret_scope)
{
    ly_pb_item it = new_item(arena, NULL);
    ly_scope scope;
    empty_scope(&scope, wire, schema_url);
    it.merge_left = LY_PB_MERGE_ROOM(wire.len);
    if (!ly_pb_scope(&it, wire, &scope) && it.no_memory) {
        return LY_E_NOMEM;
    }
    *ret_scope = scope;
    return it.reject == LY_REJECT_NONE ? LY_OK : LY_E_FORMAT;
}
