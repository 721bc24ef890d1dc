/*
 * The pool of chunks and the rings made of them. See engine.h for the picture.
 *
 * The pool's free list is a lock-free stack of chunk indices; the upper half of its head is a tag
 * that changes with every push, so that a pop never mistakes a chunk that left and came back.
 */
#include "tracer/engine.h"

#include <sys/mman.h>

#include "base/mem.h"

static ly_chunk *pool_chunk(const ly_pool *pool, uint32_t index)
{
    return (ly_chunk *)(void *)(pool->base + (size_t)index * LY_CHUNK_BYTES);
}

bool ly_pool_init(ly_pool *pool, size_t bytes)
{
    size_t n = bytes / LY_CHUNK_BYTES;
    n = n ? n : 1;
    void *base = mmap(NULL, n * LY_CHUNK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return false;
    }
    pool->base = base;
    pool->n_chunks = (uint32_t)n;
    pool->budget_full = (int64_t)(n * LY_CHUNK_BYTES);
    ly_pool_reset(pool);
    return true;
}

void ly_pool_release(ly_pool *pool)
{
    if (pool->base) {
        munmap(pool->base, (size_t)pool->n_chunks * LY_CHUNK_BYTES);
    }
    pool->base = NULL;
}

void ly_pool_reset(ly_pool *pool)
{
    atomic_store(&pool->carved, 0);
    atomic_store(&pool->free_head, 0);
    atomic_store(&pool->budget, pool->budget_full);
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE \
    23 /* Linux 5.14; older kernels refuse, which costs only the head start */
#endif
#define POPULATE_AHEAD 8u

void ly_pool_populate(ly_pool *pool)
{
    uint32_t want = atomic_load(&pool->carved) + POPULATE_AHEAD;
    want = want > pool->n_chunks ? pool->n_chunks : want;
    if (pool->populated < want) {
        (void)madvise(pool->base + (size_t)pool->populated * LY_CHUNK_BYTES,
                      (size_t)(want - pool->populated) * LY_CHUNK_BYTES, MADV_POPULATE_WRITE);
        pool->populated = want;
    }
}

static ly_chunk *chunk_begin(ly_chunk *chunk, uint32_t index, uint32_t cap)
{
    atomic_store_explicit(&chunk->next, NULL, memory_order_relaxed);
    atomic_store_explicit(&chunk->committed, 0, memory_order_relaxed);
    chunk->read = 0;
    chunk->cap = cap;
    chunk->index = index;
    return chunk;
}

static bool budget_take(ly_pool *pool, int64_t bytes)
{
    /* The look first: with a stalled exporter every span comes here. */
    if (atomic_load_explicit(&pool->budget, memory_order_relaxed) < bytes) {
        return false;
    }
    if (atomic_fetch_sub(&pool->budget, bytes) >= bytes) {
        return true;
    }
    atomic_fetch_add(&pool->budget, bytes);
    return false;
}

static ly_chunk *pool_pop(ly_pool *pool)
{
    uint64_t head = atomic_load(&pool->free_head);
    while ((uint32_t)head) {
        ly_chunk *chunk = pool_chunk(pool, (uint32_t)head - 1);
        uint64_t next = (head & 0xFFFFFFFF00000000u) | atomic_load(&chunk->pool_next);
        if (atomic_compare_exchange_weak(&pool->free_head, &head, next)) {
            return chunk;
        }
    }
    uint32_t index = atomic_fetch_add(&pool->carved, 1);
    if (index < pool->n_chunks) {
        return pool_chunk(pool, index);
    }
    atomic_fetch_sub(&pool->carved, 1);
    return NULL;
}

static ly_chunk *chunk_take(ly_pool *pool, size_t need)
{
    const size_t usual = LY_CHUNK_BYTES - sizeof(ly_chunk);
    if (need > usual) {
        int64_t cost = (int64_t)(need + sizeof(ly_chunk));
        if (!budget_take(pool, cost)) {
            return NULL;
        }
        ly_chunk *chunk = ly_malloc(sizeof *chunk + need);
        if (!chunk) {
            atomic_fetch_add(&pool->budget, cost);
            return NULL;
        }
        return chunk_begin(chunk, UINT32_MAX, (uint32_t)need);
    }
    if (!budget_take(pool, LY_CHUNK_BYTES)) {
        return NULL;
    }
    ly_chunk *chunk = pool_pop(pool);
    if (!chunk) {
        atomic_fetch_add(&pool->budget, LY_CHUNK_BYTES);
        return NULL;
    }
    return chunk_begin(chunk, (uint32_t)(((uint8_t *)chunk - pool->base) / LY_CHUNK_BYTES),
                       (uint32_t)usual);
}

void ly_chunk_free(ly_pool *pool, ly_chunk *chunk)
{
    if (chunk->index == UINT32_MAX) {
        int64_t cost = (int64_t)(chunk->cap + sizeof *chunk);
        ly_free(chunk);
        atomic_fetch_add(&pool->budget, cost);
        return;
    }
    uint64_t head = atomic_load(&pool->free_head), next;
    do {
        atomic_store(&chunk->pool_next, (uint32_t)head);
        next = ((head >> 32) + 1) << 32 | (chunk->index + 1);
    } while (!atomic_compare_exchange_weak(&pool->free_head, &head, next));
    atomic_fetch_add(&pool->budget, LY_CHUNK_BYTES);
}

static void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* A chunk, waiting for one as long as the tracer's options say. */
static ly_chunk *chunk_wait(lydite_tracer *tracer, size_t need)
{
    ly_chunk *chunk = chunk_take(&tracer->pool, need);
    if (chunk || tracer->config.full_wait_ns == 0 ||
        (int64_t)need > tracer->pool.budget_full - (int64_t)sizeof *chunk) {
        return chunk;
    }
    const int64_t until = ly_mono_ns() + tracer->config.full_wait_ns;
    atomic_fetch_add(&tracer->room_waiters, 1);
    for (;;) {
        uint32_t seen = atomic_load(&tracer->room);
        chunk = chunk_take(&tracer->pool, need);
        int64_t left = until - ly_mono_ns();
        if (chunk || left <= 0) {
            break;
        }
        ly_tracer_wake(tracer);
        /* The exporter bumps `room`; the cap covers a bump between the look and the wait. */
        ly_futex_wait(&tracer->room, seen, left < 20 * LY_NS_PER_MS ? left : 20 * LY_NS_PER_MS);
    }
    atomic_fetch_sub(&tracer->room_waiters, 1);
    return chunk;
}

void ly_ring_put_slow(lydite_tracer *tracer, ly_producer *producer, const ly_rec *rec,
                      const uint8_t *items, size_t items_len)
{
    const bool counts = !(rec->flags & LY_REC_PENDING);
    const size_t need = rec->bytes;
    ly_chunk *chunk = chunk_wait(tracer, need);
    if (!chunk) {
        ly_bag_unref(rec->bag);
        if (counts) {
            bool never = (int64_t)need > tracer->pool.budget_full - (int64_t)sizeof *chunk;
            count(&producer->dropped[never ? LYDITE_DROP_TOO_LARGE : LYDITE_DROP_FULL]);
        }
        return;
    }
    if (need > LY_CHUNK_BYTES - sizeof *chunk) {
        count(&producer->slow);
    }
    memcpy(chunk->data, rec, sizeof *rec);
    memcpy(chunk->data + sizeof *rec, items, items_len);
    if (counts) {
        count(&producer->committed);
    }
    atomic_store_explicit(&chunk->committed, (uint32_t)need, memory_order_release);
    ly_chunk *old = producer->tail;
    producer->tail = chunk;
    producer->tail_used = (uint32_t)need;
    if (old) {
        atomic_store_explicit(&old->next, chunk, memory_order_release);
        atomic_store_explicit(&tracer->pressure, true, memory_order_relaxed);
    } else {
        atomic_store_explicit(&producer->head, chunk, memory_order_release);
        ly_tracer_run(tracer);
    }
    ly_tracer_wake(tracer);
}

const ly_rec *ly_ring_peek(lydite_tracer *tracer, ly_producer *producer)
{
    ly_chunk *chunk = atomic_load_explicit(&producer->head, memory_order_acquire);
    while (chunk) {
        /* next before committed: the producer publishes its last record before it links a chunk. */
        ly_chunk *next = atomic_load_explicit(&chunk->next, memory_order_acquire);
        if (chunk->read < atomic_load_explicit(&chunk->committed, memory_order_acquire)) {
            return (const ly_rec *)(const void *)(chunk->data + chunk->read);
        }
        if (!next) {
            return NULL;
        }
        atomic_store_explicit(&producer->head, next, memory_order_release);
        ly_chunk_free(&tracer->pool, chunk);
        if (atomic_load_explicit(&tracer->room_waiters, memory_order_relaxed)) {
            atomic_fetch_add(&tracer->room, 1);
            ly_futex_wake(&tracer->room);
        }
        chunk = next;
    }
    return NULL;
}

void ly_ring_next(ly_producer *producer, const ly_rec *rec)
{
    ly_chunk *chunk = atomic_load_explicit(&producer->head, memory_order_relaxed);
    chunk->read += rec->bytes;
}

void ly_ring_retire(lydite_tracer *tracer, ly_producer *producer)
{
    bool no = false;
    if (!atomic_compare_exchange_strong(&producer->used, &no, true)) {
        return;
    }
    ly_chunk *chunk = atomic_load(&producer->head);
    if (chunk && !ly_ring_peek(tracer, producer)) {
        chunk = atomic_load(&producer->head);
        ly_chunk_free(&tracer->pool, chunk);
        atomic_store(&producer->head, NULL);
        producer->tail = NULL;
        producer->tail_used = 0;
    }
    atomic_store(&producer->used, false);
}
