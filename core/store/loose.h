/* Inside the store room: log records that belong to no trace, and which of them a query passes. */
#ifndef LY_STORE_LOOSE_H
#define LY_STORE_LOOSE_H

#include "store/internal.h"

/* A filter can be asked of a log record alone when all it asks is something that a record says itself:
 * service, env, release, session, user, name, model, provider, tool, agent, attributes, text, time. One
 * that asks for more (durations, scores, trace ids, the root) passes no such record, negated or not. */
bool ly_loose_asked(const ly_trace_query *query);
/* Does the query pass this record? arena takes what is made on the way. Only LY_E_NOMEM. */
LY_MUST_USE ly_status ly_loose_ok(const ly_trace_query *query, const ly_log_record *log,
                                  ly_arena *arena, bool *ret_ok, ly_err *err);

#endif
