/*
 * OTLP protobuf -> model (model.h), zero copy.
 *
 * A request is read as far as its frame allows: ResourceSpans, ScopeSpans and the lengths of the
 * items in them must parse, else the whole request is malformed. What is wrong inside one item (an id
 * of the wrong length, a group, nesting too deep) marks that item with `reject` and leaves its
 * neighbours alone. Where the Resource or the scope itself cannot be read, all its items are marked.
 *
 * Also promised: unknown fields are skipped at every level (and stay in `wire`); a known field with
 * another wire type counts as unknown; of a singular field sent twice the last wins, of a message
 * sent twice both are merged, of oneof members the last wins; strings that are not UTF-8 are kept
 * and flagged; recursion is limited by max_depth; memory comes from the arena only.
 */
#ifndef LY_OTLP_DECODE_H
#define LY_OTLP_DECODE_H

#include "otlp/model.h"

/* 0 = the default of base/limits.h. The arena's own maximum bounds memory: a request is given up with
 * LY_E_LIMIT when it is reached. */
typedef struct ly_otlp_limits {
    size_t max_items;   /* spans or log records of a request */
    size_t max_attrs;   /* attributes (or events, or links) of one item */
    unsigned max_depth; /* levels of AnyValue; a plain attribute value is level 1 */
} ly_otlp_limits;

/*
 * Decodes an Export{Trace,Logs,Metrics}ServiceRequest (TracesData, LogsData and MetricsData are the
 * same bytes). An empty input is a valid empty request. Of metrics only the data points are counted.
 *
 * bytes    must outlive the batch, whose views point into it
 * arena    takes every array; steady state of a loop that resets it is no allocation
 * limits   NULL = defaults
 * Errors   LY_E_FORMAT (frame malformed; the text says where), LY_E_LIMIT (too many items, or the
 *          arena's maximum), LY_E_NOMEM. *ret_batch is untouched then.
 */
LY_MUST_USE ly_status ly_otlp_decode(ly_str bytes, ly_signal signal, ly_arena *arena,
                                     const ly_otlp_limits *limits, ly_otlp_batch *ret_batch,
                                     ly_err *err);

/*
 * One message, as stored: the same reading for those who rebuild records from kept `wire` bytes.
 * The view is kept as `wire`; resource and scope are only pointed to and may be NULL here.
 * LY_OK; LY_E_FORMAT when ret->reject says what is wrong (what could be read is filled in; for a
 * resource or scope the result is then empty but for `wire` and `schema_url`); LY_E_NOMEM.
 */
LY_MUST_USE ly_status ly_otlp_decode_span(ly_str wire, const ly_resource *resource,
                                          const ly_scope *scope, ly_arena *arena,
                                          ly_span *ret_span);
LY_MUST_USE ly_status ly_otlp_decode_log(ly_str wire, const ly_resource *resource,
                                         const ly_scope *scope, ly_arena *arena,
                                         ly_log_record *ret_log);
LY_MUST_USE ly_status ly_otlp_decode_resource(ly_str wire, ly_str schema_url, ly_arena *arena,
                                              ly_resource *ret_resource);
LY_MUST_USE ly_status ly_otlp_decode_scope(ly_str wire, ly_str schema_url, ly_arena *arena,
                                           ly_scope *ret_scope);

#endif
