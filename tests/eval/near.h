/* Comparison of doubles for the statistics tests: relative tolerance, with the expression in the text. */
#ifndef TESTS_EVAL_NEAR_H
#define TESTS_EVAL_NEAR_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NEAR_TOL(got, want, tol)                                        \
    do {                                                                \
        double got_ = (got), want_ = (want);                            \
        double scale_ = fabs(want_) > 1e-3 ? fabs(want_) : 1;           \
        if (!(fabs(got_ - want_) <= (tol)*scale_)) {                    \
            print_error("%s = %.17g, want %.17g\n", #got, got_, want_); \
            fail();                                                     \
        }                                                               \
    } while (0)
#define NEAR(got, want) NEAR_TOL(got, want, 1e-10)

#endif
