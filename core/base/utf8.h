/*
 * UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing past U+10FFFF.
 */
#ifndef LY_BASE_UTF8_H
#define LY_BASE_UTF8_H

#include "base/str.h"

#define LY_UTF8_BAD 0xFFFFFFFFu

/* Reads the code point at s.ptr[*pos] and moves *pos past it. An invalid byte gives LY_UTF8_BAD and
 * moves *pos by one. Call only with *pos < s.len. */
uint32_t ly_utf8_next(ly_str s, size_t *pos);
/* Writes 1 to 4 bytes; returns how many. A surrogate or too large value is written as U+FFFD. */
size_t ly_utf8_put(uint32_t code_point, char dst[4]);
/* True when the whole view is valid. Fast on ASCII. */
bool ly_utf8_valid(ly_str s);
/* The longest prefix of s of at most max_bytes that does not cut a character. */
ly_str ly_utf8_cut(ly_str s, size_t max_bytes);
/* Number of code points, an invalid byte counting as one. */
size_t ly_utf8_count(ly_str s);

#endif
