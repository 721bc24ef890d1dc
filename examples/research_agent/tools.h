/* The agent's two tools. Each returns a JSON text in `out`, or false with the error there. */
#ifndef RESEARCH_TOOLS_H
#define RESEARCH_TOOLS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct tools {
    const char *folder; /* where alloys.csv is */
    char *index;        /* names of the alloys with their line offsets; built on demand */
} tools;

/* What the model is told about them (the OpenAI form). The caller deletes it. */
cJSON *tools_definitions(void);
/* Runs one. A failure that may pass when tried again sets *may_retry, after having mended its cause. */
bool tools_run(tools *t, const char *name, const char *arguments, char *out, size_t out_size,
               bool *may_retry);
void tools_release(tools *t);

#endif
