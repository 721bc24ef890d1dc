/* Inside rpc: the server's objects, and what its files call of each other. Which thread and which lock
 * guards what is said in server.c. */
#ifndef LY_RPC_SERVER_I_H
#define LY_RPC_SERVER_I_H

#include <pthread.h>
#include <stdatomic.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "rpc/body.h"
#include "rpc/server.h"
#include "rpc/server_tls.h"

typedef enum tag_kind { TAG_NEW, TAG_NEW_UNKNOWN, TAG_CLOSED, TAG_PAYLOAD, TAG_SENT } tag_kind;

typedef struct tag {
    tag_kind kind;
    ly_rpc_call *call;
} tag;

struct ly_rpc_call {
    ly_rpc_server *server;
    ly_rpc_call *next;                       /* in the waiting list */
    ly_rpc_call *reading_next, **reading_at; /* in the list of those whose message is awaited */
    int64_t asked_ns;
    size_t method;
    void *user;
    int64_t born_ns;
    atomic_int refs;
    atomic_bool cancelled;
    int cancelled_raw; /* written by gRPC before TAG_CLOSED */
    bool no_payload;   /* the server's thread only */
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array meta;
    grpc_call_details details; /* unknown methods only */
    grpc_byte_buffer *payload;
    ly_rpc_body body;
    grpc_byte_buffer *answer;
    tag on_new, on_closed, on_payload, on_sent;
};

struct ly_rpc_server {
    ly_rpc_handler handler;
    const char *const *methods;
    size_t n_methods;
    size_t max_message;
    int64_t message_ns;
    ly_rpc_cert *cert;        /* NULL = plain */
    uint64_t accept_failures; /* of the process when it began to listen */
    void **registered;
    grpc_resource_quota *quota;
    grpc_server *server;
    grpc_completion_queue *cq;      /* calls; polled by the thread */
    grpc_completion_queue *stop_cq; /* plucked by drain and free */
    pthread_t thread;
    bool started, draining_posted, anonymous;

    pthread_mutex_t lock;
    pthread_cond_t none_live;
    bool stopping;
    size_t live; /* accepted calls that were not freed yet */
    ly_rpc_call *first, **last;
    size_t waiting;
    ly_rpc_call *reading, **reading_last; /* in the order of asking */
    ly_rpc_bodies bodies;                 /* has a lock of its own, never held with the other */
};

/* The bytes of a slice; valid as long as it. */
static inline ly_str ly_rpc_slice_view(const grpc_slice *slice)
{
    return ly_str_n(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

/* Gives back one reference; the last one frees the call. */
void ly_rpc_call_unref(ly_rpc_call *call);

/* From now on gRPC's log is heard by us alone (the process's; before grpc_init). */
void ly_rpc_log_hear(void);
/* How often this process could not take a connection for want of descriptors or memory, in any server. */
uint64_t ly_rpc_log_accept_failures(void);

#endif
