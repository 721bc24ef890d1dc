/* Inside rpc: where a message that was received lies in one piece, until its call is answered. */
#ifndef LY_RPC_BODY_H
#define LY_RPC_BODY_H

#include <pthread.h>

#include <grpc/byte_buffer.h>

#include "base/str.h"

/* Bytes in one piece: of the heap, or, when they are many, pages of their own (cap > 0). */
typedef struct ly_rpc_body {
    char *ptr;
    size_t len, cap;
} ly_rpc_body;

/* Pages of messages that are answered, for the next ones: fresh ones cost the kernel, which clears them, as
 * much as copying the message. Any thread. */
typedef struct ly_rpc_bodies {
    pthread_mutex_t lock;
    ly_rpc_body kept[4];
    size_t n;
} ly_rpc_bodies;

/* Takes the slices out of `message`, which stays the caller's and may be destroyed at once. false: out of
 * memory, or gRPC cannot read the message. */
bool ly_rpc_body_take(ly_rpc_bodies *bodies, grpc_byte_buffer *message, ly_rpc_body *ret);
/* Gives it back and empties it. */
void ly_rpc_body_give(ly_rpc_bodies *bodies, ly_rpc_body *body);
/* Gives what is kept to the kernel: nothing has come for a while. */
void ly_rpc_bodies_rest(ly_rpc_bodies *bodies);

#endif
