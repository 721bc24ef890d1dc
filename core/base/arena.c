#include "base/arena.h"

#include <stdio.h>

#include "base/mem.h"

/* With AddressSanitizer the unused part of a block is poisoned, so that an overrun is seen. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define MAX_ALIGN 64 /* the largest that a caller may ask for */

struct ly_arena_block {
    ly_arena_block *next;
    size_t size; /* of bytes[] */
    size_t used;
    _Alignas(16) char bytes[];
};

void ly_arena_init(ly_arena *arena, size_t block_bytes, size_t max_bytes)
{
    *arena = (ly_arena){
        NULL, NULL, 0, 0, block_bytes ? block_bytes : 65536, max_bytes ? max_bytes : SIZE_MAX};
}

void ly_arena_reset(ly_arena *arena)
{
    for (ly_arena_block *b = arena->first; b; b = b->next) {
        b->used = 0;
        POISON(b->bytes, b->size);
    }
    arena->now = arena->first;
    arena->used = 0;
}

void ly_arena_release(ly_arena *arena)
{
    if (!arena)
        return;
    for (ly_arena_block *b = arena->first; b;) {
        ly_arena_block *next = b->next;
        UNPOISON(b->bytes, b->size);
        ly_free(b);
        b = next;
    }
    arena->first = arena->now = NULL;
    arena->used = arena->held = 0;
}

/* A block with room for `size` aligned bytes: the next kept one that fits, or a new one behind `now`. */
static ly_arena_block *block_for(ly_arena *arena, size_t size, size_t align)
{
    for (ly_arena_block *b = arena->now ? arena->now->next : arena->first; b; b = b->next) {
        if (b->size - b->used >= size + align) {
            arena->now = b;
            return b;
        }
    }
    size_t want = arena->block;
    /* Blocks double, so a large request costs few of them. */
    if (arena->held > want && arena->held <= ((size_t)4 << 20))
        want = arena->held;
    if (want < size + align)
        want = size + align;
    if (want > arena->max - arena->held)
        want = size + align;
    if (want > arena->max - arena->held || want > SIZE_MAX - sizeof(ly_arena_block))
        return NULL;
    ly_arena_block *b = ly_malloc(sizeof *b + want);
    if (!b)
        return NULL;
    b->size = want;
    b->used = 0;
    b->next = NULL;
    POISON(b->bytes, b->size);
    if (arena->now) {
        b->next = arena->now->next;
        arena->now->next = b;
    } else {
        b->next = arena->first;
        arena->first = b;
    }
    arena->held += want;
    arena->now = b;
    return b;
}

/* Where the next object of that alignment goes: an offset into bytes[]. */
static size_t aligned(const ly_arena_block *b, size_t align)
{
    uintptr_t at = (uintptr_t)(b->bytes + b->used);
    return b->used + (size_t)((0 - at) & (align - 1));
}

void *ly_arena_alloc(ly_arena *arena, size_t size, size_t align)
{
    if (align > MAX_ALIGN || size > SIZE_MAX / 2)
        return NULL;
    ly_arena_block *b = arena->now;
    size_t start = b ? aligned(b, align) : 0;
    if (LY_UNLIKELY(!b || start > b->size || size > b->size - start)) {
        b = block_for(arena, size, align);
        if (!b)
            return NULL;
        start = aligned(b, align);
    }
    arena->used += start + size - b->used;
    b->used = start + size;
    UNPOISON(b->bytes + start, size);
    return b->bytes + start;
}

void *ly_arena_zalloc(ly_arena *arena, size_t n, size_t size, size_t align)
{
    if (size && n > SIZE_MAX / size)
        return NULL;
    void *p = ly_arena_alloc(arena, n * size, align);
    if (p && n && size)
        memset(p, 0, n * size);
    return p;
}

ly_str ly_arena_copy(ly_arena *arena, ly_str s)
{
    char *p = s.len < SIZE_MAX ? ly_arena_alloc(arena, s.len + 1, 1) : NULL;
    if (!p)
        return LY_STR_NONE;
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return (ly_str){p, s.len};
}

ly_str ly_arena_fmt(ly_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *p = n < 0 ? NULL : ly_arena_alloc(arena, (size_t)n + 1, 1);
    if (!p)
        return LY_STR_NONE;
    va_start(args, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return (ly_str){p, (size_t)n};
}
