/*
 * The pool of chunks and the rings made of them. See engine.h for the picture.
 *
 * The pool's free list is a lock-free stack of chunk indices; the upper half of its head is a tag
 * that changes with every push, so that a pop never mistakes a chunk that left and came back.
 */
#include "tracer/engine.h"

#include <sched.h>
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
    chunk->read = chunk->limit = 0;
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

/* ---- telling the exporter ---- */

static void press(lydite_tracer *tracer)
{
    if (!atomic_load_explicit(&tracer->stuck, memory_order_relaxed)) {
        atomic_store_explicit(&tracer->pressure, true, memory_order_relaxed);
        ly_tracer_wake(tracer);
    }
}

#define LY_SCARCE 8 /* less than this part of the budget is left */

/* Threads report in steps, so that the sum of all is about right and its cache line rests. */
#define PRESS_STEP 64u

void ly_ring_press(lydite_tracer *tracer, ly_producer *producer, uint64_t committed)
{
    const uint32_t batch = tracer->config.batch_spans;
    const uint32_t step = batch < 8 * PRESS_STEP ? (batch + 7) / 8 : PRESS_STEP;
    const bool first = producer->press_at == 0;
    producer->press_at = committed + step;
    const uint32_t add = first ? 1 : step;
    const uint32_t before =
        atomic_fetch_add_explicit(&tracer->waiting_spans, add, memory_order_relaxed);
    if (before < batch && before + add >= batch) {
        press(tracer);
    }
}

static void chunk_filled(lydite_tracer *tracer)
{
    const uint32_t n = atomic_fetch_add_explicit(&tracer->waiting_chunks, 1, memory_order_relaxed);
    const uint64_t bytes = ((uint64_t)n + 1) * LY_CHUNK_BYTES;
    if ((bytes >= tracer->config.batch_bytes &&
         bytes - LY_CHUNK_BYTES < tracer->config.batch_bytes) ||
        atomic_load_explicit(&tracer->pool.budget, memory_order_relaxed) <
            tracer->pool.budget_full / 2) {
        press(tracer);
    }
}

/* ---- putting ---- */

/* From here to writing_ends the tail is ours: an exporter that asks for it (ly_ring_reclaim) is told no,
 * one that is taking it has a few instructions left. */
static void writing_begins(ly_producer *producer)
{
    uint32_t asked = LY_CLAIM_ASKED;
    atomic_store(&producer->writing, true);
    if (!atomic_compare_exchange_strong(&producer->claim, &asked, LY_CLAIM_NONE)) {
        while (atomic_load(&producer->claim) == LY_CLAIM_TAKING) {
            sched_yield();
        }
    }
}

static void writing_ends(ly_producer *producer)
{
    atomic_store_explicit(&producer->writing, false, memory_order_release);
}

/* A chunk, waiting for one as long as the tracer's options say. The tail may go while we wait: with all
 * threads waiting, each for the chunk that another holds empty, nobody would get one. */
static ly_chunk *chunk_wait(lydite_tracer *tracer, ly_producer *producer, size_t need)
{
    ly_chunk *chunk = chunk_take(&tracer->pool, need);
    if (chunk || tracer->config.full_wait_ns == 0 ||
        (int64_t)need > tracer->pool.budget_full - (int64_t)sizeof *chunk) {
        return chunk;
    }
    const int64_t until = ly_mono_ns() + tracer->config.full_wait_ns;
    writing_ends(producer);
    atomic_fetch_add(&tracer->room_waiters, 1);
    for (;;) {
        uint32_t seen = atomic_load(&tracer->room);
        chunk = chunk_take(&tracer->pool, need);
        int64_t left = until - ly_mono_ns();
        if (chunk || left <= 0) {
            break;
        }
        atomic_store(&tracer->starved, true);
        atomic_store(&tracer->pressure, true);
        ly_tracer_wake(tracer);
        /* The exporter bumps `room`; the cap covers a bump between the look and the wait. */
        ly_futex_wait(&tracer->room, seen, left < 20 * LY_NS_PER_MS ? left : 20 * LY_NS_PER_MS);
    }
    atomic_fetch_sub(&tracer->room_waiters, 1);
    writing_begins(producer);
    return chunk;
}

static void put_first(ly_producer *producer, ly_chunk *chunk, const ly_rec *rec,
                      const uint8_t *items, size_t items_len)
{
    memcpy(chunk->data, rec, sizeof *rec);
    memcpy(chunk->data + sizeof *rec, items, items_len);
    if (!(rec->flags & LY_REC_PENDING)) {
        count(&producer->committed);
    }
    atomic_store_explicit(&chunk->committed, rec->bytes, memory_order_release);
}

/* Counted; and the exporter learns, once, that chunks are wanted. */
static void put_nowhere(lydite_tracer *tracer, ly_producer *producer, const ly_rec *rec)
{
    ly_bag_unref(rec->bag);
    const bool never = (int64_t)rec->bytes > tracer->pool.budget_full - (int64_t)sizeof(ly_chunk);
    if (!(rec->flags & LY_REC_PENDING)) {
        count(&producer->dropped[never ? LYDITE_DROP_TOO_LARGE : LYDITE_DROP_FULL]);
    }
    if (!never && !atomic_load_explicit(&tracer->starved, memory_order_relaxed)) {
        atomic_store(&tracer->starved, true);
        atomic_store(&tracer->pressure, true);
        ly_tracer_wake(tracer);
    }
}

static void put_slow(lydite_tracer *tracer, ly_producer *producer, const ly_rec *rec,
                     const uint8_t *items, size_t items_len)
{
    const size_t need = rec->bytes;
    ly_chunk *old = producer->tail;
    if (old && old->cap - producer->tail_used >= need) { /* here because of a claim only */
        memcpy(old->data + producer->tail_used, rec, sizeof *rec);
        memcpy(old->data + producer->tail_used + sizeof *rec, items, items_len);
        producer->tail_used += (uint32_t)need;
        if (!(rec->flags & LY_REC_PENDING)) {
            count(&producer->committed);
        }
        atomic_store_explicit(&old->committed, producer->tail_used, memory_order_release);
        return;
    }
    ly_chunk *chunk = chunk_wait(tracer, producer, need);
    old = producer->tail;
    if (!chunk) {
        put_nowhere(tracer, producer, rec);
        return;
    }
    if (need > LY_CHUNK_BYTES - sizeof *chunk) {
        count(&producer->slow);
    }
    put_first(producer, chunk, rec, items, items_len);
    producer->tail = chunk;
    producer->tail_used = (uint32_t)need;
    if (old) {
        atomic_store_explicit(&old->next, chunk, memory_order_release);
        chunk_filled(tracer);
    } else {
        atomic_store_explicit(&producer->head, chunk, memory_order_release);
        ly_tracer_run(tracer);
        if (atomic_load_explicit(&tracer->pool.budget, memory_order_relaxed) <
            tracer->pool.budget_full / LY_SCARCE) {
            press(tracer); /* the exporter takes back what quiet threads hold */
        }
    }
}

void ly_ring_put_slow(lydite_tracer *tracer, ly_producer *producer, const ly_rec *rec,
                      const uint8_t *items, size_t items_len)
{
    writing_begins(producer);
    put_slow(tracer, producer, rec, items, items_len);
    writing_ends(producer);
    const uint64_t committed = atomic_load_explicit(&producer->committed, memory_order_relaxed);
    if (committed >= producer->press_at) {
        ly_ring_press(tracer, producer, committed);
    }
}

/* ---- reading ---- */

static void chunk_back(lydite_tracer *tracer, ly_chunk *chunk)
{
    ly_chunk_free(&tracer->pool, chunk);
    atomic_store_explicit(&tracer->starved, false, memory_order_relaxed);
    if (atomic_load_explicit(&tracer->room_waiters, memory_order_relaxed)) {
        atomic_fetch_add(&tracer->room, 1);
        ly_futex_wake(&tracer->room);
    }
}

const ly_rec *ly_ring_peek(lydite_tracer *tracer, ly_producer *producer)
{
    ly_chunk *chunk = atomic_load_explicit(&producer->head, memory_order_acquire);
    while (chunk) {
        if (LY_LIKELY(chunk->read < chunk->limit)) {
            return (const ly_rec *)(const void *)(chunk->data + chunk->read);
        }
        /* next before committed: the producer publishes its last record before it links a chunk. */
        ly_chunk *next = atomic_load_explicit(&chunk->next, memory_order_acquire);
        chunk->limit = atomic_load_explicit(&chunk->committed, memory_order_acquire);
        if (chunk->read < chunk->limit) {
            continue;
        }
        if (!next) {
            return NULL;
        }
        atomic_store_explicit(&producer->head, next, memory_order_release);
        chunk_back(tracer, chunk);
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
        atomic_store(&producer->head, NULL);
        producer->tail = NULL;
        producer->tail_used = 0;
        chunk_back(tracer, chunk);
    }
    atomic_store(&producer->used, false);
}

/* A thread that records nothing for a while keeps the chunk that it wrote last, empty. When chunks are
 * scarce that starves others, so the exporter takes it back: it asks (claim), makes one memory barrier
 * run on all threads, and then either sees that the thread is writing, or knows that the thread will see
 * the claim before it next touches its tail. The thread answers an ask with no by setting the claim
 * back, so it never waits for a sleeping exporter. */
void ly_ring_reclaim(lydite_tracer *tracer)
{
    bool any = false;
    if (!atomic_load(&tracer->starved) &&
        atomic_load(&tracer->pool.budget) > tracer->pool.budget_full / LY_SCARCE) {
        return;
    }
    for (ly_producer *p = atomic_load(&tracer->producers); p; p = p->next) {
        if (atomic_load(&p->head) && !ly_ring_peek(tracer, p)) {
            atomic_store(&p->claim, LY_CLAIM_ASKED);
            any = true;
        }
    }
    const bool sure = any && ly_barrier_all();
    for (ly_producer *p = atomic_load(&tracer->producers); any && p; p = p->next) {
        uint32_t asked = LY_CLAIM_ASKED;
        if (atomic_load(&p->claim) != asked) {
            continue;
        }
        const bool take = sure && !atomic_load(&p->writing);
        if (!atomic_compare_exchange_strong(&p->claim, &asked,
                                            take ? LY_CLAIM_TAKING : LY_CLAIM_NONE) ||
            !take) {
            continue;
        }
        ly_chunk *chunk = ly_ring_peek(tracer, p) ? NULL : atomic_load(&p->head);
        if (chunk) {
            atomic_store(&p->head, NULL);
            p->tail = NULL;
            p->tail_used = 0;
            chunk_back(tracer, chunk);
        }
        atomic_store_explicit(&p->claim, LY_CLAIM_NONE, memory_order_release);
    }
}
