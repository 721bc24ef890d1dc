#include "rpc/body.h"

#include <sys/mman.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

#include "base/limits.h"
#include "base/mem.h"

/* From here on a message gets pages of its own, in steps of a large page. */
#define PAGES_FROM LY_MIB(1)
#define STEP       LY_MIB(2)
/* All that is kept together. */
#define KEEP_BYTES LY_MIB(24)

static size_t held(const ly_rpc_bodies *bodies)
{
    size_t sum = 0;
    for (size_t i = 0; i < bodies->n; i++)
        sum += bodies->kept[i].cap;
    return sum;
}

static bool kept(ly_rpc_bodies *bodies, ly_rpc_body *body)
{
    size_t best = SIZE_MAX;
    pthread_mutex_lock(&bodies->lock);
    for (size_t i = 0; i < bodies->n; i++)
        if (bodies->kept[i].cap >= body->len &&
            (best == SIZE_MAX || bodies->kept[i].cap < bodies->kept[best].cap))
            best = i;
    if (best != SIZE_MAX) {
        body->ptr = bodies->kept[best].ptr;
        body->cap = bodies->kept[best].cap;
        bodies->kept[best] = bodies->kept[--bodies->n];
    }
    pthread_mutex_unlock(&bodies->lock);
    return best != SIZE_MAX;
}

static bool allot(ly_rpc_bodies *bodies, ly_rpc_body *body)
{
    if (body->len < PAGES_FROM) {
        body->ptr = ly_malloc(body->len);
        return body->ptr != NULL;
    }
    if (kept(bodies, body))
        return true;
    size_t cap = (body->len + STEP - 1) / STEP * STEP;
    void *pages = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return false;
    (void)madvise(pages, cap, MADV_HUGEPAGE);
    body->ptr = pages;
    body->cap = cap;
    return true;
}

static void let_go(const ly_rpc_body *body)
{
    if (body->cap)
        (void)munmap(body->ptr, body->cap);
    else
        ly_free(body->ptr);
}

bool ly_rpc_body_take(ly_rpc_bodies *bodies, grpc_byte_buffer *message, ly_rpc_body *ret)
{
    grpc_byte_buffer_reader reader;
    grpc_slice slice;
    ly_rpc_body body = {.len = grpc_byte_buffer_length(message)};
    if (!allot(bodies, &body))
        return false;
    size_t at = 0;
    bool fits = grpc_byte_buffer_reader_init(&reader, message) != 0;
    if (fits) {
        while (fits && grpc_byte_buffer_reader_next(&reader, &slice)) {
            size_t n = GRPC_SLICE_LENGTH(slice);
            fits = n <= body.len - at;
            if (fits && n)
                memcpy(body.ptr + at, GRPC_SLICE_START_PTR(slice), n);
            at += n;
            grpc_slice_unref(slice);
        }
        grpc_byte_buffer_reader_destroy(&reader);
    }
    if (!fits || at != body.len) {
        ly_rpc_body_give(bodies, &body);
        return false;
    }
    *ret = body;
    return true;
}

void ly_rpc_body_give(ly_rpc_bodies *bodies, ly_rpc_body *body)
{
    ly_rpc_body gone = *body;
    *body = (ly_rpc_body){0};
    if (gone.cap) {
        pthread_mutex_lock(&bodies->lock);
        if (bodies->n < LY_COUNT(bodies->kept) && held(bodies) + gone.cap <= KEEP_BYTES) {
            bodies->kept[bodies->n++] = gone;
            gone = (ly_rpc_body){0};
        }
        pthread_mutex_unlock(&bodies->lock);
    }
    let_go(&gone);
}

void ly_rpc_bodies_rest(ly_rpc_bodies *bodies)
{
    pthread_mutex_lock(&bodies->lock);
    while (bodies->n > 0)
        let_go(&bodies->kept[--bodies->n]);
    pthread_mutex_unlock(&bodies->lock);
}
