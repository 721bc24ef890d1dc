#include "base/mem.h"

/* The one place where the banned names are allowed. */
#undef malloc
#undef calloc
#undef realloc

#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t mem_count;
static _Atomic uint64_t mem_fail_at; /* 0 = off, else the count at which to fail */
static _Atomic bool mem_fail_on;

static bool refuse(void)
{
    uint64_t now = ++mem_count;
    uint64_t at = mem_fail_at;
    if (LY_LIKELY(at == 0))
        return false;
    return mem_fail_on ? now >= at : now == at;
}

void *ly_malloc(size_t size)
{
    return refuse() ? NULL : malloc(size ? size : 1);
}

void *ly_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : calloc(n ? n : 1, size ? size : 1);
}

void *ly_realloc(void *ptr, size_t size)
{
    return refuse() ? NULL : realloc(ptr, size ? size : 1);
}

char *ly_strdup(const char *text)
{
    return ly_str_dup(ly_str_c(text ? text : ""));
}

char *ly_str_dup(ly_str s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *copy = ly_malloc(s.len + 1);
    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

void ly_free(void *ptr)
{
    free(ptr);
}

void ly_free_secret(void *ptr, size_t size)
{
    if (ptr)
        explicit_bzero(ptr, size);
    free(ptr);
}

bool ly_grow(void *array_ptr, size_t *cap, size_t need, size_t max, size_t elem_size)
{
    if (need <= *cap)
        return true;
    if (need > max || elem_size == 0)
        return false;
    size_t want = *cap < 8 ? 8 : *cap;
    while (want < need)
        want = want > SIZE_MAX / 2 ? need : want * 2;
    if (want > max)
        want = max;
    if (want > SIZE_MAX / elem_size)
        return false;
    void *old;
    memcpy(&old, array_ptr, sizeof old);
    void *grown = ly_realloc(old, want * elem_size);
    if (!grown)
        return false;
    memcpy(array_ptr, &grown, sizeof grown);
    *cap = want;
    return true;
}

uint64_t ly_mem_count(void)
{
    return mem_count;
}

void ly_mem_fail_at(uint64_t n, bool forever)
{
    mem_fail_on = forever;
    mem_fail_at = n ? mem_count + n : 0;
}
