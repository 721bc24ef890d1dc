/* Inside core/llm: how keys are sent. */
#ifndef LY_LLM_LLM_I_H
#define LY_LLM_LLM_I_H

#include "llm/llm.h"

typedef enum ly_llm_auth {
    LY_AUTH_NONE,
    LY_AUTH_BEARER,    /* Authorization: Bearer KEY */
    LY_AUTH_ANTHROPIC, /* x-api-key and anthropic-version */
    LY_AUTH_GOOGLE,    /* x-goog-api-key */
    LY_AUTH_AZURE      /* api-key */
} ly_llm_auth;

/* The key from the environment, or NULL. Never log it. */
const char *ly_llm_model_key(const ly_llm_model *model);

#endif
