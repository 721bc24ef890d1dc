/*
 * What each thread of the host keeps: its free slots, its stack of current spans, its random numbers,
 * its producers. Made at the thread's first span, given back by a pthread key when the thread ends.
 *
 * Slots come from slabs that are never freed: a dead handle can be looked at for ever. Threads exchange
 * free slots through the depot in batches, because a span may end on another thread than its first.
 */
#include "tracer/engine.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"

#define SLAB_SLOTS 16u
#define KEEP_SLOTS 64u

typedef struct slab {
    struct slab *next;
    _Alignas(16) ly_slot slots[SLAB_SLOTS];
} slab;

_Thread_local ly_thread *ly_thread_self __attribute__((tls_model("initial-exec")));

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static bool key_made;

/* Guards the depot and the slabs. */
static pthread_mutex_t depot_lock = PTHREAD_MUTEX_INITIALIZER;
static ly_slot *depot;
static slab *slabs;

static void seed(ly_thread *self)
{
    static _Atomic uint64_t salt;
    if (getrandom(self->rng, sizeof self->rng, GRND_NONBLOCK) != (ssize_t)sizeof self->rng) {
        self->rng[0] = (uint64_t)ly_mono_ns() ^ (uint64_t)(uintptr_t)self;
        self->rng[1] = (uint64_t)getpid() << 32 ^ atomic_fetch_add(&salt, 0x9E3779B97F4A7C15u);
    }
    self->rng[0] |= 1;
}

static void thread_end(void *arg)
{
    ly_thread *self = arg;
    if (ly_thread_is_main()) {
        atomic_store(&ly_main_left, true);
    }
    for (uint32_t i = 0; i < LY_MAX_TRACERS; i++) {
        if (self->producers[i].producer) {
            ly_tracer_leave(i, self->producers[i].serial, self->producers[i].producer);
        }
    }
    pthread_mutex_lock(&depot_lock);
    while (self->free) {
        ly_slot *slot = self->free;
        self->free = slot->next;
        slot->next = depot;
        depot = slot;
    }
    pthread_mutex_unlock(&depot_lock);
    if (self->stack != self->stack_inline) {
        ly_free(self->stack);
    }
    ly_thread_self = NULL;
    ly_free(self);
}

static void make_key(void)
{
    key_made = pthread_key_create(&key, thread_end) == 0;
}

ly_thread *ly_thread_make(void)
{
    pthread_once(&key_once, make_key);
    ly_thread *self = ly_calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    if (!key_made || pthread_setspecific(key, self) != 0) {
        ly_free(self);
        return NULL;
    }
    self->stack = self->stack_inline;
    self->stack_cap = LY_STACK_INLINE;
    seed(self);
    ly_thread_self = self;
    return self;
}

bool ly_thread_grow_stack(ly_thread *self)
{
    uint32_t cap = self->stack_cap * 2;
    if (cap > LY_STACK_MAX) {
        return false;
    }
    uintptr_t *bigger = ly_malloc(cap * sizeof *bigger);
    if (!bigger) {
        return false;
    }
    memcpy(bigger, self->stack, self->depth * sizeof *bigger);
    if (self->stack != self->stack_inline) {
        ly_free(self->stack);
    }
    self->stack = bigger;
    self->stack_cap = cap;
    return true;
}

/* Under depot_lock. */
static void add_slab(void)
{
    slab *more = ly_calloc(1, sizeof *more);
    if (!more) {
        return;
    }
    more->next = slabs;
    slabs = more;
    for (uint32_t i = 0; i < SLAB_SLOTS; i++) {
        ly_slot *slot = &more->slots[i];
        atomic_store(&slot->gen, 1);
        slot->items = slot->inline_items;
        slot->cap = LY_SLOT_INLINE;
        slot->next = depot;
        depot = slot;
    }
}

ly_slot *ly_slot_refill(ly_thread *self)
{
    pthread_mutex_lock(&depot_lock);
    if (!depot) {
        add_slab();
    }
    for (uint32_t i = 0; i < SLAB_SLOTS && depot; i++) {
        ly_slot *slot = depot;
        depot = slot->next;
        slot->next = self->free;
        self->free = slot;
        self->n_free++;
    }
    pthread_mutex_unlock(&depot_lock);
    return self->free;
}

void ly_slot_spill(ly_thread *self)
{
    if (self->n_free < KEEP_SLOTS) {
        return;
    }
    pthread_mutex_lock(&depot_lock);
    while (self->n_free > KEEP_SLOTS / 2) {
        ly_slot *slot = self->free;
        self->free = slot->next;
        self->n_free--;
        slot->next = depot;
        depot = slot;
    }
    pthread_mutex_unlock(&depot_lock);
}

static ly_producer *producer_new(void)
{
    uint8_t *raw = ly_calloc(1, sizeof(ly_producer) + 64 + sizeof(void *));
    if (!raw) {
        return NULL;
    }
    uintptr_t at = ((uintptr_t)raw + sizeof(void *) + 63) & ~(uintptr_t)63;
    memcpy((void *)(at - sizeof(void *)), &raw, sizeof raw);
    ly_producer *producer = (ly_producer *)at;
    atomic_store(&producer->used, true);
    return producer;
}

ly_producer *ly_producer_make(ly_thread *self, lydite_tracer *tracer)
{
    ly_producer *producer = NULL;
    for (ly_producer *p = atomic_load(&tracer->producers); p && !producer; p = p->next) {
        bool no = false;
        if (!atomic_load_explicit(&p->used, memory_order_relaxed) &&
            atomic_compare_exchange_strong(&p->used, &no, true)) {
            producer = p;
        }
    }
    if (!producer) {
        producer = producer_new();
        if (!producer) {
            return NULL;
        }
        producer->next = atomic_load(&tracer->producers);
        while (!atomic_compare_exchange_weak(&tracer->producers, &producer->next, producer)) {
        }
    }
    self->producers[tracer->index].producer = producer;
    self->producers[tracer->index].serial = tracer->serial;
    return producer;
}

void ly_producer_free(ly_producer *producer)
{
    void *raw;
    memcpy(&raw, (uint8_t *)producer - sizeof raw, sizeof raw);
    ly_free(raw);
}

void ly_thread_fork_lock(void)
{
    pthread_mutex_lock(&depot_lock);
}

void ly_thread_fork_unlock(void)
{
    pthread_mutex_unlock(&depot_lock);
}

void ly_thread_after_fork(void)
{
    pthread_mutex_init(&depot_lock, NULL);
    atomic_store(&ly_main_left, false); /* the forking thread is the child's main thread */
    if (ly_thread_self) {
        seed(ly_thread_self);
    }
}
