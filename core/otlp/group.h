/*
 * Groups records by resource and scope for the two export writers (protobuf and JSON): records whose
 * resource has the same bytes and schema URL stand together, within that by scope, both in order of
 * first appearance. Internal to core/otlp.
 */
#ifndef LY_OTLP_GROUP_H
#define LY_OTLP_GROUP_H

#include "base/err.h"
#include "otlp/model.h"

#define LY_GROUP_END UINT32_MAX

typedef struct ly_group_item {
    const ly_resource *resource; /* NULL = empty */
    const ly_scope *scope;       /* NULL = empty */
    ly_str wire;
    uint32_t next; /* item of the same scope, or LY_GROUP_END */
} ly_group_item;

typedef struct ly_group_scope {
    ly_str wire, schema;
    uint32_t resource;
    uint32_t first, last; /* items */
    uint32_t next;        /* scope of the same resource, or LY_GROUP_END */
    uint64_t bytes;       /* of its items, as protobuf fields */
} ly_group_scope;

typedef struct ly_group_resource {
    ly_str wire, schema;
    uint32_t first, last; /* scopes */
} ly_group_resource;

typedef struct ly_groups {
    ly_group_item *items;
    size_t n_items;
    ly_group_scope *scopes;
    size_t n_scopes, cap_scopes;
    ly_group_resource *resources;
    size_t n_resources, cap_resources;
} ly_groups;

LY_MUST_USE ly_status ly_groups_spans(const ly_span *const *spans, size_t n, ly_groups *ret,
                                      ly_err *err);
LY_MUST_USE ly_status ly_groups_logs(const ly_log_record *const *logs, size_t n, ly_groups *ret,
                                     ly_err *err);
void ly_groups_release(ly_groups *groups);

#endif
