/* cmocka with the headers it wants first. */
#ifndef LY_TESTS_TRACER_TESTING_H
#define LY_TESTS_TRACER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
