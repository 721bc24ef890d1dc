/*
 * What fuzz targets share. A target is one file with LLVMFuzzerTestOneInput: it feeds the bytes to a
 * reader and, where reading succeeds, checks what must hold then (what is written reads back the
 * same, …) with FUZZ_CHECK. It must not keep state between calls.
 */
#ifndef LY_TEST_FUZZ_H
#define LY_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                              \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

#endif
