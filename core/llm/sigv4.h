/*
 * AWS Signature Version 4 over one request, for Bedrock. Own code because libcurl before 8.14 signs a path
 * as it is sent, while the rule is to encode it once more: model ids hold ':' and '/'. Vectors:
 * reference/judges-and-statistics.md §3.5. Pure; keys are the caller's to wipe.
 */
#ifndef LY_LLM_SIGV4_H
#define LY_LLM_SIGV4_H

#include "base/buf.h"

typedef struct ly_sigv4 {
    const char *method;  /* "POST" */
    ly_str path;         /* as it goes over the wire, percent-encoded once */
    ly_str host;         /* with the port where the URL has one */
    ly_str content_type; /* empty = not signed */
    ly_str body;
    const char *region, *service;
    const char *key_id, *secret;
    const char *token; /* session token, NULL or "" = none */
    char date[17];     /* 20250101T000000Z */
} ly_sigv4;

typedef struct ly_sigv4_signed {
    char canonical[65]; /* SHA-256 of the canonical request, hex */
    char key[65];       /* signing key, hex: for tests; wipe it */
    char signature[65];
} ly_sigv4_signed;

/* `authorization` gets the header's value. */
LY_MUST_USE ly_status ly_sigv4_sign(const ly_sigv4 *in, ly_buf *authorization, ly_sigv4_signed *ret,
                                    ly_err *err);
/* The date form of a wall clock. */
void ly_sigv4_date(int64_t wall_ns, char ret[17]);

#endif
