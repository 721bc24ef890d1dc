/*
 * ly_queue: a bounded queue of pointers between threads (any number of both kinds).
 *
 * The bound is a total cost in the caller's unit (bytes, as a rule) and a count. Full-policy is the
 * pusher's choice by timeout: 0 = refuse at once (LY_E_FULL), otherwise wait so long. One item may
 * cost more than the whole bound: it is taken when the queue is empty, so nothing is stuck for ever.
 * Shutdown: ly_queue_close refuses further pushes (LY_E_CLOSED); poppers drain what is left and then
 * get LY_E_CLOSED.
 * The lock inside guards all fields; no callback runs under it.
 */
#ifndef LY_BASE_QUEUE_H
#define LY_BASE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct ly_queue ly_queue;

LY_MUST_USE ly_status ly_queue_new(size_t max_cost, size_t max_items, ly_queue **ret_queue,
                                   ly_err *err);
/* The queue must be empty or its items are the caller's loss; no thread may wait in it. */
void ly_queue_free(ly_queue *queue);
/* timeout_ns: 0 = do not wait, UINT64_MAX = for ever. LY_OK, LY_E_FULL, LY_E_CLOSED. */
LY_MUST_USE ly_status ly_queue_push(ly_queue *queue, void *item, size_t cost, uint64_t timeout_ns);
/* LY_OK, LY_E_TIMEOUT, LY_E_CLOSED. */
LY_MUST_USE ly_status ly_queue_pop(ly_queue *queue, void **ret_item, uint64_t timeout_ns);
void ly_queue_close(ly_queue *queue);
size_t ly_queue_cost(const ly_queue *queue);
size_t ly_queue_count(const ly_queue *queue);

#endif
