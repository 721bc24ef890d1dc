/* Grouping by content, through two small hash tables that live during the build only. */
#include "otlp/group.h"

#include "base/mem.h"
#include "otlp/pb.h"

/* Open addressing: a slot holds an index + 1. */
typedef struct table {
    uint32_t *slots;
    size_t size; /* power of two */
} table;

static bool table_new(size_t n, table *ret)
{
    size_t size = 16;
    while (size < n * 2) {
        size *= 2;
    }
    ret->size = size;
    ret->slots = ly_calloc(size, sizeof *ret->slots);
    return ret->slots != NULL;
}

static uint64_t hash_of(ly_str wire, ly_str schema, uint32_t outer)
{
    return (ly_str_hash(wire) * 31 + ly_str_hash(schema)) * 31 + outer;
}

static bool same(ly_str wire_a, ly_str schema_a, ly_str wire_b, ly_str schema_b)
{
    return ly_str_eq(wire_a, wire_b) && ly_str_eq(schema_a, schema_b);
}

static bool find_resource(ly_groups *g, table *t, ly_str wire, ly_str schema, uint32_t *ret)
{
    size_t slot = hash_of(wire, schema, 0) & (t->size - 1);
    while (t->slots[slot] != 0) {
        ly_group_resource *r = &g->resources[t->slots[slot] - 1];
        if (same(r->wire, r->schema, wire, schema)) {
            *ret = t->slots[slot] - 1;
            return true;
        }
        slot = (slot + 1) & (t->size - 1);
    }
    if (!ly_grow(&g->resources, &g->cap_resources, g->n_resources + 1, UINT32_MAX,
                 sizeof *g->resources)) {
        return false;
    }
    g->resources[g->n_resources] = (ly_group_resource){wire, schema, LY_GROUP_END, LY_GROUP_END};
    *ret = (uint32_t)g->n_resources++;
    t->slots[slot] = *ret + 1;
    return true;
}

static void link_scope(ly_groups *g, uint32_t scope)
{
    ly_group_resource *r = &g->resources[g->scopes[scope].resource];
    if (r->first == LY_GROUP_END) {
        r->first = scope;
    } else {
        g->scopes[r->last].next = scope;
    }
    r->last = scope;
}

static bool find_scope(ly_groups *g, table *t, uint32_t resource, ly_str wire, ly_str schema,
                       uint32_t *ret)
{
    size_t slot = hash_of(wire, schema, resource) & (t->size - 1);
    while (t->slots[slot] != 0) {
        ly_group_scope *s = &g->scopes[t->slots[slot] - 1];
        if (s->resource == resource && same(s->wire, s->schema, wire, schema)) {
            *ret = t->slots[slot] - 1;
            return true;
        }
        slot = (slot + 1) & (t->size - 1);
    }
    if (!ly_grow(&g->scopes, &g->cap_scopes, g->n_scopes + 1, UINT32_MAX, sizeof *g->scopes)) {
        return false;
    }
    g->scopes[g->n_scopes] =
        (ly_group_scope){wire, schema, resource, LY_GROUP_END, LY_GROUP_END, LY_GROUP_END, 0};
    *ret = (uint32_t)g->n_scopes++;
    t->slots[slot] = *ret + 1;
    link_scope(g, *ret);
    return true;
}

static void link_item(ly_groups *g, uint32_t scope, uint32_t item)
{
    ly_group_scope *s = &g->scopes[scope];
    if (s->first == LY_GROUP_END) {
        s->first = item;
    } else {
        g->items[s->last].next = item;
    }
    s->last = item;
    size_t len = g->items[item].wire.len;
    s->bytes += 1 + ly_pb_varint_size(len) + len;
}

static bool build(ly_groups *g, table *resources, table *scopes)
{
    const ly_group_item *before = NULL;
    uint32_t resource = 0, scope = 0;
    for (size_t i = 0; i < g->n_items; i++) {
        ly_group_item *it = &g->items[i];
        if (!before || before->resource != it->resource || before->scope != it->scope) {
            ly_str r = it->resource ? it->resource->wire : LY_STR_NONE;
            ly_str r_schema = it->resource ? it->resource->schema_url : LY_STR_NONE;
            ly_str s = it->scope ? it->scope->wire : LY_STR_NONE;
            ly_str s_schema = it->scope ? it->scope->schema_url : LY_STR_NONE;
            if (!find_resource(g, resources, r, r_schema, &resource) ||
                !find_scope(g, scopes, resource, s, s_schema, &scope)) {
                return false;
            }
        }
        link_item(g, scope, (uint32_t)i);
        before = it;
    }
    return true;
}

static ly_status start(size_t n, ly_groups *ret, ly_err *err)
{
    *ret = (ly_groups){.n_items = n};
    if (n >= UINT32_MAX / 4) {
        return LY_FAIL(err, LY_E_LIMIT, "export of %zu records at once: export in parts", n);
    }
    ret->items = ly_calloc(n > 0 ? n : 1, sizeof *ret->items);
    return ret->items ? LY_OK : LY_NOMEM(err);
}

static ly_status finish(ly_groups *ret, ly_err *err)
{
    table resources = {NULL, 0}, scopes = {NULL, 0};
    bool ok = table_new(ret->n_items, &resources) && table_new(ret->n_items, &scopes) &&
              build(ret, &resources, &scopes);
    ly_free(resources.slots);
    ly_free(scopes.slots);
    if (!ok) {
        ly_groups_release(ret);
        return LY_NOMEM(err);
    }
    return LY_OK;
}

ly_status ly_groups_spans(const ly_span *const *spans, size_t n, ly_groups *ret, ly_err *err)
{
    ly_status status = start(n, ret, err);
    if (status != LY_OK) {
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        ret->items[i] =
            (ly_group_item){spans[i]->resource, spans[i]->scope, spans[i]->wire, LY_GROUP_END};
    }
    return finish(ret, err);
}

ly_status ly_groups_logs(const ly_log_record *const *logs, size_t n, ly_groups *ret, ly_err *err)
{
    ly_status status = start(n, ret, err);
    if (status != LY_OK) {
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        ret->items[i] =
            (ly_group_item){logs[i]->resource, logs[i]->scope, logs[i]->wire, LY_GROUP_END};
    }
    return finish(ret, err);
}

void ly_groups_release(ly_groups *groups)
{
    ly_free(groups->items);
    ly_free(groups->scopes);
    ly_free(groups->resources);
    *groups = (ly_groups){0};
}
