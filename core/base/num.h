/*
 * Numbers as text, independent of the process's locale (a host that links the tracer may have set
 * any). Reading is ly_str_to_double & co in base/str.h.
 */
#ifndef LY_BASE_NUM_H
#define LY_BASE_NUM_H

#include "base/str.h"

#define LY_DOUBLE_TEXT_MAX 32

/* The shortest decimal that reads back as exactly `value`, in JSON's form: "0.1", "1e+22", "-0.0",
 * "100.0" (a whole number below 1e17 ends in ".0", so that it stays a double when read again).
 * Infinities and NaN become "Infinity", "-Infinity" and "NaN", which are not JSON: callers decide.
 * NUL-terminated; returns the length. */
size_t ly_double_put(double value, char dst[LY_DOUBLE_TEXT_MAX]);
/* The same without the ".0": "100", "-0". */
size_t ly_double_put_plain(double value, char dst[LY_DOUBLE_TEXT_MAX]);

#endif
