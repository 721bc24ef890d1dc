/* What every unit test includes: cmocka with the headers it wants before it, and two short asserts. */
#ifndef LY_TESTS_TEST_H
#define LY_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

/* The view equals the C string; prints both otherwise. */
#define assert_str(view, text)                                                            \
    do {                                                                                  \
        ly_str got_ = (view);                                                             \
        ly_str want_ = ly_str_c(text);                                                    \
        if (!ly_str_eq(got_, want_))                                                      \
            fail_msg("got \"%.*s\", want \"%.*s\"", LY_STR_ARG(got_), LY_STR_ARG(want_)); \
    } while (0)

/* The call succeeded; prints the error otherwise. `e` is the ly_err it was given. */
#define assert_ok(call, e)                                                     \
    do {                                                                       \
        ly_status status_ = (call);                                            \
        if (status_ != LY_OK)                                                  \
            fail_msg("%s: %s (%s)", #call, (e).text, ly_status_text(status_)); \
    } while (0)

#endif
