/* A recorded model call as a curl line, in its provider's own form. */
#ifndef LY_VIEWER_CURL_H
#define LY_VIEWER_CURL_H

#include "store/store.h"

/* Appends the command, which a POSIX shell takes as it stands; the key is a variable such as
 * $OPENAI_API_KEY, never a value. The arena holds copies until the caller resets it. LY_E_INVALID for a
 * span that is no generation, or one without recorded messages. */
LY_MUST_USE ly_status ly_viewer_curl(const ly_span_full *full, const ly_messages *messages,
                                     ly_arena *arena, ly_buf *out, ly_err *err);

#endif
