/* What the stand-in says: texts it computes from the prompt, and the wire form of replies. */
#ifndef MODEL_SERVER_ANSWER_H
#define MODEL_SERVER_ANSWER_H

#include "rules.h"

/* All message texts of a request, each followed by a line feed; the caller frees it. Counts tool
 * messages. */
char *answer_all_text(const cJSON *request, int *ret_tool_messages);
/* The text a rule gives; the caller frees it. */
char *answer_text(const rule *one, const cJSON *request, const char *all);
/* A whole chat completion, or its event stream; the caller frees it. */
char *answer_chat(const rules *r, const rule *one, const cJSON *request, const char *all,
                  long number);
char *answer_stream(const rules *r, const rule *one, const cJSON *request, const char *all,
                    long number);
char *answer_embeddings(const rules *r, const cJSON *request);
/* An error body in OpenAI's form. */
char *answer_error(const rule *one, int status);

#endif
