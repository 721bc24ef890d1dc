/* Inside core/llm: how keys are sent. */
#ifndef LY_LLM_LLM_I_H
#define LY_LLM_LLM_I_H

#include "llm/llm.h"

typedef enum ly_llm_auth {
    LY_AUTH_NONE,
    LY_AUTH_BEARER,    /* Authorization: Bearer KEY */
    LY_AUTH_ANTHROPIC, /* x-api-key and anthropic-version */
    LY_AUTH_GOOGLE,    /* x-goog-api-key */
    LY_AUTH_AZURE,     /* api-key */
    LY_AUTH_AWS        /* a bearer token, or a signature by AWS_ACCESS_KEY_ID and its secret */
} ly_llm_auth;

/* AWS_REGION, AWS_DEFAULT_REGION, else us-east-1. */
const char *ly_llm_aws_region(void);
/* The key from the environment, or NULL. Never log it. */
const char *ly_llm_model_key(const ly_llm_model *model);

#endif
