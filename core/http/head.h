/*
 * What the headers of one reply say: when to come back, how much of a quota is left, which request it was.
 * Knows the names that OpenAI, Azure, Anthropic, Mistral and their imitators use; decides nothing (http.c
 * does) and touches no network, so tests hand it lines.
 */
#ifndef LY_HTTP_HEAD_H
#define LY_HTTP_HEAD_H

#include "base/str.h"

/* Numbers are -1 where no header said them. */
typedef struct ly_reply_head {
    char content_type[128], request_id[128];
    int64_t retry_after_ms;
    int should_retry; /* 0 or 1 as the server asked */
    int64_t left_requests, left_tokens, reset_requests_ms, reset_tokens_ms;
} ly_reply_head;

void ly_reply_head_clear(ly_reply_head *head);
/* One header line, "Name: value" with or without its line end; others than the known ones change nothing.
 * retry-after-ms wins over retry-after; of several kinds of tokens the scarcest counts, and the latest
 * reset. */
void ly_reply_head_line(ly_reply_head *head, ly_str line);

#endif
