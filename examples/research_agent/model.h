/*
 * A chat client for any OpenAI-compatible endpoint, as an agent author would write one: libcurl,
 * cJSON, streaming, and one generation span per call.
 */
#ifndef RESEARCH_MODEL_H
#define RESEARCH_MODEL_H

#include <cjson/cJSON.h>
#include <lydite/tracer.h>
#include <stdbool.h>

typedef struct model {
    const char *base_url; /* "https://api.openai.com/v1" */
    const char *api_key;  /* may be NULL */
    const char *name;     /* the model asked for */
    lydite_tracer *tracer;
} model;

/* What came back; release with model_reply_release. */
typedef struct model_reply {
    char *text;        /* "" when the model only called tools */
    cJSON *tool_calls; /* array of {id, type, function{name, arguments}}, or NULL */
    char error[200];   /* "" = fine */
} model_reply;

/* Sends the messages (an array in the OpenAI form; borrowed) and reads the streamed reply. tools may be
 * NULL. Two attempts where the endpoint is overloaded. false: reply->error says why. */
bool model_chat(model *m, const cJSON *messages, const cJSON *tools, model_reply *reply);
void model_reply_release(model_reply *reply);

#endif
