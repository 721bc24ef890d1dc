#include "base/queue.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "base/mem.h"
#include "base/thread.h"

typedef struct slot {
    void *item;
    size_t cost;
} slot;

struct ly_queue {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t may_push, may_pop;
    slot *slots; /* ring of `cap` */
    size_t cap, head, count;
    size_t cost, max_cost, max_items;
    bool closed;
};

ly_status ly_queue_new(size_t max_cost, size_t max_items, ly_queue **ret_queue, ly_err *err)
{
    if (max_items == 0)
        return LY_FAIL(err, LY_E_INVALID, "a queue needs room for at least one item");
    ly_queue *q = ly_calloc(1, sizeof *q);
    if (!q)
        return LY_NOMEM(err);
    pthread_mutex_init(&q->lock, NULL);
    ly_cond_init(&q->may_push);
    ly_cond_init(&q->may_pop);
    q->max_cost = max_cost;
    q->max_items = max_items;
    *ret_queue = q;
    return LY_OK;
}

void ly_queue_free(ly_queue *q)
{
    if (!q)
        return;
    pthread_cond_destroy(&q->may_push);
    pthread_cond_destroy(&q->may_pop);
    pthread_mutex_destroy(&q->lock);
    ly_free(q->slots);
    ly_free(q);
}

static struct timespec deadline(uint64_t timeout_ns)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t max = (uint64_t)1 << 60;
    uint64_t add = timeout_ns < max ? timeout_ns : max;
    t.tv_sec += (time_t)(add / 1000000000u);
    t.tv_nsec += (long)(add % 1000000000u);
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

static bool fits(const ly_queue *q, size_t cost)
{
    if (q->count == 0)
        return true;
    return q->count < q->max_items && cost <= q->max_cost && q->cost <= q->max_cost - cost;
}

/* Doubles the ring, unrolled so that head becomes 0. */
static bool grow(ly_queue *q)
{
    size_t cap = q->cap ? q->cap * 2 : 16;
    slot *slots = ly_calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < q->count; i++)
        slots[i] = q->slots[(q->head + i) % q->cap];
    ly_free(q->slots);
    q->slots = slots;
    q->cap = cap;
    q->head = 0;
    return true;
}

/* Waits until `ready` or closed; false on time-out. Called with the lock held. */
static bool wait_until(ly_queue *q, pthread_cond_t *cond, uint64_t timeout_ns,
                       const struct timespec *until)
{
    if (timeout_ns == 0)
        return false;
    if (timeout_ns == UINT64_MAX)
        return pthread_cond_wait(cond, &q->lock) == 0;
    return pthread_cond_timedwait(cond, &q->lock, until) == 0;
}

ly_status ly_queue_push(ly_queue *q, void *item, size_t cost, uint64_t timeout_ns)
{
    struct timespec until = {0, 0};
    if (timeout_ns != 0 && timeout_ns != UINT64_MAX)
        until = deadline(timeout_ns);
    ly_status status = LY_OK;
    pthread_mutex_lock(&q->lock);
    while (!q->closed && !fits(q, cost)) {
        if (!wait_until(q, &q->may_push, timeout_ns, &until)) {
            if (!q->closed && !fits(q, cost))
                status = LY_E_FULL;
            break;
        }
    }
    if (q->closed)
        status = LY_E_CLOSED;
    if (status == LY_OK && q->count == q->cap && !grow(q))
        status = LY_E_FULL;
    if (status == LY_OK) {
        q->slots[(q->head + q->count) % q->cap] = (slot){item, cost};
        q->count++;
        q->cost += cost;
        pthread_cond_signal(&q->may_pop);
    }
    pthread_mutex_unlock(&q->lock);
    return status;
}

ly_status ly_queue_pop(ly_queue *q, void **ret_item, uint64_t timeout_ns)
{
    struct timespec until = {0, 0};
    if (timeout_ns != 0 && timeout_ns != UINT64_MAX)
        until = deadline(timeout_ns);
    ly_status status = LY_OK;
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed) {
        if (!wait_until(q, &q->may_pop, timeout_ns, &until))
            break;
    }
    if (q->count == 0) {
        status = q->closed ? LY_E_CLOSED : LY_E_TIMEOUT;
    } else {
        slot s = q->slots[q->head];
        q->head = (q->head + 1) % q->cap;
        q->count--;
        q->cost -= s.cost;
        *ret_item = s.item;
        /* Costs differ, so any of the waiting pushers may be the one that fits now. */
        pthread_cond_broadcast(&q->may_push);
    }
    pthread_mutex_unlock(&q->lock);
    return status;
}

void ly_queue_close(ly_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->may_push);
    pthread_cond_broadcast(&q->may_pop);
    pthread_mutex_unlock(&q->lock);
}

size_t ly_queue_cost(const ly_queue *q)
{
    ly_queue *m = (ly_queue *)(uintptr_t)q;
    pthread_mutex_lock(&m->lock);
    size_t cost = q->cost;
    pthread_mutex_unlock(&m->lock);
    return cost;
}

size_t ly_queue_count(const ly_queue *q)
{
    ly_queue *m = (ly_queue *)(uintptr_t)q;
    pthread_mutex_lock(&m->lock);
    size_t count = q->count;
    pthread_mutex_unlock(&m->lock);
    return count;
}
