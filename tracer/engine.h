/*
 * The engine behind <lydite/tracer.h>: what its files share. Nothing here is public.
 *
 * A span's life, with the file that owns each part:
 *
 *   lydite_start   span.c    takes a slot from the thread's free list (thread.c), copies the parent's
 *                            trace id, puts the handle on the thread's stack
 *   lydite_set_*   attrs.c, content.c, value.c, context.c    append items to the slot's build buffer
 *   lydite_end     span.c    one memcpy of the build buffer into the thread's ring (ring.c)
 *   exporter       exporter.c  reads the rings, encode.c writes OTLP, transport.c carries it
 *   accounts       tracer.c  open, flush, close, stats, fork, exit
 *
 * Ring. Each thread has one producer per tracer: a chain of 64 KiB chunks, written by that thread
 * alone, read by the exporter alone. A chunk comes from the tracer's pool, which is the byte budget,
 * and returns there when it was read, so that one busy thread may use all of the budget and a quiet
 * thread holds one chunk. A record larger than a chunk gets a chunk of its own (the counted slow path).
 *
 *   producer:  tail ── writes at tail_used, publishes with a release store of `committed`
 *   exporter:  head ── reads up to `committed`; when that is all and `next` is set, gives it back
 *
 * No lock and no allocation on the way of a span in steady state: slots, chunks and grown build buffers
 * are reused. Locks (each guards what is named beside it): tracer.lock, depot_lock, registry_lock.
 * No two are held together but by the fork handlers, which take them in that order reversed.
 */
#ifndef LY_TRACER_ENGINE_H
#define LY_TRACER_ENGINE_H

#include <lydite/tracer.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#define LY_MAX_TRACERS  16
#define LY_CHUNK_BYTES  (64u << 10)
#define LY_SLOT_INLINE  1792u        /* build buffer inside a slot: most spans without messages */
#define LY_SLOT_KEEP    (256u << 10) /* a grown build buffer up to this size is kept for reuse */
#define LY_COPY_STEP    32u
#define LY_COPY_INLINE  256u
#define LY_STACK_INLINE 64u
#define LY_STACK_MAX    4096u
#define LY_MAX_SCORES   4096u

/* ---- inherited text: session, user, tags, tracestate, baggage ---- */

/* Immutable and shared by reference count; a change makes a new one. Absent text is LY_STR_NONE. */
typedef struct ly_bag {
    _Atomic uint32_t refs;
    ly_str session, user, tags, trace_state, baggage; /* tags: each followed by a NUL */
} ly_bag;

enum { LY_BAG_SESSION, LY_BAG_USER, LY_BAG_TAGS, LY_BAG_STATE, LY_BAG_BAGGAGE };

/* The tracestate that says with which threshold of 2^56 a span was let pass (OpenTelemetry's `ot` member
 * in front, its rv kept; otherwise as it was). */
void ly_state_with_threshold(ly_str state, uint64_t threshold, ly_buf *out);
/* The randomness that a tracestate brings along (ot=rv:); false when there is none. */
bool ly_state_random(ly_str state, uint64_t *ret);
/* A new bag like `old` (may be NULL) but for one field; NULL without memory. Takes over nothing. */
ly_bag *ly_bag_with(const ly_bag *old, int field, ly_str value);
ly_bag *ly_bag_ref(ly_bag *bag);
void ly_bag_unref(ly_bag *bag);

/* ---- records: the build buffer's and the ring's form of a span ---- */

enum {
    LY_REC_PENDING = 1,    /* live mode's start record */
    LY_REC_REMOTE = 2,     /* the parent is of another process */
    LY_REC_WITHHELD = 4,   /* content was handed over and is switched off */
    LY_REC_NAME_SET = 8,   /* an IT_NAME item replaces the name */
    LY_REC_FIRST = 16,     /* the first token's time was recorded */
    LY_REC_HAS_PARENT = 32 /* parent_id is set */
};

typedef struct ly_rec {
    uint32_t bytes; /* of the whole record, a multiple of 8 */
    uint8_t type, kind, flags, status;
    uint64_t trace_id[2], span_id, parent_id; /* bytes as sent, in memory order */
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC; the exporter holds the wall anchor */
    const char *name;         /* borrowed; NULL = the first IT_SUBJECT item or none */
    ly_bag *bag;              /* a reference; set when the span ends */
    uint32_t dropped_attrs, dropped_events, dropped_links;
    uint8_t trace_flags, pad[3];
} ly_rec;

typedef enum ly_item_kind {
    LY_IT_INT = 1, /* payload int64_t */
    LY_IT_DOUBLE,
    LY_IT_BOOL,
    LY_IT_STATIC, /* payload: const char * of a borrowed string */
    LY_IT_STR,    /* payload: the bytes */
    LY_IT_BYTES,
    LY_IT_ANY, /* payload: an encoded AnyValue */
    /* attributes end here */
    LY_IT_EVENT,     /* payload: encoded Span.Event fields without time; 8 bytes of time before */
    LY_IT_EVENT_INT, /* time, borrowed name, value: three words; key: the attribute's */
    LY_IT_LINK,      /* payload: encoded Span.Link */
    LY_IT_MESSAGE,   /* flags: direction; payload: one JSON object */
    LY_IT_DOCUMENT,
    LY_IT_FINISH, /* payload: one finish reason */
    LY_IT_NAME,
    LY_IT_SUBJECT, /* the copied `name` of lydite_start */
    LY_IT_STATUS   /* the status message */
} ly_item_kind;

enum { LY_ITF_CONTENT = 2 /* written after the other attributes */ };

/* Followed by len bytes, padded to 8. */
typedef struct ly_item {
    uint8_t kind, flags;
    uint16_t key_len; /* 0 = borrowed key, measured by the exporter */
    uint32_t len;
    const char *key;
} ly_item;

static inline size_t ly_item_size(uint32_t len)
{
    return sizeof(ly_item) + (((size_t)len + 7) & ~(size_t)7);
}

/* ---- slots: open spans ---- */

/* The record's head stays in the slot, where other threads may read the ids of a parent; the items
 * follow it there until they outgrow the place, and then move to the heap as a whole. Slots are never
 * returned to the system, so that a dead handle can always be looked at. */
typedef struct ly_slot {
    _Atomic uint16_t gen; /* of the handle that is alive; see span.c */
    bool recording;
    uint8_t tracer_index;
    uint32_t serial; /* of the tracer */
    struct ly_slot *next;
    uint8_t *items;
    uint32_t len, cap;   /* of items */
    uint32_t attrs_left; /* that the host may still set; 0 when the span is not recorded */
    uint32_t n_events, n_links;
    _Atomic uint8_t bag_busy; /* held for the few instructions that swap or share bag */
    ly_bag *bag;
    ly_rec rec;
    _Alignas(8) uint8_t inline_items[LY_SLOT_INLINE];
    uint8_t slack[LY_COPY_STEP]; /* ly_ring_put copies in steps */
} ly_slot;

/* ---- chunks and producers ---- */

/* The producer's words, the exporter's and the records are on cache lines of their own: while one writes
 * its own the other must not lose it. */
typedef struct ly_chunk {
    _Atomic(struct ly_chunk *) next;
    _Atomic uint32_t committed;
    uint32_t cap, index; /* index: in the pool; UINT32_MAX = from the heap */
    _Atomic uint32_t pool_next;
    /* the exporter's: how far it has read, and how far it may before it looks at `committed` again */
    _Alignas(64) uint32_t read, limit;
    _Alignas(64) uint8_t data[];
} ly_chunk;

typedef struct ly_pool {
    uint8_t *base; /* mapped; touched as it is used */
    uint32_t n_chunks;
    _Atomic uint32_t carved;
    _Atomic uint64_t free_head; /* tag << 32 | index + 1 */
    _Atomic int64_t budget;     /* bytes not in use */
    int64_t budget_full;
    uint32_t populated; /* chunks whose pages exist; the exporter's */
} ly_pool;

typedef struct ly_producer {
    /* the producing thread's */
    ly_chunk *tail;
    uint32_t tail_used;
    _Atomic bool writing;   /* between the look at `claim` and the end of a put */
    _Atomic uint32_t claim; /* LY_CLAIM_*: the exporter takes an empty chunk back; see ring.c */
    uint64_t press_at;      /* `committed` at which the exporter is told the next time */
    /* counters, written by the thread alone; the first three by every span */
    _Atomic uint64_t started, committed, ended;
    _Atomic uint64_t dropped[LYDITE_DROP_REASONS], unsampled, slow, cut, misuse;
    /* the exporter's, on lines of its own */
    _Alignas(64) ly_chunk *_Atomic head;
    uint64_t taken; /* ended records read, guarded by tracer.lock */
    uint64_t flush_target;
    _Atomic bool used;        /* a thread owns it */
    struct ly_producer *next; /* in tracer.producers; never unlinked before close */
} ly_producer;

enum { LY_CLAIM_NONE, LY_CLAIM_ASKED, LY_CLAIM_TAKING };

/* ---- configuration ---- */

typedef enum ly_exporter_kind {
    LY_EXPORT_OTLP,
    LY_EXPORT_CONSOLE,
    LY_EXPORT_FILE,
    LY_EXPORT_NONE,
    LY_EXPORT_FN
} ly_exporter_kind;

typedef struct ly_header {
    char *key, *value;
} ly_header;

/* Owned texts; ly_config_release. */
typedef struct ly_config {
    bool disabled;
    ly_exporter_kind exporter;
    char *file;   /* of file:PATH */
    char *target; /* "host:port" or "unix:..." */
    bool tls;
    char *ca_file, *cert_file, *key_file;
    ly_header *headers;
    size_t n_headers;
    bool gzip;
    lydite_export_fn export_fn;
    void *export_user;
    char *exporter_path;

    ly_buf resource; /* the encoded Resource message without instance id and process id */
    char *scope, *scope_version, *origin;

    size_t ring_bytes;
    int64_t full_wait_ns, schedule_ns, timeout_ns, give_up_ns, exit_ns, fork_ns;
    uint32_t batch_spans, batch_bytes, max_in_flight;
    char *spool_dir;
    uint64_t spool_bytes;

    int sampler; /* LYDITE_SAMPLE_ALWAYS.., without the PARENT bit */
    bool parent_based;
    uint64_t threshold; /* of 2^56: sampled when random >= threshold */
    ly_bag *ratio_bag;  /* for roots that it let pass: tracestate "ot=th:...", or NULL */
    bool content, live, debug;
    uint32_t max_attrs, max_chars, max_events, max_links, max_event_attrs, max_link_attrs;
    size_t max_span_bytes;
    lydite_processor *processors;
    size_t n_processors;
    lydite_diag_fn diag;
    void *diag_user;
    lydite_context *env_parent; /* TRACEPARENT and so on, or BAGGAGE alone; or NULL */
} ly_config;

/* Reads options (may be NULL) and environment; `get` stands for getenv in tests. *ret is set on success
 * only. Notes that do not stop it (a number that cannot be parsed) go to the diagnostics callback. */
typedef const char *(*ly_env_fn)(void *user, const char *name);
LY_MUST_USE ly_status ly_config_read(const lydite_options *opts, ly_env_fn get, void *user,
                                     ly_config *ret, ly_err *err);
void ly_config_release(ly_config *config);

/* ---- contexts ---- */

struct lydite_context {
    bool valid, parent_seen, state_bad;
    uint8_t trace_id[16], span_id[8], flags;
    ly_buf state, baggage;
};

/* ---- the exporter's side: requests ---- */

typedef enum ly_req_state { LY_REQ_FREE, LY_REQ_READY, LY_REQ_SENDING } ly_req_state;

typedef struct ly_request {
    ly_req_state state;
    bool logs, pending, from_spool;
    bool beat;  /* a start record again, or an empty request that asks who is there */
    uint32_t n; /* spans or scores that count */
    uint32_t attempts;
    uint64_t serial;
    int64_t first_ns, next_ns, backoff_ns;
    ly_buf body;
    size_t body_at; /* where the message starts in body */
    /* from the spool */
    char *spool_name;
    int spool_fd;
    bool spool_ours;
} ly_request;

typedef struct ly_reply {
    ly_request *request;
    bool ok, retryable;
    int code;
    int64_t delay_ns; /* the server's hint; 0 = none */
    uint64_t rejected;
    bool announced; /* the peer said that it is a Lydite collector */
    char text[240];
} ly_reply;

typedef struct ly_transport ly_transport;

/* Sends requests and hands out replies; used by the exporter thread alone. transport.c. */
struct ly_transport {
    /* false: could not be sent (err says); the reply is not to come. */
    ly_status (*send)(ly_transport *self, ly_request *request, ly_err *err);
    /* The next reply; LY_E_TIMEOUT. Synchronous transports answer at once. */
    ly_status (*wait)(ly_transport *self, int64_t timeout_ns, ly_reply *ret);
    void (*close)(ly_transport *self);
    bool uses_grpc;
};

struct lydite_tracer;
LY_MUST_USE ly_status ly_transport_open(struct lydite_tracer *tracer, ly_transport **ret,
                                        ly_err *err);

/* ---- the tracer ---- */

typedef struct ly_score_node {
    struct ly_score_node *next;
    ly_str log; /* an encoded LogRecord */
} ly_score_node;

typedef enum ly_run { LY_RUN_NOT, LY_RUN_YES, LY_RUN_STOPPED } ly_run;

struct lydite_tracer {
    uint32_t index, serial;
    _Atomic bool off;       /* no recording: disabled, or off after fork */
    _Atomic int off_reason; /* a LYDITE_DROP_* when spans are still counted; -1 = not even that */
    _Atomic bool
        live_now; /* start records are made: live mode, and no other peer than ours is known */
    _Atomic bool fresh; /* one waits since the exporter drained */
    _Atomic bool idle;  /* the exporter sleeps until a span ends */
    ly_config config;
    ly_pool pool;
    ly_producer *_Atomic producers;

    pthread_mutex_t lock; /* guards what follows, up to the next comment */
    ly_run run;
    pthread_t thread;
    uint64_t acknowledged, rejected, dropped[LYDITE_DROP_REASONS], spooled, sending, taken_sum;
    uint64_t requests, retries, pending_sent, inherited, forks_off;
    uint64_t scores, scores_acked, scores_dropped, scores_spooled, scores_sending, n_scores;
    ly_score_node *score_first, *score_last;
    bool loss_told;

    /* atomics by which threads and exporter talk */
    _Atomic uint32_t wake; /* futex: bumped to wake the exporter */
    _Atomic bool sleeping;
    _Atomic uint32_t flush_want, flush_done; /* futex: flush_done */
    _Atomic bool stop, pause, pressure; /* pressure: enough for a request is there, drain now */
    _Atomic bool stuck;                 /* the exporter cannot drain: do not wake it for that */
    _Atomic bool starved;               /* a thread found no chunk since one came back */
    _Atomic uint32_t waiting_spans, waiting_chunks; /* about: since the exporter drained */
    _Atomic uint32_t paused;    /* futex: 1 while the exporter has let go of gRPC */
    _Atomic uint32_t stopped;   /* futex: 1 when the thread is about to end */
    _Atomic int64_t stop_by_ns; /* monotonic */
    _Atomic bool transport_open;
    _Atomic uint32_t room; /* futex: bumped when chunks come back and someone waits */
    _Atomic uint32_t room_waiters;

    /* the exporter thread's own */
    struct ly_exporter *exporter;
    bool forked; /* this process is a child of fork() */
};

/* Registers the flush at exit(), again after gRPC was loaded, so that it runs before gRPC's own. */
void ly_tracer_at_exit(void);

/* Live tracers by index. */
extern lydite_tracer *_Atomic ly_tracer_table[LY_MAX_TRACERS];

void ly_tracer_diag(lydite_tracer *tracer, int level, const char *fmt, ...) LY_PRINTF(3, 4);
/* Whether start records are made before it is known who takes them. */
static inline bool ly_live_at_first(const ly_config *config)
{
    return config->live && config->exporter == LY_EXPORT_OTLP && !config->disabled;
}
/* Starts the exporter thread if it does not run. */
void ly_tracer_run(lydite_tracer *tracer);
void ly_tracer_wake(lydite_tracer *tracer);
/* Waits on *word while it equals `seen`, at most timeout_ns (negative = for ever). Not a cancellation
 * point. */
void ly_futex_wait(_Atomic uint32_t *word, uint32_t seen, int64_t timeout_ns);
void ly_futex_wake(_Atomic uint32_t *word);
/* Makes stores of other threads visible before what we read next, without a fence on their side. */
bool ly_barrier_all(void);

/* signals.c: the main thread has ended by pthread_exit, the process goes on. */
extern _Atomic bool ly_main_left;
bool ly_thread_is_main(void);

/* exporter.c */
void *ly_exporter_main(void *tracer);
/* Frees an exporter whose thread has ended. */
void ly_exporter_free(struct ly_exporter *exporter);

/* thread.c: this thread's state */
typedef struct ly_thread {
    ly_slot *free;
    uint32_t n_free;
    uint64_t rng[2];
    uintptr_t *stack; /* handles */
    uint32_t depth, stack_cap;
    struct {
        ly_producer *producer;
        uint32_t serial;
    } producers[LY_MAX_TRACERS];
    uintptr_t stack_inline[LY_STACK_INLINE];
} ly_thread;

extern _Thread_local ly_thread *ly_thread_self __attribute__((tls_model("initial-exec")));
/* Makes it; NULL without memory. */
ly_thread *ly_thread_make(void);
static inline ly_thread *ly_thread_get(void)
{
    ly_thread *self = ly_thread_self;
    return LY_LIKELY(self != NULL) ? self : ly_thread_make();
}
/* Fills the thread's free list from the depot or from a new slab; NULL without memory. */
ly_slot *ly_slot_refill(ly_thread *self);
/* Gives half of a long free list to the depot. */
void ly_slot_spill(ly_thread *self);
/* A larger stack; false past LY_STACK_MAX (the span is then not made current). */
bool ly_thread_grow_stack(ly_thread *self);
void ly_producer_free(ly_producer *producer);
/* tracer.c: a thread ends; its producer may serve another. Nothing if the tracer is gone. */
void ly_tracer_leave(uint32_t index, uint32_t serial, ly_producer *producer);
/* The producer of this thread for a tracer, made or reused. NULL without memory. */
ly_producer *ly_producer_make(ly_thread *self, lydite_tracer *tracer);
/* In the child of fork(): locks, ids and lists anew. */
void ly_thread_after_fork(void);
void ly_thread_fork_lock(void);
void ly_thread_fork_unlock(void);

static inline ly_producer *ly_producer_get(ly_thread *self, lydite_tracer *tracer)
{
    if (LY_LIKELY(self->producers[tracer->index].serial == tracer->serial)) {
        return self->producers[tracer->index].producer;
    }
    return ly_producer_make(self, tracer);
}

/* ring.c */
LY_MUST_USE bool ly_pool_init(ly_pool *pool, size_t bytes);
void ly_pool_release(ly_pool *pool);
/* All chunks are free again (child of fork). */
void ly_pool_reset(ly_pool *pool);
void ly_chunk_free(ly_pool *pool, ly_chunk *chunk);
/* Makes the pages of the next chunks exist, so that producers do not meet the page faults. */
void ly_pool_populate(ly_pool *pool);
/* Puts a record where the tail has no room for it, or while the exporter asks for the tail; counts what
 * happens. Takes rec->bag. */
void ly_ring_put_slow(lydite_tracer *tracer, ly_producer *producer, const ly_rec *rec,
                      const uint8_t *items, size_t items_len);
/* Enough spans have been put that the exporter may be told. */
void ly_ring_press(lydite_tracer *tracer, ly_producer *producer, uint64_t committed);
/* The quick way: one copy into the thread's own chunk. The three fields that are only known at the end
 * come beside rec: a wide load just after their stores would wait for these. rec has them too when it
 * takes the slow way. */
static inline __attribute__((always_inline)) void ly_ring_put(lydite_tracer *tracer,
                                                              ly_producer *producer, ly_rec *rec,
                                                              int64_t end_ns, ly_bag *bag,
                                                              const uint8_t *items,
                                                              size_t items_len)
{
    const uint32_t bytes = (uint32_t)(sizeof *rec + items_len);
    atomic_store_explicit(&producer->writing, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst); /* the fence itself is the exporter's: ring.c */
    /* The claim before the tail: after this look the tail cannot go away. */
    ly_chunk *chunk = NULL;
    uint32_t used = 0;
    if (LY_UNLIKELY(atomic_load_explicit(&producer->claim, memory_order_acquire)) ||
        LY_UNLIKELY((chunk = producer->tail) == NULL) ||
        LY_UNLIKELY(chunk->cap - (used = producer->tail_used) < bytes)) {
        rec->bytes = bytes;
        rec->end_ns = end_ns;
        rec->bag = bag;
        ly_ring_put_slow(tracer, producer, rec, items, items_len);
        return;
    }
    uint8_t *to = chunk->data + used;
    ly_rec *put = (ly_rec *)(void *)to;
    memcpy(to, rec, sizeof *rec);
    put->bytes = bytes;
    put->end_ns = end_ns;
    put->bag = bag;
    to += sizeof *rec;
    if (LY_LIKELY(items_len <= LY_COPY_INLINE && chunk->cap - used - bytes >= LY_COPY_STEP)) {
        /* In steps of a fixed size, past the end by less than one: the slot is padded, the chunk has
         * room. A call of memcpy costs more than the bytes. */
        for (size_t at = 0; at < items_len; at += LY_COPY_STEP) {
            memcpy(to + at, items + at, LY_COPY_STEP);
        }
    } else {
        memcpy(to, items, items_len);
    }
    producer->tail_used = used + bytes;
    /* The exporter's core has read these lines in the chunk's last round: ask for them back while the
     * host does its work. */
    for (uint32_t ahead = 0; ahead < 256; ahead += 64) {
        LY_PREFETCH_WRITE(chunk->data + used + bytes + ahead);
    }
    uint64_t committed = 0;
    if (LY_LIKELY(!(rec->flags & LY_REC_PENDING))) {
        committed = atomic_load_explicit(&producer->committed, memory_order_relaxed) + 1;
        atomic_store_explicit(&producer->committed, committed, memory_order_relaxed);
    }
    atomic_store_explicit(&chunk->committed, used + bytes, memory_order_release);
    atomic_store_explicit(&producer->writing, false, memory_order_release);
    if (LY_UNLIKELY(committed >= producer->press_at)) {
        ly_ring_press(tracer, producer, committed);
    }
}
/* The next record, or NULL; gives chunks back that were read. Then ly_ring_next moves past it. */
const ly_rec *ly_ring_peek(lydite_tracer *tracer, ly_producer *producer);
void ly_ring_next(ly_producer *producer, const ly_rec *rec);
/* Gives the chunk of a producer back that no thread owns and that was read to its end. */
void ly_ring_retire(lydite_tracer *tracer, ly_producer *producer);
/* Takes the chunks of quiet threads back, which they hold empty, when others want them. */
void ly_ring_reclaim(lydite_tracer *tracer);

/* attrs.c: room for one item; NULL when it does not fit any limit (counted). Payload at item + 1. */
ly_item *ly_item_add(ly_slot *slot, ly_item_kind kind, const char *key, size_t len);
void ly_attr_str(ly_slot *slot, const char *key, ly_str value, unsigned flags);
/* span.c: guard slot->bag; false when it cannot be had (then leave the bag alone). */
bool ly_slot_bag_lock(ly_slot *slot);
void ly_slot_bag_unlock(ly_slot *slot);
/* Dead handles used, in this process. */
extern _Atomic uint64_t ly_span_misuse;
/* A handle is the slot's address with a 16-bit generation in its upper bits; see span.c. */
#define LY_HANDLE_BITS 48
#define LY_HANDLE_MASK (((uintptr_t)1 << LY_HANDLE_BITS) - 1)

static inline ly_slot *ly_handle_slot(uintptr_t handle)
{
    return (ly_slot *)(handle & LY_HANDLE_MASK);
}

static inline bool ly_handle_alive(uintptr_t handle)
{
    return atomic_load_explicit(&ly_handle_slot(handle)->gen, memory_order_acquire) ==
           (uint16_t)(handle >> LY_HANDLE_BITS);
}

/* Counts a dead handle. */
void ly_span_misused(void);

/* The slot behind a living, recording handle, or NULL. Inline: every setter begins with it. */
static inline ly_slot *ly_span_slot(const lydite_span *span)
{
    if (LY_UNLIKELY(!span)) {
        return NULL;
    }
    if (LY_UNLIKELY(!ly_handle_alive((uintptr_t)span))) {
        ly_span_misused();
        return NULL;
    }
    ly_slot *slot = ly_handle_slot((uintptr_t)span);
    return LY_LIKELY(slot->recording) ? slot : NULL;
}
/* The same for handles that do not record (for their ids). */
ly_slot *ly_span_any(const lydite_span *span);
/* The tracer of a slot, or NULL when it is closed. */
lydite_tracer *ly_slot_tracer(const ly_slot *slot);

/* encode.c: one record as a Span message (tag and length included) of ScopeSpans. */
typedef struct ly_encoder ly_encoder;
LY_MUST_USE ly_encoder *ly_encoder_new(const ly_config *config);
void ly_encoder_free(ly_encoder *encoder);
/* wall_offset_ns is added to the record's times. Appends one Span as a field of ScopeSpans and returns
 * -1, or appends nothing and returns the LYDITE_DROP_* reason. */
int ly_encode_record(ly_encoder *encoder, const ly_rec *rec, int64_t wall_offset_ns, ly_buf *out);
/* A request is framed last: `out` begins with ly_encode_gap bytes kept free, then come the spans (or
 * log records: same field numbers). Returns where in `out` the message starts. */
size_t ly_encode_gap(const ly_encoder *encoder);
size_t ly_encode_frame(const ly_encoder *encoder, ly_buf *out);

/* value.c */
ly_str ly_value_any(const lydite_value *value); /* the encoded AnyValue, or LY_STR_NONE */
/* Each KeyValue of an encoded map, re-tagged as field `number`, at most `max`; *ret_dropped the rest.*/
void ly_value_retag(ly_str any, uint32_t number, uint32_t max, uint32_t max_chars, ly_buf *out,
                    uint32_t *ret_dropped);
/* Copies an AnyValue with every string cut to max_chars code points. */
void ly_value_cut(ly_str any, uint32_t max_chars, ly_buf *out, int depth);
/* Appends text with U+FFFD for each byte that is not UTF-8; the same as a length-delimited field. */
void ly_text_put(ly_buf *out, ly_str s);
void ly_text_field(ly_buf *out, uint32_t number, ly_str s);
/* At most n characters of s (n 0 = all). */
ly_str ly_chars_cut(ly_str s, uint32_t n);

/* spool.c: see spool.h */

#endif
