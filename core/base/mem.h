/*
 * The heap, through one door. Raw malloc and friends are banned elsewhere (base/banned.h), so that
 * tests can make the n-th allocation fail and count what a code path allocates.
 */
#ifndef LY_BASE_MEM_H
#define LY_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

/* All return NULL when memory is out or n*size overflows. Sizes of 0 give a unique pointer. */
LY_MUST_USE void *ly_malloc(size_t size);
LY_MUST_USE void *ly_calloc(size_t n, size_t size);
LY_MUST_USE void *ly_realloc(void *ptr, size_t size);
LY_MUST_USE char *ly_strdup(const char *text);
/* NUL-terminated copy of a view. */
LY_MUST_USE char *ly_str_dup(ly_str s);
void ly_free(void *ptr);
/* Overwrites before freeing, for secrets; the compiler cannot drop it. NULL is allowed. */
void ly_free_secret(void *ptr, size_t size);

/* Grows an array to hold at least `need` elements, doubling; false (and unchanged) on failure or past
 * `max` elements. */
LY_MUST_USE bool ly_grow(void *array_ptr, size_t *cap, size_t need, size_t max, size_t elem_size);

/* Test hooks. Allocations made by this process through this door since start. */
uint64_t ly_mem_count(void);
/* Makes the n-th allocation from now fail (1 = the next), and with `forever` all after it; 0 = off. */
void ly_mem_fail_at(uint64_t n, bool forever);

#endif
