/* Base64 of RFC 4648: reading takes both alphabets (+/ and -_), padded or not; writing is standard. */
#ifndef LY_BASE_B64_H
#define LY_BASE_B64_H

#include "base/buf.h"
#include "base/str.h"

/* Bytes that ly_b64_decode may write for a text of n characters. */
#define LY_B64_DECODED_MAX(n) ((n) / 4 * 3 + 3)

/* Appends the padded standard form. */
void ly_b64_put(ly_buf *out, const void *bytes, size_t n);
/* dst needs LY_B64_DECODED_MAX(text.len). false on a foreign character, white space included, on an
 * impossible length and on leftover bits that are not zero; *ret_len is untouched then. */
LY_MUST_USE bool ly_b64_decode(ly_str text, void *dst, size_t *ret_len);

#endif
