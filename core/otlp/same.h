/*
 * Do two encodings say the same span?
 *
 * A client that sends again may encode anew: other field order, defaults written out or not, JSON the first
 * time and protobuf the second, attributes in another order (they are a set by key). None of this is
 * another record. What one of the two has more, unknown fields too, is.
 */
#ifndef LY_OTLP_SAME_H
#define LY_OTLP_SAME_H

#include "base/arena.h"
#include "base/str.h"
#include "otlp/schema.h"

/* The one form of all encodings that say the same, of a message that the decoder took; LY_STR_NONE when
 * memory is out. For comparing and hashing alone: it is not what came in. Memory is `scratch`. */
ly_str ly_otlp_canon(const ly_message_desc *desc, ly_str wire, ly_arena *scratch);

/* Both are messages that the decoder took. False also when memory is out. Memory is `scratch`. */
bool ly_otlp_same_span(ly_str a, ly_str b, ly_arena *scratch);

#endif
