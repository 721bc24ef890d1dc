/*
 * Starting and ending spans: the hot path.
 *
 * A handle is the slot's address with a 16-bit generation in its upper bits, which user-space addresses
 * leave free (x86-64, AArch64 with 48-bit addresses). Ending a span changes the slot's generation, so a
 * dead handle is recognised; 1 in 65,536 stale uses may hit a later span of the same slot.
 */
#include "tracer/engine.h"

#include <time.h>

#include "base/mem.h"

_Static_assert(sizeof(uintptr_t) == 8, "handles need 64-bit addresses");
_Static_assert(sizeof(ly_item) == 16, "three words an attribute");

_Atomic uint64_t ly_span_misuse;

static inline int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * LY_NS_PER_SEC + ts.tv_nsec;
}

static inline uint64_t rng_next(uint64_t s[2])
{
    const uint64_t a = s[0];
    uint64_t b = s[1];
    const uint64_t sum = a + b;
    b ^= a;
    s[0] = (a << 24 | a >> 40) ^ b ^ (b << 16);
    s[1] = b << 37 | b >> 27;
    return LY_LIKELY(sum != 0) ? sum : 1;
}

static inline uintptr_t slot_handle(const ly_slot *slot)
{
    uint16_t gen = atomic_load_explicit(&slot->gen, memory_order_relaxed);
    return (uintptr_t)slot | (uintptr_t)gen << LY_HANDLE_BITS;
}

void ly_span_misused(void)
{
    atomic_fetch_add_explicit(&ly_span_misuse, 1, memory_order_relaxed);
}

ly_slot *ly_span_any(const lydite_span *span)
{
    if (!span) {
        return NULL;
    }
    if (LY_UNLIKELY(!ly_handle_alive((uintptr_t)span))) {
        ly_span_misused();
        return NULL;
    }
    return ly_handle_slot((uintptr_t)span);
}

lydite_tracer *ly_slot_tracer(const ly_slot *slot)
{
    const uint32_t i = slot->tracer_index;
    lydite_tracer *tracer = atomic_load_explicit(&ly_tracer_table[i], memory_order_acquire);
    return tracer && tracer->serial == slot->serial ? tracer : NULL;
}

/* ---- bags ---- */

bool ly_slot_bag_lock(ly_slot *slot)
{
    /* Bounded: in a child of fork() a thread that is no more may have held it. */
    for (int i = 0; i < 1 << 16; i++) {
        if (!atomic_exchange_explicit(&slot->bag_busy, 1, memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

void ly_slot_bag_unlock(ly_slot *slot)
{
    atomic_store_explicit(&slot->bag_busy, 0, memory_order_release);
}

static ly_bag *bag_share(ly_slot *slot, uint16_t gen)
{
    ly_bag *bag = NULL;
    if (ly_slot_bag_lock(slot)) {
        if (atomic_load(&slot->gen) == gen) {
            bag = ly_bag_ref(slot->bag);
        }
        ly_slot_bag_unlock(slot);
    }
    return bag;
}

/* ---- the thread's stack ---- */

static inline uintptr_t stack_top(ly_thread *self)
{
    while (self->depth) {
        uintptr_t top = self->stack[self->depth - 1];
        if (LY_LIKELY(ly_handle_alive(top))) {
            return top;
        }
        self->depth--;
    }
    return 0;
}

static inline void stack_push(ly_thread *self, uintptr_t handle)
{
    if (LY_UNLIKELY(self->depth == self->stack_cap) && !ly_thread_grow_stack(self)) {
        return;
    }
    self->stack[self->depth++] = handle;
}

static inline void stack_remove(ly_thread *self, uintptr_t handle)
{
    uint32_t depth = self->depth;
    if (LY_LIKELY(depth && self->stack[depth - 1] == handle)) {
        self->depth = depth - 1;
        return;
    }
    for (uint32_t i = depth; i > 0; i--) {
        if (self->stack[i - 1] == handle) {
            memmove(self->stack + i - 1, self->stack + i, (depth - i) * sizeof *self->stack);
            self->depth = depth - 1;
            return;
        }
    }
}

/* ---- start ---- */

/* The last 7 bytes of the trace id are its random part (W3C level 2). */
static bool sampled_by_ratio(const lydite_tracer *tracer, const uint64_t trace[2],
                             const ly_bag *bag)
{
    uint8_t id[16];
    uint64_t random = 0;
    if (bag && bag->trace_state.len && ly_state_random(bag->trace_state, &random)) {
        return random >= tracer->config.threshold;
    }
    memcpy(id, trace, sizeof id);
    for (int i = 9; i < 16; i++) {
        random = random << 8 | id[i];
    }
    return random >= tracer->config.threshold;
}

static bool sampler_says(const lydite_tracer *tracer, const uint64_t trace[2], const ly_bag *bag,
                         bool has_parent, bool parent_sampled)
{
    if (tracer->config.parent_based && has_parent) {
        return parent_sampled;
    }
    if (LY_LIKELY(tracer->config.sampler == LYDITE_SAMPLE_ALWAYS)) {
        return true;
    }
    return tracer->config.sampler == LYDITE_SAMPLE_RATIO && sampled_by_ratio(tracer, trace, bag);
}

/* Who let the span pass, and at which threshold, goes with the trace: totals can then be scaled. */
static __attribute__((noinline, cold)) void say_threshold(const lydite_tracer *tracer,
                                                          ly_slot *slot)
{
    ly_bag *old = slot->bag, *fresh = NULL;
    if (!old) {
        slot->bag = ly_bag_ref(tracer->config.ratio_bag);
        return;
    }
    ly_buf state;
    ly_buf_init(&state, 16384);
    ly_state_with_threshold(old->trace_state, tracer->config.threshold, &state);
    if (!state.failed && (fresh = ly_bag_with(old, LY_BAG_STATE, ly_buf_view(&state))) != NULL) {
        slot->bag = fresh;
        ly_bag_unref(old);
    }
    ly_buf_release(&state);
}

static inline bool begin_child(ly_slot *slot, uintptr_t handle)
{
    ly_slot *parent = ly_handle_slot(handle);
    ly_rec *rec = &slot->rec;
    rec->trace_id[0] = __atomic_load_n(&parent->rec.trace_id[0], __ATOMIC_RELAXED);
    rec->trace_id[1] = __atomic_load_n(&parent->rec.trace_id[1], __ATOMIC_RELAXED);
    rec->parent_id = __atomic_load_n(&parent->rec.span_id, __ATOMIC_RELAXED);
    rec->trace_flags = __atomic_load_n(&parent->rec.trace_flags, __ATOMIC_RELAXED);
    rec->flags = LY_REC_HAS_PARENT;
    if (LY_UNLIKELY(__atomic_load_n(&parent->bag, __ATOMIC_RELAXED) != NULL)) {
        slot->bag = bag_share(parent, (uint16_t)(handle >> LY_HANDLE_BITS));
    }
    return rec->trace_flags & 1;
}

static inline void begin_root(ly_thread *self, ly_slot *slot)
{
    ly_rec *rec = &slot->rec;
    __atomic_store_n(&rec->trace_id[0], rng_next(self->rng), __ATOMIC_RELAXED);
    __atomic_store_n(&rec->trace_id[1], rng_next(self->rng), __ATOMIC_RELAXED);
    rec->parent_id = 0;
    rec->flags = 0;
    rec->trace_flags = 2; /* the id is random */
}

/* A context that came from elsewhere. Without a valid traceparent a new trace begins and the tracestate
 * goes, but the baggage stays: W3C Baggage is of its own. */
static bool begin_remote(ly_thread *self, ly_slot *slot, const lydite_context *context)
{
    ly_rec *rec = &slot->rec;
    if (context->valid) {
        memcpy(rec->trace_id, context->trace_id, sizeof rec->trace_id);
        memcpy(&rec->parent_id, context->span_id, sizeof rec->parent_id);
        rec->flags = LY_REC_HAS_PARENT | LY_REC_REMOTE;
        rec->trace_flags = context->flags & 3;
    } else {
        begin_root(self, slot);
    }
    if (context->valid && context->state.len) {
        slot->bag = ly_bag_with(NULL, LY_BAG_STATE, ly_buf_view(&context->state));
    }
    if (context->baggage.len) {
        ly_bag *old = slot->bag;
        slot->bag = ly_bag_with(old, LY_BAG_BAGGAGE, ly_buf_view(&context->baggage));
        ly_bag_unref(old);
    }
    return rec->trace_flags & 1;
}

static inline void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static __attribute__((noinline, cold)) void put_pending(lydite_tracer *tracer,
                                                        ly_producer *producer, ly_slot *slot)
{
    ly_rec copy = slot->rec;
    copy.flags |= LY_REC_PENDING;
    copy.bytes = (uint32_t)sizeof copy + slot->len;
    copy.end_ns = 0;
    copy.bag = ly_bag_ref(slot->bag);
    ly_ring_put_slow(tracer, producer, &copy, slot->items, slot->len);
    if (!atomic_exchange(&tracer->fresh, true)) {
        ly_tracer_wake(tracer);
    }
}

static void add_subject(ly_slot *slot, const char *name)
{
    size_t len = strlen(name);
    ly_item *item = ly_item_add(slot, LY_IT_SUBJECT, NULL, len);
    if (item) {
        memcpy(item + 1, name, len);
    }
}

/* Where a span's parent comes from; the common case is all zero. */
typedef struct origin {
    uintptr_t parent;
    const lydite_context *context;
    bool root, detached;
    uint8_t kind;
    int sample;
    int64_t start_ns;
} origin;

static inline bool is_off(const lydite_tracer *tracer)
{
    return !tracer || LY_UNLIKELY(atomic_load_explicit(&tracer->off, memory_order_relaxed));
}

/* The tracer is on. */
static inline __attribute__((always_inline)) lydite_span *begin(lydite_tracer *tracer,
                                                                lydite_type type, const char *name,
                                                                bool borrowed, const origin *from)
{
    ly_thread *self = ly_thread_get();
    if (LY_UNLIKELY(!self)) {
        return NULL;
    }
    ly_producer *producer = ly_producer_get(self, tracer);
    ly_slot *slot = self->free;
    if (LY_UNLIKELY(!producer || (!slot && !(slot = ly_slot_refill(self))))) {
        return NULL;
    }
    self->free = slot->next;
    self->n_free--;
    ly_rec *rec = &slot->rec;
    uintptr_t parent = from->root || from->context ? 0
                       : from->parent              ? from->parent
                                                   : stack_top(self);
    const lydite_context *context = from->context;
    bool sampled = false, has_parent = true;
    if (LY_LIKELY(parent != 0)) {
        sampled = begin_child(slot, parent);
    } else if (context || (context = from->root ? NULL : tracer->config.env_parent) != NULL) {
        sampled = begin_remote(self, slot, context);
        has_parent = context->valid;
    } else {
        begin_root(self, slot);
        has_parent = false;
    }
    __atomic_store_n(&rec->span_id, rng_next(self->rng), __ATOMIC_RELAXED);
    sampled = from->sample ? from->sample > 0
                           : sampler_says(tracer, rec->trace_id, slot->bag, has_parent, sampled);
    if (LY_UNLIKELY(tracer->config.ratio_bag != NULL) && sampled && !from->sample &&
        !(parent || (has_parent && tracer->config.parent_based))) {
        say_threshold(tracer, slot);
    }
    rec->trace_flags = (uint8_t)((rec->trace_flags & 2) | (sampled ? 1 : 0));
    slot->recording = sampled;
    slot->tracer_index = (uint8_t)tracer->index;
    slot->serial = tracer->serial;
    slot->len = 0;
    slot->n_events = slot->n_links = 0;
    slot->attrs_left = sampled ? tracer->config.max_attrs : 0;
    rec->type = (uint8_t)type;
    rec->kind = from->kind;
    rec->status = 0;
    rec->name = borrowed ? name : NULL;
    rec->dropped_attrs = rec->dropped_events = rec->dropped_links = 0;
    const uintptr_t handle = slot_handle(slot);
    if (!from->detached) {
        stack_push(self, handle);
    }
    if (LY_UNLIKELY(!sampled)) {
        count(&producer->unsampled);
        return (lydite_span *)handle;
    }
    count(&producer->started);
    if (!borrowed && name) {
        add_subject(slot, name);
    }
    rec->start_ns = from->start_ns ? from->start_ns : now_ns();
    if (LY_UNLIKELY(atomic_load_explicit(&tracer->live_now, memory_order_relaxed))) {
        put_pending(tracer, producer, slot);
    }
    return (lydite_span *)handle;
}

/* What is off must cost nothing: the public functions look at that before they save a register. */
static __attribute__((noinline)) lydite_span *begin_static(lydite_tracer *tracer, lydite_type type,
                                                           const char *name)
{
    return begin(tracer, type, name, true, &(origin){0});
}

static __attribute__((noinline)) lydite_span *begin_from(lydite_tracer *tracer, lydite_type type,
                                                         const char *name, const origin *from)
{
    return begin(tracer, type, name, false, from);
}

lydite_span *lydite_start_static(lydite_tracer *tracer, lydite_type type, const char *name_static)
{
    return is_off(tracer) ? NULL : begin_static(tracer, type, name_static);
}

lydite_span *lydite_start(lydite_tracer *tracer, lydite_type type, const char *name)
{
    static const origin plain;
    return is_off(tracer) ? NULL : begin_from(tracer, type, name, &plain);
}

lydite_span *lydite_start_with(lydite_tracer *tracer, lydite_type type, const char *name,
                               const lydite_start_options *opts)
{
    lydite_start_options o = LYDITE_START_INIT;
    if (is_off(tracer)) {
        return NULL;
    }
    if (opts) {
        memcpy(&o, opts, opts->size < sizeof o ? opts->size : sizeof o);
    }
    origin from = {.root = o.root,
                   .detached = o.detached,
                   .kind = (uint8_t)(o.kind > 0 && o.kind <= LYDITE_KIND_CONSUMER ? o.kind : 0),
                   .sample = o.sample,
                   .start_ns = o.start_ns};
    if (o.parent && !o.root) {
        from.parent = ly_handle_alive((uintptr_t)o.parent) ? (uintptr_t)o.parent : 0;
        if (!from.parent) {
            ly_span_misused();
        }
    }
    if (o.context && !o.root && !from.parent) {
        from.context = o.context;
    }
    return begin_from(tracer, type, name, &from);
}

/* ---- end ---- */

static inline void slot_release(ly_thread *self, ly_slot *slot)
{
    if (LY_UNLIKELY(slot->bag != NULL)) {
        ly_bag *bag = NULL;
        if (ly_slot_bag_lock(slot)) {
            bag = slot->bag;
            __atomic_store_n(&slot->bag, NULL, __ATOMIC_RELAXED);
            atomic_fetch_add(&slot->gen, 1);
            ly_slot_bag_unlock(slot);
        }
        ly_bag_unref(bag);
    } else {
        atomic_store_explicit(
            &slot->gen, (uint16_t)(atomic_load_explicit(&slot->gen, memory_order_relaxed) + 1),
            memory_order_release);
    }
    if (LY_UNLIKELY(slot->cap > LY_SLOT_KEEP)) {
        ly_free(slot->items);
        slot->items = slot->inline_items;
        slot->cap = LY_SLOT_INLINE;
    }
    slot->next = self->free;
    self->free = slot;
    if (LY_UNLIKELY(++self->n_free > 64)) {
        ly_slot_spill(self);
    }
}

/* The span is over and its tracer cannot take it; it is counted all the same. */
static void end_off(lydite_tracer *tracer, ly_producer *producer)
{
    int reason = atomic_load(&tracer->off_reason);
    if (reason >= 0) {
        count(&producer->dropped[reason]);
        count(&producer->ended);
    }
}

static inline __attribute__((always_inline)) void end(lydite_span *span, int64_t end_ns)
{
    const uintptr_t handle = (uintptr_t)span;
    if (LY_UNLIKELY(!ly_handle_alive(handle))) {
        ly_span_misused();
        return;
    }
    ly_slot *slot = ly_handle_slot(handle);
    ly_thread *self = ly_thread_get();
    if (LY_UNLIKELY(!self)) {
        return;
    }
    stack_remove(self, handle);
    lydite_tracer *tracer = ly_slot_tracer(slot);
    ly_producer *producer;
    if (LY_LIKELY(slot->recording && tracer) &&
        LY_LIKELY((producer = ly_producer_get(self, tracer)) != NULL)) {
        if (LY_UNLIKELY(atomic_load_explicit(&tracer->off, memory_order_relaxed))) {
            end_off(tracer, producer);
        } else {
            ly_rec *rec = &slot->rec;
            ly_bag *bag = LY_UNLIKELY(slot->bag != NULL) ? ly_bag_ref(slot->bag) : NULL;
            ly_ring_put(tracer, producer, rec, end_ns ? end_ns : now_ns(), bag, slot->items,
                        slot->len);
            atomic_store_explicit(&producer->ended,
                                  atomic_load_explicit(&producer->ended, memory_order_relaxed) + 1,
                                  memory_order_release);
            if (LY_UNLIKELY(rec->dropped_attrs | rec->dropped_events | rec->dropped_links)) {
                count(&producer->cut);
            }
            if (LY_UNLIKELY(atomic_load_explicit(&tracer->idle, memory_order_relaxed))) {
                atomic_store_explicit(&tracer->idle, false, memory_order_relaxed);
                ly_tracer_wake(tracer);
            }
        }
    }
    slot_release(self, slot);
}

static __attribute__((noinline)) void end_now(lydite_span *span)
{
    end(span, 0);
}

static __attribute__((noinline)) void end_then(lydite_span *span, int64_t end_ns)
{
    end(span, end_ns);
}

void lydite_end(lydite_span *span)
{
    if (LY_LIKELY(span != NULL)) {
        end_now(span);
    }
}

void lydite_end_at(lydite_span *span, int64_t end_ns)
{
    if (span) {
        end_then(span, end_ns);
    }
}

/* ---- current ---- */

lydite_span *lydite_current(void)
{
    return ly_thread_self ? (lydite_span *)stack_top(ly_thread_self) : NULL;
}

void lydite_make_current(lydite_span *span)
{
    ly_thread *self;
    if (ly_span_any(span) && (self = ly_thread_get()) != NULL) {
        stack_remove(self, (uintptr_t)span);
        stack_push(self, (uintptr_t)span);
    }
}

bool lydite_recording(const lydite_span *span)
{
    return span && ly_handle_alive((uintptr_t)span) && ly_handle_slot((uintptr_t)span)->recording;
}

void lydite_span_ids(const lydite_span *span, char trace_id[33], char span_id[17])
{
    static const ly_rec zero;
    ly_slot *slot = ly_span_any(span);
    const ly_rec *rec = slot ? &slot->rec : &zero;
    ly_hex_encode(rec->trace_id, sizeof rec->trace_id, trace_id);
    ly_hex_encode(&rec->span_id, sizeof rec->span_id, span_id);
}
