/*
 * ly_arena: memory for things that die together (one decoded request, one trace on the screen).
 *
 * Blocks are taken from the heap as needed, up to a maximum. ly_arena_reset keeps the blocks, so a
 * loop that decodes requests into one arena stops allocating after the largest of them.
 * An arena belongs to one thread at a time. Nothing is freed one by one.
 */
#ifndef LY_BASE_ARENA_H
#define LY_BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

typedef struct ly_arena_block ly_arena_block;

typedef struct ly_arena {
    ly_arena_block *first;
    ly_arena_block *now;
    size_t used;  /* bytes handed out since the last reset, rounding included */
    size_t held;  /* bytes of all blocks */
    size_t block; /* size of a usual block */
    size_t max;   /* held never passes this */
} ly_arena;

/* Does not allocate. block_bytes 0 = 64 KiB; max_bytes 0 = no maximum but memory. */
void ly_arena_init(ly_arena *arena, size_t block_bytes, size_t max_bytes);
void ly_arena_reset(ly_arena *arena);
/* Frees all; NULL and a zeroed struct are allowed. */
void ly_arena_release(ly_arena *arena);

/* NULL when memory or the maximum is reached. align is a power of two up to 64. Not zeroed. */
LY_MUST_USE void *ly_arena_alloc(ly_arena *arena, size_t size, size_t align);
/* Zeroed; NULL also when n*size overflows. */
LY_MUST_USE void *ly_arena_zalloc(ly_arena *arena, size_t n, size_t size, size_t align);
/* Copies, NUL-terminated; a copy of an empty view is "" (not NULL). ptr is NULL on failure. */
LY_MUST_USE ly_str ly_arena_copy(ly_arena *arena, ly_str s);
LY_MUST_USE ly_str ly_arena_fmt(ly_arena *arena, const char *fmt, ...) LY_PRINTF(2, 3);

#define LY_ARENA_NEW(arena, type) \
    ((type *)ly_arena_zalloc((arena), 1, sizeof(type), _Alignof(type)))
#define LY_ARENA_ARRAY(arena, type, n) \
    ((type *)ly_arena_zalloc((arena), (n), sizeof(type), _Alignof(type)))

#endif
