/*
 * Attribute keys that more than one file of the tracer knows. Source: otlp-and-genai-conventions §2.4.
 */
#ifndef LY_TRACER_KEYS_H
#define LY_TRACER_KEYS_H

#include "base/str.h"

#define LY_K_OPERATION     "gen_ai.operation.name"
#define LY_K_PROVIDER      "gen_ai.provider.name"
#define LY_K_REQUEST_MODEL "gen_ai.request.model"
#define LY_K_RESPONSE_ID   "gen_ai.response.id"
#define LY_K_FIRST_CHUNK   "gen_ai.response.time_to_first_chunk"
#define LY_K_FINISH        "gen_ai.response.finish_reasons"
#define LY_K_INPUT         "gen_ai.input.messages"
#define LY_K_OUTPUT        "gen_ai.output.messages"
#define LY_K_SYSTEM        "gen_ai.system_instructions"
#define LY_K_TOOLS         "gen_ai.tool.definitions"
#define LY_K_DOCUMENTS     "gen_ai.retrieval.documents"
#define LY_K_CONVERSATION  "gen_ai.conversation.id"
#define LY_K_SESSION       "session.id"
#define LY_K_USER          "user.id"
#define LY_K_TAGS          "tag.tags"
#define LY_K_ERROR_TYPE    "error.type"
#define LY_K_TYPE          "lydite.span.type"
#define LY_K_ORIGIN        "lydite.origin"
#define LY_K_PENDING       "lydite.span.pending"
#define LY_K_WITHHELD      "lydite.content.withheld"

/* keys.c: one copy of each distinct key for the life of the process; NULL when the table is full (4096
 * keys) or memory is out. Any thread. */
const char *ly_key_intern(ly_str key);
/* keys.c: locks and unlocks around fork, and anew in the child. */
void ly_key_fork_lock(void);
void ly_key_fork_unlock(void);
void ly_key_after_fork(void);

#endif
